//! What bots have in common: which hosts each of them works from and which secrets each of them reads, so that one bot
//! on another's host, or with another's secret, is seen.
//!
//! Kept by tenant and host as a fingerprint, with the first few owners; secrets with the one bot that reads them, or the
//! fact that there are several. What is unseen for the window goes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::cluster::Cohorts;
use super::familiar::{EVERYBODY, Familiar, HostNews, Standing, kind};
use super::firsts::Firsts;
use super::part::append;
use crate::stats::calibrate::Pool;
use crate::stats::recent::Recent;
use crate::stats::sorted::SortedMap;
use crate::stats::temper::Temper;
use crate::stats::{fingerprint, forget, place};
use crate::time::{Span, Timestamp};

/// Scorers that judge session by session.
pub(super) const BY_SESSION: usize = 9;
/// Owners remembered for one host. More would only lengthen the list of a shared runner.
const OWNERS_MAX: usize = 4;

/// Hosts of all bots.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Fleet {
    hosts: SortedMap<Owners>,
    secrets: SortedMap<Reader>,
    /// How odd the silences of all bots are by their own histories, a bot-day each, by how many days they have shown and
    /// by whether they keep to a rhythm.
    silences: [[Pool; EXPERIENCE.len() + 1]; 2],
    /// How far the p-values of sessions are believed, by scorer and by how many days bots have shown.
    #[serde(default)]
    tempers: [[Temper; EXPERIENCE.len() + 1]; BY_SESSION],
    /// Who behaves alike.
    pub cohorts: Cohorts,
    /// What bots of a tenant have in common: kinds of hosts, networks, operations.
    pub host_kinds: Familiar,
    pub host_news: HostNews,
    pub networks: Familiar,
    pub operations: Familiar,
    /// How often what a bot never did happens by accident.
    #[serde(default)]
    pub firsts: Firsts,
    /// When a common silence of a tenant was told last.
    common: BTreeMap<u64, Timestamp>,
    /// Which bots were seen on which hosts today.
    #[serde(skip)]
    recent: Recent,
}

/// Days at work, weighted by age, below which a bot's scores are pooled with those of its like: whoever has been seen
/// twice surprises differently from whoever works daily.
const EXPERIENCE: [f32; 2] = [3.0, 8.0];
/// Keeps the hashes of one host and several bots apart: odd, and with ones all over.
const BOT_APART: u64 = 0x9e37_79b9_7f4a_7c15;

/// Days over which the pools forget. They stand for bots in general, and may remember longer than a bot's window.
const POOL_DAYS: f64 = 90.0;

fn experience(days: f32) -> usize {
    EXPERIENCE.iter().filter(|&&bound| days >= bound).count()
}

/// Who reads a secret.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Reader {
    bot: u32,
    shared: bool,
    last_day: i64,
}

/// Who works from a host; small, since a fleet that gets fresh hosts has more of them than bots.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Owners {
    /// The first ones; the rest is [`NOBODY`].
    bots: [u32; OWNERS_MAX],
    last_day: i32,
}

/// Stands for no owner in the list of a host.
const NOBODY: u32 = u32::MAX;

/// A part of it that is written down at a time; one after the other they are the whole.
#[derive(Clone, Copy, Debug)]
pub(super) enum FleetPart {
    Hosts,
    Secrets,
    Pools,
    Kinds,
    Networks,
    Operations,
    Rest,
}

impl FleetPart {
    /// All of them, in their order.
    pub(super) const ALL: [Self; 7] =
        [Self::Hosts, Self::Secrets, Self::Pools, Self::Kinds, Self::Networks, Self::Operations, Self::Rest];
}

impl Fleet {
    /// What is known of the silences of bots that have been at work on so many days, steadily or not.
    pub(super) fn silences(&self, days: f32, steady: bool) -> &Pool {
        &self.silences[usize::from(steady)][experience(days)]
    }

