//! One alert at length: what its figures mean, which reason weighs how much, and what to hold it against.
//!
//! Probabilities are told as frequencies, which people at 3 a.m. get right more often than exponents. Everything fits the
//! width that is given, where words allow it; widths are counted in characters, so that wide scripts run over.

use super::{Style, baseline, color_of, headline, local_time, paint, plain, suppressed};
use crate::alert::{Alert, AlertContext, LogNote, NearestNormal, Reason, Status, weigh};

/// Column at which the texts begin, after their labels.
const INDENT: usize = 14;
/// Columns of the longest bar, and of the shortest.
const BAR_MAX: usize = 30;
const BAR_MIN: usize = 8;
/// Columns that the share beside its bar takes.
const SHARE_COLUMNS: usize = 9;
/// Days beyond which frequencies are not told apart: no record of a bot reaches so far.
const DAYS_MAX: f64 = 1e6;
/// Eighths of a block, from none to seven.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// The alert and what it means, within so many columns, with a line break at its end.
#[must_use]
pub fn explain(alert: &Alert, style: Style<'_>, columns: usize) -> String {
    let mut alert = alert.clone();
    if alert.reasons.iter().any(|reason| reason.contribution.is_none()) {
        weigh(&mut alert.reasons);
    }
    let session = alert.session.as_deref().map(|id| format!("  session {}", plain(id))).unwrap_or_default();
    let mut page = Page { text: format!("{}{session}\n", headline(&alert, style)), columns };
    page.paragraph("  ", &plain(&alert.title), |line| paint(line, "1", style.color));
    page.text.push('\n');
    page.row("severity", severity(&alert));
    page.row("score", &score(&alert));
    for reason in &alert.reasons {
        page.reason(reason, color_of(&alert), style.color);
    }
    page.text.push('\n');
    let AlertContext { nearest_normal, log } = alert.context.clone().unwrap_or_default();
    page.row("normal", &nearest_normal.map_or_else(|| "not known".to_owned(), |normal| last_normal(&normal, style)));
    page.row("log", &log.map_or_else(|| "not known".to_owned(), |log| completeness(&log)));
    page.row("baseline", &baseline(&alert));
    page.row("evidence", &evidence(&alert));
    if let Some(note) = &alert.suppressed {
        page.row("hidden", &suppressed(note));
    }
    page.row("tags", &tags(&alert));
    let status = if alert.status == Status::Firing { "firing" } else { "resolved" };
    let (id, incident) = (plain(&alert.id), plain(&alert.incident));
    page.row("alert", &format!("{id}, revision {}, {status}, incident {incident}", alert.revision));
    page.text
}

/// A text that grows, line by line.
struct Page {
    text: String,
    columns: usize,
}

impl Page {
    /// Words after a label, continued below them.
    fn row(&mut self, label: &str, words: &str) {
        let indent = INDENT - 2;
        self.paragraph(&format!("  {label:<indent$}"), words, str::to_owned);
    }

    fn paragraph(&mut self, before: &str, words: &str, paint: impl Fn(&str) -> String) {
        let indent = before.chars().count();
        for (nth, line) in wrapped(words, self.columns.saturating_sub(indent)).iter().enumerate() {
            let before = if nth == 0 { before.to_owned() } else { " ".repeat(indent) };
            self.text.extend([&before, &paint(line), "\n"]);
        }
    }

    fn reason(&mut self, reason: &Reason, color: &str, wanted: bool) {
        let detector = plain(&reason.detector);
        let room = self.columns.saturating_sub(INDENT + SHARE_COLUMNS + detector.chars().count() + 2);
        let share = reason.contribution.unwrap_or_default().clamp(0.0, 1.0);
        let bar = paint(&bar(share, room.clamp(BAR_MIN, BAR_MAX)), color, wanted);
        let dimension = reason.dimension.as_str();
        let indent = INDENT - 2;
        self.text.push_str(&format!("\n  {dimension:<indent$}{bar} {:>5.1} %  {detector}\n", 100.0 * share));
        self.row("", &plain(&reason.text));
        self.row("  observed", &plain(&reason.observed));
        self.row("  expected", &plain(&reason.expected));
        let chance = reason.p_value.map_or_else(|| "a rule, which asks for no probability".to_owned(), frequency);
        self.row("  by chance", &chance);
    }
}

