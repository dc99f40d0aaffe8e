//! What a rule found, as [`broken::rule`](crate::detect) tells it.

use crate::alert::{Reason, Severity};
use crate::event::Text;
use crate::time::Timestamp;

/// What a rule found.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::detect) struct Breach {
    pub severity: Severity,
    pub score: f64,
    /// The sentence without the subject.
    pub phrase: String,
    /// The part of the sentence that says what was done to the bot, without how unusual that was; none where nothing was.
    pub deed: Option<Text>,
    pub reason: Reason,
    /// Further reasons for it.
    pub also: Vec<Reason>,
    /// Identity of the breach, so that the same one is told once.
    pub key: u64,
    /// Number of the bot that it is about, where the event at hand is another bot's.
    pub about: Option<u32>,
    /// Event time of the newest event behind it, where that is not the event at hand.
    pub newest: Option<Timestamp>,
    /// Ids of events behind it beside the one at hand.
    pub evidence: Vec<Text>,
}
