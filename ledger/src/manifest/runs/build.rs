//! From the keyspaces of a range of entries to a run.
//!
//! One merge writes the keys and their lists in order; what depends on their number (buckets, tree) follows in a second
//! reading. Memory: the pieces of the sources, and 12 bytes a bucket. The same sources give the same bytes.

use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use crate::error::{Code, Error, Result};
use crate::ids::LeafIndex;
use crate::manifest::bucket::{Layout, MAX_BUCKET, meta_digest};
use crate::manifest::disk::{Output, Staging, io_error, sync_folder, write_file};
use crate::manifest::file::open;
use crate::manifest::keyspace::{Declaration, KeyLen, Keyspace, MAX_RAISE, bits, flattest_t};
use crate::manifest::kind::Kind;
use crate::manifest::rollup::{RunHeader, RunShape, run_reply_len, skip_list, write_list};
use crate::manifest::runs::merge::merge;
use crate::manifest::tree::{Growing, stored_count};
use crate::merkle::NodeHash;
use crate::record::kinds::{Disclosure, RunRoot, RunSource};
use crate::record::limits::MAX_T;

/// Bytes of a run's key.
const KEY: usize = 8;

/// A keyspace that a manifest declares, as the operator has it.
#[derive(Debug, Clone)]
pub struct Gathered {
    /// The entry of the `manifest` record.
    pub index: LeafIndex,
    /// What that record says about the keyspace.
    pub declared: Declaration,
    /// Its folder, if its files are held.
    pub folder: Option<PathBuf>,
}

impl Gathered {
    /// The keyspace whose keys can be taken: one that this version reads, that is not closed, and whose files are those that
    /// the record declares.
    fn readable(&self) -> Option<(&Path, Keyspace)> {
        let keyspace =
            Keyspace::declared(&self.declared).ok().filter(|_| self.declared.disclosure != Disclosure::Closed)?;
        let folder = self.folder.as_deref()?;
        let files = open(folder).ok()?;
        let same = (files.keyspace().id(), files.keyspace().root()) == (keyspace.id(), keyspace.root());
        (same && files.keyspace().n() == keyspace.n()).then_some((folder, keyspace))
    }

    /// Whether its keys can be in a run.
    pub fn can_be_covered(&self) -> bool {
        self.readable().is_some()
    }
}

/// A run to be built.
#[derive(Debug, Clone)]
pub struct RunPlan {
    /// The kind of its keys.
    pub kind: Kind,
    /// The first entry that it covers.
    pub from: u64,
    /// The first that it does not cover any more.
    pub to: u64,
    /// Every keyspace of this kind that a manifest of these entries declares, in the order of the log and of each record.
    pub sources: Vec<Gathered>,
}

/// Builds a run: `folder/<id>/` appears when all its files are durable, or is there already and the same. Returns the
/// predicate of its `run-root` record.
///
/// # Errors
/// `too_many` above 2^53 keys, `source_invalid` if so many share their first bits that no tree has room for them;
/// `manifest_invalid` if a keyspace is damaged; `output_exists`, `file_access`, `disk_full`.
pub fn build_run(folder: &Path, plan: &RunPlan, memory: usize) -> Result<RunRoot> {
    let readable: Vec<_> = plan.sources.iter().map(Gathered::readable).collect();
    let sources: Vec<RunSource> = plan
        .sources
        .iter()
        .zip(&readable)
        .map(|(source, readable)| RunSource {
            index: source.index.0,
            keyspace: source.declared.id,
            n: source.declared.n,
            covered: readable.is_some(),
        })
        .collect();
    let staging = Staging::beside(&folder.join(format!("run-{}-{}-{}", plan.kind, plan.from, plan.to)))?;
    let at = |name: &str| staging.path().join(name);

    let mut keys = Output::create(at("keys.bin"))?;
    let mut lists = Output::create(at("lists.bin"))?;
    let mut n = 0u64;
    let mut list = Vec::new();
    let cursors: Vec<(u32, &Path, &Keyspace)> = (0u32..)
        .zip(&readable)
        .filter_map(|(ordinal, readable)| readable.as_ref().map(|(folder, keyspace)| (ordinal, *folder, keyspace)))
        .collect();
    merge(&cursors, memory, &mut |key, ordinals| {
        n += 1;
        list.clear();
        write_list(ordinals, &mut list);
        keys.write(&key.0)?;
        lists.write(&list)
    })?;
    keys.finish()?;
    lists.finish()?;

    let laid = lay_out(staging.path(), plan.kind, n, sources.len() as u32)?;
    let header = RunHeader::new(plan.kind, (plan.from, plan.to), &sources, laid)?;
    let bytes = header.to_bytes()?;
    let (_, keyspace) = RunHeader::parse(&bytes)?;
    write_file(at("header.json"), &bytes)?;
    let target = folder.join(keyspace.id().to_hex());
    // A run that was built before its record came into the log is built to the same bytes.
    if !target.join("header.json").is_file() {
        staging.publish(&target)?;
    }
    Ok(header.to_run_root(keyspace.id(), sources))
}

