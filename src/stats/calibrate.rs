//! Scores to tail probabilities: the rank of a day's highest score among the bot's own days, with a fitted tail beyond
//! the record.
//!
//! For a score `s` against `n` earlier days, `p(s) = (N(≥ s) + T(s)) / (n + 1)`. `N` counts the days whose highest score
//! was at least `s`; `T(s)` is 1 up to the record and `exp(-(s - record) / σ)` beyond it. Up to the record that is the
//! conformal p-value (Vovk, Gammerman, Shafer, *Algorithmic Learning in a Random World*, 2005), valid whatever the
//! scores mean as long as days are exchangeable. Beyond it is peaks over threshold with an exponential tail (the
//! generalized Pareto with shape 0; Pickands, *Annals of Statistics* 3, 1975): σ is the mean excess over the 90 %
//! quantile, shrunk by four pseudo-observations toward a prior scale, which is wider while there are few days.
//!
//! Days are the unit because sessions of one day are not independent (the thirtieth extra session of a flood looks like
//! the twenty-ninth), and because pages are budgeted by the day. Where a month of days cannot tell, a [`Pool`] asks how
//! often days are so odd by their own bots' histories over all bots.
//!
//! Scores are counted in buckets of half a nat (a quarter in the pool), so that a p-value is too large by at most the
//! weight of one bucket, never too small. Blind spot: scores that drift upwards for all days alike are followed.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::sparse::{self, Sparse};

/// Nats covered by one bucket. Wider ones blur neighboring scores, narrower ones cost bytes in each bot.
const BUCKET_NATS: f64 = 0.5;
/// Buckets; scores of 12 nats and more share the last one, where every p-value pages already.
const BUCKETS: usize = 24;
/// Weight of the scores that make a record, up to which all is usual. Larger: what was seen once is no record.
const RECORD_WEIGHT: f64 = 1.0;
/// Share of a history that is one at most: while there is less than one day, its highest bucket.
const RECORD_SHARE: f64 = 0.999;
/// Share of a history that its tail is estimated from. Larger: ordinary scores say how rare ones fall off.
const TAIL_SHARE: f64 = 0.1;
/// Weight of the prior tail scale, in observations. A larger one ignores the own tail for longer.
const PRIOR_WEIGHT: f64 = 4.0;
/// What is added to the prior scale while there is no history, in nats; it falls with the days seen.
const YOUNG_SCALE: f64 = 0.5;
/// Bounds of the tail scale, in nats: below, rounding decides; above, nothing would ever page.
const SCALE_NATS: (f64, f64) = (0.35, 2.5);

/// Scores that one bot may have.
pub const SCORES_MAX: usize = sparse::BINS_MAX / BUCKETS;

/// Histories of a bot's scores, by number: the highest of each day. 64 bytes, and two a bucket that holds something.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Calibrators {
    /// Buckets of the first score, then of the second one, and so on.
    buckets: Sparse,
}

impl Calibrators {
    /// Probability that a day's highest score is at least `score` (in nats, not negative), by the own history alone.
    #[must_use]
    pub fn p_own(&self, number: usize, score: f64, scale: f64) -> f64 {
        // Each day has at least nothing, and most scores are nothing.
        if score <= 0.0 {
            return 1.0;
        }
        let (from, mut total, mut above) = (bucket(score, BUCKET_NATS, BUCKETS), 0.0, 0.0);
        for (bucket, weight) in self.buckets.window(number * BUCKETS, BUCKETS) {
            total += weight;
            above += if bucket >= from { weight } else { 0.0 };
        }
        // Most scores lie below the record, which needs no tail.
        let tail = if above >= 1.0 {
            1.0
        } else {
            let held: SmallVec<[(usize, f64); BUCKETS]> = self.buckets.window(number * BUCKETS, BUCKETS).collect();
            beyond(score, &held, BUCKET_NATS, total, scale)
        };
        ((above + tail) / (total + 1.0)).clamp(f64::MIN_POSITIVE, 1.0)
    }

