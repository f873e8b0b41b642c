//! `colophon record show`

use std::path::Path;

use ledger::Code;
use ledger::bundle::{Bundle, MAX_BUNDLE_LEN};
use ledger::ids::{LeafIndex, RecordId};
use ledger::record::Record;
use ledger::record::dsse::Envelope;
use ledger::record::kind::Kind;
use ledger::record::statement::Statement;
use ledger::record::terms::moment;
use ledger::state::{Fate, Records as _, marks};
use serde_json::{Value, json};

use crate::cmd::verify;
use crate::failure::{At, CliError, Result};
use crate::files;
use crate::follow::{View, explained};
use crate::followed::Followed;
use crate::output::{Answer, shown as shown_text, shown_lines};
use crate::screen::{Inputs, Screen, time};
use crate::session::Session;
use crate::source::{LogArgs, Source};
use crate::trust::TrustArgs;

/// Show what a record says, and what became of it
///
/// By its index or id the record is fetched with its bundle and verified first; what does not verify is not shown. Then the
/// log is followed, so that no retraction, correction or revocation is left out: each is a mark, with its code and entry. Of
/// a redacted record everything is shown that its entry keeps. A file (bundle, envelope or statement) is shown as it is, with
/// a word about what was verified of it; what became of it since, a file cannot say.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  colophon record show 7 --log https://log.example.org\n  colophon record show 7 --alone --log https://log.example.org\n  colophon record show card.dsse.json"
)]
pub(crate) struct Args {
    /// An index, a record id, or a file
    record: String,
    /// Do not follow the log: what became of the record stays unknown
    #[arg(long)]
    alone: bool,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    trust: TrustArgs,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let path = Path::new(&args.record);
    let name = RecordId::digits(&args.record);
    let index = name.parse::<LeafIndex>().ok();
    let id = name.parse::<RecordId>().ok();
    if index.is_none() && id.is_none() {
        if !path.exists() {
            return Err(
                CliError::usage("this is neither an index, nor a record id, nor a file").at(args.record.clone())
            );
        }
        return file(path, &args.trust, session);
    }
    let source = Source::open(&args.log, &args.trust, session)?;
    let bytes = match source.client.bundle(name) {
        Err(error) if error.code() == Code::Redacted && !args.alone => return erased(index, id, &source, session),
        other => other?,
    };
    let bundle = Bundle::parse(&bytes).at(source.client.base())?;
    let report = ledger::verify::verify(&bundle, &source.trust, &[]);
    let Some(verified) = &report.verified else {
        return refused(&report, Path::new(source.client.base()), &bytes, &source.trust, session);
    };
    let other = index.is_some_and(|index| index != verified.index()) || id.is_some_and(|id| id != verified.record().id);
    if other {
        return Err(
            CliError::new(Code::BindingMismatch, "the log answered with another record").at(args.record.clone())
        );
    }
    let answer = shown(verified.record(), Some(verified));
    if args.alone {
        return Ok(answer);
    }
    let view = View::open(session, &source.client, &source.trust)?;
    let log = Followed::to_end(&view, &source.client)?;
    became(answer, &log, verified.index(), session)
}

/// What the entry of a redacted record keeps. That it was redacted follows from the log, not from what the server says.
fn erased(index: Option<LeafIndex>, id: Option<RecordId>, source: &Source, session: &Session) -> Result<Answer> {
    let view = View::open(session, &source.client, &source.trust)?;
    let log = Followed::to_end(&view, &source.client)?;
    let item = match (index, id) {
        (Some(index), _) => log.item(index)?,
        (None, Some(id)) => log.first(id)?,
        (None, None) => None,
    };
    let Some(item) = item else {
        return Err(CliError::new(Code::NotFound, "no entry of this log that counts has this index or id"));
    };
    explained(&log.state, item.index, &item.header.record)?;
    let header = &item.header;
    let mut text =
        format!("record   {}\nkind     {}\nissuer   {}\n", header.record, header.kind, shown_text(&header.issuer));
    text.push_str(&format!("entry    {}, received {}\n", item.index, time(header.received)));
    header.signers.iter().for_each(|signer| text.push_str(&format!("signer   {signer}\n")));
    text.push_str("\nredacted: what it said is erased, its entry and proofs stay\n");
    let json = json!({
        "verified": true,
        "record": header.record,
        "entry": { "index": item.index.to_string(), "received": moment(header.received) },
        "signers": header.signers,
        "statement": Value::Null,
        "kind": header.kind,
        "subjects": header.subjects,
        "refs": header.refs,
    });
    became(Answer::new(text, json), &log, item.index, session)
}

