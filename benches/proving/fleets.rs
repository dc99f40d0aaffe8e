//! Fleets with attacks: what is found, for the right reason, at how many false pages, and how soon.
//!
//! Means are over fleets and not over attacks, so that no large fleet speaks for all; the worst fleet stands beside them,
//! since an operator has one fleet and not the mean of them. An attack's fate is what [`evaluate`] says of it alone.

use std::collections::BTreeMap;
use std::io::{Result, Write};

use humdrum::alert::{Alert, Reason, Severity};
use humdrum::evaluate::{AlertView, GRACE, Options, Report, Truth, evaluate};
use humdrum::simulate::Label;

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
    by_cause(&reports, out)?;
    missed(&runs, wish.show, out)?;
    wrong(&runs, wish.show, out)?;
    ranked(&runs, wish.show, out)
}

/// Attacks that no page tells of for the right reason, each with the strongest words that were said meanwhile.
fn missed(runs: &[Run], most: usize, out: &mut impl Write) -> Result<()> {
    let labels = runs.iter().flat_map(|run| run.summary.labels.iter().map(move |label| (run, label)));
    let is_missed = |(run, label): &(&Run, &Label)| {
        let alerts: Vec<AlertView> = run.alerts.iter().map(AlertView::from).collect();
        let truth = Truth { labels: std::slice::from_ref(*label), ..run.truth() };
        evaluate(&truth, &alerts, &Options::default()).right_reason != Some(1.0)
    };
    for (run, label) in labels.filter(is_missed).take(most) {
        let who = label.bot.as_deref().or(label.producer.as_deref()).unwrap_or_default();
        let (start, end) = (label.start, label.end + GRACE);
        writeln!(out, "{}: missed {} of {who}, {start} to {end}", run.name, label.scenario)?;
        let said = run.alerts.iter().filter(|alert| {
            let subject = (alert.tenant.as_str(), alert.bot.as_deref().or(alert.producer.as_deref()));
            subject == (label.tenant.as_str(), Some(who)) && (start..=end).contains(&alert.ts)
        });
        said.take(3).try_for_each(|alert| writeln!(out, "    {}", words(alert)))?;
    }
    Ok(())
}

/// Pages that fall into no attack.
fn wrong(runs: &[Run], most: usize, out: &mut impl Write) -> Result<()> {
    let pages = runs.iter().flat_map(|run| run.pages().into_iter().map(move |page| (run, page)));
    let is_wrong = |(run, page): &(&Run, &Alert)| !run.is_attack(page);
    pages.filter(is_wrong).take(most).try_for_each(|(run, page)| writeln!(out, "{}: false {}", run.name, words(page)))
}

/// The alerts of each fleet by score, down to the cut of the largest budget.
fn ranked(runs: &[Run], most: usize, out: &mut impl Write) -> Result<()> {
    for run in runs.iter().filter(|_| most > 0) {
        let mut alerts = run.first(Severity::Info);
        alerts.sort_by(|a, b| b.score.total_cmp(&a.score));
        let mut left = (BUDGETS[BUDGETS.len() - 1] / 100.0 * run.summary.meta.bot_days_test) as u64;
        for alert in alerts {
            let attack = run.is_attack(alert);
            if !attack && left == 0 {
                break;
            }
            left -= u64::from(!attack);
            let fate = if attack { "attack" } else { "false" };
            writeln!(out, "{}: ranked {fate} {}", run.name, words(alert))?;
        }
    }
    Ok(())
}

fn words(alert: &Alert) -> String {
    let reason = |reason: &Reason| {
        let p = reason.p_value.map_or_else(|| "rule".to_owned(), |p| format!("{p:.1e}"));
        format!("{} {} {p}: {} / {}", reason.dimension.as_str(), reason.detector, reason.observed, reason.expected)
    };
    let reasons: Vec<String> = alert.reasons.iter().map(reason).collect();
    let Alert { ts, severity, score, title, baseline, .. } = alert;
    let days = baseline.days;
    format!("{ts} {severity:?} {score:.1} after {days:.0} days: {title} [{}]", reasons.join(" | "))
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
