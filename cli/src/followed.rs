//! A log that was followed to its end: its state, and the graph of its records.
//!
//! What agreements, preferences, models and findings come to is computed here from entries that were hashed to the signed
//! root, never taken from the server. Headers and state are held in memory; a record is read from the cache or fetched when
//! it is looked at, held against its entry, and its signatures are verified then. An entry whose signatures do not hold
//! counts as if it were not there.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use ledger::ids::{BodyDigest, ContentKey, KeyspaceId, LeafIndex};
use ledger::manifest::{Answer, Declaration, Keyspace, MetaMode, VerifiedRange};
use ledger::record::kind::Kind;
use ledger::record::kinds::{Disclosure, Predicate};
use ledger::state::findings::{Asked, Finding, Membership};
use ledger::state::{Edge, Graph, Item, Records, State};
use ledger::{Code, Error};
use serde_json::{Value, json};

use crate::client::Client;
use crate::failure::{CliError, Result};
use crate::follow::{View, explained};
use crate::output::shown;
use crate::screen::time;
use crate::session::Session;

/// A reply about one key is a bucket of at most 64 KiB and a proof.
const MAX_REPLY: u64 = 256 * 1024;

/// A log at its newest checkpoint, whole.
#[derive(Debug)]
pub(crate) struct Followed<'a> {
    view: &'a View<'a>,
    client: &'a Client,
    /// The state after the last entry.
    pub(crate) state: State,
    /// Entries that count, without their records.
    headers: Graph,
    bodies: HashMap<LeafIndex, BodyDigest>,
    read: RefCell<HashMap<LeafIndex, Option<Item>>>,
}

impl<'a> Followed<'a> {
    /// Follows a log to its end.
    pub(crate) fn to_end(view: &'a View<'a>, client: &'a Client) -> Result<Self> {
        let mut headers = Graph::default();
        let mut bodies = HashMap::new();
        let state = view.scan(&|_, _| false, &mut |entry| {
            if entry.counts {
                bodies.insert(entry.index, entry.body);
                headers.add(Item { index: entry.index, header: entry.header.clone(), record: None });
            }
            Ok(())
        })?;
        Ok(Self { view, client, state, headers, bodies, read: RefCell::default() })
    }

    /// Whose state this is, for programs.
    pub(crate) fn origin(&self) -> Value {
        let checkpoint = self.view.accepted().checkpoint();
        json!({
            "origin": checkpoint.origin().as_str(),
            "size": checkpoint.size().to_string(),
            "root": checkpoint.root().to_string(),
        })
    }

    /// Whose state this is, for people.
    pub(crate) fn freshness(&self) -> String {
        let checkpoint = self.view.accepted().checkpoint();
        format!("From all {} entries of {}, hashed to its signed root.", checkpoint.size(), checkpoint.origin())
    }

    /// Fetches every record that is not in the cache yet: for whoever looks at most of them, a few at a time.
    pub(crate) fn read_all_ahead(&self) -> Result<()> {
        self.read_ahead(self.bodies.keys().copied())
    }

    fn read_ahead(&self, indices: impl Iterator<Item = LeafIndex>) -> Result<()> {
        let mut bodies = Vec::new();
        for index in indices.filter(|index| !self.read.borrow().contains_key(index)) {
            let Some(item) = self.headers.item(index)? else { continue };
            if self.state.redaction(&item.header.record).is_none() {
                bodies.extend(self.bodies.get(&index));
            }
        }
        self.view.read_ahead(bodies)
    }

    /// Every keyspace that a manifest of the log declares, with how much of it is disclosed.
    fn keyspaces(&self) -> ledger::Result<BTreeMap<KeyspaceId, Vec<(Keyspace, Disclosure)>>> {
        let mut keyspaces: BTreeMap<KeyspaceId, Vec<(Keyspace, Disclosure)>> = BTreeMap::new();
        for item in self.all(&Edge::Kind(Kind::Manifest.as_str().to_owned()))? {
            let Some(Predicate::Manifest(manifest)) = item.record.map(|record| record.predicate) else { continue };
            for row in &manifest.keyspaces {
                let declared = serde_json::from_value::<Declaration>(json!(row)).ok();
                if let Some(keyspace) = declared.and_then(|row| Keyspace::declared(&row).ok()) {
                    let rows = keyspaces.entry(row.id).or_default();
                    if !rows.iter().any(|(known, disclosure)| *known == keyspace && *disclosure == row.disclosure) {
                        rows.push((keyspace, row.disclosure));
                    }
                }
            }
        }
        Ok(keyspaces)
    }

