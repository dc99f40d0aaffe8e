//! The settling task: what the engine found is made known and safe, then the batch is acknowledged.
//!
//! Steps of a batch, each waiting for the one before: alerts into the alert log, alerts by their routes into the queues
//! of receivers, alerts on NATS, dead letters, acknowledgment. The log comes first, so that whatever was published is in
//! it; a log that cannot be written holds nothing up. What is said of our own sight overtakes what waits for NATS. A checkpoint takes its turn among the batches, syncs and signs the log, and
//! writes its place and what receivers are owed along, so that an alert is either logged, and owed in the snapshot, or raised again
//! by the replay, and never neither.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_nats::Client;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::alert_log::LogWriter;
use super::gaps::OpenGaps;
use super::keep::Keeping;
use super::{Raised, Scored, State, Work};
use crate::alert::{Alert, Whose};
use crate::runtime::audit::head::Head;
use crate::runtime::audit::log::LogError;
use crate::runtime::clock;
use crate::runtime::health::HealthState;
use crate::runtime::metrics::{NotifyMetrics, StoreMetrics};
use crate::runtime::notify::dispatch::{Dispatch, Owed};
use crate::runtime::notify::fence::Fence;
use crate::runtime::notify::nats::{NatsNotifier, Stopped};

use crate::runtime::store::StoreError;
use crate::runtime::store::format::Checkpoint;

/// Time that receivers are given at the stop of a single process. What they have not taken by then is in the last snapshot.
pub const DRAIN: Duration = Duration::from_secs(4);

/// Everything that settling touches.
#[derive(Debug)]
pub struct Settler {
    /// For acknowledgments.
    pub client: Client,
    /// Alerts and dead letters.
    pub notifier: NatsNotifier,
    /// Receivers of alerts.
    pub dispatch: Dispatch,
    /// The alert log.
    pub log: LogWriter,
    /// Where snapshots are kept.
    pub store: Keeping,
    /// Figures of the notifier.
    pub notify_metrics: NotifyMetrics,
    /// Figures of the store.
    pub store_metrics: StoreMetrics,
    /// Facts.
    pub health: HealthState,
    /// Alerts about our own sight, which are told at once.
    pub faults: mpsc::Receiver<Alert>,
    /// Those that are open.
    pub gaps: OpenGaps,
    /// Those that NATS is still to be told of.
    pub unpublished: Vec<Arc<Alert>>,
    /// Time that receivers are given at the stop.
    pub drain: Duration,
}

/// Settling ended before its time.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// The stop ran out of time.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The engine's thread died.
    #[error("the engine's thread ended without a last word")]
    EngineLost,
    /// The last snapshot could not be written.
    #[error("the last snapshot was not written: {0}")]
    Snapshot(#[from] StoreError),
    /// A thread cannot be started.
    #[error("a thread cannot be started: {0}")]
    Thread(#[from] std::io::Error),
    /// The alert log could not be made safe before the last snapshot.
    #[error("the last snapshot was not written: {0}")]
    Log(#[from] LogError),
}

impl SettleError {
    /// The class of fault.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Stopped(_) => "stopped",
            Self::EngineLost => "engine",
            Self::Snapshot(error) => error.reason(),
            Self::Thread(_) => "thread",
            Self::Log(error) => error.reason(),
        }
    }

    /// Whether the partition has another owner.
    #[must_use]
    pub fn is_fenced(&self) -> bool {
        match self {
            Self::Stopped(stopped) => matches!(stopped, Stopped::Fenced(_)),
            Self::Snapshot(StoreError::Shared(error)) => error.is_lost(),
            _ => false,
        }
    }

    /// Whether trying again can help: a new start replays what is missing.
    #[must_use]
    pub fn retry(&self) -> bool {
        true
    }
}

impl Settler {
    /// Settles until the engine says that this was all, then drains the receivers' queues and writes the last checkpoint.
    /// `abort` ends every waiting: what is not published by then is raised again after the restart.
    ///
    /// # Errors
    /// Aborted, the engine's thread is gone, or the last snapshot cannot be written.
    pub async fn run(mut self, mut work: mpsc::Receiver<Work>, abort: CancellationToken) -> Result<(), SettleError> {
        if self.store.keeps() {
            self.store_metrics.written_at.set(clock::wall().as_micros() as f64 / 1e6);
        }
        let left = self.gaps.left(clock::wall());
        self.tell(left, &abort).await?;
        loop {
            let item = tokio::select! {
                biased;
                () = abort.cancelled() => return Err(Stopped::Asked.into()),
                Some(fault) = self.faults.recv() => {
                    self.tell(vec![fault], &abort).await?;
                    continue;
                }
                item = work.recv() => item.ok_or(SettleError::EngineLost)?,
            };
            let over = self.gaps.over(clock::wall());
            self.tell(over, &abort).await?;
            match item {
                Work::Scored(scored) => self.settle(scored, &abort).await?,
                Work::Checkpoint(state) => {
                    if let Err(error) = self.keep(state).await {
                        if error.is_fenced() {
                            return Err(error);
                        }
                        tracing::error!(reason = error.reason(), %error, "snapshot was not written; going on");
                    }
                }
                Work::End(state) => {
                    self.dispatch.drain(clock::monotonic() + self.drain).await;
                    let kept = self.keep(state).await;
                    self.notifier.flush().await;
                    return kept;
                }
            }
        }
    }

