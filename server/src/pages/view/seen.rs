//! A record as pages see it: what its entry says, and its statement unless that was redacted.
//!
//! Pages read members by name rather than through the types of the kinds, so that a record of a kind or with members
//! that nobody knew when this was written is shown like any other.

use std::collections::BTreeSet;

use ledger::ids::{KeyId, LeafIndex, RecordId, SubjectDigest, UnixMillis};
use ledger::record::kind::Kind;
use ledger::record::terms::NO_ASSERTION;
use ledger::state::Fate;
use serde_json::{Map, Value};

use super::moment::Moment;
use super::parts::{RecordLine, Speaker};
use super::said::{Allowance, Said};
use crate::query::encode;

/// One entry and what it is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Where it stands in the log.
    pub index: LeafIndex,
    /// What kind of record it is.
    pub kind: String,
    /// The record's id.
    pub record: RecordId,
    /// Whose words it is.
    pub issuer: String,
    /// Who signed.
    pub signers: Vec<KeyId>,
    /// The artefacts or records that it is about.
    pub subjects: Vec<SubjectDigest>,
    /// The records that it names.
    pub refs: Vec<RecordId>,
    /// When the log took it in.
    pub received: UnixMillis,
    /// What it says; `None` if its body was redacted.
    pub content: Option<Content>,
    /// The name and the page of the model or dataset that it speaks of, where that is another record and was looked up.
    pub of: Option<(String, String)>,
    /// What became of it; nothing where that was not looked up.
    pub fate: Fate,
    /// Who vouches for it, if no party owns the key that signed it.
    pub vouched: Option<VouchedBy>,
}

/// A steward's word for what an unvouched key said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VouchedBy {
    /// The `resolution`.
    pub index: LeafIndex,
    /// The steward.
    pub issuer: String,
}

/// A statement.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Content {
    /// The artefacts or records that it is about, by name.
    pub subjects: Vec<Subject>,
    /// What it says.
    pub predicate: Map<String, Value>,
    /// The members that the kind does not have.
    pub unknown: BTreeSet<String>,
    /// What lint has to say about it.
    pub warnings: Vec<Warning>,
}

/// One subject of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Its name.
    pub name: Option<String>,
    /// Its digest.
    pub sha256: Option<SubjectDigest>,
}

/// What lint has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Where in the record.
    pub place: String,
    /// What.
    pub detail: String,
}

impl Seen {
    /// The member at a path of names; `None` if it is not there or the record is redacted.
    pub fn member(&self, path: &[&str]) -> Option<&Value> {
        let (first, rest) = path.split_first()?;
        let mut value = self.content.as_ref()?.predicate.get(*first)?;
        for name in rest {
            value = value.get(name)?;
        }
        Some(value)
    }

    /// The text at a path. JSON-LD may write a list where it means one text: then the first.
    pub fn text(&self, path: &[&str]) -> Option<&str> {
        match self.member(path)? {
            Value::String(text) => Some(text),
            Value::Array(items) => items.first()?.as_str(),
            Value::Object(members) => members.get("@value").or_else(|| members.get("name"))?.as_str(),
            _ => None,
        }
    }

    /// The text at a path unless it is the word that asserts nothing.
    pub fn asserted(&self, path: &[&str]) -> Option<&str> {
        self.text(path).filter(|text| *text != NO_ASSERTION)
    }

    /// The number at a path.
    pub fn number(&self, path: &[&str]) -> Option<u64> {
        self.member(path)?.as_u64()
    }

    /// The records that one of the lists `supersedes`, `corrects`, `revokes` or `target` names.
    pub fn listed(&self, list: &str) -> impl Iterator<Item = RecordId> {
        let items = self.member(&[list]).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        items.iter().filter_map(|item| RecordId::from_reference(item.as_str()?))
    }

    /// The record at a path.
    pub fn reference(&self, path: &[&str]) -> Option<RecordId> {
        RecordId::from_reference(self.text(path)?)
    }

    /// When its issuer says that it was issued.
    pub fn issued(&self, now: UnixMillis) -> Option<Moment> {
        Moment::parse(self.text(&["issued"])?, now)
    }

    /// Whose words it is.
    pub fn speaker(&self, allowance: &mut Allowance) -> Speaker {
        let speaker = Speaker::new(&self.issuer, self.text(&["issuer", "name"]), allowance);
        match &self.vouched {
            Some(vouched) => speaker.vouched_for(vouched.index),
            None => speaker,
        }
    }

    /// What its issuer said about it later, in a word, and where: that another takes its place, that it is taken back,
    /// or that something in it is corrected.
    ///
    /// Only the issuer's own records count: what others say about it does not undo it.
    pub fn undone(&self) -> Option<(&'static str, LeafIndex)> {
        let taken_back = self.fate.taken_back_by.map(|by| ("taken back", by));
        let superseded = self.fate.superseded_by.map(|by| ("superseded", by));
        taken_back.or(superseded).or_else(|| self.fate.corrected_by.last().map(|by| ("corrected", *by)))
    }

