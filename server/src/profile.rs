//! What a party says about itself: its newest profile that it stands by, and what became of the newest one if that is another.

use ledger::ids::{LeafIndex, UnixMillis};
use ledger::log::{Filter, Log, Published, Term};
use ledger::record::kind::Kind;
use ledger::state::{Fate, Item, Records as _};
use serde_json::{Value, json};

use crate::looking::{Looking, newest_of};

/// Profiles that are looked at in one step, and steps: whoever took back more profiles than this is said to have more.
const STEP: usize = 16;
const STEPS: usize = 20;

/// The profile of a party.
#[derive(Debug, Default)]
pub(crate) struct Profile {
    /// The newest that stands.
    pub(crate) standing: Option<Item>,
    /// The newest, where it does not stand.
    pub(crate) undone: Option<Undone>,
    /// Whether there are older ones that were not looked at, so that one of them may stand.
    pub(crate) partial: bool,
}

/// A profile that does not stand any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Undone {
    /// Where it stands in the log.
    pub(crate) index: LeafIndex,
    /// What became of it, in a word.
    pub(crate) word: &'static str,
    /// The entry that made it so, where one did.
    pub(crate) by: Option<LeafIndex>,
}

impl Profile {
    /// The profile of the party `id` in a view.
    pub(crate) fn of(
        log: &Log,
        view: &Published,
        looking: &Looking<'_>,
        id: &str,
        now: UnixMillis,
    ) -> ledger::Result<Self> {
        let terms = vec![Term::Issuer(id.to_owned()), Term::Kind(Kind::PartyProfile.as_str().to_owned())];
        let filter = Filter { terms };
        let mut found = Self::default();
        let mut next = Some(newest_of(view));
        for _ in 0..STEPS {
            let Some(order) = next else { return Ok(found) };
            let page = log.page(view, &filter, order, STEP)?;
            for entry in page.entries {
                let Some(item) = looking.item(entry.index)? else { continue };
                let fate = Fate::of(looking, &view.state, &item, now)?;
                let Some(undone) = undone(&item, &fate) else {
                    return Ok(Self { standing: Some(item), ..found });
                };
                found.undone.get_or_insert(undone);
            }
            next = page.next;
        }
        Ok(Self { partial: next.is_some(), ..found })
    }
}

impl Undone {
    /// For programs.
    pub(crate) fn to_json(self) -> Value {
        json!({ "index": self.index.to_string(), "what": self.word, "by": self.by.map(|by| by.to_string()) })
    }
}

fn undone(profile: &Item, fate: &Fate) -> Option<Undone> {
    let (word, by) = match fate {
        fate if fate.redacted_by.is_some() || profile.record.is_none() => ("redacted", fate.redacted_by),
        Fate { taken_back_by: Some(by), .. } => ("taken back", Some(*by)),
        Fate { superseded_by: Some(by), .. } => ("superseded", Some(*by)),
        fate if fate.expired => ("over", None),
        _ => return None,
    };
    Some(Undone { index: profile.index, word, by })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use ledger::ids::{RecordId, SubjectDigest};
    use ledger::record::statement::Subject;
    use ledger::testing as cast;

    use super::*;
    use crate::testing::TestServer;

    /// A log whose rules let a party take back what it said.
    fn stage() -> TestServer {
        let server = TestServer::of_empty_log(crate::Options::default());
        server.sequence(cast::genesis_with_council());
        server.sequence(cast::party("lab", &["partner"]));
        server
    }

    fn say(server: &TestServer, kind: Kind, subject: Subject, more: Value) -> (String, RecordId) {
        let mut predicate = json!({ "issuer": { "id": "lab" }, "issued": cast::ISSUED });
        predicate.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let body = cast::sign(kind, vec![subject], predicate, &[&cast::key("lab")]);
        let id = cast::record_id(&body);
        (server.sequence(body).to_string(), id)
    }

    fn profile(server: &TestServer, name: &str, more: Value) -> (String, RecordId) {
        let mut said = json!({ "name": name });
        said.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let subject = Subject::artifact("profile", SubjectDigest::from_bytes([3; 32]));
        say(server, Kind::PartyProfile, subject, said)
    }

    fn retract(server: &TestServer, target: RecordId) -> String {
        let retraction = json!({ "target": target.to_reference(), "reason": "error" });
        say(server, Kind::Retraction, Subject::record(target), retraction).0
    }

    #[test]
    fn the_profile_of_a_party_is_the_newest_that_it_stands_by_and_what_became_of_a_newer_one_is_said() {
        let server = stage();
        let shown = || {
            let party = server.get("/api/v1/parties/lab").json();
            (party["profile"].clone(), party["profileUndone"].clone(), server.get("/p/lab").text())
        };
        assert_eq!((shown().0, shown().1), (json!(null), json!(null)));
        let (first, old) = profile(&server, "Lab of Reeds", json!({}));
        assert_eq!((shown().0, shown().1), (json!(first), json!(null)));
        let (second, new) = profile(&server, "Lab of Herons", json!({}));
        assert_eq!((shown().0, shown().1), (json!(second), json!(null)));
        let by = retract(&server, new);
        let (index, undone, html) = shown();
        assert_eq!(index, json!(first));
        assert_eq!(undone, json!({ "index": second, "what": "taken back", "by": by }));
        assert!(html.contains("<h1><bdi dir=\"auto\">Lab of Reeds</bdi></h1>"), "{html}");
        for part in ["A newer profile", "taken back", &format!("href=\"/r/{by}\""), &format!("href=\"/r/{second}\"")] {
            assert!(html.contains(part), "{part}: {html}");
        }
        let by = retract(&server, old);
        let (index, undone, html) = shown();
        assert_eq!((index, &undone["index"]), (json!(null), &json!(second)));
        assert!(html.contains("No profile of it stands") && html.contains("taken back"), "{by}: {html}");
        assert!(!html.contains("What it says about itself"), "{html}");
        let (third, _) = profile(&server, "Lab of Egrets", json!({ "supersedes": [old.to_reference()] }));
        assert_eq!((shown().0, shown().1), (json!(third), json!(null)));
    }

    #[test]
    fn the_newest_profile_is_found_behind_any_number_that_were_taken_back() {
        let server = stage();
        let (first, _) = profile(&server, "Lab of Reeds", json!({}));
        for i in 0..=STEP {
            let (_, id) = profile(&server, &format!("Lab {i}"), json!({}));
            retract(&server, id);
        }
        assert_eq!(server.get("/api/v1/parties/lab").json()["profile"], json!(first));
    }
}
