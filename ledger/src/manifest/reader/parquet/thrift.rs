//! Thrift's compact protocol, as far as Parquet's headers use it: read into values, with limits on depth and number.

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Bool(bool),
    Int(i64),
    /// A floating-point number, which no header that is read here needs.
    Double,
    Binary(Vec<u8>),
    List(Vec<Value>),
    Struct(Vec<(i16, Value)>),
}

/// Why bytes are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum ThriftError {
    #[error("it ends too early")]
    Short,
    #[error("it is not of Thrift's compact protocol, or nested or long beyond measure")]
    Wrong,
}

const MAX_DEPTH: u8 = 24;

/// Values of one header: 10,000 row groups of 100 columns with 20 members each.
const MAX_VALUES: usize = 20_000_000;

impl Value {
    /// A member of a struct.
    pub(super) fn get(&self, id: i16) -> Option<&Self> {
        match self {
            Self::Struct(members) => members.iter().find(|(own, _)| *own == id).map(|(_, value)| value),
            _ => None,
        }
    }

    /// A member that is a number.
    pub(super) fn int(&self, id: i16) -> Option<i64> {
        match self.get(id)? {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// A member that is true or false.
    pub(super) fn bool(&self, id: i16) -> Option<bool> {
        match self.get(id)? {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// A member that is a text.
    pub(super) fn text(&self, id: i16) -> Option<&str> {
        match self.get(id)? {
            Self::Binary(bytes) => core::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// A member that is a list; empty if there is none.
    pub(super) fn list(&self, id: i16) -> &[Self] {
        match self.get(id) {
            Some(Self::List(values)) => values,
            _ => &[],
        }
    }
}

/// Reads one struct; answers how many bytes it has.
pub(super) fn read(bytes: &[u8]) -> Result<(Value, usize), ThriftError> {
    let mut reader = Reader { bytes, at: 0, left: MAX_VALUES };
    let value = reader.structure(0)?;
    Ok((value, reader.at))
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    left: usize,
}

impl Reader<'_> {
    fn byte(&mut self) -> Result<u8, ThriftError> {
        let byte = *self.bytes.get(self.at).ok_or(ThriftError::Short)?;
        self.at += 1;
        Ok(byte)
    }

    fn varint(&mut self) -> Result<u64, ThriftError> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(ThriftError::Wrong)
    }

    fn zigzag(&mut self) -> Result<i64, ThriftError> {
        let number = self.varint()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    fn structure(&mut self, depth: u8) -> Result<Value, ThriftError> {
        if depth > MAX_DEPTH {
            return Err(ThriftError::Wrong);
        }
        let mut members = Vec::new();
        let mut id = 0i16;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Ok(Value::Struct(members));
            }
            id = match head >> 4 {
                0 => i16::try_from(self.zigzag()?).map_err(|_| ThriftError::Wrong)?,
                delta => id.checked_add(i16::from(delta)).ok_or(ThriftError::Wrong)?,
            };
            let value = match head & 15 {
                1 => Value::Bool(true),
                2 => Value::Bool(false),
                kind => self.value(kind, depth)?,
            };
            members.push((id, value));
        }
    }

    fn value(&mut self, kind: u8, depth: u8) -> Result<Value, ThriftError> {
        self.left = self.left.checked_sub(1).ok_or(ThriftError::Wrong)?;
        Ok(match kind {
            // In a list, truth is a byte of its own.
            1 | 2 => Value::Bool(self.byte()? == 1),
            3 => Value::Int(i64::from(self.byte()? as i8)),
            4..=6 => Value::Int(self.zigzag()?),
            7 => {
                self.take(8)?;
                Value::Double
            }
            8 => {
                let len = usize::try_from(self.varint()?).map_err(|_| ThriftError::Wrong)?;
                Value::Binary(self.take(len)?.to_vec())
            }
            9 | 10 => self.list(depth + 1)?,
            11 => self.map(depth + 1)?,
            12 => self.structure(depth + 1)?,
            _ => return Err(ThriftError::Wrong),
        })
    }

    fn list(&mut self, depth: u8) -> Result<Value, ThriftError> {
        if depth > MAX_DEPTH {
            return Err(ThriftError::Wrong);
        }
        let head = self.byte()?;
        let len = match head >> 4 {
            15 => self.varint()?,
            short => u64::from(short),
        };
        let mut values = Vec::new();
        for _ in 0..len {
            values.push(self.value(head & 15, depth)?);
        }
        Ok(Value::List(values))
    }

    /// Maps are passed over: no header that is read here has one that counts.
    fn map(&mut self, depth: u8) -> Result<Value, ThriftError> {
        if depth > MAX_DEPTH {
            return Err(ThriftError::Wrong);
        }
        let len = self.varint()?;
        if len > 0 {
            let kinds = self.byte()?;
            for _ in 0..len {
                self.value(kinds >> 4, depth)?;
                self.value(kinds & 15, depth)?;
            }
        }
        Ok(Value::List(Vec::new()))
    }

    fn take(&mut self, len: usize) -> Result<&[u8], ThriftError> {
        let end = self.at.checked_add(len).ok_or(ThriftError::Wrong)?;
        let bytes = self.bytes.get(self.at..end).ok_or(ThriftError::Short)?;
        self.at = end;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn members_lists_and_nested_structs_are_found_by_their_numbers() {
        // {1: 150, 2: true, 4: "abc", 5: [1, -2], 22: {1: false}}
        let bytes =
            [0x16, 0xac, 0x02, 0x11, 0x28, 3, b'a', b'b', b'c', 0x19, 0x25, 2, 3, 0x0c, 44, 0x12, 0x00, 0x00, 0xee];
        let (value, len) = read(&bytes).unwrap();
        assert_eq!(len, bytes.len() - 1);
        assert_eq!((value.int(1), value.bool(2), value.text(4)), (Some(150), Some(true), Some("abc")));
        assert_eq!(value.list(5), [Value::Int(1), Value::Int(-2)]);
        assert_eq!(value.get(22).and_then(|inner| inner.bool(1)), Some(false));
        for cut in 0..len {
            assert_eq!(read(&bytes[..cut]), Err(ThriftError::Short), "{cut}");
        }
        // A list in a list in a list …
        assert_eq!(read(&[0x19].iter().chain(&[0x19; 100]).copied().collect::<Vec<_>>()), Err(ThriftError::Wrong));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_fail_otherwise(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }
    }
}
