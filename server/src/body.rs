//! Request bodies: refused before they are read where that is possible, and never without a limit of size, time and
//! memory.
//!
//! A body is identity-encoded, announces its length, and arrives at 64 KiB a second or more after its first ten
//! seconds. All bodies in memory together stay under [`ROOM`], and those of one address under [`SHARE`]. Nothing is ever
//! decompressed.

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::{Stream, StreamExt};
use hyper::HeaderMap;
use hyper::header::{self, HeaderValue};
use ledger::Code;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::connection::Peer;
use crate::limits::{Origin, soon};
use crate::problem::Problem;

/// All request bodies in memory together (DESIGN §12).
const ROOM: usize = 64 << 20;

/// What the bodies of one address may take of it: a half, two batches of the largest size, so that nobody alone can keep
/// everybody else out.
const SHARE: usize = ROOM / 2;

/// What a body may take for its first byte, and what a pause may last: a client in a train.
const PATIENCE: Duration = Duration::from_secs(10);

/// The slowest body: 16 MiB in 4 minutes 16 seconds.
const BYTES_PER_SECOND: u64 = 64 << 10;

/// What is still taken from a client whose body is refused, so that it finds the refusal: one that goes on writing
/// to a closed connection sees a reset and not the answer. The largest body that any route takes.
const IGNORED: usize = 16 << 20;

/// How long that may last.
const IGNORED_FOR: Duration = Duration::from_secs(2);

/// The memory that all request bodies of a server share.
#[derive(Debug)]
pub struct Bodies {
    room: Arc<Semaphore>,
    size: usize,
    share: usize,
    shares: Shares,
    patience: Duration,
}

/// How many bytes are held for each address that holds any.
type Shares = Arc<Mutex<HashMap<Origin, usize>>>;

impl Default for Bodies {
    fn default() -> Self {
        Self::new(ROOM, SHARE, PATIENCE)
    }
}

/// A body in memory, and its part of the room until it is dropped.
#[derive(Debug)]
pub struct Held {
    /// The bytes as they were sent.
    pub bytes: Bytes,
    _room: Part,
}

/// A part of the room, of all and of one address, until it is dropped.
#[derive(Debug)]
struct Part {
    permit: OwnedSemaphorePermit,
    origin: Origin,
    shares: Shares,
}

impl Drop for Part {
    fn drop(&mut self) {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = shares.get_mut(&self.origin) {
            *held = held.saturating_sub(self.permit.num_permits());
            if *held == 0 {
                shares.remove(&self.origin);
            }
        }
    }
}

/// Which bodies a route takes.
#[derive(Debug, Clone, Copy)]
pub struct Takes {
    /// The largest.
    pub max: usize,
    /// Whether it must say that it is JSON, if it says what it is.
    pub json: bool,
}

impl Bodies {
    /// Room for so many bytes, of which one address may take a share, with so much patience.
    pub fn new(room: usize, share: usize, patience: Duration) -> Self {
        Self { room: Arc::new(Semaphore::new(room)), size: room, share, shares: Shares::default(), patience }
    }

    /// How many bytes are held.
    pub fn held(&self) -> usize {
        self.size.saturating_sub(self.room.available_permits())
    }

    /// Reads a body. `admits` is asked, with the announced length, before the first byte is read.
    ///
    /// # Errors
    /// `encoding_refused`, `media_type_refused`, `length_required`, `too_large`, what `admits` says, and `overloaded`,
    /// all before reading; `request_timeout`, `overloaded` and `bad_request` while reading.
    pub async fn read<S, B, E>(
        &self,
        peer: &Peer,
        origin: Origin,
        headers: &HeaderMap,
        stream: S,
        takes: Takes,
        admits: impl FnOnce(usize) -> Result<(), Problem>,
    ) -> Result<Held, Problem>
    where
        S: Stream<Item = Result<B, E>> + Send + 'static,
        B: Buf + Send + 'static,
        E: Send + 'static,
    {
        let announced = announced(headers, takes).and_then(|length| {
            admits(length)?;
            let room = self.room.available_permits().min(self.left(origin));
            if room < length { Err(no_room()) } else { Ok(length) }
        });
        let length = match announced {
            Ok(length) => length,
            Err(problem) => {
                // A client that asked first has sent nothing yet.
                if !headers.contains_key(header::EXPECT) {
                    tokio::spawn(ignore(stream));
                }
                return Err(problem);
            }
        };
        self.collect(peer, origin, stream, length).await
    }

