//! What the bots of a tenant have in common: kinds of hosts, networks, operations. What is new for a bot and known to
//! others is how work is moved about; what is new for a bot and for everybody is stranger.
//!
//! How much stranger, the tenant's own past tells: of the values that were new for bots which had been known for days,
//! the share that was new for everybody, with a prior of one in two. Where each release brings operations that nobody
//! knew, or each morning hosts of another kind, that proves nothing; where new values have always been somebody's, the
//! first that is nobody's proves a good deal. The chance of a new value, which the bot's own baseline gives, is
//! multiplied by that share (Good's chance of an unseen value, and the chance that it is unseen by all given that).
//!
//! An operation is held against its own bot's as well: new work mostly is about something that the bot has to do with
//! already, the next table of a known system, another directory of the same source. What that is, the operation's name
//! tells ([`family`](crate::event::normalize::family)). Of those that were new for bots, the tenant's past tells in the
//! same way how many were about something else.
//!
//! A host new for a bot is one of five: several others share it, one other bot works from it, it is named like hosts in
//! use, like none of the tenant's, or like none of any tenant's. Which of those new hosts are in a tenant, its past tells as well, and the prior that hosts are
//! shared or bought and seldom borrowed; one is as much stranger as its sort is rarer than the commonest. Kinds are
//! the letters that names begin with: the naming of a site. Blind spot: who calls a host as the site does, or calls
//! what another bot calls, is as new as before, and no more.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::stats::recent::Recent;
use crate::stats::sorted::SortedMap;
use crate::stats::{GONE, fingerprint, forget, place};

/// Values remembered. More cost 12 bytes each; once full, what is not among them counts as known.
const VALUES_MAX: usize = 1 << 18;
/// Days at work, weighted by age, from which what is new for a bot counts. Fewer: the first days of a fleet, on which
/// everything is new for everybody, teach that strange values are familiar.
pub(super) const DAYS_MIN: f32 = 3.0;
/// The prior: new values that were nobody's, and all of them.
const PRIOR: (f64, f64) = (0.5, 1.0);
/// Days over which the shares forget.
const DAYS: f64 = 90.0;

/// Values of one sort that bots of a tenant show.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Familiar {
    /// The last day of each, by fingerprint.
    known: SortedMap<i32>,
    /// What was new for bots, by tenant.
    news: BTreeMap<u64, News>,
    /// What was learned today.
    #[serde(skip)]
    recent: Recent,
}

/// Values that were new for a bot, weighted by age and trust.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct News {
    all: f32,
    strange: f32,
}

impl News {
    /// Nats that a strange one proves more than another, at most `nats_max`.
    fn nats(self, nats_max: f64) -> f64 {
        let share = (f64::from(self.strange) + PRIOR.0) / (f64::from(self.all) + PRIOR.1);
        (-share.ln()).clamp(0.0, nats_max)
    }

    fn learn(&mut self, strange: bool, trust: f64) {
        self.all += trust as f32;
        self.strange += if strange { trust as f32 } else { 0.0 };
    }
}

impl Familiar {
    /// Nats that a value new for a bot is stranger for being new for everybody, at most `nats_max`; 0 if it is not.
    pub(super) fn strangeness(&self, tenant: &str, value: &str, nats_max: f64) -> f64 {
        if !self.is_strange(tenant, value) {
            return 0.0;
        }
        self.news_of(&[tenant]).nats(nats_max)
    }

    fn news_of(&self, whose: &[&str]) -> News {
        self.news.get(&fingerprint(whose)).copied().unwrap_or_default()
    }

    /// Whether no bot of the tenant shows a value.
    pub(super) fn is_strange(&self, tenant: &str, value: &str) -> bool {
        let full = self.known.len() >= VALUES_MAX;
        !full && !self.known.contains_key(fingerprint(&[tenant, value]))
    }

    /// Counts a value that was new for a bot, with a trust of 0 to 1.
    pub(super) fn learn_new(&mut self, tenant: &str, value: &str, trust: f64) {
        let strange = self.is_strange(tenant, value);
        self.news.entry(fingerprint(&[tenant])).or_default().learn(strange, trust);
    }

    /// Nats that an operation about nothing that its bot has to do with is stranger than another new one, at most
    /// `nats_max`.
    pub(super) fn foreignness(&self, tenant: &str, nats_max: f64) -> f64 {
        self.news_of(&[tenant, OWN]).nats(nats_max)
    }

