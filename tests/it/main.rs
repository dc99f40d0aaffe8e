//! The integration tests, as one binary, linked once: the command line from outside, settings files, and tests against
//! real servers: a nats-server of its own for each test, real HTTP endpoints, real files.

#![expect(clippy::expect_used, reason = "what a test expects and does not get ends it")]

mod alertmanager;
mod auth;
#[cfg(feature = "history")]
mod backfill;
mod calibration;
mod cli;
mod cluster;
mod cluster_loss;
mod cluster_revert;
mod cluster_store;
mod config;
mod console;
mod coverage;
mod demo;
mod escalation;
mod explain;
mod faults;
mod feedback;
mod geo;
mod grafana;
mod guard;
mod http;
mod live;
mod metrics;
mod notify;
mod page;
mod quiet;
mod receivers;
mod registry;
mod report;
mod restart;
mod rules;
mod scenarios;
mod send_test;
mod state;
mod support;
mod tidy;
mod verify;
mod webhook;
mod wire;
