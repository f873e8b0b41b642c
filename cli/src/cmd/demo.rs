//! `colophon demo`

use std::path::PathBuf;

use serde_json::json;

use crate::demo::{Stage, tell};
use crate::failure::Result;
use crate::files;
use crate::output::Answer;
use crate::session::Session;

/// Run the whole story on this machine: a log, a model, a dataset, an audit, and questions
///
/// Makes a log in a folder, serves it on a port of this machine that the system chooses, and publishes, asks, verifies and
/// tampers with the commands that you will use. Then it keeps serving, so that you can look around; --once ends instead.
/// The folder keeps its keys and settings to itself: your own are not touched.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  colophon demo\n  colophon demo --once --dir demo")]
pub(crate) struct Args {
    /// End when the story is told
    #[arg(long)]
    once: bool,
    /// The folder: absent, empty, or made by an earlier demo, which is removed
    #[arg(long, value_name = "DIR", default_value = "colophon-demo")]
    dir: PathBuf,
}

pub(crate) fn run(args: &Args, session: &Session) -> Result<Answer> {
    let mut stage = Stage::set(&args.dir, session.out, session.config.env())?;
    tell(&mut stage)?;
    let passed = stage.passed();
    let json =
        json!({ "passed": passed, "checks": stage.checks(), "dir": files::to_json(stage.dir()), "url": stage.url() });
    let done = format!("demo: {passed} checks passed");
    if args.once {
        stage.stop()?;
        return Ok(Answer::new(done, json));
    }
    let config = stage.path("config.toml");
    session.out.step(
        &format!(
            "{done}\n\nLook around: {}\nIn another terminal: export COLOPHON_CONFIG={config}; colophon record list\n\
             Ctrl-C ends it.",
            stage.url()
        ),
        Some(&json),
    );
    stage.wait()?;
    Ok(Answer::new("stopped", json!({ "stopped": true })))
}
