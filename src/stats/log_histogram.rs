//! How large a quantity usually is: a histogram of `ln(1 + x)` with a tail on both sides.
//!
//! Volumes of bots spread over orders of magnitude and vary by ratios, so that the logarithm is their scale. Bins are
//! an eighth of a nat wide (a relative error of 6.5 %), held sparsely: a bot that moves the same amount each night
//! takes two or three of them. P-values are conformal ranks with an exponential tail beyond the extremes, as in
//! [`calibrate`](super::calibrate); the tail's scale is the bot's own spread (half the width between the 16 % and 84 %
//! quantiles, a robust standard deviation), never less than a floor, so that a constant quantity does not make 5 %
//! more a wonder. At most 64 bins; beyond, the two closest ones are merged, which only widens the spread.
//!
//! 24 bytes for up to four bins; beyond, four bytes a bin on the heap.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::room;
use super::weighted::{INDEX_MAX, Weighted};

/// Bins a nat. More make it sharper and larger.
const BINS_PER_NAT: f64 = 8.0;
/// Scale of the tail beyond the record, in spreads: a normal tail falls by `exp(-z / σ)` at `z` spreads out, and records
/// of a month lie at about two. Larger: what lies beyond the record surprises less.
const BEYOND: f64 = 0.8;
/// Share of a normal sample that lies more than a standard deviation below the middle: half of the way from there to the same
/// above is the spread.
const SPREAD_QUANTILE: f64 = 0.16;
/// How much wider the least spread is for one observation; it falls with the square of how many there are, since a spread
/// of one or two says nothing and one of five a good deal. Larger: what comes seldom surprises less by its size.
const YOUNG_FLOOR: f64 = 2.0;
/// Weight that makes a record. Less, and an outlier that was learned lightly is one; more, and the true one is none.
const RECORD_WEIGHT: f64 = 0.5;
/// Share of a history that makes one at most, while there is less than one session.
const RECORD_SHARE: f64 = 0.5;
/// Bins kept at most.
const BINS_MAX: usize = 64;

/// Empty room that is left as it is. More of it lies idle in each bot; less is given back and taken again.
const ROOM_STEP: usize = 4;
/// Bins that need no heap: as many as fit where a list's place and length are kept.
const BINS_INLINE: usize = 4;

/// History of one quantity.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LogHistogram {
    /// Sorted by index.
    bins: SmallVec<[Weighted; BINS_INLINE]>,
}

/// Which side of the usual a quantity lies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Side {
    /// More than usual.
    High,
    /// Less than usual.
    Low,
}

