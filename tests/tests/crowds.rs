//! L3 and L7: a served log under more than it can take, and under clients that take their time. The program has a process of
//! its own. What is asserted does not depend on how fast a machine is; the figures are printed.
//!
//! `COLOPHON_CROWD_SECONDS=120 cargo test -p colophon-tests --test crowds -- --nocapture` overloads it for two minutes.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use harness::{Client, Program, ServedByProgram, folder};
use ledger::testing as cast;
use serde_json::Value;

const RECORDS: &str = "/api/v1/records";

/// Those who overload the log, and the records that each of them sends in one batch.
const WRITERS: usize = 16;
/// See [`WRITERS`].
const LINES: u64 = 1_000;

/// Both tests want the machine for themselves: each says how long somebody else had to wait meanwhile.
static TURN: Mutex<()> = Mutex::new(());

/// A log that is served by the program, and its folder.
struct Stage {
    server: ServedByProgram,
    dir: tempfile::TempDir,
    program: Program,
}

impl Stage {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        folder::create(&dir.path().join("log"));
        let program = Program::new(env!("CARGO_BIN_EXE_colophon-under-test"), dir.path());
        let server = program.serve(&dir.path().join("log"));
        Self { server, dir, program }
    }

    fn client(&self) -> Client {
        Client::of(&self.server.url)
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.server.url.trim_start_matches("http://")).unwrap();
        stream.set_nonblocking(true).unwrap();
        stream
    }

    /// How many files and sockets the server holds.
    fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.server.id())).unwrap().count()
    }

    /// The sum of the counters whose line begins so.
    fn counted(&self, beginning: &str) -> u64 {
        let metrics = String::from_utf8(self.client().get("/metrics").unwrap().body).unwrap();
        let lines = metrics.lines().filter(|line| line.starts_with(beginning));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    }

    /// Ends the server in order; its folder must be whole.
    fn end(self) {
        assert_eq!(self.server.stop(), 0);
        let log: PathBuf = self.dir.path().join("log");
        self.program.run(&["log", "fsck", "--dir", log.to_str().unwrap()]).passed("colophon log fsck");
    }
}

/// How long some requests took.
#[derive(Default)]
struct Latencies(Vec<Duration>);

impl Latencies {
    fn note(&mut self, start: Instant) {
        self.0.push(start.elapsed());
    }

    fn at(&mut self, share: usize) -> u128 {
        self.0.sort();
        self.0.get((self.0.len() * share / 100).min(self.0.len().saturating_sub(1))).map_or(0, Duration::as_millis)
    }
}

/// A batch of model cards, of which the first has this number, and as much white space after it as makes so many bytes.
fn batch(first: u64, lines: u64, bytes: usize) -> Vec<u8> {
    let mut text = (first..first + lines).map(|n| cast::model_card("lab", n)).collect::<Vec<_>>().join(&b'\n');
    text.resize(text.len().max(bytes), b' ');
    text
}

fn answers(body: &[u8]) -> Vec<Value> {
    serde_json::Deserializer::from_slice(body).into_iter().map(Result::unwrap).collect()
}

/// How many slow clients this process may be at once: each is a descriptor here and one there.
fn slow_clients() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let most: usize = line.split_whitespace().next().unwrap().parse().unwrap_or(usize::MAX);
    most.saturating_sub(400).min(2_000)
}

