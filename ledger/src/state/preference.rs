//! Preferences: what holds for some content at a time, which records make it so, and who still owes an answer.
//!
//! | a statement counts | if |
//! |---|---|
//! | from | the latest of: its `appliesFrom`, the moment its entry was received, the moment a steward vouched for it |
//! | until | it is taken back by its issuer, or its `validUntil` |
//! | at all | a party signed it, or a steward vouched for the key that did |
//!
//! What an unvouched key says is listed beside, marked, and decides nothing. A statement is never about the time before it
//! counted. Time is the `received` of entries, and the moment that is asked about is an argument.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Figure, State};
use crate::entry::Header;
use crate::ids::{ContentKey, LeafIndex, RecordId, UnixMillis};
use crate::record::Record;
use crate::record::aipref::{Category, Preference};
use crate::record::kinds::{
    Allowance, Authority, Predicate, PreferenceResponse, ResponseStatus, Scope, UsagePreference,
};

/// A preference, with everything that was said about it since.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PreferenceState {
    /// Its entry.
    pub index: LeafIndex,
    /// When that was received.
    pub received: UnixMillis,
    /// Who declares it.
    pub issuer: String,
    /// What it says; `None` once its body is erased.
    pub said: Option<Said>,
    /// Records by its issuer that take it back, with the moments they were received.
    pub ended: BTreeSet<(UnixMillis, RecordId)>,
    /// Answers, in the order of their entries.
    pub responses: Vec<ResponseState>,
    /// Days for an answer, by the policy in force when it was received.
    pub answer_days: u64,
}

/// What a preference says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Said {
    /// About training.
    pub train_ai: Option<Allowance>,
    /// About searching.
    pub search: Option<Allowance>,
    /// On whose authority, says the issuer.
    pub authority: Authority,
    /// The content keys, with their kinds.
    pub keys: Vec<ScopeKey>,
    /// Beginnings of canonical addresses.
    pub prefixes: Vec<String>,
    /// Who is asked for an answer.
    pub addressees: BTreeSet<String>,
    /// From when, if it says so.
    pub applies_from: Option<UnixMillis>,
    /// Until when, if it says so.
    pub valid_until: Option<UnixMillis>,
}

/// A content key that a preference is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScopeKey {
    /// Its kind, which says in which keyspace it can be.
    pub kind: String,
    /// The key.
    pub key: ContentKey,
}

/// An answer to a preference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResponseState {
    /// The record.
    pub record: RecordId,
    /// Its entry.
    pub index: LeafIndex,
    /// When that was received.
    pub received: UnixMillis,
    /// Who answers.
    pub issuer: String,
    /// How far it goes.
    pub status: ResponseStatus,
    /// By when the final answer is promised.
    pub due_by: Option<UnixMillis>,
}

/// That a steward vouches for what an unvouched key signed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Vouch {
    /// When it was received.
    pub received: UnixMillis,
    /// Its entry.
    pub index: LeafIndex,
    /// The `resolution` that says so.
    pub record: RecordId,
    /// Who vouches.
    pub issuer: String,
}

/// How a statement stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Backing {
    /// A registered party signed it.
    Party,
    /// A steward vouched for it.
    Vouched(Vouch),
    /// Nobody knows whose key it is.
    Unvouched,
}

/// Some content, under every name by which statements may speak of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Content<'a> {
    /// Its content keys.
    pub keys: &'a [ContentKey],
    /// Its canonical address, if it has one and the asker knows it.
    pub url: Option<&'a str>,
}

/// A statement about some content.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement<'a> {
    /// The record.
    pub record: RecordId,
    /// Its state.
    pub state: &'a PreferenceState,
    /// What it says.
    pub said: &'a Said,
    /// How it stands.
    pub backing: Backing,
    /// From when it counts.
    pub from: UnixMillis,
}

/// What holds for some content, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Effective<'a> {
    /// What the statements come to. That nobody said anything is never permission.
    pub preference: Preference,
    /// The statements that make it so: every one that counts at the moment and speaks about the category.
    pub because: Vec<Statement<'a>>,
    /// Statements of unvouched keys that would count if a steward vouched for them.
    pub unvouched: Vec<Statement<'a>>,
}

/// A party's answer to a preference, with its clock.
#[derive(Debug, Clone, PartialEq)]
pub struct Clock<'a> {
    /// Who is to answer.
    pub party: &'a str,
    /// Since when the clock runs.
    pub since: UnixMillis,
    /// By when the final answer is due.
    pub due: UnixMillis,
    /// The newest answer.
    pub answer: Option<&'a ResponseState>,
}

impl Clock<'_> {
    /// Whether the final answer is there.
    pub fn is_answered(&self) -> bool {
        self.answer.is_some_and(|answer| answer.status.is_final())
    }

    /// Whether the final answer is late at a moment.
    pub fn is_overdue(&self, now: UnixMillis) -> bool {
        !self.is_answered() && self.due < now
    }
}

