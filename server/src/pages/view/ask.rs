//! `/ask`: the form, and an answer that says who computed it, what it covers and how to check it.

use askama::Template;
use ledger::ids::LeafIndex;
use ledger::manifest::Status;

use super::moment::Moment;
use super::parts::Speaker;
use super::said::Said;
use super::shell::{Shell, Site};

/// Which colour a word has. Absence is never that of a proof that holds: it is no praise and no comfort.
const fn colour(status: Status) -> &'static str {
    match status {
        Status::Present => "ok",
        Status::Invalid => "bad",
        Status::Unknown => "warn",
        Status::Absent | Status::NotCovered => "mute",
    }
}

const fn means(status: Status) -> &'static str {
    match status {
        Status::Present => "It is in the contents that the dataset's maker committed to.",
        Status::Invalid => "This server's reply does not match what was signed. Do not rely on it.",
        Status::Unknown => "It cannot be told from what is at hand.",
        Status::Absent => "It is not in these contents, which their signer calls complete.",
        Status::NotCovered => "The dataset's maker did not commit to contents of this kind, so it cannot be asked.",
    }
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "ask.html")]
pub struct AskPage {
    /// The frame.
    pub shell: Shell,
    /// Where the reader reached this server.
    pub site: Site,
    /// The answer, if something was asked.
    pub answered: Option<Answered>,
    /// What was typed into the short fields, to be mended.
    pub typed: Typed,
    /// What is wrong with it.
    pub wrong: Option<(Said, Said)>,
}

/// What was typed. The text itself is not sent back.
#[derive(Debug, Default)]
pub struct Typed {
    /// Address.
    pub url: String,
    /// Wiki.
    pub wiki: String,
    /// Title.
    pub title: String,
    /// Page number.
    pub page: String,
    /// Revision number.
    pub revision: String,
    /// Digest.
    pub digest: String,
}

/// The answer of all datasets.
#[derive(Debug)]
pub struct Answered {
    /// What was looked for, in words that hold nothing of the text.
    pub wanted: Vec<Said>,
    /// How many more things were looked for.
    pub wanted_more: usize,
    /// Each part by itself, where a line of `wanted` stands for several.
    pub parts: Vec<Said>,
    /// How many more parts.
    pub parts_more: usize,
    /// The form that the text was taken for.
    pub form: Option<&'static str>,
    /// What the asker should know.
    pub notes: Vec<String>,
    /// The datasets that are shown, most telling first.
    pub datasets: Vec<DatasetAnswer>,
    /// Datasets whose answer is only counted.
    pub more: usize,
    /// How many datasets answered with each word.
    pub counts: Counts,
    /// Dataset cards of this log without any committed contents.
    pub without_manifest: usize,
    /// Whether there are more cards or manifests than that was counted of.
    pub more_without: bool,
    /// Manifests whose body was redacted.
    pub redacted: usize,
    /// Whether there are more manifests than were asked.
    pub capped: bool,
    /// The command that asks the same.
    pub command: Said,
    /// Whether the text has to be put into a file for it.
    pub needs_file: bool,
}

/// How many datasets answered with each word.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// `present`.
    pub present: usize,
    /// `absent`.
    pub absent: usize,
    /// `not-covered`.
    pub not_covered: usize,
    /// `unknown`.
    pub unknown: usize,
    /// `invalid`.
    pub invalid: usize,
}

impl Counts {
    /// Counts one more.
    pub fn add(&mut self, status: Status) {
        let count = match status {
            Status::Present => &mut self.present,
            Status::Absent => &mut self.absent,
            Status::NotCovered => &mut self.not_covered,
            Status::Unknown => &mut self.unknown,
            Status::Invalid => &mut self.invalid,
        };
        *count += 1;
    }

    /// All of them.
    pub const fn total(&self) -> usize {
        self.present + self.absent + self.not_covered + self.unknown + self.invalid
    }

    /// Those that could answer.
    pub const fn could_answer(&self) -> usize {
        self.present + self.absent
    }
}

/// The answer of one dataset.
#[derive(Debug)]
pub struct DatasetAnswer {
    /// Its name.
    pub name: Said,
    /// The page of its card, if it has one.
    pub href: Option<String>,
    /// The `manifest` record.
    pub index: LeafIndex,
    /// Who committed to the contents.
    pub speaker: Speaker,
    /// When it was recorded.
    pub received: Moment,
    /// What the same party said later about the manifest.
    pub undone: Option<(&'static str, LeafIndex)>,
    /// The answer.
    pub status: Status,
    /// Where the record stays.
    pub permalink: String,
    /// Pages of the dataset that may be meant by what was not found.
    pub nearest: Vec<Said>,
    /// The answer as wikitext, for a talk page.
    pub citation: Said,
    /// Why, in a sentence.
    pub reason: Said,
    /// What was found, with the licence that the contents state for it.
    pub found: Vec<Found>,
    /// How much more was found.
    pub found_more: usize,
    /// Licences that parties claim for the dataset: who, which, which record.
    pub licences: Vec<(Speaker, Said, LeafIndex)>,
    /// Whether there may be more claims.
    pub licences_more: bool,
    /// Models that say they used the dataset: who says so, how, name, page, record.
    pub models: Vec<Used>,
    /// Whether there may be more models.
    pub models_more: bool,
    /// A proof to download: which keyspace, which key, both in hexadecimal.
    pub proof: Option<(String, String)>,
}

impl DatasetAnswer {
    /// The colour of the answer.
    pub const fn colour(&self) -> &'static str {
        colour(self.status)
    }

    /// What the answer means.
    pub const fn means(&self) -> &'static str {
        means(self.status)
    }
}

/// Something that was found.
#[derive(Debug)]
pub struct Found {
    /// What.
    pub what: Said,
    /// In which form of the text it was found; empty where there is none.
    pub form: &'static str,
    /// The licence that the contents state for it.
    pub licence: Option<Said>,
    /// The proof.
    pub proof: (String, String),
}

/// A model that says it used a dataset.
#[derive(Debug)]
pub struct Used {
    /// Its name.
    pub name: Said,
    /// Its page.
    pub href: Option<String>,
    /// Who says so.
    pub speaker: Speaker,
    /// The record that says so.
    pub index: LeafIndex,
}
