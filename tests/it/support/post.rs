//! Receivers by a settings file, on a clock that the test moves.

use std::path::PathBuf;
use std::time::Duration;

use async_nats::Client;
use humdrum::alert::{Alert, Whose};
use humdrum::config::{self, Config, Sources};
use humdrum::runtime::clock::{Clock, Hand};
use humdrum::runtime::metrics::ReceiverMetrics;
use humdrum::runtime::notify::dispatch::{Dispatch, DispatchParams, Owed};
use humdrum::runtime::notify::guard::Lookup;
use humdrum::time::Timestamp;
use prometheus::Registry;
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::Instant;

use super::files::read;
use super::{figure, until};

/// Allows a receiver to lie on this machine, where the tests' servers are.
pub(crate) const LOCAL: &str = "allow_networks = ['127.0.0.0/8']";

/// A configuration by its text.
pub(crate) fn settings(text: &str) -> Config {
    let sources = Sources { file: Some(text), ..Sources::default() };
    config::load(sources, &|path| Err(format!("nothing at {}", path.display()))).expect("a configuration")
}

/// Running receivers.
#[derive(Debug)]
pub(crate) struct Post {
    config: Config,
    pub(crate) dispatch: Dispatch,
    pub(crate) registry: Registry,
    pub(crate) hand: Hand,
    clock: Clock,
    nats: Option<Client>,
    lookup: Option<Lookup>,
    dir: TempDir,
}

impl Post {
    /// Receivers by a settings file, on a clock that stands at noon of a Monday.
    pub(crate) fn start(text: &str) -> Self {
        Self::start_with(text, None, None)
    }

    /// The same, with a connection to NATS and a way to look names up.
    pub(crate) fn start_with(text: &str, nats: Option<Client>, lookup: Option<Lookup>) -> Self {
        Self::start_whole(text, noon(), nats, lookup, Owed::default())
    }

    /// The same with what an earlier run owed.
    pub(crate) fn start_owed(text: &str, owed: Owed) -> Self {
        Self::start_whole(text, noon(), None, None, owed)
    }

    /// The same at another time.
    pub(crate) fn start_at(text: &str, at: Timestamp) -> Self {
        Self::start_whole(text, at, None, None, Owed::default())
    }

    fn start_whole(text: &str, at: Timestamp, nats: Option<Client>, lookup: Option<Lookup>, owed: Owed) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let (config, dir, registry) = (settings(text), tempfile::tempdir().expect("a directory"), Registry::new());
        let (clock, hand) = Clock::held(at);
        let parts = (&config, &clock, nats.as_ref(), lookup.as_ref(), &dir);
        let dispatch = start(parts, owed, &registry);
        Self { config, dispatch, registry, hand, clock, nats, lookup, dir }
    }

    /// Ends at once, as in a crash, and starts again with what a snapshot would have held.
    pub(crate) fn restart(mut self) -> Self {
        let owed = self.dispatch.owed();
        self.registry = Registry::new();
        let parts = (&self.config, &self.clock, self.nats.as_ref(), self.lookup.as_ref(), &self.dir);
        self.dispatch = start(parts, owed, &self.registry);
        self
    }

    pub(crate) fn offer(&self, alert: &Alert) {
        self.dispatch.offer(alert, &Whose::default());
    }

    /// Sum of the attempts of a receiver that ended so.
    pub(crate) fn attempts(&self, receiver: &str, outcome: &str) -> usize {
        let labels = [("receiver", receiver), ("outcome", outcome)];
        figure(&self.registry, "humdrum_receiver_attempts_total", &labels) as usize
    }

    /// Waits until so many attempts of a receiver have ended so.
    pub(crate) async fn attempted(&self, receiver: &str, outcome: &str, count: usize) {
        let what = format!("{count} attempts of {receiver} to be {outcome}");
        until(&what, || async { self.attempts(receiver, outcome) >= count }).await;
        assert_eq!(self.attempts(receiver, outcome), count, "{what}");
    }

    /// Moves the clock on, minute by minute, until the condition holds.
    pub(crate) async fn pass_until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        until(what, || async {
            self.hand.advance(Duration::from_secs(60));
            condition(self)
        })
        .await;
    }

    /// What was not delivered, as it is kept.
    pub(crate) fn undelivered(&self) -> Vec<Value> {
        self.dispatch.undelivered().sync();
        let path: PathBuf = self.dir.path().join("undelivered.ndjson");
        let text = if path.exists() { read(&path) } else { String::new() };
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// Ends in order.
    pub(crate) async fn drain(&mut self) {
        self.dispatch.drain(Instant::now() + Duration::from_secs(10)).await;
    }
}

fn noon() -> Timestamp {
    "2026-05-04T12:00:00Z".parse().expect("a time")
}

type Parts<'a> = (&'a Config, &'a Clock, Option<&'a Client>, Option<&'a Lookup>, &'a TempDir);

fn start((config, clock, nats, lookup, dir): Parts<'_>, owed: Owed, registry: &Registry) -> Dispatch {
    let params = DispatchParams {
        webhooks: &config.webhooks,
        receivers: &config.receivers,
        routing: config.routing.clone(),
        silences: config.silences.clone(),
        nats: nats.cloned(),
        ack_prefix: config.alerts.ack_prefix.clone(),
        dir: Some(dir.path()),
        clock: clock.clone(),
        lookup: lookup.cloned(),
        ..DispatchParams::default()
    };
    Dispatch::start(params, owed, &ReceiverMetrics::new(registry).expect("registers")).expect("starts")
}
