//! Licence claims as the Data Provenance Initiative collects them: one line of JSON for a dataset, with what each source of
//! metadata says about its licence.
//!
//! ```text
//! {"id":"…","collection":"…","datasetName":"…","huggingFaceUrl":"https://…","textSources":["wikipedia.org"],
//!  "derivedFrom":["…"],"modelGenerated":["…"],
//!  "claims":[{"claimant":"GitHub repository","license":"MIT License","evidence":"https://…"}, …]}
//! ```
//!
//! Each line becomes a `dataset-card`, and one `license-claim` for each claimant. A claimant who names several licences for
//! one dataset names those of its parts, so they are joined with `AND`; `Unspecified` and its like name none. A name that is
//! no known licence stands for itself, as `LicenseRef-DPI-<name>`. Nobody is asked whether a claim is right: they stand
//! side by side, by the role of who makes them.

use serde_json::{Value, json};

use super::fit::{Members, clean_name};
use super::{Imported, artifact, descriptor, foreign_json, text};
use crate::error::{Code, Error, Result};
use crate::record::kind::Kind;
use crate::record::license::conclude;
use crate::record::subject_digest;
use crate::record::terms::NO_ASSERTION;

/// Bytes of one collection. Arithmetic: the real one has 2,311 lines in 2 MB.
pub const MAX_COLLECTION: usize = 64 * 1024 * 1024;

/// Bytes of one line. The longest real one has 20 KB.
const MAX_LINE: usize = 512 * 1024;

/// Lines. Arithmetic: each becomes up to six records; 100,000 are a day's work for a log.
const MAX_LINES: usize = 100_000;

/// One dataset.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its card, about the line that describes it.
    pub card: Imported,
    /// What each claimant says. They get their subject from the card's record: `about(vec![Subject::record(id)])`.
    pub claims: Vec<Imported>,
}

/// Reads a collection. The place of an error is `line L` and a JSON pointer.
///
/// # Errors
/// `too_many` lines; `json_syntax` for a line that is no JSON, `card_invalid` for one that names no dataset; `too_large`;
/// `text_refused`.
pub fn import(bytes: &[u8]) -> Result<Vec<Row>> {
    let lines: Vec<&str> = text(bytes, MAX_COLLECTION)?.lines().collect();
    if lines.len() > MAX_LINES {
        return Err(Error::new(Code::TooMany, format!("{} lines, at most {MAX_LINES}", lines.len())));
    }
    let numbered = lines.into_iter().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let row = |(i, line): (usize, &str)| {
        row(line).map_err(|error| {
            let place = format!("line {} {}", i + 1, error.place().unwrap_or_default());
            Error::new(error.code(), error.detail()).at(place.trim_end())
        })
    };
    numbered.map(row).collect()
}

fn row(line: &str) -> Result<Row> {
    let value = foreign_json::read(line.as_bytes(), MAX_LINE)?.value;
    let words = |name: &str| value.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
    let id = words("id").ok_or_else(|| Error::new(Code::CardInvalid, "expected the id of a dataset").at("/id"))?;
    let evidence = descriptor(id, "application/json", line.as_bytes());
    let mut card = Members::new();
    card.add("name", words("datasetName").unwrap_or(id));
    card.add("identifier", id);
    for (member, name) in [("url", "huggingFaceUrl"), ("isPartOf", "collection")] {
        if let Some(text) = words(name) {
            card.add(member, text);
        }
    }
    for (member, name) in
        [("isBasedOn", "derivedFrom"), ("textSources", "textSources"), ("modelGenerated", "modelGenerated")]
    {
        if let Some(list) = value.get(name).and_then(Value::as_array).filter(|list| !list.is_empty()) {
            card.add(member, list.clone());
        }
    }
    card.add("evidence", json!([evidence]));
    let subject = artifact(&clean_name(id), subject_digest(line.as_bytes()));
    let card = Imported { kind: Kind::DatasetCard, subjects: vec![subject], predicate: card.finish() };

    let claims = value.get("claims").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut claimants: Vec<(&str, Vec<Named<'_>>)> = Vec::new();
    for (i, said) in claims.iter().enumerate() {
        let member = |name: &str| said.get(name).and_then(Value::as_str);
        let missing = |name: &str| Error::new(Code::CardInvalid, "expected a text").at(format!("/claims/{i}/{name}"));
        let claimant = member("claimant").ok_or_else(|| missing("claimant"))?;
        let license =
            Named { license: member("license").ok_or_else(|| missing("license"))?, found: member("evidence") };
        match claimants.iter_mut().find(|(known, _)| *known == claimant) {
            Some((_, licenses)) => licenses.push(license),
            None => claimants.push((claimant, vec![license])),
        }
    }
    let claims = claimants.into_iter().map(|(claimant, licenses)| claim(claimant, &licenses, &evidence)).collect();
    Ok(Row { card, claims })
}

/// A licence that a claimant names, and where.
struct Named<'a> {
    license: &'a str,
    found: Option<&'a str>,
}

