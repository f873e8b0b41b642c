//! What a use of a dataset is held against: opt-outs, the agreement that it names, the licence's duties.

use super::{Asked, Cited, Finding, Membership, Proof, Rule};
use crate::error::Result;
use crate::ids::{RecordId, UnixMillis};
use crate::record::aipref::{Category, Preference};
use crate::record::kind::Kind;
use crate::record::kinds::{DELETION, Disclosure, Manifest, Predicate, Relation, TrainingSource};
use crate::state::{AgreementState, Around, Backing, CardView, Edge, Fate, Item};

/// What is found about a training source that its issuer still stands by.
///
/// # Errors
/// Those of `asked.records`. From a log: `store_corrupt`; from memory none.
pub fn of_source(asked: &Asked<'_>, item: &Item) -> Result<Vec<Finding>> {
    let Some(Predicate::TrainingSource(source)) = item.record.as_ref().map(|record| &record.predicate) else {
        return Ok(Vec::new());
    };
    let fate = Fate::of(asked.records, asked.state, item, asked.now)?;
    if fate.taken_back_by.is_some() || fate.superseded_by.is_some() {
        return Ok(Vec::new());
    }
    let mut findings = opt_outs(asked, item, source)?;
    if let Some(agreement) = &source.agreement {
        findings.extend(under_agreement(asked, item, source, agreement.id())?);
    }
    findings.extend(duties(asked, item, source)?);
    Ok(findings)
}

/// When the use began, if the source says so.
fn started(source: &TrainingSource) -> Option<UnixMillis> {
    source.started_at.as_ref()?.value().map(|at| at.millis())
}

fn ended(source: &TrainingSource) -> Option<UnixMillis> {
    source.ended_at.as_ref()?.value().map(|at| at.millis())
}

/// The manifests of what was used: the one that the source names, else those of the dataset's card.
fn manifests(asked: &Asked<'_>, source: &TrainingSource) -> Result<Vec<Item>> {
    let mut ids: Vec<RecordId> = source.manifest.iter().map(|manifest| manifest.id()).collect();
    if let (true, Some(card)) = (ids.is_empty(), &source.dataset.record) {
        if let Some(Predicate::DatasetCard(card)) = asked
            .records
            .first(card.id())?
            .as_ref()
            .and_then(|item| item.record.as_ref())
            .map(|record| &record.predicate)
        {
            ids.extend(card.manifest.iter().map(|manifest| manifest.id()));
        }
        let naming = asked.records.all(&Edge::Ref(card.id()))?;
        ids.extend(naming.iter().filter(|item| item.header.kind == Kind::Manifest.as_str()).map(|i| i.header.record));
    }
    ids.sort_unstable();
    ids.dedup();
    ids.into_iter().filter_map(|id| asked.records.first(id).transpose()).collect()
}

/// Opt-outs that counted when the use began, about content that the manifest holds.
fn opt_outs(asked: &Asked<'_>, item: &Item, source: &TrainingSource) -> Result<Vec<Finding>> {
    let Some(start) = started(source).filter(|_| source.relation != Relation::TestedOn) else { return Ok(Vec::new()) };
    let mut findings = Vec::new();
    for manifest_item in manifests(asked, source)? {
        let Some(Predicate::Manifest(manifest)) = manifest_item.record.as_ref().map(|record| &record.predicate) else {
            continue;
        };
        for (id, _) in asked.state.preferences() {
            let Some(statement) = asked.state.statement(id) else { continue };
            let counts = statement.backing != Backing::Unvouched && statement.from < start && statement.holds(start);
            if !counts || statement.said.about(Category::TrainAi) != Preference::Disallowed {
                continue;
            }
            let proofs: Vec<Proof> =
                statement.said.keys.iter().filter_map(|scope| held(asked, manifest, scope)).collect();
            if proofs.is_empty() {
                continue;
            }
            let detail = format!(
                "the use of {:?} began after {} disallowed training on content that its manifest holds",
                source.dataset.name, statement.state.issuer
            );
            let preference = Cited { index: statement.state.index, record: *id };
            let mut finding = Finding::new(Rule::UsedAfterOptOut, &[item.header.record, *id], "", detail)
                .cite([Cited::of(item), Cited::of(&manifest_item), preference])
                .since(start);
            if let Backing::Vouched(vouch) = &statement.backing {
                finding = finding.cite([Cited { index: vouch.index, record: vouch.record }]);
            }
            finding.proofs = proofs;
            findings.push(finding);
        }
    }
    Ok(findings)
}

/// The keyspace of a manifest that holds this content, if one does.
fn held(asked: &Asked<'_>, manifest: &Manifest, scope: &crate::state::ScopeKey) -> Option<Proof> {
    let open = manifest.keyspaces.iter().filter(|keyspace| keyspace.disclosure != Disclosure::Closed);
    let mut of_kind = open.filter(|keyspace| keyspace.kind == scope.kind);
    let keyspace = of_kind.find(|keyspace| (asked.contains)(keyspace.id, &scope.key) == Membership::Present)?;
    Some(Proof { keyspace: keyspace.id, kind: scope.kind.clone(), key: scope.key })
}

