//! The records of a view as one request reads them: each entry once, and no more of them than one request may cost.
//!
//! [`state`](ledger::state) reads a card and all that names it through [`Records`], and asks for the same entry several
//! times on the way: as a source, as what a dispute is about, as what a finding cites. Here the second time is free. Where a
//! card has more about it than one request reads, the answer is of what was read, and [`Looking::is_capped`] says so: whoever
//! wants all of it follows the log.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use ledger::ids::LeafIndex;
use ledger::log::{Log, Published};
use ledger::state::{Edge, Item, Records};

/// Entries along one edge. A model of 5,000 sources is read whole.
const MAX_ALONG: usize = 5_000;

/// Entries read for one request. At 20 to 40 µs each that is less than a second.
const MAX_ITEMS: usize = 20_000;

/// One request's look at the records of a view.
pub(crate) struct Looking<'a> {
    log: &'a Log,
    view: Arc<Published>,
    items: RefCell<HashMap<LeafIndex, Option<Item>>>,
    edges: Cell<usize>,
    capped: Cell<bool>,
}

impl<'a> Looking<'a> {
    /// A look at a view.
    pub(crate) fn new(log: &'a Log, view: Arc<Published>) -> Self {
        Self { log, view, items: RefCell::default(), edges: Cell::new(0), capped: Cell::new(false) }
    }

    /// Whether there was more than was read.
    pub(crate) fn is_capped(&self) -> bool {
        self.capped.get()
    }

    /// How many entries were read, and how many edges were walked: what a page costs.
    #[cfg(test)]
    pub(crate) fn cost(&self) -> (usize, usize) {
        (self.items.borrow().len(), self.edges.get())
    }
}

impl Records for Looking<'_> {
    fn along(&self, edge: &Edge, from: LeafIndex, limit: usize) -> ledger::Result<Vec<LeafIndex>> {
        self.edges.set(self.edges.get() + 1);
        let records = self.log.records(&self.view);
        let mut found = records.along(edge, from, limit.min(MAX_ALONG + 1))?;
        if found.len() > MAX_ALONG && limit > MAX_ALONG {
            found.truncate(MAX_ALONG);
            self.capped.set(true);
        }
        Ok(found)
    }

    fn item(&self, index: LeafIndex) -> ledger::Result<Option<Item>> {
        if let Some(known) = self.items.borrow().get(&index) {
            return Ok(known.clone());
        }
        if self.items.borrow().len() >= MAX_ITEMS {
            self.capped.set(true);
            return Ok(None);
        }
        let item = self.log.records(&self.view).item(index)?;
        self.items.borrow_mut().insert(index, item.clone());
        Ok(item)
    }
}
