//! Hours of the week in which somebody is there: `mon-fri 08:00-18:00, sat 09:00-13:00`, by the clock of a zone.
//!
//! A window that ends before it begins runs past midnight and belongs to the day on which it begins, so that `fri
//! 22:00-06:00` covers Saturday's small hours. By the wall clock, a window keeps its hours over a change of the clocks; the
//! hour that a change repeats is covered twice, and the one that it skips is not there. Blind spot: public holidays.

use std::fmt;

use crate::time::{Timestamp, Zone};

/// Names of the days, Monday first.
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// Minutes of a day.
const DAY_MINUTES: u16 = 24 * 60;

/// Windows of the week, by the clock of a zone.
#[derive(Clone)]
pub struct Hours {
    text: String,
    zone_name: String,
    zone: Zone,
    windows: Vec<Window>,
}

#[derive(Clone, Copy)]
struct Window {
    /// One bit a day, Monday the lowest.
    days: u8,
    /// Minutes since midnight.
    from: u16,
    /// Minutes since midnight; behind it, at the latest midnight, or before it, on the day after.
    to: u16,
}

/// A text that names no hours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HoursError {
    /// The zone is unknown.
    #[error("`{0}` is no time zone; write an IANA name such as `Europe/Berlin`")]
    Zone(String),
    /// A window cannot be read.
    #[error("`{0}` are no hours; write `mon-fri 08:00-18:00`, with commas between several")]
    Window(String),
}

impl Hours {
    /// Reads windows, with commas between them.
    ///
    /// # Errors
    /// The zone is unknown, or a window is not days and a span of hours.
    pub fn parse(text: &str, zone_name: &str) -> Result<Self, HoursError> {
        let zone = Zone::named(zone_name).map_err(|_| HoursError::Zone(zone_name.to_owned()))?;
        let window = |part: &str| Window::parse(part.trim()).ok_or_else(|| HoursError::Window(part.trim().to_owned()));
        let windows = text.split(',').map(window).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { text: text.to_owned(), zone_name: zone_name.to_owned(), zone, windows })
    }

    /// Whether an instant lies within.
    #[must_use]
    pub fn cover(&self, at: Timestamp) -> bool {
        let local = self.zone.local(at);
        self.windows.iter().any(|window| window.covers(local.weekday, local.minute))
    }
}

impl fmt::Debug for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} by {}", self.text, self.zone_name)
    }
}

impl Window {
    fn parse(text: &str) -> Option<Self> {
        let (days, hours) = text.split_once(' ')?;
        let (from, to) = hours.trim().split_once('-')?;
        let (from, to) = (minute(from)?, minute(to)?);
        (from < DAY_MINUTES && from != to).then_some(Self { days: days_of(days)?, from, to })
    }

    fn covers(self, weekday: u8, minute: u16) -> bool {
        let on = |day: u8| self.days >> day & 1 == 1;
        if self.from < self.to {
            return on(weekday) && self.from <= minute && minute < self.to;
        }
        (on(weekday) && self.from <= minute) || (on((weekday + 6) % 7) && minute < self.to)
    }
}

/// `mon`, or `fri-mon` with all days between, over the weekend too.
fn days_of(text: &str) -> Option<u8> {
    let day = |name: &str| DAYS.iter().position(|day| day.eq_ignore_ascii_case(name));
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (day(first)?, day(last)?);
    let count = (last + DAYS.len() - first) % DAYS.len();
    Some((0..=count).fold(0, |days, nth| days | 1 << ((first + nth) % DAYS.len())))
}

/// `08:30`, up to `24:00`.
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    let digits = |text: &str| (text.len() == 2).then(|| text.parse::<u16>().ok()).flatten();
    let (hour, minute) = (digits(hour)?, digits(minute)?);
    let whole = hour * 60 + minute;
    (minute < 60 && whole <= DAY_MINUTES).then_some(whole)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cover(text: &str, zone: &str, at: &str) -> bool {
        Hours::parse(text, zone).expect("hours").cover(at.parse().expect("a time"))
    }

    #[test]
    fn windows_cover_what_they_say() {
        for (text, zone, at, covered) in [
            // 2026-05-04 is a Monday.
            ("mon-fri 08:00-18:00", "UTC", "2026-05-04T08:00:00Z", true),
            ("mon-fri 08:00-18:00", "UTC", "2026-05-04T18:00:00Z", false),
            ("mon-fri 08:00-18:00", "UTC", "2026-05-09T12:00:00Z", false),
            ("mon-fri 08:00-18:00, sat 09:00-13:00", "UTC", "2026-05-09T12:00:00Z", true),
            ("mon-fri 08:00-18:00", "America/New_York", "2026-05-04T12:00:00Z", true),
            ("mon-fri 08:00-18:00", "Asia/Tokyo", "2026-05-04T12:00:00Z", false),
            ("fri 22:00-06:00", "UTC", "2026-05-09T05:59:00Z", true),
            ("fri 22:00-06:00", "UTC", "2026-05-08T05:59:00Z", false),
            ("sun 22:00-06:00", "UTC", "2026-05-04T01:00:00Z", true),
            ("sat-mon 00:00-24:00", "UTC", "2026-05-03T23:59:59Z", true),
            ("sat-mon 00:00-24:00", "UTC", "2026-05-05T00:00:00Z", false),
            // In Berlin the clocks go forward on 2026-03-29: eight o'clock is another instant from then on.
            ("sun-mon 08:00-09:00", "Europe/Berlin", "2026-03-29T06:30:00Z", true),
            ("sat 08:00-09:00", "Europe/Berlin", "2026-03-28T06:30:00Z", false),
        ] {
            assert_eq!(cover(text, zone, at), covered, "{text} {zone} {at}");
        }
    }

    #[test]
    fn what_are_no_hours_is_refused() {
        for text in [
            "",
            "mon",
            "08:00-18:00",
            "mon 8-18",
            "mon 08:00-08:00",
            "mon 24:00-08:00",
            "day 08:00-09:00",
            "mon 08:60-09:00",
            "mon 08:00-24:01",
            "mon 08:00-09:00,",
        ] {
            assert!(matches!(Hours::parse(text, "UTC"), Err(HoursError::Window(_))), "{text}");
        }
        assert_eq!(Hours::parse("mon 08:00-09:00", "Mars").err(), Some(HoursError::Zone("Mars".to_owned())));
    }

    proptest! {
        #[test]
        fn a_window_and_the_rest_of_the_week_cover_every_instant_once(at in 0_i64..4_000_000_000, from in 0_u16..1439, length in 1_u16..1439) {
            let to = (from + length) % 1440;
            prop_assume!(from != to);
            let show = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
            let hours = |from: u16, to: u16| Hours::parse(&format!("mon-sun {}-{}", show(from), show(to)), "UTC").expect("hours");
            let at = Timestamp::from_micros(at * 1_000_000);
            prop_assert!(hours(from, to).cover(at) != hours(to, from).cover(at));
        }
    }
}
