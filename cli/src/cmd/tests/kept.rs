//! What a command writes stays: a statement that could not be sent, a model where a report is asked for.

use super::*;

const NOBODY: &str = "http://127.0.0.1:1";

#[test]
fn a_statement_that_was_not_sent_is_kept_beside_another_and_each_is_sent_once() {
    let place = Place::new();
    let log = place.log();
    let out = place.path("said.colophon.json");
    let say = |page: &'static str, url: &str| -> Vec<String> {
        let line = [
            "preference",
            "declare",
            page,
            "--disallow",
            "train-ai",
            "--fresh-key",
            "--yes",
            "--log",
            url,
            "--out",
            &out,
        ];
        line.iter().map(|word| (*word).to_owned()).collect()
    };
    let refused = |line: Vec<String>| place.refused(&line.iter().map(String::as_str).collect::<Vec<_>>(), 20);
    let ok = |line: Vec<String>| place.ok(&line.iter().map(String::as_str).collect::<Vec<_>>());
    let kept = || -> Vec<PathBuf> {
        let names = fs::read_dir(place.dir.path()).unwrap().map(|entry| entry.unwrap().path());
        names.filter(|path| path.to_string_lossy().contains(".pending.")).collect()
    };
    assert_eq!(refused(say("page:enwiki/101", NOBODY))["code"], "unreachable");
    assert!(kept().is_empty());
    assert_eq!(refused(say("page:enwiki/102", NOBODY))["code"], "unreachable");
    assert_eq!(kept().len(), 1, "what says something else is not written over");
    let running = Running::start(&log, ANY_LOOPBACK).unwrap();
    place.ok(&["log", "trust", "--policy", &place.path("log/policy.txt")]);
    let first = ok(say("page:enwiki/102", running.url()));
    let again = ok(say("page:enwiki/102", running.url()));
    assert_eq!(
        (&first["record"], &again["duplicate"]),
        (&again["record"], &Value::Bool(true)),
        "by the key made for it"
    );
    let waiting = kept().remove(0).display().to_string();
    let other = place.ok(&["record", "submit", &waiting, "--log", running.url()]);
    assert_ne!(other["record"], first["record"]);
}

#[test]
fn bundles_are_named_by_what_is_said() {
    use crate::draft::Draft;
    use crate::saying::bundle_name;
    let draft = |text: &str| Draft {
        kind: ledger::record::kind::Kind::Comment,
        subjects: Vec::new(),
        predicate: serde_json::Map::from_iter([("text".to_owned(), Value::from(text))]),
    };
    let name = |text: &str| bundle_name("comment", &draft(text), None).display().to_string();
    assert_eq!(name("one"), name("one"));
    assert_ne!(name("one"), name("other"));
    assert!(name("one").starts_with("comment-") && name("one").ends_with(".colophon.json"), "{}", name("one"));
}

#[test]
fn nothing_is_written_over_a_file_of_another_sort() {
    let place = Place::new();
    let log = place.log();
    let running = Running::start(&log, ANY_LOOPBACK).unwrap();
    place.ok(&["log", "trust", "--policy", &place.path("log/policy.txt")]);
    let weights = place.path("w.bin");
    place.refused(&[&place.publish(running.url())[..], &["--out", &weights]].concat(), 2);
    place.ok(&place.publish(running.url()));
    let bundle = place.path("w.bin.colophon.json");
    for file in [&weights, &bundle, &place.path("log/policy.txt")] {
        let before = fs::read(file).unwrap();
        let error = place.refused(&["verify", &bundle, "--report", file], 2);
        assert_eq!(error["code"], "usage", "{file}");
        assert_eq!(fs::read(file).unwrap(), before, "{file}");
    }
    let report = place.path("report.html");
    for _ in 0..2 {
        place.ok(&["verify", &bundle, "--report", &report]);
    }
    let statement = place.path("statement.json");
    let card = place.path("card.yaml");
    let new = ["record", "new", "model-card", "--from", &card, "--subject", &weights, "--issuer", "lab"];
    place.ok(&[&new[..], &["--out", &statement]].concat());
    place.refused(&["record", "sign", &statement, "--key", "lab", "--out", &weights], 2);
    assert_eq!(fs::read(&weights).unwrap(), b"weights");
}

