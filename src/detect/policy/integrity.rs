//! Whether the logs are whole: a producer numbers its records without a gap, so a number that never comes is a record
//! that was lost or taken away.
//!
//! Counting beats any statistic here, since the numbers are exact; what has to be allowed for is the transport. Records
//! come late, twice and out of order, so a missing range is only noted at first, shrinks as its records come in, and is
//! told when it is still there after a grace of event time. A count that starts again is a restart, not a gap of
//! billions. Two writers that share a name make no one count: they are recognized by numbers that come from a gap long
//! after it, or by the old count going on after a restart, and nothing is told of that log for a day.
//!
//! Bound: as many logs as the profile says, each with as many open gaps; what is beyond is counted as limited. Blind
//! spots: what is lost at the end of a count, right before a restart or a silence; a record that could not be decoded
//! leaves a gap although it came; whoever can write records can fill a gap with others.

mod count;

use std::collections::BTreeSet;

use hashbrown::HashTable;
use serde::{Deserialize, Serialize};

use self::count::{Gap, Log};
use super::Breach;
use crate::detect::profile::IntegrityProfile;
use crate::event::{Event, Text};
use crate::stats::place;
use crate::time::Timestamp;

/// The logs of all producers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::detect) struct Logs {
    all: Vec<Log>,
    /// Number of a log by its name; computed again when a state is restored.
    #[serde(skip)]
    index: HashTable<u32>,
    /// When a log is to be looked at; computed again as well.
    #[serde(skip)]
    timers: BTreeSet<(Timestamp, u32)>,
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
    /// Notes that a record came; what that tells at once. The second value says whether a bound cut something.
    pub(in crate::detect) fn note(
        &mut self,
        event: &Event,
        arrival: Arrival,
        watermark: Timestamp,
        profile: &IntegrityProfile,
    ) -> (Option<Box<LogBreach>>, bool) {
        let (Some(producer), Some(seq)) = (&event.producer, event.seq) else { return (None, false) };
        let hash = place(&[&event.tenant, producer]);
        let logs = &self.all;
        let known = self.index.find(hash, |&at| logs[at as usize].is(&event.tenant, producer));
        let Some(&at) = known else {
            let room = self.all.len() < profile.logs_max;
            if room {
                self.all.push(Log::new(event, producer, seq, watermark));
                self.enter(self.all.len() as u32 - 1);
            }
            return (None, !room);
        };
        let log = &mut self.all[at as usize];
        log.records += 1;
        let (ts, sound) = match arrival {
            Arrival::Sound => (event.ts, true),
            Arrival::NumberOnly => (watermark, false),
        };
        let (news, limited) = log.count(seq, ts, sound, event, watermark, profile);
        if let (None, Some(due)) = (log.due, log.gaps.first().map(|gap| gap.due)) {
            log.due = Some(due);
            self.timers.insert((due, at));
        }
        // Most records bring nothing, and a finding is large: where there is none, none is moved.
        match news {
            None => (None, limited),
            Some(breach) => (Some(Box::new(log.about(ts, &event.id, breach))), limited),
        }
    }

    /// Whether the time of anything that is missing is up.
    pub(in crate::detect) fn are_due(&self, watermark: Timestamp) -> bool {
        self.timers.first().is_some_and(|(due, _)| *due <= watermark)
    }

    /// What is still missing although its time is up. `of_tenant` gives the constants of a tenant at a time, where it has
    /// its own.
    pub(in crate::detect) fn due(
        &mut self,
        watermark: Timestamp,
        profile: &IntegrityProfile,
        mut of_tenant: impl FnMut(&str, Timestamp) -> Option<IntegrityProfile>,
    ) -> Vec<LogBreach> {
        let mut told = Vec::new();
        while self.are_due(watermark) {
            let Some((_, at)) = self.timers.pop_first() else { break };
            let log = &mut self.all[at as usize];
            let (over, open): (Vec<Gap>, Vec<Gap>) = log.gaps.drain(..).partition(|gap| gap.due <= watermark);
            log.gaps = open;
            log.due = log.gaps.iter().map(|gap| gap.due).min();
            if let Some(due) = log.due {
                self.timers.insert((due, at));
            }
            for gap in over {
                let own = of_tenant(&log.tenant, gap.after);
                let breach = log.lose(&gap, own.as_ref().unwrap_or(profile));
                told.push(log.about(gap.after, &gap.event, breach));
            }
        }
        told
    }

    /// Records of a log that are missing: those that may still come, and those lost on this day or the one before. None
    /// where the log is unknown or its numbers say nothing.
    pub(in crate::detect) fn missing(&self, tenant: &str, producer: &str, watermark: Timestamp) -> Option<u64> {
        let hash = place(&[tenant, producer]);
        let at = self.index.find(hash, |&at| self.all[at as usize].is(tenant, producer))?;
        self.all[*at as usize].missing(watermark)
    }

    /// Each log: tenant, producer, records that came, records lost, records that may still come.
    pub(in crate::detect) fn each(&self) -> impl Iterator<Item = (&Text, &Text, u64, u64, u64)> {
        self.all.iter().map(|log| (&log.tenant, &log.producer, log.records, log.lost_ever, log.waited_for()))
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
        self.all.capacity() * (size_of::<Log>() + size_of::<u64>()) + gaps * size_of::<Gap>()
    }

    fn enter(&mut self, at: u32) {
        let logs = &self.all;
        let print = |&at: &u32| place(&[&logs[at as usize].tenant, &logs[at as usize].producer]);
        self.index.insert_unique(print(&at), at, print);
        if let Some(due) = logs[at as usize].due {
            self.timers.insert((due, at));
        }
    }
}

#[cfg(test)]
mod tests;
