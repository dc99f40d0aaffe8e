//! How much a bot moves: by session, hour and day, each quantity on its own log histogram.

use serde::{Deserialize, Serialize, Serializer};

use crate::detect::feature::Session;
use crate::stats::late::{Late, blank};
use crate::stats::log_histogram::LogHistogram;

/// A quantity that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::detect) enum Measure {
    Read,
    Written,
    Bytes,
    Calls,
}

/// Every quantity, by index.
pub(in crate::detect) const MEASURES: [Measure; 4] = [Measure::Read, Measure::Written, Measure::Bytes, Measure::Calls];

/// One number for each quantity.
pub(in crate::detect) type Totals = [f64; MEASURES.len()];

/// The same while it is summed: seven digits are more than a logarithm needs.
type Sums = [f32; MEASURES.len()];

/// Histories of volume.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "Kept")]
pub(in crate::detect) struct Volumes {
    pub session: [LogHistogram; MEASURES.len()],
    /// Of hours and days that are over.
    pub past: Late<Past>,
    /// What was moved in the present hour, and which one that is.
    pub this_hour: Sums,
    pub hour_number: i32,
    /// What was moved today.
    pub this_day: Sums,
    /// What was moved today beyond the usual and has been told.
    told_day: Option<Box<Sums>>,
    /// Least trust in a session of today, and of this hour.
    trust_today: f32,
    trust_hour: f32,
}

/// What hours and days came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::detect) struct Past {
    pub hour: [LogHistogram; MEASURES.len()],
    pub day: [LogHistogram; MEASURES.len()],
}

blank!(Past);

/// The same in a snapshot, where hours and days have always stood beside sessions.
#[derive(Serialize)]
#[serde(rename = "Volumes")]
struct Keeping<'a> {
    session: &'a [LogHistogram; MEASURES.len()],
    hour: &'a [LogHistogram; MEASURES.len()],
    day: &'a [LogHistogram; MEASURES.len()],
    this_hour: Sums,
    hour_number: i32,
    this_day: Sums,
    told_day: &'a Option<Box<Sums>>,
    trust_today: f32,
    trust_hour: f32,
}

/// What comes back.
#[derive(Deserialize)]
#[serde(rename = "Volumes")]
struct Kept {
    session: [LogHistogram; MEASURES.len()],
    hour: [LogHistogram; MEASURES.len()],
    day: [LogHistogram; MEASURES.len()],
    this_hour: Sums,
    hour_number: i32,
    this_day: Sums,
    told_day: Option<Box<Sums>>,
    trust_today: f32,
    trust_hour: f32,
}

impl Serialize for Volumes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { session, past, this_hour, hour_number, this_day, told_day, trust_today, trust_hour } = self;
        Keeping {
            session,
            hour: &past.hour,
            day: &past.day,
            this_hour: *this_hour,
            hour_number: *hour_number,
            this_day: *this_day,
            told_day,
            trust_today: *trust_today,
            trust_hour: *trust_hour,
        }
        .serialize(serializer)
    }
}

impl From<Kept> for Volumes {
    fn from(kept: Kept) -> Self {
        let Kept { session, hour, day, this_hour, hour_number, this_day, told_day, trust_today, trust_hour } = kept;
        let past = Late::from(Past { hour, day });
        Self { session, past, this_hour, hour_number, this_day, told_day, trust_today, trust_hour }
    }
}

impl Default for Volumes {
    fn default() -> Self {
        Self {
            session: Default::default(),
            past: Late::default(),
            this_hour: Sums::default(),
            hour_number: 0,
            this_day: Sums::default(),
            told_day: None,
            trust_today: 1.0,
            trust_hour: 1.0,
        }
    }
}

impl Measure {
    /// The quantity with its unit, as a sentence has it.
    pub(in crate::detect) fn noun(self) -> &'static str {
        match self {
            Self::Read => "records read",
            Self::Written => "records written",
            Self::Bytes => "bytes moved",
            Self::Calls => "calls made",
        }
    }

    /// The detector's name for the quantity.
    pub(in crate::detect) fn name(self) -> &'static str {
        match self {
            Self::Read => "records_read",
            Self::Written => "records_written",
            Self::Bytes => "bytes",
            Self::Calls => "calls",
        }
    }
}

/// What a session moved.
pub(in crate::detect) fn totals(session: &Session) -> Totals {
    [session.read as f64, session.written as f64, session.bytes as f64, session.calls as f64]
}

impl Volumes {
    /// Counts what one event moved into the running hour and day.
    pub(in crate::detect) fn count(&mut self, moved: Totals, hour: i32) {
        if hour > self.hour_number {
            self.close_hour();
            self.hour_number = hour;
        }
        for (at, amount) in moved.into_iter().enumerate() {
            self.this_hour[at] += amount as f32;
            self.this_day[at] += amount as f32;
        }
    }

    /// Whether a running session has moved more of anything than nearly all before it did in whole.
    pub(in crate::detect) fn outgrown(&self, session: &Session) -> bool {
        self.session.iter().zip(totals(session)).any(|(history, total)| history.is_above(total))
    }

    /// Learns a judged session.
    pub(in crate::detect) fn learn(&mut self, session: &Session, trust: f64) {
        for (history, total) in self.session.iter_mut().zip(totals(session)) {
            history.learn(total, trust);
        }
        for least in [&mut self.trust_today, &mut self.trust_hour] {
            *least = least.min(trust as f32);
        }
    }

    /// Learns the running hour, as far as its sessions are trusted.
    fn close_hour(&mut self) {
        if self.this_hour[3] > 0.0 {
            let trust = f64::from(self.trust_hour);
            for (history, total) in self.past.hour.iter_mut().zip(self.this_hour) {
                history.learn(f64::from(total), trust);
            }
        }
        self.this_hour = Sums::default();
        self.trust_hour = 1.0;
    }

    /// Learns the running day, as far as its sessions are trusted.
    pub(in crate::detect) fn close_day(&mut self) {
        self.close_hour();
        if self.this_day[3] > 0.0 {
            let trust = f64::from(self.trust_today);
            for (history, total) in self.past.day.iter_mut().zip(self.this_day) {
                history.learn(f64::from(total), trust);
            }
        }
        (self.this_day, self.told_day, self.trust_today) = (Sums::default(), None, 1.0);
    }

    /// What is above the usual today was told of.
    pub(in crate::detect) fn tell_excess(&mut self) {
        let usual = |at: usize| self.past.day[at].quantile(0.5).unwrap_or(0.0) as f32;
        self.told_day = Some(Box::new(std::array::from_fn(|at| (self.this_day[at] - usual(at)).max(0.0))));
    }

    /// What was moved today and not told yet.
    pub(in crate::detect) fn untold_day(&self, at: usize) -> f64 {
        f64::from(self.this_day[at] - self.told_day.as_ref().map_or(0.0, |told| told[at]))
    }

    /// Shrinks all histories.
    pub(in crate::detect) fn forget(&mut self, factor: f64) {
        let past = self.past.made().into_iter().flat_map(|past| past.hour.iter_mut().chain(&mut past.day));
        for history in self.session.iter_mut().chain(past) {
            history.forget(factor);
        }
    }

    /// Bytes on the heap.
    pub(in crate::detect) fn heap_bytes(&self) -> usize {
        let told = if self.told_day.is_some() { size_of::<Sums>() } else { 0 };
        let histories = self.session.iter().chain(&self.past.hour).chain(&self.past.day);
        histories.map(LogHistogram::heap_bytes).sum::<usize>() + self.past.heap_bytes() + told
    }
}
