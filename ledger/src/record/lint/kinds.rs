//! Rules for the other kinds: what an honest signer may have forgotten, and what a reader will ask.

use serde_json::{Map, Value};

use super::{Finding, Level, code, list, missing, says};
use crate::record::kinds::Disclosure;
use crate::record::license::{Basis, conclude};
use crate::record::terms::NO_ASSERTION;

type Members = Map<String, Value>;

fn text<'a>(members: &'a Members, name: &str) -> Option<&'a str> {
    members.get(name).and_then(Value::as_str)
}

/// Whether a member is there and not `noAssertion`.
fn asserts(members: &Members, name: &str) -> bool {
    says(members, name) && text(members, name) != Some(NO_ASSERTION)
}

/// `training-source`.
pub(super) fn training_source(members: &Members) -> Vec<Finding> {
    let mut findings = Vec::new();
    let none = Map::new();
    let dataset = members.get("dataset").and_then(Value::as_object).unwrap_or(&none);
    if !says(dataset, "uri") && !says(dataset, "record") {
        findings.push(Finding::new(
            &code::SOURCE_ADDRESS_MISSING,
            "/dataset/uri",
            "the source has a name and no address",
        ));
    }
    if !asserts(dataset, "digest") && !says(dataset, "record") && !says(members, "manifest") {
        findings.push(Finding::new(&code::SOURCE_DIGEST_UNKNOWN, "/dataset/digest", "nothing binds the name to bytes"));
    }
    if !asserts(members, "category") {
        findings.push(missing(&code::SOURCE_CATEGORY_MISSING, "category").level(Level::Info));
    }
    if !says(members, "manifest") {
        findings.push(missing(&code::SOURCE_MANIFEST_MISSING, "manifest"));
    }
    if let (Some(start), Some(end)) = (text(members, "startedAt"), text(members, "endedAt"))
        && ![start, end].contains(&NO_ASSERTION)
        && end < start
    {
        findings.push(Finding::new(
            &code::SOURCE_PERIOD,
            "/endedAt",
            format!("it ended at {end}, before it began at {start}"),
        ));
    }
    findings
}

/// `license-claim`.
pub(super) fn license_claim(members: &Members) -> Vec<Finding> {
    let mut findings = Vec::new();
    let concluded = text(members, "licenseConcluded").filter(|concluded| *concluded != NO_ASSERTION);
    let declared = text(members, "licenseDeclared").filter(|declared| *declared != NO_ASSERTION);
    let valid = concluded.filter(|concluded| spdx::Expression::parse(concluded).is_ok());
    if let (Some(concluded), None) = (concluded, valid) {
        let message = format!("`{}` is no SPDX expression", concluded.chars().take(80).collect::<String>());
        let finding = Finding::new(&code::SPDX_INVALID, "/licenseConcluded", message);
        findings.push(match conclude(concluded).expression() {
            Some(expression) => finding.hint(format!("Write `{expression}` if that is meant.")),
            None => finding,
        });
    }
    if let (Some(valid), Some(declared)) = (valid, declared) {
        let read = conclude(declared);
        if read.expression().is_some_and(|expression| expression != valid) && !says(members, "basis") {
            let message = format!("`{declared}` reads as {}, and {valid} is concluded", read.as_str());
            findings.push(Finding::new(&code::LICENSE_CONCLUSION_DIFFERS, "/licenseConcluded", message));
        }
        if read.basis() == Basis::Unrecognised && !says(members, "basis") {
            findings.push(Finding::new(
                &code::LICENSE_CONCLUSION_DIFFERS,
                "/licenseConcluded",
                "what is declared cannot be read as this licence",
            ));
        }
    }
    if !says(members, "basis") && !says(members, "evidence") {
        findings.push(missing(&code::LICENSE_BASIS_MISSING, "basis"));
    }
    if valid.is_some_and(|valid| valid.contains("-BY")) && !says(members, "attribution") {
        findings.push(missing(&code::ATTRIBUTION_MISSING, "attribution"));
    }
    findings
}

