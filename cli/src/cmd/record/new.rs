//! `colophon record new`

use std::path::{Path, PathBuf};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use ledger::ids::RecordId;
use ledger::manifest::read_summary;
use ledger::record::kind::Kind;
use ledger::record::kinds::Disclosure;
use serde_json::{Map, json};

use super::write_statement;
use crate::draft::{self, Defaults, Draft, MAX_DRAFT};
use crate::failure::{At, CliError, Result};
use crate::files;
use crate::form;
use crate::output::Answer;
use crate::refusal;
use crate::session::Session;

/// Make a statement from a document in YAML or JSON, or from a form
///
/// Without --from, on a terminal, a form asks for the members that the kind needs. The document holds the members of the predicate, or a whole statement. The issuer, the time and (where the kind
/// determines them) the subjects are added if it does not have them. What is printed are the exact bytes that are signed.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  colophon record new model-card --from card.yaml --subject model/ --issuer example-lab --out card.statement.json"
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) draft: DraftArgs,
    /// Where to write the statement; standard output without it
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// The words of `--disclosure`.
fn disclosure() -> impl TypedValueParser<Value = Disclosure> {
    PossibleValuesParser::new(Disclosure::ALL.map(Disclosure::as_str)).try_map(|word| word.parse::<Disclosure>())
}

/// Where a statement comes from.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct DraftArgs {
    /// What kind of record: model-card, dataset-card, training-source, manifest, license-claim, audit-attestation, party,
    /// party-profile, key-event, log-policy, or any other name
    #[arg(value_name = "KIND")]
    pub(crate) kind: Option<String>,
    /// The document, YAML or JSON; `-` is standard input; for a manifest, the folder that `manifest build` wrote
    /// [default: on a terminal, a form]
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
    /// What the record is about: a file, a model's folder, record:<id> or NAME=<sha256>; may be repeated
    #[arg(long = "subject", value_name = "SUBJECT")]
    pub(crate) subjects: Vec<String>,
    /// The party that speaks [env: COLOPHON_ISSUER]
    #[arg(long, value_name = "ID")]
    pub(crate) issuer: Option<String>,
    /// The party's name for people [env: COLOPHON_ISSUER_NAME]
    #[arg(long, value_name = "NAME")]
    pub(crate) issuer_name: Option<String>,
    /// When, as 2026-03-01T12:00:00Z; now without it
    #[arg(long, value_name = "TIME")]
    pub(crate) issued: Option<String>,
    /// Add random bytes, so that nobody can guess the content from the record's id
    #[arg(long)]
    pub(crate) nonce: bool,
    /// For a manifest, with --from its folder: the dataset's name; the folder's name without it
    #[arg(long, value_name = "NAME")]
    pub(crate) dataset_name: Option<String>,
    /// For a manifest: say less than the builder did. closed: keys are shown only among a thousand others, and what is not
    /// found is unknown; partial: the keyspaces do not hold all of the dataset
    #[arg(long, value_name = "WORD", value_parser = disclosure())]
    pub(crate) disclosure: Option<Disclosure>,
    /// For a manifest: the record of the dataset's card
    #[arg(long, value_name = "ID")]
    pub(crate) dataset_record: Option<String>,
}

/// The kind of this name. Who gives a file in its place is told where files go.
fn named(kind: &str) -> Result<Kind> {
    let file = Path::new(kind);
    let hint = || format!("That is a file: pass it as `--from {}`.", refusal::shell(file));
    Kind::parse(kind).map_err(|error| {
        let error = CliError::from(error);
        if file.exists() { error.hint(hint()) } else { error }
    })
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let payload = args.draft.read(session)?.complete(&args.draft.defaults(session)?).at(args.draft.place())?;
    write_statement(&payload, args.out.as_deref())
}

impl DraftArgs {
    /// Where the draft comes from, for errors.
    pub(crate) fn place(&self) -> String {
        self.from.as_ref().map_or_else(|| "the form".to_owned(), |from| from.display().to_string())
    }

    /// The draft with its subjects.
    pub(crate) fn read(&self, session: &Session) -> Result<Draft> {
        let kind = self.kind.as_deref().map(named).transpose()?;
        let mut draft = match (&self.from, &kind) {
            (Some(from), _) if from.is_dir() => return self.of_manifest(from, kind),
            (Some(from), _) => {
                let bytes = files::read(from, MAX_DRAFT)?;
                Draft::read(&bytes, from, kind.as_ref(), session.out).at(from.display())?
            }
            (None, Some(kind)) if session.out.can_ask() => form::fill(kind, session.out)?,
            (None, _) => {
                return Err(CliError::usage("there is no document, and nobody to ask")
                    .hint("Pass --from FILE; on a terminal, name the kind and a form asks."));
            }
        };
        if !self.subjects.is_empty() {
            let subjects = self.subjects.iter().map(|text| draft::subjects_from_arg(text, session.out));
            draft.subjects = subjects.collect::<Result<Vec<_>>>()?.concat();
        }
        Ok(draft)
    }

    /// The draft of a manifest record, from the folder that `manifest build` wrote.
    fn of_manifest(&self, from: &Path, kind: Option<Kind>) -> Result<Draft> {
        let place = from.display();
        if kind.is_some_and(|kind| kind != Kind::Manifest) {
            return Err(CliError::usage("a folder holds a manifest and nothing else").at(place.to_string()));
        }
        let summary = read_summary(from).at(place)?;
        let name = self.dataset_name.clone().unwrap_or_else(|| files::name_of(from));
        let mut dataset = json!({ "name": name, "digest": { "sha256": summary.source.sha256 } });
        if let Some(text) = &self.dataset_record {
            let id: RecordId = RecordId::digits(text).parse()?;
            dataset["record"] = json!(id.to_reference());
        }
        let mut predicate = Map::new();
        predicate.insert("dataset".to_owned(), dataset);
        let mut rows = summary.keyspaces;
        if let Some(wanted) = self.disclosure {
            // Only less: a builder that left something out has written "partial", and that stays true.
            rows.iter_mut().for_each(|row| row.disclosure = row.disclosure.min(wanted));
        }
        predicate.insert("keyspaces".to_owned(), json!(rows));
        Ok(Draft { kind: Kind::Manifest, subjects: Vec::new(), predicate })
    }

    /// What is added to it.
    pub(crate) fn defaults(&self, session: &Session) -> Result<Defaults> {
        let issued = match &self.issued {
            Some(text) => text.parse().map_err(|error| CliError::usage(format!("{error}"))).at("--issued")?,
            None => session.timestamp()?,
        };
        let configured = session.config.issuer_name.as_ref().map(|name| name.value.clone());
        Ok(Defaults {
            issuer: session.issuer(self.issuer.as_deref())?,
            issuer_name: self.issuer_name.clone().or(configured),
            issued,
            nonce: self.nonce,
        })
    }
}
