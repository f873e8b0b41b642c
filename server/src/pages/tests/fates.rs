//! What became of records, on the pages that show them: taken back, corrected, superseded, redacted, vouched for, unknown.

use super::super::card::MAX_SHOWN;
use super::*;
use ledger::ids::SubjectDigest;
use ledger::record::Record;
use ledger::record::kinds::LogPolicy;

/// A log where every kind has its registrants, and one kind that this version does not know.
fn stage() -> TestServer {
    let server = TestServer::of_empty_log(crate::Options::default());
    let mut policy = Record::parse(&cast::genesis_with_council()).unwrap().statement.predicate;
    policy["rules"]["weather-report"] = json!(["partner"]);
    let subject = LogPolicy::subject(cast::ORIGIN);
    let body = cast::sign(Kind::LogPolicy, vec![subject], Value::Object(policy), &[&cast::key("operator")]);
    server.sequence(body);
    for (party, role) in [("lab", "partner"), ("packager", "partner"), ("steward", "steward"), ("auditor", "auditor")] {
        server.sequence(cast::party(party, &[role]));
    }
    server
}

fn card(server: &TestServer, name: &str) -> RecordId {
    say(server, "lab", "model-card", artifact(name), json!({ "model_name": name })).1
}

fn claim(server: &TestServer, issuer: &str, about: RecordId, licence: &str) -> RecordId {
    let claim = json!({"licenseConcluded": licence, "acknowledgement": "concluded", "scope": {"of": "weights"}});
    say(server, issuer, "license-claim", Subject::record(about), claim).1
}

fn retract(server: &TestServer, issuer: &str, target: RecordId, reason: &str) -> u64 {
    let mut retraction = json!({"issuer": {"id": issuer}, "target": target.to_reference(), "reason": reason});
    if reason == "redacted" {
        retraction["redaction"] = json!({"reason": "personalData", "authority": "operator"});
    }
    say(server, issuer, "retraction", Subject::record(target), retraction).0
}

fn index_of(server: &TestServer, id: RecordId) -> u64 {
    let view = server.app.log.published().unwrap();
    server.app.log.find_record(&view, id).unwrap().unwrap().index.0
}

fn page(server: &TestServer, path: &str) -> String {
    let reply = server.get(path);
    assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    check(path, &reply)
}

#[test]
fn a_claim_that_a_retraction_takes_back_no_longer_conflicts() {
    let server = stage();
    let model = card(&server, "heron-1");
    claim(&server, "lab", model, "Apache-2.0");
    let other = claim(&server, "packager", model, "CC-BY-NC-4.0");
    let path = format!("/m/{model}");
    assert!(page(&server, &path).contains("class=\"tag bad\">conflict</span>"));
    let by = retract(&server, "packager", other, "error");
    let html = page(&server, &path);
    assert!(html.contains("class=\"tag mute\">agree</span>") && !html.contains("tag bad\">conflict"), "{html}");
    assert!(html.contains("taken back") && html.contains(&format!("href=\"/r/{by}\"")), "{html}");
    let record = page(&server, &format!("/r/{}", index_of(&server, other)));
    assert!(record.contains("Taken back.") && record.contains(&format!("href=\"/r/{by}\"")), "{record}");
}

#[test]
fn a_retraction_by_somebody_else_changes_nothing() {
    let server = stage();
    let model = card(&server, "heron-2");
    let own = claim(&server, "lab", model, "Apache-2.0");
    let body = cast::sign(
        Kind::Retraction,
        vec![Subject::record(own)],
        json!({"issuer": {"id": "packager"}, "issued": cast::ISSUED, "target": own.to_reference(), "reason": "error"}),
        &[&cast::key("packager")],
    );
    let sent = server.post("/api/v1/records?wait=sequenced", &body);
    let html = page(&server, &format!("/r/{}", index_of(&server, own)));
    assert!(!html.contains("Taken back"), "{}: {html}", sent.status);
    assert!(page(&server, &format!("/m/{model}")).contains("One claim names a licence"));
}

#[test]
fn a_correction_is_linked_and_leaves_the_record_standing() {
    let server = stage();
    let model = card(&server, "heron-3");
    let correction =
        json!({"target": model.to_reference(), "pointers": ["/model_name"], "reason": "a slip of the pen"});
    let (by, _) = say(&server, "lab", "correction", Subject::record(model), correction);
    let record = page(&server, &format!("/r/{}", index_of(&server, model)));
    assert!(record.contains("Corrected.") && record.contains(&format!("href=\"/r/{by}\"")), "{record}");
    let html = page(&server, &format!("/m/{model}"));
    assert!(html.contains("corrected") && html.contains(&format!("href=\"/r/{by}\"")), "{html}");
    assert!(html.contains("<h1><bdi dir=\"auto\">heron-3</bdi></h1>"), "{html}");
}

