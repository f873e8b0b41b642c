//! The promises that a log made, as lines in a file or a pipe.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::Outcome;

/// Where promises are written down: a line is out with one system call, so that no kill tears it.
#[derive(Debug)]
pub struct Promises {
    out: Mutex<(Out, BTreeSet<(u64, String)>)>,
}

#[derive(Debug)]
enum Out {
    File(File),
    Stdout,
}

impl Promises {
    /// Appends to a file, or writes to the standard output.
    pub fn to(path: Option<&Path>) -> io::Result<Self> {
        let out = match path {
            Some(path) => Out::File(OpenOptions::new().create(true).append(true).open(path)?),
            None => Out::Stdout,
        };
        Ok(Self { out: Mutex::new((out, BTreeSet::new())) })
    }

    /// A receipt was handed out.
    pub fn ack(&self, index: u64, record: &str, number: u64) -> io::Result<()> {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.0.line(&format!("ack {index} {record} {number}\n"))
    }

    /// A checkpoint was seen; each is written once.
    pub fn checkpoint(&self, size: u64, root: &str) -> io::Result<()> {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        if out.1.insert((size, root.to_owned())) { out.0.line(&format!("checkpoint {size} {root}\n")) } else { Ok(()) }
    }
}

impl Out {
    fn line(&mut self, line: &str) -> io::Result<()> {
        match self {
            Self::File(file) => file.write_all(line.as_bytes()),
            Self::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(line.as_bytes())?;
                out.flush()
            }
        }
    }
}

/// A receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// The index that was promised.
    pub index: u64,
    /// The record's id, in hexadecimal.
    pub record: String,
    /// How to make the record again.
    pub number: u64,
}

/// Everything that was promised.
#[derive(Debug, Default, Clone)]
pub struct History {
    /// The receipts, in the order they were handed out.
    pub acks: Vec<Ack>,
    /// The root that was seen at each size.
    pub checkpoints: BTreeMap<u64, String>,
}

impl History {
    /// Reads the promises in a file; none if there is no such file.
    pub fn read(path: &Path) -> Outcome<Self> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads promises. What stands behind the last line break was never promised.
    ///
    /// # Errors
    /// Two roots at one size, one index for two records, or two indices for one record: the log forked (I2, I3, I7).
    pub fn parse(text: &str) -> Outcome<Self> {
        let mut history = Self::default();
        let (mut records, mut indices) = (BTreeMap::new(), BTreeMap::new());
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        for line in whole.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["ack", index, record, number] => {
                    let (index, number) = (index.parse()?, number.parse()?);
                    let record = record.to_owned();
                    if records.insert(index, record.clone()).is_some_and(|other| other != record) {
                        return Err(format!("index {index} was given twice").into());
                    }
                    if indices.insert(record.clone(), index).is_some_and(|other| other != index) {
                        return Err(format!("record {record} was given two indices").into());
                    }
                    history.acks.push(Ack { index, record, number });
                }
                ["checkpoint", size, root] => {
                    let (size, root) = (size.parse()?, root.to_owned());
                    if history.checkpoints.insert(size, root.clone()).is_some_and(|other| other != root) {
                        return Err(format!("two checkpoints of size {size} have different roots").into());
                    }
                }
                _ => return Err(format!("not a promise: {line:?}").into()),
            }
        }
        Ok(history)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn promises_come_back_and_a_torn_line_is_none() {
        let history = History::parse("checkpoint 2 r\nack 1 aa 7\nack 2 bb 8\nack 3 c").unwrap();
        assert_eq!(history.acks.len(), 2);
        assert_eq!(history.checkpoints[&2], "r");
    }

    #[test]
    fn promises_that_contradict_one_another_are_an_error() {
        for text in [
            "ack 1 aa 7\nack 1 bb 8\n",
            "ack 1 aa 7\nack 2 aa 7\n",
            "checkpoint 2 r\ncheckpoint 2 s\n",
            "ack one aa 7\n",
        ] {
            assert!(History::parse(text).is_err(), "{text:?}");
        }
    }
}
