//! Asking datasets for content keys: which replies to fetch, what they prove, and what follows for a question.
//!
//! The answer is computed here, never by the server. What a server learns is the first bits of a key: all of them in
//! the exact mode, so few that at least a thousand keys share them in the range mode, none when the whole keyspace is
//! fetched. More than three keys of one keyspace count as bulk and are answered from the whole, because a few prefixes
//! together give a person away (DESIGN §7).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use ledger::Code;
use ledger::ids::{ContentKey, KeyspaceId};
use ledger::manifest::{Answer as Membership, Form, Header, Keyspace, Kind, MAX_HEADER, MetaMode, VerifiedRange};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::client::Client;
use crate::datasets::Dataset;
use crate::failure::{CliError, Result};
use crate::files;
use crate::question::{Question, Wanted};
use crate::session::Session;

/// How many keys must share what the server is told (DESIGN §7).
const HIDDEN_AMONG: u64 = 1000;

/// More keys than this to one keyspace give away who asks.
const FEW: usize = 3;

/// The longest prefix that many questions to one keyspace may tell.
const BULK_BITS: u8 = 12;

/// The buckets of the largest reply are 2^16, so a whole keyspace of up to 2^16 buckets is one reply.
const REPLY_BITS: u8 = 16;

/// 2^16 buckets of 32 keys with their rows are 96 MiB; anything larger is no reply.
const MAX_REPLY: u64 = 256 * 1024 * 1024;

/// How to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Mode {
    /// Few keys by range, many from the whole.
    #[default]
    Automatic,
    /// Tell the server the whole key: the smallest reply.
    Exact,
    /// Fetch whole keyspaces: the server learns nothing about the question.
    Local,
}

/// What a dataset answers to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Status {
    /// It is in the dataset, proven.
    Present,
    /// A proof did not hold: somebody is wrong.
    Invalid,
    /// It cannot be told.
    Unknown,
    /// It is not in the dataset as declared, proven.
    Absent,
    /// The dataset does not declare this kind of content.
    NotCovered,
}

impl Status {
    /// The word.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Invalid => "invalid",
            Self::Unknown => "unknown",
            Self::Absent => "absent",
            Self::NotCovered => "not-covered",
        }
    }
}

/// One look into one keyspace.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    /// What was looked for.
    pub what: String,
    /// In which keyspace.
    pub keyspace: KeyspaceId,
    /// How its keys are made.
    pub spec: String,
    /// What came of it.
    pub status: Status,
    /// Why, if it is neither present nor absent.
    pub reason: Option<String>,
    /// How many bits of the key the server was told.
    pub told: u8,
    /// How many keys of the keyspace share them.
    pub among: u64,
    /// The licence that the manifest states for the item.
    pub license: Option<String>,
    /// Whether its absence says anything about the question.
    decides: bool,
}

/// What a dataset answers, and from what.
#[derive(Debug, Clone)]
pub(crate) struct DatasetAnswer {
    /// The answer.
    pub status: Status,
    /// One sentence.
    pub reason: String,
    /// Every look.
    pub looks: Vec<Look>,
}

impl DatasetAnswer {
    /// For programs.
    pub(crate) fn to_json(&self) -> Value {
        let looks: Vec<Value> = self
            .looks
            .iter()
            .map(|look| {
                json!({
                    "what": look.what, "keyspace": look.keyspace, "spec": look.spec, "status": look.status.as_str(),
                    "reason": look.reason, "bitsTold": look.told, "hiddenAmong": look.among.to_string(),
                    "license": look.license,
                })
            })
            .collect();
        json!({ "status": self.status.as_str(), "reason": self.reason, "looks": looks })
    }

    /// The licences that the manifest states for what was found.
    pub(crate) fn licenses(&self) -> BTreeSet<&str> {
        self.looks.iter().filter(|look| look.status == Status::Present).filter_map(|l| l.license.as_deref()).collect()
    }
}

