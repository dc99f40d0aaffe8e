//! How often: sessions begun today against those of earlier days.
//!
//! Counts of a day are negative binomial: the Poisson distribution with a rate that itself varies (Greenwood and Yule
//! 1920), fitted by mean and variance, with at least `dispersion_min` of variance over mean. One session more than
//! ever is then no wonder for a bot of one run a day, and ten more are.

use statrs::distribution::{DiscreteCDF, NegativeBinomial};

use super::{Context, Score, Why};
use crate::detect::baseline::Baseline;

pub(super) fn score(baseline: &Baseline, context: &Context<'_>) -> Score {
    let today = baseline.sessions_today;
    let Some((mean, variance)) = baseline.daily_sessions() else { return Score::USUAL };
    if f64::from(today) <= mean || mean <= 0.0 {
        return Score::USUAL;
    }
    // The mean of few days is uncertain; its own variance adds to the spread.
    let days = f64::from(baseline.days).max(1.0);
    let variance = (variance + mean / days).max(mean * context.profile.rate.dispersion_min);
    let r = mean * mean / (variance - mean);
    let success = mean / variance;
    let Ok(counts) = NegativeBinomial::new(r, success) else { return Score::USUAL };
    let p = counts.sf(u64::from(today) - 1).max(f64::MIN_POSITIVE);
    Score::new(-p.ln(), Why::TooOften { sessions: today })
}
