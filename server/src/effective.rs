//! `GET /api/v1/agreements`, `/agreements/{record id}`, `/models/{id}`, `/datasets/{id}`, `/findings`, `/findings/{id}`:
//! effective state that is more than a party, with the entries that it follows from.
//!
//! Everything here is computed from the log's entries by the library that clients have too; `colophon agreement status` and
//! `colophon findings` compute it again from the entries and believe nothing of this. Time is the log's.

use std::sync::Arc;

use ledger::ids::{ContentKey, KeyspaceId, RecordId, SubjectDigest, UnixMillis};
use ledger::log::{Log, Published};
use ledger::manifest::{Answer as Reply, MetaMode};
use ledger::record::kind::Kind;
use ledger::record::terms::moment;
use ledger::state::findings::{Asked, Finding, Membership, Rule};
use ledger::state::{AgreementView, Records, State};
use serde_json::{Map, Value, json};
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use crate::app::App;
use crate::body::heavy;
use crate::cards::Card;
use crate::found::{Computed, Patience};
use crate::looking::Looking;
use crate::metrics::Resource;
use crate::problem::{Answer, Problem};
use crate::query::Query;
use crate::route::{ASK_AGAIN, answering, json, query, reads, with};

/// Findings in one answer.
const MAX_FINDINGS: usize = 1_000;

/// All of them.
pub(crate) fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    let list = warp::path!("api" / "v1" / "agreements").and(reads()).and(with(app)).map(agreements);
    let one = warp::path!("api" / "v1" / "agreements" / String).and(reads()).and(with(app)).map(agreement);
    let found = warp::path!("api" / "v1" / "findings").and(reads()).and(query()).and(with(app)).map(all_findings);
    let finding = warp::path!("api" / "v1" / "findings" / String).and(reads()).and(with(app)).map(finding);
    let model = warp::path!("api" / "v1" / "models" / String).and(reads()).and(with(app));
    let model = model.map(|name, app| card(name, Kind::ModelCard, app));
    let dataset = warp::path!("api" / "v1" / "datasets" / String).and(reads()).and(with(app));
    let dataset = dataset.map(|name, app| card(name, Kind::DatasetCard, app));
    answering(list, Resource("agreements"))
        .or(answering(one, Resource("agreement")))
        .unify()
        .or(answering(found, Resource("findings")))
        .unify()
        .or(answering(finding, Resource("finding")))
        .unify()
        .or(answering(model, Resource("model")))
        .unify()
        .or(answering(dataset, Resource("dataset")))
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

async fn all_findings(query: String, app: Arc<App>) -> Answer {
    let query = Query::parse(&query, &["rule", "from", "limit"])?;
    let (rule, from) = (rule(&query)?, query.value::<usize>("from")?.unwrap_or(0));
    let limit = query.value::<usize>("limit")?.unwrap_or(MAX_FINDINGS);
    if !(1..=MAX_FINDINGS).contains(&limit) {
        return Err(Problem::bad_request("query limit", format!("expected 1 to {MAX_FINDINGS}")));
    }
    heavy(move || {
        let view = app.view()?;
        let computed = Computed::wait(&app, &view, Patience::Long)?;
        let found = computed.of_rule(rule);
        let page = found.iter().skip(from).take(limit);
        let list: Vec<Value> = page.map(|finding| finding_json(&app, finding)).collect();
        let next = from.saturating_add(list.len());
        let more = (next < found.len() && !list.is_empty()).then(|| {
            let of_rule = rule.map_or(String::new(), |rule| format!("&rule={}", rule.as_str()));
            app.link(&format!("/api/v1/findings?from={next}&limit={limit}{of_rule}"))
        });
        let counts: Map<String, Value> = Rule::ALL
            .into_iter()
            .map(|rule| (rule.as_str().to_owned(), json!(computed.of_rule(Some(rule)).len())))
            .collect();
        json(
            ASK_AGAIN,
            &json!({
                "size": computed.size.to_string(), "now": moment(computed.at), "count": found.len(), "rules": counts,
                "from": from, "findings": list, "links": { "next": more },
            }),
        )
    })
    .await?
}

