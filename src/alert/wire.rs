//! The alert as outsiders see it: version 1 of the contract, golden-tested.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::suppress::Suppressed;
use crate::time::Timestamp;

/// The same for the same finding, whenever and wherever it is computed again.
pub type AlertId = String;

/// One finding about one bot (or about one producer's log).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Stable identity.
    pub id: AlertId,
    /// Firing or resolved.
    pub status: Status,
    /// 1 when raised, one more each time the alert is published again.
    pub revision: u32,
    /// Event time of the newest event behind it.
    pub ts: Timestamp,
    /// Whose bot.
    pub tenant: String,
    /// The bot; none where it is about a producer's log.
    pub bot: Option<String>,
    /// The session in question, where there is one.
    pub session: Option<String>,
    /// The producer in question, where there is one.
    pub producer: Option<String>,
    /// How bad.
    pub severity: Severity,
    /// 0 to 100, comparable between bots and tenants, and among [those of its severity](Severity::scores).
    pub score: f64,
    /// The fused p-value behind the score; none for a rule.
    pub p_value: Option<f64>,
    /// One sentence that an on-call person understands at 3 a.m.
    pub title: String,
    /// Why, strongest first.
    pub reasons: Vec<Reason>,
    /// Ids of the evidence, the first 20.
    pub events: Vec<String>,
    /// How many events there are behind it.
    pub event_count: u64,
    /// Alerts of one story share it.
    pub incident: String,
    /// Standard classifications.
    pub tags: Tags,
    /// The baseline that it was held against.
    pub baseline: BaselineNote,
    /// What it is seen beside, as far as that is known.
    #[serde(default)]
    pub context: Option<AlertContext>,
    /// The suppression that covers it, for which it is only `info`.
    #[serde(default)]
    pub suppressed: Option<Suppressed>,
}

/// One reason of an alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// Which dimension of behavior.
    pub dimension: Dimension,
    /// Which detector within it.
    pub detector: String,
    /// Its own p-value; none for a rule.
    pub p_value: Option<f64>,
    /// What was seen.
    pub observed: String,
    /// What was expected.
    pub expected: String,
    /// The reason as a sentence.
    pub text: String,
    /// Its share of the evidence, in thousandths that sum to 1 over the reasons; none in alerts of older versions.
    #[serde(default)]
    pub contribution: Option<f64>,
}

/// Standard classifications of an alert.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tags {
    /// MITRE ATT&CK technique ids.
    pub mitre_attack: Vec<String>,
    /// OWASP Non-Human Identities Top 10 ids.
    pub owasp_nhi: Vec<String>,
}

/// How much is known about the bot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BaselineNote {
    /// Days of history that count.
    pub days: f64,
    /// Events seen of the bot.
    pub events: u64,
    /// Whether that is enough to judge.
    pub mature: bool,
}

/// What helps to read an alert and is no part of the finding.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AlertContext {
    /// The bot's most recent session that nothing was said of.
    pub nearest_normal: Option<NearestNormal>,
    /// The log that the events came from, if it counts its records.
    pub log: Option<LogNote>,
}

/// A session to hold the one in question against.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NearestNormal {
    /// Its id, if it has one.
    pub session: Option<String>,
    /// When it began.
    pub ts: Timestamp,
    /// What is different now, as a short phrase.
    pub differs: String,
}

/// How whole a producer's log is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogNote {
    /// Who writes it.
    pub producer: String,
    /// Whether nothing is missing.
    pub complete: bool,
    /// Records that have not come, or were lost today or the day before.
    pub missing: u64,
}

/// Life of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The story goes on.
    Firing,
    /// The story is over.
    Resolved,
}

/// How bad, outward. [`Severity::Medium`] and above pages somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// For the archive.
    Info,
    /// For the console.
    Low,
    /// Pages.
    Medium,
    /// Pages.
    High,
    /// Pages.
    Critical,
}

