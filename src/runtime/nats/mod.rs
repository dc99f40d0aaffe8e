//! What source and notifier share: the connection and the streams.

pub mod connect;
pub mod streams;
