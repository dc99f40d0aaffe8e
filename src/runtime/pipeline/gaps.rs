//! Gaps in what was watched that were told of: open until somebody can have seen them, or until they are over.

use crate::alert::coverage::{ended, is_gap, is_lasting};
use crate::alert::{Alert, Status};
use crate::time::{Span, Timestamp};

/// Gaps that are open at a time. More would be one story anyway.
const OPEN_MAX: usize = 256;

/// The open gaps, each with when it was told.
#[derive(Debug)]
pub struct OpenGaps {
    open: Vec<(Timestamp, Alert)>,
    quiet: Span,
}

impl OpenGaps {
    /// Those that an earlier run left, and how long one that has happened stays open.
    #[must_use]
    pub fn new(open: Vec<(Timestamp, Alert)>, quiet: Span) -> Self {
        Self { open, quiet }
    }

    /// Takes an alert in that is being told.
    pub fn take(&mut self, alert: &Alert, now: Timestamp) {
        if !is_gap(alert) {
            return;
        }
        self.open.retain(|(_, known)| known.id != alert.id);
        if alert.status == Status::Firing {
            self.open.push((now, alert.clone()));
            if self.open.len() > OPEN_MAX {
                self.open.remove(0);
            }
        }
    }

    /// Ends of what has been open for long enough.
    #[must_use]
    pub fn over(&self, now: Timestamp) -> Vec<Alert> {
        let over = |(at, alert): &&(Timestamp, Alert)| !is_lasting(alert) && *at + self.quiet <= now;
        self.open.iter().filter(over).map(|(_, alert)| ended(alert, now)).collect()
    }

    /// Ends of what lasted when an earlier run ended: if it still does, it is found again.
    #[must_use]
    pub fn left(&self, now: Timestamp) -> Vec<Alert> {
        self.open.iter().filter(|(_, alert)| is_lasting(alert)).map(|(_, alert)| ended(alert, now)).collect()
    }

    /// All of them, for the snapshot.
    #[must_use]
    pub fn open(&self) -> Vec<(Timestamp, Alert)> {
        self.open.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::coverage::{Gap, GapKind};

    #[test]
    fn what_happened_is_over_after_the_quiet_and_what_lasted_after_a_restart() {
        let at = Timestamp::from_micros;
        let gap = |kind, sequences| {
            let (since, stream) = (at(0), "S".to_owned());
            Gap { kind, stream, part: None, created_us: 0, sequences, since, until: None, detail: String::new() }
        };
        let mut gaps = OpenGaps::new(Vec::new(), Span::HOUR);
        let (expired, full) = (gap(GapKind::Expired, Some((1, 2))).alert(), gap(GapKind::Unwritable, None).alert());
        gaps.take(&expired, at(5));
        gaps.take(&full, at(5));
        assert!(gaps.over(at(6)).is_empty());
        let over = gaps.over(at(5) + Span::HOUR);
        assert_eq!(over.iter().map(|alert| &alert.id).collect::<Vec<_>>(), [&expired.id]);
        gaps.take(&over[0], at(7));
        assert_eq!(gaps.open(), [(at(5), full.clone())]);
        let left = OpenGaps::new(gaps.open(), Span::HOUR).left(at(9));
        assert_eq!((left[0].status, &left[0].id), (Status::Resolved, &full.id));
    }
}
