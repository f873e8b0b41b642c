//! The datasets that a log knows the contents of, and what is said about them: claims of licences, models, cards.
//!
//! Everything here comes from a scan of the whole log ([`View::scan`]), so nothing that was declared is left out, and
//! only records that count are taken: signatures verified, rules in force at their index.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use ledger::entry::Header;
use ledger::ids::{LeafIndex, RecordId, SubjectDigest};
use ledger::manifest::{Declaration, Run};
use ledger::record::Record;
use ledger::record::kind::Kind;
use ledger::record::kinds::{Manifest, Predicate};
use ledger::record::terms::{Claimed, NO_ASSERTION};
use serde_json::{Value, json};

use crate::failure::Result;
use crate::follow::View;

/// How often what is known may lead to more: from a manifest to its dataset card, to a source, to a model, to its card.
const ROUNDS: usize = 4;

/// A dataset whose contents somebody declared.
#[derive(Debug, Clone)]
pub(crate) struct Dataset {
    /// The entry of the `manifest` record.
    pub index: LeafIndex,
    /// Its id.
    pub record: RecordId,
    /// Who declared it.
    pub issuer: String,
    /// What was declared.
    pub manifest: Manifest,
    /// A later manifest by the same party that says it takes this one's place.
    pub superseded_by: Option<RecordId>,
    /// The entry by which its issuer took it back.
    pub taken_back_by: Option<LeafIndex>,
}

impl Dataset {
    /// The dataset's name.
    pub(crate) fn name(&self) -> &str {
        &self.manifest.dataset.name
    }

    /// A keyspace's row as the verifier takes it; `None` for one that this version cannot read.
    pub(crate) fn declarations(&self) -> Vec<Option<Declaration>> {
        self.manifest.keyspaces.iter().map(|row| serde_json::from_value(json!(row)).ok()).collect()
    }

    /// The records and digests by which others may speak of it.
    fn names(&self) -> BTreeSet<[u8; 32]> {
        let mut names = BTreeSet::from([*self.record.as_bytes()]);
        names.extend(self.manifest.keyspaces.iter().map(|row| *row.id.as_bytes()));
        names.extend(self.manifest.dataset.record.as_ref().map(|card| *card.id().as_bytes()));
        names
    }

    /// For programs.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "name": self.name(),
            "uri": self.manifest.dataset.uri,
            "version": self.manifest.dataset.version,
            "record": self.manifest.dataset.record.as_ref().map(|card| card.as_str()),
            "manifest": { "index": self.index.to_string(), "record": self.record, "issuer": self.issuer },
            "supersededBy": self.superseded_by,
            "takenBackBy": self.taken_back_by.map(|by| by.to_string()),
        })
    }

    /// Why nobody stands by what it declares any more, in words.
    pub(crate) fn undone(&self) -> Option<String> {
        let taken_back = self.taken_back_by.map(|by| format!("its issuer took it back: entry {by}"));
        taken_back.or_else(|| self.superseded_by.map(|by| format!("a later manifest takes its place: {by}")))
    }
}

/// What issuers took back or replaced, by the record and its issuer: nobody does so for another.
#[derive(Debug, Default)]
struct Undone(BTreeMap<(RecordId, String), LeafIndex>);

impl Undone {
    /// A kind whose every record is read for this.
    fn is_said_by(kind: &str) -> bool {
        kind == Kind::Retraction.as_str()
    }

    /// What a record takes back.
    fn take_back(&mut self, index: LeafIndex, record: &Record) {
        let retracted = match &record.predicate {
            Predicate::Retraction(said) if said.redaction.is_none() => Some(said.target.id()),
            _ => None,
        };
        for target in record.common.revokes.iter().map(|named| named.id()).chain(retracted) {
            self.0.entry((target, record.issuer().to_owned())).or_insert(index);
        }
    }

    /// What a record takes back or takes the place of.
    fn take(&mut self, index: LeafIndex, record: &Record) {
        self.take_back(index, record);
        for named in &record.common.supersedes {
            self.0.entry((named.id(), record.issuer().to_owned())).or_insert(index);
        }
    }

