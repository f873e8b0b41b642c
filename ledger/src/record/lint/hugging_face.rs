//! Rules for the metadata of Hugging Face cards, on the card's own names. They serve the card's text as well as the
//! `model-card` record that it became; in the text a pointer is turned into line and column.
//!
//! Sources: hub-docs `modelcard.md`, `datasetcard.md`, "Licenses"; `huggingface_hub` `repocard_data.py` (2026-08).

use serde_json::{Map, Value};

use super::{Finding, MAX_LOOKED_UP, code, missing, says};
use crate::record::import::hugging_face::CardKind;
use crate::record::license::{HfId, Standing, conclude, on_hugging_face};
use crate::record::terms::NO_ASSERTION;

/// The predicate of a `model-card`.
pub(super) fn model_card(members: &Map<String, Value>) -> Vec<Finding> {
    let mut findings = metadata(members, CardKind::Model);
    if members.get("card").and_then(|card| card.get("digest")).is_none() {
        findings.push(missing(&code::CARD_MISSING, "card"));
    }
    let considered =
        |name: &str| members.get("considerations").and_then(Value::as_object).is_some_and(|c| says(c, name));
    if !(says(members, "limitation") || considered("technicalLimitations")) {
        findings.push(missing(&code::LIMITATIONS_MISSING, "limitation"));
    }
    findings
}

/// What the card of a model or a dataset should have. The second list is what readers search by.
pub(super) const fn advised(kind: CardKind) -> &'static [&'static str] {
    match kind {
        CardKind::Model => &["language", "library_name", "pipeline_tag", "datasets"],
        CardKind::Dataset => &["language", "pretty_name", "task_categories", "size_categories"],
    }
}

/// The metadata of a card.
pub(super) fn metadata(members: &Map<String, Value>, kind: CardKind) -> Vec<Finding> {
    let mut findings = license(members);
    for name in advised(kind).iter().filter(|name| !says(members, name)) {
        findings.push(missing(&code::METADATA_ADVISED, name));
    }
    for (place, language) in texts(members, "language") {
        if !is_language(language) {
            findings.push(Finding::new(&code::LANGUAGE_CODE, place, format!("`{language}` is not a language code")));
        }
    }
    if let Some(index) = members.get("model-index") {
        model_index(index, &mut findings);
    }
    findings
}

fn license(members: &Map<String, Value>) -> Vec<Finding> {
    let named = texts(members, "license");
    if named.is_empty() {
        return vec![missing(&code::LICENSE_MISSING, "license")];
    }
    let mut findings = Vec::new();
    for (place, text) in named {
        match on_hugging_face(text) {
            HfId::Exact(row) => match row.standing {
                Standing::Unknown => {
                    findings.push(Finding::new(&code::LICENSE_UNKNOWN, place, "the licence is said to be unknown"))
                }
                Standing::Ambiguous => {
                    findings.push(Finding::new(
                        &code::LICENSE_AMBIGUOUS,
                        place,
                        format!("`{text}` names a family, not one licence"),
                    ));
                }
                Standing::Other => {
                    for (rule, name) in
                        [(&code::LICENSE_NAME_MISSING, "license_name"), (&code::LICENSE_LINK_MISSING, "license_link")]
                    {
                        if !says(members, name) {
                            findings.push(Finding::new(
                                rule,
                                place.as_str(),
                                format!("the licence is `other`, and `{name}` is missing"),
                            ));
                        }
                    }
                }
                Standing::Listed | Standing::Unlisted => {}
            },
            HfId::OtherCase(row) => {
                findings.push(Finding::new(&code::LICENSE_CASE, place, format!("`{text}` is spelt `{}`", row.id)));
            }
            HfId::NotListed(nearest) => findings.push(not_listed(place, text, nearest)),
        }
    }
    findings
}

