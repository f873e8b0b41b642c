//! Where the demo happens: its folder, its own settings, its server, and the count of its checks.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use ledger::Code;
use serde_json::{Value, json};

use crate::cmd;
use crate::failure::{CliError, Result};
use crate::files;
use crate::logdir::LogDir;
use crate::output::{Answer, ColorChoice, Mark, Output};
use crate::serving::Running;
use crate::world::World;

/// The file that says that a folder was made by the demo, so that it may be made again.
const MARKER: &str = ".colophon-demo";

/// Everything that the demo makes in its folder; nothing else is ever removed.
const MADE: &[&str] = &[
    "log",
    "keys",
    "pins",
    "state",
    "cache",
    "manifest",
    "documents",
    "statements",
    "bundles",
    super::documents::MODEL,
    "config.toml",
    "log.vkey",
    "policy.txt",
    "model-card.colophon.json",
    "batch.ndjson",
];

/// The demo in its folder.
#[derive(Debug)]
pub(crate) struct Stage<'a> {
    dir: PathBuf,
    out: &'a Output,
    env: BTreeMap<String, String>,
    running: Option<Running>,
    url: String,
    checks: Vec<Value>,
}

impl<'a> Stage<'a> {
    /// Takes a folder that is absent, empty, or of an earlier demo, which is removed.
    pub(crate) fn set(dir: &Path, out: &'a Output, env: &BTreeMap<String, String>) -> Result<Self> {
        clear(dir)?;
        files::make_dir(dir)?;
        let dir = std::fs::canonicalize(dir).map_err(|source| CliError::io(dir, "open", source))?;
        files::write(&dir.join(MARKER), b"This folder was made by `colophon demo` and may be made again by it.\n")?;
        // The demo has settings of its own, and nothing of the user's: it must not pin a log for anybody.
        let mut env: BTreeMap<String, String> = env
            .iter()
            .filter(|(name, _)| !name.starts_with("COLOPHON_"))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        env.insert("COLOPHON_CONFIG".to_owned(), dir.join("config.toml").display().to_string());
        files::write(&dir.join("config.toml"), b"")?;
        super::documents::write(&dir)?;
        Ok(Self { dir, out, env, running: None, url: String::new(), checks: Vec::new() })
    }

    /// The folder.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// A path in the folder, as an argument.
    pub(crate) fn path(&self, name: &str) -> String {
        self.dir.join(name).display().to_string()
    }

    /// The server's address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// How many checks passed.
    pub(crate) fn passed(&self) -> usize {
        self.checks.len()
    }

    /// The checks that passed, for programs.
    pub(crate) fn checks(&self) -> &[Value] {
        &self.checks
    }

    /// Starts the server: the first time at a port that the system chooses, later at the same.
    pub(crate) fn serve(&mut self) -> Result<()> {
        let log = LogDir::open(&self.dir.join("log"))?;
        let listen = match self.url.strip_prefix("http://") {
            Some(address) => address.parse().map_err(|_| CliError::new(Code::Internal, "no address"))?,
            None => crate::serving::ANY_LOOPBACK,
        };
        let running = Running::start(&log, listen)?;
        self.url = running.url().to_owned();
        self.running = Some(running);
        let config = format!(
            "# Settings of the demo. Use them with COLOPHON_CONFIG={}\nlog = \"{}\"\n",
            self.dir.join("config.toml").display(),
            self.url
        );
        files::write(&self.dir.join("config.toml"), config.as_bytes())
    }

    /// Stops the server.
    pub(crate) fn stop(&mut self) -> Result<()> {
        self.running.take().map_or(Ok(()), |mut running| running.stop())
    }

    /// Serves until somebody stops the program.
    pub(crate) fn wait(&mut self) -> Result<()> {
        self.running.as_mut().map_or(Ok(()), Running::wait)
    }

    /// Runs a command line. A failure of it is a failure of the demo.
    pub(crate) fn run(&self, args: &[&str]) -> Result<Value> {
        let answer = self.answer(args)?;
        match answer.exit() {
            0 => Ok(answer.json().clone()),
            exit => Err(self.broken(args, &format!("it ended with {exit}: {}", answer.json()))),
        }
    }

    /// Runs a command line that must end with this exit code; returns what it printed as JSON.
    pub(crate) fn refused(&self, args: &[&str], exit: u8) -> Result<Value> {
        let (found, json) = match self.answer(args) {
            Ok(answer) => (answer.exit(), answer.json().clone()),
            Err(error) => (error.exit(), error.to_json()),
        };
        if found == exit {
            Ok(json)
        } else {
            Err(self.broken(args, &format!("it ended with {found}, not {exit}: {json}")))
        }
    }

    /// Something that must hold. Prints a line and counts it.
    pub(crate) fn check(&mut self, holds: bool, what: &str) -> Result<()> {
        if !holds {
            return Err(CliError::new(Code::Internal, format!("this does not hold: {what}"))
                .at("demo")
                .hint(format!("Report it with the folder {}.", self.dir.display())));
        }
        self.out.step(&format!("{} {what}", self.out.mark(Mark::Good)), None);
        self.checks.push(json!(what));
        Ok(())
    }

    /// A line between checks.
    pub(crate) fn say(&self, text: &str) {
        self.out.step(text, None);
    }

    fn answer(&self, args: &[&str]) -> Result<Answer> {
        let world = World { env: self.env.clone(), ..World::captured(&[]).0 };
        let (out, env) = Output::new(world, true, true, ColorChoice::Never);
        let line = std::iter::once("colophon").chain(args.iter().copied()).map(OsString::from).collect();
        cmd::execute(line, &out, env)
    }

    fn broken(&self, args: &[&str], why: &str) -> CliError {
        CliError::new(Code::Internal, format!("colophon {}: {why}", args.join(" ")))
            .hint(format!("Report it with the folder {}.", self.dir.display()))
    }
}

/// Removes what an earlier demo made. Refuses a folder that is anything else.
fn clear(dir: &Path) -> Result<()> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(source) if source.kind() == std::io::ErrorKind::NotADirectory => {
            return Err(CliError::io(dir, "open", source).hint("Name a folder that is empty or not there yet."));
        }
        Err(source) => return Err(CliError::io(dir, "open", source)),
    };
    if entries.count() == 0 {
        return Ok(());
    }
    if !dir.join(MARKER).is_file() {
        let other = files::beside(&dir.components().collect::<PathBuf>(), "-demo");
        return Err(CliError::usage("the folder is not empty, and was not made by the demo")
            .at(dir.display().to_string())
            .hint(format!("Choose another: colophon demo --dir {}", other.display())));
    }
    if let Some((pid, url)) = LogDir::open(&dir.join("log")).ok().and_then(|log| log.served_at()) {
        return Err(CliError::new(Code::StoreLocked, format!("a demo is being served from this folder at {url}"))
            .at(dir.display().to_string())
            .hint(format!("Stop it with `kill {pid}`, or choose another folder.")));
    }
    for name in MADE {
        let path = dir.join(name);
        let removed = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        match removed {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(CliError::io(&path, "remove", source));
            }
            _ => {}
        }
    }
    Ok(())
}
