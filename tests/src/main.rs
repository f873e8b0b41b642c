//! The `colophon` program, built here so that every test of this member knows where it is.

fn main() -> std::process::ExitCode {
    cli::main()
}
