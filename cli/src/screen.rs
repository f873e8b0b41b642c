//! What a verification looks like: on the screen, as JSON, and as a page to file away.
//!
//! The verdict comes first, then one line for each link in their fixed order, then one hint. Nothing that a signer wrote
//! is shown unless every link before it holds: [`ledger::verify`] hands out no record then.

mod page;

use std::path::Path;

use ledger::Code;
use ledger::bundle::Bundle;
use ledger::ids::{UnixMillis, to_hex};
use ledger::record::Record;
use ledger::record::kind::Kind;
use ledger::record::kinds::Predicate;
use ledger::record::terms::{Timestamp, moment};
use ledger::verify::{LinkName, Report, Status, Trust, Verdict, VerifiedRecord};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::artifact::Measured;
use crate::output::{Mark, Output, short, shown};

/// What went into a verification, for the record.
#[derive(Debug)]
pub(crate) struct Inputs {
    bundle: String,
    bundle_sha256: String,
    artifacts: Vec<(String, String, u64, usize)>,
    policy: String,
    policy_from: String,
    genesis: Option<String>,
    /// Whether the bundle is of a `manifest`, whose files have a command of their own. Only a hint rests on it.
    of_manifest: bool,
}

impl Inputs {
    /// The files and the trust of a verification.
    pub(crate) fn new(
        bundle: &Path,
        bytes: &[u8],
        measured: &[Measured],
        trust: &Trust,
        policy: Option<&Path>,
    ) -> Self {
        let artifacts = measured.iter();
        Self {
            bundle: bundle.display().to_string(),
            bundle_sha256: to_hex(&Sha256::digest(bytes)),
            artifacts: artifacts.map(|m| (m.name.clone(), m.digest.to_hex(), m.bytes, m.files.len())).collect(),
            policy: String::from_utf8_lossy(&trust.policy.encode()).into_owned(),
            policy_from: policy.map_or_else(|| "the pinned policy".to_owned(), |path| path.display().to_string()),
            genesis: trust.genesis.map(|hash| to_hex(hash.as_bytes())),
            of_manifest: Bundle::parse(bytes)
                .and_then(|bundle| Record::parse(&bundle.record.envelope))
                .is_ok_and(|record| record.kind == Kind::Manifest),
        }
    }
}

/// A verification that is about to be shown.
#[derive(Debug)]
pub(crate) struct Screen<'a> {
    /// What was found.
    pub report: &'a Report,
    /// What went into it.
    pub inputs: Inputs,
    /// `--strict`.
    pub strict: bool,
    /// Which files of a folder differ from the record.
    pub differences: Vec<String>,
    /// When.
    pub now: Timestamp,
}

/// Files that differ, on the screen; the report and `--json` have them all.
const SHOWN_DIFFERENCES: usize = 20;

/// What a verified record shows and does not show; said each time, because it is what people get wrong.
const MEANING: &str =
    "This shows who said it and when, and that it was not changed since. It does not show that it is true.";

