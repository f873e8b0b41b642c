//! What each code point does on its way into n1, looked up in one step.
//!
//! The generated tables are compact and searched; here they are written out, a block of 128 code points at a time, when
//! a text first needs the block. A block costs microseconds to make and half a kilobyte to keep, and a text has few.

use std::sync::OnceLock;

use unicode_normalization::char::canonical_combining_class;
use unicode_normalization::{IsNormalized, is_nfc_quick};

use super::{is_assigned, is_white_space, map};

/// What becomes of a code point. "Settled" means that canonical composition cannot change it: NFC quick check says yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Maps to one settled starter, which nothing before it can change; what follows may.
    Starter(char),
    /// Maps to one settled mark of this combining class, which is in its place if no class before it is higher.
    Mark(char, u8),
    /// Maps to several settled starters.
    Starters,
    /// Is or becomes white space.
    White,
    /// Is removed.
    Removed,
    /// Is not assigned in the pinned version: stays, and composes with nothing.
    Unassigned,
    /// Must be composed together with what is around it.
    Other,
}

const BLOCK: usize = 128;
const BLOCKS: usize = 0x11_0000 / BLOCK;

static TABLE: [OnceLock<Box<[Fate; BLOCK]>>; BLOCKS] = [const { OnceLock::new() }; BLOCKS];

/// What becomes of a code point.
pub(super) fn fate(c: char) -> Fate {
    let code = c as usize;
    let block = TABLE[code / BLOCK].get_or_init(|| {
        let first = (code / BLOCK * BLOCK) as u32;
        let mut block = Box::new([Fate::Unassigned; BLOCK]);
        for (code, fate) in (first..).zip(block.iter_mut()) {
            // Surrogates are in no text, so what their rows say is never read.
            *fate = char::from_u32(code).map_or(Fate::Unassigned, derive);
        }
        block
    });
    block[code % BLOCK]
}

fn derive(c: char) -> Fate {
    if !is_assigned(c) {
        return Fate::Unassigned;
    }
    let mut mapped = String::new();
    map(c, &mut mapped);
    let settled = |c: char| is_nfc_quick(core::iter::once(c)) == IsNormalized::Yes;
    let starter = |c: char| settled(c) && canonical_combining_class(c) == 0;
    let mut rest = mapped.chars();
    match (rest.next(), rest.next()) {
        (None, _) => Fate::Removed,
        (Some(only), None) if is_white_space(only) => Fate::White,
        (Some(only), None) if starter(only) => Fate::Starter(only),
        (Some(only), None) if settled(only) => Fate::Mark(only, canonical_combining_class(only)),
        (Some(_), Some(_)) if mapped.chars().all(|c| starter(c) && !is_white_space(c)) => Fate::Starters,
        _ => Fate::Other,
    }
}
