//! `/ask`: a question, looked up by this server and labelled as such.
//!
//! An answer is computed by the client, never by the server (DESIGN §7); this page is for those who have none. It takes
//! every parameter from the signed `manifest` record and checks its own files' replies as a client would, so that it says
//! `invalid` where a client would, and it hands out the replies for others to check.

use std::collections::BTreeSet;

use ledger::ids::{ContentKey, KeyspaceId, LeafIndex, RecordId, SubjectDigest};
use ledger::log::{Order, Term};
use ledger::manifest::{Answer as Membership, Declaration, Keyspace, MetaMode, NO_ASSERTION};
use serde_json::Value;

use super::dataset::model_of;
use super::form::Form;
use super::question::{Question, fits};
use super::read::Reading;
use super::view::ask::{Answered, AskPage, Counts, DatasetAnswer, Found, Typed, Used, Word};
use super::view::moment::Moment;
use super::view::said::{Allowance, Said};
use super::view::seen::{Seen, undone_by};
use super::{Request, reply};
use crate::problem::{Answer, Problem};

/// Datasets that one page asks, the newest.
const MAX_DATASETS: usize = 200;

/// Looks into a keyspace for one page: at 50 µs each, 0.2 s.
const MAX_LOOKS: usize = 4_000;

/// Datasets shown; the others are counted.
const MAX_SHOWN: usize = 20;

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
    let question = match Question::read(form) {
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
    let proof = files.reply_for(&key, files.keyspace().t(), MetaMode::Rows)?;
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

fn answer(reading: &Reading<'_>, question: &Question) -> Result<Answered, Problem> {
    let newest = Order::Below(LeafIndex(u64::MAX));
    let (manifests, next) = reading.list(vec![Term::Kind("manifest".to_owned())], newest, MAX_DATASETS)?;
    let redacted = manifests.iter().filter(|seen| seen.content.is_none()).count();
    let mut budget = MAX_LOOKS;
    let mut counts = Counts::default();
    let mut asked = Vec::new();
    let mut committed: BTreeSet<RecordId> = BTreeSet::new();
    for seen in manifests.iter().filter(|seen| seen.content.is_some()) {
        committed.extend(seen.reference(&["dataset", "record"]));
        let judged = ask(reading, question, seen, &mut budget);
        counts.add(judged.word);
        asked.push(Asked { seen: seen.clone(), judged });
    }
    asked.sort_by_key(|asked| asked.judged.word);
    let more = asked.len().saturating_sub(MAX_SHOWN);
    asked.truncate(MAX_SHOWN);
    let mut allowance = Allowance::default();
    let wanted = question.wanted.iter().take(MAX_LISTED).map(|wanted| allowance.said(&wanted.what, 120)).collect();
    let command: Vec<String> = question.command.iter().map(|argument| quoted(argument)).collect();
    let command = allowance.said(&command.join(" "), 2_000);
    let mut datasets = Vec::new();
    for asked in asked {
        datasets.push(shown(reading, asked, &manifests, &mut allowance)?);
    }
    Ok(Answered {
        wanted,
        wanted_more: question.wanted.len().saturating_sub(MAX_LISTED),
        form: question.form.map(|form| form.as_str()),
        notes: question.notes.clone(),
        datasets,
        more,
        counts,
        without_manifest: without_manifest(reading, &committed)?,
        redacted,
        capped: next.is_some(),
        needs_file: question.command.iter().any(|argument| argument.starts_with('@')),
        command,
    })
}

/// Dataset cards whose contents nobody committed to.
fn without_manifest(reading: &Reading<'_>, committed: &BTreeSet<RecordId>) -> Result<usize, Problem> {
    let newest = Order::Below(LeafIndex(u64::MAX));
    let cards = reading.page(vec![Term::Kind("dataset-card".to_owned())], newest, MAX_DATASETS)?;
    let mut without = 0;
    for card in cards.entries {
        let named = committed.contains(&card.header.record);
        // A card may name its manifest instead; then the manifest is among its references.
        let names = card.header.refs.iter().any(|id| {
            reading
                .index_of(*id)
                .and_then(|at| reading.entry(at).ok().flatten())
                .is_some_and(|e| e.header.kind == "manifest")
        });
        without += usize::from(!named && !names);
    }
    Ok(without)
}

/// What one dataset answers.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) word: Word,
    reason: String,
    found: Vec<Look>,
    missed: Option<(KeyspaceId, ContentKey)>,
}

