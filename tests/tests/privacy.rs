//! What a server sees of a question, byte for byte, in each mode (docs/PRIVACY.md).
//!
//! A recorder stands between the program and the log's server and writes down every request as it came over the wire. What is
//! asserted is the whole of it, not that something is missing: each request line and header is named.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use harness::{Program, ServedByProgram};
use ledger::ids::to_hex;
use ledger::manifest::{Declaration, Keyspace, Kind, key};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// A connection's requests and the lengths of their replies.
type Exchange = Arc<Mutex<Vec<(String, usize)>>>;

/// Passes bytes on to a server and keeps the requests.
struct Recorder {
    url: String,
    seen: Exchange,
}

impl Recorder {
    fn before(server: &str) -> Self {
        let target = server.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Exchange::default();
        let kept = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (target, kept) = (target.clone(), Arc::clone(&kept));
                std::thread::spawn(move || pass(stream, &target, &kept));
            }
        });
        Self { url, seen }
    }

    /// What came since the last time.
    fn take(&self) -> Vec<(String, usize)> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

/// One connection: a request, its reply, the next request. Nothing that the program sends has a body.
fn pass(mut client: TcpStream, target: &str, kept: &Exchange) {
    let mut server = TcpStream::connect(target).unwrap();
    loop {
        let Some(request) = head(&mut client) else { return };
        server.write_all(request.as_bytes()).unwrap();
        let Some(reply) = head(&mut server) else { return };
        let length = reply.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
        });
        let length = length.unwrap_or_else(|| panic!("a reply without its length: {reply}"));
        let mut body = vec![0; length];
        server.read_exact(&mut body).unwrap();
        kept.lock().unwrap().push((request, length));
        if client.write_all(reply.as_bytes()).and_then(|()| client.write_all(&body)).is_err() {
            return;
        }
    }
}

/// Bytes up to the empty line.
fn head(stream: &mut TcpStream) -> Option<String> {
    let (mut bytes, mut byte) = (Vec::new(), [0]);
    while !bytes.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => bytes.push(byte[0]),
            _ => return None,
        }
    }
    Some(String::from_utf8(bytes).unwrap())
}

/// A served log with one dataset of 20,000 items.
struct Place {
    program: Program,
    dir: tempfile::TempDir,
    server: ServedByProgram,
    recorder: Recorder,
    keyspace: Keyspace,
}

fn item(i: u64) -> [u8; 32] {
    Sha256::digest(i.to_be_bytes()).into()
}

const ITEMS: u64 = 20_000;

fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let program = Program::new(env!("CARGO_BIN_EXE_colophon-under-test"), dir.path());
    let path = |name: &str| text(&dir.path().join(name));
    program.json(&["key", "new", "operator", "--no-password"]);
    let log = path("log");
    let init = ["log", "init", "--dir", &log, "--origin", "log.example.org/private", "--operator", "operator"];
    let made = program.json(&[&init[..], &["--operator-key", "operator"]].concat());
    let server = program.serve(Path::new(&log));
    let recorder = Recorder::before(&server.url);
    program.json(&["log", "trust", &recorder.url, "--vkey", made["vkey"].as_str().unwrap()]);
    program.json(&["key", "new", "lab", "--no-password"]);
    let (statement, envelope) = (path("lab.json"), path("lab.dsse.json"));
    let line = ["party", "new", "lab", "--role", "partner", "--key", "lab", "--issuer", "operator", "--out"];
    program.json(&[&line[..], &[&statement]].concat());
    program.json(&["record", "sign", &statement, "--key", "operator", "--key", "lab", "--out", &envelope]);
    let at = ["--log", &server.url];
    program.json(&[&["record", "submit", &envelope], &at[..]].concat());

    let source = path("digests.txt");
    std::fs::write(&source, (0..ITEMS).map(|i| format!("{}\n", to_hex(&item(i)))).collect::<String>()).unwrap();
    let manifest = path("manifest");
    let built = program.json(&["manifest", "build", &source, "--out", &manifest, "--license", "CC0-1.0"]);
    let row: Declaration = serde_json::from_value(built["keyspaces"][0].clone()).unwrap();
    let keyspace = Keyspace::declared(&row).unwrap();
    let line = ["record", "publish", "manifest", "--from", &manifest, "--key", "lab", "--issuer", "lab"];
    program.json(&[&line[..], &["--out", &path("manifest.colophon.json")], &at[..]].concat());
    program.json(&[&["manifest", "push", &manifest, "--key", "lab"], &at[..]].concat());
    Place { program, dir, server, recorder, keyspace }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

