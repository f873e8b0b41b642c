//! Stories: a random run of commits, renewals, publications and erasures on a disk whose n-th call fails, for every n.
//!
//! After each failure the process ends, the disk may lose its power, and the log is opened again. What was acknowledged
//! must be there, what was refused must not, what is unknown may be either, and the log must go on.
#![allow(clippy::unwrap_used, clippy::panic)]

use bytes::Bytes;

use super::super::sim::{SimDisk, SimEnd, SimFault};
use super::super::*;
use crate::engine::sample::{self, ORIGIN, Writer as Planner};

/// What a log holds, as its caller knows it.
#[derive(Clone, Default)]
struct Known {
    planner: Planner,
    head: Option<Head>,
    log: Vec<(Bytes, Option<Bytes>)>,
}

#[derive(Debug, Clone, Copy)]
enum Act {
    Commit(usize),
    Renew,
    Publish,
    Erase(usize),
    Ballast,
    Reopen,
}

struct Story {
    disk: SimDisk,
    options: LocalOptions,
    known: Known,
    /// What `published` may be after a new start, the newest known last.
    published: Vec<Option<Bytes>>,
    places: Vec<Place>,
    end: SimEnd,
}

struct Chance(u64);

impl Chance {
    fn of(&mut self, many: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % many
    }
}

fn acts(seed: u64) -> Vec<Act> {
    let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    // Every story begins alike, so that each kind of act meets each fault.
    let mut acts = vec![Act::Commit(2), Act::Publish, Act::Renew, Act::Commit(1), Act::Erase(1), Act::Publish];
    for _ in 0..6 {
        acts.push(match chance.of(8) {
            0 => Act::Renew,
            1 => Act::Publish,
            2 => Act::Erase(chance.of(4) as usize),
            3 => Act::Ballast,
            4 => Act::Reopen,
            _ => Act::Commit(1 + chance.of(4) as usize),
        });
    }
    acts
}

impl Story {
    fn new(seed: u64, end: SimEnd) -> Self {
        let mut options = LocalOptions::new("/disk/log", ORIGIN);
        options.ballast_bytes = 4096;
        // A few batches a segment, so that their ends are met as often as anything else.
        options.segment_bytes = 6000;
        let disk = SimDisk::new(seed);
        Self { disk, options, known: Known::default(), published: vec![None], places: Vec::new(), end }
    }

    fn disk(&self) -> Arc<dyn Disk> {
        Arc::new(self.disk.clone())
    }

    /// Makes the log, however often it takes.
    fn begin(&mut self) -> LocalEngine {
        if let Ok(engine) = LocalEngine::create_on(self.disk(), &self.options) {
            return engine;
        }
        self.disk.restart(self.end);
        match LocalEngine::open_on(self.disk(), &self.options) {
            Ok(engine) => engine,
            Err(EngineError::Refused(_)) => LocalEngine::create_on(self.disk(), &self.options).unwrap(),
            Err(other) => panic!("{other}"),
        }
    }

    /// Ends the process and opens the log again; one of the candidates must be found.
    fn restart(&mut self, engine: LocalEngine, mut candidates: Vec<Known>) -> LocalEngine {
        drop(engine);
        // Twice: what the first start found must still be there when the power fails after it.
        let mut engine = None;
        for end in [self.end, SimEnd::PowerCut] {
            drop(engine.take());
            self.disk.restart(end);
            let opened = LocalEngine::open_on(self.disk(), &self.options).or_else(|_| {
                // The fault may strike in the start itself; it strikes once.
                assert!(!self.disk.fault_is_planned());
                self.disk.restart(end);
                LocalEngine::open_on(self.disk(), &self.options)
            });
            let opened = opened.unwrap_or_else(|error| panic!("{error}"));
            self.disk.pause(true);
            candidates.retain(|known| holds(&opened, known));
            assert!(!candidates.is_empty(), "what was found is neither the old state nor the new one");
            let published = opened.published().unwrap();
            assert!(self.published.contains(&published), "published: {published:?}");
            self.published = vec![published];
            no_damage(&opened);
            self.disk.pause(false);
            engine = Some(opened);
        }
        self.known = candidates.remove(0);
        engine.unwrap()
    }

