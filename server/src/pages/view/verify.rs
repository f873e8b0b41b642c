//! `/verify`: the report of a verification, link by link, each with what it means and what it does not.

use askama::Template;
use ledger::verify::{LinkName, Report, Status, Verdict};

use super::parts::{Hash, Speaker};
use super::said::{Allowance, Said};
use super::seen::kind_words;
use super::shell::{Shell, Site};
use crate::query::encode;

/// The page.
#[derive(Debug, Template)]
#[template(path = "verify.html")]
pub struct VerifyPage {
    /// The frame.
    pub shell: Shell,
    /// Where the reader reached this server.
    pub site: Site,
    /// The report, if a bundle was sent.
    pub report: Option<ReportView>,
}

/// A report in words.
#[derive(Debug)]
pub struct ReportView {
    colour: &'static str,
    mark: &'static str,
    sentence: String,
    lines: Vec<Line>,
    hint: Option<&'static str>,
    code: Option<&'static str>,
    exit: u8,
    warnings: Vec<Said>,
    record: Option<Verified>,
    /// SHA-256 of what was sent.
    pub input: Hash,
}

#[derive(Debug)]
struct Line {
    name: &'static str,
    mark: &'static str,
    colour: &'static str,
    word: &'static str,
    detail: Said,
    shows: &'static str,
    does_not: &'static str,
}

#[derive(Debug)]
struct Verified {
    index: String,
    kind: Said,
    issuer: Speaker,
    issuer_segment: String,
    id: Hash,
    subjects: Vec<Said>,
}

/// Whose cosignatures the checkpoint has, or should have, by the policy that it was held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cosigners {
    /// The policy names nobody.
    Nobody,
    /// Nobody but the log itself, with the key of its clock.
    OwnClock,
    /// At least one that the policy names beside the log's own clock.
    Witnesses,
}

impl ReportView {
    /// The report on what has this digest.
    pub fn new(report: &Report, cosigners: Cosigners, input: Hash) -> Self {
        let mut allowance = Allowance::default();
        let warned = !report.warnings.is_empty();
        let (colour, mark, sentence) = match (report.verdict, report.failed()) {
            (Verdict::Verified, _) if warned => ("warn", "!", "Verified with warnings".to_owned()),
            (Verdict::Verified, _) => ("ok", "✓", "Verified".to_owned()),
            (Verdict::Failed, Some(line)) => ("bad", "✗", format!("Not verified: {}", fault(line.link))),
            (Verdict::Failed, None) => ("bad", "✗", "Not verified".to_owned()),
        };
        let lines = report.links.iter().map(|line| {
            let (mark, colour, word) = match line.status {
                Status::Ok => ("✓", "ok", "holds"),
                Status::Failed => ("✗", "bad", "does not hold"),
                Status::NotChecked => ("–", "mute", "not checked"),
                Status::NotGiven => ("–", "mute", "nothing to check"),
            };
            let (shows, does_not) = meaning(line.link, cosigners);
            let detail = allowance.said(&line.detail, 400);
            Line { name: line.link.as_str(), mark, colour, word, detail, shows, does_not }
        });
        let lines = lines.collect();
        // Nothing that a signer wrote is shown unless every signature holds: then, and only then, there is a record.
        let record = report.verified.as_ref().map(|verified| {
            let record = verified.record();
            let name = record.common.issuer.name.as_deref();
            Verified {
                index: verified.index().to_string(),
                kind: Said::whole(kind_words(record.kind.as_str())),
                issuer: Speaker::new(record.issuer(), name, &mut allowance),
                issuer_segment: encode(record.issuer()),
                id: Hash::new(record.id),
                subjects: record
                    .subjects()
                    .iter()
                    .take(12)
                    .filter_map(|subject| Some(allowance.said(subject.name.as_deref()?, 160)))
                    .collect(),
            }
        });
        let failed = report.failed();
        Self {
            colour,
            mark,
            sentence,
            lines,
            hint: failed.and_then(|line| line.hint),
            code: report.code().map(|code| code.as_str()),
            exit: report.exit_code(false),
            warnings: report
                .warnings
                .iter()
                .map(|warning| allowance.said(&format!("{} {}", warning.code.title(), warning.detail), 400))
                .collect(),
            record,
            input,
        }
    }
}

