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
use crate::event::Event;
use crate::stats::place;

/// Events for which memory is fetched at a time. Fewer: more of them wait for each other; more: what was fetched for the last is
/// pushed out again by the first.
pub const AHEAD: usize = 16;

impl Engine {
    /// Fetches what the next events need, the first [`AHEAD`] of them. It has no effect but that
    /// [`observe_ref`](Self::observe_ref) is quicker for them.
    pub fn look_ahead<'e>(&self, events: impl Iterator<Item = &'e Event>) {
        let hashes: SmallVec<[u64; AHEAD]> =
            events.take(AHEAD).map(|event| place(&[&event.tenant, &event.bot])).collect();
        // Whether it is the bot indeed, its name would tell, which is still far away; it nearly always is.
        let likely = |hash: &u64| self.index.find(*hash, |_| true).copied();
        let numbers: SmallVec<[u32; AHEAD]> = hashes.iter().filter_map(likely).collect();
        let bots: SmallVec<[&BotState; AHEAD]> = numbers.iter().map(|&at| &self.bots[at as usize]).collect();
        black_box(bots.iter().fold(0, |all, bot| all ^ bot.skim()));
        black_box(bots.iter().fold(0, |all, bot| all ^ bot.skim_on()));
        black_box(bots.iter().fold(0, |all, bot| all ^ bot.skim_further()));
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
            for soon in events.chunks(AHEAD + 1) {
                if looks {
                    engine.look_ahead(soon.iter());
                }
                for event in soon {
                    engine.observe_ref(event, &mut output);
                }
            }
            (output.alerts, engine.snapshot())
        };
        let (alerts, state) = run(true);
        assert!(!alerts.is_empty());
        assert!((alerts, state) == run(false), "the same alerts and the same state");
    }
}
