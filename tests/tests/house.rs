//! The rules of the house (docs/DESIGN.md, "The house"), held against the source text: who may name whom, who may touch a disk, a clock or
//! a terminal, what no file may be called, and what the lock file may hold.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::{needs, root, run};

/// A file of the workspace's Rust source.
struct Source {
    /// Its path from the root, such as `ledger/src/merkle/hash.rs`.
    path: String,
    text: String,
    /// The code alone: no comments, no insides of strings, and no item behind `#[cfg(test)]`.
    code: String,
}

impl Source {
    /// Whether a path, such as `std::fs`, is named in the code, also as `std::{fs, io}`.
    fn names(&self, path: &str) -> bool {
        let (head, last) = path.rsplit_once("::").unwrap_or(("", path));
        let whole = |text: &str, word: &str| {
            text.match_indices(word).any(|(at, _)| {
                let is_part = |c: char| c.is_alphanumeric() || c == '_';
                !text[..at].ends_with(is_part) && !text[at + word.len()..].starts_with(is_part)
            })
        };
        let grouped = || {
            let opening = format!("{head}::{{");
            self.code.match_indices(&opening).any(|(at, _)| {
                let inside = &self.code[at + opening.len()..];
                whole(&inside[..end_of_group(inside)], last)
            })
        };
        whole(&self.code, path) || (!head.is_empty() && grouped())
    }
}

