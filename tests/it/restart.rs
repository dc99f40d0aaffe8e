//! The binary over a stream of a fleet's weeks, killed and started again: every alert comes out once, the same as from
//! the engine alone.

use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use futures_util::StreamExt;
use humdrum::alert::Alert;
use humdrum::detect::{Engine, Output, Settings};
use humdrum::event::Event;
use humdrum::event::decode::encode;
use humdrum::registry::Registry;
use humdrum::runtime::produce::EventPublisher;
use humdrum::simulate::{Fleet, FleetSpec};
use humdrum::time::{Span, Timestamp};

use crate::support::files::{read, write};
use crate::support::humdrum::Humdrum;
use crate::support::nats::{NatsServer, alerts};
use crate::support::until_within;

/// Time for the whole stream on a busy machine.
const DEADLINE: Duration = Duration::from_secs(120);

/// A fleet, and what the engine alone makes of it.
struct Story {
    events: Vec<Event>,
    bots: String,
    start: Timestamp,
    alerts: Vec<String>,
}

/// Five weeks. A last event most of a day later lets every session end and every incident be over, so that the end of
/// a file and a stream that goes on mean the same.
static STORY: LazyLock<Story> = LazyLock::new(|| {
    let spec = FleetSpec { bots: 8, days_test: 7, attacks_per_bot: 2.0, oddities_per_bot: 2.0, ..FleetSpec::default() };
    let fleet = Fleet::generate(&spec);
    let mut events = fleet.events;
    let mut last = events.last().expect("events").clone();
    let newest = events.iter().map(|event| event.ts).max().expect("events");
    (last.id, last.bot, last.session) = ("last".into(), "last".into(), None);
    last.ts = newest + Span::from_hours(20);
    (last.producer, last.seq) = (None, None);
    events.push(last);
    let bots: Vec<_> = fleet.registry.iter().map(|bot| serde_json::to_string(bot).expect("JSON")).collect();
    let bots = bots.join("\n");
    let mut engine = Engine::new(Settings::default(), Registry::from_ndjson(&bots).expect("a registry"));
    let mut output = Output::default();
    for event in &events {
        engine.observe(event.clone(), &mut output);
    }
    assert!(output.rejected.is_empty());
    let alerts = output.alerts.iter().map(|alert| serde_json::to_string(alert).expect("JSON")).collect();
    Story { events, bots, start: spec.start, alerts }
});

impl Story {
    /// How many events come before a day.
    fn until_day(&self, day: i64) -> usize {
        self.events.iter().position(|event| event.ts >= self.start + Span::from_days(day)).expect("a later event")
    }
}

/// Directory with registry and state, and the settings of the binary in it.
fn settings(dir: &Path, server: &NatsServer) -> String {
    write(&dir.join("bots.ndjson"), &STORY.bots);
    format!(
        "registry = 'bots.ndjson'\n[nats]\nurl = '{}'\n[events]\nbatch = 200\nidle_after = '1h'\n\
        [state]\ndir = 'state'\nsnapshot_every = '1s'\n",
        server.url()
    )
}

async fn publish(server: &NatsServer, events: &[Event]) {
    let mut publisher = EventPublisher::new(server.client().await, "humdrum.events");
    for event in events {
        publisher.publish(event).await.expect("is sent");
    }
    publisher.finish().await.expect("is stored");
}

/// Waits until so many events have been read in this life of the process.
async fn read_to_the_end(humdrum: &Humdrum, events: usize) {
    until_within(DEADLINE, "the end of the stream", || async {
        humdrum.figure("humdrum_events_total").await as usize >= events
            && humdrum.figure("humdrum_consumer_lag_messages").await < 0.5
    })
    .await;
}

/// What tells alerts apart, of one alert a line.
fn names(alerts: &[String]) -> Vec<(String, u32)> {
    let alerts = alerts.iter().map(|line| serde_json::from_str::<Alert>(line).expect("an alert"));
    alerts.map(|alert| (alert.id, alert.revision)).collect()
}

