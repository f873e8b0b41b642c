//! Apache Parquet, as far as text columns need it.
//!
//! Read are the columns that the options name: `BYTE_ARRAY`, `INT32` and `INT64`, nested in groups and lists, plain or by
//! dictionary, in data pages of both versions, uncompressed or in Snappy, gzip or Zstandard. What a file has beyond that
//! is refused by name. Not a general reader: the crates that are one bring two dozen others, a clock library among them.
//! <https://parquet.apache.org/docs/file-format/>, `parquet.thrift` 2.10.

mod column;
mod levels;
mod thrift;

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use crate::error::{Code, Error, Result};
use crate::manifest::disk::io_error;
use crate::manifest::kind::Kind;
use crate::manifest::reader::fields::{FieldNames, Fields};
use crate::manifest::reader::stored::StoredFile;
use crate::manifest::reader::{Feed, Prefix, Raw, ReadOptions};
use crate::manifest::shown;
use column::{Column, Leaf, Source};
use thrift::Value;

/// The largest footer: files of 10,000 row groups and 100 columns have 60 MiB.
const MAX_FOOTER: u64 = 64 << 20;

/// The rows of a file, as a feed.
pub(super) struct Rows {
    source: Arc<Source>,
    whole: Prefix,
    groups: Vec<Group>,
    leaves: Vec<(Use, Leaf)>,
    /// The columns of the open row group, in the order of `leaves`, and how many of its rows are left.
    open: Vec<Column>,
    left: u64,
    next_group: usize,
    stored: u64,
}

/// What a column is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    Text,
    Url,
    Id,
    Title,
    License,
    Name(Kind),
}

/// A row group: its rows, and where each leaf's pages lie.
struct Group {
    rows: u64,
    chunks: Vec<Value>,
}

impl Rows {
    pub(super) fn open(path: &Path, options: &ReadOptions, expected: Option<Prefix>) -> Result<Self> {
        let wrong = |detail: String, byte: u64| {
            Error::new(Code::SourceInvalid, detail).at(format!("{}, byte {byte}", path.display()))
        };
        // The rows are not read in the order of the bytes, so the digest is taken first.
        let whole = StoredFile::open(path)?.place().finish()?;
        if expected.is_some_and(|expected| expected != whole) {
            let detail = "the source is not the one that the unfinished build has read";
            return Err(Error::new(Code::WorkDiffers, detail).at(path.display().to_string()));
        }
        let file = File::open(path).map_err(|e| io_error(path, &e))?;
        let mut end = [0; 8];
        let end_at = whole.bytes.checked_sub(8).filter(|at| *at >= 4);
        let end_at = end_at.ok_or_else(|| wrong("too short to be a Parquet file".into(), 0))?;
        file.read_exact_at(&mut end, end_at).map_err(|e| io_error(path, &e))?;
        let footer_len = u64::from(u32::from_le_bytes([end[0], end[1], end[2], end[3]]));
        match &end[4..] {
            b"PAR1" => {}
            b"PARE" => return Err(wrong("the file is encrypted".into(), end_at)),
            _ => {
                return Err(wrong(
                    "the file does not end as a Parquet file does: it is cut off or damaged".into(),
                    end_at,
                ));
            }
        }
        let footer_at = end_at.checked_sub(footer_len).filter(|_| footer_len <= MAX_FOOTER);
        let footer_at = footer_at.ok_or_else(|| wrong(format!("a footer of {footer_len} bytes"), end_at))?;
        let mut footer = vec![0; footer_len as usize];
        file.read_exact_at(&mut footer, footer_at).map_err(|e| io_error(path, &e))?;
        let (footer, _) = thrift::read(&footer).map_err(|e| wrong(format!("the footer: {e}"), footer_at))?;
        let all =
            schema(&footer).ok_or_else(|| wrong("the footer has no schema that can be read".into(), footer_at))?;
        let leaves = wanted(&all, &options.fields).map_err(|name| {
            let names: Vec<&str> = all.iter().map(|leaf| leaf.path.as_str()).collect();
            wrong(format!("the file has no column {}: it has {}", shown(name), shown(&names.join(", "))), footer_at)
        })?;
        let groups = footer.list(4).iter().map(Group::of).collect::<Option<Vec<_>>>();
        let groups = groups.ok_or_else(|| wrong("a row group that cannot be read".into(), footer_at))?;
        let source = Arc::new(Source { file, path: path.to_owned(), len: footer_at });
        Ok(Self { source, whole, groups, leaves, open: Vec::new(), left: 0, next_group: 0, stored: 0 })
    }

