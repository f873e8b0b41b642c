//! Printing: data on standard output, everything else on standard error.
//!
//! A command returns an [`Answer`], which has three forms: a text for people, a JSON value for `--json`, and sometimes
//! a document (a statement, a key, a completion script) that is the point of the command. `-q` leaves out the text and
//! the notes, never the document. Escape codes appear only on a terminal, and never say what a word does not say too.

use std::io::{self, BufRead, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

use crate::failure::CliError;
use crate::progress::Progress;
use crate::world::World;

/// The longest line that is taken as an answer: a paragraph of 16,000 letters.
const MAX_ANSWER: u64 = 64 * 1024;

/// What a command has to say when it is done.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    text: String,
    document: Option<Vec<u8>>,
    json: Value,
    exit: u8,
}

impl Answer {
    /// An answer in its two forms.
    pub(crate) fn new(text: impl Into<String>, json: Value) -> Self {
        Self { text: text.into(), document: None, json, exit: 0 }
    }

    /// An answer that is a document: printed as it is, byte for byte.
    pub(crate) fn document(bytes: impl Into<Vec<u8>>, json: Value) -> Self {
        Self { text: String::new(), document: Some(bytes.into()), json, exit: 0 }
    }

    /// Ends the program with another code than 0: a verdict is an answer, not a failure of the command.
    #[must_use]
    pub(crate) fn with_exit(mut self, exit: u8) -> Self {
        self.exit = exit;
        self
    }

    /// Adds lines for people and members for programs.
    #[must_use]
    pub(crate) fn and(mut self, text: &str, members: Value) -> Self {
        self.text.push_str(text);
        if let (Some(json), Value::Object(members)) = (self.json.as_object_mut(), members) {
            json.extend(members);
        }
        self
    }

    /// The exit code.
    pub(crate) const fn exit(&self) -> u8 {
        self.exit
    }

    /// The answer for programs.
    pub(crate) const fn json(&self) -> &Value {
        &self.json
    }
}

/// When to use escape codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What a word of the screen means. The mark and the word say it; the colour only repeats it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Holds.
    Good,
    /// Does not hold.
    Bad,
    /// Holds, with something to look at.
    Warning,
    /// Was not looked at, or cannot be known.
    Open,
}

/// Where a run prints, and how.
#[derive(Debug)]
pub(crate) struct Output {
    streams: Mutex<Streams>,
    /// `--json`.
    pub json: bool,
    /// `--quiet`.
    pub quiet: bool,
    colour_out: bool,
    colour_err: bool,
    unicode: bool,
    stderr_is_terminal: bool,
    stdin_is_terminal: bool,
}

struct Streams {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    input: Box<dyn BufRead + Send>,
    /// Why the first part of standard output was lost that was.
    lost: Option<io::Error>,
}

impl std::fmt::Debug for Streams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Streams").finish_non_exhaustive()
    }
}

impl Output {
    /// Takes over the streams of a world. Returns the environment, which is all that is left of it.
    pub(crate) fn new(
        world: World,
        json: bool,
        quiet: bool,
        color: ColorChoice,
    ) -> (Self, std::collections::BTreeMap<String, String>) {
        let World { env, stdout, stderr, stdout_is_terminal, stderr_is_terminal, stdin, stdin_is_terminal, .. } = world;
        let set = |name: &str| env.get(name).is_some_and(|value| !value.is_empty());
        let plain = set("NO_COLOR") || env.get("TERM").is_some_and(|term| term == "dumb");
        let colour = |terminal: bool| match color {
            ColorChoice::Auto => terminal && !plain,
            ColorChoice::Always => true,
            ColorChoice::Never => false,
        };
        // POSIX: the first of these that is set decides. Without any, nobody said that bytes above 127 are no good.
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find(|name| set(name)).and_then(|name| env.get(name));
        let unicode = locale.is_none_or(|value| {
            let value = value.to_ascii_lowercase();
            value.contains("utf-8") || value.contains("utf8")
        });
        let output = Self {
            colour_out: colour(stdout_is_terminal),
            colour_err: colour(stderr_is_terminal),
            streams: Mutex::new(Streams { out: stdout, err: stderr, input: stdin, lost: None }),
            json,
            quiet,
            unicode,
            stderr_is_terminal,
            stdin_is_terminal,
        };
        (output, env)
    }

    /// Prints the answer of a command.
    pub(crate) fn answer(&self, answer: &Answer) {
        if self.json {
            self.json_line(&answer.json);
        } else {
            if !self.quiet && !answer.text.is_empty() {
                self.out(&with_newline(&answer.text));
            }
            if let Some(document) = &answer.document {
                self.out_bytes(document);
            }
        }
    }