    /// The power to which a scorer's p-values are raised, of bots that have been at work on so many days.
    pub(super) fn power(&self, scorer: usize, days: f32) -> f64 {
        self.tempers[scorer][experience(days)].power()
    }

    /// Counts how odd a bot's day was by its own history: scorer, nats and weight.
    pub(super) fn learn_oddness(&mut self, days: f32, oddness: &[(usize, f64, f64)]) {
        for &(scorer, odd, weight) in oddness.iter().filter(|(scorer, ..)| *scorer < BY_SESSION) {
            self.tempers[scorer][experience(days)].learn(odd, weight);
        }
    }

    /// Counts the silences of a bot's day.
    pub(super) fn learn_silences(&mut self, days: f32, steady: bool, silences: &[(f64, f64)]) {
        for &(odd, weight) in silences {
            self.silences[usize::from(steady)][experience(days)].learn(odd, weight);
        }
    }

    /// Whether a common silence of a tenant is to be told, noting that it is.
    pub(super) fn tell_common(&mut self, tenant: &str, now: Timestamp, quiet: Span) -> bool {
        let told = self.common.entry(fingerprint(&[tenant])).or_insert(Timestamp::MIN);
        let tell = *told + quiet <= now;
        if tell {
            *told = now;
        }
        tell
    }

    /// Notes that a bot works from a host.
    pub(super) fn learn(&mut self, tenant: &str, host: &str, bot: u32, day: i64) {
        if self.recent.again(place(&[tenant, host]) ^ u64::from(bot).wrapping_mul(BOT_APART), day as i32) {
            return;
        }
        let nobody = Owners { bots: [NOBODY; OWNERS_MAX], last_day: day as i32 };
        let owners = self.hosts.or_insert_with(fingerprint(&[tenant, host]), || nobody);
        owners.last_day = owners.last_day.max(day as i32);
        if let Some(owner) = owners.bots.iter_mut().find(|owner| **owner == bot || **owner == NOBODY) {
            *owner = bot;
        }
    }

    /// What a host that is new for a bot is to the others.
    pub(super) fn standing(&self, tenant: &str, host: &str, bot: u32) -> Standing {
        let owners = self.hosts.get(fingerprint(&[tenant, host])).map_or(&[][..], |owners| &owners.bots);
        let mut others = owners.iter().copied().filter(|&owner| owner != bot && owner != NOBODY);
        match (others.next(), others.next()) {
            (Some(owner), None) => Standing::Owned(owner),
            (Some(_), Some(_)) => Standing::Shared,
            (None, _) if !self.host_kinds.is_strange(tenant, kind(host)) => Standing::Kin,
            (None, _) if self.host_news.of_several() && self.host_kinds.is_strange(EVERYBODY, kind(host)) => {
                Standing::Alien
            }
            (None, _) => Standing::Strange,
        }
    }

    /// Notes that a secret is one of those that a bot reads regularly.
    pub(super) fn learn_secret(&mut self, tenant: &str, secret: &str, bot: u32, day: i64) {
        let reader = Reader { bot, shared: false, last_day: day };
        let known = self.secrets.or_insert_with(fingerprint(&[tenant, secret]), || reader);
        known.shared |= known.bot != bot;
        known.last_day = known.last_day.max(day);
    }

    /// The bot that a secret belongs to, if that is one other bot alone.
    pub(super) fn other_reader(&self, tenant: &str, secret: &str, bot: u32) -> Option<u32> {
        let reader = self.secrets.get(fingerprint(&[tenant, secret]))?;
        (!reader.shared && reader.bot != bot).then_some(reader.bot)
    }

    /// Drops hosts and secrets unseen since `oldest_day`, and lets the pools forget the days that passed.
    pub(super) fn forget(&mut self, oldest_day: i64, passed: i64) {
        let factor = forget(passed as f64, POOL_DAYS);
        for pool in self.silences.as_flattened_mut() {
            pool.forget(factor);
        }
        self.tempers.as_flattened_mut().iter_mut().for_each(|temper| temper.forget(factor));
        for familiar in [&mut self.host_kinds, &mut self.networks, &mut self.operations] {
            familiar.forget(oldest_day, passed);
        }
        self.host_news.forget(passed);
        self.firsts.forget(passed);
        self.secrets.retain(|_, reader| reader.last_day >= oldest_day);
        self.hosts.retain(|_, owners| i64::from(owners.last_day) >= oldest_day);
        self.recent.forget();
    }

