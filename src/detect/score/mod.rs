//! How odd a session is, dimension by dimension.
//!
//! Each scorer reads the baseline and gives a surprise in nats (0 is usual) with the cheapest account of what caused
//! it; only [`explain`](super::explain) turns that into words. A surprise is not yet a probability: the bot's own
//! history of surprises makes it one ([`calibrate`](crate::stats::calibrate)).

mod person;
mod privilege;
mod rate;
mod sequence;
mod source;
mod time;
mod volume;

use super::baseline::{Baseline, Measure, SCORED};
use super::change::Excuses;
use super::familiar::Standing;
use super::feature::Session;
use super::firsts::First;
use super::fleet::Fleet;
use super::profile::Profile;
use crate::alert::Dimension;
use crate::stats::combine::weighted_harmonic;
use crate::stats::log_histogram::Side;
use crate::time::Local;

pub(super) use super::fleet::BY_SESSION;
pub(super) use person::{Person, suspected};
pub(super) use sequence::ORDER;
pub(super) use volume::p_call;

/// The dimensions in the order of the calibrators.
pub(super) const DIMENSIONS: [Dimension; SCORED] = [
    Dimension::Time,
    Dimension::Source,
    Dimension::Sequence,
    Dimension::Volume,
    Dimension::Privilege,
    Dimension::Rate,
    Dimension::Sequence,
    Dimension::Volume,
    Dimension::Volume,
    Dimension::Drift,
    Dimension::Absence,
];

/// What a scorer may look at besides baseline and session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    pub profile: &'a Profile,
    pub fleet: &'a Fleet,
    /// The bot's other open sessions.
    pub others: &'a [Session],
    /// Number of the bot in the fleet.
    pub bot: u32,
    pub tenant: &'a str,
    /// When the session began, on the bot's wall clock.
    pub start: Local,
    /// The same, had the zone's clock not been changed within the window; none where it was not.
    pub unshifted: Option<Local>,
    /// Whether the zone's clock was changed shortly before, so that what runs by it may run twice.
    pub clock_changed: bool,
    /// Whether it began at the turn of a month.
    pub turn_of_month: bool,
    /// Fingerprints of roles that were granted with a ticket.
    pub granted: &'a [u64],
    /// Whether all of the session is known; a running one may still take its missing steps.
    pub closed: bool,
    pub excuses: Excuses,
}

/// How odd one dimension is, and why.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Score {
    pub nats: f64,
    pub why: Why,
    /// Whether an announced change explains so much.
    pub excusable: bool,
}

/// The cause of a score; numbers index the session's own lists. `new` and `own` are the surprise of a step that was never
/// taken, and of sessions at once on two known hosts of the bot: of what it may do by accident.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Why {
    Usual,
    OddTime,
    NewHost { host: usize, standing: Standing },
    RareHost { host: usize },
    NewNetwork { network: usize },
    NewDevice { device: usize },
    NewPlace { place: usize, travel: bool },
    TwoPlaces { other: usize, own: Option<f64> },
    NewEndpoint { endpoint: u16, more: u16 },
    OddStep { from: u16, to: u16, more: u16, new: Option<f64> },
    Volume { scope: Scope, measure: Measure, side: Side, amount: f64 },
    NoMode { measure: Measure, amount: f64, usual: f64, modes: usize },
    CallVolume { endpoint: u16, amount: f64 },
    NewRole { role: usize, admin: bool },
    NewPair { role: usize },
    TooOften { sessions: u32 },
    Burst { sessions: u32 },
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
    pub scores: [Score; BY_SESSION],
    /// Calibrated p-values; 1 where the dimension is excused.
    pub p: [f64; BY_SESSION],
    /// Which dimensions an announced change excuses.
    pub excused: [bool; BY_SESSION],
    /// Whether another session ran at the same time, and if so, whether on another host.
    pub overlap: Option<bool>,
    /// What speaks for a person, if anything.
    pub person: Option<Person>,
    /// Weighted harmonic mean of the p-values.
    pub fused: f64,
    /// How often something at least as odd is expected on a day of this bot.
    pub daily_rate: f64,
}

impl Score {
    /// Nothing odd.
    pub(super) const USUAL: Self = Self { nats: 0.0, why: Why::Usual, excusable: true };

    fn new(nats: f64, why: Why) -> Self {
        Self { nats: nats.max(0.0), why, excusable: true }
    }

    /// The same, if only up to so many nats are explained by an announced change.
    fn excusable_to(self, nats: f64) -> Self {
        Self { excusable: self.nats <= nats, ..self }
    }

    fn max(self, other: Self) -> Self {
        if other.nats > self.nats { other } else { self }
    }
}

pub(super) use time::surprise as start_surprise;

/// Probability of a day on which an accident makes a scorer say as much of a bot to which none ever happened.
fn p_first(at: usize, baseline: &Baseline, score: &Score, context: &Context<'_>) -> f64 {
    let daily = baseline.daily_sessions().map_or(1.0, |(mean, _)| mean);
    let (first, size, once) = match score.why {
        Why::OddStep { new: Some(nats), .. } => (First::Step, baseline.graph.sessions(), nats),
        Why::TwoPlaces { own: Some(nats), .. } => (First::AtOnce, daily, nats),
        _ => return 0.0,
    };
    let p = context.fleet.firsts.p_day(context.tenant, first, size, daily);
    p * (-(score.nats - once).max(0.0) / Baseline::tail_scale(at)).exp()
}

/// Judges a session against the baseline.
pub(super) fn judge(baseline: &Baseline, session: &Session, context: &Context<'_>) -> Judgment {
    let numbers = baseline.graph.numbers(session);
    let scores = [
        time::score(baseline, session, context),
        source::score(baseline, session, context),
        sequence::operations(baseline, session, &numbers, context),
        volume::session(baseline, session, context),
        privilege::score(baseline, session, &numbers, context),
        rate::score(baseline, context),
        sequence::order(baseline, session, &numbers, context),
        volume::running(baseline, session, context),
        volume::modes(baseline, session, context),
    ];
    let manual = session.manual_by.is_some();
    let mut excused = context.excuses.by_dimension(manual);
    for (at, (excused, score)) in excused.iter_mut().zip(&scores).enumerate() {
        *excused &= score.excusable || context.excuses.wholly(at, manual);
    }
    let mut p = [1.0; BY_SESSION];
    for (at, score) in scores.iter().enumerate() {
        if !excused[at] {
            // Most scores are 0, and a power of a p-value of 1 is no other.
            let odd = baseline.oddness(at, score.nats);
            p[at] = if odd > 0.0 { (-odd * context.fleet.power(at, baseline.days)).exp() } else { 1.0 };
            if odd > 0.0 {
                p[at] = (p[at] + p_first(at, baseline, score, context)).min(1.0);
            }
        }
    }
    let fused = weighted_harmonic(&p, &context.profile.fuse.weights());
    let overlap = source::overlapping(session, context.others);
    let person = person::score(baseline, session, context, &p, &excused);
    // A second test beside the first one, which few sessions get to.
    let fused = person.filter(|person| person.astray).map_or(fused, |person| fused.min(person.p));
    Judgment { scores, p, excused, overlap, person, fused, daily_rate: fused * baseline.active_share() }
}
