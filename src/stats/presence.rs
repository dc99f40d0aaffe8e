//! Whether silence is usual: the hours of the last four weeks in which something was seen, a bit each.
//!
//! The question is put to the record itself: the same stretch of local hours, ended so many days earlier, was it empty,
//! too? Stretches that end on the same weekday count in full, those of another working day in half. With `e` empty ones
//! among `n`, a silence has the chance `(e + a) / (n + a + b)` (a Beta prior with the weights of an empty and of a busy
//! stretch). A long silence is taken apart into stretches that should each have held something, and counts more the
//! more of them there are. No schedule is guessed, so that a run at 6:58 and 7:02, every second hour, or only on the nights after working days are all the same to it.
//!
//! 92 bytes. Blind spots: weekly bots, of which four weeks hold four runs; months.

use serde::{Deserialize, Serialize};

/// Days kept: four weeks, so that each weekday is there as often as any other.
const DAYS: i32 = 28;
/// Prior weight of an empty stretch. Larger: silences surprise less.
const EMPTY_PRIOR: f64 = 0.05;
/// Prior weight of a busy one. Larger: they surprise more, and those of young bots most of all.
const BUSY_PRIOR: f64 = 0.5;

/// Hours of the last days, by bit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Presence {
    /// 24 bits a day.
    hours: [[u8; 3]; DAYS as usize],
    /// First and last day known.
    first: i32,
    last: i32,
}

/// How a silence compares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Silence {
    /// Chance of it.
    pub p: f64,
    /// Comparable stretches, weighted.
    pub compared: f64,
}

/// A silence so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Trace {
    /// How odd it is, in nats.
    pub nats: f64,
    /// Hour up to which it was followed.
    pub to: i32,
    /// Busy hours that other days had in the same stretches.
    pub missing: f64,
}

/// Nats from which a stretch should have held something, and the next one begins.
const STRETCH_NATS: f64 = 3.3;
/// Days from the first to the last at work from which one can say that they are even: three weekly runs.
const EVEN_DAYS: i32 = 14;
/// How much each further stretch counts against the one before: what stopped a bot once stops it again.
const FURTHER: f64 = 0.7;

impl Presence {
    /// Notes that something was seen in an hour, numbered from midnight of day 0.
    pub fn note(&mut self, hour: i32) {
        let day = hour.div_euclid(24);
        if self.first == 0 || day - self.last >= DAYS {
            *self = Self { hours: [[0; 3]; DAYS as usize], first: day, last: day };
        }
        while self.last < day {
            self.last += 1;
            self.hours[(self.last % DAYS) as usize] = [0; 3];
        }
        if day > self.last - DAYS {
            let hour = hour.rem_euclid(24);
            self.hours[day.rem_euclid(DAYS) as usize][(hour / 8) as usize] |= 1 << (hour % 8);
        }
    }

    /// How unusual it is that the hours from `from` up to, but not with, `to` are empty; `None` without anything to
    /// compare.
    #[must_use]
    pub fn silence(&self, from: i32, to: i32) -> Option<Silence> {
        Stretch::whole(self, from, to).silence(self)
    }

    /// Follows a silence from an hour up to another one, or until it has `enough` nats at `from_hour` or later.
    #[must_use]
    pub fn trace(&self, from: i32, to: i32, from_hour: i32, enough: f64) -> Trace {
        let (mut done, mut share) = (Trace { to: from, ..Trace::default() }, 1.0);
        let mut trace = done;
        let mut stretch = Stretch::new(from);
        let mut hour = from;
        while hour < to {
            stretch.grow(self, hour);
            hour += 1;
            let nats = stretch.nats();
            let sum = done.nats + share * nats;
            if nats < STRETCH_NATS {
                // What is enough already waits for its hour only.
                hour = stretch.pass(hour, if sum >= enough { from_hour.min(to) } else { to });
            }
            trace = Trace { nats: sum, to: hour, ..done };
            let enough = sum >= enough && hour >= from_hour;
            if enough || nats >= STRETCH_NATS || hour == to {
                trace.missing += stretch.missing(self);
            }
            if enough {
                break;
            }
            if nats >= STRETCH_NATS {
                (done, share) = (trace, share * FURTHER);
                stretch = Stretch::new(hour);
            }
        }
        trace
    }

