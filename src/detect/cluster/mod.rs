//! What belongs together: a bot's modes of working, and cohorts of bots that behave alike.
//!
//! Both are k-means (Lloyd, *IEEE Transactions on Information Theory* 28, 1982, started by k-means++: Arthur and
//! Vassilvitskii 2007) on standardized logarithms, seeded from what is clustered, refitted on event time, and kept in
//! snapshots. Not a mixture of normals: thirty sessions of a bot that repeats itself to the record make a covariance
//! singular, and what is asked for is only which group is near.

mod cohort;
mod kmeans;
mod modes;

pub(super) use cohort::{COHORT_NONE, Cohorts, Member, TRAITS};
pub(super) use modes::Modes;

use linfa::DatasetBase;
use linfa::traits::{Fit, Predict};
use linfa_clustering::KMeans;
use ndarray::{Array1, Array2};
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

/// Runs of k-means with different starts, the best of which counts.
const RUNS: usize = 3;
/// Steps of each at most. More: a longer refit where centers go on moving.
const STEPS_MAX: u64 = 40;
/// Way of the centers, in the unit of the points, that is none any more.
const MOVED_MIN: f64 = 1e-3;
/// Points up to which the present thread is faster than all together.
const FEW: usize = 64;

/// Groups of points.
#[derive(Clone, Debug)]
struct Groups {
    centers: Array2<f64>,
    /// Number of each point's group.
    of: Array1<usize>,
}

/// Finds `k` groups; `None` where there are fewer points, or one is not finite.
fn group(points: &Array2<f64>, k: usize, seed: u64) -> Option<Groups> {
    if points.nrows() < k || points.iter().any(|x| !x.is_finite()) {
        return None;
    }
    let rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    if points.nrows() <= FEW {
        let ends = kmeans::Ends { runs: RUNS, steps_max: STEPS_MAX, moved_min: MOVED_MIN };
        return kmeans::fit(points, k, ends, rng).map(|(centers, of)| Groups { centers, of });
    }
    let params = KMeans::params_with_rng(k, rng);
    let dataset = DatasetBase::from(points.view());
    let model = params.n_runs(RUNS).max_n_iterations(STEPS_MAX).tolerance(MOVED_MIN).fit(&dataset).ok()?;
    let of = model.predict(points);
    Some(Groups { centers: model.centroids().clone(), of })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_heaps_are_two_groups_and_the_same_each_time() {
        let points = Array2::from_shape_fn((20, 2), |(row, column)| {
            (if row % 2 == 0 { 0.0 } else { 10.0 }) + 0.01 * (row * 3 + column) as f64
        });
        let groups = group(&points, 2, 7).expect("groups");
        assert!((0..20).all(|row| (groups.of[row] == groups.of[0]) == (row % 2 == 0)));
        assert_eq!(group(&points, 2, 7).expect("groups").centers, groups.centers);
        assert!(group(&points, 21, 7).is_none());
        assert!(group(&Array2::from_elem((4, 2), f64::NAN), 2, 7).is_none());
    }
}
