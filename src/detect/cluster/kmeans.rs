//! The same k-means as that of `linfa`, for the few points of one bot: on this thread, without an allocation a step.
//!
//! `linfa` shares each step out to all cores, which is right for many points and costs a hundred times the step for
//! thirty, in each of the many small fits that a fleet's bots have a week. What comes out is the same to the last bit,
//! which a property test holds it to: points are added in their order, starts are drawn from the same generator, and
//! each center counts as a point of its own group.

use ndarray::{Array1, Array2};
use rand::distributions::{Distribution, WeightedIndex};
use rand_xoshiro::Xoshiro256PlusPlus;

/// When a run ends: after so many steps, or once the centers have moved less than this.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    pub runs: usize,
    pub steps_max: u64,
    pub moved_min: f64,
}

/// Centers of `k` groups and the group of each point; `None` where no run came to an end with a finite spread.
pub(super) fn fit(
    points: &Array2<f64>,
    k: usize,
    ends: Ends,
    mut rng: Xoshiro256PlusPlus,
) -> Option<(Array2<f64>, Array1<usize>)> {
    let width = points.ncols();
    let flat: Vec<f64> = points.iter().copied().collect();
    let rows: Vec<&[f64]> = flat.chunks_exact(width).collect();
    let mut of = vec![0; rows.len()];
    let mut apart = Array1::zeros(rows.len());
    let mut best: Option<(f64, Vec<f64>)> = None;
    for _ in 0..ends.runs {
        let mut centers = starts(&rows, k, &mut rng);
        let mut steps = 0;
        loop {
            for ((row, of), apart) in rows.iter().zip(&mut of).zip(&mut apart) {
                (*of, *apart) = nearest(&centers, row);
            }
            let next = means(&centers, &rows, &of);
            let moved = squared(&centers, &next).sqrt();
            centers = next;
            steps += 1;
            if moved < ends.moved_min || steps == ends.steps_max {
                break;
            }
        }
        let spread = apart.sum();
        if spread < best.as_ref().map_or(f64::INFINITY, |(least, _)| *least) {
            best = Some((spread, centers));
        }
    }
    let (_, centers) = best?;
    let of = rows.iter().map(|row| nearest(&centers, row).0).collect();
    Some((Array2::from_shape_vec((k, width), centers).ok()?, of))
}

/// Points to start from, each drawn by its squared distance from those before it (k-means++).
fn starts(rows: &[&[f64]], k: usize, rng: &mut Xoshiro256PlusPlus) -> Vec<f64> {
    let mut weights = vec![1.0; rows.len()];
    let mut centers = Vec::with_capacity(k * rows[0].len());
    for _ in 0..k {
        // Where all weigh nothing, each point has a center already, and it does not matter which comes next.
        let drawn = WeightedIndex::new(&weights).map_or(0, |index| index.sample(rng));
        centers.extend_from_slice(rows[drawn]);
        for (row, weight) in rows.iter().zip(&mut weights) {
            *weight = nearest(&centers, row).1;
        }
    }
    centers
}

/// The nearest center with its squared distance.
fn nearest(centers: &[f64], row: &[f64]) -> (usize, f64) {
    let apart = |center: &[f64]| squared(center, row);
    let mut centers = centers.chunks_exact(row.len()).map(apart).enumerate();
    let first = centers.next().unwrap_or((0, f64::INFINITY));
    centers.fold(first, |least, next| if next.1 < least.1 { next } else { least })
}

/// The means of the groups, in each of which the center before counts as well.
fn means(centers: &[f64], rows: &[&[f64]], of: &[usize]) -> Vec<f64> {
    let width = rows[0].len();
    let (mut sums, mut counts) = (vec![0.0; centers.len()], vec![1_usize; centers.len() / width]);
    for (row, &of) in rows.iter().zip(of) {
        counts[of] += 1;
        sums[of * width..].iter_mut().zip(*row).for_each(|(sum, x)| *sum += x);
    }
    let parts = sums.iter_mut().zip(centers).enumerate();
    parts.for_each(|(at, (sum, center))| *sum = (*sum + center) / counts[at / width] as f64);
    sums
}

fn squared(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).fold(0.0, |sum, (a, b)| {
        let apart = (a - b).abs();
        sum + apart * apart
    })
}

#[cfg(test)]
mod tests {
    use linfa::DatasetBase;
    use linfa::traits::{Fit, Predict};
    use linfa_clustering::KMeans;
    use proptest::prelude::*;
    use rand::SeedableRng;

    use super::*;

    proptest! {
        #[test]
        fn it_is_that_of_linfa_to_the_last_bit(
            steps in prop::collection::vec(0_u8..40, 4 * 3..4 * 33), k in 1_usize..4, seed in any::<u64>(),
        ) {
            let rows = steps.len() / 4;
            let points = Array2::from_shape_fn((rows, 4), |(row, column)| f64::from(steps[row * 4 + column]) / 8.0);
            let rng = Xoshiro256PlusPlus::seed_from_u64(seed);
            let ends = Ends { runs: 3, steps_max: 40, moved_min: 1e-3 };
            let theirs = KMeans::params_with_rng(k, rng.clone()).n_runs(3).max_n_iterations(40).tolerance(1e-3);
            let theirs = theirs.fit(&DatasetBase::from(points.view())).expect("their groups");
            let (centers, of) = fit(&points, k, ends, rng).expect("groups");
            prop_assert_eq!(&centers, theirs.centroids());
            prop_assert_eq!(of, theirs.predict(&points));
        }
    }
}
