//! The whole app on a real server.

use std::path::Path;
use std::time::Duration;

use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::stream;
use futures_util::StreamExt;
use humdrum::alert::{Notice, Severity};
use humdrum::config::{Config, SourceMode};
use humdrum::detect::{Engine, Settings};
use humdrum::runtime::app::App;
use humdrum::runtime::store::Store;
use humdrum::runtime::store::format::{Checkpoint, OwedNotice};
use humdrum::time::Timestamp;
use prometheus::Registry;

use crate::support::config::{alert, config, event, state, webhook};
use crate::support::nats::{NatsServer, alerts};
use crate::support::running::{Running, publish};
use crate::support::webhook::Endpoint;
use crate::support::{figure, until};

/// A configuration that keeps state.
fn keeping(server: &NatsServer, dir: &Path) -> Config {
    Config { state: Some(state(dir)), ..config(server.url()) }
}

/// The state of an engine that has seen nothing.
fn blank_engine() -> Vec<u8> {
    Engine::new(Settings::default(), humdrum::registry::Registry::default()).snapshot()
}

#[tokio::test]
async fn events_are_counted_and_what_is_refused_is_kept_with_its_reason() {
    let server = NatsServer::start().await;
    let running = Running::start(config(server.url())).await;
    running.ready().await;
    let context = server.jetstream().await;
    publish(&context, 0..25).await;
    let bad = ["no json", "{\"bot\":\"other\",\"ts\":\"2026-05-04T06:00:00Z\",\"type\":\"call\"}"];
    for payload in bad {
        context.publish("humdrum.events.acme.bot", payload.into()).await.expect("sends").await.expect("is stored");
    }
    running.accepted(25).await;
    until("two refusals", || async { running.events("rejected") == 2 }).await;
    for reason in ["not_json", "spoofed"] {
        assert_eq!(figure(&running.registry, "humdrum_rejects_total", &[("reason", reason)]) as u64, 1, "{reason}");
    }
    let rejected = context.get_stream("HUMDRUM_REJECTED").await.expect("exists");
    until("two dead letters", || async { rejected.get_info().await.expect("answers").state.messages == 2 }).await;
    let letter = rejected.get_last_raw_message_by_subject("humdrum.rejected.spoofed").await.expect("is there");
    assert_eq!(&letter.payload[..], bad[1].as_bytes());
    // The lag falls once the engine has the messages, which it may have counted by then.
    until("no lag", || async { figure(&running.registry, "humdrum_consumer_lag_messages", &[]) < 0.5 }).await;
    running.app.stop().await.expect("stops");
}

#[tokio::test]
async fn a_restart_goes_on_behind_the_snapshot() {
    let server = NatsServer::start().await;
    let dir = tempfile::tempdir().expect("a directory");
    let context = server.jetstream().await;
    let config = keeping(&server, dir.path());
    let first = Running::start(config.clone()).await;
    first.ready().await;
    publish(&context, 0..10).await;
    first.accepted(10).await;
    first.app.stop().await.expect("stops");
    {
        let store = Store::open(dir.path(), 2).expect("is unlocked");
        let position = store.load().expect("loads").and_then(|checkpoint| checkpoint.position);
        assert_eq!(position.map(|position| position.sequence), Some(10));
    }
    publish(&context, 10..15).await;
    // The snapshot is the truth: a consumer that stands elsewhere is made anew.
    let stream = context.get_stream("HUMDRUM_EVENTS").await.expect("exists");
    stream.delete_consumer("humdrum").await.expect("deletes");
    let second = Running::start(config).await;
    second.accepted(5).await;
    second.app.stop().await.expect("stops");
}

#[tokio::test]
async fn a_lost_snapshot_reads_everything_again() {
    let server = NatsServer::start().await;
    let mut config = config(server.url());
    for round in 0..2 {
        let dir = tempfile::tempdir().expect("a directory");
        config.state = Some(state(dir.path()));
        let running = Running::start(config.clone()).await;
        running.ready().await;
        if round == 0 {
            publish(&server.jetstream().await, 0..7).await;
        }
        running.accepted(7).await;
        running.app.stop().await.expect("stops");
    }
}

