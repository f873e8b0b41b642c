//! MediaWiki XML dumps, export 0.10 and 0.11: a page after another, a revision after another.
//!
//! Contributors and edit summaries are never read: their elements are skipped whole. Pages of accounts are dropped by the
//! number and by the name of their namespace. What a dump does not say about its wiki, the options must.

use std::sync::Arc;

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesStart, Event};
use sha2::{Digest, Sha256};

use crate::error::{Code, Error, Result};
use crate::manifest::kind::{Form, Kind, Rendering};
use crate::manifest::mediawiki::{Namespaces, Title, TitleRefused, Wiki, is_account_namespace, plain};
use crate::manifest::reader::input::Input;
use crate::manifest::reader::stored::Place;
use crate::manifest::reader::{Feed, ItemPage, ItemText, Prefix, Raw, Read, ReadItem, ReadOptions, Sink, Skip};
use crate::manifest::{MAX_ITEM, shown};

/// The versions of the format that are read.
const VERSIONS: &[&str] = &["0.10", "0.11"];

/// A dump, as a feed.
pub(super) struct Dump {
    reader: Reader<Input>,
    buffer: Vec<u8>,
    state: State,
}

impl Dump {
    pub(super) fn open(input: Input, options: &ReadOptions) -> Self {
        let state = State {
            place: input.place.clone(),
            named: options.wiki.clone(),
            path: Vec::new(),
            root_seen: false,
            wiki: None,
            namespaces: Arc::new(Namespaces::common()),
            namespace: None,
            page: Page::default(),
            revision: Unfinished::default(),
            text: String::new(),
        };
        let mut reader = Reader::from_reader(input);
        reader.config_mut().expand_empty_elements = true;
        Self { reader, buffer: Vec::new(), state }
    }
}

impl Feed for Dump {
    fn next(&mut self) -> Result<Option<Raw>> {
        let Self { reader, buffer, state } = self;
        loop {
            buffer.clear();
            reader.get_mut().reader.mark();
            let at = reader.buffer_position();
            match reader.read_event_into(buffer) {
                Ok(Event::Start(start)) => {
                    let name = start.name().into_inner();
                    if UNREAD.contains(&name) {
                        let end = start.to_end().into_owned();
                        buffer.clear();
                        if let Err(e) = reader.read_to_end_into(end.name(), buffer) {
                            return Err(state.xml(&e, reader.error_position()));
                        }
                    } else {
                        state.start(&start, at)?;
                    }
                }
                Ok(Event::End(_)) => {
                    if let Some(raw) = state.end(at)? {
                        return Ok(Some(raw));
                    }
                }
                Ok(Event::Text(text)) => state.characters(&text.xml10_content()),
                Ok(Event::CData(text)) => state.characters(&text.xml10_content()),
                Ok(Event::GeneralRef(reference)) => {
                    let character = reference.resolve_char_ref().map_err(|e| state.xml(&e, at))?;
                    match (character, resolve_xml_entity(&reference)) {
                        (Some(c), _) => state.characters(c.encode_utf8(&mut [0; 4])),
                        (None, Some(text)) => state.characters(text),
                        (None, None) => return Err(state.place.wrong("an entity that XML does not define", at)),
                    }
                }
                Ok(Event::DocType(_)) => return Err(state.place.wrong("a dump has no document type", at)),
                Ok(Event::Eof) => break,
                Ok(Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_)) => {}
                Err(e) => return Err(state.xml(&e, reader.error_position())),
            }
        }
        if !state.path.is_empty() || !state.root_seen {
            let detail = "the content ends before its outermost element does";
            return Err(state.place.wrong(detail, reader.buffer_position()));
        }
        Ok(None)
    }

    fn prefix(&self) -> Result<Prefix> {
        Ok(self.state.place.prefix())
    }

    fn stored(&self) -> u64 {
        self.state.place.stored()
    }

    fn finish(&mut self) -> Result<Prefix> {
        self.reader.get_mut().finish()
    }

    fn wiki(&self) -> Result<Option<Wiki>> {
        self.state.wiki().map(Some)
    }
}

