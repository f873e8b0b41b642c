//! One column of a row group: its pages, decompressed one at a time, and its values, row after row.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use flate2::Crc;
use flate2::read::MultiGzDecoder;

use crate::error::{Code, Error, Result};
use crate::manifest::MAX_ITEM;
use crate::manifest::disk::io_error;
use crate::manifest::reader::parquet::levels::Hybrid;
use crate::manifest::reader::parquet::thrift::{self, ThriftError, Value};
use crate::manifest::reader::zstd::Zstd;

/// A file, for errors that name it.
pub(super) struct Source {
    pub(super) file: File,
    pub(super) path: PathBuf,
    /// Where the footer begins: pages lie before it.
    pub(super) len: u64,
}

impl Source {
    pub(super) fn wrong(&self, detail: impl Into<String>, byte: u64) -> Error {
        Error::new(Code::SourceInvalid, detail).at(format!("{}, byte {byte}", self.path.display()))
    }
}

/// A leaf of the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Leaf {
    pub(super) number: usize,
    pub(super) path: String,
    /// The physical type.
    pub(super) kind: Option<i64>,
    /// The highest levels.
    pub(super) definition: u8,
    pub(super) repetition: u8,
}

/// The largest page, decompressed: one of a single item of the largest size, and the others that were put beside it.
const MAX_PAGE: i64 = 2 * MAX_ITEM as i64;

/// The most values of a page: writers begin a new one every 20,000 rows, or at most with every row group of a million.
const MAX_PAGE_VALUES: i64 = 1 << 22;

/// The longest page header: its statistics hold the smallest and the largest value.
const MAX_PAGE_HEADER: usize = 1 << 24;

const INT32: i64 = 1;
const INT64: i64 = 2;
const BYTE_ARRAY: i64 = 6;

/// A column of an open row group.
pub(super) struct Column {
    source: Arc<Source>,
    leaf: Leaf,
    codec: i64,
    /// Where the next page begins, and where the last one ends.
    at: u64,
    end: u64,
    /// How many values the pages to come have.
    left: i64,
    dictionary: Vec<String>,
    /// The values of the page: whether each begins a row, and what it is.
    values: VecDeque<(bool, Cell)>,
}

/// What a page says of one value.
#[derive(Debug)]
enum Cell {
    None,
    Text(String),
    /// A place in the dictionary: a long text that comes a million times is held once.
    Entry(u32),
}

impl Column {
    pub(super) fn open(source: &Arc<Source>, leaf: &Leaf, chunk: &Value) -> Option<Self> {
        let at = match chunk.int(11) {
            Some(dictionary) if dictionary > 0 => dictionary.min(chunk.int(9)?),
            _ => chunk.int(9)?,
        };
        let at = u64::try_from(at).ok()?;
        let end = at.checked_add(u64::try_from(chunk.int(7)?).ok()?).filter(|end| *end <= source.len)?;
        Some(Self {
            source: Arc::clone(source),
            leaf: leaf.clone(),
            codec: chunk.int(4)?,
            at,
            end,
            left: chunk.int(5)?,
            dictionary: Vec::new(),
            values: VecDeque::new(),
        })
    }

    /// Where the next page begins.
    pub(super) const fn at(&self) -> u64 {
        self.at
    }

    /// The value of the next row: of a list all texts, joined as licenses are.
    pub(super) fn next_row(&mut self) -> Result<Option<String>> {
        self.fill()?;
        let Some((_, first)) = self.values.pop_front() else {
            return Err(self.wrong("it has fewer values than the row group has rows"));
        };
        let first = self.text(first);
        if self.leaf.repetition == 0 {
            return Ok(first);
        }
        let mut all: Vec<String> = first.into_iter().collect();
        loop {
            if self.values.is_empty() && self.left > 0 {
                self.fill()?;
            }
            match self.values.pop_front_if(|(begins, _)| !*begins) {
                Some((_, value)) => all.extend(self.text(value)),
                None => break,
            }
        }
        all.sort_unstable();
        all.dedup();
        Ok((!all.is_empty()).then(|| all.join(" AND ")))
    }

    /// Refuses a column that has values beyond the last row.
    pub(super) fn check_end(&self) -> Result<()> {
        if self.values.is_empty() && self.left == 0 {
            Ok(())
        } else {
            Err(self.wrong("it has more values than the row group has rows"))
        }
    }

    fn text(&self, cell: Cell) -> Option<String> {
        match cell {
            Cell::None => None,
            Cell::Text(text) => Some(text),
            Cell::Entry(place) => self.dictionary.get(place as usize).cloned(),
        }
    }

    fn wrong(&self, detail: impl core::fmt::Display) -> Error {
        self.source.wrong(format!("column {}: {detail}", self.leaf.path), self.at)
    }

