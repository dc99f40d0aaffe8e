//! The whole of `humdrum run`: starts the parts in order, watches over them, stops them in order.
//!
//! [`App::start`] does what can fail for good: files, the lock, the snapshot, the first connection. What may just need
//! time, as a broker that comes up after us, happens behind it and shows in [`HealthState::readiness`]. The stop goes
//! the way of the data: the source stops fetching, the engine works off what it has, settling publishes, drains the
//! receivers' queues and writes the last snapshot. Ten seconds bound it all; what is not done by then is done by the replay.

mod served;
mod spoken;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use async_nats::Client;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::archive::Archive;
use super::audit::log::{AlertLog, LogParams};
use super::clock::Clock;
use super::cluster::member::{Member, PostMetrics};
use super::console::Console;
use super::geo::GeoDatabase;
use super::health::HealthState;
use super::inquiry::inquiry;
use super::metrics::{ClusterMetrics, GeoMetrics, SourceMetrics};
use super::nats::connect::connect;
use super::notify::dispatch::{Dispatch, DispatchParams, Owed};
use super::notify::heartbeat::Heartbeat;
use super::notify::nats::{NatsNotifier, Preparation};
use super::pipeline::BATCHES_QUEUED;
use super::pipeline::alert_log::LogWriter;
use super::pipeline::decode::Decoder;
use super::pipeline::gaps::OpenGaps;
use super::pipeline::keep::{Keeping, Snapshots};
use super::pipeline::line::Line;
use super::pipeline::score::{Scorer, ScorerSettings};
use super::pipeline::settle::{DRAIN, Settler};
use super::registry::{Follower, Origin};
use super::source::Feed;
use super::source::core::CoreSource;
use super::source::jetstream::JetStreamSource;
use super::source::reading::{Reading, Start};
use super::store::Store;
use super::store::format::{Checkpoint, LogPlace};
use super::watch::{self, Watch};
use crate::alert::Alert;
use crate::config::{Config, EventsConfig, RegistryConfig, SourceMode, StateConfig};
use crate::detect::Engine;
use crate::registry::Registry;

/// Time for the whole stop. Orchestrators kill after 30 s; more would leave them no room, less would cut a large
/// snapshot off.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// Time within the stop after which publishing is given up. What remains must hold the receivers' share and the last
/// snapshot; less than this would give up on a broker that only restarts.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(4);

/// Pause between attempts to open streams that are not there yet.
const OPEN_PAUSE: Duration = Duration::from_secs(1);

/// A running `humdrum run`.
#[derive(Debug)]
pub struct App {
    health: HealthState,
    stop: CancellationToken,
    abort: CancellationToken,
    work: JoinHandle<anyhow::Result<()>>,
    console: Option<Console>,
}

impl App {
    /// Restores the state, connects, and starts to work. Figures are registered into `registry`.
    ///
    /// # Errors
    /// A file, the state directory, a snapshot of another version, or NATS refuses the credentials.
    pub async fn start(config: Config, bots: Registry, registry: &prometheus::Registry) -> anyhow::Result<Self> {
        // On the heap, so that whoever starts it need not hold all of it.
        Box::pin(Self::open(config, bots, registry)).await
    }

    async fn open(config: Config, bots: Registry, registry: &prometheus::Registry) -> anyhow::Result<Self> {
        // A second start in one process finds it installed, which is just as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let health = HealthState::new(config.state.as_ref().map(|state| state.snapshot_every));
        // All of them before the first wait, so that a start that takes long shows in full.
        let metrics = PostMetrics::new(registry)?;
        let cluster = ClusterMetrics::new(registry)?;
        let (stop, abort) = (CancellationToken::new(), CancellationToken::new());
        let (work, console) = if config.cluster.is_some() {
            let client = connect(&config.nats, &health, &metrics.source.connected).await?;
            if config.console.is_some() {
                tracing::warn!("a cluster has no console; it is off");
            }
            let faults = keep_watch(&config, &client, &metrics.source, &health, &stop)?;
            let member = Member { config, bots, client, health: health.clone(), metrics, cluster, faults };
            let stop = stop.clone();
            (tokio::spawn(async move { Ok(member.run(stop).await?) }), None)
        } else {
            let (parts, console) = Box::pin(Parts::new(config, bots, metrics, &health, &stop)).await?;
            (tokio::spawn(parts.work(stop.clone(), abort.clone())), console)
        };
        Ok(Self { health, stop, abort, work, console })
    }

    /// Facts for `/readyz`.
    #[must_use]
    pub fn health(&self) -> HealthState {
        self.health.clone()
    }

