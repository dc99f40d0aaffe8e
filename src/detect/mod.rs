//! From events to findings: the engine and everything that it is made of.

mod engine;
mod settings;

pub use engine::{Engine, Output, RestoreError, Stats};
pub use settings::Settings;
