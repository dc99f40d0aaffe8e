//! `humdrum replay`: the engine over files, in order of arrival and on event time.
//!
//! It is the same engine with the same settings as in `humdrum run`; only the source and the sink differ. No clock
//! decides anything, so the same input gives the same alerts, byte for byte; the only clock that is asked is for the
//! speed that the summary tells.

#![expect(clippy::disallowed_methods, reason = "reads the files of events that the command line names")]

mod against;
mod decided;
mod rejects;
mod tally;

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::failure::Failure;
use super::output;
use super::settings::{self, Secrets, SettingsArgs};
use crate::config::Config;
use crate::detect::{Engine, Output};
use crate::event::decode::{self, Envelope, Limits};
use crate::event::{Reject, RejectReason};
use crate::runtime::geo::GeoDatabase;
use crate::runtime::lines::{Line, Lines};
use crate::runtime::{clock, present};
use crate::time::Zone;
use decided::Decided;
use tally::Tally;

/// Run the engine over files of events (NDJSON), in order of arrival and on event time.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  humdrum replay events.ndjson > alerts.ndjson\n  \
    humdrum replay --registry bots.ndjson --alerts alerts.ndjson april.ndjson may.ndjson\n  \
    zcat events.ndjson.gz | humdrum replay --pretty -\n  \
    humdrum replay --config new.toml --against old.toml --html backtest.html events.ndjson\n\n\
    The same input gives the same alerts, byte for byte.")]
pub(super) struct ReplayArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    /// Registry of bots (NDJSON)
    #[arg(long, value_name = "FILE")]
    registry: Option<PathBuf>,
    /// Write the alerts to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    alerts: Option<PathBuf>,
    /// Write refused events to this file, with the reason
    #[arg(long, value_name = "FILE")]
    rejected: Option<PathBuf>,
    /// Feedback to apply, each record at its place: the journal of a state directory, or records (NDJSON)
    #[arg(long, value_name = "FILE", conflicts_with = "against")]
    feedback: Option<PathBuf>,
    /// Print the alerts on standard output for a person to read
    #[arg(long)]
    pretty: bool,
    /// Print the hash of the engine's state after the last event, on standard error
    #[arg(long)]
    state_hash: bool,
    /// Say what the settings given would have changed against those of this file, in place of alerts
    #[arg(long, value_name = "FILE", conflicts_with_all = ["alerts", "rejected", "pretty", "state_hash"])]
    against: Option<PathBuf>,
    /// Write the comparison as JSON
    #[arg(long, requires = "against")]
    json: bool,
    /// Write the comparison as a page with charts to this file
    #[arg(long, value_name = "FILE", requires = "against")]
    html: Option<PathBuf>,
    /// Files of events, read one after the other; `-` is standard input
    #[arg(value_name = "EVENTS", required = true)]
    events: Vec<PathBuf>,
}

/// Lines between two looks at the progress bar.
const PROGRESS_EVERY_LINES: u64 = 4096;

/// Does the whole replay.
pub(super) fn run(args: &ReplayArgs) -> Result<(), Failure> {
    sensible(args)?;
    if let Some(against) = &args.against {
        return against::run(args, against);
    }
    let flags = settings::flag("--registry", "registry", args.registry.as_ref()).into_iter().collect();
    let config = args.settings.load(flags, Secrets::NotNeeded)?;
    let registry = settings::registry_alone(&config)?;
    let geo = settings::geo(&config)?;
    if let Some(geo) = &geo {
        tracing::info!(kind = geo.kind(), built = %geo.built(), "places come from the geography file");
    }
    let bar = progress(&args.events)?;
    let began = clock::monotonic();
    let mut replay = Replay {
        engine: Engine::new(config.detection.clone(), registry),
        output: Output::default(),
        limits: config.limits,
        geo,
        sink: Sink::open(args, &config)?,
        tally: Tally::default(),
        decided: args.feedback.as_deref().map(Decided::read).transpose()?.unwrap_or_default(),
    };
    for path in &args.events {
        replay.read(path, &bar)?;
    }
    replay.decided.due(&mut replay.engine, &mut replay.output);
    // Before the end of the files is taken for silence: a stream would go on.
    let state = args.state_hash.then(|| format!("state     {}\n", replay.engine.state_hash()));
    let stats = replay.finish()?;
    bar.finish_and_clear();
    let summary = replay.tally.summary(&stats, began.elapsed())
        + &suppressions(&replay.engine, &stats)
        + &state.unwrap_or_default();
    // The work is done; whether anybody listens to its summary changes nothing.
    io::stderr().lock().write_all(summary.as_bytes()).ok();
    replay.decided.warn();
    if replay.tally.is_all_rejected() {
        tracing::warn!("every line was refused; are these files of events, one JSON object a line?");
    }
    Ok(())
}

