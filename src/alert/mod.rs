//! What goes out: alerts, their lives, and one page a story.

mod book;
mod pattern;
mod share;
mod suppress;
mod wire;

pub use book::{AlertBook, Finding};
pub use pattern::{Pattern, PatternError, any_matches};
pub use share::weigh;
pub use suppress::{Scope, Sight, Standing, Suppressed, Suppression, Whom, named, suppressed};
pub use wire::{
    Alert, AlertContext, AlertId, BaselineNote, Dimension, LogNote, NearestNormal, Reason, Severity, Status, Tags,
};
