//! Figures of what people say.

use prometheus::{IntCounterVec, Registry};

use super::{Result, counters};
use crate::alert::Ruling;

/// What becomes of a record.
const OUTCOMES: [&str; 3] = ["taken", "again", "refused"];
/// All that can be said.
const ALL: [Ruling; 8] = [
    Ruling::Acknowledge,
    Ruling::Comment,
    Ruling::Resolve,
    Ruling::True,
    Ruling::False,
    Ruling::Expected,
    Ruling::Fine,
    Ruling::Undo,
];

/// Figures of feedback.
#[derive(Clone, Debug)]
pub struct FeedbackMetrics(IntCounterVec);

impl FeedbackMetrics {
    /// Registers the figures.
    ///
    /// # Errors
    /// One of the names is taken.
    pub fn new(registry: &Registry) -> Result<Self> {
        let (name, help) = ("humdrum_feedback_total", "Records of feedback, by what they say and what became of them.");
        let records = counters(registry, name, help, &["verdict", "outcome"])?;
        for ruling in ALL {
            for outcome in OUTCOMES {
                drop(records.with_label_values(&[ruling.as_str(), outcome]));
            }
        }
        Ok(Self(records))
    }

    /// Counts one record.
    pub fn said(&self, ruling: Ruling, outcome: &str) {
        self.0.with_label_values(&[ruling.as_str(), outcome]).inc();
    }
}
