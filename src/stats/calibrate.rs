//! Scores to tail probabilities: the rank of a score among its own history, with a fitted tail beyond the record.
//!
//! For a score `s` against `n` earlier ones, `p(s) = (N(≥ s) + T(s) + m G(s)) / (n + 1 + m)`, where `T(s)` is 1 up to
//! the record and `exp(-(s - record) / σ)` beyond it, and `m` pseudo-sessions with the exponential tail `G` stand for
//! what bots in general are like, so that one of four runs a month can be judged at all. Up to the record that is the conformal p-value (Vovk, Gammerman, Shafer,
//! *Algorithmic Learning in a Random World*, 2005), valid whatever the scores mean as long as they are exchangeable. Beyond it is peaks over
//! threshold with an exponential tail (the generalized Pareto with shape 0; Pickands 1975): σ is the mean excess over
//! the 90 % quantile, shrunk toward a prior scale by four pseudo-observations. A plain rank could never fall under
//! `1/(n + 1)`, which for a bot of one run a day is no page at all.
//!
//! Scores are counted in 20 buckets of half a nat, so that a p-value is too large by at most the weight of one bucket,
//! never too small. Blind spot: scores that drift upwards for all sessions alike are followed, not flagged.

use serde::{Deserialize, Serialize};

/// Nats covered by one bucket. Wider ones blur neighboring scores, narrower ones cost bytes in each bot.
const BUCKET_NATS: f64 = 0.5;
/// Buckets; scores of 10 nats and more share the last one, where every p-value pages already.
const BUCKETS: usize = 20;
/// Weight of the prior tail scale, in observations. A larger one ignores the bot's own tail for longer.
const PRIOR_WEIGHT: f64 = 4.0;
/// Bounds of the tail scale, in nats: below, rounding decides; above, nothing would ever page.
const SCALE_NATS: (f64, f64) = (0.35, 2.5);

/// What is known of a score before a bot has shown any.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TailPrior {
    /// Scale of the exponential tail, in nats.
    pub scale: f64,
    /// Weight, in sessions.
    pub sessions: f64,
}

/// History of one score; 84 bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibrator {
    buckets: [f32; BUCKETS],
    total: f32,
}

impl Default for Calibrator {
    fn default() -> Self {
        Self { buckets: [0.0; BUCKETS], total: 0.0 }
    }
}

impl Calibrator {
    /// Weight of the history.
    #[must_use]
    pub fn total(&self) -> f64 {
        f64::from(self.total)
    }

    /// Probability of a score at least as large as `score` (in nats, not negative), given the history.
    ///
    #[must_use]
    pub fn p_value(&self, score: f64, prior: TailPrior) -> f64 {
        let bucket = bucket(score);
        let above: f64 = self.buckets[bucket..].iter().map(|&w| f64::from(w)).sum();
        let record = self.level_above_which(1.0);
        let tail = if score > record { (-(score - record) / self.scale(prior.scale)).exp() } else { 1.0 };
        let general = prior.sessions * (-score / prior.scale).exp();
        ((above + tail + general) / (self.total() + 1.0 + prior.sessions)).min(1.0)
    }

    /// Counts a score with a weight of 0 to 1.
    pub fn learn(&mut self, score: f64, weight: f64) {
        self.buckets[bucket(score)] += weight as f32;
        self.total += weight as f32;
    }

    /// Shrinks the history.
    pub fn forget(&mut self, factor: f64) {
        for weight in &mut self.buckets {
            *weight *= factor as f32;
        }
        self.total *= factor as f32;
    }

    /// The lowest level with less than `weight` above it: the upper edge of a bucket.
    fn level_above_which(&self, weight: f64) -> f64 {
        let mut sum = 0.0;
        for (index, &w) in self.buckets.iter().enumerate().rev() {
            sum += f64::from(w);
            if sum >= weight.min(self.total() * 0.999).max(f64::MIN_POSITIVE) {
                return (index + 1) as f64 * BUCKET_NATS;
            }
        }
        0.0
    }

    fn scale(&self, prior_scale: f64) -> f64 {
        let level = self.level_above_which(0.1 * self.total());
        let (mut weight, mut excess) = (PRIOR_WEIGHT, PRIOR_WEIGHT * prior_scale);
        for (index, &w) in self.buckets.iter().enumerate() {
            let middle = (index as f64 + 0.5) * BUCKET_NATS;
            if middle > level {
                weight += f64::from(w);
                excess += f64::from(w) * (middle - level);
            }
        }
        (excess / weight).clamp(SCALE_NATS.0, SCALE_NATS.1)
    }
}

fn bucket(score: f64) -> usize {
    ((score.max(0.0) / BUCKET_NATS) as usize).min(BUCKETS - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PRIOR: TailPrior = TailPrior { scale: 0.8, sessions: 0.0 };

    fn calibrator(scores: &[f64]) -> Calibrator {
        let mut calibrator = Calibrator::default();
        for &score in scores {
            calibrator.learn(score, 1.0);
        }
        calibrator
    }

    #[test]
    fn a_record_is_one_in_n_and_beyond_it_the_tail_falls() {
        let calibrator = calibrator(&[0.1; 27]);
        assert!((calibrator.p_value(0.2, PRIOR) - 1.0).abs() < 1e-9);
        assert!((calibrator.p_value(0.5, PRIOR) - 1.0 / 28.0).abs() < 1e-9);
        assert!(calibrator.p_value(6.0, PRIOR) < 1e-4);
    }

    #[test]
    fn no_history_leaves_the_prior() {
        let p = Calibrator::default().p_value(2.0, PRIOR);
        assert!((p - (-2.0 / PRIOR.scale).exp()).abs() < 1e-9, "{p}");
    }

    /// Scores from a stream that stays the same: P(p ≤ α) ≤ 1.2 α.
    #[test]
    fn p_values_of_a_steady_stream_mean_what_they_say() {
        use rand::{Rng, SeedableRng};
        let mut rng = rand_xoshiro::Xoshiro256PlusPlus::seed_from_u64(7);
        for alpha in [0.05, 0.01] {
            let (mut hits, mut trials) = (0_u32, 0_u32);
            for _ in 0..300 {
                let mut calibrator = Calibrator::default();
                for step in 0..250 {
                    let score = -rng.gen_range(1e-9..1.0_f64).ln();
                    if step >= 50 {
                        trials += 1;
                        hits += u32::from(calibrator.p_value(score, PRIOR) <= alpha);
                    }
                    calibrator.learn(score, 1.0);
                }
            }
            let rate = f64::from(hits) / f64::from(trials);
            assert!(rate <= 1.2 * alpha, "P(p ≤ {alpha}) = {rate}");
        }
    }

    proptest! {
        #[test]
        fn p_falls_as_the_score_rises(scores in proptest::collection::vec(0.0..20.0_f64, 0..60), a in 0.0..25.0_f64, b in 0.0..25.0_f64) {
            let calibrator = calibrator(&scores);
            let (low, high) = (a.min(b), a.max(b));
            let (p_low, p_high) = (calibrator.p_value(low, PRIOR), calibrator.p_value(high, PRIOR));
            prop_assert!(0.0 < p_high && p_high <= p_low && p_low <= 1.0, "{p_high} {p_low}");
        }

        #[test]
        fn forgetting_everything_leaves_the_prior(scores in proptest::collection::vec(0.0..20.0_f64, 0..60)) {
            let mut calibrator = calibrator(&scores);
            calibrator.forget(0.0);
            prop_assert_eq!(calibrator, Calibrator::default());
        }
    }
}
