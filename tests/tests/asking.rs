//! The community's question on a real dump: every page answers by title, number, revision, whole text and paragraphs; the same
//! questions to the manifest of another dump answer absent; an editor can cite each answer.
//!
//! No text and no name of the dump is printed: a failure says which page by its number.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use harness::{Program, ServedByProgram, test_data};
use serde_json::Value;

const LARGE: &str = "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2";
const SMALL: &str = "enwiki-table-markup.xml.bz2";

struct Place {
    program: Program,
    dir: tempfile::TempDir,
    server: ServedByProgram,
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let program = Program::new(env!("CARGO_BIN_EXE_colophon-under-test"), dir.path());
        let path = |name: &str| text(&dir.path().join(name));
        program.json(&["key", "new", "operator", "--no-password"]);
        let log = path("log");
        let init = ["log", "init", "--dir", &log, "--origin", "log.example.org/asking", "--operator", "operator"];
        let made = program.json(&[&init[..], &["--operator-key", "operator"]].concat());
        let server = program.serve(Path::new(&log));
        program.json(&["log", "trust", &server.url, "--vkey", made["vkey"].as_str().unwrap()]);
        program.json(&["key", "new", "archive", "--no-password"]);
        let (statement, envelope) = (path("archive.json"), path("archive.dsse.json"));
        let line =
            ["party", "new", "archive", "--role", "partner", "--key", "archive", "--issuer", "operator", "--out"];
        program.json(&[&line[..], &[&statement]].concat());
        program.json(&["record", "sign", &statement, "--key", "operator", "--key", "archive", "--out", &envelope]);
        program.json(&["record", "submit", &envelope, "--log", &server.url]);
        Self { program, dir, server }
    }

    fn path(&self, name: &str) -> String {
        text(&self.dir.path().join(name))
    }

    /// Builds, declares and sends the manifest of a dump.
    fn declare(&self, dump: &str, name: &str, more: &[&str]) -> String {
        let folder = self.path(name);
        let line = ["manifest", "build", dump, "--out", &folder, "--license", "CC-BY-SA-3.0", "--wiki", "enwiki"];
        self.program.json(&[&line[..], more].concat());
        let out = self.path(&format!("{name}.colophon.json"));
        let at = ["--key", "archive", "--log", &self.server.url];
        let line = ["record", "publish", "manifest", "--from", &folder, "--dataset-name", name, "--issuer", "archive"];
        self.program.json(&[&line[..], &["--out", &out], &at[..]].concat());
        self.program.json(&[&["manifest", "push", &folder], &at[..]].concat());
        folder
    }

    fn ask(&self, questions: &[String], flags: &[&str]) -> Vec<Value> {
        let questions: Vec<&str> = questions.iter().map(String::as_str).collect();
        let line = [&["ask"], &questions[..], flags, &["--log", &self.server.url]].concat();
        self.program.json(&line)["questions"].as_array().unwrap().clone()
    }
}

/// A page as a reader of the XML that knows nothing of XML finds it.
struct Page {
    id: String,
    revision: String,
    title: String,
    text: String,
}

fn pages(dump: &Path) -> Vec<Page> {
    let mut xml = String::new();
    let file = std::fs::File::open(dump).unwrap();
    bzip2::read::MultiBzDecoder::new(file).read_to_string(&mut xml).unwrap();
    let unescaped =
        |text: &str| text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
    let between = |text: &str, from: &str, to: &str| {
        let start = text.find(from)? + from.len();
        Some(text[start..start + text[start..].find(to)?].to_owned())
    };
    let page = |page: &str| {
        let revision = between(page, "<revision>", "</revision>").unwrap();
        let body = between(&revision, "<text xml:space=\"preserve\"", "</text>").unwrap_or_default();
        Page {
            id: between(page, "<id>", "</id>").unwrap(),
            revision: between(&revision, "<id>", "</id>").unwrap(),
            title: unescaped(&between(page, "<title>", "</title>").unwrap()),
            text: unescaped(body.split_once('>').map_or("", |(_, text)| text)),
        }
    };
    xml.split("<page>").skip(1).map(page).collect()
}

fn of<'a>(question: &'a Value, dataset: &str) -> &'a Value {
    let answers = question["answers"].as_array().unwrap();
    answers.iter().find(|answer| answer["dataset"]["name"] == dataset).unwrap()
}

