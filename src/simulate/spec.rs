//! What a fleet shall be like, and the calendar that all of its bots live in.

use serde::{Deserialize, Serialize};

use super::attacks::Wrongs;
use crate::time::{Span, Timestamp, Zone};

/// The wish for a fleet. The same wish gives the same fleet, byte for byte.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FleetSpec {
    /// Everything that is left to chance follows from it.
    pub seed: u64,
    /// Bots; at least one.
    pub bots: usize,
    /// Tenants that the bots are spread over; at least one.
    pub tenants: usize,
    /// Days of peace at the start.
    pub days_baseline: u32,
    /// Days after them in which attacks fall.
    pub days_test: u32,
    /// First day, in UTC; cut to midnight.
    pub start: Timestamp,
    /// Attacks a bot, on average.
    pub attacks_per_bot: f64,
    /// Odd but fine things a bot, on average, beside those that the calendar brings.
    pub oddities_per_bot: f64,
    /// No attacks at all, whatever the rate.
    pub clean: bool,
    /// Share of the events that arrive late by seconds or minutes, 0 to 1.
    pub late_share: f64,
    /// Longest delay of an event in seconds.
    pub late_secs_max: u32,
    /// Share of the events that arrive twice, 0 to 1.
    pub duplicate_share: f64,
    /// Which wrongs the attacks are drawn from.
    pub wrongs: Wrongs,
}

/// 2026-02-23T00:00:00Z, a Monday: both clock changes of spring, two month ends and Good Friday lie in the six weeks after.
const START_DEFAULT: Timestamp = Timestamp::from_micros(1_771_804_800_000_000);

impl Default for FleetSpec {
    fn default() -> Self {
        Self {
            seed: 1,
            bots: 200,
            tenants: 3,
            days_baseline: 28,
            days_test: 14,
            start: START_DEFAULT,
            attacks_per_bot: 0.5,
            oddities_per_bot: 0.8,
            clean: false,
            late_share: 0.03,
            late_secs_max: 300,
            duplicate_share: 0.006,
            wrongs: Wrongs::Usual,
        }
    }
}

/// What matters about one day to those who work by the calendar.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DayFacts {
    /// 0 is Monday.
    pub(crate) weekday: u8,
    /// Neither weekend nor holiday.
    pub(crate) business: bool,
    /// The public holiday of the fleet.
    pub(crate) holiday: bool,
    /// Business days since the month's first one, which is 1; that of the business day before for other days.
    pub(crate) business_day: i32,
    /// Business days until the month's last one, which is 0.
    pub(crate) until_month_end: i32,
    /// The nearest turn of the month is one of the quarter.
    pub(crate) quarter: bool,
}

/// The fleet's time: when it starts, where the test begins, when it ends, and what its days are.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    pub(crate) start: Timestamp,
    pub(crate) split: Timestamp,
    pub(crate) end: Timestamp,
    /// First local day, in days since 1970-01-01.
    pub(crate) first_day: i32,
    /// First local day of the test.
    pub(crate) test_day: i32,
    /// The local day after the last.
    pub(crate) end_day: i32,
    facts: Vec<DayFacts>,
}

/// Days around the window that have facts, too, so that no look-up falls off: more than a month.
const MARGIN_DAYS: i32 = 45;

