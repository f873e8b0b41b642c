//! The story: who publishes what, who asks, who checks, and what is refused.

use std::path::PathBuf;

use ledger::Code;
use serde_json::Value;

use super::documents::MODEL;
use super::stage::Stage;
use crate::failure::{CliError, Result};
use crate::files;

const OPERATOR: &str = "harbour-log.example";
const LAB: &str = "heron-lab.example";
const PACKAGES: &str = "harbour-packages.example";
const AUDIT: &str = "tidewater-audit.example";
const STEWARDS: &str = "stewards.harbourwiki.example";

/// Party, name of its key, role, document of its profile.
const PARTIES: [(&str, &str, &str, &str); 4] = [
    (LAB, "heron-lab", "partner", "heron-lab.yaml"),
    (PACKAGES, "harbour-packages", "partner", "harbour-packages.yaml"),
    (AUDIT, "tidewater-audit", "auditor", "tidewater-audit.yaml"),
    (STEWARDS, "stewards", "steward", "harbourwiki-stewards.yaml"),
];

/// A paragraph of the wiki's source, as a dump has it.
const WIKITEXT: &str = "The lower estuary is a funnel, four kilometres wide at [[Gull Head]] and less than three hundred \
     metres wide at [[Orrin Bridge]]. A funnel squeezes the tide, so the range grows on the way in: six metres at the \
     mouth, nine and a half at the bridge.<ref name=\"survey\" />";

/// The same paragraph as a reader of the page copies it.
const RENDERED: &str = "The lower estuary is a funnel, four kilometres wide at Gull Head and less than three hundred metres \
     wide at Orrin Bridge. A funnel squeezes the tide, so the range grows on the way in: six metres at the mouth, nine \
     and a half at the bridge.";

/// A paragraph that nobody wrote there.
const ELSEWHERE: &str = "The lower estuary is a straight canal of one width, and its tide can be told by the clock of any \
     parish church from here to the border.";

/// Tells the whole story on a stage; the server runs when it returns.
pub(crate) fn tell(stage: &mut Stage<'_>) -> Result<()> {
    open_log(stage)?;
    register(stage)?;
    let card = publish_model(stage)?;
    refuse_what_is_wrong(stage)?;
    let (manifest, wiki) = publish_dataset(stage, &card)?;
    claim_licenses(stage, &card, &wiki)?;
    audit(stage, &card, &manifest)?;
    prove_lists(stage)?;
    ask(stage)?;
    restart(stage)
}

fn open_log(stage: &mut Stage<'_>) -> Result<()> {
    stage.say("An operator opens a log.");
    let log = stage.path("log");
    stage.run(&["key", "new", "operator", "--no-password"])?;
    let made = stage.run(&[
        "log",
        "init",
        "--dir",
        &log,
        "--origin",
        "localhost/demo",
        "--operator",
        OPERATOR,
        "--operator-key",
        "operator",
    ])?;
    for name in ["log.vkey", "policy.txt"] {
        copy(stage, &format!("log/{name}"), name)?;
    }
    stage.check(made["genesis"].is_string(), "the log has entry 0, signed by its operator")?;
    stage.serve()?;
    let (url, vkey) = (stage.url().to_owned(), text(&made, "vkey")?);
    let pinned = stage.run(&["log", "trust", &url, "--vkey", &vkey])?;
    let same = pinned["genesis"] == made["genesis"] && pinned["policy"] == made["policy"];
    stage.check(same, "a stranger who knows only the log's key finds the same entry 0 and policy, and pins them")
}

