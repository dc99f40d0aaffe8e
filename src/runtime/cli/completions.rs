//! `humdrum completions`: what a shell needs to complete our command line.

use anyhow::Context;
use clap::{Args, Command, ValueEnum};
use clap_complete::{Shell, generate};

use super::failure::Failure;
use super::output;

/// Print completions for a shell.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  humdrum completions bash > /etc/bash_completion.d/humdrum\n  \
    humdrum completions zsh > ~/.zfunc/_humdrum\n  humdrum completions fish > ~/.config/fish/completions/humdrum.fish")]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shells,
}

/// Shells that are served.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shells {
    Bash,
    Zsh,
    Fish,
}

/// Prints them.
pub(super) fn run(args: &CompletionsArgs, mut command: Command) -> Result<(), Failure> {
    let shell = match args.shell {
        Shells::Bash => Shell::Bash,
        Shells::Zsh => Shell::Zsh,
        Shells::Fish => Shell::Fish,
    };
    let mut script = Vec::new();
    generate(shell, &mut command, "humdrum", &mut script);
    let mut out = output::stdout();
    Ok(out.write_all(&script).and_then(|()| out.flush()).context("standard output cannot be written")?)
}
