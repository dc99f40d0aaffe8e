//! Where event time stands: the watermark, and a guard against a clock that runs ahead.
//!
//! The watermark is the latest event time seen. One event stamped a year ahead would close every session, expire every
//! baseline and make all that follows late; so an event further ahead than `jump_max` is held until two more arrive that
//! lie as far ahead. If the stream goes on where it was, the held one is given back as refused. A quiet fleet that really
//! jumps (a long weekend, a weekly job) loses nothing: its third event releases the first two, in order.

use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::time::{Span, Timestamp};

/// Events that must agree on a jump. More delays quiet streams, fewer trusts a single wrong clock.
const CONFIRMATIONS: usize = 3;

/// The watermark with what is held ahead of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Frontier {
    watermark: Option<Timestamp>,
    held: Vec<Event>,
}

/// What the frontier lets through: nothing, if the event waits for others to confirm its time.
#[derive(Debug, Default)]
pub(super) struct Passage {
    /// Go on with these, in order.
    pub events: Held,
    /// These were held and are contradicted now.
    pub refused: Vec<Event>,
}

/// One event, seldom more.
pub(super) type Held = smallvec::SmallVec<[Event; 1]>;

impl Frontier {
    pub(super) fn watermark(&self) -> Option<Timestamp> {
        self.watermark
    }

    /// Judges the time of an event.
    pub(super) fn admit(&mut self, event: Event, jump_max: Span) -> Passage {
        let ahead = self.watermark.is_some_and(|watermark| event.ts > watermark + jump_max);
        if !ahead {
            // Only an event from about now contradicts a jump; one that is merely late says nothing of the clock.
            let current = self.watermark.is_none_or(|watermark| event.ts + jump_max > watermark);
            let refused = if current { std::mem::take(&mut self.held) } else { Vec::new() };
            self.advance(event.ts);
            return Passage { events: smallvec::smallvec![event], refused };
        }
        self.held.push(event);
        if self.held.len() < CONFIRMATIONS {
            return Passage::default();
        }
        Passage { events: self.release(), refused: Vec::new() }
    }

    /// Gives up waiting: everything that is held goes on.
    pub(super) fn release(&mut self) -> Held {
        let mut events: Held = self.held.drain(..).collect();
        events.sort_by_key(|event| event.ts);
        if let Some(last) = events.last() {
            self.advance(last.ts);
        }
        events
    }

    /// Moves the watermark on, never back.
    pub(super) fn advance(&mut self, to: Timestamp) {
        self.watermark = Some(self.watermark.map_or(to, |watermark| watermark.later(to)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::decode::{Envelope, Limits, decode};

    fn event(ts: &str) -> Event {
        let json = format!(r#"{{"id":"{ts}","ts":"{ts}","bot":"b","type":"call"}}"#);
        decode(json.as_bytes(), &Envelope::default(), &Limits::default()).expect("an event")
    }

    fn admit(frontier: &mut Frontier, ts: &str) -> (usize, usize) {
        let passage = frontier.admit(event(ts), Span::DAY);
        (passage.events.len(), passage.refused.len())
    }

    #[test]
    fn one_wrong_clock_moves_nothing() {
        let mut frontier = Frontier::default();
        assert_eq!(admit(&mut frontier, "2026-05-04T06:00:00Z"), (1, 0));
        assert_eq!(admit(&mut frontier, "2027-05-04T06:00:00Z"), (0, 0));
        assert_eq!(admit(&mut frontier, "2026-05-04T06:01:00Z"), (1, 1));
        assert_eq!(frontier.watermark(), "2026-05-04T06:01:00Z".parse().ok());
    }

    #[test]
    fn a_stream_that_jumps_is_followed_without_loss() {
        let mut frontier = Frontier::default();
        admit(&mut frontier, "2026-05-04T06:00:00Z");
        assert_eq!(admit(&mut frontier, "2026-05-11T06:00:00Z"), (0, 0));
        assert_eq!(admit(&mut frontier, "2026-05-11T06:00:01Z"), (0, 0));
        assert_eq!(admit(&mut frontier, "2026-05-11T06:00:02Z"), (3, 0));
        assert_eq!(admit(&mut frontier, "2026-05-11T06:00:03Z"), (1, 0));
    }
}
