//! `humdrum evaluate`: holds alerts against the labels of a fleet.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;

use super::failure::Failure;

/// Hold alerts against labels: recall, right-reason rate, false alerts for 100 bot-days, time to detect.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  humdrum evaluate fleet --alerts alerts.ndjson\n  \
    humdrum evaluate --labels labels.ndjson --meta meta.json --alerts alerts.ndjson --json\n  \
    humdrum evaluate fleet --alerts alerts.ndjson --min-severity low --budget 0.01")]
pub(super) struct EvaluateArgs {
    /// Directory that `humdrum simulate` wrote, in place of `--labels`, `--benign` and `--meta`
    #[arg(value_name = "FLEET_DIR", required_unless_present = "labels", conflicts_with_all = ["labels", "benign", "meta"])]
    fleet: Option<PathBuf>,
    /// Labels of the attacks (NDJSON)
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// What was odd but fine (NDJSON)
    #[arg(long, value_name = "FILE")]
    benign: Option<PathBuf>,
    /// Figures of the fleet (JSON): where the test begins and how many bot-days it has
    #[arg(long, value_name = "FILE")]
    meta: Option<PathBuf>,
    /// Alerts (NDJSON)
    #[arg(long, value_name = "FILE")]
    alerts: PathBuf,
    /// Least severity that counts
    #[arg(long, value_name = "SEVERITY", default_value = "medium", value_parser = super::severity)]
    min_severity: crate::alert::Severity,
    /// Rank the alerts by score, and cut where false ones pass this many a bot-day
    #[arg(long, value_name = "RATE")]
    budget: Option<f64>,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

/// Prints the figures.
pub(super) fn run(args: &EvaluateArgs) -> Result<(), Failure> {
    tracing::debug!(?args, "evaluate");
    Err(Failure::Failed(anyhow!("this build has no evaluation")))
}
