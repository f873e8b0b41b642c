//! The commit: one function, top to bottom, in the order of DESIGN section 6.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::merkle::LeafHash;

use super::disk::Disk;
use super::fault::{Fault, fatal};
use super::guard::{Ends, Guard, Guarded};
use super::segments::Tail;
use super::{CommitPlan, Committed, EngineError, Place, Places, Version, bodies, journal};

/// The side of the engine that writes; one thread at a time has it.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) journal: Tail,
    pub(super) bodies: Tail,
    pub(super) guard: Guard,
    /// Somebody else moved the guard: nothing of ours may be written any more.
    pub(super) superseded: bool,
}

/// A batch as it was appended and is not synced yet.
struct Appended {
    bodies: Vec<u8>,
    body_places: Vec<Place>,
    frame: Vec<u8>,
    entry_places: Vec<Place>,
    ends: Ends,
}

impl Writer {
    /// Makes a plan durable. `Ok` carries what readers may see from now on.
    ///
    /// Wherever the process or the power dies, the next start finds one of two: the guard still holds the old head, and
    /// whatever stands behind it is cut off; or it holds the new one, and everything below it was synced before.
    pub(super) fn commit(
        &mut self,
        plan: &CommitPlan,
        expect: Option<Version>,
    ) -> Result<(Committed, Arc<Guarded>), EngineError> {
        // 1. The head must be the one that the plan extends. Nothing is written before that is known.
        let guarded = self.guard.guarded();
        if guarded.version() != expect {
            return Err(EngineError::Superseded);
        }
        plan.check(&guarded.origin, guarded.head())?;
        self.confirm_guard()?;
        // CRASH: nothing happened.

        // 2. Bodies, then the frame that names their places, without a sync between the two: neither counts without
        //    the guard. A failed write is taken back before anything else is written.
        let appended = match self.append(plan) {
            Ok(appended) => appended,
            Err(fault) => return Err(self.take_back(fault)),
        };
        // CRASH: a torn batch stands beyond the guard, in any state; it is cut off.
        if !plan.entries.is_empty() {
            let synced = self.disk.sync_both(self.bodies.file(), self.journal.file());
            synced.map_err(|error| fatal("syncing the batch", error))?;
        }
        // CRASH: a whole batch stands beyond the guard; it is cut off.

        // 3. What stands in the files must be what was planned.
        if let Err(fault) = self.compare(plan, &appended)? {
            return Err(self.take_back(fault));
        }

        // 4. The commit point: the guard is swapped if nobody else moved it. A failure here has an unknown outcome,
        //    whatever failed; only a new start can tell.
        self.confirm_guard()?;
        // CRASH, before the sync returns: the guard holds the old head or the new one; the start reads which, and
        // writes it once more before it believes it.
        let guarded = self.guard.swap(&plan.head, appended.ends).map_err(Fault::fatal)?.clone();
        // CRASH: the batch is committed.
        self.bodies.commit();
        self.journal.commit();

        let places = appended.entry_places.into_iter().zip(appended.body_places);
        let committed = Committed {
            version: Version(guarded.version().map_or(0, |version| version.0)),
            places: places.map(|(entry, body)| Places { entry, body }).collect(),
            next: guarded.ends.journal,
        };
        Ok((committed, Arc::new(guarded)))
    }

    /// The guard on the disk must be the one in memory. If it is not, another process writes to this log in spite of
    /// the locks: the caller of `commit` learns it and the engine stops, without touching what may be the other's.
    fn confirm_guard(&mut self) -> Result<(), EngineError> {
        match self.guard.confirm() {
            Ok(true) => Ok(()),
            Ok(false) => {
                self.superseded = true;
                Err(EngineError::Superseded)
            }
            Err(error) => Err(fatal("reading the guard before the swap", error)),
        }
    }