/// What was hidden, and by which suppression; nothing where there is none.
fn suppressions(engine: &Engine, stats: &crate::detect::Stats) -> String {
    let all = engine.suppressions();
    if all.is_empty() {
        return String::new();
    }
    let head = format!("hidden    {}\n", present::hidden(&stats.suppressed));
    all.iter().fold(head, |text, facts| text + &format!("          {}\n", present::suppression(facts)))
}

/// Refuses what could only be a slip: reading standard input twice, or writing over a file that is read.
fn sensible(args: &ReplayArgs) -> Result<(), Failure> {
    if args.events.iter().filter(|path| is_stdin(path)).count() > 1 {
        return Err(Failure::Usage(anyhow!("standard input (`-`) can be read only once")));
    }
    let written = [&args.alerts, &args.rejected, &args.html];
    output::sensible(args.events.iter().chain(&args.registry).chain(&args.feedback), written.into_iter().flatten())
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// A file of events, or standard input.
fn open(path: &Path) -> anyhow::Result<Box<dyn Read>> {
    Ok(if is_stdin(path) {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path).with_context(|| format!("{} cannot be read", path.display()))?)
    })
}

/// A progress bar over all bytes, where a terminal shows it and the bytes are known; every file is looked at before the
/// first one is read, so that a mistyped name is told at once.
fn progress(events: &[PathBuf]) -> Result<ProgressBar, Failure> {
    let (mut total, mut known) = (0, io::stderr().is_terminal());
    for path in events {
        if is_stdin(path) {
            known = false;
            continue;
        }
        let about = std::fs::metadata(path).with_context(|| format!("{} cannot be read", path.display()))?;
        total += about.len();
        known &= about.is_file();
    }
    if !known {
        return Ok(ProgressBar::hidden());
    }
    let style = ProgressStyle::with_template("{wide_bar} {percent:>3} %  {binary_bytes_per_sec}  {eta} left");
    let bar = ProgressBar::new(total);
    Ok(style.map(|style| bar.clone().with_style(style)).unwrap_or(bar))
}

struct Replay {
    engine: Engine,
    output: Output,
    limits: Limits,
    geo: Option<GeoDatabase>,
    sink: Sink,
    tally: Tally,
    decided: Decided,
}

impl Replay {
    fn read(&mut self, path: &Path, bar: &ProgressBar) -> anyhow::Result<()> {
        let name = path.to_string_lossy();
        let mut lines = Lines::new(open(path)?, self.limits.payload_bytes_max);
        let mut seen = 0;
        loop {
            let number = lines.number();
            let line = lines.next().with_context(|| format!("{name} cannot be read after line {number}"))?;
            let Some(line) = line else { break };
            self.line(&line, &name)?;
            if self.tally_due() {
                bar.inc(lines.bytes() - seen);
                seen = lines.bytes();
            }
        }
        bar.inc(lines.bytes() - seen);
        Ok(())
    }

    fn tally_due(&self) -> bool {
        self.tally.lines().is_multiple_of(PROGRESS_EVERY_LINES)
    }

