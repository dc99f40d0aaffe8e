//! Who is there: every bot that was seen or is registered, with its owner, its state, what it works with and its risk.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::risk::{Risk, risk};
use super::{DORMANT_DAYS, Estate, is_ended};
use crate::detect::{BaselineState, BotFacts};
use crate::registry::{BotRecord, BotStatus, Registry};
use crate::time::Timestamp;
use crate::time::date;

/// One bot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InventoryRow {
    /// Whose bot.
    pub tenant: String,
    /// Its name.
    pub bot: String,
    /// Whether the registry names it.
    pub registered: bool,
    /// Who answers for it.
    pub owner: Option<String>,
    /// The team that runs it.
    pub team: Option<String>,
    /// What it is for.
    pub purpose: Option<String>,
    /// `production`, `test` …
    pub environment: Option<String>,
    /// Whether it should be at work, as the registry says.
    pub status: Option<String>,
    /// First day at work.
    pub first_seen: Option<String>,
    /// Its newest event.
    pub last_seen: Option<Timestamp>,
    /// Days since.
    pub silent_days: Option<i64>,
    /// Days at work.
    pub active_days: u16,
    /// How well it is known: `unseen`, `learning`, `mature` or `stale`.
    pub baseline: String,
    /// Days of its baseline.
    pub baseline_days: f64,
    /// Systems that it works with.
    pub systems: Vec<String>,
    /// Roles that it exercises.
    pub roles: Vec<String>,
    /// Systems and roles among them that it is not registered for.
    pub outside: Vec<String>,
    /// What is to be cleared up about it.
    pub notes: Vec<String>,
    /// How much is at risk.
    pub risk: Risk,
}

/// Every bot, in order of tenant and name.
#[must_use]
pub fn inventory(estate: &Estate<'_>) -> Vec<InventoryRow> {
    let mut rows: Vec<InventoryRow> =
        estate.all().into_iter().map(|(facts, record)| row(estate, facts, record)).collect();
    rows.sort_by(|a, b| (&a.tenant, &a.bot).cmp(&(&b.tenant, &b.bot)));
    rows
}

/// The bots of an estate's facts, in their order; those that only the registry names are left out.
#[must_use]
pub fn seen(estate: &Estate<'_>) -> Vec<InventoryRow> {
    estate.bots.iter().map(|facts| row(estate, Some(facts), estate.registry.get(&facts.tenant, &facts.bot))).collect()
}

/// One bot, of which facts or a record are there.
#[must_use]
pub fn one(
    registry: &Registry,
    now: Timestamp,
    facts: Option<&BotFacts>,
    record: Option<&BotRecord>,
) -> Option<InventoryRow> {
    let estate = Estate { bots: &[], registry, now };
    (facts.is_some() || record.is_some()).then(|| row(&estate, facts, record))
}

/// One bot, of which facts or a record are there.
fn row(estate: &Estate<'_>, facts: Option<&BotFacts>, record: Option<&BotRecord>) -> InventoryRow {
    let (tenant, bot) = match (facts, record) {
        (Some(facts), _) => (facts.tenant.clone(), facts.bot.clone()),
        (None, Some(record)) => (record.tenant.clone(), record.bot.clone()),
        (None, None) => (String::new(), String::new()),
    };
    let silent_days = facts.map(|facts| estate.now.day_utc() - facts.last_seen.day_utc());
    let (systems, roles) = facts.map(exercised).unwrap_or_default();
    let own = |field: fn(&BotRecord) -> &Option<String>| record.and_then(|record| field(record).clone());
    InventoryRow {
        registered: record.is_some(),
        owner: own(|record| &record.owner),
        team: own(|record| &record.team),
        purpose: own(|record| &record.purpose),
        environment: own(|record| &record.environment),
        status: record.map(|record| status(record.status).to_owned()),
        first_seen: facts.and_then(|facts| facts.seen_days).map(|(first, _)| date(first)),
        last_seen: facts.map(|facts| facts.last_seen),
        silent_days,
        active_days: facts.map_or(0, |facts| facts.active_days),
        baseline: state(facts.map_or(BaselineState::Unseen, |facts| facts.baseline)).to_owned(),
        baseline_days: facts.map_or(0.0, |facts| facts.baseline_days),
        outside: record.map(|record| outside(record, &systems, &roles)).unwrap_or_default(),
        notes: notes(estate, facts, record, silent_days),
        risk: risk(estate, facts, record),
        tenant,
        bot,
        systems,
        roles,
    }
}

/// Systems and roles that a bot uses, in order.
pub(super) fn exercised(facts: &BotFacts) -> (Vec<String>, Vec<String>) {
    let systems: BTreeSet<&String> =
        facts.work.iter().map(|work| &work.system).filter(|system| !system.is_empty()).collect();
    let roles: BTreeSet<&String> =
        facts.roles.iter().filter(|role| role.used_days.is_some()).map(|role| &role.name).collect();
    (systems.into_iter().cloned().collect(), roles.into_iter().cloned().collect())
}

fn outside(record: &BotRecord, systems: &[String], roles: &[String]) -> Vec<String> {
    let beyond = |used: &[String], registered: &[String]| -> Vec<String> {
        let known = |name: &String| registered.iter().any(|known| known.eq_ignore_ascii_case(name));
        if registered.is_empty() { Vec::new() } else { used.iter().filter(|name| !known(name)).cloned().collect() }
    };
    [beyond(systems, &record.systems), beyond(roles, &record.roles)].concat()
}

fn notes(
    estate: &Estate<'_>,
    facts: Option<&BotFacts>,
    record: Option<&BotRecord>,
    silent_days: Option<i64>,
) -> Vec<String> {
    let mut notes = Vec::new();
    let mut note = |text: &str| notes.push(text.to_owned());
    match (facts, record) {
        (Some(facts), None) if estate.is_registered_tenant(&facts.tenant) => note("not registered"),
        (_, Some(record)) if !record.has_owner() => note("no owner"),
        _ => {}
    }
    if facts.is_none() {
        note("never seen");
    }
    if let (Some(facts), Some(record)) = (facts, record) {
        if is_ended(record, facts.last_seen) {
            note("at work after its end");
        } else if silent_days.is_some_and(|days| days >= DORMANT_DAYS) && record.status == BotStatus::Active {
            note("dormant");
        }
    }
    notes
}

fn status(status: BotStatus) -> &'static str {
    match status {
        BotStatus::Active => "active",
        BotStatus::Disabled => "disabled",
        BotStatus::Retired => "retired",
    }
}

fn state(state: BaselineState) -> &'static str {
    match state {
        BaselineState::Unseen => "unseen",
        BaselineState::Learning => "learning",
        BaselineState::Mature => "mature",
        BaselineState::Stale => "stale",
    }
}
