//! `colophon log rollup`

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use ledger::Code;
use ledger::manifest::{Gathered, Kind, MAX_BEHIND, Run, RunPlan, build_run, merges, tiling};
use ledger::record::kind::Kind as RecordKind;
use ledger::record::kinds::{MAX_SOURCES, RunRoot};
use serde_json::{Value, json};

use crate::cmd::record::sign::sign;
use crate::datasets::{Declared, declared};
use crate::draft::{Defaults, Draft};
use crate::failure::{At, CliError, Result};
use crate::follow::View;
use crate::keys::KeyStore;
use crate::logdir::LogDir;
use crate::output::{Answer, grouped};
use crate::passwords::{PasswordArgs, Passwords};
use crate::session::Session;
use crate::source::{LogArgs, Source};
use crate::trust::TrustArgs;

/// Roll up the contents of all datasets, so that one question asks them all
///
/// For every kind of content key that manifests of the log declare, the keys of all keyspaces whose files the log holds are
/// merged into runs over ranges of its entries, and the root of each run is signed by the operator into the log. What is
/// there already is kept: a run over what is new is added when something is new, or when 1,024 entries came since the last;
/// four neighbours of a size become one. May be run while the log is served, and as often as one likes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  colophon log rollup --dir /srv/log")]
pub(crate) struct Args {
    #[command(flatten)]
    dir: super::DirArg,
    /// The operator's key, by its name or the path of its PEM file; that in LOG/keys without it
    #[arg(short, long, value_name = "KEY")]
    key: Option<String>,
    /// The operator's party id; the only operator of the log without it
    #[arg(long, value_name = "ID")]
    operator: Option<String>,
    /// Merge everything into as few runs as records can hold, so that a question asks the fewest
    #[arg(long)]
    full: bool,
    /// Memory for the merge, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..=1_048_576))]
    memory: u64,
    #[command(flatten)]
    password: PasswordArgs,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let dir = LogDir::open(&args.dir.dir)?;
    let log = LogArgs { dir: Some(args.dir.dir.clone()), ..LogArgs::default() };
    let source = Source::open(&log, &TrustArgs::default(), session)?;
    let view = View::open(session, &source.client, &source.trust)?;
    let found = declared(&view)?;
    let size = view.size().0;
    let folder = dir.manifests_dir();
    let plans = plans(&found, size, &folder, args.full);
    let mut lines = Vec::new();
    let mut items: Vec<Value> = Vec::new();
    if plans.is_empty() {
        let text = "every kind is rolled up to where it has to be";
        return Ok(Answer::new(text, json!({ "runs": [], "size": size.to_string() })));
    }
    let operator = match (&args.operator, found.operators.as_slice()) {
        (Some(operator), _) => operator.clone(),
        (None, [only]) => only.clone(),
        (None, _) => {
            return Err(CliError::usage("the log has several operators")
                .hint(format!("Pass --operator ID: {}", found.operators.join(", "))));
        }
    };
    let key = match &args.key {
        Some(name) => session.keys().open(name, &mut Passwords::new(&args.password, &session.config)?)?,
        None => KeyStore::at(dir.keys_dir())
            .open("operator", &mut Passwords::new(&args.password, &session.config)?)
            .map_err(|error| error.hint("Pass the operator's key: --key NAME, or the path of its PEM file."))?,
    };
    crate::files::make_dir(&folder)?;
    for plan in &plans {
        let memory = usize::try_from(args.memory << 20).unwrap_or(usize::MAX);
        let root = build_run(&folder, plan, memory).at(folder.display())?;
        let defaults = Defaults {
            issuer: Some(operator.parse().map_err(|error| CliError::usage(format!("--operator: {error}")))?),
            issuer_name: None,
            issued: session.timestamp()?,
            nonce: false,
        };
        let accepted = {
            let payload = draft(&root)?.complete(&defaults)?;
            let (body, _) = sign(&payload.bytes, std::slice::from_ref(&key))?;
            let accepted = source.client.submit(&body)?;
            source.client.wait_until_published(accepted, session.config.timeout.value)?
        };
        let covered = root.sources.iter().filter(|source| source.covered).count();
        lines.push(format!(
            "entry {}  {}  entries {} to {}  {} keys of {covered} keyspaces, {} not covered",
            accepted.index,
            root.key_kind,
            root.from,
            root.to,
            grouped(root.keyspace.n),
            root.sources.len() - covered,
        ));
        items.push(json!({
            "index": accepted.index.to_string(), "record": accepted.record, "kind": root.key_kind,
            "from": root.from.to_string(), "to": root.to.to_string(), "keyspace": root.keyspace,
            "sources": root.sources.len(), "covered": covered,
        }));
    }
    Ok(Answer::new(lines.join("\n"), json!({ "runs": items, "size": size.to_string() })))
}

