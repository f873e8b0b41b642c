//! Folders that are not what they should be: missing, shared, locked, restored from yesterday.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::Code;

/// A log on the real disk with some commits, its folder and, per commit, a copy of it.
struct History {
    dir: tempfile::TempDir,
    options: LocalOptions,
    planner: Planner,
}

impl History {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut options = LocalOptions::new(dir.path().join("log"), ORIGIN);
        options.guard_dir = Some(dir.path().join("guard"));
        options.ballast_bytes = 4096;
        let engine = LocalEngine::create(&options).unwrap();
        let mut history = Self { dir, options, planner: Planner::default() };
        for round in 0..4 {
            let plan = history.planner.plan(&[500 + round, 20]);
            engine.commit(&plan, sample::version(&engine)).unwrap();
            engine.publish(&plan.head.checkpoint).unwrap();
            history.keep(&format!("day{round}"));
        }
        history
    }

    fn keep(&self, name: &str) {
        copy_folder(&self.options.dir, &self.dir.path().join(name).join("log"));
        copy_folder(&self.dir.path().join("guard"), &self.dir.path().join(name).join("guard"));
    }

    /// Puts parts of a kept day in the place of today's.
    fn restore(&self, name: &str, parts: &[&str]) {
        for part in parts {
            let (from, to) = (self.dir.path().join(name).join(part), self.dir.path().join(part));
            if from.is_dir() {
                let _ = std::fs::remove_dir_all(&to);
                copy_folder(&from, &to);
            } else {
                std::fs::copy(from, to).unwrap();
            }
        }
    }

    fn refusal(&self) -> Code {
        let error = LocalEngine::open(&self.options).unwrap_err();
        // What is refused is left as it was: asking again gives the same answer.
        let again = LocalEngine::open(&self.options).unwrap_err();
        assert_eq!(error.to_string(), again.to_string());
        code(&error)
    }
}

#[test]
fn f12_data_older_than_the_guard_is_refused() {
    for (day, parts) in [
        ("day2", &["log"][..]),
        ("day0", &["log"]),
        ("day2", &["log/journal"]),
        ("day0", &["log/journal"]),
        ("day2", &["log/bodies"]),
        ("day0", &["log/bodies"]),
        ("day1", &["log/journal", "log/bodies"]),
    ] {
        let history = History::new();
        history.restore(day, parts);
        assert_eq!(history.refusal(), Code::StoreBehindGuard, "{day} {parts:?}");
    }
}

#[test]
fn f12_a_guard_older_than_the_data_is_refused() {
    for (day, parts) in [
        // What was published tells.
        ("day2", &["guard"][..]),
        ("day0", &["guard"]),
        // More than one batch beyond the guard tells.
        ("day1", &["guard", "log/published"]),
        ("day0", &["guard", "log/published"]),
    ] {
        let history = History::new();
        history.restore(day, parts);
        assert_eq!(history.refusal(), Code::GuardRolledBack, "{day} {parts:?}");
    }
}

#[test]
fn f12_a_guard_older_by_a_renewal_and_a_commit_is_refused() {
    let mut history = History::new();
    let engine = LocalEngine::open(&history.options).unwrap();
    engine.commit(&history.planner.plan(&[]), sample::version(&engine)).unwrap();
    engine.commit(&history.planner.plan(&[7]), sample::version(&engine)).unwrap();
    drop(engine);
    // One batch beyond the guard, but it extends the renewal that this guard never saw.
    history.restore("day3", &["guard"]);
    assert_eq!(history.refusal(), Code::GuardRolledBack);
}

#[test]
fn f12_an_index_that_is_newer_than_the_guard_tells() {
    let mut history = History::new();
    let engine = LocalEngine::open(&history.options).unwrap();
    let plan = history.planner.plan(&[7]);
    let next = engine.commit(&plan, sample::version(&engine)).unwrap().next;
    drop(engine);
    history.restore("day3", &["guard"]);
    history.options.check_from = next;
    assert_eq!(history.refusal(), Code::GuardRolledBack);
    // Nobody else can know: this is what a crash before the swap looks like.
    history.options.check_from = Position::START;
    let engine = LocalEngine::open(&history.options).unwrap();
    assert!(engine.opened().cut.is_some());
}

#[test]
fn f13_data_and_guard_of_one_day_open_and_only_a_witness_can_tell() {
    let history = History::new();
    history.restore("day1", &["log", "guard"]);
    let engine = LocalEngine::open(&history.options).unwrap();
    assert_eq!(engine.head().unwrap().unwrap().0.size.0, 4);
}

