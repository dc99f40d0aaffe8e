//! What the organization says about its bots: owner, purpose, time zone, what they are for and whether they should live.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Bound;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// One bot of the registry; every field but the name is optional.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BotRecord {
    /// Whose bot.
    pub tenant: String,
    /// Its name.
    pub bot: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// The team that runs it.
    pub team: Option<String>,
    /// What it is for.
    pub purpose: Option<String>,
    /// IANA time zone that its schedule is written in.
    pub timezone: Option<String>,
    /// Systems that it works with.
    pub systems: Vec<String>,
    /// Roles that it may use.
    pub roles: Vec<String>,
    /// Whether it should be at work.
    pub status: BotStatus,
    /// Since when it should not.
    pub retired_at: Option<Timestamp>,
    /// When its permission to work ends.
    pub expires_at: Option<Timestamp>,
    /// `production`, `test` …
    pub environment: Option<String>,
}

/// Whether a bot should be at work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BotStatus {
    /// At work.
    #[default]
    Active,
    /// Switched off, perhaps for a while.
    Disabled,
    /// Gone for good.
    Retired,
}

/// The registry, by tenant and bot.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Registry {
    records: Vec<BotRecord>,
    index: BTreeMap<(String, String), usize>,
    tenants: BTreeMap<String, TenantRecords>,
}

/// What the registry knows of a tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TenantRecords {
    /// Its bots.
    pub bots: usize,
    /// Those of them that name an owner.
    pub owned: usize,
}

/// A line of the registry that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("registry line {line}: {detail}")]
pub struct RegistryError {
    /// Line number, from 1.
    pub line: usize,
    /// What was wrong.
    pub detail: String,
}

impl Registry {
    /// Reads NDJSON, a bot a line; blank lines are passed over. A bot that stands twice takes its last line.
    ///
    /// # Errors
    /// Every line that is no record, names no bot, or names an unknown time zone.
    pub fn from_ndjson(text: &str) -> Result<Self, Vec<RegistryError>> {
        let (mut registry, mut errors) = (Self::default(), Vec::new());
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            match record(line) {
                Ok(record) => registry.insert(record),
                Err(detail) => errors.push(RegistryError { line: index + 1, detail }),
            }
        }
        for record in &registry.records {
            let known = registry.tenants.entry(record.tenant.clone()).or_default();
            known.bots += 1;
            known.owned += usize::from(record.has_owner());
        }
        if errors.is_empty() { Ok(registry) } else { Err(errors) }
    }

    /// The number of a bot's record, by which [`Registry::record`] finds it without a search.
    #[must_use]
    pub fn number(&self, tenant: &str, bot: &str) -> Option<u32> {
        self.index.get(&(tenant.to_owned(), bot.to_owned())).map(|&number| number as u32)
    }

    /// A record by number.
    #[must_use]
    pub fn record(&self, number: u32) -> Option<&BotRecord> {
        self.records.get(number as usize)
    }

    fn insert(&mut self, record: BotRecord) {
        match self.index.entry((record.tenant.clone(), record.bot.clone())) {
            Entry::Occupied(known) => self.records[*known.get()] = record,
            Entry::Vacant(place) => {
                place.insert(self.records.len());
                self.records.push(record);
            }
        }
    }

    /// The record of a bot.
    #[must_use]
    pub fn get(&self, tenant: &str, bot: &str) -> Option<&BotRecord> {
        self.number(tenant, bot).and_then(|number| self.record(number))
    }

    /// What it knows of a tenant; none where it names none of its bots.
    #[must_use]
    pub fn tenant(&self, tenant: &str) -> Option<TenantRecords> {
        self.tenants.get(tenant).copied()
    }

    /// All records, in order of tenant and bot.
    pub fn records(&self) -> impl Iterator<Item = &BotRecord> {
        self.index.values().filter_map(|&number| self.records.get(number))
    }

    /// The records behind one, in the same order: whoever reads them in pieces goes on there.
    pub fn records_after(&self, last: Option<&(String, String)>) -> impl Iterator<Item = &BotRecord> {
        let from = last.map_or(Bound::Unbounded, Bound::Excluded);
        let behind = self.index.range::<(String, String), _>((from, Bound::Unbounded));
        behind.filter_map(|(_, &number)| self.records.get(number))
    }

    /// How many bots it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
}

impl BotRecord {
    /// Whether somebody answers for it.
    #[must_use]
    pub fn has_owner(&self) -> bool {
        self.owner.as_ref().is_some_and(|owner| !owner.trim().is_empty())
    }

    /// Whether somebody is the bot's owner.
    #[must_use]
    pub fn is_owned_by(&self, somebody: &str) -> bool {
        let name = somebody.trim();
        self.owner.as_ref().is_some_and(|owner| !name.is_empty() && owner.trim().eq_ignore_ascii_case(name))
    }
}

fn record(line: &str) -> Result<BotRecord, String> {
    let mut record: BotRecord = serde_json::from_str(line).map_err(|e| e.to_string())?;
    if record.bot.is_empty() {
        return Err("no `bot`".to_owned());
    }
    if record.tenant.is_empty() {
        "default".clone_into(&mut record.tenant);
    }
    if let Some(name) = &record.timezone {
        crate::time::Zone::named(name).map_err(|e| e.to_string())?;
    }
    Ok(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_is_read_line_by_line_and_every_fault_is_told() {
        let good = "{\"bot\":\"a\",\"timezone\":\"Europe/Berlin\",\"status\":\"retired\"}\n\n{\"tenant\":\"t\",\"bot\":\"b\",\"color\":1}\n";
        let registry = Registry::from_ndjson(good).expect("a registry");
        assert_eq!(registry.len(), 2);
        assert_eq!(registry.get("default", "a").map(|r| r.status), Some(BotStatus::Retired));
        let bad = "{}\n{\"bot\":\"a\",\"timezone\":\"Mars\"}\nnonsense\n";
        let errors = Registry::from_ndjson(bad).expect_err("faults");
        assert_eq!(errors.iter().map(|e| e.line).collect::<Vec<_>>(), [1, 2, 3]);
    }
}
