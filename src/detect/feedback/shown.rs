//! What was told in the last weeks and what it showed: what feedback can be about.
//!
//! The log of alerts is the shell's; a decision must come out the same without it. Bounded: the oldest go.

use serde::{Deserialize, Serialize};

use crate::alert::{Alert, Dimension, Facet, Mark, Severity, Showing};
use crate::detect::engine::Engine;
use crate::time::{Span, Timestamp};

/// How long an alert is remembered. Shorter: a preview of a month has less than a month.
const REMEMBERED: Span = Span::from_days(31);
/// Alerts that are remembered, some hundred bytes each.
const SHOWN_MAX: usize = 4096;
/// Marks and names of one alert; what shows more is not covered again.
const MARKS_MAX: usize = 64;
/// Bytes of its title.
const TITLE_MAX: usize = 200;

/// One alert about a bot, of `low` or above, or lowered.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::detect) struct Shown {
    pub id: String,
    pub incident: String,
    pub bot: u32,
    /// Event time of its first finding, and of its newest.
    pub since: Timestamp,
    pub ts: Timestamp,
    pub title: String,
    /// How bad it was told to be.
    pub severity: Severity,
    pub reasons: Vec<(Dimension, String)>,
    pub hosts: Vec<String>,
    pub marks: Vec<Mark>,
    pub names: Vec<(Facet, String)>,
    /// Whether it showed more than is kept.
    pub cut: bool,
}

impl Shown {
    pub(super) fn heap_bytes(&self) -> usize {
        self.id.len() + self.incident.len() + self.title.len() + self.marks.len() * size_of::<Mark>() + 64
    }
}

/// A finding on its way into the book, as far as it is remembered.
#[derive(Clone, Debug)]
pub(in crate::detect) struct Trace {
    pub bot: u32,
    pub ts: Timestamp,
    pub reasons: Vec<(Dimension, String)>,
    pub hosts: Vec<String>,
    pub showing: Showing,
}

/// Remembers a finding under the alert that it went into; `alerts` is what the book had to say of it.
pub(in crate::detect) fn remember(engine: &mut Engine, trace: Trace, alerts: &[Alert]) {
    let id = engine.book.touched().to_owned();
    let told = alerts.iter().rfind(|alert| alert.id == id);
    let shown = &mut engine.decisions.shown;
    // The bot's number first: ids lie elsewhere in memory, and there may be thousands.
    if let Some(known) = shown.iter_mut().rfind(|known| known.bot == trace.bot && known.id == id) {
        if let Some(alert) = told {
            known.severity = alert.severity;
            known.title = title(alert);
        }
        known.ts = known.ts.later(trace.ts);
        merge(known, trace);
        return;
    }
    let Some(alert) = told.filter(|alert| alert.severity > Severity::Info || alert.suppressed.is_some()) else {
        return;
    };
    let oldest = trace.ts - REMEMBERED;
    if shown.len() >= SHOWN_MAX || shown.first().is_some_and(|first| first.ts < oldest) {
        shown.retain(|known| known.ts >= oldest);
        let over = (shown.len() + 1).saturating_sub(SHOWN_MAX);
        shown.drain(..over);
    }
    let mut known = Shown {
        id,
        incident: alert.incident.clone(),
        bot: trace.bot,
        since: trace.ts,
        ts: trace.ts,
        title: title(alert),
        severity: alert.severity,
        reasons: Vec::new(),
        hosts: Vec::new(),
        marks: Vec::new(),
        names: Vec::new(),
        cut: false,
    };
    merge(&mut known, trace);
    engine.decisions.shown.push(known);
}

fn title(alert: &Alert) -> String {
    let mut end = alert.title.len().min(TITLE_MAX);
    while !alert.title.is_char_boundary(end) {
        end -= 1;
    }
    alert.title[..end].to_owned()
}

fn merge(known: &mut Shown, trace: Trace) {
    known.cut |= add(&mut known.reasons, trace.reasons);
    known.cut |= add(&mut known.hosts, trace.hosts);
    known.cut |= add(&mut known.marks, trace.showing.marks);
    known.cut |= add(&mut known.names, trace.showing.names);
}

/// Adds what is new, up to a bound; whether that cut something.
fn add<T: PartialEq>(list: &mut Vec<T>, more: Vec<T>) -> bool {
    for item in more {
        if list.contains(&item) {
            continue;
        }
        if list.len() >= MARKS_MAX {
            return true;
        }
        list.push(item);
    }
    false
}
