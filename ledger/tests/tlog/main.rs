//! The tree and the notes held against public vectors and a real log of another implementation.
//!
//! They stand outside `src` because they read files, which the pure modules never do.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod data;
mod merkle_proofs;
mod signed_notes;
mod tessera;
