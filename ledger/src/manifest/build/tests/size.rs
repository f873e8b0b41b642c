//! What memory, threads and an end at any moment leave in the output: nothing.

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;

use super::fixtures::sha256;
use super::*;
use crate::manifest::build::reading::ROWS;
use crate::manifest::build::work::line;

/// Builds with so many threads that hold so many rows each.
fn with_rows<T>(rows: usize, work: impl FnOnce() -> T) -> T {
    ROWS.set(Some(rows));
    let result = catch_unwind(AssertUnwindSafe(work));
    ROWS.set(None);
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn options(threads: usize) -> BuildOptions {
    let mut options = wiki_options(Some("enwiki"));
    options.read.fields.license = Some("license".into());
    options.threads = NonZeroUsize::new(threads).unwrap();
    options
}

/// Rows of which some share their text, their address or their license.
fn rows(picks: &[u8]) -> String {
    let row = |(place, pick): (usize, &u8)| {
        let text = format!("Paragraph number {} is long enough to be a paragraph.\\nshort {}", pick % 40, pick % 7);
        let license = ["CC0-1.0", "MIT", "Apache-2.0"][usize::from(pick % 3)];
        let url = format!("https://example.org/{}", pick % 90);
        format!("{{\"id\":{place},\"text\":\"{text}\",\"license\":\"{license}\",\"url\":\"{url}\"}}\n")
    };
    picks.iter().enumerate().map(row).collect()
}

fn bytes_of(source: &Path, options: &BuildOptions) -> BTreeMap<String, Vec<u8>> {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    build(source, &out, options, &|_| {}).unwrap();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "the work folder is left behind");
    named_bytes(&out)
}

fn named_bytes(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inner) = folders.pop() {
        for path in fs::read_dir(inner).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                all.insert(path.strip_prefix(folder).unwrap().display().to_string(), fs::read(path).unwrap());
            }
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn memory_and_threads_give_the_same_bytes(
        picks in prop::collection::vec(any::<u8>(), 1..200),
        threads in 1usize..5,
        held in 1usize..300,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("rows.jsonl");
        fs::write(&source, rows(&picks)).unwrap();
        let expected = bytes_of(&source, &options(1));
        prop_assert_eq!(with_rows(held, || bytes_of(&source, &options(threads))), expected);
    }
}

#[test]
fn many_keys_in_many_runs_are_those_that_fit_the_memory() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("list");
    // Every seventh digest comes twice.
    let list = (0..60_000u32).map(|i| sha256(&(if i % 7 == 0 { i / 2 } else { i }).to_be_bytes()) + "\n");
    fs::write(&source, list.collect::<String>()).unwrap();
    let expected = bytes_of(&source, &options(1));
    for (threads, held) in [(1, 9_000), (3, 2_500)] {
        assert_eq!(with_rows(held, || bytes_of(&source, &options(threads))), expected, "{threads} {held}");
    }
}

/// Builds and ends, as if it was killed, when it is told of progress for the `at`-th time; false if it came to its end.
fn ended_at(at: usize, source: &Path, out: &Path, options: &BuildOptions) -> bool {
    let told = AtomicUsize::new(0);
    ended(&|_| told.fetch_add(1, Ordering::Relaxed) == at, source, out, options)
}

/// The same at the first progress that `is_last`.
fn ended(is_last: &(dyn Fn(Progress) -> bool + Sync), source: &Path, out: &Path, options: &BuildOptions) -> bool {
    let progress = |step| assert!(!is_last(step), "killed");
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let result = catch_unwind(AssertUnwindSafe(|| build(source, out, options, &progress)));
    std::panic::set_hook(hook);
    result.map(|built| built.unwrap()).is_err()
}

#[test]
fn a_build_that_was_ended_anywhere_goes_on_and_comes_to_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("rows.jsonl");
    // A batch has 256 KiB: some eight of them.
    let picks: Vec<u8> = (0..10_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    fs::write(&source, rows(&picks)).unwrap();
    let mut options = options(1);
    options.read.kinds = "raw-sha256,mw-page".parse().unwrap();
    let expected = bytes_of(&source, &options);
    for (round, at) in [1, 3, 6, 8].into_iter().enumerate() {
        let out = dir.path().join(format!("out-{round}"));
        let partial = dir.path().join(format!("out-{round}.partial"));
        with_rows(9_000, || {
            assert!(ended_at(at, &source, &out, &options), "it was over before {at}");
            assert!(!out.exists() && partial.join("journal").exists());
            // And once more, a little later.
            if ended_at(at, &source, &out, &options) {
                build(&source, &out, &options, &|_| {}).unwrap();
            }
        });
        assert_eq!(named_bytes(&out), expected, "{at}");
        assert!(!partial.exists());
    }
}

