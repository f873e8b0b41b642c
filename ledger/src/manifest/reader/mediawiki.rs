//! MediaWiki XML dumps, export 0.10 and 0.11: a page after another, a revision after another.
//!
//! Contributors and edit summaries are never read: their elements are skipped whole. Pages of accounts are dropped by the
//! number and by the name of their namespace. What a dump does not say about its wiki, the options must.

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesStart, Event};
use sha2::{Digest, Sha256};

use crate::error::{Code, Error, Result};
use crate::manifest::kind::{Form, Kind, Rendering};
use crate::manifest::mediawiki::{Namespaces, Title, TitleRefused, Wiki, is_account_namespace, plain};
use crate::manifest::reader::input::{Input, Place};
use crate::manifest::reader::{ItemPage, ItemText, Read, ReadItem, ReadOptions, Sink, Skip};
use crate::manifest::{MAX_ITEM, shown};

/// The versions of the format that are read.
const VERSIONS: &[&str] = &["0.10", "0.11"];

pub(super) fn read(input: &mut Input, options: &ReadOptions, sink: &mut Sink<'_>) -> Result<Wiki> {
    let mut dump = Dump {
        place: input.place.clone(),
        options,
        sink,
        path: Vec::new(),
        root_seen: false,
        wiki: None,
        namespaces: Namespaces::common(),
        namespace: None,
        page: Page::default(),
        revision: Revision::default(),
        text: String::new(),
    };
    let mut reader = Reader::from_reader(&mut input.reader);
    reader.config_mut().expand_empty_elements = true;
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        reader.get_mut().mark();
        let at = reader.buffer_position();
        match reader.read_event_into(&mut buffer) {
            Ok(Event::Start(start)) => {
                let name = start.name().into_inner().to_owned();
                if UNREAD.contains(&name.as_str()) {
                    let end = start.to_end().into_owned();
                    buffer.clear();
                    if let Err(e) = reader.read_to_end_into(end.name(), &mut buffer) {
                        return Err(dump.xml(&e, reader.error_position()));
                    }
                } else {
                    dump.start(&start, name, at)?;
                }
            }
            Ok(Event::End(_)) => dump.end(at)?,
            Ok(Event::Text(text)) => dump.characters(&text.xml10_content()),
            Ok(Event::CData(text)) => dump.characters(&text.xml10_content()),
            Ok(Event::GeneralRef(reference)) => {
                let character = reference.resolve_char_ref().map_err(|e| dump.xml(&e, at))?;
                match (character, resolve_xml_entity(&reference)) {
                    (Some(c), _) => dump.characters(c.encode_utf8(&mut [0; 4])),
                    (None, Some(text)) => dump.characters(text),
                    (None, None) => return Err(dump.place.wrong("an entity that XML does not define", at)),
                }
            }
            Ok(Event::DocType(_)) => return Err(dump.place.wrong("a dump has no document type", at)),
            Ok(Event::Eof) => break,
            Ok(Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_)) => {}
            Err(e) => return Err(dump.xml(&e, reader.error_position())),
        }
    }
    if !dump.path.is_empty() || !dump.root_seen {
        return Err(dump.place.wrong("the content ends before its outermost element does", reader.buffer_position()));
    }
    dump.wiki()
}

/// Elements that are skipped with all they hold, because they name accounts or hold what nobody may have wanted kept.
const UNREAD: &[&str] = &["contributor", "comment", "upload", "logitem", "discussionthreadinginfo"];

struct Dump<'a, 'b> {
    place: Place,
    options: &'a ReadOptions,
    sink: &'a mut Sink<'b>,
    /// The names of the open elements.
    path: Vec<String>,
    root_seen: bool,
    wiki: Option<Wiki>,
    namespaces: Namespaces,
    /// The number of the namespace whose name is being read.
    namespace: Option<i32>,
    page: Page,
    revision: Revision,
    /// The characters of the innermost element.
    text: String,
}

#[derive(Default)]
struct Page {
    title: String,
    namespace: Option<i32>,
    id: Option<u64>,
}

#[derive(Default)]
struct Revision {
    id: Option<u64>,
    model: String,
    text: String,
}

