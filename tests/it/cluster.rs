//! Members of a cluster as processes of their own, killed, stopped and woken: state and alerts are those of engines that
//! nothing happened to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use async_nats::jetstream::{self, Context};
use async_nats::{Client, ConnectOptions};
use humdrum::alert::Alert;
use humdrum::config::{ClusterConfig, PartitionKey};
use humdrum::detect::{Engine, Output, Settings};
use humdrum::event::Event;
use humdrum::event::decode::{Envelope, Limits, decode};
use humdrum::event::subject::identity;
use humdrum::registry::Registry;
use humdrum::runtime::cluster::check::permissions;
use humdrum::runtime::cluster::layout::Layout;
use humdrum::runtime::produce::EventPublisher;
use humdrum::runtime::store::ledger::{Lease, Manifest, lease_key, manifest_key};
use humdrum::runtime::store::shared::Objects;
use humdrum::simulate::{Fleet, FleetSpec};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::faults::ground::figure;
use crate::support::config::{config, event};
use crate::support::files::{read, repository, write};
use crate::support::humdrum::Humdrum;
use crate::support::nats::{NatsServer, alerts};
use crate::support::running::Running;
use crate::support::{until, until_within};

/// Time for the whole stream on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);
pub(crate) const PARTITIONS: u16 = 4;

pub(crate) struct Story {
    pub(crate) events: Vec<Event>,
    bots: String,
}

/// Five weeks of a few tenants.
pub(crate) static STORY: LazyLock<Story> = LazyLock::new(|| {
    let spec = FleetSpec {
        bots: 10,
        tenants: 5,
        days_baseline: 18,
        days_test: 5,
        attacks_per_bot: 2.0,
        oddities_per_bot: 2.0,
        ..FleetSpec::default()
    };
    let fleet = Fleet::generate(&spec);
    let bots: Vec<_> = fleet.registry.iter().map(|bot| serde_json::to_string(bot).expect("JSON")).collect();
    Story { events: fleet.events, bots: bots.join("\n") }
});

pub(crate) fn settings(server: &NatsServer, more: &str) -> String {
    format!(
        "registry = 'bots.ndjson'\n[nats]\nurl = '{}'\n[events]\nidle_after = '1h'\n\
        [cluster]\nenabled = true\npartitions = {PARTITIONS}\nreplicas = 1\nsnapshot_every = '1s'\n{more}",
        server.url()
    )
}

pub(crate) fn home() -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    write(&dir.path().join("bots.ndjson"), &STORY.bots);
    dir
}

