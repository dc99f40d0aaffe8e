//! `humdrum demo`: the whole on an embedded stream, with nothing else installed.

use anyhow::anyhow;
use clap::Args;

use super::failure::Failure;

/// Show everything at work on a simulated fleet: its month of baseline, its attacks, and the alerts.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  humdrum demo\n  humdrum demo --once --fast\n  humdrum demo --nats nats://127.0.0.1:4222"
)]
pub(super) struct DemoArgs {
    /// End after the last attack instead of going on
    #[arg(long)]
    once: bool,
    /// Use this NATS server instead of the embedded stream
    #[arg(long, value_name = "URL")]
    nats: Option<String>,
    /// Seed of the fleet; the same seed shows the same
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// As fast as the machine can instead of at a speed that can be followed
    #[arg(long)]
    fast: bool,
}

/// Reserved: the verb is hidden and says that this build has no demonstration.
pub(super) fn run(args: &DemoArgs) -> Result<(), Failure> {
    tracing::debug!(args.once, args.nats, args.seed, args.fast, "demo");
    Err(Failure::Failed(anyhow!("this build has no demonstration; `humdrum replay` works on files")))
}
