//! `colophon manifest check --rollups`

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use ledger::Code;
use ledger::manifest::{Gathered, Keyspace, MAX_HEADER, Meta, Run, RunPlan, build_run, check, tiling};
use serde_json::{Value, json};

use crate::client::Client;
use crate::cmd::log::rollup::gather;
use crate::datasets::declared;
use crate::failure::{At, CliError, Result};
use crate::files;
use crate::follow::View;
use crate::logdir::LogDir;
use crate::output::{Answer, Mark, grouped};
use crate::progress::Unit;
use crate::session::Session;
use crate::source::{LogArgs, Source};
use crate::trust::TrustArgs;

/// A file of a keyspace is fetched in pieces of this size.
const PIECE: u64 = 8 << 20;

/// Memory for the merge, as `log rollup` has it.
const MEMORY: usize = 256 << 20;

/// Which log's roll-ups to rebuild.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Args {
    /// Rebuild the roll-up runs of a log from the keyspaces, and compare their roots. The keyspaces are those of LOG with
    /// --dir; from an address they are fetched, and each is checked against its signed root
    #[arg(long, conflicts_with_all = ["source", "sample", "seed", "universe", "record", "attest"])]
    pub(crate) rollups: bool,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    trust: TrustArgs,
}

impl Args {
    /// A flag that says something about the roll-ups of a log, where none are asked for.
    pub(crate) fn stray(&self) -> Option<&'static str> {
        let given = [
            ("--log", self.log.log.is_some()),
            ("--dir", self.log.dir.is_some()),
            ("--policy", self.trust.policy.is_some()),
            ("--genesis", self.trust.genesis.is_some()),
        ];
        given.into_iter().find_map(|(flag, given)| given.then_some(flag))
    }
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let source_log = Source::open(&args.log, &args.trust, session)?;
    let view = View::open(session, &source_log.client, &source_log.trust)?;
    let found = declared(&view)?;
    let scratch = session.config.cache.value.join("rollups").join(std::process::id().to_string());
    let held = match &args.log.dir {
        Some(dir) => LogDir::open(dir)?.manifests_dir(),
        None => scratch.join("keyspaces"),
    };
    let fetched = args.log.dir.is_none();
    let checked = rebuild(&found.runs, session, &scratch, |run| {
        let own = |held: &Path| gather(&found, held).remove(&run.kind()).unwrap_or_default();
        if fetched {
            for source in own(&held) {
                let ordinal = run.ordinal(source.index, source.declared.id);
                let listed = ordinal.and_then(|ordinal| run.sources().get(ordinal as usize));
                if listed.is_some_and(|listed| listed.covered) {
                    fetch(&source_log.client, &held, &Keyspace::declared(&source.declared)?)?;
                }
            }
        }
        Ok(own(&held))
    });
    // What was rebuilt was compared; nobody needs it twice.
    let _ = fs::remove_dir_all(&scratch);
    let checked = checked?;
    let good = session.out.mark(Mark::Good);
    let lines: Vec<String> = checked.iter().map(|(line, _)| format!("  {good} {line}")).collect();
    let items: Vec<Value> = checked.into_iter().map(|(_, json)| json).collect();
    if items.is_empty() {
        let text = "this log has no roll-up runs; every dataset is asked singly";
        return Ok(Answer::new(text, json!({ "sound": true, "runs": items })));
    }
    let size = view.size().to_string();
    let sound = session.out.paint(Mark::Good, "sound");
    let text = format!("{good} {sound} up to {size} entries\n{}", lines.join("\n"));
    Ok(Answer::new(text, json!({ "sound": true, "runs": items, "size": size })))
}

