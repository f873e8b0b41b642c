//! Reading records: one, its bundle, its receipt, and lists of them.
//!
//! What is said about a record here is in its entry or its body, or follows from the entries after it; the entry's bytes are
//! beside it, so that nobody has to believe the rest.

mod became;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{self, HeaderMap, HeaderValue};
use ledger::Code;
use ledger::bundle::{MAX_BUNDLE_LEN, MEDIA_TYPE};
use ledger::ids::{LeafIndex, RecordId, decimal};
use ledger::log::{EntryView, Filter as Terms, MAX_PAGE, Order, Published, Term};
use ledger::record::body_digest;
use ledger::record::dsse::Envelope;
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use self::became::Became;
use crate::app::App;
use crate::body::heavy;
use crate::looking::newest_of;
use crate::metrics::Resource;
use crate::problem::{Answer, Problem};
use crate::query::{Query, encode};
use crate::receipt::Links;
use crate::route::{ASK_AGAIN, answering, content, json, query, reads, tagged, with};
use crate::tiles::held_body;

/// How many entries a page has if nobody says.
const PAGE: usize = 50;

/// The parameters of a list, in the order in which they are best walked: those that match few entries first.
const PARAMETERS: [&str; 10] =
    ["record", "ref", "key", "subject", "signer", "issuer", "kind", "after", "before", "limit"];

/// `GET /api/v1/records…`.
pub(crate) fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    let headers = warp::header::headers_cloned;
    let list = warp::path!("api" / "v1" / "records").and(reads()).and(query()).and(with(app)).map(list);
    let record = warp::path!("api" / "v1" / "records" / String).and(reads()).and(headers()).and(with(app)).map(record);
    let bundle = warp::path!("api" / "v1" / "records" / String / "bundle")
        .and(reads())
        .and(headers())
        .and(with(app))
        .map(bundle);
    let receipt = warp::path!("api" / "v1" / "records" / String / "receipt")
        .and(reads())
        .and(headers())
        .and(with(app))
        .map(receipt);
    answering(record, Resource("record"))
        .or(answering(bundle, Resource("bundle")))
        .unify()
        .or(answering(receipt, Resource("receipt")))
        .unify()
        .or(answering(list, Resource("records")))
        .unify()
        .boxed()
}

/// What the leaf says about a record.
#[derive(Debug, Serialize)]
struct Summary {
    index: String,
    record: String,
    kind: String,
    issuer: String,
    signers: Vec<String>,
    keys: Vec<String>,
    subjects: Vec<String>,
    refs: Vec<String>,
    received: String,
    digest: String,
    entry: String,
    links: Links,
}

impl Summary {
    fn of(app: &App, entry: &EntryView) -> Self {
        let header = &entry.header;
        let digest = entry.body.to_hex();
        let mut links = Links::of(app, entry.index);
        let addendum = format!("/addenda/{}/{}/{digest}", &digest[..2], &digest[2..4]);
        links.body = Some(app.link(&addendum));
        Self {
            index: entry.index.to_string(),
            record: header.record.to_hex(),
            kind: header.kind.clone(),
            issuer: header.issuer.clone(),
            signers: header.signers.iter().map(ToString::to_string).collect(),
            keys: header.keys.iter().map(ToString::to_string).collect(),
            subjects: header.subjects.iter().map(ToString::to_string).collect(),
            refs: header.refs.iter().map(ToString::to_string).collect(),
            received: rfc3339(header.received.0),
            digest,
            entry: STANDARD.encode(&entry.bytes),
            links,
        }
    }
}

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

