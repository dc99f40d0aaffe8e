//! Where events come from: a JetStream stream, or a plain subscription.
//!
//! Both yield the same [`Feed`], so that nothing behind them knows which one it is.

mod anchor;
pub mod core;
mod fault;
pub mod jetstream;
pub mod reading;
mod server;
mod sorted;
pub mod upstream;

use std::task::Poll;
use std::time::Duration;

use async_nats::{HeaderMap, Subject};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::time::Instant;

use super::clock;
use super::health::HealthState;
use super::metrics::SourceMetrics;
use crate::alert::Alert;
use crate::registry::Registry;
use crate::runtime::store::format::Position;
use crate::time::{Span, Timestamp};

/// Time between two looks at what has no message to carry it: silence, lag, snapshots due. Longer delays them, shorter
/// wakes an idle process for nothing.
pub(crate) const TICK: Duration = Duration::from_millis(250);

/// What a source hands to the engine, in order.
#[derive(Debug)]
pub enum Feed {
    /// Messages that arrived.
    Batch(Batch),
    /// Nothing has arrived for so long: event time moves on by as much.
    Quiet(Span),
    /// Some time has passed; nothing has happened.
    Tick,
    /// The registry has changed.
    Registry(Box<Registry>),
    /// Events were not watched: the alert that tells which.
    Gap(Box<Alert>),
}

/// Messages that arrived together.
#[derive(Debug, Default)]
pub struct Batch {
    /// The messages, in the stream's order.
    pub messages: Vec<Message>,
    /// Where the stream stands after the last of them; none without JetStream.
    pub position: Option<Position>,
    /// Where to acknowledge them all, once their consequences are safe; none where nothing is to be acknowledged.
    pub ack: Option<Subject>,
    /// Whether the source had caught up when they came, so that their age is our doing.
    pub live: bool,
    /// Silence behind the last of them that is on record, at the same position: event time moves on by as much.
    pub quiet: Option<Span>,
}

/// One message.
#[derive(Debug)]
pub struct Message {
    /// The event, undecoded.
    pub payload: Bytes,
    /// The subject that it came on.
    pub subject: Subject,
    /// Headers, among them the transport's message id.
    pub headers: Option<HeaderMap>,
    /// Its sequence in the stream; 0 without JetStream.
    pub sequence: u64,
    /// When the broker took it, or when it reached us without JetStream.
    pub stamp: Timestamp,
}

impl Message {
    /// The transport's message id.
    #[must_use]
    pub fn message_id(&self) -> Option<&str> {
        self.headers.as_ref()?.get(async_nats::header::NATS_MESSAGE_ID).map(async_nats::HeaderValue::as_str)
    }
}

/// Silence, measured: how long nothing has come although something could have.
#[derive(Debug)]
pub(crate) struct Silence {
    after: Duration,
    since: Instant,
}

impl Silence {
    pub(crate) fn new(after: Duration) -> Self {
        Self { after, since: clock::monotonic() }
    }

    /// A message came, or none could have: what has passed is no silence of the source.
    pub(crate) fn reset(&mut self) {
        self.since = clock::monotonic();
    }

    /// Whether the source has been quiet long enough to be asked about.
    pub(crate) fn is_due(&self) -> bool {
        clock::monotonic().saturating_duration_since(self.since) >= self.after
    }

    /// The silence so far; it begins anew.
    pub(crate) fn take(&mut self) -> Span {
        let span = clock::monotonic().saturating_duration_since(self.since);
        self.reset();
        Span::from_micros(i64::try_from(span.as_micros()).unwrap_or(i64::MAX))
    }
}

/// What a message's subject ends with that is only there to be written: whether the stream takes anything is found by
/// that. Its tenant and bot are ours.
const CANARY: &str = "._humdrum.canary";

/// The subject of what is only there to be written.
#[must_use]
pub fn canary_subject(subject_prefix: &str) -> String {
    format!("{subject_prefix}{CANARY}")
}

/// Whether a message is only there to be written.
pub(crate) fn is_canary(subject: &str) -> bool {
    subject.ends_with(CANARY)
}

/// Messages of the stream not handed to the engine yet: this source's share of the figure.
#[derive(Debug)]
pub(crate) struct Lag {
    metrics: SourceMetrics,
    health: HealthState,
    share: u64,
}

impl Lag {
    pub(crate) fn new(metrics: &SourceMetrics, health: &HealthState) -> Self {
        Self { metrics: metrics.clone(), health: health.clone(), share: 0 }
    }

    pub(crate) fn set(&mut self, messages: u64) {
        let moved = i64::try_from(messages).unwrap_or(i64::MAX) - i64::try_from(self.share).unwrap_or(i64::MAX);
        self.metrics.lag.add(moved);
        self.share = messages;
        self.health.set_lag(u64::try_from(self.metrics.lag.get()).unwrap_or_default());
    }
}

impl Drop for Lag {
    /// Whoever reads no more has no lag.
    fn drop(&mut self) {
        self.metrics.lag.sub(i64::try_from(self.share).unwrap_or(i64::MAX));
    }
}

/// Waits for one item and takes what else is there already, up to a bound. Ends early behind an error; empty when the
/// stream has ended.
pub(crate) async fn gather<S>(stream: &mut S, items_max: usize) -> Vec<S::Item>
where
    S: Stream + Unpin,
    S::Item: Fallible,
{
    let mut items = Vec::new();
    let take = std::future::poll_fn(|cx| {
        while items.len() < items_max {
            match stream.poll_next_unpin(cx) {
                Poll::Ready(Some(item)) => {
                    let failed = item.failed();
                    items.push(item);
                    if failed {
                        return Poll::Ready(());
                    }
                }
                Poll::Pending if items.is_empty() => return Poll::Pending,
                Poll::Ready(None) | Poll::Pending => return Poll::Ready(()),
            }
        }
        Poll::Ready(())
    });
    // The runtime's budget would cut batches at some hundred messages; the bound above is ours.
    tokio::task::unconstrained(take).await;
    items
}

/// Whether an item ends a batch.
pub(crate) trait Fallible {
    fn failed(&self) -> bool;
}

impl<T, E> Fallible for Result<T, E> {
    fn failed(&self) -> bool {
        self.is_err()
    }
}

impl Fallible for async_nats::Message {
    fn failed(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn silence_is_counted_once() {
        let mut silence = Silence::new(Duration::from_secs(10));
        tokio::time::advance(Duration::from_secs(9)).await;
        assert!(!silence.is_due());
        tokio::time::advance(Duration::from_secs(3)).await;
        assert!(silence.is_due());
        assert_eq!(silence.take(), Span::from_secs(12));
        assert!(!silence.is_due());
        tokio::time::advance(Duration::from_secs(5)).await;
        silence.reset();
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(silence.take(), Span::from_secs(10));
    }

    #[tokio::test]
    async fn a_batch_ends_at_its_bound_at_an_error_and_when_nothing_waits() {
        let (tx, rx) = tokio::sync::mpsc::unbounded_channel();
        for item in [Ok(1), Ok(2), Ok(3), Err("broken"), Ok(4)] {
            tx.send(item).expect("open");
        }
        let mut stream = futures_util::stream::unfold(rx, |mut rx| async move { Some((rx.recv().await?, rx)) }).boxed();
        assert_eq!(gather(&mut stream, 2).await, [Ok(1), Ok(2)]);
        assert_eq!(gather(&mut stream, 9).await, [Ok(3), Err("broken")]);
        assert_eq!(gather(&mut stream, 9).await, [Ok(4)]);
        drop(tx);
        assert_eq!(gather(&mut stream, 9).await, []);
    }
}
