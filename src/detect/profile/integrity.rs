//! The constants of what is said of logs.

use serde::Deserialize;

/// See `[integrity]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntegrityProfile {
    /// Time in which what is missing may still come.
    pub grace_minutes: i64,
    /// Records lost in a day that page.
    pub page_records: u64,
    /// Length of a gap that pages.
    pub page_minutes: i64,
    /// Days with losses after which they are usual.
    pub lossy_days: u16,
    /// Logs.
    pub logs_max: usize,
    /// Open gaps of one log.
    pub gaps_max: usize,
    /// Days after which a restart is news again.
    pub restart_news_days: i64,
    /// Hours for which nothing is told of a log that two writers number.
    pub shared_hours: i64,
    /// Records of a day under a number that came before, from which it is told.
    pub twice_records: u64,
    /// Multiple of a log's longest silence at which it is silent.
    pub silence_factor: f64,
    /// Minutes by which a clock is off beside the others.
    pub skew_minutes: i64,
}