    /// Share of days whose highest score was below `score`; `None` without a history.
    #[must_use]
    pub fn share_below(&self, number: usize, score: f64) -> Option<f64> {
        let (from, mut total, mut below) = (bucket(score, BUCKET_NATS, BUCKETS), 0.0, 0.0);
        for (bucket, weight) in self.buckets.window(number * BUCKETS, BUCKETS) {
            total += weight;
            below += if bucket < from { weight } else { 0.0 };
        }
        (total > 0.0).then(|| below / total)
    }

    /// Counts a day's highest score with a weight of 0 to 1.
    pub fn learn(&mut self, number: usize, score: f64, weight: f64) {
        self.buckets.add(number * BUCKETS + bucket(score, BUCKET_NATS, BUCKETS), weight as f32);
    }

    /// Shrinks the histories.
    pub fn forget(&mut self, factor: f64) {
        self.buckets.scale(factor as f32);
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.buckets.heap_bytes()
    }
}

/// Nats covered by one bucket of a pool.
const POOL_NATS: f64 = 0.25;
/// Buckets of a pool; scores of 16 nats and more share the last one.
const POOL_BUCKETS: usize = 64;
/// Days of the prior in a pool that is empty. More of them outweigh the fleet's own for longer.
const POOL_PRIOR_DAYS: f64 = 40.0;

/// Daily maxima of one score over many bots.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pool {
    buckets: Vec<f32>,
    total: f32,
}

impl Default for Pool {
    fn default() -> Self {
        Self { buckets: vec![0.0; POOL_BUCKETS], total: 0.0 }
    }
}

impl Pool {
    /// Weight of the history, in bot-days.
    #[must_use]
    pub fn total(&self) -> f64 {
        f64::from(self.total)
    }

    /// Share of bot-days that are at least so odd by their own bot's history: `-ln` of [`Calibrators::p_own`].
    #[must_use]
    pub fn p_value(&self, oddness: f64) -> f64 {
        let held: SmallVec<[(usize, f64); POOL_BUCKETS]> =
            self.buckets.iter().map(|&weight| f64::from(weight)).enumerate().filter(|held| held.1 > 0.0).collect();
        let from = bucket(oddness, POOL_NATS, POOL_BUCKETS);
        let above: f64 = held.iter().filter(|held| held.0 >= from).map(|held| held.1).sum();
        let tail = beyond(oddness, &held, POOL_NATS, self.total(), 1.0);
        let prior = POOL_PRIOR_DAYS * (-oddness).exp();
        ((above + tail + prior) / (self.total() + 1.0 + POOL_PRIOR_DAYS)).min(1.0)
    }

    /// Counts a bot-day.
    pub fn learn(&mut self, score: f64, weight: f64) {
        self.buckets[bucket(score, POOL_NATS, POOL_BUCKETS)] += weight as f32;
        self.total += weight as f32;
    }

    /// Shrinks the history.
    pub fn forget(&mut self, factor: f64) {
        for weight in &mut self.buckets {
            *weight *= factor as f32;
        }
        self.total *= factor as f32;
    }
}

/// The tail beyond the record: 1 up to it, then falling exponentially. Of the buckets, those that hold something, in order.
fn beyond(score: f64, held: &[(usize, f64)], width: f64, total: f64, scale: f64) -> f64 {
    let record = level_above_which(held, RECORD_WEIGHT.min(total * RECORD_SHARE), width);
    if score <= record {
        return 1.0;
    }
    let level = level_above_which(held, TAIL_SHARE * total, width);
    let scale = scale + YOUNG_SCALE / (1.0 + total);
    let (mut weight, mut excess) = (PRIOR_WEIGHT, PRIOR_WEIGHT * scale);
    for &(bucket, w) in held {
        let middle = (bucket as f64 + 0.5) * width;
        if middle > level {
            weight += w;
            excess += w * (middle - level);
        }
    }
    (-(score - record) / (excess / weight).clamp(SCALE_NATS.0, SCALE_NATS.1)).exp()
}

/// The lowest level with less than `goal` above it: the upper edge of a bucket.
fn level_above_which(held: &[(usize, f64)], goal: f64, width: f64) -> f64 {
    let (goal, mut sum) = (goal.max(f64::MIN_POSITIVE), 0.0);
    let reached = held.iter().rev().find(|(_, weight)| {
        sum += weight;
        sum >= goal
    });
    reached.map_or(0.0, |(bucket, _)| (bucket + 1) as f64 * width)
}