    /// Opens the next row group that has rows; false if there is none.
    fn open_next(&mut self) -> Result<bool> {
        while self.left == 0 {
            let Some(group) = self.groups.get(self.next_group) else { return Ok(false) };
            self.next_group += 1;
            self.left = group.rows;
            self.open.clear();
            for (_, leaf) in &self.leaves {
                let chunk = group.chunks.get(leaf.number).and_then(|chunk| chunk.get(3));
                let column = chunk.and_then(|chunk| Column::open(&self.source, leaf, chunk));
                let column =
                    column.ok_or_else(|| self.source.wrong(format!("column {} has no pages", leaf.path), 0))?;
                self.stored = self.stored.max(column.at());
                self.open.push(column);
            }
        }
        Ok(true)
    }
}

impl Group {
    fn of(value: &Value) -> Option<Self> {
        let rows = u64::try_from(value.int(3)?).ok()?;
        Some(Self { rows, chunks: value.list(1).to_vec() })
    }
}

impl Feed for Rows {
    fn next(&mut self) -> Result<Option<Raw>> {
        if !self.open_next()? {
            return Ok(None);
        }
        self.left -= 1;
        let mut fields = Fields::default();
        for ((what, _), column) in self.leaves.iter().zip(&mut self.open) {
            let Some(value) = column.next_row()? else { continue };
            match what {
                Use::Text => fields.text = Some(value),
                Use::Url => fields.url = Some(value),
                Use::Id => fields.id = Some(value),
                Use::Title => fields.title = Some(value),
                Use::License => fields.license = Some(value),
                Use::Name(kind) => fields.names.push((*kind, value)),
            }
        }
        if self.left == 0 {
            for column in &self.open {
                column.check_end()?;
            }
        }
        self.stored = self.open.iter().map(Column::at).max().unwrap_or(0).max(self.stored);
        Ok(Some(Raw::Fields(Box::new(fields))))
    }

    fn prefix(&self) -> Result<Prefix> {
        Ok(self.whole.clone())
    }

    fn stored(&self) -> u64 {
        self.stored
    }

    fn finish(&mut self) -> Result<Prefix> {
        Ok(self.whole.clone())
    }
}

/// The leaves of the schema, in order, each with its levels.
fn schema(footer: &Value) -> Option<Vec<Leaf>> {
    let elements = footer.list(2);
    let mut leaves = Vec::new();
    // Groups that are open: how many children are to come, the length of the path before, the levels before.
    let mut open: Vec<(i64, usize, u8, u8)> = vec![(elements.first()?.int(5)?, 0, 0, 0)];
    let mut path = String::new();
    for element in &elements[1..] {
        while let Some((0, len, ..)) = open.last() {
            path.truncate(*len);
            open.pop();
        }
        let (left, _, definition, repetition) = open.last_mut()?;
        *left -= 1;
        let (definition, repetition) = match element.int(3) {
            Some(1) => (*definition + 1, *repetition),
            Some(2) => (*definition + 1, *repetition + 1),
            _ => (*definition, *repetition),
        };
        if open.len() > 32 {
            return None;
        }
        let before = path.len();
        if before > 0 {
            path.push('.');
        }
        path.push_str(element.text(4)?);
        match element.int(5) {
            Some(children) if children > 0 => open.push((children, before, definition, repetition)),
            _ => {
                let kind = element.int(1);
                leaves.push(Leaf { number: leaves.len(), path: path.clone(), kind, definition, repetition });
                path.truncate(before);
            }
        }
    }
    Some(leaves)
}

/// The leaves that the options name, or the name of one that is needed and not there.
fn wanted<'a>(leaves: &[Leaf], names: &'a FieldNames) -> Result<Vec<(Use, Leaf)>, &'a str> {
    // A list has its values one or two groups further down.
    let find = |name: &str| {
        let below = |leaf: &&Leaf| leaf.path.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
        leaves.iter().find(|leaf| leaf.path == name).or_else(|| leaves.iter().find(below)).cloned()
    };
    let mut wanted = Vec::new();
    let optional = [(Use::Url, &names.url), (Use::Id, &names.id), (Use::Title, &names.title)];
    wanted.extend(optional.into_iter().filter_map(|(what, name)| Some((what, find(name)?))));
    match find(&names.text) {
        Some(leaf) => wanted.push((Use::Text, leaf)),
        None if names.names.is_empty() => return Err(&names.text),
        None => {}
    }
    if let Some(name) = &names.license {
        wanted.push((Use::License, find(name).ok_or(name.as_str())?));
    }
    for (kind, name) in &names.names {
        wanted.push((Use::Name(*kind), find(name).ok_or(name.as_str())?));
    }
    Ok(wanted)
}
