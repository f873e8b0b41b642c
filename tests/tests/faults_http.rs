//! F1 as clients see it: the released program serves a log to 50 writers and is killed; whatever it acknowledged or showed
//! is held against what it serves after its restart. Nothing here looks into its folder but `fsck`, at the end.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use harness::faults::history::{History, Promises};
use harness::faults::{Outcome, random, rounds};
use harness::{Client, Program, ServedByProgram, folder, run};
use ledger::entry::{Entry, body_digest};
use ledger::ids::TreeSize;
use ledger::merkle::{CompactRange, EntryBundleId, LeafHash, RootHash, TileId, Tiles};
use ledger::merkle::{decode_bundle, prove_consistency, verify_consistency};
use ledger::note::{Checkpoint, TlogProof};
use ledger::testing as cast;
use serde_json::json;

const RECORDS: &str = "/api/v1/records";

const WRITERS: usize = 50;

/// No writer takes longer than this to be acknowledged, on the slowest machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// How many of the newest acknowledged records are asked for and sent again: those that the kill came closest to.
const AGAIN: usize = 100;

/// The checkpoint in a note that the log's policy accepts.
#[track_caller]
fn accepted(note: &[u8]) -> Checkpoint {
    cast::policy().check(note).unwrap().checkpoint().clone()
}

/// Submits records, and writes down each receipt, until the server is gone.
fn write(url: &str, next: &AtomicU64, promises: &Promises, acked: &Sender<()>) {
    let client = Client::of(url);
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let Ok(reply) = client.post(RECORDS, &cast::model_card("lab", number)) else { return };
        let answer = reply.json();
        assert_eq!(reply.status, 201, "{answer}");
        let receipt = TlogProof::parse(answer["receipt"].as_str().unwrap().as_bytes()).unwrap();
        let checkpoint = accepted(&receipt.checkpoint);
        promises.checkpoint(checkpoint.size().0, &checkpoint.root().to_string()).unwrap();
        promises.ack(receipt.index.0, answer["record"].as_str().unwrap(), number).unwrap();
        let _ = acked.send(());
    }
}

/// Follows the checkpoint until the server is gone. It never goes back, and what it promises is there (I4, I5).
fn follow(url: &str, promises: &Promises) {
    let client = Client::of(url);
    let mut newest = TreeSize(0);
    while let Ok(reply) = client.get("/checkpoint") {
        let checkpoint = accepted(&reply.body);
        assert!(checkpoint.size() >= newest, "from {newest} back to {}", checkpoint.size());
        newest = checkpoint.size();
        promises.checkpoint(newest.0, &checkpoint.root().to_string()).unwrap();
        for tile in TileId::partials_of(newest) {
            let Ok(reply) = client.get(&format!("/{}", tile.path())) else { return };
            assert_eq!(reply.status, 200, "{} of {newest}", tile.path());
        }
    }
}

/// Holds what is served to all that was promised (I1 to I7); how many entries there are.
fn hold(url: &str, history: &History) -> u64 {
    let client = Client::of(url);
    let get = |path: &str| {
        let reply = client.get(path).unwrap();
        assert_eq!(reply.status, 200, "{path}");
        reply.body
    };
    let newest = accepted(&get("/checkpoint"));
    let (size, root) = (newest.size(), newest.root());

    let seen = RefCell::new(BTreeMap::new());
    let fetch = |tile: TileId| -> Outcome<Vec<u8>> {
        let path = format!("/{}", tile.path());
        Ok(seen.borrow_mut().entry(path.clone()).or_insert_with(|| get(&path)).clone())
    };
    let tiles = Tiles::new(size, fetch);
    for (old, shown) in &history.checkpoints {
        let (old, shown): (TreeSize, RootHash) = (TreeSize(*old), shown.parse().unwrap());
        assert!(old <= size, "a checkpoint of size {old} was seen, the log has {size}");
        let proof = prove_consistency(&tiles, old, size).unwrap();
        verify_consistency(old, shown, size, root, &proof).unwrap();
    }

    let (mut tree, mut records) = (CompactRange::new(), Vec::new());
    for bundle in (0..).map_while(|index| EntryBundleId::in_tree(index, size)) {
        for entry in decode_bundle(&get(&format!("/{}", bundle.path())), bundle.width()).unwrap() {
            tree.append(LeafHash::of_entry(entry), &mut |_, _, _| {});
            records.push(Entry::decode(entry).unwrap().header.record.to_string());
        }
    }
    assert_eq!((records.len() as u64, tree.root()), (size.0, root));
    for ack in &history.acks {
        assert_eq!(records.get(ack.index as usize), Some(&ack.record), "entry {}", ack.index);
    }
    for ack in history.acks.iter().rev().take(AGAIN) {
        let body = cast::model_card("lab", ack.number);
        let digest = body_digest(&body).to_hex();
        assert_eq!(get(&format!("/addenda/{}/{}/{digest}", &digest[..2], &digest[2..4])), body, "entry {}", ack.index);
        let again = client.post(RECORDS, &body).unwrap();
        let answer = again.json();
        let promised = (200, &json!(ack.index.to_string()), &json!(true));
        assert_eq!((again.status, &answer["index"], &answer["duplicate"]), promised, "{answer}");
    }
    assert_eq!(accepted(&get("/checkpoint")).size(), size, "asking again grew the log");
    size.0
}

