//! An agreement's life: which steps it took, which of them count, and where it stands at a time.
//!
//! ```text
//! proposed ─> commentOpen ─> commentClosed ─> ratified ─> active ─> expired
//!     │            │               │             ├─> suspended ─> (resumed) active
//!     │            └─── vetoed <───┘             └─> terminated
//!     └─ terminated before ratification: withdrawn
//! ```
//!
//! | step | counts |
//! |---|---|
//! | `commentOpen` | once, after the proposal |
//! | `commentClosed` | when comments were open for the policy's `comment-days` (14) |
//! | `ratified` | after that, if the agreement has a summary, an impact assessment and a rollback plan |
//! | `vetoed` | from the opening of comments until `veto-days` (7) after their close, and before ratification |
//! | `suspended`, `resumed` | while it is in force, while it is suspended |
//! | `terminated` | by the council, the assigner or the assignee |
//!
//! That the council's threshold signed a step that needs it is a rule of admission. Time is the `received` of entries: what
//! a record says about when it was made is never asked. The life is computed from the steps whenever it is asked for, so
//! that it is the same whether the agreement's body was erased before or after a step was taken; what the body alone says
//! (its terms) is then unknown, and no step fails for it.

use serde::{Deserialize, Serialize};

use super::State;
use crate::entry::Header;
use crate::error::{Code, Error, Result};
use crate::ids::{KeyId, LeafIndex, RecordId, UnixMillis};
use crate::record::Record;
use crate::record::kinds::{Agreement, DEFAULT_AUDIT_PERIOD, GovernanceEvent, Phase};
use crate::record::members::Common;
use crate::record::period::Period;

/// An agreement and every step that was taken about it, whether it counts or not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AgreementState {
    /// The entry that proposed it.
    pub index: LeafIndex,
    /// When that was received.
    pub received: UnixMillis,
    /// Who proposed it.
    pub issuer: String,
    /// What it says; `None` once its body is erased.
    pub terms: Option<Terms>,
    /// The steps, in the order of their entries.
    pub steps: Vec<Step>,
}

/// What an agreement says that is read by machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Terms {
    /// Who grants.
    pub assigner: String,
    /// To whom.
    pub assignee: String,
    /// What it is about.
    pub targets: Vec<String>,
    /// What for; empty if it does not say.
    pub purposes: Vec<String>,
    /// Actions that must not be done.
    pub prohibited: Vec<String>,
    /// Until when what was received may be kept.
    pub keep_until: Option<UnixMillis>,
    /// How long after a use began what was received may be kept.
    pub keep_for: Option<Period>,
    /// How often there is an audit.
    pub audit_period: Period,
    /// From when it holds, if it says so.
    pub valid_from: Option<UnixMillis>,
    /// Until when.
    pub valid_until: Option<UnixMillis>,
    /// What ratification needs and it lacks.
    pub lacks: Vec<String>,
}

/// A step that somebody took who may take it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Step {
    /// The record that says so.
    pub record: RecordId,
    /// Its entry.
    pub index: LeafIndex,
    /// When that was received.
    pub received: UnixMillis,
    /// What happened.
    pub phase: Phase,
    /// Who speaks.
    pub issuer: String,
    /// The keys that signed.
    pub signers: Vec<KeyId>,
    /// Whether the council's threshold signed, by the policy in force then.
    pub by_council: bool,
    /// Days that comments must be open, by the policy in force then.
    pub comment_days: u64,
    /// Days after the close of comments in which a veto is in time, by the policy in force then.
    pub veto_days: u64,
}

/// Where an agreement stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Status {
    /// It was put forward.
    Proposed,
    /// The public may comment.
    CommentOpen,
    /// The time for comments is over.
    CommentClosed,
    /// The council agreed, and it is not valid yet.
    Ratified,
    /// It is in force.
    Active,
    /// The council refused.
    Vetoed,
    /// It is out of force for the time being.
    Suspended,
    /// Its time is over.
    Expired,
    /// It was ended.
    Terminated,
}

/// What the steps come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Life {
    phase: Status,
    opened: Option<UnixMillis>,
    closed: Option<UnixMillis>,
    ratified: Option<(UnixMillis, LeafIndex)>,
    /// Since when it is suspended, and earlier suspensions with their ends.
    suspended: Vec<(UnixMillis, Option<UnixMillis>)>,
    ended: Option<UnixMillis>,
    /// For each step why it does not count, if it does not.
    refused: Vec<Option<Error>>,
}

