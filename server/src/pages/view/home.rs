//! `/`: what this log is, one search box, the newest records.

use askama::Template;
use ledger::ids::LeafIndex;

use super::parts::RecordLine;
use super::said::Said;
use super::shell::{Head, Shell};

/// The first page.
#[derive(Debug, Template)]
#[template(path = "home.html")]
pub struct Home {
    /// The frame.
    pub shell: Shell,
    /// The checkpoint; `None` until the first one that meets the policy.
    pub head: Option<Head>,
    /// The newest records, newest first.
    pub newest: Vec<RecordLine>,
    /// Where the page of older ones is.
    pub older: Option<String>,
    /// Whether this is the first page, which says what all this is.
    pub first: bool,
    /// Which records are listed, if not all.
    pub only: Option<Said>,
    /// Below which record the list begins, if not at the newest.
    pub before: Option<LeafIndex>,
}

/// The kinds that a reader may list on their own.
pub const KINDS: [&str; 12] = [
    "model-card",
    "dataset-card",
    "training-source",
    "manifest",
    "license-claim",
    "audit-attestation",
    "party",
    "party-profile",
    "key-event",
    "log-policy",
    "index-root",
    "run-root",
];

/// What was found for a search.
#[derive(Debug, Template)]
#[template(path = "search.html")]
pub struct Search {
    /// The frame.
    pub shell: Shell,
    /// What was searched for.
    pub query: Said,
    /// Groups of records, each with a sentence that says how they were found.
    pub groups: Vec<Group>,
    /// What names were looked through, in a sentence.
    pub reach: String,
    /// Whether it looks like content rather than the name of something.
    pub content: bool,
}

/// Records found in the same way.
#[derive(Debug)]
pub struct Group {
    /// How they were found.
    pub how: String,
    /// The records.
    pub lines: Vec<RecordLine>,
    /// Whether there are more.
    pub more: bool,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::card::fixture::{known, shell};
    use super::super::said::Allowance;
    use super::super::seen::fixture::NOW;
    use super::*;

    #[test]
    fn u09_the_first_page_says_what_this_is_and_what_is_new() {
        let known = known();
        let all = known.audits.iter().chain(&known.claims).chain(&known.sources).chain(&known.cards);
        let newest = all.take(20).map(|seen| seen.line(NOW, &mut Allowance::default())).collect();
        let shell = shell();
        let head = shell.head.clone();
        let home =
            Home { head, shell, newest, older: Some("/?before=5".to_owned()), first: true, only: None, before: None };
        let html = home.to_string();
        super::super::gallery::keep("home", &html);
        assert!(html.contains("Owl Audit Collective") && html.contains("1,322") && html.contains("3 minutes ago"));
        assert!(html.len() < 50_000, "{}", html.len());
    }
}
