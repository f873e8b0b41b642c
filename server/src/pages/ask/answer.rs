//! A question asked of every manifest of the log: what each answers, and what could not be asked.

use std::collections::BTreeSet;

use ledger::entry::Header;
use ledger::ids::{LeafIndex, RecordId};
use ledger::log::{Order, Term};
use ledger::manifest::{Question, Status};

use super::super::named::versions;
use super::super::question::Asked as Read;
use super::super::read::Reading;
use super::super::view::ask::{Answered, Counts};
use super::super::view::said::{Allowance, Said};
use super::super::view::seen::Seen;
use super::dataset::Asked;
use super::look::Looker;
use crate::problem::Problem;

/// Datasets that one page asks, the newest.
const MAX_DATASETS: usize = 200;

/// Datasets shown; the others are counted.
const MAX_SHOWN: usize = 20;

/// Lines of what was looked for that are shown.
const MAX_LISTED: usize = 8;

/// Parts of a question that are listed one by one: a page of text has some hundred.
const MAX_PARTS: usize = 60;

/// What the log answers to a question.
pub(super) fn answer(reading: &Reading<'_>, read: &Read) -> Result<Answered, Problem> {
    let question = &read.question;
    let newest = Order::Below(LeafIndex(u64::MAX));
    let (manifests, next) = reading.list(vec![Term::Kind("manifest".to_owned())], newest, MAX_DATASETS)?;
    let redacted: BTreeSet<RecordId> =
        manifests.iter().filter(|seen| seen.content.is_none()).map(|seen| seen.record).collect();
    // What a redacted manifest was about is named by its entry.
    let committed: BTreeSet<RecordId> = manifests.iter().flat_map(|seen| seen.refs.iter().copied()).collect();
    let mut asked = ask_all(reading, question, &manifests);
    let mut counts = Counts::default();
    asked.iter().for_each(|asked| counts.add(asked.judged.status));
    let more = asked.len().saturating_sub(MAX_SHOWN);
    asked.truncate(MAX_SHOWN);
    let mut allowance = Allowance::default();
    let looked_for = LookedFor::of(question, &mut allowance);
    let command = allowance.said(&read.command_line(), 2_000);
    let (without_manifest, more_without) = without_manifest(reading, &committed)?;
    let found = asked.iter().any(|asked| asked.judged.status == Status::Present);
    let whole = question.whole_paragraphs().filter(|_| !found && !asked.is_empty());
    let shown = asked.into_iter().map(|asked| asked.shown(reading, question, &mut allowance));
    Ok(Answered {
        datasets: shown.collect::<Result<_, Problem>>()?,
        wanted: looked_for.lines,
        wanted_more: looked_for.lines_more,
        parts: looked_for.parts,
        parts_more: looked_for.parts_more,
        form: question.form().map(|form| form.as_str()),
        notes: read.notes.iter().cloned().chain(whole.map(str::to_owned)).collect(),
        more,
        counts,
        without_manifest,
        more_without: more_without || next.is_some(),
        redacted: redacted.len(),
        capped: next.is_some(),
        needs_file: read.needs_file(),
        command,
    })
}

/// What each of some manifests answers, those first in which something was found.
fn ask_all(reading: &Reading<'_>, question: &Question, manifests: &[Seen]) -> Vec<Asked> {
    let mut looker = Looker::new(reading, question);
    // A manifest that others signed as well is one.
    let mut known = BTreeSet::new();
    let asked = manifests.iter().filter(|seen| seen.content.is_some() && known.insert(seen.record));
    let mut asked: Vec<Asked> = asked.map(|seen| Asked { seen: seen.clone(), judged: looker.ask(seen) }).collect();
    asked.sort_by_key(|asked| asked.judged.status);
    asked
}

/// What was looked for, in words.
struct LookedFor {
    lines: Vec<Said>,
    lines_more: usize,
    parts: Vec<Said>,
    parts_more: usize,
}

impl LookedFor {
    fn of(question: &Question, allowance: &mut Allowance) -> Self {
        let (all, count) = (question.parts(), question.parts().len());
        let lines = question.list(0..count);
        let shown = lines.iter().take(MAX_LISTED).map(|line| allowance.said(line, 120)).collect();
        // Where lines stand for several parts, or are left out, each part is there to be opened.
        let parts = all.iter().take(if lines.len() == count { 0 } else { MAX_PARTS });
        let parts: Vec<Said> = parts.map(|part| allowance.said(&part.to_string(), 120)).collect();
        Self {
            lines: shown,
            lines_more: lines.len().saturating_sub(MAX_LISTED),
            parts_more: if parts.is_empty() { 0 } else { count - parts.len() },
            parts,
        }
    }
}

/// Datasets whose contents nobody committed to, among the newest cards, and whether there are more cards. All versions of a
/// card are of one dataset.
fn without_manifest(reading: &Reading<'_>, committed: &BTreeSet<RecordId>) -> Result<(usize, bool), Problem> {
    let newest = Order::Below(LeafIndex(u64::MAX));
    let cards = reading.page(vec![Term::Kind("dataset-card".to_owned())], newest, MAX_DATASETS)?;
    // A card may name its manifest instead; then the manifest is among its references.
    let is_manifest = |id: &RecordId| {
        let entry = reading.index_of(*id).and_then(|at| reading.entry(at).ok().flatten());
        entry.is_some_and(|entry| entry.header.kind == "manifest")
    };
    let covered = |header: &Header| committed.contains(&header.record) || header.refs.iter().any(is_manifest);
    let mut without = 0;
    let mut met: BTreeSet<RecordId> = BTreeSet::new();
    for card in cards.entries {
        if !met.insert(card.header.record) {
            continue;
        }
        let versions = versions(reading, card.header.record)?;
        met.extend(versions.iter().map(|version| version.header.record));
        let any = covered(&card.header) || versions.iter().any(|version| covered(&version.header));
        without += usize::from(!any);
    }
    Ok((without, cards.next.is_some()))
}
