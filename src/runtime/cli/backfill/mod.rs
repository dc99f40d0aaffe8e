//! `humdrum backfill`: baselines from months of history, so that a new installation is mature on its first day.
//!
//! The engine is that of `humdrum run`, on event time, and the state directory is the one that `run` goes on from. The
//! stream is read from its beginning then: what the history held already is late or has an id that was seen, and is
//! dropped; what came after it follows on. Alerts are judged, so that what looks wrong is learned lightly, and are not
//! sent.
//!
//! It can be interrupted. Each snapshot carries how far every file was read, and the same command goes on from there.
//! A state that a stream has followed on takes no more history, which would be older than what it knows.

mod learn;
mod stop;

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use self::learn::Learner;
use super::failure::Failure;
use super::output;
use super::settings::{self, Secrets, SettingsArgs};
use crate::config::Config;
use crate::detect::Engine;
use crate::report::history::Learned;
use crate::runtime::history::input::Rules;
use crate::runtime::history::read::{Order, Reader, unchanged};
use crate::runtime::history::{HistoryError, Source, find};
use crate::runtime::store::Store;
use crate::runtime::store::format::{Checkpoint, HistoryPlace};
use crate::runtime::{clock, present};

/// Events that may wait to be sorted: about half a gigabyte.
const SORT_ROWS_MAX: u64 = 1_000_000;

/// Learn baselines from months of history: Parquet, CSV and NDJSON, packed by gzip or zstd or not.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  humdrum backfill --state-dir /var/lib/humdrum history/\n  \
    humdrum backfill --config humdrum.toml --registry bots.ndjson 'logs/2026-*/*.parquet'\n  \
    zcat old.ndjson.gz | humdrum backfill --dry-run --json -\n\n\
    Columns with names of their own are mapped by `[history.columns]`; `humdrum check --print-defaults` lists the\n\
    settings. The same command goes on where it was interrupted. Nothing is sent; `humdrum run` on the same state\n\
    directory follows on. Parquet, gzip and zstd need a build with `--features history`.")]
pub(super) struct BackfillArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    /// Registry of bots (NDJSON)
    #[arg(long, value_name = "FILE")]
    registry: Option<PathBuf>,
    /// Directory of snapshots, from which `humdrum run` goes on
    #[arg(long, value_name = "DIR", conflicts_with = "dry_run")]
    state_dir: Option<PathBuf>,
    /// Learn, say what was learned, and keep nothing
    #[arg(long)]
    dry_run: bool,
    /// Begin anew in place of a history that was learned before
    #[arg(long)]
    fresh: bool,
    /// Sort unsorted files: events that wait for earlier ones
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    #[arg(value_parser = clap::value_parser!(u64).range(0..=SORT_ROWS_MAX))]
    sort_rows: u64,
    /// Write the alerts that would have been raised to this file; going on, behind those of the interrupted run
    #[arg(long, value_name = "FILE")]
    alerts: Option<PathBuf>,
    /// Say what was learned as JSON
    #[arg(long)]
    json: bool,
    /// Files, folders or globs of history; `-` is standard input
    #[arg(value_name = "EVENTS", required = true)]
    events: Vec<PathBuf>,
}

/// Learns all of it.
pub(super) fn run(args: &BackfillArgs) -> Result<(), Failure> {
    let flags = [
        settings::flag("--state-dir", "state.dir", args.state_dir.as_ref()),
        settings::flag("--registry", "registry", args.registry.as_ref()),
    ];
    let config = args.settings.load(flags.into_iter().flatten().collect(), Secrets::NotNeeded)?;
    let (bots, geo) = (settings::registry_alone(&config)?, settings::geo(&config)?);
    let sources = find::find(&args.events).map_err(told)?;
    sensible(args, &sources)?;
    let mut store = store(args, &config)?;
    let before = store.as_ref().map(Store::load).transpose().context("the state directory cannot be read")?.flatten();
    let before = begun(args, before)?;
    let engine = match &before {
        Some(checkpoint) => Engine::restore(&checkpoint.engine, config.detection.clone(), bots)
            .context("the snapshot cannot be used; `--fresh` begins anew")?,
        None => Engine::new(config.detection.clone(), bots),
    };
    let place = before.and_then(|checkpoint| checkpoint.history).unwrap_or_default();
    unchanged(&sources, &place).map_err(told)?;
    say_where(&place);
    let alerts = args.alerts.as_deref().map(|path| alerts(path, &place)).transpose()?;
    let bar = progress(&sources);
    let stop = stop::at_signal()?;
    let names = sources.iter().map(|source| source.name.clone()).collect();
    let every = config.state.as_ref().map(|state| state.snapshot_every).filter(|_| places(&sources, store.as_ref()));
    let rules = Rules { config: config.history, limits: config.limits };
    let order = Order { sources, rules, before: place, sort_rows: args.sort_rows as usize, place_every: every };
    let reader = Reader::start(order, Arc::clone(&stop)).context("no thread can be started to read")?;
    let began = clock::monotonic();
    let mut learner = Learner::new(engine, geo, names, alerts);
    let ended = learner.learn(reader, store.as_mut(), &bar);
    bar.finish_and_clear();
    let done = ended.map_err(|error| match error.downcast::<HistoryError>() {
        Ok(error) => told(error),
        Err(error) => Failure::Failed(error),
    })?;
    if !done {
        let kept = if every.is_some() { "the same command goes on from there" } else { "nothing was kept" };
        return Err(Failure::Failed(anyhow!("interrupted after {} rows; {kept}", learner.counts.rows())));
    }
    let seconds = began.elapsed().as_secs_f64();
    say(args, &learner, seconds)
}

