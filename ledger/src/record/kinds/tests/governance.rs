//! Agreements, preferences, the public's voice, amendments and reports: what each needs.

use super::*;
use crate::record::period::Period;

#[test]
fn usage_preference() {
    let kind = Kind::UsagePreference;
    let Predicate::UsagePreference(found) = contents(&sample(&kind)).unwrap().predicate else { panic!("{kind}") };
    assert_eq!(found.preferences.train_ai, Some(Allowance::Disallow));
    assert_eq!(found.authority, Authority::Own);

    assert_eq!(refused(&kind, remove("preferences")), schema(""));
    assert_eq!(refused(&kind, set("preferences", json!({}))), schema("/preferences"));
    assert_eq!(refused(&kind, change("/preferences/train-ai", json!("n"))), schema("/preferences/train-ai"));
    assert_eq!(refused(&kind, set("vocabulary", json!(""))), schema("/vocabulary"));
    assert_eq!(refused(&kind, set("authority", json!("me"))), schema("/authority"));
    assert_eq!(refused(&kind, set("addressees", json!(["a b"]))), schema("/addressees/0"));
    assert_eq!(refused(&kind, set("appliesFrom", json!("now"))), schema("/appliesFrom"));
    assert_eq!(refused(&kind, remove("nonce")), schema("/nonce"));
    assert_eq!(refused(&kind, set("scope", json!([]))), schema("/scope"));
    assert_eq!(refused(&kind, change("/scope/0", json!({ "kind": "mw-page" }))), schema("/scope/0"));
    let both = json!({ "kind": "url-c1", "prefix": "https://example.org/", "key": "ab".repeat(32) });
    assert_eq!(refused(&kind, change("/scope/0", both)), schema("/scope/0"));
    let of_title = json!({ "kind": "mw-title", "prefix": "A" });
    assert_eq!(refused(&kind, change("/scope/1", of_title)), schema("/scope/1/prefix"));
    let key = json!({ "kind": "mw-page", "key": "AB".repeat(32) });
    assert_eq!(refused(&kind, change("/scope/0", key)), schema("/scope/0/key"));
    let many: Vec<Value> = (0..257).map(|i| json!({ "kind": "mw-page", "key": format!("{i:064x}") })).collect();
    assert_eq!(refused(&kind, set("scope", json!(many))), (Code::TooMany, "/predicate/scope".to_owned()));
    // The subjects are what the scope says, so that the signed statement cannot be about something else.
    assert_eq!(refused(&kind, |s| _ = s.subjects.pop()), (Code::Schema, "/subject".to_owned()));
    // A category that nobody here knows is a statement all the same.
    let mut newer = sample(&kind);
    newer.predicate.insert("preferences".to_owned(), json!({ "train-genai": "disallow" }));
    assert!(contents(&newer).is_ok());
}

#[test]
fn preference_response() {
    let kind = Kind::PreferenceResponse;
    assert_eq!(refused(&kind, remove("preference")), schema(""));
    assert_eq!(refused(&kind, set("status", json!("ignored"))), schema("/status"));
    assert_eq!(refused(&kind, set("preference", json!(reference(1)))), (Code::Schema, "/subject".to_owned()));
    let undated = |s: &mut Statement| {
        s.predicate.remove("dueBy");
        s.predicate.insert("status".to_owned(), json!("received"));
    };
    assert_eq!(refused(&kind, undated), schema("/dueBy"));
}

#[test]
fn agreement() {
    let kind = Kind::Agreement;
    let Predicate::Agreement(found) = contents(&sample(&kind)).unwrap().predicate else { panic!("{kind}") };
    assert_eq!(found.allowed_purposes(), ["research", "training of language models"]);
    assert_eq!(found.audit_period, Some(Period::months(3)));
    assert_eq!(found.lacks(), [""; 0]);

    for needed in ["assigner", "assignee", "target"] {
        assert_eq!(refused(&kind, remove(needed)), schema(""));
    }
    assert_eq!(refused(&kind, set("target", json!([]))), schema("/target"));
    assert_eq!(refused(&kind, set("auditPeriod", json!("quarterly"))), schema("/auditPeriod"));
    assert_eq!(refused(&kind, set("auditPeriod", json!("P0D"))), schema("/auditPeriod"));
    assert_eq!(refused(&kind, set("retention", json!({}))), schema("/retention"));
    assert_eq!(refused(&kind, change("/retention/period", json!("PT1H"))), schema("/retention/period"));
    assert_eq!(refused(&kind, change("/permission/0", json!({ "target": "a" }))), schema("/permission/0"));
    assert_eq!(refused(&kind, set("rollbackPlan", json!(1))).0, Code::Schema);
    assert_eq!(
        refused(&kind, change("/commentPeriod", json!({ "opens": "2026-03-02T00:00:00Z" }))),
        schema("/commentPeriod")
    );
    // A draft lacks what ratification needs, and is an agreement all the same.
    let draft = json!({ "assigner": "a", "assignee": "b", "target": ["https://example.org"], "summary": " " });
    let draft = contents(&statement(kind, "a", sample(&Kind::Agreement).subjects, draft)).unwrap().predicate;
    let Predicate::Agreement(draft) = draft else { panic!("an agreement") };
    assert_eq!(draft.lacks(), ["summary", "impactAssessment", "rollbackPlan"]);
}