    /// Reads pages until there is a value.
    fn fill(&mut self) -> Result<()> {
        while self.values.is_empty() && self.left > 0 {
            let (header, header_len) = self.header()?;
            let size = |id: i16, name: &str| {
                let size = header.int(id).filter(|size| (0..=MAX_PAGE).contains(size));
                size.ok_or_else(|| self.wrong(format!("a page whose {name} size is {:?}", header.int(id))))
            };
            let (uncompressed, compressed) = (size(2, "uncompressed")?, size(3, "compressed")?);
            let begin = self.at + header_len;
            if begin + compressed as u64 > self.end {
                return Err(self.wrong("a page reaches beyond its column"));
            }
            let mut page = vec![0; compressed as usize];
            self.source.file.read_exact_at(&mut page, begin).map_err(|e| io_error(&self.source.path, &e))?;
            if let Some(stated) = header.int(4) {
                let mut crc = Crc::new();
                crc.update(&page);
                if crc.sum() != stated as u32 {
                    return Err(self.wrong("the checksum of a page does not match"));
                }
            }
            match header.int(1) {
                Some(0) => self.data_page(&header, &page, uncompressed)?,
                Some(2) => {
                    let bytes = self.decompress(&page, uncompressed)?;
                    let count = header.get(7).and_then(|own| own.int(1)).unwrap_or(-1);
                    self.dictionary = self.plain(&bytes, count)?;
                }
                Some(3) => self.data_page_v2(&header, &page, uncompressed)?,
                // Other types of page hold nothing that is needed.
                Some(_) => {}
                None => return Err(self.wrong("a page without a type")),
            }
            self.at = begin + compressed as u64;
        }
        Ok(())
    }

    fn header(&self) -> Result<(Value, u64)> {
        let mut len = 1 << 12;
        loop {
            let most = (self.end - self.at).min(len as u64) as usize;
            let mut bytes = vec![0; most];
            self.source.file.read_exact_at(&mut bytes, self.at).map_err(|e| io_error(&self.source.path, &e))?;
            match thrift::read(&bytes) {
                Ok((header, len)) => return Ok((header, len as u64)),
                Err(ThriftError::Short) if most == len && len < MAX_PAGE_HEADER => len *= 8,
                Err(e) => return Err(self.wrong(format!("a page header: {e}"))),
            }
        }
    }

    fn decompress(&self, bytes: &[u8], len: i64) -> Result<Vec<u8>> {
        let len = len as usize;
        let read = |reader: &mut dyn Read| {
            let mut out = Vec::new();
            reader.take(len as u64 + 1).read_to_end(&mut out).map(|_| out).map_err(|e| e.to_string())
        };
        let out = match self.codec {
            0 => Ok(bytes.to_vec()),
            // The length stands at the beginning, and is checked before anything is allocated.
            1 => match snap::raw::decompress_len(bytes) {
                Ok(stated) if stated == len => {
                    snap::raw::Decoder::new().decompress_vec(bytes).map_err(|e| e.to_string())
                }
                _ => Err("the length is another".to_owned()),
            },
            2 => read(&mut MultiGzDecoder::new(bytes)),
            6 => read(&mut Zstd::new(bytes)),
            3 => return Err(self.wrong("compressed with LZO, which is not read")),
            4 => return Err(self.wrong("compressed with Brotli, which is not read")),
            5 | 7 => return Err(self.wrong("compressed with LZ4, which is not read")),
            other => return Err(self.wrong(format!("compressed with codec {other}, which is not known"))),
        };
        let out = out.map_err(|e| self.wrong(format!("a page cannot be decompressed: {e}")))?;
        if out.len() == len { Ok(out) } else { Err(self.wrong("a page has another length than its header says")) }
    }

    fn data_page(&mut self, header: &Value, page: &[u8], uncompressed: i64) -> Result<()> {
        let bytes = self.decompress(page, uncompressed)?;
        let own = header.get(5).ok_or_else(|| self.wrong("a page without a header of its type"))?;
        let count = own.int(1).unwrap_or(-1);
        let mut rest = bytes.as_slice();
        let mut levels = |highest: u8| -> Option<&[u8]> {
            if highest == 0 {
                return Some(&[]);
            }
            let (len, more) = rest.split_first_chunk::<4>()?;
            let (levels, more) = more.split_at_checked(u32::from_le_bytes(*len) as usize)?;
            rest = more;
            Some(levels)
        };
        let both = levels(self.leaf.repetition).zip(levels(self.leaf.definition));
        let (repetition, definition) = both.ok_or_else(|| self.wrong("a page whose levels are cut off"))?;
        self.take_values(own.int(2), count, repetition, definition, rest)
    }