/// What `humdrum cluster` says.
pub(crate) fn cluster(dir: &Path, settings: &str, args: &[&str]) -> String {
    write(&dir.join("cluster.toml"), settings);
    let mut command = Command::new(env!("CARGO_BIN_EXE_humdrum"));
    command.arg("cluster").args(args).args(["--config", "cluster.toml"]).current_dir(dir).env_clear();
    let output = command.output().expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

pub(crate) async fn publish(server: &NatsServer, events: &[Event]) {
    let mut publisher = EventPublisher::new(server.client().await, "humdrum.events");
    for event in events {
        publisher.publish(event).await.expect("is sent");
    }
    publisher.finish().await.expect("is stored");
}

pub(crate) async fn lease(context: &Context, partition: u16) -> Lease {
    let store = context.get_key_value("HUMDRUM_CLUSTER").await.expect("exists");
    let value = store.get(lease_key(partition)).await.expect("answers");
    value.map(|value| serde_json::from_slice(&value).expect("a lease")).unwrap_or_default()
}

pub(crate) async fn manifest(context: &Context, partition: u16) -> Manifest {
    let store = context.get_key_value("HUMDRUM_CLUSTER").await.expect("exists");
    let value = store.get(manifest_key(partition)).await.expect("answers");
    value.map(|value| serde_json::from_slice(&value).expect("a manifest")).unwrap_or_default()
}

/// Waits until every partition is owned, by members whose names begin so.
pub(crate) async fn owned(context: &Context, by: &str) {
    for partition in 0..PARTITIONS {
        until(&format!("partition {partition} to be owned by {by}"), || async {
            let lease = lease(context, partition).await;
            lease.member.starts_with(by) && !lease.released
        })
        .await;
    }
}

/// The bots of the story.
pub(crate) fn registry() -> Registry {
    Registry::from_ndjson(&STORY.bots).expect("a registry")
}

/// Hash of each partition's state, and all alerts, of engines that read the stream and had no trouble. Before each event
/// something may be changed.
async fn untroubled(
    context: &Context,
    mut before: impl FnMut(u64, &mut BTreeMap<u16, Engine>),
) -> (BTreeMap<u16, String>, BTreeSet<(String, u32)>) {
    let stream = context.get_stream("HUMDRUM_EVENTS").await.expect("exists");
    let mut engines: BTreeMap<u16, Engine> = BTreeMap::new();
    let mut output = Output::default();
    for sequence in 1..=stream.cached_info().state.last_sequence {
        before(sequence, &mut engines);
        let message = stream.get_raw_message(sequence).await.expect("is there");
        let subject = message.subject.as_str();
        if subject.ends_with("._humdrum.canary") {
            continue;
        }
        let number = subject.split('.').nth(3).and_then(|number| number.parse().ok()).expect("a partition");
        let identity = identity(subject, &format!("humdrum.events.{number}"));
        let envelope = Envelope { identity, message_id: None };
        let event = decode(&message.payload, &envelope, &Limits::default()).expect("an event");
        let engine = engines.entry(number).or_insert_with(|| Engine::new(Settings::default(), registry()));
        engine.observe(event, &mut output);
    }
    let hashes = engines.into_iter().map(|(number, engine)| (number, engine.state_hash())).collect();
    (hashes, output.alerts.into_iter().map(|alert| (alert.id, alert.revision)).collect())
}

/// Hash of each partition's state in its newest snapshot.
async fn kept(context: &Context) -> BTreeMap<u16, String> {
    let objects = Objects::new(context.get_object_store("HUMDRUM_SNAPSHOTS").await.expect("exists"));
    let mut hashes = BTreeMap::new();
    for partition in 0..PARTITIONS {
        let manifest = manifest(context, partition).await;
        let newest = manifest.kept.first().expect("a snapshot");
        let checkpoint = objects.join(newest).await.expect("answers").expect("is whole");
        hashes.insert(partition, blake3::hash(&checkpoint.engine).to_hex().to_string());
    }
    hashes
}

/// Everything is as if nothing had happened: states, and alerts once each.
pub(crate) async fn as_if_nothing_happened(server: &NatsServer) {
    as_if_only(server, |_, _| {}).await;
}

/// Everything is as if nothing had happened but this, before an event.
pub(crate) async fn as_if_only(server: &NatsServer, before: impl FnMut(u64, &mut BTreeMap<u16, Engine>)) {
    let context = server.jetstream().await;
    let (hashes, wanted) = untroubled(&context, before).await;
    let published: Vec<(String, u32)> = alerts(server)
        .await
        .iter()
        .map(|line| serde_json::from_str::<Alert>(line).expect("an alert"))
        .map(|alert| (alert.id, alert.revision))
        .collect();
    assert!(wanted.len() >= 10, "{} alerts only", wanted.len());
    let once: BTreeSet<_> = published.iter().cloned().collect();
    assert_eq!(once, wanted, "the same alerts");
    assert_eq!(published.len(), wanted.len(), "each of them once");
    let kept = kept(&context).await;
    assert!(hashes.len() >= 3, "{} partitions only", hashes.len());
    for (partition, hash) in hashes {
        assert_eq!(kept[&partition], hash, "state of partition {partition}");
    }
    // The epochs in the fence never go back.
    let fence = context.get_stream("HUMDRUM_FENCE").await.expect("exists");
    let mut epochs: BTreeMap<String, u64> = BTreeMap::new();
    for sequence in 1..=fence.cached_info().state.last_sequence {
        let message = fence.get_raw_message(sequence).await.expect("is there");
        let partition = message.subject.split('.').nth(3).expect("a partition").to_owned();
        let epoch = message.headers.get("Humdrum-Epoch").and_then(|epoch| epoch.as_str().parse().ok());
        let last = epochs.entry(partition).or_default();
        assert!(epoch.is_some_and(|epoch| epoch >= *last), "message {sequence}");
        *last = epoch.unwrap_or_default();
    }
}

/// Waits until nothing is left to read in any partition.
pub(crate) async fn read_to_the_end(context: &Context, humdrum: &Humdrum) {
    let last = context.get_stream("HUMDRUM_EVENTS").await.expect("exists").cached_info().state.last_sequence;
    let events = context.get_stream("HUMDRUM_EVENTS").await.expect("exists");
    let mut newest: BTreeMap<u16, u64> = BTreeMap::new();
    for partition in 0..PARTITIONS {
        if let Ok(message) = events.get_last_raw_message_by_subject(&format!("humdrum.events.{partition}.>")).await {
            newest.insert(partition, message.sequence);
        }
    }
    until_within(DEADLINE, &format!("the end of the stream, {last}"), || async {
        let mut all = humdrum.figure("humdrum_consumer_lag_messages").await < 0.5;
        for (partition, sequence) in &newest {
            let kept = manifest(context, *partition).await.kept;
            all &= kept.first().is_some_and(|kept| kept.sequence >= *sequence);
        }
        all
    })
    .await;
}

#[tokio::test]
async fn a_killed_owner_is_succeeded_and_nothing_is_lost_or_told_twice() {
    let server = NatsServer::start().await;
    let (a, b) = (home(), home());
    let context = server.jetstream().await;
    let said = cluster(a.path(), &settings(&server, ""), &["init"]);
    assert!(
        said.contains("made   stream HUMDRUM_EVENTS") && said.contains("made   bucket HUMDRUM_SNAPSHOTS"),
        "{said}"
    );
    assert!(cluster(a.path(), &settings(&server, ""), &["init"]).starts_with("everything was there\n"));
    let first = Humdrum::start(a.path(), &settings(&server, "member = 'a'\n")).await;
    first.ready().await;
    owned(&context, "a-").await;
    let third = STORY.events.len() / 3;
    publish(&server, &STORY.events[..third]).await;
    let second = Humdrum::start(b.path(), &settings(&server, "member = 'b'\n")).await;
    second.ready().await;
    until_within(DEADLINE, "snapshots of the first", || async { !manifest(&context, 0).await.kept.is_empty() }).await;
    publish(&server, &STORY.events[third..2 * third]).await;
    first.kill();
    owned(&context, "b-").await;
    publish(&server, &STORY.events[2 * third..]).await;
    read_to_the_end(&context, &second).await;
    let status = cluster(b.path(), &settings(&server, ""), &["status"]);
    assert!(status.contains("member  ") && status.contains("b-") && !status.contains("nobody"), "{status}");
    assert!(second.terminate().await.success());
    as_if_nothing_happened(&server).await;
}

/// Time in which an owner that wakes must have given everything up: a partition is given to another member only when
/// that one has ranked first for five seconds, so that nothing is its own again by then.
const STEP_DOWN: Duration = Duration::from_secs(4);

#[tokio::test]
async fn an_owner_that_was_stopped_and_wakes_publishes_nothing() {
    let server = NatsServer::start().await;
    let (a, b) = (home(), home());
    let context = server.jetstream().await;
    cluster(a.path(), &settings(&server, ""), &["init"]);
    let first = Humdrum::start(a.path(), &settings(&server, "member = 'a'\n")).await;
    owned(&context, "a-").await;
    let half = STORY.events.len() / 2;
    publish(&server, &STORY.events[..half]).await;
    // In the middle of its work, of which all is its own.
    first.signal("STOP");
    let second = Humdrum::start(b.path(), &settings(&server, "member = 'b'\n")).await;
    owned(&context, "b-").await;
    let epochs = |context: Context| async move {
        let mut epochs = Vec::new();
        for partition in 0..PARTITIONS {
            epochs.push(lease(&context, partition).await.epoch);
        }
        epochs
    };
    let before = epochs(context.clone()).await;
    second.ready().await;
    let passed = || async {
        let stream = context.get_stream("HUMDRUM_FENCE").await.expect("exists");
        let (mut of_first, last) = (0, stream.cached_info().state.last_sequence);
        for sequence in 1..=last {
            let message = stream.get_raw_message(sequence).await.expect("is there");
            let partition: usize =
                message.subject.split('.').nth(3).and_then(|part| part.parse().ok()).expect("a number");
            let epoch = message.headers.get("Humdrum-Epoch").and_then(|epoch| epoch.as_str().parse().ok());
            of_first += usize::from(epoch.is_some_and(|epoch: u64| epoch < before[partition]));
        }
        of_first
    };
    let published = passed().await;
    first.signal("CONT");
    let woken = Instant::now();
    let owns = || async { first.figure("humdrum_cluster_partitions_owned").await < 0.5 };
    until_within(STEP_DOWN, "the woken one to step down from all of them", owns).await;
    let stepped_down = woken.elapsed();
    figure("row_04", &format!("stepped down from {PARTITIONS} partitions {stepped_down:.1?} after it woke, 0 alerts"));
    publish(&server, &STORY.events[half..]).await;
    read_to_the_end(&context, &second).await;
    assert!(epochs(context.clone()).await.iter().zip(&before).all(|(now, before)| now >= before));
    assert_eq!(passed().await, published, "what it was over for passed no more");
    assert!(first.terminate().await.success());
    owned(&context, "b-").await;
    read_to_the_end(&context, &second).await;
    assert!(second.terminate().await.success());
    as_if_nothing_happened(&server).await;
}

#[tokio::test]
async fn partitions_are_shared_and_given_back_in_order() {
    let server = NatsServer::start().await;
    let (a, b) = (home(), home());
    let context = server.jetstream().await;
    cluster(a.path(), &settings(&server, ""), &["init"]);
    let first = Humdrum::start(a.path(), &settings(&server, "member = 'a'\n")).await;
    owned(&context, "a-").await;
    publish(&server, &STORY.events).await;
    let second = Humdrum::start(b.path(), &settings(&server, "member = 'b'\n")).await;
    second.ready().await;
    // Ranks are by name, and names have something of chance in them: whether all four stay with one is chance as well.
    let settled = || async {
        let first = first.figure("humdrum_cluster_partitions_owned").await;
        let second = second.figure("humdrum_cluster_partitions_owned").await;
        (first + second - f64::from(PARTITIONS)).abs() < 0.5
    };
    until("all to be owned", settled).await;
    read_to_the_end(&context, &second).await;
    assert!(first.terminate().await.success());
    owned(&context, "b-").await;
    assert!(second.terminate().await.success());
    for partition in 0..PARTITIONS {
        assert!(lease(&context, partition).await.released, "partition {partition}");
    }
    as_if_nothing_happened(&server).await;
}

fn shared(server: &NatsServer, key: PartitionKey) -> humdrum::config::Config {
    let mut config = config(server.url());
    config.cluster = Some(ClusterConfig {
        name: "HUMDRUM".to_owned(),
        member: None,
        subject_prefix: "humdrum.cluster".to_owned(),
        partitions: PARTITIONS,
        key,
        replicas: 1,
        takeover_after: Duration::from_millis(1500),
        snapshot_every: Duration::from_millis(300),
        keep_days: 7,
        batch: 100,
    });
    config
}

#[tokio::test]
async fn what_the_server_lacks_is_said() {
    let server = NatsServer::start().await;
    let mut running = Running::start(shared(&server, PartitionKey::Tenant)).await;
    let error = running.app.failed().await.expect_err("no streams").to_string();
    assert!(error.contains("stream `HUMDRUM_EVENTS` is missing; `humdrum cluster init` makes it"), "{error}");
    let dir = home();
    cluster(dir.path(), &settings(&server, ""), &["init"]);
    let mut running = Running::start(shared(&server, PartitionKey::Bot)).await;
    let error = running.app.failed().await.expect_err("another key").to_string();
    assert!(error.contains("has the transform") && error.contains("partitions are fixed"), "{error}");
}

#[tokio::test]
async fn silence_is_put_on_record_and_read_back() {
    let server = NatsServer::start().await;
    let dir = home();
    cluster(dir.path(), &settings(&server, ""), &["init"]);
    let mut config = shared(&server, PartitionKey::Tenant);
    config.events.idle_after = Duration::from_millis(500);
    let running = Running::start(config).await;
    running.ready().await;
    let context = server.jetstream().await;
    context.publish("humdrum.events.acme.bot", event("bot", 0).into()).await.expect("sends").await.expect("is stored");
    running.accepted(1).await;
    let first = 1_777_874_400.0;
    let event_time = || crate::support::figure(&running.registry, "humdrum_event_time_seconds", &[]);
    until("event time to move", || async { event_time() > first }).await;
    let stream = context.get_stream("HUMDRUM_EVENTS").await.expect("exists");
    let number = stream.get_raw_message(1).await.expect("the event").subject.split('.').nth(3).map(str::to_owned);
    let tick = format!("humdrum.cluster.events.{}.tick", number.expect("a partition"));
    let recorded = stream.get_last_raw_message_by_subject(&tick).await.expect("a record");
    let micros: i64 = std::str::from_utf8(&recorded.payload).expect("text").parse().expect("a number");
    assert!(micros >= 500_000, "{micros}");
    running.app.stop().await.expect("stops");
}

/// Whoever may do nothing is told so, and the questions leave nothing behind.
async fn permissions_are_only_asked_for(server: &NatsServer, producer: &Client, admin: &Context) {
    let layout = {
        let config = shared(server, PartitionKey::Tenant);
        Layout::new(config.cluster.as_ref().expect("a cluster"), &config.events, &config.alerts)
    };
    let refused = permissions(producer, &layout).await;
    assert!(
        refused.len() >= 11 && refused[0].text.contains("`humdrum.cluster.alerts.check` is not answered"),
        "{refused:?}"
    );
    for (stream, subject) in [
        ("HUMDRUM_EVENTS", "humdrum.cluster.events.0.tick"),
        ("HUMDRUM_FENCE", "humdrum.cluster.alerts.check"),
        ("HUMDRUM_REJECTED", "humdrum.rejected.check"),
        ("KV_HUMDRUM_CLUSTER", "$KV.HUMDRUM_CLUSTER.check"),
        ("OBJ_HUMDRUM_SNAPSHOTS", "$O.HUMDRUM_SNAPSHOTS.M.check"),
    ] {
        let stream = admin.get_stream(stream).await.expect("exists");
        assert!(stream.get_last_raw_message_by_subject(subject).await.is_err(), "{subject}: only asked for");
    }
}

#[tokio::test]
async fn the_permissions_that_are_shipped_are_enough_and_no_more() {
    let server = NatsServer::start_configured(&read(&repository("fixtures/nats/cluster.conf"))).await;
    let url = |user: &str| server.url().replace("nats://", &format!("nats://{user}:{user}@"));
    let (a, b) = (home(), home());
    let as_user = |user: &str, more: &str| {
        let text = settings(&server, more).replace(&server.url(), &url(user));
        text.replace("[nats]\n", "[nats]\ninbox_prefix = '_INBOX_humdrum'\n")
    };
    cluster(a.path(), &as_user("admin", ""), &["init"]);
    let connect = |user: &'static str, inbox: &'static str| {
        let options = ConnectOptions::with_user_and_password(user.to_owned(), user.to_owned());
        let (options, url) = (options.custom_inbox_prefix(inbox), server.url());
        async move { options.connect(url).await.expect("connects") }
    };
    let admin = jetstream::new(connect("admin", "_INBOX").await);
    let first = Humdrum::start(a.path(), &as_user("humdrum", "member = 'a'\n")).await;
    first.ready().await;
    owned(&admin, "a-").await;
    let producer = connect("payroll", "_INBOX").await;
    let control = "\"type\":\"control\",\"control\":{\"action\":\"logging_disabled\",\"by\":\"eve\"}";
    let event = |id: &str| {
        format!("{{\"id\":\"{id}\",\"ts\":\"2026-05-04T06:00:00Z\",\"tenant\":\"acme\",\"bot\":\"payroll\",{control}}}")
    };
    let request = |subject: &'static str, payload: String| {
        let producer = producer.clone();
        async move { tokio::time::timeout(Duration::from_millis(700), producer.request(subject, payload.into())).await }
    };
    assert!(matches!(request("humdrum.events.acme.payroll", event("e1")).await, Ok(Ok(_))));
    let alerts = admin.get_stream("HUMDRUM_ALERTS").await.expect("exists");
    until("the alert", || async { alerts.get_info().await.expect("answers").state.messages == 1 }).await;
    // A second member takes over what the first has kept.
    until("a snapshot", || async { manifests(&admin).await >= 1 }).await;
    first.kill();
    let second = Humdrum::start(b.path(), &as_user("humdrum", "member = 'b'\n")).await;
    owned(&admin, "b-").await;
    let status = cluster(b.path(), &as_user("humdrum", ""), &["status"]);
    assert!(!status.contains("is not answered"), "{status}");
    permissions_are_only_asked_for(&server, &producer, &admin).await;
    for (subject, payload) in [
        ("humdrum.events.acme.other", event("e2")),
        ("humdrum.cluster.events.3.acme.payroll", event("e3")),
        ("humdrum.cluster.alerts.3.acme.high", "{}".to_owned()),
        ("$KV.HUMDRUM_CLUSTER.lease.3", "{}".to_owned()),
        ("$JS.API.STREAM.PURGE.HUMDRUM_EVENTS", String::new()),
    ] {
        let answer = request(subject, payload).await;
        assert!(!matches!(answer, Ok(Ok(_))), "{subject}: {answer:?}");
    }
    let member = connect("humdrum", "_INBOX_humdrum").await;
    for subject in [
        "humdrum.events.acme.payroll",
        "humdrum.alerts.acme.high",
        "$JS.API.STREAM.PURGE.HUMDRUM_EVENTS",
        "$JS.API.STREAM.DELETE.HUMDRUM_EVENTS",
        "$JS.API.STREAM.UPDATE.HUMDRUM_EVENTS",
        "$JS.API.STREAM.MSG.DELETE.HUMDRUM_FENCE",
    ] {
        let answer = tokio::time::timeout(Duration::from_millis(700), member.request(subject, "{}".into())).await;
        assert!(!matches!(answer, Ok(Ok(_))), "{subject}: {answer:?}");
    }
    assert!(second.terminate().await.success());
    assert_eq!(alerts.get_info().await.expect("answers").state.messages, 1, "and it was told once");
}

async fn manifests(context: &Context) -> usize {
    let mut count = 0;
    for partition in 0..PARTITIONS {
        count += manifest(context, partition).await.kept.iter().filter(|kept| kept.sequence > 0).count();
    }
    count
}
