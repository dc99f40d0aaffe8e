//! What is normal for one bot.
//!
//! A baseline forgets on event time: once a local day, all weights shrink and values unseen for the window go. It is
//! mature after as many days as set, counted from its first event, and starts over after a silence longer than the
//! window. Bots that work on few days are remembered for longer, by days at work. It scores nothing itself: the scorers read it, and [`Baseline::learn`] is the only way in.

mod graph;
mod peaks;
mod revert;
mod turn;
mod volume;
mod vouch;

pub(super) use graph::{CallGraph, END, KIN_ASKED_MAX, START};
pub(super) use peaks::{FULL, Peaks};
pub(super) use turn::Turns;
pub(super) use volume::{MEASURES, Measure, Volumes, totals};

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::cluster::{Modes, TRAITS};
use super::feature::Session;
use super::profile::Profile;
use crate::stats::calibrate::{Calibrators, SCORES_MAX};
use crate::stats::daily_peak::DailyPeak;
use crate::stats::forget;
use crate::stats::late::{Late, blank};
use crate::stats::levels::{DayKind, Growth, Levels, Rise};
use crate::stats::novelty::Novelty;
use crate::stats::presence::Presence;
use crate::stats::rhythm::Rhythm;
use crate::stats::week::WeekDensity;
use crate::time::{Local, Span, Timestamp, is_turn_of_month};

/// The dimensions that are calibrated, by index: those that are scored session by session, then drift and absence.
pub(super) const SCORED: usize = 11;
const _: () = assert!(SCORED <= SCORES_MAX, "each score needs its buckets");
/// Place of drift among them.
pub(super) const DRIFT: usize = 9;
/// Place of absence among them.
pub(super) const ABSENCE: usize = 10;

/// Normal behavior of one bot.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Baseline {
    /// First local day of this life of the baseline, and the day it stands at.
    pub first_day: Option<i32>,
    pub today: i32,
    pub events: u32,
    pub week: WeekDensity,
    pub hosts: Novelty,
    pub networks: Novelty,
    /// Devices, where events tell.
    pub devices: Option<Box<Novelty>>,
    pub roles: Novelty,
    pub graph: CallGraph,
    /// How fast its sessions go.
    pub rhythm: Rhythm,
    pub volumes: Volumes,
    /// What kinds of sessions there are, by volume.
    pub modes: Modes,
    pub calibrators: Late<Calibrators>,
    pub peaks: Peaks,
    /// Which hours it was at work.
    pub presence: Presence,
    /// Daily levels of what a session moves: records read, records written, bytes.
    pub levels: Late<[Levels; LEVELS]>,
    /// Sums of those levels today, and sessions in them.
    level_sums: [f32; LEVELS],
    level_sessions: u16,
    /// What turns of a month did to it.
    pub turns: Turns,
    /// Day on which a creep was told last.
    pub creep_told: i32,
    /// The measure of that creep, and the level half-way up.
    #[serde(default)]
    pub creep_half: Option<(u8, f32)>,
    /// The slow growth that was told.
    #[serde(default)]
    pub growth: Growth,
    /// Places that it worked from, where events tell.
    pub places: Option<Box<Novelty>>,
    /// Days with two sessions at once, and with two on different hosts, weighted by age; and the last of them.
    pub overlaps: [f32; 2],
    overlap_day: [i32; 2],
    /// Hour in which a session began last.
    pub last_begin: Option<i32>,
    /// Sessions and active days, weighted by age; and all days.
    pub sessions: f32,
    pub days: f32,
    pub elapsed: f32,
    /// Mean and mean square of sessions on an active day come from these sums.
    pub daily_sessions_squared: f32,
    /// Sessions begun today.
    pub sessions_today: u32,
    /// How many of them were told of as too many.
    pub sessions_told: u32,
    /// Sessions begun within an hour: highest of each day, of this hour, and of the one before.
    pub hourly: DailyPeak,
    pub hour_number: i32,
    pub hour_sessions: [u16; 2],
}

blank!(Calibrators, [Levels; LEVELS]);

/// Trust in a day whose level has crept. Larger: the same creep surprises less each day.
const DRIFT_TRUST: f64 = 0.1;

