//! A console on a simulated fleet that is under attack, within the test's own process.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use humdrum::alert::{Alert, Severity, Status};
use humdrum::config::ConsoleConfig;
use humdrum::detect::{Engine, Output, Settings};
use humdrum::registry::Registry;
use humdrum::runtime::archive::{ALERTS_MAX, Archive};
use humdrum::runtime::console::{Console, ConsoleParts};
use humdrum::runtime::evidence::{Evidence, Recent};
use humdrum::runtime::feedback::desk::{FeedbackDesk, Feedbacks};
use humdrum::runtime::inquiry::{Inbox, inquiry};
use humdrum::runtime::metrics::FeedbackMetrics;
use humdrum::simulate::{EventStream, FleetSpec};
use tokio_util::sync::CancellationToken;

/// Incidents of bots that are open, and page, when the fleet stands still: one for each walk of a browser that speaks of
/// one, and one of which nobody speaks.
const OPEN: usize = 4;

/// A console with what it shows.
pub(crate) struct Stand {
    pub(crate) console: Console,
    pub(crate) archive: Archive,
    pub(crate) http: reqwest::Client,
    ending: CancellationToken,
    engine: Option<JoinHandle<()>>,
}

/// A console's settings.
pub(crate) fn settings() -> ConsoleConfig {
    ConsoleConfig { listen: SocketAddr::from(([127, 0, 0, 1], 0)), hosts: Vec::new(), users_file: None, tls: None }
}

impl Stand {
    /// On an engine that has seen nothing.
    pub(crate) async fn blank(config: &ConsoleConfig) -> Self {
        let engine = Engine::new(Settings::default(), Registry::default());
        Self::start(config, Archive::default(), Recent::new(1), engine).await
    }

    /// On a fleet in the middle of its attacks.
    pub(crate) async fn lively(config: &ConsoleConfig) -> Self {
        let (archive, recent) = (Archive::default(), Recent::new(10_000));
        let (alerts, events) = (archive.clone(), recent.clone());
        let life = tokio::task::spawn_blocking(move || live(&alerts, &events)).await.expect("lives");
        Self::start(config, archive, recent, life).await
    }

    /// The same with as many alerts as are remembered, and with many bots that only the registry names.
    pub(crate) async fn crowded(config: &ConsoleConfig) -> Self {
        let (archive, recent) = (Archive::default(), Recent::new(10_000));
        let (alerts, events) = (archive.clone(), recent.clone());
        let life = tokio::task::spawn_blocking(move || crowd(live(&alerts, &events), &alerts)).await.expect("lives");
        Self::start(config, archive, recent, life).await
    }

    async fn start(config: &ConsoleConfig, archive: Archive, recent: Recent, engine: Engine) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let (inquiry, inbox) = inquiry(|| {});
        let (feedbacks, desk) = desk(&engine);
        let evidence = Evidence::Recent(recent);
        let parts = ConsoleParts { inquiry, feedbacks, archive: archive.clone(), evidence, health: None };
        let console = Console::start(config, parts).await.expect("a console");
        let (kept, handle) = (archive.clone(), tokio::runtime::Handle::current());
        let ending = CancellationToken::new();
        let end = ending.clone();
        let serve = move || {
            handle.block_on(async {
                tokio::select! {
                    () = end.cancelled() => {}
                    () = serve(engine, inbox, desk, kept) => {}
                }
            });
        };
        let engine = std::thread::Builder::new().spawn(serve).expect("a thread");
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        Self { console, archive, http: http.build().expect("a client"), ending, engine: Some(engine) }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.console.address())
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let answer = self.http.get(self.url(path)).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a text"))
    }

    /// An incident that pages and has a dimension.
    pub(crate) fn incident(&self, takes: impl Fn(&Alert) -> bool) -> Arc<Alert> {
        let paging = self.archive.all().into_iter().filter(|alert| alert.severity.pages() && alert.bot.is_some());
        paging.filter(|alert| takes(alert)).max_by_key(|alert| alert.reasons.len()).expect("an incident")
    }

    /// Ends the engine; the console goes on without it.
    pub(crate) async fn end_engine(&mut self) {
        self.ending.cancel();
        if let Some(engine) = self.engine.take() {
            tokio::task::spawn_blocking(move || engine.join()).await.expect("waits").expect("ends");
        }
    }

    /// Ends the console, and the engine with it.
    pub(crate) async fn stop(mut self) {
        self.console.stop().await;
        if let Some(engine) = self.engine.take() {
            tokio::task::spawn_blocking(move || engine.join()).await.expect("waits").expect("ends");
        }
    }
}

