//! What a dataset answers: from every look into one of its keyspaces, what follows for the question, and the words for it.

use std::collections::BTreeSet;

use ledger::ids::KeyspaceId;
use ledger::manifest::{Bearing, Declaration, Kind, Question, SHARED_RUN, Status};
use ledger::record::kinds::Disclosure;
use serde_json::{Value, json};

use super::Candidate;

/// Looks of one answer that are shown to programs beside those that found something.
const MAX_MISSES: usize = 100;

/// What the server was told for a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// It was not asked.
    NotAsked,
    /// So many bits, which so many keys share.
    Bits(u8, u64),
    /// So many bits, which so many keys of all datasets share: a roll-up run was asked.
    RolledUp(u8, u64),
    /// Nothing: all keys of the keyspace, of this number, were fetched.
    Whole(u64),
    /// Nothing: a bitmap or a universe of so many numbers was fetched.
    Numbers(u64),
}

/// One look into one keyspace.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    /// What was looked for.
    pub what: String,
    /// In which keyspace.
    pub keyspace: KeyspaceId,
    /// How its keys are made.
    pub spec: String,
    /// What came of it.
    pub status: Status,
    /// Why, if it is neither present nor absent.
    pub reason: Option<String>,
    /// What the server was told.
    pub told: Told,
    /// The licence that the manifest states for the item.
    pub license: Option<String>,
    /// Which part of the question.
    part: usize,
    bearing: Bearing,
}

impl Look {
    /// A look that has found nothing yet.
    pub(super) fn unknown(candidate: &Candidate<'_>) -> Self {
        Self {
            what: candidate.part.to_string(),
            keyspace: candidate.keyspace.id(),
            spec: candidate.keyspace.spec().to_string(),
            status: Status::Unknown,
            reason: None,
            told: Told::NotAsked,
            license: None,
            part: candidate.number,
            bearing: candidate.bearing,
        }
    }

    /// A miss that was proven: what it means depends on what the manifest says of itself.
    pub(super) fn miss(&mut self, told: Told, row: &Declaration) {
        self.told = told;
        match row.disclosure {
            Disclosure::Complete => self.status = Status::Absent,
            Disclosure::Closed => {
                self.reason = Some("the manifest is closed: it does not say that it holds all".to_owned())
            }
            Disclosure::Partial => {
                self.reason = Some("not in the part that was declared; the rest is not declared".to_owned())
            }
        }
    }

    fn to_json(&self) -> Value {
        let (mode, bits, among) = match self.told {
            Told::NotAsked => ("none", 0, 0),
            Told::Bits(bits, among) => ("prefix", bits, among),
            Told::RolledUp(bits, among) => ("roll-up", bits, among),
            Told::Whole(n) => ("whole", 0, n),
            Told::Numbers(n) => ("bitmap", 0, n),
        };
        json!({
            "what": self.what, "keyspace": self.keyspace, "spec": self.spec, "status": self.status.as_str(),
            "reason": self.reason, "mode": mode, "bitsTold": bits, "hiddenAmong": among.to_string(),
            "license": self.license,
        })
    }
}

/// What a dataset answers, and from what.
#[derive(Debug, Clone)]
pub(crate) struct DatasetAnswer {
    /// The answer.
    pub status: Status,
    /// One sentence.
    pub reason: String,
    /// Every look.
    pub looks: Vec<Look>,
    /// What is not there and something near it is: pages that may be meant.
    pub nearest: Vec<Look>,
    /// How many parts of the question were found, and how many there are.
    pub found: (usize, usize),
}

impl DatasetAnswer {
    /// For programs.
    pub(crate) fn to_json(&self) -> Value {
        let hits = self.looks.iter().filter(|look| look.status == Status::Present);
        let misses = self.looks.iter().filter(|look| look.status != Status::Present);
        let left_out = misses.clone().count().saturating_sub(MAX_MISSES);
        let looks: Vec<Value> = hits.chain(misses.take(MAX_MISSES)).map(Look::to_json).collect();
        let nearest: Vec<Value> = self.nearest.iter().map(Look::to_json).collect();
        json!({
            "status": self.status.as_str(), "reason": self.reason, "looks": looks, "looksLeftOut": left_out,
            "partsFound": self.found.0, "partsAsked": self.found.1, "nearest": nearest,
            "doesNotMean": self.status.does_not_mean(),
        })
    }

