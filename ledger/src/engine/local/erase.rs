//! Erasing a body: its segment is written anew without it, and takes the old one's name.
//!
//! Offsets stay as they are, so every place that was handed out stays valid. The crash states are two, by the rename:
//! the old segment, perhaps beside a leftover that the next start removes, or the new one. The old file's blocks are
//! free as soon as the last reader that holds it is done; what the medium itself may still hold is not ours to reach.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::commit::Writer;
use super::disk::{Disk, DiskFile};
use super::fault::Fault;
use super::{EngineError, Place, Position, bodies};

/// The suffix of a segment that is being written anew.
pub(super) const LEFTOVER: &str = ".seg.new";

const CHUNK: u64 = 1 << 20;

impl Writer {
    /// Removes a body's bytes. Commits wait for as long as it takes to write one segment: at most 64 MiB.
    pub(super) fn erase(&mut self, place: Place) -> Result<(), EngineError> {
        let series = self.bodies.series().clone();
        let (header, body) = bodies::read(&series, place)?;
        if body.is_none() {
            return Ok(());
        }
        let Some(record) = bodies::record_of(place) else { return Ok(()) };
        let end = self.bodies.end();
        let len = if place.segment == end.segment { end.offset } else { series.len(place.segment)? };
        // What stands there afterwards: the header with the other state, then zeros.
        let mut patch = bodies::Header { erased: true, ..header }.encode().to_vec();
        patch.resize(patch.len() + place.len as usize, 0);

        let (name, path) = (series.name(place.segment), series.path(place.segment));
        let fresh = path.with_extension(&LEFTOVER[1..]);
        let old = series.file(place.segment).map_err(|e| Fault::failed(format!("opening {name}"), e))?;
        let new = match copy(&*self.disk, &*old, &fresh, len, record, &patch) {
            Ok(new) => new,
            Err(error) => {
                // CRASH: a leftover stands beside the old segment; the start removes it.
                let leftover =
                    self.disk.exists(&fresh).and_then(|there| if there { self.disk.remove(&fresh) } else { Ok(()) });
                leftover.map_err(|e| Fault::stop(format!("removing the copy of {name}"), e))?;
                return Err(Fault::failed(format!("copying {name}"), error).into());
            }
        };
        new.sync().map_err(|e| Fault::stop(format!("syncing the copy of {name}"), e))?;
        // CRASH: the same, and the leftover is whole.
        self.disk.rename(&fresh, &path).map_err(|e| Fault::stop(format!("renaming the copy of {name}"), e))?;
        // CRASH: the name is the old segment's or the new one's, until the folder is synced.
        series.sync_folder().map_err(|e| Fault::stop("syncing bodies", e))?;
        series.replace(place.segment, new.clone());
        if place.segment == end.segment {
            self.bodies.replace(new);
        }
        Ok(())
    }
}

/// Writes `old` up to `len` to a new file, with `patch` in place of what stands at `at`, and compares what was written.
fn copy(
    disk: &dyn Disk,
    old: &dyn DiskFile,
    fresh: &Path,
    len: u64,
    at: Position,
    patch: &[u8],
) -> io::Result<Arc<dyn DiskFile>> {
    if disk.exists(fresh)? {
        disk.remove(fresh)?;
    }
    let new = disk.create(fresh)?;
    let mut chunks = [vec![0; CHUNK as usize], vec![0; CHUNK as usize]];
    let [wanted, written] = &mut chunks;
    for start in (0..len).step_by(CHUNK as usize) {
        let size = CHUNK.min(len - start) as usize;
        let (wanted, written) = (&mut wanted[..size], &mut written[..size]);
        old.read_exact_at(wanted, start)?;
        overlay(wanted, start, at.offset, patch);
        new.write_all_at(wanted, start)?;
        new.read_exact_at(written, start)?;
        if wanted != written {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the copy differs from what was written"));
        }
    }
    Ok(new)
}

/// Puts that part of `patch`, which stands at `at`, into `chunk`, which stands at `start`.
fn overlay(chunk: &mut [u8], start: u64, at: u64, patch: &[u8]) {
    let end = start + chunk.len() as u64;
    let (from, to) = (at.max(start), (at + patch.len() as u64).min(end));
    if from < to {
        let part = &patch[(from - at) as usize..(to - at) as usize];
        chunk[(from - start) as usize..(to - start) as usize].copy_from_slice(part);
    }
}
