//! One log's count: which numbers came, which are missing, and whether it is one count at all.
//!
//! A number above the count opens a gap, one below it shrinks a gap, begins a new count, or came again. Everything is
//! decided by the number and its event time, so that a log that is read twice is told of in the same words.

use serde::{Deserialize, Serialize};

use super::loss::Losses;
use super::pace::Pace;
use super::{LogBreach, LogNews};
use crate::alert::{Dimension, Severity};
use crate::detect::policy::{Breach, breach};
use crate::detect::profile::IntegrityProfile;
use crate::event::{Event, Text, same};
use crate::time::{Span, Timestamp};

/// Days after which a loss is news again.
const NEWS_DAYS: i64 = 7;
/// Highest number with which a count is taken to have begun at 1 and lost its beginning.
const RESTART_MAX: u64 = 64;

/// Records of a day under old numbers, with later times, up to which the count is still one. More: two writers are told
/// later. Fewer: whoever forges one record blinds the log for a day.
const STRAYS_MAX: u64 = 3;

/// Days after a loss for which the log still counts as not whole.
const RECENT_DAYS: i64 = 1;

/// What is known of one producer's count.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Log {
    pub tenant: Text,
    pub producer: Text,
    /// Event time of the first record ever, and how many came.
    since: Timestamp,
    pub records: u64,
    /// Least number of the running count, one above its highest, and when it began and stood there.
    first: u64,
    next: u64,
    started: Timestamp,
    newest: Timestamp,
    /// Where the count before the running one had come to.
    before: Option<u64>,
    pub gaps: Vec<Gap>,
    pub due: Option<Timestamp>,
    /// Until when the numbers say nothing, since two writers give them.
    muddled_until: Option<Timestamp>,
    restart_told_day: i64,
    /// Day of the last loss, records lost on it, and days with losses in a row of at most a week between them.
    loss_day: i64,
    lost: u64,
    loss_days: u16,
    /// Records lost in all, without those that came after all.
    pub lost_ever: u64,
    #[serde(default)]
    pub losses: Losses,
    /// Records that came after one with a higher number, and those whose number had come.
    #[serde(default)]
    pub behind: u64,
    #[serde(default)]
    pub twice: u64,
    /// Day of the last number that came with another record than before, and how many those were on it.
    #[serde(default)]
    twice_day: i64,
    #[serde(default)]
    twice_today: u64,
    #[serde(default)]
    pub pace: Pace,
}

/// A range that is missing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Gap {
    pub from: u64,
    pub to: u64,
    /// Event times of the records around it.
    pub before: Timestamp,
    pub after: Timestamp,
    pub due: Timestamp,
    /// The record after it.
    pub event: Text,
}

impl Log {
    pub(super) fn new(event: &Event, producer: &Text, seq: u64, watermark: Timestamp) -> Self {
        // A first record may be stamped ahead of what the log writes; the watermark is not.
        let ts = event.ts.min(watermark);
        Self {
            tenant: event.tenant.clone(),
            producer: producer.clone(),
            since: ts,
            records: 1,
            first: seq,
            next: seq.saturating_add(1),
            started: ts,
            newest: ts,
            before: None,
            gaps: Vec::new(),
            due: None,
            muddled_until: None,
            restart_told_day: i64::MIN,
            loss_day: i64::MIN,
            lost: 0,
            loss_days: 0,
            lost_ever: 0,
            losses: Losses::default(),
            behind: 0,
            twice: 0,
            twice_day: i64::MIN,
            twice_today: 0,
            pace: Pace::new(watermark),
        }
    }

    pub(super) fn is(&self, tenant: &str, producer: &str) -> bool {
        same(&self.producer, producer) && same(&self.tenant, tenant)
    }

    /// Skims the parts of it that an event needs: the number says nothing.
    pub(super) fn skim(&self) -> usize {
        self.tenant.len()
            ^ self.producer.len()
            ^ self.next as usize
            ^ self.gaps.len()
            ^ self.pace.seen.as_micros() as usize
    }

