//! A disk in memory for tests: its n-th call fails, it fills up, and a power cut takes what was not synced.
//!
//! It is harsher than a real one where the rules allow it: at a power cut each unsynced write survives whole, torn by
//! sector or not at all, in any combination; a name is lost unless its folder was synced; and after a failed sync the
//! cache shows bytes that no later sync will ever write, as on Linux. Everything follows from the seed.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::disk::{Disk, DiskFile, Lock};

/// Writes tear at multiples of this.
const SECTOR: usize = 512;

/// What happens at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SimFault {
    /// It fails and does nothing. A sync leaves the cache as it is and forgets that it must be written.
    Lost,
    /// It does its work and fails nevertheless.
    Kept,
    /// A write or a folder call does half of its work and fails; another call fails like `Lost`.
    Half,
    /// A write stores one wrong bit and says that all went well; another call does its work.
    Flip,
    /// The process ends here: this call and every later one fails until [`SimDisk::restart`].
    End,
}

impl SimFault {
    /// Whether a sync that meets it makes durable what it should.
    fn keeps(self) -> bool {
        matches!(self, Self::Kept | Self::Flip)
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SimEnd {
    /// The cache survives, as after `kill -9`.
    Kill,
    /// What was not synced survives by chance.
    PowerCut,
}

/// The disk. A clone is the same disk.
#[derive(Debug, Clone)]
pub struct SimDisk(Arc<Mutex<World>>);

type FileId = u64;

#[derive(Debug, Default)]
struct World {
    random: u64,
    calls: u64,
    fault: Option<(u64, SimFault)>,
    ended: bool,
    paused: bool,
    /// Counts the restarts: what was opened before one is dead after it.
    boot: u64,
    capacity: Option<u64>,
    files: BTreeMap<FileId, Content>,
    names: Names,
    durable_names: Names,
    pending_names: Vec<(PathBuf, NameCall)>,
    locks: BTreeSet<PathBuf>,
}

#[derive(Debug, Default, Clone)]
struct Names {
    folders: BTreeSet<PathBuf>,
    files: BTreeMap<PathBuf, FileId>,
}

#[derive(Debug, Clone)]
enum NameCall {
    Folder(PathBuf),
    Create(PathBuf, FileId),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

#[derive(Debug, Default)]
struct Content {
    cache: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Write>,
}

#[derive(Debug, Clone)]
enum Write {
    Bytes(usize, Vec<u8>),
    Len(usize),
}

impl SimDisk {
    /// An empty disk whose chances follow from the seed.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(World { random: seed, ..World::default() })))
    }

    /// Breaks the `nth` call from now, counted from 1; a fault that was planned before is forgotten.
    pub fn fail_at(&self, nth: u64, fault: SimFault) {
        let mut world = self.world();
        world.fault = Some((world.calls + nth, fault));
    }

    /// Whether the planned fault is still to come.
    pub fn fault_is_planned(&self) -> bool {
        self.world().fault.is_some()
    }

    /// Whether the process came to its end.
    pub fn has_ended(&self) -> bool {
        self.world().ended
    }

    /// While paused, calls are neither counted nor broken: for looking on.
    pub fn pause(&self, paused: bool) {
        self.world().paused = paused;
    }

    /// How many calls there were.
    pub fn calls(&self) -> u64 {
        self.world().calls
    }

    /// Lets the disk be full at so many bytes, files only.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.world().capacity = bytes;
    }

    /// How many bytes its files hold.
    pub fn used(&self) -> u64 {
        self.world().used()
    }

    /// A new process after this end of the last; whatever the last one had open is dead.
    pub fn restart(&self, end: SimEnd) {
        let mut world = self.world();
        world.boot += 1;
        world.ended = false;
        world.locks.clear();
        if end == SimEnd::PowerCut {
            world.cut_power();
        }
    }

    /// The bytes of a file, as the cache has them.
    pub fn bytes(&self, path: &Path) -> Option<Vec<u8>> {
        let world = self.world();
        world.names.files.get(path).map(|id| world.files[id].cache.clone())
    }

    /// Replaces the bytes of a file, durably and unseen: bit rot, or a backup.
    pub fn put(&self, path: &Path, bytes: Vec<u8>) {
        let mut world = self.world();
        let Some(id) = world.names.files.get(path).copied() else { return };
        world.files.insert(id, Content { cache: bytes.clone(), durable: bytes, pending: Vec::new() });
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, world: &World, id: FileId) -> Arc<dyn DiskFile> {
        Arc::new(SimFile { disk: self.clone(), id, boot: world.boot })
    }

    /// Carries out one call with whatever fault it meets; unbroken calls are `Kept` without the error.
    fn call<T>(&self, work: impl FnOnce(&mut World, SimFault) -> io::Result<T>) -> io::Result<T> {
        let mut world = self.world();
        if world.ended {
            return Err(eio());
        }
        if world.paused {
            return work(&mut world, SimFault::Kept);
        }
        world.calls += 1;
        let calls = world.calls;
        let Some((_, fault)) = world.fault.take_if(|(nth, _)| *nth == calls) else {
            return work(&mut world, SimFault::Kept);
        };
        if fault == SimFault::End {
            world.ended = true;
            return Err(eio());
        }
        let done = work(&mut world, fault);
        if fault == SimFault::Flip {
            return done;
        }
        // A lock that was taken is given back on drop, and needs the world for it.
        drop(world);
        drop(done);
        Err(eio())
    }
}

/// `Vec::resize`, which without optimisation writes its zeros one by one.
fn set_len(content: &mut Vec<u8>, len: usize) {
    let zeros = vec![0; len.saturating_sub(content.len())];
    content.truncate(len);
    content.extend_from_slice(&zeros);
}

fn eio() -> io::Error {
    io::Error::from_raw_os_error(5)
}

impl World {
    fn chance(&mut self, of: u64) -> u64 {
        // SplitMix64.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % of
    }

