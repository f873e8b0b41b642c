//! Proofs and their verification: how many a second in process, warm and cold; and a server to hold against nginx.
//!
//! ```text
//! cargo bench -p colophon-tests --bench proofs                      # 1,000,000 keys
//! cargo bench -p colophon-tests --bench proofs -- 10000000          # as many keys as wanted; 34 bytes of disk each
//! benches/serving.sh                                                # the same replies over HTTP, by this server and by nginx
//! ```
//!
//! The cold figures empty the system's page cache, which only root may; else they are left out. Nothing here asserts a speed.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::net::SocketAddr;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ledger::ids::ContentKey;
use ledger::log::{Log, Options, Signers, SystemClock, Wait};
use ledger::manifest::{About, Builder, Item, KeyspaceFiles, Kind, MetaMode, Source, Spec, key, open};
use ledger::record::kind::Kind as RecordKind;
use ledger::record::statement::Subject;
use ledger::testing as cast;
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// How long each figure is taken.
const LONG: Duration = Duration::from_secs(3);

/// Replies that are also written as files, for a server of files to serve.
const STATIC: u64 = 4096;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["prepare", dir, n] => prepare(Path::new(dir), n.parse().unwrap()),
        ["serve", dir, port] => serve(Path::new(dir), port.parse().unwrap()),
        ["--test"] => {}
        [n] => in_process(n.parse().unwrap()),
        _ => in_process(1_000_000),
    }
}

fn key_of(i: u64) -> ContentKey {
    key::of_digest(Kind::RawSha256, &Sha256::digest(i.to_be_bytes()).into()).unwrap()
}

fn build(dir: &Path, n: u64) -> PathBuf {
    let mut builder = Builder::new(Spec::of_kind(Kind::RawSha256).unwrap()).without_meta();
    for i in 0..n {
        builder.push(key_of(i), Item { license: 0, ordinal: i }).unwrap();
    }
    let source = Source { sha256: "00".repeat(32), bytes: 1, items: n, reader: "digests".into(), wiki: None };
    let about = About { source, coverage: "Every item.".into(), licenses: vec!["CC0-1.0".into()] };
    let (_, keyspace) = builder.finish(dir, about).unwrap();
    dir.join(keyspace.id().to_hex())
}

