//! `humdrum verify`: whether the alert log is as it was written, and where it is not.

#![expect(clippy::disallowed_methods, reason = "reads the files that the command line names")]

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::Args;

use super::failure::Failure;
use super::output;
use super::settings::{self, Secrets, SettingsArgs};
use crate::runtime::audit::files::{self, HEADS_NAME, PUBLIC_NAME};
use crate::runtime::audit::key::PublicKey;
use crate::runtime::audit::verify::{Given, Report, verify};

/// Prove the alert log: every record by the chain, and the chain by its signed heads.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  humdrum verify --state-dir /var/lib/humdrum\n  \
    humdrum verify --state-dir /var/lib/humdrum --key safe/alerts.pub --head safe/heads\n  \
    humdrum verify copy/alerts-*.ndjson copy/alerts.ndjson --json\n\n\
    Status 1 and the first bad record, where it is not whole. Keys and heads that were kept elsewhere prove more than\n\
    those beside the log: whoever can write there can change them, too.")]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    /// The files of the log, all of them and in order [default: those in the state directory]
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Directory of snapshots and of the alert log
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Public key (PEM); may be repeated [default: alerts.pub beside the log]
    #[arg(long, value_name = "FILE")]
    key: Vec<PathBuf>,
    /// Signed head that was kept elsewhere: a file of heads, one a line, or the head itself; may be repeated
    #[arg(long, value_name = "FILE|JSON")]
    head: Vec<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Prints what is proven, and the first thing that is wrong.
pub(super) fn run(args: &VerifyArgs) -> Result<(), Failure> {
    let dir = args.dir()?;
    // Before the log: a head that is signed meanwhile must not be ahead of what is read.
    let heads = args.heads(&dir)?;
    let unreadable = || format!("the alert log in {} cannot be read", dir.display());
    let files = if args.files.is_empty() { files::all(&dir).with_context(unreadable)? } else { args.files.clone() };
    if files.is_empty() && heads.is_empty() {
        return Err(Failure::Usage(anyhow!("there is no alert log in {}", dir.display())));
    }
    let report = verify(&files, &heads, &args.keys(&dir)?).with_context(unreadable)?;
    let mut out = output::stdout();
    let printed = if args.json {
        serde_json::to_writer(&mut out, &report).map_err(io::Error::from).and_then(|()| writeln!(out))
    } else {
        out.write_all(words(&report).as_bytes())
    };
    printed.and_then(|()| out.flush()).context("standard output cannot be written")?;
    match report.fault {
        None => Ok(()),
        Some(fault) => Err(anyhow!("the alert log is not whole: record {} is bad", fault.record).into()),
    }
}

impl VerifyArgs {
    /// Where the log lies, with what belongs to it.
    fn dir(&self) -> Result<PathBuf, Failure> {
        if let Some(file) = self.files.first() {
            let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
            return Ok(parent.unwrap_or(Path::new(".")).to_owned());
        }
        let flags = settings::flag("--state-dir", "state.dir", self.state_dir.as_ref()).into_iter().collect();
        let config = self.settings.load(flags, Secrets::NotNeeded)?;
        let state = config.state.ok_or_else(|| {
            anyhow!("no state directory is set in which to look for the alert log; name it with `--state-dir DIR`")
        });
        Ok(state.map_err(Failure::Usage)?.dir)
    }

    fn keys(&self, dir: &Path) -> Result<Vec<PublicKey>, Failure> {
        let beside = [dir.join(PUBLIC_NAME)];
        let paths = if self.key.is_empty() { &beside[..] } else { &self.key };
        let mut keys = Vec::new();
        for path in paths {
            keys.extend(PublicKey::read(path).map_err(|error| Failure::Usage(error.into()))?);
        }
        Ok(keys)
    }

    fn heads(&self, dir: &Path) -> Result<Vec<Given>, Failure> {
        let beside = dir.join(HEADS_NAME);
        let mut heads = if beside.exists() { lines(&beside)? } else { Vec::new() };
        for head in &self.head {
            if head.trim_start().starts_with('{') {
                heads.push(Given { file: PathBuf::from("--head"), line: 1, text: head.trim().as_bytes().to_vec() });
            } else {
                heads.extend(lines(Path::new(head))?);
            }
        }
        Ok(heads)
    }
}

fn lines(path: &Path) -> Result<Vec<Given>, Failure> {
    let text = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let lines = text.split(|byte| *byte == b'\n').zip(1..).filter(|(line, _)| !line.is_empty());
    Ok(lines.map(|(text, line)| Given { file: path.to_owned(), line, text: text.to_vec() }).collect())
}

/// The report for a person.
fn words(report: &Report) -> String {
    let files = report.files.len();
    let mut text = match &report.fault {
        None => format!("whole: {} records in {files} {}\n", report.records, if files == 1 { "file" } else { "files" }),
        Some(fault) => format!("record {} is bad: {}\n", fault.record, fault.wrong.as_str()),
    };
    let mut line = |name: &str, rest: std::fmt::Arguments<'_>| {
        // Writing to a text cannot fail.
        writeln!(text, "  {name:<7} {rest}").ok();
    };
    if let Some(fault) = &report.fault {
        match fault.line {
            0 => line("where", format_args!("the end of {}", fault.file.display())),
            at => line("where", format_args!("{} line {at}", fault.file.display())),
        }
        line("why", format_args!("{}", fault.text));
    }
    let mut open = report.first;
    match &report.proven {
        None => line("proven", format_args!("nothing")),
        Some(proof) => {
            let (signed_at, key) = (&proof.signed_at, &proof.key);
            line("proven", format_args!("{} to {}, signed at {signed_at} with key {key}", report.first, proof.record));
            open = proof.record + 1;
        }
    }
    if report.records > 0 && open <= report.last {
        line("chained", format_args!("{open} to {}, for which no head speaks up to here", report.last));
    }
    text
}