fn not_listed(place: String, text: &str, nearest: Option<&str>) -> Finding {
    let read = conclude(text);
    let finding = |message: String| Finding::new(&code::LICENSE_NOT_LISTED, place, message);
    match (nearest, read.as_str()) {
        (Some(id), _) => finding(format!("`{text}` is not an id of Hugging Face's list"))
            .hint(format!("Write `{id}` if that is meant.")),
        (None, NO_ASSERTION) => finding(format!("`{text}` is not an id of Hugging Face's list")),
        (None, expression) => finding(format!("`{text}` is SPDX, and Hugging Face's list has no such id"))
            .hint(format!("Write `license: other` with `license_name: {expression}` and a license_link.")),
    }
}

/// The `model-index` as `model_index_to_eval_results` reads it: one miss, and all results are dropped.
fn model_index(index: &Value, findings: &mut Vec<Finding>) {
    let invalid = |place: String, what: &str| Finding::new(&code::RESULTS_INVALID, place, what);
    let Some(models) = index.as_array() else {
        findings.push(invalid("/model-index".to_owned(), "`model-index` is a list"));
        return;
    };
    for (i, model) in models.iter().enumerate() {
        let place = format!("/model-index/{i}");
        if model.get("name").and_then(Value::as_str).is_none_or(str::is_empty) {
            findings.push(Finding::new(
                &code::MODEL_NAME_MISSING,
                place.as_str(),
                "the results are of a model without a name",
            ));
        }
        let Some(results) = model.get("results").and_then(Value::as_array) else {
            findings.push(invalid(place, "`results` is missing or no list"));
            continue;
        };
        for (j, result) in results.iter().enumerate() {
            self::result(result, &format!("{place}/results/{j}"), findings);
        }
    }
}

fn result(result: &Value, place: &str, findings: &mut Vec<Finding>) {
    let mut invalid = |place: String, what: String| findings.push(Finding::new(&code::RESULTS_INVALID, place, what));
    for (member, names) in [("task", ["type"].as_slice()), ("dataset", &["type", "name"])] {
        let Some(part) = result.get(member).and_then(Value::as_object) else {
            invalid(place.to_owned(), format!("`{member}` is missing"));
            continue;
        };
        for name in names.iter().filter(|name| !says(part, name)) {
            invalid(format!("{place}/{member}"), format!("`{member}.{name}` is missing"));
        }
    }
    match result.get("metrics").and_then(Value::as_array) {
        None => invalid(place.to_owned(), "`metrics` is missing or no list".to_owned()),
        Some(metrics) => {
            for (k, metric) in metrics.iter().enumerate() {
                for name in ["type", "value"] {
                    if metric.get(name).is_none_or(Value::is_null) {
                        invalid(format!("{place}/metrics/{k}"), format!("the metric has no `{name}`"));
                    }
                }
            }
        }
    }
    if let Some(source) = result.get("source").and_then(Value::as_object)
        && !says(source, "url")
    {
        findings.push(Finding::new(
            &code::SOURCE_URL_MISSING,
            format!("{place}/source"),
            "the source of the results has no `url`",
        ));
    }
}

/// Each text of a member with its pointer, of a long list the first ones.
fn texts<'a>(members: &'a Map<String, Value>, name: &str) -> Vec<(String, &'a str)> {
    match members.get(name) {
        Some(Value::String(text)) => vec![(format!("/{name}"), text)],
        Some(Value::Array(elements)) => {
            let texts = elements
                .iter()
                .take(MAX_LOOKED_UP)
                .enumerate()
                .filter_map(|(i, text)| Some((format!("/{name}/{i}"), text.as_str()?)));
            texts.collect()
        }
        _ => Vec::new(),
    }
}