#[test]
fn a_source_that_was_taken_back_is_listed_and_not_counted() {
    let server = stage();
    let model = card(&server, "heron-4");
    let mut sources = Vec::new();
    for pairs in [1_000, 20_000] {
        let source = json!({"relation": "finetunedOn", "pairs": pairs, "dataset": {"name": format!("part-{pairs}")}});
        sources.push(say(&server, "lab", "training-source", Subject::record(model), source).1);
    }
    let path = format!("/m/{model}");
    assert!(page(&server, &path).contains("21,000"));
    let by = retract(&server, "lab", sources[1], "error");
    let html = page(&server, &path);
    assert!(!html.contains("21,000") && html.contains("part-20000") && html.contains("taken back"), "{html}");
    assert!(html.contains(&format!("href=\"/r/{by}\"")));
}

#[test]
fn m3_7_a_redacted_record_says_so_on_every_page_that_shows_it() {
    let server = stage();
    let model = card(&server, "heron-5");
    let own = claim(&server, "lab", model, "Apache-2.0");
    let at = index_of(&server, own);
    let by = retract(&server, "operator", own, "redacted");
    let record = page(&server, &format!("/r/{at}"));
    assert!(record.contains("was redacted") && record.contains(&format!("href=\"/r/{by}\"")), "{record}");
    assert!(!record.contains("Apache-2.0"));
    let html = page(&server, &format!("/m/{model}"));
    assert!(!html.contains("Apache-2.0") && html.contains("redacted"), "{html}");
}

#[test]
fn a_redacted_audit_is_listed_and_a_list_that_leaves_older_ones_out_says_so() {
    let server = stage();
    let model = card(&server, "heron-8");
    let attest = |item: usize| {
        let audit = json!({"verifier": {"id": "https://owl.example"}, "timeCreated": cast::ISSUED,
            "target": [model.to_reference()], "verdict": "conformant", "scope": format!("Item {item}.")});
        say(&server, "auditor", "audit-attestation", Subject::record(model), audit).1
    };
    let first = attest(0);
    retract(&server, "operator", first, "redacted");
    let read = server.get(&format!("/api/v1/models/{model}")).json();
    let audit = &read["audits"][0];
    assert_eq!((&audit["record"], &audit["redacted"]), (&json!(first), &json!(true)), "{read}");
    assert_eq!((&audit["verdict"], &audit["valid"]), (&json!(null), &json!(false)), "{read}");
    let path = format!("/m/{model}");
    let html = page(&server, &path);
    assert!(!html.contains("Item 0.") && html.contains("<p class=\"what\">redacted</p>"), "{html}");
    assert!(!html.contains("Nobody has attested to it") && !html.contains("more about it than one page"), "{html}");
    for item in 1..MAX_SHOWN {
        attest(item);
    }
    assert!(!page(&server, &path).contains("more about this in the log than one page reads"));
    attest(MAX_SHOWN);
    assert!(page(&server, &path).contains("more about this in the log than one page reads"));
}

#[test]
fn an_unvouched_voice_is_marked_until_a_steward_vouches() {
    let server = stage();
    let model = card(&server, "heron-6");
    let own = cast::key("nobody");
    let id = format!("key:{}", own.public_key().key_id());
    let comment = json!({"issuer": {"id": id}, "publicKey": own.public_key().to_base64(), "text": "It is good.",
        "target": model.to_reference(), "nonce": "AAAAAAAAAAAAAAAAAAAAAA=="});
    let (at, comment) = say(&server, "nobody", "comment", Subject::record(model), comment);
    assert!(page(&server, &format!("/r/{at}")).contains("Unvouched."));
    let vouch = json!({"target": comment.to_reference(), "outcome": "vouched"});
    let (by, _) = say(&server, "steward", "resolution", Subject::record(comment), vouch);
    let html = page(&server, &format!("/r/{at}"));
    assert!(html.contains("Vouched for.") && !html.contains("Unvouched"), "{html}");
    assert!(html.contains("steward") && html.contains(&format!("href=\"/r/{by}\"")), "{html}");
}

#[test]
fn a_key_in_doubt_and_a_date_in_doubt_are_marked_with_the_entry_that_makes_it_so() {
    let server = stage();
    let model = card(&server, "heron-7");
    let at = index_of(&server, model);
    // Everything in these tests is dated long before the log receives it.
    assert!(page(&server, &format!("/r/{at}")).contains("Date in doubt."));
    let stolen = cast::key("lab").public_key().key_id();
    let event = json!({"issuer": {"id": "lab"}, "issued": cast::ISSUED, "keyid": stolen, "event": "revoke",
        "reason": "keyCompromise", "compromisedFromIndex": at});
    let by = server.sequence(cast::sign(Kind::KeyEvent, vec![Subject::key(stolen)], event, &[&cast::key("lab")]));
    let html = page(&server, &format!("/r/{at}"));
    assert!(html.contains("Key in doubt.") && html.contains(&format!("href=\"/r/{by}\"")), "{html}");
}

