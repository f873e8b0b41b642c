//! A log with a council in miniature, on a clock that the test moves.

use serde_json::{Map, Value, json};

use super::*;
use crate::state::{Item, Records, Replica};

/// A day.
pub(super) const DAY: u64 = crate::ids::UnixMillis::DAY;

/// 2026-03-01T12:00:00Z, which is when everything in tests is issued unless it says otherwise.
pub(super) const START: UnixMillis = UnixMillis(1_772_366_400_000);

/// Admits as a log does, keeps every body, and folds.
pub(in crate::state) struct World {
    pub(in crate::state) replica: Replica,
    pub(in crate::state) bodies: Vec<(Vec<u8>, UnixMillis)>,
    pub(in crate::state) now: UnixMillis,
}

impl World {
    /// The policy, a lab, an auditor, stewards and a contributor.
    pub(in crate::state) fn new() -> Self {
        let mut world = Self { replica: Replica::default(), bodies: Vec::new(), now: START };
        world.add(testing::genesis_with_council()).unwrap();
        for (id, role) in
            [("lab", "partner"), ("auditor", "auditor"), ("stewards", "steward"), ("writer", "contributor")]
        {
            world.add(testing::party(id, &[role])).unwrap();
        }
        world
    }

    pub(in crate::state) fn state(&self) -> &State {
        &self.replica.state
    }

    pub(in crate::state) fn wait(&mut self, days: u64) {
        self.now.0 += days * DAY;
    }

    /// Sends a body, as to a log: checked, admitted, folded.
    pub(in crate::state) fn add(&mut self, body: Vec<u8>) -> Result<RecordId> {
        let index = LeafIndex(self.bodies.len() as u64);
        let record = Record::parse(&body)?;
        self.state().verify_signatures(&record)?;
        self.state().admit(&record, index, self.now)?;
        let (id, header) = (record.id, Header::derive(&record, self.now));
        self.replica.apply(index, header, Some(record)).unwrap();
        self.bodies.push((body, self.now));
        Ok(id)
    }

    /// The code of the refusal.
    pub(in crate::state) fn refusal(&mut self, body: Vec<u8>) -> Code {
        let size = self.bodies.len();
        let refused = self.add(body).unwrap_err();
        assert_eq!(self.bodies.len(), size);
        refused.code()
    }

    pub(in crate::state) fn item(&self, id: RecordId) -> Item {
        self.replica.graph.first(id).unwrap().unwrap()
    }

    /// Another replica of the same entries, where the bodies of these records were never there.
    pub(in crate::state) fn replayed_without(&self, erased: &[RecordId]) -> Replica {
        let mut replica = Replica::default();
        for (i, (body, received)) in self.bodies.iter().enumerate() {
            let record = Record::parse(body).unwrap();
            let header = Header::derive(&record, *received);
            let record = Some(record).filter(|record| !erased.contains(&record.id));
            let _ = replica.apply(LeafIndex(i as u64), header, record);
        }
        replica
    }
}

/// A record by a party about records, signed by its key.
pub(in crate::state) fn say(kind: Kind, issuer: &str, about: &[RecordId], members: Value) -> Vec<u8> {
    signed(kind, issuer, about, members, &[issuer])
}

/// The same, signed by these.
pub(in crate::state) fn signed(
    kind: Kind,
    issuer: &str,
    about: &[RecordId],
    members: Value,
    signers: &[&str],
) -> Vec<u8> {
    let subjects = about.iter().map(|id| Subject::record(*id)).collect();
    with_subjects(kind, issuer, subjects, members, signers)
}

pub(in crate::state) fn with_subjects(
    kind: Kind,
    issuer: &str,
    subjects: Vec<Subject>,
    members: Value,
    signers: &[&str],
) -> Vec<u8> {
    let mut predicate =
        Map::from_iter([("issuer".to_owned(), json!({ "id": issuer })), ("issued".to_owned(), json!(testing::ISSUED))]);
    predicate.extend(members.as_object().unwrap().clone());
    let keys: Vec<PrivateKey> = signers.iter().map(|name| key(name)).collect();
    sign(kind, subjects, Value::Object(predicate), &keys.iter().collect::<Vec<_>>())
}

/// A record by a key of nobody's, with what such a record needs.
pub(in crate::state) fn stranger(kind: Kind, name: &str, subjects: Vec<Subject>, members: Value) -> Vec<u8> {
    let own = key(name);
    let mut members = members.as_object().unwrap().clone();
    members.insert("publicKey".to_owned(), json!(own.public_key().to_base64()));
    members.insert("nonce".to_owned(), json!("AAAAAAAAAAAAAAAAAAAAAA=="));
    with_subjects(kind, &format!("key:{}", own.key_id()), subjects, Value::Object(members), &[name])
}

/// An agreement between the stewards and the lab that lacks nothing, with these members beside or instead.
pub(in crate::state) fn agreement(more: Value) -> Vec<u8> {
    let mut members = json!({
        "assigner": "stewards", "assignee": "lab", "target": "https://example.org/dumps",
        "purposes": ["research"], "retention": { "period": "P1Y" }, "auditPeriod": "P3M",
        "summary": "The lab may train on the articles.", "impactAssessment": "Nobody is listed.",
        "rollbackPlan": "The next version is trained without it.", "validUntil": "2028-03-01T00:00:00Z",
    });
    members.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let text = crate::ids::SubjectDigest::from_bytes([0xa9; 32]);
    with_subjects(Kind::Agreement, "lab", vec![Subject::artifact("mou.md", text)], members, &["lab"])
}

/// A step about an agreement, by the stewards or by seats of the council.
pub(in crate::state) fn step(agreement: RecordId, phase: &str, signers: &[&str]) -> Vec<u8> {
    let issuer = if signers == ["stewards"] { "stewards" } else { "council" };
    signed(
        Kind::GovernanceEvent,
        issuer,
        &[agreement],
        json!({ "agreement": agreement.to_reference(), "phase": phase }),
        signers,
    )
}
