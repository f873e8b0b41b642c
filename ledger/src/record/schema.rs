//! JSON Schemas of statements, generated from the Rust types that read them.
//!
//! A schema says less than the reader: rules between members, limits and the meaning of digests are not in it. What a schema
//! refuses, the reader refuses too.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::kind::Kind;
use super::kinds::{
    Agreement, AttributionReport, AuditAttestation, Comment, CompensationReport, Correction, DatasetCard, Dispute,
    GovernanceEvent, Incident, IndexRoot, KeyEvent, LicenseClaim, LogPolicy, Manifest, ModelCard, Party, PartyProfile,
    PreferenceResponse, Resolution, Retraction, RunRoot, SlaReport, TrainingSource, UsagePreference,
};
use super::limits::MAX_SUBJECTS;
use super::members::Common;
use super::statement::{STATEMENT_TYPE, Subject};

/// The schema of the identifiers of [`crate::ids`]: 64 lower-case hexadecimal digits.
#[derive(JsonSchema)]
pub(super) struct Sha256Hex(
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    #[allow(dead_code)]
    String,
);

/// The JSON Schema (2020-12) of a statement of this kind. Of a kind without a type of its own it describes the members that
/// every predicate has.
///
/// ```
/// use ledger::record::{kind::Kind, schema::schema};
///
/// let schema = schema(&Kind::Party);
/// assert_eq!(schema["properties"]["predicateType"]["const"], "urn:colophon:party:v1");
/// assert_eq!(schema["$defs"]["Predicate"]["additionalProperties"], false);
/// ```
pub fn schema(kind: &Kind) -> Value {
    let mut generator = SchemaSettings::draft2020_12().for_deserialize().into_generator();
    let subject = generator.subschema_for::<Subject>();
    let mut predicate = Common::json_schema(&mut generator);
    let own = match kind {
        Kind::LogPolicy => LogPolicy::json_schema(&mut generator),
        Kind::Party => Party::json_schema(&mut generator),
        Kind::PartyProfile => PartyProfile::json_schema(&mut generator),
        Kind::KeyEvent => KeyEvent::json_schema(&mut generator),
        Kind::ModelCard => ModelCard::json_schema(&mut generator),
        Kind::DatasetCard => DatasetCard::json_schema(&mut generator),
        Kind::TrainingSource => TrainingSource::json_schema(&mut generator),
        Kind::Manifest => Manifest::json_schema(&mut generator),
        Kind::LicenseClaim => LicenseClaim::json_schema(&mut generator),
        Kind::AuditAttestation => AuditAttestation::json_schema(&mut generator),
        Kind::UsagePreference => UsagePreference::json_schema(&mut generator),
        Kind::PreferenceResponse => PreferenceResponse::json_schema(&mut generator),
        Kind::Agreement => Agreement::json_schema(&mut generator),
        Kind::GovernanceEvent => GovernanceEvent::json_schema(&mut generator),
        Kind::Comment => Comment::json_schema(&mut generator),
        Kind::Dispute => Dispute::json_schema(&mut generator),
        Kind::Resolution => Resolution::json_schema(&mut generator),
        Kind::Correction => Correction::json_schema(&mut generator),
        Kind::Retraction => Retraction::json_schema(&mut generator),
        Kind::Incident => Incident::json_schema(&mut generator),
        Kind::SlaReport => SlaReport::json_schema(&mut generator),
        Kind::CompensationReport => CompensationReport::json_schema(&mut generator),
        Kind::AttributionReport => AttributionReport::json_schema(&mut generator),
        Kind::IndexRoot => IndexRoot::json_schema(&mut generator),
        Kind::RunRoot => RunRoot::json_schema(&mut generator),
        Kind::Other(_) => open(&mut generator),
    };
    merge(&mut predicate, own);
    if kind.is_structural() {
        close(&mut predicate);
    }
    let mut definitions = generator.take_definitions(true);
    definitions.insert("Predicate".to_owned(), predicate.to_value());
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": kind.predicate_type(),
        "title": kind.as_str(),
        "type": "object",
        "required": ["_type", "subject", "predicateType", "predicate"],
        "properties": {
            "_type": { "const": STATEMENT_TYPE },
            "subject": { "type": "array", "minItems": 1, "maxItems": MAX_SUBJECTS, "items": subject },
            "predicateType": { "const": kind.predicate_type() },
            "predicate": { "$ref": "#/$defs/Predicate" },
        },
        "additionalProperties": !kind.is_structural(),
        "$defs": definitions,
    })
}

fn open(_: &mut SchemaGenerator) -> Schema {
    schemars::json_schema!({ "type": "object" })
}

