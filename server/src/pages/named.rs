//! By which names records speak of a dataset: its manifest, every version of its card, and the files of those.
//!
//! The command line takes the same (`colophon ask`), from a scan of the whole log; here the index is asked.

use std::collections::{BTreeMap, BTreeSet};

use ledger::ids::{LeafIndex, RecordId, SubjectDigest};
use ledger::log::{Order, Term};
use ledger::state::{Edge, Item, Records};

use super::read::Reading;
use super::view::seen::Seen;

/// Names that are looked up for one dataset: each costs two look-ups, and a card may be about thousands of files.
const MAX_NAMES: usize = 64;

/// Versions of one card that are read.
const MAX_VERSIONS: usize = 256;

/// Cards that name one manifest.
const MAX_CARDS: usize = 32;

/// What others may name when they speak of a dataset.
#[derive(Debug, Default)]
pub(super) struct Named {
    /// The manifest, the cards, the keyspaces and the files.
    subjects: Vec<SubjectDigest>,
    /// The manifest and the cards.
    records: Vec<RecordId>,
    /// Whether there are more names than these.
    pub(super) cut: bool,
}

impl Named {
    /// The names of the dataset whose contents a manifest commits to.
    pub(super) fn of(reading: &Reading<'_>, manifest: &Seen) -> ledger::Result<Self> {
        let mut known: BTreeMap<LeafIndex, Item> = BTreeMap::new();
        if let Some(card) = manifest.reference(&["dataset", "record"]) {
            known.extend(versions(reading, card)?.into_iter().map(|item| (item.index, item)));
        }
        // A card may name its manifest instead.
        let terms = vec![Term::Ref(manifest.record), Term::Kind("dataset-card".to_owned())];
        let page = reading.page(terms, Order::Below(LeafIndex(u64::MAX)), MAX_CARDS)?;
        let mut named = Self { cut: page.next.is_some(), ..Self::default() };
        for entry in page.entries {
            if !known.contains_key(&entry.index) {
                known.extend(versions(reading, entry.header.record)?.into_iter().map(|item| (item.index, item)));
            }
        }
        named.records.push(manifest.record);
        // The newest first, so that they are the last to be left out.
        named.records.extend(known.values().rev().map(|card| card.header.record));
        named.subjects.extend(named.records.iter().map(|id| SubjectDigest::from_bytes(*id.as_bytes())));
        named.subjects.extend(&manifest.subjects);
        named.subjects.extend(known.values().rev().flat_map(|card| &card.header.subjects));
        let mut met = BTreeSet::new();
        named.subjects.retain(|digest| met.insert(*digest));
        named.cut |= named.subjects.len() > MAX_NAMES;
        named.subjects.truncate(MAX_NAMES);
        named.records.truncate(MAX_NAMES);
        Ok(named)
    }

    /// Where those stand that are about it.
    pub(super) fn about(&self) -> Vec<Term> {
        self.subjects.iter().copied().map(Term::Subject).collect()
    }

    /// Where those stand that are about it or name it.
    pub(super) fn naming(&self) -> Vec<Term> {
        self.records.iter().copied().map(Term::Ref).chain(self.about()).collect()
    }
}

/// All versions of a dataset's card, from the first: cards of one issuer, each superseding one before it. Nothing where the
/// log has no such card.
pub(super) fn versions(reading: &Reading<'_>, card: RecordId) -> ledger::Result<Vec<Item>> {
    let looking = &reading.looking;
    let is_card = |item: &Item| item.header.kind == "dataset-card";
    let mut known: BTreeMap<LeafIndex, Item> = BTreeMap::new();
    let mut open: Vec<Item> = looking.first(card)?.filter(is_card).into_iter().collect();
    while let Some(item) = open.pop().filter(|_| known.len() < MAX_VERSIONS) {
        let (id, issuer) = (item.header.record, item.header.issuer.clone());
        let is_version = |other: &Item| is_card(other) && other.header.issuer == issuer;
        for earlier in replaced_by(&item) {
            open.extend(looking.first(earlier)?.filter(|earlier| is_version(earlier) && earlier.index < item.index));
        }
        let later = looking.all(&Edge::RefBy(id, issuer.clone()))?;
        open.extend(later.into_iter().filter(|later| is_version(later) && replaced_by(later).any(|old| old == id)));
        known.insert(item.index, item);
        open.retain(|item| !known.contains_key(&item.index));
    }
    Ok(known.into_values().collect())
}

/// The records whose place a record says that it takes.
fn replaced_by(item: &Item) -> impl Iterator<Item = RecordId> {
    item.record.iter().flat_map(|record| &record.common.supersedes).map(|named| named.id())
}
