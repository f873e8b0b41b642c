//! Findings as pages: what does not fit together, in the whole log or one of it.

use askama::Template;
use askama::filters::HtmlSafe;
use ledger::ids::{LeafIndex, UnixMillis};
use ledger::state::findings::{Finding, Rule};

use super::moment::Moment;
use super::parts::{Hash, thousands};
use super::said::{Allowance, Said};
use super::shell::{Shell, Site};
use crate::found::Computed;

/// Findings on one page.
const PER_PAGE: usize = 50;

/// What does not fit together, in the whole log or one of it.
#[derive(Debug, Template)]
#[template(path = "findings.html")]
pub struct FindingsPage {
    shell: Shell,
    site: Site,
    one: Option<String>,
    rules: Vec<RuleLine>,
    rule: Option<&'static str>,
    total: String,
    count: usize,
    from: usize,
    findings: Vec<FindingItem>,
    newer: Option<String>,
    older: Option<String>,
    size: String,
    behind: bool,
}

/// How often something is found.
#[derive(Debug)]
struct RuleLine {
    rule: &'static str,
    meaning: &'static str,
    count: String,
}

/// What a page shows.
#[derive(Debug, Clone, Copy)]
pub enum Shown<'a> {
    /// One finding.
    One(&'a Finding),
    /// Those of a rule, or of all, from the newest on.
    List {
        /// The rule.
        rule: Option<Rule>,
        /// How many newer ones are left out.
        from: usize,
    },
}

/// A finding in a list.
#[derive(Debug, Template)]
#[template(
    source = r#"<li><span class="mark warn-text" aria-hidden="true">!</span><div><p class="name"><a href="/f/{{ id }}">{{ meaning }}</a> <span class="tag mute">{{ rule }}</span></p>
<p class="small">{{ detail }}{% if let Some(since) = since %}, since {{ since }}{% endif %}</p>
<p class="small soft">Follows from {% for index in cites %}{% if !loop.first %}, {% endif %}<a href="/r/{{ index }}">record {{ index }}</a>{% endfor %}.{% if !proofs.is_empty() %} Proven: {% for (kind, keyspace) in proofs %}{% if !loop.first %}; {% endif %}a key of kind {{ kind }} is in keyspace {{ keyspace }}{% endfor %}.{% endif %}</p></div></li>"#,
    ext = "html"
)]
pub struct FindingItem {
    id: String,
    rule: &'static str,
    meaning: &'static str,
    detail: Said,
    since: Option<Moment>,
    cites: Vec<LeafIndex>,
    proofs: Vec<(Said, Hash)>,
}

impl HtmlSafe for FindingItem {}

impl FindingsPage {
    /// The page of what was computed.
    pub fn new(mut shell: Shell, site: Site, computed: &Computed, shown: Shown<'_>, now: UnixMillis) -> Self {
        let mut allowance = Allowance::default();
        let (rule, from) = match shown {
            Shown::One(_) => (None, 0),
            Shown::List { rule, from } => (rule, from),
        };
        let all = match shown {
            Shown::One(found) => vec![found],
            Shown::List { .. } => computed.of_rule(rule),
        };
        let from = from.min(all.len().saturating_sub(1)) / PER_PAGE * PER_PAGE;
        let newest = all.iter().rev().skip(from).take(PER_PAGE);
        let findings: Vec<FindingItem> = newest.map(|found| finding(found, now, &mut allowance)).collect();
        shell.title = match (shown, findings.first()) {
            (Shown::One(_), Some(found)) => format!("Finding: {}", found.meaning),
            _ => "Findings".to_owned(),
        };
        let line = |rule: Rule| RuleLine {
            rule: rule.as_str(),
            meaning: in_words(rule),
            count: thousands(computed.of_rule(Some(rule)).len() as u64),
        };
        let page = |from: usize| {
            let of_rule = rule.map_or(String::new(), |rule| format!("&rule={}", rule.as_str()));
            format!("/findings?from={from}{of_rule}")
        };
        let one = match shown {
            Shown::One(found) => Some(found.id.to_string()),
            Shown::List { .. } => None,
        };
        Self {
            site,
            one,
            rules: Rule::ALL.into_iter().map(line).filter(|line| line.count != "0").collect(),
            rule: rule.map(in_words),
            total: thousands(all.len() as u64),
            count: all.len(),
            from,
            newer: (from > 0).then(|| page(from.saturating_sub(PER_PAGE))),
            older: (from + PER_PAGE < all.len()).then(|| page(from + PER_PAGE)),
            findings,
            size: thousands(computed.size.0),
            behind: shell.head.as_ref().is_some_and(|head| head.size > computed.size),
            shell,
        }
    }
}

/// A finding as one of a list.
pub fn finding(found: &Finding, now: UnixMillis, allowance: &mut Allowance) -> FindingItem {
    FindingItem {
        id: found.id.to_string(),
        rule: found.rule.as_str(),
        meaning: in_words(found.rule),
        detail: allowance.said(&found.detail, 300),
        since: found.since.map(|since| Moment::new(since, now)),
        cites: found.cites.iter().map(|cited| cited.index).collect(),
        proofs: found.proofs.iter().map(|proof| (Said::whole(&proof.kind), Hash::new(proof.keyspace))).collect(),
    }
}

/// What a rule finds, in words.
pub const fn in_words(rule: Rule) -> &'static str {
    match rule {
        Rule::UsedAfterOptOut => "Used after an opt-out",
        Rule::OutsideAgreement => "Used outside the agreement's time or parties",
        Rule::OutsidePurpose => "Used for another purpose than agreed",
        Rule::RetentionPassed => "Kept longer than agreed",
        Rule::LicenseConflict => "Claims about the licence conflict",
        Rule::DutyUnreported => "A duty of the licence is not reported",
        Rule::AuditOverdue => "An audit is overdue",
        Rule::ResponseOverdue => "An answer to a preference is overdue",
        Rule::CardWithoutSources => "Nobody says what the model was trained on",
        Rule::ManifestUnchecked => "Nobody has checked the manifest",
    }
}
