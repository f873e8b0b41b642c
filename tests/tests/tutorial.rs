//! Every block of `docs/TUTORIAL.md` is run, top to bottom, in one folder, and its output held against the page. So are
//! the README's first two commands, with the program that is built already in the place of `cargo run`.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// A command, the lines that it should print, and what it should exit with.
struct Step {
    command: String,
    lines: Vec<String>,
    exit: i32,
}

fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if inside {
            if let Some(command) = line.strip_prefix("$ ") {
                steps.push(Step { command: command.to_owned(), lines: Vec::new(), exit: 0 });
            } else if let Some(exit) = line.strip_prefix("[exit ").and_then(|rest| rest.strip_suffix(']')) {
                steps.last_mut().unwrap().exit = exit.parse().unwrap();
            } else {
                steps.last_mut().unwrap().lines.push(line.to_owned());
            }
        }
    }
    steps
}

/// Whether the line is as the page has it, where `...` is anything.
fn is_like(line: &str, page: &str) -> bool {
    let (Some(head), parts) = ({
        let mut parts = page.split("...");
        (parts.next(), parts.collect::<Vec<_>>())
    }) else {
        return false;
    };
    let Some(mut rest) = line.strip_prefix(head) else { return false };
    let Some((tail, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(tail)
}

/// Each line of the page stands in the output, in order.
fn missing<'a>(output: &str, page: &'a [String]) -> Option<&'a String> {
    let mut lines = output.lines();
    page.iter().filter(|line| *line != "...").find(|expected| !lines.any(|line| is_like(line, expected)))
}

fn run(dir: &Path, step: &Step) {
    let path = format!("{}:{}", dir.join("bin").display(), std::env::var("PATH").unwrap_or_default());
    let out = Command::new("sh")
        .args(["-c", &format!("{} 2>&1", step.command)])
        .current_dir(dir)
        .env_clear()
        .env("PATH", path)
        .env("HOME", dir)
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap();
    let output = String::from_utf8(out.stdout).unwrap();
    assert_eq!(out.status.code(), Some(step.exit), "$ {}\n{output}", step.command);
    assert_eq!(missing(&output, &step.lines), None, "$ {}\n{output}", step.command);
}

/// A folder with the program in `bin`.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("bin")).unwrap();
    symlink(env!("CARGO_BIN_EXE_colophon-under-test"), dir.path().join("bin/colophon")).unwrap();
    dir
}

#[test]
fn u1_the_readme_shows_what_its_first_commands_print() {
    const CARGO: &str = "cargo run --release --bin colophon --";
    let page = std::fs::read_to_string(Path::new(REPOSITORY).join("README.md")).unwrap();
    let first = steps(&page).into_iter().filter(|step| step.command.starts_with(CARGO));
    let first: Vec<_> =
        first.map(|step| Step { command: step.command.replacen(CARGO, "colophon", 1), ..step }).collect();
    assert_eq!(first.len(), 2);
    assert!(first.iter().all(|step| step.lines.len() > 10), "the page shows real output");
    let dir = folder();
    first.iter().for_each(|step| run(dir.path(), step));
}

#[test]
fn every_block_of_the_tutorial_does_what_the_page_says() {
    let dir = folder();
    symlink(Path::new(REPOSITORY).join("examples").canonicalize().unwrap(), dir.path().join("examples")).unwrap();
    let page = std::fs::read_to_string(Path::new(REPOSITORY).join("docs/TUTORIAL.md")).unwrap();
    let steps = steps(&page);
    assert!(steps.len() >= 12, "{} commands", steps.len());
    steps.iter().for_each(|step| run(dir.path(), step));
}

#[test]
fn three_dots_are_anything_and_nothing_else_is() {
    assert!(is_like("a 12 b", "a ... b") && is_like("ab", "a...b") && is_like("x", "...") && is_like("a", "a"));
    assert!(!is_like("a 12 c", "a ... b") && !is_like("ab", "a") && !is_like("b a", "a..."));
}
