//! `colophon verify`

use std::path::{Path, PathBuf};

use ledger::Code;
use ledger::bundle::{Bundle, MAX_BUNDLE_LEN};
use ledger::note::VerifierKey;
use ledger::verify::{Artifact, FileDigest, Report, Seen as SeenTree, Trust, verify, verify_bytes};

use crate::artifact::{BUNDLE_ENDING, Measured, measure};
use crate::failure::{CliError, Result};
use crate::files;
use crate::memory::{Memory, Seen};
use crate::output::Answer;
use crate::screen::{Inputs, Screen};
use crate::session::Session;
use crate::trust::TrustArgs;

/// Verify a bundle, and that files are the ones that it speaks of
///
/// Needs no network: the bundle carries the record, its proof and the history of the signer's key. Whom to believe it does
/// not carry; that is the pinned policy (`colophon log trust`) or --policy. A folder is hashed as OpenSSF Model Signing
/// does. Given a model instead of a bundle, the bundle beside it (MODEL.colophon.json) is verified.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  colophon verify model.safetensors.colophon.json model.safetensors\n  colophon verify --policy policy.txt --report report.html model-card.colophon.json model/"
)]
pub(crate) struct Args {
    #[command(flatten)]
    trust: TrustArgs,
    /// Fail (exit 15) also for what is only a warning: a key revoked for compromise, a doubtful time
    #[arg(long)]
    strict: bool,
    /// Write a page to print or to file away, with every check, input digest and version: HTML, or text if the name does
    /// not end in .html
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// The bundle, or a model that has its bundle beside it
    bundle: PathBuf,
    /// Files, or folders of models
    #[arg(value_name = "ARTIFACT")]
    artifacts: Vec<PathBuf>,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let (path, artifacts) = bundle_and_artifacts(&args.bundle, &args.artifacts)?;
    let bytes = files::read(&path, MAX_BUNDLE_LEN)?;
    let checked = check(&bytes, &args.trust, &artifacts, session)?;
    let screen = Screen {
        report: &checked.report,
        inputs: Inputs::new(&path, &bytes, &checked.measured, &checked.trust, args.trust.policy.as_deref()),
        strict: args.strict,
        differences: checked.differences,
        now: session.timestamp()?,
    };
    if let Some(file) = &args.report {
        let html = file.extension().is_some_and(|extension| extension == "html" || extension == "htm");
        let page = if html { screen.to_html() } else { screen.to_text() };
        let is_report = |old: &[u8]| {
            ["<!doctype html", "Verification report"].iter().any(|start| old.starts_with(start.as_bytes()))
        };
        files::may_replace(file, "a report", is_report)?;
        files::write(file, page.as_bytes())?;
        session.out.note(&format!("report: {}", file.display()));
    }
    Ok(Answer::new(screen.to_screen(session.out), screen.to_json()).with_exit(screen.exit()))
}

/// A verification and what went into it.
pub(crate) struct Checked {
    pub(crate) report: Report,
    pub(crate) measured: Vec<Measured>,
    pub(crate) trust: Trust,
    /// Which files of a folder differ.
    pub(crate) differences: Vec<String>,
}

/// Verifies a bundle; the files are read only if everything before them holds.
pub(crate) fn check(bytes: &[u8], trust: &TrustArgs, artifacts: &[PathBuf], session: &Session) -> Result<Checked> {
    let Ok(bundle) = Bundle::parse(bytes) else {
        let trust = trust.for_checkpoint(&[], session)?;
        let report = verify_bytes(bytes, &trust, &[]);
        return Ok(Checked { report, measured: Vec::new(), trust, differences: Vec::new() });
    };
    let note = bundle.record.proof.checkpoint.as_slice();
    let mut trust = trust.for_checkpoint(note, session)?;
    let memory = Memory::of(&session.config);
    let remembered = remembered(&memory, &trust, note)?;
    if let Some((log, seen)) = &remembered {
        let origin = ledger::note::Origin::parse(log.name().as_str());
        let origin = origin.map_err(|error| CliError::new(Code::Internal, error.to_string()))?;
        trust.seen = Some(SeenTree { origin, size: seen.size, root: seen.root });
    }
    let mut report = verify(&bundle, &trust, &[]);
    let mut measured: Vec<Measured> = Vec::new();
    let mut differences = Vec::new();
    if let Some(verified) = report.verified.clone().filter(|_| !artifacts.is_empty()) {
        measured = artifacts.iter().map(|path| measure(path, session.out)).collect::<Result<_>>()?;
        let found: Vec<Artifact> = artifacts.iter().zip(&measured).map(|(path, found)| artifact(path, found)).collect();
        report = verify(&bundle, &trust, &found);
        if report.failed().is_some() {
            let recorded = verified.record().subjects();
            differences = measured.iter().flat_map(|found| found.differences(recorded)).collect();
        }
    }
    match (&report.verified, report.code(), &remembered) {
        (Some(verified), ..) => memory.observe_offline(verified.checkpoint(), note)?,
        (None, Some(Code::Fork), Some((log, seen))) => {
            let error = memory.fork(log, &seen.note, note, "two trees of the same size");
            session.out.warn(&format!("evidence of a fork: {}", error.first_hint()));
        }
        _ => {}
    }
    Ok(Checked { report, measured, trust, differences })
}

/// The newest checkpoint seen of the log that a checkpoint says it is of.
fn remembered(memory: &Memory, trust: &Trust, note: &[u8]) -> Result<Option<(VerifierKey, Seen)>> {
    let Some(origin) = crate::trust::origin_of(note) else { return Ok(None) };
    for log in trust.policy.logs().iter().filter(|log| log.key().name().as_str() == origin) {
        if let Some(seen) = memory.newest(log.key())? {
            return Ok(Some((log.key().clone(), seen)));
        }
    }
    Ok(None)
}

fn artifact(path: &Path, found: &Measured) -> Artifact {
    let files = found.files.iter().map(|(path, sha256)| FileDigest { path: path.clone(), sha256: *sha256 });
    let is_folder = path.is_dir();
    let name = if is_folder { found.name.clone() } else { path.display().to_string() };
    Artifact { name, sha256: found.digest, files: is_folder.then(|| files.collect()) }
}

/// Which file is the bundle: the one that was named, or the one beside the model that was named.
fn bundle_and_artifacts(named: &Path, artifacts: &[PathBuf]) -> Result<(PathBuf, Vec<PathBuf>)> {
    let beside = files::beside(&without_slash(named), BUNDLE_ENDING);
    let is_bundle = named.to_string_lossy().ends_with(BUNDLE_ENDING);
    if !is_bundle && artifacts.is_empty() && beside.is_file() {
        return Ok((beside, vec![named.to_owned()]));
    }
    if named.is_dir() {
        return Err(CliError::usage("this is a folder, and there is no bundle beside it")
            .at(named.display().to_string())
            .hint(format!("Name the bundle first: colophon verify BUNDLE {}", named.display())));
    }
    Ok((named.to_owned(), artifacts.to_vec()))
}

fn without_slash(path: &Path) -> PathBuf {
    path.components().collect()
}