#[cfg(target_os = "linux")]
#[test]
fn a_path_that_is_no_unicode_is_a_path() {
    use std::os::unix::ffi::OsStringExt;
    let place = Place::new();
    place.log();
    let odd = |name: &[u8]| place.dir.path().join(OsString::from_vec(name.to_vec())).into_os_string();
    let card = odd(b"c\xff\xe9.yaml");
    fs::copy(place.path("card.yaml"), &card).unwrap();
    let readme = odd(b"R\xff.md");
    fs::write(&readme, "---\nlicense: mit\n---\n# heron\n").unwrap();
    let words = |line: &[&str]| line.iter().map(OsString::from).collect::<Vec<OsString>>();
    let (out, made, log) = (odd(b"s\xff.json"), odd(b"m\xff"), odd(b"l\xff"));
    let items = place.path("items.jsonl");
    fs::write(&items, "{\"text\":\"a text of more than fifty characters, so that it is a paragraph\"}\n").unwrap();
    let new = words(&["record", "new", "model-card", "--issuer", "lab", "--subject", &place.path("w.bin"), "--from"]);
    let mut lines = vec![[new, vec![card, "--out".into(), out.clone()]].concat()];
    lines.push(
        [words(&["record", "sign", "--key", "lab"]), vec![out.clone(), "--out".into(), odd(b"e\xff.json")]].concat(),
    );
    lines.push([words(&["card", "lint"]), vec![readme.clone()]].concat());
    lines.push([words(&["card", "import", "--issuer", "lab"]), vec![readme, "--out".into(), odd(b"i\xff")]].concat());
    lines.push([words(&["manifest", "build", &items]), vec!["--out".into(), made.clone()]].concat());
    lines.push([words(&["manifest", "inspect"]), vec![made]].concat());
    lines.push([words(&["log", "init", "--origin", "log.example/o", "--operator", "op", "--dir"]), vec![log]].concat());
    for line in lines {
        let config = place.path("config.toml");
        let (world, seen) = World::captured(&[("COLOPHON_CONFIG", &config)]);
        let shown = format!("{line:?}");
        let args = std::iter::once("colophon".into()).chain(line).chain(["--json".into()]).collect();
        let exit = super::super::run(args, world);
        assert_eq!(exit, 0, "{shown}: {} {}", seen.stdout(), seen.stderr());
    }
}

#[test]
fn a_report_holds_all_that_the_record_says() {
    let place = Place::new();
    let log = place.log();
    let running = Running::start(&log, ANY_LOOPBACK).unwrap();
    place.ok(&["log", "trust", "--policy", &place.path("log/policy.txt")]);
    let digest = |i: u8| format!("file-{i:02}={}", format!("{i:02x}").repeat(32));
    let subjects: Vec<String> = (1..=12).flat_map(|i| ["--subject".to_owned(), digest(i)]).collect();
    let (card, out) = (place.path("card.yaml"), place.path("many.colophon.json"));
    let line = ["record", "publish", "model-card", "--from", &card, "--issuer", "lab", "--key", "lab", "--out", &out];
    let line = [&line[..], &["--log", running.url()]].concat();
    place.ok(&line.into_iter().chain(subjects.iter().map(String::as_str)).collect::<Vec<&str>>());
    let report = place.path("many.html");
    place.ok(&["verify", &out, "--report", &report]);
    let page = fs::read_to_string(&report).unwrap();
    for i in 1..=12u8 {
        assert!(page.contains(&format!("{i:02x}").repeat(32)), "subject {i}");
    }
    assert!(page.contains("apache-2.0") && !page.contains("and 4 more"), "{page}");
    assert!(place.run(&["verify", &out]).stdout.contains("and 4 more"));
}

#[test]
fn what_is_no_envelope_no_statement_and_no_description_is_named() {
    let place = Place::new();
    let (empty, null, draft) = (place.path("e.ndjson"), place.path("null.json"), place.path("s.json"));
    fs::write(&empty, "").unwrap();
    fs::write(&null, "null\n").unwrap();
    place.ok(&["key", "new", "lab", "--no-password"]);
    place.refused(&["record", "sign", &empty, "--key", "lab"], 2);
    place.refused(&["manifest", "build", &place.path("e.ndjson"), "--out", &place.path("m")], 2);
    place.refused(&["card", "import", &null, "--issuer", "lab"], 2);
    let (card, weights) = (place.path("card.yaml"), place.path("w.bin"));
    let new =
        ["record", "new", "model-card", "--from", &card, "--subject", &weights, "--issuer", "lab", "--out", &draft];
    place.ok(&new);
    let error = place.refused(&["record", "submit", &draft, "--log", NOBODY], 2);
    assert!(error["hint"].as_str().unwrap().contains("record sign"), "{error}");
    assert_eq!(error["place"], draft.as_str());
    // Metadata that is never closed is read by nobody.
    let open = place.path("open.md");
    fs::write(&open, "---\nlicense: mit\n# never closed\n").unwrap();
    place.refused(&["card", "import", &open, "--issuer", "lab"], 2);
    place.refused(&["card", "lint", &open, "--fix", "--strict"], 2);
    assert_eq!(fs::read_to_string(&open).unwrap(), "---\nlicense: mit\n# never closed\n");
    // A folder of another import is not added to.
    let cards = place.path("cards");
    fs::write(place.path("a.md"), "---\nlicense: mit\n---\n# a\n").unwrap();
    for _ in 0..2 {
        place.ok(&["card", "import", &place.path("a.md"), "--issuer", "lab", "--out", &cards]);
    }
    fs::write(place.path("cards/0009-training-source.statement.json"), "{}").unwrap();
    place.refused(&["card", "import", &place.path("a.md"), "--issuer", "lab", "--out", &cards], 2);
}