    /// Whether its issuer still stands by it, as far as was looked up. Corrected is not undone.
    pub const fn stands(&self) -> bool {
        self.fate.taken_back_by.is_none() && self.fate.superseded_by.is_none()
    }

    /// Whether this version has a type for its kind.
    pub fn is_known_kind(&self) -> bool {
        Kind::parse(&self.kind).is_ok_and(|kind| !matches!(kind, Kind::Other(_)))
    }

    /// What it is about, in a few words; `None` if it was redacted.
    pub fn about(&self) -> Option<String> {
        let content = self.content.as_ref()?;
        let first_subject = || content.subjects.iter().find_map(|subject| subject.name.clone());
        let text = |path: &[&str]| self.text(path).map(str::to_owned);
        let about = match self.kind.as_str() {
            "model-card" => text(&["model_name"]),
            "dataset-card" | "party-profile" => text(&["name"]),
            "training-source" | "manifest" => text(&["dataset", "name"]),
            "license-claim" => Some(self.licence().map_or("no licence asserted", |(text, _)| text).to_owned()),
            "audit-attestation" => text(&["verdict"]).map(|verdict| verdict_words(&verdict).to_owned()),
            "party" => text(&["id"]),
            "log-policy" => text(&["origin"]),
            "key-event" => text(&["event"]).map(|event| format!("{event} a key")),
            "index-root" => Some("the index of this log".to_owned()),
            "run-root" => text(&["keyKind"]).map(|kind| format!("all {kind} keys")),
            _ => None,
        };
        Some(about.or_else(first_subject).unwrap_or_else(|| kind_words(&self.kind).to_owned()))
    }

    /// The licence that a claim states, and whether it is written as an SPDX expression.
    pub fn licence(&self) -> Option<(&str, bool)> {
        let concluded = self.asserted(&["licenseConcluded"]).map(|text| (text, true));
        concluded.or_else(|| self.asserted(&["licenseDeclared"]).map(|text| (text, false)))
    }

    /// The page that shows it best.
    pub fn href(&self) -> String {
        match (self.kind.as_str(), &self.content) {
            ("model-card", Some(_)) => format!("/m/{}", self.record),
            ("dataset-card", Some(_)) => format!("/d/{}", self.record),
            ("agreement", _) => format!("/a/{}", self.record),
            ("party", Some(_)) => format!("/p/{}", encode(self.text(&["id"]).unwrap_or(&self.issuer))),
            ("party-profile", Some(_)) => format!("/p/{}", encode(&self.issuer)),
            _ => format!("/r/{}", self.index),
        }
    }

    /// The record as one of a list.
    pub fn line(&self, now: UnixMillis, allowance: &mut Allowance) -> RecordLine {
        RecordLine {
            index: self.index,
            href: self.href(),
            about: self.about().map(|about| allowance.said(&about, 160)),
            of: self.of.as_ref().map(|(name, href)| (allowance.said(name, 120), href.clone())),
            kind: Said::whole(kind_words(&self.kind)),
            speaker: self.speaker(allowance),
            received: Moment::new(self.received, now),
            undone: self.undone(),
        }
    }
}

/// The name of a kind in words; that of an unknown kind as it is.
pub fn kind_words(kind: &str) -> &str {
    match kind {
        "log-policy" => "log policy",
        "party" => "party",
        "party-profile" => "party profile",
        "key-event" => "key event",
        "model-card" => "model card",
        "dataset-card" => "dataset card",
        "training-source" => "training source",
        "manifest" => "manifest",
        "license-claim" => "licence claim",
        "audit-attestation" => "audit",
        "usage-preference" => "usage preference",
        "preference-response" => "answer to a preference",
        "governance-event" => "step of an agreement",
        "sla-report" => "service report",
        "compensation-report" => "compensation report",
        "attribution-report" => "attribution report",
        "index-root" => "index root",
        "run-root" => "roll-up",
        other => other,
    }
}

/// The name of a kind in words, for several records of it.
pub fn kinds_words(kind: &str) -> &str {
    match kind {
        "log-policy" => "log policies",
        "party" => "parties",
        "party-profile" => "party profiles",
        "key-event" => "key events",
        "model-card" => "model cards",
        "dataset-card" => "dataset cards",
        "training-source" => "training sources",
        "manifest" => "manifests",
        "license-claim" => "licence claims",
        "audit-attestation" => "audits",
        "usage-preference" => "usage preferences",
        "preference-response" => "answers to preferences",
        "agreement" => "agreements",
        "governance-event" => "steps of agreements",
        "comment" => "comments",
        "dispute" => "disputes",
        "resolution" => "resolutions",
        "correction" => "corrections",
        "retraction" => "retractions",
        "incident" => "incidents",
        "sla-report" => "service reports",
        "compensation-report" => "compensation reports",
        "attribution-report" => "attribution reports",
        "index-root" => "index roots",
        "run-root" => "roll-ups",
        other => other,
    }
}

/// An auditor's verdict in words.
pub fn verdict_words(verdict: &str) -> &str {
    match verdict {
        "conformant" => "Conformant",
        "partial" => "Partly conformant",
        "nonConformant" => "Not conformant",
        "withdrawn" => "Withdrawn by the auditor",
        other => other,
    }
}

