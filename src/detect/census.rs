//! How many bots there are, how well they are known, and what is left of the page budget: the few figures that somebody
//! asks for while waiting. Unlike [`Stats`](super::Stats) it weighs nothing, so that it only counts.

use super::engine::Engine;
use crate::time::Span;

/// The bots in figures.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Census {
    /// Bots that are judged.
    pub mature: u64,
    /// Bots with too little history to judge.
    pub learning: u64,
    /// Bots that have been silent for longer than the baseline's window.
    pub stale: u64,
    /// Sessions that go on.
    pub sessions_open: u64,
    /// Findings that would have paged, had the budget had a page for them.
    pub pages_held: u64,
    /// Pages a week that are accepted, and what is left of them; none without a budget.
    pub budget: Option<(f64, f64)>,
}

impl Engine {
    /// Counts the bots.
    #[must_use]
    pub fn census(&self) -> Census {
        let window = Span::from_days(i64::from(self.settings.baseline_days));
        let stale = self.watermark().map(|watermark| watermark - window);
        let left = |(pages, watermark)| (pages, self.budget.left(watermark, pages));
        let mut census = Census {
            pages_held: self.stats.pages_held,
            budget: self.settings.pages_per_week.zip(self.watermark()).map(left),
            ..Census::default()
        };
        for bot in &self.bots {
            let count = if stale.is_some_and(|stale| bot.newest < stale) {
                &mut census.stale
            } else if self.mature(&bot.baseline) {
                &mut census.mature
            } else {
                &mut census.learning
            };
            *count += 1;
            census.sessions_open += bot.sessions.len() as u64;
        }
        census
    }
}
