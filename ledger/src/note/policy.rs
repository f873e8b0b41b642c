//! Which logs to believe, and whose cosignatures it takes: C2SP tlog-policy.

use super::checkpoint::Checkpoint;
use super::key::VerifierKey;
use super::name::KeyName;
use super::signed::SignedNote;
use super::time::UnixSeconds;
use crate::error::{Code, Error, Result};

mod file;

/// The most logs, witnesses and groups together. The specification recommends room for 32 of each; this is 32 times as
/// much, and still read in a millisecond.
pub const MAX_DEFINITIONS: usize = 3 * 32 * 32;

/// The longest policy file: a line of 512 bytes for each definition.
pub const MAX_POLICY_LEN: usize = MAX_DEFINITIONS * 512;

/// A trust policy.
///
/// ```text
/// log <vkey> [<url>]
/// witness <name> <vkey> [<url>]
/// group <name> all|any|<k> <member>…
/// quorum <name>|none
/// ```
///
/// Lines may be indented and spaced with blanks and tabs; `#` begins a line of comment. Names, URLs and comments are bytes
/// that are only compared.
///
/// ```
/// # use ledger::note::Policy;
/// let policy = Policy::parse(b"# nobody is trusted yet\nquorum none\n")?;
/// assert_eq!(policy.encode(), b"quorum none\n");
/// # Ok::<(), ledger::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<Log>,
    nodes: Vec<Named>,
    quorum: Option<usize>,
}

/// A log that the policy accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    key: VerifierKey,
    url: Option<Vec<u8>>,
}

/// A witness or group with its name, which may be any bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Named {
    name: Vec<u8>,
    node: Node,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Witness {
        key: Box<VerifierKey>,
        url: Option<Vec<u8>>,
    },
    /// Members are indices of nodes defined before.
    Group {
        threshold: Threshold,
        members: Vec<usize>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Threshold {
    All,
    Any,
    AtLeast(usize),
}

/// A checkpoint that a listed log signed. Made by [`Policy::check_log`] alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSigned {
    checkpoint: Checkpoint,
    log: VerifierKey,
}

/// A checkpoint that a listed log signed and enough witnesses cosigned. Made by [`Policy::check`] alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedCheckpoint {
    checkpoint: Checkpoint,
    log: VerifierKey,
    cosigned: Vec<(KeyName, UnixSeconds)>,
}