impl LogHistogram {
    /// Weight of the history.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.bins.iter().map(|bin| f64::from(bin.weight())).sum()
    }

    /// Weight of the history at `x` or above.
    #[must_use]
    pub fn weight_from(&self, x: f64) -> f64 {
        let from = index(x);
        self.bins.iter().filter(|bin| bin.index() >= from).map(|bin| f64::from(bin.weight())).sum()
    }

    /// Skims it: the number says nothing.
    #[must_use]
    pub fn skim(&self) -> usize {
        self.bins.first().map_or(0, |bin| usize::from(bin.index()))
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        if self.bins.spilled() { self.bins.capacity() * size_of::<Weighted>() } else { 0 }
    }

    /// The quantity below which a share `q` of the history lies; `None` without any.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<f64> {
        self.quantile_index(q * self.total()).map(|index| (f64::from(index) / BINS_PER_NAT).exp_m1())
    }

    /// Probability of something at least as far out on that side.
    #[must_use]
    pub fn p_side(&self, x: f64, side: Side, spread_floor: f64) -> f64 {
        self.p_of(Bin::of(x), side, spread_floor)
    }

    /// The same by the quantity's bin, for whoever asks several histories of one quantity.
    #[must_use]
    pub fn p_of(&self, Bin(index): Bin, side: Side, spread_floor: f64) -> f64 {
        let (mut total, mut above) = (0.0, 0.0);
        for bin in &self.bins {
            let weight = f64::from(bin.weight());
            total += weight;
            let beyond = match side {
                Side::High => bin.index() >= index,
                Side::Low => bin.index() <= index,
            };
            above += if beyond { weight } else { 0.0 };
        }
        // Most quantities lie within the record, which needs no tail.
        let record = if above < RECORD_WEIGHT { self.record(side, total) } else { None };
        let past = match (record, side) {
            (None, _) => 0.0,
            (Some(record), Side::High) => f64::from(index) - f64::from(record),
            (Some(record), Side::Low) => f64::from(record) - f64::from(index),
        };
        let tail =
            if past > 0.0 { (-(past / BINS_PER_NAT) / (BEYOND * self.spread(total, spread_floor))).exp() } else { 1.0 };
        ((above + tail) / (total + 1.0)).min(1.0)
    }

    /// Whether a quantity lies above the record.
    #[must_use]
    pub fn is_above(&self, x: f64) -> bool {
        self.record(Side::High, self.total()).is_none_or(|record| index(x) > record) && x > 0.0
    }

    /// Two-sided probability, with the side.
    #[must_use]
    pub fn p_value(&self, x: f64, spread_floor: f64) -> (f64, Side) {
        let high = self.p_side(x, Side::High, spread_floor);
        let low = self.p_side(x, Side::Low, spread_floor);
        if high <= low { ((2.0 * high).min(1.0), Side::High) } else { ((2.0 * low).min(1.0), Side::Low) }
    }

    /// Counts a quantity with a weight of 0 to 1.
    pub fn learn(&mut self, x: f64, weight: f64) {
        self.learn_in(Bin::of(x), weight);
    }

    /// The same by the quantity's bin.
    pub fn learn_in(&mut self, Bin(index): Bin, weight: f64) {
        match self.bins.binary_search_by_key(&index, |bin| bin.index()) {
            Ok(at) => self.bins[at].add(weight as f32),
            Err(at) => {
                self.make_room();
                self.bins.insert(at, Weighted::new(index, weight as f32));
                if self.bins.len() > BINS_MAX {
                    self.merge_closest();
                }
            }
        }
    }

    /// Shrinks the history; what weighs next to nothing goes.
    pub fn forget(&mut self, factor: f64) {
        for bin in &mut self.bins {
            *bin = Weighted::new(bin.index(), bin.weight() * factor as f32);
        }
        self.bins.retain(|bin| bin.weight() > 1e-3);
        if self.bins.spilled() && self.bins.capacity() > self.bins.len() + ROOM_STEP {
            self.bins.shrink_to_fit();
        }
    }

    /// Makes room for one more bin, in small steps: a history that has settled keeps what it uses.
    fn make_room(&mut self) {
        if self.bins.len() == self.bins.capacity() {
            self.bins.reserve_exact(room::<Weighted>(self.bins.len() + 1) - self.bins.len());
        }
    }

    /// The outermost bin on a side, passing over up to a weight of one half: an outlier learned lightly is no record.
    fn record(&self, side: Side, total: f64) -> Option<u16> {
        let goal = RECORD_WEIGHT.min(total * RECORD_SHARE);
        let mut sum = 0.0;
        let mut step = |bin: &&Weighted| {
            sum += f64::from(bin.weight());
            sum >= goal
        };
        match side {
            Side::High => self.bins.iter().rev().find(&mut step).map(|bin| bin.index()),
            Side::Low => self.bins.iter().find(&mut step).map(|bin| bin.index()),
        }
    }

    fn quantile_index(&self, goal: f64) -> Option<u16> {
        let mut sum = 0.0;
        let reached = |bin: &&Weighted| {
            sum += f64::from(bin.weight());
            sum >= goal
        };
        self.bins.iter().find(reached).or(self.bins.last()).map(|bin| bin.index())
    }

    fn spread(&self, total: f64, floor: f64) -> f64 {
        let log = |q: f64| self.quantile_index(q * total).map_or(0.0, |index| f64::from(index) / BINS_PER_NAT);
        (0.5 * (log(1.0 - SPREAD_QUANTILE) - log(SPREAD_QUANTILE)))
            .max(floor * (1.0 + YOUNG_FLOOR / (total * total).max(1.0)))
    }

    fn merge_closest(&mut self) {
        let gap = |pair: &[Weighted]| pair[1].index() - pair[0].index();
        let Some(at) = (0..self.bins.len() - 1).min_by_key(|&i| gap(&self.bins[i..i + 2])) else { return };
        let right = self.bins.remove(at + 1);
        self.bins[at].add(right.weight());
    }
}

/// The place of a quantity on the scale of all histories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bin(u16);

impl Bin {
    /// The bin of a quantity; what is below 0 counts as nothing.
    #[must_use]
    pub fn of(x: f64) -> Self {
        let x = x.max(0.0);
        let cell = cell_of(x);
        let Some(&low) = LADDER.lowest.get(cell) else { return Self(INDEX_MAX) };
        // A cell is narrower than a bin, so that at most one bin begins within it.
        let next = LADDER.begins.get(usize::from(low) + 1);
        Self(low + u16::from(next.is_some_and(|begins| x >= *begins)))
    }

    /// The same by the logarithm, which takes longer.
    fn by_logarithm(x: f64) -> Self {
        Self(((x.ln_1p() * BINS_PER_NAT).round() as u16).min(INDEX_MAX))
    }
}

