//! The figures of an engine, as metrics have them: what was counted on the way, and what stands now, looked up over all
//! bots and logs when somebody asks.

use super::engine::Engine;
use super::hidden;
use super::stats::Stats;
use crate::time::Span;

impl Engine {
    /// Figures for metrics. It walks over all bots: ask once a scrape, not once an event.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let mut stats = self.stats.clone();
        let window = Span::from_days(i64::from(self.settings.baseline_days));
        let stale = self.watermark().map(|watermark| watermark - window);
        for bot in &self.bots {
            if stale.is_some_and(|stale| bot.newest < stale) {
                stats.bots_stale += 1;
            } else if self.mature(&bot.baseline) {
                stats.bots_mature += 1;
            } else {
                stats.bots_learning += 1;
            }
            stats.bots_silent += u64::from(bot.watch.is_told());
            stats.sessions_open += bot.sessions.len() as u64;
            stats.baseline_bytes += bot.bytes() as u64;
        }
        for log in self.logs.each() {
            stats.logs += 1;
            stats.log_records_lost += log.lost;
            stats.log_records_awaited += log.waited_for;
        }
        let shared = self.fleet.heap_bytes()
            + self.logs.heap_bytes()
            + self.ledgers.heap_bytes()
            + self.names.heap_bytes()
            + self.granters.heap_bytes()
            + self.operators.heap_bytes()
            + self.decisions.heap_bytes();
        stats.baseline_bytes += shared as u64;
        stats.incidents_open = self.book.len() as u64;
        hidden::figures(self, &mut stats);
        if let Some((pages, watermark)) = self.settings.pages_per_week.zip(self.watermark()) {
            (stats.budget_pages, stats.budget_left_pages) = (pages, self.budget.left(watermark, pages));
        }
        stats
    }
}
