//! Holding everything that is stored against everything else, while nobody serves it.
//!
//! | what | against what |
//! |---|---|
//! | every stored byte | its checksum |
//! | every body | the digest in its entry, its own signatures, and the header derived from it |
//! | the root over all entries | the signed checkpoint in the guard |
//! | every entry | the rules of admission at its index |
//! | every tile, place and posting of the index | what the entries say |
//! | every `index-root`, and the rows of the verifiable index | what the entries below it say |
//! | the snapshot's state | the fold of all entries up to its size |
//! | every key, row and hash of the manifests held ([`fsck_manifests`]) | their headers, and the runs' records |
//!
//! It goes on behind a damage and names them all, the first thousand with their places. It mends nothing: a start writes
//! the copies of guard and `published` anew of which a whole one is left, [`reindex`] fills the index again, and damage to
//! journal, bodies or guard needs a copy from elsewhere. What the index does not hold yet is no damage: the next start
//! brings it up.
//!
//! Here is who asks and what the answer says. The pass over all entries is [`check`], and what it says of the index and of the
//! snapshot is in [`derived`].

mod check;
mod derived;

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;

use super::index::Index;
use super::manifests::Manifests;
use super::open::{INDEX_DIR, MANIFESTS_DIR, Options, SNAPSHOT_FILE, refill, refused};
use super::snapshot::Snapshot;
use crate::engine::{Checked, Engine, LocalEngine};
use crate::error::{Code, Result};
use crate::ids::{KeyspaceId, TreeSize};
use crate::manifest::Run;
use check::{CHUNK, Check};

/// Damages that are named. More of them tell nothing new, and a damaged index has some for every entry.
const NAMED: usize = 1000;

/// Something stored that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file, relative to the log's folder.
    pub file: String,
    /// The byte or the entry, where one can be named.
    pub place: Option<String>,
    /// What is wrong.
    pub what: String,
}

/// What a check found.
#[derive(Debug, Clone, Default)]
pub struct FsckReport {
    /// Entries that were read.
    pub entries: u64,
    /// Bodies that were read and verified.
    pub bodies: u64,
    /// Bodies that were erased and whose retraction is in the log.
    pub redacted: u64,
    /// Full tiles that were compared.
    pub tiles: u64,
    /// Keyspaces and runs whose files were read.
    pub manifests: u64,
    /// Keyspaces that records declare and whose files are not here, as those of most parties never were.
    pub not_held: u64,
    /// Everything that is wrong, up to a thousand; empty for a sound log.
    pub damages: Vec<Damage>,
    /// How many more there are.
    pub more: u64,
    /// Whether all damage is in the index, which `reindex` fills again.
    pub only_index: bool,
    /// Whether all damage is in copies of which a whole one is left, which the next start writes anew.
    pub only_copies: bool,
    /// How many of the newest entries the index does not hold yet. The next start adds them.
    pub index_behind: u64,
    /// Why the index was not looked at, if it was not: on a disk where nothing can be written it cannot be opened.
    pub index_closed: Option<String>,
    /// What the records say of manifests.
    declared: Declared,
}

/// What records say of the files beside the log.
#[derive(Debug, Clone, Default)]
struct Declared {
    keyspaces: BTreeSet<KeyspaceId>,
    /// Runs by the id of their keyspace; the newest record of each counts.
    runs: HashMap<KeyspaceId, Run>,
}

impl FsckReport {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.damages.is_empty()
    }

    fn add(&mut self, damage: Damage) {
        if self.damages.len() < NAMED {
            self.damages.push(damage);
        } else {
            self.more += 1;
        }
    }

    fn count(&self) -> u64 {
        self.damages.len() as u64 + self.more
    }
}

