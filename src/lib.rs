//! Humdrum watches bots.

pub mod alert;
pub mod config;
pub mod detect;
pub mod evaluate;
pub mod event;
pub mod registry;
pub mod simulate;
pub mod time;
