//! How odd a session is, dimension by dimension.
//!
//! Each scorer reads the baseline and gives a surprise in nats (0 is usual) with the cheapest account of what caused
//! it; only [`explain`](super::explain) turns that into words. A surprise is not yet a probability: the bot's own
//! history of surprises makes it one ([`calibrate`](crate::stats::calibrate)).

mod privilege;
mod rate;
mod sequence;
mod source;
mod time;
mod volume;

use super::baseline::{Baseline, Measure, SCORED};
use super::change::Excuses;
use super::feature::Session;
use super::fleet::Fleet;
use super::profile::Profile;
use crate::alert::Dimension;
use crate::stats::combine::cauchy;
use crate::stats::log_histogram::Side;
use crate::time::Local;

pub(super) use volume::p_call;

/// The dimensions in the order of the calibrators.
pub(super) const DIMENSIONS: [Dimension; SCORED] =
    [Dimension::Time, Dimension::Source, Dimension::Sequence, Dimension::Volume, Dimension::Privilege, Dimension::Rate];

/// What a scorer may look at besides baseline and session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    pub profile: &'a Profile,
    pub fleet: &'a Fleet,
    /// Number of the bot in the fleet.
    pub bot: u32,
    pub tenant: &'a str,
    /// When the session began, on the bot's wall clock.
    pub start: Local,
    /// Whether all of the session is known; a running one may still take its missing steps.
    pub closed: bool,
    pub excuses: Excuses,
}

/// How odd one dimension is, and why.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Score {
    pub nats: f64,
    pub why: Why,
}

/// The cause of a score; numbers index the session's own lists.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Why {
    Usual,
    OddTime,
    NewHost { host: usize, owner: Option<u32> },
    RareHost { host: usize },
    NewNetwork { network: usize },
    NewDevice { device: usize },
    NewEndpoint { endpoint: u16, more: u16 },
    OddStep { from: u16, to: u16, more: u16 },
    Volume { scope: Scope, measure: Measure, side: Side, amount: f64 },
    CallVolume { endpoint: u16, amount: f64 },
    NewRole { role: usize, admin: bool },
    NewPair { role: usize },
    TooOften { sessions: u32 },
}

/// Over which stretch a volume was summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Session,
    Hour,
    Day,
}

/// Scores of all dimensions with their probabilities.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Judgment {
    pub scores: [Score; SCORED],
    /// Calibrated p-values; 1 where the dimension is excused.
    pub p: [f64; SCORED],
    /// Which dimensions an announced change excuses.
    pub excused: [bool; SCORED],
    pub fused: f64,
    /// How often something at least as odd is expected on a day of this bot.
    pub daily_rate: f64,
}

impl Score {
    /// Nothing odd.
    pub(super) const USUAL: Self = Self { nats: 0.0, why: Why::Usual };

    fn new(nats: f64, why: Why) -> Self {
        Self { nats: nats.max(0.0), why }
    }

    fn max(self, other: Self) -> Self {
        if other.nats > self.nats { other } else { self }
    }
}

pub(super) use time::surprise as start_surprise;

/// Judges a session against the baseline.
pub(super) fn judge(baseline: &Baseline, session: &Session, context: &Context<'_>) -> Judgment {
    let scores = [
        time::score(baseline, session, context),
        source::score(baseline, session, context),
        sequence::score(baseline, session, context),
        volume::score(baseline, session, context),
        privilege::score(baseline, session, context),
        rate::score(baseline, context),
    ];
    let excused = context.excuses.by_dimension(session.manual_by.is_some());
    let prior = context.profile.tail_prior();
    let mut p = [1.0; SCORED];
    for (at, score) in scores.iter().enumerate() {
        if !excused[at] {
            p[at] = baseline.calibrators[at].p_value(score.nats, prior);
        }
    }
    let fused = cauchy(p.iter().map(|&p| (p, 1.0)));
    let sessions = baseline.daily_sessions().map_or(1.0, |(mean, _)| mean.max(1.0));
    Judgment { scores, p, excused, fused, daily_rate: fused * sessions }
}
