//! A model or a dataset as it stands: the card that an address means, everything around it, and what does not fit together.
//!
//! Pages and the interface show the same [`Card`], which is what [`ledger::state::CardView`] computes from the entries; a
//! client that follows the log computes it again and believes nothing of this.

use std::collections::HashSet;
use std::sync::Arc;

use ledger::ids::{RecordId, SubjectDigest, TreeSize, UnixMillis};
use ledger::log::Published;
use ledger::record::kind::Kind;
use ledger::record::kinds::{Outcome, Predicate};
use ledger::state::findings::{self, Finding};
use ledger::state::{CardView, Edge, Fate, Item, Quarrel, Records};
use serde_json::{Value, json};

use crate::app::App;
use crate::effective::{asking, moment};
use crate::found::{Computed, Patience};
use crate::looking::Looking;
use crate::problem::Problem;

/// Cards of one artefact among which the one to show is looked for, the newest.
const MAX_CARDS: usize = 64;

/// A card, and all that the log has about it.
pub(crate) struct Card {
    /// The record that the address means: the card of that id, or the card of the artefact that its issuer stands by.
    pub(crate) record: RecordId,
    /// What the log has.
    pub(crate) view: CardView,
    /// What does not fit together about it.
    pub(crate) findings: Vec<Finding>,
    /// Of how many entries the findings about its sources and manifests are; `None` if they are not computed yet.
    pub(crate) findings_of: Option<TreeSize>,
}

impl Card {
    /// The card at `name`, which is the id of a record of this kind or the digest of an artefact that one is about.
    pub(crate) fn find(
        app: &Arc<App>,
        looking: &Looking<'_>,
        view: &Arc<Published>,
        name: SubjectDigest,
        kind: &Kind,
        now: UnixMillis,
    ) -> Result<Option<Self>, Problem> {
        let own = looking.first(RecordId::from_bytes(*name.as_bytes()))?.filter(|item| is(item, kind));
        let Some(found) = own.map_or_else(|| of_artefact(looking, view, name, kind, now), |own| Ok(Some(own)))? else {
            return Ok(None);
        };
        let record = found.header.record;
        let Some(card) = CardView::of(looking, &view.state, record, now)? else { return Ok(None) };
        let mut found = asking(&app.log, looking, &view.state, now, |asked| findings::of_card(asked, &card))?;
        // What is found about its sources and manifests was computed with everything else.
        let computed = Computed::newest(app, view, Patience::Short);
        if let Some(computed) = &computed {
            let around = card.around.iter().chain(&card.versions).filter(|item| concerns(item));
            let around: HashSet<RecordId> = around.map(|item| item.header.record).collect();
            let about =
                computed.found.iter().filter(|found| found.cites.iter().any(|cited| around.contains(&cited.record)));
            found.extend(about.filter(|finding| !is_of_card(finding)).cloned());
        }
        found.sort_by(|a, b| (a.cites.last(), a.rule, &a.id).cmp(&(b.cites.last(), b.rule, &b.id)));
        found.dedup_by(|a, b| a.id == b.id);
        Ok(Some(Self { record, view: card, findings: found, findings_of: computed.map(|computed| computed.size) }))
    }

