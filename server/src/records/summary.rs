//! What the leaf says about a record, beside the leaf itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ledger::log::EntryView;
use ledger::record::terms::moment;
use serde::Serialize;

use crate::app::App;
use crate::receipt::Links;

/// What the leaf says about a record.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
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
    pub(super) links: Links,
}

impl Summary {
    pub(super) fn of(app: &App, entry: &EntryView) -> Self {
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
            received: moment(header.received),
            digest,
            entry: STANDARD.encode(&entry.bytes),
            links,
        }
    }
}
