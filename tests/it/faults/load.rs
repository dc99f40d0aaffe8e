//! More than usual: a bot that does nearly everything, a burst, and small troubles for hours.

use std::collections::BTreeSet;
use std::time::Duration;

use humdrum::alert::coverage::is_gap;
use humdrum::detect::{Engine, Output, Settings};
use humdrum::event::Event;
use humdrum::event::decode::{Envelope, Limits, decode};
use humdrum::registry::Registry;
use tokio::time::Instant;

use super::ground::{DEADLINE, STORY, all, as_without, figure, publish};
use super::process::{read_to_the_end, resident_kb};
use crate::support::files::files_open;
use crate::support::humdrum::Humdrum;
use crate::support::nats::{NatsServer, alerts};
use crate::support::proxy::{Proxy, Weather, pass};
use crate::support::{until, until_within};

fn settings(url: &str) -> String {
    format!("[nats]\nurl = '{url}'\n[events]\nidle_after = '1h'\n[state]\ndir = 'state'\nsnapshot_every = '5s'\n")
}

/// An event, as far from the first as its number says.
fn event(tenant: &str, bot: &str, nth: usize, rest: &str) -> Event {
    let (minute, second, millis) = (nth / 60_000, nth / 1000 % 60, nth % 1000);
    let text = format!(
        "{{\"id\":\"{bot}-{nth}\",\"ts\":\"2026-05-04T06:{minute:02}:{second:02}.{millis:03}Z\",\
        \"tenant\":\"{tenant}\",\"bot\":\"{bot}\",{rest}}}"
    );
    decode(text.as_bytes(), &Envelope::default(), &Limits::default()).expect("an event")
}

fn call(bot: &str, nth: usize) -> Event {
    let what = "\"system\":\"crm\",\"operation\":\"GET /orders\",\"records_read\":10";
    event("acme", bot, nth, &format!("\"type\":\"call\",\"session\":\"{bot}\",{what}"))
}

/// What somebody does to a bot that is an alert whatever is known of it.
fn alarm(nth: usize) -> Event {
    let control = "\"type\":\"control\",\"control\":{\"action\":\"logging_disabled\",\"by\":\"eve\"}";
    event(&format!("quiet-{nth}"), "quiet", nth, control)
}

#[tokio::test]
async fn row_27_a_hot_bot_takes_nothing_from_the_others() {
    /// Longer, and somebody waits for what another's bot does. In a build without optimizations, on a busy machine.
    const LATE_MAX: Duration = Duration::from_secs(3);
    let (rounds, each) = if all() { (150, 200) } else { (30, 60) };
    let (server, dir) = (NatsServer::start().await, tempfile::tempdir().expect("a directory"));
    let humdrum = Humdrum::start(dir.path(), &settings(&server.url())).await;
    humdrum.ready().await;
    let client = server.client().await;
    let mut told = client.subscribe("humdrum.alerts.>").await.expect("subscribes");
    client.flush().await.expect("is sent");
    let (mut engine, mut expected) = (Engine::new(Settings::default(), Registry::default()), Output::default());
    let mut delays = Vec::new();
    let mut due = tokio::time::interval(Duration::from_millis(100));
    for round in 0..rounds {
        due.tick().await;
        let mut batch: Vec<Event> = (0..each).map(|nth| call("hot", round * each + nth)).collect();
        batch.push(alarm(round * each + each));
        engine.observe_ref(batch.last().expect("an alarm"), &mut expected);
        let sent = Instant::now();
        publish(&server, &batch).await;
        let next = tokio::time::timeout(LATE_MAX, futures_util::StreamExt::next(&mut told)).await;
        assert!(matches!(next, Ok(Some(_))), "alarm {round} was not told within {LATE_MAX:?}");
        delays.push(sent.elapsed());
    }
    delays.sort();
    let (middle, slow) = (delays[delays.len() / 2], delays[delays.len() * 99 / 100]);
    read_to_the_end(&humdrum).await;
    assert!(humdrum.terminate().await.success());
    let names = |alerts: Vec<humdrum::alert::Alert>| -> BTreeSet<(String, u32)> {
        let quiet = alerts.into_iter().filter(|alert| alert.tenant.starts_with("quiet"));
        quiet.map(|alert| (alert.id, alert.revision)).collect()
    };
    let published = alerts(&server).await.iter().map(|line| serde_json::from_str(line).expect("an alert")).collect();
    assert_eq!(names(published), names(expected.alerts), "the alerts of the others are those without it");
    figure(
        "row_27",
        &format!("{} alerts beside {} events of one bot: p50 {middle:.0?}, p99 {slow:.0?}", rounds, rounds * each),
    );
}

