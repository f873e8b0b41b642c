//! What the pages of a model and of a dataset read alike: the card that an address means, its history, claims, audits,
//! disputes, and whatever else names it.

use std::sync::Arc;

use ledger::ids::{RecordId, SubjectDigest};
use ledger::record::kind::Kind;
use ledger::state::{CardView, Item};
use warp::reply::Response;

use super::read::Reading;
use super::record::remark;
use super::view::card::Known;
use super::view::seen::Seen;
use super::view::sources::Cut;
use super::view::standing::{Around, Closed};
use super::{Request, not_found, reply};
use crate::cards::Card;
use crate::problem::Problem;
use crate::query::Query;

/// Bodies read for one page of a kind that is listed in pages, and of one that is shown whole.
const MAX_LISTED: usize = 1_000;
pub(super) const MAX_SHOWN: usize = 40;

/// Records of other kinds that are looked at for a page, the newest.
const MAX_OTHERS: usize = 11;

/// A card that is asked for.
pub(super) struct Asked<'a> {
    reading: &'a Reading<'a>,
    request: Request<'a>,
    card: Card,
    /// The line from which its list of sources is shown.
    from: usize,
}

impl<'a> Asked<'a> {
    /// The card of `kind` at `name`, which is the digest of an artefact or the id of a card.
    pub(super) fn read(
        reading: &'a Reading<'a>,
        kind: &Kind,
        name: &str,
        request: Request<'a>,
    ) -> Result<Self, Problem> {
        let from = Query::parse(request.query, &["from"])?.value("from")?.unwrap_or(0);
        let digest: SubjectDigest = name
            .parse()
            .map_err(|_| not_found("the address ends in a record id or a SHA-256, 64 lower-case hexadecimal digits"))?;
        let view = Arc::clone(&reading.view);
        let card = Card::find(&reading.pages.app, &reading.looking, &view, digest, kind, reading.now)?;
        let card = card.ok_or_else(|| {
            let card = kind.as_str().replace('-', " ");
            not_found(format!("no {card} of this log has this record id, or is about an artefact of this digest"))
        })?;
        Ok(Self { reading, request, card, from })
    }

    /// What the log has about the card.
    pub(super) fn view(&self) -> &CardView {
        &self.card.view
    }

    /// What both pages show of it, where `sources` tie models to datasets. Records of the kinds `elsewhere` have a place of
    /// their own on the page, besides those that have one on both.
    pub(super) fn known(&self, sources: Vec<&Item>, elsewhere: &[Kind]) -> Result<Known, Problem> {
        let (reading, view) = (self.reading, self.view());
        Ok(Known {
            cards: self.cards()?,
            shown: Some(self.card.record),
            newer: self.newer(),
            sources: reading.newest(sources, MAX_LISTED)?,
            claims: self.claims()?,
            licenses: view.licenses.clone(),
            audits: reading.newest(view.audits.iter().map(|audit| &audit.item).collect(), MAX_SHOWN)?,
            around: self.around()?,
            others: self.others(elsewhere)?,
        })
    }

