//! JSON lines: one object a line, of which only the members named by the options are looked at.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::error::Result;
use crate::manifest::kind::{Form, Kind};
use crate::manifest::mediawiki::{Namespaces, Title, TitleRefused};
use crate::manifest::reader::input::Input;
use crate::manifest::reader::{ItemPage, ItemText, Read, ReadItem, ReadOptions, Sink, Skip};
use crate::manifest::url::UrlRefused;

pub(super) fn read(input: &mut Input, options: &ReadOptions, sink: &mut Sink<'_>) -> Result<()> {
    let namespaces = Namespaces::common();
    let mut line = Vec::new();
    loop {
        let start = input.reader.position();
        if !input.line(&mut line)? {
            return Ok(());
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let row: Map<String, Value> = serde_json::from_slice(&line)
            .map_err(|e| input.place.wrong(format!("the line is not a JSON object: {e}"), start + e.column() as u64))?;
        item(&row, options, &namespaces, sink)?;
    }
}

fn item(row: &Map<String, Value>, options: &ReadOptions, namespaces: &Namespaces, sink: &mut Sink<'_>) -> Result<()> {
    let text = |name: &str| row.get(name).and_then(Value::as_str);
    let mut item = ReadItem::default();
    let mut missing = Vec::new();
    match text(&options.url_field).map(str::parse) {
        Some(Ok(url)) => item.url = Some(url),
        Some(Err(UrlRefused::Account)) => return sink(Read::Dropped(Skip::Account)),
        Some(Err(_)) => missing.push(Skip::Url),
        None => {}
    }
    let number = row.get("id").and_then(|id| id.as_u64().or_else(|| id.as_str()?.parse().ok()));
    if let (Some(wiki), Some(page)) = (&options.wiki, number) {
        let title = match text("title").map(|title| Title::parse(title, namespaces)) {
            Some(Err(TitleRefused::Account)) => return sink(Read::Dropped(Skip::Account)),
            Some(Err(_)) => {
                missing.push(Skip::Title);
                None
            }
            Some(Ok(title)) => Some(title),
            None => None,
        };
        item.page = Some(ItemPage { wiki: wiki.clone(), page, revision: None, title });
    }
    match text(&options.text_field) {
        Some(text) => {
            item.digest = Some((Kind::RawSha256, Sha256::digest(text).into()));
            item.texts.push(ItemText { form: Form::Plain, rendering: None, text: text.to_owned() });
        }
        None => missing.push(Skip::NoText),
    }
    item.license = options.license_field.as_deref().and_then(text).map(str::to_owned);
    missing.into_iter().try_for_each(|skip| sink(Read::Without(skip)))?;
    sink(Read::Item(Box::new(item)))
}