/// Elements that are skipped with all they hold, because they name accounts or hold what nobody may have wanted kept.
const UNREAD: &[&str] = &["contributor", "comment", "upload", "logitem", "discussionthreadinginfo"];

/// Where in the dump the reader stands.
struct State {
    place: Place,
    /// The wiki that the options name.
    named: Option<Wiki>,
    /// The open elements.
    path: Vec<Element>,
    root_seen: bool,
    wiki: Option<Wiki>,
    namespaces: Arc<Namespaces>,
    /// The number of the namespace whose name is being read.
    namespace: Option<i32>,
    page: Page,
    revision: Unfinished,
    /// The characters of the innermost element.
    text: String,
}

#[derive(Clone, Default, Debug)]
struct Page {
    title: String,
    namespace: Option<i32>,
    id: Option<u64>,
}

/// A revision of which not everything was read.
#[derive(Default)]
struct Unfinished {
    id: Option<u64>,
    model: String,
    text: String,
}

/// A revision of a page, as a dump has it.
#[derive(Debug)]
pub(in crate::manifest) struct Revision {
    wiki: Wiki,
    namespaces: Arc<Namespaces>,
    page: Page,
    page_id: u64,
    id: u64,
    model: String,
    text: String,
}

/// The elements that are looked at. The others are passed over with all that they hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    MediaWiki,
    SiteInfo,
    DbName,
    Namespaces,
    Namespace,
    Page,
    Title,
    Ns,
    Id,
    Revision,
    Model,
    Text,
    Other,
}

impl Element {
    fn of(name: &str) -> Self {
        match name {
            "mediawiki" => Self::MediaWiki,
            "siteinfo" => Self::SiteInfo,
            "dbname" => Self::DbName,
            "namespaces" => Self::Namespaces,
            "namespace" => Self::Namespace,
            "page" => Self::Page,
            "title" => Self::Title,
            "ns" => Self::Ns,
            "id" => Self::Id,
            "revision" => Self::Revision,
            "model" => Self::Model,
            "text" => Self::Text,
            _ => Self::Other,
        }
    }
}