/// Cuts the keys that were written into buckets, and writes where each begins and the tree over them.
fn lay_out(folder: &Path, kind: Kind, n: u64, sources: u32) -> Result<RunShape> {
    let layout = place(folder, kind, n)?;
    let buckets = 1u64 << layout.t;
    let mut keys = InOrder::open(folder.join("keys.bin"))?;
    let mut lists = InOrder::open(folder.join("lists.bin"))?;
    let mut offs = Output::create(folder.join("offs.bin"))?;
    let mut lofs = Output::create(folder.join("lofs.bin"))?;
    fs::create_dir(folder.join("tree")).map_err(|e| io_error(&folder.join("tree"), &e))?;
    let mut tree = Tree::create(&folder.join("tree"), layout.t)?;
    let mut costs: Vec<u64> = Vec::with_capacity(buckets as usize);
    let (mut first, mut list_bytes) = (0u64, 0u64);
    let (mut bucket, mut own) = (Vec::new(), Vec::new());
    for i in 0..buckets {
        offs.write(&first.to_be_bytes())?;
        lofs.write(&list_bytes.to_be_bytes())?;
        bucket.clear();
        own.clear();
        while let Some(key) = keys.peek(KEY)?.filter(|key| bits(key, layout.t) == i) {
            bucket.extend_from_slice(key);
            keys.take(KEY);
            // A list of the most sources has fewer than 4 bytes for every second of them.
            let bytes = lists.peek_up_to(4 * sources as usize + 16)?;
            let len = skip_list(bytes, sources)?;
            own.extend_from_slice(&bytes[..len]);
            lists.take(len);
        }
        let leaf = layout.leaf(i, &bucket, Some(&meta_digest(&own)));
        tree.push(leaf.map_err(|broken| Error::new(Code::Internal, broken.to_string()))?.into())?;
        first += (bucket.len() / KEY) as u64;
        list_bytes += own.len() as u64;
        costs.push((bucket.len() + own.len()) as u64);
    }
    if first != n {
        return Err(Error::new(Code::Internal, "keys are left over"));
    }
    offs.finish()?;
    lofs.finish()?;
    let root = tree.finish()?;
    sync_folder(&folder.join("tree"))?;
    Ok(RunShape { n, t: layout.t, root: root.into(), list_bytes, max_reply: padded_lengths(layout.t, costs) })
}

/// The smallest t that keeps every bucket below its limit.
fn place(folder: &Path, kind: Kind, n: u64) -> Result<Layout> {
    let flattest = flattest_t(n).ok_or_else(|| Error::new(Code::TooMany, "more than 2^53 keys"))?;
    for t in flattest..=MAX_T.min(flattest + MAX_RAISE) {
        let layout = Layout { kind, key_len: KeyLen::Short, has_meta: true, t };
        let mut keys = InOrder::open(folder.join("keys.bin"))?;
        let (mut bucket, mut count, mut fits) = (0, 0usize, true);
        while let Some(key) = keys.peek(KEY)? {
            let own = bits(key, t);
            keys.take(KEY);
            count = if own == bucket { count + 1 } else { 1 };
            bucket = own;
            fits &= layout.bucket_len(count) <= MAX_BUCKET;
        }
        if fits {
            return Ok(layout);
        }
    }
    Err(Error::new(Code::SourceInvalid, "too many keys share their first bits: somebody made them to"))
}

/// The length of the longest reply at each depth, to which every reply of that depth is padded.
fn padded_lengths(t: u8, mut costs: Vec<u64>) -> Vec<u64> {
    let mut lengths = Vec::new();
    for depth in (0..=t).rev() {
        lengths.push(run_reply_len(depth, costs.iter().copied().max().unwrap_or(0)));
        costs = costs.chunks(2).map(|pair| pair.iter().sum()).collect();
    }
    lengths.reverse();
    lengths
}

/// A file read in order, with a look at what comes.
struct InOrder {
    path: PathBuf,
    reader: BufReader<File>,
    buffer: Vec<u8>,
    at: usize,
    ended: bool,
}

impl InOrder {
    fn open(path: PathBuf) -> Result<Self> {
        let file = File::open(&path).map_err(|e| io_error(&path, &e))?;
        Ok(Self { path, reader: BufReader::with_capacity(1 << 18, file), buffer: Vec::new(), at: 0, ended: false })
    }

    /// The next `len` bytes; `None` at the end.
    fn peek(&mut self, len: usize) -> Result<Option<&[u8]>> {
        Ok(Some(self.peek_up_to(len)?).filter(|bytes| bytes.len() == len))
    }

    /// The next `len` bytes, fewer before the end.
    fn peek_up_to(&mut self, len: usize) -> Result<&[u8]> {
        if self.buffer.len() - self.at < len && !self.ended {
            self.buffer.drain(..self.at);
            self.at = 0;
            let wanted = len.max(1 << 16) as u64;
            let read = self.reader.by_ref().take(wanted).read_to_end(&mut self.buffer);
            self.ended = (read.map_err(|e| io_error(&self.path, &e))? as u64) < wanted;
        }
        let end = self.buffer.len().min(self.at + len);
        Ok(&self.buffer[self.at..end])
    }

    fn take(&mut self, len: usize) {
        self.at += len;
    }
}

/// The levels of a tree, written as its leaves come.
struct Tree {
    levels: Vec<Output>,
    growing: Growing,
}

impl Tree {
    fn create(folder: &Path, t: u8) -> Result<Self> {
        let level = |level: u8| Output::create(folder.join(level.to_string()));
        Ok(Self { levels: (0..stored_count(t)).map(level).collect::<Result<_>>()?, growing: Growing::new(t) })
    }

    fn push(&mut self, leaf: NodeHash) -> Result<()> {
        let levels = &mut self.levels;
        self.growing.push(leaf, &mut |level, node| match levels.get_mut(usize::from(level)) {
            Some(output) => output.write(node.as_bytes()),
            None => Err(Error::new(Code::Internal, "there is no such level")),
        })
    }

    fn finish(self) -> Result<NodeHash> {
        self.levels.into_iter().try_for_each(Output::finish)?;
        self.growing.root().ok_or_else(|| Error::new(Code::Internal, "no root"))
    }
}

#[cfg(test)]
mod tests;
