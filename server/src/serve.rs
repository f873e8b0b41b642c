//! The accept loop: who gets in, who makes room, and how it ends.
//!
//! warp's own server has no deadlines, no limit of connections and no end to its patience; only its filters are used.
//! What happens inside of one connection is in [`crate::connection`].

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ledger::{Code, Error};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use crate::activity::Deadlines;
use crate::app::App;
use crate::connection::Shared;
use crate::crowd::Open;
use crate::limits::FORGET_EVERY;
use crate::metrics::Metrics;

/// Connections that the system keeps until they are accepted: a thousand clients may come at once.
const BACKLOG: u32 = 1024;

/// What the system keeps for a client that has not taken it, inherited by every connection. Left to itself, Linux grows
/// it to 4 MiB a connection, of its own memory; this is still 2.5 MB/s for a client 100 ms away.
const SEND_BUFFER: u32 = 256 << 10;

/// 4,096 connections: at 64 KiB read ahead each, 256 MiB if all of them send a head of the largest size at once.
const MAX_CONNECTIONS: usize = 4096;

/// Descriptors that are not connections: files of the log, manifests being read, the listener, standard streams.
const OTHER_DESCRIPTORS: usize = 256;

/// What the loop waits after the system had no descriptor or no memory for it.
const BREATH: Duration = Duration::from_millis(50);

/// How often samples are folded into their buckets: at 10,000 requests a second, 400 KB of samples.
const UPKEEP: Duration = Duration::from_secs(5);

/// How a server treats its connections.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long a connection may take for what.
    pub deadlines: Deadlines,
    /// How many connections may be open. The one that waited longest makes room for a new one.
    pub max_connections: usize,
    /// How long requests in progress may take to finish once the server was asked to stop: longer than a submission
    /// waits for its receipt (10 s).
    pub drain: Duration,
    /// The same once the log itself stopped: its waiters have been answered already.
    pub fatal_drain: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            deadlines: Deadlines::default(),
            max_connections: MAX_CONNECTIONS.min(descriptors().saturating_sub(OTHER_DESCRIPTORS)).max(64),
            drain: Duration::from_secs(15),
            fatal_drain: Duration::from_secs(2),
        }
    }
}

/// How many files this process may have open, as Linux says it.
fn descriptors() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    // Elsewhere 1,024 is the usual soft limit.
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(1024)
}

/// Binds an address with a backlog that holds a thousand clients, where that of the standard library holds 128, and
/// with a limit to what the system buffers for each.
///
/// To be called inside of a tokio runtime.
///
/// # Errors
/// What the system says: the address is taken, is not this machine's, or may not be used.
pub fn bind(address: SocketAddr) -> io::Result<StdListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}

/// Resolves when the process is asked to end: SIGTERM or SIGINT.
///
/// # Errors
/// What the system says if the signals cannot be listened for.
pub async fn stop_signal() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}

/// Serves a log until `stop` resolves or the log must stop; see [`Options`] for how it ends.
///
/// The log itself is left open: whoever opened it closes it, once nobody asks for anything any more.
///
/// # Errors
/// Why the log must stop, if that is why it ended; what the system says about the listener.
pub async fn serve(listener: StdListener, app: Arc<App>, stop: impl Future<Output = ()>) -> ledger::Result<()> {
    let unusable = |error: io::Error| Error::new(Code::Usage, format!("the listener cannot be used: {error}"));
    listener.set_nonblocking(true).map_err(unusable)?;
    let listener = TcpListener::from_std(listener).map_err(unusable)?;
    let routes = crate::routes(Arc::clone(&app));
    let upkeep = tokio::spawn(upkeep(Arc::clone(&app)));
    let (metrics, fatal) = (&app.metrics, app.log.subscribe_fatal());
    let ended = accept(listener, routes, &app.options.serve, metrics, &app.draining, fatal, stop).await;
    upkeep.abort();
    ended
}

/// What is done every now and then.
async fn upkeep(app: Arc<App>) {
    let mut every = tokio::time::interval(UPKEEP);
    let mut forgot = Instant::now();
    loop {
        every.tick().await;
        app.metrics.upkeep();
        if forgot.elapsed() >= FORGET_EVERY {
            app.limits.forget_the_idle();
            forgot = Instant::now();
        }
    }
}

