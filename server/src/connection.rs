//! One connection, HTTP/1 or HTTP/2 without TLS, from its first byte to its last.
//!
//! TLS is the business of whoever stands in front.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::body::{Body as _, Incoming};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::service::{Service, service_fn};
use hyper::{Method, Request, StatusCode, Version};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use ledger::Code;
use tokio::net::TcpStream;
use tokio::sync::watch;
use warp::filters::BoxedFilter;

use crate::activity::{Activity, Deadlines, Tracked, Verdict, Watched};
use crate::cors;
use crate::metrics::{Metrics, Resource};
use crate::openapi;
use crate::problem::Problem;

/// The longest request head, and what a connection reads ahead: 1,000 connections hold 64 MiB at the most.
const READ_AHEAD: usize = 64 << 10;

/// Requests that one HTTP/2 connection may have in progress.
const MAX_STREAMS: u32 = 64;

/// What an HTTP/2 client may send before a handler asks for it, over all its streams.
const WINDOW: u32 = 64 << 10;

/// The largest head of an HTTP/2 request.
const MAX_H2_HEAD: u32 = 16 << 10;

/// How long a connection has to end in an orderly way once it was asked to.
const FAREWELL: Duration = Duration::from_secs(1);

/// Who sent a request. In the extensions of every request.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The other end of the connection.
    pub address: SocketAddr,
    activity: Arc<Activity>,
    request: u64,
}

impl Peer {
    /// Notes that a body got further, so that a long upload is not taken for a dead one.
    pub(crate) fn moved(&self) {
        self.activity.moved(self.request);
    }
}

impl From<SocketAddr> for Peer {
    /// A peer on no connection, for requests that came another way.
    fn from(address: SocketAddr) -> Self {
        Self { address, activity: Activity::new(Instant::now()), request: 0 }
    }
}

/// What all connections of a server have in common.
pub(crate) struct Shared {
    pub(crate) routes: BoxedFilter<(warp::reply::Response,)>,
    pub(crate) deadlines: Deadlines,
    pub(crate) metrics: Arc<Metrics>,
}

/// The head of an answer alone. Over HTTP/1 hyper leaves the body out by itself; over HTTP/2 it would send it.
fn without_body(response: &mut warp::reply::Response) {
    // What has no body with GET either has no length: 0 would be that of another answer.
    let bodiless = matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if let Some(length) = response.body().size_hint().exact().filter(|_| !bodiless) {
        response.headers_mut().entry(header::CONTENT_LENGTH).or_insert_with(|| length.into());
    }
    *response.body_mut() = warp::reply::Response::default().into_body();
}

/// Serves a connection until it ends, is dropped for its slowness, or is asked to end.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    socket: TcpStream,
    address: SocketAddr,
    activity: Arc<Activity>,
    mut draining: watch::Receiver<bool>,
) {
    let io = TokioIo::new(Watched::new(socket, Arc::clone(&activity)));
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // The watch below also covers what comes before a head, and is longer between two requests.
        .header_read_timeout(None)
        .max_buf_size(READ_AHEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_header_list_size(MAX_H2_HEAD)
        .max_send_buf_size(READ_AHEAD);
    let routes = TowerToHyperService::new(warp::service(shared.routes.clone()));
    let watch = Arc::clone(&activity);
    let metrics = Arc::clone(&shared.metrics);
    let handler = service_fn(move |mut request: Request<Incoming>| {
        let begun = (Instant::now(), request.method().clone(), request.uri().clone());
        let in_flight = watch.begin(request.version());
        request.extensions_mut().insert(Peer { address, activity: Arc::clone(&watch), request: in_flight.number() });
        if *request.method() != Method::GET {
            // There are parts of nothing else (RFC 9110, section 14.2).
            request.headers_mut().remove(header::RANGE);
        }
        let answer = match unroutable(&request) {
            Some(problem) => Err(problem),
            None => Ok(routes.call(request)),
        };
        let metrics = Arc::clone(&metrics);
        async move {
            let mut response = match answer {
                Ok(answer) => answer.await?,
                Err(problem) => problem.into_response(),
            };
            let resource = response.extensions().get::<Resource>().copied().unwrap_or(Resource("none"));
            let (method, path) = (&begun.1, begun.2.path());
            if response.status() == StatusCode::METHOD_NOT_ALLOWED {
                response = other_method(method, path, response);
            }
            metrics.answered(resource, method, response.status(), begun.0.elapsed());
            harden(response.headers_mut());
            cors::open(method, path, response.headers_mut());
            if *method == Method::HEAD {
                without_body(&mut response);
            }
            Ok::<_, Infallible>(response.map(|body| Tracked::new(body, in_flight)))
        }
    });
    let mut connection = pin!(builder.serve_connection(io, handler));

    let glance = shared.deadlines.head.min(shared.deadlines.idle).min(shared.deadlines.stall) / 4;
    let mut look = pin!(tokio::time::sleep(glance));
    let mut ending = *draining.borrow();
    if ending {
        connection.as_mut().graceful_shutdown();
    }
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "connection");
                }
                return;
            }
            () = activity.evict.notified() => {
                // A request may have begun since this connection was chosen; it is finished then.
                if activity.evictable_since(Instant::now()).is_some() {
                    shared.metrics.event("colophon_http_dropped_total", "made_room");
                    return;
                }
            }
            changed = draining.changed(), if !ending => {
                ending = true;
                // A sender that is gone says the same as `true`.
                drop(changed);
                connection.as_mut().graceful_shutdown();
            }
            () = look.as_mut() => {
                match activity.verdict(Instant::now(), &shared.deadlines) {
                    Verdict::Keep => look.as_mut().reset(tokio::time::Instant::now() + glance),
                    Verdict::Drop(why) => {
                        shared.metrics.event("colophon_http_dropped_total", why);
                        return;
                    }
                    Verdict::Finish => {
                        connection.as_mut().graceful_shutdown();
                        let _ = tokio::time::timeout(FAREWELL, connection).await;
                        return;
                    }
                }
            }
        }
    }
}

