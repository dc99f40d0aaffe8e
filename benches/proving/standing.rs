//! The rules on identities: what they find where something is wrong with an identity's standing, and what they page for
//! where nothing is.
//!
//! Most of these rules are for the archive and page nobody, so that an attack counts as found by an alert of any
//! severity but `info`, and beside it by one that pages; what only rules of `info` are for is found by those. Clean
//! fleets run for 90 days of test, once as the usual ones are and once with the daily grants of the standing fleets; what
//! pages there with a rule as its leading reason is a false page of the rules, whatever else there is in it.
//!
//! `rules.tsv` names for each rule the scenarios that it is for: in how many of those it spoke, in an alert of any severity
//! within the time of the attack. An attack that was not found, or for another reason, is named at the end.

use std::collections::BTreeMap;
use std::io::{Result, Write};

use humdrum::alert::{Alert, Severity};
use humdrum::detect::rulebook;
use humdrum::evaluate::{AlertView, GRACE, Options, Truth, evaluate};
use humdrum::simulate::{FleetSpec, Label, Scenario, Wrongs};

use crate::fleet::{self, Keep, Run};
use crate::wish::Wish;

/// Rules and the scenarios that they are for.
const RULES: &str = include_str!("rules.tsv");
/// Attacks a bot, so that each scenario comes a few times.
const ATTACKS_PER_BOT: f64 = 0.8;
/// Days of the clean fleets: of the baseline, and of the test.
const CLEAN_DAYS: (u32, u32) = (28, 90);

/// What became of the attacks of one scenario.
#[derive(Default)]
struct Fates {
    attacks: u32,
    /// Found and for the right reason, by an alert of `low` or more.
    found: u32,
    right: u32,
    /// The same, by one that pages.
    paged: u32,
    right_paged: u32,
}

pub(crate) fn prove(wish: &Wish, out: &mut impl Write) -> Result<()> {
    let specs: Vec<FleetSpec> = wish
        .specs(false)
        .into_iter()
        .map(|spec| FleetSpec { wrongs: Wrongs::Standing, attacks_per_bot: ATTACKS_PER_BOT, ..spec })
        .collect();
    let runs = fleet::simulated(&specs, Keep::default());
    by_scenario(&runs, out)?;
    spoken(&runs, out)?;
    for (name, wrongs) in [("usual", Wrongs::Usual), ("daily grants", Wrongs::Standing)] {
        let clean = wish.specs(true).into_iter().map(|spec| FleetSpec {
            wrongs,
            days_baseline: CLEAN_DAYS.0,
            days_test: CLEAN_DAYS.1,
            ..spec
        });
        let runs = fleet::simulated(&clean.collect::<Vec<_>>(), Keep::default());
        by_rule(name, &runs, out)?;
    }
    Ok(())
}

fn by_scenario(runs: &[Run], out: &mut impl Write) -> Result<()> {
    let mut missed: Vec<String> = Vec::new();
    let mut scenarios: BTreeMap<&str, Fates> =
        Scenario::STANDING.iter().map(|scenario| (scenario.as_str(), Fates::default())).collect();
    for run in runs {
        let alerts: Vec<AlertView> = run.alerts.iter().map(AlertView::from).collect();
        for label in &run.summary.labels {
            let labels = std::slice::from_ref(label);
            let truth = Truth { labels, ..run.truth() };
            let fate = |min_severity| {
                let report = evaluate(&truth, &alerts, &Options { min_severity, ..Options::default() });
                (report.found as u32, u32::from(report.right_reason == Some(1.0)))
            };
            let fates = scenarios.entry(&label.scenario).or_default();
            let ((found, right), (paged, right_paged)) = (fate(least(&label.scenario)), fate(Severity::Medium));
            if found == 0 || right == 0 {
                missed.push(format!("{}, {}: {}", run.name, miss(run, label), label.note));
            }
            fates.attacks += 1;
            fates.found += found;
            fates.right += right;
            fates.paged += paged;
            fates.right_paged += right_paged;
        }
    }
    writeln!(out, "| scenario | attacks | found | right reason | paged | right reason |\n|---|---|---|---|---|---|")?;
    let mut all = Fates::default();
    for (scenario, fates) in &scenarios {
        line(scenario, fates, out)?;
        all.attacks += fates.attacks;
        all.found += fates.found;
        all.right += fates.right;
        all.paged += fates.paged;
        all.right_paged += fates.right_paged;
    }
    line("all", &all, out)?;
    missed.iter().try_for_each(|missed| writeln!(out, "- {missed}"))
}

