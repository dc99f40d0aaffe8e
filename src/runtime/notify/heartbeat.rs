//! A dead man's switch: while all is well, somebody outside hears of it. When they hear nothing, they page.
//!
//! It is the only sign that reaches anybody when the whole machine is gone, so that it says nothing unless events are
//! being taken in.

use std::time::Duration;

use reqwest::Method;
use tokio_util::sync::CancellationToken;

use super::channel::{ReceiverError, client};
use crate::config::HeartbeatConfig;
use crate::runtime::health::HealthState;
use crate::runtime::metrics::SourceMetrics;

/// Time for one beat. Longer would miss the next one.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Pause before somebody who is not well asks himself again.
const UNWELL_PAUSE: Duration = Duration::from_secs(1);

/// What beats.
#[derive(Debug)]
pub struct Heartbeat {
    client: reqwest::Client,
    url: reqwest::Url,
    method: Method,
    every: Duration,
    health: HealthState,
    metrics: SourceMetrics,
}

impl Heartbeat {
    /// A heartbeat that does not beat yet.
    ///
    /// # Errors
    /// The address, or the HTTP client.
    pub fn new(config: &HeartbeatConfig, health: HealthState, metrics: SourceMetrics) -> Result<Self, ReceiverError> {
        let name = "heartbeat";
        let bad = |error: String| ReceiverError::Url { name: name.to_owned(), detail: error };
        let url = reqwest::Url::parse(&config.url).map_err(|error| bad(error.to_string()))?;
        let method = if config.post { Method::POST } else { Method::GET };
        Ok(Self { client: client(name, TIMEOUT, None)?, url, method, every: config.every, health, metrics })
    }

    /// Beats until the stop, and while all is well.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            let well = self.health.readiness().is_ok();
            if well {
                self.beat().await;
            }
            let pause = if well { self.every } else { UNWELL_PAUSE };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn beat(&self) {
        let answer = self.client.request(self.method.clone(), self.url.clone()).send().await;
        match answer.and_then(reqwest::Response::error_for_status) {
            Ok(_) => self.metrics.beats.inc(),
            Err(error) => {
                self.metrics.beats_failed.inc();
                // Its address may hold a key.
                tracing::warn!(error = %error.without_url(), "the heartbeat was not taken");
            }
        }
    }
}
