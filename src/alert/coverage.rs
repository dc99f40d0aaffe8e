//! Alerts about our own sight: events that were not watched, or cannot be for now, and exactly which.
//!
//! They are about the stream and no bot, so that the stream stands where a producer does. Pure, as all alerts are: the
//! same gap has the same id whenever it is found again.

use super::wire::{Alert, BaselineNote, Dimension, Reason, Severity, Status, Tags};
use crate::time::Timestamp;

/// The tenant that they are filed under: that of whoever says nothing else.
const TENANT: &str = "default";
/// Their detector.
const DETECTOR: &str = "coverage_gap";
/// Their score: between a rule that pages and the worst.
const SCORE: f64 = 90.0;

/// What keeps events from being watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GapKind {
    /// The stream gave events up before they were read.
    Expired,
    /// The stream was deleted and made anew.
    Recreated,
    /// The stream lost its tail, and gives old numbers to new events.
    Regressed,
    /// The stream takes nothing, as on a full disk.
    Unwritable,
    /// The stream cannot be read.
    Unreadable,
    /// There is no connection.
    Disconnected,
    /// The server refuses us.
    Refused,
}

impl GapKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Expired,
        Self::Recreated,
        Self::Regressed,
        Self::Unwritable,
        Self::Unreadable,
        Self::Disconnected,
        Self::Refused,
    ];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Recreated => "recreated",
            Self::Regressed => "regressed",
            Self::Unwritable => "unwritable",
            Self::Unreadable => "unreadable",
            Self::Disconnected => "disconnected",
            Self::Refused => "refused",
        }
    }

    /// Whether it lasts, and ends by itself: the others happen, and are over.
    #[must_use]
    pub fn lasts(self) -> bool {
        matches!(self, Self::Unwritable | Self::Unreadable | Self::Disconnected | Self::Refused)
    }
}

/// A gap in what is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// What it comes from.
    pub kind: GapKind,
    /// The stream.
    pub stream: String,
    /// What of it is read, where that is not all: partitions of a stream have gaps of their own.
    pub part: Option<String>,
    /// When the stream was created, in microseconds: numbers count from there.
    pub created_us: i64,
    /// The first and the last sequence in question; none where the numbers are not known.
    pub sequences: Option<(u64, u64)>,
    /// Since when.
    pub since: Timestamp,
    /// Until when; none while it lasts.
    pub until: Option<Timestamp>,
    /// What was said, for those that last.
    pub detail: String,
}

impl Gap {
    /// The alert that tells of it.
    #[must_use]
    pub fn alert(&self) -> Alert {
        let id = self.id();
        let (over, text) = (self.kind.lasts() && self.until.is_some(), self.text());
        Alert {
            incident: id.clone(),
            id,
            status: if over { Status::Resolved } else { Status::Firing },
            revision: if over { 2 } else { 1 },
            ts: self.until.unwrap_or(self.since),
            tenant: TENANT.to_owned(),
            bot: None,
            session: None,
            producer: Some(self.stream.clone()),
            severity: Severity::High,
            score: SCORE,
            p_value: None,
            title: text.clone(),
            reasons: vec![Reason {
                dimension: Dimension::Integrity,
                detector: DETECTOR.to_owned(),
                p_value: None,
                observed: self.observed(),
                expected: "every event is read, once".to_owned(),
                text,
                contribution: Some(1.0),
            }],
            events: Vec::new(),
            event_count: self.sequences.map_or(0, |(first, last)| (last + 1).saturating_sub(first)),
            tags: Tags::default(),
            baseline: BaselineNote::default(),
            context: None,
            suppressed: None,
        }
    }

    /// The gap in a sentence.
    #[must_use]
    pub fn text(&self) -> String {
        let (stream, since) = (&self.stream, self.since);
        let (first, last) = self.sequences.unwrap_or_default();
        let until = self.until.map_or_else(String::new, |until| format!(" to {until}"));
        match self.kind {
            GapKind::Expired => {
                format!("events {first} to {last} of stream {stream} were given up before they were read")
            }
            GapKind::Recreated => format!(
                "stream {stream} was made anew: what it took behind event {last}, from {since}{until}, is gone unread"
            ),
            GapKind::Regressed => format!(
                "stream {stream} lost its tail: events {first} to {last} were read and are gone, and their numbers are \
                 given again; it is read again"
            ),
            GapKind::Unwritable => format!("stream {stream} took no events from {since}{until}: {}", self.detail),
            GapKind::Unreadable => format!("stream {stream} could not be read from {since}{until}: {}", self.detail),
            GapKind::Disconnected => format!("no connection to nats from {since}{until}: {}", self.detail),
            GapKind::Refused => format!("nats refused us from {since}{until}: {}", self.detail),
        }
    }

