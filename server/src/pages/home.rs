//! `/`, and lists of records: by kind, issuer, signer, subject or reference.

use ledger::ids::{KeyId, LeafIndex, RecordId, SubjectDigest};
use ledger::log::{Order, Term};

use super::read::Reading;
use super::view::home::Home;
use super::view::said::{Allowance, Said};
use super::view::seen::kinds_words;
use super::{Request, reply};
use crate::problem::Answer;
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
        Some((Term::Kind(kind.to_owned()), words, format!("kind={}", encode(kind))))
    } else if let Some(issuer) = query.text("issuer") {
        let words = allowance.said(&format!("what {issuer} said"), 300);
        Some((Term::Issuer(issuer.to_owned()), words, format!("issuer={}", encode(issuer))))
    } else if let Some(key) = query.value::<KeyId>("signer")? {
        Some((Term::Signer(key), Said::whole(&format!("what key {key} signed")), format!("signer={key}")))
    } else if let Some(subject) = query.value::<SubjectDigest>("subject")? {
        Some((Term::Subject(subject), Said::whole(&format!("records about {subject}")), format!("subject={subject}")))
    } else {
        query.value::<RecordId>("ref")?.map(|record| {
            (Term::Ref(record), Said::whole(&format!("records that name record {record}")), format!("ref={record}"))
        })
    };
    let terms: Vec<Term> = filter.iter().map(|(term, ..)| term.clone()).collect();
    let order = Order::Below(before.unwrap_or(LeafIndex(u64::MAX)));
    let (mut newest, next) = reading.list(terms, order, PER_PAGE)?;
    reading.name_subjects(&mut newest)?;
    let lines = newest.iter().map(|seen| seen.line(reading.now, &mut allowance)).collect();
    let older = match next {
        Some(Order::Below(next)) if next.0 > 0 => Some(match &filter {
            Some((.., parameter)) => format!("/?{parameter}&before={next}"),
            None => format!("/?before={next}"),
        }),
        _ => None,
    };
    let first = filter.is_none() && before.is_none();
    let mut shell = reading.shell("home");
    shell.title = match &filter {
        Some((_, words, _)) => words.plain().to_owned(),
        None if first => String::new(),
        None => "Older records".to_owned(),
    };
    let head = shell.head.clone();
    let only = filter.map(|(_, words, _)| words);
    let home = Home { shell, head, newest: lines, older, first, only };
    Ok(reply::page(home.to_string(), request.headers))
}