/// A dimension of behavior.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dimension {
    /// When it ran.
    Time,
    /// Where from.
    Source,
    /// What it called, in which order.
    Sequence,
    /// How much it moved.
    Volume,
    /// Which privilege it used.
    Privilege,
    /// How often.
    Rate,
    /// Where its normal is moving to.
    Drift,
    /// How it signed in.
    Login,
    /// Which secrets it read.
    Secret,
    /// Which roles it was given.
    Entitlement,
    /// How it was administered.
    Control,
    /// What it did with money.
    Fraud,
    /// Whether it is who it says.
    Identity,
    /// What it failed to do.
    Absence,
    /// Whether it should be alive.
    Lifecycle,
    /// Whether its log is whole.
    Integrity,
    /// How it differs from its like.
    Peer,
}

impl Status {
    /// Every status, in the order of an alert's life.
    pub const ALL: [Self; 2] = [Self::Firing, Self::Resolved];

    /// The status's name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }
}

impl Severity {
    /// Every severity, from the least.
    pub const ALL: [Self; 5] = [Self::Info, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The severity's name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The next one up; the highest stays.
    #[must_use]
    pub fn worse(self) -> Self {
        Self::ALL.into_iter().find(|other| *other > self).unwrap_or(self)
    }

    /// The next one down; the lowest stays.
    #[must_use]
    pub fn milder(self) -> Self {
        Self::ALL.into_iter().rev().find(|other| *other < self).unwrap_or(self)
    }

    /// Whether it pages somebody.
    #[must_use]
    pub fn pages(self) -> bool {
        self >= Self::Medium
    }

    /// Least and most that an alert of this severity scores. They overlap, since a rule's score says what is at stake and
    /// a model's how seldom it is.
    #[must_use]
    pub fn scores(self) -> (f64, f64) {
        match self {
            Self::Info => (0.0, 30.0),
            Self::Low => (20.0, 60.0),
            Self::Medium => (40.0, 86.0),
            Self::High => (55.0, 96.0),
            Self::Critical => (70.0, 100.0),
        }
    }

    /// The nearest score that an alert of this severity may have.
    #[must_use]
    pub fn keep(self, score: f64) -> f64 {
        let (least, most) = self.scores();
        score.clamp(least, most)
    }
}

impl Dimension {
    /// Every dimension, in the order of the contract.
    pub const ALL: [Self; 17] = [
        Self::Time,
        Self::Source,
        Self::Sequence,
        Self::Volume,
        Self::Privilege,
        Self::Rate,
        Self::Drift,
        Self::Login,
        Self::Secret,
        Self::Entitlement,
        Self::Control,
        Self::Fraud,
        Self::Identity,
        Self::Absence,
        Self::Lifecycle,
        Self::Integrity,
        Self::Peer,
    ];

    /// The dimension's name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Source => "source",
            Self::Sequence => "sequence",
            Self::Volume => "volume",
            Self::Privilege => "privilege",
            Self::Rate => "rate",
            Self::Drift => "drift",
            Self::Login => "login",
            Self::Secret => "secret",
            Self::Entitlement => "entitlement",
            Self::Control => "control",
            Self::Fraud => "fraud",
            Self::Identity => "identity",
            Self::Absence => "absence",
            Self::Lifecycle => "lifecycle",
            Self::Integrity => "integrity",
            Self::Peer => "peer",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An alert of tenant `t` about bot `b`.
    pub(crate) fn about_bot(id: &str, severity: Severity) -> Alert {
        Alert { bot: Some("b".to_owned()), ..alert(id, severity) }
    }

    /// An alert of tenant `t`, with as little in it as there can be.
    pub(crate) fn alert(id: &str, severity: Severity) -> Alert {
        Alert {
            id: id.to_owned(),
            status: Status::Firing,
            revision: 1,
            ts: Timestamp::from_micros(0),
            tenant: "t".to_owned(),
            bot: None,
            session: None,
            producer: None,
            severity,
            score: 50.0,
            p_value: None,
            title: "odd".to_owned(),
            reasons: Vec::new(),
            events: Vec::new(),
            event_count: 0,
            incident: "i".to_owned(),
            tags: Tags::default(),
            baseline: BaselineNote::default(),
            context: None,
            suppressed: None,
        }
    }

    /// A reason of a dimension.
    pub(crate) fn reason(dimension: Dimension) -> Reason {
        Reason {
            dimension,
            detector: dimension.to_string(),
            p_value: Some(1e-4),
            observed: String::new(),
            expected: String::new(),
            text: String::new(),
            contribution: None,
        }
    }
}
