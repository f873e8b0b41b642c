//! Which sources have a key: a list of ordinals, written as few bytes as a dump that is keyed every month needs.
//!
//! ```text
//! list  = item+
//! item  = varint(gap·4 + 2·[a range] + [another item follows]) ‖ [varint(length − 2), of a range]
//! gap   = the ordinal, of the first item; of the others the distance from the end of the one before, less 2
//! varint: unsigned LEB128, in as few bytes as possible
//!
//! {3}  0c        {0, 1, …, 999}  02 e6 07        {1, 5}  05 08
//! ```
//!
//! Each set has one encoding: ordinals ascend, and neighbours are always one range.

use crate::error::{Code, Error, Result};

/// Writes the list of these ordinals, which ascend strictly and are not none.
pub(crate) fn write_list(ordinals: &[u32], out: &mut Vec<u8>) {
    let mut rest = ordinals;
    let mut base = 0u64;
    while let Some(first) = rest.first() {
        let len = rest.iter().zip(u64::from(*first)..).take_while(|(o, expected)| u64::from(**o) == *expected).count();
        rest = &rest[len..];
        let word = (u64::from(*first) - base) << 2 | u64::from(len > 1) << 1 | u64::from(!rest.is_empty());
        varint(word, out);
        if len > 1 {
            varint(len as u64 - 2, out);
        }
        // The next one is not a neighbour, or it would be in this range.
        base = u64::from(*first) + len as u64 + 1;
    }
}

/// Reads one list of ordinals below `sources`; answers them and how many bytes they took.
pub(super) fn read_list(bytes: &[u8], sources: u32) -> Result<(Vec<u32>, usize)> {
    let mut ordinals = Vec::new();
    let taken = walk(bytes, sources, &mut |ordinal| ordinals.push(ordinal))?;
    Ok((ordinals, taken))
}

/// How many bytes the list at the beginning takes.
pub(crate) fn skip_list(bytes: &[u8], sources: u32) -> Result<usize> {
    walk(bytes, sources, &mut |_| {})
}

fn walk(bytes: &[u8], sources: u32, each: &mut dyn FnMut(u32)) -> Result<usize> {
    let (mut at, mut base) = (0, 0u64);
    loop {
        let (word, after) = read_varint(bytes, at)?;
        let (first, mut end) = (base.saturating_add(word >> 2), base.saturating_add(word >> 2));
        at = after;
        if word & 2 != 0 {
            let (more, after) = read_varint(bytes, at)?;
            end = first.saturating_add(more).saturating_add(1);
            at = after;
        }
        if end >= u64::from(sources) {
            return Err(wrong("a list names a source that the run does not have"));
        }
        (first..=end).for_each(|ordinal| each(ordinal as u32));
        if word & 1 == 0 {
            return Ok(at);
        }
        base = end + 2;
    }
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn read_varint(bytes: &[u8], mut at: usize) -> Result<(u64, usize)> {
    let (mut value, mut shift) = (0u64, 0);
    loop {
        let byte = *bytes.get(at).ok_or_else(|| wrong("a list is cut off"))?;
        at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            // A last byte of zero would be a second spelling. 35 bits are four times the largest ordinal there can be.
            return if byte == 0 && shift > 0 {
                Err(wrong("a number has a superfluous byte"))
            } else {
                Ok((value, at))
            };
        }
        shift += 7;
        if shift > 28 {
            return Err(wrong("a number of a list is too long"));
        }
    }
}

fn wrong(detail: &str) -> Error {
    Error::new(Code::ProofInvalid, detail)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    fn written(ordinals: &[u32]) -> Vec<u8> {
        let mut out = Vec::new();
        write_list(ordinals, &mut out);
        out
    }

    #[test]
    fn the_bytes_are_as_written() {
        assert_eq!(written(&[3]), [0x0c]);
        assert_eq!(written(&(0..1000).collect::<Vec<_>>()), [0x02, 0xe6, 0x07]);
        assert_eq!(written(&[1, 5]), [0x05, 0x08]);
        assert_eq!(written(&[1023]).len(), 2);
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for bytes in [&[][..], &[0x80], &[0x80, 0x00], &[0x02], &[0x05], &[0xff; 9], &[0x28], &[0x02, 0x7f]] {
            assert!(read_list(bytes, 10).is_err(), "{bytes:x?}");
        }
        assert_eq!(read_list(&[0x24, 0xff], 10).unwrap(), (vec![9], 1));
    }

    proptest! {
        #[test]
        fn every_set_comes_back_and_has_one_spelling(set in prop::collection::btree_set(0u32..2048, 1..80)) {
            let ordinals: Vec<u32> = set.into_iter().collect();
            let bytes = written(&ordinals);
            prop_assert_eq!(read_list(&bytes, 2048).unwrap(), (ordinals, bytes.len()));
        }

        #[test]
        fn what_is_read_is_written_the_same(bytes in prop::collection::vec(any::<u8>(), 0..12)) {
            if let Ok((ordinals, taken)) = read_list(&bytes, 2048) {
                prop_assert_eq!(written(&ordinals), &bytes[..taken]);
            }
        }
    }
}
