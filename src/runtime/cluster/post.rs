//! The work on one partition: claim it, take up its state, and run an engine over it.

use async_nats::Client;
use async_nats::jetstream::stream::RawMessageErrorKind;
use async_nats::jetstream::{self, Context};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::layout::Layout;
use super::tenure::Terms;
use crate::config::{Config, RegistryConfig};
use crate::detect::{Engine, RestoreError};
use crate::registry::Registry;
use crate::runtime::clock::Clock;
use crate::runtime::feedback::desk::FeedbackDesk;
use crate::runtime::geo::{GeoDatabase, GeoError};
use crate::runtime::health::HealthState;
use crate::runtime::inquiry::inquiry;
use crate::runtime::metrics::{
    EngineMetrics, FeedbackMetrics, GeoMetrics, LogMetrics, NotifyMetrics, ReceiverMetrics, RegistryMetrics,
    SourceMetrics, StoreMetrics,
};
use crate::runtime::notify::channel::ReceiverError;
use crate::runtime::notify::dispatch::{Dispatch, DispatchParams, Owed};
use crate::runtime::notify::fence::{Fence, FenceError};
use crate::runtime::notify::letters::Letters;
use crate::runtime::notify::nats::NatsNotifier;
use crate::runtime::notify::permit::Permit;
use crate::runtime::pipeline::BATCHES_QUEUED;
use crate::runtime::pipeline::alert_log::LogWriter;
use crate::runtime::pipeline::decode::Decoder;
use crate::runtime::pipeline::gaps::OpenGaps;
use crate::runtime::pipeline::keep::{Keeping, Snapshots};
use crate::runtime::pipeline::line::Line;
use crate::runtime::pipeline::score::{Scorer, ScorerSettings};
use crate::runtime::pipeline::settle::{SettleError, Settler};
use crate::runtime::registry::{BucketError, Follower, Origin};
use crate::runtime::source::Feed;
use crate::runtime::source::jetstream::{JetStreamSource, SourceError};
use crate::runtime::source::reading::{Reading, Start, stream_spec};
use crate::runtime::store::format::Checkpoint;
use crate::runtime::store::ledger::Ledger;
use crate::runtime::store::shared::{Objects, SharedError, SharedStore};

/// Time after which the server forgets the consumer of an owner that is gone.
const FORGOTTEN_AFTER: std::time::Duration = std::time::Duration::from_secs(60);
/// Time before an owner's first snapshot. Longer, and owners that die soon after one another leave ever more to repeat.
const SNAPSHOT_FIRST: std::time::Duration = std::time::Duration::from_secs(1);
/// Time that receivers are given when a partition is given back. What they have not taken, the next owner owes them.
const DRAIN: std::time::Duration = std::time::Duration::from_millis(50);

/// Figures of the work.
#[derive(Clone, Debug)]
pub struct PostMetrics {
    /// Of the engine.
    pub engine: EngineMetrics,
    /// Of the source.
    pub source: SourceMetrics,
    /// Of what goes out.
    pub notify: NotifyMetrics,
    /// Of the receivers.
    pub receivers: ReceiverMetrics,
    /// Of the snapshots.
    pub store: StoreMetrics,
    /// Of the alert log, which a cluster keeps in its stream.
    pub log: LogMetrics,
    /// Of the registry.
    pub registry: RegistryMetrics,
    /// Of the geography file.
    pub geo: GeoMetrics,
    /// Of feedback, which a cluster takes none of.
    pub feedback: FeedbackMetrics,
}

impl PostMetrics {
    /// Registers the figures.
    ///
    /// # Errors
    /// One of the names is taken.
    pub fn new(registry: &prometheus::Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            engine: EngineMetrics::new(registry)?,
            source: SourceMetrics::new(registry)?,
            notify: NotifyMetrics::new(registry)?,
            receivers: ReceiverMetrics::new(registry)?,
            store: StoreMetrics::new(registry)?,
            log: LogMetrics::new(registry)?,
            registry: RegistryMetrics::new(registry)?,
            geo: GeoMetrics::new(registry)?,
            feedback: FeedbackMetrics::new(registry)?,
        })
    }
}

/// What all partitions of a member share.
#[derive(Debug)]
pub(super) struct Post {
    /// The settings.
    pub config: Config,
    /// The registry as it was at the start.
    pub bots: Registry,
    /// The connection.
    pub client: Client,
    /// The names.
    pub layout: Layout,
    /// Leases and manifests.
    pub ledger: Ledger,
    /// Snapshots.
    pub objects: Objects,
    /// What receivers were not told.
    pub letters: Letters,
    /// Facts.
    pub health: HealthState,
    /// Figures.
    pub metrics: PostMetrics,
}

/// A partition that was taken over.
pub(super) struct Taken {
    pub(super) fence: Fence,
    pub(super) store: SharedStore,
    /// The newest snapshot; the beginning where there is none.
    pub(super) checkpoint: Checkpoint,
    /// Alerts that the fence holds behind it.
    pub(super) told: usize,
}

