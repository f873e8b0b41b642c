//! `POST /api/v1/records:batch`: an envelope a line in, an answer a line out, in the same order.
//!
//! ```text
//! {"line":1,"http":201,"status":"published","index":"3","record":"<64 hex>","receipt":"…",…}
//! {"line":2,"http":422,"code":"schema","title":"…","detail":"…","place":"/predicate","hint":"…",…}
//! ```
//!
//! A line is answered as if it had come alone; `http` is the status that it would have had. Blank lines are counted
//! and not answered. The white space around an envelope is not part of its body.
//!
//! Lines are checked ahead on other threads and submitted in order. A line that is refused while an earlier line of
//! the same batch could have changed that (a party, a key, the policy) is checked again once that line is sequenced,
//! so one batch may register a party and speak for it.

use std::convert::Infallible;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::future::{BoxFuture, FutureExt, Shared};
use futures_util::{Stream, StreamExt, stream};
use hyper::HeaderMap;
use ledger::error::Kind;
use ledger::log::{Sequenced, Ticket, Validated, Wait};
use ledger::record::limits::MAX_ENVELOPE;
use ledger::{Code, Error};
use serde::Serialize;
use tokio::sync::mpsc;
use warp::Reply;

use crate::app::App;
use crate::body::{Held, Takes, heavy};
use crate::connection::Peer;
use crate::limits::Origin;
use crate::problem::{Answer, Problem};
use crate::receipt::{self, Outcome, Submitted, Until};
use crate::route::content;
use crate::submit::{counts_for_its_keys, has_room, until, validate};

/// The largest batch (DESIGN §12).
const MAX_BATCH: usize = 16 << 20;

/// An envelope has at least 1 KiB or so; 16 MiB of anything shorter would be answered with far more than was sent.
const MAX_LINES: usize = 16_384;

/// Lines checked in one go: about 10 ms of work.
const CHUNK: usize = 64;

/// Chunks checked ahead of the line that is being submitted: one for each of a small machine's cores.
const CHUNKS_AHEAD: usize = 2;

/// Lines submitted and not answered yet: two commits of the largest size.
const IN_FLIGHT: usize = 2048;

/// How long a line waits for room in the log's queue before it is refused for overload. Others share that queue.
const ROOM_DEADLINE: Duration = Duration::from_secs(10);

/// How often a line that waits for room looks again.
const ROOM_GLANCE: Duration = Duration::from_millis(20);

pub(crate) async fn batch<S, B>(app: Arc<App>, peer: Peer, headers: HeaderMap, query: String, body: S) -> Answer
where
    S: Stream<Item = Result<B, warp::Error>> + Send + 'static,
    B: Buf + Send + 'static,
{
    let until = until(&query);
    let origin = app.limits.origin(&peer, &headers);
    let takes = Takes { max: MAX_BATCH, json: true };
    let admits = |length| {
        until.clone()?;
        has_room(&app, length)
    };
    let held = app.bodies.read(&peer, origin, &headers, body, takes, admits).await?;
    let lines = lines(&held.bytes);
    if lines.len() > MAX_LINES {
        return Err(Problem::new(Code::TooMany, format!("{} lines; the limit is {MAX_LINES}", lines.len())));
    }
    if lines.is_empty() {
        return Err(Problem::new(Code::BadRequest, "there is no line in the batch"));
    }
    app.limits.submit(origin, lines.len())?;
    let (answers, answered) = mpsc::channel(64);
    let job = Job { app, peer, origin, until: until?, held, lines };
    tokio::spawn(job.run(answers));
    let answers = stream::unfold(answered, |mut answered| async {
        answered.recv().await.map(|line: Bytes| (Ok::<_, Infallible>(line), answered))
    });
    let mut response = content("application/x-ndjson", "no-store", Bytes::new());
    *response.body_mut() = warp::reply::stream(answers).into_response().into_body();
    Ok(response)
}

/// A line that is not blank: its number, counted from 1, and where it stands.
type Line = (usize, Range<usize>);

