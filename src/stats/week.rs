//! When a bot usually starts: a density over the quarter hours of its local week.
//!
//! Two histograms are kept: hours of the week (168) and quarter hours of the day (96). The density of a quarter hour of
//! the week mixes the sharp view (this hour of this weekday, with the quarter's share of its hour) and the pooled one
//! (weekday × quarter hour of the day), so that three weeks of a daily job suffice to know that it starts at six; the
//! quarter hours are smoothed by a narrow kernel for jitter and a wide one for delays; weekdays are shrunk toward each
//! other by a fraction of a day, and a uniform floor, which shrinks as days are seen, keeps the rest possible. The p-value
//! of a start is the mass of all quarter hours that are at most as dense: the complement of the smallest highest-density
//! region that holds it (Hyndman, *The American Statistician* 50, 1996). Unlike a distance to the mean that needs no idea
//! of how many times a day there are.
//!
//! Local time comes from the zone, so that a clock change moves nothing. 72 bytes and two for each hour of the week and
//! quarter hour of the day in which it ever starts, at most 596. Blind spot: months, holidays.

use serde::{Deserialize, Serialize};

use super::sparse::Sparse;
use crate::time::Local;

/// Times an hour's even share of the starts, from which it is one of the bot's. Larger: hours of single runs are none of its.
const BUSY_SHARE: f32 = 0.02;
/// Hours of a week.
const HOURS: usize = 168;
/// Quarter hours of a day.
const QUARTERS: usize = 96;
/// Share of the sharp view. More forgets the pooled evidence of other weekdays, less lets a Monday job run on Sundays.
const SHARP: f64 = 0.6;
/// Quarter hours to each side over which a start is spread.
const REACH: usize = 9;
/// Shares of the kernels over quarter hours: in the midst the slot itself, beside it each neighbor, and each of the eight
/// beyond (two hours).
const KERNEL: [f64; 2 * REACH + 1] = [
    0.003, 0.005, 0.006, 0.007, 0.008, 0.009, 0.01, 0.012, 0.22, 0.44, 0.22, 0.012, 0.01, 0.009, 0.008, 0.007, 0.006,
    0.005, 0.003,
];

/// Weight of starts from which a quarter hour counts as one in which it starts.
const SEEN_MIN: f32 = 0.2;

/// History of starts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WeekDensity {
    /// Hours of the week, then quarter hours of the day.
    bins: Sparse,
    total: f32,
}

/// What is thought of a week before much is seen of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeekPrior {
    /// Days behind the history, weighted by age; starts of one day are no independent evidence.
    pub days: f64,
    /// Days on which it starts at just any time, as if observed; and days on which it does not.
    pub any_time: f64,
    /// Days that it does not.
    pub in_time: f64,
    /// Weight of the belief that all weekdays are alike, in days.
    pub alike: f64,
}

impl WeekDensity {
    /// Weight of the history.
    #[must_use]
    pub fn total(&self) -> f64 {
        f64::from(self.total)
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.bins.heap_bytes()
    }

    /// Mass of all quarter hours that are at most as dense as that of `local`, 0 to 1.
    #[must_use]
    pub fn tail_mass(&self, local: Local, prior: WeekPrior) -> f64 {
        let shape = self.shape(prior);
        // The same density must count whatever the order of additions that led to it.
        let here = shape.density(local.hour_of_week(), usize::from(local.minute) / 15 % 4) * (1.0 + 1e-9);
        // Four sums side by side, and a choice instead of a branch, which would be foreseen wrongly half of the time.
        let mut mass = [0.0; 4];
        for (hours, day) in shape.hours.chunks_exact(24).zip(shape.days) {
            for ((weight, of_hour), smooth) in hours.iter().zip(&shape.of_hour).zip(&shape.smooth) {
                let densities: [f64; 4] = if *weight == 0.0 {
                    smooth.map(|smooth| day * smooth + shape.floor)
                } else {
                    std::array::from_fn(|part| shape.mix(*weight, of_hour[part], day, smooth[part]))
                };
                for (mass, density) in mass.iter_mut().zip(densities) {
                    *mass += if density <= here { density } else { 0.0 };
                }
            }
        }
        mass.iter().sum::<f64>().min(1.0)
    }