    /// Appends a batch. A renewal appends nothing, and its ends are the old ones.
    fn append(&mut self, plan: &CommitPlan) -> Result<Appended, Fault> {
        let ends = self.guard.guarded().ends;
        if plan.entries.is_empty() {
            let (body_places, entry_places) = (Vec::new(), Vec::new());
            return Ok(Appended { bodies: Vec::new(), body_places, frame: Vec::new(), entry_places, ends });
        }
        // A segment that is full is closed first, so that no batch is split between two.
        let bodies_at = self.bodies.make_room(bodies::bytes_of(plan))?;
        let last = self.journal.make_room(journal::bytes_of(plan))?;
        // CRASH: at most an empty segment stands beyond the guard; it is removed.
        let (bodies, body_places) = bodies::encode(plan, bodies_at);
        self.bodies.append(&bodies)?;
        let extends = self.guard.guarded().checkpoint_digest();
        let (frame, entry_places) = journal::encode(plan, last, extends, &body_places, self.bodies.end());
        self.journal.append(&frame)?;
        let ends = Ends { journal: self.journal.end(), last, bodies: self.bodies.end() };
        Ok(Appended { bodies, body_places, frame, entry_places, ends })
    }

    /// Reads the batch back. A difference is fatal: it means that memory or the disk's cache cannot be trusted, and the
    /// checkpoint over these leaves is signed already. That a read fails is not: the batch can be taken back.
    fn compare(&self, plan: &CommitPlan, appended: &Appended) -> Result<Result<(), Fault>, EngineError> {
        let differs = |what: String| EngineError::Fatal { what, source: None };
        let mut bodies = vec![0; appended.bodies.len()];
        let mut frame = vec![0; appended.frame.len()];
        let read = |tail: &Tail, buffer: &mut [u8]| {
            let start = tail.end().offset - buffer.len() as u64;
            let read = tail.file().read_exact_at(buffer, start);
            read.map_err(|e| Fault::failed(format!("reading {} back", tail.series().name(tail.end().segment)), e))
        };
        if let Err(fault) = read(&self.bodies, &mut bodies).and_then(|()| read(&self.journal, &mut frame)) {
            return Ok(Err(fault));
        }
        if frame != appended.frame || bodies != appended.bodies {
            return Err(differs("what was read back is not what was written".to_owned()));
        }
        let frame_start = self.journal.end().offset - frame.len() as u64;
        let bodies_start = self.bodies.end().offset - bodies.len() as u64;
        let places = appended.entry_places.iter().zip(&appended.body_places);
        for (index, (planned, (entry, body))) in (plan.first.0..).zip(plan.entries.iter().zip(places)) {
            let entry = slice(&frame, entry.offset - frame_start, entry.len);
            let digest = bodies::record_of(*body).map(|record| (record.offset - bodies_start) as usize);
            let digest = digest.and_then(|at| bodies.get(at..)?.first_chunk()).and_then(bodies::Header::decode);
            let body = slice(&bodies, body.offset - bodies_start, body.len);
            if LeafHash::of_entry(entry) != planned.leaf {
                return Err(differs(format!("entry {index} has another leaf hash than was planned")));
            }
            if digest.is_none_or(|header| header.digest.as_bytes()[..] != Sha256::digest(body)[..]) {
                return Err(differs(format!("the body of entry {index} has another digest than was planned")));
            }
        }
        Ok(Ok(()))
    }

    /// After a failure that left the guard alone: the files are cut back to the committed length, durably, and the
    /// batch is not committed. If that fails too, or a sync failed, the process stops.
    fn take_back(&mut self, fault: Fault) -> EngineError {
        if matches!(fault, Fault::Stop { .. }) {
            return fault.fatal();
        }
        // CRASH, anywhere in here: what is left of the batch stands beyond the guard, and is cut off.
        match self.bodies.take_back().and_then(|()| self.journal.take_back()) {
            Ok(()) => fault.into(),
            Err(worse) => worse.fatal(),
        }
    }
}

fn slice(bytes: &[u8], start: u64, len: u32) -> &[u8] {
    bytes.get(start as usize..start as usize + len as usize).unwrap_or_default()
}
