//! The network between the process and its server.

use std::time::Duration;

use tokio::time::Instant;

use super::ground::{DEADLINE, STORY, all, as_without, figure, keeping, publish};
use crate::support::nats::NatsServer;
use crate::support::proxy::{Proxy, Weather, pass};
use crate::support::running::Running;
use crate::support::until_within;

/// Reads a third of the story, then a third in this weather, then the rest. How long the loss took to show, if it did, and
/// how long the rest took from when the weather was over.
async fn through(weather: Weather, span: Duration) -> (Option<Duration>, Duration) {
    let (server, dir) = (NatsServer::start().await, tempfile::tempdir().expect("a directory"));
    let proxy = Proxy::start(server.address()).await;
    let running = Running::start(keeping(proxy.url(), dir.path())).await;
    running.ready().await;
    publish(&server, STORY.part(0, 3)).await;
    let begun = Instant::now();
    proxy.set(weather);
    publish(&server, STORY.part(1, 3)).await;
    let mut shown = None;
    while begun.elapsed() < span {
        if shown.is_none() && running.app.health().readiness().is_err() {
            shown = Some(begun.elapsed());
        }
        pass(Duration::from_millis(20)).await;
    }
    proxy.set(Weather::default());
    let over = Instant::now();
    publish(&server, STORY.part(2, 3)).await;
    let accepted = || async { running.events("accepted") + running.events("duplicate") + running.events("late") };
    let total = STORY.events.len() as u64;
    until_within(DEADLINE, "the end of the story", || async { accepted().await >= total }).await;
    let rest = over.elapsed();
    assert_eq!(accepted().await, total, "each event is read once");
    running.app.stop().await.expect("stops");
    as_without(&server, dir.path()).await;
    (shown, rest)
}

fn long(short: u64, long: u64) -> Duration {
    Duration::from_secs(if all() { long } else { short })
}

#[tokio::test]
async fn row_11_connections_that_are_reset() {
    let (shown, rest) = through(Weather { cut: true, ..Weather::default() }, long(4, 30)).await;
    let shown = shown.expect("it shows");
    assert!(shown < Duration::from_secs(10), "{shown:?}");
    figure("row_11_reset", &format!("shows after {shown:.1?}, caught up {rest:.1?} after the end"));
}

#[tokio::test]
async fn row_11_a_server_that_nothing_is_heard_of() {
    let (shown, rest) = through(Weather { mute: true, ..Weather::default() }, long(12, 30)).await;
    let shown = shown.expect("it shows");
    assert!(shown < Duration::from_secs(11), "{shown:?}");
    figure("row_11_mute", &format!("shows after {shown:.1?}, caught up {rest:.1?} after the end"));
}

#[tokio::test]
async fn row_11_a_server_that_hears_nothing() {
    let (shown, rest) = through(Weather { deaf: true, ..Weather::default() }, long(12, 30)).await;
    let shown = shown.expect("it shows");
    assert!(shown < Duration::from_secs(11), "{shown:?}");
    figure("row_11_deaf", &format!("shows after {shown:.1?}, caught up {rest:.1?} after the end"));
}

#[tokio::test]
async fn row_11_a_long_way_on_which_pieces_are_lost() {
    let delay = Duration::from_millis(100);
    let weather = Weather { delay, lost_one_in: 100, ..Weather::default() };
    let (_, rest) = through(weather, long(2, 20)).await;
    figure("row_11_slow", &format!("caught up {rest:.1?} after the end"));
}

#[tokio::test]
async fn row_11_a_narrow_way() {
    let (_, rest) = through(Weather { bytes_per_sec: 60_000, ..Weather::default() }, long(2, 20)).await;
    figure("row_11_narrow", &format!("caught up {rest:.1?} after the end"));
}

#[tokio::test]
async fn row_11_nonsense_where_a_server_should_be() {
    let (server, dir) = (NatsServer::start().await, tempfile::tempdir().expect("a directory"));
    let proxy = Proxy::start(server.address()).await;
    let running = Running::start(keeping(proxy.url(), dir.path())).await;
    running.ready().await;
    publish(&server, STORY.part(0, 2)).await;
    proxy.set(Weather { cut: true, ..Weather::default() });
    until_within(DEADLINE, "the loss to show", || async { !running.app.health().connected() }).await;
    proxy.set(Weather { garbage: true, ..Weather::default() });
    pass(Duration::from_secs(2)).await;
    proxy.set(Weather::default());
    publish(&server, STORY.part(1, 2)).await;
    let total = STORY.events.len() as u64;
    let read = || async { running.events("accepted") + running.events("duplicate") + running.events("late") >= total };
    until_within(DEADLINE, "the end of the story", read).await;
    running.app.stop().await.expect("stops");
    as_without(&server, dir.path()).await;
}
