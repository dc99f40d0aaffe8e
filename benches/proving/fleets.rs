//! Fleets with attacks: what is found, for the right reason, at how many false pages, and how soon.
//!
//! Means are over fleets and not over attacks, so that no large fleet speaks for all; the worst fleet stands beside them,
//! since an operator has one fleet and not the mean of them. An attack's fate is what [`evaluate`] says of it alone.

use std::collections::BTreeMap;
use std::io::{Result, Write};

use humdrum::alert::Severity;
use humdrum::evaluate::{AlertView, Options, Report, Truth, evaluate};

use crate::fleet::{self, Keep, Run};
use crate::wish::Wish;

/// False alerts per 100 bot-days at which the ranked alerts are cut.
const BUDGETS: [f64; 4] = [0.1, 0.5, 1.0, 5.0];

/// What became of the attacks of one scenario.
#[derive(Default)]
struct Fates {
    attacks: u32,
    found: u32,
    right: u32,
    seconds: Vec<f64>,
}

/// One figure of every fleet.
struct Figures(Vec<f64>);

pub(crate) fn prove(wish: &Wish, out: &mut impl Write) -> Result<()> {
    let runs = if wish.folders.is_empty() {
        fleet::simulated(&wish.specs(false), Keep::default())
    } else {
        fleet::folders(&wish.folders, Keep::default())
    };
    let reports: Vec<Report> = runs.iter().map(|run| run.measure(&Options::default())).collect();
    by_fleet(&runs, &reports, out)?;
    by_scenario(&runs, out)?;
    by_budget(&runs, out)?;
    by_cause(&reports, out)
}

fn by_fleet(runs: &[Run], reports: &[Report], out: &mut impl Write) -> Result<()> {
    writeln!(out, "| fleet | attacks | recall | right reason | false pages per 100 bot-days | median seconds |")?;
    writeln!(out, "|---|---|---|---|---|---|")?;
    for (run, report) in runs.iter().zip(reports) {
        let Report { attacks, recall, right_reason, false_per_100_bot_days, median_seconds_to_detect, .. } = report;
        let [recall, right, wrong] = [recall, right_reason, false_per_100_bot_days].map(|v| v.unwrap_or(f64::NAN));
        let seconds = median_seconds_to_detect.map_or_else(|| "-".to_owned(), |s| format!("{s:.0}"));
        writeln!(out, "| {} | {attacks} | {recall:.3} | {right:.3} | {wrong:.2} | {seconds} |", run.name)?;
    }
    let figures = |of: fn(&Report) -> Option<f64>| Figures(reports.iter().filter_map(of).collect());
    let (recall, right) = (figures(|r| r.recall), figures(|r| r.right_reason));
    let wrong = figures(|r| r.false_per_100_bot_days);
    writeln!(out, "| mean | | {:.3} | {:.3} | {:.2} | |", recall.mean(), right.mean(), wrong.mean())?;
    writeln!(out, "| worst | | {:.3} | {:.3} | {:.2} | |\n", recall.least(), right.least(), wrong.most())
}

fn by_scenario(runs: &[Run], out: &mut impl Write) -> Result<()> {
    let mut scenarios: BTreeMap<&str, Fates> = BTreeMap::new();
    for run in runs {
        let alerts: Vec<AlertView> = run.alerts.iter().map(AlertView::from).collect();
        for label in &run.summary.labels {
            let labels = std::slice::from_ref(label);
            let fate = evaluate(&Truth { labels, ..run.truth() }, &alerts, &Options::default());
            let fates = scenarios.entry(&label.scenario).or_default();
            fates.attacks += 1;
            fates.found += fate.found as u32;
            fates.right += u32::from(fate.right_reason == Some(1.0));
            fates.seconds.extend(fate.median_seconds_to_detect);
        }
    }
    writeln!(out, "| scenario | found | right reason | median seconds |\n|---|---|---|---|")?;
    for (scenario, Fates { attacks, found, right, seconds }) in &mut scenarios {
        seconds.sort_by(f64::total_cmp);
        let median = seconds.get(seconds.len() / 2).map_or_else(|| "-".to_owned(), |s| format!("{s:.0}"));
        writeln!(out, "| {scenario} | {found}/{attacks} | {right}/{attacks} | {median} |")?;
    }
    writeln!(out)
}

fn by_budget(runs: &[Run], out: &mut impl Write) -> Result<()> {
    writeln!(out, "| ranked alerts, false per 100 bot-days | recall, mean | worst | right reason, mean | worst |")?;
    writeln!(out, "|---|---|---|---|---|")?;
    for budget in BUDGETS {
        let options = Options { min_severity: Severity::Info, budget: Some(budget / 100.0) };
        let reports: Vec<Report> = runs.iter().map(|run| run.measure(&options)).collect();
        let recall = Figures(reports.iter().filter_map(|report| report.recall).collect());
        let right = Figures(reports.iter().filter_map(|report| report.right_reason).collect());
        writeln!(
            out,
            "| {budget} | {:.3} | {:.3} | {:.3} | {:.3} |",
            recall.mean(),
            recall.least(),
            right.mean(),
            right.least()
        )?;
    }
    writeln!(out)
}

fn by_cause(reports: &[Report], out: &mut impl Write) -> Result<()> {
    let mut causes: BTreeMap<&str, u64> = BTreeMap::new();
    for (why, count) in reports.iter().flat_map(|report| &report.false_by) {
        *causes.entry(why).or_default() += count;
    }
    writeln!(out, "| false pages, by what was odd but fine | |\n|---|---|")?;
    causes.iter().try_for_each(|(why, count)| writeln!(out, "| {why} | {count} |"))
}

impl Figures {
    fn mean(&self) -> f64 {
        self.0.iter().sum::<f64>() / self.0.len() as f64
    }

    fn least(&self) -> f64 {
        self.0.iter().copied().fold(f64::NAN, f64::min)
    }

    fn most(&self) -> f64 {
        self.0.iter().copied().fold(f64::NAN, f64::max)
    }
}
