//! `colophon completions`

use clap_complete::Shell;
use serde_json::json;

use crate::output::Answer;

/// Print the completion script of a shell
///
/// bash: put it where bash-completion looks, such as ~/.local/share/bash-completion/completions/colophon.
/// zsh: a file _colophon in a folder of $fpath. fish: ~/.config/fish/completions/colophon.fish.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  source <(colophon completions bash)")]
pub(crate) struct Args {
    /// bash, zsh, fish, elvish or powershell
    shell: Shell,
}

pub(crate) fn run(args: &Args) -> Answer {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::tree(), "colophon", &mut script);
    let json = json!({ "shell": args.shell.to_string(), "script": String::from_utf8_lossy(&script) });
    Answer::document(script, json)
}
