//! What somebody contributed to a wiki, as the wiki itself lists it: page and revision numbers, and nothing else of it.
//!
//! The account is named by whoever asks the wiki; it is neither read here nor kept. Two forms are read:
//!
//! ```text
//! {"query":{"usercontribs":[{"pageid":12,"revid":4567,"ns":0,"title":"Tea",…},…]}}     the API, list=usercontribs; one
//!                                                                                     answer, or an array of answers
//! rev_id,page_id,title                                                                CSV with a line of names, divided
//! 4567,12,Tea                                                                         by commas, semicolons or tabs
//! ```
//!
//! Pages of accounts are left out, as they are from every keyspace.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::error::{Code, Error, Result};
use crate::manifest::mediawiki::{Wiki, is_account_namespace, is_account_title};

/// The longest list in bytes: a million edits of some 60 bytes.
pub const MAX_CONTRIBUTIONS: usize = 64 << 20;

/// A list of contributions to one wiki.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contributions {
    wiki: Wiki,
    pages: BTreeSet<u64>,
    revisions: BTreeSet<u64>,
    left_out: u64,
}

#[derive(Deserialize)]
struct Reply {
    query: Query,
}

#[derive(Deserialize)]
struct Query {
    usercontribs: Vec<Row>,
}

/// An edit. Members that are not named here, the account among them, are skipped unread.
#[derive(Deserialize, Default)]
struct Row {
    pageid: Option<u64>,
    revid: Option<u64>,
    ns: Option<i32>,
    title: Option<String>,
}

impl Contributions {
    /// Whether bytes look like a list of contributions rather than a text.
    pub fn is_list(bytes: &[u8]) -> bool {
        let start = &bytes[..bytes.len().min(4096)];
        let has = |word: &[u8]| start.windows(word.len()).any(|window| window == word);
        match start.trim_ascii_start().first() {
            Some(b'{' | b'[') => has(b"\"usercontribs\""),
            _ => core::str::from_utf8(bytes).is_ok_and(|text| columns(text).is_some()),
        }
    }

    /// Reads a list that the wiki `wiki` made.
    ///
    /// # Errors
    /// `too_large` above [`MAX_CONTRIBUTIONS`]; `source_invalid` if it is none of the forms, or names no page and no
    /// revision.
    pub fn parse(bytes: &[u8], wiki: &Wiki) -> Result<Self> {
        if bytes.len() > MAX_CONTRIBUTIONS {
            return Err(Error::new(Code::TooLarge, format!("{} bytes, at most {MAX_CONTRIBUTIONS}", bytes.len())));
        }
        let mut list = Self { wiki: wiki.clone(), pages: BTreeSet::new(), revisions: BTreeSet::new(), left_out: 0 };
        match bytes.trim_ascii_start().first() {
            Some(b'{') => list.take(json::<Reply>(bytes)?.query.usercontribs),
            Some(b'[') => json::<Vec<Reply>>(bytes)?.into_iter().for_each(|reply| list.take(reply.query.usercontribs)),
            _ => {
                let text = core::str::from_utf8(bytes).map_err(|_| wrong("the list is not UTF-8"))?;
                list.take(csv(text)?);
            }
        }
        if list.pages.is_empty() && list.revisions.is_empty() {
            return Err(wrong("the list names no page and no revision"));
        }
        Ok(list)
    }

    /// The wiki.
    pub const fn wiki(&self) -> &Wiki {
        &self.wiki
    }

    /// The numbers of the pages, ascending.
    pub const fn pages(&self) -> &BTreeSet<u64> {
        &self.pages
    }

    /// The numbers of the revisions, ascending.
    pub const fn revisions(&self) -> &BTreeSet<u64> {
        &self.revisions
    }

    /// How many edits were to pages of accounts, which no keyspace holds.
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    fn take(&mut self, rows: Vec<Row>) {
        for row in rows {
            let of_account =
                row.ns.is_some_and(is_account_namespace) || row.title.is_some_and(|t| is_account_title(&t));
            if of_account {
                self.left_out += 1;
                continue;
            }
            self.pages.extend(row.pageid);
            self.revisions.extend(row.revid);
        }
    }
}

fn json<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| wrong(&format!("not an answer of list=usercontribs: {error}")))
}

fn wrong(detail: &str) -> Error {
    Error::new(Code::SourceInvalid, detail)
}

/// What divides the columns, and which of them hold page, revision, namespace and title.
fn columns(text: &str) -> Option<(char, [Option<usize>; 4])> {
    let first = text.trim_start_matches('\u{feff}').lines().next()?;
    [',', ';', '\t'].into_iter().find_map(|divider| {
        let names: Vec<String> =
            cells(first, divider)?.iter().map(|name| name.trim().to_lowercase().replace([' ', '-'], "_")).collect();
        let of = |known: &[&str]| names.iter().position(|name| known.contains(&name.as_str()));
        let page = of(&["page_id", "pageid", "rev_page", "curid"]);
        let revision = of(&["rev_id", "revid", "revision_id", "revision", "oldid"]);
        let (ns, title) = (of(&["ns", "namespace", "page_namespace"]), of(&["title", "page_title", "page"]));
        (page.is_some() || revision.is_some()).then_some((divider, [page, revision, ns, title]))
    })
}

