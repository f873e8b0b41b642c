//! `GET /api/v1/preferences?key=…&url=…`: which preference holds for some content now, the records that make it so, and the
//! clocks of the answers to them.
//!
//! The same as `colophon preference status` folds from the entries, in the same words. A content key in an address can be
//! read by whoever stands between; one who minds that follows the log instead, and asks nobody.

use std::collections::BTreeSet;
use std::sync::Arc;

use ledger::ids::{ContentKey, RecordId, UnixMillis};
use ledger::manifest::CanonicalUrl;
use ledger::record::aipref::Category;
use ledger::record::terms::moment;
use ledger::state::{Clock, Content, State, Statement};
use serde_json::{Map, Value, json};
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use crate::app::App;
use crate::metrics::Resource;
use crate::problem::{Answer, Problem};
use crate::query::Query;
use crate::route::{ASK_AGAIN, answering, json, query, reads, with};

/// Statements about one key in one answer. What unvouched keys say is limited per subject, what parties say is not.
const MAX_STATEMENTS: usize = 1_000;

/// `GET /api/v1/preferences`.
pub(crate) fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    let one = warp::path!("api" / "v1" / "preferences").and(reads()).and(query()).and(with(app)).map(preferences);
    answering(one, Resource("preferences"))
}

async fn preferences(query: String, app: Arc<App>) -> Answer {
    let query = Query::parse(&query, &["key", "url"])?;
    // As the command line takes it, with its kind, or by itself.
    let key = query.text("key").map(|text| text.rsplit_once('=').map_or((None, text), |(kind, key)| (Some(kind), key)));
    let kind = key.and_then(|(kind, _)| kind);
    let key: Option<ContentKey> = key
        .map(|(_, hex)| hex.parse())
        .transpose()
        .map_err(|error: ledger::ids::IdError| Problem::bad_request("query key", error.to_string()))?;
    let url: Option<CanonicalUrl> = query.value("url")?;
    if key.is_none() && url.is_none() {
        return Err(Problem::bad_request("query key", "expected a content key, an address in `url`, or both"));
    }
    let (view, now) = (app.view()?, app.log.now());
    let of_url = url.as_ref().filter(|_| key.is_none()).map(ledger::manifest::key::url_c1);
    let keys: Vec<ContentKey> = key.into_iter().chain(of_url).collect();
    let content = Content { keys: &keys, url: url.as_ref().map(CanonicalUrl::as_str) };
    let state = &view.state;
    let mut named: BTreeSet<RecordId> = BTreeSet::new();
    let mut of_categories = Map::new();
    let mut complete = true;
    for category in Category::ALL {
        let mut effective = state.effective(&content, category, now);
        for statements in [&mut effective.because, &mut effective.unvouched] {
            complete &= statements.len() <= MAX_STATEMENTS;
            statements.truncate(MAX_STATEMENTS);
            named.extend(statements.iter().map(|statement| statement.record));
        }
        let document = effective.to_json(&mut |statement| statement_json(&app, statement, now));
        of_categories.insert(category.as_str().to_owned(), document);
    }
    let clocks: Vec<Value> = named.iter().flat_map(|id| clocks(state, id, now)).collect();
    json(
        ASK_AGAIN,
        &json!({
            "kind": kind, "key": keys.first(), "url": url.as_ref().map(CanonicalUrl::as_str), "now": moment(now),
            "size": view.size.to_string(), "complete": complete, "preferences": of_categories, "clocks": clocks,
        }),
    )
}

/// A statement with the address of its record.
fn statement_json(app: &App, statement: &Statement<'_>, now: UnixMillis) -> Value {
    let mut document = statement.to_json(now, &moment);
    document["links"] = json!({ "record": app.link(&format!("/api/v1/records/{}", statement.state.index)) });
    document
}

/// The clocks of the answers to a preference, each with its name.
fn clocks(state: &State, id: &RecordId, now: UnixMillis) -> Vec<Value> {
    let clock = |clock: Clock<'_>| {
        let mut document = clock.to_json(now, &moment);
        document["preference"] = json!(id);
        document
    };
    state.clocks(id).into_iter().map(clock).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use ledger::record::kind::Kind;
    use ledger::record::statement::Subject;
    use ledger::testing as cast;

    use super::*;
    use crate::testing::TestServer;

    const KEY: &str = "1212121212121212121212121212121212121212121212121212121212121212";

    #[test]
    fn an_opt_out_holds_with_the_record_that_makes_it_so_and_its_clock_runs() {
        let server = TestServer::of_empty_log(crate::Options::default());
        server.sequence(cast::genesis_with_council());
        for (party, role) in [("lab", "partner"), ("editor", "contributor")] {
            server.sequence(cast::party(party, &[role]));
        }
        let path = format!("/api/v1/preferences?key=mw-page%3D{KEY}");
        let before = server.get(&path);
        assert_eq!(before.header("cache-control"), Some("no-cache"));
        assert_eq!(before.json()["preferences"]["train-ai"]["preference"], "unknown", "{}", before.text());
        let predicate = json!({
            "issuer": {"id": "editor"}, "issued": cast::ISSUED, "preferences": {"train-ai": "disallow"},
            "vocabulary": "draft-ietf-aipref-vocab-06", "scope": [{"kind": "mw-page", "key": KEY}], "authority": "self",
            "addressees": ["lab"], "nonce": "AAAAAAAAAAAAAAAAAAAAAA==",
        });
        let key: ContentKey = KEY.parse().unwrap();
        let subject = Subject::artifact("mw-page", ledger::ids::SubjectDigest::from_bytes(*key.as_bytes()));
        let body = cast::sign(Kind::UsagePreference, vec![subject], predicate, &[&cast::key("editor")]);
        let (id, index) = (cast::record_id(&body), server.sequence(body));
        let after = server.get(&path).json();
        let training = &after["preferences"]["train-ai"];
        assert_eq!((&training["preference"], &training["because"][0]["record"]), (&json!("disallowed"), &json!(id)));
        assert_eq!(training["because"][0]["index"], index.to_string());
        let clock = &after["clocks"][0];
        assert_eq!(
            (&clock["preference"], &clock["party"], &clock["answered"]),
            (&json!(id), &json!("lab"), &json!(false))
        );
        assert_eq!(server.get(&format!("/api/v1/preferences?key={KEY}")).json()["preferences"], after["preferences"]);
        for bad in ["", "key=ab", "url=ftp%3A%2F%2Fx", "knid=x"] {
            assert_eq!(server.get(&format!("/api/v1/preferences?{bad}")).problem(), "bad_request", "{bad}");
        }
    }
}
