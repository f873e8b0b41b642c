//! `colophon audit attest`

use std::path::PathBuf;

use ledger::ids::RecordId;
use ledger::record::kind::Kind;
use ledger::record::kinds::Verdict;
use serde_json::{Map, Value, json};

use crate::cmd::record::publish::{Publication, publish};
use crate::cmd::record::write_statement;
use crate::draft::{Defaults, Draft, MAX_DRAFT};
use crate::failure::{At, CliError, Result};
use crate::files;
use crate::output::Answer;
use crate::passwords::PasswordArgs;
use crate::saying::bundle_name;
use crate::session::Session;
use crate::source::LogArgs;
use crate::trust::TrustArgs;

/// Attest to what an audit found
///
/// Makes an audit-attestation about one or more records, signs it, sends it, and writes its bundle. Members that are not
/// flags come from a document (--from), and flags come before it. Safe to run again, like `record publish`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  colophon audit attest --target record:<id> --verdict partial --method \"manifest rebuilt from the dump\" --issuer example-audit --key audit --log https://log.example.org"
)]
pub(crate) struct Args {
    /// The record that was audited; may be repeated
    #[arg(long = "target", required = true, value_name = "RECORD")]
    targets: Vec<String>,
    /// conformant, partial, nonConformant or withdrawn
    #[arg(long, value_name = "VERDICT", value_parser = verdict)]
    verdict: Option<Verdict>,
    /// How it was examined
    #[arg(long, value_name = "TEXT")]
    method: Option<String>,
    /// What was examined, and what was not
    #[arg(long, value_name = "TEXT")]
    scope: Option<String>,
    /// How sure the auditor is, in the auditor's own words: limited, reasonable
    #[arg(long, value_name = "LEVEL")]
    assurance: Option<String>,
    /// Something that holds, such as MANIFEST_REBUILT; may be repeated
    #[arg(long = "property", value_name = "NAME")]
    properties: Vec<String>,
    /// Who examined it, as a URI; the issuer's id without it
    #[arg(long, value_name = "URI")]
    verifier: Option<String>,
    /// A document with more members, YAML or JSON
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// The auditor's party id [env: COLOPHON_ISSUER]
    #[arg(long, value_name = "ID")]
    issuer: Option<String>,
    /// The auditor's name for people [env: COLOPHON_ISSUER_NAME]
    #[arg(long, value_name = "NAME")]
    issuer_name: Option<String>,
    /// A key by its name or the path of its PEM file; may be repeated [env: COLOPHON_KEY]
    #[arg(short, long = "key", value_name = "KEY")]
    keys: Vec<String>,
    /// Only write the statement, to be signed elsewhere
    #[arg(long, value_name = "FILE")]
    statement: Option<PathBuf>,
    /// Where to write the bundle; without it a file in this folder, named by what is said
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    password: PasswordArgs,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let configured = session.config.issuer_name.as_ref().map(|name| name.value.clone());
    let defaults = Defaults {
        issuer: session.issuer(args.issuer.as_deref())?,
        issuer_name: args.issuer_name.clone().or(configured),
        issued: session.timestamp()?,
        nonce: false,
    };
    let draft = draft(args, &defaults, session)?;
    if let Some(path) = &args.statement {
        return write_statement(&draft.complete(&defaults)?, Some(path));
    }
    let named = || {
        // The time is that of the run, and the same attestation again is the same.
        let mut said = draft.clone();
        said.predicate.remove("timeCreated");
        bundle_name("attestation", &said, defaults.issuer.as_ref())
    };
    let bundle = args.out.clone().unwrap_or_else(named);
    publish(
        draft,
        Publication {
            defaults,
            keys: &args.keys,
            password: &args.password,
            bundle,
            log: &args.log,
            trust: &args.trust,
            added: &["timeCreated"],
            ask: false,
        },
        session,
    )
}

fn draft(args: &Args, defaults: &Defaults, session: &Session) -> Result<Draft> {
    let mut predicate = match &args.from {
        None => Map::new(),
        Some(path) => {
            let bytes = files::read(path, MAX_DRAFT)?;
            Draft::read(&bytes, path, Some(&Kind::AuditAttestation), session.out).at(path.display())?.predicate
        }
    };
    let mut targets = Vec::new();
    for target in &args.targets {
        let id = target.strip_prefix(RecordId::REFERENCE_PREFIX).unwrap_or(target).parse::<RecordId>();
        let id = id.map_err(|error| {
            CliError::from(error)
                .at(format!("--target {target}"))
                .hint("Write a record's id; `colophon record show INDEX` and `colophon verify` print it.")
        })?;
        targets.push(json!(id.to_reference()));
    }
    predicate.insert("target".to_owned(), Value::Array(targets));
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            predicate.insert(name.to_owned(), value);
        }
    };
    set("verdict", args.verdict.map(|verdict| json!(verdict)));
    set("method", args.method.as_ref().map(|text| json!(text)));
    set("scope", args.scope.as_ref().map(|text| json!(text)));
    set("assuranceLevel", args.assurance.as_ref().map(|text| json!(text)));
    set("properties", (!args.properties.is_empty()).then(|| json!(args.properties)));
    set("verifier", args.verifier.as_ref().map(|id| json!({ "id": id })));
    if !predicate.contains_key("verifier") {
        let id = defaults
            .issuer
            .as_ref()
            .ok_or_else(|| CliError::usage("nobody says who audited").hint("Pass --issuer ID or --verifier URI."))?;
        predicate.insert("verifier".to_owned(), json!({ "id": id }));
    }
    if !predicate.contains_key("verdict") {
        return Err(CliError::usage("the attestation has no verdict")
            .hint("Pass --verdict conformant, partial, nonConformant or withdrawn."));
    }
    predicate.entry("timeCreated").or_insert_with(|| json!(defaults.issued));
    Ok(Draft { kind: Kind::AuditAttestation, subjects: Vec::new(), predicate })
}

fn verdict(text: &str) -> std::result::Result<Verdict, String> {
    serde_json::from_value(json!(text)).map_err(|_| "expected conformant, partial, nonConformant or withdrawn".into())
}
