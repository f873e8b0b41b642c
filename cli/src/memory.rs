//! The checkpoint memory: the newest checkpoint seen of each log, so that a log cannot show less or something else
//! tomorrow.
//!
//! One signed note for each log key, in `checkpoints/` of the state folder, and beside it the largest one that a bundle
//! showed and that nobody has held against the log's entries yet: it is kept until a command follows the log, which must
//! extend both, and never takes the first one's place by itself. What contradicts them is saved there under
//! `evidence/`, both notes side by side: with two signatures of the log on two trees that exclude one another, anybody
//! can see what it did.

use std::path::{Path, PathBuf};

use ledger::Code;
use ledger::ids::{TreeSize, to_hex};
use ledger::merkle::RootHash;
use ledger::note::signed::MAX_NOTE_LEN;
use ledger::note::{AcceptedCheckpoint, Policy, VerifierKey};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::config::Config;
use crate::failure::{CliError, Result};
use crate::files;

/// The checkpoints of all logs.
#[derive(Debug, Clone)]
pub(crate) struct Memory {
    state: PathBuf,
}

/// A checkpoint that was seen before.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// How many entries the tree had.
    pub size: TreeSize,
    /// Its root.
    pub root: RootHash,
    /// The note, as it was signed.
    pub note: Vec<u8>,
}

/// What was seen of a log: the checkpoint that was followed, and a larger one that was only shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    /// Followed from the first entry, or proven to extend one that was; or the first that was ever met.
    pub followed: Option<Seen>,
    /// Signed by the log, in a bundle. Whether it extends the other one, nobody has looked yet.
    pub shown: Option<Seen>,
}

impl Known {
    /// Both.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Seen> {
        self.followed.iter().chain(&self.shown)
    }
}

impl Memory {
    /// The memory in the state folder.
    pub(crate) fn of(config: &Config) -> Self {
        Self { state: config.state.value.clone() }
    }

    /// The newest checkpoint of this key of a log that was followed.
    pub(crate) fn newest(&self, log: &VerifierKey) -> Result<Option<Seen>> {
        self.read(log, &self.path(log))
    }

    fn known(&self, log: &VerifierKey) -> Result<Known> {
        Ok(Known { followed: self.newest(log)?, shown: self.read(log, &self.path_of_shown(log))? })
    }

    fn read(&self, log: &VerifierKey, path: &Path) -> Result<Option<Seen>> {
        if !path.exists() {
            return Ok(None);
        }
        let note = files::read(path, MAX_NOTE_LEN)?;
        // What is remembered was checked under the policy of its day; that the log's key signed it is checked again.
        let accepted = Policy::of_log(log, &[]).and_then(|policy| policy.check(&note)).map_err(|error| {
            CliError::from(error)
                .at(path.display().to_string())
                .hint(format!("Remove {}: the memory of this log begins anew then.", path.display()))
        })?;
        let checkpoint = accepted.checkpoint();
        Ok(Some(Seen { size: checkpoint.size(), root: checkpoint.root(), note }))
    }

    /// Holds a checkpoint against the memory, without the means to compare trees of different size: what an offline
    /// verification can do. A smaller one is an older one, which is no sin for a bundle; a larger one is kept beside what
    /// was followed, since it may be of another tree.
    pub(crate) fn observe_offline(&self, accepted: &AcceptedCheckpoint, note: &[u8]) -> Result<()> {
        let (log, checkpoint) = (accepted.log(), accepted.checkpoint());
        let known = self.known(log)?;
        let other = |seen: &&Seen| seen.size == checkpoint.size() && seen.root != checkpoint.root();
        if let Some(seen) = known.iter().find(other) {
            return Err(self.fork(log, &seen.note, note, "two trees of the same size"));
        }
        match known.followed {
            None => self.remember(log, note),
            Some(_) if known.iter().any(|seen| seen.size >= checkpoint.size()) => Ok(()),
            Some(_) => files::write(&self.path_of_shown(log), note),
        }
    }

    /// Holds the size that a running log shows against the memory. The caller compares the trees.
    pub(crate) fn refuse_smaller(&self, accepted: &AcceptedCheckpoint, note: &[u8]) -> Result<Known> {
        let known = self.known(accepted.log())?;
        let checkpoint = accepted.checkpoint();
        let smaller = known.iter().find(|seen| seen.size > checkpoint.size()).cloned();
        match smaller {
            Some(seen) => {
                let found = format!("the log showed {} entries before and shows {} now", seen.size, checkpoint.size());
                let file = self.write_evidence(accepted.log(), Code::Rollback, &seen.note, note)?;
                Err(with_evidence(Code::Rollback, found, &file))
            }
            None => Ok(known),
        }
    }

    /// Remembers a checkpoint that extends all that was seen.
    pub(crate) fn remember(&self, log: &VerifierKey, note: &[u8]) -> Result<()> {
        let path = self.path(log);
        if let Some(folder) = path.parent() {
            files::make_dir(folder)?;
        }
        files::write(&path, note)?;
        files::remove(&self.path_of_shown(log))
    }

    /// Two checkpoints that exclude one another: writes the evidence and says where it is.
    pub(crate) fn fork(&self, log: &VerifierKey, before: &[u8], now: &[u8], what: &str) -> CliError {
        match self.write_evidence(log, Code::Fork, before, now) {
            Ok(file) => with_evidence(Code::Fork, format!("{} signed {what}", log.name()), &file),
            Err(error) => error,
        }
    }

