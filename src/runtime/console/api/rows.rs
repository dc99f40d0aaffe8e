//! What the answers are made of: flat objects with plain names.

use serde::Serialize;
use utoipa::ToSchema;

use crate::detect::{Portrait, SeenKind};
use crate::report::inventory::InventoryRow;
use crate::report::privileges::RoleRow;
use crate::runtime::console::story::StoryRow;
use crate::time::Timestamp;

/// How things stand.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OverviewAnswer {
    /// Event time; null before the first event.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub event_time: Option<Timestamp>,
    /// Whether events are taken in.
    pub ready: bool,
    /// Why not.
    pub reasons: Vec<String>,
    /// Messages behind the stream; null where there is none.
    pub lag_messages: Option<u64>,
    /// Open incidents, by severity.
    pub incidents_critical: usize,
    pub incidents_high: usize,
    pub incidents_medium: usize,
    pub incidents_low: usize,
    pub incidents_info: usize,
    /// Bots, by how well they are known.
    pub bots_mature: u64,
    pub bots_learning: u64,
    pub bots_stale: u64,
    /// Sessions at work now.
    pub sessions_open: u64,
    /// Pages a week that are accepted; 0 without a budget.
    pub budget_pages: f64,
    /// What is left of them.
    pub budget_left_pages: f64,
    /// Logs that number their records.
    pub logs: usize,
    /// Records that never came.
    pub records_lost: u64,
    /// Records that may still come.
    pub records_waited_for: u64,
}

/// An incident.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct IncidentAnswer {
    /// Its id, which its alerts share.
    pub incident: String,
    /// `info`, `low`, `medium`, `high` or `critical`.
    pub severity: String,
    /// `firing` or `resolved`.
    pub status: String,
    /// One sentence.
    pub title: String,
    /// Whose bot.
    pub tenant: String,
    /// The bot; null where it is about a log.
    pub bot: Option<String>,
    /// The log's producer; null where it is about a bot.
    pub producer: Option<String>,
    /// Event time of its newest event.
    #[schema(value_type = String, format = DateTime)]
    pub ts: Timestamp,
    /// 0 to 100.
    pub score: f64,
    /// Events behind it.
    pub events: u64,
    /// Alerts in it.
    pub alerts: usize,
    /// Its dimensions, with commas between them.
    pub dimensions: String,
}

/// An incident with its alerts.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct IncidentDetail {
    /// The incident.
    pub incident: IncidentAnswer,
    /// Its alerts, as they are published, the oldest first.
    #[schema(value_type = Vec<Object>)]
    pub alerts: Vec<crate::alert::Alert>,
}

/// A bot with its normal.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BotDetail {
    /// Its line of the inventory.
    #[schema(value_type = Object)]
    pub inventory: InventoryRow,
    /// Its roles, with what to do with each.
    #[schema(value_type = Vec<Object>)]
    pub roles: Vec<RoleRow>,
    /// The fewest roles that its work needs.
    pub roles_minimal: Vec<String>,
    /// IANA zone of its schedule.
    pub zone: String,
    /// Share of its starts in each hour of its week, from Monday's midnight: 168 numbers.
    pub week: Vec<f64>,
    /// Hosts that it worked from.
    pub hosts: Vec<SeenAnswer>,
    /// Operations that it calls.
    pub operations: Vec<OperationAnswer>,
    /// Sessions on a day at work.
    pub sessions_per_day: Option<f64>,
}

/// A name that was seen.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SeenAnswer {
    pub name: String,
    pub first_day: String,
    pub last_day: String,
    pub days: u16,
}

/// An operation.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OperationAnswer {
    pub name: String,
    /// Share of the sessions that call it, 0 to 1.
    pub share: f64,
    /// Records, or bytes where none are counted, of a usual call.
    pub usual_amount: Option<f64>,
}

impl From<&StoryRow> for IncidentAnswer {
    fn from(row: &StoryRow) -> Self {
        Self {
            incident: row.incident.clone(),
            severity: row.severity.as_str().to_owned(),
            status: if row.firing { "firing" } else { "resolved" }.to_owned(),
            title: row.title.clone(),
            tenant: row.tenant.clone(),
            bot: row.bot.clone(),
            producer: row.producer.clone(),
            ts: row.ts,
            score: row.score,
            events: row.events,
            alerts: row.alerts,
            dimensions: row.dimensions.join(","),
        }
    }
}

/// The hosts of a bot.
pub(super) fn hosts(portrait: &Portrait) -> Vec<SeenAnswer> {
    let hosts = portrait.seen.iter().filter(|(kind, _)| *kind == SeenKind::Host).flat_map(|(_, seen)| seen);
    let answer = |seen: &crate::detect::SeenFacts| SeenAnswer {
        name: seen.name.clone(),
        first_day: crate::time::date(i64::from(seen.first_day)),
        last_day: crate::time::date(i64::from(seen.last_day)),
        days: seen.days,
    };
    hosts.map(answer).collect()
}

/// The operations of a bot.
pub(super) fn operations(portrait: &Portrait) -> Vec<OperationAnswer> {
    let known = portrait.calls.nodes.iter().filter(|node| node.known);
    known.map(|node| OperationAnswer { name: node.name.clone(), share: node.share, usual_amount: node.moved }).collect()
}
