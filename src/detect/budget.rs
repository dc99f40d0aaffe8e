//! The page budget: how many pages a week the people on call accept, and what is left of it.
//!
//! Two controls, both on event time. In expectation: among `n` bots a finding pages when it is expected at most
//! `min(r, B / 7n)` times a bot-day, `r` being the accepted rate and `B` the budget, so that a fleet that is well raises
//! at most `B` false pages a week however large it grows (Bonferroni's shares of a per-family error rate, which is
//! stricter than a false-discovery rate). In fact: each page that is published takes one from a store of at most `B`,
//! which fills by `B` a week; when less than half is left, the rate falls in proportion, down to a hundredth. That is
//! alpha-investing (Foster and Stine, *JRSS B* 70, 2008) with a wage in place of a payout: a page that was right costs
//! people as much as one that was wrong.
//!
//! Rules are facts and always page, at the store's cost; what is a hundred times rarer than accepted pages always, too.
//! Blind spot: noise on many bots lowers the level for all others to that hundredth. What is held back stays in the
//! archive at `low`, is learned as lightly as if it had paged, and is counted.

use serde::{Deserialize, Serialize};

use crate::time::{Span, Timestamp};

/// Share of the budget below which the rate falls. Larger holds back earlier, smaller ends more abruptly.
const EASE: f64 = 0.5;
/// Least level. At 0 an attacker who first makes noise elsewhere would never page.
const LEVEL_MIN: f64 = 0.01;
/// Days over which the store fills.
const FILL_DAYS: i64 = 7;

/// What was taken from the store, as of a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Budget {
    taken: f64,
    at: Option<Timestamp>,
}

impl Budget {
    /// Pages left at a time, 0 to `pages`.
    pub(super) fn left(&self, now: Timestamp, pages: f64) -> f64 {
        let passed = self.at.map_or(0.0, |at| (now - at).as_secs_f64().max(0.0));
        let back = pages * passed / Span::from_days(FILL_DAYS).as_secs_f64();
        (pages - (self.taken - back).max(0.0)).max(0.0)
    }

    /// Takes what was published.
    pub(super) fn take(&mut self, now: Timestamp, pages: f64, published: usize) {
        if published > 0 {
            // No debt: a week of quiet makes it whole, however bad the week before.
            self.taken = (pages - self.left(now, pages) + published as f64).min(pages);
            self.at = Some(now);
        }
    }

    /// How often a bot-day a finding may be expected at most to page.
    pub(super) fn rate(&self, now: Timestamp, pages: f64, accepted: f64, bots: usize) -> f64 {
        let share = pages / (FILL_DAYS as f64 * bots.max(1) as f64);
        let level = (self.left(now, pages) / (EASE * pages)).clamp(LEVEL_MIN, 1.0);
        accepted.min(share) * level
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: i64) -> Timestamp {
        Timestamp::from_micros(1_700_000_000_000_000) + Span::from_days(day)
    }

    #[test]
    fn it_falls_with_pages_and_fills_within_a_week() {
        let mut budget = Budget::default();
        assert!((budget.left(day(0), 10.0) - 10.0).abs() < 1e-9);
        budget.take(day(0), 10.0, 4);
        assert!((budget.rate(day(0), 10.0, 0.002, 100) - 0.002).abs() < 1e-12, "more than half is left");
        budget.take(day(0), 10.0, 40);
        assert!(budget.left(day(0), 10.0) < 1e-9);
        assert!((budget.rate(day(0), 10.0, 0.002, 100) / 0.002 - LEVEL_MIN).abs() < 1e-9);
        assert!((budget.left(day(3) + Span::from_hours(12), 10.0) - 5.0).abs() < 1e-9);
        assert!((budget.left(day(9), 10.0) - 10.0).abs() < 1e-9);
    }

    #[test]
    fn a_large_fleet_shares_it() {
        let rate = |bots| Budget::default().rate(day(0), 7.0, 0.002, bots);
        assert!((rate(100) - 0.002).abs() < 1e-12 && (rate(10_000) - 1e-4).abs() < 1e-12);
    }
}
