//! What the fault tests share: a log that writes down what it promised, and a check that holds it to that.
//!
//! The promises are lines, written outside of the place that is going to break, each with one system call:
//!
//! ```text
//! ack <index> <record id> <number>     a receipt was handed out; `number` says how to make the record again
//! checkpoint <size> <root>             a reader saw this checkpoint
//! ```
//!
//! The program `fault-writer` is the process that is killed. Nothing of this is part of Colophon's own program.

pub mod bare_sled;
pub mod check;
pub mod device;
pub mod history;
pub mod run;
pub mod store;
pub mod volatile;

/// What the commands of `fault-writer` fail with: a sentence for whoever reads the test's output.
pub type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// How many rounds: `COLOPHON_FAULT_ROUNDS`, or `usual` where it is not set.
pub fn rounds(usual: u32) -> u32 {
    std::env::var("COLOPHON_FAULT_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(usual)
}

/// A number below this, another at every run.
///
/// # Panics
/// If the system has no randomness.
#[allow(clippy::unwrap_used)]
pub fn random(below: u64) -> u64 {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).unwrap();
    u64::from_be_bytes(bytes) % below
}

/// Says that a test cannot run here; with `COLOPHON_REQUIRE=all` that is a failure.
///
/// # Panics
/// If everything is required.
#[allow(clippy::panic)]
pub fn skipped(needs: &str) {
    if std::env::var("COLOPHON_REQUIRE").is_ok_and(|required| required == "all") {
        panic!("needs {needs}");
    }
    println!("skipped: needs {needs}");
}