fn draft(root: &RunRoot) -> Result<Draft> {
    let Value::Object(predicate) = json!(root) else {
        return Err(CliError::new(Code::Internal, "a run-root is an object"));
    };
    Ok(Draft { kind: RecordKind::RunRoot, subjects: root.subjects(), predicate })
}

/// Every keyspace that a manifest declares, by kind, in the order of the log and of each record; its folder if its files are
/// there.
pub(crate) fn gather(found: &Declared, folder: &Path) -> BTreeMap<Kind, Vec<Gathered>> {
    let mut all: BTreeMap<Kind, Vec<Gathered>> = BTreeMap::new();
    for dataset in &found.datasets {
        for row in dataset.declarations().into_iter().flatten() {
            let Ok(kind) = row.kind.parse::<Kind>() else { continue };
            let held: PathBuf = folder.join(row.id.to_hex());
            let held = Some(held).filter(|folder| folder.join("header.json").is_file());
            all.entry(kind).or_default().push(Gathered { index: dataset.index, declared: row, folder: held });
        }
    }
    all
}

/// What is to be built so that every kind is rolled up to `size`, or near enough.
fn plans(found: &Declared, size: u64, folder: &Path, full: bool) -> Vec<RunPlan> {
    let mut plans = Vec::new();
    for (kind, sources) in gather(found, folder) {
        let within = |range: &Range<u64>| {
            let first = sources.partition_point(|source| source.index.0 < range.start);
            let end = sources.partition_point(|source| source.index.0 < range.end);
            &sources[first..end]
        };
        let live = tiling(&found.runs, kind);
        let reached = live.last().map_or(0, |run| run.range().end);
        let mut pieces: Vec<Piece> = live.iter().map(|run| Piece::of(run, within(&run.range()))).collect();
        let tail = reached..size;
        if !within(&tail).is_empty() || size.saturating_sub(reached) >= MAX_BEHIND {
            pieces.extend(cut(tail, within));
        }
        let sizes: Vec<(u64, usize)> = pieces.iter().map(|piece| (piece.keys, piece.sources)).collect();
        for group in if full { fewest(&sizes) } else { merges(&sizes) } {
            let group = &pieces[group];
            let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
            if group.len() == 1 && first.stands {
                continue;
            }
            let range = first.range.start..last.range.end;
            plans.push(RunPlan { kind, from: range.start, to: range.end, sources: within(&range).to_vec() });
        }
    }
    plans
}

/// A run that is there, or that is to be.
struct Piece {
    range: Range<u64>,
    keys: u64,
    sources: usize,
    /// Whether it is there and nothing speaks against it.
    stands: bool,
}

impl Piece {
    fn of(run: &Run, sources: &[Gathered]) -> Self {
        // Files that came after the run was made, and manifests that were erased since, are reasons to make it anew.
        let same = run.sources().len() == sources.len()
            && run.sources().iter().zip(sources).all(|(listed, now)| {
                listed.index == now.index.0
                    && listed.keyspace == now.declared.id
                    && (listed.covered || !now.can_be_covered())
            });
        Self { range: run.range(), keys: run.keyspace().n(), sources: sources.len(), stands: same }
    }
}

/// The new entries, cut so that the sources of each piece fit into a record.
fn cut<'a>(range: Range<u64>, within: impl Fn(&Range<u64>) -> &'a [Gathered]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut start = range.start;
    while start < range.end {
        let rest = within(&(start..range.end));
        // A manifest has at most 256 keyspaces, so a piece of one entry always fits.
        let end = rest.get(MAX_SOURCES).map_or(range.end, |next| next.index.0.max(start + 1));
        let own = within(&(start..end));
        let keys = own.iter().map(|source| source.declared.n).sum();
        pieces.push(Piece { range: start..end, keys, sources: own.len(), stands: false });
        start = end;
    }
    pieces
}

/// The fewest groups whose sources fit into a record each.
fn fewest(sizes: &[(u64, usize)]) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    let mut held = 0;
    for (place, (_, sources)) in sizes.iter().enumerate() {
        match groups.last_mut() {
            Some(last) if held + sources <= MAX_SOURCES => last.end = place + 1,
            _ => {
                groups.push(place..place + 1);
                held = 0;
            }
        }
        held += sources;
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fewest_groups_fit_into_a_record_each() {
        assert_eq!(fewest(&[(1, 900), (1, 1000), (1, 1), (1, 1900), (1, 0)]), [0..2, 2..3, 3..5]);
        assert!(fewest(&[]).is_empty());
    }
}
