//! Half-space trees: mass in random half spaces, one window behind (Tan, Ting, Liu, IJCAI 2011).
//!
//! As in the paper: 25 trees, each over a work range of its own; each node halves a random side of its box; the mass of
//! the last window is the reference for the next, and a session's score is the mass of the nodes that it ends in, times
//! two to their depth. Unlike there: depth 10 and windows of 50 sessions, as a bot has tens of sessions and not
//! thousands; numbers are standardized by what the bot showed before; and the mass is taken as a share and its negative
//! logarithm is the score, so that bots can be ranked together. Until a window is full, the mass so far serves.

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::moments::{Moments, largest};
use super::session::{FEATURES, MEANINGS, Trip, Vector};
use super::{Method, Opinion};

const TREES: usize = 25;
const DEPTH: u32 = 10;
const WINDOW: u32 = 50;
/// A node with less of the window is not descended further.
const SIZE_MIN: f64 = 0.1 * WINDOW as f64;
/// Deviations that the unit interval covers to each side of its middle.
const REACH: f64 = 6.0;

/// One bot's forest.
pub(crate) struct HalfSpaceTrees {
    trees: Vec<Tree>,
    moments: Moments,
    window: u32,
    /// Sessions in the reference mass; none before the first window is full.
    reference: Option<f64>,
}

/// A perfect tree, its nodes numbered as in a heap.
struct Tree {
    cuts: Vec<(u8, f32)>,
    latest: Vec<f32>,
    reference: Vec<f32>,
}

impl HalfSpaceTrees {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let trees = (0..TREES).map(|_| Tree::new(&mut rng)).collect();
        Self { trees, moments: Moments::default(), window: 0, reference: None }
    }

    /// The vector within the unit box.
    fn place(&self, vector: &Vector) -> Vector {
        self.moments.standard(vector).map(|deviations| (0.5 + deviations / (2.0 * REACH)).clamp(0.0, 1.0))
    }
}

impl Method for HalfSpaceTrees {
    fn score(&self, trip: &Trip) -> Opinion {
        let point = self.place(&trip.vector);
        let total = self.reference.unwrap_or(f64::from(self.window));
        let mass: f64 = self.trees.iter().map(|tree| tree.mass(&point, self.reference.is_some())).sum();
        let share = (mass / TREES as f64 + 1.0) / (total + 1.0);
        // The largest mass is all of it at full depth.
        let score = f64::from(DEPTH) * std::f64::consts::LN_2 - share.ln();
        let odd = self.moments.standard(&trip.vector).map(f64::abs);
        let dimensions = largest(&odd, 2).into_iter().map(|at| MEANINGS[at]).collect();
        Opinion { score, dimensions, at: None }
    }

    fn learn(&mut self, trip: &Trip) {
        self.moments.learn(&trip.vector);
        let point = self.place(&trip.vector);
        for tree in &mut self.trees {
            tree.learn(&point);
        }
        self.window += 1;
        if self.window == WINDOW {
            self.trees.iter_mut().for_each(Tree::turn);
            self.reference = Some(f64::from(WINDOW));
            self.window = 0;
        }
    }
}

impl Tree {
    fn new(rng: &mut Xoshiro256PlusPlus) -> Self {
        let nodes = (1 << (DEPTH + 1)) - 1;
        let range: Vec<(f64, f64)> = (0..FEATURES)
            .map(|_| {
                let middle: f64 = rng.gen_range(0.0..1.0);
                let half = 2.0 * middle.max(1.0 - middle);
                (middle - half, middle + half)
            })
            .collect();
        let mut cuts = vec![(0, 0.0); nodes / 2];
        split(&mut cuts, 0, range, rng);
        Self { cuts, latest: vec![0.0; nodes], reference: vec![0.0; nodes] }
    }

    fn below(&self, node: usize, point: &Vector) -> usize {
        let (dimension, middle) = self.cuts[node];
        2 * node + if point[usize::from(dimension)] < f64::from(middle) { 1 } else { 2 }
    }

    fn mass(&self, point: &Vector, settled: bool) -> f64 {
        let masses = if settled { &self.reference } else { &self.latest };
        let (mut node, mut weight) = (0, 1.0);
        while node < self.cuts.len() && f64::from(masses[node]) > SIZE_MIN {
            node = self.below(node, point);
            weight *= 2.0;
        }
        f64::from(masses[node]) * weight
    }

    fn learn(&mut self, point: &Vector) {
        let mut node = 0;
        self.latest[node] += 1.0;
        while node < self.cuts.len() {
            node = self.below(node, point);
            self.latest[node] += 1.0;
        }
    }

    fn turn(&mut self) {
        std::mem::swap(&mut self.reference, &mut self.latest);
        self.latest.fill(0.0);
    }
}

/// Halves the box of a node along a random side, and those of the nodes below.
fn split(cuts: &mut [(u8, f32)], node: usize, mut range: Vec<(f64, f64)>, rng: &mut Xoshiro256PlusPlus) {
    if node >= cuts.len() {
        return;
    }
    let dimension = rng.gen_range(0..FEATURES);
    let (low, high) = range[dimension];
    let middle = f64::midpoint(low, high);
    cuts[node] = (dimension as u8, middle as f32);
    range[dimension] = (low, middle);
    split(cuts, 2 * node + 1, range.clone(), rng);
    range[dimension] = (middle, high);
    split(cuts, 2 * node + 2, range, rng);
}
