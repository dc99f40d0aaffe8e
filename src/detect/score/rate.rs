//! How often: sessions begun today and within the hour against those of earlier days.
//!
//! Counts of a day are negative binomial: the Poisson distribution with a rate that itself varies (Greenwood and Yule
//! 1920), fitted by mean and variance, with at least `dispersion_min` of variance over mean. One session more than
//! ever is then no wonder for a bot of one run a day, and ten more are. The busiest hour of each day is counted alike
//! ([`DailyPeak`](crate::stats::daily_peak)): forty more sessions are few in a day of a busy bot, and many in an hour.

use statrs::distribution::{DiscreteCDF, NegativeBinomial};

use super::{Context, Score, Why};
use crate::detect::baseline::Baseline;

pub(super) fn score(baseline: &Baseline, context: &Context<'_>) -> Score {
    let day = daily(baseline, context);
    let within = baseline.within_hour(context.start);
    let allowed = (f64::from(within) / allowance(baseline, context).sqrt()).ceil() as u32;
    let p = baseline.hourly.p_at_least(allowed, context.profile.rate.dispersion_min);
    day.max(Score::new(-p.ln(), Why::Burst { sessions: within }))
}

/// What closes the books runs more often.
fn allowance(baseline: &Baseline, context: &Context<'_>) -> f64 {
    if !context.turn_of_month {
        return 1.0;
    }
    1.0 + (context.profile.rate.turn_of_month_factor - 1.0) * baseline.turns.rate_share()
}

fn daily(baseline: &Baseline, context: &Context<'_>) -> Score {
    let sessions = baseline.sessions_today - baseline.sessions_told.min(baseline.sessions_today);
    let today = (f64::from(sessions) / allowance(baseline, context)).ceil() as u32;
    let Some((mean, variance)) = baseline.daily_sessions() else { return Score::USUAL };
    if f64::from(today) <= mean || mean <= 0.0 {
        return Score::USUAL;
    }
    // The mean of few days is uncertain, and so is the rate behind them; both add to the spread.
    let days = f64::from(baseline.days).max(1.0);
    let variance = (variance + (mean + mean * mean) / days).max(mean * context.profile.rate.dispersion_min);
    let r = mean * mean / (variance - mean);
    let success = mean / variance;
    let Ok(counts) = NegativeBinomial::new(r, success) else { return Score::USUAL };
    let p = counts.sf(u64::from(today) - 1).max(f64::MIN_POSITIVE);
    Score::new(-p.ln(), Why::TooOften { sessions })
}
