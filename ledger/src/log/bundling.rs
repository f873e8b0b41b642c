//! Bundles: a record with everything that it takes to verify it offline.
//!
//! The key history holds the entries that the standing of the signers follows from: every change of the log's policy;
//! every entry about a signer's key; every registration, below the record, of a party that a signer belongs to, since it
//! says which roles the party had; and what whoever verifies must know to fold these: the entries about every key that
//! signs or stands in one of them, and the registrations of the party that made it, as far as they lie below it.

use std::collections::{BTreeMap, HashMap};

use super::Term;
use super::reader::{Body, EntryView, Filter, MAX_PAGE, Order};
use super::{Log, Published};
use crate::bundle::{Bundle, KeyLookup, Link, MAX_KEY_HISTORY};
use crate::error::{Code, Error, Result};
use crate::ids::{KeyId, LeafIndex};
use crate::record::kind::Kind;
use crate::state::Owner;

impl Log {
    /// The bundle of an entry at this view.
    ///
    /// # Errors
    /// `redacted` if the body was erased: what cannot be read cannot be verified, only that it was there.
    pub fn bundle(&self, view: &Published, index: LeafIndex) -> Result<Bundle> {
        let entry = self
            .entry(view, index)?
            .ok_or_else(|| Error::new(Code::NotFound, format!("the log has {} entries", view.size)))?;
        let history = self.key_history(view, &entry)?;
        let policy =
            self.entry(view, LeafIndex(0))?.ok_or_else(|| Error::new(Code::StoreCorrupt, "entry 0 is missing"))?;
        let key_lookup = self.key_lookup(view, &entry)?;
        Ok(Bundle {
            record: self.link(view, &entry)?,
            key_history: history.iter().map(|entry| self.link(view, entry)).collect::<Result<_>>()?,
            policy: self.link(view, &policy)?,
            key_lookup,
        })
    }

    /// The entries that say whose the signers' keys are and what they may sign, entry 0 apart, by index.
    fn key_history(&self, view: &Published, entry: &EntryView) -> Result<Vec<EntryView>> {
        let mut found = BTreeMap::new();
        // A key, and the entry below which its changes count. One that is met again counts from the higher of the two.
        let mut asked: HashMap<KeyId, LeafIndex> = HashMap::new();
        // A later entry may revoke a signer's key. What the record itself registers or revokes matters up to here alone.
        let mut open: Vec<(KeyId, LeafIndex)> =
            entry.header.signers.iter().map(|key| (*key, LeafIndex(view.size.0))).collect();
        open.extend(entry.header.keys.iter().map(|key| (*key, entry.index)));
        let mut met = self.all(view, Term::Kind(Kind::LogPolicy.as_str().to_owned()))?;
        if entry.header.kind == Kind::KeyEvent.as_str() {
            met.extend(self.registrations(view, &entry.header.issuer, entry.index, &found)?);
        }
        for signer in &entry.header.signers {
            if let Some(Owner::Party(party)) = view.state.key(signer).map(|key| &key.owner) {
                met.extend(self.registrations(view, party, entry.index, &found)?);
            }
        }
        loop {
            while let Some(change) = met.pop() {
                // Entry 0 is in a place of its own; the record itself proves nothing about its own keys.
                if change.index == LeafIndex(0) || change.index == entry.index || found.contains_key(&change.index) {
                    continue;
                }
                let header = &change.header;
                open.extend(header.signers.iter().chain(&header.keys).map(|key| (*key, change.index)));
                if header.kind == Kind::KeyEvent.as_str() {
                    // The policy may leave key events to some roles.
                    met.extend(self.registrations(view, &header.issuer, change.index, &found)?);
                }
                found.insert(change.index, change);
                if found.len() > MAX_KEY_HISTORY {
                    let detail = format!("the history of its keys has more than {MAX_KEY_HISTORY} entries");
                    return Err(Error::new(Code::TooMany, detail));
                }
            }
            let Some((key, below)) = open.pop() else { return Ok(found.into_values().collect()) };
            if asked.get(&key).is_some_and(|asked| *asked >= below) {
                continue;
            }
            asked.insert(key, below);
            met.extend(self.all(view, Term::Key(key))?.into_iter().filter(|change| change.index < below));
        }
    }

    /// The entries below this one that registered a party, but those that are there already.
    fn registrations(
        &self,
        view: &Published,
        party: &str,
        below: LeafIndex,
        there: &BTreeMap<LeafIndex, EntryView>,
    ) -> Result<Vec<EntryView>> {
        let registrations = view.state.party(party).map(|party| party.registrations.as_slice()).unwrap_or_default();
        let missing = registrations.iter().filter(|index| **index < below && !there.contains_key(index));
        // One more than there may be is as good as all.
        missing.take(MAX_KEY_HISTORY + 1).filter_map(|index| self.entry(view, *index).transpose()).collect()
    }

    /// What the index says about the signers' keys, if it is there and proven under this very view.
    fn key_lookup(&self, view: &Published, entry: &EntryView) -> Result<Option<serde_json::Value>> {
        // A bundle without it says less and is whole all the same.
        let Ok(Some(root)) = self.indexed_root() else { return Ok(None) };
        if !view.size.covers(root.index) || root.index == entry.index {
            return Ok(None);
        }
        let mut lookups = Vec::new();
        for key in &entry.header.signers {
            match self.look_up(&Term::Key(*key), 0, false, None) {
                Ok(lookup) if lookup.checkpoint == view.note => lookups.push(lookup),
                // The log went on meanwhile.
                _ => return Ok(None),
            }
        }
        if lookups.iter().any(|lookup| lookup.root.0 != root.index) {
            return Ok(None);
        }
        let Some(stated) = self.entry(view, root.index)? else { return Ok(None) };
        // A bundle that cannot say it says less.
        let Ok(history) = self.key_history(view, &stated) else { return Ok(None) };
        let history = history.iter().map(|entry| self.link(view, entry)).collect::<Result<_>>()?;
        KeyLookup { index_root: self.link(view, &stated)?, history, lookups }.to_value().map(Some)
    }

    /// All entries under a term, or so many that a history of them has no room: two of them may be entry 0 and the record.
    fn all(&self, view: &Published, term: Term) -> Result<Vec<EntryView>> {
        let filter = Filter { terms: vec![term] };
        let (mut found, mut from) = (Vec::new(), Some(Order::From(LeafIndex(0))));
        while let Some(order) = from.filter(|_| found.len() <= MAX_KEY_HISTORY + 2) {
            let page = self.page(view, &filter, order, MAX_PAGE)?;
            found.extend(page.entries);
            from = page.next;
        }
        Ok(found)
    }

    fn link(&self, view: &Published, entry: &EntryView) -> Result<Link> {
        let envelope = match self.body(entry)? {
            Body::Held(bytes) => bytes.to_vec(),
            Body::Redacted => {
                return Err(Error::new(Code::Redacted, format!("the body of entry {} was erased", entry.index)));
            }
        };
        Ok(Link { envelope, entry: entry.bytes.to_vec(), proof: self.receipt(view, entry.index)? })
    }
}
