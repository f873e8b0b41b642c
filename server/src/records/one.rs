//! One record: what was signed, what its leaf says, and what became of it.

use std::sync::Arc;

use hyper::header::HeaderMap;
use ledger::Code;
use ledger::log::EntryView;
use ledger::record::dsse::Envelope;
use serde::Serialize;
use serde_json::value::RawValue;

use super::became::Became;
use super::find;
use super::summary::Summary;
use crate::app::App;
use crate::body::heavy;
use crate::problem::{Answer, Problem};
use crate::route::{ASK_AGAIN, json_within, tagged};
use crate::tiles::held_body;

/// A record with what was signed, and what became of it.
#[derive(Debug, Serialize)]
struct Full<'a> {
    #[serde(flatten)]
    summary: Summary,
    #[serde(flatten)]
    became: Option<Became>,
    /// The envelope as it was accepted.
    envelope: &'a RawValue,
    /// The statement that was signed, taken out of the envelope for those who only want to read it.
    statement: &'a RawValue,
}

pub(super) async fn record(name: String, headers: HeaderMap, app: Arc<App>) -> Answer {
    let (view, now) = (app.view()?, app.log.now());
    let entry = find(&app, &view, &name)?;
    // The envelope, the statement out of it, and the leaf in base64.
    let room = 2 * app.log.body_len(&entry)? + 2 * entry.bytes.len();
    let reserved = app.replies.reserve_if_large(room).await?;
    // What became of a record follows from all that names it: that may be thousands of entries.
    heavy(move || {
        let became = Became::of(&app.log, &view, entry.index, now)?;
        let body = match held_body(&app, &view, &entry) {
            Err(problem) if problem.code() == Code::Redacted => return erased(&app, &entry, became.as_ref(), problem),
            body => body?,
        };
        tagged(&format!("{}-{}", entry.body, Became::tag(became.as_ref())), &headers, || {
            let payload = Envelope::parse(&body)?.payload;
            let unreadable = |error: serde_json::Error| {
                Problem::new(Code::StoreCorrupt, format!("the body of entry {}: {error}", entry.index))
            };
            let full = Full {
                summary: Summary::of(&app, &entry),
                became,
                envelope: serde_json::from_slice(&body).map_err(unreadable)?,
                statement: serde_json::from_slice(&payload).map_err(unreadable)?,
            };
            json_within(reserved, ASK_AGAIN, &full)
        })
    })
    .await?
}

/// What is left of a record whose body was erased, under the problem that says so: its entry, what became of it, and where
/// its proof is.
fn erased(app: &App, entry: &EntryView, became: Option<&Became>, mut problem: Problem) -> Answer {
    let mut summary = Summary::of(app, entry);
    // They would answer the same.
    (summary.links.bundle, summary.links.body) = (None, None);
    for part in [serde_json::to_value(&summary), serde_json::to_value(became)] {
        let part =
            part.map_err(|error| Problem::new(Code::Internal, format!("an entry cannot be written: {error}")))?;
        for (name, value) in part.as_object().into_iter().flatten() {
            problem = problem.with(name, value.clone());
        }
    }
    let mut response = problem.into_response();
    // It is the entry that was asked for: to a browser too, which would get a page in its place.
    response.extensions_mut().remove::<ledger::Error>();
    Ok(response)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use ledger::entry::Entry;
    use ledger::record::terms::moment;
    use ledger::testing as cast;
    use serde_json::json;

    use crate::testing::TestServer;

    #[test]
    fn a_record_is_found_by_index_and_by_id_and_says_what_its_leaf_says() {
        let server = TestServer::start();
        let body = cast::model_card("lab", 1);
        server.sequence(body.clone());
        let id = cast::record_id(&body).to_hex();
        let reply = server.get("/api/v1/records/3");
        assert_eq!(server.get(&format!("/api/v1/records/{id}")).body, reply.body);
        let record = reply.json();
        assert_eq!((&record["index"], &record["record"]), (&json!("3"), &json!(id)));
        assert_eq!(record["kind"], "model-card");
        assert_eq!(record["statement"]["predicate"]["model_name"], "example-1");
        // The envelope stands in the document as it was accepted.
        assert!(reply.text().contains(std::str::from_utf8(&body).unwrap()));
        let entry = Entry::decode(&STANDARD.decode(record["entry"].as_str().unwrap()).unwrap()).unwrap();
        assert_eq!(record["digest"], entry.body.to_hex());
        assert_eq!(record["received"], moment(entry.header.received));
        let tag = reply.header("etag").unwrap();
        assert_eq!(server.request("GET", "/api/v1/records/3", &[("if-none-match", tag)], b"").status, 304);
    }

    #[test]
    fn i09_an_erased_body_is_said_to_be_erased_and_everything_else_stays_provable() {
        let server = TestServer::start();
        let body = cast::model_card("lab", 1);
        server.sequence(body.clone());
        let digest = ledger::entry::body_digest(&body).to_hex();
        let addendum = format!("/addenda/{}/{}/{digest}", &digest[..2], &digest[2..4]);
        let tag = server.get(&addendum).header("etag").unwrap().to_owned();
        server.erase(3);
        for path in ["/api/v1/records/3", "/api/v1/records/3/bundle", &addendum] {
            let reply = server.request("GET", path, &[("if-none-match", &tag)], b"");
            assert_eq!((reply.status, reply.problem().as_str()), (410, "redacted"), "{path}");
            assert_eq!(reply.json()["index"], "3");
            assert_eq!(reply.json()["record"], cast::record_id(&body).to_hex());
        }
        // What the leaf keeps is in the document, for browsers too.
        let left = server.request("GET", "/api/v1/records/3", &[("accept", "text/html")], b"");
        assert_eq!((left.status, left.problem().as_str()), (410, "redacted"));
        let left = left.json();
        let entry = Entry::decode(&STANDARD.decode(left["entry"].as_str().unwrap()).unwrap()).unwrap();
        assert_eq!((entry.body.to_hex(), &left["kind"]), (digest.clone(), &json!("model-card")));
        assert!(left["fate"].is_object() && left["marks"].is_array(), "{left}");
        assert_eq!(left["links"]["receipt"], "/api/v1/records/3/receipt");
        assert!(left["links"].get("body").is_none() && left["links"].get("bundle").is_none());
        assert!(left.get("statement").is_none(), "{left}");
        assert_eq!(server.get("/api/v1/records/3/receipt").status, 200);
        assert_eq!(server.get("/tile/entries/000.p/4").status, 200);
        assert_eq!(server.get("/api/v1/records?kind=model-card").json()["records"][0]["digest"], digest);
    }
}
