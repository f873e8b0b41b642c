//! What the index is known to hold durably, written down outside of it.
//!
//! ```text
//! {"size":…,"position":[segment,offset],"received":…,"tiles":[[base64…]…],"state":…}
//! <SHA-256 of the line above, 64 hex>
//! ```
//!
//! sled can lose its newest writes without a word, so the mark cannot live inside of it. A start loads the newest
//! snapshot and replays the journal from there; if the index holds fewer entries than its snapshot says, it lost some
//! and is filled again from the beginning. The file is small: partial tiles hold at most 255 hashes a level.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::open::blame;
use super::tail::Tail;
use crate::engine::Position;
use crate::error::{Error, Result};
use crate::ids::{TreeSize, UnixMillis, to_hex};
use crate::merkle::NodeHash;
use crate::state::State;

/// A log at a size, without its entries.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    /// Where the first entry that is not covered stands in the journal.
    pub(super) position: Position,
    /// The newest `received` value.
    pub(super) received: UnixMillis,
    /// The tree's edge; its size is the snapshot's.
    pub(super) tail: Tail,
    /// The effective state.
    pub(super) state: State,
    /// The size of the verifiable index whose rows are durable.
    pub(super) terms: TreeSize,
}

impl Snapshot {
    /// The log before entry 0.
    pub(super) fn empty() -> Self {
        let (tail, state) = (Tail::default(), State::default());
        Self { position: Position::START, received: UnixMillis(0), tail, state, terms: TreeSize(0) }
    }

    /// Reads the snapshot; `None` if there is none or it is not whole, which only makes the start slower.
    pub(super) fn load(path: &Path) -> Option<Self> {
        let text = fs::read_to_string(path).ok()?;
        let (line, digest) = text.split_once('\n')?;
        if digest.trim_end() != to_hex(&Sha256::digest(line.as_bytes())) {
            return None;
        }
        let stored: Stored = serde_json::from_str(line).ok()?;
        let tiles =
            stored.tiles.iter().map(|tile| tile.iter().map(|hash| node(hash)).collect()).collect::<Option<_>>()?;
        Some(Self {
            position: Position { segment: stored.position.0, offset: stored.position.1 },
            received: UnixMillis(stored.received),
            tail: Tail::restore(TreeSize(stored.size), tiles)?,
            state: stored.state,
            terms: TreeSize(stored.terms),
        })
    }

    /// Replaces the snapshot at `path`, durably and in one step.
    pub(super) fn save(&self, path: &Path) -> Result<()> {
        let temporary = path.with_extension("new");
        self.write(path, &temporary).map_err(|source| {
            // Half a snapshot on a full disk would be in the way of everything else.
            let _ = fs::remove_file(&temporary);
            Error::new(blame(&source), source.to_string()).at(path.display().to_string())
        })
    }

    fn write(&self, path: &Path, temporary: &Path) -> io::Result<()> {
        let stored = Stored {
            size: self.tail.size().0,
            position: (self.position.segment, self.position.offset),
            received: self.received.0,
            tiles: self
                .tail
                .levels()
                .map(|tile| tile.iter().map(|hash| STANDARD.encode(hash.as_bytes())).collect())
                .collect(),
            state: self.state.clone(),
            terms: self.terms.0,
        };
        let line = serde_json::to_string(&stored)?;
        let mut file = File::create(temporary)?;
        writeln!(file, "{line}\n{}", to_hex(&Sha256::digest(line.as_bytes())))?;
        file.sync_all()?;
        fs::rename(temporary, path)?;
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    size: u64,
    position: (u32, u64),
    received: u64,
    tiles: Vec<Vec<String>>,
    state: State,
    #[serde(default)]
    terms: u64,
}

fn node(text: &str) -> Option<NodeHash> {
    Some(NodeHash::from_bytes(STANDARD.decode(text).ok()?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::merkle::LeafHash;

    #[test]
    fn a_snapshot_comes_back_as_it_was_and_a_damaged_one_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("snapshot");
        let mut snapshot = Snapshot::empty();
        for i in 0..300u32 {
            snapshot.tail.append(LeafHash::of_entry(&i.to_be_bytes()));
        }
        snapshot.position = Position { segment: 3, offset: 99 };
        snapshot.save(&path).unwrap();
        let loaded = Snapshot::load(&path).unwrap();
        assert_eq!(loaded.tail, snapshot.tail);
        assert_eq!(loaded.position, snapshot.position);

        let sound = fs::read(&path).unwrap();
        for at in (0..sound.len()).step_by(97) {
            let mut bytes = sound.clone();
            bytes[at] ^= 4;
            fs::write(&path, bytes).unwrap();
            assert!(Snapshot::load(&path).is_none(), "byte {at}");
        }
    }
}
