//! Asking datasets for content keys: how each keyspace is asked, what the replies prove, and what follows for a question.
//!
//! The answer is computed here, never by the server. What a server learns is the first bits of a key: all of them in the
//! exact mode, so few that at least a thousand keys share them in the range mode, and nothing where the whole keyspace or a
//! bitmap is fetched. More than three keys of one keyspace count as bulk: they are answered from the whole, or by prefixes of
//! at most twelve bits, because a few finer ones together give a person away. DESIGN §7, figures in `docs/PRIVACY.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use ledger::Code;
use ledger::ids::{ContentKey, KeyspaceId, SubjectDigest};
use ledger::manifest::{
    Answer as Membership, Asked as Thing, Bearing, Declaration, Header, Keyspace, Kind, MAX_BULK_DEPTH, MAX_SINGLE,
    Meta, Part, Question, SHARED_RUN, Status, UniverseRow, is_numbered,
};
use serde_json::{Value, json};

use crate::client::Client;
use crate::datasets::Dataset;
use crate::failure::{CliError, Result};
use crate::rollups::{Place, Rollups};
use crate::session::Session;
use fetch::{Cannot, Fetched};
use numbers::Numbers;
use rolled::Rolled;
use whole::Whole;

mod fetch;
mod numbers;
mod rolled;
mod whole;

/// How many keys must share what the server is told (DESIGN §7).
const HIDDEN_AMONG: u64 = 1000;

/// The buckets of the largest reply are 2^16, so a prefix may be at most sixteen bits shorter than the tree is high.
const REPLY_BITS: u8 = 16;

/// Up to this size the whole keyspace is fetched for a question in bulk without asking: a million keys with their rows.
const SMALL: u64 = 64 << 20;

/// Looks of one answer that are shown to programs beside those that found something.
const MAX_MISSES: usize = 100;

/// How to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Mode {
    /// Few keys by range, many from the whole or by short prefixes.
    #[default]
    Automatic,
    /// Tell the server the whole key: the smallest reply.
    Exact,
    /// Tell the server so many bits, or as many as a thousand keys share.
    Range(Option<u8>),
    /// Fetch whole keyspaces or bitmaps: the server learns nothing about the question.
    Local,
}

/// What the server was told for a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// It was not asked.
    NotAsked,
    /// So many bits, which so many keys share.
    Bits(u8, u64),
    /// So many bits, which so many keys of all datasets share: a roll-up run was asked.
    RolledUp(u8, u64),
    /// Nothing: all keys of the keyspace, of this number, were fetched.
    Whole(u64),
    /// Nothing: a bitmap or a universe of so many numbers was fetched.
    Numbers(u64),
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
    /// What the server was told.
    pub told: Told,
    /// The licence that the manifest states for the item.
    pub license: Option<String>,
    /// Which part of the question.
    part: usize,
    bearing: Bearing,
}

impl Look {
    /// A look that has found nothing yet.
    fn unknown(candidate: &Candidate<'_>) -> Self {
        Self {
            what: candidate.part.to_string(),
            keyspace: candidate.keyspace.id(),
            spec: candidate.keyspace.spec().to_string(),
            status: Status::Unknown,
            reason: None,
            told: Told::NotAsked,
            license: None,
            part: candidate.number,
            bearing: candidate.bearing,
        }
    }

    /// A miss that was proven: what it means depends on what the manifest says of itself.
    fn miss(&mut self, told: Told, row: &Declaration) {
        self.told = told;
        match row.disclosure.as_str() {
            "complete" => self.status = Status::Absent,
            "closed" => self.reason = Some("the manifest is closed: it does not say that it holds all".to_owned()),
            _ => self.reason = Some("not in the part that was declared; the rest is not declared".to_owned()),
        }
    }

