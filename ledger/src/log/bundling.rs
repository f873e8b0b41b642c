//! Bundles: a record with everything that it takes to verify it offline.
//!
//! The key history holds the entries that the standing of the signers follows from: those that register, rotate or
//! revoke one of their keys, the one that says which roles the issuer has, every change of the log's policy, and those that
//! register, rotate or revoke the keys that signed any of these.

use std::collections::{BTreeMap, HashMap};

use super::Term;
use super::reader::{Body, EntryView, Filter, Order};
use super::{Log, Published};
use crate::bundle::{Bundle, KeyLookup, Link, MAX_KEY_HISTORY};
use crate::error::{Code, Error, Result};
use crate::ids::{KeyId, LeafIndex};
use crate::record::kind::Kind;

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

    /// The entries that say whose the signers' keys are, entry 0 apart, by index: all changes of the signers' own keys, since a
    /// later one may revoke them, and of the keys that signed a change those that stand below it.
    fn key_history(&self, view: &Published, entry: &EntryView) -> Result<Vec<EntryView>> {
        let mut found = BTreeMap::new();
        // A key, and the entry below which its changes count. One that is met again counts from the higher of the two.
        let mut asked: HashMap<KeyId, LeafIndex> = HashMap::new();
        let mut open: Vec<(KeyId, LeafIndex)> =
            entry.header.signers.iter().map(|key| (*key, LeafIndex(view.size.0))).collect();
        let policies = self.all(view, Term::Kind(Kind::LogPolicy.as_str().to_owned()))?;
        for change in policies.into_iter().chain(self.registration(view, entry)?) {
            // Whoever verifies folds these as well, and must know the keys that signed them.
            open.extend(change.header.signers.iter().map(|signer| (*signer, change.index)));
            found.insert(change.index, change);
        }
        while let Some((key, below)) = open.pop() {
            if asked.get(&key).is_some_and(|asked| *asked >= below) {
                continue;
            }
            asked.insert(key, below);
            for change in self.all(view, Term::Key(key))?.into_iter().filter(|change| change.index < below) {
                open.extend(change.header.signers.iter().map(|signer| (*signer, change.index)));
                found.insert(change.index, change);
            }
            // Entry 0 is in a place of its own; the record itself proves nothing about its own keys.
            found.remove(&LeafIndex(0));
            found.remove(&entry.index);
            if found.len() > MAX_KEY_HISTORY {
                let detail = format!("the history of its keys has more than {MAX_KEY_HISTORY} entries");
                return Err(Error::new(Code::TooMany, detail));
            }
        }
        Ok(found.into_values().collect())
    }

    /// The newest entry below this one that registers its issuer: it says which roles the issuer had.
    fn registration(&self, view: &Published, entry: &EntryView) -> Result<Option<EntryView>> {
        let issuer = entry.header.issuer.as_str();
        let Some(party) = view.state.party(issuer) else { return Ok(None) };
        if party.index < entry.index {
            return self.entry(view, party.index);
        }
        // It was registered again since: the earlier ones are found by the keys that they brought.
        let mut newest: Option<EntryView> = None;
        for (key, _) in view.state.keys_of(issuer) {
            let terms = vec![Term::Key(*key), Term::Kind(Kind::Party.as_str().to_owned())];
            let page = self.page(view, &Filter { terms }, Order::Below(entry.index), 1)?;
            let known = newest.as_ref().map(|entry| entry.index);
            newest = page.entries.into_iter().next().filter(|found| Some(found.index) > known).or(newest);
        }
        Ok(newest)
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

    fn all(&self, view: &Published, term: Term) -> Result<Vec<EntryView>> {
        let filter = Filter { terms: vec![term] };
        Ok(self.page(view, &filter, Order::From(LeafIndex(0)), MAX_KEY_HISTORY + 1)?.entries)
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
