//! Feedback on its way to the engine: over NATS or by whoever holds a [`Feedbacks`](desk::Feedbacks), into the journal,
//! and to its place in the input.

pub mod desk;
pub mod journal;
pub mod listen;
