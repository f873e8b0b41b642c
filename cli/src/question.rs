//! A question as somebody types it: what [`ledger::manifest::Question`] reads, or a file, a folder, a list of contributions.
//!
//! ```text
//! https://en.wikipedia.org/wiki/Anarchism     an address; of a known wiki also the page, title or revision behind it
//! enwiki:page:12   enwiki:rev:5012            a wiki's page or revision, by number; also page:enwiki/12
//! enwiki:title:Anarchism                      a wiki's page, by title; also title:enwiki/Anarchism
//! sha256:<64 hex>                             the bytes of an item, by their digest; sha1:<40 hex> by MediaWiki's
//! swh:1:cnt:…   Q42   ISCC:…   host:…         a name in others' catalogues
//! @article.txt                                a file: its bytes, its whole text, and every paragraph
//! @folder                                     every file of it: bytes and whole text
//! @contributions.json                         what the API's list=usercontribs answered, or a table of it as CSV
//! anything else                               a text: the whole, and every paragraph of at least 50 characters
//! ```
//!
//! What is asked for never leaves this machine: only content keys do, and of these only as many bits as the mode of asking
//! tells. An account is refused; it has no key.

use std::path::{Path, PathBuf};

use ledger::Code;
use ledger::manifest::{Contributions, Hints, MIN_PARAGRAPH, Question};

use crate::failure::{At, CliError, Result};
use crate::files;
use crate::output::{clipped, grouped};

/// A file to ask for: a long book in plain text, or a list of a million edits.
const MAX_FILE: usize = 64 * 1024 * 1024;

/// Files of a folder that are asked for at once; whoever has more has a dataset and should build its manifest.
const MAX_FILES: usize = 10_000;

/// A question, and how it is shown.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// What is asked.
    pub question: Question,
    /// What was typed, shortened.
    pub shown: String,
    /// What the asker should know.
    pub notes: Vec<String>,
}

impl Asked {
    /// Reads a question.
    pub(crate) fn parse(text: &str, hints: &Hints) -> Result<Self> {
        let trimmed = text.trim();
        if let Some(path) = trimmed.strip_prefix('@') {
            return Self::of_path(Path::new(path), hints);
        }
        let shown = clipped(trimmed, 60);
        let question = Question::parse(text, hints).map_err(CliError::from).at(&shown)?;
        Ok(Self::new(question, shown, Vec::new()))
    }

    fn new(question: Question, shown: String, mut notes: Vec<String>) -> Self {
        if question.form().is_some() && !question.has_paragraphs() {
            notes.push(format!(
                "The text has no paragraph of {MIN_PARAGRAPH} characters, so it can only be asked for as a whole item."
            ));
        }
        Self { question, shown, notes }
    }

    fn of_path(path: &Path, hints: &Hints) -> Result<Self> {
        let shown = format!("@{}", files::name_of(path));
        if path.is_dir() {
            return Self::of_folder(path, shown, hints);
        }
        let bytes = files::read(path, MAX_FILE)?;
        if Contributions::is_list(&bytes) {
            return Self::of_contributions(&bytes, path, shown, hints);
        }
        let question = Question::of_file(&bytes, hints).map_err(CliError::from).at(path.display())?;
        let mut notes = Vec::new();
        if question.form().is_none() {
            let why = if bytes.is_empty() { "The file is empty" } else { "The file is not text in UTF-8" };
            notes.push(format!("{why}; only its bytes are asked for."));
            return Ok(Self { question, shown, notes });
        }
        Ok(Self::new(question, shown, notes))
    }

    fn of_contributions(bytes: &[u8], path: &Path, shown: String, hints: &Hints) -> Result<Self> {
        let Some(wiki) = &hints.wiki else {
            return Err(CliError::usage("a list of contributions does not say which wiki it is of")
                .at(path.display().to_string())
                .hint("Name it with --wiki, for example --wiki enwiki."));
        };
        let list = Contributions::parse(bytes, wiki).map_err(CliError::from).at(path.display())?;
        let mut notes = vec![format!(
            "A list of {} pages and {} revisions: looked for on this machine, in whole keyspaces or bitmaps.",
            grouped(list.pages().len() as u64),
            grouped(list.revisions().len() as u64),
        )];
        if list.left_out() > 0 {
            let left_out = grouped(list.left_out());
            notes.push(format!("{left_out} edits of pages of accounts are left out; no dataset keys them."));
        }
        notes.push(
            "A dataset holds one revision of a page. That another one is absent does not say that its words are gone: ask \
             for the text."
                .to_owned(),
        );
        Ok(Self { question: Question::of_contributions(&list), shown, notes })
    }

