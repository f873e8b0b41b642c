//! How a keyspace is asked, so that the server learns no more than its mode allows: the rule of privacy, without any asking.

use std::collections::{BTreeMap, BTreeSet};

use ledger::Code;
use ledger::ids::{ContentKey, KeyspaceId};
use ledger::manifest::{Declaration, Keyspace, MAX_BULK_DEPTH, MAX_SINGLE, is_numbered};
use ledger::record::kinds::Disclosure;

use crate::failure::{CliError, Result};

/// How many keys must share what the server is told (DESIGN §7).
pub(super) const HIDDEN_AMONG: u64 = 1000;

/// The buckets of the largest reply are 2^16, so a prefix may be at most sixteen bits shorter than the tree is high.
pub(super) const REPLY_BITS: u8 = 16;

/// Up to this size the whole keyspace is fetched for a question in bulk without asking: a million keys with their rows.
const SMALL: u64 = 64 << 20;

/// How to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Mode {
    /// Few keys by range, many from the whole or by short prefixes.
    #[default]
    Automatic,
    /// Tell the server the whole key: the smallest reply.
    Exact,
    /// Tell the server so many bits, or as many as a thousand keys share.
    Range(Option<u8>),
    /// Fetch whole keyspaces or bitmaps: the server learns nothing about the question.
    Local,
}

/// How many different keys go to each keyspace, and whether some of them may only be looked for here.
#[derive(Debug, Default)]
pub(super) struct Load(BTreeMap<KeyspaceId, (BTreeSet<ContentKey>, bool)>);

impl Load {
    /// One more key for a keyspace.
    pub(super) fn add(&mut self, keyspace: KeyspaceId, key: &ContentKey, local: bool) {
        let (keys, local_only) = self.0.entry(keyspace).or_default();
        keys.insert(*key);
        *local_only |= local;
    }

    /// Whether so many keys go to a keyspace that a few fine answers together would give somebody away.
    pub(super) fn is_bulk(&self, keyspace: KeyspaceId) -> bool {
        self.0.get(&keyspace).is_some_and(|(keys, _)| keys.len() > MAX_SINGLE)
    }

    /// Whether a keyspace is asked for what may only be looked for here.
    pub(super) fn is_local(&self, keyspace: KeyspaceId) -> bool {
        self.0.get(&keyspace).is_some_and(|(_, local)| *local)
    }

    /// Refuses to tell more than twelve bits of what counts as bulk, whoever asks for it.
    ///
    /// # Errors
    /// `bulk_refused`.
    pub(super) fn refuse_too_fine(&self, mode: Mode) -> Result<()> {
        let told = match mode {
            Mode::Exact => "the whole of each key".to_owned(),
            Mode::Range(Some(bits)) if bits > MAX_BULK_DEPTH => format!("{bits} bits of each key"),
            _ => return Ok(()),
        };
        let Some((keys, local)) = self.0.values().find(|(keys, local)| keys.len() > MAX_SINGLE || *local) else {
            return Ok(());
        };
        let why = if *local { "which together name who asks".to_owned() } else { format!("for {} keys", keys.len()) };
        Err(CliError::new(Code::BulkRefused, format!("the log would be told {told}, {why}")))
    }
}

/// How a keyspace is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// By the first bits of each key.
    Prefix(u8),
    /// Not at all: all of its keys are fetched.
    Whole,
    /// Not at all: its bitmap or universe is fetched.
    Numbers,
}