fn lines(text: &[u8]) -> Vec<Line> {
    let mut start = 0;
    let numbered = text.split(|byte| *byte == b'\n').enumerate().map(|(number, line)| {
        let begin = start + (line.len() - line.trim_ascii_start().len());
        start += line.len() + 1;
        (number + 1, begin..begin + line.trim_ascii().len())
    });
    numbered.filter(|(_, place)| !place.is_empty()).collect()
}

/// A batch on its way.
struct Job {
    app: Arc<App>,
    peer: Peer,
    origin: Origin,
    until: Until,
    held: Held,
    lines: Vec<Line>,
}

/// The sequencer's answer, for the line itself and for those that wait for it.
type Awaited = Shared<BoxFuture<'static, Result<Sequenced, Error>>>;

/// How far a line has come.
enum Step {
    Submitted(Submitted, Awaited),
    Refused(Problem),
}

impl Job {
    async fn run(self, answers: mpsc::Sender<Bytes>) {
        let (steps, stepped) = mpsc::channel(IN_FLIGHT);
        let (app, until, peer) = (Arc::clone(&self.app), self.until, self.peer.clone());
        // When the client is gone, the answers stop, and with them everything that waits to be submitted.
        tokio::join!(self.submit(steps), answer(app, until, peer, stepped, answers));
    }

    /// Submits the lines in order. Ends early if nobody wants to know.
    async fn submit(self, steps: mpsc::Sender<(usize, Step)>) {
        let chunks: Vec<Vec<Line>> = self.lines.chunks(CHUNK).map(<[Line]>::to_vec).collect();
        let mut checked = stream::iter(chunks).map(|chunk| self.check(chunk)).buffered(CHUNKS_AHEAD);
        // The lines of this batch that change who may say what.
        let mut structural = Vec::new();
        while let Some(chunk) = checked.next().await {
            for (line, validated) in chunk {
                let step = self.step(&line, validated, &mut structural).await;
                if steps.send((line.0, step)).await.is_err() {
                    return;
                }
            }
        }
    }

    fn body(&self, line: &Line) -> Bytes {
        // A body of its own: a slice would keep the whole batch in memory until its last line is committed.
        Bytes::copy_from_slice(&self.held.bytes[line.1.clone()])
    }

    /// Checks some lines on another thread.
    fn check(&self, chunk: Vec<Line>) -> impl Future<Output = Vec<(Line, Result<Validated, Problem>)>> + use<> {
        let app = Arc::clone(&self.app);
        let bodies: Vec<Bytes> = chunk.iter().map(|line| self.body(line)).collect();
        let lines = chunk.clone();
        let work = heavy(move || bodies.into_iter().map(|body| check(&app, body)).collect::<Vec<_>>());
        async move {
            match work.await {
                Ok(checked) => chunk.into_iter().zip(checked).collect(),
                Err(problem) => lines.into_iter().map(|line| (line, Err(problem.clone()))).collect(),
            }
        }
    }

    async fn step(&self, line: &Line, validated: Result<Validated, Problem>, structural: &mut Vec<Awaited>) -> Step {
        let validated = match validated {
            Err(problem) if problem.error().kind() == Kind::Rejected && !structural.is_empty() => {
                // It may have been checked before an earlier line had its effect. They have it once sequenced.
                for earlier in structural.iter() {
                    // Whether it was admitted or not, it is decided.
                    let _ = earlier.clone().await;
                }
                validate(&self.app, self.body(line)).await
            }
            other => other,
        };
        let result = match validated {
            Ok(validated) => self.enqueue(validated, structural).await,
            Err(problem) => Err(problem),
        };
        result.map_or_else(Step::Refused, |(submitted, awaited)| Step::Submitted(submitted, awaited))
    }

    async fn enqueue(
        &self,
        mut validated: Validated,
        structural: &mut Vec<Awaited>,
    ) -> Result<(Submitted, Awaited), Problem> {
        counts_for_its_keys(&self.app, self.origin, &validated)?;
        let is_structural = validated.kind().is_structural();
        let submitted = Submitted::of(&mut validated);
        let ticket = self.ticket(validated).await?;
        let awaited: Awaited = receipt::sequenced(ticket).boxed().shared();
        if is_structural {
            structural.push(awaited.clone());
        }
        Ok((submitted, awaited))
    }

