//! `colophon doctor`

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use ledger::Code;
use ledger::log::STALE_AFTER;
use ledger::note::Policy;
use serde_json::{Value, json};

use crate::client::Client;
use crate::consistency;
use crate::failure::{At, CliError, Result};
use crate::files;
use crate::follow::fetch_checkpoint;
use crate::memory::Memory;
use crate::output::{Answer, Mark, shown};
use crate::pins::Pins;
use crate::screen::time;
use crate::session::Session;
use crate::trust::TrustArgs;

/// A clock that is further off than this makes statements that look doubtful to others.
const CLOCK_OFF: u64 = 5 * 60 * 1000;

/// Look for what commonly goes wrong: settings, keys, pins, the log, the clock
///
/// What it prints holds no secret and can be pasted into a report.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  colophon doctor")]
pub(crate) struct Args {
    /// The log's address [env: COLOPHON_LOG]
    #[arg(long, value_name = "URL")]
    log: Option<String>,
}

/// One thing that was looked at.
struct Look {
    what: &'static str,
    outcome: Result<String>,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let mut looks = vec![
        Look {
            what: "program",
            outcome: Ok(format!("colophon {}, {}", env!("CARGO_PKG_VERSION"), std::env::consts::OS)),
        },
        Look { what: "config", outcome: Ok(format!("{}", session.config.path.value.display())) },
        Look { what: "state folder", outcome: writable(&session.config.state.value) },
        Look { what: "cache folder", outcome: writable(&session.config.cache.value) },
        Look { what: "keys", outcome: keys(session) },
    ];
    match Pins::of(&session.config).list() {
        Err(error) => looks.push(Look { what: "pins", outcome: Err(error) }),
        Ok(pins) if pins.is_empty() => {
            let error = CliError::new(Code::NoPolicy, "no log is pinned, so nothing can be verified");
            looks.push(Look { what: "pins", outcome: Err(error) });
        }
        Ok(pins) => {
            let names: Vec<&str> = pins.iter().map(|pin| pin.origin.as_str()).collect();
            looks.push(Look { what: "pins", outcome: Ok(names.join(", ")) });
            for pin in &pins {
                if let Some(url) = &pin.url {
                    let policy = |_: &[u8]| Ok(pin.policy.clone());
                    looks.push(Look { what: "log", outcome: checkpoint(url, policy, session) });
                }
            }
        }
    }
    if let Some(log) = session.config.log_or(args.log.as_deref()) {
        let policy = |note: &[u8]| Ok(TrustArgs::default().for_checkpoint(note, session)?.policy);
        looks.push(Look { what: "log's address", outcome: checkpoint(&log.value, policy, session) });
    }
    let exit = looks.iter().find_map(|look| look.outcome.as_ref().err()).map_or(0, CliError::exit);
    let mut text = String::new();
    let mut items: Vec<Value> = Vec::new();
    for look in &looks {
        match &look.outcome {
            Ok(found) => {
                text.push_str(&format!("{} {:<14} {}\n", session.out.mark(Mark::Good), look.what, shown(found)));
                items.push(json!({ "what": look.what, "ok": true, "found": found }));
            }
            Err(error) => {
                let mark = session.out.mark(Mark::Bad);
                text.push_str(&format!("{mark} {:<14} {}\n", look.what, shown(&error.to_string())));
                text.push_str(&format!("  hint: {}\n", shown(error.first_hint())));
                let mut json = error.to_json();
                json["what"] = json!(look.what);
                json["ok"] = json!(false);
                items.push(json);
            }
        }
    }
    Ok(Answer::new(text, json!({ "exit": exit, "looks": items })).with_exit(exit))
}

fn writable(folder: &Path) -> Result<String> {
    files::make_dir(folder)?;
    let probe = folder.join(".probe");
    files::write(&probe, b"")?;
    files::remove(&probe)?;
    Ok(folder.display().to_string())
}

fn keys(session: &Session) -> Result<String> {
    let keys = session.keys().list()?;
    for key in keys.iter().filter(|key| !key.encrypted) {
        let mode =
            std::fs::metadata(&key.path).map_err(|source| CliError::io(&key.path, "read", source))?.permissions();
        if mode.mode() & 0o077 != 0 {
            let path = key.path.display();
            return Err(CliError::new(Code::KeyUnreadable, "others may read this unprotected key")
                .at(path.to_string())
                .hint(format!("chmod 600 {path}")));
        }
    }
    let open = keys.iter().filter(|key| !key.encrypted).count();
    Ok(format!("{} in {}, {open} without a password", keys.len(), session.config.keys.value.display()))
}

