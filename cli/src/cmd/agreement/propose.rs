//! `colophon agreement propose`

use std::path::PathBuf;

use ledger::record::kind::Kind;
use ledger::record::statement::Subject;
use ledger::record::subject_digest;
use serde_json::{Value, json};

use crate::failure::{CliError, Result};
use crate::files;
use crate::output::Answer;
use crate::saying::{SayArgs, needs, set};
use crate::session::Session;

/// The text of an agreement: a long contract in plain text or PDF.
const MAX_TEXT: usize = 64 * 1024 * 1024;

/// Put an agreement forward
///
/// The terms are read by machine (ODRL 2.2: assigner, assignee, target, permission, prohibition, obligation; purposes,
/// retention, validUntil); the text that people sign is a file of its own, of which the record holds the digest. What
/// ratification needs may be added to a later version: a summary, an impact assessment, a rollback plan.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  colophon agreement propose --from mou.yaml --text mou.pdf --issuer example-stewards --key stewards --log https://log.example.org"
)]
pub(crate) struct Args {
    /// The agreement's text, whose SHA-256 is the record's subject
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
    /// Who grants: a party's id
    #[arg(long, value_name = "ID")]
    assigner: Option<String>,
    /// To whom: a party's id
    #[arg(long, value_name = "ID")]
    assignee: Option<String>,
    /// What it is about: an address, or record:<id> of a dataset card; may be repeated
    #[arg(long = "target", value_name = "TARGET")]
    targets: Vec<String>,
    /// What for; may be repeated
    #[arg(long = "purpose", value_name = "WORD")]
    purposes: Vec<String>,
    /// Until when it holds
    #[arg(long, value_name = "TIME", value_parser = crate::saying::moment)]
    until: Option<ledger::record::terms::Timestamp>,
    /// One paragraph for everybody
    #[arg(long, value_name = "TEXT")]
    summary: Option<String>,
    /// How often the assignee is audited, as P3M
    #[arg(long, value_name = "PERIOD")]
    audit_period: Option<String>,
    #[command(flatten)]
    say: SayArgs,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let mut draft = args.say.members(&Kind::Agreement, session)?;
    if let Some(path) = &args.text {
        let digest = subject_digest(&files::read(path, MAX_TEXT)?);
        draft.subjects = vec![Subject::artifact(files::name_of(path), digest)];
    }
    if draft.subjects.is_empty() {
        return Err(CliError::usage("nobody says which text is agreed on").hint("Pass --text FILE."));
    }
    set(&mut draft, "assigner", args.assigner.clone());
    set(&mut draft, "assignee", args.assignee.clone());
    set(&mut draft, "target", (!args.targets.is_empty()).then(|| json!(args.targets)));
    set(&mut draft, "purposes", (!args.purposes.is_empty()).then(|| json!(args.purposes)));
    set(&mut draft, "validUntil", args.until.as_ref().map(|until| json!(until)));
    set(&mut draft, "summary", args.summary.clone());
    set(&mut draft, "auditPeriod", args.audit_period.clone());
    needs(&draft, "assigner", "--assigner ID")?;
    needs(&draft, "assignee", "--assignee ID")?;
    needs(&draft, "target", "--target ADDRESS")?;
    let missing = ["summary", "impactAssessment", "rollbackPlan"];
    let missing: Vec<&str> = missing.into_iter().filter(|name| is_empty(draft.predicate.get(*name))).collect();
    if !missing.is_empty() {
        session.out.warn(&format!("it cannot be ratified without {}", missing.join(", ")));
    }
    args.say.say(draft, "agreement", session)
}

fn is_empty(value: Option<&Value>) -> bool {
    match value {
        None => true,
        Some(Value::String(text)) => text.trim().is_empty(),
        Some(_) => false,
    }
}
