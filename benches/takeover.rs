//! How long a partition is nobody's: two members over a real nats-server, the owner killed again and again, and the time
//! from there to the first alert of an event that was published after it. With `revert` a bot of the partition is put back
//! instead while both run, and it is the longest time between two alerts meanwhile.
//!
//! `cargo bench --bench takeover -- kill 50`, `-- term 50` or `-- revert 50`; `NATS_SERVER_BIN` names the server's program.

#![expect(clippy::expect_used, clippy::disallowed_methods, reason = "a measurement that cannot be made ends")]

mod servers;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_nats::jetstream::{self, Context};
use futures_util::StreamExt;
use humdrum::alert::{Alert, Status};
use humdrum::runtime::store::ledger::{Lease, Manifest, lease_key, manifest_key};
use humdrum::time::{Span, Timestamp};
use servers::{Process, connect, free_port, humdrum, nats_server, quiet};

/// Time between two events, each of which raises an alert.
const EVENT_EVERY: Duration = Duration::from_millis(10);
/// Event time between two events, and bots that take turns: each alert is over before the next one of its bot, and the
/// state stays as small as that of so many bots.
const STEP: Span = Span::from_mins(10);
const BOTS: usize = 50;
/// 2026-02-23T00:00:00Z.
const START: Timestamp = Timestamp::from_micros(1_771_804_800_000_000);
/// Time for which both members run before the owner is killed, and a bit more each time, so that renewals are hit anywhere.
const ROUND: Duration = Duration::from_millis(1500);

fn settings(dir: &Path, port: u16, name: &str) -> PathBuf {
    let file = dir.join(format!("{name}.toml"));
    let settings = format!(
        "[nats]\nurl = 'nats://127.0.0.1:{port}'\n[metrics]\nlisten = 'off'\n\
        [cluster]\nenabled = true\npartitions = 4\nreplicas = 1\nmember = '{name}'\n"
    );
    std::fs::write(&file, settings).expect("writes");
    file
}

fn member(dir: &Path, port: u16, name: &str) -> Process {
    let file = settings(dir, port, name);
    quiet(humdrum().arg("run").arg("--config").arg(file))
}

/// Who owns a partition.
async fn owner(context: &Context, partition: &str) -> Option<String> {
    let store = context.get_key_value("HUMDRUM_CLUSTER").await.ok()?;
    let value = store.get(lease_key(partition.parse().ok()?)).await.ok()??;
    let lease: Lease = serde_json::from_slice(&value).ok()?;
    (!lease.released).then_some(lease.member)
}

/// Publishes an event of another bot every so often.
async fn publish(context: Context, times: Arc<[std::sync::OnceLock<Instant>]>, stop: Arc<AtomicBool>) -> usize {
    let mut due = tokio::time::interval(EVENT_EVERY);
    for (number, time) in times.iter().enumerate() {
        if stop.load(Ordering::Relaxed) {
            return number;
        }
        due.tick().await;
        let (ts, bot) = (START + Span::from_micros(number as i64 * STEP.as_micros()), number % BOTS);
        let event = format!(
            "{{\"ts\":\"{ts}\",\"tenant\":\"acme\",\"bot\":\"b{bot}\",\"type\":\"control\",\
            \"control\":{{\"action\":\"logging_disabled\",\"by\":\"eve\"}}}}"
        );
        time.get_or_init(Instant::now);
        let ack = context.publish(format!("humdrum.events.acme.b{bot}"), event.into()).await.expect("sends");
        ack.await.expect("is stored");
    }
    times.len()
}

/// Numbers of events whose alerts came, and when.
type Told = tokio::sync::mpsc::UnboundedReceiver<(usize, Instant)>;

/// What a round needs.
struct Run<'a> {
    dir: &'a Path,
    port: u16,
    context: &'a Context,
    partition: &'a str,
    /// When each event was published.
    times: &'a [std::sync::OnceLock<Instant>],
}