    fn data_page_v2(&mut self, header: &Value, page: &[u8], uncompressed: i64) -> Result<()> {
        let own = header.get(8).ok_or_else(|| self.wrong("a page without a header of its type"))?;
        let count = own.int(1).unwrap_or(-1);
        let len = |id: i16| usize::try_from(own.int(id).unwrap_or(-1)).ok();
        let parts = len(6).zip(len(5)).and_then(|(repetition, definition)| {
            let (repetition, rest) = page.split_at_checked(repetition)?;
            let (definition, rest) = rest.split_at_checked(definition)?;
            Some((repetition, definition, rest))
        });
        let (repetition, definition, rest) = parts.ok_or_else(|| self.wrong("a page whose levels are cut off"))?;
        let values_len = uncompressed - (page.len() - rest.len()) as i64;
        if values_len < 0 {
            return Err(self.wrong("a page has another length than its header says"));
        }
        let values = match own.bool(7) {
            Some(false) => rest.to_vec(),
            _ => self.decompress(rest, values_len)?,
        };
        self.take_values(own.int(4), count, repetition, definition, &values)
    }

    /// Puts levels and values together.
    fn take_values(
        &mut self,
        encoding: Option<i64>,
        count: i64,
        repetition: &[u8],
        definition: &[u8],
        values: &[u8],
    ) -> Result<()> {
        if count < 0 || count > self.left.min(MAX_PAGE_VALUES) {
            return Err(self.wrong("a page with a wrong number of values"));
        }
        let bits = |highest: u8| (8 - highest.leading_zeros()) as u8;
        let mut repetition = Hybrid::new(repetition, bits(self.leaf.repetition));
        let mut definition = Hybrid::new(definition, bits(self.leaf.definition));
        let mut slots = VecDeque::new();
        let mut present = 0;
        for _ in 0..count {
            let (Some(repeats), Some(defined)) = (repetition.next(), definition.next()) else {
                return Err(self.wrong("a page whose levels are cut off"));
            };
            let is_there = defined == u32::from(self.leaf.definition);
            present += i64::from(is_there);
            slots.push_back((repeats == 0, is_there));
        }
        let cells: Vec<Cell> = match encoding {
            Some(0) => self.plain(values, present)?.into_iter().map(Cell::Text).collect(),
            Some(2 | 8) => self.by_dictionary(values, present)?,
            Some(other) => {
                let name = match other {
                    3 => "RLE",
                    4 => "BIT_PACKED",
                    5 => "DELTA_BINARY_PACKED",
                    6 => "DELTA_LENGTH_BYTE_ARRAY",
                    7 => "DELTA_BYTE_ARRAY",
                    9 => "BYTE_STREAM_SPLIT",
                    _ => "of a later version",
                };
                return Err(self.wrong(format!("the encoding {name} is not read")));
            }
            None => return Err(self.wrong("a page without an encoding")),
        };
        let mut cells = cells.into_iter();
        let mut cell = |is_there: bool| if is_there { cells.next() } else { None };
        self.values =
            slots.into_iter().map(|(begins, is_there)| (begins, cell(is_there).unwrap_or(Cell::None))).collect();
        self.left -= count;
        Ok(())
    }

    fn plain(&self, bytes: &[u8], count: i64) -> Result<Vec<String>> {
        let short = || self.wrong("a page whose values are cut off");
        // The smallest value has four bytes: more of them cannot be there.
        let count = usize::try_from(count).ok().filter(|count| *count <= bytes.len() / 4).ok_or_else(short)?;
        let mut rest = bytes;
        let mut texts = Vec::with_capacity(count);
        for _ in 0..count {
            let text = match self.leaf.kind {
                Some(BYTE_ARRAY) => {
                    let (len, more) = rest.split_first_chunk::<4>().ok_or_else(short)?;
                    let (own, more) = more.split_at_checked(u32::from_le_bytes(*len) as usize).ok_or_else(short)?;
                    rest = more;
                    let text = core::str::from_utf8(own).map_err(|_| self.wrong("a value that is not UTF-8"))?;
                    text.to_owned()
                }
                Some(INT32) => {
                    let (own, more) = rest.split_first_chunk::<4>().ok_or_else(short)?;
                    rest = more;
                    i32::from_le_bytes(*own).to_string()
                }
                Some(INT64) => {
                    let (own, more) = rest.split_first_chunk::<8>().ok_or_else(short)?;
                    rest = more;
                    i64::from_le_bytes(*own).to_string()
                }
                _ => return Err(self.wrong("neither texts nor whole numbers")),
            };
            texts.push(text);
        }
        Ok(texts)
    }

    fn by_dictionary(&self, bytes: &[u8], count: i64) -> Result<Vec<Cell>> {
        let short = || self.wrong("a page whose values are cut off");
        if count == 0 {
            return Ok(Vec::new());
        }
        let (width, bytes) = bytes.split_first().filter(|(width, _)| **width <= 32).ok_or_else(short)?;
        let mut places = Hybrid::new(bytes, *width);
        let mut cells = Vec::new();
        for _ in 0..count {
            let place = places.next().ok_or_else(short)?;
            if place as usize >= self.dictionary.len() {
                return Err(self.wrong("a value that its dictionary lacks"));
            }
            cells.push(Cell::Entry(place));
        }
        Ok(cells)
    }
}
