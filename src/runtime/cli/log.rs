//! The program's own log, on standard error.

#![expect(clippy::disallowed_methods, reason = "HUMDRUM_LOG is read here, once")]

use std::io::IsTerminal;

use anyhow::anyhow;
use tracing_subscriber::EnvFilter;

use super::failure::Failure;
use crate::runtime::present;

/// What is logged where `HUMDRUM_LOG` says nothing: what an operator should know. The NATS client reports its events to
/// us and in its own log; once is enough.
const FILTER_DEFAULT: &str = "info,async_nats=error";

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Reads the format's name. An empty one is the default, as with every variable of ours.
pub(super) fn format(name: &str) -> Result<Format, String> {
    match name {
        "" | "text" => Ok(Format::Text),
        "json" => Ok(Format::Json),
        _ => Err("write `text` or `json`".to_owned()),
    }
}

/// Starts logging.
pub(super) fn start(format: Format) -> Result<(), Failure> {
    let wanted = std::env::var("HUMDRUM_LOG").ok().filter(|text| !text.is_empty());
    let filter = EnvFilter::try_new(wanted.as_deref().unwrap_or(FILTER_DEFAULT))
        .map_err(|error| Failure::Usage(anyhow!("HUMDRUM_LOG: {error}; write `info` or `humdrum=debug`")))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let no_color = std::env::var("NO_COLOR").ok();
    let color = present::wants_color(std::io::stderr().is_terminal(), no_color.as_deref());
    let started = match format {
        Format::Text => log.with_ansi(color).try_init(),
        Format::Json => log.json().try_init(),
    };
    started.map_err(|error| Failure::Failed(anyhow!("the log cannot be started: {error}")))
}
