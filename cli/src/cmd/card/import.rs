//! `colophon card import`

use std::path::{Path, PathBuf};

use ledger::Code;
use ledger::ids::RecordId;
use ledger::record::import::hugging_face::{self, CardKind};
use ledger::record::import::{Imported, MAX_DOCUMENT, croissant, dpi, sentence_transformers, wheel};
use ledger::record::kinds::{Licensed, Relation};
use ledger::record::statement::Subject;
use serde_json::{Value, json};

use crate::artifact;
use crate::cmd::record::sign::is_many;
use crate::draft::{Defaults, Draft, Payload, subjects_from_arg};
use crate::failure::{At, CliError, Result};
use crate::files;
use crate::output::{Answer, json_list};
use crate::session::Session;

/// The training files of a sentence-transformers model.
const SOURCES: &str = "data_config.json";

/// Make statements from documents that exist already
///
/// Reads a Hugging Face README.md, a model's folder (card, licence, the training files of data_config.json, and the root
/// over all files), a Croissant description, a data_config.json, or the METADATA of a Python wheel. The statements are
/// unsigned; `colophon record sign` signs them, `colophon record submit --batch` sends them.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  colophon card import all-MiniLM-L6-v2/ --issuer example-lab --out statements.ndjson\n  colophon card import croissant.json --issuer example-lab\n  colophon card import METADATA --subject record:<id of the card> --issuer example-packages"
)]
pub(crate) struct Args {
    /// Documents, or folders of models
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    wanted: WantedArgs,
    /// The party that speaks [env: COLOPHON_ISSUER]
    #[arg(long, value_name = "ID")]
    issuer: Option<String>,
    /// The party's name for people [env: COLOPHON_ISSUER_NAME]
    #[arg(long, value_name = "NAME")]
    issuer_name: Option<String>,
    /// When, as 2026-03-01T12:00:00Z; now without it
    #[arg(long, value_name = "TIME")]
    issued: Option<String>,
    /// Where to write: a file for all (.ndjson, one statement a line), or a folder for a file each; standard output
    /// without it
    #[arg(short, long, value_name = "PATH")]
    out: Option<PathBuf>,
}

/// What is to be made of a document, on the command line.
#[derive(Debug, Clone, clap::Args)]
struct WantedArgs {
    /// Take a card for that of a model or of a dataset, where its metadata leave it open
    #[arg(long, value_enum, value_name = "KIND")]
    kind: Option<KindArg>,
    /// What the statements are about, in the place of the document itself: a file, a folder, record:<id>, NAME=<sha256>
    #[arg(long, value_name = "SUBJECT")]
    subject: Option<String>,
    /// What the model did with the files of data_config.json: trainedOn, pretrainedOn, finetunedOn or testedOn
    #[arg(long, value_name = "RELATION", default_value = "finetunedOn", value_parser = relation)]
    relation: Relation,
    /// Leave out the license claim that a card makes
    #[arg(long)]
    no_claims: bool,
    /// Leave out the training sources of a model's folder
    #[arg(long)]
    no_sources: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum KindArg {
    Model,
    Dataset,
}

fn relation(text: &str) -> std::result::Result<Relation, String> {
    serde_json::from_value(json!(text)).map_err(|_| "expected trainedOn, pretrainedOn, finetunedOn or testedOn".into())
}

/// What is to be made of a document.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// Model or dataset, where the card leaves it open.
    pub(crate) kind: Option<CardKind>,
    /// What the statements are about.
    pub(crate) subjects: Vec<Subject>,
    /// What the model did with its sources.
    pub(crate) relation: Relation,
    /// Whether to make the license claim of a card.
    pub(crate) claims: bool,
    /// Whether to make the sources of a model's folder.
    pub(crate) sources: bool,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let wanted = args.wanted.resolve(session)?;
    let configured = session.config.issuer_name.as_ref().map(|name| name.value.clone());
    let defaults = Defaults {
        issuer: session.issuer(args.issuer.as_deref())?,
        issuer_name: args.issuer_name.clone().or(configured),
        issued: match &args.issued {
            Some(text) => text.parse().map_err(|error| CliError::usage(format!("{error}"))).at("--issued")?,
            None => session.timestamp()?,
        },
        nonce: false,
    };
    let mut made = Vec::new();
    for path in &args.paths {
        made.extend(statements(path, &wanted, &defaults, session).at(path.display())?);
    }
    write(&made, args.out.as_deref())
}

