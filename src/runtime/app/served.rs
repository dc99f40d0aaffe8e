//! The console within the app: whom it asks, what it shows, and the end of the alert log to begin with.

use async_nats::Client;
use tokio::sync::mpsc;

use crate::config::{Config, SourceMode};
use crate::runtime::archive::Archive;
use crate::runtime::console::{Console, ConsoleParts};
use crate::runtime::evidence::{Evidence, StreamEvents};
use crate::runtime::feedback::desk::Feedbacks;
use crate::runtime::health::HealthState;
use crate::runtime::inquiry::Inquiry;
use crate::runtime::pipeline::decode::Decoded;

/// The ways to the engine.
pub(super) struct Asks {
    pub(super) inquiry: Inquiry,
    pub(super) feedbacks: Feedbacks,
}

/// Makes an engine look for questions that waits for events. Holds the way to it open for nobody.
pub(super) fn wake(decoded: &mpsc::Sender<Decoded>) -> impl Fn() + Send + Sync + 'static {
    let decoded = decoded.downgrade();
    move || {
        if let Some(decoded) = decoded.upgrade() {
            // Where there is no room, events are about to wake it.
            drop(decoded.try_send(Decoded::Tick));
        }
    }
}

/// Opens the console where it is on, and fills its archive from the alert log meanwhile.
pub(super) async fn open(
    config: &Config,
    client: &Client,
    asks: Asks,
    archive: Option<Archive>,
    health: &HealthState,
) -> anyhow::Result<Option<Console>> {
    let Some((console, archive)) = config.console.as_ref().zip(archive) else { return Ok(None) };
    let events = &config.events;
    let evidence = match events.mode {
        SourceMode::Jetstream => Evidence::Stream(Box::new(StreamEvents::new(
            client.clone(),
            events.stream.clone(),
            events.subject_prefix.clone(),
            config.limits,
        ))),
        SourceMode::Core => Evidence::Nowhere,
    };
    if let Some(state) = &config.state {
        let (archive, dir) = (archive.clone(), state.dir.clone());
        tokio::task::spawn_blocking(move || match archive.load(&dir) {
            Ok(alerts) => tracing::debug!(alerts, "the console has read the alert log"),
            Err(error) => tracing::warn!(%error, "the console cannot read the alert log; it begins with what comes"),
        });
    }
    let Asks { inquiry, feedbacks } = asks;
    let parts = ConsoleParts { inquiry, feedbacks, archive, evidence, health: Some(health.clone()) };
    let console = Console::start(console, parts).await?;
    tracing::info!(address = %console.address(), "the console is served");
    Ok(Some(console))
}
