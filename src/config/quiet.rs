//! What shall be told less of: decisions about rules, and suppressions.

use super::check::Check;
use super::fault::nearest;
use super::raw::{RawNames, RawRule, RawSuppression};
use super::words::{dimensions, instant, patterns, said, severity, words};
use crate::alert::{Scope, Suppression};
use crate::detect::Settings;
use crate::detect::rulebook::{self, RuleOverride, Rulebook};
use crate::time::{Span, Timestamp};

/// Longest time for which a suppression holds. What is expected for longer is a decision about a rule, or normal.
const SUPPRESSION_DAYS_MAX: i64 = 366;

/// Checks both lists, and puts them into the settings.
pub(super) fn settings(
    check: &mut Check<'_>,
    rules: Vec<RawRule>,
    suppressions: Vec<RawSuppression>,
    settings: &mut Settings,
) {
    let rules =
        rules.into_iter().enumerate().flat_map(|(number, rule)| decisions(check, &format!("rules[{number}]"), rule));
    settings.rules = Rulebook::new(rules.collect());
    let each = suppressions.into_iter().enumerate();
    settings.suppressions =
        each.map(|(number, raw)| suppression(check, &format!("suppressions[{number}]"), raw)).collect();
}

/// One decision for each rule that an entry names.
fn decisions(check: &mut Check<'_>, at: &str, raw: RawRule) -> Vec<RuleOverride> {
    let path = |name: &str| format!("{at}.{name}");
    let names = words(raw.rule);
    if names.is_empty() {
        check.fault(&path("rule"), "missing; `humdrum check --rules` lists the rules");
    }
    if !has_faults(check, at) && raw.enabled.is_none() && raw.severity.is_none() && raw.threshold.is_none() {
        check.fault(at, "decides nothing; write `enabled`, `severity` or `threshold`");
    }
    let severity = raw.severity.and_then(|text| severity(check, &path("severity"), &text));
    let scope = scope(check, at, [raw.tenants, raw.bots, raw.environments]);
    let until = raw.until.and_then(|text| instant(check, &path("until"), &text, Span::DAY));
    let mut decisions = Vec::new();
    for name in names {
        let Some(rule) = rulebook::rule(&name) else {
            check.fault(&path("rule"), unknown(&name, rulebook::RULES.iter().map(|rule| rule.name)));
            continue;
        };
        if let Some(value) = raw.threshold {
            threshold(check, &path("threshold"), rule, value);
        }
        let (scope, enabled, threshold) = (scope.clone(), raw.enabled, raw.threshold);
        decisions.push(RuleOverride { rule: rule.name, scope, enabled, severity, threshold, until });
    }
    decisions
}

fn threshold(check: &mut Check<'_>, path: &str, rule: &rulebook::Rule, value: f64) {
    let threshold = &rule.threshold;
    let (least, most) = threshold.range;
    // The positive form, so that NaN fails.
    if !(value >= least && value <= most) {
        check.fault(path, format!("{value} is outside {least} to {most} ({})", threshold.counts));
    } else if threshold.whole && value.fract() != 0.0 {
        check.fault(path, format!("{value} is no whole number ({})", threshold.counts));
    }
}

fn suppression(check: &mut Check<'_>, at: &str, raw: RawSuppression) -> Suppression {
    let path = |name: &str| format!("{at}.{name}");
    let from = raw.from.as_deref().map(|text| instant(check, &path("from"), text, Span::ZERO));
    let until = raw.until.as_deref().map(|text| instant(check, &path("until"), text, Span::DAY));
    if from.is_none() {
        check.fault(&path("from"), "missing; the first day of it, such as \"2026-11-01\"");
    }
    if until.is_none() {
        check.fault(&path("until"), "missing; the last day of it, such as \"2026-11-30\": a suppression must end");
    }
    if let (Some(Some(from)), Some(Some(until))) = (from, until) {
        if until <= from {
            check.fault(&path("until"), "not after `from`");
        } else if until - from > Span::from_days(SUPPRESSION_DAYS_MAX) {
            let days = (until - from).as_days_f64().ceil();
            let message = format!(
                "{days} days after `from`, at most {SUPPRESSION_DAYS_MAX}; what is expected for longer belongs into `[[rules]]`"
            );
            check.fault(&path("until"), message);
        }
    }
    let dimensions = dimensions(check, &path("dimensions"), raw.dimensions);
    let detectors = words(raw.rules);
    for name in &detectors {
        if !rulebook::is_detector(name) {
            let known = rulebook::RULES.iter().map(|rule| rule.name).chain(rulebook::MODELS.iter().copied());
            check.fault(&path("rules"), unknown(name, known));
        }
    }
    let suppression = Suppression {
        scope: scope(check, at, [raw.tenants, raw.bots, raw.environments]),
        hosts: patterns(check, &path("hosts"), raw.hosts),
        producers: patterns(check, &path("producers"), raw.producers),
        dimensions,
        detectors,
        owner: said(check, &path("owner"), raw.owner, "who answers for it"),
        reason: said(check, &path("reason"), raw.reason, "why, such as a ticket"),
        from: from.flatten().unwrap_or(Timestamp::MIN),
        until: until.flatten().unwrap_or(Timestamp::MIN),
    };
    if !has_faults(check, at) && !suppression.is_particular() {
        check.fault(at, "would hide whatever any bot does; name bots, hosts, producers or rules, and not just by `*`");
    }
    suppression
}

/// Whether something is wrong with a setting of an entry, so that what is wrong with the whole may follow from it.
fn has_faults(check: &Check<'_>, at: &str) -> bool {
    let within = format!("{at}.");
    check.faults.iter().any(|fault| fault.path.starts_with(&within))
}

/// Whom an entry is about.
pub(super) fn scope(check: &mut Check<'_>, at: &str, [tenant, bot, environment]: [Option<RawNames>; 3]) -> Scope {
    Scope {
        tenants: patterns(check, &format!("{at}.tenants"), tenant),
        bots: patterns(check, &format!("{at}.bots"), bot),
        environments: patterns(check, &format!("{at}.environments"), environment),
    }
}

fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    match nearest(name, known) {
        Some(other) => format!("`{name}` is no rule; did you mean `{other}`?"),
        None => format!("`{name}` is no rule; `humdrum check --rules` lists them"),
    }
}
