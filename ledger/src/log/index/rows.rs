//! The keys and values of rows, as the table in [`super`] gives them.

use super::failed;
use crate::engine::{Place, Places};
use crate::error::Result;
use crate::ids::LeafIndex;
use crate::trie::Term;

/// 128 pairs of places are 4,096 bytes, the largest value that sled keeps in its own file.
pub(super) const PLACES_PER_ROW: u64 = 128;

/// 256 indices are 2 KiB: a row that is written again with every append should be small.
pub(super) const INDICES_PER_CHUNK: usize = 256;

/// Sixteen bytes of a term's hash: two terms that share a row by accident are told apart by [`Term::matches`].
pub(super) fn row_of(term: &Term) -> [u8; 16] {
    first_16(term.key().as_bytes())
}

pub(super) fn first_16(digest: &[u8; 32]) -> [u8; 16] {
    let mut out = [0; 16];
    out.copy_from_slice(&digest[..16]);
    out
}

pub(super) fn tile_row(level: u8, index: u64, half: u8) -> [u8; 10] {
    let mut row = [0; 10];
    row[0] = level;
    row[1..9].copy_from_slice(&index.to_be_bytes());
    row[9] = half;
    row
}

pub(super) fn chunk_row(row: &[u8; 16], number: u32) -> [u8; 20] {
    let mut out = [0; 20];
    out[..16].copy_from_slice(row);
    out[16..].copy_from_slice(&number.to_be_bytes());
    out
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes))
}

pub(super) fn places_at(value: &[u8], nth: u64) -> Option<Places> {
    let at = usize::try_from(nth).ok()? * 32;
    let pair = value.get(at..)?.first_chunk::<32>()?;
    let (entry, body) = (pair.first_chunk::<16>()?, pair.last_chunk::<16>()?);
    Some(Places { entry: Place::from_bytes(*entry), body: Place::from_bytes(*body) })
}

pub(super) fn indices_of(value: &[u8]) -> Vec<u64> {
    value.as_chunks::<8>().0.iter().map(|bytes| u64::from_be_bytes(*bytes)).collect()
}

pub(super) fn chunk_indices(row: sled::Result<(sled::IVec, sled::IVec)>) -> std::vec::IntoIter<Result<LeafIndex>> {
    let indices = match row {
        Ok((_, value)) => indices_of(&value).into_iter().map(|index| Ok(LeafIndex(index))).collect(),
        Err(source) => vec![Err(failed(&source))],
    };
    indices.into_iter()
}
