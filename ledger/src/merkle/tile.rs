//! The names of tiles and entry bundles, as C2SP tlog-tiles lays a log out under a URL prefix.
//!
//! A tile holds up to 256 hashes of one row of the tree, an entry bundle up to 256 entries. Here are their names and
//! which of them a tree of some size has; what is inside them is in [`data`].

use core::fmt;
use core::str::FromStr;

use crate::error::{Code, Error};
use crate::ids::{TreeSize, decimal};

pub mod data;

pub use data::{DataError, Tiles, decode_bundle, decode_tile, encode_bundle, encode_tile};

/// How many hashes or entries a full tile or bundle holds: the width that C2SP tlog-tiles fixes.
pub const FULL_WIDTH: u16 = 256;

/// How many rows of the tree one tile stands for: 2^8 = 256.
pub const TILE_HEIGHT: u8 = 8;

/// The highest level that a path may name. A tree of 2^64 entries ends at level 7; the specification allows 63.
pub const MAX_LEVEL: u8 = 63;

/// Why a text is not the path of a tile or an entry bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the path of a tile or an entry bundle in its one canonical spelling")]
pub struct PathError;

impl From<PathError> for Error {
    fn from(error: PathError) -> Self {
        Error::new(Code::NotFound, error.to_string())
    }
}

/// A tile: its level, counted in tiles, its index on that level, and how many hashes it holds.
///
/// ```text
/// tile/<level>/<index>            full, 256 hashes
/// tile/<level>/<index>.p/<width>  partial, 1 to 255 hashes
/// ```
///
/// The index is written in groups of three digits, each but the last prefixed with `x`.
///
/// ```
/// # use ledger::merkle::TileId;
/// let tile: TileId = "tile/0/x001/x234/067".parse()?;
/// assert_eq!((tile.level(), tile.index(), tile.width()), (0, 1_234_067, 256));
/// assert_eq!("tile/0/273.p/112".parse::<TileId>()?.width(), 112);
/// assert!("tile/0/x000/273".parse::<TileId>().is_err());
/// # Ok::<(), ledger::merkle::tile::PathError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    level: u8,
    index: u64,
    width: u16,
}

impl TileId {
    /// The tile with these numbers; `None` unless the level is at most [`MAX_LEVEL`] and the width 1 to 256.
    pub const fn new(level: u8, index: u64, width: u16) -> Option<Self> {
        if level > MAX_LEVEL || width == 0 || width > FULL_WIDTH {
            return None;
        }
        Some(Self { level, index, width })
    }

    /// The tile at this level and index as a tree of `size` entries has it, full or partial; `None` where the tree has
    /// no hash there.
    pub fn in_tree(level: u8, index: u64, size: TreeSize) -> Option<Self> {
        Self::new(level, index, width_of(index, hashes_at(level, size))?)
    }

    /// The right-most tile of each level, lowest first, where it is partial: what a checkpoint of this size publishes
    /// beside the full tiles.
    pub fn partials_of(size: TreeSize) -> impl Iterator<Item = Self> {
        (0..TILE_HEIGHT).filter_map(move |level| {
            let index = hashes_at(level, size) / u64::from(FULL_WIDTH);
            Self::in_tree(level, index, size)
        })
    }

    /// The level: 0 holds leaf hashes, level `l` the roots of subtrees of 256^l entries.
    pub const fn level(self) -> u8 {
        self.level
    }

    /// The index on its level.
    pub const fn index(self) -> u64 {
        self.index
    }

    /// How many hashes it holds: 1 to 256.
    pub const fn width(self) -> u16 {
        self.width
    }

    /// Whether it holds 256 hashes.
    pub const fn is_full(self) -> bool {
        self.width == FULL_WIDTH
    }

    /// The same tile, full: what a client asks for when the partial one was removed.
    #[must_use]
    pub const fn to_full(self) -> Self {
        Self { width: FULL_WIDTH, ..self }
    }

    /// The path below the log's prefix, such as `tile/0/x001/067`.
    pub fn path(self) -> String {
        self.to_string()
    }

    /// Reads what [`path`](Self::path) writes, and nothing else.
    ///
    /// # Errors
    /// [`PathError`]; as an [`Error`] it is `not_found`.
    pub fn parse(path: &str) -> Result<Self, PathError> {
        let (level, rest) = path.strip_prefix("tile/").and_then(|p| p.split_once('/')).ok_or(PathError)?;
        let level = decimal(level).ok().and_then(|l| u8::try_from(l).ok()).ok_or(PathError)?;
        let (index, width) = parse_place(rest)?;
        Self::new(level, index, width).ok_or(PathError)
    }
}

impl fmt::Display for TileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tile/{}/", self.level)?;
        write_place(f, self.index, self.width)
    }
}

impl FromStr for TileId {
    type Err = PathError;