#[tokio::test]
async fn row_28_a_burst_waits_in_the_stream_and_drains() {
    /// The queues between the steps, and what 400 bots cost.
    const GROWTH_MAX_KB: u64 = 160 * 1024;
    let count = if all() { 200_000 } else { 12_000 };
    let (server, dir) = (NatsServer::start().await, tempfile::tempdir().expect("a directory"));
    let humdrum = Humdrum::start(dir.path(), &settings(&server.url())).await;
    humdrum.ready().await;
    publish(&server, &[call("first", 0)]).await;
    until("the first event", || async { humdrum.figure("humdrum_events_total").await > 0.5 }).await;
    let before = resident_kb(&humdrum);
    let events: Vec<Event> = (0..count).map(|nth| call(&format!("b{}", nth % 400), nth)).collect();
    let begun = Instant::now();
    publish(&server, &events).await;
    let sent = begun.elapsed();
    let (mut most, accepted) = (0, "humdrum_events_total{outcome=\"accepted\"}");
    while humdrum.figure(accepted).await < count as f64 + 0.5 {
        most = most.max(resident_kb(&humdrum));
        assert!(begun.elapsed() < DEADLINE, "{} of {count}", humdrum.figure(accepted).await);
        pass(Duration::from_millis(100)).await;
    }
    let drained = begun.elapsed();
    let growth = most.max(resident_kb(&humdrum)).saturating_sub(before);
    assert!(growth < GROWTH_MAX_KB, "{growth} kB");
    read_to_the_end(&humdrum).await;
    assert!(humdrum.terminate().await.success());
    let rate = count as f64 / drained.as_secs_f64();
    let mib = growth / 1024;
    figure(
        "row_28",
        &format!("{count} events sent in {sent:.1?}, read in {drained:.1?}, {rate:.0} a second; {mib} MiB more"),
    );
}

#[tokio::test]
async fn row_37_small_troubles_leave_nothing_behind() {
    /// What one round may leave behind is a matter of buffers; what each of them leaves is a leak.
    const FILES_MORE_MAX: usize = 3;
    const GROWTH_MAX_KB: u64 = 24 * 1024;
    let rounds = if all() { 60 } else { 6 };
    let (server, dir) = (NatsServer::start().await, tempfile::tempdir().expect("a directory"));
    let proxy = Proxy::start(server.address()).await;
    let humdrum = Humdrum::start(dir.path(), &settings(&proxy.url())).await;
    humdrum.ready().await;
    let (mut files, mut resident) = (Vec::new(), Vec::new());
    let total = STORY.events.len();
    for round in 0..rounds {
        publish(&server, STORY.part(round, rounds)).await;
        proxy.set(Weather { cut: true, ..Weather::default() });
        until_within(DEADLINE, "the loss to show", || async { humdrum.figure("humdrum_nats_connected").await < 0.5 })
            .await;
        proxy.set(Weather::default());
        let read = total * (round + 1) / rounds;
        until_within(DEADLINE, "the round's events", || async {
            humdrum.figure("humdrum_events_total").await >= read as f64 - 0.5
        })
        .await;
        humdrum.ready().await;
        files.push(files_open(humdrum.pid()));
        resident.push(resident_kb(&humdrum));
    }
    // What was on its way at the last loss is sent again when no answer has come.
    let told = || async {
        let all = alerts(&server).await;
        let all = all.iter().map(|line| serde_json::from_str(line).expect("an alert"));
        all.filter(|alert| !is_gap(alert)).count() >= STORY.alerts()
    };
    until_within(DEADLINE, "the last alerts", told).await;
    assert!(humdrum.terminate().await.success());
    as_without(&server, &dir.path().join("state")).await;
    let (first, last) = (files[1], files[rounds - 1]);
    assert!(last <= first + FILES_MORE_MAX, "{files:?}");
    // The second half is as long as the first and has the same bots.
    let growth = resident[rounds - 1].saturating_sub(resident[rounds / 2]);
    assert!(growth < GROWTH_MAX_KB, "{resident:?}");
    figure(
        "row_37",
        &format!(
            "{rounds} rounds: {first} files at first, {last} at last; {} MiB more in the second half",
            growth / 1024
        ),
    );
}
