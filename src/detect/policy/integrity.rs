//! Whether the logs are whole: a producer numbers its records without a gap, so a number that never comes is a record
//! that was lost or taken away.
//!
//! Counting beats any statistic here, since the numbers are exact; what has to be allowed for is the transport. Records
//! come late, twice and out of order, so a missing range is only noted at first, shrinks as its records come in, and is
//! told when it is still there after a grace of event time. A count that starts again is a restart, not a gap of
//! billions. Two writers that share a name make no one count: they are recognized by numbers that come from a gap long
//! after it, or by the old count going on after a restart, and nothing is told of that log for a day.
//!
//! What was told as lost and comes after all, for up to a week, ends its own story. Beside its numbers a log has a pace:
//! it falls silent where others go on, or its clock is off beside theirs ([`pace`]).
//!
//! Bound: as many logs as the profile says, each with as many open gaps; what is beyond is counted as limited. Blind
//! spots: what is lost at the end of a count, right before a restart or a silence; a record that could not be decoded
//! leaves a gap although it came; whoever can write records can fill a gap with others.

mod count;
mod loss;
mod pace;

use std::collections::BTreeMap;

use hashbrown::HashTable;
use serde::{Deserialize, Serialize};

use self::count::{Gap, Log};
use super::Breach;
use crate::detect::profile::IntegrityProfile;
use crate::detect::timers::Timers;
use crate::event::{Event, Text};
use crate::stats::place;
use crate::time::{Span, Timestamp};

/// Time after which a silence that nothing proves is looked at again.
const LOOK_AGAIN: Span = Span::HOUR;
/// Logs of a tenant, beside the one in question, from which their clocks are held against each other.
const CLOCKS_MIN: usize = 3;

/// The logs of all producers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::detect) struct Logs {
    all: Vec<Log>,
    /// The day whose clocks are compared when it is over.
    #[serde(default)]
    day: i64,
    /// Number of a log by its name; computed again when a state is restored.
    #[serde(skip)]
    index: HashTable<u32>,
    /// When a log is to be looked at; computed again as well.
    #[serde(skip)]
    timers: Timers<u32>,
}

/// What an arrival tells.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::detect) enum LogNews {
    /// Something is wrong with the log.
    Breach(Box<LogBreach>),
    /// What was wrong with it is over.
    Over {
        tenant: Text,
        producer: Text,
        /// The rule that it was.
        detector: &'static str,
        /// How it ended, as a sentence.
        how: String,
    },
}

/// One log as it stands.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::detect) struct LogState<'a> {
    pub tenant: &'a Text,
    pub producer: &'a Text,
    pub records: u64,
    pub lost: u64,
    pub waited_for: u64,
    pub behind: u64,
    pub twice: u64,
    pub seen: Timestamp,
    pub silent: bool,
    pub lag: Option<Span>,
    /// First and last number of each range that is lost, and the event time behind it.
    pub ranges: Vec<(u64, u64, Timestamp)>,
}

/// Something about a log.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::detect) struct LogBreach {
    pub tenant: Text,
    pub producer: Text,
    pub ts: Timestamp,
    pub event: Text,
    pub breach: Breach,
    /// Days and records that the log has been read for.
    pub days: f64,
    pub records: u64,
}

/// How far an arrival can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::detect) enum Arrival {
    /// In time.
    Sound,
    /// Too late or with a wrong clock: its number is there, its time says nothing.
    NumberOnly,
}