    fn to_json(&self) -> Value {
        let (mode, bits, among) = match self.told {
            Told::NotAsked => ("none", 0, 0),
            Told::Bits(bits, among) => ("prefix", bits, among),
            Told::RolledUp(bits, among) => ("roll-up", bits, among),
            Told::Whole(n) => ("whole", 0, n),
            Told::Numbers(n) => ("bitmap", 0, n),
        };
        json!({
            "what": self.what, "keyspace": self.keyspace, "spec": self.spec, "status": self.status.as_str(),
            "reason": self.reason, "mode": mode, "bitsTold": bits, "hiddenAmong": among.to_string(),
            "license": self.license,
        })
    }
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
    /// What is not there and something near it is: pages that may be meant.
    pub nearest: Vec<Look>,
    /// How many parts of the question were found, and how many there are.
    pub found: (usize, usize),
}

impl DatasetAnswer {
    /// For programs.
    pub(crate) fn to_json(&self) -> Value {
        let hits = self.looks.iter().filter(|look| look.status == Status::Present);
        let misses = self.looks.iter().filter(|look| look.status != Status::Present);
        let left_out = misses.clone().count().saturating_sub(MAX_MISSES);
        let looks: Vec<Value> = hits.chain(misses.take(MAX_MISSES)).map(Look::to_json).collect();
        let nearest: Vec<Value> = self.nearest.iter().map(Look::to_json).collect();
        json!({
            "status": self.status.as_str(), "reason": self.reason, "looks": looks, "looksLeftOut": left_out,
            "partsFound": self.found.0, "partsAsked": self.found.1, "nearest": nearest,
            "doesNotMean": self.status.does_not_mean(),
        })
    }

    /// The parts of the question that were found.
    pub(crate) fn hits(&self) -> BTreeSet<usize> {
        self.looks.iter().filter(|look| look.status == Status::Present).map(|look| look.part).collect()
    }

    /// The parts of the question that were looked for where their absence says something, and are not there.
    pub(crate) fn missed(&self) -> BTreeSet<usize> {
        let hits = self.hits();
        let absent = self.looks.iter().filter(|l| l.status == Status::Absent && l.bearing == Bearing::Decides);
        absent.map(|look| look.part).filter(|part| !hits.contains(part)).collect()
    }

    /// The answer's question, as a citation puts it: what was found of it, or all of it.
    pub(crate) fn cited(&self, question: &Question) -> String {
        match self.status {
            Status::Present => question.found_in_words(&self.hits(), &self.missed()),
            _ => question.in_words(),
        }
    }

    /// The licences that the manifest states for what was found.
    pub(crate) fn licenses(&self) -> BTreeSet<&str> {
        self.looks.iter().filter(|look| look.status == Status::Present).filter_map(|l| l.license.as_deref()).collect()
    }
}

/// What replies are kept by. Two signed rows may name one keyspace and another root, and what was proven under one of them
/// says nothing about the other.
type Contents = (KeyspaceId, [u8; 32], u64, u8);

fn contents(keyspace: &Keyspace) -> Contents {
    (keyspace.id(), *keyspace.root().as_bytes(), keyspace.n(), keyspace.t())
}

/// How a keyspace is asked.
enum Way {
    Prefix(u8),
    Whole,
    Numbers,
}

/// A keyspace of a dataset, with its row.
struct Candidate<'a> {
    keyspace: &'a Keyspace,
    row: &'a Declaration,
    key: &'a ContentKey,
    part: &'a Part,
    number: usize,
    bearing: Bearing,
}

/// Fetches and verifies replies; each is fetched once.
#[derive(Debug)]
pub(crate) struct Asker<'a> {
    session: &'a Session<'a>,
    client: &'a Client,
    folder: PathBuf,
    mode: Mode,
    /// How many different keys go to each keyspace, and whether some of them may only be looked for here.
    load: BTreeMap<KeyspaceId, (BTreeSet<ContentKey>, bool)>,
    /// Where a universe's file is: the keyspace that it stands beside.
    universes: BTreeMap<SubjectDigest, (KeyspaceId, UniverseRow)>,
    ranges: BTreeMap<(Contents, u8, u64), Fetched>,
    wholes: BTreeMap<Contents, std::result::Result<Whole, Cannot>>,
    numbers: BTreeMap<Contents, std::result::Result<Numbers, Cannot>>,
    headers: BTreeMap<KeyspaceId, Option<(Header, Keyspace)>>,
    rollups: &'a Rollups,
    replies: BTreeMap<(KeyspaceId, u8, u64), Rolled>,
}