/// The length of what stands before the brace that closes a group.
fn end_of_group(text: &str) -> usize {
    let mut depth = 1;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// Source without comments, without what stands in strings, and without what only tests see.
fn code_of(text: &str) -> String {
    let code = without_words(text);
    let mut kept = String::with_capacity(code.len());
    let mut rest = code.as_str();
    while let Some((before, item)) = rest.split_once("#[cfg(test)]") {
        kept.push_str(before);
        // An item ends with a semicolon or with the brace that closes its block.
        rest = match item.find([';', '{']) {
            Some(at) if item[at..].starts_with('{') => &item[at + 1 + end_of_group(&item[at + 1..])..],
            Some(at) => &item[at + 1..],
            None => "",
        };
    }
    kept.push_str(rest);
    kept
}

fn without_words(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    for line in text.lines() {
        let (mut quoted, mut last) = (false, ' ');
        let mut chars = line.chars().peekable();
        while let Some(c) = chars.next() {
            if quoted && c == '\\' {
                chars.next();
            } else if c == '"' && last != '\'' {
                quoted = !quoted;
            } else if !quoted && c == '/' && chars.peek() == Some(&'/') {
                break;
            } else if !quoted {
                code.push(c);
            }
            last = c;
        }
        code.push('\n');
    }
    code
}

#[test]
fn what_only_tests_see_is_left_out_and_nothing_else() {
    let source =
        "#[cfg(test)]\nmod tests;\nuse sled::Db; // std::fs\n#[cfg(test)]\nfn of() { if a { std::env } }\nuse std::io;";
    let code = code_of(source);
    assert!(code.contains("sled::Db") && code.contains("std::io"), "{code}");
    assert!(!code.contains("std::env") && !code.contains("std::fs") && !code.contains("mod tests"), "{code}");
}

fn sources(folder: &str) -> Vec<Source> {
    let mut paths = Vec::new();
    walk(&root().join(folder), &mut paths);
    paths.sort();
    let of = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let path = path.strip_prefix(root()).unwrap().display().to_string();
        Source { code: code_of(&text), path, text }
    };
    let found: Vec<Source> = paths.into_iter().map(of).collect();
    assert!(!found.is_empty(), "{folder} has no source");
    found
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            // What a companion with a build folder of its own has generated is nobody's source.
            if !path.ends_with("target") {
                walk(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn is_test(path: &str) -> bool {
    path.split('/').any(|part| part == "tests" || part == "tests.rs" || part == "testing" || part == "testing.rs")
}

/// The parts of the ledger that touch the world: the engine, the log, and those files of `manifest` that build or read one.
fn is_pure(path: &str) -> bool {
    const WORLDLY: &[&str] = &["engine", "log", "testing"];
    const WORLDLY_MANIFEST: &[&str] = &["build", "builder", "disk", "file", "reader", "runs"];
    let Some(inside) = path.strip_prefix("ledger/src/") else { return false };
    let mut parts = inside.split('/').map(|part| part.trim_end_matches(".rs"));
    let first = parts.next().unwrap_or_default();
    !(WORLDLY.contains(&first)
        || first == "manifest" && parts.next().is_some_and(|second| WORLDLY_MANIFEST.contains(&second)))
}

#[track_caller]
fn none(broken: Vec<String>, rule: &str) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

fn naming<'a>(sources: impl IntoIterator<Item = &'a Source>, forbidden: &[&str]) -> Vec<String> {
    let mut broken = Vec::new();
    for source in sources {
        for name in forbidden.iter().filter(|name| source.names(name)) {
            broken.push(format!("{}: {name}", source.path));
        }
    }
    broken
}

#[test]
fn the_pure_core_knows_no_disk_clock_socket_terminal_or_randomness() {
    const WORLD: &[&str] = &[
        "crate::engine",
        "crate::log",
        "tokio",
        "warp",
        "sled",
        "std::fs",
        "std::net",
        "std::process",
        "std::thread",
        "std::env",
        "std::time::SystemTime",
        "std::time::Instant",
        "SystemTime",
        "Instant",
        "jiff::Timestamp::now",
        "Timestamp::now",
        "Zoned::now",
        "getrandom",
        "print",
        "println",
        "eprint",
        "eprintln",
        "std::io::stdout",
        "std::io::stderr",
        "std::io::stdin",
        "std::path",
    ];
    let pure: Vec<Source> =
        sources("ledger/src").into_iter().filter(|source| is_pure(&source.path) && !is_test(&source.path)).collect();
    assert!(pure.len() > 80, "only {} pure files", pure.len());
    none(naming(&pure, WORLD), "a pure module touches the world");
}

#[test]
fn only_the_index_knows_sled() {
    let all = ["ledger/src", "server/src", "cli/src"].map(sources);
    let others = all.iter().flatten().filter(|source| !source.path.starts_with("ledger/src/log/index"));
    let others = others.filter(|source| !is_test(&source.path));
    none(naming(others, &["sled"]), "sled is named outside of the index");
}

#[test]
fn nothing_reaches_around_the_log_into_the_engine() {
    let all = ["server/src", "cli/src"].map(sources);
    let outside = all.iter().flatten().filter(|source| !is_test(&source.path));
    none(naming(outside, &["ledger::engine"]), "the engine is named outside of the ledger");
    let inside = sources("ledger/src");
    let worldly = ["ledger/src/engine", "ledger/src/log", "ledger/src/testing"];
    let inside = inside.iter().filter(|s| !worldly.iter().any(|w| s.path.starts_with(w)) && !is_test(&s.path));
    none(naming(inside, &["crate::engine", "crate::log"]), "the ledger reaches back into its engine or log");
    let engine = sources("ledger/src/engine");
    let engine = engine.iter().filter(|source| !is_test(&source.path));
    none(naming(engine, &["crate::log", "crate::record", "crate::state"]), "the engine knows what it stores");
}

#[test]
fn the_program_knows_the_server_only_where_it_serves() {
    let allowed = |path: &str| {
        path == "cli/src/serving.rs"
            || path.starts_with("cli/src/demo/")
            || path.starts_with("cli/src/cmd/log/serve")
            || path.starts_with("cli/src/cmd/demo")
    };
    let broken: Vec<String> = sources("cli/src")
        .iter()
        .filter(|source| !allowed(&source.path))
        .filter(|source| source.code.contains("server::") || source.code.contains("use server"))
        .filter(|source| !source.code.contains("crate::server"))
        .map(|source| source.path.clone())
        .collect();
    none(broken, "the server is named outside of `serve` and `demo`");
}

#[test]
fn no_file_is_a_place_for_what_found_no_place() {
    const NAMES: &[&str] = &["util", "utils", "common", "helper", "helpers", "misc", "types", "shared", "lib2"];
    let all = ["ledger/src", "server/src", "cli/src", "tests/src", "tests/tests"].map(sources);
    let named = |source: &&Source| source.path.split('/').any(|part| NAMES.contains(&part.trim_end_matches(".rs")));
    let broken = all.iter().flatten().filter(named).map(|source| source.path.clone()).collect();
    none(broken, "a module has a name that says nothing");
}

#[test]
fn every_file_says_what_it_is() {
    let all =
        ["ledger/src", "ledger/tests", "server/src", "cli/src", "tests/src", "tests/tests", "benches"].map(sources);
    let silent = |source: &&Source| !source.text.starts_with("//! ");
    // The parts of a test module are told by their parent.
    let broken = all.iter().flatten().filter(|s| !s.path.ends_with("/tests/mod.rs") || !s.path.contains("/src/"));
    none(broken.filter(silent).map(|source| source.path.clone()).collect(), "a file has no module doc");
}

#[test]
fn no_unsafe_code_and_no_debug_of_what_people_see() {
    let all = ["ledger/src", "server/src", "cli/src"].map(sources);
    let core = all.iter().flatten().filter(|source| !is_test(&source.path));
    none(naming(core, &["unsafe", "dbg", "todo", "unimplemented"]), "unfinished or unsafe code");
}

/// Package names of the lock file.
fn locked() -> Vec<String> {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let names = lock.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
    names.map(str::to_owned).collect()
}

#[test]
fn the_lock_file_stays_small_and_holds_nothing_unmaintained() {
    /// Unmaintained, unsound, bound to a C library, or a second way of doing what the house does one way.
    const BANNED: &[&str] = &[
        "serde_yaml",
        "serde_yml",
        "openssl",
        "openssl-sys",
        "native-tls",
        "reqwest",
        "chrono",
        "time",
        "atty",
        "ansi_term",
        "structopt",
        "failure",
        "error-chain",
        "rust-crypto",
        "ring-compat",
        "sodiumoxide",
        "actix-web",
        "rocket",
        "libsqlite3-sys",
        "librocksdb-sys",
        "git2",
        "async-std",
        "diesel",
        "users",
        "term",
        "humantime",
        "paste",
        "backoff",
        "proc-macro-error",
    ];
    let names = locked();
    assert!(names.len() < 380, "{} packages", names.len());
    let names: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    none(BANNED.iter().filter(|banned| names.contains(**banned)).map(ToString::to_string).collect(), "banned packages");
}

#[test]
fn no_manifest_turns_strict_verification_off() {
    for file in ["Cargo.toml", "ledger/Cargo.toml", "server/Cargo.toml", "cli/Cargo.toml", "tests/Cargo.toml"] {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        for feature in ["legacy_compatibility", "hazmat"] {
            assert!(!text.contains(feature), "{file} turns {feature} on");
        }
    }
    // Nor does a dependency turn it on for us: features add up over the whole build.
    let mut tree = Command::new(env!("CARGO"));
    tree.args(["tree", "--offline", "--edges", "features", "--invert", "ed25519-dalek"]).current_dir(root());
    let tree = run(&mut tree);
    if !needs("`cargo tree` without a network", tree.exit == 0) {
        return;
    }
    assert!(tree.stdout.starts_with("ed25519-dalek "), "{}", tree.stdout);
    for feature in ["legacy_compatibility", "hazmat"] {
        let on = tree.stdout.contains(&format!("ed25519-dalek feature \"{feature}\""));
        assert!(!on, "ed25519-dalek is built with {feature}");
    }
}

#[test]
fn no_tracked_file_names_a_machine() {
    let listed = run(Command::new("git").args(["ls-files", "-z"]).current_dir(root()));
    if !needs("a git checkout", listed.exit == 0) {
        return;
    }
    // Written apart, or this file would be the first to be found.
    let marks = [["/ro", "ot/"], ["/wo", "rk/"], ["/Us", "ers/"]].map(|mark| mark.concat());
    let mut broken = Vec::new();
    for path in listed.stdout.split('\0').filter(|path| !path.is_empty()) {
        let Ok(text) = std::fs::read_to_string(root().join(path)) else { continue };
        for (number, line) in text.lines().enumerate() {
            if marks.iter().any(|mark| names_a_folder(line, mark)) {
                broken.push(format!("{path}:{}", number + 1));
            }
        }
    }
    none(broken, "a file names a folder of somebody's machine");
}

/// Whether an absolute path begins at a mark: not a part of an address or of a longer path.
fn names_a_folder(line: &str, mark: &str) -> bool {
    line.match_indices(mark).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|c| {
            !(c.is_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | '}' | ')' | '$' | '*' | '<' | '>'))
        })
    })
}

#[test]
fn every_dependency_is_named_by_who_depends_on_it() {
    for member in ["ledger", "server", "cli", "tests"] {
        let manifest = std::fs::read_to_string(root().join(member).join("Cargo.toml")).unwrap();
        let mut section = "";
        let mut text: String = sources(member).into_iter().map(|source| source.text).collect();
        if member == "tests" {
            text.extend(sources("benches").into_iter().map(|source| source.text));
        }
        for line in manifest.lines().map(str::trim) {
            if line.starts_with('[') {
                section = line;
            } else if section.ends_with("dependencies]") && !line.is_empty() && !line.starts_with('#') {
                let name = line.split(['.', ' ', '=']).next().unwrap_or_default().replace('-', "_");
                let named = [format!("{name}::"), format!("use {name}"), format!("{name}!")];
                assert!(named.iter().any(|way| text.contains(way)), "{member} does not name {name}");
            }
        }
    }
}
