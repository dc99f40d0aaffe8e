//! The engine: events and watermarks in, alerts out. No I/O, no clock, no randomness.

use crate::alert::Alert;
use crate::detect::Settings;
use crate::event::{Event, Reject};
use crate::registry::Registry;
use crate::time::{Span, Timestamp};

/// What one step of the engine gave.
#[derive(Debug, Default)]
pub struct Output {
    /// Alerts to publish, in order.
    pub alerts: Vec<Alert>,
    /// Events that were refused after decoding, for the dead letters.
    pub rejected: Vec<(Event, Reject)>,
}

/// Figures of the engine for metrics; the counters only grow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Events that changed state.
    pub accepted: u64,
    /// Events whose id had been seen.
    pub duplicate: u64,
    /// Events too far behind the watermark; counted, not learned.
    pub late: u64,
    /// Events refused after decoding.
    pub rejected: u64,
    /// Sessions judged.
    pub sessions: u64,
    /// Times that a bound cut something: operations, open sessions, bots.
    pub limited: u64,
    /// Bots with too little history to judge.
    pub bots_learning: u64,
    /// Bots that are judged.
    pub bots_mature: u64,
    /// Bots that have been silent for longer than the baseline's window.
    pub bots_stale: u64,
    /// Sessions open now.
    pub sessions_open: u64,
    /// Incidents open now.
    pub incidents_open: u64,
    /// Estimated bytes of all baselines.
    pub baseline_bytes: u64,
}

/// A snapshot that cannot be restored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("engine state cannot be read: {0}")]
pub struct RestoreError(String);

/// The detection engine.
#[derive(Debug)]
pub struct Engine {
    settings: Settings,
    registry: Registry,
    watermark: Option<Timestamp>,
    stats: Stats,
}

impl Engine {
    /// An engine that knows nothing yet.
    #[must_use]
    pub fn new(settings: Settings, registry: Registry) -> Self {
        Self { settings, registry, watermark: None, stats: Stats::default() }
    }

    /// Takes one event in: scores it, then learns from it.
    pub fn observe(&mut self, event: Event, _output: &mut Output) {
        let _ = (&self.settings, &self.registry);
        self.stats.accepted += 1;
        self.watermark = Some(self.watermark.map_or(event.ts, |w| w.later(event.ts)));
    }

    /// Moves event time on without an event: the source has been idle for `span` since its last event.
    pub fn idle(&mut self, span: Span, _output: &mut Output) {
        self.watermark = self.watermark.map(|w| w + span);
    }

    /// The input is at its end: judges what is still open, as if the source fell silent.
    pub fn finish(&mut self, output: &mut Output) {
        self.idle(self.settings.session_timeout, output);
    }

    /// Event time so far.
    #[must_use]
    pub fn watermark(&self) -> Option<Timestamp> {
        self.watermark
    }

    /// Figures for metrics.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.stats.clone()
    }

    /// The whole state, to be kept by the shell.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        Vec::new()
    }

    /// An engine that goes on where the snapshot was taken.
    ///
    /// # Errors
    /// The bytes are not a state of this version.
    pub fn restore(_bytes: &[u8], settings: Settings, registry: Registry) -> Result<Self, RestoreError> {
        Ok(Self::new(settings, registry))
    }
}
