//! `colophon findings`

use ledger::ids::RecordId;
use ledger::record::terms::moment;
use ledger::state::findings::{self, Asked, Finding};
use ledger::state::{AgreementView, CardView};
use serde_json::{Value, json};

use crate::failure::{CliError, Result};
use crate::follow::View;
use crate::followed::{Followed, failed, finding_text};
use crate::output::Answer;
use crate::saying::record_id;
use crate::session::Session;
use crate::source::{LogArgs, Source};
use crate::trust::TrustArgs;

/// Show what does not fit together: uses after an opt-out, overdue audits and answers, conflicting licences
///
/// Computed here from the log's entries, and judged by nobody. Each finding names the entries that it follows from; where it
/// rests on the contents of a dataset, the membership is proven against the manifest's signed root. A finding is an answer,
/// not a failure: the exit code is 0 unless something could not be checked (20).
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  colophon findings --log https://log.example.org\n  colophon findings record:<id of a card, a source, a manifest, an agreement or a preference> --json"
)]
pub(crate) struct Args {
    /// About this record only
    #[arg(value_name = "RECORD", value_parser = record_id)]
    record: Option<RecordId>,
    /// Only those of this rule, as used_after_opt_out; may be repeated
    #[arg(long = "rule", value_name = "RULE")]
    rules: Vec<String>,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    trust: TrustArgs,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let known = findings::Rule::ALL.map(findings::Rule::as_str);
    if let Some(unknown) = args.rules.iter().find(|rule| !known.contains(&rule.as_str())) {
        return Err(
            CliError::usage(format!("there is no rule {unknown:?}")).hint(format!("Rules: {}.", known.join(", ")))
        );
    }
    let source = Source::open(&args.log, &args.trust, session)?;
    let view = View::open(session, &source.client, &source.trust)?;
    let log = Followed::to_end(&view, &source.client)?;
    let (found, memberships) = log.findings(session, |asked| match args.record {
        Some(id) => about(asked, id),
        None => {
            log.read_all_ahead().map_err(failed)?;
            findings::all(asked)
        }
    })?;
    let wanted =
        |finding: &&Finding| args.rules.is_empty() || args.rules.iter().any(|rule| rule == finding.rule.as_str());
    let found: Vec<&Finding> = found.iter().filter(wanted).collect();
    let mut text = String::new();
    found.iter().for_each(|finding| text.push_str(&format!("{}\n", finding_text(finding))));
    text.push_str(&format!("{} found. {}\n", found.len(), log.freshness()));
    let mut json = json!({
        "now": moment(session.now()),
        "log": log.origin(),
        "count": found.len(),
        "findings": found.iter().map(|finding| finding.to_json(&moment)).collect::<Vec<Value>>(),
    });
    let exit = memberships.say_unchecked(&mut text, &mut json);
    Ok(Answer::new(text, json).with_exit(exit))
}

/// What is found about one record, by its kind.
fn about(asked: &Asked<'_>, id: RecordId) -> ledger::Result<Vec<Finding>> {
    if let Some(view) = CardView::of(asked.records, asked.state, id, asked.now)? {
        return findings::about_card(asked, &view);
    }
    if let Some(view) = AgreementView::of(asked, id)? {
        return Ok(view.findings);
    }
    if asked.state.preference(&id).is_some() {
        return findings::of_preference(asked, id);
    }
    let Some(item) = asked.records.first(id)? else {
        return Err(ledger::Error::new(ledger::Code::NotFound, format!("no record {id} in this log")));
    };
    let mut found = findings::of_source(asked, &item)?;
    if item.header.kind == ledger::record::kind::Kind::Manifest.as_str() {
        found.extend(findings::of_manifest(asked, &item)?);
    }
    Ok(found)
}
