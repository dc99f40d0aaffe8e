//! Logs as a table, and as a CSV file.

use super::csv::csv;
use super::table::table;
use crate::report::logs::LogRow;

/// Ranges that a line of the table names.
const RANGES_SHOWN: usize = 3;

/// Logs as a table.
#[must_use]
pub fn logs(rows: &[LogRow]) -> String {
    let cells = |row: &LogRow| {
        let ranges = row.ranges();
        let mut lost = row.lost.to_string();
        if !ranges.is_empty() {
            let more = if ranges.len() > RANGES_SHOWN { " ..." } else { "" };
            lost += &format!(" ({}{more})", ranges[..ranges.len().min(RANGES_SHOWN)].join(", "));
        }
        let silent = if row.silent { "silent" } else { "" };
        vec![
            row.tenant.clone(),
            row.producer.clone(),
            row.records.to_string(),
            lost,
            row.waited_for.to_string(),
            row.twice.to_string(),
            row.out_of_order.to_string(),
            row.last_seen.to_string(),
            row.behind_seconds.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds} s")),
            silent.to_owned(),
        ]
    };
    let headings =
        ["TENANT", "PRODUCER", "RECORDS", "LOST", "AWAITED", "TWICE", "OUT OF ORDER", "LAST SEEN", "BEHIND", "NOTE"];
    table(&headings, &rows.iter().map(cells).collect::<Vec<_>>())
}

/// Logs with every field, a log a line.
#[must_use]
pub fn logs_csv(rows: &[LogRow]) -> String {
    let headings = [
        "tenant",
        "producer",
        "records",
        "lost",
        "waited_for",
        "ranges",
        "twice",
        "out_of_order",
        "last_seen",
        "silent_hours",
        "silent",
        "behind_seconds",
    ];
    let cells = |row: &LogRow| {
        vec![
            row.tenant.clone(),
            row.producer.clone(),
            row.records.to_string(),
            row.lost.to_string(),
            row.waited_for.to_string(),
            row.ranges().join(" "),
            row.twice.to_string(),
            row.out_of_order.to_string(),
            row.last_seen.to_string(),
            row.silent_hours.to_string(),
            row.silent.to_string(),
            row.behind_seconds.map(|seconds| seconds.to_string()).unwrap_or_default(),
        ]
    };
    csv(&headings, &rows.iter().map(cells).collect::<Vec<_>>())
}