impl<'a> Asker<'a> {
    /// Plans the questions: what is asked together decides how it is asked.
    ///
    /// # Errors
    /// `bulk_refused` if more than three keys of a keyspace would be told to more than twelve bits.
    pub(crate) fn new(
        session: &'a Session<'a>,
        client: &'a Client,
        mode: Mode,
        questions: &[&Question],
        datasets: &[Dataset],
        rollups: &'a Rollups,
    ) -> Result<Self> {
        let mut load: BTreeMap<KeyspaceId, (BTreeSet<ContentKey>, bool)> = BTreeMap::new();
        let mut universes = BTreeMap::new();
        for dataset in datasets {
            let rows = readable(dataset);
            for (row, keyspace) in rows.iter().flatten() {
                if let Some(universe) = &row.universe {
                    universes.entry(universe.sha256).or_insert_with(|| (keyspace.id(), universe.clone()));
                }
            }
            for question in questions {
                for candidate in candidates(question, &rows) {
                    let (keys, local) = load.entry(candidate.keyspace.id()).or_default();
                    keys.insert(*candidate.key);
                    *local |= question.local_only();
                    let keyspace = candidate.keyspace;
                    let place = rollups.place(dataset, keyspace.kind(), keyspace.id(), keyspace.n());
                    if let Some(Place::Covered(run, _)) = place {
                        load.entry(run.keyspace().id()).or_default().0.insert(*candidate.key);
                    }
                }
            }
        }
        let fine = match mode {
            Mode::Exact => Some("the whole of each key".to_owned()),
            Mode::Range(Some(bits)) if bits > MAX_BULK_DEPTH => Some(format!("{bits} bits of each key")),
            _ => None,
        };
        if let (Some(told), Some((keys, local))) =
            (fine, load.values().find(|(keys, local)| keys.len() > MAX_SINGLE || *local))
        {
            let why =
                if *local { "which together name who asks".to_owned() } else { format!("for {} keys", keys.len()) };
            return Err(CliError::new(Code::BulkRefused, format!("the log would be told {told}, {why}")));
        }
        let folder = session.config.cache.value.join("manifests");
        Ok(Self {
            session,
            client,
            folder,
            mode,
            load,
            universes,
            ranges: BTreeMap::new(),
            wholes: BTreeMap::new(),
            numbers: BTreeMap::new(),
            headers: BTreeMap::new(),
            rollups,
            replies: BTreeMap::new(),
        })
    }

    /// What a dataset answers to a question.
    pub(crate) fn ask(&mut self, question: &Question, dataset: &Dataset) -> Result<DatasetAnswer> {
        let rows = readable(dataset);
        let unreadable = rows.iter().filter(|row| row.is_none()).count();
        let mut looks = Vec::new();
        let mut rolled_up = false;
        for candidate in candidates(question, &rows) {
            let rolled = self.rolled(dataset, &candidate)?;
            rolled_up |= rolled.is_some();
            looks.push(match rolled {
                Some(look) => look,
                None => self.look(&candidate)?,
            });
        }
        let mut answer = judge(question, looks, unreadable);
        // What is near would be looked for in each dataset of a roll-up; whoever wants it asks that dataset alone.
        if !question.local_only() && !rolled_up {
            // Asked for whatever was found: that it is asked for must not tell the server that something is missing.
            let nearest = self.nearest(question, &rows)?;
            if answer.status != Status::Present {
                answer.nearest = nearest;
            }
        }
        Ok(answer)
    }