    fn act(&mut self, engine: LocalEngine, act: Act) -> LocalEngine {
        let before = self.known.clone();
        let mut after = before.clone();
        let result = match act {
            Act::Reopen => return self.restart(engine, vec![before]),
            Act::Ballast => engine.release_ballast().and_then(|()| engine.restore_ballast()),
            Act::Commit(_) | Act::Renew => {
                let count = if let Act::Commit(count) = act { count } else { 0 };
                let bodies: Vec<usize> = (0..count).map(|n| 300 + 211 * (n + before.log.len())).collect();
                let plan = after.planner.plan(&bodies);
                after.head = Some(plan.head.clone());
                after
                    .log
                    .extend(plan.entries.iter().map(|planned| (planned.entry.clone(), Some(planned.body.clone()))));
                let version = engine.head().ok().flatten().map(|(_, version)| version);
                engine.commit(&plan, version).map(|done| {
                    self.places.truncate(before.log.len());
                    self.places.extend(done.places.iter().map(|places| places.body));
                })
            }
            Act::Publish => {
                let Some(head) = &before.head else { return engine };
                let result = engine.publish(&head.checkpoint);
                if result.is_ok() {
                    self.published.clear();
                }
                self.published.push(Some(head.checkpoint.clone()));
                result
            }
            Act::Erase(at) => {
                let Some(entry) = after.log.get_mut(at) else { return engine };
                entry.1 = None;
                self.disk.pause(true);
                let place = sample::everything(&engine)[at].1;
                self.disk.pause(false);
                engine.erase_body(place)
            }
        };
        let failed = result.is_err();
        match result {
            Ok(()) => self.known = after,
            Err(EngineError::Fatal { .. }) => {
                // Whatever is asked of an engine that stopped, it answers the same.
                assert!(matches!(engine.head(), Err(EngineError::Fatal { .. })));
                assert!(matches!(engine.published(), Err(EngineError::Fatal { .. })));
                assert!(matches!(
                    engine.commit(&after.planner.clone().plan(&[1]), None),
                    Err(EngineError::Fatal { .. })
                ));
                return self.restart(engine, vec![before, after]);
            }
            // A read that failed says so and changes nothing.
            Err(EngineError::NotCommitted { .. } | EngineError::Corrupt { .. }) => self.known = before,
            Err(other) => panic!("{act:?}: {other}"),
        }
        if self.disk.has_ended() {
            return self.restart(engine, vec![self.known.clone()]);
        }
        self.disk.pause(true);
        assert!(holds(&engine, &self.known), "{act:?}");
        if failed && !matches!(act, Act::Publish) {
            // Nothing is left of what was taken back.
            no_damage(&engine);
        }
        self.disk.pause(false);
        engine
    }
}

fn holds(engine: &LocalEngine, known: &Known) -> bool {
    let Ok(head) = engine.head() else { return false };
    if head.map(|(head, _)| head) != known.head {
        return false;
    }
    let found = sample::everything(engine).into_iter().map(|(entry, _, body)| (entry, body));
    found.eq(known.log.iter().cloned())
}

fn no_damage(engine: &LocalEngine) {
    let mut entries = 0;
    let visit = &mut |found: Checked<'_>| {
        match found {
            Checked::Damage(damage) => panic!("{damage:?}"),
            Checked::Entry { body, .. } => {
                entries += 1;
                assert_ne!(body, BodyState::Damaged);
            }
        }
        ControlFlow::Continue(())
    };
    engine.check(visit).unwrap();
    assert_eq!(entries, engine.head().unwrap().map_or(0, |(head, _)| head.size.0));
}

/// Tells one story; `false` if it ended before the fault.
fn tell(seed: u64, nth: u64, fault: SimFault, end: SimEnd) -> bool {
    let mut story = Story::new(seed, end);
    story.disk.fail_at(nth, fault);
    let mut engine = story.begin();
    for act in acts(seed) {
        engine = story.act(engine, act);
    }
    let struck = !story.disk.fault_is_planned();
    let known = story.known.clone();
    engine = story.restart(engine, vec![known]);
    let mut after = story.known.clone();
    let plan = after.planner.plan(&[100, 200]);
    let version = engine.head().unwrap().map(|(_, version)| version);
    engine.commit(&plan, version).unwrap();
    struck
}

/// Tells as many stories of each kind as `COLOPHON_SEEDS` says, by default `seeds`.
fn tell_all(seeds: u64, fault: SimFault, end: SimEnd) {
    let seeds = std::env::var("COLOPHON_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(seeds);
    for seed in 0..seeds {
        let told = (1..).take_while(|nth| {
            let told = std::panic::catch_unwind(|| tell(seed, *nth, fault, end));
            told.unwrap_or_else(|_| panic!("seed {seed}, call {nth}, {fault:?}, {end:?}"))
        });
        // The whole run was covered, call by call, and it was no short one.
        assert!(told.count() > 100);
    }
}

#[test]
fn f02_the_process_is_killed_at_every_call() {
    tell_all(2, SimFault::End, SimEnd::Kill);
}

#[test]
fn f03_every_call_fails_once_and_does_nothing() {
    tell_all(1, SimFault::Lost, SimEnd::Kill);
    tell_all(1, SimFault::Lost, SimEnd::PowerCut);
}

#[test]
fn f03_every_call_fails_once_and_does_its_work() {
    tell_all(1, SimFault::Kept, SimEnd::Kill);
    tell_all(1, SimFault::Kept, SimEnd::PowerCut);
}

#[test]
fn f03_every_call_fails_once_halfway() {
    tell_all(1, SimFault::Half, SimEnd::Kill);
    tell_all(1, SimFault::Half, SimEnd::PowerCut);
}

#[test]
fn f05_the_power_fails_at_every_call() {
    tell_all(3, SimFault::End, SimEnd::PowerCut);
}