impl Way {
    /// How a keyspace is asked, or why it cannot be.
    pub(super) fn of(
        keyspace: &Keyspace,
        row: &Declaration,
        mode: Mode,
        load: &Load,
    ) -> std::result::Result<Self, String> {
        let (t, closed) = (keyspace.t(), row.disclosure == Disclosure::Closed);
        let (many, local_only) = (load.is_bulk(keyspace.id()), load.is_local(keyspace.id()));
        let numbered = is_numbered(keyspace.kind()) && (row.universe.is_some() || row.bitmap.is_some());
        if mode == Mode::Local || local_only {
            return match mode {
                Mode::Local | Mode::Automatic if closed => {
                    Err("the manifest is closed: its keys are not published, only replies by prefix".to_owned())
                }
                Mode::Local | Mode::Automatic => Ok(if numbered { Self::Numbers } else { Self::Whole }),
                _ => Err("such a list is only answered from whole keyspaces or bitmaps".to_owned()),
            };
        }
        let shortest = t.saturating_sub(REPLY_BITS);
        let hidden = keyspace.depth_for(HIDDEN_AMONG).max(shortest);
        let short = if hidden <= MAX_BULK_DEPTH || shortest <= MAX_BULK_DEPTH {
            Ok(Self::Prefix(hidden.min(MAX_BULK_DEPTH)))
        } else {
            Err("the keyspace is too large to be asked for many keys at once without telling who asks".to_owned())
        };
        let (keys, rows) = keyspace.whole_len();
        match mode {
            // A closed manifest shows at least a thousand keys at once or none.
            Mode::Exact if !closed => Ok(Self::Prefix(t)),
            Mode::Range(Some(bits)) if !many => Ok(Self::Prefix(bits.min(t).max(shortest))),
            Mode::Range(Some(bits)) => short.map(|_| Self::Prefix(bits.min(t).max(shortest))),
            Mode::Automatic if many && !closed && numbered => Ok(Self::Numbers),
            Mode::Automatic if many && !closed && keys.saturating_add(rows) <= SMALL => Ok(Self::Whole),
            _ if many => short,
            _ => Ok(Self::Prefix(hidden)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use ledger::manifest::flattest_t;

    use super::*;

    fn declared(n: u64, disclosure: Disclosure) -> (Declaration, Keyspace) {
        let row = Declaration {
            id: KeyspaceId::from_bytes([1; 32]),
            kind: "raw-sha256".to_owned(),
            spec: "raw-sha256".to_owned(),
            n,
            t: flattest_t(n).unwrap(),
            key_len: 32,
            has_meta: false,
            root: "00".repeat(32),
            form: None,
            coverage: None,
            disclosure,
            universe: None,
            bitmap: None,
        };
        let keyspace = Keyspace::declared(&row).unwrap();
        (row, keyspace)
    }

    fn load(keys: u8, local: bool) -> Load {
        let mut load = Load::default();
        (0..keys).for_each(|n| load.add(KeyspaceId::from_bytes([1; 32]), &ContentKey::from_bytes([n; 32]), local));
        load
    }

    #[test]
    fn few_keys_are_hidden_among_a_thousand_and_the_exact_mode_is_not() {
        let (row, keyspace) = declared(1 << 30, Disclosure::Complete);
        let way = |mode| Way::of(&keyspace, &row, mode, &load(3, false));
        let Ok(Way::Prefix(bits)) = way(Mode::Automatic) else { unreachable!() };
        assert!(keyspace.n() >> bits >= HIDDEN_AMONG && bits > MAX_BULK_DEPTH, "{bits} bits");
        assert_eq!(way(Mode::Range(None)), Ok(Way::Prefix(bits)));
        assert_eq!(way(Mode::Range(Some(14))), Ok(Way::Prefix(14)));
        assert_eq!(way(Mode::Exact), Ok(Way::Prefix(keyspace.t())));
        assert_eq!(way(Mode::Local), Ok(Way::Whole));
        let (row, keyspace) = declared(1 << 30, Disclosure::Closed);
        assert_eq!(Way::of(&keyspace, &row, Mode::Exact, &load(3, false)), Ok(Way::Prefix(bits)));
        assert!(Way::of(&keyspace, &row, Mode::Local, &load(3, false)).is_err());
    }

    #[test]
    fn many_keys_are_looked_up_in_the_whole_or_by_at_most_twelve_bits() {
        let many = load(4, false);
        let way = |n, disclosure| {
            let (row, keyspace) = declared(n, disclosure);
            Way::of(&keyspace, &row, Mode::Automatic, &many)
        };
        assert_eq!(way(1 << 20, Disclosure::Complete), Ok(Way::Whole));
        assert_eq!(way(1 << 30, Disclosure::Complete), Ok(Way::Prefix(MAX_BULK_DEPTH)));
        assert!(matches!(way(1 << 20, Disclosure::Closed), Ok(Way::Prefix(bits)) if bits <= MAX_BULK_DEPTH));
        assert!(way(1 << 40, Disclosure::Complete).is_err(), "a reply of twelve bits would be too large");
        assert_eq!(many.refuse_too_fine(Mode::Range(Some(12))).ok(), Some(()));
        assert_eq!(many.refuse_too_fine(Mode::Range(Some(13))).unwrap_err().code(), Code::BulkRefused);
        assert_eq!(many.refuse_too_fine(Mode::Exact).unwrap_err().code(), Code::BulkRefused);
        assert!(load(3, false).refuse_too_fine(Mode::Exact).is_ok());
    }

    #[test]
    fn what_names_its_asker_is_only_looked_for_here() {
        let (row, keyspace) = declared(1 << 30, Disclosure::Complete);
        let way = |mode| Way::of(&keyspace, &row, mode, &load(1, true));
        assert_eq!(way(Mode::Automatic), Ok(Way::Whole));
        assert!(way(Mode::Range(None)).is_err() && way(Mode::Exact).is_err());
        assert_eq!(load(1, true).refuse_too_fine(Mode::Exact).unwrap_err().code(), Code::BulkRefused);
    }
}
