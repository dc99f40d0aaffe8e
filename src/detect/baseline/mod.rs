//! What is normal for one bot.
//!
//! A baseline forgets on event time: once a local day, all weights shrink and values unseen for the window go. It is
//! mature after as many days as set, counted from its first event, and starts over after a silence longer than the
//! window. It scores nothing itself: the scorers read it, and [`Baseline::learn`] is the only way in.

mod graph;
mod volume;

pub(super) use graph::{CallGraph, END, START};
pub(super) use volume::{MEASURES, Measure, Volumes};

use serde::{Deserialize, Serialize};

use super::feature::Session;
use super::profile::Profile;
use crate::stats::calibrate::Calibrator;
use crate::stats::forget;
use crate::stats::novelty::Novelty;
use crate::stats::week::WeekDensity;
use crate::time::Local;

/// The dimensions that are calibrated, by index.
pub(super) const SCORED: usize = 6;

/// Normal behavior of one bot.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Baseline {
    /// First local day of this life of the baseline, and the day it stands at.
    pub first_day: Option<i32>,
    pub today: i32,
    pub events: u64,
    pub week: WeekDensity,
    pub hosts: Novelty,
    pub networks: Novelty,
    pub devices: Novelty,
    pub roles: Novelty,
    pub graph: CallGraph,
    pub volumes: Volumes,
    pub calibrators: [Calibrator; SCORED],
    /// Sessions and active days, weighted by age.
    pub sessions: f32,
    pub days: f32,
    /// Mean and mean square of sessions on an active day come from these sums.
    pub daily_sessions_squared: f32,
    /// Sessions begun today.
    pub sessions_today: u32,
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

    /// Moves to a local day; whether a new life began after too long a silence.
    pub(super) fn roll(&mut self, day: i32, window_days: u32) -> bool {
        let Some(_) = self.first_day else {
            self.first_day = Some(day);
            self.today = day;
            return false;
        };
        let passed = day - self.today;
        if passed <= 0 {
            return false;
        }
        if passed > window_days as i32 {
            *self = Self { first_day: Some(day), today: day, ..Self::default() };
            return true;
        }
        self.close_day();
        let factor = forget(f64::from(passed), f64::from(window_days));
        let oldest = day - window_days as i32;
        self.week.forget(factor);
        for values in [&mut self.hosts, &mut self.networks, &mut self.devices, &mut self.roles] {
            values.forget(factor, oldest);
        }
        self.graph.forget(factor, oldest);
        self.volumes.forget(factor);
        for calibrator in &mut self.calibrators {
            calibrator.forget(factor);
        }
        self.sessions *= factor as f32;
        self.days *= factor as f32;
        self.daily_sessions_squared *= factor as f32;
        self.today = day;
        false
    }

    /// Sessions on an active day: mean and variance, weighted by age; `None` before the first whole day.
    pub(super) fn daily_sessions(&self) -> Option<(f64, f64)> {
        if self.days < 0.5 {
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
        for (values, seen) in [
            (&mut self.hosts, &session.hosts),
            (&mut self.networks, &session.networks),
            (&mut self.devices, &session.devices),
        ] {
            for name in seen {
                limited += u64::from(values.learn(name, day, trust.source, max));
            }
        }
        for (role, _) in &session.roles {
            limited += u64::from(self.roles.learn(role, day, trust.privilege, max));
        }
        limited += self.graph.learn(session, day, trust, profile);
        self.volumes.learn(session, trust.volume);
        limited
    }

    /// Bytes that it takes, without the struct itself.
    pub(super) fn heap_bytes(&self) -> usize {
        let values = [&self.hosts, &self.networks, &self.devices, &self.roles];
        let values: usize = values.iter().map(|values| values.heap_bytes()).sum();
        self.week.heap_bytes() + values + self.graph.heap_bytes() + self.volumes.heap_bytes()
    }

    fn close_day(&mut self) {
        if self.sessions_today > 0 {
            let count = self.sessions_today as f32;
            self.sessions += count;
            self.days += 1.0;
            self.daily_sessions_squared += count * count;
        }
        self.sessions_today = 0;
        self.volumes.close_day();
    }
}
