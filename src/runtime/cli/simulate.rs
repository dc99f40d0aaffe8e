//! `humdrum simulate`: writes a fleet with labels, for trying and testing.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::failure::Failure;
use super::output;
use super::settings::{self, Secrets, SettingsArgs};
use crate::event::{Event, decode};
#[cfg(feature = "history")]
use crate::runtime::history::parquet::ParquetWriter;
use crate::runtime::produce::EventPublisher;
use crate::simulate::{EventStream, FleetSpec, Summary, Wrongs};

/// Attacks or oddities a bot, at most. More would leave no peace for a baseline to be learned from.
const RATE_MAX: f64 = 20.0;

/// Write a simulated fleet with its attacks labeled: events, registry, labels, oddities and figures.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  humdrum simulate --out fleet\n  \
    humdrum simulate --out fleet --bots 500 --days 28 --test-days 14 --seed 7\n  \
    humdrum simulate --out fleet --nats nats://127.0.0.1:4222\n\n\
    The same arguments give the same fleet, byte for byte.")]
pub(super) struct SimulateArgs {
    /// Directory to write to; made where it is missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Publish the events to this NATS server as well, into the stream and subjects of the settings
    #[arg(long, value_name = "URL")]
    nats: Option<String>,
    #[command(flatten)]
    settings: SettingsArgs,
    /// Bots
    #[arg(long, value_name = "NUMBER", default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    bots: u64,
    /// Days of peace before the test
    #[arg(long, value_name = "NUMBER", default_value_t = 28, value_parser = clap::value_parser!(u32).range(1..=365))]
    days: u32,
    /// Days of the test, in which attacks fall
    #[arg(long, value_name = "NUMBER", default_value_t = 14, value_parser = clap::value_parser!(u32).range(1..=365))]
    test_days: u32,
    /// Everything that is left to chance follows from it
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Tenants that the bots are spread over
    #[arg(long, value_name = "NUMBER", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    tenants: u64,
    /// Attacks a bot, on average; 0 for a fleet at peace
    #[arg(long, value_name = "NUMBER", default_value_t = 0.5)]
    attacks: f64,
    /// Write the events as Parquet too: `events.parquet`
    #[cfg(feature = "history")]
    #[arg(long)]
    parquet: bool,
    /// Odd but fine things a bot, on average
    #[arg(long, value_name = "NUMBER", default_value_t = 0.8)]
    oddities: f64,
    /// What the attacks are drawn from: `usual`, or `standing` for what is wrong with an identity rather than with its work,
    /// in tenants where roles are given day by day (best with 90 days before the test and 42 of it)
    #[arg(long, value_enum, default_value_t = Pool::Usual)]
    wrongs: Pool,
}

/// [`Wrongs`] on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Pool {
    Usual,
    Standing,
}

/// Writes the fleet: the events as they are made, so that memory does not grow with the days.
pub(super) fn run(args: &SimulateArgs) -> Result<(), Failure> {
    for (name, rate) in [("--attacks", args.attacks), ("--oddities", args.oddities)] {
        if !(0.0..=RATE_MAX).contains(&rate) {
            return Err(Failure::Usage(anyhow!("{name}: {rate} is outside 0 to {RATE_MAX}")));
        }
    }
    let folder = &args.out;
    std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let mut stream = EventStream::new(&args.spec());
    write_lines(&folder.join("bots.ndjson"), stream.registry())?;
    let meanwhile = progress();
    let path = folder.join("events.ndjson");
    let mut events = File::create(&path)?;
    let mut columns = Columns::create(args)?;
    for event in meanwhile.wrap_iter(stream.by_ref()) {
        events.line(&decode::encode(&event))?;
        columns.event(&event)?;
    }
    events.finish()?;
    columns.finish()?;
    meanwhile.finish_and_clear();
    let Summary { labels, benign, meta } = stream.finish();
    write_lines(&folder.join("labels.ndjson"), labels)?;
    write_lines(&folder.join("benign.ndjson"), benign)?;
    write_lines(&folder.join("meta.json"), [&meta])?;
    let told = format!(
        "{} events of {} bots with {} attacks in {}; the test begins {}\n",
        meta.events,
        meta.bots,
        meta.attacks,
        folder.display(),
        meta.split
    );
    // The fleet is written; whether anybody listens changes nothing.
    io::stderr().lock().write_all(told.as_bytes()).ok();
    match &args.nats {
        Some(url) => publish(args, url),
        None => Ok(()),
    }
}

