//! Events off a plain subscription, at most once: for servers without JetStream.
//!
//! What arrives while nobody listens is gone, and what arrives faster than it is scored is dropped by the client once
//! its buffer is full (the connection's error event tells of it). There is no position, so that a snapshot carries
//! knowledge but no place to go on at.

use async_nats::{Client, Subscriber};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Batch, Feed, Message, Silence, TICK, gather};
use crate::config::EventsConfig;
use crate::runtime::clock;
use crate::runtime::health::HealthState;
use crate::runtime::metrics::SourceMetrics;

/// A subscription that cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("subscription to `{subject}` failed: {source}")]
pub struct SubscribeError {
    /// The subject.
    pub subject: String,
    /// Why.
    pub source: async_nats::SubscribeError,
}

/// A plain subscription.
#[derive(Debug)]
pub struct CoreSource {
    client: Client,
    subject: String,
    subscriber: Subscriber,
    batch: usize,
    silence: Silence,
    metrics: SourceMetrics,
    health: HealthState,
}

impl CoreSource {
    /// Subscribes.
    ///
    /// # Errors
    /// The subject is invalid or the connection is closed.
    pub async fn open(
        client: Client,
        config: &EventsConfig,
        metrics: SourceMetrics,
        health: HealthState,
    ) -> Result<Self, SubscribeError> {
        let subject = format!("{}.>", config.subject_prefix);
        let subscriber = subscribe(&client, &subject).await?;
        // The server has heard of the subscription before anybody hears that we are ready.
        if let Err(error) = client.flush().await {
            tracing::warn!(%error, "nats cannot be flushed");
        }
        metrics.lag.set(0);
        health.set_lag(0);
        let silence = Silence::new(config.idle_after);
        Ok(Self { client, subject, subscriber, batch: config.batch.max(1), silence, metrics, health })
    }

    /// Feeds the engine until the stop, or until nobody takes the feed any more.
    pub async fn run(mut self, feed: mpsc::Sender<Feed>, stop: CancellationToken) {
        let mut tick = tokio::time::interval(TICK);
        loop {
            let item = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                messages = gather(&mut self.subscriber, self.batch) => {
                    if messages.is_empty() {
                        if !self.subscribe_again().await {
                            return;
                        }
                        continue;
                    }
                    self.silence.reset();
                    Feed::Batch(batch(messages))
                }
                _ = tick.tick() => self.tick(),
            };
            tokio::select! {
                sent = feed.send(item) => if sent.is_err() { return },
                () = stop.cancelled() => return,
            }
        }
    }

    fn tick(&mut self) -> Feed {
        if !self.health.connected() {
            self.silence.reset();
        }
        if self.silence.is_due() { Feed::Quiet(self.silence.take()) } else { Feed::Tick }
    }

    /// A subscription ends only with its connection; then there is nothing left to listen to.
    async fn subscribe_again(&mut self) -> bool {
        self.metrics.reopened.inc();
        tracing::error!(subject = self.subject, "subscription ended; subscribing again");
        match subscribe(&self.client, &self.subject).await {
            Ok(subscriber) => {
                self.subscriber = subscriber;
                true
            }
            Err(error) => {
                self.health.set_error(&error);
                tracing::error!(%error, "source is lost");
                false
            }
        }
    }
}

async fn subscribe(client: &Client, subject: &str) -> Result<Subscriber, SubscribeError> {
    let fault = |source| SubscribeError { subject: subject.to_owned(), source };
    client.subscribe(subject.to_owned()).await.map_err(fault)
}

fn batch(messages: Vec<async_nats::Message>) -> Batch {
    let stamp = clock::wall();
    let convert = |message: async_nats::Message| Message {
        payload: message.payload,
        subject: message.subject,
        headers: message.headers,
        sequence: 0,
        stamp,
    };
    Batch { messages: messages.into_iter().map(convert).collect(), live: true, ..Batch::default() }
}