    /// Takes a number in. Most bring nothing, and a finding is large: in a box, where there is none, none is moved.
    pub(super) fn count(
        &mut self,
        seq: u64,
        ts: Timestamp,
        sound: bool,
        event: &Event,
        watermark: Timestamp,
        profile: &IntegrityProfile,
    ) -> (Option<Box<Breach>>, bool) {
        if self.muddled_until.is_some_and(|until| watermark < until) {
            self.begin(seq, ts);
            return (None, false);
        }
        let grace = Span::from_mins(profile.grace_minutes);
        if seq >= self.next {
            if self.before.is_some() && ts.min(event.ts) < self.started {
                // The end of the count before, come late, or read again.
                return (None, false);
            }
            let mut stray = None;
            let old = self.before.filter(|before| sound && seq >= *before && seq - before < seq - self.next);
            if let Some(before) = old {
                let one = self.next - self.first == 1;
                if !one || self.twice_on(ts) >= STRAYS_MAX {
                    return (self.muddle(ts, profile), false);
                }
                // One record under an old number began no new count: the old one goes on, and what it lacks is seen.
                stray = self.repeat(self.first, ts, sound, profile);
                (self.next, self.before) = (before, None);
            }
            let room = self.gaps.len() < profile.gaps_max;
            if seq > self.next && room {
                let (from, to, before) = (self.next, seq - 1, self.newest.min(ts));
                self.gaps.push(Gap { from, to, before, after: ts, due: watermark + grace, event: event.id.clone() });
            }
            let limited = seq > self.next && !room;
            self.next = seq.saturating_add(1);
            self.newest = ts;
            return (stray, limited);
        }
        // The last number once more begins nothing: the next record goes on behind it.
        let again = sound && ts > self.newest && (seq <= 1 || seq + 1 < self.next);
        if again && seq <= 1 {
            return (self.restart(seq, ts, event, watermark + grace, profile.restart_news_days), false);
        }
        if let Some(at) = self.gap_of(seq, ts) {
            if sound && ts > self.gaps[at].after + grace {
                return (self.muddle(ts, profile), false);
            }
            self.behind += 1;
            return (None, self.fill(at, seq, ts, event, profile.gaps_max));
        }
        if seq < self.first && watermark < self.started + grace {
            // The first records of a log that is new to us came out of order.
            self.first = seq;
            self.behind += 1;
            return (None, false);
        }
        if again {
            return (self.restart(seq, ts, event, watermark + grace, profile.restart_news_days), false);
        }
        let of_this_count = seq >= self.first && ts >= self.started;
        (if of_this_count { self.repeat(seq, ts, sound, profile) } else { None }, false)
    }

    /// A record that was told as lost came after all; whether the story of its loss is over. None where it is no such one.
    pub(super) fn refill(&mut self, seq: u64, event: &Event, profile: &IntegrityProfile) -> Option<bool> {
        let (after, over) = self.losses.refill(seq, event, Span::from_mins(profile.grace_minutes))?;
        self.behind += 1;
        self.lost_ever = self.lost_ever.saturating_sub(1);
        self.lost = self.lost.saturating_sub(u64::from(after.day_utc() == self.loss_day));
        Some(over)
    }

    /// A number that came before. One record that is delivered twice has one id and never gets here in time.
    fn repeat(&mut self, seq: u64, ts: Timestamp, sound: bool, profile: &IntegrityProfile) -> Option<Box<Breach>> {
        self.twice += 1;
        if !sound {
            return None;
        }
        let day = ts.day_utc();
        if day > self.twice_day {
            (self.twice_day, self.twice_today) = (day, 0);
        }
        self.twice_today += u64::from(day == self.twice_day);
        (day == self.twice_day && self.twice_today == profile.twice_records).then(|| {
            let count =
                if self.twice_today == 1 { String::new() } else { format!(", the {}th of the day", self.twice_today) };
            let phrase = format!("has two records of number {seq}{count}");
            let observed = format!("number {seq} twice");
            Box::new(of_log(Severity::Info, 20.0, "number_twice", &observed, "every number once", phrase))
        })
    }

    /// Records of a day under a number that had come.
    fn twice_on(&self, ts: Timestamp) -> u64 {
        if self.twice_day == ts.day_utc() { self.twice_today } else { 0 }
    }