    fn write_evidence(&self, log: &VerifierKey, what: Code, before: &[u8], now: &[u8]) -> Result<PathBuf> {
        let document = json!({
            "mediaType": "application/vnd.colophon.evidence.v1+json",
            "what": what.as_str(),
            "log": log.to_string(),
            "before": String::from_utf8_lossy(before),
            "now": String::from_utf8_lossy(now),
        });
        let digest = to_hex(&Sha256::digest(document.to_string().as_bytes()));
        let folder = self.state.join("evidence");
        files::make_dir(&folder)?;
        let path = folder.join(format!("{what}-{}.json", &digest[..16]));
        files::write(&path, format!("{document:#}\n").as_bytes())?;
        Ok(path)
    }

    fn path(&self, log: &VerifierKey) -> PathBuf {
        let digest = to_hex(&Sha256::digest(log.to_string().as_bytes()));
        self.state.join("checkpoints").join(format!("{}.note", &digest[..32]))
    }

    fn path_of_shown(&self, log: &VerifierKey) -> PathBuf {
        self.path(log).with_extension("shown.note")
    }
}

fn with_evidence(code: Code, found: String, file: &std::path::Path) -> CliError {
    CliError::new(code, found)
        .at(file.display().to_string())
        .hint(format!("Keep {} and send it to the log's witnesses; it holds both checkpoints.", file.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use ledger::note::{Checkpoint, KeyName, NoteSigner, Origin, sign_checkpoint};

    struct Log {
        signer: NoteSigner,
        policy: Policy,
    }

    fn log() -> Log {
        let signer = NoteSigner::from_seed(KeyName::parse("log.example").unwrap(), [3; 32]).unwrap();
        let policy = Policy::of_log(signer.verifier_key(), &[]).unwrap();
        Log { signer, policy }
    }

    impl Log {
        fn note(&self, size: u64, root: u8) -> (Vec<u8>, AcceptedCheckpoint) {
            let root = RootHash::from_bytes([root; 32]);
            let checkpoint = Checkpoint::new(Origin::parse("log.example").unwrap(), TreeSize(size), root);
            let note = sign_checkpoint(&checkpoint, &self.signer, &[]).unwrap();
            let accepted = self.policy.check(&note).unwrap();
            (note, accepted)
        }
    }

    #[test]
    fn b15_the_same_size_with_another_root_is_a_fork_with_evidence() {
        let dir = tempfile::tempdir().unwrap();
        let memory = Memory { state: dir.path().to_owned() };
        let log = log();
        let (note, accepted) = log.note(5, 1);
        memory.observe_offline(&accepted, &note).unwrap();
        memory.observe_offline(&accepted, &note).unwrap();
        let (other, accepted) = log.note(5, 2);
        let error = memory.observe_offline(&accepted, &other).unwrap_err();
        assert_eq!((error.code(), error.exit()), (Code::Fork, 13));
        let evidence = std::fs::read_dir(dir.path().join("evidence")).unwrap().next().unwrap().unwrap().path();
        let document: serde_json::Value = serde_json::from_slice(&std::fs::read(evidence).unwrap()).unwrap();
        assert_eq!(document["before"].as_str().unwrap().as_bytes(), note);
        assert_eq!(document["now"].as_str().unwrap().as_bytes(), other);
    }

    #[test]
    fn b15_what_a_bundle_shows_does_not_take_the_place_of_what_was_followed() {
        let dir = tempfile::tempdir().unwrap();
        let memory = Memory { state: dir.path().to_owned() };
        let log = log();
        let observe = |size, root| {
            let (note, accepted) = log.note(size, root);
            memory.observe_offline(&accepted, &note)
        };
        observe(5, 1).unwrap();
        observe(9, 2).unwrap();
        let (note, accepted) = log.note(12, 3);
        let known = memory.refuse_smaller(&accepted, &note).unwrap();
        let sizes: Vec<u64> = known.iter().map(|seen| seen.size.0).collect();
        assert_eq!(sizes, [5, 9], "whoever follows the log holds both against it");
        assert_eq!(observe(9, 4).unwrap_err().code(), Code::Fork);
        assert_eq!(observe(5, 4).unwrap_err().code(), Code::Fork);
        let (smaller, at_7) = log.note(7, 5);
        assert_eq!(memory.refuse_smaller(&at_7, &smaller).unwrap_err().code(), Code::Rollback);
        memory.remember(accepted.log(), &note).unwrap();
        let sizes: Vec<u64> = memory.known(accepted.log()).unwrap().iter().map(|seen| seen.size.0).collect();
        assert_eq!(sizes, [12]);
    }

    #[test]
    fn b15_a_running_log_that_shrinks_rolled_back() {
        let dir = tempfile::tempdir().unwrap();
        let memory = Memory { state: dir.path().to_owned() };
        let log = log();
        let (note, accepted) = log.note(5, 1);
        memory.observe_offline(&accepted, &note).unwrap();
        let (older, accepted) = log.note(4, 9);
        memory.observe_offline(&accepted, &older).unwrap();
        assert_eq!(memory.newest(accepted.log()).unwrap().unwrap().size, TreeSize(5));
        let error = memory.refuse_smaller(&accepted, &older).unwrap_err();
        assert_eq!((error.code(), error.exit()), (Code::Rollback, 13));
    }
}
