//! What reading asks of whoever has the stream. It is a seam, so that the suite of faults can put a broker in the
//! server's place that loses, repeats, forgets and lies by a seed, under the very code that reads in earnest.

use std::fmt::Debug;
use std::future::Future;

use async_nats::Subject;
use bytes::Bytes;
use futures_util::Stream;

use super::Message;
use crate::runtime::nats::streams::StreamError;
use crate::time::Timestamp;

/// What a stream says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamFacts {
    /// Its name.
    pub name: String,
    /// When it was made, in microseconds since 1970.
    pub created_us: i64,
    /// Its first sequence.
    pub first: u64,
    /// Its last sequence.
    pub last: u64,
}

/// What a consumer says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerFacts {
    /// Number of the last delivery.
    pub delivered: u64,
    /// The stream's sequence of it.
    pub at: u64,
    /// The stream's sequence up to which everything is acknowledged.
    pub acknowledged: u64,
    /// Deliveries that wait to be acknowledged.
    pub unacknowledged: usize,
    /// Messages that wait to be delivered.
    pub pending: u64,
    /// Whether it reads what is wanted, as is wanted.
    pub fits: bool,
}

/// A message, as it was delivered.
#[derive(Debug)]
pub struct Delivery {
    /// The message.
    pub message: Message,
    /// Number of the delivery, of all to this consumer.
    pub number: u64,
    /// How often this message was delivered, this time included.
    pub times: i64,
    /// Messages that wait behind it.
    pub pending: u64,
    /// Where to acknowledge it.
    pub reply: Option<Subject>,
}

/// What a record holds: when the stream took it, and its payload.
pub type Record = (Timestamp, Bytes);

/// Why a record cannot be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordFault {
    /// We may not.
    Denied,
    /// Not now.
    Failed(String),
}

/// Whoever has the stream. Errors are in words: whatever they are, reading is interrupted and tried again.
pub trait Upstream: Debug + Send + Sync {
    /// Messages as they come.
    type Flow: Stream<Item = Result<Delivery, String>> + Unpin + Send;

    /// Looks the stream up afresh, and makes it where it is missing and may be made.
    fn open(&mut self) -> impl Future<Output = Result<StreamFacts, StreamError>> + Send;

    /// What the stream says now.
    fn stream(&self) -> impl Future<Output = Result<StreamFacts, String>> + Send;

    /// The record of a sequence; none where there is none.
    fn record(&self, sequence: u64) -> impl Future<Output = Result<Option<Record>, RecordFault>> + Send;

    /// Sequence of the newest record of some subjects; 0 where there is none.
    fn newest(&self, subject: &str) -> impl Future<Output = Result<u64, String>> + Send;

    /// What the consumer says now; none where there is none.
    fn consumer(&mut self) -> impl Future<Output = Result<Option<ConsumerFacts>, String>> + Send;

    /// Removes the consumer.
    fn remove_consumer(&mut self) -> impl Future<Output = Result<(), String>> + Send;

    /// Makes the consumer, which delivers what follows on a sequence.
    fn make_consumer(&mut self, after: u64) -> impl Future<Output = Result<ConsumerFacts, String>> + Send;

    /// Begins to take messages.
    fn flow(&self) -> impl Future<Output = Result<Self::Flow, String>> + Send;

    /// Writes a record that follows on the newest of its subject, which has this sequence.
    fn write(&self, subject: String, payload: Bytes, last: u64) -> impl Future<Output = Result<(), String>> + Send;
}
