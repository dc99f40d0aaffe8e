//! `humdrum incidents`: the stories of the alert log, newest first.

#![expect(clippy::disallowed_methods, reason = "reads the files of alerts that the command line names")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap::Args;

use super::failure::Failure;
use super::output;
use super::settings::{self, Secrets, SettingsArgs};
use crate::alert::{Alert, Pattern, Severity, Status};
use crate::runtime::audit::files;
use crate::runtime::present::{self, IncidentLine};
use crate::time::{Span, Timestamp};

/// List incidents: how bad, whether open, which bot, what happened.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  humdrum incidents --state-dir /var/lib/humdrum --open\n  \
    humdrum incidents --alerts alerts.ndjson --bot 'etl-*' --severity high --json\n\n\
    `humdrum explain ALERT-ID` says more of one; `humdrum feedback ALERT-ID` says what it was.")]
pub(super) struct IncidentsArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    /// File of alerts (NDJSON) [default: the alert log in the state directory]
    #[arg(long, value_name = "FILE")]
    alerts: Option<PathBuf>,
    /// Directory of snapshots and of the alert log
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Only those of a tenant
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// Only those of a bot, `*` and `?` as wildcards
    #[arg(long, value_name = "PATTERN", value_parser = pattern)]
    bot: Option<Pattern>,
    /// Least severity
    #[arg(long, value_name = "SEVERITY", default_value = "low", value_parser = super::severity)]
    severity: Severity,
    /// Only those that are open
    #[arg(long)]
    open: bool,
    /// Only those that went on within so many days before the newest one
    #[arg(long, value_name = "DAYS")]
    days: Option<u16>,
    /// How many, at most
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    limit: usize,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

/// Reads a pattern of names.
pub(super) fn pattern(text: &str) -> Result<Pattern, String> {
    Pattern::parse(text).map_err(|error| error.to_string())
}

/// Prints them.
pub(super) fn run(args: &IncidentsArgs) -> Result<(), Failure> {
    let mut incidents = args.select(read(&args.paths()?)?);
    let found = incidents.len();
    incidents.truncate(args.limit);
    let mut out = output::stdout();
    let printed = if args.json {
        incidents.iter().try_for_each(|incident| {
            serde_json::to_writer(&mut out, incident).map_err(io::Error::from).and_then(|()| writeln!(out))
        })
    } else if incidents.is_empty() {
        out.write_all(b"no incident is like that\n")
    } else {
        let no_color = std::env::var("NO_COLOR").ok();
        let color = present::wants_color(io::stdout().is_terminal(), no_color.as_deref());
        out.write_all(present::incidents(&incidents, color).as_bytes())
    };
    printed.and_then(|()| out.flush()).context("standard output cannot be written")?;
    if found > incidents.len() {
        tracing::warn!(shown = incidents.len(), found, "there are more; `--limit` shows them");
    }
    Ok(())
}

impl IncidentsArgs {
    fn paths(&self) -> Result<Vec<PathBuf>, Failure> {
        if let Some(path) = &self.alerts {
            return Ok(vec![path.clone()]);
        }
        let flags = settings::flag("--state-dir", "state.dir", self.state_dir.as_ref()).into_iter().collect();
        let config = self.settings.load(flags, Secrets::NotNeeded)?;
        let advice = "name one with `--state-dir DIR`, or a file of alerts with `--alerts FILE`";
        let state = config.state.ok_or_else(|| Failure::Usage(anyhow!("no state directory is set; {advice}")))?;
        let paths = files::all(&state.dir).unwrap_or_default();
        if paths.is_empty() {
            return Err(Failure::Usage(anyhow!("there is no alert log in {}; {advice}", state.dir.display())));
        }
        Ok(paths)
    }

    /// Those that are asked for, newest first.
    fn select(&self, mut incidents: Vec<IncidentLine>) -> Vec<IncidentLine> {
        let newest = incidents.iter().map(|incident| incident.last).max();
        let since = newest.zip(self.days).map(|(newest, days)| newest - Span::from_days(i64::from(days)));
        incidents.retain(|incident| {
            self.tenant.as_ref().is_none_or(|tenant| incident.tenant == *tenant)
                && self.bot.as_ref().is_none_or(|bot| incident.bot.as_deref().is_some_and(|name| bot.matches(name)))
                && incident.severity >= self.severity
                && (incident.open || !self.open)
                && since.is_none_or(|since| incident.last >= since)
        });
        incidents.sort_by(|a, b| b.last.cmp(&a.last).then_with(|| a.incident.cmp(&b.incident)));
        incidents
    }
}

/// The incidents of files of alerts, from the last revision of each alert.
fn read(paths: &[PathBuf]) -> Result<Vec<IncidentLine>, Failure> {
    let (mut alerts, mut unreadable): (BTreeMap<String, Alert>, u64) = (BTreeMap::new(), 0);
    for path in paths {
        let failed = || format!("{} cannot be read", path.display());
        for line in BufReader::new(File::open(path).with_context(failed)?).split(b'\n') {
            let line = line.with_context(failed)?;
            if line.trim_ascii().is_empty() {
                continue;
            }
            let Ok(mut alert) = serde_json::from_slice::<Alert>(&line) else {
                unreadable += 1;
                continue;
            };
            // Only as much as the table needs, since a log may hold a year.
            (alert.reasons, alert.events, alert.context) = (Vec::new(), Vec::new(), None);
            if alerts.get(&alert.id).is_none_or(|known| known.revision <= alert.revision) {
                alerts.insert(alert.id.clone(), alert);
            }
        }
    }
    if unreadable > 0 {
        tracing::warn!(lines = unreadable, "lines are no alerts");
    }
    let mut incidents: BTreeMap<(String, String), IncidentLine> = BTreeMap::new();
    for alert in alerts.into_values() {
        let key = (alert.tenant.clone(), alert.incident.clone());
        incidents.entry(key).and_modify(|line| join(line, &alert)).or_insert_with(|| begin(&alert));
    }
    Ok(incidents.into_values().collect())
}

fn begin(alert: &Alert) -> IncidentLine {
    IncidentLine {
        incident: alert.incident.clone(),
        tenant: alert.tenant.clone(),
        bot: alert.bot.clone(),
        producer: alert.producer.clone(),
        severity: alert.severity,
        open: alert.status == Status::Firing,
        first: alert.ts,
        last: alert.ts,
        alerts: 1,
        alert: alert.id.clone(),
        title: alert.title.clone(),
        suppressed: alert.suppressed.is_some(),
    }
}

fn join(line: &mut IncidentLine, alert: &Alert) {
    let (first, last): (Timestamp, Timestamp) = (line.first.min(alert.ts), line.last.max(alert.ts));
    let alerts = line.alerts + 1;
    let (open, suppressed) =
        (line.open || alert.status == Status::Firing, line.suppressed && alert.suppressed.is_some());
    if alert.severity > line.severity {
        *line = begin(alert);
    }
    (line.first, line.last, line.alerts, line.open, line.suppressed) = (first, last, alerts, open, suppressed);
}
