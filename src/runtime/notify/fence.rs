//! The fence of a partition: alerts pass one after the other, each as the successor of the last.
//!
//! The stream refuses a message whose predecessor is not the one that it names, at the cost of one publish. Whoever
//! takes a partition over claims it first; what an owner that does not know of it publishes from then on is refused,
//! and it steps down. What a replay raises again and the fence holds already is passed over.

use std::collections::{BTreeMap, BTreeSet};
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
    /// Ids of those that are not waited for any more. Where the stream gave up events behind the snapshot, an alert whose
    /// cause is in it may come of a later event than the one that it came of before.
    late: BTreeSet<String>,
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
        let (told, late) = (BTreeMap::new(), BTreeSet::new());
        let mut fence = Self { gate, prefix, epoch, last: 0, told, late, until: 0, inherited: false };
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

    /// An event was settled. Behind the last one that an owner before us can have seen, what was published and did not come
    /// again is not waited for: it was raised by other settings, or of events that are gone, and would keep every later
    /// snapshot from moving on. Should it come yet, it passes no more all the same.
    pub fn reached(&mut self, event: u64) {
        if event >= self.until && !self.told.is_empty() {
            let (left, prefix) = (self.told.len(), &self.prefix);
            tracing::warn!(left, prefix, "alerts of the owner before are not raised again");
            self.late.extend(std::mem::take(&mut self.told).into_keys());
        }
    }

    /// Remembers what was published behind a sequence, to pass over it when it is raised again, until an event.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn recall(&mut self, after: u64, until: u64) -> Result<usize, FenceError> {
        self.until = until;
        // A stream that was made anew counts from the beginning: all that it has came behind the snapshot.
        let after = if after < self.last { after } else { 0 };
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
        if self.told.remove(id).is_some() || self.late.remove(id) {
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A stream in memory: what it has, by sequence. It may forget, and be made anew.
    #[derive(Clone, Debug, Default)]
    struct Memory(Arc<Mutex<Kept>>);

    /// The last sequence, and what there is: ids and epochs.
    type Kept = (u64, BTreeMap<u64, (Option<String>, u64)>);

    impl Memory {
        fn forget(&self) {
            self.0.lock().expect("is sound").1.clear();
        }

        fn make_anew(&self) {
            *self.0.lock().expect("is sound") = (0, BTreeMap::new());
        }

        fn ids(&self) -> Vec<String> {
            self.0.lock().expect("is sound").1.values().filter_map(|(id, _)| id.clone()).collect()
        }

        async fn claim(&self, epoch: u64) -> Result<Fence<Self>, FenceError> {
            Fence::claim_at(self.clone(), "p".to_owned(), epoch).await
        }
    }

    impl Gate for Memory {
        async fn publish(&self, passage: Passage) -> Result<Passed, FenceError> {
            let mut stream = self.0.lock().expect("is sound");
            if stream.1.last_key_value().map_or(0, |(sequence, _)| *sequence) != passage.last {
                return Err(FenceError::Lost("wrong last sequence".to_owned()));
            }
            stream.0 += 1;
            let sequence = stream.0;
            stream.1.insert(sequence, (passage.id, passage.epoch));
            Ok(Passed { sequence, duplicate: false })
        }

        async fn newest(&self, _subjects: &str) -> Result<Option<Newest>, FenceError> {
            let stream = self.0.lock().expect("is sound");
            let newest = stream.1.last_key_value();
            Ok(newest.map(|(sequence, (id, epoch))| Newest { sequence: *sequence, epoch: *epoch, id: id.clone() }))
        }

        async fn passed(
            &self,
            _subjects: &str,
            after: u64,
            before: u64,
            count_max: usize,
            _each: Duration,
        ) -> Result<Vec<(String, u64)>, FenceError> {
            let stream = self.0.lock().expect("is sound");
            let named = stream.1.range(after + 1..before).filter_map(|(at, (id, _))| Some((id.clone()?, *at)));
            Ok(named.take(count_max).collect())
        }
    }

    async fn tell(fence: &mut Fence<Memory>, ids: &[&str]) {
        for id in ids {
            fence.publish("acme.high", id, "{}".into()).await.expect("passes");
        }
    }

    #[tokio::test]
    async fn an_epoch_that_counts_from_the_beginning_is_told_how_far_the_others_came() {
        let stream = Memory::default();
        tell(&mut stream.claim(5).await.expect("is free"), &["a"]).await;
        assert_eq!(stream.claim(1).await.expect_err("is behind"), FenceError::Behind { newest: 5, ours: 1 });
        let mut next = stream.claim(6).await.expect("is ahead");
        assert!(next.is_inherited());
        tell(&mut next, &["b"]).await;
        assert_eq!(stream.ids(), ["a", "b"]);
    }

    #[tokio::test]
    async fn what_has_passed_behind_a_snapshot_passes_no_more_and_keeps_the_next_back_until_it_cannot_come_again() {
        let stream = Memory::default();
        let mut first = stream.claim(1).await.expect("is free");
        tell(&mut first, &["a"]).await;
        let snapshot = first.settled();
        tell(&mut first, &["b", "c"]).await;
        let mut next = stream.claim(2).await.expect("is free");
        assert_eq!(next.recall(snapshot, 40).await, Ok(2));
        assert_eq!(next.settled(), snapshot, "a snapshot now would have neither of them");
        tell(&mut next, &["b"]).await;
        assert_eq!(next.settled(), snapshot + 1);
        next.reached(39);
        tell(&mut next, &["c"]).await;
        assert_eq!(stream.ids(), ["a", "b", "c"]);
        assert_eq!(next.settled(), 5, "its own claim");
        // Other settings raise other alerts: what is left when all of it was read again keeps no snapshot back.
        let mut last = stream.claim(3).await.expect("is free");
        last.recall(snapshot, 40).await.expect("answers");
        last.reached(40);
        assert_eq!(last.settled(), 6);
        tell(&mut last, &["d", "c"]).await;
        assert_eq!(stream.ids(), ["a", "b", "c", "d"]);
    }

    #[tokio::test]
    async fn a_stream_that_forgot_or_was_made_anew_is_claimed_again_and_recalled_from_its_beginning() {
        let stream = Memory::default();
        let mut first = stream.claim(1).await.expect("is free");
        tell(&mut first, &["a", "b", "c"]).await;
        let snapshot = first.settled();
        stream.forget();
        let refused = first.publish("acme.high", "d", "{}".into()).await;
        assert!(matches!(refused, Err(FenceError::Lost(_))), "{refused:?}");
        let mut second = stream.claim(2).await.expect("is free");
        assert_eq!(second.recall(snapshot, 40).await, Ok(0));
        tell(&mut second, &["d"]).await;
        stream.make_anew();
        let refused = second.publish("acme.high", "e", "{}".into()).await;
        assert!(matches!(refused, Err(FenceError::Lost(_))), "{refused:?}");
        let mut third = stream.claim(3).await.expect("is free");
        tell(&mut third, &["e"]).await;
        // The newest snapshot is of the stream that is gone, whose numbers were higher.
        let mut fourth = stream.claim(4).await.expect("is free");
        assert_eq!(fourth.recall(snapshot, 40).await, Ok(1));
        tell(&mut fourth, &["e", "f"]).await;
        assert_eq!(stream.ids(), ["e", "f"]);
    }
}
