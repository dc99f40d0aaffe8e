//! What goes out: alerts, their lives, one page a story, and who is told of it in which words.

pub mod body;
mod book;
pub mod coverage;
mod feedback;
mod hours;
mod matcher;
mod mute;
mod notice;
mod pattern;
mod route;
mod share;
mod suppress;
pub mod told;
mod wire;

pub use book::{AlertBook, BookPiece, Finding};
pub use feedback::{
    Agenda, Changed, DECISION_MAX, FEEDBACK_VERSION, Facet, Feedback, Mark, Place, Placed, Preview, Ruling, Showing,
    What,
};
pub use hours::{Hours, HoursError};
pub use matcher::{Matcher, Whose};
pub use mute::{Silence, silenced};
pub use notice::{Cause, Notice};
pub use pattern::{Pattern, PatternError, any_matches};
pub use route::{Escalation, Route, RoutedBy, Routing, Way};
pub use share::weigh;
pub use suppress::{Scope, Sight, Standing, Suppressed, Suppression, Whom, suppressed};
pub use wire::{
    Alert, AlertContext, AlertId, BaselineNote, Dimension, LogNote, NearestNormal, Reason, Severity, Status, Tags,
};

#[cfg(test)]
pub(crate) use wire::tests as fixtures;
