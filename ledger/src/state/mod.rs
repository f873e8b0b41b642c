//! The effective state: what follows from the entries, taken in order.
//!
//! A pure function of the log. It knows no clock: what is in force is a matter of indices. Admission asks it before an
//! entry is numbered, `verify` folds the few entries that a bundle carries, and a mirror folds them all; the answers are
//! the same because this is the only place that gives them.
//!
//! Start reading at [`State::apply`]; who may say what is in [`rules`](self).

mod keys;
mod rules;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use self::keys::{KeyState, Owner, Revocation, Standing};
use crate::entry::Header;
use crate::ids::{KeyId, LeafIndex};
use crate::record::Record;
use crate::record::kind::Kind;
use crate::record::kinds::{KeyEvent, KeyUse, LogPolicy, Party, PartyKey, Predicate, Registrant, Role};

/// The state after some entry. The default is the state before entry 0.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct State {
    policy: Option<PolicyState>,
    parties: BTreeMap<String, PartyState>,
    keys: BTreeMap<KeyId, KeyState>,
}

/// The `log-policy` in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyState {
    /// The entry that made it.
    pub index: LeafIndex,
    /// The name of the log.
    pub origin: String,
    /// The ids of the operators' parties.
    pub operators: BTreeSet<String>,
    /// The council's keys.
    pub council: BTreeSet<KeyId>,
    /// How many of them decide.
    pub threshold: u32,
    /// Which roles may register which kind.
    pub rules: BTreeMap<String, BTreeSet<Registrant>>,
}

/// A registered party.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PartyState {
    /// The entry that registered it last.
    pub index: LeafIndex,
    /// What it may be.
    pub roles: BTreeSet<Role>,
}

impl State {
    /// Whether an entry of this kind can change the state, so that its body is needed to fold it.
    pub fn concerns(header: &Header) -> bool {
        [Kind::LogPolicy, Kind::Party, Kind::KeyEvent].iter().any(|kind| kind.as_str() == header.kind)
    }

    /// Takes in the entry at `index`.
    ///
    /// Entries come in order. One that breaks a rule of admission all the same is ignored: it is in the log, and has no
    /// effect. Signatures are not verified again here; [`State::verify_signatures`] does that at the door, and whoever
    /// folds entries that he does not trust does it before.
    pub fn apply(&mut self, index: LeafIndex, header: &Header, record: Option<&Record>) {
        if !Self::concerns(header) {
            return;
        }
        // Kinds that change the state are never redacted, so their record is there or the log is damaged.
        let Some(record) = record else { return };
        if self.admit(record, index).is_err() {
            return;
        }
        match &record.predicate {
            Predicate::LogPolicy(policy) => self.apply_policy(index, policy),
            Predicate::Party(party) => self.apply_party(index, party),
            Predicate::KeyEvent(event) => self.apply_key_event(index, event, record.issuer()),
            _ => {}
        }
    }

    /// The policy in force.
    pub fn policy(&self) -> Option<&PolicyState> {
        self.policy.as_ref()
    }

    /// A registered party.
    pub fn party(&self, id: &str) -> Option<&PartyState> {
        self.parties.get(id)
    }

    /// All parties, by id.
    pub fn parties(&self) -> impl Iterator<Item = (&str, &PartyState)> {
        self.parties.iter().map(|(id, party)| (id.as_str(), party))
    }

    /// A key that was ever registered.
    pub fn key(&self, key: &KeyId) -> Option<&KeyState> {
        self.keys.get(key)
    }

    /// Every key that a party ever had.
    pub fn keys_of(&self, party: &str) -> impl Iterator<Item = (&KeyId, &KeyState)> {
        self.keys.iter().filter(move |(_, key)| key.owner.is(party))
    }

    /// How a key stands for a signature on the entry at `index`: registered below it, and not revoked below it.
    pub fn standing(&self, key: &KeyId, index: LeafIndex) -> Standing {
        self.keys.get(key).map_or(Standing::Unknown, |key| key.standing(index))
    }

    fn apply_policy(&mut self, index: LeafIndex, policy: &LogPolicy) {
        for operator in &policy.operators {
            let id = operator.id.as_str();
            let party = self.parties.entry(id.to_owned()).or_insert(PartyState { index, roles: BTreeSet::new() });
            party.roles.insert(Role::Operator);
            for key in &operator.keys {
                self.register_for(index, key, id);
            }
        }
        let operators: BTreeSet<String> = policy.operators.iter().map(|o| o.id.as_str().to_owned()).collect();
        // A party that the new policy does not list is no operator any more; its keys stay what they are.
        for (id, party) in &mut self.parties {
            if !operators.contains(id) {
                party.roles.remove(&Role::Operator);
            }
        }
        for key in &policy.council.keys {
            self.register(index, key.keyid, &key.public_key, Owner::Council);
        }
        self.policy = Some(PolicyState {
            index,
            origin: policy.origin.clone(),
            operators,
            council: policy.council.keys.iter().map(|key| key.keyid).collect(),
            threshold: policy.council.threshold,
            rules: policy.rules.clone(),
        });
    }

    fn apply_party(&mut self, index: LeafIndex, party: &Party) {
        let id = party.id.as_str();
        let mut roles = party.roles.clone();
        if self.policy.as_ref().is_some_and(|policy| policy.operators.contains(id)) {
            roles.insert(Role::Operator);
        }
        self.parties.insert(id.to_owned(), PartyState { index, roles });
        for key in &party.keys {
            self.register_for(index, key, id);
        }
    }

    fn apply_key_event(&mut self, index: LeafIndex, event: &KeyEvent, party: &str) {
        if let Some(public_key) = &event.public_key {
            self.register(index, event.keyid, public_key, Owner::Party(party.to_owned()));
        }
        let revoked = event.revoked().and_then(|key| self.keys.get_mut(&key));
        if let Some(key) = revoked {
            key.revoke(Revocation {
                index,
                reason: event.reason,
                compromised_from: event.compromised_from_index.map(LeafIndex),
            });
        }
    }

    /// Adds a party's key with what it is for.
    fn register_for(&mut self, index: LeafIndex, key: &PartyKey, party: &str) {
        let new = !self.keys.contains_key(&key.keyid);
        self.register(index, key.keyid, &key.public_key, Owner::Party(party.to_owned()));
        if let Some(key_state) = self.keys.get_mut(&key.keyid)
            && new
        {
            key_state.roots_only = key.key_use == KeyUse::Roots;
        }
    }

    /// Adds a key; one that is known already keeps its history.
    fn register(&mut self, index: LeafIndex, id: KeyId, public_key: &str, owner: Owner) {
        self.keys.entry(id).or_insert_with(|| KeyState::new(public_key, owner, index));
    }
}

#[cfg(test)]
mod tests;