/// What is said to an engine, and its end.
pub(crate) fn desk(engine: &Engine) -> (Feedbacks, FeedbackDesk) {
    let metrics = FeedbackMetrics::new(&prometheus::Registry::new()).expect("registers");
    FeedbackDesk::new(engine, None, metrics)
}

/// Answers until nobody can ask any more.
async fn serve(mut engine: Engine, mut inbox: Inbox, mut desk: FeedbackDesk, archive: Archive) {
    let mut output = Output::default();
    loop {
        tokio::select! {
            asked = inbox.next() => match asked {
                Some(asked) => asked.answer(&engine),
                None => return,
            },
            () = desk.heard() => {
                desk.answer(&mut engine, &mut output);
                let ended: Vec<Arc<Alert>> = output.alerts.drain(..).map(Arc::new).collect();
                archive.record(&ended);
            }
        }
    }
}

/// Adds a crowd of alerts and of bots.
fn crowd(mut engine: Engine, archive: &Archive) -> Engine {
    let like = archive.all().into_iter().find(|alert| alert.bot.is_some()).expect("an alert");
    let more = (0..ALERTS_MAX).map(|number| {
        let (id, incident) = (format!("{number:032}"), format!("inc-{number:016}"));
        let bot = Some(format!("bot-{number:06}"));
        Arc::new(Alert { id, incident, severity: Severity::Low, bot, ..Alert::clone(&like) })
    });
    archive.fill(&more.collect::<Vec<_>>());
    let record = |number: usize| format!(r#"{{"tenant":"crowd","bot":"bot-{number:06}","owner":"o-{}"}}"#, number % 97);
    let lines: Vec<String> = (0..ALERTS_MAX).map(record).collect();
    engine.set_registry(Registry::from_ndjson(&lines.join("\n")).expect("a registry"));
    engine
}

/// Incidents of bots that are open and page.
fn open(archive: &Archive) -> usize {
    let pages = |alert: &Arc<Alert>| alert.severity.pages() && alert.status == Status::Firing && alert.bot.is_some();
    let all = archive.all().into_iter().filter(pages);
    all.map(|alert| alert.incident.clone()).collect::<BTreeSet<_>>().len()
}

/// Lets a fleet live until enough has been found.
fn live(archive: &Archive, recent: &Recent) -> Engine {
    let spec = FleetSpec { seed: 4, bots: 24, attacks_per_bot: 3.0, ..FleetSpec::default() };
    let mut stream = EventStream::new(&spec);
    let lines: Vec<String> = stream.registry().iter().map(|bot| serde_json::to_string(bot).expect("JSON")).collect();
    let registry = Registry::from_ndjson(&lines.join("\n")).expect("a registry");
    let (mut engine, mut output) = (Engine::new(Settings::default(), registry), Output::default());
    for event in stream.by_ref() {
        recent.keep(&event);
        engine.observe(event, &mut output);
        let alerts: Vec<Arc<Alert>> = output.alerts.drain(..).map(Arc::new).collect();
        archive.record(&alerts);
        if !alerts.is_empty() && open(archive) >= OPEN {
            return engine;
        }
    }
    panic!("never so many incidents at once");
}
