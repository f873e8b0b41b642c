//! A log in memory: a few lines make a log with parties, records and bundles, every signature in it real.
//!
//! Not a log to run: it admits whatever it is given, so that tests can also make what no log would. Everything in it is
//! decided by its arguments, keys and times included.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot make its fixture has failed")]

use std::collections::BTreeMap;

use serde_json::json;

use super::{ISSUED, ORIGIN, sign};
use crate::bundle::{Bundle, Link};
use crate::entry::Entry;
use crate::ids::{LeafIndex, TreeSize, UnixMillis};
use crate::merkle::{CompactRange, LeafHash, NodeHash, prove_inclusion};
use crate::note::{Checkpoint, Cosigner, KeyName, NoteSigner, Origin, Policy, TlogProof, UnixSeconds, sign_checkpoint};
use crate::record::Record;
use crate::record::key::PrivateKey;
use crate::record::kind::Kind;
use crate::record::kinds::{LogPolicy, PartyKey};
use crate::record::statement::Subject;

/// The id of the operator of every such log.
const OPERATOR: &str = "example-log";

/// When entry 0 was received: 2026-03-01T12:00:00Z. Each entry comes a second after the one before it.
const START: UnixMillis = UnixMillis(1_772_366_400_000);

/// A log, its keys, and all that it holds.
pub struct MemoryLog {
    origin: Origin,
    log: NoteSigner,
    clock: Cosigner,
    witness: Cosigner,
    operator: PrivateKey,
    entries: Vec<Vec<u8>>,
    bodies: Vec<Vec<u8>>,
    range: CompactRange,
    nodes: BTreeMap<(u8, u64), NodeHash>,
}

impl MemoryLog {
    /// The log [`ORIGIN`] with its entry 0, by keys of its own: partners may register model cards and training sources, auditors attest, and
    /// anybody may comment.
    pub fn new() -> Self {
        Self::with(ORIGIN, 1)
    }

    /// A log of this name, whose keys come from this seed; with another seed it is another log.
    pub fn with(origin: &str, seed: u8) -> Self {
        let mut log = Self::empty(origin, seed);
        let genesis = log.genesis();
        log.append(genesis);
        log
    }

    /// The same before its entry 0.
    pub fn empty(origin: &str, seed: u8) -> Self {
        let name = |suffix: &str| KeyName::parse(&format!("{origin}{suffix}")).unwrap();
        Self {
            origin: Origin::parse(origin).unwrap(),
            log: NoteSigner::from_seed(name(""), [seed; 32]).unwrap(),
            clock: Cosigner::from_seed(name("/clock"), [seed + 1; 32]).unwrap(),
            witness: Cosigner::from_seed(KeyName::parse("witness.example.net").unwrap(), [seed + 2; 32]).unwrap(),
            operator: PrivateKey::from_ed25519_seed([seed + 3; 32]),
            entries: Vec::new(),
            bodies: Vec::new(),
            range: CompactRange::new(),
            nodes: BTreeMap::new(),
        }
    }

    /// The body of entry 0.
    pub fn genesis(&self) -> Vec<u8> {
        let predicate = json!({
            "issuer": { "id": OPERATOR },
            "issued": ISSUED,
            "origin": self.origin.as_str(),
            "logKeys": [self.log.verifier_key().to_string()],
            "witnesses": String::from_utf8(self.policy().encode()).unwrap(),
            "operators": [{ "id": OPERATOR, "keys": [PartyKey::signing(self.operator.public_key())] }],
            "rules": {
                "model-card": ["partner"],
                "training-source": ["partner"],
                "audit-attestation": ["auditor"],
                "comment": ["anybody"],
            },
        });
        sign(Kind::LogPolicy, vec![LogPolicy::subject(self.origin.as_str())], predicate, &[&self.operator])
    }

    /// Registers a party with these roles and keys, signed by the operator and by the keys.
    pub fn register(&mut self, id: &str, roles: &[&str], keys: &[&PrivateKey]) -> LeafIndex {
        let listed: Vec<_> = keys.iter().map(|key| PartyKey::signing(key.public_key())).collect();
        let subjects = keys.iter().map(|key| Subject::key(key.key_id())).collect();
        let signers: Vec<&PrivateKey> = [&self.operator].into_iter().chain(keys.iter().copied()).collect();
        let predicate =
            json!({ "issuer": { "id": OPERATOR }, "issued": ISSUED, "id": id, "roles": roles, "keys": listed });
        self.append(sign(Kind::Party, subjects, predicate, &signers))
    }

