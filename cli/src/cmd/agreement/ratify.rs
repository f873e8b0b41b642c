//! `colophon agreement ratify`

use ledger::ids::RecordId;
use ledger::record::kinds::Phase;

use super::{DecisionArgs, step};
use crate::failure::Result;
use crate::output::Answer;
use crate::saying::{SayArgs, record_id};
use crate::session::Session;

/// Ratify an agreement
///
/// The council's threshold signs, after comments were open for as long as the policy says and were closed; the agreement needs a
/// summary, an impact assessment and a rollback plan.
///
/// Members who are not in one place sign one after the other: `--statement FILE` writes what is signed, the first signs it with
/// `colophon record sign FILE --key KEY --out SIGNED`, the others with `colophon record sign --add SIGNED --key KEY --out SIGNED`, and
/// the last sends it with `colophon record submit SIGNED`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  colophon agreement ratify record:<id> --key council-1 --key council-2 --key council-3 --log https://log.example.org"
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
    step(args.record, Phase::Ratified, Some(&args.decision), &args.say, session)
}
