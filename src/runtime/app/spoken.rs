//! What people say, within the app: the journal that it is written to, and the subject that it comes in by.

use async_nats::Client;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, SourceMode, StateConfig};
use crate::detect::Engine;
use crate::runtime::feedback::desk::{FeedbackDesk, Feedbacks};
use crate::runtime::feedback::journal::{Entries, Journal};
use crate::runtime::feedback::listen;
use crate::runtime::health::HealthState;
use crate::runtime::metrics::FeedbackMetrics;

/// The way in for feedback, and its end at the engine.
pub(super) fn desk(
    config: &Config,
    engine: &Engine,
    health: &HealthState,
    metrics: FeedbackMetrics,
) -> anyhow::Result<(Feedbacks, FeedbackDesk)> {
    let journal = config.state.as_ref().map(|state| open_journal(state, health)).transpose()?;
    let (feedbacks, mut desk) = FeedbackDesk::new(engine, journal, metrics);
    if config.events.mode == SourceMode::Core {
        desk.hurry();
    }
    Ok((feedbacks, desk))
}

/// Takes feedback from its subject until the stop.
pub(super) fn listen(client: &Client, config: &Config, feedbacks: Feedbacks, stop: &CancellationToken) {
    tokio::spawn(listen::listen(client.clone(), config.alerts.feedback_prefix.clone(), feedbacks, stop.clone()));
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
