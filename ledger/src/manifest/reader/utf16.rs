//! UTF-16 with a byte order mark, as UTF-8.

use std::io::{self, Read};

/// Which byte of a unit comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Big,
    Little,
}

/// The order that a byte order mark tells, if one stands at the beginning.
pub(super) fn order_of(start: &[u8]) -> Option<Order> {
    match start {
        [0xfe, 0xff, ..] => Some(Order::Big),
        [0xff, 0xfe, ..] => Some(Order::Little),
        _ => None,
    }
}

/// Reads UTF-16 and hands out UTF-8. Of the bytes that are handed out none belongs to half a character.
pub(super) struct Utf16<R> {
    source: R,
    order: Order,
    /// Bytes that are not decoded yet: less than a character.
    rest: Vec<u8>,
    out: Vec<u8>,
    at: usize,
}

impl<R: Read> Utf16<R> {
    /// Begins at the byte order mark, which is not handed out.
    pub(super) fn new(source: R, order: Order) -> Self {
        Self { source, order, rest: Vec::new(), out: Vec::new(), at: 0 }
    }

    fn refill(&mut self) -> io::Result<()> {
        let mut block = vec![0; 1 << 16];
        let len = self.source.read(&mut block)?;
        let end = len == 0;
        self.rest.extend_from_slice(&block[..len]);
        let units: Vec<u16> = self
            .rest
            .chunks_exact(2)
            .map(|pair| match self.order {
                Order::Big => u16::from_be_bytes([pair[0], pair[1]]),
                Order::Little => u16::from_le_bytes([pair[0], pair[1]]),
            })
            .collect();
        // The first half of a pair waits for the second.
        let open = units.last().is_some_and(|unit| (0xd800..0xdc00).contains(unit)) && !end;
        let whole = units.len() - usize::from(open);
        let wrong = || io::Error::new(io::ErrorKind::InvalidData, "the text is not UTF-16");
        (self.out, self.at) = (Vec::with_capacity(whole * 2), 0);
        for c in char::decode_utf16(units[..whole].iter().copied()) {
            let c = c.map_err(|_| wrong())?;
            self.out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
        self.rest.drain(..whole * 2);
        if end && !self.rest.is_empty() { Err(wrong()) } else { Ok(()) }
    }
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.out.len() {
            let before = self.rest.len();
            self.refill()?;
            if self.out.is_empty() && self.rest.len() <= before {
                return Ok(0);
            }
        }
        let len = buffer.len().min(self.out.len() - self.at);
        buffer[..len].copy_from_slice(&self.out[self.at..self.at + len]);
        self.at += len;
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    /// Hands out one byte at a time.
    struct Slowly<'a>(&'a [u8]);

    impl Read for Slowly<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let (Some(byte), Some(place)) = (self.0.first(), buffer.first_mut()) else { return Ok(0) };
            *place = *byte;
            self.0 = &self.0[1..];
            Ok(1)
        }
    }

    fn decoded(bytes: &[u8], order: Order) -> io::Result<String> {
        let mut out = String::new();
        Utf16::new(Slowly(bytes), order).read_to_string(&mut out).map(|_| out)
    }

    #[test]
    fn both_orders_and_pairs_of_units_read_as_utf8_and_halves_are_refused() {
        let text = "Tea ☕, 茶 and 𝔱𝔢𝔞\n";
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(decoded(&big, Order::Big).unwrap(), text);
        assert_eq!(decoded(&little, Order::Little).unwrap(), text);
        assert!(decoded(&big[..big.len() - 1], Order::Big).is_err());
        assert!(decoded(&[0xd8, 0x00], Order::Big).is_err());
        assert!(decoded(&[0xdc, 0x00, 0x00, 0x41], Order::Big).is_err());
        assert_eq!(order_of(b"\xfe\xff\x00<"), Some(Order::Big));
        assert_eq!(order_of(b"\xff\xfe<\x00"), Some(Order::Little));
        assert_eq!(order_of(b"\xef\xbb\xbf<"), None);
    }
}
