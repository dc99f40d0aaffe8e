//! What is told less of, for people: the table of rules, and what each suppression has hidden.

use std::fmt::Write;

use super::plain;
use crate::alert::{Severity, Silence, Standing, Suppression};
use crate::detect::SuppressionFacts;
use crate::detect::rulebook::RULES;
use crate::time::{Span, Timestamp};

/// Every rule with its defaults, as a table in Markdown that can be read as it is.
#[must_use]
pub fn rules() -> String {
    let mut rows = vec![["Rule", "Dimension", "Severity", "Threshold", "Broken where"].map(ToOwned::to_owned)];
    for rule in RULES {
        let severities: Vec<&str> = rule.severities.iter().map(|severity| severity.as_str()).collect();
        let (threshold, (least, most)) = (rule.threshold, rule.threshold.range);
        let threshold = format!("{} {} ({least} to {most})", threshold.default(), threshold.counts);
        let (name, dimension) = (format!("`{}`", rule.name), rule.dimension.to_string());
        rows.push([name, dimension, severities.join(", "), threshold, rule.breaks.to_owned()]);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; 5] = std::array::from_fn(width);
    rows.insert(1, widths.map(|width| "-".repeat(width)));
    let mut text = String::new();
    for row in &rows {
        for (cell, width) in row.iter().zip(widths) {
            text.push_str(&format!("| {cell:<width$} "));
        }
        text.push_str("|\n");
    }
    text
}

/// One suppression with what it has hidden, in a line without its break.
#[must_use]
pub fn suppression(facts: &SuppressionFacts<'_>) -> String {
    let mut text = described(facts.number, facts.suppression);
    let written = match facts.last {
        None => write!(text, ": hid nothing"),
        Some(last) => {
            let plural = if facts.alerts == 1 { "" } else { "s" };
            write!(text, ": hid {} alert{plural} of {} findings, the last at {last}", facts.alerts, facts.findings)
        }
    };
    let note = match (facts.standing, facts.findings) {
        (Standing::Pending, _) => "; it has not begun",
        (Standing::Active, _) => "",
        (Standing::Ending, 0) => "; it ends soon and was never needed",
        (Standing::Ending, _) => "; it ends soon",
        (Standing::Ended, _) => "; it is over and can go",
    };
    text.push_str(if written.is_ok() { note } else { "" });
    text
}

/// What is to be said of a suppression at a time without knowing what it hides; `None` where nothing is.
#[must_use]
pub fn warning(number: usize, suppression: &Suppression, now: Timestamp) -> Option<String> {
    let described = described(number, suppression);
    match suppression.standing(now) {
        Standing::Pending | Standing::Active => None,
        Standing::Ending => Some(format!("{described} ends soon")),
        Standing::Ended => Some(format!("{described} is over and can go")),
    }
}

/// A silence as it stands at a time: whose it is, why, and until when.
#[must_use]
pub fn silence(silence: &Silence, now: Timestamp) -> String {
    let Silence { name, owner, reason, until, .. } = silence;
    let over = if *until <= now { "; it is over and can go" } else { "" };
    format!("{} of {} until {}: {}{over}", plain(name), plain(owner), end(*until), plain(reason))
}

/// Alerts that were hidden, worst first.
#[must_use]
pub fn hidden(suppressed: &[u64; 5]) -> String {
    let counts = Severity::ALL.into_iter().zip(suppressed).rev().filter(|(_, count)| **count > 0);
    let list: Vec<String> = counts.map(|(severity, count)| format!("{count} {severity}")).collect();
    let total: u64 = suppressed.iter().sum();
    if list.is_empty() { total.to_string() } else { format!("{total}: {}", list.join(", ")) }
}

/// Which suppression: place, owner, end.
fn described(number: usize, suppression: &Suppression) -> String {
    format!("suppressions[{number}] of {} until {}", plain(&suppression.owner), end(suppression.until))
}

/// The last day that is within, or the instant.
fn end(until: Timestamp) -> String {
    let midnight = until.as_micros().rem_euclid(Span::DAY.as_micros()) == 0;
    if midnight { (until - Span::SECOND).to_string()[..10].to_owned() } else { until.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::{Matcher, Scope};

    #[test]
    fn a_suppression_says_whose_it_is_what_it_hid_and_whether_it_can_go() {
        let suppression = Suppression {
            scope: Scope::default(),
            hosts: Vec::new(),
            producers: Vec::new(),
            dimensions: Vec::new(),
            detectors: Vec::new(),
            owner: "ann\u{1b}".to_owned(),
            reason: "move".to_owned(),
            from: "2026-11-01T00:00:00Z".parse().expect("a time"),
            until: "2026-12-01T00:00:00Z".parse().expect("a time"),
        };
        let line = |standing, findings, last: Option<&str>| {
            let last = last.map(|text| text.parse().expect("a time"));
            super::suppression(&SuppressionFacts {
                number: 2,
                suppression: &suppression,
                standing,
                findings,
                alerts: 1,
                last,
            })
        };
        assert_eq!(
            line(Standing::Active, 7, Some("2026-11-03T10:00:00Z")),
            "suppressions[2] of ann\\u{1b} until 2026-11-30: hid 1 alert of 7 findings, the last at 2026-11-03T10:00:00Z"
        );
        assert_eq!(
            line(Standing::Ending, 0, None),
            "suppressions[2] of ann\\u{1b} until 2026-11-30: hid nothing; it ends soon and was never needed"
        );
        let at = |text: &str| warning(2, &suppression, text.parse().expect("a time"));
        assert_eq!(at("2026-11-02T00:00:00Z"), None);
        assert_eq!(
            at("2026-12-01T00:00:00Z").as_deref(),
            Some("suppressions[2] of ann\\u{1b} until 2026-11-30 is over and can go")
        );
        let quiet = Silence {
            name: "move".to_owned(),
            owner: "ann".to_owned(),
            reason: "CHG-1\u{7}".to_owned(),
            until: suppression.until,
            matcher: Matcher::default(),
        };
        let at = |text: &str| silence(&quiet, text.parse().expect("a time"));
        assert_eq!(at("2026-11-30T23:59:59Z"), "move of ann until 2026-11-30: CHG-1\\u{7}");
        assert_eq!(at("2026-12-01T00:00:00Z"), "move of ann until 2026-11-30: CHG-1\\u{7}; it is over and can go");
        assert_eq!(hidden(&[0, 3, 0, 2, 1]), "6: 1 critical, 2 high, 3 low");
    }
}
