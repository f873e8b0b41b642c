//! `colophon manifest check`

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ledger::Code;
use ledger::ids::{RecordId, from_hex, to_hex};
use ledger::manifest::{Declaration, check, list, open, read_summary, sample};
use ledger::record::Record;
use ledger::record::kind::Kind;
use ledger::record::kinds::{Predicate, Verdict};
use ledger::record::limits::MAX_ENVELOPE;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::{SourceArgs, build, rollups};
use crate::cmd::record::sign::{open_keys, sign};
use crate::draft::{Defaults, Draft};
use crate::failure::{At, CliError, Result};
use crate::files;
use crate::keys::random;
use crate::output::{Answer, Mark, grouped};
use crate::passwords::PasswordArgs;
use crate::progress::Unit;
use crate::session::Session;

/// Recompute a manifest, and hold it against its source or its record
///
/// Every key, every bucket and every hash is recomputed up to the root. With --source the manifest is built again from the
/// published data and must come out the same, or with --sample the keys of items drawn at random must be in it; with
/// --record it must be the one that was signed. --attest writes what came of it as a signed audit-attestation about that
/// record, ready for `colophon record submit`, also when the manifest does not hold.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  colophon manifest check manifest/ --source enwiki-pages.xml.bz2 --license CC-BY-SA-4.0\n  colophon manifest check manifest/ --source enwiki-pages.xml.bz2 --sample --record manifest.colophon.json --attest audit.dsse.json --issuer auditor --key audit\n  colophon manifest check --rollups --log https://log.example.org"
)]
pub(crate) struct Args {
    /// The manifest's folder
    #[arg(
        id = "folder",
        value_name = "DIR",
        default_value = ".",
        hide_default_value = true,
        required_unless_present = "rollups",
        conflicts_with = "rollups"
    )]
    dir: PathBuf,
    /// The published data that it is said to be of
    #[arg(long, value_name = "SOURCE")]
    source: Option<PathBuf>,
    /// Look for the keys of K items of the source, drawn at random, in the place of building it again. The 459 that are
    /// drawn without a number find an omission of one item in a hundred with 99 %
    #[arg(long, value_name = "K", requires = "source", num_args = 0..=1, default_missing_value = "459",
        value_parser = clap::value_parser!(u64).range(1..))]
    sample: Option<u64>,
    /// Draw the sample that another run drew; 64 hexadecimal digits
    #[arg(long, value_name = "HEX", requires = "sample")]
    seed: Option<String>,
    /// The manifest of the dump whose universe the bitmaps are counted in: hold them against the keys, number by number
    #[arg(long, value_name = "DIR")]
    universe: Option<PathBuf>,
    /// The signed manifest record: an envelope or a bundle. Its signature is not checked here; see `colophon verify`
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Write a signed audit-attestation about the record to this file
    #[arg(long, value_name = "FILE", requires = "record")]
    attest: Option<PathBuf>,
    /// The auditor's party id [env: COLOPHON_ISSUER]
    #[arg(long, value_name = "ID")]
    issuer: Option<String>,
    /// The auditor's key by its name or the path of its PEM file; may be repeated [env: COLOPHON_KEY]
    #[arg(short, long = "key", value_name = "KEY")]
    keys: Vec<String>,
    #[command(flatten)]
    password: PasswordArgs,
    #[command(flatten)]
    read: SourceArgs,
    #[command(flatten)]
    rollups: rollups::Args,
}