    /// Whether the days at work are spread evenly over the record: at most twice as far apart here as there, and over most
    /// of it.
    #[must_use]
    pub fn is_even(&self) -> bool {
        let mut busy = (self.last - DAYS + 1..=self.last).filter(|day| self.bits(*day) != 0);
        let Some(first) = busy.next() else { return false };
        let (mut before, mut least, mut most) = (first, DAYS, 0);
        for day in busy {
            (least, most) = (least.min(day - before), most.max(day - before));
            before = day;
        }
        before - first >= EVEN_DAYS && most <= 2 * least
    }

    /// Whether a day is within the record.
    fn holds(&self, day: i32) -> bool {
        day > self.last - DAYS && day <= self.last
    }

    /// The hours of a day, by bit.
    fn bits(&self, day: i32) -> u32 {
        let [low, middle, high] = self.hours[day.rem_euclid(DAYS) as usize];
        u32::from_le_bytes([low, middle, high, 0])
    }

    /// Busy hours within a stretch of the record.
    #[must_use]
    pub fn busy(&self, from: i32, to: i32) -> u32 {
        let mut busy = 0;
        for day in from.div_euclid(24)..=(to - 1).div_euclid(24) {
            if !self.holds(day) {
                continue;
            }
            let (low, high) = ((from - day * 24).max(0), (to - day * 24).min(24));
            let mask = ((1_u64 << high) - (1_u64 << low)) as u32;
            busy += (self.bits(day) & mask).count_ones();
        }
        busy
    }
}

/// Hours without anything, and in which of the same hours of the days before there was something: so many days back by
/// bit. It grows hour by hour, which takes no look at each day as long as it stays within one.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    from: i32,
    to: i32,
    /// Days back whose stretch held something.
    seen: u32,
    /// Days back that are of the same sort all along.
    alike: u32,
    /// Days back by the hour of the present day in which they first held something.
    first: [u32; 24],
    /// Days back with which it compares; another number of them only on another day.
    days: u32,
    /// Its nats, if nothing came that may change them.
    known: Option<f64>,
}

/// Days back that end on the same weekday.
const SAME_WEEKDAY: u32 = 1 << 7 | 1 << 14 | 1 << 21;

impl Stretch {
    fn new(from: i32) -> Self {
        Self { from, to: from, seen: 0, alike: u32::MAX, first: [0; 24], days: 0, known: None }
    }

    /// All of a stretch at once, which takes less than hour by hour.
    fn whole(presence: &Presence, from: i32, to: i32) -> Self {
        let mut stretch = Self { to, ..Self::new(from) };
        (from.div_euclid(24)..=(to - 1).div_euclid(24)).for_each(|day| stretch.alike &= alike(day));
        for back in backs(stretch.compared(presence)) {
            stretch.seen |= u32::from(stretch.busy(presence, back) > 0) << back;
        }
        stretch
    }

    /// Goes on by an hour.
    fn grow(&mut self, presence: &Presence, hour: i32) {
        let (day, within) = (hour.div_euclid(24), hour.rem_euclid(24));
        let new_day = self.to == self.from || within == 0;
        if new_day {
            self.alike &= alike(day);
            self.first = [0; 24];
            self.to = hour + 1;
            // Days only ever go from what it compares with, so that what the others held does not matter.
            self.days = self.compared(presence);
            for back in backs(self.days).filter(|back| presence.holds(day - back)) {
                let bits = presence.bits(day - back) >> within << within;
                if let Some(days) = self.first.get_mut(bits.trailing_zeros() as usize) {
                    *days |= 1 << back;
                }
            }
        }
        let seen = self.seen | self.first[within as usize];
        let news = new_day || seen != self.seen;
        (self.seen, self.to) = (seen, hour + 1);
        self.known = self.known.filter(|_| !news);
    }