/// A reply that was fetched: verified, or the reason why this keyspace cannot answer.
type Fetched = std::result::Result<VerifiedRange, Cannot>;

/// Why a keyspace cannot answer; only `proof_invalid` is somebody's fault.
#[derive(Debug, Clone)]
struct Cannot {
    code: Code,
    reason: String,
}

/// Fetches and verifies replies; each is fetched once.
#[derive(Debug)]
pub(crate) struct Asker<'a> {
    client: &'a Client,
    folder: PathBuf,
    mode: Mode,
    /// How many different keys go to each keyspace.
    load: BTreeMap<KeyspaceId, BTreeSet<ContentKey>>,
    ranges: BTreeMap<(KeyspaceId, u8, u64), Fetched>,
    headers: BTreeMap<KeyspaceId, Option<Header>>,
}

/// One keyspace that may answer for a key.
struct Candidate<'a> {
    keyspace: Keyspace,
    disclosure: &'a str,
    wanted: &'a Wanted,
    decides: bool,
}

impl<'a> Asker<'a> {
    /// Plans the questions: what is asked together decides how it is asked.
    pub(crate) fn new(
        session: &Session,
        client: &'a Client,
        mode: Mode,
        questions: &[Question],
        datasets: &[Dataset],
    ) -> Self {
        let mut load: BTreeMap<KeyspaceId, BTreeSet<ContentKey>> = BTreeMap::new();
        for dataset in datasets {
            let rows = dataset.declarations();
            for question in questions {
                for candidate in candidates(question, &rows) {
                    load.entry(candidate.keyspace.id()).or_default().insert(candidate.wanted.key);
                }
            }
        }
        let folder = session.config.cache.value.join("manifests");
        Self { client, folder, mode, load, ranges: BTreeMap::new(), headers: BTreeMap::new() }
    }

    /// What a dataset answers to a question.
    pub(crate) fn ask(&mut self, question: &Question, dataset: &Dataset) -> Result<DatasetAnswer> {
        let rows = dataset.declarations();
        let unreadable = rows.iter().filter(|row| readable(row.as_ref()).is_none()).count();
        let mut looks = Vec::new();
        for candidate in candidates(question, &rows) {
            looks.push(self.look(&candidate)?);
        }
        Ok(judge(question, looks, unreadable))
    }

    fn look(&mut self, candidate: &Candidate<'_>) -> Result<Look> {
        let keyspace = &candidate.keyspace;
        let mut look = Look {
            what: candidate.wanted.what.clone(),
            keyspace: keyspace.id(),
            spec: keyspace.spec().to_string(),
            status: Status::Unknown,
            reason: None,
            told: 0,
            among: 0,
            license: None,
            decides: candidate.decides,
        };
        if candidate.disclosure == "closed" {
            look.reason = Some("the manifest is closed: only its root is public".to_owned());
            return Ok(look);
        }
        let depth = match self.depth(keyspace) {
            Ok(depth) => depth,
            Err(reason) => {
                look.reason = Some(reason);
                return Ok(look);
            }
        };
        match self.range(keyspace, depth, prefix(&candidate.wanted.key, depth))? {
            Err(cannot) => {
                if cannot.code == Code::ProofInvalid {
                    look.status = Status::Invalid;
                }
                look.reason = Some(cannot.reason.clone());
            }
            Ok(range) => match range.answer(&candidate.wanted.key) {
                Some(answer) => {
                    look.told = answer.proof().depth();
                    look.among = answer.proof().keys();
                    if let Membership::Present { meta, .. } = &answer {
                        look.status = Status::Present;
                        let meta = *meta;
                        let header = self.header(keyspace)?;
                        look.license = meta.and_then(|meta| header?.license(&meta).map(str::to_owned));
                    } else if candidate.disclosure == "complete" {
                        look.status = Status::Absent;
                    } else {
                        look.reason = Some("not in the part that was declared; the rest is not declared".to_owned());
                    }
                }
                None => {
                    look.status = Status::Invalid;
                    look.reason = Some("the reply is for another prefix".to_owned());
                }
            },
        }
        Ok(look)
    }

