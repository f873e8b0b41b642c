//! Licence claims side by side, and audits: what several parties say about one thing, none of it judged.

use askama::Template;
use askama::filters::HtmlSafe;
use ledger::ids::{LeafIndex, UnixMillis};
use ledger::record::kinds::Licensed;
use ledger::record::license::compare::{Agreement, Reading};
use ledger::state::LicenseView;

use super::moment::Moment;
use super::parts::Speaker;
use super::record::capital;
use super::said::{Allowance, Said};
use super::seen::{Seen, verdict_words};

/// How many claims and how many audits stand on one page.
const MAX_SHOWN: usize = 12;

/// Parts of a thing that have a licence of their own on one page.
const MAX_GROUPS: usize = 8;

/// The claims about one part of a thing: its weights, its code, its data.
#[derive(Debug, Template)]
#[template(path = "claims.html")]
pub struct ClaimGroup {
    /// What is licensed.
    of: Said,
    /// Which part of it.
    part: Option<Said>,
    /// How the claims stand: the word, its colour, and what it means.
    stands: (&'static str, &'static str, &'static str),
    /// How many claims are made, and how many of them name no licence.
    counted: String,
    /// What somebody may do who keeps to all of them.
    reading: Vec<&'static str>,
    incomplete: bool,
    claims: Vec<Claim>,
    more: usize,
}

impl HtmlSafe for ClaimGroup {}

#[derive(Debug)]
struct Claim {
    index: LeafIndex,
    licence: Option<Said>,
    concluded: bool,
    declared: Option<Said>,
    role: Option<Said>,
    basis: Option<Said>,
    speaker: Speaker,
    received: Moment,
    undone: Option<(&'static str, LeafIndex)>,
    expired: bool,
    redacted: bool,
}

/// Claims by what they are about, with how those that are still made stand to one another.
///
/// `licenses` is what [`CardView`](ledger::state::CardView) computed; `claims` are all of them, also those that were taken
/// back. With whether there are parts that no group is shown of.
pub fn licence_claims(
    claims: &[Seen],
    licenses: &[LicenseView],
    now: UnixMillis,
    allowance: &mut Allowance,
) -> (Vec<ClaimGroup>, bool) {
    let mut scopes: Vec<(&str, Option<&str>)> = Vec::new();
    for claim in claims {
        let scope = scope(claim);
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    // Where claims conflict a reader wants to see it first.
    let view = |scope: &(&str, Option<&str>)| {
        licenses.iter().find(|view| (name_of(view.of).as_str(), view.part.as_deref()) == *scope)
    };
    scopes.sort_by_key(|scope| std::cmp::Reverse(view(scope).map(|view| view.agreement)));
    let more = scopes.len() > MAX_GROUPS;
    scopes.truncate(MAX_GROUPS);
    (scopes.into_iter().map(|scope| group(scope, view(&scope), claims, now, allowance)).collect(), more)
}

fn scope(claim: &Seen) -> (&str, Option<&str>) {
    (claim.text(&["scope", "of"]).unwrap_or("unknown"), claim.text(&["scope", "part"]))
}

/// What is licensed, as claims write it.
fn name_of(of: Licensed) -> String {
    serde_json::to_value(of).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

fn group(
    wanted: (&str, Option<&str>),
    view: Option<&LicenseView>,
    all: &[Seen],
    now: UnixMillis,
    allowance: &mut Allowance,
) -> ClaimGroup {
    let members: Vec<&Seen> = all.iter().filter(|claim| scope(claim) == wanted).collect();
    let made = members.iter().filter(|claim| claim.fate.is_live() && claim.content.is_some());
    let silent = made.clone().filter(|claim| claim.licence().is_none()).count();
    let agreement = view.map_or(Agreement::None, |view| view.agreement);
    let reading = view.and_then(|view| view.reading);
    let claims = members.iter().take(MAX_SHOWN).map(|claim| {
        let licence = claim.licence();
        let declared = claim.asserted(&["licenseDeclared"]).filter(|d| licence.is_some_and(|(shown, _)| shown != *d));
        let mut said = |text: Option<&str>| text.map(|text| allowance.said(text, 160));
        let (licence, concluded) = (said(licence.map(|(text, _)| text)), licence.is_some_and(|(_, spdx)| spdx));
        let (declared, role) = (said(declared), said(claim.text(&["claimantRole"])));
        let basis = said(claim.text(&["basis"]));
        Claim {
            index: claim.index,
            licence,
            concluded,
            declared,
            role,
            basis,
            speaker: claim.speaker(allowance),
            received: Moment::new(claim.received, now),
            undone: claim.undone(),
            expired: claim.fate.expired,
            redacted: claim.content.is_none(),
        }
    });
    let claims: Vec<Claim> = claims.collect();
    ClaimGroup {
        of: allowance.said(scope_words(wanted.0), 60),
        part: wanted.1.map(|part| allowance.said(part, 120)),
        stands: meaning(agreement),
        counted: counted(made.count() - silent, silent),
        reading: reading.map(Reading::in_words).unwrap_or_default(),
        incomplete: reading.is_some_and(|reading| !reading.complete),
        more: members.len() - claims.len(),
        claims,
    }
}

/// The word for how claims stand, its colour, and its definition (docs/STATE.md).
pub const fn meaning(agreement: Agreement) -> (&'static str, &'static str, &'static str) {
    let colour = match agreement {
        Agreement::None | Agreement::Agree => "mute",
        Agreement::Compatible => "warn",
        Agreement::Conflict => "bad",
    };
    (agreement.as_str(), colour, agreement.definition())
}

fn counted(naming: usize, silent: usize) -> String {
    let mut sentence = match naming {
        0 => "Nobody asserts a licence.".to_owned(),
        1 => "One claim names a licence.".to_owned(),
        n => format!("{n} claims name a licence."),
    };
    match silent {
        0 => {}
        1 => sentence.push_str(" One says that nothing is asserted."),
        n => sentence.push_str(&format!(" {n} say that nothing is asserted.")),
    }
    sentence
}

fn scope_words(of: &str) -> &str {
    match of {
        "data" => "Data",
        "weights" => "Weights",
        "code" => "Code",
        "output" => "Output",
        "unknown" => "Not said of what",
        other => other,
    }
}

/// One auditor's verdict.
#[derive(Debug, Template)]
#[template(path = "audit.html")]
pub struct Audit {
    index: LeafIndex,
    verdict: Option<Said>,
    speaker: Speaker,
    method: Option<Said>,
    scope: Option<Said>,
    assurance: Option<Said>,
    verifier: Option<Said>,
    created: Option<Moment>,
    until: Option<Moment>,
    expired: bool,
    received: Moment,
    undone: Option<(&'static str, LeafIndex)>,
}

impl HtmlSafe for Audit {}

/// Audits, newest first, and how many more there are.
pub fn audits(all: &[Seen], now: UnixMillis, allowance: &mut Allowance) -> (Vec<Audit>, usize) {
    let shown = all.iter().rev().take(MAX_SHOWN).map(|audit| {
        let mut said = |text: Option<&str>, most| text.map(|text| allowance.said(text, most));
        let verdict = said(audit.text(&["verdict"]).map(verdict_words), 60);
        let (method, scope) = (said(audit.text(&["method"]), 400), said(audit.text(&["scope"]), 400));
        let (assurance, verifier) = (
            said(audit.text(&["assuranceLevel"]).map(capital).as_deref(), 60),
            said(audit.text(&["verifier", "id"]), 160),
        );
        let moment = |name| audit.text(&[name]).and_then(|text| Moment::parse(text, now));
        let until = moment("validUntil");
        Audit {
            index: audit.index,
            verdict,
            speaker: audit.speaker(allowance),
            method,
            scope,
            assurance,
            verifier,
            created: moment("timeCreated"),
            expired: audit.fate.expired || until.is_some_and(|until| until.is_past()),
            until,
            received: Moment::new(audit.received, now),
            undone: audit.undone(),
        }
    });
    let shown: Vec<Audit> = shown.collect();
    let more = all.len() - shown.len();
    (shown, more)
}

#[cfg(test)]
mod tests {
    use super::super::seen::fixture::*;
    use super::*;
    use serde_json::json;

    fn claim(index: u64, issuer: &str, licence: &str) -> Seen {
        let predicate = json!({"licenseDeclared": licence, "acknowledgement": "declared", "scope": {"of": "weights"}});
        seen(index, "license-claim", issuer, "w", predicate)
    }

    fn html(claims: &[Seen], agreement: Agreement) -> String {
        let reading = Reading {
            commercial: false,
            derivatives: true,
            attribution: true,
            share_alike: false,
            use_restrictions: false,
            complete: false,
        };
        let claimed = claims.iter().map(|claim| claim.record).collect();
        let view =
            LicenseView { of: Licensed::Weights, part: None, agreement, reading: Some(reading), claims: claimed };
        let (groups, _) = licence_claims(claims, &[view], NOW, &mut Allowance::default());
        groups.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn m3_5_how_claims_stand_is_said_in_one_word_and_defined_beside_it() {
        let claims = [claim(1, "heron-lab", "apache-2.0"), claim(2, "pkg", "noAssertion")];
        for agreement in [Agreement::None, Agreement::Agree, Agreement::Compatible, Agreement::Conflict] {
            let (word, _, definition) = meaning(agreement);
            let html = html(&claims, agreement);
            assert!(html.contains(&format!("\">{word}</span>")) && html.contains(definition), "{html}");
        }
        let html = html(&claims, Agreement::Agree);
        assert!(html.contains("One claim names a licence. One says that nothing is asserted."), "{html}");
        assert!(
            html.contains("no commercial use, changed versions may be passed on, somebody must be named"),
            "{html}"
        );
        assert!(html.contains("incomplete"), "{html}");
    }

    #[test]
    fn a_claim_that_its_issuer_replaced_is_shown_as_such_and_not_counted() {
        let first = claim(1, "heron-lab", "mit");
        let second = claim(2, "heron-lab", "apache-2.0");
        let mut claims = [first, second];
        claims[0].fate.superseded_by = Some(LeafIndex(2));
        let html = html(&claims, Agreement::Agree);
        assert!(html.contains("superseded") && html.contains("One claim names a licence."), "{html}");
    }

    #[test]
    fn an_audit_says_when_it_ran_out() {
        let audit = |until: &str| {
            let predicate = json!({"verdict": "conformant", "validUntil": until, "method": "read it"});
            audits(&[seen(3, "audit-attestation", "owl", "w", predicate)], NOW, &mut Allowance::default()).0[0]
                .to_string()
        };
        assert!(audit("2026-11-22T00:00:00Z").contains("ran out"));
        assert!(!audit("2027-11-22T00:00:00Z").contains("ran out"));
    }
}
