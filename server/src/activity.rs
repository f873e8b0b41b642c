//! What one connection is doing and since when, and whether it has been at it for too long.
//!
//! hyper has a deadline for a request's head and none for the rest; warp has none at all. A connection is watched
//! here instead, at the two places that everything passes: the socket ([`Watched`]) and the request ([`InFlight`]).
//! Reading a body has its own deadline, in [`crate::body`]. There is no timer in this file: whoever serves the
//! connection asks for a [`Verdict`] now and then.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::Version;
use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How long a connection may take for what.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// From the first byte of a request, or from the start of the connection, to the end of the head. A head is at
    /// most 64 KiB: 10 s are enough at 64 kbit/s.
    pub head: Duration,
    /// Between two requests, and between two movements inside of one. Longer than any handler waits (10 s).
    pub idle: Duration,
    /// For the client to take [`STALL_BYTES`] once its side of the connection is full: 10 s are 6.4 KiB/s.
    pub stall: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self { head: Duration::from_secs(10), idle: Duration::from_secs(60), stall: Duration::from_secs(10) }
    }
}

/// What a client that reads slowly must take within [`Deadlines::stall`].
const STALL_BYTES: usize = 64 << 10;

/// Who has not moved for this long with no request in progress may be asked to make room for somebody else.
const EVICTABLE_AFTER: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No byte of the next request has come.
    Waiting,
    /// Bytes have come that are not yet a request. A new connection begins here, so that one that never says
    /// anything is closed after the shorter deadline.
    Head,
    /// Requests are being answered.
    Serving,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    since: Instant,
    /// When each request in progress moved last: over HTTP/2 one that stands still hides behind others that do not.
    requests: BTreeMap<u64, Instant>,
    begun: u64,
    /// Whether requests share the connection with frames that are none: then a byte is not the first of a head.
    framed: bool,
    /// Since when the socket has refused bytes, and how many it took since.
    stalled: Option<(Instant, usize)>,
}

/// What is to be done with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Ask again later.
    Keep,
    /// It waited for a request for too long: close it in an orderly way.
    Finish,
    /// It took too long over something: drop it. The word goes to the metrics.
    Drop(&'static str),
}

/// What one connection is doing. Shared by its socket, its requests and the one who serves it.
#[derive(Debug)]
pub(crate) struct Activity {
    state: Mutex<State>,
    /// Tells the one who serves the connection to drop it.
    pub(crate) evict: tokio::sync::Notify,
}

impl Activity {
    pub(crate) fn new(now: Instant) -> Arc<Self> {
        let (phase, requests) = (Phase::Head, BTreeMap::new());
        let state = State { phase, since: now, requests, begun: 0, framed: false, stalled: None };
        Arc::new(Self { state: Mutex::new(state), evict: tokio::sync::Notify::new() })
    }

    /// Whether this connection has been at it for too long.
    pub(crate) fn verdict(&self, now: Instant, deadlines: &Deadlines) -> Verdict {
        let state = self.lock();
        if let Some((since, _)) = state.stalled
            && now.saturating_duration_since(since) >= deadlines.stall
        {
            return Verdict::Drop("slow_read");
        }
        let since = match state.phase {
            Phase::Serving => state.requests.values().min().copied().unwrap_or(state.since),
            Phase::Waiting | Phase::Head => state.since,
        };
        let elapsed = now.saturating_duration_since(since);
        match state.phase {
            Phase::Head if elapsed >= deadlines.head => Verdict::Drop("slow_head"),
            Phase::Waiting if elapsed >= deadlines.idle => Verdict::Finish,
            Phase::Serving if elapsed >= deadlines.idle => Verdict::Drop("no_progress"),
            _ => Verdict::Keep,
        }
    }

    /// Since when the connection could make room for another one; `None` while it should be left alone.
    pub(crate) fn evictable_since(&self, now: Instant) -> Option<Instant> {
        let state = self.lock();
        let idle = state.requests.is_empty() && now.saturating_duration_since(state.since) >= EVICTABLE_AFTER;
        idle.then_some(state.since)
    }

    /// Notes that a request began. It is in progress until the value is dropped.
    pub(crate) fn begin(self: &Arc<Self>, version: Version) -> InFlight {
        let mut state = self.lock();
        state.framed = version >= Version::HTTP_2;
        state.begun += 1;
        let number = state.begun;
        state.phase = Phase::Serving;
        state.since = Instant::now();
        let now = state.since;
        state.requests.insert(number, now);
        InFlight(Arc::clone(self), number)
    }

    fn came_in(&self) {
        let mut state = self.lock();
        match state.phase {
            // A ping or a window of HTTP/2 begins no request. It does not keep the connection either.
            Phase::Waiting if state.framed => {}
            Phase::Waiting => {
                state.phase = Phase::Head;
                state.since = Instant::now();
            }
            // The clock of a head runs from its first byte; what comes in beside a request, such as pings of HTTP/2,
            // does not move that request.
            Phase::Head | Phase::Serving => {}
        }
    }

    /// Notes that a request in progress got further.
    pub(crate) fn moved(&self, number: u64) {
        let mut state = self.lock();
        if let Some(moved) = state.requests.get_mut(&number) {
            *moved = Instant::now();
        }
    }

    fn went_out(&self, bytes: usize) {
        let mut state = self.lock();
        let taken = state.stalled.map_or(0, |(_, taken)| taken + bytes);
        if taken >= STALL_BYTES {
            state.stalled = Some((Instant::now(), 0));
        } else if let Some(stalled) = &mut state.stalled {
            stalled.1 = taken;
        }
    }

    fn stalled(&self) {
        let mut state = self.lock();
        if state.stalled.is_none() {
            state.stalled = Some((Instant::now(), 0));
        }
    }

