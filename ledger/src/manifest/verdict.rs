//! What follows from looks into keyspaces: the five words of an answer, and what they do not mean.
//!
//! Every answer is computed where the question is asked, from proofs that were checked there; a server's page uses the same
//! rules and says that it is not the asker. Absence of evidence is never comfort: no word here says that something was not
//! used. DESIGN §7.

use crate::manifest::question::Bearing;

/// What a dataset, or one look into one of its keyspaces, answers. In the order in which they matter to an asker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// It is among the contents that were committed to, proven.
    Present,
    /// A proof did not hold: somebody is wrong.
    Invalid,
    /// It cannot be told: closed or partial contents, files that nobody holds.
    Unknown,
    /// It is not among contents whose signer calls them complete, proven.
    Absent,
    /// The dataset declares no contents of this kind.
    NotCovered,
}

impl Status {
    /// Every word.
    pub const ALL: [Self; 5] = [Self::Present, Self::Invalid, Self::Unknown, Self::Absent, Self::NotCovered];

    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Invalid => "invalid",
            Self::Unknown => "unknown",
            Self::Absent => "absent",
            Self::NotCovered => "not-covered",
        }
    }

    /// What the word does not mean, in a sentence for whoever passes the answer on.
    pub const fn does_not_mean(self) -> &'static str {
        match self {
            Self::Present => {
                "It does not mean that a model can repeat it, nor that the license was kept; it means that the dataset's \
                 maker committed to contents that hold it."
            }
            Self::Invalid => "It does not mean that the content is or is not there; the reply cannot be relied on.",
            Self::Unknown => "It does not mean that the content is not there; nobody here can tell.",
            Self::Absent => {
                "It does not mean that no model learnt it: it is not among the contents that this dataset's maker declared \
                 and signed as complete. Other datasets, copies with other words, and what nobody declared are not covered."
            }
            Self::NotCovered => {
                "It does not mean that the content is not there; the dataset cannot be asked for this kind."
            }
        }
    }

    /// What follows from all looks into one dataset: each with its status and what its miss would say. `unreadable` is the
    /// number of keyspaces that this version cannot read.
    ///
    /// One hit is enough. Absence needs a look that decides, and none such that could not be told.
    pub fn of_looks(looks: impl IntoIterator<Item = (Self, Bearing)>, unreadable: usize) -> Self {
        let (mut invalid, mut decided, mut open, mut left_out) = (false, false, false, false);
        for (status, bearing) in looks {
            match status {
                Self::Present => return Self::Present,
                Self::Invalid => invalid = true,
                _ if bearing == Bearing::Hints => {}
                Self::Absent => decided = true,
                Self::Unknown => open = true,
                Self::NotCovered => left_out = true,
            }
        }
        match (invalid, open, left_out, decided) {
            (true, ..) => Self::Invalid,
            (_, true, ..) => Self::Unknown,
            (_, _, true, _) => Self::NotCovered,
            (_, _, _, true) => Self::Absent,
            _ if unreadable > 0 => Self::Unknown,
            _ => Self::NotCovered,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absence_needs_a_look_that_decides_and_no_unknown() {
        use Bearing::{Decides, Hints};
        use Status::{Absent, Invalid, NotCovered, Present, Unknown};
        let of = |looks: &[(Status, Bearing)], unreadable| Status::of_looks(looks.iter().copied(), unreadable);
        assert_eq!(of(&[(Absent, Decides), (Present, Hints)], 0), Present);
        assert_eq!(of(&[(Absent, Decides), (Invalid, Decides), (Present, Hints)], 0), Present);
        assert_eq!(of(&[(Absent, Decides), (Invalid, Hints)], 0), Invalid);
        assert_eq!(of(&[(Absent, Decides), (Unknown, Decides)], 0), Unknown);
        assert_eq!(of(&[(Absent, Decides), (Unknown, Hints)], 0), Absent);
        assert_eq!(of(&[(Absent, Decides)], 1), Absent);
        assert_eq!(of(&[(Absent, Decides), (NotCovered, Decides)], 0), NotCovered, "a roll-up leaves a part out");
        assert_eq!(of(&[(Unknown, Decides), (NotCovered, Decides)], 0), Unknown);
        assert_eq!(of(&[(Absent, Hints)], 0), NotCovered);
        assert_eq!(of(&[(Absent, Hints)], 1), Unknown);
        assert_eq!(of(&[], 0), NotCovered);
    }

    /// Nobody can know what was not used, so no word of an answer may say so.
    #[test]
    fn no_word_says_that_something_was_not_used() {
        for status in Status::ALL {
            let said = format!("{} {}", status.as_str(), status.does_not_mean()).to_lowercase();
            assert!(!said.contains("unused") && !said.contains("not used"), "{said}");
            assert!(said.contains("does not mean") || status == Status::Invalid || said.contains("not mean"));
        }
    }
}