/// Checks a log that nobody serves. `progress` is told how many of how many entries were read.
///
/// # Errors
/// Only if there is nothing to check: no log, a log of another name, one that is open elsewhere, no guard. Damage is
/// in the report.
pub fn fsck(options: &Options, progress: &mut dyn FnMut(u64, u64)) -> Result<FsckReport> {
    let engine = match LocalEngine::inspect(&options.engine(crate::engine::Position::START)) {
        Ok(engine) => engine,
        Err(crate::engine::EngineError::Corrupt { .. }) => return check_closed(options),
        Err(other) => return Err(refused(other)),
    };
    let total = engine.head().map_err(refused)?.map_or(0, |(head, _)| head.size.0);
    let index = Index::open(&options.dir.join(INDEX_DIR));
    let snapshot = Snapshot::load(&options.dir.join(SNAPSHOT_FILE));
    let mut check = Check::new(&engine, index.as_ref().ok(), snapshot);
    match &index {
        Ok(index) => check.reach(index, total)?,
        Err(error) if error.code() == Code::FileAccess => check.report.index_closed = Some(error.to_string()),
        Err(error) => check.index_damage(None, error.to_string()),
    }
    engine
        .check(&mut |checked| {
            check.take(checked);
            if check.report.entries.is_multiple_of(CHUNK as u64) {
                progress(check.report.entries, total);
            }
            ControlFlow::Continue(())
        })
        .map_err(refused)?;
    progress(total, total);
    check.finish(options)
}

/// Checks the files of every manifest and run that the log holds, after [`fsck`] read its records: every key in its
/// bucket, every row and hash, up to the root in the header whose digest names the folder. `progress` is told how many
/// of how many were read; the cost is one pass over the files.
///
/// # Errors
/// Only if the folder of the manifests cannot be listed. Damage is in the report.
pub fn fsck_manifests(options: &Options, report: &mut FsckReport, progress: &mut dyn FnMut(u64, u64)) -> Result<()> {
    let manifests = Manifests::new(options.dir.join(MANIFESTS_DIR));
    let declared = std::mem::take(&mut report.declared);
    let held = manifests.held()?;
    let total = held.len() as u64;
    for id in &held {
        if let Err(error) = manifests.check(id, declared.runs.get(id)) {
            let inside = error.place().and_then(|place| place.rsplit_once(&id.to_hex()));
            let file = inside.map_or("", |(_, inside)| inside.split(':').next().unwrap_or_default());
            let file = format!("{MANIFESTS_DIR}/{id}{file}");
            report.add(Damage { file, place: None, what: format!("{}: {}", error.code(), error.detail()) });
            (report.only_index, report.only_copies) = (false, false);
        }
        report.manifests += 1;
        progress(report.manifests, total);
    }
    let here: BTreeSet<_> = held.into_iter().collect();
    report.not_held = declared.keyspaces.difference(&here).count() as u64;
    Ok(())
}

/// Fills the index of a stopped log again from its journal. Returns how many entries it holds; `told` hears meanwhile how
/// many it holds, and how many there are.
///
/// # Errors
/// `store_missing`, `store_locked` and the other refusals of an opening; `store_corrupt` if the journal does not lead to
/// the signed root; `disk_full`.
pub fn reindex(options: &Options, told: &mut dyn FnMut(TreeSize, TreeSize)) -> Result<TreeSize> {
    let engine = LocalEngine::open(&options.engine(crate::engine::Position::START)).map_err(refused)?;
    let head = engine.head().map_err(refused)?;
    let all = head.as_ref().map_or(TreeSize(0), |(head, _)| head.size);
    let recovered = refill(&engine, &options.dir, head.as_ref().map(|(head, _)| head), &mut |done| told(done, all))?;
    recovered.index.make_durable()?;
    recovered.snapshot.save(&options.dir.join(SNAPSHOT_FILE))?;
    Ok(recovered.snapshot.tail.size())
}

/// The damage of a log whose engine does not open for it.
fn check_closed(options: &Options) -> Result<FsckReport> {
    let mut report = FsckReport::default();
    LocalEngine::check_closed(&options.engine(crate::engine::Position::START), &mut |checked| {
        match checked {
            Checked::Entry { .. } => report.entries += 1,
            Checked::Damage(damage) => report.add(stored(damage)),
        }
        ControlFlow::Continue(())
    })
    .map_err(refused)?;
    Ok(report)
}

fn stored(damage: crate::engine::Damage) -> Damage {
    Damage { file: damage.file, place: Some(format!("byte {}", damage.offset)), what: damage.what }
}
