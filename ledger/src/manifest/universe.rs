//! Universes and bitmaps: all numbers of a wiki's dump once, and each dataset that was drawn from it as one bit a number.
//!
//! A dataset that keeps 6.5 of the 7 million articles of a dump is 875,067 bytes: small enough to be fetched whole, so that
//! whoever asks for a thousand pages tells nobody which. The universe is fetched once for all datasets of that dump.
//!
//! ```text
//! universe.bin = "colophon/universe/v1\0" ‖ u16 kind ‖ u8 length ‖ wiki ‖ u64 n
//!                ‖ the first number, then of each further one its distance to the one before less one: LEB128, shortest form
//! bitmap.bin   = "colophon/bitmap/v1\0" ‖ SHA-256 of universe.bin ‖ u64 n ‖ u64 ones
//!                ‖ ⌈n/8⌉ bytes: bit i is bit 7 − i mod 8 of byte ⌊i/8⌋; what is left over is zero
//! ```
//!
//! The kind is `mw-page` or `mw-rev`. Both files stand in the folder of a keyspace of that kind, and the keyspace's row in
//! the signed `manifest` record names them by their SHA-256, which is all that a client needs to believe them. That they say
//! the same as the keyspace is checked by whoever holds both: a log before it serves them, and `manifest check`.

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};
use crate::ids::{ContentKey, SubjectDigest};
use crate::manifest::key;
use crate::manifest::kind::Kind;
use crate::manifest::mediawiki::Wiki;
use crate::record::subject_digest;

/// The most numbers of a universe: 2^28 are four times the pages of the largest wiki, and 2 GiB in memory.
pub const MAX_UNIVERSE: u64 = 1 << 28;

/// The longest `universe.bin`: 2^28 numbers of two bytes, which is what the distances of revisions take.
pub const MAX_UNIVERSE_BYTES: u64 = 512 << 20;

const UNIVERSE: &[u8; 21] = b"colophon/universe/v1\0";
const BITMAP: &[u8; 19] = b"colophon/bitmap/v1\0";

/// What a keyspace's row says of its `universe.bin`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UniverseRow {
    /// The wiki whose numbers these are.
    pub wiki: String,
    /// How many numbers.
    pub n: u64,
    /// The length of the file.
    pub bytes: u64,
    /// SHA-256 of the file.
    pub sha256: SubjectDigest,
}

/// What a keyspace's row says of its `bitmap.bin`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BitmapRow {
    /// SHA-256 of the universe that the bits are counted in.
    pub universe: SubjectDigest,
    /// The wiki.
    pub wiki: String,
    /// How many numbers the universe has.
    pub n: u64,
    /// How many of them the dataset holds.
    pub ones: u64,
    /// The length of the file.
    pub bytes: u64,
    /// SHA-256 of the file.
    pub sha256: SubjectDigest,
}

/// All page or revision numbers of a dump.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Universe {
    kind: Kind,
    wiki: Wiki,
    ids: Vec<u64>,
    sha256: SubjectDigest,
    bytes: u64,
}

impl Universe {
    /// The universe of these numbers, in any order and as often as they come, with its file.
    ///
    /// # Errors
    /// `too_many` above [`MAX_UNIVERSE`].
    pub fn new(kind: Kind, wiki: &Wiki, mut ids: Vec<u64>) -> Result<(Self, Vec<u8>)> {
        ids.sort_unstable();
        ids.dedup();
        if ids.len() as u64 > MAX_UNIVERSE {
            return Err(Error::new(Code::TooMany, format!("{} numbers, at most {MAX_UNIVERSE}", ids.len())));
        }
        let mut file = UNIVERSE.to_vec();
        file.extend_from_slice(&kind.number().to_be_bytes());
        file.push(wiki.as_str().len() as u8);
        file.extend_from_slice(wiki.as_str().as_bytes());
        file.extend_from_slice(&(ids.len() as u64).to_be_bytes());
        let mut next = 0;
        for id in &ids {
            put_leb128(&mut file, id - next);
            next = id + 1;
        }
        let universe = Self { kind, wiki: wiki.clone(), ids, sha256: subject_digest(&file), bytes: file.len() as u64 };
        Ok((universe, file))
    }

    /// Reads a file that a signed row names.
    ///
    /// # Errors
    /// `manifest_invalid` if it is no universe, `proof_invalid` if it is another than the row's.
    pub fn read(row: &UniverseRow, kind: Kind, file: &[u8]) -> Result<Self> {
        let universe = Self::parse(file)?;
        let same = universe.sha256 == row.sha256 && universe.kind == kind;
        if same && universe.wiki.as_str() == row.wiki && universe.len() == row.n && universe.bytes == row.bytes {
            return Ok(universe);
        }
        Err(Error::new(Code::ProofInvalid, "not the universe that the signed record names").at("universe.bin"))
    }

