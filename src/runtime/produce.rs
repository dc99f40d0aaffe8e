//! Events into a stream: what a producer does, for trying the product with a simulated fleet.
//!
//! Publishes are acknowledged, a window of them at a time: without the window each event would wait for a round trip,
//! without the acknowledgment a full or missing stream would swallow events in silence.

use std::collections::VecDeque;

use async_nats::jetstream::context::{PublishAckFuture, PublishError};
use async_nats::jetstream::{self, Context};

use prometheus::IntGauge;

use super::health::HealthState;
use super::nats::connect::{NatsError, connect_once};
use super::nats::streams::{self, StreamError};
use super::source::reading::stream_spec;
use crate::config::Config;
use crate::event::Event;
use crate::event::decode::encode;
use crate::event::subject::encode_token;

/// Unacknowledged publishes at a time. The client blocks for good at 5,000; fewer wait longer for the server.
const WINDOW: usize = 2000;

/// A producer's end of an event stream.
#[derive(Debug)]
pub struct EventPublisher {
    context: Context,
    prefix: String,
    waiting: VecDeque<PublishAckFuture>,
}

/// The server did not store an event.
#[derive(Debug, thiserror::Error)]
#[error("the server did not store an event")]
pub struct NotStored(#[from] PublishError);

/// The stream cannot be written to.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The connection.
    #[error(transparent)]
    Nats(#[from] NatsError),
    /// The stream.
    #[error(transparent)]
    Stream(#[from] StreamError),
}

impl EventPublisher {
    /// Connects as the settings say, and finds or makes the event stream.
    ///
    /// # Errors
    /// The connection or the stream.
    pub async fn open(config: &Config, connected: &IntGauge) -> Result<Self, OpenError> {
        let client = connect_once(&config.nats, &HealthState::new(None), connected).await?;
        streams::ensure(&jetstream::new(client.clone()), &stream_spec(&config.events)).await?;
        Ok(Self::new(client, &config.events.subject_prefix))
    }

    /// Publishes to `<prefix>.<tenant>.<bot>`.
    #[must_use]
    pub fn new(client: async_nats::Client, prefix: &str) -> Self {
        Self { context: jetstream::new(client), prefix: prefix.to_owned(), waiting: VecDeque::with_capacity(WINDOW) }
    }

    /// Sends one event; waits while too many are unacknowledged.
    ///
    /// # Errors
    /// An earlier event or this one was not stored.
    pub async fn publish(&mut self, event: &Event) -> Result<(), NotStored> {
        let subject = format!("{}.{}.{}", self.prefix, encode_token(&event.tenant), encode_token(&event.bot));
        if self.waiting.len() >= WINDOW
            && let Some(oldest) = self.waiting.pop_front()
        {
            oldest.await?;
        }
        self.waiting.push_back(self.context.publish(subject, encode(event).into()).await?);
        Ok(())
    }

    /// Waits until every event is stored.
    ///
    /// # Errors
    /// One was not.
    pub async fn finish(self) -> Result<(), NotStored> {
        for acknowledged in self.waiting {
            acknowledged.await?;
        }
        Ok(())
    }
}
