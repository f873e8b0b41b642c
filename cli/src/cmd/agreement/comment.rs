//! `colophon agreement comment`

use ledger::ids::RecordId;
use ledger::record::kind::Kind;
use serde_json::json;

use crate::failure::Result;
use crate::output::Answer;
use crate::saying::{SayArgs, needs, record_id, set};
use crate::session::Session;

/// Comment on an agreement, or on any other record
///
/// Whoever belongs to no party comments with a key of their own (--unvouched, or --fresh-key for a key that is used once);
/// the comment is then shown as unvouched until a steward vouches for it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  colophon agreement comment record:<id> --text \"Clause 4 should name a date.\" --fresh-key --log https://log.example.org"
)]
pub(crate) struct Args {
    /// The record that is commented on
    #[arg(value_name = "RECORD", value_parser = record_id)]
    record: RecordId,
    /// What is said
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// A member that it is about, as /summary; may be repeated
    #[arg(long = "pointer", value_name = "POINTER")]
    pointers: Vec<String>,
    #[command(flatten)]
    say: SayArgs,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let mut draft = args.say.members(&Kind::Comment, session)?;
    set(&mut draft, "target", Some(args.record.to_reference()));
    set(&mut draft, "text", args.text.clone());
    set(&mut draft, "pointers", (!args.pointers.is_empty()).then(|| json!(args.pointers)));
    needs(&draft, "text", "--text TEXT")?;
    args.say.say(draft, "comment", session)
}
