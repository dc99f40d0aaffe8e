//! The events behind an alert, with what the bot did before and after.

use std::sync::Arc;

use serde::Serialize;

use crate::alert::Alert;
use crate::event::{Event, Outcome, normalize};
use crate::runtime::console::desk::Desk;
use crate::runtime::console::say;
use crate::runtime::evidence::{Found, Stretch};
use crate::time::{Span, Timestamp, Zone};

/// Time before an alert began and after its newest event that is looked at; and around its beginning, where that holds
/// too much.
const AROUND: [Span; 2] = [Span::from_mins(90), Span::from_mins(5)];
/// Events that are listed before the evidence and behind it.
const CONTEXT_MAX: usize = 6;
/// Events of the evidence that are listed.
const EVIDENCE_MAX: usize = 40;
/// Of those, what is seen before somebody asks for the rest.
const SHOWN_MAX: usize = 8;
const SHOWN_AROUND: usize = 2;

/// What was done, line by line.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Trace {
    pub rows: Vec<TraceRow>,
    /// How many of them are seen only by who asks.
    pub rest: usize,
    /// What it called in the session in question, in order.
    #[serde(skip)]
    pub path: Vec<String>,
    /// Why there are none, or fewer than there should be.
    pub note: Option<String>,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct TraceRow {
    pub id: String,
    pub ts: Timestamp,
    /// By the bot's own clock.
    pub local: String,
    pub kind: &'static str,
    pub what: String,
    pub system: String,
    pub host: String,
    pub role: String,
    pub moved: String,
    pub outcome: &'static str,
    /// `before`, `evidence`, `session` or `after`.
    pub part: &'static str,
    /// Whether it is seen only by who asks for all of it.
    pub rest: bool,
}

/// Reads the events around an alert that began at an event time.
pub(super) async fn trace(desk: &Desk, alert: &Alert, began: Timestamp, zone: &Zone) -> Trace {
    let Some(bot) = &alert.bot else {
        return nothing("It is about a log and not about a bot's events.");
    };
    let mut found = Arc::<Found>::default();
    for (around, until) in AROUND.into_iter().zip([alert.ts, began]) {
        let stretch =
            Stretch { tenant: alert.tenant.clone(), bot: bot.clone(), from: began - around, to: until + around };
        match desk.lookups.find(&desk.evidence, &stretch).await {
            Ok(Some(events)) => found = events,
            Ok(None) => return nothing("No events are kept: Humdrum reads a plain subscription, which keeps none."),
            Err(error) => {
                tracing::warn!(%error, "events of an alert cannot be read back");
                return nothing(
                    "The events cannot be read back now, since NATS does not give them; the log of Humdrum says why. \
                     The rest of this page is from its own state.",
                );
            }
        }
        if !found.cut {
            break;
        }
    }
    let rows = rows(alert, &found.events, zone);
    let note = match (found.gone_before, rows.is_empty(), found.cut) {
        (Some(_), true, _) => Some("Its events are gone: they are not kept for so long.".to_owned()),
        (Some(oldest), false, _) => Some(format!("Events before {} are not kept any more.", say::clock(oldest))),
        (None, true, _) => Some("No event of this bot around that time is kept.".to_owned()),
        (None, false, true) => Some("There are more events than are listed here.".to_owned()),
        (None, false, false) => None,
    };
    Trace { rest: rows.iter().filter(|row| row.rest).count(), rows, path: path(alert, &found.events), note }
}

fn nothing(note: &str) -> Trace {
    Trace { note: Some(note.to_owned()), ..Trace::default() }
}

/// The operations of the alert's session, as the baseline knows them.
fn path(alert: &Alert, events: &[Event]) -> Vec<String> {
    let session =
        events.iter().filter(|event| event.session.is_some() && event.session.as_deref() == alert.session.as_deref());
    let called = session.filter(|event| event.outcome != Outcome::Error).filter_map(normalize::endpoint);
    called.map(|name| name.to_string()).collect()
}

/// The evidence, and as much around it as a person reads.
fn rows(alert: &Alert, events: &[Event], zone: &Zone) -> Vec<TraceRow> {
    let is_evidence = |event: &Event| alert.events.iter().any(|id| *id == event.id);
    let in_session = |event: &Event| alert.session.is_some() && event.session.as_deref() == alert.session.as_deref();
    let matter = |event: &Event| is_evidence(event) || in_session(event);
    let first = events.iter().position(matter);
    let last = events.iter().rposition(matter);
    let (first, last) = first.zip(last).unwrap_or_else(|| {
        // Nothing of it is there: what happened up to the alert is the best there is.
        let until = events.partition_point(|event| event.ts <= alert.ts);
        (until, until.saturating_sub(1))
    });
    let (from, to) = (first.saturating_sub(CONTEXT_MAX), (last + 1 + CONTEXT_MAX).min(events.len()));
    let mut listed = 0;
    let mut rows = Vec::new();
    for (at, event) in events.iter().enumerate().take(to).skip(from) {
        let part = match at {
            at if is_evidence(event) => {
                listed += 1;
                if at < first { "before" } else { "evidence" }
            }
            at if at < first => "before",
            at if at > last => "after",
            _ => "session",
        };
        if part == "session" && listed + rows.len() > EVIDENCE_MAX + CONTEXT_MAX {
            continue;
        }
        rows.push(row(event, part, zone));
    }
    fold(&mut rows);
    rows
}

