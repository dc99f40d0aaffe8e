//! What a replay has seen, in figures for a person.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use crate::alert::{Alert, Severity, Status};
use crate::detect::Stats;
use crate::event::RejectReason;

/// Counts of one replay.
#[derive(Debug, Default)]
pub(super) struct Tally {
    lines: u64,
    rejected: BTreeMap<RejectReason, u64>,
    raised: BTreeMap<Severity, u64>,
    revised: u64,
    resolved: u64,
}

impl Tally {
    pub(super) fn lines(&self) -> u64 {
        self.lines
    }

    pub(super) fn line(&mut self) {
        self.lines += 1;
    }

    pub(super) fn reject(&mut self, reason: RejectReason) {
        *self.rejected.entry(reason).or_default() += 1;
    }

    pub(super) fn alert(&mut self, alert: &Alert) {
        match (alert.status, alert.revision) {
            (Status::Resolved, _) => self.resolved += 1,
            (Status::Firing, 0 | 1) => *self.raised.entry(alert.severity).or_default() += 1,
            (Status::Firing, _) => self.revised += 1,
        }
    }

    /// Whether nothing but refusals came in: most likely not a file of events.
    pub(super) fn is_all_rejected(&self) -> bool {
        self.lines > 0 && self.rejected.values().sum::<u64>() == self.lines
    }

    /// The summary, worst first.
    pub(super) fn summary(&self, stats: &Stats, took: Duration) -> String {
        let rejected: u64 = self.rejected.values().sum();
        let reasons = list(self.rejected.iter().map(|(reason, count)| (reason.as_str(), *count)));
        let severities = list(self.raised.iter().rev().map(|(severity, count)| (severity.as_str(), *count)));
        let raised: u64 = self.raised.values().sum();
        let seconds = took.as_secs_f64();
        let rate = if seconds > 0.0 { self.lines as f64 / seconds } else { 0.0 };
        let (known, learning) = (stats.bots_mature, stats.bots_learning);
        let mut text = String::new();
        let written = writeln!(text, "events    {} in {seconds:.1} s, {rate:.0} a second", self.lines)
            .and_then(|()| writeln!(text, "accepted  {}", stats.accepted))
            .and_then(|()| writeln!(text, "set aside {} duplicate, {} late", stats.duplicate, stats.late))
            .and_then(|()| writeln!(text, "rejected  {rejected}{reasons}"))
            .and_then(|()| writeln!(text, "bots      {known} known well enough to judge, {learning} still learning"))
            .and_then(|()| writeln!(text, "alerts    {raised}{severities}"))
            .and_then(|()| writeln!(text, "          {} revised, {} resolved", self.revised, self.resolved));
        if written.is_ok() { text } else { String::new() }
    }
}

fn list<'a>(counts: impl Iterator<Item = (&'a str, u64)>) -> String {
    let parts: Vec<String> = counts.map(|(name, count)| format!("{count} {name}")).collect();
    if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_names_what_there_is() {
        let mut tally = Tally::default();
        (0..4).for_each(|_| tally.line());
        tally.reject(RejectReason::NotJson);
        tally.reject(RejectReason::TooLarge);
        tally.reject(RejectReason::NotJson);
        let stats = Stats { accepted: 1, ..Stats::default() };
        let expected = "\
events    4 in 2.0 s, 2 a second
accepted  1
set aside 0 duplicate, 0 late
rejected  3: 1 too_large, 2 not_json
bots      0 known well enough to judge, 0 still learning
alerts    0
          0 revised, 0 resolved
";
        assert_eq!(tally.summary(&stats, Duration::from_secs(2)), expected);
        assert!(!tally.is_all_rejected());
    }
}