    /// Goes on over the hours before another one that change nothing; the hour that it comes to.
    fn pass(&mut self, hour: i32, most: i32) -> i32 {
        let within = hour.rem_euclid(24) as usize;
        // At midnight, days are other days.
        let same = if within == 0 {
            0
        } else {
            self.first[within..].iter().take_while(|days| *days & !self.seen == 0).count()
        };
        self.to = hour.max(most.min(hour + same as i32));
        self.to
    }

    /// Days back with which it compares.
    fn compared(&self, presence: &Presence) -> u32 {
        if self.to <= self.from || presence.first == 0 {
            return 0;
        }
        // The first day may have begun in its midst; the present one is what is asked about.
        let first = presence.first.max(presence.last - DAYS);
        let most = (self.from.div_euclid(24) - first).clamp(1, DAYS);
        let least = (self.to - presence.last * 24 - 1).div_euclid(24).clamp(1, DAYS);
        ((1 << most) - 1) & !((1 << least) - 1) & self.alike
    }

    fn silence(&self, presence: &Presence) -> Option<Silence> {
        let days = self.compared(presence);
        let (compared, empty) = (halves(days), halves(days & !self.seen));
        (compared > 0).then(|| chance(compared, empty))
    }

    /// How odd it is, in nats.
    fn nats(&mut self) -> f64 {
        let (days, seen) = (self.days, self.seen);
        let nats = || if days == 0 { 0.0 } else { -chance(halves(days), halves(days & !seen)).p.ln() };
        *self.known.get_or_insert_with(nats)
    }

    /// Busy hours that it had so many days back.
    fn busy(&self, presence: &Presence, back: i32) -> u32 {
        presence.busy(self.from - 24 * back, self.to - 24 * back)
    }

    /// Busy hours that it had on average.
    fn missing(&self, presence: &Presence) -> f64 {
        let days = self.compared(presence);
        let busy = backs(days).map(|back| f64::from(halves(1 << back) * self.busy(presence, back))).sum::<f64>();
        if days == 0 { 0.0 } else { busy / f64::from(halves(days)) }
    }
}

/// The chance of a silence by what compares, in halves.
fn chance(compared: u32, empty: u32) -> Silence {
    let (compared, empty) = (f64::from(compared) / 2.0, f64::from(empty) / 2.0);
    Silence { p: (empty + EMPTY_PRIOR) / (compared + EMPTY_PRIOR + BUSY_PRIOR), compared }
}

/// What days back weigh, in halves: those that end on the same weekday count in full, others of the same sort in half.
fn halves(days: u32) -> u32 {
    2 * (days & SAME_WEEKDAY).count_ones() + (days & !SAME_WEEKDAY).count_ones()
}

/// The numbers of the bits that are set.
fn backs(days: u32) -> impl Iterator<Item = i32> {
    let rest = std::iter::successors(Some(days), |rest| Some(rest & rest.wrapping_sub(1)));
    rest.take_while(|rest| *rest != 0).map(|rest| rest.trailing_zeros() as i32)
}

/// Days back that are of the same sort as a day.
fn alike(day: i32) -> u32 {
    ALIKE[(day + 3).rem_euclid(7) as usize]
}

/// The same from Monday to Sunday.
const ALIKE: [u32; 7] = {
    let mut days = [0; 7];
    let mut back = 1;
    while back < DAYS {
        let mut weekday = 0;
        while weekday < 7 {
            if sort(weekday) == sort((weekday - back).rem_euclid(7)) {
                days[weekday as usize] |= 1 << back;
            }
            weekday += 1;
        }
        back += 1;
    }
    days
};

