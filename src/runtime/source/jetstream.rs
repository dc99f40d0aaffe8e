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
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::anchor::{self, Anchor, Marks, anchor, bind};
pub use super::fault::SourceError;
use super::reading::{Reading, Start};
use super::server::Server;
use super::sorted::Sorted;
use super::upstream::{Delivery, StreamFacts, Upstream};
use super::{Batch, Feed, Lag, Message, Silence, TICK, gather, is_canary};
use crate::alert::coverage::{Gap, GapKind};
use crate::runtime::clock;
use crate::runtime::health::HealthState;
use crate::runtime::metrics::SourceMetrics;
use crate::runtime::store::format::{Mark, Position};
use crate::time::Timestamp;

/// Time between two comparisons with the stream. Longer stays blind for longer after the stream was made anew.
const CHECK_EVERY: Duration = Duration::from_secs(2);
/// Runs of sequences that wait to be judged, the longest of all. One that was given up is long; others' records are many.
const JUMPS_MAX: usize = 64;
/// Time between two questions whether what a partition left out is gone. Longer tells of a gap late.
const JUDGED_EVERY: Duration = Duration::from_secs(1);
/// Longest pause between attempts to open the source again.
const REOPEN_PAUSE_MAX: Duration = Duration::from_secs(5);

/// A durable pull consumer and where it stands.
#[derive(Debug)]
pub struct JetStreamSource<U = Server> {
    upstream: U,
    reading: Reading,
    /// Where what is read is acknowledged, a batch at a time: up to where that is so, as the server told last.
    acknowledged: Option<u64>,
    position: Position,
    delivered: u64,
    /// Whether the position was moved on without a message: then nothing at it was applied yet.
    moved: bool,
    /// What a consumer delivers again up to there was read, and waits to be acknowledged.
    waits: u64,
    /// Sequences that were left out, and may be gone.
    jumps: Vec<(u64, u64)>,
    /// Silence on record up to then was applied before the stream was read again.
    heard: Timestamp,
    silence: Silence,
    checked: Instant,
    /// When the stream was last asked about what was left out.
    judged: Option<Instant>,
    /// Whether the stream's records can be looked at.
    marks: Marks,
    /// The connection on which the place was last compared with the stream.
    connection: u64,
    /// Found, and to be told before anything else.
    gap: Option<Gap>,
    lag: Lag,
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
        reading: Reading,
        start: &Start,
        metrics: SourceMetrics,
        health: HealthState,
    ) -> Result<Self, SourceError> {
        let server = Server::new(client, &reading, *start == Start::Acknowledged, health.clone());
        Self::open_on(server, reading, start, metrics, health).await
    }
}