    /// Pages that may be meant by what was not found, as far as the dataset holds them.
    fn nearest(&mut self, question: &Question, rows: &[Option<(Declaration, Keyspace)>]) -> Result<Vec<Look>> {
        let mut found = Vec::new();
        for (row, keyspace) in rows.iter().flatten().filter(|(_, keyspace)| keyspace.kind() == Kind::MwTitle) {
            // Keys of titles name their wiki, which the header of the keyspace says.
            let Some(wiki) = self.header(keyspace)?.and_then(|h| h.source().wiki.clone()) else { continue };
            let Ok(wiki) = wiki.parse() else { continue };
            let near = question.nearest(&wiki);
            for (number, part) in near.parts().iter().enumerate() {
                for key in part.keys() {
                    let candidate = Candidate { keyspace, row, key, part, number, bearing: Bearing::Hints };
                    let look = self.look(&candidate)?;
                    found.extend((look.status == Status::Present).then_some(look));
                }
            }
        }
        Ok(found)
    }

    fn look(&mut self, candidate: &Candidate<'_>) -> Result<Look> {
        let Candidate { keyspace, row, key, part, .. } = *candidate;
        let mut look = Look::unknown(candidate);
        let found = match self.way(keyspace, row) {
            Err(reason) => Err(Cannot { code: Code::BulkRefused, reason }),
            Ok(Way::Whole) => self.in_whole(keyspace, key)?,
            Ok(Way::Numbers) => self.in_numbers(keyspace, row, part)?,
            Ok(Way::Prefix(depth)) => self.by_prefix(keyspace, depth, key)?,
        };
        // The header names licences and is needed only for a hit; that it is fetched must not tell the server of one.
        if !matches!(&found, Err(cannot) if cannot.code == Code::BulkRefused) && self.is_not_its_headers(keyspace)? {
            look.status = Status::Invalid;
            look.reason = Some("what was signed of the keyspace is not what its own header says".to_owned());
            return Ok(look);
        }
        match found {
            Err(cannot) => {
                if cannot.code == Code::ProofInvalid {
                    look.status = Status::Invalid;
                }
                look.reason = Some(cannot.reason);
            }
            Ok((told, true, meta)) => {
                look.status = Status::Present;
                look.told = told;
                look.license = self.license(keyspace, meta.as_ref())?;
            }
            Ok((told, false, _)) => {
                look.miss(told, row);
                self.of_another_wiki(&mut look, keyspace, part)?;
            }
        }
        Ok(look)
    }

    /// Pages of another wiki than the one that the contents are of are no part of what is complete about them.
    fn of_another_wiki(&mut self, look: &mut Look, keyspace: &Keyspace, part: &Part) -> Result<()> {
        let Some(asked) = part.wiki().filter(|_| look.status == Status::Absent) else { return Ok(()) };
        let Some(header) = self.header(keyspace)? else {
            look.status = Status::Unknown;
            look.reason = Some("of which wiki its pages are is not known: the header is not held".to_owned());
            return Ok(());
        };
        let of = header.source().wiki.clone();
        if let Some(of) = of.filter(|of| of != asked.as_str()) {
            look.status = Status::NotCovered;
            look.reason = Some(format!("its pages are those of {of}, not of {asked}"));
        }
        Ok(())
    }

