//! The work folder of a build: what survives it when it is killed.
//!
//! ```text
//! OUT.partial/journal     one line a step that is finished: CRC-32C of the rest in 8 digits, a space, JSON
//! OUT.partial/run-<n>     sorted rows, see builder/run.rs
//! OUT.partial/out/        what becomes OUT, by one rename at the very end
//! ```
//!
//! Lines are in the order plan, segments, read, then slices and keyspaces. A line is written when all that it tells of is;
//! the last one may be torn and is then cut off. The folder is locked while a process builds in it.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crc32c::crc32c;
use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};
use crate::ids::KeyspaceId;
use crate::manifest::build::reading::Found;
use crate::manifest::builder::Space;
use crate::manifest::disk::{io_error, parent_of, refuse_occupied, sync_folder};
use crate::manifest::reader::Prefix;

/// A line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "done", rename_all = "camelCase", deny_unknown_fields)]
pub(super) enum Step {
    /// What is built of what, and by which rules: a build that goes on must have the same. Nothing here is synced before
    /// the end, so it is good for as long as the machine runs: which start of it that was is in `boot`.
    Plan { plan: String, boot: String },
    /// All rows of the items so far are in these runs.
    Segment(Segment),
    /// The source was read to its end.
    Read(Source),
    /// The next slices of a keyspace's columns have these numbers of keys.
    Slices { space: u8, counts: Vec<u32> },
    /// A keyspace is whole, under its name or about to get it.
    Keyspace { space: u8, id: KeyspaceId },
}

/// Where reading stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Segment {
    /// How many raw items were read.
    pub(super) items: u64,
    /// The runs of this segment.
    pub(super) runs: Vec<u32>,
    /// What was read of the source, at least.
    pub(super) prefix: Prefix,
    /// What was found since the beginning.
    pub(super) found: Found,
}

/// A source that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Source {
    pub(super) whole: Prefix,
    pub(super) reader: String,
    pub(super) wiki: Option<String>,
}

/// How far an earlier process came.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The last segment, with the runs of all.
    pub(super) segment: Option<Segment>,
    pub(super) source: Option<Source>,
    pub(super) slices: BTreeMap<Space, Vec<u32>>,
    pub(super) keyspaces: BTreeMap<Space, KeyspaceId>,
}

/// The work folder, locked.
pub(super) struct Work {
    folder: PathBuf,
    out: PathBuf,
    journal: File,
    /// Whether there is something that a later process could use.
    worth: bool,
}

