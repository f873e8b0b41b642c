//! Entry 0 of a new log: who runs it, and who may register what.

use ledger::note::Origin;
use ledger::record::key::PublicKey;
use ledger::record::kind::Kind;
use ledger::record::kinds::{LogPolicy, PartyKey};
use ledger::record::terms::PartyId;
use serde_json::{Map, Value, json};

use crate::draft::Draft;

/// Which roles may register which kind, in a log whose operator did not say otherwise.
///
/// Partners speak about their models and data, auditors attest, operators register parties; whoever is affected may
/// comment, dispute and say what they want, with or without being registered.
pub(crate) const RULES: &[(&str, &[&str])] = &[
    ("party", &["operator"]),
    ("party-profile", &["partner", "auditor", "steward", "contributor", "operator"]),
    ("key-event", &["partner", "auditor", "steward", "contributor", "operator"]),
    ("model-card", &["partner"]),
    ("dataset-card", &["partner", "steward"]),
    ("training-source", &["partner"]),
    ("manifest", &["partner", "steward"]),
    ("license-claim", &["partner", "auditor", "steward", "contributor"]),
    ("audit-attestation", &["auditor"]),
    ("usage-preference", &["anybody"]),
    ("preference-response", &["partner"]),
    ("agreement", &["partner", "steward"]),
    ("governance-event", &["steward", "operator"]),
    ("comment", &["anybody"]),
    ("dispute", &["anybody"]),
    ("resolution", &["steward", "auditor", "operator"]),
    ("correction", &["partner", "auditor", "steward", "contributor", "operator"]),
    ("retraction", &["partner", "auditor", "steward", "contributor", "operator"]),
    ("incident", &["partner", "auditor"]),
    ("sla-report", &["partner"]),
    ("compensation-report", &["partner"]),
    ("attribution-report", &["partner"]),
    ("index-root", &["operator"]),
    ("run-root", &["operator"]),
];

/// The draft of entry 0. The operator has two keys: one for everything, better kept elsewhere, and one on the server that
/// signs roots of the index and nothing else.
pub(crate) fn draft(
    origin: &Origin,
    log_key: &str,
    policy: &str,
    operator: &PartyId,
    key: &PublicKey,
    index_key: &PublicKey,
) -> Draft {
    let rules: Map<String, Value> = RULES.iter().map(|(kind, roles)| ((*kind).to_owned(), json!(roles))).collect();
    let keys = [PartyKey::signing(key), PartyKey::for_roots(index_key)];
    let mut predicate = Map::new();
    predicate.insert("origin".to_owned(), json!(origin.as_str()));
    predicate.insert("logKeys".to_owned(), json!([log_key]));
    predicate.insert("witnesses".to_owned(), json!(policy));
    predicate.insert("operators".to_owned(), json!([{ "id": operator, "keys": keys }]));
    predicate.insert("rules".to_owned(), Value::Object(rules));
    Draft { kind: Kind::LogPolicy, subjects: vec![LogPolicy::subject(origin.as_str())], predicate }
}