    /// Revokes a key of a party, signed by another one of its keys; for compromise from an index, if one is given.
    pub fn revoke(&mut self, party: &str, key: &PrivateKey, from: Option<LeafIndex>, by: &PrivateKey) -> LeafIndex {
        let mut predicate = json!({
            "issuer": { "id": party }, "issued": ISSUED,
            "event": "revoke", "keyid": key.key_id(), "reason": "superseded",
        });
        if let Some(from) = from {
            predicate["reason"] = json!("keyCompromise");
            predicate["compromisedFromIndex"] = json!(from.0);
        }
        self.append(sign(Kind::KeyEvent, vec![Subject::key(key.key_id())], predicate, &[by]))
    }

    /// Appends a record without asking whether it may be there.
    pub fn append(&mut self, body: Vec<u8>) -> LeafIndex {
        let received = self.now();
        let entry = Entry::of_record(&Record::parse(&body).unwrap(), received).encode().unwrap();
        self.append_raw(entry, body)
    }

    /// Appends any bytes as an entry, with any bytes as its body.
    pub fn append_raw(&mut self, entry: Vec<u8>, body: Vec<u8>) -> LeafIndex {
        let index = LeafIndex(self.entries.len() as u64);
        let nodes = &mut self.nodes;
        self.range.append(LeafHash::of_entry(&entry), &mut |level, index, node| {
            nodes.insert((level, index), node);
        });
        self.entries.push(entry);
        self.bodies.push(body);
        index
    }

    /// The time at which the next entry is received.
    pub fn now(&self) -> UnixMillis {
        UnixMillis(START.0 + 1_000 * self.entries.len() as u64)
    }

    /// How many entries there are.
    pub fn size(&self) -> TreeSize {
        self.range.size()
    }

    /// The bytes of an entry.
    pub fn entry(&self, index: LeafIndex) -> &[u8] {
        &self.entries[usize::try_from(index.0).unwrap()]
    }

    /// The body of an entry.
    pub fn body(&self, index: LeafIndex) -> &[u8] {
        &self.bodies[usize::try_from(index.0).unwrap()]
    }

    /// The leaf hash of entry 0.
    pub fn genesis_leaf(&self) -> LeafHash {
        LeafHash::of_entry(&self.entries[0])
    }

    /// The operator's key.
    pub const fn operator(&self) -> &PrivateKey {
        &self.operator
    }

    /// The log's own key.
    pub const fn signer(&self) -> &NoteSigner {
        &self.log
    }

    /// A witness that the log's policy asks for.
    pub const fn witness(&self) -> &Cosigner {
        &self.witness
    }

    /// The policy that a reader pins: this log, its clock and its witness.
    pub fn policy(&self) -> Policy {
        Policy::of_log(self.log.verifier_key(), &[self.clock.verifier_key(), self.witness.verifier_key()]).unwrap()
    }

    /// What the log says of itself now.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint::new(self.origin.clone(), self.size(), self.range.root())
    }

    /// The checkpoint, signed and cosigned.
    pub fn note(&self) -> Vec<u8> {
        let at = UnixSeconds::from(self.now());
        sign_checkpoint(&self.checkpoint(), &self.log, &[(&self.clock, at), (&self.witness, at)]).unwrap()
    }

    /// An entry with its body, and the proof that the tree of now holds it.
    pub fn link(&self, index: LeafIndex) -> Link {
        let nodes = |level: u8, index: u64| self.nodes.get(&(level, index)).copied().ok_or((level, index));
        let proof = prove_inclusion(&nodes, index, self.size()).unwrap();
        let proof = TlogProof { extra: None, index, proof, checkpoint: self.note() };
        Link { envelope: self.body(index).to_vec(), entry: self.entry(index).to_vec(), proof }
    }

    /// The bundle of an entry, with these entries as its key history.
    pub fn bundle(&self, index: LeafIndex, history: &[LeafIndex]) -> Bundle {
        Bundle {
            record: self.link(index),
            key_history: history.iter().map(|index| self.link(*index)).collect(),
            policy: self.link(LeafIndex(0)),
            key_lookup: None,
        }
    }
}

impl Default for MemoryLog {
    fn default() -> Self {
        Self::new()
    }
}