async fn record(name: String, headers: HeaderMap, app: Arc<App>) -> Answer {
    // What became of a record follows from all that names it: that may be thousands of entries.
    heavy(move || {
        let (view, now) = (app.view()?, app.log.now());
        let entry = find(&app, &view, &name)?;
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
            json(ASK_AGAIN, &full)
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

/// The tag names the size as well: a newer bundle may hold a revocation that an older one does not.
async fn bundle(name: String, headers: HeaderMap, app: Arc<App>) -> Answer {
    let view = app.view()?;
    let entry = find(&app, &view, &name)?;
    held_body(&app, &view, &entry)?;
    // So may its look-up of the signers' keys, which follows a moment after the root is published.
    let root = app.log.indexed_root().ok().flatten().map_or(0, |root| root.index.0);
    let tag = format!("{}-{}-{root}", entry.body, under(&view));
    let index = entry.index;
    let reserved = app.replies.reserve(MAX_BUNDLE_LEN / 8).await?;
    let made = heavy({
        let (app, view) = (Arc::clone(&app), Arc::clone(&view));
        move || app.log.bundle(&view, index)?.encode()
    });
    let bundle = made.await??;
    tagged(&tag, &headers, || {
        let mut response = content(MEDIA_TYPE, ASK_AGAIN, reserved.fill(bundle));
        let disposition = format!("attachment; filename=\"record-{index}.colophon.json\"");
        if let Ok(disposition) = HeaderValue::from_str(&disposition) {
            response.headers_mut().insert(header::CONTENT_DISPOSITION, disposition);
        }
        Ok(response)
    })
}

async fn receipt(name: String, headers: HeaderMap, app: Arc<App>) -> Answer {
    let view = app.view()?;
    let entry = find(&app, &view, &name)?;
    tagged(&format!("{}-{}", entry.index, under(&view)), &headers, || {
        let receipt = app.log.receipt(&view, entry.index)?.encode();
        Ok(content("text/plain; charset=utf-8", ASK_AGAIN, receipt))
    })
}

/// The checkpoint that an answer carries, for its tag: one that is cosigned again is another at the same size.
fn under(view: &Published) -> String {
    let mut note = body_digest(&view.note).to_hex();
    note.truncate(16);
    format!("{}-{note}", view.size)
}

/// The entry of an index, or the first one of a record id.
fn find(app: &App, view: &Published, name: &str) -> Result<EntryView, Problem> {
    let beyond = || Problem::not_found(format!("the published log has {} entries", view.size));
    if let Ok(index) = decimal(name) {
        return app.log.entry(view, LeafIndex(index))?.ok_or_else(beyond);
    }
    let Ok(record) = name.parse::<RecordId>() else {
        return Err(Problem::not_found("this is neither an index nor a record id of 64 lower-case hexadecimal digits"));
    };
    app.log.find_record(view, record)?.ok_or_else(|| Problem::not_found("no published entry has this record id"))
}

async fn list(text: String, app: Arc<App>) -> Answer {
    let question = Question::parse(&text)?;
    let view = app.view()?;
    let (terms, limit) = (question.terms, question.limit);
    let order = match question.order {
        Order::Below(below) if !view.size.covers(below) => newest_of(&view),
        order => order,
    };
    let page = heavy({
        let (app, view) = (Arc::clone(&app), Arc::clone(&view));
        move || app.log.page(&view, &Terms { terms }, order, limit)
    });
    let page = page.await??;
    let next = page.next.map(|next| {
        let bound = match next {
            Order::From(from) => format!("after={}", from.0.saturating_sub(1)),
            Order::Below(before) => format!("before={before}"),
        };
        let link = format!("/api/v1/records?{}{bound}&limit={limit}", question.asked);
        app.link(&link)
    });
    let records: Vec<Summary> = page.entries.iter().map(|entry| Summary::of(&app, entry)).collect();
    let lookup = question.first.map(|term| app.link(&format!("/api/v1/lookup?term={}", encode(&term.to_string()))));
    let document = json!({ "size": view.size.to_string(), "records": records, "next": next, "lookup": lookup });
    json(ASK_AGAIN, &document)
}

/// What a list is asked for.
#[derive(Debug)]
struct Question {
    terms: Vec<Term>,
    order: Order,
    limit: usize,
    /// The filters again, for the link to the next page.
    asked: String,
    /// The filter that is walked: what a look-up proves to be complete.
    first: Option<Term>,
}

impl Question {
    fn parse(text: &str) -> Result<Self, Problem> {
        let query = Query::parse(text, &PARAMETERS)?;
        let mut terms = Vec::new();
        let mut asked = String::new();
        for name in PARAMETERS {
            let Some(value) = query.text(name) else { continue };
            let term = match name {
                "record" => record_id(&query, name)?.map(Term::Record),
                "ref" => record_id(&query, name)?.map(Term::Ref),
                "key" => query.value(name)?.map(Term::Key),
                "subject" => query.value(name)?.map(Term::Subject),
                "signer" => query.value(name)?.map(Term::Signer),
                "issuer" => Some(Term::Issuer(value.to_owned())),
                "kind" => Some(Term::Kind(value.to_owned())),
                _ => None,
            };
            if let Some(term) = term {
                terms.push(term);
                asked.push_str(&format!("{name}={}&", encode(value)));
            }
        }
        let order = match (query.value("after")?, query.value("before")?) {
            (None, None) => Order::Below(LeafIndex(u64::MAX)),
            (Some(LeafIndex(after)), None) => Order::From(LeafIndex(after.saturating_add(1))),
            (None, Some(before)) => Order::Below(before),
            (Some(_), Some(_)) => {
                return Err(Problem::bad_request("query before", "a page is either after an index or before one"));
            }
        };
        let limit = match query.value::<usize>("limit")? {
            None => PAGE,
            Some(limit) if (1..=MAX_PAGE).contains(&limit) => limit,
            Some(_) => return Err(Problem::bad_request("query limit", format!("a page has 1 to {MAX_PAGE} entries"))),
        };
        let first = terms.first().cloned();
        Ok(Self { terms, order, limit, asked, first })
    }
}

/// A record id, with or without the prefix that it has inside of predicates.
fn record_id(query: &Query, name: &str) -> Result<Option<RecordId>, Problem> {
    match query.text(name).and_then(RecordId::from_reference) {
        Some(id) => Ok(Some(id)),
        None => query.value(name),
    }
}

/// RFC 3339 with milliseconds.
pub(crate) fn rfc3339(millis: u64) -> String {
    let time = i64::try_from(millis).ok().and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
    time.map_or_else(|| millis.to_string(), |time| format!("{time:.3}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use ledger::bundle::Bundle;
    use ledger::entry::Entry;
    use ledger::testing as cast;

    use super::*;
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
        assert_eq!(record["received"], rfc3339(entry.header.received.0));
        let tag = reply.header("etag").unwrap();
        assert_eq!(server.request("GET", "/api/v1/records/3", &[("if-none-match", tag)], b"").status, 304);

        for nobody in ["4", "03", "-1", "18446744073709551616", "x", &"0".repeat(64), &id.to_uppercase()] {
            for suffix in ["", "/bundle", "/receipt"] {
                let path = format!("/api/v1/records/{nobody}{suffix}");
                assert_eq!(server.get(&path).problem(), "not_found", "{path}");
            }
        }
    }

    #[test]
    fn a_bundle_holds_the_record_and_a_receipt_that_a_client_accepts() {
        let server = TestServer::start();
        let body = cast::model_card("lab", 1);
        server.sequence(body.clone());
        let reply = server.get("/api/v1/records/3/bundle");
        assert_eq!(reply.header("content-type"), Some(MEDIA_TYPE));
        assert_eq!(reply.header("content-disposition"), Some("attachment; filename=\"record-3.colophon.json\""));
        let bundle = Bundle::parse(&reply.body).unwrap();
        assert_eq!(bundle.record.envelope, body);
        assert_eq!(bundle.key_history.len(), 1);
        let receipt = server.get("/api/v1/records/3/receipt");
        assert_eq!(receipt.body, bundle.record.proof.encode());
        cast::policy().check(&bundle.record.proof.checkpoint).unwrap();

        // A newer tree is a newer bundle.
        server.sequence(cast::model_card("lab", 2));
        let tag = reply.header("etag").unwrap();
        assert_eq!(server.request("GET", "/api/v1/records/3/bundle", &[("if-none-match", tag)], b"").status, 200);
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

    /// The indices of a list, over all its pages.
    fn indices(server: &TestServer, path: &str) -> Vec<u64> {
        let mut found = Vec::new();
        let mut next = Some(path.to_owned());
        while let Some(path) = next {
            let page = server.get(&path).json();
            let records = page["records"].as_array().unwrap();
            found.extend(records.iter().map(|r| r["index"].as_str().unwrap().parse::<u64>().unwrap()));
            next = page["next"].as_str().map(str::to_owned);
        }
        found
    }

    #[test]
    fn lists_go_both_ways_in_pages_and_by_every_filter() {
        let server = TestServer::start();
        for number in 0..7 {
            server.sequence(cast::model_card("lab", number));
        }
        let all: Vec<u64> = (0..10).collect();
        let back: Vec<u64> = all.iter().rev().copied().collect();
        assert_eq!(indices(&server, "/api/v1/records"), back);
        assert_eq!(indices(&server, "/api/v1/records?limit=3"), back);
        assert_eq!(indices(&server, "/api/v1/records?limit=3&after=0"), all[1..]);
        assert_eq!(indices(&server, "/api/v1/records?limit=4&before=8"), back[2..]);
        assert_eq!(indices(&server, "/api/v1/records?kind=model-card&limit=2"), [9, 8, 7, 6, 5, 4, 3]);
        assert_eq!(indices(&server, "/api/v1/records?kind=model-card&after=7&limit=1"), [8, 9]);
        assert_eq!(indices(&server, "/api/v1/records?issuer=operator"), [2, 1, 0]);
        let lab = cast::key("lab").public_key().key_id();
        assert_eq!(indices(&server, &format!("/api/v1/records?key={lab}")), [1]);
        assert_eq!(indices(&server, &format!("/api/v1/records?signer={lab}&kind=party")), [1]);
        let id = cast::record_id(&cast::model_card("lab", 2));
        assert_eq!(indices(&server, &format!("/api/v1/records?record={id}")), [5]);
        assert_eq!(indices(&server, &format!("/api/v1/records?ref=record:{id}")), Vec::<u64>::new());
        assert_eq!(indices(&server, "/api/v1/records?kind="), back);
    }

    #[test]
    fn a_list_that_is_asked_for_wrongly_is_no_other_list() {
        let server = TestServer::start();
        for query in [
            "kinds=x",
            "kind=a&kind=b",
            "after=1&before=2",
            "limit=0",
            "limit=501",
            "limit=all",
            "after=-1",
            "signer=me",
            "ref=record:xyz",
            "subject=%",
        ] {
            let reply = server.get(&format!("/api/v1/records?{query}"));
            assert_eq!((reply.status, reply.problem().as_str()), (400, "bad_request"), "{query}");
            assert!(reply.json()["place"].as_str().unwrap().starts_with("query"), "{query}");
        }
    }
}
