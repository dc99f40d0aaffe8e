//! Tests against real servers: a nats-server of its own for each test, real HTTP endpoints, real files.

mod live;
mod notify;
mod support;
mod webhook;
