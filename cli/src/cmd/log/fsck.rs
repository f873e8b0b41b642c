//! `colophon log fsck`

use ledger::Code;
use ledger::log;
use serde_json::json;

use crate::failure::Result;
use crate::logdir::LogDir;
use crate::output::{Answer, Mark, grouped};
use crate::progress::Unit;
use crate::session::Session;

/// Check every stored byte of a log
///
/// Re-reads entries and bodies, verifies every signature again, derives every tile and the root again, and names each
/// damage with its file and place. Mends nothing; the log must not be served meanwhile.
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
    let progress = session.out.progress("checking", None, Unit::Things("entries"));
    let report = log::fsck(&dir.options()?, &mut |done, _| progress.set(done))
        .map_err(|error| crate::refusal::mended(dir, error))?;
    drop(progress);
    let counts = format!(
        "{} entries, {} bodies ({} redacted), {} tiles",
        grouped(report.entries),
        grouped(report.bodies),
        grouped(report.redacted),
        grouped(report.tiles)
    );
    let damages: Vec<_> =
        report.damages.iter().map(|d| json!({ "file": d.file, "place": d.place, "what": d.what })).collect();
    let clean = report.damages.is_empty();
    let path = dir.path().display();
    let exit = if clean { 0 } else { Code::StoreCorrupt.exit_code() };
    let hint = match (clean, report.only_index) {
        (true, _) => None,
        (false, true) => {
            Some(format!("Only the index is damaged: `colophon log reindex --dir {path}` fills it again."))
        }
        (false, false) => {
            Some("Restore the files named from a copy; the log refuses to go on without them.".to_owned())
        }
    };
    let (mark, word) = if clean { (Mark::Good, "sound") } else { (Mark::Bad, "DAMAGED") };
    let mut text = format!("{} {} — {counts}\n", session.out.mark(mark), session.out.paint(mark, word));
    for damage in &report.damages {
        let place = damage.place.as_ref().map(|place| format!(", {place}")).unwrap_or_default();
        text.push_str(&format!("  {} {}{place}: {}\n", session.out.mark(Mark::Bad), damage.file, damage.what));
    }
    if let Some(hint) = &hint {
        text.push_str(&format!("  hint: {hint}\n"));
    }
    let json = json!({
        "clean": clean,
        "code": (!clean).then_some(Code::StoreCorrupt.as_str()),
        "entries": report.entries.to_string(),
        "bodies": report.bodies.to_string(),
        "redacted": report.redacted.to_string(),
        "tiles": report.tiles.to_string(),
        "damages": damages,
        "onlyIndex": report.only_index,
        "hint": hint,
        "exit": exit,
    });
    Ok(Answer::new(text, json).with_exit(exit))
}
