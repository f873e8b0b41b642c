//! What may follow what: the rules of admission that other records decide.
//!
//! [`State::admit`] is asked before an entry is numbered, at the door and again in the sequencer. It is
//! [`State::authorise`] (who may say this) and what earlier records allow: an agreement's steps in their order and in time,
//! a cap on what unvouched keys say about one thing, and nothing new under the id of a redacted record.
//!
//! The fold itself ignores what is not authorised and nothing else: a step out of turn is kept and does not count
//! ([`AgreementState::history`](super::AgreementState::history) says why), and a cap protects readers from a flood, not the
//! meaning of what is there.

use super::{Figure, State};
use crate::error::{Code, Error, Result};
use crate::ids::{LeafIndex, RecordId, UnixMillis};
use crate::record::Record;
use crate::record::kinds::{GovernanceEvent, Predicate, PreferenceResponse, UsagePreference};

impl State {
    /// Whether `record` may be the entry at `next`, received at `received`. Its signatures are verified elsewhere; here they
    /// are names.
    ///
    /// # Errors
    /// Those of [`authorise`](Self::authorise); `redacted` for an id that was redacted; `target_unknown` for an agreement
    /// or preference that is not in the log; `phase_refused`, `comment_period`, `agreement_incomplete`, `veto_late` and
    /// `role_refused` for a step out of turn; `subject_cap`.
    pub fn admit(&self, record: &Record, next: LeafIndex, received: UnixMillis) -> Result<()> {
        self.authorise(record, next)?;
        if let Some(by) = self.redaction(&record.id) {
            return Err(Error::new(Code::Redacted, format!("record {} was redacted by entry {by}", record.id)));
        }
        match &record.predicate {
            Predicate::GovernanceEvent(event) => self.step_counts(event, record, next, received),
            Predicate::PreferenceResponse(response) => self.response_has_its_preference(response),
            Predicate::UsagePreference(preference) if record.own_key().is_some() => {
                self.preference_has_room(preference)
            }
            Predicate::Comment(_) | Predicate::Dispute(_) if record.own_key().is_some() => {
                record.subject_records().try_for_each(|target| self.voice_has_room(target))
            }
            _ => Ok(()),
        }
    }

    fn step_counts(
        &self,
        event: &GovernanceEvent,
        record: &Record,
        next: LeafIndex,
        received: UnixMillis,
    ) -> Result<()> {
        let Some(agreement) = self.agreements.get(&event.agreement.id()) else {
            let detail = format!("no agreement {} below index {next}", event.agreement);
            return Err(Error::new(Code::TargetUnknown, detail).at("/predicate/agreement"));
        };
        agreement.would_count(&self.step(event, record, next, received))
    }

    fn response_has_its_preference(&self, response: &PreferenceResponse) -> Result<()> {
        match self.preferences.contains(&response.preference.id()) {
            true => Ok(()),
            false => {
                let detail = format!("no preference {} in this log", response.preference);
                Err(Error::new(Code::TargetUnknown, detail).at("/predicate/preference"))
            }
        }
    }

    fn preference_has_room(&self, preference: &UsagePreference) -> Result<()> {
        let cap = self.figure(Figure::UnvouchedPerSubject);
        let unvouched = |id: &&RecordId| {
            self.preferences.get(*id).is_some_and(|p| p.issuer.starts_with("key:")) && self.vouch(id).is_none()
        };
        for (i, scope) in preference.scope.iter().enumerate() {
            let by_key = scope.key.and_then(|key| self.scopes.get(&key));
            let by_prefix = scope.prefix.as_ref().and_then(|prefix| self.prefixes.get(prefix));
            let there = by_key.or(by_prefix).map_or(0, |ids| ids.iter().filter(unvouched).count());
            if there as u64 >= cap {
                return Err(full(there as u64).at(format!("/predicate/scope/{i}")));
            }
        }
        Ok(())
    }

    fn voice_has_room(&self, target: RecordId) -> Result<()> {
        // Somebody vouched for the others, or they are erased: whoever floods a record silences it for so long.
        let unvouched = |id: &&RecordId| self.vouch(id).is_none() && self.redaction(id).is_none();
        let voices = self.voices.get(&target).map(Vec::as_slice).unwrap_or_default();
        let there = voices.iter().filter(unvouched).count() as u64;
        match there < self.figure(Figure::UnvouchedPerSubject) {
            true => Ok(()),
            false => Err(full(there).at("/subject")),
        }
    }
}

fn full(there: u64) -> Error {
    Error::new(Code::SubjectCap, format!("{there} statements of unvouched keys are there"))
}
