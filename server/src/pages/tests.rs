//! The pages over a socket, on a log that holds what real ones hold, and what hostile ones would.

#![allow(clippy::unwrap_used, clippy::panic)]

mod fates;

use std::collections::BTreeSet;
use std::sync::OnceLock;

use ledger::ids::RecordId;
use ledger::manifest::{BuildOptions, Keyspace, build};
use ledger::record::kind::Kind;
use ledger::record::statement::Subject;
use ledger::record::subject_digest;
use ledger::testing as cast;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::view::gallery;
use crate::testing::{Reply, TestServer};

/// What would do harm if a page took it for markup, in a form that passes for a name.
const HOSTILE: &str = "\"><script>alert(1)</script><svg onload=alert(2)><img src=x onerror='alert(3)'>{{7*7}}";

const PARAGRAPH: &str =
    "People who live on its banks measure time by the mud, and nobody hurries who has ever sunk in it.";

const WIKI: &str = r#"<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="en">
<siteinfo><sitename>Testwiki</sitename><dbname>testwiki</dbname><namespaces><namespace key="0" case="first-letter"/></namespaces></siteinfo>
<page><title>Skerry Estuary</title><ns>0</ns><id>12</id><revision><id>5012</id><timestamp>2026-01-01T00:00:00Z</timestamp>
<model>wikitext</model><format>text/x-wiki</format><text xml:space="preserve">'''Skerry Estuary''' is a drowned valley.

People who live on its banks measure time by the mud, and nobody hurries who has ever sunk in it.</text></revision></page>
</mediawiki>"#;

/// A server, and the addresses of what is on it.
struct World {
    server: TestServer,
    model: RecordId,
    dataset: RecordId,
    hostile: u64,
    unvouched: u64,
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(make)
}

/// Signs with the issuer's key and puts it into the log.
fn say(server: &TestServer, issuer: &str, kind: &str, subject: Subject, mut predicate: Value) -> (u64, RecordId) {
    let members = predicate.as_object_mut().unwrap();
    members.entry("issuer").or_insert_with(|| json!({"id": issuer, "name": format!("The {issuer} of Übersee")}));
    members.entry("issued").or_insert_with(|| cast::ISSUED.into());
    let body = cast::sign(Kind::parse(kind).unwrap(), vec![subject], predicate, &[&cast::key(issuer)]);
    let id = cast::record_id(&body);
    (server.sequence(body), id)
}

fn artifact(name: &str) -> Subject {
    Subject::artifact(name, subject_digest(name.as_bytes()))
}

fn make() -> World {
    let server = TestServer::start();
    server.sequence(cast::party("packager", &["partner"]));
    let profile = json!({"name": "آزمایشگاه حواصیل", "contact": "provenance@heron.example"});
    let party = artifact("profile");
    say(&server, "lab", "party-profile", party, profile);
    let (_, model) = say(
        &server,
        "lab",
        "model-card",
        artifact("model.safetensors"),
        json!({
        "model_name": "heron-minilm-l6-v2", "license": "apache-2.0", "language": ["en", "fa"], "house_style": "plain",
        "limitation": "Texts longer than 256 word pieces are cut."}),
    );
    let about = Subject::record(model);
    for i in 0..290 {
        let source = json!({"relation": "finetunedOn", "category": "publicDataset", "pairs": 4_034_691 + i,
            "dataset": {"name": format!("part-{i:03}.jsonl.gz"), "uri": format!("https://example.org/part-{i}"), "digest": "noAssertion"}});
        say(&server, "lab", "training-source", about.clone(), source);
    }
    for (issuer, licence, role) in [("lab", "Apache-2.0", "publisher"), ("packager", "MIT", "packager")] {
        let claim = json!({"licenseConcluded": licence, "acknowledgement": "concluded", "claimantRole": role, "scope": {"of": "weights"}});
        say(&server, issuer, "license-claim", about.clone(), claim);
    }
    say(
        &server,
        "auditor",
        "audit-attestation",
        about.clone(),
        json!({
        "verifier": {"id": "https://owl.example"}, "timeCreated": cast::ISSUED, "target": [model.to_reference()],
        "verdict": "partial", "method": "Compared the list with the file.", "validUntil": "2026-04-01T00:00:00Z"}),
    );
    let dataset = contents(&server, model);
    let (hostile, _) = say(
        &server,
        "lab",
        "model-card",
        artifact(HOSTILE),
        json!({
        "issuer": {"id": "lab", "name": HOSTILE}, "model_name": HOSTILE, "license_link": "javascript:alert(1)", "version": HOSTILE,
        "considerations": {HOSTILE: [HOSTILE]}, "limitation": "'".repeat(100_000), HOSTILE: HOSTILE, "tags": vec![HOSTILE; 300]}),
    );
    let own = cast::key("nobody");
    let id = format!("key:{}", own.public_key().key_id());
    let comment = json!({"issuer": {"id": id, "name": HOSTILE}, "publicKey": own.public_key().to_base64(),
        "target": model.to_reference(), "text": HOSTILE, "grounds": HOSTILE, "nonce": "AAAAAAAAAAAAAAAAAAAAAA=="});
    let (unvouched, _) = say(&server, "nobody", "comment", about, comment);
    World { server, model, dataset, hostile, unvouched }
}