    /// How the list of so many sources is cut, once everything for the page was read.
    pub(super) fn cut(&self, sources: usize) -> Cut<'a> {
        let capped = sources > MAX_LISTED || self.reading.looking.is_capped();
        Cut { from: self.from, path: self.request.path, capped }
    }

    /// The answer with a page. Where there is none every card was redacted: the record's own page says so.
    pub(super) fn answer(&self, page: Option<impl ToString>, known: &Known) -> Response {
        match page {
            Some(page) => reply::page(page.to_string(), self.request.headers),
            None => reply::see_other(&known.cards.last().map_or("/".to_owned(), |card| format!("/r/{}", card.index))),
        }
    }

    /// All versions of the card and the cards of others about the same artefact, oldest first, with what lint says about the
    /// one that is shown.
    fn cards(&self) -> Result<Vec<Seen>, Problem> {
        let (record, view) = (self.card.record, self.view());
        let kind = view.newest().map(|newest| newest.header.kind.clone()).unwrap_or_default();
        let around = view.around.iter().filter(|item| item.header.kind == kind);
        let mut items: Vec<&Item> = view.versions.iter().chain(around).collect();
        items.sort_by_key(|item| item.index);
        items.dedup_by_key(|item| item.index);
        // The one that is asked for is shown, however many came after it.
        let shown: Vec<&Item> = items.iter().copied().filter(|item| item.header.record == record).take(1).collect();
        let skip = items.len().saturating_sub(MAX_SHOWN);
        self.reading.leave_out(skip);
        let mut items = items.split_off(skip);
        items.extend(shown);
        items.sort_by_key(|item| item.index);
        items.dedup_by_key(|item| item.index);
        let mut cards = self.reading.newest(items, MAX_SHOWN + 1)?;
        cards.iter_mut().filter(|seen| seen.record == record).for_each(remark);
        Ok(cards)
    }

    /// The newest version of the card, if another one is shown.
    fn newer(&self) -> Option<RecordId> {
        let newest = self.view().newest()?.header.record;
        (newest != self.card.record && self.view().ids().contains(&self.card.record)).then_some(newest)
    }

    /// All claims about its licence, also those that are not made any more.
    fn claims(&self) -> Result<Vec<Seen>, Problem> {
        let (view, ids) = (self.view(), self.view().ids());
        // A claim that only mentions the card is about something else.
        let artefacts: Vec<SubjectDigest> =
            view.versions.iter().flat_map(|version| version.header.subjects.clone()).collect();
        let about = |item: &&Item| {
            let names = |digest: &SubjectDigest| {
                artefacts.contains(digest) || ids.iter().any(|id| id.as_bytes() == digest.as_bytes())
            };
            item.header.subjects.iter().any(names)
        };
        Ok(self.reading.newest(view.of_kind(&Kind::LicenseClaim).filter(about).collect(), MAX_SHOWN)?)
    }

    /// Disputes, incidents, corrections and findings about it.
    fn around(&self) -> Result<Around, Problem> {
        let (reading, view) = (self.reading, self.view());
        Ok(Around {
            disputes: self.disputes()?,
            incidents: reading.newest(view.of_kind(&Kind::Incident).collect(), MAX_SHOWN)?,
            corrections: reading.newest(view.of_kind(&Kind::Correction).collect(), MAX_SHOWN)?,
            findings: self.card.findings.clone(),
            findings_of: Some(self.card.findings_of.unwrap_or_default()).filter(|size| *size < reading.view.size),
        })
    }

    /// Disputes, the closed ones first, each with what closed it.
    fn disputes(&self) -> Result<Vec<(Seen, Option<Closed>)>, Problem> {
        let reading = self.reading;
        // Open ones are not lost among those that were closed.
        let mut quarrels: Vec<_> = self.view().disputes.iter().collect();
        quarrels.sort_by_key(|quarrel| (quarrel.is_open(), quarrel.dispute.index));
        let skip = quarrels.len().saturating_sub(MAX_SHOWN);
        reading.leave_out(skip);
        let mut disputes = Vec::new();
        for quarrel in quarrels.into_iter().skip(skip) {
            let closed = match &quarrel.closed_by {
                Some(by) => Some(Closed { outcome: quarrel.outcome(), by: reading.settled(by.clone())? }),
                None => None,
            };
            disputes.push((reading.settled(quarrel.dispute.clone())?, closed));
        }
        Ok(disputes)
    }

    /// The newest records of kinds that have no place of their own on the page, newest first.
    fn others(&self, elsewhere: &[Kind]) -> Result<Vec<Seen>, Problem> {
        let own = self.view().newest().map(|newest| newest.header.kind.as_str());
        let both = [
            Kind::TrainingSource,
            Kind::LicenseClaim,
            Kind::AuditAttestation,
            Kind::Dispute,
            Kind::Incident,
            Kind::Correction,
        ];
        let placed =
            |kind: &str| own == Some(kind) || both.iter().chain(elsewhere).any(|placed| placed.as_str() == kind);
        let others: Vec<&Item> = self.view().around.iter().filter(|item| !placed(&item.header.kind)).collect();
        // A glimpse, and said to be no more: that there are others is not worth a word at the top of the page.
        let newest: Vec<&Item> = others.into_iter().rev().take(MAX_OTHERS).collect();
        let mut others = self.reading.newest(newest, MAX_OTHERS)?;
        self.reading.name_subjects(&mut others)?;
        Ok(others)
    }
}
