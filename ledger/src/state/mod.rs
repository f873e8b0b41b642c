//! The effective state: what follows from the entries, taken in order.
//!
//! A pure function of the log. It knows no clock: what is in force is a matter of indices, and where a status depends on
//! the time, the time is an argument. Admission asks it before an entry is numbered, `verify` folds the few entries that a
//! bundle carries, and a mirror folds them all; the answers are the same because this is the only place that gives them.
//!
//! **Two parts.** [`State`] holds what admission and answers need at once: policy, parties, keys, agreements, preferences.
//! It grows with the people and contracts of a log, not with its records, and a copy of it costs next to nothing. The
//! graph of all other records (cards, sources, claims, audits, disputes, …) is a matter of who names whom, which headers
//! say; it is read through [`Records`], which the log answers from its index and [`Graph`] from memory.
//!
//! | to know | ask |
//! |---|---|
//! | whether a record may be the next entry | [`State::admit`] ([`rules`](self): who; [`admission`](self): when) |
//! | what an entry does | [`State::apply`] |
//! | a party, a key at an index | [`State::party`], [`State::standing`] |
//! | an agreement's steps, its status at a time | [`State::agreement`], [`AgreementState::status`], [`AgreementState::history`] |
//! | everything about an agreement, gathered | [`AgreementView::of`] |
//! | what holds for some content, why, and who owes an answer | [`State::effective`], [`State::clocks`] |
//! | a model or a dataset: versions, sources, claims, audits, disputes | [`CardView::of`]; which one a name means, [`CardView::named`] |
//! | what to know about one record besides what it says | [`marks`], [`Fate::of`] |
//! | what does not fit together | [`findings`] |
//! | state and graph of a whole log in memory | [`Replica`] |
//!
//! **Redaction.** A redacted record acts by its header alone. When its retraction is applied, [`State::apply`] takes out
//! what its body did, so the state is the one of a replay in which that body was never there.
//!
//! Start reading at [`State::apply`].

mod admission;
mod agreement;
mod agreement_view;
mod around;
mod card;
mod card_document;
mod figures;
pub mod findings;
mod keys;
mod marks;
mod preference;
mod preference_document;
mod records;
mod rules;
mod shards;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use self::agreement::{AgreementState, Life, Status, Step, Terms};
pub use self::agreement_view::{AgreementView, StepView, Voice};
pub use self::around::{Around, Fate};
pub use self::card::{Audit, CardView, Claim, LicenseView, Quarrel, quarrel};
pub use self::figures::Figure;
pub use self::keys::{KeyState, Owner, Revocation, Standing};
pub use self::marks::{Mark, marks};
pub use self::preference::{
    Backing, Clock, Content, Effective, PreferenceState, ResponseState, Said, ScopeKey, Statement, Vouch,
};
pub use self::records::{Edge, Graph, Item, Records, Replica};
pub use self::shards::Shards;
use self::shards::Shared;
use crate::entry::Header;
use crate::ids::{ContentKey, KeyId, LeafIndex, RecordId};
use crate::record::Record;
use crate::record::kind::Kind;
use crate::record::kinds::{KeyEvent, KeyUse, LogPolicy, Outcome, Party, Predicate, Registrant, Role};

/// The state after some entry. The default is the state before entry 0.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct State {
    policy: Option<PolicyState>,
    parties: Shared<BTreeMap<String, PartyState>>,
    keys: Shards<KeyId, KeyState>,
    agreements: Shards<RecordId, AgreementState>,
    preferences: Shards<RecordId, PreferenceState>,
    /// Preferences by the content keys that they are about.
    scopes: Shards<ContentKey, BTreeSet<RecordId>>,
    /// Preferences by the beginnings of addresses that they are about.
    prefixes: Shared<BTreeMap<String, BTreeSet<RecordId>>>,
    /// Stewards' word for what unvouched keys signed, by the record vouched for.
    vouches: Shards<RecordId, BTreeSet<preference::Vouch>>,
    /// What a record did to other records' state, so that it can be undone when its body is erased.
    effects: Shards<RecordId, BTreeSet<RecordId>>,
    /// The comments and disputes of unvouched keys, by the record that they are about.
    voices: Shards<RecordId, Vec<RecordId>>,
    /// Records whose bodies are erased, with the retraction's entry.
    redacted: Shards<RecordId, LeafIndex>,
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
    /// Its figures, by name.
    pub limits: BTreeMap<String, u64>,
}