/// Refuses what could only be a slip: reading standard input twice, or writing over a file that is read.
fn sensible(args: &BackfillArgs, sources: &[Source]) -> Result<(), Failure> {
    if args.events.iter().filter(|path| path.as_os_str() == "-").count() > 1 {
        return Err(Failure::Usage(anyhow!("standard input (`-`) can be read only once")));
    }
    let read = sources.iter().filter_map(|source| source.path.as_ref()).chain(&args.registry);
    output::sensible(read, &args.alerts)
}

/// The file of alerts: a new one, or, where an interrupted history is gone on with, the one that was begun. What was
/// judged since the last place before the interruption stands in it twice then, under the same ids.
fn alerts(path: &Path, place: &HistoryPlace) -> anyhow::Result<Box<dyn Write>> {
    let goes_on = !place.done && place.files.iter().any(|file| file.rows > 0);
    if !goes_on {
        return output::file(path);
    }
    tracing::info!(path = %path.display(), "alerts are written behind those of the run that was interrupted");
    output::appended(path)
}

/// What is wrong with a table or its settings is for whoever wrote the command; a disk that fails is not.
fn told(error: HistoryError) -> Failure {
    match error {
        HistoryError::Io { .. } | HistoryError::Damaged { .. } | HistoryError::Lost => Failure::Failed(error.into()),
        _ => Failure::Usage(error.into()),
    }
}

fn store(args: &BackfillArgs, config: &Config) -> Result<Option<Store>, Failure> {
    if args.dry_run {
        return Ok(None);
    }
    let Some(state) = &config.state else {
        let advice = "name a directory with `--state-dir DIR`, or learn without keeping anything with `--dry-run`";
        return Err(Failure::Usage(anyhow!("there is no state directory to learn into; {advice}")));
    };
    Ok(Some(Store::open(&state.dir, state.keep).context("the state directory cannot be opened")?))
}

/// The state that this goes on from; none where it begins.
fn begun(args: &BackfillArgs, before: Option<Checkpoint>) -> Result<Option<Checkpoint>, Failure> {
    match before {
        Some(checkpoint) if checkpoint.history.is_none() => Err(Failure::Usage(anyhow!(
            "the state directory holds what `humdrum run` has learned, and history would be older than that; name an \
            empty one"
        ))),
        Some(_) if args.fresh => Ok(None),
        other => Ok(other),
    }
}

/// Whether there can be places to go on from.
fn places(sources: &[Source], store: Option<&Store>) -> bool {
    store.is_some() && sources.iter().all(|source| source.path.is_some())
}

fn say_where(place: &HistoryPlace) {
    if place.files.is_empty() {
        return;
    }
    let rows: u64 = place.files.iter().map(|file| file.rows).sum();
    let done = place.files.iter().filter(|file| file.done).count();
    tracing::info!(rows, files_done = done, "going on where an earlier backfill stopped");
}

/// A progress bar over all bytes, where a terminal shows it.
fn progress(sources: &[Source]) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let known = sources.iter().all(|source| source.path.is_some());
    let (bar, template) = if known {
        let total = sources.iter().map(|source| source.bytes).sum();
        (ProgressBar::new(total), "{wide_bar} {percent:>3} %  {msg}  {eta} left")
    } else {
        (ProgressBar::new_spinner(), "{spinner} {msg}")
    };
    ProgressStyle::with_template(template).map(|style| bar.clone().with_style(style)).unwrap_or(bar)
}

/// Says what was learned, and how fast.
fn say(args: &BackfillArgs, learner: &Learner, seconds: f64) -> Result<(), Failure> {
    let learned = Learned::new(&learner.counts, &learner.engine);
    let mut out = output::stdout();
    if args.json {
        let json = serde_json::to_string_pretty(&learned).context("it cannot be written as JSON")?;
        writeln!(out, "{json}").context("it cannot be written")?;
    } else {
        write!(out, "{}", present::learned(&learned)).context("it cannot be written")?;
    }
    out.flush().context("it cannot be written")?;
    let rate = if seconds > 0.0 { learned.rows as f64 / seconds } else { 0.0 };
    // The work is done; whether anybody listens to this changes nothing.
    writeln!(io::stderr().lock(), "{} rows in {seconds:.1} s, {rate:.0} a second", learned.rows).ok();
    if learner.counts.is_all_refused() {
        tracing::warn!("every row was refused; are these tables of events, and are their columns mapped?");
    }
    // Those of this run only: rows are counted anew in each, and what was late before has been told.
    let late = learner.late();
    if late * 1000 > learned.rows {
        tracing::warn!(late, "rows were too far out of order; sort the files, or try `--fresh --sort-rows 200000`");
    }
    Ok(())
}
