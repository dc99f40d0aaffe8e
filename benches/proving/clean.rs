//! Fleets on which nothing is wrong, for most of a year: what pages all the same, and what causes it.
//!
//! A year, since month ends, quarter ends, holidays and clock changes come seldom, and since a detector that pages on
//! each of them is calibrated in the weeks between. Drift alarms are counted by the bot-year: growth is slow, and so is
//! what is mistaken for it.

use std::collections::BTreeMap;
use std::io::{Result, Write};

use humdrum::alert::{Alert, Dimension};
use humdrum::simulate::Benign;

use crate::fleet::{self, Keep, Run};
use crate::wish::Wish;

const DAYS_A_YEAR: f64 = 365.25;

pub(crate) fn prove(wish: &Wish, out: &mut impl Write) -> Result<()> {
    let runs = fleet::simulated(&wish.specs(true), Keep::default());
    writeln!(out, "| fleet | false pages per 100 bot-days | drift alarms per bot-year |\n|---|---|---|")?;
    let (mut pages_all, mut drifts_all, mut days_all) = (0, 0, 0.0);
    let (mut detectors, mut causes) = (BTreeMap::new(), BTreeMap::new());
    for run in &runs {
        let (pages, days) = (run.pages(), run.summary.meta.bot_days_test);
        let drifts = pages.iter().filter(|page| is_drift(page)).count();
        line(&run.name, pages.len(), drifts, days, out)?;
        for page in &pages {
            *detectors.entry(detector(page)).or_insert(0_usize) += 1;
            *causes.entry(cause(page, run)).or_insert(0) += 1;
        }
        pages_all += pages.len();
        drifts_all += drifts;
        days_all += days;
    }
    line("all", pages_all, drifts_all, days_all, out)?;
    shares("detector of the first reason", &detectors, days_all, out)?;
    shares("odd but fine", &causes, days_all, out)
}

fn line(name: &str, pages: usize, drifts: usize, days: f64, out: &mut impl Write) -> Result<()> {
    let (rate, drift) = (100.0 * pages as f64 / days, drifts as f64 * DAYS_A_YEAR / days);
    writeln!(out, "| {name} | {rate:.3} ({pages}) | {drift:.3} ({drifts}) |")
}

fn shares(what: &str, counts: &BTreeMap<String, usize>, days: f64, out: &mut impl Write) -> Result<()> {
    writeln!(out, "\n| {what} | false pages | per 100 bot-days |\n|---|---|---|")?;
    let mut counts: Vec<_> = counts.iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    counts
        .into_iter()
        .try_for_each(|(name, count)| writeln!(out, "| {name} | {count} | {:.3} |", 100.0 * *count as f64 / days))
}

fn detector(page: &Alert) -> String {
    let first = page.reasons.first();
    first.map_or_else(|| "none".to_owned(), |reason| format!("{} {}", reason.dimension.as_str(), reason.detector))
}

fn is_drift(page: &Alert) -> bool {
    page.reasons.iter().any(|reason| reason.dimension == Dimension::Drift)
}

/// The oddity that a page fell into, as the measure names it.
fn cause(page: &Alert, run: &Run) -> String {
    let meets = |odd: &&Benign| {
        odd.tenant == page.tenant && page.bot.as_ref() == Some(&odd.bot) && (odd.start..=odd.end).contains(&page.ts)
    };
    run.summary.benign.iter().find(meets).map_or_else(|| "plain".to_owned(), |odd| odd.why.clone())
}