impl Logs {
    /// Notes that a record came; what that tells at once. The second value says whether a bound cut something. `likely` is
    /// the log that it is thought to be of, and then the one that it is of.
    pub(in crate::detect) fn note(
        &mut self,
        event: &Event,
        arrival: Arrival,
        watermark: Timestamp,
        profile: &IntegrityProfile,
        likely: &mut u32,
    ) -> (Vec<LogNews>, bool) {
        let (Some(producer), Some(seq)) = (&event.producer, event.seq) else { return (Vec::new(), false) };
        let is_it = self.all.get(*likely as usize).is_some_and(|log| log.is(&event.tenant, producer));
        let known = if is_it { Some(*likely) } else { self.find(&event.tenant, producer) };
        let Some(at) = known else {
            let room = self.all.len() < profile.logs_max;
            if room {
                self.all.push(Log::new(event, producer, seq, watermark));
                self.enter(self.all.len() as u32 - 1);
            }
            return (Vec::new(), !room);
        };
        *likely = at;
        let log = &mut self.all[at as usize];
        log.records += 1;
        let (ts, sound) = match arrival {
            Arrival::Sound => (event.ts, true),
            Arrival::NumberOnly => (watermark, false),
        };
        let mut news = Vec::new();
        if let Some(silence) = log.pace.note(event.ts, watermark) {
            news.push(log.over("log_silent", format!("It wrote again after {}.", silence.in_words())));
        }
        let mut limited = false;
        match log.refill(seq, event, profile) {
            Some(true) => {
                news.push(
                    log.over("sequence_gap", format!("What was missing came late, the last of it at {watermark}.")),
                );
            }
            Some(false) => {}
            None => {
                let (breach, cut) = log.count(seq, ts, sound, event, watermark, profile);
                limited = cut;
                if let Some(breach) = breach {
                    news.push(LogNews::Breach(Box::new(log.about(ts, &event.id, *breach))));
                }
            }
        }
        self.arm(at);
        (news, limited)
    }

    /// Notes that a record came again, under the same id.
    pub(in crate::detect) fn again(&mut self, event: &Event) {
        let Some(producer) = event.producer.as_ref().filter(|_| event.seq.is_some()) else { return };
        if let Some(at) = self.find(&event.tenant, producer) {
            self.all[at as usize].twice += 1;
        }
    }

    /// Skims a log, if there is one of that number: the number that comes back says nothing.
    pub(in crate::detect) fn skim(&self, at: u32) -> usize {
        self.all.get(at as usize).map_or(0, Log::skim)
    }

    fn find(&self, tenant: &str, producer: &str) -> Option<u32> {
        let logs = &self.all;
        self.index.find(place(&[tenant, producer]), |&at| logs[at as usize].is(tenant, producer)).copied()
    }

    /// Sets a log's timer to when it is to be looked at next, if that is sooner than it stands.
    fn arm(&mut self, at: u32) {
        let log = &mut self.all[at as usize];
        let next = log.next_look();
        if let Some(next) = next.filter(|next| log.due.is_none_or(|due| *next < due)) {
            if let Some(before) = log.due.replace(next) {
                self.timers.take_back(before, at);
            }
            self.timers.set(next, at);
        }
    }

    /// Whether the time of anything is up.
    pub(in crate::detect) fn are_due(&self, watermark: Timestamp) -> bool {
        self.timers.are_due(watermark) || watermark.day_utc() > self.day
    }

    /// What is still missing although its time is up, who is silent, and whose clock is off. `of_tenant` gives the constants
    /// of a tenant at a time, where it has its own.
    pub(in crate::detect) fn due(
        &mut self,
        watermark: Timestamp,
        profile: &IntegrityProfile,
        mut of_tenant: impl FnMut(&str, Timestamp) -> Option<IntegrityProfile>,
    ) -> Vec<LogBreach> {
        let mut told = Vec::new();
        while let Some((_, at)) = self.timers.pop_due(watermark) {
            let log = &mut self.all[at as usize];
            log.due = None;
            let (over, open): (Vec<Gap>, Vec<Gap>) = log.gaps.drain(..).partition(|gap| gap.due <= watermark);
            log.gaps = open;
            for gap in over {
                let own = of_tenant(&log.tenant, gap.after);
                let breach = log.lose(&gap, own.as_ref().unwrap_or(profile));
                told.push(log.about(gap.after, &gap.event, breach));
            }
            let own = of_tenant(&log.tenant, watermark);
            let again = self.look_for_silence(at, watermark, own.as_ref().unwrap_or(profile), &mut told);
            let log = &mut self.all[at as usize];
            log.due = log.gaps.iter().map(|gap| gap.due).chain(again).min();
            self.timers.extend(log.due.map(|due| (due, at)));
        }
        if watermark.day_utc() > self.day {
            self.compare_clocks(watermark, profile, of_tenant, &mut told);
        }
        told
    }

