//! Tables in text, with a header line that names the columns: comma-separated values (RFC 4180), or tab-separated ones.
//!
//! The latter have no quoting (IANA `text/tab-separated-values`): a line is a row, and a quotation mark stands for itself, as
//! texts that begin with one need it. Programs that quote such files all the same do so where a field holds a mark, a tab or a
//! line break. The first is told from the doubled marks and read as it was meant; the others break the row, which is an error.

use std::io::BufRead;

use csv_core::{ReadFieldResult, Reader, ReaderBuilder};

use crate::error::Result;
use crate::manifest::kind::Kind;
use crate::manifest::reader::fields::{FieldNames, Fields};
use crate::manifest::reader::input::Input;
use crate::manifest::reader::{Feed, Prefix, Raw, ReadOptions};
use crate::manifest::shown;

/// A table, as a feed.
pub(super) struct Table {
    input: Input,
    reader: Reader,
    columns: Columns,
    /// How many columns the header names: every row has as many.
    width: usize,
    /// Whether fields may be in quotes that hold tabs and line breaks.
    quotes: bool,
}

/// Where the fields stand.
#[derive(Default)]
struct Columns {
    text: Option<usize>,
    url: Option<usize>,
    id: Option<usize>,
    title: Option<usize>,
    license: Option<usize>,
    names: Vec<(Kind, usize)>,
}

/// The most columns of a table: the widest in use have some hundred.
const MAX_COLUMNS: usize = 10_000;

impl Table {
    pub(super) fn open(input: Input, delimiter: u8, options: &ReadOptions) -> Result<Self> {
        // A byte order mark is no part of the first name; csv-core drops it.
        let quotes = delimiter != b'\t';
        let reader = ReaderBuilder::new().delimiter(delimiter).quoting(quotes).build();
        let mut table = Self { input, reader, columns: Columns::default(), width: 0, quotes };
        let Some((header, at)) = table.row(&|_| true)? else {
            return Err(table.input.place.wrong("the table has no header line", 0));
        };
        let header: Vec<String> = header.into_iter().flatten().collect();
        table.width = header.len();
        table.columns = Columns::of(&header, &options.fields).map_err(|name| {
            let detail = format!("the table has no column {}: it has {}", shown(name), shown(&header.join(", ")));
            table.input.place.wrong(detail, at)
        })?;
        Ok(table)
    }

    /// The next row with the fields that are wanted, and where it begins.
    fn row(&mut self, wanted: &dyn Fn(usize) -> bool) -> Result<Option<(Vec<Option<String>>, u64)>> {
        let at = self.input.reader.position();
        self.input.reader.mark();
        let mut row = Vec::new();
        let mut field = Vec::new();
        let mut part = vec![0; 1 << 13];
        loop {
            let available = self.input.reader.fill_buf().map_err(|e| self.input.place.broken(&e))?;
            let ended = available.is_empty();
            let (result, read, written) = self.reader.read_field(available, &mut part);
            self.input.reader.consume(read);
            if wanted(row.len()) {
                field.extend_from_slice(&part[..written]);
            }
            let record_end = match result {
                ReadFieldResult::InputEmpty if ended => false,
                ReadFieldResult::InputEmpty | ReadFieldResult::OutputFull => continue,
                ReadFieldResult::Field { record_end } => record_end,
                ReadFieldResult::End => return Ok(None),
            };
            let bytes = core::mem::take(&mut field);
            let place = &self.input.place;
            let text = String::from_utf8(bytes).map_err(|_| place.wrong("a field of the row is not UTF-8", at))?;
            row.push(wanted(row.len()).then_some(text));
            if row.len() > MAX_COLUMNS {
                return Err(place.wrong(format!("a row of more than {MAX_COLUMNS} fields"), at));
            }
            if record_end {
                return Ok(Some((row, at)));
            }
        }
    }
}

/// What a field in quotes was before a program quoted it because it holds marks: each of them is doubled inside.
fn unquoted(field: &str) -> Option<String> {
    let inner = field.strip_prefix('"')?.strip_suffix('"')?;
    let bare = inner.replace("\"\"", "");
    (inner.len() > bare.len() && !bare.contains('"')).then(|| inner.replace("\"\"", "\""))
}

impl Columns {
    /// Finds the columns. That of the text must be there, unless content has other names.
    fn of<'a>(header: &[String], names: &'a FieldNames) -> Result<Self, &'a str> {
        let place = |name: &str| header.iter().position(|column| column == name);
        let needed = |name: &'a str| place(name).ok_or(name);
        let others = names.names.iter().map(|(kind, name)| needed(name).map(|place| (*kind, place)));
        let others = others.collect::<Result<_, &'a str>>()?;
        Ok(Self {
            text: if names.names.is_empty() { Some(needed(&names.text)?) } else { place(&names.text) },
            url: place(&names.url),
            id: place(&names.id),
            title: place(&names.title),
            license: names.license.as_deref().map(needed).transpose()?,
            names: others,
        })
    }

    fn all(&self) -> Vec<usize> {
        let named = self.names.iter().map(|(_, place)| *place);
        [self.text, self.url, self.id, self.title, self.license].into_iter().flatten().chain(named).collect()
    }
}

impl Feed for Table {
    fn next(&mut self) -> Result<Option<Raw>> {
        let all = self.columns.all();
        let Some((mut row, at)) = self.row(&|place| all.contains(&place))? else { return Ok(None) };
        if row.len() != self.width {
            let mut detail = format!("the row has {} fields, and the header {}", row.len(), self.width);
            if !self.quotes {
                detail.push_str("; fields of a TSV file hold no tab and no line break, in quotes neither");
            }
            return Err(self.input.place.wrong(detail, at));
        }
        if !self.quotes {
            let width = self.width;
            for field in row.iter_mut().flatten() {
                match unquoted(field) {
                    Some(meant) => *field = meant,
                    // In a single column no width gives away that a row goes on.
                    None if width == 1 && field.starts_with('"') && field.matches('"').count() % 2 == 1 => {
                        let detail = "a quotation mark is opened and not closed; a line of a TSV file is a row";
                        return Err(self.input.place.wrong(detail, at));
                    }
                    None => {}
                }
            }
        }
        let Columns { text, url, id, title, license, names } = &self.columns;
        // An empty field is one that is not there.
        let names =
            names.iter().filter_map(|(kind, place)| Some((*kind, row[*place].clone().filter(|t| !t.is_empty())?)));
        let names = names.collect();
        let mut take = |place: &Option<usize>| row[(*place)?].take().filter(|text| !text.is_empty());
        let fields = Fields {
            text: take(text),
            url: take(url),
            id: take(id),
            title: take(title),
            license: take(license),
            names,
        };
        Ok(Some(Raw::Fields(Box::new(fields))))
    }

    fn prefix(&self) -> Result<Prefix> {
        Ok(self.input.place.prefix())
    }

    fn stored(&self) -> u64 {
        self.input.place.stored()
    }

    fn finish(&mut self) -> Result<Prefix> {
        self.input.finish()
    }
}