impl Terms {
    fn of(agreement: &Agreement, common: &Common) -> Self {
        let texts = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect();
        let actions = agreement.prohibition.iter().flat_map(|rule| rule.action.iter());
        Self {
            assigner: agreement.assigner.to_string(),
            assignee: agreement.assignee.to_string(),
            targets: texts(agreement.target.iter().collect()),
            purposes: texts(agreement.allowed_purposes()),
            prohibited: texts(actions.collect()),
            keep_until: agreement.retention.as_ref().and_then(|r| r.until.as_ref()).map(|until| until.millis()),
            keep_for: agreement.retention.as_ref().and_then(|r| r.period),
            audit_period: agreement.audit_period.unwrap_or(DEFAULT_AUDIT_PERIOD),
            valid_from: common.valid_from.as_ref().map(|from| from.millis()),
            valid_until: common.valid_until.as_ref().map(|until| until.millis()),
            lacks: texts(agreement.lacks()),
        }
    }
}

impl AgreementState {
    pub(super) fn new(index: LeafIndex, header: &Header, said: Option<(&Agreement, &Common)>) -> Self {
        Self {
            index,
            received: header.received,
            issuer: header.issuer.clone(),
            terms: said.map(|(agreement, common)| Terms::of(agreement, common)),
            steps: Vec::new(),
        }
    }

    /// What the steps come to.
    pub fn life(&self) -> Life {
        let mut life = Life {
            phase: Status::Proposed,
            opened: None,
            closed: None,
            ratified: None,
            suspended: Vec::new(),
            ended: None,
            refused: Vec::with_capacity(self.steps.len()),
        };
        for step in &self.steps {
            let outcome = life.take(step, self.terms.as_ref());
            life.refused.push(outcome.err());
        }
        life
    }

    /// Whether this step would count.
    pub(super) fn would_count(&self, step: &Step) -> Result<()> {
        self.life().take(step, self.terms.as_ref())
    }

    /// Where it stands at a time.
    pub fn status(&self, now: UnixMillis) -> Status {
        self.life().status(self.terms.as_ref(), now)
    }

    /// Each step with the reason why it does not count, if it does not.
    pub fn history(&self) -> Vec<(&Step, Option<Error>)> {
        self.steps.iter().zip(self.life().refused).collect()
    }

    /// Whether it was in force at a moment. Without its terms nobody can say until when it was meant to hold.
    pub fn in_force(&self, at: UnixMillis) -> bool {
        let life = self.life();
        let began = life.ratified.is_some_and(|(ratified, _)| ratified <= at);
        let ended = life.ended.is_some_and(|ended| ended <= at);
        let suspended = life.suspended.iter().any(|(from, until)| *from <= at && until.is_none_or(|until| at < until));
        let valid = |terms: &Terms| {
            terms.valid_from.is_none_or(|from| from <= at) && terms.valid_until.is_none_or(|until| at < until)
        };
        began && !ended && !suspended && self.terms.as_ref().is_none_or(valid)
    }

    /// When it ends or ended: terminated, or its time over.
    pub fn end(&self) -> Option<UnixMillis> {
        let valid_until = self.terms.as_ref().and_then(|terms| terms.valid_until);
        match (self.life().ended, valid_until) {
            (Some(ended), Some(until)) => Some(ended.min(until)),
            (ended, until) => ended.or(until),
        }
    }

    /// When the council agreed, and the entry that says so.
    pub fn ratified(&self) -> Option<(UnixMillis, LeafIndex)> {
        self.life().ratified
    }
}

impl Life {
    /// Where it stands at a time.
    fn status(&self, terms: Option<&Terms>, now: UnixMillis) -> Status {
        if self.phase != Status::Ratified {
            // What was suspended or ended stays so; time alone changes only what is in force.
            return self.phase;
        }
        match terms {
            Some(terms) if terms.valid_until.is_some_and(|until| until <= now) => Status::Expired,
            Some(terms) if terms.valid_from.is_some_and(|from| now < from) => Status::Ratified,
            _ => Status::Active,
        }
    }

