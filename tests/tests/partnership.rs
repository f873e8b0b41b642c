//! A partnership's whole life on a simulated clock: what `docs/PARTNERSHIP.md` tells, run as commands against a server, with
//! every status asserted three times: in what the command folds itself, in what the server answers, and on its page.
//!
//! The clock is an argument of the server and of the program, both inside this process. Nothing that is released sets it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cli::World;
use ledger::ids::{RecordId, UnixMillis};
use ledger::log::{Clock as _, ManualClock};
use ledger::record::Record;
use ledger::record::key::PrivateKey;
use ledger::record::kind::Kind;
use ledger::record::kinds::LogPolicy;
use ledger::record::statement::Subject;
use ledger::testing as cast;
use serde_json::{Value, json};
use server::testing::TestServer;

const STEWARDS: &str = "stewards.harbourwiki.example";
const LAB: &str = "heron-lab.example";
const AUDIT: &str = "tidewater-audit.example";
const DAY: u64 = UnixMillis::DAY;

/// A log whose council has five seats, of which three decide, and a clock that stands still until it is moved.
struct Stage {
    clock: Arc<ManualClock>,
    server: TestServer,
    dir: tempfile::TempDir,
    said: AtomicUsize,
}

impl Stage {
    fn new() -> Self {
        let start: ledger::record::terms::Timestamp = cast::ISSUED.parse().unwrap();
        let clock = Arc::new(ManualClock::at(start.millis()));
        let server = TestServer::at(clock.clone());
        server.sequence(cast::genesis_with_council());
        for (party, role) in [(STEWARDS, "steward"), (LAB, "partner"), (AUDIT, "auditor")] {
            server.sequence(cast::party(party, &[role]));
        }
        let stage = Self { clock, server, dir: tempfile::tempdir().unwrap(), said: AtomicUsize::new(0) };
        fs::write(stage.path("config.toml"), "").unwrap();
        fs::write(stage.path("policy.txt"), cast::policy().encode()).unwrap();
        for name in [STEWARDS, LAB, AUDIT].iter().chain(&cast::COUNCIL_SEATS) {
            stage.store_key(name);
        }
        stage
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// The key of the cast as the program reads it: PKCS#8 of RFC 8410 §7, which is a fixed beginning and the seed.
    fn store_key(&self, name: &str) {
        const BEGINNING: [u8; 16] =
            [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
        let key = cast::key(name);
        let der = [&BEGINNING[..], key.secret_bytes().as_ref()].concat();
        let pem = |label: &str, base64: String| format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n");
        let file = self.path(&format!("{name}.pem"));
        fs::write(&file, pem("PRIVATE KEY", STANDARD.encode(der))).unwrap();
        fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        fs::write(self.path(&format!("{name}.pub")), pem("PUBLIC KEY", key.public_key().to_base64())).unwrap();
    }

    fn key(&self, name: &str) -> String {
        self.path(&format!("{name}.pem"))
    }

    fn pass_days(&self, days: u64) {
        self.clock.advance(days * DAY);
    }

    /// The time, so many days from now, as records write it.
    fn in_days(&self, days: u64) -> String {
        let at = UnixMillis(self.clock.now().0 + days * DAY);
        ledger::record::terms::Timestamp::from_millis(at).unwrap().as_str().to_owned()
    }

    fn run(&self, args: &[&str]) -> (u8, Value) {
        self.run_at(self.clock.now(), args)
    }

    /// Runs a command whose own clock shows this.
    fn run_at(&self, now: UnixMillis, args: &[&str]) -> (u8, Value) {
        let (config, home) = (self.path("config.toml"), self.path(""));
        let (mut world, seen) = World::captured(&[("COLOPHON_CONFIG", &config), ("HOME", &home)]);
        world.clock = Arc::new(move || now);
        let line = ["colophon"].iter().chain(args).chain(&["--json"]).map(OsString::from);
        let exit = cli::run(line, world);
        let value = serde_json::from_str(&seen.stdout());
        (exit, value.unwrap_or_else(|error| panic!("{error}: {args:?}: {} {}", seen.stdout(), seen.stderr())))
    }

    #[track_caller]
    fn ok(&self, args: &[&str]) -> Value {
        let (exit, value) = self.run(args);
        assert_eq!(exit, 0, "{args:?}: {value}");
        value
    }

    /// The arguments with those that name the log, whom to believe, and where the bundle goes.
    fn reaching(&self, args: &[&str], out: bool) -> Vec<String> {
        let mut line: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        line.extend(["--log".to_owned(), format!("http://{}", self.server.address)]);
        line.extend(["--policy".to_owned(), self.path("policy.txt")]);
        if out {
            let number = self.said.fetch_add(1, Ordering::Relaxed);
            line.extend(["--out".to_owned(), self.path(&format!("said-{number}.colophon.json"))]);
        }
        line
    }

    /// Asks the log, which must answer.
    #[track_caller]
    fn ask(&self, args: &[&str]) -> Value {
        let line = self.reaching(args, false);
        self.ok(&line.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Says something as a party; the record's id.
    #[track_caller]
    fn say(&self, who: &str, args: &[&str]) -> String {
        let key = self.key(who);
        self.say_with(&[args, &["--issuer", who, "--key", &key]].concat())
    }

    #[track_caller]
    fn say_with(&self, args: &[&str]) -> String {
        let line = self.reaching(args, true);
        let value = self.ok(&line.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(value["verified"], true, "{args:?}: {value}");
        value["record"].as_str().unwrap().to_owned()
    }

    /// Says something that the log must refuse, with this code.
    #[track_caller]
    fn refused(&self, args: &[&str], code: &str) {
        let line = self.reaching(args, true);
        let (exit, value) = self.run(&line.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(value["code"], code, "{args:?}: {value}");
        assert!(exit != 0, "{value}");
    }

    /// A decision that so many seats of the council sign.
    fn council<'a>(&self, verb: &'a str, agreement: &'a str, seats: usize) -> Vec<String> {
        let mut line = vec!["agreement".to_owned(), verb.to_owned(), agreement.to_owned()];
        for seat in cast::COUNCIL_SEATS.iter().take(seats) {
            line.extend(["--key".to_owned(), self.key(seat)]);
        }
        line
    }

    fn page(&self, path: &str) -> String {
        let reply = self.server.get(path);
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        reply.text()
    }

    /// Where an agreement stands: as folded here, as the server answers, and as its page says.
    #[track_caller]
    fn stands(&self, agreement: &str, status: &str) -> Value {
        let folded = self.ask(&["agreement", "status", agreement]);
        assert_eq!(folded["status"], status, "{folded}");
        let served = self.server.get(&format!("/api/v1/agreements/{agreement}")).json();
        for member in ["status", "terms", "steps", "commentPeriod", "comments", "uses", "reports", "audits", "findings"]
        {
            assert_eq!(served[member], folded[member], "{member}");
        }
        let page = self.page(&format!("/a/{agreement}"));
        assert!(page.contains(&format!("<strong>{status}</strong>")), "{status}: {page}");
        assert!(self.page("/agreements").contains(status));
        folded
    }

    /// The rules by which something is found in the log, as folded here; the server finds the same.
    #[track_caller]
    fn found(&self) -> BTreeSet<String> {
        let folded = self.ask(&["findings"]);
        assert_eq!(folded["unchecked"], json!([]), "{folded}");
        let served = self.server.get("/api/v1/findings").json();
        let ids = |value: &Value| -> BTreeSet<String> {
            let list = value["findings"].as_array().unwrap();
            list.iter().map(|finding| finding["id"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(ids(&served), ids(&folded));
        let list = folded["findings"].as_array().unwrap();
        list.iter().map(|finding| finding["rule"].as_str().unwrap().to_owned()).collect()
    }

    /// Which preference holds for some content: as folded here, and as the server answers.
    #[track_caller]
    fn holds(&self, content: &str) -> Value {
        let folded = self.ask(&["preference", "status", content]);
        let (kind, key) = (folded["kind"].as_str().unwrap(), folded["key"].as_str().unwrap());
        let mut served = self.server.get(&format!("/api/v1/preferences?key={kind}%3D{key}")).json();
        for category in served["preferences"].as_object_mut().unwrap().values_mut() {
            for list in ["because", "unvouched"] {
                for statement in category[list].as_array_mut().unwrap() {
                    assert!(statement.as_object_mut().unwrap().remove("links").is_some(), "{statement}");
                }
            }
        }
        assert_eq!(served["preferences"], folded["preferences"]);
        for clock in served["clocks"].as_array_mut().unwrap() {
            let of = clock.as_object_mut().unwrap().remove("preference").unwrap();
            let alone = self.ask(&["preference", "status", of.as_str().unwrap()]);
            assert!(alone["clocks"].as_array().unwrap().contains(clock), "{clock}: {alone}");
        }
        folded
    }

    /// A model or a dataset as the interface has it and as it is folded here, and its page, which says all of `words` and none
    /// of `others`.
    #[track_caller]
    fn card(&self, kind: &str, id: &str, words: &[&str], others: &[&str]) -> Value {
        // Waits until the server has found everything.
        self.server.get("/api/v1/findings");
        let served = self.server.get(&format!("/api/v1/{kind}s/{id}")).json();
        assert_eq!((&served["record"], &served["complete"]), (&json!(id), &json!(true)), "{served}");
        harness::documents::same_card(&served, &self.ask(&["card", "status", &reference(id)]));
        let html = self.page(&format!("/{}/{id}", &kind[..1]));
        for word in words {
            assert!(html.contains(word), "{word}: {html}");
        }
        for word in others {
            assert!(!html.contains(word), "{word}: {html}");
        }
        served
    }

    fn write(&self, name: &str, document: &Value) -> String {
        let path = self.path(name);
        fs::write(&path, serde_json::to_vec_pretty(document).unwrap()).unwrap();
        path
    }
}

fn example(name: &str) -> String {
    harness::root().join("examples").join(name).display().to_string()
}

fn reference(record: &str) -> String {
    format!("record:{record}")
}

/// A list of texts as arguments.
fn texts(list: &[String]) -> Vec<&str> {
    list.iter().map(String::as_str).collect()
}

#[test]
fn a_partnership_from_its_proposal_to_its_end() {
    let stage = Stage::new();

    // The memorandum, with a summary, an impact assessment and a rollback plan.
    let (terms, text) = (example("agreements/agreement.yaml"), example("agreements/mou-heron-harbourwiki.md"));
    let propose = ["agreement", "propose", "--from", &terms, "--text", &text, "--audit-period", "P3M"];
    let agreement = stage.say(STEWARDS, &propose);
    let proposed = stage.stands(&agreement, "proposed");
    assert_eq!(proposed["terms"]["lacks"], json!([]));
    assert_eq!(proposed["terms"]["obligations"].as_array().unwrap().len(), 3);

    // Fourteen days of comments. Nobody ratifies or closes them early.
    stage.say(STEWARDS, &["agreement", "phase", &agreement, "commentOpen"]);
    stage.stands(&agreement, "commentOpen");
    stage.refused(&texts(&stage.council("ratify", &agreement, 3)), "comment_period");
    stage.pass_days(3);
    let comment = stage.say_with(&[
        "agreement",
        "comment",
        &agreement,
        "--fresh-key",
        "--text",
        "The summary should say how objections are answered.",
    ]);
    stage.pass_days(2);
    stage.say(
        STEWARDS,
        &[
            "record",
            "correct",
            &agreement,
            "--pointer",
            "/summary",
            "--reason",
            "Objections are answered in public records.",
            "--answers",
            &comment,
        ],
    );
    let commented = stage.stands(&agreement, "commentOpen");
    assert_eq!(commented["comments"][0]["marks"], json!(["unvouched"]));
    assert_eq!(commented["comments"][0]["answers"][0]["kind"], "correction");
    let close = ["agreement", "phase", &agreement, "commentClosed", "--issuer", STEWARDS, "--key"];
    stage.refused(&[&close[..], &[&stage.key(STEWARDS)]].concat(), "comment_period");
    stage.pass_days(9);
    stage.say(STEWARDS, &["agreement", "phase", &agreement, "commentClosed"]);
    let closed = stage.stands(&agreement, "commentClosed");
    assert!(closed["commentPeriod"]["vetoUntil"].is_string());

    // Two of five are not enough; three are. A veto is too late then.
    stage.refused(&texts(&stage.council("ratify", &agreement, 2)), "threshold");
    stage.say_with(&texts(&stage.council("ratify", &agreement, 3)));
    let active = stage.stands(&agreement, "active");
    assert_eq!(active["steps"][2]["council"].as_array().unwrap().len(), 3);
    stage.refused(&texts(&stage.council("veto", &agreement, 3)), "veto_late");

    // The dataset with its manifest, and the first model.
    let dump = example("wiki/harbourwiki-pages.xml");
    let card = example("wiki/dataset-card.yaml");
    let dataset = stage.say(STEWARDS, &["record", "publish", "dataset-card", "--from", &card, "--subject", &dump]);
    let built = stage.path("manifest");
    stage.ok(&["manifest", "build", &dump, "--out", &built]);
    let manifest = stage.say(
        STEWARDS,
        &[
            "record",
            "publish",
            "manifest",
            "--from",
            &built,
            "--dataset-name",
            "harbourwiki-pages",
            "--dataset-record",
            &dataset,
        ],
    );
    stage.server.app.log.manifests().add(built.as_ref()).unwrap();
    let model = |version: &str, before: Option<&str>| {
        let weights = stage.path(&format!("heron-{version}.bin"));
        fs::write(&weights, format!("the weights of {version}")).unwrap();
        let mut card = json!({ "model_name": "heron-base-350m", "version": version });
        if let Some(before) = before {
            card["supersedes"] = json!([reference(before)]);
        }
        let card = stage.write(&format!("card-{version}.json"), &card);
        stage.say(LAB, &["record", "publish", "model-card", "--from", &card, "--subject", &weights])
    };
    let trained = |model: &str, started: String| {
        let source = json!({
            "relation": "pretrainedOn", "category": "publicDataset", "purpose": "research", "startedAt": started,
            "dataset": { "name": "harbourwiki-pages", "record": reference(&dataset) },
            "manifest": reference(&manifest), "agreement": reference(&agreement),
        });
        let source = stage.write("source.json", &source);
        stage.say(LAB, &["record", "publish", "training-source", "--from", &source, "--subject", &reference(model)])
    };
    let first = model("1.0", None);
    assert!(stage.found().contains("card_without_sources"));
    stage.card("model", &first, &["Nobody says what the model was trained on"], &[]);
    stage.pass_days(1);
    let first_use = trained(&first, stage.in_days(0));
    let used = stage.stands(&agreement, "active");
    assert_eq!(used["uses"][0]["record"], first_use);
    assert!(!stage.found().contains("card_without_sources"));
    let of = stage.card("model", &first, &["harbourwiki-pages"], &["Nobody says what the model was trained on"]);
    assert_eq!(of["sources"][0]["record"], first_use);
    let of = stage.card("dataset", &dataset, &["heron-base-350m", "Nobody has checked the manifest"], &[]);
    assert_eq!((&of["usedBy"][0]["record"], &of["manifests"][0]["record"]), (&json!(first_use), &json!(manifest)));

    // A quarter later an audit is due, overdue, and made.
    stage.pass_days(95);
    assert!(stage.found().contains("audit_overdue"));
    assert!(stage.page(&format!("/a/{agreement}")).contains("An audit is overdue"));
    let (manifest_ref, first_ref) = (reference(&manifest), reference(&first));
    stage.say(
        AUDIT,
        &[
            "audit",
            "attest",
            "--target",
            &manifest_ref,
            "--target",
            &first_ref,
            "--verdict",
            "conformant",
            "--method",
            "the manifest was rebuilt from the dump",
        ],
    );
    let found = stage.found();
    assert!(!found.contains("audit_overdue") && !found.contains("manifest_unchecked"), "{found:?}");
    assert_eq!(stage.stands(&agreement, "active")["audits"]["due"], stage.in_months(3));
    let of = stage.card("model", &first, &["Conformant"], &[]);
    assert_eq!((&of["audits"][0]["verdict"], &of["audits"][0]["valid"]), (&json!("conformant"), &json!(true)));
    stage.card("dataset", &dataset, &["Conformant"], &["Nobody has checked the manifest"]);

    // An editor opts out. Nobody vouches for the key at first, so it decides nothing; then a steward does.
    let page = "page:harbourwiki/11";
    let opt_out = stage.say_with(&[
        "preference",
        "declare",
        page,
        "title:harbourwiki/Skerry Estuary",
        "--disallow",
        "train-ai",
        "--to",
        LAB,
        "--fresh-key",
    ]);
    let unvouched = stage.holds(page);
    assert_eq!(unvouched["preferences"]["train-ai"]["preference"], "unknown");
    assert_eq!(unvouched["preferences"]["train-ai"]["unvouched"][0]["record"], opt_out);
    assert_eq!(stage.ask(&["preference", "status", &opt_out])["clocks"], json!([]));
    stage.say(STEWARDS, &["dispute", "resolve", &opt_out, "--outcome", "vouched"]);
    let vouched = stage.holds(page);
    assert_eq!(vouched["preferences"]["train-ai"]["preference"], "disallowed");
    let asked = stage.ask(&["preference", "status", &opt_out]);
    let due = (&asked["clocks"][0]["party"], &asked["clocks"][0]["due"], &asked["clocks"][0]["answered"]);
    assert_eq!(due, (&json!(LAB), &json!(stage.in_days(30)), &json!(false)));

    // The answer is promised, is late, and comes.
    stage.pass_days(5);
    let promise = stage.in_days(20);
    stage.say(LAB, &["preference", "respond", &opt_out, "--status", "received", "--due-by", &promise]);
    stage.pass_days(21);
    assert!(stage.found().contains("response_overdue"));
    stage.say(
        LAB,
        &[
            "preference",
            "respond",
            &opt_out,
            "--status",
            "honoured",
            "--from-version",
            "2.0",
            "--already-used-in",
            &first,
        ],
    );
    assert!(!stage.found().contains("response_overdue"));
    assert_eq!(stage.ask(&["preference", "status", &opt_out])["clocks"][0]["answered"], true);
    stage.holds(page);

    // An incident, as the agreement asks for.
    let incident = json!({
        "severity": "high", "detected": stage.in_days(0), "affected": [reference(&first)],
        "summary": "The model repeated a passage without naming its source.", "agreement": reference(&agreement),
    });
    let incident = stage.write("incident.json", &incident);
    let incident = stage.say(LAB, &["record", "publish", "incident", "--from", &incident]);
    assert_eq!(stage.stands(&agreement, "active")["reports"][0]["record"], incident);
    let of = stage.card("model", &first, &["repeated a passage", "high · not said to be resolved"], &[]);
    assert_eq!(of["incidents"][0]["record"], incident);

    // The next version was trained after the opt-out, and its manifest holds the page: a finding with two proofs.
    stage.pass_days(20);
    let second = model("2.0", Some(&first));
    let second_use = trained(&second, stage.in_days(0));
    let found = stage.ask(&["findings", &second_use, "--rule", "used_after_opt_out"]);
    assert_eq!(found["count"], 1, "{found}");
    let finding = &found["findings"][0];
    assert_eq!(finding["proofs"].as_array().unwrap().len(), 2, "{finding}");
    let cited: Vec<&Value> = finding["cites"].as_array().unwrap().iter().map(|cite| &cite["record"]).collect();
    for record in [&second_use, &opt_out, &manifest] {
        assert!(cited.contains(&&json!(record)), "{record}: {finding}");
    }
    let id = finding["id"].as_str().unwrap();
    let served = stage.server.get(&format!("/api/v1/findings/{id}")).json();
    assert_eq!((&served["rule"], &served["proofs"]), (&finding["rule"], &finding["proofs"]));
    for proof in served["links"]["proofs"].as_array().unwrap() {
        assert_eq!(stage.server.get(proof.as_str().unwrap()).status, 200);
    }
    assert!(stage.page(&format!("/f/{id}")).contains("Used after an opt-out"));
    assert!(stage.page("/findings").contains(id));
    let of = stage.card("model", &second, &["Used after an opt-out", "No dispute about it"], &["newer version"]);
    assert!(of["findings"].as_array().unwrap().iter().any(|found| found["id"] == id), "{of}");
    let of = stage.card("model", &first, &["superseded", "There is a newer version"], &[]);
    assert_eq!((&of["newest"], &of["versions"][1]["record"]), (&json!(second), &json!(second)));

    // The stewards dispute it, and an auditor resolves that; the lab takes the use back, and nothing is found any more.
    let dispute = stage.say(
        STEWARDS,
        &[
            "dispute",
            "open",
            &second_use,
            "--grounds",
            "The page was opted out before.",
            "--remedy",
            "Train without it.",
        ],
    );
    assert_eq!(stage.ask(&["log", "state"])["disputes"], json!({ "count": 1, "open": 1 }));
    let of = stage.card("model", &second, &["1 open.", "The page was opted out before.", "Train without it."], &[]);
    assert_eq!((&of["disputes"][0]["record"], &of["disputes"][0]["open"]), (&json!(dispute), &json!(true)));
    stage.refused(
        &["dispute", "resolve", &dispute, "--outcome", "vouched", "--issuer", LAB, "--key", &stage.key(LAB)],
        "role_refused",
    );
    stage.say(
        AUDIT,
        &["dispute", "resolve", &dispute, "--outcome", "upheld", "--remedy", "Version 2.1 is trained anew."],
    );
    assert_eq!(stage.ask(&["log", "state"])["disputes"], json!({ "count": 1, "open": 0 }));
    let of = stage.card("model", &second, &["None is open.", "upheld", "Version 2.1 is trained anew."], &["1 open."]);
    assert_eq!((&of["disputes"][0]["open"], &of["disputes"][0]["outcome"]), (&json!(false), &json!("upheld")));
    stage.say(LAB, &["record", "retract", &second_use, "--reason", "error"]);
    assert_eq!(stage.ask(&["findings", &second_use])["count"], 0);
    assert_eq!(stage.server.get(&format!("/api/v1/findings/{id}")).status, 404);
    stage.card("model", &second, &["taken back"], &["Used after an opt-out"]);

    // The lab's key is stolen. What it signed from there on is in doubt, and it signs nothing more.
    let second_key = stage.path("lab-2.pem");
    stage.store_key("lab-2");
    let lab_key = stage.key(LAB);
    stage.say_with(&["key", "add", &second_key, "--issuer", LAB, "--key", &lab_key, "--key", &second_key]);
    let stolen = model("6.6.6", Some(&second));
    let index = stage.server.get(&format!("/api/v1/records/{stolen}")).json()["index"].as_str().unwrap().to_owned();
    let revoke = ["key", "revoke", &lab_key, "--reason", "keyCompromise", "--from-index", &index, "--issuer", LAB];
    stage.say_with(&[&revoke[..], &["--key", &second_key]].concat());
    let party = stage.ask(&["party", "show", LAB]);
    let keys = party["keys"].as_array().unwrap();
    let old = keys.iter().find(|key| key["keyid"] == cast::key(LAB).public_key().key_id().to_hex()).unwrap();
    assert_eq!((&old["inForce"], &old["revoked"]["compromisedFromIndex"]), (&json!(false), &json!(index)));
    let doubted = stage.page(&format!("/r/{index}"));
    assert!(doubted.contains("Key in doubt.") && doubted.contains("disputed_key"), "{doubted}");
    let bundle = stage.path("stolen.colophon.json");
    fs::write(&bundle, stage.server.get(&format!("/api/v1/records/{stolen}/bundle")).body).unwrap();
    let policy = stage.path("policy.txt");
    let (strict, verdict) = stage.run(&["verify", &bundle, "--policy", &policy, "--strict"]);
    assert_eq!(strict, 15, "{verdict}");
    let refused = ["record", "publish", "model-card", "--from", &stage.path("card-1.0.json"), "--issuer", LAB];
    let weights = stage.path("heron-1.0.bin");
    stage.refused(&[&refused[..], &["--subject", &weights, "--key", &lab_key]].concat(), "signer_revoked");

    // The stewards end the agreement.
    stage.say(STEWARDS, &["agreement", "phase", &agreement, "terminated"]);
    let ended = stage.stands(&agreement, "terminated");
    assert!(ended["steps"].as_array().unwrap().iter().all(|step| step["counts"] == true), "{ended}");
    stage.refused(&texts(&stage.council("ratify", &agreement, 3)), "phase_refused");
    let state = stage.ask(&["log", "state"]);
    assert_eq!(state["agreements"], json!({ "terminated": 1 }));
}

/// Must not count, whoever sends it: what no command would sign is signed here and posted as it is.
#[test]
fn what_does_not_count_is_refused_or_marked_with_its_code() {
    let stage = Stage::new();
    let (terms, text) = (example("agreements/agreement.yaml"), example("agreements/mou-heron-harbourwiki.md"));
    let agreement = stage.say(STEWARDS, &["agreement", "propose", "--from", &terms, "--text", &text]);
    // The operator has a seat of the council as well, and will lose its key.
    let mut predicate = Record::parse(&cast::genesis_with_council()).unwrap().statement.predicate;
    let operator = cast::key("operator");
    predicate["council"]["keys"][0] =
        json!({ "keyid": operator.public_key().key_id(), "publicKey": operator.public_key().to_base64() });
    let seats: Vec<PrivateKey> = ["council-1", "council-2", "council-3"].map(cast::key).into();
    let of_log = vec![LogPolicy::subject(cast::ORIGIN)];
    let policy = cast::sign(Kind::LogPolicy, of_log, Value::Object(predicate), &seats.iter().collect::<Vec<_>>());
    assert_eq!(stage.post(policy).status, 201);

    // A step that says that it was taken a year ago is taken now: the comment period runs from now, and a mark says so.
    let long_ago = UnixMillis(stage.clock.now().0 - 400 * DAY);
    let phase = ["agreement", "phase", &agreement, "commentOpen", "--issuer", STEWARDS, "--key", &stage.key(STEWARDS)];
    let line = stage.reaching(&phase, true);
    let (exit, opened) = stage.run_at(long_ago, &texts(&line));
    assert_eq!(exit, 0, "{opened}");
    let index = opened["index"].as_str().unwrap();
    let shown = stage.ask(&["record", "show", index]);
    assert_eq!(shown["marks"][0]["code"], "issued_doubtful", "{shown}");
    let close = ["agreement", "phase", &agreement, "commentClosed", "--issuer", STEWARDS, "--key"];
    stage.refused(&[&close[..], &[&stage.key(STEWARDS)]].concat(), "comment_period");
    stage.pass_days(14);
    stage.say(STEWARDS, &["agreement", "phase", &agreement, "commentClosed"]);

    // The same key twice is one voice, whether a command or somebody else signs.
    let id: RecordId = agreement.parse().unwrap();
    let ratified = |keys: &[&PrivateKey]| {
        let predicate = json!({
            "issuer": { "id": "council" }, "issued": cast::ISSUED, "agreement": id.to_reference(), "phase": "ratified",
        });
        cast::sign(Kind::GovernanceEvent, vec![Subject::record(id)], predicate, keys)
    };
    let (two, three) = (cast::key("council-2"), cast::key("council-3"));
    let mut twice: Value = serde_json::from_slice(&ratified(&[&two, &three])).unwrap();
    let again = twice["signatures"][0].clone();
    twice["signatures"].as_array_mut().unwrap().push(again);
    let reply = stage.post(twice.to_string().into_bytes());
    assert_eq!((reply.status, reply.problem().as_str()), (422, "threshold"));
    let (two_pem, three_pem) = (stage.key("council-2"), stage.key("council-3"));
    let line = ["agreement", "ratify", &agreement, "--key", &two_pem, "--key", &three_pem, "--key", &two_pem];
    stage.refused(&line, "threshold");

    // A revoked key is no voice; the others are.
    ["operator", "operator-2"].iter().for_each(|name| stage.store_key(name));
    let (old, new) = (stage.key("operator"), stage.key("operator-2"));
    stage.say_with(&["key", "add", &new, "--issuer", "operator", "--key", &old, "--key", &new]);
    stage.say_with(&["key", "revoke", &old, "--reason", "superseded", "--issuer", "operator", "--key", &new]);
    let reply = stage.post(ratified(&[&operator, &two, &three]));
    assert_eq!((reply.status, reply.problem().as_str()), (403, "signer_revoked"));
    stage.refused(
        &["agreement", "ratify", &agreement, "--key", &old, "--key", &two_pem, "--key", &three_pem],
        "signer_revoked",
    );
    stage.stands(&agreement, "commentClosed");
    stage.say_with(&[
        "agreement",
        "ratify",
        &agreement,
        "--key",
        &two_pem,
        "--key",
        &three_pem,
        "--key",
        &stage.key("council-4"),
    ]);
    assert_ne!(stage.ask(&["agreement", "status", &agreement])["status"], "commentClosed");
}

impl Stage {
    fn post(&self, envelope: Vec<u8>) -> server::testing::Reply {
        self.server.request("POST", "/api/v1/records", &[("content-type", "application/json")], &envelope)
    }
    /// The time, so many months from now, as the fold counts months.
    fn in_months(&self, months: u32) -> String {
        let at = ledger::record::period::Period::months(months).after(self.clock.now());
        ledger::record::terms::Timestamp::from_millis(at).unwrap().as_str().to_owned()
    }
}

#[test]
fn what_would_be_sent_is_shown_and_nothing_is_sent() {
    let stage = Stage::new();
    let before = stage.server.app.log.published().unwrap().size;
    let line = stage
        .reaching(&["preference", "declare", "page:harbourwiki/11", "--disallow", "train-ai", "--fresh-key"], false);
    let shown = stage.ok(&[&texts(&line)[..], &["--dry-run"]].concat());
    let statement: Value = serde_json::from_str(shown["statement"].as_str().unwrap()).unwrap();
    assert!(statement["predicate"]["issuer"]["id"].as_str().unwrap().starts_with("key:"), "{statement}");
    assert!(statement["predicate"]["nonce"].is_string() && statement["predicate"]["publicKey"].is_string());
    assert_eq!(shown["sent"], false);
    assert_eq!(stage.server.app.log.published().unwrap().size, before);
}