    /// Computes findings. Memberships that they rest on are fetched and verified; what could not be is counted.
    pub(crate) fn findings<T>(
        &self,
        session: &Session,
        find: impl FnOnce(&Asked<'_>) -> ledger::Result<T>,
    ) -> Result<(T, Memberships<'_>)> {
        let memberships = Memberships { client: self.client, keyspaces: self.keyspaces()?, known: RefCell::default() };
        let contains = |id: KeyspaceId, key: &ContentKey| memberships.contains(id, key);
        let found = find(&Asked { records: self, state: &self.state, now: session.now(), contains: &contains })?;
        Ok((found, memberships))
    }
}

/// A failure of the command as one of the fold, which reads through it.
pub(crate) fn failed(error: CliError) -> Error {
    Error::new(error.code(), error.to_string())
}

impl Records for Followed<'_> {
    fn along(&self, edge: &Edge, from: LeafIndex, limit: usize) -> ledger::Result<Vec<LeafIndex>> {
        let found = self.headers.along(edge, from, limit)?;
        // Whoever walks along an edge looks at what is on it.
        self.read_ahead(found.iter().copied()).map_err(failed)?;
        Ok(found)
    }

    fn item(&self, index: LeafIndex) -> ledger::Result<Option<Item>> {
        if let Some(known) = self.read.borrow().get(&index) {
            return Ok(known.clone());
        }
        let Some(mut item) = self.headers.item(index)? else { return Ok(None) };
        let Some(body) = self.bodies.get(&index) else { return Ok(None) };
        let erased = self.state.redaction(&item.header.record).is_some();
        if !erased {
            item.record = self.view.record(index, &item.header, *body).map_err(failed)?;
            if item.record.is_none() {
                explained(&self.state, index, &item.header.record).map_err(failed)?;
            }
        }
        let holds = item.record.as_ref().is_none_or(|record| self.state.verify_signatures(record).is_ok());
        let item = holds.then_some(item);
        self.read.borrow_mut().insert(index, item.clone());
        Ok(item)
    }
}

/// Membership proofs, fetched when they are asked for and verified before they are believed.
#[derive(Debug)]
pub(crate) struct Memberships<'a> {
    client: &'a Client,
    /// What manifests say of each. Anybody may name another's keyspace and say something else of it.
    keyspaces: BTreeMap<KeyspaceId, Vec<(Keyspace, Disclosure)>>,
    known: RefCell<BTreeMap<(KeyspaceId, ContentKey), Known>>,
}

/// What was found, and why nothing was where nothing was.
type Known = (Membership, Option<String>);

