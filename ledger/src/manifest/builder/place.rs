//! From columns to a keyspace: the depth of the tree, its buckets, their hashes, the header and the name.
//!
//! How deep the tree is follows from how many keys there are, which is known only when the last duplicate is merged; so
//! this is a second pass, over the columns. Memory is bounded by the keys of a few slices: neither the leaves nor the
//! counts of all buckets are ever held.

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;

use crate::error::{Code, Error, Result};
use crate::ids::{KeyspaceId, to_hex};
use crate::manifest::bucket::{Broken, Layout, meta_digest};
use crate::manifest::builder::columns::Written;
use crate::manifest::builder::parallel::in_order;
use crate::manifest::builder::row::Width;
use crate::manifest::builder::run::{SLICE_BITS, SLICES};
use crate::manifest::disk::{Output, Pieces, io_error, sync_folder, write_file};
use crate::manifest::header::{About, Header, PaddedLengths, Placed};
use crate::manifest::keyspace::{Declaration, Keyspace, MAX_RAISE, bits, flattest_t};
use crate::manifest::kind::Spec;
use crate::manifest::meta::Meta;
use crate::manifest::tree::{Growing, stored_count};
use crate::merkle::NodeHash;
use crate::record::kinds::Disclosure;
use crate::record::limits::MAX_T;

/// A step has about so many keys.
const STEP: u64 = 1 << 16;

/// Cuts the columns into buckets and writes everything else that a keyspace's folder holds. The folder has then only to be
/// given its name.
pub(in crate::manifest) fn place(
    columns: &Written,
    spec: Spec,
    pushed: u64,
    about: About,
    threads: NonZeroUsize,
) -> Result<(Header, Keyspace)> {
    let Width { key_len, has_meta } = columns.width;
    let flattest = flattest_t(columns.n()).ok_or_else(|| Error::new(Code::TooMany, "more than 2^53 keys"))?;
    for t in flattest..=MAX_T.min(flattest + MAX_RAISE) {
        let layout = Layout { kind: spec.kind(), key_len, has_meta, t };
        let Some(tree) = Cut { columns, layout }.write(threads)? else { continue };
        let declaration = Declaration {
            id: KeyspaceId::from_bytes([0; 32]),
            kind: spec.kind().as_str().into(),
            spec: spec.to_string(),
            n: columns.n(),
            t,
            key_len: key_len.bytes() as u8,
            has_meta,
            root: to_hex(tree.root.as_bytes()),
            form: None,
            coverage: None,
            // A header does not say: the row of the summary does.
            disclosure: Disclosure::Closed,
            universe: None,
            bitmap: None,
        };
        let placed = Placed { declaration, duplicates: pushed - columns.n(), max_reply: tree.max_reply };
        let bytes = Header::new(about, placed).to_bytes()?;
        let (header, keyspace) = Header::parse(&bytes)?;
        write_file(columns.folder.join("header.json"), &bytes)?;
        return Ok((header, keyspace));
    }
    let detail = "too many keys share their first bits: somebody made them to";
    Err(Error::new(Code::SourceInvalid, detail))
}

/// What the buckets give.
struct Tree {
    root: NodeHash,
    max_reply: Vec<u64>,
}

/// Columns, to be cut at one depth.
struct Cut<'a> {
    columns: &'a Written,
    layout: Layout,
}

/// The buckets of some slices.
struct Buckets {
    counts: Vec<u32>,
    leaves: Vec<NodeHash>,
}

