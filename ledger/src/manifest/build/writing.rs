//! The second half of a build: the runs of all segments become keyspaces, one after another.

use std::fs;

use crate::error::{Code, Error, Result};
use crate::manifest::build::reading::ReadSource;
use crate::manifest::build::work::{State, Step, Work};
use crate::manifest::build::{BuildOptions, FORMAT, KeyCount, Progress, Report, Stage, Summary, coverage};
use crate::manifest::builder::{Columns, Merge, Space, place, sorted_table};
use crate::manifest::disk::{io_error, sync_folder};
use crate::manifest::file::{self, KeyspaceFiles};
use crate::manifest::header::{About, Source};
use crate::manifest::kind::{Kind, Spec};
use crate::manifest::reader::Skip;
use crate::record::kinds::Disclosure;

/// After so many keys the journal says how far a keyspace's columns are: a second's work.
const STEP_KEYS: u64 = 1 << 21;

/// Merges the runs into the work's output folder.
pub(super) fn write(
    read: ReadSource,
    options: &BuildOptions,
    work: &mut Work,
    state: &State,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Summary> {
    let ReadSource { runs, found, items, source } = read;
    if found.specs.is_empty() {
        return Err(Error::new(Code::SourceInvalid, "nothing in the source gives a key"));
    }
    let mut licenses = found.licenses.clone();
    let places = sorted_table(&mut licenses)?;
    let source = Source {
        sha256: source.whole.sha256,
        bytes: source.whole.bytes,
        items,
        reader: source.reader,
        wiki: source.wiki,
    };
    let mut keyspaces = Vec::new();
    let mut report = Report {
        items: found.items,
        dropped: found.dropped,
        without: found.without,
        unassigned: found.unassigned,
        keys: Vec::new(),
    };
    let mut specs: Vec<(Spec, Space)> = Vec::new();
    for (spec, number) in found.specs.iter().zip(0..) {
        specs.push((spec.parse()?, Space(number)));
    }
    specs.sort();
    let total: u64 = found.pushed.iter().sum();
    let mut done = 0;
    for (spec, space) in specs {
        let pushed = found.pushed[usize::from(space.0)];
        let about = About { source: source.clone(), coverage: coverage(spec).into(), licenses: licenses.clone() };
        let merge = Merge {
            runs: &runs,
            space,
            width: options.width(),
            licenses: &places,
            threads: options.threads_for(),
            memory: options.working_memory(),
        };
        let told = |rows: u64| {
            progress(Progress { stage: Stage::Merging, done: done + rows, total: Some(total), items });
        };
        let files = keyspace(&merge, spec, pushed, about, work, state, &told)?;
        done += pushed;
        let mut row = files.header().to_declaration(files.keyspace());
        // What was not read cannot be shown to be absent.
        let of_bytes = matches!(spec.kind(), Kind::RawSha256 | Kind::Swhid | Kind::MediaSha1 | Kind::MwSha1);
        let of_pages = matches!(spec.kind(), Kind::MwPage | Kind::MwTitle);
        let unnumbered = report.without.contains_key(Skip::PageId.as_str());
        if (spec.kind().is_text() && found.unread > 0) || (of_bytes && found.undigested > 0) || (of_pages && unnumbered)
        {
            row.disclosure = Disclosure::Partial;
        }
        report.keys.push(KeyCount {
            id: row.id,
            spec: row.spec.clone(),
            pushed,
            unique: row.n,
            duplicates: files.header().duplicates(),
        });
        keyspaces.push(row);
    }
    Ok(Summary { format: FORMAT.into(), source, keyspaces, report })
}

/// Makes one keyspace, or what is missing of it.
fn keyspace(
    merge: &Merge<'_>,
    spec: Spec,
    pushed: u64,
    about: About,
    work: &mut Work,
    state: &State,
    told: &dyn Fn(u64),
) -> Result<KeyspaceFiles> {
    let making = work.staging().join(format!("{}.partial", merge.space.0));
    let named = |id: &crate::ids::KeyspaceId| work.staging().join(id.to_hex());
    if let Some(id) = state.keyspaces.get(&merge.space) {
        let folder = named(id);
        if !folder.is_dir() {
            fs::rename(&making, &folder).map_err(|e| io_error(&folder, &e))?;
        }
        return file::open(&folder);
    }
    let counts = state.slices.get(&merge.space).cloned().unwrap_or_default();
    fs::create_dir_all(&making).map_err(|e| io_error(&making, &e))?;
    let mut columns = Columns::resume(&making, merge.width, counts)?;
    let mut unlogged = Vec::new();
    let (mut since, mut rows) = (0, 0);
    merge.run(columns.slices(), &mut |merged| {
        columns.append(&merged)?;
        let keys: u64 = merged.counts.iter().map(|count| u64::from(*count)).sum();
        since += keys;
        rows += keys;
        unlogged.extend(merged.counts);
        if work.is_worth() && since >= STEP_KEYS {
            columns.hand_over()?;
            work.log(&Step::Slices { space: merge.space.0, counts: core::mem::take(&mut unlogged) })?;
            since = 0;
        }
        told(rows);
        Ok(())
    })?;
    let (_, keyspace) = place(&columns.finish()?, spec, pushed, about, merge.threads)?;
    sync_folder(&making)?;
    if work.is_worth() {
        work.log(&Step::Keyspace { space: merge.space.0, id: keyspace.id() })?;
    }
    let folder = work.staging().join(keyspace.id().to_hex());
    fs::rename(&making, &folder).map_err(|e| io_error(&folder, &e))?;
    file::open(&folder)
}
