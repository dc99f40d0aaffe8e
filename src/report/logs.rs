//! The logs that number their records: how complete each is, in exact ranges, and how it keeps time.

use serde::Serialize;

use crate::detect::LogFacts;
use crate::time::Timestamp;

/// One log.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LogRow {
    /// Whose log.
    pub tenant: String,
    /// Who writes it.
    pub producer: String,
    /// Records that came.
    pub records: u64,
    /// Records that were told as lost and did not come since.
    pub lost: u64,
    /// Records that are missing and may still come.
    pub waited_for: u64,
    /// The ranges of the last week that are lost.
    pub ranges: Vec<LostRange>,
    /// Records whose number had come before.
    pub twice: u64,
    /// Records that came after one with a higher number.
    pub out_of_order: u64,
    /// Event time of the fleet at its last record, and hours since.
    pub last_seen: Timestamp,
    /// See above.
    pub silent_hours: f64,
    /// Whether it is silent for longer than it ever was.
    pub silent: bool,
    /// Seconds by which the timeliest record of its last full day was behind the fleet.
    pub behind_seconds: Option<f64>,
}

/// A range of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LostRange {
    /// The first number.
    pub from: u64,
    /// The last one.
    pub to: u64,
    /// Event time of the record behind it.
    pub before: Timestamp,
}

/// Every log, in order of tenant and producer.
#[must_use]
pub fn logs(facts: &[LogFacts], now: Timestamp) -> Vec<LogRow> {
    let row = |log: &LogFacts| LogRow {
        tenant: log.tenant.clone(),
        producer: log.producer.clone(),
        records: log.records,
        lost: log.lost,
        waited_for: log.waited_for,
        ranges: log.ranges.iter().map(|&(from, to, before)| LostRange { from, to, before }).collect(),
        twice: log.twice,
        out_of_order: log.out_of_order,
        last_seen: log.last_seen,
        silent_hours: ((now - log.last_seen).as_secs_f64() / 360.0).round() / 10.0,
        silent: log.silent,
        behind_seconds: log.behind.map(|behind| behind.as_secs_f64().round()),
    };
    facts.iter().map(row).collect()
}

impl LogRow {
    /// The ranges in words.
    #[must_use]
    pub fn ranges(&self) -> Vec<String> {
        let words = |range: &LostRange| match range.to - range.from {
            0 => range.from.to_string(),
            _ => format!("{}-{}", range.from, range.to),
        };
        self.ranges.iter().map(words).collect()
    }
}