impl Place {
    /// Asks with an empty cache; the answer, and what the server saw of the dataset.
    fn ask(&self, questions: &[&str], flags: &[&str]) -> (Value, Vec<(String, usize)>) {
        let cache = self.dir.path().join("cache");
        let _ = std::fs::remove_dir_all(&cache);
        self.recorder.take();
        let line = [&["ask"], questions, flags, &["--log", &self.recorder.url]].concat();
        let mut command = self.program.command(&line);
        let answered = harness::run(command.arg("--json").env("COLOPHON_CACHE", &cache)).passed("ask").json();
        (answered, self.recorder.take())
    }

    /// The one request that a program of ours makes for a path, letter by letter.
    fn request(&self, path: &str, range: Option<&str>) -> String {
        let host = self.recorder.url.strip_prefix("http://").unwrap();
        let version = env!("CARGO_PKG_VERSION");
        let range = range.map(|range| format!("range: {range}\r\n")).unwrap_or_default();
        format!(
            "GET {path} HTTP/1.1\r\naccept: */*\r\naccept-encoding: identity\r\nhost: {host}\r\n{range}user-agent: \
             colophon/{version}\r\n\r\n"
        )
    }
}

/// A request with its headers in the order of their names: which library sends them in which order says nothing of a question.
fn sorted(request: &str) -> String {
    let (line, headers) = request.trim_end().split_once("\r\n").unwrap();
    let mut headers: Vec<String> = headers
        .split("\r\n")
        .map(|header| {
            let (name, value) = header.split_once(": ").unwrap();
            format!("{}: {value}\r\n", name.to_ascii_lowercase())
        })
        .collect();
    headers.sort();
    format!("{line}\r\n{}\r\n", headers.concat())
}

fn about_the_dataset(seen: &[(String, usize)]) -> Vec<(String, usize)> {
    seen.iter().filter(|(request, _)| request.contains("/manifests/")).map(|(r, n)| (sorted(r), *n)).collect()
}

/// Everything else that is fetched: the log itself, which is the same for every question. Several files are fetched at once, so
/// in which order they come is chance.
fn about_the_log(seen: &[(String, usize)]) -> Vec<String> {
    let others = seen.iter().filter(|(request, _)| !request.contains("/manifests/"));
    let mut requests: Vec<String> = others.map(|(request, _)| sorted(request)).collect();
    requests.sort();
    requests
}

fn question(i: u64) -> String {
    format!("sha256:{}", to_hex(&item(i)))
}

