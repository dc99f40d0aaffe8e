//! `humdrum evaluate`: holds alerts against the labels of a fleet.

#![expect(clippy::disallowed_methods, reason = "reads the files of labels and alerts that the command line names")]

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::Args;
use serde::de::DeserializeOwned;

use super::failure::Failure;
use super::output;
use crate::evaluate::{AlertView, Options, Truth, evaluate};
use crate::simulate::{Benign, Label, Meta};
use crate::time::Timestamp;

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
    /// Figures of the fleet (JSON): where the test begins and how many bot-days it has; without them every alert counts
    /// and there are no rates
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
    let options = Options { min_severity: args.min_severity, budget: args.budget };
    if args.budget.is_some_and(|rate| !(rate >= 0.0 && rate.is_finite())) {
        return Err(Failure::Usage(anyhow!("--budget: write a number of false alerts for each bot-day, such as 0.01")));
    }
    let files = args.files();
    if args.budget.is_some() && files.meta.is_none() {
        return Err(Failure::Usage(anyhow!("--budget needs --meta, which says how many bot-days the test has")));
    }
    let labels: Vec<Label> = lines(&files.labels)?;
    let benign: Vec<Benign> = files.benign.as_deref().map(lines).transpose()?.unwrap_or_default();
    let meta: Meta = match &files.meta {
        Some(path) => {
            serde_json::from_str(&text(path)?).with_context(|| format!("{} is no meta.json", path.display()))?
        }
        None => whole(&labels),
    };
    let alerts: Vec<AlertView> = lines(&args.alerts)?;
    let report = evaluate(&Truth { labels: &labels, benign: &benign, meta: &meta }, &alerts, &options);
    let mut out = output::stdout();
    let printed = if args.json {
        serde_json::to_writer(&mut out, &report).map_err(io::Error::from).and_then(|()| writeln!(out))
    } else {
        write!(out, "{report}")
    };
    Ok(printed.and_then(|()| out.flush()).context("standard output cannot be written")?)
}

/// Where the truth stands.
struct Files {
    labels: PathBuf,
    benign: Option<PathBuf>,
    meta: Option<PathBuf>,
}

impl EvaluateArgs {
    fn files(&self) -> Files {
        let within = |name: &str| self.fleet.as_ref().map(|fleet| fleet.join(name));
        Files {
            labels: within("labels.ndjson").or_else(|| self.labels.clone()).unwrap_or_default(),
            benign: within("benign.ndjson").or_else(|| self.benign.clone()),
            meta: within("meta.json").or_else(|| self.meta.clone()),
        }
    }
}

/// A test without known bounds: every alert counts, and there are no rates.
fn whole(labels: &[Label]) -> Meta {
    let end = labels.iter().map(|label| label.end).max().unwrap_or_default();
    Meta { events: 0, bots: 0, attacks: labels.len() as u64, split: Timestamp::MIN, end, bot_days_test: 0.0 }
}

fn text(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}

/// Records of a file, one a line; blank lines are passed over.
fn lines<T: DeserializeOwned>(path: &Path) -> anyhow::Result<Vec<T>> {
    let mut records = Vec::new();
    for (index, line) in text(path)?.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let record = serde_json::from_str(line);
        records.push(record.with_context(|| format!("{} line {}", path.display(), index + 1))?);
    }
    Ok(records)
}