    /// Takes room as bytes arrive and not before: who announces much and sends little holds little.
    async fn collect<S, B, E>(&self, peer: &Peer, origin: Origin, stream: S, length: usize) -> Result<Held, Problem>
    where
        S: Stream<Item = Result<B, E>>,
        B: Buf,
    {
        let mut stream = pin!(stream);
        let mut room = self.part(origin)?;
        // hyper hands out slices of its read buffer; kept, each would keep the whole buffer.
        let mut body = Vec::with_capacity(length.min(64 << 10));
        let mut deadline = Instant::now() + self.patience;
        loop {
            let chunk = match tokio::time::timeout_at(deadline, stream.next()).await {
                Err(_) => return Err(too_slow(body.len(), length)),
                Ok(Some(Err(_))) => return Err(Problem::new(Code::BadRequest, "the body ended early")),
                Ok(None) => break,
                Ok(Some(Ok(chunk))) => chunk,
            };
            let taken = chunk.remaining();
            if body.len() + taken > length {
                return Err(Problem::new(Code::TooLarge, "the body is longer than announced"));
            }
            self.take(&mut room, taken)?;
            bytes::BufMut::put(&mut body, chunk);
            peer.moved();
            let earned = Duration::from_micros(taken as u64 * 1_000_000 / BYTES_PER_SECOND);
            // A pause lasts no longer than the patience, however much came before it.
            deadline = (deadline + earned).min(Instant::now() + self.patience);
        }
        if body.len() < length {
            return Err(Problem::new(Code::BadRequest, "the body is shorter than announced"));
        }
        Ok(Held { bytes: body.into(), _room: room })
    }

    /// What an address may take yet of its share.
    fn left(&self, origin: Origin) -> usize {
        if origin.is_free() {
            return usize::MAX;
        }
        let held = self.shares.lock().unwrap_or_else(PoisonError::into_inner).get(&origin).copied();
        self.share.saturating_sub(held.unwrap_or_default())
    }

    /// A part of no bytes yet.
    fn part(&self, origin: Origin) -> Result<Part, Problem> {
        let permit = Arc::clone(&self.room).try_acquire_many_owned(0).map_err(|_| no_room())?;
        Ok(Part { permit, origin, shares: Arc::clone(&self.shares) })
    }

    fn take(&self, part: &mut Part, bytes: usize) -> Result<(), Problem> {
        let permits = u32::try_from(bytes).map_err(|_| no_room())?;
        let permit = Arc::clone(&self.room).try_acquire_many_owned(permits).map_err(|_| no_room())?;
        if !part.origin.is_free() {
            let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
            let held = shares.get(&part.origin).copied().unwrap_or_default();
            if self.share.saturating_sub(held) < bytes {
                return Err(no_room());
            }
            shares.insert(part.origin, held + bytes);
        }
        part.permit.merge(permit);
        Ok(())
    }
}

/// The length of a body that may be read, from the request's head alone.
fn announced(headers: &HeaderMap, takes: Takes) -> Result<usize, Problem> {
    for encoding in headers.get_all(header::CONTENT_ENCODING) {
        if !encoding.as_bytes().eq_ignore_ascii_case(b"identity") {
            return Err(Problem::new(Code::EncodingRefused, "the request has a Content-Encoding"));
        }
    }
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    if takes.json && kind.is_some_and(|kind| !is_json(kind)) {
        return Err(Problem::new(Code::MediaTypeRefused, "the Content-Type is not one of JSON"));
    }
    let length = headers.get(header::CONTENT_LENGTH).filter(|_| !headers.contains_key(header::TRANSFER_ENCODING));
    let Some(length) = length else {
        return Err(Problem::new(Code::LengthRequired, "the request has no Content-Length"));
    };
    let length: u64 = length
        .to_str()
        .ok()
        .and_then(|length| length.parse().ok())
        .ok_or_else(|| Problem::new(Code::LengthRequired, "the Content-Length is not a number"))?;
    usize::try_from(length)
        .ok()
        .filter(|length| *length <= takes.max)
        .ok_or_else(|| Problem::new(Code::TooLarge, format!("{length} bytes; the limit is {}", takes.max)))
}

/// `application/json`, `application/vnd.in-toto+json`, `application/x-ndjson` and their like, with any parameters.
fn is_json(content_type: &[u8]) -> bool {
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let subtype = essence.iter().position(|byte| *byte == b'/').map(|slash| &essence[slash + 1..]);
    subtype.is_some_and(|subtype| {
        let subtype = subtype.to_ascii_lowercase();
        subtype == b"jsonl" || subtype == b"json-seq" || subtype.ends_with(b"json")
    })
}

