//! How long an alert takes from the publication of its event, with and without a bot that does half of everything: one
//! process over a real nats-server, as fast as asked, and every ten milliseconds an event that raises an alert.
//!
//! `cargo bench --bench hot -- 20 5000` is 20 seconds of 5,000 events a second; `NATS_SERVER_BIN` names the server's
//! program.

#![expect(clippy::expect_used, clippy::disallowed_methods, reason = "a measurement that cannot be made ends")]

mod servers;

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_nats::Client;
use futures_util::StreamExt;
use humdrum::alert::{Alert, Status};
use humdrum::time::{Span, Timestamp};
use servers::{connect, free_port, humdrum, nats_server, quiet};

/// Time between two events that raise an alert, and between two bursts of the others.
const MARK_EVERY: Duration = Duration::from_millis(10);
/// Bots that share what the hot one does not do.
const BOTS: usize = 200;
/// 2026-02-23T00:00:00Z.
const START: Timestamp = Timestamp::from_micros(1_771_804_800_000_000);

/// When each bot that is to raise an alert did something.
type Marks = Arc<Mutex<HashMap<String, Instant>>>;

/// Publishes for so many seconds; the events.
async fn publish(client: &Client, hot: bool, seconds: u64, rate: usize, marks: &Marks) -> usize {
    let (began, mut due, mut number) = (Instant::now(), tokio::time::interval(MARK_EVERY), 0_usize);
    let burst = rate * MARK_EVERY.as_millis() as usize / 1000;
    while began.elapsed() < Duration::from_secs(seconds) {
        due.tick().await;
        let elapsed = i64::try_from(began.elapsed().as_micros()).expect("no years");
        let ts = START + Span::from_micros(elapsed);
        for _ in 0..burst {
            number += 1;
            let bot = if hot && number % 2 == 0 { "hot".to_owned() } else { format!("b{}", number % BOTS) };
            let event = format!(
                r#"{{"id":"{number}","ts":"{ts}","tenant":"acme","bot":"{bot}","type":"call","system":"hr","operation":"GET /{}"}}"#,
                number % 20
            );
            client.publish(format!("humdrum.events.acme.{bot}"), event.into()).await.expect("sends");
        }
        let bot = format!("mark-{hot}-{number}");
        let event = format!(
            r#"{{"ts":"{ts}","tenant":"acme","bot":"{bot}","type":"control","control":{{"action":"logging_disabled","by":"eve"}}}}"#
        );
        marks.lock().expect("no panic").insert(bot.clone(), Instant::now());
        client.publish(format!("humdrum.events.acme.{bot}"), event.into()).await.expect("sends");
        client.flush().await.expect("flushes");
    }
    number
}

/// Milliseconds from event to alert, sorted.
async fn measure(hot: bool, seconds: u64, rate: usize) -> (Vec<f64>, usize, usize) {
    let dir = tempfile::tempdir().expect("a directory");
    let port = free_port();
    let _server = nats_server(dir.path(), port);
    let client = connect(port).await;
    let mut humdrum = humdrum();
    humdrum.args(["run", "--metrics-listen", "off", "--set", "console.listen=off", "--nats"]);
    humdrum.arg(format!("nats://127.0.0.1:{port}")).arg("--state-dir").arg(dir.path().join("state"));
    let _humdrum = quiet(&mut humdrum);
    let context = async_nats::jetstream::new(client.clone());
    while context.get_stream("HUMDRUM_ALERTS").await.is_err() || context.get_stream("HUMDRUM_EVENTS").await.is_err() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let marks = Marks::default();
    let mut alerts = client.subscribe("humdrum.alerts.>").await.expect("subscribes");
    client.flush().await.expect("flushes");
    let (known, took) = (Arc::clone(&marks), Arc::new(Mutex::new(Vec::new())));
    let taken = Arc::clone(&took);
    tokio::spawn(async move {
        while let Some(message) = alerts.next().await {
            let alert: Alert = serde_json::from_slice(&message.payload).expect("an alert");
            let mark = alert.bot.filter(|_| alert.status == Status::Firing && alert.revision == 1);
            if let Some(at) = mark.and_then(|bot| known.lock().expect("no panic").remove(bot.as_str())) {
                taken.lock().expect("no panic").push(at.elapsed().as_secs_f64() * 1e3);
            }
        }
    });
    let events = publish(&client, hot, seconds, rate, &marks).await;
    let waited = Instant::now();
    while !marks.lock().expect("no panic").is_empty() && waited.elapsed() < Duration::from_secs(20) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut took = took.lock().expect("no panic").clone();
    took.sort_by(f64::total_cmp);
    let missing = marks.lock().expect("no panic").len();
    (took, events, missing)
}

fn main() -> std::io::Result<()> {
    let numbers: Vec<usize> = std::env::args().filter_map(|arg| arg.parse().ok()).collect();
    let (seconds, rate) = (numbers.first().copied().unwrap_or(20), numbers.get(1).copied().unwrap_or(5000));
    let runtime = tokio::runtime::Runtime::new()?;
    let mut out = std::io::stdout().lock();
    for hot in [false, true] {
        let (took, events, missing) = runtime.block_on(measure(hot, seconds as u64, rate));
        let at = |share: f64| took.get(((took.len() as f64 * share) as usize).min(took.len() - 1)).copied();
        let [p50, p99, max] = [0.5, 0.99, 1.0].map(|share| at(share).unwrap_or(f64::NAN));
        let who = if hot { "one bot does half of it" } else { "all bots alike" };
        let count = took.len();
        writeln!(
            out,
            "{events} events, {who}: {count} alerts, {missing} missing; p50 {p50:.1} p99 {p99:.1} max {max:.1} ms"
        )?;
    }
    Ok(())
}
