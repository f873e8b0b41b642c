//! `colophon log audit`

use std::path::PathBuf;

use ledger::Code;
use ledger::ids::{LeafIndex, RecordId, TreeSize, to_hex};
use ledger::record::kind::Kind;
use ledger::record::kinds::{LogPolicy, Predicate};
use ledger::record::statement::Subject;
use ledger::trie::Rebuild;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::cmd::record::publish::{Publication, publish};
use crate::draft::{Defaults, Draft};
use crate::failure::{CliError, Result};
use crate::follow::View;
use crate::lookup::REBUILT;
use crate::output::{Answer, grouped};
use crate::passwords::PasswordArgs;
use crate::session::Session;
use crate::source::{LogArgs, Source};
use crate::trust::TrustArgs;

/// Rebuild a log's index and state from its entries, and compare
///
/// Follows the whole log: hashes the entries to the signed root, verifies every record and whether it might be there, folds
/// the effective state, rebuilds the verifiable index and holds every index-root against it. This is what no proof shows: that
/// an index left nothing out. With --attest the result is signed and logged, and look-ups name who rebuilt their index.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  colophon log audit --log https://log.example.org\n  colophon log audit --log https://log.example.org --attest --issuer example-audit --key audit"
)]
pub(crate) struct Args {
    /// Look at the entries only, not at the records: who signed what is not checked then
    #[arg(long, conflicts_with = "attest")]
    entries_only: bool,
    /// Log an audit-attestation about the newest index-root, if everything holds
    #[arg(long)]
    attest: bool,
    /// The auditor's party id [env: COLOPHON_ISSUER]
    #[arg(long, value_name = "ID")]
    issuer: Option<String>,
    /// A key by its name or the path of its PEM file [env: COLOPHON_KEY]
    #[arg(short, long = "key", value_name = "KEY")]
    keys: Vec<String>,
    /// Where to write the attestation's bundle
    #[arg(short, long, value_name = "FILE", default_value = "audit.colophon.json")]
    out: PathBuf,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    password: PasswordArgs,
}

/// What does not hold.
struct Finding {
    index: LeafIndex,
    code: Code,
    found: String,
}

/// What a log that was followed to its end came to.
struct Audited {
    origin: String,
    size: TreeSize,
    root: String,
    roots: u64,
    terms: usize,
    state: String,
    honest: Option<(LeafIndex, RecordId, TreeSize)>,
    redacted: u64,
    findings: Vec<Finding>,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let audited = {
        let source = Source::open(&args.log, &args.trust, session)?;
        audit(&View::open(session, &source.client, &source.trust)?, args.entries_only)?
    };
    let exit = audited.findings.first().map_or(0, |finding| finding.code.exit_code());
    let mut text = text(&audited, args.entries_only);
    let mut json = to_json(&audited, args.entries_only);
    if args.attest && exit == 0 {
        let answer = attest(&audited, args, session)?;
        text.push_str(&format!("\nattested  {}", answer.json()["index"].as_str().unwrap_or("–")));
        json["attestation"] = answer.json().clone();
    }
    Ok(Answer::new(text, json).with_exit(exit))
}

fn audit(view: &View<'_>, entries_only: bool) -> Result<Audited> {
    let is_root = |kind: &str| kind == Kind::IndexRoot.as_str();
    let mut rebuild = Rebuild::default();
    let mut findings = Vec::new();
    let (mut roots, mut redacted) = (0, 0);
    let wants = |_: LeafIndex, header: &ledger::entry::Header| !entries_only || is_root(&header.kind);
    let state = view.scan(&wants, &mut |entry| {
        let wanted = !entries_only || is_root(&entry.header.kind);
        match &entry.record {
            Some(record) => {
                if !entry.counts {
                    let found = "its signatures do not hold, or the rules did not let it in".to_owned();
                    findings.push(Finding { index: entry.index, code: Code::RoleRefused, found });
                }
                if let Predicate::IndexRoot(root) = &record.predicate {
                    roots += 1;
                    if let Err(error) = rebuild.judge(entry.index, record.id, root) {
                        let found = error.detail().to_owned();
                        findings.push(Finding { index: entry.index, code: error.code(), found });
                    }
                }
            }
            None if is_root(&entry.header.kind) => {
                let found = "the body of an index-root is missing".to_owned();
                findings.push(Finding { index: entry.index, code: Code::IndexRootRefused, found });
            }
            None => redacted += u64::from(wanted),
        }
        rebuild.take(entry.index, entry.header);
        Ok(())
    })?;
    let state = serde_json::to_vec(&state).map_err(|error| CliError::new(Code::Internal, error.to_string()))?;
    let checkpoint = view.accepted().checkpoint();
    Ok(Audited {
        origin: checkpoint.origin().to_string(),
        size: checkpoint.size(),
        root: checkpoint.root().to_string(),
        roots,
        terms: rebuild.rows().terms()?,
        state: to_hex(&Sha256::digest(&state)),
        honest: rebuild.honest().map(|(index, record, size, _)| (index, record, size)),
        redacted,
        findings,
    })
}