    /// Counts an operation that was new for a bot, with a trust of 0 to 1, by whether it is about something that the bot
    /// had to do with.
    pub(super) fn learn_foreign(&mut self, tenant: &str, foreign: bool, trust: f64) {
        self.news.entry(fingerprint(&[tenant, OWN])).or_default().learn(foreign, trust);
    }

    /// Notes that a bot shows a value.
    pub(super) fn learn(&mut self, tenant: &str, value: &str, day: i64) {
        let (full, day) = (self.known.len() >= VALUES_MAX, day as i32);
        if self.recent.again(place(&[tenant, value]), day) {
            return;
        }
        let print = fingerprint(&[tenant, value]);
        if let Some(last) = self.known.get_mut(print) {
            *last = day.max(*last);
        } else if !full {
            self.known.insert(print, day);
        }
    }

    /// Drops values unseen since `oldest_day`, and lets the shares forget the days that passed.
    pub(super) fn forget(&mut self, oldest_day: i64, passed: i64) {
        let factor = forget(passed as f64, DAYS) as f32;
        for news in self.news.values_mut() {
            news.all *= factor;
            news.strange *= factor;
        }
        self.news.retain(|_, news| news.all > GONE);
        self.known.retain(|_, last| i64::from(*last) >= oldest_day);
        self.recent.forget();
    }

    /// Bytes that it takes, about.
    pub(super) fn heap_bytes(&self) -> usize {
        self.known.heap_bytes() + self.recent.heap_bytes() + self.news.len() * size_of::<(u64, News)>()
    }
}

/// What a host is to the others, when it is new for a bot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Several others work from it.
    Shared,
    /// One other bot works from it.
    Owned(u32),
    /// Nobody does, and it is named like hosts that somebody works from.
    Kin,
    /// Nobody does, and none is named like it.
    Strange,
    /// Nor is any of another tenant.
    Alien,
}

/// Hosts that were new for bots, by tenant and standing, weighted by age and trust.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct HostNews(BTreeMap<u64, Weights>);

/// A weight for each standing. An earlier format knew fewer: what it did not know has none.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Weights([f32; STANDINGS]);

impl<'de> Deserialize<'de> for Weights {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_tuple(STANDINGS, Few).map(Self)
    }
}

/// Takes as many weights as there are.
struct Few;

impl<'de> Visitor<'de> for Few {
    type Value = [f32; STANDINGS];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most {STANDINGS} weights")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut weights = [0.0; STANDINGS];
        for weight in &mut weights {
            match seq.next_element()? {
                Some(known) => *weight = known,
                None => break,
            }
        }
        Ok(weights)
    }
}

/// Standings that a new host may have.
const STANDINGS: usize = 5;
/// New hosts of each standing as if they had been seen.
const PRIOR_HOSTS: [f64; STANDINGS] = [1.0, 0.1, 1.0, 0.3, 0.1];

impl Standing {
    fn number(self) -> usize {
        match self {
            Self::Shared => 0,
            Self::Owned(_) => 1,
            Self::Kin => 2,
            Self::Strange => 3,
            Self::Alien => 4,
        }
    }
}

impl HostNews {
    /// Nats that a host new for a bot is stranger for its standing, at most `nats_max`.
    pub(super) fn strangeness(&self, tenant: &str, standing: Standing, nats_max: f64) -> f64 {
        let Weights(seen) = self.0.get(&fingerprint(&[tenant])).copied().unwrap_or_default();
        let weights: [f64; STANDINGS] = std::array::from_fn(|at| f64::from(seen[at]) + PRIOR_HOSTS[at]);
        let most = weights.iter().copied().fold(0.0, f64::max);
        (most / weights[standing.number()]).ln().clamp(0.0, nats_max)
    }

    /// Whether several tenants have shown what their new hosts are like: with one alone, what is strange to it is strange
    /// to all.
    pub(super) fn of_several(&self) -> bool {
        self.0.len() > 1
    }

    /// Counts a host that was new for a bot, with a trust of 0 to 1.
    pub(super) fn learn(&mut self, tenant: &str, standing: Standing, trust: f64) {
        self.0.entry(fingerprint(&[tenant])).or_default().0[standing.number()] += trust as f32;
    }