    /// Prints a failure: for people on standard error, for programs as JSON on standard output.
    pub(crate) fn failure(&self, error: &CliError) {
        if self.json {
            self.json_line(&error.to_json());
            return;
        }
        let mut text = format!("{} {} [{}]\n", self.paint_err(Mark::Bad, "error:"), error.code().title(), error.code());
        for (label, line) in error.lines() {
            text.push_str(&format!("  {label:<6} {}\n", shown(&line)));
        }
        self.err(&text);
    }

    /// One line of data as it happens, for commands that go on for long. With `--json`, `json` is its own line.
    pub(crate) fn step(&self, text: &str, json: Option<&Value>) {
        if self.json {
            if let Some(json) = json {
                self.json_line(json);
            }
        } else if !self.quiet {
            self.out(&with_newline(text));
        }
    }

    /// A remark on standard error.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            self.err(&with_newline(text));
        }
    }

    /// A warning on standard error, also under `--quiet`: it is never the normal course.
    pub(crate) fn warn(&self, text: &str) {
        let label = self.paint_err(Mark::Warning, "warning:");
        self.err(&with_newline(&format!("{label} {text}")));
    }

    /// A bar, for anything that may take over a second. See [`Progress`].
    pub(crate) fn progress(&self, what: &str, total: Option<u64>, unit: crate::progress::Unit) -> Progress<'_> {
        Progress::new(self, what, total, unit)
    }

    /// Whether somebody is there who can be asked: types, and sees the question.
    pub(crate) const fn can_ask(&self) -> bool {
        self.stdin_is_terminal && self.stderr_is_terminal && !self.json && !self.quiet
    }

    /// Asks for one line. `None` at the end of what is typed.
    pub(crate) fn ask(&self, question: &str) -> Option<String> {
        self.err(&format!("{question} "));
        let mut line = String::new();
        // A line that somebody types is short; what a pipe sends must not fill the memory.
        let read = io::Read::take(&mut self.streams().input, MAX_ANSWER).read_line(&mut line);
        read.ok().filter(|read| *read > 0).map(|_| line.trim().to_owned())
    }

    /// Whether a bar may be drawn.
    pub(crate) fn draws_bars(&self) -> bool {
        self.stderr_is_terminal && !self.quiet
    }

    /// The mark of a state, in letters where the terminal has no such sign.
    pub(crate) fn mark(&self, mark: Mark) -> String {
        let text = match (mark, self.unicode) {
            (Mark::Good, true) => "✓",
            (Mark::Good, false) => "OK",
            (Mark::Bad, true) => "✗",
            (Mark::Bad, false) => "FAIL",
            (Mark::Warning, true) => "!",
            (Mark::Warning, false) => "WARN",
            (Mark::Open, true) => "–",
            (Mark::Open, false) => "--",
        };
        self.paint(mark, text)
    }

    /// A word of standard output in the colour of a state.
    pub(crate) fn paint(&self, mark: Mark, text: &str) -> String {
        paint(self.colour_out, mark, text)
    }

    fn paint_err(&self, mark: Mark, text: &str) -> String {
        paint(self.colour_err, mark, text)
    }

    /// A table without borders, as wide as it needs to be.
    pub(crate) fn table<const N: usize>(&self, head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        table.set_content_arrangement(comfy_table::ContentArrangement::Disabled);
        table.set_header(head);
        for row in rows {
            table.add_row(row.map(|cell| shown(&cell)));
        }
        let lines: Vec<String> = table.lines().map(|line| line.trim_end().trim_start_matches(' ').to_owned()).collect();
        lines.join("\n")
    }

    fn json_line(&self, value: &Value) {
        self.out(&format!("{value}\n"));
    }

    fn out(&self, text: &str) {
        self.out_bytes(text.as_bytes());
    }

    fn out_bytes(&self, bytes: &[u8]) {
        let mut streams = self.streams();
        if let Err(error) = streams.out.write_all(bytes).and_then(|()| streams.out.flush())
            // A reader that went away (`| head`) is not a failure of the command; there is nobody left to tell.
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            streams.lost.get_or_insert(error);
        }
    }

    /// The failure to write to standard output, if there was one: what was asked for is not there then.
    pub(crate) fn lost(&self) -> Option<CliError> {
        Some(CliError::io(Path::new("standard output"), "write", self.streams().lost.take()?))
    }

    pub(crate) fn err(&self, text: &str) {
        let mut streams = self.streams();
        let _: io::Result<()> = streams.err.write_all(text.as_bytes()).and_then(|()| streams.err.flush());
    }

    fn streams(&self) -> MutexGuard<'_, Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn paint(colour: bool, mark: Mark, text: &str) -> String {
    if !colour {
        return text.to_owned();
    }
    let style = match mark {
        Mark::Good => Style::new().fg_color(Some(AnsiColor::Blue.into())).bold(),
        Mark::Bad => Style::new().fg_color(Some(AnsiColor::Red.into())).bold(),
        Mark::Warning => Style::new().fg_color(Some(AnsiColor::Yellow.into())).bold(),
        Mark::Open => Style::new().dimmed(),
    };
    format!("{style}{text}{style:#}")
}

