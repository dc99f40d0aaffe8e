//! What the viewer sees: progress, alerts at a pace that can be read, the figures at the end.

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::super::output;
use crate::alert::{Alert, Severity, Status};
use crate::runtime::present::{self, Style};
use crate::time::Zone;

/// Pause after an alert. Shorter cannot be read, longer is waited through.
const PAGE_PAUSE: Duration = Duration::from_millis(900);
/// Bytes of a scrape at most.
const SCRAPE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The stage.
pub(super) struct Show {
    out: Box<dyn Write>,
    zone: Zone,
    color: bool,
    fast: bool,
    bar: ProgressBar,
}

impl Show {
    pub(super) fn new(fast: bool) -> anyhow::Result<Self> {
        let no_color = std::env::var_os("NO_COLOR").map(|value| value.to_string_lossy().into_owned());
        let color = present::wants_color(std::io::stdout().is_terminal(), no_color.as_deref());
        let bar = ProgressBar::hidden();
        bar.set_style(ProgressStyle::with_template("{msg:24} [{bar:40}] day {pos} of {len}  {elapsed}")?);
        Ok(Self { out: output::stdout(), zone: Zone::utc(), color, fast, bar })
    }

    /// A line of text.
    pub(super) fn line(&mut self, text: &str) -> anyhow::Result<()> {
        writeln!(self.out, "{text}")?;
        Ok(self.out.flush()?)
    }

    /// The month begins.
    pub(super) fn begin(&mut self, days: u64) {
        self.bar.set_length(days);
        self.bar.set_message("learning what is boring");
        self.bar.set_draw_target(indicatif::ProgressDrawTarget::stderr());
    }

    /// A day has passed.
    pub(super) fn day(&mut self, day: u64) {
        if day <= self.bar.length().unwrap_or(0) {
            self.bar.set_position(day);
        } else {
            self.bar.finish_and_clear();
        }
    }

    /// An alert, with the time to read it.
    pub(super) async fn alert(&mut self, alert: &Alert) -> anyhow::Result<()> {
        let firing = alert.status == Status::Firing;
        if !(firing && alert.severity.pages()) {
            // What pages nobody is one line; what is for the archive, and that a story is over, is none at all here.
            let told = firing && alert.severity > Severity::Info;
            return if told { self.line(&format!("{:<8}  {}", alert.severity, alert.title)) } else { Ok(()) };
        }
        let text = present::alert(alert, Style { zone: &self.zone, zone_name: "UTC", color: self.color });
        self.line(&text)?;
        if !self.fast {
            tokio::time::sleep(PAGE_PAUSE).await;
        }
        Ok(())
    }
}

/// Scrapes the metrics as Prometheus would.
pub(super) async fn scrape(address: SocketAddr) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(address).await.context("the metrics listener is gone")?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    let mut text = String::new();
    stream.take(SCRAPE_BYTES_MAX).read_to_string(&mut text).await?;
    Ok(text)
}

/// The sum of all series of a metric.
pub(super) fn sum(scraped: &str, name: &str) -> f64 {
    let lines = scraped.lines().filter(|line| line.starts_with(name));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}