impl<U: Upstream> JetStreamSource<U> {
    /// The same on whatever has the stream.
    ///
    /// # Errors
    /// As [`JetStreamSource::open`].
    pub async fn open_on(
        mut upstream: U,
        reading: Reading,
        start: &Start,
        metrics: SourceMetrics,
        health: HealthState,
    ) -> Result<Self, SourceError> {
        let fault = |detail| SourceError::Consumer { durable: reading.durable.clone(), detail };
        let connection = health.connections();
        let stream = upstream.open().await?;
        let before = match start {
            Start::Snapshot(position) => position.clone(),
            Start::Acknowledged => anchor::acknowledged(&mut upstream, &stream).await.map_err(fault)?,
        };
        let mut marks = Marks::default();
        let anchored = anchor(&upstream, &stream, before.as_ref(), &mut marks).await;
        let Anchor { position, gap } = anchored.map_err(SourceError::Interrupted)?;
        let heard = anchor::heard(before.as_ref(), &position);
        let mut acknowledged = (*start == Start::Acknowledged).then_some(position.sequence);
        let consumer = bind(&mut upstream, &position, &mut acknowledged).await.map_err(fault)?;
        let mut lag = Lag::new(&metrics, &health);
        lag.set(consumer.pending);
        let (name, durable, after) = (&reading.spec.name, &reading.durable, position.sequence);
        tracing::info!(stream = name, durable, after, "source opened");
        let (silence, checked) = (Silence::new(reading.idle_after), clock::monotonic());
        Ok(Self {
            upstream,
            acknowledged,
            reading,
            position,
            delivered: consumer.delivered,
            moved: false,
            waits: 0,
            jumps: Vec::new(),
            heard,
            silence,
            checked,
            judged: None,
            marks,
            connection,
            gap,
            lag,
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
                let opening = async {
                    tokio::time::sleep(pause).await;
                    self.reopen().await
                };
                let reopened = tokio::select! {
                    reopened = opening => reopened,
                    () = stop.cancelled() => {
                        // Whoever does not try to read is not kept from it.
                        self.health.set_unreadable(None);
                        return;
                    }
                };
                pause = (pause * 2).clamp(TICK, REOPEN_PAUSE_MAX);
                self.health.set_unreadable(reopened.as_ref().err().map(ToString::to_string));
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
        let mut messages = self.upstream.flow().await.map_err(SourceError::Interrupted)?;
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let (items, lag, fault) = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                gathered = gather(&mut messages, self.reading.batch) => {
                    *pause = Duration::ZERO;
                    self.reconnected().await?;
                    let Accepted { items, pending, fault } = self.accept(gathered);
                    (items, pending, fault)
                }
                _ = tick.tick() => match self.tick().await {
                    Ok((items, lag)) => (items, lag, None),
                    Err(fault) => (vec![Feed::Tick], None, Some(fault)),
                },
            };
            self.judge().await;
            // A gap is told before what came behind it.
            let gap = self.gap.take().map(|gap| self.told(&Gap { part: self.reading.ticks.clone(), ..gap }));
            for item in gap.into_iter().chain(items) {
                tokio::select! {
                    sent = feed.send(item) => if sent.is_err() { return Ok(()) },
                    () = stop.cancelled() => return Ok(()),
                }
            }
            // Behind the send: what a stop may still drop has not been taken.
            if let Some(lag) = lag {
                self.lag.set(lag);
            }
            if let Some(fault) = fault {
                return Err(fault);
            }
        }
    }

    /// Takes the messages in that follow on one another; the first that does not, ends the batch.
    fn accept(&mut self, gathered: Vec<Result<Delivery, String>>) -> Accepted {
        let mut fault = gathered.is_empty().then(|| SourceError::Interrupted("the flow ended".to_owned()));
        let mut sorted = Sorted::new(gathered.len(), self.health.caught_up(), self.heard);
        let (mut ack, mut pending, mut mark) = (None, None, None);
        for item in gathered {
            let before = self.position.sequence;
            match item.map_err(SourceError::Interrupted).and_then(|delivery| self.follow(delivery)) {
                Ok(None) => {}
                Ok(Some(Delivery { message, reply, pending: behind, .. })) => {
                    pending = Some(behind);
                    if message.sequence > before + 1 {
                        self.leave_out(before + 1, message.sequence - 1);
                    }
                    ack = reply;
                    mark = Some((message.stamp, message.payload.clone()));
                    self.sort(message, &mut sorted);
                }
                Err(error) => {
                    fault = Some(error);
                    break;
                }
            }
        }
        if let Some((stamp, payload)) = mark {
            self.position.record = Some(Mark::of(stamp, &payload));
        }
        let ack = ack.filter(|_| self.acknowledged.is_some());
        Accepted { items: sorted.end(self.position.clone(), ack), pending, fault }
    }

    /// Puts a message where it belongs: events to events; what is only there to be written is passed over.
    fn sort(&mut self, message: Message, sorted: &mut Sorted) {
        if self.reading.ticks.as_deref() == Some(message.subject.as_str()) {
            sorted.tick(&message, &self.position);
        } else if !is_canary(&message.subject) {
            self.silence.reset();
            sorted.push(message);
        }
    }

