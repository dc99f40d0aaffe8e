//! Rows of unsorted files, brought into the order of their times within a bounded window.
//!
//! So many events wait, and the earliest of them goes on when another comes. A row that lies further back than the
//! window reaches goes on at once and is the engine's to call late. With a window of none the order stays that of the
//! files. Equal times keep their order.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::event::Event;
use crate::time::Timestamp;

/// The waiting events.
#[derive(Debug, Default)]
pub struct Sorter {
    window: usize,
    heap: BinaryHeap<Reverse<Held>>,
    count: u64,
}

#[derive(Debug)]
struct Held {
    at: (Timestamp, u64),
    event: Event,
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Held {}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Held {
    fn cmp(&self, other: &Self) -> Ordering {
        self.at.cmp(&other.at)
    }
}

impl Sorter {
    /// A window of so many events, with those that waited before an interruption, in their order.
    #[must_use]
    pub fn new(window: usize, held: Vec<Event>) -> Self {
        let mut sorter = Self { window, ..Self::default() };
        for event in held {
            sorter.hold(event);
        }
        sorter
    }

    /// Takes an event in; the one that goes on, if the window is full.
    pub fn push(&mut self, event: Event) -> Option<Event> {
        if self.window == 0 {
            return Some(event);
        }
        self.hold(event);
        if self.heap.len() > self.window { self.pop() } else { None }
    }

    /// The earliest that waits.
    pub fn pop(&mut self) -> Option<Event> {
        self.heap.pop().map(|Reverse(held)| held.event)
    }

    /// What waits, in its order, for a place to go on from.
    #[must_use]
    pub fn held(&self) -> Vec<Event> {
        let mut held: Vec<&Held> = self.heap.iter().map(|Reverse(held)| held).collect();
        held.sort();
        held.into_iter().map(|held| held.event.clone()).collect()
    }

    fn hold(&mut self, event: Event) {
        self.count += 1;
        self.heap.push(Reverse(Held { at: (event.ts, self.count), event }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::decode::{Envelope, Limits, decode};

    fn event(second: u32, id: &str) -> Event {
        let json = format!(r#"{{"id":"{id}","ts":"2026-05-04T06:00:{second:02}Z","bot":"b","type":"call"}}"#);
        decode(json.as_bytes(), &Envelope::default(), &Limits::default()).expect("an event")
    }

    fn sorted(window: usize, seconds: &[u32], cut: usize) -> Vec<String> {
        let mut sorter = Sorter::new(window, Vec::new());
        let mut out = Vec::new();
        for (nth, &second) in seconds.iter().enumerate() {
            if nth == cut {
                sorter = Sorter::new(window, sorter.held());
            }
            out.extend(sorter.push(event(second, &format!("{second}-{nth}"))));
        }
        out.extend(std::iter::from_fn(|| sorter.pop()));
        out.iter().map(|event| event.id.to_string()).collect()
    }

    #[test]
    fn what_lies_within_the_window_is_sorted_and_nothing_is_lost() {
        assert_eq!(sorted(0, &[3, 1, 2], 9), ["3-0", "1-1", "2-2"]);
        assert_eq!(sorted(2, &[3, 1, 2, 2, 9], 9), ["1-1", "2-2", "2-3", "3-0", "9-4"]);
        assert_eq!(sorted(1, &[5, 6, 1], 9), ["5-0", "1-2", "6-1"]);
    }

    #[test]
    fn an_interruption_changes_no_order() {
        let seconds = [5, 9, 1, 7, 3, 3, 8, 2, 6, 4, 4];
        for cut in 0..seconds.len() {
            assert_eq!(sorted(4, &seconds, cut), sorted(4, &seconds, 99), "{cut}");
        }
    }
}