#[tokio::test]
async fn a_stream_that_lost_its_tail_is_read_from_its_beginning() {
    let server = NatsServer::start().await;
    let dir = tempfile::tempdir().expect("a directory");
    let config = keeping(&server, dir.path());
    let first = Running::start(config.clone()).await;
    first.ready().await;
    publish(&server.jetstream().await, 0..4).await;
    first.accepted(4).await;
    first.app.stop().await.expect("stops");
    {
        let mut store = Store::open(dir.path(), 2).expect("opens");
        let mut checkpoint = store.load().expect("loads").expect("a snapshot");
        checkpoint.position.as_mut().expect("a position").sequence = 1000;
        checkpoint.engine = blank_engine();
        store.save(&checkpoint).expect("saves");
    }
    let second = Running::start(config).await;
    second.accepted(4).await;
    second.app.stop().await.expect("stops");
}

#[tokio::test]
async fn what_another_process_takes_away_is_read_again() {
    let server = NatsServer::start().await;
    let dir = tempfile::tempdir().expect("a directory");
    let config = keeping(&server, dir.path());
    let running = Running::start(config).await;
    running.ready().await;
    let context = server.jetstream().await;
    let thief: PullConsumer = context.get_consumer_from_stream("humdrum", "HUMDRUM_EVENTS").await.expect("exists");
    let mut taken = thief.batch().max_messages(3).expires(Duration::from_secs(10)).messages().await.expect("pulls");
    server.client().await.flush().await.expect("the pull has arrived");
    publish(&context, 0..30).await;
    assert!(taken.next().await.is_some_and(|message| message.is_ok()));
    running.accepted(30).await;
    assert!(figure(&running.registry, "humdrum_source_reopened_total", &[]) >= 1.0);
    running.app.stop().await.expect("stops");
}

#[tokio::test]
async fn without_state_the_server_remembers_what_was_acknowledged() {
    let server = NatsServer::start().await;
    let context = server.jetstream().await;
    let first = Running::start(config(server.url())).await;
    first.ready().await;
    publish(&context, 0..10).await;
    first.accepted(10).await;
    first.app.stop().await.expect("stops");
    let stream = context.get_stream("HUMDRUM_EVENTS").await.expect("exists");
    let consumer: PullConsumer = stream.get_consumer("humdrum").await.expect("exists");
    assert_eq!(consumer.cached_info().ack_floor.stream_sequence, 10);
    publish(&context, 10..13).await;
    let second = Running::start(config(server.url())).await;
    second.accepted(3).await;
    second.app.stop().await.expect("stops");
}

#[tokio::test]
async fn a_stream_made_anew_is_read_from_its_beginning() {
    let server = NatsServer::start().await;
    let dir = tempfile::tempdir().expect("a directory");
    let context = server.jetstream().await;
    let config = keeping(&server, dir.path());
    let running = Running::start(config.clone()).await;
    running.ready().await;
    publish(&context, 0..10).await;
    running.accepted(10).await;
    // While it runs.
    context.delete_stream("HUMDRUM_EVENTS").await.expect("deletes");
    until("the stream", || async { context.get_stream("HUMDRUM_EVENTS").await.is_ok() }).await;
    publish(&context, 20..23).await;
    running.accepted(13).await;
    running.app.stop().await.expect("stops");
    // While it stands still.
    context.delete_stream("HUMDRUM_EVENTS").await.expect("deletes");
    let made = stream::Config {
        name: "HUMDRUM_EVENTS".to_owned(),
        subjects: vec!["humdrum.events.*.*".to_owned()],
        ..Default::default()
    };
    context.create_stream(made).await.expect("creates");
    publish(&context, 30..32).await;
    let again = Running::start(config).await;
    again.accepted(2).await;
    again.app.stop().await.expect("stops");
}

