//! `colophon record correct`

use ledger::ids::RecordId;
use ledger::record::kind::Kind;
use serde_json::json;

use crate::failure::Result;
use crate::output::Answer;
use crate::saying::{SayArgs, needs, record_id, set};
use crate::session::Session;

/// Say what is wrong in a record
///
/// The record stays as it was signed and is shown with the correction. Its own issuer corrects it; what others have to
/// object is a dispute.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  colophon record correct record:<id> --pointer /summary --reason \"The period is two years, not three.\" --issuer example-lab --key lab"
)]
pub(crate) struct Args {
    /// The record that is corrected
    #[arg(value_name = "RECORD", value_parser = record_id)]
    record: RecordId,
    /// What in it is wrong, as a JSON pointer into its predicate; may be repeated
    #[arg(long = "pointer", value_name = "POINTER")]
    pointers: Vec<String>,
    /// What is wrong, and how it should be read
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// The record that says it right
    #[arg(long, value_name = "RECORD", value_parser = record_id)]
    replacement: Option<RecordId>,
    /// The comment that is answered by it; may be repeated
    #[arg(long = "answers", value_name = "RECORD", value_parser = record_id)]
    answers: Vec<RecordId>,
    #[command(flatten)]
    say: SayArgs,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let mut draft = args.say.members(&Kind::Correction, session)?;
    set(&mut draft, "target", Some(args.record.to_reference()));
    set(&mut draft, "pointers", (!args.pointers.is_empty()).then(|| json!(args.pointers)));
    set(&mut draft, "reason", args.reason.clone());
    set(&mut draft, "replacement", args.replacement.map(|id| id.to_reference()));
    let answers: Vec<String> = args.answers.iter().map(|id| id.to_reference()).collect();
    set(&mut draft, "answers", (!answers.is_empty()).then(|| json!(answers)));
    needs(&draft, "pointers", "--pointer POINTER, as /summary")?;
    needs(&draft, "reason", "--reason TEXT")?;
    args.say.say(draft, "correction", session)
}