/// Working days, Saturdays and Sundays, by the day of the week from Monday.
const fn sort(weekday: i32) -> i32 {
    if weekday > 4 { weekday - 4 } else { 0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_is_as_small_as_it_says() {
        assert_eq!(size_of::<Presence>(), 92);
    }

    /// A Monday.
    const MONDAY: i32 = 20_514;

    fn record(days: std::ops::Range<i32>, hours: impl Fn(i32) -> Vec<i32>) -> Presence {
        let mut presence = Presence::default();
        for day in days {
            for hour in hours(day) {
                presence.note((MONDAY + day) * 24 + hour);
            }
        }
        presence
    }

    fn nats(presence: &Presence, from: (i32, i32), to: (i32, i32)) -> f64 {
        let hour = |(day, hour)| (MONDAY + day) * 24 + hour;
        presence.trace(hour(from), hour(to), 0, f64::INFINITY).nats
    }

    #[test]
    fn a_missed_morning_is_odd_and_a_weekend_is_not() {
        let presence = record(0..26, |day| if day % 7 < 5 { vec![6 + day % 2] } else { vec![] });
        assert!(nats(&presence, (25, 8), (28, 6)) < 0.5, "the weekend, and Monday has not come yet");
        assert!(nats(&presence, (25, 8), (28, 8)) > 3.5, "no run on Monday");
        assert!(nats(&presence, (25, 8), (26, 12)) < 0.5, "Saturday");
    }

    #[test]
    fn a_longer_silence_of_a_busy_bot_is_odder() {
        let presence = record(0..20, |_| (0..24).collect());
        let (short, long) = (nats(&presence, (20, 0), (20, 3)), nats(&presence, (20, 0), (20, 12)));
        assert!(short > 3.5 && long > short + 1.0, "{short} {long}");
    }

    proptest! {
        /// The definition, hour by hour and day by day.
        #[test]
        fn a_silence_is_followed_as_it_is_defined(
            hours in proptest::collection::vec(0_i32..40 * 24, 1..150),
            day in 5_i32..45, hour in 0_i32..24, length in 1_i32..120, enough in 0.5_f64..30.0, from_hour in 0_i32..80,
        ) {
            let mut hours = hours;
            hours.sort_unstable();
            let mut presence = Presence::default();
            for hour in &hours {
                presence.note(MONDAY * 24 + hour);
            }
            let from = (MONDAY + day) * 24 + hour;
            let weight = |day: i32, to: i32, back: i32| {
                let sort = |day: i32| sort((day + 3).rem_euclid(7));
                let alike = (day..=(to - 1).div_euclid(24)).all(|day| sort(day) == sort(day - back));
                if back % 7 == 0 { 1.0 } else if alike { 0.5 } else { 0.0 }
            };
            let silence = |from: i32, to: i32| {
                let (mut compared, mut empty, mut missing) = (0.0, 0.0, 0.0);
                let (start, first) = (from.div_euclid(24), presence.first.max(presence.last - DAYS));
                for back in (1..DAYS).filter(|back| start - back > first && to - 24 * back <= presence.last * 24 + 24) {
                    let weight = weight(start, to, back);
                    let busy = presence.busy(from - 24 * back, to - 24 * back);
                    compared += weight;
                    missing += weight * f64::from(busy);
                    empty += if busy == 0 { weight } else { 0.0 };
                }
                let p = (empty + EMPTY_PRIOR) / (compared + EMPTY_PRIOR + BUSY_PRIOR);
                (compared > 0.0).then_some((p, compared, missing / compared))
            };
            let (mut done, mut share, mut began) = (Trace { to: from, ..Trace::default() }, 1.0, from);
            let mut trace = done;
            for hour in from + 1..=from + length {
                let (p, _, missing) = silence(began, hour).unwrap_or((1.0, 0.0, 0.0));
                trace = Trace { nats: done.nats + share * -f64::ln(p), to: hour, missing: done.missing + missing };
                if trace.nats >= enough && hour >= from + from_hour {
                    break;
                }
                if -f64::ln(p) >= STRETCH_NATS {
                    (done, share, began) = (trace, share * FURTHER, hour);
                }
            }
            prop_assert_eq!(presence.trace(from, from + length, from + from_hour, enough), trace);
            let whole = silence(from, from + length).map(|(p, compared, _)| Silence { p, compared });
            prop_assert_eq!(presence.silence(from, from + length), whole);
        }
    }

    #[test]
    fn without_a_record_nothing_is_said() {
        assert_eq!(Presence::default().silence(10, 20), None);
        let young = record(0..1, |_| vec![6]);
        assert_eq!(young.silence((MONDAY + 1) * 24, (MONDAY + 1) * 24 + 12), None);
    }
}