    fn from_str(path: &str) -> Result<Self, PathError> {
        Self::parse(path)
    }
}

/// An entry bundle: its index, and how many entries it holds.
///
/// ```text
/// tile/entries/<index>            full, 256 entries
/// tile/entries/<index>.p/<width>  partial, 1 to 255 entries
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryBundleId {
    index: u64,
    width: u16,
}

impl EntryBundleId {
    /// Entries of a full bundle.
    pub const ENTRIES: u64 = FULL_WIDTH as u64;

    /// The bundle with these numbers; `None` unless the width is 1 to 256.
    pub const fn new(index: u64, width: u16) -> Option<Self> {
        if width == 0 || width > FULL_WIDTH {
            return None;
        }
        Some(Self { index, width })
    }

    /// The bundle with this index as a tree of `size` entries has it; `None` where the tree has no entry there.
    pub fn in_tree(index: u64, size: TreeSize) -> Option<Self> {
        Self::new(index, width_of(index, size.0)?)
    }

    /// The index; the first entry is `index · 256`.
    pub const fn index(self) -> u64 {
        self.index
    }

    /// How many entries it holds: 1 to 256.
    pub const fn width(self) -> u16 {
        self.width
    }

    /// Whether it holds 256 entries.
    pub const fn is_full(self) -> bool {
        self.width == FULL_WIDTH
    }

    /// The same bundle, full.
    #[must_use]
    pub const fn to_full(self) -> Self {
        Self { width: FULL_WIDTH, ..self }
    }

    /// The path below the log's prefix, such as `tile/entries/000.p/3`.
    pub fn path(self) -> String {
        self.to_string()
    }

    /// Reads what [`path`](Self::path) writes, and nothing else.
    ///
    /// # Errors
    /// [`PathError`]; as an [`Error`] it is `not_found`.
    pub fn parse(path: &str) -> Result<Self, PathError> {
        let (index, width) = parse_place(path.strip_prefix("tile/entries/").ok_or(PathError)?)?;
        Self::new(index, width).ok_or(PathError)
    }
}

impl fmt::Display for EntryBundleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tile/entries/")?;
        write_place(f, self.index, self.width)
    }
}

impl FromStr for EntryBundleId {
    type Err = PathError;

    fn from_str(path: &str) -> Result<Self, PathError> {
        Self::parse(path)
    }
}

/// How many hashes the row at this tile level has: one for each complete subtree of 256^level entries.
fn hashes_at(level: u8, size: TreeSize) -> u64 {
    size.0.checked_shr(u32::from(level) * u32::from(TILE_HEIGHT)).unwrap_or(0)
}

/// The width of the tile at `index` of a row of `count`, if it has any.
fn width_of(index: u64, count: u64) -> Option<u16> {
    let first = index.checked_mul(u64::from(FULL_WIDTH))?;
    let width = count.checked_sub(first)?.min(u64::from(FULL_WIDTH));
    // At most 256 by the line above.
    if width == 0 { None } else { u16::try_from(width).ok() }
}

fn write_place(f: &mut fmt::Formatter<'_>, index: u64, width: u16) -> fmt::Result {
    // 2^64 has 20 digits, so seven groups of three are enough.
    let mut groups = [0; 7];
    let mut count = 0;
    let mut rest = index;
    loop {
        groups[count] = rest % 1_000;
        count += 1;
        rest /= 1_000;
        if rest == 0 {
            break;
        }
    }
    for group in groups[1..count].iter().rev() {
        write!(f, "x{group:03}/")?;
    }
    write!(f, "{:03}", groups[0])?;
    if width < FULL_WIDTH {
        write!(f, ".p/{width}")?;
    }
    Ok(())
}