    /// A delivery, if it follows on the last; `None` for a message that was seen before.
    fn follow(&mut self, delivery: Delivery) -> Result<Option<Delivery>, SourceError> {
        let (number, sequence) = (delivery.number, delivery.message.sequence);
        if number != self.delivered + 1 {
            return Err(SourceError::Gap { last: self.delivered, got: number });
        }
        let at_it = self.moved && sequence == self.position.sequence;
        if sequence <= self.position.sequence && !at_it {
            if delivery.times > 1 || sequence <= self.waits {
                self.delivered = number;
                return Ok(None);
            }
            return Err(SourceError::Regressed { last: self.position.sequence, got: sequence });
        }
        (self.delivered, self.moved) = (number, false);
        self.position.sequence = sequence;
        Ok(Some(delivery))
    }

    /// Looks after what no message tells of. With how many messages wait, where that was asked.
    async fn tick(&mut self) -> Result<(Vec<Feed>, Option<u64>), SourceError> {
        if !self.health.connected() {
            self.silence.reset();
            return Ok((vec![Feed::Tick], None));
        }
        let quiet = self.silence.is_due();
        let check = clock::monotonic().saturating_duration_since(self.checked) >= CHECK_EVERY;
        if !quiet && !check {
            return Ok((vec![Feed::Tick], None));
        }
        self.checked = clock::monotonic();
        let (pending, moved) = self.compare().await?;
        let mut items: Vec<Feed> = moved.into_iter().collect();
        if pending > 0 {
            // Messages wait: the silence is ours and not the source's.
            self.silence.reset();
            items.push(Feed::Tick);
            return Ok((items, Some(pending)));
        }
        items.push(if quiet { self.quiet().await } else { Feed::Tick });
        Ok((items, Some(pending)))
    }

    /// The source has been quiet for long enough.
    async fn quiet(&mut self) -> Feed {
        let span = self.silence.take();
        let Some(ticks) = self.reading.ticks.clone() else { return Feed::Quiet(span) };
        // Whoever was stopped and wakes knows nothing of the time in between.
        let span = span.as_micros().min(2 * self.reading.idle_after.as_micros() as i64);
        if let Err(error) = self.record_silence(ticks, span).await {
            tracing::warn!(error, "silence cannot be put on record");
        }
        Feed::Tick
    }

    /// Puts silence on record, so that whoever takes over finds it at the same place. What somebody else has recorded
    /// and we have not read counts for us as well.
    async fn record_silence(&self, ticks: String, micros: i64) -> Result<(), String> {
        let last = self.upstream.newest(&ticks).await?;
        if last > self.position.sequence {
            return Ok(());
        }
        self.upstream.write(ticks, micros.to_string().into(), last).await
    }

    /// A server that went away may have lost what it had not written yet. Where others have taken the numbers of that, a
    /// message or two later nothing tells any more: so the stream is compared before anything on another connection is
    /// taken in.
    async fn reconnected(&mut self) -> Result<(), SourceError> {
        let connection = self.health.connections();
        if connection != self.connection {
            self.marks.look_again();
            self.same_stream().await?;
            self.connection = connection;
        }
        Ok(())
    }

    /// The stream, if it is the one that we have read.
    async fn same_stream(&mut self) -> Result<StreamFacts, SourceError> {
        let stream = self.upstream.stream().await.map_err(SourceError::Interrupted)?;
        let (last, got) = (self.position.sequence, stream.last);
        let other = stream.created_us != self.position.created_us || got < last;
        let replaced = async { anchor::replaced(&self.upstream, &self.position, &mut self.marks).await };
        if other || replaced.await.map_err(SourceError::Interrupted)? {
            return Err(SourceError::Regressed { last, got });
        }
        Ok(stream)
    }

    /// Compares the stream with what we remember of it: the messages that wait in it, and where we stand if all of it
    /// has been read.
    async fn compare(&mut self) -> Result<(u64, Option<Feed>), SourceError> {
        let stream = self.same_stream().await?;
        let (last, got) = (self.position.sequence, stream.last);
        let consumer = self.upstream.consumer().await.map_err(|detail| self.consumer_fault(detail))?;
        let gone = || self.consumer_fault("it is gone".to_owned());
        let consumer = consumer.ok_or_else(gone)?;
        anchor::tells(&mut self.acknowledged, consumer.acknowledged);
        let moved =
            if consumer.pending == 0 && consumer.at <= last && got > last { self.move_on(&stream).await } else { None };
        Ok((consumer.pending, moved))
    }

