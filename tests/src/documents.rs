//! Documents that a server and a command both make: what is left when each has what it alone can say taken out.

use std::collections::BTreeSet;

use serde_json::{Value, json};

/// Holds a model or a dataset as the interface has it against what `colophon card status` folds, member by member.
///
/// # Panics
/// If they differ, or if either lacks what it alone can say.
#[track_caller]
pub fn same_card(served: &Value, folded: &Value) {
    let (mut served, mut folded) = (served.clone(), folded.clone());
    without(&mut served, &["now", "links", "size", "complete", "findingsOf"]);
    for finding in served["findings"].as_array_mut().into_iter().flatten() {
        without(finding, &["links"]);
    }
    assert_eq!((&folded["unchecked"], &folded["exit"]), (&json!([]), &json!(0)), "{folded}");
    without(&mut folded, &["now", "log", "unchecked", "exit"]);
    let names = |value: &Value| value.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
    let (of_server, of_command): (BTreeSet<String>, BTreeSet<String>) = (names(&served), names(&folded));
    assert_eq!(of_server, of_command);
    for name in of_server {
        assert_eq!(served[&name], folded[&name], "{name} of {}", served["record"]);
    }
}

#[track_caller]
fn without(document: &mut Value, members: &[&str]) {
    for name in members {
        let taken = document.as_object_mut().and_then(|document| document.remove(*name));
        assert!(taken.is_some(), "no {name}: {document}");
    }
}
