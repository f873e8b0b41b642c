//! Closed manifests: whose keys are shown only as replies in which each hides among a thousand others.
//!
//! A keyspace is closed while every `manifest` record that names it says so. Once one declares it open it stays open: what was
//! published cannot be taken back.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use ledger::Code;
use ledger::ids::{KeyspaceId, LeafIndex, SubjectDigest, TreeSize};
use ledger::log::{Body, EntryView, Filter, Order, Published, Term};
use ledger::manifest::Keyspace;
use ledger::record::Record;
use ledger::record::kind::Kind;
use ledger::record::kinds::{Disclosure, Predicate};

use crate::app::App;
use crate::looking::first_of;
use crate::problem::Problem;

/// So many keys share every prefix that a closed manifest is shown by.
const SHOWN_AMONG: u64 = 1000;

/// Records that name one keyspace and are looked at: a dataset is declared once, or a few times by its mirrors.
const MAX_RECORDS: usize = 64;

/// What is known of keyspaces. Only such are asked about whose files are held, so there are no more than those.
#[derive(Debug, Default)]
pub(crate) struct Disclosures(Mutex<HashMap<KeyspaceId, Known>>);

/// What the records of a log up to some size say about a keyspace.
#[derive(Debug, Clone, Copy)]
struct Known {
    size: TreeSize,
    declared: Declared,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Declared {
    /// No record names it yet: it is shown, and may be declared closed by the next entry.
    Not,
    Open,
    Closed,
}

/// Refuses files of a closed keyspace but for its header.
pub(crate) fn may_show_file(app: &App, id: &KeyspaceId, name: &str) -> Result<(), Problem> {
    match name != "header.json" && is_closed(app, id)? {
        true => Err(closed("its keys are shown by prefix only")),
        false => Ok(()),
    }
}

/// Refuses a reply of a closed keyspace in which too few keys would stand together.
pub(crate) fn may_show_prefix(app: &App, keyspace: &Keyspace, depth: u8) -> Result<(), Problem> {
    let deepest = keyspace.depth_for(SHOWN_AMONG);
    match depth > deepest && is_closed(app, &keyspace.id())? {
        true => Err(closed(&format!("prefixes of at most {deepest} bits are shown, which a thousand keys share"))),
        false => Ok(()),
    }
}

fn closed(detail: &str) -> Problem {
    Problem::new(Code::ManifestClosed, detail.to_owned())
}

pub(crate) fn is_closed(app: &App, id: &KeyspaceId) -> Result<bool, Problem> {
    let Some(view) = app.log.published() else { return Ok(false) };
    let known = app.disclosures.0.lock().unwrap_or_else(PoisonError::into_inner).get(id).copied();
    // Open once is open for ever; everything else holds until the log has grown.
    if let Some(known) = known.filter(|known| known.declared == Declared::Open || known.size == view.size) {
        return Ok(known.declared == Declared::Closed);
    }
    let declared = declared(app, &view, id)?;
    let known = Known { size: view.size, declared };
    app.disclosures.0.lock().unwrap_or_else(PoisonError::into_inner).insert(*id, known);
    Ok(declared == Declared::Closed)
}

fn declared(app: &App, view: &Published, id: &KeyspaceId) -> Result<Declared, Problem> {
    let subject = Term::Subject(SubjectDigest::from_bytes(*id.as_bytes()));
    let filter = Filter { terms: vec![subject, Term::Kind(Kind::Manifest.as_str().to_owned())] };
    let page = |order, limit| app.log.page(view, &filter, order, limit);
    let (first, partial) = first_of(Order::From(LeafIndex(0)), |order| {
        let page = page(order, 1)?;
        Ok::<_, ledger::Error>((page.entries, page.next))
    })?;
    let Some(first) = first else {
        // What may be declared behind thousands of other records is not shown because nobody looked.
        return Ok(if partial { Declared::Closed } else { Declared::Not });
    };
    let entries = page(Order::From(first.index), MAX_RECORDS)?.entries;
    let mut declared = Declared::Not;
    // Whoever declared it first decides: anybody may name the keyspace in a manifest of their own.
    let own = |entry: &&EntryView| entry.header.issuer == first.header.issuer;
    for entry in entries.iter().filter(own) {
        let Body::Held(body) = app.log.body(entry)? else { continue };
        let Ok(record) = Record::parse(&body) else { continue };
        let Predicate::Manifest(manifest) = &record.predicate else { continue };
        for row in manifest.keyspaces.iter().filter(|row| row.id == *id) {
            if row.disclosure != Disclosure::Closed {
                return Ok(Declared::Open);
            }
            declared = Declared::Closed;
        }
    }
    Ok(declared)
}