/// Days at work from which a bot has traits. Fewer: its first day says whom it is like.
const TRAITS_DAYS_MIN: f32 = 3.0;
/// Days of silence after which it has none. More: bots that ended stand for what their cohort does.
const TRAITS_SILENT_MAX: i64 = 14;

/// Days at work below which a rhythm is one of weeks.
const STEADY_DAYS_MIN: f32 = 8.0;
/// Nats of silence up to which a day is calm. More: bots that work when there is work count as steady.
const STEADY_NATS: f64 = 1.5;
/// Share of calm days of a bot that is steady. Smaller: bots that work when there is work count as steady.
const STEADY_SHARE: f64 = 0.85;

/// Days at work, weighted by age, from which it is known how many sessions one has.
const DAY_MIN: f32 = 0.5;
/// Share of days at work below which a young bot's weekdays prove little. Larger: those of whoever rests on weekends, too.
const SELDOM_SHARE: f64 = 0.5;
/// Days at work, weighted by age, up to which a bot's first long silence says that it seldom works. More: who worked daily
/// and changed while it rested is held against what it was.
const FEW_DAYS: f32 = 3.0;

/// What the share of days at work counts among the traits, which are logarithms beside it. Larger: cohorts are of those that
/// work as often.
const ACTIVE_TRAIT: f64 = 3.0;
/// Least share of days at work, about one a month. Smaller: who worked once has no rate of sessions any more.
const ACTIVE_SHARE_MIN: f32 = 0.03;
/// A bot that works on less than one day in so many is remembered for longer than a window. Larger: for more bots the
/// calendar reaches further back.
const ONE_DAY_IN: f64 = 3.0;
/// Most windows of the calendar for which a bot that seldom works is remembered.
const STRETCH_MAX: f64 = 3.0;

/// Scale of a tail of scores of which nothing is known yet, in nats, by dimension. Larger: young bots surprise less.
/// Novelty is nearly a probability already; the order of steps has many ways to be rare, and work that comes in, to pile up.
const TAIL_SCALES_NATS: [f64; SCORED] = [0.7, 0.6, 0.5, 0.8, 0.5, 0.85, 1.2, 0.8, 0.8, 0.8, 0.8];

/// Days at work without which a turn of the month has nothing to be held against.
const TURN_DAYS_MIN: f32 = 3.0;
/// Share of the allowance for a turn of the month above which its levels say nothing of a creep. Larger: turns count as
/// creep.
const TURN_SHARE_LEVEL: f64 = 0.6;

/// One session in so many is asked for its pace once that is known. More: a new pace is learned later.
const PACE_ONE_IN: u64 = 4;

/// Levels that are followed for drift.
pub(super) const LEVELS: usize = 3;

/// A day that is over.
#[derive(Clone, Debug, Default)]
pub(super) struct ClosedDay {
    /// Whether the bot was at work on it and old enough for its scores to count.
    pub counts: bool,
    /// How odd its silences were by the bot's own history, in nats, with a weight.
    pub silences: Vec<(f64, f64)>,
    /// How odd the rest was by the bot's own history: scorer, nats and weight.
    pub oddness: Vec<(usize, f64, f64)>,
    /// The level that crept most, by measure.
    pub creep: Option<(usize, Rise)>,
    /// A level that rose far above what it was long ago.
    pub slow: Option<(usize, Rise)>,
}

/// How far a session is trusted, dimension by dimension.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Trust {
    pub time: f64,
    pub source: f64,
    pub sequence: f64,
    pub volume: f64,
    pub privilege: f64,
}

impl Trust {
    /// The same trust for all dimensions.
    pub(super) fn even(trust: f64) -> Self {
        Self { time: trust, source: trust, sequence: trust, volume: trust, privilege: trust }
    }
}

impl Baseline {
    /// Days of history that count at `today`, at most the window.
    pub(super) fn age_days(&self, window_days: u32) -> f64 {
        let age = self.first_day.map_or(0, |first| self.today - first);
        f64::from(age).min(f64::from(window_days))
    }