#[test]
fn another_source_or_other_options_do_not_go_on_where_a_build_ended() {
    let dir = tempfile::tempdir().unwrap();
    let (source, out) = (dir.path().join("rows.jsonl"), dir.path().join("out"));
    let picks: Vec<u8> = (0..9_000u32).map(|i| i as u8).collect();
    let text = rows(&picks);
    fs::write(&source, &text).unwrap();
    let mut options = options(1);
    options.read.kinds = "raw-sha256".parse().unwrap();
    with_rows(2_000, || {
        assert!(ended_at(4, &source, &out, &options));
        let refused = |options: &BuildOptions| build(&source, &out, options, &|_| {}).unwrap_err();
        let mut other = options.clone();
        other.read.license = "MIT".into();
        assert_eq!(refused(&other).code(), Code::WorkDiffers);
        // The same length, and another letter in what was read.
        fs::write(&source, text.replacen("Paragraph", "paragraph", 1)).unwrap();
        assert_eq!(refused(&options).code(), Code::WorkDiffers);
        fs::write(&source, format!("{text} ")).unwrap();
        assert_eq!(refused(&options).code(), Code::WorkDiffers);
        fs::write(&source, &text).unwrap();
        let expected = bytes_of(&source, &options);
        build(&source, &out, &options, &|_| {}).unwrap();
        assert_eq!(named_bytes(&out), expected);
    });
}

#[test]
fn a_damaged_run_is_found_and_two_builds_do_not_share_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    let (source, out) = (dir.path().join("rows.jsonl"), dir.path().join("out"));
    let picks: Vec<u8> = (0..9_000u32).map(|i| i as u8).collect();
    fs::write(&source, rows(&picks)).unwrap();
    let mut options = options(1);
    options.read.kinds = "raw-sha256".parse().unwrap();
    with_rows(2_000, || {
        assert!(ended_at(4, &source, &out, &options));
        let journal = fs::File::open(dir.path().join("out.partial/journal")).unwrap();
        journal.lock().unwrap();
        assert_eq!(build(&source, &out, &options, &|_| {}).unwrap_err().code(), Code::WorkLocked);
        drop(journal);
        let run = dir.path().join("out.partial/run-0");
        let mut bytes = fs::read(&run).unwrap();
        bytes[100] ^= 1;
        fs::write(&run, bytes).unwrap();
        let error = build(&source, &out, &options, &|_| {}).unwrap_err();
        assert_eq!(error.code(), Code::FileAccess);
        assert!(error.place().unwrap().ends_with("run-0"), "{error}");
        assert!(!out.exists());
    });
}

#[test]
fn what_was_half_written_when_a_build_was_killed_is_written_again() {
    let dir = tempfile::tempdir().unwrap();
    let (source, out) = (dir.path().join("rows.jsonl"), dir.path().join("out"));
    let picks: Vec<u8> = (0..9_000u32).map(|i| i as u8).collect();
    fs::write(&source, rows(&picks)).unwrap();
    let mut options = options(1);
    options.read.kinds = "mw-page".parse().unwrap();
    let expected = bytes_of(&source, &options);
    with_rows(2_000, || {
        assert!(ended(&|step| step.stage == Stage::Merging, &source, &out, &options));
        // Killed between the header and the line of the journal that says so.
        let making = out.with_file_name("out.partial").join("out/0.partial");
        assert!(making.join("keys.bin").is_file());
        fs::write(making.join("header.json"), "{").unwrap();
        fs::create_dir(making.join("tree")).unwrap();
        // And once more after everything, while something is added.
        let added = |folder: &Path| {
            fs::write(folder.join("added"), "half").unwrap();
            Err(Error::new(Code::DiskFull, "no room"))
        };
        assert_eq!(build_then(&source, &out, &options, &|_| {}, &mut { added }).unwrap_err().code(), Code::DiskFull);
        assert!(!out.exists());
        build(&source, &out, &options, &|_| {}).unwrap();
    });
    let mut built = named_bytes(&out);
    assert_eq!(built.remove("added"), Some(b"half".to_vec()));
    assert_eq!(built, expected);
}

#[test]
fn what_was_not_synced_is_not_believed_after_the_machine_was_started_again() {
    let dir = tempfile::tempdir().unwrap();
    let (source, out) = (dir.path().join("rows.jsonl"), dir.path().join("out"));
    let picks: Vec<u8> = (0..9_000u32).map(|i| i as u8).collect();
    fs::write(&source, rows(&picks)).unwrap();
    let mut options = options(1);
    options.read.kinds = "raw-sha256".parse().unwrap();
    let expected = bytes_of(&source, &options);
    with_rows(2_000, || {
        assert!(ended_at(4, &source, &out, &options));
        let journal = dir.path().join("out.partial/journal");
        let written = fs::read_to_string(&journal).unwrap();
        let (plan, rest) = written.split_once('\n').unwrap();
        assert!(!rest.is_empty());
        let mut plan: serde_json::Value = serde_json::from_str(&plan[9..]).unwrap();
        plan["boot"] = "an earlier one".into();
        fs::write(&journal, line(&plan.to_string()) + rest).unwrap();
        // A power cut leaves files of the right length with zeros in them.
        let run = dir.path().join("out.partial/run-0");
        fs::write(&run, vec![0; fs::metadata(&run).unwrap().len() as usize]).unwrap();
        build(&source, &out, &options, &|step| assert_ne!(step.stage, Stage::Resuming)).unwrap();
    });
    assert_eq!(named_bytes(&out), expected);
}
