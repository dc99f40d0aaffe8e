//! Instants, lengths of time and local clocks of the core. All of them come from events: there is no `now` here.
//!
//! A [`Timestamp`] counts microseconds since the Unix epoch, which holds ±292,000 years in eight bytes and compares as
//! an integer. One that may be missing takes no more. Zones are data: the time-zone database is compiled in, so that the same event has the same local hour on
//! every machine, whatever is installed there.

use std::fmt;
use std::num::NonZeroU64;
use std::ops::{Add, Sub};
use std::str::FromStr;

use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(NonZeroU64);

/// A length of time in microseconds; negative lengths are allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span(i64);

/// A text that is no RFC 3339 time with an offset, or lies outside 1970 to 2199.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 time with an offset between 1970 and 2199: `{0}`")]
pub struct TimestampError(String);

/// The first instant that is refused: 2200-01-01T00:00:00Z.
const LIMIT_US: i64 = 7_258_118_400_000_000;

/// What turns microseconds into the number that is kept: it orders in the same way, and its zero is the instant that is
/// given up for `None`, 292,000 years ago.
const SIGN: u64 = 1 << 63;

impl Timestamp {
    /// The earliest instant that an event may carry.
    pub const MIN: Self = Self::from_micros(0);

    /// From microseconds since the Unix epoch.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        match NonZeroU64::new(micros as u64 ^ SIGN) {
            Some(kept) => Self(kept),
            None => Self(NonZeroU64::MIN),
        }
    }

    /// From microseconds since the Unix epoch that somebody else wrote.
    ///
    /// # Errors
    /// They lie outside 1970 to 2199.
    pub fn checked(micros: i64) -> Result<Self, TimestampError> {
        if (0..LIMIT_US).contains(&micros) {
            Ok(Self::from_micros(micros))
        } else {
            Err(TimestampError::of(&format!("{micros} µs")))
        }
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        (self.0.get() ^ SIGN) as i64
    }

    /// Whole days since the Unix epoch, in UTC.
    #[must_use]
    pub const fn day_utc(self) -> i64 {
        self.as_micros().div_euclid(Span::DAY.0)
    }

    /// The later of two instants.
    #[must_use]
    pub fn later(self, other: Self) -> Self {
        self.max(other)
    }

    fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_microsecond(self.as_micros()).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
}

impl TimestampError {
    /// What was no time; as much of it as a person needs.
    pub(crate) fn of(text: &str) -> Self {
        Self(text.chars().take(64).collect())
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// One second.
    pub const SECOND: Self = Self(1_000_000);
    /// One minute.
    pub const MINUTE: Self = Self(60 * Self::SECOND.0);
    /// One hour.
    pub const HOUR: Self = Self(60 * Self::MINUTE.0);
    /// Twenty-four hours.
    pub const DAY: Self = Self(24 * Self::HOUR.0);

    /// From microseconds.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From whole seconds.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs * Self::SECOND.0)
    }

    /// From whole minutes.
    #[must_use]
    pub const fn from_mins(mins: i64) -> Self {
        Self(mins * Self::MINUTE.0)
    }

    /// From whole hours.
    #[must_use]
    pub const fn from_hours(hours: i64) -> Self {
        Self(hours * Self::HOUR.0)
    }

    /// From whole days of 24 hours.
    #[must_use]
    pub const fn from_days(days: i64) -> Self {
        Self(days * Self::DAY.0)
    }

    /// Microseconds.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Seconds, with a fraction.
    #[must_use]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// Days of 24 hours, with a fraction.
    #[must_use]
    pub fn as_days_f64(self) -> f64 {
        self.0 as f64 / Self::DAY.0 as f64
    }

    /// As people say it, rounded: `90 seconds`, `5 minutes`, `26 hours`, `3 days`. A unit begins with two of it, days with
    /// three; what is negative is no time.
    #[must_use]
    pub fn in_words(self) -> String {
        let span = self.max(Self::ZERO);
        let (unit, name) = match span {
            span if span < Self::from_mins(2) => (Self::SECOND, "second"),
            span if span < Self::from_hours(2) => (Self::MINUTE, "minute"),
            span if span < Self::from_days(3) => (Self::HOUR, "hour"),
            _ => (Self::DAY, "day"),
        };
        let count = (span.0 + unit.0 / 2) / unit.0;
        format!("{count} {name}{}", if count == 1 { "" } else { "s" })
    }
}

impl Default for Timestamp {
    fn default() -> Self {
        Self::MIN
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Timestamp").field(&self.as_micros()).finish()
    }
}

impl Add<Span> for Timestamp {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self::from_micros(self.as_micros().saturating_add(span.0))
    }
}

impl Sub<Span> for Timestamp {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        Self::from_micros(self.as_micros().saturating_sub(span.0))
    }
}

