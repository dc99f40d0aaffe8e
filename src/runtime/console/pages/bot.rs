//! One bot: its normal as pictures, what it may do and does, and what was found about it.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::incident::{Known, about};
use super::reason::{band_of, graph_of, level_of, week_of};
use super::seen::{SeenTable, tables};
use super::{Picture, answer};
use crate::detect::{OpenFacts, Portrait};
use crate::registry::BotRecord;
use crate::report::inventory::InventoryRow;
use crate::report::privileges::BotPrivileges;
use crate::runtime::console::asked::Asked;
use crate::runtime::console::desk::Desk;
use crate::runtime::console::fault::PageFault;
use crate::runtime::console::say;
use crate::runtime::console::spoken::{About, Draft, FormView, SaidRow, said};
use crate::runtime::console::story::StoryRow;
use crate::time::{Timestamp, Zone};

/// Incidents that are listed.
const INCIDENTS_MAX: usize = 10;

/// Which bot.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::runtime::console) struct Which {
    /// Whose bot.
    pub tenant: String,
    /// Its name.
    pub bot: String,
}

#[derive(Serialize)]
struct Bot {
    row: InventoryRow,
    purpose: Option<String>,
    zone: String,
    usual: Option<String>,
    sessions_per_day: Option<f64>,
    sessions_today: u32,
    open: Vec<Open>,
    normal: Option<(Option<String>, Timestamp)>,
    week: Option<Picture>,
    graph: Option<Picture>,
    volumes: Vec<Picture>,
    levels: Vec<Picture>,
    seen: Vec<SeenTable>,
    held: Option<BotPrivileges>,
    changes: Vec<Change>,
    incidents: Vec<StoryRow>,
    incidents_total: usize,
    /// What takes back what was said; none for who may not.
    form: Option<FormView>,
    said: Vec<SaidRow>,
}

#[derive(Serialize)]
struct Open {
    id: Option<String>,
    opened: Timestamp,
    newest: Timestamp,
    host: Option<String>,
    calls: u64,
}

/// A change of what the bot may do.
#[derive(Serialize)]
struct Change {
    at: Timestamp,
    role: String,
    removed: bool,
    by: Option<String>,
    ticket: Option<String>,
}

/// The page.
pub(in crate::runtime::console) async fn bot(State(desk): State<Arc<Desk>>, Asked(which): Asked<Which>) -> Response {
    let page = page(&desk, which).await;
    answer(&desk, page)
}

async fn page(desk: &Arc<Desk>, which: Which) -> Result<Response, PageFault> {
    let known = about(desk, &which.tenant, Some(&which.bot)).await?;
    let now = known.now;
    let mut incidents = desk.stories().await;
    incidents.retain(|row| row.tenant == which.tenant && row.bot.as_deref() == Some(which.bot.as_str()));
    let missing = || PageFault::Missing(format!("no bot `{}` of `{}` is known", which.bot, which.tenant));
    let decides = desk.access.decides();
    let said = said(&known.decisions, decides, |_| true);
    let form = (decides && said.iter().any(SaidRow::may_undo))
        .then(|| FormView::new(desk, "/feedback/undo".to_owned(), &About::default(), &Draft::default(), None));
    let bot = view(known, incidents).map(|bot| Bot { form, said, ..bot }).ok_or_else(missing)?;
    desk.page("bot.html", "bots", now, &bot)
}

fn view(known: Known, incidents: Vec<StoryRow>) -> Option<Bot> {
    let row = known.row?;
    let portrait = known.portrait.as_ref();
    let mut changes: Vec<Change> = known
        .facts
        .iter()
        .flat_map(|facts| &facts.roles)
        .filter_map(|role| {
            let grant = role.grant.as_ref()?;
            let (by, ticket) = (grant.by.clone(), grant.ticket.clone());
            Some(Change { at: grant.at, role: role.name.clone(), removed: grant.removed, by, ticket })
        })
        .collect();
    changes.sort_by_key(|change| std::cmp::Reverse(change.at));
    Some(Bot {
        purpose: known.record.as_ref().and_then(|record: &BotRecord| record.purpose.clone()),
        usual: portrait.and_then(usual),
        sessions_per_day: portrait.and_then(|portrait| portrait.sessions_per_day),
        sessions_today: portrait.map_or(0, |portrait| portrait.sessions_today),
        open: portrait.map(|portrait| portrait.open.iter().map(open).collect()).unwrap_or_default(),
        normal: portrait.and_then(|portrait| portrait.normal.clone()),
        week: portrait.and_then(|portrait| week_of(portrait, None)),
        graph: portrait.and_then(|portrait| graph_of(&portrait.calls, Vec::new(), Vec::new())),
        volumes: portrait.map(volumes).unwrap_or_default(),
        levels: portrait.map(levels).unwrap_or_default(),
        seen: portrait.map(tables).unwrap_or_default(),
        held: known.held,
        zone: zone_name(&known.zone),
        changes,
        form: None,
        said: Vec::new(),
        incidents_total: incidents.len(),
        incidents: incidents.into_iter().take(INCIDENTS_MAX).collect(),
        row,
    })
}

fn zone_name(zone: &(String, Zone)) -> String {
    zone.0.clone()
}

/// Its habits in a sentence.
fn usual(portrait: &Portrait) -> Option<String> {
    let minute = portrait.usual_minute?;
    let hours = portrait.week.iter().filter(|weight| **weight > 0.0).count();
    let days = portrait.week.chunks(24).filter(|day| day.iter().any(|weight| *weight > 0.0)).count();
    let start = match hours {
        0..=14 => format!("It starts around {:02}:{:02}", minute / 60, minute % 60),
        _ => format!("It starts in {hours} hours of the week, most often around {:02}:{:02}", minute / 60, minute % 60),
    };
    let sessions = portrait.sessions_per_day.map(|mean| format!(", about {} a day", say::plural(mean, "session")));
    let days = say::plural(days as f64, "day");
    Some(format!("{start}, on {days} of the week{}.", sessions.unwrap_or_default()))
}

fn open(facts: &OpenFacts) -> Open {
    let OpenFacts { id, opened, newest, host, calls } = facts.clone();
    Open { id, opened, newest, host, calls }
}

/// Volumes of sessions, and of the day that goes on.
fn volumes(portrait: &Portrait) -> Vec<Picture> {
    let told = portrait.volumes.iter().filter(|facts| facts.per != "hour" && facts.quantiles[4] > 0.0);
    told.map(|facts| band_of(facts, facts.now.filter(|now| facts.per == "day" && *now > 0.0), "today")).collect()
}

/// The levels that are followed for drift.
fn levels(portrait: &Portrait) -> Vec<Picture> {
    portrait.levels.iter().filter_map(|(noun, days)| level_of(noun, days)).collect()
}
