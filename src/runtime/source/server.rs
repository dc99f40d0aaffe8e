//! The stream on a real server.

use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::consumer::pull::{Config, MessagesError, Stream as MessageStream};
use async_nats::jetstream::consumer::{DeliverPolicy, Info as ConsumerInfo, PullConsumer};
use async_nats::jetstream::context::ConsumerInfoErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{Info, RawMessageErrorKind, Stream};
use async_nats::jetstream::{self, Context, ErrorCode};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::Map;

use super::Message;
use super::reading::Reading;
use super::upstream::{ConsumerFacts, Delivery, Record, RecordFault, StreamFacts, Upstream};
use crate::runtime::health::HealthState;
use crate::runtime::nats::streams::{self, StreamError, StreamSpec};
use crate::time::Timestamp;

/// How long a pull request stands. Longer leaves dead requests with the server, shorter costs idle traffic.
const PULL_EXPIRES: Duration = Duration::from_secs(30);
/// Beats of a standing pull request. Two missed ones are an error: longer notices a dead server late, shorter takes a
/// busy one for dead.
const PULL_HEARTBEAT: Duration = Duration::from_secs(5);
/// Bytes of one pull. More lets a flood of large payloads fill the memory, less makes batches small.
const PULL_BYTES: usize = 64 * 1024 * 1024;

/// A stream and a durable pull consumer on a connection.
#[derive(Debug)]
pub struct Server {
    context: Context,
    spec: StreamSpec,
    wanted: Config,
    batch: usize,
    stream: Option<Stream>,
    consumer: Option<PullConsumer>,
    health: HealthState,
}

type Received = Result<jetstream::Message, MessagesError>;

impl Server {
    pub(super) fn new(client: Client, reading: &Reading, acknowledges: bool, health: HealthState) -> Self {
        Self {
            context: jetstream::new(client),
            spec: reading.spec.clone(),
            wanted: reading.consumer(acknowledges),
            batch: reading.batch,
            stream: None,
            consumer: None,
            health,
        }
    }

    fn opened(&self) -> Result<&Stream, String> {
        self.stream.as_ref().ok_or_else(|| "the stream was not looked up".to_owned())
    }

    fn durable(&self) -> &str {
        self.wanted.durable_name.as_deref().unwrap_or_default()
    }

    fn facts(&self, info: &ConsumerInfo) -> ConsumerFacts {
        let (config, wanted) = (&info.config, &self.wanted);
        let same = config.ack_policy == wanted.ack_policy && config.filter_subject == wanted.filter_subject;
        ConsumerFacts {
            delivered: info.delivered.consumer_sequence,
            at: info.delivered.stream_sequence,
            acknowledged: info.ack_floor.stream_sequence,
            unacknowledged: info.num_ack_pending,
            pending: info.num_pending,
            fits: same && config.filter_subjects == wanted.filter_subjects,
        }
    }
}

impl Upstream for Server {
    type Flow = Map<MessageStream, fn(Received) -> Result<Delivery, String>>;

    async fn open(&mut self) -> Result<StreamFacts, StreamError> {
        let stream = streams::ensure(&self.context, &self.spec).await?;
        let facts = stream_facts(stream.cached_info());
        (self.stream, self.consumer) = (Some(stream), None);
        Ok(facts)
    }

    async fn stream(&self) -> Result<StreamFacts, String> {
        let info = self.opened()?.get_info().await.map_err(text)?;
        Ok(stream_facts(&info))
    }

    async fn record(&self, sequence: u64) -> Result<Option<Record>, RecordFault> {
        match self.opened().map_err(RecordFault::Failed)?.get_raw_message(sequence).await {
            Ok(message) => Ok(Some((Timestamp::from_micros(micros(message.time)), message.payload))),
            Err(error) => match error.kind() {
                RawMessageErrorKind::NoMessageFound => Ok(None),
                RawMessageErrorKind::JetStream(inner) if inner.error_code() == ErrorCode::NO_MESSAGE_FOUND => Ok(None),
                // A refusal is heard of beside the request, which only times out.
                _ if self.health.is_denied(&format!("$JS.API.STREAM.MSG.GET.{}", self.spec.name)) => {
                    Err(RecordFault::Denied)
                }
                _ => Err(RecordFault::Failed(text(error))),
            },
        }
    }

    async fn newest(&self, subject: &str) -> Result<u64, String> {
        match self.opened()?.get_last_raw_message_by_subject(subject).await {
            Ok(message) => Ok(message.sequence),
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(0),
            Err(error) => Err(text(error)),
        }
    }

    async fn consumer(&mut self) -> Result<Option<ConsumerFacts>, String> {
        if let Some(consumer) = &self.consumer {
            let info = consumer.get_info().await.map_err(text)?;
            return Ok(Some(self.facts(&info)));
        }
        let stream = self.opened()?;
        match stream.consumer_info(self.durable()).await {
            Ok(_) => {}
            Err(error) if error.kind() == ConsumerInfoErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(text(error)),
        }
        let consumer = stream.get_consumer::<Config>(self.durable()).await.map_err(text)?;
        let facts = self.facts(consumer.cached_info());
        self.consumer = Some(consumer);
        Ok(Some(facts))
    }

    async fn remove_consumer(&mut self) -> Result<(), String> {
        self.consumer = None;
        self.opened()?.delete_consumer(self.durable()).await.map(drop).map_err(text)
    }

    async fn make_consumer(&mut self, after: u64) -> Result<ConsumerFacts, String> {
        let deliver_policy = match after {
            0 => DeliverPolicy::All,
            sequence => DeliverPolicy::ByStartSequence { start_sequence: sequence + 1 },
        };
        let config = Config { deliver_policy, ..self.wanted.clone() };
        let consumer = self.opened()?.create_consumer(config).await.map_err(text)?;
        let facts = self.facts(consumer.cached_info());
        self.consumer = Some(consumer);
        Ok(facts)
    }

    async fn flow(&self) -> Result<Self::Flow, String> {
        let consumer = self.consumer.as_ref().ok_or_else(|| "there is no consumer".to_owned())?;
        let builder = consumer.stream().max_messages_per_batch(self.batch).max_bytes_per_batch(PULL_BYTES);
        let messages = builder.expires(PULL_EXPIRES).heartbeat(PULL_HEARTBEAT).messages().await.map_err(text)?;
        Ok(messages.map(delivery as fn(Received) -> Result<Delivery, String>))
    }

    async fn write(&self, subject: String, payload: Bytes, last: u64) -> Result<(), String> {
        let message = PublishMessage::build().payload(payload).expected_last_subject_sequence(last);
        let ack = self.context.send_publish(subject, message).await.map_err(text)?;
        ack.await.map(drop).map_err(text)
    }
}

fn delivery(received: Received) -> Result<Delivery, String> {
    let received = received.map_err(text)?;
    let info = received.info().map_err(text)?;
    let (number, times, pending, sequence) =
        (info.consumer_sequence, info.delivered, info.pending, info.stream_sequence);
    let stamp = Timestamp::from_micros(micros(info.published));
    let async_nats::Message { payload, subject, headers, reply, .. } = received.message;
    Ok(Delivery { message: Message { payload, subject, headers, sequence, stamp }, number, times, pending, reply })
}

fn stream_facts(info: &Info) -> StreamFacts {
    StreamFacts {
        name: info.config.name.clone(),
        created_us: micros(info.created),
        first: info.state.first_sequence,
        last: info.state.last_sequence,
    }
}

fn micros(at: async_nats::datetime::DateTime) -> i64 {
    (at.unix_timestamp_nanos() / 1000) as i64
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