impl Window {
    pub(crate) fn new(spec: &FleetSpec) -> Self {
        let first_day = spec.start.day_utc() as i32;
        let test_day = first_day + spec.days_baseline as i32;
        let end_day = test_day + spec.days_test as i32;
        let midnight = |day: i32| Timestamp::MIN + Span::from_days(i64::from(day));
        let holiday = holiday(end_day);
        let from = first_day - MARGIN_DAYS;
        let dates: Vec<_> = (from..end_day + MARGIN_DAYS).map(|day| (day, date(day))).collect();
        let business = |day: i32| weekday(day) < 5 && day != holiday;
        let facts = dates
            .iter()
            .map(|&(day, date)| {
                let month_start = day - i32::from(date.day()) + 1;
                let month_end = month_start + i32::from(date.days_in_month()) - 1;
                DayFacts {
                    weekday: weekday(day),
                    business: business(day),
                    holiday: day == holiday,
                    business_day: (month_start..=day).filter(|&d| business(d)).count() as i32,
                    until_month_end: (day + 1..=month_end).filter(|&d| business(d)).count() as i32,
                    quarter: if date.day() > 15 { date.month() % 3 == 0 } else { date.month() % 3 == 1 },
                }
            })
            .collect();
        Self {
            start: midnight(first_day),
            split: midnight(test_day),
            end: midnight(end_day),
            first_day,
            test_day,
            end_day,
            facts,
        }
    }

    /// The facts of a local day.
    pub(crate) fn facts(&self, day: i32) -> DayFacts {
        let index = (day - self.first_day + MARGIN_DAYS).max(0) as usize;
        self.facts.get(index).copied().unwrap_or_default()
    }

    /// The days from the first to the last.
    pub(crate) fn days(&self) -> std::ops::Range<i32> {
        self.first_day..self.end_day
    }
}

/// The fleet's holiday: the Friday within its last week, so that both the test and a weekend know it.
fn holiday(end_day: i32) -> i32 {
    (end_day - 7..end_day).find(|&day| weekday(day) == 4).unwrap_or(end_day - 3)
}

/// 1970-01-01 was a Thursday.
fn weekday(day: i32) -> u8 {
    (day + 3).rem_euclid(7) as u8
}

fn date(day: i32) -> jiff::civil::Date {
    let epoch = jiff::civil::date(1970, 1, 1);
    epoch.saturating_add(jiff::SignedDuration::from_hours(24 * i64::from(day)))
}

/// The instant at which a wall clock shows a second of a day; in the hour that a clock change skips, the one after it.
pub(crate) fn instant(zone: &Zone, day: i32, second: f64) -> Timestamp {
    let shown = Span::from_micros(Span::from_days(i64::from(day)).as_micros() + (second * 1e3) as i64 * 1000);
    let mut at = Timestamp::MIN + shown;
    for _ in 0..2 {
        let local = zone.local(at);
        let local_min = i64::from(local.day) * 1440 + i64::from(local.minute);
        let offset_min = local_min - at.as_micros().div_euclid(Span::MINUTE.as_micros());
        at = Timestamp::MIN + shown - Span::from_mins(offset_min);
    }
    at
}

/// A length of time from seconds with a fraction, to the millisecond.
pub(crate) fn seconds(value: f64) -> Span {
    Span::from_micros((value * 1e3) as i64 * 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_window_holds_a_clock_change_a_quarter_end_and_a_holiday() {
        let window = Window::new(&FleetSpec::default());
        assert_eq!(window.start.to_string(), "2026-02-23T00:00:00Z");
        assert_eq!(window.split.to_string(), "2026-03-23T00:00:00Z");
        assert_eq!(window.end.to_string(), "2026-04-06T00:00:00Z");
        let good_friday = window.facts(window.end_day - 3);
        assert!(good_friday.holiday && !good_friday.business);
        let quarter_end = window.facts(window.test_day + 8);
        assert_eq!((quarter_end.until_month_end, quarter_end.quarter), (0, true));
        let first = window.facts(window.test_day + 9);
        assert_eq!((first.business_day, first.quarter), (1, true));
        assert!(!window.facts(window.first_day + 7).quarter, "2026-03-02");
    }

    #[test]
    fn wall_clocks_are_followed_over_the_change() {
        let zone = Zone::named("Europe/Berlin").expect("a zone");
        let at = |day| instant(&zone, day, 6.0 * 3600.0 + 0.5).to_string();
        let change = 20_541; // 2026-03-29
        assert_eq!(at(change - 1), "2026-03-28T05:00:00.5Z");
        assert_eq!(at(change), "2026-03-29T04:00:00.5Z");
    }
}
