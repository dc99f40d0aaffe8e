//! The events behind a finding, and those before and after it: read where they are kept, since the engine keeps none.
//!
//! A running installation has them in its stream for as long as that keeps them; a demo holds the last of them in its own
//! memory. Both answer one question: what did this bot do between two instants?

mod memory;
mod stream;

pub use memory::Recent;
pub use stream::StreamEvents;

use crate::event::Event;
use crate::time::Timestamp;

/// Events that one answer holds at most.
pub const EVENTS_MAX: usize = 300;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stretch {
    /// Whose bot.
    pub tenant: String,
    /// The bot.
    pub bot: String,
    /// The first instant.
    pub from: Timestamp,
    /// The last one.
    pub to: Timestamp,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// The events, in order of event time.
    pub events: Vec<Event>,
    /// Whether there are more than one answer holds.
    pub cut: bool,
    /// Event time of the oldest event of the bot that is kept, if that is later than what was asked for: what came before
    /// is gone.
    pub gone_before: Option<Timestamp>,
}

/// Events cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("events cannot be read back: {0}")]
pub struct EvidenceError(pub String);

/// Where events are kept.
#[derive(Clone, Debug)]
pub enum Evidence {
    /// In a stream.
    Stream(Box<StreamEvents>),
    /// In memory, the last of them.
    Recent(Recent),
    /// Nowhere.
    Nowhere,
}

impl Evidence {
    /// What a bot did between two instants; none where nothing is kept.
    ///
    /// # Errors
    /// The broker does not answer.
    pub async fn find(&self, stretch: &Stretch) -> Result<Option<Found>, EvidenceError> {
        match self {
            Self::Stream(stream) => stream.find(stretch).await.map(Some),
            Self::Recent(recent) => Ok(Some(recent.find(stretch))),
            Self::Nowhere => Ok(None),
        }
    }
}

impl Found {
    /// Puts the events in order and keeps as many as one answer holds.
    fn sorted(mut self) -> Self {
        self.events.sort_by(|a, b| a.ts.cmp(&b.ts).then_with(|| a.id.cmp(&b.id)));
        self.cut |= self.events.len() > EVENTS_MAX;
        self.events.truncate(EVENTS_MAX);
        self
    }
}