impl WantedArgs {
    fn resolve(&self, session: &Session) -> Result<Wanted> {
        Ok(Wanted {
            kind: self.kind.map(|kind| match kind {
                KindArg::Model => CardKind::Model,
                KindArg::Dataset => CardKind::Dataset,
            }),
            subjects: match &self.subject {
                Some(text) => subjects_from_arg(text, session.out)?,
                None => Vec::new(),
            },
            relation: self.relation,
            claims: !self.no_claims,
            sources: !self.no_sources,
        })
    }
}

/// A statement that was made, and of which kind it is.
pub(crate) struct Made {
    pub(crate) kind: String,
    pub(crate) payload: Payload,
}

/// Everything that a path holds, in an order in which each statement only names earlier ones.
pub(crate) fn statements(path: &Path, wanted: &Wanted, defaults: &Defaults, session: &Session) -> Result<Vec<Made>> {
    if path.is_dir() {
        return folder(path, wanted, defaults, session);
    }
    let name = files::name_of(path);
    let bytes = files::read(path, MAX_DOCUMENT)?;
    match what(&name, &bytes) {
        What::Card => card(&bytes, &name, wanted, defaults),
        What::Nothing => Err(CliError::usage("this JSON is neither an object nor a list, so it describes nothing")
            .hint("Name a README.md, a Croissant description, or the model's folder.")),
        What::Croissant => {
            let imported = croissant::import(&bytes, &name)?;
            let imported = match wanted.subjects.as_slice() {
                [] => imported,
                subjects => imported.about(subjects.to_vec()),
            };
            Ok(vec![complete(imported, defaults)?])
        }
        What::Claims => claims(&bytes, wanted, defaults),
        What::Sources => {
            let model = wanted.subjects.first().and_then(Subject::record_id).ok_or_else(|| {
                CliError::usage("training sources are about the record of a model card")
                    .hint("Pass --subject record:<id>, or import the model's folder.")
            })?;
            sources(&bytes, None, model, wanted, defaults)
        }
        What::Wheel => {
            if wanted.subjects.is_empty() {
                return Err(CliError::usage("a wheel's licence is a claim about something")
                    .hint("Pass --subject record:<id of the card>, or the file that is licensed."));
            }
            let imported = wheel::import(&bytes, &name, Licensed::Weights, wanted.subjects.clone())?;
            Ok(vec![complete(imported, defaults)?])
        }
    }
}

enum What {
    /// JSON that describes nothing.
    Nothing,
    Card,
    Croissant,
    Claims,
    Sources,
    Wheel,
}

/// How the names of statements end.
const STATEMENT_ENDING: &str = ".statement.json";

/// What a document is, by its name and its first bytes.
fn what(name: &str, bytes: &[u8]) -> What {
    let starts = |with: &str| bytes.trim_ascii_start().starts_with(with.as_bytes());
    if starts("Metadata-Version:") {
        What::Wheel
    } else if name == SOURCES || starts("[") {
        What::Sources
    } else if starts("{") && name.ends_with(".jsonl") {
        What::Claims
    } else if starts("{") {
        What::Croissant
    } else if [".json", ".jsonl", ".ndjson"].iter().any(|end| name.ends_with(end)) {
        What::Nothing
    } else {
        What::Card
    }
}

/// A model's folder: its card about the root over its files, then what is said about that card.
fn folder(path: &Path, wanted: &Wanted, defaults: &Defaults, session: &Session) -> Result<Vec<Made>> {
    let readme = path.join("README.md");
    if !readme.is_file() {
        return Err(CliError::new(Code::NotFound, "there is no README.md in this folder")
            .hint("Name the documents one by one, or write the card first: `colophon record new model-card`."));
    }
    let card_bytes = files::read(&readme, MAX_DOCUMENT)?;
    let subjects = match wanted.subjects.as_slice() {
        [] => artifact::measure(path, session.out)?.subjects(),
        subjects => subjects.to_vec(),
    };
    let here = Wanted { kind: wanted.kind.or(Some(CardKind::Model)), subjects, ..wanted.clone() };
    let mut made = card(&card_bytes, "README.md", &here, defaults)?;
    let config = path.join(SOURCES);
    if wanted.sources && config.is_file() {
        let Some(model) = made.first().map(|made| made.payload.id) else { return Ok(made) };
        let config = files::read(&config, MAX_DOCUMENT)?;
        made.extend(sources(&config, Some(&card_bytes), model, wanted, defaults).at(SOURCES)?);
    }
    Ok(made)
}

