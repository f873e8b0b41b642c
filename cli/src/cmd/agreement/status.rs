//! `colophon agreement status`

use ledger::ids::{RecordId, UnixMillis};
use ledger::record::terms::moment;
use ledger::state::{AgreementView, Status};
use serde_json::{Value, json};

use crate::failure::{CliError, Result};
use crate::follow::View;
use crate::followed::{Followed, finding_text};
use crate::output::{Answer, Mark, clipped, short, shown};
use crate::saying::record_id;
use crate::screen::time;
use crate::session::Session;
use crate::source::{LogArgs, Source};
use crate::trust::TrustArgs;

/// See where agreements stand, and why
///
/// Follows the log from its entries and folds them; nothing is taken from the server. Without a record every agreement of
/// the log is listed. Whether something is in time is a matter of when the log received it, never of what a record says
/// about itself.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  colophon agreement status --log https://log.example.org\n  colophon agreement status record:<id> --json"
)]
pub(crate) struct Args {
    /// The agreement; all of them without it
    #[arg(value_name = "RECORD", value_parser = record_id)]
    record: Option<RecordId>,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    trust: TrustArgs,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let source = Source::open(&args.log, &args.trust, session)?;
    let view = View::open(session, &source.client, &source.trust)?;
    let log = Followed::to_end(&view, &source.client)?;
    let now = session.now();
    match args.record {
        Some(id) => one(&log, id, now, session),
        None => Ok(all(&log, now, session)),
    }
}

fn one(log: &Followed<'_>, id: RecordId, now: UnixMillis, session: &Session) -> Result<Answer> {
    let (found, memberships) = log.findings(session, |asked| AgreementView::of(asked, id))?;
    let Some(found) = found else {
        return Err(CliError::new(ledger::Code::NotFound, "no agreement of this log has this record id")
            .at(id.to_reference())
            .hint("`colophon agreement status` lists them all."));
    };
    let mut json = found.to_json(&moment);
    json["now"] = json!(moment(now));
    json["log"] = log.origin();
    let mut text = text(&found, log, now, session);
    let exit = memberships.say_unchecked(&mut text, &mut json);
    Ok(Answer::new(text, json).with_exit(exit))
}

