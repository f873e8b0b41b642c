//! `colophon party new`

use std::path::PathBuf;

use ledger::record::key::PublicKey;
use ledger::record::kind::Kind;
use ledger::record::kinds::{PartyKey, Role};
use ledger::record::terms::PartyId;
use serde_json::{Map, Value, json};

use crate::cmd::record::write_statement;
use crate::draft::{Defaults, Draft};
use crate::failure::Result;
use crate::output::Answer;
use crate::saying::public_key;
use crate::session::Session;

/// Make the statement that registers a party and its keys
///
/// An operator of the log issues it. It is signed by the operator and by every key that it names, which shows that the
/// party holds them: `colophon record sign FILE --key OPERATOR --key PARTY`. Signatures made on two machines are joined
/// by signing again with --add.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  colophon party new example-lab --role partner --key lab --issuer example-log --out lab.statement.json"
)]
pub(crate) struct Args {
    /// The party's id, for ever: a domain name is a good one
    id: PartyId,
    /// What it may do: partner, auditor, steward, contributor or operator; may be repeated
    #[arg(long = "role", required = true, value_name = "ROLE", value_parser = role)]
    roles: Vec<Role>,
    /// A key of the party: a name of the key folder, or a file with the public key in PEM; may be repeated
    #[arg(long = "key", required = true, value_name = "KEY")]
    keys: Vec<String>,
    /// The operator that registers it [env: COLOPHON_ISSUER]
    #[arg(long, value_name = "ID")]
    issuer: Option<String>,
    /// Where to write the statement; standard output without it
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let keys = args.keys.iter().map(|key| public_key(&session.keys(), key)).collect::<Result<Vec<_>>>()?;
    let defaults = Defaults {
        issuer: session.issuer(args.issuer.as_deref())?,
        issuer_name: None,
        issued: session.timestamp()?,
        nonce: false,
    };
    let payload = draft(&args.id, &args.roles, &keys).complete(&defaults)?;
    write_statement(&payload, args.out.as_deref())
}

/// The statement's draft; its subjects follow from the keys.
pub(crate) fn draft(id: &PartyId, roles: &[Role], keys: &[PublicKey]) -> Draft {
    let mut predicate = Map::new();
    predicate.insert("id".to_owned(), json!(id));
    let mut roles = roles.to_vec();
    roles.sort();
    roles.dedup();
    predicate.insert("roles".to_owned(), json!(roles));
    let keys: Vec<Value> = keys.iter().map(|key| json!(PartyKey::signing(key))).collect();
    predicate.insert("keys".to_owned(), Value::Array(keys));
    Draft { kind: Kind::Party, subjects: Vec::new(), predicate }
}

fn role(text: &str) -> std::result::Result<Role, String> {
    serde_json::from_value(json!(text))
        .map_err(|_| "expected partner, auditor, steward, contributor or operator".into())
}
