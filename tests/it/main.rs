//! The integration tests, as one binary, linked once: the command line from outside, settings files, and tests against
//! real servers: a nats-server of its own for each test, real HTTP endpoints, real files.

#![expect(clippy::expect_used, reason = "what a test expects and does not get ends it")]

mod auth;
mod cli;
mod config;
mod demo;
mod explain;
mod grafana;
mod http;
mod live;
mod metrics;
mod notify;
mod page;
mod quiet;
mod registry;
mod report;
mod restart;
mod scenarios;
mod support;
mod tidy;
mod verify;
mod webhook;
