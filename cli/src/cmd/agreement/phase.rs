//! `colophon agreement phase`

use ledger::ids::RecordId;
use ledger::record::kinds::Phase;

use super::{DecisionArgs, step};
use crate::failure::Result;
use crate::output::Answer;
use crate::saying::{SayArgs, record_id, word};
use crate::session::Session;

/// Take a step in an agreement's life: open or close comments, review, suspend, resume, end it
///
/// Comments are open for at least as many days as the log's policy says. The council suspends and resumes; it, the assigner
/// and the assignee can end an agreement.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  colophon agreement phase record:<id> commentOpen --issuer example-stewards --key stewards --log https://log.example.org"
)]
pub(crate) struct Args {
    /// The agreement
    #[arg(value_name = "RECORD", value_parser = record_id)]
    record: RecordId,
    /// commentOpen, commentClosed, reviewed, suspended, resumed or terminated
    #[arg(value_name = "PHASE", value_parser = phase)]
    phase: Phase,
    #[command(flatten)]
    decision: DecisionArgs,
    #[command(flatten)]
    say: SayArgs,
}

fn phase(text: &str) -> std::result::Result<Phase, String> {
    const EXPECTED: &str = "commentOpen, commentClosed, reviewed, suspended, resumed or terminated";
    match word::<Phase>(text, EXPECTED)? {
        Phase::Ratified => Err("use `colophon agreement ratify`".into()),
        Phase::Vetoed => Err("use `colophon agreement veto`".into()),
        phase => Ok(phase),
    }
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    step(args.record, args.phase, Some(&args.decision), &args.say, session)
}
