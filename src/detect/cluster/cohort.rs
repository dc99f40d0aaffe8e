//! Cohorts: bots that behave alike, whatever they are called.
//!
//! Once a week the traits of all bots that have been seen on a few days (how often, on which share of days, over how many
//! hours of the week, how many calls, records and bytes a session has, how many endpoints and hosts there are) are
//! standardized and grouped. A cohort serves three ends: a silence is held against those that work alike before the whole
//! tenant; a bot that is too young to be judged by its own record is held, cautiously, against what its cohort moves; and
//! a bot that no longer behaves like those it used to be with is told of, for the archive.
//!
//! Fitted on at most [`FIT_MAX`] bots, evenly drawn; all others are assigned. Blind spot: in fleets of few bots there are
//! no cohorts.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::group;
use crate::stats::log_histogram::{LogHistogram, Side};

/// Traits of a bot.
pub(in crate::detect) const TRAITS: usize = 8;
/// The cohort of bots that have none.
pub(in crate::detect) const COHORT_NONE: u8 = u8::MAX;
/// Bots that cohorts are fitted on.
const FIT_MAX: usize = 4_096;
/// Bots from which there are cohorts. Fewer: a cohort of two proves nothing.
const BOTS_MIN: usize = 12;
/// How many there are at most. More: smaller ones, and a longer refit.
const COHORTS_MAX: usize = 16;
/// Distance from the old cohort's center, in standard deviations, at which a bot has left it for good.
const LEFT_MIN: f64 = 4.0;
/// Share of that distance within which another cohort's center must be. Larger: who lies between two has left one.
const NEARER: f64 = 0.5;
/// Least spread of a trait over the bots. Smaller: a trait that all have in common tells them apart.
const TRAIT_SPREAD_MIN: f64 = 0.1;
/// Least spread of a volume, on the log scale, when bots are compared with each other.
const SPREAD_FLOOR: f64 = 0.7;
/// Weight of sessions behind a cohort's volumes below which they prove nothing.
const SESSIONS_MIN: f64 = 200.0;

/// A bot as the cohorts see it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::detect) struct Member {
    pub bot: u32,
    pub cohort: u8,
    pub traits: [f64; TRAITS],
}

/// The cohorts of a fleet.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::detect) struct Cohorts {
    mean: [f64; TRAITS],
    spread: [f64; TRAITS],
    centers: Vec<[f64; TRAITS]>,
    /// What the sessions of each cohort move.
    volumes: Vec<[LogHistogram; 4]>,
}

impl Cohorts {
    /// Finds the cohorts anew. Says which bot is in which, and which have left theirs.
    pub(in crate::detect) fn fit(&mut self, members: &[Member]) -> (Vec<(u32, u8)>, Vec<u32>) {
        if members.len() < BOTS_MIN {
            return (Vec::new(), Vec::new());
        }
        let left: Vec<u32> = members.iter().filter(|member| self.has_left(member)).map(|member| member.bot).collect();
        let step = members.len().div_ceil(FIT_MAX);
        let drawn: Vec<&Member> = members.iter().step_by(step).collect();
        self.standardize(&drawn);
        let points = Array2::from_shape_fn((drawn.len(), TRAITS), |(row, at)| self.standard(&drawn[row].traits)[at]);
        let k = ((drawn.len() as f64 / 2.0).sqrt() as usize).clamp(2, COHORTS_MAX);
        let Some(groups) = group(&points, k, drawn.len() as u64) else { return (Vec::new(), Vec::new()) };
        self.centers = (0..k).map(|row| std::array::from_fn(|at| groups.centers[[row, at]])).collect();
        self.volumes = vec![std::array::from_fn(|_| LogHistogram::default()); k];
        let assigned = members.iter().map(|member| (member.bot, self.nearest(&member.traits))).collect();
        (assigned, left)
    }

    /// Counts what a session of a cohort moved.
    pub(in crate::detect) fn learn(&mut self, cohort: u8, totals: [f64; 4]) {
        if let Some(volumes) = self.volumes.get_mut(usize::from(cohort)) {
            for (history, total) in volumes.iter_mut().zip(totals) {
                history.learn(total, 1.0);
            }
        }
    }