    /// Hours around the clock from a time of day to the nearest quarter hour in which it ever starts, on whatever day.
    #[must_use]
    pub fn hours_apart(&self, local: Local) -> f64 {
        let here = usize::from(local.minute) / 15 % QUARTERS;
        let seen = |at: usize| self.quarter(at % QUARTERS) > SEEN_MIN;
        let apart = (0..=QUARTERS / 2).find(|&apart| seen(here + apart) || seen(here + QUARTERS - apart));
        apart.map_or(0.0, |quarters| quarters as f64 / 4.0)
    }

    /// The quarter hour of the day in which it starts most often, in minutes since midnight; `None` without history.
    #[must_use]
    pub fn usual_minute(&self) -> Option<u16> {
        let best = self.quarters().max_by(|(a, low), (b, high)| low.total_cmp(high).then(b.cmp(a)));
        best.map(|(quarter, _)| quarter as u16 * 15)
    }

    /// Share of starts on a weekday, 0 being Monday.
    #[must_use]
    pub fn weekday_share(&self, weekday: u8) -> f64 {
        let hours = self.bins.window(usize::from(weekday) % 7 * 24, 24);
        hours.fold(0.0, |share, (_, weight)| share + weight / self.total())
    }

    /// Number of hours of the week that hold nearly all starts.
    #[must_use]
    pub fn busy_hours(&self) -> usize {
        self.hours().filter(|(_, weight)| *weight > BUSY_SHARE * self.total / HOURS as f32).count()
    }

    /// Counts a start with a weight of 0 to 1.
    pub fn learn(&mut self, local: Local, weight: f64) {
        self.bins.add(local.hour_of_week() % HOURS, weight as f32);
        self.bins.add(HOURS + usize::from(local.minute) / 15 % QUARTERS, weight as f32);
        self.total += weight as f32;
    }

    /// Shrinks the history.
    pub fn forget(&mut self, factor: f64) {
        self.bins.scale(factor as f32);
        self.total *= factor as f32;
    }

    /// Hours of the week in which it ever starts, 0 to 167 from Monday's midnight, with their weights.
    pub fn hours(&self) -> impl Iterator<Item = (usize, f32)> {
        self.bins.iter().take_while(|(bin, _)| *bin < HOURS)
    }

    /// Quarter hours of the day in which it ever starts, with their weights.
    fn quarters(&self) -> impl Iterator<Item = (usize, f32)> {
        self.bins.iter().filter_map(|(bin, weight)| Some((bin.checked_sub(HOURS)?, weight)))
    }

    fn quarter(&self, at: usize) -> f32 {
        self.bins.get(HOURS + at)
    }

    /// Everything that the density of each quarter hour is made of, computed once.
    fn shape(&self, prior: WeekPrior) -> Shape {
        let mut hours = [0.0; HOURS];
        for (hour, weight) in self.hours() {
            hours[hour] = f64::from(weight);
        }
        let smooth = self.smoothed_quarters();
        let mut of_hour = [[0.25; 4]; 24];
        for (shares, quarters) in of_hour.iter_mut().zip(&smooth) {
            let sum: f64 = quarters.iter().sum();
            if sum > 0.0 {
                *shares = quarters.map(|quarter| quarter / sum);
            }
        }
        let floor = if self.total > 0.0 { prior.any_time / (prior.days + prior.any_time + prior.in_time) } else { 1.0 };
        let alike = |share: f64| (share * prior.days + prior.alike / 7.0) / (prior.days + prior.alike);
        let days = self.day_shares().map(|share| alike(share) * (1.0 - SHARP) * (1.0 - floor));
        Shape {
            hours,
            of_hour,
            smooth,
            days,
            sharp: SHARP * (1.0 - floor) / self.total().max(f64::MIN_POSITIVE),
            floor: floor / (4 * HOURS) as f64,
        }
    }

    /// Probability of each quarter hour of the day, smoothed around the clock.
    fn smoothed_quarters(&self) -> [[f64; 4]; 24] {
        // Around the clock with what lies beyond midnight on both sides, which goes where it belongs at the end.
        let mut round = [0.0; QUARTERS + 2 * REACH];
        for (at, weight) in self.quarters() {
            let share = f64::from(weight) / self.total();
            for (smooth, kernel) in round[at..at + KERNEL.len()].iter_mut().zip(&KERNEL) {
                *smooth += share * kernel;
            }
        }
        let (before, rest) = round.split_at_mut(REACH);
        let (day, behind) = rest.split_at_mut(QUARTERS);
        day.iter_mut().zip(behind).for_each(|(smooth, beyond)| *smooth += *beyond);
        day[QUARTERS - REACH..].iter_mut().zip(before).for_each(|(smooth, beyond)| *smooth += *beyond);
        std::array::from_fn(|hour| std::array::from_fn(|part| day[hour * 4 + part]))
    }

