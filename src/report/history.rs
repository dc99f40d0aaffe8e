//! What was learned of a history: how well each bot is known now, what is missing, what was refused, and what would have
//! been raised.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::alert::{Alert, AlertId, Severity, Status};
use crate::detect::{BaselineState, BotFacts, Engine, LogFacts};
use crate::time::date;
use crate::time::{Span, Timestamp};

/// Rows that are shown for each reason of refusal. Enough to mend the table by.
const EXAMPLES_MAX: usize = 3;
/// Silence of the whole fleet that counts as a gap. A fleet that works at night only is silent for most of a day.
const GAP: Span = Span::DAY;
/// Gaps that are told, the longest.
const GAPS_MAX: usize = 10;

/// Counts of a history while it goes by.
#[derive(Debug, Default)]
pub struct Counts {
    rows: u64,
    refused: BTreeMap<&'static str, (u64, Vec<Example>)>,
    raised: BTreeMap<Severity, u64>,
    /// Open alerts, each at its worst. As many as are open at a time.
    open: BTreeMap<AlertId, Severity>,
    gaps: Vec<TimeGap>,
    stood: Option<Timestamp>,
}

/// A row that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Example {
    /// Its file; none where the engine refused it after it had been held back.
    pub file: Option<String>,
    /// Its number in the file.
    pub row: Option<u64>,
    /// What was wrong.
    pub detail: String,
}

/// A silence of the whole fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TimeGap {
    /// The last event before it.
    pub from: Timestamp,
    /// The first one after it.
    pub to: Timestamp,
}

impl Counts {
    /// Counts a row.
    pub fn row(&mut self) {
        self.rows += 1;
    }

    /// Counts a refusal.
    pub fn refused(&mut self, reason: &'static str, example: impl FnOnce() -> Example) {
        let (count, examples) = self.refused.entry(reason).or_default();
        *count += 1;
        if examples.len() < EXAMPLES_MAX {
            examples.push(example());
        }
    }

    /// Counts an alert that would have been published, once and at its worst: what gets worse while it is open pages
    /// somebody then. One that was open already at the beginning is not counted again.
    pub fn alert(&mut self, alert: &Alert) {
        if alert.status == Status::Resolved {
            self.open.remove(&alert.id);
            return;
        }
        match self.open.get(&alert.id).copied() {
            Some(before) if before >= alert.severity => return,
            Some(before) => {
                self.raised.entry(before).and_modify(|count| *count -= 1);
            }
            None if alert.revision > 1 => return,
            None => {}
        }
        *self.raised.entry(alert.severity).or_default() += 1;
        self.open.insert(alert.id.clone(), alert.severity);
    }

    /// Notes where event time stands.
    pub fn stands(&mut self, watermark: Option<Timestamp>) {
        if let (Some(from), Some(to)) = (self.stood, watermark)
            && to - from > GAP
        {
            self.gaps.push(TimeGap { from, to });
            if self.gaps.len() > GAPS_MAX
                && let Some(least) = (0..self.gaps.len()).min_by_key(|&at| self.gaps[at].to - self.gaps[at].from)
            {
                self.gaps.remove(least);
            }
        }
        self.stood = watermark.or(self.stood);
    }

    /// Rows so far.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Whether every row was refused: most likely no table of events.
    #[must_use]
    pub fn is_all_refused(&self) -> bool {
        self.rows > 0 && self.refused.values().map(|(count, _)| count).sum::<u64>() == self.rows
    }
}

/// What was learned.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Learned {
    /// Rows that were read now.
    pub rows: u64,
    /// Events that the state is made of, with what earlier runs of the same command read.
    pub accepted: u64,
    /// Events that came twice.
    pub duplicate: u64,
    /// Events too far behind the others in their order.
    pub late: u64,
    /// Rows that are no events, by reason.
    pub rejected: Vec<Rejected>,
    /// First day of the oldest bot, and event time at the end.
    pub from: Option<String>,
    /// Event time at the end.
    pub to: Option<Timestamp>,
    /// How many bots there are.
    pub bots: usize,
    /// Of them, how many are known well enough to be judged.
    pub mature: usize,
    /// How many are not yet.
    pub learning: usize,
    /// How many have been silent for longer than a baseline remembers.
    pub stale: usize,
    /// Silences of the whole fleet, the longest, in their order.
    pub gaps: Vec<TimeGap>,
    /// Logs that number their records.
    pub logs: usize,
    /// Of them, those of which records are missing.
    pub logs_with_gaps: Vec<LogGaps>,
    /// Alerts that would have been raised now, by their severity at its worst. Nothing was sent.
    pub alerts: BTreeMap<&'static str, u64>,
    /// Of them, those that would have paged.
    pub pages: u64,
    /// Each bot.
    pub each: Vec<LearnedBot>,
    /// Hash of the state.
    pub state_hash: String,
}

/// Rows that were refused for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rejected {
    /// The reason, as the contract names it.
    pub reason: &'static str,
    /// How many.
    pub rows: u64,
    /// The first of them.
    pub examples: Vec<Example>,
}

/// A log of which records are missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogGaps {
    /// Whose log.
    pub tenant: String,
    /// Who writes it.
    pub producer: String,
    /// Records that came.
    pub records: u64,
    /// Records that did not.
    pub missing: u64,
}