    /// How many bits of a key to tell.
    fn depth(&self, keyspace: &Keyspace) -> Result<u8, String> {
        let t = keyspace.t();
        let whole = t.saturating_sub(REPLY_BITS);
        let many = self.load.get(&keyspace.id()).is_some_and(|keys| keys.len() > FEW);
        match self.mode {
            Mode::Exact => Ok(t),
            Mode::Automatic if !many => Ok(keyspace.depth_for(HIDDEN_AMONG).max(whole)),
            _ if whole <= BULK_BITS => Ok(whole),
            _ => Err("the keyspace is too large to be asked for many keys at once without telling who asks; ask for \
                      three at most, or pass --exact"
                .to_owned()),
        }
    }

    /// All keys under a prefix, verified; the error is a reason to show.
    fn range(&mut self, keyspace: &Keyspace, depth: u8, prefix: u64) -> Result<&Fetched> {
        let place = (keyspace.id(), depth, prefix);
        if !self.ranges.contains_key(&place) {
            let range = self.fetch(keyspace, depth, prefix)?;
            self.ranges.insert(place, range);
        }
        self.ranges.get(&place).ok_or_else(|| CliError::new(Code::Internal, "a reply was lost"))
    }

    fn fetch(&self, keyspace: &Keyspace, depth: u8, prefix: u64) -> Result<Fetched> {
        let path = self.folder.join(keyspace.id().to_hex()).join(format!("{depth}-{prefix}"));
        if let Ok(bytes) = files::read(&path, usize::try_from(MAX_REPLY).unwrap_or(usize::MAX))
            && let Ok(range) = VerifiedRange::verify(keyspace, depth, prefix, &bytes)
        {
            return Ok(Ok(range));
        }
        let address = self.client.reply_address(keyspace.id(), depth, prefix, MetaMode::Rows);
        let bytes = match self.client.get_up_to(&address, MAX_REPLY) {
            Ok(reply) => reply.bytes,
            Err(error) if matches!(error.code(), Code::NotFound | Code::ManifestUnknown) => {
                let reason = "files not held by this log".to_owned();
                return Ok(Err(Cannot { code: error.code(), reason }));
            }
            Err(error) => return Err(error),
        };
        match VerifiedRange::verify(keyspace, depth, prefix, &bytes) {
            Ok(range) => {
                if let Some(folder) = path.parent() {
                    // A cache that cannot be written costs time, not the answer.
                    let _ = files::make_dir(folder).and_then(|()| files::write(&path, &bytes));
                }
                Ok(Ok(range))
            }
            Err(error) => Ok(Err(Cannot { code: Code::ProofInvalid, reason: error.detail().to_owned() })),
        }
    }

    /// The header of a keyspace, whose digest the signed record holds: it names the licences.
    fn header(&mut self, keyspace: &Keyspace) -> Result<Option<&Header>> {
        let id = keyspace.id();
        if !self.headers.contains_key(&id) {
            let found = self.client.find(&format!("/manifests/{id}/header.json"))?.map(|reply| reply.bytes);
            let genuine = found.filter(|bytes| {
                bytes.len() <= MAX_HEADER && Sha256::digest(bytes).as_slice() == id.as_bytes().as_slice()
            });
            let header = genuine.and_then(|bytes| Header::parse(&bytes).ok()).map(|(header, _)| header);
            self.headers.insert(id, header);
        }
        Ok(self.headers.get(&id).and_then(Option::as_ref))
    }
}

/// A row as a keyspace that this version can verify.
fn readable(row: Option<&ledger::manifest::Declaration>) -> Option<Keyspace> {
    row.and_then(|row| Keyspace::declared(row).ok())
}

