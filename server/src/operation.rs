//! For whoever runs the log, and for whoever finds it: health, figures, discovery, schemas.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use ledger::error::Kind as Fault;
use ledger::ids::LeafIndex;
use ledger::log::{Body, Published, STALE_AFTER};
use ledger::merkle::LeafHash;
use ledger::note::{NoteSignature, SignedNote};
use ledger::record::Record;
use ledger::record::kind::Kind;
use ledger::record::kinds::{LogPolicy, Predicate};
use ledger::record::limits::MAX_ENVELOPE;
use ledger::record::schema::schema;
use ledger::record::terms::moment;
use ledger::{Code, Error};
use serde_json::{Value, json};
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use crate::app::App;
use crate::metrics::Resource;
use crate::openapi;
use crate::problem::{Answer, Problem};
use crate::route::{ASK_AGAIN, answering, content, json, reads, with};

/// `/health`, `/ready`, `/metrics`, `/status`, `/openapi.json`, `/schemas/<kind>.json`, `/.well-known/colophon.json`.
pub(crate) fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    let at = |name: &'static str| warp::path(name).and(warp::path::end()).and(reads());
    let schemas = warp::path!("schemas" / String).and(reads()).map(one_schema);
    let found = warp::path!(".well-known" / "colophon.json").and(reads()).and(with(app)).map(well_known);
    answering(at("health").and(with(app)).map(health), Resource("health"))
        .or(answering(at("ready").and(with(app)).map(ready), Resource("ready")))
        .unify()
        .or(answering(at("metrics").and(with(app)).map(metrics), Resource("metrics")))
        .unify()
        .or(answering(at("status").and(with(app)).map(status), Resource("status")))
        .unify()
        .or(answering(at("openapi.json").map(described), Resource("openapi")))
        .unify()
        .or(answering(schemas, Resource("schema")))
        .unify()
        .or(answering(found, Resource("well_known")))
        .unify()
        .boxed()
}

/// 200 only if the log takes records, what it shows is fresh, and nothing that it read was damaged.
async fn health(app: Arc<App>) -> Answer {
    let (writes, checkpoint, store) = (takes_records(&app), newest_checkpoint(&app), app.log.check_store());
    // Where in which file is for the operator, in the server's own words.
    let said =
        store.clone().map_err(|error| Error::new(error.code(), "a reader met damage; the operator's log says where"));
    let checks = json!({ "writes": check(&writes), "checkpoint": check(&checkpoint), "store": check(&said) });
    match writes.and(checkpoint.map(drop)).and(store) {
        Ok(()) => json("no-store", &json!({ "status": "ok", "checks": checks })),
        Err(error) => Err(Problem::from(error).with("checks", checks)),
    }
}

fn check<T>(result: &Result<T, Error>) -> Value {
    match result {
        Ok(_) => json!({ "ok": true }),
        Err(error) => json!({ "ok": false, "code": error.code().as_str(), "detail": error.detail() }),
    }
}

fn takes_records(app: &App) -> Result<(), Error> {
    if app.is_draining() {
        return Err(Error::new(Code::Stopping, "the server is stopping"));
    }
    if let Some(error) = app.log.fatal() {
        // Why it must stop is for its operator to read in the server's own words, not for the world.
        let code = if error.kind() == Fault::Superseded { Code::Superseded } else { Code::Stopping };
        return Err(Error::new(code, "the log must stop"));
    }
    if app.log.is_read_only() {
        return Err(Error::new(Code::DiskFull, "there is no room for a batch on the disk"));
    }
    app.log.check_clock()?;
    if !app.log.has_room_for(MAX_ENVELOPE) {
        return Err(Error::new(Code::Overloaded, "the queue is full"));
    }
    Ok(())
}

/// How old the published checkpoint is, in seconds, by the newest of its cosignatures.
fn newest_checkpoint(app: &App) -> Result<u64, Error> {
    let stale = |detail: String| Error::new(Code::CheckpointStale, detail);
    if app.log.published().is_none() {
        return Err(stale("no checkpoint has been published yet".to_owned()));
    }
    let age = checkpoint_age(app).ok_or_else(|| stale("no cosignature says when it was signed".to_owned()))?;
    if age > STALE_AFTER / 1000 { Err(stale(format!("it was cosigned {age} seconds ago"))) } else { Ok(age) }
}

/// How many seconds ago the published checkpoint was cosigned, fresh or not.
fn checkpoint_age(app: &App) -> Option<u64> {
    let note = SignedNote::parse(&app.log.published()?.note).ok()?;
    let signed = note.signatures().iter().filter_map(cosigned_at).max()?;
    Some((app.log.now().0 / 1000).saturating_sub(signed))
}

/// The time in a signature line, if it is a cosignature: key hash (4), time (8), Ed25519 signature (64). The log
/// verified it before it published the note.
fn cosigned_at(signature: &NoteSignature) -> Option<u64> {
    let line = signature.to_line();
    let bytes = STANDARD.decode(line.trim_end().rsplit(' ').next()?).ok()?;
    let time = bytes.get(4..12).filter(|_| bytes.len() == 76)?;
    Some(u64::from_be_bytes(time.try_into().ok()?))
}

