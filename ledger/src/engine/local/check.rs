//! Reading every stored byte again, and naming every place that is damaged rather than the first.
//!
//! Every byte of a log has a checksum over it, or must be zero, or is never read (`ballast`, `lock`). Behind a damaged
//! frame the next whole one is looked for; the bodies of the frame that is lost are still checked by their own
//! headers. What entries and roots mean is not looked at here: `log::fsck` recomputes them from what is handed out.

use std::ops::ControlFlow;

use crate::ids::{BodyDigest, LeafIndex};

use super::commit::Writer;
use super::fault::Damage;
use super::guard::Guarded;
use super::journal::{self, Frame, Frames};
use super::open::Layout;
use super::segments::{self, FIRST, Series, Tail};
use super::{Place, Places, Position, bodies};

/// What a check comes across.
#[derive(Debug)]
pub enum Checked<'a> {
    /// A whole entry.
    Entry {
        /// Its index.
        index: LeafIndex,
        /// Its bytes.
        entry: &'a [u8],
        /// Its places.
        places: Places,
        /// How its body was found.
        body: BodyState,
    },
    /// A damaged place. The entries and bodies that it spoils are not handed out.
    Damage(Damage),
}

/// How a body was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyState {
    /// Whole, with this digest.
    Kept(BodyDigest),
    /// Erased; the digest is what its header says.
    Erased(BodyDigest),
    /// Damaged: the damage was reported before.
    Damaged,
}

type Visit<'v> = &'v mut dyn FnMut(Checked<'_>) -> ControlFlow<()>;

/// Checks journal and bodies up to the committed end.
pub(super) fn data(layout: &Layout, guarded: &Guarded, visit: Visit<'_>) -> ControlFlow<()> {
    let mut walk = Walk { bodies: &layout.bodies, next: FIRST, lost: false, visit };
    walk.hold(layout.bodies.check_header(0))?;
    let ends = guarded.ends;
    let mut frames = Frames::new(&layout.journal, Position::START, ends.journal);
    let mut index = 0;
    loop {
        match frames.next() {
            Ok(None) => break,
            Ok(Some(frame)) => {
                if frame.first != index && !walk.lost {
                    let what = format!("the frame begins at entry {}, not {index}", frame.first);
                    walk.damage(Damage::new(layout.journal.name(frame.at.segment), frame.at.offset, what))?;
                }
                index = frame.next_index();
                walk.frame(&layout.journal, &frame)?;
            }
            Err(damage) => {
                let at = frames.at();
                walk.lost = true;
                walk.damage(journal::locate(&layout.journal, at, ends.journal, damage))?;
                frames.go_to(journal::find_frame(&layout.journal, at, ends.journal));
            }
        }
    }
    if index != guarded.size() && !walk.lost {
        let what = format!("the journal holds {index} entries and the guard {}", guarded.size());
        walk.damage(Damage::new(layout.journal.name(ends.journal.segment), ends.journal.offset, what))?;
    }
    walk.advance(ends.bodies)
}

/// What lies behind the tails must be zeros, and no segment may lie behind them.
pub(super) fn tails(writer: &Writer) -> Vec<Damage> {
    let check = |tail: &Tail| {
        let (series, end) = (tail.series(), tail.end());
        let mut damages = Vec::new();
        match series.first_nonzero(end) {
            Ok(None) => {}
            Ok(Some(at)) => damages.push(Damage::new(series.name(end.segment), at, "padding is not zero")),
            Err(damage) => damages.push(damage),
        }
        for number in series.numbers().unwrap_or_default().into_iter().filter(|number| *number > end.segment) {
            damages.push(Damage::new(series.name(number), 0, "this segment is none of the log's"));
        }
        damages
    };
    [check(&writer.journal), check(&writer.bodies)].concat()
}

struct Walk<'a, 'v> {
    bodies: &'a Series,
    /// Where the next body's record must stand.
    next: Position,
    /// A damaged frame was passed, so that the names of some bodies are lost.
    lost: bool,
    visit: Visit<'v>,
}

impl Walk<'_, '_> {
    fn damage(&mut self, damage: Damage) -> ControlFlow<()> {
        (self.visit)(Checked::Damage(damage))
    }

    fn hold(&mut self, result: Result<(), Damage>) -> ControlFlow<()> {
        result.map_or_else(|damage| self.damage(damage), |()| ControlFlow::Continue(()))
    }

    /// Hands out the entries of a whole frame, each with the state of its body.
    fn frame(&mut self, journal: &Series, frame: &Frame<'_>) -> ControlFlow<()> {
        for entry in frame.entries() {
            let (index, places, entry) = match entry {
                Ok(found) => found,
                Err((at, what)) => return self.damage(Damage::new(journal.name(frame.at.segment), at, what)),
            };
            if let Some(record) = bodies::record_of(places.body) {
                self.advance(record)?;
            }
            self.lost = false;
            let body = self.body(places.body)?;
            self.next = bodies::behind(places.body);
            (self.visit)(Checked::Entry { index, entry, places, body })?;
        }
        if frame.bodies_end != self.next {
            let what = "the bodies do not end where the frame says";
            return self.damage(Damage::new(journal.name(frame.at.segment), frame.at.offset, what));
        }
        ControlFlow::Continue(())
    }

    fn body(&mut self, place: Place) -> ControlFlow<(), BodyState> {
        ControlFlow::Continue(match bodies::read(self.bodies, place) {
            Ok((header, Some(_))) => BodyState::Kept(header.digest),
            Ok((header, None)) => BodyState::Erased(header.digest),
            Err(damage) => {
                self.damage(damage)?;
                BodyState::Damaged
            }
        })
    }

    /// Goes on to where the next record must stand, checking what lies between: nothing, if no frame was lost.
    fn advance(&mut self, to: Position) -> ControlFlow<()> {
        while self.next.segment < to.segment {
            match self.bodies.len(self.next.segment) {
                Ok(len) => self.between(len)?,
                Err(damage) => self.damage(damage)?,
            }
            let segment = self.next.segment + 1;
            self.next = Position { segment, ..FIRST };
            self.hold(self.bodies.check_header(segment))?;
        }
        if self.next > to {
            let what = "a body stands where another one does";
            self.damage(Damage::new(self.bodies.name(to.segment), to.offset, what))?;
        }
        self.between(to.offset)
    }

    /// Checks the records from here to `end` in this segment, which no frame names.
    fn between(&mut self, end: u64) -> ControlFlow<()> {
        let segment = self.next.segment;
        if self.next.offset < end && !self.lost {
            self.damage(Damage::new(self.bodies.name(segment), self.next.offset, "bytes that no entry names"))?;
            self.next.offset = end;
        }
        while self.next.offset < end {
            let mut header = [0; bodies::HEADER_BYTES];
            let read = self.bodies.read(self.next, &mut header);
            let Some(header) = bodies::Header::decode(&header).filter(|_| read.is_ok()) else {
                // Without a header the next one cannot be found; the next frame names a place again.
                let what = "the header of a body is damaged";
                let damage = Damage::new(self.bodies.name(segment), self.next.offset, what);
                self.next.offset = end;
                return self.damage(damage);
            };
            let offset = self.next.offset + bodies::HEADER_BYTES as u64;
            let place = Place { segment, len: header.len, offset };
            let _ = self.body(place)?;
            self.next = bodies::behind(place);
        }
        ControlFlow::Continue(())
    }
}

// The arithmetic of a walk relies on it.
const _: () = assert!(FIRST.offset == segments::HEADER_BYTES);
