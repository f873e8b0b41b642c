//! `POST /api/v1/records`: one DSSE envelope in, its receipt out.

use std::sync::Arc;

use bytes::{Buf, Bytes};
use futures_util::Stream;
use hyper::StatusCode;
use hyper::header::{self, HeaderMap, HeaderValue};
use ledger::log::{Validated, Wait};
use ledger::record::limits::MAX_ENVELOPE;
use ledger::{Code, Error};
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use crate::app::App;
use crate::batch;
use crate::body::{Takes, heavy};
use crate::connection::Peer;
use crate::limits::Origin;
use crate::metrics::Resource;
use crate::problem::{Answer, Problem};
use crate::query::Query;
use crate::receipt::{self, Outcome, Submitted, Until};
use crate::route::{answering, json, query, with};

/// From this size on an envelope is checked where it holds nobody up: 32 KiB of JSON and a signature take about 0.3 ms.
const HEAVY: usize = 32 << 10;

/// `POST /api/v1/records` and `POST /api/v1/records:batch`.
pub(crate) fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    let request = warp::post()
        .and(with(app))
        .and(warp::ext::get::<Peer>())
        .and(warp::header::headers_cloned())
        .and(query())
        .and(warp::body::stream());
    let one = warp::path!("api" / "v1" / "records").and(request.clone()).map(one);
    let batch = warp::path!("api" / "v1" / "records:batch").and(request).map(batch::batch);
    answering(one, Resource("submit")).or(answering(batch, Resource("submit_batch"))).unify().boxed()
}

async fn one<S, B>(app: Arc<App>, peer: Peer, headers: HeaderMap, query: String, body: S) -> Answer
where
    S: Stream<Item = Result<B, warp::Error>> + Send + 'static,
    B: Buf + Send + 'static,
{
    let until = until(&query);
    let origin = app.limits.origin(&peer, &headers);
    let takes = Takes { max: MAX_ENVELOPE, json: true };
    let admits = |length| {
        until.clone()?;
        app.limits.submit(origin, 1)?;
        has_room(&app, length)
    };
    let held = app.bodies.read(&peer, origin, &headers, body, takes, admits).await?;
    let mut validated = validate(&app, held.bytes.clone()).await?;
    counts_for_its_keys(&app, origin, &validated)?;
    let submitted = Submitted::of(&mut validated);
    let until = until?;
    let wait = if until == Until::Published { Wait::Published } else { Wait::Sequenced };
    let ticket = app.log.submit(validated, wait)?;
    // From here on the queue's own limit counts the body, and nothing else of the request waits for the answer.
    drop((held, headers, query));
    let sequenced = match until {
        Until::Sequenced => receipt::sequenced(ticket).await?,
        Until::Published => receipt::published(&app, ticket).await?,
    };
    let (status, outcome) = receipt::answer(&app, submitted, &sequenced, sequenced.published.as_deref())?;
    respond(status, &outcome)
}

