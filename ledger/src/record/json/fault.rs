//! What the strict reader stumbles over, and the place of it in words.

use super::is_bidi_control;
use crate::error::{Code, Error};

/// A failure on its way out of the recursion, which adds the steps of the pointer from the innermost.
pub(super) struct Fault {
    pub(super) code: Code,
    /// The byte at which the reader stood.
    pub(super) at: usize,
    pub(super) detail: String,
    pub(super) path: Vec<String>,
}

pub(super) type Read<T> = core::result::Result<T, Box<Fault>>;

impl Fault {
    pub(super) fn under(mut self: Box<Self>, step: String) -> Box<Self> {
        self.path.push(step);
        self
    }

    pub(super) fn into_error(self, text: &str) -> Error {
        let before = text.get(..self.at).unwrap_or(text);
        let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let position = format!("line {line} column {column}");
        let pointer: String = self.path.into_iter().rev().collect();
        if pointer.is_empty() || self.code == Code::JsonSyntax {
            Error::new(self.code, self.detail).at(position)
        } else {
            Error::new(self.code, format!("{} ({position})", self.detail)).at(pointer)
        }
    }
}

/// One step of a JSON pointer, cut and made visible so that a place can be shown to anybody.
pub(in crate::record) fn pointer_step(name: &str) -> String {
    // 80 characters tell members apart; a member's name may be as long as the text.
    let mut step = String::from("/");
    for c in name.chars().take(80) {
        match c {
            '~' => step.push_str("~0"),
            '/' => step.push_str("~1"),
            c if c.is_control() || is_bidi_control(c) => step.extend(c.escape_unicode()),
            c => step.push(c),
        }
    }
    step
}
