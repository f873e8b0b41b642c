//! Manifests: their files, and the replies that a question is answered from.
//!
//! The files are public and never change, so a CDN or a folder on any web server can stand in for these routes. Which
//! bucket somebody asks for is written down nowhere: not in a log, not in a label.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, stream};
use hyper::StatusCode;
use hyper::header::{self, HeaderMap, HeaderValue};
use ledger::Code;
use ledger::ids::{KeyspaceId, decimal};
use ledger::manifest::{KeyspaceFiles, MetaMode};
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::path::Tail;
use warp::reply::Response;

use crate::app::App;
use crate::body::heavy;
use crate::closed::{may_show_file, may_show_prefix};
use crate::metrics::Resource;
use crate::problem::{Answer, Problem};
use crate::query::Query;
use crate::range::{Range, range};
use crate::route::{answering, content, query, reads, with};

/// Files are read and sent in pieces of this size, whatever theirs is.
const PIECE: u64 = 256 << 10;

/// A reply of up to this length is made where it is asked for: it is one or two positioned reads of some kilobytes, which
/// take microseconds, and handing them to another thread costs more. An exact reply of 10^8 keys has 3 KiB.
const LIGHT: u64 = 16 << 10;

/// Immutable, and not to be compressed on the way: the length of a reply must not tell what is in it.
const AS_IT_IS: &str = "public, max-age=31536000, immutable, no-transform";

/// `/manifests/…`.
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
    answering(bucket, Resource("manifest_bucket")).or(answering(file, Resource("manifest_file"))).unify().boxed()
}

pub(crate) fn keyspace(text: &str) -> Result<KeyspaceId, Problem> {
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
    let query = Query::parse(&text, &["meta"])?;
    let mode = match query.text("meta") {
        None | Some("rows") => Some(MetaMode::Rows),
        Some("digests") => Some(MetaMode::Digests),
        Some("lists") => None,
        Some(_) => return Err(Problem::bad_request("query meta", "known are rows, digests, lists")),
    };
    let numbers = (decimal(&depth).ok().and_then(|depth| u8::try_from(depth).ok()), decimal(&prefix).ok());
    let (Some(depth), Some(prefix)) = numbers else {
        return Err(Problem::not_found("a bucket is named by two decimal numbers, depth and prefix"));
    };
    let Some(mode) = mode else { return run(&id, depth, prefix, &app).await };
    let files = held(&app, &id)?;
    let length = files.header().padded_reply(depth, mode);
    let length = length.filter(|_| prefix >> depth.min(63) == 0);
    let length = length.ok_or_else(|| Problem::not_found("the keyspace has no such prefix"))?;
    may_show_prefix(&app, files.keyspace(), depth)?;
    let reserved = app.replies.reserve(usize::try_from(length).unwrap_or(usize::MAX)).await?;
    let reply = match length <= LIGHT {
        true => files.reply(depth, prefix, mode)?,
        false => heavy(move || files.reply(depth, prefix, mode)).await??,
    };
    Ok(content("application/octet-stream", AS_IT_IS, reserved.fill(reply)))
}

/// The reply of a roll-up run: keys with the lists of their sources.
async fn run(id: &KeyspaceId, depth: u8, prefix: u64, app: &App) -> Answer {
    let files = app.log.manifests().run(id)?.ok_or_else(not_held)?;
    let length = files.header().padded_reply(depth).filter(|_| prefix >> depth.min(63) == 0);
    let length = length.ok_or_else(|| Problem::not_found("the run has no such prefix"))?;
    let reserved = app.replies.reserve(usize::try_from(length).unwrap_or(usize::MAX)).await?;
    let reply = heavy(move || files.reply(depth, prefix)).await??;
    Ok(content("application/octet-stream", AS_IT_IS, reserved.fill(reply)))
}

