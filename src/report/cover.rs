//! The fewest roles that work needs: a set cover, greedy and then thinned.
//!
//! What one role alone was seen doing makes that role needed; of the others the one that covers most is taken, until all
//! is covered; then whatever can be left out is. No role of the result can be left out, though a smaller set may exist:
//! the least one is hard to find (Karp 1972), and most work of a bot is done with one role only.

use std::collections::{BTreeMap, BTreeSet};

/// Places of the roles that cover all work, ascending. `work` pairs what was done with a role that did it; of two roles
/// that do as much, the one with the lower `cost` is taken.
pub(super) fn minimal(work: &[(u32, usize)], cost: impl Fn(usize) -> u64) -> BTreeSet<usize> {
    let mut ways: BTreeMap<u32, BTreeSet<usize>> = BTreeMap::new();
    for &(print, role) in work {
        ways.entry(print).or_default().insert(role);
    }
    let only = ways.values().filter(|roles| roles.len() == 1).filter_map(|roles| roles.first().copied());
    let mut taken: BTreeSet<usize> = only.collect();
    let covered = |taken: &BTreeSet<usize>, roles: &BTreeSet<usize>| roles.iter().any(|role| taken.contains(role));
    loop {
        let mut gains: BTreeMap<usize, usize> = BTreeMap::new();
        for roles in ways.values().filter(|roles| !covered(&taken, roles)) {
            for &role in roles {
                *gains.entry(role).or_default() += 1;
            }
        }
        let best = gains.iter().max_by_key(|(role, gain)| (**gain, u64::MAX - cost(**role), usize::MAX - **role));
        let Some((&role, _)) = best else { break };
        taken.insert(role);
    }
    let mut dearest: Vec<usize> = taken.iter().copied().collect();
    dearest.sort_by_key(|&role| (u64::MAX - cost(role), role));
    for role in dearest {
        taken.remove(&role);
        if !ways.values().all(|roles| covered(&taken, roles)) {
            taken.insert(role);
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_cheaper_of_two_is_taken() {
        assert_eq!(minimal(&[(1, 0), (1, 1)], |role| 1 - role as u64), BTreeSet::from([1]));
        assert_eq!(minimal(&[(1, 0), (1, 1), (2, 0)], |_| 0), BTreeSet::from([0]));
        assert_eq!(minimal(&[], |_| 0), BTreeSet::new());
    }

    proptest! {
        #[test]
        fn all_work_is_covered_and_no_role_can_be_left_out(
            work in prop::collection::vec((0..20_u32, 0..8_usize), 0..60),
            costs in prop::collection::vec(0..5_u64, 8),
        ) {
            let taken = minimal(&work, |role| costs[role]);
            let covers = |taken: &BTreeSet<usize>| {
                work.iter().all(|(print, _)| work.iter().any(|(other, role)| other == print && taken.contains(role)))
            };
            prop_assert!(covers(&taken), "{taken:?}");
            for role in &taken {
                let mut fewer = taken.clone();
                fewer.remove(role);
                prop_assert!(!covers(&fewer), "{role} of {taken:?}");
            }
        }
    }
}