    async fn settle(&mut self, scored: Scored, abort: &CancellationToken) -> Result<(), SettleError> {
        let alerts: Vec<Arc<Alert>> = scored.alerts.iter().map(|raised| Arc::clone(&raised.alert)).collect();
        let head = self.log.write(&alerts).await;
        if self.notifier.fence().is_some() {
            // Whoever does not own the partition any more finds out here, before anybody is paged.
            self.publish_alerts(alerts, abort).await?;
            self.offer(&scored.alerts);
        } else {
            // Receivers first: what pages must not wait for a server that is in trouble.
            self.offer(&scored.alerts);
            self.publish_alerts(alerts, abort).await?;
        }
        self.publish(head).await;
        for stamp in scored.alerts.iter().filter_map(|raised| raised.stamp) {
            let waited = (clock::wall() - stamp).as_secs_f64();
            self.notify_metrics.event_to_alert.observe(waited.max(0.0));
        }
        self.notifier.dead_letters(&scored.rejected, abort).await?;
        if let Some(subject) = scored.ack
            && let Err(error) = self.client.publish(subject, bytes::Bytes::new()).await
        {
            tracing::warn!(%error, "batch cannot be acknowledged");
        }
        Ok(())
    }

    fn offer(&mut self, raised: &[Raised]) {
        for Raised { alert, whose, .. } in raised {
            self.gaps.take(alert, clock::wall());
            self.dispatch.offer(alert, whose);
        }
    }

    /// Waits for something while nothing is settled yet, and tells of what keeps it from coming.
    ///
    /// # Errors
    /// Aborted.
    pub async fn until<T>(&mut self, awaited: impl Future<Output = T>) -> T {
        let mut awaited = pin!(awaited);
        loop {
            tokio::select! {
                done = &mut awaited => return done,
                Some(fault) = self.faults.recv() => {
                    let fault = take_fault(&mut self.log, &self.dispatch, &mut self.gaps, fault).await;
                    self.unpublished.push(fault);
                }
            }
        }
    }

    /// Tells of our own sight: the log and the receivers first, since NATS may be what is at fault.
    async fn tell(&mut self, alerts: Vec<Alert>, abort: &CancellationToken) -> Result<(), SettleError> {
        let mut taken = std::mem::take(&mut self.unpublished);
        for alert in alerts {
            taken.push(take_fault(&mut self.log, &self.dispatch, &mut self.gaps, alert).await);
        }
        self.publish_alerts(taken, abort).await
    }

    /// Publishes alerts. While NATS does not take them, what is told of that goes its own way.
    async fn publish_alerts(
        &mut self,
        mut waiting: Vec<Arc<Alert>>,
        abort: &CancellationToken,
    ) -> Result<(), SettleError> {
        while !waiting.is_empty() {
            let alerts = std::mem::take(&mut waiting);
            let mut publishing = pin!(self.notifier.alerts(&alerts, abort));
            loop {
                tokio::select! {
                    published = &mut publishing => break published?,
                    Some(fault) = self.faults.recv() => {
                        waiting.push(take_fault(&mut self.log, &self.dispatch, &mut self.gaps, fault).await);
                    }
                }
            }
        }
        Ok(())
    }

    /// Publishes a head. One that is lost is covered by the next.
    async fn publish(&self, head: Option<Head>) {
        if let Some(payload) = head.and_then(|head| serde_json::to_vec(&head).ok()) {
            self.notifier.head(payload.into()).await;
        }
    }

    /// Signs the alert log and writes a checkpoint, on threads that may wait for the disk.
    async fn keep(&mut self, state: State) -> Result<(), SettleError> {
        let State { position, event_time, engine: Some(engine) } = state else {
            return Ok(());
        };
        match self.log.seal().await {
            Ok(head) => self.publish(head).await,
            Err(error) => {
                self.store_metrics.failures.inc();
                return Err(error.into());
            }
        }
        let (Owed { outbox, told }, log) = (self.dispatch.owed(), self.log.place());
        // What follows on a history is no history any more: nothing older can be learned into it.
        let gaps = self.gaps.open();
        let checkpoint = Checkpoint { position, event_time, engine, outbox, told, log, history: None, gaps };
        let (letters, fence) = (self.dispatch.letters(), self.notifier.fence().map_or(0, Fence::settled));
        let started = clock::monotonic();
        let saved = match self.store.save(checkpoint, letters, fence).await {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => return Ok(()),
            Err(error) => Err(error),
        };
        match saved {
            Ok(bytes) => {
                self.store_metrics.bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
                self.store_metrics.seconds.observe((clock::monotonic() - started).as_secs_f64());
                self.store_metrics.written_at.set(clock::wall().as_micros() as f64 / 1e6);
                self.health.set_snapshot_written();
                tracing::debug!(bytes, "snapshot written");
                Ok(())
            }
            Err(error) => {
                self.store_metrics.failures.inc();
                self.health.set_error(&error);
                Err(error.into())
            }
        }
    }
}

/// Logs an alert about our own sight and hands it to the receivers.
async fn take_fault(log: &mut LogWriter, dispatch: &Dispatch, gaps: &mut OpenGaps, fault: Alert) -> Arc<Alert> {
    let fault = Arc::new(fault);
    // Its head comes with the next batch or snapshot.
    log.write(&[Arc::clone(&fault)]).await;
    gaps.take(&fault, clock::wall());
    dispatch.offer(&fault, &Whose::default());
    fault
}
