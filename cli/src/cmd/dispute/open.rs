//! `colophon dispute open`

use ledger::ids::RecordId;
use ledger::record::kind::Kind;

use crate::failure::Result;
use crate::output::Answer;
use crate::saying::{SayArgs, needs, record_id, set};
use crate::session::Session;

/// Object to a record
///
/// The record stays as it is, and is shown with the dispute until a resolution by somebody else than its issuer closes it.
/// Persons dispute with a key of their own (--unvouched, --fresh-key).
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  colophon dispute open record:<id> --grounds \"The page was opted out before training began.\" --remedy \"Retrain without it.\" --issuer example-stewards --key stewards --log https://log.example.org"
)]
pub(crate) struct Args {
    /// The record that is disputed
    #[arg(value_name = "RECORD", value_parser = record_id)]
    record: RecordId,
    /// On which grounds
    #[arg(long, value_name = "TEXT")]
    grounds: Option<String>,
    /// What would mend it
    #[arg(long, value_name = "TEXT")]
    remedy: Option<String>,
    #[command(flatten)]
    say: SayArgs,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let mut draft = args.say.members(&Kind::Dispute, session)?;
    set(&mut draft, "target", Some(args.record.to_reference()));
    set(&mut draft, "grounds", args.grounds.clone());
    set(&mut draft, "requestedRemedy", args.remedy.clone());
    needs(&draft, "grounds", "--grounds TEXT")?;
    args.say.say(draft, "dispute", session)
}
