//! Stored bytes that changed: torn, flipped, gone.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;

type Known = Vec<(Bytes, Place, Option<Bytes>)>;

const GUARD: &str = "guard/head";

/// A log of three batches, with a fourth of 100 entries written and the guard as it was before.
fn uncommitted() -> (Lab, Known, usize, Vec<u8>) {
    let mut lab = Lab::new();
    let engine = lab.create();
    for bodies in [&[10, 20][..], &[30], &[40, 50, 60]] {
        lab.commit(&engine, bodies);
    }
    let known = sample::everything(&engine);
    let guard = lab.bytes(GUARD);
    let committed = engine.seen().unwrap().ends.journal.offset as usize;
    lab.commit(&engine, &[70; 100]);
    let end = engine.seen().unwrap().ends.journal.offset as usize;
    drop(engine);
    lab.put(GUARD, guard);
    let mut journal = lab.bytes("journal/00000000.log");
    journal.truncate(end);
    (lab, known, committed, journal)
}

#[test]
fn f07_a_torn_batch_is_cut_off_wherever_it_is_torn() {
    let (mut lab, known, committed, journal) = uncommitted();
    assert!(journal.len() - committed > 4096);
    let bodies = lab.bytes("bodies/00000000.seg");
    for end in committed..=journal.len() {
        // Torn off, or never written over the zeros that stood there.
        let mut torn = journal[..end].to_vec();
        if end % 3 == 0 {
            torn.resize(1 << 16, 0);
        }
        lab.put("journal/00000000.log", torn);
        lab.put("bodies/00000000.seg", bodies.clone());
        let engine = lab.open().unwrap();
        assert_eq!(engine.opened().cut.is_some(), end > committed, "{end}");
        assert_eq!(engine.head().unwrap().unwrap().0.size.0, 6);
        if end % 64 == 0 {
            assert_eq!(sample::everything(&engine), known);
            assert_eq!(damages(&engine), []);
        }
    }
    // And the log goes on.
    let engine = lab.open().unwrap();
    lab.planner = Planner::default();
    for bodies in [&[10, 20][..], &[30], &[40, 50, 60]] {
        lab.planner.plan(bodies);
    }
    lab.commit(&engine, &[1]);
    assert_eq!(damages(&engine), []);
}

#[test]
fn f07_a_torn_batch_hides_no_later_one() {
    // The guard of two batches before, and a frame that rots: not a torn tail, for a whole frame stands behind it.
    let mut lab = Lab::new();
    let engine = lab.create();
    lab.commit(&engine, &[1]);
    let guard = lab.bytes(GUARD);
    let end = engine.seen().unwrap().ends.journal.offset as usize;
    lab.commit(&engine, &[2]);
    lab.commit(&engine, &[3]);
    drop(engine);
    lab.put(GUARD, guard);
    for at in [0, 5, 12, 30, 70, 90] {
        let mut journal = lab.bytes("journal/00000000.log");
        journal[end + at] ^= 1;
        lab.put("journal/00000000.log", journal);
        assert_eq!(code(&lab.open().unwrap_err()), crate::Code::GuardRolledBack);
    }
}