/// The rule that a query asks for.
pub(crate) fn rule(query: &Query) -> Result<Option<Rule>, Problem> {
    let Some(name) = query.text("rule") else { return Ok(None) };
    let rule = Rule::ALL.into_iter().find(|rule| rule.as_str() == name);
    let known = || Rule::ALL.map(Rule::as_str).join(", ");
    rule.map(Some).ok_or_else(|| Problem::bad_request("query rule", format!("known are {}", known())))
}

async fn finding(id: String, app: Arc<App>) -> Answer {
    heavy(move || {
        let view = app.view()?;
        let computed = Computed::wait(&app, &view, Patience::Long)?;
        let found = computed.found.iter().find(|finding| finding.id.as_str() == id);
        let found = found.ok_or_else(|| {
            Problem::not_found("nothing of this id is found in the log as it is now; it may have been mended since")
        })?;
        let mut document = finding_json(&app, found);
        document["size"] = json!(computed.size.to_string());
        document["now"] = json!(moment(computed.at));
        json(ASK_AGAIN, &document)
    })
    .await?
}

/// A model or a dataset, by the id of a card or the digest of an artefact.
async fn card(name: String, kind: Kind, app: Arc<App>) -> Answer {
    let hex = RecordId::digits(&name);
    let name: SubjectDigest = hex.parse().map_err(|_| {
        Problem::not_found("it is named by the record id of a card or a SHA-256, 64 lower-case hexadecimal digits")
    })?;
    heavy(move || {
        let (view, now) = (app.view()?, app.log.now());
        let looking = Looking::new(&app.log, Arc::clone(&view));
        let found = Card::find(&app, &looking, &view, name, &kind, now)?;
        let found = found.ok_or_else(|| {
            Problem::not_found(format!(
                "no {kind} of this log has this record id, or is about an artefact of this digest"
            ))
        })?;
        let mut document = found.view.to_json(found.record, &moment);
        let list: Vec<Value> = found.findings.iter().map(|finding| finding_json(&app, finding)).collect();
        document["findings"] = json!(list);
        document["findingsOf"] = json!(found.findings_of.map(|size| size.to_string()));
        document["size"] = json!(view.size.to_string());
        document["now"] = json!(moment(now));
        document["complete"] = json!(!looking.is_capped());
        let page = if kind == Kind::ModelCard { "m" } else { "d" };
        document["links"] = json!({
            "record": app.link(&format!("/api/v1/records/{}", found.record)),
            "page": app.link(&format!("/{page}/{}", found.record)),
        });
        json(ASK_AGAIN, &document)
    })
    .await?
}

