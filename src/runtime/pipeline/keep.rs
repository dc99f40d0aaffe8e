//! Where snapshots are kept, and how they get there: nowhere, in a directory of this machine, or where every member finds
//! them. They are written behind the stream's back, one at a time.
//!
//! The engine's part of a snapshot is ready some time after the instant that it stands at. What settling knows of that
//! instant, as who has been told of what, is therefore marked when it passes, and waits for the rest.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::State;
use crate::alert::Alert;
use crate::detect::Part;
use crate::runtime::clock;
use crate::runtime::health::HealthState;
use crate::runtime::metrics::StoreMetrics;
use crate::runtime::notify::dispatch::Owed;
use crate::runtime::notify::undelivered::UndeliveredFile;
use crate::runtime::store::format::{Checkpoint, LogPlace};
use crate::runtime::store::shared::SharedStore;
use crate::runtime::store::{Ground, Store, StoreError};
use crate::time::Timestamp;

/// Where snapshots are kept.
#[derive(Debug)]
pub enum Keeping {
    /// There are none.
    Nowhere,
    /// On this machine.
    Here(Store),
    /// Where every member finds them.
    Shared(Box<SharedStore>),
}

/// What settling knows at the instant of a snapshot.
#[derive(Debug)]
pub(super) struct Marked {
    pub(super) owed: Owed,
    pub(super) letters: Arc<UndeliveredFile>,
    /// The place in the alert log.
    pub(super) log: Option<LogPlace>,
    pub(super) gaps: Vec<(Timestamp, Alert)>,
    /// The sequence of the fence up to which everything is in it.
    pub(super) fence: u64,
}

/// Snapshots, one of which may be on its way.
#[derive(Debug)]
pub struct Snapshots {
    /// Whether there are any.
    keeps: bool,
    /// None while one is on its way.
    keeping: Option<Keeping>,
    marked: Option<Marked>,
    saving: Option<JoinHandle<Saved>>,
    ground: Ground,
    metrics: StoreMetrics,
    health: HealthState,
}

#[derive(Debug)]
struct Saved {
    keeping: Keeping,
    bytes: Result<u64, StoreError>,
    took: Duration,
}

impl Snapshots {
    /// Snapshots that are kept there.
    #[must_use]
    pub fn new(keeping: Keeping, metrics: StoreMetrics, health: HealthState) -> Self {
        let keeps = !matches!(keeping, Keeping::Nowhere);
        if keeps {
            metrics.written_at.set(clock::wall().as_micros() as f64 / 1e6);
        }
        Self { keeps, keeping: Some(keeping), marked: None, saving: None, ground: Ground::default(), metrics, health }
    }

    /// What the next snapshot may build on, for whoever takes it.
    #[must_use]
    pub fn ground(&self) -> Ground {
        self.ground.clone()
    }

    pub(super) fn keeps(&self) -> bool {
        self.keeps
    }

    /// The instant of the next snapshot is passing; none where something keeps it from being one.
    pub(super) fn mark(&mut self, marked: Option<Marked>) {
        if marked.is_none() {
            self.metrics.failures.inc();
        }
        self.marked = marked;
    }

    /// Begins to write a snapshot of the instant that was marked. One that comes while another is on its way is left out.
    pub(super) fn save(&mut self, state: State) {
        let State { position, event_time, engine: Some(engine) } = state else { return };
        let Some(Marked { owed, letters, log, gaps, fence }) = self.marked.take() else { return };
        let Some(mut keeping) = self.keeping.take() else {
            tracing::warn!("the snapshot before is still being written; this one is left out");
            return;
        };
        // What follows on a history is no history any more: nothing older can be learned into it.
        let Owed { outbox, told } = owed;
        let checkpoint =
            Checkpoint { position, event_time, engine: Vec::new(), outbox, told, log, history: None, gaps };
        self.saving = Some(tokio::spawn(async move {
            let started = clock::monotonic();
            let bytes = keeping.save(checkpoint, engine, letters, fence).await;
            Saved { keeping, bytes, took: clock::monotonic() - started }
        }));
    }

    pub(super) fn is_saving(&self) -> bool {
        self.saving.is_some()
    }

    /// Waits for the snapshot that is on its way; for ever, if there is none. May be dropped and called again.
    pub(super) async fn saved(&mut self) -> Result<(), StoreError> {
        let Some(saving) = &mut self.saving else { return pending().await };
        let done = saving.await;
        self.saving = None;
        let Saved { keeping, bytes, took } = match done {
            Ok(saved) => saved,
            Err(error) => {
                tracing::error!(%error, "what wrote the snapshot died; no more snapshots");
                Saved { keeping: Keeping::Nowhere, bytes: Err(StoreError::Died), took: Duration::ZERO }
            }
        };
        self.ground.set(keeping.ground());
        self.keeping = Some(keeping);
        match bytes {
            Ok(bytes) => {
                self.metrics.bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
                self.metrics.seconds.observe(took.as_secs_f64());
                self.metrics.written_at.set(clock::wall().as_micros() as f64 / 1e6);
                self.health.set_snapshot_written();
                tracing::debug!(bytes, "snapshot written");
                Ok(())
            }
            Err(error) => {
                self.metrics.failures.inc();
                self.health.set_error(&error);
                Err(error)
            }
        }
    }
}

impl Keeping {
    fn ground(&self) -> Option<u32> {
        match self {
            Self::Nowhere => None,
            Self::Here(store) => store.ground(),
            Self::Shared(store) => store.ground(),
        }
    }

    /// Writes a snapshot in which every alert up to a sequence of the fence is; its bytes.
    async fn save(
        &mut self,
        checkpoint: Checkpoint,
        engine: Part,
        letters: Arc<UndeliveredFile>,
        fence: u64,
    ) -> Result<u64, StoreError> {
        match std::mem::replace(self, Self::Nowhere) {
            // The thread that had the store died with it.
            Self::Nowhere => Err(StoreError::Died),
            Self::Here(mut store) => {
                // Both the encoding and the disk may take long.
                let written = tokio::task::spawn_blocking(move || {
                    letters.sync();
                    let saved = store.save_part(&checkpoint, engine);
                    (store, saved)
                });
                let (store, saved) = written.await.map_err(|_| StoreError::Died)?;
                *self = Self::Here(store);
                saved
            }
            Self::Shared(mut store) => {
                // What is behind the queues is in no snapshot.
                let saved = if letters.sent().await {
                    save_shared(&mut store, checkpoint, engine, fence).await
                } else {
                    Err(StoreError::Letters)
                };
                *self = Self::Shared(store);
                saved
            }
        }
    }
}

async fn save_shared(
    store: &mut SharedStore,
    checkpoint: Checkpoint,
    engine: Part,
    fence: u64,
) -> Result<u64, StoreError> {
    let sequence = checkpoint.position.as_ref().map_or(0, |position| position.sequence);
    let growing = store.grown(engine)?;
    let encoded = tokio::task::spawn_blocking(move || growing.encode(&checkpoint));
    let file = encoded.await.map_err(|_| StoreError::Died)??;
    Ok(store.save(file, sequence, fence).await?)
}