fn card(bytes: &[u8], name: &str, wanted: &Wanted, defaults: &Defaults) -> Result<Vec<Made>> {
    let mut imported = hugging_face::import(bytes, name, wanted.kind)?;
    let of = match imported.kind {
        ledger::record::kind::Kind::DatasetCard => Licensed::Data,
        _ => Licensed::Weights,
    };
    if !wanted.subjects.is_empty() {
        imported = imported.about(wanted.subjects.clone());
    }
    let mut made = vec![complete(imported, defaults)?];
    let about = made.iter().map(|made| Subject::record(made.payload.id)).collect();
    if wanted.claims
        && let Some(claim) = hugging_face::license_claim(bytes, name, of, about)?
    {
        made.push(complete(claim, defaults)?);
    }
    Ok(made)
}

/// Datasets of the Data Provenance Initiative, a line each: the card, and what each claimant says about its licence.
fn claims(bytes: &[u8], wanted: &Wanted, defaults: &Defaults) -> Result<Vec<Made>> {
    let mut made = Vec::new();
    for row in dpi::import(bytes)? {
        let card = complete(row.card, defaults)?;
        let about = vec![Subject::record(card.payload.id)];
        made.push(card);
        for claim in row.claims.into_iter().filter(|_| wanted.claims) {
            made.push(complete(claim.about(about.clone()), defaults)?);
        }
    }
    Ok(made)
}

fn sources(
    config: &[u8],
    card: Option<&[u8]>,
    model: RecordId,
    wanted: &Wanted,
    defaults: &Defaults,
) -> Result<Vec<Made>> {
    let imported = sentence_transformers::import(config, card, model, wanted.relation)?;
    imported.into_iter().map(|imported| complete(imported, defaults)).collect()
}

fn complete(imported: Imported, defaults: &Defaults) -> Result<Made> {
    let Imported { kind, subjects, predicate } = imported;
    let name = kind.as_str().to_owned();
    Ok(Made { kind: name, payload: Draft { kind, subjects, predicate }.complete(defaults)? })
}

fn write(made: &[Made], out: Option<&Path>) -> Result<Answer> {
    let mut lines = Vec::new();
    for made in made {
        lines.extend_from_slice(&made.payload.bytes);
        lines.push(b'\n');
    }
    let items = |file: &dyn Fn(usize, &Made) -> Value| -> Vec<Value> {
        let each = made.iter().enumerate();
        each.map(|(i, made)| json!({ "kind": made.kind, "record": made.payload.id, "file": file(i, made) })).collect()
    };
    let summary = summary(made);
    match out {
        None => {
            let with_statement = made
                .iter()
                .map(|made| {
                    json!({ "kind": made.kind, "record": made.payload.id,
                    "statement": String::from_utf8_lossy(&made.payload.bytes) })
                })
                .collect();
            Ok(Answer::document(lines, json_list("statements", with_statement)))
        }
        Some(file) if is_many(file) => {
            files::write(file, &lines)?;
            let text = format!("{summary}: {}", file.display());
            Ok(Answer::new(text, json_list("statements", items(&|_, _| files::to_json(file)))))
        }
        Some(folder) => {
            files::make_dir(folder)?;
            let path = |i: usize, made: &Made| folder.join(format!("{:04}-{}{STATEMENT_ENDING}", i + 1, made.kind));
            let written: Vec<PathBuf> = made.iter().enumerate().map(|(i, made)| path(i, made)).collect();
            others(folder, &written)?;
            for (i, made) in made.iter().enumerate() {
                files::write(&path(i, made), &made.payload.bytes)?;
            }
            let text = format!("{summary}: {}", folder.display());
            Ok(Answer::new(text, json_list("statements", items(&|i, made| files::to_json(&path(i, made))))))
        }
    }
}

/// Refuses a folder that holds statements of another import: whoever signs all that is in it would sign those as well.
fn others(folder: &Path, written: &[PathBuf]) -> Result<()> {
    let read = |source| CliError::io(folder, "read", source);
    for entry in std::fs::read_dir(folder).map_err(read)? {
        let path = entry.map_err(read)?.path();
        if path.to_string_lossy().ends_with(STATEMENT_ENDING) && !written.contains(&path) {
            return Err(CliError::usage("the folder holds a statement that this import did not make")
                .at(path.display().to_string())
                .hint("Name another folder, or remove it."));
        }
    }
    Ok(())
}

/// `1 model-card, 1 license-claim, 290 training-source`
fn summary(made: &[Made]) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for made in made {
        match counts.iter_mut().find(|(kind, _)| *kind == made.kind) {
            Some((_, count)) => *count += 1,
            None => counts.push((&made.kind, 1)),
        }
    }
    counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect::<Vec<_>>().join(", ")
}
