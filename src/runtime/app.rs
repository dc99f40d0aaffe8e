//! The whole of `humdrum run`: starts the parts in order, watches over them, stops them in order.
//!
//! [`App::start`] does what can fail for good: files, the lock, the snapshot, the first connection. What may just need
//! time, as a broker that comes up after us, happens behind it and shows in [`HealthState::readiness`]. The stop goes
//! the way of the data: the source stops fetching, the engine works off what it has, settling publishes, drains the
//! receivers' queues and writes the last snapshot. Ten seconds bound it all; what is not done by then is done by the replay.

use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use async_nats::Client;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::audit::log::{AlertLog, LogParams};
use super::clock::Clock;
use super::feedback::desk::{FeedbackDesk, Feedbacks};
use super::feedback::journal::{Entries, Journal};
use super::feedback::listen::listen;
use super::geo::GeoDatabase;
use super::health::HealthState;
use super::metrics::{
    EngineMetrics, FeedbackMetrics, GeoMetrics, LogMetrics, NotifyMetrics, ReceiverMetrics, RegistryMetrics,
    SourceMetrics, StoreMetrics,
};
use super::nats::connect::connect;
use super::notify::dispatch::{Dispatch, DispatchParams, Owed};
use super::notify::nats::NatsNotifier;
use super::pipeline::BATCHES_QUEUED;
use super::pipeline::alert_log::LogWriter;
use super::pipeline::decode::Decoder;
use super::pipeline::score::{Scorer, ScorerSettings};
use super::pipeline::settle::Settler;
use super::registry::{Follower, Origin};
use super::source::Feed;
use super::source::core::CoreSource;
use super::source::jetstream::{JetStreamSource, Start};
use super::store::Store;
use super::store::format::{Checkpoint, LogPlace};
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
    feedbacks: Feedbacks,
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
        let store = config.state.as_ref().map(|state| Store::open(&state.dir, state.keep)).transpose()?;
        let checkpoint = store.as_ref().map(Store::load).transpose()?.flatten();
        let known = bots.clone();
        let engine = engine(checkpoint.as_ref(), &config, bots)?;
        let Checkpoint { position, outbox, told, log, .. } = checkpoint.unwrap_or_default();
        let log = config.state.as_ref().map(|state| open_log(state, log, &health)).transpose()?;
        let (feedbacks, desk) = feedback_desk(&config, &engine, &health, registry)?;
        let log = LogWriter::new(log, LogMetrics::new(registry)?, health.clone());
        let (receiver_metrics, owed) = (ReceiverMetrics::new(registry)?, Owed { outbox, told });
        let notify_metrics = NotifyMetrics::new(registry)?;
        // All of them before the first wait, so that a start that takes long shows in full.
        let (engine_metrics, store_metrics) = (EngineMetrics::new(registry)?, StoreMetrics::new(registry)?);
        let source_metrics = SourceMetrics::new(registry)?;
        let geo = config.geo_file.as_deref().map(GeoDatabase::open).transpose()?;
        let geo_metrics = GeoMetrics::new(registry)?;
        if let Some(geo) = &geo {
            tracing::info!(kind = geo.kind(), built = %geo.built(), "places come from the geography file");
        }
        let geo = geo.map(|geo| geo.measured(geo_metrics));
        let follower = Follower::new(known, health.clone(), RegistryMetrics::new(registry)?);
        let client = connect(&config.nats, &health, &source_metrics.connected).await?;
        let dispatch = Dispatch::start(dispatch_params(&config, &client), owed, &receiver_metrics)?;
        let start = if store.is_some() { Start::Snapshot(position.clone()) } else { Start::Acknowledged };
        let decoder = Decoder {
            limits: config.limits,
            subject_prefix: config.events.subject_prefix.clone(),
            metrics: engine_metrics.clone(),
            geo,
        };
        let settings = ScorerSettings {
            subject_prefix: config.events.subject_prefix.clone(),
            snapshot_every: config.state.as_ref().map(|state| state.snapshot_every),
        };
        let notifier =
            NatsNotifier::new(client.clone(), &config.alerts, &config.events, notify_metrics.clone(), health.clone());
        let parts = Parts {
            decoder,
            scorer: Scorer::new(engine, position, settings, engine_metrics, desk),
            settler: Settler {
                client: client.clone(),
                notifier,
                dispatch,
                log,
                store,
                notify_metrics,
                store_metrics,
                health: health.clone(),
            },
            opening: Opening {
                client,
                events: config.events,
                start,
                metrics: source_metrics,
                health: health.clone(),
                registry: config.registry,
            },
            follower,
        };
        let (stop, abort) = (CancellationToken::new(), CancellationToken::new());
        tokio::spawn(listen(
            parts.opening.client.clone(),
            config.alerts.feedback_prefix,
            feedbacks.clone(),
            stop.clone(),
        ));
        let work = tokio::spawn(parts.work(stop.clone(), abort.clone()));
        Ok(Self { health, stop, abort, work, feedbacks })
    }

    /// Facts for `/readyz`.
    #[must_use]
    pub fn health(&self) -> HealthState {
        self.health.clone()
    }

    /// The way in for what people say.
    #[must_use]
    pub fn feedbacks(&self) -> Feedbacks {
        self.feedbacks.clone()
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

/// The engine, going on where the snapshot stands.
fn engine(checkpoint: Option<&Checkpoint>, config: &Config, bots: Registry) -> anyhow::Result<Engine> {
    let Some(checkpoint) = checkpoint else { return Ok(Engine::new(config.detection.clone(), bots)) };
    Engine::restore(&checkpoint.engine, config.detection.clone(), bots)
        .context("the snapshot cannot be used; move the state directory away to start afresh")
}

/// The way in for feedback, and its end at the engine.
fn feedback_desk(
    config: &Config,
    engine: &Engine,
    health: &HealthState,
    registry: &prometheus::Registry,
) -> anyhow::Result<(Feedbacks, FeedbackDesk)> {
    let journal = config.state.as_ref().map(|state| open_journal(state, health)).transpose()?;
    let (feedbacks, mut desk) = FeedbackDesk::new(engine, journal, FeedbackMetrics::new(registry)?);
    if config.events.mode == SourceMode::Core {
        desk.hurry();
    }
    Ok((feedbacks, desk))
}

/// Opens the journal of feedback. What stands behind damage in it is not applied, and told.
fn open_journal(state: &StateConfig, health: &HealthState) -> anyhow::Result<(Journal, Entries)> {
    let (journal, entries) = Journal::open(&state.dir)?;
    if let Some(line) = entries.damaged {
        tracing::error!(dir = %state.dir.display(), line, "the journal of feedback was changed; what follows is not applied");
        health.set_error(format!("the journal of feedback was changed at line {line}"));
    }
    Ok((journal, entries))
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
        lookup: None,
    }
}

