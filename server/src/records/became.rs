//! What became of a record since it was recorded: the marks and the fate that its page shows, for programs.
//!
//! They follow from later entries and from the time, and the record itself never changes. So the tag of an answer that holds
//! both names both: whoever asks again under it gets 304 while the log grows, and a new answer once the record was taken
//! back, corrected or ran out. A client that follows the log computes the same (`colophon record show`).

use std::sync::Arc;

use ledger::ids::{LeafIndex, UnixMillis, to_hex};
use ledger::log::{Log, Published};
use ledger::state::{Fate, Mark, Records, marks};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::looking::Looking;

/// Marks and fate of an entry at a moment.
#[derive(Debug, Serialize)]
pub(super) struct Became {
    /// What to know about it besides what it says.
    marks: Vec<Mark>,
    /// Which entries took its place, took it back, corrected or erased it.
    fate: Value,
    /// Whether everything that names the record was read for this.
    complete: bool,
}

impl Became {
    /// What became of the entry at `index` in a view; `None` of one that does not count.
    pub(super) fn of(
        log: &Log,
        view: &Arc<Published>,
        index: LeafIndex,
        now: UnixMillis,
    ) -> ledger::Result<Option<Self>> {
        let looking = Looking::new(log, Arc::clone(view));
        let Some(item) = looking.item(index)? else { return Ok(None) };
        let marks = marks(&looking, &view.state, &item, now)?;
        let fate = Fate::of(&looking, &view.state, &item, now)?.to_json();
        Ok(Some(Self { marks, fate, complete: !looking.is_capped() }))
    }

    /// What a tag says of it: 64 bits, for it is compared with tags of the same record only.
    pub(super) fn tag(became: Option<&Self>) -> String {
        let text = serde_json::to_vec(&became).unwrap_or_default();
        to_hex(&Sha256::digest(text)[..8])
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use ledger::ids::RecordId;
    use ledger::log::{Clock as _, ManualClock};
    use ledger::record::kind::Kind;
    use ledger::record::statement::Subject;
    use ledger::record::terms::Timestamp;
    use ledger::testing as cast;
    use serde_json::json;

    use super::*;
    use crate::testing::TestServer;

    const DAY: u64 = UnixMillis::DAY;

    /// A log on a clock that stands at the day on which everything is issued, with the lab at entry 1.
    fn stage() -> (TestServer, Arc<ManualClock>) {
        let issued: Timestamp = cast::ISSUED.parse().unwrap();
        let clock = Arc::new(ManualClock::at(issued.millis()));
        let server = TestServer::at(clock.clone());
        server.sequence(cast::genesis());
        server.sequence(cast::party("lab", &["partner"]));
        (server, clock)
    }

    /// A card by the lab with these members, and its id.
    fn card(server: &TestServer, name: &str, more: Value) -> RecordId {
        let mut predicate = json!({"issuer": {"id": "lab"}, "issued": cast::ISSUED, "model_name": name});
        predicate.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let subject = Subject::artifact(name, ledger::ids::SubjectDigest::from_bytes([7; 32]));
        let body = cast::sign(Kind::ModelCard, vec![subject], predicate, &[&cast::key("lab")]);
        let id = cast::record_id(&body);
        server.sequence(body);
        id
    }

    fn status(server: &TestServer, tag: &str) -> u16 {
        server.request("GET", "/api/v1/records/2", &[("if-none-match", tag)], b"").status
    }

    #[test]
    fn a_record_says_what_became_of_it_and_its_tag_changes_with_that_and_with_nothing_else() {
        let (server, _) = stage();
        let first = card(&server, "heron", json!({}));
        let before = server.get("/api/v1/records/2");
        let tag = before.header("etag").unwrap().to_owned();
        assert_eq!(before.header("cache-control"), Some("no-cache"));
        let before = before.json();
        assert_eq!((&before["marks"], &before["complete"]), (&json!([]), &json!(true)));
        let untouched = json!({ "supersededBy": null, "takenBackBy": null, "correctedBy": [], "redactedBy": null,
            "expired": false });
        assert_eq!(before["fate"], untouched);
        card(&server, "egret", json!({}));
        assert_eq!(status(&server, &tag), 304, "the log grew, and nothing became of the record");

        card(&server, "heron 2", json!({ "supersedes": [first.to_reference()] }));
        assert_eq!(status(&server, &tag), 200);
        let after = server.get("/api/v1/records/2");
        assert_eq!(status(&server, after.header("etag").unwrap()), 304);
        assert_eq!(server.get(&format!("/api/v1/records/{first}")).body, after.body);
        let after = after.json();
        assert_eq!((&after["fate"]["supersededBy"], &after["envelope"]), (&json!("4"), &before["envelope"]));
        let mark = &after["marks"][0];
        assert_eq!((&mark["code"], &mark["because"]), (&json!("withdrawn"), &json!("4")), "{after}");
    }

    #[test]
    fn a_record_whose_time_is_over_says_so_though_nothing_was_recorded_since() {
        let (server, clock) = stage();
        let until = Timestamp::from_millis(UnixMillis(clock.now().0 + DAY)).unwrap();
        card(&server, "heron", json!({ "validUntil": until.as_str() }));
        let before = server.get("/api/v1/records/2");
        assert_eq!(before.json()["fate"]["expired"], false);
        clock.advance(2 * DAY);
        let after =
            server.request("GET", "/api/v1/records/2", &[("if-none-match", before.header("etag").unwrap())], b"");
        assert_eq!((after.status, &after.json()["fate"]["expired"]), (200, &json!(true)));
    }
}