fn register(stage: &mut Stage<'_>) -> Result<()> {
    stage.say("Four parties register with it.");
    for (party, key, role, profile) in PARTIES {
        stage.run(&["key", "new", key, "--no-password"])?;
        let statement = statement_path(stage, &format!("party-{key}"));
        let envelope = envelope_path(stage, &format!("party-{key}"));
        stage.run(&["party", "new", party, "--role", role, "--key", key, "--issuer", OPERATOR, "--out", &statement])?;
        stage.run(&["record", "sign", &statement, "--key", "operator", "--key", key, "--out", &envelope])?;
        let registered = stage.run(&["record", "submit", &envelope])?;
        let subject = format!("record:{}", text(&registered, "record")?);
        publish(stage, "party-profile", &format!("documents/parties/{profile}"), &[&subject], party, key, key)?;
    }
    let listed = stage.run(&["record", "list", "--kind", "party"])?;
    stage.check(listed["total"] == 4, "four parties are registered, each by the operator and by its own key")?;
    stage.run(&["key", "new", "stranger", "--no-password"])?;
    let statement = statement_path(stage, "stranger");
    let envelope = envelope_path(stage, "stranger");
    let digest = format!("weights.bin={}", "ab".repeat(32));
    let document = stage.path("documents/parties/heron-lab.yaml");
    stage.run(&[
        "record",
        "new",
        "model-card",
        "--from",
        &document,
        "--subject",
        &digest,
        "--issuer",
        LAB,
        "--out",
        &statement,
    ])?;
    stage.run(&["record", "sign", &statement, "--key", "stranger", "--out", &envelope])?;
    let refused = stage.refused(&["record", "submit", &envelope], Code::SignerUnknown.exit_code())?;
    stage.check(refused["code"] == "signer_unknown", "a card signed by a stranger's key is refused (exit 14)")
}

/// Publishes the model with its card, licence and sources; returns the card's record id.
fn publish_model(stage: &mut Stage<'_>) -> Result<String> {
    stage.say("Heron Lab publishes a model.");
    let model = stage.path(MODEL);
    let statements = stage.path("statements/model");
    let imported =
        stage.run(&["card", "import", &model, "--issuer", LAB, "--issuer-name", "Heron Lab", "--out", &statements])?;
    let made = imported["statements"].as_array().cloned().unwrap_or_default();
    stage.check(made.len() == 6, "its folder becomes a model card, a license claim and four training sources")?;
    let files: Vec<String> = made.iter().map(|made| text(made, "file")).collect::<Result<_>>()?;
    let (card_file, others) = files.split_first().ok_or_else(|| broken("no statement"))?;
    let bundle = stage.path("model-card.colophon.json");
    let line = ["record", "publish", "--from", card_file, "--key", "heron-lab", "--out", &bundle];
    let first = stage.run(&line)?;
    stage.check(first["verified"] == true, "the model card is in the log, and its bundle verifies")?;
    let again = stage.run(&line)?;
    let same = again["duplicate"] == true && again["index"] == first["index"];
    stage.check(same, "publishing it again gets the same index")?;
    let mut batch = Vec::new();
    for (i, file) in others.iter().enumerate() {
        let envelope = envelope_path(stage, &format!("model-{i}"));
        stage.run(&["record", "sign", file, "--key", "heron-lab", "--out", &envelope])?;
        batch.extend(files::read(&PathBuf::from(envelope), 1 << 20)?);
        batch.push(b'\n');
    }
    let path = stage.path("batch.ndjson");
    files::write(&PathBuf::from(&path), &batch)?;
    let sent = stage.run(&["record", "submit", "--batch", &path])?;
    stage.check(sent["new"] == 5 && sent["refused"] == 0, "licence and sources follow in one batch, all accepted")?;
    let verified = stage.run(&["verify", &bundle, &model])?;
    stage.check(verified["verdict"] == "verified", "the bundle and the model's files verify without a network")?;
    text(&first, "record")
}