impl ScopeKey {
    fn of(scope: &Scope) -> Option<Self> {
        scope.key.map(|key| Self { kind: scope.kind.clone(), key })
    }
}

impl Said {
    fn of(preference: &UsagePreference, valid_until: Option<UnixMillis>) -> Self {
        Self {
            train_ai: preference.preferences.train_ai,
            search: preference.preferences.search,
            authority: preference.authority,
            keys: preference.scope.iter().filter_map(ScopeKey::of).collect(),
            prefixes: preference.scope.iter().filter_map(|scope| scope.prefix.clone()).collect(),
            addressees: preference.addressees.iter().map(ToString::to_string).collect(),
            applies_from: preference.applies_from.as_ref().map(|from| from.millis()),
            valid_until,
        }
    }

    /// What it says about a category.
    pub fn about(&self, category: Category) -> Preference {
        match category {
            Category::TrainAi => self.train_ai.into(),
            Category::Search => self.search.into(),
        }
    }
}

impl PreferenceState {
    pub(super) fn new(index: LeafIndex, header: &Header, answer_days: u64) -> Self {
        Self {
            index,
            received: header.received,
            issuer: header.issuer.clone(),
            said: None,
            ended: BTreeSet::new(),
            responses: Vec::new(),
            answer_days,
        }
    }

    /// When its issuer took it back.
    pub fn taken_back(&self) -> Option<UnixMillis> {
        self.ended.first().map(|(received, _)| *received)
    }
}

impl Statement<'_> {
    /// Whether it counts at a moment: begun, not taken back, not over. Of an unvouched key's statement, whether it would.
    pub fn holds(&self, at: UnixMillis) -> bool {
        let over = self.said.valid_until.is_some_and(|until| until <= at);
        let taken_back = self.state.taken_back().is_some_and(|end| end <= at);
        self.from <= at && !over && !taken_back
    }
}

impl State {
    /// A preference, by its record.
    pub fn preference(&self, id: &RecordId) -> Option<&PreferenceState> {
        self.preferences.get(id)
    }

    /// All preferences, in the order of their ids.
    pub fn preferences(&self) -> impl Iterator<Item = (&RecordId, &PreferenceState)> {
        self.preferences.iter()
    }

    /// The first steward who vouched for a record.
    pub fn vouch(&self, id: &RecordId) -> Option<&Vouch> {
        self.vouches.get(id)?.first()
    }

