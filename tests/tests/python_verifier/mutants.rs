//! A thousand changes of sound bundles and policies, each of which both verifiers must judge alike: the same exit code, at the
//! same link. What is changed follows from a seed; Python runs once over all of them.

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ledger::bundle::KeyLookup;
use ledger::entry::Entry;
use ledger::ids::{LeafIndex, TreeSize};
use ledger::note::Policy;
use ledger::record::key::PrivateKey;
use ledger::record::kind::Kind;
use ledger::record::kinds::IndexRoot;
use ledger::testing::{Dice, ISSUED, MemoryLog, sign};
use ledger::trie::{Draft, LIST_PAGE, Lookup, LookupPage, MemoryRows, Term, prove, prove_page};
use ledger::verify::{Trust, verify_bytes};
use serde_json::{Value, json};

use super::{PARTY, card, key, key_event, python};

/// A log with an index over its first entries, and bundles with look-ups under its root.
pub(super) struct Indexed {
    pub(super) log: MemoryLog,
    rows: MemoryRows,
    size: u64,
    root: LeafIndex,
}

impl Indexed {
    /// States the root of the index over all entries so far.
    pub(super) fn new(mut log: MemoryLog) -> Self {
        let (mut rows, mut draft) = (MemoryRows::default(), Draft::default());
        let size = log.size().0;
        for at in (0..size).map(LeafIndex) {
            let header = Entry::decode(log.entry(at)).unwrap().header;
            Term::of(&header).iter().for_each(|term| draft.append(term.key(), at));
        }
        let root = draft.seal(&rows).unwrap();
        rows.absorb(draft);
        let subjects = IndexRoot { size, root, previous: None }.subjects();
        let issuer = json!({ "id": "example-log" });
        let predicate = json!({ "issuer": issuer, "issued": ISSUED, "size": size, "root": root.to_hex() });
        let body = sign(Kind::IndexRoot, subjects, predicate, &[log.operator()]);
        let root = log.append(body);
        Self { log, rows, size, root }
    }

    /// The look-up of a key that these entries are about, one page of it, with the entries if they are asked for.
    pub(super) fn look_up(&self, key: &PrivateKey, number: u64, with_entries: bool) -> Lookup {
        let term = Term::Key(key.key_id());
        let about = |at: &LeafIndex| term.matches(&Entry::decode(self.log.entry(*at)).unwrap().header);
        let all: Vec<LeafIndex> = (0..self.size).map(LeafIndex).filter(about).collect();
        let page = |number: u64| {
            all.chunks(LIST_PAGE as usize).nth(usize::try_from(number).unwrap()).unwrap_or_default().to_vec()
        };
        let (list, proof) = prove(&self.rows, &term.key()).unwrap();
        let head = list.map(|list| list.head());
        let inclusion = |at: LeafIndex| self.log.link(at).proof.proof;
        let read = |head| LookupPage {
            number,
            indices: page(number),
            proof: prove_page(&self.rows, &term.key(), &head, number, &|number| Ok(page(number))).unwrap(),
            entries: with_entries
                .then(|| page(number).iter().map(|at| (self.log.entry(*at).to_vec(), inclusion(*at))).collect()),
        };
        Lookup {
            checkpoint: self.log.note(),
            root: (self.root, inclusion(self.root)),
            head,
            proof: proof.encode(),
            page: head.map(read),
            tail: (TreeSize(0), vec![]),
            consistency: with_entries.then(|| inclusion(self.root)),
            term,
        }
    }

    pub(super) fn bundle(&self, index: LeafIndex, history: &[LeafIndex], lookups: Vec<Lookup>) -> Value {
        let told = KeyLookup { index_root: self.log.link(self.root), history: vec![], lookups };
        let mut bundle = self.log.bundle(index, history);
        bundle.key_lookup = Some(told.to_value().unwrap());
        serde_json::from_slice(&bundle.encode().unwrap()).unwrap()
    }
}

