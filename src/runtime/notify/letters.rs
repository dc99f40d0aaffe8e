//! What receivers were not told of for good, as messages of a stream that whoever works on the partition next finds as well.
//!
//! They are published one after the other, each until the stream has it. A snapshot waits for those before it: from then on
//! the queues do not know of them any more.

use std::future::IntoFuture;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::header::NATS_MESSAGE_ID;
use async_nats::jetstream::Context;
use async_nats::jetstream::message::PublishMessage;
use tokio::sync::{mpsc, oneshot};

use super::undelivered::Undelivered;
use crate::event::subject::encode_token;

/// Letters on their way. More is memory, fewer would lose some of a queue that runs over while NATS is away.
const LETTERS_QUEUED: usize = 8192;
/// Time for one, and pause before the next attempt.
const TIMEOUT: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_secs(1);
/// Time that a snapshot waits for them. Longer holds up what else is to be kept.
const SENT_WITHIN: Duration = Duration::from_secs(10);

/// The way to the stream. The task that publishes ends when all is published after this is gone.
#[derive(Clone, Debug)]
pub struct Letters {
    prefix: String,
    items: mpsc::Sender<Item>,
}

#[derive(Debug)]
enum Item {
    Letter { subject: String, headers: HeaderMap, payload: Vec<u8> },
    Sync(oneshot::Sender<()>),
}

impl Letters {
    /// Publishes below a prefix that a stream takes.
    #[must_use]
    pub fn below(context: Context, prefix: &str) -> Self {
        let (send, items) = mpsc::channel(LETTERS_QUEUED);
        tokio::spawn(run(context, items));
        Self { prefix: prefix.to_owned(), items: send }
    }

    /// Takes one. Never waits.
    pub(super) fn take(&self, undelivered: &Undelivered<'_>, payload: Vec<u8>) -> Result<(), String> {
        let Undelivered { receiver, reason, notice, .. } = undelivered;
        let mut headers = HeaderMap::new();
        let (id, revision, cause) = (&notice.alert.id, notice.alert.revision, notice.cause);
        headers.insert(NATS_MESSAGE_ID, format!("undelivered.{receiver}.{id}.{revision}.{cause:?}"));
        headers.insert("Humdrum-Undelivered-Reason", *reason);
        let subject = format!("{}.undelivered.{}", self.prefix, encode_token(receiver));
        self.items.try_send(Item::Letter { subject, headers, payload }).map_err(|error| error.to_string())
    }

    /// Waits until everything before has been published; whether it has.
    pub(super) async fn sent(&self) -> bool {
        let (done, wait) = oneshot::channel();
        let all = async { self.items.send(Item::Sync(done)).await.is_ok() && wait.await.is_ok() };
        tokio::time::timeout(SENT_WITHIN, all).await.unwrap_or_default()
    }
}

async fn run(context: Context, mut items: mpsc::Receiver<Item>) {
    while let Some(item) = items.recv().await {
        match item {
            Item::Letter { subject, headers, payload } => publish(&context, subject, headers, payload.into()).await,
            // Nobody may wait any more.
            Item::Sync(done) => drop(done.send(())),
        }
    }
}

async fn publish(context: &Context, subject: String, headers: HeaderMap, payload: bytes::Bytes) {
    loop {
        let message = PublishMessage::build().headers(headers.clone()).payload(payload.clone());
        let publishing = async { context.send_publish(subject.clone(), message).await?.into_future().await };
        match tokio::time::timeout(TIMEOUT, publishing).await {
            Ok(Ok(_)) => return,
            Ok(Err(error)) => tracing::warn!(subject, %error, "what a receiver was not told cannot be kept; trying on"),
            Err(_) => tracing::warn!(subject, "what a receiver was not told cannot be kept in time; trying on"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}