/// What is wrong where a link does not hold.
const fn fault(link: LinkName) -> &'static str {
    match link {
        LinkName::Bundle => "this is not a bundle",
        LinkName::LogSignature => "the checkpoint is not one of this log",
        LinkName::Witnesses => "too few witnesses saw the checkpoint",
        LinkName::Inclusion => "the entry is not in the tree of the checkpoint",
        LinkName::EnvelopeSignature => "a signature under the record does not hold",
        LinkName::SignerKey => "the signer's key did not count, or could not say this",
        LinkName::Record => "the entry belongs to another record",
        LinkName::Artifact => "a file differs from the one that was recorded",
    }
}

/// What a link that holds shows, and what it does not (SCOREBOARD U14).
const fn meaning(link: LinkName, cosigners: Cosigners) -> (&'static str, &'static str) {
    match link {
        LinkName::Bundle => (
            "The file has the form of a bundle.",
            "Nothing about what is in it; anybody can write a file of this form.",
        ),
        LinkName::LogSignature => (
            "The log that this server runs signed the checkpoint in the bundle.",
            "That it is the log you meant: compare its name and key with those you were given by somebody you trust.",
        ),
        LinkName::Witnesses => match cosigners {
            Cosigners::Nobody => {
                ("Nothing: the log's policy asks for no cosignature.", "That anybody but the log saw this checkpoint.")
            }
            Cosigners::OwnClock => (
                "The log's own clock cosigned this checkpoint, with the time. That key is the log's own and no independent witness.",
                "That anybody but the log saw this checkpoint: a log that shows others another tree could sign this one as well.",
            ),
            Cosigners::Witnesses => (
                "Enough of the witnesses that the log's policy names saw this checkpoint and found that the log had only grown.",
                "That those witnesses are independent of the log, or anything about what the records in it say: they do not read them.",
            ),
        },
        LinkName::Inclusion => (
            "The record's entry stands at its number in the tree under that checkpoint, and cannot be changed unnoticed.",
            "That it is true, that it is the newest on its matter, or that nobody disputes it.",
        ),
        LinkName::EnvelopeSignature => (
            "Whoever holds the keys named in the record signed exactly these bytes.",
            "Who that is: the next link says which party the keys belong to.",
        ),
        LinkName::SignerKey => (
            "The keys were registered for the issuer before this entry, were not revoked by then, and might sign this kind of record.",
            "That nobody stole a key without noticing, or that it was not revoked later than the bundle knows.",
        ),
        LinkName::Record => (
            "The entry in the tree is the entry of this very record.",
            "That what the record says is so. Its issuer says it, and answers for it.",
        ),
        LinkName::Artifact => (
            "Your copies of the files are bit for bit those that the record speaks of.",
            "That the files are safe or good. Without files at hand nothing is checked here.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::card::fixture::{shell, site};
    use super::*;
    use ledger::note::Policy;
    use ledger::verify::{Trust, verify_bytes};

    #[test]
    fn every_link_says_what_it_means_and_what_it_does_not() {
        for cosigners in [Cosigners::Nobody, Cosigners::OwnClock, Cosigners::Witnesses] {
            for link in LinkName::ALL {
                let (shows, does_not) = meaning(link, cosigners);
                assert!(shows.ends_with('.') && does_not.ends_with('.'), "{}", link.as_str());
                assert!(!fault(link).is_empty());
            }
        }
    }

    #[test]
    fn b20_what_is_not_a_bundle_is_said_so_and_nothing_of_it_is_shown() {
        let policy = Policy::parse(b"quorum none\n").ok();
        let Some(policy) = policy else { return };
        let report = verify_bytes(b"{\"a\": \"<script>alert(1)</script>\"}", &Trust::new(policy), &[]);
        let report = ReportView::new(&report, Cosigners::Nobody, Hash::new("ab".repeat(32)));
        let html = VerifyPage { shell: shell(), site: site(), report: Some(report) }.to_string();
        super::super::gallery::keep("verify-failed", &html);
        assert!(html.contains("Not verified: this is not a bundle") && !html.contains("<script"), "{html}");
        assert_eq!(html.matches("not checked").count(), 7, "{html}");
        assert!(!html.contains("class=\"mark ok-text\""), "no tick on what does not hold");
    }
}
