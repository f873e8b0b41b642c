//! The verifiable index at size: filling it, changing it, proving and verifying what it says.
//!
//! ```text
//! cargo bench -p colophon-tests --bench lookup                 # a million keys
//! cargo bench -p colophon-tests --bench lookup -- 100000       # another number
//! ```
//!
//! In the store of a log, in a folder of its own, one thread. An update is one index appended to one list; updates come in
//! batches as between two `index-root` records, 512 entries with four lists each, and the root is computed after each. The
//! store is made durable as often as that of a log: every 65,536 entries, and in the end.
//! Nothing here asserts a speed; it prints a table.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use ledger::ids::{LeafIndex, TrieKey, TrieRoot};
use ledger::log::Index;
use ledger::trie::{Draft, TrieProof, prove};
// With the allocator of a server, as the index of a log has it.
use server as _;
use sha2::{Digest as _, Sha256};

/// Updates between two roots: 512 entries, four lists each.
const BATCH: u64 = 2048;

/// Batches between two syncs.
const DURABLE_EVERY: u64 = 65_536 / 512;

/// How many proofs are made and verified.
const PROOFS: u64 = 20_000;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    if args.iter().any(|arg| arg == "--test") {
        return;
    }
    let keys: u64 = args.first().map_or(1_000_000, |text| text.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let index = Index::open(dir.path()).unwrap();
    let mut next = 0u64;

    let start = Instant::now();
    let mut root = TrieRoot::from_bytes([0; 32]);
    for (number, first) in (1..).zip((0..keys).step_by(BATCH as usize)) {
        root = batch(&index, &mut next, first..(first + BATCH).min(keys));
        if number % DURABLE_EVERY == 0 {
            index.make_durable().unwrap();
        }
    }
    index.make_durable().unwrap();
    row("filled, updates/s", keys, start.elapsed());

    // A log at this size: half of what changes is new, half is a list that is there.
    let rounds = 100;
    let start = Instant::now();
    for round in 0..rounds {
        let known = (0..BATCH / 2).map(|i| scattered(round * BATCH + i) % keys);
        let new = keys + round * BATCH / 2;
        root = batch(&index, &mut next, known.chain(new..new + BATCH / 2));
    }
    index.make_durable().unwrap();
    row("changed at that size, updates/s", rounds * BATCH, start.elapsed());

    let (mut largest, mut proven) = (0, Vec::new());
    let start = Instant::now();
    for i in 0..PROOFS {
        // Every other key is in the index.
        let key = key_of(if i % 2 == 0 { scattered(i) % keys } else { u64::MAX - i });
        let (list, proof) = prove(&index, &key).unwrap();
        let head = list.map(|list| list.head());
        let bytes = proof.encode();
        largest = largest.max(bytes.len() + head.map_or(0, |_| 40));
        proven.push((key, head, bytes));
    }
    row("proved, proofs/s", PROOFS, start.elapsed());
    let start = Instant::now();
    for (key, head, bytes) in &proven {
        let value = head.map(|head| head.to_value());
        let proof = match value {
            Some(_) => TrieProof::parse_present(bytes).unwrap(),
            None => TrieProof::parse_absent(bytes).unwrap(),
        };
        proof.verify(root, key, black_box(value.as_ref().map(|value| &value[..]))).unwrap();
    }
    let took = start.elapsed();
    row("verified, proofs/s", PROOFS, took);
    println!("verify                              {:>10.1} µs each", took.as_secs_f64() * 1e6 / PROOFS as f64);
    println!("largest proof, count and list root  {largest:>10} bytes");
    println!("on disk                             {:>10.1} MiB", size_of(dir.path()) as f64 / f64::from(1 << 20));
    println!("resident                            {:>10}", resident());
}

fn batch(index: &Index, next: &mut u64, keys: impl Iterator<Item = u64>) -> TrieRoot {
    let mut draft = Draft::default();
    for key in keys {
        draft.append(key_of(key), LeafIndex(*next));
        *next += 1;
    }
    let root = draft.seal(index).unwrap();
    index.write_draft(&draft).unwrap();
    root
}

fn key_of(number: u64) -> TrieKey {
    TrieKey::from_bytes(Sha256::digest(number.to_be_bytes()).into())
}

/// Numbers without an order, the same each time.
fn scattered(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20
}

fn row(what: &str, count: u64, took: Duration) {
    println!("{what:<35} {:>10.0}", count as f64 / took.as_secs_f64());
}

fn size_of(folder: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let size = |entry: std::fs::DirEntry| match entry.metadata().unwrap() {
        metadata if metadata.is_dir() => size_of(&entry.path()),
        metadata => metadata.len(),
    };
    entries.map(size).sum()
}

/// What the process holds in memory, where the system says it.
fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or("unknown".to_owned(), |line| format!("{} at most", line.trim()))
}