/// The text with another character in some place.
fn flip(dice: &mut Dice, text: &str) -> String {
    let mut flipped: Vec<char> = text.chars().collect();
    let at = dice.below(flipped.len());
    let with: Vec<char> = "AbQw019+/=-_ \n\"\\{,:\u{e9}".chars().collect();
    if let Some(place) = flipped.get_mut(at) {
        *place = with[dice.below(with.len())];
    }
    flipped.into_iter().collect()
}

pub(super) fn flip_bit(dice: &mut Dice, bytes: &[u8]) -> String {
    let mut bytes = bytes.to_vec();
    let at = dice.below(bytes.len());
    bytes[at] ^= 1 << dice.below(8);
    STANDARD.encode(bytes)
}

/// The places of a value, of long lists the first two and the last.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| places(value, &format!("{at}/{name}"), found))
        }
        Value::Array(items) => {
            let some = |n: &usize| *n < 2 || n + 1 == items.len();
            (0..items.len()).filter(some).for_each(|n| places(&items[n], &format!("{at}/{n}"), found));
        }
        _ => {}
    }
}

/// What may be found in the place of a value.
fn instead(old: &Value, name: &str, dice: &mut Dice) -> Vec<Value> {
    let mut values = vec![json!(null), json!(""), json!(0), json!(true), json!([]), json!({}), json!([old])];
    match old {
        Value::Object(members) => {
            let mut more = members.clone();
            more.insert("unknown".to_owned(), json!(0));
            values.push(Value::Object(more));
        }
        Value::Array(items) if !items.is_empty() => {
            values.push(json!([&items[..], &items[..1]].concat()));
            values.push(json!([&items[..], &[Value::Null]].concat()));
            values.push(Value::Array(items.iter().rev().cloned().collect()));
        }
        Value::String(text) => {
            let spelled = [format!(" {text}"), format!("{text} "), format!("{text}\n"), format!("0{text}")];
            values.extend(spelled.into_iter().map(Value::from));
            values.extend((0..2).map(|_| json!(flip(dice, text))));
            if text.contains('\u{2014}') {
                let short = "\u{2014} foo AAAA\n";
                values.extend([format!("{text}{short}"), format!("{text}\u{2014} foo AAAAAAAA\n")].map(Value::from));
                values.push(json!(text.replace('\n', "\r\n")));
                values.push(json!(text.replacen('\u{2014}', &format!("{}\u{2014}", short), 1)));
                values.push(json!(text.lines().map(|line| format!("{line}\n")).rev().collect::<String>()));
            }
            if let ("envelope" | "entry" | "proof" | "list", Ok(bytes)) = (name, STANDARD.decode(text)) {
                values.extend((0..3).filter(|_| !bytes.is_empty()).map(|_| json!(flip_bit(dice, &bytes))));
                if let Ok(envelope) = serde_json::from_slice::<Value>(&bytes) {
                    values.extend((0..14).map(|n| json!(within(&envelope, n, dice))));
                }
            }
        }
        _ => {}
    }
    values.retain(|value| value != old);
    values
}

/// An envelope with something else in its statement or around it.
fn within(envelope: &Value, n: usize, dice: &mut Dice) -> String {
    let mut other = envelope.clone();
    let statement = String::from_utf8(STANDARD.decode(envelope["payload"].as_str().unwrap_or_default()).unwrap());
    let statement = statement.unwrap();
    match n {
        0 => other["unknown"] = json!(0),
        1 => other["signatures"][0]["unknown"] = json!(0),
        2 => other["signatures"][0]["keyid"] = json!(flip(dice, other["signatures"][0]["keyid"].as_str().unwrap())),
        3 => other["signatures"] = json!([]),
        4..8 => {
            // A member of the statement by another name.
            let names: Vec<_> = statement.match_indices("\":").map(|(at, _)| at).collect();
            let mut text = statement.clone();
            text.insert(names[dice.below(names.len())], 'x');
            other["payload"] = json!(STANDARD.encode(text));
        }
        8..10 => other = json!(flip(dice, &envelope.to_string())),
        _ => other["payload"] = json!(STANDARD.encode(flip(dice, &statement))),
    }
    STANDARD.encode(other.as_str().map_or_else(|| other.to_string(), str::to_owned))
}