/// One look into one keyspace.
#[derive(Debug)]
struct Look {
    what: String,
    form: &'static str,
    keyspace: KeyspaceId,
    key: ContentKey,
    word: Word,
    reason: &'static str,
    licence: Option<String>,
    decides: bool,
}

fn ask(reading: &Reading<'_>, question: &Question, seen: &Seen, budget: &mut usize) -> Judged {
    let rows = seen.member(&["keyspaces"]).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut looks = Vec::new();
    let mut unreadable = 0;
    for row in rows {
        let declared: Option<Declaration> = serde_json::from_value(row.clone()).ok();
        let Some((row, keyspace)) = declared.and_then(|row| Keyspace::declared(&row).ok().map(|k| (row, k))) else {
            unreadable += 1;
            continue;
        };
        for wanted in question.wanted.iter().filter(|wanted| wanted.kind == keyspace.kind()) {
            let Some(same_form) = fits(question.form, keyspace.spec().form()) else { continue };
            let decides = same_form && question.is_decided_by(wanted.kind);
            let (word, reason, licence) = match budget.checked_sub(1) {
                None => (Word::Unknown, "too much was asked for one page; the command line asks all", None),
                Some(left) => {
                    *budget = left;
                    look(reading, &keyspace, &row.disclosure, &wanted.key)
                }
            };
            let (what, key) = (wanted.what.clone(), wanted.key);
            let form = keyspace.spec().form().map_or("", |form| form.as_str());
            looks.push(Look { what, form, keyspace: keyspace.id(), key, word, reason, licence, decides });
        }
    }
    judge(looks, unreadable)
}

fn look(
    reading: &Reading<'_>,
    keyspace: &Keyspace,
    disclosure: &str,
    key: &ContentKey,
) -> (Word, &'static str, Option<String>) {
    if disclosure == "closed" {
        return (Word::Unknown, "the contents are closed: only their root is public", None);
    }
    let files = match reading.pages.app.log.manifests().files(&keyspace.id()) {
        Ok(Some(files)) => files,
        Ok(None) => return (Word::Unknown, "files not held", None),
        Err(_) => return (Word::Unknown, "the files cannot be read", None),
    };
    let Ok(reply) = files.reply_for(key, keyspace.t(), MetaMode::Rows) else {
        return (Word::Unknown, "the files cannot be read", None);
    };
    // The keyspace is the signed one, not the one that the files say they are.
    match keyspace.verify(key, keyspace.t(), &reply) {
        Err(_) => (Word::Invalid, "the proof does not lead to the signed root", None),
        Ok(Membership::Present { meta, .. }) => {
            (Word::Present, "", meta.and_then(|meta| files.header().license(&meta).map(str::to_owned)))
        }
        Ok(Membership::Absent { .. }) if disclosure == "complete" => (Word::Absent, "", None),
        Ok(Membership::Absent { .. }) => (Word::Unknown, "not in the part that was disclosed", None),
    }
}

