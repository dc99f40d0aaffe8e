//! Whether two members take a stream that one cannot: events published at a steady rate, first to a cluster of one member,
//! then of two, each of which is let run for a share of the time only, since server, publisher and members have one
//! machine here.
//!
//! `cargo bench --bench members -- 20000 12 2` is 20,000 events a second for 12 s to members that run for 2 % of each
//! [`TURN`] (stopped and continued by signals); `NATS_SERVER_BIN` names the server's program.

#![expect(clippy::expect_used, clippy::disallowed_methods, reason = "a measurement that cannot be made ends")]

mod servers;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_nats::Client;
use async_nats::jetstream;
use humdrum::event::decode::{Envelope, Limits, decode};
use rustix::process::{Pid, Signal, kill_process};
use servers::{Process, connect, free_port, humdrum, metric, nats_server, quiet};

/// Time in which a member runs and stands still once.
const TURN: Duration = Duration::from_millis(50);
/// Time between two bursts of events.
const BURST_EVERY: Duration = Duration::from_millis(10);
/// Time in which the server stores what it was sent.
const STORED_WITHIN: Duration = Duration::from_secs(10);
/// Partitions of the stream.
const PARTITIONS: u32 = 8;

/// A member and its metrics' port.
struct Member {
    process: Process,
    metrics: u16,
}

fn settings(dir: &Path, port: u16, name: &str, metrics: u16) -> PathBuf {
    let file = dir.join(format!("{name}.toml"));
    let settings = format!(
        "[nats]\nurl = 'nats://127.0.0.1:{port}'\n[metrics]\nlisten = '127.0.0.1:{metrics}'\n\
        [console]\nlisten = 'off'\n\
        [cluster]\nenabled = true\npartitions = {PARTITIONS}\nreplicas = 1\nkey = 'bot'\nmember = '{name}'\n"
    );
    std::fs::write(&file, settings).expect("writes");
    file
}

fn member(dir: &Path, port: u16, name: &str) -> Member {
    let metrics = free_port();
    let file = settings(dir, port, name, metrics);
    Member { process: quiet(humdrum().arg("run").arg("--config").arg(file)), metrics }
}

/// Lets a process run for a share of the time until it is told to end.
fn hold(pid: u32, share: f64, stop: &AtomicBool) {
    let pid = Pid::from_raw(pid as i32).expect("a process");
    while !stop.load(Ordering::Relaxed) {
        kill_process(pid, Signal::STOP).ok();
        std::thread::sleep(TURN.mul_f64(1.0 - share));
        kill_process(pid, Signal::CONT).ok();
        std::thread::sleep(TURN.mul_f64(share));
    }
}

/// A fleet's events as subjects and payloads.
fn fleet(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut simulate = humdrum();
    simulate.args(["simulate", "--seed", "9", "--out"]).arg(dir.join("fleet"));
    assert!(simulate.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("runs").success());
    let lines = std::fs::read_to_string(dir.join("fleet/events.ndjson")).expect("reads");
    let event = |line: &str| {
        let event = decode(line.as_bytes(), &Envelope::default(), &Limits::default()).expect("an event");
        (format!("humdrum.events.{}.{}", event.tenant, event.bot), line.as_bytes().to_vec())
    };
    lines.lines().map(event).collect()
}

/// Publishes at a rate for so long; how many events.
async fn publish(client: &Client, fleet: &[(String, Vec<u8>)], rate: usize, seconds: u64) -> usize {
    let (began, mut due, mut number) = (Instant::now(), tokio::time::interval(BURST_EVERY), 0);
    while began.elapsed() < Duration::from_secs(seconds) {
        due.tick().await;
        let until = (began.elapsed().as_secs_f64() * rate as f64) as usize;
        for (subject, payload) in fleet.iter().take(until).skip(number) {
            client.publish(subject.clone(), payload.clone().into()).await.expect("sends");
        }
        number = until.min(fleet.len());
        client.flush().await.expect("flushes");
    }
    number
}

/// Events that were published and taken, the processor time of the members, and how many of them took any.
async fn measure(fleet: &[(String, Vec<u8>)], members: &[&str], share: f64, rate: usize, seconds: u64) -> [f64; 4] {
    let dir = tempfile::tempdir().expect("a directory");
    let port = free_port();
    let _server = nats_server(dir.path(), port);
    let client = connect(port).await;
    let mut init = humdrum();
    init.args(["cluster", "init", "--config"]).arg(settings(dir.path(), port, "init", free_port()));
    assert!(init.stdout(Stdio::null()).status().expect("runs").success());
    let members: Vec<Member> = members.iter().map(|name| member(dir.path(), port, name)).collect();
    let context = jetstream::new(client.clone());
    let owned = |member: &Member| metric(member.metrics, "humdrum_cluster_partitions_owned").unwrap_or_default();
    let wanted = f64::from(PARTITIONS);
    // Each has its part, and none is on its way to another.
    while members.iter().map(owned).sum::<f64>() < wanted || members.iter().any(|member| owned(member) == 0.0) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let taken = |member: &Member| metric(member.metrics, "humdrum_events_total").unwrap_or_default();
    let stop = Arc::new(AtomicBool::new(false));
    let held = members.iter().map(|member| {
        let (pid, stop) = (member.process.id(), Arc::clone(&stop));
        std::thread::spawn(move || hold(pid, share, &stop))
    });
    let held: Vec<_> = held.collect();
    let before: f64 = members.iter().map(|member| member.process.on_cpu()).sum();
    let published = publish(&client, fleet, rate, seconds).await;
    let used = members.iter().map(|member| member.process.on_cpu()).sum::<f64>() - before;
    let each: Vec<f64> = members.iter().map(taken).collect();
    stop.store(true, Ordering::Relaxed);
    for thread in held {
        thread.join().expect("ends");
    }
    // What was sent is not yet stored; what would be lost on the way was nobody's to take.
    let begun = Instant::now();
    while context.get_stream("HUMDRUM_EVENTS").await.expect("exists").cached_info().state.messages < published as u64 {
        assert!(begun.elapsed() < STORED_WITHIN, "the server does not store what it is sent");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let busy = each.iter().filter(|taken| **taken > 0.0).count() as f64;
    [published as f64, each.iter().sum(), used / seconds as f64, busy]
}

fn main() -> std::io::Result<()> {
    let numbers: Vec<usize> = std::env::args().filter_map(|arg| arg.parse().ok()).collect();
    let number = |at: usize, usual: usize| numbers.get(at).copied().unwrap_or(usual);
    let (rate, seconds, share) = (number(0, 20_000), number(1, 12) as u64, number(2, 2) as f64 / 100.0);
    let dir = tempfile::tempdir()?;
    let fleet = fleet(dir.path());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut out = std::io::stdout().lock();
    for members in [&["a"][..], &["a", "b"]] {
        let [published, taken, used, busy] = runtime.block_on(measure(&fleet, members, share, rate, seconds));
        writeln!(
            out,
            "{} members, {busy:.0} at work: {:.0} events a second published, {:.0} taken with {used:.2} processors; \
            {:.0} behind after {seconds} s",
            members.len(),
            published / seconds as f64,
            taken / seconds as f64,
            (published - taken).max(0.0)
        )?;
    }
    Ok(())
}