    /// Nothing waits for us up to the stream's end: what lies there is not for us, or is gone. The consumer may only not
    /// know yet, having another leader than the stream; so the stream has to say the same.
    async fn move_on(&mut self, stream: &StreamFacts) -> Option<Feed> {
        if !self.marks.are_looked_at()
            || !anchor::is_last(&self.upstream, &self.reading.filter, self.position.sequence).await
        {
            return None;
        }
        // Later, if not now.
        let record = anchor::record(&self.upstream, stream.last, &mut self.marks).await.ok()?;
        self.moved = true;
        self.gap = self.gap.take().or_else(|| anchor::expired(stream, &self.position));
        (self.position.sequence, self.position.record) = (stream.last, record);
        let (position, live) = (Some(self.position.clone()), self.health.caught_up());
        Some(Feed::Batch(Batch { position, live, ..Batch::default() }))
    }

    /// A run of sequences was left out.
    fn leave_out(&mut self, from: u64, to: u64) {
        let shortest = self.jumps.iter().enumerate().min_by_key(|(_, (from, to))| to - from);
        match shortest {
            Some((at, (begun, ended))) if self.jumps.len() >= JUMPS_MAX => {
                if to - from > ended - begun {
                    self.jumps.remove(at);
                    self.jumps.push((from, to));
                }
            }
            _ => self.jumps.push((from, to)),
        }
    }

    /// Whether messages that were left out are gone, or were none of ours. While the stream cannot be asked, that is open. A
    /// partition leaves most sequences to the others: one question a batch would be as many as batches.
    async fn judge(&mut self) {
        let now = clock::monotonic();
        let asked = self.judged.is_some_and(|at| now.saturating_duration_since(at) < JUDGED_EVERY);
        if self.jumps.is_empty() || self.reading.ticks.is_some() && asked {
            return;
        }
        self.judged = Some(now);
        let Ok(stream) = self.upstream.stream().await else { return };
        // Others' records are left out as well, but rarely so many at once.
        let gone = self.jumps.drain(..).filter(|(from, _)| *from < stream.first);
        if let Some((from, to)) = gone.max_by_key(|(from, to)| to - from) {
            let after = Position { sequence: from - 1, ..self.position.clone() };
            let gap = Gap { sequences: Some((from, to)), ..anchor::gap(GapKind::Expired, &after) };
            self.gap = self.gap.take().or(Some(gap));
        }
    }

    /// Counts a gap; what the engine hands on of it.
    fn told(&self, gap: &Gap) -> Feed {
        let text = gap.text();
        tracing::error!(kind = gap.kind.as_str(), "{text}");
        self.metrics.gap(gap);
        self.health.add_gap(text);
        if gap.kind != GapKind::Expired {
            self.health.set_behind();
        }
        Feed::Gap(Box::new(gap.alert()))
    }

    async fn reopen(&mut self) -> Result<(), SourceError> {
        let connection = self.health.connections();
        let stream = self.upstream.open().await?;
        let anchored = anchor(&self.upstream, &stream, Some(&self.position), &mut self.marks).await;
        let Anchor { position, gap } = anchored.map_err(SourceError::Interrupted)?;
        let bound = bind(&mut self.upstream, &position, &mut self.acknowledged).await;
        let consumer = bound.map_err(|detail| self.consumer_fault(detail))?;
        self.lag.set(consumer.pending);
        self.silence.reset();
        self.gap = self.gap.take().or(gap);
        tracing::info!(after = position.sequence, "source opened again");
        self.heard = self.heard.later(anchor::heard(Some(&self.position), &position));
        self.moved &= position == self.position;
        self.waits = if self.acknowledged.is_some() { position.sequence } else { 0 };
        (self.position, self.delivered, self.connection) = (position, consumer.delivered, connection);
        Ok(())
    }

    fn consumer_fault(&self, detail: String) -> SourceError {
        SourceError::Consumer { durable: self.reading.durable.clone(), detail }
    }
}

/// What came of messages that arrived together.
struct Accepted {
    items: Vec<Feed>,
    /// How many wait behind them.
    pending: Option<u64>,
    fault: Option<SourceError>,
}
