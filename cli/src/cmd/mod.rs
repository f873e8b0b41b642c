//! The commands: one file each, whose `Args` are the help. This file is the list, and what they all have in common.

mod agreement;
mod ask;
mod audit;
mod card;
mod completions;
mod config;
mod demo;
mod dispute;
mod doctor;
mod explain;
mod findings;
mod key;
mod log;
mod manifest;
mod party;
mod preference;
pub(crate) mod record;
mod verify;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use ledger::Code;

use crate::config::Config;
use crate::failure::{CliError, Result};
use crate::output::{Answer, ColorChoice, Output, shown};
use crate::session::Session;
use crate::world::{World, time_of_the_machine};

/// The exit codes, at the end of `--help`.
const EXIT_CODES: &str = "\
Exit codes:
   0  verified, or done                   12  artifact or binding mismatch
   1  internal                            13  fork or rollback (evidence file written)
   2  usage, or bad input                 14  policy: unknown signer, too few witnesses
   3  not in the log                      15  revoked key; doubts, with --strict
  10  signature                           20  could not check: network, time-out
  11  proof

Every failure has a code; `colophon explain CODE` tells what it means.
Start with `colophon demo`.";

/// Signed model cards, data sources and audits in a public log that anybody can check.
///
/// A record is a signed statement; a log gives each record an index, for ever; a bundle is one file that proves, offline
/// and without trusting a server, who said what and when.
#[derive(Debug, Parser)]
#[command(
    name = "colophon",
    version,
    propagate_version = true,
    max_term_width = 100,
    after_help = EXIT_CODES,
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, clap::Args)]
struct Global {
    /// Print JSON on standard output, also for failures
    #[arg(long, global = true)]
    json: bool,
    /// Print only the document that was asked for, and failures
    #[arg(short, long, global = true)]
    quiet: bool,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    color: ColorChoice,
    /// The config file [env: COLOPHON_CONFIG] [default: ~/.config/colophon/config.toml]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Args),
    #[command(subcommand)]
    Key(key::Command),
    #[command(subcommand)]
    Log(log::Command),
    #[command(subcommand)]
    Party(party::Command),
    #[command(subcommand)]
    Card(card::Command),
    #[command(subcommand)]
    Record(record::Command),
    #[command(subcommand)]
    Manifest(manifest::Command),
    Verify(verify::Args),
    Ask(ask::Args),
    #[command(subcommand)]
    Audit(audit::Command),
    #[command(subcommand)]
    Agreement(agreement::Command),
    #[command(subcommand)]
    Preference(preference::Command),
    #[command(subcommand)]
    Dispute(dispute::Command),
    Findings(findings::Args),
    #[command(subcommand)]
    Config(config::Command),
    Doctor(doctor::Args),
    Completions(completions::Args),
    Explain(explain::Args),
}

impl Command {
    fn run(self, session: &Session) -> Result<Answer> {
        match self {
            Self::Demo(args) => demo::run(&args, session),
            Self::Key(command) => command.run(session),
            Self::Log(command) => command.run(session),
            Self::Party(command) => command.run(session),
            Self::Card(command) => command.run(session),
            Self::Record(command) => command.run(session),
            Self::Manifest(command) => command.run(session),
            Self::Audit(command) => command.run(session),
            Self::Agreement(command) => command.run(session),
            Self::Preference(command) => command.run(session),
            Self::Dispute(command) => command.run(session),
            Self::Findings(args) => findings::run(&args, session),
            Self::Ask(args) => ask::run(&args, session),
            Self::Verify(args) => verify::run(&args, session),
            Self::Config(command) => command.run(session),
            Self::Doctor(args) => doctor::run(&args, session),
            Self::Completions(args) => Ok(completions::run(&args)),
            Self::Explain(args) => explain::run(&args, session),
        }
    }
}

/// The whole tree of commands, for completions.
pub(crate) fn tree() -> clap::Command {
    Cli::command()
}

/// Runs one command line. Returns the exit code.
pub(crate) fn run(args: Vec<OsString>, world: World) -> u8 {
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => return refuse(&args, world, &error),
    };
    let Global { json, quiet, color, config } = cli.global;
    let clock = world.clock.clone();
    let (out, env) = Output::new(world, json, quiet, color);
    let outcome = Config::load(env, config.as_deref()).and_then(|config| {
        let session = Session::new(&out, config, clock);
        cli.command.run(&session)
    });
    match outcome {
        Ok(answer) => {
            out.answer(&answer);
            match out.lost() {
                Some(error) if answer.exit() == 0 => {
                    out.err(&format!("error: {}\n", shown(&error.to_string())));
                    error.exit()
                }
                _ => answer.exit(),
            }
        }
        Err(error) => {
            out.failure(&error);
            error.exit()
        }
    }
}

