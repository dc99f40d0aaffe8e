//! Server time of the console's pages over a fleet of many bots: `cargo bench --bench console -- 100000`.
//!
//! Each bot runs once a day for as many days as make it mature; then every page is asked for some times over loopback,
//! one after the other, while nothing else is done. The time is what the server says in `server-timing`.

#![expect(clippy::expect_used, reason = "a measure ends where it cannot go on")]
#![expect(clippy::disallowed_methods, reason = "measures by the clock")]

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use humdrum::alert::{Alert, Severity};
use humdrum::config::ConsoleConfig;
use humdrum::detect::{Engine, Output, Settings};
use humdrum::event::decode::{Envelope, Limits, decode};
use humdrum::registry::Registry;
use humdrum::runtime::archive::{ALERTS_MAX, Archive};
use humdrum::runtime::console::{Console, ConsoleParts};
use humdrum::runtime::evidence::Evidence;
use humdrum::runtime::feedback::desk::FeedbackDesk;
use humdrum::runtime::inquiry::inquiry;
use humdrum::runtime::metrics::FeedbackMetrics;
use humdrum::time::{Span, Timestamp};
use mimalloc::MiMalloc;

/// As in the program.
#[global_allocator]
static MEMORY: MiMalloc = MiMalloc;

/// Days until the bots are mature.
const DAYS: i64 = 16;
/// Times that each page is asked for.
const TIMES: usize = 20;

fn main() {
    let bots = std::env::args().skip(1).find_map(|text| text.parse().ok()).unwrap_or(100_000_usize);
    let archive = Archive::default();
    let began = Instant::now();
    let engine = engine(bots, &archive);
    tell(&format!("{bots} bots, {DAYS} days, in {:.1} s", began.elapsed().as_secs_f64()));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads");
    rustls::crypto::ring::default_provider().install_default().ok();
    runtime.block_on(measure(engine, archive));
}

fn tell(line: &str) {
    writeln!(std::io::stdout().lock(), "{line}").expect("standard output");
}

/// A fleet that did its work, and one incident.
fn engine(bots: usize, archive: &Archive) -> Engine {
    let mut registry = String::new();
    for bot in 0..bots {
        let team = bot % 97;
        writeln!(
            registry,
            r#"{{"tenant":"t","bot":"bot-{bot:06}","owner":"o-{team}","team":"team-{team}","roles":["r","unused"]}}"#
        )
        .expect("a line");
    }
    let registry = Registry::from_ndjson(&registry).expect("a registry");
    let (mut engine, mut output) = (Engine::new(Settings::default(), registry), Output::default());
    let start: Timestamp = "2026-03-02T00:00:00Z".parse().expect("a time");
    let mut observe = |text: String| {
        let event = decode(text.as_bytes(), &Envelope::default(), &Limits::default()).expect("an event");
        engine.observe(event, &mut output);
    };
    for day in 0..DAYS {
        for bot in 0..bots {
            let ts = start + Span::from_days(day) + Span::from_micros(bot as i64 * 86_400_000_000 / (bots as i64 + 1));
            let head = format!(
                r#"{{"id":"{day}","ts":"{ts}","tenant":"t","bot":"bot-{bot:06}","session":"s{day}","host":"h-{}""#,
                bot % 50
            );
            for step in 0..2 {
                let head = head.replacen(&format!(r#""id":"{day}""#), &format!(r#""id":"{day}-{step}""#), 1);
                observe(format!(
                    r#"{head},"type":"call","system":"s-{step}","operation":"GET /{step}","role":"r","records_read":{}}}"#,
                    100 + day
                ));
            }
        }
    }
    let last = start + Span::from_days(DAYS);
    observe(format!(
        r#"{{"id":"c","ts":"{last}","tenant":"t","bot":"bot-000007","type":"control","control":{{"action":"logging_disabled","by":"eve"}}}}"#
    ));
    let alerts: Vec<_> = output.alerts.drain(..).map(Arc::new).collect();
    // As many as it holds, each an incident of its own.
    let like = alerts.iter().find(|alert| alert.severity.pages()).expect("an incident");
    let more = (0..ALERTS_MAX - alerts.len().min(ALERTS_MAX)).map(|number| {
        let (id, incident) = (format!("{number:032}"), format!("inc-{number:016}"));
        Arc::new(Alert {
            id,
            incident,
            severity: Severity::Low,
            bot: Some(format!("bot-{number:06}")),
            ..(**like).clone()
        })
    });
    archive.record(&more.collect::<Vec<_>>());
    archive.record(&alerts[alerts.len().saturating_sub(ALERTS_MAX)..]);
    engine
}

async fn measure(engine: Engine, archive: Archive) {
    let (inquiry, inbox) = inquiry(|| {});
    let incident = archive.all().iter().find(|alert| alert.severity.pages()).expect("an incident").incident.clone();
    let metrics = FeedbackMetrics::new(&prometheus::Registry::new()).expect("registers");
    let (feedbacks, _desk) = FeedbackDesk::new(&engine, None, metrics);
    let thread = std::thread::Builder::new().spawn(move || inbox.serve(&engine)).expect("a thread");
    let config =
        ConsoleConfig { listen: SocketAddr::from(([127, 0, 0, 1], 0)), hosts: Vec::new(), users_file: None, tls: None };
    let parts = ConsoleParts { inquiry, feedbacks, archive, evidence: Evidence::Nowhere, health: None };
    let began = Instant::now();
    let console = Console::start(&config, parts).await.expect("a console");
    let base = format!("http://{}", console.address());
    let text = async |path: &str| {
        reqwest::get(format!("{base}{path}")).await.expect("an answer").text().await.expect("a text")
    };
    while !text("/bots").await.contains("As of ") {}
    tell(&format!("the roster is complete after {:.1} s", began.elapsed().as_secs_f64()));
    let http = reqwest::Client::new();
    tell(&format!("{:<44} {:>8} {:>8}   server time, ms", "page", "median", "most"));
    for path in [
        "/",
        "/incidents",
        &format!("/incidents/{incident}"),
        "/bots",
        "/bots?q=000777",
        "/bots?sort=silent",
        "/bot?tenant=t&bot=bot-000007",
        "/inventory",
        "/privileges",
        "/logs",
        "/search?q=bot-0007",
        "/api/v1/overview",
        "/api/v1/bots?per_page=1000",
    ] {
        let mut times = Vec::new();
        for _ in 0..TIMES {
            let answer = http.get(format!("{base}{path}")).send().await.expect("an answer");
            let took =
                answer.headers()["server-timing"].to_str().expect("text").trim_start_matches("page;dur=").to_owned();
            assert!(answer.status().is_success(), "{path}: {}", answer.status());
            answer.bytes().await.expect("a page");
            times.push(took.parse::<f64>().expect("a number"));
        }
        times.sort_by(f64::total_cmp);
        tell(&format!("{path:<44} {:>8.1} {:>8.1}", times[TIMES / 2], times[TIMES - 1]));
    }
    console.stop().await;
    drop(thread);
}