/// The policy in force, as its record says it.
fn own_policy(app: &App, view: &Published) -> Result<LogPolicy, Error> {
    let missing = || Error::new(Code::StoreCorrupt, "the log's policy cannot be read");
    let index = view.state.policy().ok_or_else(missing)?.index;
    let entry = app.log.entry(view, index)?.ok_or_else(missing)?;
    let Body::Held(body) = app.log.body(&entry)? else { return Err(missing()) };
    match Record::parse(&body)?.predicate {
        Predicate::LogPolicy(policy) => Ok(*policy),
        _ => Err(missing()),
    }
}

/// 200 as soon as there is something to show, and until the server is asked to stop.
async fn ready(app: Arc<App>) -> Answer {
    if app.is_draining() {
        return Err(Problem::new(Code::Stopping, "the server is stopping"));
    }
    if app.log.published().is_none() {
        return Err(Problem::new(Code::CheckpointStale, "no checkpoint has been published yet"));
    }
    json("no-store", &json!({ "status": "ready" }))
}

async fn metrics(app: Arc<App>) -> Answer {
    let (metrics, counters) = (&app.metrics, app.log.counters());
    metrics.total("colophon_log_entries_total", counters.entries);
    metrics.total("colophon_log_commits_total", counters.commits);
    metrics.total("colophon_log_duplicates_total", counters.duplicates);
    metrics.total("colophon_log_refused_total", counters.refused);
    metrics.gauge("colophon_log_queued", counters.queued as f64);
    metrics.gauge("colophon_log_waiting", counters.waiting as f64);
    metrics.gauge("colophon_log_read_only", f64::from(u8::from(app.log.is_read_only())));
    metrics.gauge("colophon_log_clock_refused", f64::from(u8::from(app.log.check_clock().is_err())));
    metrics.gauge("colophon_log_damaged", f64::from(u8::from(app.log.check_store().is_err())));
    metrics.gauge("colophon_log_size", app.log.published().map_or(0.0, |view| view.size.0 as f64));
    if let Some(age) = checkpoint_age(&app) {
        metrics.gauge("colophon_checkpoint_age_seconds", age as f64);
    }
    metrics.gauge("colophon_http_body_bytes", app.bodies.held() as f64);
    metrics.gauge("colophon_uptime_seconds", app.started.elapsed().as_secs_f64());
    Ok(content("text/plain; version=0.0.4; charset=utf-8", "no-store", metrics.render()))
}

async fn status(app: Arc<App>) -> Answer {
    let counters = app.log.counters();
    let checkpoint = app.log.published().map(|view| {
        json!({
            "size": view.size.to_string(),
            "root": view.root.to_string(),
            "ageSeconds": checkpoint_age(&app),
        })
    });
    let document = json!({
        "origin": app.log.origin().as_str(),
        "version": env!("CARGO_PKG_VERSION"),
        "time": moment(app.log.now()),
        "uptimeSeconds": app.started.elapsed().as_secs(),
        "checkpoint": checkpoint,
        "readOnly": app.log.is_read_only(),
        "sinceStart": {
            "entries": counters.entries.to_string(),
            "commits": counters.commits.to_string(),
            "duplicates": counters.duplicates.to_string(),
            "refused": counters.refused.to_string(),
        },
        "queued": counters.queued.to_string(),
        "connections": app.metrics.connections().to_string(),
    });
    json("no-store", &document)
}

async fn described() -> Answer {
    Ok(content("application/json", ASK_AGAIN, openapi::DOCUMENT))
}

/// Made once: a schema takes a millisecond, and never changes while the program runs.
static SCHEMAS: LazyLock<BTreeMap<String, Bytes>> = LazyLock::new(|| {
    let schemas = Kind::typed().iter().map(|kind| (format!("{kind}.json"), schema(kind).to_string().into()));
    schemas.collect()
});

async fn one_schema(name: String) -> Answer {
    let schema = SCHEMAS.get(&name).ok_or_else(|| {
        let known: Vec<&str> = SCHEMAS.keys().map(String::as_str).collect();
        Problem::not_found(format!("known are {}", known.join(", ")))
    })?;
    Ok(content("application/schema+json", ASK_AGAIN, schema.clone()))
}

