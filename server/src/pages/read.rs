//! Reading the log for a page: everything on it is from one published view.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use ledger::ids::{KeyId, LeafIndex, RecordId, SubjectDigest, UnixMillis};
use ledger::log::{Body, EntryView, Filter, Order, Published, Term};
use ledger::note::{Policy, SignedNote};
use ledger::record::Record;
use ledger::record::kinds::{KeyEventReason, Predicate};
use ledger::state::{Fate, Item, Owner, Records};
use ledger::{Code, Error};
use serde_json::Value;

use super::Pages;
use super::view::croissant::is_term;
use super::view::facts::Around;
use super::view::moment::Moment;
use super::view::parts::{Hash, Speaker};
use super::view::record::SignerLine;
use super::view::said::{Allowance, Said};
use super::view::seen::{Content, Seen, Subject, VouchedBy};
use super::view::shell::{Head, Shell, Site};
use crate::looking::{Looking, first_of, newest_of};
use crate::problem::Problem;

/// One request's look at the log.
pub(super) struct Reading<'a> {
    pub(super) pages: &'a Pages,
    pub(super) view: Arc<Published>,
    pub(super) now: UnixMillis,
    pub(super) site: Site,
    pub(super) looking: Looking<'a>,
    indices: RefCell<HashMap<RecordId, Option<LeafIndex>>>,
    left_out: Cell<bool>,
}

impl<'a> Reading<'a> {
    /// A look at the newest view; `None` until there is one.
    pub(super) fn new(pages: &'a Pages, host: Option<&str>) -> Option<Self> {
        let log = &pages.app.log;
        let view = log.published()?;
        Some(Self {
            pages,
            looking: Looking::new(log, Arc::clone(&view)),
            view,
            now: log.now(),
            site: Site::new(pages.app.options.public_url.as_deref(), host),
            indices: RefCell::default(),
            left_out: Cell::new(false),
        })
    }

    /// The newest `limit` of some records, oldest first, with what became of each. What is older is left out, which the
    /// frame of the page then says.
    pub(super) fn newest(&self, items: Vec<&Item>, limit: usize) -> ledger::Result<Vec<Seen>> {
        let skip = items.len().saturating_sub(limit);
        self.leave_out(skip);
        items.into_iter().skip(skip).map(|item| self.settled(item.clone())).collect()
    }

    /// So many records of a list are not given to the page.
    pub(super) fn leave_out(&self, count: usize) {
        self.left_out.set(self.left_out.get() || count > 0);
    }

    /// The frame of a page, once everything for the page was read.
    pub(super) fn shell(&self, part: &'static str) -> Shell {
        let partial = self.left_out.get() || self.looking.is_capped();
        Shell { partial, ..Shell::new("", part, Some(self.head())) }
    }

    /// The checkpoint that the page is made under.
    pub(super) fn head(&self) -> Head {
        let last = self.view.size.0.checked_sub(1).and_then(|last| self.entry(LeafIndex(last)).ok().flatten());
        Head {
            origin: self.pages.app.log.origin().to_string(),
            size: self.view.size,
            root: Hash::new(self.view.root),
            cosigned: self.cosigned(),
            last: last.map(|last| Moment::new(last.header.received, self.now)),
        }
    }

    /// The witnesses of the log's policy that cosigned the checkpoint, newest first.
    fn cosigned(&self) -> Vec<(Said, Moment)> {
        let accepted = self.policy().and_then(|policy| {
            let note = SignedNote::parse(&self.view.note)?;
            let known: Vec<_> = policy.witnesses().cloned().collect();
            note.verify(&known)
        });
        let Ok(note) = accepted else { return Vec::new() };
        let signers = note.signers().iter();
        let mut cosigned: Vec<(Said, u64)> = signers
            .filter_map(|signer| Some((Said::whole(signer.key().name().as_str()), signer.time()?.as_u64())))
            .collect();
        cosigned.sort_by_key(|(_, at)| std::cmp::Reverse(*at));
        let moment = |seconds: u64| Moment::new(UnixMillis(seconds.saturating_mul(1000)), self.now);
        cosigned.into_iter().map(|(name, at)| (name, moment(at))).collect()
    }

