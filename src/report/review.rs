//! The page for the periodic review: the estate in figures, every bot with what is to be decided about it, and what has
//! changed since the review before.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Estate;
use super::inventory::{InventoryRow, inventory};
use super::privileges::{BotPrivileges, RoleRow, UNUSED_DAYS, Window, privileges};
use super::risk::{Risk, worst};
use crate::alert::{Dimension, Severity};
use crate::time::Timestamp;

/// The version of a review's JSON.
const VERSION: u32 = 1;
/// Points by which a risk must move to be a change. Smaller: every review names every bot.
const RISK_STEP: f64 = 5.0;

/// A review.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Review {
    /// The version of its JSON.
    pub version: u32,
    /// Event time.
    pub at: Timestamp,
    /// When the review was made that it is held against.
    pub since: Option<Timestamp>,
    /// The estate in figures.
    pub estate: EstateFigures,
    /// What has changed; empty without a review before.
    pub changes: Vec<Change>,
    /// Every bot.
    pub bots: Vec<BotReview>,
}

/// The estate in figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EstateFigures {
    /// Bots that were seen or are registered.
    pub bots: usize,
    /// Bots that the registry should name and does not.
    pub unregistered: usize,
    /// Bots without an owner.
    pub ownerless: usize,
    /// Bots that are silent for long.
    pub dormant: usize,
    /// Bots at work after their end.
    pub ended: usize,
    /// Bots at high risk.
    pub high_risk: usize,
    /// Roles that are held.
    pub roles: usize,
    /// Roles not used for 30, 60 and 90 days.
    pub unused: [usize; 3],
    /// Roles that the observed work does not need.
    pub droppable: usize,
    /// The risk of the worst tenth.
    pub risk: Risk,
}

/// One bot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BotReview {
    /// Its line of the inventory.
    #[serde(flatten)]
    pub inventory: InventoryRow,
    /// The fewest roles that its work needs.
    pub minimal: Vec<String>,
    /// Roles that can go.
    pub droppable: Vec<String>,
    /// What was found, by dimension.
    pub findings: Vec<ReviewFinding>,
}

/// Findings of one dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewFinding {
    /// Which.
    pub dimension: Dimension,
    /// The worst of them.
    pub severity: Severity,
    /// How many alerts.
    pub alerts: u16,
}

/// Something that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Whose bot.
    pub tenant: String,
    /// The bot.
    pub bot: String,
    /// What: `new`, `gone`, `owner`, `status`, `systems`, `roles`, `notes`, `risk` or `findings`.
    pub what: String,
    /// What it was.
    pub before: String,
    /// What it is.
    pub now: String,
}

/// Makes a review, held against the one before.
#[must_use]
pub fn review(estate: &Estate<'_>, window: Window, before: Option<&Review>) -> Review {
    let rows = inventory(estate);
    let held = privileges(estate, window);
    let figures = figures(&rows, &held);
    let facts: BTreeMap<_, _> = estate.bots.iter().map(|facts| ((&facts.tenant, &facts.bot), facts)).collect();
    let held: BTreeMap<_, _> = held.iter().map(|held| ((&held.tenant, &held.bot), held)).collect();
    let bots: Vec<BotReview> = rows
        .into_iter()
        .map(|row| {
            let key = (&row.tenant, &row.bot);
            let held = held.get(&key);
            let findings = facts.get(&key).map(|facts| facts.findings.as_slice()).unwrap_or_default();
            let findings = findings.iter().map(|finding| ReviewFinding {
                dimension: finding.dimension,
                severity: finding.severity,
                alerts: finding.alerts,
            });
            let names = |rows: Vec<&RoleRow>| rows.into_iter().map(|row| row.role.clone()).collect();
            BotReview {
                minimal: held.map(|held| held.minimal.clone()).unwrap_or_default(),
                droppable: held.map(|held| names(held.droppable().collect())).unwrap_or_default(),
                findings: findings.collect(),
                inventory: row,
            }
        })
        .collect();
    let changes = before.map(|before| changes(before, &bots)).unwrap_or_default();
    Review { version: VERSION, at: estate.now, since: before.map(|before| before.at), estate: figures, changes, bots }
}

fn figures(rows: &[InventoryRow], held: &[BotPrivileges]) -> EstateFigures {
    let noted = |text: &str| rows.iter().filter(|row| row.notes.iter().any(|note| note == text)).count();
    let risks: Vec<&Risk> = rows.iter().map(|row| &row.risk).collect();
    EstateFigures {
        bots: rows.len(),
        unregistered: noted("not registered"),
        ownerless: noted("no owner"),
        dormant: noted("dormant"),
        ended: noted("at work after its end"),
        high_risk: rows.iter().filter(|row| row.risk.level == "high").count(),
        roles: held.iter().map(|held| held.roles.len()).sum(),
        unused: UNUSED_DAYS.map(|days| held.iter().map(|held| held.unused(days).count()).sum()),
        droppable: held.iter().map(|held| held.droppable().count()).sum(),
        risk: worst(&risks),
    }
}

/// What changed, bot by bot.
fn changes(before: &Review, now: &[BotReview]) -> Vec<Change> {
    let key = |bot: &BotReview| (bot.inventory.tenant.clone(), bot.inventory.bot.clone());
    let mut old: BTreeMap<_, &BotReview> = before.bots.iter().map(|bot| (key(bot), bot)).collect();
    let mut changes = Vec::new();
    for bot in now {
        match old.remove(&key(bot)) {
            Some(known) => changes.extend(between(known, bot)),
            None => changes.push(change(bot, "new", String::new(), owner(bot))),
        }
    }
    changes.extend(old.into_values().map(|bot| change(bot, "gone", owner(bot), String::new())));
    changes
}

fn between(before: &BotReview, now: &BotReview) -> Vec<Change> {
    let (old, new) = (&before.inventory, &now.inventory);
    let findings = |bot: &BotReview| {
        let words = bot.findings.iter().map(|f| format!("{} {}", f.dimension, f.severity)).collect::<Vec<_>>();
        words.join(", ")
    };
    let status = |row: &InventoryRow| row.status.clone().unwrap_or_default();
    let pairs = [
        ("owner", owner(before), owner(now)),
        ("status", status(old), status(new)),
        ("systems", old.systems.join(", "), new.systems.join(", ")),
        ("roles", old.roles.join(", "), new.roles.join(", ")),
        ("notes", old.notes.join(", "), new.notes.join(", ")),
        ("findings", findings(before), findings(now)),
    ];
    let mut changes: Vec<Change> = pairs
        .into_iter()
        .filter(|(_, old, new)| old != new)
        .map(|(what, old, new)| change(now, what, old, new))
        .collect();
    if (old.risk.score - new.risk.score).abs() >= RISK_STEP {
        changes.push(change(now, "risk", format!("{:.0}", old.risk.score), format!("{:.0}", new.risk.score)));
    }
    changes
}

fn owner(bot: &BotReview) -> String {
    bot.inventory.owner.clone().unwrap_or_else(|| "no owner".to_owned())
}

fn change(bot: &BotReview, what: &str, before: String, now: String) -> Change {
    let (tenant, bot) = (bot.inventory.tenant.clone(), bot.inventory.bot.clone());
    Change { tenant, bot, what: what.to_owned(), before, now }
}
