//! An agreement as a reader sees it: where it stands, every step with the reason why it does not count if it does not, what
//! was said about it, and what is due under it.
//!
//! Nothing here is decided anew: [`AgreementState`] says what the steps come to, [`findings`](super::findings) what is
//! late. This gathers it, for the command line, the interface and the pages alike.

use serde_json::{Value, json};

use super::agreement::{AgreementState, Status, Step};
use super::findings::{self, Asked, AuditClock, Finding};
use super::{Around, Item, Quarrel, marks, quarrel};
use crate::error::{Error, Result};
use crate::ids::{KeyId, RecordId, UnixMillis};
use crate::record::kind::Kind;
use crate::record::kinds::{Agreement, Phase, Predicate};

/// An agreement at a moment.
#[derive(Debug, Clone)]
pub struct AgreementView {
    /// The record that proposed it.
    pub id: RecordId,
    /// What the fold knows.
    pub state: AgreementState,
    /// The proposal itself.
    pub proposal: Item,
    /// Where it stands.
    pub status: Status,
    /// Its steps.
    pub steps: Vec<StepView>,
    /// When comments were opened, and when they were closed.
    pub comments_opened: Option<UnixMillis>,
    /// See [`comments_opened`](Self::comments_opened).
    pub comments_closed: Option<UnixMillis>,
    /// Comments, in the order of their entries.
    pub comments: Vec<Voice>,
    /// Corrections of it.
    pub corrections: Vec<Item>,
    /// Disputes about it.
    pub disputes: Vec<Quarrel>,
    /// Uses under it.
    pub uses: Vec<Item>,
    /// Incidents and reports that name it.
    pub reports: Vec<Item>,
    /// The clock of its audits.
    pub audits: Option<AuditClock>,
    /// What is found about it and about the uses under it.
    pub findings: Vec<Finding>,
}

/// A step, and whether it counts.
#[derive(Debug, Clone)]
pub struct StepView {
    /// The step.
    pub step: Step,
    /// Why it does not count, if it does not.
    pub refused: Option<Error>,
    /// The signers that are seats of the council.
    pub council: Vec<KeyId>,
    /// Those whose keys are in doubt since.
    pub disputed: Vec<KeyId>,
}

/// A comment, with its marks.
#[derive(Debug, Clone)]
pub struct Voice {
    /// The comment.
    pub item: Item,
    /// What to know about it.
    pub marks: Vec<super::Mark>,
    /// Entries of the agreement's side that name it: answers and corrections.
    pub answers: Vec<Item>,
}

impl AgreementView {
    /// The agreement that this record proposed; `None` if it is none of this log.
    ///
    /// # Errors
    /// Those of `asked.records`. From a log: `store_corrupt`; from memory none.
    pub fn of(asked: &Asked<'_>, id: RecordId) -> Result<Option<Self>> {
        let (records, state, now) = (asked.records, asked.state, asked.now);
        let Some(agreement) = state.agreement(&id) else { return Ok(None) };
        let Some(proposal) = records.first(id)? else { return Ok(None) };
        let around = Around::of(records, &[id], &[])?;
        let of_kind = |kind: Kind| around.of_kind(&kind).cloned().collect::<Vec<Item>>();
        let mut comments = Vec::new();
        for item in of_kind(Kind::Comment) {
            let answers = Around::of(records, &[item.header.record], &[])?;
            let marks = marks(records, state, &item, now)?;
            comments.push(Voice { item, marks, answers: answers.iter().cloned().collect() });
        }
        let uses = of_kind(Kind::TrainingSource);
        let mut found = findings::of_agreement(asked, id)?;
        for source in &uses {
            found.extend(findings::of_source(asked, source)?);
        }
        let disputes = of_kind(Kind::Dispute).into_iter().map(|dispute| quarrel(records, dispute));
        let reports = [Kind::Incident, Kind::SlaReport, Kind::CompensationReport, Kind::AttributionReport];
        let history = agreement.history();
        let counted = |phase: Phase| {
            let mut steps = history.iter().filter(|(step, refused)| step.phase == phase && refused.is_none());
            steps.next().map(|(step, _)| step.received)
        };
        let council = state.policy().map(|policy| policy.council.clone()).unwrap_or_default();
        let step = |(step, refused): &(&Step, Option<Error>)| StepView {
            council: step.signers.iter().filter(|key| council.contains(key)).copied().collect(),
            disputed: state.disputed_signers(&step.signers, step.index),
            step: (*step).clone(),
            refused: refused.clone(),
        };
        Ok(Some(Self {
            id,
            status: agreement.status(now),
            steps: history.iter().map(step).collect(),
            comments_opened: counted(Phase::CommentOpen),
            comments_closed: counted(Phase::CommentClosed),
            comments,
            corrections: of_kind(Kind::Correction),
            disputes: disputes.collect::<Result<_>>()?,
            uses,
            reports: reports.into_iter().flat_map(of_kind).collect(),
            audits: AuditClock::of(records, state, id, now)?,
            findings: found,
            proposal,
            state: agreement.clone(),
        }))
    }

