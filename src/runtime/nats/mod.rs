//! What source and notifier share: the connection and the streams; and the producer's end, for trying.

pub mod connect;
pub mod publish;
pub mod streams;
