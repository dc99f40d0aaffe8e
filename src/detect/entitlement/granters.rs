//! Who grants roles in a tenant: a settled circle of people, or whoever happens to.
//!
//! That the next grant comes from somebody new has the chance of Good and Turing, as in
//! [`novelty`](crate::stats::novelty): the share of grants by people who granted once. A stranger is told of only where
//! that chance is small. Bound: [`PEOPLE_MAX`] a tenant, the one longest unseen goes first, and before all who granted more
//! than once any who did not, so that made-up names push out each other.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::detect::profile::EntitlementProfile;
use crate::stats::fingerprint;

/// People remembered for one tenant. Fewer: who grants seldom is a stranger again.
const PEOPLE_MAX: usize = 512;

/// Who grants, by tenant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::detect) struct Granters(BTreeMap<u64, Circle>);

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Circle {
    grants: u32,
    people: BTreeMap<u64, Person>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Person {
    grants: u32,
    last_day: u16,
}

impl Granters {
    /// Counts a grant. If it is the first of its giver where others have given before and newcomers are rare: how many
    /// grants and people there were.
    pub(in crate::detect) fn note(
        &mut self,
        tenant: &str,
        by: &str,
        day: u16,
        profile: &EntitlementProfile,
    ) -> Option<(u32, usize)> {
        let circle = self.0.entry(fingerprint(&[tenant])).or_default();
        let oldest = day.saturating_sub(profile.memory_days);
        let stale: u32 = circle.people.values().filter(|person| person.last_day < oldest).map(|p| p.grants).sum();
        if stale > 0 {
            circle.people.retain(|_, person| person.last_day >= oldest);
            circle.grants = circle.grants.saturating_sub(stale);
        }
        let once = circle.people.values().filter(|person| person.grants == 1).count();
        let chance = (once as f64 + 0.5) / f64::from(circle.grants + 1);
        let settled = circle.grants >= profile.grants_min && chance <= profile.stranger_chance_max;
        let (grants, people) = (circle.grants, circle.people.len());
        circle.grants = circle.grants.saturating_add(1);
        let print = fingerprint(&[by]);
        if let Some(known) = circle.people.get_mut(&print) {
            known.grants = known.grants.saturating_add(1);
            known.last_day = known.last_day.max(day);
            return None;
        }
        if people >= PEOPLE_MAX
            && let Some(longest) = circle
                .people
                .iter()
                .min_by_key(|(_, person)| (person.grants > 1, person.last_day))
                .map(|(print, _)| *print)
            && let Some(gone) = circle.people.remove(&longest)
        {
            // As of those who are forgotten: the chance is that of the people who are there.
            circle.grants = circle.grants.saturating_sub(gone.grants);
        }
        circle.people.insert(print, Person { grants: 1, last_day: day });
        settled.then_some((grants, people))
    }

    /// Bytes that it takes, about.
    pub(in crate::detect) fn heap_bytes(&self) -> usize {
        self.0.values().map(|circle| 64 + circle.people.len() * (size_of::<u64>() + size_of::<Person>())).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::profile::Profile;

    #[test]
    fn made_up_names_push_out_each_other() {
        let profile = Profile::shipped().entitlement;
        let mut granters = Granters::default();
        for day in 1..=100 {
            granters.note("acme", ["ann", "bob"][usize::from(day) % 2], day, &profile);
        }
        assert!(granters.note("acme", "eve", 101, &profile).is_some(), "a circle of two");
        for nth in 0..2 * PEOPLE_MAX {
            granters.note("acme", &format!("temp-{nth}"), 102, &profile);
        }
        let circle = &granters.0[&fingerprint(&["acme"])];
        assert_eq!(circle.people.len(), PEOPLE_MAX);
        assert!(["ann", "bob"].iter().all(|by| circle.people.contains_key(&fingerprint(&[by]))));
        assert_eq!(circle.grants, circle.people.values().map(|person| person.grants).sum::<u32>());
    }
}