#[test]
fn l07_two_thousand_slow_clients_are_closed_and_nobody_else_notices() {
    let _turn = TURN.lock();
    let stage = Stage::new();
    let client = stage.client();
    let tile_full = client.post("/api/v1/records:batch", &batch(0, 300, 0)).unwrap();
    assert!(answers(&tile_full.body).iter().all(|line| line["http"] == 201));
    let before = stage.descriptors();
    let crowd = slow_clients();

    // Three in four never end their head, one in eight its body, and one in eight asks for much and reads nothing.
    let tile = b"GET /tile/0/000 HTTP/1.1\r\nhost: x\r\n\r\n".repeat(200);
    let begin = |kind: usize| -> &[u8] {
        match kind % 8 {
            0..6 => b"GET / HTTP/1.1\r\nhost: x\r\n",
            6 => b"POST /api/v1/records HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n{",
            _ => &tile,
        }
    };
    let start = Instant::now();
    let mut slow: Vec<(usize, TcpStream)> = Vec::new();
    for kind in 0..crowd {
        let mut stream = stage.connect();
        stream.write_all(begin(kind)).unwrap();
        slow.push((kind, stream));
    }
    // Those that the system keeps for the server until it accepts them are no crowd yet.
    while stage.descriptors() < before + crowd {
        assert!(start.elapsed() < Duration::from_secs(8), "{} of {crowd} are inside", stage.descriptors() - before);
        std::thread::sleep(Duration::from_millis(10));
    }

    let (mut others, mut number) = (Latencies::default(), 1_000);
    let mut trickled = Instant::now();
    let mut buffer = [0; 4096];
    let ended = || {
        let dropped = |what: &str| stage.counted(&format!("colophon_http_dropped_total{{what=\"{what}\"}}"));
        let refused = r#"colophon_http_requests_total{resource="submit",method="POST",status="4xx"}"#;
        [dropped("slow_head"), stage.counted(refused), dropped("slow_read")].map(|count| count as usize)
    };
    let all = [0..6, 6..7, 7..8].map(|kinds| (0..crowd).filter(|kind| kinds.contains(&(kind % 8))).count());
    while ended() != all {
        assert!(start.elapsed() < Duration::from_secs(60), "heads, bodies, reads: {:?} of {all:?}", ended());
        for path in ["/health", "/checkpoint", "/tile/0/000"] {
            let asked = Instant::now();
            assert_eq!(client.get(path).unwrap().status, 200, "{path}");
            others.note(asked);
        }
        let asked = Instant::now();
        assert_eq!(client.post(RECORDS, &cast::model_card("lab", number)).unwrap().status, 201);
        others.note(asked);
        number += 1;
        if trickled.elapsed() >= Duration::from_secs(1) {
            trickled = Instant::now();
            slow.retain_mut(|(kind, stream)| {
                let more: &[u8] = if *kind % 8 < 6 { b"a: b\r\n" } else { b" " };
                if *kind % 8 == 7 {
                    return true;
                }
                let ended = match stream.read(&mut buffer) {
                    Ok(0) => true,
                    Ok(_) => false,
                    Err(error) => error.kind() != ErrorKind::WouldBlock,
                };
                !ended && stream.write_all(more).is_ok()
            });
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let (closed_in, asked) = (start.elapsed(), others.0.len());
    println!(
        "{crowd} slow clients were gone after {:.1} s; {asked} others waited {} ms in the median, {} ms at p99",
        closed_in.as_secs_f64(),
        others.at(50),
        others.at(99)
    );
    while stage.descriptors() > before + 8 {
        assert!(start.elapsed() < Duration::from_secs(60), "{} descriptors, from {before}", stage.descriptors());
        std::thread::sleep(Duration::from_millis(20));
    }
    drop(slow);
    stage.end();
}

#[test]
fn l03_of_too_much_some_is_refused_and_nothing_that_was_taken_is_lost() {
    let _turn = TURN.lock();
    let stage = Stage::new();
    let seconds = std::env::var("COLOPHON_CROWD_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(5);
    let until = Instant::now() + Duration::from_secs(seconds);
    let (next, over) = (AtomicU64::new(1_000_000), AtomicBool::new(false));
    let (accepted, refused) = (Mutex::new(Vec::new()), AtomicU64::new(0));
    // Batches that were refused before a line of them was read, and lone submissions.
    let (whole, alone) = (AtomicU64::new(0), AtomicU64::new(0));
    let (mut reads, mut waits) = (Latencies::default(), Latencies::default());

    std::thread::scope(|scope| {
        // 16,000 records and 96 MiB at once: twice the records that may wait, and more than the memory for bodies.
        let writers: Vec<_> = (0..WRITERS)
            .map(|_| {
                scope.spawn(|| {
                    let client = stage.client();
                    while Instant::now() < until {
                        let first = next.fetch_add(LINES, Ordering::Relaxed);
                        let reply = client.post("/api/v1/records:batch", &batch(first, LINES, 6 << 20)).unwrap();
                        if reply.status != 200 {
                            assert_eq!(reply.status, 503, "{}", String::from_utf8_lossy(&reply.body));
                            assert_eq!(reply.json()["code"], "overloaded");
                            whole.fetch_add(1, Ordering::Relaxed);
                            refused.fetch_add(LINES, Ordering::Relaxed);
                            std::thread::sleep(Duration::from_millis(200));
                            continue;
                        }
                        let lines = answers(&reply.body);
                        assert_eq!(lines.len() as u64, LINES, "every line has its answer");
                        for (line, number) in lines.iter().zip(first..) {
                            match line["http"].as_u64() {
                                Some(201) => accepted.lock().unwrap().push((number, line["index"].clone())),
                                Some(202) => assert_eq!(line["code"], "awaiting_witnesses"),
                                Some(503) => {
                                    assert_eq!(line["code"], "overloaded");
                                    refused.fetch_add(1, Ordering::Relaxed);
                                }
                                other => panic!("{other:?}: {line}"),
                            }
                        }
                    }
                })
            })
            .collect();
        // Readers go on reading meanwhile, and a lone submission is answered: with a receipt or with the time to come back.
        let reader = scope.spawn(|| {
            let client = stage.client();
            while !over.load(Ordering::Relaxed) {
                for path in ["/checkpoint", "/ready", "/api/v1/records/1", "/r/1"] {
                    let asked = Instant::now();
                    let reply = client.get(path).unwrap();
                    assert!(reply.status == 200, "{path}: {}", reply.status);
                    reads.note(asked);
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        });
        let lone = scope.spawn(|| {
            let client = stage.client();
            let mut number = 0;
            while !over.load(Ordering::Relaxed) {
                let asked = Instant::now();
                let reply = client.post(RECORDS, &cast::model_card("lab", number)).unwrap();
                assert!([201, 202, 503].contains(&reply.status), "{}", reply.status);
                alone.fetch_add(u64::from(reply.status == 503), Ordering::Relaxed);
                waits.note(asked);
                number += 1;
            }
        });
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        over.store(true, Ordering::Relaxed);
        reader.join().unwrap();
        lone.join().unwrap();
    });

    // Over at once: what is sent now has its receipt, as on any other day.
    let client = stage.client();
    let after = Instant::now();
    let reply = client.post(RECORDS, &cast::model_card("lab", 999_999)).unwrap();
    assert_eq!(reply.status, 201, "{}", reply.json());
    let recovered_in = after.elapsed();
    let accepted = accepted.into_inner().unwrap();
    println!(
        "{} records in {seconds} s, {} refused; others waited {} ms for a page (p99 {}), {} ms for a receipt (p99 {}), \
         {} ms afterwards",
        accepted.len(),
        refused.load(Ordering::Relaxed),
        reads.at(50),
        reads.at(99),
        waits.at(50),
        waits.at(99),
        recovered_in.as_millis(),
    );
    assert!(!accepted.is_empty() && refused.into_inner() > 0, "it was not too much");
    // A record of a hundred is sent again, and has the index that it was given.
    for (number, index) in accepted.iter().step_by(100) {
        let again = client.post(RECORDS, &cast::model_card("lab", *number)).unwrap();
        assert_eq!((again.status, &again.json()["index"]), (200, index), "record {number}");
    }
    // What was refused whole was counted as such, and nothing else failed on the server's side.
    let failed = |resource: &str| {
        stage.counted(&format!(r#"colophon_http_requests_total{{resource="{resource}",method="POST",status="5xx"}}"#))
    };
    assert_eq!(failed("submit_batch"), whole.into_inner());
    assert_eq!(failed("submit"), alone.into_inner());
    stage.end();
}
