//! Whether a log's newest checkpoint extends one that was seen before, proven from a few tiles of its tree.
//!
//! Not a pass over the entries, which is [`crate::follow`]: some ten tiles of at most 8 KiB are enough for any size, and
//! every server of C2SP tlog-tiles has them, a mirror too. The tiles are not believed: what is made of them is held against
//! the signed root.

use std::cell::RefCell;
use std::collections::HashMap;

use ledger::Code;
use ledger::merkle::tile::DataError;
use ledger::merkle::{ProveError, TileId, Tiles, prove_consistency, tree_root, verify_consistency};
use ledger::note::AcceptedCheckpoint;

use crate::client::Client;
use crate::failure::{At, CliError, Result};
use crate::memory::{Memory, Seen};

/// Proves that the tree of `accepted` begins with the one that was seen.
///
/// # Errors
/// `fork`, with evidence, if the signed tree begins with another one; `proof_invalid` if the tiles do not belong to the
/// signed tree, and whatever keeps them from being had.
pub(crate) fn check(
    client: &Client,
    memory: &Memory,
    seen: &Seen,
    accepted: &AcceptedCheckpoint,
    note: &[u8],
) -> Result<()> {
    let (size, root) = (accepted.checkpoint().size(), accepted.checkpoint().root());
    let kept: RefCell<HashMap<TileId, Vec<u8>>> = RefCell::default();
    let nodes = Tiles::new(size, |tile: TileId| -> Result<Vec<u8>> {
        if let Some(bytes) = kept.borrow().get(&tile) {
            return Ok(bytes.clone());
        }
        let limit = u64::from(tile.width()) * 32;
        let bytes = client.get_up_to(&format!("/{}", tile.path()), limit)?.bytes;
        kept.borrow_mut().insert(tile, bytes.clone());
        Ok(bytes)
    });
    let begins = tree_root(&nodes, seen.size)?;
    let proof = prove_consistency(&nodes, seen.size, size).map_err(|error| match error {
        ProveError::Node(error) => error,
        ProveError::OutOfRange { .. } => CliError::new(Code::Internal, "the tree that was seen is the larger one"),
    })?;
    verify_consistency(seen.size, begins, size, root, &proof)
        .map_err(|error| {
            CliError::new(Code::ProofInvalid, format!("its tiles are not of the tree that it signed: {error}"))
        })
        .at(client.base())?;
    if begins != seen.root {
        return Err(memory.fork(accepted.log(), &seen.note, note, "two trees that exclude one another"));
    }
    Ok(())
}

impl From<DataError> for CliError {
    fn from(error: DataError) -> Self {
        Self::new(Code::ProofInvalid, error.to_string())
    }
}