/// A dataset with committed contents that a model used, one whose contents are closed, one without files, one without any.
fn contents(server: &TestServer, model: RecordId) -> RecordId {
    let folder = tempfile::tempdir().unwrap();
    let (source, out) = (folder.path().join("wiki.xml"), folder.path().join("out"));
    std::fs::write(&source, WIKI).unwrap();
    let summary = build(&source, &out, &BuildOptions::default(), &|_| {}).unwrap();
    server.app.log.manifests().add(&out).unwrap();
    let (_, card) = say(
        server,
        "lab",
        "dataset-card",
        artifact("wiki.xml"),
        json!({
        "name": "testwiki-extract", "description": "One page.\nText only.", "license": "https://creativecommons.org/licenses/by-sa/4.0/"}),
    );
    let rows: Vec<Value> = summary.keyspaces.iter().map(|row| json!(row)).collect();
    let manifest = |name: &str, card: Option<RecordId>, rows: Vec<Value>| {
        let subjects: Vec<Subject> =
            rows.iter().map(|row| Subject::keyspace(row["id"].as_str().unwrap().parse().unwrap())).collect();
        let mut dataset = json!({"name": name});
        if let Some(card) = card {
            dataset["record"] = card.to_reference().into();
        }
        let predicate = json!({"issuer": {"id": "lab", "name": "Lab"}, "issued": cast::ISSUED, "dataset": dataset, "keyspaces": rows});
        let body = cast::sign(Kind::Manifest, subjects, predicate, &[&cast::key("lab")]);
        let id = cast::record_id(&body);
        server.sequence(body);
        id
    };
    let named = manifest("testwiki-extract", Some(card), rows.clone());
    let by_manifest =
        json!({"relation": "testedOn", "items": 1, "dataset": {"name": "testwiki"}, "manifest": named.to_reference()});
    say(server, "lab", "training-source", artifact("other-model.bin"), by_manifest);
    let changed = |change: fn(&mut Value)| -> Vec<Value> {
        rows.iter()
            .cloned()
            .map(|mut row| {
                change(&mut row);
                row
            })
            .collect()
    };
    manifest("closed-crawl", None, changed(|row| row["disclosure"] = "closed".into()));
    manifest("elsewhere", None, changed(|row| row["id"] = "ab".repeat(32).into()).into_iter().take(1).collect());
    manifest("forged", None, changed(|row| row["root"] = "cd".repeat(32).into()));
    say(server, "lab", "dataset-card", artifact("secret.bin"), json!({"name": "no contents committed"}));
    say(
        server,
        "lab",
        "training-source",
        Subject::record(model),
        json!({
        "relation": "pretrainedOn", "items": 1, "dataset": {"name": "testwiki", "record": card.to_reference()}}),
    );
    card
}

