//! How models and datasets stand, as `card status` shows it.

use super::*;

#[test]
fn a_card_that_is_mended_keeps_the_ends_of_its_lines_and_a_terminal_shows_lines() {
    let place = Place::new();
    let path = place.path("README.md");
    let card = "---\nlanguage: no\nlicense: Apache-2.0\n---\n# Heron\n\nProse.\n";
    for end in ["\n", "\r\n"] {
        fs::write(&path, card.replace('\n', end)).unwrap();
        let shown = place.run(&["card", "lint", &path]).stdout;
        assert!(shown.contains("---\nlanguage: \"no\"\nlicense: apache-2.0\n"), "{shown}");
        assert!(!shown.contains("\\u000d"), "{shown}");
        let metadata = place.run(&["card", "lint", &path, "--print"]).stdout;
        assert!(
            metadata.starts_with(&format!("---{end}language: \"no\"{end}license: apache-2.0{end}")),
            "{metadata:?}"
        );
        assert_eq!(place.run(&["card", "lint", &path, "--fix"]).exit, 0);
        let fixed = fs::read_to_string(&path).unwrap();
        assert_eq!(fixed.matches(end).count(), fixed.matches('\n').count(), "{fixed:?}");
        assert_eq!(fixed.matches('\r').count(), if end == "\n" { 0 } else { fixed.matches('\n').count() });
        assert!(fixed.starts_with(&metadata) && fixed.ends_with(&format!("# Heron{end}{end}Prose.{end}")), "{fixed:?}");
    }
}

#[test]
fn versions_of_a_card_are_one_model_and_one_that_was_taken_back_is_shown_and_not_counted() {
    let place = Place::new();
    let log = place.log();
    let running = Running::start(&log, ANY_LOOPBACK).unwrap();
    let url = running.url();
    place.ok(&["log", "trust", "--policy", &place.path("log/policy.txt")]);
    let published = |line: &[&str]| place.ok(line)["record"].as_str().unwrap().to_owned();
    let first = published(&place.publish(url));
    let card = format!("model_name: heron 2\nlicense: mit\nsupersedes:\n- record:{first}\n");
    fs::write(place.path("card.yaml"), card).unwrap();
    let out = place.path("second.colophon.json");
    let second = published(&[&place.publish(url)[..], &["--out", &out]].concat());
    let status = |args: &[&str]| place.ok(&[&["card", "status", "--log", url], args].concat());
    let shown = |args: &[&str]| place.run(&[&["card", "status", "--log", url], args].concat());

    let all = status(&[]);
    let one = &all["cards"][0];
    assert_eq!((&all["count"], &one["versions"], &one["name"]), (&1.into(), &2.into(), &"heron 2".into()));
    assert_eq!((&one["record"], &one["newest"]), (&first.as_str().into(), &second.as_str().into()));
    assert_eq!(all["standings"]["model-card"]["none"], 1);
    // Any version names all of them, and the file means the version that its issuer stands by.
    let weights = ledger::record::subject_digest(b"weights").to_hex();
    for (name, meant) in [(&first, &first), (&second, &second), (&weights, &second)] {
        let one = status(&[name]);
        assert_eq!((&one["record"], &one["newest"]), (&meant.as_str().into(), &second.as_str().into()));
        assert_eq!(one["versions"].as_array().unwrap().len(), 2);
    }
    let text = shown(&[&first]).stdout;
    for line in ["  versions     2: entries 2, 3", "  none: no claim names a licence", "its issuer stands by it"] {
        assert!(text.contains(line), "{line}: {text}");
    }

    let reference = format!("record:{second}");
    let out = place.path("retraction.colophon.json");
    let line = ["record", "retract", &reference, "--reason", "error", "--issuer", "lab", "--key", "lab", "--log", url];
    place.ok(&[&line[..], &["--out", &out]].concat());
    let all = status(&[]);
    assert_eq!((&all["count"], &all["cards"][0]["fate"]["takenBackBy"]), (&1.into(), &"4".into()));
    let counted = &all["standings"]["model-card"];
    assert_eq!((&counted["none"], &counted["takenBack"]), (&0.into(), &1.into()));
    let text = shown(&[]).stdout;
    assert!(text.contains("heron 2 (taken back by entry 4)"), "{text}");
    assert!(text.contains("Not counted: 1 that their issuers took back."), "{text}");

    assert_eq!(shown(&["--kind", "dataset-card", &first]).exit, 3, "it is a model");
    assert_eq!(shown(&[&"ab".repeat(32)]).exit, 3);
    assert_eq!(shown(&["--standing", "conflict", &first]).exit, 2);
    assert_eq!(shown(&["record:ab"]).exit, 2);
}
