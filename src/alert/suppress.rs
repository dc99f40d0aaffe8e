//! Suppressions: what somebody expects for a while and does not want to be woken for.
//!
//! A suppression changes what is told and nothing else. The finding goes out at `info` with the suppression's owner,
//! reason and end on it, so that it pages nobody and is still there for whoever looks; it is scored and learned as ever.
//! Three rules keep it from blinding anybody: it ends, by event time; it covers a finding only if it covers *each* of
//! the reasons and *each* of the hosts, so that what comes on top is told; and whoever writes it must name bots, hosts,
//! logs or rules, so that no dimension goes dark for a whole tenant. Blind spot: what an attacker does within all of that.

use serde::{Deserialize, Serialize};

use super::pattern::{Pattern, any_matches, are_particular, take_in};
use super::wire::{Dimension, Reason, Severity};
use crate::time::{Span, Timestamp};

/// Time before its end in which a suppression counts as ending.
const ENDING: Span = Span::from_days(14);

/// Which bots something is about; an empty list takes all in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Tenants.
    pub tenants: Vec<Pattern>,
    /// Bots by name.
    pub bots: Vec<Pattern>,
    /// Environments as the registry has them.
    pub environments: Vec<Pattern>,
}

/// Whom a finding is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Whom<'a> {
    /// Whose bot.
    pub tenant: &'a str,
    /// The bot; none where it is about a log.
    pub bot: Option<&'a str>,
    /// The environment that the registry gives, if it does.
    pub environment: Option<&'a str>,
}

impl Scope {
    /// Whether it takes somebody in. What names bots or environments takes in nothing that has none.
    #[must_use]
    pub fn covers(&self, whom: Whom<'_>) -> bool {
        any_matches(&self.tenants, whom.tenant)
            && take_in(&self.bots, whom.bot)
            && take_in(&self.environments, whom.environment)
    }

    /// Whether it names particular bots.
    #[must_use]
    pub fn names_bots(&self) -> bool {
        are_particular(&self.bots)
    }
}

/// What is hidden for a while, for whom, and on whose word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppression {
    /// Whose findings.
    pub scope: Scope,
    /// Hosts; a finding without any, or with others as well, is not covered.
    pub hosts: Vec<Pattern>,
    /// Logs by producer; with any, only findings about logs are covered.
    pub producers: Vec<Pattern>,
    /// Dimensions.
    pub dimensions: Vec<Dimension>,
    /// Detectors, rules among them.
    pub detectors: Vec<String>,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// Event time from which it holds.
    pub from: Timestamp,
    /// Event time from which it holds no longer.
    pub until: Timestamp,
}

/// A finding as a suppression looks at it.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    /// Whom it is about.
    pub whom: Whom<'a>,
    /// The log in question, where it is about one.
    pub producer: Option<&'a str>,
    /// Hosts at work in it.
    pub hosts: &'a [String],
    /// Why it is told.
    pub reasons: &'a [Reason],
    /// Event time of the newest event behind it.
    pub ts: Timestamp,
}

/// What an alert says of the suppression that covers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppressed {
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// Event time from which it holds no longer.
    pub until: Timestamp,
    /// How bad the alert would have been.
    pub severity: Severity,
}

/// Where a suppression stands at an event time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It has not begun.
    Pending,
    /// It holds.
    Active,
    /// It holds for two more weeks at most.
    Ending,
    /// It is over and can go.
    Ended,
}

impl Standing {
    /// Every standing, in the order of a suppression's life.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Active, Self::Ending, Self::Ended];

    /// Its name as a label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Ending => "ending",
            Self::Ended => "ended",
        }
    }
}

impl Suppression {
    /// Whether it covers a finding: its time, its bot, all of its hosts and all of its reasons.
    #[must_use]
    pub fn covers(&self, sight: Sight<'_>) -> bool {
        let host = |name: &String| any_matches(&self.hosts, name);
        let hosts = self.hosts.is_empty() || (!sight.hosts.is_empty() && sight.hosts.iter().all(host));
        let of = |reason: &Reason| {
            (self.dimensions.is_empty() || self.dimensions.contains(&reason.dimension))
                && (self.detectors.is_empty() || self.detectors.contains(&reason.detector))
        };
        self.from <= sight.ts
            && sight.ts < self.until
            && self.scope.covers(sight.whom)
            && hosts
            && take_in(&self.producers, sight.producer)
            && !sight.reasons.is_empty()
            && sight.reasons.iter().all(of)
    }

    /// Whether it names bots, hosts, logs or detectors, and does not just hide whatever comes.
    #[must_use]
    pub fn is_particular(&self) -> bool {
        self.scope.names_bots()
            || are_particular(&self.hosts)
            || are_particular(&self.producers)
            || !self.detectors.is_empty()
    }

    /// Where it stands at an event time.
    #[must_use]
    pub fn standing(&self, now: Timestamp) -> Standing {
        match now {
            now if now >= self.until => Standing::Ended,
            now if now < self.from => Standing::Pending,
            now if now >= self.until - ENDING => Standing::Ending,
            _ => Standing::Active,
        }
    }