/// Whether the log answers with a checkpoint that meets the policy and provably extends what was seen before, and how new it
/// is.
fn checkpoint(url: &str, policy: impl FnOnce(&[u8]) -> Result<Policy>, session: &Session) -> Result<String> {
    let client = Client::new(url, &session.config)?;
    let note = fetch_checkpoint(&client)?;
    let accepted = policy(&note)?.check(&note)?;
    let memory = Memory::of(&session.config);
    let known = memory.refuse_smaller(&accepted, &note).at(url)?;
    let (size, root) = (accepted.checkpoint().size(), accepted.checkpoint().root());
    if let Some(seen) = known.iter().find(|seen| seen.size == size && seen.root != root) {
        return Err(memory.fork(accepted.log(), &seen.note, &note, "two trees of the same size"));
    }
    for seen in known.iter().filter(|seen| seen.size < size) {
        consistency::check(&client, &memory, seen, &accepted, &note)?;
    }
    let extends = match known.iter().map(|seen| seen.size).max() {
        Some(seen) => format!("; extends the tree of size {seen} that was seen: proven"),
        None => String::new(),
    };
    let size = size.0;
    let entries = if size == 1 { "entry" } else { "entries" };
    let (now, newest) = (session.now().0, accepted.newest().map(|at| at.to_millis()));
    let Some(newest) = newest else {
        return Ok(format!("{size} {entries} at {url}; no witness says when{extends}"));
    };
    if newest.0 > now.saturating_add(CLOCK_OFF) {
        let found =
            format!("the newest cosignature is of {}, this machine says {}", time(newest), session.timestamp()?);
        return Err(CliError::new(Code::ClockRefused, found).hint("Set this machine's clock right."));
    }
    let age = now.saturating_sub(newest.0);
    if age > STALE_AFTER {
        let minutes = age / 60_000;
        let found = format!(
            "{size} {entries} at {url}, cosigned {}, {minutes} minutes ago by this machine's clock, which says {}",
            time(newest),
            session.timestamp()?
        );
        let hint =
            "Set this machine's clock right if it is ahead; else the log stands still, which its operator can tell.";
        return Err(CliError::new(Code::CheckpointStale, found).hint(hint));
    }
    Ok(format!("{size} {entries} at {url}, cosigned {}{extends}", time(newest)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use std::ffi::OsString;
    use std::sync::Arc;

    use ledger::ids::UnixMillis;
    use serde_json::Value;

    use crate::logdir::LogDir;
    use crate::serving::{ANY_LOOPBACK, Running};
    use crate::world::{World, time_of_the_machine};

    #[test]
    fn an_old_checkpoint_or_a_clock_that_is_ahead_is_no_tick() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).display().to_string();
        let run = |args: &[&str], ahead: i64| {
            let (mut world, seen) = World::captured(&[("COLOPHON_CONFIG", &path("config.toml"))]);
            world.clock = Arc::new(move || UnixMillis(time_of_the_machine().0.saturating_add_signed(ahead)));
            let exit = crate::cmd::run(["colophon"].iter().chain(args).map(OsString::from).collect(), world);
            (exit, serde_json::from_str::<Value>(&seen.stdout()).unwrap_or_default())
        };
        let log = path("log");
        assert_eq!(run(&["log", "init", "--dir", &log, "--origin", "log.example", "--json"], 0).0, 0);
        let running = Running::start(&LogDir::open(log.as_ref()).unwrap(), ANY_LOOPBACK).unwrap();
        assert_eq!(run(&["log", "trust", "--policy", &path("log/policy.txt"), "--json"], 0).0, 0);
        for (ahead, code) in [
            (0, None),
            (20, None),
            (30, Some("checkpoint_stale")),
            (1440, Some("checkpoint_stale")),
            (-10, Some("clock_refused")),
        ] {
            let (exit, json) = run(&["doctor", "--log", running.url(), "--json"], ahead * 60_000);
            let looks = json["looks"].as_array().unwrap().clone();
            let look = looks.into_iter().find(|look| look["what"] == "log's address").unwrap();
            assert_eq!(look["code"].as_str(), code, "{ahead} minutes: {look}");
            assert_eq!(exit == 0, code.is_none(), "{json}");
        }
    }
}
