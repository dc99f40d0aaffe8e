//! A fleet of bots that never was: their events with all the noise of real ones, the attacks on them, and what is odd
//! but fine, with labels for each.
//!
//! It serves to try the product without anybody's logs, and to measure it. It is written against the contract alone and
//! knows nothing of any detector; kinds' timetables, vocabularies, volumes and places are drawn anew for every seed, so
//! that a detector which has learnt one fleet's habits has learnt nothing about the next.
//!
//! - Every bot has its own random streams, named by seed, bot, purpose and day: a bot more or less changes no other
//!   bot's events (but for the counters of a log that they share).
//! - [`EventStream`] makes events as they arrive and holds only running sessions, timetables of the next day and events
//!   on their way: memory grows with the bots and not with the days.
//! - Usual fleets hold what goes wrong with a bot's work; standing ones ([`Wrongs::Standing`]) what goes wrong with the
//!   identity behind it, with its administration and with its logs.
//! - Not simulated: bots that change their nature, organizations that reorganize, and wrong clocks but in one attack.

mod attacks;
mod benign;
mod chance;
mod labels;
mod money;
mod plan;
mod schedule;
mod session;
mod spec;
mod story;
mod stream;
mod tape;
mod vocabulary;
mod workflow;

pub use attacks::{Scenario, Wrongs};
pub use labels::{Benign, Label, Meta};
pub use spec::FleetSpec;
pub use stream::{EventStream, Summary};

use crate::event::Event;
use crate::registry::BotRecord;

/// A whole fleet in memory; for large ones take [`EventStream`].
#[derive(Clone, Debug)]
pub struct Fleet {
    /// Events in order of arrival.
    pub events: Vec<Event>,
    /// The bots.
    pub registry: Vec<BotRecord>,
    /// The attacks.
    pub labels: Vec<Label>,
    /// What is odd but fine.
    pub benign: Vec<Benign>,
    /// How large it is.
    pub meta: Meta,
}

impl Fleet {
    /// Makes the fleet of a wish.
    #[must_use]
    pub fn generate(spec: &FleetSpec) -> Self {
        let mut stream = EventStream::new(spec);
        let registry = stream.registry();
        let events = stream.by_ref().collect();
        let Summary { labels, benign, meta } = stream.finish();
        Self { events, registry, labels, benign, meta }
    }
}

#[cfg(test)]
mod tests;
