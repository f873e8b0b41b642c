//! `colophon log serve`

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use ledger::Code;
use ledger::log::RootSigner;
use ledger::state::Owner;
use serde_json::json;
use tracing_subscriber::EnvFilter;

use crate::failure::{CliError, Result};
use crate::logdir::LogDir;
use crate::output::Answer;
use crate::refusal;
use crate::serving::Running;
use crate::session::Session;

/// Where to listen if neither the command nor the log's config says so: this machine alone.
const DEFAULT_LISTEN: &str = "127.0.0.1:8480";

/// Serve a log over HTTP
///
/// Runs until it is stopped (Ctrl-C, SIGTERM): then nobody is let in any more, and what was let in is finished. There is no
/// TLS inside; put a proxy in front for the public.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  colophon log serve --dir /srv/log --listen 127.0.0.1:8480")]
pub(crate) struct Args {
    #[command(flatten)]
    dir: super::DirArg,
    /// Address and port; port 0 lets the system choose. Without it `listen` of LOG/config.toml, else 127.0.0.1:8480
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// The operator's key that signs roots of the index, a PEM file without password. Without it `index-key` of
    /// LOG/config.toml; without either the log signs none
    #[arg(long, value_name = "FILE")]
    index_key: Option<PathBuf>,
    /// A proxy in front of this server; whoever comes through it counts by the last address of X-Forwarded-For. May be
    /// repeated
    #[arg(long = "proxy", value_name = "IP")]
    proxies: Vec<IpAddr>,
    /// What to write to standard error: error, warn, info, debug, or a filter of the crate tracing-subscriber
    #[arg(long, value_name = "FILTER", default_value = "warn")]
    trace: String,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let dir = LogDir::open(&args.dir.dir)?;
    let listen = args.listen.as_deref().or(dir.config().listen.as_deref()).unwrap_or(DEFAULT_LISTEN);
    let serve = format!("colophon log serve --dir {}", refusal::shell(dir.path()));
    let address =
        parse(listen).map_err(|error| error.hint(format!("Let the system choose: `{serve} --listen 127.0.0.1:0`")))?;
    trace(&args.trace)
        .map_err(|error| error.hint(format!("Say error, warn, info or debug: `{serve} --trace warn`")))?;
    let mut running = Running::start_behind(&dir, address, args.proxies.clone())?;
    sign_index_roots(&running, &dir, args, session)?;
    dir.keep_config();
    warn(&running, &dir, session)?;
    let size = running.log().published().map_or(0, |view| view.size.0);
    let entries = if size == 1 { "entry" } else { "entries" };
    let text = format!("{} with {size} {entries} at {}", dir.origin(), running.url());
    let json = json!({ "origin": dir.origin().as_str(), "url": running.url(), "size": size.to_string() });
    session.out.step(&text, Some(&json));
    running.wait()?;
    Ok(Answer::new("stopped", json!({ "stopped": true })))
}

/// Says what the start found that is no reason not to serve, and should not pass unseen.
fn warn(running: &Running, dir: &LogDir, session: &Session) -> Result<()> {
    for damage in &running.log().opened().repaired {
        let (file, at, what) = (&damage.file, damage.offset, &damage.what);
        session.out.warn(&format!("{file} at byte {at}: {what}; written anew from a whole copy: look at the disk"));
    }
    for file in dir.handed_out(dir.options()?.signers.log.verifier_key()) {
        session.out.warn(&format!("{}: {}. {}", file.name, file.what(), file.hint()));
    }
    Ok(())
}

/// Lets the log sign roots of its index, if there is a key for it.
fn sign_index_roots(running: &Running, dir: &LogDir, args: &Args, session: &Session) -> Result<()> {
    let Some(key) = dir.index_key(args.index_key.as_deref())? else { return Ok(()) };
    let owner = running.log().published().and_then(|view| view.state.key(&key.key_id()).map(|key| key.owner.clone()));
    match owner {
        Some(Owner::Party(issuer)) => running.log().sign_index_roots(RootSigner { issuer, key }),
        _ if args.index_key.is_some() => {
            return Err(CliError::new(Code::SignerUnknown, "the index key is of no operator of this log"));
        }
        _ => session.out.warn("the index key is of no operator of this log: no roots are signed"),
    }
    Ok(())
}

/// Writes what the server has to say to standard error.
fn trace(filter: &str) -> Result<()> {
    let filter = EnvFilter::try_new(filter).map_err(|error| CliError::usage(format!("--trace: {error}")))?;
    // A second server in one process, as in tests, keeps the first one's.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
    Ok(())
}

/// `127.0.0.1:8480`, `[::1]:0`, `:8480` (every interface) or `8480` (this machine alone).
fn parse(text: &str) -> Result<SocketAddr> {
    let full = match text {
        port if port.parse::<u16>().is_ok() => format!("127.0.0.1:{port}"),
        port if port.starts_with(':') => format!("0.0.0.0{port}"),
        name if name.starts_with("localhost:") => name.replacen("localhost", "127.0.0.1", 1),
        other => other.to_owned(),
    };
    full.parse().map_err(|_| CliError::usage(format!("{text:?} is not an IP address and a port to listen on")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        assert_eq!(parse("8480").unwrap().to_string(), "127.0.0.1:8480");
        assert_eq!(parse(":8480").unwrap().to_string(), "0.0.0.0:8480");
        assert_eq!(parse("localhost:0").unwrap().to_string(), "127.0.0.1:0");
        assert_eq!(parse("[::1]:9").unwrap().to_string(), "[::1]:9");
        assert_eq!(parse("log.example.org").unwrap_err().exit(), 2);
    }
}
