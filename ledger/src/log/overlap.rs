//! The entries that two terms of a filter have in common, found in their postings alone.
//!
//! Both lists are sorted, so whoever is behind jumps to where the other one stands. A record that a million comments name
//! and its issuer's dozen records meet after a dozen jumps, where a walk along one list would read the entry of each of
//! the million.

use super::index::Index;
use super::reader::Order;
use crate::error::Result;
use crate::ids::LeafIndex;
use crate::trie::Term;

/// Steps after which a jump is cheaper: a step is some nanoseconds, a jump a few look-ups in sled.
const STEPS: usize = 64;

/// An index that one of the lists has reached, and whether the other one has it too. Where both lists agree seldom, whoever
/// reads this counts what it looks at.
pub(super) type Met = Result<(LeafIndex, bool)>;

/// Walks through two lists at once, in the order asked for.
pub(super) fn in_both<'a>(index: &'a Index, terms: [&'a Term; 2], order: Order) -> impl Iterator<Item = Met> + use<'a> {
    let mut lists = terms.map(|term| Walk::at(index, term, order));
    std::iter::from_fn(move || {
        let [one, other] = &mut lists;
        let (at, beside) = match (one.head()?, other.head()?) {
            (Ok(at), Ok(beside)) => (at, beside),
            (Err(error), _) | (_, Err(error)) => return Some(Err(error)),
        };
        let met = at == beside;
        if met {
            one.next();
            other.next();
        } else if order.is_before(at, beside) {
            one.advance_to(beside);
        } else {
            other.advance_to(at);
        }
        Some(Ok((at, met)))
    })
}

type List = std::iter::Peekable<Box<dyn Iterator<Item = Result<LeafIndex>>>>;

struct Walk<'a> {
    index: &'a Index,
    term: &'a Term,
    order: Order,
    list: List,
}

impl<'a> Walk<'a> {
    fn at(index: &'a Index, term: &'a Term, order: Order) -> Self {
        Self { index, term, order, list: postings(index, term, order).peekable() }
    }

    /// Where the list stands; `None` at its end. An error is given once, and ends it.
    fn head(&mut self) -> Option<Result<LeafIndex>> {
        match self.list.peek()? {
            Ok(index) => Some(Ok(*index)),
            Err(_) => self.list.next(),
        }
    }

    fn next(&mut self) {
        self.list.next();
    }

    /// To the first index that does not come before `target`.
    fn advance_to(&mut self, target: LeafIndex) {
        for _ in 0..STEPS {
            match self.list.peek() {
                Some(Ok(index)) if self.order.is_before(*index, target) => self.next(),
                _ => return,
            }
        }
        self.list = postings(self.index, self.term, self.order.starting_at(target)).peekable();
    }
}

/// The list of a term, from where the order begins.
pub(super) fn postings(index: &Index, term: &Term, order: Order) -> Box<dyn Iterator<Item = Result<LeafIndex>>> {
    match order {
        Order::From(from) => Box::new(index.ascending(term, from)),
        Order::Below(before) => Box::new(index.descending(term, before)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::engine::{Place, Places};
    use crate::entry::Header;
    use crate::ids::{BodyDigest, RecordId, TreeSize, UnixMillis};
    use crate::log::index::{Indexed, Indexer};

    const PLACE: Place = Place { segment: 0, len: 0, offset: 0 };

    fn header(kind: &str, issuer: &str) -> Header {
        Header {
            kind: kind.to_owned(),
            record: RecordId::from_bytes([1; 32]),
            issuer: issuer.to_owned(),
            signers: Vec::new(),
            keys: Vec::new(),
            subjects: Vec::new(),
            refs: Vec::new(),
            received: UnixMillis(0),
        }
    }

    fn index_of(headers: &[Header]) -> (tempfile::TempDir, Arc<Index>) {
        let dir = tempfile::tempdir().unwrap();
        let index = Arc::new(Index::open(dir.path()).unwrap());
        let places = Places { entry: PLACE, body: PLACE };
        let entries: Vec<Indexed<'_>> = headers
            .iter()
            .zip(0..)
            .map(|(header, at)| Indexed { index: LeafIndex(at), header, body: BodyDigest::from_bytes([0; 32]), places })
            .collect();
        Indexer::new(Arc::clone(&index), TreeSize(0)).unwrap().apply(&entries, &[]).unwrap();
        (dir, index)
    }

    fn terms() -> [Term; 2] {
        [Term::Kind("comment".to_owned()), Term::Issuer("lab".to_owned())]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Runs of either list, some longer than a step and than a chunk, against a walk through all entries.
        #[test]
        fn two_lists_meet_where_both_have_an_index(
            runs in prop::collection::vec((0usize..400, any::<bool>(), any::<bool>()), 1..12),
            from in 0u64..2_500,
        ) {
            let runs = runs.iter().flat_map(|(length, comment, lab)| {
                let one = header(if *comment { "comment" } else { "model-card" }, if *lab { "lab" } else { "other" });
                std::iter::repeat_n(one, *length)
            });
            let headers: Vec<Header> = runs.collect();
            let (_dir, index) = index_of(&headers);
            let [one, other] = &terms();
            let meet = |order| -> Vec<u64> {
                let met = in_both(&index, [one, other], order).map(Result::unwrap);
                met.filter_map(|(at, met)| met.then_some(at.0)).collect()
            };
            let has_both = |header: &Header| header.kind == "comment" && header.issuer == "lab";
            let both = (0u64..).zip(&headers).filter(|(_, header)| has_both(header)).map(|(at, _)| at);
            let (below, above): (Vec<u64>, Vec<u64>) = both.partition(|at| *at < from);
            prop_assert_eq!(meet(Order::From(LeafIndex(from))), above);
            prop_assert_eq!(meet(Order::Below(LeafIndex(from))), below.into_iter().rev().collect::<Vec<u64>>());
        }
    }

    #[test]
    fn a_long_list_is_jumped_over() {
        let mut headers = vec![header("comment", "other"); 20_000];
        headers[17_000].issuer = "lab".to_owned();
        let (_dir, index) = index_of(&headers);
        let [one, other] = &terms();
        for order in [Order::From(LeafIndex(0)), Order::Below(LeafIndex(u64::MAX))] {
            let met: Vec<(LeafIndex, bool)> = in_both(&index, [one, other], order).map(Result::unwrap).collect();
            assert_eq!(met.last(), Some(&(LeafIndex(17_000), true)));
            assert!(met.len() <= 2, "{} places were looked at", met.len());
        }
    }
}
