//! `colophon dispute resolve`

use ledger::ids::RecordId;
use ledger::record::kind::Kind;
use ledger::record::kinds::Outcome;
use serde_json::json;

use crate::failure::Result;
use crate::output::Answer;
use crate::saying::{SayArgs, needs, record_id, set, word};
use crate::session::Session;

/// Say how a dispute ended, or vouch for what an unvouched key said
///
/// Nobody resolves a dispute about a record of his own. With the outcome `vouched` a steward stands for it that a
/// preference, a comment or a dispute comes from whom it says; nothing is decided about what it says.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  colophon dispute resolve record:<id> --outcome upheld --remedy \"Version 3 is retrained.\" --issuer example-stewards --key stewards\n  colophon dispute resolve record:<preference> --outcome vouched --issuer example-stewards --key stewards"
)]
pub(crate) struct Args {
    /// The dispute, or what is vouched for
    #[arg(value_name = "RECORD", value_parser = record_id)]
    record: RecordId,
    /// upheld, partlyUpheld, rejected, settled, withdrawn or vouched
    #[arg(long, value_name = "OUTCOME", value_parser = outcome)]
    outcome: Option<Outcome>,
    /// Who decided, in words
    #[arg(long, value_name = "TEXT")]
    decided_by: Option<String>,
    /// What is done about it
    #[arg(long, value_name = "TEXT")]
    remedy: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    say: SayArgs,
}

fn outcome(text: &str) -> std::result::Result<Outcome, String> {
    word(text, "upheld, partlyUpheld, rejected, settled, withdrawn or vouched")
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let mut draft = args.say.members(&Kind::Resolution, session)?;
    set(&mut draft, "target", Some(args.record.to_reference()));
    set(&mut draft, "outcome", args.outcome.map(|outcome| json!(outcome)));
    set(&mut draft, "decidedBy", args.decided_by.clone());
    set(&mut draft, "remedy", args.remedy.clone());
    set(&mut draft, "reason", args.reason.clone());
    needs(&draft, "outcome", "--outcome OUTCOME")?;
    args.say.say(draft, "resolution", session)
}