/// Every mutant of a bundle that differs below one of these places, with where it was changed.
fn mutants(bundle: &Value, below: &[&str], dice: &mut Dice) -> Vec<(String, String)> {
    let (mut found, mut all) = (Vec::new(), Vec::new());
    places(bundle, "", &mut found);
    for place in found.iter().filter(|place| below.iter().any(|below| place.starts_with(below))) {
        let (parent, name) = place.rsplit_once('/').unwrap();
        let mut changed = bundle.clone();
        match changed.pointer_mut(parent).unwrap() {
            Value::Object(members) => _ = members.remove(name),
            Value::Array(items) => _ = items.remove(name.parse().unwrap()),
            _ => {}
        }
        all.push((format!("{place} deleted"), changed.to_string()));
        for (n, value) in instead(bundle.pointer(place).unwrap(), name, dice).into_iter().enumerate() {
            let mut changed = bundle.clone();
            let shown: String = value.to_string().chars().take(60).collect();
            *changed.pointer_mut(place).unwrap() = value;
            all.push((format!("{place} change {n}: {shown}"), changed.to_string()));
        }
    }
    all
}

/// Policies that differ from this one, each in one thing.
fn policies(log: &MemoryLog) -> Vec<String> {
    let (key, clock) = (log.signer().verifier_key(), log.witness().verifier_key());
    let mut other = MemoryLog::with("other.example.org", 40);
    let other = (other.register("x", &["partner"], &[&self::key(9)]), other).1;
    let head = format!("log {key}\nwitness clock {clock}\nwitness w2 {}\n", other.witness().verifier_key());
    let ends = [
        "quorum clock",
        "quorum none",
        "quorum w2",
        "quorum clock\nquorum none",
        "quorum clock extra",
        "quorum",
        "",
        "group g any clock clock\nquorum g",
        "group none any clock\nquorum none",
        "group g 01 clock\nquorum g",
        "group g +1 clock\nquorum g",
        "group g 1 clock\nquorum g",
        "group g 3 clock w2\nquorum g",
        "group g any\nquorum clock",
        "group clock any w2\nquorum clock",
        "group g 0 clock\nquorum g",
        "group g -1 clock\nquorum g",
        "group g any clock\ngroup h any clock\nquorum h",
        "group g any g\nquorum g",
        "group g 2 clock w2\nquorum g",
        "group g 1 clock w2\nquorum g",
        "group g all clock w2\nquorum g",
        "group g any clock\ngroup h all g\nquorum h",
        "group g any clock g2\nquorum g",
        "quorum\tclock",
        "  quorum clock ",
        "# quorum none\nquorum clock",
        "quorum clock # not a comment",
        "quorum clock\r",
        "quorum clock\u{b}",
        "quorum\u{a0}clock",
        "quorum clock\u{7f}",
        "nonsense\nquorum clock",
        "quorum cl\u{f6}ck",
        "group g any clock\u{a0}\nquorum g",
    ];
    let mut all: Vec<String> = ends.iter().map(|end| format!("{head}{end}\n")).collect();
    let good = format!("{head}quorum clock\n");
    all.push(good.replace('\n', "\r\n"));
    all.push(good.trim_end().to_owned());
    for (from, to) in [
        ("log ", &*format!("log {key}\nlog ")),
        ("log ", "Log "),
        ("\nwitness clock", " https://log.example.org\nwitness clock"),
        ("\nwitness clock", " https://log.example.org more\nwitness clock"),
        ("witness clock", "witness none"),
        ("witness w2", "witness clock"),
        ("witness clock ", "witness "),
        (&*clock.to_string(), &*key.to_string()),
        (&*key.to_string(), &*clock.to_string()),
        (&*key.to_string(), &*other.signer().verifier_key().to_string()),
        ("+", "++"),
    ] {
        all.push(good.replacen(from, to, 1));
    }
    let mut dice = Dice(0x5eed);
    all.extend((0..60).map(|_| flip(&mut dice, &good)));
    all
}

