//! Who may say what: the rules of admission, as the log's own policy states them.
//!
//! | kind | must be signed by |
//! |---|---|
//! | `log-policy` at index 0 | every operator that it lists |
//! | `log-policy` later | the council's threshold of the policy in force; without a council, every operator in force |
//! | `party` | an operator, or the council's threshold; and every key that it adds |
//! | `key-event` | an older key of the party, or the council's threshold; and the key that it adds |
//! | `index-root` | an operator in force; it covers no entry at or above its own index |
//! | any other | a key of the party that it names as issuer, whose role the policy lets register this kind |
//!
//! Besides that, every signer must be known and in force; a second signature by the same key counts once, because an
//! envelope holds a key once.

use std::collections::BTreeSet;

use super::{Owner, PolicyState, Standing, State};
use crate::error::{Code, Error, Result};
use crate::ids::{KeyId, LeafIndex};
use crate::record::Record;
use crate::record::key::PublicKey;
use crate::record::kind::Kind;
use crate::record::kinds::{KeyEvent, KeyUse, LogPolicy, Party, Predicate, Registrant, Role};

impl State {
    /// Verifies every signature of a record with the key of its id: a registered one, or one that the record brings.
    ///
    /// A key id is the hash of the key, so it does not matter when the key was registered; whether it counts at some
    /// index is what [`State::admit`] says.
    pub fn verify_signatures(&self, record: &Record) -> Result<()> {
        let known = |id: &KeyId| -> Option<PublicKey> {
            let brought = record.registered_keys().iter().chain(record.own_key());
            let brought = brought.into_iter().find(|key| key.key_id() == *id).cloned();
            brought.or_else(|| self.key(id)?.public_key())
        };
        record.envelope.verify(&known).map(drop)
    }

    /// Whether `record` may be the entry at `next`. Its signatures are verified elsewhere; here they are names.
    pub fn admit(&self, record: &Record, next: LeafIndex) -> Result<()> {
        let signers = record.signers();
        match (&record.predicate, &self.policy) {
            (Predicate::LogPolicy(policy), None) => first_policy(policy, &signers, next),
            (_, None) => Err(Error::new(Code::RoleRefused, "entry 0 must be a log-policy")),
            (Predicate::LogPolicy(new), Some(policy)) => {
                self.all_known(&signers, record, next)?;
                self.next_policy(new, policy, &signers, next)
            }
            (Predicate::Party(party), Some(policy)) => {
                self.all_known(&signers, record, next)?;
                self.party_change(party, policy, record, &signers, next)
            }
            (Predicate::KeyEvent(event), Some(policy)) => {
                self.all_known(&signers, record, next)?;
                self.key_change(event, policy, record, &signers, next)
            }
            (Predicate::IndexRoot(root), Some(policy)) => {
                self.all_known(&signers, record, next)?;
                self.root_of_an_operator(root.size, policy, record, &signers, next)
            }
            (_, Some(policy)) if record.own_key().is_some() => self.unvouched(policy, record, &signers, next),
            (_, Some(policy)) => {
                self.all_known(&signers, record, next)?;
                self.issued_by_a_party(policy, record, &signers, next)
            }
        }
    }

    /// Every signer is registered and in force at `next`, or is a key that the record itself brings.
    fn all_known(&self, signers: &BTreeSet<KeyId>, record: &Record, next: LeafIndex) -> Result<()> {
        for signer in signers {
            if self.key(signer).is_some_and(|key| key.roots_only) && record.kind != Kind::IndexRoot {
                let detail = format!("key {signer} signs roots of the log and nothing else");
                return Err(Error::new(Code::RoleRefused, detail));
            }
            match self.standing(signer, next) {
                Standing::InForce { .. } | Standing::Disputed(_) => {}
                Standing::Revoked(revocation) => {
                    let detail = format!("key {signer} was revoked by entry {}", revocation.index);
                    return Err(Error::new(Code::SignerRevoked, detail));
                }
                Standing::Unknown | Standing::NotYet(_) => {
                    if !record.registered_keys().iter().any(|key| key.key_id() == *signer) {
                        let detail = format!("key {signer} is not registered below index {next}");
                        return Err(Error::new(Code::SignerUnknown, detail));
                    }
                }
            }
        }
        Ok(())
    }

    /// The signers that are in force and belong to `party`.
    fn signs_for(&self, party: &str, signers: &BTreeSet<KeyId>, next: LeafIndex) -> bool {
        signers.iter().any(|signer| {
            self.key(signer).is_some_and(|key| key.owner.is(party))
                && matches!(self.standing(signer, next), Standing::InForce { .. })
        })
    }

