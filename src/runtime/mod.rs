//! The imperative shell: everything that touches sockets, files, clocks, threads and randomness.
//!
//! The way of a batch, each step a file: `source` takes it off NATS, `pipeline::decode` makes events of it and
//! `pipeline::score` runs the engine over them, each on a thread of its own, `pipeline::settle` logs and publishes what came out, keeps the state and acknowledges. The parts do not
//! know each other; `app` ties them together, for one process or, in `cluster`, for each partition that a member owns. Between any two parts stands a bounded queue, so that a slow receiver
//! slows the stream down and never fills the memory.

pub mod app;
pub mod archive;
pub mod audit;
pub mod cli;
pub mod clock;
pub mod cluster;
pub mod console;
pub mod evidence;
pub mod feedback;
pub mod geo;
pub mod health;
pub mod history;
pub mod http;
pub mod inquiry;
pub mod lines;
pub mod metrics;
pub mod nats;
pub mod notify;
pub mod pipeline;
pub mod present;
pub mod produce;
pub mod registry;
pub mod source;
pub mod store;
pub mod watch;
