//! How a party sends a manifest: a signed plan, then its parts, then a check of the whole.
//!
//! The signature covers the digest of every part, so parts need no signature and may come in any order and more than
//! once. Nothing is served before all of it was read again and recomputed.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Buf;
use futures_util::Stream;
use futures_util::future::{BoxFuture, FutureExt, Shared};
use hyper::StatusCode;
use hyper::header::{self, HeaderMap, HeaderValue};
use ledger::ids::{KeyspaceId, decimal};
use ledger::manifest::upload::PART_BYTES;
use ledger::record::limits::MAX_ENVELOPE;
use ledger::{Code, Error};
use serde_json::json;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use crate::app::App;
use crate::body::{Takes, heavy, within};
use crate::connection::Peer;
use crate::manifests::keyspace;
use crate::metrics::Resource;
use crate::problem::{Answer, Problem};
use crate::route::{answering, json, with};
use crate::submit::has_room;

/// How long a client waits for a manifest to be checked before it is told to ask again. Checking reads every key: about
/// a second for a million.
const CHECK_PATIENCE: Duration = Duration::from_secs(20);

/// Manifests being checked at this moment.
#[derive(Debug, Default)]
pub(crate) struct Checks(Mutex<HashMap<KeyspaceId, Check>>);

/// A check that several may wait for.
type Check = Shared<BoxFuture<'static, Result<(), Problem>>>;

/// `/api/v1/manifests…`.
pub(crate) fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    let sends = with(app).and(warp::ext::get::<Peer>()).and(warp::header::headers_cloned()).and(warp::body::stream());
    let begin = warp::path!("api" / "v1" / "manifests:begin").and(warp::post()).and(sends.clone()).map(begin);
    let part =
        warp::path!("api" / "v1" / "manifests" / String / "parts" / String).and(warp::put()).and(sends).map(part);
    let complete = warp::path!("api" / "v1" / "manifests" / Completed).and(warp::post()).and(with(app)).map(complete);
    answering(begin, Resource("manifest_begin"))
        .or(answering(part, Resource("manifest_part")))
        .unify()
        .or(answering(complete, Resource("manifest_complete")))
        .unify()
        .boxed()
}

async fn begin<S, B>(app: Arc<App>, peer: Peer, headers: HeaderMap, body: S) -> Answer
where
    S: Stream<Item = Result<B, warp::Error>> + Send + 'static,
    B: Buf + Send + 'static,
{
    let origin = app.limits.origin(&peer, &headers);
    let takes = Takes { max: MAX_ENVELOPE, json: true };
    let admits = |length| {
        app.limits.submit(origin, 1)?;
        has_room(&app, length)
    };
    let held = app.bodies.read(&peer, origin, &headers, body, takes, admits).await?;
    let view = app.view()?;
    let upload = heavy(move || app.log.begin_upload(&view, &held.bytes)).await??;
    let document = json!({ "keyspace": upload.keyspace, "missing": upload.missing, "held": upload.held });
    json("no-store", &document)
}

async fn part<S, B>(id: String, number: String, app: Arc<App>, peer: Peer, headers: HeaderMap, body: S) -> Answer
where
    S: Stream<Item = Result<B, warp::Error>> + Send + 'static,
    B: Buf + Send + 'static,
{
    let takes = Takes { max: PART_BYTES as usize, json: false };
    let place = keyspace(&id).and_then(|id| {
        let number = decimal(&number).ok().and_then(|number| usize::try_from(number).ok());
        Ok((id, number.ok_or_else(|| Problem::not_found("a part is named by its number in the plan"))?))
    });
    let admits = |_| {
        let (id, _) = place.clone()?;
        Ok(app.log.manifests().has_begun(&id)?)
    };
    let origin = app.limits.origin(&peer, &headers);
    let held = app.bodies.read(&peer, origin, &headers, body, takes, admits).await?;
    let (id, number) = place?;
    heavy(move || app.log.manifests().put_part(&id, number, &held.bytes)).await??;
    json("no-store", &json!({ "keyspace": id, "part": number }))
}