/// The cells of a line, by RFC 4180; `None` if a quotation is not closed. A cell with a line end is not read: numbers have
/// none, and titles cannot.
fn cells(line: &str, divider: char) -> Option<Vec<String>> {
    let mut cells = vec![String::new()];
    let (mut quoted, mut chars) = (false, line.chars().peekable());
    while let Some(c) = chars.next() {
        let cell = cells.last_mut()?;
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            c if c == divider && !quoted => cells.push(String::new()),
            c => cell.push(c),
        }
    }
    (!quoted).then_some(cells)
}

fn csv(text: &str) -> Result<Vec<Row>> {
    let Some((divider, [page, revision, ns, title])) = columns(text) else {
        return Err(wrong("the first line names no column rev_id or page_id"));
    };
    let mut rows = Vec::new();
    for (number, line) in (1..).zip(text.lines()).skip(1).filter(|(_, line)| !line.trim().is_empty()) {
        let at = |detail: String| wrong(&detail).at(format!("line {number}"));
        let cells = cells(line, divider).ok_or_else(|| at("a quotation is not closed".to_owned()))?;
        let cell = |column: Option<usize>| {
            column.and_then(|column| cells.get(column)).map(|cell| cell.trim()).filter(|cell| !cell.is_empty())
        };
        let id = |column| {
            let number = cell(column).map(crate::ids::decimal).transpose();
            number.map_err(|_| at("expected a number".to_owned()))
        };
        rows.push(Row {
            pageid: id(page)?,
            revid: id(revision)?,
            ns: cell(ns).and_then(|ns| ns.parse().ok()),
            title: cell(title).map(str::to_owned),
        });
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn enwiki() -> Wiki {
        "enwiki".parse().unwrap()
    }

    fn read(text: &str) -> (Vec<u64>, Vec<u64>, u64) {
        assert!(Contributions::is_list(text.as_bytes()), "{text}");
        let list = Contributions::parse(text.as_bytes(), &enwiki()).unwrap();
        (list.pages.iter().copied().collect(), list.revisions.iter().copied().collect(), list.left_out)
    }

    #[test]
    fn the_api_and_tables_are_read_and_pages_of_accounts_left_out() {
        let api = r#"{"batchcomplete":true,"query":{"usercontribs":[
            {"userid":7,"user":"Somebody","pageid":12,"revid":4567,"parentid":1,"ns":0,"title":"Tea","comment":"x"},
            {"userid":7,"user":"Somebody","pageid":12,"revid":4568,"ns":0,"title":"Tea"},
            {"userid":7,"user":"Somebody","pageid":99,"revid":4569,"ns":3,"title":"User talk:Other"}]}}"#;
        let expected = (vec![12], vec![4567, 4568], 1);
        assert_eq!(read(api), expected);
        assert_eq!(read(&format!("[{api},{api}]")).0, [12]);
        assert_eq!(read("rev_id,page_id,title\n4567,12,Tea\n4568,12,\"Tea, hot\"\n4569,99,User:Other\n"), expected);
        assert_eq!(read("\u{feff}Page ID;Revision ID;NS\r\n12;4567;0\r\n12;4568;\r\n99;4569;2\r\n"), expected);
        assert_eq!(read("revid\tcomment\n4567\ta\n"), (vec![], vec![4567], 0));
    }

    #[test]
    fn no_account_is_kept() {
        let api = r#"{"query":{"usercontribs":[{"user":"Somebody","pageid":1,"revid":2,"title":"Tea"}]}}"#;
        let list = Contributions::parse(api.as_bytes(), &enwiki()).unwrap();
        assert!(!format!("{list:?}").contains("Somebody"));
    }

    #[test]
    fn what_is_no_list_is_refused_with_its_line() {
        for text in ["", "A text about tea.", "name,age\n1,2", "{\"query\":{}}", "<html>"] {
            assert!(!Contributions::is_list(text.as_bytes()), "{text}");
            assert_eq!(Contributions::parse(text.as_bytes(), &enwiki()).unwrap_err().code(), Code::SourceInvalid);
        }
        let error = Contributions::parse(b"rev_id\n1\ntwo\n", &enwiki()).unwrap_err();
        assert_eq!(error.place(), Some("line 3"));
        assert!(Contributions::parse(b"rev_id\n", &enwiki()).is_err());
        assert!(Contributions::parse(b"rev_id,x\n1,\"open\n", &enwiki()).is_err());
    }
}
