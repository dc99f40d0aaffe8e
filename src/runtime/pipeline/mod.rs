//! Live operation, as a visible list of steps:
//!
//! ```text
//! source task      fetch a batch                                     → Feed
//! decoder thread   payloads become events, or dead letters           → Decoded
//! engine thread    observe (or idle); feedback in its place          → Work::Scored
//!                  every `snapshot_every`: a mark after that batch   → Work::Mark
//!                  between the next ones: the state at the mark      → Work::Checkpoint
//! settling task    log alerts → route them to receivers' queues → publish them → dead letters → acknowledge
//!                  at a mark: sign the log, note who has been told; then the checkpoint is written behind the batches
//! ```
//!
//! The four run at the same time, so that the next batch is fetched and the last one is published while the present
//! one is scored; the channels between them keep the order. That order is the whole proof: a checkpoint leaves the
//! engine behind the batches that it covers and reaches the disk behind their alerts, so that a crash at any point
//! repeats work and loses none. What is repeated carries the same ids and is dropped as duplicate.

pub mod alert_log;
pub mod decode;
pub mod gaps;
pub mod keep;
pub mod line;
pub mod order;
pub mod score;
pub mod settle;
mod suppressions;

use std::sync::Arc;

use async_nats::Subject;

use crate::alert::{Alert, Whose};
use crate::detect::Part;
use crate::runtime::feedback::desk::Acknowledged;
use crate::runtime::notify::nats::DeadLetter;
use crate::runtime::store::format::Position;
use crate::time::Timestamp;

/// Batches between two steps. More only moves waiting from the server into our memory, fewer stops the overlap.
pub const BATCHES_QUEUED: usize = 4;

/// What the engine hands to settling, in order.
#[derive(Debug)]
pub enum Work {
    /// What came of a batch, or of silence.
    Scored(Scored),
    /// A snapshot stands here; its state follows.
    Mark,
    /// The state at the last mark.
    Checkpoint(State),
    /// The state at the end of everything. Nothing follows.
    End(State),
}

/// What came of a batch.
#[derive(Debug, Default)]
pub struct Scored {
    /// Alerts in order.
    pub alerts: Vec<Raised>,
    /// Events that were refused.
    pub rejected: Vec<DeadLetter>,
    /// The last event of the stream that is in it.
    pub reached: Option<u64>,
    /// Where to acknowledge.
    pub ack: Option<Subject>,
    /// Alerts that somebody said to be at.
    pub acknowledged: Vec<Acknowledged>,
}

/// An alert, with what only the engine knows.
#[derive(Debug)]
pub struct Raised {
    /// The alert.
    pub alert: Arc<Alert>,
    /// Who answers for the bot.
    pub whose: Whose,
    /// The broker's stamp of the message that raised it while live.
    pub stamp: Option<Timestamp>,
}

/// The engine's state at a place of the stream.
#[derive(Debug)]
pub struct State {
    /// Event time.
    pub event_time: Option<Timestamp>,
    /// The place; none without JetStream.
    pub position: Option<Position>,
    /// The state, or what changed of it; none where none is kept.
    pub engine: Option<Part>,
}