    /// The gap that a number belongs to; of several, the one nearest in time.
    fn gap_of(&self, seq: u64, ts: Timestamp) -> Option<usize> {
        let distance = |gap: &Gap| {
            let (early, late) = (gap.before - ts, ts - gap.after);
            early.as_micros().max(late.as_micros()).max(0)
        };
        let holds = |at: &usize| (self.gaps[*at].from..=self.gaps[*at].to).contains(&seq);
        (0..self.gaps.len()).filter(holds).min_by_key(|&at| distance(&self.gaps[at]))
    }

    /// Takes a number out of a gap; whether the bound on gaps cut what is left of it.
    fn fill(&mut self, at: usize, seq: u64, ts: Timestamp, event: &Event, gaps_max: usize) -> bool {
        let gap = &mut self.gaps[at];
        match (gap.from == seq, gap.to == seq) {
            (true, true) => {
                self.gaps.remove(at);
                if self.gaps.is_empty() {
                    self.gaps = Vec::new();
                }
            }
            (true, false) => {
                gap.from += 1;
                gap.before = ts.min(gap.after);
            }
            (false, true) => {
                gap.to -= 1;
                (gap.after, gap.event) = (ts.later(gap.before), event.id.clone());
            }
            (false, false) => {
                let rest = Gap { from: seq + 1, before: ts.min(gap.after), ..gap.clone() };
                gap.to = seq - 1;
                (gap.after, gap.event) = (ts.later(gap.before), event.id.clone());
                if self.gaps.len() >= gaps_max {
                    return true;
                }
                self.gaps.insert(at + 1, rest);
            }
        }
        false
    }

    /// Counts from a number on, as if the log began there.
    fn begin(&mut self, seq: u64, ts: Timestamp) {
        (self.first, self.next, self.started, self.newest) = (seq, seq.saturating_add(1), ts, ts);
        self.before = None;
        self.gaps = Vec::new();
    }

    /// The count starts again. What is missing of the old one stays missing.
    fn restart(
        &mut self,
        seq: u64,
        ts: Timestamp,
        event: &Event,
        due: Timestamp,
        news_days: i64,
    ) -> Option<Box<Breach>> {
        let (ended, before) = (self.next, self.newest);
        let gaps = std::mem::take(&mut self.gaps);
        self.begin(seq, ts);
        (self.before, self.gaps) = (Some(ended), gaps);
        if (2..=RESTART_MAX).contains(&seq) {
            self.gaps.push(Gap { from: 1, to: seq - 1, before, after: ts, due, event: event.id.clone() });
        }
        let day = ts.day_utc();
        let news = self.restart_told_day.saturating_add(news_days) < day;
        self.restart_told_day = day;
        let last = ended.saturating_sub(1);
        let phrase = format!("started counting again at {seq} after number {last}");
        let (observed, expected) = (seq.to_string(), format!("number {ended}"));
        news.then(|| Box::new(of_log(Severity::Info, 20.0, "counter_restart", &observed, &expected, phrase)))
    }

    /// Two writers under one name.
    fn muddle(&mut self, ts: Timestamp, profile: &IntegrityProfile) -> Option<Box<Breach>> {
        let again = self.muddled_until.is_some();
        self.begin(self.next, ts);
        self.muddled_until = Some(ts + Span::from_hours(profile.shared_hours));
        let phrase = "is numbered by two writers at once, so that its gaps cannot be seen".to_owned();
        let (observed, expected) = ("two counts under one name", "one count");
        (!again).then(|| Box::new(of_log(Severity::Info, 20.0, "counter_shared", observed, expected, phrase)))
    }

