//! `GET /api/v1/parties/{id}`: what a party may do and with which keys, and the entries that this follows from.
//!
//! Effective state is a function of the log; every number here is the index of an entry that a client can fetch, prove
//! and fold by itself.

use std::sync::Arc;

use hyper::HeaderMap;
use ledger::log::Term;
use ledger::state::{KeyState, Revocation};
use serde_json::{Value, json};
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use crate::app::App;
use crate::body::heavy;
use crate::looking::Looking;
use crate::metrics::Resource;
use crate::problem::{Answer, Problem};
use crate::profile::{Profile, Undone};
use crate::query::{decode, encode};
use crate::route::{ASK_AGAIN, answering, json, reads, tagged, with};

/// `GET /api/v1/parties/{id}`.
pub(crate) fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    let party = warp::path!("api" / "v1" / "parties" / String)
        .and(reads())
        .and(warp::header::headers_cloned())
        .and(with(app))
        .map(party);
    answering(party, Resource("party"))
}

async fn party(id: String, headers: HeaderMap, app: Arc<App>) -> Answer {
    let view = app.view()?;
    let id = decode(&id, false).ok_or_else(|| Problem::not_found("this is not percent-encoded UTF-8"))?;
    let party = view.state.party(&id).ok_or_else(|| Problem::not_found("no party has this id"))?;
    let found = heavy({
        let (app, view, id) = (Arc::clone(&app), Arc::clone(&view), id.clone());
        move || Profile::of(&app.log, &view, &Looking::new(&app.log, Arc::clone(&view)), &id, app.log.now())
    });
    let found = found.await??;
    let profile = found.standing.as_ref().map(|profile| profile.index.to_string());
    // The state at a size never changes; a profile may run out.
    let tag = format!("party-{}-{}", view.size, profile.as_deref().unwrap_or("none"));
    tagged(&tag, &headers, || {
        let keys: Vec<Value> = view.state.keys_of(&id).map(|(keyid, key)| key_json(&keyid.to_hex(), key)).collect();
        let document = json!({
            "id": id,
            "size": view.size.to_string(),
            "roles": party.roles,
            "registered": party.index.to_string(),
            "profile": profile,
            "profileUndone": found.undone.map(Undone::to_json),
            "complete": !found.partial,
            "keys": keys,
            "links": {
                "registered": app.link(&format!("/api/v1/records/{}", party.index)),
                "records": app.link(&format!("/api/v1/records?issuer={}", encode(&id))),
                "lookup": app.link(&format!("/api/v1/lookup?term={}", encode(&Term::Issuer(id.clone()).to_string()))),
                "page": app.link(&format!("/p/{}", encode(&id))),
            },
        });
        json(ASK_AGAIN, &document)
    })
}

fn key_json(keyid: &str, key: &KeyState) -> Value {
    let revoked = key.revoked.map(|Revocation { index, reason, compromised_from }| {
        json!({
            "index": index.to_string(),
            "reason": reason,
            "compromisedFromIndex": compromised_from.map(|index| index.to_string()),
        })
    });
    json!({
        "keyid": keyid,
        "publicKey": key.public_key,
        "registered": key.registered.to_string(),
        "revoked": revoked,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use ledger::testing as cast;

    use super::*;
    use crate::testing::TestServer;

    #[test]
    fn a_party_is_shown_with_its_keys_and_the_entries_that_say_so() {
        let server = TestServer::start();
        let reply = server.get("/api/v1/parties/lab");
        let party = reply.json();
        assert_eq!(party["roles"], json!(["partner"]));
        assert_eq!((&party["registered"], &party["size"]), (&json!("1"), &json!("3")));
        assert_eq!(party["keys"][0]["keyid"], cast::key("lab").public_key().key_id().to_hex());
        assert_eq!(party["keys"][0]["registered"], "1");
        assert_eq!(party["keys"][0]["revoked"], Value::Null);
        let tag = reply.header("etag").unwrap();
        assert_eq!(server.request("GET", "/api/v1/parties/l%61b", &[("if-none-match", tag)], b"").status, 304);
        assert_eq!(server.get("/api/v1/parties/nobody").problem(), "not_found");
        assert_eq!(server.get("/api/v1/parties/%ff").problem(), "not_found");
    }
}
