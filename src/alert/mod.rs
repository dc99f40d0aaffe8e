//! What goes out: alerts, their lives, and one page a story.

mod book;
mod share;
mod wire;

pub use book::{AlertBook, Finding};
pub use share::weigh;
pub use wire::{
    Alert, AlertContext, AlertId, BaselineNote, Dimension, LogNote, NearestNormal, Reason, Severity, Status, Tags,
};
