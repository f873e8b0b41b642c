//! Lists of entries from the verifiable index: complete without following the log.
//!
//! A list is proven under the newest `index-root`, the entries since it are read, and together they hash to the
//! checkpoint (see [`ledger::verify::look_up`]). Complete means: if the root is honest. Who rebuilt the index from the
//! entries and found it so, and up to which size, is looked up as well, from the attestations in the log.

use std::collections::BTreeSet;

use ledger::Code;
use ledger::bundle::Bundle;
use ledger::entry::body_digest;
use ledger::ids::{LeafIndex, RecordId, TreeSize};
use ledger::merkle::{EntryBundleId, decode_bundle};
use ledger::record::kinds::{LogPolicy, Predicate, Verdict};
use ledger::trie::{Lookup, MAX_LOOKUP_LEN, Term};
use ledger::verify::{self, CompleteList, Trust, VerifiedList, VerifiedRecord};
use serde_json::{Value, json};

use crate::client::Client;
use crate::failure::{At, CliError, Result};
use crate::follow::View;
use crate::memory::{Memory, Seen};
use crate::session::Session;
use crate::source::Source;

/// What an attestation says that it found to hold, where it is about the index.
pub(crate) const REBUILT: &str = "INDEX_REBUILT";

/// A list is not looked up if it has more pages than this and a quarter of the log is on it: following the log costs no
/// more then, and is kept for the next time.
const MOST_PAGES: u64 = 16;

/// How often a list that grows under our hands is begun anew.
const ATTEMPTS: u32 = 3;

/// How many attestations are looked at for the newest that counts.
const ATTESTATIONS: usize = 8;

/// A log whose lists are looked up.
#[derive(Debug)]
pub(crate) struct Index<'a> {
    session: &'a Session<'a>,
    client: &'a Client,
    trust: &'a Trust,
    view: View<'a>,
}

/// Somebody who rebuilt the index from the entries, and found its root honest.
#[derive(Debug, Clone)]
pub(crate) struct Rebuilt {
    /// The party that says so.
    pub by: String,
    /// Up to which size.
    pub size: TreeSize,
    /// The entry of the attestation.
    pub entry: LeafIndex,
}

impl<'a> Index<'a> {
    /// The lists of a log at its newest checkpoint, which is held against the memory.
    pub(crate) fn open(session: &'a Session<'a>, source: &'a Source) -> Result<Self> {
        let view = View::open(session, &source.client, &source.trust)?;
        Ok(Self { session, client: &source.client, trust: &source.trust, view })
    }

    /// Everything under a term. `None` if the log has no root of its index yet, or if following it costs no more.
    pub(crate) fn list(&self, term: &Term) -> Result<Option<CompleteList>> {
        for _ in 0..ATTEMPTS {
            let Some(first) = self.ask(term, 0, self.view.seen())? else { return Ok(None) };
            let root = self.verified(&first.root.0.to_string())?;
            let mut list = self.checked(&first, term, &root, self.view.seen())?;
            if let Some(shown) = self.view.shown() {
                // A look-up proves that it extends one earlier tree, and here are two.
                let Some(other) = self.ask(term, 0, Some(shown))? else { return Ok(None) };
                self.checked(&other, term, &root, Some(shown))?;
                if other.checkpoint != first.checkpoint {
                    continue;
                }
            }
            if list.pages() > MOST_PAGES && list.count().0 * 4 > self.view.size().0 {
                return Ok(None);
            }
            if !self.rest(&mut list, term, &root)? {
                continue;
            }
            let size = list.accepted().checkpoint().size();
            let tail = self.entries(list.tail_from(), size)?;
            let complete = list.complete(&tail).at(self.client.base())?;
            Memory::of(&self.session.config).remember(complete.accepted().log(), &first.checkpoint)?;
            return Ok(Some(complete));
        }
        Err(CliError::new(Code::Overloaded, "the index changes faster than the list can be read")
            .at(self.client.base()))
    }

    /// Who rebuilt the index, and up to which size: the attestation that covers most, of the newest few. The newest word of
    /// an issuer about a root is the one that counts, and one that its issuer speaks of again is not relied on.
    pub(crate) fn rebuilt(&self) -> Result<Option<Rebuilt>> {
        let origin = self.view.accepted().checkpoint().origin();
        let Some(subject) = LogPolicy::subject(origin.as_str()).sha256() else { return Ok(None) };
        let Some(list) = self.list(&Term::Subject(subject))? else { return Ok(None) };
        let attests = |index: &&LeafIndex| list.header(**index).is_none_or(|header| header.kind == "audit-attestation");
        let newest = list.indices().iter().rev().filter(attests).take(ATTESTATIONS);
        let mut best: Option<Rebuilt> = None;
        let mut judged: BTreeSet<(String, RecordId)> = BTreeSet::new();
        for index in newest {
            // One that does not verify, or whose body was erased, says nothing.
            let Ok(attestation) = self.verified(&index.to_string()) else { continue };
            let Predicate::AuditAttestation(said) = &attestation.record().predicate else { continue };
            let by = attestation.record().issuer().to_owned();
            let fresh: Vec<RecordId> =
                said.target.iter().map(|target| target.id()).filter(|id| judged.insert((by.clone(), *id))).collect();
            if said.verdict != Verdict::Conformant || !said.properties.iter().any(|property| property == REBUILT) {
                continue;
            }
            if fresh.is_empty() || self.is_named_again(attestation.record().id, &by)? {
                continue;
            }
            for target in fresh {
                let Ok(root) = self.verified(&target.to_hex()) else { continue };
                let Predicate::IndexRoot(stated) = &root.record().predicate else { continue };
                if best.as_ref().is_none_or(|best| best.size.0 < stated.size) {
                    best = Some(Rebuilt { by: by.clone(), size: TreeSize(stated.size), entry: attestation.index() });
                }
            }
        }
        Ok(best)
    }

