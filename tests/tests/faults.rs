//! Faults of the machine under a real process: kills and power cuts. The scoreboard's F1 and F5, each with what must
//! fail where the guard it tests is taken out.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use harness::faults::check::{Kept, RESUBMITTED, check};
use harness::faults::device::{self, Device, FileSystem};
use harness::faults::history::History;
use harness::faults::store::Store;
use harness::faults::{bare_sled, random, rounds, skipped};

/// No writer takes longer than this to acknowledge its first record, on the slowest machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// A writer in a process of its own, and the promises that it has made so far.
struct Writer {
    process: Child,
    lines: mpsc::Receiver<String>,
    said: String,
}

impl Writer {
    fn start(command: &str, dir: &Path, arguments: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_fault-writer"))
            .arg(command)
            .arg(dir)
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(process.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        // What was said before the kill stays in the pipe and is read to its end.
        std::thread::spawn(move || {
            let mut line = String::new();
            while out.read_line(&mut line).is_ok_and(|read| read > 0) {
                if sender.send(std::mem::take(&mut line)).is_err() {
                    return;
                }
            }
        });
        Self { process, lines, said: String::new() }
    }

    /// Listens until so many records are acknowledged.
    fn until_acked(&mut self, acks: usize) {
        let start = Instant::now();
        let mut left = acks;
        while left > 0 {
            let patience = DEADLINE.saturating_sub(start.elapsed());
            let Ok(line) = self.lines.recv_timeout(patience) else {
                let _ = self.process.kill();
                panic!("{left} of {acks} acks are missing: {}", self.errors());
            };
            left -= usize::from(line.starts_with("ack"));
            self.said.push_str(&line);
        }
    }

    /// Listens for a time.
    fn during(&mut self, time: Duration) {
        let start = Instant::now();
        while let Ok(line) = self.lines.recv_timeout(time.saturating_sub(start.elapsed())) {
            self.said.push_str(&line);
        }
    }

    /// Kills it as `kill -9` does; returns everything that it promised.
    fn kill(mut self) -> String {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.said.extend(self.lines.iter());
        self.said
    }

    /// Lets it end by itself; says whether it succeeded.
    fn end(mut self) -> bool {
        self.process.wait().unwrap().success()
    }

    fn errors(&mut self) -> String {
        let mut text = String::new();
        self.process.stderr.take().map(|mut errors| errors.read_to_string(&mut text));
        text
    }
}

fn append(promises: &Path, said: &str) {
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(promises).unwrap();
    // A line that the kill tore was never promised, and must not tear the next round's first one.
    let whole = said.rfind('\n').map_or(0, |end| end + 1);
    file.write_all(&said.as_bytes()[..whole]).unwrap();
}

fn kept(store: &Store, promises: &Path) -> Kept {
    check(store, &History::read(promises).unwrap(), RESUBMITTED).unwrap()
}

fn guard_of(store: &Store) -> String {
    store.guard.display().to_string()
}

#[test]
fn f01_kill_minus_nine_under_50_writers() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::under(folder.path());
    let promises = folder.path().join("promises");
    let mut slowest = Duration::ZERO;
    let all = rounds(5);
    for round in 1..=all {
        let mut writer = Writer::start("run", &store.dir, &["--guard", &guard_of(&store), "--writers", "50"]);
        // The first round lives until the log is there; of the others, every third is killed while it starts.
        if round == 1 || round % 3 != 0 {
            writer.until_acked(1 + random(400) as usize);
        }
        writer.during(Duration::from_micros(random(300_000)));
        append(&promises, &writer.kill());
        let kept = kept(&store, &promises);
        slowest = slowest.max(kept.opened_in);
        println!(
            "round {round}: {} acks, {} checkpoints, {} entries, opened in {} ms",
            kept.acks,
            kept.checkpoints,
            kept.entries,
            kept.opened_in.as_millis()
        );
    }
    println!("f01: {all} rounds, slowest start {} ms", slowest.as_millis());
    assert!(slowest <= Duration::from_secs(5), "a start took {slowest:?}");
}

/// One power cut under a log on a fresh file system; says how many acks there were and what the check found.
fn power_cut(kind: FileSystem, more: &[&str]) -> (usize, Result<Kept, String>) {
    let folder = tempfile::tempdir().unwrap();
    let device = Device::new(kind, folder.path()).unwrap();
    let store = Store::under(device.path());
    let guard = guard_of(&store);
    // Without its syncs a log would lose even its making; the cut is to find one that is there.
    let made = Writer::start("run", &store.dir, &["--guard", &guard, "--writers", "1", "--each", "1"]);
    assert!(made.end(), "the log was not made");
    let mut arguments = vec!["--guard", &guard, "--writers", "16"];
    arguments.extend_from_slice(more);
    let mut writer = Writer::start("run", &store.dir, &arguments);
    writer.until_acked(1 + random(600) as usize);
    device.cut_power().unwrap();
    let history = History::parse(&writer.kill()).unwrap();
    device.mount_again().unwrap();
    (history.acks.len(), check(&store, &history, RESUBMITTED).map_err(|error| error.to_string()))
}

fn power_loss(kind: FileSystem) {
    if let Some(tool) = device::missing(kind) {
        return skipped(&tool);
    }
    for round in 1..=rounds(2) {
        let (acks, kept) = power_cut(kind, &[]);
        let kept = kept.unwrap();
        println!(
            "round {round}: {acks} acks, {} entries kept, opened in {} ms",
            kept.entries,
            kept.opened_in.as_millis()
        );
    }
}

#[test]
fn f05_power_loss_ext4() {
    power_loss(FileSystem::Ext4);
}

#[test]
fn f05_power_loss_xfs() {
    power_loss(FileSystem::Xfs);
}

/// The same log on a disk that is never synced must lose what it promised, or the test above proves nothing.
#[test]
fn f05_control_without_its_syncs_the_log_loses_what_it_promised() {
    for kind in [FileSystem::Ext4, FileSystem::Xfs] {
        if let Some(tool) = device::missing(kind) {
            return skipped(&tool);
        }
        let (acks, kept) = power_cut(kind, &["--without-sync"]);
        let broken = kept.expect_err("a log without syncs kept everything");
        println!("{kind:?}: {acks} acks, then: {broken}");
    }
}

/// And so must sled without the journal in front of it. Now and then the kernel has written everything back by itself
/// when the power goes, so there are three tries.
#[test]
fn f05_control_bare_sled_loses_acknowledged_writes() {
    for kind in [FileSystem::Ext4, FileSystem::Xfs] {
        if let Some(tool) = device::missing(kind) {
            return skipped(&tool);
        }
        assert!((0..3).any(|_| bare_sled_loses(kind)), "sled kept everything on {kind:?}, three times");
    }
}

fn bare_sled_loses(kind: FileSystem) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let device = Device::new(kind, folder.path()).unwrap();
    let dir: PathBuf = device.path().join("sled");
    let mut writer = Writer::start("run-bare-sled", &dir, &[]);
    writer.until_acked(200);
    device.cut_power().unwrap();
    let history = History::parse(&writer.kill()).unwrap();
    device.mount_again().unwrap();
    // That it does not open any more is a loss too.
    let lost = bare_sled::lost(&dir, &history).unwrap_or(history.acks.len());
    println!("{kind:?}: bare sled acknowledged {} and lost {lost}", history.acks.len());
    lost > 0
}
