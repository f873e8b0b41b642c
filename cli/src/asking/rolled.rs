//! Looks into roll-up runs: one reply answers for every dataset of a run.
//!
//! What a run lists is confirmed by the dataset's own proof; what it does not list is not in the dataset, as its operator
//! signed. The exact and the local mode ask every dataset itself.

use ledger::Code;
use ledger::manifest::{Keyspace, MAX_BULK_DEPTH, Run, Status, VerifiedRun};

use super::fetch::Cannot;
use super::way::{HIDDEN_AMONG, REPLY_BITS};
use super::{Asker, Candidate, Look, Mode, Told};
use crate::datasets::Dataset;
use crate::failure::{CliError, Result};
use crate::files;
use crate::rollups::Place;

/// 2^16 buckets of 32 keys of 8 bytes with their lists; anything larger is no reply.
const MAX_REPLY: u64 = 256 * 1024 * 1024;

/// A reply of a run that was fetched: verified, or the reason why it cannot answer.
pub(super) type Rolled = std::result::Result<VerifiedRun, Cannot>;

impl Asker<'_> {
    /// The look into the run that stands for a keyspace; `None` if the keyspace is asked itself.
    pub(super) fn rolled(&mut self, dataset: &Dataset, candidate: &Candidate<'_>) -> Result<Option<Look>> {
        let (rollups, keyspace) = (self.rollups, candidate.keyspace);
        let local_only = self.load.is_local(keyspace.id());
        if local_only || matches!(self.mode, Mode::Exact | Mode::Local) {
            return Ok(None);
        }
        let Some(place) = rollups.place(dataset, keyspace.kind(), keyspace.id(), keyspace.n()) else { return Ok(None) };
        let mut look = Look::unknown(candidate);
        let (run, ordinal) = match place {
            Place::Covered(run, ordinal) => (run, ordinal),
            Place::NotCovered(reason) => {
                look.status = Status::NotCovered;
                look.reason = Some(reason.to_owned());
                return Ok(Some(look));
            }
        };
        let depth = match self.run_depth(run.keyspace()) {
            Ok(depth) => depth,
            Err(reason) => {
                look.reason = Some(reason);
                return Ok(Some(look));
            }
        };
        let key = candidate.key;
        let (listed, among) = match self.run_reply(run, depth, run.keyspace().prefix(key, depth))? {
            Ok(reply) => (reply.sources_of(key), reply.len()),
            Err(cannot) => {
                if cannot.code == Code::ProofInvalid {
                    look.status = Status::Invalid;
                }
                look.reason = Some(format!("the roll-up: {}", cannot.reason));
                return Ok(Some(look));
            }
        };
        match listed {
            Some(listed) if listed.binary_search(&ordinal).is_err() => {
                look.miss(Told::RolledUp(depth, among), candidate.row);
                self.of_another_wiki(&mut look, keyspace, candidate.part)?;
                Ok(Some(look))
            }
            Some(_) => {
                let mut confirmed = self.look(candidate)?;
                if confirmed.status == Status::Absent {
                    confirmed.status = Status::Invalid;
                    confirmed.reason =
                        Some("the roll-up lists it and the dataset's own proof shows its absence".to_owned());
                }
                Ok(Some(confirmed))
            }
            None => {
                look.status = Status::Invalid;
                look.reason = Some("the reply of the roll-up is for another prefix".to_owned());
                Ok(Some(look))
            }
        }
    }

    /// How many bits of a key to tell, or why none.
    fn run_depth(&self, keyspace: &Keyspace) -> std::result::Result<u8, String> {
        let shortest = keyspace.t().saturating_sub(REPLY_BITS);
        let hidden = keyspace.depth_for(HIDDEN_AMONG).max(shortest);
        let many = self.load.is_bulk(keyspace.id());
        match self.mode {
            Mode::Range(Some(bits)) => Ok(bits.min(keyspace.t()).max(shortest)),
            _ if !many => Ok(hidden),
            _ if shortest <= MAX_BULK_DEPTH => Ok(hidden.min(MAX_BULK_DEPTH)),
            _ => Err("the roll-up is too large to be asked for many keys at once without telling who asks".to_owned()),
        }
    }

    fn run_reply(&mut self, run: &Run, depth: u8, prefix: u64) -> Result<&Rolled> {
        let place = (run.keyspace().id(), depth, prefix);
        if !self.replies.contains_key(&place) {
            let reply = self.fetch_run(run, depth, prefix)?;
            self.replies.insert(place, reply);
        }
        self.replies.get(&place).ok_or_else(|| CliError::new(Code::Internal, "a reply was lost"))
    }

    fn fetch_run(&self, run: &Run, depth: u8, prefix: u64) -> Result<Rolled> {
        let id = run.keyspace().id();
        let path = self.folder.join(id.to_hex()).join(format!("{depth}-{prefix}"));
        if let Ok(bytes) = files::read(&path, usize::try_from(MAX_REPLY).unwrap_or(usize::MAX))
            && let Ok(reply) = VerifiedRun::verify(run, depth, prefix, &bytes)
        {
            return Ok(Ok(reply));
        }
        let address = format!("/manifests/{id}/bucket/{depth}/{prefix}?meta=lists");
        let bytes = match self.client.get_up_to(&address, MAX_REPLY) {
            Ok(reply) => reply.bytes,
            Err(error) => return Cannot::of(error).map(Err),
        };
        match VerifiedRun::verify(run, depth, prefix, &bytes) {
            Ok(reply) => {
                if let Some(folder) = path.parent() {
                    // A cache that cannot be written costs time, not the answer.
                    let _ = files::make_dir(folder).and_then(|()| files::write(&path, &bytes));
                }
                Ok(Ok(reply))
            }
            Err(error) => Ok(Err(Cannot::proof(error.detail()))),
        }
    }
}
