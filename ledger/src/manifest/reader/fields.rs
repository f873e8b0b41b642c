//! Rows: what tables and JSON have in common once their columns and members were found.

use sha2::{Digest, Sha256};

use crate::error::Result;
use crate::manifest::kind::{Form, Kind};
use crate::manifest::mediawiki::{Namespaces, Title, TitleRefused};
use crate::manifest::named::Named;
use crate::manifest::reader::{ItemPage, ItemText, Read, ReadItem, ReadOptions, Sink, Skip};
use crate::manifest::url::{CanonicalUrl, UrlRefused};

/// Which members of a JSON object, or columns of a table, hold what. A dot leads into an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldNames {
    /// The text.
    pub text: String,
    /// The address.
    pub url: String,
    /// The license, where rows have one each.
    pub license: Option<String>,
    /// The number of the page, where rows are pages of a wiki.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Names that others gave to the content, with their kinds.
    pub names: Vec<(Kind, String)>,
}

impl Default for FieldNames {
    fn default() -> Self {
        let [text, url, id, title] = ["text", "url", "id", "title"].map(str::to_owned);
        Self { text, url, license: None, id, title, names: Vec::new() }
    }
}

/// The fields of one row.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::manifest) struct Fields {
    pub(super) text: Option<String>,
    pub(super) url: Option<String>,
    pub(super) id: Option<String>,
    pub(super) title: Option<String>,
    pub(super) license: Option<String>,
    pub(super) names: Vec<(Kind, String)>,
}

impl Fields {
    pub(super) fn weight(&self) -> usize {
        self.text.as_ref().map_or(0, String::len) + 256
    }

    /// Hands over the row's item, after what is missing of it.
    pub(super) fn item(self, options: &ReadOptions, namespaces: &Namespaces, sink: &mut Sink<'_>) -> Result<()> {
        let mut item = ReadItem::default();
        let mut missing = Vec::new();
        match self.url.as_deref().map(str::parse::<CanonicalUrl>) {
            Some(Ok(url)) => item.url = Some(url),
            Some(Err(UrlRefused::Account)) => return sink(Read::Dropped(Skip::Account)),
            Some(Err(_)) => missing.push(Skip::Url),
            None => {}
        }
        if let (Some(wiki), Some(id)) = (&options.wiki, self.id.as_deref()) {
            let page = id.parse().ok();
            let title = match self.title.as_deref().map(|title| Title::parse(title, namespaces)) {
                Some(Err(TitleRefused::Account)) => return sink(Read::Dropped(Skip::Account)),
                Some(Err(_)) => {
                    missing.push(Skip::Title);
                    None
                }
                Some(Ok(title)) => Some(title),
                None => None,
            };
            match page {
                Some(page) => item.page = Some(ItemPage { wiki: wiki.clone(), page, revision: None, title }),
                None => missing.push(Skip::PageId),
            }
        }
        for (kind, name) in &self.names {
            // Tables of Software Heritage give the bare digest.
            let full =
                if *kind == Kind::Swhid && name.len() == 40 { format!("swh:1:cnt:{name}") } else { name.clone() };
            match Named::parse(*kind, &full) {
                Ok(named) => item.names.push(named),
                Err(_) => missing.push(Skip::Name),
            }
        }
        match self.text {
            Some(text) => {
                item.digest = Some((Kind::RawSha256, Sha256::digest(&text).into()));
                item.texts.push(ItemText { form: Form::Plain, rendering: None, text });
            }
            None => missing.push(Skip::NoText),
        }
        item.license = self.license;
        missing.into_iter().try_for_each(|skip| sink(Read::Without(skip)))?;
        sink(Read::Item(Box::new(item)))
    }
}