fn bucket(score: f64, width: f64, count: usize) -> usize {
    ((score.max(0.0) / width) as usize).min(count - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_is_as_small_as_it_says() {
        assert_eq!(size_of::<Calibrators>(), 64);
    }

    const SCALE: f64 = 0.8;

    fn calibrator(scores: &[f64]) -> Calibrators {
        let mut calibrator = Calibrators::default();
        for &score in scores {
            calibrator.learn(1, score, 1.0);
        }
        calibrator
    }

    #[test]
    fn a_record_is_one_in_n_and_beyond_it_the_tail_falls() {
        let calibrator = calibrator(&[0.1; 27]);
        assert!((calibrator.p_own(1, 0.2, SCALE) - 1.0).abs() < 1e-9);
        assert!((calibrator.p_own(1, 0.5, SCALE) - 1.0 / 28.0).abs() < 1e-9);
        assert!(calibrator.p_own(1, 6.0, SCALE) < 1e-4);
    }

    #[test]
    fn no_history_proves_little_and_an_empty_pool_believes_the_bot() {
        assert!(Calibrators::default().p_own(1, 4.0, SCALE) > 0.02);
        let p = Pool::default().p_value(4.0) / (-4.0_f64).exp();
        assert!((1.0..1.3).contains(&p), "{p}");
        let mut pool = Pool::default();
        (0..100_000).for_each(|nth| pool.learn(f64::from(nth % 100) / 20.0, 1.0));
        let p = pool.p_value(4.0);
        assert!((p - 0.2).abs() < 0.01, "{p}");
    }

    /// Scores from a stream that stays the same: P(p ≤ α) ≤ 1.2 α, for young histories and old.
    #[test]
    fn p_values_of_a_steady_stream_mean_what_they_say() {
        use rand::{Rng, SeedableRng};
        let mut rng = rand_xoshiro::Xoshiro256PlusPlus::seed_from_u64(7);
        let mut draw = move || -rng.gen_range(1e-12..1.0_f64).ln();
        let alphas = [0.05, 0.01, 1e-3];
        let (mut hits, mut trials) = ([0_u32; 3], 0_u32);
        for _ in 0..5_000 {
            let mut calibrator = Calibrators::default();
            for day in 0..28 {
                let score = draw();
                if day >= 7 {
                    trials += 1;
                    // The prior scale is no smaller than the stream's own, which is one.
                    let p = calibrator.p_own(1, score, 1.2);
                    for (hit, alpha) in hits.iter_mut().zip(alphas) {
                        *hit += u32::from(p <= alpha);
                    }
                }
                calibrator.learn(1, score, 1.0);
            }
        }
        for (hit, alpha) in hits.into_iter().zip(alphas) {
            let rate = f64::from(hit) / f64::from(trials);
            assert!(rate <= 1.2 * alpha, "P(p ≤ {alpha}) = {rate}");
        }
    }

    proptest! {
        #[test]
        fn p_falls_as_the_score_rises(scores in proptest::collection::vec(0.0..20.0_f64, 0..60), a in 0.0..25.0_f64, b in 0.0..25.0_f64) {
            let (calibrator, mut pool) = (calibrator(&scores), Pool::default());
            for &score in &scores {
                pool.learn(score, 1.0);
            }
            let (low, high) = (a.min(b), a.max(b));
            for (p_low, p_high) in [
                (calibrator.p_own(1, low, SCALE), calibrator.p_own(1, high, SCALE)),
                (pool.p_value(low), pool.p_value(high)),
            ] {
                prop_assert!(0.0 < p_high && p_high <= p_low + 1e-12 && p_low <= 1.0, "{} {}", p_high, p_low);
            }
        }

        #[test]
        fn forgetting_everything_leaves_the_prior(scores in proptest::collection::vec(0.0..20.0_f64, 0..60)) {
            let mut calibrator = calibrator(&scores);
            calibrator.forget(0.0);
            prop_assert_eq!(calibrator, Calibrators::default());
        }
    }
}
