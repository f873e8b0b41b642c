//! `colophon record show`

use std::path::Path;

use ledger::Code;
use ledger::bundle::{Bundle, MAX_BUNDLE_LEN};
use ledger::ids::{LeafIndex, RecordId};
use ledger::record::Record;
use ledger::record::dsse::Envelope;
use ledger::record::statement::Statement;
use serde_json::{Value, json};

use crate::cmd::verify;
use crate::failure::{At, CliError, Result};
use crate::files;
use crate::output::Answer;
use crate::screen::{Inputs, Screen, time};
use crate::session::Session;
use crate::source::{LogArgs, Source};
use crate::trust::TrustArgs;

/// Show what a record says
///
/// By its index or id the record is fetched with its bundle and verified first; what does not verify is not shown. A file
/// (bundle, envelope or statement) is shown as it is, with a word about what was verified of it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  colophon record show 7 --log https://log.example.org\n  colophon record show card.dsse.json"
)]
pub(crate) struct Args {
    /// An index, a record id, or a file
    record: String,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    trust: TrustArgs,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let path = Path::new(&args.record);
    let name = args.record.strip_prefix(RecordId::REFERENCE_PREFIX).unwrap_or(&args.record);
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
    let bytes = source.client.bundle(name)?;
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
    Ok(shown(verified.record(), Some(verified)))
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
    let entry = verified
        .map(|verified| json!({ "index": verified.index().to_string(), "received": time(verified.header().received) }));
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
    text.push_str(&format!("\n{}\n", bidi_escaped(&format!("{:#}", statement))));
    let json = json!({
        "verified": verified.is_some(),
        "record": record.id,
        "entry": entry,
        "signers": signers,
        "statement": statement,
    });
    Answer::new(text, json)
}

fn bidi_escaped(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            c if ledger::record::json::is_bidi_control(c) || (c.is_control() && c != '\n') => {
                format!("\\u{:04x}", u32::from(c))
            }
            c => c.to_string(),
        })
        .collect()
}
