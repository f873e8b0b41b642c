//! What happens to a record that is redacted, and to one that is retracted: everywhere that somebody may look.

#![allow(clippy::unwrap_used, clippy::panic)]

use harness::between::{Answer, Between};
use harness::stage::Stage;
use serde_json::json;

fn stage() -> Stage {
    Stage::new(env!("CARGO_BIN_EXE_colophon-under-test"))
}

/// A server that says of every body that it was erased.
fn everything_erased(path: &str, answer: &mut Answer) {
    if path.starts_with("/addenda/") {
        let problem = json!({ "code": "redacted", "title": "gone", "status": 410, "detail": "erased" });
        *answer = Answer { status: "410 Gone".to_owned(), body: problem.to_string().into_bytes() };
    }
}

#[test]
fn a_server_that_calls_a_body_erased_which_no_retraction_erased_is_caught() {
    let stage = stage();
    stage.publish(1);
    let between = Between::new(&stage.server.url, everything_erased);
    between.lie();
    for line in [&["log", "audit"][..], &["findings"], &["log", "state"]] {
        let caught = stage.program.run(&[line, &["--log", &between.url]].concat());
        assert_eq!(caught.exit, 11, "{caught:?}");
        assert!(caught.stderr.contains("withheld") && caught.stderr.contains("entry"), "{caught:?}");
    }
}
