//! The local engine against the engine in memory: whatever is done to both, both say and hold the same.
#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;

use super::super::sim::{SimEnd, SimFault};
use super::*;
use crate::engine::MemoryEngine;

#[derive(Debug, Clone)]
enum Act {
    Commit(Vec<usize>),
    Stale,
    Erase(usize),
    Publish,
    Reopen,
    Cut,
    Fail(u64, bool),
    Full(u64),
    Room,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => prop::collection::vec(0usize..3000, 0..5).prop_map(Act::Commit),
        1 => Just(Act::Stale),
        3 => (0usize..20).prop_map(Act::Erase),
        2 => Just(Act::Publish),
        1 => Just(Act::Reopen),
        1 => Just(Act::Cut),
        2 => (1u64..40, any::<bool>()).prop_map(|(nth, kept)| Act::Fail(nth, kept)),
        1 => (0u64..9000).prop_map(Act::Full),
        1 => Just(Act::Room),
    ]
}

struct Pair {
    lab: Lab,
    local: LocalEngine,
    memory: MemoryEngine,
}

impl Pair {
    /// Holds one result against the other. What the disk refused is asked of the model only if it was done after all.
    fn agree(
        &mut self,
        local: Result<(), EngineError>,
        before: &Planner,
        ask: impl Fn(&dyn Engine) -> Result<(), EngineError>,
    ) {
        match local {
            Ok(()) => ask(&self.memory).unwrap(),
            Err(EngineError::Superseded) => {
                assert!(matches!(ask(&self.memory), Err(EngineError::Superseded)));
                self.lab.planner = before.clone();
            }
            Err(EngineError::NotCommitted { .. } | EngineError::Corrupt { .. }) => self.lab.planner = before.clone(),
            Err(EngineError::Fatal { .. }) => {
                self.reopen(SimEnd::Kill);
                if self.same() {
                    self.lab.planner = before.clone();
                } else {
                    ask(&self.memory).unwrap();
                }
            }
            Err(other) => panic!("{other}"),
        }
        self.lab.disk.pause(true);
        assert!(self.same());
        self.lab.disk.pause(false);
    }

    fn reopen(&mut self, end: SimEnd) {
        self.lab.disk.set_capacity(None);
        self.lab.disk.fail_at(u64::MAX / 2, SimFault::Lost);
        self.lab.disk.restart(end);
        self.local = self.lab.open().unwrap();
    }

    fn same(&self) -> bool {
        let head = |engine: &dyn Engine| engine.head().unwrap().map(|(head, _)| head);
        let held = |engine: &dyn Engine| {
            let all = sample::everything(engine).into_iter();
            all.map(|(entry, place, body)| (entry, place.len, body)).collect::<Vec<_>>()
        };
        head(&self.local) == head(&self.memory) && held(&self.local) == held(&self.memory)
    }
}

/// 500 runs take five seconds; `PROPTEST_CASES` asks for more of them. A change of the engine is worth 100,000.
fn runs() -> ProptestConfig {
    let asked = ProptestConfig::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { asked.cases } else { 500 };
    ProptestConfig { cases, ..asked }
}

proptest! {
    #![proptest_config(runs())]

    #[test]
    fn f18_the_local_engine_is_the_engine_in_memory(seed: u64, acts in prop::collection::vec(act(), 1..40)) {
        let mut lab = Lab::with_short_segments();
        // What survives a power cut.
        lab.disk = SimDisk::new(seed);
        let mut pair = Pair { local: lab.create(), memory: MemoryEngine::new(ORIGIN), lab };
        for act in acts {
            let before = pair.lab.planner.clone();
            match act {
                Act::Commit(bodies) => {
                    let plan = pair.lab.planner.plan(&bodies);
                    let ask = |engine: &dyn Engine| engine.commit(&plan, sample::version(engine)).map(drop);
                    let local = ask(&pair.local);
                    pair.agree(local, &before, ask);
                }
                Act::Stale => {
                    let plan = pair.lab.planner.plan(&[1]);
                    let ask = |engine: &dyn Engine| {
                        let stale = sample::version(engine).map_or(Version(7), |version| Version(version.0 + 1));
                        engine.commit(&plan, Some(stale)).map(drop)
                    };
                    let local = ask(&pair.local);
                    pair.agree(local, &before, ask);
                }
                Act::Erase(at) => {
                    pair.lab.disk.pause(true);
                    let places = [&pair.local as &dyn Engine, &pair.memory].map(|engine| {
                        sample::everything(engine).get(at).map(|(_, place, _)| *place)
                    });
                    pair.lab.disk.pause(false);
                    let [Some(local), Some(memory)] = places else { continue };
                    let result = pair.local.erase_body(local);
                    pair.agree(result, &before, |engine| engine.erase_body(memory));
                }
                Act::Publish => {
                    let Some((head, _)) = pair.memory.head().unwrap() else { continue };
                    let result = pair.local.publish(&head.checkpoint);
                    let published = result.is_ok();
                    pair.agree(result, &before, |_| Ok(()));
                    if published {
                        prop_assert_eq!(pair.local.published().unwrap(), Some(head.checkpoint));
                    }
                }
                Act::Reopen => pair.reopen(SimEnd::Kill),
                Act::Cut => pair.reopen(SimEnd::PowerCut),
                Act::Fail(nth, kept) => {
                    pair.lab.disk.fail_at(nth, if kept { SimFault::Kept } else { SimFault::Lost });
                }
                Act::Full(room) => pair.lab.disk.set_capacity(Some(pair.lab.disk.used() + room)),
                Act::Room => pair.lab.disk.set_capacity(None),
            }
        }
        pair.reopen(SimEnd::PowerCut);
        prop_assert!(pair.same());
        prop_assert_eq!(damages(&pair.local), []);
    }
}
