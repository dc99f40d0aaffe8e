//! Mean and deviation of each number of a vector, one observation at a time (Welford, *Technometrics* 4, 1962).

use super::session::{FEATURES, Vector};

/// Least deviation: below it, what never varied would make a rounding error the largest oddity of all.
const DEVIATION_MIN: f64 = 0.1;

/// Running moments of a vector.
#[derive(Clone, Debug, Default)]
pub(crate) struct Moments {
    pub(crate) count: f64,
    mean: Vector,
    squares: Vector,
}

impl Moments {
    pub(crate) fn learn(&mut self, vector: &Vector) {
        self.count += 1.0;
        for ((mean, squares), value) in self.mean.iter_mut().zip(&mut self.squares).zip(vector) {
            let before = value - *mean;
            *mean += before / self.count;
            *squares += before * (value - *mean);
        }
    }

    /// Deviation of each number.
    pub(crate) fn deviations(&self) -> Vector {
        self.squares.map(|squares| (squares / self.count.max(1.0)).sqrt().max(DEVIATION_MIN))
    }

    /// How many deviations each number lies from its mean.
    pub(crate) fn standard(&self, vector: &Vector) -> Vector {
        let deviations = self.deviations();
        std::array::from_fn(|at| (vector[at] - self.mean[at]) / deviations[at])
    }
}

/// The places of the largest numbers, largest first.
pub(crate) fn largest(values: &Vector, how_many: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (0..FEATURES).collect();
    places.sort_by(|a, b| values[*b].total_cmp(&values[*a]));
    places.truncate(how_many);
    places
}
