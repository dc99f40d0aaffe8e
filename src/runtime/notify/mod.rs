//! What goes out: alerts and dead letters on NATS, alerts to webhooks.

pub mod backoff;
pub mod delivery;
pub mod nats;
pub mod outbox;
pub mod signature;
pub mod webhook;
