//! `/ask`: a question, looked up by this server and labelled as such.
//!
//! An answer is computed by the client, never by the server (DESIGN §7); this page is for those who have none. It takes
//! every parameter from the signed `manifest` record and checks its own files' replies as a client would, so that it says
//! `invalid` where a client would, and it hands out the replies for others to check.

use std::collections::BTreeSet;

use ledger::entry::Header;
use ledger::ids::{ContentKey, KeyspaceId, LeafIndex, RecordId};
use ledger::log::{Order, Term};
use ledger::manifest::mediawiki::Wiki;
use ledger::manifest::{
    Answer as Membership, Bearing, Citation, Declaration, Keyspace, KeyspaceFiles, Kind, MetaMode, NO_ASSERTION, Part,
    Question, Status,
};
use serde_json::Value;

use super::form::Form;
use super::model::model_of;
use super::named::{Named, versions};
use super::question::Asked as Read;
use super::read::Reading;
use super::view::ask::{Answered, AskPage, Counts, DatasetAnswer, Found, Typed, Used};
use super::view::moment::Moment;
use super::view::said::{Allowance, Said};
use super::view::seen::Seen;
use super::view::shell::Site;
use super::{Request, reply};
use crate::closed::is_closed;
use crate::problem::{Answer, Problem};

/// Datasets that one page asks, the newest.
const MAX_DATASETS: usize = 200;

/// Looks into a keyspace for one page: at 50 µs each, 0.2 s.
const MAX_LOOKS: usize = 4_000;

/// Datasets shown; the others are counted.
const MAX_SHOWN: usize = 20;

/// Parts of a question that are listed one by one: a page of text has some hundred.
const MAX_PARTS: usize = 60;

/// Things found in one dataset, and models that used it, that are shown.
const MAX_LISTED: usize = 8;

pub(super) fn get(reading: &Reading<'_>, request: Request<'_>) -> Answer {
    let page = page(reading, None, Typed::default(), None);
    Ok(reply::page(page.to_string(), request.headers))
}

pub(super) fn post(reading: &Reading<'_>, form: &Form) -> Answer {
    let field = |name| Ok::<_, Problem>(form.text(name)?.unwrap_or_default().chars().take(500).collect::<String>());
    let typed = Typed {
        url: field("url")?,
        wiki: field("wiki")?,
        title: field("title")?,
        page: field("page")?,
        revision: field("revision")?,
        digest: field("digest")?,
    };
    let question = match Read::read(form) {
        Ok(Some(question)) => question,
        Ok(None) => {
            let wrong = Problem::bad_request("Nothing was asked", "fill in one of the fields");
            return Ok(refused(page(reading, None, typed, Some(&wrong)), &wrong));
        }
        Err(wrong) => return Ok(refused(page(reading, None, typed, Some(&wrong)), &wrong)),
    };
    let answered = answer(reading, &question)?;
    Ok(reply::answer(page(reading, Some(answered), typed, None).to_string()))
}

/// A proof to keep: the reply of a keyspace for one key, as `GET /manifests/…` gives it in the exact mode.
pub(super) fn proof(reading: &Reading<'_>, form: &Form) -> Answer {
    let read = |name: &str| form.text(name)?.ok_or_else(|| Problem::bad_request(name, "missing"));
    let id: KeyspaceId =
        read("keyspace")?.parse().map_err(|_| Problem::bad_request("keyspace", "not a keyspace's id"))?;
    let key: ContentKey = read("key")?.parse().map_err(|_| Problem::bad_request("key", "not a content key"))?;
    let files = reading.pages.app.log.manifests().files(&id)?;
    let files = files.ok_or_else(|| Problem::not_found("this log does not hold the files of that keyspace"))?;
    // Of a closed manifest no reply goes out in which the key stands among few.
    let deepest = files.keyspace().t();
    let depth = if is_closed(&reading.pages.app, &id)? { files.keyspace().depth_for(1000) } else { deepest };
    let proof = files.reply_for(&key, depth, MetaMode::Rows)?;
    let name = format!("{}-{}.reply", &id.to_hex()[..16], &key.to_hex()[..16]);
    Ok(reply::download(proof, "application/octet-stream", &name))
}

fn page(reading: &Reading<'_>, answered: Option<Answered>, typed: Typed, wrong: Option<&Problem>) -> AskPage {
    let mut shell = reading.shell("ask");
    shell.title = "Ask".to_owned();
    let wrong = wrong.map(|problem| {
        let error = problem.error();
        (Said::whole(error.place().unwrap_or("form")), Allowance::new(600).said(error.detail(), 300))
    });
    AskPage { shell, site: reading.site.clone(), answered, typed, wrong }
}

