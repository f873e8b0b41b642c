//! `/p/<party>`.

use ledger::ids::{KeyId, LeafIndex};
use ledger::log::{Order, Term};
use ledger::record::kinds::Role;

use super::read::{Reading, reason_words};
use super::view::parts::Hash;
use super::view::party::{KeyLine, Known, PartyPage, ProfileUndone};
use super::{Request, not_found, reply};
use crate::problem::Answer;
use crate::profile::Profile;
use crate::query::decode;

/// Records listed; the rest is a list of its own.
const MAX_RECORDS: usize = 15;

/// Keys listed, the newest.
const MAX_KEYS: usize = 20;

pub(super) fn party(reading: &Reading<'_>, name: &str, request: Request<'_>) -> Answer {
    let id = decode(name, false).ok_or_else(|| not_found("the address is not percent-encoded UTF-8"))?;
    let newest = Order::Below(LeafIndex(u64::MAX));
    let (mut records, more) = reading.list(vec![Term::Issuer(id.clone())], newest, MAX_RECORDS)?;
    reading.name_subjects(&mut records)?;
    reading.settle(&mut records)?;
    let state = &reading.view.state;
    let party = state.party(&id);
    if party.is_none() && records.is_empty() {
        return Err(not_found("no party of this id is registered in this log, and no record is issued under it"));
    }
    let profile = Profile::of(&reading.pages.app.log, &reading.view, &reading.looking, &id, reading.now)?;
    reading.leave_out(usize::from(profile.partial));
    let mut keys: Vec<(&KeyId, &ledger::state::KeyState)> = state.keys_of(&id).collect();
    keys.sort_by_key(|(_, key)| key.registered);
    reading.leave_out(keys.len().saturating_sub(MAX_KEYS));
    let keys = keys.into_iter().rev().take(MAX_KEYS).map(|(key, known)| KeyLine {
        key: Hash::new(key),
        hex: key.to_hex(),
        registered: known.registered,
        revoked: known
            .revoked
            .map(|revoked| format!("revoked by record {} ({})", revoked.index, reason_words(revoked.reason))),
    });
    let known = Known {
        registered: party.map(|party| party.index),
        roles: party.map(|party| party.roles.iter().copied().map(role_words).collect()).unwrap_or_default(),
        keys: keys.collect(),
        undone: profile.undone.map(|undone| ProfileUndone { index: undone.index, word: undone.word, by: undone.by }),
        profile: profile.standing.map(|profile| reading.settled(profile)).transpose()?,
        records,
        more: more.is_some(),
    };
    let shell = reading.shell("");
    let page = reading.around(|around| PartyPage::new(shell, &id, &known, around));
    Ok(reply::page(page.to_string(), request.headers))
}

const fn role_words(role: Role) -> &'static str {
    match role {
        Role::Partner => "partner: publishes models and datasets",
        Role::Auditor => "auditor: attests to the claims of others",
        Role::Steward => "steward: speaks for a community",
        Role::Contributor => "contributor: contributes content",
        Role::Operator => "operator: runs this log",
    }
}