/// What the Python says of each policy and bundle: its exit code, at which link it stopped, and what it left unread.
const DRIVER: &str = "
import json, sys
from verify_bundle import FAILURES, verify
for line in sys.stdin:
    policy, bundle = json.loads(line)
    try:
        said, status = verify(policy.encode(), bundle.encode())
        print(json.dumps([status, said['link'], said['code'], said['unread']]))
    except FAILURES as error:
        print(json.dumps([2, 'policy', repr(error), []]))
";

/// What to call a case, a policy and a bundle.
pub(super) type Case = (String, String, String);

/// What we say of each case, and what the Python in this folder says, which runs once over all of them.
pub(super) fn both(python: &str, folder: &Path, cases: &[Case]) -> (Vec<(u8, Value, Value)>, Vec<Value>) {
    let dir = tempfile::tempdir().unwrap();
    let (asked, told) = (dir.path().join("asked"), dir.path().join("told"));
    let lines: String = cases.iter().map(|(_, policy, bundle)| format!("{}\n", json!([policy, bundle]))).collect();
    std::fs::write(&asked, lines).unwrap();
    let mut driver = Command::new(python)
        .args(["-B", "-c", DRIVER])
        .env("PYTHONPATH", folder)
        .current_dir(dir.path())
        .stdin(std::fs::File::open(&asked).unwrap())
        .stdout(std::fs::File::create(&told).unwrap())
        .spawn()
        .unwrap();
    let begun = std::time::Instant::now();
    let ours = cases
        .iter()
        .map(|(_, policy, bundle)| match Policy::parse(policy.as_bytes()) {
            Ok(policy) => {
                let report = verify_bytes(bundle.as_bytes(), &Trust::new(policy), &[]);
                let link = report.failed().map(|line| serde_json::to_value(line.link).unwrap());
                (report.exit_code(false), json!(link), json!(report.code().map(|code| code.as_str())))
            }
            Err(error) => (2, json!("policy"), json!(error.detail())),
        })
        .collect();
    let ours_took = begun.elapsed();
    assert!(driver.wait().unwrap().success());
    println!("ours {ours_took:?}, together {:?}", begun.elapsed());
    let told = std::fs::read_to_string(&told).unwrap();
    let theirs: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(theirs.len(), cases.len());
    (ours, theirs)
}

