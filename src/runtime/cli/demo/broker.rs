//! The demo through a real server: events published into a stream, the whole app behind it, alerts read back.
//!
//! The engine also runs here alone over the same events; the app must publish exactly the alerts that it raises.
//! The demo's streams are its own and are made anew, so that a server in use keeps its streams untouched.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use async_nats::jetstream;
use futures_util::StreamExt;

use super::receiver::Receiver;
use super::show::Show;
use super::{DRAIN, DemoArgs, Outcome, linger, registry, tally, verify, webhook};
use crate::alert::Alert;
use crate::config::{self, Config, Flag, Sources};
use crate::detect::{Engine, Output, Settings};
use crate::runtime::app::App;
use crate::runtime::health::HealthState;
use crate::runtime::http::{HttpParams, HttpServer};
use crate::runtime::nats::connect::connect_once;
use crate::runtime::produce::EventPublisher;
use crate::simulate::{EventStream, FleetSpec};

/// Names of the demo's own streams and subjects.
const EVENTS: (&str, &str) = ("HUMDRUM_DEMO_EVENTS", "humdrum_demo.events");
const ALERTS: (&str, &str) = ("HUMDRUM_DEMO_ALERTS", "humdrum_demo.alerts");
const REJECTED: (&str, &str) = ("HUMDRUM_DEMO_REJECTED", "humdrum_demo.rejected");
/// Time without any new alert after which the rest counts as lost.
const PATIENCE: Duration = Duration::from_secs(60);

/// Time between two looks at what the webhook's receiver has.
const POLL: Duration = Duration::from_millis(50);

/// Runs the demo through a server.
pub(super) async fn run(args: &DemoArgs, spec: FleetSpec, mut show: Show, url: &str) -> anyhow::Result<()> {
    let receiver = Receiver::start().await?;
    let (config, metrics) = (settings(args, url, &receiver)?, prometheus::Registry::new());
    // The demo's own connection; its state is nobody's figure.
    let connected = prometheus::IntGauge::new("connected", "1 while connected")?;
    let client = connect_once(&config.nats, &HealthState::new(None), &connected).await?;
    let url = config.nats.shown_url();
    let context = jetstream::new(client.clone());
    clear(&context).await;
    // Made here and not left to the app, which makes it behind its start: the first event must find it.
    let stream = jetstream::stream::Config {
        name: EVENTS.0.to_owned(),
        subjects: vec![format!("{}.>", EVENTS.1)],
        ..jetstream::stream::Config::default()
    };
    context.create_stream(stream).await.context("the stream of the demo's events cannot be made")?;
    let mut stream = EventStream::new(&spec);
    let bots = registry(&stream.registry())?;
    let app = App::start(config, bots.clone(), &metrics).await?;
    let health = app.health();
    let console = app.console_address().context("the demo has a console")?;
    let http = HttpServer::start(
        args.metrics_listen,
        HttpParams::default(),
        metrics.clone(),
        Arc::new(move || health.readiness()),
    )
    .await?;
    let mut read_back = client.subscribe(format!("{}.>", ALERTS.1)).await?;
    client.flush().await?;
    show.line(&format!(
        "{} simulated bots through {url}: {} days of peace, then {} days with attacks.\nConsole: http://{console}/\nMetrics: \
         http://{}/metrics\n",
        spec.bots,
        spec.days_baseline,
        spec.days_test,
        http.address()
    ))?;
    show.begin(u64::from(spec.days_baseline));
    let expected = publish(client, &mut stream, &spec, bots, &mut show).await?;
    let mut alerts: Vec<Alert> = Vec::new();
    let mut missing: BTreeSet<(String, u32)> = expected.iter().map(|a| (a.id.clone(), a.revision)).collect();
    while !missing.is_empty() {
        let Ok(Some(message)) = tokio::time::timeout(PATIENCE, read_back.next()).await else {
            bail!("{} of {} alerts did not come back from the server", missing.len(), expected.len());
        };
        let alert: Alert = serde_json::from_slice(&message.payload).context("an alert cannot be read back")?;
        ensure!(missing.remove(&(alert.id.clone(), alert.revision)), "alert {} was not expected", alert.id);
        show.alert(&alert).await?;
        alerts.push(alert);
    }
    let outcome = Outcome { alerts, summary: stream.finish() };
    // The app goes on for the console, so that its receivers are waited for, and not its stop.
    let delivered = async {
        while receiver.delivered().0 != outcome.pages() {
            tokio::time::sleep(POLL).await;
        }
    };
    drop(tokio::time::timeout(DRAIN, delivered).await);
    tally(&outcome, &mut show)?;
    verify(&outcome, &receiver, http.address(), &mut show).await?;
    show.line("The server's alert stream holds exactly the alerts that the engine raises alone.")?;
    linger(args, http.address(), console, &mut show).await?;
    app.stop().await?;
    http.stop().await;
    clear(&context).await;
    Ok(())
}

/// Publishes the fleet's events and gives the alerts that the engine raises for them.
async fn publish(
    client: async_nats::Client,
    stream: &mut EventStream,
    spec: &FleetSpec,
    bots: crate::registry::Registry,
    show: &mut Show,
) -> anyhow::Result<Vec<Alert>> {
    let mut publisher = EventPublisher::new(client, EVENTS.1);
    let mut engine = Engine::new(Settings::default(), bots);
    let mut output = Output::default();
    let mut today = 0;
    for event in stream.by_ref() {
        publisher.publish(&event).await?;
        let day = event.ts.day_utc() - spec.start.day_utc();
        if day > today {
            today = day;
            show.day(day as u64);
        }
        engine.observe(event, &mut output);
    }
    publisher.finish().await?;
    Ok(output.alerts)
}

fn settings(args: &DemoArgs, url: &str, receiver: &Receiver) -> anyhow::Result<Config> {
    let settings = [
        ("nats.url", url),
        ("events.stream", EVENTS.0),
        ("events.subject_prefix", EVENTS.1),
        ("events.rejected_stream", REJECTED.0),
        ("events.rejected_prefix", REJECTED.1),
        ("alerts.stream", ALERTS.0),
        ("alerts.subject_prefix", ALERTS.1),
    ];
    let flag =
        |(path, value): (&str, &str)| Flag { name: "demo".to_owned(), path: path.to_owned(), value: value.to_owned() };
    let sources = Sources { file: None, environment: Vec::new(), flags: settings.into_iter().map(flag).collect() };
    let mut config = config::load(sources, &|_| Ok(None)).map_err(|faults| anyhow::anyhow!("{faults}"))?;
    config.webhooks = vec![webhook(receiver)];
    config.console = Some(super::console(args));
    // The demo always begins at its own beginning.
    config.state = None;
    Ok(config)
}

/// Removes the demo's streams, if they are there.
async fn clear(context: &jetstream::Context) {
    for (stream, _) in [EVENTS, ALERTS, REJECTED] {
        if context.delete_stream(stream).await.is_ok() {
            tracing::debug!(stream, "an earlier demo's stream is removed");
        }
    }
}