#[test]
fn every_page_of_a_real_dump_is_present_and_absent_from_another_dump() {
    let Some(data) = test_data() else { return };
    let dump = data.join("wikipedia").join(LARGE);
    let place = Place::new();
    place.declare(&text(&dump), "large", &["--universe"]);
    place.declare(&text(&data.join("wikipedia").join(SMALL)), "small", &[]);
    let pages = pages(&dump);
    assert_eq!(pages.len(), 206);

    let mut questions = Vec::new();
    let mut what = Vec::new();
    for (i, page) in pages.iter().enumerate() {
        let file = place.path(&format!("page-{i}.txt"));
        std::fs::write(&file, &page.text).unwrap();
        for question in [
            format!("enwiki:title:{}", page.title),
            format!("enwiki:page:{}", page.id),
            format!("enwiki:rev:{}", page.revision),
            format!("@{file}"),
        ] {
            what.push((i, question.starts_with('@')));
            questions.push(question);
        }
    }
    let answers = place.ask(&questions, &["--form", "wikitext"]);
    let (mut counts, mut paragraphs) = (BTreeMap::<&str, u32>::new(), 0);
    for ((i, is_text), answer) in what.iter().zip(&answers) {
        let page = &pages[*i];
        let (large, small) = (of(answer, "large"), of(answer, "small"));
        assert_eq!(large["status"], "present", "page {}, text: {is_text}", page.id);
        if *is_text {
            // The whole text, and every paragraph that is long enough: whatever decides was found.
            let missing = large["looks"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|look| look["status"] == "absent" && look["spec"].as_str().unwrap().ends_with("/wikitext"));
            let found: Vec<&str> = large["looks"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|l| l["status"] == "present")
                .map(|l| l["what"].as_str().unwrap())
                .collect();
            assert!(found.contains(&"the whole text") || found.contains(&"the exact bytes"), "page {}", page.id);
            let lines = page.text.lines().filter(|line| line.chars().count() >= 120).count();
            assert!(
                found.iter().filter(|what| what.starts_with("paragraph")).count() >= lines.min(1),
                "page {}",
                page.id
            );
            // Blocks of several lines, joined, are asked for beside the lines; the source keys lines.
            drop(missing);
            paragraphs += found.iter().filter(|what| what.starts_with("paragraph")).count();
        }
        assert_eq!(small["status"], "absent", "page {}, text: {is_text}: {}", page.id, small["reason"]);
        *counts.entry(if *is_text { "texts" } else { "names and numbers" }).or_default() += 1;
    }
    assert_eq!((counts["texts"], counts["names and numbers"]), (206, 618));
    assert!(paragraphs > 3_000, "{paragraphs} paragraphs");
    println!(
        "206 pages: 618 names and numbers, 206 texts, {paragraphs} paragraphs present; all absent from the other dump"
    );
}

#[test]
fn an_editor_gets_a_permalink_a_citation_and_the_nearest_page() {
    let Some(data) = test_data() else { return };
    let dump = data.join("wikipedia").join(LARGE);
    let place = Place::new();
    place.declare(&text(&dump), "large", &[]);
    let page = pages(&dump).into_iter().find(|page| page.text.len() > 20_000).unwrap();
    // Words about the page's subject that are not its own.
    let text =
        format!("{} is the subject of this sentence, which somebody wrote for a test and nobody else.", page.title);
    let questions = [text, format!("enwiki:page:{}", page.id), "https://example.org/nothing".to_owned()];
    let answers = place.ask(&questions, &[]);
    for (answer, status) in answers.iter().zip(["absent", "present", "not-covered"]) {
        let answer = of(answer, "large");
        assert_eq!(answer["status"], status);
        let permalink = answer["permalink"].as_str().unwrap();
        assert!(permalink.starts_with(&format!("{}/r/", place.server.url)), "{permalink}");
        assert_eq!(ureq::get(permalink).call().unwrap().status(), 200);
        let citation = answer["citation"].as_str().unwrap();
        assert!(citation.contains(&format!("[{permalink} record ")), "{citation}");
        assert!(citation.contains("<nowiki>large</nowiki>") && citation.contains("log.example.org/asking"));
        let meaning = answer["doesNotMean"].as_str().unwrap();
        assert!(meaning.starts_with("It does not mean") && citation.ends_with(meaning));
        assert!(!answer.to_string().to_lowercase().contains("unused"));
    }
    let nearest = of(&answers[0], "large")["nearest"].as_array().unwrap();
    assert!(nearest.iter().any(|look| look["what"].as_str().unwrap().starts_with("enwiki:title:")), "{nearest:?}");

    // The page says the same.
    let mut form =
        ureq::post(format!("{}/ask", place.server.url)).send_form([("text", questions[0].as_str())]).unwrap();
    let html = form.body_mut().read_to_string().unwrap();
    for said in [
        "Nearest:",
        "Cite this on a talk page",
        "Permalink:",
        "&#60;nowiki&#62;large",
        "It does not mean that no model",
    ] {
        assert!(html.contains(said), "{said}");
    }
}
