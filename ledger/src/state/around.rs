//! Everything that names a record or an artefact, and what became of each of those records since.
//!
//! A record is taken back only by its own issuer: `supersedes`, `revokes`, a `retraction`. What others say about it
//! (corrections by others, disputes) is shown beside it and changes nothing. Redaction erases the body and leaves the rest.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::{Edge, Item, Records, State};
use crate::error::Result;
use crate::ids::{LeafIndex, RecordId, SubjectDigest, UnixMillis};
use crate::record::kind::Kind;
use crate::record::kinds::Predicate;

/// Entries that name one of some records or artefacts, by index.
#[derive(Debug, Clone, Default)]
pub struct Around {
    items: BTreeMap<LeafIndex, Item>,
}

impl Around {
    /// All that names one of these records, as a subject or in its predicate, or is about one of these artefacts.
    ///
    /// # Errors
    /// Those of `records`. From a log: `store_corrupt`; from memory none.
    pub fn of(records: &dyn Records, ids: &[RecordId], artefacts: &[SubjectDigest]) -> Result<Self> {
        let of_records = ids.iter().flat_map(|id| [Edge::about(*id), Edge::Ref(*id)]);
        let of_artefacts = artefacts.iter().map(|digest| Edge::Subject(*digest));
        let mut items = BTreeMap::new();
        for edge in of_records.chain(of_artefacts) {
            for index in records.along(&edge, LeafIndex(0), usize::MAX)? {
                if !items.contains_key(&index)
                    && let Some(item) = records.item(index)?
                {
                    items.insert(index, item);
                }
            }
        }
        Ok(Self { items })
    }

    /// Those of one kind, in the order of the entries.
    pub fn of_kind(&self, kind: &Kind) -> impl Iterator<Item = &Item> {
        self.items.values().filter(move |item| item.header.kind == kind.as_str())
    }

    /// All, in the order of the entries.
    pub fn iter(&self) -> impl Iterator<Item = &Item> {
        self.items.values()
    }
}

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fate {
    /// Its issuer's record that takes its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<LeafIndex>,
    /// Its issuer's record that takes it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken_back_by: Option<LeafIndex>,
    /// Its issuer's corrections.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub corrected_by: Vec<LeafIndex>,
    /// The retraction that erased its body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redacted_by: Option<LeafIndex>,
    /// Whether its time is over.
    pub expired: bool,
}

impl Fate {
    /// What became of a record by a moment.
    ///
    /// # Errors
    /// Those of `records`. From a log: `store_corrupt`; from memory none.
    pub fn of(records: &dyn Records, state: &State, item: &Item, now: UnixMillis) -> Result<Self> {
        let id = item.header.record;
        let mut fate = Self { redacted_by: state.redaction(&id), ..Self::default() };
        let valid_until = item.record.as_ref().and_then(|record| record.common.valid_until.as_ref());
        fate.expired = valid_until.is_some_and(|until| until.millis() <= now);
        let its_issuers = Edge::RefBy(id, item.header.issuer.clone());
        for index in records.along(&its_issuers, LeafIndex(item.index.0 + 1), usize::MAX)? {
            let Some(record) = records.item(index)?.and_then(|later| later.record) else { continue };
            let names = |list: &[crate::record::terms::RecordRef]| list.iter().any(|named| named.id() == id);
            if names(&record.common.supersedes) {
                fate.superseded_by.get_or_insert(index);
            }
            if names(&record.common.revokes) {
                fate.taken_back_by.get_or_insert(index);
            }
            if names(&record.common.corrects) {
                fate.corrected_by.push(index);
            }
            match &record.predicate {
                Predicate::Retraction(retraction) if retraction.redaction.is_none() && retraction.target.id() == id => {
                    fate.taken_back_by.get_or_insert(index);
                }
                Predicate::Correction(correction)
                    if correction.target.id() == id && !fate.corrected_by.contains(&index) =>
                {
                    fate.corrected_by.push(index);
                }
                _ => {}
            }
        }
        Ok(fate)
    }

    /// What became of it for programs, indices as strings.
    pub fn to_json(&self) -> Value {
        let index = |index: LeafIndex| index.to_string();
        json!({
            "supersededBy": self.superseded_by.map(index), "takenBackBy": self.taken_back_by.map(index),
            "correctedBy": self.corrected_by.iter().copied().map(index).collect::<Vec<String>>(),
            "redactedBy": self.redacted_by.map(index), "expired": self.expired,
        })
    }

    /// Whether the record still says what its issuer says.
    pub fn is_live(&self) -> bool {
        self.superseded_by.is_none() && self.taken_back_by.is_none() && self.redacted_by.is_none() && !self.expired
    }
}
