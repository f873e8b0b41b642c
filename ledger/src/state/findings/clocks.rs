//! What is late: audits of agreements in force, answers to preferences.

use super::{Asked, Cited, Finding, Rule};
use crate::error::Result;
use crate::ids::{LeafIndex, RecordId, UnixMillis};
use crate::record::kind::Kind;
use crate::record::kinds::{Predicate, Verdict};
use crate::state::{AgreementState, Around, Fate, Item, Records, State, Status};

/// The clock of an agreement's audits.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditClock {
    /// The newest audit that counts, and when it was made.
    pub newest: Option<(Cited, UnixMillis)>,
    /// By when the next one is due.
    pub due: UnixMillis,
}

impl AuditClock {
    /// The clock of an agreement that was ratified; `None` of one that was not, or whose terms are erased.
    ///
    /// Audits count that name the agreement, a use under it, or the model of such a use, by somebody else than the assignee.
    ///
    /// # Errors
    /// Those of `records`. From a log: `store_corrupt`; from memory none.
    pub fn of(records: &dyn Records, state: &State, id: RecordId, now: UnixMillis) -> Result<Option<Self>> {
        let Some(agreement) = state.agreement(&id) else { return Ok(None) };
        let (Some(terms), Some((ratified, _))) = (&agreement.terms, agreement.ratified()) else { return Ok(None) };
        let around = Around::of(records, &[id], &[])?;
        let mut audited = vec![id];
        for source in around.of_kind(&Kind::TrainingSource) {
            audited.push(source.header.record);
            audited.extend(source.header.subjects.iter().map(|subject| RecordId::from_bytes(*subject.as_bytes())));
        }
        let around = Around::of(records, &audited, &[])?;
        let mut newest: Option<(Cited, UnixMillis)> = None;
        for audit in around.of_kind(&Kind::AuditAttestation).filter(|audit| audit.header.issuer != terms.assignee) {
            let Some(made) = made(audit) else { continue };
            let live = Fate::of(records, state, audit, now)?;
            // An audit whose time is over was made all the same.
            let stands = live.taken_back_by.is_none() && live.redacted_by.is_none();
            if stands && newest.as_ref().is_none_or(|(_, at)| *at <= made) {
                newest = Some((Cited::of(audit), made));
            }
        }
        let since = newest.as_ref().map_or(ratified, |(_, made)| ratified.max(*made));
        Ok(Some(Self { due: terms.audit_period.after(since), newest }))
    }
}

/// When an audit was made: what the auditor says, and no later than the log received it.
fn made(audit: &Item) -> Option<UnixMillis> {
    match &audit.record.as_ref()?.predicate {
        Predicate::AuditAttestation(said) if said.verdict != Verdict::Withdrawn => {
            Some(said.time_created.millis().min(audit.header.received))
        }
        _ => None,
    }
}

/// What is found about an agreement: an audit that is late while it is in force.
///
/// # Errors
/// Those of `asked.records`. From a log: `store_corrupt`; from memory none.
pub fn of_agreement(asked: &Asked<'_>, id: RecordId) -> Result<Vec<Finding>> {
    let Some(agreement) = asked.state.agreement(&id) else { return Ok(Vec::new()) };
    if agreement.status(asked.now) != Status::Active {
        return Ok(Vec::new());
    }
    let clock = AuditClock::of(asked.records, asked.state, id, asked.now)?;
    let Some(clock) = clock.filter(|clock| clock.due < asked.now) else { return Ok(Vec::new()) };
    let detail = match &clock.newest {
        Some(_) => "the newest audit is older than the agreement's period",
        None => "no audit was made within the agreement's period",
    };
    let finding = Finding::new(Rule::AuditOverdue, &[id], &clock.due.to_string(), detail).since(clock.due);
    let cited = [Some(Cited { index: agreement.index, record: id }), ratification(agreement)];
    Ok(vec![finding.cite(cited.into_iter().flatten()).cite(clock.newest.map(|(cited, _)| cited))])
}

fn ratification(agreement: &AgreementState) -> Option<Cited> {
    let (_, index): (UnixMillis, LeafIndex) = agreement.ratified()?;
    let step = agreement.steps.iter().find(|step| step.index == index)?;
    Some(Cited { index, record: step.record })
}

/// What is found about a preference: answers that are late.
///
/// # Errors
/// Those of `asked.records`. From a log: `store_corrupt`; from memory none.
pub fn of_preference(asked: &Asked<'_>, id: RecordId) -> Result<Vec<Finding>> {
    let Some(state) = asked.state.preference(&id) else { return Ok(Vec::new()) };
    if state.taken_back().is_some_and(|at| at <= asked.now) {
        return Ok(Vec::new());
    }
    let clocks = asked.state.clocks(&id);
    let late = clocks.into_iter().filter(|clock| clock.is_overdue(asked.now)).map(|clock| {
        let detail = format!("the answer of {} was due and is not there", clock.party);
        Finding::new(Rule::ResponseOverdue, &[id], clock.party, detail)
            .cite([Cited { index: state.index, record: id }])
            .cite(clock.answer.map(|answer| Cited { index: answer.index, record: answer.record }))
            .since(clock.due)
    });
    Ok(late.collect())
}
