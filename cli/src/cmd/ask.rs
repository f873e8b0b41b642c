//! `colophon ask`

use ledger::Code;
use ledger::ids::{LeafIndex, UnixMillis};
use ledger::manifest::mediawiki::Wiki;
use ledger::manifest::{Citation, Form, Hints, Question, Status};
use ledger::record::terms::NO_ASSERTION;
use serde_json::{Value, json};

use crate::asking::{Asker, DatasetAnswer, Mode, Told};
use crate::datasets::{Dataset, Declared, Said, declared, said_about};
use crate::failure::Result;
use crate::follow::View;
use crate::output::{Answer, Mark, Output, grouped, shown};
use crate::question::Asked;
use crate::rollups::Rollups;
use crate::screen::time;
use crate::session::Session;
use crate::source::{LogArgs, Source};
use crate::trust::TrustArgs;

/// Ask whether content is in a dataset that the log knows, with a proof
///
/// Each question is a text, an address, enwiki:page:12, enwiki:rev:4567, enwiki:title:Tea, sha256:HEX, @FILE, @FOLDER, or
/// @LIST of contributions exported from a wiki (CSV, or the API's JSON; with --wiki). It never leaves this machine; the log
/// is told the first bits of a digest, so few that a thousand others share them. Every dataset that was ever declared is
/// asked, and the answer of each is proven: present, absent, not-covered (it does not declare this kind of content),
/// unknown, or invalid. More than three keys to one keyspace, and every list of contributions, are looked up here.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  colophon ask \"People who live on its banks measure time by the mud …\" --log https://log.example.org\n  colophon ask enwiki:title:Anarchism enwiki:page:12 --dir /srv/log\n  colophon ask @contributions.json --wiki enwiki --log https://log.example.org"
)]
pub(crate) struct Args {
    /// What to ask for
    #[arg(required = true, value_name = "QUESTION")]
    questions: Vec<String>,
    /// The wiki of titles and numbers that do not name theirs, such as enwiki
    #[arg(long, value_name = "NAME")]
    wiki: Option<Wiki>,
    /// What a text is: wikitext, plain (as a reader sees it) or html; guessed by its markup without it
    #[arg(long, value_name = "FORM")]
    form: Option<Form>,
    /// Tell the log the whole digest: the smallest reply. For three keys of a keyspace at most
    #[arg(long, conflicts_with_all = ["local", "range", "bits"])]
    exact: bool,
    /// Fetch whole keyspaces or bitmaps: the log learns nothing about the question
    #[arg(long, conflicts_with_all = ["range", "bits"])]
    local: bool,
    /// Tell the log so few bits that a thousand keys share them, also where the whole is small enough to be fetched
    #[arg(long)]
    range: bool,
    /// Tell the log so many bits; more than 12 are refused for more than three keys of a keyspace
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=40))]
    bits: Option<u8>,
    /// Ask roll-ups also where few datasets are declared; more than eight of a kind are asked by roll-ups anyway
    #[arg(long, conflicts_with_all = ["exact", "local"])]
    all: bool,
    /// Ask every dataset itself, however many there are: a request for each, and every answer by its own proof
    #[arg(long, conflicts_with = "all")]
    each: bool,
    /// Print a citation in wikitext for every answer, not only for the first
    #[arg(long)]
    cite: bool,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    trust: TrustArgs,
}

/// Parts of a question whose keys are shown to programs: a list of contributions has a hundred thousand.
const MAX_KEYS: usize = 1_000;

/// Datasets that are listed one by one though nothing was found there: what was found is always listed.
const MAX_LISTED: usize = 40;

/// Parts of a question that were not found and are named one by one.
const MAX_MISSED: usize = 12;

