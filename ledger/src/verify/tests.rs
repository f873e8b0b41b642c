//! Each link broken alone: the right line, code, exit code and hint, and not a word of the signer's where he did not sign.

#![allow(clippy::unwrap_used, clippy::panic)]

mod chain;
mod changes;
mod history;
mod keys;
mod lookup;
mod record;

use serde_json::{Value, json};

use super::*;
use crate::ids::{LeafIndex, SubjectDigest};
use crate::record::key::PrivateKey;
use crate::record::kind::Kind;
use crate::record::statement::Subject;
use crate::testing::{ISSUED, MemoryLog, sign};

const PARTY: &str = "example-ai";
const FILE: &str = "model.safetensors";

fn digest(seed: u8) -> SubjectDigest {
    SubjectDigest::from_bytes([seed; 32])
}

fn key(seed: u8) -> PrivateKey {
    PrivateKey::from_ed25519_seed([seed; 32])
}

fn body(kind: Kind, subjects: Vec<Subject>, issuer: &str, mut members: Value, signers: &[&PrivateKey]) -> Vec<u8> {
    members["issuer"] = json!({ "id": issuer });
    members["issued"] = json!(ISSUED);
    sign(kind, subjects, members, signers)
}

fn model_card(issuer: &str, file: &str, sha256: SubjectDigest, signers: &[&PrivateKey]) -> Vec<u8> {
    let subjects = vec![Subject::artifact(file, sha256)];
    body(Kind::ModelCard, subjects, issuer, json!({ "model_name": "example-7b" }), signers)
}

fn artifact(name: &str, seed: u8) -> Artifact {
    Artifact { name: name.to_owned(), sha256: digest(seed), files: None }
}

/// A log whose entry 1 registers a party with keys 10 and 11, and whose entry 3 is its model card.
struct Story {
    log: MemoryLog,
    party: LeafIndex,
    card: LeafIndex,
}

impl Story {
    fn new() -> Self {
        let mut log = MemoryLog::new();
        let party = log.register(PARTY, &["partner"], &[&key(10), &key(11)]);
        log.register("example-audit", &["auditor"], &[&key(20)]);
        let card = log.append(model_card(PARTY, FILE, digest(7), &[&key(10)]));
        log.register("example-later", &["partner"], &[&key(30)]);
        Self { log, party, card }
    }

    fn trust(&self) -> Trust {
        Trust::new(self.log.policy())
    }

    fn bundle(&self) -> Bundle {
        self.log.bundle(self.card, &[self.party])
    }

    fn report(&self, bundle: &Bundle) -> Report {
        verify(bundle, &self.trust(), &[artifact(FILE, 7)])
    }

    fn report_without(&self, bundle: &Bundle) -> Report {
        verify(bundle, &self.trust(), &[])
    }
}

/// Asserts that exactly this link failed with this code, that those before it hold and that those after it were not
/// reached; returns the line's detail.
#[track_caller]
fn broken(report: &Report, link: LinkName, code: Code, exit: u8) -> String {
    assert_eq!(report.links.iter().map(|line| line.link).collect::<Vec<_>>(), LinkName::ALL);
    assert_eq!(report.verdict, Verdict::Failed);
    assert!(report.verified.is_none());
    for line in &report.links {
        let expected = match line.link.cmp(&link) {
            core::cmp::Ordering::Less => [Status::Ok, Status::NotGiven].as_slice(),
            core::cmp::Ordering::Equal => &[Status::Failed],
            core::cmp::Ordering::Greater => &[Status::NotChecked],
        };
        assert!(expected.contains(&line.status), "{line:?}");
    }
    let line = report.line(link).unwrap();
    assert_eq!(line.code, Some(code), "{line:?}");
    assert_eq!(line.hint, Some(code.hint()));
    assert_eq!((report.code(), report.exit_code(false), report.exit_code(true)), (Some(code), exit, exit));
    line.detail.clone()
}
