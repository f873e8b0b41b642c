//! Who may say what: the rules of admission, as the log's own policy states them.
//!
//! | kind | must be signed by |
//! |---|---|
//! | `log-policy` at index 0 | every operator that it lists |
//! | `log-policy` later | the council's threshold of the policy in force; without a council, every operator in force |
//! | `party` | an operator, or the council's threshold; and every key that it adds |
//! | `key-event` | an older key of the party, or the council's threshold; and the key that it adds. A party that has a key for the use `manage` adds and rotates keys with such a key only; any of its keys may revoke |
//! | `governance-event` | the council's threshold where the phase needs it; else a party whose role the policy lets register it, or the council |
//! | `retraction` that erases a body | an operator, or the council's threshold |
//! | `resolution` that vouches | a steward, or the council's threshold |
//! | `index-root` | an operator in force; it covers no entry at or above its own index |
//! | `run-root` | an operator in force; it ends at or below its own index |
//! | any other | a key of the party that it names as issuer, whose role the policy lets register this kind |
//!
//! Besides that, every signer must be known and in force; a second signature by the same key counts once, because an
//! envelope holds a key once. Where the council speaks, `issuer.id` may be `council`, which no party can be called.
//! What follows from earlier records, such as the order of an agreement's steps, is in [`admission`](super::admission).

use std::collections::BTreeSet;

use super::{Owner, PolicyState, Standing, State};
use crate::entry::Header;
use crate::error::{Code, Error, Result};
use crate::ids::{KeyId, LeafIndex};
use crate::record::Record;
use crate::record::key::PublicKey;
use crate::record::kind::Kind;
use crate::record::kinds::{
    COUNCIL, GovernanceEvent, KeyEvent, KeyEventKind, KeyUse, LogPolicy, Outcome, Party, Predicate, Registrant, Role,
};

impl State {
    /// Verifies every signature of a record with the key of its id: a registered one, or one that the record brings.
    ///
    /// A key id is the hash of the key, so it does not matter when the key was registered; whether it counts at some
    /// index is what [`State::admit`] says.
    ///
    /// # Errors
    /// `signer_unknown` for a key that neither the state nor the record has, `signature_invalid` for a signature that
    /// does not hold.
    pub fn verify_signatures(&self, record: &Record) -> Result<()> {
        let known = |id: &KeyId| -> Option<PublicKey> {
            let brought = record.registered_keys().iter().chain(record.own_key());
            let brought = brought.into_iter().find(|key| key.key_id() == *id).cloned();
            brought.or_else(|| self.key(id)?.public_key())
        };
        record.envelope.verify(&known).map(drop)
    }