/// Serves `routes` on `listener` until `stop` resolves or `fatal` holds a reason to stop.
///
/// Then nobody is let in any more, requests in progress are finished, and connections end; what is not done by the
/// deadline is dropped. `draining` holds whether that has begun.
///
/// # Errors
/// The reason in `fatal`, if that is why it stopped.
async fn accept(
    listener: TcpListener,
    routes: BoxedFilter<(Response,)>,
    options: &Options,
    metrics: &Arc<Metrics>,
    draining: &watch::Sender<bool>,
    mut fatal: watch::Receiver<Option<Error>>,
    stop: impl Future<Output = ()>,
) -> ledger::Result<()> {
    let shared = Arc::new(Shared { routes, deadlines: options.deadlines, metrics: Arc::clone(metrics) });
    let mut open = Open::new(metrics);
    let mut stop = pin!(stop);
    let reason = loop {
        tokio::select! {
            biased;
            () = stop.as_mut() => break None,
            reason = fatal.wait_for(Option::is_some) => break reason.ok().and_then(|reason| reason.clone()),
            Some(_) = open.tasks.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((socket, address)) => {
                    if !open.has_room(options.max_connections) {
                        open.refuse(socket);
                        continue;
                    }
                    // A reply is one write; waiting for more to send would only delay it.
                    let _ = socket.set_nodelay(true);
                    open.admit(&shared, socket, address, draining.subscribe());
                }
                Err(error) if is_about_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "no connection can be accepted");
                    metrics.event("colophon_http_refused_total", "accept_failed");
                    open.evict_one(Instant::now());
                    tokio::time::sleep(BREATH).await;
                }
            }
        }
    };
    drop(listener);
    draining.send_replace(true);
    let patience = if reason.is_some() { options.fatal_drain } else { options.drain };
    let finished = tokio::time::timeout(patience, async { while open.tasks.join_next().await.is_some() {} }).await;
    if finished.is_err() {
        tracing::warn!(connections = open.tasks.len(), "dropped connections that did not finish in time");
        open.tasks.shutdown().await;
    }
    reason.map_or(Ok(()), Err)
}