    fn of_folder(path: &Path, shown: String, hints: &Hints) -> Result<Self> {
        let mut found = Vec::new();
        walk(path, &mut found)?;
        found.sort();
        let mut question = Question::default();
        for file in &found {
            let name = file.strip_prefix(path).unwrap_or(file).display().to_string();
            let bytes = files::read(file, MAX_FILE)?;
            let item = Question::of_item(&bytes, hints).map_err(CliError::from).at(file.display())?;
            question = question.and(item.within(&clipped(&name, 200)));
        }
        if question.parts().is_empty() {
            return Err(CliError::usage("there is no file in this folder").at(path.display().to_string()));
        }
        let note =
            "Of a folder the bytes and the whole text of every file are asked for; ask for a file to ask by paragraph.";
        Ok(Self { question, shown, notes: vec![note.to_owned()] })
    }
}

/// The files under a folder. Links are not followed: they may lead out of it, or round in it. That they are left out would look
/// like an answer about them, so one is refused.
fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let failed = |source| CliError::io(folder, "read", source);
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() {
            walk(&entry.path(), found)?;
        } else if kind.is_file() {
            found.push(entry.path());
        } else {
            let what = if kind.is_symlink() { "a symbolic link" } else { "neither a file nor a folder" };
            return Err(CliError::new(Code::PathRefused, what)
                .at(entry.path().display().to_string())
                .hint("Ask for the folder that the files themselves are in, or for them one by one as @FILE."));
        }
        if found.len() > MAX_FILES {
            return Err(
                CliError::new(Code::TooMany, format!("more than {MAX_FILES} files")).at(folder.display().to_string())
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use ledger::manifest::Kind;

    use super::*;

    const LONG: &str = "People who live on its banks measure time by the mud, and nobody hurries.";

    fn kinds(question: &Question) -> Vec<Kind> {
        question.parts().iter().map(|part| part.kind()).collect()
    }

    #[test]
    fn files_folders_and_lists_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, bytes).unwrap();
            format!("@{}", path.display())
        };
        let none = Hints::default();
        let wiki = Hints { wiki: Some("enwiki".parse().unwrap()), form: None };
        let text = write("text/a.txt", LONG.as_bytes());
        write("text/deep/b.bin", b"\xff\x00");
        let asked = Asked::parse(&text, &none).unwrap();
        assert_eq!(
            (asked.shown.as_str(), kinds(&asked.question)),
            ("@a.txt", vec![Kind::ParaN1, Kind::TextN1, Kind::RawSha256, Kind::Swhid])
        );
        let asked = Asked::parse(&format!("@{}/text", dir.path().display()), &none).unwrap();
        let expected = [Kind::TextN1, Kind::RawSha256, Kind::Swhid, Kind::RawSha256, Kind::MediaSha1, Kind::Swhid];
        assert_eq!(kinds(&asked.question), expected);
        assert_eq!(asked.question.parts()[3].to_string(), "the exact bytes of deep/b.bin");
        let list = write("edits.csv", b"rev_id,page_id\n7,12\n");
        assert!(Asked::parse(&list, &none).unwrap_err().first_hint().contains("--wiki"));
        let asked = Asked::parse(&list, &wiki).unwrap();
        assert!(asked.question.local_only());
        assert_eq!(kinds(&asked.question), [Kind::MwPage, Kind::MwRev]);
        assert_eq!(Asked::parse("@/nonexistent/file", &none).unwrap_err().exit(), 2);
    }

    #[test]
    fn an_account_cannot_be_asked_for() {
        let wiki = Hints { wiki: Some("enwiki".parse().unwrap()), form: None };
        for text in ["title:User:Somebody", "https://en.wikipedia.org/wiki/User:Somebody", "User:Somebody"] {
            assert_eq!(Asked::parse(text, &wiki).unwrap_err().exit(), 2, "{text}");
        }
        assert_eq!(Asked::parse("title:Anarchism", &Hints::default()).unwrap_err().exit(), 2);
    }

    #[test]
    fn a_text_too_short_for_a_paragraph_says_so() {
        assert!(Asked::parse(LONG, &Hints::default()).unwrap().notes.is_empty());
        assert_eq!(Asked::parse("too short", &Hints::default()).unwrap().notes.len(), 1);
    }
}
