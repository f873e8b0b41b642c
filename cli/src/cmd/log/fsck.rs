//! `colophon log fsck`

use std::collections::BTreeSet;

use ledger::Code;
use ledger::log::{self, Damage, FsckReport};
use serde_json::json;

use crate::failure::Result;
use crate::logdir::LogDir;
use crate::output::{Answer, Mark, grouped};
use crate::progress::Unit;
use crate::refusal::{bring_back, shell};
use crate::session::Session;

/// Damages that are shown: whoever reads more of them learns nothing new.
const SHOWN: usize = 50;

/// Check every stored byte of a log
///
/// Re-reads entries and bodies, verifies every signature again, derives every tile and the root again, checks the files of
/// every manifest that it holds, and names each damage with its file and place. Mends nothing; the log must not be served
/// meanwhile.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  colophon log fsck --dir /srv/log")]
pub(crate) struct Args {
    #[command(flatten)]
    dir: super::DirArg,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let dir = LogDir::open(&args.dir.dir)?;
    check(&dir, session)
}

/// Checks a log that nobody serves.
pub(crate) fn check(dir: &LogDir, session: &Session) -> Result<Answer> {
    let options = dir.options()?;
    let report = read(dir, &options, session).map_err(|error| crate::refusal::mended(dir, error))?;
    let handed_out = dir.handed_out(options.signers.log.verifier_key());
    let clean = report.is_sound() && handed_out.is_empty();
    let exit = if clean { 0 } else { Code::StoreCorrupt.exit_code() };
    let mut damages = report.damages.clone();
    damages.extend(handed_out.iter().map(|file| Damage { file: file.name.to_owned(), place: None, what: file.what() }));
    let count = damages.len() as u64 + report.more;
    damages.truncate(SHOWN);
    let more = count - damages.len() as u64;
    let hint = if report.is_sound() { handed_out.first().map(|file| file.hint()) } else { Some(mends(dir, &report)) };

    let (mark, word) = if clean { (Mark::Good, "sound") } else { (Mark::Bad, "DAMAGED") };
    let mut text = format!("{} {} — {}\n", session.out.mark(mark), session.out.paint(mark, word), counts(&report));
    for damage in &damages {
        let place = damage.place.as_ref().map(|place| format!(", {place}")).unwrap_or_default();
        text.push_str(&format!("  {} {}{place}: {}\n", session.out.mark(Mark::Bad), damage.file, damage.what));
    }
    if more > 0 {
        text.push_str(&format!("  and {} more\n", grouped(more)));
    }
    for note in notes(&report) {
        text.push_str(&format!("  note: {note}\n"));
    }
    if let Some(hint) = &hint {
        text.push_str(&format!("  hint: {hint}\n"));
    }
    let damages: Vec<_> = damages.iter().map(|d| json!({ "file": d.file, "place": d.place, "what": d.what })).collect();
    let json = json!({
        "clean": clean,
        "code": (!clean).then_some(Code::StoreCorrupt.as_str()),
        "entries": report.entries.to_string(),
        "bodies": report.bodies.to_string(),
        "redacted": report.redacted.to_string(),
        "tiles": report.tiles.to_string(),
        "manifests": report.manifests.to_string(),
        "manifestsNotHeld": report.not_held.to_string(),
        "indexBehind": report.index_behind.to_string(),
        "indexChecked": report.index_closed.is_none(),
        "damages": damages,
        "more": more.to_string(),
        "onlyIndex": report.only_index,
        "hint": hint,
        "exit": exit,
    });
    Ok(Answer::new(text, json).with_exit(exit))
}

fn read(dir: &LogDir, options: &log::Options, session: &Session) -> ledger::Result<FsckReport> {
    let progress = session.out.progress("checking", None, Unit::Things("entries"));
    let mut report = log::fsck(options, &mut |done, _| progress.set(done))?;
    drop(progress);
    if dir.manifests_dir().is_dir() {
        let progress = session.out.progress("checking manifests", None, Unit::Things("keyspaces"));
        log::fsck_manifests(options, &mut report, &mut |done, _| progress.set(done))?;
    }
    Ok(report)
}

fn counts(report: &FsckReport) -> String {
    let mut counts = format!(
        "{} entries, {} bodies ({} redacted), {} tiles",
        grouped(report.entries),
        grouped(report.bodies),
        grouped(report.redacted),
        grouped(report.tiles)
    );
    if report.manifests > 0 {
        counts.push_str(&format!(", {} manifests", grouped(report.manifests)));
    }
    counts
}

/// What is no damage, and good to know.
fn notes(report: &FsckReport) -> Vec<String> {
    let mut notes = Vec::new();
    if report.index_behind > 0 {
        notes.push(format!("the index is behind by {}; the next start adds them", entries(report.index_behind)));
    }
    if let Some(why) = &report.index_closed {
        notes.push(format!("the index was not checked, for it cannot be opened here: {why}"));
    }
    if report.not_held > 0 {
        let them =
            if report.not_held == 1 { "1 keyspace".to_owned() } else { format!("{} keyspaces", report.not_held) };
        notes.push(format!("records declare {them} whose files are not here"));
    }
    notes
}

fn entries(count: u64) -> String {
    if count == 1 { "1 entry".to_owned() } else { format!("{} entries", grouped(count)) }
}

/// The one command that mends what was found.
fn mends(dir: &LogDir, report: &FsckReport) -> String {
    let log = shell(dir.path());
    if report.only_index {
        return format!("Only the index is damaged; fill it again: `colophon log reindex --dir {log}`");
    }
    if report.only_copies {
        return format!(
            "Of each damaged copy a whole one is left, from which any start writes it anew: `colophon log stats --dir {log}`"
        );
    }
    // The index follows from the rest, and so do copies of which a whole one is left.
    let files: BTreeSet<&str> =
        report.damages.iter().map(|damage| damage.file.as_str()).filter(|file| *file != "index").collect();
    let commands: Vec<String> = files.iter().map(|file| bring_back(dir, file)).collect();
    format!(
        "Bring the files named back from the newest copy; what is replaced stays beside them as NAME.~1~: `{}`",
        commands.join(" && ")
    )
}
