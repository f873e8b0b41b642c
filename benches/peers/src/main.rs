//! One engine, the same keys: what it costs to build an index of them and to look into it.
//!
//! `peers ENGINE N DIR` makes N keys, lets the engine build in DIR, asks it for keys that are there and keys that are not,
//! and prints one line of figures. One engine a process, so that the peak of its memory is its own. Key i is SHA-256 of the
//! decimal digits of i, so keys come in random order and every engine is charged its sort.
//!
//! Engines without a proof: `postgres` (DIR is then the connection), `sqlite`, `sled`, `redb`; DuckDB is in `in_duckdb.py`.
//! With proofs of presence and absence: `ours`, `jmt`, `nomt`; of presence: `akd`.

mod proofs;
mod stores;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use sha2::{Digest as _, Sha256};

/// How many keys are asked for: half of them are there.
const QUESTIONS: u64 = 100_000;

/// What one engine did.
#[derive(Debug, Default)]
pub struct Figures {
    /// Seconds from the keys in memory, unsorted, to an index that is durable.
    pub build: f64,
    /// Look-ups a second; with a proof where the engine makes any.
    pub asks: f64,
    /// Proofs checked a second.
    pub checks: Option<f64>,
    /// Mean bytes of a proof.
    pub proof: Option<f64>,
    /// Bytes on the disk, where it has one.
    pub disk: Option<u64>,
    /// Memory beside this process's, of a server.
    pub server: Option<u64>,
    /// What a reader must know.
    pub note: &'static str,
}

pub fn key(i: u64) -> [u8; 32] {
    Sha256::digest(i.to_string()).into()
}

pub fn keys(n: u64) -> Vec<[u8; 32]> {
    (0..n).map(key).collect()
}

/// Keys to ask for, each with whether it is there, in an order that has nothing to do with theirs.
pub fn questions(n: u64) -> Vec<([u8; 32], bool)> {
    (0..QUESTIONS).map(|i| if i % 2 == 0 { (key(i * 7_919 % n), true) } else { (key(n + i), false) }).collect()
}

/// Seconds that something took.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let start = Instant::now();
    let made = work();
    (made, start.elapsed().as_secs_f64())
}

/// Bytes of all files in a folder, as they are allocated: a sparse file counts what it holds.
pub fn disk(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let mut sum = 0;
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(metadata) = entry.metadata() else { continue };
        sum += if metadata.is_dir() { disk(&entry.path()) } else { metadata.blocks() * 512 };
    }
    sum
}

/// The highest memory of a process, in bytes.
pub fn peak(pid: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) * 1024
}

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let [_, engine, n, dir] = args.as_slice() else { anyhow::bail!("peers ENGINE N DIR") };
    let n: u64 = n.parse()?;
    assert!(BTreeSet::from([key(0), key(1), key(n)]).len() == 3 && n > 1, "at least two keys");
    let path = Path::new(dir);
    let figures = match engine.as_str() {
        "ours" => proofs::ours(n, path)?,
        "jmt" => proofs::jmt(n)?,
        "nomt" => proofs::nomt(n, path)?,
        "akd" => proofs::akd(n)?,
        "postgres" => stores::postgres(n, dir)?,
        "sqlite" => stores::sqlite(n, path)?,
        "sled" => stores::sled(n, path)?,
        "redb" => stores::redb(n, path)?,
        other => anyhow::bail!("no engine {other}"),
    };
    let number = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.0}"));
    let memory = peak("self") + figures.server.unwrap_or(0);
    println!(
        "{engine}\t{n}\t{:.0}\t{:.0}\t{}\t{}\t{}\t{}\t{}",
        n as f64 / figures.build,
        figures.asks,
        number(figures.checks),
        number(figures.proof),
        figures.disk.map_or("in memory".to_owned(), |bytes| format!("{:.1}", bytes as f64 / n as f64)),
        memory >> 20,
        figures.note,
    );
    Ok(())
}