    /// Where the console listens; none where it is off.
    #[must_use]
    pub fn console_address(&self) -> Option<SocketAddr> {
        self.console.as_ref().map(Console::address)
    }

    /// Waits until the work ends by itself, which it only does for a fault that needs somebody.
    ///
    /// # Errors
    /// The fault.
    pub async fn failed(&mut self) -> anyhow::Result<()> {
        flatten((&mut self.work).await)
    }

    /// Stops in order, within [`STOP_TIMEOUT`].
    ///
    /// # Errors
    /// Something could not be made safe in time; the next start repeats it.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.health.set_stopping();
        self.stop.cancel();
        let console = self.console.take();
        // Whoever reads does not hold the stop up: it ends within its own grace.
        let shut = async {
            if let Some(console) = console {
                console.stop().await;
            }
        };
        let (ended, ()) = tokio::join!(self.end(), shut);
        ended
    }

    async fn end(&mut self) -> anyhow::Result<()> {
        if let Ok(ended) = tokio::time::timeout(PUBLISH_TIMEOUT, &mut self.work).await {
            return flatten(ended);
        }
        self.abort.cancel();
        let rest = STOP_TIMEOUT.saturating_sub(PUBLISH_TIMEOUT);
        if let Ok(ended) = tokio::time::timeout(rest, &mut self.work).await {
            return flatten(ended);
        }
        self.work.abort();
        Err(anyhow!("the stop took longer than {} s", STOP_TIMEOUT.as_secs()))
    }
}

impl Drop for App {
    /// An app that is dropped without a stop leaves nothing running.
    fn drop(&mut self) {
        self.stop.cancel();
        self.abort.cancel();
    }
}

/// Waits for SIGTERM or SIGINT on a running app, then stops it in order. Lets the caller serve the app's health
/// meanwhile.
///
/// # Errors
/// The stop failed, or the work ended by itself.
pub async fn stop_at_signal(mut app: App) -> anyhow::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => tracing::info!("terminated; stopping"),
        _ = interrupt.recv() => tracing::info!("interrupted; stopping"),
        ended = app.failed() => {
            ended?;
            bail!("the work ended by itself");
        }
    }
    app.stop().await?;
    tracing::info!("stopped");
    Ok(())
}

/// What an earlier run left. Half a history is no state to go on from: `run` would forget that the other half is missing.
fn left(store: &Store) -> anyhow::Result<Option<Checkpoint>> {
    let checkpoint = store.load()?;
    if checkpoint.as_ref().and_then(|checkpoint| checkpoint.history.as_ref()).is_some_and(|place| !place.done) {
        bail!(
            "the state directory holds a history of which only a part was learned; repeat the `humdrum backfill` \
            that was interrupted, or begin it anew with `--fresh`"
        );
    }
    Ok(checkpoint)
}

/// Opens the alert log behind a place. Damage is told and stops nothing: whoever could do it must not be able to end the
/// watch by it.
fn open_log(state: &StateConfig, place: Option<LogPlace>, health: &HealthState) -> anyhow::Result<AlertLog> {
    let params = LogParams {
        key_file: state.log_key_file.clone(),
        file_bytes_max: state.log_file_bytes_max,
        files_max: state.log_files_max,
    };
    let (log, damage) = AlertLog::open(&state.dir, params, place)?;
    if let Some(damage) = damage {
        tracing::error!(dir = %state.dir.display(), damage, "the alert log was tampered with; `humdrum verify` says where");
        health.set_error(format!("the alert log was tampered with: {damage}"));
    }
    Ok(log)
}

/// Begins to watch over our own sight, and to tell somebody outside while all is well. What is found is received.
fn keep_watch(
    config: &Config,
    client: &Client,
    metrics: &SourceMetrics,
    health: &HealthState,
    stop: &CancellationToken,
) -> anyhow::Result<mpsc::Receiver<Alert>> {
    let (told, faults) = mpsc::channel(watch::WAITING_MAX);
    let mut watch = Watch::new(client.clone(), config.events.stream.clone(), metrics.clone(), health.clone(), told);
    if let Some(every) = config.events.canary_every.filter(|_| config.events.mode == SourceMode::Jetstream) {
        watch = watch.with_canary(&config.events.subject_prefix, every);
    }
    tokio::spawn(watch.run(stop.child_token()));
    if let Some(heartbeat) = &config.heartbeat {
        let heartbeat = Heartbeat::new(heartbeat, health.clone(), metrics.clone())?;
        tokio::spawn(heartbeat.run(stop.child_token()));
    }
    Ok(faults)
}

