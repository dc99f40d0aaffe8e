//! What the answers are made of: flat objects with plain names.

use serde::Serialize;
use utoipa::ToSchema;

use crate::detect::{Portrait, SeenKind};
use crate::report::inventory::InventoryRow;
use crate::report::privileges::RoleRow;
use crate::runtime::console::pages::estate::{Held, LogRow};
use crate::runtime::console::roster::RosterRow;
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

/// A bot.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BotAnswer {
    pub tenant: String,
    pub bot: String,
    /// Whether the registry names it.
    pub registered: bool,
    pub owner: Option<String>,
    pub team: Option<String>,
    pub environment: Option<String>,
    /// As the registry says: `active`, `disabled` or `retired`.
    pub status: Option<String>,
    /// First day at work.
    pub first_seen: Option<String>,
    /// Its newest event.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_seen: Option<Timestamp>,
    /// Days since.
    pub silent_days: Option<i64>,
    /// How well it is known: `unseen`, `learning`, `mature` or `stale`.
    pub baseline: String,
    pub baseline_days: f64,
    /// 0 to 100.
    pub risk: f64,
    /// `low`, `medium` or `high`.
    pub risk_level: String,
    /// What most of it is.
    pub risk_why: String,
    pub systems: u32,
    pub roles: u32,
    /// Roles that its work needs.
    pub roles_minimal: u32,
    /// Roles that it does not.
    pub roles_droppable: usize,
    /// What is to be cleared up, with commas between.
    pub notes: String,
}

/// A role that is held and not used.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PrivilegeAnswer {
    pub tenant: String,
    pub bot: String,
    pub owner: Option<String>,
    pub role: String,
    /// Whether its name says that it administers.
    pub admin: bool,
    pub unused_days: i64,
    pub last_used: Option<String>,
    pub ticket: Option<String>,
    /// Whether the observed work does without it.
    pub droppable: bool,
    /// Days of the last 90 that would have missed it.
    pub broken_days: usize,
}

/// One producer's log.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LogAnswer {
    pub tenant: String,
    pub producer: String,
    /// Records that came.
    pub records: u64,
    /// Records that never came.
    pub lost: u64,
    /// Records that may still come.
    pub waited_for: u64,
    /// Share of the records that came, 0 to 1.
    pub complete: f64,
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

impl From<&RosterRow> for BotAnswer {
    fn from(row: &RosterRow) -> Self {
        let row = row.clone();
        Self {
            roles_droppable: row.idle.iter().filter(|role| role.drop).count(),
            notes: row.notes.join(","),
            tenant: row.tenant,
            bot: row.bot,
            registered: row.registered,
            owner: row.owner,
            team: row.team,
            environment: row.environment,
            status: row.status,
            first_seen: row.first_seen,
            last_seen: row.last_seen,
            silent_days: row.silent_days,
            baseline: row.baseline,
            baseline_days: row.baseline_days,
            risk: row.risk,
            risk_level: row.risk_level,
            risk_why: row.risk_why,
            systems: row.systems,
            roles: row.roles,
            roles_minimal: row.roles_minimal,
        }
    }
}

impl From<Held> for PrivilegeAnswer {
    fn from(held: Held) -> Self {
        Self {
            tenant: held.tenant,
            bot: held.bot,
            owner: held.owner,
            role: held.role.role,
            admin: held.role.admin,
            unused_days: held.role.unused_days,
            last_used: held.role.last_used,
            ticket: held.role.ticket,
            droppable: held.role.drop,
            broken_days: held.role.broken_days,
        }
    }
}

impl From<LogRow> for LogAnswer {
    fn from(row: LogRow) -> Self {
        let LogRow { tenant, producer, records, lost, waited_for, complete } = row;
        Self { tenant, producer, records, lost, waited_for, complete }
    }
}

/// The hosts of a bot.
pub(super) fn hosts(portrait: &Portrait) -> Vec<SeenAnswer> {
    let hosts = portrait.seen.iter().filter(|(kind, _)| *kind == SeenKind::Host).flat_map(|(_, seen)| seen);
    let answer = |seen: &crate::detect::SeenFacts| SeenAnswer {
        name: seen.name.clone(),
        first_day: crate::report::date(i64::from(seen.first_day)),
        last_day: crate::report::date(i64::from(seen.last_day)),
        days: seen.days,
    };
    hosts.map(answer).collect()
}

/// The operations of a bot.
pub(super) fn operations(portrait: &Portrait) -> Vec<OperationAnswer> {
    let known = portrait.calls.nodes.iter().filter(|node| node.known);
    known.map(|node| OperationAnswer { name: node.name.clone(), share: node.share, usual_amount: node.moved }).collect()
}