fn refused(page: AskPage, problem: &Problem) -> warp::reply::Response {
    let mut response = reply::answer(page.to_string());
    *response.status_mut() = problem.status();
    response
}

/// A dataset that was asked, before it is put into words.
struct Asked {
    seen: Seen,
    judged: Judged,
}

fn answer(reading: &Reading<'_>, read: &Read) -> Result<Answered, Problem> {
    let question = &read.question;
    let newest = Order::Below(LeafIndex(u64::MAX));
    let (manifests, next) = reading.list(vec![Term::Kind("manifest".to_owned())], newest, MAX_DATASETS)?;
    let redacted: BTreeSet<RecordId> =
        manifests.iter().filter(|seen| seen.content.is_none()).map(|seen| seen.record).collect();
    let mut budget = MAX_LOOKS;
    let mut counts = Counts::default();
    let mut asked = Vec::new();
    // What a redacted manifest was about is named by its entry.
    let committed: BTreeSet<RecordId> = manifests.iter().flat_map(|seen| seen.refs.iter().copied()).collect();
    // A manifest that others signed as well is one.
    let mut known = BTreeSet::new();
    for seen in manifests.iter().filter(|seen| seen.content.is_some() && known.insert(seen.record)) {
        let judged = ask(reading, question, seen, &mut budget);
        counts.add(judged.status);
        asked.push(Asked { seen: seen.clone(), judged });
    }
    asked.sort_by_key(|asked| asked.judged.status);
    let more = asked.len().saturating_sub(MAX_SHOWN);
    asked.truncate(MAX_SHOWN);
    let mut allowance = Allowance::default();
    let looked_for = question.list(0..question.parts().len());
    let wanted = looked_for.iter().take(MAX_LISTED).map(|line| allowance.said(line, 120)).collect();
    // Where lines stand for several parts, or are left out, each part is there to be opened.
    let parts = question.parts().iter().take(if looked_for.len() == question.parts().len() { 0 } else { MAX_PARTS });
    let parts: Vec<Said> = parts.map(|part| allowance.said(&part.to_string(), 120)).collect();
    let command: Vec<String> = read.command.iter().map(|argument| quoted(argument)).collect();
    let command = allowance.said(&command.join(" "), 2_000);
    let (without_manifest, more_without) = without_manifest(reading, &committed)?;
    let found = asked.iter().any(|asked| asked.judged.status == Status::Present);
    let whole = question.whole_paragraphs().filter(|_| !found && !asked.is_empty());
    let mut datasets = Vec::new();
    for asked in asked {
        datasets.push(shown(reading, question, asked, &mut allowance)?);
    }
    Ok(Answered {
        wanted,
        wanted_more: looked_for.len().saturating_sub(MAX_LISTED),
        parts_more: if parts.is_empty() { 0 } else { question.parts().len() - parts.len() },
        parts,
        form: question.form().map(|form| form.as_str()),
        notes: read.notes.iter().cloned().chain(whole.map(str::to_owned)).collect(),
        datasets,
        more,
        counts,
        without_manifest,
        more_without: more_without || next.is_some(),
        redacted: redacted.len(),
        capped: next.is_some(),
        needs_file: read.command.iter().any(|argument| argument.starts_with('@')),
        command,
    })
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

/// What one dataset answers.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) status: Status,
    reason: String,
    found: Vec<Look>,
    missed: Option<(KeyspaceId, ContentKey)>,
    /// The parts of the question that were found, and those whose absence was shown.
    parts: (BTreeSet<usize>, BTreeSet<usize>),
    /// Pages that may be meant by what was not found.
    nearest: Vec<String>,
}

/// One look into one keyspace.
#[derive(Debug)]
struct Look {
    part: usize,
    what: String,
    form: &'static str,
    keyspace: KeyspaceId,
    key: ContentKey,
    status: Status,
    reason: &'static str,
    licence: Option<String>,
    bearing: Bearing,
}

fn ask(reading: &Reading<'_>, question: &Question, seen: &Seen, budget: &mut usize) -> Judged {
    let rows = seen.member(&["keyspaces"]).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut looks = Vec::new();
    let mut unreadable = 0;
    let mut titles = Vec::new();
    for row in rows {
        let declared: Option<Declaration> = serde_json::from_value(row.clone()).ok();
        let Some((row, keyspace)) = declared.and_then(|row| Keyspace::declared(&row).ok().map(|k| (row, k))) else {
            unreadable += 1;
            continue;
        };
        looks.extend(look_for(reading, question, &row, &keyspace, budget));
        if keyspace.kind() == Kind::MwTitle {
            titles.push((row, keyspace));
        }
    }
    let mut judged = judge(looks, unreadable);
    if judged.status != Status::Present {
        judged.nearest = nearest(reading, question, &titles, budget);
    }
    judged
}

