//! The shell: everything that touches sockets, files, clocks, threads or the terminal. What it reads it hands to the
//! pure core, and what the core answers it delivers; it decides nothing about bots.

pub mod cli;
pub mod clock;
pub mod http;
pub mod present;
