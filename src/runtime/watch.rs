//! Watches over our own sight: the connection, the source, and whether the stream takes anything at all.
//!
//! A server whose disk is full says that it is well and lets publishers wait for ever, so that nothing but a write of
//! our own finds it. What lasts is told as the alert of a gap, at once and not through NATS first, and resolved with
//! the time that it lasted.

use std::collections::BTreeMap;
use std::time::Duration;

use async_nats::client::RequestErrorKind;
use async_nats::{Client, Request};
use serde::Deserialize;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::clock;
use super::health::HealthState;
use super::metrics::SourceMetrics;
use super::source::canary_subject;
use crate::alert::Alert;
use crate::alert::coverage::{Gap, GapKind};
use crate::time::Timestamp;

/// Time between two looks. Longer tells later, shorter wakes an idle process for nothing.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Time that a connection may be lost before somebody is told. Shorter pages whenever a server restarts, longer loses
/// the five seconds within which it must be told.
const PATIENCE: Duration = Duration::from_secs(3);
/// Time within which the stream must take a write.
const WRITE_TIMEOUT: Duration = Duration::from_secs(2);
/// Alerts that wait for whoever sends them. More would mean that nobody does.
pub const WAITING_MAX: usize = 64;

/// What is watched, and who is told.
#[derive(Debug)]
pub struct Watch {
    client: Client,
    stream: String,
    canary: Option<(String, Duration)>,
    metrics: SourceMetrics,
    health: HealthState,
    told: mpsc::Sender<Alert>,
    standing: BTreeMap<GapKind, Standing>,
}

/// A fault that lasts.
#[derive(Debug)]
struct Standing {
    since: Timestamp,
    seen: Instant,
    told: Option<Gap>,
}

#[derive(Deserialize)]
struct WriteAnswer {
    stream: Option<String>,
    error: Option<WriteFault>,
}

#[derive(Deserialize)]
struct WriteFault {
    #[serde(default)]
    description: String,
}

impl Watch {
    /// A watch over a stream. Alerts go to `told`.
    #[must_use]
    pub fn new(
        client: Client,
        stream: String,
        metrics: SourceMetrics,
        health: HealthState,
        told: mpsc::Sender<Alert>,
    ) -> Self {
        Self { client, stream, canary: None, metrics, health, told, standing: BTreeMap::new() }
    }

    /// Writes into the stream every so often, below a prefix of its subjects.
    #[must_use]
    pub fn with_canary(mut self, subject_prefix: &str, every: Duration) -> Self {
        self.canary = Some((canary_subject(subject_prefix), every));
        self
    }