fn parse_place(text: &str) -> Result<(u64, u16), PathError> {
    let (index, width) = match text.split_once(".p/") {
        None => (text, FULL_WIDTH),
        Some((index, width)) => {
            let width = decimal(width).ok().and_then(|w| u16::try_from(w).ok()).ok_or(PathError)?;
            if width >= FULL_WIDTH {
                return Err(PathError);
            }
            (index, width)
        }
    };
    let mut value = 0u64;
    let mut groups = index.split('/').peekable();
    let mut first = true;
    while let Some(group) = groups.next() {
        let digits = match groups.peek() {
            Some(_) => group.strip_prefix('x').ok_or(PathError)?,
            None => group,
        };
        // A leading group of zeroes would be a second spelling of the same tile.
        let superfluous = first && groups.peek().is_some() && digits == "000";
        if digits.len() != 3 || !digits.bytes().all(|b| b.is_ascii_digit()) || superfluous {
            return Err(PathError);
        }
        let group: u64 = digits.parse().map_err(|_| PathError)?;
        value = value.checked_mul(1_000).and_then(|v| v.checked_add(group)).ok_or(PathError)?;
        first = false;
    }
    Ok((value, width))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;

    fn partials(size: u64) -> Vec<String> {
        TileId::partials_of(TreeSize(size)).map(TileId::path).collect()
    }

    #[test]
    fn the_tiles_of_70_000_entries_are_those_of_the_specification() {
        assert_eq!(partials(70_000), ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]);
        let size = TreeSize(70_000);
        assert!(TileId::in_tree(0, 272, size).unwrap().is_full());
        assert_eq!(TileId::in_tree(0, 274, size), None);
        assert_eq!(TileId::in_tree(1, 0, size).unwrap().path(), "tile/1/000");
        assert_eq!(TileId::in_tree(3, 0, size), None);
        assert_eq!(TileId::in_tree(63, 0, size), None);
        assert_eq!(EntryBundleId::in_tree(273, size).unwrap().path(), "tile/entries/273.p/112");
        assert_eq!(EntryBundleId::in_tree(274, size), None);
        assert_eq!(EntryBundleId::in_tree(u64::MAX, size), None);
    }

    #[test]
    fn the_tiles_of_256_entries_are_those_of_the_specification() {
        assert_eq!(partials(256), ["tile/1/000.p/1"]);
        assert_eq!(TileId::in_tree(0, 0, TreeSize(256)).unwrap().path(), "tile/0/000");
        assert_eq!(partials(0), [""; 0]);
        assert_eq!(partials(255), ["tile/0/000.p/255"]);
    }

    #[test]
    fn a_large_index_is_written_in_groups() {
        assert_eq!(TileId::new(0, 1_234_067, 256).unwrap().path(), "tile/0/x001/x234/067");
        assert_eq!(TileId::new(63, 1_000, 1).unwrap().path(), "tile/63/x001/000.p/1");
        let largest = TileId::new(0, u64::MAX, 256).unwrap();
        assert_eq!(largest.path(), "tile/0/x018/x446/x744/x073/x709/x551/615");
        assert_eq!(TileId::parse(&largest.path()), Ok(largest));
    }

    #[test]
    fn b19_a_path_has_one_spelling() {
        for wrong in [
            "tile/0/0",
            "tile/0/00",
            "tile/0/0000",
            "tile/0/x000/001",
            "tile/0/001/067",
            "tile/0/x001",
            "tile/0/x001/x067",
            "tile/0/x01/067",
            "tile/00/000",
            "tile/01/000",
            "tile/64/000",
            "tile/257/000",
            "tile/-1/000",
            "tile/0/000.p/0",
            "tile/0/000.p/01",
            "tile/0/000.p/256",
            "tile/0/000.p/257",
            "tile/0/000.p/",
            "tile/0/000.p",
            "tile/0/000.p/1/",
            "tile/0/000.p/1.p/1",
            "tile/0/.p/1",
            "tile/0/",
            "tile/0",
            "tile//000",
            "/tile/0/000",
            "tile/0/000/",
            "tile/0/..",
            "tile/0/+12",
            "tile/0/٠٠٠",
            "tile/0/x018/x446/x744/x073/x709/x551/616",
            "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
            "tile/entries/000",
            "",
        ] {
            assert_eq!(TileId::parse(wrong), Err(PathError), "{wrong:?}");
        }
        for wrong in ["tile/entries/0", "tile/entries/000.p/256", "tile/entries/x000/000", "tile/0/000", "tile/entries"]
        {
            assert_eq!(EntryBundleId::parse(wrong), Err(PathError), "{wrong:?}");
        }
    }

    #[test]
    fn a_tile_has_at_least_one_hash_and_at_most_256() {
        assert_eq!(TileId::new(0, 0, 0), None);
        assert_eq!(TileId::new(0, 0, 257), None);
        assert_eq!(TileId::new(64, 0, 1), None);
        assert_eq!(EntryBundleId::new(0, 0), None);
        assert_eq!(EntryBundleId::new(0, 257), None);
    }

    proptest! {
        #[test]
        fn a_path_is_read_back(level in 0u8..64, index in any::<u64>(), shift in 0u32..64, width in 1u16..=256) {
            let index = index >> shift;
            let tile = TileId::new(level, index, width).unwrap();
            prop_assert_eq!(TileId::parse(&tile.path()), Ok(tile));
            let bundle = EntryBundleId::new(index, width).unwrap();
            prop_assert_eq!(EntryBundleId::parse(&bundle.path()), Ok(bundle));
        }

        #[test]
        fn what_is_read_is_written_the_same(path in "tile/[0-9a-z/x.p]{0,24}") {
            if let Ok(tile) = TileId::parse(&path) {
                prop_assert_eq!(tile.path(), path.clone());
            }
            if let Ok(bundle) = EntryBundleId::parse(&path) {
                prop_assert_eq!(bundle.path(), path);
            }
        }
    }
}
