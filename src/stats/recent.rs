//! What was noted a moment ago, by day: spares the way to a large map for what is said many times over.
//!
//! One place for each remainder of a hash, where what comes later overwrites what came before; where that happens often,
//! there are twice as many from then on, up to [`PLACES_MAX`]. It may forget at any time, and so tells only that something
//! need not be noted again. No part of any state: an empty one answers to the same effect.

use std::fmt;

/// Places at first.
const PLACES: usize = 1 << 8;
/// Places at most. More: less is overwritten, and more of the processor's nearer memory is taken from others.
const PLACES_MAX: usize = 1 << 15;

/// Hashes of what was noted on a day; nothing until the first one.
#[derive(Default)]
pub struct Recent {
    day: i32,
    places: Vec<u64>,
    /// How many of them were overwritten.
    lost: usize,
}

impl Recent {
    /// Whether a hash was noted on a day, as far as that is still known; if not, it is from now on. Hashes are of things
    /// that are noted for good: of another day than the latest, nothing is known.
    pub fn again(&mut self, hash: u64, day: i32) -> bool {
        if self.places.is_empty() || day > self.day || self.lost > self.places.len() {
            let more = if self.lost > self.places.len() { 2 * self.places.len() } else { self.places.len() };
            *self = Self { day: self.day.max(day), places: vec![0; more.clamp(PLACES, PLACES_MAX)], lost: 0 };
        }
        if day < self.day || hash == 0 {
            return false;
        }
        let at = hash as usize % self.places.len();
        let before = std::mem::replace(&mut self.places[at], hash);
        self.lost += usize::from(before != 0 && before != hash && self.places.len() < PLACES_MAX);
        before == hash
    }

    /// Knows nothing any more.
    pub fn forget(&mut self) {
        self.places.fill(0);
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.places.capacity() * size_of::<u64>()
    }
}

/// A copy knows nothing.
impl Clone for Recent {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl fmt::Debug for Recent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recent").field("day", &self.day).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_knows_what_was_noted_on_the_latest_day() {
        let mut recent = Recent::default();
        assert_eq!([7, 7, 8, 7].map(|hash| recent.again(hash, 5)), [false, true, false, true]);
        assert!(!recent.again(7, 4) && recent.again(7, 5), "of an earlier day it knows nothing");
        assert!(!recent.again(7, 6), "the next day begins anew");
        assert_eq!([0, 0].map(|hash| recent.again(hash, 6)), [false, false]);
        let other = 7 + PLACES as u64;
        assert_eq!([other, 7].map(|hash| recent.again(hash, 6)), [false, false], "they share a place");
        assert!(!recent.clone().again(7, 6) && recent.again(7, 6));
        recent.forget();
        assert!(!recent.again(7, 6));
    }

    #[test]
    fn it_grows_where_much_is_overwritten_up_to_a_bound() {
        let mut recent = Recent::default();
        let often = |recent: &mut Recent, hashes: u64| {
            for _ in 0..40 {
                (1..=hashes).for_each(|hash| _ = recent.again(hash, 5));
            }
            ((1..=hashes).filter(|hash| recent.again(*hash, 5)).count() as u64, recent.places.len())
        };
        assert_eq!(often(&mut recent, 200), (200, PLACES));
        assert_eq!(often(&mut recent, 2_000), (2_000, 2_048));
        assert_eq!(often(&mut recent, 2 * PLACES_MAX as u64), (0, PLACES_MAX));
    }
}
