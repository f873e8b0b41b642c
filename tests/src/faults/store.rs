//! The log under fault: the cast of `ledger::testing` in a folder, with its guard elsewhere.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use ledger::Code;
use ledger::engine::{LocalEngine, LocalOptions};
use ledger::log::{self, Log, Options, Sequenced, Signers, SystemClock, Wait};
use ledger::testing;

use super::volatile::VolatileDisk;

/// Where the log is.
#[derive(Debug, Clone)]
pub struct Store {
    /// The log's folder.
    pub dir: PathBuf,
    /// The guard's.
    pub guard: PathBuf,
    /// Whether the engine's syncs are left out: the negative control.
    pub without_sync: bool,
}

impl Store {
    /// A log whose folder and guard are under one folder.
    pub fn under(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        Self { dir: root.join("log"), guard: root.join("guard"), without_sync: false }
    }

    /// What the log needs to run.
    pub fn options(&self) -> Options {
        Options {
            dir: self.dir.clone(),
            guard_dir: Some(self.guard.clone()),
            origin: testing::origin(),
            signers: Signers { log: testing::log_signer(), clock: testing::clock_signer() },
            policy: testing::policy(),
        }
    }

    /// Opens the log.
    pub fn open(&self) -> ledger::Result<Log> {
        let clock = Arc::new(SystemClock::default());
        if !self.without_sync {
            return log::open(self.options(), clock);
        }
        let engine = LocalEngine::open_on(Arc::new(VolatileDisk), &self.engine()).map_err(refused)?;
        log::start(Arc::new(engine), self.options(), clock)
    }

    /// Opens the log, made first if there is none, with its policy and a lab that may publish.
    ///
    /// A creation that a crash interrupted is taken up again, and only then: where there is a part of a log without a
    /// guard, `create` refuses.
    pub fn open_or_create(&self) -> ledger::Result<Log> {
        let missing = |error: &ledger::Error| matches!(error.code(), Code::StoreMissing | Code::GuardMissing);
        let log = match self.open() {
            Err(error) if missing(&error) => {
                self.create()?;
                self.open()?
            }
            opened => opened?,
        };
        for body in [testing::genesis(), testing::party("lab", &["partner"])] {
            submit(&log, body)?;
        }
        Ok(log)
    }

    fn create(&self) -> ledger::Result<()> {
        if !self.without_sync {
            return log::create(self.options(), Arc::new(SystemClock::default()), Bytes::from(testing::genesis()));
        }
        LocalEngine::create_on(Arc::new(VolatileDisk), &self.engine()).map(drop).map_err(refused)
    }

    fn engine(&self) -> LocalOptions {
        let mut options = LocalOptions::new(self.dir.clone(), testing::ORIGIN);
        options.guard_dir = Some(self.guard.clone());
        options
    }
}

/// Submits a record and waits until a published checkpoint covers it.
pub fn submit(log: &Log, body: Vec<u8>) -> ledger::Result<Sequenced> {
    let validated = log.validate(Bytes::from(body))?;
    log.submit(validated, Wait::Published)?.wait_blocking()
}

fn refused(error: ledger::engine::EngineError) -> ledger::Error {
    match error {
        ledger::engine::EngineError::Refused(error) => error,
        other => ledger::Error::new(Code::StoreCorrupt, other.to_string()),
    }
}
