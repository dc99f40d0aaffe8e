//! What all of it costs over the wire: `humdrum run` from its start to the end of a filled JetStream stream, and beside it
//! a bare consumer of the same stream that decodes each message into the same type and counts.
//!
//! `cargo bench --bench stream -- 3` is three rounds of each in turn over the same fleet of a million events, so that
//! whatever else the machine does befalls both; `NATS_SERVER_BIN` names the server's program.

#![expect(clippy::expect_used, clippy::disallowed_methods, reason = "a measurement that cannot be made ends")]

mod servers;

use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::{self, Context};
use futures_util::StreamExt;
use humdrum::event::decode::{Envelope, Limits, decode};
use servers::{connect, free_port, humdrum, metric, nats_server, quiet};

/// Messages that the bare consumer asks for at a time, and acknowledges at once.
const FETCHED: usize = 5000;

/// Takes the whole stream and counts its events.
async fn bare(context: &Context, events: u64) -> Duration {
    let stream = context.get_stream("HUMDRUM_EVENTS").await.expect("exists");
    let settings =
        pull::Config { ack_policy: AckPolicy::All, max_ack_pending: 10 * FETCHED as i64, ..pull::Config::default() };
    let consumer: PullConsumer = stream.create_consumer(settings).await.expect("a consumer");
    let (began, mut counted) = (Instant::now(), 0_u64);
    while counted < events {
        let mut batch = consumer.fetch().max_messages(FETCHED).messages().await.expect("a batch");
        let mut last = None;
        while let Some(message) = batch.next().await {
            let message = message.expect("a message");
            // An earlier round has left its own marks in the stream, which are no events.
            counted += u64::from(decode(&message.payload, &Envelope::default(), &Limits::default()).is_ok());
            last = Some(message);
        }
        if let Some(last) = last {
            last.ack().await.expect("sends");
        }
    }
    let took = began.elapsed();
    stream.delete_consumer(&consumer.cached_info().name).await.expect("is gone");
    took
}

/// Runs until all of the stream has been scored, from no state; time from its start, and of processors.
async fn whole(context: &Context, dir: &Path, port: u16, events: u64) -> (Duration, f64) {
    // As if nobody had read any of it.
    let stream = context.get_stream("HUMDRUM_EVENTS").await.expect("exists");
    let mut names = stream.consumer_names();
    while let Some(name) = names.next().await {
        stream.delete_consumer(&name.expect("a name")).await.expect("is gone");
    }
    context.delete_stream("HUMDRUM_ALERTS").await.ok();
    let (metrics, state) = (free_port(), tempfile::tempdir_in(dir).expect("a directory"));
    let mut humdrum = humdrum();
    humdrum.args(["run", "--set", "console.listen=off", "--nats", &format!("nats://127.0.0.1:{port}")]);
    humdrum.args(["--metrics-listen", &format!("127.0.0.1:{metrics}"), "--state-dir"]).arg(state.path());
    let began = Instant::now();
    let humdrum = quiet(humdrum.arg("--registry").arg(dir.join("fleet/bots.ndjson")));
    while metric(metrics, "humdrum_events_total").unwrap_or_default() < events as f64 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    (began.elapsed(), humdrum.on_cpu())
}

async fn measure(rounds: usize) {
    let dir = tempfile::tempdir().expect("a directory");
    let port = free_port();
    let server = nats_server(dir.path(), port);
    let (client, url) = (connect(port).await, format!("nats://127.0.0.1:{port}"));
    let mut simulate = humdrum();
    simulate.args(["simulate", "--seed", "9", "--nats", &url, "--out"]).arg(dir.path().join("fleet"));
    assert!(simulate.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("runs").success());
    let context = jetstream::new(client);
    let events = context.get_stream("HUMDRUM_EVENTS").await.expect("exists").cached_info().state.messages;
    let mut out = std::io::stdout().lock();
    let (mut bares, mut wholes) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let bare = events as f64 / bare(&context, events).await.as_secs_f64();
        let server_before = server.on_cpu();
        let (took, cpu) = whole(&context, dir.path(), port, events).await;
        let (whole, served) = (events as f64 / took.as_secs_f64(), server.on_cpu() - server_before);
        writeln!(
            out,
            "{events} events: bare consumer {bare:.0} a second, run {whole:.0} ({:.2} of it; {cpu:.1} s of processors, \
            {served:.1} s of the server's)",
            whole / bare
        )
        .expect("standard output");
        bares.push(bare);
        wholes.push(whole);
    }
    let middle = |rates: &mut Vec<f64>| {
        rates.sort_by(f64::total_cmp);
        rates[rates.len() / 2]
    };
    let (bare, whole) = (middle(&mut bares), middle(&mut wholes));
    writeln!(out, "medians: bare consumer {bare:.0} a second, run {whole:.0}, {:.2} of it", whole / bare)
        .expect("standard output");
}

fn main() {
    let rounds = std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(1);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads");
    runtime.block_on(measure(rounds));
}
