//! What a run of the program sees of its surroundings: environment variables, the standard streams, the time.
//!
//! The program proper uses the process's own; a test hands in a map, buffers and a clock, so that tests run side by side
//! and nothing reads or sets the environment of the process behind the caller's back. Which time it is can be said by
//! whoever runs the program from within a test, and by nobody else: no flag and no environment variable sets it.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Cursor, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use ledger::ids::UnixMillis;

/// The surroundings of one run.
pub struct World {
    /// Environment variables; what is not UTF-8 is left out.
    pub env: BTreeMap<String, String>,
    /// Where data goes.
    pub stdout: Box<dyn Write + Send>,
    /// Where everything else goes.
    pub stderr: Box<dyn Write + Send>,
    /// Whether somebody looks at `stdout`.
    pub stdout_is_terminal: bool,
    /// Whether somebody looks at `stderr`; progress bars are drawn only then.
    pub stderr_is_terminal: bool,
    /// What somebody types, or what another program hands over.
    pub stdin: Box<dyn BufRead + Send>,
    /// Whether somebody types; nothing is asked without that.
    pub stdin_is_terminal: bool,
    /// Which time it is.
    pub clock: WorldClock,
}

/// Tells the time to a run of the program.
pub type WorldClock = Arc<dyn Fn() -> UnixMillis + Send + Sync>;

impl World {
    /// The surroundings of this process.
    pub fn of_process() -> Self {
        let env = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self {
            env,
            stdout: Box::new(io::stdout()),
            stderr: Box::new(io::stderr()),
            stdout_is_terminal: io::stdout().is_terminal(),
            stderr_is_terminal: io::stderr().is_terminal(),
            stdin: Box::new(BufReader::new(io::stdin())),
            stdin_is_terminal: io::stdin().is_terminal(),
            clock: Arc::new(time_of_the_machine),
        }
    }

    /// Surroundings without a terminal that keep what is printed.
    pub fn captured(env: &[(&str, &str)]) -> (Self, Captured) {
        let captured = Captured::default();
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let world = Self {
            env,
            stdout: Box::new(captured.stdout.clone()),
            stderr: Box::new(captured.stderr.clone()),
            stdout_is_terminal: false,
            stderr_is_terminal: false,
            stdin: Box::new(Cursor::new(Vec::new())),
            stdin_is_terminal: false,
            clock: Arc::new(time_of_the_machine),
        };
        (world, captured)
    }
}

/// The time of this machine's clock.
pub(crate) fn time_of_the_machine() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The environment may hold a password.
        f.debug_struct("World").finish_non_exhaustive()
    }
}

/// What a captured run printed.
#[derive(Debug, Clone, Default)]
pub struct Captured {
    stdout: Buffer,
    stderr: Buffer,
}

impl Captured {
    /// Standard output as text.
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// Standard error as text.
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }
}

#[derive(Debug, Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
