//! What a verification found: the verdict, and a line for every link.

use serde::{Serialize, Serializer};

use super::VerifiedRecord;
use crate::error::{Code, Error};

/// A link of the chain from an artifact to the pinned policy, in the order in which they are checked and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkName {
    /// The file is a bundle.
    Bundle,
    /// A pinned log signed the checkpoint; a wrong origin or log key is named here.
    LogSignature,
    /// Enough witnesses cosigned it; an unmet quorum is named here.
    Witnesses,
    /// The entry stands in the tree at its index.
    Inclusion,
    /// Every signature of the envelope holds.
    EnvelopeSignature,
    /// The signers' keys were in force at the index, and their party might register this.
    SignerKey,
    /// The entry is the entry of this envelope.
    Record,
    /// The files at hand are what the record speaks of.
    Artifact,
}

impl LinkName {
    /// Every link, in order.
    pub const ALL: [Self; 8] = [
        Self::Bundle,
        Self::LogSignature,
        Self::Witnesses,
        Self::Inclusion,
        Self::EnvelopeSignature,
        Self::SignerKey,
        Self::Record,
        Self::Artifact,
    ];

    /// The name on the screen.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bundle => "bundle",
            Self::LogSignature => "log signature",
            Self::Witnesses => "witnesses",
            Self::Inclusion => "inclusion",
            Self::EnvelopeSignature => "envelope signature",
            Self::SignerKey => "signer's key",
            Self::Record => "record",
            Self::Artifact => "artifact",
        }
    }
}

/// How a link stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It holds.
    Ok,
    /// It does not.
    Failed,
    /// It was not reached, or there was nothing to check it with.
    NotChecked,
    /// There was nothing to check: no artifact was given, or the policy asks for no witness.
    NotGiven,
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LinkReport {
    /// Which link.
    pub link: LinkName,
    /// How it stands.
    pub status: Status,
    /// Why it failed.
    #[serde(serialize_with = "code_text")]
    pub code: Option<Code>,
    /// What was found.
    pub detail: String,
    /// What to do about it, where it failed.
    pub hint: Option<&'static str>,
}

/// Something that does not break the proof and that the reader should know. With `--strict` it fails the command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Warning {
    /// What it is.
    #[serde(serialize_with = "code_text")]
    pub code: Code,
    /// What was found.
    pub detail: String,
}

/// The verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every link holds.
    Verified,
    /// One does not.
    Failed,
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// The verdict.
    pub verdict: Verdict,
    /// One line for every link, in their order.
    pub links: Vec<LinkReport>,
    /// What the reader should know beside it.
    pub warnings: Vec<Warning>,
    /// The record, if the verdict is [`Verdict::Verified`].
    pub verified: Option<VerifiedRecord>,
}

impl Report {
    /// The line of the link that failed.
    pub fn failed(&self) -> Option<&LinkReport> {
        self.links.iter().find(|line| line.status == Status::Failed)
    }

    /// The line of a link.
    pub fn line(&self, link: LinkName) -> Option<&LinkReport> {
        self.links.iter().find(|line| line.link == link)
    }

    /// Why the verification failed.
    pub fn code(&self) -> Option<Code> {
        self.failed().map(|line| line.code.unwrap_or(Code::Internal))
    }

    /// What a command that prints this report exits with; `strict` makes a warning a failure.
    pub fn exit_code(&self, strict: bool) -> u8 {
        match (self.code(), self.verdict, self.warnings.first()) {
            (Some(code), ..) => code.exit_code(),
            (None, Verdict::Failed, _) => Code::Internal.exit_code(),
            (None, Verdict::Verified, Some(warning)) if strict => warning.code.exit_code(),
            (None, Verdict::Verified, _) => 0,
        }
    }
}

/// A code is its text, and no code is `null`.
fn code_text<S: Serializer>(code: &(impl Into<Option<Code>> + Copy), serializer: S) -> Result<S::Ok, S::Error> {
    (*code).into().map(Code::as_str).serialize(serializer)
}

/// What a link hands on when it holds: a value, and the words for its line.
pub(super) struct Passed<T> {
    pub(super) value: T,
    pub(super) status: Status,
    pub(super) detail: String,
}

impl<T> Passed<T> {
    pub(super) fn new(value: T, detail: impl Into<String>) -> Self {
        Self { value, status: Status::Ok, detail: detail.into() }
    }

    pub(super) fn not_given(value: T, detail: impl Into<String>) -> Self {
        Self { value, status: Status::NotGiven, detail: detail.into() }
    }
}

/// A link failed and its line is written: there is nothing more to check.
#[derive(Debug)]
pub(super) struct Stopped;

/// The report while it is written, from the first link on.
pub(super) struct Lines {
    links: Vec<LinkReport>,
    warnings: Vec<Warning>,
}

impl Lines {
    pub(super) const fn new() -> Self {
        Self { links: Vec::new(), warnings: Vec::new() }
    }

    /// Writes the line of a link and hands on what it proved.
    pub(super) fn take<T>(&mut self, link: LinkName, result: Result<Passed<T>, Error>) -> Result<T, Stopped> {
        match result {
            Ok(Passed { value, status, detail }) => {
                self.push(link, status, None, detail);
                Ok(value)
            }
            Err(error) => Err(self.failed(link, &error)),
        }
    }

    pub(super) fn passed(&mut self, link: LinkName, detail: impl Into<String>) {
        self.push(link, Status::Ok, None, detail.into());
    }

    pub(super) fn not_checked(&mut self, link: LinkName, detail: impl Into<String>) {
        self.push(link, Status::NotChecked, None, detail.into());
    }

    pub(super) fn failed(&mut self, link: LinkName, error: &Error) -> Stopped {
        let detail = match error.place() {
            Some(place) => format!("{place}: {}", error.detail()),
            None => error.detail().to_owned(),
        };
        self.push(link, Status::Failed, Some(error.code()), detail);
        Stopped
    }

    pub(super) fn warn(&mut self, warning: Warning) {
        self.warnings.push(warning);
    }

    /// The report: every link without a line was not checked. There is a record only where no link stopped the walk.
    pub(super) fn finish(mut self, verified: Option<VerifiedRecord>) -> Report {
        for link in LinkName::ALL {
            if !self.links.iter().any(|line| line.link == link) {
                self.not_checked(link, "");
            }
        }
        let verdict = if verified.is_some() { Verdict::Verified } else { Verdict::Failed };
        Report { verdict, links: self.links, warnings: self.warnings, verified }
    }

    fn push(&mut self, link: LinkName, status: Status, code: Option<Code>, detail: String) {
        self.links.push(LinkReport { link, status, code, detail, hint: code.map(Code::hint) });
    }
}