    /// A preference as a statement; `None` once its body is erased.
    pub fn statement(&self, id: &RecordId) -> Option<Statement<'_>> {
        let (record, state) = (*id, self.preferences.get(id)?);
        let said = state.said.as_ref()?;
        let backing = match (state.issuer.starts_with("key:"), self.vouch(id)) {
            (false, _) => Backing::Party,
            (true, Some(vouch)) => Backing::Vouched(vouch.clone()),
            (true, None) => Backing::Unvouched,
        };
        let mut from = state.received.max(said.applies_from.unwrap_or_default());
        if let Backing::Vouched(vouch) = &backing {
            from = from.max(vouch.received);
        }
        Some(Statement { record, state, said, backing, from })
    }

    /// Every statement about some content, whatever its time, in the order of the entries.
    pub fn statements(&self, content: &Content<'_>) -> Vec<Statement<'_>> {
        let by_key = content.keys.iter().filter_map(|key| self.scopes.get(key)).flatten();
        let url = content.url.unwrap_or_default();
        let beginnings = url.char_indices().map(|(at, c)| &url[..at + c.len_utf8()]);
        let by_prefix = beginnings.filter_map(|beginning| self.prefixes.get(beginning)).flatten();
        let ids: BTreeSet<&RecordId> = by_key.chain(by_prefix).collect();
        let mut statements: Vec<Statement<'_>> = ids.into_iter().filter_map(|id| self.statement(id)).collect();
        statements.sort_by_key(|statement| statement.state.index);
        statements
    }

    /// What holds for some content at a moment.
    pub fn effective(&self, content: &Content<'_>, category: Category, at: UnixMillis) -> Effective<'_> {
        let speaks = |s: &Statement<'_>| s.holds(at) && s.said.about(category) != Preference::Unknown;
        let statements = self.statements(content).into_iter().filter(speaks);
        let (unvouched, because): (Vec<_>, Vec<_>) = statements.partition(|s| s.backing == Backing::Unvouched);
        let preference = because.iter().map(|s| s.said.about(category)).fold(Preference::Unknown, Preference::and);
        Effective { preference, because, unvouched }
    }

    /// The clocks of a preference: one for each party that it asks, and for each other party that answered. For a statement
    /// of an unvouched key none runs.
    pub fn clocks(&self, id: &RecordId) -> Vec<Clock<'_>> {
        let Some(statement) = self.statement(id).filter(|s| s.backing != Backing::Unvouched) else { return Vec::new() };
        let since = match &statement.backing {
            Backing::Vouched(vouch) => vouch.received.max(statement.state.received),
            _ => statement.state.received,
        };
        let Statement { state, said, .. } = statement;
        let answerers = state.responses.iter().map(|response| response.issuer.as_str());
        let parties: BTreeSet<&str> = said.addressees.iter().map(String::as_str).chain(answerers).collect();
        let clock = |party| {
            let answer = state.responses.iter().rfind(|response| response.issuer == party);
            let days =
                |n: u64| since.0.saturating_add(state.answer_days.saturating_mul(n).saturating_mul(UnixMillis::DAY));
            // A promise moves the day, and never beyond twice the time that the policy gives.
            let promised = answer.and_then(|answer| answer.due_by).map(|due| due.0.min(days(2)));
            Clock { party, since, due: UnixMillis(promised.unwrap_or(days(1))), answer }
        };
        parties.into_iter().map(clock).collect()
    }

    pub(super) fn apply_preference(&mut self, index: LeafIndex, header: &Header, record: Option<&Record>) {
        let id = header.record;
        if self.preferences.contains(&id) {
            return; // signed once more: the first entry is the record
        }
        let mut state = PreferenceState::new(index, header, self.figure(Figure::AnswerDays));
        let said = match record.map(|record| (&record.predicate, record)) {
            Some((Predicate::UsagePreference(preference), record)) => {
                let valid_until = record.common.valid_until.as_ref().map(|until| until.millis());
                Some(Said::of(preference, valid_until))
            }
            _ => None,
        };
        for ScopeKey { key, .. } in said.iter().flat_map(|said| &said.keys) {
            self.scopes.entry(*key).insert(id);
        }
        for prefix in said.iter().flat_map(|said| &said.prefixes) {
            self.prefixes.change().entry(prefix.clone()).or_default().insert(id);
        }
        state.said = said;
        self.preferences.insert(id, state);
        if let Some(record) = record {
            let targets = record.common.revokes.iter().chain(&record.common.supersedes).map(|target| target.id());
            self.take_back(header, targets.collect());
        }
    }

    /// The preferences of its issuer that a record takes back.
    pub(super) fn take_back(&mut self, header: &Header, targets: Vec<RecordId>) {
        for target in targets.into_iter().filter(|target| *target != header.record) {
            let Some(preference) = self.preferences.get(&target).filter(|p| p.issuer == header.issuer) else {
                continue;
            };
            if preference.ended.contains(&(header.received, header.record)) {
                continue;
            }
            if let Some(preference) = self.preferences.get_mut(&target) {
                preference.ended.insert((header.received, header.record));
            }
            self.effects.entry(header.record).insert(target);
        }
    }

    pub(super) fn apply_response(&mut self, index: LeafIndex, header: &Header, response: &PreferenceResponse) {
        let target = response.preference.id();
        if self.effects.contains(&header.record) {
            return;
        }
        let Some(preference) = self.preferences.get_mut(&target) else { return };
        preference.responses.push(ResponseState {
            record: header.record,
            index,
            received: header.received,
            issuer: header.issuer.clone(),
            status: response.status,
            due_by: response.due_by.as_ref().map(|due| due.millis()),
        });
        self.effects.entry(header.record).insert(target);
    }

    pub(super) fn apply_vouch(&mut self, index: LeafIndex, header: &Header, target: RecordId) {
        if self.effects.contains(&header.record) {
            return;
        }
        let vouch = Vouch { received: header.received, index, record: header.record, issuer: header.issuer.clone() };
        self.vouches.entry(target).insert(vouch);
        self.effects.entry(header.record).insert(target);
    }

    /// Takes out everything that the body of a record did, so that the state is what it would be if that body had never
    /// been there.
    pub(super) fn forget_body(&mut self, id: RecordId) {
        if let Some(said) = self.preferences.get_mut(&id).and_then(|preference| preference.said.take()) {
            for ScopeKey { key, .. } in &said.keys {
                let ids = self.scopes.entry(*key);
                ids.remove(&id);
                if ids.is_empty() {
                    self.scopes.remove(key);
                }
            }
            for prefix in &said.prefixes {
                let prefixes = self.prefixes.change();
                let empty = prefixes.get_mut(prefix).is_none_or(|ids| ids.remove(&id) && ids.is_empty());
                if empty {
                    prefixes.remove(prefix);
                }
            }
        }
        if let Some(agreement) = self.agreements.get_mut(&id) {
            agreement.terms = None;
        }
        for target in self.effects.remove(&id).into_iter().flatten() {
            if let Some(preference) = self.preferences.get_mut(&target) {
                preference.responses.retain(|response| response.record != id);
                preference.ended.retain(|(_, by)| *by != id);
            }
            if let Some(vouches) = self.vouches.get_mut(&target) {
                vouches.retain(|vouch| vouch.record != id);
                if vouches.is_empty() {
                    self.vouches.remove(&target);
                }
            }
        }
    }
}