    /// What an alert of some severity says of it.
    #[must_use]
    pub fn note(&self, severity: Severity) -> Suppressed {
        Suppressed { owner: self.owner.clone(), reason: self.reason.clone(), until: self.until, severity }
    }
}

/// The first of several suppressions that covers a finding.
#[must_use]
pub fn suppressed(suppressions: &[Suppression], sight: Sight<'_>) -> Option<usize> {
    suppressions.iter().position(|suppression| suppression.covers(sight))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(list: &[&str]) -> Vec<Pattern> {
        list.iter().map(|text| Pattern::parse(text).expect(text)).collect()
    }

    fn day(day: i64) -> Timestamp {
        Timestamp::from_micros(0) + Span::from_days(20_000 + day)
    }

    fn plain() -> Suppression {
        Suppression {
            scope: Scope { bots: patterns(&["etl-*"]), ..Scope::default() },
            hosts: Vec::new(),
            producers: Vec::new(),
            dimensions: Vec::new(),
            detectors: Vec::new(),
            owner: "ann".to_owned(),
            reason: "move".to_owned(),
            from: day(0),
            until: day(30),
        }
    }

    /// Whether it hides what `etl-1` does on a day: reasons as dimension and detector, and hosts.
    fn hides(suppression: &Suppression, on: Timestamp, reasons: &[(Dimension, &str)], hosts: &[&str]) -> bool {
        let reason = |&(dimension, detector): &(Dimension, &str)| Reason {
            dimension,
            detector: detector.to_owned(),
            p_value: None,
            observed: String::new(),
            expected: String::new(),
            text: String::new(),
            contribution: None,
        };
        let reasons: Vec<Reason> = reasons.iter().map(reason).collect();
        let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        let whom = Whom { tenant: "t", bot: Some("etl-1"), environment: Some("prod") };
        suppression.covers(Sight { whom, producer: None, hosts: &hosts, reasons: &reasons, ts: on })
    }

    const VOLUME: (Dimension, &str) = (Dimension::Volume, "records_read");
    const HOST: (Dimension, &str) = (Dimension::Source, "new_host");

    #[test]
    fn it_holds_from_its_beginning_to_its_end() {
        let micro = Span::from_micros(1);
        for (on, expected) in [(day(0) - micro, false), (day(0), true), (day(30) - micro, true), (day(30), false)] {
            assert_eq!(hides(&plain(), on, &[VOLUME], &[]), expected, "{on}");
        }
        let standing = |on| plain().standing(day(on));
        assert_eq!([-1, 0, 16, 30].map(standing), Standing::ALL);
    }

    #[test]
    fn it_covers_all_of_a_finding_or_nothing() {
        let volume = Suppression { dimensions: vec![Dimension::Volume], ..plain() };
        assert!(hides(&volume, day(1), &[VOLUME], &["a"]));
        assert!(!hides(&volume, day(1), &[VOLUME, HOST], &["a"]), "a new host came on top");
        let rule = Suppression { detectors: vec!["new_host".to_owned()], ..plain() };
        assert!(hides(&rule, day(1), &[HOST], &["a"]) && !hides(&rule, day(1), &[VOLUME], &["a"]));
        let host = Suppression { hosts: patterns(&["build-?"]), ..plain() };
        assert!(hides(&host, day(1), &[HOST], &["build-1", "build-2"]));
        assert!(!hides(&host, day(1), &[HOST], &["build-1", "laptop"]), "another host came on top");
        assert!(!hides(&host, day(1), &[VOLUME], &[]), "nobody knows from where");
        assert!(!hides(&plain(), day(1), &[], &[]), "no reason is no excuse");
    }

    #[test]
    fn it_covers_those_that_it_names() {
        let of = |scope| hides(&Suppression { scope, ..plain() }, day(1), &[VOLUME], &[]);
        assert!(of(Scope::default()));
        assert!(!of(Scope { tenants: patterns(&["u", "v"]), ..Scope::default() }));
        assert!(of(Scope { environments: patterns(&["dev", "pro*"]), ..Scope::default() }));
        assert!(!hides(&Suppression { producers: patterns(&["log"]), ..plain() }, day(1), &[VOLUME], &[]));
    }

    #[test]
    fn hiding_whatever_comes_is_not_particular() {
        let with = |bots: &[&str], hosts: &[&str], detectors: &[&str]| Suppression {
            scope: Scope { tenants: patterns(&["acme"]), bots: patterns(bots), ..Scope::default() },
            hosts: patterns(hosts),
            detectors: detectors.iter().map(ToString::to_string).collect(),
            dimensions: vec![Dimension::Volume],
            ..plain()
        };
        for (suppression, expected) in [
            (with(&[], &[], &[]), false),
            (with(&["*"], &[], &[]), false),
            (with(&["etl", "**"], &["?*"], &[]), false),
            (with(&["etl-*"], &[], &[]), true),
            (with(&["*"], &["build-*"], &[]), true),
            (with(&[], &[], &["new_host"]), true),
        ] {
            assert_eq!(suppression.is_particular(), expected, "{suppression:?}");
        }
    }
}
