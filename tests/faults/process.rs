//! A process on that broker: the shipped source, decoder, engine, order of settling and fence, until it has read
//! everything, dies, or finds that another one owns its partition.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;

use humdrum::config::{EventsConfig, SourceMode};
use humdrum::detect::Part;
use humdrum::event::decode::Limits;
use humdrum::runtime::feedback::desk::FeedbackDesk;
use humdrum::runtime::health::HealthState;
use humdrum::runtime::inquiry::inquiry;
use humdrum::runtime::metrics::{EngineMetrics, FeedbackMetrics, SourceMetrics};
use humdrum::runtime::notify::fence::Fence;
use humdrum::runtime::pipeline::decode::Decoder;
use humdrum::runtime::pipeline::order::{Outlets, settle};
use humdrum::runtime::pipeline::score::{Scorer, ScorerSettings};
use humdrum::runtime::pipeline::{Scored, State};
use humdrum::runtime::source::jetstream::JetStreamSource;
use humdrum::runtime::source::reading::{Reading, Start};
use humdrum::runtime::source::{Batch, Feed};
use humdrum::runtime::store::format::{Checkpoint, Position};
use humdrum::runtime::store::{Ground, Store, newest};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::broker::{EVENTS, Kept, STREAM, TICKS, World};
use crate::exit::{Door, Exit};
use crate::hold::Hold;
use crate::plan::Mutant;
use crate::reader::Reader;
use crate::story::{Story, ordinal};

/// Below it alerts of the partition pass.
const FENCE: &str = "humdrum.cluster.alerts.0";
/// Silence of our own: never, since a story's is on record.
const NEVER: Duration = Duration::from_secs(400 * 24 * 3600);
const FEED_ITEMS: usize = 4;
/// Ticks at the end before it is over: what a partition left out is asked about once a second, questions may go unanswered,
/// and all is to be seen within five seconds.
const TICKS_AT_END: u32 = 20;
/// Snapshots that a process keeps.
const SNAPSHOTS: usize = 3;

/// Figures, which count nothing that matters here and are made once a thread.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    engine: EngineMetrics,
    source: SourceMetrics,
    feedback: FeedbackMetrics,
}

impl Figures {
    pub(crate) fn new() -> Self {
        let registry = prometheus::Registry::new();
        Self {
            engine: EngineMetrics::new(&registry).expect("registers"),
            source: SourceMetrics::new(&registry).expect("registers"),
            feedback: FeedbackMetrics::new(&registry).expect("registers"),
        }
    }
}

/// How a process ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// It has read everything: its state, and what it has read.
    Finished(Vec<u8>, Vec<usize>),
    /// It died.
    Crashed,
    /// Another one owns the partition.
    Fenced,
    /// It could not begin, and may try again.
    Failed,
}

/// What the engine hands to settling.
#[derive(Debug)]
enum Work {
    Scored(Scored),
    /// A snapshot stands here, behind what was read.
    Mark(Vec<usize>),
    Checkpoint(State),
}

/// A process at work.
struct Process {
    hold: Hold,
    store: Store,
    ground: Ground,
    home: PathBuf,
    decoder: Decoder,
    scorer: Scorer,
    exit: Exit,
    epoch: u64,
    read: Vec<usize>,
    work: VecDeque<Work>,
    items: u32,
    /// How often nothing has happened, in a row.
    ticks: u32,
    snapshot: bool,
    marked: Option<(u64, Vec<usize>)>,
    place: Option<Position>,
}

/// Lives until it has read everything, or dies.
pub(crate) async fn live(hold: Hold, story: &Story, figures: &Figures) -> Ended {
    let life = hold.clone();
    tokio::select! {
        biased;
        () = life.died() => Ended::Crashed,
        ended = work(hold, story, figures) => ended.unwrap_or_else(|ended| ended),
    }
}

