//! Who should own which partition: as many for each member, give or take one, and as few moved as that takes.
//!
//! Members keep what they own, up to their share. What is left, because nobody owns it or its owner has too many, goes to those
//! that have too few, by rendezvous hashing (Thaler, Ravishankar, *IEEE/ACM Transactions on Networking* 6, 1998), so that what
//! one that goes had is spread over all that stay. Hashing alone, without what is owned, would give all of 8 partitions to one
//! of two members in one of 128 clusters. Whoever sees the same members and owners finds the same plan; while they see
//! others, a partition may change hands once more than it had to, and nothing worse.

use std::collections::BTreeMap;

/// The member that should own each partition, by the members that live, in order, and by who owns what; none where nobody
/// lives.
pub(super) fn plan(partitions: u16, live: &[String], owners: &BTreeMap<u16, String>) -> Vec<Option<usize>> {
    let mut plan = vec![None; usize::from(partitions)];
    if live.is_empty() {
        return plan;
    }
    let (share, mut more) = (plan.len() / live.len(), plan.len() % live.len());
    let mut owned = vec![Vec::new(); live.len()];
    for (&partition, owner) in owners.range(..partitions) {
        if let Ok(member) = live.binary_search(owner) {
            owned[member].push((rank(owner, partition), partition));
        }
    }
    let mut load = vec![0; live.len()];
    let mut members: Vec<usize> = (0..live.len()).collect();
    // Those that have most are the ones that may have one more than others.
    members.sort_by_key(|&member| usize::MAX - owned[member].len());
    for member in members {
        owned[member].sort_unstable();
        let one_more = usize::from(more > 0 && owned[member].len() > share);
        more -= one_more;
        for (_, partition) in owned[member].iter().take(share + one_more) {
            plan[usize::from(*partition)] = Some(member);
            load[member] += 1;
        }
    }
    let left = (0..partitions).filter(|partition| plan[usize::from(*partition)].is_none());
    let mut pairs: Vec<([u8; 32], u16, usize)> = left
        .flat_map(|partition| live.iter().enumerate().map(move |(at, name)| (rank(name, partition), partition, at)))
        .collect();
    pairs.sort_unstable();
    for (_, partition, member) in pairs {
        let one_more = usize::from(load[member] == share && more > 0);
        if plan[usize::from(partition)].is_none() && load[member] < share + one_more {
            plan[usize::from(partition)] = Some(member);
            load[member] += 1;
            more -= one_more;
        }
    }
    plan
}

/// The least comes first. Each partition has an order of its own.
pub(super) fn rank(member: &str, partition: u16) -> [u8; 32] {
    rank_of(member, &partition.to_le_bytes())
}

/// The same for anything else that one of the members is to see to.
pub(super) fn rank_of(member: &str, what: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(what).update(member.as_bytes());
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PARTITIONS: u16 = 64;

    fn members(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn shares(plan: &[Option<usize>], members: usize) -> Vec<usize> {
        (0..members).map(|member| plan.iter().filter(|first| **first == Some(member)).count()).collect()
    }

    /// Who owns what once a plan is carried out.
    fn carried_out(plan: &[Option<usize>], live: &[String]) -> BTreeMap<u16, String> {
        let owners =
            plan.iter().enumerate().map(|(partition, first)| Some((partition as u16, live[(*first)?].clone())));
        owners.flatten().collect()
    }

    #[test]
    fn without_members_nobody_should_own_anything() {
        assert_eq!(plan(3, &[], &BTreeMap::from([(1, "a".to_owned())])), [None; 3]);
        assert_eq!(plan(0, &members(&["a"]), &BTreeMap::new()), []);
    }

    #[test]
    fn one_that_comes_gets_its_share_and_takes_from_each_what_it_has_too_much() {
        let alone = members(&["a"]);
        let owners = carried_out(&plan(PARTITIONS, &alone, &BTreeMap::new()), &alone);
        let both = members(&["a", "b"]);
        let planned = plan(PARTITIONS, &both, &owners);
        assert_eq!(shares(&planned, 2), [32, 32]);
        let owners = carried_out(&planned, &both);
        let three = members(&["a", "b", "c"]);
        let planned = plan(PARTITIONS, &three, &owners);
        assert_eq!(shares(&planned, 3), [22, 21, 21]);
        let moved = planned.iter().zip(owners.values()).filter(|(first, before)| three[first.unwrap_or(9)] != **before);
        assert_eq!(moved.count(), 21, "what the new one gets");
    }

    #[test]
    fn with_few_partitions_none_goes_away_empty() {
        for number in 0..1_000_u32 {
            let mut both = [format!("a-{number:08x}"), format!("b-{:08x}", number.wrapping_mul(2_654_435_761))];
            both.sort();
            assert_eq!(shares(&plan(8, &both, &BTreeMap::new()), 2), [4, 4]);
        }
    }

    proptest! {
        #[test]
        fn shares_are_even_what_may_stay_stays_and_a_plan_carried_out_stands(
            partitions in 0..40_u16,
            live in 1..7_usize,
            owners in proptest::collection::btree_map(0..48_u16, 0..9_usize, 0..48),
        ) {
            let names: Vec<String> = (0..9).map(|member| format!("member-{member}")).collect();
            let owners: BTreeMap<u16, String> = owners.into_iter().map(|(at, owner)| (at, names[owner].clone())).collect();
            let live = &names[..live];
            let planned = plan(partitions, live, &owners);
            let shares = shares(&planned, live.len());
            let (least, most) = (shares.iter().min().copied(), shares.iter().max().copied());
            prop_assert_eq!(shares.iter().sum::<usize>(), usize::from(partitions));
            prop_assert!(most <= least.map(|least| least + 1), "{:?}", shares);
            for (member, name) in live.iter().enumerate() {
                let had: Vec<u16> = owners.range(..partitions).filter(|(_, owner)| *owner == name).map(|(at, _)| *at).collect();
                let kept = had.iter().filter(|at| planned[usize::from(**at)] == Some(member)).count();
                prop_assert!(kept == had.len() || kept == shares[member], "{} of {} kept, {:?}", kept, had.len(), shares);
            }
            let owners = carried_out(&planned, live);
            prop_assert_eq!(plan(partitions, live, &owners), planned, "nothing is moved any more");
        }

        #[test]
        fn one_that_goes_leaves_the_others_where_they_are_and_spreads_what_it_had(gone in 0..4_usize) {
            let four = members(&["a", "b", "c", "d"]);
            let owners = carried_out(&plan(PARTITIONS, &four, &BTreeMap::new()), &four);
            let stay: Vec<String> = four.iter().filter(|name| **name != four[gone]).cloned().collect();
            let planned = plan(PARTITIONS, &stay, &owners);
            for (partition, first) in planned.iter().enumerate() {
                let before = &owners[&(partition as u16)];
                prop_assert!(*before == four[gone] || first.map(|first| &stay[first]) == Some(before));
            }
            let mut got = shares(&planned, 3);
            got.sort_unstable();
            prop_assert_eq!(got, [21, 21, 22]);
        }
    }
}