/// `audit-attestation`.
pub(super) fn audit_attestation(members: &Members) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in ["method", "scope", "assuranceLevel"] {
        if !says(members, name) {
            findings.push(missing(&code::AUDIT_SCOPE_MISSING, name));
        }
    }
    let part = |name: &str| members.get(name).and_then(Value::as_object);
    if part("verifier").is_some_and(|verifier| !says(verifier, "policies")) {
        findings.push(Finding::new(&code::AUDIT_POLICIES_EMPTY, "/verifier/policies", "no policy is named"));
    }
    for name in ["conformance", "confidence"] {
        if let Some(score) = part(name).and_then(|part| part.get("score")).filter(|score| !is_score(score)) {
            findings.push(Finding::new(
                &code::SCORE_FORM,
                format!("/{name}/score"),
                format!("{score} is not a decimal from 0 to 1"),
            ));
        }
    }
    let reasons =
        says(members, "counterClaims") || part("conformance").is_some_and(|conformance| says(conformance, "rationale"));
    if let Some(verdict) = text(members, "verdict").filter(|verdict| *verdict != "conformant" && !reasons) {
        findings.push(Finding::new(
            &code::AUDIT_REASON_MISSING,
            "/verdict",
            format!("the verdict is {verdict}, and no reason is given"),
        ));
    }
    if !says(members, "evidence") {
        findings.push(missing(&code::AUDIT_EVIDENCE_MISSING, "evidence"));
    }
    findings
}

/// `"0"` to `"1"`, with a point or without.
fn is_score(score: &Value) -> bool {
    let Some(text) = score.as_str() else { return false };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit());
    digits && (whole == "0" || (whole == "1" && fraction.bytes().all(|b| b == b'0')))
}

/// `manifest`.
pub(super) fn manifest(members: &Members) -> Vec<Finding> {
    let mut findings = Vec::new();
    if members.get("dataset").and_then(Value::as_object).is_some_and(|dataset| !says(dataset, "record")) {
        findings.push(Finding::new(&code::MANIFEST_CARD_MISSING, "/dataset/record", "the dataset's card is not named"));
    }
    for (i, keyspace) in list(members, "keyspaces").iter().enumerate() {
        let Some(keyspace) = keyspace.as_object() else { continue };
        let place = format!("/keyspaces/{i}");
        let kind = text(keyspace, "kind").unwrap_or_default();
        if let Some(disclosure) =
            text(keyspace, "disclosure").filter(|disclosure| *disclosure != Disclosure::Complete.as_str())
        {
            findings.push(Finding::new(
                &code::MANIFEST_PARTIAL,
                format!("{place}/disclosure"),
                format!("the keyspace {kind} is {disclosure}"),
            ));
        }
        if matches!(kind, "text-n1" | "para-n1" | "span-n1") && !says(keyspace, "form") {
            findings.push(Finding::new(
                &code::MANIFEST_FORM_MISSING,
                format!("{place}/form"),
                format!("which text {kind} keys is not said"),
            ));
        }
        if keyspace.get("n").and_then(Value::as_u64) == Some(0) {
            findings.push(Finding::new(
                &code::MANIFEST_EMPTY,
                format!("{place}/n"),
                format!("the keyspace {kind} is empty"),
            ));
        }
    }
    findings
}

/// `party-profile`.
pub(super) fn party_profile(members: &Members) -> Vec<Finding> {
    let rules = [(&code::CONTACT_MISSING, "contact"), (&code::IDENTIFIER_MISSING, "externalIdentifier")];
    rules.into_iter().filter(|(_, name)| !says(members, name)).map(|(rule, name)| missing(rule, name)).collect()
}

/// `party`.
pub(super) fn party(members: &Members) -> Vec<Finding> {
    match list(members, "keys") {
        [_] => vec![Finding::new(&code::SINGLE_KEY, "/keys", "the party has one key")],
        _ => Vec::new(),
    }
}