/// Rebuilds every run that is in use and compares it.
fn rebuild(
    runs: &[Run],
    session: &Session,
    scratch: &Path,
    sources: impl Fn(&Run) -> Result<Vec<Gathered>>,
) -> Result<Vec<(String, Value)>> {
    let mut kinds: Vec<_> = runs.iter().map(Run::kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let used: Vec<&Run> = kinds.into_iter().flat_map(|kind| tiling(runs, kind)).collect();
    let progress = session.out.progress("rebuilding", Some(used.len() as u64), Unit::Things("runs"));
    let mut checked = Vec::new();
    for run in used {
        let place = format!("entry {}", run.index());
        let range = run.range();
        let mut own: Vec<Gathered> = sources(run)?;
        own.retain(|source| range.contains(&source.index.0));
        compare_sources(run, &mut own).at(&place)?;
        for source in &own {
            if let Some(folder) = &source.folder {
                check(folder)?;
            }
        }
        let folder = scratch.join("runs");
        files::make_dir(&folder)?;
        let plan = RunPlan { kind: run.kind(), from: range.start, to: range.end, sources: own };
        let rebuilt = build_run(&folder, &plan, MEMORY)?;
        if let Some(lost) =
            rebuilt.sources.iter().zip(run.sources()).find(|(ours, theirs)| ours.covered != theirs.covered)
        {
            let found =
                format!("the files of keyspace {} cannot be had, so the run cannot be rebuilt", lost.0.keyspace);
            return Err(CliError::new(Code::Unreachable, found).at(place));
        }
        if rebuilt != *run.root() {
            let found = format!(
                "the run over {} rebuilds to the root {} with {} keys, and the operator signed {} with {}",
                run.kind(),
                rebuilt.keyspace.root,
                rebuilt.keyspace.n,
                run.root().keyspace.root,
                run.root().keyspace.n
            );
            return Err(CliError::new(Code::ProofInvalid, found).at(place).hint(
                "The operator's roll-up does not say what the datasets say: report it, and ask datasets singly.",
            ));
        }
        let covered = rebuilt.sources.iter().filter(|source| source.covered).count();
        let text = format!(
            "{place}: {} of entries {} to {}, {} keys of {covered} keyspaces: rebuilt, the same root",
            run.kind(),
            range.start,
            range.end,
            grouped(rebuilt.keyspace.n)
        );
        let json = json!({
            "runRoot": run.index().to_string(), "kind": run.kind().as_str(), "from": range.start.to_string(),
            "to": range.end.to_string(), "keyspace": rebuilt.keyspace, "covered": covered,
            "notCovered": rebuilt.sources.len() - covered,
        });
        checked.push((text, json));
        progress.advance(1);
    }
    Ok(checked)
}

/// The run lists every keyspace that the manifests of its entries declare, and nothing else. What it does not cover is taken
/// as it is: a client answers `not-covered` for it.
fn compare_sources(run: &Run, own: &mut [Gathered]) -> Result<()> {
    let listed = run.sources();
    let missing = own.iter().find(|source| run.ordinal(source.index, source.declared.id).is_none());
    if let Some(missing) = missing {
        let found = format!("the run leaves out keyspace {} of entry {}", missing.declared.id, missing.index);
        return Err(CliError::new(Code::ProofInvalid, found));
    }
    if listed.len() != own.len() {
        let found = format!("the run lists {} keyspaces, and {} are declared", listed.len(), own.len());
        return Err(CliError::new(Code::ProofInvalid, found));
    }
    for (source, listed) in own.iter_mut().zip(listed) {
        if (source.index.0, source.declared.id, source.declared.n) != (listed.index, listed.keyspace, listed.n) {
            let found = format!("the run does not list keyspace {} as its manifest does", source.declared.id);
            return Err(CliError::new(Code::ProofInvalid, found));
        }
        if !listed.covered {
            source.folder = None;
        }
    }
    Ok(())
}

/// Fetches the files of a keyspace, whose lengths follow from what its record says. It is a keyspace's folder once the header
/// is there; what the files hold is checked by whoever reads them.
fn fetch(client: &Client, folder: &Path, keyspace: &Keyspace) -> Result<()> {
    let (id, n, t) = (keyspace.id(), keyspace.n(), keyspace.t());
    let target: PathBuf = folder.join(id.to_hex());
    if target.join("header.json").is_file() {
        return Ok(());
    }
    files::make_dir(&target.join("tree"))?;
    let mut parts =
        vec![("keys.bin".to_owned(), n * keyspace.key_len().bytes() as u64), ("offs.bin".to_owned(), 8 << t)];
    parts.extend((0..=t / 8).map(|level| (format!("tree/{level}"), 32 << (t - 8 * level))));
    parts.extend(keyspace.has_meta().then(|| ("meta.bin".to_owned(), n * Meta::LEN as u64)));
    for (name, len) in parts {
        let path = target.join(&name);
        let mut file = File::create(&path).map_err(|source| CliError::io(&path, "write", source))?;
        let mut at = 0;
        while at < len {
            let bytes = client.get_piece(&format!("/manifests/{id}/{name}"), at, PIECE.min(len - at))?;
            file.write_all(&bytes).map_err(|source| CliError::io(&path, "write", source))?;
            at += bytes.len() as u64;
        }
    }
    let header = client.get_up_to(&format!("/manifests/{id}/header.json"), MAX_HEADER as u64)?.bytes;
    files::write(&target.join("header.json"), &header)
}