    /// The parts of the question that were found.
    pub(crate) fn hits(&self) -> BTreeSet<usize> {
        self.looks.iter().filter(|look| look.status == Status::Present).map(|look| look.part).collect()
    }

    /// The parts of the question that were looked for where their absence says something, and are not there.
    pub(crate) fn missed(&self) -> BTreeSet<usize> {
        let hits = self.hits();
        let absent = self.looks.iter().filter(|l| l.status == Status::Absent && l.bearing == Bearing::Decides);
        absent.map(|look| look.part).filter(|part| !hits.contains(part)).collect()
    }

    /// The answer's question, as a citation puts it: what was found of it, or all of it.
    pub(crate) fn cited(&self, question: &Question) -> String {
        match self.status {
            Status::Present => question.found_in_words(&self.hits(), &self.missed()),
            _ => question.in_words(),
        }
    }

    /// The licences that the manifest states for what was found.
    pub(crate) fn licenses(&self) -> BTreeSet<&str> {
        self.looks.iter().filter(|look| look.status == Status::Present).filter_map(|l| l.license.as_deref()).collect()
    }
}

/// What follows from all looks.
pub(super) fn judge(question: &Question, looks: Vec<Look>, unreadable: usize) -> DatasetAnswer {
    let status = Status::of_looks(looks.iter().map(|look| (look.status, look.bearing)), unreadable);
    let parts = question.parts().len();
    let hits: BTreeSet<usize> = looks.iter().filter(|l| l.status == Status::Present).map(|look| look.part).collect();
    let first = |status: Status| looks.iter().find(|look| look.status == status);
    let because = |status: Status| first(status).and_then(|look| look.reason.clone()).unwrap_or_default();
    let reason = match status {
        Status::Present if question.local_only() => counted(question, &hits),
        Status::Present if hits.iter().all(|hit| question.parts()[*hit].kind() == Kind::SpanN1) => {
            format!("a run of at least {SHARED_RUN} characters of it is in it; no paragraph as a whole")
        }
        Status::Present if hits.len() == 1 => {
            first(Status::Present).map_or_else(String::new, |l| format!("{} is in it", l.what))
        }
        Status::Present => format!("{} of {parts} parts of the question are in it", hits.len()),
        Status::Invalid => format!("a proof does not hold: {}", because(Status::Invalid)),
        Status::Unknown if looks.iter().any(|look| look.status == Status::Unknown) => because(Status::Unknown),
        Status::Unknown => "it declares keys in a way that this version does not know".to_owned(),
        Status::Absent => "not among the declared contents".to_owned(),
        Status::NotCovered if looks.iter().any(|look| look.status == Status::NotCovered) => because(Status::NotCovered),
        Status::NotCovered => {
            let form = question.form().map(|form| format!(" as {}", form.as_str())).unwrap_or_default();
            format!("it does not declare this kind of content{form}")
        }
    };
    DatasetAnswer { status, reason, found: (hits.len(), parts), looks, nearest: Vec::new() }
}

/// `12 of 40 pages, 7 of 52 revisions`
fn counted(question: &Question, hits: &BTreeSet<usize>) -> String {
    let of = |kind: Kind, what: &str| {
        let all: Vec<usize> =
            question.parts().iter().enumerate().filter(|(_, part)| part.kind() == kind).map(|(i, _)| i).collect();
        let found = all.iter().filter(|place| hits.contains(place)).count();
        (!all.is_empty()).then(|| format!("{found} of {} {what}", all.len()))
    };
    let counts = [of(Kind::MwPage, "pages"), of(Kind::MwRev, "revisions")];
    format!("{} are in it", counts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}
