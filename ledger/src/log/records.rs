//! The graph of records as the index has it: what [`state`](crate::state)'s views are read through, at one published size.
//!
//! Nothing of it is held in memory. An edge is a list of postings; an item is an entry of the journal and its body.

use super::reader::{Body, Filter, MAX_PAGE, Order};
use super::{Log, Published};
use crate::error::Result;
use crate::ids::LeafIndex;
use crate::record::Record;
use crate::state::{Edge, Item, Records};
use crate::trie::Term;

/// The records of a log that a view shows.
#[derive(Debug, Clone, Copy)]
pub struct ViewRecords<'a> {
    log: &'a Log,
    view: &'a Published,
}

impl Log {
    /// The records that a view shows, to read models, datasets, agreements and findings from.
    pub const fn records<'a>(&'a self, view: &'a Published) -> ViewRecords<'a> {
        ViewRecords { log: self, view }
    }
}

impl Records for ViewRecords<'_> {
    fn along(&self, edge: &Edge, from: LeafIndex, limit: usize) -> Result<Vec<LeafIndex>> {
        let terms = match edge {
            Edge::Record(id) => vec![Term::Record(*id)],
            Edge::Subject(digest) => vec![Term::Subject(*digest)],
            Edge::Ref(id) => vec![Term::Ref(*id)],
            Edge::RefBy(id, issuer) => vec![Term::Ref(*id), Term::Issuer(issuer.clone())],
            Edge::Kind(kind) => vec![Term::Kind(kind.clone())],
        };
        let filter = Filter { terms };
        let mut found = Vec::new();
        let mut next = Some(Order::From(from));
        while let Some(order) = next.filter(|_| found.len() < limit) {
            let page = self.log.page(self.view, &filter, order, (limit - found.len()).min(MAX_PAGE))?;
            found.extend(page.entries.into_iter().map(|entry| entry.index));
            next = page.next;
        }
        Ok(found)
    }

    fn item(&self, index: LeafIndex) -> Result<Option<Item>> {
        let Some(entry) = self.log.entry(self.view, index)? else { return Ok(None) };
        let record = match self.log.body(&entry)? {
            Body::Held(bytes) => Some(Record::parse(&bytes)?),
            Body::Redacted => None,
        };
        // A body whose erasing is committed counts as erased, whether its bytes are gone yet or not.
        let record = record.filter(|_| self.view.state.redaction(&entry.header.record).is_none());
        Ok(Some(Item { index, header: entry.header, record }))
    }
}
