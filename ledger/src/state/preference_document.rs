//! A preference and the clocks of its answers as programs read them: what the interface answers with and
//! `colophon preference status --json` prints. Numbers are strings, and `moment` writes a time.

use serde_json::{Map, Value, json};

use super::{Backing, Clock, Effective, ResponseState, Statement, Vouch};
use crate::ids::UnixMillis;
use crate::record::aipref::Category;

impl Backing {
    /// The word for it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Party => "party",
            Self::Vouched(_) => "vouched",
            Self::Unvouched => "unvouched",
        }
    }

    fn vouch(&self) -> Option<&Vouch> {
        match self {
            Self::Vouched(vouch) => Some(vouch),
            Self::Party | Self::Unvouched => None,
        }
    }
}

impl Statement<'_> {
    /// The statement for programs, as it stands at `now`.
    pub fn to_json(&self, now: UnixMillis, moment: &dyn Fn(UnixMillis) -> String) -> Value {
        let says = |category: Category| (category.as_str().to_owned(), json!(self.said.about(category).as_str()));
        let vouch = self
            .backing
            .vouch()
            .map(|vouch| json!({ "index": vouch.index.to_string(), "record": vouch.record, "by": vouch.issuer }));
        json!({
            "record": self.record, "index": self.state.index.to_string(), "issuer": self.state.issuer,
            "says": Category::ALL.into_iter().map(says).collect::<Map<String, Value>>(),
            "authority": self.said.authority, "backing": self.backing.as_str(), "vouch": vouch,
            "from": moment(self.from), "holds": self.holds(now),
        })
    }
}

impl Effective<'_> {
    /// What holds for programs; `statement` writes each of the statements that make it so, and of those that nobody vouches
    /// for.
    pub fn to_json(&self, statement: &mut dyn FnMut(&Statement<'_>) -> Value) -> Value {
        let because: Vec<Value> = self.because.iter().map(&mut *statement).collect();
        let unvouched: Vec<Value> = self.unvouched.iter().map(statement).collect();
        json!({ "preference": self.preference.as_str(), "because": because, "unvouched": unvouched })
    }
}

impl Clock<'_> {
    /// The clock for programs, as it stands at `now`.
    pub fn to_json(&self, now: UnixMillis, moment: &dyn Fn(UnixMillis) -> String) -> Value {
        let answer = |answer: &ResponseState| {
            json!({
                "record": answer.record, "index": answer.index.to_string(), "status": answer.status,
                "received": moment(answer.received), "dueBy": answer.due_by.map(moment),
            })
        };
        json!({
            "party": self.party, "since": moment(self.since), "due": moment(self.due), "answer": self.answer.map(answer),
            "answered": self.is_answered(), "overdue": self.is_overdue(now),
        })
    }
}