    /// The witness policy that the log itself states, from its newest `log-policy`.
    pub(super) fn policy(&self) -> ledger::Result<Policy> {
        let none = || Error::new(Code::NotFound, "the log has no policy");
        let index = self.view.state.policy().ok_or_else(none)?.index;
        if let Some(policy) = self.pages.policy_at(index) {
            return Ok(policy);
        }
        let entry = self.entry(index)?.ok_or_else(none)?;
        let Body::Held(body) = self.pages.app.log.body(&entry)? else { return Err(none()) };
        let Predicate::LogPolicy(policy) = Record::parse(&body)?.predicate else { return Err(none()) };
        let policy = Policy::parse(policy.witnesses.as_bytes())?;
        self.pages.keep_policy(index, policy.clone());
        Ok(policy)
    }

    /// What facts need to know beyond the record.
    pub(super) fn around<T>(&self, with: impl FnOnce(&Around<'_>) -> T) -> T {
        let index_of = |id| self.index_of(id);
        with(&Around { index_of: &index_of, now: self.now })
    }

    /// Where the log has a record first.
    pub(super) fn index_of(&self, id: RecordId) -> Option<LeafIndex> {
        if let Some(known) = self.indices.borrow().get(&id) {
            return *known;
        }
        let found = self.pages.app.log.find_record(&self.view, id).ok().flatten().map(|entry| entry.index);
        self.indices.borrow_mut().insert(id, found);
        found
    }

    /// An entry.
    pub(super) fn entry(&self, index: LeafIndex) -> ledger::Result<Option<EntryView>> {
        self.pages.app.log.entry(&self.view, index)
    }

    /// The record at an index.
    pub(super) fn at(&self, index: LeafIndex) -> Result<Option<Seen>, Problem> {
        Ok(self.entry(index)?.map(|entry| self.seen(entry)).transpose()?)
    }

    /// The first entry of a record.
    pub(super) fn record(&self, id: RecordId) -> Result<Option<Seen>, Problem> {
        let entry = self.pages.app.log.find_record(&self.view, id)?;
        Ok(entry.map(|entry| self.seen(entry)).transpose()?)
    }

    /// Entries under a filter, as they stand in the index.
    pub(super) fn page(&self, terms: Vec<Term>, order: Order, limit: usize) -> ledger::Result<ledger::log::Page> {
        let order = match order {
            Order::Below(below) if !self.view.size.covers(below) => newest_of(&self.view),
            order => order,
        };
        self.pages.app.log.page(&self.view, &Filter { terms }, order, limit)
    }

    /// Records under a filter, and where to go on.
    pub(super) fn list(
        &self,
        terms: Vec<Term>,
        order: Order,
        limit: usize,
    ) -> Result<(Vec<Seen>, Option<Order>), Problem> {
        let page = self.page(terms, order, limit)?;
        let seen = page.entries.into_iter().map(|entry| self.seen(entry)).collect::<ledger::Result<_>>()?;
        Ok((seen, page.next))
    }

    /// The newest `limit` records of a kind under any of the terms that their issuers still make, newest first, and whether
    /// there may be more.
    pub(super) fn still_made(&self, terms: &[Term], kind: &str, limit: usize) -> Result<(Vec<Seen>, bool), Problem> {
        let newest = Order::Below(LeafIndex(u64::MAX));
        // Some of them will have been taken back.
        let (mut found, mut more, most) = (BTreeMap::new(), false, 4 * limit);
        for term in terms {
            let page = self.page(vec![term.clone(), Term::Kind(kind.to_owned())], newest, most)?;
            more |= page.next.is_some();
            found.extend(page.entries.into_iter().map(|entry| (entry.header.record, entry)));
        }
        let mut found: Vec<EntryView> = found.into_values().collect();
        found.sort_by_key(|entry| std::cmp::Reverse(entry.index));
        // However many names something has, so many bodies are read.
        more |= found.len() > most;
        let read = found.into_iter().take(most).map(|entry| self.seen(entry));
        let mut found: Vec<Seen> = read.collect::<ledger::Result<_>>()?;
        self.settle(&mut found)?;
        found.retain(|seen| seen.content.is_some() && seen.fate.is_live());
        more |= found.len() > limit;
        found.truncate(limit);
        Ok((found, more))
    }

    /// A record with what became of it.
    pub(super) fn settled(&self, item: Item) -> ledger::Result<Seen> {
        let fate = Fate::of(&self.looking, &self.view.state, &item, self.now)?;
        Ok(Seen { fate, ..self.seen_of(item) })
    }

    /// Looks up what became of records.
    pub(super) fn settle(&self, records: &mut [Seen]) -> ledger::Result<()> {
        for seen in records {
            if let Some(item) = self.looking.item(seen.index)? {
                seen.fate = Fate::of(&self.looking, &self.view.state, &item, self.now)?;
            }
        }
        Ok(())
    }

    /// The record of an entry.
    pub(super) fn seen(&self, entry: EntryView) -> ledger::Result<Seen> {
        let record = match self.pages.app.log.body(&entry)? {
            Body::Held(body) => Some(Record::parse(&body)?),
            Body::Redacted => None,
        };
        // A body whose erasing is committed counts as erased, whether its bytes are gone yet or not.
        let record = record.filter(|_| self.view.state.redaction(&entry.header.record).is_none());
        Ok(self.seen_of(Item { index: entry.index, header: entry.header, record }))
    }

    fn seen_of(&self, Item { index, header, record }: Item) -> Seen {
        let vouch = self.view.state.vouch(&header.record).filter(|_| header.issuer.starts_with("key:"));
        Seen {
            index,
            kind: header.kind,
            record: header.record,
            issuer: header.issuer,
            signers: header.signers,
            subjects: header.subjects,
            refs: header.refs,
            received: header.received,
            content: record.map(content),
            of: None,
            fate: Fate::default(),
            vouched: vouch.map(|vouch| VouchedBy { index: vouch.index, issuer: vouch.issuer.clone() }),
        }
    }

    /// Looks up what each record speaks of, where that is another record of the log.
    pub(super) fn name_subjects(&self, records: &mut [Seen]) -> Result<(), Problem> {
        let mut names: HashMap<SubjectDigest, Option<(String, String)>> = HashMap::new();
        for seen in records {
            if matches!(seen.kind.as_str(), "model-card" | "dataset-card" | "party" | "log-policy" | "key-event") {
                continue;
            }
            let Some(subject) = seen.subjects.first().copied() else { continue };
            if let Some(name) = names.get(&subject) {
                seen.of = name.clone();
                continue;
            }
            let name = self.thing(subject)?.and_then(|thing| Some((thing.about()?, thing.href())));
            seen.of = name.clone();
            names.insert(subject, name);
        }
        Ok(())
    }

    /// The record that a subject is, or the newest card of the artefact that it is.
    pub(super) fn thing(&self, subject: SubjectDigest) -> Result<Option<Seen>, Problem> {
        if let Some(record) = self.record(RecordId::from_bytes(*subject.as_bytes()))? {
            return Ok(Some(record));
        }
        for kind in ["model-card", "dataset-card"] {
            let terms = vec![Term::Subject(subject), Term::Kind(kind.to_owned())];
            let newest = Order::Below(LeafIndex(u64::MAX));
            let (card, partial) = first_of(newest, |order| self.list(terms.clone(), order, 1))?;
            self.leave_out(usize::from(partial));
            if card.is_some() {
                return Ok(card);
            }
        }
        Ok(None)
    }

    /// The signers of a record, with what the log knows about their keys.
    pub(super) fn signers(&self, seen: &Seen, allowance: &mut Allowance) -> Vec<SignerLine> {
        let state = &self.view.state;
        let line = |key: &KeyId| {
            let known = state.key(key);
            let party = known.and_then(|key| match &key.owner {
                Owner::Party(id) => Some(id.as_str()),
                Owner::Council => None,
            });
            let name = party.filter(|id| *id == seen.issuer).and_then(|_| seen.text(&["issuer", "name"]));
            SignerLine {
                key: Hash::new(key),
                issuer: party == Some(seen.issuer.as_str()) || seen.issuer == format!("key:{key}"),
                council: known.is_some_and(|key| key.owner == Owner::Council),
                registered: known.map(|key| key.registered),
                revoked: known.and_then(|key| key.revoked).map(|revocation| {
                    let doubt = match revocation.compromised_from {
                        Some(from) if from <= seen.index => ", and this signature is in doubt",
                        _ if revocation.index > seen.index => ", after this was recorded",
                        _ => "",
                    };
                    format!("revoked by record {} ({}){doubt}", revocation.index, reason_words(revocation.reason))
                }),
                party: party.map(|id| Speaker::new(id, name, allowance)),
            }
        };
        seen.signers.iter().map(line).collect()
    }
}

/// Why a key was revoked, in words.
pub(super) const fn reason_words(reason: KeyEventReason) -> &'static str {
    match reason {
        KeyEventReason::Unspecified => "no reason given",
        KeyEventReason::KeyCompromise => "somebody else may have the key",
        KeyEventReason::KeyLost => "the key was lost",
        KeyEventReason::AffiliationChanged => "its holder left",
        KeyEventReason::Superseded => "another key took its place",
        KeyEventReason::CessationOfOperation => "the party stopped",
        KeyEventReason::PrivilegeWithdrawn => "its holder may no longer sign",
    }
}

