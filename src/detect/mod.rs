//! From events to findings: the engine and everything that it is made of.
//!
//! The way of an event: [`frontier`] (is its time believable) → duplicate and lateness → [`policy`] (rules) →
//! [`feature`] (its session) → [`score`] against the [`baseline`] → [`decide`] → [`explain`] → the alert book. The
//! baseline learns from a session only after it was judged, and as much as the verdict allows.

mod acts;
mod ahead;
mod baseline;
mod bot;
mod bots;
mod broken;
mod budget;
mod calendar;
mod census;
mod change;
mod cluster;
mod context;
mod decide;
mod engine;
mod entitlement;
mod explain;
mod facts;
mod familiar;
mod feature;
mod feedback;
mod figures;
mod firsts;
mod fleet;
mod foreseen;
mod frontier;
mod hidden;
mod judge;
mod lesson;
mod normal;
mod operator;
mod part;
mod peers;
mod policy;
mod portrait;
pub mod profile;
mod revert;
pub mod rulebook;
mod rules;
mod score;
mod settings;
mod shared;
mod silence;
mod state;
mod stats;
mod tags;
mod tenure;
mod timers;
mod worth;

pub use ahead::AHEAD;
pub use calendar::{Calendar, Season, Stretch};
pub use census::Census;
pub use engine::{Engine, Judged, Output, Verdict};
pub use facts::{BaselineState, BotFacts, FindingFacts, GrantFacts, LogFacts, RoleFacts, SessionFacts, WorkFacts};
pub use feedback::{DecisionFacts, DecisionState, Refusal, Taken, ToldFacts};
pub use foreseen::Foreseen;
pub use hidden::SuppressionFacts;
pub use part::Part;
pub use portrait::{CallFacts, EdgeFacts, NodeFacts, OpenFacts, Portrait, SeenFacts, SeenKind, VolumeFacts};
pub use revert::RevertError;
pub use settings::Settings;
#[cfg(test)]
pub(crate) use state::state_shape;
pub use state::{RestoreError, migrate};
pub use stats::{Stats, SuppressionStats};

#[cfg(test)]
mod tests;