/// What one claimant says.
fn claim(claimant: &str, licenses: &[Named<'_>], evidence: &Value) -> Imported {
    let mut declared: Vec<&str> = Vec::new();
    let mut concluded: Vec<String> = Vec::new();
    let mut found: Vec<&str> = Vec::new();
    for Named { license, found: at } in licenses {
        if !declared.contains(license) {
            declared.push(license);
        }
        if let Some(expression) = expression(license).filter(|expression| !concluded.contains(expression)) {
            concluded.push(expression);
        }
        if let Some(at) = at.filter(|at| at.contains("://") && !found.contains(at)) {
            found.push(at);
        }
    }
    let mut members = Members::new();
    members.add("licenseDeclared", declared.join("; "));
    // AND binds before OR: a choice among others keeps its parentheses.
    if concluded.len() > 1 {
        for choice in concluded.iter_mut().filter(|expression| expression.contains(" OR ")) {
            *choice = format!("({choice})");
        }
    }
    members
        .add("licenseConcluded", if concluded.is_empty() { NO_ASSERTION.to_owned() } else { concluded.join(" AND ") });
    members.add("acknowledgement", "declared");
    members.add("claimantRole", role(claimant));
    members.add("claimant", claimant);
    members.add("scope", json!({ "of": "data" }));
    let place = if found.is_empty() { String::new() } else { format!(", found at {}", found.join(" ")) };
    members.add("basis", format!("{claimant}, as the Data Provenance Initiative collected it{place}"));
    members.add("evidence", json!([evidence]));
    Imported { kind: Kind::LicenseClaim, subjects: Vec::new(), predicate: members.finish() }
}

/// As what somebody speaks.
fn role(claimant: &str) -> &'static str {
    match claimant {
        "Data Provenance Initiative" => "auditor",
        "GitHub repository" => "publisher",
        "Papers with Code" => "aggregator",
        _ => "distributor",
    }
}

/// The licence of one name; `None` for a name that says that none is known, or that there are several without naming them.
fn expression(name: &str) -> Option<String> {
    const NAMES_NONE: [&str; 4] = ["Unspecified", "No License", "Custom", "Various"];
    if NAMES_NONE.contains(&name) {
        return None;
    }
    if let Some(expression) = conclude(name).expression() {
        return Some(expression.to_owned());
    }
    let mut slug = String::new();
    for c in name.chars() {
        match c {
            _ if c.is_ascii_alphanumeric() || c == '.' => slug.push(c.to_ascii_lowercase()),
            _ if !slug.is_empty() && !slug.ends_with('-') => slug.push('-'),
            _ => {}
        }
    }
    let slug = slug.trim_end_matches('-');
    (!slug.is_empty()).then(|| format!("LicenseRef-DPI-{slug}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::super::assert_fits;
    use super::*;
    use crate::ids::RecordId;
    use crate::record::statement::Subject;

    const LINE: &str = r#"{"id":"set-a","collection":"sets","datasetName":"Set A","huggingFaceUrl":"https://example.org/a",
        "textSources":["wikipedia.org"],"derivedFrom":["set-0"],"modelGenerated":[],"claims":[
        {"claimant":"Data Provenance Initiative","license":"CC BY-SA 4.0","evidence":"https://example.org/LICENSE"},
        {"claimant":"Data Provenance Initiative","license":"Unspecified","evidence":"None"},
        {"claimant":"Data Provenance Initiative","license":"OpenAI","evidence":"https://example.org/terms"},
        {"claimant":"GitHub repository","license":"MIT License","evidence":null},
        {"claimant":"Papers with Code","license":"Unspecified","evidence":null}]}"#;

    #[test]
    fn a_choice_among_other_licences_stays_a_choice() {
        let line = LINE.replace('\n', " ").replace("CC BY-SA 4.0", "MIT OR Apache-2.0").replace("OpenAI", "CC BY 4.0");
        let rows = import(line.as_bytes()).unwrap();
        let concluded = &rows[0].claims[0].predicate["licenseConcluded"];
        assert_eq!(concluded, "(MIT OR Apache-2.0) AND CC-BY-4.0");
    }

    #[test]
    fn a_line_is_a_card_and_a_claim_for_each_claimant() {
        let line = LINE.replace('\n', " ");
        let rows = import(format!("{line}\r\n\n{line}\n").as_bytes()).unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0], rows[1]);
        let Row { card, claims } = &rows[0];
        assert_fits(card);
        assert_eq!((&card.predicate["name"], &card.predicate["isBasedOn"]), (&json!("Set A"), &json!(["set-0"])));
        let said: Vec<_> = claims
            .iter()
            .map(|claim| (&claim.predicate["claimantRole"], &claim.predicate["licenseConcluded"]))
            .collect();
        assert_eq!(
            said,
            [
                (&json!("auditor"), &json!("CC-BY-SA-4.0 AND LicenseRef-DPI-openai")),
                (&json!("publisher"), &json!("MIT")),
                (&json!("aggregator"), &json!("noAssertion")),
            ]
        );
        assert_eq!(claims[0].predicate["licenseDeclared"], "CC BY-SA 4.0; Unspecified; OpenAI");
        for claim in claims {
            assert_fits(&claim.clone().about(vec![Subject::record(RecordId::from_bytes([1; 32]))]));
        }
    }

    #[test]
    fn what_is_no_line_is_named_by_its_place() {
        let place = |text: &str| import(text.as_bytes()).unwrap_err().place().unwrap().to_owned();
        assert_eq!(place("{\"id\":\"a\"}\n{\"id\":\"\"}"), "line 2 /id");
        assert_eq!(place("{\"id\":\"a\",\"claims\":[{\"claimant\":\"x\"}]}"), "line 1 /claims/0/license");
        assert!(place("{\"id\":").starts_with("line 1"));
        assert_eq!(import(b"").unwrap(), []);
    }
}