    /// Takes a step, or says why it does not count.
    fn take(&mut self, step: &Step, terms: Option<&Terms>) -> Result<()> {
        let at = step.received;
        let refused = |code: Code, detail: String| Err(Error::new(code, detail).at("/predicate/phase"));
        let out_of_turn = |life: &Self| {
            let detail = format!("`{}` cannot follow `{}`", step.phase.as_str(), life.phase.as_str());
            Err(Error::new(Code::PhaseRefused, detail).at("/predicate/phase"))
        };
        match (step.phase, self.phase) {
            (Phase::Proposed, Status::Proposed) | (Phase::Reviewed, Status::Ratified | Status::Suspended) => Ok(()),
            (Phase::CommentOpen, Status::Proposed) => {
                self.phase = Status::CommentOpen;
                self.opened = Some(at);
                Ok(())
            }
            (Phase::CommentClosed | Phase::Ratified, Status::CommentOpen) if self.is_early(step) => {
                let opened = self.opened.unwrap_or(at);
                let days = at.0.saturating_sub(opened.0) / UnixMillis::DAY;
                refused(Code::CommentPeriod, format!("open for {days} days, at least {} are needed", step.comment_days))
            }
            (Phase::CommentClosed, Status::CommentOpen) => {
                self.phase = Status::CommentClosed;
                self.closed = Some(at);
                Ok(())
            }
            (Phase::Ratified, Status::CommentClosed) => {
                let lacks = terms.map_or(&[][..], |terms| &terms.lacks);
                if !lacks.is_empty() {
                    return refused(Code::AgreementIncomplete, format!("it has no {}", lacks.join(", ")));
                }
                self.phase = Status::Ratified;
                self.ratified = Some((at, step.index));
                Ok(())
            }
            (Phase::Vetoed, Status::CommentOpen | Status::CommentClosed) => {
                let deadline =
                    self.closed.map(|closed| closed.0.saturating_add(step.veto_days.saturating_mul(UnixMillis::DAY)));
                if deadline.is_some_and(|deadline| at.0 > deadline) {
                    let detail = format!("more than {} days after the close of comments", step.veto_days);
                    return refused(Code::VetoLate, detail);
                }
                self.phase = Status::Vetoed;
                self.ended = Some(at);
                Ok(())
            }
            (Phase::Vetoed, Status::Ratified | Status::Suspended) => {
                refused(Code::VetoLate, "it is ratified; the council can suspend or end it".to_owned())
            }
            (Phase::Suspended, Status::Ratified) => {
                self.phase = Status::Suspended;
                self.suspended.push((at, None));
                Ok(())
            }
            (Phase::Resumed, Status::Suspended) => {
                self.phase = Status::Ratified;
                if let Some((_, until)) = self.suspended.last_mut() {
                    *until = Some(at);
                }
                Ok(())
            }
            (Phase::Terminated, phase) if phase != Status::Vetoed && phase != Status::Terminated => {
                let party = |terms: &Terms| [&terms.assigner, &terms.assignee].contains(&&step.issuer);
                if !step.by_council && !terms.is_none_or(party) {
                    let detail = format!("{} is neither assigner nor assignee, nor the council", step.issuer);
                    return Err(Error::new(Code::RoleRefused, detail).at("/predicate/issuer/id"));
                }
                self.phase = Status::Terminated;
                self.ended = Some(at);
                Ok(())
            }
            _ => out_of_turn(self),
        }
    }

    fn is_early(&self, step: &Step) -> bool {
        let needed = step.comment_days.saturating_mul(UnixMillis::DAY);
        self.opened.is_some_and(|opened| step.received.0.saturating_sub(opened.0) < needed)
    }
}

impl Status {
    /// The word that readers see.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::CommentOpen => "commentOpen",
            Self::CommentClosed => "commentClosed",
            Self::Ratified => "ratified",
            Self::Active => "active",
            Self::Vetoed => "vetoed",
            Self::Suspended => "suspended",
            Self::Expired => "expired",
            Self::Terminated => "terminated",
        }
    }
}

impl State {
    /// An agreement, by the record that proposed it.
    pub fn agreement(&self, id: &RecordId) -> Option<&AgreementState> {
        self.agreements.get(id)
    }

    /// All agreements, in the order of their ids.
    pub fn agreements(&self) -> impl Iterator<Item = (&RecordId, &AgreementState)> {
        self.agreements.iter()
    }

    /// The council's keys among the signers of a step that are in doubt since: a later revocation says that they may have
    /// been stolen before they signed. The step stands, and is shown with them.
    pub fn disputed_signers(&self, signers: &[KeyId], index: LeafIndex) -> Vec<KeyId> {
        let disputed = |key: &&KeyId| matches!(self.standing(key, index), super::Standing::Disputed(_));
        signers.iter().filter(disputed).copied().collect()
    }

    pub(super) fn step(
        &self,
        event: &GovernanceEvent,
        record: &Record,
        index: LeafIndex,
        received: UnixMillis,
    ) -> Step {
        Step {
            record: record.id,
            index,
            received,
            phase: event.phase,
            issuer: record.issuer().to_owned(),
            signers: record.signers().into_iter().collect(),
            by_council: self.council_signed(&record.signers(), index),
            comment_days: self.figure(super::Figure::CommentDays),
            veto_days: self.figure(super::Figure::VetoDays),
        }
    }
}
