//! The read side of C2SP: checkpoint, tiles, entry bundles (tlog-tiles) and addenda (tlog-addenda).
//!
//! Paths are read by the ledger's own strict parsers, on the text as it was sent: nothing is decoded first, so a path
//! has one spelling and every other one is not found.

use std::sync::Arc;

use hyper::HeaderMap;
use ledger::Code;
use ledger::ids::BodyDigest;
use ledger::log::{Body, EntryView, Published};
use ledger::merkle::{EntryBundleId, TileId};
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::path::Tail;
use warp::reply::Response;

use crate::app::App;
use crate::body::heavy;
use crate::metrics::Resource;
use crate::problem::{Answer, Problem};
use crate::range::range;
use crate::replies::filled;
use crate::route::{ASK_AGAIN, IMMUTABLE, answering, content, reads, tagged, with};

const BYTES: &str = "application/octet-stream";

/// `/checkpoint`, `/tile/…`, `/addenda/…` and `/addenda.v1`.
pub(crate) fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    let newest = warp::path("checkpoint").and(warp::path::end()).and(reads()).and(with(app)).map(checkpoint);
    let tile = warp::path("tile")
        .and(warp::path::tail())
        .and(reads())
        .and(warp::header::headers_cloned())
        .and(with(app))
        .map(tile);
    let addendum = warp::path("addenda")
        .and(warp::path::tail())
        .and(reads())
        .and(warp::header::headers_cloned())
        .and(with(app))
        .map(addendum);
    let marker = warp::path("addenda.v1").and(warp::path::end()).and(reads()).map(marker);
    answering(tile, Resource("tile"))
        .or(answering(newest, Resource("checkpoint")))
        .unify()
        .or(answering(addendum, Resource("addendum")))
        .unify()
        .or(answering(marker, Resource("addendum")))
        .unify()
        .boxed()
}

async fn checkpoint(app: Arc<App>) -> Answer {
    Ok(content("text/plain; charset=utf-8", ASK_AGAIN, app.view()?.note.clone()))
}

async fn tile(tail: Tail, headers: HeaderMap, app: Arc<App>) -> Answer {
    let path = format!("tile/{}", tail.as_str());
    let view = app.view()?;
    let bytes = if let Ok(id) = EntryBundleId::parse(&path) {
        // Up to 256 reads from the journal; an entry has a few hundred bytes.
        let reserved = app.replies.reserve(usize::from(id.width()) << 10).await?;
        heavy(move || app.log.entry_bundle(&view, id)).await??.map(|bundle| reserved.fill(bundle))
    } else if let Ok(id) = TileId::parse(&path) {
        app.log.tile(&view, id)?.map(bytes::Bytes::from)
    } else {
        return Err(Problem::not_found("this is not the path of a tile; see c2sp.org/tlog-tiles"));
    };
    let bytes = bytes.ok_or_else(|| Problem::not_found("the published tree is smaller than that"))?;
    // A wider bundle begins with the narrower one, so whoever has that asks for the rest.
    let Some(part) = range(&headers, bytes.len() as u64)? else { return Ok(content(BYTES, IMMUTABLE, bytes)) };
    let (from, to, whole) = (part.from as usize, part.to as usize, bytes.len());
    let mut response = content(BYTES, IMMUTABLE, bytes.slice(from..to));
    *response.status_mut() = hyper::StatusCode::PARTIAL_CONTENT;
    if let Ok(range) = hyper::header::HeaderValue::from_str(&format!("bytes {from}-{}/{whole}", to.saturating_sub(1))) {
        response.headers_mut().insert(hyper::header::CONTENT_RANGE, range);
    }
    Ok(response)
}

async fn addendum(tail: Tail, headers: HeaderMap, app: Arc<App>) -> Answer {
    let digest = addendum_digest(tail.as_str())
        .ok_or_else(|| Problem::not_found("this is not the path of an addendum; see c2sp.org/tlog-addenda"))?;
    let view = app.view()?;
    let entry = app.log.find_body(&view, &digest)?;
    let entry = entry.ok_or_else(|| Problem::not_found("no published entry names this body"))?;
    let reserved = app.replies.reserve_if_large(app.log.body_len(&entry)?).await?;
    let body = held_body(&app, &view, &entry)?;
    let body = filled(reserved, body);
    tagged(&digest.to_hex(), &headers, || Ok(content(BYTES, ASK_AGAIN, body)))
}

