//! `humdrum state`: what is kept, one bot of it, and one bot put back to an earlier day.

mod shared;

use std::io::Write;
use std::path::PathBuf;

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

/// Look into the kept state: what there is, one bot of it, one bot put back to an earlier day.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  humdrum state inspect --state-dir /var/lib/humdrum\n  \
    humdrum state export --state-dir /var/lib/humdrum --tenant acme --bot payroll\n  \
    humdrum state revert --state-dir /var/lib/humdrum --tenant acme --bot payroll --dimension volume --to 2026-05-04\n\n\
    humdrum state inspect --config cluster.toml\n\n\
    `inspect` and `export` read beside a running `humdrum run`, and from a cluster's store where the settings have one and \
    no directory is named; `revert` needs a directory for itself.")]
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

fn export(args: &ExportArgs) -> Result<String, Failure> {
    if let Some(config) = args.bot.dir.cluster()? {
        if args.at.is_some() {
            return Err(Failure::Usage(anyhow!(
                "`--at` is for a state directory: a cluster keeps no snapshots by day"
            )));
        }
        return Ok(shared::export(&config, &args.bot.tenant, &args.bot.bot)?);
    }
    let (config, state) = args.bot.dir.load()?;
    let checkpoint = match &args.at {
        Some(day) => of_day(&state, day)?,
        None => newest(&state)?,
    };
    let (tenant, bot) = (&args.bot.tenant, &args.bot.bot);
    let found = engine(&config, &checkpoint)?.export(tenant, bot);
    let found = found.ok_or_else(|| anyhow!("bot `{bot}` of tenant `{tenant}` is not known"))?;
    Ok(format!("{found:#}\n"))
}

fn revert(args: &RevertArgs) -> Result<String, Failure> {
    let (config, state) = args.bot.dir.load()?;
    let mut store = Store::open(&state.dir, state.keep).context("the state directory cannot be taken")?;
    let (mut checkpoint, earlier) = (newest(&state)?, of_day(&state, &args.to)?);
    let mut now = engine(&config, &checkpoint)?;
    let (tenant, bot) = (&args.bot.tenant, &args.bot.bot);
    let reverted = now.revert(&engine(&config, &earlier)?, tenant, bot, args.dimension);
    reverted.map_err(|error| Failure::Failed(error.into()))?;
    checkpoint.engine = now.snapshot();
    store.save(&checkpoint).context("the state cannot be kept")?;
    let what = args.dimension.map_or_else(|| "what was learned".to_owned(), |dimension| dimension.to_string());
    Ok(format!("{what} of `{bot}` of tenant `{tenant}` is that of the beginning of {}\n", args.to))
}
