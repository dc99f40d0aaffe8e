//! What a labelled fleet says about itself: which wrongs were done, what was odd but fine, and how large it is.

use serde::{Deserialize, Serialize};

use crate::alert::Dimension;
use crate::time::Timestamp;

/// An attack: a line of `labels.ndjson`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Label {
    /// Unique within the fleet.
    pub id: String,
    /// What was done, as `volume_spike`.
    pub scenario: String,
    /// Whose bot.
    pub tenant: String,
    /// The bot; none where a producer's log is concerned.
    pub bot: Option<String>,
    /// The producer, where its log is concerned.
    pub producer: Option<String>,
    /// Time of the first wrong event.
    pub start: Timestamp,
    /// Time of the last wrong event.
    pub end: Timestamp,
    /// Dimensions of which a good alert names at least one.
    pub dimensions: Vec<Dimension>,
    /// What happened, for a person.
    #[serde(default)]
    pub note: String,
}

/// Something odd but fine: a line of `benign.ndjson`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Benign {
    /// What it was, as `deployment`.
    pub why: String,
    /// Whose bot.
    pub tenant: String,
    /// The bot.
    pub bot: String,
    /// When it began.
    pub start: Timestamp,
    /// When it was over.
    pub end: Timestamp,
}

/// The size of a fleet: `meta.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Meta {
    /// Events as they arrive, duplicates included.
    pub events: u64,
    /// Bots, retired ones included.
    pub bots: u64,
    /// Labels.
    pub attacks: u64,
    /// Where the baseline ends and the test begins.
    pub split: Timestamp,
    /// No event is later.
    pub end: Timestamp,
    /// Bots times days of the test.
    pub bot_days_test: f64,
}