/// Bits of the mantissa of `1 + x` that number its cell. Fewer, and two bins could begin in one cell: from cell to cell `1 + x`
/// grows by an eighth at most, from bin to bin by 13 %. More make the list of cells longer.
const CELL_BITS: u32 = 3;

/// Where bins begin, and which of them stands at the beginning of each cell.
struct Ladder {
    /// The least quantity of each bin.
    begins: Vec<f64>,
    /// The bin of the least quantity in each cell; behind the last one there is but the last bin.
    lowest: Vec<u16>,
}

static LADDER: LazyLock<Ladder> = LazyLock::new(Ladder::new);

/// The cell of a quantity that is not negative.
fn cell_of(x: f64) -> usize {
    let cell = |x: f64| (1.0 + x).to_bits() >> (f64::MANTISSA_DIGITS - 1 - CELL_BITS);
    (cell(x) - cell(0.0)) as usize
}

impl Ladder {
    fn new() -> Self {
        let begins: Vec<f64> = (0..=INDEX_MAX).map(|bin| least(|x| Bin::by_logarithm(x).0 >= bin)).collect();
        let last = cell_of(begins[usize::from(INDEX_MAX)]);
        let lowest = (0..=last).map(|cell| Bin::by_logarithm(least(|x| cell_of(x) >= cell)).0).collect();
        Self { begins, lowest }
    }
}

/// The least number, not negative, from which on something holds: by halving, since such floats are ordered as their bits.
fn least(holds: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0, f64::MAX.to_bits());
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(f64::from_bits(middle)) { high = middle } else { low = middle + 1 }
    }
    f64::from_bits(low)
}

fn index(x: f64) -> u16 {
    Bin::of(x).0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_is_as_small_as_it_says() {
        assert_eq!(size_of::<LogHistogram>(), 24);
    }

    fn histogram(values: impl IntoIterator<Item = f64>) -> LogHistogram {
        let mut histogram = LogHistogram::default();
        for value in values {
            histogram.learn(value, 1.0);
        }
        histogram
    }

    #[test]
    fn ten_times_the_usual_is_far_out_and_the_usual_is_not() {
        let nights = histogram((0..20).map(|i| 1000.0 + f64::from(i) * 10.0));
        let (p, side) = nights.p_value(10_000.0, 0.15);
        assert!(p < 1e-5 && side == Side::High, "{p}");
        let (p, side) = nights.p_value(100.0, 0.15);
        assert!(p < 1e-5 && side == Side::Low, "{p}");
        assert!(nights.p_value(1100.0, 0.15).0 > 0.2);
        assert!(LogHistogram::default().p_value(5.0, 0.15).0 > 0.99);
    }

    #[test]
    fn one_outlier_that_was_learned_lightly_sets_no_record() {
        let mut nights = histogram([1000.0; 20]);
        nights.learn(50_000.0, 0.1);
        assert!(nights.p_value(50_000.0, 0.15).0 < 0.02);
    }

    #[test]
    fn a_bin_begins_where_the_logarithm_says() {
        for bin in 1..=INDEX_MAX {
            let begins = LADDER.begins[usize::from(bin)];
            let nearest = (f64::from(bin) - 0.5) / BINS_PER_NAT;
            assert!((begins / nearest.exp_m1() - 1.0).abs() < 1e-9, "{bin} begins at {begins}");
            assert_eq!([begins.next_down(), begins].map(Bin::of), [Bin(bin - 1), Bin(bin)]);
        }
        for x in [f64::MIN, -1.0, -0.0, 0.0, f64::MIN_POSITIVE, f64::NAN] {
            assert_eq!(Bin::of(x), Bin(0), "{x}");
        }
        assert_eq!([1e40, f64::MAX, f64::INFINITY].map(Bin::of), [Bin(INDEX_MAX); 3]);
        assert!((0..100_000).map(f64::from).all(|x| Bin::of(x) == Bin::by_logarithm(x)));
    }

    proptest! {
        #[test]
        fn the_bin_is_that_of_the_logarithm(mantissa in 0_u64..1 << 52, exponent in 0_u64..2047) {
            let x = f64::from_bits(exponent << 52 | mantissa);
            prop_assert_eq!(Bin::of(x), Bin::by_logarithm(x), "{}", x);
        }

        #[test]
        fn p_is_a_probability_and_falls_outward(values in proptest::collection::vec(0.0..1e9_f64, 0..200), x in 0.0..1e12_f64) {
            let histogram = histogram(values);
            let near = histogram.p_side(x, Side::High, 0.15);
            let far = histogram.p_side(x * 2.0, Side::High, 0.15);
            prop_assert!(0.0 <= far && far <= near && near <= 1.0);
            prop_assert!(histogram.bins.len() <= BINS_MAX);
            prop_assert!(histogram.bins.windows(2).all(|pair| pair[0].index() < pair[1].index()));
        }
    }
}