    /// How a keyspace is asked, or why it cannot be.
    fn way(&self, keyspace: &Keyspace, row: &Declaration) -> std::result::Result<Way, String> {
        let (t, closed) = (keyspace.t(), row.disclosure == "closed");
        let (many, local_only) =
            self.load.get(&keyspace.id()).map_or((false, false), |(keys, local)| (keys.len() > MAX_SINGLE, *local));
        let shortest = t.saturating_sub(REPLY_BITS);
        let hidden = keyspace.depth_for(HIDDEN_AMONG).max(shortest);
        let short = if hidden <= MAX_BULK_DEPTH || shortest <= MAX_BULK_DEPTH {
            Ok(Way::Prefix(hidden.min(MAX_BULK_DEPTH)))
        } else {
            Err("the keyspace is too large to be asked for many keys at once without telling who asks".to_owned())
        };
        let numbered = is_numbered(keyspace.kind()) && (row.universe.is_some() || row.bitmap.is_some());
        let (keys, rows) = keyspace.whole_len();
        match self.mode {
            Mode::Local | Mode::Automatic if self.mode == Mode::Local || local_only => match (closed, numbered) {
                (true, _) => {
                    Err("the manifest is closed: its keys are not published, only replies by prefix".to_owned())
                }
                (false, true) => Ok(Way::Numbers),
                (false, false) => Ok(Way::Whole),
            },
            _ if local_only => Err("such a list is only answered from whole keyspaces or bitmaps".to_owned()),
            // A closed manifest shows at least a thousand keys at once or none.
            Mode::Exact if !closed => Ok(Way::Prefix(t)),
            Mode::Range(Some(bits)) if !many => Ok(Way::Prefix(bits.min(t).max(shortest))),
            Mode::Range(Some(bits)) => short.map(|_| Way::Prefix(bits.min(t).max(shortest))),
            Mode::Automatic if many && !closed && numbered => Ok(Way::Numbers),
            Mode::Automatic if many && !closed && keys.saturating_add(rows) <= SMALL => Ok(Way::Whole),
            _ if many => short,
            _ => Ok(Way::Prefix(hidden)),
        }
    }

    /// The licence that the manifest states: of the item, or of all items if there is only one.
    fn license(&mut self, keyspace: &Keyspace, meta: Option<&Meta>) -> Result<Option<String>> {
        let header = self.header(keyspace)?;
        Ok(header.and_then(|header| match (meta, header.licenses()) {
            (Some(meta), _) => header.license(meta).map(str::to_owned),
            (None, [only]) => Some(only.clone()),
            _ => None,
        }))
    }
}

/// What a look came to: what the server was told, whether the key is there, and its row.
type Found = std::result::Result<(Told, bool, Option<Meta>), Cannot>;

impl Asker<'_> {
    fn by_prefix(&mut self, keyspace: &Keyspace, depth: u8, key: &ContentKey) -> Result<Found> {
        let range = match self.range(keyspace, depth, keyspace.prefix(key, depth))? {
            Ok(range) => range,
            Err(cannot) => return Ok(Err(cannot.clone())),
        };
        let Some(answer) = range.answer(key) else {
            return Ok(Err(Cannot::proof("the reply is for another prefix")));
        };
        let told = Told::Bits(answer.proof().depth(), answer.proof().keys());
        Ok(Ok(match answer {
            Membership::Present { meta, .. } => (told, true, meta),
            Membership::Absent { .. } => (told, false, None),
        }))
    }

    fn in_whole(&mut self, keyspace: &Keyspace, key: &ContentKey) -> Result<Found> {
        if !self.wholes.contains_key(&contents(keyspace)) {
            let whole = self.fetch_whole(keyspace)?;
            self.wholes.insert(contents(keyspace), whole);
        }
        let told = Told::Whole(keyspace.n());
        match self.wholes.get(&contents(keyspace)) {
            Some(Ok(whole)) => Ok(Ok(match whole.find(key)? {
                Some(meta) => (told, true, meta),
                None => (told, false, None),
            })),
            Some(Err(cannot)) => Ok(Err(cannot.clone())),
            None => Err(CliError::new(Code::Internal, "a keyspace was lost")),
        }
    }

    fn in_numbers(&mut self, keyspace: &Keyspace, row: &Declaration, part: &Part) -> Result<Found> {
        if !self.numbers.contains_key(&contents(keyspace)) {
            let numbers = self.fetch_numbers(keyspace, row)?;
            self.numbers.insert(contents(keyspace), numbers);
        }
        let (Thing::Page(wiki, id) | Thing::Revision(wiki, id)) = part.asked() else {
            return Ok(Err(Cannot { code: Code::Internal, reason: "not asked by a number".to_owned() }));
        };
        Ok(match self.numbers.get(&contents(keyspace)) {
            Some(Ok(numbers)) => Ok((Told::Numbers(numbers.len()), numbers.holds(wiki, *id), None)),
            Some(Err(cannot)) => Err(cannot.clone()),
            None => return Err(CliError::new(Code::Internal, "a bitmap was lost")),
        })
    }
}

