//! JSON lines: one object a line, of which only the members named by the options are looked at.

use serde_json::{Map, Value};

use crate::error::Result;
use crate::manifest::reader::fields::Fields;
use crate::manifest::reader::input::Input;
use crate::manifest::reader::{Feed, Prefix, Raw, ReadOptions};

/// The lines of a file, as a feed.
pub(super) struct Lines {
    input: Input,
}

impl Lines {
    pub(super) fn open(input: Input, _options: &ReadOptions) -> Self {
        Self { input }
    }
}

impl Feed for Lines {
    fn next(&mut self) -> Result<Option<Raw>> {
        loop {
            let at = self.input.reader.position();
            let mut line = Vec::new();
            if !self.input.line(&mut line)? {
                return Ok(None);
            }
            if !line.trim_ascii().is_empty() {
                return Ok(Some(Raw::Line { line, at }));
            }
        }
    }

    fn prefix(&self) -> Result<Prefix> {
        Ok(self.input.place.prefix())
    }

    fn stored(&self) -> u64 {
        self.input.place.stored()
    }

    fn finish(&mut self) -> Result<Prefix> {
        self.input.finish()
    }
}

/// The members of a line that are looked at; else what is wrong, and in which column.
pub(super) fn fields(line: &[u8], options: &ReadOptions) -> Result<Fields, (String, u64)> {
    let row: Map<String, Value> =
        serde_json::from_slice(line).map_err(|e| (format!("the line is not a JSON object: {e}"), e.column() as u64))?;
    let names = &options.fields;
    let text = |name: &str| member(&row, name).and_then(text_of);
    Ok(Fields {
        text: text(&names.text),
        url: text(&names.url),
        id: text(&names.id),
        title: text(&names.title),
        license: names.license.as_deref().and_then(text),
        names: names.names.iter().filter_map(|(kind, name)| Some((*kind, text(name)?))).collect(),
    })
}

/// A member by its name, or by its path: `metadata.license` is also the member `license` of `metadata`.
fn member<'a>(row: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    if let Some(value) = row.get(name) {
        return Some(value);
    }
    let (outer, inner) = name.split_once('.')?;
    member(row.get(outer)?.as_object()?, inner)
}

/// A text, a number as its digits, or all the texts of a list: several licenses hold together.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(list) => {
            let mut texts: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
            texts.sort_unstable();
            texts.dedup();
            (!texts.is_empty()).then(|| texts.join(" AND "))
        }
        _ => None,
    }
}
