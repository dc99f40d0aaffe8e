//! Pauses between attempts: exponential, capped, jittered, saturating.
//!
//! Half of each pause is fixed and half is random. All fixed would send every client that failed together back
//! together; all random would let an unlucky client hammer with no pause at all.

use std::time::Duration;

use rand::Rng;

/// The pause after the given attempt, the first being 1: between half of `min · 2^(attempt−1)` and the whole of it,
/// never over `max`.
pub fn pause(attempt: u32, min: Duration, max: Duration, rng: &mut impl Rng) -> Duration {
    let factor = 1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
    let whole = min.saturating_mul(factor).min(max);
    let half = whole / 2;
    half + whole.saturating_sub(half).mul_f64(rng.gen_range(0.0..=1.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;

    proptest! {
        #[test]
        fn pauses_stay_within_their_bounds(
            attempt in any::<u32>(), min_ms in 0_u64..1_000_000, max_ms in 0_u64..100_000_000, seed in any::<u64>(),
        ) {
            let (min, max) = (Duration::from_millis(min_ms), Duration::from_millis(max_ms));
            let pause = pause(attempt, min, max, &mut Xoshiro256PlusPlus::seed_from_u64(seed));
            prop_assert!(pause <= max);
            prop_assert!(pause >= min.min(max) / 2);
        }

        #[test]
        fn the_longest_lengths_do_not_overflow(attempt in any::<u32>(), seed in any::<u64>()) {
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
            let whole = Duration::from_secs(u64::from(u32::MAX));
            prop_assert!(pause(attempt, whole, whole, &mut rng) <= whole);
        }

        #[test]
        fn each_pause_may_be_twice_the_one_before(attempt in 1_u32..20, seed in any::<u64>()) {
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
            let (min, max) = (Duration::from_millis(8), Duration::from_secs(1_000_000));
            let whole = min * 2_u32.pow(attempt - 1);
            let pause = pause(attempt, min, max, &mut rng);
            prop_assert!(whole / 2 <= pause && pause <= whole);
        }
    }
}