    /// What it says, while its body is there.
    pub fn agreement(&self) -> Option<&Agreement> {
        match &self.proposal.record.as_ref()?.predicate {
            Predicate::Agreement(agreement) => Some(agreement),
            _ => None,
        }
    }

    /// The earliest moment at which comments may be closed, by the days that the opening step was given.
    pub fn comments_until(&self) -> Option<UnixMillis> {
        let opened = self.comments_opened?;
        let days = self.steps.iter().find(|view| view.step.received == opened)?.step.comment_days;
        Some(UnixMillis(opened.0.saturating_add(days.saturating_mul(UnixMillis::DAY))))
    }

    /// The last moment at which a veto is in time, once comments are closed.
    pub fn veto_until(&self) -> Option<UnixMillis> {
        let closed = self.comments_closed?;
        let days = self.steps.iter().find(|view| view.step.received == closed)?.step.veto_days;
        Some(UnixMillis(closed.0.saturating_add(days.saturating_mul(UnixMillis::DAY))))
    }

    /// Everything for programs, numbers as strings; `moment` writes a time.
    pub fn to_json(&self, moment: &dyn Fn(UnixMillis) -> String) -> Value {
        let at = |time: Option<UnixMillis>| time.map(moment);
        let entry = |item: &Item| item.to_json(moment);
        let step = |view: &StepView| {
            json!({
                "index": view.step.index.to_string(), "record": view.step.record, "phase": view.step.phase.as_str(),
                "issuer": view.step.issuer, "received": moment(view.step.received), "signers": view.step.signers,
                "council": view.council, "byCouncil": view.step.by_council, "disputedSigners": view.disputed,
                "counts": view.refused.is_none(),
                "code": view.refused.as_ref().map(|error| error.code().as_str()),
                "reason": view.refused.as_ref().map(|error| error.detail().to_owned()),
            })
        };
        let voice = |voice: &Voice| {
            let mut json = entry(&voice.item);
            let answers: Vec<Value> = voice.answers.iter().map(entry).collect();
            json["marks"] = json!(voice.marks.iter().map(|mark| mark.code.as_str()).collect::<Vec<_>>());
            json["answers"] = json!(answers);
            json
        };
        let list = |items: &[Item]| items.iter().map(entry).collect::<Vec<Value>>();
        let terms = self.state.terms.as_ref().map(|terms| {
            json!({
                "assigner": terms.assigner, "assignee": terms.assignee, "targets": terms.targets,
                "purposes": terms.purposes, "prohibited": terms.prohibited, "auditPeriod": terms.audit_period,
                "validFrom": at(terms.valid_from), "validUntil": at(terms.valid_until),
                "keepUntil": at(terms.keep_until), "keepFor": terms.keep_for, "lacks": terms.lacks,
                "obligations": self.agreement().map(|agreement| json!(agreement.obligation)),
                "summary": self.agreement().and_then(|agreement| agreement.summary.clone()),
            })
        });
        let audits = self.audits.as_ref().map(|clock| {
            let newest = clock.newest.as_ref().map(|(cited, made)| {
                json!({ "index": cited.index.to_string(), "record": cited.record, "made": moment(*made) })
            });
            json!({ "due": moment(clock.due), "newest": newest })
        });
        json!({
            "record": self.id,
            "index": self.proposal.index.to_string(),
            "issuer": self.proposal.header.issuer,
            "received": moment(self.proposal.header.received),
            "status": self.status.as_str(),
            "redacted": self.proposal.record.is_none(),
            "terms": terms,
            "steps": self.steps.iter().map(step).collect::<Vec<Value>>(),
            "commentPeriod": {
                "opened": at(self.comments_opened), "openUntil": at(self.comments_until()),
                "closed": at(self.comments_closed), "vetoUntil": at(self.veto_until()),
            },
            "comments": self.comments.iter().map(voice).collect::<Vec<Value>>(),
            "corrections": list(&self.corrections),
            "disputes": self.disputes.iter().map(|quarrel| quarrel.to_json(moment)).collect::<Vec<Value>>(),
            "uses": list(&self.uses),
            "reports": list(&self.reports),
            "audits": audits,
            "ends": at(self.state.end()),
            "findings": self.findings.iter().map(|finding| finding.to_json(moment)).collect::<Vec<Value>>(),
        })
    }
}
