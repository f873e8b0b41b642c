//! The pages in a real browser: nothing that axe objects to, nothing wider than a small screen, every form without
//! scripts, no request to anybody else.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::process::Command;

use harness::{Program, named, root, run, tool};

#[test]
fn u07_u08_u09_a_person_can_read_and_use_every_page() {
    let (Some(node), Some(chromium)) = (tool("node"), tool("chromium")) else { return };
    let Some(modules) = named("COLOPHON_NODE_MODULES") else { return };
    let dir = tempfile::tempdir().unwrap();
    let program = Program::new(env!("CARGO_BIN_EXE_colophon-under-test"), dir.path());
    let demo = dir.path().join("demo");
    program.run(&["demo", "--once", "--dir", &demo.display().to_string()]).passed("colophon demo");
    let server = program.serve(&demo.join("log"));
    let mut script = Command::new(node);
    script.env("COLOPHON_NODE_MODULES", modules).env("COLOPHON_CHROMIUM", chromium);
    script.arg(root().join("tests/browser/pages.mjs")).arg(&server.url).arg(&demo);
    run(&mut script).passed("the pages");
}
