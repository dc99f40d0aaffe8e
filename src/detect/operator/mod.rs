//! Who administers the bots of a tenant, and what is usual for each of them: identities apart from the bots.
//!
//! Of each operator it keeps what they do, to which bots, from where, at which hours, with or without a ticket and a second
//! factor, and how many bots they touch on a day. An act is held against that before it is learned. Every facet gives a
//! probability of its own: a value never seen has Good and Turing's chance of a day that brings one, a value that is
//! known its share of days (both as in [`novelty`](crate::stats::novelty)), an hour the mass of all hours at most as
//! usual, a number of bots the negative binomial tail of daily peaks. A stranger is held against the tenant: the chance
//! of a day with a newcomer, and the hours and peaks of all. The facets that the act tells of are combined by their harmonic
//! mean, which bears that one evening is odd in several ways at once.
//!
//! Days are the unit, since ten acts of one change are one change. Everything forgets over `[operator] memory_days` of
//! event time. Bounds: operators a tenant, bots and values an operator. Blind spots: two people under one name; an
//! operator who does everything everywhere; acts that name nobody have no baseline.

mod circle;
mod person;
mod reading;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::profile::Profile;
use crate::event::Text;
use crate::stats::fingerprint;
use crate::time::Local;
use circle::Circle;

pub(super) use reading::{Burst, Facet, Odd, Reading, Second};

/// The operators of all tenants.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Operators(BTreeMap<u64, Circle>);

/// One act of administration.
#[derive(Clone, Debug)]
pub(super) struct Act<'a> {
    pub id: &'a str,
    pub by: &'a str,
    pub bot: &'a str,
    /// What was done: the control's action, or `grant`.
    pub action: &'a str,
    pub host: Option<&'a str>,
    pub network: Option<Text>,
    /// When, by the clock that operators are judged by.
    pub local: Local,
    pub ticket: bool,
    /// Whether a second factor was given, where the log says.
    pub factor: Option<bool>,
    /// Whether rules will tell of the act: what was done without approval, and needs it.
    pub bare: bool,
}

impl Operators {
    /// How unusual an act is for whoever did it, as of all that was learned before.
    pub(super) fn read(&mut self, tenant: &str, act: &Act<'_>, profile: &Profile) -> Reading {
        let circle = self.0.entry(fingerprint(&[tenant])).or_default();
        circle.roll(act.local.day, profile);
        circle.read(act, profile)
    }

    /// Learns an act with a trust of 0 to 1. Says how many bounds cut something.
    pub(super) fn learn(&mut self, tenant: &str, act: &Act<'_>, trust: f64, profile: &Profile) -> u64 {
        self.0.get_mut(&fingerprint(&[tenant])).map_or(0, |circle| circle.learn(act, trust, profile))
    }

    /// Notes that an operator's burst is told, so that only twice as many bots are told again.
    pub(super) fn told(&mut self, tenant: &str, by: &str, bots: u32) {
        if let Some(circle) = self.0.get_mut(&fingerprint(&[tenant])) {
            circle.told(by, bots);
        }
    }

    /// Who usually administers a bot, if anybody, the most frequent first.
    pub(super) fn of_bot(&self, tenant: &str, bot: &str) -> Vec<&str> {
        self.0.get(&fingerprint(&[tenant])).map_or_else(Vec::new, |circle| circle.of_bot(bot))
    }

    /// Bytes that it takes, about.
    pub(super) fn heap_bytes(&self) -> usize {
        self.0.values().map(Circle::bytes).sum()
    }
}

#[cfg(test)]
mod tests;
