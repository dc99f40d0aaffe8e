//! Humdrum watches bots.

pub mod alert;
pub mod config;
pub mod detect;
pub mod evaluate;
pub mod event;
pub mod registry;
#[cfg(feature = "runtime")]
pub mod runtime;
pub mod simulate;
pub mod stats;
pub mod time;
