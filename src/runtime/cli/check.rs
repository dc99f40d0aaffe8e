//! `humdrum check`: says what is wrong with the configuration, connecting to nothing; with `--send-test` it tries one
//! receiver out.

use std::io::Write;

use anyhow::{Context, anyhow};
use clap::Args;

use super::failure::Failure;
use super::output;
use super::settings::{self, Secrets, SettingsArgs};
use crate::config::{self, Config, ConsoleConfig, RegistryConfig, Service, SourceMode};
use crate::runtime::geo::GeoDatabase;
use crate::runtime::health::HealthState;
use crate::runtime::nats::connect::connect_once;
use crate::runtime::notify::trial;
use crate::runtime::{clock, present};

/// Read the configuration and say what is wrong with it, connecting to nothing but a receiver that is to be tried out.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  humdrum check --config humdrum.toml\n  humdrum check --print-defaults > humdrum.toml\n  \
    humdrum check --config humdrum.toml --send-test on-call"
)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    /// Print every setting with its default and its meaning, and check nothing
    #[arg(long)]
    print_defaults: bool,
    /// Print every rule with its defaults, and check nothing
    #[arg(long, conflicts_with = "print_defaults")]
    rules: bool,
    /// Send a message that says that it is a test to this receiver or webhook, and say what was answered
    #[arg(long, value_name = "RECEIVER", conflicts_with_all = ["print_defaults", "rules"])]
    send_test: Option<String>,
}

/// Prints the faults, or what an installation with these settings would do.
pub(super) fn run(args: &CheckArgs) -> Result<(), Failure> {
    let mut out = output::stdout();
    if args.print_defaults {
        return print(&mut out, config::DEFAULTS);
    }
    if args.rules {
        return print(&mut out, &present::rules());
    }
    match args.settings.check(Vec::new(), Secrets::Needed)? {
        Ok(config) => {
            if let Some(name) = &args.send_test {
                return send_test(&mut out, &config, name);
            }
            let bots = settings::registry(&config)?.len();
            let geo = settings::geo(&config)?;
            if let (Some(geo), Some(path)) = (&geo, &config.geo_file) {
                geo.verify(path).map_err(|error| Failure::Usage(error.into()))?;
            }
            print(&mut out, &summary(&config, bots, geo.as_ref()))
        }
        Err(faults) => {
            print(&mut out, &format!("{faults}\n"))?;
            Err(Failure::Told)
        }
    }
}

fn print(out: &mut dyn Write, text: &str) -> Result<(), Failure> {
    Ok(out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("standard output cannot be written")?)
}