/// What a client needs to find its way. It is said by the server, so it is a proposal: trust comes from a pin.
async fn well_known(app: Arc<App>) -> Answer {
    let view = app.view()?;
    let policy = own_policy(&app, &view)?;
    let genesis = app.log.entry(&view, LeafIndex(0))?.map(|entry| LeafHash::of_entry(&entry.bytes).to_string());
    let document = json!({
        "origin": app.log.origin().as_str(),
        "logKeys": policy.log_keys,
        "policy": policy.witnesses,
        "genesis": genesis,
        "checkpoint": app.link("/checkpoint"),
        "tiles": app.link("/tile/"),
        "addenda": app.link("/addenda/"),
        "manifests": app.link("/manifests/"),
        "api": app.link("/api/v1/"),
        "openapi": app.link("/openapi.json"),
        "schemas": app.link("/schemas/"),
        "version": env!("CARGO_PKG_VERSION"),
    });
    json(ASK_AGAIN, &document)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use ledger::note::Policy;
    use ledger::testing as cast;

    use super::*;
    use crate::testing::TestServer;

    #[test]
    fn a_log_that_runs_is_healthy_and_ready() {
        let server = TestServer::start();
        let health = server.get("/health");
        assert_eq!(health.status, 200, "{}", health.text());
        let fine = json!({ "ok": true });
        assert_eq!(health.json()["checks"], json!({ "writes": fine, "checkpoint": fine, "store": fine }));
        assert_eq!(server.get("/ready").status, 200);
        let status = server.get("/status").json();
        assert_eq!(status["origin"], cast::ORIGIN);
        assert_eq!(status["checkpoint"]["size"], "3");
    }

    #[test]
    fn a_log_that_has_nothing_to_show_is_neither() {
        let server = TestServer::of_empty_log(crate::Options::default());
        let health = server.get("/health");
        assert_eq!((health.status, health.problem().as_str()), (503, "checkpoint_stale"));
        assert_eq!(health.json()["checks"]["writes"]["ok"], true);
        assert_eq!(server.get("/ready").status, 503);
    }

    #[test]
    fn a_checkpoint_that_nobody_renewed_makes_the_log_unhealthy() {
        let clock = Arc::new(ledger::log::ManualClock::at(ledger::ids::UnixMillis(1_772_366_400_000)));
        let server = TestServer::at(clock.clone());
        server.sequence(cast::genesis());
        assert_eq!(server.get("/health").status, 200);
        // A wall clock that ran ahead is not believed by the log, so nothing is renewed.
        clock.set_wall(ledger::ids::UnixMillis(1_772_366_400_000 + 2 * 3_600_000));
        let health = server.get("/health");
        assert_eq!((health.status, health.problem().as_str()), (503, "clock_refused"), "{}", health.text());
        assert_eq!(health.json()["checks"]["checkpoint"]["code"], "checkpoint_stale");
    }

    #[test]
    fn f16_a_wrong_clock_is_said_by_health_and_by_a_gauge_as_long_as_it_is_wrong() {
        let right = 1_772_366_400_000;
        let clock = Arc::new(ledger::log::ManualClock::at(ledger::ids::UnixMillis(right)));
        let server = TestServer::at(clock.clone());
        server.sequence(cast::genesis());
        for (wall, status, gauge) in [(right, 200, 0), (right - ledger::ids::UnixMillis::DAY, 503, 1), (right, 200, 0)]
        {
            clock.set_wall(ledger::ids::UnixMillis(wall));
            let health = server.get("/health");
            assert_eq!(health.status, status, "{}", health.text());
            let code = (status == 503).then_some("clock_refused");
            assert_eq!(health.json()["checks"]["writes"]["code"].as_str(), code);
            let line = format!("colophon_log_clock_refused {gauge}");
            assert!(server.get("/metrics").text().contains(&line), "{line}");
        }
    }

    #[test]
    fn figures_are_there_for_prometheus() {
        let server = TestServer::start();
        server.get("/checkpoint");
        server.get("/nowhere");
        let reply = server.get("/metrics");
        assert_eq!(reply.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
        let text = reply.text();
        for line in [
            "colophon_log_entries_total 3",
            "colophon_log_size 3",
            "colophon_http_body_bytes 0",
            r#"colophon_http_requests_total{resource="checkpoint",method="GET",status="2xx"} 1"#,
            r#"colophon_http_requests_total{resource="none",method="GET",status="4xx"} 1"#,
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
    }

    #[test]
    fn what_is_discovered_leads_to_the_log_and_can_be_held_against_a_pin() {
        let server = TestServer::start();
        let found = server.get("/.well-known/colophon.json").json();
        assert_eq!(found["origin"], cast::ORIGIN);
        assert_eq!(found["logKeys"], json!([cast::log_signer().verifier_key().to_string()]));
        let policy = Policy::parse(found["policy"].as_str().unwrap().as_bytes()).unwrap();
        policy.check(&server.get(found["checkpoint"].as_str().unwrap()).body).unwrap();
    }

    #[test]
    fn every_kind_with_a_type_has_its_schema() {
        let server = TestServer::start();
        for kind in Kind::typed() {
            let reply = server.get(&format!("/schemas/{kind}.json"));
            assert_eq!(reply.header("content-type"), Some("application/schema+json"));
            assert_eq!(reply.json()["properties"]["predicateType"]["const"], kind.predicate_type());
        }
        for unknown in ["poem.json", "party", "..%2fparty.json", "party.json.json"] {
            assert_eq!(server.get(&format!("/schemas/{unknown}")).problem(), "not_found");
        }
    }
}
