//! Whether a level creeps: the last four weeks of a daily level on the log scale, the newest days against the older.
//!
//! The mean of the last `k` days is held against that of the days more than a week back, as in Welch's test with a robust
//! spread of the older ones (1.48 times their median absolute deviation from the median, never less than a floor):
//! `t = (recent - old) / (s √(1/k + 1/m))`, by Student's distribution with `m - 1` degrees of freedom. `k` is six, longer
//! than the turn of a month lasts, or three, at four hundred times the p-value; the last days must not have fallen again. A
//! level must have risen by a least factor at all, so that constant jobs may grow as businesses do. Slower still is seen
//! against an anchor, the level of the first two weeks, which stays until a rise beyond [`RISE_SLOW`] is told: a window
//! that forgets would follow the frog. What is held against it is the mean of the newest days or, where the days clearly
//! rise, the level at which their line ends.
//!
//! 64 bytes. Blind spot: what falls; what doubles in half a year or more is told once it has.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// Days kept. More: a creep is held against levels before the last change, and costs two bytes a day and level.
const DAYS: usize = 28;
/// Newest days that are held against the old, how many of them may be low, and how often the p-value counts. Six days
/// are longer than the turn of a month lasts; three catch what doubles in a week, and prove less.
const SPANS: [(usize, usize, f64); 2] = [(6, 1, 1.0), (3, 0, 400.0)];
/// Days before which a day is old. Fewer: a fast creep is held against itself.
const OLD: usize = 7;
/// Old days from which there is something to compare.
const OLD_MIN: usize = 7;
/// Days whose mean the anchor is. Fewer: one busy week is what all later ones are held against.
const ANCHOR: usize = 14;
/// Days of which the present level is made. Fewer: a turn of the month is a level.
const PRESENT: usize = 12;
/// Least rise within the window that is creep: 1.45-fold.
const RISE_FAST: f64 = 0.37;
/// Rise over the anchor that is told however slowly it came: 1.82-fold.
const RISE_SLOW: f64 = 0.60;
/// Share of a least rise below which a day is low. Larger: more of the days must be high.
const LOW_SHARE: f64 = 0.5;
/// Spreads of the anchor's days that such a rise is more than. Larger: what varies from day to day rises unseen.
const RISE_SPREADS: f64 = 2.0;
/// Nats of surprise that a nat of such a rise is worth. Less: it does not page.
const RISE_WORTH: f64 = 12.0;
/// Days of the present level of which one may still be near the anchor. Fewer: two busy weeks are a level.
const LOW_ONE_IN: usize = 6;
/// Standard errors from which a slope is clear.
const SLOPE_ERRORS: f64 = 3.0;
/// Least spread: a constant job still varies by a tenth.
const SPREAD_FLOOR: f64 = 0.1;
/// A normal sample's standard deviation over its median distance from the middle.
const NORMAL_MAD: f64 = 1.48;
/// Days whose mean a doubtful level may exceed by a step. More: a new level takes longer to be learned.
const STEP_DAYS: usize = 3;
/// The most by which it may: two days of a creep by 12 % a day.
const STEP_NATS: f64 = 0.22;
/// Level below which nothing is told: seven records that become twelve are nobody's loss.
const SMALL: f64 = 2.0;
/// How much faster than it was told a growth is news.
const GROWTH_FASTER: f64 = 1.5;
/// How often a growth is told in between.
const GROWTH_KNOWN_MAX: u8 = 2;
/// Steps of the log scale that are kept.
const STEPS_PER_NAT: f64 = 1024.0;

/// Levels of the last days, newest last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Levels {
    days: [u16; DAYS],
    /// How many of them are known; the rest is 0.
    known: u16,
    anchor: Option<u16>,
    /// How many of the newest days are of a change that was announced and is not over.
    announced: u16,
}

/// How far a day's level is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DayKind {
    /// As it is.
    Plain,
    /// Not in a jump: it rises no more than a creep would.
    Doubtful,
    /// As a new level, that an announced change brings: what was before is moved to it.
    Announced,
}

/// A level that rose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rise {
    /// How odd, in nats.
    pub nats: f64,
    /// The level before and now, on the scale that was pushed.
    pub from: f64,
    /// The level now.
    pub to: f64,
    /// Days over which it rose.
    pub days: usize,
    /// Nats a day by which it rises by now, where that is clear; 0 else.
    pub slope: f64,
}

/// A growth that was told: it is expected to go on as it did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    /// Nats a day at which the level rose when it was news; 0 before that.
    rate: f32,
    /// How often it was told since without being news.
    known: u8,
}

impl Growth {
    /// Whether a rise is news, that came within so many days, and not what was told before and goes on. It is news where
    /// it is faster, and again where the level has grown about sixfold since.
    #[must_use]
    pub fn is_news(self, rise: &Rise, days: i32) -> bool {
        self.known >= GROWTH_KNOWN_MAX || rise.rate(days) > GROWTH_FASTER * f64::from(self.rate)
    }