/// The severity of an alert that finds an attack: `low`, but `info` where all rules that it is for tell no more.
fn least(scenario: &str) -> Severity {
    let of_it = |(_, scenarios): &(&str, &str)| scenarios.split(',').any(|name| name == scenario);
    let worst = rows().filter(of_it).filter_map(|(rule, _)| rulebook::rule(rule)?.severities.last());
    if worst.max() == Some(&Severity::Info) { Severity::Info } else { Severity::Low }
}

/// Rules with the scenarios that they are for.
fn rows() -> impl Iterator<Item = (&'static str, &'static str)> {
    RULES.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('\t'))
}

/// An attack that was missed, with what was said of its bot or log around it.
fn miss(run: &Run, label: &Label) -> String {
    let near = heard(run, label).map(|alert| {
        let detectors: Vec<&str> = alert.reasons.iter().map(|reason| reason.detector.as_str()).collect();
        format!("{} {} {}", alert.ts, alert.severity, detectors.join(" "))
    });
    let whom = label.bot.as_ref().or(label.producer.as_ref()).map_or("", String::as_str);
    format!("{} at {whom} from {}, heard [{}]", label.scenario, label.start, near.collect::<Vec<_>>().join("; "))
}

/// Alerts of any severity on the bot or the log of an attack, within its time.
fn heard<'a>(run: &'a Run, label: &'a Label) -> impl Iterator<Item = &'a Alert> {
    let of_it = |alert: &&Alert| match &label.bot {
        Some(bot) => alert.bot.as_ref() == Some(bot),
        None => alert.producer == label.producer && alert.bot.is_none(),
    };
    let times = label.start..=label.end + GRACE;
    let firing = run.alerts.iter().filter(|alert| !AlertView::from(*alert).resolved && alert.tenant == label.tenant);
    firing.filter(of_it).filter(move |alert| times.contains(&alert.ts))
}

/// In how many of the attacks that it is for each rule spoke.
fn spoken(runs: &[Run], out: &mut impl Write) -> Result<()> {
    writeln!(out, "\n| rule | attacks | spoke |\n|---|---|---|")?;
    for (rule, scenarios) in rows() {
        let of_it = |label: &&Label| scenarios.split(',').any(|name| name == label.scenario);
        let speaks = |alert: &Alert| alert.reasons.iter().any(|reason| reason.detector == rule);
        let (mut attacks, mut spoke) = (0, 0);
        for run in runs {
            for label in run.summary.labels.iter().filter(of_it) {
                attacks += 1;
                spoke += u32::from(heard(run, label).any(speaks));
            }
        }
        writeln!(out, "| {rule} | {attacks} | {spoke} |")?;
    }
    Ok(())
}

fn line(name: &str, fates: &Fates, out: &mut impl Write) -> Result<()> {
    let Fates { attacks, found, right, paged, right_paged } = fates;
    writeln!(out, "| {name} | {attacks} | {found} | {right} | {paged} | {right_paged} |")
}

/// Pages of clean fleets that a rule leads, by rule.
fn by_rule(name: &str, runs: &[Run], out: &mut impl Write) -> Result<()> {
    let mut rules: BTreeMap<String, u32> = BTreeMap::new();
    let (mut pages, mut archived, mut days) = (0, 0, 0.0);
    for run in runs {
        days += run.summary.meta.bot_days_test;
        for page in run.pages() {
            if let Some(rule) = leads(page) {
                *rules.entry(rule).or_default() += 1;
                pages += 1;
            }
        }
        let low = |alert: &&Alert| {
            alert.severity == Severity::Low && alert.revision == 1 && alert.ts >= run.summary.meta.split
        };
        archived += run.alerts.iter().filter(low).filter(|alert| leads(alert).is_some()).count();
    }
    let rate = |count: f64| 100.0 * count / days;
    writeln!(
        out,
        "\nClean, {name}: {pages} pages led by a rule in {days:.0} bot-days, {:.3} per 100; {:.3} more for the archive",
        rate(f64::from(pages)),
        rate(archived as f64)
    )?;
    rules.iter().try_for_each(|(rule, count)| writeln!(out, "- {rule}: {count}"))
}

/// The rule that is the first reason of an alert, if one is.
fn leads(alert: &Alert) -> Option<String> {
    let first = alert.reasons.first()?;
    rulebook::rule(&first.detector).map(|rule| rule.name.to_owned())
}
