//! Cards and manifests by themselves: claims that conflict, sources that nobody names, contents that nobody checked.

use super::{Asked, Cited, Finding, Rule};
use crate::error::Result;
use crate::record::kind::Kind;
use crate::record::kinds::{Predicate, Verdict};
use crate::record::license::compare::Agreement;
use crate::state::{Around, CardView, Fate, Item};

/// What is found about a card itself.
///
/// # Errors
/// None today.
pub fn of_card(_asked: &Asked<'_>, view: &CardView) -> Result<Vec<Finding>> {
    let (Some(first), Some(newest)) = (view.versions.first(), view.newest()) else { return Ok(Vec::new()) };
    if view.fate.taken_back_by.is_some() {
        return Ok(Vec::new());
    }
    let about = [first.header.record];
    let mut findings = Vec::new();
    for license in view.licenses.iter().filter(|license| license.agreement == Agreement::Conflict) {
        let of = serde_json::to_string(&(license.of, &license.part)).unwrap_or_default();
        let claims = view.claims.iter().filter(|claim| license.claims.contains(&claim.record));
        let said: Vec<&str> = claims.clone().filter_map(|claim| claim.expression.as_deref()).collect();
        let detail = format!("claims about the licence conflict: {}", said.join("; "));
        let cited = claims.map(|claim| Cited { index: claim.index, record: claim.record });
        findings.push(Finding::new(Rule::LicenseConflict, &about, &of, detail).cite([Cited::of(newest)]).cite(cited));
    }
    if newest.header.kind == Kind::ModelCard.as_str() && view.sources().next().is_none() {
        let detail = "no training-source says what the model was trained on";
        findings.push(Finding::new(Rule::CardWithoutSources, &about, "", detail).cite([Cited::of(newest)]));
    }
    Ok(findings)
}

/// What is found about a manifest: whether anybody but its issuer attests to have checked it.
///
/// # Errors
/// Those of `asked.records`. From a log: `store_corrupt`; from memory none.
pub fn of_manifest(asked: &Asked<'_>, item: &Item) -> Result<Vec<Finding>> {
    let fate = Fate::of(asked.records, asked.state, item, asked.now)?;
    if fate.taken_back_by.is_some() || fate.superseded_by.is_some() {
        return Ok(Vec::new());
    }
    let id = item.header.record;
    let around = Around::of(asked.records, &[id], &[])?;
    for audit in around.of_kind(&Kind::AuditAttestation) {
        let by_another = audit.header.issuer != item.header.issuer;
        let checked = audit.record.as_ref().is_some_and(|record| match &record.predicate {
            Predicate::AuditAttestation(said) => {
                said.verdict != Verdict::Withdrawn && said.target.iter().any(|target| target.id() == id)
            }
            _ => false,
        });
        if by_another && checked && Fate::of(asked.records, asked.state, audit, asked.now)?.is_live() {
            return Ok(Vec::new());
        }
    }
    let detail = "nobody but its issuer attests to have checked the manifest";
    Ok(vec![Finding::new(Rule::ManifestUnchecked, &[id], "", detail).cite([Cited::of(item)])])
}