fn flatten(ended: Result<anyhow::Result<()>, tokio::task::JoinError>) -> anyhow::Result<()> {
    ended.context("the work was cut off")?
}

struct Parts {
    decoder: Decoder,
    scorer: Scorer,
    settler: Settler,
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
    async fn work(self, stop: CancellationToken, abort: CancellationToken) -> anyhow::Result<()> {
        let Self { decoder, scorer, settler, opening, mut follower } = self;
        let Some((source, origin)) = opening.open(&settler.notifier, &stop).await? else {
            return Ok(());
        };
        let (feed, fed) = mpsc::channel(BATCHES_QUEUED);
        let watching = stop.child_token();
        if let Some(mut origin) = origin {
            // A bucket's bots are known before the first event.
            if let Some(first) = origin.first() {
                follower.take(first).map(|registry| feed.try_send(Feed::Registry(registry)));
            }
            tokio::spawn(follower.run(origin, feed.clone(), watching.clone()));
        }
        let (work, done) = mpsc::channel(BATCHES_QUEUED);
        let (decoded, events) = mpsc::channel(BATCHES_QUEUED);
        let (spend, spent) = mpsc::channel(BATCHES_QUEUED);
        std::thread::Builder::new()
            .name("humdrum-decoder".to_owned())
            .spawn(move || decoder.run(fed, &decoded, spent))?;
        std::thread::Builder::new()
            .name("humdrum-engine".to_owned())
            .spawn(move || scorer.run(events, &spend, &work))?;
        // The source ends at the stop, or when settling has ended and nobody takes its feed any more.
        let ended = watching.clone();
        let source = tokio::spawn(async move {
            match source {
                Source::JetStream(source) => source.run(feed, stop).await,
                Source::Core(source) => source.run(feed, stop).await,
            }
            ended.cancel();
        });
        let settled = settler.run(done, abort).await;
        source.abort();
        watching.cancel();
        Ok(settled?)
    }
}

impl Opening {
    /// Opens source and streams, waiting for a broker that is not there yet; none at the stop.
    async fn open(
        self,
        notifier: &NatsNotifier,
        stop: &CancellationToken,
    ) -> anyhow::Result<Option<(Source, Option<Origin>)>> {
        loop {
            let opened = tokio::select! {
                () = stop.cancelled() => return Ok(None),
                opened = self.try_open(notifier) => opened,
            };
            let error = match opened {
                Ok(opened) => return Ok(Some(opened)),
                Err((error, true)) => error,
                Err((error, false)) => return Err(error),
            };
            tracing::warn!(error = format!("{error:#}"), "streams are not there yet; trying on");
            self.health.set_error(format!("{error:#}"));
            tokio::select! {
                () = stop.cancelled() => return Ok(None),
                () = tokio::time::sleep(OPEN_PAUSE) => {}
            }
        }
    }

    /// One attempt; the error says whether another one can help.
    async fn try_open(&self, notifier: &NatsNotifier) -> Result<(Source, Option<Origin>), (anyhow::Error, bool)> {
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

    async fn try_source(&self, notifier: &NatsNotifier) -> Result<Source, (anyhow::Error, bool)> {
        if let Err(error) = notifier.prepare().await {
            let retry = error.retry();
            return Err((error.into(), retry));
        }
        let (client, metrics, health) = (self.client.clone(), self.metrics.clone(), self.health.clone());
        match self.events.mode {
            SourceMode::Jetstream => {
                match JetStreamSource::open(client, &self.events, &self.start, metrics, health).await {
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
