//! A form in the terminal, for people who do not write JSON: asks for what a kind of record needs, one member a line.
//!
//! The questions come from the kind's own JSON Schema, so that a new kind has a form as soon as it has a type. Nothing is
//! sent from here: what comes out is a draft like one that was read from a file.

use ledger::record::kind::Kind;
use ledger::record::members::COMMON_MEMBERS;
use ledger::record::schema::schema;
use serde_json::{Map, Value, json};

use crate::draft::Draft;
use crate::failure::{At, CliError, Result};
use crate::output::{Output, clipped};

/// How often a member that is needed is asked for.
const TRIES: usize = 3;

/// Asks for the members of a record of this kind.
pub(crate) fn fill(kind: &Kind, out: &Output) -> Result<Draft> {
    let schema = schema(kind);
    let predicate = &schema["$defs"]["Predicate"];
    let required: Vec<&str> =
        predicate["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let required = required.into_iter().filter(|name| !COMMON_MEMBERS.contains(name));
    out.note(&format!("A {kind}. What you write here becomes public if it is sent; nothing is sent by this form."));
    let mut members = Map::new();
    for name in required {
        members.insert(name.to_owned(), ask(name, &schema, out)?);
    }
    let known: Vec<&str> =
        predicate["properties"].as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    let open: Vec<&str> = known
        .into_iter()
        .filter(|name| !members.contains_key(*name) && !matches!(*name, "issuer" | "issued" | "nonce"))
        .collect();
    if !open.is_empty() {
        out.note(&format!("It may also say: {}.", open.join(", ")));
    }
    while let Some(name) = out.ask("Another member, by its name (empty to end):").filter(|name| !name.is_empty()) {
        let value = ask(&name, &schema, out)?;
        members.insert(name, value);
    }
    Ok(Draft { kind: kind.clone(), subjects: Vec::new(), predicate: members })
}

/// One member.
fn ask(name: &str, schema: &Value, out: &Output) -> Result<Value> {
    let own = &schema["$defs"]["Predicate"]["properties"][name];
    let shape = own["$ref"].as_str().and_then(|place| schema.pointer(place.trim_start_matches('#'))).unwrap_or(own);
    let described = own["description"].as_str().or(shape["description"].as_str()).unwrap_or_default();
    let words = words(shape);
    let choice = if words.is_empty() { String::new() } else { format!(" [{}]", words.join(", ")) };
    let list = if is(shape, "array") { " (several: with semicolons)" } else { "" };
    for _ in 0..TRIES {
        let question = format!("{name}: {}{choice}{list}\n>", clipped(described, 200));
        let answer = out.ask(&question).ok_or_else(|| CliError::usage("the form ended before it was filled"))?;
        if answer.is_empty() || (!words.is_empty() && !words.contains(&answer)) {
            continue;
        }
        return value(&answer, shape).at(name);
    }
    Err(CliError::usage(format!("`{name}` is needed")).hint("Write it into a file, and pass --from FILE."))
}

/// The words that a member is one of, if it is of a list.
fn words(shape: &Value) -> Vec<String> {
    let listed = shape["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
    let each =
        shape["oneOf"].as_array().into_iter().flatten().filter_map(|one| one["const"].as_str().map(str::to_owned));
    listed.chain(each).collect()
}

fn is(shape: &Value, kind: &str) -> bool {
    shape["type"] == kind || shape["type"].as_array().is_some_and(|kinds| kinds.contains(&json!(kind)))
}

/// What was typed as a value: JSON where it looks like it, a list or a number where the schema wants one, else a text.
fn value(answer: &str, shape: &Value) -> Result<Value> {
    if answer.starts_with('{') || answer.starts_with('[') {
        return Ok(ledger::record::json::parse(answer.as_bytes(), crate::draft::MAX_DRAFT)?);
    }
    if is(shape, "array") {
        return Ok(answer.split(';').map(|item| json!(item.trim())).collect());
    }
    if is(shape, "integer") {
        let number = answer.parse::<i64>().map_err(|_| CliError::usage(format!("{answer:?} is not a whole number")))?;
        return Ok(json!(number));
    }
    if is(shape, "boolean") {
        return Ok(json!(matches!(answer, "y" | "yes" | "true")));
    }
    Ok(json!(answer))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use std::io::Cursor;

    use super::*;
    use crate::output::ColorChoice;
    use crate::world::World;

    fn filled(kind: &Kind, typed: &str) -> Result<Draft> {
        let (world, _) = World::captured(&[]);
        let stdin = Box::new(Cursor::new(typed.as_bytes().to_vec()));
        let world = World { stdin, stdin_is_terminal: true, stderr_is_terminal: true, ..world };
        fill(kind, &Output::new(world, false, false, ColorChoice::Never).0)
    }

    #[test]
    fn a_form_asks_for_what_the_kind_needs_and_makes_a_draft() {
        let target = format!("record:{}", "ab".repeat(32));
        // The order of the questions is the schema's; the answers fit either way, and both are asked for.
        let draft = filled(&Kind::Dispute, &format!("{target}\nIt is wrong.\nrequestedRemedy\nMend it.\n\n")).unwrap();
        let predicate = draft.predicate;
        assert_eq!(predicate["requestedRemedy"], "Mend it.");
        assert!(predicate.contains_key("target") && predicate.contains_key("grounds"), "{predicate:?}");
    }

    #[test]
    fn a_word_that_is_not_of_the_list_is_asked_for_again_and_an_unfinished_form_is_refused() {
        assert!(filled(&Kind::Dispute, "").is_err());
        assert!(filled(&Kind::Dispute, "\n\n\n").is_err());
    }
}
