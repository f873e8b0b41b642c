//! The local engine under faults.
#![allow(clippy::unwrap_used, clippy::panic)]

mod backups;
mod damage;
mod faults;
mod law;
mod model;
mod story;

use std::path::Path;

use super::sim::SimDisk;
use super::*;
use crate::engine::sample::{self, ORIGIN, Writer as Planner};

/// A log on a disk in memory.
struct Lab {
    disk: SimDisk,
    options: LocalOptions,
    planner: Planner,
}

impl Lab {
    fn new() -> Self {
        let mut options = LocalOptions::new("/disk/log", ORIGIN);
        options.ballast_bytes = 4096;
        Self { disk: SimDisk::new(1), options, planner: Planner::default() }
    }

    /// With segments that end after a few batches.
    fn with_short_segments() -> Self {
        let mut lab = Self::new();
        lab.options.segment_bytes = 6000;
        lab
    }

    fn create(&self) -> LocalEngine {
        LocalEngine::create_on(Arc::new(self.disk.clone()), &self.options).unwrap()
    }

    fn open(&self) -> Result<LocalEngine, EngineError> {
        LocalEngine::open_on(Arc::new(self.disk.clone()), &self.options)
    }

    fn commit(&mut self, engine: &LocalEngine, bodies: &[usize]) -> Committed {
        engine.commit(&self.planner.plan(bodies), sample::version(engine)).unwrap()
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        self.disk.bytes(&self.options.dir.join(name)).unwrap()
    }

    fn put(&self, name: &str, bytes: Vec<u8>) {
        self.disk.put(&self.options.dir.join(name), bytes);
    }

    /// Every damage that a check of the closed log reports.
    fn damages_closed(&self) -> Result<Vec<Damage>, EngineError> {
        let mut damages = Vec::new();
        let disk = Arc::new(self.disk.clone());
        LocalEngine::check_closed_on(disk, &self.options, &mut collect(&mut damages))?;
        Ok(damages)
    }
}

/// Every damage that a check reports.
fn damages(engine: &LocalEngine) -> Vec<Damage> {
    let mut damages = Vec::new();
    engine.check(&mut collect(&mut damages)).unwrap();
    damages
}

fn collect(damages: &mut Vec<Damage>) -> impl FnMut(Checked<'_>) -> ControlFlow<()> {
    |found| {
        if let Checked::Damage(damage) = found {
            damages.push(damage);
        }
        ControlFlow::Continue(())
    }
}

fn code(error: &EngineError) -> crate::Code {
    match error {
        EngineError::Refused(error) => error.code(),
        other => panic!("{other}"),
    }
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