/// What must hold of every page.
fn check(path: &str, reply: &Reply) -> String {
    let html = reply.text();
    assert_eq!(reply.header("content-type"), Some("text/html; charset=utf-8"), "{path}");
    let policy = reply.header("content-security-policy").unwrap();
    assert_eq!(policy, super::CONTENT_SECURITY_POLICY, "{path}");
    assert_eq!(reply.header("referrer-policy"), Some("no-referrer"), "{path}");
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}");
    assert!(html.len() <= 50_000, "{path}: {} bytes", html.len());
    assert_eq!(html.matches("<h1>").count(), 1, "{path}");
    assert!(html.starts_with("<!doctype html>\n<html lang=\"en\">"), "{path}");
    let lower = html.to_ascii_lowercase();
    for forbidden in ["<script", "<style", " style=", "<iframe", "unused"] {
        assert!(!lower.contains(forbidden), "{path}: {forbidden}");
    }
    for address in ["href", "src", "action"].into_iter().flat_map(|name| attributes(&html, name)) {
        let known = ["/", "#", "https://", "http://"].iter().any(|start| address.starts_with(start));
        assert!(known, "{path}: {address}");
    }
    for tag in tags(&html) {
        assert!(!tag.split_whitespace().any(|part| part.starts_with("on") && part.contains('=')), "{path}: <{tag}>");
        if tag.starts_with("img") || tag.starts_with("link") {
            assert!(tag.contains("=\"/assets/"), "{path}: <{tag}>");
        }
    }
    let ids: Vec<&str> = attributes(&html, "id").collect();
    let unique: BTreeSet<&&str> = ids.iter().collect();
    assert_eq!(ids.len(), unique.len(), "{path}: {ids:?}");
    for label in attributes(&html, "for").chain(attributes(&html, "aria-describedby")) {
        assert!(ids.contains(&label), "{path}: {label}");
    }
    html
}

fn tags(html: &str) -> impl Iterator<Item = &str> {
    html.split('<').skip(1).filter_map(|rest| rest.split('>').next())
}

fn attributes<'a>(html: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let start = format!("{name}=\"");
    tags(html).filter_map(move |tag| {
        let at = tag.find(&format!(" {start}"))? + start.len() + 1;
        tag[at..].split('"').next()
    })
}

fn post(path: &str, fields: &[(&str, &str)]) -> Reply {
    let body: Vec<String> =
        fields.iter().map(|(name, value)| format!("{name}={}", crate::query::encode(value))).collect();
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("accept", "text/html")];
    world().server.request("POST", path, &headers, body.join("&").as_bytes())
}

#[test]
fn u08_u09_every_page_that_a_reader_can_reach_is_whole_and_light() {
    let World { server, model, dataset, .. } = world();
    let mut open = vec!["/".to_owned(), format!("/m/{model}"), format!("/d/{dataset}"), "/search?q=heron".to_owned()];
    let mut seen: BTreeSet<String> = open.iter().cloned().collect();
    let mut pages = 0;
    while let Some(path) = open.pop() {
        let reply = server.request("GET", &path, &[("accept", "text/html")], b"");
        assert!(matches!(reply.status, 200 | 303), "{path}: {} {}", reply.status, reply.text());
        if reply.header("content-type") != Some("text/html; charset=utf-8") || reply.status == 303 {
            continue;
        }
        pages += 1;
        let html = check(&path, &reply);
        for link in attributes(&html, "href").filter(|link| link.starts_with('/')) {
            let link = link.split('#').next().unwrap().replace("&#38;", "&");
            // A list of hundreds of like records is followed for its first dozen.
            let alike = link.starts_with("/r/") && pages > 60;
            if !alike && seen.insert(link.clone()) {
                open.push(link);
            }
        }
    }
    assert!(pages > 40, "{pages}");
}

#[test]
fn b20_hostile_text_is_shown_as_text_on_every_page() {
    let World { server, hostile, unvouched, .. } = world();
    for path in [format!("/r/{hostile}"), format!("/r/{unvouched}"), "/".to_owned(), "/search?q=script".to_owned()] {
        let html = check(&path, &server.get(&path));
        assert!(html.contains("&#60;script&#62;alert(1)"), "{path}");
    }
    let encoded = crate::query::encode(HOSTILE);
    for path in [
        format!("/search?q={encoded}"),
        format!("/p/{encoded}"),
        format!("/?issuer={encoded}"),
        format!("/m/{encoded}"),
    ] {
        let reply = server.request("GET", &path, &[("accept", "text/html")], b"");
        check(&path, &reply);
    }
    assert!(server.get(&format!("/r/{unvouched}")).text().contains("Unvouched"));
}

#[test]
fn a_model_shows_its_sources_and_claims_and_who_said_so() {
    let World { server, model, .. } = world();
    let html = server.get(&format!("/m/{model}")).text();
    gallery::keep("live-model", &html);
    for part in [
        "heron-minilm-l6-v2",
        "1,170,102,295",
        ">compatible</span>",
        "2 claims name a licence",
        "No dispute about it in this log",
        "No incident reported about it in this log",
        "No correction of it in this log",
        "Apache-2.0",
        ">MIT<",
        "Partly conformant",
        "ran out",
    ] {
        assert!(html.contains(part), "{part}");
    }
    assert!(server.get(&format!("/m/{model}?from=30")).text().contains("part-030"));
    let digest = Sha256::digest("model.safetensors");
    let by_file = server.get(&format!("/m/{}", ledger::ids::to_hex(&digest))).text();
    assert!(by_file.contains(">compatible</span>"), "an address by the file's digest shows the same model");
}

