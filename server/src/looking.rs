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
use ledger::log::{Log, Order, Published};
use ledger::state::{Edge, Item, Records};

/// Entries along one edge. A model of 5,000 sources is read whole.
const MAX_ALONG: usize = 5_000;

/// Entries read for one request. At 20 to 40 µs each that is less than a second.
const MAX_ITEMS: usize = 20_000;

/// Pages that are followed for one record: each looks at some thousand entries that other terms do not match.
const MAX_PAGES: usize = 20;

/// The first thing on some pages, and whether the pages went on where nobody looked any more. A page may end early with nothing
/// on it, and that is not the end.
pub(crate) fn first_of<T, E>(
    from: Order,
    mut page: impl FnMut(Order) -> Result<(Vec<T>, Option<Order>), E>,
) -> Result<(Option<T>, bool), E> {
    let mut next = Some(from);
    for _ in 0..MAX_PAGES {
        let Some(order) = next else { break };
        let (things, further) = page(order)?;
        if let Some(first) = things.into_iter().next() {
            return Ok((Some(first), false));
        }
        next = further;
    }
    Ok((None, next.is_some()))
}

/// Where the newest entries of a view are asked for: those that nobody may see yet cost no look.
pub(crate) fn newest_of(view: &Published) -> Order {
    Order::Below(LeafIndex(view.size.0))
}

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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_page_that_ends_early_is_followed_and_what_nobody_looked_at_is_not_absent() {
        let walk = |on_page: usize, pages: usize| {
            let mut asked = 0;
            let page = |order: Order| {
                let Order::Below(LeafIndex(below)) = order else { return Err(()) };
                asked += 1;
                let things = if asked == on_page { vec![below] } else { Vec::new() };
                Ok((things, (asked < pages).then(|| Order::Below(LeafIndex(below - 1)))))
            };
            first_of(Order::Below(LeafIndex(100)), page).unwrap()
        };
        assert_eq!(walk(1, 1), (Some(100), false));
        assert_eq!(walk(5, 9), (Some(96), false));
        assert_eq!(walk(0, 5), (None, false));
        assert_eq!(walk(MAX_PAGES, MAX_PAGES + 1), (Some(81), false));
        assert_eq!(walk(MAX_PAGES + 1, MAX_PAGES + 2), (None, true));
    }
}