#[tokio::test]
async fn a_killed_server_interrupts_and_loses_nothing() {
    let mut server = NatsServer::start().await;
    let dir = tempfile::tempdir().expect("a directory");
    let config = keeping(&server, dir.path());
    let running = Running::start(config).await;
    running.ready().await;
    publish(&server.jetstream().await, 0..10).await;
    running.accepted(10).await;
    server.kill();
    until("the loss to show", || async { !running.app.health().connected() }).await;
    until("the loss to be counted", || async { figure(&running.registry, "humdrum_nats_connected", &[]) < 0.5 }).await;
    let missing = running.app.health().readiness().expect_err("not ready");
    assert_eq!(missing[0], "not connected to nats");
    server.start_again().await;
    publish(&server.jetstream().await, 10..20).await;
    running.accepted(20).await;
    assert!(figure(&running.registry, "humdrum_nats_connected", &[]) > 0.5);
    running.app.stop().await.expect("stops");
}

#[tokio::test]
async fn an_alert_log_that_cannot_be_signed_holds_no_alert_up() {
    let server = NatsServer::start().await;
    let dir = tempfile::tempdir().expect("a directory");
    let config = keeping(&server, dir.path());
    let running = Running::start(config).await;
    running.ready().await;
    // Something is in the way, as a full disk would be.
    let heads = dir.path().join("alerts.heads");
    std::fs::create_dir(&heads).expect("makes a directory");
    let context = server.jetstream().await;
    let control = "\"type\":\"control\",\"control\":{\"action\":\"logging_disabled\",\"by\":\"eve\"}";
    let event = format!("{{\"ts\":\"2026-05-04T06:00:00Z\",\"bot\":\"bot\",\"tenant\":\"acme\",{control}}}");
    context.publish("humdrum.events.acme.bot", event.into()).await.expect("sends").await.expect("is stored");
    until("the alert", || async { alerts(&server).await.len() == 1 }).await;
    let log = |name: &str| figure(&running.registry, &format!("humdrum_alert_log_{name}"), &[]) as u64;
    until("the failure", || async { log("failures_total") > 0 }).await;
    assert_eq!((log("records_total"), log("signed_record")), (1, 0));
    let error = running.app.health().last_error().expect("it is told");
    assert!(error.starts_with("alert log: open `") && error.contains("alerts.heads"), "{error}");
    std::fs::remove_dir(&heads).expect("gives way");
    until("the head", || async { log("signed_record") == 1 }).await;
    running.app.stop().await.expect("stops");
}

#[tokio::test]
async fn a_stop_without_a_server_ends_in_time() {
    let mut server = NatsServer::start().await;
    let dir = tempfile::tempdir().expect("a directory");
    let config = keeping(&server, dir.path());
    let running = Running::start(config).await;
    running.ready().await;
    publish(&server.jetstream().await, 0..3).await;
    running.accepted(3).await;
    server.kill();
    let stopped = tokio::time::timeout(Duration::from_secs(10), running.app.stop()).await;
    stopped.expect("in time").expect("the snapshot needs no server");
    let store = Store::open(dir.path(), 2).expect("is unlocked");
    assert_eq!(store.load().expect("loads").and_then(|c| c.position).map(|p| p.sequence), Some(3));
}

#[tokio::test]
async fn a_server_that_comes_up_later_is_waited_for() {
    let mut server = NatsServer::start().await;
    server.kill();
    let running = Running::start(config(server.url())).await;
    assert!(running.app.health().readiness().is_err());
    server.start_again().await;
    running.ready().await;
    publish(&server.jetstream().await, 0..3).await;
    running.accepted(3).await;
    running.app.stop().await.expect("stops");
}