    /// A gap that nothing filled.
    pub(super) fn lose(&mut self, gap: &Gap, profile: &IntegrityProfile) -> Breach {
        let day = gap.after.day_utc();
        if day > self.loss_day {
            let fresh = self.loss_day.saturating_add(NEWS_DAYS) < day;
            self.loss_days = if fresh { 0 } else { self.loss_days.saturating_add(1) };
            (self.loss_day, self.lost) = (day, 0);
        }
        let missing = (gap.to - gap.from).saturating_add(1);
        self.lost = self.lost.saturating_add(missing);
        self.lost_ever = self.lost_ever.saturating_add(missing);
        let span = gap.after - gap.before;
        let minutes = span.as_micros() / Span::MINUTE.as_micros();
        let many = self.lost >= profile.page_records;
        let long = missing > 1 && minutes >= profile.page_minutes;
        let usual = self.loss_days >= profile.lossy_days || gap.after < self.since + Span::DAY;
        let (severity, score) = match (usual, many, long) {
            (true, ..) | (_, false, false) => (Severity::Low, 60.0),
            (_, true, true) => (Severity::High, 93.0),
            _ => (Severity::Medium, 85.0),
        };
        let (count, range) = match missing {
            1 => ("1 record".to_owned(), format!("number {}", gap.from)),
            _ => (format!("{missing} records"), format!("numbers {} to {}", gap.from, gap.to)),
        };
        self.losses.note(gap, profile.gaps_max);
        let phrase = format!("lacks {count}, {range}, about {} from {} on", span.in_words(), gap.before);
        let all = self.losses.in_words(gap.after);
        of_log(severity, score, "sequence_gap", &all, "every number once", phrase)
    }

    /// A log that has been silent for longer than ever, where others of its tenant went on.
    pub(super) fn fall_silent(&mut self, now: Timestamp) -> Breach {
        self.pace.tell();
        let (silence, longest) = (now - self.pace.seen, self.pace.longest());
        let phrase = format!(
            "has been silent for {} since {}; the longest silence before was {}",
            silence.in_words(),
            self.pace.seen,
            longest.in_words()
        );
        let expected = format!("at most {}", longest.in_words());
        of_log(Severity::Low, 45.0, "log_silent", &silence.in_words(), &expected, phrase)
    }

    /// A clock that is wrong beside those of the other logs.
    pub(super) fn be_off(behind: Span, logs: usize) -> Breach {
        let (off, side) = if behind > Span::ZERO { (behind, "behind") } else { (Span::ZERO - behind, "ahead of") };
        let phrase = format!("is written by a clock about {} {side} those of the other {logs} logs", off.in_words());
        let observed = format!("{} {side} the others", off.in_words());
        of_log(Severity::Low, 30.0, "clock_skew", &observed, "the time of the others", phrase)
    }

    /// Records that are missing by now; none where two writers give the numbers.
    pub(super) fn missing(&self, watermark: Timestamp) -> Option<u64> {
        if self.muddled_until.is_some_and(|until| watermark < until) {
            return None;
        }
        let open = self.waited_for();
        let recent = self.loss_day >= watermark.day_utc() - RECENT_DAYS;
        Some(open.saturating_add(if recent { self.lost } else { 0 }))
    }

    /// Records that have not come and still may.
    pub(super) fn waited_for(&self) -> u64 {
        self.gaps.iter().map(|gap| (gap.to - gap.from).saturating_add(1)).fold(0, u64::saturating_add)
    }

    /// When it is to be looked at next.
    pub(super) fn next_look(&self) -> Option<Timestamp> {
        self.gaps.first().map(|gap| gap.due).into_iter().chain(self.pace.due()).min()
    }

    /// That what a rule found about it is over.
    pub(super) fn over(&self, detector: &'static str, how: String) -> LogNews {
        LogNews::Over { tenant: self.tenant.clone(), producer: self.producer.clone(), detector, how }
    }

    pub(super) fn about(&self, ts: Timestamp, event: &Text, breach: Breach) -> LogBreach {
        LogBreach {
            tenant: self.tenant.clone(),
            producer: self.producer.clone(),
            ts,
            event: event.clone(),
            breach,
            days: (ts - self.since).as_days_f64().max(0.0),
            records: self.records,
        }
    }
}

fn of_log(severity: Severity, score: f64, detector: &str, observed: &str, expected: &str, phrase: String) -> Breach {
    let mut breach = breach(severity, score, Dimension::Integrity, detector, observed, expected, phrase);
    breach.reason.text = format!("The log {}.", breach.phrase);
    breach
}