/// `<keyspace>:complete`. Every other segment is of no address, whatever the method.
#[derive(Debug)]
struct Completed(String);

impl FromStr for Completed {
    type Err = ();

    fn from_str(segment: &str) -> Result<Self, ()> {
        segment.strip_suffix(":complete").map(|id| Self(id.to_owned())).ok_or(())
    }
}

async fn complete(Completed(id): Completed, app: Arc<App>) -> Answer {
    let id = keyspace(&id)?;
    if !app.log.manifests().holds(&id) {
        app.log.manifests().has_begun(&id)?;
    }
    let check = app.checks.of(&app, id);
    match within(CHECK_PATIENCE, check).await {
        Some(result) => {
            result?;
            json("no-store", &json!({ "keyspace": id, "held": true }))
        }
        None => {
            let mut response = json("no-store", &json!({ "keyspace": id, "held": false }))?;
            *response.status_mut() = StatusCode::ACCEPTED;
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
            Ok(response)
        }
    }
}

/// An error about a file of an upload, at the name that the sender knows it by.
fn in_manifest(error: Error) -> Error {
    let place = error.place().and_then(|place| Some(place.split_once(".whole/")?.1.to_owned()));
    match place {
        Some(name) => Error::new(error.code(), error.detail()).at(name),
        None => error,
    }
}

impl Checks {
    /// The check of a keyspace: the one that runs, or a new one. It goes on when nobody waits for it.
    fn of(&self, app: &Arc<App>, id: KeyspaceId) -> Check {
        let mut checks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let check = checks.entry(id).or_insert_with(|| {
            let app = Arc::clone(app);
            let running = tokio::spawn(async move {
                let log = Arc::clone(&app);
                let checked = tokio::task::spawn_blocking(move || log.log.manifests().complete(&id)).await;
                // Whoever waits hears of it; who comes later has it checked anew.
                app.checks.forget(&id);
                checked.unwrap_or_else(|_| Err(Error::new(Code::Internal, "the check of a manifest failed")))
            });
            let failed = |_| Err(Error::new(Code::Internal, "the check of a manifest failed"));
            async move { running.await.unwrap_or_else(failed).map_err(|error| in_manifest(error).into()) }
                .boxed()
                .shared()
        });
        check.clone()
    }

