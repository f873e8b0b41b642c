//! One valid statement of each kind, for the tests of this crate.

#![allow(clippy::unwrap_used, clippy::panic)]

use serde_json::{Value, json};

use super::{IndexRoot, KeyEvent, LogPolicy, Manifest, RunRoot, UsagePreference};
use crate::ids::{ContentKey, KeyspaceId, RecordId, SubjectDigest};
use crate::note::{KeyName, NoteSigner};
use crate::record::dsse::Envelope;
use crate::record::key::PrivateKey;
use crate::record::kind::Kind;
use crate::record::statement::{Statement, Subject};

/// The origin of the sample log.
pub(crate) const ORIGIN: &str = "log.example.org";

/// The key with this number.
pub(crate) fn key(number: u8) -> PrivateKey {
    PrivateKey::from_ed25519_seed([number; 32])
}

/// `record:` and the id that consists of this byte.
pub(crate) fn reference(byte: u8) -> String {
    RecordId::from_bytes([byte; 32]).to_reference()
}

/// An entry of a list of keys.
pub(crate) fn listed(number: u8) -> Value {
    let key = key(number);
    json!({ "keyid": key.key_id(), "publicKey": key.public_key().to_base64(), "use": "sign" })
}

/// A statement of this kind with these members beside `issuer` and `issued`.
pub(crate) fn statement(kind: Kind, issuer: &str, subjects: Vec<Subject>, members: Value) -> Statement {
    let mut predicate = json!({ "issuer": { "id": issuer }, "issued": "2026-03-01T12:00:00Z" });
    predicate.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    Statement::new(kind, subjects, predicate)
}

/// A body that holds this statement, signed by the first key.
pub(crate) fn body(statement: &Statement) -> Vec<u8> {
    Envelope::sign(statement.to_payload().unwrap(), &[&key(1)]).unwrap().to_json()
}