#[test]
fn m3_8_unknown_kinds_unknown_members_and_sparse_cards_are_shown_as_such() {
    let server = stage();
    let (at, _) = say(&server, "lab", "weather-report", artifact("sky"), json!({"wind": "north", "force": 7}));
    let html = page(&server, &format!("/r/{at}"));
    for part in ["does not know records of this kind", "weather-report", "Wind", "north"] {
        assert!(html.contains(part), "{part}: {html}");
    }
    // `card` is what the import of a Croissant file adds: where it was taken from.
    let dataset = json!({"name": "reeds", "isBasedOn": "other", "rai:dataBiases": "few", "houseStyle": "terse",
        "card": {"name": "croissant.json", "mediaType": "application/ld+json", "digest": {"sha256": "ab".repeat(32)}}});
    let (_, dataset) = say(&server, "lab", "dataset-card", artifact("reeds"), dataset);
    let html = page(&server, &format!("/d/{dataset}"));
    assert_eq!(html.matches("not a member of this kind").count(), 1, "{html}");
    assert!(html.contains("terse"), "{html}");
    let imported =
        json!({"model_name": "imported", "description": "Finds herons.", "abridged": ["/a"], "unmapped": {"x": 1}});
    let (at, imported) = say(&server, "lab", "model-card", artifact("imported"), imported);
    for path in [format!("/r/{at}"), format!("/m/{imported}")] {
        let html = page(&server, &path);
        assert!(html.contains("Finds herons.") && !html.contains("not a member of this kind"), "{path}: {html}");
    }
    let (at, sparse) = say(&server, "lab", "model-card", artifact("sparse"), json!({"house_style": "plain"}));
    for path in [format!("/r/{at}"), format!("/m/{sparse}")] {
        let html = page(&server, &path);
        assert!(html.contains("not a member of this kind") && html.contains("plain"), "{html}");
        assert!(html.contains("What readers will miss"), "{path}: {html}");
    }
}

#[test]
fn a_model_of_a_thousand_sources_costs_a_read_and_a_look_for_each() {
    let server = stage();
    let model = card(&server, "heron-1000");
    let log = &server.app.log;
    let mut last = None;
    for i in 0..1_000 {
        let source = json!({"issuer": {"id": "lab"}, "issued": cast::ISSUED, "relation": "finetunedOn", "pairs": i,
            "dataset": {"name": format!("part-{i:04}"), "uri": format!("https://example.org/part-{i}")}});
        let body = cast::sign(Kind::TrainingSource, vec![Subject::record(model)], source, &[&cast::key("lab")]);
        last = Some(log.submit(log.validate(body.into()).unwrap(), ledger::log::Wait::Published).unwrap());
    }
    last.unwrap().wait_blocking().unwrap();
    let view = log.published().unwrap();
    let first = log.find_record(&view, model).unwrap().unwrap().index.0 + 1;
    let filter = ledger::log::Filter { terms: vec![ledger::log::Term::Kind("training-source".to_owned())] };
    let order = ledger::log::Order::From(ledger::ids::LeafIndex(first));
    let taken_back = log.page(&view, &filter, order, 7).unwrap().entries[6].header.record;
    retract(&server, "lab", taken_back, "error");
    let path = format!("/m/{model}");
    page(&server, &path);
    let begun = std::time::Instant::now();
    let html = page(&server, &path);
    // Optimised, on a core of its own, this takes some 60 ms.
    println!("a model of 1,000 sources: {:?}", begun.elapsed());
    assert!(html.contains("499,494") && html.contains("1 superseded or taken back"), "all but the seventh: {html}");
    // Each entry is read once, and each source is asked once what disputes it.
    let looking = crate::looking::Looking::new(log, log.published().unwrap());
    let (view, name) = (log.published().unwrap(), SubjectDigest::from_bytes(*model.as_bytes()));
    let found = crate::cards::Card::find(&server.app, &looking, &view, name, &Kind::ModelCard, log.now()).unwrap();
    assert_eq!(found.unwrap().view.sources().count(), 1_000);
    let (items, edges) = looking.cost();
    assert!(items <= 1_010 && edges <= 1_010, "{items} entries, {edges} edges");
}

#[test]
fn a_search_says_what_became_of_each_card_that_it_finds() {
    let server = stage();
    let old = card(&server, "heron-old");
    card(&server, "heron-new");
    let tag = |by: u64| format!("<a class=\"tag warn\" href=\"/r/{by}\">taken back</a>");
    assert!(!page(&server, "/search?q=heron").contains("tag warn"));
    let by = retract(&server, "lab", old, "error");
    let html = page(&server, "/search?q=heron");
    assert!(html.contains("heron-new") && html.matches(&tag(by)).count() == 1, "{html}");
}

