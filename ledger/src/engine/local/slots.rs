//! A small file that always holds its newest content whole: two slots, written in turn.
//!
//! ```text
//! file      slot 0: copy 0, copy 1; slot 1: copy 2, copy 3; all of one length, all written when the file is made
//! copy      magic 8 | version u64 | number of the copy u32 | payload length u32 | CRC-32C u32 | 0 u32 | payload | zeros
//! ```
//!
//! Numbers are big-endian; the checksum covers header and payload without itself. Content is written to the slot that
//! does not hold the newest, both copies, and synced: a torn write spoils at most that slot. Each slot has its content
//! twice, a few pages apart, because one copy could not tell a torn write (never acknowledged: the older slot is the
//! truth) from a newest slot that rotted later (acknowledged: falling back to the older would roll the log back).
//! With two, damage in one place leaves the newest content readable.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use crc32c::{crc32c, crc32c_append};

use super::disk::{Disk, DiskFile};
use super::fault::{Damage, Fault};
use super::segments::nonzero;

const HEADER: usize = 32;

/// Copies are written in whole pages, so that a write never has to read first.
const PAGE: usize = 4096;

/// Which of the two files of this form.
#[derive(Debug, Clone, Copy)]
pub(super) struct SlotKind {
    /// How the file is called where it is damaged, relative to the log's folder as far as that is possible.
    pub(super) name: &'static str,
    pub(super) magic: [u8; 8],
    /// A multiple of the page, header included.
    pub(super) copy_len: usize,
}

impl SlotKind {
    /// The longest payload.
    pub(super) const fn capacity(&self) -> usize {
        self.copy_len - HEADER
    }
}

/// The file, its newest content, and what is left of older content in it.
#[derive(Debug)]
pub(super) struct Slots {
    kind: SlotKind,
    file: Arc<dyn DiskFile>,
    /// The slot that holds the newest content.
    newest: usize,
    version: u64,
    /// The highest version that was ever written, even if the write failed: no version has two contents.
    attempted: u64,
    payload: Bytes,
    /// Per slot, the length beyond which both copies are zeros.
    used: [usize; 2],
}

impl Slots {
    /// Makes the file under a temporary name, with version 0 of this payload in every copy, and gives it its name.
    pub(super) fn create(disk: &dyn Disk, path: &Path, kind: SlotKind, payload: Bytes) -> Result<Self, Fault> {
        let folder = path.parent().unwrap_or(path);
        let fresh = path.with_extension("new");
        let failed = |what: &str, error| Fault::failed(format!("{what} {}", kind.name), error);
        if disk.exists(&fresh).map_err(|e| failed("looking for", e))? {
            disk.remove(&fresh).map_err(|e| failed("removing a leftover of", e))?;
        }
        let file = disk.create(&fresh).map_err(|e| failed("creating", e))?;
        let mut slots = Self {
            kind,
            file,
            newest: 0,
            version: 0,
            attempted: 0,
            payload: payload.clone(),
            used: [kind.copy_len; 2],
        };
        slots.put(1, 0, payload.clone())?;
        slots.put(0, 0, payload)?;
        disk.rename(&fresh, path).map_err(|e| Fault::stop(format!("naming {}", kind.name), e))?;
        disk.sync_folder(folder).map_err(|e| Fault::stop(format!("syncing the folder of {}", kind.name), e))?;
        Ok(slots)
    }

    /// Reads the newest content and changes nothing. Damaged copies are reported; that no copy is whole is an error.
    pub(super) fn open(file: Arc<dyn DiskFile>, kind: SlotKind) -> Result<(Self, Vec<Damage>), Damage> {
        let (copies, damages) = read_copies(&*file, kind);
        let whole = || copies.iter().enumerate().filter_map(|(number, copy)| Some((number, copy.as_ref()?)));
        let Some((number, best)) = whole().max_by_key(|(_, copy)| copy.version) else {
            return Err(Damage::new(kind.name, 0, "no copy of its content is whole"));
        };
        if whole().any(|(_, copy)| copy.version == best.version && copy.payload != best.payload) {
            return Err(Damage::new(kind.name, 0, "two contents claim the same version"));
        }
        let (newest, version, payload) = (number / 2, best.version, best.payload.clone());
        // What a torn or rotten copy holds is unknown, so the next write of its slot covers all of it.
        let used = [0, 1].map(|slot| {
            let ends = copies[2 * slot..2 * slot + 2].iter().map(|copy| copy.as_ref().map(|copy| copy.used));
            ends.collect::<Option<Vec<_>>>().and_then(|ends| ends.into_iter().max()).unwrap_or(kind.copy_len)
        });
        Ok((Self { kind, file, newest, version, attempted: version, payload, used }, damages))
    }

    /// Writes the newest content to the older slot, then to the newest, each synced.
    ///
    /// What was read may stand in the cache only: written by a process that was killed, or whose sync failed, before it
    /// reached the disk. Before anything is built on it, it is written again. After it every copy is whole.
    pub(super) fn settle(&mut self) -> Result<(), Fault> {
        self.put(1 - self.newest, self.version, self.payload.clone())?;
        self.put(1 - self.newest, self.version, self.payload.clone())
    }

