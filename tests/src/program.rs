//! Programs that a test runs: ours with settings of its own, and strangers'.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// How a program ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Its exit code; −1 for one that was killed.
    pub exit: i32,
    /// What it printed.
    pub stdout: String,
    /// What it said besides.
    pub stderr: String,
}

impl Outcome {
    /// The outcome of a program that must succeed.
    ///
    /// # Panics
    /// If it did not.
    #[track_caller]
    pub fn passed(self, what: &str) -> Self {
        assert_eq!(self.exit, 0, "{what}: {}\n{}", shortened(&self.stdout), shortened(&self.stderr));
        self
    }

    /// The outcome of a program that must refuse.
    ///
    /// # Panics
    /// If it did not.
    #[track_caller]
    pub fn refused(self, what: &str) -> Self {
        assert!(self.exit != 0, "{what} was accepted: {}", shortened(&self.stdout));
        self
    }

    /// What it printed, as JSON.
    ///
    /// # Panics
    /// If it is not.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", shortened(&self.stdout)))
    }
}

/// The beginning of a text: enough to see what went wrong.
fn shortened(text: &str) -> String {
    text.chars().take(2_000).collect()
}

/// Runs a command to its end.
///
/// # Panics
/// If it cannot be started.
#[track_caller]
pub fn run(command: &mut Command) -> Outcome {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    Outcome {
        exit: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The `colophon` program with settings, keys, pins and caches in a folder of its own.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    home: PathBuf,
}

impl Program {
    /// The program at `path`, which a test knows as `env!("CARGO_BIN_EXE_colophon-under-test")`.
    ///
    /// # Panics
    /// If the folder cannot be written.
    pub fn new(path: impl Into<PathBuf>, home: &Path) -> Self {
        let config = home.join("config.toml");
        if !config.exists() {
            std::fs::write(&config, "").unwrap_or_else(|error| panic!("{}: {error}", config.display()));
        }
        Self { path: path.into(), home: home.to_owned() }
    }

    /// A command line, not yet started.
    pub fn command<A: AsRef<OsStr>>(&self, args: &[A]) -> Command {
        let mut command = Command::new(&self.path);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("COLOPHON_")) {
            command.env_remove(name);
        }
        command.env("COLOPHON_CONFIG", self.home.join("config.toml")).env("NO_COLOR", "1").args(args);
        command
    }

    /// Runs a command line.
    #[track_caller]
    pub fn run<A: AsRef<OsStr>>(&self, args: &[A]) -> Outcome {
        run(&mut self.command(args))
    }

    /// Runs a command line with `--json`, which must succeed; what it printed.
    #[track_caller]
    pub fn json<A: AsRef<OsStr>>(&self, args: &[A]) -> Value {
        let outcome = run(self.command(args).arg("--json"));
        let line: Vec<_> = args.iter().map(|arg| arg.as_ref().to_string_lossy().into_owned()).collect();
        outcome.passed(&format!("colophon {}", shortened(&line.join(" ")))).json()
    }

    /// Serves a log's folder at a port of the system's choice until it is dropped.
    ///
    /// # Panics
    /// If it does not say where it listens.
    pub fn serve(&self, log: &Path) -> ServedByProgram {
        let log = log.display().to_string();
        self.start(&["log", "serve", "--dir", &log, "--listen", "127.0.0.1:0"], "")
    }

    /// Starts a command that serves a log until it is dropped: where, it says on a line with this beginning.
    ///
    /// # Panics
    /// If it does not say where it listens.
    pub fn start(&self, args: &[&str], beginning: &'static str) -> ServedByProgram {
        let mut command = self.command(args);
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (told, tells) = std::sync::mpsc::channel();
        let streams: [Option<Box<dyn std::io::Read + Send>>; 2] = [
            child.stdout.take().map(|stream| Box::new(stream) as Box<dyn std::io::Read + Send>),
            child.stderr.take().map(|stream| Box::new(stream) as Box<dyn std::io::Read + Send>),
        ];
        for stream in streams.into_iter().flatten() {
            let told = told.clone();
            // Read to its end, or the program stops when the pipe is full.
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let mut words = line.split_whitespace().filter(|_| line.starts_with(beginning));
                    if let Some(url) = words.find(|word| word.starts_with("http://127.0.0.1:")) {
                        let _ = told.send(url.trim_end_matches(['/', '.', ',']).to_owned());
                    }
                }
            });
        }
        drop(told);
        match tells.recv() {
            Ok(url) => ServedByProgram { url, child },
            Err(_) => panic!("{command:?} ended: {:?}", child.wait()),
        }
    }
}

/// A server in a process of its own. Dropping it is `kill -9`.
#[derive(Debug)]
pub struct ServedByProgram {
    /// Its address, without a slash at the end.
    pub url: String,
    child: Child,
}

impl ServedByProgram {
    /// The process's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end, as a service manager does (SIGTERM), and waits until it has: its exit code.
    ///
    /// # Panics
    /// If it was killed instead.
    pub fn stop(mut self) -> i32 {
        run(Command::new("kill").args(["-TERM", &self.id().to_string()])).passed("kill");
        self.child.wait().unwrap().code().unwrap()
    }
}

impl Drop for ServedByProgram {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
