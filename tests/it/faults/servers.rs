//! Three servers, of which one fails.

use std::collections::BTreeSet;
use std::time::Duration;

use async_nats::jetstream::stream::Config as StreamConfig;
use async_nats::jetstream::{self, Context};
use humdrum::event::decode::encode;
use tokio::time::Instant;

use super::ground::{DEADLINE, STORY, all, as_without, figure, keeping};
use crate::support::nats::NatsServer;
use crate::support::proxy::pass;
use crate::support::running::Running;
use crate::support::until_within;

/// Streams with three copies, as somebody makes them who means it.
async fn streams(context: &Context) {
    let one = |name: &str, subjects: &str| StreamConfig {
        name: name.to_owned(),
        subjects: vec![subjects.to_owned()],
        num_replicas: 3,
        duplicate_window: Duration::from_secs(100),
        ..StreamConfig::default()
    };
    for (name, subjects) in [
        ("HUMDRUM_EVENTS", "humdrum.events.>"),
        ("HUMDRUM_ALERTS", "humdrum.alerts.>"),
        ("HUMDRUM_REJECTED", "humdrum.rejected.>"),
    ] {
        let made = || async { context.create_stream(one(name, subjects)).await.is_ok() };
        until_within(Duration::from_secs(40), "a stream with three copies", made).await;
    }
}

async fn connect(servers: &[NatsServer]) -> Context {
    let urls: Vec<String> = servers.iter().map(NatsServer::url).collect();
    let client = async_nats::ConnectOptions::new().connect(urls).await.expect("connects");
    let mut context = jetstream::new(client);
    context.set_timeout(Duration::from_millis(500));
    context
}

/// Publishes until it is acknowledged; the longest time between two acknowledgments.
async fn publish(context: &Context, nth: usize) -> Option<()> {
    let event = &STORY.events[nth];
    let subject = format!("humdrum.events.{}.{}", event.tenant, event.bot);
    let mut headers = async_nats::HeaderMap::new();
    headers.insert(async_nats::header::NATS_MESSAGE_ID, nth.to_string());
    let ack = context.publish_with_headers(subject, headers, encode(event).into()).await.ok()?;
    tokio::time::timeout(Duration::from_secs(1), ack.into_future()).await.ok()?.ok().map(drop)
}

/// The server that leads the stream of events.
async fn leader(context: &Context) -> usize {
    let mut stream = context.get_stream("HUMDRUM_EVENTS").await.expect("exists");
    let leader = stream.info().await.expect("answers").cluster.as_ref().and_then(|cluster| cluster.leader.clone());
    leader.and_then(|name| name.strip_prefix('n')?.parse().ok()).expect("a leader")
}

/// Publishes the story while `strike` does something to the leader; the longest gap between two acknowledgments.
async fn story(strike: impl AsyncFn(&mut NatsServer)) -> Duration {
    let mut servers = NatsServer::start_three().await;
    let dir = tempfile::tempdir().expect("a directory");
    let context = connect(&servers).await;
    streams(&context).await;
    let mut config = keeping(servers[0].url(), dir.path());
    config.nats.url = servers.iter().map(NatsServer::url).collect();
    let running = Running::start(config).await;
    running.ready().await;
    let (mut acknowledged, mut gap) = (Instant::now(), Duration::ZERO);
    for nth in 0..STORY.events.len() {
        if nth == STORY.events.len() / 2 {
            let leads = leader(&context).await;
            acknowledged = Instant::now();
            strike(&mut servers[leads]).await;
        }
        while publish(&context, nth).await.is_none() {
            pass(Duration::from_millis(20)).await;
        }
        gap = gap.max(acknowledged.elapsed());
        acknowledged = Instant::now();
    }
    let total = STORY.events.len() as u64;
    let ids: BTreeSet<_> = STORY.events.iter().map(|event| (&event.tenant, &event.bot, &event.id)).collect();
    let different = ids.len() as u64;
    // What the servers have twice counts as repeated as well, and is not the end of the story.
    let read = || async {
        let new = running.events("accepted") + running.events("late");
        new >= different && new + running.events("duplicate") >= total
    };
    until_within(DEADLINE, "the end of the story", read).await;
    running.app.stop().await.expect("stops");
    let left = servers.iter_mut().find_map(|server| server.is_running().then_some(server)).expect("a server");
    as_without(left, dir.path()).await;
    gap
}

#[tokio::test]
async fn row_07_the_leader_of_three_is_killed() {
    let gap = story(async |leader: &mut NatsServer| leader.kill()).await;
    assert!(gap < Duration::from_secs(12), "{gap:?}");
    figure("row_07_kill", &format!("{gap:.1?} without an acknowledgment, 0 missing"));
}

#[tokio::test]
async fn row_07_the_leader_of_three_is_stopped_for_a_while() {
    let span = Duration::from_secs(if all() { 10 } else { 3 });
    let gap = story(async move |leader: &mut NatsServer| {
        leader.signal("STOP");
        let pid = leader.pid();
        tokio::spawn(async move {
            pass(span).await;
            crate::support::nats::signal(pid, "CONT");
        });
    })
    .await;
    assert!(gap < span + Duration::from_secs(12), "{gap:?}");
    figure("row_07_stop", &format!("{gap:.1?} without an acknowledgment over a stop of {span:?}, 0 missing"));
}
