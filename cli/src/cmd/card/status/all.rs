//! Every model and dataset of a log, and how many stand in each class.

use std::collections::HashSet;

use ledger::ids::{LeafIndex, RecordId};
use ledger::record::kind::Kind;
use ledger::record::license::compare::Agreement;
use ledger::record::terms::moment;
use ledger::state::{CardView, Edge, Records};
use serde_json::{Map, Value, json};

use super::{became, name};
use crate::failure::Result;
use crate::followed::Followed;
use crate::output::{Answer, clipped, short};
use crate::progress::Unit;
use crate::session::Session;

pub(super) fn all(
    log: &Followed<'_>,
    kinds: &[Kind],
    standing: Option<Agreement>,
    session: &Session,
) -> Result<Answer> {
    log.read_all_ahead()?;
    let (mut rows, mut cards) = (Vec::new(), Vec::new());
    let mut tallies = Vec::new();
    for kind in kinds {
        let mut tally = Tally::default();
        for (first, view) in things(log, kind, session)? {
            tally.add(&view);
            if standing.is_none_or(|standing| standing == view.license_agreement()) {
                rows.push(row(&view));
                cards.push(summary(first, &view));
            }
        }
        tallies.push((kind.as_str().to_owned(), tally));
    }
    let mut text = String::new();
    if !rows.is_empty() {
        let head = ["ENTRY", "KIND", "CLAIMS", "NAME", "ISSUER", "USES", "AUDITS", "DISPUTES", "CARD"];
        text.push_str(&format!("{}\n\n", session.out.table(head, rows)));
    }
    text.push_str(&counted(&tallies, session));
    text.push_str(&format!("\n{}\n", log.freshness()));
    let standings: Map<String, Value> = tallies.iter().map(|(kind, tally)| (kind.clone(), tally.to_json())).collect();
    let json = json!({
        "now": moment(session.now()), "log": log.origin(), "count": cards.len(), "standings": standings, "cards": cards,
    });
    Ok(Answer::new(text, json))
}

/// Every model or dataset once, all versions of it as one, with the record of the first; by the entry of the first.
fn things(log: &Followed<'_>, kind: &Kind, session: &Session) -> Result<Vec<(RecordId, CardView)>> {
    let entries = log.along(&Edge::Kind(kind.as_str().to_owned()), LeafIndex(0), usize::MAX)?;
    let progress = session.out.progress(&format!("each {kind}"), Some(entries.len() as u64), Unit::Things("cards"));
    let (mut known, mut things) = (HashSet::new(), Vec::new());
    for index in entries {
        progress.advance(1);
        let Some(item) = log.item(index)? else { continue };
        if known.contains(&item.header.record) {
            continue;
        }
        let Some(view) = CardView::of(log, &log.state, item.header.record, session.now())? else { continue };
        known.extend(view.ids());
        things.push((item.header.record, view));
    }
    Ok(things)
}

/// How many stand in each class.
#[derive(Debug, Default)]
struct Tally {
    classes: [usize; Agreement::ALL.len()],
    /// Those that their issuers took back are counted here and in no class.
    taken_back: usize,
}

impl Tally {
    fn add(&mut self, view: &CardView) {
        if view.fate.taken_back_by.is_some() {
            self.taken_back += 1;
        } else {
            self.classes[view.license_agreement() as usize] += 1;
        }
    }

    fn to_json(&self) -> Value {
        let class = |(agreement, count): (Agreement, usize)| (agreement.as_str().to_owned(), json!(count));
        let mut json: Map<String, Value> = Agreement::ALL.into_iter().zip(self.classes).map(class).collect();
        json.insert("takenBack".to_owned(), json!(self.taken_back));
        Value::Object(json)
    }
}

fn counted(tallies: &[(String, Tally)], session: &Session) -> String {
    let rows = tallies.iter().map(|(kind, tally)| {
        let [none, agree, compatible, conflict] = tally.classes.map(|count| count.to_string());
        [kind.clone(), none, agree, compatible, conflict]
    });
    let mut text = session.out.table(["CLAIMS ABOUT", "NONE", "AGREE", "COMPATIBLE", "CONFLICT"], rows);
    text.push_str("\n\n");
    for agreement in Agreement::ALL {
        text.push_str(&format!("{:<12} {}\n", agreement.as_str(), agreement.definition()));
    }
    let taken_back: usize = tallies.iter().map(|(_, tally)| tally.taken_back).sum();
    if taken_back > 0 {
        text.push_str(&format!("Not counted: {taken_back} that their issuers took back.\n"));
    }
    text
}

fn row(view: &CardView) -> [String; 9] {
    let fate: String = became(&view.fate).iter().map(|words| format!(" ({words})")).collect();
    let newest = view.newest();
    [
        newest.map(|item| item.index.to_string()).unwrap_or_default(),
        newest.map(|item| item.header.kind.clone()).unwrap_or_default(),
        view.license_agreement().as_str().to_owned(),
        format!("{}{fate}", clipped(&name(view), 40)),
        newest.map(|item| clipped(&item.header.issuer, 24)).unwrap_or_default(),
        (view.sources().count() + view.used_by.len()).to_string(),
        if view.audits.is_empty() { "0".to_owned() } else { format!("{} of {} valid", valid(view), view.audits.len()) },
        format!("{} open", open(view)),
        newest.map(|item| short(&item.header.record.to_hex())).unwrap_or_default(),
    ]
}

fn valid(view: &CardView) -> usize {
    view.audits.iter().filter(|audit| audit.valid).count()
}

fn open(view: &CardView) -> usize {
    view.disputes.iter().filter(|quarrel| quarrel.is_open()).count()
}

fn summary(first: RecordId, view: &CardView) -> Value {
    let mut json = view.heading(first);
    json["versions"] = json!(view.versions.len());
    json["agreement"] = json!(view.license_agreement());
    json["claims"] = json!(view.claims.len());
    json["sources"] = json!(view.sources().count());
    json["usedBy"] = json!(view.used_by.len());
    json["audits"] = json!(view.audits.len());
    json["auditsValid"] = json!(valid(view));
    json["disputes"] = json!(view.disputes.len());
    json["disputesOpen"] = json!(open(view));
    json
}