async fn work(hold: Hold, story: &Story, figures: &Figures) -> Result<Ended, Ended> {
    let plan = hold.world().plan.clone();
    let (fence, epoch) = if plan.partition { claim(&hold).await? } else { (None, 0) };
    let (checkpoint, read, fence) = load(&hold, fence).await?;
    let home = hold.world().home();
    let (store, ground) = (Store::open(&home, SNAPSHOTS).expect("a directory"), Ground::default());
    let reader = Reader { hold: hold.clone(), consumer: epoch };
    let start = if plan.keeps_state { Start::Snapshot(checkpoint.position.clone()) } else { Start::Acknowledged };
    let (metrics, health) = (figures.source.clone(), HealthState::new(None));
    health.set_connected(true);
    hold.world().health = Some(health.clone());
    let reading = reading(plan.partition, plan.batch);
    let source = JetStreamSource::open_on(reader, reading, &start, metrics, health).await.map_err(|_| Ended::Failed)?;
    let engine = story.engine(&checkpoint.engine);
    let subject_prefix = if plan.partition { format!("{EVENTS}.0") } else { EVENTS.to_owned() };
    let settings = ScorerSettings {
        subject_prefix: EVENTS.to_owned(),
        snapshot_every: Some(NEVER),
        snapshot_first: None,
        ground: ground.clone(),
    };
    let (_, inbox) = inquiry(|| {});
    let (_, desk) = FeedbackDesk::new(&engine, None, figures.feedback.clone());
    // Behind a snapshot, or an acknowledgment, that stands at the end nothing comes any more.
    let place = if plan.keeps_state { checkpoint.position.clone() } else { stands(&hold.world(), epoch) };
    let process = Process {
        decoder: Decoder { limits: Limits::default(), subject_prefix, metrics: figures.engine.clone(), geo: None },
        scorer: Scorer::new(engine, checkpoint.position, settings, figures.engine.clone(), inbox, desk),
        exit: Exit { hold: hold.clone(), fence },
        hold,
        store,
        ground,
        home,
        epoch,
        read,
        work: VecDeque::new(),
        items: 0,
        ticks: 0,
        snapshot: false,
        marked: None,
        place,
    };
    let (feed, fed) = mpsc::channel(FEED_ITEMS);
    let stop = CancellationToken::new();
    tokio::select! {
        biased;
        ended = process.run(fed) => ended,
        () = source.run(feed, stop) => Err(Ended::Failed),
    }
}

fn failed(_: String) -> Ended {
    Ended::Failed
}

/// Where a consumer begins.
fn stands(world: &World, consumer: u64) -> Option<Position> {
    let (stream, consumer) = (world.facts(), world.consumer(consumer)?);
    Some(Position { stream: stream.name, created_us: stream.created_us, sequence: consumer.at, record: None })
}

async fn claim(hold: &Hold) -> Result<(Option<Fence<Door>>, u64), Ended> {
    let taken = |world: &mut World| {
        world.epoch += 1;
        world.epoch
    };
    let epoch = hold.ask(taken).await.map_err(failed)?;
    let fence = Fence::claim_at(Door(hold.clone()), FENCE.to_owned(), epoch).await;
    let fence = fence.map_err(|error| if error.retry() { Ended::Failed } else { gives_way(hold, epoch) })?;
    let claimed = |world: &mut World| {
        world.manifest = world.manifest.max(epoch);
        world.manifest == epoch
    };
    if hold.ask(claimed).await.map_err(failed)? { Ok((Some(fence), epoch)) } else { Err(gives_way(hold, epoch)) }
}

/// Whoever gives way does so to a newer owner, and not to its own shadow.
fn gives_way(hold: &Hold, epoch: u64) -> Ended {
    let mut world = hold.world();
    if world.epoch <= epoch {
        world.wrong.push(format!("the owner of epoch {epoch} gave way to nobody"));
    }
    Ended::Fenced
}

/// The newest snapshot that is whole.
async fn load(
    hold: &Hold,
    mut fence: Option<Fence<Door>>,
) -> Result<(Checkpoint, Vec<usize>, Option<Fence<Door>>), Ended> {
    let (homes, kept) = hold.ask(|world| (world.homes.clone(), world.kept.clone())).await.map_err(failed)?;
    let whole = homes.iter().rev().find_map(|home| Some((home, newest(home).expect("a version of ours")?)));
    // Where two stand at one place, the fence of the earlier one leaves nothing out.
    let besides = |home: &PathBuf, checkpoint: &Checkpoint| {
        let same = |kept: &&Kept| kept.home == *home && kept.position == checkpoint.position;
        kept.iter().find(same).map(|kept| (kept.fence, kept.read.clone())).expect("is known")
    };
    let (mut checkpoint, (told, read)) = match whole {
        Some((home, checkpoint)) => {
            let besides = besides(home, &checkpoint);
            (checkpoint, besides)
        }
        None => Default::default(),
    };
    if hold.world().is(Mutant::WrongPlace)
        && let Some(position) = &mut checkpoint.position
    {
        (position.sequence, position.record) = (position.sequence + 1, None);
    }
    if let Some(fence) = &mut fence
        && !hold.world().is(Mutant::NoRecall)
    {
        let until = hold.ask(|world| world.last()).await.map_err(failed)?;
        fence.recall(told, until).await.map_err(|_| Ended::Failed)?;
    }
    Ok((checkpoint, read, fence))
}

fn reading(partition: bool, batch: usize) -> Reading {
    let config = EventsConfig {
        mode: SourceMode::Jetstream,
        subject_prefix: EVENTS.to_owned(),
        stream: STREAM.to_owned(),
        durable: "humdrum".to_owned(),
        create_stream: false,
        batch,
        idle_after: NEVER,
        canary_every: None,
        rejected_prefix: "humdrum.rejected".to_owned(),
        rejected_stream: "HUMDRUM_REJECTED".to_owned(),
    };
    let whole = Reading::whole(&config);
    if !partition {
        return whole;
    }
    Reading { filter: format!("{EVENTS}.0.>"), ticks: Some(TICKS.to_owned()), ..whole }
}