/// A text in lines of at most so many characters; a longer word stands alone.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let Some(line) = lines.last_mut() else { break };
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= columns {
            line.extend([" ", word]);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// A share as a bar, in eighths of a column; what is there is seen.
fn bar(share: f64, columns: usize) -> String {
    let eighths = (share * 8.0 * columns as f64).round() as usize;
    let eighths = if share > 0.0 { eighths.max(1) } else { 0 };
    let bar = "█".repeat(eighths / 8) + EIGHTHS[eighths % 8];
    format!("{bar:<columns$}")
}

/// A p-value as how often it comes.
fn frequency(p: f64) -> String {
    let days = 1.0 / p;
    if days < 1.5 {
        "on most days of this bot".to_owned()
    } else if days <= DAYS_MAX {
        format!("about once in {} days of this bot", rounded(days))
    } else {
        format!("less than once in {} days of this bot", rounded(DAYS_MAX))
    }
}

/// Two digits and zeros, in groups of three.
fn rounded(days: f64) -> String {
    let unit = 10_f64.powi((days.log10().floor() as i32 - 1).max(0));
    let digits = format!("{:.0}", (days / unit).round() * unit);
    let mut text = String::new();
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn severity(alert: &Alert) -> &'static str {
    use crate::alert::Severity;
    match alert.severity {
        Severity::Critical => "critical, pages",
        Severity::High => "high, pages",
        Severity::Medium => "medium, pages",
        Severity::Low => "low, pages nobody",
        Severity::Info => "info, pages nobody",
    }
}

fn score(alert: &Alert) -> String {
    let source = match alert.p_value {
        Some(p) => format!("all of it together comes {}", frequency(p)),
        None => "set by the rule".to_owned(),
    };
    let scale = "50 stands for once in 1,000 days of a bot that is well, 75 for once in 1,000,000";
    format!("{:.1} of 100: {source} ({scale})", alert.score)
}

fn last_normal(normal: &NearestNormal, style: Style<'_>) -> String {
    let session =
        normal.session.as_deref().map_or_else(|| "a session".to_owned(), |id| format!("session {}", plain(id)));
    format!("{session}, {}; different now: {}", local_time(normal.ts, style), plain(&normal.differs))
}

fn completeness(log: &LogNote) -> String {
    let producer = plain(&log.producer);
    match (log.complete, log.missing) {
        (true, _) => format!("{producer}, complete"),
        (false, 1) => format!("{producer}, lacks 1 record: what seems absent may be in it"),
        (false, missing) => format!("{producer}, lacks {missing} records: what seems absent may be in them"),
    }
}

fn evidence(alert: &Alert) -> String {
    let ids: Vec<String> = alert.events.iter().map(|id| plain(id)).collect();
    let more = match alert.event_count.saturating_sub(ids.len() as u64) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    if ids.is_empty() { "no event".to_owned() } else { ids.join(", ") + &more }
}

fn tags(alert: &Alert) -> String {
    let named = |name: &str, ids: &[String]| {
        let ids: Vec<String> = ids.iter().map(|id| plain(id)).collect();
        (!ids.is_empty()).then(|| format!("{name} {}", ids.join(", ")))
    };
    let tags = [named("MITRE ATT&CK", &alert.tags.mitre_attack), named("OWASP", &alert.tags.owasp_nhi)];
    let tags: Vec<String> = tags.into_iter().flatten().collect();
    if tags.is_empty() { "none".to_owned() } else { tags.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probability_is_told_as_a_frequency() {
        for (p, expected) in [
            (1.0, "on most days of this bot"),
            (0.5, "about once in 2 days of this bot"),
            (0.0131, "about once in 76 days of this bot"),
            (3.31e-4, "about once in 3,000 days of this bot"),
            (1e-6, "about once in 1,000,000 days of this bot"),
            (1e-9, "less than once in 1,000,000 days of this bot"),
            (0.0, "less than once in 1,000,000 days of this bot"),
        ] {
            assert_eq!(frequency(p), expected, "{p}");
        }
    }

    #[test]
    fn a_bar_is_as_long_as_its_share() {
        for (share, expected) in [(0.0, "    "), (0.001, "▏   "), (0.5, "██  "), (0.6, "██▍ "), (1.0, "████")]
        {
            assert_eq!(bar(share, 4), expected, "{share}");
        }
    }

    #[test]
    fn words_go_to_the_next_line_and_stay_whole() {
        assert_eq!(wrapped("one two three fourteen", 7), ["one two", "three", "fourteen"]);
        assert_eq!(wrapped("", 7), [""]);
        assert_eq!(wrapped("fourteen", 0), ["fourteen"]);
    }
}