impl Policy {
    /// Reads a policy file. Refuses a name that is not defined on a line above, defined twice or a member of more than
    /// one group, two logs or two witnesses with the same public key, and any other number of quorums than one; the place
    /// of the error is the line.
    ///
    /// # Errors
    /// `policy_invalid`, with the line.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        file::parse(bytes)
    }

    /// The file in its plain form: the logs, then witnesses and groups as they were defined, then the quorum, without
    /// comments.
    pub fn encode(&self) -> Vec<u8> {
        file::encode(self)
    }

    /// A policy that accepts this log, and asks for the cosignature of every one of these witnesses.
    ///
    /// Fails as [`parse`](Self::parse) does for a file that says so, for two witnesses with the same public key for example.
    ///
    /// # Errors
    /// `policy_invalid`.
    pub fn of_log(log: &VerifierKey, witnesses: &[&VerifierKey]) -> Result<Self> {
        let mut file = format!("log {log}\n");
        let mut names = String::new();
        for (n, key) in witnesses.iter().enumerate() {
            file.push_str(&format!("witness w{n} {key}\n"));
            names.push_str(&format!(" w{n}"));
        }
        file.push_str(&if names.is_empty() {
            "quorum none\n".to_owned()
        } else {
            format!("group all all{names}\nquorum all\n")
        });
        Self::parse(file.as_bytes())
    }

    /// The logs that it accepts.
    pub fn logs(&self) -> &[Log] {
        &self.logs
    }

    /// The keys of the witnesses, in any group or none.
    pub fn witnesses(&self) -> impl Iterator<Item = &VerifierKey> {
        self.nodes.iter().filter_map(|named| match &named.node {
            Node::Witness { key, .. } => Some(&**key),
            Node::Group { .. } => None,
        })
    }

    /// Whether any cosignature is asked for.
    pub const fn needs_witnesses(&self) -> bool {
        self.quorum.is_some()
    }

    /// Checks a checkpoint: the log's signature, then the quorum.
    ///
    /// # Errors
    /// `note_invalid` for what is no note, and those of [`check_log`](Self::check_log) and
    /// [`check_witnesses`](Self::check_witnesses).
    pub fn check(&self, note: &[u8]) -> Result<AcceptedCheckpoint> {
        let note = SignedNote::parse(note)?;
        let signed = self.check_log(&note)?;
        self.check_witnesses(&note, signed)
    }

    /// Checks that a listed log signed the note, which must be a checkpoint of the origin that the log's key names.
    ///
    /// An origin of no listed log is [`Code::OriginMismatch`]; no line by the listed key is [`Code::PolicyUnmet`]; a line
    /// by it that does not verify is [`Code::NoteInvalid`].
    ///
    /// # Errors
    /// `note_invalid`, `origin_mismatch` and `policy_unmet`, as said above.
    pub fn check_log(&self, note: &SignedNote) -> Result<LogSigned> {
        // The origin is read before the signature only to choose the key; whatever is shown comes after it.
        let checkpoint = Checkpoint::parse(note.unverified_text())?;
        let keys: Vec<_> =
            self.logs.iter().map(|log| &log.key).filter(|key| *checkpoint.origin() == *key.name()).cloned().collect();
        if keys.is_empty() {
            return Err(Error::new(Code::OriginMismatch, "the checkpoint is of a log that the policy does not list"));
        }
        if !keys.iter().any(|key| note.names(key)) {
            return Err(Error::new(Code::PolicyUnmet, "no line of the checkpoint is by the log's key in the policy"));
        }
        let verified = note.verify(&keys)?;
        match verified.signers().first() {
            Some(signer) => Ok(LogSigned { checkpoint, log: signer.key().clone() }),
            None => Err(Error::new(Code::PolicyUnmet, "the log's key in the policy did not sign")),
        }
    }

    /// Checks that enough witnesses cosigned the note that a log signed.
    ///
    /// Too few are [`Code::PolicyUnmet`]; a listed witness whose cosignature does not verify is [`Code::NoteInvalid`].
    ///
    /// # Errors
    /// `policy_unmet` and `note_invalid`, as said above; `note_invalid` also if `signed` is of another note.
    pub fn check_witnesses(&self, note: &SignedNote, signed: LogSigned) -> Result<AcceptedCheckpoint> {
        if signed.checkpoint.encode() != note.unverified_text() {
            return Err(Error::new(Code::NoteInvalid, "another note than the one that the log signed"));
        }
        let known: Vec<_> = self.witnesses().cloned().collect();
        let mut cosigned = Vec::new();
        let mut keys = Vec::new();
        if known.iter().any(|key| note.names(key)) {
            for signer in note.verify(&known)?.signers() {
                if let Some(time) = signer.time() {
                    cosigned.push((signer.key().name().clone(), time));
                    keys.push(signer.key().clone());
                }
            }
        }
        if !self.is_met_by(&keys) {
            let detail = format!("{} of the policy's witnesses cosigned, which is not enough", keys.len());
            return Err(Error::new(Code::PolicyUnmet, detail));
        }
        Ok(AcceptedCheckpoint { checkpoint: signed.checkpoint, log: signed.log, cosigned })
    }

    /// Whether these witnesses' cosignatures are enough.
    pub fn is_met_by(&self, cosigned: &[VerifierKey]) -> bool {
        let Some(quorum) = self.quorum else { return true };
        // Members stand before their group, so one pass decides them all.
        let mut met = Vec::with_capacity(self.nodes.len());
        for named in &self.nodes {
            let is_met = match &named.node {
                Node::Witness { key, .. } => cosigned.contains(key),
                Node::Group { threshold, members } => {
                    let count = members.iter().filter(|&&member| met.get(member).copied().unwrap_or(false)).count();
                    count >= threshold.of(members.len())
                }
            };
            met.push(is_met);
        }
        met.get(quorum).copied().unwrap_or(false)
    }
}

impl Threshold {
    const fn of(self, members: usize) -> usize {
        match self {
            Self::All => members,
            Self::Any => 1,
            Self::AtLeast(k) => k,
        }
    }
}

impl Log {
    /// Its key, named like its origin.
    pub const fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// Where it can be reached, as the policy says; bytes that need not be a URL.
    pub fn url(&self) -> Option<&[u8]> {
        self.url.as_deref()
    }
}