    fn line(&mut self, line: &Line<'_>, name: &str) -> anyhow::Result<()> {
        self.tally.line();
        match self.decode(line) {
            Ok(mut event) => {
                if let Some(geo) = &mut self.geo {
                    geo.locate(&mut event);
                }
                self.decided.due(&mut self.engine, &mut self.output);
                self.engine.observe(event, &mut self.output);
            }
            Err(reject) => {
                self.tally.reject(reject.reason);
                self.sink.reject(&reject, Some((name, line.number)), line.text)?;
            }
        }
        self.drain()
    }

    fn decode(&self, line: &Line<'_>) -> Result<crate::event::Event, Reject> {
        let bytes_max = self.limits.payload_bytes_max;
        if line.bytes > bytes_max as u64 {
            let detail = format!("{} bytes, at most {bytes_max}", line.bytes);
            return Err(Reject::new(RejectReason::TooLarge, detail));
        }
        decode::decode(line.text, &Envelope::default(), &self.limits)
    }

    fn drain(&mut self) -> anyhow::Result<()> {
        for (event, reject) in self.output.rejected.drain(..) {
            self.tally.reject(reject.reason);
            self.sink.reject(&reject, None, decode::encode(&event).as_bytes())?;
        }
        for alert in self.output.alerts.drain(..) {
            self.tally.alert(&alert);
            self.sink.alert(&alert)?;
        }
        Ok(())
    }

    fn finish(&mut self) -> anyhow::Result<crate::detect::Stats> {
        self.engine.finish(&mut self.output);
        self.drain()?;
        self.sink.flush()?;
        Ok(self.engine.stats())
    }
}

/// Where alerts and refused events go.
struct Sink {
    alerts: Option<Box<dyn Write>>,
    pretty: Option<Pretty>,
    rejected: Option<Box<dyn Write>>,
}

struct Pretty {
    out: Box<dyn Write>,
    zone: Zone,
    zone_name: String,
    color: bool,
}

impl Sink {
    fn open(args: &ReplayArgs, config: &Config) -> Result<Self, Failure> {
        let alerts = match &args.alerts {
            Some(path) => Some(output::file(path)?),
            None => (!args.pretty).then(output::stdout),
        };
        let zone_name = config.detection.default_zone.clone();
        let pretty = args.pretty.then(|| Pretty {
            out: output::stdout(),
            zone: Zone::named(&zone_name).unwrap_or_else(|_| Zone::utc()),
            zone_name,
            color: present::wants_color(io::stdout().is_terminal(), std::env::var("NO_COLOR").ok().as_deref()),
        });
        let rejected = args.rejected.as_deref().map(output::file).transpose()?;
        Ok(Self { alerts, pretty, rejected })
    }

    fn alert(&mut self, alert: &crate::alert::Alert) -> anyhow::Result<()> {
        if let Some(out) = &mut self.alerts {
            let line = serde_json::to_string(alert).context("an alert cannot be written as JSON")?;
            writeln!(out, "{line}").context("alerts cannot be written")?;
        }
        if let Some(pretty) = &mut self.pretty {
            let style = present::Style { zone: &pretty.zone, zone_name: &pretty.zone_name, color: pretty.color };
            // A person reads along, so the alert is shown when it is raised.
            writeln!(pretty.out, "{}", present::alert(alert, style))
                .and_then(|()| pretty.out.flush())
                .context("alerts cannot be written")?;
        }
        Ok(())
    }

    fn reject(&mut self, reject: &Reject, place: rejects::Place<'_>, event: &[u8]) -> anyhow::Result<()> {
        let Some(out) = &mut self.rejected else { return Ok(()) };
        rejects::write(out.as_mut(), reject, place, event).context("rejected events cannot be written")
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        let pretty = self.pretty.as_mut().map(|pretty| &mut pretty.out);
        for out in self.alerts.iter_mut().chain(pretty).chain(self.rejected.iter_mut()) {
            out.flush().context("results cannot be written")?;
        }
        Ok(())
    }
}