/// A question with the answer of every dataset.
struct Answered {
    asked: Asked,
    answers: Vec<DatasetAnswer>,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let hints = Hints { wiki: args.wiki.clone(), form: args.form };
    let asked: Vec<Asked> = args.questions.iter().map(|text| Asked::parse(text, &hints)).collect::<Result<_>>()?;
    let mode = match (args.exact, args.local, args.bits) {
        (true, ..) => Mode::Exact,
        (_, true, _) => Mode::Local,
        (.., Some(bits)) => Mode::Range(Some(bits)),
        _ if args.range => Mode::Range(None),
        _ => Mode::Automatic,
    };
    let source = Source::open(&args.log, &args.trust, session)?;
    let view = View::open(session, &source.client, &source.trust)?;
    let found = declared(&view)?;
    let questions: Vec<&Question> = asked.iter().map(|asked| &asked.question).collect();
    let rollups = if args.each { Rollups::default() } else { Rollups::of(&found, args.all) };
    let mut asker = Asker::new(session, &source.client, mode, &questions, &found.datasets, &rollups)?;
    let mut answers = Vec::with_capacity(questions.len());
    for question in questions {
        let each = found.datasets.iter().map(|dataset| asker.ask(question, dataset));
        answers.push(each.collect::<Result<Vec<_>>>()?);
    }
    let answered: Vec<Answered> =
        asked.into_iter().zip(answers).map(|(asked, answers)| Answered { asked, answers }).collect();
    // What is said about a dataset is read for all of them, found or not: what is requested must not depend on what was found.
    // Whoever tells the server whole keys has told it that much already.
    let hit = |place: usize| answered.iter().any(|a| a.answers.get(place).is_some_and(|a| a.status == Status::Present));
    let read: Vec<usize> = (0..found.datasets.len()).filter(|place| mode != Mode::Exact || hit(*place)).collect();
    let about: Vec<&Dataset> = read.iter().filter_map(|place| found.datasets.get(*place)).collect();
    let said = said_about(&view, &about)?;
    let said: Vec<(usize, Said)> = read.into_iter().zip(said).collect();
    let mut coverage = Coverage::new(&view, session.now(), &answered, &found, source.public_base());
    if matches!(mode, Mode::Automatic | Mode::Range(_)) {
        coverage.rolled_up = (rollups.to_text(coverage.size), rollups.to_json(coverage.size));
    }
    let datasets = &found.datasets;
    let text = to_text(&answered, datasets, &said, &coverage, args.cite, session.out);
    let invalid = answered.iter().flat_map(|a| &a.answers).any(|answer| answer.status == Status::Invalid);
    let exit = if invalid { Code::ProofInvalid.exit_code() } else { 0 };
    Ok(Answer::new(text, to_json(&answered, datasets, &said, &coverage, exit)).with_exit(exit))
}

/// What the answer is worth: how many were asked, how many could not be, and how fresh it is.
struct Coverage {
    origin: String,
    size: u64,
    root: String,
    cosigned: Option<UnixMillis>,
    age_seconds: Option<u64>,
    datasets: usize,
    redacted: u64,
    cards_without: u64,
    sources_without: u64,
    /// Datasets that could not be asked, by question.
    cannot: Vec<usize>,
    /// What roll-ups answered for, for people and for programs.
    rolled_up: (String, Value),
    /// The address under which others reach the log; empty for a folder.
    base: String,
    /// The day of the answer: when the checkpoint was cosigned, else today.
    date: String,
}

impl Coverage {
    fn new(view: &View<'_>, now: UnixMillis, answered: &[Answered], found: &Declared, base: &str) -> Self {
        let checkpoint = view.accepted().checkpoint();
        let cosigned = view.accepted().newest().map(|at| at.to_millis());
        let cannot = |a: &Answered| {
            a.answers
                .iter()
                .filter(|a| matches!(a.status, Status::NotCovered | Status::Unknown | Status::Invalid))
                .count()
        };
        Self {
            origin: checkpoint.origin().to_string(),
            size: checkpoint.size().0,
            root: checkpoint.root().to_string(),
            cosigned,
            age_seconds: cosigned.map(|at| now.0.saturating_sub(at.0) / 1000),
            datasets: answered.first().map_or(0, |a| a.answers.len()),
            redacted: found.redacted,
            cards_without: found.cards_without,
            sources_without: found.sources_without,
            cannot: answered.iter().map(cannot).collect(),
            rolled_up: (String::new(), json!([])),
            base: base.to_owned(),
            date: time(cosigned.unwrap_or(now)).chars().take(10).collect(),
        }
    }

    /// The page of the record that a dataset's contents are committed in.
    fn permalink(&self, dataset: &Dataset) -> String {
        format!("{}/r/{}", self.base, dataset.index)
    }

    /// An answer in wikitext, to be pasted on a talk page.
    fn citation(&self, question: &Question, answer: &DatasetAnswer, dataset: &Dataset) -> String {
        Citation {
            status: answer.status,
            asked: &answer.cited(question),
            dataset: dataset.name(),
            issuer: &dataset.issuer,
            index: dataset.index.0,
            permalink: &self.permalink(dataset),
            origin: &self.origin,
            size: self.size,
            undone: dataset.undone().is_some(),
            date: &self.date,
        }
        .wikitext()
    }

    /// `Log localhost/demo: 17 entries, cosigned 2026-11-23T10:18:43Z (4 s ago).`
    fn freshness(&self) -> String {
        let cosigned = match (self.cosigned, self.age_seconds) {
            (Some(at), Some(age)) => format!("cosigned {} ({} ago)", time(at), span(age)),
            _ => "no witness says when".to_owned(),
        };
        format!("Log {}: {} entries, {cosigned}.", self.origin, self.size)
    }
}