    /// How many different seats of the council signed.
    fn council_votes(&self, policy: &PolicyState, signers: &BTreeSet<KeyId>, next: LeafIndex) -> u32 {
        let votes = policy.council.intersection(signers);
        let votes = votes.filter(|key| matches!(self.standing(key, next), Standing::InForce { .. })).count();
        u32::try_from(votes).unwrap_or(u32::MAX)
    }

    fn council_decides(&self, policy: &PolicyState, signers: &BTreeSet<KeyId>, next: LeafIndex) -> bool {
        policy.threshold > 0 && self.council_votes(policy, signers, next) >= policy.threshold
    }

    fn next_policy(
        &self,
        new: &LogPolicy,
        policy: &PolicyState,
        signers: &BTreeSet<KeyId>,
        next: LeafIndex,
    ) -> Result<()> {
        if new.origin != policy.origin {
            return Err(Error::new(Code::WrongLog, format!("this log is {}", policy.origin)).at("/predicate/origin"));
        }
        for operator in &new.operators {
            for key in &operator.keys {
                self.belongs_to(key.keyid, operator.id.as_str())?;
            }
        }
        if policy.threshold > 0 {
            let votes = self.council_votes(policy, signers, next);
            if votes >= policy.threshold {
                return Ok(());
            }
            let detail = format!("{votes} of the council signed, {} must", policy.threshold);
            return Err(Error::new(Code::Threshold, detail));
        }
        match policy.operators.iter().find(|operator| !self.signs_for(operator, signers, next)) {
            Some(missing) => Err(Error::new(Code::Threshold, format!("operator {missing} did not sign"))),
            None => Ok(()),
        }
    }

    fn party_change(
        &self,
        party: &Party,
        policy: &PolicyState,
        record: &Record,
        signers: &BTreeSet<KeyId>,
        next: LeafIndex,
    ) -> Result<()> {
        let issuer = record.issuer();
        let by_operator = policy.operators.contains(issuer) && self.signs_for(issuer, signers, next);
        if !by_operator && !self.council_decides(policy, signers, next) {
            let detail = "a party is registered by an operator of the log or by the council's threshold";
            return Err(Error::new(Code::RoleRefused, detail));
        }
        self.permits(policy, record, &BTreeSet::from([Role::Operator]))?;
        self.brings_its_keys(record, signers, party.id.as_str())
    }

    fn key_change(
        &self,
        event: &KeyEvent,
        policy: &PolicyState,
        record: &Record,
        signers: &BTreeSet<KeyId>,
        next: LeafIndex,
    ) -> Result<()> {
        let party = record.issuer();
        if !self.parties.contains_key(party) {
            return Err(Error::new(Code::SignerUnknown, format!("no party {party} is registered")));
        }
        if !self.signs_for(party, signers, next) && !self.council_decides(policy, signers, next) {
            let detail = format!("an older key of {party} must sign, or the council's threshold");
            return Err(Error::new(Code::IssuerMismatch, detail));
        }
        if let Some(revoked) = event.revoked() {
            match self.key(&revoked) {
                Some(key) if key.owner.is(party) && key.revoked.is_none() => {}
                Some(key) if key.owner.is(party) => {
                    return Err(Error::new(Code::SignerRevoked, format!("key {revoked} is revoked already")));
                }
                _ => return Err(Error::new(Code::IssuerMismatch, format!("key {revoked} is not a key of {party}"))),
            }
        }
        if event.compromised_from_index.is_some_and(|from| from > next.0) {
            let detail = "a key cannot be in doubt from an entry that does not exist";
            return Err(Error::new(Code::Schema, detail).at("/predicate/compromisedFromIndex"));
        }
        self.permits(policy, record, &self.parties.get(party).map(|p| p.roles.clone()).unwrap_or_default())?;
        self.brings_its_keys(record, signers, party)
    }

    /// The root of something that the log's operators derive from its entries below `to`.
    fn root_of_an_operator(
        &self,
        to: u64,
        policy: &PolicyState,
        record: &Record,
        signers: &BTreeSet<KeyId>,
        next: LeafIndex,
    ) -> Result<()> {
        let issuer = record.issuer();
        if !policy.operators.contains(issuer) || !self.signs_for(issuer, signers, next) {
            let detail = format!("a {} is signed by an operator of the log", record.kind);
            return Err(Error::new(Code::RoleRefused, detail));
        }
        if to > next.0 {
            let detail = format!("it speaks of {to} entries, and this would be entry {next}");
            return Err(Error::new(Code::Schema, detail).at("/predicate"));
        }
        Ok(())
    }

    fn issued_by_a_party(
        &self,
        policy: &PolicyState,
        record: &Record,
        signers: &BTreeSet<KeyId>,
        next: LeafIndex,
    ) -> Result<()> {
        let issuer = record.issuer();
        if !self.signs_for(issuer, signers, next) {
            let detail = format!("no key in force of {issuer} signed");
            return Err(Error::new(Code::IssuerMismatch, detail).at("/predicate/issuer/id"));
        }
        let roles = self.parties.get(issuer).map(|party| party.roles.clone()).unwrap_or_default();
        self.permits(policy, record, &roles)
    }