fn content(record: Record) -> Content {
    let subjects = record.subjects().iter();
    let subjects = subjects.map(|s| Subject { name: s.name.clone(), sha256: s.sha256() }).collect();
    let unknown = unknown(&record);
    Content { subjects, unknown, predicate: record.statement.predicate, warnings: Vec::new() }
}

/// The members that the kind does not have.
fn unknown(record: &Record) -> BTreeSet<String> {
    // What imports say about themselves belongs to every kind that they make.
    let everywhere = ["publicKey", "card", "abridged", "unmapped"];
    let names = |other: &serde_json::Map<String, Value>| -> BTreeSet<String> {
        other.keys().filter(|name| !everywhere.contains(&name.as_str())).cloned().collect()
    };
    match &record.predicate {
        Predicate::PartyProfile(kind) => names(&kind.other),
        // The prose of a README stands in none of the other members. The type does not name it: it would bind its form.
        Predicate::ModelCard(kind) => names(&kind.other).into_iter().filter(|name| name != "description").collect(),
        Predicate::TrainingSource(kind) => names(&kind.other),
        Predicate::Manifest(kind) => names(&kind.other),
        Predicate::LicenseClaim(kind) => names(&kind.other),
        Predicate::AuditAttestation(kind) => names(&kind.other),
        Predicate::UsagePreference(kind) => names(&kind.other),
        Predicate::PreferenceResponse(kind) => names(&kind.other),
        Predicate::Agreement(kind) => names(&kind.other),
        Predicate::Comment(kind) => names(&kind.other),
        Predicate::Dispute(kind) => names(&kind.other),
        Predicate::Resolution(kind) => names(&kind.other),
        Predicate::Correction(kind) => names(&kind.other),
        Predicate::Incident(kind) => names(&kind.other),
        Predicate::SlaReport(kind) => names(&kind.other),
        Predicate::CompensationReport(kind) => names(&kind.other),
        Predicate::AttributionReport(kind) => names(&kind.other),
        // A dataset card has all of Croissant's and of what Croissant builds on.
        Predicate::DatasetCard(kind) => names(&kind.other).into_iter().filter(|name| !is_term(name)).collect(),
        // Structural kinds have no other members; of a kind that nobody here knows every member is.
        Predicate::LogPolicy(_) | Predicate::Party(_) | Predicate::KeyEvent(_) => BTreeSet::new(),
        Predicate::GovernanceEvent(_) | Predicate::Retraction(_) => BTreeSet::new(),
        Predicate::IndexRoot(_) | Predicate::RunRoot(_) => BTreeSet::new(),
        Predicate::Other => BTreeSet::new(),
    }
}
