//! What a keyspace may say about each key: under which license, how often, where in the source.

/// One row of `meta.bin`.
///
/// ```text
/// u16 license ‖ u32 multiplicity ‖ u64 ordinal      big-endian, 14 bytes
/// ```
///
/// A pointer to an author is not among them: for a wiki, page and revision number lead to the public history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Meta {
    /// The place of the first item's license in the header's table.
    pub license: u16,
    /// How many items had this key; the largest number stands for itself and more.
    pub multiplicity: u32,
    /// The first of those items, counted from 0 in the order of the source.
    pub ordinal: u64,
}

impl Meta {
    /// Bytes of a row.
    pub const LEN: usize = 14;

    /// The row as it is stored and hashed.
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let mut out = [0; Self::LEN];
        out[..2].copy_from_slice(&self.license.to_be_bytes());
        out[2..6].copy_from_slice(&self.multiplicity.to_be_bytes());
        out[6..].copy_from_slice(&self.ordinal.to_be_bytes());
        out
    }

    /// Reads a row.
    pub fn from_bytes(bytes: &[u8; Self::LEN]) -> Self {
        let number = |range: core::ops::Range<usize>| bytes[range].iter().fold(0, |n, byte| n << 8 | u64::from(*byte));
        Self { license: number(0..2) as u16, multiplicity: number(2..6) as u32, ordinal: number(6..14) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_fourteen_bytes_there_and_back() {
        let meta = Meta { license: 0x0102, multiplicity: 0x0304_0506, ordinal: 0x0708_090a_0b0c_0d0e };
        assert_eq!(meta.to_bytes(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
        assert_eq!(Meta::from_bytes(&meta.to_bytes()), meta);
    }
}
