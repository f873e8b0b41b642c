//! A sample of a source held against a manifest: are the keys of these items in it?
//!
//! Rebuilding proves that a manifest is its source's; a sample makes it likely at the cost of reading. If a share p of the
//! items was left out, k items drawn at random all look fine with probability (1 − p)^k: 459 items find an omission of one
//! item in a hundred with 99 %, since 0.99^459 < 0.01.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::error::{Code, Error, Result};
use crate::manifest::file::{KeyspaceFiles, list, open};
use crate::manifest::keying::Keyer;
use crate::manifest::kind::Spec;
use crate::manifest::reader::{Read, ReadOptions, read};
use crate::manifest::reply::MetaMode;

/// What a sample found; nothing in it was missing, or there would be an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sampled {
    /// Items that were looked at.
    pub items: u64,
    /// Items among them that the rules drop, such as pages of accounts.
    pub dropped: u64,
    /// Keys that were looked for and found, each with its proof.
    pub keys: u64,
}

/// Reads a source, and looks for the keys of the items at these places in the manifest in `dir`, which says that the source
/// has `items` of them.
///
/// # Errors
/// `binding_mismatch` at the first item of which a key is missing, and if the source has more items or fewer: places that are
/// drawn among fewer than there are leave the others out.
pub fn sample(
    source: &Path,
    options: &ReadOptions,
    dir: &Path,
    ordinals: &BTreeSet<u64>,
    items: u64,
    progress: &mut dyn FnMut(u64),
) -> Result<Sampled> {
    let folders = list(dir)?;
    let files: Vec<KeyspaceFiles> = folders.iter().map(|folder| open(folder)).collect::<Result<_>>()?;
    let by_spec: BTreeMap<Spec, &KeyspaceFiles> = files.iter().map(|files| (files.keyspace().spec(), files)).collect();
    let mut keyer = Keyer::new(options.kinds);
    let (mut sampled, mut next) = (Sampled::default(), 0u64);
    let mut take = |read: Read| {
        let item = match read {
            Read::Without(_) => return Ok(()),
            Read::Item(item) => Some(item),
            Read::Dropped(_) => None,
        };
        let ordinal = next;
        next += 1;
        if !ordinals.contains(&ordinal) {
            return Ok(());
        }
        sampled.items += 1;
        let Some(item) = item else {
            sampled.dropped += 1;
            return Ok(());
        };
        keyer.item(&item, &mut |spec, key| {
            let missing = |what: &str| {
                let detail = format!("item {ordinal} of the source: {what}");
                Error::new(Code::BindingMismatch, detail).at(spec.to_string())
            };
            let files = by_spec.get(&spec).ok_or_else(|| missing("the manifest has no such keyspace"))?;
            let depth = files.keyspace().t();
            let reply = files.reply_for(&key, depth, MetaMode::Digests)?;
            match files.keyspace().verify(&key, depth, &reply)?.is_present() {
                true => sampled.keys += 1,
                false => return Err(missing("its key is not in the manifest")),
            }
            Ok(())
        })?;
        Ok(())
    };
    read(source, options, &mut take, progress)?;
    if next != items || sampled.items != ordinals.len() as u64 {
        let detail = format!("the source has {next} items, and not {items} as the manifest says");
        return Err(Error::new(Code::BindingMismatch, detail));
    }
    Ok(sampled)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::manifest::{BuildOptions, build};

    #[test]
    fn an_item_that_was_left_out_is_found_by_the_sample_that_holds_it() {
        let dir = tempfile::tempdir().unwrap();
        let line = |i: u64| format!("{{\"text\":\"Words of item {i}.\",\"url\":\"https://example.org/{i}\"}}\n");
        let write = |name: &str, skip: Option<u64>| {
            let path = dir.path().join(name);
            let lines = (0..300).filter(|i| Some(*i) != skip).map(line);
            std::fs::write(&path, lines.collect::<String>()).unwrap();
            path
        };
        let (whole, lacking) = (write("whole.jsonl", None), write("lacking.jsonl", Some(123)));
        let options = BuildOptions::default();
        let out = dir.path().join("lacking");
        build(&lacking, &out, &options, &|_| {}).unwrap();
        let check = |ordinals: &[u64], items| {
            sample(&whole, &options.read, &out, &ordinals.iter().copied().collect(), items, &mut |_| {})
        };
        let fine = check(&[0, 7, 299], 300).unwrap();
        assert_eq!((fine.items, fine.dropped, fine.keys >= 6), (3, 0, true));
        let error = check(&[0, 7, 123, 299], 300).unwrap_err();
        assert_eq!(error.code(), Code::BindingMismatch);
        assert!(error.detail().contains("item 123"), "{error}");
        for (places, items) in [(&[300][..], 300), (&[0, 7], 299), (&[0, 7], 301), (&[], 0)] {
            assert_eq!(check(places, items).unwrap_err().code(), Code::BindingMismatch, "{items}");
        }
    }
}
