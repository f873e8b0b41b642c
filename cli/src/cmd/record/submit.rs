//! `colophon record submit`

use std::path::PathBuf;

use ledger::Code;
use serde_json::{Value, json};

use super::sign::{MAX_BODY, is_many, lines};
use crate::api::Accepted;
use crate::failure::{At, CliError, Result};
use crate::files;
use crate::output::{Answer, Mark, grouped, shown};
use crate::progress::Unit;
use crate::session::Session;
use crate::source::{LogArgs, client, reach};

/// A file of envelopes that are all at the limit: 256 of them.
const MAX_LINES_FILE: usize = 256 * MAX_BODY;

/// Send signed records to a log
///
/// Sending a record again is safe: the log answers with the index that it has already. With --batch, or when there are
/// many, records go a thousand a request and each is answered for itself.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  colophon record submit card.dsse.json --log https://log.example.org\n  colophon record submit --batch sources.ndjson --log https://log.example.org"
)]
pub(crate) struct Args {
    /// Envelopes, or files of them, one a line (.ndjson)
    #[arg(required = true, value_name = "ENVELOPE")]
    envelopes: Vec<PathBuf>,
    /// Send them as batches
    #[arg(long)]
    batch: bool,
    #[command(flatten)]
    log: LogArgs,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let envelopes = read(&args.envelopes)?;
    let (client, _running) = match &args.log.dir {
        Some(dir) => reach(&crate::logdir::LogDir::open(dir)?, session)?,
        None => (client(&args.log, session)?, None),
    };
    if let ([(_, envelope)], false) = (envelopes.as_slice(), args.batch) {
        let accepted = client.submit(envelope)?;
        let accepted = client.wait_until_published(accepted, session.config.timeout.value)?;
        remarks(&accepted, session);
        return Ok(Answer::new(line(&accepted), accepted.to_json()));
    }
    let progress = session.out.progress("sending", Some(envelopes.len() as u64), Unit::Things("records"));
    let bodies: Vec<Vec<u8>> = envelopes.iter().map(|(_, envelope)| envelope.clone()).collect();
    let answers = client.submit_batch(&bodies, |by| progress.advance(by))?;
    drop(progress);
    Ok(report(&envelopes, answers, session))
}

/// Every envelope of the files, each with its place.
fn read(paths: &[PathBuf]) -> Result<Vec<(String, Vec<u8>)>> {
    let mut envelopes = Vec::new();
    for path in paths {
        let place = path.display();
        if !is_many(path) {
            let bytes = files::read(path, MAX_BODY)?;
            is_an_envelope(&bytes).at(&place)?;
            envelopes.push((place.to_string(), bytes));
            continue;
        }
        let bytes = files::read(path, MAX_LINES_FILE)?;
        for (number, line) in lines(&bytes) {
            if line.len() > MAX_BODY {
                let found = format!("{} bytes, at most {MAX_BODY}", line.len());
                return Err(CliError::new(Code::TooLarge, found)).at(format!("{place}: line {number}"));
            }
            envelopes.push((format!("{place}: line {number}"), line.to_vec()));
        }
    }
    if envelopes.is_empty() {
        return Err(CliError::usage("there is no envelope in these files"));
    }
    Ok(envelopes)
}

/// Names what a file is that somebody may take for an envelope. Anything else is the log's to judge.
fn is_an_envelope(bytes: &[u8]) -> Result<()> {
    let Ok(Value::Object(members)) = serde_json::from_slice::<Value>(bytes) else { return Ok(()) };
    let (what, hint) = if members.contains_key("predicateType") {
        ("a statement that nobody has signed", "`colophon record sign FILE --key NAME --out ENVELOPE` signs it.")
    } else if members.contains_key("keyHistory") {
        ("a bundle: what it holds is in a log already", "`colophon verify FILE` checks it.")
    } else {
        return Ok(());
    };
    Err(CliError::usage(format!("this is {what}")).hint(hint))
}

/// What became of each record. The command fails like the first one that was refused.
fn report(envelopes: &[(String, Vec<u8>)], answers: Vec<Result<Accepted>>, session: &Session) -> Answer {
    let mut exit = 0;
    let mut refused = String::new();
    let mut items: Vec<Value> = Vec::with_capacity(answers.len());
    let (mut new, mut known, mut waiting) = (0u64, 0u64, 0u64);
    let (mut first, mut last) = (None, None);
    for ((place, _), answer) in envelopes.iter().zip(answers) {
        match answer {
            Ok(accepted) => {
                *if accepted.duplicate { &mut known } else { &mut new } += 1;
                waiting += u64::from(!accepted.published);
                first = Some(first.map_or(accepted.index, |first: ledger::ids::LeafIndex| first.min(accepted.index)));
                last = last.max(Some(accepted.index));
                items.push(accepted.to_json());
            }
            Err(error) => {
                if exit == 0 {
                    exit = error.exit();
                }
                refused.push_str(&format!(
                    "  {} {place}: {}\n",
                    session.out.mark(Mark::Bad),
                    shown(&error.to_string())
                ));
                let mut json = error.to_json();
                json["source"] = json!(place);
                items.push(json);
            }
        }
    }
    let refusals = items.len() as u64 - new - known;
    let mut text = format!("{} new, {} known already, {} refused", grouped(new), grouped(known), grouped(refusals));
    if let (Some(first), Some(last)) = (first, last) {
        text.push_str(&format!("; entries {first} to {last}"));
    }
    text.push('\n');
    if waiting > 0 {
        text.push_str(&format!("{} of them wait for witnesses; send them again to get receipts\n", grouped(waiting)));
        if exit == 0 {
            exit = Code::AwaitingWitnesses.exit_code();
        }
    }
    text.push_str(&refused);
    let json = json!({
        "new": new, "duplicates": known, "refused": refusals, "awaiting": waiting, "exit": exit, "records": items,
    });
    Answer::new(text, json).with_exit(exit)
}

/// What lint said about a record that was accepted. It never blocks one.
pub(crate) fn remarks(accepted: &Accepted, session: &Session) {
    for warning in &accepted.warnings {
        let text = |name: &str| warning.get(name).and_then(Value::as_str).unwrap_or_default();
        let remark = format!("lint: {} {} [{}]", text("place"), text("message"), text("code"));
        session.out.note(&shown(&remark));
    }
}

/// What became of one record.
pub(crate) fn line(accepted: &Accepted) -> String {
    let known = if accepted.duplicate { " (the log had it already)" } else { "" };
    format!("entry   {}{known}\nrecord  {}", accepted.index, accepted.record)
}
