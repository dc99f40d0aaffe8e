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
/// Prior weights of an empty and of a busy stretch.
const EMPTY_PRIOR: f64 = 0.05;
const BUSY_PRIOR: f64 = 0.5;
/// Weight of a stretch that ends on another day of the same sort.
const OTHER_DAY: f64 = 0.5;

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
    /// Busy hours that they had on average.
    pub missing: f64,
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
        for hour in from + 1..=to {
            stretch.grow(self, hour - 1);
            let silence = stretch.silence(self);
            let nats = silence.map_or(0.0, |silence| -silence.p.ln());
            let missing = done.missing + silence.map_or(0.0, |silence| silence.missing);
            trace = Trace { nats: done.nats + share * nats, to: hour, missing };
            if trace.nats >= enough && hour >= from_hour {
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
            if day <= self.last - DAYS || day > self.last {
                continue;
            }
            let (low, high) = ((from - day * 24).max(0), (to - day * 24).min(24));
            let mask = ((1_u64 << high) - (1_u64 << low)) as u32;
            busy += (self.bits(day) & mask).count_ones();
        }
        busy
    }
}

/// Hours without anything, and what the same hours of the days before held; it grows hour by hour, so that none is counted
/// twice.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    from: i32,
    to: i32,
    /// Busy hours so many days earlier.
    busy: [u16; DAYS as usize],
    /// How much that day counts: nothing where a day of the stretch is of another sort.
    weights: [f64; DAYS as usize],
}

impl Stretch {
    fn new(from: i32) -> Self {
        let weight = |back: usize| if back.is_multiple_of(7) { 1.0 } else { OTHER_DAY };
        Self { from, to: from, busy: [0; DAYS as usize], weights: std::array::from_fn(weight) }
    }

    /// All of a stretch at once, which takes less than hour by hour.
    fn whole(presence: &Presence, from: i32, to: i32) -> Self {
        let mut stretch = Self { to, ..Self::new(from) };
        let (start, end) = (from.div_euclid(24), (to - 1).div_euclid(24));
        for back in 1..DAYS {
            let at = back as usize;
            if back % 7 == 0 || (start..=end).all(|day| sort(day) == sort(day - back)) {
                stretch.busy[at] = presence.busy(from - 24 * back, to - 24 * back) as u16;
            } else {
                stretch.weights[at] = 0.0;
            }
        }
        stretch
    }

    /// Goes on by an hour.
    fn grow(&mut self, presence: &Presence, hour: i32) {
        let (day, within) = (hour.div_euclid(24), hour.rem_euclid(24));
        let new = self.to == self.from || within == 0;
        for back in 1..DAYS {
            let (at, then) = (back as usize, day - back);
            if new && back % 7 != 0 && sort(day) != sort(then) {
                self.weights[at] = 0.0;
            }
            let known = then > presence.last - DAYS && then <= presence.last;
            self.busy[at] += u16::from(known && presence.bits(then) >> within & 1 == 1);
        }
        self.to = hour + 1;
    }

    fn silence(&self, presence: &Presence) -> Option<Silence> {
        if self.to <= self.from || presence.first == 0 {
            return None;
        }
        let (mut compared, mut empty, mut missing) = (0.0, 0.0, 0.0);
        let start = self.from.div_euclid(24);
        // The first day may have begun in its midst; the present one is what is asked about.
        let first = presence.first.max(presence.last - DAYS);
        for back in (1..DAYS).filter(|back| start - back > first && self.to - 24 * back <= presence.last * 24 + 24) {
            let (weight, busy) = (self.weights[back as usize], self.busy[back as usize]);
            compared += weight;
            missing += weight * f64::from(busy);
            empty += if busy == 0 { weight } else { 0.0 };
        }
        (compared > 0.0).then(|| Silence {
            p: (empty + EMPTY_PRIOR) / (compared + EMPTY_PRIOR + BUSY_PRIOR),
            compared,
            missing: missing / compared,
        })
    }
}

/// Working days, Saturdays and Sundays. Day 0 was a Thursday.
fn sort(day: i32) -> i32 {
    ((day + 3).rem_euclid(7) - 4).max(0)
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn without_a_record_nothing_is_said() {
        assert_eq!(Presence::default().silence(10, 20), None);
        let young = record(0..1, |_| vec![6]);
        assert_eq!(young.silence((MONDAY + 1) * 24, (MONDAY + 1) * 24 + 12), None);
    }
}