impl Run<'_> {
    fn is_later(&self, number: usize, than: Instant) -> bool {
        self.times[number].get().is_some_and(|published| *published > than)
    }

    /// Ends the owner, and starts another member.
    async fn end(&self, members: &mut BTreeMap<&'static str, Process>, signal: &str, told: &mut Told) -> Option<f64> {
        let owner = owner(self.context, self.partition).await?;
        let name = if owner.starts_with("a-") { "a" } else { "b" };
        let process = members.remove(name).expect("runs");
        let begun = Instant::now();
        process.signal(signal);
        let mut took = None;
        while let Some((number, at)) = told.recv().await {
            if self.is_later(number, begun) {
                took = Some((at - begun).as_secs_f64());
                break;
            }
        }
        drop(process);
        members.insert(name, member(self.dir, self.port, name));
        took
    }

    /// Puts a bot back to the newest day that is kept.
    async fn put_back(&self, told: &mut Told) -> Option<f64> {
        let store = self.context.get_key_value("HUMDRUM_CLUSTER").await.expect("exists");
        let manifest = store.get(manifest_key(self.partition.parse().ok()?)).await.expect("answers")?;
        let manifest: Manifest = serde_json::from_slice(&manifest).expect("a manifest");
        let mut command = humdrum();
        command.args(["state", "revert", "--tenant", "acme", "--bot", "b0", "--to", &manifest.days.first()?.day]);
        command.arg("--config").arg(settings(self.dir, self.port, "guest")).stdout(Stdio::null());
        let mut last = Instant::now();
        while let Ok((_, at)) = told.try_recv() {
            last = at;
        }
        let mut command = tokio::task::spawn_blocking(move || command.status().expect("runs").success());
        let (mut longest, mut ended) = (0.0_f64, None);
        loop {
            tokio::select! {
                done = &mut command, if ended.is_none() => {
                    assert!(done.expect("ends"), "a bot is put back");
                    ended = Some(Instant::now());
                }
                Some((number, at)) = told.recv() => {
                    longest = longest.max(at.saturating_duration_since(last).as_secs_f64());
                    last = at;
                    if ended.is_some_and(|ended| self.is_later(number, ended)) {
                        return Some(longest);
                    }
                }
            }
        }
    }
}

async fn measure(how: &str, rounds: usize) -> (Vec<f64>, usize, usize, usize) {
    let dir = tempfile::tempdir().expect("a directory");
    let port = free_port();
    let _server = nats_server(dir.path(), port);
    let client = connect(port).await;
    let context = jetstream::new(client.clone());
    let mut members = BTreeMap::new();
    let mut init = humdrum();
    init.args(["cluster", "init", "--config"]).arg(settings(dir.path(), port, "a")).stdout(Stdio::null());
    assert!(init.status().expect("runs").success());
    for name in ["a", "b"] {
        members.insert(name, member(dir.path(), port, name));
    }
    let times: Arc<[std::sync::OnceLock<Instant>]> = (0..1_000_000).map(|_| std::sync::OnceLock::new()).collect();
    let (stop, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut alerts = client.subscribe("humdrum.alerts.>").await.expect("subscribes");
    client.flush().await.expect("flushes");
    let publisher = tokio::spawn(publish(context.clone(), Arc::clone(&times), Arc::clone(&stop)));
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let counted = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Some(message) = alerts.next().await {
            let alert: Alert = serde_json::from_slice(&message.payload).expect("an alert");
            // An alert is resolved when the next one of its bot is raised.
            if alert.status == Status::Firing {
                counted.fetch_add(1, Ordering::Relaxed);
                let number = (alert.ts - START).as_micros() / STEP.as_micros();
                tell.send((number as usize, Instant::now())).ok();
            }
        }
    });
    told.recv().await.expect("the first alert");
    let events = context.get_stream("HUMDRUM_EVENTS").await.expect("exists");
    let message = events.get_last_raw_message_by_subject("humdrum.cluster.events.*.acme.b0").await.expect("is there");
    let partition = message.subject.split('.').nth(3).expect("a partition").to_owned();
    let mut took = Vec::new();
    for round in 0..rounds {
        tokio::time::sleep(ROUND + Duration::from_millis(37 * (round as u64 % 20))).await;
        let run = Run { dir: dir.path(), port, context: &context, partition: &partition, times: &times };
        took.extend(match how {
            "revert" => run.put_back(&mut told).await,
            _ => run.end(&mut members, if how == "term" { "TERM" } else { "KILL" }, &mut told).await,
        });
    }
    stop.store(true, Ordering::Relaxed);
    let published = publisher.await.expect("ends");
    let begun = Instant::now();
    while seen.load(Ordering::Relaxed) < published && begun.elapsed() < Duration::from_secs(20) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    (took, published, twice(&context).await, seen.load(Ordering::Relaxed))
}

/// Alerts of the stream that are in it twice.
async fn twice(context: &Context) -> usize {
    let stream = context.get_stream("HUMDRUM_ALERTS").await.expect("exists");
    let mut known = std::collections::BTreeSet::new();
    let mut twice = 0;
    for sequence in 1..=stream.cached_info().state.last_sequence {
        let message = stream.get_raw_message(sequence).await.expect("is there");
        let alert: Alert = serde_json::from_slice(&message.payload).expect("an alert");
        twice += usize::from(!known.insert((alert.id, alert.revision)));
    }
    twice
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let how = args.first().map_or("kill", String::as_str).to_owned();
    let rounds = args.get(1).and_then(|rounds| rounds.parse().ok()).unwrap_or(5);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads");
    let (mut took, published, twice, seen) = runtime.block_on(measure(&how, rounds));
    took.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let last = took.len().saturating_sub(1);
        took.get(((took.len() as f64 * share) as usize).min(last)).copied().unwrap_or_default()
    };
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{how}, {} takeovers: p50 {:.3} s, p99 {:.3} s, longest {:.3} s; {published} events, {seen} alerts, {twice} twice",
        took.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    )
    .expect("standard output");
}
