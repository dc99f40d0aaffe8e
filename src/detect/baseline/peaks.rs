//! The highest scores of the running day, dimension by dimension, until the day is closed and they are history.

use serde::{Deserialize, Serialize};

use super::SCORED;
use crate::stats::half::Half;

/// Highest scores of a day: of what was trusted, and of what was doubted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::detect) struct Peaks {
    trusted: [Half; SCORED],
    doubted: [Half; SCORED],
    /// Least trust in what was doubted.
    trust: f32,
}

/// Trust from which a session counts in full. Larger: what was doubted a little says nothing of hosts, hours and pace.
pub(in crate::detect) const FULL: f64 = 0.5;

impl Peaks {
    /// Notes a score.
    pub(in crate::detect) fn note(&mut self, dimension: usize, nats: f64, trust: f64) {
        let peaks = if trust >= FULL { &mut self.trusted } else { &mut self.doubted };
        if nats > f64::from(peaks[dimension].get()) {
            peaks[dimension] = Half::new(nats as f32);
        }
        if trust < FULL {
            self.trust = if self.trust > 0.0 { self.trust.min(trust as f32) } else { trust as f32 };
        }
    }

    /// The day's scores of a dimension with their weights: the trusted one, and a doubted one above it.
    pub(in crate::detect) fn of(&self, dimension: usize) -> impl Iterator<Item = (f64, f64)> {
        let (trusted, doubted) = (self.trusted[dimension].get(), self.doubted[dimension].get());
        let above = (doubted > trusted).then_some((f64::from(doubted), f64::from(self.trust)));
        std::iter::once((f64::from(trusted), 1.0)).chain(above)
    }
}