    fn by(&self, record: RecordId, issuer: &str) -> Option<LeafIndex> {
        self.0.get(&(record, issuer.to_owned())).copied()
    }
}

/// Every dataset that a log declares, and how many manifests were erased.
#[derive(Debug, Default)]
pub(crate) struct Declared {
    /// In the order of the log.
    pub datasets: Vec<Dataset>,
    /// Roll-up runs that an operator in force signed, in the order of the log.
    pub runs: Vec<Run>,
    /// The operators of the log.
    pub operators: Vec<String>,
    /// Manifests whose body was redacted: nobody can ask them any more.
    pub redacted: u64,
    /// Cards of datasets whose contents nobody declared.
    pub cards_without: u64,
    /// Training sources that name a dataset whose contents nobody declared.
    pub sources_without: u64,
}

/// Finds every manifest of a log.
pub(crate) fn declared(view: &View<'_>) -> Result<Declared> {
    let is_manifest = |kind: &str| kind == Kind::Manifest.as_str();
    let mut found = Declared::default();
    let mut superseded: Vec<(RecordId, String, RecordId)> = Vec::new();
    // What cannot be asked is counted from the entries alone; only manifests are read.
    let mut cards: Vec<(RecordId, Vec<RecordId>)> = Vec::new();
    let mut sources: Vec<Vec<RecordId>> = Vec::new();
    let mut with_contents: BTreeSet<RecordId> = BTreeSet::new();
    let is_run = |kind: &str| kind == Kind::RunRoot.as_str();
    let mut undone = Undone::default();
    // A record of any kind may take back what its own issuer declared, if it names it.
    let declared: RefCell<BTreeSet<(RecordId, String)>> = RefCell::default();
    let wants = |header: &Header| {
        let mut declared = declared.borrow_mut();
        let names_its_own = header.refs.iter().any(|id| declared.contains(&(*id, header.issuer.clone())));
        if is_manifest(&header.kind) {
            declared.insert((header.record, header.issuer.clone()));
        }
        is_manifest(&header.kind) || is_run(&header.kind) || Undone::is_said_by(&header.kind) || names_its_own
    };
    let state = view.scan(&|_, header| wants(header), &mut |entry| {
        if let (Some(record), true) = (&entry.record, entry.counts) {
            undone.take_back(entry.index, record);
            if !is_manifest(&entry.header.kind) {
                undone.take(entry.index, record);
            }
        }
        if let (Some(Predicate::RunRoot(root)), true) = (entry.record.as_ref().map(|r| &r.predicate), entry.counts) {
            // A run of a kind that this version does not know is none that it could ask.
            found.runs.extend(Run::declared(entry.index, (**root).clone()));
        }
        match entry.header.kind.as_str() {
            "dataset-card" => cards.push((entry.header.record, entry.header.refs.clone())),
            "training-source" => sources.push(entry.header.refs.clone()),
            _ => {}
        }
        if !is_manifest(&entry.header.kind) {
            return Ok(());
        }
        with_contents.insert(entry.header.record);
        with_contents.extend(entry.header.refs.iter().copied());
        let Some(record) = entry.record else {
            found.redacted += 1;
            return Ok(());
        };
        let seen = found.datasets.iter().any(|dataset| dataset.record == record.id);
        if !entry.counts || seen {
            return Ok(());
        }
        if let Predicate::Manifest(manifest) = &record.predicate {
            let replaced = record.common.supersedes.iter();
            superseded.extend(replaced.map(|old| (old.id(), record.issuer().to_owned(), record.id)));
            found.datasets.push(Dataset {
                index: entry.index,
                record: record.id,
                issuer: record.issuer().to_owned(),
                manifest: (**manifest).clone(),
                superseded_by: None,
                taken_back_by: None,
            });
        }
        Ok(())
    })?;
    let operators = state.policy().map(|policy| policy.operators.iter().cloned().collect());
    found.operators = operators.unwrap_or_default();
    let covered = |refs: &[RecordId]| refs.iter().any(|id| with_contents.contains(id));
    let without: Vec<_> = cards.iter().filter(|(id, refs)| !with_contents.contains(id) && !covered(refs)).collect();
    found.cards_without = without.len() as u64;
    found.sources_without = sources.iter().filter(|refs| !covered(refs)).count() as u64;
    for (old, issuer, new) in superseded {
        let replaced = found.datasets.iter_mut().filter(|dataset| dataset.record == old && dataset.issuer == issuer);
        replaced.for_each(|dataset| dataset.superseded_by = Some(new));
    }
    for dataset in &mut found.datasets {
        dataset.taken_back_by = undone.by(dataset.record, &dataset.issuer);
    }
    Ok(found)
}

