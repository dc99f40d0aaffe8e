//! Reports on the estate, from the engine's facts and the registry: who is there, who may do what and needs it not, how
//! much is at risk, and what has changed since the last review.
//!
//! All of it is pure and serializable; how it looks is the shell's. Days are those of UTC, ages count to event time.

pub mod backtest;
mod cover;
pub mod history;
pub mod inventory;
pub mod logs;
pub mod privileges;
pub mod review;
pub mod risk;
pub mod uses;

use crate::detect::BotFacts;
use crate::registry::{BotRecord, BotStatus, Registry};
use crate::time::Timestamp;

/// Days of silence from which a bot counts as dormant.
const DORMANT_DAYS: i64 = 45;

/// What reports are made from.
#[derive(Clone, Copy, Debug)]
pub struct Estate<'a> {
    /// Every bot that was seen.
    pub bots: &'a [BotFacts],
    /// What the organization says; empty where there is none.
    pub registry: &'a Registry,
    /// Event time.
    pub now: Timestamp,
}

impl<'a> Estate<'a> {
    /// Every bot with its record: those that were seen, then those that were not.
    fn all(&self) -> Vec<(Option<&'a BotFacts>, Option<&'a BotRecord>)> {
        let seen = self.bots.iter().map(|facts| (Some(facts), self.registry.get(&facts.tenant, &facts.bot)));
        let known = |record: &BotRecord| {
            let key = (record.tenant.as_str(), record.bot.as_str());
            self.bots.binary_search_by(|facts| (facts.tenant.as_str(), facts.bot.as_str()).cmp(&key)).is_ok()
        };
        let unseen = self.registry.records().filter(|record| !known(record)).map(|record| (None, Some(record)));
        seen.chain(unseen).collect()
    }

    /// Whether the registry could be expected to name a bot of a tenant.
    fn is_registered_tenant(&self, tenant: &str) -> bool {
        self.registry.tenant(tenant).is_some()
    }
}

/// Whether the registry says that a bot should not be at work at an instant.
fn is_ended(record: &BotRecord, at: Timestamp) -> bool {
    let since = record.retired_at.is_none_or(|retired| at >= retired);
    (record.status != BotStatus::Active && since) || record.expires_at.is_some_and(|end| at >= end)
}

#[cfg(test)]
mod tests;
