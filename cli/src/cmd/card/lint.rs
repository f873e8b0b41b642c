//! `colophon card lint`

use std::path::{Path, PathBuf};

use ledger::Code;
use ledger::record::import::MAX_DOCUMENT;
use ledger::record::import::hugging_face::CardKind;
use ledger::record::lint::{Finding, Level, lint, lint_card, lint_card_as, lint_croissant};
use serde_json::{Value, json};

use crate::draft::Draft;
use crate::failure::{CliError, Result};
use crate::files;
use crate::output::{Answer, Mark, shown, shown_lines};
use crate::session::Session;

/// Say what a card lacks, with line and column, and mend what can be mended
///
/// Reads a Hugging Face README.md, a Croissant description, a statement, or a JSON draft that names its predicateType; any
/// other draft is looked at by `record new`. Nothing that is found keeps a record out of the log; with --strict errors make
/// the command fail.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  colophon card lint README.md\n  colophon card lint README.md --print   # the metadata, mended\n  colophon card lint README.md --fix --strict"
)]
pub(crate) struct Args {
    /// The documents
    #[arg(required = true, value_name = "FILE")]
    paths: Vec<PathBuf>,
    /// Print the mended metadata in the place of the findings
    #[arg(long, conflicts_with = "fix")]
    print: bool,
    /// Mend the file in place
    #[arg(long)]
    fix: bool,
    /// Take a card for that of a model or of a dataset
    #[arg(long, value_enum, value_name = "KIND")]
    kind: Option<KindArg>,
    /// Fail (exit 2) if anything is an error
    #[arg(long)]
    strict: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum KindArg {
    Model,
    Dataset,
}

struct Looked {
    findings: Vec<Finding>,
    mended: Option<String>,
    fixed: bool,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let mut text = String::new();
    let mut document = String::new();
    let mut reports: Vec<Value> = Vec::new();
    let mut errors = 0;
    for path in &args.paths {
        let looked = look(path, args, session)?;
        errors += looked.findings.iter().filter(|finding| finding.level == Level::Error).count();
        for finding in &looked.findings {
            text.push_str(&line(path, finding, session));
        }
        let printed = looked.mended.as_deref().unwrap_or_default();
        if args.print {
            document.push_str(printed);
        } else if looked.fixed {
            text.push_str(&format!("{}: mended\n", path.display()));
        } else if !printed.is_empty() {
            // What ends the lines of the file ends no line of a terminal; --print and --fix keep it.
            let lines = printed.replace("\r\n", "\n").replace('\r', "\n");
            text.push_str(&format!("\nMended ({}):\n\n{}\n", path.display(), shown_lines(&lines)));
        } else if looked.findings.is_empty() {
            text.push_str(&format!("{}: nothing to say\n", path.display()));
        }
        reports.push(json!({
            "file": files::to_json(path),
            "findings": looked.findings,
            "mended": looked.mended,
            "fixed": looked.fixed,
        }));
    }
    let exit = if args.strict && errors > 0 { Code::Schema.exit_code() } else { 0 };
    let json = json!({ "errors": errors, "files": reports, "exit": exit });
    let answer = if args.print { Answer::document(document, json) } else { Answer::new(text, json) };
    Ok(answer.with_exit(exit))
}

/// `README.md:7:10: error: …  [yaml_word]`, as compilers write it and editors read it.
fn line(path: &Path, finding: &Finding, session: &Session) -> String {
    let (mark, word) = match finding.level {
        Level::Error => (Mark::Bad, "error"),
        Level::Warn => (Mark::Warning, "warning"),
        Level::Info => (Mark::Open, "note"),
    };
    let word = session.out.paint(mark, word);
    let (message, hint) = (shown(&finding.message), shown(&finding.hint));
    format!("{}:{}: {word}: {message} [{}]\n    {hint}\n", path.display(), finding.place, finding.code)
}

fn look(path: &Path, args: &Args, session: &Session) -> Result<Looked> {
    let bytes = files::read(path, MAX_DOCUMENT)?;
    let start = bytes.trim_ascii_start();
    let is_card = path.extension().is_none_or(|extension| extension == "md" || extension == "markdown");
    if is_card {
        let looked = match args.kind {
            None => lint_card(&bytes),
            Some(KindArg::Model) => lint_card_as(&bytes, CardKind::Model),
            Some(KindArg::Dataset) => lint_card_as(&bytes, CardKind::Dataset),
        };
        let mut fixed = false;
        if let (true, Some(mended)) = (args.fix, &looked.mended) {
            files::write(path, &with_metadata(&bytes, mended)?)?;
            fixed = true;
        }
        return Ok(Looked { findings: looked.findings, mended: looked.mended, fixed });
    }
    if let Ok(draft) = Draft::read(&bytes, path, None, session.out) {
        return Ok(Looked { findings: lint(&draft.kind, &draft.predicate.into()), mended: None, fixed: false });
    }
    if start.starts_with(b"{") {
        return Ok(Looked { findings: lint_croissant(&bytes), mended: None, fixed: false });
    }
    Err(CliError::usage("this is neither a card, nor a Croissant description, nor a statement")
        .at(path.display().to_string())
        .hint("A card ends in .md; a draft of a predicate is looked at by `colophon record new`."))
}

/// The card with this block of metadata in the place of its own, or before everything if it had none.
fn with_metadata(bytes: &[u8], block: &str) -> Result<Vec<u8>> {
    let text =
        std::str::from_utf8(bytes).map_err(|error| CliError::new(Code::TextRefused, format!("not UTF-8: {error}")))?;
    let rest = own_block(text).and_then(|end| text.get(end..)).unwrap_or(text);
    Ok(format!("{block}{rest}").into_bytes())
}

/// Where the block of metadata ends: after the line of its second dashes, as huggingface_hub finds it.
fn own_block(text: &str) -> Option<usize> {
    let opening = text.find(|c: char| !c.is_whitespace())?;
    let mut at = opening;
    let mut lines = text.get(opening..)?.split_inclusive(['\n', '\r']);
    let first = lines.next()?;
    if first.trim_end() != "---" {
        return None;
    }
    at += first.len();
    for line in lines {
        at += line.len();
        if line.starts_with("---") && line.trim_end() == "---" {
            // Of a line end in two characters, the second is a line of its own here.
            let rest = text.get(at..)?;
            return Some(if line.ends_with('\r') && rest.starts_with('\n') { at + 1 } else { at });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn mended_metadata_takes_the_place_of_its_own_and_the_prose_stays() {
        for (card, end) in [
            ("---\na: 1\n---\n# Prose\n", "# Prose\n"),
            ("---\r\na: 1\r\n---\r\n# Prose\r\n", "# Prose\r\n"),
            ("\n---\na: 1\n---", ""),
            ("# No metadata\n---\n", "# No metadata\n---\n"),
        ] {
            let fixed = String::from_utf8(with_metadata(card.as_bytes(), "---\nb: 2\n---\n").unwrap()).unwrap();
            assert_eq!(fixed, format!("---\nb: 2\n---\n{end}"), "{card:?}");
        }
    }

    #[test]
    fn what_was_mended_is_not_found_again() {
        let card = b"---\nlanguage: no\nlicense: Apache-2.0\n---\n# Heron\n";
        let first = lint_card(card);
        let fixed = with_metadata(card, first.mended.as_deref().unwrap()).unwrap();
        let second = lint_card(&fixed);
        assert!(!second.findings.iter().any(|finding| finding.code == "yaml_word"), "{:?}", second.findings);
        assert!(String::from_utf8(fixed).unwrap().ends_with("# Heron\n"));
    }
}