    /// Reads a file, whoever made it. There is one file for each set of numbers.
    ///
    /// # Errors
    /// `manifest_invalid`.
    pub fn parse(file: &[u8]) -> Result<Self> {
        let wrong = |detail: &str| Error::new(Code::ManifestInvalid, detail).at("universe.bin");
        let rest = file.strip_prefix(UNIVERSE).ok_or_else(|| wrong("does not begin as a universe"))?;
        let (kind, rest) = rest.split_first_chunk().ok_or_else(|| wrong("cut off"))?;
        let kind = Kind::from_number(u16::from_be_bytes(*kind)).filter(|kind| is_numbered(*kind));
        let kind = kind.ok_or_else(|| wrong("not of pages or revisions"))?;
        let (len, rest) = rest.split_first().ok_or_else(|| wrong("cut off"))?;
        let (wiki, rest) = rest.split_at_checked(usize::from(*len)).ok_or_else(|| wrong("cut off"))?;
        let wiki = core::str::from_utf8(wiki).ok().and_then(|wiki| wiki.parse().ok());
        let wiki: Wiki = wiki.ok_or_else(|| wrong("not of a wiki"))?;
        let (n, mut rest) = rest.split_first_chunk().ok_or_else(|| wrong("cut off"))?;
        let n = u64::from_be_bytes(*n);
        // Each number takes at least a byte, so a count beyond the file is refused before memory is taken for it.
        if n > MAX_UNIVERSE || n > rest.len() as u64 {
            return Err(wrong("states more numbers than it has"));
        }
        let mut ids = Vec::with_capacity(n as usize);
        let mut next = 0u64;
        for _ in 0..n {
            let step =
                take_leb128(&mut rest).ok_or_else(|| wrong("a number is cut off or not in its shortest form"))?;
            let id =
                next.checked_add(step).filter(|id| *id < u64::MAX).ok_or_else(|| wrong("a number is too large"))?;
            ids.push(id);
            next = id + 1;
        }
        if !rest.is_empty() {
            return Err(wrong("goes on behind its last number"));
        }
        Ok(Self { kind, wiki, ids, sha256: subject_digest(file), bytes: file.len() as u64 })
    }

    /// `mw-page` or `mw-rev`.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The wiki.
    pub const fn wiki(&self) -> &Wiki {
        &self.wiki
    }

    /// The numbers, ascending.
    pub fn ids(&self) -> &[u64] {
        &self.ids
    }

    /// How many numbers there are.
    pub const fn len(&self) -> u64 {
        self.ids.len() as u64
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The row for the signed record.
    pub fn row(&self) -> UniverseRow {
        UniverseRow { wiki: self.wiki.to_string(), n: self.len(), bytes: self.bytes, sha256: self.sha256 }
    }

    /// The content key of a number.
    pub fn key(&self, id: u64) -> ContentKey {
        if self.kind == Kind::MwPage { key::mw_page(&self.wiki, id) } else { key::mw_rev(&self.wiki, id) }
    }
}

/// Which numbers of a universe a dataset holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bitmap {
    universe: SubjectDigest,
    n: u64,
    ones: u64,
    file: Vec<u8>,
}

const BITS_AT: usize = 19 + 32 + 8 + 8;

impl Bitmap {
    /// The bitmap of a dataset's numbers over a universe. Refuses a number that the universe lacks: what is not in it could
    /// not be asked for.
    ///
    /// # Errors
    /// `source_invalid`.
    pub fn new(universe: &Universe, held: impl IntoIterator<Item = u64>) -> Result<Self> {
        let n = universe.len();
        let mut file = vec![0; BITS_AT + n.div_ceil(8) as usize];
        let mut ones = 0u64;
        for id in held {
            let Ok(place) = universe.ids.binary_search(&id) else {
                let detail = format!("{} {id} of the dataset is not in the universe", universe.kind);
                return Err(Error::new(Code::SourceInvalid, detail));
            };
            let (byte, bit) = (BITS_AT + place / 8, 0x80 >> (place % 8));
            ones += u64::from(file[byte] & bit == 0);
            file[byte] |= bit;
        }
        file[..19].copy_from_slice(BITMAP);
        file[19..51].copy_from_slice(universe.sha256.as_bytes());
        file[51..59].copy_from_slice(&n.to_be_bytes());
        file[59..67].copy_from_slice(&ones.to_be_bytes());
        Ok(Self { universe: universe.sha256, n, ones, file })
    }

