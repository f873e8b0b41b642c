//! The `colophon` program as a library, so that tests and the binary run the same code.
//!
//! Everything that talks to people, the network or the user's own files is here; what is true is decided in
//! [`ledger`]. Start reading at [`run`]; each command is a file of `cmd`, and its `Args` are its help.

mod api;
mod artifact;
mod asking;
mod client;
mod cmd;
mod config;
mod consistency;
mod datasets;
mod demo;
mod draft;
mod failure;
mod files;
mod follow;
mod followed;
mod form;
mod genesis;
mod keys;
mod log_files;
mod logdir;
mod lookup;
mod memory;
mod output;
mod passwords;
mod pins;
mod progress;
mod question;
mod refusal;
mod rollups;
mod saying;
mod scope;
mod screen;
mod serving;
mod session;
mod source;
mod trust;
mod world;

use std::ffi::OsString;
use std::process::ExitCode;

pub use self::world::{Captured, World, WorldClock};

/// Runs the program with the arguments and streams of this process.
pub fn main() -> ExitCode {
    ExitCode::from(run(std::env::args_os(), World::of_process()))
}

/// Runs the program; the first argument is its name. Returns the exit code.
pub fn run(args: impl IntoIterator<Item = OsString>, world: World) -> u8 {
    cmd::run(args.into_iter().collect(), world)
}