    /// Watches until the stop.
    pub async fn run(mut self, stop: CancellationToken) {
        let (say, unwritable) = watch::channel(None);
        if let Some((subject, every)) = self.canary.take() {
            let canary = Canary {
                client: self.client.clone(),
                subject,
                stream: self.stream.clone(),
                health: self.health.clone(),
                taken: false,
            };
            tokio::spawn(canary.run(every, say, stop.clone()));
        }
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = look.tick() => {}
            }
            let connected = self.health.connected();
            let refused = self.health.refused().filter(|_| !connected);
            let lost = (!connected && refused.is_none())
                .then(|| self.health.last_error().unwrap_or_else(|| "no server answers".to_owned()));
            let unreadable = self.health.unreadable().filter(|_| connected);
            let unwritable = unwritable.borrow().clone().filter(|_| connected);
            self.look(GapKind::Refused, refused, PATIENCE);
            self.look(GapKind::Disconnected, lost, PATIENCE);
            self.look(GapKind::Unreadable, unreadable, PATIENCE);
            self.look(GapKind::Unwritable, unwritable, Duration::ZERO);
        }
    }

    /// Takes in whether a fault is there, and tells of it when it has lasted, and when it is over.
    fn look(&mut self, kind: GapKind, why: Option<String>, patience: Duration) {
        let Some(detail) = why else {
            if let Some(gap) = self.standing.remove(&kind).and_then(|standing| standing.told) {
                self.metrics.fault(kind, false);
                self.health.set_fault(kind.as_str(), None);
                let gap = Gap { until: Some(clock::wall()), ..gap };
                self.health.add_gap(gap.text());
                self.tell(&gap);
            }
            return;
        };
        let now = clock::monotonic();
        let begun = Standing { since: clock::wall(), seen: now, told: None };
        let standing = self.standing.entry(kind).or_insert(begun);
        if standing.told.is_some() || now.saturating_duration_since(standing.seen) < patience {
            return;
        }
        let (stream, since) = (self.stream.clone(), standing.since);
        let gap = Gap { kind, stream, part: None, created_us: 0, sequences: None, since, until: None, detail };
        standing.told = Some(gap.clone());
        self.metrics.fault(kind, true);
        self.metrics.gap(&gap);
        self.health.set_fault(kind.as_str(), Some(gap.text()));
        self.tell(&gap);
    }

    fn tell(&self, gap: &Gap) {
        tracing::error!(kind = gap.kind.as_str(), over = gap.until.is_some(), "{}", gap.text());
        if self.told.try_send(gap.alert()).is_err() {
            tracing::error!("nobody can be told of it: too much waits");
        }
    }
}

/// Writes into the stream, to find out whether it takes anything.
struct Canary {
    client: Client,
    subject: String,
    stream: String,
    health: HealthState,
    /// Whether it was ever taken.
    taken: bool,
}

impl Canary {
    /// Writes until the stop, or until it is clear that we may not.
    async fn run(mut self, every: Duration, say: watch::Sender<Option<String>>, stop: CancellationToken) {
        let mut due = tokio::time::interval(every);
        due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = due.tick() => {}
            }
            if !self.health.connected() || self.health.unreadable().is_some() {
                // Told already, and what cannot be read need not be written.
                continue;
            }
            let fault = tokio::select! {
                () = stop.cancelled() => return,
                written = self.write() => written.err(),
            };
            if self.health.is_denied(&self.subject) {
                let subject = &self.subject;
                tracing::warn!(subject, "we may not publish here; whether the stream takes events is not found out");
                say.send_replace(None);
                return;
            }
            say.send_replace(fault);
        }
    }

    async fn write(&mut self) -> Result<(), String> {
        let request = Request::new().payload("{}".into()).timeout(Some(WRITE_TIMEOUT));
        let answer = match self.client.send_request(self.subject.clone(), request).await {
            Ok(answer) => answer,
            // A stream that is a copy of others takes nothing on a subject.
            Err(error) if error.kind() == RequestErrorKind::NoResponders && !self.taken => return Ok(()),
            Err(error) if error.kind() == RequestErrorKind::TimedOut => {
                return Err(format!("a write was not taken within {} s", WRITE_TIMEOUT.as_secs()));
            }
            Err(error) => return Err(error.to_string()),
        };
        let answer: WriteAnswer = serde_json::from_slice(&answer.payload).map_err(|error| error.to_string())?;
        match (answer.error, answer.stream) {
            (Some(fault), _) => Err(fault.description),
            (None, Some(stream)) if stream == self.stream => {
                self.taken = true;
                Ok(())
            }
            (None, stream) => Err(format!("another stream took a write: {}", stream.unwrap_or_default())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_says_to_a_write_is_read() {
        let read = |text: &str| serde_json::from_str::<WriteAnswer>(text).expect("an answer");
        assert_eq!(read(r#"{"stream":"S","seq":3}"#).stream.as_deref(), Some("S"));
        let full =
            read(r#"{"error":{"code":503,"err_code":10077,"description":"insufficient resources"},"stream":"S"}"#);
        assert_eq!(full.error.map(|fault| fault.description).as_deref(), Some("insufficient resources"));
    }
}
