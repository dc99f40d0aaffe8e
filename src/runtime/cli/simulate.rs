//! `humdrum simulate`: writes a fleet with labels, for trying and testing.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;

use super::failure::Failure;

/// Write a simulated fleet with its attacks labeled: events, registry, labels, oddities and figures.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  humdrum simulate --out fleet\n  \
    humdrum simulate --out fleet --bots 500 --days 28 --test-days 14 --seed 7\n\n\
    The same arguments give the same fleet, byte for byte.")]
pub(super) struct SimulateArgs {
    /// Directory to write to; made where it is missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
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
    /// Odd but fine things a bot, on average
    #[arg(long, value_name = "NUMBER", default_value_t = 0.8)]
    oddities: f64,
}

/// Writes the fleet.
pub(super) fn run(args: &SimulateArgs) -> Result<(), Failure> {
    tracing::debug!(?args, "simulate");
    Err(Failure::Failed(anyhow!("this build has no simulator")))
}