impl LogSigned {
    /// The checkpoint.
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The key of the log that signed it.
    pub const fn log(&self) -> &VerifierKey {
        &self.log
    }
}

impl AcceptedCheckpoint {
    /// The checkpoint.
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The key of the log that signed it.
    pub const fn log(&self) -> &VerifierKey {
        &self.log
    }

    /// The policy's witnesses that cosigned it, with the times that they say.
    pub fn cosigned(&self) -> &[(KeyName, UnixSeconds)] {
        &self.cosigned
    }

    /// The newest of these times: how fresh the checkpoint is.
    pub fn newest(&self) -> Option<UnixSeconds> {
        self.cosigned.iter().map(|(_, time)| *time).max()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;
    use crate::ids::TreeSize;
    use crate::merkle::RootHash;
    use crate::note::{Algorithm, Cosigner, NoteSigner, Origin, sign_checkpoint};

    const AT: u64 = 1_700_000_000;

    fn log(name: &str, seed: u8) -> NoteSigner {
        NoteSigner::from_seed(KeyName::parse(name).unwrap(), [seed; 32]).unwrap()
    }

    fn witness(n: u8) -> Cosigner {
        Cosigner::from_seed(KeyName::parse(&format!("witness.example/{n}")).unwrap(), [100 + n; 32]).unwrap()
    }

    fn checkpoint(origin: &str) -> Checkpoint {
        Checkpoint::new(Origin::parse(origin).unwrap(), TreeSize(0), RootHash::EMPTY)
    }

    fn signed_by(witnesses: &[u8]) -> Vec<u8> {
        let witnesses: Vec<_> = witnesses.iter().map(|&n| witness(n)).collect();
        let at = UnixSeconds::new(AT).unwrap();
        let cosigners: Vec<_> = witnesses.iter().map(|w| (w, at)).collect();
        sign_checkpoint(&checkpoint("example.com/log"), &log("example.com/log", 1), &cosigners).unwrap()
    }

    /// The example of the specification: two of X1 to X3, and one of Y4 to Y6.
    fn two_levels() -> Policy {
        let mut text = format!("log {}\n", log("example.com/log", 1).verifier_key());
        for n in 1..=6 {
            text.push_str(&format!("witness {n} {}\n", witness(n).verifier_key()));
        }
        text.push_str("group X 2 1 2 3\ngroup Y any 4 5 6\ngroup X-and-Y all X Y\nquorum X-and-Y\n");
        Policy::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_quorum_of_two_levels_is_met_or_not() {
        let policy = two_levels();
        for (witnesses, enough) in [
            (&[][..], false),
            (&[1], false),
            (&[1, 2], false),
            (&[4, 5, 6], false),
            (&[1, 4], false),
            (&[1, 2, 3], false),
            (&[1, 2, 4], true),
            (&[3, 6, 1], true),
            (&[1, 2, 3, 4, 5, 6], true),
        ] {
            let result = policy.check(&signed_by(witnesses));
            match result {
                Ok(accepted) => {
                    assert!(enough, "{witnesses:?}");
                    assert_eq!(accepted.cosigned().len(), witnesses.len());
                    assert_eq!(accepted.newest(), UnixSeconds::new(AT));
                    assert_eq!(accepted.checkpoint(), &checkpoint("example.com/log"));
                }
                Err(error) => {
                    assert!(!enough, "{witnesses:?}: {error}");
                    assert_eq!(error.code(), Code::PolicyUnmet);
                }
            }
        }
    }

    #[test]
    fn witnesses_that_the_policy_does_not_list_do_not_count() {
        let policy = two_levels();
        assert_eq!(policy.check(&signed_by(&[1, 7, 8, 9])).unwrap_err().code(), Code::PolicyUnmet);
        assert_eq!(policy.check(&signed_by(&[1, 2, 4, 9])).unwrap().cosigned().len(), 3);
    }

    #[test]
    fn a_listed_witness_whose_cosignature_fails_refuses_the_checkpoint() {
        let policy = two_levels();
        let good = signed_by(&[1, 2, 4]);
        let other = checkpoint("example.com/other").encode();
        let forged = SignedNote::parse(&good).unwrap();
        let forged = forged.with_signature(witness(5).cosign(&other, UnixSeconds::new(AT).unwrap())).unwrap();
        assert_eq!(policy.check(&forged.encode()).unwrap_err().code(), Code::NoteInvalid);
    }

    #[test]
    fn the_witnesses_cosigned_what_the_log_signed() {
        let policy = two_levels();
        let one = SignedNote::parse(&signed_by(&[1, 2, 4])).unwrap();
        let signed = policy.check_log(&one).unwrap();
        let text = Checkpoint::new(Origin::parse("example.com/log").unwrap(), TreeSize(1), RootHash::EMPTY).encode();
        let at = UnixSeconds::new(AT).unwrap();
        let other = SignedNote::new(text.clone(), [1, 2, 4].map(|n| witness(n).cosign(&text, at)).into()).unwrap();
        assert!(policy.check_witnesses(&one, signed.clone()).is_ok());
        assert_eq!(policy.check_witnesses(&other, signed).unwrap_err().code(), Code::NoteInvalid);
    }

    #[test]
    fn b13_a_checkpoint_of_another_origin_is_named_as_such() {
        let policy = Policy::of_log(log("example.com/log", 1).verifier_key(), &[]).unwrap();
        let other = sign_checkpoint(&checkpoint("example.com/other"), &log("example.com/other", 1), &[]).unwrap();
        assert_eq!(policy.check(&other).unwrap_err().code(), Code::OriginMismatch);
    }

    #[test]
    fn the_log_key_must_be_the_listed_one_and_named_like_the_origin() {
        let policy = Policy::of_log(log("example.com/log", 1).verifier_key(), &[]).unwrap();
        assert!(policy.check(&signed_by(&[])).is_ok());
        // The right origin under another key.
        let other_key = sign_checkpoint(&checkpoint("example.com/log"), &log("example.com/log", 2), &[]).unwrap();
        assert_eq!(policy.check(&other_key).unwrap_err().code(), Code::PolicyUnmet);
        // The listed key under another text.
        let text = checkpoint("example.com/log").encode();
        let moved = SignedNote::new(text, vec![log("example.com/log", 1).sign("another text\n")]).unwrap();
        assert_eq!(policy.check(&moved.encode()).unwrap_err().code(), Code::NoteInvalid);
        // A key of the list that signs for the origin of another log on the list.
        let (a, b) = (log("example.com/a", 1), log("example.com/b", 2));
        let both = format!("log {}\nlog {}\nquorum none\n", a.verifier_key(), b.verifier_key());
        let both = Policy::parse(both.as_bytes()).unwrap();
        let text = checkpoint("example.com/a").encode();
        let crossed = SignedNote::new(text.clone(), vec![b.sign(&text)]).unwrap();
        assert_eq!(both.check(&crossed.encode()).unwrap_err().code(), Code::PolicyUnmet);
        assert!(both.check(&SignedNote::new(text.clone(), vec![a.sign(&text)]).unwrap().encode()).is_ok());
    }

    #[test]
    fn a_policy_without_logs_accepts_no_checkpoint() {
        let policy = Policy::parse(b"quorum none\n").unwrap();
        assert_eq!(policy.check(&signed_by(&[])).unwrap_err().code(), Code::OriginMismatch);
    }

    #[test]
    fn the_policy_of_a_log_asks_for_all_the_witnesses_given() {
        let (log, first, second) = (log("example.com/log", 1), witness(1), witness(2));
        let policy = |witnesses: &[&VerifierKey]| Policy::of_log(log.verifier_key(), witnesses);
        let both = policy(&[first.verifier_key(), second.verifier_key()]).unwrap();
        assert!(both.check(&signed_by(&[1, 2])).is_ok());
        assert_eq!(both.check(&signed_by(&[1])).unwrap_err().code(), Code::PolicyUnmet);
        assert!(!policy(&[]).unwrap().needs_witnesses());
        assert!(policy(&[first.verifier_key(), first.verifier_key()]).is_err());
        assert!(policy(&[log.verifier_key()]).is_err());
    }

    #[test]
    fn a_log_key_cannot_stand_for_a_witness() {
        let policy = two_levels();
        assert!(policy.witnesses().all(|key| key.algorithm() == Algorithm::CosignatureV1));
        assert!(policy.logs().iter().all(|log| log.key().algorithm() == Algorithm::Ed25519));
        assert!(!policy.is_met_by(&[log("example.com/log", 1).verifier_key().clone()]));
    }
}
