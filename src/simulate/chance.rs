//! Chance with a memory: every random stream is named by the fleet's seed, a bot, a purpose and a day, so that any part
//! of a fleet can be drawn again by itself and a bot more or less changes nobody else.

use rand::{Rng as _, SeedableRng as _};
use rand_distr::{Distribution as _, StandardNormal};
use rand_xoshiro::Xoshiro256PlusPlus;

/// The one generator of the simulator.
pub(crate) type Rng = Xoshiro256PlusPlus;

/// What a stream is drawn for; two purposes never share numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    Profile = 1,
    Day = 2,
    Session = 3,
    Delivery = 4,
    Oddities = 5,
    Attacks = 6,
    Tenant = 7,
    Identifier = 8,
    Kind = 9,
}

/// Spreads a few numbers over 64 bits; for one given prefix it is a bijection of the last number.
pub(crate) fn mix(seed: u64, parts: &[u64]) -> u64 {
    parts.iter().fold(scramble(seed), |state, &part| scramble(state ^ part))
}

/// A fresh stream for a bot, a purpose and a third number such as the day.
pub(crate) fn stream(seed: u64, bot: usize, purpose: Purpose, nth: u64) -> Rng {
    Rng::seed_from_u64(mix(seed, &[bot as u64, purpose as u64, nth]))
}

fn scramble(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// One of a non-empty list.
pub(crate) fn pick<'a, T>(rng: &mut Rng, items: &'a [T]) -> &'a T {
    &items[rng.gen_range(0..items.len())]
}

/// Whether something of this probability happens.
pub(crate) fn happens(rng: &mut Rng, probability: f64) -> bool {
    rng.gen_range(0.0..1.0) < probability
}

/// A number from a range, evenly.
pub(crate) fn between(rng: &mut Rng, low: f64, high: f64) -> f64 {
    if low < high { rng.gen_range(low..high) } else { low }
}

/// A whole number from a closed range, evenly.
pub(crate) fn count(rng: &mut Rng, low: usize, high: usize) -> usize {
    rng.gen_range(low..=high.max(low))
}

/// A positive number around a median; `sigma` is the spread of its logarithm.
pub(crate) fn lognormal(rng: &mut Rng, median: f64, sigma: f64) -> f64 {
    let z: f64 = StandardNormal.sample(rng);
    median * (sigma * z).exp()
}

/// A number of arrivals around a mean, by adding up exponential gaps; means here are below a few hundred.
pub(crate) fn arrivals(rng: &mut Rng, mean: f64) -> usize {
    let (mut left, mut n) = (mean, 0);
    loop {
        let uniform: f64 = rng.gen_range(f64::MIN_POSITIVE..1.0);
        left += uniform.ln();
        if left < 0.0 || n >= 2_000 {
            return n;
        }
        n += 1;
    }
}

/// Puts a list into random order.
pub(crate) fn shuffle<T>(rng: &mut Rng, items: &mut [T]) {
    for last in (1..items.len()).rev() {
        items.swap(last, rng.gen_range(0..=last));
    }
}
