//! How often what a bot never did happens to bots like it by accident: a step between known endpoints that it never took,
//! since an event was lost or a step left out; two sessions at once on hosts of its own, since work came in twice. By a
//! bot's own history that cannot be told, which is all zeros until the first time, and the longer it is, the odder the
//! first time looks. Yet among a hundred bots it is somebody's first time every few days.
//!
//! So the tenant's own past tells: of the sessions of bots that are much like this one, the share `q` that showed such a
//! first, with a prior. A bot of `d` sessions a day has one on a share of `1 - (1 - q)^d` of its days (Good's chance of
//! an unseen value, taken over many bots instead of over one), and what is odder than one such accident is as much rarer
//! as by the tail of its scores. Alike are, for steps, bots with as many sessions behind them, since whoever has been
//! seen for longer has shown more of its steps; for sessions at once, bots with as many a day. Sessions count whatever was
//! thought of them, since those that paged are what is in question; an order turned around does not, which no accident
//! does. 104 bytes a tenant. Blind spot: who brings firsts into hundreds of sessions makes a single one usual for all bots
//! of its tenant.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::stats::{GONE, fingerprint, forget};

/// Groups of bots by their sessions.
const GROUPS: usize = 6;
/// Sessions behind a bot, weighted by age, and sessions a day, from which it is among the next ones.
const SIZES: [[f64; GROUPS - 1]; FIRSTS] = [[10.0, 30.0, 100.0, 300.0, 1_000.0], [1.5, 2.5, 5.0, 10.0, 20.0]];
/// The prior: sessions with a first, and all of them.
const PRIOR: (f64, f64) = (0.5, 1_000.0);
/// Days over which the counts forget.
const DAYS: f64 = 90.0;

/// What may happen for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum First {
    /// A step between known endpoints.
    Step,
    /// Two sessions at once on different hosts of its own.
    AtOnce,
}

/// What may happen for the first time: so many kinds of it.
const FIRSTS: usize = 2;

/// Sessions with and without firsts, by tenant.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Firsts(BTreeMap<u64, [[Count; GROUPS]; FIRSTS]>);

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Count {
    all: f32,
    firsts: f32,
}

impl First {
    /// The group of a bot: with so many sessions behind it, for steps; with so many a day, for sessions at once.
    fn group(self, size: f64) -> usize {
        SIZES[self as usize].iter().filter(|&&bound| size >= bound).count()
    }
}

impl Firsts {
    /// Probability that a day shows a first, of a bot of such a size and with so many sessions a day.
    pub(super) fn p_day(&self, tenant: &str, first: First, size: f64, daily: f64) -> f64 {
        let of = self.0.get(&fingerprint(&[tenant]));
        let Count { all, firsts } = of.map_or(Count::default(), |of| of[first as usize][first.group(size)]);
        let share = (f64::from(firsts) + PRIOR.0) / (f64::from(all) + PRIOR.1);
        1.0 - (1.0 - share).powf(daily.max(1.0))
    }

    /// Counts a session of a bot of such a size, and whether it showed a first.
    pub(super) fn learn(&mut self, tenant: &str, first: First, size: f64, is_first: bool) {
        let count = &mut self.0.entry(fingerprint(&[tenant])).or_default()[first as usize][first.group(size)];
        count.all += 1.0;
        count.firsts += f32::from(u8::from(is_first));
    }

    /// Lets the counts forget the days that passed.
    pub(super) fn forget(&mut self, passed: i64) {
        let factor = forget(passed as f64, DAYS) as f32;
        for count in self.0.values_mut().flatten().flatten() {
            count.all *= factor;
            count.firsts *= factor;
        }
        self.0.retain(|_, of| of.as_flattened().iter().map(|count| count.all).sum::<f32>() > GONE);
    }

    /// Bytes that it takes, about.
    pub(super) fn heap_bytes(&self) -> usize {
        self.0.len() * size_of::<(u64, [[Count; GROUPS]; FIRSTS])>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_is_as_likely_as_the_tenants_sessions_say() {
        let mut firsts = Firsts::default();
        let p = |firsts: &Firsts, tenant, daily| firsts.p_day(tenant, First::Step, 500.0, daily);
        let prior = p(&firsts, "t", 1.0);
        assert!((prior - 5e-4).abs() < 1e-12);
        (0..99_000).for_each(|nth| firsts.learn("t", First::Step, 500.0, nth % 1_000 == 0));
        assert!((p(&firsts, "t", 1.0) - 99.5 / 100_000.0).abs() < 1e-9);
        assert!((p(&firsts, "t", 20.0) - 0.0197).abs() < 1e-4, "twenty chances a day: {}", p(&firsts, "t", 20.0));
        assert!((p(&firsts, "other", 1.0) - prior).abs() < 1e-12, "each tenant for itself");
        assert!((firsts.p_day("t", First::Step, 5.0, 1.0) - prior).abs() < 1e-12, "and each size");
        assert!((firsts.p_day("t", First::AtOnce, 500.0, 1.0) - prior).abs() < 1e-12, "and each sort");
        firsts.forget(2_000);
        assert!(firsts.0.is_empty());
    }
}
