//! When somebody acts who acts seldom: a density over the 24 hours of working days and of weekends.
//!
//! People act a few times a week, so that the quarter hours of a [week](super::week) would stay empty for years. The
//! density of an hour is what was seen in it, spread to its neighbors around the clock, shrunk toward that of a wider
//! group (colleagues), which is shrunk toward a flat one by [`FLAT`]. The p-value of an hour is the mass of all hours at
//! most as dense (highest-density region, Hyndman, *The American Statistician* 50, 1996). An hour counts once a day,
//! since ten acts of one evening prove one evening.
//!
//! 108 bytes. Blind spots: holidays; shifts that change from week to week look like somebody who acts at any hour.

use serde::{Deserialize, Serialize};

use super::half::Half;
use crate::time::Local;

/// Hours of a day.
const HOURS: usize = 24;
/// Kinds of day: working days, and Saturdays and Sundays.
const KINDS: usize = 2;
/// Bins.
const BINS: usize = HOURS * KINDS;
/// Share of an hour that stays in it; half of the rest goes to each neighbor. Smaller: ten to nine surprises less.
const STAYS: f64 = 0.5;
/// Hours at just any time, as if observed. More: nights surprise less.
const FLAT: f64 = 0.25;
/// Weight of the wider group, in hours seen. More: somebody with other hours than the others surprises for longer.
const SHRINK: f64 = 3.0;

/// Hours of working days, then of weekends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HourDensity {
    working: [Half; HOURS],
    weekend: [Half; HOURS],
    total: f32,
    /// The day whose hours are noted, and which of them, by bit.
    day: i32,
    seen: u32,
}

impl Default for HourDensity {
    fn default() -> Self {
        Self {
            working: [Half::default(); HOURS],
            weekend: [Half::default(); HOURS],
            total: 0.0,
            day: i32::MIN,
            seen: 0,
        }
    }
}

impl HourDensity {
    /// Weight of all hours seen.
    #[must_use]
    pub fn total(&self) -> f64 {
        f64::from(self.total)
    }

    /// Counts an hour with a weight of 0 to 1, once a day.
    pub fn learn(&mut self, local: Local, weight: f64) {
        if local.day != self.day {
            (self.day, self.seen) = (local.day, 0);
        }
        let hour = usize::from(local.minute / 60) % HOURS;
        if self.seen & 1 << hour == 0 {
            self.seen |= 1 << hour;
            let bins = if local.weekday < 5 { &mut self.working } else { &mut self.weekend };
            bins[hour] = Half::new(bins[hour].get() + weight as f32);
            self.total += weight as f32;
        }
    }

    /// Shrinks the history.
    pub fn forget(&mut self, factor: f64) {
        for bin in self.working.iter_mut().chain(&mut self.weekend) {
            *bin = Half::new(bin.get() * factor as f32);
        }
        self.total *= factor as f32;
    }

    /// Mass of all hours in which somebody with this history, of a group with that one, acts at most as often: 1 where
    /// nothing is known of either.
    #[must_use]
    pub fn tail_mass(&self, group: &Self, local: Local) -> f64 {
        let of_group = group.spread().map(|weight| (weight + FLAT / BINS as f64) / (group.total() + FLAT));
        let own = self.spread();
        let flat = FLAT / BINS as f64;
        let total = self.total() + SHRINK + FLAT;
        let density: [f64; BINS] = std::array::from_fn(|bin| (own[bin] + SHRINK * of_group[bin] + flat) / total);
        let here = usize::from(local.minute / 60) % HOURS + if local.weekday < 5 { 0 } else { HOURS };
        // The same density must count whatever the order of additions that led to it.
        density.iter().filter(|d| **d <= density[here] * (1.0 + 1e-9)).sum::<f64>().min(1.0)
    }

    fn spread(&self) -> [f64; BINS] {
        let mut spread = [0.0; BINS];
        for (kind, bins) in [&self.working, &self.weekend].into_iter().enumerate() {
            for (hour, weight) in bins.iter().enumerate() {
                let weight = f64::from(weight.get());
                for (to, share) in [(hour + HOURS - 1, 0.5 - STAYS / 2.0), (hour, STAYS), (hour + 1, 0.5 - STAYS / 2.0)]
                {
                    spread[kind * HOURS + to % HOURS] += share * weight;
                }
            }
        }
        spread
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_is_as_small_as_it_says() {
        assert_eq!(size_of::<HourDensity>(), 108);
    }

    fn at(day: i32, hour: u16) -> Local {
        Local { day, weekday: day.rem_euclid(7) as u8, minute: hour * 60 + 20 }
    }

    /// Somebody who acts on working days at these hours.
    fn office(days: i32, hours: &[u16]) -> HourDensity {
        let mut seen = HourDensity::default();
        for day in (0..days).filter(|day| day % 7 < 5) {
            for &hour in hours {
                seen.learn(at(day, hour), 1.0);
            }
        }
        seen
    }

    #[test]
    fn nights_and_weekends_surprise_whoever_has_none() {
        let (ann, all) = (office(28, &[9, 11, 14]), office(28, &[9, 10, 11, 12, 13, 14, 15, 16]));
        assert!(ann.tail_mass(&all, at(28, 11)) > 0.3);
        assert!(ann.tail_mass(&all, at(28, 3)) < 0.01, "{}", ann.tail_mass(&all, at(28, 3)));
        assert!(ann.tail_mass(&all, at(33, 11)) < 0.01);
        let stranger = HourDensity::default();
        assert!(stranger.tail_mass(&all, at(28, 3)) < 0.1 && stranger.tail_mass(&all, at(28, 12)) > 0.3);
        assert!((stranger.tail_mass(&stranger, at(28, 3)) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn an_evening_is_one_evening_however_much_was_done() {
        let mut busy = HourDensity::default();
        (0..50).for_each(|_| busy.learn(at(0, 22), 1.0));
        assert!((busy.total() - 1.0).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn mass_is_a_probability(seen in proptest::collection::vec((0..60_i32, 0..24_u16), 0..80), hour in 0..24_u16) {
            let mut hours = HourDensity::default();
            for &(day, hour) in &seen {
                hours.learn(at(day, hour), 1.0);
            }
            hours.forget(0.9);
            let mass = hours.tail_mass(&HourDensity::default(), at(70, hour));
            prop_assert!(0.0 < mass && mass <= 1.0);
        }
    }
}