fn look_for(
    reading: &Reading<'_>,
    question: &Question,
    row: &Declaration,
    keyspace: &Keyspace,
    budget: &mut usize,
) -> Vec<Look> {
    let mut looks = Vec::new();
    for (number, part) in question.parts().iter().enumerate() {
        let Some(bearing) = question.bearing(part, keyspace.spec()) else { continue };
        for key in part.keys() {
            let (status, reason, licence) = match budget.checked_sub(1) {
                None => (Status::Unknown, "too much was asked for one page; the command line asks all", None),
                Some(left) => {
                    *budget = left;
                    look(reading, keyspace, &row.disclosure, part, key)
                }
            };
            let form = keyspace.spec().form().map_or("", |form| form.as_str());
            let (what, key) = (part.to_string(), *key);
            looks.push(Look {
                part: number,
                what,
                form,
                keyspace: keyspace.id(),
                key,
                status,
                reason,
                licence,
                bearing,
            });
        }
    }
    looks
}

/// Pages of the dataset that may be meant by what was not found.
fn nearest(
    reading: &Reading<'_>,
    question: &Question,
    titles: &[(Declaration, Keyspace)],
    budget: &mut usize,
) -> Vec<String> {
    let mut found = Vec::new();
    for (row, keyspace) in titles {
        let files = reading.pages.app.log.manifests().files(&keyspace.id()).ok().flatten();
        let wiki = files.and_then(|files| files.header().source().wiki.clone()).and_then(|wiki| wiki.parse().ok());
        let Some(wiki) = wiki else { continue };
        let looks = look_for(reading, &question.nearest(&wiki), row, keyspace, budget);
        found.extend(looks.into_iter().filter(|look| look.status == Status::Present).map(|look| look.what));
    }
    found
}

fn look(
    reading: &Reading<'_>,
    keyspace: &Keyspace,
    disclosure: &str,
    part: &Part,
    key: &ContentKey,
) -> (Status, &'static str, Option<String>) {
    let files = match reading.pages.app.log.manifests().files(&keyspace.id()) {
        Ok(Some(files)) => files,
        Ok(None) => return (Status::Unknown, "files not held", None),
        Err(_) => return (Status::Unknown, "the files cannot be read", None),
    };
    let Ok(reply) = files.reply_for(key, keyspace.t(), MetaMode::Rows) else {
        return (Status::Unknown, "the files cannot be read", None);
    };
    // The keyspace is the signed one, not the one that the files say they are.
    match keyspace.verify(key, keyspace.t(), &reply) {
        Err(_) => (Status::Invalid, "the proof does not lead to the signed root", None),
        Ok(Membership::Present { meta, .. }) => {
            (Status::Present, "", meta.and_then(|meta| files.header().license(&meta).map(str::to_owned)))
        }
        Ok(Membership::Absent { .. }) => match disclosure {
            "complete" if part.wiki().is_some_and(|asked| is_of_another(&files, asked)) => {
                (Status::NotCovered, "its pages are those of another wiki", None)
            }
            "complete" => (Status::Absent, "", None),
            "closed" => (Status::Unknown, "the contents are closed: they do not say that they hold all", None),
            _ => (Status::Unknown, "not in the part that was disclosed", None),
        },
    }
}

/// Whether the contents are the pages of another wiki than the one that is asked about.
fn is_of_another(files: &KeyspaceFiles, asked: &Wiki) -> bool {
    files.header().source().wiki.as_ref().is_some_and(|of| of != asked.as_str())
}

/// What follows from all looks into one dataset.
fn judge(looks: Vec<Look>, unreadable: usize) -> Judged {
    let status = Status::of_looks(looks.iter().map(|look| (look.status, look.bearing)), unreadable);
    let because = |status: Status| looks.iter().find(|look| look.status == status).map(|look| look.reason.to_owned());
    let reason = match status {
        Status::Invalid => because(Status::Invalid).unwrap_or_default(),
        Status::Unknown => because(Status::Unknown)
            .unwrap_or_else(|| "the contents are keyed in a way that this version does not know".to_owned()),
        Status::Present | Status::Absent | Status::NotCovered => String::new(),
    };
    let decides = |look: &&Look| look.bearing == Bearing::Decides && look.status == Status::Absent;
    let missed = looks.iter().find(decides).map(|look| (look.keyspace, look.key));
    let hits: BTreeSet<usize> = looks.iter().filter(|l| l.status == Status::Present).map(|look| look.part).collect();
    let misses = looks.iter().filter(decides).map(|look| look.part).filter(|part| !hits.contains(part)).collect();
    let found = looks.into_iter().filter(|look| look.status == Status::Present).collect();
    Judged { status, reason, missed, parts: (hits, misses), found, nearest: Vec::new() }
}

