//! The estate: who is there, what is held and not used, and whether the logs are whole.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::bots::NOTES;
use super::{Paging, answer};
use crate::detect::Engine;
use crate::report::privileges::UNUSED_DAYS;
use crate::runtime::console::asked::Asked;
use crate::runtime::console::desk::Desk;
use crate::runtime::console::fault::PageFault;
use crate::runtime::console::roster::Rolls;
use crate::runtime::console::rows::{BotRow, IdleRole, LogRow, PrivilegeRow};
use crate::time::Timestamp;

/// Owners and teams that are listed.
const OWNERS_MAX: usize = 20;

#[derive(Serialize)]
struct Inventory {
    bots: usize,
    as_of: Option<Timestamp>,
    progress: (usize, usize),
    notes: Vec<(&'static str, usize)>,
    states: Vec<(&'static str, usize)>,
    risks: Vec<(&'static str, usize)>,
    teams: Vec<Team>,
    attention: Vec<BotRow>,
    attention_total: usize,
}

#[derive(Clone, Serialize)]
struct Team {
    name: String,
    bots: usize,
    high: usize,
    notes: usize,
}

/// Who is there.
pub(in crate::runtime::console) async fn inventory(State(desk): State<Arc<Desk>>) -> Response {
    let page = async {
        let now = desk.inquiry.ask(Engine::watermark).await?;
        let rolls = desk.roster.rolls().await;
        desk.page("inventory.html", "inventory", now, &stock(&rolls, desk.roster.progress()))
    };
    answer(&desk, page.await)
}

fn stock(rolls: &Rolls, progress: (usize, usize)) -> Inventory {
    let count = |takes: &dyn Fn(&BotRow) -> bool| rolls.rows.iter().filter(|row| takes(row)).count();
    let noted = rolls.by_risk.iter().map(|&at| &rolls.rows[at as usize]).filter(|row| !row.notes.is_empty());
    Inventory {
        bots: rolls.rows.len(),
        as_of: rolls.at,
        progress,
        notes: NOTES.map(|note| (note, count(&|row| row.is_noted(note)))).to_vec(),
        states: ["mature", "learning", "stale", "unseen"]
            .map(|state| (state, count(&|row| row.baseline == state)))
            .to_vec(),
        risks: ["high", "medium", "low"].map(|level| (level, count(&|row| row.risk_level == level))).to_vec(),
        teams: teams(rolls),
        attention_total: noted.clone().count(),
        attention: noted.take(super::ROWS).cloned().collect(),
    }
}

fn teams(rolls: &Rolls) -> Vec<Team> {
    let mut teams = std::collections::BTreeMap::<&str, Team>::new();
    for row in &rolls.rows {
        let name = row.team.as_deref().or(row.owner.as_deref()).unwrap_or("no team");
        let team = teams.entry(name).or_insert_with(|| Team { name: name.to_owned(), bots: 0, high: 0, notes: 0 });
        team.bots += 1;
        team.high += usize::from(row.risk_level == "high");
        team.notes += usize::from(!row.notes.is_empty());
    }
    let mut teams: Vec<Team> = teams.into_values().collect();
    teams.sort_by(|a, b| (b.high, b.notes, b.bots).cmp(&(a.high, a.notes, a.bots)).then_with(|| a.name.cmp(&b.name)));
    teams.truncate(OWNERS_MAX);
    teams
}

/// Which unused roles.
#[derive(Clone, Debug, Default, Deserialize, IntoParams, Serialize)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(in crate::runtime::console) struct Unused {
    /// 30, 60 or 90; 0 is whatever is not needed.
    pub days: i64,
    /// The page.
    #[param(ignore)]
    pub page: usize,
}

#[derive(Serialize)]
struct Privileges {
    wanted: Unused,
    unused: Vec<(i64, usize)>,
    droppable: usize,
    rows: Vec<PrivilegeRow>,
    paging: Paging,
    as_of: Option<Timestamp>,
    progress: (usize, usize),
}

impl Unused {
    /// The roles that it takes, those that administer first, then the longest unused.
    pub(in crate::runtime::console) fn of<'a>(&self, rolls: &'a Rolls) -> Vec<(&'a BotRow, &'a IdleRole)> {
        let takes = |role: &&IdleRole| if self.days > 0 { role.unused_days >= self.days } else { role.drop };
        let mut found: Vec<(&BotRow, &IdleRole)> =
            rolls.rows.iter().flat_map(|row| row.idle.iter().filter(takes).map(move |role| (row, role))).collect();
        found.sort_by_key(|(_, role)| std::cmp::Reverse((role.admin, role.unused_days)));
        found
    }
}

/// What is held and not used.
pub(in crate::runtime::console) async fn privileges(
    State(desk): State<Arc<Desk>>,
    Asked(wanted): Asked<Unused>,
) -> Response {
    let page = page(&desk, wanted).await;
    answer(&desk, page)
}

async fn page(desk: &Arc<Desk>, wanted: Unused) -> Result<Response, PageFault> {
    let now = desk.inquiry.ask(Engine::watermark).await?;
    let rolls = desk.roster.rolls().await;
    let rows = wanted.of(&rolls);
    let paging = Paging::new(wanted.page, rows.len());
    let privileges = Privileges {
        wanted,
        unused: UNUSED_DAYS.into_iter().zip(rolls.unused).collect(),
        droppable: rolls.droppable,
        rows: paging.of(&rows).iter().map(|(row, role)| PrivilegeRow::new(row, role)).collect(),
        paging,
        as_of: rolls.at,
        progress: desk.roster.progress(),
    };
    desk.page("privileges.html", "privileges", now, &privileges)
}

#[derive(Serialize)]
struct Logs {
    rows: Vec<LogRow>,
    paging: Paging,
    records: u64,
    lost: u64,
    waited_for: u64,
}

/// Which page of the logs.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::runtime::console) struct Page {
    pub page: usize,
}

/// Whether the logs are whole.
pub(in crate::runtime::console) async fn logs(State(desk): State<Arc<Desk>>, Asked(wanted): Asked<Page>) -> Response {
    let page = async {
        let known = desk.glance().await?;
        let mut rows: Vec<LogRow> = known.logs.iter().cloned().map(LogRow::from).collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.lost + row.waited_for));
        let paging = Paging::new(wanted.page, rows.len());
        let logs = Logs {
            records: rows.iter().map(|row| row.records).sum(),
            lost: rows.iter().map(|row| row.lost).sum(),
            waited_for: rows.iter().map(|row| row.waited_for).sum(),
            rows: paging.of(&rows).to_vec(),
            paging,
        };
        desk.page("logs.html", "logs", known.now, &logs)
    };
    answer(&desk, page.await)
}
