//! Whether a person is at it: slower and less even than the bot's sessions ever were, at a pace that people have, and not on
//! the bot's ways.
//!
//! The probability is that of the pace ([`Rhythm`](crate::stats::rhythm::Rhythm)), times the sessions of a day, of which
//! each is a chance. A slow server is slow on the usual ways at the usual hours; so pace alone is no more than a word
//! beside other reasons, and pages only where the order, the operations or the hour are odd as well.

use super::Context;
use crate::detect::baseline::Baseline;
use crate::detect::feature::Session;
use crate::stats::rhythm::Pace;

/// Seconds between two acts that people take, from reading one screen to reading several.
const SECONDS: std::ops::RangeInclusive<f64> = 2.0..=300.0;
/// Least spread of people's gaps on the log scale. Smaller: a machine that waits for each answer is a person.
const UNEVEN_MIN: f64 = 0.5;
/// How many times as slow as usual it is at least. Smaller: a machine that waits a little longer today is a person.
const SLOWER_MIN: f64 = 2.0;
/// P-value from which it counts as more than a word. Larger: machines that are slow once, at an odd hour, page.
const ASTRAY_P: f64 = 1e-3;
/// P-value from which it is worth a word.
const WORD_P: f64 = 0.02;
/// P-value of another oddity without which it does not page.
const BESIDE_P: f64 = 0.05;
/// Dimensions that are odd when a person does a bot's work: time, operations, order.
const BESIDE: [usize; 3] = [0, 2, 6];

/// What speaks for a person.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::detect) struct Person {
    pub p: f64,
    /// Middle time between two acts, and the usual one, in seconds.
    pub seconds: f64,
    pub usual_seconds: f64,
    /// Whether that is hardly chance, and it is odd in what a person does otherwise, too.
    pub astray: bool,
}

/// Whether a running session goes at the pace of a person, so that it is worth a look.
pub(in crate::detect) fn suspected(baseline: &Baseline, session: &Session) -> bool {
    of_people(baseline, session).is_some_and(|(pace, _)| baseline.rhythm.p_slower(pace) <= ASTRAY_P)
}

/// The pace of a session with the usual seconds between two acts, where people have such a pace and the bot has not.
fn of_people(baseline: &Baseline, session: &Session) -> Option<(Pace, f64)> {
    let usual = baseline.rhythm.usual_seconds()?;
    let slow = SECONDS.start().max(SLOWER_MIN * usual);
    // Most sessions are ruled out by how long their gaps are.
    let pace = if session.may_be_slow(slow) { session.pace()? } else { return None };
    let of_them = SECONDS.contains(&pace.seconds()) && pace.uneven >= UNEVEN_MIN && pace.seconds() >= slow;
    of_them.then_some((pace, usual))
}

/// What speaks for a person, where anything does and no announced change explains it.
pub(super) fn score(
    baseline: &Baseline,
    session: &Session,
    context: &Context<'_>,
    p: &[f64],
    excused: &[bool],
) -> Option<Person> {
    let (pace, usual_seconds) = of_people(baseline, session)?;
    let sessions = baseline.daily_sessions().map_or(1.0, |(mean, _)| mean.max(1.0));
    let slower = (baseline.rhythm.p_slower(pace) * sessions).min(1.0);
    let explained = context.excuses.wholly(BESIDE[1], session.manual_by.is_some()) || excused[BESIDE[1]];
    let astray = slower <= ASTRAY_P && BESIDE.iter().any(|&at| p[at] <= BESIDE_P);
    (slower <= WORD_P && !explained).then_some(Person { p: slower, seconds: pace.seconds(), usual_seconds, astray })
}