/// An answer as wikitext, for a talk page.
fn citation(reading: &Reading<'_>, question: &Question, seen: &Seen, judged: &Judged) -> String {
    let asked = match (judged.status, &judged.parts) {
        (Status::Present, (found, missed)) => question.found_in_words(found, missed),
        _ => question.in_words(),
    };
    Citation {
        status: judged.status,
        asked: &asked,
        dataset: seen.about().as_deref().unwrap_or("a dataset"),
        issuer: &seen.issuer,
        index: seen.index.0,
        permalink: &permalink(&reading.site, seen.index),
        origin: reading.pages.app.log.origin().as_str(),
        size: reading.view.size.0,
        undone: !seen.stands(),
        date: &Moment::new(reading.now, reading.now).day(),
    }
    .wikitext()
}

fn permalink(site: &Site, index: LeafIndex) -> String {
    format!("{}/r/{index}", site.base)
}

fn shown(
    reading: &Reading<'_>,
    question: &Question,
    asked: Asked,
    allowance: &mut Allowance,
) -> Result<DatasetAnswer, Problem> {
    let Asked { mut seen, judged } = asked;
    reading.settle(core::slice::from_mut(&mut seen))?;
    let card = seen.reference(&["dataset", "record"]).filter(|id| reading.index_of(*id).is_some());
    let present = judged.status == Status::Present;
    let citation = citation(reading, question, &seen, &judged);
    let (mut licences, mut licences_more, mut models, mut models_more) = (Vec::new(), false, Vec::new(), false);
    if present {
        let named = Named::of(reading, &seen)?;
        // A claim that only mentions the dataset, as its evidence, is about something else.
        let (claims, more) = reading.still_made(&named.about(), "license-claim", MAX_LISTED)?;
        licences_more = more || named.cut;
        for claim in &claims {
            let text = claim.licence().map_or("nothing is asserted", |(text, _)| text).to_owned();
            licences.push((claim.speaker(allowance), allowance.said(&text, 120), claim.index));
        }
        let (uses, more) = reading.still_made(&named.naming(), "training-source", MAX_LISTED)?;
        models_more = more || named.cut;
        for source in &uses {
            let (href, name) = model_of(reading, source);
            let name = allowance.said(&name, 120);
            models.push(Used { name, href, speaker: source.speaker(allowance), index: source.index });
        }
    }
    let found_more = judged.found.len().saturating_sub(MAX_LISTED);
    let found = judged.found.into_iter().take(MAX_LISTED).map(|look| Found {
        what: allowance.said(&look.what, 120),
        form: look.form,
        licence: look.licence.filter(|l| l != NO_ASSERTION).map(|licence| allowance.said(&licence, 120)),
        proof: (look.keyspace.to_hex(), look.key.to_hex()),
    });
    Ok(DatasetAnswer {
        found: found.collect(),
        found_more,
        name: allowance.said(seen.about().as_deref().unwrap_or("a dataset"), 120),
        href: card.map(|card| format!("/d/{card}")),
        index: seen.index,
        received: Moment::new(seen.received, reading.now),
        undone: seen.undone(),
        status: judged.status,
        permalink: permalink(&reading.site, seen.index),
        nearest: judged.nearest.iter().take(MAX_LISTED).map(|near| allowance.said(near, 120)).collect(),
        citation: allowance.said(&citation, 1_200),
        reason: allowance.said(&judged.reason, 200),
        licences,
        licences_more,
        models,
        models_more,
        proof: judged.missed.map(|(keyspace, key)| (keyspace.to_hex(), key.to_hex())),
        speaker: seen.speaker(allowance),
    })
}

/// An argument as a shell takes it: whatever a reader typed stays one argument.
fn quoted(argument: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/:@%=+,".contains(&b);
    match argument.bytes().all(plain) && !argument.starts_with('-') {
        true => argument.to_owned(),
        false => format!("'{}'", argument.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b20_what_was_typed_stays_one_argument() {
        assert_eq!(quoted("https://example.org/a?b=1"), "'https://example.org/a?b=1'");
        assert_eq!(quoted("enwiki:title:Anarchism"), "enwiki:title:Anarchism");
        assert_eq!(quoted("a'; rm -rf ~; '"), r"'a'\''; rm -rf ~; '\'''");
        assert_eq!(quoted("--log"), "'--log'");
    }
}
