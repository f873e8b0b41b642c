//! The law of the trait, on a real disk.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::super::*;
use crate::engine::sample::{self, ORIGIN};

#[test]
fn it_keeps_the_law_that_every_engine_keeps() {
    let dir = tempfile::tempdir().unwrap();
    let options = LocalOptions::new(dir.path().join("log"), ORIGIN);
    let engine = LocalEngine::create(&options).unwrap();
    sample::the_law(&engine);
    engine
        .check(&mut |found| {
            if let Checked::Damage(damage) = found {
                panic!("{damage:?}")
            }
            ControlFlow::Continue(())
        })
        .unwrap();
}
