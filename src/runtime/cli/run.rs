//! `humdrum run`: NATS in, alerts out, until it is told to stop.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;

use super::failure::Failure;
use super::settings::{self, Secrets, SettingsArgs};
use crate::config::Flag;

/// Watch: events in from NATS, alerts out, metrics served, until SIGTERM.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  humdrum run\n  humdrum run --nats nats://10.0.0.5:4222 --state-dir /var/lib/humdrum\n  \
    HUMDRUM_NATS_URL=tls://nats.example.com humdrum run --config humdrum.toml\n\n\
    `humdrum check --print-defaults` lists the settings. On SIGTERM it finishes, keeps its state, and ends with status 0."
)]
pub(super) struct RunArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    /// NATS servers, comma-separated
    #[arg(long, value_name = "URL")]
    nats: Option<PathBuf>,
    /// Registry of bots (NDJSON)
    #[arg(long, value_name = "FILE")]
    registry: Option<PathBuf>,
    /// Directory of snapshots
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Address of `/metrics`, `/healthz` and `/readyz`, or `off`
    #[arg(long, value_name = "ADDRESS")]
    metrics_listen: Option<PathBuf>,
}

impl RunArgs {
    fn flags(&self) -> Vec<Flag> {
        [
            ("--nats", "nats.url", &self.nats),
            ("--registry", "registry", &self.registry),
            ("--state-dir", "state.dir", &self.state_dir),
            ("--metrics-listen", "metrics.listen", &self.metrics_listen),
        ]
        .into_iter()
        .filter_map(|(name, path, value)| settings::flag(name, path, value.as_deref()))
        .collect()
    }
}

/// Runs until told to stop.
pub(super) fn run(args: &RunArgs) -> Result<(), Failure> {
    let config = args.settings.load(args.flags(), Secrets::Needed)?;
    let _registry = settings::registry(&config)?;
    Err(Failure::Failed(anyhow!("this build cannot run on NATS")))
}
