//! What one dataset answers: its keyspaces looked into, each reply checked as a client checks it, and what follows from all
//! of them.

use std::collections::BTreeSet;

use ledger::ids::{ContentKey, KeyspaceId};
use ledger::manifest::mediawiki::Wiki;
use ledger::manifest::{
    Answer as Membership, Bearing, Declaration, Keyspace, KeyspaceFiles, Kind, MetaMode, Part, Question, Status,
};
use ledger::record::kinds::Disclosure;
use serde_json::Value;

use super::super::read::Reading;
use super::super::view::seen::Seen;

/// Looks into a keyspace for one page: at 50 µs each, 0.2 s.
const MAX_LOOKS: usize = 4_000;

/// What one dataset answers.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) status: Status,
    pub(super) reason: String,
    pub(super) found: Vec<Look>,
    /// Where the proof is of what is absent.
    pub(super) missed: Option<(KeyspaceId, ContentKey)>,
    /// The parts of the question that were found, and those whose absence was shown.
    pub(super) parts: (BTreeSet<usize>, BTreeSet<usize>),
    /// Pages that may be meant by what was not found.
    pub(super) nearest: Vec<String>,
}

/// One look into one keyspace.
#[derive(Debug)]
pub(super) struct Look {
    part: usize,
    pub(super) what: String,
    pub(super) form: &'static str,
    pub(super) keyspace: KeyspaceId,
    pub(super) key: ContentKey,
    status: Status,
    reason: &'static str,
    pub(super) licence: Option<String>,
    bearing: Bearing,
}

/// Looks into keyspaces for one page, which may look so often and no more.
pub(super) struct Looker<'a> {
    reading: &'a Reading<'a>,
    question: &'a Question,
    left: usize,
}

impl<'a> Looker<'a> {
    /// Looks for what a question asks.
    pub(super) const fn new(reading: &'a Reading<'a>, question: &'a Question) -> Self {
        Self { reading, question, left: MAX_LOOKS }
    }

    /// What the dataset answers whose `manifest` record is given.
    pub(super) fn ask(&mut self, manifest: &Seen) -> Judged {
        let rows = manifest.member(&["keyspaces"]).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let (mut looks, mut unreadable, mut titles) = (Vec::new(), 0, Vec::new());
        for row in rows {
            let declared: Option<Declaration> = serde_json::from_value(row.clone()).ok();
            let Some((row, keyspace)) = declared.and_then(|row| Keyspace::declared(&row).ok().map(|k| (row, k))) else {
                unreadable += 1;
                continue;
            };
            looks.extend(self.look_for(self.question, &row, &keyspace));
            if keyspace.kind() == Kind::MwTitle {
                titles.push((row, keyspace));
            }
        }
        let mut judged = judge(looks, unreadable);
        if judged.status != Status::Present {
            judged.nearest = self.nearest(&titles);
        }
        judged
    }

    /// Looks for every part of a question that the keyspace may have.
    fn look_for(&mut self, question: &Question, row: &Declaration, keyspace: &Keyspace) -> Vec<Look> {
        let mut looks = Vec::new();
        for (number, part) in question.parts().iter().enumerate() {
            let Some(bearing) = question.bearing(part, keyspace.spec()) else { continue };
            for key in part.keys() {
                let (status, reason, licence) = match self.left.checked_sub(1) {
                    None => (Status::Unknown, "too much was asked for one page; the command line asks all", None),
                    Some(left) => {
                        self.left = left;
                        look(self.reading, keyspace, row.disclosure, part, key)
                    }
                };
                let form = keyspace.spec().form().map_or("", |form| form.as_str());
                let (what, key, keyspace) = (part.to_string(), *key, keyspace.id());
                looks.push(Look { part: number, what, form, keyspace, key, status, reason, licence, bearing });
            }
        }
        looks
    }

    /// Pages of the dataset that may be meant by what was not found.
    fn nearest(&mut self, titles: &[(Declaration, Keyspace)]) -> Vec<String> {
        let mut found = Vec::new();
        for (row, keyspace) in titles {
            let files = self.reading.pages.app.log.manifests().files(&keyspace.id()).ok().flatten();
            let wiki = files.and_then(|files| files.header().source().wiki.clone()).and_then(|wiki| wiki.parse().ok());
            let Some(wiki) = wiki else { continue };
            let looks = self.look_for(&self.question.nearest(&wiki), row, keyspace);
            found.extend(looks.into_iter().filter(|look| look.status == Status::Present).map(|look| look.what));
        }
        found
    }
}

