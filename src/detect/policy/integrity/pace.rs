//! When one log writes, and by whose clock.
//!
//! A log's silence is held against the longest one that it had in four to eight weeks, and only where it is known for two
//! weeks; that others go on is what makes the watermark pass at all. Its clock is held against the other logs of its
//! tenant: how far behind the watermark its timeliest record of a day is, beside the median of the others. A log whose
//! clock is ahead carries the watermark with it, so that all others look late, and it alone does not.
//!
//! Blind spots: a log that falls silent together with everything else; a clock that is wrong by less than the transport
//! takes; a tenant of fewer than three logs.

use serde::{Deserialize, Serialize};

use crate::detect::profile::IntegrityProfile;
use crate::time::{Span, Timestamp};

/// Days on which a log must have written before its silence says anything.
const KNOWN_DAYS: u16 = 14;
/// Days after which the longest silence is looked for afresh; the one before counts as well.
const PERIOD_DAYS: i64 = 28;
/// Shortest silence that is one. Shorter: logs that write a hundred times a day are told of at lunch.
const LEAST: Span = Span::DAY;
/// Records of a day from which its timeliest one says how its clock stands.
const RECORDS_MIN: u32 = 20;

/// When a log writes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Pace {
    /// Event time of the fleet at the last record.
    pub seen: Timestamp,
    /// Longest silence of the period before and of the running one, and when that began.
    longest: [Span; 2],
    period: i64,
    /// Days with records, and the last of them.
    days: u16,
    day: i64,
    /// Whether its silence was told and goes on.
    silent: bool,
    /// How far the timeliest record of the day was behind the fleet, and records of the day.
    lag: Span,
    records: u32,
    /// The same of the day before that had enough of them, and that day.
    pub lag_before: Option<(i64, Span)>,
    /// Whether its clock was told of.
    skewed: bool,
}

impl Pace {
    pub(super) fn new(watermark: Timestamp) -> Self {
        Self {
            seen: watermark,
            longest: [Span::ZERO; 2],
            period: watermark.day_utc(),
            days: 1,
            day: watermark.day_utc(),
            silent: false,
            lag: Span::ZERO,
            records: 0,
            lag_before: None,
            skewed: false,
        }
    }

    /// Counts a record; how long a silence was that was told and is over.
    pub(super) fn note(&mut self, ts: Timestamp, watermark: Timestamp) -> Option<Span> {
        if self.days == 0 {
            // Of an earlier format, which knew nothing of it.
            *self = Self::new(watermark);
        }
        let gap = watermark - self.seen;
        self.longest[1] = self.longest[1].max(gap);
        self.seen = self.seen.later(watermark);
        let day = watermark.day_utc();
        if day > self.day {
            if self.records >= RECORDS_MIN {
                self.lag_before = Some((self.day, self.lag));
            }
            (self.day, self.records, self.days) = (day, 0, self.days.saturating_add(1));
            if day >= self.period + PERIOD_DAYS {
                (self.period, self.longest) = (day, [self.longest[1], Span::ZERO]);
            }
        }
        // One that is ahead of everybody was refused, and its time says nothing.
        let lag = watermark - ts;
        if lag >= Span::ZERO {
            self.lag = if self.records == 0 { lag } else { self.lag.min(lag) };
            self.records = self.records.saturating_add(1);
        }
        std::mem::take(&mut self.silent).then_some(gap)
    }

    /// The longest silence so far.
    pub(super) fn longest(&self) -> Span {
        self.longest[0].max(self.longest[1])
    }

    /// When its silence is worth a look at the earliest.
    pub(super) fn due(&self) -> Option<Timestamp> {
        (self.days >= KNOWN_DAYS && !self.silent).then(|| self.seen + self.longest().max(LEAST))
    }

    /// When its silence is told.
    pub(super) fn too_long(&self, profile: &IntegrityProfile) -> Timestamp {
        let usual = self.longest().max(LEAST).as_micros() as f64;
        self.seen + Span::from_micros((usual * profile.silence_factor) as i64)
    }

    /// Notes that its silence is told.
    pub(super) fn tell(&mut self) {
        self.silent = true;
    }

    /// Whether its silence was told and goes on.
    pub(super) fn is_silent(&self) -> bool {
        self.silent
    }

    /// How far it was behind on a day, if it wrote enough then.
    pub(super) fn lag_on(&self, day: i64) -> Option<Span> {
        if self.day == day {
            return (self.records >= RECORDS_MIN).then_some(self.lag);
        }
        self.lag_before.filter(|(before, _)| *before == day).map(|(_, lag)| lag)
    }

    /// Whether its clock, so far behind the others, is to be told of now. It is told of once until it is right again.
    pub(super) fn is_news(&mut self, behind: Span, profile: &IntegrityProfile) -> bool {
        let (off, limit) = (behind.as_micros().abs(), profile.skew_minutes * Span::MINUTE.as_micros());
        if off < limit / 2 {
            self.skewed = false;
        }
        off >= limit && !std::mem::replace(&mut self.skewed, true)
    }
}