    fn day_shares(&self) -> [f64; 7] {
        let mut shares = [0.0; 7];
        if self.total > 0.0 {
            for (hour, weight) in self.hours() {
                shares[hour / 24] += f64::from(weight) / self.total();
            }
        }
        shares
    }
}

/// A density, taken apart.
struct Shape {
    /// Weight of each hour of the week.
    hours: [f64; HOURS],
    /// Share of each quarter hour of the day within its hour.
    of_hour: [[f64; 4]; 24],
    smooth: [[f64; 4]; 24],
    /// Weight of the pooled view on each weekday.
    days: [f64; 7],
    sharp: f64,
    floor: f64,
}

impl Shape {
    /// Probability of a quarter hour of the week.
    fn density(&self, hour: usize, part: usize) -> f64 {
        let of_day = hour % 24;
        self.mix(self.hours[hour], self.of_hour[of_day][part], self.days[hour / 24], self.smooth[of_day][part])
    }

    /// The same from its parts.
    fn mix(&self, weight: f64, of_hour: f64, day: f64, smooth: f64) -> f64 {
        weight * of_hour * self.sharp + day * smooth + self.floor
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_is_as_small_as_it_says() {
        assert_eq!(size_of::<WeekDensity>(), 72);
    }

    const PRIOR: WeekPrior = WeekPrior { days: 20.0, any_time: 0.05, in_time: 0.5, alike: 0.3 };

    fn local(weekday: u8, hour: u16, minute: u16) -> Local {
        Local { day: 0, weekday, minute: hour * 60 + minute }
    }

    fn mornings(weekdays: u8) -> WeekDensity {
        let mut week = WeekDensity::default();
        for day in 0..28_u8 {
            if day % 7 < weekdays {
                week.learn(local(day % 7, 6, u16::from(day % 5)), 1.0);
            }
        }
        week
    }

    #[test]
    fn a_run_at_night_is_rare_and_the_usual_morning_is_not() {
        let week = mornings(5);
        assert!(week.tail_mass(local(2, 6, 2), PRIOR) > 0.5);
        assert!(week.tail_mass(local(2, 3, 12), PRIOR) < 0.01);
        assert!(week.tail_mass(local(6, 6, 2), PRIOR) < 0.01, "a Sunday was never seen");
        assert!(week.tail_mass(local(2, 6, 20), PRIOR) > week.tail_mass(local(2, 7, 50), PRIOR));
        assert_eq!(week.usual_minute(), Some(360));
    }

    #[test]
    fn without_history_nothing_is_rare() {
        assert!((WeekDensity::default().tail_mass(local(0, 0, 0), PRIOR) - 1.0).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn a_weekdays_share_is_the_one_among_all(starts in proptest::collection::vec((0..7_u8, 0..1440_u16, 0.1..1.0_f64), 0..60)) {
            let mut week = WeekDensity::default();
            for &(weekday, minute, weight) in &starts {
                week.learn(Local { day: 0, weekday, minute }, weight);
            }
            let shares: Vec<f64> = (0..7).map(|weekday| week.weekday_share(weekday)).collect();
            prop_assert_eq!(shares, week.day_shares().to_vec());
        }

        #[test]
        fn the_density_sums_to_one(starts in proptest::collection::vec((0..7_u8, 0..1440_u16), 0..60)) {
            let mut week = WeekDensity::default();
            for &(weekday, minute) in &starts {
                week.learn(Local { day: 0, weekday, minute }, 1.0);
            }
            let shape = week.shape(PRIOR);
            let sum: f64 = (0..HOURS).flat_map(|hour| (0..4).map(move |part| (hour, part))).map(|(h, p)| shape.density(h, p)).sum();
            prop_assert!((sum - 1.0).abs() < 1e-4, "{}", sum);
        }
    }
}
