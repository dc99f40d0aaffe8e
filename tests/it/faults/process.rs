//! The process itself: killed at any point, and fed with what is too large.

use std::path::Path;
use std::time::Duration;

use async_nats::jetstream::Context;

use super::ground::{DEADLINE, STORY, all, as_without, figure, publish};
use crate::support::humdrum::Humdrum;
use crate::support::nats::NatsServer;
use crate::support::proxy::pass;
use crate::support::{until, until_within};

fn settings(server: &NatsServer) -> String {
    format!(
        "[nats]\nurl = '{}'\n[events]\nbatch = 50\nidle_after = '1h'\n[state]\ndir = 'state'\nsnapshot_every = '1s'\n",
        server.url()
    )
}

/// Waits until everything is read.
pub(super) async fn read_to_the_end(humdrum: &Humdrum) {
    until_within(DEADLINE, "the end of the stream", || async {
        humdrum.figure("humdrum_consumer_lag_messages").await < 0.5
            && humdrum.figure("humdrum_events_total").await > 0.0
    })
    .await;
}

#[tokio::test]
async fn row_01_killed_while_snapshots_are_written() {
    let kills = if all() { 40 } else { 4 };
    let (server, dir) = (NatsServer::start().await, tempfile::tempdir().expect("a directory"));
    for kill in 0..kills {
        let humdrum = Humdrum::start(dir.path(), &settings(&server)).await;
        if kill == 0 {
            humdrum.ready().await;
        }
        publish(&server, STORY.part(kill, kills + 1)).await;
        // A snapshot is due every second: instants around that, each a bit later than the one before.
        pass(Duration::from_millis(850 + 300 * kill as u64 / kills as u64)).await;
        humdrum.kill();
    }
    let humdrum = Humdrum::start(dir.path(), &settings(&server)).await;
    publish(&server, STORY.part(kills, kills + 1)).await;
    read_to_the_end(&humdrum).await;
    assert!(humdrum.terminate().await.success());
    as_without(&server, &dir.path().join("state")).await;
    figure("row_01", &format!("{kills} kills, nothing lost or told twice"));
}

/// Resident kilobytes of a process.
pub(super) fn resident_kb(humdrum: &Humdrum) -> u64 {
    let status = crate::support::files::read(Path::new(&format!("/proc/{}/status", humdrum.pid())));
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).expect("a figure");
    line.split_whitespace().nth(1).and_then(|kb| kb.parse().ok()).expect("a number")
}

async fn send(context: &Context, payload: String) {
    context.publish("humdrum.events.acme.bot", payload.into()).await.expect("sends").await.expect("is stored");
}

#[tokio::test]
async fn row_16_giant_messages_are_refused_by_their_size() {
    const GROWTH_MAX_KB: u64 = 160 * 1024;
    let count = if all() { 20_000 } else { 1500 };
    let (server, dir) = (NatsServer::start().await, tempfile::tempdir().expect("a directory"));
    let humdrum = Humdrum::start(dir.path(), &settings(&server)).await;
    humdrum.ready().await;
    let context = server.jetstream().await;
    send(&context, super::ground::one_event(0)).await;
    until("the first event", || async { humdrum.figure("humdrum_events_total").await > 0.5 }).await;
    let before = resident_kb(&humdrum);
    let (large, giant) = (" ".repeat(64 * 1024 + 1), " ".repeat(1_000_000));
    let mut most = before;
    for nth in 0..count {
        let payload = if nth % 100 == 0 { &giant } else { &large };
        send(&context, payload.clone()).await;
        if nth % 50 == 0 {
            most = most.max(resident_kb(&humdrum));
        }
    }
    let refused = "humdrum_events_total{outcome=\"rejected\"}";
    until_within(DEADLINE, "every refusal", || async { humdrum.figure(refused).await as usize >= count }).await;
    most = most.max(resident_kb(&humdrum));
    send(&context, super::ground::one_event(1)).await;
    let accepted = "humdrum_events_total{outcome=\"accepted\"}";
    until("the event behind them", || async { humdrum.figure(accepted).await > 1.5 }).await;
    let growth = most - before;
    assert!(growth < GROWTH_MAX_KB, "{growth} kB");
    figure("row_16", &format!("{count} messages of 64 KiB to 1 MB: {} MiB more", growth / 1024));
    assert!(humdrum.terminate().await.success());
}