#[test]
fn f14_a_log_is_opened_once() {
    let history = History::new();
    let engine = LocalEngine::open(&history.options).unwrap();
    for _ in 0..5 {
        assert_eq!(history.refusal(), Code::StoreLocked);
    }
    drop(engine);
    LocalEngine::open(&history.options).unwrap();
}

#[test]
fn f14_two_copies_cannot_share_a_guard() {
    let history = History::new();
    copy_folder(&history.options.dir, &history.dir.path().join("copy"));
    let copy = LocalOptions { dir: history.dir.path().join("copy"), ..history.options.clone() };
    let engine = LocalEngine::open(&history.options).unwrap();
    assert_eq!(code(&LocalEngine::open(&copy).unwrap_err()), Code::StoreLocked);
    let mut planner = history.planner.clone();
    engine.commit(&planner.plan(&[1]), sample::version(&engine)).unwrap();
    drop(engine);
    // One after the other it does not help either: the copy is older than the guard now.
    assert_eq!(code(&LocalEngine::open(&copy).unwrap_err()), Code::StoreBehindGuard);
}

#[test]
fn f14_a_guard_that_somebody_else_moved_stops_the_writer() {
    let mut history = History::new();
    let engine = LocalEngine::open(&history.options).unwrap();
    // A second process that got past the lock, on a file system that does not keep locks.
    for name in ["lock", "../guard/lock"] {
        std::fs::remove_file(history.options.dir.join(name)).unwrap();
    }
    let other = LocalEngine::open(&history.options).unwrap();
    let plan = history.planner.plan(&[1]);
    other.commit(&plan, sample::version(&other)).unwrap();
    let journal = std::fs::read(history.options.dir.join("journal/00000000.log")).unwrap();
    assert!(matches!(engine.commit(&plan, sample::version(&engine)), Err(EngineError::Superseded)));
    assert!(matches!(engine.head(), Err(EngineError::Fatal { .. })));
    // Nothing of the other's was touched.
    assert_eq!(std::fs::read(history.options.dir.join("journal/00000000.log")).unwrap(), journal);
    assert_eq!(damages(&other), []);
}

#[test]
fn what_is_missing_is_named() {
    let history = History::new();
    let log = &history.options.dir;
    let nowhere = LocalOptions { dir: history.dir.path().join("nowhere"), ..history.options.clone() };
    assert_eq!(code(&LocalEngine::open(&nowhere).unwrap_err()), Code::StoreMissing);
    assert!(!nowhere.dir.exists());
    let other = LocalOptions { origin: "other.example/log".to_owned(), ..history.options.clone() };
    assert_eq!(code(&LocalEngine::open(&other).unwrap_err()), Code::OriginMismatch);

    for file in ["journal/00000000.log", "bodies/00000000.seg"] {
        std::fs::remove_file(log.join(file)).unwrap();
        assert_eq!(history.refusal(), Code::StoreBehindGuard, "{file}");
        history.restore("day3", &["log"]);
    }
    std::fs::remove_file(log.join("published")).unwrap();
    assert!(
        matches!(LocalEngine::open(&history.options), Err(EngineError::Corrupt { file, .. }) if file == "published")
    );
    history.restore("day3", &["log"]);
    std::fs::remove_file(history.dir.path().join("guard/head")).unwrap();
    assert_eq!(history.refusal(), Code::GuardMissing);
    std::fs::remove_dir_all(history.dir.path().join("guard")).unwrap();
    assert_eq!(history.refusal(), Code::GuardMissing);
}

#[test]
fn a_log_is_never_made_over_another() {
    let history = History::new();
    let refused = |options: &LocalOptions| code(&LocalEngine::create(options).unwrap_err());
    assert_eq!(refused(&history.options), Code::StoreExists);
    // Not even when its guard was moved away.
    std::fs::remove_dir_all(history.dir.path().join("guard")).unwrap();
    assert_eq!(refused(&history.options), Code::StoreExists);
    history.restore("day3", &["guard"]);
    LocalEngine::open(&history.options).unwrap();
    for origin in ["", "two\nlines", &"x".repeat(256)] {
        let options = LocalOptions::new(history.dir.path().join("new"), origin);
        assert_eq!(refused(&options), Code::NameTooLong);
    }
}
