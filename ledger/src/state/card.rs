//! A model or a dataset as the log has it: the live card and the versions before it, and what everybody says about them.
//!
//! Nothing here is judged and nothing picked: claims stand side by side, by the role of who makes them, and how they stand
//! to one another is computed by the definitions of [`license::compare`](crate::record::license::compare).

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Around, Edge, Fate, Item, Records, State};
use crate::error::Result;
use crate::ids::{LeafIndex, RecordId, SubjectDigest, UnixMillis};
use crate::record::kind::Kind;
use crate::record::kinds::{LicenseClaim, Licensed, Predicate, Verdict};
use crate::record::license::compare::{Agreement, Choices, Reading, compare_all, most_restrictive};
use crate::record::license::conclude;

/// A card and all that names it.
#[derive(Debug, Clone)]
pub struct CardView {
    /// Every version, from the first; at least one.
    pub versions: Vec<Item>,
    /// What became of the newest version.
    pub fate: Fate,
    /// Everything that names any version, or is about the same artefact.
    pub around: Around,
    /// Of a dataset: the manifests that name a version of its card, and those that a version names. Ascending.
    pub manifests: Vec<Item>,
    /// Of a dataset: the training sources that name a version of its card or one of its manifests. Ascending.
    pub used_by: Vec<Item>,
    /// Claims about its licence that their issuers still make.
    pub claims: Vec<Claim>,
    /// How those claims stand, by what is licensed and which part of it.
    pub licenses: Vec<LicenseView>,
    /// Audits that name the card or, of a dataset, one of its manifests; newest last, with what became of them.
    pub audits: Vec<Audit>,
    /// Disputes about any version, and about the sources, claims, manifests and audits here, each with the resolution that
    /// closed it, if one did.
    pub disputes: Vec<Quarrel>,
}

/// A claim about a licence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// The record.
    pub record: RecordId,
    /// Its entry.
    pub index: LeafIndex,
    /// Who claims.
    pub issuer: String,
    /// As what, says the issuer.
    pub role: Option<String>,
    /// What is licensed.
    pub of: Licensed,
    /// Which part of it.
    pub part: Option<String>,
    /// Verbatim.
    pub declared: Option<String>,
    /// The SPDX expression: concluded by the issuer, else read from what is declared; `None` if it names no licence.
    pub expression: Option<String>,
}

/// How the claims about one thing stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LicenseView {
    /// What is licensed.
    pub of: Licensed,
    /// Which part of it.
    pub part: Option<String>,
    /// How the claims stand.
    pub agreement: Agreement,
    /// What somebody may do who keeps to all of them. Advice, not a judgement.
    pub reading: Option<Reading>,
    /// The claims, in the order of their entries.
    pub claims: Vec<RecordId>,
}

/// An audit.
#[derive(Debug, Clone)]
pub struct Audit {
    /// The attestation.
    pub item: Item,
    /// What came of it; `None` if it cannot be read: it was redacted.
    pub verdict: Option<Verdict>,
    /// When it was made; when it was received, if it cannot be read.
    pub made: UnixMillis,
    /// Whether it still holds: not withdrawn, superseded, redacted or over.
    pub valid: bool,
}

/// A dispute and how it ended.
#[derive(Debug, Clone)]
pub struct Quarrel {
    /// The dispute.
    pub dispute: Item,
    /// The resolution that closed it.
    pub closed_by: Option<Item>,
}

impl Quarrel {
    /// Whether nobody closed it.
    pub const fn is_open(&self) -> bool {
        self.closed_by.is_none()
    }
}

