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
use crate::detect::{AHEAD, Engine, Output, Stats};
use crate::event::Event;
use crate::event::decode::encode;
use crate::event::subject::encode_token;
use crate::runtime::clock;
use crate::runtime::feedback::desk::FeedbackDesk;
use crate::runtime::inquiry::Inbox;
use crate::runtime::metrics::EngineMetrics;
use crate::runtime::notify::nats::DeadLetter;
use crate::runtime::store::Ground;
use crate::runtime::store::format::Position;
use crate::time::Timestamp;

/// One event in so many has its scoring measured. Fewer would make a slow detector invisible on a quiet fleet, more
/// would make the clock a cost of its own.
const MEASURED_ONE_IN: u64 = 100;

/// Time between two readings of the engine's figures. Longer makes dashboards lag, shorter costs the engine.
const STATS_EVERY: Duration = Duration::from_millis(200);

/// Time that a snapshot may take between two batches, and when there are none. More delays what comes next, less lets a
/// snapshot of a large fleet take minutes.
const SLICE: Duration = Duration::from_millis(10);
const SLICE_IDLE: Duration = Duration::from_millis(40);

/// Bytes of a snapshot between two looks at the clock: a fraction of a millisecond.
const PIECE_BYTES: usize = 64 * 1024;

/// What the scorer must know besides the engine.
#[derive(Clone, Debug)]
pub struct ScorerSettings {
    /// Subjects are `<prefix>.<tenant>.<bot>`.
    pub subject_prefix: String,
    /// Time between snapshots; none where no state is kept.
    pub snapshot_every: Option<Duration>,
    /// Time before the first one, so that whoever comes next need not repeat what we have just repeated.
    pub snapshot_first: Option<Duration>,
    /// What the next snapshot may build on.
    pub ground: Ground,
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
    inbox: Inbox,
    desk: FeedbackDesk,
    snapshot_due: Instant,
    /// The snapshot that is under way, without its state.
    marked: Option<State>,
    events: u64,
    output: Output,
}

impl Drop for Scorer {
    /// An engine that is gone has no bots.
    fn drop(&mut self) {
        self.metrics.leave(&self.told);
    }
}

