//! Every block of `docs/TUTORIAL.md` is run, top to bottom, in one folder, and its output held against the page. So are
//! those of `docs/OPERATING.md`, beside a server, and the README's first two commands, with the program that is built already
//! in the place of `cargo run`.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Stdio};

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

/// The command in the folder, as a shell has it.
fn shell(dir: &Path, command: &str) -> Command {
    let path = format!("{}:{}", dir.join("bin").display(), std::env::var("PATH").unwrap_or_default());
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("exec 2>&1\n{command}")]).current_dir(dir).env_clear();
    shell.env("PATH", path).env("HOME", dir).env("LC_ALL", "C.UTF-8");
    shell
}

/// Runs a step and holds it against the page; what it printed.
fn run(dir: &Path, step: &Step) -> String {
    let out = shell(dir, &step.command).output().unwrap();
    let output = String::from_utf8(out.stdout).unwrap();
    assert_eq!(out.status.code(), Some(step.exit), "$ {}\n{output}", step.command);
    assert_eq!(missing(&output, &step.lines), None, "$ {}\n{output}", step.command);
    output
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
    first.iter().for_each(|step| drop(run(dir.path(), step)));
}

#[test]
fn every_block_of_the_tutorial_does_what_the_page_says() {
    let dir = folder();
    symlink(Path::new(REPOSITORY).join("examples").canonicalize().unwrap(), dir.path().join("examples")).unwrap();
    let page = std::fs::read_to_string(Path::new(REPOSITORY).join("docs/TUTORIAL.md")).unwrap();
    let steps = steps(&page);
    assert!(steps.len() >= 12, "{} commands", steps.len());
    steps.iter().for_each(|step| drop(run(dir.path(), step)));
}

/// A server that a page has started.
struct Server(Child);

impl Server {
    /// Starts it, and holds its first line against the page.
    fn start(dir: &Path, step: &Step) -> Self {
        let mut server = Self(shell(dir, &format!("exec {}", step.command)).stdout(Stdio::piped()).spawn().unwrap());
        let mut line = String::new();
        BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(missing(&line, &step.lines), None, "$ {}\n{line}", step.command);
        server
    }

    fn stop(mut self) {
        let asked = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status().unwrap();
        assert!(asked.success() && self.0.wait().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The page's address is a port that the system chooses, its entry 4711 the third one of this log.
#[test]
fn every_block_of_operating_does_what_the_page_says() {
    let dir = folder();
    symlink(Path::new(REPOSITORY).join("examples").canonicalize().unwrap(), dir.path().join("examples")).unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let url = format!("http://{address}");
    let page = std::fs::read_to_string(Path::new(REPOSITORY).join("docs/OPERATING.md")).unwrap();
    let page = page.replace("127.0.0.1:8480", &address).replace("https://log.example.org", &url);
    let page = page.replace("show 4711", "show 2").replace("key new lab", "key new lab --no-password");
    let (mut server, mut id) = (None, String::new());
    let mut steps = steps(&page);
    assert!(steps.len() >= 14, "{} commands", steps.len());
    let shown = steps.iter().position(|step| step.command.starts_with("colophon record show 2 ")).unwrap();
    let import = "colophon card import examples/heron-base-350m --issuer lab.example --out statements";
    let sign = "colophon record sign statements/0001-model-card.statement.json --key lab --out card.json";
    let submit = format!("colophon record submit card.json --log {url}");
    let command = format!("{import} && {sign} && {submit}");
    steps.insert(shown, Step { command, lines: vec!["entry   2".to_owned()], exit: 0 });
    for mut step in steps {
        step.command = step.command.replace("<id>", &id);
        step.lines.iter_mut().for_each(|line| *line = line.replace("<id>", "..."));
        if step.command.starts_with("colophon log serve ") {
            server = Some(Server::start(dir.path(), &step));
            continue;
        }
        if step.command.starts_with("colophon log fsck ") {
            server.take().unwrap().stop();
        }
        let output = run(dir.path(), &step);
        if let Some(said) = output.lines().find_map(|line| line.strip_prefix("record   ")) {
            id = said.trim().to_owned();
        }
    }
    assert!(server.is_none() && id.len() == 64, "{id}");
}

#[test]
fn three_dots_are_anything_and_nothing_else_is() {
    assert!(is_like("a 12 b", "a ... b") && is_like("ab", "a...b") && is_like("x", "...") && is_like("a", "a"));
    assert!(!is_like("a 12 c", "a ... b") && !is_like("ab", "a") && !is_like("b a", "a..."));
}
