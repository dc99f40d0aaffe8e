//! Figures of the engine, for metrics.

use serde::{Deserialize, Serialize};

/// Figures of the engine for metrics; the counters only grow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// Events that changed state.
    pub accepted: u64,
    /// Events whose id had been seen.
    pub duplicate: u64,
    /// Events too far behind the watermark; counted, not learned.
    pub late: u64,
    /// Events refused after decoding.
    pub rejected: u64,
    /// Sessions judged.
    pub sessions: u64,
    /// Times that a bound cut something: operations, open sessions, bots.
    pub limited: u64,
    /// Bots with too little history to judge.
    pub bots_learning: u64,
    /// Bots that are judged.
    pub bots_mature: u64,
    /// Bots that have been silent for longer than the baseline's window.
    pub bots_stale: u64,
    /// Bots whose silence was told and goes on.
    pub bots_silent: u64,
    /// Logs whose producers number their records.
    pub logs: u64,
    /// Records that are missing and may still come.
    pub log_records_awaited: u64,
    /// Records that never came.
    pub log_records_lost: u64,
    /// Sessions open now.
    pub sessions_open: u64,
    /// Incidents open now.
    pub incidents_open: u64,
    /// Findings that would have paged, had the budget had a page for them.
    pub pages_held: u64,
    /// Pages a week that are accepted; 0 without a budget.
    pub budget_pages: f64,
    /// What is left of them.
    pub budget_left_pages: f64,
    /// Estimated bytes of all baselines.
    pub baseline_bytes: u64,
    /// Alerts that a suppression hid, by the severity that they would have had.
    pub suppressed: [u64; 5],
    /// The suppressions.
    pub suppressions: SuppressionStats,
    /// Decisions of people that hold, in the order of [`Ruling::LASTING`](crate::alert::Ruling::LASTING).
    pub decisions: [u64; 4],
}

/// Figures of the suppressions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuppressionStats {
    /// How many there are, by where they stand.
    pub standing: [u64; 4],
    /// Those that hold and have hidden nothing so far.
    pub unmatched: u64,
}
