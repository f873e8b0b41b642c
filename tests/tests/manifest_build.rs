//! The builder of manifests as a program: killed again and again, and on a disk that fills.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::faults::device::SmallDisk;
use harness::{Program, needs, run, tool};
use sha2::{Digest, Sha256};

/// Digests of 32 bytes each, of which one in ten came before.
fn digests(path: &Path, count: u32) {
    let mut bytes = Vec::new();
    for i in 0..count {
        bytes.extend_from_slice(&Sha256::digest((if i % 10 == 9 { i / 2 } else { i }).to_be_bytes()));
    }
    fs::write(path, bytes).unwrap();
}

fn program(home: &Path) -> Program {
    Program::new(env!("CARGO_BIN_EXE_colophon-under-test"), home)
}

/// The words of a build with so little memory that these sources do not fit.
fn words<'a>(source: &'a str, out: &'a str) -> Vec<&'a str> {
    let rest = ["--reader", "digests-binary", "--memory", "128M", "--threads", "1"];
    [vec!["manifest", "build", source, "--out", out], rest.to_vec()].concat()
}

/// Every file below a folder, with its digest.
fn listing(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inner) = folders.pop() {
        for path in fs::read_dir(inner).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                let digest = Sha256::digest(fs::read(&path).unwrap()).to_vec();
                all.push((path.strip_prefix(folder).unwrap().to_owned(), digest));
            }
        }
    }
    all.sort();
    all
}

/// The kernel kills a process for good when it has used up the time that it was given; each run gets a second more.
#[test]
fn a_build_that_is_killed_again_and_again_comes_to_the_bytes_of_one_that_was_not() {
    if tool("bash").is_none() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let program = program(dir.path());
    let source = dir.path().join("digests");
    digests(&source, 1_700_000);
    let at = |name: &str| dir.path().join(name).display().to_string();
    let source = source.display().to_string();
    let whole = at("whole");
    program.run(&words(&source, &whole)).passed("the build without a kill");

    let out = at("out");
    let build = program.command(&words(&source, &out));
    let (mut killed, mut went_on) = (0, 0);
    let last = (1..200).find(|seconds| {
        let mut limited = Command::new("bash");
        limited.args(["-c", &format!("ulimit -c 0; ulimit -t {seconds}; exec \"$@\""), "bash"]);
        limited.arg(build.get_program()).args(build.get_args());
        build.get_envs().for_each(|(name, value)| match value {
            Some(value) => drop(limited.env(name, value)),
            None => drop(limited.env_remove(name)),
        });
        let outcome = run(&mut limited);
        if outcome.exit == 0 {
            return true;
        }
        assert_eq!(outcome.exit, -1, "it failed and was not killed: {}", outcome.stderr);
        assert!(!Path::new(&out).exists(), "a manifest that is not whole");
        killed += 1;
        let journal = fs::read_to_string(format!("{out}.partial/journal")).unwrap_or_default();
        went_on += usize::from(journal.lines().count() > 1);
        false
    });
    assert!(last.is_some(), "it never came to its end");
    assert!(killed > 0 && went_on > 0, "killed {killed} times, {went_on} times with something to go on from");
    assert_eq!(listing(Path::new(&out)), listing(Path::new(&whole)));
    assert!(!Path::new(&format!("{out}.partial")).exists());
}

#[test]
fn a_disk_that_fills_leaves_no_manifest_and_the_build_goes_on_when_there_is_room() {
    let root = fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0);
    if !needs("root", root) || tool("mount").is_none() || tool("umount").is_none() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let Ok(disk) = SmallDisk::new(220, dir.path()) else {
        needs("a tmpfs of its own", false);
        return;
    };
    let program = program(dir.path());
    let source = dir.path().join("digests");
    digests(&source, 1_300_000);
    let source = source.display().to_string();
    let whole = dir.path().join("whole");
    program.run(&words(&source, &whole.display().to_string())).passed("the build on another disk");

    // Room for the first run, and not for the second.
    fs::write(disk.path().join("ballast"), vec![1; 170 << 20]).unwrap();
    let out = disk.path().join("out");
    let shown = out.display().to_string();
    let outcome = program.run(&words(&source, &shown)).refused("a build on a full disk");
    assert!(outcome.stderr.contains("disk is full") && outcome.stderr.contains("out.partial"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("same command"), "the hint is missing: {}", outcome.stderr);
    assert!(!out.exists());
    let journal = fs::read_to_string(disk.path().join("out.partial/journal")).unwrap();
    assert!(journal.lines().count() > 1, "{journal}");

    fs::remove_file(disk.path().join("ballast")).unwrap();
    program.run(&words(&source, &shown)).passed("the same command with room");
    assert_eq!(listing(&out), listing(&whole));
    assert_eq!(fs::read_dir(disk.path()).unwrap().count(), 1);
}
