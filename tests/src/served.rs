//! A log in memory that is served over HTTP on a port of the system's choice, from the commit of nothing to any size.

#![allow(clippy::unwrap_used, reason = "a test that cannot make its fixture has failed")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use ledger::engine::{CommitPlan, Engine as _, Head, MemoryEngine};
use ledger::ids::{LeafIndex, TreeSize};
use ledger::log::{Clock as _, Log, Options, Signers, SystemClock, Ticket, Wait};
use ledger::merkle::RootHash;
use ledger::note::{Checkpoint, UnixSeconds, sign_checkpoint};
use ledger::testing as cast;
use tokio::sync::oneshot;

/// How many submissions may wait at once: well below the 8,192 that the queue takes.
const IN_FLIGHT: u64 = 2_048;

/// A served log. Dropping it stops it.
#[derive(Debug)]
pub struct Served {
    /// The log itself.
    pub log: Arc<Log>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    _dir: tempfile::TempDir,
}

impl Served {
    /// A log without an entry, which shows a checkpoint of size 0. `colophon log init` makes none such, since entry 0 is
    /// the log's policy; but a log of another program may be empty, and nothing in ours may stumble over it.
    ///
    /// # Panics
    /// If it does not start.
    pub fn empty() -> Self {
        let engine = MemoryEngine::new(cast::ORIGIN);
        let checkpoint = Checkpoint::new(cast::origin(), TreeSize(0), RootHash::EMPTY);
        let now = UnixSeconds::from(SystemClock::default().now());
        let note = sign_checkpoint(&checkpoint, &cast::log_signer(), &[(&cast::clock_signer(), now)]).unwrap();
        let head =
            Head { origin: cast::ORIGIN.to_owned(), size: TreeSize(0), root: RootHash::EMPTY, checkpoint: note.into() };
        engine.commit(&CommitPlan { first: LeafIndex(0), entries: Vec::new(), head }, None).unwrap();

        let dir = tempfile::tempdir().unwrap();
        let options = Options {
            dir: dir.path().to_owned(),
            guard_dir: None,
            origin: cast::origin(),
            signers: Signers { log: cast::log_signer(), clock: cast::clock_signer() },
            policy: cast::policy(),
        };
        let log = ledger::log::start(Arc::new(engine), options, Arc::new(SystemClock::default())).unwrap();
        Self::of(Arc::new(log), dir)
    }

    fn of(log: Arc<Log>, dir: tempfile::TempDir) -> Self {
        let app = server::App::new(Arc::clone(&log), server::Options::default());
        let (stop, stopped) = oneshot::channel::<()>();
        let (bound, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_multi_thread();
            let runtime = runtime.enable_all().worker_threads(2).build().unwrap();
            let served = runtime.block_on(async move {
                let listener = server::serve::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
                bound.send(listener.local_addr().unwrap()).unwrap();
                server::serve::serve(listener, app, async { drop(stopped.await) }).await
            });
            served.unwrap();
        });
        let address = told.recv().unwrap();
        Self { log, address, stop: Some(stop), thread: Some(thread), _dir: dir }
    }

    /// Its address, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many entries it shows.
    pub fn size(&self) -> u64 {
        self.log.published().map_or(0, |view| view.size.0)
    }

    /// Puts one record into the log and waits until it is published. Its index.
    ///
    /// # Panics
    /// If it is refused.
    pub fn publish(&self, body: Vec<u8>) -> u64 {
        self.submit(body, Wait::Published).wait_blocking().unwrap().index.0
    }

    /// Grows the log to `size` entries: its policy, a lab, and model cards of the lab, each signed and verified.
    ///
    /// # Panics
    /// If it does not grow.
    pub fn grow(&self, size: u64) {
        let (mut last, mut waiting) = (None, std::collections::VecDeque::new());
        for index in self.size()..size {
            let (body, settle) = match index {
                0 => (cast::genesis(), true),
                1 => (cast::party("lab", &["partner"]), true),
                _ => (cast::model_card("lab", index), false),
            };
            let ticket = self.submit(body, Wait::Published);
            if settle {
                // The door decides by what is committed, so the next record must find this one there.
                ticket.wait_blocking().unwrap();
                continue;
            }
            waiting.push_back(ticket);
            if waiting.len() as u64 >= IN_FLIGHT {
                last = waiting.pop_front().map(|ticket: Ticket| ticket.wait_blocking().unwrap());
            }
        }
        for ticket in waiting {
            last = Some(ticket.wait_blocking().unwrap());
        }
        assert!(last.is_none_or(|last| last.index.0 + 1 == size), "entries went astray");
        assert_eq!(self.size(), size);
    }

    fn submit(&self, body: Vec<u8>, wait: Wait) -> Ticket {
        let validated = self.log.validate(body.into()).unwrap();
        self.log.submit(validated, wait).unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
