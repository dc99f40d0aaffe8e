//! STIDE: which short sequences of calls were never seen (Forrest, Hofmeyr, Somayaji, Longstaff, IEEE Symposium on
//! Security and Privacy, 1996).
//!
//! Windows of three to six calls slide over a session that is bordered by its start and end, so that short ones have
//! windows, too. The score is the share of windows that no earlier session showed, averaged over the lengths.

use std::collections::BTreeSet;

use humdrum::alert::Dimension;
use humdrum::event::Text;
use humdrum::stats::fingerprint;
use humdrum::time::Timestamp;

use super::session::Trip;
use super::{Method, Opinion};

const LENGTHS: std::ops::RangeInclusive<usize> = 3..=6;

/// One bot's sequences, by fingerprint.
#[derive(Default)]
pub(crate) struct Stide {
    known: BTreeSet<u64>,
}

impl Method for Stide {
    fn score(&self, trip: &Trip) -> Opinion {
        let (mut score, mut at) = (0.0, None::<Timestamp>);
        for length in LENGTHS {
            let windows = windows(&trip.steps, length);
            let new: Vec<_> = windows.iter().filter(|(window, _)| !self.known.contains(window)).collect();
            let first = new.iter().filter_map(|(_, at)| *at).min();
            at = [at, first].into_iter().flatten().min();
            score += new.len() as f64 / windows.len().max(1) as f64 / LENGTHS.count() as f64;
        }
        Opinion { score, dimensions: vec![Dimension::Sequence], at }
    }

    fn learn(&mut self, trip: &Trip) {
        for length in LENGTHS {
            self.known.extend(windows(&trip.steps, length).iter().map(|(window, _)| *window));
        }
    }
}

/// Fingerprints of all windows of a length, with the time of the last call in each.
fn windows(steps: &[(Timestamp, Text)], length: usize) -> Vec<(u64, Option<Timestamp>)> {
    if steps.is_empty() {
        return Vec::new();
    }
    let border = std::iter::repeat_n((None, ""), length - 1);
    let calls = steps.iter().map(|(ts, name)| (Some(*ts), name.as_str()));
    let all: Vec<(Option<Timestamp>, &str)> = border.clone().chain(calls).chain(border).collect();
    let windows = all.windows(length);
    windows
        .map(|window| {
            let names: Vec<&str> = window.iter().map(|(_, name)| *name).collect();
            (fingerprint(&names), window.iter().filter_map(|(ts, _)| *ts).max())
        })
        .collect()
}
