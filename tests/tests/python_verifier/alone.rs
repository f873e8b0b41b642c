//! `verify_bundle.py` copied alone into an empty folder: what it needs no other file for, and what it says it left unread.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ledger::testing::{Dice, MemoryLog};
use serde_json::{Value, json};

use super::mutants::{Case, Indexed, both, flip_bit};
use super::{PARTY, Story, card, key, python};

/// The one file, in a folder of its own below this one.
pub(super) fn script(dir: &Path) -> PathBuf {
    let folder = dir.join("alone");
    let script = folder.join("verify_bundle.py");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("verify_bundle.py"), &script).unwrap();
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    script
}

/// The bundle with one bit of each part of every record changed, in as many places: of the envelope and the entry, and of
/// the proof with the checkpoint in it.
fn flipped(bundle: &Value, dice: &mut Dice) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for record in ["", "/policy", "/keyHistory/0"] {
        for part in ["envelope", "entry", "proof"] {
            for n in 0..60 {
                let mut changed = bundle.clone();
                let place = changed.pointer_mut(&format!("{record}/{part}")).unwrap();
                let text = place.as_str().unwrap();
                *place = match STANDARD.decode(text) {
                    Ok(bytes) => json!(flip_bit(dice, &bytes)),
                    Err(_) => {
                        // The low bits of the bytes that are ASCII, so that it stays a text.
                        let mut bytes = text.as_bytes().to_vec();
                        let ascii: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at].is_ascii()).collect();
                        bytes[ascii[dice.below(ascii.len())]] ^= 1 << dice.below(5);
                        json!(String::from_utf8(bytes).unwrap())
                    }
                };
                all.push((format!("{record}/{part} {n}"), changed.to_string()));
            }
        }
    }
    all
}

#[test]
fn b13_the_one_file_alone_refuses_every_flipped_bit_of_what_is_signed() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let story = Story::new();
    let policy = String::from_utf8(story.log.policy().encode()).unwrap();
    let bundle: Value = serde_json::from_slice(&story.bundle().encode().unwrap()).unwrap();
    let mut cases: Vec<Case> = vec![("sound".to_owned(), policy.clone(), bundle.to_string())];
    let changed = flipped(&bundle, &mut Dice(0xa10e_5eed)).into_iter();
    cases.extend(changed.map(|(case, text)| (case, policy.clone(), text)));
    let (ours, theirs) = both(&python, script(dir.path()).parent().unwrap(), &cases);
    assert_eq!((ours[0].0, &theirs[0]), (0, &json!([0, null, null, ["forms"]])));
    let mut otherwise = 0;
    for ((case, ..), ((exit, link, code), theirs)) in cases.iter().zip(ours.iter().zip(&theirs)).skip(1) {
        assert_eq!(theirs[3], json!(["forms"]), "{case}");
        assert!(*exit != 0 && theirs[0] != json!(0), "{case}: ours {exit}, theirs {theirs}");
        // What is no envelope, statement or key any more we refuse by its form, and the one file by what follows from it.
        let form = *exit == 2 || *code == json!("key_refused") || theirs[0] == json!(2);
        let same = (&json!(exit), link) == (&theirs[0], &theirs[1]);
        assert!(same || form, "{case}: ours {exit} {link} {code}, theirs {theirs}");
        otherwise += usize::from(!same);
    }
    println!(
        "{} cases, of which {otherwise} are refused as a form by one and for what follows by the other",
        cases.len()
    );
    assert!(otherwise * 20 < cases.len(), "{otherwise} of {}", cases.len());
}

#[test]
fn b13_the_one_file_alone_says_that_it_read_no_key_lookup() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut log = MemoryLog::new();
    let party = log.register(PARTY, &["partner"], &[&key(10)]);
    let mut indexed = Indexed::new(log);
    let index = indexed.log.append(card(PARTY, "example-7b", &[&key(10)]));
    let sound = indexed.bundle(index, &[party], vec![indexed.look_up(&key(10), 0, true)]);
    let mut broken = sound.clone();
    broken["keyLookup"]["lookups"][0]["count"] = json!("2");
    let policy = String::from_utf8(indexed.log.policy().encode()).unwrap();
    let case = |name: &str, bundle: &Value| (name.to_owned(), policy.clone(), bundle.to_string());
    let cases = [case("sound", &sound), case("broken", &broken)];

    let (ours, theirs) = both(&python, Path::new(env!("CARGO_MANIFEST_DIR")), &cases);
    assert_eq!([ours[0].0, ours[1].0], [0, 11]);
    assert_eq!(theirs, [json!([0, null, null, []]), json!([11, "signer-key", "proof_invalid", []])]);
    let (_, alone) = both(&python, script(dir.path()).parent().unwrap(), &cases);
    let unread = json!([0, null, null, ["forms", "keyLookup"]]);
    assert_eq!(alone, [unread.clone(), unread]);
}