/// What is known of one bot now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LearnedBot {
    /// Whose bot.
    pub tenant: String,
    /// Its name.
    pub bot: String,
    /// Days of its baseline.
    pub days: f64,
    /// Events of its baseline.
    pub events: u64,
    /// `mature`, `learning` or `stale`.
    pub baseline: &'static str,
    /// First and last day at work.
    pub first_day: Option<String>,
    /// Last day at work.
    pub last_day: Option<String>,
    /// Longest silence between two days of work, in days.
    pub gap_days_max: u16,
}

impl Learned {
    /// What an engine knows now.
    #[must_use]
    pub fn new(counts: &Counts, engine: &Engine) -> Self {
        let (facts, stats) = (engine.facts(), engine.stats());
        let count = |state| facts.iter().filter(|bot| bot.baseline == state).count();
        let first = facts.iter().filter_map(|bot| bot.seen_days).map(|(first, _)| first).min();
        let logs = engine.logs();
        let raised = counts.raised.iter().filter(|(_, count)| **count > 0);
        let rejected = counts.refused.iter().map(|(reason, (rows, examples))| Rejected {
            reason,
            rows: *rows,
            examples: examples.clone(),
        });
        Self {
            rows: counts.rows,
            accepted: stats.accepted,
            duplicate: stats.duplicate,
            late: stats.late,
            rejected: rejected.collect(),
            from: first.map(date),
            to: engine.watermark(),
            bots: facts.len(),
            mature: count(BaselineState::Mature),
            learning: count(BaselineState::Learning),
            stale: count(BaselineState::Stale),
            gaps: counts.gaps.clone(),
            logs: logs.len(),
            logs_with_gaps: logs.iter().filter_map(gaps).collect(),
            alerts: raised.clone().map(|(severity, count)| (severity.as_str(), *count)).collect(),
            pages: raised.filter(|(severity, _)| severity.pages()).map(|(_, count)| count).sum(),
            each: facts.iter().map(bot).collect(),
            state_hash: engine.state_hash(),
        }
    }
}

fn gaps(log: &LogFacts) -> Option<LogGaps> {
    let missing = log.lost.saturating_add(log.waited_for);
    (missing > 0).then(|| LogGaps {
        tenant: log.tenant.clone(),
        producer: log.producer.clone(),
        records: log.records,
        missing,
    })
}

fn bot(facts: &BotFacts) -> LearnedBot {
    LearnedBot {
        tenant: facts.tenant.clone(),
        bot: facts.bot.clone(),
        days: (facts.baseline_days * 10.0).round() / 10.0,
        events: facts.events,
        baseline: match facts.baseline {
            BaselineState::Mature => "mature",
            BaselineState::Stale => "stale",
            BaselineState::Learning | BaselineState::Unseen => "learning",
        },
        first_day: facts.seen_days.map(|(first, _)| date(first)),
        last_day: facts.seen_days.map(|(_, last)| date(last)),
        gap_days_max: facts.gap_days_max,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn the_longest_silences_are_told_in_their_order() {
        let mut counts = Counts::default();
        let mut now = at("2026-01-01T00:00:00Z");
        for days in [1, 3, 2, 9, 2, 2, 2, 2, 2, 2, 2, 5] {
            counts.stands(Some(now));
            now = now + Span::from_days(days);
        }
        counts.stands(Some(now));
        let days: Vec<f64> = counts.gaps.iter().map(|gap| (gap.to - gap.from).as_days_f64()).collect();
        assert_eq!(days, [3.0, 9.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 5.0]);
    }

    #[test]
    fn an_alert_counts_once_and_at_its_worst() {
        let mut counts = Counts::default();
        let mut say = |id: &str, severity, revision, status| {
            counts.alert(&Alert { status, revision, ..crate::alert::fixtures::alert(id, severity) });
        };
        say("a", Severity::Low, 1, Status::Firing);
        say("b", Severity::High, 1, Status::Firing);
        say("a", Severity::Medium, 2, Status::Firing);
        say("a", Severity::Medium, 2, Status::Firing);
        say("a", Severity::Medium, 3, Status::Resolved);
        say("before", Severity::Critical, 4, Status::Firing);
        let engine = Engine::new(crate::detect::Settings::default(), crate::registry::Registry::default());
        let learned = Learned::new(&counts, &engine);
        assert_eq!((learned.pages, learned.alerts), (2, BTreeMap::from([("high", 1), ("medium", 1)])));
        assert_eq!(counts.open.len(), 1, "what is over is forgotten");
    }

    #[test]
    fn refusals_are_counted_and_the_first_ones_kept() {
        let mut counts = Counts::default();
        for row in 1..=5 {
            counts.row();
            counts.refused("not_json", || Example { file: None, row: Some(row), detail: String::new() });
        }
        assert!(counts.is_all_refused());
        counts.row();
        assert!(!counts.is_all_refused());
        let learned = Learned::new(
            &counts,
            &Engine::new(crate::detect::Settings::default(), crate::registry::Registry::default()),
        );
        assert_eq!((learned.rows, learned.rejected[0].rows, learned.rejected[0].examples.len()), (6, 5, 3));
        assert_eq!((learned.bots, learned.from, learned.to), (0, None, None));
    }
}
