//! `humdrum demo`: the whole at work, with nothing else installed.
//!
//! A simulated fleet's month of peace passes in seconds, then its attacks come at a pace that can be read. Nothing is
//! staged: the events go through the engine of `humdrum run`, the alerts through the webhook sender to a receiver that
//! checks each signature, the figures through the metrics listener, which is scraped at the end. With `--nats` the
//! events go through a server's streams and the whole app; the ids that come out are held against those of the engine
//! alone. The exit status says whether each of these paths carried every alert.

mod broker;
mod embedded;
mod receiver;
mod show;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;

use super::failure::Failure;
use crate::alert::Alert;
use crate::config::{ConsoleConfig, SecretText, WebhookConfig};
use crate::evaluate::{self, AlertView, Options, Truth};
use crate::registry::{BotRecord, Registry};
use crate::simulate::{FleetSpec, Summary};
use receiver::Receiver;
use show::Show;

/// Bots of the fleet where nothing is asked for: enough for each kind and each attack, few enough to read about.
const BOTS: u64 = 60;
/// Attacks a bot, on average.
const ATTACKS_PER_BOT: f64 = 0.6;
/// Secret that the demo's webhook signs with; it guards nothing.
const WEBHOOK_SECRET: &str = "whsec_aHVtZHJ1bS1kZW1vLXNlY3JldC1mb3Itbm9ib2R5";
/// Time for the last deliveries.
const DRAIN: Duration = Duration::from_secs(10);

/// Show everything at work on a simulated fleet: its month of baseline, its attacks, and the alerts.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  humdrum demo\n  humdrum demo --once --fast\n  humdrum demo --nats nats://127.0.0.1:4222\n\n\
    With --once the exit status is 0 only if every alert came through every path: terminal, signed webhook, metrics,\n\
    and with --nats the server's alert stream."
)]
pub(super) struct DemoArgs {
    /// End after the last attack instead of serving console and metrics until Ctrl-C
    #[arg(long)]
    once: bool,
    /// Send everything through this NATS server, in streams of the demo's own, made anew
    #[arg(long, value_name = "URL")]
    nats: Option<String>,
    /// Bots of the fleet
    #[arg(long, value_name = "NUMBER", default_value_t = BOTS, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    bots: u64,
    /// Seed of the fleet; the same seed shows the same
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// As fast as the machine can instead of at a speed that can be followed
    #[arg(long)]
    fast: bool,
    /// Address of the metrics listener; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    metrics_listen: SocketAddr,
    /// Address of the console, on loopback; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0", value_parser = loopback)]
    console_listen: SocketAddr,
}

/// An address that nobody else can reach: the demo asks nobody who is there.
fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text.parse().map_err(|_| "no address; write `127.0.0.1:9465`".to_owned())?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err("beyond loopback; `humdrum run` serves others".to_owned())
    }
}

/// The console's settings for the demo.
fn console(args: &DemoArgs) -> ConsoleConfig {
    ConsoleConfig { listen: args.console_listen, hosts: Vec::new(), users_file: None, tls: None }
}

/// Shows the fleet.
pub(super) fn run(args: &DemoArgs) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no threads")?;
    let spec = FleetSpec {
        seed: args.seed,
        bots: args.bots as usize,
        attacks_per_bot: ATTACKS_PER_BOT,
        ..FleetSpec::default()
    };
    let show = Show::new(args.fast)?;
    Ok(runtime.block_on(async {
        match &args.nats {
            None => embedded::run(args, spec, show).await,
            Some(url) => broker::run(args, spec, show, url).await,
        }
    })?)
}

/// What came out of the show, to be held against each path.
struct Outcome {
    /// Alerts as published, in order.
    alerts: Vec<Alert>,
    summary: Summary,
}

impl Outcome {
    /// What must have reached the webhook.
    fn pages(&self) -> BTreeSet<(String, u32)> {
        let pages = self.alerts.iter().filter(|alert| alert.severity.pages());
        pages.map(|alert| (alert.id.clone(), alert.revision)).collect()
    }
}

/// The registry as the engine takes it.
fn registry(records: &[BotRecord]) -> anyhow::Result<Registry> {
    let lines: Result<Vec<String>, _> = records.iter().map(serde_json::to_string).collect();
    Registry::from_ndjson(&lines?.join("\n"))
        .map_err(|errors| anyhow::anyhow!("the fleet's own registry is wrong: {}", errors[0]))
}

/// The webhook that the demo's receiver takes.
fn webhook(receiver: &Receiver) -> WebhookConfig {
    WebhookConfig {
        name: "demo".to_owned(),
        url: receiver.url(),
        secret: Some(SecretText::new(WEBHOOK_SECRET.to_owned())),
        min_severity: crate::alert::Severity::Medium,
        timeout: Duration::from_secs(5),
        attempts_max: 5,
        backoff_min: Duration::from_millis(100),
        backoff_max: Duration::from_secs(1),
    }
}

/// Holds every path against what was published.
async fn verify(outcome: &Outcome, receiver: &Receiver, metrics: SocketAddr, show: &mut Show) -> anyhow::Result<()> {
    let pages = outcome.pages();
    ensure!(!pages.is_empty(), "no alert paged anybody");
    let (delivered, forged) = receiver.delivered();
    ensure!(forged == 0, "{forged} webhook requests did not verify");
    ensure!(
        delivered == pages,
        "{} of {} pages reached the webhook",
        delivered.intersection(&pages).count(),
        pages.len()
    );
    let scraped = show::scrape(metrics).await?;
    let counted = show::sum(&scraped, "humdrum_alerts_total");
    let published = outcome.alerts.len();
    ensure!(counted as usize == published, "metrics count {counted} alerts of {published}");
    show.line(&format!(
        "\nEvery path carried every alert: {published} published, {} pages signed and verified at the webhook, metrics agree.",
        pages.len()
    ))
}

/// Says how many attacks were found.
fn tally(outcome: &Outcome, show: &mut Show) -> anyhow::Result<()> {
    let Summary { labels, benign, meta } = &outcome.summary;
    let views: Vec<AlertView> = outcome.alerts.iter().map(AlertView::from).collect();
    let report = evaluate::evaluate(&Truth { labels, benign, meta }, &views, &Options::default());
    show.line(&format!("\n{report}"))
}

/// Serves console and metrics until Ctrl-C, unless it was to end.
async fn linger(args: &DemoArgs, metrics: SocketAddr, console: SocketAddr, show: &mut Show) -> anyhow::Result<()> {
    if !args.once {
        show.line(&format!(
            "The console stays at http://{console}/ and metrics at http://{metrics}/metrics; Ctrl-C ends the demo."
        ))?;
        tokio::signal::ctrl_c().await?;
    }
    Ok(())
}