#[test]
fn governance_event() {
    let kind = Kind::GovernanceEvent;
    assert_eq!(refused(&kind, set("phase", json!("agreed"))), schema("/phase"));
    assert_eq!(refused(&kind, set("decision", json!("because the council met"))), schema("/decision"));
    assert_eq!(refused(&kind, change("/tally", json!({ "for": -1, "against": 0 }))), schema("/tally/for"));
    assert_eq!(refused(&kind, |s| s.predicate["tally"]["note"] = json!("close")), schema("/tally/note"));
    assert_eq!(refused(&kind, set("agreement", json!(reference(1)))), (Code::Schema, "/subject".to_owned()));
    let two = |s: &mut Statement| s.subjects.push(Subject::record(RecordId::from_bytes([1; 32])));
    assert_eq!(refused(&kind, two), (Code::Schema, "/subject".to_owned()));
}

#[test]
fn the_voice_of_the_public() {
    for kind in [Kind::Comment, Kind::Dispute, Kind::Resolution] {
        assert_eq!(refused(&kind, remove("target")), schema(""), "{kind}");
        assert_eq!(refused(&kind, set("target", json!(reference(1)))), (Code::Schema, "/subject".to_owned()));
    }
    assert_eq!(refused(&Kind::Comment, set("text", json!(" "))), schema("/text"));
    assert_eq!(refused(&Kind::Dispute, set("grounds", json!(""))), schema("/grounds"));
    assert_eq!(refused(&Kind::Dispute, remove("grounds")), schema(""));
    assert_eq!(refused(&Kind::Resolution, set("outcome", json!("won"))), schema("/outcome"));
}

#[test]
fn corrections_and_retractions() {
    let kind = Kind::Correction;
    assert_eq!(refused(&kind, set("pointers", json!([]))), schema("/pointers"));
    assert_eq!(refused(&kind, set("pointers", json!(["/a", "b"]))), schema("/pointers/1"));
    assert_eq!(refused(&kind, remove("reason")), schema(""));
    assert_eq!(refused(&kind, set("target", json!(reference(1)))), (Code::Schema, "/subject".to_owned()));

    let kind = Kind::Retraction;
    assert_eq!(refused(&kind, set("reason", json!("because"))), schema("/reason"));
    assert_eq!(refused(&kind, set("reason", json!("error"))), schema("/redaction"));
    assert_eq!(refused(&kind, remove("redaction")), schema("/redaction"));
    assert_eq!(refused(&kind, change("/redaction/authority", json!("me"))), schema("/redaction/authority"));
    assert_eq!(refused(&kind, |s| s.predicate["redaction"]["name"] = json!("A. Person")), schema("/redaction/name"));
}

#[test]
fn reports() {
    assert_eq!(refused(&Kind::Incident, set("affected", json!([]))), schema("/affected"));
    assert_eq!(refused(&Kind::Incident, set("severity", json!("bad"))), schema("/severity"));
    assert_eq!(refused(&Kind::Incident, remove("detected")), schema(""));
    assert_eq!(refused(&Kind::SlaReport, set("metric", json!(""))), schema("/metric"));
    assert_eq!(refused(&Kind::SlaReport, set("observed", json!(12))), schema("/observed"));
    assert_eq!(
        refused(&Kind::SlaReport, change("/period", json!({ "from": "2026-01-01T00:00:00Z" }))),
        schema("/period")
    );
    let kind = Kind::CompensationReport;
    for amount in ["", "-1", "1,200", "1.", ".5", "1e3"] {
        let paid = change("/compensate/0/payAmount", json!(amount));
        assert_eq!(refused(&kind, paid), schema("/compensate/0/payAmount"), "{amount:?}");
    }
    assert_eq!(refused(&kind, change("/compensate/0/payAmount", json!(1200))), schema("/compensate/0/payAmount"));
    assert_eq!(refused(&Kind::AttributionReport, set("creditText", json!(""))), schema("/creditText"));
    assert_eq!(refused(&Kind::AttributionReport, set("isBasedOn", json!([]))), schema("/isBasedOn"));
}