async fn file(id: String, name: Tail, headers: HeaderMap, app: Arc<App>) -> Answer {
    let id = keyspace(&id)?;
    let name = name.as_str().to_owned();
    let kind = if name == "header.json" { "application/json" } else { "application/octet-stream" };
    // Opened first: whether a keyspace is closed is looked up and remembered only of those that are here.
    let opened = heavy(move || {
        let opened = open(app.log.manifests().path(&id, &name))?.ok_or_else(not_held)?;
        may_show_file(&app, &id, &name).map(|()| opened)
    });
    let (file, length) = opened.await??;
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

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use std::path::Path;

    use ledger::ids::ContentKey;
    use ledger::manifest::{About, Builder, Item, Keyspace, Kind, Source, Spec, key};
    use ledger::record::kind::Kind as RecordKind;
    use ledger::record::statement::Subject;
    use ledger::testing as cast;

    use serde_json::json;

    use super::*;
    use crate::testing::TestServer;

    fn item(i: u64) -> ContentKey {
        key::raw_sha256(&i.to_be_bytes())
    }

    /// A keyspace of some items in a folder, and the lab's record that declares it.
    pub(crate) fn built(dir: &Path, n: u64) -> (PathBuf, Keyspace, Vec<u8>) {
        declared(dir, n, "complete")
    }

    fn declared(dir: &Path, n: u64, disclosure: &str) -> (PathBuf, Keyspace, Vec<u8>) {
        declared_by("lab", dir, n, disclosure)
    }

    fn declared_by(issuer: &str, dir: &Path, n: u64, disclosure: &str) -> (PathBuf, Keyspace, Vec<u8>) {
        let mut builder = Builder::new(Spec::of_kind(Kind::RawSha256).unwrap());
        for i in 0..n {
            builder.push(item(i), Item { license: 0, ordinal: i }).unwrap();
        }
        let source = Source { sha256: "00".repeat(32), bytes: 1, items: n, reader: "digests".into(), wiki: None };
        let about = About { source, coverage: "Test.".into(), licenses: vec!["CC0-1.0".into()] };
        let (header, keyspace) = builder.finish(dir, about).unwrap();
        let mut row = serde_json::to_value(header.to_declaration(&keyspace)).unwrap();
        row["disclosure"] = json!(disclosure);
        let predicate = json!({
            "issuer": { "id": issuer, "name": issuer }, "issued": cast::ISSUED,
            "dataset": { "name": "numbers" }, "keyspaces": [row],
        });
        let subject = Subject::keyspace(keyspace.id());
        let record = cast::sign(RecordKind::Manifest, vec![subject], predicate, &[&cast::key(issuer)]);
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
            let ranged = server.request("HEAD", &format!("{base}/{name}"), &[("range", "bytes=0-0")], b"");
            assert_eq!((ranged.status, ranged.header("content-range")), (200, None));
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

    /// A keyspace that every record calls closed is shown by replies of a thousand keys and no file; an open one as ever.
    #[test]
    fn a_closed_manifest_is_shown_by_prefix_only() {
        let server = TestServer::start();
        let dir = tempfile::tempdir().unwrap();
        let (folder, keyspace, record) = declared(&dir.path().join("out"), 20_000, "closed");
        server.sequence(record);
        server.app.log.manifests().add(&folder).unwrap();
        let id = keyspace.id();
        let deepest = keyspace.depth_for(1000);
        for (path, code) in [
            (format!("/manifests/{id}/keys.bin"), "manifest_closed"),
            (format!("/manifests/{id}/tree/0"), "manifest_closed"),
            (format!("/manifests/{id}/bucket/{}/0", keyspace.t()), "manifest_closed"),
            (format!("/manifests/{id}/bucket/{}/0", deepest + 1), "manifest_closed"),
        ] {
            assert_eq!(server.get(&path).problem(), code, "{path}");
        }
        assert_eq!(server.get(&format!("/manifests/{id}/header.json")).status, 200);
        let reply = server.get(&format!("/manifests/{id}/bucket/{deepest}/0"));
        assert_eq!(reply.status, 200);
        let range = ledger::manifest::VerifiedRange::verify(&keyspace, deepest, 0, &reply.body).unwrap();
        assert!(range.len() >= 1000, "{}", range.len());
    }

    /// Files may come before their record. What was shown until then is no promise; what was declared open is.
    #[test]
    fn a_manifest_is_closed_from_its_first_record_on_and_open_from_the_first_that_says_so() {
        let server = TestServer::start();
        let dir = tempfile::tempdir().unwrap();
        let (folder, keyspace, closed) = declared(&dir.path().join("closed"), 20_000, "closed");
        server.app.log.manifests().add(&folder).unwrap();
        let bucket = format!("/manifests/{}/bucket/{}/0", keyspace.id(), keyspace.t());
        assert_eq!(server.get(&bucket).status, 200);
        server.sequence(cast::model_card("lab", 1));
        assert_eq!(server.get(&bucket).status, 200);
        server.sequence(closed);
        assert_eq!(server.get(&bucket).problem(), "manifest_closed");
        let (_, same, open) = declared(&dir.path().join("open"), 20_000, "complete");
        assert_eq!(same.id(), keyspace.id());
        server.sequence(open);
        assert_eq!(server.get(&bucket).status, 200);
    }

    /// Anybody may name the keyspace in a manifest of their own: it neither opens what is closed nor closes what is open.
    #[test]
    fn whoever_declared_a_keyspace_first_says_whether_it_is_closed() {
        for (own, others, code) in [("closed", "complete", Some("manifest_closed")), ("complete", "closed", None)] {
            let server = TestServer::start();
            server.sequence(cast::party("stranger", &["partner"]));
            let dir = tempfile::tempdir().unwrap();
            let (folder, keyspace, first) = declared_by("lab", &dir.path().join("first"), 20_000, own);
            let (_, same, second) = declared_by("stranger", &dir.path().join("second"), 20_000, others);
            assert_eq!(same.id(), keyspace.id());
            server.app.log.manifests().add(&folder).unwrap();
            let bucket = format!("/manifests/{}/bucket/{}/0", keyspace.id(), keyspace.t());
            server.sequence(first);
            let shown = || (server.get(&bucket).status != 200).then(|| server.get(&bucket).problem());
            assert_eq!(shown().as_deref(), code);
            server.sequence(second);
            assert_eq!(shown().as_deref(), code, "{own} by its maker, {others} by a stranger");
        }
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
}