/// A file by its name with its bytes, and up to where they count.
type File = (&'static str, Vec<u8>, usize);

/// A log over several segments, some bodies erased, and its files.
fn sound() -> (Lab, Known, Vec<File>) {
    let mut lab = Lab::with_short_segments();
    let engine = lab.create();
    for round in 0..12 {
        let committed = lab.commit(&engine, &[300 + round, 700, 1]);
        let head = engine.head().unwrap().unwrap().0;
        engine.publish(&head.checkpoint).unwrap();
        if round % 5 == 1 {
            engine.erase_body(committed.places[1].body).unwrap();
        }
    }
    let ends = engine.seen().unwrap().ends;
    assert_eq!((ends.journal.segment, ends.bodies.segment), (0, 2));
    let known = sample::everything(&engine);
    let files = [
        ("journal/00000000.log", Some(ends.journal.offset as usize)),
        ("bodies/00000000.seg", None),
        ("bodies/00000002.seg", Some(ends.bodies.offset as usize)),
        (GUARD, None),
        ("published", None),
    ];
    let files = files.map(|(name, end)| {
        let bytes = lab.bytes(name);
        let end = end.unwrap_or(bytes.len());
        (name, bytes, end)
    });
    drop(engine);
    (lab, known, files.to_vec())
}

#[test]
fn f08_every_flipped_bit_is_found_or_is_provably_unused() {
    let (lab, known, files) = sound();
    for (name, bytes, end) in &files {
        // The first bytes of every file, then 300 places all over it.
        let all_over = (0..300u64).map(|n| (n * 0x9e37_79b9 % (*end as u64 * 8)) as usize);
        for bit in (0..8 * 64).step_by(3).chain(all_over) {
            for (name, bytes, _) in &files {
                lab.put(name, bytes.clone());
            }
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            lab.put(name, flipped);
            let place = format!("{name}, bit {bit}");
            match lab.open() {
                // Bodies are read by the check, copies of a slot are mended at once; either way it is named.
                Ok(engine) => {
                    let found = [engine.opened().repaired.clone(), damages(&engine)].concat();
                    assert!(found.iter().any(|damage| damage.file == *name), "{place}: {found:?}");
                    assert_eq!(engine.head().unwrap().unwrap().0.size.0, 36, "{place}");
                    if !name.starts_with("bodies") {
                        assert_eq!(sample::everything(&engine), known, "{place}");
                    }
                }
                Err(EngineError::Corrupt { file, offset, .. }) => {
                    assert_eq!(file, *name, "{place}");
                    assert!(offset as usize <= bit / 8, "{place}: {offset}");
                    let found = lab.damages_closed().unwrap();
                    assert!(found.iter().any(|damage| damage.file == *name), "{place}: {found:?}");
                }
                Err(other) => panic!("{place}: {other}"),
            }
        }
    }
}

#[test]
fn f08_what_is_not_checked_is_not_used() {
    let (lab, known, _) = sound();
    for name in ["ballast", "lock", "guard/lock"] {
        if let Some(mut bytes) = lab.disk.bytes(&lab.options.dir.join(name)) {
            bytes.iter_mut().for_each(|byte| *byte = 0xff);
            lab.put(name, bytes);
        }
    }
    // What stands behind the last committed body is cut off, whatever it is.
    let mut bodies = lab.bytes("bodies/00000002.seg");
    bodies.extend_from_slice(b"anything");
    lab.put("bodies/00000002.seg", bodies);
    let engine = lab.open().unwrap();
    assert_eq!(sample::everything(&engine), known);
    assert_eq!(damages(&engine), []);
}

#[test]
fn f08_the_newest_slot_rots_and_the_log_does_not_roll_back() {
    let (lab, known, files) = sound();
    let (_, guard, _) = files.iter().find(|(name, ..)| *name == GUARD).unwrap();
    let copy = guard.len() / 4;
    for number in 0..4 {
        let mut rotten = guard.clone();
        rotten[number * copy..(number + 1) * copy].fill(0xaa);
        lab.put(GUARD, rotten);
        let engine = lab.open().unwrap();
        assert_eq!(engine.opened().repaired.len(), 1);
        assert_eq!(sample::everything(&engine), known);
        assert_eq!(damages(&engine), []);
    }
    lab.put(GUARD, vec![0xaa; guard.len()]);
    assert!(matches!(lab.open(), Err(EngineError::Corrupt { file, .. }) if file == GUARD));
}

#[test]
fn a_check_goes_on_behind_each_damage_and_names_the_entry() {
    let (lab, known, files) = sound();
    let (name, journal, _) = &files[0];
    let mut rotten = journal.clone();
    let places = known.iter().map(|(entry, ..)| journal.windows(entry.len()).position(|bytes| bytes == entry).unwrap());
    let places: Vec<_> = places.collect();
    rotten[places[4]] ^= 1;
    rotten[places[20]] ^= 1;
    // The header of the frame of entry 30: its magic bytes stand before the entry's own header.
    rotten[places[30] - journal::ENTRY_BYTES - journal::FRAME_BYTES] ^= 1;
    lab.put(name, rotten);
    let (mut indices, mut found) = (Vec::new(), Vec::new());
    let visit = &mut |checked: Checked<'_>| {
        match checked {
            Checked::Entry { index, entry, .. } => {
                assert_eq!(entry, known[index.0 as usize].0);
                indices.push(index.0);
            }
            Checked::Damage(damage) => found.push(damage),
        }
        ControlFlow::Continue(())
    };
    LocalEngine::check_closed_on(Arc::new(lab.disk.clone()), &lab.options, visit).unwrap();
    let lost = [3, 4, 5, 18, 19, 20, 30, 31, 32];
    assert_eq!(indices, (0..36).filter(|index| !lost.contains(index)).collect::<Vec<_>>());
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].what.contains("entry 4") && found[1].what.contains("entry 20"), "{found:?}");
    assert_eq!(found[0].offset as usize, places[4] - journal::ENTRY_BYTES);
    // A start refuses, and names the frame.
    match lab.open().unwrap_err() {
        EngineError::Corrupt { file, offset, .. } => {
            assert_eq!((&*file, offset as usize), (*name, places[3] - journal::ENTRY_BYTES - journal::FRAME_BYTES));
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_cheap_start_trusts_what_lies_below_its_position_and_nothing_else() {
    let (mut lab, known, files) = sound();
    let (name, journal, _) = &files[0];
    let at = |index: usize| journal.windows(known[index].0.len()).position(|bytes| bytes == known[index].0).unwrap();
    let frame = at(15) - journal::ENTRY_BYTES - journal::FRAME_BYTES;
    lab.options.check_from = Position { segment: 0, offset: frame as u64 };
    for (index, opens) in [(2, true), (15, false), (35, false)] {
        let mut rotten = journal.clone();
        rotten[at(index)] ^= 1;
        lab.put(name, rotten);
        match lab.open() {
            Ok(engine) => {
                assert!(opens);
                // What reads the entry finds it, and so does the check.
                assert!(engine.replay(Position::START, &mut |_| ControlFlow::Continue(())).is_err());
                assert_eq!(damages(&engine).len(), 1);
            }
            Err(error) => assert!(!opens, "{index}: {error}"),
        }
    }
    // A position that is none costs a full check and no more.
    lab.put(name, journal.clone());
    lab.options.check_from.offset += 1;
    assert_eq!(sample::everything(&lab.open().unwrap()), known);
}
