//! Agreements as pages.

use askama::Template;
use ledger::ids::{LeafIndex, RecordId, UnixMillis};
use ledger::state::{AgreementState, AgreementView, Item, Status};

use super::findings::{FindingItem, finding};
use super::moment::Moment;
use super::parts::{Hash, Speaker};
use super::said::{Allowance, Said};
use super::shell::{Shell, Site};

/// Of each list, how many are shown; the interface has the rest.
const MAX_LISTED: usize = 50;

/// The page of one agreement.
#[derive(Debug, Template)]
#[template(path = "agreement.html")]
pub struct AgreementPage {
    shell: Shell,
    site: Site,
    status: &'static str,
    meaning: &'static str,
    index: LeafIndex,
    record: Hash,
    record_hex: String,
    speaker: Speaker,
    received: Moment,
    redacted: bool,
    summary: Option<Said>,
    parties: Option<(Said, Said)>,
    terms: Vec<(&'static str, Said)>,
    obligations: Vec<Said>,
    moments: Vec<(&'static str, Moment)>,
    overdue: bool,
    steps: Vec<StepLine>,
    comments: Vec<CommentLine>,
    records: Vec<EntryLine>,
    findings: Vec<FindingItem>,
}

/// A step, and whether it counts.
#[derive(Debug)]
pub struct StepLine {
    phase: &'static str,
    index: LeafIndex,
    speaker: Speaker,
    received: Moment,
    seats: usize,
    disputed: bool,
    refused: Option<(&'static str, Said)>,
}

/// A comment, and what answers it.
#[derive(Debug)]
pub struct CommentLine {
    entry: EntryLine,
    text: Option<Said>,
    marks: Vec<&'static str>,
    answers: Vec<EntryLine>,
}

/// An entry in a list.
#[derive(Debug)]
pub struct EntryLine {
    kind: Said,
    index: LeafIndex,
    speaker: Speaker,
    received: Moment,
    note: &'static str,
}

/// The list of agreements.
#[derive(Debug, Template)]
#[template(path = "agreements.html")]
pub struct AgreementsPage {
    shell: Shell,
    site: Site,
    lines: Vec<AgreementLine>,
    more: usize,
}

/// An agreement in a list.
#[derive(Debug)]
pub struct AgreementLine {
    id: String,
    index: LeafIndex,
    status: &'static str,
    parties: Option<(Said, Said)>,
    received: Moment,
    ends: Option<Moment>,
}

impl AgreementPage {
    /// The page.
    pub fn new(mut shell: Shell, site: Site, view: &AgreementView, now: UnixMillis) -> Self {
        let mut allowance = Allowance::default();
        let at = |moment: UnixMillis| Moment::new(moment, now);
        let terms = view.state.terms.as_ref();
        let parties = terms.map(|terms| (Said::whole(&terms.assigner), Said::whole(&terms.assignee)));
        shell.title = match &parties {
            Some((assigner, assignee)) => format!("Agreement of {} and {}", assigner.plain(), assignee.plain()),
            None => "A redacted agreement".to_owned(),
        };
        let agreement = view.agreement();
        let summary = agreement.and_then(|agreement| agreement.summary.as_ref());
        let summary = summary.map(|summary| allowance.said(summary, 2_000));
        let mut rows: Vec<(&'static str, Said)> = Vec::new();
        if let Some(terms) = terms {
            let mut row = |name, list: &[String]| {
                if !list.is_empty() {
                    rows.push((name, allowance.said(&list.join(", "), 500)));
                }
            };
            row("About", &terms.targets);
            row("For", &terms.purposes);
            row("Never", &terms.prohibited);
            row("Lacks, for ratification", &terms.lacks);
        }
        let obligations = agreement.iter().flat_map(|agreement| &agreement.obligation);
        let obligations = obligations
            .take(MAX_LISTED)
            .map(|duty| allowance.said(&duty.action.iter().collect::<Vec<_>>().join(", "), 200))
            .collect();
        let due = view.audits.as_ref().map(|clock| clock.due).filter(|_| view.status == Status::Active);
        let moments = [
            ("Comments opened", view.comments_opened),
            ("Comments open at least until", view.comments_until()),
            ("Comments closed", view.comments_closed),
            ("A veto is in time until", view.veto_until()),
            ("Ratified", view.state.ratified().map(|(at, _)| at)),
            ("Newest audit", view.audits.as_ref().and_then(|clock| Some(clock.newest.as_ref()?.1))),
            ("Next audit due", due),
            ("Ends", view.state.end()),
        ];
        let step = |step: &ledger::state::StepView| StepLine {
            phase: step.step.phase.as_str(),
            index: step.step.index,
            speaker: Speaker::new(&step.step.issuer, None, &mut allowance),
            received: at(step.step.received),
            seats: step.council.len(),
            disputed: !step.disputed.is_empty(),
            refused: step.refused.as_ref().map(|error| (error.code().as_str(), Said::whole(error.detail()))),
        };
        let steps = newest(&view.steps).iter().map(step).collect();
        let mut comments = Vec::new();
        for voice in newest(&view.comments) {
            let text = voice.item.record.as_ref().and_then(|record| match &record.predicate {
                ledger::record::kinds::Predicate::Comment(comment) => Some(comment.text.as_str()),
                _ => None,
            });
            comments.push(CommentLine {
                entry: entry(&voice.item, "", now, &mut allowance),
                text: text.map(|text| allowance.said(text, 500)),
                marks: voice.marks.iter().map(|mark| mark.code.as_str()).collect(),
                answers: voice.answers.iter().map(|item| entry(item, "", now, &mut allowance)).collect(),
            });
        }
        let mut records: Vec<EntryLine> = Vec::new();
        let mut plain: Vec<&Item> = view.corrections.iter().chain(&view.uses).chain(&view.reports).collect();
        plain.sort_by_key(|item| item.index);
        records.extend(newest(&plain).iter().map(|item| entry(item, "", now, &mut allowance)));
        for quarrel in newest(&view.disputes) {
            let note = if quarrel.is_open() { "open" } else { "closed" };
            records.push(entry(&quarrel.dispute, note, now, &mut allowance));
        }
        records.sort_by_key(|line| line.index);
        let longest = [view.steps.len(), view.comments.len(), plain.len(), view.disputes.len()].into_iter().max();
        shell.partial |= longest > Some(MAX_LISTED);
        Self {
            status: view.status.as_str(),
            meaning: meaning(view.status),
            index: view.proposal.index,
            record: Hash::new(view.id),
            record_hex: view.id.to_hex(),
            speaker: Speaker::new(&view.proposal.header.issuer, None, &mut allowance),
            received: at(view.proposal.header.received),
            redacted: view.proposal.record.is_none(),
            summary,
            parties,
            terms: rows,
            obligations,
            moments: moments.into_iter().filter_map(|(name, moment)| Some((name, at(moment?)))).collect(),
            overdue: due.is_some_and(|due| due < now),
            steps,
            comments,
            records,
            findings: view.findings.iter().map(|found| finding(found, now, &mut allowance)).collect(),
            shell,
            site,
        }
    }
}

/// The last so many of a list, whose newest comes last.
fn newest<T>(list: &[T]) -> &[T] {
    &list[list.len().saturating_sub(MAX_LISTED)..]
}

impl AgreementsPage {
    /// The page.
    pub fn new(mut shell: Shell, site: Site, list: &[(&RecordId, &AgreementState)], now: UnixMillis) -> Self {
        shell.title = "Agreements".to_owned();
        let line = |(id, agreement): &(&RecordId, &AgreementState)| AgreementLine {
            id: id.to_hex(),
            index: agreement.index,
            status: agreement.status(now).as_str(),
            parties: agreement.terms.as_ref().map(|terms| (Said::whole(&terms.assigner), Said::whole(&terms.assignee))),
            received: Moment::new(agreement.received, now),
            ends: agreement.end().map(|end| Moment::new(end, now)),
        };
        let lines: Vec<AgreementLine> = list.iter().take(MAX_LISTED).map(line).collect();
        Self { shell, site, more: list.len() - lines.len(), lines }
    }
}

fn entry(item: &Item, note: &'static str, now: UnixMillis, allowance: &mut Allowance) -> EntryLine {
    EntryLine {
        kind: Said::whole(&item.header.kind),
        index: item.index,
        speaker: Speaker::new(&item.header.issuer, None, allowance),
        received: Moment::new(item.header.received, now),
        note: if item.record.is_none() { "redacted" } else { note },
    }
}

const fn meaning(status: Status) -> &'static str {
    match status {
        Status::Proposed => "It was put forward; comments are not open yet.",
        Status::CommentOpen => "Everybody may comment.",
        Status::CommentClosed => "The time for comments is over; the council has not decided.",
        Status::Ratified => "The council agreed; it is not valid yet.",
        Status::Active => "It is in force.",
        Status::Vetoed => "The council refused.",
        Status::Suspended => "It is out of force until it is resumed.",
        Status::Expired => "Its time is over.",
        Status::Terminated => "It was ended.",
    }
}