    /// Takes in that such a rise was told.
    pub fn tell(&mut self, rise: &Rise, days: i32) {
        if self.is_news(rise, days) {
            *self = Self { rate: rise.rate(days) as f32, known: 0 };
        } else {
            self.known += 1;
        }
    }
}

impl Rise {
    /// Nats a day, on the average of the days within which it came or by now, whichever is more.
    fn rate(&self, days: i32) -> f64 {
        self.slope.max((self.to - self.from) / f64::from(days.max(1)))
    }
}

impl Levels {
    /// Adds a day's level, on the log scale, not negative.
    pub fn push(&mut self, level: f64, day: DayKind) {
        match day {
            DayKind::Announced => self.announced = (self.announced + 1).min(DAYS as u16),
            DayKind::Plain | DayKind::Doubtful if self.announced > 0 => self.rebase(),
            DayKind::Plain | DayKind::Doubtful => {}
        }
        let last = &self.days()[self.days().len().saturating_sub(STEP_DAYS)..];
        let doubtful = day == DayKind::Doubtful && !last.is_empty();
        let level = if doubtful { level.min(mean(last) + STEP_NATS) } else { level };
        if usize::from(self.known) >= DAYS {
            self.days.rotate_left(1);
            self.known = DAYS as u16 - 1;
        }
        self.days[usize::from(self.known)] = (level.max(0.0) * STEPS_PER_NAT).min(f64::from(u16::MAX)) as u16;
        self.known += 1;
        if self.anchor.is_none() && usize::from(self.known) >= ANCHOR {
            self.anchor = Some((mean(&self.days[..ANCHOR]) * STEPS_PER_NAT) as u16);
        }
    }

    /// The announced change is over: what was before it is moved to the level that it brought.
    fn rebase(&mut self) {
        let known = usize::from(self.known).min(DAYS);
        let (before, since) = self.days[..known].split_at_mut(known - usize::from(self.announced).min(known));
        self.announced = 0;
        if before.is_empty() || since.is_empty() {
            return;
        }
        let rise = ((mean(since) - mean(before)) * STEPS_PER_NAT) as i32;
        for day in before.iter_mut().chain(&mut self.anchor) {
            *day = (i32::from(*day) + rise).clamp(0, i32::from(u16::MAX)) as u16;
        }
    }

    /// The levels of the last days, oldest first.
    pub fn nats(&self) -> impl Iterator<Item = f64> {
        self.days().iter().map(|day| f64::from(*day) / STEPS_PER_NAT)
    }

    /// Makes the present level the anchor: its rise was told.
    pub fn anchor(&mut self) {
        let days = self.days();
        let from = days.len().saturating_sub(PRESENT);
        self.anchor = Some((mean(&days[from..]) * STEPS_PER_NAT) as u16);
    }

    /// The mean level of the last days; `None` where it is too small to say anything.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        let days = self.days();
        Some(mean(days)).filter(|&mean| !days.is_empty() && mean >= SMALL)
    }

    /// The mean level of the days that are held against the newest; `None` without any.
    #[must_use]
    pub fn before(&self) -> Option<f64> {
        let days = self.days();
        let old = &days[..days.len().saturating_sub(OLD)];
        Some(mean(old)).filter(|_| !old.is_empty())
    }

    /// How far the level has crept within the window; `None` where it has not.
    #[must_use]
    pub fn creep(&self) -> Option<Rise> {
        let days = self.days();
        let old = &days[..days.len().saturating_sub(OLD)];
        if old.len() < OLD_MIN || mean(old) < SMALL {
            return None;
        }
        let (center, spread) = (mean(old), spread(old).max(SPREAD_FLOOR));
        let rise = |(k, low_max, more): (usize, usize, f64)| {
            let recent = &days[days.len() - k..];
            let rise = mean(recent) - center;
            // One huge day is a spike, and no creep; nor is what has fallen again.
            let low =
                recent.iter().filter(|&&day| f64::from(day) / STEPS_PER_NAT < center + LOW_SHARE * RISE_FAST).count();
            let last = mean(&recent[k - 2..]) - center;
            if rise < RISE_FAST || low > low_max || last < rise {
                return None;
            }
            let t = rise / (spread * (1.0 / k as f64 + 1.0 / old.len() as f64).sqrt());
            let student = StudentsT::new(0.0, 1.0, old.len() as f64 - 1.0).ok()?;
            let p = (more * student.sf(t)).clamp(1e-12, 1.0);
            Some(Rise { nats: -p.ln(), from: center, to: center + rise, days: OLD, slope: slope(days) })
        };
        SPANS.into_iter().filter_map(rise).max_by(|a, b| a.nats.total_cmp(&b.nats))
    }

    /// Whether the level has risen far above its anchor, in however long a time.
    #[must_use]
    pub fn slow_rise(&self) -> Option<Rise> {
        let anchor = f64::from(self.anchor?) / STEPS_PER_NAT;
        if usize::from(self.known) < DAYS || anchor < SMALL {
            return None;
        }
        let recent = &self.days[DAYS - PRESENT..];
        // The mean of the newest days is the level of their middle; where it rises day by day, it is higher by now.
        let slope = slope(&self.days);
        let rise = mean(recent) - anchor + slope * (PRESENT as f64 - 1.0) / 2.0;
        let low = recent.iter().filter(|&&day| f64::from(day) / STEPS_PER_NAT < anchor + LOW_SHARE * RISE_SLOW).count();
        let steady = low * LOW_ONE_IN <= PRESENT && rise > RISE_SPREADS * spread(&self.days[..ANCHOR]);
        let nats = RISE_WORTH * rise;
        (rise > RISE_SLOW && steady).then_some(Rise { nats, from: anchor, to: anchor + rise, days: DAYS, slope })
    }

    /// The days that are known.
    fn days(&self) -> &[u16] {
        &self.days[..usize::from(self.known).min(DAYS)]
    }
}

