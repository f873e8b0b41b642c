//! The process that the fault tests kill: see `harness::faults`.
//!
//! ```text
//! fault-writer run DIR --guard DIR [--writers N] [--each N] [--acks FILE] [--without-sync]
//! fault-writer append-one DIR --guard DIR --number N [--acks FILE]
//! fault-writer check DIR --guard DIR --acks FILE [--all]
//! fault-writer run-bare-sled DIR [--acks FILE]
//! fault-writer check-bare-sled DIR --acks FILE
//! ```
//!
//! Exit codes: 0 as promised; 1 the log refused or stopped; 3 a promise was broken; 2 wrong arguments.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use harness::faults::history::{History, Promises};
use harness::faults::store::Store;
use harness::faults::{Outcome, bare_sled, check, run};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (Some(command), Some(dir)) = (arguments.first(), arguments.get(1).map(PathBuf::from)) else {
        eprintln!("fault-writer COMMAND DIR …: see the program's source");
        return ExitCode::from(2);
    };
    let value = |name: &str| arguments.iter().skip_while(|argument| *argument != name).nth(1).map(String::as_str);
    let number = |name: &str, usual: u64| value(name).and_then(|text| text.parse().ok()).unwrap_or(usual);
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let acks = value("--acks").map(Path::new);
    let guard = value("--guard").map_or_else(|| dir.join("guard"), PathBuf::from);
    let store = Store { dir: dir.clone(), guard, without_sync: has("--without-sync") };

    let promised = || History::read(acks.ok_or("--acks is missing")?);
    let (outcome, failed) = match command.as_str() {
        "run" => {
            let go =
                |promises: Promises| run::run(&store, number("--writers", 50), number("--each", u64::MAX), &promises);
            (Promises::to(acks).map_err(Into::into).and_then(go), 1)
        }
        "append-one" => {
            let go = |promises: Promises| append_one(&store, number("--number", 0), &promises);
            (Promises::to(acks).map_err(Into::into).and_then(go), 1)
        }
        "check" => {
            let again = if has("--all") { usize::MAX } else { check::RESUBMITTED };
            (promised().and_then(|promised| hold(&store, &promised, again)), 3)
        }
        "run-bare-sled" => {
            (Promises::to(acks).map_err(Into::into).and_then(|promises| bare_sled::run(&dir, &promises)), 1)
        }
        "check-bare-sled" => (promised().and_then(|promised| hold_sled(&dir, &promised)), 3),
        other => (Err(format!("no such command: {other}").into()), 2),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(failed)
        }
    }
}

fn append_one(store: &Store, number: u64, promises: &Promises) -> Outcome {
    let log = store.open()?;
    run::write(&log, number, promises)?;
    log.close()?;
    Ok(())
}

fn hold(store: &Store, promised: &History, again: usize) -> Outcome {
    let kept = check::check(store, promised, again)?;
    println!(
        "kept {} acks and {} checkpoints in {} entries, opened in {} ms",
        kept.acks,
        kept.checkpoints,
        kept.entries,
        kept.opened_in.as_millis()
    );
    Ok(())
}

fn hold_sled(dir: &Path, promised: &History) -> Outcome {
    match bare_sled::lost(dir, promised)? {
        0 => Ok(()),
        lost => Err(format!("lost {lost} of {} acknowledged writes", promised.acks.len()).into()),
    }
}