fn open_geo(config: &Config, metrics: GeoMetrics) -> anyhow::Result<Option<GeoDatabase>> {
    let geo = config.geo_file.as_deref().map(GeoDatabase::open).transpose()?;
    if let Some(geo) = &geo {
        tracing::info!(kind = geo.kind(), built = %geo.built(), "places come from the geography file");
    }
    Ok(geo.map(|geo| geo.measured(metrics)))
}

fn dispatch_params<'a>(config: &'a Config, client: &Client) -> DispatchParams<'a> {
    let clock = Clock::system();
    for silence in config.silences.iter().filter(|silence| silence.until <= clock.now()) {
        tracing::info!(silence = silence.name, until = %silence.until, "a silence is over and can go");
    }
    DispatchParams {
        webhooks: &config.webhooks,
        receivers: &config.receivers,
        routing: config.routing.clone(),
        silences: config.silences.clone(),
        nats: Some(client.clone()),
        ack_prefix: config.alerts.ack_prefix.clone(),
        dir: config.state.as_ref().map(|state| state.dir.as_path()),
        clock,
        ..DispatchParams::default()
    }
}

fn flatten(ended: Result<anyhow::Result<()>, tokio::task::JoinError>) -> anyhow::Result<()> {
    ended.context("the work was cut off")?
}

struct Parts {
    line: Line,
    opening: Opening,
    follower: Follower,
}

struct Opening {
    client: Client,
    events: EventsConfig,
    start: Start,
    metrics: SourceMetrics,
    health: HealthState,
    registry: Option<RegistryConfig>,
}

enum Source {
    JetStream(Box<JetStreamSource>),
    Core(Box<CoreSource>),
}

impl Parts {
    async fn new(
        config: Config,
        bots: Registry,
        metrics: PostMetrics,
        health: &HealthState,
        stop: &CancellationToken,
    ) -> anyhow::Result<(Self, Option<Console>)> {
        let store = config
            .state
            .as_ref()
            .map(|state| Store::open(&state.dir, state.keep).map(|store| store.with_days(state.keep_days)))
            .transpose()?;
        let checkpoint = store.as_ref().map(left).transpose()?.flatten();
        let known = bots.clone();
        let engine = match &checkpoint {
            Some(checkpoint) => Engine::restore(&checkpoint.engine, config.detection.clone(), bots)
                .context("the snapshot cannot be used; move the state directory away to start afresh")?,
            None => Engine::new(config.detection.clone(), bots),
        };
        let Checkpoint { position, outbox, told, log, gaps, .. } = checkpoint.unwrap_or_default();
        let log = config.state.as_ref().map(|state| open_log(state, log, health)).transpose()?;
        let log = LogWriter::new(log, metrics.log, health.clone());
        let geo = open_geo(&config, metrics.geo)?;
        let follower = Follower::new(known, health.clone(), metrics.registry);
        let client = connect(&config.nats, health, &metrics.source.connected).await?;
        let dispatch = Dispatch::start(dispatch_params(&config, &client), Owed { outbox, told }, &metrics.receivers)?;
        let faults = keep_watch(&config, &client, &metrics.source, health, stop)?;
        let start = if store.is_some() { Start::Snapshot(position.clone()) } else { Start::Acknowledged };
        let (subject_prefix, engine_metrics) = (config.events.subject_prefix.clone(), metrics.engine);
        let decoder = Decoder {
            limits: config.limits,
            subject_prefix: subject_prefix.clone(),
            metrics: engine_metrics.clone(),
            geo,
        };
        let snapshot_every = config.state.as_ref().map(|state| state.snapshot_every);
        let snapshots = Snapshots::new(store.map_or(Keeping::Nowhere, Keeping::Here), metrics.store, health.clone());
        let ground = snapshots.ground();
        let settings = ScorerSettings { subject_prefix, snapshot_every, snapshot_first: None, ground };
        let decoded = mpsc::channel(BATCHES_QUEUED);
        let (inquiry, inbox) = inquiry(served::wake(&decoded.0));
        let archive = config.console.as_ref().map(|_| Archive::default());
        let (feedbacks, desk) = spoken::desk(&config, &engine, health, metrics.feedback)?;
        let feedbacks = feedbacks.waking(served::wake(&decoded.0));
        let asks = served::Asks { inquiry, feedbacks: feedbacks.clone() };
        let console = served::open(&config, &client, asks, archive.clone(), health).await?;
        let notify_metrics = metrics.notify;
        let notifier =
            NatsNotifier::new(client.clone(), &config.alerts, &config.events, notify_metrics.clone(), health.clone());
        let settler = Settler {
            client: client.clone(),
            notifier,
            dispatch,
            log,
            archive,
            snapshots,
            notify_metrics,
            health: health.clone(),
            faults,
            gaps: OpenGaps::new(gaps, config.detection.incident_quiet),
            unpublished: Vec::new(),
            drain: DRAIN,
        };
        spoken::listen(&client, &config, feedbacks, stop);
        let (events, registry, health) = (config.events, config.registry, health.clone());
        let scorer = Scorer::new(engine, position, settings, engine_metrics, inbox, desk);
        let opening = Opening { client, events, start, metrics: metrics.source, health, registry };
        Ok((Self { line: Line { decoder, decoded, scorer, settler }, opening, follower }, console))
    }

