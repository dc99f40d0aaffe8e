//! Incidents and bots as tables, the worst in color where a terminal shows it.

use serde::Serialize;

use super::table::table;
use super::{color, paint};
use crate::alert::{Severity, Status};
use crate::time::Timestamp;

/// Characters of a title in a table.
const TITLE_CHARS: usize = 72;
/// Characters of an alert's id in a table: as many as tell it from others.
const ID_CHARS: usize = 12;

/// One incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IncidentLine {
    /// Its id.
    pub incident: String,
    /// Whose bot.
    pub tenant: String,
    /// The bot, unless it is about a log.
    pub bot: Option<String>,
    /// The log.
    pub producer: Option<String>,
    /// The worst of its alerts.
    pub severity: Severity,
    /// Whether one of them fires.
    pub open: bool,
    /// Event time of the first of its alerts.
    pub first: Timestamp,
    /// Event time of the newest.
    pub last: Timestamp,
    /// How many alerts.
    pub alerts: u64,
    /// Id of the worst.
    pub alert: String,
    /// What that one says.
    pub title: String,
    /// Whether all of them are suppressed.
    pub suppressed: bool,
}

/// One bot.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BotLine {
    /// Whose bot.
    pub tenant: String,
    /// Its name.
    pub bot: String,
    /// How well it is known.
    pub state: &'static str,
    /// Days of its baseline.
    pub baseline_days: f64,
    /// Events of its baseline.
    pub events: u64,
    /// Event time of its newest event.
    pub last_seen: Timestamp,
    /// Hosts within the baseline's window.
    pub hosts: usize,
    /// Roles that it has or used.
    pub roles: usize,
    /// Alerts that were raised about it.
    pub alerts: u64,
    /// The worst of them.
    pub worst: Option<Severity>,
}

/// Incidents as a table.
#[must_use]
pub fn incidents(lines: &[IncidentLine], colored: bool) -> String {
    let row = |line: &IncidentLine| {
        let state = match (line.suppressed, line.open) {
            (true, _) => "hidden",
            (false, true) => "open",
            (false, false) => "over",
        };
        let whom = line.bot.as_ref().or(line.producer.as_ref()).cloned().unwrap_or_default();
        vec![
            line.severity.to_string(),
            state.to_owned(),
            minute(line.last),
            line.tenant.clone(),
            whom,
            line.alert.chars().take(ID_CHARS).collect(),
            short(&line.title),
        ]
    };
    let rows: Vec<Vec<String>> = lines.iter().map(row).collect();
    let text = table(&["SEVERITY", "STATE", "LAST", "TENANT", "BOT", "ALERT", "WHAT"], &rows);
    let status = |line: &IncidentLine| if line.open { Status::Firing } else { Status::Resolved };
    let colors = lines.iter().map(|line| (line.severity.as_str(), color(status(line), line.severity)));
    painted(&text, colors, colored)
}

/// Bots as a table.
#[must_use]
pub fn bots(lines: &[BotLine], colored: bool) -> String {
    let row = |line: &BotLine| {
        vec![
            line.state.to_owned(),
            line.tenant.clone(),
            line.bot.clone(),
            format!("{:.0}", line.baseline_days),
            line.events.to_string(),
            minute(line.last_seen),
            line.hosts.to_string(),
            line.roles.to_string(),
            line.alerts.to_string(),
            line.worst.map(|worst| worst.to_string()).unwrap_or_default(),
        ]
    };
    let rows: Vec<Vec<String>> = lines.iter().map(row).collect();
    let headings = ["STATE", "TENANT", "BOT", "DAYS", "EVENTS", "LAST SEEN", "HOSTS", "ROLES", "ALERTS", "WORST"];
    let shade = |line: &BotLine| match line.state {
        "mature" => "32",
        "learning" => "33",
        _ => "2",
    };
    painted(&table(&headings, &rows), lines.iter().map(|line| (line.state, shade(line))), colored)
}

/// A table whose rows begin with words that have colors.
fn painted<'a>(text: &str, colors: impl Iterator<Item = (&'a str, &'a str)>, colored: bool) -> String {
    let mut rows = text.split_inclusive('\n');
    let mut out = rows.next().unwrap_or_default().to_owned();
    for (row, (word, color)) in rows.zip(colors) {
        out.push_str(&paint(word, color, colored));
        out.push_str(row.strip_prefix(word).unwrap_or(row));
    }
    out
}

fn minute(at: Timestamp) -> String {
    at.to_string().get(..16).map_or_else(String::new, |text| text.replace('T', " "))
}

fn short(title: &str) -> String {
    if title.chars().count() <= TITLE_CHARS {
        return title.to_owned();
    }
    title.chars().take(TITLE_CHARS - 1).chain(std::iter::once('…')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(severity: Severity, open: bool) -> IncidentLine {
        let at = "2026-05-04T06:00:00Z".parse().expect("a time");
        IncidentLine {
            incident: "inc-1".to_owned(),
            tenant: "acme".to_owned(),
            bot: Some("pay\u{1b}[2J".to_owned()),
            producer: None,
            severity,
            open,
            first: at,
            last: at,
            alerts: 1,
            alert: "0123456789abcdef".to_owned(),
            title: "Bot ran".to_owned(),
            suppressed: false,
        }
    }

    #[test]
    fn color_is_there_only_where_it_is_wanted_and_never_a_bots_own() {
        let lines = [line(Severity::High, true), line(Severity::Low, false)];
        let plain = incidents(&lines, false);
        let expected = "\
SEVERITY  STATE  LAST              TENANT  BOT           ALERT         WHAT
high      open   2026-05-04 06:00  acme    pay\\u{1b}[2J  0123456789ab  Bot ran
low       over   2026-05-04 06:00  acme    pay\\u{1b}[2J  0123456789ab  Bot ran
";
        assert_eq!(plain, expected);
        let colored = incidents(&lines, true);
        assert!(colored.contains("\u{1b}[31mhigh\u{1b}[0m") && colored.contains("\u{1b}[32mlow\u{1b}[0m"), "{colored}");
    }

    #[test]
    fn a_long_title_is_cut_by_characters() {
        assert_eq!(short(&"ü".repeat(200)).chars().count(), TITLE_CHARS);
        assert_eq!(short("as it is"), "as it is");
    }
}