/// A valid statement of this kind.
pub(crate) fn sample(kind: &Kind) -> Statement {
    let model = || vec![Subject::artifact("model.safetensors", SubjectDigest::from_bytes([0xaa; 32]))];
    let card = || vec![Subject::record(RecordId::from_bytes([0xcc; 32]))];
    let (issuer, subjects, members) = match kind {
        Kind::LogPolicy => ("example-log", vec![LogPolicy::subject(ORIGIN)], log_policy()),
        Kind::Party => (
            "example-log",
            vec![Subject::key(key(2).key_id()), Subject::key(key(3).key_id())],
            json!({ "id": "example-ai", "roles": ["partner"], "keys": [listed(2), listed(3)] }),
        ),
        Kind::PartyProfile => (
            "example-ai",
            card(),
            json!({ "name": "Example AI", "contact": "provenance@example.org",
                    "externalIdentifier": [{ "externalIdentifierType": "ror", "identifier": "https://ror.org/0example" }] }),
        ),
        Kind::KeyEvent => {
            let members = json!({ "event": "rotate", "keyid": key(4).key_id(), "publicKey": key(4).public_key().to_base64(),
                                  "replaces": key(2).key_id(), "reason": "superseded" });
            let event: KeyEvent = serde_json::from_value(members.clone()).unwrap();
            ("example-ai", event.subjects(), members)
        }
        Kind::ModelCard => (
            "example-ai",
            model(),
            json!({
                "model_name": "example-7b", "base_model": "example-base", "language": ["en", "fa"], "license": "apache-2.0",
                "tags": ["text-generation"], "limitation": "لا يصلح للاستشارة الطبية.\r\nNot for medical advice.",
                "considerations": { "useCases": ["summaries"] }, "model-index": [{ "name": "example-7b", "results": [] }],
                "card": { "name": "README.md", "digest": { "sha256": "dd".repeat(32) }, "mediaType": "text/markdown" },
                "x-own": { "anything": [1, null, true] },
            }),
        ),
        Kind::DatasetCard => (
            "example-org",
            vec![Subject::artifact("croissant.json", SubjectDigest::from_bytes([0xbb; 32]))],
            json!({
                "@context": { "sc": "https://schema.org/" }, "@type": "sc:Dataset", "name": "example-set",
                "license": ["cc-by-sa-4.0"], "creator": { "@type": "sc:Person", "name": "A. Example" },
                "conformsTo": "http://mlcommons.org/croissant/1.1", "rai:dataBiases": "…", "manifest": reference(9),
            }),
        ),
        Kind::TrainingSource => (
            "example-ai",
            card(),
            json!({
                "relation": "trainedOn", "category": "publicDataset", "pairs": 1_000_000,
                "dataset": { "name": "example-set", "uri": "https://example.org/set", "digest": "noAssertion",
                             "record": reference(8) },
                "startedAt": "noAssertion", "manifest": reference(9),
            }),
        ),
        Kind::Manifest => {
            let members = json!({
                "dataset": { "name": "example-set", "record": reference(8), "digest": { "sha256": "ee".repeat(32) } },
                "keyspaces": [
                    { "id": KeyspaceId::from_bytes([5; 32]), "kind": "para-n1", "spec": "para-n1/unicode-16.0", "n": 10_000,
                      "t": 8, "keyLen": 32, "hasMeta": true, "root": "12".repeat(32), "coverage": "Paragraphs of wikitext; no tables.",
                      "disclosure": "complete", "form": "wikitext" },
                    { "id": KeyspaceId::from_bytes([6; 32]), "kind": "mw-title", "spec": "mw-title/1", "n": 206, "t": 3,
                      "keyLen": 32, "hasMeta": false, "root": "34".repeat(32), "disclosure": "partial" },
                ],
            });
            let manifest: Manifest = serde_json::from_value(members.clone()).unwrap();
            ("example-org", manifest.subjects(), members)
        }
        Kind::LicenseClaim => (
            "example-ai",
            model(),
            json!({
                "licenseDeclared": "apache-2.0", "licenseConcluded": "Apache-2.0", "acknowledgement": "declared",
                "claimantRole": "publisher", "scope": { "of": "weights" }, "attribution": { "creator": "Example AI" },
                "basis": "license member of README.md",
                "evidence": [{ "name": "README.md", "digest": { "sha256": "dd".repeat(32) } }],
            }),
        ),
        Kind::AuditAttestation => (
            "example-audit",
            card(),
            json!({
                "verifier": { "id": "https://audit.example.org", "policies": [] }, "timeCreated": "2026-03-01T11:00:00Z",
                "target": [reference(0xcc), reference(7)], "verdict": "partial", "properties": ["sources-complete"],
                "conformance": { "score": "0.9", "rationale": "one source without digest" }, "supersedes": [reference(6)],
            }),
        ),
        Kind::UsagePreference => {
            let members = json!({
                "preferences": { "train-ai": "disallow", "search": "allow" }, "vocabulary": "draft-ietf-aipref-vocab-06",
                "scope": [{ "kind": "mw-page", "key": ContentKey::from_bytes([0x77; 32]) },
                          { "kind": "url-c1", "prefix": "example.org/blog/" }],
                "authority": "self", "addressees": ["example-ai"], "appliesFrom": "2026-03-02T00:00:00Z",
                "raw": "train-ai=n, search=y", "nonce": "AAAAAAAAAAAAAAAAAAAAAA==",
            });
            let preference: UsagePreference = serde_json::from_value(members.clone()).unwrap();
            ("example-org", preference.subjects(), members)
        }
        Kind::PreferenceResponse => (
            "example-ai",
            card(),
            json!({ "preference": reference(0xcc), "status": "partly", "effectiveFromVersion": "2.0", "reason": "…",
                    "notUsedFor": [reference(3)], "alreadyUsedIn": [reference(4)], "dueBy": "2026-04-01T00:00:00Z" }),
        ),
        Kind::Agreement => {
            ("example-ai", vec![Subject::artifact("mou.md", SubjectDigest::from_bytes([0xee; 32]))], agreement())
        }
        Kind::GovernanceEvent => (
            "council",
            card(),
            json!({ "agreement": reference(0xcc), "phase": "ratified", "decision": "ab".repeat(32),
                    "tally": { "for": 3, "against": 1, "abstained": 1 } }),
        ),
        Kind::Comment => (
            "example-org",
            card(),
            json!({ "target": reference(0xcc), "text": "Which dump?", "pointers": ["/dataset/uri"] }),
        ),
        Kind::Dispute => (
            "example-org",
            card(),
            json!({ "target": reference(0xcc), "grounds": "The page was used after the opt-out.",
                    "requestedRemedy": "Train the next version without it.", "counterClaims": [{ "target": reference(5) }] }),
        ),
        Kind::Resolution => (
            "example-org",
            card(),
            json!({ "target": reference(0xcc), "outcome": "partlyUpheld", "decidedBy": "the stewards", "remedy": "…",
                    "reason": "The page is in the manifest." }),
        ),
        Kind::Correction => (
            "example-ai",
            card(),
            json!({ "target": reference(0xcc), "pointers": ["/pairs"], "reason": "a typing error",
                    "replacement": reference(3) }),
        ),
        Kind::Retraction => (
            "example-log",
            card(),
            json!({ "target": reference(0xcc), "reason": "redacted",
                    "redaction": { "reason": "personalData", "authority": "operator" } }),
        ),
        Kind::Incident => (
            "example-ai",
            card(),
            json!({ "severity": "high", "detected": "2026-03-01T10:00:00Z", "resolved": "2026-03-01T11:00:00Z",
                    "affected": [reference(3), "answers in Persian"], "summary": "…", "agreement": reference(4) }),
        ),
        Kind::SlaReport => (
            "example-ai",
            card(),
            json!({ "agreement": reference(0xcc), "metric": "answer time", "target": "P30D", "observed": "P12D",
                    "period": { "from": "2026-01-01T00:00:00Z", "until": "2026-03-31T00:00:00Z" }, "met": true }),
        ),
        Kind::CompensationReport => (
            "example-ai",
            card(),
            json!({ "agreement": reference(0xcc), "period": { "from": "2026-01-01T00:00:00Z", "until": "2026-03-31T00:00:00Z" },
                    "compensate": [{ "payAmount": "1200.50", "unit": "EUR", "compensatedParty": "example-stewards" }] }),
        ),
        Kind::AttributionReport => (
            "example-ai",
            card(),
            json!({ "creditText": "Text by the authors of Example Wiki", "isBasedOn": [reference(8), "https://example.org"],
                    "license": "CC-BY-SA-4.0", "url": "https://example.org/credits" }),
        ),
        Kind::IndexRoot => {
            let members = json!({ "size": 1024, "root": "56".repeat(32), "previous": reference(4) });
            let root: IndexRoot = serde_json::from_value(members.clone()).unwrap();
            ("example-log", root.subjects(), members)
        }
        Kind::RunRoot => {
            let members = json!({
                "keyKind": "para-n1", "keyLen": 8, "from": 0, "to": 1024,
                "sources": [
                    { "index": 17, "keyspace": KeyspaceId::from_bytes([5; 32]), "n": 10_000, "covered": true },
                    { "index": 17, "keyspace": KeyspaceId::from_bytes([7; 32]), "n": 9_000, "covered": true },
                    { "index": 400, "keyspace": KeyspaceId::from_bytes([5; 32]), "n": 10_000, "covered": false },
                ],
                "keyspace": { "id": KeyspaceId::from_bytes([8; 32]), "n": 12_000, "t": 9, "root": "56".repeat(32) },
            });
            let run: RunRoot = serde_json::from_value(members.clone()).unwrap();
            ("example-log", run.subjects(), members)
        }
        Kind::Other(_) => ("example-org", card(), json!({ "anything": [reference(1)], "target": reference(2) })),
    };
    statement(kind.clone(), issuer, subjects, members)
}

