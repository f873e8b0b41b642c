//! The hybrid of run lengths and packed bits in which Parquet writes levels and places in a dictionary.

/// Reads numbers of `width` bits, at most 32.
pub(super) struct Hybrid<'a> {
    bytes: &'a [u8],
    width: u8,
    /// A number that repeats, and how often still.
    run: (u32, u64),
    /// Packed numbers: how many, and where the next one begins, in bits from the start of `packed`.
    packed: &'a [u8],
    left: u64,
    bit: u64,
}

impl<'a> Hybrid<'a> {
    pub(super) const fn new(bytes: &'a [u8], width: u8) -> Self {
        Self { bytes, width, run: (0, 0), packed: &[], left: 0, bit: 0 }
    }

    /// The next number; `None` if there is none, or the bytes are none.
    pub(super) fn next(&mut self) -> Option<u32> {
        if self.width == 0 {
            return Some(0);
        }
        loop {
            if self.run.1 > 0 {
                self.run.1 -= 1;
                return Some(self.run.0);
            }
            if self.left > 0 {
                self.left -= 1;
                return self.unpack();
            }
            self.begin()?;
        }
    }

    fn unpack(&mut self) -> Option<u32> {
        let (byte, shift) = ((self.bit / 8) as usize, self.bit % 8);
        // 32 bits that begin within a byte lie in five.
        let mut word = 0u64;
        for (place, byte) in self.packed.get(byte..)?.iter().take(5).enumerate() {
            word |= u64::from(*byte) << (8 * place);
        }
        self.bit += u64::from(self.width);
        Some((word >> shift & ((1 << self.width) - 1)) as u32)
    }

    fn begin(&mut self) -> Option<()> {
        let mut head = 0u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.bytes.split_first()?;
            self.bytes = rest;
            head |= u64::from(byte & 0x7f) << shift;
            if *byte < 0x80 {
                break;
            }
        }
        if head & 1 == 1 {
            // Groups of eight; the last may be cut short where the numbers end.
            let groups = head >> 1;
            let len = groups.checked_mul(u64::from(self.width))?.min(self.bytes.len() as u64) as usize;
            (self.packed, self.bytes) = self.bytes.split_at(len);
            self.left = (groups.checked_mul(8)?).min(len as u64 * 8 / u64::from(self.width));
            self.bit = 0;
            return (self.left > 0).then_some(());
        }
        let len = usize::from(self.width.div_ceil(8));
        let value = self.bytes.get(..len)?.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte));
        self.bytes = &self.bytes[len..];
        self.run = (value, head >> 1);
        (head > 1).then_some(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn runs_and_packed_groups_read_as_they_were_written() {
        // The example of the format's document: 0 to 7 in three bits.
        let mut packed = Hybrid::new(&[0x03, 0x88, 0xc6, 0xfa], 3);
        assert_eq!((0..8).map(|_| packed.next().unwrap()).collect::<Vec<_>>(), (0..8).collect::<Vec<_>>());
        assert_eq!(packed.next(), None);
        // Five times 300 in nine bits, then nothing.
        let mut run = Hybrid::new(&[0x0a, 0x2c, 0x01], 9);
        assert_eq!((0..6).map(|_| run.next()).collect::<Vec<_>>(), [[Some(300); 5].as_slice(), &[None]].concat());
        assert_eq!(Hybrid::new(&[], 0).next(), Some(0));
        for broken in [&[0x00][..], &[0x01], &[0xff; 12], &[0x0a, 0x2c]] {
            assert_eq!(Hybrid::new(broken, 9).next(), None);
        }
    }
}