/// `key-event`.
pub(super) fn key_event(members: &Members) -> Vec<Finding> {
    match (text(members, "event"), text(members, "reason")) {
        (Some("revoke" | "rotate"), Some("keyCompromise")) if !says(members, "compromisedFromIndex") => {
            vec![missing(&code::COMPROMISE_FROM_MISSING, "compromisedFromIndex")]
        }
        (Some("revoke"), Some("unspecified")) => {
            vec![Finding::new(&code::REASON_UNSPECIFIED, "/reason", "a key is revoked without a reason")]
        }
        _ => Vec::new(),
    }
}

/// `log-policy`.
pub(super) fn log_policy(members: &Members) -> Vec<Finding> {
    let mut findings = Vec::new();
    let council = members.get("council").and_then(Value::as_object);
    let seats = council.map_or(0, |council| list(council, "keys").len());
    let threshold = council.and_then(|council| council.get("threshold")).and_then(Value::as_u64);
    if seats == 0 {
        findings.push(Finding::new(&code::COUNCIL_EMPTY, "/council", "there is no council"));
    } else if threshold == Some(1) {
        findings.push(Finding::new(
            &code::COUNCIL_OF_ONE,
            "/council/threshold",
            format!("one of {seats} keys decides"),
        ));
    }
    let witnesses = text(members, "witnesses").unwrap_or_default();
    let quorum = witnesses.lines().find_map(|line| line.trim().strip_prefix("quorum")).map(str::trim);
    if matches!(quorum, None | Some("none")) {
        findings.push(Finding::new(&code::NO_WITNESSES, "/witnesses", "the policy asks for no witness"));
    }
    findings
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::super::lint;
    use super::*;
    use crate::record::kind::Kind;
    use serde_json::json;

    fn found(kind: &str, predicate: Value) -> Vec<(&'static str, String)> {
        lint(&Kind::parse(kind).unwrap(), &predicate).into_iter().map(|finding| (finding.code, finding.place)).collect()
    }

    fn codes(kind: &str, predicate: Value) -> Vec<&'static str> {
        found(kind, predicate).into_iter().map(|(code, _)| code).collect()
    }

    #[test]
    fn a_source_of_which_only_the_name_is_known() {
        let bare = json!({"dataset": {"name": "a", "digest": "noAssertion"}, "category": "noAssertion"});
        assert_eq!(
            codes("training-source", bare),
            ["source_address_missing", "source_digest_unknown", "source_category_missing", "source_manifest_missing"]
        );
        let full = json!({"dataset": {"name": "a", "uri": "https://example.org"}, "category": "crawled", "manifest": "record:1",
                          "startedAt": "2026-02-01T00:00:00Z", "endedAt": "2026-01-01T00:00:00Z"});
        assert_eq!(found("training-source", full), [("source_period", "/endedAt".to_owned())]);
    }

    #[test]
    fn a_claim_whose_conclusion_is_no_expression_or_another_licence() {
        let claim = |declared: &str, concluded: &str| {
            codes(
                "license-claim",
                json!({"licenseDeclared": declared, "licenseConcluded": concluded, "evidence": [{"digest": {}}]}),
            )
        };
        assert_eq!(claim("apache-2.0", "Apache-2.0"), [""; 0]);
        assert_eq!(claim("apache-2.0", "apache-2.0"), ["spdx_invalid"]);
        assert_eq!(claim("apache-2.0", "MIT"), ["license_conclusion_differs"]);
        assert_eq!(claim("see file", "MIT"), ["license_conclusion_differs"]);
        assert_eq!(claim("see file", "noAssertion"), [""; 0]);
        assert_eq!(claim("cc-by-4.0", "CC-BY-4.0"), ["attribution_missing"]);
        assert_eq!(codes("license-claim", json!({"licenseDeclared": "mit"})), ["license_basis_missing"]);
    }

    #[test]
    fn a_verdict_without_its_reasons() {
        let bare =
            json!({"verifier": {"id": "a", "policies": []}, "verdict": "partial", "conformance": {"score": "1.5"}});
        let codes = codes("audit-attestation", bare);
        for code in [
            "audit_scope_missing",
            "audit_policies_empty",
            "score_form",
            "audit_reason_missing",
            "audit_evidence_missing",
        ] {
            assert!(codes.contains(&code), "{code}");
        }
        for (score, right) in [
            ("0", true),
            ("1", true),
            ("1.0", true),
            ("0.85", true),
            ("1.01", false),
            ("", false),
            (".5", false),
            ("0.", false),
        ] {
            assert_eq!(is_score(&json!(score)), right, "{score}");
        }
        assert!(!is_score(&json!(1)));
    }

    #[test]
    fn keyspaces_that_cannot_answer() {
        let keyspaces =
            json!({"dataset": {"name": "d"}, "keyspaces": [{"kind": "para-n1", "n": 0, "disclosure": "partial"}]});
        assert_eq!(
            found("manifest", keyspaces).into_iter().map(|(code, place)| format!("{code} {place}")).collect::<Vec<_>>(),
            [
                "manifest_card_missing /dataset/record",
                "manifest_not_complete /keyspaces/0/disclosure",
                "manifest_form_missing /keyspaces/0/form",
                "manifest_empty /keyspaces/0/n"
            ]
        );
    }

    #[test]
    fn parties_keys_and_policies() {
        assert_eq!(codes("party", json!({"keys": [{}]})), ["single_key"]);
        assert_eq!(codes("party-profile", json!({"name": "x"})), ["contact_missing", "identifier_missing"]);
        assert_eq!(
            codes("key-event", json!({"event": "revoke", "reason": "keyCompromise"})),
            ["compromise_from_missing"]
        );
        assert_eq!(codes("key-event", json!({"event": "add", "reason": "unspecified"})), [""; 0]);
        assert_eq!(codes("log-policy", json!({"witnesses": "quorum none\n"})), ["council_empty", "no_witnesses"]);
        let policy = json!({"witnesses": "witness a x\nquorum a\n", "council": {"keys": [{}, {}], "threshold": 1}});
        assert_eq!(codes("log-policy", policy), ["council_of_one"]);
        assert_eq!(codes("weather-report", json!({})), ["kind_unknown"]);
    }

    #[test]
    fn what_holds_for_every_kind() {
        let predicate = json!({"issued": "2026-03-01T00:00:00Z", "validUntil": "2026-02-01T00:00:00Z", "evidence": [{"uri": "https://example.org"}],
                               "abridged": ["/a", "/b"], "unmapped": {"x/y": 1}, "contact": "c", "externalIdentifier": [1]});
        assert_eq!(
            found("party-profile", predicate)
                .into_iter()
                .map(|(code, place)| format!("{code} {place}"))
                .collect::<Vec<_>>(),
            [
                "validity_ends_before /validUntil",
                "evidence_without_digest /evidence/0",
                "abridged /abridged",
                "unmapped /unmapped/x~1y"
            ]
        );
    }

    #[test]
    fn no_shape_of_a_predicate_makes_lint_fall() {
        for kind in Kind::typed() {
            for value in [json!(null), json!([]), json!("x")] {
                lint(kind, &value);
                let names = [
                    "dataset",
                    "keys",
                    "council",
                    "keyspaces",
                    "verifier",
                    "license",
                    "model-index",
                    "evidence",
                    "unmapped",
                    "abridged",
                    "considerations",
                    "distribution",
                    "creator",
                    "conformsTo",
                    "card",
                    "licenseConcluded",
                ];
                lint(kind, &Value::Object(names.iter().map(|name| ((*name).to_owned(), value.clone())).collect()));
            }
        }
    }
}
