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
use ledger::record::lint::Finding;
use ledger::{Code, Error};
use serde::Serialize;

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
#[derive(Debug)]
pub(crate) struct Submitted {
    record: RecordId,
    digest: BodyDigest,
    warnings: Vec<Finding>,
}

impl Submitted {
    /// Takes along what lint had to say, which the log itself has no use for. It never blocks a record.
    pub(crate) fn of(validated: &mut Validated) -> Self {
        let (record, digest) = (validated.id(), validated.body_digest());
        Self { record, digest, warnings: validated.take_warnings() }
    }
}

/// The document that answers a submission.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    status: &'static str,
    index: String,
    record: RecordId,
    digest: BodyDigest,
    duplicate: bool,
    #[serde(flatten)]
    proof: Proof,
    warnings: Vec<Finding>,
    pub(crate) links: Links,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Proof {
    Receipt {
        entry: String,
        receipt: String,
    },
    /// Said as a problem says it.
    NotYet {
        code: &'static str,
        title: &'static str,
        hint: &'static str,
    },
}

/// Where to read on about an entry.
#[derive(Debug, Serialize)]
pub(crate) struct Links {
    pub(crate) record: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bundle: Option<String>,
    receipt: String,
    page: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<String>,
}

impl Links {
    pub(crate) fn of(app: &App, index: LeafIndex) -> Self {
        let record = app.link(&format!("/api/v1/records/{index}"));
        let (bundle, receipt) = (Some(format!("{record}/bundle")), format!("{record}/receipt"));
        Self { record, bundle, receipt, page: app.link(&format!("/r/{index}")), status: None, body: None }
    }
}

/// Waits for the sequencer's answer.
pub(crate) async fn sequenced(ticket: Ticket) -> Result<Sequenced, Error> {
    within(SEQUENCER_DEADLINE, ticket.wait()).await.unwrap_or_else(|| Err(unknown()))
}

/// Waits for a published checkpoint, and if none comes for the index alone. Nothing wakes it in between: that would cost every
/// submission a turn of its connection.
pub(crate) async fn published(app: &App, mut ticket: Ticket) -> Result<Sequenced, Error> {
    let mut fatal = app.log.subscribe_fatal();
    let answered = tokio::select! {
        biased;
        answered = ticket.answered() => Some(answered),
        _ = fatal.wait_for(Option::is_some) => None,
        () = tokio::time::sleep(app.options.receipt_deadline) => None,
    };
    match answered {
        Some(Ok(sequenced)) => Ok(sequenced),
        // Of a record that is durable, though the log stopped before it was published, the index is known.
        Some(Err(error)) => ticket.noted().ok_or(error),
        None => {
            let left = SEQUENCER_DEADLINE.saturating_sub(app.options.receipt_deadline);
            within(left, ticket.decided()).await.unwrap_or_else(|| Err(unknown()))
        }
    }
}

fn unknown() -> Error {
    Error::new(Code::Overloaded, "the outcome is not known yet; a repeated record gets the same index")
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
    submitted: Submitted,
    sequenced: &Sequenced,
    view: Option<&Published>,
) -> Result<(StatusCode, Outcome), Problem> {
    let index = sequenced.index;
    let mut links = Links::of(app, index);
    let (http, status, proof) = if let Some(view) = view {
        let entry = match &sequenced.entry {
            Some(entry) => entry.clone(),
            None => {
                let missing = || Error::new(Code::StoreCorrupt, format!("entry {index} cannot be read"));
                app.log.entry(view, index)?.ok_or_else(missing)?.bytes
            }
        };
        let receipt = String::from_utf8(app.log.receipt(view, index)?.encode())
            .map_err(|_| Error::new(Code::StoreCorrupt, format!("the receipt of entry {index} is not text")))?;
        let http = if sequenced.duplicate { StatusCode::OK } else { StatusCode::CREATED };
        (http, "published", Proof::Receipt { entry: STANDARD.encode(&entry), receipt })
    } else {
        links.status = Some(links.receipt.clone());
        let code = Code::AwaitingWitnesses;
        let proof = Proof::NotYet { code: code.as_str(), title: code.title(), hint: code.hint() };
        (StatusCode::ACCEPTED, "sequenced", proof)
    };
    let Submitted { record, digest, warnings } = submitted;
    let duplicate = sequenced.duplicate;
    Ok((http, Outcome { status, index: index.to_string(), record, digest, duplicate, proof, warnings, links }))
}
