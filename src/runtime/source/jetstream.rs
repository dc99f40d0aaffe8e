//! Events off a JetStream stream, through a durable pull consumer.
//!
//! Who remembers how far we are? With a state directory, the snapshot does: it holds the engine's state and the last
//! sequence that went into it, written together. The consumer then runs with `AckPolicy::None`: the server keeps no
//! list of what is outstanding (at 100,000 events a second and a snapshot a minute that would be millions), nothing is
//! redelivered out of order behind our back, and after a restart we ask for sequence + 1. Without a state directory
//! the server remembers: `AckPolicy::All`, one acknowledgment a batch, sent after its alerts are published.
//!
//! In both modes delivery is checked rather than trusted. The server numbers what it delivers to a consumer; a number
//! that is left out means that messages were lost on the way, as in a broken connection, and the consumer is made anew
//! behind the last message that did arrive. The stream's creation time and last sequence are compared with ours when
//! the source opens and every few seconds: a stream made anew, or one that lost its tail in a crash of the server,
//! gives old numbers to new messages, and whoever just waits for sequence + 1 is blind until the numbers have caught
//! up. Then reading starts over at the beginning; the engine drops what it has seen by its ids.
//!
//! Operators see the lag as the consumer's pending messages, whatever the policy.

use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::consumer::pull::{Config, Stream as MessageStream};
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer};
use async_nats::jetstream::context::ConsumerInfoErrorKind;
use async_nats::jetstream::stream::Stream;
use async_nats::jetstream::{self, Context};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Batch, Feed, Message, Silence, TICK, gather, set_lag};
use crate::config::EventsConfig;
use crate::runtime::clock;
use crate::runtime::health::HealthState;
use crate::runtime::metrics::SourceMetrics;
use crate::runtime::nats::streams::{self, StreamError, StreamSpec};
use crate::runtime::store::format::Position;
use crate::time::Timestamp;

/// How long a pull request stands. Longer leaves dead requests with the server, shorter costs idle traffic.
const PULL_EXPIRES: Duration = Duration::from_secs(30);
/// Beats of a standing pull request. Two missed ones are an error: longer notices a dead server late, shorter takes a
/// busy one for dead.
const PULL_HEARTBEAT: Duration = Duration::from_secs(5);
/// Bytes of one pull. More lets a flood of large payloads fill the memory, less makes batches small.
const PULL_BYTES: usize = 64 * 1024 * 1024;
/// Time between two comparisons with the stream. Longer stays blind for longer after the stream was made anew.
const CHECK_EVERY: Duration = Duration::from_secs(5);
/// Time after which the server would deliver an unacknowledged message again, without a state directory. It must
/// outlast a stalled publish; what is lost on the way is found by number long before.
const ACK_WAIT: Duration = Duration::from_secs(600);
/// How long the event stream keeps events when we make it: the longest baseline and a week to notice a lost snapshot.
const EVENT_AGE_MAX: Duration = Duration::from_secs(37 * 24 * 3600);
/// How long the event stream remembers message ids when we make it. The ids are the producers' own and shared by all
/// bots of the stream, so that one bot could hide another's event for as long; the engine drops duplicates by bot.
const EVENT_DUPLICATE_WINDOW: Duration = Duration::from_millis(100);
/// Longest pause between attempts to open the source again.
const REOPEN_PAUSE_MAX: Duration = Duration::from_secs(5);

/// Where reading begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// State is kept here: behind the snapshot's position, or at the beginning where there is no snapshot.
    Snapshot(Option<Position>),
    /// No state is kept here: behind what the consumer has acknowledged.
    Acknowledged,
}

/// What interrupts reading.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The stream cannot be used.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// The consumer cannot be made or asked.
    #[error("consumer `{durable}`: {detail}")]
    Consumer {
        /// The consumer.
        durable: String,
        /// What happened.
        detail: String,
    },
    /// The flow of messages broke.
    #[error("reading was interrupted: {0}")]
    Interrupted(String),
    /// Messages were lost between server and client.
    #[error("delivery {got} came after {last}: lost on the way, or another process reads through the same consumer")]
    Gap {
        /// The last number.
        last: u64,
        /// The number after it.
        got: u64,
    },
    /// The stream is not the one we read before.
    #[error("stream regressed: sequence {got} came after {last}")]
    Regressed {
        /// The last sequence applied.
        last: u64,
        /// What the stream says now.
        got: u64,
    },
}

impl SourceError {
    /// The class of fault.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Stream(error) => error.reason(),
            Self::Consumer { .. } => "consumer",
            Self::Interrupted(_) => "interrupted",
            Self::Gap { .. } => "gap",
            Self::Regressed { .. } => "regressed",
        }
    }

    /// Whether trying again can help without anybody doing anything.
    #[must_use]
    pub fn retry(&self) -> bool {
        match self {
            Self::Stream(error) => error.retry(),
            _ => true,
        }
    }
}