    /// Puts a line into the log's queue, and waits for room in it: the batch's own lines may be what fills it.
    async fn ticket(&self, validated: Validated) -> Result<Ticket, Problem> {
        let length = validated.body().len();
        let deadline = tokio::time::Instant::now() + ROOM_DEADLINE;
        while !self.app.log.has_room_for(length) && self.app.log.fatal().is_none() {
            if tokio::time::Instant::now() >= deadline {
                return Err(Problem::new(Code::Overloaded, "there was no room in the queue for a while"));
            }
            self.peer.moved();
            tokio::time::sleep(ROOM_GLANCE).await;
        }
        Ok(self.app.log.submit(validated, Wait::Sequenced)?)
    }
}

fn check(app: &App, body: Bytes) -> Result<Validated, Problem> {
    if body.len() > MAX_ENVELOPE {
        let detail = format!("{} bytes; the limit of a line is {MAX_ENVELOPE}", body.len());
        return Err(Problem::new(Code::TooLarge, detail));
    }
    Ok(app.log.validate(body)?)
}

/// What is said of one line: of an outcome or of a problem.
fn said(number: usize, status: hyper::StatusCode, document: &impl Serialize) -> Bytes {
    #[derive(Serialize)]
    struct Said<'a, D> {
        line: usize,
        http: u16,
        #[serde(flatten)]
        document: &'a D,
    }
    // It cannot fail: every key in it is a text. If it did, the line would still be one of the answer.
    let said = serde_json::to_string(&Said { line: number, http: status.as_u16(), document });
    let said = said.unwrap_or_else(|error| Problem::new(Code::Internal, error.to_string()).to_json().to_string());
    format!("{said}\n").into()
}

/// Answers the lines in order.
async fn answer(
    app: Arc<App>,
    until: Until,
    peer: Peer,
    mut steps: mpsc::Receiver<(usize, Step)>,
    answers: mpsc::Sender<Bytes>,
) {
    // The first line that waits for its checkpoint in vain has waited for all.
    let mut patience = match until {
        Until::Sequenced => None,
        Until::Published => Some(app.options.receipt_deadline),
    };
    while let Some((number, step)) = steps.recv().await {
        let line = match finish(&app, step, &mut patience).await {
            Ok((status, outcome)) => said(number, status, &outcome),
            Err(problem) => said(number, problem.status(), &problem.to_json()),
        };
        peer.moved();
        if answers.send(line).await.is_err() {
            return;
        }
    }
}

