//! How much: records read, records written, bytes and calls, by session, by hour, by day, and by single call.
//!
//! A closed session is judged on both sides, what still runs on the high side only. What a session moved is calibrated
//! apart from what the hour, the day and single calls came to: a run with many more items is plain in the first, and
//! drowned by the ups and downs of a busy day in the second. Within each, p-values are combined by their harmonic mean.

use smallvec::SmallVec;

use super::{Context, Scope, Score, Why};
use crate::detect::baseline::{Baseline, MEASURES, totals};
use crate::detect::feature::Session;
use crate::stats::combine::harmonic;
use crate::stats::log_histogram::{Bin, LogHistogram, Side};

/// What the session moved in whole.
pub(super) fn session(baseline: &Baseline, session: &Session, context: &Context<'_>) -> Score {
    let profile = &context.profile.volume;
    let mut worst = Worst::default();
    for (at, measure) in MEASURES.into_iter().enumerate() {
        let (history, amount) = (&baseline.volumes.session[at], totals(session)[at]);
        if never(history, amount) {
            continue;
        }
        let high = history.p_side(amount / allowance(baseline, context), Side::High, profile.spread_floor);
        let low = history.p_side(amount, Side::Low, profile.spread_floor);
        let (p, side) = if context.closed && low < high {
            ((2.0 * low).clamp(profile.low_side_p_min, 1.0), Side::Low)
        } else {
            ((2.0 * high).min(1.0), Side::High)
        };
        worst.add(p, Why::Volume { scope: Scope::Session, measure, side, amount });
    }
    worst.score()
}

/// What it brings the hour and the day to, and its oddest single call.
pub(super) fn running(baseline: &Baseline, session: &Session, context: &Context<'_>) -> Score {
    let (profile, volumes) = (&context.profile.volume, &baseline.volumes);
    let mut worst = Worst::default();
    for (at, measure) in MEASURES.into_iter().enumerate() {
        if never(&volumes.session[at], totals(session)[at]) {
            continue;
        }
        let hour = (Scope::Hour, &volumes.past.hour[at], f64::from(volumes.this_hour[at]));
        let day = (Scope::Day, &volumes.past.day[at], volumes.untold_day(at));
        for (scope, history, amount) in [hour, day] {
            let p = history.p_side(amount / allowance(baseline, context), Side::High, profile.spread_floor);
            worst.add(p, Why::Volume { scope, measure, side: Side::High, amount });
        }
    }
    if let Some((p, endpoint, amount)) = session.extreme_call {
        worst.add((p * session.calls as f64).min(1.0), Why::CallVolume { endpoint, amount });
    }
    worst.score()
}

/// How far a closed session is from every mode of working that the bot has.
pub(super) fn modes(baseline: &Baseline, session: &Session, context: &Context<'_>) -> Score {
    if !context.closed || session.calls == 0 {
        return Score::USUAL;
    }
    let amounts = totals(session);
    let Some(distance) = baseline.modes.distance(amounts) else { return Score::USUAL };
    // Less than all of them is a failed run, and never told alone.
    let spreads = if distance.least {
        LEAST_SHARE * distance.spreads.abs()
    } else {
        distance.spreads.abs() - allowance(baseline, context).ln()
    };
    if spreads <= 0.0 {
        return Score::USUAL;
    }
    let (measure, amount) = (MEASURES[distance.measure], amounts[distance.measure]);
    let why = Why::NoMode { measure, amount, usual: distance.usual, modes: distance.modes };
    Score::new(spreads, why).excusable_to(ANNOUNCED_SPREADS)
}

/// Share of its spreads that a session counts which moved less than any mode has. Larger: failed runs are told of more.
const LEAST_SHARE: f64 = 0.5;

/// Spreads that a release may bring.
const ANNOUNCED_SPREADS: f64 = 5.0;

/// P-values with the least of them.
struct Worst {
    all: SmallVec<[f64; 10]>,
    least: (f64, Why),
}

impl Default for Worst {
    fn default() -> Self {
        Self { all: SmallVec::new(), least: (1.0, Why::Usual) }
    }
}

impl Worst {
    fn add(&mut self, p: f64, why: Why) {
        self.all.push(p);
        if p < self.least.0 {
            self.least = (p, why);
        }
    }

    fn score(self) -> Score {
        Score::new(-harmonic(&self.all).ln(), self.least.1).excusable_to(ANNOUNCED_NATS)
    }
}

/// What closes the books moves more, at the first quarter's end that is lived through, too; others moved no more before.
fn allowance(baseline: &Baseline, context: &Context<'_>) -> f64 {
    if !context.turn_of_month {
        return 1.0;
    }
    1.0 + (context.profile.volume.turn_of_month_factor - 1.0) * baseline.turns.volume_share()
}

/// Nats of volume that a release may bring.
const ANNOUNCED_NATS: f64 = 7.0;

/// Nats that a day at work proves of what a call moves. Larger: who was seen twice is believed to know no other size.
const CALL_DAY_NATS: f64 = 1.5;

/// Calls of an endpoint, weighted by trust and age, from which it is known what one of them moves.
const CALLS_MIN: f64 = 5.0;

/// P-value of what one call of an endpoint moved; `None` while too little is known of it.
pub(in crate::detect) fn p_call(baseline: &Baseline, number: u16, moved: Bin, spread_floor: f64) -> Option<f64> {
    let history = &baseline.graph.endpoint(number)?.moved;
    // Calls of one day are much alike: a day is worth so many nats, however many calls it had.
    let least = (-CALL_DAY_NATS * f64::from(baseline.days)).exp();
    (history.total() >= CALLS_MIN).then(|| history.p_of(moved, Side::High, spread_floor).max(least))
}

/// A quantity that this bot never has and has not now.
fn never(history: &LogHistogram, amount: f64) -> bool {
    amount <= 0.0 && history.quantile(1.0).is_none_or(|most| most <= 0.0)
}