/// Which of several cards of one thing is shown: the one that is asked for, else the newest that its issuer stands by, else
/// the newest. Redacted ones cannot be shown.
pub fn shown_card(cards: &[Seen], asked: Option<RecordId>) -> Option<&Seen> {
    let readable = || cards.iter().rev().filter(|card| card.content.is_some());
    readable()
        .find(|card| Some(card.record) == asked)
        .or_else(|| readable().find(|card| card.stands()))
        .or_else(|| readable().next())
}

#[cfg(test)]
pub(crate) mod fixture {
    //! Records for tests, without keys or a log.
    #![allow(clippy::unwrap_used)]
    use super::*;
    use sha2::{Digest, Sha256};

    pub(crate) const NOW: UnixMillis = UnixMillis(1_795_425_245_000);

    pub(crate) fn id(name: &str) -> RecordId {
        RecordId::from_bytes(Sha256::digest(name).into())
    }

    /// The record `index` of `kind` by `issuer` about `subject`, which is a name of an artefact or `record:<id>`.
    pub(crate) fn seen(index: u64, kind: &str, issuer: &str, subject: &str, predicate: Value) -> Seen {
        let mut predicate = predicate.as_object().unwrap().clone();
        predicate.entry("issuer").or_insert_with(|| serde_json::json!({ "id": issuer }));
        let text = Value::Object(predicate.clone()).to_string();
        let refs: BTreeSet<RecordId> = text.split('"').filter_map(RecordId::from_reference).collect();
        let digest = RecordId::from_reference(subject).unwrap_or_else(|| id(subject));
        let sha256 = SubjectDigest::from_bytes(*digest.as_bytes());
        Seen {
            index: LeafIndex(index),
            kind: kind.to_owned(),
            record: id(&format!("{index}:{text}")),
            issuer: issuer.to_owned(),
            signers: vec![KeyId::from_bytes(Sha256::digest(issuer).into())],
            subjects: vec![sha256],
            refs: refs.into_iter().collect(),
            received: UnixMillis(NOW.0 - 3_600_000 + index * 1000),
            content: Some(Content {
                subjects: vec![Subject { name: Some(subject.to_owned()), sha256: Some(sha256) }],
                predicate,
                ..Content::default()
            }),
            of: None,
            fate: Fate::default(),
            vouched: None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::fixture::*;
    use super::*;
    use serde_json::json;

    #[test]
    fn a_record_says_what_it_is_about() {
        let about = |kind, predicate| seen(1, kind, "heron-lab", "weights.bin", predicate).about().unwrap();
        assert_eq!(about("model-card", json!({"model_name": "heron-7b"})), "heron-7b");
        assert_eq!(about("model-card", json!({})), "weights.bin");
        assert_eq!(about("dataset-card", json!({"name": ["Wiki", "other"]})), "Wiki");
        assert_eq!(about("license-claim", json!({"licenseDeclared": "mit"})), "mit");
        assert_eq!(about("license-claim", json!({"licenseDeclared": "noAssertion"})), "no licence asserted");
        assert_eq!(about("audit-attestation", json!({"verdict": "nonConformant"})), "Not conformant");
        assert_eq!(about("impact-assessment", json!({})), "weights.bin");
    }

    #[test]
    fn a_redacted_record_is_called_redacted_and_keeps_its_place() {
        let mut record = seen(9, "model-card", "heron-lab", "weights.bin", json!({"model_name": "heron-7b"}));
        record.content = None;
        let html = record.line(NOW, &mut Allowance::default()).to_string();
        assert!(html.contains("redacted") && html.contains("/r/9") && !html.contains("missing"), "{html}");
    }

    #[test]
    fn what_became_of_a_record_is_said_in_a_word() {
        let mut claim = seen(1, "license-claim", "heron-lab", "w", json!({}));
        assert_eq!((claim.undone(), claim.stands()), (None, true));
        claim.fate.corrected_by = vec![LeafIndex(2), LeafIndex(3)];
        assert_eq!((claim.undone(), claim.stands()), (Some(("corrected", LeafIndex(3))), true));
        claim.fate.superseded_by = Some(LeafIndex(4));
        assert_eq!((claim.undone(), claim.stands()), (Some(("superseded", LeafIndex(4))), false));
        claim.fate.taken_back_by = Some(LeafIndex(5));
        assert_eq!(claim.undone(), Some(("taken back", LeafIndex(5))));
        let html = claim.line(NOW, &mut Allowance::default()).to_string();
        assert!(html.contains("href=\"/r/5\">taken back</a>"), "{html}");
    }

    #[test]
    fn m3_8_kinds_of_a_newer_version_are_unknown_and_no_others() {
        for kind in Kind::typed() {
            assert!(seen(1, kind.as_str(), "a", "w", json!({})).is_known_kind(), "{kind:?}");
        }
        assert!(!seen(1, "weather-report", "a", "w", json!({})).is_known_kind());
    }
}
