//! `colophon agreement veto`

use ledger::ids::RecordId;
use ledger::record::kinds::Phase;

use super::{DecisionArgs, step};
use crate::failure::Result;
use crate::output::Answer;
use crate::saying::{SayArgs, record_id};
use crate::session::Session;

/// Veto an agreement
///
/// The council's threshold signs, from the opening of comments until the days after their close that the policy gives.
///
/// Members who are not in one place sign one after the other: `--statement FILE` writes what is signed, the first signs it with
/// `colophon record sign FILE --key KEY --out SIGNED`, the others with `colophon record sign --add SIGNED --key KEY --out SIGNED`, and
/// the last sends it with `colophon record submit SIGNED`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  colophon agreement veto record:<id> --key council-1 --key council-2 --key council-3 --log https://log.example.org"
)]
pub(crate) struct Args {
    /// The agreement
    #[arg(value_name = "RECORD", value_parser = record_id)]
    record: RecordId,
    #[command(flatten)]
    decision: DecisionArgs,
    #[command(flatten)]
    say: SayArgs,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    step(args.record, Phase::Vetoed, Some(&args.decision), &args.say, session)
}