fn with_newline(text: &str) -> String {
    if text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") }
}

/// A document that somebody else wrote, for a terminal: as [`shown`], and its lines stay lines.
pub(crate) fn shown_lines(text: &str) -> String {
    let harmless = |c: char| match c {
        c if ledger::record::json::is_bidi_control(c) || (c.is_control() && c != '\n') => {
            format!("\\u{:04x}", u32::from(c))
        }
        c => c.to_string(),
    };
    text.chars().map(harmless).collect()
}

/// A text that somebody else wrote, made harmless for a terminal: control characters (and with them every escape
/// sequence) and bidirectional controls are shown as `\u{…}`. Line breaks become spaces.
pub(crate) fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => out.push(' '),
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                out.extend(c.escape_unicode());
            }
            c if c.is_control() => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

/// The first `keep` characters of a text made harmless, with a sign that there is more.
pub(crate) fn clipped(text: &str, keep: usize) -> String {
    let text = shown(text);
    if text.chars().count() <= keep {
        return text;
    }
    let mut out: String = text.chars().take(keep.saturating_sub(1)).collect();
    out.push('…');
    out
}

/// The beginning and end of a digest, as screens show it; `--json` has it whole.
pub(crate) fn short(hex: &str) -> String {
    match (hex.get(..8), hex.len() > 12 && hex.is_ascii()) {
        (Some(start), true) => format!("{start}…{}", &hex[hex.len() - 4..]),
        _ => hex.to_owned(),
    }
}

/// A number in groups of three: `1,170,060,424`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 2);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The JSON of a list under one name, with its length.
pub(crate) fn json_list(name: &str, items: Vec<Value>) -> Value {
    json!({ "count": items.len(), name: items })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use ledger::Code;

    fn output(env: &[(&str, &str)], json: bool, quiet: bool) -> (Output, crate::world::Captured) {
        let (world, captured) = World::captured(env);
        (Output::new(world, json, quiet, ColorChoice::Auto).0, captured)
    }

    #[test]
    fn u4_quiet_prints_only_the_document() {
        let (out, seen) = output(&[], false, true);
        out.answer(&Answer::new("three keys", json!({})));
        out.note("by the way");
        out.step("one", None);
        assert_eq!((seen.stdout().as_str(), seen.stderr().as_str()), ("", ""));
        out.answer(&Answer::document("-----BEGIN", json!({})));
        assert_eq!(seen.stdout(), "-----BEGIN");
    }

    #[test]
    fn u4_no_escape_codes_without_a_terminal_or_with_no_color() {
        let (world, captured) = World::captured(&[("NO_COLOR", "1")]);
        let world = World { stdout_is_terminal: true, stderr_is_terminal: true, ..world };
        let (out, _) = Output::new(world, false, false, ColorChoice::Auto);
        out.answer(&Answer::new(out.mark(Mark::Good), json!({})));
        out.failure(&CliError::new(Code::Usage, "red \u{1b}[31m herring"));
        assert!(!captured.stdout().contains('\u{1b}'));
        assert!(!captured.stderr().contains('\u{1b}'), "{}", captured.stderr());
    }

    #[test]
    fn a_failure_is_json_on_stdout_when_asked_for_and_text_on_stderr_else() {
        let (out, seen) = output(&[], true, false);
        out.failure(&CliError::new(Code::NotFound, "no entry 9"));
        let json: Value = serde_json::from_str(&seen.stdout()).unwrap();
        assert_eq!(json["exit"], 3);
        assert_eq!(seen.stderr(), "");
        let (out, seen) = output(&[], false, false);
        out.failure(&CliError::new(Code::NotFound, "no entry 9"));
        assert_eq!(seen.stdout(), "");
        assert!(seen.stderr().contains("[not_found]") && seen.stderr().contains("no entry 9"));
    }

    #[test]
    fn marks_are_words_where_the_locale_has_no_signs() {
        assert_eq!(output(&[("LC_ALL", "C")], false, false).0.mark(Mark::Bad), "FAIL");
        assert_eq!(output(&[("LANG", "de_DE.UTF-8")], false, false).0.mark(Mark::Bad), "✗");
    }

    #[test]
    fn b20_what_others_wrote_cannot_move_the_cursor() {
        assert_eq!(shown("a\u{1b}[2Jb\u{202e}c\nd"), "a\\u{1b}[2Jb\\u{202e}c d");
        assert_eq!(clipped("abcdef", 4), "abc…");
    }

    #[test]
    fn numbers_are_grouped_and_digests_cut() {
        assert_eq!(grouped(1_170_060_424), "1,170,060,424");
        assert_eq!(grouped(12), "12");
        assert_eq!(short(&"ab".repeat(32)), "abababab…abab");
        assert_eq!(short("short"), "short");
    }
}