    fn used(&self) -> u64 {
        self.names.files.values().map(|id| self.files[id].cache.len() as u64).sum()
    }

    fn name(&mut self, folder: &Path, call: NameCall) -> io::Result<()> {
        self.names.apply(&call)?;
        self.pending_names.push((folder.to_owned(), call));
        Ok(())
    }

    fn cut_power(&mut self) {
        // How much of the unsynced survives differs from cut to cut: nothing, everything, any part.
        let mood = self.chance(4);
        for (_, call) in core::mem::take(&mut self.pending_names) {
            let survives = mood == 1 || (mood > 1 && self.chance(2) == 0);
            if survives {
                // A call on a name that itself was lost has nothing to work on.
                let _ = self.durable_names.apply(&call);
            }
        }
        self.names = self.durable_names.clone();
        let mut files = core::mem::take(&mut self.files);
        for content in files.values_mut() {
            for write in core::mem::take(&mut content.pending) {
                match mood {
                    0 => {}
                    1 => write.apply(&mut content.durable),
                    _ => write.tear(&mut content.durable, &mut || self.chance(2) == 0),
                }
            }
            content.cache = content.durable.clone();
        }
        self.files = files;
    }
}

impl Names {
    fn apply(&mut self, call: &NameCall) -> io::Result<()> {
        let missing = || io::Error::from(io::ErrorKind::NotFound);
        match call {
            NameCall::Folder(path) => {
                self.folders.insert(path.clone());
            }
            NameCall::Create(path, id) => {
                self.files.insert(path.clone(), *id);
            }
            NameCall::Rename(from, to) => {
                let id = self.files.remove(from).ok_or_else(missing)?;
                self.files.insert(to.clone(), id);
            }
            NameCall::Remove(path) => {
                self.files.remove(path).ok_or_else(missing)?;
            }
        }
        Ok(())
    }
}

impl Write {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Len(len) => set_len(content, *len),
            Self::Bytes(at, bytes) => {
                let end = at + bytes.len();
                if content.len() < end {
                    set_len(content, end);
                }
                content[*at..end].copy_from_slice(bytes);
            }
        }
    }

    /// Applies the sectors that chance lets through.
    fn tear(&self, content: &mut Vec<u8>, survives: &mut dyn FnMut() -> bool) {
        let Self::Bytes(at, bytes) = self else {
            if survives() {
                self.apply(content);
            }
            return;
        };
        // A write of a megabyte is torn at some of its ends only, or every tear would look alike.
        let sector = SECTOR * (1 + bytes.len() / (64 * SECTOR));
        let mut start = 0;
        while start < bytes.len() {
            let end = ((at + start) / sector * sector + sector - at).min(bytes.len());
            if survives() {
                Self::Bytes(at + start, bytes[start..end].to_vec()).apply(content);
            }
            start = end;
        }
    }
}

