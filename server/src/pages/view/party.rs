//! `/p/<party>`: a party, its roles and keys, and what it said.

use askama::Template;
use ledger::ids::LeafIndex;

use super::facts::{Around, Facts, of_predicate};
use super::parts::{Hash, RecordLine};
use super::said::{Allowance, Said};
use super::seen::Seen;
use super::shell::Shell;
use crate::query::encode;

/// The page of a party.
#[derive(Debug, Template)]
#[template(path = "party.html")]
pub struct PartyPage {
    shell: Shell,
    id: Said,
    segment: String,
    name: Option<Said>,
    profile: Option<(LeafIndex, Facts)>,
    undone: Option<ProfileUndone>,
    registered: Option<LeafIndex>,
    roles: Vec<&'static str>,
    keys: Vec<KeyLine>,
    records: Vec<RecordLine>,
    more: bool,
    unvouched: bool,
}

/// One key of a party.
#[derive(Debug, Clone)]
pub struct KeyLine {
    /// Its id.
    pub key: Hash,
    /// Its id, for addresses.
    pub hex: String,
    /// The entry that registered it.
    pub registered: LeafIndex,
    /// The entry that revoked it, in words.
    pub revoked: Option<String>,
}

/// The newest profile of a party, where it does not stand any more.
#[derive(Debug, Clone, Copy)]
pub struct ProfileUndone {
    /// Where it stands in the log.
    pub index: LeafIndex,
    /// What became of it, in a word.
    pub word: &'static str,
    /// The entry that made it so, where one did.
    pub by: Option<LeafIndex>,
}

/// What the log has about a party.
#[derive(Debug, Default)]
pub struct Known {
    /// The entry that registered it last.
    pub registered: Option<LeafIndex>,
    /// Its roles, in words.
    pub roles: Vec<&'static str>,
    /// Its keys.
    pub keys: Vec<KeyLine>,
    /// Its newest profile that it stands by.
    pub profile: Option<Seen>,
    /// What became of its newest profile, if that is another one.
    pub undone: Option<ProfileUndone>,
    /// Its newest records, newest first.
    pub records: Vec<Seen>,
    /// Whether there are more.
    pub more: bool,
}

impl PartyPage {
    /// The page of the party `id`.
    pub fn new(mut shell: Shell, id: &str, known: &Known, around: &Around<'_>) -> Self {
        let mut allowance = Allowance::default();
        let profile = known.profile.as_ref().filter(|profile| profile.content.is_some());
        let named = profile.and_then(|profile| profile.text(&["name"]));
        let named = named.or_else(|| known.records.iter().find_map(|seen| seen.text(&["issuer", "name"])));
        let name = named.map(|name| allowance.said(name, 120)).filter(|name| !name.is_empty());
        let said = allowance.said(id, 255);
        shell.title = format!("Party {}", name.as_ref().unwrap_or(&said).plain());
        let records = known.records.iter().map(|seen| seen.line(around.now, &mut allowance)).collect();
        let profile = profile.and_then(|profile| {
            let members = &profile.content.as_ref()?.predicate;
            let unknown = |name: &str| profile.content.as_ref().is_some_and(|content| content.unknown.contains(name));
            let facts = of_predicate(members, &["contact"], &["issuer", "name"], &unknown, around, &mut allowance);
            Some((profile.index, facts))
        });
        Self {
            id: said,
            segment: encode(id),
            name,
            profile,
            undone: known.undone,
            registered: known.registered,
            roles: known.roles.clone(),
            keys: known.keys.clone(),
            records,
            more: known.more,
            unvouched: id.starts_with("key:"),
            shell,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::card::fixture::{AROUND, shell};
    use super::super::seen::fixture::seen;
    use super::*;
    use serde_json::json;

    #[test]
    fn a_party_is_its_id_and_its_name_is_what_it_says() {
        let profile = seen(
            5,
            "party-profile",
            "heron-lab",
            "record:x",
            json!({"name": "Heron Lab gGmbH", "contact": "provenance@heron.example"}),
        );
        let card = seen(
            17,
            "model-card",
            "heron-lab",
            "w",
            json!({"model_name": "heron-7b", "issuer": {"id": "heron-lab", "name": "Heron Lab"}}),
        );
        let key = KeyLine {
            key: Hash::new("ab".repeat(32)),
            hex: "ab".repeat(32),
            registered: LeafIndex(3),
            revoked: Some("revoked by record 9".to_owned()),
        };
        let known = Known {
            registered: Some(LeafIndex(3)),
            roles: vec!["partner"],
            keys: vec![key],
            profile: Some(profile),
            undone: None,
            records: vec![card],
            more: true,
        };
        let html = PartyPage::new(shell(), "heron-lab", &known, &AROUND).to_string();
        super::super::gallery::keep("party", &html);
        for part in
            ["Heron Lab gGmbH", "heron-lab", "partner", "revoked by record 9", "heron-7b", "provenance@heron.example"]
        {
            assert!(html.contains(part), "{part}");
        }
    }

    #[test]
    fn a_key_that_no_party_owns_is_unvouched() {
        let id = format!("key:{}", "ab".repeat(32));
        let html = PartyPage::new(shell(), &id, &Known::default(), &AROUND).to_string();
        assert!(html.contains("Unvouched"), "{html}");
    }
}