impl Process {
    async fn run(mut self, mut fed: mpsc::Receiver<Feed>) -> Result<Ended, Ended> {
        let behind = self.hold.world().plan.behind;
        loop {
            let over = self.ticks >= TICKS_AT_END && self.work.is_empty();
            if over && self.hold.world().is_end(self.place.as_ref()) {
                self.ground.set(None);
                let whole = self.scorer.state().engine.and_then(|part| Part::assemble(&[part]));
                let state = whole.expect("all bots");
                return Ok(Ended::Finished(state, self.read));
            }
            let next = if self.work.is_empty() {
                Some(fed.recv().await.ok_or(Ended::Failed)?)
            } else if self.work.len() <= behind && self.hold.world().happens(500) {
                fed.try_recv().ok()
            } else {
                None
            };
            match next {
                Some(item) => self.take(item).await?,
                None => self.settle().await?,
            }
        }
    }

    async fn take(&mut self, item: Feed) -> Result<(), Ended> {
        self.ticks = if matches!(item, Feed::Tick) { self.ticks + 1 } else { 0 };
        if matches!(item, Feed::Gap(_)) && self.hold.world().is(Mutant::SilentGap) {
            return Ok(());
        }
        if let Feed::Batch(batch) = &item {
            self.note(batch);
        }
        let decoded = self.decoder.take(item, Vec::new());
        if let Some(scored) = self.scorer.take(decoded, drop) {
            self.work.push_back(Work::Scored(scored));
        }
        let (every, piece, hasty) = {
            let world = self.hold.world();
            let every = world.plan.keeps_state.then_some(world.plan.snapshot_every);
            (every, world.plan.piece_bytes, world.is(Mutant::HastySnapshot))
        };
        self.items += 1;
        let due = every.is_some_and(|every| self.items >= every);
        if !self.snapshot && due && self.place.is_some() {
            self.scorer.begin_snapshot();
            (self.snapshot, self.items) = (true, 0);
            if hasty {
                self.marked = Some((self.settled(), self.read.clone()));
            } else {
                self.work.push_back(Work::Mark(self.read.clone()));
            }
        }
        if self.snapshot
            && let Some(state) = self.scorer.go_on_snapshot(piece)
        {
            self.snapshot = false;
            if hasty {
                return self.save(state).await;
            }
            self.work.push_back(Work::Checkpoint(state));
        }
        Ok(())
    }

    /// Notes what is read.
    fn note(&mut self, batch: &Batch) {
        self.read.extend(batch.messages.iter().map(|message| ordinal(message.stamp.as_micros())));
        let Some(position) = &batch.position else { return };
        if batch.quiet.is_some() {
            self.read.extend(position.record.map(|record| ordinal(record.stamp_us)));
        }
        self.hold.world().place = position.sequence;
        self.place = Some(position.clone());
    }

    fn settled(&self) -> u64 {
        self.exit.fence.as_ref().map_or(0, Fence::settled)
    }

    async fn settle(&mut self) -> Result<(), Ended> {
        match self.work.pop_front() {
            Some(Work::Scored(mut scored)) => {
                if self.hold.world().is(Mutant::AcknowledgesFirst)
                    && let Some(subject) = scored.ack.take()
                {
                    self.exit.acknowledge(subject).await;
                }
                let settled = settle(&mut self.exit, scored, &CancellationToken::new()).await;
                settled.map_err(|_| gives_way(&self.hold, self.epoch))
            }
            Some(Work::Mark(read)) => {
                self.marked = Some((self.settled(), read));
                Ok(())
            }
            Some(Work::Checkpoint(state)) => self.save(state).await,
            None => Ok(()),
        }
    }

    async fn save(&mut self, state: State) -> Result<(), Ended> {
        let (Some(engine), Some((fence, read))) = (state.engine, self.marked.take()) else { return Ok(()) };
        let checkpoint = Checkpoint { position: state.position, event_time: state.event_time, ..Checkpoint::default() };
        let kept = Kept { home: self.home.clone(), position: checkpoint.position.clone(), fence, read };
        let (epoch, store) = (self.epoch, &mut self.store);
        let keep = |world: &mut World| {
            if world.manifest != epoch {
                return false;
            }
            if !world.happens(world.plan.chances.unsaved) {
                // What it was to build on may be gone by now.
                if store.save_part(&checkpoint, engine).is_ok() {
                    world.keep(kept);
                }
            }
            true
        };
        // One that fails is told of, and the next one tries again.
        let kept = self.hold.ask(keep).await;
        self.ground.set(self.store.ground());
        if kept == Ok(false) { Err(gives_way(&self.hold, self.epoch)) } else { Ok(()) }
    }
}
