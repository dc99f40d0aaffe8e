//! What goes out: alerts and dead letters on NATS, and alerts to receivers, each by a [`channel`] of its own.

mod ack;
pub mod backoff;
pub mod channel;
mod courier;
pub mod delivery;
pub mod dispatch;
pub mod fence;
pub mod gate;
pub mod guard;
pub mod heartbeat;
pub mod letters;
pub mod nats;
pub mod outbox;
pub mod permit;
pub mod signature;
pub mod trial;
pub mod undelivered;