    /// Tells of a log that has been silent for too long while others of its tenant went on; when to look again.
    fn look_for_silence(
        &mut self,
        at: u32,
        watermark: Timestamp,
        profile: &IntegrityProfile,
        told: &mut Vec<LogBreach>,
    ) -> Option<Timestamp> {
        let log = &self.all[at as usize];
        let due = log.pace.due()?;
        let late = log.pace.too_long(profile).later(due);
        if late > watermark {
            return Some(if due > watermark { due } else { late });
        }
        let halfway = log.pace.seen + Span::from_micros((late - log.pace.seen).as_micros() / 2);
        let goes_on = |other: &Log| other.tenant == log.tenant && other.pace.seen > halfway;
        if !self.all.iter().any(goes_on) {
            return Some(watermark + LOOK_AGAIN);
        }
        let log = &mut self.all[at as usize];
        let breach = log.fall_silent(watermark);
        told.push(log.about(watermark, &Text::default(), breach));
        None
    }

    /// A day is over: holds the clocks of each tenant's logs against each other.
    fn compare_clocks(
        &mut self,
        watermark: Timestamp,
        profile: &IntegrityProfile,
        mut of_tenant: impl FnMut(&str, Timestamp) -> Option<IntegrityProfile>,
        told: &mut Vec<LogBreach>,
    ) {
        let day = std::mem::replace(&mut self.day, watermark.day_utc());
        let mut lags: BTreeMap<&str, Vec<Span>> = BTreeMap::new();
        for log in &self.all {
            if let Some(lag) = log.pace.lag_on(day) {
                lags.entry(&log.tenant).or_default().push(lag);
            }
        }
        let medians = lags.into_iter().filter(|(_, lags)| lags.len() > CLOCKS_MIN).map(|(tenant, mut lags)| {
            lags.sort_unstable();
            (Text::from(tenant), (lags[lags.len() / 2], lags.len() - 1))
        });
        let medians: BTreeMap<Text, (Span, usize)> = medians.collect();
        for log in &mut self.all {
            let (Some(lag), Some((median, others))) = (log.pace.lag_on(day), medians.get(&log.tenant)) else {
                continue;
            };
            let own = of_tenant(&log.tenant, watermark);
            let behind = lag - *median;
            if log.pace.is_news(behind, own.as_ref().unwrap_or(profile)) {
                let breach = Log::be_off(behind, *others);
                told.push(log.about(watermark, &Text::default(), breach));
            }
        }
    }

    /// Records of a log that are missing: those that may still come, and those lost on this day or the one before. None
    /// where the log is unknown or its numbers say nothing.
    pub(in crate::detect) fn missing(&self, tenant: &str, producer: &str, watermark: Timestamp) -> Option<u64> {
        self.all[self.find(tenant, producer)? as usize].missing(watermark)
    }

    /// Each log as it stands.
    pub(in crate::detect) fn each(&self) -> impl Iterator<Item = LogState<'_>> {
        self.all.iter().map(|log| LogState {
            tenant: &log.tenant,
            producer: &log.producer,
            records: log.records,
            lost: log.lost_ever,
            waited_for: log.waited_for(),
            behind: log.behind,
            twice: log.twice,
            seen: log.pace.seen,
            silent: log.pace.is_silent(),
            lag: log.pace.lag_before.map(|(_, lag)| lag),
            ranges: log.losses.ranges().collect(),
        })
    }

    /// The same logs with what a snapshot does not carry.
    pub(in crate::detect) fn rebuilt(mut self) -> Self {
        for at in 0..self.all.len() as u32 {
            self.enter(at);
        }
        self
    }

    /// Bytes that it takes, about.
    pub(in crate::detect) fn heap_bytes(&self) -> usize {
        let gaps: usize = self.all.iter().map(|log| log.gaps.capacity()).sum();
        let lost: usize = self.all.iter().map(|log| log.losses.heap_bytes()).sum();
        self.all.capacity() * (size_of::<Log>() + size_of::<u64>()) + gaps * size_of::<Gap>() + lost
    }

    fn enter(&mut self, at: u32) {
        let logs = &self.all;
        let print = |&at: &u32| place(&[&logs[at as usize].tenant, &logs[at as usize].producer]);
        self.index.insert_unique(print(&at), at, print);
        if let Some(due) = logs[at as usize].due {
            self.timers.set(due, at);
        }
    }
}

#[cfg(test)]
mod tests;