/// What the agreement that a use names has to say about it.
fn under_agreement(asked: &Asked<'_>, item: &Item, source: &TrainingSource, id: RecordId) -> Result<Vec<Finding>> {
    let about = [item.header.record, id];
    let Some(agreement) = asked.state.agreement(&id) else {
        let detail = "the agreement that the use names is not in the log";
        return Ok(vec![Finding::new(Rule::OutsideAgreement, &about, "unknown", detail).cite([Cited::of(item)])]);
    };
    let cited = [Cited::of(item), Cited { index: agreement.index, record: id }];
    let mut findings = Vec::new();
    let mut found = |rule, part: &str, detail: String, since: Option<UnixMillis>| {
        let finding = Finding::new(rule, &about, part, detail).cite(cited);
        let steps = agreement.steps.iter().map(|step| Cited { index: step.index, record: step.record });
        let finding = if rule == Rule::OutsideAgreement { finding.cite(steps) } else { finding };
        findings.push(since.map_or(finding.clone(), |since| finding.since(since)));
    };
    if let Some(start) = started(source).filter(|start| !agreement.in_force(*start)) {
        let detail = "the use began when the agreement was not in force".to_owned();
        found(Rule::OutsideAgreement, "start", detail, Some(start));
    }
    if let (Some(end), Some(over)) = (ended(source), agreement.end())
        && over < end
    {
        found(Rule::OutsideAgreement, "end", "the use went on after the agreement's end".to_owned(), Some(over));
    }
    let Some(terms) = &agreement.terms else { return Ok(findings) };
    if terms.assignee != item.header.issuer {
        let detail = format!("the agreement is with {}, the use is by {}", terms.assignee, item.header.issuer);
        found(Rule::OutsideAgreement, "assignee", detail, None);
    }
    let purposes = source.purpose.iter().flat_map(|purpose| purpose.iter());
    if let Some(other) =
        purposes.filter(|_| !terms.purposes.is_empty()).find(|p| !terms.purposes.iter().any(|q| q == p))
    {
        let detail = format!("the use is for {other:?}; the agreement allows {}", terms.purposes.join(", "));
        found(Rule::OutsidePurpose, "purpose", detail, None);
    }
    if let Some(action) = terms.prohibited.iter().find(|action| is_action(action, source.relation)) {
        found(Rule::OutsidePurpose, "action", format!("the agreement prohibits {action:?}"), None);
    }
    if let Some(deadline) = deadline(agreement, source).filter(|deadline| *deadline < asked.now)
        && !deleted(asked, item, id)?
    {
        let detail = "what was received should be deleted by now, and no report says so".to_owned();
        found(Rule::RetentionPassed, "", detail, Some(deadline));
    }
    Ok(findings)
}

/// Whether an action of ODRL's or AIPREF's is this use. A prefix names the vocabulary.
fn is_action(action: &str, relation: Relation) -> bool {
    let action = action.rsplit([':', '/', '#']).next().unwrap_or(action);
    match relation {
        Relation::TrainedOn => matches!(action, "train-ai" | "trainedOn"),
        Relation::PretrainedOn => matches!(action, "train-ai" | "trainedOn" | "pretrainedOn"),
        Relation::FinetunedOn => matches!(action, "train-ai" | "trainedOn" | "finetunedOn"),
        Relation::TestedOn => action == "testedOn",
    }
}

/// By when what was received must be deleted: the earlier of a date and of a period since the use began.
fn deadline(agreement: &AgreementState, source: &TrainingSource) -> Option<UnixMillis> {
    let terms = agreement.terms.as_ref()?;
    let by_period = terms.keep_for.and_then(|period| Some(period.after(started(source)?)));
    match (terms.keep_until, by_period) {
        (Some(until), Some(end)) => Some(until.min(end)),
        (until, end) => until.or(end),
    }
}

/// Whether the one who used it reported that it is deleted: an `sla-report` with that metric about the agreement or the use.
fn deleted(asked: &Asked<'_>, item: &Item, agreement: RecordId) -> Result<bool> {
    let around = Around::of(asked.records, &[agreement, item.header.record], &[])?;
    let says_so = |report: &Item| {
        report.header.issuer == item.header.issuer
            && report.record.as_ref().is_some_and(|record| match &record.predicate {
                Predicate::SlaReport(report) => report.metric == DELETION && report.met != Some(false),
                _ => false,
            })
    };
    Ok(around.of_kind(&Kind::SlaReport).any(says_so))
}

/// Attribution or sharing alike, asked for by a licence of what was used, and no report of it by the one who used it.
fn duties(asked: &Asked<'_>, item: &Item, source: &TrainingSource) -> Result<Vec<Finding>> {
    let Some(card) = source.dataset.record.as_ref().filter(|_| source.relation != Relation::TestedOn) else {
        return Ok(Vec::new());
    };
    let Some(view) = CardView::of(asked.records, asked.state, card.id(), asked.now)? else { return Ok(Vec::new()) };
    let duties: Vec<_> = view.licenses.iter().filter_map(|license| Some((license, license.reading?))).collect();
    let asks = duties.iter().filter(|(_, reading)| reading.attribution || reading.share_alike);
    let claims: Vec<RecordId> = asks.clone().flat_map(|(license, _)| license.claims.iter().copied()).collect();
    if claims.is_empty() {
        return Ok(Vec::new());
    }
    let mut named = view.ids();
    named.push(item.header.record);
    let around = Around::of(asked.records, &named, &[])?;
    if around.of_kind(&Kind::AttributionReport).any(|report| report.header.issuer == item.header.issuer) {
        return Ok(Vec::new());
    }
    let share_alike = asks.clone().any(|(_, reading)| reading.share_alike);
    let duty = if share_alike { "attribution and sharing alike" } else { "attribution" };
    let detail = format!("a licence of {:?} asks for {duty}, and no attribution-report names it", source.dataset.name);
    let cited = view.claims.iter().filter(|claim| claims.contains(&claim.record));
    let cited = cited.map(|claim| Cited { index: claim.index, record: claim.record });
    let finding = Finding::new(Rule::DutyUnreported, &[item.header.record], "", detail);
    Ok(vec![finding.cite([Cited::of(item)]).cite(view.newest().map(Cited::of)).cite(cited)])
}
