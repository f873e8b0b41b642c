//! The read side of C2SP: checkpoint, tiles, entry bundles (tlog-tiles) and addenda (tlog-addenda).
//!
//! Paths are read by the ledger's own strict parsers, on the text as it was sent: nothing is decoded first, so a path
//! has one spelling and every other one is not found.

use std::sync::Arc;

use hyper::HeaderMap;
use ledger::Code;
use ledger::ids::BodyDigest;
use ledger::log::{Body, EntryView, Filter as Terms, Order, Published, Term};
use ledger::merkle::{EntryBundleId, TileId};
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::path::Tail;
use warp::reply::Response;

use crate::app::App;
use crate::body::heavy;
use crate::metrics::Resource;
use crate::problem::{Answer, Problem};
use crate::route::{ASK_AGAIN, IMMUTABLE, answering, content, reads, tagged, with};

const BYTES: &str = "application/octet-stream";

/// `/checkpoint`, `/tile/…`, `/addenda/…` and `/addenda.v1`.
pub(crate) fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    let newest = warp::path("checkpoint").and(warp::path::end()).and(reads()).and(with(app)).map(checkpoint);
    let tile = warp::path("tile").and(warp::path::tail()).and(reads()).and(with(app)).map(tile);
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

async fn tile(tail: Tail, app: Arc<App>) -> Answer {
    let path = format!("tile/{}", tail.as_str());
    let view = app.view()?;
    let bytes = if let Ok(id) = EntryBundleId::parse(&path) {
        // Up to 256 reads from the journal.
        heavy(move || app.log.entry_bundle(&view, id)).await??
    } else if let Ok(id) = TileId::parse(&path) {
        app.log.tile(&view, id)?
    } else {
        return Err(Problem::not_found("this is not the path of a tile; see c2sp.org/tlog-tiles"));
    };
    let bytes = bytes.ok_or_else(|| Problem::not_found("the published tree is smaller than that"))?;
    Ok(content(BYTES, IMMUTABLE, bytes))
}

async fn addendum(tail: Tail, headers: HeaderMap, app: Arc<App>) -> Answer {
    let digest = addendum_digest(tail.as_str())
        .ok_or_else(|| Problem::not_found("this is not the path of an addendum; see c2sp.org/tlog-addenda"))?;
    let view = app.view()?;
    let entry = app.log.find_body(&view, &digest)?;
    let entry = entry.ok_or_else(|| Problem::not_found("no published entry names this body"))?;
    let body = held_body(&app, &view, &entry)?;
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
        Body::Redacted => Err(redacted(app, view, entry)),
    }
}

/// What is said about a body that was erased: everything that the leaf keeps, and who had it erased.
pub(crate) fn redacted(app: &App, view: &Published, entry: &EntryView) -> Problem {
    let terms = Terms { terms: vec![Term::Ref(entry.header.record), Term::Kind("retraction".to_owned())] };
    let retraction = app.log.page(view, &terms, Order::From(entry.index), 1).ok();
    let retraction = retraction.and_then(|page| page.entries.first().map(|entry| entry.index));
    let problem = Problem::new(Code::Redacted, format!("the body of entry {} was erased", entry.index))
        .with("index", entry.index.to_string())
        .with("record", entry.header.record.to_hex());
    match retraction {
        Some(index) => problem.with("retraction", index.to_string()),
        None => problem,
    }
}
