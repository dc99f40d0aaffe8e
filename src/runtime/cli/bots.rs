//! `humdrum bots`: the bots of a state directory, and how well each is known.

#![expect(clippy::disallowed_methods, reason = "reads whether color is wanted")]

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap::{Args, ValueEnum};

use super::failure::Failure;
use super::incidents::pattern;
use super::output;
use super::settings::{self, Secrets, SettingsArgs};
use crate::alert::Pattern;
use crate::detect::{BaselineState, BotFacts, Engine};
use crate::runtime::present::{self, BotLine};
use crate::runtime::store;

/// List bots: how well each is known, when it was seen, what was found.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  humdrum bots --state-dir /var/lib/humdrum\n  \
    humdrum bots --state-dir /var/lib/humdrum --bot 'etl-*' --state stale\n  humdrum bots --found --json\n\n\
    It reads the newest snapshot. `humdrum report` says more: inventory, least privilege, reviews.")]
pub(super) struct BotsArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    /// Directory of snapshots
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Registry of bots (NDJSON)
    #[arg(long, value_name = "FILE")]
    registry: Option<PathBuf>,
    /// Only those of a tenant
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// Only those of a name, `*` and `?` as wildcards
    #[arg(long, value_name = "PATTERN", value_parser = pattern)]
    bot: Option<Pattern>,
    /// Only those that are known so well
    #[arg(long, value_name = "STATE")]
    state: Option<State>,
    /// Only those of which something was found
    #[arg(long)]
    found: bool,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

/// How well a bot is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum State {
    /// Too little history to judge it
    Learning,
    /// Judged
    Mature,
    /// Silent for longer than the baseline's window
    Stale,
}

impl State {
    fn of(state: BaselineState) -> Option<Self> {
        match state {
            BaselineState::Unseen => None,
            BaselineState::Learning => Some(Self::Learning),
            BaselineState::Mature => Some(Self::Mature),
            BaselineState::Stale => Some(Self::Stale),
        }
    }
}

/// Prints them.
pub(super) fn run(args: &BotsArgs) -> Result<(), Failure> {
    let flags = [
        settings::flag("--state-dir", "state.dir", args.state_dir.as_ref()),
        settings::flag("--registry", "registry", args.registry.as_ref()),
    ];
    let config = args.settings.load(flags.into_iter().flatten().collect(), Secrets::NotNeeded)?;
    let advice = "name the directory of a running humdrum with `--state-dir DIR`";
    let state = config.state.as_ref().ok_or_else(|| Failure::Usage(anyhow!("no state directory is set; {advice}")))?;
    let dir = state.dir.display();
    let newest = store::newest(&state.dir).with_context(|| format!("{dir} cannot be read; {advice}"))?;
    let checkpoint = newest.ok_or_else(|| Failure::Usage(anyhow!("{dir} has no snapshot; {advice}")))?;
    let engine = Engine::restore(&checkpoint.engine, config.detection.clone(), settings::registry(&config)?)
        .with_context(|| format!("the snapshot in {dir} cannot be used"))?;
    let lines: Vec<BotLine> = engine.facts().iter().filter(|facts| args.wants(facts)).map(line).collect();
    let mut out = output::stdout();
    let printed = if args.json {
        lines.iter().try_for_each(|line| {
            serde_json::to_writer(&mut out, line).map_err(io::Error::from).and_then(|()| writeln!(out))
        })
    } else if lines.is_empty() {
        out.write_all(b"no bot is like that\n")
    } else {
        let no_color = std::env::var("NO_COLOR").ok();
        let color = present::wants_color(io::stdout().is_terminal(), no_color.as_deref());
        out.write_all(present::bots(&lines, color).as_bytes())
    };
    Ok(printed.and_then(|()| out.flush()).context("standard output cannot be written")?)
}

impl BotsArgs {
    fn wants(&self, facts: &BotFacts) -> bool {
        self.tenant.as_ref().is_none_or(|tenant| facts.tenant == *tenant)
            && self.bot.as_ref().is_none_or(|bot| bot.matches(&facts.bot))
            && self.state.is_none_or(|state| State::of(facts.baseline) == Some(state))
            && (!self.found || !facts.findings.is_empty())
    }
}

fn line(facts: &BotFacts) -> BotLine {
    let worst = facts.findings.iter().map(|finding| finding.severity).max();
    BotLine {
        tenant: facts.tenant.clone(),
        bot: facts.bot.clone(),
        state: match facts.baseline {
            BaselineState::Unseen => "unseen",
            BaselineState::Learning => "learning",
            BaselineState::Mature => "mature",
            BaselineState::Stale => "stale",
        },
        baseline_days: (facts.baseline_days * 10.0).round() / 10.0,
        events: facts.events,
        last_seen: facts.last_seen,
        hosts: facts.hosts,
        roles: facts.roles.len(),
        alerts: facts.findings.iter().map(|finding| u64::from(finding.alerts)).sum(),
        worst,
    }
}
