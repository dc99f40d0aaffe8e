//! What happens in every case, and what must have come of it.

#![expect(clippy::disallowed_methods, reason = "whoever runs the tests says how many, and where figures go")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use humdrum::alert::Alert;
use humdrum::alert::coverage::is_gap;
use humdrum::config::Config;
use humdrum::detect::{Engine, Output, Settings};
use humdrum::event::Event;
use humdrum::registry::Registry;
use humdrum::runtime::produce::EventPublisher;
use humdrum::runtime::store::Store;
use humdrum::simulate::{Fleet, FleetSpec};

use crate::support::config::{config, state};
use crate::support::files::write;
use crate::support::nats::{NatsServer, alerts};

/// Time for all of it on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

/// Some weeks of a small fleet, and what an engine alone makes of them.
pub(crate) struct Story {
    pub(crate) events: Vec<Event>,
    alerts: BTreeSet<(String, u32)>,
    hash: String,
}

pub(crate) static STORY: LazyLock<Story> = LazyLock::new(|| {
    let spec = FleetSpec {
        bots: 5,
        tenants: 2,
        days_baseline: 15,
        days_test: 4,
        attacks_per_bot: 3.0,
        oddities_per_bot: 2.0,
        ..FleetSpec::default()
    };
    let events = Fleet::generate(&spec).events;
    let mut engine = Engine::new(Settings::default(), Registry::default());
    let mut output = Output::default();
    for event in &events {
        engine.observe_ref(event, &mut output);
    }
    assert!(output.alerts.len() >= 5, "{} alerts only", output.alerts.len());
    let alerts = output.alerts.iter().map(|alert| (alert.id.clone(), alert.revision)).collect();
    Story { events, alerts, hash: engine.state_hash() }
});

impl Story {
    /// How many alerts there are to be.
    pub(crate) fn alerts(&self) -> usize {
        self.alerts.len()
    }

    /// A part of the events, of so many equal ones.
    pub(crate) fn part(&self, nth: usize, of: usize) -> &[Event] {
        let length = self.events.len();
        &self.events[length * nth / of..length * (nth + 1) / of]
    }
}

/// Whether everything is to be tried, for as long as it takes.
pub(crate) fn all() -> bool {
    std::env::var("HUMDRUM_FAULTS").is_ok_and(|value| value == "all")
}

/// A configuration that keeps state.
pub(crate) fn keeping(url: String, dir: &Path) -> Config {
    Config { state: Some(state(dir)), ..config(url) }
}

pub(crate) async fn publish(server: &NatsServer, events: &[Event]) {
    let mut publisher = EventPublisher::new(server.client().await, "humdrum.events");
    for event in events {
        publisher.publish(event).await.expect("is sent");
    }
    publisher.finish().await.expect("is stored");
}

/// Alerts about bots are those of a run without the fault, each once, and so is the state that was kept at the stop.
pub(crate) async fn as_without(server: &NatsServer, dir: &Path) {
    let all = alerts(server).await.into_iter().map(|line| serde_json::from_str::<Alert>(&line).expect("an alert"));
    let names: Vec<_> = all.filter(|alert| !is_gap(alert)).map(|alert| (alert.id, alert.revision)).collect();
    let once: BTreeSet<_> = names.iter().cloned().collect();
    assert_eq!(once, STORY.alerts, "the same alerts");
    assert_eq!(names.len(), once.len(), "each of them once");
    let kept = Store::open(dir, 2).expect("is unlocked").load().expect("loads").expect("a snapshot");
    assert_eq!(blake3::hash(&kept.engine).to_hex().as_str(), STORY.hash, "the same state");
}

/// Keeps a figure of a row for the table, where somebody collects them.
pub(crate) fn figure(row: &str, text: &str) {
    if let Ok(folder) = std::env::var("HUMDRUM_FAULT_FIGURES") {
        write(&Path::new(&folder).join(row), format!("{text}\n"));
    }
}

/// An event that says nothing in particular.
pub(crate) fn one_event(nth: usize) -> String {
    crate::support::config::event("bot", nth)
}
