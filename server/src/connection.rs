//! One connection, HTTP/1 or HTTP/2 without TLS, from its first byte to its last.
//!
//! TLS is the business of whoever stands in front. What happens to one request is in [`exchange`].

mod exchange;
#[cfg(test)]
mod frames;

use std::convert::Infallible;
use std::fmt::Display;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::Request;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulConnection;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::watch;
use warp::filters::BoxedFilter;

use self::exchange::{Exchange, admit};
use crate::activity::{Activity, Deadlines, Tracked, Verdict, Watched};
use crate::metrics::Metrics;

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

/// Serves a connection until it ends, is dropped for its slowness, or is asked to end.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    socket: TcpStream,
    address: SocketAddr,
    activity: Arc<Activity>,
    draining: watch::Receiver<bool>,
) {
    let io = TokioIo::new(Watched::new(socket, Arc::clone(&activity)));
    let routes = TowerToHyperService::new(warp::service(shared.routes.clone()));
    let (watched, metrics) = (Arc::clone(&activity), Arc::clone(&shared.metrics));
    let handler = service_fn(move |mut request: Request<Incoming>| {
        let in_flight = watched.begin(request.version());
        let exchange = Exchange::begin(&request);
        let peer = Peer { address, activity: Arc::clone(&watched), request: in_flight.number() };
        let answer = admit(&mut request, peer).map(|()| routes.call(request));
        let metrics = Arc::clone(&metrics);
        async move {
            let answer = match answer {
                Ok(answer) => answer.await?,
                Err(problem) => problem.into_response(),
            };
            let answer = exchange.end(answer, &metrics);
            Ok::<_, Infallible>(answer.map(|body| Tracked::new(body, in_flight)))
        }
    });
    let builder = protocols();
    let connection = pin!(builder.serve_connection(io, handler));
    watch_over(connection, &shared, &activity, draining).await;
}

/// Both protocols with their limits.
fn protocols() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // Whoever watches over the connection also covers what comes before a head, and is longer between two requests.
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
    builder
}

/// Drives a connection to its end: its own, or that which its slowness, the need for room or the end of the server set.
async fn watch_over<C: GracefulConnection>(
    mut connection: Pin<&mut C>,
    shared: &Shared,
    activity: &Activity,
    mut draining: watch::Receiver<bool>,
) where
    C::Error: Display,
{
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use std::io::Write;

    use super::frames::{DATA, GOAWAY, HEADERS, PING, frame, next_frame, preface};
    use super::*;
    use crate::testing::TestServer;
    use crate::{Options, serve};

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