    /// The count of writes since the file was made.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    pub(super) fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// Whether the file still holds what this process wrote last: nobody else wrote to it.
    pub(super) fn confirm(&self) -> std::io::Result<bool> {
        let mut found = false;
        for number in 0..4 {
            let offset = (number * self.kind.copy_len) as u64;
            let mut header = [0; HEADER];
            self.file.read_exact_at(&mut header, offset)?;
            found |= header[..] == encode(self.kind, number, self.version, &self.payload)[..HEADER];
            if u64::from_be_bytes(field(&header, 8)) > self.version {
                // A newer version, unless this is a header that rots.
                let mut bytes = vec![0; self.kind.copy_len];
                self.file.read_exact_at(&mut bytes, offset)?;
                if decode(self.kind, number, &bytes).is_ok() {
                    return Ok(false);
                }
            }
        }
        Ok(found)
    }

    /// Replaces the content durably, counting the version up.
    ///
    /// When it failed short of the sync, the old content is still the newest as far as this process knows.
    pub(super) fn replace(&mut self, payload: Bytes) -> Result<(), Fault> {
        self.put(1 - self.newest, self.attempted + 1, payload)
    }

    /// Every damaged place of the file.
    pub(super) fn check(&self) -> Vec<Damage> {
        read_copies(&*self.file, self.kind).1
    }

    fn put(&mut self, slot: usize, version: u64, payload: Bytes) -> Result<(), Fault> {
        let kind = self.kind;
        let used = (HEADER + payload.len()).next_multiple_of(PAGE);
        let span = used.max(self.used[slot]).min(kind.copy_len);
        // Until both copies are written, what lies behind is unknown.
        self.used[slot] = kind.copy_len;
        self.attempted = version;
        for number in [2 * slot, 2 * slot + 1] {
            let mut bytes = vec![0; span];
            bytes[..HEADER + payload.len()].copy_from_slice(&encode(kind, number, version, &payload));
            let offset = (number * kind.copy_len) as u64;
            let written = self.file.write_all_at(&bytes, offset);
            written.map_err(|e| Fault::failed(format!("writing {} at {offset}", kind.name), e))?;
        }
        self.file.sync().map_err(|e| Fault::stop(format!("syncing {}", kind.name), e))?;
        (self.used[slot], self.newest, self.version, self.payload) = (used, slot, version, payload);
        Ok(())
    }
}

struct Copy {
    version: u64,
    payload: Bytes,
    /// The length beyond which the copy is zeros.
    used: usize,
}

fn encode(kind: SlotKind, number: usize, version: u64, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + payload.len());
    bytes.extend_from_slice(&kind.magic);
    bytes.extend_from_slice(&version.to_be_bytes());
    bytes.extend_from_slice(&(number as u32).to_be_bytes());
    bytes.extend_from_slice(&(payload.len() as u32).to_be_bytes());
    let crc = crc32c_append(crc32c(&bytes), payload);
    bytes.extend_from_slice(&crc.to_be_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(payload);
    bytes
}

/// Every copy that is whole, and every damage: also of bytes that are never used.
fn read_copies(file: &dyn DiskFile, kind: SlotKind) -> ([Option<Copy>; 4], Vec<Damage>) {
    let mut damages = Vec::new();
    let copies = core::array::from_fn(|number| {
        let start = (number * kind.copy_len) as u64;
        let mut bytes = vec![0; kind.copy_len];
        if let Err(error) = file.read_exact_at(&mut bytes, start) {
            damages.push(Damage::new(kind.name, start, format!("cannot be read: {error}")));
            return None;
        }
        match decode(kind, number, &bytes) {
            Ok(mut copy) => {
                if let Some(at) = nonzero(&bytes[copy.used..]) {
                    damages.push(Damage::new(kind.name, start + (copy.used + at) as u64, "padding is not zero"));
                    copy.used = kind.copy_len;
                }
                Some(copy)
            }
            Err(what) => {
                damages.push(Damage::new(kind.name, start, what));
                None
            }
        }
    });
    if let Ok(len) = file.len()
        && len > 4 * kind.copy_len as u64
    {
        damages.push(Damage::new(kind.name, 4 * kind.copy_len as u64, "the file is too long"));
    }
    (copies, damages)
}

fn decode(kind: SlotKind, number: usize, bytes: &[u8]) -> Result<Copy, &'static str> {
    if bytes[..8] != kind.magic {
        return Err("the copy does not begin with its magic bytes");
    }
    let version = u64::from_be_bytes(field(bytes, 8));
    let used = HEADER + u32::from_be_bytes(field(bytes, 20)) as usize;
    let payload = bytes.get(HEADER..used).ok_or("the copy's payload is longer than the copy")?;
    if bytes[..HEADER] != encode(kind, number, version, payload)[..HEADER] {
        return Err("the copy's checksum does not match");
    }
    Ok(Copy { version, payload: Bytes::copy_from_slice(payload), used })
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}