/// Adds what the followed log makes of the record.
fn became(answer: Answer, log: &Followed<'_>, index: LeafIndex, session: &Session) -> Result<Answer> {
    let Some(item) = log.item(index)? else {
        let found = "the record verifies, and the rules of the log as its entries give them did not let it in";
        return Err(CliError::new(Code::RoleRefused, found).at(format!("entry {index}")));
    };
    let now = session.now();
    let marks = marks(log, &log.state, &item, now)?;
    let fate = Fate::of(log, &log.state, &item, now)?;
    let mut lines = String::new();
    for mark in &marks {
        let because = mark.because.map(|index| format!(" (entry {index})")).unwrap_or_default();
        lines.push_str(&format!("mark     {}{because}: {}\n", mark.code.as_str(), mark.detail));
    }
    for index in &fate.corrected_by {
        lines.push_str(&format!("mark     corrected (entry {index})\n"));
    }
    if matches!(Kind::parse(&item.header.kind), Ok(Kind::Other(_)) | Err(_)) {
        lines.push_str("mark     unknown kind: this version does not know it; kept and shown as it is\n");
    }
    if lines.is_empty() {
        lines.push_str("mark     none: nobody took it back, corrected it or revoked its key\n");
    }
    let corrected: Vec<String> = fate.corrected_by.iter().map(ToString::to_string).collect();
    let members = json!({ "marks": marks, "fate": fate.to_json(), "correctedBy": corrected, "log": log.origin() });
    Ok(answer.and(&format!("\n{lines}\n{}\n", log.freshness()), members))
}

/// A record that did not verify: the verification, and nothing of what it says.
fn refused(
    report: &ledger::verify::Report,
    from: &Path,
    bytes: &[u8],
    trust: &ledger::verify::Trust,
    session: &Session,
) -> Result<Answer> {
    let inputs = Inputs::new(from, bytes, &[], trust, None);
    let screen = Screen { report, inputs, strict: false, differences: Vec::new(), now: session.timestamp()? };
    Ok(Answer::new(screen.to_screen(session.out), screen.to_json()).with_exit(screen.exit()))
}

fn file(path: &Path, trust: &TrustArgs, session: &Session) -> Result<Answer> {
    let bytes = files::read(path, MAX_BUNDLE_LEN)?;
    if Bundle::parse(&bytes).is_ok() {
        let checked = verify::check(&bytes, trust, &[], session)?;
        return match &checked.report.verified {
            Some(verified) => Ok(shown(verified.record(), Some(verified))),
            None => refused(&checked.report, path, &bytes, &checked.trust, session),
        };
    }
    if let Ok(envelope) = Envelope::parse(&bytes) {
        session.out.warn("an envelope alone proves nothing; only its form was checked");
        let record = Record::parse(&bytes).at(path.display())?;
        drop(envelope);
        return Ok(shown(&record, None));
    }
    let statement = Statement::parse(bytes.trim_ascii()).at(path.display())?;
    session.out.warn("this is a statement that nobody signed");
    let value =
        json!({ "kind": statement.kind.as_str(), "subject": statement.subjects, "predicate": statement.predicate });
    Ok(Answer::new(format!("{value:#}"), json!({ "verified": false, "statement": value })))
}

fn shown(record: &Record, verified: Option<&ledger::verify::VerifiedRecord>) -> Answer {
    let statement = json!({
        "kind": record.kind.as_str(),
        "subject": record.statement.subjects,
        "predicate": record.statement.predicate,
    });
    let signers: Vec<Value> = record.signers().iter().map(|signer| json!(signer)).collect();
    let entry = verified.map(
        |verified| json!({ "index": verified.index().to_string(), "received": moment(verified.header().received) }),
    );
    let mut text = format!("record   {}\nkind     {}\nissuer   {}\n", record.id, record.kind, record.issuer());
    if let Some(verified) = verified {
        let origin = verified.checkpoint().checkpoint().origin();
        text.push_str(&format!(
            "entry    {} of {origin}, received {}\n",
            verified.index(),
            time(verified.header().received)
        ));
    }
    for signer in record.signers() {
        text.push_str(&format!("signer   {signer}\n"));
    }
    // JSON escapes control characters; bidirectional ones are escaped here, so that the text cannot reorder the screen.
    text.push_str(&format!("\n{}\n", shown_lines(&format!("{:#}", statement))));
    let json = json!({
        "verified": verified.is_some(),
        "record": record.id,
        "entry": entry,
        "signers": signers,
        "statement": statement,
    });
    Answer::new(text, json)
}
