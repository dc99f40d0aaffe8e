//! Fetches what the next events need from memory, for several of them at once.
//!
//! In a fleet that is larger than the processor's nearer memory, an event waits for pieces of its bot's state one after
//! the other, since where the next piece lies stands in the one before. Events of one batch need not wait for each other:
//! the first pieces of [`AHEAD`] of them are read in a row, then what these point to, so that they come side by side. What
//! is read is thrown away; nothing changes by it, and if it reads the wrong piece, the event waits as before.

use std::hint::black_box;

use smallvec::SmallVec;

use super::bot::BotState;
use super::engine::Engine;
use super::foreseen::Foreseen;
use crate::event::Event;
use crate::stats::{fingerprint, fingerprints, place};

/// Events for which memory is fetched at a time. Fewer: more of them wait for each other; more: what was fetched for the last is
/// pushed out again by the first.
pub const AHEAD: usize = 16;
/// Ids that are worked through side by side. More: the processor has no more hands.
const LANES: usize = 4;

impl Engine {
    /// Fetches what the next events need, the first [`AHEAD`] of them. It has no effect but that
    /// [`observe_foreseen`](Self::observe_foreseen) is quicker for them than [`observe_ref`](Self::observe_ref).
    pub fn look_ahead<'e>(&self, events: impl Iterator<Item = &'e Event>) -> SmallVec<[Foreseen<'e>; AHEAD]> {
        let events: SmallVec<[&Event; AHEAD]> = events.take(AHEAD).collect();
        let mut soon: SmallVec<[Foreseen<'e>; AHEAD]> = SmallVec::new();
        for four in events.chunks(LANES) {
            let ids = match *four {
                [a, b, c, d] => fingerprints([&a.id, &b.id, &c.id, &d.id]),
                _ => std::array::from_fn(|at| four.get(at).map_or(0, |event| fingerprint(&[&event.id]))),
            };
            soon.extend(four.iter().zip(ids).map(|(event, id)| {
                let bot = self.index.find(place(&[&event.tenant, &event.bot]), |_| true).copied();
                Foreseen { event, bot, id }
            }));
        }
        let bots: SmallVec<[(&BotState, u64); AHEAD]> =
            soon.iter().filter_map(|of| Some((&self.bots[of.bot? as usize], of.id))).collect();
        black_box(bots.iter().fold(0, |all, (bot, _)| all ^ bot.skim()));
        black_box(bots.iter().fold(0, |all, (bot, _)| all ^ bot.skim_on() ^ self.logs.skim(u32::from(bot.log))));
        black_box(bots.iter().fold(0, |all, (bot, id)| all ^ bot.skim_further(*id)));
        soon
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{Output, Settings};
    use crate::registry::Registry;
    use crate::simulate::{EventStream, FleetSpec};

    #[test]
    fn a_look_ahead_changes_nothing() {
        let spec = FleetSpec { bots: 20, days_baseline: 5, days_test: 2, ..FleetSpec::default() };
        let events: Vec<Event> = EventStream::new(&spec).collect();
        let run = |looks: bool| {
            let settings = Settings { mature_days: 2, ..Settings::default() };
            let (mut engine, mut output) = (Engine::new(settings, Registry::default()), Output::default());
            for soon in events.chunks(AHEAD - 1) {
                if looks {
                    for foreseen in engine.look_ahead(soon.iter()) {
                        engine.observe_foreseen(foreseen, &mut output);
                    }
                } else {
                    for event in soon {
                        engine.observe_ref(event, &mut output);
                    }
                }
            }
            (output.alerts, engine.snapshot())
        };
        let (alerts, state) = run(true);
        assert!(!alerts.is_empty());
        assert!((alerts, state) == run(false), "the same alerts and the same state");
    }

    #[test]
    fn what_was_foreseen_wrongly_is_looked_up() {
        let spec = FleetSpec { bots: 3, days_baseline: 1, days_test: 1, ..FleetSpec::default() };
        let events: Vec<Event> = EventStream::new(&spec).collect();
        let run = |foresee: fn(usize) -> Option<u32>| {
            let (mut engine, mut output) = (Engine::new(Settings::default(), Registry::default()), Output::default());
            for (nth, event) in events.iter().enumerate() {
                engine.observe_foreseen(Foreseen { bot: foresee(nth), ..Foreseen::unseen(event) }, &mut output);
            }
            engine.snapshot()
        };
        let right = run(|_| None);
        assert!(right == run(|nth| Some(nth as u32 % 4)), "another bot, or one that is not there");
        assert!(right == run(|_| Some(u32::MAX)));
    }
}