#[tokio::test]
async fn without_jetstream_events_are_taken_as_they_come() {
    let server = NatsServer::start_with(&[]).await;
    let mut config = config(server.url());
    config.events.mode = SourceMode::Core;
    let running = Running::start(config).await;
    running.ready().await;
    let client = server.client().await;
    let mut rejected = client.subscribe("humdrum.rejected.>").await.expect("subscribes");
    for id in 0..10 {
        client.publish("humdrum.events.acme.bot", event("bot", id).into()).await.expect("sends");
    }
    client.publish("humdrum.events.acme.bot", "no json".into()).await.expect("sends");
    client.flush().await.expect("flushes");
    running.accepted(10).await;
    assert_eq!(rejected.next().await.expect("a dead letter").subject.as_str(), "humdrum.rejected.not_json");
    running.app.stop().await.expect("stops");
}

#[tokio::test]
async fn what_a_webhook_was_owed_is_delivered_after_the_restart() {
    let server = NatsServer::start().await;
    let dir = tempfile::tempdir().expect("a directory");
    let endpoint = Endpoint::start([]).await;
    let notice = Notice::new(alert("a1", 1, Severity::High));
    let owed = OwedNotice { receiver: "pager".to_owned(), notice, since: Timestamp::MIN, attempts: 0 };
    let checkpoint = Checkpoint { outbox: vec![owed], engine: blank_engine(), ..Checkpoint::default() };
    Store::open(dir.path(), 2).expect("opens").save(&checkpoint).expect("saves");
    let mut config = keeping(&server, dir.path());
    config.webhooks = vec![webhook("pager", endpoint.url())];
    let running = Running::start(config).await;
    until("the page", || async { endpoint.requests().len() == 1 }).await;
    running.ready().await;
    running.app.stop().await.expect("stops");
    let kept = Store::open(dir.path(), 2).expect("opens").load().expect("loads").expect("a snapshot");
    assert!(kept.outbox.is_empty(), "it is owed no more");
}

#[tokio::test]
async fn an_idle_source_moves_event_time_by_what_has_passed() {
    let server = NatsServer::start().await;
    let mut config = config(server.url());
    config.events.idle_after = Duration::from_millis(500);
    let running = Running::start(config).await;
    running.ready().await;
    publish(&server.jetstream().await, 0..1).await;
    running.accepted(1).await;
    let first = 1_777_874_400.0;
    let event_time = || figure(&running.registry, "humdrum_event_time_seconds", &[]);
    until("event time to move", || async { event_time() > first }).await;
    assert!(event_time() < first + 60.0, "by elapsed time and not to the wall clock");
    running.app.stop().await.expect("stops");
}

#[tokio::test]
async fn what_cannot_work_is_said_and_ends_the_work() {
    let server = NatsServer::start().await;
    let mut missing = config(server.url());
    missing.events.create_stream = false;
    let context = server.jetstream().await;
    let stream = |name: &str, subject: &str| stream::Config {
        name: name.to_owned(),
        subjects: vec![subject.to_owned()],
        ..Default::default()
    };
    context.create_stream(stream("HUMDRUM_REJECTED", "humdrum.rejected.>")).await.expect("creates");
    let mut running = Running::start(missing.clone()).await;
    let error = running.app.failed().await.expect_err("no stream");
    assert!(error.to_string().contains("`HUMDRUM_EVENTS` does not exist"), "{error}");
    context.create_stream(stream("HUMDRUM_EVENTS", "humdrum.events.acme.*")).await.expect("creates");
    let mut running = Running::start(missing.clone()).await;
    let error = running.app.failed().await.expect_err("wrong subjects");
    assert!(error.to_string().contains("captures `humdrum.events.acme.*` but not `humdrum.events.*.*`"), "{error}");

    let guarded = NatsServer::start_with(&["-js", "--user", "humdrum", "--pass", "right"]).await;
    let error = App::start(config(guarded.url()), humdrum::registry::Registry::default(), &Registry::new())
        .await
        .expect_err("no password");
    assert!(error.to_string().contains("refused the connection"), "{error}");
    missing.nats.url = vec!["nats://127.0.0.1:port".to_owned()];
    let error =
        App::start(missing, humdrum::registry::Registry::default(), &Registry::new()).await.expect_err("no address");
    assert!(error.to_string().contains("is no server address"), "{error}");
}
