//! Load on a log: submissions, receipts, start-up and memory, with the client on the same machine.
//!
//! ```text
//! cargo bench -p colophon-tests --bench load                      # submissions by 1 to 4,000 clients, and by batch
//! cargo bench -p colophon-tests --bench load -- 4000 120000       # so many records by so many clients
//! cargo bench -p colophon-tests --bench load -- --start 100000    # start-up time and memory of a log of that size
//! cargo bench -p colophon-tests --bench load -- fill DIR 100000   # a log to read from, for `wrk` and others
//! cargo bench -p colophon-tests --bench load -- serve DIR 8080
//! cargo bench -p colophon-tests --bench load -- peer 127.0.0.1:2025 /add PID 4000 100000   # the same load on another log
//! ```
//!
//! The server is a process of its own with a log in a folder: every record is signed, verified, durable and published
//! before it is answered. Signing happens before the clock starts. Nothing here asserts a speed; it prints a table.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ledger::log::{Log, Options, Signers, SystemClock, Wait};
use ledger::testing as cast;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// When a client comes again that was refused.
const AGAIN: Duration = Duration::from_millis(100);

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["fill", dir, size] => fill(Path::new(dir), size.parse().unwrap()),
        ["serve", dir, port] => serve(Path::new(dir), port.parse().unwrap()),
        ["--start", size] => start_up(size.parse().unwrap()),
        ["peer", address, path, process, clients, records] => peer(
            &Target { address: address.parse().unwrap(), process: process.parse().unwrap(), may_refuse: true },
            path,
            clients.parse().unwrap(),
            records.parse().unwrap(),
        ),
        ["--test"] => {}
        [clients, records] => submissions(&[(clients.parse().unwrap(), records.parse().unwrap())], &[]),
        _ => submissions(&[(1, 400), (64, 8_000), (1000, 20_000), (4000, 40_000)], &[(1, 20, 1000), (4, 20, 1000)]),
    }
}

fn options(dir: &Path) -> Options {
    Options {
        dir: dir.join("log"),
        guard_dir: None,
        origin: cast::origin(),
        signers: Signers { log: cast::log_signer(), clock: cast::clock_signer() },
        policy: cast::policy(),
    }
}

fn open(dir: &Path) -> Log {
    ledger::log::open(options(dir), Arc::new(SystemClock::default())).unwrap()
}

/// A log with its policy and the lab that publishes.
fn create(dir: &Path) {
    ledger::log::create(options(dir), Arc::new(SystemClock::default()), cast::genesis().into()).unwrap();
    let log = open(dir);
    let validated = log.validate(cast::party("lab", &["partner"]).into()).unwrap();
    log.submit(validated, Wait::Published).unwrap().wait_blocking().unwrap();
    log.close().unwrap();
}

/// The other process.
fn serve(dir: &Path, port: u16) {
    let app = server::App::new(Arc::new(open(dir)), server::Options::default());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime
        .block_on(async {
            let listener = server::serve::bind(SocketAddr::from(([127, 0, 0, 1], port))).unwrap();
            server::serve::serve(listener, app, async { drop(server::serve::stop_signal().await) }).await
        })
        .unwrap();
}

/// A server under load, and its process.
struct Target {
    address: SocketAddr,
    process: u32,
    /// Whether it may say that it cannot keep up, so that the client comes again. Ours may not.
    may_refuse: bool,
}

struct Server {
    child: Child,
    target: Target,
    started_in: Duration,
    /// What the start cost of processors, which does not depend on what else this machine does.
    worked: Duration,
}