/// What follows from all looks into one dataset.
fn judge(looks: Vec<Look>, unreadable: usize) -> Judged {
    let first = |word: Word| looks.iter().find(|look| look.word == word);
    let (word, reason) = if first(Word::Present).is_some() {
        (Word::Present, String::new())
    } else if let Some(look) = first(Word::Invalid) {
        (Word::Invalid, look.reason.to_owned())
    } else if looks.iter().any(|look| look.decides) {
        match looks.iter().find(|look| look.decides && look.word == Word::Unknown) {
            Some(look) => (Word::Unknown, look.reason.to_owned()),
            None => (Word::Absent, String::new()),
        }
    } else if unreadable > 0 {
        (Word::Unknown, "the contents are keyed in a way that this version does not know".to_owned())
    } else {
        (Word::NotCovered, String::new())
    };
    let missed = looks.iter().find(|look| look.decides && look.word == Word::Absent).map(|l| (l.keyspace, l.key));
    let found = looks.into_iter().filter(|look| look.word == Word::Present).collect();
    Judged { word, reason, missed, found }
}

fn shown(
    reading: &Reading<'_>,
    asked: Asked,
    manifests: &[Seen],
    allowance: &mut Allowance,
) -> Result<DatasetAnswer, Problem> {
    let Asked { seen, judged } = asked;
    let card = seen.reference(&["dataset", "record"]).filter(|id| reading.index_of(*id).is_some());
    let present = judged.word == Word::Present;
    let (mut licences, mut models, mut models_more) = (Vec::new(), Vec::new(), 0);
    if present {
        let mut terms = vec![Term::Ref(seen.record), Term::Subject(SubjectDigest::from_bytes(*seen.record.as_bytes()))];
        if let Some(card) = card {
            terms.extend([Term::Ref(card), Term::Subject(SubjectDigest::from_bytes(*card.as_bytes()))]);
        }
        let (entries, _) = reading.under(&terms)?;
        for claim in reading.newest_of(&entries, "license-claim", MAX_LISTED)? {
            let text = claim.licence().map_or("nothing is asserted", |(text, _)| text).to_owned();
            licences.push((claim.speaker(allowance), allowance.said(&text, 120), claim.index));
        }
        let uses = reading.newest_of(&entries, "training-source", MAX_LISTED)?;
        models_more = entries.iter().filter(|entry| entry.header.kind == "training-source").count() - uses.len();
        for source in uses.iter().filter(|source| source.content.is_some()) {
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
        undone: undone_by(&seen, manifests),
        word: judged.word,
        reason: allowance.said(&judged.reason, 200),
        licences,
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

    fn look(word: Word, decides: bool) -> Look {
        Look {
            what: "paragraph 1".to_owned(),
            form: "plain",
            keyspace: KeyspaceId::from_bytes([1; 32]),
            key: ContentKey::from_bytes([2; 32]),
            word,
            reason: "",
            licence: None,
            decides,
        }
    }

    #[test]
    fn absence_needs_a_look_that_decides_and_no_unknown() {
        let word = |looks: Vec<Look>, unreadable| judge(looks, unreadable).word;
        assert_eq!(word(vec![look(Word::Absent, true), look(Word::Present, false)], 0), Word::Present);
        assert_eq!(word(vec![look(Word::Absent, true), look(Word::Invalid, true)], 0), Word::Invalid);
        assert_eq!(word(vec![look(Word::Absent, true), look(Word::Unknown, true)], 0), Word::Unknown);
        assert_eq!(word(vec![look(Word::Absent, true), look(Word::Unknown, false)], 0), Word::Absent);
        assert_eq!(word(vec![look(Word::Absent, false)], 0), Word::NotCovered);
        assert_eq!(word(vec![look(Word::Absent, false)], 1), Word::Unknown);
        assert_eq!(word(Vec::new(), 0), Word::NotCovered);
    }

    #[test]
    fn b20_what_was_typed_stays_one_argument() {
        assert_eq!(quoted("https://example.org/a?b=1"), "'https://example.org/a?b=1'");
        assert_eq!(quoted("title:enwiki/Anarchism"), "title:enwiki/Anarchism");
        assert_eq!(quoted("a'; rm -rf ~; '"), r"'a'\''; rm -rf ~; '\'''");
        assert_eq!(quoted("--log"), "'--log'");
    }
}