    /// A signer that no party owns: only where the policy opens the kind to anybody, and alone.
    fn unvouched(
        &self,
        policy: &PolicyState,
        record: &Record,
        signers: &BTreeSet<KeyId>,
        next: LeafIndex,
    ) -> Result<()> {
        let own = record.own_key().map(PublicKey::key_id);
        if own.is_none_or(|own| !signers.contains(&own)) {
            let detail = "the key that the issuer names did not sign";
            return Err(Error::new(Code::IssuerMismatch, detail).at("/predicate/issuer/id"));
        }
        for signer in signers.iter().filter(|signer| Some(**signer) != own) {
            if !matches!(self.standing(signer, next), Standing::InForce { .. }) {
                return Err(Error::new(Code::SignerUnknown, format!("key {signer} is not in force")));
            }
        }
        if let Some(owner) = own.and_then(|own| self.key(&own)).map(|key| &key.owner) {
            let owner = match owner {
                Owner::Party(id) => id.as_str(),
                Owner::Council => "the council",
            };
            let detail = format!("the key belongs to {owner}, which must be named as issuer");
            return Err(Error::new(Code::IssuerMismatch, detail).at("/predicate/issuer/id"));
        }
        self.permits(policy, record, &BTreeSet::new())
    }

    /// Whether the policy lets somebody with these roles register this kind. A kind that it does not list is closed;
    /// `party` and `key-event` have rules of their own and need no listing.
    fn permits(&self, policy: &PolicyState, record: &Record, roles: &BTreeSet<Role>) -> Result<()> {
        let kind = record.kind.as_str();
        let Some(allowed) = policy.rules.get(kind) else {
            if matches!(record.kind, Kind::Party | Kind::KeyEvent) {
                return Ok(());
            }
            return Err(Error::new(Code::RoleRefused, format!("the policy of this log has no rule for {kind}")));
        };
        let anybody = allowed.contains(&Registrant::Anybody);
        if anybody || allowed.iter().any(|registrant| roles.iter().any(|role| registrant.admits(*role))) {
            return Ok(());
        }
        let detail = format!("the policy of this log does not let {} register {kind}", record.issuer());
        Err(Error::new(Code::RoleRefused, detail))
    }

    /// Every key that the record adds signs it, and belongs to nobody else.
    fn brings_its_keys(&self, record: &Record, signers: &BTreeSet<KeyId>, party: &str) -> Result<()> {
        for key in record.registered_keys() {
            let id = key.key_id();
            match self.key(&id) {
                // Listing a key again changes nothing, but a revoked one would look as if it were back.
                Some(known) if known.revoked.is_some() => {
                    return Err(Error::new(Code::SignerRevoked, format!("key {id} was revoked and cannot come back")));
                }
                Some(known) if !known.owner.is(party) => {
                    return Err(Error::new(Code::KeyTaken, format!("key {id} belongs to somebody else")));
                }
                Some(_) => {}
                None if signers.contains(&id) => {}
                None => {
                    let detail = format!("key {id} does not sign the record that adds it");
                    return Err(Error::new(Code::Threshold, detail));
                }
            }
        }
        Ok(())
    }

    fn belongs_to(&self, key: KeyId, party: &str) -> Result<()> {
        match self.key(&key) {
            Some(known) if !known.owner.is(party) => {
                Err(Error::new(Code::KeyTaken, format!("key {key} belongs to somebody else")))
            }
            _ => Ok(()),
        }
    }
}

/// Entry 0 is signed by every operator that it lists, with keys that it lists, and by nobody else.
fn first_policy(policy: &LogPolicy, signers: &BTreeSet<KeyId>, next: LeafIndex) -> Result<()> {
    if next != LeafIndex(0) {
        return Err(Error::new(Code::RoleRefused, "only entry 0 begins a log"));
    }
    for operator in &policy.operators {
        if !operator.keys.iter().any(|key| key.key_use == KeyUse::Sign && signers.contains(&key.keyid)) {
            return Err(Error::new(Code::Threshold, format!("operator {} did not sign", operator.id)));
        }
    }
    let listed = |signer: &KeyId| {
        let operators = policy.operators.iter().flat_map(|operator| &operator.keys).map(|key| key.keyid);
        operators.chain(policy.council.keys.iter().map(|key| key.keyid)).any(|key| key == *signer)
    };
    match signers.iter().find(|signer| !listed(signer)) {
        Some(stranger) => Err(Error::new(Code::SignerUnknown, format!("key {stranger} is not listed"))),
        None => Ok(()),
    }
}
