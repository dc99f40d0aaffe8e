//! The settling task: what the engine found is made known and safe, then the batch is acknowledged.
//!
//! A batch's steps have an order, which is [`order`](super::order)'s. What is said of our own sight overtakes what waits for
//! NATS. A checkpoint takes its turn among the batches, syncs and signs the log, and
//! writes its place and what receivers are owed along, so that an alert is either logged, and owed in the snapshot, or raised again
//! by the replay, and never neither.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, Subject};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::alert_log::LogWriter;
use super::gaps::OpenGaps;
use super::keep::{Marked, Snapshots};
use super::order::{Outlets, settle};
use super::{Raised, Scored, State, Work};
use crate::alert::{Alert, Whose};
use crate::runtime::archive::Archive;
use crate::runtime::audit::head::Head;
use crate::runtime::audit::log::LogError;
use crate::runtime::clock;
use crate::runtime::feedback::desk::Acknowledged;
use crate::runtime::health::HealthState;
use crate::runtime::metrics::NotifyMetrics;
use crate::runtime::notify::dispatch::Dispatch;
use crate::runtime::notify::fence::Fence;
use crate::runtime::notify::nats::{DeadLetter, NatsNotifier, Stopped};
use crate::runtime::store::StoreError;

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
    /// Alerts for readers; none where nobody reads.
    pub archive: Option<Archive>,
    /// Snapshots.
    pub snapshots: Snapshots,
    /// Figures of the notifier.
    pub notify_metrics: NotifyMetrics,
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
    /// The engine's thread died, or the decoder's before it.
    #[error("the engine's or the decoder's thread ended without a last word")]
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
                saved = self.snapshots.saved() => {
                    told(saved.map_err(SettleError::from))?;
                    continue;
                }
                item = work.recv() => item.ok_or(SettleError::EngineLost)?,
            };
            let over = self.gaps.over(clock::wall());
            self.tell(over, &abort).await?;
            match item {
                Work::Scored(scored) => settle(&mut self, scored, &abort).await?,
                Work::Mark => told(self.mark().await)?,
                Work::Checkpoint(state) => self.snapshots.save(state),
                Work::End(state) => {
                    self.dispatch.drain(clock::monotonic() + self.drain).await;
                    let kept = self.end(state).await;
                    self.notifier.flush().await;
                    return kept;
                }
            }
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
                    show(self.archive.as_ref(), [&fault]);
                    self.unpublished.push(fault);
                }
            }
        }
    }

    /// Tells of our own sight: the log and the receivers first, since NATS may be what is at fault.
    async fn tell(&mut self, alerts: Vec<Alert>, abort: &CancellationToken) -> Result<(), SettleError> {
        let mut taken = std::mem::take(&mut self.unpublished);
        if self.notifier.fence().is_some() {
            // Whoever does not own the partition any more tells nobody.
            taken.extend(alerts.into_iter().map(Arc::new));
            self.publish(taken.clone(), abort).await?;
            for alert in &taken {
                self.gaps.take(alert, clock::wall());
                self.dispatch.offer(alert, &Whose::default());
            }
            return Ok(());
        }
        for alert in alerts {
            let fault = take_fault(&mut self.log, &self.dispatch, &mut self.gaps, alert).await;
            show(self.archive.as_ref(), [&fault]);
            taken.push(fault);
        }
        self.publish(taken, abort).await
    }

    /// A snapshot stands here: signs the alert log, on a thread that may wait for the disk, and notes what settling knows.
    async fn mark(&mut self) -> Result<(), SettleError> {
        if !self.snapshots.keeps() {
            return Ok(());
        }
        match self.log.seal().await {
            Ok(head) => self.head(head).await,
            Err(error) => {
                self.snapshots.mark(None);
                return Err(error.into());
            }
        }
        self.snapshots.mark(Some(Marked {
            owed: self.dispatch.owed(),
            letters: self.dispatch.undelivered(),
            log: self.log.place(),
            gaps: self.gaps.open(),
            fence: self.notifier.fence().map_or(0, Fence::settled),
        }));
        Ok(())
    }

    /// Writes the last snapshot, behind the one that may be on its way.
    async fn end(&mut self, state: State) -> Result<(), SettleError> {
        if self.snapshots.is_saving() {
            self.snapshots.saved().await?;
        }
        self.mark().await?;
        self.snapshots.save(state);
        if self.snapshots.is_saving() {
            self.snapshots.saved().await?;
        }
        Ok(())
    }
}

impl Outlets for Settler {
    async fn log(&mut self, alerts: &[Arc<Alert>]) -> Option<Head> {
        let head = self.log.write(alerts).await;
        show(self.archive.as_ref(), alerts);
        head
    }

    fn is_fenced(&self) -> bool {
        self.notifier.fence().is_some()
    }

    fn offer(&mut self, raised: &[Raised]) {
        for Raised { alert, whose, .. } in raised {
            self.gaps.take(alert, clock::wall());
            self.dispatch.offer(alert, whose);
        }
    }

    /// Publishes alerts. While NATS does not take them, what is told of that goes its own way.
    async fn publish(&mut self, mut waiting: Vec<Arc<Alert>>, abort: &CancellationToken) -> Result<(), SettleError> {
        while !waiting.is_empty() {
            let alerts = std::mem::take(&mut waiting);
            let mut publishing = pin!(self.notifier.alerts(&alerts, abort));
            loop {
                tokio::select! {
                    published = &mut publishing => break published?,
                    Some(fault) = self.faults.recv() => {
                        let fault = take_fault(&mut self.log, &self.dispatch, &mut self.gaps, fault).await;
                        show(self.archive.as_ref(), [&fault]);
                        waiting.push(fault);
                    }
                }
            }
        }
        Ok(())
    }

    /// Publishes a head. One that is lost is covered by the next.
    async fn head(&mut self, head: Option<Head>) {
        if let Some(payload) = head.and_then(|head| serde_json::to_vec(&head).ok()) {
            self.notifier.head(payload.into()).await;
        }
    }

    fn told(&mut self, scored: &Scored) {
        for stamp in scored.alerts.iter().filter_map(|raised| raised.stamp) {
            let waited = (clock::wall() - stamp).as_secs_f64();
            self.notify_metrics.event_to_alert.observe(waited.max(0.0));
        }
        for Acknowledged { tenant, id, by } in &scored.acknowledged {
            // Nobody may be told of it, or it may be over: then nobody waits for the word.
            self.dispatch.acknowledge(tenant, id, by).ok();
        }
        if let Some(event) = scored.reached {
            self.notifier.reached(event);
        }
    }

    async fn dead_letters(&mut self, letters: &[DeadLetter], abort: &CancellationToken) -> Result<(), SettleError> {
        Ok(self.notifier.dead_letters(letters, abort).await?)
    }

    async fn acknowledge(&mut self, subject: Subject) {
        if let Err(error) = self.client.publish(subject, bytes::Bytes::new()).await {
            tracing::warn!(%error, "batch cannot be acknowledged");
        }
    }
}

/// Shows alerts to whoever reads, once they are logged.
fn show<'a>(archive: Option<&Archive>, alerts: impl IntoIterator<Item = &'a Arc<Alert>>) {
    if let Some(archive) = archive {
        archive.record(alerts);
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

/// A snapshot that failed is told of, and the next one tries again; one that another owner has made void ends the work.
fn told(snapshot: Result<(), SettleError>) -> Result<(), SettleError> {
    match snapshot {
        Err(error) if !error.is_fenced() => {
            tracing::error!(reason = error.reason(), %error, "snapshot was not written; going on");
            Ok(())
        }
        done => done,
    }
}
