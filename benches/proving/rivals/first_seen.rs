//! Rules as they are written by hand: alert on what was never seen before, and on volume beyond three sigma.
//!
//! Rules: host or network, endpoint, role, secret, administration, hour of the week, and the logarithm of what a session
//! moved. Each rule that fires gives a point, the volume a third of its sigmas. A rule that has fired before for this
//! bot after its first week weighs less, one over the times plus one, as any analyst would tune it.

use std::collections::{BTreeMap, BTreeSet};

use humdrum::alert::Dimension;
use humdrum::time::Timestamp;

use super::moments::Moments;
use super::session::{Sight, Trip, Vector};
use super::{Method, Opinion};

/// Deviations from which volume is odd.
const SIGMAS: f64 = 3.0;
/// Sessions before which nothing has been seen often enough to speak of deviations.
const SESSIONS_MIN: f64 = 8.0;
/// Days before which all is new.
const DAYS_MIN: i32 = 7;

/// One bot's rules.
#[derive(Default)]
pub(crate) struct FirstSeen {
    first_day: Option<i32>,
    sights: BTreeSet<Sight>,
    hours: BTreeSet<usize>,
    volume: Moments,
    fired: BTreeMap<Dimension, f64>,
}

/// What a session breaks: points by dimension, and the first event that did.
type Broken = (BTreeMap<Dimension, f64>, Option<Timestamp>);

impl FirstSeen {
    fn broken(&self, trip: &Trip) -> Broken {
        let mut points: BTreeMap<Dimension, f64> = BTreeMap::new();
        if self.first_day.is_none_or(|first| trip.start.day < first + DAYS_MIN) {
            return (points, None);
        }
        let new: Vec<_> = trip.sights.iter().filter(|(sight, _)| !self.sights.contains(sight)).collect();
        points.extend(new.iter().map(|((dimension, _), _)| (*dimension, 1.0)));
        if !self.hours.contains(&trip.start.hour_of_week()) {
            points.insert(Dimension::Time, 1.0);
        }
        let sigmas = self.volume.standard(&volume(trip))[0].abs();
        if self.volume.count >= SESSIONS_MIN && sigmas >= SIGMAS {
            points.insert(Dimension::Volume, sigmas / SIGMAS);
        }
        (points, new.iter().map(|(_, at)| **at).min())
    }
}

impl Method for FirstSeen {
    fn score(&self, trip: &Trip) -> Opinion {
        let (points, at) = self.broken(trip);
        let weight = |dimension: &Dimension| 1.0 / (self.fired.get(dimension).copied().unwrap_or(0.0) + 1.0);
        let score = points.iter().map(|(dimension, points)| points * weight(dimension)).sum();
        Opinion { score, dimensions: points.into_keys().collect(), at }
    }

    fn learn(&mut self, trip: &Trip) {
        for dimension in self.broken(trip).0.into_keys() {
            *self.fired.entry(dimension).or_default() += 1.0;
        }
        self.first_day.get_or_insert(trip.start.day);
        self.sights.extend(trip.sights.keys().cloned());
        self.hours.insert(trip.start.hour_of_week());
        self.volume.learn(&volume(trip));
    }
}

/// The logarithm of all that a session moved: its records, or its bytes where there are none.
fn volume(trip: &Trip) -> Vector {
    let [_, _, _, read, written, bytes, ..] = trip.vector;
    let records = (read.exp_m1() + written.exp_m1()).ln_1p();
    let mut volume = Vector::default();
    volume[0] = if records > 0.0 { records } else { bytes };
    volume
}