/// A registered party.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PartyState {
    /// The entry that registered it last.
    pub index: LeafIndex,
    /// What it may be.
    pub roles: BTreeSet<Role>,
    /// Every `party` record that registered it, by index: which roles it had when follows from these and the policies.
    pub registrations: Vec<LeafIndex>,
}

impl PartyState {
    /// A party of no role yet.
    const fn new(index: LeafIndex) -> Self {
        Self { index, roles: BTreeSet::new(), registrations: Vec::new() }
    }
}

impl State {
    /// Whether an entry of this kind can change the state, so that its body is needed to fold it.
    pub fn concerns(header: &Header) -> bool {
        const FOLDED: [Kind; 8] = [
            Kind::Agreement,
            Kind::GovernanceEvent,
            Kind::UsagePreference,
            Kind::PreferenceResponse,
            Kind::Resolution,
            Kind::Retraction,
            Kind::Comment,
            Kind::Dispute,
        ];
        Self::changes_keys(header) || FOLDED.iter().any(|kind| kind.as_str() == header.kind)
    }

    /// Whether an entry of this kind can change who may say what: what the key history of a bundle consists of.
    pub fn changes_keys(header: &Header) -> bool {
        [Kind::LogPolicy, Kind::Party, Kind::KeyEvent].iter().any(|kind| kind.as_str() == header.kind)
    }

    /// Takes in the entry at `index`; `record` is `None` where its body is erased.
    ///
    /// Entries come in order. One that its signers may not register is ignored: it is in the log, and has no effect.
    /// Signatures are not verified again here; [`State::verify_signatures`] does that at the door, and whoever folds
    /// entries that he does not trust does it before.
    pub fn apply(&mut self, index: LeafIndex, header: &Header, record: Option<&Record>) {
        if !Self::concerns(header) {
            return;
        }
        // What was redacted does not come back under its id.
        let record = record.filter(|_| !self.redacted.contains(&header.record));
        let authorised = match record {
            Some(record) => self.authorise(record, index),
            None => self.authorise_header(header, index),
        };
        if authorised.is_err() {
            return;
        }
        self.apply_by_header(index, header, record);
        match record.map(|record| (&record.predicate, record)) {
            Some((Predicate::LogPolicy(policy), _)) => self.apply_policy(index, policy),
            Some((Predicate::Party(party), _)) => self.apply_party(index, party),
            Some((Predicate::KeyEvent(event), record)) => self.apply_key_event(index, event, record.issuer()),
            Some((Predicate::GovernanceEvent(event), record)) => {
                let step = self.step(event, record, index, header.received);
                if let Some(agreement) = self.agreements.get_mut(&event.agreement.id()) {
                    agreement.steps.push(step);
                }
            }
            Some((Predicate::PreferenceResponse(response), _)) => self.apply_response(index, header, response),
            Some((Predicate::Resolution(resolution), _)) if resolution.outcome == Outcome::Vouched => {
                self.apply_vouch(index, header, resolution.target.id());
            }
            Some((Predicate::Retraction(retraction), _)) => {
                let target = retraction.target.id();
                if retraction.redaction.is_some() {
                    self.forget_body(target);
                    if !self.redacted.contains(&target) {
                        self.redacted.insert(target, index);
                    }
                } else {
                    self.take_back(header, vec![target]);
                }
            }
            _ => {}
        }
    }

