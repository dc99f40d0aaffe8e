//! The engine's thread: observes, hands over.
//!
//! The engine has a thread and not a task: it computes without ever waiting, and would starve whatever shared its
//! worker. It owns the engine outright, so that nothing here is locked.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::decode::{Decoded, Events};
use super::suppressions::SuppressionWatch;
use super::{Raised, Scored, State, Work};
use crate::alert::Whose;
use crate::detect::{Engine, Output, Stats};
use crate::event::Event;
use crate::event::decode::encode;
use crate::event::subject::encode_token;
use crate::runtime::clock;
use crate::runtime::feedback::desk::FeedbackDesk;
use crate::runtime::metrics::EngineMetrics;
use crate::runtime::notify::nats::DeadLetter;
use crate::runtime::store::format::Position;
use crate::time::Timestamp;

/// One event in so many has its scoring measured. Fewer would make a slow detector invisible on a quiet fleet, more
/// would make the clock a cost of its own.
const MEASURED_ONE_IN: u64 = 100;

/// Time between two readings of the engine's figures. Longer makes dashboards lag, shorter costs the engine.
const STATS_EVERY: Duration = Duration::from_millis(200);

/// What the scorer must know besides the engine.
#[derive(Clone, Debug)]
pub struct ScorerSettings {
    /// Subjects are `<prefix>.<tenant>.<bot>`.
    pub subject_prefix: String,
    /// Time between snapshots; none where no state is kept.
    pub snapshot_every: Option<Duration>,
}

/// The engine and its surroundings.
#[derive(Debug)]
pub struct Scorer {
    engine: Engine,
    settings: ScorerSettings,
    metrics: EngineMetrics,
    told: Stats,
    told_at: Instant,
    suppressions: SuppressionWatch,
    position: Option<Position>,
    desk: FeedbackDesk,
    snapshot_at: Instant,
    events: u64,
    output: Output,
}

impl Scorer {
    /// A scorer that goes on at a position, and takes the feedback that comes to a desk.
    #[must_use]
    pub fn new(
        engine: Engine,
        position: Option<Position>,
        settings: ScorerSettings,
        metrics: EngineMetrics,
        desk: FeedbackDesk,
    ) -> Self {
        let (told, now) = (engine.stats(), clock::monotonic());
        metrics.update(&told, &told);
        let mut suppressions = SuppressionWatch::default();
        suppressions.look(&engine);
        Self {
            engine,
            settings,
            metrics,
            told,
            told_at: now,
            suppressions,
            position,
            desk,
            snapshot_at: now,
            events: 0,
            output: Output::default(),
        }
    }

    /// Works until the feed ends, or until nobody takes the work any more. Blocks its thread.
    pub fn run(
        mut self,
        mut decoded: mpsc::Receiver<Decoded>,
        spent: &mpsc::Sender<Vec<(Event, Timestamp)>>,
        work: &mpsc::Sender<Work>,
    ) {
        while let Some(item) = decoded.blocking_recv() {
            let mut scored = match item {
                Decoded::Batch(mut batch) => {
                    let events = std::mem::take(&mut batch.events);
                    let scored = self.batch(&events, batch);
                    // Where the decoder has ended or has enough of them, they are dropped here.
                    drop(spent.try_send(events));
                    Some(scored)
                }
                Decoded::Quiet(span) => {
                    let mut scored = Scored::default();
                    self.engine.idle(span, &mut self.output);
                    self.collect(&mut scored, None);
                    Some(scored)
                }
                Decoded::Tick => None,
                Decoded::Registry(registry) => {
                    self.engine.set_registry(*registry);
                    None
                }
            };
            self.listen(&mut scored);
            if scored.is_some_and(|scored| work.blocking_send(Work::Scored(scored)).is_err()) {
                return;
            }
            let now = clock::monotonic();
            self.tell(now);
            let due = self.settings.snapshot_every.is_some_and(|every| now - self.snapshot_at >= every);
            if due {
                self.snapshot_at = now;
                if work.blocking_send(Work::Checkpoint(self.state())).is_err() {
                    return;
                }
            }
        }
        self.tell(clock::monotonic() + STATS_EVERY);
        SuppressionWatch::end(&self.engine);
        // Nobody may be there to take it, where the stop ran out of time: then the last snapshot stands.
        drop(work.blocking_send(Work::End(self.state())));
    }

    /// Takes the feedback that has come: here between two batches, there in the journal at this place of the input.
    fn listen(&mut self, scored: &mut Option<Scored>) {
        self.desk.due(&mut self.engine, &mut self.output);
        self.desk.answer(&mut self.engine, &mut self.output);
        let acknowledged = self.desk.take_acknowledged();
        if !(self.output.alerts.is_empty() && acknowledged.is_empty()) {
            let mut said = scored.take().unwrap_or_default();
            self.collect(&mut said, None);
            said.acknowledged = acknowledged;
            *scored = Some(said);
        }
    }

    fn batch(&mut self, events: &[(Event, Timestamp)], batch: Events) -> Scored {
        let mut scored = Scored { ack: batch.ack, rejected: batch.rejected, ..Scored::default() };
        for (event, stamp) in events {
            self.events += 1;
            let started = self.events.is_multiple_of(MEASURED_ONE_IN).then(clock::monotonic);
            if !self.desk.is_idle() {
                self.desk.due(&mut self.engine, &mut self.output);
            }
            self.engine.observe_ref(event, &mut self.output);
            if !(self.output.alerts.is_empty() && self.output.rejected.is_empty()) {
                self.collect(&mut scored, batch.live.then_some(*stamp));
            }
            if let Some(started) = started {
                self.metrics.scoring.observe((clock::monotonic() - started).as_secs_f64());
            }
        }
        if batch.position.is_some() {
            self.position = batch.position;
        }
        scored
    }

    /// Takes what the engine put out. What it refused is encoded anew: it may have held the event back for long, and
    /// the message at hand is another.
    fn collect(&mut self, scored: &mut Scored, stamp: Option<Timestamp>) {
        for alert in self.output.alerts.drain(..) {
            let record = alert.bot.as_ref().and_then(|bot| self.engine.record_of(&alert.tenant, bot));
            let whose = record.map(|record| Whose { team: record.team.clone(), owner: record.owner.clone() });
            scored.alerts.push(Raised { alert: Arc::new(alert), whose: whose.unwrap_or_default(), stamp });
        }
        for (event, reject) in self.output.rejected.drain(..) {
            self.metrics.reject(reject.reason);
            let (tenant, bot) = (encode_token(&event.tenant), encode_token(&event.bot));
            let subject = format!("{}.{tenant}.{bot}", self.settings.subject_prefix);
            let payload: bytes::Bytes = encode(&event).into();
            let id = format!("{}.{}", reject.reason, &blake3::hash(&payload).to_hex()[..32]);
            scored.rejected.push(DeadLetter { subject, payload, reject, id: Some(id) });
        }
    }

    fn tell(&mut self, now: Instant) {
        if now.saturating_duration_since(self.told_at) < STATS_EVERY {
            return;
        }
        let stats = self.engine.stats();
        self.metrics.update(&self.told, &stats);
        self.suppressions.look(&self.engine);
        if let Some(watermark) = self.engine.watermark() {
            self.metrics.event_time.set(watermark.as_micros() as f64 / 1e6);
        }
        (self.told, self.told_at) = (stats, now);
    }

    /// The state, or none of it where none is kept.
    fn state(&self) -> State {
        let engine = self.settings.snapshot_every.map(|_| self.engine.snapshot());
        State { event_time: self.engine.watermark(), position: self.position.clone(), engine }
    }
}
