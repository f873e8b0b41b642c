//! A body is kept as it came: the log, its bundles and a restart give back every byte of a large text in any script.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use harness::{Client, Program, folder};
use ledger::bundle::Bundle;
use ledger::entry::body_digest;
use ledger::ids::SubjectDigest;
use ledger::record::dsse::Envelope;
use ledger::record::kind::Kind;
use ledger::record::statement::Subject;
use ledger::testing as cast;
use serde_json::{Value, json};

/// Right-to-left scripts with the marks that order them, CJK, an emoji of several code points, a letter that is two code
/// points beside the same one that is one, and the line ends of another system.
const LINE: &str = "# \u{202b}بطاقة النموذج\u{202c} – \u{2067}כרטיס המודל\u{2069}\r\n模型卡 モデルカード 모델 카드 हिन्दी 👩\u{200d}👩\u{200d}👧 e\u{301} é \u{1e69} s\u{323}\u{307}\r\n\r\n";

/// With its line ends escaped and in base64, the body around it has about 240 KB.
const TEXT: usize = 170 * 1024;

fn statement(number: u8) -> Envelope {
    let text = LINE.repeat(TEXT / LINE.len());
    let name = "نموذج-דגם-模型-e\u{301}👩\u{200d}👧.safetensors";
    let predicate = json!({
        "issuer": { "id": "lab", "name": "مختبر מעבדה 研究所 re\u{301}search" },
        "issued": cast::ISSUED,
        "model_name": format!("نموذج 模型 {number}"),
        "description": text,
    });
    let subject = Subject::artifact(name, SubjectDigest::from_bytes([number; 32]));
    Envelope::parse(&cast::sign(Kind::ModelCard, vec![subject], predicate, &[&cast::key("lab")])).unwrap()
}

/// Fetches each body by its digest, and out of its bundle.
fn kept(url: &str, bodies: &[(String, Vec<u8>)]) {
    let client = Client::of(url);
    let get = |path: &str| {
        let reply = client.get(path).unwrap();
        assert_eq!(reply.status, 200, "{path}");
        reply.body
    };
    for (index, body) in bodies {
        let digest = body_digest(body).to_hex();
        let addendum = get(&format!("/addenda/{}/{}/{digest}", &digest[..2], &digest[2..4]));
        let bundle = Bundle::parse(&get(&format!("/api/v1/records/{index}/bundle"))).unwrap();
        // No `assert_eq`: nobody wants to read two bodies of 240 KB.
        assert!(addendum == *body, "the addendum of entry {index} is another");
        assert!(bundle.record.envelope == *body, "the bundle of entry {index} holds another");
    }
}

#[test]
fn large_bodies_of_every_script_come_back_byte_for_byte() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    folder::create(&log);
    let program = Program::new(env!("CARGO_BIN_EXE_colophon-under-test"), dir.path());
    let server = program.serve(&log);
    let client = Client::of(&server.url);

    // As an editor on another system would save it: nobody signs the layout of an envelope, and it is kept all the same.
    let envelope: Value = serde_json::from_slice(&statement(1).to_json()).unwrap();
    let laid_out = serde_json::to_string_pretty(&envelope).unwrap().replace('\n', "\r\n").into_bytes();
    let batch = [statement(2).to_json(), statement(3).to_json()];
    let bodies = [laid_out, batch[0].clone(), batch[1].clone()];
    assert!(bodies.iter().all(|body| (235_000..250_000).contains(&body.len())), "{}", bodies[0].len());

    let single = client.post("/api/v1/records", &bodies[0]).unwrap();
    assert_eq!(single.status, 201, "{}", single.json());
    let answered = client.post("/api/v1/records:batch", &batch.join(&b'\n')).unwrap();
    let lines: Vec<Value> =
        answered.body.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
    assert!(lines.len() == 2 && lines.iter().all(|line| line["http"] == 201), "{lines:?}");
    let indices = [&single.json()["index"], &lines[0]["index"], &lines[1]["index"]].map(|index| {
        let index = index.as_str();
        index.unwrap().to_owned()
    });
    let bodies: Vec<(String, Vec<u8>)> = indices.into_iter().zip(bodies).collect();

    kept(&server.url, &bodies);
    assert_eq!(server.stop(), 0);
    kept(&program.serve(Path::new(&log)).url, &bodies);
}