/// A durable pull consumer and where it stands.
#[derive(Debug)]
pub struct JetStreamSource {
    context: Context,
    spec: StreamSpec,
    wanted: Config,
    batch: usize,
    stream: Stream,
    consumer: PullConsumer,
    position: Position,
    delivered: u64,
    silence: Silence,
    checked: Instant,
    metrics: SourceMetrics,
    health: HealthState,
}

impl JetStreamSource {
    /// Finds or makes stream and consumer.
    ///
    /// # Errors
    /// The stream is missing or for something else, or the server does not answer; see [`SourceError::retry`].
    pub async fn open(
        client: Client,
        config: &EventsConfig,
        start: &Start,
        metrics: SourceMetrics,
        health: HealthState,
    ) -> Result<Self, SourceError> {
        let context = jetstream::new(client);
        let spec = stream_spec(config);
        let wanted = Config {
            durable_name: Some(config.durable.clone()),
            filter_subject: spec.subjects.clone(),
            ack_policy: if *start == Start::Acknowledged { AckPolicy::All } else { AckPolicy::None },
            ack_wait: if *start == Start::Acknowledged { ACK_WAIT } else { Duration::ZERO },
            max_ack_pending: if *start == Start::Acknowledged { -1 } else { 0 },
            description: Some("read by humdrum".to_owned()),
            ..Config::default()
        };
        let stream = streams::ensure(&context, &spec).await?;
        let before = match start {
            Start::Snapshot(position) => position.clone(),
            Start::Acknowledged => acknowledged(&stream, &wanted).await?,
        };
        let position = place(&stream, before.as_ref(), &metrics);
        let (consumer, delivered) = bind(&stream, &wanted, &position).await?;
        set_lag(&metrics, &health, consumer.cached_info().num_pending);
        tracing::info!(stream = spec.name, durable = config.durable, after = position.sequence, "source opened");
        let (batch, silence) = (config.batch.max(1), Silence::new(config.idle_after));
        let checked = clock::monotonic();
        Ok(Self {
            context,
            spec,
            wanted,
            batch,
            stream,
            consumer,
            position,
            delivered,
            silence,
            checked,
            metrics,
            health,
        })
    }

