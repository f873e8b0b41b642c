//! `/r/<index>`.

use ledger::ids::{LeafIndex, RecordId};
use ledger::log::{Order, Term};
use ledger::record::kind::Kind;
use ledger::record::lint::lint;
use ledger::state::{Fate, Records, marks};
use serde_json::Value;

use super::read::Reading;
use super::view::marks::Marks;
use super::view::parts::Hash;
use super::view::record::{Context, MAX_REFERRING, RecordPage};
use super::view::said::Allowance;
use super::view::seen::{Seen, Warning};
use super::{Request, not_found, reply};
use crate::problem::{Answer, Problem};

pub(super) fn record(reading: &Reading<'_>, name: &str, request: Request<'_>) -> Answer {
    if let Ok(id) = name.parse::<RecordId>() {
        let index = reading.index_of(id).ok_or_else(|| not_found(format!("no record of this log has the id {id}")))?;
        return Ok(reply::see_other(&format!("/r/{index}")));
    }
    let index: LeafIndex = name.parse().map_err(|_| not_found("a record's address is its number or its id"))?;
    let entry = reading
        .entry(index)?
        .ok_or_else(|| not_found(format!("the log has {} entries, numbered from 0", reading.view.size)))?;
    let body = Hash::new(entry.body);
    let mut seen = reading.seen(entry)?;
    remark(&mut seen);
    let marks = marked(reading, &mut seen)?;
    let (mut referring, more) = referring(reading, &seen)?;
    reading.name_subjects(&mut referring)?;
    reading.settle(&mut referring)?;
    let same = reading.page(vec![Term::Record(seen.record)], Order::From(LeafIndex(0)), 21)?;
    let same: Vec<LeafIndex> = same.entries.iter().map(|entry| entry.index).collect();
    let context = Context { referring: &referring, referring_more: more, same: &same, marks };
    let signers = reading.signers(&seen, &mut Allowance::default());
    let (shell, site) = (reading.shell(""), reading.site.clone());
    let page = reading.around(|around| RecordPage::new(shell, site, &seen, body, signers, &context, around));
    Ok(reply::page(page.to_string(), request.headers))
}

/// What there is to know about a record besides what it says.
fn marked(reading: &Reading<'_>, seen: &mut Seen) -> Result<Marks, Problem> {
    let Some(item) = reading.looking.item(seen.index)? else { return Ok(Marks::default()) };
    seen.fate = Fate::of(&reading.looking, &reading.view.state, &item, reading.now)?;
    let found = marks(&reading.looking, &reading.view.state, &item, reading.now)?;
    Ok(Marks::new(seen, &found, reading.now, &mut Allowance::new(2_000)))
}

/// Adds what lint has to say.
pub(super) fn remark(seen: &mut Seen) {
    let (Ok(kind), Some(content)) = (Kind::parse(&seen.kind), &mut seen.content) else { return };
    let predicate = Value::Object(content.predicate.clone());
    let remarks = lint(&kind, &predicate).into_iter();
    content.warnings = remarks.map(|found| Warning { place: found.place, detail: found.message }).collect();
}

/// The newest records that name a record or have it for a subject, newest first.
fn referring(reading: &Reading<'_>, seen: &Seen) -> Result<(Vec<Seen>, bool), Problem> {
    let subject = ledger::ids::SubjectDigest::from_bytes(*seen.record.as_bytes());
    let newest = Order::Below(LeafIndex(u64::MAX));
    let (mut found, more) = reading.list(vec![Term::Ref(seen.record)], newest, MAX_REFERRING + 1)?;
    let (about, more_about) = reading.list(vec![Term::Subject(subject)], newest, MAX_REFERRING + 1)?;
    found.extend(about);
    found.sort_by_key(|other| std::cmp::Reverse(other.index));
    found.dedup_by_key(|other| other.index);
    let more = more.is_some() || more_about.is_some() || found.len() > MAX_REFERRING;
    found.truncate(MAX_REFERRING);
    Ok((found, more))
}
