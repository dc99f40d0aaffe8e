//! `humdrum hash-password`: what stands behind a name in the console's file of users.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::{Context, anyhow};
use clap::Args;

use super::failure::Failure;
use super::output;
use crate::runtime::console;

/// Characters of a password: the least that NIST SP 800-63B lets stand alone.
const CHARS_MIN: usize = 15;
/// Bytes that are read.
const BYTES_MAX: u64 = 1024;

/// Hash a password for the console's file of users.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  echo \"ann:$(humdrum hash-password < password.txt):operator\" >> console.users\n\n\
    The password is the first line of standard input, with at least 15 characters. It is not shown, kept or logged; a\n\
    terminal shows what is typed, so that a file or a password manager's pipe is better."
)]
pub(super) struct HashPasswordArgs {}

/// Prints the hash.
pub(super) fn run(_: &HashPasswordArgs) -> Result<(), Failure> {
    if io::stdin().is_terminal() {
        tracing::info!("reading the password from the terminal");
    }
    let mut line = String::new();
    let mut input = io::Read::take(io::stdin().lock(), BYTES_MAX);
    input.read_line(&mut line).context("the password cannot be read")?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.chars().count() < CHARS_MIN {
        return Err(Failure::Usage(anyhow!("the password needs at least {CHARS_MIN} characters")));
    }
    let hash = console::hash(password).context("no hash")?;
    let mut out = output::stdout();
    Ok(writeln!(out, "{hash}").and_then(|()| out.flush()).context("standard output cannot be written")?)
}
