//! A bot's modes of working: the daily run and the weekly one, the empty poll and the full one.
//!
//! The last sessions' calls, records read, records written and bytes (on the log scale, in steps of an eighth of a nat)
//! are grouped into one to three modes; more of them must explain much more of the variance, and each must hold a share
//! of the sessions. A session is held against the mode that it is nearest to: its largest distance in spreads of that
//! mode. A volume between two modes is far from both, while either side of it is usual to a histogram of all sessions.
//!
//! 128 bytes of sessions and 32 a mode; refitted weekly, in about a tenth of a millisecond. Blind spot: a mode that was
//! seen less than four times among the last 32 sessions is no mode.

use ndarray::Array2;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::group;
use crate::stats::room;

/// Sessions remembered. More find rarer modes and cost four bytes each.
const SESSIONS: usize = 32;
/// Sessions from which modes are looked for.
const SESSIONS_MIN: usize = 12;
/// Steps of the log scale: a byte holds all that is counted. Fewer: a spread is a step.
const STEPS_PER_NAT: f64 = 8.0;
/// Most modes. More: single sessions are modes, and what is odd is one of them.
const MODES_MAX: usize = 3;
/// Least share of the sessions that makes a mode. Smaller: an attack seen a few times is a mode.
const SHARE_MIN: f64 = 0.12;
/// Factor by which a further mode must lessen the variance within.
const BETTER: f64 = 0.4;
/// Least spread within a mode, in nats: a quarter more or less is the same work.
const SPREAD_FLOOR: f64 = 0.25;
/// Quantities.
const WIDTH: usize = 4;

/// A session's volumes.
type Volume = [u8; WIDTH];

/// Recent sessions and the modes found in them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::detect) struct Modes {
    /// In a ring; what is missing at its end is nothing.
    #[serde(with = "ring")]
    recent: SmallVec<[Volume; 4]>,
    /// How many were remembered, less whole rounds after the first.
    seen: u8,
    found: Vec<Mode>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Mode {
    center: [f32; WIDTH],
    spread: [f32; WIDTH],
}

/// How far a session is from all modes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::detect) struct Distance {
    /// In spreads of the nearest mode, by the quantity that is farthest off.
    pub spreads: f64,
    /// Which quantity that is.
    pub measure: usize,
    /// What the mode has of it.
    pub usual: f64,
    /// Whether all modes have more of it.
    pub least: bool,
    /// How many modes there are.
    pub modes: usize,
}

/// The ring in snapshots: all of its places.
mod ring {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use smallvec::SmallVec;

    use super::{SESSIONS, Volume};

    pub(super) fn serialize<S: Serializer>(recent: &SmallVec<[Volume; 4]>, serializer: S) -> Result<S::Ok, S::Error> {
        let all: [Volume; SESSIONS] = std::array::from_fn(|at| recent.get(at).copied().unwrap_or_default());
        all.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SmallVec<[Volume; 4]>, D::Error> {
        let all = <[Volume; SESSIONS]>::deserialize(deserializer)?;
        let held = all.iter().rposition(|volume| *volume != Volume::default()).map_or(0, |last| last + 1);
        Ok(SmallVec::from_slice(&all[..held]))
    }
}

impl Modes {
    /// Remembers a session.
    pub(in crate::detect) fn learn(&mut self, totals: [f64; 4]) {
        let volume = totals.map(|total| (total.max(0.0).ln_1p() * STEPS_PER_NAT).round().min(255.0) as u8);
        let place = usize::from(self.seen) % SESSIONS;
        if place >= self.recent.capacity() {
            let room = if self.recent.spilled() { SESSIONS } else { room::<Volume>(self.recent.len() + 1) };
            self.recent.reserve_exact(room - self.recent.len());
        }
        if place >= self.recent.len() {
            self.recent.resize(place + 1, Volume::default());
        }
        self.recent[place] = volume;
        // Beyond the first round only the place within it matters.
        self.seen = if usize::from(self.seen) + 1 < 2 * SESSIONS { self.seen + 1 } else { SESSIONS as u8 };
    }

    /// The sessions that are remembered.
    fn recent(&self) -> impl ExactSizeIterator<Item = Volume> + Clone {
        (0..usize::from(self.seen).min(SESSIONS)).map(|at| self.recent.get(at).copied().unwrap_or_default())
    }

