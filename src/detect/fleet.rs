//! What bots have in common: which hosts each of them works from, so that one bot on another's host is seen.
//!
//! Kept by tenant and host as a fingerprint, with the first few owners; hosts unseen for the window go.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::stats::fingerprint;

/// Owners remembered for one host. More would only lengthen the list of a shared runner.
const OWNERS_MAX: usize = 4;

/// Hosts of all bots.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Fleet {
    hosts: BTreeMap<u64, Owners>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Owners {
    bots: SmallVec<[u32; OWNERS_MAX]>,
    last_day: i64,
}

impl Fleet {
    /// Notes that a bot works from a host.
    pub(super) fn learn(&mut self, tenant: &str, host: &str, bot: u32, day: i64) {
        let owners = self.hosts.entry(fingerprint(&[tenant, host])).or_default();
        owners.last_day = owners.last_day.max(day);
        if !owners.bots.contains(&bot) && owners.bots.len() < OWNERS_MAX {
            owners.bots.push(bot);
        }
    }

    /// Another bot that works from a host.
    pub(super) fn other_owner(&self, tenant: &str, host: &str, bot: u32) -> Option<u32> {
        let owners = self.hosts.get(&fingerprint(&[tenant, host]))?;
        owners.bots.iter().copied().find(|&owner| owner != bot)
    }

    /// Drops hosts unseen since `oldest_day`.
    pub(super) fn forget(&mut self, oldest_day: i64) {
        self.hosts.retain(|_, owners| owners.last_day >= oldest_day);
    }

    /// Bytes that it takes, about.
    pub(super) fn heap_bytes(&self) -> usize {
        self.hosts.len() * (size_of::<u64>() + size_of::<Owners>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_of_another_bot_is_told_from_ones_own() {
        let mut fleet = Fleet::default();
        fleet.learn("t", "h", 1, 10);
        assert_eq!(fleet.other_owner("t", "h", 1), None);
        assert_eq!(fleet.other_owner("t", "h", 2), Some(1));
        assert_eq!(fleet.other_owner("other", "h", 2), None);
        fleet.forget(11);
        assert_eq!(fleet.other_owner("t", "h", 2), None);
    }
}