#[test]
fn b13_whatever_is_changed_in_a_bundle_or_a_policy_both_verifiers_say_the_same() {
    let Some(python) = python() else { return };
    let mut dice = Dice(0x0dd5_eed5_0f00_dca5);
    let p256 = PrivateKey::from_p256_scalar([11; 32]).unwrap();
    let mut log = MemoryLog::new();
    let party = log.register(PARTY, &["partner"], &[&key(10), &p256]);
    let added = json!({ "publicKey": key(12).public_key().to_base64() });
    let added = log.append(key_event(PARTY, "add", &key(12), added, &[&p256, &key(12)]));
    log.register("example-audit", &["auditor"], &[&key(20)]);
    let mut indexed = Indexed::new(log);
    let card = indexed.log.append(card(PARTY, "example-7b", &[&key(10), &key(12)]));
    let late = indexed.log.register("example-later", &["partner"], &[&key(30)]);
    let lookups = vec![indexed.look_up(&key(10), 0, true), indexed.look_up(&key(12), 0, false)];
    let bundle = indexed.bundle(card, &[party, added], lookups);
    let operator = PrivateKey::from_ed25519_seed([4; 32]);
    let lookups = vec![indexed.look_up(&key(30), 0, false), indexed.look_up(&operator, 0, false)];
    let absent = indexed.bundle(late, &[], lookups);

    // A list of two pages: neither is the whole of it.
    let mut log = MemoryLog::new();
    let party = log.register(PARTY, &["partner"], &[&key(10)]);
    let (entry, body) = (log.entry(party).to_vec(), log.body(party).to_vec());
    (0..LIST_PAGE + 3).for_each(|_| _ = log.append_raw(entry.clone(), body.clone()));
    let long = Indexed::new(log);
    let pages = long.bundle(party, &[], vec![long.look_up(&key(10), 0, false), long.look_up(&key(10), 1, true)]);

    let policy = String::from_utf8(indexed.log.policy().encode()).unwrap();
    let mut cases: Vec<Case> = Vec::new();
    let all = [
        "/e",
        "/mediaType",
        "/proof",
        "/policy",
        "/keyHistory/0",
        "/keyLookup/i",
        "/keyLookup/h",
        "/keyLookup/lookups/0",
    ];
    let list = ["/keyLookup/lookups/0/proof", "/keyLookup/lookups/0/count", "/keyLookup/lookups/0/list"];
    let page = ["number", "indices/0", "proof", "entries/0"].map(|part| format!("/keyLookup/lookups/1/page/{part}"));
    let page = page.each_ref().map(String::as_str);
    for (name, bundle, below) in [("card", &bundle, &all[..]), ("absent", &absent, &list), ("pages", &pages, &page)] {
        cases.push((format!("{name}: sound"), policy.clone(), bundle.to_string()));
        let changed = mutants(bundle, below, &mut dice).into_iter();
        cases.extend(changed.map(|(case, text)| (format!("{name}: {case}"), policy.clone(), text)));
    }
    for (member, value) in [
        ("keyHistory", json!({})),
        ("keyHistory", json!(null)),
        ("keyLookup", json!(null)),
        ("keyLookup", json!(0)),
        ("keyLookup", json!("")),
        ("keyLookup", json!([])),
        ("keyLookup", json!({})),
        ("unknown", json!(0)),
    ] {
        let mut changed = bundle.clone();
        changed[member] = value;
        cases.push((format!("{member}: {}", changed[member]), policy.clone(), changed.to_string()));
        if member != "unknown" {
            changed.as_object_mut().unwrap().remove(member);
            cases.push((format!("no {member}"), policy.clone(), changed.to_string()));
        }
    }
    let policies = policies(&indexed.log).into_iter();
    cases.extend(policies.map(|policy| (format!("policy {policy:?}"), policy, bundle.to_string())));

    let (ours, theirs) = both(&python, Path::new(env!("CARGO_MANIFEST_DIR")), &cases);
    let sound = |(case, _, _): &Case| case.ends_with(": sound");
    assert!(cases.iter().zip(&ours).filter(|(case, _)| sound(case)).all(|(_, (exit, ..))| *exit == 0));
    let differ: Vec<String> = cases
        .iter()
        .zip(ours.iter().zip(&theirs))
        .filter(|(_, ((exit, link, _), theirs))| json!(exit) != theirs[0] || *link != theirs[1])
        .map(|((case, ..), (ours, theirs))| format!("{case}\n    ours {ours:?}, theirs {theirs}"))
        .collect();
    let exits = ours.iter().fold(std::collections::BTreeMap::new(), |mut exits, (exit, ..)| {
        *exits.entry(*exit).or_insert(0) += 1;
        exits
    });
    println!("{} cases, by exit code: {exits:?}", cases.len());
    assert!(differ.is_empty(), "{} of {} differ:\n{}", differ.len(), cases.len(), differ.join("\n"));
}
