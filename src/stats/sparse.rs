//! Many bins of which few are ever hit: a bit for each, and the weights of those that hold something, packed.
//!
//! A bot that starts at six has three of 264 bins of its week, and a bot's scores of a dimension fall into four or five
//! buckets of 24. A look-up counts the bits before its own. 64 bytes and two a bin that holds something; at most
//! [`BINS_MAX`] bins, all of which may hold something.

use serde::{Deserialize, Serialize};

use super::half::Half;
use super::room;

/// Bins at most.
pub const BINS_MAX: usize = WORDS * WORD_BITS;

/// Words of bits that say which bins there are.
const WORDS: usize = 5;
/// Bits of one.
const WORD_BITS: usize = u64::BITS as usize;
/// Empty room that is left as it is. More of it lies idle in each bot; less is given back and taken again.
const ROOM_STEP: usize = 8;

/// Weights by bin.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sparse {
    /// Which bins hold something.
    bits: [u64; WORDS],
    /// Their weights, in order.
    weights: Vec<Half>,
}

impl Sparse {
    /// The weight of a bin; 0 beyond the last one.
    #[must_use]
    pub fn get(&self, bin: usize) -> f32 {
        if self.holds(bin) { self.weights.get(self.place(bin)).map_or(0.0, |weight| weight.get()) } else { 0.0 }
    }

    /// The bins that hold something, with their weights.
    pub fn iter(&self) -> impl Iterator<Item = (usize, f32)> {
        ones(&self.bits).zip(self.weights.iter().map(|weight| weight.get()))
    }

    /// Adds to a bin; past the last one nothing happens.
    pub fn add(&mut self, bin: usize, weight: f32) {
        if bin >= BINS_MAX {
            return;
        }
        let at = self.place(bin).min(self.weights.len());
        if self.holds(bin) {
            if let Some(known) = self.weights.get_mut(at) {
                *known = Half::new(known.get() + weight);
            }
            return;
        }
        let weight = Half::new(weight);
        if weight != Half::default() {
            if self.weights.len() == self.weights.capacity() {
                self.weights.reserve_exact(room::<Half>(self.weights.len() + 1) - self.weights.len());
            }
            self.weights.insert(at, weight);
            self.bits[bin / WORD_BITS] |= 1 << (bin % WORD_BITS);
        }
    }

    /// Multiplies all weights; what weighs nothing any more goes.
    pub fn scale(&mut self, factor: f32) {
        let mut empty = [0_u64; WORDS];
        let bits = self.bits;
        for (bin, weight) in ones(&bits).zip(&mut self.weights) {
            *weight = Half::new(weight.get() * factor);
            if *weight == Half::default() {
                empty[bin / WORD_BITS] |= 1 << (bin % WORD_BITS);
            }
        }
        if empty != [0; WORDS] {
            self.weights.retain(|weight| *weight != Half::default());
            for (bits, empty) in self.bits.iter_mut().zip(empty) {
                *bits &= !empty;
            }
            if self.weights.is_empty() || self.weights.capacity() > self.weights.len() + ROOM_STEP {
                self.weights.shrink_to_fit();
            }
        }
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.weights.capacity() * size_of::<Half>()
    }

    /// Those of `count` bins from one on that hold something, by their place among these, with their weights; at most 64
    /// bins.
    pub fn window(&self, from: usize, count: usize) -> impl Iterator<Item = (usize, f64)> {
        let (word, bit) = (from / WORD_BITS, from % WORD_BITS);
        let low = self.bits.get(word).map_or(0, |word| word >> bit);
        // In two steps, since a word cannot be shifted by all of its bits.
        let high = self.bits.get(word + 1).map_or(0, |word| word << (WORD_BITS - 1 - bit) << 1);
        let within = (low | high) & u64::MAX.checked_shr((WORD_BITS - count.min(WORD_BITS)) as u32).unwrap_or(0);
        let weights = self.weights.get(self.place(from)..).unwrap_or_default();
        ones_of(within).zip(weights).map(|(bin, weight)| (bin, f64::from(weight.get())))
    }

    fn holds(&self, bin: usize) -> bool {
        self.bits.get(bin / WORD_BITS).is_some_and(|word| word >> (bin % WORD_BITS) & 1 == 1)
    }

    /// Bins before one that hold something.
    fn place(&self, bin: usize) -> usize {
        let (word, bit) = (bin / WORD_BITS, bin % WORD_BITS);
        let before: u32 = self.bits.iter().take(word).map(|word| word.count_ones()).sum();
        let within = self.bits.get(word).map_or(0, |word| (word & ((1 << bit) - 1)).count_ones());
        (before + within) as usize
    }
}

/// The places of all ones, in order.
fn ones(bits: &[u64; WORDS]) -> impl Iterator<Item = usize> {
    bits.iter().enumerate().flat_map(|(at, &word)| ones_of(word).map(move |bit| at * WORD_BITS + bit))
}

/// The places of the ones of a word, in order.
fn ones_of(word: u64) -> impl Iterator<Item = usize> {
    let rest = std::iter::successors(Some(word), |rest| Some(rest & rest.wrapping_sub(1)));
    rest.take_while(|rest| *rest != 0).map(|rest| rest.trailing_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_is_as_small_as_it_says() {
        assert_eq!(size_of::<Sparse>(), 64);
    }

    #[test]
    fn what_was_never_hit_takes_nothing() {
        let mut sparse = Sparse::default();
        sparse.add(BINS_MAX, 1.0);
        sparse.add(3, 0.0);
        assert_eq!((sparse.heap_bytes(), sparse.iter().count(), sparse.get(BINS_MAX).to_bits()), (0, 0, 0));
        sparse.add(3, 1.0);
        (0..400).for_each(|_| sparse.scale(0.95));
        assert_eq!((sparse.heap_bytes(), sparse.clone()), (0, Sparse::default()));
    }

    proptest! {
        #[test]
        fn it_holds_what_a_full_list_holds(steps in proptest::collection::vec((0..BINS_MAX, 0.0..2.0_f32, 0..40_u8), 0..300)) {
            let (mut sparse, mut full) = (Sparse::default(), vec![Half::default(); BINS_MAX]);
            for (bin, weight, forget) in steps {
                sparse.add(bin, weight);
                full[bin] = Half::new(full[bin].get() + weight);
                if forget == 0 {
                    sparse.scale(0.01);
                    full = full.into_iter().map(|weight| Half::new(weight.get() * 0.01)).collect();
                }
            }
            let held: Vec<(usize, f32)> = full.iter().map(|weight| weight.get()).enumerate().filter(|(_, w)| *w > 0.0).collect();
            prop_assert_eq!(&sparse.iter().collect::<Vec<_>>(), &held);
            prop_assert!((0..BINS_MAX).all(|bin| sparse.get(bin).to_bits() == full[bin].get().to_bits()));
            for (from, count) in [(0, 24), (24, 24), (48, 24), (10, 64), (64, 64), (63, 2), (200, 1), (5, 0), (BINS_MAX - 8, 24), (BINS_MAX, 9)] {
                let asked = held.iter().filter(|(bin, _)| (from..from + count).contains(bin));
                let asked: Vec<(usize, f64)> = asked.map(|&(bin, weight)| (bin - from, f64::from(weight))).collect();
                prop_assert_eq!(sparse.window(from, count).collect::<Vec<_>>(), asked, "{} from {}", count, from);
            }
        }
    }
}