fn text(view: &AgreementView, log: &Followed<'_>, now: UnixMillis, session: &Session) -> String {
    let out = session.out;
    let mut text = format!("{} {}\n", out.mark(mark(view.status)), out.paint(mark(view.status), view.status.as_str()));
    let mut row = |name: &str, value: String| text.push_str(&format!("  {name:<12} {value}\n"));
    row("agreement", format!("entry {}, record {}", view.proposal.index, view.id));
    match &view.state.terms {
        Some(terms) => {
            row("between", format!("{} grants, {} receives", shown(&terms.assigner), shown(&terms.assignee)));
            row("about", clipped(&terms.targets.join(", "), 100));
            row(
                "for",
                if terms.purposes.is_empty() { "any purpose".into() } else { shown(&terms.purposes.join(", ")) },
            );
            if !terms.prohibited.is_empty() {
                row("never", shown(&terms.prohibited.join(", ")));
            }
            if !terms.lacks.is_empty() {
                row("lacks", terms.lacks.join(", "));
            }
        }
        None => row("terms", "redacted: what it said is gone, its steps stay".into()),
    }
    if let Some(opened) = view.comments_opened {
        let until = view.comments_until().map(|until| format!(", until {} at least", time(until))).unwrap_or_default();
        row("comments", format!("{} since {}{until}", view.comments.len(), time(opened)));
    }
    if let Some(until) = view.veto_until().filter(|_| view.status == Status::CommentClosed) {
        row("veto", format!("in time until {}", time(until)));
    }
    if let Some(end) = view.state.end() {
        row("ends", time(end));
    }
    if let Some(clock) = &view.audits {
        let late = if clock.due < now { " (overdue)" } else { "" };
        let newest =
            clock.newest.as_ref().map(|(cited, made)| format!("; newest entry {} of {}", cited.index, time(*made)));
        row("next audit", format!("due {}{late}{}", time(clock.due), newest.unwrap_or_default()));
    }
    text.push_str("\nSteps\n");
    for step in &view.steps {
        let good = if step.refused.is_some() { Mark::Bad } else { Mark::Good };
        let why = step.refused.as_ref().map(|error| format!(": does not count, {} [{}]", error.detail(), error.code()));
        let seats =
            if step.council.is_empty() { String::new() } else { format!(", {} of the council", step.council.len()) };
        let doubt = if step.disputed.is_empty() { "" } else { ", with a key in doubt since" };
        text.push_str(&format!(
            "  {} {} entry {} by {}, {}{seats}{doubt}{}\n",
            out.mark(good),
            step.step.phase.as_str(),
            step.step.index,
            shown(&step.step.issuer),
            time(step.step.received),
            why.unwrap_or_default()
        ));
    }
    for comment in &view.comments {
        let marks: String = comment.marks.iter().map(|mark| format!(" [{}]", mark.code)).collect();
        let answers: Vec<String> =
            comment.answers.iter().map(|answer| format!("{} in entry {}", answer.header.kind, answer.index)).collect();
        let answered = if answers.is_empty() { "no answer".to_owned() } else { answers.join(", ") };
        text.push_str(&format!(
            "  – comment entry {} by {}{marks}: {answered}\n",
            comment.item.index,
            clipped(&comment.item.header.issuer, 24)
        ));
    }
    for dispute in &view.disputes {
        let state = if dispute.is_open() { "open" } else { "closed" };
        text.push_str(&format!("  – dispute entry {}: {state}\n", dispute.dispute.index));
    }
    if !view.findings.is_empty() {
        text.push_str("\nWhat does not fit together\n");
        view.findings.iter().for_each(|finding| text.push_str(&finding_text(finding)));
    }
    text.push_str(&format!("\n{}\n", log.freshness()));
    text
}

fn all(log: &Followed<'_>, now: UnixMillis, session: &Session) -> Answer {
    let mut agreements: Vec<_> = log.state.agreements().collect();
    agreements.sort_by_key(|(_, agreement)| agreement.index);
    let rows = agreements.iter().map(|(id, agreement)| {
        let parties = agreement.terms.as_ref().map(|terms| format!("{} and {}", terms.assigner, terms.assignee));
        [
            agreement.index.to_string(),
            agreement.status(now).as_str().to_owned(),
            parties.unwrap_or_else(|| "redacted".to_owned()),
            agreement.end().map(time).unwrap_or_default(),
            short(&id.to_hex()),
        ]
    });
    let mut text = session.out.table(["ENTRY", "STATUS", "BETWEEN", "ENDS", "RECORD"], rows);
    text.push_str(&format!("\n\n{}\n", log.freshness()));
    let list: Vec<Value> = agreements
        .iter()
        .map(|(id, agreement)| {
            json!({
                "record": id, "index": agreement.index.to_string(), "status": agreement.status(now).as_str(),
                "assigner": agreement.terms.as_ref().map(|terms| &terms.assigner),
                "assignee": agreement.terms.as_ref().map(|terms| &terms.assignee),
                "ends": agreement.end().map(moment),
            })
        })
        .collect();
    let json = json!({ "now": moment(now), "log": log.origin(), "count": list.len(), "agreements": list });
    Answer::new(text, json)
}

const fn mark(status: Status) -> Mark {
    match status {
        Status::Active => Mark::Good,
        Status::Vetoed => Mark::Bad,
        Status::Suspended | Status::Expired | Status::Terminated => Mark::Warning,
        Status::Proposed | Status::CommentOpen | Status::CommentClosed | Status::Ratified => Mark::Open,
    }
}
