//! What waits for a time, with the earliest at hand: each event asks whether anything is due, and mostly nothing is.

use std::collections::BTreeSet;

use crate::time::Timestamp;

/// Keys by the time at which they are due; those of one time in their own order.
#[derive(Clone, Debug)]
pub(super) struct Timers<K> {
    all: BTreeSet<(Timestamp, K)>,
    first: Option<Timestamp>,
}

impl<K> Default for Timers<K> {
    fn default() -> Self {
        Self { all: BTreeSet::new(), first: None }
    }
}

impl<K: Copy + Ord> Extend<(Timestamp, K)> for Timers<K> {
    fn extend<T: IntoIterator<Item = (Timestamp, K)>>(&mut self, timers: T) {
        timers.into_iter().for_each(|(due, key)| self.set(due, key));
    }
}

impl<K: Copy + Ord> Timers<K> {
    /// Whether anything is due at a time.
    pub(super) fn are_due(&self, at: Timestamp) -> bool {
        self.first.is_some_and(|first| first <= at)
    }

    /// Sets a timer, beside those that the key has already.
    pub(super) fn set(&mut self, due: Timestamp, key: K) {
        self.all.insert((due, key));
        self.first = Some(self.first.map_or(due, |first| first.min(due)));
    }

    /// Takes a timer back.
    pub(super) fn take_back(&mut self, due: Timestamp, key: K) {
        self.all.remove(&(due, key));
        self.first = self.all.first().map(|(due, _)| *due);
    }

    /// The first of those that are due at a time, which is none of them any more.
    pub(super) fn pop_due(&mut self, at: Timestamp) -> Option<(Timestamp, K)> {
        if !self.are_due(at) {
            return None;
        }
        let first = self.all.pop_first();
        self.first = self.all.first().map(|(due, _)| *due);
        first
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The same as one list that is searched each time.
        #[test]
        fn the_earliest_is_at_hand(steps in prop::collection::vec((0_u8..3, 0_i64..12, 0_u32..3), 0..60)) {
            let (mut timers, mut plain) = (Timers::default(), Vec::<(Timestamp, u32)>::new());
            for (step, at, key) in steps {
                let at = Timestamp::from_micros(at);
                match step {
                    0 => {
                        timers.set(at, key);
                        plain.retain(|known| *known != (at, key));
                        plain.push((at, key));
                    }
                    1 => {
                        timers.take_back(at, key);
                        plain.retain(|known| *known != (at, key));
                    }
                    _ => {
                        let first = plain.iter().min().copied().filter(|(due, _)| *due <= at);
                        prop_assert_eq!(timers.are_due(at), first.is_some());
                        prop_assert_eq!(timers.pop_due(at), first);
                        plain.retain(|known| Some(*known) != first);
                    }
                }
            }
        }
    }
}