fn agreement() -> Value {
    json!({
        "assigner": "example-stewards", "assignee": "example-ai", "target": "https://example.org/dumps",
        "permission": [{ "action": "train-ai", "constraint":
            { "leftOperand": "purpose", "operator": "isAnyOf", "rightOperand": ["research"] } }],
        "prohibition": [{ "action": "profile-contributors" }],
        "obligation": [{ "action": ["attribute", "publish-manifest"] }],
        "purposes": ["training of language models"], "retention": { "period": "P1Y" }, "auditPeriod": "P3M",
        "summary": "Example AI may train on the articles.", "impactAssessment": "Nobody is listed.",
        "rollbackPlan": { "name": "plan.md", "digest": { "sha256": "dd".repeat(32) } }, "exitClause": "Three months.",
        "commentPeriod": { "opens": "2026-03-02T00:00:00Z", "closes": "2026-03-16T00:00:00Z" },
        "validUntil": "2028-03-01T00:00:00Z",
    })
}

fn log_policy() -> Value {
    let vkey = |name: &str, seed: u8| {
        NoteSigner::from_seed(KeyName::parse(name).unwrap(), [seed; 32]).unwrap().verifier_key().to_string()
    };
    json!({
        "origin": ORIGIN,
        "logKeys": [vkey(ORIGIN, 101), vkey("log.example.org/clock", 102)],
        "witnesses": "quorum none\n",
        "operators": [{ "id": "example-log", "keys": [listed(1)] }],
        "council": { "keys": [
            { "keyid": key(11).key_id(), "publicKey": key(11).public_key().to_base64() },
            { "keyid": key(1).key_id(), "publicKey": key(1).public_key().to_base64() },
        ], "threshold": 2 },
        "rules": { "model-card": ["partner"], "audit-attestation": ["auditor", "steward"], "comment": ["anybody"] },
        "limits": { "records-per-hour": 1000 },
    })
}
