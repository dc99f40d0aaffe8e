//! When: the logarithm of the mass of all quarter hours of the week in which this bot starts at most as often, and
//! more for each hour between the start and any time of day at which it ever starts. Beyond all that was seen the mass
//! is the same everywhere, while half an hour early is a delay and the midst of the night is not.

use super::{Context, Score, Why};
use crate::detect::baseline::Baseline;
use crate::detect::feature::Session;
use crate::detect::profile::TimeProfile;
use crate::stats::week::WeekPrior;
use crate::time::Local;

pub(super) fn score(baseline: &Baseline, session: &Session, context: &Context<'_>) -> Score {
    let known = session.start_nats.filter(|(start, _)| *start == session.opened).map(|(_, nats)| nats);
    let nats = known.unwrap_or_else(|| surprise(baseline, context.start, context.unshifted, &context.profile.time));
    // A schedule is moved by hours, and not to the other side of the clock.
    let moved = baseline.week.hours_apart(context.start) <= context.profile.time.moved_hours_max;
    Score { excusable: moved, ..Score::new(nats, Why::OddTime) }
}

/// Surprise of a start, in nats. Where the zone's clock was changed within the window, `unshifted` is what it would show
/// otherwise: a bot may follow another clock than its registry says, and the lesser surprise counts.
pub(in crate::detect) fn surprise(
    baseline: &Baseline,
    start: Local,
    unshifted: Option<Local>,
    profile: &TimeProfile,
) -> f64 {
    let prior = WeekPrior {
        days: f64::from(baseline.days),
        any_time: profile.any_time_days,
        in_time: profile.in_time_days,
        alike: if baseline.is_seldom() { profile.alike_days_seldom } else { profile.alike_days },
    };
    let nats = |start: Local| -baseline.week.tail_mass(start, prior).max(f64::MIN_POSITIVE).ln();
    let nats = |start: Local| {
        let apart = (baseline.week.hours_apart(start) - 1.0).clamp(0.0, profile.apart_hours_max);
        nats(start) + profile.apart_nats * apart
    };
    unshifted.map_or_else(|| nats(start), |unshifted| nats(start).min(nats(unshifted)))
}
