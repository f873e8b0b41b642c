//! The example of C2SP signed-note and its mutations, each held against its expected outcome.

use ledger::note::{SignedNote, VerifierKey};
use serde_json::Value;

use crate::data::folder;

#[test]
fn b14_all_note_mutations() {
    let Some(folder) = folder("c2sp-signed-note") else { return };
    let cases: Vec<Value> = serde_json::from_slice(&std::fs::read(folder.join("cases.json")).unwrap()).unwrap();
    let text = |case: &Value, member: &str| case[member].as_str().unwrap().to_owned();
    let mut verified = 0;
    for case in &cases {
        let note = text(case, "note");
        let result = text(case, "vkey").parse::<VerifierKey>().map_err(ledger::Error::from).and_then(|key| {
            let note = SignedNote::parse(note.as_bytes())?;
            note.verify(&[key])
        });
        assert_eq!(result.is_ok(), case["ok"].as_bool().unwrap(), "{}: {result:?}", case["name"]);
        if result.is_ok() {
            verified += 1;
            assert_eq!(SignedNote::parse(note.as_bytes()).unwrap().encode(), note.as_bytes());
        }
    }
    assert_eq!((cases.len(), verified), (11, 2));
}