/// What the log says about a dataset.
#[derive(Debug, Clone, Default)]
pub(crate) struct Said {
    /// Who claims which licence. Those that disagree stand side by side.
    pub licenses: Vec<Claim>,
    /// Which models were made with it.
    pub uses: Vec<Use>,
    /// The cards that describe it.
    pub cards: Vec<(LeafIndex, RecordId)>,
}

/// A claim of a licence.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    /// The entry.
    pub index: LeafIndex,
    /// The record.
    pub record: RecordId,
    /// Who claims it.
    pub issuer: String,
    /// As the source has it.
    pub declared: Option<String>,
    /// As an SPDX expression.
    pub concluded: Option<String>,
    /// In which role.
    pub role: Option<String>,
    /// The entry by which its issuer took it back or replaced it.
    pub undone_by: Option<LeafIndex>,
}

/// A model that was made with a dataset.
#[derive(Debug, Clone)]
pub(crate) struct Use {
    /// The entry of the `training-source`.
    pub index: LeafIndex,
    /// The record.
    pub record: RecordId,
    /// Who says so.
    pub issuer: String,
    /// What was done.
    pub relation: Value,
    /// The model card, if the source is about one.
    pub model: Option<RecordId>,
    /// The model's name, from its card.
    pub name: Option<String>,
    /// An agreement that covers it.
    pub agreement: Option<String>,
    /// The entry by which its issuer took it back or replaced it.
    pub undone_by: Option<LeafIndex>,
}

/// Collects what the log says about some datasets.
pub(crate) fn said_about(view: &View<'_>, datasets: &[&Dataset]) -> Result<Vec<Said>> {
    let mut known: Vec<BTreeSet<[u8; 32]>> = datasets.iter().map(|dataset| dataset.names()).collect();
    let mut models: BTreeSet<RecordId> = BTreeSet::new();
    let mut said: Vec<Said> = Vec::new();
    if datasets.is_empty() {
        return Ok(said);
    }
    for _ in 0..ROUNDS {
        let before = (known.clone(), models.clone());
        said = datasets.iter().map(|_| Said::default()).collect();
        let mut names: Vec<(RecordId, String)> = Vec::new();
        let mut undone = Undone::default();
        let all: BTreeSet<[u8; 32]> = known.iter().flatten().copied().collect();
        let wants = |kind: &str, refs: &[RecordId], subjects: &[SubjectDigest], record: &RecordId| {
            let about = refs.iter().map(|id| id.as_bytes()).chain(subjects.iter().map(|digest| digest.as_bytes()));
            let touches = || about.into_iter().any(|name| all.contains(name));
            match kind {
                "license-claim" | "training-source" => touches(),
                "dataset-card" => all.contains(record.as_bytes()) || touches(),
                "model-card" => models.contains(record),
                kind => Undone::is_said_by(kind),
            }
        };
        let wants =
            |header: &ledger::entry::Header| wants(&header.kind, &header.refs, &header.subjects, &header.record);
        view.scan(&|_, header| wants(header), &mut |entry| {
            let Some(record) = entry.record.filter(|_| entry.counts) else { return Ok(()) };
            undone.take(entry.index, &record);
            if let Predicate::ModelCard(card) = &record.predicate {
                names.extend(card.model_name.clone().map(|name| (record.id, name)));
                return Ok(());
            }
            for (known, said) in known.iter_mut().zip(&mut said) {
                take(entry.index, &record, known, said);
            }
            Ok(())
        })?;
        for said in &mut said {
            for claim in &mut said.licenses {
                claim.undone_by = undone.by(claim.record, &claim.issuer);
            }
            for used in &mut said.uses {
                used.undone_by = undone.by(used.record, &used.issuer);
                models.extend(used.model);
                used.name = names.iter().find(|(id, _)| Some(*id) == used.model).map(|(_, name)| name.clone());
            }
        }
        if before == (known.clone(), models.clone()) {
            break;
        }
    }
    Ok(said)
}