impl Sub for Span {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Add for Span {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Timestamp {
    type Output = Span;
    fn sub(self, other: Self) -> Span {
        Span(self.as_micros().saturating_sub(other.as_micros()))
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        if let Some(micros) = utc(text.as_bytes()) {
            return Ok(Self::from_micros(micros));
        }
        let refuse = || TimestampError::of(text);
        let micros = text.parse::<jiff::Timestamp>().map_err(|_| refuse())?.as_microsecond();
        Self::checked(micros).map_err(|_| refuse())
    }
}

/// Microseconds since 1970 of a time in UTC as it is mostly written, `2026-05-04T06:00:00.123Z`, within the bounds; `None`
/// for all else, which may be a time as well.
fn utc(text: &[u8]) -> Option<i64> {
    let number = |from: usize, to: usize| {
        text.get(from..to)?
            .iter()
            .try_fold(0_i64, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0')))
    };
    let stands = |at: usize, byte: u8| text.get(at) == Some(&byte);
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let places = text.len().saturating_sub(21);
    let fraction =
        if places > 0 { number(20, 20 + places)? * 10_i64.pow(6_u32.checked_sub(places as u32)?) } else { 0 };
    let marks = stands(4, b'-') && stands(7, b'-') && stands(10, b'T') && stands(13, b':') && stands(16, b':');
    let ends = stands(text.len() - 1, b'Z') && (text.len() == 20 || (places > 0 && stands(19, b'.')));
    let within = (1970..2200).contains(&year) && (1..=12).contains(&month) && hour < 24 && minute < 60 && second < 60;
    if !(marks && ends && within) {
        return None;
    }
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = [31, 28 + i64::from(leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let (before, month) = length.split_at(month as usize - 1);
    if !(1..=month[0]).contains(&day) {
        return None;
    }
    // Leap days of the years before this one, since that of 1968.
    let leaps = (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400 - 477;
    let days = 365 * (year - 1970) + leaps + before.iter().sum::<i64>() + day - 1;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000 + fraction)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.to_jiff(), f)
    }
}

impl Serialize for Timestamp {
    /// As RFC 3339 for people's formats, as an integer for compact ones.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.as_micros().serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
        } else {
            i64::deserialize(deserializer).map(Self::from_micros)
        }
    }
}

/// A wall clock on the wall of some place: what the bot's own schedule is written in.
#[derive(Clone, Debug)]
pub struct Zone(TimeZone);

/// A name that the time-zone database does not know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown time zone `{0}`")]
pub struct ZoneError(String);

/// An instant as the wall clock of a [`Zone`] shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local {
    /// Days since 1970-01-01 by the local calendar.
    pub day: i32,
    /// 0 is Monday.
    pub weekday: u8,
    /// Minutes since local midnight, 0 to 1439.
    pub minute: u16,
}

impl Zone {
    /// Coordinated universal time.
    #[must_use]
    pub fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// Looks a zone up by its IANA name.
    ///
    /// # Errors
    /// The name is not in the compiled-in database.
    pub fn named(name: &str) -> Result<Self, ZoneError> {
        TimeZone::get(name).map(Self).map_err(|_| ZoneError(name.to_owned()))
    }

    /// The instant at which the wall clock shows so many microseconds since its own 1970. A time that was skipped when
    /// the clock went forward is the one after it, of one that came twice it is the first.
    ///
    /// # Errors
    /// It lies outside 1970 to 2199.
    pub fn instant(&self, local_us: i64) -> Result<Timestamp, TimestampError> {
        let at = jiff::Timestamp::from_microsecond(local_us);
        let at = at.map_err(|_| TimestampError::of(&format!("{local_us} µs")))?;
        self.civil(TimeZone::UTC.to_datetime(at))
    }

    /// The instant at which the wall clock shows a date and time.
    ///
    /// # Errors
    /// It lies outside 1970 to 2199.
    pub(crate) fn civil(&self, at: jiff::civil::DateTime) -> Result<Timestamp, TimestampError> {
        let zoned = self.0.to_timestamp(at).map_err(|_| TimestampError::of(&at.to_string()))?;
        Timestamp::checked(zoned.as_microsecond())
    }

    /// What the wall clock shows at an instant.
    #[must_use]
    pub fn local(&self, at: Timestamp) -> Local {
        self.local_as_of(at, at)
    }

    /// What the wall clock would show at an instant, had it not been changed since another one.
    #[must_use]
    pub fn local_as_of(&self, at: Timestamp, then: Timestamp) -> Local {
        let offset_us = i64::from(self.0.to_offset(then.to_jiff()).seconds()) * 1_000_000;
        let local = at.as_micros() + offset_us;
        let day = local.div_euclid(Span::DAY.0);
        // 1970-01-01 was a Thursday.
        let weekday = (day + 3).rem_euclid(7);
        let minute = local.rem_euclid(Span::DAY.0) / Span::MINUTE.0;
        Local { day: day as i32, weekday: weekday as u8, minute: minute as u16 }
    }
}

impl Local {
    /// Hours since Monday's midnight, 0 to 167.
    #[must_use]
    pub fn hour_of_week(self) -> usize {
        usize::from(self.weekday) * 24 + usize::from(self.minute) / 60
    }
}