fn respond(status: StatusCode, outcome: &Outcome) -> Answer {
    let location = HeaderValue::from_str(&outcome.links.record).ok();
    let mut response = json("no-store", outcome)?;
    *response.status_mut() = status;
    if let Some(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    if status == StatusCode::ACCEPTED {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    Ok(response)
}

/// The parameter `wait` of a submission.
pub(crate) fn until(query: &str) -> Result<Until, Problem> {
    match Query::parse(query, &["wait"])?.text("wait") {
        None | Some("published") => Ok(Until::Published),
        Some("sequenced") => Ok(Until::Sequenced),
        Some(_) => Err(Problem::bad_request("query wait", "known are published, sequenced")),
    }
}

/// Whether the log would take a body of this length now. Asked before the body is read: under overload new
/// submissions are refused first.
pub(crate) fn has_room(app: &App, length: usize) -> Result<(), Problem> {
    if app.log.has_room_for(length) {
        return Ok(());
    }
    let code = match app.log.fatal() {
        Some(_) => Code::Stopping,
        None if app.log.is_read_only() => Code::DiskFull,
        None => Code::Overloaded,
    };
    Err(Error::new(code, "nothing is taken in at this moment").into())
}

/// Takes the tokens of the keys that signed. A repetition costs its sender, who may be anybody, and not them.
pub(crate) fn counts_for_its_keys(app: &App, origin: Origin, validated: &Validated) -> Result<(), Problem> {
    if origin.is_free() || app.log.has(validated)? {
        return Ok(());
    }
    app.limits.submit_signed(origin, validated.signers())
}

/// Checks an envelope at the log's door.
pub(crate) async fn validate(app: &Arc<App>, body: Bytes) -> Result<Validated, Problem> {
    if body.len() < HEAVY {
        return Ok(app.log.validate(body)?);
    }
    let app = Arc::clone(app);
    Ok(heavy(move || app.log.validate(body)).await??)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use std::io::{Read, Write};
    use std::time::Duration;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use ledger::merkle::{LeafHash, verify_inclusion};
    use ledger::note::{Policy, TlogProof};
    use ledger::testing as cast;

    use crate::limits::Rate;
    use crate::testing::{Reply, TestServer};
    use crate::{Options, limits};

    const RECORDS: &str = "/api/v1/records";

    /// What a client does with an answer before it believes it.
    fn proven_index(reply: &Reply, body: &[u8]) -> u64 {
        let answer = reply.json();
        let receipt = TlogProof::parse(answer["receipt"].as_str().unwrap().as_bytes()).unwrap();
        let entry = STANDARD.decode(answer["entry"].as_str().unwrap()).unwrap();
        let accepted = cast::policy().check(&receipt.checkpoint).unwrap();
        let (leaf, tree) = (LeafHash::of_entry(&entry), accepted.checkpoint());
        verify_inclusion(receipt.index, tree.size(), leaf, &receipt.proof, tree.root()).unwrap();
        let entry = ledger::entry::Entry::decode(&entry).unwrap();
        assert_eq!(entry.body, ledger::entry::body_digest(body));
        assert_eq!(answer["index"], receipt.index.to_string());
        receipt.index.0
    }

    #[test]
    fn b11_a_record_is_answered_with_its_receipt_and_its_repetition_with_the_same_index() {
        let server = TestServer::start();
        let body = cast::model_card("lab", 1);
        let first = server.post(RECORDS, &body);
        assert_eq!(first.status, 201, "{}", first.text());
        assert_eq!(first.header("location"), Some("/api/v1/records/3"));
        assert_eq!(first.header("cache-control"), Some("no-store"));
        assert_eq!(first.json()["duplicate"], false);
        assert_eq!(proven_index(&first, &body), 3);

        server.post(RECORDS, &cast::model_card("lab", 2));
        let again = server.post(RECORDS, &body);
        assert_eq!(again.status, 200);
        assert_eq!(again.json()["duplicate"], true);
        assert_eq!(proven_index(&again, &body), 3);
    }

    #[test]
    fn who_does_not_wait_is_told_where_the_receipt_will_be() {
        let server = TestServer::start();
        let reply = server.post("/api/v1/records?wait=sequenced", &cast::model_card("lab", 1));
        assert_eq!(reply.status, 202);
        let answer = reply.json();
        assert_eq!(answer["code"], "awaiting_witnesses");
        assert_eq!(answer["index"], "3");
        assert_eq!(answer["record"], cast::record_id(&cast::model_card("lab", 1)).to_hex());
        assert!(answer.get("receipt").is_none());
        assert_eq!(answer["links"]["status"], "/api/v1/records/3/receipt");
        assert_eq!(server.post("/api/v1/records?wait=long", b"{}").problem(), "bad_request");
        assert_eq!(server.post("/api/v1/records?wiat=sequenced", b"{}").problem(), "bad_request");
    }

    #[test]
    fn without_a_quorum_the_record_is_durable_and_not_called_published() {
        // Nobody holds this witness's key.
        let witness = ledger::note::Cosigner::from_seed(ledger::note::KeyName::parse("w.example").unwrap(), [9; 32]);
        let text = format!(
            "log {}\nwitness w {}\nquorum w\n",
            cast::log_signer().verifier_key(),
            witness.unwrap().verifier_key()
        );
        let policy = Policy::parse(text.as_bytes()).unwrap();
        let options = Options { receipt_deadline: Duration::from_millis(20), ..Options::default() };
        let server = TestServer::of_log_with(options, policy);
        let reply = server.post(RECORDS, &cast::genesis());
        assert_eq!((reply.status, reply.json()["index"].as_str()), (202, Some("0")), "{}", reply.text());
        assert_eq!(reply.header("retry-after"), Some("1"));
        assert_eq!(server.get("/api/v1/records/0/receipt").problem(), "not_found");
        let batch = [cast::party("lab", &["partner"]), cast::party("auditor", &["auditor"])].join(&b'\n');
        let lines = server.post("/api/v1/records:batch", &batch).lines();
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| line["http"] == 202 && line["code"] == "awaiting_witnesses"));
    }

    #[test]
    fn b01_what_is_too_large_encoded_or_of_unknown_length_is_refused_by_its_head() {
        let server = TestServer::start();
        let head = |headers: &str| {
            format!("POST {RECORDS} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n").into_bytes()
        };
        let cases = [
            ("content-length: 1048577\r\nexpect: 100-continue\r\n", 413, "too_large"),
            ("content-length: 99999999999\r\n", 413, "too_large"),
            ("content-length: 4\r\ncontent-encoding: gzip\r\n", 415, "encoding_refused"),
            ("content-length: 4\r\ncontent-type: text/html\r\n", 415, "media_type_refused"),
            ("transfer-encoding: chunked\r\n", 411, "length_required"),
            ("", 411, "length_required"),
        ];
        for (headers, status, code) in cases {
            // The body is never sent: an answer proves that nobody waited for it.
            let reply = server.send(&head(headers));
            assert_eq!((reply.status, reply.problem().as_str()), (status, code), "{headers}");
        }
        let mut sent = head("content-length: 2000000\r\n");
        sent.resize(sent.len() + 2_000_000, b' ');
        let reply = server.send(&sent);
        assert_eq!((reply.status, reply.problem().as_str()), (413, "too_large"), "and one that sends it all the same");
        let mut chunked = head("transfer-encoding: chunked\r\n");
        chunked.extend_from_slice(b"2\r\n{}\r\n0\r\n\r\n");
        assert_eq!(server.send(&chunked).status, 411);
    }

    #[test]
    fn a_client_that_asks_first_is_told_to_go_on_only_if_its_body_is_wanted() {
        let server = TestServer::start();
        let body = cast::model_card("lab", 1);
        let mut stream = server.connect();
        write!(stream, "POST {RECORDS} HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\nconnection: close\r\n").unwrap();
        write!(stream, "content-length: {}\r\n\r\n", body.len()).unwrap();
        let mut go_on = [0; 25];
        stream.read_exact(&mut go_on).unwrap();
        assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
        stream.write_all(&body).unwrap();
        assert_eq!(Reply::read(&mut stream).status, 201);
    }

    #[test]
    fn what_is_wrong_with_a_record_is_said_with_its_code_and_place() {
        let server = TestServer::start();
        let mut flipped = cast::model_card("lab", 1);
        let sig = String::from_utf8(flipped.clone()).unwrap().find("\"sig\":\"").unwrap() + 10;
        flipped[sig] = if flipped[sig] == b'A' { b'B' } else { b'A' };
        let cases: [(&[u8], u16, &str); 5] = [
            (b"", 400, "json_syntax"),
            (b"{\"a\":1,\"a\":2}", 400, "json_duplicate_key"),
            (b"{}", 422, "schema"),
            (&flipped, 422, "signature_invalid"),
            (&cast::model_card("stranger", 1), 403, "signer_unknown"),
        ];
        for (body, status, code) in cases {
            let reply = server.post(RECORDS, body);
            assert_eq!((reply.status, reply.problem().as_str()), (status, code), "{}", reply.text());
            assert!(!reply.json()["hint"].as_str().unwrap().is_empty());
        }
        assert_eq!(server.app.log.published().unwrap().size.0, 3);
    }

    #[test]
    fn who_submits_too_often_is_told_when_to_come_back_and_may_go_on_reading() {
        let limits = limits::Options {
            submit_per_address: Rate::new(1, 2),
            loopback_is_free: false,
            ..limits::Options::default()
        };
        let server = TestServer::with(Options { limits, ..Options::default() });
        assert_eq!(server.post(RECORDS, &cast::model_card("lab", 1)).status, 201);
        assert_eq!(server.post(RECORDS, &cast::model_card("lab", 2)).status, 201);
        let refused = server.post(RECORDS, &cast::model_card("lab", 3));
        assert_eq!((refused.status, refused.problem().as_str()), (429, "rate_limited"));
        assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
        assert_eq!(server.get("/checkpoint").status, 200);
    }

    #[test]
    fn a_client_that_leaves_in_the_middle_of_a_body_leaves_nothing_behind() {
        let server = TestServer::start();
        let body = cast::model_card("lab", 1);
        let mut stream = server.connect();
        write!(stream, "POST {RECORDS} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len()).unwrap();
        stream.write_all(&body[..body.len() / 2]).unwrap();
        while server.app.bodies.held() < body.len() / 2 {
            std::thread::yield_now();
        }
        drop(stream);
        while server.app.bodies.held() > 0 || server.app.metrics.connections() > 0 {
            std::thread::yield_now();
        }
        assert_eq!(server.app.log.published().unwrap().size.0, 3);
        // Whoever comes back gets the index that nobody has.
        let reply = server.post(RECORDS, &body);
        assert_eq!((reply.status, reply.json()["index"].as_str()), (201, Some("3")));
    }

    #[test]
    fn what_is_sent_again_costs_its_sender_and_no_key() {
        let limits =
            limits::Options { submit_per_key: Rate::new(1, 2), loopback_is_free: false, ..limits::Options::default() };
        let server = TestServer::with(Options { limits, ..Options::default() });
        let public = cast::model_card("lab", 1);
        server.sequence(public.clone());
        let batch = vec![public.clone(); 5].join(&b'\n');
        for _ in 0..5 {
            assert_eq!(server.post(RECORDS, &public).status, 200);
            let lines = server.post("/api/v1/records:batch", &batch).lines();
            assert!(lines.iter().all(|line| line["http"] == 200), "{lines:?}");
        }
        // The key has all of its tokens, and what is new takes them.
        for number in 2..4 {
            assert_eq!(server.post(RECORDS, &cast::model_card("lab", number)).status, 201);
        }
        assert_eq!(server.post(RECORDS, &cast::model_card("lab", 4)).problem(), "rate_limited");
    }

    #[test]
    fn a_submission_that_waits_is_answered_before_the_server_ends() {
        let witness = ledger::note::Cosigner::from_seed(ledger::note::KeyName::parse("w.example").unwrap(), [9; 32]);
        let text = format!(
            "log {}\nwitness w {}\nquorum w\n",
            cast::log_signer().verifier_key(),
            witness.unwrap().verifier_key()
        );
        let options = Options { receipt_deadline: Duration::from_millis(500), ..Options::default() };
        let mut server = TestServer::of_log_with(options, Policy::parse(text.as_bytes()).unwrap());
        let mut stream = server.connect();
        let body = cast::genesis();
        write!(stream, "POST {RECORDS} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len()).unwrap();
        stream.write_all(&body).unwrap();
        while server.app.log.counters().entries == 0 {
            std::thread::yield_now();
        }
        server.ask_to_stop();
        let reply = Reply::read(&mut stream);
        assert_eq!((reply.status, reply.json()["index"].as_str()), (202, Some("0")));
        assert_eq!(server.end(), Ok(()));
    }
}
