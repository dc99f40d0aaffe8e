//! Events read back from the stream that they came on.
//!
//! A stream is in order of arrival and is asked by event time, which may be last spring's: the first message of the bot
//! that is late enough is found by bisection over the stream's sequence numbers, one message a step, then the rest is read
//! in one go through a consumer that the server forgets. Blind spot: events that came more than [`EARLY`] out of order.

use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use async_nats::jetstream::stream::Stream;
use async_nats::jetstream::{self, Context};
use futures_util::StreamExt;
use tokio::time::timeout;

use super::{EVENTS_MAX, EvidenceError, Found, Stretch};
use crate::event::Event;
use crate::event::decode::{Envelope, Limits, decode};
use crate::event::subject::{encode_token, identity};
use crate::time::{Span, Timestamp};

/// Time for one answer. Longer keeps a person before a page that does not come.
const PATIENCE: Duration = Duration::from_secs(3);
/// How much before the first instant reading begins, for events that arrived out of order.
const EARLY: Span = Span::from_mins(10);
/// Messages that are looked at for one answer, so that a flood behind the stretch ends it.
const MESSAGES_MAX: usize = 4 * EVENTS_MAX;

/// A stream of events.
#[derive(Clone, Debug)]
pub struct StreamEvents {
    context: Context,
    stream: String,
    subject_prefix: String,
    limits: Limits,
}

impl StreamEvents {
    /// Events of a stream, on `<prefix>.<tenant>.<bot>`.
    #[must_use]
    pub fn new(client: Client, stream: String, subject_prefix: String, limits: Limits) -> Self {
        let mut context = jetstream::new(client);
        context.set_timeout(PATIENCE);
        Self { context, stream, subject_prefix, limits }
    }

    pub(super) async fn find(&self, stretch: &Stretch) -> Result<Found, EvidenceError> {
        let found = timeout(PATIENCE, self.read(stretch)).await;
        found.unwrap_or_else(|_| Err(EvidenceError("the broker takes too long".to_owned())))
    }

    async fn read(&self, stretch: &Stretch) -> Result<Found, EvidenceError> {
        let stream = self.context.get_stream(&self.stream).await.map_err(told)?;
        let (tenant, bot) = (encode_token(&stretch.tenant), encode_token(&stretch.bot));
        let subject = format!("{}.{tenant}.{bot}", self.subject_prefix);
        let state = &stream.cached_info().state;
        let (first, end) = (state.first_sequence, state.last_sequence + 1);
        let Some((_, oldest)) = self.next(&stream, &subject, first).await? else {
            return Ok(Found { gone_before: Some(stretch.to), ..Found::default() });
        };
        let from = stretch.from - EARLY;
        let (mut low, mut high) = (first, end);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.next(&stream, &subject, middle).await? {
                Some((sequence, ts)) if ts < from => low = sequence + 1,
                _ => high = middle,
            }
        }
        let (events, cut) = self.events(&stream, subject, low, stretch).await?;
        Ok(Found { events, cut, gone_before: Some(oldest).filter(|oldest| *oldest > stretch.from) }.sorted())
    }

    /// Sequence and event time of the bot's first message from a sequence on. Those that are no events are passed over.
    async fn next(
        &self,
        stream: &Stream,
        subject: &str,
        mut from: u64,
    ) -> Result<Option<(u64, Timestamp)>, EvidenceError> {
        for _ in 0..MESSAGES_MAX {
            let message = match stream.get_first_raw_message_by_subject(subject, from).await {
                Ok(message) => message,
                Err(error) if error.kind() == jetstream::stream::RawMessageErrorKind::NoMessageFound => {
                    return Ok(None);
                }
                Err(error) => return Err(told(error)),
            };
            if let Some(event) = self.event(&message.payload, &message.subject, None) {
                return Ok(Some((message.sequence, event.ts)));
            }
            from = message.sequence + 1;
        }
        Ok(None)
    }

    /// The events of a stretch from a sequence on, and whether there are more of them.
    async fn events(
        &self,
        stream: &Stream,
        subject: String,
        start_sequence: u64,
        stretch: &Stretch,
    ) -> Result<(Vec<Event>, bool), EvidenceError> {
        let deliver_policy = DeliverPolicy::ByStartSequence { start_sequence: start_sequence.max(1) };
        let config = OrderedConfig { filter_subject: subject, deliver_policy, ..OrderedConfig::default() };
        let consumer = stream.create_consumer(config).await.map_err(told)?;
        if consumer.cached_info().num_pending == 0 {
            return Ok((Vec::new(), false));
        }
        let mut messages = consumer.messages().await.map_err(told)?.take(MESSAGES_MAX);
        let mut events = Vec::new();
        while let Some(message) = messages.next().await {
            let message = message.map_err(told)?;
            let id = message.headers.as_ref().and_then(|headers| headers.get(async_nats::header::NATS_MESSAGE_ID));
            let event = self.event(&message.payload, &message.subject, id.map(async_nats::HeaderValue::as_str));
            let last = message.info().map_or(true, |info| info.pending == 0);
            match event {
                Some(event) if event.ts > stretch.to + EARLY => return Ok((events, false)),
                Some(event) if event.ts >= stretch.from && event.ts <= stretch.to => events.push(event),
                _ => {}
            }
            if last {
                return Ok((events, false));
            }
            if events.len() > EVENTS_MAX {
                break;
            }
        }
        Ok((events, true))
    }

    fn event(&self, payload: &[u8], subject: &str, message_id: Option<&str>) -> Option<Event> {
        let envelope = Envelope { identity: identity(subject, &self.subject_prefix), message_id };
        decode(payload, &envelope, &self.limits).ok()
    }
}

fn told(error: impl std::fmt::Display) -> EvidenceError {
    EvidenceError(error.to_string())
}
