//! When: the logarithm of the mass of all quarter hours of the week in which this bot starts at most as often.

use super::{Context, Score, Why};
use crate::detect::baseline::Baseline;
use crate::detect::feature::Session;
use crate::time::Local;

pub(super) fn score(baseline: &Baseline, session: &Session, context: &Context<'_>) -> Score {
    let known = session.start_nats.filter(|(start, _)| *start == session.opened).map(|(_, nats)| nats);
    let nats = known.unwrap_or_else(|| surprise(baseline, context.start, context.profile.time.floor_starts));
    Score::new(nats, Why::OddTime)
}

/// Surprise of a start, in nats.
pub(in crate::detect) fn surprise(baseline: &Baseline, start: Local, floor_starts: f64) -> f64 {
    let mass = baseline.week.tail_mass(start, floor_starts);
    -mass.max(f64::MIN_POSITIVE).ln()
}