fn summary(config: &Config, bots: usize, geo: Option<&GeoDatabase>) -> String {
    let mode = match config.events.mode {
        SourceMode::Jetstream => format!("JetStream stream {}", config.events.stream),
        SourceMode::Core => "plain subscription".to_owned(),
    };
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
    let webhooks: Vec<&str> = config.webhooks.iter().map(|webhook| webhook.name.as_str()).collect();
    let receivers: Vec<String> =
        config.receivers.iter().map(|receiver| format!("{} ({})", receiver.name, receiver.service.as_str())).collect();
    let routes = match (config.routing.routes.len(), &config.routing.default) {
        (0, None) => "every receiver is told of everything".to_owned(),
        (count, None) => count.to_string(),
        (count, Some(default)) => format!("{count}, else to {}", or_none_of(default)),
    };
    let lines = [
        ("events", format!("{}.<tenant>.<bot>, {mode}", config.events.subject_prefix)),
        ("alerts", format!("{}.<tenant>.<severity>", config.alerts.subject_prefix)),
        ("webhooks", if webhooks.is_empty() { "none".to_owned() } else { webhooks.join(", ") }),
        ("receivers", if receivers.is_empty() { "none".to_owned() } else { receivers.join(", ") }),
        ("routes", if receivers.is_empty() { "none".to_owned() } else { routes }),
        ("silences", config.silences.len().to_string()),
        (
            "registry",
            or_none(config.registry.as_ref().map(|registry| match registry {
                RegistryConfig::File(path) => format!("{}, {bots} bots", path.display()),
                RegistryConfig::Bucket(bucket) => format!("bucket {bucket}"),
            })),
        ),
        ("geography", or_none(geo.map(|geo| format!("{}, built {}", geo.kind(), geo.built())))),
        ("state", or_none(config.state.as_ref().map(|state| state.dir.display().to_string()))),
        ("metrics", or_none(config.metrics_listen.map(|address| format!("http://{address}/metrics")))),
        ("console", or_none(config.console.as_ref().map(console))),
        ("baseline", format!("{} days, mature after {}", config.detection.baseline_days, config.detection.mature_days)),
    ];
    let counts = [
        ("rules", config.detection.rules.overrides().len(), "decisions"),
        ("hidden", config.detection.suppressions.len(), "suppressions"),
    ];
    let counts = counts.into_iter().filter(|(_, count, _)| *count > 0);
    let counts = counts.map(|(name, count, what)| (name, format!("{count} {what}")));
    let all = config.detection.suppressions.iter().enumerate();
    let warnings = all.filter_map(|(number, suppression)| present::warning(number, suppression, clock::wall()));
    let silences = config.silences.iter().map(|silence| ("silence", present::silence(silence, clock::wall())));
    let notes = warnings.map(|warning| ("note", warning));
    let lines = lines.into_iter().chain(counts).chain(silences).chain(notes);
    lines.fold("ok\n".to_owned(), |text, (name, line)| text + &format!("  {name:<9} {line}\n"))
}

fn or_none_of(names: &[String]) -> String {
    if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
}

/// Tries a receiver out. The status is 0 only if it took everything.
fn send_test(out: &mut impl Write, config: &Config, name: &str) -> Result<(), Failure> {
    let webhook = config.webhooks.iter().find(|webhook| webhook.name == name).map(trial::Subject::Webhook);
    let receiver = || config.receivers.iter().find(|receiver| receiver.name == name);
    let Some(subject) = webhook.or_else(|| receiver().map(trial::Subject::Receiver)) else {
        let webhooks = config.webhooks.iter().map(|webhook| webhook.name.as_str());
        let names: Vec<&str> = webhooks.chain(config.receivers.iter().map(|receiver| receiver.name.as_str())).collect();
        let known =
            if names.is_empty() { "there is none".to_owned() } else { format!("there are {}", names.join(", ")) };
        return Err(Failure::Usage(anyhow!("`{name}` is no receiver of the configuration; {known}")));
    };
    drop(rustls::crypto::ring::default_provider().install_default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no threads")?;
    let trials = runtime.block_on(try_out(config, subject))?;
    for trial in &trials {
        let status = trial.answer.status.map_or_else(String::new, |status| format!(" {status}"));
        let verdict = if trial.taken() { "taken" } else { "NOT taken" };
        let said = if trial.answer.said.is_empty() { String::new() } else { format!(": {}", trial.answer.said) };
        print(out, &format!("{name}: {} {verdict}{status} in {:.2} s{said}\n", trial.what, trial.seconds))?;
    }
    if trials.iter().all(trial::Trial::taken) {
        return Ok(());
    }
    Err(Failure::Failed(anyhow!("`{name}` did not take the test")))
}

async fn try_out(config: &Config, subject: trial::Subject<'_>) -> anyhow::Result<Vec<trial::Trial>> {
    let nats = match subject {
        trial::Subject::Receiver(receiver) if receiver.service == Service::Nats => {
            let connected = prometheus::IntGauge::new("connected", "Connected.")?;
            Some(connect_once(&config.nats, &HealthState::new(None), &connected).await?)
        }
        _ => None,
    };
    Ok(trial::run(subject, nats.as_ref()).await?)
}

/// Where the console is, and who is asked to sign in.
fn console(console: &ConsoleConfig) -> String {
    let scheme = if console.tls.is_some() { "https" } else { "http" };
    let asked = if console.users_file.is_some() { "whoever signs in" } else { "whoever is on this machine" };
    format!("{scheme}://{}, for {asked}", console.listen)
}