#[test]
fn a_dataset_shows_the_models_that_name_its_card_or_its_manifest() {
    let World { server, dataset, .. } = world();
    let html = check("/d", &server.get(&format!("/d/{dataset}")));
    for part in [
        "testwiki-extract",
        "heron-minilm-l6-v2",
        "pre-trained on",
        "other-model.bin",
        "tested on",
        "Files of the keyspace",
    ] {
        assert!(html.contains(part), "{part}");
    }
}

#[test]
fn u08_the_search_box_leads_to_what_it_was_given() {
    let World { model, dataset, .. } = world();
    let digest = ledger::ids::to_hex(&Sha256::digest("model.safetensors"));
    let key = cast::key("lab").public_key().key_id().to_hex();
    for (typed, expected) in [
        ("0".to_owned(), "/r/0".to_owned()),
        (model.to_hex(), format!("/m/{model}")),
        (format!("record:{dataset}"), format!("/d/{dataset}")),
        (format!("sha256:{}", digest.to_uppercase()), format!("/m/{digest}")),
        (key, "/p/lab".to_owned()),
        (" lab ".to_owned(), "/p/lab".to_owned()),
        ("MiniLM heron".to_owned(), "/search?q=MiniLM%20heron".to_owned()),
        (String::new(), "/".to_owned()),
    ] {
        let reply = post("/search", &[("q", &typed)]);
        assert_eq!((reply.status, reply.header("location")), (303, Some(expected.as_str())), "{typed}");
    }
    assert!(world().server.get("/search?q=MiniLM%20heron").text().contains("heron-minilm-l6-v2"));
    let content = post("/search", &[("q", PARAGRAPH)]);
    assert_eq!((content.status, content.header("location")), (200, None), "content never becomes an address");
    assert!(check("/search", &content).contains("href=\"/ask\""));
}

#[test]
fn u08_asking_says_which_dataset_has_it_and_which_cannot_be_asked() {
    let ask = |fields: &[(&str, &str)]| {
        let reply = post("/ask", fields);
        assert_eq!((reply.status, reply.header("cache-control")), (200, Some("no-store")));
        check("/ask", &reply)
    };
    let word = |html: &str, dataset: &str| -> String {
        let item =
            html.split("<li>\n<p><span class=\"tag").find(|item| item.contains(&format!(">{dataset}<"))).unwrap();
        item.split('>').nth(1).unwrap().split('<').next().unwrap().to_owned()
    };
    let present = ask(&[("text", PARAGRAPH), ("form", "plain")]);
    gallery::keep("ask-present", &present);
    assert_eq!(word(&present, "testwiki-extract"), "present");
    assert_eq!(word(&present, "closed-crawl"), "present", "a closed manifest shows what is in it by range");
    assert_eq!(word(&present, "forged"), "invalid");
    for part in
        ["heron-minilm-l6-v2", "computed by this server", "colophon ask", "no contents committed: 1", "cosigned"]
    {
        assert!(present.contains(part), "{part}");
    }
    assert!(!present.contains("measure time by the mud"), "the text is not sent back");
    // A page of text has dozens of runs: one line says how many, and each part can be opened.
    let long = ask(&[("text", &PARAGRAPH.repeat(3)), ("form", "plain")]);
    let (before, opened) = long.split_once("<details><summary>Each part by itself</summary>").unwrap();
    let line = before.split_once("Looked for: ").unwrap().1;
    assert!(line.contains(" runs of at least 99 characters") && !line.contains("run 2 of"), "{line}");
    assert!(opened.contains("run 2 of at least 99 characters"), "{opened}");
    assert!(!ask(&[("page", "12"), ("wiki", "testwiki")]).contains("Each part by itself"));
    let absent = ask(&[("text", &PARAGRAPH.replace("mud", "moon")), ("form", "plain")]);
    gallery::keep("ask-absent", &absent);
    assert_eq!(word(&absent, "testwiki-extract"), "absent");
    assert_eq!(word(&absent, "closed-crawl"), "unknown", "and does not say that it holds all");
    for said in ["Cite this on a talk page", "Permalink:", "It does not mean that no model learnt it"] {
        assert!(absent.contains(said), "{said}");
    }
    assert!(!absent.to_lowercase().contains("unused"));
    assert_eq!(word(&absent, "elsewhere"), "not-covered");
    assert_eq!(word(&ask(&[("title", "Skerry Estuary"), ("wiki", "testwiki")]), "testwiki-extract"), "present");
    assert_eq!(word(&ask(&[("page", "12"), ("wiki", "testwiki")]), "testwiki-extract"), "present");
    assert_eq!(word(&ask(&[("revision", "5013"), ("wiki", "testwiki")]), "testwiki-extract"), "absent");
    assert_eq!(word(&ask(&[("url", "https://example.org/a")]), "testwiki-extract"), "not-covered");
    for wrong in [vec![("title", "Skerry Estuary")], vec![("url", "javascript:alert(1)")], vec![("text", " ")]] {
        let reply = post("/ask", &wrong);
        assert_eq!(reply.status, 400);
        assert!(check("/ask", &reply).contains("role=\"alert\""));
    }
}

