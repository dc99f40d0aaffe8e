//! What source and notifier share: the connection and the streams.

pub mod connect;
pub(super) mod monitor;
mod refusal;
pub mod streams;
