//! Random cut forest: how much a session displaces in trees of random cuts (Guha, Mishra, Roy, Schrijvers, ICML 2016).
//!
//! 40 trees, each over its own reservoir of 128 sessions. Inserting a point into a robust random cut tree gives the same
//! distribution as drawing a new tree over the sample with the point (their theorem 3), so that none is kept: each score
//! draws the point's own way through a fresh tree, cut by cut, until it stands alone. The score is the collusive
//! displacement, the largest ratio along the way of those cut off to those that stay with the point, as a share of the
//! sample, so that bots can be ranked together. Sides are measured in the bot's own deviations. Reasons are the numbers
//! whose cuts displaced most.

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::moments::{Moments, largest};
use super::session::{FEATURES, MEANINGS, Trip, Vector};
use super::{Method, Opinion};

const TREES: usize = 40;
const SAMPLE: usize = 128;
/// Sessions before which a sample says nothing.
const SAMPLE_MIN: usize = 4;

/// One bot's forest.
pub(crate) struct CutForest {
    seed: u64,
    /// Chooses whom the reservoirs keep.
    rng: Xoshiro256PlusPlus,
    /// All sessions; reservoirs name places in it.
    seen: Vec<Vector>,
    reservoirs: Vec<Vec<u32>>,
    moments: Moments,
}

impl CutForest {
    pub(crate) fn new(seed: u64) -> Self {
        let rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        Self { seed, rng, seen: Vec::new(), reservoirs: vec![Vec::new(); TREES], moments: Moments::default() }
    }
}

impl Method for CutForest {
    fn score(&self, trip: &Trip) -> Opinion {
        let (mut score, mut blame) = (0.0, Vector::default());
        if self.seen.len() < SAMPLE_MIN {
            return Opinion { score, dimensions: Vec::new(), at: None };
        }
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(self.seed ^ self.seen.len() as u64);
        let scale = self.moments.deviations();
        for reservoir in &self.reservoirs {
            let sample = reservoir.iter().map(|&place| &self.seen[place as usize]).collect();
            let (displaced, by) = displacement(&trip.vector, sample, &scale, &mut rng);
            let share = displaced / reservoir.len() as f64 / TREES as f64;
            score += share;
            blame[by] += share;
        }
        let dimensions = largest(&blame, 2).into_iter().filter(|&at| blame[at] > 0.0).map(|at| MEANINGS[at]).collect();
        Opinion { score, dimensions, at: None }
    }

    fn learn(&mut self, trip: &Trip) {
        let place = self.seen.len();
        self.seen.push(trip.vector);
        self.moments.learn(&trip.vector);
        for reservoir in &mut self.reservoirs {
            if reservoir.len() < SAMPLE {
                reservoir.push(place as u32);
            } else if let Some(slot) = reservoir.get_mut(self.rng.gen_range(0..=place)) {
                *slot = place as u32;
            }
        }
    }
}

/// The collusive displacement of a point by a sample in one random tree, and the number whose cut made it.
fn displacement(point: &Vector, mut sample: Vec<&Vector>, scale: &Vector, rng: &mut impl Rng) -> (f64, usize) {
    let (mut most, mut by) = (0.0, 0);
    while !sample.is_empty() {
        let box_of = |at: usize| {
            let start = (point[at], point[at]);
            sample.iter().fold(start, |(low, high), other| (low.min(other[at]), high.max(other[at])))
        };
        let boxes: [(f64, f64); FEATURES] = std::array::from_fn(box_of);
        let sides: Vector = std::array::from_fn(|at| (boxes[at].1 - boxes[at].0) / scale[at]);
        let whole: f64 = sides.iter().sum();
        if whole <= 0.0 {
            break;
        }
        let mut left = rng.gen_range(0.0..whole);
        let at = sides.iter().position(|side| {
            left -= side;
            left < 0.0
        });
        let Some(at) = at else { break };
        let cut = rng.gen_range(boxes[at].0..boxes[at].1);
        let before = sample.len();
        let above = point[at] > cut;
        sample.retain(|other| (other[at] > cut) == above);
        let displaced = (before - sample.len()) as f64 / (sample.len() + 1) as f64;
        if displaced > most {
            (most, by) = (displaced, at);
        }
    }
    (most, by)
}