    /// Moves to a local day; says what the day was like that is over, and whether a change of its level was announced.
    /// After too long a silence a new life begins.
    pub(super) fn roll(&mut self, day: i32, window_days: u32, burn_in_days: f64, announced: bool) -> Option<ClosedDay> {
        let Some(_) = self.first_day else {
            self.first_day = Some(day);
            self.today = day;
            return None;
        };
        let passed = day - self.today;
        if passed <= 0 {
            return None;
        }
        // Who seldom works is remembered by days at work: for up to three windows of the calendar.
        let window = self.window(window_days, passed);
        if f64::from(passed) > window {
            *self = Self {
                first_day: Some(day),
                today: day,
                graph: self.graph.fresh(),
                turns: self.turns.clone(),
                ..Self::default()
            };
            return None;
        }
        let closed = self.close_day(self.age_days(window_days) >= burn_in_days, announced);
        let factor = forget(f64::from(passed), window);
        let oldest = day - window as i32;
        self.week.forget(factor);
        for values in [&mut self.hosts, &mut self.networks, &mut self.roles] {
            values.forget(factor, oldest);
        }
        self.graph.forget(factor, oldest);
        self.volumes.forget(factor);
        if let Some(calibrators) = self.calibrators.made() {
            calibrators.forget(factor);
        }
        for values in [&mut self.devices, &mut self.places].into_iter().flatten() {
            values.forget(factor, oldest);
        }
        // Once a week, each bot on a day of its own.
        if (day + self.first_day.unwrap_or(day)).rem_euclid(7) < passed {
            self.modes.fit();
        }
        self.hourly.roll(passed, window);
        self.overlaps = self.overlaps.map(|days| days * factor as f32);
        self.turns.forget(f64::from(passed));
        self.sessions *= factor as f32;
        self.days *= factor as f32;
        self.elapsed = (self.elapsed + passed as f32) * factor as f32;
        self.daily_sessions_squared *= factor as f32;
        self.today = day;
        Some(closed)
    }

    /// How odd a score is by the bot's own history, in nats.
    pub(super) fn oddness(&self, dimension: usize, nats: f64) -> f64 {
        -self.calibrators.p_own(dimension, nats, TAIL_SCALES_NATS[dimension]).ln()
    }

    /// Scale of a tail of scores of which nothing is known yet, in nats.
    pub(super) fn tail_scale(dimension: usize) -> f64 {
        TAIL_SCALES_NATS[dimension]
    }

    /// What it is like as a whole, for whoever looks for its like; `None` while too little is known, or after a silence
    /// of half a window or more.
    pub(super) fn traits(&self, newest: Timestamp, now: Timestamp) -> Option<[f64; TRAITS]> {
        let (sessions, _) = self.daily_sessions().filter(|_| self.days >= TRAITS_DAYS_MIN)?;
        if now > newest + Span::from_days(TRAITS_SILENT_MAX) {
            return None;
        }
        let usual = |at: usize| self.volumes.session[at].quantile(0.5).unwrap_or(0.0).ln_1p();
        Some([
            sessions.ln_1p(),
            ACTIVE_TRAIT * self.active_share(),
            (self.week.busy_hours() as f64).ln_1p(),
            usual(0),
            usual(1),
            usual(2),
            usual(3),
            (self.graph.len() as f64).ln_1p(),
        ])
    }

    /// Whether a device is one of those that it ran on.
    pub(super) fn knows_device(&self, device: &str) -> bool {
        self.devices.as_ref().is_some_and(|devices| devices.knows(device))
    }

    /// Days of the calendar that are remembered: the window, and more where days at work are few. Of a bot of which a few
    /// days are known a silence of so many more says how few they are.
    pub(super) fn window(&self, window_days: u32, silent: i32) -> f64 {
        let days = self.days + f32::from(u8::from(silent > 0 && self.sessions_today > 0));
        let share = if days <= FEW_DAYS {
            f64::from(days / (self.elapsed + silent as f32).max(1.0))
        } else {
            self.active_share()
        };
        f64::from(window_days) * (ONE_DAY_IN * share).clamp(1.0 / STRETCH_MAX, 1.0).recip()
    }

    /// Whether it works so seldom that weekdays prove nothing of it, and in no rhythm of weeks.
    pub(super) fn is_seldom(&self) -> bool {
        let seldom = self.days < STEADY_DAYS_MIN && self.active_share() < SELDOM_SHARE;
        seldom && !self.presence.is_even()
    }

