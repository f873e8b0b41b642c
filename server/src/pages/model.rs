//! `/m/<digest or record id>`.

use std::sync::Arc;

use ledger::ids::{RecordId, SubjectDigest};
use ledger::record::kind::Kind;
use ledger::state::Item;

use super::read::Reading;
use super::record::remark;
use super::view::model::{Known, ModelPage};
use super::view::seen::Seen;
use super::view::standing::{Around, Closed};
use super::{Request, not_found, reply};
use crate::cards::Card;
use crate::problem::{Answer, Problem};
use crate::query::Query;

/// Bodies read for one page of a kind that is listed in pages, and of one that is shown whole.
pub(super) const MAX_LISTED: usize = 1_000;
pub(super) const MAX_SHOWN: usize = 40;

/// Records of other kinds that are looked at for a page, the newest.
const MAX_OTHERS: usize = 11;

pub(super) fn model(reading: &Reading<'_>, name: &str, request: Request<'_>) -> Answer {
    let query = Query::parse(request.query, &["from"])?;
    let from: usize = query.value("from")?.unwrap_or(0);
    let card = find(reading, name, &Kind::ModelCard)?.ok_or_else(|| {
        not_found("no model card of this log has this record id, or is about an artefact of this digest")
    })?;
    let shown = [Kind::TrainingSource, Kind::LicenseClaim, Kind::AuditAttestation, Kind::ModelCard];
    let sources: Vec<&Item> = card.view.sources().collect();
    let mut known = Known {
        cards: cards(reading, &card)?,
        shown: Some(card.record),
        newer: newer(&card),
        capped: sources.len() > MAX_LISTED,
        sources: reading.newest(sources, MAX_LISTED)?,
        claims: claims(reading, &card)?,
        licenses: card.view.licenses.clone(),
        audits: reading.newest(card.view.audits.iter().map(|audit| &audit.item).collect(), MAX_SHOWN)?,
        around: around(reading, &card)?,
        others: others(reading, &card, &shown)?,
    };
    known.capped |= reading.looking.is_capped();
    reading.leave_out(usize::from(known.capped));
    let (shell, site, path) = (reading.shell(""), reading.site.clone(), format!("/m/{name}"));
    let page = reading.around(|around| ModelPage::new(shell, site, &known, &path, from, around));
    // Every card was redacted: the record's own page says so.
    let Some(page) = page else { return Ok(reply::see_other(&of_record(&known.cards))) };
    Ok(reply::page(page.to_string(), request.headers))
}

/// What is at `name`: the digest of an artefact or the id of a card of this kind.
pub(super) fn find(reading: &Reading<'_>, name: &str, kind: &Kind) -> Result<Option<Card>, Problem> {
    let digest: SubjectDigest = name
        .parse()
        .map_err(|_| not_found("the address ends in a record id or a SHA-256, 64 lower-case hexadecimal digits"))?;
    Card::find(&reading.pages.app, &reading.looking, &Arc::clone(&reading.view), digest, kind, reading.now)
}

/// The address of the newest of some cards, none of which can be read.
pub(super) fn of_record(cards: &[Seen]) -> String {
    cards.last().map_or_else(|| "/".to_owned(), |card| format!("/r/{}", card.index))
}

/// All versions of a card and the cards of others about the same artefact, oldest first, with what lint says about the one
/// that is shown.
pub(super) fn cards(reading: &Reading<'_>, card: &Card) -> Result<Vec<Seen>, Problem> {
    let kind = card.view.newest().map(|newest| newest.header.kind.clone()).unwrap_or_default();
    let around = card.view.around.iter().filter(|item| item.header.kind == kind);
    let mut items: Vec<&Item> = card.view.versions.iter().chain(around).collect();
    items.sort_by_key(|item| item.index);
    items.dedup_by_key(|item| item.index);
    // The one that is asked for is shown, however many came after it.
    let shown: Vec<&Item> = items.iter().copied().filter(|item| item.header.record == card.record).take(1).collect();
    let skip = items.len().saturating_sub(MAX_SHOWN);
    reading.leave_out(skip);
    let mut items = items.split_off(skip);
    items.extend(shown);
    items.sort_by_key(|item| item.index);
    items.dedup_by_key(|item| item.index);
    let mut cards = reading.newest(items, MAX_SHOWN + 1)?;
    cards.iter_mut().filter(|seen| seen.record == card.record).for_each(remark);
    Ok(cards)
}

/// The newest version of a card, if another one is shown.
pub(super) fn newer(card: &Card) -> Option<RecordId> {
    let newest = card.view.newest()?.header.record;
    (newest != card.record && card.view.ids().contains(&card.record)).then_some(newest)
}

/// All claims about the licence of a card, also those that are not made any more.
pub(super) fn claims(reading: &Reading<'_>, card: &Card) -> Result<Vec<Seen>, Problem> {
    let ids = card.view.ids();
    // A claim that only mentions the card is about something else.
    let artefacts: Vec<SubjectDigest> =
        card.view.versions.iter().flat_map(|version| version.header.subjects.clone()).collect();
    let about = |item: &&Item| {
        let names = |digest: &SubjectDigest| {
            artefacts.contains(digest) || ids.iter().any(|id| id.as_bytes() == digest.as_bytes())
        };
        item.header.subjects.iter().any(names)
    };
    let claims: Vec<&Item> = card.view.of_kind(&Kind::LicenseClaim).filter(about).collect();
    Ok(reading.newest(claims, MAX_SHOWN)?)
}

/// Disputes, incidents, corrections and findings about a card.
pub(super) fn around(reading: &Reading<'_>, card: &Card) -> Result<Around, Problem> {
    let mut disputes = Vec::new();
    // Open ones are not lost among those that were closed.
    let mut quarrels: Vec<_> = card.view.disputes.iter().collect();
    quarrels.sort_by_key(|quarrel| (quarrel.is_open(), quarrel.dispute.index));
    let skip = quarrels.len().saturating_sub(MAX_SHOWN);
    reading.leave_out(skip);
    for quarrel in quarrels.into_iter().skip(skip) {
        let closed = match &quarrel.closed_by {
            Some(by) => Some(Closed { outcome: quarrel.outcome(), by: reading.settled(by.clone())? }),
            None => None,
        };
        disputes.push((reading.settled(quarrel.dispute.clone())?, closed));
    }
    Ok(Around {
        disputes,
        incidents: reading.newest(card.view.of_kind(&Kind::Incident).collect(), MAX_SHOWN)?,
        corrections: reading.newest(card.view.of_kind(&Kind::Correction).collect(), MAX_SHOWN)?,
        findings: card.findings.clone(),
        findings_of: Some(card.findings_of.unwrap_or_default()).filter(|size| *size < reading.view.size),
    })
}

/// The newest records of other kinds, newest first.
pub(super) fn others(reading: &Reading<'_>, card: &Card, shown: &[Kind]) -> Result<Vec<Seen>, Problem> {
    let elsewhere = [Kind::Dispute, Kind::Incident, Kind::Correction];
    let is_shown = |item: &&Item| shown.iter().chain(&elsewhere).any(|kind| kind.as_str() == item.header.kind);
    let others: Vec<&Item> = card.view.around.iter().filter(|item| !is_shown(item)).collect();
    // A glimpse, and said to be no more: that there are others is not worth a word at the top of the page.
    let newest = others.iter().rev().take(MAX_OTHERS).rev().copied().collect();
    let mut others = reading.newest(newest, MAX_OTHERS)?;
    others.reverse();
    reading.name_subjects(&mut others)?;
    Ok(others)
}
