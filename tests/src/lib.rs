//! What the tests of this member share: what is there and what is skipped, programs that are run, a served log.
//!
//! A tool or folder that a machine may lack is found through an environment variable, all of them set by `.ci/run`:
//!
//! ```text
//! COLOPHON_TEST_DATA     third-party data to test against           COLOPHON_PYTHON      securesystemslib and more
//! COLOPHON_CONFORMANCE   checks by strangers' tools                 COLOPHON_PYTHON312   aics-tlog
//! COLOPHON_NODE_MODULES  playwright-core and axe-core, as tests/browser/package-lock.json has them
//! COLOPHON_REQUIRE=all   what is missing is a failure, not a skip
//! ```

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on says so and fails"
)]
#![allow(clippy::missing_errors_doc, reason = "a test's errors are sentences, for whoever reads why it failed")]

pub mod between;
mod client;
mod counted;
pub mod documents;
pub mod faults;
pub mod folder;
mod gate;
mod program;
mod served;
pub mod stage;
mod way;

use std::path::PathBuf;

pub use self::client::{Client, Reply};
pub use self::counted::Counted;
pub use self::gate::Gate;
pub use self::program::{Outcome, Program, ServedByProgram, run};
pub use self::served::Served;

/// Whether something that a test needs is there. If it is not, says `skipped: needs …`; under `COLOPHON_REQUIRE=all`
/// that is a failure.
///
/// # Panics
/// See above.
pub fn needs(what: &str, there: bool) -> bool {
    if there {
        return true;
    }
    println!("skipped: needs {what}");
    assert!(std::env::var("COLOPHON_REQUIRE").as_deref() != Ok("all"), "COLOPHON_REQUIRE=all, and {what} is missing");
    false
}

/// A file or folder that an environment variable names. Without it the test is skipped: see [`needs`].
pub fn named(variable: &str) -> Option<PathBuf> {
    let path = std::env::var_os(variable).map(PathBuf::from).filter(|path| path.exists());
    needs(variable, path.is_some()).then_some(path).flatten()
}

/// The folder of third-party data.
pub fn test_data() -> Option<PathBuf> {
    named("COLOPHON_TEST_DATA")
}

/// A program on the search path, or one of the folders in which administrators' programs stand.
pub fn tool(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let found = folders.map(|folder| folder.join(name)).find(|path| path.is_file());
    needs(name, found.is_some()).then_some(found).flatten()
}

/// The root of the repository.
pub fn root() -> PathBuf {
    let member = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    member.parent().map_or(member.clone(), PathBuf::from)
}
