//! Ranges that were told as lost. What comes after all takes them back: a record whose number is in the range and whose
//! own time lies between the records around it is the one that was missed.
//!
//! Bound: as many ranges a log as it may have open gaps, each for a week; of more the oldest goes.

use serde::{Deserialize, Serialize};

use super::count::Gap;
use crate::event::Event;
use crate::time::{Span, Timestamp};

/// Days for which a loss may still be made good. Longer: more memory for logs that lose records every day.
const DAYS: i64 = 7;
/// Time around a loss in which another one is of the same story.
const STORY: Span = Span::DAY;
/// Ranges that are named one by one.
const NAMED: usize = 8;

/// A range of numbers that was told as lost, and what is left of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Loss {
    from: u64,
    to: u64,
    before: Timestamp,
    after: Timestamp,
}

/// The losses of one log, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Losses(Vec<Loss>);

impl Losses {
    /// Notes a gap as lost.
    pub(super) fn note(&mut self, gap: &Gap, ranges_max: usize) {
        self.0.retain(|loss| loss.after + Span::from_days(DAYS) > gap.after);
        if self.0.len() >= ranges_max {
            self.0.remove(0);
        }
        let (from, to, before, after) = (gap.from, gap.to, gap.before, gap.after);
        self.0.push(Loss { from, to, before, after });
    }

    /// Takes a record that was lost back, if it is one: the time behind its range, and whether the story of its loss is
    /// over.
    pub(super) fn refill(&mut self, seq: u64, event: &Event, grace: Span) -> Option<(Timestamp, bool)> {
        let of_it = |loss: &Loss| {
            let in_time = loss.before - grace <= event.ts && event.ts <= loss.after + grace;
            in_time && (loss.from..=loss.to).contains(&seq)
        };
        let at = self.0.iter().position(of_it)?;
        let loss = &mut self.0[at];
        let after = loss.after;
        match (loss.from == seq, loss.to == seq) {
            (true, true) => drop(self.0.remove(at)),
            (true, false) => loss.from += 1,
            (false, true) => loss.to -= 1,
            (false, false) => {
                let rest = Loss { from: seq + 1, ..loss.clone() };
                loss.to = seq - 1;
                self.0.insert(at + 1, rest);
            }
        }
        let is_near = |loss: &Loss| loss.after - after < STORY && after - loss.after < STORY;
        Some((after, !self.0.iter().any(is_near)))
    }

    /// What is missing of the story that goes on at a time, in words.
    pub(super) fn in_words(&self, at: Timestamp) -> String {
        let mut ranges: Vec<&Loss> = self.0.iter().filter(|loss| at - loss.after < STORY).collect();
        ranges.sort_by_key(|loss| (loss.from, loss.to));
        let name = |loss: &&Loss| match loss.to - loss.from {
            0 => loss.from.to_string(),
            _ => format!("{} to {}", loss.from, loss.to),
        };
        let named: Vec<String> = ranges.iter().take(NAMED).map(name).collect();
        let noun = if ranges.len() == 1 && ranges[0].from == ranges[0].to { "number" } else { "numbers" };
        let more = ranges.len().saturating_sub(NAMED);
        let rest = if more > 0 { format!(" and {more} ranges more") } else { String::new() };
        format!("{noun} {}{rest}", named.join(", "))
    }

    /// The ranges: first and last number, and the event time behind them.
    pub(super) fn ranges(&self) -> impl Iterator<Item = (u64, u64, Timestamp)> {
        self.0.iter().map(|loss| (loss.from, loss.to, loss.after))
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<Loss>()
    }
}
