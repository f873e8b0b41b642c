//! A server for tests: a real accept loop on a port of the system's choice, with a real log behind it, and a client that
//! sends exactly the bytes it is told to.
//!
//! Nothing here is part of the program.

#![allow(clippy::panic)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use ledger::engine::{Engine, MemoryEngine, Position};
use ledger::log::{Clock, Log, Options as LogOptions, Signers, SystemClock, Wait};
use ledger::testing as cast;
use serde_json::Value;
use tokio::sync::oneshot;

use crate::app::{App, Options};
use crate::serve;

/// A running server. Dropping it stops it.
#[derive(Debug)]
pub struct TestServer {
    /// Where it listens.
    pub address: SocketAddr,
    /// What its handlers share.
    pub app: Arc<App>,
    engine: Arc<MemoryEngine>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<ledger::Result<()>>>,
    _dir: tempfile::TempDir,
}

/// A response as it came.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Names in lower case, values as they came.
    pub headers: Vec<(String, String)>,
    /// The body, put together if it came in chunks.
    pub body: Vec<u8>,
}

impl TestServer {
    /// A server of a log that holds its policy (entry 0), the lab (1) and the auditor (2) of [`ledger::testing`].
    pub fn start() -> Self {
        Self::with(Options::default())
    }

    /// The same with other options.
    pub fn with(options: Options) -> Self {
        let server = Self::of_empty_log(options);
        server.sequence(cast::genesis());
        server.sequence(cast::party("lab", &["partner"]));
        server.sequence(cast::party("auditor", &["auditor"]));
        server
    }

    /// A server of a log that holds nothing.
    pub fn of_empty_log(options: Options) -> Self {
        Self::of_log_with(options, cast::policy())
    }

    /// A server of a log that holds nothing and publishes by another policy.
    pub fn of_log_with(options: Options, policy: ledger::note::Policy) -> Self {
        Self::of_log(options, policy, Arc::new(SystemClock::default()))
    }

    /// A server of a log that holds nothing and has this clock.
    pub fn at(clock: Arc<dyn Clock>) -> Self {
        Self::of_log(Options::default(), cast::policy(), clock)
    }

    fn of_log(options: Options, policy: ledger::note::Policy, clock: Arc<dyn Clock>) -> Self {
        let dir = tempfile::tempdir().expect("a folder for a test");
        let log_options = LogOptions {
            dir: dir.path().to_owned(),
            guard_dir: None,
            origin: cast::origin(),
            signers: Signers { log: cast::log_signer(), clock: cast::clock_signer() },
            policy,
        };
        let engine = Arc::new(MemoryEngine::new(cast::ORIGIN));
        let log = ledger::log::start(engine.clone(), log_options, clock).expect("a new log starts");
        Self::of(Arc::new(log), engine, options, dir)
    }

    fn of(log: Arc<Log>, engine: Arc<MemoryEngine>, options: Options, dir: tempfile::TempDir) -> Self {
        let app = App::new(log, options);
        let (ready, started) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let served = Arc::clone(&app);
        let thread = std::thread::spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_multi_thread();
            let runtime = runtime.enable_all().worker_threads(2).build().expect("a runtime for a test");
            runtime.block_on(async move {
                let listener = serve::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
                ready.send(listener.local_addr().expect("it is bound")).expect("the test waits");
                serve::serve(listener, served, async { drop(stopped.await) }).await
            })
        });
        let address = started.recv().expect("the server starts");
        Self { address, app, engine, stop: Some(stop), thread: Some(thread), _dir: dir }
    }

    /// Puts a record into the log without asking the server, and waits until it is durable. Its index.
    pub fn sequence(&self, body: Vec<u8>) -> u64 {
        let validated = self.app.log.validate(body.into()).expect("a sound record");
        let ticket = self.app.log.submit(validated, Wait::Published).expect("room");
        ticket.wait_blocking().expect("an index").index.0
    }

    /// Waits until look-ups are proven under some `index-root`.
    pub fn wait_for_index(&self) {
        let mut ready = self.app.log.subscribe_index_roots();
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().expect("a runtime for a test");
        let waited = runtime.block_on(async {
            tokio::time::timeout(Duration::from_secs(60), ready.wait_for(Option::is_some)).await.map(drop)
        });
        waited.expect("the index follows the log");
    }

    /// Takes the body of an entry away, as a redaction does.
    pub fn erase(&self, index: u64) {
        let mut place = None;
        let found = self.engine.replay(Position::START, &mut |entry| {
            place = (entry.index.0 == index).then_some(entry.places.body);
            if place.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        found.expect("memory is sound");
        self.engine.erase_body(place.expect("the log holds the entry")).expect("memory is sound");
    }

    /// Asks the server to stop.
    pub fn ask_to_stop(&mut self) {
        drop(self.stop.take());
    }

    /// Stops the server and says how it went.
    ///
    /// # Errors
    /// Those of [`serve`](crate::serve::serve).
    pub fn end(&mut self) -> ledger::Result<()> {
        self.ask_to_stop();
        self.thread.take().map_or(Ok(()), |thread| thread.join().expect("the server does not panic"))
    }

    /// A connection to the server.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("not zero");
        stream
    }

    /// Sends bytes and reads until the server closes the connection.
    pub fn send(&self, request: &[u8]) -> Reply {
        let mut stream = self.connect();
        // A server that has refused already may close before it took everything.
        let _ = stream.write_all(request);
        Reply::read(&mut stream)
    }

    /// A request with these headers and this body, on a connection of its own.
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if method == "POST" || method == "PUT" {
            request.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        self.send(&[request.as_bytes(), body].concat())
    }

    /// GET.
    pub fn get(&self, path: &str) -> Reply {
        self.request("GET", path, &[], b"")
    }

    /// POST of JSON.
    pub fn post(&self, path: &str, body: &[u8]) -> Reply {
        self.request("POST", path, &[("content-type", "application/json")], body)
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.ask_to_stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Reply {
    /// Reads a response up to the length that it announces, else up to the end of the connection.
    pub fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        let mut buffer = vec![0; 64 << 10];
        while !is_complete(&bytes) {
            match stream.read(&mut buffer) {
                Ok(read) if read > 0 => bytes.extend_from_slice(&buffer[..read]),
                // A reset after the response leaves the response.
                _ => break,
            }
        }
        let end = head_len(&bytes);
        let end = end.unwrap_or_else(|| panic!("not a response: {:?}", String::from_utf8_lossy(&bytes)));
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("a status line");
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut reply = Self { status, headers, body: bytes[end + 4..].to_vec() };
        if reply.header("transfer-encoding") == Some("chunked") {
            reply.body = dechunked(&reply.body);
        }
        reply
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The lines of the body as JSON.
    pub fn lines(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }

    /// The code of a problem, which every refusal must be.
    pub fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.text());
        assert_eq!(self.header("cache-control"), Some("no-store"));
        let document = self.json();
        assert_eq!(document["status"], self.status);
        document["code"].as_str().expect("a code").to_owned()
    }
}

fn head_len(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|w| w == b"\r\n\r\n")
}

fn is_complete(bytes: &[u8]) -> bool {
    let Some(end) = head_len(bytes) else { return false };
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    length.is_some_and(|length| bytes.len() >= end + 4 + length)
}

fn dechunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|w| w == b"\r\n") {
        let size = String::from_utf8_lossy(&rest[..end]).into_owned();
        let size = usize::from_str_radix(size.trim(), 16).expect("the size of a chunk");
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 2 + size + 2..];
    }
    panic!("the last chunk is missing");
}
