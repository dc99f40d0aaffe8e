//! One row for each thing that lists are made of: pages show it, and programs get it under the same names.
//!
//! Rows are flat, so that a table of another program is made of them as they are.

use serde::Serialize;
use utoipa::ToSchema;

use crate::detect::LogFacts;
use crate::report::inventory::InventoryRow;
use crate::report::privileges::{BotPrivileges, RoleRow, UNUSED_DAYS, Verdict};
use crate::time::Timestamp;

/// What stands between the notes of a row.
const BETWEEN_NOTES: &str = ",";

/// A bot.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(super) struct BotRow {
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
    /// Systems and roles that its registration does not name.
    pub outside: u32,
    pub roles: u32,
    /// Roles that its work needs.
    pub roles_minimal: u32,
    /// Roles that it does not.
    pub roles_droppable: usize,
    /// What is to be cleared up, with commas between.
    pub notes: String,
    /// Roles held and not used for long, or not needed.
    #[serde(skip)]
    pub idle: Vec<IdleRole>,
    /// Whatever it is found by, in lower case: its name, owner, team and tenant.
    #[serde(skip)]
    pub words: String,
}

/// A role that could go.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct IdleRole {
    pub role: String,
    pub admin: bool,
    pub unused_days: i64,
    pub last_used: Option<String>,
    pub ticket: Option<String>,
    pub drop: bool,
    pub broken_days: usize,
}

/// A role that is held and not used.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(super) struct PrivilegeRow {
    pub tenant: String,
    pub bot: String,
    pub owner: Option<String>,
    /// How many roles the bot holds.
    pub roles: u32,
    /// How many its work needs.
    pub roles_minimal: u32,
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
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(super) struct LogRow {
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

impl BotRow {
    /// A bot in short, with what it holds where that is known.
    pub(super) fn new(row: InventoryRow, held: Option<&BotPrivileges>) -> Self {
        let words = [Some(&row.bot), row.owner.as_ref(), row.team.as_ref(), Some(&row.tenant)];
        let words = words.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join("\n").to_lowercase();
        let idle: Vec<IdleRole> = held.iter().flat_map(|held| &held.roles).filter_map(idle).collect();
        let mut parts: Vec<_> = row.risk.parts.iter().filter(|part| part.points > 0.0).collect();
        parts.sort_by(|a, b| b.points.total_cmp(&a.points));
        Self {
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
            systems: row.systems.len() as u32,
            outside: row.outside.len() as u32,
            roles: held.map_or(0, |held| held.roles.len()) as u32,
            roles_minimal: held.map_or(0, |held| held.minimal.len()) as u32,
            roles_droppable: idle.iter().filter(|role| role.drop).count(),
            notes: row.notes.join(BETWEEN_NOTES),
            risk: row.risk.score,
            risk_why: parts.first().map(|part| format!("{}: {}", part.part, part.why)).unwrap_or_default(),
            risk_level: row.risk.level,
            idle,
            words,
            tenant: row.tenant,
            bot: row.bot,
        }
    }

    /// Whether something of it is to be cleared up.
    pub(super) fn is_noted(&self, note: &str) -> bool {
        self.notes.split(BETWEEN_NOTES).any(|known| known == note)
    }
}

fn idle(role: &RoleRow) -> Option<IdleRole> {
    let drop = role.verdict == Verdict::Drop;
    (drop || role.unused_days >= UNUSED_DAYS[0]).then(|| IdleRole {
        role: role.role.clone(),
        admin: role.admin,
        unused_days: role.unused_days,
        last_used: role.last_used.clone(),
        ticket: role.ticket.clone(),
        drop,
        broken_days: role.broken_days,
    })
}

impl PrivilegeRow {
    /// One of a bot's roles.
    pub(super) fn new(row: &BotRow, role: &IdleRole) -> Self {
        Self {
            tenant: row.tenant.clone(),
            bot: row.bot.clone(),
            owner: row.owner.clone(),
            roles: row.roles,
            roles_minimal: row.roles_minimal,
            role: role.role.clone(),
            admin: role.admin,
            unused_days: role.unused_days,
            last_used: role.last_used.clone(),
            ticket: role.ticket.clone(),
            droppable: role.drop,
            broken_days: role.broken_days,
        }
    }
}

impl From<LogFacts> for LogRow {
    fn from(log: LogFacts) -> Self {
        let LogFacts { tenant, producer, records, lost, waited_for, .. } = log;
        let complete = records as f64 / (records + lost + waited_for).max(1) as f64;
        Self { tenant, producer, records, lost, waited_for, complete }
    }
}
