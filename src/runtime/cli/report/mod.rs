//! `humdrum report`: what the estate is like, from the newest snapshot of a state directory or from files of events.
//!
//! It only reads: a running `humdrum run` keeps its directory. What is reported is as old as the snapshot.

#![expect(clippy::disallowed_methods, reason = "reads the files that the command line names")]

mod source;

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use super::failure::Failure;
use super::output;
use super::settings::SettingsArgs;
use crate::detect::{BotFacts, LogFacts};
use crate::registry::Registry;
use crate::report::Estate;
use crate::report::inventory::inventory;
use crate::report::logs::logs;
use crate::report::privileges::{Window, privileges};
use crate::report::review::{Review, review};
use crate::report::uses::Uses;
use crate::runtime::present;
use crate::time::Timestamp;

/// Report on the estate: who is there, who may do what, and how much is at risk.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  humdrum report inventory --state-dir /var/lib/humdrum --registry bots.ndjson\n  \
    humdrum report privileges --events events.ndjson --registry bots.ndjson --unused 90\n  \
    humdrum report review --state-dir /var/lib/humdrum --format json > review.json\n  \
    humdrum report review --state-dir /var/lib/humdrum --since review.json\n\n\
    A snapshot is read without stopping whoever writes it.")]
pub(super) struct ReportArgs {
    #[command(subcommand)]
    report: Report,
}

#[derive(Debug, Subcommand)]
enum Report {
    /// Every bot: owner, last seen, baseline, systems and roles that it uses, risk
    Inventory(CommonArgs),
    /// Roles granted, registered for and used; which can go, and what would have broken without them
    Privileges {
        #[command(flatten)]
        common: CommonArgs,
        #[command(flatten)]
        window: WindowArgs,
    },
    /// Every log that numbers its records: what is missing, twice, out of order, silent, or by another clock
    Logs(CommonArgs),
    /// The page for the periodic review, with what has changed since the last one
    Review {
        #[command(flatten)]
        common: CommonArgs,
        #[command(flatten)]
        window: WindowArgs,
        /// The review before, as `--format json` wrote it
        #[arg(long, value_name = "FILE")]
        since: Option<PathBuf>,
    },
}

/// Where the facts come from, and how they are written.
#[derive(Debug, Args)]
struct CommonArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    /// Directory of snapshots
    #[arg(long, value_name = "DIR", conflicts_with = "events")]
    state_dir: Option<PathBuf>,
    /// Registry of bots (NDJSON)
    #[arg(long, value_name = "FILE")]
    registry: Option<PathBuf>,
    /// Files of events (NDJSON) to compute from, in place of a snapshot
    #[arg(long, value_name = "EVENTS", num_args = 1..)]
    events: Vec<PathBuf>,
    /// How to write it
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
    /// Only the bots of this tenant
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Csv,
    Json,
}

#[derive(Clone, Copy, Debug, Args)]
struct WindowArgs {
    /// Days of work that the roles must cover: what it does not need can go
    #[arg(long, value_name = "DAYS", default_value_t = 60, value_parser = clap::value_parser!(u16).range(1..=400))]
    unused: u16,
    /// Days of sessions to look at for what would have broken
    #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u16).range(1..=400))]
    days: u16,
}

impl WindowArgs {
    fn window(self) -> Window {
        Window { work_days: i64::from(self.unused), session_days: i64::from(self.days) }
    }
}

/// What a report is made from.
struct Facts {
    bots: Vec<BotFacts>,
    logs: Vec<LogFacts>,
    registry: Registry,
    now: Timestamp,
}

impl Facts {
    fn estate(&self) -> Estate<'_> {
        Estate { bots: &self.bots, registry: &self.registry, now: self.now }
    }
}

/// Writes the report.
pub(super) fn run(args: &ReportArgs) -> Result<(), Failure> {
    match &args.report {
        Report::Inventory(common) => {
            let facts = source::facts(common, None)?;
            let rows: Vec<_> = inventory(&facts.estate()).into_iter().filter(|row| common.wants(&row.tenant)).collect();
            common.write(rows.as_slice(), present::inventory, present::inventory_csv)
        }
        Report::Privileges { common, window } => {
            let window = window.window();
            let mut uses = Uses::new(window.session_days);
            let facts = source::facts(common, Some(&mut uses))?;
            let bots = privileges(&facts.estate(), window);
            let mut bots: Vec<_> = bots.into_iter().filter(|bot| common.wants(&bot.tenant)).collect();
            if !common.events.is_empty() {
                for bot in &mut bots {
                    uses.complete(bot, facts.now);
                }
            }
            common.write(bots.as_slice(), |bots| present::privileges(bots, window), present::privileges_csv)
        }
        Report::Logs(common) => {
            let facts = source::facts(common, None)?;
            let rows: Vec<_> =
                logs(&facts.logs, facts.now).into_iter().filter(|row| common.wants(&row.tenant)).collect();
            common.write(rows.as_slice(), present::logs, present::logs_csv)
        }
        Report::Review { common, window, since } => {
            let before = since.as_deref().map(before).transpose()?;
            let facts = source::facts(common, None)?;
            let mut page = review(&facts.estate(), window.window(), before.as_ref());
            page.bots.retain(|bot| common.wants(&bot.inventory.tenant));
            page.changes.retain(|change| common.wants(&change.tenant));
            common.write(&page, present::review, present::review_csv)
        }
    }
}

/// The review before.
fn before(path: &std::path::Path) -> Result<Review, Failure> {
    let name = path.display();
    let text =
        std::fs::read_to_string(path).with_context(|| format!("{name} cannot be read")).map_err(Failure::Usage)?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::Usage(anyhow!("{name} is no review that `--format json` wrote: {error}")))
}

impl CommonArgs {
    fn wants(&self, tenant: &str) -> bool {
        self.tenant.as_deref().is_none_or(|wanted| wanted == tenant)
    }

    fn write<T: Serialize + ?Sized>(
        &self,
        report: &T,
        table: impl Fn(&T) -> String,
        csv: impl Fn(&T) -> String,
    ) -> Result<(), Failure> {
        let mut out = output::stdout();
        let printed = match self.format {
            Format::Table => out.write_all(table(report).as_bytes()),
            Format::Csv => out.write_all(csv(report).as_bytes()),
            Format::Json => {
                serde_json::to_writer_pretty(&mut out, report).map_err(io::Error::from).and_then(|()| writeln!(out))
            }
        };
        Ok(printed.and_then(|()| out.flush()).context("standard output cannot be written")?)
    }
}