impl Memberships<'_> {
    fn contains(&self, id: KeyspaceId, key: &ContentKey) -> Membership {
        if let Some((known, _)) = self.known.borrow().get(&(id, *key)) {
            return *known;
        }
        let (found, why) = match self.proven(id, key) {
            Ok(found) => (found, None),
            Err(why) => (Membership::Unknown, Some(why)),
        };
        self.known.borrow_mut().insert((id, *key), (found, why));
        found
    }

    /// Asks the log for the proof. What a preference is about is public already, so nothing is given away by asking.
    fn proven(&self, id: KeyspaceId, key: &ContentKey) -> std::result::Result<Membership, String> {
        let rows = self.keyspaces.get(&id).ok_or("the keyspace cannot be read by this version")?;
        let mut failed = None;
        let mut complete = None;
        for (keyspace, disclosure) in rows {
            match self.in_keyspace(keyspace, key) {
                Ok(true) => return Ok(Membership::Present),
                Ok(false) => complete = Some(complete.unwrap_or(true) && *disclosure == Disclosure::Complete),
                // Under the root of a row that is somebody's invention no reply holds; another row may be the maker's.
                Err(why) => failed = Some(why),
            }
        }
        match (complete, failed) {
            (Some(true), _) => Ok(Membership::Absent),
            (Some(false), _) => Err("not in the part that is disclosed".to_owned()),
            (None, why) => Err(why.unwrap_or_else(|| "the keyspace cannot be read by this version".to_owned())),
        }
    }

    /// Whether a key is among the contents under a signed root, by the log's proof.
    fn in_keyspace(&self, keyspace: &Keyspace, key: &ContentKey) -> std::result::Result<bool, String> {
        let (depth, prefix) = (keyspace.t(), keyspace.prefix(key, keyspace.t()));
        let address = self.client.reply_address(keyspace.id(), depth, prefix, MetaMode::Rows);
        let reply = self.client.get_up_to(&address, MAX_REPLY).map_err(|error| error.to_string())?;
        let range = VerifiedRange::verify(keyspace, depth, prefix, &reply.bytes).map_err(|error| error.to_string())?;
        match range.answer(key) {
            Some(answer) => Ok(matches!(answer, Answer::Present { .. })),
            None => Err("the reply is for another prefix".to_owned()),
        }
    }

    /// Says in an answer what could not be checked; what the command exits with for it.
    pub(crate) fn say_unchecked(&self, text: &mut String, json: &mut Value) -> u8 {
        let unchecked = self.unchecked();
        let exit = if unchecked.is_empty() { 0 } else { Code::Unreachable.exit_code() };
        unchecked.iter().for_each(|reason| text.push_str(&format!("not checked: {}\n", shown(reason))));
        json["unchecked"] = json!(unchecked);
        json["exit"] = json!(exit);
        exit
    }

    /// Why memberships could not be checked, one line each.
    fn unchecked(&self) -> Vec<String> {
        let known = self.known.borrow();
        let reasons = known.iter().filter_map(|((id, key), (_, why))| Some((id, key, why.as_ref()?)));
        reasons.map(|(id, key, why)| format!("key {key} in keyspace {id}: {why}")).collect()
    }
}

/// A finding for people.
pub(crate) fn finding_text(finding: &Finding) -> String {
    let entries: Vec<String> = finding.cites.iter().map(|cited| cited.index.to_string()).collect();
    let since = finding.since.map(|since| format!(" since {}", time(since))).unwrap_or_default();
    let mut text = format!(
        "{}{since}\n  {}\n  follows from entries {}\n",
        finding.rule.as_str(),
        shown(&finding.detail),
        entries.join(", ")
    );
    for proof in &finding.proofs {
        text.push_str(&format!(
            "  proven: {} key {} is in keyspace {}\n",
            proof.kind,
            proof.key,
            crate::output::short(&proof.keyspace.to_hex())
        ));
    }
    text.push_str(&format!("  id {}\n", finding.id));
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::config::Config;

    #[test]
    fn what_could_not_be_checked_is_said_and_is_no_success() {
        let config = Config::load(BTreeMap::from([("HOME".to_owned(), "/nonexistent".to_owned())]), None).unwrap();
        let client = Client::new("http://127.0.0.1:1", &config).unwrap();
        let memberships = Memberships { client: &client, keyspaces: BTreeMap::new(), known: RefCell::default() };
        let (mut text, mut json) = (String::new(), json!({}));
        assert_eq!(memberships.say_unchecked(&mut text, &mut json), 0);
        assert_eq!((text.as_str(), &json), ("", &json!({ "unchecked": [], "exit": 0 })));
        let key = ContentKey::from_bytes([1; 32]);
        assert_eq!(memberships.contains(KeyspaceId::from_bytes([2; 32]), &key), Membership::Unknown);
        assert_eq!(memberships.say_unchecked(&mut text, &mut json), 20);
        assert!(text.starts_with("not checked: key 0101") && text.ends_with('\n'), "{text}");
        assert_eq!((json["unchecked"].as_array().unwrap().len(), &json["exit"]), (1, &json!(20)));
    }
}