/// What was looked at, in the words of the screen and of an attestation.
#[derive(Debug, Default)]
struct Findings {
    rows: Vec<Declaration>,
    /// How many items the source has, by the header of each keyspace.
    items: BTreeSet<u64>,
    checks: Vec<String>,
    properties: Vec<&'static str>,
    method: Vec<String>,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    if args.rollups.rollups {
        return rollups::run(&args.rollups, session);
    }
    if let Some(flag) = args.rollups.stray() {
        return Err(CliError::usage("nothing of a log is checked here").at(flag).hint(
            "It belongs to --rollups. `colophon verify` checks a record, and --record that the manifest is the one it declares.",
        ));
    }
    super::present(&args.dir)?;
    let mut found = Findings::default();
    let outcome = examine(args, &mut found, session);
    if let Some(path) = &args.attest {
        let wrong = matches!(&outcome, Err(e) if matches!(e.code(), Code::BindingMismatch | Code::ManifestInvalid));
        if outcome.is_ok() || wrong {
            attest(args, path, &found, outcome.as_ref().err(), session)?;
        }
    }
    outcome?;
    let lines: Vec<String> =
        found.checks.iter().map(|check| format!("  {} {check}", session.out.mark(Mark::Good))).collect();
    let rows: Vec<Value> = found.rows.iter().map(|row| json!(row)).collect();
    let json = json!({ "sound": true, "keyspaces": rows, "checks": found.checks, "attestation": args.attest });
    let sound = session.out.paint(Mark::Good, "sound");
    Ok(Answer::new(format!("{} {sound}\n{}", session.out.mark(Mark::Good), lines.join("\n")), json))
}

fn examine(args: &Args, found: &mut Findings, session: &Session) -> Result<()> {
    let folders = list(&args.dir).at(args.dir.display())?;
    if folders.is_empty() {
        return Err(CliError::new(Code::ManifestInvalid, "there is no keyspace in this folder")
            .at(args.dir.display().to_string()));
    }
    for folder in &folders {
        let files = check(folder)?;
        found.rows.push(files.header().to_declaration(files.keyspace()));
        found.items.insert(files.header().source().items);
    }
    let recomputed = found.rows.iter().map(|row| format!("{}: {} keys, root recomputed", row.spec, grouped(row.n)));
    found.checks.extend(recomputed.collect::<Vec<_>>());
    found.holds("MANIFEST_ROOT_RECOMPUTED", "every key, bucket and hash was recomputed up to the root");
    let summary = read_summary(&args.dir).at(args.dir.display())?;
    let mut listed: Vec<_> = summary.keyspaces.iter().map(|row| row.id).collect();
    listed.sort();
    if listed != found.ids() {
        return Err(CliError::new(Code::ManifestInvalid, "manifest.json does not list the keyspaces that are here"));
    }
    if let Some(universes) = &args.universe {
        against_universe(&folders, universes, found)?;
    }
    match (&args.source, args.sample) {
        (Some(source), Some(k)) => against_sample(args, source, k, found, session)?,
        (Some(source), None) => against_source(args, source, found, session)?,
        (None, _) => {}
    }
    if let Some(path) = &args.record {
        let record = read_record(path)?;
        let Predicate::Manifest(manifest) = &record.predicate else {
            return Err(CliError::usage(format!("the record is a {}", record.kind)).at(path.display().to_string()));
        };
        for row in &manifest.keyspaces {
            let mut ours = found.rows.iter();
            if !ours.any(|ours| (ours.id, &ours.root, ours.n, ours.t) == (row.id, &row.root, row.n, row.t)) {
                return Err(CliError::new(Code::BindingMismatch, format!("keyspace {} is not here", row.id))
                    .at(path.display().to_string()));
            }
        }
        found.checks.push(format!("the record {} declares these keyspaces", record.id));
    }
    Ok(())
}

