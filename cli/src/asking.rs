//! Asking datasets for content keys: how each keyspace is asked, what the replies prove, and what follows for a question.
//!
//! The answer is computed here, never by the server. What a server learns is the first bits of a key: all of them in the
//! exact mode, so few that at least a thousand keys share them in the range mode, and nothing where the whole keyspace or a
//! bitmap is fetched. More than three keys of one keyspace count as bulk: they are answered from the whole, or by prefixes of
//! at most twelve bits, because a few finer ones together give a person away. DESIGN §7, figures in `docs/PRIVACY.md`.

mod answer;
mod fetch;
mod numbers;
mod rolled;
mod way;
mod whole;

use std::collections::BTreeMap;
use std::path::PathBuf;

use ledger::Code;
use ledger::ids::{ContentKey, KeyspaceId, SubjectDigest};
use ledger::manifest::{
    Answer as Membership, Asked as Thing, Bearing, Declaration, Header, Keyspace, Kind, Meta, Part, Question, Status,
    UniverseRow,
};

pub(crate) use self::way::Mode;
use answer::judge;
pub(crate) use answer::{DatasetAnswer, Look, Told};

use crate::client::Client;
use crate::datasets::Dataset;
use crate::failure::{CliError, Result};
use crate::rollups::{Place, Rollups};
use crate::session::Session;
use fetch::{Cannot, Fetched};
use numbers::Numbers;
use rolled::Rolled;
use way::{Load, Way};
use whole::Whole;

/// What replies are kept by. Two signed rows may name one keyspace and another root, and what was proven under one of them
/// says nothing about the other.
type Contents = (KeyspaceId, [u8; 32], u64, u8);

fn contents(keyspace: &Keyspace) -> Contents {
    (keyspace.id(), *keyspace.root().as_bytes(), keyspace.n(), keyspace.t())
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
    load: Load,
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
        let mut load = Load::default();
        let mut universes = BTreeMap::new();
        for dataset in datasets {
            let rows = readable(dataset);
            for (row, keyspace) in rows.iter().flatten() {
                if let Some(universe) = &row.universe {
                    universes.entry(universe.sha256).or_insert_with(|| (keyspace.id(), universe.clone()));
                }
            }
            for question in questions {
                for Candidate { keyspace, key, .. } in candidates(question, &rows) {
                    load.add(keyspace.id(), key, question.local_only());
                    let place = rollups.place(dataset, keyspace.kind(), keyspace.id(), keyspace.n());
                    if let Some(Place::Covered(run, _)) = place {
                        load.add(run.keyspace().id(), key, false);
                    }
                }
            }
        }
        load.refuse_too_fine(mode)?;
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
        let found = match Way::of(keyspace, row, self.mode, &self.load) {
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