#[test]
fn a_proof_can_be_taken_away_and_checked_against_the_signed_manifest() {
    let html = post("/ask", &[("page", "12"), ("wiki", "testwiki")]).text();
    let value = |name: &str| {
        let tag = tags(&html).find(|tag| tag.contains(&format!("name=\"{name}\"")) && tag.contains("hidden")).unwrap();
        tag.split("value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    let (keyspace, key) = (value("keyspace"), value("key"));
    let reply = post("/ask/proof", &[("keyspace", &keyspace), ("key", &key)]);
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/octet-stream")));
    let World { server, .. } = world();
    let files = server.app.log.manifests().files(&keyspace.parse().unwrap()).unwrap().unwrap();
    let declared: &Keyspace = files.keyspace();
    assert!(declared.verify(&key.parse().unwrap(), declared.t(), &reply.body).unwrap().is_present());
    assert_eq!(post("/ask/proof", &[("keyspace", &"ab".repeat(32)), ("key", &key)]).status, 404);
    assert_eq!(post("/ask/proof", &[("keyspace", "x"), ("key", &key)]).status, 400);
}

#[test]
fn u14_a_bundle_is_verified_link_by_link() {
    let World { server, model, .. } = world();
    let view = server.app.log.published().unwrap();
    let index = server.app.log.find_record(&view, *model).unwrap().unwrap().index;
    let bundle = server.app.log.bundle(&view, index).unwrap().encode().unwrap();
    let upload = |bytes: &[u8]| {
        let mut body = b"--B\r\ncontent-disposition: form-data; name=\"bundle\"; filename=\"x.json\"\r\n\r\n".to_vec();
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n--B\r\ncontent-disposition: form-data; name=\"pasted\"\r\n\r\n\r\n--B--\r\n");
        let headers = [("content-type", "multipart/form-data; boundary=B"), ("accept", "text/html")];
        server.request("POST", "/verify", &headers, &body)
    };
    let good = upload(&bundle);
    assert_eq!(good.status, 200);
    let html = check("/verify", &good);
    gallery::keep("verify-ok", &html);
    assert!(html.contains(">Verified<") && html.contains(&format!("/r/{index}")), "{html}");
    assert_eq!(html.matches("It does not show:").count(), 8);
    // The policy of this log names its own clock and nobody else.
    assert!(html.contains("no independent witness") && !html.contains("Enough"), "{html}");
    let text = String::from_utf8(bundle).unwrap();
    let at = text.find("index ").unwrap() + 6;
    let mut tampered = text.clone().into_bytes();
    tampered[at] = if tampered[at] == b'9' { b'8' } else { tampered[at] + 1 };
    let html = check("/verify", &upload(&tampered));
    assert!(
        html.contains("Not verified") && !html.contains("heron-minilm"),
        "nothing of an unverified record is shown"
    );
    gallery::keep("verify-tampered", &html);
    let pasted = post("/verify", &[("pasted", &text)]);
    assert!(check("/verify", &pasted).contains(">Verified<"));
    assert_eq!(post("/verify", &[]).status, 400);
}

#[test]
fn a_browser_gets_a_page_of_every_problem_and_a_program_the_document() {
    let World { server, .. } = world();
    for path in ["/r/999999", "/nothing", "/m/x", "/p/nobody-at-all", "/api/v1/records/999999", "/r/0/"] {
        let page = server.request("GET", path, &[("accept", "text/html,application/xhtml+xml,*/*;q=0.8")], b"");
        assert_eq!((page.status, page.header("cache-control")), (404, Some("no-store")), "{path}");
        assert!(check(path, &page).contains("not_found"), "{path}");
    }
    assert_eq!(server.get("/nothing").problem(), "not_found");
    let bad = server.request("GET", "/?before=x", &[("accept", "text/html")], b"");
    assert_eq!(bad.status, 400);
    check("/?before=x", &bad);
    let json = server.request("POST", "/ask", &[("content-type", "application/json"), ("accept", "text/html")], b"{}");
    assert_eq!(json.status, 400);
}

#[test]
fn a_search_waits_for_no_other_one_that_reads() {
    let World { server, .. } = world();
    let pages = super::Pages::new(std::sync::Arc::clone(&server.app));
    let headers = warp::http::HeaderMap::new();
    let search = || pages.get(super::Request { path: "/search", query: "q=minilm", headers: &headers }).unwrap();
    assert_eq!(search().status(), 200);
    let _reads = pages.reads_names.lock().unwrap();
    assert_eq!(search().status(), 200);
    assert_eq!(pages.names.lock().unwrap().find("minilm heron", 5).len(), 1);
}

#[test]
fn a_problem_as_a_page_counts_for_the_resource_that_was_asked() {
    let server = TestServer::start();
    server.request("GET", "/api/v1/records/999999", &[("accept", "text/html")], b"");
    let counted = r#"colophon_http_requests_total{resource="record",method="GET",status="4xx"} 1"#;
    assert!(server.get("/metrics").text().contains(counted));
}

#[test]
fn a_page_is_for_whoever_takes_one_however_little() {
    let prefers = |accept: &str| {
        let headers = warp::http::HeaderMap::from_iter([(warp::http::header::ACCEPT, accept.parse().unwrap())]);
        super::prefers_pages(&headers)
    };
    for page in [
        "text/html",
        "text/html;q=0.9",
        "application/json, Text/HTML ; Q=0.001",
        "text/html;level=1;q=0.5",
        "text/html;q=1",
    ] {
        assert!(prefers(page), "{page}");
    }
    for document in ["*/*", "application/json", "text/html;q=0", "text/html; q=0.000", "text/html;level=1; q = 0", ""] {
        assert!(!prefers(document), "{document}");
    }
}

#[test]
fn pages_are_asked_about_again_and_assets_never() {
    let World { server, .. } = world();
    let first = server.get("/verify");
    let tag = first.header("etag").unwrap();
    let again = server.request("GET", "/verify", &[("if-none-match", tag)], b"");
    // The page says how long ago the checkpoint was cosigned, so a minute may have turned.
    assert!(again.status == 304 && again.body.is_empty() || again.header("etag") != Some(tag));
    assert_eq!(first.header("cache-control"), Some("no-cache"));
    let head = server.request("HEAD", "/verify", &[], b"");
    assert_eq!((head.status, head.body.len()), (200, 0));
    for asset in [&*super::assets::STYLE, &*super::assets::LOGO] {
        let reply = server.get(&asset.path);
        assert_eq!(reply.body, asset.bytes);
        assert_eq!(reply.header("cache-control"), Some("public, max-age=31536000, immutable"));
    }
    assert_eq!(server.get("/assets/colophon.css").status, 404);
}

#[test]
fn a_log_without_a_checkpoint_says_so() {
    let server = TestServer::of_empty_log(crate::Options::default());
    let reply = server.request("GET", "/", &[("accept", "text/html")], b"");
    assert_eq!(reply.status, 200);
    assert!(check("/", &reply).contains("There is no checkpoint yet"));
    let record = server.request("GET", "/r/0", &[("accept", "text/html")], b"");
    assert_eq!(record.status, 404);
    check("/r/0", &record);
}

#[test]
fn a_list_of_two_kinds_of_reference_is_paged_without_gap_or_repetition() {
    let World { server, model, .. } = world();
    let mut path = format!("/?ref={model}");
    let mut indices: Vec<u64> = Vec::new();
    loop {
        let html = check(&path, &server.get(&path));
        let lines = html.split("<p class=\"at\"><a href=\"/r/").skip(1);
        indices.extend(lines.map(|line| line.split('"').next().unwrap().parse::<u64>().unwrap()));
        let Some(older) = attributes(&html, "href").find(|link| link.contains("before=")) else { break };
        path = older.replace("&#38;", "&");
    }
    assert!(indices.windows(2).all(|pair| pair[0] > pair[1]), "{indices:?}");
    // 291 sources, two claims, an audit and a comment.
    assert_eq!(indices.len(), 295);
}
