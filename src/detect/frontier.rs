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

/// What the frontier says of an event.
#[derive(Debug)]
pub(super) enum Passage {
    /// Go on. What was held is contradicted now, and refused.
    Pass(Vec<Event>),
    /// Its time needs others to confirm it: hold it.
    Ahead,
}

impl Frontier {
    pub(super) fn watermark(&self) -> Option<Timestamp> {
        self.watermark
    }

    /// Judges the time of an event, and moves the watermark on to it if it passes.
    pub(super) fn admit(&mut self, at: Timestamp, jump_max: Span) -> Passage {
        if self.watermark.is_some_and(|watermark| at > watermark + jump_max) {
            return Passage::Ahead;
        }
        // Only an event from about now contradicts a jump; one that is merely late says nothing of the clock.
        let current = self.watermark.is_none_or(|watermark| at + jump_max > watermark);
        let refused = if current { std::mem::take(&mut self.held) } else { Vec::new() };
        self.advance(at);
        Passage::Pass(refused)
    }

    /// Holds an event that is ahead. Once enough agree that the stream has moved there, all of them, by time; the
    /// watermark is the caller's to move, event by event, so that none of them is late for the others.
    pub(super) fn hold(&mut self, event: Event) -> Vec<Event> {
        self.held.push(event);
        if self.held.len() < CONFIRMATIONS { Vec::new() } else { self.release() }
    }

    /// Gives up waiting: everything that is held, by time.
    pub(super) fn release(&mut self) -> Vec<Event> {
        let mut events = std::mem::take(&mut self.held);
        events.sort_by_key(|event| event.ts);
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

    /// How many events go on, and how many are refused.
    fn admit(frontier: &mut Frontier, ts: &str) -> (usize, usize) {
        let event = event(ts);
        match frontier.admit(event.ts, Span::DAY) {
            Passage::Pass(refused) => (1, refused.len()),
            Passage::Ahead => {
                let released = frontier.hold(event);
                for event in &released {
                    frontier.advance(event.ts);
                }
                (released.len(), 0)
            }
        }
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
