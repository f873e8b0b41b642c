//! Rules for agreements, preferences, the public's voice and reports: what ratification will ask for, and what makes an
//! answer one that others can hold against something.

use serde_json::{Map, Value};

use super::{Finding, code, list, missing, says};
use crate::ids::{RecordId, UnixMillis};
use crate::record::kinds::Agreement;
use crate::record::terms::Timestamp;

type Members = Map<String, Value>;

/// Two weeks, which is what a policy asks for where it does not say otherwise (DESIGN §8).
const COMMENT_MILLIS: u64 = 14 * UnixMillis::DAY;

fn text<'a>(members: &'a Members, name: &str) -> Option<&'a str> {
    members.get(name).and_then(Value::as_str)
}

fn moment(value: Option<&Value>) -> Option<u64> {
    Some(value?.as_str()?.parse::<Timestamp>().ok()?.millis().0)
}

/// `usage-preference`.
pub(super) fn usage_preference(members: &Members) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !says(members, "addressees") {
        findings.push(missing(&code::ADDRESSEES_MISSING, "addressees"));
    }
    if text(members, "authority") != Some("collective") && !says(members, "evidence") {
        findings.push(missing(&code::CONTROL_EVIDENCE_MISSING, "evidence"));
    }
    let known = |name: &&String| ["train-ai", "search"].contains(&name.as_str());
    let preferences = members.get("preferences").and_then(Value::as_object);
    for name in preferences.into_iter().flat_map(Map::keys).filter(|name| !known(name)) {
        let place = format!("/preferences{}", crate::record::json::pointer_step(name));
        findings.push(Finding::new(
            &code::CATEGORY_UNKNOWN,
            place,
            format!("`{name}` is no category of the vocabulary"),
        ));
    }
    findings
}

/// `preference-response`.
pub(super) fn preference_response(members: &Members) -> Vec<Finding> {
    match text(members, "status") {
        Some("partly" | "declined") if !says(members, "reason") => {
            vec![missing(&code::RESPONSE_REASON_MISSING, "reason")]
        }
        Some("honoured" | "partly") if !says(members, "effectiveFromVersion") => {
            vec![missing(&code::EFFECTIVE_VERSION_MISSING, "effectiveFromVersion")]
        }
        _ => Vec::new(),
    }
}

/// `agreement`.
pub(super) fn agreement(members: &Members) -> Vec<Finding> {
    let mut findings = Vec::new();
    let typed: Option<Agreement> = serde_json::from_value(Value::Object(members.clone())).ok();
    for name in typed.iter().flat_map(Agreement::lacks) {
        findings.push(missing(&code::RATIFICATION_NEEDS, name));
    }
    if typed.as_ref().is_some_and(|agreement| agreement.allowed_purposes().is_empty()) {
        findings.push(missing(&code::PURPOSES_MISSING, "purposes"));
    }
    if !says(members, "validUntil") {
        findings.push(missing(&code::END_MISSING, "validUntil"));
    }
    for name in ["retention", "exitClause"] {
        if !says(members, name) {
            findings.push(missing(&code::AGREEMENT_ADVISED, name));
        }
    }
    let period = members.get("commentPeriod").and_then(Value::as_object);
    let (opens, closes) = (period.and_then(|p| moment(p.get("opens"))), period.and_then(|p| moment(p.get("closes"))));
    if let (Some(opens), Some(closes)) = (opens, closes)
        && closes.saturating_sub(opens) < COMMENT_MILLIS
    {
        findings.push(Finding::new(&code::COMMENT_PERIOD_SHORT, "/commentPeriod", "the public has less than 14 days"));
    }
    findings
}

/// `governance-event`.
pub(super) fn governance_event(members: &Members) -> Vec<Finding> {
    match text(members, "phase") {
        Some("ratified" | "vetoed") if !says(members, "decision") => vec![missing(&code::DECISION_MISSING, "decision")],
        _ => Vec::new(),
    }
}

/// `comment` and `dispute`: what somebody wrote can be guessed, and its digest stays when the body is erased.
pub(super) fn voice(members: &Members) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !says(members, "nonce") {
        findings.push(missing(&code::NONCE_MISSING, "nonce"));
    }
    if says(members, "grounds") && !says(members, "requestedRemedy") {
        findings.push(missing(&code::REMEDY_MISSING, "requestedRemedy"));
    }
    findings
}

/// `resolution`.
pub(super) fn resolution(members: &Members) -> Vec<Finding> {
    let vouches = text(members, "outcome") == Some("vouched");
    match says(members, "reason") || says(members, "evidence") || vouches {
        true => Vec::new(),
        false => vec![missing(&code::RESOLUTION_REASON_MISSING, "reason")],
    }
}

/// `correction`.
pub(super) fn correction(members: &Members) -> Vec<Finding> {
    match says(members, "replacement") {
        true => Vec::new(),
        false => vec![missing(&code::REPLACEMENT_MISSING, "replacement")],
    }
}

/// `retraction`.
pub(super) fn retraction(members: &Members) -> Vec<Finding> {
    match text(members, "reason") {
        Some("unspecified") => {
            vec![Finding::new(&code::RETRACTION_UNSPECIFIED, "/reason", "a record is taken back without a reason")]
        }
        _ => Vec::new(),
    }
}