    async fn work(self, stop: CancellationToken, abort: CancellationToken) -> anyhow::Result<()> {
        let Self { mut line, opening, mut follower } = self;
        let preparation = line.settler.notifier.preparation();
        let Some((source, origin)) = Box::pin(line.settler.until(opening.open(&preparation, &stop))).await? else {
            return Ok(());
        };
        let (feed, fed) = mpsc::channel(BATCHES_QUEUED);
        let watching = stop.child_token();
        if let Some(mut origin) = origin {
            // A bucket's bots are known before the first event.
            if let Some(registry) = origin.first().and_then(|first| follower.take(first)) {
                drop(feed.try_send(Feed::Registry(registry)));
            }
            tokio::spawn(follower.run(origin, feed.clone(), watching.clone()));
        }
        // The source ends at the stop, or when settling has ended and nobody takes its feed any more.
        let reading = async move {
            match source {
                Source::JetStream(source) => source.run(feed, stop).await,
                Source::Core(source) => source.run(feed, stop).await,
            }
        };
        Ok(Box::pin(line.run(fed, reading, watching, abort)).await?)
    }
}

impl Opening {
    /// Opens source and streams, waiting for a broker that is not there yet; none at the stop.
    async fn open(
        self,
        notifier: &Preparation,
        stop: &CancellationToken,
    ) -> anyhow::Result<Option<(Source, Option<Origin>)>> {
        loop {
            let opened = tokio::select! {
                () = stop.cancelled() => return Ok(None),
                opened = self.try_open(notifier) => opened,
            };
            let error = match opened {
                Ok(opened) => {
                    self.health.set_unreadable(None);
                    return Ok(Some(opened));
                }
                Err((error, true)) => error,
                Err((error, false)) => return Err(error),
            };
            tracing::warn!(error = format!("{error:#}"), "streams are not there yet; trying on");
            self.health.set_error(format!("{error:#}"));
            self.health.set_unreadable(Some(format!("{error:#}")));
            tokio::select! {
                () = stop.cancelled() => return Ok(None),
                () = tokio::time::sleep(OPEN_PAUSE) => {}
            }
        }
    }

    /// One attempt; the error says whether another one can help.
    async fn try_open(&self, notifier: &Preparation) -> Result<(Source, Option<Origin>), (anyhow::Error, bool)> {
        let origin = match &self.registry {
            None => None,
            Some(RegistryConfig::File(path)) => Some(Origin::file(path)),
            Some(RegistryConfig::Bucket(bucket)) => {
                let opened = Origin::bucket(&self.client, bucket).await;
                Some(opened.map_err(|error| (error.into(), true))?)
            }
        };
        Ok((self.try_source(notifier).await?, origin))
    }

    async fn try_source(&self, notifier: &Preparation) -> Result<Source, (anyhow::Error, bool)> {
        if let Err(error) = notifier.prepare().await {
            let retry = error.retry();
            return Err((error.into(), retry));
        }
        let (client, metrics, health) = (self.client.clone(), self.metrics.clone(), self.health.clone());
        match self.events.mode {
            SourceMode::Jetstream => {
                let reading = Reading::whole(&self.events);
                match JetStreamSource::open(client, reading, &self.start, metrics, health).await {
                    Ok(source) => Ok(Source::JetStream(Box::new(source))),
                    Err(error) => {
                        let retry = error.retry();
                        Err((error.into(), retry))
                    }
                }
            }
            SourceMode::Core => match CoreSource::open(client, &self.events, metrics, health).await {
                Ok(source) => Ok(Source::Core(Box::new(source))),
                Err(error) => Err((error.into(), false)),
            },
        }
    }
}
