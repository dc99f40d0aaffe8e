//! The source's own faults on a real server: each is seen, told with its exact range over the web, into the log and on
//! NATS, and nothing is passed over in silence.

use std::path::Path;
use std::time::Duration;

use async_nats::jetstream::stream::{self, DiscardPolicy};
use humdrum::alert::{Alert, Status};
use humdrum::config::{Config, HeartbeatConfig, SecretText};
use humdrum::runtime::clock;
use humdrum::time::Span;
use prometheus::Registry;
use tokio::time::Instant;

use crate::support::config::{config, state, webhook};
use crate::support::console::settings;
use crate::support::files::{read, write};
use crate::support::identity::{credentials, credentials_until, operator_settings};
use crate::support::nats::{NatsServer, alerts};
use crate::support::running::{Running, publish};
use crate::support::webhook::Endpoint;
use crate::support::{figure, until};

/// Time within which a fault must be told.
const SEEN_WITHIN: Duration = Duration::from_secs(5);

/// A configuration that keeps state, tells a webhook, and writes a canary.
fn watching(server: &NatsServer, dir: &Path, endpoint: &Endpoint) -> Config {
    let mut config =
        Config { state: Some(state(dir)), webhooks: vec![webhook("pager", endpoint.url())], ..config(server.url()) };
    config.events.canary_every = Some(Duration::from_secs(2));
    config
}

/// The alerts that a webhook was told of.
fn told(endpoint: &Endpoint) -> Vec<Alert> {
    let requests = endpoint.requests();
    requests.iter().map(|request| serde_json::from_slice(&request.body).expect("an alert")).collect()
}

/// Waits until the webhook was told of so many alerts; the last one.
async fn page(endpoint: &Endpoint, count: usize) -> Alert {
    until(&format!("page {count}"), || async { told(endpoint).len() >= count }).await;
    told(endpoint).swap_remove(count - 1)
}

fn gaps(registry: &Registry, kind: &str) -> u64 {
    figure(registry, "humdrum_coverage_gaps_total", &[("kind", kind)]) as u64
}

fn bounded(max_messages: i64) -> stream::Config {
    stream::Config {
        name: "HUMDRUM_EVENTS".to_owned(),
        subjects: vec!["humdrum.events.>".to_owned()],
        max_messages,
        ..Default::default()
    }
}

#[tokio::test]
async fn what_the_stream_gave_up_is_told_exactly() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let (server, dir, endpoint) =
        (NatsServer::start().await, tempfile::tempdir().expect("a directory"), Endpoint::start([]).await);
    let context = server.jetstream().await;
    context.create_stream(bounded(20)).await.expect("creates");
    let mut config = watching(&server, dir.path(), &endpoint);
    config.events.canary_every = None;
    config.console = Some(settings());
    let first = Running::start(config.clone()).await;
    first.ready().await;
    publish(&context, 0..10).await;
    first.accepted(10).await;
    first.app.stop().await.expect("stops");
    publish(&context, 10..55).await;
    let again = Running::start(config).await;
    let alert = page(&endpoint, 1).await;
    assert_eq!(alert.title, "events 11 to 35 of stream HUMDRUM_EVENTS were given up before they were read");
    assert_eq!((alert.event_count, alert.producer.as_deref()), (25, Some("HUMDRUM_EVENTS")));
    again.accepted(20).await;
    assert_eq!(gaps(&again.registry, "expired"), 1);
    assert_eq!(figure(&again.registry, "humdrum_source_lost_total", &[]) as u64, 25);
    assert_eq!(again.app.health().notes(), [format!("coverage gap: {}", alert.title)]);
    until("the alert on NATS", || async { alerts(&server).await.len() == 1 }).await;
    assert!(read(&dir.path().join("alerts.ndjson")).contains(&alert.id), "and in the log");
    let console = again.app.console_address().expect("a console");
    let open = reqwest::get(format!("http://{console}/api/v1/incidents?state=open")).await.expect("an answer");
    assert!(open.text().await.expect("a text").contains(&alert.incident), "and in the console");
    again.app.stop().await.expect("stops");
}

