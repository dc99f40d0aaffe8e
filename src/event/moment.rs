//! Times as other people's tables write them: texts with and without an offset, numbers since 1970, patterns.
//!
//! Blind spot: a number without a unit is told by its size, which is wrong for milliseconds before March 1973.

use jiff::civil::DateTime;
use jiff::fmt::strtime::BrokenDownTime;

use super::cell::Cell;
use super::{Reject, RejectReason};
use crate::time::{Timestamp, TimestampError, Zone};

/// Numbers since 1970 below which they count seconds; so many seconds are the year 5138.
const SECONDS_BELOW: i64 = 100_000_000_000;
/// The same for milliseconds and for microseconds.
const MILLIS_BELOW: i64 = SECONDS_BELOW * 1000;
const MICROS_BELOW: i64 = MILLIS_BELOW * 1000;

/// How times are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TimeFormat {
    /// RFC 3339; a date and a time of day without an offset; or a number since 1970 whose size tells its unit.
    #[default]
    Auto,
    /// A number since 1970 in this unit.
    Epoch(Unit),
    /// A pattern as of `strptime`.
    Pattern(String),
}

/// Unit of a number since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Millis,
    /// Microseconds.
    Micros,
    /// Nanoseconds.
    Nanos,
}

impl Unit {
    /// Microseconds of a number of these; what is finer is cut off.
    #[must_use]
    pub fn micros(self, count: i64) -> i64 {
        match self {
            Self::Seconds => count.saturating_mul(1_000_000),
            Self::Millis => count.saturating_mul(1000),
            Self::Micros => count,
            Self::Nanos => count.div_euclid(1000),
        }
    }

    fn of_size(count: i64) -> Self {
        match count.saturating_abs() {
            ..SECONDS_BELOW => Self::Seconds,
            SECONDS_BELOW..MILLIS_BELOW => Self::Millis,
            MILLIS_BELOW..MICROS_BELOW => Self::Micros,
            _ => Self::Nanos,
        }
    }

    fn micros_f64(self, count: f64) -> i64 {
        let scale = match self {
            Self::Seconds => 1e6,
            Self::Millis => 1e3,
            Self::Micros => 1.0,
            Self::Nanos => 1e-3,
        };
        (count * scale).round() as i64
    }
}

impl TimeFormat {
    /// Reads the name of a format: `auto`, `s`, `ms`, `us`, `ns`, or a pattern of `strptime`.
    ///
    /// # Errors
    /// It is no name and has no `%`.
    pub fn named(text: &str) -> Result<Self, String> {
        Ok(match text {
            "auto" => Self::Auto,
            "s" => Self::Epoch(Unit::Seconds),
            "ms" => Self::Epoch(Unit::Millis),
            "us" => Self::Epoch(Unit::Micros),
            "ns" => Self::Epoch(Unit::Nanos),
            pattern if pattern.contains('%') => Self::Pattern(pattern.to_owned()),
            other => {
                return Err(format!(
                    "`{other}`: write `auto`, `s`, `ms`, `us`, `ns` or a pattern such as `%Y-%m-%d %H:%M:%S`"
                ));
            }
        })
    }

    /// Reads a time; none where the cell is empty. `zone` is that of times without an offset.
    ///
    /// # Errors
    /// It is no time of this format, or outside 1970 to 2199.
    pub fn read(&self, cell: &Cell<'_>, zone: &Zone) -> Result<Option<Timestamp>, Reject> {
        let read = match cell {
            Cell::None => return Ok(None),
            Cell::Text(text) if text.is_empty() => return Ok(None),
            Cell::Text(text) => self.text(text, zone),
            // `%Y%m%d` in a column of numbers is the text that the number is written as.
            Cell::Whole(count) if self.is_pattern() => self.text(&count.to_string(), zone),
            Cell::Signed(count) if self.is_pattern() => self.text(&count.to_string(), zone),
            Cell::Number(count) if self.is_pattern() => self.text(&count.to_string(), zone),
            Cell::Whole(count) => self.count(i64::try_from(*count).unwrap_or(i64::MAX)),
            Cell::Signed(count) => self.count(*count),
            Cell::Number(count) => self.number(*count),
            Cell::Time(micros) => Timestamp::checked(*micros),
            Cell::LocalTime(micros) => zone.instant(*micros),
            Cell::Truth(_) | Cell::Texts(_) => {
                return Err(Reject::new(RejectReason::WrongType, "ts is no time"));
            }
        };
        read.map(Some).map_err(|error| Reject::new(RejectReason::BadTimestamp, error))
    }

    fn is_pattern(&self) -> bool {
        matches!(self, Self::Pattern(_))
    }

    fn count(&self, count: i64) -> Result<Timestamp, TimestampError> {
        let unit = if let Self::Epoch(unit) = self { *unit } else { Unit::of_size(count) };
        Timestamp::checked(unit.micros(count))
    }