    /// Probability that a session of the cohort moves so much, and of what; `None` where too little is known.
    pub(in crate::detect) fn p_volume(&self, cohort: u8, totals: [f64; 4]) -> Option<(f64, usize)> {
        let volumes = self.volumes.get(usize::from(cohort))?;
        let known = volumes.iter().zip(totals).enumerate().filter(|(_, (history, _))| history.total() >= SESSIONS_MIN);
        let p = known.map(|(at, (history, total))| (history.p_side(total, Side::High, SPREAD_FLOOR), at));
        p.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(p, at)| ((totals.len() as f64 * p).min(1.0), at))
    }

    /// The cohort whose center is nearest.
    pub(in crate::detect) fn nearest(&self, traits: &[f64; TRAITS]) -> u8 {
        let from = |center: &[f64; TRAITS]| self.distance(traits, center);
        let near = self.centers.iter().enumerate().min_by(|a, b| from(a.1).total_cmp(&from(b.1)));
        near.map_or(COHORT_NONE, |(at, _)| at as u8)
    }

    /// Bytes that it takes, about.
    pub(in crate::detect) fn heap_bytes(&self) -> usize {
        let volumes: usize = self.volumes.iter().flatten().map(LogHistogram::heap_bytes).sum();
        self.centers.len() * size_of::<[f64; TRAITS]>() + volumes
    }

    fn has_left(&self, member: &Member) -> bool {
        let Some(center) = self.centers.get(usize::from(member.cohort)) else { return false };
        let apart = self.distance(&member.traits, center);
        let others = self.centers.iter().map(|other| self.distance(&member.traits, other));
        apart > LEFT_MIN && others.fold(f64::INFINITY, f64::min) < NEARER * apart
    }

    fn standardize(&mut self, drawn: &[&Member]) {
        let n = drawn.len() as f64;
        for at in 0..TRAITS {
            let mean = drawn.iter().map(|member| member.traits[at]).sum::<f64>() / n;
            let squares: f64 = drawn.iter().map(|member| (member.traits[at] - mean).powi(2)).sum();
            (self.mean[at], self.spread[at]) = (mean, (squares / n).sqrt().max(TRAIT_SPREAD_MIN));
        }
    }

    fn standard(&self, traits: &[f64; TRAITS]) -> [f64; TRAITS] {
        std::array::from_fn(|at| (traits[at] - self.mean[at]) / self.spread[at])
    }

    fn distance(&self, traits: &[f64; TRAITS], center: &[f64; TRAITS]) -> f64 {
        self.standard(traits).iter().zip(center).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members() -> Vec<Member> {
        let traits = |bot: u32| {
            let kind = f64::from(bot % 2);
            std::array::from_fn(|at| kind * (at as f64 + 1.0) + 0.02 * f64::from(bot % 7))
        };
        (0..40).map(|bot| Member { bot, cohort: COHORT_NONE, traits: traits(bot) }).collect()
    }

    #[test]
    fn bots_that_behave_alike_share_a_cohort() {
        let mut cohorts = Cohorts::default();
        let (assigned, left) = cohorts.fit(&members());
        assert!(left.is_empty() && assigned.len() == 40);
        let of = |bot: usize| assigned[bot].1;
        assert!((0..40).all(|a| (0..40).all(|b| a % 2 == b % 2 || of(a) != of(b))));
        assert_eq!(Cohorts::default().nearest(&[0.0; TRAITS]), COHORT_NONE);
    }

    #[test]
    fn whoever_no_longer_behaves_like_its_like_has_left() {
        let mut cohorts = Cohorts::default();
        let mut all = members();
        let (assigned, _) = cohorts.fit(&all);
        for (member, (_, cohort)) in all.iter_mut().zip(&assigned) {
            member.cohort = *cohort;
        }
        all[0].traits = all[1].traits;
        let (_, left) = cohorts.fit(&all);
        assert_eq!(left, [0]);
    }

    #[test]
    fn a_cohort_knows_what_its_sessions_move() {
        let mut cohorts = Cohorts::default();
        cohorts.fit(&members());
        assert_eq!(cohorts.p_volume(0, [1e9; 4]), None);
        (0..300).for_each(|nth| cohorts.learn(0, [100.0 + f64::from(nth % 50), 0.0, 9e4, 8.0]));
        let (p, at) = cohorts.p_volume(0, [1e6, 0.0, 9e4, 8.0]).expect("enough is known");
        assert!(p < 1e-5 && at == 0, "{p} {at}");
        assert!(cohorts.p_volume(0, [120.0, 0.0, 9e4, 8.0]).is_some_and(|(p, _)| p > 0.1));
        assert!(cohorts.p_volume(COHORT_NONE, [1.0; 4]).is_none());
    }
}