/// Work that ended.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// The way out.
    #[error(transparent)]
    Fence(#[from] FenceError),
    /// The snapshots.
    #[error(transparent)]
    Shared(#[from] SharedError),
    /// The newest of them.
    #[error("the snapshot cannot be used: {0}")]
    Restore(#[from] RestoreError),
    /// A receiver.
    #[error(transparent)]
    Receiver(#[from] ReceiverError),
    /// The events.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// What came of them.
    #[error(transparent)]
    Settle(#[from] SettleError),
    /// The registry.
    #[error(transparent)]
    Registry(#[from] BucketError),
    /// The geography file.
    #[error(transparent)]
    Geo(#[from] GeoError),
    /// A stream that is not there.
    #[error("stream `{0}` cannot be found; `humdrum cluster init` makes it")]
    Stream(String),
}

impl PostError {
    /// The class of fault.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Fence(error) => error.reason(),
            Self::Shared(error) => error.reason(),
            Self::Restore(_) => "restore",
            Self::Receiver(error) => error.reason(),
            Self::Source(error) => error.reason(),
            Self::Settle(error) => error.reason(),
            Self::Registry(_) => "registry",
            Self::Geo(error) => error.reason(),
            Self::Stream(_) => "stream",
        }
    }

    /// Whether trying again can help: a member does, after a pause.
    #[must_use]
    pub fn retry(&self) -> bool {
        true
    }

    /// Whether the partition has another owner.
    pub(super) fn is_lost(&self) -> bool {
        match self {
            Self::Fence(error) => matches!(error, FenceError::Lost(_) | FenceError::Behind { .. }),
            Self::Shared(error) => error.is_lost(),
            Self::Settle(error) => error.is_fenced(),
            _ => false,
        }
    }

    /// The epoch of a newer owner, where that is known.
    pub(super) fn newer(&self) -> Option<u64> {
        match self {
            Self::Fence(FenceError::Behind { newest, .. }) => Some(*newest),
            Self::Shared(SharedError::Lost { epoch, .. }) => Some(*epoch),
            _ => None,
        }
    }
}

impl Post {
    /// Takes a partition over as its owner of an epoch: the claims first, so that what an owner before does from then on
    /// counts no more, then what there is.
    pub(super) async fn take_over(&self, partition: u16, epoch: u64) -> Result<Taken, PostError> {
        let context = jetstream::new(self.client.clone());
        let mut fence = self.fence(&context, partition, epoch).await?;
        let (ledger, objects) = (self.ledger.clone(), self.objects.clone());
        let mut store = SharedStore::claim(ledger, objects, partition, epoch).await?;
        if store.is_empty() && fence.is_inherited() {
            // An owner of a partition leaves snapshots: the ledger was lost.
            let found = store.recover().await?;
            tracing::error!(partition, found, "the ledger knows no snapshot of a partition that was owned before");
        }
        let (checkpoint, settled) = store.load().await?.unwrap_or_default();
        let until = self.newest(&context, partition).await?;
        let told = fence.recall(settled, until).await?;
        if told > 0 {
            tracing::info!(partition, told, "alerts behind the snapshot are published already");
        }
        Ok(Taken { fence, store, checkpoint, told })
    }

    /// Works on a partition as its owner of an epoch, until it is to leave, in order, or to end at once.
    pub(super) async fn work(&self, partition: u16, epoch: u64, terms: Terms) -> Result<(), PostError> {
        let Terms { permit, leave: stop, abort } = terms;
        let Taken { fence, store, checkpoint, .. } = self.take_over(partition, epoch).await?;
        let store = store.with_days(self.config.cluster.as_ref().map_or(0, |cluster| cluster.keep_days));
        store.sweep();
        let after = checkpoint.position.as_ref().map_or(0, |position| position.sequence);
        let engine = if checkpoint.engine.is_empty() {
            Engine::new(self.config.detection.clone(), self.bots.clone())
        } else {
            Engine::restore(&checkpoint.engine, self.config.detection.clone(), self.bots.clone())?
        };
        tracing::info!(partition, epoch, after, "partition taken up");
        let start = Start::Snapshot(checkpoint.position.clone());
        let reading = self.reading(partition, epoch);
        let (metrics, health) = (self.metrics.source.clone(), self.health.clone());
        let source = JetStreamSource::open(self.client.clone(), reading, &start, metrics, health).await?;
        let line = self.line(partition, engine, checkpoint, store, (fence, permit))?;
        let (feed, fed) = mpsc::channel(BATCHES_QUEUED);
        let watching = stop.child_token();
        self.follow(&feed, &watching).await?;
        self.health.set_partition_fault(partition, None);
        let reading = async move { source.run(feed, stop).await };
        Ok(Box::pin(line.run(fed, reading, watching, abort)).await?)
    }

    async fn fence(&self, context: &Context, partition: u16, epoch: u64) -> Result<Fence, PostError> {
        let stream = context.get_stream(&self.layout.fence).await;
        let stream = stream.map_err(|_| PostError::Stream(self.layout.fence.clone()))?;
        let prefix = self.layout.fenced(&partition.to_string());
        Ok(Fence::claim(context.clone(), stream, prefix, epoch).await?)
    }

    /// The partition's last record: an owner before us has seen none behind it.
    async fn newest(&self, context: &Context, partition: u16) -> Result<u64, PostError> {
        let stream = context.get_stream(&self.layout.events).await;
        let stream = stream.map_err(|_| PostError::Stream(self.layout.events.clone()))?;
        let filter = format!("{}.>", self.layout.partition(partition));
        match stream.get_last_raw_message_by_subject(&filter).await {
            Ok(message) => Ok(message.sequence),
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(0),
            Err(error) => Err(FenceError::Unavailable(error.to_string()).into()),
        }
    }

    fn reading(&self, partition: u16, epoch: u64) -> Reading {
        let prefix = self.layout.partition(partition);
        let batch = self.config.cluster.as_ref().map_or(1, |cluster| cluster.batch);
        let mut spec = stream_spec(&self.config.events);
        spec.create = false;
        Reading {
            spec,
            filter: format!("{prefix}.>"),
            // Another owner reads through a consumer of its own, and takes nothing away from this one.
            durable: format!("{}-{partition}-{epoch}", self.config.events.durable),
            batch,
            idle_after: self.config.events.idle_after,
            forgotten_after: Some(FORGOTTEN_AFTER),
            ticks: Some(self.layout.ticks(partition)),
        }
    }

    fn line(
        &self,
        partition: u16,
        engine: Engine,
        checkpoint: Checkpoint,
        store: SharedStore,
        (fence, permit): (Fence, Permit),
    ) -> Result<Line, PostError> {
        let (config, metrics, client) = (&self.config, &self.metrics, &self.client);
        let Checkpoint { position, outbox, told, gaps, .. } = checkpoint;
        let geo = config.geo_file.as_deref().map(GeoDatabase::open).transpose()?;
        let notifier = NatsNotifier::new(
            client.clone(),
            &config.alerts,
            &config.events,
            metrics.notify.clone(),
            self.health.clone(),
        );
        let keeping = Keeping::Shared(Box::new(store));
        let snapshots = Snapshots::new(keeping, metrics.store.clone(), self.health.clone());
        let settings = ScorerSettings {
            subject_prefix: config.events.subject_prefix.clone(),
            snapshot_every: config.cluster.as_ref().map(|cluster| cluster.snapshot_every),
            snapshot_first: Some(SNAPSHOT_FIRST),
            ground: snapshots.ground(),
        };
        // There is nobody to ask the engine of a partition anything.
        let (_, inbox) = inquiry(|| {});
        let (_, desk) = FeedbackDesk::new(&engine, None, metrics.feedback.clone());
        // Faults of the connection are the member's, and told by it.
        let (_, faults) = mpsc::channel(1);
        Ok(Line {
            decoder: Decoder {
                limits: config.limits,
                subject_prefix: self.layout.partition(partition),
                metrics: metrics.engine.clone(),
                geo: geo.map(|geo| geo.measured(metrics.geo.clone())),
            },
            decoded: mpsc::channel(BATCHES_QUEUED),
            scorer: Scorer::new(engine, position, settings, metrics.engine.clone(), inbox, desk),
            settler: Settler {
                client: client.clone(),
                notifier: notifier.fenced(fence),
                dispatch: Dispatch::start(self.dispatch(Some(permit)), Owed { outbox, told }, &metrics.receivers)?,
                log: LogWriter::new(None, metrics.log.clone(), self.health.clone()),
                archive: None,
                snapshots,
                notify_metrics: metrics.notify.clone(),
                health: self.health.clone(),
                faults,
                gaps: OpenGaps::new(gaps, config.detection.incident_quiet),
                unpublished: Vec::new(),
                drain: DRAIN,
            },
        })
    }

    /// Receivers of alerts.
    pub(super) fn dispatch(&self, permit: Option<Permit>) -> DispatchParams<'_> {
        DispatchParams {
            webhooks: &self.config.webhooks,
            receivers: &self.config.receivers,
            routing: self.config.routing.clone(),
            silences: self.config.silences.clone(),
            nats: Some(self.client.clone()),
            ack_prefix: self.config.alerts.ack_prefix.clone(),
            dir: None,
            letters: Some(self.letters.clone()),
            clock: Clock::system(),
            lookup: None,
            one_of_many: true,
            permit,
        }
    }

    /// Follows the registry where it changes.
    async fn follow(&self, feed: &mpsc::Sender<Feed>, watching: &CancellationToken) -> Result<(), PostError> {
        let Some(registry) = &self.config.registry else { return Ok(()) };
        let mut origin = match registry {
            RegistryConfig::File(path) => Origin::file(path),
            RegistryConfig::Bucket(bucket) => Origin::bucket(&self.client, bucket).await?,
        };
        let mut follower = Follower::new(self.bots.clone(), self.health.clone(), self.metrics.registry.clone());
        if let Some(registry) = origin.first().and_then(|first| follower.take(first)) {
            drop(feed.try_send(Feed::Registry(registry)));
        }
        tokio::spawn(follower.run(origin, feed.clone(), watching.clone()));
        Ok(())
    }
}
