//! Manifests: their files, the replies that a question is answered from, and how a party sends one.
//!
//! The files are public and never change, so a CDN or a folder on any web server can stand in for these routes. Which
//! bucket somebody asks for is written down nowhere: not in a log, not in a label.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::future::{BoxFuture, FutureExt, Shared};
use futures_util::{Stream, stream};
use hyper::StatusCode;
use hyper::header::{self, HeaderMap, HeaderValue};
use ledger::ids::{KeyspaceId, decimal};
use ledger::manifest::upload::PART_BYTES;
use ledger::manifest::{KeyspaceFiles, MetaMode};
use ledger::record::limits::MAX_ENVELOPE;
use ledger::{Code, Error};
use serde_json::json;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::path::Tail;
use warp::reply::Response;

use crate::app::App;
use crate::body::{Takes, heavy, within};
use crate::connection::Peer;
use crate::metrics::Resource;
use crate::problem::{Answer, Problem};
use crate::query::Query;
use crate::range::{Range, range};
use crate::route::{answering, content, json, query, reads, with};
use crate::submit::has_room;

/// Files are read and sent in pieces of this size, whatever theirs is.
const PIECE: u64 = 256 << 10;

/// Immutable, and not to be compressed on the way: the length of a reply must not tell what is in it.
const AS_IT_IS: &str = "public, max-age=31536000, immutable, no-transform";

/// How long a client waits for a manifest to be checked before it is told to ask again. Checking reads every key: about
/// a second for a million.
const CHECK_PATIENCE: Duration = Duration::from_secs(20);

/// Manifests being checked at this moment, or checked and not asked about since.
#[derive(Debug, Default)]
pub(crate) struct Checks(Mutex<HashMap<KeyspaceId, Shared<BoxFuture<'static, Result<(), Problem>>>>>);

/// `/manifests/…` and `/api/v1/manifests…`.
pub(crate) fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    let bucket = warp::path!("manifests" / String / "bucket" / String / String)
        .and(reads())
        .and(query())
        .and(with(app))
        .map(bucket);
    let file = warp::path("manifests")
        .and(warp::path::param())
        .and(warp::path::tail())
        .and(reads())
        .and(warp::header::headers_cloned())
        .and(with(app))
        .map(file);
    let sends = with(app).and(warp::ext::get::<Peer>()).and(warp::header::headers_cloned()).and(warp::body::stream());
    let begin = warp::path!("api" / "v1" / "manifests:begin").and(warp::post()).and(sends.clone()).map(begin);
    let part =
        warp::path!("api" / "v1" / "manifests" / String / "parts" / String).and(warp::put()).and(sends).map(part);
    let complete = warp::path!("api" / "v1" / "manifests" / String).and(warp::post()).and(with(app)).map(complete);
    answering(bucket, Resource("manifest_bucket"))
        .or(answering(file, Resource("manifest_file")))
        .unify()
        .or(answering(begin, Resource("manifest_begin")))
        .unify()
        .or(answering(part, Resource("manifest_part")))
        .unify()
        .or(answering(complete, Resource("manifest_complete")))
        .unify()
        .boxed()
}

fn keyspace(text: &str) -> Result<KeyspaceId, Problem> {
    text.parse().map_err(|_| Problem::not_found("a keyspace is named by 64 lower-case hexadecimal digits"))
}

fn not_held() -> Problem {
    Problem::not_found("this log does not hold the files of this keyspace, so it cannot say what is in it")
}

fn held(app: &App, id: &KeyspaceId) -> Result<Arc<KeyspaceFiles>, Problem> {
    app.log.manifests().files(id)?.ok_or_else(not_held)
}

