//! The answers, one a route.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::rows::{BotDetail, IncidentAnswer, IncidentDetail, OverviewAnswer, hosts, operations};
use super::{Slice, answer};
use crate::alert::{Alert, Severity};
use crate::runtime::console::asked::{Asked, Named};
use crate::runtime::console::desk::Desk;
use crate::runtime::console::fault::{PageFault, Problem};
use crate::runtime::console::pages::bot::Which;
use crate::runtime::console::pages::estate::Unused;
use crate::runtime::console::pages::incident::about;
use crate::runtime::console::pages::{bots as bot_list, incidents as incident_list};
use crate::runtime::console::rows::{BotRow, LogRow, PrivilegeRow};
use crate::runtime::console::story::{StoryRow, story};

/// How things stand
#[utoipa::path(get, path = "/api/v1/overview", responses((status = 200, body = OverviewAnswer), (status = 503, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn overview(State(desk): State<Arc<Desk>>) -> Response {
    answer(overview_of(&desk).await)
}

async fn overview_of(desk: &Desk) -> Result<Response, PageFault> {
    let known = desk.glance().await?;
    let (now, census, logs) = (known.now, &known.census, &known.logs);
    let (budget_pages, budget_left_pages) = census.budget.unwrap_or_default();
    let rows = desk.stories().await;
    let open = |severity| rows.iter().filter(|row: &&StoryRow| row.firing && row.severity == severity).count();
    let pulse = desk.pulse(now);
    let overview = OverviewAnswer {
        event_time: now,
        ready: pulse.ready,
        reasons: pulse.reasons,
        lag_messages: pulse.lag,
        incidents_critical: open(Severity::Critical),
        incidents_high: open(Severity::High),
        incidents_medium: open(Severity::Medium),
        incidents_low: open(Severity::Low),
        incidents_info: open(Severity::Info),
        bots_mature: census.mature,
        bots_learning: census.learning,
        bots_stale: census.stale,
        sessions_open: census.sessions_open,
        budget_pages,
        budget_left_pages,
        logs: logs.len(),
        records_lost: logs.iter().map(|log| log.lost).sum(),
        records_waited_for: logs.iter().map(|log| log.waited_for).sum(),
    };
    Ok(Json(overview).into_response())
}

/// Incidents, those that go on first, then the worst, then the newest
#[utoipa::path(get, path = "/api/v1/incidents", params(incident_list::Wanted, Slice),
    responses((status = 200, body = [IncidentAnswer]), (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn incidents(
    State(desk): State<Arc<Desk>>,
    Asked(wanted): Asked<incident_list::Wanted>,
    Asked(slice): Asked<Slice>,
) -> Response {
    let mut rows = desk.stories().await;
    rows.retain(|row| wanted.takes(row));
    slice.of(rows, |row| IncidentAnswer::from(&row))
}

/// One incident with its alerts
#[utoipa::path(get, path = "/api/v1/incidents/{id}", params(("id" = String, Path, description = "The incident's id")),
    responses((status = 200, body = IncidentDetail), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn incident(State(desk): State<Arc<Desk>>, Named(id): Named) -> Response {
    let kept = desk.archive.incident(&id);
    let alerts: Vec<&Alert> = kept.iter().map(|kept| &*kept.alert).collect();
    let settled = desk.settled(kept.iter().map(|kept| Arc::clone(&kept.alert)).collect()).await;
    let detail = story(&settled.iter().map(|alert| &**alert).collect::<Vec<_>>()).map(|row| {
        let incident = IncidentAnswer::from(&row);
        Json(IncidentDetail { incident, alerts: alerts.into_iter().cloned().collect() }).into_response()
    });
    answer(detail.ok_or_else(|| PageFault::Missing(format!("no incident `{id}` is remembered"))))
}

/// Bots, those at most risk first
#[utoipa::path(get, path = "/api/v1/bots", params(bot_list::Wanted, Slice),
    responses((status = 200, body = [BotRow]), (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn bots(
    State(desk): State<Arc<Desk>>,
    Asked(wanted): Asked<bot_list::Wanted>,
    Asked(slice): Asked<Slice>,
) -> Response {
    listed(&desk, wanted, slice, "risk").await
}

/// Bots in order of tenant and name
#[utoipa::path(get, path = "/api/v1/inventory", params(bot_list::Wanted, Slice),
    responses((status = 200, body = [BotRow]), (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn inventory(
    State(desk): State<Arc<Desk>>,
    Asked(wanted): Asked<bot_list::Wanted>,
    Asked(slice): Asked<Slice>,
) -> Response {
    listed(&desk, wanted, slice, "name").await
}

async fn listed(desk: &Desk, mut wanted: bot_list::Wanted, slice: Slice, sort: &str) -> Response {
    if wanted.sort.is_empty() {
        sort.clone_into(&mut wanted.sort);
    }
    let rolls = desk.roster.rolls().await;
    slice.of(wanted.of(&rolls), |row| row)
}

/// One bot with its normal
#[utoipa::path(get, path = "/api/v1/bot", params(Which),
    responses((status = 200, body = BotDetail), (status = 400, body = Problem, content_type = "application/problem+json"), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn bot(State(desk): State<Arc<Desk>>, Asked(which): Asked<Which>) -> Response {
    answer(bot_of(&desk, &which).await)
}

async fn bot_of(desk: &Desk, which: &Which) -> Result<Response, PageFault> {
    let known = about(desk, &which.tenant, Some(&which.bot)).await?;
    let missing = || PageFault::Missing(format!("no bot `{}` of `{}` is known", which.bot, which.tenant));
    let portrait = known.portrait.as_ref();
    let week = portrait.map(|portrait| {
        let total: f64 = portrait.week.iter().sum();
        portrait.week.iter().map(|weight| weight / total.max(f64::MIN_POSITIVE)).collect()
    });
    let (roles, roles_minimal) = known.held.map(|held| (held.roles, held.minimal)).unwrap_or_default();
    let detail = BotDetail {
        inventory: known.row.ok_or_else(missing)?,
        roles,
        roles_minimal,
        zone: known.zone.0,
        week: week.unwrap_or_default(),
        hosts: portrait.map(hosts).unwrap_or_default(),
        operations: portrait.map(operations).unwrap_or_default(),
        sessions_per_day: portrait.and_then(|portrait| portrait.sessions_per_day),
    };
    Ok(Json(detail).into_response())
}

/// Roles that are held and not used, those that administer first, then the longest unused
#[utoipa::path(get, path = "/api/v1/privileges", params(Unused, Slice),
    responses((status = 200, body = [PrivilegeRow]), (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn privileges(
    State(desk): State<Arc<Desk>>,
    Asked(wanted): Asked<Unused>,
    Asked(slice): Asked<Slice>,
) -> Response {
    let rolls = desk.roster.rolls().await;
    slice.of(wanted.of(&rolls), |(row, role)| PrivilegeRow::new(row, role))
}

/// Logs that number their records, in order of tenant and producer
#[utoipa::path(get, path = "/api/v1/logs", params(Slice),
    responses((status = 200, body = [LogRow]), (status = 503, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn logs(State(desk): State<Arc<Desk>>, Asked(slice): Asked<Slice>) -> Response {
    let known = desk.glance().await;
    let rows = known.map(|known| slice.of(known.logs.clone(), LogRow::from));
    answer(rows.map_err(PageFault::from))
}
