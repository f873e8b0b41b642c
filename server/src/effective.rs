//! `GET /api/v1/agreements`, `/agreements/{record id}`, `/findings`, `/findings/{id}`: effective state that is more than a
//! party, with the entries that it follows from.
//!
//! Everything here is computed from the log's entries by the library that clients have too; `colophon agreement status` and
//! `colophon findings` compute it again from the entries and believe nothing of this. Time is the log's.

use std::sync::{Arc, Mutex, PoisonError};

use hyper::HeaderMap;
use ledger::ids::{ContentKey, KeyspaceId, RecordId, TreeSize, UnixMillis};
use ledger::log::{Log, Published};
use ledger::manifest::{Answer as Reply, MetaMode};
use ledger::record::terms::Timestamp;
use ledger::state::AgreementView;
use ledger::state::findings::{self, Asked, Finding, Membership};
use serde_json::{Value, json};
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use crate::app::App;
use crate::body::heavy;
use crate::metrics::Resource;
use crate::problem::{Answer, Problem};
use crate::route::{ASK_AGAIN, answering, json, reads, with};

/// How long findings about the whole log are shown before they are computed anew: they depend on the time by days, and
/// computing them looks at every card.
const KEPT_FOR: u64 = 60_000;

/// The findings about the whole log that were computed last.
#[derive(Debug, Default)]
pub struct Kept(Mutex<Option<Computed>>);

/// Findings, with the size of the log and the time that they are of.
#[derive(Debug)]
struct Computed {
    size: TreeSize,
    at: UnixMillis,
    found: Arc<Vec<Finding>>,
}

/// All of them.
pub(crate) fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    let list = warp::path!("api" / "v1" / "agreements").and(reads()).and(with(app)).map(agreements);
    let one = warp::path!("api" / "v1" / "agreements" / String).and(reads()).and(with(app)).map(agreement);
    let found = warp::path!("api" / "v1" / "findings").and(reads()).and(with(app)).map(all_findings);
    let finding = warp::path!("api" / "v1" / "findings" / String)
        .and(reads())
        .and(warp::header::headers_cloned())
        .and(with(app))
        .map(finding);
    answering(list, Resource("agreements"))
        .or(answering(one, Resource("agreement")))
        .unify()
        .or(answering(found, Resource("findings")))
        .unify()
        .or(answering(finding, Resource("finding")))
        .unify()
        .boxed()
}

async fn agreements(app: Arc<App>) -> Answer {
    let (view, now) = (app.view()?, app.log.now());
    let mut agreements: Vec<_> = view.state.agreements().collect();
    agreements.sort_by_key(|(_, agreement)| agreement.index);
    let item = |(id, agreement): (&RecordId, &ledger::state::AgreementState)| {
        json!({
            "record": id,
            "index": agreement.index.to_string(),
            "status": agreement.status(now).as_str(),
            "assigner": agreement.terms.as_ref().map(|terms| &terms.assigner),
            "assignee": agreement.terms.as_ref().map(|terms| &terms.assignee),
            "ends": agreement.end().map(moment),
            "links": { "self": app.link(&format!("/api/v1/agreements/{id}")), "page": app.link(&format!("/a/{id}")) },
        })
    };
    let list: Vec<Value> = agreements.into_iter().map(item).collect();
    json(ASK_AGAIN, &json!({ "size": view.size.to_string(), "now": moment(now), "agreements": list }))
}

async fn agreement(id: String, app: Arc<App>) -> Answer {
    let id = record_id(&id)?;
    heavy(move || {
        let (view, now) = (app.view()?, app.log.now());
        let found = asked(&app.log, &view, now, |asked| AgreementView::of(asked, id))?;
        let found = found.ok_or_else(|| Problem::not_found("no agreement of this log has this record id"))?;
        let mut document = found.to_json(&moment);
        document["size"] = json!(view.size.to_string());
        document["now"] = json!(moment(now));
        document["links"] = json!({
            "record": app.link(&format!("/api/v1/records/{}", found.proposal.index)),
            "page": app.link(&format!("/a/{id}")),
        });
        json(ASK_AGAIN, &document)
    })
    .await?
}

async fn all_findings(app: Arc<App>) -> Answer {
    heavy(move || {
        let view = app.view()?;
        let found = of_the_log(&app, &view)?;
        let list: Vec<Value> = found.iter().map(|finding| finding_json(&app, finding)).collect();
        let now = moment(app.log.now());
        json(ASK_AGAIN, &json!({ "size": view.size.to_string(), "now": now, "count": list.len(), "findings": list }))
    })
    .await?
}

async fn finding(id: String, _headers: HeaderMap, app: Arc<App>) -> Answer {
    heavy(move || {
        let view = app.view()?;
        let found = of_the_log(&app, &view)?;
        let found = found.iter().find(|finding| finding.id.as_str() == id);
        let found = found.ok_or_else(|| {
            Problem::not_found("nothing of this id is found in the log as it is now; it may have been mended since")
        })?;
        json(ASK_AGAIN, &finding_json(&app, found))
    })
    .await?
}