impl Server {
    fn start(dir: &Path) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let start = Instant::now();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["serve", dir.to_str().unwrap(), &free.port().to_string()])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let target = Target { address: free, process: child.id(), may_refuse: false };
        let mut server = Self { child, target, started_in: Duration::ZERO, worked: Duration::ZERO };
        while std::net::TcpStream::connect(free).is_err() {
            assert!(server.child.try_wait().unwrap().is_none(), "the server ended");
            std::thread::sleep(Duration::from_millis(5));
        }
        server.started_in = start.elapsed();
        server.worked = processor_time(server.target.process);
        server
    }

    fn peak_memory(&self) -> u64 {
        peak_memory(self.target.process)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// User and system time of a process so far: fields 14 and 15 of `/proc/<pid>/stat`, in hundredths of a second.
fn processor_time(process: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = after_name.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// The most memory that a process ever held, in MiB.
fn peak_memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// The client has one thread: it shares two cores with the server.
fn client() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// So many records, signed and in the bytes that our own log would be sent.
fn cards(first: u64, records: u64) -> impl Iterator<Item = Vec<u8>> {
    (first..first + records).map(|n| cast::model_card("lab", n))
}

/// The same bytes by the same client to a log of another make that runs already and takes a body at `path`. Where it
/// refuses because it cannot keep up, the client comes again; how often is printed, and its waiting counts.
fn peer(target: &Target, path: &str, clients: usize, records: u64) {
    let requests = cards(0, records).map(|body| request(path, &body)).collect();
    header();
    report(&format!("{clients}"), records, &measured(&client(), target, clients, requests));
    println!("\npeak memory of the server: {} MiB", peak_memory(target.process));
}

fn header() {
    println!("| clients | records | records/s | p50 ms | p99 ms | µs of processors a record: server, client |");
    println!("|---|---|---|---|---|---|");
}

/// Rows of clients and records, then of clients, batches and records in each.
fn submissions(singly: &[(usize, u64)], in_batches: &[(usize, u64, u64)]) {
    let dir = scratch();
    create(dir.path());
    let server = Server::start(dir.path());
    let runtime = client();
    header();
    let mut next = 0;
    for &(clients, records) in singly {
        let requests = cards(next, records).map(|body| request("/api/v1/records", &body)).collect();
        next += records;
        report(&format!("{clients}"), records, &measured(&runtime, &server.target, clients, requests));
    }
    for &(clients, batches, size) in in_batches {
        let mut requests = Vec::new();
        for _ in 0..batches {
            let mut lines = Vec::new();
            for card in cards(next, size) {
                lines.extend_from_slice(&card);
                lines.push(b'\n');
            }
            next += size;
            requests.push(request("/api/v1/records:batch", &lines));
        }
        report(
            &format!("{clients} × batches of {size}"),
            batches * size,
            &measured(&runtime, &server.target, clients, requests),
        );
    }
    println!("\npeak memory of the server: {} MiB", server.peak_memory());
}

/// What a load took: until the last answer, for each request, and of processors on both sides.
struct Measured {
    took: Duration,
    refused: usize,
    latencies: Vec<Duration>,
    server: Duration,
    client: Duration,
}

fn measured(runtime: &tokio::runtime::Runtime, target: &Target, clients: usize, requests: Vec<Vec<u8>>) -> Measured {
    let times = || (processor_time(target.process), processor_time(std::process::id()));
    let before = times();
    let (took, mut latencies, refused) = runtime.block_on(load(target, clients, Arc::new(requests)));
    let after = times();
    latencies.sort();
    Measured { took, refused, latencies, server: after.0 - before.0, client: after.1 - before.1 }
}

fn report(clients: &str, records: u64, measured: &Measured) {
    let Measured { took, refused, latencies, server, client } = measured;
    let at = |share: usize| latencies[(latencies.len() * share / 100).min(latencies.len() - 1)].as_secs_f64() * 1e3;
    let rate = records as f64 / took.as_secs_f64();
    let each = |time: &Duration| time.as_secs_f64() * 1e6 / records as f64;
    println!(
        "| {clients} | {records} | {rate:.0} | {:.1} | {:.1} | {:.0}, {:.0} |",
        at(50),
        at(99),
        each(server),
        each(client)
    );
    if *refused > 0 {
        println!("\nrefused and sent again: {refused}");
    }
}

fn request(path: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Sends every request once over `clients` connections that stay open; each waits for its answer before the next.
async fn load(target: &Target, clients: usize, requests: Arc<Vec<Vec<u8>>>) -> (Duration, Vec<Duration>, usize) {
    let may_refuse = target.may_refuse;
    let next = Arc::new(AtomicUsize::new(0));
    let refused = Arc::new(AtomicUsize::new(0));
    let mut streams = Vec::new();
    for _ in 0..clients {
        let stream = TcpStream::connect(target.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        streams.push(stream);
    }
    let start = Instant::now();
    let tasks: Vec<_> = streams
        .into_iter()
        .map(|mut stream| {
            let (next, refused, requests) = (Arc::clone(&next), Arc::clone(&refused), Arc::clone(&requests));
            tokio::spawn(async move {
                let mut mine = Vec::new();
                let mut buffer = Vec::new();
                while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let sent = Instant::now();
                    loop {
                        stream.write_all(request).await.unwrap();
                        let status = answer(&mut stream, &mut buffer).await;
                        if !(may_refuse && matches!(status, 429 | 500 | 503)) {
                            assert!(status == 200 || status == 201, "answered {status}");
                            break;
                        }
                        refused.fetch_add(1, Ordering::Relaxed);
                        tokio::time::sleep(AGAIN).await;
                    }
                    mine.push(sent.elapsed());
                }
                mine
            })
        })
        .collect();
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await.unwrap());
    }
    (start.elapsed(), latencies, refused.load(Ordering::Relaxed))
}

/// Reads one response to its end, by length or by chunks.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> u16 {
    buffer.clear();
    loop {
        let read = stream.read_buf(buffer).await.unwrap();
        assert!(read > 0, "the server closed the connection");
        let Some(head) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&buffer[..head]).to_ascii_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        let whole = match length {
            Some(length) => buffer.len() >= head + 4 + length,
            None => buffer.ends_with(b"\r\n0\r\n\r\n"),
        };
        if whole {
            return text[9..12].parse().unwrap();
        }
    }
}

