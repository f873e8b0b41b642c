//! Where a model or a dataset stands: disputes and how they ended, incidents, corrections, and what does not fit together.
//!
//! What is not there is said to be not there, in this log and up to this checkpoint: never that there is none.

use askama::Template;
use askama::filters::HtmlSafe;
use ledger::ids::{LeafIndex, TreeSize, UnixMillis};
use ledger::record::kinds::Outcome;
use ledger::state::findings::Finding;

use super::findings::{FindingItem, finding};
use super::parts::{RecordLine, Speaker, thousands};
use super::said::{Allowance, Said};
use super::seen::Seen;

/// How many of each are listed.
const MAX_LISTED: usize = 8;

/// What is known beyond claims and audits.
#[derive(Debug, Clone, Default)]
pub struct Around {
    /// Disputes, oldest first, each with what closed it.
    pub disputes: Vec<(Seen, Option<Closed>)>,
    /// Incidents, oldest first.
    pub incidents: Vec<Seen>,
    /// Corrections, oldest first, by whomever.
    pub corrections: Vec<Seen>,
    /// What does not fit together.
    pub findings: Vec<Finding>,
    /// Of how many entries what is found about its sources and manifests is, if not of all.
    pub findings_of: Option<TreeSize>,
}

/// What closed a dispute.
#[derive(Debug, Clone)]
pub struct Closed {
    /// The record.
    pub by: Seen,
    /// How it was resolved; `None` if the one who disputed took it back.
    pub outcome: Option<Outcome>,
}

/// The sections of a page.
#[derive(Debug, Template)]
#[template(path = "standing.html")]
pub struct Standing {
    open: usize,
    disputes: Vec<DisputeLine>,
    disputes_more: usize,
    incidents: Vec<EventLine>,
    incidents_more: usize,
    corrections: Vec<EventLine>,
    corrections_more: usize,
    findings: Vec<FindingItem>,
    findings_more: usize,
    findings_of: Option<String>,
}

impl HtmlSafe for Standing {}

#[derive(Debug)]
struct DisputeLine {
    line: EventLine,
    remedy: Option<Said>,
    ended: Option<Ended>,
}

#[derive(Debug)]
struct Ended {
    how: &'static str,
    by: LeafIndex,
    speaker: Speaker,
    remedy: Option<Said>,
}

/// A record in one of the lists, with its own words.
#[derive(Debug)]
struct EventLine {
    index: LeafIndex,
    words: Option<Said>,
    note: String,
    line: RecordLine,
}

impl Standing {
    /// The sections about `around`.
    pub fn new(around: &Around, now: UnixMillis, allowance: &mut Allowance) -> Self {
        let mut disputes: Vec<&(Seen, Option<Closed>)> = around.disputes.iter().rev().collect();
        // Open ones first.
        disputes.sort_by_key(|(_, closed)| closed.is_some());
        let dispute = |(seen, closed): &(Seen, Option<Closed>), allowance: &mut Allowance| DisputeLine {
            line: event(seen, &["grounds"], String::new(), now, allowance),
            remedy: seen.text(&["requestedRemedy"]).map(|remedy| allowance.said(remedy, 240)),
            ended: closed.as_ref().map(|closed| Ended {
                how: closed.outcome.map_or("taken back by the one who disputed", outcome_words),
                by: closed.by.index,
                speaker: closed.by.speaker(allowance),
                remedy: closed.by.text(&["remedy"]).map(|remedy| allowance.said(remedy, 240)),
            }),
        };
        let incident = |seen: &Seen, allowance: &mut Allowance| {
            let resolved = if seen.member(&["resolved"]).is_some() { "resolved" } else { "not said to be resolved" };
            let severity = seen.text(&["severity"]).unwrap_or("severity not said");
            event(seen, &["summary"], format!("{severity} · {resolved}"), now, allowance)
        };
        let correction = |seen: &Seen, allowance: &mut Allowance| {
            let places = seen.member(&["pointers"]).and_then(serde_json::Value::as_array);
            let places = places.into_iter().flatten().filter_map(serde_json::Value::as_str);
            let places: Vec<&str> = places.map(|place| if place.is_empty() { "all of it" } else { place }).collect();
            event(seen, &["reason"], places.join(", "), now, allowance)
        };
        let newest = |list: &[Seen]| list.iter().rev().take(MAX_LISTED).cloned().collect::<Vec<Seen>>();
        let more = |listed: usize| listed.saturating_sub(MAX_LISTED);
        Self {
            open: around.disputes.iter().filter(|(_, closed)| closed.is_none()).count(),
            disputes: disputes.into_iter().take(MAX_LISTED).map(|one| dispute(one, allowance)).collect(),
            disputes_more: more(around.disputes.len()),
            incidents: newest(&around.incidents).iter().map(|seen| incident(seen, allowance)).collect(),
            incidents_more: more(around.incidents.len()),
            corrections: newest(&around.corrections).iter().map(|seen| correction(seen, allowance)).collect(),
            corrections_more: more(around.corrections.len()),
            findings: around.findings.iter().rev().take(MAX_LISTED).map(|one| finding(one, now, allowance)).collect(),
            findings_more: more(around.findings.len()),
            findings_of: around.findings_of.map(|size| thousands(size.0)),
        }
    }
}

fn event(seen: &Seen, words: &[&str], note: String, now: UnixMillis, allowance: &mut Allowance) -> EventLine {
    EventLine {
        index: seen.index,
        words: seen.content.as_ref().map(|_| allowance.said(seen.text(words).unwrap_or("no words"), 400)),
        note: allowance.said(&note, 160).plain().to_owned(),
        line: seen.line(now, allowance),
    }
}

/// How a dispute was resolved, in words.
const fn outcome_words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Upheld => "upheld",
        Outcome::PartlyUpheld => "partly upheld",
        Outcome::Rejected => "rejected",
        Outcome::Settled => "settled by both sides",
        Outcome::Withdrawn => "withdrawn",
        Outcome::Vouched => "vouched for",
    }
}
