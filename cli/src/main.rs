//! The `colophon` program.

fn main() {}
