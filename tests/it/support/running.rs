//! The whole app within the test's own process, and events for it.

use async_nats::jetstream::Context;
use humdrum::config::Config;
use humdrum::runtime::app::App;
use prometheus::Registry;

use super::config::event;
use super::{figure, until};

/// A running app and its figures.
pub(crate) struct Running {
    pub(crate) app: App,
    pub(crate) registry: Registry,
}

impl Running {
    pub(crate) async fn start(config: Config) -> Self {
        let registry = Registry::new();
        let app = App::start(config, humdrum::registry::Registry::default(), &registry).await.expect("starts");
        Self { app, registry }
    }

    pub(crate) fn events(&self, outcome: &str) -> u64 {
        figure(&self.registry, "humdrum_events_total", &[("outcome", outcome)]) as u64
    }

    pub(crate) async fn accepted(&self, count: u64) {
        until(&format!("{count} accepted events"), || async { self.events("accepted") >= count }).await;
        assert_eq!(self.events("accepted"), count);
    }

    pub(crate) async fn ready(&self) {
        until("readiness", || async { self.app.health().readiness().is_ok() }).await;
    }
}

/// Publishes an event of one bot for each number.
pub(crate) async fn publish(context: &Context, ids: std::ops::Range<usize>) {
    for id in ids {
        let ack = context.publish("humdrum.events.acme.bot", event("bot", id).into()).await.expect("sends");
        ack.await.expect("is stored");
    }
}
