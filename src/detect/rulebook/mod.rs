//! What the operator decides about the rules: off, at another severity, with another threshold, for some bots, for a
//! while.
//!
//! Later decisions win over earlier ones, setting by setting, so that an exception stands below what it is one from. All
//! of it is on event time: a decision that has ended is as if it had never been. A decision about severity changes who
//! is woken and not what is believed: a bot's baseline learns what a rule found as lightly as ever. A threshold changes
//! what is found. A rule that is off says nothing, casts no suspicion and makes no other rule stand back; what it
//! remembers goes on, or its end would be a month without it.
//!
//! Blind spot: what a threshold let pass is not told when the decision ends.

mod catalog;

use smallvec::SmallVec;

pub(super) use catalog::tells_at;
pub use catalog::{MODELS, RULES, Rule, Threshold, is_detector, rule};

use super::profile::Profile;
use crate::alert::{Scope, Severity, Whom};
use crate::time::Timestamp;

/// A decision about one rule.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleOverride {
    /// Name of the rule.
    pub rule: &'static str,
    /// Whom it holds for.
    pub scope: Scope,
    /// Whether the rule is on.
    pub enabled: Option<bool>,
    /// The severity that it tells at.
    pub severity: Option<Severity>,
    /// The number that it is tuned by.
    pub threshold: Option<f64>,
    /// Event time from which it holds no longer.
    pub until: Option<Timestamp>,
}

impl RuleOverride {
    fn holds(&self, whom: Whom<'_>, ts: Timestamp) -> bool {
        self.until.is_none_or(|until| ts < until) && self.scope.covers(whom)
    }
}

/// Rules that are off.
pub(super) type Off = SmallVec<[&'static str; 2]>;
/// Thresholds by number, in their order.
pub(super) type Thresholds = SmallVec<[u16; 4]>;

/// All decisions, in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rulebook {
    overrides: Vec<RuleOverride>,
    /// Whether any of them has a threshold, so that those who have none look no further.
    tunes: bool,
}

impl Rulebook {
    /// A rulebook of decisions.
    #[must_use]
    pub fn new(overrides: Vec<RuleOverride>) -> Self {
        let tunes = overrides.iter().any(|decision| decision.threshold.is_some());
        Self { overrides, tunes }
    }

    /// The decisions.
    #[must_use]
    pub fn overrides(&self) -> &[RuleOverride] {
        &self.overrides
    }

    /// Whether anything is decided about a rule, for somebody at a time.
    pub(super) fn decides(&self, rule: &str, whom: Whom<'_>, ts: Timestamp) -> bool {
        self.overrides.iter().any(|decision| decision.rule == rule && decision.holds(whom, ts))
    }

    /// The rules that are off for somebody at a time: they say nothing, and what stands back for them does not.
    pub(super) fn off(&self, whom: Whom<'_>, ts: Timestamp) -> Off {
        let mut off = Off::new();
        for decision in self.overrides.iter().filter(|decision| decision.holds(whom, ts)) {
            let known = off.iter().position(|rule| *rule == decision.rule);
            match (decision.enabled, known) {
                (Some(false), None) => off.push(decision.rule),
                (Some(true), Some(place)) => drop(off.remove(place)),
                _ => {}
            }
        }
        off
    }

    /// Whether there are thresholds at all.
    pub(super) fn tunes(&self) -> bool {
        self.tunes
    }

    /// The severity and score of a broken rule; `None` where the rule is off.
    pub(super) fn ruled(
        &self,
        rule: &str,
        whom: Whom<'_>,
        ts: Timestamp,
        (severity, score): (Severity, f64),
    ) -> Option<(Severity, f64)> {
        let mut decided = None;
        let mut on = true;
        for decision in self.overrides.iter().filter(|decision| decision.rule == rule && decision.holds(whom, ts)) {
            on = decision.enabled.unwrap_or(on);
            decided = decision.severity.or(decided);
        }
        let severity_now = decided.unwrap_or(severity);
        let (least, most) = scores(severity_now);
        let score = if severity_now == severity { score } else { score.clamp(least, most) };
        on.then_some((severity_now, score))
    }

    /// Numbers of the thresholds that hold for somebody at a time.
    pub(super) fn thresholds(&self, whom: Whom<'_>, ts: Timestamp) -> Thresholds {
        let all = self.overrides.iter().enumerate().filter(|(_, decision)| decision.threshold.is_some());
        all.filter(|(_, decision)| decision.holds(whom, ts)).map(|(number, _)| number as u16).collect()
    }

