//! How much: records read, records written, bytes and calls, by session, by hour, by day, and by single call.
//!
//! A closed session is judged on both sides, what still runs on the high side only. The p-values of all scales are
//! combined by Cauchy's rule, since an hour's total and its only session are the same number.

use super::{Context, Scope, Score, Why};
use crate::detect::baseline::{Baseline, MEASURES, Volumes};
use crate::detect::feature::Session;
use crate::stats::combine::cauchy;
use crate::stats::log_histogram::{LogHistogram, Side};
use crate::time::is_turn_of_month;

pub(super) fn score(baseline: &Baseline, session: &Session, context: &Context<'_>) -> Score {
    let profile = &context.profile.volume;
    let volumes = &baseline.volumes;
    let mut all: Vec<(f64, f64)> = Vec::with_capacity(13);
    let mut least = (1.0, Why::Usual);
    let mut add = |p: f64, why: Why| {
        all.push((p, 1.0));
        if p < least.0 {
            least = (p, why);
        }
    };
    // What closes the books moves more, at the first quarter's end that is lived through, too.
    let allowance = if is_turn_of_month(context.start.day) { profile.turn_of_month_factor } else { 1.0 };
    let moved = [session.read as f64, session.written as f64, session.bytes as f64, session.calls as f64];
    for (at, measure) in MEASURES.into_iter().enumerate() {
        let history = &volumes.session[at];
        if never(history, moved[at]) {
            continue;
        }
        let high = history.p_side(moved[at] / allowance, Side::High, profile.spread_floor);
        let low = history.p_side(moved[at], Side::Low, profile.spread_floor);
        let (p, side) = if context.closed && low < high {
            ((2.0 * low).clamp(profile.low_side_p_min, 1.0), Side::Low)
        } else {
            ((2.0 * high).min(1.0), Side::High)
        };
        add(p, Why::Volume { scope: Scope::Session, measure, side, amount: moved[at] });
        for (scope, history, amount) in running(volumes, at) {
            let p = history.p_side(amount / allowance, Side::High, profile.spread_floor);
            add(p, Why::Volume { scope, measure, side: Side::High, amount });
        }
    }
    if let Some((p, endpoint, amount)) = session.extreme_call {
        add((p * session.calls as f64).min(1.0), Why::CallVolume { endpoint, amount });
    }
    let p = cauchy(all);
    Score::new(-p.ln(), least.1).excusable_to(ANNOUNCED_NATS)
}

/// Nats of volume that a release may bring.
const ANNOUNCED_NATS: f64 = 7.0;

/// P-value of what one call of an endpoint moved; `None` while too little is known of it.
pub(in crate::detect) fn p_call(baseline: &Baseline, number: u16, moved: f64, spread_floor: f64) -> Option<f64> {
    let history = &baseline.graph.endpoint(number)?.moved;
    (history.total() >= 5.0).then(|| history.p_side(moved, Side::High, spread_floor))
}

/// A quantity that this bot never has and has not now.
fn never(history: &LogHistogram, amount: f64) -> bool {
    amount <= 0.0 && history.quantile(1.0).is_none_or(|most| most <= 0.0)
}

fn running(volumes: &Volumes, at: usize) -> [(Scope, &LogHistogram, f64); 2] {
    [(Scope::Hour, &volumes.hour[at], volumes.this_hour[at]), (Scope::Day, &volumes.day[at], volumes.untold_day(at))]
}
