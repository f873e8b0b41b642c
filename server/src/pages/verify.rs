//! `/verify`: the report that the command line gives, from a bundle that somebody sends.
//!
//! The trust is this log's own: its newest policy, and entry 0. Which log a reader means, only the reader can say.

use ledger::Code;
use ledger::ids::LeafIndex;
use ledger::merkle::LeafHash;
use ledger::verify::{Trust, verify_bytes};
use sha2::{Digest, Sha256};

use super::form::Form;
use super::read::Reading;
use super::view::parts::Hash;
use super::view::verify::{ReportView, VerifyPage};
use super::{Request, reply};
use crate::problem::{Answer, Problem};

pub(super) fn get(reading: &Reading<'_>, request: Request<'_>) -> Answer {
    Ok(reply::page(page(reading, None).to_string(), request.headers))
}

pub(super) fn post(reading: &Reading<'_>, form: &Form) -> Answer {
    let sent = form.bytes("bundle").or_else(|| form.bytes("pasted"));
    let bytes = sent.ok_or_else(|| Problem::bad_request("bundle", "choose a file, or paste its text"))?;
    let entry = reading.entry(LeafIndex(0))?;
    let entry = entry.ok_or_else(|| Problem::new(Code::NotFound, "the log has no entry yet"))?;
    let mut trust = Trust::new(reading.policy()?);
    trust.genesis = Some(LeafHash::of_entry(&entry.bytes));
    let report = verify_bytes(bytes, &trust, &[]);
    let report = ReportView::new(&report, Hash::new(ledger::ids::to_hex(&Sha256::digest(bytes))));
    Ok(reply::answer(page(reading, Some(report)).to_string()))
}

fn page(reading: &Reading<'_>, report: Option<ReportView>) -> VerifyPage {
    let mut shell = reading.shell("verify");
    shell.title = "Verify".to_owned();
    VerifyPage { shell, site: reading.site.clone(), report }
}