/// The answer to a method that an address does not take: which ones it does take.
fn other_method(method: &Method, path: &str, mut refusal: warp::reply::Response) -> warp::reply::Response {
    if *method == Method::OPTIONS
        && let Some(options) = cors::options(path)
    {
        return options;
    }
    if let Ok(methods) = HeaderValue::from_str(&openapi::allowed(path)) {
        refusal.headers_mut().entry(header::ALLOW).or_insert(methods);
    }
    refusal
}

/// What is wrong with a request that no route may see: filters look for a path, and a host that is said twice may be one to
/// whoever stands in front and another one here (RFC 9112, section 3.2).
fn unroutable<B>(request: &Request<B>) -> Option<Problem> {
    if request.method() == Method::CONNECT {
        return Some(Problem::new(Code::MethodNotAllowed, "this server is no proxy"));
    }
    if request.uri().path_and_query().is_none() {
        return Some(Problem::bad_request("request target", "it has no path"));
    }
    match (request.version(), request.headers().get_all(header::HOST).iter().count()) {
        (_, 2..) => Some(Problem::bad_request("host", "given more than once")),
        (Version::HTTP_11, 0) => Some(Problem::bad_request("host", "missing, and HTTP/1.1 asks for it")),
        _ => None,
    }
}

/// What every response says, whoever made it. A page may have said more.
fn harden(headers: &mut HeaderMap) {
    const ALWAYS: [(HeaderName, &str); 3] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ];
    for (name, value) in ALWAYS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use std::io::{Read, Write};
    use std::net::TcpStream as StdStream;

    use super::*;
    use crate::testing::TestServer;
    use crate::{Options, serve};

    /// A frame of HTTP/2 (RFC 9113, section 4.1) on stream 1, or on the connection for settings.
    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let stream = u8::from(kind != SETTINGS);
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, flags, 0, 0, 0, stream], payload].concat()
    }

    const DATA: u8 = 0;
    const HEADERS: u8 = 1;
    const SETTINGS: u8 = 4;
    const PING: u8 = 6;
    const GOAWAY: u8 = 7;

    fn next_frame(stream: &mut StdStream) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 9];
        stream.read_exact(&mut head).ok()?;
        let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
        stream.read_exact(&mut payload).ok()?;
        Some((head[3], payload))
    }

    fn preface(stream: &mut StdStream) {
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
        stream.write_all(&frame(SETTINGS, 0, b"")).unwrap();
    }

    #[test]
    fn http_2_without_tls_is_served_to_whoever_begins_with_it() {
        let server = TestServer::start();
        let mut stream = server.connect();
        preface(&mut stream);
        // HPACK (RFC 7541): GET and http from the static table, path and authority as they are.
        let path = b"/checkpoint";
        let block = [&[0x82, 0x86, 0x04, path.len() as u8], &path[..], &[0x01, 1, b'x']].concat();
        stream.write_all(&frame(HEADERS, 0x05, &block)).unwrap();
        let mut status = None;
        let mut body = Vec::new();
        while body.len() < server.app.view().unwrap().note.len() {
            match next_frame(&mut stream).expect("the server answers") {
                (HEADERS, block) => status = block.first().copied(),
                (DATA, data) => body.extend(data),
                _ => {}
            }
        }
        assert_eq!(status, Some(0x88), "200, from the static table");
        assert_eq!(body, server.app.view().unwrap().note);
    }

    /// Asks on stream 1 with this block of headers, and reads the first block that is answered.
    fn asked_over_http_2(server: &TestServer, block: &[u8]) -> Vec<u8> {
        let mut stream = server.connect();
        preface(&mut stream);
        stream.write_all(&frame(HEADERS, 0x05, block)).unwrap();
        loop {
            if let (HEADERS, block) = next_frame(&mut stream).expect("the server answers") {
                return block;
            }
        }
    }

    #[test]
    fn a_request_without_a_path_is_refused_and_ends_no_task() {
        let server = TestServer::start();
        let sent = |head: &str| server.send(format!("{head}\r\nconnection: close\r\n\r\n").as_bytes());
        let tunnel = sent("CONNECT foo:80 HTTP/1.1\r\nhost: foo:80");
        assert_eq!((tunnel.status, tunnel.problem().as_str()), (405, "method_not_allowed"));
        let no_path = sent("GET foo:80 HTTP/1.1\r\nhost: foo:80");
        assert_eq!((no_path.status, no_path.problem().as_str()), (400, "bad_request"));
        assert_eq!(sent("GET http://foo/ready HTTP/1.1\r\nhost: foo").status, 200);
        // CONNECT as a literal, and an authority: it has neither scheme nor path.
        let block = [&[0x02, 7][..], b"CONNECT", &[0x01, 4], b"x:80"].concat();
        assert_ne!(asked_over_http_2(&server, &block).first(), Some(&0x88), "not 200, from the static table");
        let counted = r#"colophon_http_requests_total{resource="none",method="other",status="4xx"} 2"#;
        assert!(server.get("/metrics").text().contains(counted));
    }

    #[test]
    fn a_request_of_http_1_1_names_its_host_once() {
        let server = TestServer::start();
        let sent = |head: &str| server.send(format!("GET /ready {head}\r\nconnection: close\r\n\r\n").as_bytes());
        for head in ["HTTP/1.1", "HTTP/1.1\r\nhost: a\r\nhost: a", "HTTP/1.0\r\nhost: a\r\nhost: b"] {
            let refused = sent(head);
            assert_eq!((refused.status, refused.problem().as_str()), (400, "bad_request"), "{head}");
        }
        for head in ["HTTP/1.1\r\nhost: a", "HTTP/1.1\r\nhost:", "HTTP/1.0"] {
            assert_eq!(sent(head).status, 200, "{head}");
        }
    }

    #[test]
    fn a_connection_of_http_2_that_pings_between_requests_is_ended_in_order() {
        let deadlines =
            Deadlines { head: Duration::from_millis(200), idle: Duration::from_millis(800), ..Deadlines::default() };
        let options = serve::Options { deadlines, ..serve::Options::default() };
        let server = TestServer::with(Options { serve: options, ..Options::default() });
        let mut stream = server.connect();
        preface(&mut stream);
        let block = [&[0x82, 0x86, 0x04, 6], &b"/ready"[..], &[0x01, 1, b'x']].concat();
        stream.write_all(&frame(HEADERS, 0x05, &block)).unwrap();
        while !matches!(next_frame(&mut stream), Some((DATA, _))) {}
        let begun = Instant::now();
        let mut ping = frame(PING, 0, &[0; 8]);
        ping[8] = 0;
        stream.write_all(&ping).unwrap();
        let mut kinds = Vec::new();
        while let Some((kind, _)) = next_frame(&mut stream) {
            kinds.push(kind);
        }
        assert!(kinds.contains(&PING) && kinds.contains(&GOAWAY), "{kinds:?}");
        assert!(begun.elapsed() >= Duration::from_millis(500), "{:?}", begun.elapsed());
        assert!(!server.app.metrics.render().contains(r#"what="slow_head"} 1"#));
    }

    #[test]
    fn l07_a_connection_of_http_2_that_asks_for_nothing_is_closed() {
        let deadlines = Deadlines { head: Duration::from_millis(200), ..Deadlines::default() };
        let options = serve::Options { deadlines, ..serve::Options::default() };
        let server = TestServer::with(Options { serve: options, ..Options::default() });
        let mut stream = server.connect();
        preface(&mut stream);
        while next_frame(&mut stream).is_some() {}
        assert!(server.app.metrics.render().contains(r#"what="slow_head"} 1"#));
    }
}