    /// What an entry does whether its body is there or not, and what the body adds for kinds whose state begins with it.
    fn apply_by_header(&mut self, index: LeafIndex, header: &Header, record: Option<&Record>) {
        let is = |kind: Kind| header.kind == kind.as_str();
        if is(Kind::Agreement) && !self.agreements.contains(&header.record) {
            let said = record.and_then(|record| match &record.predicate {
                Predicate::Agreement(agreement) => Some((&**agreement, &record.common)),
                _ => None,
            });
            self.agreements.insert(header.record, AgreementState::new(index, header, said));
        } else if is(Kind::UsagePreference) {
            self.apply_preference(index, header, record);
        } else if (is(Kind::Comment) || is(Kind::Dispute)) && header.issuer.starts_with("key:") {
            for subject in &header.subjects {
                let voices = self.voices.entry(RecordId::from_bytes(*subject.as_bytes()));
                if !voices.contains(&header.record) {
                    voices.push(header.record);
                }
            }
        }
    }

    /// The retraction that erased the body of a record.
    pub fn redaction(&self, id: &RecordId) -> Option<LeafIndex> {
        self.redacted.get(id).copied()
    }

    /// Every record whose body was erased, with the retraction's entry, in the order of their ids.
    pub fn redactions(&self) -> impl Iterator<Item = (&RecordId, LeafIndex)> {
        self.redacted.iter().map(|(record, index)| (record, *index))
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
            let parties = self.parties.change();
            let party = parties.entry(id.to_owned()).or_insert_with(|| PartyState::new(index));
            party.roles.insert(Role::Operator);
            for key in &operator.keys {
                self.register(index, key.keyid, &key.public_key, key.key_use, Owner::Party(id.to_owned()));
            }
        }
        let operators: BTreeSet<String> = policy.operators.iter().map(|o| o.id.as_str().to_owned()).collect();
        // A party that the new policy does not list is no operator any more; its keys stay what they are.
        for (id, party) in self.parties.change() {
            if !operators.contains(id) {
                party.roles.remove(&Role::Operator);
            }
        }
        for key in &policy.council.keys {
            self.register(index, key.keyid, &key.public_key, KeyUse::Sign, Owner::Council);
        }
        self.policy = Some(PolicyState {
            index,
            origin: policy.origin.clone(),
            operators,
            council: policy.council.keys.iter().map(|key| key.keyid).collect(),
            threshold: policy.council.threshold,
            rules: policy.rules.clone(),
            limits: policy.limits.clone(),
        });
    }

    fn apply_party(&mut self, index: LeafIndex, party: &Party) {
        let id = party.id.as_str();
        let mut roles = party.roles.clone();
        if self.policy.as_ref().is_some_and(|policy| policy.operators.contains(id)) {
            roles.insert(Role::Operator);
        }
        let known = self.parties.change().entry(id.to_owned()).or_insert_with(|| PartyState::new(index));
        (known.index, known.roles) = (index, roles);
        known.registrations.push(index);
        for key in &party.keys {
            self.register(index, key.keyid, &key.public_key, key.key_use, Owner::Party(id.to_owned()));
        }
    }

    fn apply_key_event(&mut self, index: LeafIndex, event: &KeyEvent, party: &str) {
        if let Some(public_key) = &event.public_key {
            let key_use = event.key_use.unwrap_or(KeyUse::Sign);
            self.register(index, event.keyid, public_key, key_use, Owner::Party(party.to_owned()));
        }
        if let Some(key) = event.revoked().and_then(|key| self.keys.get_mut(&key)) {
            key.revoke(Revocation {
                index,
                reason: event.reason,
                compromised_from: event.compromised_from_index.map(LeafIndex),
            });
        }
    }

    /// Adds a key; one that is known already keeps its history.
    fn register(&mut self, index: LeafIndex, id: KeyId, public_key: &str, key_use: KeyUse, owner: Owner) {
        if !self.keys.contains(&id) {
            self.keys.insert(id, KeyState::new(public_key, owner, key_use, index));
        }
    }
}

#[cfg(test)]
pub(in crate::state) mod tests;