fn against_source(args: &Args, source: &Path, found: &mut Findings, session: &Session) -> Result<()> {
    // Beside the manifest, where there is room for another one; nothing of the user's has that name.
    let scratch = files::beside(&args.dir.components().collect::<PathBuf>(), &format!(".{}.check", std::process::id()));
    if scratch.exists() {
        return Err(CliError::new(Code::OutputExists, "the folder for building again is there already")
            .at(scratch.display().to_string()));
    }
    let rebuilt = build::make(source, &scratch, &args.read, session, &mut read_summary);
    let _ = std::fs::remove_dir_all(&scratch);
    let mut again: Vec<_> = rebuilt?.keyspaces.into_iter().map(|row| row.id).collect();
    again.sort();
    if again != found.ids() {
        return Err(CliError::new(Code::BindingMismatch, "the manifest is not that of this source")
            .at(source.display().to_string())
            .hint(
                "Give the same --wiki, --license and --reader as the build; if it still differs, so does the data.",
            ));
    }
    found.checks.push(format!("built again from {}: the same", source.display()));
    found.holds(
        "MANIFEST_REBUILT_FROM_SOURCE",
        "the manifest was built again from the published data and came out the same",
    );
    Ok(())
}

/// Items that a seed draws: nobody who made the manifest could know which, and everybody can draw them again.
fn drawn(seed: &[u8; 32], k: u64, n: u64) -> BTreeSet<u64> {
    let mut ordinals = BTreeSet::new();
    for counter in 0u64.. {
        if ordinals.len() as u64 >= k.min(n) {
            break;
        }
        let digest = Sha256::new().chain_update(seed).chain_update(counter.to_be_bytes()).finalize();
        let number = digest.iter().take(16).fold(0u128, |number, byte| number << 8 | u128::from(*byte));
        ordinals.insert((number % u128::from(n)) as u64);
    }
    ordinals
}

fn against_sample(args: &Args, source: &Path, k: u64, found: &mut Findings, session: &Session) -> Result<()> {
    let seed = match &args.seed {
        Some(hex) => from_hex(hex).at("--seed")?,
        None => {
            let mut seed = [0; 32];
            random(&mut seed)?;
            seed
        }
    };
    let summary = read_summary(&args.dir).at(args.dir.display())?;
    // manifest.json is signed by nobody. The headers are part of what was, and the source must have as many items as they say.
    if found.items.len() != 1 {
        return Err(CliError::usage("the keyspaces are not of one source: no sample speaks of all of them")
            .at(args.dir.display().to_string())
            .hint("Build it again from the source, without --sample."));
    }
    let items = found.items.first().copied().unwrap_or_default();
    let ordinals = drawn(&seed, k, items);
    let progress = session.out.progress("reading", Some(summary.source.bytes), Unit::Bytes);
    let options = args.read.options().read;
    let sampled = sample(source, &options, &args.dir, &ordinals, items, &mut |bytes| progress.set(bytes));
    let sampled = sampled.at(source.display())?;
    if sampled.keys == 0 {
        let what =
            format!("the {} items that were drawn have no keys: nothing was held against the manifest", sampled.items);
        return Err(CliError::usage(what)
            .at(source.display().to_string())
            .hint("Check that this is the source, and give the same --reader and --text-field as the build."));
    }
    let drawn = format!("{} of {items} items drawn by seed {}", sampled.items, to_hex(&seed));
    let keys = grouped(sampled.keys);
    found.checks.push(format!("{drawn}: all {keys} keys are in it, {} items dropped by rule", sampled.dropped));
    found.holds("MANIFEST_SAMPLED", &format!("{drawn}; all their {keys} keys were found, each with its proof"));
    Ok(())
}

fn against_universe(folders: &[PathBuf], universes: &Path, found: &mut Findings) -> Result<()> {
    let (mut known, mut bitmaps) = (Vec::new(), 0);
    for folder in list(universes).at(universes.display())? {
        known.extend(open(&folder)?.universe()?);
    }
    for folder in folders {
        let files = open(folder)?;
        let Some(bitmap) = files.bitmap()? else { continue };
        let universe = known.iter().find(|universe| universe.row().sha256 == bitmap.universe());
        let universe = universe.ok_or_else(|| {
            CliError::new(Code::BindingMismatch, "a bitmap is counted in a universe that is not here")
                .at(universes.display().to_string())
        })?;
        files.check_bitmap(universe)?;
        bitmaps += 1;
        let spec = files.keyspace().spec();
        found.checks.push(format!("{spec}: bitmap of {} numbers says what the keys say", grouped(universe.len())));
    }
    if bitmaps == 0 {
        return Err(
            CliError::usage("the manifest has no bitmap, so no universe says anything about it").at("--universe")
        );
    }
    found.holds("MANIFEST_BITMAPS_CHECKED", "every bitmap was held against the keys, number by number");
    Ok(())
}