fn mean(days: &[u16]) -> f64 {
    days.iter().map(|&day| f64::from(day) / STEPS_PER_NAT).sum::<f64>() / days.len().max(1) as f64
}

/// Nats a day by which a level rises, by least squares; 0 where that is not clear.
fn slope(days: &[u16]) -> f64 {
    let (center, level) = ((days.len() as f64 - 1.0) / 2.0, mean(days));
    let [mut up, mut squares, mut all] = [0.0; 3];
    for (day, &nats) in days.iter().enumerate() {
        let (apart, above) = (day as f64 - center, f64::from(nats) / STEPS_PER_NAT - level);
        up += apart * above;
        squares += apart * apart;
        all += above * above;
    }
    // What the line leaves, as a variance.
    let rest = (all - up * up / squares).max(0.0) / (days.len() as f64 - 2.0);
    let slope = up / squares;
    if slope > SLOPE_ERRORS * (rest / squares).sqrt() { slope } else { 0.0 }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

fn spread(days: &[u16]) -> f64 {
    let mut values: Vec<f64> = days.iter().map(|&day| f64::from(day) / STEPS_PER_NAT).collect();
    let center = median(&mut values);
    let mut apart: Vec<f64> = values.iter().map(|value| (value - center).abs()).collect();
    NORMAL_MAD * median(&mut apart)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_as_small_as_it_says() {
        assert_eq!(size_of::<Levels>(), 64);
    }

    /// Levels of a bot that varies by a tenth, and grows by `rate` a day from day 28 on.
    fn told(rate: f64, days: usize) -> Option<(usize, f64)> {
        let mut levels = Levels::default();
        for day in 0..days {
            let wobble = 0.1 * ((day * 7919 % 13) as f64 / 6.0 - 1.0);
            let growth = rate.ln_1p() * day.saturating_sub(28) as f64;
            levels.push(7.0 + wobble + growth, DayKind::Plain);
            let rise = levels.creep().filter(|rise| rise.nats > 9.0).or_else(|| levels.slow_rise());
            if let Some(rise) = rise {
                return Some((day, rise.to - rise.from));
            }
        }
        None
    }

    #[test]
    fn the_frog_is_told_before_it_has_doubled() {
        for rate in [0.01, 0.02, 0.05, 0.08, 0.12] {
            let (day, _) = told(rate, 150).unwrap_or_else(|| panic!("{rate} is never told"));
            let level = (1.0 + rate).powi(day as i32 - 28);
            assert!((1.2..2.0).contains(&level), "{rate}: told on day {day} at {level:.2}-fold");
        }
    }

    #[test]
    fn what_stays_and_what_grows_as_businesses_do_is_left_alone() {
        assert_eq!(told(0.0, 365), None);
        assert_eq!(told(0.001, 365), None);
        assert_eq!(told(0.008, 28 + 28), None);
    }

    #[test]
    fn a_growth_that_goes_on_is_news_once_and_again_after_two_more_rises() {
        let (mut growth, mut told) = (Growth::default(), Vec::new());
        let rise = Rise { nats: 8.0, from: 5.0, to: 5.6, days: DAYS, slope: 0.0 };
        for _ in 0..7 {
            told.push(growth.is_news(&rise, 75));
            growth.tell(&rise, 75);
        }
        assert_eq!(told, [true, false, false, true, false, false, true]);
    }

    #[test]
    fn a_growth_that_quickens_is_news() {
        let (mut growth, rise) = (Growth::default(), Rise { nats: 8.0, from: 5.0, to: 5.6, days: DAYS, slope: 0.0 });
        growth.tell(&rise, 100);
        assert!(!growth.is_news(&rise, 80));
        assert!(growth.is_news(&rise, 60));
        // It rested for long, and rises fast by now.
        assert!(growth.is_news(&Rise { slope: 0.03, ..rise }, 150));
    }

    #[test]
    fn one_huge_day_is_no_creep() {
        let mut levels = Levels::default();
        (0..28).for_each(|_| levels.push(5.0, DayKind::Plain));
        levels.push(9.0, DayKind::Plain);
        assert_eq!((levels.creep(), levels.slow_rise()), (None, None));
    }
}
