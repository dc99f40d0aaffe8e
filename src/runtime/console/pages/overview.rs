//! The first page: does anybody need me, and is the watch itself well?

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;

use super::{Picture, answer};
use crate::alert::{Alert, Severity, Status};
use crate::detect::{Census, LogFacts};
use crate::runtime::console::desk::Desk;
use crate::runtime::console::draw::{Bar, bars, meter};
use crate::runtime::console::fault::PageFault;
use crate::runtime::console::say;
use crate::runtime::console::story::{StoryRow, stories};
use crate::time::Timestamp;

/// Incidents that are listed; the rest is a click away.
const PAGING_MAX: usize = 12;
const QUIET_MAX: usize = 6;
const ENDED_MAX: usize = 5;
/// Logs that are listed.
const LOGS_MAX: usize = 4;
/// Days that are drawn.
const DAYS: i64 = 28;

#[derive(Serialize)]
struct Overview {
    headline: String,
    counts: Vec<(&'static str, usize)>,
    open: Vec<StoryRow>,
    open_total: usize,
    quiet: Vec<StoryRow>,
    quiet_total: usize,
    ended: Vec<StoryRow>,
    fleet: Fleet,
    budget: Option<Budget>,
    pages_28d: usize,
    burn: Picture,
    logs: Logs,
}

#[derive(Serialize)]
struct Fleet {
    bots: u64,
    mature: u64,
    learning: u64,
    stale: u64,
    sessions: u64,
    coverage: f64,
    svg: String,
}

#[derive(Serialize)]
struct Budget {
    pages: f64,
    left: f64,
    used: f64,
    held: u64,
    svg: String,
}

#[derive(Serialize)]
struct Logs {
    producers: usize,
    lost: u64,
    waited_for: u64,
    worst: Vec<(String, String, u64, u64)>,
}

/// The page.
pub(in crate::runtime::console) async fn overview(State(desk): State<Arc<Desk>>) -> Response {
    let page = page(&desk).await;
    answer(&desk, page)
}

async fn page(desk: &Arc<Desk>) -> Result<Response, PageFault> {
    let known = desk.glance().await?;
    let alerts = desk.alerts().await;
    let rows = stories(&alerts);
    let (firing, ended): (Vec<StoryRow>, Vec<StoryRow>) = rows.into_iter().partition(|row| row.firing);
    let (paging, quiet): (Vec<StoryRow>, Vec<StoryRow>) = firing.into_iter().partition(|row| row.severity.pages());
    let days = days(&alerts, known.now);
    let overview = Overview {
        headline: headline(&paging, known.census.mature),
        counts: Severity::ALL
            .iter()
            .rev()
            .map(|severity| (severity.as_str(), count(&paging, &quiet, *severity)))
            .collect(),
        open_total: paging.len(),
        open: paging.into_iter().take(PAGING_MAX).collect(),
        quiet_total: quiet.len(),
        quiet: quiet.into_iter().take(QUIET_MAX).collect(),
        ended: newest(ended),
        fleet: fleet(&known.census),
        budget: budget(&known.census),
        pages_28d: days.iter().flat_map(|bar| &bar.parts).map(|(count, _)| *count as usize).sum(),
        burn: burn(&days),
        logs: logs(known.logs.clone()),
    };
    desk.page("overview.html", "overview", known.now, &overview)
}

fn count(paging: &[StoryRow], quiet: &[StoryRow], severity: Severity) -> usize {
    paging.iter().chain(quiet).filter(|row| row.severity == severity).count()
}

/// The answer to the first question, as a sentence.
fn headline(paging: &[StoryRow], watched: u64) -> String {
    let of = |severity: Severity| {
        let count = paging.iter().filter(|row| row.severity == severity).count();
        (count > 0).then(|| format!("{count} {severity}"))
    };
    let parts: Vec<String> = Severity::ALL.into_iter().rev().filter_map(of).collect();
    match (paging.len(), watched) {
        (0, 0) => "Nothing is open. No bot is known well enough to be judged yet.".to_owned(),
        (0, _) => "All is quiet. Nothing is open that pages.".to_owned(),
        (1, _) => format!("One incident needs somebody: {}.", parts.join(", ")),
        (all, _) => format!("{all} incidents need somebody: {}.", parts.join(", ")),
    }
}

fn newest(mut ended: Vec<StoryRow>) -> Vec<StoryRow> {
    ended.retain(|row| row.severity.pages());
    ended.sort_by(|a, b| b.ts.cmp(&a.ts).then_with(|| a.incident.cmp(&b.incident)));
    ended.truncate(ENDED_MAX);
    ended
}

fn fleet(census: &Census) -> Fleet {
    let Census { mature, learning, stale, .. } = *census;
    let bots = mature + learning + stale;
    let words = format!("{mature} judged, {learning} learning, {stale} silent for long.");
    let parts = [(mature as f64, "mature"), (learning as f64, "learning"), (stale as f64, "stale")];
    Fleet {
        bots,
        mature,
        learning,
        stale,
        sessions: census.sessions_open,
        coverage: mature as f64 / (mature + learning).max(1) as f64,
        svg: meter("Bots by how well they are known", &words, &parts),
    }
}

fn budget(census: &Census) -> Option<Budget> {
    let (pages, left) = census.budget?;
    let used = (pages - left).max(0.0);
    let class = if left < pages * 0.2 { "spent bad" } else { "spent" };
    (pages > 0.0).then(|| Budget {
        pages,
        left,
        used,
        held: census.pages_held,
        svg: meter(
            "The week's page budget",
            &format!("{used:.1} of {pages:.0} pages are used."),
            &[(used, class), (left, "free")],
        ),
    })
}

/// Pages of each of the last days, by severity.
fn days(alerts: &[Arc<Alert>], now: Option<Timestamp>) -> Vec<Bar> {
    let Some(today) = now.map(Timestamp::day_utc) else { return Vec::new() };
    let mut counts: BTreeMap<(i64, Severity), usize> = BTreeMap::new();
    for alert in alerts.iter().filter(|alert| alert.severity.pages()) {
        *counts.entry((alert.ts.day_utc(), alert.severity)).or_default() += 1;
    }
    let classes =
        [(Severity::Medium, "bar medium"), (Severity::High, "bar high"), (Severity::Critical, "bar critical")];
    let bar = |day: i64| Bar {
        name: say::day(day),
        parts: classes
            .iter()
            .map(|(severity, class)| (counts.get(&(day, *severity)).copied().unwrap_or_default() as f64, *class))
            .collect(),
    };
    (today - DAYS + 1..=today).map(bar).collect()
}

fn burn(days: &[Bar]) -> Picture {
    let row = |bar: &Bar| {
        let counts = bar.parts.iter().rev().map(|(count, _)| say::number(*count));
        (bar.parts.iter().any(|(count, _)| *count > 0.0))
            .then(|| std::iter::once(bar.name.clone()).chain(counts).collect())
    };
    Picture {
        title: "Pages a day".to_owned(),
        svg: bars("Pages a day", days, "page"),
        heads: vec!["Day", "Critical", "High", "Medium"],
        rows: days.iter().filter_map(row).collect(),
    }
}

fn logs(mut logs: Vec<LogFacts>) -> Logs {
    let (producers, lost) = (logs.len(), logs.iter().map(|log| log.lost).sum());
    let waited_for = logs.iter().map(|log| log.waited_for).sum();
    logs.retain(|log| log.lost + log.waited_for > 0);
    logs.sort_by(|a, b| {
        (b.lost + b.waited_for).cmp(&(a.lost + a.waited_for)).then_with(|| a.producer.cmp(&b.producer))
    });
    let worst = logs.into_iter().take(LOGS_MAX).map(|log| (log.tenant, log.producer, log.lost, log.waited_for));
    Logs { producers, lost, waited_for, worst: worst.collect() }
}

/// Whether an alert goes on.
pub(super) fn is_firing(alert: &Alert) -> bool {
    alert.status == Status::Firing
}
