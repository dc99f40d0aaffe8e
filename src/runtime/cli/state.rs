//! `humdrum state`: what is kept, one bot of it, and one bot put back to an earlier day.

mod shared;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::{Args, Subcommand};

use super::failure::Failure;
use super::output;
use super::settings::{self, Secrets, SettingsArgs};
use crate::alert::Dimension;
use crate::config::{Config, StateConfig};
use crate::detect::Engine;
use crate::registry::Registry;
use crate::runtime::present;
use crate::runtime::store::format::Checkpoint;
use crate::runtime::store::{self, Found, Store};

/// Seconds that the owner of a partition has for giving it back. Fewer give up on one whose last snapshot is large, more keep
/// whoever calls waiting where nobody will.
const GIVEN_BACK_WITHIN_SECS: u64 = 60;

/// Look into the kept state: what there is, one bot of it, one bot put back to an earlier day.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  humdrum state inspect --state-dir /var/lib/humdrum\n  \
    humdrum state export --state-dir /var/lib/humdrum --tenant acme --bot payroll\n  \
    humdrum state revert --state-dir /var/lib/humdrum --tenant acme --bot payroll --dimension volume --to 2026-05-04\n\n\
    humdrum state inspect --config cluster.toml\n  \
    humdrum state export --config cluster.toml --tenant acme --bot payroll --at 2026-05-04\n  \
    humdrum state revert --config cluster.toml --tenant acme --bot payroll --to 2026-05-04\n\n\
    `inspect` and `export` read beside a running `humdrum run`, and from a cluster's store where the settings have one and \
    no directory is named. `revert` needs a directory for itself; in a cluster members may run, and the bot's partition is \
    taken from its owner for a moment.")]
pub(super) struct StateArgs {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// List the snapshots: where each stands, and whether it is whole
    Inspect(DirArgs),
    /// Print all that is known of a bot, as JSON
    Export(ExportArgs),
    /// Put what was learned of a bot back to the beginning of a day; alerts and sessions stay
    Revert(RevertArgs),
}

#[derive(Debug, Args)]
struct DirArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    /// Directory of snapshots
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct BotArgs {
    #[command(flatten)]
    dir: DirArgs,
    /// Whose bot
    #[arg(long, default_value = "default")]
    tenant: String,
    /// The bot
    #[arg(long)]
    bot: String,
}

#[derive(Debug, Args)]
struct ExportArgs {
    #[command(flatten)]
    bot: BotArgs,
    /// At the beginning of this day (UTC, event time) [default: the newest]
    #[arg(long, value_name = "DAY")]
    at: Option<String>,
}

#[derive(Debug, Args)]
struct RevertArgs {
    #[command(flatten)]
    bot: BotArgs,
    /// To the beginning of this day (UTC, event time)
    #[arg(long, value_name = "DAY")]
    to: String,
    /// Only this: time, source, sequence, volume, privilege or rate [default: all of it]
    #[arg(long, value_parser = dimension)]
    dimension: Option<Dimension>,
    /// In a cluster: seconds that the partition's owner has for giving it back, 1 to 3600
    #[arg(long, value_name = "SECONDS", default_value_t = GIVEN_BACK_WITHIN_SECS, value_parser = clap::value_parser!(u64).range(1..=3600))]
    within: u64,
}

fn dimension(name: &str) -> Result<Dimension, String> {
    let found = Dimension::ALL.into_iter().find(|dimension| dimension.as_str() == name);
    found.ok_or_else(|| "write `time`, `source`, `sequence`, `volume`, `privilege` or `rate`".to_owned())
}

pub(super) fn run(args: &StateArgs) -> Result<(), Failure> {
    let text = match &args.task {
        Task::Inspect(args) => inspect(args)?,
        Task::Export(args) => export(args)?,
        Task::Revert(args) => revert(args)?,
    };
    let mut out = output::stdout();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    Ok(written.context("standard output cannot be written")?)
}

impl DirArgs {
    /// The settings of a cluster, where no directory is named.
    fn cluster(&self) -> Result<Option<Config>, Failure> {
        if self.state_dir.is_some() {
            return Ok(None);
        }
        if self.settings.load(Vec::new(), Secrets::NotNeeded)?.cluster.is_none() {
            return Ok(None);
        }
        self.settings.load(Vec::new(), Secrets::Needed).map(Some)
    }

    fn load(&self) -> Result<(Config, StateConfig), Failure> {
        let flags = settings::flag("--state-dir", "state.dir", self.state_dir.as_ref()).into_iter().collect();
        let config = self.settings.load(flags, Secrets::NotNeeded)?;
        if config.cluster.is_some() {
            return Err(Failure::Usage(anyhow!("this is for a state directory, and a cluster has none")));
        }
        let state = config.state.clone();
        let state = state.ok_or_else(|| anyhow!("no state directory is set; name it with `--state-dir DIR`"));
        Ok((config, state.map_err(Failure::Usage)?))
    }
}

