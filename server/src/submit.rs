//! `POST /api/v1/records`: one DSSE envelope in, its receipt out.

use std::sync::Arc;

use bytes::{Buf, Bytes};
use futures_util::Stream;
use hyper::StatusCode;
use hyper::header::{self, HeaderMap, HeaderValue};
use ledger::log::{Validated, Wait};
use ledger::record::limits::MAX_ENVELOPE;
use ledger::{Code, Error};
use serde_json::{Map, Value};
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use crate::app::App;
use crate::batch;
use crate::body::{Takes, heavy};
use crate::connection::Peer;
use crate::metrics::Resource;
use crate::problem::{Answer, Problem};
use crate::query::Query;
use crate::receipt::{self, Submitted, Until};
use crate::route::{answering, json, query, with};

/// From this size on an envelope is checked where it holds nobody up: 32 KiB of JSON and a signature take about 0.3 ms.
const HEAVY: usize = 32 << 10;

/// `POST /api/v1/records` and `POST /api/v1/records:batch`.
pub(crate) fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    let request = warp::post()
        .and(with(app))
        .and(warp::ext::get::<Peer>())
        .and(warp::header::headers_cloned())
        .and(query())
        .and(warp::body::stream());
    let one = warp::path!("api" / "v1" / "records").and(request.clone()).map(one);
    let batch = warp::path!("api" / "v1" / "records:batch").and(request).map(batch::batch);
    answering(one, Resource("submit")).or(answering(batch, Resource("submit_batch"))).unify().boxed()
}

async fn one<S, B>(app: Arc<App>, peer: Peer, headers: HeaderMap, query: String, body: S) -> Answer
where
    S: Stream<Item = Result<B, warp::Error>> + Send + 'static,
    B: Buf + Send + 'static,
{
    let until = until(&query);
    let origin = app.limits.origin(&peer, &headers);
    let takes = Takes { max: MAX_ENVELOPE, json: true };
    let admits = |length| {
        until.clone()?;
        app.limits.submit(origin, 1)?;
        has_room(&app, length)
    };
    let held = app.bodies.read(&peer, &headers, body, takes, admits).await?;
    let validated = validate(&app, held.bytes.clone()).await?;
    app.limits.submit_signed(origin, validated.signers())?;
    let submitted = Submitted::from(&validated);
    let sequenced = receipt::sequenced(app.log.submit(validated, Wait::Sequenced)?).await?;
    drop(held);
    let view = match until? {
        Until::Sequenced => None,
        Until::Published => receipt::covering(&app, sequenced.index, app.options.receipt_deadline).await,
    };
    let (status, document) = receipt::answer(&app, &submitted, &sequenced, view.as_deref())?;
    respond(status, document)
}

fn respond(status: StatusCode, document: Map<String, Value>) -> Answer {
    let record = document.get("links").and_then(|links| links.get("record")).and_then(Value::as_str);
    let location = record.and_then(|link| HeaderValue::from_str(link).ok());
    let mut response = json("no-store", &document)?;
    *response.status_mut() = status;
    if let Some(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    if status == StatusCode::ACCEPTED {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    Ok(response)
}

/// The parameter `wait` of a submission.
pub(crate) fn until(query: &str) -> Result<Until, Problem> {
    match Query::parse(query, &["wait"])?.text("wait") {
        None | Some("published") => Ok(Until::Published),
        Some("sequenced") => Ok(Until::Sequenced),
        Some(_) => Err(Problem::bad_request("query wait", "known are published, sequenced")),
    }
}

/// Whether the log would take a body of this length now. Asked before the body is read: under overload new
/// submissions are refused first.
pub(crate) fn has_room(app: &App, length: usize) -> Result<(), Problem> {
    if app.log.has_room_for(length) {
        return Ok(());
    }
    let code = if app.log.fatal().is_some() { Code::Stopping } else { Code::Overloaded };
    Err(Error::new(code, "nothing is taken in at this moment").into())
}

/// Checks an envelope at the log's door.
pub(crate) async fn validate(app: &Arc<App>, body: Bytes) -> Result<Validated, Problem> {
    if body.len() < HEAVY {
        return Ok(app.log.validate(body)?);
    }
    let app = Arc::clone(app);
    Ok(heavy(move || app.log.validate(body)).await??)
}
