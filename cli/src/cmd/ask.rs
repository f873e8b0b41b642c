//! `colophon ask`

use ledger::Code;
use ledger::ids::UnixMillis;
use ledger::manifest::Form;
use ledger::manifest::mediawiki::Wiki;
use serde_json::{Value, json};

use crate::asking::{Asker, DatasetAnswer, Mode, Status};
use crate::datasets::{Dataset, Declared, Said, declared, said_about};
use crate::failure::Result;
use crate::follow::View;
use crate::output::{Answer, Mark, Output, grouped, shown};
use crate::question::{Hints, Question};
use crate::screen::time;
use crate::session::Session;
use crate::source::{LogArgs, Source};
use crate::trust::TrustArgs;

/// Ask whether content is in a dataset that the log knows, with a proof
///
/// Each question is a text, an address, page:WIKI/ID, rev:WIKI/ID, title:WIKI/TITLE, sha256:HEX, or @FILE. It never leaves
/// this machine; the log is told the first bits of a digest, so few that a thousand others share them. Every dataset that
/// was ever declared is asked, and the answer of each is proven: present, absent, not-covered (it does not declare this
/// kind of content), unknown, or invalid.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  colophon ask \"People who live on its banks measure time by the mud …\" --log https://log.example.org\n  colophon ask title:enwiki/Anarchism page:enwiki/12 --dir /srv/log"
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
    /// Tell the log the whole digest: the smallest reply
    #[arg(long, conflicts_with = "local")]
    exact: bool,
    /// Fetch whole keyspaces: the log learns nothing about the question
    #[arg(long)]
    local: bool,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    trust: TrustArgs,
}

/// A question with the answer of every dataset.
struct Answered {
    question: Question,
    answers: Vec<DatasetAnswer>,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let hints = Hints { wiki: args.wiki.clone(), form: args.form };
    let questions: Vec<Question> =
        args.questions.iter().map(|text| Question::parse(text, &hints)).collect::<Result<_>>()?;
    let mode = match (args.exact, args.local) {
        (true, _) => Mode::Exact,
        (_, true) => Mode::Local,
        _ => Mode::Automatic,
    };
    let source = Source::open(&args.log, &args.trust, session)?;
    let view = View::open(session, &source.client, &source.trust)?;
    let found = declared(&view)?;
    let mut asker = Asker::new(session, &source.client, mode, &questions, &found.datasets);
    let mut answered = Vec::with_capacity(questions.len());
    for question in questions {
        let answers = found.datasets.iter().map(|dataset| asker.ask(&question, dataset)).collect::<Result<_>>()?;
        answered.push(Answered { question, answers });
    }
    let hit = |place: usize| answered.iter().any(|a| a.answers.get(place).is_some_and(|a| a.status == Status::Present));
    let hits: Vec<usize> = (0..found.datasets.len()).filter(|place| hit(*place)).collect();
    let present: Vec<&Dataset> = hits.iter().filter_map(|place| found.datasets.get(*place)).collect();
    let said = said_about(&view, &present)?;
    let said: Vec<(usize, Said)> = hits.into_iter().zip(said).collect();
    let coverage = Coverage::new(&view, session.now(), &answered, &found);
    let datasets = &found.datasets;
    let text = to_text(&answered, datasets, &said, &coverage, session.out);
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
}

impl Coverage {
    fn new(view: &View<'_>, now: UnixMillis, answered: &[Answered], found: &Declared) -> Self {
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
        }
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
    out: &Output,
) -> String {
    let mut text = String::new();
    for (a, cannot) in answered.iter().zip(&coverage.cannot) {
        let form = a.question.form.map(|form| format!(" ({})", form.as_str())).unwrap_or_default();
        text.push_str(&format!("{}{form}\n", shown(&a.question.shown)));
        for (place, (answer, dataset)) in a.answers.iter().zip(datasets).enumerate() {
            let word = out.paint(mark(answer.status), &format!("{:<11}", answer.status.as_str()));
            let name = shown(dataset.name());
            text.push_str(&format!("  {} {word} {name}, entry {}", out.mark(mark(answer.status)), dataset.index));
            text.push_str(&format!(" by {}: {}\n", shown(&dataset.issuer), shown(&answer.reason)));
            if answer.status == Status::Present {
                let said = said.iter().find(|(at, _)| *at == place).map(|(_, said)| said);
                text.push_str(&details(answer, dataset, said));
            }
        }
        for note in &a.question.notes {
            text.push_str(&format!("  note: {note}\n"));
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
    text.push_str(&coverage.freshness());
    text.push_str("\nAn answer speaks of what was declared. It does not show that a declaration is complete.");
    text
}

fn details(answer: &DatasetAnswer, dataset: &Dataset, said: Option<&Said>) -> String {
    let mut text = String::new();
    let licenses: Vec<&str> = answer.licenses().into_iter().collect();
    if !licenses.is_empty() {
        text.push_str(&format!("      license  {} (stated by the manifest)\n", shown(&licenses.join("; "))));
    }
    if let Some(look) = answer.looks.iter().find(|look| look.status == Status::Present) {
        let hidden = match look.told {
            0 => format!("the log was told nothing; {} keys fetched", look.among),
            bits => format!("the log was told {bits} bits, which {} keys share", look.among),
        };
        text.push_str(&format!("      proof    {} in {} ({hidden})\n", shown(&look.what), look.spec));
    }
    if let Some(new) = dataset.superseded_by {
        text.push_str(&format!("      note     a later manifest takes its place: {new}\n"));
    }
    let Some(said) = said else { return text };
    for claim in &said.licenses {
        let license = claim.concluded.as_ref().or(claim.declared.as_ref()).map_or("noAssertion", String::as_str);
        let role = claim.role.as_ref().map(|role| format!(", {role}")).unwrap_or_default();
        text.push_str(&format!(
            "      claim    {} by {}{}, entry {}\n",
            shown(license),
            shown(&claim.issuer),
            shown(&role),
            claim.index
        ));
    }
    if said.licenses_agree() == Some(false) {
        text.push_str("      note     the claims differ; the log does not decide which holds\n");
    }
    for used in &said.uses {
        let relation = used.relation.as_str().unwrap_or_default();
        let model = used.name.clone().or(used.model.map(|model| model.to_hex())).unwrap_or_default();
        text.push_str(&format!(
            "      model    {} ({relation}), says {}, entry {}\n",
            shown(&model),
            shown(&used.issuer),
            used.index
        ));
    }
    if said.uses.is_empty() {
        text.push_str("      model    no record names a model that was made with it\n");
    }
    text
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
                .question
                .wanted
                .iter()
                .map(|wanted| json!({ "kind": wanted.kind.as_str(), "key": wanted.key, "what": wanted.what }))
                .collect();
            let best = a.answers.iter().map(|answer| answer.status).min();
            json!({
                "question": a.question.shown,
                "form": a.question.form.map(Form::as_str),
                "keys": keys,
                "notes": a.question.notes,
                "status": best.map_or("not-covered", Status::as_str),
                "answers": answers,
                "cannotBeAsked": cannot,
            })
        })
        .collect();
    json!({
        "questions": questions,
        "coverage": {
            "datasets": coverage.datasets,
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