fn text(audited: &Audited, entries_only: bool) -> String {
    let Audited { origin, size, root, roots, terms, state, honest, redacted, findings } = audited;
    let verdict = if findings.is_empty() { "everything holds" } else { "something does not hold" };
    let records = match entries_only {
        true => "not looked at".to_owned(),
        false => format!("{} verified, {} redacted", grouped(size.0 - redacted), grouped(*redacted)),
    };
    let index = match honest {
        Some((index, _, covered)) => {
            let tail = size.0 - covered.0;
            format!("{roots} roots; the last honest one is entry {index}, over {covered} entries; {tail} after it")
        }
        None => "no root was logged, so there is nothing to compare".to_owned(),
    };
    let mut text = format!(
        "{origin}: {verdict}\n\nentries   {}, root {root}\nrecords   {records}\nindex     {index}\nterms     {}\nstate     SHA-256 {state}",
        grouped(size.0),
        grouped(*terms as u64),
    );
    for Finding { index, code, found } in findings {
        text.push_str(&format!("\n  entry {index}: {code}: {found}"));
    }
    text
}

fn to_json(audited: &Audited, entries_only: bool) -> Value {
    let Audited { origin, size, root, roots, terms, state, honest, redacted, findings } = audited;
    let honest = honest
        .map(|(index, record, size)| json!({ "index": index.to_string(), "record": record, "size": size.to_string() }));
    let findings: Vec<Value> = findings
        .iter()
        .map(|finding| json!({ "entry": finding.index.to_string(), "code": finding.code.as_str(), "detail": finding.found }))
        .collect();
    json!({
        "verdict": if findings.is_empty() { "holds" } else { "fails" },
        "origin": origin, "size": size.to_string(), "root": root, "recordsChecked": !entries_only,
        "redacted": redacted, "indexRoots": roots, "terms": terms, "honest": honest, "stateDigest": state,
        "findings": findings,
    })
}

/// Logs what was found, about the newest root.
fn attest(audited: &Audited, args: &Args, session: &Session) -> Result<Answer> {
    let Some((_, record, size)) = audited.honest else {
        return Err(CliError::usage("the log has no index-root to attest to")
            .hint("Its operator signs one with `colophon log index-root`."));
    };
    let issuer = session.issuer(args.issuer.as_deref())?;
    let verifier =
        issuer.as_ref().ok_or_else(|| CliError::usage("nobody says who audited").hint("Pass --issuer ID."))?;
    let issued = session.timestamp()?;
    let mut predicate = Map::new();
    predicate.insert("verifier".to_owned(), json!({ "id": verifier }));
    predicate.insert("timeCreated".to_owned(), json!(issued));
    predicate.insert("target".to_owned(), json!([record.to_reference()]));
    predicate.insert("verdict".to_owned(), json!("conformant"));
    predicate.insert("properties".to_owned(), json!([REBUILT]));
    predicate.insert("method".to_owned(), json!("colophon log audit: index and state rebuilt from the entries"));
    predicate.insert("scope".to_owned(), json!(format!("entries 0 to {}, root {}", audited.size.0 - 1, audited.root)));
    predicate.insert("stateDigest".to_owned(), json!({ "size": size.0, "sha256": audited.state }));
    let subjects = vec![Subject::record(record), LogPolicy::subject(&audited.origin)];
    publish(
        Draft { kind: Kind::AuditAttestation, subjects, predicate },
        Publication {
            defaults: Defaults { issuer, issuer_name: None, issued, nonce: false },
            keys: &args.keys,
            password: &args.password,
            bundle: args.out.clone(),
            log: &args.log,
            trust: &args.trust,
            added: &["timeCreated", "scope", "stateDigest", "target"],
            ask: false,
        },
        session,
    )
}
