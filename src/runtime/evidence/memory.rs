//! The last events of each bot, in memory: for a demo, which has no stream.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Found, Stretch};
use crate::event::{Event, Text};

/// Events that are kept of one bot.
type Ring = VecDeque<Event>;

/// The last events; cloning it shares them.
#[derive(Clone, Debug)]
pub struct Recent {
    rings: Arc<Mutex<HashMap<(Text, Text), Ring>>>,
    events_a_bot: usize,
}

impl Recent {
    /// Room for so many events of each bot.
    #[must_use]
    pub fn new(events_a_bot: usize) -> Self {
        Self { rings: Arc::default(), events_a_bot }
    }

    /// Keeps an event; the oldest of its bot gives way.
    pub fn keep(&self, event: &Event) {
        let mut rings = self.rings.lock().unwrap_or_else(PoisonError::into_inner);
        let ring = rings.entry((event.tenant.clone(), event.bot.clone())).or_default();
        if ring.len() >= self.events_a_bot {
            ring.pop_front();
        }
        ring.push_back(event.clone());
    }

    pub(super) fn find(&self, stretch: &Stretch) -> Found {
        let rings = self.rings.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (Text::from(stretch.tenant.as_str()), Text::from(stretch.bot.as_str()));
        let Some(ring) = rings.get(&key) else { return Found::default() };
        let within = ring.iter().filter(|event| event.ts >= stretch.from && event.ts <= stretch.to);
        let oldest = ring.iter().map(|event| event.ts).min();
        let full = ring.len() >= self.events_a_bot;
        Found {
            events: within.cloned().collect(),
            cut: false,
            gone_before: oldest.filter(|oldest| full && *oldest > stretch.from),
        }
        .sorted()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::decode::{Envelope, Limits, decode};
    use crate::time::{Span, Timestamp};

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_micros(1_700_000_000_000_000) + Span::from_mins(minute)
    }

    fn event(bot: &str, minute: i64) -> Event {
        let json = format!(r#"{{"ts":"{}","tenant":"t","bot":"{bot}","type":"call"}}"#, at(minute));
        decode(json.as_bytes(), &Envelope::default(), &Limits::default()).expect("an event")
    }

    fn stretch(from: i64, to: i64) -> Stretch {
        Stretch { tenant: "t".to_owned(), bot: "b".to_owned(), from: at(from), to: at(to) }
    }

    #[test]
    fn what_a_bot_did_is_found_and_what_is_gone_is_told() {
        let recent = Recent::new(3);
        for minute in [1, 2, 4, 3] {
            recent.keep(&event("b", minute));
            recent.keep(&event("other", minute));
        }
        let found = recent.find(&stretch(0, 3));
        assert_eq!(found.events.iter().map(|event| event.ts).collect::<Vec<_>>(), [at(2), at(3)]);
        assert_eq!((found.cut, found.gone_before), (false, Some(at(2))));
        assert_eq!(recent.find(&stretch(2, 3)).gone_before, None);
    }
}