    /// Lets the counts forget the days that passed.
    pub(super) fn forget(&mut self, passed: i64) {
        let factor = forget(passed as f64, DAYS) as f32;
        self.0.values_mut().flat_map(|weights| &mut weights.0).for_each(|weight| *weight *= factor);
        self.0.retain(|_, weights| weights.0.iter().sum::<f32>() > GONE);
    }
}

/// Stands for all tenants together where kinds of hosts are remembered; no tenant has this name.
pub(super) const EVERYBODY: &str = "\0";

/// Stands beside a tenant where its new operations are held against each bot's own, instead of all bots'.
const OWN: &str = "\0own";

/// The kind of a host: the letters that its name begins with, which may be none.
pub(super) fn kind(host: &str) -> &str {
    let end = host.find(|c: char| !c.is_alphabetic()).unwrap_or(host.len());
    &host[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_how_names_begin() {
        for (host, of) in
            [("srv-pay-1", "srv"), ("k8s", "k"), ("jump", "jump"), ("10.1.2.3", ""), ("", ""), ("Ü-1", "Ü")]
        {
            assert_eq!(kind(host), of);
        }
    }

    #[test]
    fn what_nobody_knows_is_as_strange_as_such_values_are_rare() {
        let mut familiar = Familiar::default();
        familiar.learn("t", "srv", 10);
        let nats = |familiar: &Familiar, value| familiar.strangeness("t", value, 5.0);
        assert!(nats(&familiar, "srv").abs() < 1e-9);
        assert!((nats(&familiar, "jump") - 2.0_f64.ln()).abs() < 1e-9, "nothing is known of new values");
        (0..19).for_each(|_| familiar.learn_new("t", "srv", 1.0));
        assert!((nats(&familiar, "jump") - 40.0_f64.ln()).abs() < 1e-6, "all of them were somebody's");
        assert!((familiar.strangeness("other", "srv", 5.0) - 2.0_f64.ln()).abs() < 1e-9, "each tenant for itself");
        (0..60).for_each(|_| familiar.learn_new("t", "cloud", 1.0));
        assert!(nats(&familiar, "jump") < 0.3, "new kinds come all the time: {}", nats(&familiar, "jump"));
        assert!(familiar.strangeness("t", "jump", 0.1) <= 0.1);
        familiar.forget(11, 400);
        assert!(nats(&familiar, "srv") > 0.0 && familiar.known.is_empty());
    }

    #[test]
    fn what_is_foreign_to_its_bot_is_counted_beside_what_is_new_for_all() {
        let mut familiar = Familiar::default();
        assert!((familiar.foreignness("t", 5.0) - 2.0_f64.ln()).abs() < 1e-9, "nothing is known");
        (0..9).for_each(|_| familiar.learn_foreign("t", false, 1.0));
        assert!((familiar.foreignness("t", 5.0) - 20.0_f64.ln()).abs() < 1e-6 && familiar.foreignness("t", 1.5) <= 1.5);
        assert!((familiar.strangeness("t", "x", 5.0) - 2.0_f64.ln()).abs() < 1e-9, "each for itself");
        (0..40).for_each(|_| familiar.learn_foreign("t", true, 1.0));
        assert!(familiar.foreignness("t", 5.0) < 0.3, "its bots go on to other things all the time");
        familiar.forget(11, 400);
        assert!((familiar.foreignness("t", 5.0) - 2.0_f64.ln()).abs() < 0.3);
    }

    #[test]
    fn a_host_is_as_strange_as_its_sort_is_rare() {
        let mut news = HostNews::default();
        let nats = |news: &HostNews, standing| news.strangeness("t", standing, 3.0);
        assert!(nats(&news, Standing::Shared).abs() < 1e-9 && nats(&news, Standing::Kin).abs() < 1e-9);
        assert!(
            nats(&news, Standing::Owned(7)) > nats(&news, Standing::Strange) && nats(&news, Standing::Strange) > 1.0
        );
        (0..9).for_each(|_| news.learn("t", Standing::Kin, 1.0));
        assert!((nats(&news, Standing::Shared) - 10.0_f64.ln()).abs() < 1e-6);
        assert!((nats(&news, Standing::Strange) - 3.0).abs() < 1e-9, "at most so many");
        (0..30).for_each(|_| news.learn("t", Standing::Owned(1), 1.0));
        assert!(nats(&news, Standing::Owned(7)).abs() < 1e-9, "they borrow hosts all the time");
        news.forget(1000);
        assert!(news.0.is_empty());
    }
}