impl Work {
    /// Opens or makes the work folder of `out`, which must be absent or empty. An unfinished build of the same goes on,
    /// one of something else is refused.
    pub(super) fn open(out: &Path, plan: &str) -> Result<(Self, State)> {
        refuse_occupied(out)?;
        let Some(name) = out.file_name() else {
            return Err(Error::new(Code::Usage, "the output has no name").at(out.display().to_string()));
        };
        let mut partial = name.to_os_string();
        partial.push(".partial");
        let folder = out.with_file_name(partial);
        let path = folder.join("journal");
        if !path.is_file() {
            refuse_occupied(&folder)?;
        }
        fs::create_dir_all(&folder).map_err(|e| io_error(&folder, &e))?;
        let open = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let journal = open.map_err(|e| io_error(&path, &e))?;
        // A process that was killed a moment ago holds its lock until its memory is given back.
        let mut tries = 50;
        let locked = loop {
            match journal.try_lock() {
                Err(TryLockError::WouldBlock) if tries > 0 => {
                    tries -= 1;
                    std::thread::sleep(Duration::from_millis(10));
                }
                done => break done,
            }
        };
        match locked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let detail = "another process builds this manifest";
                return Err(Error::new(Code::WorkLocked, detail).at(folder.display().to_string()));
            }
            Err(TryLockError::Error(e)) => return Err(io_error(&path, &e)),
        }
        let mut work = Self { folder, out: out.to_owned(), journal, worth: false };
        let (steps, len) = work.steps()?;
        let (found, boot) = (State::of(&steps), boot());
        match steps.first() {
            Some(Step::Plan { boot: begun, .. }) if *begun != boot => work.begin(plan, boot),
            Some(Step::Plan { plan: begun, .. }) if begun == plan && found.segment.is_some() => {
                work.journal.set_len(len).map_err(|e| io_error(&path, &e))?;
                work.worth = true;
                work.forget_unlisted(&found)?;
                Ok((work, found))
            }
            Some(_) if found.segment.is_some() => {
                let detail = "a build from another source or with other options was begun here and not finished";
                Err(Error::new(Code::WorkDiffers, detail).at(work.folder.display().to_string()))
            }
            _ => work.begin(plan, boot),
        }
    }

    /// Begins anew, whatever is there.
    fn begin(mut self, plan: &str, boot: String) -> Result<(Self, State)> {
        self.journal.set_len(0).map_err(|e| io_error(&self.folder.join("journal"), &e))?;
        self.forget_unlisted(&State::default())?;
        let staging = self.staging();
        let _ = fs::remove_dir_all(&staging);
        fs::create_dir(&staging).map_err(|e| io_error(&staging, &e))?;
        self.log(&Step::Plan { plan: plan.to_owned(), boot })?;
        self.worth = false;
        Ok((self, State::default()))
    }

    /// The steps of the journal, and how many bytes their lines have.
    fn steps(&mut self) -> Result<(Vec<Step>, u64)> {
        let path = self.folder.join("journal");
        let mut bytes = Vec::new();
        self.journal.read_to_end(&mut bytes).map_err(|e| io_error(&path, &e))?;
        let mut steps = Vec::new();
        let mut len = 0;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let step = line.strip_suffix(b"\n").and_then(|line| {
                let (sum, json) = (line.get(..8)?, line.get(9..)?);
                let sum = u32::from_str_radix(core::str::from_utf8(sum).ok()?, 16).ok()?;
                (sum == crc32c(json)).then(|| serde_json::from_slice(json).ok())?
            });
            let Some(step) = step else { break };
            steps.push(step);
            len += line.len() as u64;
        }
        Ok((steps, len))
    }

    /// Writes down that a step is done.
    pub(super) fn log(&mut self, step: &Step) -> Result<()> {
        self.worth = true;
        let json = serde_json::to_string(step).map_err(|e| Error::new(Code::Internal, e.to_string()))?;
        let line = line(&json);
        let mut write = || {
            self.journal.seek(io::SeekFrom::End(0))?;
            self.journal.write_all(line.as_bytes())
        };
        write().map_err(|e| io_error(&self.folder.join("journal"), &e))
    }

    /// Removes runs that no step tells of.
    fn forget_unlisted(&self, state: &State) -> Result<()> {
        let listed: Vec<PathBuf> =
            state.segment.iter().flat_map(|segment| &segment.runs).map(|run| self.run(*run)).collect();
        for entry in fs::read_dir(&self.folder).map_err(|e| io_error(&self.folder, &e))? {
            let path = entry.map_err(|e| io_error(&self.folder, &e))?.path();
            let is_run = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"run-"));
            if is_run && !listed.contains(&path) {
                fs::remove_file(&path).map_err(|e| io_error(&path, &e))?;
            }
        }
        Ok(())
    }

    /// The folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The path of a run.
    pub(super) fn run(&self, number: u32) -> PathBuf {
        run_path(&self.folder, number)
    }

    /// The folder that becomes the output.
    pub(super) fn staging(&self) -> PathBuf {
        self.folder.join("out")
    }

    /// Whether a later process could go on from here.
    pub(super) const fn is_worth(&self) -> bool {
        self.worth
    }

    /// Gives the output its name and removes the rest.
    pub(super) fn publish(self) -> Result<()> {
        let staging = self.staging();
        sync_folder(&staging)?;
        fs::rename(&staging, &self.out).map_err(|e| io_error(&self.out, &e))?;
        sync_folder(parent_of(&self.out))?;
        // The manifest stands; what is left of the work is in nobody's way but its own.
        let _ = fs::remove_dir_all(&self.folder);
        Ok(())
    }

    /// After a failure: keeps the folder if the same command, run again, could go on from here.
    pub(super) fn abandon(self, error: &Error) {
        let curable = matches!(error.code(), Code::DiskFull | Code::FileAccess | Code::WorkDiffers);
        if !(curable && self.worth) {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// A line of the journal.
pub(super) fn line(json: &str) -> String {
    format!("{:08x} {json}\n", crc32c(json.as_bytes()))
}

/// Which start of the machine this is: a power cut lies between two of them. Empty where the system does not say.
fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// The path of a run in a work folder.
pub(super) fn run_path(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("run-{number}"))
}

impl State {
    fn of(steps: &[Step]) -> Self {
        let mut state = Self::default();
        for step in steps.iter().cloned() {
            match step {
                Step::Plan { .. } => {}
                Step::Segment(segment) => {
                    let mut runs = state.segment.take().map(|segment| segment.runs).unwrap_or_default();
                    runs.extend_from_slice(&segment.runs);
                    state.segment = Some(Segment { runs, ..segment });
                }
                Step::Read(source) => state.source = Some(source),
                Step::Slices { space, counts } => state.slices.entry(Space(space)).or_default().extend(counts),
                Step::Keyspace { space, id } => {
                    state.keyspaces.insert(Space(space), id);
                }
            }
        }
        state
    }
}