/// The events as Parquet, where that is wanted.
#[cfg(feature = "history")]
struct Columns(Option<ParquetWriter<Box<dyn Write>>>);

#[cfg(feature = "history")]
impl Columns {
    fn create(args: &SimulateArgs) -> anyhow::Result<Self> {
        let out = args.parquet.then(|| output::file(&args.out.join("events.parquet"))).transpose()?;
        Ok(Self(out.map(ParquetWriter::new).transpose()?))
    }

    fn event(&mut self, event: &Event) -> anyhow::Result<()> {
        Ok(self.0.as_mut().map(|columns| columns.event(event)).transpose().map(drop)?)
    }

    fn finish(self) -> anyhow::Result<()> {
        if let Some(columns) = self.0 {
            columns.finish()?.flush()?;
        }
        Ok(())
    }
}

/// Without Parquet there is nothing to write.
#[cfg(not(feature = "history"))]
struct Columns;

#[cfg(not(feature = "history"))]
#[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "the same as with Parquet, where it can fail")]
impl Columns {
    fn create(_: &SimulateArgs) -> anyhow::Result<Self> {
        Ok(Self)
    }

    fn event(&mut self, _: &Event) -> anyhow::Result<()> {
        Ok(())
    }

    fn finish(self) -> anyhow::Result<()> {
        Ok(())
    }
}

/// Publishes the fleet's events as its producers would.
fn publish(args: &SimulateArgs, url: &str) -> Result<(), Failure> {
    let config =
        args.settings.load(settings::flag("--nats", "nats.url", Some(&url)).into_iter().collect(), Secrets::Needed)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no threads")?;
    let meanwhile = progress();
    // Nobody scrapes a command that ends; the connection only wants somewhere to tell.
    let connected = prometheus::IntGauge::new("connected", "1 while connected").context("a gauge")?;
    let published: anyhow::Result<()> = runtime.block_on(async {
        let mut publisher = EventPublisher::open(&config, &connected).await?;
        for event in meanwhile.wrap_iter(EventStream::new(&args.spec())) {
            publisher.publish(&event).await?;
        }
        Ok(publisher.finish().await?)
    });
    meanwhile.finish_and_clear();
    Ok(published?)
}

impl SimulateArgs {
    fn spec(&self) -> FleetSpec {
        FleetSpec {
            seed: self.seed,
            bots: self.bots as usize,
            tenants: self.tenants as usize,
            days_baseline: self.days,
            days_test: self.test_days,
            attacks_per_bot: self.attacks,
            oddities_per_bot: self.oddities,
            clean: self.attacks <= 0.0,
            wrongs: match self.wrongs {
                Pool::Usual => Wrongs::Usual,
                Pool::Standing => Wrongs::Standing,
            },
            ..FleetSpec::default()
        }
    }
}

/// A count of events, where a terminal shows it; how many there will be is not known before.
fn progress() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {human_pos} events  {per_sec}");
    let bar = ProgressBar::new_spinner();
    style.map(|style| bar.clone().with_style(style)).unwrap_or(bar)
}

/// A file of the fleet, whose every error names it.
struct File<'a> {
    path: &'a Path,
    out: Box<dyn Write>,
}

impl<'a> File<'a> {
    fn create(path: &'a Path) -> anyhow::Result<Self> {
        Ok(Self { path, out: output::file(path)? })
    }

    fn line(&mut self, text: &str) -> anyhow::Result<()> {
        writeln!(self.out, "{text}").with_context(|| format!("{} cannot be written", self.path.display()))
    }

    fn finish(mut self) -> anyhow::Result<()> {
        self.out.flush().with_context(|| format!("{} cannot be written", self.path.display()))
    }
}

fn write_lines<T: Serialize>(path: &Path, records: impl IntoIterator<Item = T>) -> anyhow::Result<()> {
    let mut file = File::create(path)?;
    for record in records {
        file.line(&serde_json::to_string(&record)?)?;
    }
    file.finish()
}