fn finding_json(app: &App, finding: &Finding) -> Value {
    let mut document = finding.to_json(&moment);
    let proofs: Vec<Value> = finding
        .proofs
        .iter()
        .map(|proof| {
            // What the proof of a membership is asked for with; its bits are the key's first.
            let t = app.log.manifests().files(&proof.keyspace).ok().flatten().map_or(0, |files| files.keyspace().t());
            let first = proof.key.as_bytes().iter().take(8).fold(0u64, |number, byte| number << 8 | u64::from(*byte));
            let prefix = if t == 0 { 0 } else { first >> (64 - u32::from(t)) };
            json!(app.link(&format!("/manifests/{}/bucket/{t}/{prefix}?meta=rows", proof.keyspace)))
        })
        .collect();
    let cites: Vec<Value> =
        finding.cites.iter().map(|cited| json!(app.link(&format!("/api/v1/records/{}", cited.index)))).collect();
    document["links"] = json!({ "page": app.link(&format!("/f/{}", finding.id)), "cites": cites, "proofs": proofs });
    document
}

/// Everything that is found in the log, computed at most once a minute.
pub(crate) fn of_the_log(app: &App, view: &Published) -> Result<Arc<Vec<Finding>>, Problem> {
    let now = app.log.now();
    let mut kept = app.findings.0.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(computed) = &*kept
        && computed.size == view.size
        && now.0.saturating_sub(computed.at.0) < KEPT_FOR
    {
        return Ok(Arc::clone(&computed.found));
    }
    let found = Arc::new(asked(&app.log, view, now, findings::all)?);
    *kept = Some(Computed { size: view.size, at: now, found: Arc::clone(&found) });
    Ok(found)
}

/// Computes something from the records that a view shows, with the memberships that this server holds.
pub(crate) fn asked<T>(
    log: &Log,
    view: &Published,
    now: UnixMillis,
    find: impl FnOnce(&Asked<'_>) -> ledger::Result<T>,
) -> ledger::Result<T> {
    let records = log.records(view);
    let contains = |id: KeyspaceId, key: &ContentKey| contains(log, id, key).unwrap_or(Membership::Unknown);
    find(&Asked { records: &records, state: &view.state, now, contains: &contains })
}

/// Whether a keyspace holds a key, by the reply that a client would get and verify. What is missing from it is never said
/// to be absent: that is for the client, who knows how much the manifest discloses.
fn contains(log: &Log, id: KeyspaceId, key: &ContentKey) -> ledger::Result<Membership> {
    let Some(files) = log.manifests().files(&id)? else { return Ok(Membership::Unknown) };
    let depth = files.keyspace().t();
    let reply = files.reply_for(key, depth, MetaMode::Rows)?;
    match files.keyspace().verify(key, depth, &reply)? {
        Reply::Present { .. } => Ok(Membership::Present),
        _ => Ok(Membership::Unknown),
    }
}

fn record_id(text: &str) -> Result<RecordId, Problem> {
    let hex = text.strip_prefix(RecordId::REFERENCE_PREFIX).unwrap_or(text);
    hex.parse().map_err(|_| Problem::not_found("an agreement is named by its record id, 64 hexadecimal digits"))
}

/// A time as records write it.
pub(crate) fn moment(at: UnixMillis) -> String {
    Timestamp::from_millis(at).map_or_else(|| format!("{at} ms"), |time| time.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::testing::TestServer;

    #[test]
    fn a_log_without_agreements_says_so_and_an_unknown_one_is_not_found() {
        let server = TestServer::start();
        let list = server.get("/api/v1/agreements").json();
        assert_eq!((&list["size"], &list["agreements"]), (&json!("3"), &json!([])));
        assert_eq!(server.get(&format!("/api/v1/agreements/{}", "ab".repeat(32))).problem(), "not_found");
        assert_eq!(server.get("/api/v1/agreements/7").problem(), "not_found");
        assert_eq!(server.get("/api/v1/findings").json()["count"], 0);
        assert_eq!(server.get(&format!("/api/v1/findings/{}", "ab".repeat(32))).problem(), "not_found");
    }

    #[test]
    fn a_card_without_sources_is_found_and_has_a_permanent_address() {
        let server = TestServer::start();
        server.sequence(ledger::testing::model_card("lab", 1));
        let found = server.get("/api/v1/findings").json();
        assert_eq!(found["findings"][0]["rule"], "card_without_sources", "{found}");
        let id = found["findings"][0]["id"].as_str().unwrap();
        assert_eq!(server.get(&format!("/api/v1/findings/{id}")).json()["cites"][0]["index"], "3");
        assert!(server.get(&format!("/f/{id}")).text().contains("card_without_sources"));
        assert!(server.get("/findings").text().contains(id));
    }
}