#[tokio::test]
async fn what_is_given_up_under_a_reader_that_is_slow_is_told() {
    let (server, dir, endpoint) =
        (NatsServer::start().await, tempfile::tempdir().expect("a directory"), Endpoint::start([]).await);
    let context = server.jetstream().await;
    let made = context.create_stream(bounded(-1)).await.expect("creates");
    let mut config = watching(&server, dir.path(), &endpoint);
    (config.events.batch, config.events.canary_every) = (1, None);
    let running = Running::start(config).await;
    running.ready().await;
    // An alert that its stream does not take holds everything up.
    let alerts = context.get_stream("HUMDRUM_ALERTS").await.expect("exists").cached_info().config.clone();
    let full = stream::Config { max_bytes: 1, discard: DiscardPolicy::New, ..alerts.clone() };
    context.update_stream(&full).await.expect("updates");
    let control = "\"type\":\"control\",\"control\":{\"action\":\"logging_disabled\",\"by\":\"eve\"}";
    let event = format!("{{\"ts\":\"2026-05-04T06:00:00Z\",\"bot\":\"bot\",\"tenant\":\"acme\",{control}}}");
    context.publish("humdrum.events.acme.bot", event.into()).await.expect("sends").await.expect("is stored");
    assert!(page(&endpoint, 1).await.title.contains("logging"), "receivers do not wait for NATS");
    publish(&context, 0..100).await;
    made.purge().await.expect("purges");
    context.update_stream(&alerts).await.expect("updates");
    publish(&context, 100..103).await;
    let alert = page(&endpoint, 2).await;
    assert!(alert.title.contains("were given up before they were read"), "{}", alert.title);
    assert!(alert.event_count > 50, "{}", alert.title);
    running.accepted(104 - alert.event_count).await;
    assert_eq!(gaps(&running.registry, "expired"), 1);
    running.app.stop().await.expect("stops");
}

#[tokio::test]
async fn a_stream_made_anew_is_told_and_read() {
    let (server, dir, endpoint) =
        (NatsServer::start().await, tempfile::tempdir().expect("a directory"), Endpoint::start([]).await);
    let context = server.jetstream().await;
    let running = Running::start(watching(&server, dir.path(), &endpoint)).await;
    running.ready().await;
    publish(&context, 0..10).await;
    running.accepted(10).await;
    let begun = Instant::now();
    context.delete_stream("HUMDRUM_EVENTS").await.expect("deletes");
    // The program may be quicker with one of its own, which is another stream as well.
    let made = context.create_stream(bounded(-1)).await;
    assert!(made.is_ok() || context.get_stream("HUMDRUM_EVENTS").await.is_ok(), "{made:?}");
    publish(&context, 20..23).await;
    let alert = page(&endpoint, 1).await;
    assert!(begun.elapsed() < SEEN_WITHIN, "{:?}", begun.elapsed());
    assert!(alert.title.starts_with("stream HUMDRUM_EVENTS was made anew: what it took behind event 1"));
    running.accepted(13).await;
    assert_eq!(gaps(&running.registry, "recreated"), 1);
    running.app.stop().await.expect("stops");
}

#[tokio::test]
async fn a_lost_tail_whose_numbers_are_given_again_is_found_by_its_record() {
    let (mut server, dir, endpoint) =
        (NatsServer::start().await, tempfile::tempdir().expect("a directory"), Endpoint::start([]).await);
    let mut config = watching(&server, dir.path(), &endpoint);
    config.events.canary_every = None;
    let running = Running::start(config).await;
    running.ready().await;
    publish(&server.jetstream().await, 0..5).await;
    running.accepted(5).await;
    server.kill();
    let before = server.copy();
    server.start_again().await;
    publish(&server.jetstream().await, 5..10).await;
    running.accepted(10).await;
    // The power fails, and the tail never reached the disk. Others take its numbers before anybody looks.
    server.kill();
    server.restore(&before);
    server.start_again().await;
    let begun = Instant::now();
    publish(&server.jetstream().await, 20..32).await;
    until("every event", || async { running.events("accepted") >= 22 }).await;
    assert!(begun.elapsed() < SEEN_WITHIN, "{:?}", begun.elapsed());
    assert_eq!(gaps(&running.registry, "regressed"), 1);
    let lost = |alert: &Alert| alert.title.contains("stream HUMDRUM_EVENTS lost its tail");
    until("the page", || async { told(&endpoint).iter().any(lost) }).await;
    running.app.stop().await.expect("stops");
}

