//! Names that were seen of a bot, with their first and last day, and which of them the finding is about.

use serde::Serialize;

use crate::detect::{Portrait, SeenFacts, SeenKind};
use crate::runtime::console::say;

/// Names that are listed of a bot, and beside a reason.
const NAMES_MAX: usize = 12;
const NAMES_BESIDE_MAX: usize = 5;

/// One kind of name.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct SeenTable {
    /// What they are.
    pub noun: &'static str,
    pub rows: Vec<SeenRow>,
    /// How many more there are.
    pub more: usize,
}

/// One name.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct SeenRow {
    pub name: String,
    /// First and last day; none for what was never learned.
    pub first: Option<String>,
    pub last: Option<String>,
    pub days: u16,
    /// Whether it surprises no more.
    pub known: bool,
    /// Whether the finding is about it.
    pub odd: bool,
}

/// The names of a kind, with one that the finding is about; none where there is nothing to tell.
pub(super) fn table(portrait: &Portrait, kind: SeenKind, odd: Option<&str>) -> Option<SeenTable> {
    let facts = portrait.seen.iter().find(|(other, _)| *other == kind).map(|(_, facts)| facts.as_slice());
    let facts = facts.unwrap_or_default();
    let mut rows: Vec<SeenRow> = facts.iter().map(|facts| row(facts, odd)).collect();
    if let Some(name) = odd.filter(|odd| !rows.iter().any(|row| row.name == *odd)) {
        rows.insert(0, SeenRow { name: name.to_owned(), first: None, last: None, days: 0, known: false, odd: true });
    }
    // What is odd is seldom among the usual ones.
    rows.sort_by_key(|row| !row.odd);
    cut(kind, rows, NAMES_BESIDE_MAX)
}

fn cut(kind: SeenKind, mut rows: Vec<SeenRow>, names_max: usize) -> Option<SeenTable> {
    let more = rows.len().saturating_sub(names_max);
    rows.truncate(names_max);
    (!rows.is_empty()).then(|| SeenTable { noun: noun(kind), rows, more })
}

/// All kinds.
pub(super) fn tables(portrait: &Portrait) -> Vec<SeenTable> {
    let kinds = [SeenKind::Host, SeenKind::Network, SeenKind::Device, SeenKind::Place, SeenKind::Role];
    let of = |kind: SeenKind| {
        let facts = portrait.seen.iter().find(|(other, _)| *other == kind).map(|(_, facts)| facts.as_slice());
        cut(kind, facts.unwrap_or_default().iter().map(|facts| row(facts, None)).collect(), NAMES_MAX)
    };
    kinds.into_iter().filter_map(of).collect()
}

fn row(facts: &SeenFacts, odd: Option<&str>) -> SeenRow {
    SeenRow {
        name: facts.name.clone(),
        first: Some(say::day(i64::from(facts.first_day))),
        last: Some(say::day(i64::from(facts.last_day))),
        days: facts.days,
        known: facts.known,
        odd: odd == Some(facts.name.as_str()),
    }
}

fn noun(kind: SeenKind) -> &'static str {
    match kind {
        SeenKind::Host => "Hosts",
        SeenKind::Network => "Networks",
        SeenKind::Device => "Devices",
        SeenKind::Place => "Places",
        SeenKind::Role => "Roles in use",
    }
}
