//! A weight in two bytes: the binary16 format of IEEE 754, as far as weights need it.
//!
//! Not negative, 11 significant bits (a relative error of at most 0.05 %), smallest 2⁻¹⁴, largest 65,504. Per-bot
//! histograms with hundreds of bins are most of a bot's memory, and no decision hangs on the fourth digit of a weight.
//! Bound: one is no longer added to a weight of 2,048, which then stands for "very many".

use serde::{Deserialize, Serialize};

/// A weight of 0, or of 2⁻¹⁴ to 65,504.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Half(u16);

/// Difference of the exponents' biases: 127 of `f32`, 15 of binary16.
const REBIAS: u32 = 112;

impl Half {
    /// The nearest weight; what is too small is 0, what is too large the largest.
    #[must_use]
    pub fn new(weight: f32) -> Self {
        let bits = weight.to_bits();
        // Half of the last place that stays; a carry into the exponent is the right result.
        let rounded = bits.wrapping_add(0x0fff + ((bits >> 13) & 1)) >> 13;
        let smallest = (REBIAS + 1) << 10;
        if weight > 0.0 && rounded >= smallest { Self((rounded - (REBIAS << 10)).min(0x7bff) as u16) } else { Self(0) }
    }

    /// The weight.
    #[must_use]
    pub fn get(self) -> f32 {
        if self.0 == 0 { 0.0 } else { f32::from_bits((u32::from(self.0) + (REBIAS << 10)) << 13) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_edges_are_where_they_should_be() {
        let cases =
            [(0.0, 0.0), (-1.0, 0.0), (1.0, 1.0), (2048.0, 2048.0), (65_504.0, 65_504.0), (1e9, 65_504.0), (1e-6, 0.0)];
        for (weight, kept) in cases {
            assert_eq!(Half::new(weight).get().to_bits(), f32::to_bits(kept), "{weight}");
        }
        assert_eq!(Half::new(f32::NAN), Half::default());
    }

    proptest! {
        #[test]
        fn a_weight_is_kept_to_a_twentieth_of_a_percent(weight in 1e-4..65_000.0_f32) {
            let kept = Half::new(weight).get();
            prop_assert!((kept / weight - 1.0).abs() <= 0.0005, "{} {}", weight, kept);
            prop_assert_eq!(Half::new(kept).get().to_bits(), kept.to_bits());
        }

        #[test]
        fn what_is_forgotten_gets_smaller(weight in 1e-3..65_000.0_f32) {
            let kept = Half::new(weight).get();
            prop_assert!(Half::new(kept * 0.95).get() < kept);
        }
    }
}