/// Whether the failure is that of a client who left before it was accepted.
fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use std::io::{Read, Write};
    use std::net::TcpStream as StdStream;

    use warp::Filter;

    use super::*;

    /// A server on a thread of its own, with one route that answers and one that waits for a body.
    struct Running {
        address: SocketAddr,
        stop: Option<tokio::sync::oneshot::Sender<()>>,
        fatal: watch::Sender<Option<Error>>,
        metrics: Arc<Metrics>,
        thread: Option<std::thread::JoinHandle<ledger::Result<()>>>,
    }

    impl Running {
        fn start(options: Options) -> Self {
            let (ready, started) = std::sync::mpsc::channel();
            let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
            let fatal = watch::Sender::new(None);
            let metrics = Arc::new(Metrics::default());
            let (counted, fatal_in) = (Arc::clone(&metrics), fatal.subscribe());
            let thread = std::thread::spawn(move || {
                let runtime =
                    tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(2).build().unwrap();
                runtime.block_on(async move {
                    let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
                    ready.send(listener.local_addr().unwrap()).unwrap();
                    let listener = TcpListener::from_std(listener).unwrap();
                    let draining = watch::Sender::new(false);
                    let stop = async { drop(stopped.await) };
                    accept(listener, routes(), &options, &counted, &draining, fatal_in, stop).await
                })
            });
            Self { address: started.recv().unwrap(), stop: Some(stop), fatal, metrics, thread: Some(thread) }
        }

        fn connect(&self) -> StdStream {
            let stream = StdStream::connect(self.address).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            stream
        }

        fn end(&mut self) -> ledger::Result<()> {
            drop(self.stop.take());
            self.thread.take().unwrap().join().unwrap()
        }
    }

    fn routes() -> BoxedFilter<(Response,)> {
        let hello = warp::path!("hello").map(|| Response::new("hello".to_owned().into()));
        // Answers once the body is there, as a handler that waits for something does.
        let body = warp::path!("body").and(warp::body::bytes()).map(|body: bytes::Bytes| Response::new(body.into()));
        let large = warp::path!("large").map(|| Response::new(vec![b'x'; 64 << 20].into()));
        hello.or(body).unify().or(large).unify().boxed()
    }

    fn quick() -> Options {
        let deadlines = Deadlines {
            head: Duration::from_millis(200),
            idle: Duration::from_millis(600),
            stall: Duration::from_millis(200),
        };
        let (drain, fatal_drain) = (Duration::from_secs(5), Duration::from_secs(1));
        Options { deadlines, max_connections: 100, drain, fatal_drain }
    }

    /// Reads until the server closes the connection, whether in order or by a reset.
    fn until_closed(stream: &mut StdStream) -> Vec<u8> {
        let mut read = Vec::new();
        match stream.read_to_end(&mut read) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => panic!("the server keeps the connection"),
            _ => read,
        }
    }

    /// A request whose body is to come, once its handler waits for it: a server that has not read a head has begun nothing, and
    /// may close the connection when it stops.
    fn begin(stream: &mut StdStream, length: usize) {
        let head =
            format!("POST /body HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: {length}\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut go_on = [0; 25];
        stream.read_exact(&mut go_on).unwrap();
        assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    }

    fn get(stream: &mut StdStream, path: &str) -> String {
        write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        let mut answer = vec![0; 4096];
        let read = stream.read(&mut answer).unwrap();
        String::from_utf8_lossy(&answer[..read]).into_owned()
    }

    #[test]
    fn l07_slow_heads_are_closed_wherever_they_stop() {
        let server = Running::start(quick());
        for head in ["", "P", "PRI * HTTP/2.0\r\n", "GET /hello HTTP/1.1\r\nhost: x\r\n", "GET /hel"] {
            let mut stream = server.connect();
            stream.write_all(head.as_bytes()).unwrap();
            assert_eq!(until_closed(&mut stream), b"", "{head:?}");
        }
        assert!(server.metrics.render().contains(r#"colophon_http_dropped_total{what="slow_head"} 5"#));
    }

    #[test]
    fn a_connection_is_kept_between_requests_for_longer_than_a_head_may_take() {
        let server = Running::start(quick());
        let mut stream = server.connect();
        let begun = Instant::now();
        assert!(get(&mut stream, "/hello").starts_with("HTTP/1.1 200"));
        until_closed(&mut stream);
        assert!(begun.elapsed() >= Duration::from_millis(600), "{:?}", begun.elapsed());
        assert!(server.metrics.render().contains(r#"what="slow_head"} 0"#));
    }

    #[test]
    fn every_response_is_hardened_and_counted() {
        let server = Running::start(quick());
        let answer = get(&mut server.connect(), "/hello");
        for header in ["x-content-type-options: nosniff", "content-security-policy: default-src 'none'"] {
            assert!(answer.contains(header), "{answer}");
        }
        assert!(server.metrics.render().contains(r#"resource="none",method="GET",status="2xx"} 1"#));
    }

    #[test]
    fn l07_a_client_that_does_not_read_is_dropped() {
        let server = Running::start(quick());
        let mut stream = server.connect();
        stream.write_all(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        let mut first = [0; 16];
        stream.read_exact(&mut first).unwrap();
        let waited = Instant::now();
        while server.metrics.connections() > 0 {
            assert!(waited.elapsed() < Duration::from_secs(10), "the connection is kept");
            std::thread::yield_now();
        }
        assert!(server.metrics.render().contains(r#"what="slow_read"} 1"#));
    }

    #[test]
    fn when_full_the_newcomer_is_refused_unless_somebody_waits_for_nothing() {
        let mut options = quick();
        options.max_connections = 2;
        options.deadlines = Deadlines::default();
        let server = Running::start(options);
        // Two requests in progress: nobody may be sent away for the third.
        let mut busy: Vec<_> = (0..2).map(|_| server.connect()).collect();
        for stream in &mut busy {
            begin(stream, 2);
            stream.write_all(b"a").unwrap();
        }
        let refusal = String::from_utf8(until_closed(&mut server.connect())).unwrap();
        assert!(refusal.starts_with("HTTP/1.1 503 "), "{refusal}");
        assert!(refusal.contains("retry-after: ") && refusal.contains(r#""code":"overloaded""#), "{refusal}");
        // One finishes and then waits for a second: it makes room.
        busy[0].write_all(b"b").unwrap();
        assert!(busy[0].read(&mut [0; 4096]).unwrap() > 0);
        let waited = Instant::now();
        while !get(&mut server.connect(), "/hello").starts_with("HTTP/1.1 200") {
            assert!(waited.elapsed() < Duration::from_secs(5), "nobody made room");
        }
        assert_eq!(until_closed(&mut busy[0]), b"");
        busy[1].write_all(b"b").unwrap();
        assert!(busy[1].read(&mut [0; 4096]).unwrap() > 0, "a request in progress was dropped");
    }

    #[test]
    fn stopping_finishes_what_was_begun_and_lets_nobody_in() {
        let mut server = Running::start(Options { deadlines: Deadlines::default(), ..quick() });
        let mut begun = server.connect();
        begin(&mut begun, 4);
        begun.write_all(b"ab").unwrap();
        let mut idle = server.connect();
        assert!(get(&mut idle, "/hello").starts_with("HTTP/1.1 200"));
        drop(server.stop.take());
        assert_eq!(until_closed(&mut idle), b"");
        begun.write_all(b"cd").unwrap();
        let answer = String::from_utf8(until_closed(&mut begun)).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("abcd"), "{answer}");
        assert_eq!(server.end(), Ok(()));
        assert!(StdStream::connect(server.address).is_err());
    }

    #[test]
    fn i10_a_log_that_must_stop_stops_the_server_with_its_reason() {
        let mut server = Running::start(quick());
        let mut stuck = server.connect();
        stuck.write_all(b"POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n").unwrap();
        let reason = Error::new(Code::StoreCorrupt, "an fsync failed");
        server.fatal.send_replace(Some(reason.clone()));
        let _stop = server.stop.take();
        assert_eq!(server.thread.take().unwrap().join().unwrap(), Err(reason));
    }
}