/// `<aa>/<bb>/<64 hex>`, where `aa` and `bb` are the first two bytes of the digest.
fn addendum_digest(path: &str) -> Option<BodyDigest> {
    let (first, rest) = path.split_once('/')?;
    let (second, name) = rest.split_once('/')?;
    let digest: BodyDigest = name.parse().ok()?;
    (name.get(..2)? == first && name.get(2..4)? == second).then_some(digest)
}

async fn marker() -> Answer {
    // True of every entry from the first one on, so it cannot change.
    Ok(content(BYTES, IMMUTABLE, bytes::Bytes::new()))
}

/// The body of an entry.
///
/// # Errors
/// `redacted`, with the index of the retraction, if it was erased.
pub(crate) fn held_body(app: &App, view: &Published, entry: &EntryView) -> Result<bytes::Bytes, Problem> {
    match app.log.body(entry)? {
        Body::Held(bytes) => Ok(bytes),
        Body::Redacted => Err(redacted(view, entry)),
    }
}

/// What is said about a body that was erased: everything that the leaf keeps, and who had it erased.
pub(crate) fn redacted(view: &Published, entry: &EntryView) -> Problem {
    let problem = Problem::new(Code::Redacted, format!("the body of entry {} was erased", entry.index))
        .with("index", entry.index.to_string())
        .with("record", entry.header.record.to_hex());
    match view.state.redaction(&entry.header.record) {
        Some(index) => problem.with("retraction", index.to_string()),
        None => problem,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use ledger::merkle::decode_bundle;
    use ledger::testing as cast;

    use super::*;
    use crate::testing::TestServer;

    #[test]
    fn the_read_side_of_c2sp_is_served_with_its_types_and_its_caching() {
        let server = TestServer::start();
        let checkpoint = server.get("/checkpoint");
        assert_eq!(checkpoint.status, 200);
        assert_eq!(checkpoint.header("content-type"), Some("text/plain; charset=utf-8"));
        assert_eq!(checkpoint.header("cache-control"), Some("no-cache"));
        assert_eq!(cast::policy().check(&checkpoint.body).unwrap().checkpoint().size().0, 3);

        let tile = server.get("/tile/0/000.p/3");
        assert_eq!((tile.status, tile.body.len()), (200, 96));
        assert_eq!(tile.header("content-type"), Some("application/octet-stream"));
        assert_eq!(tile.header("cache-control"), Some(IMMUTABLE));
        assert_eq!(server.get("/tile/0/000.p/2").body, tile.body[..64]);

        let bundle = server.get("/tile/entries/000.p/3");
        let narrower = server.get("/tile/entries/000.p/2").body;
        let from = format!("bytes={}-", narrower.len());
        let rest = server.request("GET", "/tile/entries/000.p/3", &[("range", &from)], b"");
        assert_eq!((rest.status, [narrower, rest.body].concat() == bundle.body), (206, true));
        assert_eq!(bundle.header("cache-control"), Some(IMMUTABLE));
        assert_eq!(decode_bundle(&bundle.body, 3).unwrap().len(), 3);

        let marker = server.get("/addenda.v1");
        assert_eq!((marker.status, marker.body.len()), (200, 0));
    }

    #[test]
    fn head_is_get_without_the_body() {
        let server = TestServer::start();
        for path in ["/checkpoint", "/tile/0/000.p/3", "/tile/entries/000.p/3"] {
            let (get, head) = (server.get(path), server.request("HEAD", path, &[], b""));
            assert_eq!(head.status, 200, "{path}");
            assert_eq!(head.body, b"", "{path}");
            assert_eq!(head.header("content-length"), Some(get.body.len().to_string().as_str()), "{path}");
            assert_eq!(head.header("cache-control"), get.header("cache-control"), "{path}");
        }
        // There are parts of a GET only.
        for part in ["bytes=0-9", "bytes=999999-"] {
            let head = server.request("HEAD", "/tile/entries/000.p/3", &[("range", part)], b"");
            assert_eq!((head.status, head.header("content-range")), (200, None), "{part}");
            let whole = server.get("/tile/entries/000.p/3").body.len().to_string();
            assert_eq!(head.header("content-length"), Some(whole.as_str()), "{part}");
        }
        let tag = server.get("/api/v1/records/1").header("etag").unwrap().to_owned();
        for method in ["GET", "HEAD"] {
            let unchanged = server.request(method, "/api/v1/records/1", &[("if-none-match", &tag)], b"");
            assert_eq!((unchanged.status, unchanged.header("content-length")), (304, None), "{method}");
        }
        let missing = server.request("HEAD", "/tile/0/001", &[], b"");
        assert_eq!((missing.status, missing.body.len()), (404, 0));
    }

    #[test]
    fn b19_every_other_spelling_of_a_path_is_not_found_and_not_kept() {
        let server = TestServer::start();
        for path in [
            "/tile/0/000",
            "/tile/0/000.p/4",
            "/tile/0/000.p/0",
            "/tile/0/000.p/03",
            "/tile/0/000.p/256",
            "/tile/0/000.p/257",
            "/tile/0/257",
            "/tile/0/0",
            "/tile/0/0000.p/3",
            "/tile/0/x000/000.p/3",
            "/tile/00/000.p/3",
            "/tile/64/000.p/1",
            "/tile/-1/000.p/1",
            "/tile/0/000.p/3/",
            "/tile/0//000.p/3",
            "/tile/0/%30%30%30.p/3",
            "/tile/0/%2e%2e/0/000.p/3",
            "/tile/0/../0/000.p/3",
            "/tile%2f0/000.p/3",
            "/tile/entries/000",
            "/tile/entries/000.p/4",
            "/tile/entries/x999/x999/x999/x999/x999/x999/999",
            "/tile/",
            "/tile",
            "/checkpoint/",
            "/checkpoint/x",
            "/addenda.v1/",
            "//checkpoint",
            "/%63heckpoint",
        ] {
            let reply = server.get(path);
            assert_eq!(reply.status, 404, "{path}");
            assert_eq!(reply.problem(), "not_found", "{path}");
        }
        for method in ["POST", "PUT", "DELETE", "BREW"] {
            let reply = server.request(method, "/tile/0/000.p/3", &[], b"");
            assert_eq!((reply.status, reply.problem().as_str()), (405, "method_not_allowed"), "{method}");
        }
    }

    #[test]
    fn an_addendum_is_the_envelope_byte_for_byte_under_its_own_name() {
        let server = TestServer::start();
        let body = cast::model_card("lab", 1);
        server.sequence(body.clone());
        let digest = ledger::entry::body_digest(&body).to_hex();
        let path = format!("/addenda/{}/{}/{digest}", &digest[..2], &digest[2..4]);
        let reply = server.get(&path);
        assert_eq!((reply.status, &reply.body), (200, &body));
        assert_eq!(reply.header("cache-control"), Some("no-cache"));
        let tag = reply.header("etag").unwrap().to_owned();
        assert_eq!(tag, format!("\"{digest}\""));

        let again = server.request("GET", &path, &[("if-none-match", &tag)], b"");
        assert_eq!((again.status, again.body.len()), (304, 0));
        assert_eq!(again.header("etag"), Some(tag.as_str()));

        let upper = digest.to_uppercase();
        for wrong in [
            format!("/addenda/{digest}"),
            format!("/addenda/00/{}/{digest}", &digest[2..4]),
            format!("/addenda/{}/{}/{upper}", &upper[..2], &upper[2..4]),
            format!("/addenda/{}/{}/{}", &digest[..2], &digest[2..4], &digest[..63]),
            format!("/addenda/00/00/{}", "0".repeat(64)),
        ] {
            assert_eq!(server.get(&wrong).problem(), "not_found", "{wrong}");
        }
    }

    #[test]
    fn a_log_that_has_published_nothing_has_nothing_to_show() {
        let server = TestServer::of_empty_log(crate::Options::default());
        for path in ["/checkpoint", "/tile/0/000.p/1", "/tile/entries/000.p/1", "/api/v1/records", "/api/v1/records/0"]
        {
            assert_eq!(server.get(path).problem(), "not_found", "{path}");
        }
    }
}