/// Takes in a record if it speaks of a dataset.
fn take(index: LeafIndex, record: &Record, known: &mut BTreeSet<[u8; 32]>, said: &mut Said) {
    let named = |id: &[u8; 32], known: &BTreeSet<[u8; 32]>| known.contains(id);
    let by_subject = record.subjects().iter().filter_map(|s| s.sha256()).any(|digest| named(digest.as_bytes(), known));
    let by_ref = record.refs().iter().any(|id| named(id.as_bytes(), known));
    match &record.predicate {
        Predicate::LicenseClaim(claim) if by_subject => said.licenses.push(Claim {
            index,
            record: record.id,
            issuer: record.issuer().to_owned(),
            declared: claimed(claim.license_declared.as_ref()),
            concluded: claimed(claim.license_concluded.as_ref()),
            role: claim.claimant_role.clone(),
            undone_by: None,
        }),
        Predicate::TrainingSource(source) if by_ref || by_subject => said.uses.push(Use {
            index,
            record: record.id,
            issuer: record.issuer().to_owned(),
            relation: json!(source.relation),
            model: record.subject_records().next(),
            name: None,
            agreement: source.agreement.as_ref().map(|agreement| agreement.as_str().to_owned()),
            undone_by: None,
        }),
        Predicate::DatasetCard(_) if by_ref || named(record.id.as_bytes(), known) => {
            known.insert(*record.id.as_bytes());
            // What is claimed about the files of a card is claimed about the dataset.
            known.extend(record.subjects().iter().filter_map(|s| s.sha256()).map(|digest| *digest.as_bytes()));
            said.cards.push((index, record.id));
        }
        _ => {}
    }
}

fn claimed(value: Option<&Claimed<String>>) -> Option<String> {
    value.map(|claimed| claimed.value().cloned().unwrap_or_else(|| NO_ASSERTION.to_owned()))
}

impl Said {
    /// For programs.
    pub(crate) fn to_json(&self) -> Value {
        let licenses: Vec<Value> = self
            .licenses
            .iter()
            .map(|claim| {
                json!({
                    "index": claim.index.to_string(), "record": claim.record, "issuer": claim.issuer,
                    "declared": claim.declared, "concluded": claim.concluded, "claimantRole": claim.role,
                    "undoneBy": claim.undone_by.map(|by| by.to_string()),
                })
            })
            .collect();
        let models: Vec<Value> = self
            .uses
            .iter()
            .map(|used| {
                json!({
                    "index": used.index.to_string(), "record": used.record, "issuer": used.issuer,
                    "relation": used.relation, "model": used.model, "name": used.name, "agreement": used.agreement,
                    "undoneBy": used.undone_by.map(|by| by.to_string()),
                })
            })
            .collect();
        let cards: Vec<Value> =
            self.cards.iter().map(|(index, id)| json!({ "index": index.to_string(), "record": id })).collect();
        json!({ "licenseClaims": licenses, "licensesAgree": self.licenses_agree(), "models": models, "datasetCards": cards })
    }

    /// Whether all claims that are still made conclude the same; `None` without one. Nobody decides who is right.
    pub(crate) fn licenses_agree(&self) -> Option<bool> {
        let made = self.licenses.iter().filter(|claim| claim.undone_by.is_none());
        let mut concluded = made.map(|claim| claim.concluded.as_ref().or(claim.declared.as_ref()));
        let first = concluded.next()?;
        Some(concluded.all(|other| other == first))
    }
}