impl Scorer {
    /// A scorer that goes on at a position, answers what comes in, and takes the feedback that comes to a desk.
    #[must_use]
    pub fn new(
        engine: Engine,
        position: Option<Position>,
        settings: ScorerSettings,
        metrics: EngineMetrics,
        inbox: Inbox,
        desk: FeedbackDesk,
    ) -> Self {
        let (told, now) = (engine.stats(), clock::monotonic());
        metrics.enter(&told);
        let snapshot_due = now + settings.snapshot_first.or(settings.snapshot_every).unwrap_or_default();
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
            inbox,
            desk,
            snapshot_due,
            marked: None,
            events: 0,
            output: Output::default(),
        }
    }

    /// Works until the feed ends, or until nobody takes the work any more. Blocks its thread. A feed that breaks off has no
    /// last word, and neither has this then: what is missing would pass for quiet.
    pub fn run(
        mut self,
        mut decoded: mpsc::Receiver<Decoded>,
        spent: &mpsc::Sender<Vec<(Event, Timestamp)>>,
        work: &mpsc::Sender<Work>,
    ) {
        loop {
            let Some(item) = decoded.blocking_recv() else {
                tracing::error!("the decoder's thread ended without a last word");
                return;
            };
            if matches!(item, Decoded::End) {
                break;
            }
            let idle = matches!(item, Decoded::Tick);
            // Where the decoder has ended or has enough of them, they are dropped here.
            let scored = self.take(item, |events| drop(spent.try_send(events)));
            if scored.is_some_and(|scored| work.blocking_send(Work::Scored(scored)).is_err()) {
                return;
            }
            self.inbox.answer(&self.engine, || !decoded.is_empty());
            let now = clock::monotonic();
            self.tell(now);
            if !self.snapshot(now, idle, work) {
                return;
            }
        }
        self.tell(clock::monotonic() + STATS_EVERY);
        SuppressionWatch::end(&self.engine);
        // Nobody may be there to take it, where the stop ran out of time: then the last snapshot stands.
        drop(work.blocking_send(Work::End(self.state())));
    }

    /// What comes of one item, and of the feedback that has come meanwhile. Events that are done with go to `spent`.
    pub fn take(&mut self, item: Decoded, spent: impl FnOnce(Vec<(Event, Timestamp)>)) -> Option<Scored> {
        let mut scored = match item {
            Decoded::Batch(mut batch) => {
                let events = std::mem::take(&mut batch.events);
                let scored = self.batch(&events, batch);
                spent(events);
                Some(scored)
            }
            Decoded::Quiet(span) => {
                let mut scored = Scored::default();
                self.engine.idle(span, &mut self.output);
                self.collect(&mut scored, None);
                Some(scored)
            }
            Decoded::Gap(alert) => {
                let raised = Raised { alert: Arc::new(*alert), whose: Whose::default(), stamp: None };
                Some(Scored { alerts: vec![raised], ..Scored::default() })
            }
            Decoded::Registry(registry) => {
                self.engine.set_registry(*registry);
                None
            }
            Decoded::Tick | Decoded::End => None,
        };
        self.listen(&mut scored);
        scored
    }

    /// Begins a snapshot of this place, whatever happens until it is done.
    pub fn begin_snapshot(&mut self) {
        self.engine.begin_snapshot(self.settings.ground.get());
        let (event_time, position) = (self.engine.watermark(), self.position.clone());
        self.marked = Some(State { event_time, position, engine: None });
    }

    /// Goes on with the snapshot that was begun; the state of then, once it is done.
    pub fn go_on_snapshot(&mut self, bytes_max: usize) -> Option<State> {
        let engine = self.engine.go_on_snapshot(bytes_max)?;
        self.marked.take().map(|state| State { engine: Some(engine), ..state })
    }

    /// Begins a snapshot when one is due, and goes on with the one that is under way. False when nobody takes it any more.
    fn snapshot(&mut self, now: Instant, idle: bool, work: &mpsc::Sender<Work>) -> bool {
        let due = self.settings.snapshot_every.filter(|_| now >= self.snapshot_due && self.marked.is_none());
        if let Some(every) = due {
            self.snapshot_due = now + every;
            self.begin_snapshot();
            if work.blocking_send(Work::Mark).is_err() {
                return false;
            }
        }
        if self.marked.is_none() {
            return true;
        }
        let (started, slice) = (clock::monotonic(), if idle { SLICE_IDLE } else { SLICE });
        while clock::monotonic() - started < slice {
            let Some(state) = self.go_on_snapshot(PIECE_BYTES) else { continue };
            return work.blocking_send(Work::Checkpoint(state)).is_ok();
        }
        true
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

    /// Whether one of the next events is among those whose scoring is measured.
    fn is_measured(&self, next: u64) -> bool {
        self.events % MEASURED_ONE_IN + next >= MEASURED_ONE_IN
    }

    fn batch(&mut self, events: &[(Event, Timestamp)], batch: Events) -> Scored {
        let mut scored = Scored { ack: batch.ack, rejected: batch.rejected, ..Scored::default() };
        for soon in events.chunks(AHEAD) {
            let began = self.is_measured(soon.len() as u64).then(clock::monotonic);
            let foreseen = self.engine.look_ahead(soon.iter().map(|(event, _)| event));
            // Of what is done for all of them, each has its part.
            let part = began.map_or(Duration::ZERO, |began| (clock::monotonic() - began) / soon.len().max(1) as u32);
            for (foreseen, (_, stamp)) in foreseen.into_iter().zip(soon) {
                let started = self.is_measured(1).then(clock::monotonic);
                self.events += 1;
                if !self.desk.is_idle() {
                    self.desk.due(&mut self.engine, &mut self.output);
                }
                self.engine.observe_foreseen(foreseen, &mut self.output);
                if !(self.output.alerts.is_empty() && self.output.rejected.is_empty()) {
                    self.collect(&mut scored, batch.live.then_some(*stamp));
                }
                if let Some(started) = started {
                    self.metrics.scoring.observe((clock::monotonic() - started + part).as_secs_f64());
                }
            }
        }
        if let Some(span) = batch.quiet {
            self.engine.idle(span, &mut self.output);
            self.collect(&mut scored, None);
        }
        if batch.position.is_some() {
            self.position = batch.position;
            scored.reached = self.position.as_ref().map(|position| position.sequence);
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
    #[must_use]
    pub fn state(&mut self) -> State {
        let engine = self.settings.snapshot_every.and_then(|_| {
            self.engine.begin_snapshot(self.settings.ground.get());
            self.engine.go_on_snapshot(usize::MAX)
        });
        State { event_time: self.engine.watermark(), position: self.position.clone(), engine }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Settings;
    use crate::registry::Registry;
    use crate::runtime::inquiry::inquiry;
    use crate::runtime::metrics::FeedbackMetrics;

    /// What a scorer hands over for these items, before its feed closes.
    fn scored(items: Vec<Decoded>) -> Vec<Work> {
        let metrics = EngineMetrics::new(&prometheus::Registry::new()).expect("registers");
        let (subject_prefix, ground) = ("humdrum.events".to_owned(), Ground::default());
        let settings = ScorerSettings { subject_prefix, snapshot_every: None, snapshot_first: None, ground };
        let (_inquiry, inbox) = inquiry(|| {});
        let engine = Engine::new(Settings::default(), Registry::default());
        let figures = FeedbackMetrics::new(&prometheus::Registry::new()).expect("registers");
        let (_feedbacks, desk) = FeedbackDesk::new(&engine, None, figures);
        let scorer = Scorer::new(engine, None, settings, metrics, inbox, desk);
        let (feed, decoded) = mpsc::channel(9);
        for item in items {
            feed.try_send(item).expect("has room");
        }
        drop(feed);
        let ((spent, _back), (work, mut done)) = (mpsc::channel(9), mpsc::channel(9));
        scorer.run(decoded, &spent, &work);
        std::iter::from_fn(|| done.try_recv().ok()).collect()
    }

    #[test]
    fn a_feed_that_breaks_off_has_no_last_word() {
        let whole = scored(vec![Decoded::Batch(Events::default()), Decoded::End]);
        assert!(matches!(whole.as_slice(), [Work::Scored(_), Work::End(_)]), "{whole:?}");
        let broken = scored(vec![Decoded::Batch(Events::default())]);
        assert!(matches!(broken.as_slice(), [Work::Scored(_)]), "{broken:?}");
    }
}