/// Runs one command line for another command, which gets the answer in the place of the screen.
pub(crate) fn execute(args: Vec<OsString>, out: &Output, env: BTreeMap<String, String>) -> Result<Answer> {
    let cli = Cli::try_parse_from(args).map_err(|error| CliError::usage(error.render().to_string()))?;
    let session = Session::new(out, Config::load(env, cli.global.config.as_deref())?, Arc::new(time_of_the_machine));
    cli.command.run(&session)
}

/// Help and version are answers; everything else that the parser says is a failure like any other.
fn refuse(args: &[OsString], world: World, error: &clap::Error) -> u8 {
    let json = args.iter().any(|arg| arg == "--json");
    let colour = match error.use_stderr() {
        true => world.stderr_is_terminal,
        false => world.stdout_is_terminal,
    } && world.env.get("NO_COLOR").is_none_or(String::is_empty);
    let text = error.render();
    let text = if colour { text.ansi().to_string() } else { text.to_string() };
    let (out, _) = Output::new(world, json, false, ColorChoice::Auto);
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            out.answer(&Answer::document(text.clone(), serde_json::json!({ "text": text })));
            0
        }
        _ => {
            if json {
                let plain = error.render().to_string();
                let first = plain.lines().next().unwrap_or_default();
                let found = first.strip_prefix("error: ").unwrap_or(first).to_owned();
                out.failure(&CliError::new(Code::Usage, found));
            } else {
                out.err(&text);
            }
            Code::Usage.exit_code()
        }
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod tree_tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use serde_json::Value;

    fn run_captured(args: &[&str]) -> (u8, crate::Captured) {
        let (world, captured) = World::captured(&[("HOME", "/nonexistent")]);
        let args = std::iter::once("colophon").chain(args.iter().copied()).map(OsString::from).collect();
        (run(args, world), captured)
    }

    #[test]
    fn the_tree_of_commands_is_sound_and_every_command_says_what_it_does_with_an_example() {
        fn walk(command: &clap::Command, path: &str) {
            let name = format!("{path} {}", command.get_name());
            assert!(command.get_about().is_some(), "{name} says nothing about itself");
            let children: Vec<_> = command.get_subcommands().collect();
            if children.is_empty() {
                let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("Example"), "{name} has no example");
            }
            for child in children {
                walk(child, &name);
            }
            for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
                assert!(argument.get_help().is_some(), "{name}: {} has no help", argument.get_id());
            }
        }
        let mut tree = tree();
        tree.build();
        tree.clone().debug_assert();
        walk(&tree, "");
    }

    /// `cli/reference.txt` is the help of every command. Run with COLOPHON_BLESS=1 to write it anew, and read the change.
    #[test]
    fn the_reference_is_the_help_of_every_command() {
        fn walk(command: &mut clap::Command, path: &str, out: &mut String) {
            let name =
                if path.is_empty() { command.get_name().to_owned() } else { format!("{path} {}", command.get_name()) };
            let help = command.clone().bin_name(name.clone()).term_width(100).render_long_help().to_string();
            out.push_str(&format!("==== {name}\n\n{}\n\n", help.trim_end()));
            for child in command.get_subcommands_mut() {
                walk(child, &name, out);
            }
        }
        let mut tree = tree();
        tree.build();
        let mut reference = String::new();
        walk(&mut tree, "", &mut reference);
        let reference: String = reference.lines().map(|line| format!("{}\n", line.trim_end())).collect();
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/reference.txt");
        if std::env::var_os("COLOPHON_BLESS").is_some() {
            std::fs::write(path, &reference).unwrap();
        }
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        let differs = kept.lines().zip(reference.lines()).find(|(kept, now)| kept != now);
        assert_eq!(differs, None);
        assert_eq!(kept.lines().count(), reference.lines().count());
    }

    #[test]
    fn u3_a_mistyped_command_is_json_when_json_is_asked_for() {
        let (exit, seen) = run_captured(&["--json", "recrod", "list"]);
        assert_eq!(exit, 2);
        let json: Value = serde_json::from_str(&seen.stdout()).unwrap();
        assert_eq!(json["code"], "usage");
        assert!(json["found"].as_str().unwrap().contains("recrod"), "{json}");
        assert_eq!(seen.stderr(), "");
    }

    #[test]
    fn help_and_version_are_answers() {
        for args in [&["--help"][..], &["--version"], &["key", "new", "--help"]] {
            let (exit, seen) = run_captured(args);
            assert_eq!(exit, 0, "{args:?}");
            assert!(seen.stdout().contains("colophon") && !seen.stdout().contains('\u{1b}'));
        }
        assert_eq!(run_captured(&["verify"]).0, 2);
    }
}
