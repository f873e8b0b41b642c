//! A command that failed: the code, the place, what was found there, and what to do about it.
//!
//! The library returns codes; sentences and hints for people are added here. The exit code is a function of the code
//! alone ([`Code::exit_code`]), so that a script can count on it.

use std::fmt;
use std::io;
use std::path::Path;

use ledger::Code;
use ledger::error::is_full;
use serde_json::{Value, json};

/// Why a command ended without its answer.
#[derive(Debug)]
pub(crate) struct CliError {
    code: Code,
    place: Option<String>,
    found: String,
    hints: Vec<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The result of a command or of a part of one.
pub(crate) type Result<T, E = CliError> = std::result::Result<T, E>;

impl CliError {
    /// A failure with a sentence that says what was found.
    pub(crate) fn new(code: Code, found: impl Into<String>) -> Self {
        Self { code, place: None, found: found.into(), hints: Vec::new(), source: None }
    }

    /// The command cannot be carried out as it was given.
    pub(crate) fn usage(found: impl Into<String>) -> Self {
        Self::new(Code::Usage, found)
    }

    /// What a log sent is not of the form that it must have.
    pub(crate) fn unreadable(error: impl std::fmt::Display) -> Self {
        Self::new(Code::ProofInvalid, error.to_string())
    }

    /// A file or folder that cannot be read or written.
    pub(crate) fn io(path: &Path, what: &str, source: io::Error) -> Self {
        let code = if is_full(&source) { Code::DiskFull } else { Code::Usage };
        let found = format!("cannot {what}: {source}");
        let place = path.display().to_string();
        let hints = match source.kind() {
            io::ErrorKind::NotFound => vec![format!("Check the path: {place} is not there.")],
            io::ErrorKind::PermissionDenied => vec![format!("See who may do that: ls -ld {place}")],
            io::ErrorKind::IsADirectory => vec![format!("{place} is a folder; name a file in it.")],
            io::ErrorKind::AlreadyExists => vec![format!("{place} exists already; choose another name.")],
            _ => Vec::new(),
        };
        Self { code, place: Some(place), found, hints, source: Some(source.into()) }
    }

    /// Names the place: a file, a line and column, a JSON pointer. What was named before comes after it.
    #[must_use]
    pub(crate) fn at(mut self, place: impl Into<String>) -> Self {
        let outer = place.into();
        self.place = Some(match self.place {
            // What is inside names it already, perhaps with a byte or a file in it.
            Some(inner)
                if inner
                    .strip_prefix(&outer)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with([',', '/', ':'])) =>
            {
                inner
            }
            Some(inner) => format!("{outer}: {inner}"),
            None => outer,
        });
        self
    }

    /// Adds a sentence that says what to do; it comes before the hint of the code.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The stable code.
    pub(crate) const fn code(&self) -> Code {
        self.code
    }

    /// The exit code.
    pub(crate) const fn exit(&self) -> u8 {
        self.code.exit_code()
    }

    /// The one thing to do next: what the command said, else what the table says.
    pub(crate) fn first_hint(&self) -> &str {
        self.hints.first().map_or(self.code.hint(), String::as_str)
    }

    /// The failure as `--json` prints it, on standard output:
    ///
    /// ```json
    /// {"code":"signer_unknown","message":"The signer is not …","found":"key 7f3a… is not registered",
    ///  "place":null,"hint":"Ask an operator …","exit":14}
    /// ```
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "code": self.code.as_str(),
            "message": self.code.title(),
            "found": self.found,
            "place": self.place,
            "hint": self.first_hint(),
            "exit": self.exit(),
        })
    }

    /// The failure as people read it, without the first word and colours.
    pub(crate) fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines = Vec::new();
        if let Some(place) = &self.place {
            lines.push(("at", place.clone()));
        }
        lines.push(("found", self.found.clone()));
        if self.hints.is_empty() {
            lines.push(("hint", self.code.hint().to_owned()));
        }
        lines.extend(self.hints.iter().map(|hint| ("hint", hint.clone())));
        lines
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.code)?;
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.found)
    }
}

impl std::error::Error for CliError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}

impl From<ledger::Error> for CliError {
    fn from(error: ledger::Error) -> Self {
        Self {
            code: error.code(),
            place: error.place().map(str::to_owned),
            found: error.detail().to_owned(),
            hints: Vec::new(),
            source: Some(Box::new(error)),
        }
    }
}

impl From<ledger::ids::IdError> for CliError {
    fn from(error: ledger::ids::IdError) -> Self {
        Self::usage(error.to_string())
    }
}

/// Adds the place to a failure on its way up.
pub(crate) trait At<T> {
    /// Names the place of a failure.
    fn at(self, place: impl fmt::Display) -> Result<T>;
}

impl<T, E: Into<CliError>> At<T> for std::result::Result<T, E> {
    fn at(self, place: impl fmt::Display) -> Result<T> {
        self.map_err(|error| error.into().at(place.to_string()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn every_code_has_an_exit_code_of_the_published_table() {
        for code in Code::ALL {
            let exit = CliError::new(*code, "").exit();
            assert!([1, 2, 3, 10, 11, 12, 13, 14, 15, 20].contains(&exit), "{code}: {exit}");
        }
    }

    #[test]
    fn u3_the_json_of_a_failure_has_its_five_members_and_what_was_found() {
        let error = CliError::new(Code::SignerUnknown, "key 7f is not registered").at("/signatures/0").at("card.json");
        let json = error.to_json();
        assert_eq!(json["code"], "signer_unknown");
        assert_eq!(json["place"], "card.json: /signatures/0");
        assert_eq!(json["exit"], 14);
        assert_eq!(json["hint"], Code::SignerUnknown.hint());
        assert!(json["message"].as_str().unwrap().starts_with("The signer"));
        assert_eq!(json["found"], "key 7f is not registered");
    }

    #[test]
    fn a_place_that_was_named_already_is_not_named_twice() {
        let json = CliError::usage("x").at("card.json").at("card.json").to_json();
        assert_eq!(json["place"], "card.json");
        let json = CliError::usage("x").at("dump.xml.bz2, byte 90").at("dump.xml.bz2").to_json();
        assert_eq!(json["place"], "dump.xml.bz2, byte 90");
        let json = CliError::usage("x").at("data2").at("data").to_json();
        assert_eq!(json["place"], "data: data2");
    }

    #[test]
    fn the_hint_of_the_command_comes_before_that_of_the_code() {
        let error = CliError::usage("x").hint("do this");
        assert_eq!(error.first_hint(), "do this");
        assert_eq!(error.lines().last().unwrap(), &("hint", "do this".to_owned()));
    }
}
