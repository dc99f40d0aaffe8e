//! When a bot works: the sessions of a local day, before anything special happens.

use rand::Rng as _;

use super::chance::{Purpose, Rng, arrivals, between, count, happens, lognormal, mix, pick, stream};
use super::plan::{BotKind, Plan};
use super::session::{Act, Mark, Planned};
use super::spec::{Window, instant};
use crate::time::Span;

/// A bot's timetable, in local time.
#[derive(Clone, Debug)]
pub(crate) enum Schedule {
    /// At fixed minutes of the day, on the days that `days` allows.
    Fixed { minutes: Vec<f64>, days: Days, jitter_secs: f64 },
    /// By demand between two hours, so many sessions a day.
    Demand { from_hour: f64, to_hour: f64, sessions: f64, weekend: f64, trigger: &'static str },
}

/// On which days a fixed timetable holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Days {
    All,
    Business,
    /// The nights after business days.
    TuesdayToSaturday,
    Weekday(u8),
    /// The last business days of a month and the first of the next: so many of each.
    MonthTurn {
        before: i32,
        after: i32,
    },
}

impl Schedule {
    pub(crate) fn new(rng: &mut Rng, kind: BotKind) -> Self {
        let jitter_secs = if happens(rng, 0.5) { between(rng, 1.0, 20.0) } else { between(rng, 20.0, 240.0) };
        let business = if happens(rng, 0.65) { Days::Business } else { Days::All };
        let fixed = |minutes, days| Self::Fixed { minutes, days, jitter_secs };
        match kind {
            BotKind::Daily => fixed(spread(rng, 5.0, 20.0, &[1, 1, 2, 3], 90.0), business),
            BotKind::Hourly => hourly(rng, jitter_secs),
            BotKind::Queue => {
                let from_hour = if happens(rng, 0.2) { 0.0 } else { between(rng, 6.0, 9.0) };
                let to_hour = if from_hour < 1.0 { 24.0 } else { between(rng, 16.0, 21.0) };
                let weekend = if happens(rng, 0.5) { 0.0 } else { between(rng, 0.1, 0.6) };
                Self::Demand { from_hour, to_hour, sessions: between(rng, 14.0, 58.0), weekend, trigger: "queue" }
            }
            BotKind::Nightly => {
                let start = between(rng, 21.5, 28.0) % 24.0;
                let days = *pick(rng, &[Days::All, Days::All, Days::TuesdayToSaturday]);
                fixed(vec![(start * 12.0).floor() * 5.0], days)
            }
            BotKind::Identity => {
                let (from_hour, to_hour) = (between(rng, 7.0, 9.0), between(rng, 16.5, 19.0));
                let weekend = if happens(rng, 0.7) { 0.0 } else { 0.1 };
                Self::Demand { from_hour, to_hour, sessions: between(rng, 3.0, 14.0), weekend, trigger: "api" }
            }
            BotKind::Weekly => fixed(spread(rng, 4.0, 20.0, &[1], 60.0), Days::Weekday(rng.gen_range(0..6))),
            BotKind::MonthEnd => {
                let days = Days::MonthTurn { before: rng.gen_range(1..3), after: rng.gen_range(1..4) };
                fixed(spread(rng, 5.0, 22.0, &[1, 2, 3], 120.0), days)
            }
            BotKind::Finance => fixed(spread(rng, 8.0, 17.0, &[1, 2, 2, 3], 120.0), Days::Business),
        }
    }

    /// The local minute of the day that lies farthest from all that the bot is used to; 3:12 where the night is free.
    pub(crate) fn odd_minute(&self, rng: &mut Rng) -> Option<f64> {
        let near_three = 192.0 + if happens(rng, 0.5) { 0.0 } else { between(rng, -50.0, 60.0) };
        [near_three, 1290.0, 870.0, 660.0, 400.0].into_iter().find(|&minute| self.is_odd(minute))
    }

    /// Whether there is such a minute at all.
    pub(crate) fn has_odd_hour(&self) -> bool {
        [142.0, 192.0, 252.0].into_iter().all(|minute| self.is_odd(minute))
            || [1290.0, 870.0, 660.0, 400.0].into_iter().any(|minute| self.is_odd(minute))
    }

    fn is_odd(&self, minute: f64) -> bool {
        match self {
            Self::Fixed { minutes, .. } => minutes.iter().all(|&m| {
                let apart = (m - minute).abs();
                apart.min(1440.0 - apart) >= 180.0
            }),
            Self::Demand { from_hour, to_hour, .. } => {
                minute < from_hour * 60.0 - 120.0 || minute > to_hour * 60.0 + 150.0
            }
        }
    }

    /// What starts a usual session.
    pub(crate) fn trigger(&self) -> &'static str {
        match self {
            Self::Fixed { .. } => "schedule",
            Self::Demand { trigger, .. } => trigger,
        }
    }

    /// Whether the bot's clock runs at all on a day; a demand may still be nil.
    pub(crate) fn works_on(&self, window: &Window, day: i32) -> bool {
        let facts = window.facts(day);
        match self {
            Self::Demand { weekend, .. } => facts.business || *weekend > 0.0,
            Self::Fixed { days, .. } => match days {
                Days::All => true,
                Days::Business => facts.business,
                Days::TuesdayToSaturday => (1..6).contains(&facts.weekday),
                Days::Weekday(weekday) => facts.weekday == *weekday,
                Days::MonthTurn { before, after } => {
                    facts.business && (facts.until_month_end < *before || facts.business_day <= *after)
                }
            },
        }
    }
}