    /// Feeds the engine until the stop, or until nobody takes the feed any more. Faults are told of, counted and
    /// mended by opening the source again: this loop never ends for one.
    pub async fn run(mut self, feed: mpsc::Sender<Feed>, stop: CancellationToken) {
        let mut pause = Duration::ZERO;
        loop {
            let fault = match self.consume(&feed, &stop, &mut pause).await {
                Ok(()) => return,
                Err(fault) => fault,
            };
            tracing::error!(reason = fault.reason(), error = %fault, "source interrupted; opening it again");
            self.health.set_error(&fault);
            self.metrics.reopened.inc();
            loop {
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = stop.cancelled() => return,
                }
                pause = (pause * 2).clamp(TICK, REOPEN_PAUSE_MAX);
                let reopened = tokio::select! {
                    reopened = self.reopen() => reopened,
                    () = stop.cancelled() => return,
                };
                match reopened {
                    Ok(()) => break,
                    Err(error) => {
                        tracing::error!(reason = error.reason(), %error, "source cannot be opened; trying on");
                        self.health.set_error(&error);
                    }
                }
            }
        }
    }

    /// `Ok` at the stop.
    async fn consume(
        &mut self,
        feed: &mpsc::Sender<Feed>,
        stop: &CancellationToken,
        pause: &mut Duration,
    ) -> Result<(), SourceError> {
        let mut messages = self.pull().await?;
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let (item, lag, fault) = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                gathered = gather(&mut messages, self.batch) => {
                    *pause = Duration::ZERO;
                    let (batch, lag, fault) = self.accept(gathered);
                    (Feed::Batch(batch), lag, fault)
                }
                _ = tick.tick() => match self.tick().await {
                    Ok((item, lag)) => (item, lag, None),
                    Err(fault) => (Feed::Tick, None, Some(fault)),
                },
            };
            tokio::select! {
                sent = feed.send(item) => if sent.is_err() { return Ok(()) },
                () = stop.cancelled() => return Ok(()),
            }
            // Behind the send: what a stop may still drop has not been taken.
            if let Some(lag) = lag {
                set_lag(&self.metrics, &self.health, lag);
            }
            if let Some(fault) = fault {
                return Err(fault);
            }
        }
    }

    async fn pull(&self) -> Result<MessageStream, SourceError> {
        let builder = self.consumer.stream().max_messages_per_batch(self.batch).max_bytes_per_batch(PULL_BYTES);
        let messages = builder.expires(PULL_EXPIRES).heartbeat(PULL_HEARTBEAT).messages().await;
        messages.map_err(|error| SourceError::Interrupted(error.to_string()))
    }

    /// Takes the messages in that follow on one another; the first that does not, ends the batch. With how many wait
    /// behind them.
    fn accept<E: std::fmt::Display>(
        &mut self,
        gathered: Vec<Result<jetstream::Message, E>>,
    ) -> (Batch, Option<u64>, Option<SourceError>) {
        let mut fault = gathered.is_empty().then(|| SourceError::Interrupted("the flow ended".to_owned()));
        let mut messages = Vec::with_capacity(gathered.len());
        let (mut ack, mut pending) = (None, None);
        for item in gathered {
            let message = match item {
                Ok(message) => message,
                Err(error) => {
                    fault = Some(SourceError::Interrupted(error.to_string()));
                    break;
                }
            };
            match self.follow(&message) {
                Ok(None) => {}
                Ok(Some(place)) => {
                    let message = message.message;
                    pending = Some(place.pending);
                    ack = message.reply;
                    let (payload, subject, headers) = (message.payload, message.subject, message.headers);
                    messages.push(Message { payload, subject, headers, sequence: place.sequence, stamp: place.stamp });
                }
                Err(error) => {
                    fault = Some(error);
                    break;
                }
            }
        }
        let live = self.health.caught_up();
        if pending.is_some() {
            self.silence.reset();
        }
        let ack = ack.filter(|_| self.wanted.ack_policy == AckPolicy::All);
        (Batch { messages, position: Some(self.position.clone()), ack, live }, pending, fault)
    }

    /// Where a message stands, if it follows on the last; `None` for one that was seen before.
    fn follow(&mut self, message: &jetstream::Message) -> Result<Option<Place>, SourceError> {
        let info = message.info().map_err(|error| SourceError::Interrupted(error.to_string()))?;
        if info.consumer_sequence != self.delivered + 1 {
            return Err(SourceError::Gap { last: self.delivered, got: info.consumer_sequence });
        }
        if info.stream_sequence <= self.position.sequence {
            if info.delivered > 1 {
                self.delivered = info.consumer_sequence;
                return Ok(None);
            }
            return Err(SourceError::Regressed { last: self.position.sequence, got: info.stream_sequence });
        }
        self.delivered = info.consumer_sequence;
        self.position.sequence = info.stream_sequence;
        let stamp = Timestamp::from_micros((info.published.unix_timestamp_nanos() / 1000) as i64);
        Ok(Some(Place { sequence: info.stream_sequence, pending: info.pending, stamp }))
    }

    /// Looks after what no message tells of. With how many messages wait, where that was asked.
    async fn tick(&mut self) -> Result<(Feed, Option<u64>), SourceError> {
        if !self.health.connected() {
            self.silence.reset();
            return Ok((Feed::Tick, None));
        }
        let quiet = self.silence.is_due();
        let check = clock::monotonic().saturating_duration_since(self.checked) >= CHECK_EVERY;
        if !quiet && !check {
            return Ok((Feed::Tick, None));
        }
        self.checked = clock::monotonic();
        let pending = self.compare().await?;
        if pending > 0 {
            // Messages wait: the silence is ours and not the source's.
            self.silence.reset();
            return Ok((Feed::Tick, Some(pending)));
        }
        Ok((if quiet { Feed::Quiet(self.silence.take()) } else { Feed::Tick }, Some(pending)))
    }

    /// Compares the stream with what we remember of it; the messages that wait in it.
    async fn compare(&self) -> Result<u64, SourceError> {
        let stream = self.stream.get_info().await.map_err(|error| SourceError::Interrupted(error.to_string()))?;
        let (last, got) = (self.position.sequence, stream.state.last_sequence);
        if micros(stream.created) != self.position.created_us || got < last {
            return Err(SourceError::Regressed { last, got });
        }
        let info = self.consumer.get_info().await.map_err(|error| self.consumer_fault(&error))?;
        Ok(info.num_pending)
    }

    async fn reopen(&mut self) -> Result<(), SourceError> {
        let stream = streams::ensure(&self.context, &self.spec).await?;
        let position = place(&stream, Some(&self.position), &self.metrics);
        let (consumer, delivered) = bind(&stream, &self.wanted, &position).await?;
        set_lag(&self.metrics, &self.health, consumer.cached_info().num_pending);
        self.silence.reset();
        tracing::info!(after = position.sequence, "source opened again");
        (self.stream, self.consumer, self.position, self.delivered) = (stream, consumer, position, delivered);
        Ok(())
    }

    fn consumer_fault(&self, error: &dyn std::fmt::Display) -> SourceError {
        consumer_fault(&self.wanted, error)
    }
}