async fn bucket(id: String, depth: String, prefix: String, text: String, app: Arc<App>) -> Answer {
    let id = keyspace(&id)?;
    let mode = match Query::parse(&text, &["meta"])?.text("meta") {
        None | Some("rows") => MetaMode::Rows,
        Some("digests") => MetaMode::Digests,
        Some(_) => return Err(Problem::bad_request("query meta", "known are rows, digests")),
    };
    let numbers = (decimal(&depth).ok().and_then(|depth| u8::try_from(depth).ok()), decimal(&prefix).ok());
    let (Some(depth), Some(prefix)) = numbers else {
        return Err(Problem::not_found("a bucket is named by two decimal numbers, depth and prefix"));
    };
    let files = held(&app, &id)?;
    let length = files.header().padded_reply(depth, mode);
    let length = length.filter(|_| prefix >> depth.min(63) == 0);
    let length = length.ok_or_else(|| Problem::not_found("the keyspace has no such prefix"))?;
    let reserved = app.replies.reserve(usize::try_from(length).unwrap_or(usize::MAX)).await?;
    let reply = heavy(move || files.reply(depth, prefix, mode)).await??;
    Ok(content("application/octet-stream", AS_IT_IS, reserved.fill(reply)))
}

async fn file(id: String, name: Tail, headers: HeaderMap, app: Arc<App>) -> Answer {
    let id = keyspace(&id)?;
    let name = name.as_str().to_owned();
    let kind = if name == "header.json" { "application/json" } else { "application/octet-stream" };
    let opened = heavy(move || open(app.log.manifests().path(&id, &name))).await?;
    let (file, length) = opened?.ok_or_else(not_held)?;
    let part = range(&headers, length)?;
    let (from, to) = part.map_or((0, length), |Range { from, to }| (from, to));
    let mut response = if to - from <= PIECE {
        content(kind, AS_IT_IS, heavy(move || read(&file, from, to - from)).await??)
    } else {
        let mut response = content(kind, AS_IT_IS, Bytes::new());
        *response.body_mut() = warp::Reply::into_response(warp::reply::stream(pieces(file, from, to))).into_body();
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(to - from));
        response
    };
    response.headers_mut().insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if part.is_some() {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        let range = format!("bytes {from}-{}/{length}", to.saturating_sub(1));
        if let Ok(range) = HeaderValue::from_str(&range) {
            response.headers_mut().insert(header::CONTENT_RANGE, range);
        }
    }
    Ok(response)
}

fn open(path: Option<PathBuf>) -> Result<Option<(File, u64)>, Problem> {
    let Some(path) = path else { return Ok(None) };
    let unreadable = |error: std::io::Error| {
        Problem::new(Code::StoreCorrupt, format!("a file of the manifest cannot be read: {error}"))
    };
    let file = File::open(path).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    Ok(Some((file, length)))
}

fn read(file: &File, at: u64, length: u64) -> Result<Vec<u8>, Problem> {
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    let read = file.read_exact_at(&mut bytes, at);
    read.map_err(|error| Problem::new(Code::StoreCorrupt, format!("a file of the manifest ends early: {error}")))?;
    Ok(bytes)
}

/// The bytes from `from` up to `to`, read as they are taken.
fn pieces(file: File, from: u64, to: u64) -> impl Stream<Item = Result<Vec<u8>, std::io::Error>> + Send + Sync {
    let file = Arc::new(file);
    stream::unfold(from, move |at| {
        let file = Arc::clone(&file);
        let length = PIECE.min(to - at);
        async move {
            if length == 0 {
                return None;
            }
            // A file that shrank ends the response short of its length, which the client notices.
            let piece = heavy(move || read(&file, at, length)).await.and_then(|piece| piece);
            Some((piece.map_err(|problem| std::io::Error::other(problem.error().to_string())), at + length))
        }
    })
}