fn refuse_what_is_wrong(stage: &mut Stage<'_>) -> Result<()> {
    stage.say("What was changed is refused, and the link that broke is named.");
    let bundle = stage.path("model-card.colophon.json");
    let bytes = files::read(&PathBuf::from(&bundle), ledger::bundle::MAX_BUNDLE_LEN)?;
    let document: Value = serde_json::from_slice(&bytes).map_err(|error| broken(&error.to_string()))?;
    let tampered = stage.path("bundles/tampered.colophon.json");
    let changes: [(&str, u8, &str, &str); 3] = [
        ("envelope", 10, "envelope-signature", "one changed byte of what was signed (exit 10)"),
        ("entry", 11, "inclusion", "one changed byte of the log's entry (exit 11)"),
        ("proof", 10, "log-signature", "one changed digit of the signed checkpoint (exit 10)"),
    ];
    for (member, exit, link, what) in changes {
        let mut changed = document.clone();
        changed[member] = changed_text(member, &text(&document, member)?)?.into();
        files::write(&PathBuf::from(&tampered), changed.to_string().as_bytes())?;
        let report = stage.refused(&["verify", &tampered], exit)?;
        let failed = report["links"].as_array().into_iter().flatten().find(|line| line["status"] == "failed");
        let named = failed.is_some_and(|line| line["link"] == link);
        stage.check(named && report["record"].is_null(), what)?;
    }
    let copy_of_model = stage.dir().join("bundles").join(MODEL);
    copy_folder(&stage.dir().join(MODEL), &copy_of_model)?;
    let weights = copy_of_model.join("model.safetensors");
    let mut bytes = files::read(&weights, 1 << 24)?;
    if let Some(byte) = bytes.last_mut() {
        *byte ^= 1;
    }
    files::write(&weights, &bytes)?;
    let report = stage.refused(&["verify", &bundle, &copy_of_model.display().to_string()], 12)?;
    let named = report["differences"].as_array().is_some_and(|list| list.len() == 1)
        && report["differences"][0].as_str().is_some_and(|line| line.contains("model.safetensors"));
    stage.check(named, "one changed bit of the weights (exit 12), and the file that differs is named")?;
    let other = stage.path("bundles/other-policy.txt");
    stage.run(&["log", "init", "--dir", &stage.path("bundles/other-log"), "--origin", "localhost/other"])?;
    copy(stage, "bundles/other-log/policy.txt", "bundles/other-policy.txt")?;
    let report = stage.refused(&["verify", "--policy", &other, &bundle], 12)?;
    stage.check(
        report["code"] == "origin_mismatch",
        "under another log's policy the bundle counts for nothing (exit 12)",
    )
}

/// Publishes the wiki and its manifest; returns the records of the manifest and of the wiki's card.
fn publish_dataset(stage: &mut Stage<'_>, card: &str) -> Result<(String, String)> {
    stage.say("The stewards of a wiki commit to what its dump contains.");
    let dump = stage.path("documents/wiki/harbourwiki-pages.xml");
    let folder = stage.path("manifest");
    let built = stage.run(&["manifest", "build", &dump, "--out", &folder, "--license", "CC-BY-SA-4.0"])?;
    let dropped = built["report"]["dropped"]["account"] == 2;
    stage.check(dropped, "its manifest holds pages, revisions, titles and paragraphs, and no user page")?;
    let description = publish(
        stage,
        "dataset-card",
        "documents/wiki/dataset-card.yaml",
        &[&dump],
        STEWARDS,
        "stewards",
        "dataset-card",
    )?;
    let bundle = stage.path("bundles/manifest.colophon.json");
    let manifest = stage.run(&[
        "record",
        "publish",
        "manifest",
        "--from",
        &folder,
        "--dataset-name",
        "harbourwiki-pages",
        "--dataset-record",
        &description,
        "--issuer",
        STEWARDS,
        "--key",
        "stewards",
        "--out",
        &bundle,
    ])?;
    stage.run(&["manifest", "check", &folder, "--source", &dump, "--license", "CC-BY-SA-4.0", "--record", &bundle])?;
    stage.check(true, "built again from the dump, it is the one that was signed")?;
    let manifest = text(&manifest, "record")?;
    let pushed = stage.run(&["manifest", "push", &folder, "--key", "stewards"])?;
    let keyspaces = pushed["keyspaces"].as_array().cloned().unwrap_or_default();
    let held = !keyspaces.is_empty() && keyspaces.iter().all(|keyspace| keyspace["held"] == true);
    stage.check(held, "the log holds its files, sent by the stewards in parts that they signed for")?;
    let card = format!("record:{card}");
    let terms = publish(
        stage,
        "agreement",
        "documents/agreements/agreement.yaml",
        &[&stage.path("documents/agreements/mou-heron-harbourwiki.md")],
        LAB,
        "heron-lab",
        "agreement",
    )?;
    let members = [("manifest", manifest.as_str()), ("agreement", terms.as_str())];
    let source = with_references(stage, "documents/sources/harbourwiki.yaml", &members)?;
    publish(stage, "training-source", &source, &[&card], LAB, "heron-lab", "source-harbourwiki")?;
    let croissant = stage.path("documents/river-gauges-en/croissant.json");
    let statement = statement_path(stage, "river-gauges");
    let imported = stage.run(&["card", "import", &croissant, "--issuer", LAB, "--out", &statement])?;
    let file = text(&imported["statements"][0], "file")?;
    let out = stage.path("bundles/river-gauges.colophon.json");
    let described = stage.run(&["record", "publish", "--from", &file, "--key", "heron-lab", "--out", &out])?;
    stage.check(described["verified"] == true, "a Croissant description becomes the card of a second dataset")?;
    publish(
        stage,
        "training-source",
        "documents/sources/river-gauges.yaml",
        &[&card],
        LAB,
        "heron-lab",
        "source-river",
    )?;
    Ok((manifest, description))
}

