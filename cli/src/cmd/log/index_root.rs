//! `colophon log index-root`

use ledger::Code;
use ledger::ids::{LeafIndex, RecordId, TreeSize, TrieRoot};
use ledger::record::kind::Kind;
use ledger::record::kinds::Predicate;
use ledger::state::Owner;
use ledger::trie::Rebuild;
use serde_json::{Map, Value, json};

use crate::cmd::record::sign::{open_keys, sign};
use crate::draft::{Defaults, Draft};
use crate::failure::{At, CliError, Result};
use crate::follow::View;
use crate::output::Answer;
use crate::passwords::PasswordArgs;
use crate::session::Session;
use crate::source::{LogArgs, Source};
use crate::trust::TrustArgs;

/// Sign the root of the log's index
///
/// An operator's word for the root that look-ups are proven under. Nothing is signed unseen: the index is rebuilt from the
/// entries first, and only what it comes to is signed. `log serve` does the same by itself where the log has a key for it;
/// this command is for logs whose key is elsewhere, run from time to time.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  colophon log index-root --dir /srv/log --key /srv/log/keys/index.pem")]
pub(crate) struct Args {
    /// The operator's key, by its name or the path of its PEM file; one for roots is enough [env: COLOPHON_KEY]
    #[arg(short, long = "key", value_name = "KEY")]
    keys: Vec<String>,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    password: PasswordArgs,
}

/// What the log offers.
struct Offer {
    size: TreeSize,
    root: TrieRoot,
    previous: Option<RecordId>,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let keys = open_keys(&args.keys, &args.password, session)?;
    let source = Source::open(&args.log, &args.trust, session)?;
    let Some(offer) = offer(&source)? else {
        let found = "every entry is covered by the last index-root";
        return Ok(Answer::new(found, json!({ "signed": false })));
    };
    let view = View::open(session, &source.client, &source.trust)?;
    let mut rebuild = Rebuild::default();
    let mut last = None;
    let state = view.scan(&|_, header| header.kind == Kind::IndexRoot.as_str(), &mut |entry| {
        if let Some(record) = &entry.record
            && let Predicate::IndexRoot(root) = &record.predicate
            && entry.counts
        {
            rebuild.judge(entry.index, record.id, root)?;
            last = Some(record.id);
        }
        rebuild.take(entry.index, entry.header);
        Ok(())
    })?;
    let found = rebuild.root_of(offer.size)?;
    if (found, last) != (offer.root, offer.previous) {
        let found = format!("the log offers {} over {} entries, and they have {found}", offer.root, offer.size);
        return Err(CliError::new(Code::IndexRootRefused, found).at(source.client.base()));
    }
    let owners = keys.iter().filter_map(|key| state.key(&key.key_id()));
    let issuer = owners.into_iter().find_map(|key| match &key.owner {
        Owner::Party(id) => Some(id.clone()),
        Owner::Council => None,
    });
    let issuer = issuer.ok_or_else(|| {
        CliError::new(Code::SignerUnknown, "the key is of no operator of this log").at(source.client.base())
    })?;
    let mut predicate = Map::new();
    predicate.insert("size".to_owned(), json!(offer.size.0));
    predicate.insert("root".to_owned(), json!(offer.root));
    if let Some(previous) = offer.previous {
        predicate.insert("previous".to_owned(), json!(previous.to_reference()));
    }
    let draft = Draft { kind: Kind::IndexRoot, subjects: Vec::new(), predicate };
    let defaults = Defaults {
        issuer: Some(issuer.parse().map_err(|_| CliError::usage(format!("{issuer:?} is no party")))?),
        issuer_name: None,
        issued: session.timestamp()?,
        nonce: false,
    };
    let (body, _) = sign(&draft.complete(&defaults)?.bytes, &keys)?;
    let accepted = source.client.submit(&body)?;
    let accepted = source.client.wait_until_published(accepted, session.config.timeout.value)?;
    let text = format!("entry {} states the root over {} entries: {}", accepted.index, offer.size, offer.root);
    let mut json = accepted.to_json();
    json["signed"] = json!(true);
    json["size"] = json!(offer.size.to_string());
    json["root"] = json!(offer.root);
    Ok(Answer::new(text, json))
}

fn offer(source: &Source) -> Result<Option<Offer>> {
    let index = source.client.get("/api/v1/index")?.json()?;
    let next = &index["next"];
    if next.is_null() {
        return Ok(None);
    }
    let broken = || CliError::new(Code::Unreachable, "the log's offer is not of its form");
    let text = |name: &str| next.get(name).and_then(Value::as_str);
    let size: LeafIndex = text("size").and_then(|size| size.parse().ok()).ok_or_else(broken)?;
    let root = text("root").and_then(|root| root.parse().ok()).ok_or_else(broken)?;
    let previous = match &next["previous"] {
        Value::Null => None,
        other => Some(other.as_str().and_then(RecordId::from_reference).ok_or_else(broken).at(source.client.base())?),
    };
    Ok(Some(Offer { size: TreeSize(size.0), root, previous }))
}