async fn begin<S, B>(app: Arc<App>, peer: Peer, headers: HeaderMap, body: S) -> Answer
where
    S: Stream<Item = Result<B, warp::Error>> + Send + 'static,
    B: Buf + Send + 'static,
{
    let origin = app.limits.origin(&peer, &headers);
    let takes = Takes { max: MAX_ENVELOPE, json: true };
    let admits = |length| {
        app.limits.submit(origin, 1)?;
        has_room(&app, length)
    };
    let held = app.bodies.read(&peer, &headers, body, takes, admits).await?;
    let view = app.view()?;
    let upload = heavy(move || app.log.begin_upload(&view, &held.bytes)).await??;
    let document = json!({ "keyspace": upload.keyspace, "missing": upload.missing, "held": upload.held });
    json("no-store", &document)
}

async fn part<S, B>(id: String, number: String, app: Arc<App>, peer: Peer, headers: HeaderMap, body: S) -> Answer
where
    S: Stream<Item = Result<B, warp::Error>> + Send + 'static,
    B: Buf + Send + 'static,
{
    let takes = Takes { max: PART_BYTES as usize, json: false };
    let place = keyspace(&id).and_then(|id| {
        let number = decimal(&number).ok().and_then(|number| usize::try_from(number).ok());
        Ok((id, number.ok_or_else(|| Problem::not_found("a part is named by its number in the plan"))?))
    });
    let admits = |_| place.clone().map(drop);
    let held = app.bodies.read(&peer, &headers, body, takes, admits).await?;
    let (id, number) = place?;
    heavy(move || app.log.manifests().put_part(&id, number, &held.bytes)).await??;
    json("no-store", &json!({ "keyspace": id, "part": number }))
}

async fn complete(name: String, app: Arc<App>) -> Answer {
    let Some(id) = name.strip_suffix(":complete") else {
        return Err(Problem::not_found("there is no such address"));
    };
    let id = keyspace(id)?;
    let check = app.checks.of(&app, id);
    match within(CHECK_PATIENCE, check).await {
        Some(result) => {
            app.checks.forget(&id);
            result?;
            json("no-store", &json!({ "keyspace": id, "held": true }))
        }
        None => {
            let mut response = json("no-store", &json!({ "keyspace": id, "held": false }))?;
            *response.status_mut() = StatusCode::ACCEPTED;
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
            Ok(response)
        }
    }
}

/// An error about a file of an upload, at the name that the sender knows it by.
fn in_manifest(error: Error) -> Error {
    let place = error.place().and_then(|place| Some(place.split_once(".whole/")?.1.to_owned()));
    match place {
        Some(name) => Error::new(error.code(), error.detail()).at(name),
        None => error,
    }
}