impl CardView {
    /// The card whose first or any later version is this record; `None` if it is no card of this log.
    ///
    /// # Errors
    /// Those of `records`. From a log: `store_corrupt`; from memory none.
    pub fn of(records: &dyn Records, state: &State, id: RecordId, now: UnixMillis) -> Result<Option<Self>> {
        let Some(found) = records.first(id)?.filter(is_card) else { return Ok(None) };
        let versions = versions(records, found)?;
        let ids: Vec<RecordId> = versions.iter().map(|version| version.header.record).collect();
        let artefacts: BTreeSet<SubjectDigest> = versions.iter().flat_map(artefacts).collect();
        let artefacts: Vec<SubjectDigest> = artefacts.into_iter().collect();
        let around = Around::of(records, &ids, &artefacts)?;
        let manifests = manifests(records, &around, &versions)?;
        let manifest_ids: Vec<RecordId> = manifests.iter().map(|manifest| manifest.header.record).collect();
        let of_manifests = Around::of(records, &manifest_ids, &[])?;
        let used_by = users(&around, &of_manifests, &ids);
        let fate = match versions.last() {
            Some(newest) => Fate::of(records, state, newest, now)?,
            None => Fate::default(),
        };
        let claims = live_claims(records, state, &around, &ids, &artefacts, now)?;
        let licenses = by_scope(&claims);
        let audits = audits(records, state, &around, &of_manifests, now)?;
        let named = around.of_kind(&Kind::TrainingSource).chain(around.of_kind(&Kind::LicenseClaim));
        let named = named.chain(&used_by).chain(&manifests).chain(audits.iter().map(|audit| &audit.item));
        let disputes = disputes(records, &around, named)?;
        Ok(Some(Self { versions, fate, around, manifests, used_by, claims, licenses, audits, disputes }))
    }

    /// The record that a name means: a card of this kind by its id, or by the digest of an artefact the newest such card that
    /// its issuer stands by, else the newest that can be read, else the newest. Of the cards of one artefact the newest
    /// `most` are looked at.
    ///
    /// # Errors
    /// Those of `records`. From a log: `store_corrupt`; from memory none.
    pub fn named(
        records: &dyn Records,
        state: &State,
        name: SubjectDigest,
        kind: &Kind,
        most: usize,
        now: UnixMillis,
    ) -> Result<Option<RecordId>> {
        let is = |item: &Item| item.header.kind == kind.as_str();
        let id = RecordId::from_bytes(*name.as_bytes());
        if records.first(id)?.is_some_and(|item| is(&item)) {
            return Ok(Some(id));
        }
        let about = records.all(&Edge::Subject(name))?;
        let cards: Vec<Item> = about.into_iter().filter(is).rev().take(most).collect();
        for card in cards.iter().filter(|card| card.record.is_some()) {
            let fate = Fate::of(records, state, card, now)?;
            if fate.taken_back_by.is_none() && fate.superseded_by.is_none() {
                return Ok(Some(card.header.record));
            }
        }
        let readable = cards.iter().find(|card| card.record.is_some()).or_else(|| cards.first());
        Ok(readable.map(|card| card.header.record))
    }

    /// The ids of all versions.
    pub fn ids(&self) -> Vec<RecordId> {
        self.versions.iter().map(|version| version.header.record).collect()
    }

    /// The newest version.
    pub fn newest(&self) -> Option<&Item> {
        self.versions.last()
    }

    /// Of a model: the sources that it says it used. They are about the model.
    pub fn sources(&self) -> impl Iterator<Item = &Item> {
        let ids = self.ids();
        self.around.of_kind(&Kind::TrainingSource).filter(move |item| !uses(item, &ids))
    }

    /// Incidents, corrections, attribution reports: whatever of a kind names the card.
    pub fn of_kind<'a>(&'a self, kind: &'a Kind) -> impl Iterator<Item = &'a Item> {
        self.around.of_kind(kind)
    }

    /// How all claims stand, whatever part they are about: the worst of the parts.
    pub fn license_agreement(&self) -> Agreement {
        self.licenses.iter().map(|view| view.agreement).max().unwrap_or(Agreement::None)
    }
}

/// Whether a training source names one of these cards as its dataset.
fn uses(source: &Item, cards: &[RecordId]) -> bool {
    source.record.as_ref().is_some_and(|record| match &record.predicate {
        Predicate::TrainingSource(source) => {
            source.dataset.record.as_ref().is_some_and(|card| cards.contains(&card.id()))
        }
        _ => false,
    })
}

