//! The library behind Colophon: a public, append-only, signed ledger of statements about AI models.
//!
//! Data walks one way, `record -> entry -> log -> engine`, and back out `engine -> bundle -> verify`.
//! The pure core knows no disk, clock, socket or terminal: time and randomness are arguments.
//! Start reading at [`record`], then [`entry`], then [`verify`].

#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod bundle;
pub mod engine;
pub mod entry;
pub mod error;
pub mod ids;
pub mod log;
pub mod manifest;
pub mod merkle;
pub mod note;
pub mod record;
pub mod state;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod trie;
pub mod verify;

pub use error::{Code, Error, Result};
