//! What a reader should know about a record besides what it says: marks, each with the stable code that names it.
//!
//! A mark breaks no proof and undoes nothing. Whether it stops anybody is for whoever reads it (`--strict`).

use serde::Serialize;

use super::{Fate, Item, Records, Standing, State};
use crate::error::{Code, Result};
use crate::ids::{LeafIndex, UnixMillis};
use crate::record::terms::moment;

/// How far apart the issuer's time and the log's may be before a reader is told: a day before the log received it, so that
/// a record may be signed on one day and sent on the next, and five minutes after it (DESIGN §5, clocks).
const ISSUED_BEFORE: u64 = UnixMillis::DAY;
/// See [`ISSUED_BEFORE`].
const ISSUED_AFTER: u64 = 5 * 60 * 1000;

/// Something to know about a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mark {
    /// The stable code.
    #[serde(serialize_with = "as_text")]
    pub code: Code,
    /// The entry that makes it so, where one does.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_digits")]
    pub because: Option<LeafIndex>,
    /// What was found.
    pub detail: String,
}

fn as_text<S: serde::Serializer>(code: &Code, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(code.as_str())
}

/// Indices are strings in JSON (DESIGN §9).
fn as_digits<S: serde::Serializer>(index: &Option<LeafIndex>, serializer: S) -> core::result::Result<S::Ok, S::Error> {
    match index {
        Some(index) => serializer.collect_str(index),
        None => serializer.serialize_none(),
    }
}

/// The marks of an entry at a moment.
///
/// # Errors
/// Those of `records`. From a log: `store_corrupt`; from memory none.
pub fn marks(records: &dyn Records, state: &State, item: &Item, now: UnixMillis) -> Result<Vec<Mark>> {
    let mut marks = Vec::new();
    let mut mark = |code, because, detail: String| marks.push(Mark { code, because, detail });
    let header = &item.header;
    for key in &header.signers {
        if let Standing::Disputed(revocation) = state.standing(key, item.index) {
            let detail = format!("key {key} may have been stolen before it signed this");
            mark(Code::DisputedKey, Some(revocation.index), detail);
        }
    }
    if header.issuer.starts_with("key:") {
        match state.vouch(&header.record) {
            Some(_) => {}
            None => mark(Code::Unvouched, None, "no party owns the key, and no steward vouches for it".to_owned()),
        }
    }
    if let Some(issued) = item.record.as_ref().map(|record| record.common.issued.millis()) {
        let received = header.received;
        if issued.0.saturating_add(ISSUED_BEFORE) < received.0 || issued.0 > received.0.saturating_add(ISSUED_AFTER) {
            mark(Code::IssuedDoubtful, None, format!("issued {}, received {}", moment(issued), moment(received)));
        }
    }
    let fate = Fate::of(records, state, item, now)?;
    if let Some(by) = fate.redacted_by {
        mark(Code::Redacted, Some(by), "the body is erased".to_owned());
    }
    if let Some(by) = fate.taken_back_by.or(fate.superseded_by) {
        mark(Code::Withdrawn, Some(by), "the issuer took it back, or put another in its place".to_owned());
    }
    Ok(marks)
}
