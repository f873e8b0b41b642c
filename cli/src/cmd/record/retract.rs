//! `colophon record retract`

use ledger::ids::RecordId;
use ledger::record::kind::Kind;
use ledger::record::kinds::{RedactionAuthority, RedactionReason, RetractionReason};
use serde_json::{Map, json};

use crate::draft::Draft;
use crate::failure::Result;
use crate::output::Answer;
use crate::saying::{SayArgs, record_id, word};
use crate::session::Session;

/// Take a record back
///
/// Its issuer does; the record stays readable and is shown as retracted. Only with --redact, by an operator or the council,
/// the log erases its body: the entry, its proofs and this record of it stay.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  colophon record retract record:<id> --reason error --issuer example-lab --key lab\n  colophon record retract record:<id> --redact personalData --authority operator --issuer example-log --key operator"
)]
pub(crate) struct Args {
    /// The record that is taken back
    #[arg(value_name = "RECORD", value_parser = record_id)]
    record: RecordId,
    /// error, superseded, sentByMistake, keyCompromise or unspecified
    #[arg(long, value_name = "REASON", value_parser = reason, default_value = "unspecified")]
    reason: RetractionReason,
    /// Erase its body, because of: personalData, copyright, illegalContent, secret or other
    #[arg(long, value_name = "REASON", value_parser = redaction, conflicts_with = "reason", requires = "authority")]
    redact: Option<RedactionReason>,
    /// With --redact, on whose word: issuer, operator, council or court
    #[arg(long, value_name = "WHO", value_parser = authority)]
    authority: Option<RedactionAuthority>,
    #[command(flatten)]
    say: SayArgs,
}

fn reason(text: &str) -> std::result::Result<RetractionReason, String> {
    word(text, "error, superseded, sentByMistake, keyCompromise or unspecified")
}

fn redaction(text: &str) -> std::result::Result<RedactionReason, String> {
    word(text, "personalData, copyright, illegalContent, secret or other")
}

fn authority(text: &str) -> std::result::Result<RedactionAuthority, String> {
    word(text, "issuer, operator, council or court")
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let mut predicate = Map::new();
    predicate.insert("target".to_owned(), json!(args.record.to_reference()));
    match (args.redact, args.authority) {
        (Some(reason), Some(authority)) => {
            predicate.insert("reason".to_owned(), json!(RetractionReason::Redacted));
            predicate.insert("redaction".to_owned(), json!({ "reason": reason, "authority": authority }));
        }
        _ => _ = predicate.insert("reason".to_owned(), json!(args.reason)),
    }
    let draft = Draft { kind: Kind::Retraction, subjects: Vec::new(), predicate };
    args.say.say(draft, "retraction", session)
}