impl Checks {
    /// The check of a keyspace: the one that runs, or a new one. It goes on when nobody waits for it.
    fn of(&self, app: &Arc<App>, id: KeyspaceId) -> Shared<BoxFuture<'static, Result<(), Problem>>> {
        let mut checks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let check = checks.entry(id).or_insert_with(|| {
            let app = Arc::clone(app);
            let running = tokio::task::spawn_blocking(move || app.log.manifests().complete(&id));
            let failed = |_| Err(Error::new(Code::Internal, "the check of a manifest failed"));
            async move { running.await.unwrap_or_else(failed).map_err(|error| in_manifest(error).into()) }
                .boxed()
                .shared()
        });
        check.clone()
    }

    fn forget(&self, id: &KeyspaceId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use std::path::Path;

    use ledger::ids::ContentKey;
    use ledger::log::plan_upload;
    use ledger::manifest::{About, Builder, Item, Keyspace, Kind, Source, Spec, key};
    use ledger::record::kind::Kind as RecordKind;
    use ledger::record::statement::Subject;
    use ledger::testing as cast;

    use super::*;
    use crate::testing::TestServer;

    fn item(i: u64) -> ContentKey {
        key::raw_sha256(&i.to_be_bytes())
    }

    /// A keyspace of some items in a folder, and the lab's record that declares it.
    fn built(dir: &Path, n: u64) -> (PathBuf, Keyspace, Vec<u8>) {
        let mut builder = Builder::new(Spec::of_kind(Kind::RawSha256).unwrap());
        for i in 0..n {
            builder.push(item(i), Item { license: 0, ordinal: i });
        }
        let source = Source { sha256: "00".repeat(32), bytes: 1, items: n, reader: "digests".into(), wiki: None };
        let about = About { source, coverage: "Test.".into(), licenses: vec!["CC0-1.0".into()] };
        let (header, keyspace) = builder.finish(dir, about).unwrap();
        let mut row = serde_json::to_value(header.to_declaration(&keyspace)).unwrap();
        row["disclosure"] = json!("complete");
        let predicate = json!({
            "issuer": { "id": "lab", "name": "lab" }, "issued": cast::ISSUED,
            "dataset": { "name": "numbers" }, "keyspaces": [row],
        });
        let subject = Subject::keyspace(keyspace.id());
        let record = cast::sign(RecordKind::Manifest, vec![subject], predicate, &[&cast::key("lab")]);
        (dir.join(keyspace.id().to_hex()), keyspace, record)
    }

    /// A server that holds a keyspace of 20,000 items: 640,000 bytes of keys, several pieces.
    fn holding() -> (TestServer, tempfile::TempDir, PathBuf, Keyspace) {
        let server = TestServer::start();
        let dir = tempfile::tempdir().unwrap();
        let (folder, keyspace, _) = built(&dir.path().join("out"), 20_000);
        server.app.log.manifests().add(&folder).unwrap();
        (server, dir, folder, keyspace)
    }

    #[test]
    fn files_are_served_whole_and_in_parts_and_for_ever() {
        let (server, _dir, folder, keyspace) = holding();
        let base = format!("/manifests/{}", keyspace.id());
        for name in ["header.json", "keys.bin", "offs.bin", "meta.bin", "tree/0", "tree/1"] {
            let expected = std::fs::read(folder.join(name)).unwrap();
            let reply = server.get(&format!("{base}/{name}"));
            assert_eq!((reply.status, reply.body == expected), (200, true), "{name}");
            assert_eq!(reply.header("cache-control"), Some(AS_IT_IS));
            assert_eq!(reply.header("content-length"), Some(expected.len().to_string().as_str()));
            let head = server.request("HEAD", &format!("{base}/{name}"), &[], b"");
            assert_eq!((head.status, head.body.len()), (200, 0));
            assert_eq!(head.header("content-length"), Some(expected.len().to_string().as_str()));
        }
        let keys = std::fs::read(folder.join("keys.bin")).unwrap();
        let path = format!("{base}/keys.bin");
        for (range, from, to) in
            [("bytes=32-63", 32, 64), ("bytes=100-599999", 100, 600_000), ("bytes=-5", 639_995, 640_000)]
        {
            let reply = server.request("GET", &path, &[("range", range)], b"");
            assert_eq!((reply.status, reply.body == keys[from..to]), (206, true), "{range}");
            let expected = format!("bytes {from}-{}/640000", to - 1);
            assert_eq!(reply.header("content-range"), Some(expected.as_str()));
        }
        let beyond = server.request("GET", &path, &[("range", "bytes=640000-")], b"");
        assert_eq!((beyond.status, beyond.problem().as_str()), (416, "range_refused"));
        assert_eq!(beyond.header("content-range"), Some("bytes */640000"));
    }

    #[test]
    fn a_reply_is_padded_not_compressed_and_verifies_for_presence_and_absence() {
        let (server, _dir, _, keyspace) = holding();
        let base = format!("/manifests/{}/bucket", keyspace.id());
        let depth = keyspace.depth_for(1000);
        let mut lengths = std::collections::BTreeSet::new();
        for i in [1, 2, 3, 999_999] {
            let prefix = u64::from_be_bytes(item(i).as_bytes()[..8].try_into().unwrap()) >> (64 - u32::from(depth));
            let asked = format!("{base}/{depth}/{prefix}");
            let reply = server.request("GET", &asked, &[("accept-encoding", "gzip, br")], b"");
            assert_eq!(reply.status, 200, "{}", reply.text());
            assert_eq!(reply.header("content-encoding"), None);
            assert_eq!(reply.header("cache-control"), Some(AS_IT_IS));
            lengths.insert(reply.body.len());
            let answer = keyspace.verify(&item(i), depth, &reply.body).unwrap();
            assert_eq!(answer.is_present(), i < 20_000);
            let digests = server.get(&format!("{asked}?meta=digests"));
            assert_eq!(keyspace.verify(&item(i), depth, &digests.body).unwrap().is_present(), i < 20_000);
        }
        assert_eq!(lengths.len(), 1, "every reply of a depth has one length");
        assert!(!server.get("/metrics").text().contains(&format!("/{depth}/")), "nobody counts who asked for what");
    }

    #[test]
    fn b19_a_file_or_a_prefix_that_is_not_there_is_not_found() {
        let (server, _dir, _, keyspace) = holding();
        let id = keyspace.id();
        let t = keyspace.t();
        for path in [
            format!("/manifests/{id}"),
            format!("/manifests/{id}/"),
            format!("/manifests/{id}/plan"),
            format!("/manifests/{id}/../{id}/keys.bin"),
            format!("/manifests/{id}/tree/../keys.bin"),
            format!("/manifests/{id}/%6beys.bin"),
            format!("/manifests/{id}/tree/9"),
            format!("/manifests/{}/keys.bin", id.to_hex().to_uppercase()),
            format!("/manifests/{}/keys.bin", "0".repeat(64)),
            "/manifests/.incoming/plan".to_owned(),
            format!("/manifests/{id}/bucket/{}/0", t + 1),
            format!("/manifests/{id}/bucket/{t}/{}", 1u64 << t),
            format!("/manifests/{id}/bucket/0/1"),
            format!("/manifests/{id}/bucket/01/0"),
            format!("/manifests/{id}/bucket/256/0"),
            format!("/manifests/{id}/bucket/{t}/-1"),
            format!("/manifests/{}/bucket/0/0", "0".repeat(64)),
        ] {
            assert_eq!(server.get(&path).problem(), "not_found", "{path}");
        }
        assert_eq!(server.get(&format!("/manifests/{id}/bucket/0/0?meta=all")).problem(), "bad_request");
    }

    #[test]
    fn a_party_sends_a_manifest_in_parts_and_it_is_served_once_it_was_checked() {
        let server = TestServer::start();
        let dir = tempfile::tempdir().unwrap();
        let (folder, keyspace, record) = built(&dir.path().join("out"), 5_000);
        let id = keyspace.id();
        let plan = plan_upload(&folder, cast::ORIGIN, "2999-12-31T00:00:00Z".to_owned()).unwrap();
        let signed = plan.sign(&cast::key("lab")).unwrap().to_json();
        const BEGIN: &str = "/api/v1/manifests:begin";
        assert_eq!(server.post(BEGIN, &signed).problem(), "manifest_unknown");
        server.sequence(record);
        let stranger = plan.sign(&cast::key("auditor")).unwrap().to_json();
        assert_eq!(server.post(BEGIN, &stranger).problem(), "signer_unknown");

        let begun = server.post(BEGIN, &signed);
        assert_eq!(begun.status, 200, "{}", begun.text());
        assert_eq!(begun.json()["held"], false);
        let complete = format!("/api/v1/manifests/{id}:complete");
        assert_eq!(server.post(&complete, b"").problem(), "manifest_invalid");
        let parts = format!("/api/v1/manifests/{id}/parts");
        assert_eq!(server.request("PUT", &format!("{parts}/0"), &[], b"other bytes").problem(), "binding_mismatch");
        assert_eq!(server.request("PUT", &format!("{parts}/4096"), &[], b"x").problem(), "not_found");
        assert_eq!(server.request("PUT", &format!("{parts}/x"), &[], b"x").problem(), "not_found");
        for (number, part) in plan.parts.iter().enumerate().filter(|(_, part)| part.len > 0) {
            let file = std::fs::read(folder.join(&part.file)).unwrap();
            let bytes = &file[part.offset as usize..(part.offset + part.len) as usize];
            let reply = server.request("PUT", &format!("{parts}/{number}"), &[], bytes);
            assert_eq!(reply.status, 200, "{}", reply.text());
        }
        assert_eq!(server.post(BEGIN, &signed).json()["missing"], json!([]));
        assert_eq!(server.get(&format!("/manifests/{id}/header.json")).problem(), "not_found");
        assert_eq!(server.post(&complete, b"").json(), json!({ "keyspace": id, "held": true }));
        assert_eq!(server.get(&format!("/manifests/{id}/header.json")).status, 200);
        assert_eq!(server.post(&complete, b"").status, 200);
        assert_eq!(server.post(BEGIN, &signed).json()["held"], true);
        for wrong in ["/api/v1/manifests/x:complete".to_owned(), format!("/api/v1/manifests/{id}")] {
            assert_eq!(server.post(&wrong, b"").problem(), "not_found", "{wrong}");
        }
    }

    #[test]
    fn i11_a_manifest_whose_files_do_not_agree_is_the_senders_fault() {
        let server = TestServer::start();
        let dir = tempfile::tempdir().unwrap();
        let (folder, keyspace, record) = built(&dir.path().join("out"), 5_000);
        let id = keyspace.id();
        server.sequence(record);
        for (name, change) in
            [("keys.bin", -32i64), ("keys.bin", 32), ("offs.bin", -8), ("meta.bin", -1), ("tree/0", -32)]
        {
            let path = folder.join(name);
            let sound = std::fs::read(&path).unwrap();
            let mut broken = sound.clone();
            broken.resize((sound.len() as i64 + change) as usize, 7);
            let mut plan = plan_upload(&folder, cast::ORIGIN, "2999-12-31T00:00:00Z".to_owned()).unwrap();
            std::fs::write(&path, &broken).unwrap();
            plan.parts = match plan_upload(&folder, cast::ORIGIN, plan.expires.clone()) {
                Ok(plan) => plan.parts,
                // Then an honest client would not even begin; this one does.
                Err(_) => {
                    let part = plan.parts.iter_mut().find(|part| part.file == name).unwrap();
                    part.len = broken.len() as u64;
                    part.sha256 =
                        ledger::ids::SubjectDigest::from_bytes(*ledger::entry::body_digest(&broken).as_bytes());
                    plan.parts
                }
            };
            let begun = server.post("/api/v1/manifests:begin", &plan.sign(&cast::key("lab")).unwrap().to_json());
            assert_eq!(begun.status, 200, "{}", begun.text());
            for (number, part) in plan.parts.iter().enumerate().filter(|(_, part)| part.len > 0) {
                let bytes = std::fs::read(folder.join(&part.file)).unwrap();
                let path = format!("/api/v1/manifests/{id}/parts/{number}");
                assert_eq!(server.request("PUT", &path, &[], &bytes).status, 200);
            }
            let complete = server.post(&format!("/api/v1/manifests/{id}:complete"), b"");
            assert_eq!((complete.status, complete.problem().as_str()), (422, "manifest_invalid"), "{name} {change}");
            assert!(
                !complete.text().contains("incoming"),
                "nobody is told where this log keeps what: {}",
                complete.text()
            );
            std::fs::write(&path, &sound).unwrap();
        }
    }

    #[test]
    fn b01_a_part_has_a_limit() {
        let server = TestServer::start();
        let path = format!("/api/v1/manifests/{}/parts/0", "0".repeat(64));
        let head = format!("PUT {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", PART_BYTES + 1);
        assert_eq!(server.send(head.as_bytes()).problem(), "too_large");
    }
}