#[tokio::test]
async fn two_kills_in_the_middle_change_no_alert() {
    let (server, dir) = (NatsServer::start().await, tempfile::tempdir().expect("a directory"));
    let settings = settings(dir.path(), &server);
    let client = server.client().await;
    let mut published = client.subscribe("humdrum.audit.head").await.expect("subscribes");
    client.flush().await.expect("flushes");
    let mut fed = 0;
    // What is fed goes beyond the day of the kill, so that it strikes a process with work to do.
    for (feed_day, kill_day) in [(20, 12), (33, 30)] {
        let humdrum = Humdrum::start(dir.path(), &settings).await;
        humdrum.ready().await;
        let next = STORY.until_day(feed_day);
        publish(&server, &STORY.events[fed..next]).await;
        fed = next;
        let day = (STORY.start + Span::from_days(kill_day)).as_micros() as f64 / 1e6;
        until_within(DEADLINE, "the day of the kill, with a snapshot", || async {
            humdrum.figure("humdrum_event_time_seconds").await >= day
                && humdrum.figure("humdrum_snapshot_bytes").await > 0.0
        })
        .await;
        humdrum.kill();
    }
    publish(&server, &STORY.events[fed..]).await;
    let humdrum = Humdrum::start(dir.path(), &settings).await;
    read_to_the_end(&humdrum, STORY.events.len() - fed).await;
    let again = humdrum.figure("humdrum_events_total").await as usize;
    assert!(again < STORY.events.len(), "it went on behind a snapshot");
    assert!(humdrum.terminate().await.success());
    published.unsubscribe().await.expect("unsubscribes");
    let mut heads = Vec::new();
    while let Some(head) = published.next().await {
        heads.push(String::from_utf8(head.payload.to_vec()).expect("UTF-8"));
    }
    assert!(STORY.alerts.len() >= 10, "{} alerts only", STORY.alerts.len());
    let alerts = alerts(&server).await;
    assert_eq!(names(&alerts), names(&STORY.alerts));
    assert_eq!(alerts, STORY.alerts, "every word of them");
    assert_eq!(logged(&dir.path().join("state")), STORY.alerts, "and each is in the log, once and in order");
    let (status, said) = verify(dir.path(), &[]);
    assert_eq!(status, Some(0), "{said}");
    let (last, records) = (heads.last().expect("heads were published"), STORY.alerts.len());
    assert!(said.starts_with(&format!("whole: {records} records in 1 file\n  proven  1 to {records}, ")), "{said}");
    // Log and heads are cut back together; a head that was kept elsewhere tells.
    let log = read(&dir.path().join("state/alerts.ndjson"));
    let cut: String = log.split_inclusive('\n').take(records / 2).collect();
    write(&dir.path().join("state/alerts.ndjson"), cut);
    write(&dir.path().join("state/alerts.heads"), "");
    let (status, said) = verify(dir.path(), &["--head", last]);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.starts_with(&format!("record {} is bad: cut tail\n", records / 2 + 1)), "{said}");
}

/// The alerts of the log, without what chains them.
fn logged(state: &Path) -> Vec<String> {
    let text = read(&state.join("alerts.ndjson"));
    text.lines().map(|line| line.split(",\"chain\":").next().expect("an alert").to_owned() + "}").collect()
}

/// What `humdrum verify` says of the state in a directory.
fn verify(dir: &Path, args: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_humdrum"));
    command.args(["verify", "--state-dir", "state"]).args(args).current_dir(dir).env_clear();
    let output = command.output().expect("the binary runs");
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[tokio::test]
async fn run_and_replay_say_the_same() {
    let (server, dir) = (NatsServer::start().await, tempfile::tempdir().expect("a directory"));
    let humdrum = Humdrum::start(dir.path(), &settings(dir.path(), &server)).await;
    humdrum.ready().await;
    publish(&server, &STORY.events).await;
    read_to_the_end(&humdrum, STORY.events.len()).await;
    assert!(humdrum.terminate().await.success());
    let events: String = STORY.events.iter().map(|event| encode(event) + "\n").collect();
    write(&dir.path().join("events.ndjson"), events);
    let replayed = Command::new(env!("CARGO_BIN_EXE_humdrum"))
        .args(["replay", "--registry", "bots.ndjson", "--alerts", "alerts.ndjson", "events.ndjson"])
        .current_dir(dir.path())
        .env_clear()
        .output()
        .expect("the binary runs");
    assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stderr));
    let lines = read(&dir.path().join("alerts.ndjson"));
    let replayed: Vec<String> = lines.lines().map(ToOwned::to_owned).collect();
    assert_eq!(names(&alerts(&server).await), names(&replayed));
    assert_eq!(alerts(&server).await, replayed, "every word of them");
    assert_eq!(names(&replayed), names(&STORY.alerts));
}
