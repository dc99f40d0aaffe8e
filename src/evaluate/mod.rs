//! How good a stream of alerts is, held against a labelled fleet: recall, the right reason, false alerts, time to detect.
//!
//! An attack counts as found when an alert on its bot (or on its producer's log) falls between its start and its end
//! plus [`GRACE`]; for the right reason when one of the alert's dimensions is among the label's. An alert in the test
//! window that lies in no attack is false. Revisions of one alert count once, at the first one that is severe enough;
//! what merely resolves does not count. With a budget, alerts are ranked by score and cut where the false ones pass it.
//!
//! Blind spot: an alert for the wrong reason within an attack's time still finds it; hence the second figure.

mod report;
mod view;

use std::collections::{BTreeMap, BTreeSet};

use crate::alert::{Dimension, Severity};
use crate::simulate::{Benign, Label, Meta};
use crate::time::{Span, Timestamp};

pub use report::{Report, ScenarioFigures};
pub use view::{AlertView, ReasonView};

/// How long after an attack's last wrong event an alert still counts as its finding: fifteen minutes.
pub const GRACE: Span = Span::from_mins(15);

/// What to count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// Alerts below it are left out.
    pub min_severity: Severity,
    /// False alerts a bot-day at which the ranked alerts are cut; none for no cut.
    pub budget: Option<f64>,
}

impl Default for Options {
    /// Everything that pages, without a cut.
    fn default() -> Self {
        Self { min_severity: Severity::Medium, budget: None }
    }
}

/// A labelled fleet as the measure needs it.
#[derive(Clone, Copy, Debug)]
pub struct Truth<'a> {
    /// The attacks.
    pub labels: &'a [Label],
    /// What is odd but fine.
    pub benign: &'a [Benign],
    /// Where the test begins and how many bot-days it has.
    pub meta: &'a Meta,
}

/// What the alerts seen so far have found.
#[derive(Default)]
struct Tally {
    found: BTreeSet<usize>,
    right: BTreeSet<usize>,
    first: BTreeMap<usize, Timestamp>,
    false_by: BTreeMap<String, u64>,
}

/// Measures alerts, in the order in which they were published.
#[must_use]
pub fn evaluate(truth: &Truth<'_>, alerts: &[AlertView], options: &Options) -> Report {
    let mut attacks: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    for (place, label) in truth.labels.iter().enumerate() {
        let whom = label.bot.as_deref().filter(|bot| !bot.is_empty()).or(label.producer.as_deref());
        attacks.entry((&label.tenant, whom.unwrap_or_default())).or_default().push(place);
    }
    let mut odd: BTreeMap<(&str, &str), Vec<&Benign>> = BTreeMap::new();
    for benign in truth.benign {
        odd.entry((&benign.tenant, &benign.bot)).or_default().push(benign);
    }
    let mut counted = countable(alerts, truth.meta.split, options.min_severity);
    if options.budget.is_some() {
        counted.sort_by(|a, b| b.score.total_cmp(&a.score));
    }
    let limit = options.budget.map(|budget| (budget * truth.meta.bot_days_test) as u64);
    let (mut tally, mut wrong) = (Tally::default(), 0_u64);
    for alert in counted {
        if tally.hit(truth.labels, &attacks, alert) {
            continue;
        }
        if limit.is_some_and(|limit| wrong >= limit) {
            break;
        }
        wrong += 1;
        let why = odd.get(&(alert.tenant_name(), alert.bot.as_deref().unwrap_or_default())).and_then(|oddities| {
            oddities.iter().find(|benign| (benign.start..=benign.end).contains(&alert.ts)).map(|benign| &benign.why)
        });
        *tally.false_by.entry(why.map_or_else(|| "plain".to_owned(), Clone::clone)).or_default() += 1;
    }
    report(truth, &tally, wrong)
}

/// The first revision of each alert that is severe enough and falls into the test.
fn countable(alerts: &[AlertView], split: Timestamp, min_severity: Severity) -> Vec<&AlertView> {
    let mut seen = BTreeSet::new();
    alerts
        .iter()
        .filter(|alert| alert.severity >= min_severity && split <= alert.ts && !alert.resolved)
        .filter(|alert| alert.id.as_deref().filter(|id| !id.is_empty()).is_none_or(|id| seen.insert(id)))
        .collect()
}

impl Tally {
    /// Notes the attacks that an alert finds; says whether there were any.
    fn hit(&mut self, labels: &[Label], attacks: &BTreeMap<(&str, &str), Vec<usize>>, alert: &AlertView) -> bool {
        let names = [
            (alert.tenant_name(), alert.bot.as_deref()),
            (alert.tenant.as_deref().unwrap_or_default(), alert.producer.as_deref()),
        ];
        let dimensions: BTreeSet<Dimension> = alert.reasons.iter().filter_map(|reason| reason.dimension).collect();
        let mut any = false;
        for (tenant, name) in names {
            let Some(name) = name else { continue };
            for &place in attacks.get(&(tenant, name)).into_iter().flatten() {
                let label = &labels[place];
                if !(label.start..=label.end + GRACE).contains(&alert.ts) {
                    continue;
                }
                any = true;
                self.found.insert(place);
                let first = self.first.entry(place).or_insert(alert.ts);
                *first = (*first).min(alert.ts);
                if label.dimensions.iter().any(|dimension| dimensions.contains(dimension)) {
                    self.right.insert(place);
                }
            }
        }
        any
    }
}

fn report(truth: &Truth<'_>, tally: &Tally, wrong: u64) -> Report {
    let mut scenarios: BTreeMap<String, ScenarioFigures> = BTreeMap::new();
    for (place, label) in truth.labels.iter().enumerate() {
        let figures = scenarios.entry(label.scenario.clone()).or_default();
        figures.attacks += 1;
        figures.found += u64::from(tally.found.contains(&place));
        figures.right_reason += u64::from(tally.right.contains(&place));
    }
    let mut waits: Vec<f64> = tally
        .first
        .iter()
        .filter_map(|(&place, &at)| truth.labels.get(place).map(|label| (at - label.start).as_secs_f64()))
        .collect();
    waits.sort_by(f64::total_cmp);
    let (attacks, found, days) = (truth.labels.len() as f64, tally.found.len() as f64, truth.meta.bot_days_test);
    let share = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
    let rounded = |value: Option<f64>, digits: usize| value.map(|value| report::round(value, digits));
    Report {
        attacks: truth.labels.len() as u64,
        found: tally.found.len() as u64,
        recall: rounded(share(found, attacks), 3),
        right_reason: rounded(share(tally.right.len() as f64, attacks), 3),
        false_alerts: wrong,
        false_per_100_bot_days: rounded(share(100.0 * wrong as f64, days), 2),
        false_by: tally.false_by.clone(),
        precision: report::round(found / (found + wrong as f64).max(1.0), 3),
        median_seconds_to_detect: waits.get(waits.len() / 2).copied(),
        scenarios,
    }
}

#[cfg(test)]
mod tests;