#[test]
fn what_the_server_sees_in_each_mode_is_written_here_byte_for_byte() {
    let place = place();
    let (id, t) = (place.keyspace.id(), place.keyspace.t());
    let key = |i: u64| key::of_digest(Kind::RawSha256, &item(i)).unwrap();
    let (present, absent) = (7, 1 << 40);
    let header = sorted(&place.request(&format!("/manifests/{id}/header.json"), None));

    // The range mode: so few bits that a thousand keys share them, and a reply of one length.
    let depth = place.keyspace.depth_for(1000);
    assert_eq!(depth, 4, "1,250 keys a prefix");
    let mut lengths = Vec::new();
    let mut logs = Vec::new();
    for (i, status) in [(present, "present"), (absent, "absent")] {
        let (answer, seen) = place.ask(&[&question(i)], &[]);
        assert_eq!(answer["questions"][0]["status"], status);
        let prefix = place.keyspace.prefix(&key(i), depth);
        let expected = place.request(&format!("/manifests/{id}/bucket/{depth}/{prefix}?meta=rows"), None);
        let about = about_the_dataset(&seen);
        // The header names the licences, and is the same file whatever was asked and whatever was found.
        let requests: Vec<&String> = about.iter().map(|(request, _)| request).collect();
        assert_eq!(requests, [&sorted(&expected), &header]);
        lengths.push(about[0].1);
        logs.push(about_the_log(&seen));
        let told = &answer["questions"][0]["answers"][0]["looks"][0];
        assert_eq!(told["bitsTold"], 4);
        assert!(told["hiddenAmong"].as_str().unwrap().parse::<u64>().unwrap() >= 1000, "counted in the reply: {told}");
    }
    assert_eq!(lengths[0], lengths[1], "the length of a reply does not tell whether something is there");
    assert_eq!(logs[0], logs[1], "and nothing else that is fetched depends on the question");
    for prefix in 0..16 {
        let reply =
            ureq::get(format!("{}/manifests/{id}/bucket/4/{prefix}?meta=rows", place.recorder.url)).call().unwrap();
        assert_eq!(reply.headers()["content-length"], lengths[0].to_string().as_str(), "prefix {prefix}");
        assert!(reply.headers().get("content-encoding").is_none());
    }

    // The exact mode: all bits that there are, and again one length.
    let mut lengths = Vec::new();
    for i in [present, absent] {
        let (_, seen) = place.ask(&[&question(i)], &["--exact"]);
        let prefix = place.keyspace.prefix(&key(i), t);
        let about = about_the_dataset(&seen);
        let expected = place.request(&format!("/manifests/{id}/bucket/{t}/{prefix}?meta=rows"), None);
        let requests: Vec<&String> = about.iter().map(|(request, _)| request).collect();
        assert_eq!(requests, [&sorted(&expected), &header]);
        lengths.push(about[0].1);
    }
    assert_eq!(lengths[0], lengths[1]);

    // The local mode: whole files, and byte for byte the same requests for every question.
    let keys = place.request(&format!("/manifests/{id}/keys.bin"), Some("bytes=0-639999"));
    let rows = place.request(&format!("/manifests/{id}/meta.bin"), Some("bytes=0-279999"));
    let fetched = [sorted(&keys), sorted(&rows), header];
    for i in [present, 8, absent] {
        let (answer, seen) = place.ask(&[&question(i)], &["--local"]);
        let requests: Vec<String> = about_the_dataset(&seen).into_iter().map(|(request, _)| request).collect();
        assert_eq!(requests, fetched, "item {i}");
        assert_eq!(answer["questions"][0]["answers"][0]["looks"][0]["mode"], "whole");
    }
}

#[test]
fn many_questions_are_answered_from_the_whole_and_never_by_fine_prefixes() {
    let place = place();
    let id = place.keyspace.id();
    let many: Vec<String> = (0..4).map(question).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let (answer, seen) = place.ask(&many, &[]);
    assert!(answer["questions"].as_array().unwrap().iter().all(|question| question["status"] == "present"));
    let requests = about_the_dataset(&seen);
    assert!(requests.iter().all(|(request, _)| !request.contains("/bucket/")), "{requests:?}");

    for flags in [&["--exact"][..], &["--bits", "13"]] {
        let line = [&["ask"], &many[..], flags, &["--log", &place.recorder.url]].concat();
        let refused = harness::run(place.program.command(&line).arg("--json"));
        assert_eq!((refused.exit, refused.json()["code"].as_str()), (2, Some("bulk_refused")), "{flags:?}");
        assert!(refused.json()["hint"].as_str().unwrap().contains("--local"), "{flags:?}");
        let asked = place.recorder.take();
        assert!(about_the_dataset(&asked).is_empty(), "nothing was told before the refusal: {asked:?}");
    }
    // Three are few, and twelve bits are coarse.
    place.ask(&many[..3], &["--exact"]);
    let (_, seen) = place.ask(&many, &["--bits", "3"]);
    let prefix = format!("/manifests/{id}/bucket/3/");
    assert!(about_the_dataset(&seen).iter().any(|(request, _)| request.contains(&prefix)));
}