/// The rows of a dataset with their keyspaces; `None` for one that this version cannot read.
fn readable(dataset: &Dataset) -> Vec<Option<(Declaration, Keyspace)>> {
    let rows = dataset.declarations().into_iter();
    rows.map(|row| row.and_then(|row| Keyspace::declared(&row).ok().map(|keyspace| (row, keyspace)))).collect()
}

/// The keyspaces that can say something about a question.
fn candidates<'a>(question: &'a Question, rows: &'a [Option<(Declaration, Keyspace)>]) -> Vec<Candidate<'a>> {
    let mut found = Vec::new();
    for (row, keyspace) in rows.iter().flatten() {
        for (number, part) in question.parts().iter().enumerate() {
            let Some(bearing) = question.bearing(part, keyspace.spec()) else { continue };
            found.extend(part.keys().iter().map(|key| Candidate { keyspace, row, key, part, number, bearing }));
        }
    }
    found
}

/// What follows from all looks.
fn judge(question: &Question, looks: Vec<Look>, unreadable: usize) -> DatasetAnswer {
    let status = Status::of_looks(looks.iter().map(|look| (look.status, look.bearing)), unreadable);
    let parts = question.parts().len();
    let hits: BTreeSet<usize> = looks.iter().filter(|l| l.status == Status::Present).map(|look| look.part).collect();
    let first = |status: Status| looks.iter().find(|look| look.status == status);
    let because = |status: Status| first(status).and_then(|look| look.reason.clone()).unwrap_or_default();
    let reason = match status {
        Status::Present if question.local_only() => counted(question, &hits),
        Status::Present if hits.iter().all(|hit| question.parts()[*hit].kind() == Kind::SpanN1) => {
            format!("a run of at least {SHARED_RUN} characters of it is in it; no paragraph as a whole")
        }
        Status::Present if hits.len() == 1 => {
            first(Status::Present).map_or_else(String::new, |l| format!("{} is in it", l.what))
        }
        Status::Present => format!("{} of {parts} parts of the question are in it", hits.len()),
        Status::Invalid => format!("a proof does not hold: {}", because(Status::Invalid)),
        Status::Unknown if looks.iter().any(|look| look.status == Status::Unknown) => because(Status::Unknown),
        Status::Unknown => "it declares keys in a way that this version does not know".to_owned(),
        Status::Absent => "not among the declared contents".to_owned(),
        Status::NotCovered if looks.iter().any(|look| look.status == Status::NotCovered) => because(Status::NotCovered),
        Status::NotCovered => {
            let form = question.form().map(|form| format!(" as {}", form.as_str())).unwrap_or_default();
            format!("it does not declare this kind of content{form}")
        }
    };
    DatasetAnswer { status, reason, found: (hits.len(), parts), looks, nearest: Vec::new() }
}

/// `12 of 40 pages, 7 of 52 revisions`
fn counted(question: &Question, hits: &BTreeSet<usize>) -> String {
    let of = |kind: Kind, what: &str| {
        let all: Vec<usize> =
            question.parts().iter().enumerate().filter(|(_, part)| part.kind() == kind).map(|(i, _)| i).collect();
        let found = all.iter().filter(|place| hits.contains(place)).count();
        (!all.is_empty()).then(|| format!("{found} of {} {what}", all.len()))
    };
    let counts = [of(Kind::MwPage, "pages"), of(Kind::MwRev, "revisions")];
    format!("{} are in it", counts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}
