//! `humdrum explain`: one alert of a file, at length and for a person.

#![expect(clippy::disallowed_methods, reason = "reads the file of alerts that the command line names")]

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde::Deserialize;

use super::failure::Failure;
use super::output;
use super::settings::{self, Secrets, SettingsArgs};
use crate::alert::{Alert, weigh};
use crate::config::Config;
use crate::runtime::audit::files::{self, CURRENT_NAME};
use crate::runtime::present;
use crate::time::Zone;

/// Alerts that are named when an id could be several.
const NAMED_MAX: usize = 5;
/// Columns where no terminal says how many, and the most that are used: longer lines are hard to read.
const COLUMNS: usize = 80;
const COLUMNS_MAX: usize = 110;

/// Explain one alert: each reason with its weight, and what to hold it against.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  humdrum explain 70cbef47 --alerts alerts.ndjson\n  \
    humdrum replay events.ndjson | humdrum explain 70cbef47 --alerts -\n\n\
    The last revision of the alert is shown.")]
pub(super) struct ExplainArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    /// The alert's id, or as much of its beginning as no other alert has
    #[arg(value_name = "ALERT-ID", value_parser = NonEmptyStringValueParser::new())]
    id: String,
    /// File of alerts (NDJSON), `-` for standard input [default: the alert log in the state directory]
    #[arg(long, value_name = "FILE")]
    alerts: Option<PathBuf>,
    /// Directory of snapshots
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Print the alert as one JSON object
    #[arg(long)]
    json: bool,
}

/// Prints the alert.
pub(super) fn run(args: &ExplainArgs) -> Result<(), Failure> {
    let flags = settings::flag("--state-dir", "state.dir", args.state_dir.as_ref()).into_iter().collect();
    let config = args.settings.load(flags, Secrets::NotNeeded)?;
    let (name, paths) = match &args.alerts {
        Some(path) if path.as_os_str() == "-" => ("standard input".to_owned(), vec![path.clone()]),
        Some(path) => (path.display().to_string(), vec![path.clone()]),
        None => default_paths(&config)?,
    };
    let mut search = Search::default();
    for path in paths {
        let standard = path.as_os_str() == "-";
        let shown = if standard { name.clone() } else { path.display().to_string() };
        let unreadable = || format!("{shown} cannot be read");
        let mut source: Box<dyn BufRead> = if standard {
            Box::new(io::stdin().lock())
        } else {
            Box::new(BufReader::new(File::open(&path).with_context(unreadable)?))
        };
        search.through(&mut source, &args.id).with_context(unreadable)?;
    }
    let mut alert = search.one(&args.id, &name)?;
    let mut out = output::stdout();
    let printed = if args.json {
        weigh(&mut alert.reasons);
        serde_json::to_writer(&mut out, &alert).map_err(io::Error::from).and_then(|()| writeln!(out))
    } else {
        out.write_all(words(&alert, &config).as_bytes())
    };
    Ok(printed.and_then(|()| out.flush()).context("standard output cannot be written")?)
}

/// The files of the alert log in the state directory, if they are there.
fn default_paths(config: &Config) -> Result<(String, Vec<PathBuf>), Failure> {
    let wrong = match &config.state {
        Some(state) => {
            let name = state.dir.join(CURRENT_NAME).display().to_string();
            match files::all(&state.dir) {
                Ok(paths) if !paths.is_empty() => return Ok((name, paths)),
                _ => format!("there is no {name}"),
            }
        }
        None => "no state directory is set in which to look for alerts".to_owned(),
    };
    Err(Failure::Usage(anyhow!("{wrong}; name a file of alerts with `--alerts FILE` (`-` is standard input)")))
}

fn words(alert: &Alert, config: &Config) -> String {
    let zone_name = &config.detection.default_zone;
    let zone = Zone::named(zone_name).unwrap_or_else(|_| Zone::utc());
    let color = present::wants_color(io::stdout().is_terminal(), std::env::var("NO_COLOR").ok().as_deref());
    let columns = terminal_size::terminal_size_of(io::stdout()).map_or(COLUMNS, |(width, _)| usize::from(width.0));
    present::explain(alert, present::Style { zone: &zone, zone_name, color }, columns.min(COLUMNS_MAX))
}

/// What a file has of the alerts whose id begins as wanted.
#[derive(Debug, Default)]
struct Search {
    /// The last revision of each.
    found: BTreeMap<String, Alert>,
    /// Lines that are no alerts.
    unreadable: u64,
}

/// As much of a line as says whether it is the one.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
}

impl Search {
    fn through(&mut self, source: &mut dyn BufRead, prefix: &str) -> io::Result<()> {
        let mut line = Vec::new();
        while source.read_until(b'\n', &mut line)? > 0 {
            self.line(line.trim_ascii(), prefix);
            line.clear();
        }
        Ok(())
    }

    /// Lines that cannot be read are passed over: the last one of a file that is being written is one.
    fn line(&mut self, line: &[u8], prefix: &str) {
        if line.is_empty() {
            return;
        }
        match serde_json::from_slice::<Head<'_>>(line) {
            Ok(head) if !head.id.starts_with(prefix) => return,
            Ok(_) => {}
            Err(_) => return self.unreadable += 1,
        }
        let Ok(alert) = serde_json::from_slice::<Alert>(line) else { return self.unreadable += 1 };
        if self.found.get(&alert.id).is_none_or(|known| known.revision <= alert.revision) {
            self.found.insert(alert.id.clone(), alert);
        }
    }

    /// The only alert that it can be.
    fn one(mut self, id: &str, name: &str) -> anyhow::Result<Alert> {
        if let Some(alert) = self.found.remove(id) {
            return Ok(alert);
        }
        let named: Vec<String> = self.found.keys().take(NAMED_MAX).map(|id| id.escape_debug().to_string()).collect();
        let more = if self.found.len() > named.len() { ", …" } else { "" };
        match (self.found.len(), self.unreadable) {
            (0, 0) => Err(anyhow!("{name} has no alert `{id}`")),
            (0, lines) => Err(anyhow!("{name} has no alert `{id}`; {lines} of its lines are no alerts")),
            (1, _) => self.found.into_values().next().context("one alert"),
            (count, _) => {
                Err(anyhow!("{name} has {count} alerts `{id}…`: {}{more}; write more of the id", named.join(", ")))
            }
        }
    }
}
