//! Figures of the source, and of what is known to be unwatched.

use prometheus::{IntCounter, IntGauge, Registry};

use super::{Result, counter, counters, gauge, gauges};
use crate::alert::coverage::{Gap, GapKind};

/// Figures of the source.
#[derive(Clone, Debug)]
pub struct SourceMetrics {
    /// Messages of the stream that have not been handed to the engine.
    pub lag: IntGauge,
    /// Times that the source had to be opened anew, after a fault.
    pub reopened: IntCounter,
    /// Messages that expired before they were read.
    lost: IntCounter,
    /// 1 while NATS is connected.
    pub connected: IntGauge,
    gaps: Vec<IntCounter>,
    faults: Vec<IntGauge>,
    /// Heartbeats that were taken.
    pub beats: IntCounter,
    /// Heartbeats that were not.
    pub beats_failed: IntCounter,
}

impl SourceMetrics {
    /// Registers the figures.
    ///
    /// # Errors
    /// One of the names is taken.
    pub fn new(registry: &Registry) -> Result<Self> {
        let gaps = counters(registry, "humdrum_coverage_gaps_total", "Times that events were not watched.", &["kind"])?;
        let name = "humdrum_coverage_faults";
        let faults = gauges(registry, name, "1 while this keeps events from being watched.", &["kind"])?;
        let beats = counters(registry, "humdrum_heartbeats_total", "Heartbeats sent while all is well.", &["outcome"])?;
        let lasting = GapKind::ALL.iter().filter(|kind| kind.lasts());
        Ok(Self {
            lag: gauge(
                registry,
                "humdrum_consumer_lag_messages",
                "Messages of the stream not handed to the engine yet.",
            )?,
            reopened: counter(registry, "humdrum_source_reopened_total", "Times that the source was opened anew.")?,
            lost: counter(registry, "humdrum_source_lost_total", "Messages that expired before they were read.")?,
            connected: gauge(registry, "humdrum_nats_connected", "1 while NATS is connected.")?,
            gaps: GapKind::ALL.iter().map(|kind| gaps.with_label_values(&[kind.as_str()])).collect(),
            faults: lasting.map(|kind| faults.with_label_values(&[kind.as_str()])).collect(),
            beats: beats.with_label_values(&["taken"]),
            beats_failed: beats.with_label_values(&["failed"]),
        })
    }

    /// Counts a gap.
    pub fn gap(&self, gap: &Gap) {
        if let Some(counter) = GapKind::ALL.iter().position(|kind| *kind == gap.kind).and_then(|at| self.gaps.get(at)) {
            counter.inc();
        }
        if let (GapKind::Expired, Some((first, last))) = (gap.kind, gap.sequences) {
            self.lost.inc_by((last + 1).saturating_sub(first));
        }
    }

    /// Whether a kind of fault lasts.
    pub fn fault(&self, kind: GapKind, lasts: bool) {
        let mut lasting = GapKind::ALL.iter().filter(|kind| kind.lasts());
        if let Some(gauge) = lasting.position(|known| *known == kind).and_then(|at| self.faults.get(at)) {
            gauge.set(i64::from(lasts));
        }
    }
}
