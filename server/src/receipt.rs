//! What a submission is answered with: a receipt once a published checkpoint covers it, and until then a promise that
//! is not called one.
//!
//! ```json
//! {"status":"published","index":"3","record":"<64 hex>","digest":"<64 hex>","duplicate":false,
//!  "entry":"<base64 of the leaf>","receipt":"c2sp.org/tlog-proof@v1\nindex 3\n...","warnings":[],
//!  "links":{"record":"/api/v1/records/3","bundle":"/api/v1/records/3/bundle","page":"/r/3"}}
//! ```
//!
//! Entry and receipt together are what RFC 6962 calls a proof and C2SP a tlog-proof: with the log's key they can be
//! verified without asking anybody again.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::StatusCode;
use ledger::ids::{BodyDigest, LeafIndex, RecordId};
use ledger::log::{Published, Sequenced, Ticket, Validated};
use ledger::{Code, Error};
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::body::within;
use crate::problem::Problem;

/// How long the sequencer may take before the client is told that nobody knows. Under a full queue a batch waits for
/// eight others, a second or two; past this the disk has stopped answering.
const SEQUENCER_DEADLINE: Duration = Duration::from_secs(30);

/// When a submission wants to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// Once it is durable.
    Sequenced,
    /// Once a published checkpoint covers it.
    Published,
}

/// What is known of a submission before it has an index.
#[derive(Debug, Clone)]
pub(crate) struct Submitted {
    pub(crate) record: RecordId,
    pub(crate) digest: BodyDigest,
    pub(crate) warnings: Value,
}

impl From<&Validated> for Submitted {
    fn from(validated: &Validated) -> Self {
        Self { record: validated.id(), digest: validated.body_digest(), warnings: warnings(validated) }
    }
}

/// What lint has to say about a record. It never blocks one.
fn warnings(validated: &Validated) -> Value {
    json!(validated.warnings())
}

/// Waits for the sequencer's answer.
pub(crate) async fn sequenced(ticket: Ticket) -> Result<Sequenced, Error> {
    within(SEQUENCER_DEADLINE, ticket.wait()).await.unwrap_or_else(|| {
        let detail = "the outcome is not known yet; a repeated record gets the same index";
        Err(Error::new(Code::Overloaded, detail))
    })
}

/// Waits for a view that covers an entry, for as long as the server was told to. `None` when it waited in vain.
pub(crate) async fn covering(app: &App, index: LeafIndex, patience: Duration) -> Option<Arc<Published>> {
    if let Some(view) = app.log.published().filter(|view| view.size.covers(index)) {
        return Some(view);
    }
    let (mut views, mut fatal) = (app.log.subscribe(), app.log.subscribe_fatal());
    let covers = |view: &Option<Arc<Published>>| view.as_ref().is_some_and(|view| view.size.covers(index));
    tokio::select! {
        covering = views.wait_for(covers) => covering.ok().and_then(|view| view.clone()),
        _ = fatal.wait_for(Option::is_some) => None,
        () = tokio::time::sleep(patience) => None,
    }
}

/// The answer about a record that has its index.
pub(crate) fn answer(
    app: &App,
    submitted: &Submitted,
    sequenced: &Sequenced,
    view: Option<&Published>,
) -> Result<(StatusCode, Map<String, Value>), Problem> {
    let index = sequenced.index;
    let mut document = Map::new();
    document.insert("index".into(), index.to_string().into());
    document.insert("record".into(), submitted.record.to_hex().into());
    document.insert("digest".into(), submitted.digest.to_hex().into());
    document.insert("duplicate".into(), sequenced.duplicate.into());
    document.insert("warnings".into(), submitted.warnings.clone());
    let mut links = links(app, index);
    let Some(view) = view else {
        links.insert("status".into(), app.link(&format!("/api/v1/records/{index}/receipt")).into());
        document.insert("links".into(), links.into());
        document.insert("status".into(), "sequenced".into());
        document.insert("code".into(), Code::AwaitingWitnesses.as_str().into());
        document.insert("title".into(), Code::AwaitingWitnesses.title().into());
        document.insert("hint".into(), Code::AwaitingWitnesses.hint().into());
        return Ok((StatusCode::ACCEPTED, document));
    };
    let entry = match &sequenced.entry {
        Some(entry) => entry.clone(),
        None => {
            let missing = || Error::new(Code::StoreCorrupt, format!("entry {index} cannot be read"));
            app.log.entry(view, index)?.ok_or_else(missing)?.bytes
        }
    };
    let receipt = String::from_utf8_lossy(&app.log.receipt(view, index)?.encode()).into_owned();
    document.insert("links".into(), links.into());
    document.insert("status".into(), "published".into());
    document.insert("entry".into(), STANDARD.encode(&entry).into());
    document.insert("receipt".into(), receipt.into());
    Ok((if sequenced.duplicate { StatusCode::OK } else { StatusCode::CREATED }, document))
}

/// Where to read on about an entry.
pub(crate) fn links(app: &App, index: LeafIndex) -> Map<String, Value> {
    let record = app.link(&format!("/api/v1/records/{index}"));
    let mut links = Map::new();
    links.insert("bundle".into(), format!("{record}/bundle").into());
    links.insert("receipt".into(), format!("{record}/receipt").into());
    links.insert("page".into(), app.link(&format!("/r/{index}")).into());
    links.insert("record".into(), record.into());
    links
}