    /// Reads a file that a signed row names.
    ///
    /// # Errors
    /// `manifest_invalid` if it is no bitmap, `proof_invalid` if it is another than the row's.
    pub fn read(row: &BitmapRow, file: Vec<u8>) -> Result<Self> {
        let found = subject_digest(&file);
        let bitmap = Self::parse(file)?;
        let same = found == row.sha256 && bitmap.universe == row.universe && bitmap.n == row.n;
        if same && bitmap.ones == row.ones && bitmap.file.len() as u64 == row.bytes {
            return Ok(bitmap);
        }
        Err(Error::new(Code::ProofInvalid, "not the bitmap that the signed record names").at("bitmap.bin"))
    }

    /// Reads a file, whoever made it.
    ///
    /// # Errors
    /// `manifest_invalid`.
    pub fn parse(file: Vec<u8>) -> Result<Self> {
        let wrong = |detail: &str| Error::new(Code::ManifestInvalid, detail).at("bitmap.bin");
        let (head, bits) = file.split_at_checked(BITS_AT).ok_or_else(|| wrong("cut off"))?;
        if !head.starts_with(BITMAP) {
            return Err(wrong("does not begin as a bitmap"));
        }
        let number = |at: usize| head[at..at + 8].iter().fold(0, |n, byte| n << 8 | u64::from(*byte));
        let (n, ones) = (number(51), number(59));
        if n > MAX_UNIVERSE || bits.len() as u64 != n.div_ceil(8) {
            return Err(wrong("not as long as it states"));
        }
        if n % 8 != 0 && bits.last().is_some_and(|last| last & (0xff >> (n % 8)) != 0) {
            return Err(wrong("a bit behind the last is set"));
        }
        if bits.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>() != ones {
            return Err(wrong("has another number of ones than it states"));
        }
        let universe = head[19..51].try_into().map_err(|_| wrong("cut off"))?;
        Ok(Self { universe: SubjectDigest::from_bytes(universe), n, ones, file })
    }

    /// Whether the dataset holds a number; `None` if the universe is not the bitmap's.
    pub fn holds(&self, universe: &Universe, id: u64) -> Option<bool> {
        if universe.sha256 != self.universe || universe.len() != self.n {
            return None;
        }
        let place = universe.ids.binary_search(&id);
        Some(place.is_ok_and(|place| self.bit(place)))
    }

    /// The numbers that the dataset holds, ascending.
    pub fn held<'a>(&'a self, universe: &'a Universe) -> impl Iterator<Item = u64> + 'a {
        universe.ids.iter().enumerate().filter(|(place, _)| self.bit(*place)).map(|(_, id)| *id)
    }

    /// How many numbers the dataset holds.
    pub const fn ones(&self) -> u64 {
        self.ones
    }

    /// The universe's file, by its SHA-256.
    pub const fn universe(&self) -> SubjectDigest {
        self.universe
    }

    /// The file.
    pub fn file(&self) -> &[u8] {
        &self.file
    }

    /// The row for the signed record.
    pub fn row(&self, wiki: &Wiki) -> BitmapRow {
        BitmapRow {
            universe: self.universe,
            wiki: wiki.to_string(),
            n: self.n,
            ones: self.ones,
            bytes: self.file.len() as u64,
            sha256: subject_digest(&self.file),
        }
    }

    fn bit(&self, place: usize) -> bool {
        self.file.get(BITS_AT + place / 8).is_some_and(|byte| byte & (0x80 >> (place % 8)) != 0)
    }
}

/// Whether the keys of a kind are made of a wiki's numbers.
pub const fn is_numbered(kind: Kind) -> bool {
    matches!(kind, Kind::MwPage | Kind::MwRev)
}