async fn ignore<S, B, E>(stream: S)
where
    S: Stream<Item = Result<B, E>>,
    B: Buf,
{
    let ignored = async {
        let mut stream = pin!(stream);
        let mut left = IGNORED;
        while let Some(Ok(chunk)) = stream.next().await {
            match left.checked_sub(chunk.remaining()) {
                Some(rest) => left = rest,
                None => break,
            }
        }
    };
    let _ = tokio::time::timeout(IGNORED_FOR, ignored).await;
}

fn no_room() -> Problem {
    Problem::new(Code::Overloaded, "too many request bodies at once").retry_after(soon())
}

fn too_slow(read: usize, length: usize) -> Problem {
    Problem::new(Code::RequestTimeout, format!("{read} of {length} bytes had arrived"))
        .header(header::CONNECTION, HeaderValue::from_static("close"))
}

/// Runs work that takes long enough to hold up others, a millisecond or more, where it does not.
pub(crate) async fn heavy<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Problem::new(Code::Internal, "a task of the server failed"))
}

/// Waits for `future`, but not longer than `patience`.
pub(crate) async fn within<F: Future>(patience: Duration, future: F) -> Option<F::Output> {
    tokio::time::timeout(patience, future).await.ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use futures_util::stream;

    use super::*;
    use crate::limits::{self, Limits};

    const TAKES: Takes = Takes { max: 100, json: true };

    fn peer() -> Peer {
        Peer::from(std::net::SocketAddr::from(([127, 0, 0, 1], 1)))
    }

    /// From where nothing is limited.
    fn free() -> Origin {
        Limits::new(limits::Options::default()).origin(&peer(), &HeaderMap::new())
    }

    fn from(address: [u8; 4]) -> Origin {
        let peer = Peer::from(std::net::SocketAddr::from((address, 1)));
        Limits::new(limits::Options::default()).origin(&peer, &HeaderMap::new())
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn body(chunks: &[&'static str]) -> impl Stream<Item = Result<Bytes, ()>> + Send + use<> {
        stream::iter(chunks.iter().map(|chunk| Ok(Bytes::from_static(chunk.as_bytes()))).collect::<Vec<_>>())
    }

    async fn read(bodies: &Bodies, pairs: &[(&'static str, &str)], chunks: &[&'static str]) -> Result<Held, Problem> {
        bodies.read(&peer(), free(), &headers(pairs), body(chunks), TAKES, |_| Ok(())).await
    }

    #[tokio::test]
    async fn a_body_is_put_together_and_gives_its_room_back() {
        let bodies = Bodies::default();
        let held = read(&bodies, &[("content-length", "4")], &["ab", "cd"]).await.unwrap();
        assert_eq!(held.bytes, "abcd");
        assert_eq!(bodies.held(), 4);
        drop(held);
        assert_eq!(bodies.held(), 0);
    }

    #[tokio::test]
    async fn b01_what_the_head_gives_away_is_refused_before_reading() {
        let bodies = Bodies::default();
        let cases: [(&[(&str, &str)], Code); 8] = [
            (&[("content-length", "101")], Code::TooLarge),
            (&[("content-length", "18446744073709551615")], Code::TooLarge),
            (&[("content-length", "4"), ("content-encoding", "gzip")], Code::EncodingRefused),
            (&[("content-length", "4"), ("content-encoding", "")], Code::EncodingRefused),
            (&[], Code::LengthRequired),
            (&[("transfer-encoding", "chunked")], Code::LengthRequired),
            (&[("content-length", "4"), ("transfer-encoding", "chunked")], Code::LengthRequired),
            (&[("content-length", "4"), ("content-type", "text/plain")], Code::MediaTypeRefused),
        ];
        for (pairs, code) in cases {
            let never = stream::poll_fn(|_| -> std::task::Poll<Option<Result<Bytes, ()>>> { panic!("it was read") });
            let pairs: Vec<_> = pairs.iter().copied().chain([("expect", "100-continue")]).collect();
            let answer = bodies.read(&peer(), free(), &headers(&pairs), never, TAKES, |_| panic!("asked")).await;
            assert_eq!(answer.unwrap_err().code(), code, "{pairs:?}");
        }
    }

    #[tokio::test]
    async fn every_spelling_of_json_is_taken() {
        for kind in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/vnd.in-toto+json",
            "application/vnd.dsse.envelope.v1+json",
            "application/x-ndjson",
            "application/jsonl",
        ] {
            assert!(is_json(kind.as_bytes()), "{kind}");
        }
        assert!(!is_json(b"json") && !is_json(b"application/x-www-form-urlencoded") && !is_json(b""));
    }

    #[tokio::test]
    async fn a_body_that_is_not_as_long_as_announced_is_refused() {
        let bodies = Bodies::default();
        let problem = read(&bodies, &[("content-length", "3")], &["ab", "cd"]).await.unwrap_err();
        assert_eq!(problem.code(), Code::TooLarge);
        let problem = read(&bodies, &[("content-length", "5")], &["ab", "cd"]).await.unwrap_err();
        assert_eq!(problem.code(), Code::BadRequest);
        assert_eq!(bodies.held(), 0);
    }

    #[tokio::test]
    async fn a_body_that_ends_early_is_refused_and_gives_its_room_back() {
        let bodies = Bodies::default();
        let cut = stream::iter([Ok(Bytes::from_static(b"ab")), Err(())]);
        let problem = bodies.collect(&peer(), free(), cut, 4).await.unwrap_err();
        assert_eq!((problem.code(), problem.error().detail()), (Code::BadRequest, "the body ended early"));
        assert_eq!(bodies.held(), 0);
    }

    #[tokio::test]
    async fn room_is_taken_by_bytes_and_not_by_promises() {
        let bodies = Bodies::new(6, 6, PATIENCE);
        let peer = peer();
        let promise = bodies.collect(&peer, free(), stream::pending::<Result<Bytes, ()>>(), 6);
        let mut promise = pin!(promise);
        assert!(futures_util::poll!(promise.as_mut()).is_pending());
        let held = read(&bodies, &[("content-length", "4")], &["abcd"]).await.unwrap();
        let problem = read(&bodies, &[("content-length", "4")], &["abcd"]).await.unwrap_err();
        assert_eq!(problem.code(), Code::Overloaded);
        assert!(problem.into_response().headers().contains_key("retry-after"));
        drop(held);
        assert!(read(&bodies, &[("content-length", "6")], &["abcdef"]).await.is_ok());
    }

    #[tokio::test]
    async fn one_address_takes_its_share_and_leaves_the_rest_to_others() {
        let bodies = Bodies::new(12, 6, PATIENCE);
        let (peer, four) = (peer(), headers(&[("content-length", "4")]));
        let read = async |origin| bodies.read(&peer, origin, &four, body(&["abcd"]), TAKES, |_| Ok(())).await;
        let (one, other) = (from([192, 0, 2, 1]), from([192, 0, 2, 2]));
        let first = read(one).await.unwrap();
        assert_eq!(read(one).await.unwrap_err().code(), Code::Overloaded, "by its head");
        // Two that were announced while there was room for either: the bytes count.
        let promise = bodies.collect(&peer, other, stream::pending::<Result<Bytes, ()>>(), 4);
        let mut promise = pin!(promise);
        assert!(futures_util::poll!(promise.as_mut()).is_pending());
        let second = read(other).await.unwrap();
        let late = bodies.collect(&peer, other, body(&["abcd"]), 4).await;
        assert_eq!(late.unwrap_err().code(), Code::Overloaded, "by its bytes");
        assert!(read(free()).await.is_ok(), "the rest is there for whoever comes");
        assert_eq!(bodies.held(), 8);
        drop((first, second));
        assert_eq!((bodies.held(), bodies.shares.lock().unwrap().len()), (0, 0));
        assert!(read(one).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn l07_a_body_that_trickles_ends_and_one_that_flows_does_not() {
        let bodies = Bodies::default();
        // One byte every second earns nothing to speak of.
        let trickle = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Some((Ok::<_, ()>(Bytes::from_static(b"x")), ()))
        });
        let begun = Instant::now();
        let problem = bodies.collect(&peer(), free(), trickle, 10_000).await.unwrap_err();
        assert_eq!(problem.code(), Code::RequestTimeout);
        assert_eq!(problem.status(), 408);
        assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
        // Who has sent nearly all at once has earned no pause of minutes.
        let most = stream::once(async { Ok::<_, ()>(Bytes::from(vec![0; 9 << 20])) });
        let rest = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_secs(6)).await;
            Some((Ok::<_, ()>(Bytes::from_static(b"x")), ()))
        });
        let begun = Instant::now();
        let problem = bodies.collect(&peer(), free(), most.chain(rest), 10 << 20).await.unwrap_err();
        assert_eq!(problem.code(), Code::RequestTimeout);
        assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
        // 128 KiB a second for two minutes.
        let flow = stream::unfold(0, |sent| async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            (sent < 120).then(|| (Ok::<_, ()>(Bytes::from(vec![0; 128 << 10])), sent + 1))
        });
        assert!(bodies.collect(&peer(), free(), flow, 120 * (128 << 10)).await.is_ok());
    }
}
