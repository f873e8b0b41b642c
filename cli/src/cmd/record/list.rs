//! `colophon record list`

use ledger::entry::Header;
use ledger::ids::{KeyId, LeafIndex, RecordId, SubjectDigest};
use serde_json::{Value, json};

use crate::failure::Result;
use crate::follow::View;
use crate::output::{Answer, short};
use crate::screen::time;
use crate::session::Session;
use crate::source::{LogArgs, Source};
use crate::trust::TrustArgs;

/// List the records of a log, every one of them
///
/// Follows the log from its entries and hashes them to the signed root, so that nothing can be left out; a second look
/// fetches only what is new. All conditions must hold.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  colophon record list --kind model-card --log https://log.example.org\n  colophon record list --about record:<id> --json"
)]
pub(crate) struct Args {
    /// Of this kind
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// By this party
    #[arg(long, value_name = "ID")]
    by: Option<String>,
    /// Signed by this key
    #[arg(long, value_name = "KEYID")]
    signer: Option<KeyId>,
    /// About this artefact or record: a SHA-256, or record:<id>
    #[arg(long, value_name = "SHA256")]
    subject: Option<String>,
    /// Naming this record in what it says
    #[arg(long = "ref", value_name = "ID")]
    reference: Option<String>,
    /// About this record or naming it
    #[arg(long, value_name = "ID")]
    about: Option<String>,
    /// After this index
    #[arg(long, value_name = "INDEX")]
    after: Option<LeafIndex>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    trust: TrustArgs,
}

/// An entry that meets every condition.
struct Row {
    index: LeafIndex,
    header: Header,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let filter = Filter::new(args)?;
    let source = Source::open(&args.log, &args.trust, session)?;
    let view = View::open(session, &source.client, &source.trust)?;
    let mut rows = Vec::new();
    let mut total = 0u64;
    view.scan(&|_, _| false, &mut |entry| {
        if filter.takes(entry.index, entry.header) {
            total += 1;
            if rows.len() < args.limit {
                rows.push(Row { index: entry.index, header: entry.header.clone() });
            }
        }
        Ok(())
    })?;
    let cells = rows.iter().map(|row| {
        let header = &row.header;
        [
            row.index.to_string(),
            header.kind.clone(),
            header.issuer.clone(),
            time(header.received),
            short(&header.record.to_hex()),
        ]
    });
    let origin = view.accepted().checkpoint().origin();
    let mut text = session.out.table(["ENTRY", "KIND", "BY", "RECEIVED", "RECORD"], cells);
    text.push_str(&format!("\n\n{total} of the {} entries of {origin}", view.size()));
    if total > rows.len() as u64 {
        text.push_str(&format!("; the first {} are shown, --limit shows more", rows.len()));
    }
    let json = json!({
        "origin": origin.as_str(),
        "size": view.size().to_string(),
        "root": view.accepted().checkpoint().root().to_string(),
        "complete": true,
        "total": total,
        "count": rows.len(),
        "records": rows.iter().map(row_json).collect::<Vec<Value>>(),
    });
    Ok(Answer::new(text, json))
}

fn row_json(row: &Row) -> Value {
    let header = &row.header;
    json!({
        "index": row.index.to_string(),
        "record": header.record,
        "kind": header.kind,
        "issuer": header.issuer,
        "signers": header.signers,
        "keys": header.keys,
        "subjects": header.subjects,
        "refs": header.refs,
        "received": time(header.received),
    })
}

#[derive(Debug)]
struct Filter {
    kind: Option<String>,
    by: Option<String>,
    signer: Option<KeyId>,
    subject: Option<SubjectDigest>,
    reference: Option<RecordId>,
    about: Option<RecordId>,
    after: Option<LeafIndex>,
}

impl Filter {
    fn new(args: &Args) -> Result<Self> {
        let digest = |text: &String| text.strip_prefix(RecordId::REFERENCE_PREFIX).unwrap_or(text).parse();
        let record = |text: &String| text.strip_prefix(RecordId::REFERENCE_PREFIX).unwrap_or(text).parse();
        Ok(Self {
            kind: args.kind.clone(),
            by: args.by.clone(),
            signer: args.signer,
            subject: args.subject.as_ref().map(digest).transpose()?,
            reference: args.reference.as_ref().map(record).transpose()?,
            about: args.about.as_ref().map(record).transpose()?,
            after: args.after,
        })
    }

    fn takes(&self, index: LeafIndex, header: &Header) -> bool {
        fn each<T>(asked: &Option<T>, holds: impl Fn(&T) -> bool) -> bool {
            asked.as_ref().is_none_or(holds)
        }
        each(&self.kind, |kind| *kind == header.kind)
            && each(&self.by, |by| *by == header.issuer)
            && each(&self.signer, |signer| header.signers.contains(signer))
            && each(&self.subject, |subject| header.subjects.contains(subject))
            && each(&self.reference, |record| header.refs.contains(record))
            && each(&self.about, |record| {
                header.refs.contains(record) || header.subjects.contains(&SubjectDigest::from_bytes(*record.as_bytes()))
            })
            && each(&self.after, |after| index > *after)
    }
}