fn inspect(args: &DirArgs) -> Result<String, Failure> {
    if let Some(config) = args.cluster()? {
        return Ok(shared::inspect(&config)?);
    }
    let (_, state) = args.load()?;
    let found = store::all(&state.dir).with_context(|| unreadable(&state))?;
    let row = |Found { name, bytes, checkpoint }: Found| {
        let (sequence, time, fault) = match checkpoint {
            Ok(checkpoint) => {
                let sequence = checkpoint.position.map(|position| position.sequence.to_string());
                let time = checkpoint.event_time.map(|time| time.to_string());
                (sequence.unwrap_or_default(), time.unwrap_or_default(), "whole".to_owned())
            }
            Err(fault) => (String::new(), String::new(), fault.to_string()),
        };
        vec![name, bytes.to_string(), sequence, time, fault]
    };
    let rows: Vec<_> = found.into_iter().map(row).collect();
    Ok(present::table(&["snapshot", "bytes", "sequence", "event time", "state"], &rows))
}

fn unreadable(state: &StateConfig) -> String {
    format!("the state directory {} cannot be read", state.dir.display())
}

fn newest(state: &StateConfig) -> anyhow::Result<Checkpoint> {
    let found = store::newest(&state.dir).with_context(|| unreadable(state))?;
    found.ok_or_else(|| anyhow!("{} has no snapshot yet", state.dir.display()))
}

fn of_day(state: &StateConfig, day: &str) -> anyhow::Result<Checkpoint> {
    let found = store::of_day(&state.dir, day).with_context(|| unreadable(state))?;
    found.ok_or_else(|| anyhow!("no snapshot of the beginning of {day} is kept; `humdrum state inspect` lists them"))
}

fn engine(config: &Config, checkpoint: &Checkpoint) -> anyhow::Result<Engine> {
    let engine = Engine::restore(&checkpoint.engine, config.detection.clone(), Registry::default());
    engine.context("the snapshot cannot be used")
}

fn unknown(tenant: &str, bot: &str) -> anyhow::Error {
    anyhow!("bot `{bot}` of tenant `{tenant}` is not known")
}

fn export(args: &ExportArgs) -> Result<String, Failure> {
    let (tenant, bot) = (&args.bot.tenant, &args.bot.bot);
    if let Some(config) = args.bot.dir.cluster()? {
        return Ok(shared::export(&config, tenant, bot, args.at.as_deref())?);
    }
    let (config, state) = args.bot.dir.load()?;
    let checkpoint = match &args.at {
        Some(day) => of_day(&state, day)?,
        None => newest(&state)?,
    };
    let found = engine(&config, &checkpoint)?.export(tenant, bot).ok_or_else(|| unknown(tenant, bot))?;
    Ok(format!("{found:#}\n"))
}

/// What of which bot is put back.
struct What {
    tenant: String,
    bot: String,
    dimension: Option<Dimension>,
}

impl What {
    /// What came of it.
    fn said(&self, day: &str) -> String {
        let Self { tenant, bot, dimension } = self;
        let what = dimension.map_or_else(|| "what was learned".to_owned(), |dimension| dimension.to_string());
        format!("{what} of `{bot}` of tenant `{tenant}` is that of the beginning of {day}")
    }
}

/// Puts what was learned of a bot back to what an earlier snapshot has. All else of the newest stays as it is.
fn put_back(config: &Config, now: &mut Checkpoint, earlier: &Checkpoint, what: &What) -> anyhow::Result<()> {
    let mut engine_now = engine(config, now)?;
    engine_now.revert(&engine(config, earlier)?, &what.tenant, &what.bot, what.dimension)?;
    now.engine = engine_now.snapshot();
    Ok(())
}

fn revert(args: &RevertArgs) -> Result<String, Failure> {
    let what = What { tenant: args.bot.tenant.clone(), bot: args.bot.bot.clone(), dimension: args.dimension };
    if let Some(config) = args.bot.dir.cluster()? {
        return Ok(shared::revert(&config, what, &args.to, Duration::from_secs(args.within))?);
    }
    let (config, state) = args.bot.dir.load()?;
    let mut store = Store::open(&state.dir, state.keep).context("the state directory cannot be taken")?;
    let mut checkpoint = newest(&state)?;
    put_back(&config, &mut checkpoint, &of_day(&state, &args.to)?, &what)?;
    store.save(&checkpoint).context("the state cannot be kept")?;
    Ok(what.said(&args.to) + "\n")
}
