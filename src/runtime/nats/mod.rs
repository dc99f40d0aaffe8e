//! What source and notifier share: the connection and the streams.

pub mod connect;
mod credentials;
pub(super) mod monitor;
mod refusal;
pub mod streams;