fn read_record(path: &Path) -> Result<Record> {
    let bytes = files::read(path, ledger::bundle::MAX_BUNDLE_LEN)?;
    let body = ledger::bundle::Bundle::parse(&bytes).map(|bundle| bundle.record.envelope).unwrap_or(bytes);
    if body.len() > MAX_ENVELOPE {
        return Err(CliError::new(Code::TooLarge, "larger than an envelope").at(path.display().to_string()));
    }
    Record::parse(&body).at(path.display())
}

impl Findings {
    fn holds(&mut self, property: &'static str, method: &str) {
        self.properties.push(property);
        self.method.push(method.to_owned());
    }

    fn ids(&self) -> Vec<ledger::ids::KeyspaceId> {
        let mut ids: Vec<_> = self.rows.iter().map(|row| row.id).collect();
        ids.sort();
        ids
    }
}

/// Writes what was found as a signed audit-attestation about the manifest record.
fn attest(args: &Args, path: &Path, found: &Findings, wrong: Option<&CliError>, session: &Session) -> Result<()> {
    let keys = open_keys(&args.keys, &args.password, session)?;
    let record = args.record.as_deref().ok_or_else(|| CliError::usage("which record was audited is not said"))?;
    let target: RecordId = read_record(record)?.id;
    let issuer = session.issuer(args.issuer.as_deref())?;
    let id = issuer.clone().ok_or_else(|| CliError::usage("nobody says who audited").hint("Pass --issuer ID."))?;
    let now = session.timestamp()?;
    // A sample and a root say little of what was left out; a manifest built again says all.
    let rebuilt = found.properties.contains(&"MANIFEST_REBUILT_FROM_SOURCE");
    let verdict = match (wrong, rebuilt) {
        (Some(_), _) => Verdict::NonConformant,
        (None, true) => Verdict::Conformant,
        (None, false) => Verdict::Partial,
    };
    let mut method = found.method.clone();
    method.extend(wrong.map(|error| format!("found: {error}")));
    let specs: Vec<&str> = found.rows.iter().map(|row| row.spec.as_str()).collect();
    let members = json!({
        "verifier": { "id": id }, "timeCreated": now, "target": [target.to_reference()], "verdict": verdict,
        "properties": found.properties, "method": format!("colophon manifest check: {}", method.join("; ")),
        "scope": format!("the keyspaces {}", specs.join(", ")),
        "assuranceLevel": if rebuilt { "reasonable" } else { "limited" },
    });
    let predicate: Map<String, Value> = members.as_object().cloned().unwrap_or_default();
    let draft = Draft { kind: Kind::AuditAttestation, subjects: Vec::new(), predicate };
    let configured = session.config.issuer_name.as_ref().map(|name| name.value.clone());
    let defaults = Defaults { issuer, issuer_name: configured, issued: now, nonce: false };
    let (envelope, _) = sign(&draft.complete(&defaults)?.bytes, &keys)?;
    files::write(path, &envelope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_draws_as_many_different_items_as_there_are_and_always_the_same() {
        let all = drawn(&[7; 32], 459, 100);
        assert_eq!((all.len(), all.last()), (100, Some(&99)));
        let some = drawn(&[7; 32], 459, 1_000_000);
        assert_eq!(some.len(), 459);
        assert_eq!(some, drawn(&[7; 32], 459, 1_000_000));
        assert!(some != drawn(&[8; 32], 459, 1_000_000));
        assert!(drawn(&[7; 32], 459, 0).is_empty());
    }
}