    /// Adds a part to bytes.
    pub(super) fn write(&self, part: FleetPart, bytes: &mut Vec<u8>) {
        match part {
            FleetPart::Hosts => append(bytes, &self.hosts),
            FleetPart::Secrets => append(bytes, &self.secrets),
            FleetPart::Pools => append(bytes, &(&self.silences, &self.tempers, &self.cohorts)),
            FleetPart::Kinds => append(bytes, &(&self.host_kinds, &self.host_news)),
            FleetPart::Networks => append(bytes, &self.networks),
            FleetPart::Operations => append(bytes, &self.operations),
            FleetPart::Rest => append(bytes, &(&self.firsts, &self.common)),
        }
    }

    /// Bytes that it takes, about.
    pub(super) fn heap_bytes(&self) -> usize {
        self.cohorts.heap_bytes()
            + [&self.host_kinds, &self.networks, &self.operations].map(Familiar::heap_bytes).iter().sum::<usize>()
            + self.firsts.heap_bytes()
            + self.hosts.heap_bytes()
            + self.recent.heap_bytes()
            + self.secrets.heap_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_of_another_bot_is_told_from_ones_own() {
        let mut fleet = Fleet::default();
        fleet.learn("t", "h", 1, 10);
        assert_eq!(fleet.standing("t", "h", 1), Standing::Strange);
        assert_eq!(fleet.standing("t", "h", 2), Standing::Owned(1));
        assert_eq!(fleet.standing("other", "h", 2), Standing::Strange);
        fleet.learn("t", "h", 3, 10);
        assert_eq!(fleet.standing("t", "h", 2), Standing::Shared);
        fleet.host_kinds.learn("t", "h", 10);
        assert_eq!(fleet.standing("t", "h-2", 2), Standing::Kin);
        fleet.forget(11, 1);
        assert_eq!(fleet.standing("t", "h", 2), Standing::Strange);
    }

    #[test]
    fn a_host_like_none_of_any_tenant_is_alien_where_there_are_several() {
        let mut fleet = Fleet::default();
        for whose in ["t", EVERYBODY] {
            fleet.host_kinds.learn(whose, "srv", 10);
        }
        fleet.host_kinds.learn(EVERYBODY, "pod", 10);
        fleet.host_news.learn("t", Standing::Kin, 1.0);
        assert_eq!(fleet.standing("t", "jump-1", 1), Standing::Strange, "one tenant says nothing of others");
        fleet.host_news.learn("u", Standing::Kin, 1.0);
        assert_eq!(fleet.standing("t", "jump-1", 1), Standing::Alien);
        assert_eq!(fleet.standing("t", "pod-1", 1), Standing::Strange, "another tenant has such");
        assert_eq!(fleet.standing("t", "srv-2", 1), Standing::Kin);
        let nats = |standing| fleet.host_news.strangeness("t", standing, 3.0);
        assert!(nats(Standing::Alien) > nats(Standing::Strange) && nats(Standing::Strange) > nats(Standing::Kin));
    }

    #[test]
    fn a_secret_belongs_to_the_one_bot_that_reads_it() {
        let mut fleet = Fleet::default();
        fleet.learn_secret("t", "kv/db", 1, 10);
        assert_eq!((fleet.other_reader("t", "kv/db", 1), fleet.other_reader("t", "kv/db", 2)), (None, Some(1)));
        fleet.learn_secret("t", "kv/db", 2, 11);
        assert_eq!(fleet.other_reader("t", "kv/db", 3), None, "two read it");
        fleet.forget(12, 1);
        assert!(fleet.secrets.is_empty());
    }
}
