//! A bin's number and its weight in four bytes.
//!
//! 9 bits of number and 23 of weight: a float that is not negative, with 6 bits of exponent and 17 of mantissa, rounded
//! to nearest. 18 significant bits are a relative error of at most 2⁻¹⁸; smallest 2⁻¹⁴, largest 2⁴⁹. [`Half`] would not
//! do, since a busy endpoint has far more than 2,048 calls in a bin. Bound: one is no longer added to a weight of
//! 262,144, which then stands for "very many".
//!
//! [`Half`]: super::half::Half

use serde::{Deserialize, Serialize};

/// Largest number of a bin.
pub const INDEX_MAX: u16 = (1 << (32 - WEIGHT_BITS)) - 1;

/// A bin's number with its weight; ordered by number, then weight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Weighted(u32);

/// Bits of the weight; the rest of 32 number the bin.
const WEIGHT_BITS: u32 = 23;
/// Bits of the mantissa within it.
const MANTISSA_BITS: u32 = 17;
/// Bits of an `f32`'s mantissa that go.
const DROPPED_BITS: u32 = 23 - MANTISSA_BITS;
/// Difference of the exponents' biases: 127 of `f32`, 15 here.
const REBIAS: u32 = 112 << MANTISSA_BITS;
/// The weight's bits, all set.
const WEIGHT_MAX: u32 = (1 << WEIGHT_BITS) - 1;

impl Weighted {
    /// A bin with the nearest weight; what is too small is 0, what is too large the largest. Numbers beyond
    /// [`INDEX_MAX`] share the last bin.
    #[must_use]
    pub fn new(index: u16, weight: f32) -> Self {
        let bits = weight.to_bits();
        // Half of the last place that stays, to even; a carry into the exponent is the right result.
        let half = (1 << (DROPPED_BITS - 1)) - 1 + ((bits >> DROPPED_BITS) & 1);
        let rounded = bits.wrapping_add(half) >> DROPPED_BITS;
        let smallest = REBIAS + (1 << MANTISSA_BITS);
        let weight = if weight > 0.0 && rounded >= smallest { (rounded - REBIAS).min(WEIGHT_MAX) } else { 0 };
        Self(u32::from(index.min(INDEX_MAX)) << WEIGHT_BITS | weight)
    }

    /// The number of the bin.
    #[must_use]
    pub fn index(self) -> u16 {
        (self.0 >> WEIGHT_BITS) as u16
    }

    /// Its weight.
    #[must_use]
    pub fn weight(self) -> f32 {
        let weight = self.0 & WEIGHT_MAX;
        if weight == 0 { 0.0 } else { f32::from_bits((weight + REBIAS) << DROPPED_BITS) }
    }

    /// Adds to its weight.
    pub fn add(&mut self, weight: f32) {
        *self = Self::new(self.index(), self.weight() + weight);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_edges_are_where_they_should_be() {
        let largest = 2.0_f32.powi(49) - 2.0_f32.powi(31);
        let cases = [
            (0.0, 0.0),
            (-1.0, 0.0),
            (1.0, 1.0),
            (262_144.0, 262_144.0),
            (largest, largest),
            (1e30, largest),
            (1e-6, 0.0),
        ];
        for (weight, kept) in cases {
            assert_eq!(Weighted::new(7, weight).weight().to_bits(), f32::to_bits(kept), "{weight}");
        }
        assert_eq!(Weighted::new(0, f32::NAN), Weighted::default());
        assert_eq!(Weighted::new(u16::MAX, 1.0).index(), INDEX_MAX);
    }

    #[test]
    fn it_counts_to_a_quarter_of_a_million() {
        let mut bin = Weighted::new(3, 0.0);
        (0..262_144).for_each(|_| bin.add(1.0));
        assert_eq!((bin.index(), bin.weight().to_bits()), (3, 262_144.0_f32.to_bits()));
    }

    proptest! {
        #[test]
        fn number_and_weight_do_not_touch(index in 0..=INDEX_MAX, weight in 1e-4..1e14_f32) {
            let bin = Weighted::new(index, weight);
            prop_assert_eq!(bin.index(), index);
            prop_assert!((f64::from(bin.weight()) / f64::from(weight) - 1.0).abs() <= 0.5_f64.powi(18));
            prop_assert_eq!(Weighted::new(index, bin.weight()), bin);
        }

        #[test]
        fn what_is_forgotten_gets_smaller(weight in 1e-3..1e14_f32) {
            let bin = Weighted::new(1, weight);
            prop_assert!(Weighted::new(1, bin.weight() * 0.95) < bin);
        }
    }
}
