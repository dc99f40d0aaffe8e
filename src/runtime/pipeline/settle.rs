//! The settling task: what the engine found is made known and safe, then the batch is acknowledged.
//!
//! Steps of a batch, each waiting for the one before: alerts into the alert log, alerts on NATS, alerts by their routes
//! into the queues of receivers, dead letters, acknowledgment. The log comes first, so that whatever was published is in it; a log
//! that cannot be written holds nothing up. A checkpoint takes its turn among the batches, syncs and signs the log, and
//! writes its place and what receivers are owed along, so that an alert is either logged, and owed in the snapshot, or raised again
//! by the replay, and never neither.

use std::sync::Arc;
use std::time::Duration;

use async_nats::Client;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::alert_log::LogWriter;
use super::{Raised, Scored, State, Work};
use crate::alert::Alert;
use crate::runtime::audit::head::Head;
use crate::runtime::audit::log::LogError;
use crate::runtime::clock;
use crate::runtime::feedback::desk::Acknowledged;
use crate::runtime::health::HealthState;
use crate::runtime::metrics::{NotifyMetrics, StoreMetrics};
use crate::runtime::notify::dispatch::{Dispatch, Owed};
use crate::runtime::notify::nats::{NatsNotifier, Stopped};

use crate::runtime::store::format::Checkpoint;
use crate::runtime::store::{Store, StoreError};

/// Time that receivers are given at the stop. What they have not taken by then is in the last snapshot.
const DRAIN: Duration = Duration::from_secs(4);

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
    /// Snapshots; none where no state is kept.
    pub store: Option<Store>,
    /// Figures of the notifier.
    pub notify_metrics: NotifyMetrics,
    /// Figures of the store.
    pub store_metrics: StoreMetrics,
    /// Facts.
    pub health: HealthState,
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
            Self::Log(error) => error.reason(),
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
        if self.store.is_some() {
            self.store_metrics.written_at.set(clock::wall().as_micros() as f64 / 1e6);
        }
        loop {
            let item = tokio::select! {
                biased;
                () = abort.cancelled() => return Err(Stopped.into()),
                item = work.recv() => item.ok_or(SettleError::EngineLost)?,
            };
            match item {
                Work::Scored(scored) => self.settle(scored, &abort).await?,
                Work::Checkpoint(state) => {
                    if let Err(error) = self.keep(state).await {
                        tracing::error!(reason = error.reason(), %error, "snapshot was not written; going on");
                    }
                }
                Work::End(state) => {
                    self.dispatch.drain(clock::monotonic() + DRAIN).await;
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
        self.notifier.alerts(&alerts, abort).await?;
        self.publish(head).await;
        for stamp in scored.alerts.iter().filter_map(|raised| raised.stamp) {
            let waited = (clock::wall() - stamp).as_secs_f64();
            self.notify_metrics.event_to_alert.observe(waited.max(0.0));
        }
        for Raised { alert, whose, .. } in &scored.alerts {
            self.dispatch.offer(alert, whose);
        }
        for Acknowledged { tenant, id, by } in &scored.acknowledged {
            // Nobody may be told of it, or it may be over: then nobody waits for the word.
            self.dispatch.acknowledge(tenant, id, by).ok();
        }
        self.notifier.dead_letters(&scored.rejected, abort).await?;
        if let Some(subject) = scored.ack
            && let Err(error) = self.client.publish(subject, bytes::Bytes::new()).await
        {
            tracing::warn!(%error, "batch cannot be acknowledged");
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
        let Some(mut store) = self.store.take() else {
            return Ok(());
        };
        let (Owed { outbox, told }, log) = (self.dispatch.owed(), self.log.place());
        // What follows on a history is no history any more: nothing older can be learned into it.
        let checkpoint = Checkpoint { position, event_time, engine, outbox, told, log, history: None };
        let letters = self.dispatch.letters();
        let started = clock::monotonic();
        let written = tokio::task::spawn_blocking(move || {
            letters.sync();
            let saved = store.save(&checkpoint);
            (store, saved)
        });
        let saved = match written.await {
            Ok((store, saved)) => {
                self.store = Some(store);
                saved
            }
            Err(error) => {
                tracing::error!(%error, "snapshot thread died; no more snapshots");
                return Ok(());
            }
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
