//! The stream that a fence stands in, as a seam: on a real server, and in the suite of faults.

use std::fmt::Debug;
use std::future::Future;
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

use super::fence::FenceError;

/// The sequence that the header before it is about is that of all subjects of the partition.
const EXPECTED_SUBJECT: &str = "Nats-Expected-Last-Subject-Sequence-Subject";
/// Whose alert it is.
const EPOCH: &str = "Humdrum-Epoch";

/// A message on its way through.
#[derive(Clone, Debug)]
pub struct Passage {
    /// Its subject.
    pub subject: String,
    /// All subjects of its partition.
    pub subjects: String,
    /// Its id; none for a claim.
    pub id: Option<String>,
    /// Whose it is.
    pub epoch: u64,
    /// The sequence of the partition's last message, on which it follows.
    pub last: u64,
    /// The message.
    pub payload: Bytes,
}

/// What the stream said to a message that it took.
#[derive(Clone, Copy, Debug)]
pub struct Passed {
    /// Its sequence, or that of whatever had its id first.
    pub sequence: u64,
    /// Whether something had its id before.
    pub duplicate: bool,
}

/// The newest message of a partition.
#[derive(Clone, Debug, Default)]
pub struct Newest {
    /// Its sequence.
    pub sequence: u64,
    /// Whose it is.
    pub epoch: u64,
    /// Its id.
    pub id: Option<String>,
}

/// Whoever keeps the stream.
pub trait Gate: Debug + Send + Sync {
    /// Publishes a message if it follows on the last. [`FenceError::Lost`] where it does not.
    fn publish(&self, passage: Passage) -> impl Future<Output = Result<Passed, FenceError>> + Send;

    /// The newest message of a partition, by whoever leads the stream; none where there is none.
    fn newest(&self, subjects: &str) -> impl Future<Output = Result<Option<Newest>, FenceError>> + Send;

    /// Ids of what has passed between two sequences, with the sequences; so many at most, each in so much time.
    fn passed(
        &self,
        subjects: &str,
        after: u64,
        before: u64,
        count_max: usize,
        each: Duration,
    ) -> impl Future<Output = Result<Vec<(String, u64)>, FenceError>> + Send;
}

/// The stream on a real server.
#[derive(Debug)]
pub struct ServerGate {
    context: Context,
    stream: Stream,
}

impl ServerGate {
    pub(super) fn new(context: Context, stream: Stream) -> Self {
        Self { context, stream }
    }
}

impl Gate for ServerGate {
    async fn publish(&self, passage: Passage) -> Result<Passed, FenceError> {
        let mut headers = HeaderMap::new();
        if let Some(id) = passage.id {
            headers.insert(NATS_MESSAGE_ID, id);
        }
        headers.insert(EXPECTED_SUBJECT, passage.subjects);
        headers.insert(EPOCH, passage.epoch.to_string());
        // Headers first: they would replace what the sequence writes.
        let message = PublishMessage::build().headers(headers).payload(passage.payload);
        let message = message.expected_last_subject_sequence(passage.last);
        let acknowledged = match self.context.send_publish(passage.subject, message).await {
            Ok(ack) => ack.await,
            Err(error) => Err(error),
        };
        match acknowledged {
            Ok(ack) => Ok(Passed { sequence: ack.sequence, duplicate: ack.duplicate }),
            Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => {
                Err(FenceError::Lost(error.to_string()))
            }
            Err(error) => Err(unavailable(error)),
        }
    }

    async fn newest(&self, subjects: &str) -> Result<Option<Newest>, FenceError> {
        // The leader knows; a copy may lag behind.
        match self.stream.get_last_raw_message_by_subject(subjects).await {
            Ok(message) => {
                let text = |name: &str| message.headers.get(name).map(|value| value.as_str().to_owned());
                Ok(Some(Newest {
                    sequence: message.sequence,
                    epoch: text(EPOCH).and_then(|epoch| epoch.parse().ok()).unwrap_or_default(),
                    id: message.headers.get(NATS_MESSAGE_ID).map(|id| id.as_str().to_owned()),
                }))
            }
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(unavailable(error)),
        }
    }

    async fn passed(
        &self,
        subjects: &str,
        after: u64,
        before: u64,
        count_max: usize,
        each: Duration,
    ) -> Result<Vec<(String, u64)>, FenceError> {
        let config = OrderedConfig {
            filter_subject: subjects.to_owned(),
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: after + 1 },
            headers_only: true,
            ..OrderedConfig::default()
        };
        let consumer = self.stream.create_consumer(config).await.map_err(unavailable)?;
        let mut messages = consumer.messages().await.map_err(unavailable)?;
        let mut passed = Vec::new();
        while passed.len() < count_max {
            let next = tokio::time::timeout(each, messages.next()).await;
            let next = next.map_err(|_| unavailable("what was published cannot be read"))?;
            let Some(message) = next else { break };
            let message = message.map_err(unavailable)?;
            let sequence = message.info().map_err(unavailable)?.stream_sequence;
            if sequence >= before {
                break;
            }
            let id = message.headers.as_ref().and_then(|headers| headers.get(NATS_MESSAGE_ID));
            passed.extend(id.map(|id| (id.as_str().to_owned(), sequence)));
        }
        Ok(passed)
    }
}

fn unavailable(error: impl std::fmt::Display) -> FenceError {
    FenceError::Unavailable(error.to_string())
}
