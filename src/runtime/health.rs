//! What the shell knows about its own state, for `/readyz` and for people.
//!
//! Every part writes its own fact; reading never blocks the stream. Ready means: connected, caught up with the stream
//! once since the start, and keeping snapshots and the alert log where a state directory is set. Falling behind later is a matter for the
//! lag metric and no reason to be taken out of service.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::clock;

/// A snapshot counts as overdue after this many intervals. Fewer would trip over one slow disk, more would hide a full
/// one.
const SNAPSHOT_INTERVALS_MAX: u32 = 3;

/// Gaps of the past that are shown. More would bury the newest.
const GAPS_SHOWN_MAX: usize = 8;

/// Time for which a gap of the past is shown.
const GAPS_SHOWN_FOR: Duration = Duration::from_secs(3600);

/// Subjects that are remembered as refused. There are fewer that we publish on.
const DENIED_MAX: usize = 64;

/// Shared facts; cloning shares them.
#[derive(Clone, Debug)]
pub struct HealthState(Arc<Facts>);

#[derive(Debug)]
struct Facts {
    connected: AtomicBool,
    /// How often NATS was connected.
    connections: AtomicU64,
    caught_up: AtomicBool,
    stopping: AtomicBool,
    lag: AtomicU64,
    log_waiting: AtomicU64,
    snapshot_every: Option<Duration>,
    snapshot_at: Mutex<Instant>,
    last_error: Mutex<Option<String>>,
    registry_fault: Mutex<Option<String>>,
    /// Why the source cannot be opened.
    unreadable: Mutex<Option<String>>,
    /// What the server said when it refused us.
    refused: Mutex<Option<String>>,
    /// What keeps events from being watched now, by its kind.
    faults: Mutex<BTreeMap<&'static str, String>>,
    /// Partitions that we cannot work on, and why.
    partitions: Mutex<BTreeMap<u16, String>>,
    /// What was not watched.
    gaps: Mutex<VecDeque<(Instant, String)>>,
    /// Subjects that the server does not let us publish on.
    denied: Mutex<Vec<String>>,
}

impl HealthState {
    /// Nothing is connected yet. `snapshot_every` is none where no state is kept.
    #[must_use]
    pub fn new(snapshot_every: Option<Duration>) -> Self {
        Self(Arc::new(Facts {
            connected: AtomicBool::new(false),
            connections: AtomicU64::new(0),
            caught_up: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            lag: AtomicU64::new(0),
            log_waiting: AtomicU64::new(0),
            snapshot_every,
            snapshot_at: Mutex::new(clock::monotonic()),
            last_error: Mutex::new(None),
            registry_fault: Mutex::new(None),
            unreadable: Mutex::new(None),
            refused: Mutex::new(None),
            faults: Mutex::default(),
            partitions: Mutex::default(),
            gaps: Mutex::default(),
            denied: Mutex::default(),
        }))
    }

    /// Whether events are being taken in, or every reason why not.
    ///
    /// # Errors
    /// One sentence for each thing that is missing.
    pub fn readiness(&self) -> Result<(), Vec<String>> {
        let mut missing = Vec::new();
        if self.0.stopping.load(Ordering::Relaxed) {
            missing.push("stopping".to_owned());
        }
        if !self.connected() {
            missing.push("not connected to nats".to_owned());
        }
        if !self.caught_up() {
            missing.push(format!("catching up with the stream: {} messages behind", self.lag()));
        }
        if let Some(every) = self.0.snapshot_every {
            let age = self.snapshot_age();
            if age > every.saturating_mul(SNAPSHOT_INTERVALS_MAX) {
                missing.push(format!("no snapshot was written for {} s", age.as_secs()));
            }
        }
        let waiting = self.0.log_waiting.load(Ordering::Relaxed);
        if waiting > 0 {
            missing.push(format!("the alert log cannot be written: {waiting} alerts wait for it"));
        }
        missing.extend(self.0.faults.lock().unwrap_or_else(PoisonError::into_inner).values().cloned());
        missing.extend(self.0.partitions.lock().unwrap_or_else(PoisonError::into_inner).values().cloned());
        if missing.is_empty() {
            return Ok(());
        }
        missing.extend(self.last_error().map(|error| format!("last error: {error}")));
        missing.extend(self.registry_fault());
        Err(missing)
    }