/// Working days at the end of a month, and at its start, that belong to its turn: what closes the books runs then.
const TURN_DAYS: (usize, usize) = (2, 3);

/// The date of a day since 1970.
#[must_use]
pub fn date(day: i64) -> String {
    let date = jiff::civil::date(1970, 1, 1).checked_add(jiff::Span::new().try_days(day).unwrap_or_default());
    date.map_or_else(|_| day.to_string(), |date| date.to_string())
}

/// Whether a local day, counted from 1970-01-01, belongs to the turn of a month: its last two working days up to the
/// third one of the next. Weekends are no working days; holidays are not known here.
#[must_use]
pub fn is_turn_of_month(day: i32) -> bool {
    let epoch = jiff::civil::date(1970, 1, 1);
    let date = epoch.saturating_add(jiff::SignedDuration::from_hours(24 * i64::from(day)));
    let first = day - i32::from(date.day()) + 1;
    let last = first + i32::from(date.days_in_month()) - 1;
    let working = |from: i32, to: i32| (from..=to).filter(|day| (day + 3).rem_euclid(7) < 5);
    let fewer = |from, to, most: usize| working(from, to).take(most).count() < most;
    fewer(day + 1, last, TURN_DAYS.0) || fewer(first, day - 1, TURN_DAYS.1)
}

impl fmt::Display for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
        let name = NAMES[usize::from(self.weekday) % 7];
        write!(f, "{name} {:02}:{:02}", self.minute / 60, self.minute % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a valid time")
    }

    #[test]
    fn a_stretch_of_time_is_said_in_its_largest_unit() {
        let said = [-5, 0, 1, 119, 120, 240, 7_199, 9_000, 26 * 3_600, 400_000];
        let said = said.map(|secs| Span::from_secs(secs).in_words());
        let expected = ["0 seconds", "0 seconds", "1 second", "119 seconds", "2 minutes", "4 minutes", "120 minutes"];
        assert_eq!(said[..7], expected);
        assert_eq!(said[7..], ["3 hours", "26 hours", "5 days"]);
    }

    #[test]
    fn an_instant_that_may_be_missing_takes_no_more() {
        assert_eq!(size_of::<Option<Timestamp>>(), 8);
        let times = [i64::MIN + 1, -1, 0, 1, i64::MAX].map(Timestamp::from_micros);
        assert_eq!(times.map(Timestamp::as_micros), [i64::MIN + 1, -1, 0, 1, i64::MAX]);
        assert!(times.is_sorted() && Timestamp::from_micros(i64::MIN) == times[0]);
    }

    #[test]
    fn offsets_are_applied_and_printed_as_utc() {
        assert_eq!(at("2026-03-29T01:30:00+02:00"), at("2026-03-28T23:30:00Z"));
        assert_eq!(at("2026-05-04T06:00:00.123456Z").to_string(), "2026-05-04T06:00:00.123456Z");
    }

    #[test]
    fn times_in_utc_are_read_as_the_general_parser_reads_them() {
        let general = |text: &str| text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_microsecond);
        for year in 1970..2200 {
            for rest in ["02-28T23:59:59Z", "02-29T00:00:00Z", "03-01T00:00:00.1Z", "12-31T12:34:56.123456Z"] {
                let text = format!("{year}-{rest}");
                assert_eq!(utc(text.as_bytes()), general(&text), "{text}");
            }
        }
        let others =
            ["2026-05-04T06:00:60Z", "2026-05-04T06:00:00.Z", "2026-05-04T06:00:00.1234567Z", "2026-13-04T06:00:00Z"];
        let more = [
            "2026-05-04t06:00:00z",
            "2026-05-04T06:00:00+00:00",
            "2026-04-31T06:00:00Z",
            "2026-05-04T24:00:00Z",
            "",
            "Z",
        ];
        assert!(others.iter().chain(&more).all(|text| utc(text.as_bytes()).is_none()));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in
            ["", "yesterday", "2026-05-04", "2026-05-04T06:00:00", "1969-12-31T23:59:59Z", "2200-01-01T00:00:00Z"]
        {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_turn_of_a_month_is_counted_in_working_days() {
        // 2026-03-31 is a Tuesday, day 20,543.
        let turn: Vec<i32> = (20_530..20_560).filter(|&day| is_turn_of_month(day)).map(|day| day - 20_543).collect();
        assert_eq!(turn, [-1, 0, 1, 2, 3]);
    }

    #[test]
    fn the_wall_clock_keeps_its_hour_over_a_clock_change() {
        let zone = Zone::named("Europe/Berlin").expect("a zone");
        let before = zone.local(at("2026-03-28T05:00:00Z"));
        let after = zone.local(at("2026-03-30T04:00:00Z"));
        assert_eq!((before.minute, after.minute), (360, 360));
        assert_eq!((before.weekday, after.weekday), (5, 0));
        assert_eq!(after.to_string(), "Mon 06:00");
        assert!(Zone::named("Mars/Olympus").is_err());
    }
}