impl Screen<'_> {
    /// The exit code.
    pub(crate) fn exit(&self) -> u8 {
        self.report.exit_code(self.strict)
    }

    fn verdict(&self) -> (Mark, &'static str) {
        match (self.report.verdict, self.report.warnings.is_empty(), self.strict) {
            (Verdict::Failed, ..) => (Mark::Bad, "NOT VERIFIED"),
            (Verdict::Verified, true, _) => (Mark::Good, "VERIFIED"),
            (Verdict::Verified, false, false) => (Mark::Warning, "VERIFIED WITH WARNINGS"),
            (Verdict::Verified, false, true) => (Mark::Bad, "NOT VERIFIED (strict)"),
        }
    }

    fn headline(&self) -> String {
        match (&self.report.verified, self.report.code()) {
            (Some(verified), _) => {
                let kind = verified.record().kind.as_str();
                let origin = verified.checkpoint().checkpoint().origin();
                format!("{kind} by {}, entry {} of {origin}", verified.record().issuer(), verified.index())
            }
            (None, code) => {
                let link = self.report.failed().map_or("bundle", |line| line.link.as_str());
                format!("{link}: {}", code.unwrap_or(Code::Internal).title())
            }
        }
    }

    fn hint(&self) -> Option<String> {
        if let Some(line) = self.report.failed() {
            if self.inputs.of_manifest && line.link == LinkName::Artifact {
                let bundle = shown(&self.inputs.bundle);
                return Some(format!(
                    "A manifest's files are checked by `colophon manifest check DIR --record {bundle}`."
                ));
            }
            return line.hint.map(str::to_owned);
        }
        self.report.warnings.first().map(|warning| warning.code.hint().to_owned())
    }

    fn lines(&self) -> Vec<(Status, &'static str, String)> {
        let line = |line: &ledger::verify::LinkReport| {
            let detail = match (&self.report.verified, line.link, line.status) {
                (Some(verified), LinkName::Witnesses, Status::Ok) => witnesses(verified),
                (_, _, Status::NotChecked) if line.detail.is_empty() => "not checked".to_owned(),
                (_, _, Status::NotChecked) => format!("not checked: {}", line.detail),
                _ => line.detail.clone(),
            };
            (line.status, line.link.as_str(), shown(&detail))
        };
        self.report.links.iter().map(line).collect()
    }

    /// The screen.
    pub(crate) fn to_screen(&self, out: &Output) -> String {
        let (mark, verdict) = self.verdict();
        let mut text = format!("{} {} — {}\n", out.mark(mark), out.paint(mark, verdict), self.headline());
        for (status, link, detail) in self.lines() {
            text.push_str(&format!("  {} {link:<19} {}\n", out.mark(mark_of(status)), shorten(&detail)));
        }
        for difference in self.differences.iter().take(SHOWN_DIFFERENCES) {
            text.push_str(&format!("      {}\n", shown(difference)));
        }
        if self.differences.len() > SHOWN_DIFFERENCES {
            text.push_str(&format!("      and {} more\n", self.differences.len() - SHOWN_DIFFERENCES));
        }
        for warning in &self.report.warnings {
            let detail = shorten(&shown(&warning.detail));
            text.push_str(&format!("  {} {} {detail}\n", out.mark(Mark::Warning), warning.code.title()));
        }
        if let Some(verified) = &self.report.verified {
            text.push('\n');
            for (name, value) in about(verified, SHOWN_SUBJECTS) {
                text.push_str(&format!("  {name:<9} {}\n", shown(&value)));
            }
            text.push_str(&format!("  {MEANING}\n"));
        }
        if let Some(hint) = self.hint() {
            text.push_str(&format!("  hint: {hint}\n"));
        }
        text
    }

    /// The same for programs.
    pub(crate) fn to_json(&self) -> Value {
        let links: Vec<Value> = self
            .report
            .links
            .iter()
            .map(|line| {
                json!({
                    "link": line.link,
                    "name": line.link.as_str(),
                    "status": line.status,
                    "ok": line.status == Status::Ok,
                    "code": line.code.map(Code::as_str),
                    "detail": line.detail,
                    "hint": line.hint,
                })
            })
            .collect();
        let warnings: Vec<Value> = self
            .report
            .warnings
            .iter()
            .map(|w| json!({ "code": w.code.as_str(), "message": w.code.title(), "detail": w.detail }))
            .collect();
        let artifacts: Vec<Value> = self
            .inputs
            .artifacts
            .iter()
            .map(|(name, sha256, bytes, files)| json!({ "name": name, "sha256": sha256, "bytes": bytes.to_string(), "files": files }))
            .collect();
        let code = self
            .report
            .code()
            .or_else(|| self.report.warnings.first().filter(|_| self.strict).map(|warning| warning.code));
        json!({
            "verdict": self.report.verdict,
            "code": code.map(Code::as_str),
            "message": code.map(Code::title),
            "place": self.report.failed().map(|line| line.link.as_str()),
            "hint": self.hint(),
            "exit": self.exit(),
            "strict": self.strict,
            "links": links,
            "warnings": warnings,
            "differences": self.differences,
            "record": self.report.verified.as_ref().map(record_json),
            "inputs": {
                "bundle": { "file": self.inputs.bundle, "sha256": self.inputs.bundle_sha256 },
                "artifacts": artifacts,
                "policy": self.inputs.policy,
                "policyFrom": self.inputs.policy_from,
                "genesis": self.inputs.genesis,
            },
            "version": env!("CARGO_PKG_VERSION"),
            "checkedAt": self.now,
        })
    }
}