#[tokio::test]
async fn a_stream_that_takes_nothing_pages_over_the_web_and_is_resolved() {
    let (server, dir, endpoint) =
        (NatsServer::start().await, tempfile::tempdir().expect("a directory"), Endpoint::start([]).await);
    let context = server.jetstream().await;
    context.create_stream(bounded(-1)).await.expect("creates");
    let running = Running::start(watching(&server, dir.path(), &endpoint)).await;
    running.ready().await;
    let begun = Instant::now();
    // As full as a disk: the server is up, and refuses every write.
    let full = stream::Config { max_bytes: 1, discard: DiscardPolicy::New, ..bounded(-1) };
    context.update_stream(&full).await.expect("updates");
    let firing = page(&endpoint, 1).await;
    assert!(begun.elapsed() < SEEN_WITHIN, "{:?}", begun.elapsed());
    assert!(firing.title.contains("took no events from"), "{}", firing.title);
    let missing = running.app.health().readiness().expect_err("not ready");
    assert!(missing.contains(&firing.title), "{missing:?}");
    assert!(figure(&running.registry, "humdrum_coverage_faults", &[("kind", "unwritable")]) > 0.5);
    context.update_stream(&bounded(-1)).await.expect("updates");
    let resolved = page(&endpoint, 2).await;
    assert_eq!((resolved.status, &resolved.id, resolved.revision), (Status::Resolved, &firing.id, 2));
    running.ready().await;
    assert!(figure(&running.registry, "humdrum_coverage_faults", &[("kind", "unwritable")]) < 0.5);
    assert_eq!(running.events("rejected"), 0, "what is written to find out is no event");
    running.app.stop().await.expect("stops");
}

#[tokio::test]
async fn revoked_credentials_page_over_the_web_and_it_goes_on_when_they_are_back() {
    let users = |password: &str| {
        let users = format!("users = [{{user: humdrum, password: '{password}'}}, {{user: test, password: test}}]");
        format!("authorization {{ {users} }}\n")
    };
    let server = NatsServer::start_configured(&users("right")).await;
    let (dir, endpoint) = (tempfile::tempdir().expect("a directory"), Endpoint::start([]).await);
    let mut config = watching(&server, dir.path(), &endpoint);
    config.nats.url = vec![server.url().replace("nats://", "nats://humdrum:right@")];
    let running = Running::start(config).await;
    running.ready().await;
    let begun = Instant::now();
    server.reload(&users("other"));
    let firing = page(&endpoint, 1).await;
    assert!(begun.elapsed() < SEEN_WITHIN, "{:?}", begun.elapsed());
    assert!(firing.title.starts_with("nats refused us from"), "{}", firing.title);
    assert!(running.app.health().readiness().expect_err("not ready").contains(&firing.title));
    server.reload(&users("right"));
    let resolved = page(&endpoint, 2).await;
    assert_eq!((resolved.status, &resolved.id), (Status::Resolved, &firing.id));
    running.ready().await;
    running.app.stop().await.expect("stops");
}

#[tokio::test]
async fn a_rotated_password_is_read_from_its_file_and_needs_no_restart() {
    let users = |password: &str| format!("authorization {{ user: humdrum, password: '{password}' }}\n");
    let server = NatsServer::start_configured(&users("old")).await;
    let (dir, endpoint) = (tempfile::tempdir().expect("a directory"), Endpoint::start([]).await);
    let file = dir.path().join("password");
    write(&file, "old\n");
    let mut config = watching(&server, &dir.path().join("state"), &endpoint);
    config.nats.user = Some("humdrum".to_owned());
    config.nats.password = Some(SecretText::new("old".to_owned()));
    config.nats.secret_files.password = Some(file.clone());
    let running = Running::start(config).await;
    running.ready().await;
    server.reload(&users("new"));
    let firing = page(&endpoint, 1).await;
    assert!(firing.title.starts_with("nats refused us from"), "{}", firing.title);
    rotated(&endpoint, &running, &firing, || write(&file, "new\n")).await;
    running.app.stop().await.expect("stops");
}