    fn forget(&self, id: &KeyspaceId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use ledger::log::plan_upload;
    use ledger::testing as cast;

    use super::*;
    use crate::manifests::tests::built;
    use crate::testing::TestServer;

    #[test]
    fn a_party_sends_a_manifest_in_parts_and_it_is_served_once_it_was_checked() {
        let server = TestServer::start();
        let dir = tempfile::tempdir().unwrap();
        let (folder, keyspace, record) = built(&dir.path().join("out"), 5_000);
        let id = keyspace.id();
        let plan = plan_upload(&folder, cast::ORIGIN, "2999-12-31T00:00:00Z".to_owned()).unwrap();
        let signed = plan.sign(&cast::key("lab")).unwrap().to_json();
        const BEGIN: &str = "/api/v1/manifests:begin";
        assert_eq!(server.post(BEGIN, &signed).problem(), "manifest_unknown");
        server.sequence(record);
        let stranger = plan.sign(&cast::key("auditor")).unwrap().to_json();
        assert_eq!(server.post(BEGIN, &stranger).problem(), "signer_unknown");

        let begun = server.post(BEGIN, &signed);
        assert_eq!(begun.status, 200, "{}", begun.text());
        assert_eq!(begun.json()["held"], false);
        let complete = format!("/api/v1/manifests/{id}:complete");
        assert_eq!(server.post(&complete, b"").problem(), "manifest_invalid");
        let parts = format!("/api/v1/manifests/{id}/parts");
        assert_eq!(server.request("PUT", &format!("{parts}/0"), &[], b"other bytes").problem(), "binding_mismatch");
        assert_eq!(server.request("PUT", &format!("{parts}/4096"), &[], b"x").problem(), "not_found");
        assert_eq!(server.request("PUT", &format!("{parts}/x"), &[], b"x").problem(), "not_found");
        for (number, part) in plan.parts.iter().enumerate().filter(|(_, part)| part.len > 0) {
            let file = std::fs::read(folder.join(&part.file)).unwrap();
            let bytes = &file[part.offset as usize..(part.offset + part.len) as usize];
            let reply = server.request("PUT", &format!("{parts}/{number}"), &[], bytes);
            assert_eq!(reply.status, 200, "{}", reply.text());
        }
        assert_eq!(server.post(BEGIN, &signed).json()["missing"], json!([]));
        assert_eq!(server.get(&format!("/manifests/{id}/header.json")).problem(), "not_found");
        assert_eq!(server.post(&complete, b"").json(), json!({ "keyspace": id, "held": true }));
        assert_eq!(server.get(&format!("/manifests/{id}/header.json")).status, 200);
        assert_eq!(server.post(&complete, b"").status, 200);
        assert_eq!(server.post(BEGIN, &signed).json()["held"], true);
        let other = "00".repeat(32);
        assert_eq!(server.post(&format!("/api/v1/manifests/{other}:complete"), b"").problem(), "not_found");
        let unread = format!("/api/v1/manifests/{other}/parts/0");
        assert_eq!(server.request("PUT", &unread, &[("expect", "100-continue")], b"x").problem(), "not_found");
        for wrong in ["/api/v1/manifests/x:complete".to_owned(), format!("/api/v1/manifests/{id}")] {
            assert_eq!(server.post(&wrong, b"").problem(), "not_found", "{wrong}");
        }
    }

    #[test]
    fn i11_a_manifest_whose_files_do_not_agree_is_the_senders_fault() {
        let server = TestServer::start();
        let dir = tempfile::tempdir().unwrap();
        let (folder, keyspace, record) = built(&dir.path().join("out"), 5_000);
        let id = keyspace.id();
        server.sequence(record);
        for (name, change) in
            [("keys.bin", -32i64), ("keys.bin", 32), ("offs.bin", -8), ("meta.bin", -1), ("tree/0", -32)]
        {
            let path = folder.join(name);
            let sound = std::fs::read(&path).unwrap();
            let mut broken = sound.clone();
            broken.resize((sound.len() as i64 + change) as usize, 7);
            let mut plan = plan_upload(&folder, cast::ORIGIN, "2999-12-31T00:00:00Z".to_owned()).unwrap();
            std::fs::write(&path, &broken).unwrap();
            plan.parts = match plan_upload(&folder, cast::ORIGIN, plan.expires.clone()) {
                Ok(plan) => plan.parts,
                // Then an honest client would not even begin; this one does.
                Err(_) => {
                    let part = plan.parts.iter_mut().find(|part| part.file == name).unwrap();
                    part.len = broken.len() as u64;
                    part.sha256 =
                        ledger::ids::SubjectDigest::from_bytes(*ledger::entry::body_digest(&broken).as_bytes());
                    plan.parts
                }
            };
            let begun = server.post("/api/v1/manifests:begin", &plan.sign(&cast::key("lab")).unwrap().to_json());
            assert_eq!(begun.status, 200, "{}", begun.text());
            for (number, part) in plan.parts.iter().enumerate().filter(|(_, part)| part.len > 0) {
                let bytes = std::fs::read(folder.join(&part.file)).unwrap();
                let path = format!("/api/v1/manifests/{id}/parts/{number}");
                assert_eq!(server.request("PUT", &path, &[], &bytes).status, 200);
            }
            let complete = server.post(&format!("/api/v1/manifests/{id}:complete"), b"");
            assert_eq!((complete.status, complete.problem().as_str()), (422, "manifest_invalid"), "{name} {change}");
            assert!(
                !complete.text().contains("incoming"),
                "nobody is told where this log keeps what: {}",
                complete.text()
            );
            std::fs::write(&path, &sound).unwrap();
        }
    }

    #[test]
    fn b01_a_part_has_a_limit() {
        let server = TestServer::start();
        let path = format!("/api/v1/manifests/{}/parts/0", "0".repeat(64));
        let head = format!("PUT {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", PART_BYTES + 1);
        assert_eq!(server.send(head.as_bytes()).problem(), "too_large");
    }
}
