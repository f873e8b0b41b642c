//! Lists of records: by what they are about, whose they are, and where they stand.

use std::sync::Arc;

use ledger::ids::{LeafIndex, RecordId};
use ledger::log::{Filter, MAX_PAGE, Order, Term};
use serde_json::json;

use super::summary::Summary;
use crate::app::App;
use crate::body::heavy;
use crate::looking::newest_of;
use crate::problem::{Answer, Problem};
use crate::query::{Query, encode};
use crate::route::{ASK_AGAIN, json_within};

/// How many entries a page has if nobody says.
const PAGE: usize = 50;

/// The parameters of a list, in the order in which they are best walked: those that match few entries first.
const PARAMETERS: [&str; 10] =
    ["record", "ref", "key", "subject", "signer", "issuer", "kind", "after", "before", "limit"];

pub(super) async fn list(text: String, app: Arc<App>) -> Answer {
    let question = Question::parse(&text)?;
    let view = app.view()?;
    let (terms, limit) = (question.terms, question.limit);
    let order = match question.order {
        Order::Below(below) if !view.size.covers(below) => newest_of(&view),
        order => order,
    };
    let page = heavy({
        let (app, view) = (Arc::clone(&app), Arc::clone(&view));
        move || app.log.page(&view, &Filter { terms }, order, limit)
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
    // Each leaf in base64, and what it says, in words.
    let room = page.entries.iter().map(|entry| 3 * entry.bytes.len()).sum();
    let reserved = app.replies.reserve_if_large(room).await?;
    let records: Vec<Summary> = page.entries.iter().map(|entry| Summary::of(&app, entry)).collect();
    let lookup = question.first.map(|term| app.link(&format!("/api/v1/lookup?term={}", encode(&term.to_string()))));
    let document = json!({ "size": view.size.to_string(), "records": records, "next": next, "lookup": lookup });
    json_within(reserved, ASK_AGAIN, &document)
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
        let (mut terms, mut asked) = (Vec::new(), String::new());
        for name in PARAMETERS {
            let Some(value) = query.text(name) else { continue };
            if let Some(term) = term(&query, name, value)? {
                terms.push(term);
                asked.push_str(&format!("{name}={}&", encode(value)));
            }
        }
        let first = terms.first().cloned();
        Ok(Self { terms, order: order(&query)?, limit: limit(&query)?, asked, first })
    }
}

/// The filter that a parameter is; `None` of those that are no filters.
fn term(query: &Query, name: &str, value: &str) -> Result<Option<Term>, Problem> {
    Ok(match name {
        "record" => record_id(query, name)?.map(Term::Record),
        "ref" => record_id(query, name)?.map(Term::Ref),
        "key" => query.value(name)?.map(Term::Key),
        "subject" => query.value(name)?.map(Term::Subject),
        "signer" => query.value(name)?.map(Term::Signer),
        "issuer" => Some(Term::Issuer(value.to_owned())),
        "kind" => Some(Term::Kind(value.to_owned())),
        _ => None,
    })
}

/// Where the page begins and which way it goes: backwards from the newest if nobody says.
fn order(query: &Query) -> Result<Order, Problem> {
    match (query.value("after")?, query.value("before")?) {
        (None, None) => Ok(Order::Below(LeafIndex(u64::MAX))),
        (Some(LeafIndex(after)), None) => Ok(Order::From(LeafIndex(after.saturating_add(1)))),
        (None, Some(before)) => Ok(Order::Below(before)),
        (Some(_), Some(_)) => {
            Err(Problem::bad_request("query before", "a page is either after an index or before one"))
        }
    }
}

fn limit(query: &Query) -> Result<usize, Problem> {
    match query.value::<usize>("limit")? {
        None => Ok(PAGE),
        Some(limit) if (1..=MAX_PAGE).contains(&limit) => Ok(limit),
        Some(_) => Err(Problem::bad_request("query limit", format!("a page has 1 to {MAX_PAGE} entries"))),
    }
}

/// A record id, with or without the prefix that it has inside of predicates.
fn record_id(query: &Query, name: &str) -> Result<Option<RecordId>, Problem> {
    match query.text(name).and_then(RecordId::from_reference) {
        Some(id) => Ok(Some(id)),
        None => query.value(name),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use ledger::testing as cast;

    use crate::testing::TestServer;

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