/// A list of what somebody wrote names that somebody, so not even its length may be told.
#[test]
fn a_list_of_contributions_is_never_told_to_the_server() {
    let place = place();
    let path = |name: &str| text(&place.dir.path().join(name));
    let rows = path("pages.jsonl");
    let page = |id: u64| format!("{{\"id\":{id},\"title\":\"Page {id}\",\"text\":\"Words of page {id}.\"}}\n");
    std::fs::write(&rows, (1..=3_000).map(page).collect::<String>()).unwrap();
    let (dump, dataset, drawn) = (path("dump"), path("dataset"), path("drawn.jsonl"));
    std::fs::write(&drawn, (1..=3_000).filter(|id| id % 3 != 0).map(page).collect::<String>()).unwrap();
    place.program.json(&["manifest", "build", &rows, "--wiki", "enwiki", "--out", &dump, "--universe"]);
    place.program.json(&["manifest", "build", &drawn, "--wiki", "enwiki", "--out", &dataset, "--over", &dump]);
    place.program.json(&["manifest", "check", &dataset, "--universe", &dump]);
    let at = ["--key", "lab", "--log", &place.server.url];
    for (folder, name) in [(&dump, "dump"), (&dataset, "dataset")] {
        let out = path(&format!("{name}.colophon.json"));
        let line = ["record", "publish", "manifest", "--from", folder, "--issuer", "lab", "--out", &out];
        place.program.json(&[&line[..], &["--dataset-name", name], &at[..]].concat());
        place.program.json(&[&["manifest", "push", folder], &at[..]].concat());
    }
    let list = path("contributions.json");
    let edits = |ids: &[u64]| {
        let rows =
            ids.iter().map(|id| format!("{{\"user\":\"Somebody\",\"pageid\":{id},\"revid\":{},\"ns\":0}}", id + 9));
        let rows = rows.collect::<Vec<_>>().join(",");
        std::fs::write(&list, format!("{{\"query\":{{\"usercontribs\":[{rows}]}}}}")).unwrap();
    };
    let question = format!("@{list}");
    let mut seen = Vec::new();
    for (ids, found) in [(&[1, 2, 3, 4, 5, 6][..], 4), (&[3_001, 7][..], 1)] {
        edits(ids);
        let (answer, requests) = place.ask(&[&question], &["--wiki", "enwiki"]);
        let answers = answer["questions"][0]["answers"].as_array().unwrap().clone();
        let of = |name: &str| answers.iter().find(|a| a["dataset"]["name"] == name).unwrap().clone();
        assert_eq!(of("dataset")["status"], "present");
        assert_eq!(of("dataset")["partsFound"], found, "{}", of("dataset"));
        let mode = of("dataset")["looks"][0]["mode"].clone();
        assert_eq!(mode, "bitmap");
        let requests: Vec<String> = about_the_dataset(&requests).into_iter().map(|(request, _)| request).collect();
        assert!(requests.iter().all(|r| !r.contains("/bucket/")), "{requests:?}");
        assert!(requests.iter().any(|r| r.contains("/bitmap.bin")), "{requests:?}");
        assert!(requests.iter().all(|r| !r.contains("Somebody")));
        seen.push(requests);
    }
    assert_eq!(seen[0], seen[1], "two people's lists look the same to the server");
    let line = ["ask", &question, "--wiki", "enwiki", "--exact", "--log", &place.recorder.url];
    assert_eq!(harness::run(place.program.command(&line).arg("--json")).json()["code"], "bulk_refused");
}