async fn finish(
    app: &App,
    step: Step,
    patience: &mut Option<Duration>,
) -> Result<(hyper::StatusCode, Outcome), Problem> {
    let (submitted, awaited) = match step {
        Step::Submitted(submitted, awaited) => (submitted, awaited),
        Step::Refused(problem) => return Err(problem),
    };
    let sequenced = awaited.await?;
    let view = match *patience {
        None => None,
        Some(left) => {
            let view = receipt::covering(app, sequenced.index, left).await;
            if view.is_none() {
                *patience = Some(Duration::ZERO);
            }
            view
        }
    };
    receipt::answer(app, submitted, &sequenced, view.as_deref())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use ledger::testing as cast;
    use serde_json::json;

    use super::*;
    use crate::testing::TestServer;

    const BATCH: &str = "/api/v1/records:batch";

    #[test]
    fn lines_are_numbered_as_an_editor_numbers_them() {
        let text = b"{}\r\n\n  {\"a\":1} \n\t\n[]";
        let found: Vec<_> = lines(text).into_iter().map(|(n, place)| (n, &text[place])).collect();
        assert_eq!(found, [(1, &b"{}"[..]), (3, b"{\"a\":1}"), (5, b"[]")]);
        assert!(lines(b"").is_empty());
        assert!(lines(b"\n\n").is_empty());
    }

    #[test]
    fn one_batch_registers_a_party_and_speaks_for_it() {
        let server = TestServer::of_empty_log(crate::Options::default());
        let mut bodies = vec![cast::genesis(), cast::party("lab", &["partner"])];
        bodies.extend((0..300).map(|number| cast::model_card("lab", number)));
        bodies.push(cast::model_card("lab", 7));
        let reply = server.post(BATCH, &bodies.join(&b'\n'));
        assert_eq!(reply.header("content-type"), Some("application/x-ndjson"));
        let lines = reply.lines();
        assert_eq!(lines.len(), 303);
        for (number, line) in lines[..302].iter().enumerate() {
            assert_eq!((&line["line"], &line["http"]), (&json!(number + 1), &json!(201)), "{line}");
            assert_eq!(line["index"], number.to_string());
            assert!(line["receipt"].as_str().unwrap().starts_with("c2sp.org/tlog-proof@v1\n"));
        }
        assert_eq!((&lines[302]["http"], &lines[302]["index"]), (&json!(200), &json!("9")));
        assert_eq!(lines[302]["duplicate"], true);
        assert_eq!(server.app.log.published().unwrap().size.0, 302);
        assert_eq!(server.app.bodies.held(), 0);
    }

    #[test]
    fn a_bad_line_is_answered_in_its_place_and_keeps_nobody_from_going_on() {
        let server = TestServer::start();
        let large = vec![b' '; 10].into_iter().chain([b'"']).chain(vec![b'x'; MAX_ENVELOPE]).collect::<Vec<u8>>();
        let bodies = [
            cast::model_card("lab", 1),
            b"{".to_vec(),
            b"".to_vec(),
            cast::model_card("stranger", 1),
            large,
            cast::model_card("lab", 2),
        ];
        let lines = server.post(BATCH, &bodies.join(&b"\r\n"[..])).lines();
        let seen: Vec<_> = lines.iter().map(|l| (l["line"].as_u64().unwrap(), l["http"].as_u64().unwrap())).collect();
        assert_eq!(seen, [(1, 201), (2, 400), (4, 403), (5, 413), (6, 201)]);
        assert_eq!(lines[1]["code"], "json_syntax");
        assert_eq!(lines[2]["code"], "signer_unknown");
        assert_eq!(lines[3]["code"], "too_large");
        assert_eq!(lines[4]["index"], "4");
        // The carriage return of an editor is not part of the body.
        assert_eq!(lines[0]["digest"], ledger::entry::body_digest(&bodies[0]).to_hex());
    }

    #[test]
    fn b01_a_batch_has_limits_of_its_own() {
        let server = TestServer::start();
        let head = format!("POST {BATCH} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", MAX_BATCH + 1);
        let mut stream = server.connect();
        std::io::Write::write_all(&mut stream, head.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(crate::testing::Reply::read(&mut stream).problem(), "too_large");
        assert_eq!(server.post(BATCH, &b"1\n".repeat(MAX_LINES + 1)).problem(), "too_many");
        assert_eq!(server.post(BATCH, b"\n\n").problem(), "bad_request");
    }

    #[test]
    fn a_batch_of_sixteen_mebibytes_passes_and_gives_its_room_back() {
        let server = TestServer::start();
        let card = cast::model_card("lab", 1);
        // White space around an envelope costs a sender and nobody else.
        let mut batch = vec![b' '; MAX_BATCH - card.len()];
        batch[1 << 20] = b'\n';
        batch.extend_from_slice(&card);
        let lines = server.post(BATCH, &batch).lines();
        assert_eq!(lines.len(), 1);
        assert_eq!((&lines[0]["line"], &lines[0]["http"]), (&json!(2), &json!(201)));
        assert_eq!(server.app.bodies.held(), 0);
    }

    #[test]
    fn who_does_not_wait_gets_indices_without_receipts() {
        let server = TestServer::start();
        let bodies: Vec<_> = (0..5).map(|number| cast::model_card("lab", number)).collect();
        let lines = server.post(&format!("{BATCH}?wait=sequenced"), &bodies.join(&b'\n')).lines();
        assert_eq!(lines.len(), 5);
        assert!(lines.iter().all(|line| line["http"] == 202 && line.get("receipt").is_none()));
    }
}