/// A log of `size` records in `dir`.
fn fill(dir: &Path, size: u64) {
    create(dir);
    let log = open(dir);
    let start = Instant::now();
    let mut waiting = std::collections::VecDeque::new();
    for n in 0..size {
        let validated = log.validate(cast::model_card("lab", n).into()).unwrap();
        waiting.push_back(log.submit(validated, Wait::Sequenced).unwrap());
        if waiting.len() == 4096 {
            waiting.pop_front().unwrap().wait_blocking().unwrap();
        }
    }
    waiting.into_iter().for_each(|ticket| drop(ticket.wait_blocking().unwrap()));
    log.close().unwrap();
    println!("filled with {size} records in {:.0} s", start.elapsed().as_secs_f64());
}

fn start_up(size: u64) {
    let dir = scratch();
    fill(dir.path(), size);
    println!("| start | seconds to the first answer | of processors | peak memory MiB |\n|---|---|---|---|");
    for kind in ["after a clean stop", "after kill -9"] {
        let server = Server::start(dir.path());
        let (waited, worked) = (server.started_in.as_secs_f64(), server.worked.as_secs_f64());
        println!("| {kind} | {waited:.2} | {worked:.2} | {} |", server.peak_memory());
    }
    maintenance(dir.path(), size);
    let bytes = |name: &str| folder_bytes(&dir.path().join("log").join(name)) / 1_048_576;
    println!("\njournal {} MiB, bodies {} MiB, index {} MiB", bytes("journal"), bytes("bodies"), bytes("index"));
}

/// What an operator waits for while a log is not served: all of it read and verified again, and its index filled again.
fn maintenance(dir: &Path, size: u64) {
    println!("\n| what | seconds | records/s |\n|---|---|---|");
    let row = |what: &str, start: Instant| {
        let seconds = start.elapsed().as_secs_f64();
        println!("| {what} | {seconds:.1} | {:.0} |", size as f64 / seconds);
    };
    let start = Instant::now();
    let report = ledger::log::fsck(&options(dir), &mut |_, _| {}).unwrap();
    assert!(report.is_sound(), "{:?}", report.damages);
    row("fsck", start);
    let start = Instant::now();
    // The policy, the lab, and the records.
    assert_eq!(ledger::log::reindex(&options(dir), &mut |_, _| {}).unwrap().0, size + 2);
    row("reindex", start);
}

fn folder_bytes(path: &Path) -> u64 {
    let Ok(files) = std::fs::read_dir(path) else { return 0 };
    files
        .flatten()
        .map(
            |file| {
                if file.path().is_dir() { folder_bytes(&file.path()) } else { file.metadata().map_or(0, |m| m.len()) }
            },
        )
        .sum()
}

/// A folder on a disk: in `COLOPHON_BENCH_DIR`, or below the target folder, since the system's temporary one may be memory.
fn scratch() -> tempfile::TempDir {
    let root = std::env::var_os("COLOPHON_BENCH_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
    tempfile::tempdir_in(root).unwrap()
}
