//! `/m/<digest or record id>`.

use ledger::ids::SubjectDigest;
use ledger::log::EntryView;

use super::read::Reading;
use super::view::model::{Known, ModelPage};
use super::view::seen::Seen;
use super::{Request, not_found, reply};
use crate::problem::{Answer, Problem};
use crate::query::Query;

/// Bodies read for one page of a kind that is listed in pages, and of one that is shown whole.
pub(super) const MAX_LISTED: usize = 1_000;
pub(super) const MAX_SHOWN: usize = 40;

/// Artefacts of a card whose records are gathered: a model of more files has one root over them.
const MAX_ARTEFACTS: usize = 32;

pub(super) fn model(reading: &Reading<'_>, name: &str, request: Request<'_>) -> Answer {
    let query = Query::parse(request.query, &["from"])?;
    let from: usize = query.value("from")?.unwrap_or(0);
    let Thing { cards, entries, capped } = Thing::find(reading, name, "model-card")?;
    if cards.is_empty() {
        return Err(not_found("no model card of this log has this record id, or is about an artefact of this digest"));
    }
    let read = |kind: &str, limit| reading.newest_of(&entries, kind, limit);
    let sources = entries.iter().filter(|entry| entry.header.kind == "training-source").count();
    let mut others =
        others(reading, &entries, &["training-source", "license-claim", "audit-attestation", "model-card"])?;
    reading.name_subjects(&mut others)?;
    let known = Known {
        sources: read("training-source", MAX_LISTED)?,
        capped: capped || sources > MAX_LISTED,
        claims: read("license-claim", MAX_SHOWN)?,
        audits: read("audit-attestation", MAX_SHOWN)?,
        others,
        shown: name.parse().ok(),
        cards,
    };
    let (shell, site, path) = (reading.shell(""), reading.site.clone(), format!("/m/{name}"));
    let page = reading.around(|around| ModelPage::new(shell, site, &known, &path, from, around));
    // Every card was redacted: the record's own page says so.
    let Some(page) = page else {
        let card = known.cards.last().map_or_else(|| "/".to_owned(), |card| format!("/r/{}", card.index));
        return Ok(reply::see_other(&card));
    };
    Ok(reply::page(page.to_string(), request.headers))
}

/// A model or a dataset: its cards, and every entry about them.
pub(super) struct Thing {
    pub(super) cards: Vec<Seen>,
    pub(super) entries: Vec<EntryView>,
    pub(super) capped: bool,
}

impl Thing {
    /// What is at `name`: the digest of an artefact or the id of a card of this kind.
    pub(super) fn find(reading: &Reading<'_>, name: &str, kind: &str) -> Result<Self, Problem> {
        let digest: SubjectDigest = name
            .parse()
            .map_err(|_| not_found("the address ends in a record id or a SHA-256, 64 lower-case hexadecimal digits"))?;
        let record = ledger::ids::RecordId::from_bytes(*digest.as_bytes());
        let own = reading.record(record)?.filter(|seen| seen.kind == kind);
        let artefacts: Vec<SubjectDigest> = match &own {
            Some(card) => card.subjects.iter().copied().take(MAX_ARTEFACTS).collect(),
            None => vec![digest],
        };
        let (mut entries, mut capped) = reading.about(own.as_ref().map(|card| card.record), &artefacts)?;
        let mut cards = reading.newest_of(&entries, kind, MAX_SHOWN)?;
        // What is about any card of the thing is about the thing.
        let other_cards = cards.iter().filter(|card| Some(card.record) != own.as_ref().map(|own| own.record));
        for card in other_cards {
            let (about, more) = reading.about(Some(card.record), &[])?;
            entries.extend(about);
            capped |= more;
        }
        if let Some(own) = own
            && !cards.iter().any(|card| card.index == own.index)
        {
            cards.push(own);
        }
        cards.sort_by_key(|card| card.index);
        entries.sort_by_key(|entry| entry.index);
        entries.dedup_by_key(|entry| entry.index);
        Ok(Self { cards, entries, capped })
    }
}

/// The newest entries of other kinds, newest first.
pub(super) fn others(reading: &Reading<'_>, entries: &[EntryView], shown: &[&str]) -> ledger::Result<Vec<Seen>> {
    let others = entries.iter().rev().filter(|entry| !shown.contains(&entry.header.kind.as_str()));
    others.take(11).map(|entry| reading.seen(entry.clone())).collect()
}