    /// Whether it keeps to a rhythm, so that its silences are no matter of chance: day by day, or over weeks where it has
    /// few days.
    pub(super) fn is_steady(&self) -> bool {
        if self.days < STEADY_DAYS_MIN {
            return self.presence.is_even();
        }
        self.calibrators.share_below(ABSENCE, STEADY_NATS).is_some_and(|share| share >= STEADY_SHARE)
    }

    /// Share of days on which the bot is at work, 0 to 1.
    pub(super) fn active_share(&self) -> f64 {
        f64::from((self.days / self.elapsed.max(1.0)).clamp(ACTIVE_SHARE_MIN, 1.0))
    }

    /// Counts a session that begins.
    pub(super) fn begin(&mut self, start: Local) {
        self.sessions_today += 1;
        let hour = start.day * 24 + i32::from(start.minute) / 60;
        self.last_begin = self.last_begin.max(Some(hour));
        if hour > self.hour_number {
            self.hour_sessions = [0, if hour == self.hour_number + 1 { self.hour_sessions[0] } else { 0 }];
            self.hour_number = hour;
        }
        self.hour_sessions[0] = self.hour_sessions[0].saturating_add(1);
        let within = self.within_hour(start);
        self.hourly.note(within);
    }

    /// What is above the usual today was told of; only what comes on top of it is news.
    pub(super) fn tell_excess(&mut self) {
        let mean = self.daily_sessions().map_or(0.0, |(mean, _)| mean).round() as u32;
        self.sessions_told = self.sessions_today.saturating_sub(mean);
        self.volumes.tell_excess();
    }

    /// Sessions begun within about an hour up to now: this hour's, and the share of the last one's that is not over yet.
    pub(super) fn within_hour(&self, now: Local) -> u32 {
        if now.day * 24 + i32::from(now.minute) / 60 != self.hour_number {
            return 1;
        }
        let left = 60 - u32::from(now.minute) % 60;
        u32::from(self.hour_sessions[0]) + u32::from(self.hour_sessions[1]) * left / 60
    }

    /// Notes that two sessions ran at once, and whether on different hosts.
    pub(super) fn note_overlap(&mut self, overlap: Option<bool>, trust: f64) {
        let Some(apart) = overlap else { return };
        for at in 0..=usize::from(apart) {
            if self.overlap_day[at] < self.today {
                self.overlaps[at] += trust as f32;
                self.overlap_day[at] = self.today;
            }
        }
    }

    /// Sessions on an active day: mean and variance, weighted by age; `None` before the first whole day.
    pub(super) fn daily_sessions(&self) -> Option<(f64, f64)> {
        if self.days < DAY_MIN {
            return None;
        }
        let days = f64::from(self.days);
        let mean = f64::from(self.sessions) / days;
        Some((mean, (f64::from(self.daily_sessions_squared) / days - mean * mean).max(0.0)))
    }

    /// Learns a judged session. Says how many bounds cut something.
    pub(super) fn learn(&mut self, session: &Session, start: Local, trust: Trust, profile: &Profile) -> u64 {
        let (day, max) = (self.today, profile.novelty.values_max);
        self.week.learn(start, trust.time);
        let mut limited = 0;
        for (values, seen) in [(&mut self.hosts, &session.hosts), (&mut self.networks, &session.networks)] {
            for name in seen {
                limited += u64::from(values.learn(name, day, trust.source, max));
            }
        }
        for (values, seen) in [(&mut self.devices, &session.devices), (&mut self.places, &session.places)] {
            for name in seen {
                limited += u64::from(values.get_or_insert_default().learn(name, day, trust.source, max));
            }
        }
        for (role, _) in &session.roles {
            limited += u64::from(self.roles.learn(role, day, trust.privilege, max));
        }
        limited += self.graph.learn(session, day, trust, profile);
        self.volumes.learn(session, trust.volume);
        // A busy bot's pace is known by a part of its sessions, as their ids have it.
        let counts = trust.sequence >= FULL && (!self.rhythm.is_full() || session.key.is_multiple_of(PACE_ONE_IN));
        if let Some(pace) = counts.then(|| session.pace()).flatten() {
            self.rhythm.learn(pace);
        }
        if trust.volume >= FULL && session.calls > 0 {
            self.modes.learn(totals(session));
        }
        if session.calls > 0 {
            for (sum, moved) in self.level_sums.iter_mut().zip([session.read, session.written, session.bytes]) {
                *sum += (moved as f32).ln_1p();
            }
            self.level_sessions = self.level_sessions.saturating_add(1);
        }
        limited
    }