/// Does something for a while, on so many threads; how often a second in all.
fn rate(threads: usize, work: &(dyn Fn(u64) + Sync)) -> f64 {
    let started = Instant::now();
    let done: u64 = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|thread| {
                scope.spawn(move || {
                    let mut done = 0;
                    while started.elapsed() < LONG {
                        for _ in 0..256 {
                            work(done * threads as u64 + thread as u64);
                            done += 1;
                        }
                    }
                    done
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    done as f64 / started.elapsed().as_secs_f64()
}

fn per_second(what: &str, rate: f64) {
    println!("| {what} | {:.0} |", rate);
}

fn in_process(n: u64) {
    let dir = tempfile::tempdir().unwrap();
    let started = Instant::now();
    let folder = build(dir.path(), n);
    let files = open(&folder).unwrap();
    let keyspace = files.keyspace().clone();
    let t = keyspace.t();
    println!("{n} keys, t = {t}, built in {:.1} s\n", started.elapsed().as_secs_f64());
    println!("| exact replies | a second |\n|---|---|");
    // Half of what is asked for is there; the order is that of a digest, so nothing lies beside what was read before.
    let asked: Vec<ContentKey> = (0..1 << 16).map(|i| key_of(if i % 2 == 0 { i * 7919 % n } else { n + i })).collect();
    let ask = |files: &KeyspaceFiles, i: u64| {
        files.reply_for(&asked[i as usize % asked.len()], t, MetaMode::Digests).unwrap()
    };
    (0..asked.len() as u64).for_each(|i| drop(ask(&files, i)));
    for threads in [1, 2] {
        per_second(&format!("made, warm, {threads} thread"), rate(threads, &|i| drop(ask(&files, i))));
    }
    let replies: Vec<Vec<u8>> = (0..8192).map(|i| ask(&files, i)).collect();
    let check = |i: u64| {
        let at = i as usize % replies.len();
        assert_eq!(keyspace.verify(&asked[at], t, &replies[at]).unwrap().is_present(), at.is_multiple_of(2));
    };
    for threads in [1, 2] {
        per_second(&format!("verified, {threads} thread"), rate(threads, &check));
    }
    let padded = replies[0].len();
    let content: u64 = replies.iter().map(|r| 26 + u64::from_be_bytes(r[18..26].try_into().unwrap())).sum();
    println!("\nan exact reply has {} bytes on average, {padded} padded\n", content / replies.len() as u64);
    cold(&folder, n);
}

fn drop_caches() -> bool {
    let _ = std::process::Command::new("sync").status();
    std::fs::write("/proc/sys/vm/drop_caches", "3").is_ok()
}

fn cold(folder: &Path, n: u64) {
    if !drop_caches() {
        println!("cold: only root may empty the page cache");
        return;
    }
    println!("| cold, one thread | a second |\n|---|---|");
    let files = open(folder).unwrap();
    let t = files.keyspace().t();
    let count = 20_000.min(n / 50);
    let started = Instant::now();
    for i in 0..count {
        drop(files.reply_for(&key_of(i * 49_999 % n), t, MetaMode::Digests).unwrap());
    }
    per_second("replies made", count as f64 / started.elapsed().as_secs_f64());
    drop_caches();
    let file = std::fs::File::open(folder.join("keys.bin")).unwrap();
    let blocks = file.metadata().unwrap().len() / 4096;
    let mut block = [0; 4096];
    let started = Instant::now();
    for i in 0..count {
        let at = u64::from_be_bytes(key_of(i).as_bytes()[..8].try_into().unwrap()) % blocks;
        file.read_exact_at(&mut block, at * 4096).unwrap();
    }
    per_second("random blocks of 4 KiB read from the same disk", count as f64 / started.elapsed().as_secs_f64());
}

fn log_at(dir: &Path) -> Log {
    let options = || Options {
        dir: dir.join("log"),
        guard_dir: None,
        origin: cast::origin(),
        signers: Signers { log: cast::log_signer(), clock: cast::clock_signer() },
        policy: cast::policy(),
    };
    let clock = || Arc::new(SystemClock::default());
    if !dir.join("log").exists() {
        ledger::log::create(options(), clock(), cast::genesis().into()).unwrap();
        let log = ledger::log::open(options(), clock()).unwrap();
        let validated = log.validate(cast::party("lab", &["partner"]).into()).unwrap();
        log.submit(validated, Wait::Published).unwrap().wait_blocking().unwrap();
        return log;
    }
    ledger::log::open(options(), clock()).unwrap()
}

/// The lab's record that declares the keyspace.
fn declaration(files: &KeyspaceFiles) -> Vec<u8> {
    let mut row = json!(files.header().to_declaration(files.keyspace()));
    row["disclosure"] = json!("complete");
    let predicate = json!({
        "issuer": { "id": "lab", "name": "lab" }, "issued": cast::ISSUED,
        "dataset": { "name": "numbers" }, "keyspaces": [row],
    });
    cast::sign(RecordKind::Manifest, vec![Subject::keyspace(files.keyspace().id())], predicate, &[&cast::key("lab")])
}

/// A log that holds a keyspace and its declaration; the same replies as files under DIR/static; and their paths in DIR/paths.txt.
fn prepare(dir: &Path, n: u64) {
    let log = log_at(dir);
    let folder = build(&dir.join("built"), n);
    log.manifests().add(&folder).unwrap();
    let files = open(&folder).unwrap();
    let validated = log.validate(declaration(&files).into()).unwrap();
    log.submit(validated, Wait::Published).unwrap().wait_blocking().unwrap();
    log.close().unwrap();
    let (id, t) = (files.keyspace().id(), files.keyspace().t());
    let bucket = format!("/manifests/{id}/bucket/{t}");
    std::fs::create_dir_all(dir.join("static").join(&bucket[1..])).unwrap();
    let mut paths = String::new();
    for i in 0..STATIC {
        let prefix = files.keyspace().prefix(&key_of(i), t);
        let reply = files.reply(t, prefix, MetaMode::Rows).unwrap();
        let path = format!("{bucket}/{prefix}");
        std::fs::write(dir.join("static").join(&path[1..]), reply).unwrap();
        paths.push_str(&path);
        paths.push('\n');
    }
    std::fs::write(dir.join("paths.txt"), paths).unwrap();
    println!("{n} keys, replies of {} bytes", files.header().padded_reply(t, MetaMode::Rows).unwrap());
}

fn serve(dir: &Path, port: u16) {
    let app = server::App::new(Arc::new(log_at(dir)), server::Options::default());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime
        .block_on(async {
            let listener = server::serve::bind(SocketAddr::from(([127, 0, 0, 1], port))).unwrap();
            server::serve::serve(listener, app, async { drop(server::serve::stop_signal().await) }).await
        })
        .unwrap();
}