impl Disk for SimDisk {
    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.call(|world, _| Ok(world.names.files.contains_key(path) || world.names.folders.contains(path)))
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        self.call(|world, _| {
            let inside = |path: &&PathBuf| path.parent() == Some(folder);
            let name = |path: &PathBuf| Some(path.file_name()?.to_str()?.to_owned());
            Ok(world.names.files.keys().filter(inside).filter_map(name).collect())
        })
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.call(|world, fault| match fault {
            SimFault::Lost => Ok(()),
            _ => world.name(path.parent().unwrap_or(path), NameCall::Folder(path.to_owned())),
        })
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.call(|world, fault| {
            if world.names.files.contains_key(path) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            let id = world.files.len() as FileId;
            if fault != SimFault::Lost {
                world.files.insert(id, Content::default());
                world.name(path.parent().unwrap_or(path), NameCall::Create(path.to_owned(), id))?;
            }
            Ok(self.file(world, id))
        })
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.call(|world, _| {
            let id = world.names.files.get(path).ok_or(io::ErrorKind::NotFound)?;
            Ok(self.file(world, *id))
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call(|world, fault| match fault {
            SimFault::Lost => Ok(()),
            _ => world.name(to.parent().unwrap_or(to), NameCall::Rename(from.to_owned(), to.to_owned())),
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.call(|world, fault| match fault {
            SimFault::Lost => Ok(()),
            _ => world.name(path.parent().unwrap_or(path), NameCall::Remove(path.to_owned())),
        })
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.call(|world, fault| {
            let pending = core::mem::take(&mut world.pending_names);
            for (folder, call) in pending {
                // Names are written through the file system's own journal: they stay to be written after a failure.
                if folder == path && fault.keeps() {
                    let _ = world.durable_names.apply(&call);
                } else {
                    world.pending_names.push((folder, call));
                }
            }
            Ok(())
        })
    }

    fn sync_both(&self, one: &dyn DiskFile, other: &dyn DiskFile) -> io::Result<()> {
        one.sync().and(other.sync())
    }

    fn room(&self, _: &Path) -> io::Result<u64> {
        self.call(|world, _| Ok(world.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(world.used()))))
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Lock>> {
        self.call(|world, _| {
            let free = world.locks.insert(path.to_owned());
            let lock = || SimLock { disk: self.clone(), path: path.to_owned(), boot: world.boot };
            Ok(free.then(|| Box::new(lock()) as Lock))
        })
    }
}

struct SimLock {
    disk: SimDisk,
    path: PathBuf,
    boot: u64,
}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut world = self.disk.world();
        if world.boot == self.boot {
            world.locks.remove(&self.path);
        }
    }
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    id: FileId,
    boot: u64,
}

impl SimFile {
    fn call<T>(&self, work: impl FnOnce(&mut Content, SimFault, Option<u64>) -> io::Result<T>) -> io::Result<T> {
        self.disk.call(|world, fault| {
            let room = world.capacity.map(|capacity| capacity.saturating_sub(world.used()));
            let content = world.files.get_mut(&self.id).filter(|_| self.boot == world.boot);
            work(content.ok_or_else(eio)?, fault, room)
        })
    }
}

impl DiskFile for SimFile {
    fn len(&self) -> io::Result<u64> {
        self.call(|content, _, _| Ok(content.cache.len() as u64))
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.call(|content, _, _| {
            let bytes = content.cache.get(offset as usize..).and_then(|rest| rest.get(..buffer.len()));
            buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        })
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.call(|content, fault, room| {
            let wanted = match fault {
                SimFault::Kept | SimFault::Flip => bytes.len(),
                SimFault::Half => bytes.len() / 2,
                SimFault::Lost | SimFault::End => 0,
            };
            let growth = (offset + wanted as u64).saturating_sub(content.cache.len() as u64);
            let missing = growth.saturating_sub(room.unwrap_or(u64::MAX)) as usize;
            let fitting = wanted.saturating_sub(missing);
            if fitting > 0 {
                let mut bytes = bytes[..fitting].to_vec();
                if fault == SimFault::Flip {
                    bytes[fitting / 2] ^= 0x10;
                }
                let write = Write::Bytes(offset as usize, bytes);
                write.apply(&mut content.cache);
                content.pending.push(write);
            }
            if missing > 0 { Err(io::Error::from_raw_os_error(28)) } else { Ok(()) }
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.call(|content, fault, _| {
            if fault != SimFault::Lost {
                let write = Write::Len(len as usize);
                write.apply(&mut content.cache);
                content.pending.push(write);
            }
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.call(|content, fault, _| {
            let pending = core::mem::take(&mut content.pending);
            if fault.keeps() {
                pending.iter().for_each(|write| write.apply(&mut content.durable));
            }
            Ok(())
        })
    }
}