    /// How often NATS was connected: another number is another connection.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.0.connections.load(Ordering::Relaxed)
    }

    /// Whether NATS is connected.
    #[must_use]
    pub fn connected(&self) -> bool {
        self.0.connected.load(Ordering::Relaxed)
    }

    /// Whether the end of the stream has been reached since the start.
    #[must_use]
    pub fn caught_up(&self) -> bool {
        self.0.caught_up.load(Ordering::Relaxed)
    }

    /// Messages that the stream holds and that have not been handed to the engine.
    #[must_use]
    pub fn lag(&self) -> u64 {
        self.0.lag.load(Ordering::Relaxed)
    }

    /// Time since the newest snapshot was written or restored, or since the start.
    #[must_use]
    pub fn snapshot_age(&self) -> Duration {
        let at = *self.0.snapshot_at.lock().unwrap_or_else(PoisonError::into_inner);
        clock::monotonic().saturating_duration_since(at)
    }

    /// What last went wrong, even if it has gone right since.
    #[must_use]
    pub fn last_error(&self) -> Option<String> {
        self.0.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is wrong with the registry, while an older one is in use for that.
    #[must_use]
    pub fn registry_fault(&self) -> Option<String> {
        self.0.registry_fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What whoever looks should know although events are being taken in.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let (now, gaps) = (clock::monotonic(), self.0.gaps.lock().unwrap_or_else(PoisonError::into_inner));
        let recent = gaps.iter().filter(|(at, _)| now.saturating_duration_since(*at) < GAPS_SHOWN_FOR);
        recent.map(|(_, text)| format!("coverage gap: {text}")).chain(self.registry_fault()).collect()
    }

    /// Why the source cannot be opened.
    #[must_use]
    pub fn unreadable(&self) -> Option<String> {
        self.0.unreadable.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the server said when it refused us; none while it takes us.
    #[must_use]
    pub fn refused(&self) -> Option<String> {
        self.0.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the server has refused to take something on a subject.
    #[must_use]
    pub fn is_denied(&self, subject: &str) -> bool {
        self.0.denied.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|denied| denied == subject)
    }

    pub(crate) fn set_unreadable(&self, why: Option<String>) {
        *self.0.unreadable.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    pub(crate) fn set_refused(&self, why: Option<String>) {
        *self.0.refused.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    pub(crate) fn set_fault(&self, kind: &'static str, text: Option<String>) {
        let mut faults = self.0.faults.lock().unwrap_or_else(PoisonError::into_inner);
        match text {
            Some(text) => drop(faults.insert(kind, text)),
            None => drop(faults.remove(kind)),
        }
    }

    pub(crate) fn set_partition_fault(&self, partition: u16, text: Option<String>) {
        let mut partitions = self.0.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        match text {
            Some(text) => drop(partitions.insert(partition, text)),
            None => drop(partitions.remove(&partition)),
        }
    }

    pub(crate) fn add_gap(&self, text: String) {
        let mut gaps = self.0.gaps.lock().unwrap_or_else(PoisonError::into_inner);
        gaps.push_back((clock::monotonic(), text));
        if gaps.len() > GAPS_SHOWN_MAX {
            gaps.pop_front();
        }
    }

    pub(crate) fn set_denied(&self, subject: &str) {
        let mut denied = self.0.denied.lock().unwrap_or_else(PoisonError::into_inner);
        if denied.len() < DENIED_MAX && !denied.iter().any(|known| known == subject) {
            denied.push(subject.to_owned());
        }
    }

    /// The stream is read again from where much of it lies behind.
    pub(crate) fn set_behind(&self) {
        self.0.caught_up.store(false, Ordering::Relaxed);
    }

    pub(crate) fn set_registry_fault(&self, fault: Option<String>) {
        *self.0.registry_fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// Whether NATS is connected.
    pub fn set_connected(&self, connected: bool) {
        self.0.connected.store(connected, Ordering::Relaxed);
        if connected {
            self.0.connections.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn set_lag(&self, messages: u64) {
        self.0.lag.store(messages, Ordering::Relaxed);
        if messages == 0 {
            self.0.caught_up.store(true, Ordering::Relaxed);
        }
    }

    pub(crate) fn set_log_waiting(&self, alerts: u64) {
        self.0.log_waiting.store(alerts, Ordering::Relaxed);
    }

    pub(crate) fn set_stopping(&self) {
        self.0.stopping.store(true, Ordering::Relaxed);
    }

    pub(crate) fn set_snapshot_written(&self) {
        *self.0.snapshot_at.lock().unwrap_or_else(PoisonError::into_inner) = clock::monotonic();
    }

    pub(crate) fn set_error(&self, error: impl std::fmt::Display) {
        *self.0.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn readiness_names_everything_that_is_missing() {
        let health = HealthState::new(Some(Duration::from_secs(30)));
        health.set_lag(7);
        health.set_error("broken pipe");
        assert_eq!(
            health.readiness(),
            Err(vec![
                "not connected to nats".to_owned(),
                "catching up with the stream: 7 messages behind".to_owned(),
                "last error: broken pipe".to_owned(),
            ])
        );
        health.set_connected(true);
        health.set_lag(0);
        assert_eq!(health.readiness(), Ok(()));
        health.set_lag(9);
        assert_eq!(health.readiness(), Ok(()), "falling behind later is no reason");
        tokio::time::advance(Duration::from_secs(91)).await;
        assert_eq!(health.readiness().expect_err("overdue")[0], "no snapshot was written for 91 s");
        health.set_snapshot_written();
        assert_eq!(health.readiness(), Ok(()));
        health.set_log_waiting(2);
        let missing = health.readiness().expect_err("the disk is full");
        assert_eq!(missing[0], "the alert log cannot be written: 2 alerts wait for it");
        health.set_log_waiting(0);
        assert_eq!(health.readiness(), Ok(()));
        health.set_fault("unwritable", Some("stream S takes nothing".to_owned()));
        assert_eq!(health.readiness().expect_err("a full disk")[0], "stream S takes nothing");
        health.set_fault("unwritable", None);
        health.set_partition_fault(3, Some("partition 3 cannot be worked on: why".to_owned()));
        assert_eq!(health.readiness().expect_err("nobody owns it")[0], "partition 3 cannot be worked on: why");
        health.set_partition_fault(3, None);
        health.add_gap("events 3 to 5 of stream S were given up".to_owned());
        assert_eq!(health.readiness(), Ok(()), "what was lost is lost");
        assert_eq!(health.notes(), ["coverage gap: events 3 to 5 of stream S were given up"]);
        tokio::time::advance(GAPS_SHOWN_FOR).await;
        assert!(health.notes().is_empty());
    }
}