/// `incident`.
pub(super) fn incident(members: &Members) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !says(members, "summary") {
        findings.push(missing(&code::INCIDENT_SUMMARY_MISSING, "summary"));
    }
    if let (Some(detected), Some(resolved)) = (moment(members.get("detected")), moment(members.get("resolved")))
        && resolved < detected
    {
        findings.push(Finding::new(&code::INCIDENT_ORDER, "/resolved", "it was resolved before it was detected"));
    }
    findings
}

/// Reports about a period.
pub(super) fn periodic(members: &Members) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !says(members, "agreement") {
        findings.push(missing(&code::REPORT_AGREEMENT_MISSING, "agreement"));
    }
    let period = members.get("period").and_then(Value::as_object);
    let (from, until) = (period.and_then(|p| moment(p.get("from"))), period.and_then(|p| moment(p.get("until"))));
    if let (Some(from), Some(until)) = (from, until)
        && until < from
    {
        findings.push(Finding::new(&code::VALIDITY_ENDS_BEFORE, "/period/until", "it ends before it begins"));
    }
    findings
}

/// `attribution-report`.
pub(super) fn attribution_report(members: &Members) -> Vec<Finding> {
    let names_records = match members.get("isBasedOn") {
        Some(Value::String(one)) => one.starts_with(RecordId::REFERENCE_PREFIX),
        _ => list(members, "isBasedOn")
            .iter()
            .any(|one| one.as_str().is_some_and(|one| one.starts_with(RecordId::REFERENCE_PREFIX))),
    };
    let mut findings = Vec::new();
    if !names_records {
        let message = "no record of the log is named, so no duty is seen to be met";
        findings.push(Finding::new(&code::BASED_ON_NO_RECORD, "/isBasedOn", message));
    }
    if !says(members, "url") {
        findings.push(missing(&code::CREDIT_ADDRESS_MISSING, "url"));
    }
    findings
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use serde_json::json;

    use super::super::lint;
    use super::*;
    use crate::record::kind::Kind;
    use crate::record::kinds::samples::sample;

    fn codes(kind: &str, predicate: Value) -> Vec<&'static str> {
        lint(&Kind::parse(kind).unwrap(), &predicate).into_iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn what_ratification_will_ask_for_is_said_when_the_agreement_is_drafted() {
        let bare = json!({ "assigner": "a", "assignee": "b", "target": "https://example.org",
            "commentPeriod": { "opens": "2026-03-01T00:00:00Z", "closes": "2026-03-14T23:59:59Z" } });
        assert_eq!(
            codes("agreement", bare),
            [
                "ratification_needs",
                "ratification_needs",
                "ratification_needs",
                "purposes_missing",
                "end_missing",
                "agreement_advised",
                "agreement_advised",
                "comment_period_short"
            ]
        );
        let full = Value::Object(sample(&Kind::Agreement).predicate);
        assert_eq!(codes("agreement", full), [""; 0]);
    }

    #[test]
    fn answers_that_cannot_be_held_against_anything() {
        assert_eq!(codes("preference-response", json!({ "status": "declined" })), ["response_reason_missing"]);
        assert_eq!(codes("preference-response", json!({ "status": "honoured" })), ["effective_version_missing"]);
        assert_eq!(codes("preference-response", json!({ "status": "received" })), [""; 0]);
        assert_eq!(codes("governance-event", json!({ "phase": "ratified" })), ["decision_missing"]);
        assert_eq!(codes("resolution", json!({ "outcome": "rejected" })), ["resolution_reason_missing"]);
        assert_eq!(codes("resolution", json!({ "outcome": "vouched" })), [""; 0]);
        assert_eq!(codes("correction", json!({})), ["replacement_missing"]);
        assert_eq!(codes("retraction", json!({ "reason": "unspecified" })), ["retraction_unspecified"]);
        let based = json!({ "isBasedOn": "https://example.org", "url": "https://example.org" });
        assert_eq!(codes("attribution-report", based), ["based_on_no_record"]);
    }

    #[test]
    fn what_concerns_persons_should_not_be_guessable() {
        assert_eq!(codes("comment", json!({ "text": "a" })), ["nonce_missing"]);
        assert_eq!(codes("dispute", json!({ "grounds": "a" })), ["nonce_missing", "remedy_missing"]);
        let preference = json!({ "authority": "self", "preferences": { "train-genai": "disallow" } });
        assert_eq!(
            codes("usage-preference", preference),
            ["addressees_missing", "control_evidence_missing", "category_unknown"]
        );
    }

    #[test]
    fn times_in_the_wrong_order() {
        let incident =
            json!({ "summary": "a", "detected": "2026-03-02T00:00:00Z", "resolved": "2026-03-01T00:00:00Z" });
        assert_eq!(codes("incident", incident), ["incident_order"]);
        let report = json!({ "period": { "from": "2026-03-02T00:00:00Z", "until": "2026-03-01T00:00:00Z" } });
        assert_eq!(codes("sla-report", report), ["report_agreement_missing", "validity_ends_before"]);
    }
}