    /// A profile with some of the thresholds.
    pub(super) fn tune(&self, profile: &Profile, thresholds: &Thresholds) -> Profile {
        let mut own = profile.clone();
        for decision in thresholds.iter().filter_map(|number| self.overrides.get(usize::from(*number))) {
            if let Some((rule, value)) = rule(decision.rule).zip(decision.threshold) {
                rule.threshold.apply(&mut own, value);
            }
        }
        own
    }
}

/// Scores that rules of a severity have, so that one whose severity was decided stands among its like.
fn scores(severity: Severity) -> (f64, f64) {
    match severity {
        Severity::Info => (0.0, 30.0),
        Severity::Low => (20.0, 60.0),
        Severity::Medium => (75.0, 86.0),
        Severity::High => (86.0, 95.0),
        Severity::Critical => (97.0, 98.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::Pattern;
    use crate::time::Span;

    fn day(day: i64) -> Timestamp {
        Timestamp::from_micros(0) + Span::from_days(20_000 + day)
    }

    fn decision(rule: &'static str, bots: &str) -> RuleOverride {
        let scope = Scope { bots: vec![Pattern::parse(bots).expect(bots)], ..Scope::default() };
        RuleOverride { rule, scope, enabled: None, severity: None, threshold: None, until: None }
    }

    fn whom(bot: &str) -> Whom<'_> {
        Whom { tenant: "t", bot: Some(bot), environment: None }
    }

    #[test]
    fn later_decisions_win_setting_by_setting() {
        let book = Rulebook::new(vec![
            RuleOverride { severity: Some(Severity::Low), ..decision("host_moved", "*") },
            RuleOverride { enabled: Some(false), ..decision("host_moved", "lab-*") },
            RuleOverride { severity: Some(Severity::Critical), ..decision("host_moved", "pay-*") },
            RuleOverride { enabled: Some(true), ..decision("host_moved", "lab-9") },
        ]);
        let ruled = |bot: &str| book.ruled("host_moved", whom(bot), day(0), (Severity::Medium, 75.0));
        assert_eq!(ruled("etl"), Some((Severity::Low, 60.0)));
        assert_eq!(ruled("lab-1"), None);
        assert_eq!(ruled("lab-9"), Some((Severity::Low, 60.0)));
        assert_eq!(ruled("pay-1"), Some((Severity::Critical, 97.0)));
        let other = book.ruled("bot_modified", whom("lab-1"), day(0), (Severity::High, 88.0));
        assert_eq!(other, Some((Severity::High, 88.0)));
        let log = Whom { bot: None, ..whom("lab-1") };
        assert_eq!(book.ruled("host_moved", log, day(0), (Severity::Medium, 75.0)), Some((Severity::Medium, 75.0)));
    }

    #[test]
    fn a_decision_ends_on_event_time() {
        let ends = Some(day(3));
        let book = Rulebook::new(vec![
            RuleOverride { enabled: Some(false), until: ends, ..decision("secret_sweep", "*") },
            RuleOverride { threshold: Some(9.0), until: ends, ..decision("secret_sweep", "*") },
        ]);
        let before = day(3) - Span::from_micros(1);
        let on = |ts| book.ruled("secret_sweep", whom("b"), ts, (Severity::High, 95.0)).is_some();
        assert_eq!((on(before), on(day(3))), (false, true));
        let high = |ts| book.tune(&Profile::shipped(), &book.thresholds(whom("b"), ts)).secret.sweep_high;
        assert_eq!((high(before), high(day(3))), (9, 3));
        assert!(Rulebook::default().thresholds(whom("b"), before).is_empty());
        assert_eq!(
            (book.off(whom("b"), before).as_slice(), book.off(whom("b"), day(3)).len()),
            (&["secret_sweep"][..], 0)
        );
        assert!(book.decides("secret_sweep", whom("b"), before) && !book.decides("secret_sweep", whom("b"), day(3)));
    }

    #[test]
    fn an_exception_from_what_is_off_is_on() {
        let book = Rulebook::new(vec![
            RuleOverride { enabled: Some(false), ..decision("host_moved", "*") },
            RuleOverride { enabled: Some(false), ..decision("host_moved", "lab-*") },
            RuleOverride { enabled: Some(true), ..decision("host_moved", "lab-9") },
        ]);
        assert_eq!(book.off(whom("lab-1"), day(0)).as_slice(), ["host_moved"]);
        assert!(book.off(whom("lab-9"), day(0)).is_empty());
    }
}
