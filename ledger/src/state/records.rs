//! The graph of records: which entries name which record, artefact or kind, and what they say.
//!
//! Everything that a model, a dataset or an agreement comes to is read through [`Records`]. The log answers it from its
//! index, at any size and without holding it in memory; [`Graph`] answers it from memory, for whoever has read every entry,
//! and for tests. Both are made from headers, so a redacted record is still named by those that name it.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::State;
use crate::entry::Header;
use crate::error::Result;
use crate::ids::{LeafIndex, RecordId, SubjectDigest, UnixMillis};
use crate::record::Record;

/// A way from something to the entries about it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Edge {
    /// Entries of this record id: the first, and those under further signatures.
    Record(RecordId),
    /// Entries about this artefact, or about the record with this id.
    Subject(SubjectDigest),
    /// Entries whose predicate names this record.
    Ref(RecordId),
    /// Those of them that this party issued: few, where half the world may name the record.
    RefBy(RecordId, String),
    /// Entries of this kind.
    Kind(String),
}

impl Edge {
    /// The way to what is about a record.
    pub fn about(id: RecordId) -> Self {
        Self::Subject(SubjectDigest::from_bytes(*id.as_bytes()))
    }
}

/// An entry that counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Where it stands.
    pub index: LeafIndex,
    /// What the log says about it.
    pub header: Header,
    /// What was signed; `None` once its body is erased.
    pub record: Option<Record>,
}

impl Item {
    /// The entry for programs, where it stands in a list: numbers as strings; `moment` writes a time.
    pub fn to_json(&self, moment: &dyn Fn(UnixMillis) -> String) -> Value {
        json!({
            "index": self.index.to_string(), "record": self.header.record, "kind": self.header.kind,
            "issuer": self.header.issuer, "received": moment(self.header.received), "redacted": self.record.is_none(),
        })
    }
}

/// The records of a log up to some size. Only entries that count: whose signatures hold and whose signers might say this.
///
/// # Errors
/// From a log each fails with `store_corrupt` if its index or journal cannot be read; from memory none fails.
#[allow(clippy::missing_errors_doc, reason = "the trait says it for all")]
pub trait Records {
    /// The entries that an edge leads to, ascending, from `from` on, at most `limit`.
    fn along(&self, edge: &Edge, from: LeafIndex, limit: usize) -> Result<Vec<LeafIndex>>;

    /// An entry.
    fn item(&self, index: LeafIndex) -> Result<Option<Item>>;

    /// All entries along an edge.
    fn all(&self, edge: &Edge) -> Result<Vec<Item>> {
        let indices = self.along(edge, LeafIndex(0), usize::MAX)?;
        indices.into_iter().filter_map(|index| self.item(index).transpose()).collect()
    }

    /// The first entry of a record.
    fn first(&self, id: RecordId) -> Result<Option<Item>> {
        match self.along(&Edge::Record(id), LeafIndex(0), 1)?.first() {
            Some(index) => self.item(*index),
            None => Ok(None),
        }
    }
}

/// The graph in memory.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    items: Vec<Item>,
    places: HashMap<LeafIndex, usize>,
    edges: HashMap<Edge, Vec<LeafIndex>>,
    of_record: HashMap<RecordId, Vec<usize>>,
}

impl Graph {
    /// Takes in an entry that counts. Entries come in order.
    pub fn add(&mut self, item: Item) {
        let (index, header) = (item.index, &item.header);
        let mut lead = |edge: Edge| {
            let list = self.edges.entry(edge).or_default();
            if list.last() != Some(&index) {
                list.push(index);
            }
        };
        lead(Edge::Record(header.record));
        lead(Edge::Kind(header.kind.clone()));
        header.subjects.iter().for_each(|subject| lead(Edge::Subject(*subject)));
        header.refs.iter().for_each(|id| lead(Edge::Ref(*id)));
        self.places.insert(index, self.items.len());
        self.of_record.entry(header.record).or_default().push(self.items.len());
        self.items.push(item);
    }

    /// Drops the bodies of a record, which a retraction erased.
    pub fn forget_body(&mut self, id: RecordId) {
        for place in self.of_record.get(&id).into_iter().flatten() {
            self.items[*place].record = None;
        }
    }

    /// How many entries it holds.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

impl Records for Graph {
    fn along(&self, edge: &Edge, from: LeafIndex, limit: usize) -> Result<Vec<LeafIndex>> {
        let after = |edge: &Edge| {
            let list = self.edges.get(edge).map_or(&[][..], Vec::as_slice);
            &list[list.partition_point(|index| *index < from)..]
        };
        let Edge::RefBy(id, issuer) = edge else { return Ok(after(edge).iter().take(limit).copied().collect()) };
        let issued = |index: &&LeafIndex| {
            self.places.get(index).is_some_and(|place| self.items[*place].header.issuer == *issuer)
        };
        Ok(after(&Edge::Ref(*id)).iter().filter(issued).take(limit).copied().collect())
    }

    fn item(&self, index: LeafIndex) -> Result<Option<Item>> {
        Ok(self.places.get(&index).map(|place| self.items[*place].clone()))
    }
}

/// State and graph of a log that was read from its first entry on.
#[derive(Debug, Clone, Default)]
pub struct Replica {
    /// The state after the last entry.
    pub state: State,
    /// The entries that count.
    pub graph: Graph,
}

impl Replica {
    /// Takes in the entry at `index`, whose signatures hold. Answers why it does not count, if it does not: that is what
    /// monitors report about a log that admits what it should not.
    ///
    /// # Errors
    /// Those of [`State::admit`]. The entry is taken in all the same, as far as it says something by the rules.
    pub fn apply(&mut self, index: LeafIndex, header: Header, record: Option<Record>) -> Result<()> {
        let record = record.filter(|_| self.state.redaction(&header.record).is_none());
        let authorised = match &record {
            Some(record) => self.state.authorise(record, index),
            None => self.state.authorise_header(&header, index),
        };
        let counts = match &record {
            Some(record) => self.state.admit(record, index, header.received),
            None => authorised.clone(),
        };
        self.state.apply(index, &header, record.as_ref());
        if authorised.is_ok() {
            let erased = header.refs.iter().filter(|id| self.state.redaction(id) == Some(index));
            erased.for_each(|id| self.graph.forget_body(*id));
            self.graph.add(Item { index, header, record });
        }
        counts
    }
}