/// Whether a keyspace has a key: the answer, the reason where there is none, and the licence that its files give.
fn look(
    reading: &Reading<'_>,
    keyspace: &Keyspace,
    disclosure: Disclosure,
    part: &Part,
    key: &ContentKey,
) -> (Status, &'static str, Option<String>) {
    let files = match reading.pages.app.log.manifests().files(&keyspace.id()) {
        Ok(Some(files)) => files,
        Ok(None) => return (Status::Unknown, "files not held", None),
        Err(_) => return (Status::Unknown, "the files cannot be read", None),
    };
    let Ok(reply) = files.reply_for(key, keyspace.t(), MetaMode::Rows) else {
        return (Status::Unknown, "the files cannot be read", None);
    };
    // The keyspace is the signed one, not the one that the files say they are.
    match keyspace.verify(key, keyspace.t(), &reply) {
        Err(_) => (Status::Invalid, "the proof does not lead to the signed root", None),
        Ok(Membership::Present { meta, .. }) => {
            (Status::Present, "", meta.and_then(|meta| files.header().license(&meta).map(str::to_owned)))
        }
        Ok(Membership::Absent { .. }) => match disclosure {
            Disclosure::Complete if part.wiki().is_some_and(|asked| is_of_another(&files, asked)) => {
                (Status::NotCovered, "its pages are those of another wiki", None)
            }
            Disclosure::Complete => (Status::Absent, "", None),
            Disclosure::Closed => {
                (Status::Unknown, "the contents are closed: they do not say that they hold all", None)
            }
            Disclosure::Partial => (Status::Unknown, "not in the part that was disclosed", None),
        },
    }
}

/// Whether the contents are the pages of another wiki than the one that is asked about.
fn is_of_another(files: &KeyspaceFiles, asked: &Wiki) -> bool {
    files.header().source().wiki.as_ref().is_some_and(|of| of != asked.as_str())
}

/// What follows from all looks into one dataset.
fn judge(looks: Vec<Look>, unreadable: usize) -> Judged {
    let status = Status::of_looks(looks.iter().map(|look| (look.status, look.bearing)), unreadable);
    let because = |status: Status| looks.iter().find(|look| look.status == status).map(|look| look.reason.to_owned());
    let reason = match status {
        Status::Invalid => because(Status::Invalid).unwrap_or_default(),
        Status::Unknown => because(Status::Unknown)
            .unwrap_or_else(|| "the contents are keyed in a way that this version does not know".to_owned()),
        Status::Present | Status::Absent | Status::NotCovered => String::new(),
    };
    let decides = |look: &&Look| look.bearing == Bearing::Decides && look.status == Status::Absent;
    let missed = looks.iter().find(decides).map(|look| (look.keyspace, look.key));
    let hits: BTreeSet<usize> = looks.iter().filter(|l| l.status == Status::Present).map(|look| look.part).collect();
    let misses = looks.iter().filter(decides).map(|look| look.part).filter(|part| !hits.contains(part)).collect();
    let found = looks.into_iter().filter(|look| look.status == Status::Present).collect();
    Judged { status, reason, missed, parts: (hits, misses), found, nearest: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looked(part: usize, status: Status, reason: &'static str) -> Look {
        Look {
            part,
            what: format!("part {part}"),
            form: "",
            keyspace: KeyspaceId::from_bytes([1; 32]),
            key: ContentKey::from_bytes([2; 32]),
            status,
            reason,
            licence: None,
            bearing: Bearing::Decides,
        }
    }

    #[test]
    fn a_part_that_one_keyspace_has_is_found_whatever_another_says() {
        let looks = [(0, Status::Absent), (0, Status::Present), (1, Status::Absent)];
        let judged = judge(looks.map(|(part, status)| looked(part, status, "")).into(), 0);
        assert_eq!((judged.status, judged.found.len()), (Status::Present, 1));
        assert_eq!(judged.parts, (BTreeSet::from([0]), BTreeSet::from([1])));
    }

    #[test]
    fn what_is_no_answer_has_the_reason_of_the_look_that_was_none() {
        let judged = judge(vec![looked(0, Status::Absent, ""), looked(1, Status::Unknown, "files not held")], 0);
        assert_eq!((judged.status, judged.reason.as_str()), (Status::Unknown, "files not held"));
        let unreadable = judge(Vec::new(), 1);
        assert_eq!(unreadable.status, Status::Unknown);
        assert!(unreadable.reason.contains("this version does not know"), "{}", unreadable.reason);
        let other = judge(Vec::new(), 0);
        assert_eq!((other.status, other.reason.as_str()), (Status::NotCovered, ""));
    }
}