/// The manifests of a dataset: see [`CardView::manifests`].
fn manifests(records: &dyn Records, around: &Around, versions: &[Item]) -> Result<Vec<Item>> {
    let mut found = by_index(around.of_kind(&Kind::Manifest));
    for named in versions.iter().filter_map(named_manifest) {
        let manifest = records.first(named)?.filter(|item| item.header.kind == Kind::Manifest.as_str());
        found.extend(manifest.map(|item| (item.index, item)));
    }
    Ok(found.into_values().collect())
}

fn named_manifest(card: &Item) -> Option<RecordId> {
    match &card.record.as_ref()?.predicate {
        Predicate::DatasetCard(card) => card.manifest.as_ref().map(|manifest| manifest.id()),
        _ => None,
    }
}

/// The training sources that used a dataset: see [`CardView::used_by`].
fn users(around: &Around, of_manifests: &Around, cards: &[RecordId]) -> Vec<Item> {
    let of_card = around.of_kind(&Kind::TrainingSource).filter(|item| uses(item, cards));
    by_index(of_card.chain(of_manifests.of_kind(&Kind::TrainingSource))).into_values().collect()
}

fn by_index<'a>(items: impl Iterator<Item = &'a Item>) -> BTreeMap<LeafIndex, Item> {
    items.map(|item| (item.index, item.clone())).collect()
}

fn is_card(item: &Item) -> bool {
    [Kind::ModelCard, Kind::DatasetCard].iter().any(|kind| kind.as_str() == item.header.kind)
}

/// The artefacts that a card is about: subjects that are no records.
fn artefacts(card: &Item) -> Vec<SubjectDigest> {
    match &card.record {
        Some(record) => {
            let subjects = record.subjects().iter().filter(|subject| subject.record_id().is_none());
            subjects.filter_map(|subject| subject.sha256()).collect()
        }
        None => card.header.subjects.clone(),
    }
}

/// All versions of a card, from the first to the newest: records of one issuer and kind, each superseding one before it.
fn versions(records: &dyn Records, found: Item) -> Result<Vec<Item>> {
    let mut known: BTreeMap<LeafIndex, Item> = BTreeMap::new();
    let mut open = vec![found];
    while let Some(item) = open.pop() {
        if known.contains_key(&item.index) {
            continue;
        }
        let (kind, issuer) = (item.header.kind.clone(), item.header.issuer.clone());
        let same = |other: &Item| other.header.kind == kind && other.header.issuer == issuer;
        let supersedes = |later: &Item, earlier: RecordId| {
            let list = later.record.as_ref().map(|record| record.common.supersedes.as_slice()).unwrap_or_default();
            list.iter().any(|named| named.id() == earlier)
        };
        for earlier in item.record.iter().flat_map(|record| &record.common.supersedes) {
            open.extend(records.first(earlier.id())?.filter(|earlier| same(earlier) && earlier.index < item.index));
        }
        let id = item.header.record;
        for later in records.all(&Edge::Ref(id))? {
            if same(&later) && later.index > item.index && supersedes(&later, id) {
                open.push(later);
            }
        }
        known.insert(item.index, item);
    }
    Ok(known.into_values().collect())
}

/// What a claim says, in the terms that are compared.
fn claim(item: &Item, said: &LicenseClaim) -> Claim {
    let declared = said.license_declared.as_ref().and_then(|declared| declared.value()).cloned();
    let concluded = said.license_concluded.as_ref().and_then(|concluded| concluded.value()).cloned();
    let read = || declared.as_deref().and_then(|text| conclude(text).expression().map(str::to_owned));
    Claim {
        record: item.header.record,
        index: item.index,
        issuer: item.header.issuer.clone(),
        role: said.claimant_role.clone(),
        of: said.scope.of,
        part: said.scope.part.clone(),
        expression: concluded.or_else(read),
        declared,
    }
}

fn live_claims(
    records: &dyn Records,
    state: &State,
    around: &Around,
    ids: &[RecordId],
    artefacts: &[SubjectDigest],
    now: UnixMillis,
) -> Result<Vec<Claim>> {
    let mut claims = Vec::new();
    for item in around.of_kind(&Kind::LicenseClaim) {
        // A claim that only mentions the card, as its evidence, is about something else.
        let about = |digest: &SubjectDigest| {
            artefacts.contains(digest) || ids.iter().any(|id| id.as_bytes() == digest.as_bytes())
        };
        if !item.header.subjects.iter().any(about) {
            continue;
        }
        let Some(Predicate::LicenseClaim(said)) = item.record.as_ref().map(|record| &record.predicate) else {
            continue;
        };
        if Fate::of(records, state, item, now)?.is_live() {
            claims.push(claim(item, said));
        }
    }
    Ok(claims)
}