struct Place {
    sequence: u64,
    pending: u64,
    stamp: Timestamp,
}

/// What the event stream must do, and how to make it.
#[must_use]
pub fn stream_spec(config: &EventsConfig) -> StreamSpec {
    StreamSpec {
        name: config.stream.clone(),
        needs: format!("{}.*.*", config.subject_prefix),
        subjects: format!("{}.>", config.subject_prefix),
        create: config.create_stream,
        max_age: EVENT_AGE_MAX,
        duplicate_window: EVENT_DUPLICATE_WINDOW,
        description: "events of bots, read by humdrum",
    }
}

/// Where to go on in the stream as it is now.
fn place(stream: &Stream, before: Option<&Position>, metrics: &SourceMetrics) -> Position {
    let info = stream.cached_info();
    let (name, created_us) = (info.config.name.clone(), micros(info.created));
    let beginning = Position { stream: name.clone(), created_us, sequence: 0 };
    let Some(before) = before else {
        return beginning;
    };
    let (last, first) = (info.state.last_sequence, info.state.first_sequence);
    if before.stream != name {
        tracing::error!(was = before.stream, is = name, "another stream than before; starting over at its beginning");
        return beginning;
    }
    if before.created_us != created_us || last < before.sequence {
        let after = before.sequence;
        tracing::error!(stream = name, after, last, "stream was made anew or lost its tail; starting over");
        return beginning;
    }
    if first > before.sequence + 1 && info.state.messages > 0 {
        let lost = first - before.sequence - 1;
        metrics.lost.inc_by(lost);
        tracing::error!(stream = name, lost, "messages expired before they were read");
    }
    before.clone()
}

/// What the consumer of an earlier run has acknowledged.
async fn acknowledged(stream: &Stream, wanted: &Config) -> Result<Option<Position>, SourceError> {
    let durable = wanted.durable_name.as_deref().unwrap_or_default();
    let Some(consumer) = find(stream, wanted, durable).await? else {
        return Ok(None);
    };
    let info = stream.cached_info();
    let sequence = consumer.cached_info().ack_floor.stream_sequence.min(info.state.last_sequence);
    Ok(Some(Position { stream: info.config.name.clone(), created_us: micros(info.created), sequence }))
}

/// A consumer that delivers what follows on a position, and the number of its last delivery.
async fn bind(stream: &Stream, wanted: &Config, position: &Position) -> Result<(PullConsumer, u64), SourceError> {
    let durable = wanted.durable_name.as_deref().unwrap_or_default();
    if let Some(consumer) = find(stream, wanted, durable).await? {
        let info = consumer.cached_info();
        let same = info.config.ack_policy == wanted.ack_policy && info.config.filter_subject == wanted.filter_subject;
        if same && info.delivered.stream_sequence == position.sequence && info.num_ack_pending == 0 {
            let delivered = info.delivered.consumer_sequence;
            return Ok((consumer, delivered));
        }
        tracing::warn!(
            durable,
            consumer_at = info.delivered.stream_sequence,
            position = position.sequence,
            "consumer stands elsewhere; making it anew"
        );
        stream.delete_consumer(durable).await.map_err(|error| consumer_fault(wanted, &error))?;
    }
    let deliver_policy = match position.sequence {
        0 => DeliverPolicy::All,
        sequence => DeliverPolicy::ByStartSequence { start_sequence: sequence + 1 },
    };
    let config = Config { deliver_policy, ..wanted.clone() };
    let consumer = stream.create_consumer(config).await.map_err(|error| consumer_fault(wanted, &error))?;
    Ok((consumer, 0))
}

async fn find(stream: &Stream, wanted: &Config, durable: &str) -> Result<Option<PullConsumer>, SourceError> {
    match stream.consumer_info(durable).await {
        Ok(_) => {}
        Err(error) if error.kind() == ConsumerInfoErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(consumer_fault(wanted, &error)),
    }
    match stream.get_consumer(durable).await {
        Ok(consumer) => Ok(Some(consumer)),
        Err(error) => Err(consumer_fault(wanted, &error)),
    }
}

fn consumer_fault(wanted: &Config, error: &dyn std::fmt::Display) -> SourceError {
    SourceError::Consumer { durable: wanted.durable_name.clone().unwrap_or_default(), detail: error.to_string() }
}

fn micros(at: async_nats::datetime::DateTime) -> i64 {
    (at.unix_timestamp_nanos() / 1000) as i64
}
