//! What was learned of a history, for a person at a terminal.

use super::table::table;
use super::{minute, plain};
use crate::report::history::{Example, Learned, LearnedBot};

/// Bots that are named one by one, those least known first.
const BOTS_SHOWN: usize = 10;
/// Logs that are named one by one.
const LOGS_SHOWN: usize = 10;

/// The whole page.
#[must_use]
pub fn learned(learned: &Learned) -> String {
    let mut text = table(&["", ""], &figures(learned)).trim_start_matches('\n').to_owned();
    if !learned.rejected.is_empty() {
        text.push_str("\nRows that are no events:\n");
        let rows = learned.rejected.iter().flat_map(|rejected| {
            let example = |(nth, example): (usize, &Example)| {
                let (reason, rows) =
                    if nth == 0 { (rejected.reason.to_owned(), rejected.rows.to_string()) } else { Default::default() };
                vec![reason, rows, place(example), example.detail.clone()]
            };
            rejected.examples.iter().enumerate().map(example)
        });
        text.push_str(&table(&["REASON", "ROWS", "SUCH AS", "WHY"], &rows.collect::<Vec<_>>()));
    }
    if !learned.gaps.is_empty() {
        text.push_str("\nNothing at all was seen:\n");
        let rows = learned.gaps.iter().map(|gap| {
            vec![minute(gap.from), minute(gap.to), format!("{:.1} days", (gap.to - gap.from).as_days_f64())]
        });
        text.push_str(&table(&["FROM", "TO", "FOR"], &rows.collect::<Vec<_>>()));
    }
    if !learned.logs_with_gaps.is_empty() {
        text.push_str("\nRecords are missing by their numbers:\n");
        let rows = learned.logs_with_gaps.iter().take(LOGS_SHOWN).map(|log| {
            vec![log.tenant.clone(), log.producer.clone(), log.missing.to_string(), log.records.to_string()]
        });
        text.push_str(&table(&["TENANT", "LOG", "MISSING", "CAME"], &rows.collect::<Vec<_>>()));
        text.push_str(&more(learned.logs_with_gaps.len(), LOGS_SHOWN, "logs"));
    }
    let mut unknown: Vec<&LearnedBot> = learned.each.iter().filter(|bot| bot.baseline != "mature").collect();
    unknown.sort_by(|a, b| a.days.total_cmp(&b.days));
    if !unknown.is_empty() {
        text.push_str("\nBots that are not judged yet, or not any more:\n");
        let rows = unknown.iter().take(BOTS_SHOWN).map(|bot| {
            let last = bot.last_day.clone().unwrap_or_else(|| "-".to_owned());
            let days = format!("{:.1}", bot.days);
            vec![bot.tenant.clone(), bot.bot.clone(), bot.baseline.to_owned(), days, bot.events.to_string(), last]
        });
        text.push_str(&table(&["TENANT", "BOT", "BASELINE", "DAYS", "EVENTS", "LAST SEEN"], &rows.collect::<Vec<_>>()));
        text.push_str(&more(unknown.len(), BOTS_SHOWN, "bots"));
    }
    text
}

fn figures(learned: &Learned) -> Vec<Vec<String>> {
    let refused: u64 = learned.rejected.iter().map(|rejected| rejected.rows).sum();
    let raised: Vec<String> = learned.alerts.iter().map(|(severity, count)| format!("{count} {severity}")).collect();
    let raised = if raised.is_empty() { "none".to_owned() } else { raised.join(", ") };
    let span = match (&learned.from, learned.to) {
        (Some(from), Some(to)) => format!("{from} to {}", minute(to)),
        _ => "nothing".to_owned(),
    };
    let missing: u64 = learned.logs_with_gaps.iter().map(|log| log.missing).sum();
    let late = if learned.late > 0 { ", out of order by more than `detection.lateness_max`" } else { "" };
    let rows = [
        ("rows", learned.rows.to_string()),
        ("learned", format!("{} events, {span}", learned.accepted)),
        (
            "set aside",
            format!("{} duplicate, {} late{late}; {refused} rows are no events", learned.duplicate, learned.late),
        ),
        (
            "bots",
            format!(
                "{}: {} known well enough to judge, {} still learning, {} silent for long",
                learned.bots, learned.mature, learned.learning, learned.stale
            ),
        ),
        ("logs", format!("{} that number their records, {missing} records missing", learned.logs)),
        ("alerts", format!("{raised}; {} would have paged; none was sent", learned.pages)),
        ("state", learned.state_hash.clone()),
    ];
    rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect()
}

fn place(example: &Example) -> String {
    match (&example.file, example.row) {
        (Some(file), Some(row)) => format!("{} row {row}", plain(file)),
        _ => "-".to_owned(),
    }
}

fn more(all: usize, shown: usize, what: &str) -> String {
    if all > shown { format!("and {} more {what}\n", all - shown) } else { String::new() }
}
