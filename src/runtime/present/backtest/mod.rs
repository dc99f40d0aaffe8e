//! What another configuration would have changed, for a person at a terminal; as a page it is in [`mod@html`].

mod chart;
mod html;

use super::table::table;
use super::{minute, plain};
use crate::alert::Severity;
use crate::report::backtest::{Backtest, Group, Told, Totals};

pub use html::html;

/// Alerts that are named one by one of each kind, the worst first.
const ALERTS_SHOWN: usize = 20;
/// Bots that are named one by one.
const BOTS_SHOWN: usize = 20;

/// The whole comparison, as tables.
#[must_use]
pub fn backtest(test: &Backtest) -> String {
    let mut text =
        table(&["", "ALERTS", "PAGES", "BY SEVERITY"], &[totals("before", &test.before), totals("after", &test.after)]);
    text.push_str(&format!(
        "\n{} gained, {} lost, {} of another severity, {} the same\n",
        test.gained.len(),
        test.lost.len(),
        test.moved.len(),
        test.same
    ));
    if test.is_same() {
        return text;
    }
    let headings = ["", "BEFORE", "PAGES", "AFTER", "PAGES", "GAINED", "LOST", "WORSE", "MILDER"];
    text.push_str("\nBy dimension of the strongest reason:\n");
    text.push_str(&table(&headings, &test.dimensions.iter().map(group).collect::<Vec<_>>()));
    text.push_str("\nBy bot or log:\n");
    text.push_str(&table(&headings, &test.bots.iter().take(BOTS_SHOWN).map(group).collect::<Vec<_>>()));
    text.push_str(&more(test.bots.len(), BOTS_SHOWN));
    for (what, alerts) in [("Gained", &test.gained), ("Lost", &test.lost)] {
        text.push_str(&list(what, alerts));
    }
    if !test.moved.is_empty() {
        text.push_str("\nOf another severity:\n");
        let rows = test.moved.iter().take(ALERTS_SHOWN).map(|moved| {
            let mut row = told(&moved.alert);
            row[1] = format!("{} → {}", moved.from, moved.to);
            row
        });
        text.push_str(&table(&["TIME", "SEVERITY", "DIMENSION", "WHAT"], &rows.collect::<Vec<_>>()));
        text.push_str(&more(test.moved.len(), ALERTS_SHOWN));
    }
    text
}

fn totals(name: &str, totals: &Totals) -> Vec<String> {
    let of = |severity: &Severity| Some(format!("{} {severity}", totals.severities.get(severity)?));
    let severities: Vec<String> = Severity::ALL.iter().rev().filter_map(of).collect();
    vec![name.to_owned(), totals.alerts.to_string(), totals.pages.to_string(), severities.join(", ")]
}

fn group(group: &Group) -> Vec<String> {
    let counts = [
        group.before,
        group.before_pages,
        group.after,
        group.after_pages,
        group.gained,
        group.lost,
        group.worse,
        group.milder,
    ];
    std::iter::once(group.name.clone()).chain(counts.map(|count| count.to_string())).collect()
}

fn list(what: &str, alerts: &[Told]) -> String {
    if alerts.is_empty() {
        return String::new();
    }
    let rows: Vec<Vec<String>> = worst(alerts).into_iter().take(ALERTS_SHOWN).map(told).collect();
    let table = table(&["TIME", "SEVERITY", "DIMENSION", "WHAT"], &rows);
    format!("\n{what}, the worst first:\n{table}{}", more(alerts.len(), ALERTS_SHOWN))
}

/// The worst first, then in order of time.
fn worst(alerts: &[Told]) -> Vec<&Told> {
    let mut alerts: Vec<&Told> = alerts.iter().collect();
    alerts.sort_by_key(|told| std::cmp::Reverse(told.severity));
    alerts
}

fn told(told: &Told) -> Vec<String> {
    vec![minute(told.ts), told.severity.to_string(), told.dimension.to_string(), plain(&told.title)]
}

fn more(all: usize, shown: usize) -> String {
    if all > shown { format!("and {} more; `--json` has them all\n", all - shown) } else { String::new() }
}