/// The keyspaces that can say something about a question.
fn candidates<'a>(question: &'a Question, rows: &'a [Option<ledger::manifest::Declaration>]) -> Vec<Candidate<'a>> {
    let mut found = Vec::new();
    for row in rows.iter().flatten() {
        let Some(keyspace) = readable(Some(row)) else { continue };
        for wanted in question.wanted.iter().filter(|wanted| wanted.kind == keyspace.kind()) {
            let Some(same_form) = fits(question.form, keyspace.spec().form()) else { continue };
            let decides = same_form && is_decisive(question, wanted.kind);
            found.push(Candidate { keyspace: keyspace.clone(), disclosure: &row.disclosure, wanted, decides });
        }
    }
    found
}

/// Whether a text of this form can be found among keys of that form, and whether its absence there says anything.
///
/// A text without markup may stand so in a source too: a hit there is a hit, but a miss says nothing, since the source
/// may have markup where the reader sees none.
fn fits(asked: Option<Form>, keyed: Option<Form>) -> Option<bool> {
    match (asked, keyed) {
        (_, None) => Some(true),
        (Some(asked), Some(keyed)) if asked == keyed => Some(true),
        (Some(Form::Plain), Some(_)) => Some(false),
        _ => None,
    }
}

/// Whether a kind answers the question: one that is asked by paragraph is not answered by whole texts.
fn is_decisive(question: &Question, kind: Kind) -> bool {
    kind != Kind::TextN1 || !question.has_paragraphs()
}

/// What follows from all looks.
fn judge(question: &Question, looks: Vec<Look>, unreadable: usize) -> DatasetAnswer {
    let with = |status: Status| looks.iter().filter(move |look| look.status == status);
    let first_reason = |status: Status| with(status).find_map(|look| look.reason.clone()).unwrap_or_default();
    let (status, reason) = if let Some(look) = with(Status::Present).next() {
        let found: BTreeSet<&str> = with(Status::Present).map(|look| look.what.as_str()).collect();
        let asked: BTreeSet<&str> = question.wanted.iter().map(|wanted| wanted.what.as_str()).collect();
        let reason = match found.len() {
            1 => format!("{} is in it", look.what),
            n => format!("{n} of {} ways of asking found it", asked.len()),
        };
        (Status::Present, reason)
    } else if with(Status::Invalid).next().is_some() {
        (Status::Invalid, format!("a proof does not hold: {}", first_reason(Status::Invalid)))
    } else if looks.iter().any(|look| look.decides) {
        let unknown = looks.iter().find(|look| look.decides && look.status == Status::Unknown);
        match unknown {
            Some(look) => (Status::Unknown, look.reason.clone().unwrap_or_default()),
            None => (Status::Absent, "not among the declared contents".to_owned()),
        }
    } else if unreadable > 0 {
        (Status::Unknown, "it declares keys in a way that this version does not know".to_owned())
    } else {
        let form = question.form.map(|form| format!(" as {}", form.as_str())).unwrap_or_default();
        (Status::NotCovered, format!("it does not declare this kind of content{form}"))
    };
    DatasetAnswer { status, reason, looks }
}

/// The first bits of a key as a number.
fn prefix(key: &ContentKey, bits: u8) -> u64 {
    let first = key.as_bytes().iter().take(8).fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    if bits == 0 { 0 } else { first >> (64 - u32::from(bits)) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_prefix_is_the_first_bits() {
        let mut bytes = [0; 32];
        bytes[0] = 0b1010_0000;
        bytes[1] = 0xff;
        let key = ContentKey::from_bytes(bytes);
        assert_eq!((prefix(&key, 0), prefix(&key, 3), prefix(&key, 12)), (0, 5, 0xa0f));
    }

    #[test]
    fn a_plain_text_may_be_found_in_a_source_but_its_absence_there_says_nothing() {
        assert_eq!(fits(Some(Form::Plain), Some(Form::Wikitext)), Some(false));
        assert_eq!(fits(Some(Form::Plain), Some(Form::Plain)), Some(true));
        assert_eq!(fits(Some(Form::Wikitext), Some(Form::Plain)), None);
        assert_eq!(fits(Some(Form::Plain), None), Some(true));
    }
}
