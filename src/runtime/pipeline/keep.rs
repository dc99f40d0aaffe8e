//! Where snapshots are kept: nowhere, in a directory of this machine, or where every member finds them.

use std::sync::Arc;

use crate::runtime::notify::undelivered::DeadLetters;
use crate::runtime::store::format::{self, Checkpoint};
use crate::runtime::store::shared::SharedStore;
use crate::runtime::store::{Store, StoreError};

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

impl Keeping {
    /// Whether there are any.
    #[must_use]
    pub fn keeps(&self) -> bool {
        !matches!(self, Self::Nowhere)
    }

    /// Writes a snapshot in which every alert up to a sequence of the fence is; its bytes, if there are snapshots.
    pub(super) async fn save(
        &mut self,
        checkpoint: Checkpoint,
        letters: Arc<DeadLetters>,
        fence: u64,
    ) -> Result<Option<u64>, StoreError> {
        match std::mem::replace(self, Self::Nowhere) {
            Self::Nowhere => Ok(None),
            Self::Here(mut store) => {
                let written = tokio::task::spawn_blocking(move || {
                    letters.sync();
                    let saved = store.save(&checkpoint);
                    (store, saved)
                });
                match written.await {
                    Ok((store, saved)) => {
                        *self = Self::Here(store);
                        saved.map(Some)
                    }
                    Err(error) => {
                        tracing::error!(%error, "snapshot thread died; no more snapshots");
                        Ok(None)
                    }
                }
            }
            Self::Shared(mut store) => {
                let sequence = checkpoint.position.as_ref().map_or(0, |position| position.sequence);
                let encoded = tokio::task::spawn_blocking(move || format::encode(&checkpoint)).await;
                let saved = match encoded {
                    Ok(Ok(file)) => store.save(file, sequence, fence).await.map(Some).map_err(StoreError::from),
                    Ok(Err(error)) => Err(error.into()),
                    Err(error) => {
                        tracing::error!(%error, "snapshot thread died; none was written");
                        Ok(None)
                    }
                };
                *self = Self::Shared(store);
                saved
            }
        }
    }
}
