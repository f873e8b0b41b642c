//! Strangers verify us: programs that nobody here wrote read a served log over HTTP and our envelopes from files, and
//! refuse each of them once it was tampered with.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::{Outcome, Served, named, run, tool};
use ledger::record::dsse::Envelope;
use ledger::record::key::{PrivateKey, PublicKey};
use ledger::testing as cast;
use serde_json::Value;

/// Around nothing, around one full tile, and around a full tile of the second level (65,536 entries).
const SIZES: [u64; 9] = [0, 1, 2, 3, 255, 256, 257, 1_000, 65_537];

/// `audit_tiles` of aics-tlog: every tile and entry bundle, not the right edge alone.
const AUDIT: &str = "
import sys, aics_tlog as t
reader = t.HttpTileReader(sys.argv[1])
note = open(sys.argv[2], 'rb').read()
size, root = note.decode().split('\\n')[1:3]
import base64
report = t.audit_tiles(reader, int(size), base64.b64decode(root))
print(report.size, report.tiles, report.bundles)
";

/// The checks of Go's own checksum database, built once.
struct GoTlog {
    program: PathBuf,
    vkey: PathBuf,
    _dir: tempfile::TempDir,
}

impl GoTlog {
    fn build() -> Option<Self> {
        let (go, conformance) = (tool("go")?, named("COLOPHON_CONFORMANCE")?);
        let dir = tempfile::tempdir().unwrap();
        let (program, vkey) = (dir.path().join("go-tlog"), vkey_file(dir.path()));
        let source = conformance.join("go-tlog/main.go");
        let mut build = Command::new(go);
        build.arg("build").arg("-o").arg(&program).arg(source).current_dir(dir.path());
        build.env("GOPATH", "/usr/share/gocode").env("GO111MODULE", "off").env("GOCACHE", dir.path().join("cache"));
        run(&mut build).passed("building go-tlog");
        Some(Self { program, vkey, _dir: dir })
    }

    fn check(&self, place: &str) -> Outcome {
        run(Command::new(&self.program).arg(place).arg(&self.vkey))
    }
}

/// aics-tlog, which keeps the checkpoint that it verified last.
struct Aics {
    python: PathBuf,
    dir: tempfile::TempDir,
}

impl Aics {
    fn new() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        vkey_file(dir.path());
        Some(Self { python: named("COLOPHON_PYTHON312")?, dir })
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    fn run(&self, url: &str, verb: &str, args: &[&str]) -> Outcome {
        let vkey = self.path("log.vkey");
        let mut command = Command::new(&self.python);
        command.args(["-m", "aics_tlog", verb, "--tiles", url, "--vkey-file", &vkey]).args(args);
        run(&mut command)
    }

    /// Checkpoint, consistency with the one before, inclusion of the first, a middle and the last entry, every tile.
    fn check(&self, url: &str, size: u64, before: Option<u64>) {
        let (new, old) = (self.path("new.note"), self.path("old.note"));
        let witness = cast::clock_signer().verifier_key().to_string();
        let quorum = ["--witness-key", &witness, "--quorum", "1", "--origin", cast::ORIGIN];
        let args = [&quorum[..], &["--save-checkpoint", &new]].concat();
        self.run(url, "verify-checkpoint", &args).passed(&format!("checkpoint of size {size}"));
        // Every tree extends the empty one: there is nothing to prove, and nothing to ask for.
        if before.is_some_and(|before| before > 0) {
            let args = ["--old-checkpoint", &old, "--checkpoint", &new];
            self.run(url, "verify-consistency", &args).passed(&format!("consistency {before:?} to {size}"));
        }
        let mut indices = if size == 0 { vec![] } else { vec![0, size / 2, size - 1] };
        indices.dedup();
        for index in indices {
            let args = ["--index", &index.to_string(), "--checkpoint", &new];
            self.run(url, "verify-inclusion", &args).passed(&format!("inclusion of {index} in {size}"));
        }
        let report = run(Command::new(&self.python).args(["-c", AUDIT, url, &new])).passed("audit_tiles");
        let bundles = report.stdout.split_whitespace().nth(2).and_then(|n| n.parse::<u64>().ok());
        assert_eq!(bundles, Some(size.div_ceil(256)), "{}", report.stdout);
        std::fs::rename(new, old).unwrap();
    }
}

fn vkey_file(dir: &Path) -> PathBuf {
    let path = dir.join("log.vkey");
    std::fs::write(&path, format!("{}\n", cast::log_signer().verifier_key())).unwrap();
    path
}

#[test]
fn a_served_log_of_any_size_is_verified_by_two_strangers() {
    let (Some(go), Some(aics)) = (GoTlog::build(), Aics::new()) else { return };
    let served = Served::empty();
    let mut before = None;
    for size in SIZES {
        served.grow(size);
        let said = go.check(&format!("{}/", served.url())).passed(&format!("go-tlog at size {size}"));
        let expected = if size == 0 { "empty".to_owned() } else { format!("size {size} root ok true") };
        assert!(said.stdout.contains(&expected), "{}", said.stdout);
        aics.check(&served.url(), size, before);
        before = Some(size);
    }
}