/// The claims by what they are about: what is licensed, and which part of it.
fn by_scope(claims: &[Claim]) -> Vec<LicenseView> {
    let mut scopes: Vec<(Licensed, Option<String>)> = Vec::new();
    for claim in claims {
        let scope = (claim.of, claim.part.clone());
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    let view = |(of, part): (Licensed, Option<String>)| {
        let here: Vec<&Claim> = claims.iter().filter(|claim| claim.of == of && claim.part == part).collect();
        let choices: Vec<Option<Choices>> =
            here.iter().map(|claim| claim.expression.as_deref().and_then(Choices::parse)).collect();
        LicenseView {
            of,
            part,
            agreement: compare_all(&choices),
            reading: most_restrictive(&choices),
            claims: here.iter().map(|claim| claim.record).collect(),
        }
    };
    scopes.into_iter().map(view).collect()
}

fn audits(
    records: &dyn Records,
    state: &State,
    around: &Around,
    of_manifests: &Around,
    now: UnixMillis,
) -> Result<Vec<Audit>> {
    let found = by_index(around.of_kind(&Kind::AuditAttestation).chain(of_manifests.of_kind(&Kind::AuditAttestation)));
    let audit = |item: Item| {
        let Some(Predicate::AuditAttestation(said)) = item.record.as_ref().map(|record| &record.predicate) else {
            return Ok(Audit { verdict: None, made: item.header.received, valid: false, item });
        };
        let valid = said.verdict != Verdict::Withdrawn && Fate::of(records, state, &item, now)?.is_live();
        // What the auditor says about when is believed no further than the log's own time.
        let made = said.time_created.millis().min(item.header.received);
        Ok(Audit { verdict: Some(said.verdict), made, valid, item })
    };
    found.into_values().map(audit).collect()
}

/// Disputes about the card or about one of the records named with it, each with what closed it: a resolution by somebody else
/// than the one who is disputed, or that the disputing side took it back.
fn disputes<'a>(records: &dyn Records, around: &Around, named: impl Iterator<Item = &'a Item>) -> Result<Vec<Quarrel>> {
    let mut found = by_index(around.of_kind(&Kind::Dispute));
    let named: BTreeSet<RecordId> = named.map(|item| item.header.record).collect();
    for id in named {
        for index in records.along(&Edge::about(id), LeafIndex(0), usize::MAX)? {
            if let Some(item) = records.item(index)?.filter(|item| item.header.kind == Kind::Dispute.as_str()) {
                found.insert(index, item);
            }
        }
    }
    found.into_values().map(|dispute| quarrel(records, dispute)).collect()
}

/// A dispute with the resolution that closed it.
///
/// # Errors
/// Those of `records`. From a log: `store_corrupt`; from memory none.
pub fn quarrel(records: &dyn Records, dispute: Item) -> Result<Quarrel> {
    let id = dispute.header.record;
    let target = dispute.record.as_ref().and_then(|record| match &record.predicate {
        Predicate::Dispute(said) => Some(said.target.id()),
        _ => None,
    });
    let accused = match target {
        Some(target) => records.first(target)?.map(|item| item.header.issuer),
        None => None,
    };
    let closes = |item: &Item| {
        let retracted = item.header.kind == Kind::Retraction.as_str() && item.header.issuer == dispute.header.issuer;
        let resolved = item.record.as_ref().is_some_and(|record| match &record.predicate {
            Predicate::Resolution(resolution) => resolution.target.id() == id && resolution.outcome.closes(),
            _ => false,
        });
        // Nobody decides about himself.
        retracted || (resolved && Some(&item.header.issuer) != accused.as_ref())
    };
    let closed_by = records.all(&Edge::Ref(id))?.into_iter().find(closes);
    Ok(Quarrel { dispute, closed_by })
}
