//! `humdrum check`: says what is wrong with the configuration, connecting to nothing.

use std::io::Write;

use anyhow::Context;
use clap::Args;

use super::failure::Failure;
use super::output;
use super::settings::{self, Secrets, SettingsArgs};
use crate::config::{self, Config, RegistryConfig, SourceMode};
use crate::runtime::{clock, present};

/// Read the configuration and say what is wrong with it, connecting to nothing.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  humdrum check --config humdrum.toml\n  humdrum check --print-defaults > humdrum.toml"
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
            let bots = settings::registry(&config)?.len();
            print(&mut out, &summary(&config, bots))
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

fn summary(config: &Config, bots: usize) -> String {
    let mode = match config.events.mode {
        SourceMode::Jetstream => format!("JetStream stream {}", config.events.stream),
        SourceMode::Core => "plain subscription".to_owned(),
    };
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
    let webhooks: Vec<&str> = config.webhooks.iter().map(|webhook| webhook.name.as_str()).collect();
    let lines = [
        ("events", format!("{}.<tenant>.<bot>, {mode}", config.events.subject_prefix)),
        ("alerts", format!("{}.<tenant>.<severity>", config.alerts.subject_prefix)),
        ("webhooks", if webhooks.is_empty() { "none".to_owned() } else { webhooks.join(", ") }),
        (
            "registry",
            or_none(config.registry.as_ref().map(|registry| match registry {
                RegistryConfig::File(path) => format!("{}, {bots} bots", path.display()),
                RegistryConfig::Bucket(bucket) => format!("bucket {bucket}"),
            })),
        ),
        ("state", or_none(config.state.as_ref().map(|state| state.dir.display().to_string()))),
        ("metrics", or_none(config.metrics_listen.map(|address| format!("http://{address}/metrics")))),
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
    let lines = lines.into_iter().chain(counts).chain(warnings.map(|warning| ("note", warning)));
    lines.fold("ok\n".to_owned(), |text, (name, line)| text + &format!("  {name:<9} {line}\n"))
}