/// A copy of a served log as files, for [`GoTlog`] to read: what is damaged in it must be noticed.
fn copy_of(served: &Served, paths: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for path in paths {
        let target = dir.path().join(path);
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        let mut reply = ureq::get(format!("{}/{path}", served.url())).call().unwrap();
        std::fs::write(target, reply.body_mut().read_to_vec().unwrap()).unwrap();
    }
    dir
}

#[test]
fn a_stranger_refuses_a_damaged_copy() {
    let Some(go) = GoTlog::build() else { return };
    let served = Served::empty();
    served.grow(3);
    let paths = ["checkpoint", "tile/0/000.p/3", "tile/entries/000.p/3"];
    let place = |dir: &tempfile::TempDir| format!("{}/", dir.path().display());
    let copy = copy_of(&served, &paths);
    go.check(&place(&copy)).passed("an honest copy");
    for (path, at) in [("checkpoint", 30), ("tile/0/000.p/3", 40), ("tile/entries/000.p/3", 100)] {
        let copy = copy_of(&served, &paths);
        let mut bytes = std::fs::read(copy.path().join(path)).unwrap();
        bytes[at] ^= 1;
        std::fs::write(copy.path().join(path), bytes).unwrap();
        go.check(&place(&copy)).refused(path);
    }
}

/// An envelope and the public key of its only signer, as files.
fn files(dir: &Path, envelope: &[u8], key: &PublicKey) -> (PathBuf, PathBuf) {
    let (document, pem) = (dir.join("envelope.json"), dir.join("key.pem"));
    std::fs::write(&document, envelope).unwrap();
    let lines: Vec<String> =
        key.to_base64().as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    let text = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"));
    std::fs::write(&pem, text).unwrap();
    (document, pem)
}

fn keys() -> [(&'static str, PrivateKey); 2] {
    [("Ed25519", cast::key("lab")), ("P-256", PrivateKey::from_p256_scalar([7; 32]).unwrap())]
}

fn payload() -> Vec<u8> {
    Envelope::parse(&cast::model_card("lab", 1)).unwrap().payload
}

/// The envelope around another payload, its signatures kept.
fn with_payload(envelope: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut document: Value = serde_json::from_slice(envelope).unwrap();
    document["payload"] = STANDARD.encode(payload).into();
    document.to_string().into_bytes()
}

#[test]
fn b08_securesystemslib_accepts_our_envelopes_and_refuses_them_once_tampered_with() {
    let (Some(python), Some(conformance)) = (named("COLOPHON_PYTHON"), named("COLOPHON_CONFORMANCE")) else { return };
    let script = conformance.join("verify_ssl.py");
    for (algorithm, key) in keys() {
        let dir = tempfile::tempdir().unwrap();
        let envelope = Envelope::sign(payload(), &[&key]).unwrap().to_json();
        let check = |envelope: &[u8], key: &PublicKey| {
            let (document, pem) = files(dir.path(), envelope, key);
            run(Command::new(&python).arg(&script).arg(document).arg(pem))
        };
        check(&envelope, key.public_key()).passed(algorithm);
        let mut changed = payload();
        *changed.last_mut().unwrap() = b' ';
        check(&with_payload(&envelope, &changed), key.public_key()).refused("another payload");
        let mut document: Value = serde_json::from_slice(&envelope).unwrap();
        let mut signature = STANDARD.decode(document["signatures"][0]["sig"].as_str().unwrap()).unwrap();
        *signature.last_mut().unwrap() ^= 1;
        document["signatures"][0]["sig"] = STANDARD.encode(signature).into();
        check(document.to_string().as_bytes(), key.public_key()).refused("another signature");
        check(&envelope, cast::key("auditor").public_key()).refused("another key");
    }
}

#[test]
fn b07_in_toto_accepts_our_statements_and_refuses_them_once_tampered_with() {
    let (Some(python), Some(conformance)) = (named("COLOPHON_PYTHON"), named("COLOPHON_CONFORMANCE")) else { return };
    let script = conformance.join("verify_intoto.py");
    for (algorithm, key) in keys() {
        let dir = tempfile::tempdir().unwrap();
        let envelope = Envelope::sign(payload(), &[&key]).unwrap().to_json();
        let check = |envelope: &[u8]| {
            let (document, _) = files(dir.path(), envelope, key.public_key());
            run(Command::new(&python).arg(&script).arg(document))
        };
        let said = check(&envelope).passed(algorithm);
        assert!(said.stdout.contains("urn:colophon:model-card:v1"), "{}", said.stdout);
        let text = String::from_utf8(payload()).unwrap();
        let mut without: Value = serde_json::from_str(&text).unwrap();
        without["subject"][0]["digest"] = serde_json::json!({});
        check(&with_payload(&envelope, without.to_string().as_bytes())).refused("a subject without a digest");
        for (from, to) in [
            ("https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v9"),
            ("\"predicateType\":\"urn:colophon:model-card:v1\"", "\"predicateType\":\"\""),
            ("\"subject\":[{", "\"subject\":[{{"),
        ] {
            assert!(text.contains(from), "{from}");
            check(&with_payload(&envelope, text.replace(from, to).as_bytes())).refused(to);
        }
    }
}