const fn mark_of(status: Status) -> Mark {
    match status {
        Status::Ok => Mark::Good,
        Status::Failed => Mark::Bad,
        Status::NotChecked | Status::NotGiven => Mark::Open,
    }
}

/// Subjects on the screen; the report has all.
const SHOWN_SUBJECTS: usize = 8;

/// What a verified record says about itself: who, when, about what, and of an audit what came of it.
fn about(verified: &VerifiedRecord, subjects: usize) -> Vec<(&'static str, String)> {
    let record = verified.record();
    let name = record.common.issuer.name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
    let mut rows = vec![
        ("what", format!("{} {}", record.kind, record.id)),
        ("who", format!("{}{name}", record.issuer())),
        ("when", format!("issued {}, received {}", record.common.issued, time(verified.header().received))),
    ];
    if let Predicate::AuditAttestation(audit) = &record.predicate {
        let word = |value: Value| value.as_str().map(str::to_owned).unwrap_or_default();
        rows.push(("verdict", word(json!(audit.verdict))));
        let said = [("scope", &audit.scope), ("method", &audit.method), ("assurance", &audit.assurance_level)];
        rows.extend(said.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))));
    }
    for subject in record.subjects().iter().take(subjects) {
        let digest = subject.sha256().map(|digest| format!(" sha256 {digest}")).unwrap_or_default();
        rows.push(("about", format!("{}{digest}", subject.name.as_deref().unwrap_or("(no name)"))));
    }
    if let Some(more @ 1..) = record.subjects().len().checked_sub(subjects) {
        rows.push(("about", format!("and {more} more")));
    }
    rows
}

/// Every member of a verified record's predicate, as it was signed.
fn says(verified: &VerifiedRecord) -> Vec<(String, String)> {
    let members = verified.record().statement.predicate.iter();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    members.map(|(name, value)| (name.clone(), text(value))).collect()
}

fn record_json(verified: &VerifiedRecord) -> Value {
    let record = verified.record();
    let subjects: Vec<Value> =
        record.subjects().iter().map(|s| json!({ "name": s.name, "sha256": s.sha256() })).collect();
    let signers: Vec<Value> = verified
        .signers()
        .iter()
        .map(|signer| {
            json!({
                "keyid": signer.key(),
                "registeredAt": signer.registered().map(|index| index.to_string()),
                "revokedAt": signer.revoked().map(|revocation| revocation.index.to_string()),
                "disputed": signer.is_disputed(),
            })
        })
        .collect();
    let checkpoint = verified.checkpoint().checkpoint();
    json!({
        "id": record.id,
        "kind": record.kind.as_str(),
        "index": verified.index().to_string(),
        "issuer": { "id": record.issuer(), "name": record.common.issuer.name },
        "issued": record.common.issued,
        "received": moment(verified.header().received),
        "subjects": subjects,
        "signers": signers,
        "log": { "origin": checkpoint.origin().as_str(), "size": checkpoint.size().to_string(),
                 "root": checkpoint.root().to_string() },
    })
}

fn witnesses(verified: &VerifiedRecord) -> String {
    let cosigned = verified.checkpoint().cosigned();
    let names: Vec<&str> = cosigned.iter().map(|(name, _)| name.as_str()).collect();
    let newest = verified.checkpoint().newest().map(|at| format!(", newest {}", time(at.to_millis())));
    format!("{} cosigned: {}{}", cosigned.len(), names.join(", "), newest.unwrap_or_default())
}

/// A moment as records write it, in whole seconds: for people.
pub(crate) fn time(at: UnixMillis) -> String {
    moment(UnixMillis(at.0 / 1000 * 1000))
}

/// A text with every digest of 64 digits cut to its beginning and end.
fn shorten(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut run = String::new();
    for c in text.chars().chain(std::iter::once('\0')) {
        if matches!(c, '0'..='9' | 'a'..='f') {
            run.push(c);
            continue;
        }
        out.push_str(&if run.len() == 64 { short(&run) } else { std::mem::take(&mut run) });
        run.clear();
        if c != '\0' {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn digests_are_cut_and_everything_else_is_left() {
        let digest = "ab".repeat(32);
        assert_eq!(shorten(&format!("key {digest} face")), "key abababab…abab face");
        assert_eq!(shorten("deadbeef"), "deadbeef");
    }
}
