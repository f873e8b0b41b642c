//! The roots that this log has computed for somebody to sign: the sequencer takes no others.

use std::collections::BTreeMap;

use crate::ids::{TreeSize, TrieRoot, UnixMillis};

/// Roots that were offered and may still come back signed.
const OFFERED: usize = 64;

/// How long an offer stands for whoever asked, in milliseconds: he signs it where his key is, and sends it back.
const OFFER_STANDS: u64 = 10 * 60 * 1000;

/// The roots that were offered to be signed, by size.
#[derive(Debug, Default)]
pub(super) struct Offers(BTreeMap<TreeSize, Offer>);

#[derive(Debug, Clone, Copy)]
struct Offer {
    root: TrieRoot,
    at: UnixMillis,
}

impl Offers {
    /// Lets go of the oldest offers that stand no more, until there is room for one. `false` if all stand: anybody may ask, and
    /// none that is on its way to a signer gives way to the next.
    pub(super) fn make_room(&mut self, now: UnixMillis) -> bool {
        while self.0.len() >= OFFERED {
            let over = |offer: &Offer| now.0.saturating_sub(offer.at.0) >= OFFER_STANDS;
            let oldest = self.0.iter().filter(|(_, offer)| over(offer)).min_by_key(|(_, offer)| offer.at);
            let Some(size) = oldest.map(|(size, _)| *size) else { return false };
            self.0.remove(&size);
        }
        true
    }

    /// The offer that covers most, beyond a size.
    pub(super) fn most(&self, beyond: TreeSize) -> Option<(TreeSize, TrieRoot)> {
        let (size, offer) = self.0.last_key_value()?;
        (*size > beyond).then_some((*size, offer.root))
    }

    /// The root that was offered at a size.
    pub(super) fn at(&self, size: TreeSize) -> Option<TrieRoot> {
        self.0.get(&size).map(|offer| offer.root)
    }

    /// Offers a root from now on.
    pub(super) fn add(&mut self, size: TreeSize, root: TrieRoot, now: UnixMillis) {
        self.0.insert(size, Offer { root, at: now });
    }

    /// Lets go of what a logged root covers.
    pub(super) fn forget_up_to(&mut self, size: TreeSize) {
        self.0.retain(|offered, _| *offered > size);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: TrieRoot = TrieRoot::from_bytes([1; 32]);

    #[test]
    fn an_offer_stands_for_ten_minutes_whoever_else_asks_and_gives_way_then() {
        let mut offers = Offers::default();
        for size in 1..=OFFERED as u64 {
            assert!(offers.make_room(UnixMillis(size)), "{size}");
            offers.add(TreeSize(size), ROOT, UnixMillis(size));
        }
        assert!(!offers.make_room(UnixMillis(OFFER_STANDS)), "the first stands for a millisecond more");
        assert_eq!(offers.most(TreeSize(3)), Some((TreeSize(OFFERED as u64), ROOT)));
        assert_eq!(offers.most(TreeSize(OFFERED as u64)), None, "nothing lies beyond");
        assert!(offers.make_room(UnixMillis(OFFER_STANDS + 1)));
        assert_eq!(offers.at(TreeSize(1)), None);
        assert_eq!(offers.at(TreeSize(2)), Some(ROOT), "one is enough, and the oldest goes");
    }

    #[test]
    fn a_logged_root_ends_the_offers_that_it_covers() {
        let mut offers = Offers::default();
        (1..4).for_each(|size| offers.add(TreeSize(size), ROOT, UnixMillis(0)));
        offers.forget_up_to(TreeSize(2));
        assert_eq!((offers.at(TreeSize(2)), offers.at(TreeSize(3))), (None, Some(ROOT)));
    }
}
