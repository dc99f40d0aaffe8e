//! When: the logarithm of the mass of all quarter hours of the week in which this bot starts at most as often.

use super::{Context, Score, Why};
use crate::detect::baseline::Baseline;

pub(super) fn score(baseline: &Baseline, context: &Context<'_>) -> Score {
    let mass = baseline.week.tail_mass(context.start, context.profile.time.floor_starts);
    Score::new(-mass.max(f64::MIN_POSITIVE).ln(), Why::OddTime)
}