#[test]
fn what_was_taken_back_is_marked_whatever_half_the_world_says_about_it() {
    let server = stage();
    let old = card(&server, "heron-crowded");
    let log = &server.app.log;
    let mut last = None;
    for i in 0..5_200 {
        let text = format!("remark {i}");
        let target = old.to_reference();
        let comment = json!({"issuer": {"id": "packager"}, "issued": cast::ISSUED, "target": target, "text": text});
        let body = cast::sign(Kind::Comment, vec![Subject::record(old)], comment, &[&cast::key("packager")]);
        last = Some(log.submit(log.validate(body.into()).unwrap(), ledger::log::Wait::Published).unwrap());
    }
    last.unwrap().wait_blocking().unwrap();
    let by = retract(&server, "lab", old, "error");
    let index = log.find_record(&log.published().unwrap(), old).unwrap().unwrap().index;
    let marked = format!("href=\"/r/{by}\"");
    for path in [format!("/r/{index}"), "/search?q=heron-crowded".to_owned(), "/p/lab".to_owned()] {
        let html = page(&server, &path);
        assert!(html.contains(&marked) && html.to_lowercase().contains("taken back"), "{path}: {html}");
    }
    // What the page cannot hold it says so.
    let partial = "more about this in the log than one page reads";
    assert!(page(&server, &format!("/m/{old}")).contains(partial));
    assert!(!page(&server, "/p/lab").contains(partial));
}

/// Asks a server for a paragraph of the dataset of `contents`.
fn asked(server: &TestServer) -> String {
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let body = format!("form=plain&text={}", crate::query::encode(PARAGRAPH));
    let reply = server.request("POST", "/ask", &headers, body.as_bytes());
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.text()
}

#[test]
fn what_is_said_of_any_version_of_a_dataset_or_of_its_files_is_found_by_a_question() {
    let server = stage();
    let model = card(&server, "heron-9");
    let dataset = contents(&server, model);
    assert!(asked(&server).contains("no contents committed: 1"));
    let newer = json!({"name": "testwiki-extract", "version": "2", "supersedes": [dataset.to_reference()]});
    let (_, newer) = say(&server, "lab", "dataset-card", artifact("wiki-2.xml"), newer);
    let newest = json!({"name": "testwiki-extract", "version": "3", "supersedes": [newer.to_reference()]});
    let (_, newest) = say(&server, "lab", "dataset-card", artifact("wiki-3.xml"), newest);
    claim(&server, "packager", newest, "CC-BY-SA-4.0");
    let about = |subject: Subject, licence: &str, more: Value| {
        let mut claim = json!({"licenseConcluded": licence, "acknowledgement": "concluded", "scope": {"of": "data"}});
        claim.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        say(&server, "packager", "license-claim", subject, claim);
    };
    about(artifact("wiki-2.xml"), "CC-BY-4.0", json!({}));
    about(artifact("elsewhere.bin"), "MIT", json!({"compared_with": newer.to_reference()}));
    let other = card(&server, "egret-9");
    let used = json!({"relation": "testedOn", "dataset": {"name": "testwiki", "record": newest.to_reference()}});
    say(&server, "lab", "training-source", Subject::record(other), used);
    let html = asked(&server);
    for part in ["CC-BY-SA-4.0", "CC-BY-4.0", "heron-9", "egret-9"] {
        assert!(html.contains(part), "{part}: {html}");
    }
    assert!(!html.contains("Licence <bdi dir=\"auto\">MIT"), "it only mentions the dataset: {html}");
    assert!(html.contains("no contents committed: 1"), "a new version is no other dataset: {html}");
}

#[test]
fn a_list_leads_to_older_records_only_where_there_are_some() {
    let server = stage();
    let first = index_of(&server, card(&server, "ibis-0"));
    for i in 1..20 {
        card(&server, &format!("ibis-{i}"));
    }
    let older = |html: &str| attributes(html, "href").find(|link| link.contains("before=")).map(str::to_owned);
    let html = page(&server, "/?kind=model-card");
    assert!(html.contains("ibis-0<") && older(&html).is_none(), "{html}");
    card(&server, "ibis-20");
    let html = page(&server, "/?kind=model-card");
    let link = older(&html).unwrap().replace("&#38;", "&");
    assert!(!html.contains("ibis-0<"), "{html}");
    let html = page(&server, &link);
    assert!(html.contains("ibis-0<") && older(&html).is_none(), "{html}");
    let html = page(&server, &format!("/?kind=model-card&before={first}"));
    assert!(html.contains(&format!("None older than record {first}.")) && !html.contains("No such record"), "{html}");
    assert!(page(&server, "/?kind=incident").contains("No such record up to this checkpoint."));
}