    /// The card for programs, numbers as strings.
    pub(crate) fn to_json(&self) -> Value {
        let view = &self.view;
        let newest = view.newest();
        let list = |kind: Kind| view.of_kind(&kind).map(entry).collect::<Vec<Value>>();
        let audits = view.audits.iter().map(|audit| {
            let mut json = entry(&audit.item);
            json["verdict"] = json!(audit.verdict);
            json["made"] = json!(moment(audit.made));
            json["valid"] = json!(audit.valid);
            json
        });
        let claims = view.claims.iter().map(|claim| {
            let mut json = json!(claim);
            json["index"] = json!(claim.index.to_string());
            json
        });
        json!({
            "record": self.record,
            "newest": newest.map(|item| item.header.record),
            "index": newest.map(|item| item.index.to_string()),
            "kind": newest.map(|item| item.header.kind.as_str()),
            "issuer": newest.map(|item| item.header.issuer.as_str()),
            "name": newest.and_then(name),
            "redacted": newest.is_some_and(|item| item.record.is_none()),
            "fate": fate(&view.fate),
            "versions": view.versions.iter().map(entry).collect::<Vec<Value>>(),
            "licenses": { "agreement": view.license_agreement(), "parts": view.licenses },
            "claims": claims.collect::<Vec<Value>>(),
            "audits": audits.collect::<Vec<Value>>(),
            "disputes": view.disputes.iter().map(quarrel).collect::<Vec<Value>>(),
            "sources": view.sources().map(entry).collect::<Vec<Value>>(),
            "usedBy": view.used_by().map(entry).collect::<Vec<Value>>(),
            "manifests": view.manifests().map(entry).collect::<Vec<Value>>(),
            "incidents": list(Kind::Incident),
            "corrections": list(Kind::Correction),
            "attributionReports": list(Kind::AttributionReport),
        })
    }
}

/// The card of an artefact that is shown where none is named: the newest that its issuer stands by, else the newest that can
/// be read, else the newest.
fn of_artefact(
    looking: &Looking<'_>,
    view: &Published,
    artefact: SubjectDigest,
    kind: &Kind,
    now: UnixMillis,
) -> ledger::Result<Option<Item>> {
    let about = looking.all(&Edge::Subject(artefact))?;
    let cards: Vec<Item> = about.into_iter().filter(|item| is(item, kind)).rev().take(MAX_CARDS).collect();
    for card in &cards {
        let fate = Fate::of(looking, &view.state, card, now)?;
        if card.record.is_some() && fate.taken_back_by.is_none() && fate.superseded_by.is_none() {
            return Ok(Some(card.clone()));
        }
    }
    let readable = cards.iter().find(|card| card.record.is_some()).or_else(|| cards.first());
    Ok(readable.cloned())
}

fn is(item: &Item, kind: &Kind) -> bool {
    item.header.kind == kind.as_str()
}

/// Whether a finding that cites this record, which is around a card, concerns the card.
fn concerns(item: &Item) -> bool {
    [Kind::ModelCard, Kind::DatasetCard, Kind::TrainingSource, Kind::Manifest].iter().any(|kind| is(item, kind))
}

/// Whether a finding is about a card itself: those were computed from the card just now.
fn is_of_card(finding: &Finding) -> bool {
    matches!(finding.rule, findings::Rule::LicenseConflict | findings::Rule::CardWithoutSources)
}

fn name(item: &Item) -> Option<Value> {
    match &item.record.as_ref()?.predicate {
        Predicate::ModelCard(card) => Some(json!(card.model_name)),
        Predicate::DatasetCard(card) => card.name.clone(),
        _ => None,
    }
}

fn entry(item: &Item) -> Value {
    json!({
        "index": item.index.to_string(), "record": item.header.record, "kind": item.header.kind,
        "issuer": item.header.issuer, "received": moment(item.header.received), "redacted": item.record.is_none(),
    })
}

fn fate(fate: &Fate) -> Value {
    let index = |index: ledger::ids::LeafIndex| index.to_string();
    json!({
        "supersededBy": fate.superseded_by.map(index), "takenBackBy": fate.taken_back_by.map(index),
        "correctedBy": fate.corrected_by.iter().copied().map(index).collect::<Vec<_>>(),
        "redactedBy": fate.redacted_by.map(index), "expired": fate.expired,
    })
}

fn quarrel(quarrel: &Quarrel) -> Value {
    let mut json = entry(&quarrel.dispute);
    json["open"] = json!(quarrel.is_open());
    json["closedBy"] = json!(quarrel.closed_by.as_ref().map(entry));
    json["outcome"] = json!(quarrel.closed_by.as_ref().and_then(outcome));
    json
}

/// How a dispute was resolved; `None` if it was not resolved but taken back.
pub(crate) fn outcome(item: &Item) -> Option<Outcome> {
    match &item.record.as_ref()?.predicate {
        Predicate::Resolution(resolution) => Some(resolution.outcome),
        _ => None,
    }
}