    /// Whether whoever signed `record` may say this at index `next`: signers, roles and thresholds, and nothing that other
    /// records than those about keys and parties decide. Its signatures are verified elsewhere; here they are names.
    ///
    /// # Errors
    /// `signer_unknown`, `signer_revoked` and `issuer_mismatch` for who signed; `role_refused` and `threshold` for what
    /// they may say; `key_taken` for a key or a name that is another's; `wrong_log` for the policy of another log,
    /// `schema` for a key-event or a root that speaks of what is not there yet.
    pub fn authorise(&self, record: &Record, next: LeafIndex) -> Result<()> {
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
            (Predicate::RunRoot(run), Some(policy)) => {
                self.all_known(&signers, record, next)?;
                self.root_of_an_operator(run.to, policy, record, &signers, next)
            }
            (Predicate::GovernanceEvent(event), Some(policy)) => {
                self.all_known(&signers, record, next)?;
                self.governance(event, policy, record, &signers, next)
            }
            (_, Some(policy)) if record.own_key().is_some() => {
                let own = record.own_key().map(PublicKey::key_id);
                self.unvouched(policy, record.kind.as_str(), own, &signers, next)
            }
            (predicate, Some(policy)) => {
                self.all_known(&signers, record, next)?;
                if record.issuer() == COUNCIL && self.council_decides(policy, &signers, next) {
                    return Ok(());
                }
                self.issued_by_a_party(policy, record.kind.as_str(), record.issuer(), &signers, next)?;
                self.has_the_power(predicate, record.issuer())
            }
        }
    }

    /// The same for an entry whose body is erased, or was not looked at: what its header says.
    ///
    /// # Errors
    /// `signer_unknown`, `signer_revoked`, `issuer_mismatch`, `role_refused` and `threshold`.
    pub fn authorise_header(&self, header: &Header, next: LeafIndex) -> Result<()> {
        let Some(policy) = &self.policy else {
            return Err(Error::new(Code::RoleRefused, "entry 0 must be a log-policy"));
        };
        let signers: BTreeSet<KeyId> = header.signers.iter().copied().collect();
        let issuer = &header.issuer;
        if let Some(own) = issuer.strip_prefix("key:") {
            return self.unvouched(policy, &header.kind, own.parse().ok(), &signers, next);
        }
        if issuer == COUNCIL && self.council_decides(policy, &signers, next) {
            return Ok(());
        }
        self.issued_by_a_party(policy, &header.kind, issuer, &signers, next)
    }

    /// Whether the council's threshold signed, by the policy in force.
    pub(super) fn council_signed(&self, signers: &BTreeSet<KeyId>, next: LeafIndex) -> bool {
        self.policy.as_ref().is_some_and(|policy| self.council_decides(policy, signers, next))
    }

    /// Every signer is registered and in force at `next`, or is a key that the record itself brings.
    fn all_known(&self, signers: &BTreeSet<KeyId>, record: &Record, next: LeafIndex) -> Result<()> {
        for signer in signers {
            if !matches!(record.kind, Kind::IndexRoot | Kind::RunRoot) {
                self.signs_records(signer)?;
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

    /// A key that stands on the server to sign roots signs nothing else, whoever signs beside it.
    fn signs_records(&self, signer: &KeyId) -> Result<()> {
        match self.key(signer).is_some_and(|key| key.key_use == KeyUse::Roots) {
            true => {
                let detail = format!("key {signer} signs roots of the log and nothing else");
                Err(Error::new(Code::RoleRefused, detail))
            }
            false => Ok(()),
        }
    }

    /// Whether a key of `party` that is in force and for this use signed.
    fn signs_for(&self, party: &str, signers: &BTreeSet<KeyId>, next: LeafIndex, key_use: KeyUse) -> bool {
        signers.iter().any(|signer| {
            self.key(signer).is_some_and(|key| key.owner.is(party) && key.key_use == key_use)
                && matches!(self.standing(signer, next), Standing::InForce { .. })
        })
    }

    /// Whether a key of the party that may change its keys signed: one for managing, where the party has one.
    fn manages(&self, party: &str, signers: &BTreeSet<KeyId>, next: LeafIndex, event: KeyEventKind) -> bool {
        let in_force = |(id, key): &(&KeyId, &super::KeyState)| {
            key.key_use == KeyUse::Manage && matches!(self.standing(id, next), Standing::InForce { .. })
        };
        // Whoever holds any key of the party can say that one is stolen: the harm of a false alarm is the smaller one.
        let has_manager = event != KeyEventKind::Revoke && self.keys_of(party).any(|key| in_force(&key));
        self.signs_for(party, signers, next, KeyUse::Manage)
            || (!has_manager && self.signs_for(party, signers, next, KeyUse::Sign))
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
        match policy.operators.iter().find(|operator| !self.signs_for(operator, signers, next, KeyUse::Sign)) {
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
        if party.id.as_str() == COUNCIL {
            return Err(Error::new(Code::KeyTaken, "the council speaks under this id").at("/predicate/id"));
        }
        let issuer = record.issuer();
        let by_operator = policy.operators.contains(issuer) && self.signs_for(issuer, signers, next, KeyUse::Sign);
        if !by_operator && !self.council_decides(policy, signers, next) {
            let detail = "a party is registered by an operator of the log or by the council's threshold";
            return Err(Error::new(Code::RoleRefused, detail));
        }
        permits(policy, record.kind.as_str(), issuer, &BTreeSet::from([Role::Operator]))?;
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
        if !self.manages(party, signers, next, event.event) && !self.council_decides(policy, signers, next) {
            let detail = format!("an older key of {party} must sign, or the council's threshold");
            return Err(Error::new(Code::IssuerMismatch, detail));
        }
        if let Some(revoked) = event.revoked() {
            match self.key(&revoked) {
                // That a key was stolen is often found out after it was replaced.
                Some(key) if key.owner.is(party) && (key.revoked.is_none() || event.declares_a_theft()) => {}
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
        permits(policy, record.kind.as_str(), party, &self.roles_of(party))?;
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
        let by_key = |key_use| self.signs_for(issuer, signers, next, key_use);
        if !policy.operators.contains(issuer) || !(by_key(KeyUse::Roots) || by_key(KeyUse::Sign)) {
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
        kind: &str,
        issuer: &str,
        signers: &BTreeSet<KeyId>,
        next: LeafIndex,
    ) -> Result<()> {
        if !self.signs_for(issuer, signers, next, KeyUse::Sign) {
            let detail = format!("no key in force of {issuer} that signs records signed");
            return Err(Error::new(Code::IssuerMismatch, detail).at("/predicate/issuer/id"));
        }
        permits(policy, kind, issuer, &self.roles_of(issuer))
    }

    fn roles_of(&self, party: &str) -> BTreeSet<Role> {
        self.parties.get(party).map(|party| party.roles.clone()).unwrap_or_default()
    }

    /// A step in an agreement's life.
    fn governance(
        &self,
        event: &GovernanceEvent,
        policy: &PolicyState,
        record: &Record,
        signers: &BTreeSet<KeyId>,
        next: LeafIndex,
    ) -> Result<()> {
        let issuer = record.issuer();
        let by_council = self.council_decides(policy, signers, next);
        if (event.phase.needs_council() || issuer == COUNCIL) && !by_council {
            let votes = self.council_votes(policy, signers, next);
            let detail = match policy.threshold {
                0 => "this log has no council".to_owned(),
                threshold => format!("{votes} of the council signed, {threshold} must"),
            };
            return Err(Error::new(Code::Threshold, detail));
        }
        match issuer == COUNCIL {
            true => Ok(()),
            // A party that lends its name to what the council signed needs no other right.
            false if by_council && self.signs_for(issuer, signers, next, KeyUse::Sign) => Ok(()),
            false => self.issued_by_a_party(policy, record.kind.as_str(), issuer, signers, next),
        }
    }

    /// Kinds of statements that not everybody makes who may register their kind.
    fn has_the_power(&self, predicate: &Predicate, issuer: &str) -> Result<()> {
        let roles = self.roles_of(issuer);
        let refuse = |detail: &str| Err(Error::new(Code::RoleRefused, detail).at("/predicate/issuer/id"));
        match predicate {
            Predicate::Retraction(retraction) if retraction.redaction.is_some() && !roles.contains(&Role::Operator) => {
                refuse("a body is erased on the word of an operator of the log, or of the council")
            }
            Predicate::Resolution(resolution)
                if resolution.outcome == Outcome::Vouched && !roles.contains(&Role::Steward) =>
            {
                refuse("only a steward, or the council, vouches for others")
            }
            _ => Ok(()),
        }
    }

    /// A signer that no party owns: only where the policy opens the kind to anybody, and alone.
    fn unvouched(
        &self,
        policy: &PolicyState,
        kind: &str,
        own: Option<KeyId>,
        signers: &BTreeSet<KeyId>,
        next: LeafIndex,
    ) -> Result<()> {
        let Some(own) = own.filter(|own| signers.contains(own)) else {
            let detail = "the key that the issuer names did not sign";
            return Err(Error::new(Code::IssuerMismatch, detail).at("/predicate/issuer/id"));
        };
        for signer in signers.iter().filter(|signer| **signer != own) {
            if !matches!(self.standing(signer, next), Standing::InForce { .. }) {
                return Err(Error::new(Code::SignerUnknown, format!("key {signer} is not in force")));
            }
            self.signs_records(signer)?;
        }
        // A key that was registered later spoke for nobody before.
        if let Some(key) = self.key(&own).filter(|key| key.registered < next) {
            let owner = match &key.owner {
                Owner::Party(id) => id.as_str(),
                Owner::Council => "the council",
            };
            let detail = format!("the key belongs to {owner}, which must be named as issuer");
            return Err(Error::new(Code::IssuerMismatch, detail).at("/predicate/issuer/id"));
        }
        permits(policy, kind, &format!("key:{own}"), &BTreeSet::new())
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

/// Whether the policy lets somebody with these roles register this kind. A kind that it does not list is closed;
/// `party` and `key-event` have rules of their own and need no listing.
fn permits(policy: &PolicyState, kind: &str, issuer: &str, roles: &BTreeSet<Role>) -> Result<()> {
    let Some(allowed) = policy.rules.get(kind) else {
        if kind == Kind::Party.as_str() || kind == Kind::KeyEvent.as_str() {
            return Ok(());
        }
        return Err(Error::new(Code::RoleRefused, format!("the policy of this log has no rule for {kind}")));
    };
    let anybody = allowed.contains(&Registrant::Anybody);
    if anybody || allowed.iter().any(|registrant| roles.iter().any(|role| registrant.admits(*role))) {
        return Ok(());
    }
    Err(Error::new(Code::RoleRefused, format!("the policy of this log does not let {issuer} register {kind}")))
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
