//! The decoder's thread: payloads become events, in order, while the engine is at work on the batch before.
//!
//! Decoding is a quarter of what an event costs and knows nothing of any bot, so that it can run beside the engine
//! without changing what comes out. A spent batch comes back here to be dropped: text is freed by the thread that
//! allocated it, which an allocator with arenas by thread does without locks, and the batch's room is used again.

use async_nats::Subject;
use tokio::sync::mpsc;

use crate::alert::Alert;
use crate::event::decode::{Envelope, Limits, decode};
use crate::event::subject::identity;
use crate::event::{Event, Reject};
use crate::registry::Registry;
use crate::runtime::geo::GeoDatabase;
use crate::runtime::metrics::EngineMetrics;
use crate::runtime::notify::nats::DeadLetter;
use crate::runtime::source::{Batch, Feed, Message};
use crate::runtime::store::format::Position;
use crate::time::{Span, Timestamp};

/// What the decoder hands to the engine, in the feed's order.
#[derive(Debug)]
pub enum Decoded {
    /// Events that arrived.
    Batch(Events),
    /// Nothing has arrived for so long: event time moves on by as much.
    Quiet(Span),
    /// Some time has passed; nothing has happened.
    Tick,
    /// The registry has changed.
    Registry(Box<Registry>),
    /// Events were not watched.
    Gap(Box<Alert>),
    /// The feed has ended, and this was all. A decoder that dies does not say so.
    End,
}

/// Events that arrived together.
#[derive(Debug, Default)]
pub struct Events {
    /// The events, each with the broker's stamp of its message.
    pub events: Vec<(Event, Timestamp)>,
    /// Messages that are no events.
    pub rejected: Vec<DeadLetter>,
    /// Where the stream stands after them; none without JetStream.
    pub position: Option<Position>,
    /// Where to acknowledge them all; none where nothing is to be acknowledged.
    pub ack: Option<Subject>,
    /// Whether the source had caught up when they came.
    pub live: bool,
    /// Silence behind the last of them, at the same position.
    pub quiet: Option<Span>,
}

/// Turns the feed into events.
#[derive(Debug)]
pub struct Decoder {
    /// Bounds of one event.
    pub limits: Limits,
    /// Subjects are `<prefix>.<tenant>.<bot>`.
    pub subject_prefix: String,
    /// Where refused messages are counted.
    pub metrics: EngineMetrics,
    /// Places of addresses, for events that tell none.
    pub geo: Option<GeoDatabase>,
}

impl Decoder {
    /// Works until the feed ends, or until nobody takes the events any more. Blocks its thread. Batches that are done
    /// with come back through `spent`.
    pub fn run(
        mut self,
        mut feed: mpsc::Receiver<Feed>,
        engine: &mpsc::Sender<Decoded>,
        mut spent: mpsc::Receiver<Vec<(Event, Timestamp)>>,
    ) {
        while let Some(item) = feed.blocking_recv() {
            let mut room = Vec::new();
            while let Ok(mut events) = spent.try_recv() {
                events.clear();
                room = events;
            }
            if engine.blocking_send(self.take(item, room)).is_err() {
                return;
            }
        }
        // Where the engine's thread is gone, whoever waits for that one tells.
        engine.blocking_send(Decoded::End).ok();
    }

    /// What the engine gets for an item of the feed. A batch's events go into the room of one that is done with.
    pub fn take(&mut self, item: Feed, room: Vec<(Event, Timestamp)>) -> Decoded {
        match item {
            Feed::Batch(batch) => Decoded::Batch(self.batch(batch, room)),
            Feed::Quiet(span) => Decoded::Quiet(span),
            Feed::Tick => Decoded::Tick,
            Feed::Registry(registry) => Decoded::Registry(registry),
            Feed::Gap(alert) => Decoded::Gap(alert),
        }
    }

    fn batch(&mut self, mut batch: Batch, mut events: Vec<(Event, Timestamp)>) -> Events {
        let mut rejected = Vec::new();
        events.reserve(batch.messages.len());
        for message in std::mem::take(&mut batch.messages) {
            match self.decode(&message) {
                Ok(mut event) => {
                    if let Some(geo) = &mut self.geo {
                        geo.locate(&mut event);
                    }
                    events.push((event, message.stamp));
                }
                Err(reject) => {
                    self.metrics.reject(reject.reason);
                    // A stream that lost its tail, or was made anew, gives its numbers again, at other times. When it was
                    // made is not of the id: of one that is made anew just now it may not be known yet.
                    let (place, stamp) = (batch.position.as_ref(), message.stamp.as_micros());
                    rejected.push(DeadLetter {
                        subject: message.subject.to_string(),
                        payload: message.payload,
                        reject,
                        id: place.map(|place| format!("{}.{}.{stamp}", place.stream, message.sequence)),
                    });
                }
            }
        }
        let Batch { position, ack, live, quiet, .. } = batch;
        Events { events, rejected, position, ack, live, quiet }
    }

    fn decode(&self, message: &Message) -> Result<Event, Reject> {
        let envelope =
            Envelope { identity: identity(&message.subject, &self.subject_prefix), message_id: message.message_id() };
        decode(&message.payload, &envelope, &self.limits)
    }
}