fn span(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn many(count: u64, what: &str) -> String {
    if count == 1 { format!("one {what}") } else { format!("{} {what}s", grouped(count)) }
}

const fn mark(status: Status) -> Mark {
    match status {
        Status::Present => Mark::Good,
        Status::Invalid => Mark::Bad,
        Status::Unknown => Mark::Warning,
        // Never a tick: that something is not in what was declared is no praise.
        Status::Absent | Status::NotCovered => Mark::Open,
    }
}

fn to_text(
    answered: &[Answered],
    datasets: &[Dataset],
    said: &[(usize, Said)],
    coverage: &Coverage,
    cite: bool,
    out: &Output,
) -> String {
    let mut text = String::new();
    for (a, cannot) in answered.iter().zip(&coverage.cannot) {
        let form = a.asked.question.form().map(|form| format!(" ({})", form.as_str())).unwrap_or_default();
        text.push_str(&format!("{}{form}\n", shown(&a.asked.shown)));
        let best = a.answers.iter().map(|answer| answer.status).min();
        let (mut cited, mut listed) = (false, 0usize);
        for (place, (answer, dataset)) in a.answers.iter().zip(datasets).enumerate() {
            listed += usize::from(matches!(answer.status, Status::Absent | Status::NotCovered));
            if listed > MAX_LISTED && matches!(answer.status, Status::Absent | Status::NotCovered) {
                continue;
            }
            let word = out.paint(mark(answer.status), &format!("{:<11}", answer.status.as_str()));
            let name = shown(dataset.name());
            text.push_str(&format!("  {} {word} {name}, entry {}", out.mark(mark(answer.status)), dataset.index));
            text.push_str(&format!(" by {}: {}\n", shown(&dataset.issuer), shown(&answer.reason)));
            text.push_str(&format!("      record   {}\n", shown(&coverage.permalink(dataset))));
            if let Some(undone) = dataset.undone() {
                text.push_str(&format!("      note     {undone}\n"));
            }
            if answer.status == Status::Present {
                let said = said.iter().find(|(at, _)| *at == place).map(|(_, said)| said);
                text.push_str(&details(&a.asked.question, answer, said));
            }
            for near in &answer.nearest {
                text.push_str(&format!(
                    "      nearest  {} is in it; the text that was asked for is not\n",
                    shown(&near.what)
                ));
            }
            if cite || (!cited && Some(answer.status) == best) {
                cited = true;
                let citation = coverage.citation(&a.asked.question, answer, dataset);
                text.push_str(&format!("      cite     {}\n", shown(&citation)));
            }
        }
        if listed > MAX_LISTED {
            let more = grouped((listed - MAX_LISTED) as u64);
            text.push_str(&format!("  … and {more} more that are absent or not covered; --json lists each\n"));
        }
        for note in notes(a) {
            text.push_str(&format!("  note: {note}\n"));
        }
        if let Some(best) = best {
            text.push_str(&format!("  \u{201c}{}\u{201d}: {}\n", best.as_str(), best.does_not_mean()));
        }
        let count = |status| a.answers.iter().filter(|answer| answer.status == status).count();
        text.push_str(&format!(
            "  Listed in {} of {} datasets that this log declares; {cannot} of them cannot be asked for this.\n\n",
            count(Status::Present),
            coverage.datasets
        ));
    }
    if coverage.datasets == 0 {
        text.push_str("No dataset of this log declares its contents, so nothing can be asked.\n");
    }
    if coverage.redacted > 0 {
        text.push_str(&format!("{} manifests were redacted and cannot be asked.\n", coverage.redacted));
    }
    if coverage.cards_without + coverage.sources_without > 0 {
        text.push_str(&format!(
            "Besides, {} and {} name datasets whose contents nobody declared; these cannot be asked.\n",
            many(coverage.cards_without, "dataset card"),
            many(coverage.sources_without, "training source"),
        ));
    }
    text.push_str(&coverage.rolled_up.0);
    text.push_str(&coverage.freshness());
    text.push_str("\nAn answer speaks of what was declared. It does not show that a declaration is complete.");
    text
}

/// What the asker should know.
fn notes(a: &Answered) -> impl Iterator<Item = &str> {
    let found = a.answers.iter().any(|answer| answer.status == Status::Present);
    let whole = a.asked.question.whole_paragraphs().filter(|_| !found && !a.answers.is_empty());
    a.asked.notes.iter().map(String::as_str).chain(whole)
}

fn details(question: &Question, answer: &DatasetAnswer, said: Option<&Said>) -> String {
    let mut text = String::new();
    let licenses: Vec<&str> = answer.licenses().into_iter().collect();
    if !licenses.is_empty() {
        text.push_str(&format!("      license  {} (stated by the manifest)\n", shown(&licenses.join("; "))));
    }
    if let Some(look) = answer.looks.iter().find(|look| look.status == Status::Present) {
        let hidden = match look.told {
            Told::NotAsked => "the log was not asked".to_owned(),
            Told::Whole(n) => format!("the log was told nothing; all {} keys fetched", grouped(n)),
            Told::Numbers(n) => format!("the log was told nothing; a bitmap of {} numbers fetched", grouped(n)),
            Told::Bits(bits, among) | Told::RolledUp(bits, among) => {
                format!("the log was told {bits} bits, which {among} keys share")
            }
        };
        text.push_str(&format!("      proof    {} in {} ({hidden})\n", shown(&look.what), look.spec));
    }
    let missed = question.list(answer.missed());
    if !missed.is_empty() && missed.len() <= MAX_MISSED {
        text.push_str(&format!("      missing  {}\n", shown(&missed.join(", "))));
    }
    let Some(said) = said else { return text };
    for claim in &said.licenses {
        let license = claim.concluded.as_ref().or(claim.declared.as_ref()).map_or(NO_ASSERTION, String::as_str);
        let role = claim.role.as_ref().map(|role| format!(", {role}")).unwrap_or_default();
        text.push_str(&format!(
            "      claim    {} by {}{}, entry {}{}\n",
            shown(license),
            shown(&claim.issuer),
            shown(&role),
            claim.index,
            undone(claim.undone_by)
        ));
    }
    if said.licenses_agree() == Some(false) {
        text.push_str("      note     the claims differ; the log does not decide which holds\n");
    }
    for used in &said.uses {
        let relation = used.relation.as_str().unwrap_or_default();
        let model = used.name.clone().or(used.model.map(|model| model.to_hex())).unwrap_or_default();
        text.push_str(&format!(
            "      model    {} ({relation}), says {}, entry {}{}\n",
            shown(&model),
            shown(&used.issuer),
            used.index,
            undone(used.undone_by)
        ));
    }
    if said.uses.is_empty() {
        text.push_str("      model    no record names a model that was made with it\n");
    }
    text
}

fn undone(by: Option<LeafIndex>) -> String {
    by.map(|by| format!(", taken back or replaced by entry {by}")).unwrap_or_default()
}

fn to_json(
    answered: &[Answered],
    datasets: &[Dataset],
    said: &[(usize, Said)],
    coverage: &Coverage,
    exit: u8,
) -> Value {
    let questions: Vec<Value> = answered
        .iter()
        .zip(&coverage.cannot)
        .map(|(a, cannot)| {
            let answers: Vec<Value> = a
                .answers
                .iter()
                .zip(datasets)
                .enumerate()
                .map(|(place, (answer, dataset))| {
                    let mut json = answer.to_json();
                    json["dataset"] = dataset.to_json();
                    json["permalink"] = json!(coverage.permalink(dataset));
                    json["citation"] = json!(coverage.citation(&a.asked.question, answer, dataset));
                    json["licenses"] = json!(answer.licenses());
                    let said = said.iter().find(|(at, _)| *at == place && answer.status == Status::Present);
                    if let (Some((_, said)), Some(members)) = (said, json.as_object_mut())
                        && let Value::Object(more) = said.to_json()
                    {
                        members.extend(more);
                    }
                    json
                })
                .collect();
            let keys: Vec<Value> = a
                .asked
                .question
                .parts()
                .iter()
                .take(MAX_KEYS)
                .map(|part| json!({ "kind": part.kind().as_str(), "keys": part.keys(), "what": part.to_string() }))
                .collect();
            let best = a.answers.iter().map(|answer| answer.status).min();
            json!({
                "question": a.asked.shown,
                "form": a.asked.question.form().map(Form::as_str),
                "parts": keys,
                "notes": notes(a).collect::<Vec<_>>(),
                "status": best.map_or("not-covered", Status::as_str),
                "doesNotMean": best.unwrap_or(Status::NotCovered).does_not_mean(),
                "answers": answers,
                "cannotBeAsked": cannot,
            })
        })
        .collect();
    json!({
        "questions": questions,
        "coverage": {
            "datasets": coverage.datasets,
            "rollups": coverage.rolled_up.1,
            "redactedManifests": coverage.redacted,
            "cardsWithoutContents": coverage.cards_without,
            "sourcesWithoutContents": coverage.sources_without,
            "origin": coverage.origin,
            "size": coverage.size.to_string(),
            "root": coverage.root,
            "cosigned": coverage.cosigned.map(time),
            "ageSeconds": coverage.age_seconds,
        },
        "exit": exit,
    })
}
