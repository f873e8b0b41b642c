//! F2 and F3: one record is appended by a process of its own, and the n-th call of each kind that it makes of the kernel
//! kills it, or fails with EIO. Needs strace. By default a part of all n is tried, another part at every run;
//! `COLOPHON_FAULT_ROUNDS=1` or more tries every one.
//!
//! strace counts the calls of each thread by itself, so that one n may strike in several threads, whichever comes first.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use harness::faults::check::check;
use harness::faults::history::{History, Promises};
use harness::faults::store::Store;
use harness::faults::{random, rounds, run as writing};
use harness::{run, tool};
use ledger::log;

/// Every call that changes a file or makes it durable, and those that open and read.
const CALLS: [&str; 9] =
    ["pwrite64", "fdatasync", "fsync", "ftruncate", "rename", "unlink", "openat", "pread64", "sync_file_range"];

/// Without a wish for all of them, one n of so many.
const ONE_IN: u64 = 12;

/// No append takes longer, under strace and on the slowest machine; an index that hangs is given up after one minute.
const SECONDS: &str = "100";

static ALONE: Mutex<()> = Mutex::new(());

/// A log of a few records, to be copied for each try.
struct Template {
    dir: tempfile::TempDir,
}

impl Template {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::under(dir.path().join("template"));
        writing::run(&store, 4, 3, &Promises::to(Some(&dir.path().join("promises"))).unwrap()).unwrap();
        // A ballast is only copied at length.
        fs::write(store.dir.join("ballast"), b"").unwrap();
        Self { dir }
    }

    fn copied(&self) -> Store {
        let to = self.dir.path().join("copy");
        let _ = fs::remove_dir_all(&to);
        run(Command::new("cp").arg("-aT").arg(self.dir.path().join("template")).arg(&to)).passed("cp");
        Store::under(to)
    }

    /// What was promised before, and what the append itself acknowledged.
    fn history(&self, said: &[u8]) -> History {
        let before = fs::read_to_string(self.dir.path().join("promises")).unwrap();
        History::parse(&(before + &String::from_utf8_lossy(said))).unwrap()
    }
}

/// How a try ended.
struct Tried {
    struck: bool,
    killed: bool,
    success: bool,
    said: Vec<u8>,
}

fn try_once(strace: &Path, store: &Store, inject: &str) -> Tried {
    let trace: PathBuf = store.dir.join("trace");
    let mut command = Command::new("timeout");
    command.args(["-s", "KILL", SECONDS]).arg(strace).args(["-f", "-o"]).arg(&trace).args(["-e", inject]);
    command.arg(env!("CARGO_BIN_EXE_fault-writer")).arg("append-one").arg(&store.dir).arg("--guard").arg(&store.guard);
    let output = command.args(["--number", "77"]).stdin(Stdio::null()).output().unwrap();
    let traced = fs::read_to_string(&trace).unwrap_or_default();
    let _ = fs::remove_file(trace);
    let killed = traced.contains("killed by SIGKILL");
    let timed_out = output.status.signal().is_none() && output.status.code() == Some(137) && !killed;
    assert!(!timed_out, "{inject}: it neither ended nor stopped");
    Tried {
        struck: killed || traced.contains("(INJECTED)"),
        killed,
        success: output.status.success(),
        said: output.stdout,
    }
}

/// Strikes at one n after the other until none is left to strike at.
fn strike(how: &str, ended: impl Fn(&Tried, &str)) {
    let Some(strace) = tool("strace") else { return };
    // One at a time: a child of the other test between `fork` and `exec` would hold the locks of this one's log.
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let template = Template::new();
    let mut tries = 0;
    for call in CALLS {
        let (step, first) = if rounds(0) > 0 { (1, 1) } else { (ONE_IN, 1 + random(ONE_IN)) };
        // The first call of a kind is always tried: many happen only once.
        let mut n = 1;
        loop {
            let store = template.copied();
            let what = format!("{call}, number {n}, {how}");
            let tried = try_once(&strace, &store, &format!("inject={call}:{how}:when={n}"));
            if !tried.struck {
                assert!(tried.success, "{what}: nothing struck and it failed");
                break;
            }
            tries += 1;
            ended(&tried, &what);
            let history = template.history(&tried.said);
            let report = log::fsck(&store.options(), &mut |_, _| {}).unwrap_or_else(|error| panic!("{what}: {error}"));
            // What the index lost is filled again by the start; nothing else may be amiss.
            assert!(report.damages.is_empty() || report.only_index, "{what}: {:?}", report.damages);
            check(&store, &history, usize::MAX).unwrap_or_else(|error| panic!("{what}: {error}"));
            let report = log::fsck(&store.options(), &mut |_, _| {}).unwrap();
            assert!(report.damages.is_empty(), "{what}: {:?}", report.damages);
            n = if n == 1 && step > 1 { first.max(2) } else { n + step };
        }
    }
    println!("{tries} tries");
    assert!(tries >= CALLS.len() as u64 / 2, "nothing was struck");
}

#[test]
fn f02_the_process_is_killed_at_a_system_call() {
    strike("signal=KILL", |tried, what| assert!(tried.killed, "{what}"));
}

#[test]
fn f03_a_system_call_fails_with_an_input_output_error() {
    strike("error=EIO", |tried, what| {
        // It may live through an error of something that does not matter, and then it must have done its work.
        assert!(!tried.killed, "{what}");
        let acked = tried.said.starts_with(b"ack") || String::from_utf8_lossy(&tried.said).contains("\nack");
        assert!(acked || !tried.success, "{what}: it says that it succeeded and acknowledged nothing");
    });
}