    /// Finds the modes anew.
    pub(in crate::detect) fn fit(&mut self) {
        let recent: SmallVec<[Volume; SESSIONS]> = self.recent().collect();
        if recent.len() < SESSIONS_MIN {
            return;
        }
        let points = Array2::from_shape_fn((recent.len(), WIDTH), |(row, column)| {
            f64::from(recent[row][column]) / STEPS_PER_NAT
        });
        let mut best = vec![Mode::of(&points, |_| true)];
        let mut within = variance(&points, |_| 0, std::slice::from_ref(&best[0]));
        for k in 2..=MODES_MAX {
            let Some(groups) = group(&points, k, k as u64) else { break };
            let held = |mode: usize| groups.of.iter().filter(|&&of| of == mode).count() as f64;
            if (0..k).any(|mode| held(mode) < SHARE_MIN * points.nrows() as f64) {
                break;
            }
            let modes: Vec<Mode> = (0..k).map(|mode| Mode::of(&points, |row| groups.of[row] == mode)).collect();
            let less = variance(&points, |row| groups.of[row], &modes);
            if less > BETTER * within || within < SPREAD_FLOOR * SPREAD_FLOOR {
                break;
            }
            (best, within) = (modes, less);
        }
        self.found = best;
    }

    /// How far a session is from the nearest mode; `None` before there are any.
    pub(in crate::detect) fn distance(&self, totals: [f64; 4]) -> Option<Distance> {
        let logs = totals.map(|total| total.max(0.0).ln_1p());
        let from = |mode: &Mode| {
            let apart = |at: usize| (logs[at] - f64::from(mode.center[at])) / f64::from(mode.spread[at]);
            let measure = (0..WIDTH).max_by(|&a, &b| apart(a).abs().total_cmp(&apart(b).abs())).unwrap_or(0);
            Distance {
                spreads: apart(measure),
                measure,
                usual: f64::from(mode.center[measure]).exp_m1(),
                least: self.found.iter().all(|mode| logs[measure] < f64::from(mode.center[measure])),
                modes: self.found.len(),
            }
        };
        self.found.iter().map(from).min_by(|a, b| a.spreads.abs().total_cmp(&b.spreads.abs()))
    }

    /// Bytes on the heap.
    pub(in crate::detect) fn heap_bytes(&self) -> usize {
        let ring = if self.recent.spilled() { self.recent.capacity() * size_of::<Volume>() } else { 0 };
        self.found.capacity() * size_of::<Mode>() + ring
    }
}

impl Mode {
    /// Mean and spread of some of the points.
    fn of(points: &Array2<f64>, member: impl Fn(usize) -> bool) -> Self {
        let rows: Vec<usize> = (0..points.nrows()).filter(|&row| member(row)).collect();
        let n = rows.len().max(1) as f64;
        let mean = |column: usize| rows.iter().map(|&row| points[[row, column]]).sum::<f64>() / n;
        let center: [f64; WIDTH] = std::array::from_fn(mean);
        let spread = |column: usize| {
            let squares: f64 = rows.iter().map(|&row| (points[[row, column]] - center[column]).powi(2)).sum();
            (squares / n).sqrt().max(SPREAD_FLOOR) as f32
        };
        Self { center: center.map(|x| x as f32), spread: std::array::from_fn(spread) }
    }
}

/// Mean squared distance of the points from their modes.
fn variance(points: &Array2<f64>, of: impl Fn(usize) -> usize, modes: &[Mode]) -> f64 {
    let squares = (0..points.nrows()).map(|row| {
        let mode = &modes[of(row)];
        (0..WIDTH).map(|column| (points[[row, column]] - f64::from(mode.center[column])).powi(2)).sum::<f64>()
    });
    squares.sum::<f64>() / points.nrows().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_as_small_as_it_says() {
        assert_eq!(size_of::<Mode>(), 32);
    }

    fn fitted(sessions: impl Iterator<Item = f64>) -> Modes {
        let mut modes = Modes::default();
        for read in sessions {
            modes.learn([read, 0.0, read * 90.0, 10.0]);
        }
        modes.fit();
        modes
    }

    fn spreads(modes: &Modes, read: f64) -> f64 {
        modes.distance([read, 0.0, read * 90.0, 10.0]).expect("modes").spreads
    }

    #[test]
    fn what_lies_between_two_modes_is_far_from_both() {
        let two = fitted((0..40).map(|nth| if nth % 5 == 0 { 50_000.0 } else { 100.0 + f64::from(nth) }));
        assert_eq!(two.found.len(), 2);
        assert!(spreads(&two, 120.0).abs() < 1.5 && spreads(&two, 50_000.0).abs() < 1.5);
        assert!(spreads(&two, 1_200.0).abs() > 5.0, "{}", spreads(&two, 1_200.0));
    }

    #[test]
    fn one_kind_of_work_is_one_mode() {
        let one = fitted((0..40).map(|nth| 1_000.0 + 30.0 * f64::from(nth % 7)));
        assert_eq!(one.found.len(), 1);
        assert!(spreads(&one, 10_000.0) > 5.0 && spreads(&one, 1_050.0).abs() < 1.0);
        assert_eq!(Modes::default().distance([1.0; 4]), None);
        assert!(one.heap_bytes() < 256);
    }
}
