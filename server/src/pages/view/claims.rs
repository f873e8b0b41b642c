//! Licence claims side by side, and audits: what several parties say about one thing, none of it judged.

use askama::Template;
use askama::filters::HtmlSafe;
use ledger::ids::{LeafIndex, UnixMillis};

use super::moment::Moment;
use super::parts::Speaker;
use super::record::capital;
use super::said::{Allowance, Said};
use super::seen::{Seen, undone_by, verdict_words};

/// How many claims and how many audits stand on one page.
const MAX_SHOWN: usize = 12;

/// The claims about one part of a thing: its weights, its code, its data.
#[derive(Debug, Template)]
#[template(path = "claims.html")]
pub struct ClaimGroup {
    /// What is licensed.
    of: Said,
    /// Whether the claims in force agree, in a sentence.
    verdict: String,
    /// Whether they differ.
    differ: bool,
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
    part: Option<Said>,
    basis: Option<Said>,
    speaker: Speaker,
    received: Moment,
    undone: Option<(&'static str, LeafIndex)>,
}

/// Groups claims by what they are about.
pub fn licence_claims(claims: &[Seen], now: UnixMillis, allowance: &mut Allowance) -> Vec<ClaimGroup> {
    let mut scopes: Vec<&str> = Vec::new();
    for claim in claims.iter().filter(|claim| claim.content.is_some()) {
        let of = scope(claim);
        if !scopes.contains(&of) {
            scopes.push(of);
        }
    }
    scopes.truncate(8);
    scopes.into_iter().map(|of| group(of, claims, now, allowance)).collect()
}

fn scope(claim: &Seen) -> &str {
    claim.text(&["scope", "of"]).unwrap_or("unknown")
}

fn group(of: &str, all: &[Seen], now: UnixMillis, allowance: &mut Allowance) -> ClaimGroup {
    let members: Vec<&Seen> = all.iter().filter(|claim| claim.content.is_some() && scope(claim) == of).collect();
    let in_force = members.iter().filter(|claim| undone_by(claim, all).is_none());
    // Counted by spelling without case: `apache-2.0` and `Apache-2.0` are one id. Anything cleverer would be a judgement.
    let mut counts: Vec<(String, &str, usize)> = Vec::new();
    let mut silent = 0;
    for claim in in_force {
        let Some((licence, _)) = claim.licence() else {
            silent += 1;
            continue;
        };
        let spelling = licence.trim().to_lowercase();
        match counts.iter_mut().find(|(other, ..)| *other == spelling) {
            Some((.., n)) => *n += 1,
            None => counts.push((spelling, licence, 1)),
        }
    }
    let differ = counts.len() > 1;
    let verdict = sentence(&counts, silent);
    let claims = members.iter().take(MAX_SHOWN).map(|claim| {
        let licence = claim.licence();
        let declared = claim.asserted(&["licenseDeclared"]).filter(|d| licence.is_some_and(|(shown, _)| shown != *d));
        let mut said = |text: Option<&str>| text.map(|text| allowance.said(text, 160));
        let (licence, concluded) = (said(licence.map(|(text, _)| text)), licence.is_some_and(|(_, spdx)| spdx));
        let (declared, role) = (said(declared), said(claim.text(&["claimantRole"])));
        let (part, basis) = (said(claim.text(&["scope", "part"])), said(claim.text(&["basis"])));
        Claim {
            index: claim.index,
            licence,
            concluded,
            declared,
            role,
            part,
            basis,
            speaker: claim.speaker(allowance),
            received: Moment::new(claim.received, now),
            undone: undone_by(claim, all),
        }
    });
    let claims: Vec<Claim> = claims.collect();
    let of = allowance.said(scope_words(of), 60);
    ClaimGroup { of, verdict, differ, more: members.len() - claims.len(), claims }
}

fn sentence(counts: &[(String, &str, usize)], silent: usize) -> String {
    let mut sentence = match counts {
        [] => "Nobody asserts a licence.".to_owned(),
        [(.., 1)] => "One claim; nobody else says anything.".to_owned(),
        [(.., n)] => format!("{n} claims, and they agree."),
        _ => "The claims differ. This log states what each party signed and judges none of them.".to_owned(),
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
            expired: until.is_some_and(|until| until.is_past()),
            until,
            received: Moment::new(audit.received, now),
            undone: undone_by(audit, all),
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

    fn verdict(claims: &[Seen]) -> (String, bool) {
        let groups = licence_claims(claims, NOW, &mut Allowance::default());
        (groups[0].verdict.clone(), groups[0].differ)
    }

    #[test]
    fn claims_agree_or_differ_and_are_never_judged() {
        let apache = claim(1, "heron-lab", "apache-2.0");
        assert!(!verdict(std::slice::from_ref(&apache)).1);
        assert_eq!(
            verdict(&[apache.clone(), claim(2, "pkg", "Apache-2.0")]),
            ("2 claims, and they agree.".into(), false)
        );
        let (sentence, differ) = verdict(&[apache.clone(), claim(2, "pkg", "MIT")]);
        assert!(differ && sentence.contains("judges none"), "{sentence}");
        assert!(!verdict(&[apache.clone(), claim(2, "pkg", "noAssertion")]).1);
        assert!(verdict(&[claim(2, "pkg", "noAssertion")]).0.starts_with("Nobody asserts"));
    }

    #[test]
    fn a_claim_that_its_issuer_replaced_no_longer_disagrees() {
        let first = claim(1, "heron-lab", "mit");
        let mut second = claim(2, "heron-lab", "apache-2.0");
        let list = json!([first.record.to_reference()]);
        second.content.as_mut().map(|content| content.predicate.insert("supersedes".to_owned(), list));
        let claims = [first, second];
        assert!(!verdict(&claims).1);
        let html = licence_claims(&claims, NOW, &mut Allowance::default())[0].to_string();
        assert!(html.contains("superseded"), "{html}");
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
