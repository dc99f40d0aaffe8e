//! The fence of a partition: alerts pass one after the other, each as the successor of the last.
//!
//! The stream refuses a message whose predecessor is not the one that it names, at the cost of one publish. Whoever
//! takes a partition over claims it first; what an owner that does not know of it publishes from then on is refused,
//! and it steps down. What a replay raises again and the fence holds already is passed over.

use std::collections::BTreeMap;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::header::NATS_MESSAGE_ID;
use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{RawMessageErrorKind, Stream};
use bytes::Bytes;
use futures_util::StreamExt;

/// The sequence that the header before it is about is that of all subjects of the partition.
const EXPECTED_SUBJECT: &str = "Nats-Expected-Last-Subject-Sequence-Subject";
/// Whose alert it is.
const EPOCH: &str = "Humdrum-Epoch";
/// Attempts to claim while somebody else still publishes. Each loses to one publish only.
const CLAIM_ATTEMPTS: u32 = 20;
/// Alerts behind a snapshot that are passed over at a takeover. More would mean that no snapshot was written for days.
const TOLD_MAX: usize = 100_000;
/// Time for one publish.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(5);

/// A partition's way out.
#[derive(Debug)]
pub struct Fence {
    context: Context,
    stream: Stream,
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

/// The newest message of the partition.
struct Newest {
    sequence: u64,
    epoch: u64,
    id: Option<String>,
}

impl Fence {
    /// Claims a partition, whose subjects begin with `prefix`, for an epoch.
    ///
    /// # Errors
    /// A newer epoch has claimed it, or the server does not answer.
    pub async fn claim(context: Context, stream: Stream, prefix: String, epoch: u64) -> Result<Self, FenceError> {
        let told = BTreeMap::new();
        let mut fence = Self { context, stream, prefix, epoch, last: 0, told, until: 0, inherited: false };
        for _ in 0..CLAIM_ATTEMPTS {
            let newest = fence.newest().await?;
            if newest.epoch > epoch {
                return Err(FenceError::Behind { newest: newest.epoch, ours: epoch });
            }
            (fence.last, fence.inherited) = (newest.sequence, newest.epoch > 0);
            match fence.attempt(&format!("{}.claim", fence.prefix), HeaderMap::new(), Bytes::new()).await {
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
            tracing::warn!(
                left = self.told.len(),
                prefix = self.prefix,
                "alerts of the owner before are not raised again"
            );
            self.told.clear();
        }
    }

    /// Remembers what was published behind a sequence, to pass over it when it is raised again until an event.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn recall(&mut self, after: u64, until: u64) -> Result<usize, FenceError> {
        self.until = until;
        if self.last <= after + 1 {
            return Ok(0);
        }
        let unavailable = |error: String| FenceError::Unavailable(error);
        let config = OrderedConfig {
            filter_subject: format!("{}.>", self.prefix),
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: after + 1 },
            headers_only: true,
            ..OrderedConfig::default()
        };
        let consumer = self.stream.create_consumer(config).await.map_err(|error| unavailable(error.to_string()))?;
        let mut messages = consumer.messages().await.map_err(|error| unavailable(error.to_string()))?;
        // Our own claim is the last.
        while self.told.len() < TOLD_MAX {
            let next = tokio::time::timeout(PUBLISH_TIMEOUT, messages.next()).await;
            let next = next.map_err(|_| unavailable("what was published cannot be read".to_owned()))?;
            let Some(message) = next else { break };
            let message = message.map_err(|error| unavailable(error.to_string()))?;
            let sequence = message.info().map_err(|error| unavailable(error.to_string()))?.stream_sequence;
            if sequence >= self.last {
                break;
            }
            let id = message.headers.as_ref().and_then(|headers| headers.get(NATS_MESSAGE_ID));
            self.told.extend(id.map(|id| (id.as_str().to_owned(), sequence)));
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
        let mut headers = HeaderMap::new();
        headers.insert(NATS_MESSAGE_ID, id);
        match self.attempt(&format!("{}.{below}", self.prefix), headers, payload).await {
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

    async fn attempt(&mut self, subject: &str, mut headers: HeaderMap, payload: Bytes) -> Result<(), FenceError> {
        headers.insert(EXPECTED_SUBJECT, format!("{}.>", self.prefix));
        headers.insert(EPOCH, self.epoch.to_string());
        // Headers first: they would replace what the sequence writes.
        let message = PublishMessage::build().headers(headers).payload(payload);
        let message = message.expected_last_subject_sequence(self.last);
        let publishing = async {
            match self.context.send_publish(subject.to_owned(), message).await {
                Ok(ack) => ack.await,
                Err(error) => Err(error),
            }
        };
        match tokio::time::timeout(PUBLISH_TIMEOUT, publishing).await {
            Ok(Ok(ack)) if ack.duplicate => self.look_again().await,
            Ok(Ok(ack)) => {
                self.last = ack.sequence;
                Ok(())
            }
            Ok(Err(error)) if error.kind() == PublishErrorKind::WrongLastSequence => {
                Err(FenceError::Lost(error.to_string()))
            }
            Ok(Err(error)) => Err(FenceError::Unavailable(error.to_string())),
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
        // The leader knows; a copy may lag behind.
        match self.stream.get_last_raw_message_by_subject(&format!("{}.>", self.prefix)).await {
            Ok(message) => {
                let text = |name: &str| message.headers.get(name).map(|value| value.as_str().to_owned());
                Ok(Newest {
                    sequence: message.sequence,
                    epoch: text(EPOCH).and_then(|epoch| epoch.parse().ok()).unwrap_or_default(),
                    id: message.headers.get(NATS_MESSAGE_ID).map(|id| id.as_str().to_owned()),
                })
            }
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => {
                Ok(Newest { sequence: 0, epoch: 0, id: None })
            }
            Err(error) => Err(FenceError::Unavailable(error.to_string())),
        }
    }
}