impl Dump<'_, '_> {
    fn start(&mut self, start: &BytesStart<'_>, name: String, at: u64) -> Result<()> {
        if self.path.is_empty() {
            if self.root_seen {
                return Err(self.place.wrong("a second document begins", at));
            }
            self.root_seen = true;
            if name != "mediawiki" {
                let detail = format!("the outermost element is {}, not mediawiki", shown(&name));
                return Err(self.place.wrong(detail, at));
            }
            let version = attribute(start, "version");
            if !version.as_deref().is_some_and(|version| VERSIONS.contains(&version)) {
                let detail = format!("export version {} is not one of 0.10, 0.11", shown(&version.unwrap_or_default()));
                return Err(self.place.wrong(detail, at));
            }
        }
        self.path.push(name);
        self.text.clear();
        match self.path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["mediawiki", "siteinfo", "namespaces", "namespace"] => {
                self.namespace = attribute(start, "key").and_then(|key| key.parse().ok());
            }
            ["mediawiki", "page"] => {
                self.wiki()?;
                self.page = Page::default();
            }
            ["mediawiki", "page", "revision"] => self.revision = Revision::default(),
            _ => {}
        }
        Ok(())
    }

    fn characters(&mut self, characters: &str) {
        // One byte too many is kept, so that a text that was too large is known to have been.
        if self.text.len() <= MAX_ITEM {
            self.text.push_str(characters);
        }
    }

    fn end(&mut self, at: u64) -> Result<()> {
        let text = core::mem::take(&mut self.text);
        match self.path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["mediawiki", "siteinfo", "dbname"] => {
                let found: Wiki = text.trim().parse().map_err(|e: Error| self.place.wrong(e.detail(), at))?;
                if self.options.wiki.as_ref().is_some_and(|wiki| *wiki != found) {
                    let detail = format!("the dump is of {found}, not of the wiki that was named");
                    return Err(self.place.refused(Code::Usage, detail));
                }
                self.wiki = Some(found);
            }
            ["mediawiki", "siteinfo", "namespaces", "namespace"] => {
                if let Some(number) = self.namespace.take() {
                    self.namespaces.add(number, &text);
                }
            }
            ["mediawiki", "page", "title"] => self.page.title = text,
            ["mediawiki", "page", "ns"] => {
                let number = text.trim().parse().map_err(|_| self.place.wrong("the namespace is not a number", at))?;
                self.page.namespace = Some(number);
            }
            ["mediawiki", "page", "id"] => self.page.id = Some(self.number(&text, at)?),
            ["mediawiki", "page", "revision", "id"] => self.revision.id = Some(self.number(&text, at)?),
            ["mediawiki", "page", "revision", "model"] => self.revision.model = text,
            ["mediawiki", "page", "revision", "text"] => self.revision.text = text,
            ["mediawiki", "page", "revision"] if !self.is_account() => self.item(at)?,
            ["mediawiki", "page"] if self.is_account() => (self.sink)(Read::Dropped(Skip::Account))?,
            _ => {}
        }
        self.path.pop();
        Ok(())
    }

    fn is_account(&self) -> bool {
        let number = self.page.namespace.is_some_and(is_account_namespace);
        number || self.namespaces.is_account(&self.page.title)
    }

    /// Hands over one revision of the page.
    fn item(&mut self, at: u64) -> Result<()> {
        let page = self.page.id.ok_or_else(|| self.place.wrong("a page without id", at))?;
        let revision = self.revision.id.ok_or_else(|| self.place.wrong("a revision without id", at))?;
        let title = match self.title() {
            Ok(title) => Some(title),
            Err(TitleRefused::Account) => return (self.sink)(Read::Dropped(Skip::Account)),
            Err(_) => {
                (self.sink)(Read::Without(Skip::Title))?;
                None
            }
        };
        let page = ItemPage { wiki: self.wiki()?, page, revision: Some(revision), title };
        let mut item = ReadItem { page: Some(page), ..ReadItem::default() };
        let text = core::mem::take(&mut self.revision.text);
        if text.is_empty() {
            (self.sink)(Read::Without(Skip::NoText))?;
        } else if text.len() > MAX_ITEM {
            (self.sink)(Read::Without(Skip::TooLarge))?;
        } else {
            item.digest = Some((Kind::RawSha256, Sha256::digest(&text).into()));
            // Pages of other models are programs and data: they have a source and no reader's text.
            if matches!(self.revision.model.as_str(), "" | "wikitext") {
                let rendering = Some(Rendering::MediaWiki1);
                item.texts.push(ItemText { form: Form::Plain, rendering, text: plain(&text, &self.namespaces) });
            }
            item.texts.push(ItemText { form: Form::Wikitext, rendering: None, text });
        }
        (self.sink)(Read::Item(Box::new(item)))
    }

    fn title(&self) -> Result<Title, TitleRefused> {
        let full = self.page.title.as_str();
        match self.page.namespace {
            Some(0) => Title::new(0, full),
            // The dump's own list may lack the name; the number says that there is one.
            Some(number) => Title::new(number, full.split_once(':').map_or(full, |(_, rest)| rest)),
            None => {
                let (number, rest) = self.namespaces.split(full);
                Title::new(number, rest)
            }
        }
    }

    fn wiki(&self) -> Result<Wiki> {
        let wiki = self.wiki.as_ref().or(self.options.wiki.as_ref()).cloned();
        wiki.ok_or_else(|| self.place.refused(Code::WikiUnknown, "the dump has no <siteinfo> with a <dbname>"))
    }

    fn number(&self, text: &str, at: u64) -> Result<u64> {
        text.trim().parse().map_err(|_| self.place.wrong("an id is not a number", at))
    }

    fn xml(&self, error: &quick_xml::Error, at: u64) -> Error {
        match error {
            quick_xml::Error::Io(e) => self.place.broken(e),
            other => self.place.wrong(other.to_string(), at),
        }
    }
}

fn attribute(start: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = start.try_get_attribute(name).ok()??;
    Some(attribute.value.into_owned())
}
