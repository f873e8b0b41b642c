//! `colophon record list`

use std::collections::BTreeMap;

use ledger::entry::Header;
use ledger::ids::{KeyId, LeafIndex, RecordId, SubjectDigest, TreeSize};
use ledger::note::AcceptedCheckpoint;
use ledger::record::kind::Kind;
use ledger::record::terms::{PartyId, moment};
use ledger::trie::Term;
use ledger::verify::CompleteList;
use serde_json::{Value, json};

use crate::failure::Result;
use crate::follow::View;
use crate::lookup::{Index, Rebuilt};
use crate::output::{Answer, short};
use crate::screen::time;
use crate::session::Session;
use crate::source::{LogArgs, Source};
use crate::trust::TrustArgs;

/// List the records of a log, every one of them
///
/// Nothing can be left out: a list is proven under the newest root of the log's index, and the entries after it are read. If
/// that root is honest is not proven by it; the answer says who rebuilt the index. With --follow, or where the log has no
/// such root, or no condition is given, all entries are read and hashed to the signed root. All conditions must hold.
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
    /// Read every entry of the log, and believe no index
    #[arg(long)]
    follow: bool,
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
    if !args.follow
        && let Some(answer) = looked_up(args, &filter, &source, session)?
    {
        return Ok(answer);
    }
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
    Ok(answer(&rows, total, view.accepted(), Basis::Entries, session))
}

/// What the completeness of an answer rests on.
enum Basis {
    /// Every entry was read.
    Entries,
    /// The index up to a size, by the root at an entry, which somebody may have rebuilt.
    Index { root: LeafIndex, indexed: TreeSize, rebuilt: Option<Rebuilt> },
}

/// The answer from the index. `None` where there is none, or no condition that it knows.
fn looked_up(args: &Args, filter: &Filter, source: &Source, session: &Session) -> Result<Option<Answer>> {
    let terms = filter.terms();
    if terms.is_empty() {
        return Ok(None);
    }
    let index = Index::open(session, source)?;
    let mut found: BTreeMap<LeafIndex, Header> = BTreeMap::new();
    let mut oldest: Option<CompleteList> = None;
    for term in &terms {
        let Some(list) = index.list(term)? else { return Ok(None) };
        for at in list.indices() {
            // A list without the headers would be one that was not asked for.
            let Some(header) = list.header(*at) else { return Ok(None) };
            found.insert(*at, header.clone());
        }
        let size = |list: &CompleteList| list.accepted().checkpoint().size();
        if oldest.as_ref().is_none_or(|oldest| size(&list) < size(oldest)) {
            oldest = Some(list);
        }
    }
    let Some(list) = oldest else { return Ok(None) };
    let size = list.accepted().checkpoint().size();
    found.retain(|index, header| size.covers(*index) && filter.takes(*index, header));
    let total = found.len() as u64;
    let rows: Vec<Row> = found.into_iter().take(args.limit).map(|(index, header)| Row { index, header }).collect();
    let basis = Basis::Index { root: list.root(), indexed: list.indexed(), rebuilt: index.rebuilt()? };
    Ok(Some(answer(&rows, total, list.accepted(), basis, session)))
}

fn answer(rows: &[Row], total: u64, accepted: &AcceptedCheckpoint, basis: Basis, session: &Session) -> Answer {
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
    let (origin, size) = (accepted.checkpoint().origin(), accepted.checkpoint().size());
    let mut text = session.out.table(["ENTRY", "KIND", "BY", "RECEIVED", "RECORD"], cells);
    text.push_str(&format!("\n\n{total} of the {size} entries of {origin}"));
    if total > rows.len() as u64 {
        text.push_str(&format!("; the first {} are shown, --limit shows more", rows.len()));
    }
    let index = match &basis {
        Basis::Entries => Value::Null,
        Basis::Index { root, indexed, rebuilt } => {
            text.push_str(&format!(
                "\ncomplete if the index is honest: its root is entry {root}, over {indexed} entries, {}; the rest was read",
                Rebuilt::words(rebuilt.as_ref())
            ));
            let rebuilt = Rebuilt::to_json(rebuilt.as_ref());
            json!({ "root": root.to_string(), "size": indexed.to_string(), "rebuilt": rebuilt })
        }
    };
    let json = json!({
        "origin": origin.as_str(),
        "size": size.to_string(),
        "root": accepted.checkpoint().root().to_string(),
        "complete": true,
        "index": index,
        "total": total,
        "count": rows.len(),
        "records": rows.iter().map(row_json).collect::<Vec<Value>>(),
    });
    Answer::new(text, json)
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
        "received": moment(header.received),
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
        let digest = |text: &String| RecordId::digits(text).parse();
        let record = |text: &String| RecordId::digits(text).parse();
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

    /// The lists of the index whose entries are all that can meet the conditions: of several conditions the one that is
    /// met least often.
    fn terms(&self) -> Vec<Term> {
        let kind = |kind: &String| Kind::parse(kind).ok().map(|kind| Term::Kind(kind.as_str().to_owned()));
        let issuer = |id: &String| id.parse::<PartyId>().ok().map(|id| Term::Issuer(id.as_str().to_owned()));
        if let Some(record) = self.about {
            return vec![Term::Ref(record), Term::Subject(SubjectDigest::from_bytes(*record.as_bytes()))];
        }
        let one = (self.reference.map(Term::Ref))
            .or_else(|| self.subject.map(Term::Subject))
            .or_else(|| self.signer.map(Term::Signer))
            .or_else(|| self.by.as_ref().and_then(issuer))
            .or_else(|| self.kind.as_ref().and_then(kind));
        one.into_iter().collect()
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