fn claim_licenses(stage: &mut Stage<'_>, card: &str, wiki: &str) -> Result<()> {
    stage.say("Others say under which licence.");
    let wiki = format!("record:{wiki}");
    publish(stage, "license-claim", "documents/claims/harbourwiki-text.yaml", &[&wiki], STEWARDS, "stewards", "wiki")?;
    let card = format!("record:{card}");
    let wheel = stage.path("documents/claims/METADATA");
    let folder = statement_path(stage, "wheel");
    let imported =
        stage.run(&["card", "import", &wheel, "--subject", &card, "--issuer", PACKAGES, "--out", &folder])?;
    let file = text(&imported["statements"][0], "file")?;
    let out = stage.path("bundles/wheel-claim.colophon.json");
    stage.run(&["record", "publish", "--from", &file, "--key", "harbour-packages", "--out", &out])?;
    let listed = stage.run(&["record", "list", "--kind", "license-claim", "--about", &card])?;
    let mut claimed = Vec::new();
    for record in listed["records"].as_array().into_iter().flatten() {
        let shown = stage.run(&["record", "show", &text(record, "index")?])?;
        claimed.push(shown["statement"]["predicate"]["licenseConcluded"].clone());
    }
    let differ = claimed == ["Apache-2.0", "MIT"];
    stage.check(differ, "two claims about the same weights disagree, Apache-2.0 and MIT, and stand side by side")
}

fn audit(stage: &mut Stage<'_>, card: &str, manifest: &str) -> Result<()> {
    stage.say("An auditor attests.");
    let document = stage.path("documents/audits/heron-base-350m.json");
    let out = stage.path("bundles/audit.colophon.json");
    let attested = stage.run(&[
        "audit",
        "attest",
        "--target",
        card,
        "--target",
        manifest,
        "--from",
        &document,
        "--issuer",
        AUDIT,
        "--key",
        "tidewater-audit",
        "--out",
        &out,
    ])?;
    let verified = stage.run(&["verify", &out])?;
    let by = verified["record"]["issuer"]["id"] == AUDIT && verified["record"]["index"] == attested["index"];
    stage.check(by, "the audit is a record of its own, and verifies like any other")?;
    let report = stage.path("bundles/report.html");
    stage.run(&["verify", &out, "--report", &report])?;
    let page = String::from_utf8_lossy(&files::read(&PathBuf::from(&report), 1 << 20)?).into_owned();
    stage.check(page.contains("VERIFIED"), "one printable page says what was checked")
}

