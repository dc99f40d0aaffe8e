//! The integration tests, as one binary: linked once, and run side by side.

mod cli;
mod config;
mod http;
mod support;