    fn number(&self, count: f64) -> Result<Timestamp, TimestampError> {
        if !count.is_finite() {
            return Err(TimestampError::of(&count.to_string()));
        }
        let unit = if let Self::Epoch(unit) = self { *unit } else { Unit::of_size(count as i64) };
        Timestamp::checked(unit.micros_f64(count))
    }

    fn text(&self, text: &str, zone: &Zone) -> Result<Timestamp, TimestampError> {
        let refuse = || TimestampError::of(text);
        if let Self::Pattern(pattern) = self {
            let parts = BrokenDownTime::parse(pattern, text).map_err(|_| refuse())?;
            if parts.offset().is_some() {
                return parts
                    .to_timestamp()
                    .map_err(|_| refuse())
                    .and_then(|at| Timestamp::checked(at.as_microsecond()));
            }
            let at = parts.to_datetime().or_else(|_| parts.to_date().map(DateTime::from)).map_err(|_| refuse())?;
            return zone.civil(at);
        }
        if let Ok(count) = text.parse::<i64>() {
            return self.count(count);
        }
        if let Ok(count) = text.parse::<f64>() {
            return self.number(count);
        }
        if *self != Self::Auto {
            return Err(refuse());
        }
        text.parse::<Timestamp>().or_else(|_| zone.civil(text.parse::<DateTime>().map_err(|_| refuse())?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(format: &str, cell: &Cell<'_>, zone: &str) -> String {
        let format = TimeFormat::named(format).expect("a format");
        match format.read(cell, &Zone::named(zone).expect("a zone")) {
            Ok(Some(at)) => at.to_string(),
            Ok(None) => "none".to_owned(),
            Err(reject) => reject.reason.to_string(),
        }
    }

    #[test]
    fn times_are_read_however_they_are_written() {
        let noon = "2026-05-04T12:00:00Z";
        for (format, text) in [
            ("auto", "2026-05-04T12:00:00Z"),
            ("auto", "2026-05-04T14:00:00+02:00"),
            ("auto", "2026-05-04 12:00:00"),
            ("auto", "1777896000"),
            ("auto", "1777896000000"),
            ("auto", "1777896000000000"),
            ("auto", "1777896000000000000"),
            ("auto", "1777896000.0"),
            ("ms", "1777896000000"),
            ("%d.%m.%Y %H:%M", "04.05.2026 12:00"),
            ("%Y%m%dT%H%M%S%z", "20260504T140000+0200"),
        ] {
            assert_eq!(read(format, &Cell::Text(text.into()), "UTC"), noon, "{format} {text}");
        }
        assert_eq!(read("s", &Cell::Signed(1_777_896_000), "UTC"), noon);
        assert_eq!(read("s", &Cell::Number(1_777_896_000.25), "UTC"), "2026-05-04T12:00:00.25Z");
        assert_eq!(read("auto", &Cell::Time(1_777_896_000_000_000), "UTC"), noon);
        for cell in [Cell::Whole(2_026_050_412), Cell::Signed(2_026_050_412), Cell::Number(2_026_050_412.0)] {
            assert_eq!(read("%Y%m%d%H", &cell, "UTC"), noon, "a pattern counts whatever the type of its column");
        }
    }

    #[test]
    fn times_without_an_offset_are_those_of_the_zone() {
        assert_eq!(read("auto", &Cell::Text("2026-05-04 14:00:00".into()), "Europe/Berlin"), "2026-05-04T12:00:00Z");
        assert_eq!(read("auto", &Cell::LocalTime(1_777_903_200_000_000), "Europe/Berlin"), "2026-05-04T12:00:00Z");
        assert_eq!(read("%Y-%m-%d", &Cell::Text("2026-05-04".into()), "UTC"), "2026-05-04T00:00:00Z");
    }

    #[test]
    fn what_is_no_time_is_refused_and_what_is_empty_is_none() {
        for (format, cell) in [
            ("auto", Cell::Text("yesterday".into())),
            ("s", Cell::Text("2026-05-04T12:00:00Z".into())),
            ("%Y", Cell::Text("May".into())),
            ("auto", Cell::Signed(-1)),
            ("auto", Cell::Number(f64::NAN)),
            ("auto", Cell::Time(i64::MAX)),
        ] {
            assert_eq!(read(format, &cell, "UTC"), "bad_timestamp", "{format} {cell:?}");
        }
        assert_eq!(read("auto", &Cell::Truth(true), "UTC"), "wrong_type");
        assert_eq!(read("auto", &Cell::None, "UTC"), "none");
        assert_eq!(read("auto", &Cell::Text("".into()), "UTC"), "none");
        assert!(TimeFormat::named("seconds").is_err());
    }
}
