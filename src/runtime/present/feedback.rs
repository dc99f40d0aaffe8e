//! What people decided, for people: the decisions as a table, and what one would have changed.

use std::fmt::Write;

use super::plain;
use super::table::table;
use crate::alert::{Changed, Preview};
use crate::detect::{DecisionFacts, DecisionState};

/// Decisions as a table, newest last.
#[must_use]
pub fn decisions(list: &[DecisionFacts]) -> String {
    let row = |facts: &DecisionFacts| {
        let record = &facts.record;
        let until = facts.until.map(|until| until.to_string()).unwrap_or_default();
        let state = match facts.state {
            DecisionState::Said => "said",
            DecisionState::Active => "holds",
            DecisionState::Ended => "ended",
            DecisionState::Undone => "undone",
        };
        let about = record.bot.clone().unwrap_or_default();
        vec![
            record.id.clone(),
            record.verdict.as_str().to_owned(),
            about,
            what(facts),
            state.to_owned(),
            until,
            facts.alerts.to_string(),
            record.by.clone(),
            record.comment.clone(),
        ]
    };
    let rows: Vec<Vec<String>> = list.iter().map(row).collect();
    table(&["ID", "SAYS", "BOT", "OF", "STATE", "UNTIL", "ALERTS", "BY", "WHY"], &rows)
}

/// What a decision is about, besides the bot.
fn what(facts: &DecisionFacts) -> String {
    let what = &facts.record.what;
    let mut parts: Vec<String> = what.dimensions.iter().map(ToString::to_string).collect();
    for list in [&what.detectors, &what.hosts, &what.operations, &what.roles] {
        parts.extend(list.iter().cloned());
    }
    parts.extend(what.hours.iter().map(|hour| format!("{hour}:00")));
    let alert = facts.record.alert.as_deref().map(|id| format!("alert {}", id.get(..12).unwrap_or(id)));
    let incident = facts.record.incident.clone();
    if parts.is_empty() { alert.or(incident).unwrap_or_default() } else { super::table::names(&parts) }
}

/// What a record would have changed, in lines.
#[must_use]
pub fn preview(preview: &Preview) -> String {
    let Preview { days, hidden, lowered, unchanged, changed, covered } = preview;
    let mut text = format!(
        "In the last {days} days it would have hidden {hidden} and lowered {lowered} of the bot's {} alerts.\n",
        hidden + lowered + unchanged
    );
    for Changed { id, ts, title, severity, becomes } in changed {
        let id = id.get(..12).unwrap_or(id);
        // Writing to a string does not fail.
        writeln!(text, "  {}  {ts}  {severity} → {becomes}  {}", plain(id), plain(title)).ok();
    }
    let more = (hidden + lowered).saturating_sub(changed.len() as u64);
    if more > 0 {
        writeln!(text, "  and {more} more").ok();
    }
    let known: Vec<String> =
        covered.iter().map(|(facet, name)| format!("{} {}", facet.as_str(), plain(name))).collect();
    if !known.is_empty() {
        writeln!(text, "Fine from then on: {}.", known.join(", ")).ok();
    }
    text
}
