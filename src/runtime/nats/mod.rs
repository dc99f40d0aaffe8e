//! What source and notifier share: the connection and the streams.

pub mod connect;
mod refusal;
pub mod streams;