    fn drained(&self) {
        self.lock().stalled = None;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here can panic between two writes.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request in progress.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Activity>, u64);

impl InFlight {
    /// Which one of the connection's requests it is.
    pub(crate) const fn number(&self) -> u64 {
        self.1
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.requests.remove(&self.1);
        state.since = Instant::now();
        if state.requests.is_empty() {
            state.phase = Phase::Waiting;
        }
    }
}

/// A socket that notes what passes.
#[derive(Debug)]
pub(crate) struct Watched<S> {
    socket: S,
    activity: Arc<Activity>,
}

impl<S> Watched<S> {
    pub(crate) fn new(socket: S, activity: Arc<Activity>) -> Self {
        Self { socket, activity }
    }

    fn note(&self, written: &Poll<io::Result<usize>>) {
        match written {
            Poll::Pending => self.activity.stalled(),
            Poll::Ready(Ok(bytes)) => self.activity.went_out(*bytes),
            Poll::Ready(Err(_)) => {}
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.socket).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.activity.came_in();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(cx, buf);
        self.note(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(cx, bufs);
        self.note(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    /// hyper flushes once it has nothing left to write: the client has kept up.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.activity.drained();
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

/// A response body that keeps its request in progress until it is sent or given up.
#[derive(Debug)]
pub(crate) struct Tracked<B> {
    body: B,
    request: InFlight,
}

impl<B> Tracked<B> {
    pub(crate) fn new(body: B, request: InFlight) -> Self {
        Self { body, request }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Tracked<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if frame.is_ready() {
            self.request.0.moved(self.request.1);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    const DEADLINES: Deadlines =
        Deadlines { head: Duration::from_secs(10), idle: Duration::from_secs(60), stall: Duration::from_secs(10) };

    fn after(seconds: u64) -> Instant {
        Instant::now() + Duration::from_secs(seconds)
    }

    #[test]
    fn l07_a_connection_that_says_nothing_is_dropped_with_the_deadline_of_a_head() {
        let activity = Activity::new(Instant::now());
        assert_eq!(activity.verdict(after(9), &DEADLINES), Verdict::Keep);
        assert_eq!(activity.verdict(after(11), &DEADLINES), Verdict::Drop("slow_head"));
        activity.came_in();
        assert_eq!(activity.verdict(after(11), &DEADLINES), Verdict::Drop("slow_head"));
    }

    #[test]
    fn a_connection_between_requests_has_the_longer_deadline_until_a_byte_comes() {
        let activity = Activity::new(Instant::now());
        drop(activity.begin(Version::HTTP_11));
        assert_eq!(activity.verdict(after(11), &DEADLINES), Verdict::Keep);
        assert_eq!(activity.verdict(after(61), &DEADLINES), Verdict::Finish);
        activity.came_in();
        assert_eq!(activity.verdict(after(11), &DEADLINES), Verdict::Drop("slow_head"));
    }

    #[test]
    fn what_comes_between_two_requests_of_http_2_is_no_head() {
        let activity = Activity::new(Instant::now());
        activity.came_in();
        assert_eq!(activity.verdict(after(11), &DEADLINES), Verdict::Drop("slow_head"), "the preface is one");
        drop(activity.begin(Version::HTTP_2));
        activity.came_in();
        assert_eq!(activity.verdict(after(11), &DEADLINES), Verdict::Keep, "a ping is none");
        assert_eq!(activity.verdict(after(61), &DEADLINES), Verdict::Finish, "and keeps nothing open");
    }

    #[test]
    fn a_request_in_progress_is_not_evicted_and_not_kept_for_ever() {
        let activity = Activity::new(Instant::now());
        assert!(activity.evictable_since(Instant::now()).is_none());
        assert!(activity.evictable_since(after(2)).is_some());
        let request = activity.begin(Version::HTTP_11);
        let other = activity.begin(Version::HTTP_11);
        drop(other);
        assert!(activity.evictable_since(after(2)).is_none());
        assert_eq!(activity.verdict(after(59), &DEADLINES), Verdict::Keep);
        assert_eq!(activity.verdict(after(61), &DEADLINES), Verdict::Drop("no_progress"));
        drop(request);
        assert!(activity.evictable_since(after(2)).is_some());
    }

    #[test]
    fn l07_a_request_that_stands_still_does_not_hide_behind_others() {
        let activity = Activity::new(Instant::now());
        let stuck = activity.begin(Version::HTTP_11);
        let long_ago = Instant::now().checked_sub(Duration::from_secs(61)).unwrap();
        *activity.lock().requests.get_mut(&stuck.number()).unwrap() = long_ago;
        let other = activity.begin(Version::HTTP_11);
        activity.moved(other.number());
        drop(activity.begin(Version::HTTP_11));
        assert_eq!(activity.verdict(Instant::now(), &DEADLINES), Verdict::Drop("no_progress"));
        activity.moved(stuck.number());
        assert_eq!(activity.verdict(Instant::now(), &DEADLINES), Verdict::Keep);
        drop((stuck, other));
        assert_eq!(activity.verdict(after(61), &DEADLINES), Verdict::Finish);
    }

    #[test]
    fn l07_a_client_that_takes_a_few_bytes_now_and_then_is_dropped() {
        let activity = Activity::new(Instant::now());
        let _request = activity.begin(Version::HTTP_11);
        activity.stalled();
        activity.went_out(100);
        activity.stalled();
        assert_eq!(activity.verdict(after(11), &DEADLINES), Verdict::Drop("slow_read"));
        activity.drained();
        assert_eq!(activity.verdict(after(11), &DEADLINES), Verdict::Keep);
        activity.stalled();
        activity.went_out(STALL_BYTES);
        assert_eq!(activity.verdict(after(9), &DEADLINES), Verdict::Keep);
    }
}