    /// Whether the issuer of a record names it in a later one: to take it back, to correct it, to put another in its place.
    fn is_named_again(&self, record: RecordId, issuer: &str) -> Result<bool> {
        let Some(list) = self.list(&Term::Ref(record))? else { return Ok(true) };
        // A header that was not sent is not known to be another's.
        Ok(list.indices().iter().any(|index| list.header(*index).is_none_or(|header| header.issuer == issuer)))
    }

    fn ask(&self, term: &Term, page: u64, since: Option<&Seen>) -> Result<Option<Lookup>> {
        let term = percent(&term.to_string());
        let since = since.map(|seen| format!("&since={}", seen.size)).unwrap_or_default();
        let address = format!("/api/v1/lookup?term={term}&page={page}&entries=1{since}");
        match self.client.get_up_to(&address, MAX_LOOKUP_LEN as u64) {
            Ok(reply) => Ok(Some(Lookup::parse(&reply.bytes).at(self.client.base())?)),
            // A log that has no index, or is of a version that knows none.
            Err(error) if matches!(error.code(), Code::IndexUnavailable | Code::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A look-up that verifies, under a checkpoint that extends what was seen of this log.
    fn checked(
        &self,
        lookup: &Lookup,
        term: &Term,
        root: &VerifiedRecord,
        seen: Option<&Seen>,
    ) -> Result<VerifiedList> {
        let list = verify::look_up(lookup, term, root, self.trust).at(self.client.base())?;
        if let (Some(seen), Some(proof)) = (seen, &lookup.consistency) {
            let origin = list.accepted().checkpoint().origin().clone();
            let before = verify::Seen { origin, size: seen.size, root: seen.root };
            match verify::check_advance(&before, list.accepted().checkpoint(), proof) {
                Err(error) if error.code() == Code::Fork => {
                    let memory = Memory::of(&self.session.config);
                    let what = "two trees of the same size";
                    return Err(memory.fork(list.accepted().log(), &seen.note, &lookup.checkpoint, what));
                }
                checked => checked.at(self.client.base())?,
            }
        } else if seen.is_some() {
            let found = "the log does not prove that it extends what was seen of it";
            return Err(CliError::new(Code::ProofInvalid, found).at(self.client.base()));
        }
        Ok(list)
    }

    /// Reads the pages that are missing; `false` if the index moved on meanwhile.
    fn rest(&self, list: &mut VerifiedList, term: &Term, root: &VerifiedRecord) -> Result<bool> {
        while let Some(page) = list.missing_page() {
            let Some(more) = self.ask(term, page, self.view.seen())? else { return Ok(false) };
            if more.root.0 != list.root() {
                return Ok(false);
            }
            let more = self.checked(&more, term, root, self.view.seen())?;
            if more.missing_page() == Some(page) {
                return Err(CliError::new(Code::ProofInvalid, "the log left a page of the list out"))
                    .at(self.client.base());
            }
            list.join(more).at(self.client.base())?;
        }
        Ok(true)
    }

    /// A record by its index or id, verified from its bundle.
    fn verified(&self, name: &str) -> Result<VerifiedRecord> {
        let bytes = self.client.bundle(name)?;
        let bundle = Bundle::parse(&bytes).at(self.client.base())?;
        let report = verify::verify(&bundle, self.trust, &[]);
        let code = report.code().unwrap_or(Code::ProofInvalid);
        let verified = report.verified.ok_or_else(|| {
            CliError::new(code, format!("record {name} does not verify")).at(self.client.base().to_owned())
        })?;
        let same = name == verified.index().to_string() || name == verified.record().id.to_hex();
        if !same || body_digest(&bundle.record.envelope) != verified.record().body {
            return Err(CliError::new(Code::BindingMismatch, "the log answered with another record").at(name));
        }
        Ok(verified)
    }

    /// The entries from a multiple of 256 on, as bytes.
    fn entries(&self, from: TreeSize, size: TreeSize) -> Result<Vec<Vec<u8>>> {
        let mut entries = Vec::new();
        for number in from.0 / EntryBundleId::ENTRIES..size.0.div_ceil(EntryBundleId::ENTRIES) {
            let Some(id) = EntryBundleId::in_tree(number, size) else { break };
            let bytes = self.view.bundle(id)?;
            let decoded = decode_bundle(&bytes, id.width())
                .map_err(|error| CliError::new(Code::ProofInvalid, error.to_string()))
                .at(id)?;
            entries.extend(decoded.into_iter().map(<[u8]>::to_vec));
        }
        Ok(entries)
    }
}

impl Rebuilt {
    /// For people.
    pub(crate) fn words(rebuilt: Option<&Self>) -> String {
        match rebuilt {
            Some(Self { by, size, entry }) => format!("rebuilt up to size {size} by {by} (entry {entry})"),
            None => "not rebuilt by anybody".to_owned(),
        }
    }

    /// For programs.
    pub(crate) fn to_json(rebuilt: Option<&Self>) -> Value {
        rebuilt.map_or(
            Value::Null,
            |Self { by, size, entry }| json!({ "by": by, "size": size.to_string(), "entry": entry.to_string() }),
        )
    }
}

/// RFC 3986: everything but the unreserved characters.
fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_travels_in_a_query() {
        assert_eq!(percent("issuer:a&b=c/ü"), "issuer%3Aa%26b%3Dc%2F%C3%BC");
    }
}
