//! The fence of a partition: alerts pass one after the other, each as the successor of the last.
//!
//! The stream refuses a message whose predecessor is not the one that it names, at the cost of one publish. Whoever
//! takes a partition over claims it first; what an owner that does not know of it publishes from then on is refused,
//! and it steps down. What a replay raises again and the fence holds already is passed over.

use std::collections::BTreeMap;
use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::stream::Stream;
use bytes::Bytes;

use super::gate::{Gate, Newest, Passage, Passed, ServerGate};

/// Attempts to claim while somebody else still publishes. Each loses to one publish only.
const CLAIM_ATTEMPTS: u32 = 20;
/// Alerts behind a snapshot that are passed over at a takeover. More would mean that no snapshot was written for days.
const TOLD_MAX: usize = 100_000;
/// Time for one publish.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(5);

/// A partition's way out.
#[derive(Debug)]
pub struct Fence<G = ServerGate> {
    gate: G,
    prefix: String,
    epoch: u64,
    last: u64,
    /// Ids of what was published behind the snapshot that was restored and was not raised again yet, with its sequence.
    told: BTreeMap<String, u64>,
    /// The event up to which all of that is raised again, if ever.
    until: u64,
    /// Whether somebody had owned the partition before.
    inherited: bool,
}

/// A way out that is closed, or out of reach.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FenceError {
    /// Somebody else has claimed the partition.
    #[error("the partition has another owner: {0}")]
    Lost(String),
    /// Somebody with a newer epoch has claimed the partition: our leases are counted from too early.
    #[error("the partition was claimed in epoch {newest}, and ours is {ours}")]
    Behind {
        /// The newest epoch.
        newest: u64,
        /// Ours.
        ours: u64,
    },
    /// The server does not answer.
    #[error("the fence cannot be reached: {0}")]
    Unavailable(String),
}

impl FenceError {
    /// The class of fault.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Lost(_) => "lost",
            Self::Behind { .. } => "behind",
            Self::Unavailable(_) => "unavailable",
        }
    }

    /// Whether trying again can help.
    #[must_use]
    pub fn retry(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

impl Fence {
    /// Claims a partition, whose subjects begin with `prefix`, for an epoch.
    ///
    /// # Errors
    /// A newer epoch has claimed it, or the server does not answer.
    pub async fn claim(context: Context, stream: Stream, prefix: String, epoch: u64) -> Result<Self, FenceError> {
        Self::claim_at(ServerGate::new(context, stream), prefix, epoch).await
    }
}

impl<G: Gate> Fence<G> {
    /// The same at whatever keeps the gate.
    ///
    /// # Errors
    /// A newer epoch has claimed it, or nobody answers.
    pub async fn claim_at(gate: G, prefix: String, epoch: u64) -> Result<Self, FenceError> {
        let mut fence = Self { gate, prefix, epoch, last: 0, told: BTreeMap::new(), until: 0, inherited: false };
        for _ in 0..CLAIM_ATTEMPTS {
            let newest = fence.newest().await?;
            if newest.epoch > epoch {
                return Err(FenceError::Behind { newest: newest.epoch, ours: epoch });
            }
            (fence.last, fence.inherited) = (newest.sequence, newest.epoch > 0);
            match fence.attempt("claim", None, Bytes::new()).await {
                Ok(()) => return Ok(fence),
                Err(FenceError::Lost(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(FenceError::Unavailable("others publish faster than it can be claimed".to_owned()))
    }

    /// The sequence up to which everything is in a snapshot that is taken now.
    #[must_use]
    pub fn settled(&self) -> u64 {
        self.told.values().min().map_or(self.last, |sequence| sequence - 1)
    }

    /// Whether somebody had owned the partition before this claim.
    #[must_use]
    pub fn is_inherited(&self) -> bool {
        self.inherited
    }

    /// An event was settled. Behind the last one that an owner before us can have seen, nothing of what was published comes
    /// again: what is left was raised by other settings, and would keep every later snapshot from moving on.
    pub fn reached(&mut self, event: u64) {
        if event >= self.until && !self.told.is_empty() {
            let (left, prefix) = (self.told.len(), &self.prefix);
            tracing::warn!(left, prefix, "alerts of the owner before are not raised again");
            self.told.clear();
        }
    }

    /// Remembers what was published behind a sequence, to pass over it when it is raised again, until an event.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn recall(&mut self, after: u64, until: u64) -> Result<usize, FenceError> {
        self.until = until;
        // Our own claim is the last.
        if self.last > after + 1 {
            let told = self.gate.passed(&self.subjects(), after, self.last, TOLD_MAX, PUBLISH_TIMEOUT).await?;
            self.told.extend(told);
        }
        Ok(self.told.len())
    }

    /// Publishes below the partition's prefix. What has passed already passes no more.
    ///
    /// # Errors
    /// Somebody else has claimed the partition, or the server does not answer.
    pub async fn publish(&mut self, below: &str, id: &str, payload: Bytes) -> Result<(), FenceError> {
        if self.told.remove(id).is_some() {
            return Ok(());
        }
        match self.attempt(below, Some(id), payload).await {
            Err(FenceError::Lost(why)) => {
                // An acknowledgment that was lost makes the next attempt a successor of itself.
                let newest = self.newest().await?;
                if newest.epoch == self.epoch && newest.id.as_deref() == Some(id) {
                    self.last = newest.sequence;
                    return Ok(());
                }
                Err(FenceError::Lost(why))
            }
            done => done,
        }
    }

    /// The same, until it has passed. What keeps it from that goes to `pause`, which says how long to wait then.
    ///
    /// # Errors
    /// Somebody else has claimed the partition.
    pub async fn pass(
        &mut self,
        below: &str,
        id: &str,
        payload: &Bytes,
        mut pause: impl FnMut(u32, FenceError) -> Duration,
    ) -> Result<(), FenceError> {
        let mut attempt = 0;
        loop {
            match self.publish(below, id, payload.clone()).await {
                Ok(()) => return Ok(()),
                Err(error) if !error.retry() => return Err(error),
                Err(error) => {
                    attempt += 1;
                    tokio::time::sleep(pause(attempt, error)).await;
                }
            }
        }
    }

    async fn attempt(&mut self, below: &str, id: Option<&str>, payload: Bytes) -> Result<(), FenceError> {
        let passage = Passage {
            subject: format!("{}.{below}", self.prefix),
            subjects: self.subjects(),
            id: id.map(ToOwned::to_owned),
            epoch: self.epoch,
            last: self.last,
            payload,
        };
        match tokio::time::timeout(PUBLISH_TIMEOUT, self.gate.publish(passage)).await {
            Ok(Ok(Passed { duplicate: true, .. })) => self.look_again().await,
            Ok(Ok(Passed { sequence, .. })) => {
                self.last = sequence;
                Ok(())
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Err(FenceError::Unavailable("no acknowledgment came".to_owned())),
        }
    }

    /// The stream has the message already, by its id. Its number is that of whatever had the id first, and need not be
    /// the partition's last.
    async fn look_again(&mut self) -> Result<(), FenceError> {
        let newest = self.newest().await?;
        if newest.epoch != self.epoch {
            return Err(FenceError::Lost(format!("epoch {} has published, ours is {}", newest.epoch, self.epoch)));
        }
        self.last = newest.sequence;
        Ok(())
    }

    async fn newest(&self) -> Result<Newest, FenceError> {
        Ok(self.gate.newest(&self.subjects()).await?.unwrap_or_default())
    }

    fn subjects(&self) -> String {
        format!("{}.>", self.prefix)
    }
}