fn prove_lists(stage: &mut Stage<'_>) -> Result<()> {
    stage.say("The operator signs the root of the log's index, so that lists are complete without reading the log.");
    let key = stage.path("log/keys/index.pem");
    let signed = stage.run(&["log", "index-root", "--key", &key])?;
    let out = stage.path("bundles/index-audit.colophon.json");
    let line = ["log", "audit", "--attest", "--issuer", AUDIT, "--key", "tidewater-audit", "--out", &out];
    let audited = stage.run(&line)?;
    let honest = audited["verdict"] == "holds" && audited["attestation"]["verified"] == true;
    stage.check(honest, "the auditor rebuilds index and state from all entries, and says in the log that they hold")?;
    let list = ["record", "list", "--kind", "model-card"];
    let mut listed = stage.run(&list)?;
    // The server takes the root in a moment after it is published.
    for _ in 0..100 {
        if listed["index"]["root"] == signed["index"] {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
        listed = stage.run(&list)?;
    }
    let proven = listed["index"]["root"] == signed["index"] && listed["index"]["rebuilt"]["by"] == AUDIT;
    let followed = stage.run(&["record", "list", "--kind", "model-card", "--follow"])?;
    let same = listed["records"] == followed["records"] && listed["total"] == followed["total"];
    stage.check(proven && same, "the list of model cards is proven under that root, and is what all entries come to")
}

fn ask(stage: &mut Stage<'_>) -> Result<()> {
    stage.say("A contributor asks whether the wiki was used.");
    let questions = [
        (RENDERED, "present", "a paragraph as the page shows it: present"),
        (WIKITEXT, "present", "the same paragraph as the dump has it: present"),
        ("title:harbourwiki/Skerry Estuary", "present", "a title: present"),
        ("page:harbourwiki/11", "present", "a page's number: present"),
        ("rev:harbourwiki/5012", "present", "a revision's number: present"),
        (ELSEWHERE, "absent", "a paragraph that is not in it: absent, proven"),
        (
            "https://harbourwiki.example/wiki/Skerry_Estuary",
            "not-covered",
            "an address, which it does not declare: not covered",
        ),
    ];
    let line: Vec<&str> = std::iter::once("ask").chain(questions.iter().map(|(text, ..)| *text)).collect();
    let answered = stage.run(&line)?;
    let answers = answered["questions"].as_array().cloned().unwrap_or_default();
    for ((_, status, what), answer) in questions.iter().zip(&answers) {
        stage.check(answer["status"] == *status, what)?;
    }
    let first = &answers.first().ok_or_else(|| broken("no answer"))?["answers"][0];
    let licensed = first["licenses"].as_array().is_some_and(|list| list.iter().any(|id| id == "CC-BY-SA-4.0"));
    let claimed = first["licenseClaims"].as_array().is_some_and(|list| list.iter().any(|c| c["issuer"] == STEWARDS));
    let model =
        first["models"].as_array().is_some_and(|list| list.iter().any(|used| used["name"] == "heron-base-350m"));
    stage.check(
        licensed && claimed && model,
        "the answer names the licence, who claims it, and the model that was trained with it",
    )
}

fn restart(stage: &mut Stage<'_>) -> Result<()> {
    stage.say("The log stops and starts again.");
    let before = stage.run(&["log", "stats"])?;
    let log = stage.path("log");
    stage.stop()?;
    let checked = stage.run(&["log", "fsck", "--dir", &log])?;
    let all = checked["clean"] == true && checked["entries"] == before["size"];
    stage.check(all, "every stored byte is what it should be")?;
    stage.serve()?;
    let after = stage.run(&["log", "stats"])?;
    let same = after["size"] == before["size"] && after["root"] == before["root"] && after["kinds"] == before["kinds"];
    stage.check(same, "after a restart it holds the same entries under the same root")?;
    let (bundle, model) = (stage.path("model-card.colophon.json"), stage.path(MODEL));
    let verified = stage.run(&["verify", "--policy", &stage.path("policy.txt"), &bundle, &model])?;
    stage.check(verified["verdict"] == "verified", "the bundle still verifies, with the policy file alone")
}

/// Publishes a document about some subjects; returns the record's id.
fn publish<S: AsRef<str>>(
    stage: &Stage<'_>,
    kind: &str,
    document: &str,
    subjects: &[S],
    issuer: &str,
    key: &str,
    name: &str,
) -> Result<String> {
    let from = if document.starts_with('/') { document.to_owned() } else { stage.path(document) };
    let out = stage.path(&format!("bundles/{kind}-{name}.colophon.json"));
    let mut line = vec!["record", "publish", kind, "--from", &from, "--issuer", issuer, "--key", key, "--out", &out];
    for subject in subjects {
        line.extend(["--subject", subject.as_ref()]);
    }
    files::make_dir(&stage.dir().join("bundles"))?;
    text(&stage.run(&line)?, "record")
}

/// A document with references to records added.
fn with_references(stage: &Stage<'_>, document: &str, members: &[(&str, &str)]) -> Result<String> {
    let mut text = String::from_utf8_lossy(&files::read(&stage.dir().join(document), 1 << 20)?).into_owned();
    for (name, id) in members {
        text.push_str(&format!("{name}: \"record:{id}\"\n"));
    }
    let path = stage.dir().join(document);
    files::write(&path, text.as_bytes())?;
    Ok(path.display().to_string())
}

fn statement_path(stage: &Stage<'_>, name: &str) -> String {
    let _ = files::make_dir(&stage.dir().join("statements"));
    stage.path(&format!("statements/{name}"))
}

fn envelope_path(stage: &Stage<'_>, name: &str) -> String {
    let _ = files::make_dir(&stage.dir().join("statements"));
    stage.path(&format!("statements/{name}.dsse.json"))
}

/// A member of a bundle with one thing changed that keeps its form.
fn changed_text(member: &str, text: &str) -> Result<String> {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    if member == "proof" {
        // The size in the checkpoint: the third line after the empty one that ends the hashes.
        let (hashes, checkpoint) = text.split_once("\n\n").ok_or_else(|| broken("no checkpoint"))?;
        let mut lines: Vec<String> = checkpoint.split('\n').map(str::to_owned).collect();
        let size = lines.get_mut(1).ok_or_else(|| broken("no size"))?;
        *size = format!("9{size}");
        return Ok(format!("{hashes}\n\n{}", lines.join("\n")));
    }
    let mut bytes = STANDARD.decode(text).map_err(|error| broken(&error.to_string()))?;
    if member == "entry" {
        if let Some(byte) = bytes.last_mut() {
            *byte ^= 1;
        }
        return Ok(STANDARD.encode(bytes));
    }
    // Inside of the envelope's payload, which is base64 in JSON: another letter is another statement of the same form.
    let at = bytes.windows(11).position(|w| w == b"\"payload\":\"").ok_or_else(|| broken("no payload"))? + 11 + 200;
    let byte = bytes.get_mut(at).ok_or_else(|| broken("a short payload"))?;
    *byte = if *byte == b'A' { b'B' } else { b'A' };
    Ok(STANDARD.encode(bytes))
}

fn copy(stage: &Stage<'_>, from: &str, to: &str) -> Result<()> {
    files::write(&stage.dir().join(to), &files::read(&stage.dir().join(from), 1 << 20)?)
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) -> Result<()> {
    files::make_dir(to)?;
    for entry in std::fs::read_dir(from).map_err(|source| CliError::io(from, "list", source))? {
        let path = entry.map_err(|source| CliError::io(from, "list", source))?.path();
        if let Some(name) = path.file_name() {
            files::write(&to.join(name), &files::read(&path, 1 << 24)?)?;
        }
    }
    Ok(())
}

fn text(json: &Value, name: &str) -> Result<String> {
    json[name].as_str().map(str::to_owned).ok_or_else(|| broken(&format!("no {name} in {json}")))
}

fn broken(what: &str) -> CliError {
    CliError::new(Code::Internal, what).at("demo")
}