/// A log that only its server and `fsck` open, and what it promised so far.
struct Stage {
    dir: tempfile::TempDir,
    program: Program,
    next: AtomicU64,
}

impl Stage {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        folder::create(&dir.path().join("log"));
        let program = Program::new(env!("CARGO_BIN_EXE_colophon-under-test"), dir.path());
        Self { dir, program, next: AtomicU64::new(0) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn serve(&self) -> ServedByProgram {
        self.program.serve(&self.path("log"))
    }

    fn promised(&self) -> History {
        History::read(&self.path("promises")).unwrap()
    }

    /// Lets the writers and a reader at a server, and kills it at a moment of chance.
    fn kill_under_load(&self, server: ServedByProgram) {
        let (acked, acks) = channel();
        let promises = Promises::to(Some(&self.path("promises"))).unwrap();
        let url = server.url.clone();
        std::thread::scope(|scope| {
            for acked in vec![acked; WRITERS] {
                let (url, promises) = (&url, &promises);
                scope.spawn(move || write(url, &self.next, promises, &acked));
            }
            scope.spawn(|| follow(&url, &promises));
            for _ in 0..=random(400) {
                acks.recv_timeout(DEADLINE).unwrap();
            }
            let (start, more) = (Instant::now(), Duration::from_micros(random(300_000)));
            while acks.recv_timeout(more.saturating_sub(start.elapsed())).is_ok() {}
            // As `kill -9` does.
            drop(server);
        });
    }
}

#[test]
fn f01_kill_minus_nine_of_a_served_log_under_50_writers() {
    let stage = Stage::new();
    let mut server = stage.serve();
    for round in 1..=rounds(2) {
        stage.kill_under_load(server);
        let start = Instant::now();
        server = stage.serve();
        let started_in = start.elapsed();
        let promised = stage.promised();
        let entries = hold(&server.url, &promised);
        println!(
            "round {round}: {} acks, {} checkpoints, {entries} entries, serves again after {} ms",
            promised.acks.len(),
            promised.checkpoints.len(),
            started_in.as_millis()
        );
        assert!(started_in <= Duration::from_secs(5), "a start took {started_in:?}");
    }
    drop(server);
    stage.program.run(&["log", "fsck", "--dir", stage.path("log").to_str().unwrap()]).passed("colophon log fsck");
}

/// A log that forgot what it promised, data and guard together, must be found out, or the test above proves nothing.
#[test]
#[should_panic(expected = "was seen, the log has 2")]
fn f01_control_a_log_of_yesterday_does_not_hold_what_was_promised_today() {
    let stage = Stage::new();
    run(Command::new("cp").arg("-aT").args([stage.path("log"), stage.path("yesterday")])).passed("cp");
    stage.kill_under_load(stage.serve());
    std::fs::remove_dir_all(stage.path("log")).unwrap();
    std::fs::rename(stage.path("yesterday"), stage.path("log")).unwrap();
    hold(&stage.serve().url, &stage.promised());
}