/// Puts the members of a kind beside the common ones, as they stand in one object.
fn merge(predicate: &mut Schema, own: Schema) {
    let Value::Object(own) = own.to_value() else { return };
    let predicate = predicate.ensure_object();
    for (word, value) in own {
        match (predicate.get_mut(&word), value) {
            (Some(Value::Object(both)), Value::Object(more)) => both.extend(more),
            (Some(Value::Array(both)), Value::Array(more)) => both.extend(more),
            (_, value) => _ = predicate.insert(word, value),
        }
    }
}

/// Takes out what structural kinds have no room for.
fn close(predicate: &mut Schema) {
    predicate.insert("additionalProperties".to_owned(), Value::Bool(false));
    if let Some(properties) = predicate.get_mut("properties").and_then(Value::as_object_mut) {
        properties.remove("evidence");
        let id: Map<String, Value> = Map::from_iter([("id".to_owned(), json!({ "$ref": "#/$defs/PartyId" }))]);
        let issuer = json!({ "type": "object", "required": ["id"], "properties": id, "additionalProperties": false });
        properties.insert("issuer".to_owned(), issuer);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;
    use crate::record::kinds::samples::sample;
    use crate::record::statement::Statement;

    fn validator(kind: &Kind) -> jsonschema::Validator {
        let schema = schema(kind);
        assert!(jsonschema::meta::is_valid(&schema), "{kind}");
        jsonschema::validator_for(&schema).unwrap()
    }

    fn payload(statement: &Statement) -> Value {
        json!({
            "_type": STATEMENT_TYPE,
            "subject": statement.subjects,
            "predicateType": statement.kind.predicate_type(),
            "predicate": statement.predicate,
        })
    }

    #[test]
    fn a_sample_of_each_kind_fits_its_schema_and_no_other() {
        let kinds = || Kind::typed().iter().cloned().chain([Kind::parse("weather-report").unwrap()]);
        for kind in kinds() {
            let value = payload(&sample(&kind));
            let found = validator(&kind).iter_errors(&value).map(|e| e.to_string()).collect::<Vec<_>>();
            assert!(found.is_empty(), "{kind}: {found:?}");
            assert!(kinds().filter(|other| *other != kind).all(|other| !validator(&other).is_valid(&value)), "{kind}");
        }
    }

    #[test]
    fn b07_a_schema_refuses_what_is_missing_wrong_or_unknown() {
        for kind in Kind::typed() {
            let validator = validator(kind);
            let with = |name: &str, value: Value| {
                let mut statement = sample(kind);
                statement.predicate.insert(name.to_owned(), value);
                validator.is_valid(&payload(&statement))
            };
            assert!(!with("issued", json!("today")), "{kind}");
            assert!(!with("issuer", json!({ "name": "a" })), "{kind}");
            assert!(!with("supersedes", json!(["ab"])), "{kind}");
            assert_eq!(with("x-unknown", json!(1)), !kind.is_structural(), "{kind}");
            assert_eq!(with("evidence", json!([])), !kind.is_structural(), "{kind}");
            assert_eq!(with("issuer", json!({ "id": "a", "name": "b" })), !kind.is_structural(), "{kind}");
        }
    }

    #[test]
    fn a_schema_stands_alone() {
        for kind in Kind::typed() {
            let text = schema(kind).to_string();
            let outside = text.split(r#""$ref":""#).skip(1).find(|rest| !rest.starts_with("#/$defs/"));
            assert_eq!(outside, None, "{kind}");
        }
    }

    proptest! {
        /// Whatever the reader takes fits the schema.
        #[test]
        fn the_reader_is_stricter_than_the_schema(
            kind in 0..Kind::typed().len(),
            at in any::<prop::sample::Index>(),
            value in prop::sample::select(vec![
                json!(null), json!(0), json!(-1), json!("x"), json!([]), json!({}), json!(["x"]), json!("noAssertion"),
                json!([{}]), json!({ "name": "x" }), json!({ "uri": "x" }), json!(true), json!({ "sha256": "ab".repeat(32) }),
            ]),
        ) {
            let kind = &Kind::typed()[kind];
            let mut statement = sample(kind);
            let name = statement.predicate.keys().nth(at.index(statement.predicate.len())).unwrap().clone();
            statement.predicate.insert(name, value);
            if statement.to_payload().is_ok() {
                let value = payload(&statement);
                let found = validator(kind).iter_errors(&value).map(|e| e.to_string()).collect::<Vec<_>>();
                prop_assert!(found.is_empty(), "{}: {:?}", kind, found);
            }
        }
    }
}