    /// Bytes that it takes, without the struct itself.
    pub(super) fn heap_bytes(&self) -> usize {
        let values = [&self.hosts, &self.networks, &self.roles];
        let values: usize = values.iter().map(|values| values.heap_bytes()).sum();
        let boxed = [&self.devices, &self.places].into_iter().flatten();
        let boxed: usize = boxed.map(|values| size_of::<Novelty>() + values.heap_bytes()).sum();
        self.week.heap_bytes()
            + Late::heap_bytes(&self.calibrators)
            + Calibrators::heap_bytes(&self.calibrators)
            + self.levels.heap_bytes()
            + values
            + self.graph.heap_bytes()
            + self.volumes.heap_bytes()
            + self.modes.heap_bytes()
            + boxed
    }

    /// Holds the day, one at the turn of a month, against the others; for bots that have others.
    fn note_turn(&mut self) {
        let Some((mean, _)) = self.daily_sessions().filter(|_| self.days >= TURN_DAYS_MIN) else { return };
        let sessions = f32::from(self.level_sessions.max(1));
        let levels = self.levels.iter().zip(self.level_sums);
        let rise = |(levels, sum): (&Levels, f32)| levels.mean().map(|mean| f64::from(sum / sessions) - mean);
        let rises: SmallVec<[f64; LEVELS]> = levels.filter_map(rise).collect();
        let moved = rises.iter().sum::<f64>() / rises.len().max(1) as f64;
        self.turns.note(moved, (f64::from(self.sessions_today) / mean).ln());
    }

    fn close_day(&mut self, ripe: bool, announced: bool) -> ClosedDay {
        let mut closed = ClosedDay { counts: ripe && self.sessions_today > 0, ..ClosedDay::default() };
        if self.sessions_today > 0 {
            let count = self.sessions_today as f32;
            self.sessions += count;
            self.days += 1.0;
            self.daily_sessions_squared += count * count;
        }
        self.volumes.close_day();
        let turn = is_turn_of_month(self.today);
        if turn && self.sessions_today > 0 {
            self.note_turn();
        }
        (self.sessions_today, self.sessions_told) = (0, 0);
        if self.level_sessions > 0 {
            let sessions = f32::from(self.level_sessions);
            // Where books are closed, a jump is none that lasts; what creeps goes on.
            let doubtful = turn && self.turns.volume_share() >= TURN_SHARE_LEVEL;
            let day = match (announced, doubtful) {
                (true, _) => DayKind::Announced,
                (false, true) => DayKind::Doubtful,
                (false, false) => DayKind::Plain,
            };
            for (at, levels) in self.levels.iter_mut().enumerate() {
                levels.push(f64::from(self.level_sums[at] / sessions), day);
                let further = |best: Option<(usize, Rise)>, rise: Option<Rise>| match (best, rise) {
                    (Some((_, known)), Some(rise)) if rise.nats > known.nats => Some((at, rise)),
                    (None, Some(rise)) => Some((at, rise)),
                    (best, _) => best,
                };
                closed.creep = further(closed.creep, levels.creep());
                closed.slow = further(closed.slow, levels.slow_rise());
            }
        }
        (self.level_sums, self.level_sessions) = ([0.0; LEVELS], 0);
        // A creep that is taken for usual on its first day is never told: it is learned lightly.
        let creep = closed.creep.map_or(0.0, |(_, rise)| rise.nats);
        self.peaks.note(DRIFT, creep, if creep > 0.0 { DRIFT_TRUST } else { 1.0 });
        let peaks = std::mem::take(&mut self.peaks);
        if closed.counts {
            closed.silences = peaks.of(ABSENCE).map(|(nats, weight)| (self.oddness(ABSENCE, nats), weight)).collect();
            for at in 0..SCORED {
                closed.oddness.extend(peaks.of(at).map(|(nats, weight)| (at, self.oddness(at, nats), weight)));
                for (nats, weight) in peaks.of(at) {
                    self.calibrators.learn(at, nats, weight);
                }
            }
        }
        closed
    }
}
