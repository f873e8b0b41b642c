//! Look-ups in the verifiable index, and what its next root must say.
//!
//! The answers are the library's: a list with the proof that nothing is left out of it (docs/FORMAT.md §12). A client needs
//! besides it the bundle of the `index-root` that it names, and the entries since; both are immutable or nearly so.

use std::sync::Arc;

use ledger::log::{IndexedRoot, NextRoot, Term};
use serde_json::{Value, json};
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use crate::app::App;
use crate::body::heavy;
use crate::metrics::Resource;
use crate::problem::{Answer, Problem};
use crate::query::Query;
use crate::route::{ASK_AGAIN, answering, content, json, query, reads, with};

/// The memory to reserve for an answer with entries: 256 of them with their proofs take half a megabyte.
const WITH_ENTRIES: usize = 512 << 10;

/// `GET /api/v1/lookup`, `GET /api/v1/index`.
pub(crate) fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    let lookup = warp::path!("api" / "v1" / "lookup").and(reads()).and(query()).and(with(app)).map(look_up);
    let index = warp::path!("api" / "v1" / "index").and(reads()).and(with(app)).map(index);
    answering(lookup, Resource("lookup")).or(answering(index, Resource("index"))).unify().boxed()
}

async fn look_up(text: String, app: Arc<App>) -> Answer {
    let query = Query::parse(&text, &["term", "page", "entries", "since"])?;
    let term: Term =
        query.value("term")?.ok_or_else(|| Problem::bad_request("query term", "missing: what to look up"))?;
    let page = query.value("page")?.unwrap_or(0u64);
    let entries = match query.text("entries") {
        None => false,
        Some("1") => true,
        Some(_) => return Err(Problem::bad_request("query entries", "1, or not given")),
    };
    let since = query.value("since")?;
    let reserved = app.replies.reserve(if entries { WITH_ENTRIES } else { 16 << 10 }).await?;
    let made = heavy({
        let app = Arc::clone(&app);
        move || app.log.look_up(&term, page, entries, since)?.encode()
    });
    let bytes = made.await??;
    Ok(content("application/json", ASK_AGAIN, reserved.fill(bytes)))
}

/// What the index stands at, and what an operator may sign next.
async fn index(app: Arc<App>) -> Answer {
    let (root, next) = heavy({
        let app = Arc::clone(&app);
        move || (app.log.indexed_root(), app.log.next_index_root())
    })
    .await?;
    let root = root?.map(|IndexedRoot { index, record, size, root }| {
        json!({ "index": index.to_string(), "record": record, "size": size.to_string(), "root": root })
    });
    let next: Option<Value> = next.ok().map(|NextRoot { size, root, previous }| {
        let previous = previous.map(|record| record.to_reference());
        json!({ "size": size.to_string(), "root": root, "previous": previous })
    });
    json(ASK_AGAIN, &json!({ "indexRoot": root, "next": next }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use ledger::testing as cast;
    use ledger::trie::Lookup;

    use super::*;
    use crate::testing::TestServer;

    #[test]
    fn without_a_root_there_is_nothing_to_look_up_and_a_root_is_offered() {
        let server = TestServer::start();
        server.sequence(cast::model_card("lab", 1));
        assert_eq!(server.get("/api/v1/lookup?term=kind:model-card").problem(), "index_unavailable");
        for wrong in ["", "?term=kind", "?term=colour:red", "?term=kind:party&entries=2", "?term=kind:party&page=-1"] {
            assert_eq!(server.get(&format!("/api/v1/lookup{wrong}")).problem(), "bad_request", "{wrong}");
        }
        let index = server.get("/api/v1/index").json();
        assert_eq!((&index["indexRoot"], &index["next"]["size"]), (&Value::Null, &json!("4")));
    }

    #[test]
    fn a_look_up_comes_as_it_is_read() {
        let server = TestServer::start();
        server.sequence(cast::model_card("lab", 1));
        let next = server.get("/api/v1/index").json()["next"].clone();
        let root: ledger::ids::TrieRoot = next["root"].as_str().unwrap().parse().unwrap();
        let root = ledger::record::kinds::IndexRoot { size: 4, root, previous: None };
        let predicate = json!({
            "issuer": { "id": "operator" }, "issued": cast::ISSUED, "size": 4, "root": next["root"],
        });
        let kind = ledger::record::kind::Kind::IndexRoot;
        server.sequence(cast::sign(kind, root.subjects(), predicate, &[&cast::key("operator")]));
        server.wait_for_index();
        let reply = server.get("/api/v1/lookup?term=kind:model-card&entries=1&since=4");
        let lookup = Lookup::parse(&reply.body).unwrap();
        assert_eq!(lookup.encode().unwrap(), reply.body);
        assert_eq!(lookup.page.unwrap().indices, [ledger::ids::LeafIndex(3)]);
        assert_eq!(lookup.root.0, ledger::ids::LeafIndex(4));
        assert_eq!(server.get("/api/v1/index").json()["indexRoot"]["index"], "4");
    }
}
