//! `colophon preference respond`

use ledger::ids::RecordId;
use ledger::record::kind::Kind;
use ledger::record::kinds::ResponseStatus;
use ledger::record::terms::Timestamp;
use serde_json::json;

use crate::failure::Result;
use crate::output::Answer;
use crate::saying::{SayArgs, moment, needs, record_id, set, word};
use crate::session::Session;

/// Answer a preference
///
/// The clock runs from the moment the log received the preference; `received` says that it was read and by when the answer
/// comes, every other status stops the clock. What was or was not used is a claim that others hold against manifests.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  colophon preference respond record:<id> --status honoured --from-version 2.0 --issuer example-ai --key lab --log https://log.example.org"
)]
pub(crate) struct Args {
    /// The preference
    #[arg(value_name = "RECORD", value_parser = record_id)]
    record: RecordId,
    /// received, honoured, partly or declined
    #[arg(long, value_name = "STATUS", value_parser = status)]
    status: Option<ResponseStatus>,
    /// The first version for which it is kept
    #[arg(long, value_name = "VERSION")]
    from_version: Option<String>,
    /// A model or dataset that the content was not used for; may be repeated
    #[arg(long = "not-used-for", value_name = "RECORD", value_parser = record_id)]
    not_used_for: Vec<RecordId>,
    /// A model or dataset that used it before; may be repeated
    #[arg(long = "already-used-in", value_name = "RECORD", value_parser = record_id)]
    already_used_in: Vec<RecordId>,
    /// By when the final answer comes
    #[arg(long, value_name = "TIME", value_parser = moment)]
    due_by: Option<Timestamp>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    say: SayArgs,
}

fn status(text: &str) -> std::result::Result<ResponseStatus, String> {
    word(text, "received, honoured, partly or declined")
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let mut draft = args.say.members(&Kind::PreferenceResponse, session)?;
    let references = |list: &[RecordId]| {
        let list: Vec<String> = list.iter().map(|id| id.to_reference()).collect();
        (!list.is_empty()).then(|| json!(list))
    };
    set(&mut draft, "preference", Some(args.record.to_reference()));
    set(&mut draft, "status", args.status.map(|status| json!(status)));
    set(&mut draft, "effectiveFromVersion", args.from_version.clone());
    set(&mut draft, "notUsedFor", references(&args.not_used_for));
    set(&mut draft, "alreadyUsedIn", references(&args.already_used_in));
    set(&mut draft, "dueBy", args.due_by.as_ref().map(|due| json!(due)));
    set(&mut draft, "reason", args.reason.clone());
    needs(&draft, "status", "--status received, honoured, partly or declined")?;
    if args.status == Some(ResponseStatus::Received) {
        needs(&draft, "dueBy", "--due-by TIME: a receipt says by when the answer comes")?;
    }
    args.say.say(draft, "response", session)
}