pub(crate) fn finding_json(app: &App, finding: &Finding) -> Value {
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

/// Computes something from the records that a view shows, with the memberships that this server holds.
pub(crate) fn asked<T>(
    log: &Log,
    view: &Published,
    now: UnixMillis,
    find: impl FnOnce(&Asked<'_>) -> ledger::Result<T>,
) -> ledger::Result<T> {
    asking(log, &log.records(view), &view.state, now, find)
}

/// The same, from records that are read in another way.
pub(crate) fn asking<T>(
    log: &Log,
    records: &dyn Records,
    state: &State,
    now: UnixMillis,
    find: impl FnOnce(&Asked<'_>) -> ledger::Result<T>,
) -> ledger::Result<T> {
    let contains = |id: KeyspaceId, key: &ContentKey| contains(log, id, key).unwrap_or(Membership::Unknown);
    find(&Asked { records, state, now, contains: &contains })
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
    let hex = RecordId::digits(text);
    hex.parse().map_err(|_| Problem::not_found("an agreement is named by its record id, 64 hexadecimal digits"))
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
    fn findings_are_paged_and_told_apart_by_rule() {
        let server = TestServer::start();
        for number in 1..=3 {
            server.sequence(ledger::testing::model_card("lab", number));
        }
        let first = server.get("/api/v1/findings?limit=2");
        assert_eq!(first.header("cache-control"), Some("no-cache"));
        let first = first.json();
        assert_eq!((&first["count"], &first["size"]), (&json!(3), &json!("6")), "{first}");
        assert_eq!(
            (&first["rules"]["card_without_sources"], &first["rules"]["license_conflict"]),
            (&json!(3), &json!(0))
        );
        let second = server.get(first["links"]["next"].as_str().unwrap()).json();
        assert_eq!(second["links"]["next"], Value::Null, "{second}");
        let indices = [&first, &second].map(|page| page["findings"].as_array().unwrap().clone()).concat();
        let indices: Vec<&Value> = indices.iter().map(|found| &found["cites"][0]["index"]).collect();
        assert_eq!(indices, ["3", "4", "5"], "by the newest entry cited");
        assert_eq!(server.get("/api/v1/findings?rule=license_conflict").json()["count"], 0);
        assert_eq!(server.get("/api/v1/findings?from=99").json()["findings"], json!([]));
        for bad in ["limit=0", "limit=1001", "rule=nothing", "from=x", "page=2"] {
            assert_eq!(server.get(&format!("/api/v1/findings?{bad}")).problem(), "bad_request", "{bad}");
        }
        let page = server.get("/findings?rule=card_without_sources").text();
        assert!(page.contains("Nobody says what the model was trained on</a>: 3</li>"), "{page}");
        assert!(server.get("/findings?rule=license_conflict").text().contains("Nothing of this kind is found"));
    }

    #[test]
    fn what_nobody_waits_for_is_computed_all_the_same_and_says_of_how_many_entries_it_is() {
        let server = TestServer::start();
        let view = server.app.view().unwrap();
        let first = Computed::wait(&server.app, &view, Patience::Long).unwrap();
        assert_eq!(first.size, view.size);
        let again = Computed::wait(&server.app, &view, Patience::Long).unwrap();
        assert!(Arc::ptr_eq(&first, &again), "the same view is not computed twice");
        server.sequence(ledger::testing::model_card("lab", 1));
        let newer = server.app.view().unwrap();
        let then = Computed::wait(&server.app, &newer, Patience::Long).unwrap();
        assert_eq!((then.size, then.found.len()), (newer.size, 1));
        let older = Computed::wait(&server.app, &view, Patience::Long).unwrap();
        assert!(Arc::ptr_eq(&then, &older), "nobody computes what is of fewer entries than there are");
    }

    #[test]
    fn a_card_is_found_by_its_record_and_by_its_artefact() {
        let server = TestServer::start();
        let body = ledger::testing::model_card("lab", 1);
        let id = ledger::testing::record_id(&body);
        let record = ledger::record::Record::parse(&body).unwrap();
        let artefact = record.subjects()[0].sha256().unwrap();
        server.sequence(body);
        let by_record = server.get(&format!("/api/v1/models/{id}"));
        assert_eq!(by_record.header("cache-control"), Some("no-cache"));
        let by_record = by_record.json();
        assert_eq!((&by_record["record"], &by_record["name"]), (&json!(id), &json!("example-1")), "{by_record}");
        assert_eq!(by_record["licenses"]["agreement"], "none");
        assert_eq!(by_record["findings"][0]["rule"], "card_without_sources");
        let by_artefact = server.get(&format!("/api/v1/models/{artefact}")).json();
        assert_eq!((&by_artefact["record"], &by_artefact["versions"]), (&json!(id), &by_record["versions"]));
        for nothing in [format!("models/{}", "ab".repeat(32)), format!("datasets/{id}"), "models/x".to_owned()] {
            assert_eq!(server.get(&format!("/api/v1/{nothing}")).problem(), "not_found", "{nothing}");
        }
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