impl State {
    fn start(&mut self, start: &BytesStart<'_>, at: u64) -> Result<()> {
        use Element::{MediaWiki, Namespace, Namespaces, Page as PageElement, Revision, SiteInfo};
        let name = start.name().into_inner();
        if self.path.is_empty() {
            if self.root_seen {
                return Err(self.place.wrong("a second document begins", at));
            }
            self.root_seen = true;
            if name != "mediawiki" {
                let detail = format!("the outermost element is {}, not mediawiki", shown(name));
                return Err(self.place.wrong(detail, at));
            }
            let version = attribute(start, "version");
            if !version.as_deref().is_some_and(|version| VERSIONS.contains(&version)) {
                let detail = format!("export version {} is not one of 0.10, 0.11", shown(&version.unwrap_or_default()));
                return Err(self.place.wrong(detail, at));
            }
        }
        self.path.push(Element::of(name));
        self.text.clear();
        match self.path[..] {
            [MediaWiki, SiteInfo, Namespaces, Namespace] => {
                self.namespace = attribute(start, "key").and_then(|key| key.parse().ok());
            }
            [MediaWiki, PageElement] => {
                self.wiki()?;
                self.page = Page::default();
            }
            [MediaWiki, PageElement, Revision] => self.revision = Unfinished::default(),
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

    /// Ends the innermost element; an item may come of it.
    fn end(&mut self, at: u64) -> Result<Option<Raw>> {
        use Element::{DbName, Id, MediaWiki, Model, Namespace, Namespaces, Ns, Page, Revision, SiteInfo, Text, Title};
        let text = core::mem::take(&mut self.text);
        let mut raw = None;
        match self.path[..] {
            [MediaWiki, SiteInfo, DbName] => {
                let found: Wiki = text.trim().parse().map_err(|e: Error| self.place.wrong(e.detail(), at))?;
                if self.named.as_ref().is_some_and(|wiki| *wiki != found) {
                    let detail = format!("the dump is of {found}, not of the wiki that was named");
                    return Err(self.place.refused(Code::Usage, detail));
                }
                self.wiki = Some(found);
            }
            [MediaWiki, SiteInfo, Namespaces, Namespace] => {
                if let Some(number) = self.namespace.take() {
                    Arc::make_mut(&mut self.namespaces).add(number, &text);
                }
            }
            [MediaWiki, Page, Title] => self.page.title = text,
            [MediaWiki, Page, Ns] => {
                let number = text.trim().parse().map_err(|_| self.place.wrong("the namespace is not a number", at))?;
                self.page.namespace = Some(number);
            }
            [MediaWiki, Page, Id] => self.page.id = Some(self.number(&text, at)?),
            [MediaWiki, Page, Revision, Id] => self.revision.id = Some(self.number(&text, at)?),
            [MediaWiki, Page, Revision, Model] => self.revision.model = text,
            [MediaWiki, Page, Revision, Text] => self.revision.text = text,
            [MediaWiki, Page, Revision] if !self.is_account() => raw = Some(self.item(at)?),
            [MediaWiki, Page] if self.is_account() => raw = Some(Raw::Dropped(Skip::Account)),
            _ => {}
        }
        self.path.pop();
        Ok(raw)
    }

    fn is_account(&self) -> bool {
        let number = self.page.namespace.is_some_and(is_account_namespace);
        number || self.namespaces.is_account(&self.page.title)
    }

    /// Hands over one revision of the page.
    fn item(&mut self, at: u64) -> Result<Raw> {
        let page_id = self.page.id.ok_or_else(|| self.place.wrong("a page without id", at))?;
        let id = self.revision.id.ok_or_else(|| self.place.wrong("a revision without id", at))?;
        Ok(Raw::Revision(Box::new(Revision {
            wiki: self.wiki()?,
            namespaces: Arc::clone(&self.namespaces),
            page: self.page.clone(),
            page_id,
            id,
            model: core::mem::take(&mut self.revision.model),
            text: core::mem::take(&mut self.revision.text),
        })))
    }

    fn wiki(&self) -> Result<Wiki> {
        let wiki = self.wiki.as_ref().or(self.named.as_ref()).cloned();
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

impl Revision {
    pub(super) fn weight(&self) -> usize {
        self.text.len() + 512
    }

    /// Hands over the revision's item, after what is missing of it.
    pub(super) fn item(self, sink: &mut Sink<'_>) -> Result<()> {
        let title = match self.title() {
            Ok(title) => Some(title),
            Err(TitleRefused::Account) => return sink(Read::Dropped(Skip::Account)),
            Err(_) => {
                sink(Read::Without(Skip::Title))?;
                None
            }
        };
        let Self { wiki, namespaces, page_id, id, model, text, .. } = self;
        let page = ItemPage { wiki, page: page_id, revision: Some(id), title };
        let mut item = ReadItem { page: Some(page), ..ReadItem::default() };
        if text.is_empty() {
            sink(Read::Without(Skip::NoText))?;
        } else if text.len() > MAX_ITEM {
            sink(Read::Without(Skip::TooLarge))?;
        } else {
            item.digest = Some((Kind::RawSha256, Sha256::digest(&text).into()));
            // Pages of other models are programs and data: they have a source and no reader's text.
            if matches!(model.as_str(), "" | "wikitext") {
                let rendering = Some(Rendering::MediaWiki1);
                item.texts.push(ItemText { form: Form::Plain, rendering, text: plain(&text, &namespaces) });
            }
            item.texts.push(ItemText { form: Form::Wikitext, rendering: None, text });
        }
        sink(Read::Item(Box::new(item)))
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
}

fn attribute(start: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = start.try_get_attribute(name).ok()??;
    Some(attribute.value.into_owned())
}
