//! An alert for a person at a terminal: how bad, when, one sentence, and then each reason with what was seen over what
//! was expected, in aligned lines.
//!
//! Everything that a bot or its producer chose is escaped before it reaches the terminal: a bot named with an escape
//! sequence must not be able to hide the alert about itself.

mod backtest;
mod csv;
mod explain;
mod feedback;
mod history;
mod logs;
mod overview;
mod quiet;
mod report;
mod table;

use std::fmt::Write;

use crate::alert::{Alert, Reason, Severity, Status, Suppressed};
use crate::time::{Timestamp, Zone};
pub use backtest::{backtest, html as backtest_html};
pub use explain::explain;
pub use feedback::{decisions, preview};
pub use history::learned;
pub use logs::{logs, logs_csv};
pub use overview::{BotLine, IncidentLine, bots, incidents};
pub use quiet::{hidden, rules, silence, suppression, warning};
pub use report::{inventory, inventory_csv, privileges, privileges_csv, review, review_csv};
pub use table::table;

/// Evidence ids that are shown; the alert itself holds more.
const EVIDENCE_SHOWN_MAX: usize = 5;

/// How to write.
#[derive(Clone, Copy, Debug)]
pub struct Style<'a> {
    /// The zone whose wall clock is shown.
    pub zone: &'a Zone,
    /// Its name.
    pub zone_name: &'a str,
    /// Whether to use color.
    pub color: bool,
}

/// Whether color is wanted: on a terminal, unless `NO_COLOR` is set to anything but nothing.
#[must_use]
pub fn wants_color(is_terminal: bool, no_color: Option<&str>) -> bool {
    is_terminal && no_color.is_none_or(str::is_empty)
}

/// The alert in words, with a line break at its end.
#[must_use]
pub fn alert(alert: &Alert, style: Style<'_>) -> String {
    let mut text = String::new();
    push(&mut text, format_args!("{}  score {:.0}", headline(alert, style), alert.score));
    push(&mut text, format_args!("  {}", paint(&plain(&alert.title), "1", style.color)));
    let dimensions: Vec<String> = alert.reasons.iter().map(|reason| reason.dimension.to_string()).collect();
    let width = dimensions.iter().map(String::len).max().unwrap_or_default();
    for (reason, dimension) in alert.reasons.iter().zip(&dimensions) {
        one_reason(&mut text, reason, dimension, width);
    }
    let shown: Vec<String> = alert.events.iter().take(EVIDENCE_SHOWN_MAX).map(|id| plain(id)).collect();
    let more = match alert.event_count.saturating_sub(shown.len() as u64) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    if !shown.is_empty() {
        push(&mut text, format_args!("  evidence  {}{more}", shown.join(", ")));
    }
    push(&mut text, format_args!("  baseline  {}", baseline(alert)));
    if let Some(note) = &alert.suppressed {
        push(&mut text, format_args!("  hidden    {}", suppressed(note)));
    }
    let revision = if alert.revision > 1 { format!(", revision {}", alert.revision) } else { String::new() };
    push(&mut text, format_args!("  alert     {}, incident {}{revision}", plain(&alert.id), plain(&alert.incident)));
    text
}

/// How bad, when and who.
fn headline(alert: &Alert, style: Style<'_>) -> String {
    let whom = match (&alert.bot, &alert.producer) {
        (Some(bot), _) => plain(bot),
        (None, Some(producer)) => format!("log {}", plain(producer)),
        (None, None) => "-".to_owned(),
    };
    let label = match alert.status {
        Status::Firing => alert.severity.as_str().to_uppercase(),
        Status::Resolved => "RESOLVED".to_owned(),
    };
    let label = paint(&format!("{label:<8}"), color_of(alert), style.color);
    format!("{label}  {}  {}/{whom}", local_time(alert.ts, style), plain(&alert.tenant))
}

/// Who hides it, and why.
fn suppressed(note: &Suppressed) -> String {
    format!("{}, by {} until {}: {}", note.severity, plain(&note.owner), note.until, plain(&note.reason))
}

/// How much is known of the bot.
fn baseline(alert: &Alert) -> String {
    let note = alert.baseline;
    let maturity = if note.mature { "mature" } else { "still learning" };
    format!("{:.1} days, {} events, {maturity}", note.days, note.events)
}

fn one_reason(text: &mut String, reason: &Reason, dimension: &str, width: usize) {
    let chance = reason.p_value.map(|p| format!("  (p {p:.1e})")).unwrap_or_default();
    push(text, format_args!("  {dimension:<width$}  {}{chance}", plain(&reason.text)));
    push(text, format_args!("  {:<width$}    observed  {}", "", plain(&reason.observed)));
    push(text, format_args!("  {:<width$}    expected  {}", "", plain(&reason.expected)));
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a text cannot fail.
    if text.write_fmt(line).is_ok() {
        text.push('\n');
    }
}

/// A text without what a terminal acts upon: control characters, and those that turn the direction of writing.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let turns =
            matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
        if c.is_control() || turns { out.extend(c.escape_unicode()) } else { out.push(c) }
    }
    out
}

/// Date and minute in UTC, for tables.
fn minute(at: Timestamp) -> String {
    at.to_string().get(..16).map_or_else(String::new, |text| text.replace('T', " "))
}

/// Day, date and minute as the zone's wall clock shows them.
fn local_time(at: Timestamp, style: Style<'_>) -> String {
    let local = style.zone.local(at);
    let days = jiff::Span::new().try_days(local.day).unwrap_or_default();
    let date = jiff::civil::date(1970, 1, 1).checked_add(days).unwrap_or_default();
    let clock = local.to_string();
    let (weekday, minute) = clock.split_once(' ').unwrap_or((&clock, ""));
    format!("{weekday} {date} {minute} {}", plain(style.zone_name))
}

/// The terminal's number of a color: red for what must not wait, yellow for what pages, green for what is over.
fn color_of(alert: &Alert) -> &'static str {
    color(alert.status, alert.severity)
}

fn color(status: Status, severity: Severity) -> &'static str {
    match (status, severity) {
        (Status::Resolved, _) => "32",
        (Status::Firing, Severity::Critical) => "1;31",
        (Status::Firing, Severity::High) => "31",
        (Status::Firing, Severity::Medium) => "33",
        (Status::Firing, Severity::Low | Severity::Info) => "36",
    }
}

fn paint(text: &str, color: &str, wanted: bool) -> String {
    if wanted { format!("\u{1b}[{color}m{text}\u{1b}[0m") } else { text.to_owned() }
}

#[cfg(test)]
mod tests;
