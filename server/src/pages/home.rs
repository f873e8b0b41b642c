//! `/`, and lists of records: by kind, issuer, signer, subject or reference.

use std::collections::BTreeMap;

use ledger::ids::{KeyId, LeafIndex, RecordId, SubjectDigest};
use ledger::log::{Order, Term};

use super::read::Reading;
use super::view::home::Home;
use super::view::said::{Allowance, Said};
use super::view::seen::{Seen, kinds_words};
use super::view::shell::Shell;
use super::{Request, reply};
use crate::problem::{Answer, Problem};
use crate::query::{Query, encode};

/// Records on one page.
const PER_PAGE: usize = 20;

pub(super) fn home(reading: &Reading<'_>, request: Request<'_>) -> Answer {
    let query = Query::parse(request.query, &["kind", "issuer", "signer", "subject", "ref", "before"])?;
    let before: Option<LeafIndex> = query.value("before")?;
    let mut allowance = Allowance::default();
    // One filter at a time: what two of them have in common is the API's business.
    let filter = if let Some(kind) = query.text("kind") {
        let words = allowance.said(kinds_words(kind), 64);
        Some((vec![Term::Kind(kind.to_owned())], words, format!("kind={}", encode(kind))))
    } else if let Some(issuer) = query.text("issuer") {
        let words = allowance.said(&format!("what {issuer} said"), 300);
        Some((vec![Term::Issuer(issuer.to_owned())], words, format!("issuer={}", encode(issuer))))
    } else if let Some(key) = query.value::<KeyId>("signer")? {
        Some((vec![Term::Signer(key)], Said::whole(&format!("what key {key} signed")), format!("signer={key}")))
    } else if let Some(subject) = query.value::<SubjectDigest>("subject")? {
        let words = Said::whole(&format!("records about {subject}"));
        Some((vec![Term::Subject(subject)], words, format!("subject={subject}")))
    } else {
        // A record is spoken of by those that name it and by those that have it for a subject.
        query.value::<RecordId>("ref")?.map(|record| {
            let subject = SubjectDigest::from_bytes(*record.as_bytes());
            let words = Said::whole(&format!("records about record {record}"));
            (vec![Term::Ref(record), Term::Subject(subject)], words, format!("ref={record}"))
        })
    };
    let any = filter.as_ref().map(|(any, ..)| any.as_slice()).unwrap_or_default();
    let (mut newest, next) = newest(reading, any, before.unwrap_or(LeafIndex(u64::MAX)))?;
    reading.name_subjects(&mut newest)?;
    let lines = newest.iter().map(|seen| seen.line(reading.now, &mut allowance)).collect();
    let older = next.filter(|next| next.0 > 0).map(|next| match &filter {
        Some((.., parameter)) => format!("/?{parameter}&before={next}"),
        None => format!("/?before={next}"),
    });
    let first = filter.is_none() && before.is_none();
    let mut shell = reading.shell("home");
    shell.title = match &filter {
        Some((_, words, _)) => words.plain().to_owned(),
        None if first => String::new(),
        None => "Older records".to_owned(),
    };
    let head = shell.head.clone();
    let only = filter.map(|(_, words, _)| words);
    let home = Home { shell, head, newest: lines, older, first, only, before };
    Ok(reply::page(home.to_string(), request.headers))
}

/// The page before there is anything to show.
pub(super) fn empty() -> Home {
    let shell = Shell::new("", "home", None);
    Home { shell, head: None, newest: Vec::new(), older: None, first: true, only: None, before: None }
}

/// The newest records below an index under any of some terms, or of all; and below which index to go on.
fn newest(reading: &Reading<'_>, any: &[Term], below: LeafIndex) -> Result<(Vec<Seen>, Option<LeafIndex>), Problem> {
    let filters = if any.is_empty() { vec![Vec::new()] } else { any.iter().map(|term| vec![term.clone()]).collect() };
    let mut found = BTreeMap::new();
    let mut more = false;
    for terms in filters {
        // One more than is shown: only then there is a page of older ones.
        let page = reading.page(terms, Order::Below(below), PER_PAGE + 1)?;
        more |= page.next.is_some() && page.entries.len() <= PER_PAGE;
        found.extend(page.entries.into_iter().map(|entry| (entry.index, entry)));
    }
    more |= found.len() > PER_PAGE;
    let shown: Vec<_> = found.into_values().rev().take(PER_PAGE).collect();
    // A list that goes on was filled, so nothing between its end and the last one shown is left out.
    let next = shown.last().map(|entry| entry.index).filter(|_| more);
    let mut seen = shown.into_iter().map(|entry| reading.seen(entry)).collect::<ledger::Result<Vec<_>>>()?;
    reading.settle(&mut seen)?;
    Ok((seen, next))
}