fn hourly(rng: &mut Rng, jitter_secs: f64) -> Schedule {
    let around = happens(rng, 0.4);
    let (from, to) = if around { (0, 24) } else { (count(rng, 6, 9), count(rng, 17, 21)) };
    let step = *pick(rng, &[30.0, 60.0, 60.0, 60.0, 120.0]);
    let offset = f64::from(rng.gen_range(0..25_i32));
    let n = ((to - from) as f64 * 60.0 / step) as usize;
    let minutes = (0..n).map(|nth| from as f64 * 60.0 + offset + nth as f64 * step).collect();
    let days = if around || happens(rng, 0.3) { Days::All } else { Days::Business };
    Schedule::Fixed { minutes, days, jitter_secs: jitter_secs.min(90.0) }
}

/// One or more minutes of the day between two hours, at five-minute marks and apart from each other.
fn spread(rng: &mut Rng, from_hour: f64, to_hour: f64, counts: &[usize], apart: f64) -> Vec<f64> {
    let n = *pick(rng, counts);
    let mut minutes: Vec<f64> = Vec::with_capacity(n);
    for _ in 0..n * 4 {
        let minute = (between(rng, from_hour, to_hour) * 12.0).floor() * 5.0;
        if minutes.len() < n && minutes.iter().all(|m| (m - minute).abs() >= apart) {
            minutes.push(minute);
        }
    }
    minutes.sort_by(f64::total_cmp);
    minutes
}

/// How much work a local day brings, against the usual 1.
pub(crate) fn load(plan: &Plan, window: &Window, seed: u64, day: i32) -> f64 {
    let facts = window.facts(day);
    let mut rng = stream(seed, plan.index, Purpose::Day, (1 << 40) | day as u64);
    let noise = lognormal(&mut rng, 1.0, plan.day_sigma);
    let growth = (1.0 + plan.growth_per_day).powi(day - window.first_day);
    let mut load = noise * growth * plan.weekday_load[usize::from(facts.weekday) % 7];
    if facts.until_month_end == 0 || facts.business_day == 1 {
        load *= plan.month_end_load * if facts.quarter && plan.month_end_load > 1.0 { 1.25 } else { 1.0 };
    }
    if facts.holiday {
        load *= between(&mut rng, 0.15, 0.5);
    }
    load
}

/// The sessions of a local day in order of their start. `shift_min` moves a fixed timetable.
pub(crate) fn sessions(plan: &Plan, window: &Window, seed: u64, day: i32, shift_min: f64) -> Vec<Planned> {
    if !plan.schedule.works_on(window, day) {
        return Vec::new();
    }
    let load = load(plan, window, seed, day);
    let mut rng = stream(seed, plan.index, Purpose::Day, day as u64);
    let starts = match &plan.schedule {
        Schedule::Fixed { minutes, jitter_secs, .. } => fixed_starts(&mut rng, minutes, *jitter_secs, shift_min),
        Schedule::Demand { from_hour, to_hour, sessions, weekend, .. } => {
            let facts = window.facts(day);
            let share = if facts.weekday >= 5 {
                *weekend
            } else if facts.holiday {
                0.15
            } else {
                1.0
            };
            demand_starts(&mut rng, *from_hour, *to_hour, sessions * share * load.min(4.0))
        }
    };
    let whole = if matches!(plan.schedule, Schedule::Demand { .. }) { 1.0 } else { load };
    let mut out: Vec<Planned> = Vec::with_capacity(starts.len());
    for (nth, second) in starts.into_iter().enumerate() {
        out.push(Planned {
            start: instant(&plan.zone, day, second),
            day,
            seed: mix(seed, &[plan.index as u64, Purpose::Session as u64, day as u64, nth as u64]),
            load: whole,
            first: nth == 0,
            trigger: plan.schedule.trigger(),
            by: None,
            act: Act::None,
            mark: Mark::None,
        });
    }
    out.retain(|planned| plan.retired_at.is_none_or(|at| planned.start + Span::from_hours(3) < at));
    out.sort_by_key(|planned| planned.start);
    out
}

fn fixed_starts(rng: &mut Rng, minutes: &[f64], jitter_secs: f64, shift_min: f64) -> Vec<f64> {
    minutes
        .iter()
        .map(|minute| {
            let jitter = lognormal(rng, jitter_secs * 0.5, 0.6).min(900.0);
            let late = if happens(rng, 0.003) { between(rng, 120.0, 900.0) } else { 0.0 };
            (minute + shift_min).rem_euclid(1440.0) * 60.0 + jitter + late
        })
        .collect()
}

/// Busier before and after noon than at the edges.
fn demand_starts(rng: &mut Rng, from_hour: f64, to_hour: f64, mean: f64) -> Vec<f64> {
    let n = arrivals(rng, mean);
    let mut starts: Vec<f64> = (0..n)
        .map(|_| {
            let place = f64::midpoint(rng.gen_range(0.0..1.0), rng.gen_range(0.0..1.0));
            (from_hour + (to_hour - from_hour) * place) * 3600.0
        })
        .collect();
    starts.sort_by(f64::total_cmp);
    starts
}