#[tokio::test]
async fn credentials_that_expired_are_read_again_and_need_no_restart() {
    let server = NatsServer::start_configured(&operator_settings()).await;
    let (dir, endpoint) = (tempfile::tempdir().expect("a directory"), Endpoint::start([]).await);
    let file = dir.path().join("humdrum.creds");
    let expiry = clock::wall() + Span::from_secs(3);
    write(&file, credentials_until(1, Some(expiry.as_micros() / 1_000_000)));
    let mut config = watching(&server, &dir.path().join("state"), &endpoint);
    config.nats.creds_file = Some(file.clone());
    let running = Running::start(config).await;
    running.ready().await;
    let firing = page(&endpoint, 1).await;
    assert!(firing.title.starts_with("nats refused us from"), "{}", firing.title);
    rotated(&endpoint, &running, &firing, || write(&file, credentials(1))).await;
    running.app.stop().await.expect("stops");
}

/// The page is resolved soon after the new credentials are there, and we are ready again.
async fn rotated(endpoint: &Endpoint, running: &Running, firing: &Alert, rotate: impl FnOnce()) {
    assert!(running.app.health().readiness().expect_err("not ready").contains(&firing.title));
    let begun = Instant::now();
    rotate();
    let resolved = page(endpoint, 2).await;
    assert_eq!((resolved.status, &resolved.id), (Status::Resolved, &firing.id));
    assert!(begun.elapsed() < SEEN_WITHIN, "{:?}", begun.elapsed());
    running.ready().await;
}

#[tokio::test]
async fn a_heartbeat_goes_out_while_all_is_well() {
    let mut server = NatsServer::start().await;
    let (well, unwell) = (Endpoint::start([]).await, Endpoint::start([]).await);
    let mut config = config(server.url());
    config.heartbeat = Some(HeartbeatConfig { url: well.url(), post: false, every: Duration::from_millis(50) });
    config.webhooks = vec![webhook("pager", unwell.url())];
    let running = Running::start(config).await;
    until("three beats", || async { well.requests().len() >= 3 }).await;
    assert!(figure(&running.registry, "humdrum_heartbeats_total", &[("outcome", "taken")]) >= 2.0);
    server.kill();
    let firing = page(&unwell, 1).await;
    assert!(firing.title.starts_with("no connection to nats from"), "{}", firing.title);
    let beats = well.requests().len();
    server.start_again().await;
    assert_eq!(page(&unwell, 2).await.status, Status::Resolved);
    until("it beats again", || async { well.requests().len() > beats }).await;
    running.app.stop().await.expect("stops");
}

#[tokio::test]
async fn without_permission_to_write_nothing_is_found_out_and_nobody_is_paged() {
    let settings = "authorization { users = [{user: humdrum, password: right, permissions: {publish: {deny: \
        ['humdrum.events.>']}}}, {user: test, password: test}] }\n";
    let server = NatsServer::start_configured(settings).await;
    let (dir, endpoint) = (tempfile::tempdir().expect("a directory"), Endpoint::start([]).await);
    let mut config = watching(&server, dir.path(), &endpoint);
    config.nats.url = vec![server.url().replace("nats://", "nats://humdrum:right@")];
    let running = Running::start(config).await;
    running.ready().await;
    let denied = || async { running.app.health().is_denied("humdrum.events._humdrum.canary") };
    until("the refusal", denied).await;
    assert!(running.app.health().readiness().is_ok());
    running.app.stop().await.expect("stops");
    assert!(told(&endpoint).is_empty());
}