impl Cut<'_> {
    /// Writes offsets and tree; `None` if a bucket would be too large.
    fn write(&self, threads: NonZeroUsize) -> Result<Option<Tree>> {
        let folder = &self.columns.folder;
        let keys = Pieces::open(folder.join("keys.bin"))?;
        let meta = self.layout.has_meta.then(|| Pieces::open(folder.join("meta.bin"))).transpose()?;
        let tree_folder = folder.join("tree");
        remove(&tree_folder, fs::remove_dir_all(&tree_folder))?;
        fs::create_dir(&tree_folder).map_err(|e| io_error(&tree_folder, &e))?;
        let mut offs = Output::resume(folder.join("offs.bin"), 0)?;
        let mut files = (0..stored_count(self.layout.t))
            .map(|level| Output::resume(tree_folder.join(level.to_string()), 0))
            .collect::<Result<Vec<_>>>()?;
        let mut tree = Growing::new(self.layout.t);
        let mut lengths = PaddedLengths::new(self.layout);
        let mut end = 0u64;

        let steps = self.steps();
        let mut too_large = false;
        let work = |job: usize| self.buckets(steps[job], &keys, meta.as_ref());
        let written = in_order(threads, steps.len(), &work, &mut |buckets| {
            let Some(buckets) = buckets else {
                too_large = true;
                return Err(Error::new(Code::TooLarge, "a bucket"));
            };
            for (count, leaf) in buckets.counts.into_iter().zip(buckets.leaves) {
                offs.write(&end.to_be_bytes())?;
                end += u64::from(count);
                lengths.push(u64::from(count));
                tree.push(leaf, &mut |level, node| files[usize::from(level)].write(node.as_bytes()))?;
            }
            Ok(())
        });
        if too_large {
            return Ok(None);
        }
        written?;
        offs.finish()?;
        let root = tree.root().ok_or_else(|| Error::new(Code::Internal, "no root"))?;
        files.into_iter().try_for_each(Output::finish)?;
        sync_folder(&tree_folder)?;
        Ok(Some(Tree { root, max_reply: lengths.finish() }))
    }

    /// Ranges of slices, each with all buckets that begin in it. A tree of less than 2^12 buckets is one step.
    fn steps(&self) -> Vec<(usize, usize)> {
        let mut step = SLICES;
        if self.layout.t >= SLICE_BITS {
            while step > 1 && self.columns.n() * step as u64 > STEP * SLICES as u64 {
                step /= 2;
            }
        }
        (0..SLICES).step_by(step).map(|from| (from, from + step)).collect()
    }

    fn buckets(&self, (from, to): (usize, usize), keys: &Pieces, meta: Option<&Pieces>) -> Result<Option<Buckets>> {
        let (t, len) = (self.layout.t, self.layout.key_len.bytes());
        let (first, last) = (self.columns.starts[from], self.columns.starts[to]);
        let column = |file: &Pieces, len| file.read(first * len as u64, (last - first) as usize * len);
        let keys = column(keys, len)?;
        let rows = meta.map(|meta| column(meta, Meta::LEN)).transpose()?;
        let numbers = match t.checked_sub(SLICE_BITS) {
            Some(more) => (from as u64) << more..(to as u64) << more,
            None => 0..1 << t,
        };
        let count = (numbers.end - numbers.start) as usize;
        let mut buckets = Buckets { counts: Vec::with_capacity(count), leaves: Vec::with_capacity(count) };
        let mut at = 0;
        for number in numbers {
            let start = at;
            while keys.get(at * len..at * len + 8).is_some_and(|key| bits(key, t) == number) {
                at += 1;
            }
            let digest = rows.as_ref().map(|rows| meta_digest(&rows[start * Meta::LEN..at * Meta::LEN]));
            match self.layout.leaf(number, &keys[start * len..at * len], digest.as_ref()) {
                Ok(leaf) => buckets.leaves.push(leaf.into()),
                Err(Broken::TooLarge) => return Ok(None),
                Err(broken) => return Err(Error::new(Code::Internal, broken.to_string())),
            }
            buckets.counts.push((at - start) as u32);
        }
        Ok(Some(buckets))
    }
}

/// Takes it for done that what is to be removed is not there.
fn remove(path: &Path, result: std::io::Result<()>) -> Result<()> {
    match result {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(io_error(path, &e)),
        _ => Ok(()),
    }
}