/// ISO 639 codes and BCP 47 tags by their outline, and the two words that the Hub adds.
fn is_language(text: &str) -> bool {
    let mut parts = text.split(['-', '_']);
    let primary = parts.next().unwrap_or_default();
    let code = (2..=3).contains(&primary.len()) && primary.bytes().all(|b| b.is_ascii_lowercase());
    let subtag = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
    matches!(text, "multilingual" | "code") || (code && parts.all(subtag))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use serde_json::json;

    fn found(metadata: Value, kind: CardKind) -> Vec<(&'static str, String)> {
        let findings = super::metadata(metadata.as_object().unwrap(), kind);
        findings.into_iter().filter(|finding| finding.code != "metadata_advised").map(|f| (f.code, f.place)).collect()
    }

    #[test]
    fn licences() {
        for (license, expected) in [
            (json!({"license": "apache-2.0"}), vec![]),
            (json!({}), vec![("license_missing", "/license")]),
            (json!({"license": null}), vec![("license_missing", "/license")]),
            (json!({"license": ["mit", "MIT"]}), vec![("license_case", "/license/1")]),
            (json!({"license": "gpl-2.0-or-later"}), vec![("license_not_listed", "/license")]),
            (json!({"license": "unknown"}), vec![("license_unknown", "/license")]),
            (json!({"license": "gpl-3.0"}), vec![("license_ambiguous", "/license")]),
            (json!({"license": "other", "license_link": "LICENSE"}), vec![("license_name_missing", "/license")]),
            (json!({"license": "other", "license_name": "x", "license_link": "LICENSE"}), vec![]),
        ] {
            let expected: Vec<_> = expected.into_iter().map(|(code, place)| (code, place.to_owned())).collect();
            assert_eq!(found(license.clone(), CardKind::Model), expected, "{license}");
        }
    }

    #[test]
    fn an_spdx_id_that_the_hub_refuses_gets_a_way_out() {
        let findings = metadata(json!({"license": "GPL-2.0-or-later"}).as_object().unwrap(), CardKind::Model);
        assert!(findings[0].hint.contains("license_name: GPL-2.0-or-later"), "{findings:?}");
        let findings = metadata(json!({"license": "apache2.0"}).as_object().unwrap(), CardKind::Model);
        assert!(findings[0].hint.contains("`apache-2.0`"), "{findings:?}");
    }

    #[test]
    fn results_need_a_task_a_dataset_a_metric_and_a_source_with_an_address() {
        let good = json!({"task": {"type": "t"}, "dataset": {"type": "d", "name": "D"}, "metrics": [{"type": "f1", "value": "0.9"}]});
        let with = |change: fn(&mut Value)| {
            let mut result = good.clone();
            change(&mut result);
            found(json!({"license": "mit", "model-index": [{"name": "m", "results": [result]}]}), CardKind::Model)
        };
        assert_eq!(with(|_| {}), []);
        let at = |place: &str| format!("/model-index/0/results/0{place}");
        assert_eq!(with(|r| _ = r.as_object_mut().unwrap().remove("dataset")), [("results_invalid", at(""))]);
        assert_eq!(with(|r| r["dataset"] = json!({"type": "d"})), [("results_invalid", at("/dataset"))]);
        assert_eq!(
            with(|r| r["metrics"] = json!([{"type": "x", "value": null}])),
            [("results_invalid", at("/metrics/0"))]
        );
        assert_eq!(with(|r| r["metrics"] = json!("x")), [("results_invalid", at(""))]);
        assert_eq!(with(|r| r["source"] = json!({"name": "board"})), [("source_url_missing", at("/source"))]);
        let nameless = found(json!({"license": "mit", "model-index": [{"results": []}]}), CardKind::Model);
        assert_eq!(nameless, [("model_name_missing", "/model-index/0".to_owned())]);
        assert_eq!(found(json!({"license": "mit", "model-index": 3}), CardKind::Model)[0].0, "results_invalid");
    }

    #[test]
    fn languages_are_codes() {
        for right in ["en", "no", "yue", "pt-BR", "zh-Hant-TW", "multilingual", "code", "sr_Latn"] {
            assert!(is_language(right), "{right}");
        }
        for wrong in ["English", "EN", "e", "", "en-", "en us"] {
            assert!(!is_language(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_record_without_its_card_and_without_limits() {
        let findings = model_card(
            json!({"license": "mit", "considerations": {"technicalLimitations": ["x"]}}).as_object().unwrap(),
        );
        assert!(findings.iter().any(|finding| finding.code == "card_missing"));
        assert!(!findings.iter().any(|finding| finding.code == "limitations_missing"));
    }
}