    fn observed(&self) -> String {
        let until = self.until.map_or_else(|| "now".to_owned(), |until| until.to_string());
        let span = format!("{} to {until}", self.since);
        match self.sequences {
            Some((first, last)) => format!("{}: sequences {first} to {last}, {span}", self.kind.as_str()),
            None => format!("{}: {span}", self.kind.as_str()),
        }
    }

    fn id(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for part in [DETECTOR, self.kind.as_str(), &self.stream] {
            hasher.update(part.as_bytes()).update(&[0]);
        }
        hasher.update(&self.created_us.to_le_bytes());
        match self.sequences {
            Some((first, last)) => hasher.update(&first.to_le_bytes()).update(&last.to_le_bytes()),
            None => hasher.update(&self.since.as_micros().to_le_bytes()),
        };
        if let Some(part) = &self.part {
            hasher.update(part.as_bytes());
        }
        hasher.finalize().to_hex()[..32].to_owned()
    }
}

/// Whether an alert tells of a gap.
#[must_use]
pub fn is_gap(alert: &Alert) -> bool {
    alert.bot.is_none() && alert.reasons.first().is_some_and(|reason| reason.detector == DETECTOR)
}

/// Whether the alert of a gap tells of one that lasts.
#[must_use]
pub fn is_lasting(alert: &Alert) -> bool {
    let kind = alert.reasons.first().and_then(|reason| reason.observed.split(':').next()).unwrap_or_default();
    is_gap(alert) && GapKind::ALL.iter().any(|known| known.lasts() && known.as_str() == kind)
}

/// The end of a gap that happened and was told of.
#[must_use]
pub fn ended(alert: &Alert, at: Timestamp) -> Alert {
    Alert { status: Status::Resolved, revision: alert.revision + 1, ts: alert.ts.later(at), ..alert.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(kind: GapKind, sequences: Option<(u64, u64)>) -> Gap {
        let (since, stream) = (Timestamp::from_micros(1_000_000), "S".to_owned());
        Gap { kind, stream, part: None, created_us: 5, sequences, since, until: None, detail: "why".to_owned() }
    }

    #[test]
    fn a_range_is_told_exactly_and_always_with_the_same_id() {
        let expired = gap(GapKind::Expired, Some((11, 30)));
        let alert = expired.alert();
        assert_eq!(alert.title, "events 11 to 30 of stream S were given up before they were read");
        assert_eq!((alert.event_count, alert.status, alert.revision), (20, Status::Firing, 1));
        assert_eq!(expired.alert().id, alert.id);
        assert_ne!(gap(GapKind::Expired, Some((11, 31))).alert().id, alert.id);
        assert_ne!(Gap { created_us: 6, ..expired.clone() }.alert().id, alert.id);
        assert_ne!(Gap { part: Some("3".to_owned()), ..expired }.alert().id, alert.id);
        assert!(is_gap(&alert) && !is_lasting(&alert));
        let over = ended(&alert, Timestamp::from_micros(9_000_000));
        assert_eq!((over.status, over.revision, &over.id), (Status::Resolved, 2, &alert.id));
    }

    #[test]
    fn what_lasts_is_resolved_with_the_time_that_it_lasted() {
        let full = gap(GapKind::Unwritable, None);
        let (firing, end) = (full.alert(), Some(Timestamp::from_micros(4_000_000)));
        let resolved = Gap { until: end, ..full }.alert();
        assert_eq!((firing.status, resolved.status, resolved.revision), (Status::Firing, Status::Resolved, 2));
        assert_eq!(firing.id, resolved.id);
        assert!(resolved.title.contains("1970-01-01T00:00:01Z to 1970-01-01T00:00:04Z"), "{}", resolved.title);
        assert!(is_lasting(&firing));
    }
}