/// Keeps the first of the evidence in sight, and what is next to it.
fn fold(rows: &mut [TraceRow]) {
    let before = rows.iter().filter(|row| row.part == "before").count();
    let (mut matter, mut after) = (0, 0);
    let matters = rows.iter().filter(|row| row.part == "session" || row.part == "evidence").count();
    let crowded = matters > SHOWN_MAX && rows.iter().any(|row| row.part == "evidence");
    for (at, row) in rows.iter_mut().enumerate() {
        row.rest = match row.part {
            "before" => at + SHOWN_AROUND < before,
            "after" => {
                after += 1;
                after > SHOWN_AROUND
            }
            "session" if crowded => true,
            _ => {
                matter += 1;
                matter > SHOWN_MAX
            }
        };
    }
    // A few that are folded away cost more to look for than to read.
    if rows.iter().filter(|row| row.rest).count() <= SHOWN_AROUND {
        for row in rows.iter_mut() {
            row.rest = false;
        }
    }
}

fn row(event: &Event, part: &'static str, zone: &Zone) -> TraceRow {
    let text = |text: &Option<crate::event::Text>| text.as_ref().map(ToString::to_string).unwrap_or_default();
    let mut moved = Vec::new();
    let counts = [(event.records_read, "read"), (event.records_written, "written")];
    moved.extend(counts.into_iter().filter_map(|(count, noun)| Some(format!("{} {noun}", say::number(count? as f64)))));
    moved.extend(event.bytes.map(|bytes| say::bytes(bytes as f64)));
    TraceRow {
        id: event.id.to_string(),
        ts: event.ts,
        local: zone.local(event.ts).to_string(),
        kind: event.type_name(),
        what: what(event),
        system: text(&event.system),
        host: text(&event.host),
        role: text(&event.role),
        moved: moved.join(", "),
        outcome: match event.outcome {
            Outcome::Ok => "ok",
            Outcome::Error => "error",
            Outcome::Denied => "denied",
        },
        part,
        rest: false,
    }
}

/// What happened, in a few words.
fn what(event: &Event) -> String {
    use crate::event::Kind;
    let or = |text: &Option<crate::event::Text>, other: &str| {
        text.as_ref().map_or_else(|| other.to_owned(), ToString::to_string)
    };
    match &event.kind {
        Kind::Run(run) => match run.phase {
            Some(crate::event::Phase::Start) => format!("starts ({})", or(&run.trigger, "by whatever")),
            Some(crate::event::Phase::End) => "ends".to_owned(),
            None => "runs".to_owned(),
        },
        Kind::Login(login) => format!("signs in ({})", or(&login.method, "somehow")),
        Kind::Secret(secret) => format!("reads the secret {}", or(&secret.name, "of no name")),
        Kind::Grant(grant) => format!("role {} {}", or(&grant.role, "of no name"), or(&grant.change, "changed")),
        Kind::Control(control) => or(&control.action, "administered"),
        Kind::Transaction(transaction) => or(&transaction.kind, "a transaction"),
        Kind::Call => or(&event.operation, "a call"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::decode::{Envelope, Limits, decode};

    fn event(id: &str, second: i64, session: &str) -> Event {
        let ts = Timestamp::from_micros(second * 1_000_000);
        let json = format!(
            r#"{{"id":"{id}","ts":"{ts}","tenant":"t","bot":"b","type":"call","session":"{session}","operation":"{id}"}}"#
        );
        decode(json.as_bytes(), &Envelope::default(), &Limits::default()).expect("an event")
    }

    #[test]
    fn the_evidence_stands_between_what_was_before_and_after() {
        let mut alert: Alert = serde_json::from_str(
            r#"{"id":"a","status":"firing","revision":1,"ts":"1970-01-01T00:01:00Z","tenant":"t","bot":"b","session":"s",
            "severity":"low","score":1,"title":"a","reasons":[],"events":["e"],"event_count":1,"incident":"i",
            "tags":{"mitre_attack":[],"owasp_nhi":[]},"baseline":{"days":1,"events":1,"mature":true}}"#,
        )
        .expect("an alert");
        let events =
            [event("a", 1, "r"), event("d", 50, "s"), event("e", 60, "s"), event("f", 61, "s"), event("g", 70, "r")];
        let parts = |alert: &Alert| {
            rows(alert, &events, &Zone::utc()).iter().map(|row| (row.id.clone(), row.part)).collect::<Vec<_>>()
        };
        let told = [("a", "before"), ("d", "session"), ("e", "evidence"), ("f", "session"), ("g", "after")];
        assert_eq!(parts(&alert), told.map(|(id, part)| (id.to_owned(), part)));
        let long: Vec<Event> = (0..30).map(|at| event("e", 60 + at, "s")).collect();
        let folded = rows(&alert, &long, &Zone::utc()).iter().filter(|row| row.rest).count();
        assert_eq!(folded, 30 - SHOWN_MAX);
        (alert.session, alert.events) = (None, Vec::new());
        assert_eq!(parts(&alert).len(), 5, "without any of it, what was around is told");
    }
}