fn put_leb128(out: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn take_leb128(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits {
            return None;
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            // A last byte of zero says nothing, so the number was not in its shortest form.
            return (*byte != 0 || shift == 0).then_some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::ids::to_hex;
    use proptest::prelude::*;

    fn enwiki() -> Wiki {
        "enwiki".parse().unwrap()
    }

    fn universe(ids: &[u64]) -> (Universe, Vec<u8>) {
        Universe::new(Kind::MwPage, &enwiki(), ids.to_vec()).unwrap()
    }

    /// The vectors of `docs/FORMAT-manifest.md`.
    #[test]
    fn the_bytes_are_as_written() {
        let (universe, file) = universe(&[300, 10, 12, 10]);
        let mut expected = b"colophon/universe/v1\0\x00\x07\x06enwiki\0\0\0\0\0\0\0\x03".to_vec();
        // 10, 12 − 10 − 1 = 1, 300 − 12 − 1 = 287 = 0x11f.
        expected.extend_from_slice(&[10, 1, 0x9f, 0x02]);
        assert_eq!(file, expected);
        assert_eq!(universe.ids(), [10, 12, 300]);
        let bitmap = Bitmap::new(&universe, [300, 10, 10]).unwrap();
        assert_eq!((bitmap.ones(), &bitmap.file()[51..]), (2, &b"\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\x02\xa0"[..]));
        assert_eq!(&bitmap.file()[19..51], universe.row().sha256.as_bytes());
        assert_eq!(
            to_hex(universe.row().sha256.as_bytes()),
            "312b8b8192095b77d9179dd0ac6b62f3919535e5c75dbbea6b65eeb8c788d10f"
        );
        assert_eq!(
            to_hex(bitmap.row(&enwiki()).sha256.as_bytes()),
            "98875e60e81a04cbd960f35f267bfdbd30688a6d4ef126763e307fa2805a2bee"
        );
    }

    #[test]
    fn a_bitmap_answers_for_every_number_and_only_over_its_own_universe() {
        let (all, _) = universe(&[1, 5, 9, 1000, 1001, 70_000_000, 70_000_001, 70_000_009, u64::MAX - 1]);
        let bitmap = Bitmap::new(&all, [5, 1001, u64::MAX - 1]).unwrap();
        for id in [0, 1, 2, 5, 1000, 1001, 1002, u64::MAX - 1, u64::MAX] {
            assert_eq!(bitmap.holds(&all, id), Some([5, 1001, u64::MAX - 1].contains(&id)), "{id}");
        }
        assert_eq!(bitmap.held(&all).collect::<Vec<_>>(), [5, 1001, u64::MAX - 1]);
        assert_eq!(bitmap.holds(&universe(&[1, 5]).0, 5), None);
        assert_eq!(Bitmap::new(&all, [2]).unwrap_err().code(), Code::SourceInvalid);
    }

    #[test]
    fn seven_million_articles_fit_under_a_megabyte() {
        // Gaps of 1 to 21, as of articles among all pages.
        let ids: Vec<u64> = (0..7_000_000u64).map(|i| i * 11 + i * i % 10).collect();
        let (all, file) = universe(&ids);
        assert_eq!(file.len(), UNIVERSE.len() + 2 + 1 + 6 + 8 + 7_000_000);
        let bitmap = Bitmap::new(&all, ids.iter().copied().filter(|id| id % 13 != 0)).unwrap();
        assert_eq!(bitmap.file().len(), 875_067);
    }

    #[test]
    fn what_the_signed_row_does_not_name_is_refused() {
        let (all, file) = universe(&[1, 2, 3, 500]);
        assert_eq!(Universe::read(&all.row(), Kind::MwPage, &file).unwrap(), all);
        assert_eq!(Universe::read(&all.row(), Kind::MwRev, &file).unwrap_err().code(), Code::ProofInvalid);
        let bitmap = Bitmap::new(&all, [2]).unwrap();
        let row = bitmap.row(&enwiki());
        assert_eq!(Bitmap::read(&row, bitmap.file().to_vec()).unwrap(), bitmap);
        for at in 0..file.len() {
            let mut other = file.clone();
            other[at] ^= 1;
            assert!(Universe::read(&all.row(), Kind::MwPage, &other).is_err(), "byte {at}");
        }
        for at in 0..bitmap.file().len() {
            let mut other = bitmap.file().to_vec();
            other[at] ^= 0x10;
            assert!(Bitmap::read(&row, other).is_err(), "byte {at}");
        }
        assert!(Universe::parse(&file[..file.len() - 1]).is_err());
        assert!(Universe::parse(&[&file[..], b"\0"].concat()).is_err());
        assert!(Bitmap::parse(bitmap.file()[..60].to_vec()).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn every_set_of_numbers_comes_back(ids in prop::collection::btree_set(0..u64::MAX - 1, 0..50)) {
            let ids: Vec<u64> = ids.into_iter().collect();
            let (universe, file) = universe(&ids);
            prop_assert_eq!(universe.ids(), &ids[..]);
            prop_assert_eq!(Universe::parse(&file).unwrap(), universe);
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = Bitmap::parse([&BITMAP[..], &bytes].concat());
            if let Ok(universe) = Universe::parse(&[&UNIVERSE[..], &bytes].concat()) {
                let (again, file) = Universe::new(universe.kind, &universe.wiki, universe.ids.clone()).unwrap();
                prop_assert_eq!(again, universe);
                prop_assert_eq!(file, [&UNIVERSE[..], &bytes].concat());
            }
        }
    }
}
