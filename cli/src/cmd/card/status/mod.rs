//! `colophon card status`

mod all;
mod one;

use ledger::ids::{RecordId, SubjectDigest};
use ledger::record::kind::Kind;
use ledger::record::license::compare::Agreement;
use ledger::state::{CardView, Fate};
use serde_json::Value;

use crate::failure::Result;
use crate::follow::View;
use crate::followed::Followed;
use crate::output::{Answer, Mark};
use crate::session::Session;
use crate::source::{LogArgs, Source};
use crate::trust::TrustArgs;

/// See how models and datasets stand: claims about the licence side by side, sources, audits, disputes
///
/// Follows the log from its entries and computes everything again; nothing is taken from the server. With CARD one model or
/// dataset, its versions as one, and what is found about it. Without it every one of the log (USES counts the sources of a model,
/// and the models that used a dataset), and how many stand in each class.
/// Claims stand as `none`, `agree`, `compatible` or `conflict`; each word is defined where it is shown. No claim is
/// preferred and nothing judged: the exit code is 0 unless something could not be checked (20).
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  colophon card status --kind dataset-card --standing conflict --log https://log.example.org\n  colophon card status record:<id of any version> --json\n  colophon card status <SHA-256 of a model's file>"
)]
pub(crate) struct Args {
    /// A card's record id, or the SHA-256 of an artefact: then the newest card that its issuer stands by; all of them without it
    #[arg(value_name = "CARD", value_parser = card)]
    card: Option<SubjectDigest>,
    /// Of this kind only
    #[arg(long, value_name = "KIND")]
    kind: Option<KindArg>,
    /// Only those whose claims stand like this
    #[arg(long, value_name = "WORD", conflicts_with = "card")]
    standing: Option<StandingArg>,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    trust: TrustArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum KindArg {
    ModelCard,
    DatasetCard,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum StandingArg {
    None,
    Agree,
    Compatible,
    Conflict,
}

impl KindArg {
    const fn kind(self) -> Kind {
        match self {
            Self::ModelCard => Kind::ModelCard,
            Self::DatasetCard => Kind::DatasetCard,
        }
    }
}

impl StandingArg {
    const fn agreement(self) -> Agreement {
        match self {
            Self::None => Agreement::None,
            Self::Agree => Agreement::Agree,
            Self::Compatible => Agreement::Compatible,
            Self::Conflict => Agreement::Conflict,
        }
    }
}

fn card(text: &str) -> std::result::Result<SubjectDigest, String> {
    let hex = RecordId::digits(text);
    hex.parse().map_err(|_| "expected the record id of a card or a SHA-256, 64 lower-case hexadecimal digits".into())
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let source = Source::open(&args.log, &args.trust, session)?;
    let view = View::open(session, &source.client, &source.trust)?;
    let log = Followed::to_end(&view, &source.client)?;
    let kinds = match args.kind {
        Some(kind) => vec![kind.kind()],
        None => vec![Kind::ModelCard, Kind::DatasetCard],
    };
    match args.card {
        Some(name) => one::one(&log, name, &kinds, session),
        None => all::all(&log, &kinds, args.standing.map(StandingArg::agreement), session),
    }
}

/// What a card's issuer calls it, in a line; a dataset's name may be a text for each language.
fn name(view: &CardView) -> String {
    match view.name() {
        Some(Value::String(name)) => name,
        None | Some(Value::Null) => "without a name".to_owned(),
        Some(other) => other.to_string(),
    }
}

/// What became of a record, in words; nothing where its issuer stands by it.
fn became(fate: &Fate) -> Vec<String> {
    let mut words = Vec::new();
    words.extend(fate.taken_back_by.map(|by| format!("taken back by entry {by}")));
    words.extend(fate.superseded_by.map(|by| format!("superseded by entry {by}")));
    words.extend(fate.redacted_by.map(|by| format!("redacted by entry {by}")));
    words.extend(fate.corrected_by.iter().map(|by| format!("corrected by entry {by}")));
    words.extend(fate.expired.then(|| "its time is over".to_owned()));
    words
}

const fn mark(agreement: Agreement) -> Mark {
    match agreement {
        Agreement::None => Mark::Open,
        Agreement::Agree => Mark::Good,
        Agreement::Compatible => Mark::Warning,
        Agreement::Conflict => Mark::Bad,
    }
}
