//! What ownership by the server's own pin would take, beside the leases that `takeover` measures: two processes on one pinned
//! pull consumer, the one that gets the messages killed again and again, and the time from there to the first message published
//! after it that the other one gets. Bare consumers: no claim, no state to restore, no alert.
//!
//! `cargo bench --bench pinned -- 1500 30`: milliseconds of `priority_timeout`, rounds; `NATS_SERVER_BIN` names the server's
//! program (2.11 or newer).

#![expect(clippy::expect_used, clippy::disallowed_methods, reason = "a measurement that cannot be made ends")]

mod servers;

use std::io::Write;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::{AckPolicy, PriorityPolicy, PullConsumer, pull};
use async_nats::jetstream::{self, Context, stream};
use futures_util::StreamExt;
use servers::{Process, connect, free_port, nats_server, quiet};

const STREAM: &str = "PINNED";
const GROUP: &str = "owner";
/// Messages that each process says it got, by its name.
const GOT: &str = "got";
/// Time between two messages, and for which both run before one is killed; as in `takeover`.
const MESSAGE_EVERY: Duration = Duration::from_millis(10);
const ROUND: Duration = Duration::from_millis(1500);

/// One of the two: says of each message that it has it.
async fn consume(port: u16, name: &str) {
    let client = connect(port).await;
    let stream = jetstream::new(client.clone()).get_stream(STREAM).await.expect("exists");
    let consumer: PullConsumer = stream.get_consumer(GROUP).await.expect("exists");
    let asked =
        consumer.stream().group(GROUP).expires(Duration::from_millis(800)).heartbeat(Duration::from_millis(250));
    let mut messages = asked.max_messages_per_batch(512).messages().await.expect("messages");
    while let Some(message) = messages.next().await {
        // Missed heartbeats are told while the pin is another's.
        let Ok(message) = message else { continue };
        client.publish(format!("{GOT}.{name}"), message.payload.clone()).await.expect("says so");
    }
}

fn start(port: u16, name: &str) -> Process {
    let own = std::env::current_exe().expect("this program");
    quiet(Command::new(own).args(["consume", &port.to_string(), name]))
}

async fn publish(context: Context, stop: Arc<AtomicBool>, begun: Instant) {
    let mut due = tokio::time::interval(MESSAGE_EVERY);
    while !stop.load(Ordering::Relaxed) {
        due.tick().await;
        let micros = begun.elapsed().as_micros().to_string();
        let ack = context.publish(STREAM.to_lowercase(), micros.into()).await.expect("sends");
        ack.await.expect("is stored");
    }
}

async fn measure(timeout: Duration, rounds: usize) -> Vec<f64> {
    let (dir, port) = (tempfile::tempdir().expect("a directory"), free_port());
    let _server = nats_server(dir.path(), port);
    let client = connect(port).await;
    let context = jetstream::new(client.clone());
    let config =
        stream::Config { name: STREAM.to_owned(), subjects: vec![STREAM.to_lowercase()], ..Default::default() };
    let stream = context.create_stream(config).await.expect("creates");
    let pinned = pull::Config {
        durable_name: Some(GROUP.to_owned()),
        ack_policy: AckPolicy::None,
        priority_policy: PriorityPolicy::PinnedClient,
        priority_groups: vec![GROUP.to_owned()],
        priority_timeout: timeout,
        ..Default::default()
    };
    stream.create_consumer(pinned).await.expect("creates");
    let mut got = client.subscribe(format!("{GOT}.*")).await.expect("subscribes");
    client.flush().await.expect("flushes");
    let mut running = vec![("a", start(port, "a")), ("b", start(port, "b"))];
    let (stop, begun) = (Arc::new(AtomicBool::new(false)), Instant::now());
    let publisher = tokio::spawn(publish(context, Arc::clone(&stop), begun));
    let mut took = Vec::new();
    for round in 0..rounds {
        let ready = begun.elapsed() + ROUND + Duration::from_millis(37 * (round as u64 % 20));
        let owner = loop {
            let message = got.next().await.expect("a message");
            if begun.elapsed() >= ready {
                break message.subject.rsplit('.').next().expect("a name").to_owned();
            }
        };
        let at = running.iter().position(|(name, _)| *name == owner).expect("runs");
        let (name, process) = running.swap_remove(at);
        let killed = begun.elapsed();
        process.signal("KILL");
        loop {
            let message = got.next().await.expect("a message");
            let published: u64 = std::str::from_utf8(&message.payload).expect("text").parse().expect("a number");
            if Duration::from_micros(published) > killed {
                break;
            }
        }
        took.push(begun.elapsed().saturating_sub(killed).as_secs_f64());
        drop(process);
        running.push((name, start(port, name)));
    }
    stop.store(true, Ordering::Relaxed);
    publisher.await.expect("ends");
    took
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads");
    if let [consumer, port, name] = &args[..]
        && consumer == "consume"
    {
        return runtime.block_on(consume(port.parse().expect("a port"), name));
    }
    let number = |at: usize| args.get(at).and_then(|number| number.parse().ok());
    let millis = number(0).unwrap_or(1500);
    let mut took = runtime.block_on(measure(Duration::from_millis(millis), number(1).unwrap_or(5) as usize));
    took.sort_by(f64::total_cmp);
    let at = |share: f64| took.get(((took.len() as f64 * share) as usize).min(took.len().saturating_sub(1)));
    let at = |share: f64| at(share).copied().unwrap_or_default();
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "pinned for {millis} ms, {} takeovers: p50 {:.3} s, p99 {:.3} s, longest {:.3} s",
        took.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    )
    .expect("standard output");
}
