//! The figures of a log: what its policy may set in `limits`, and what holds where it does not.

use super::State;

/// A figure that the policy may set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// `comment-days`: how long comments on an agreement are open at least.
    CommentDays,
    /// `veto-days`: how long after the close of comments a veto is in time.
    VetoDays,
    /// `answer-days`: how long a party has for the answer to a preference.
    AnswerDays,
    /// `unvouched-per-subject`: how many statements of unvouched keys there may be about one thing.
    UnvouchedPerSubject,
}

impl Figure {
    /// Every figure.
    pub const ALL: [Self; 4] = [Self::CommentDays, Self::VetoDays, Self::AnswerDays, Self::UnvouchedPerSubject];

    /// Its name in `limits`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CommentDays => "comment-days",
            Self::VetoDays => "veto-days",
            Self::AnswerDays => "answer-days",
            Self::UnvouchedPerSubject => "unvouched-per-subject",
        }
    }

    /// What holds where the policy does not say.
    pub const fn default(self) -> u64 {
        match self {
            // DESIGN §8: two weeks.
            Self::CommentDays => 14,
            Self::VetoDays => 7,
            // A month, as data protection law gives for an answer to a person.
            Self::AnswerDays => 30,
            // Two pages of a listing: who reads so many has heard the objection.
            Self::UnvouchedPerSubject => 64,
        }
    }
}

impl State {
    /// A figure by the policy in force.
    pub fn figure(&self, figure: Figure) -> u64 {
        let set = self.policy().and_then(|policy| policy.limits.get(figure.name()));
        set.copied().unwrap_or(figure.default())
    }
}
