//! Alerts and dead letters on NATS.
//!
//! On JetStream every message is acknowledged by the server and tried again until it is, under the same `Nats-Msg-Id`,
//! so that a retry after a lost acknowledgment, or a replay after a crash, is dropped by the stream as a duplicate. The
//! alert stream therefore remembers ids for a day: a crash in the evening whose restart comes in the morning still
//! raises no page twice; alerts are few, so that a day of ids is small. At most 256 messages are under way at a time,
//! far below the client's own bound, at which un-awaited acknowledgments would block for ever.
//!
//! Without JetStream, messages are published and flushed, and what the server loses is lost.

use std::error::Error as _;
use std::future::IntoFuture;
use std::time::Duration;

use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{self, Context, ErrorCode};
use async_nats::{Client, HeaderMap, HeaderValue};
use bytes::Bytes;
use rand::SeedableRng;
use rand::rngs::OsRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use tokio_util::sync::CancellationToken;

use super::backoff;
use super::fence::{Fence, FenceError};
use crate::alert::Alert;
use crate::config::{AlertsConfig, EventsConfig, SourceMode};
use crate::event::subject::encode_token;
use crate::event::{Reject, RejectReason};
use crate::runtime::health::HealthState;
use crate::runtime::metrics::NotifyMetrics;
use crate::runtime::nats::streams::{self, StreamError, StreamSpec};

/// Messages that wait for the server's acknowledgment at a time. More risks the client's bound of permits, fewer
/// makes a flood of dead letters wait for round trips.
const WINDOW: usize = 256;

/// How long the alert stream remembers ids: the longest outage after which a replay raises nothing twice.
const ALERT_DUPLICATE_WINDOW: Duration = Duration::from_secs(24 * 3600);
/// How long alerts are kept, a quarter for the review that comes after.
const ALERT_AGE_MAX: Duration = Duration::from_secs(90 * 24 * 3600);
/// How long dead letters are kept: long enough to mend a producer, short enough that garbage does not pile up.
const REJECTED_AGE_MAX: Duration = Duration::from_secs(14 * 24 * 3600);
/// How long the stream of dead letters remembers ids. Replays reach back no further than a snapshot; a day of ids of
/// a flood of garbage would fill the server's memory.
const REJECTED_DUPLICATE_WINDOW: Duration = Duration::from_secs(600);
/// Room for headers in a message that would otherwise be at the server's limit.
const HEADER_BYTES: usize = 4096;
/// Time for the last flush. It comes at the end of the stop, when everything that matters has been acknowledged.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);
/// Pauses between attempts to publish: the first, and the longest.
const RETRY_PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// An event that was refused, with what is needed to mend its producer.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// The subject that it came on.
    pub subject: String,
    /// The payload as it came.
    pub payload: Bytes,
    /// Why.
    pub reject: Reject,
    /// The same for the same event when it is read again.
    pub id: Option<String>,
}

/// Something came before everything was published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// The stop.
    #[error("stopped before everything was published")]
    Asked,
    /// Another owner of the partition.
    #[error(transparent)]
    Fenced(FenceError),
}

/// Publishes on NATS.
#[derive(Debug)]
pub struct NatsNotifier {
    client: Client,
    context: Option<Context>,
    alerts_prefix: String,
    head_subject: String,
    rejected_prefix: String,
    preparation: Preparation,
    fence: Option<Fence>,
    metrics: NotifyMetrics,
    health: HealthState,
    rng: Xoshiro256PlusPlus,
}

/// Finds or makes the streams that are published on.
#[derive(Clone, Debug)]
pub struct Preparation {
    context: Option<Context>,
    specs: [StreamSpec; 2],
}

impl Preparation {
    /// Finds or makes the streams.
    ///
    /// # Errors
    /// One is missing and may not be made, is for something else, or the server does not answer.
    pub async fn prepare(&self) -> Result<(), StreamError> {
        if let Some(context) = &self.context {
            for spec in &self.specs {
                streams::ensure(context, spec).await?;
            }
        }
        Ok(())
    }
}

/// A message that is to be published.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// Where.
    pub subject: String,
    /// With which headers, its id among them.
    pub headers: HeaderMap,
    /// What.
    pub payload: Bytes,
}

impl Outgoing {
    /// Its id, by which the stream knows it again.
    #[must_use]
    pub fn id(&self) -> &str {
        self.headers.get(async_nats::header::NATS_MESSAGE_ID).map(HeaderValue::as_str).unwrap_or_default()
    }

    /// Its subject below a prefix.
    #[must_use]
    pub fn below(&self, prefix: &str) -> &str {
        self.subject.strip_prefix(prefix).unwrap_or(&self.subject).trim_start_matches('.')
    }
}

/// An alert as it is published; none where it cannot be.
#[must_use]
pub fn outgoing(alerts_prefix: &str, alert: &Alert) -> Option<Outgoing> {
    let payload = match serde_json::to_vec(alert) {
        Ok(payload) => payload.into(),
        Err(error) => {
            tracing::error!(alert = alert.id, %error, "alert cannot be serialized");
            return None;
        }
    };
    let subject = format!("{alerts_prefix}.{}.{}", encode_token(&alert.tenant), alert.severity);
    let mut headers = HeaderMap::new();
    headers.insert(async_nats::header::NATS_MESSAGE_ID, format!("{}.{}", clean(&alert.id), alert.revision));
    Some(Outgoing { subject, headers, payload })
}

impl NatsNotifier {
    /// A notifier on a connection; nothing is sent yet.
    #[must_use]
    pub fn new(
        client: Client,
        alerts: &AlertsConfig,
        events: &EventsConfig,
        metrics: NotifyMetrics,
        health: HealthState,
    ) -> Self {
        let context = (events.mode == SourceMode::Jetstream).then(|| jetstream::new(client.clone()));
        let (prefix, rejected) = (&alerts.subject_prefix, &events.rejected_prefix);
        let specs = [
            StreamSpec {
                name: alerts.stream.clone(),
                needs: format!("{prefix}.*.*"),
                subjects: format!("{prefix}.>"),
                create: alerts.create_stream,
                max_age: ALERT_AGE_MAX,
                duplicate_window: ALERT_DUPLICATE_WINDOW,
                description: "alerts of humdrum",
            },
            StreamSpec {
                name: events.rejected_stream.clone(),
                needs: format!("{rejected}.*"),
                subjects: format!("{rejected}.>"),
                create: events.create_stream,
                max_age: REJECTED_AGE_MAX,
                duplicate_window: REJECTED_DUPLICATE_WINDOW,
                description: "events that humdrum refused",
            },
        ];
        let rng = Xoshiro256PlusPlus::from_rng(OsRng).unwrap_or_else(|_| Xoshiro256PlusPlus::seed_from_u64(0));
        let (alerts_prefix, rejected_prefix) = (prefix.clone(), rejected.clone());
        let head_subject = alerts.head_subject.clone();
        let preparation = Preparation { context: context.clone(), specs };
        Self {
            client,
            context,
            alerts_prefix,
            head_subject,
            rejected_prefix,
            preparation,
            fence: None,
            metrics,
            health,
            rng,
        }
    }

    /// The same for one partition: alerts pass its fence.
    #[must_use]
    pub fn fenced(mut self, fence: Fence) -> Self {
        self.fence = Some(fence);
        self
    }

    /// The fence, where there is one.
    #[must_use]
    pub fn fence(&self) -> Option<&Fence> {
        self.fence.as_ref()
    }

    /// An event was settled.
    pub fn reached(&mut self, event: u64) {
        if let Some(fence) = &mut self.fence {
            fence.reached(event);
        }
    }

    /// What finds or makes the streams.
    #[must_use]
    pub fn preparation(&self) -> Preparation {
        self.preparation.clone()
    }

    /// Publishes alerts and waits until the server has them all.
    ///
    /// # Errors
    /// The stop came first. What was published may come again.
    pub async fn alerts(&mut self, alerts: &[impl AsRef<Alert>], stop: &CancellationToken) -> Result<(), Stopped> {
        if self.fence.is_some() {
            for alert in alerts {
                self.pass(alert.as_ref(), stop).await?;
            }
            return Ok(());
        }
        for window in alerts.chunks(WINDOW) {
            let outgoing = window.iter().filter_map(|alert| outgoing(&self.alerts_prefix, alert.as_ref())).collect();
            self.publish(outgoing, stop).await?;
            for alert in window {
                self.metrics.alert(alert.as_ref());
            }
        }
        Ok(())
    }

    /// Publishes dead letters and waits until the server has them all.
    ///
    /// # Errors
    /// The stop came first. What was published may come again.
    pub async fn dead_letters(&mut self, letters: &[DeadLetter], stop: &CancellationToken) -> Result<(), Stopped> {
        for window in letters.chunks(WINDOW) {
            let outgoing = window.iter().map(|letter| self.dead_letter(letter)).collect();
            self.publish(outgoing, stop).await?;
        }
        Ok(())
    }

    /// Publishes a head of the alert log, plainly: whether somebody keeps it is not ours to say, and the next one covers
    /// what this one does.
    pub async fn head(&self, payload: Bytes) {
        if let Err(error) = self.client.publish(self.head_subject.clone(), payload).await {
            tracing::warn!(%error, "head of the alert log cannot be published");
        }
    }

    /// Waits until everything written has left, for a moment: without a connection it never does.
    pub async fn flush(&self) {
        match tokio::time::timeout(FLUSH_TIMEOUT, self.client.flush()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "nats cannot be flushed"),
            Err(_) => tracing::warn!("nats cannot be flushed in time"),
        }
    }

    fn dead_letter(&self, letter: &DeadLetter) -> Outgoing {
        let reason: RejectReason = letter.reject.reason;
        let mut headers = HeaderMap::new();
        headers.insert("Humdrum-Reject-Reason", reason.as_str());
        headers.insert("Humdrum-Reject-Detail", clean(&letter.reject.detail));
        headers.insert("Humdrum-Subject", clean(&letter.subject));
        if let Some(id) = &letter.id {
            headers.insert(async_nats::header::NATS_MESSAGE_ID, clean(id));
        }
        let mut payload = letter.payload.clone();
        let bytes_max = self.client.try_server_info().map_or(usize::MAX, |info| info.max_payload);
        if payload.len() > bytes_max.saturating_sub(HEADER_BYTES) {
            headers.insert("Humdrum-Truncated", payload.len().to_string());
            payload.truncate(bytes_max.saturating_sub(HEADER_BYTES));
        }
        Outgoing { subject: format!("{}.{}", self.rejected_prefix, reason.as_str()), headers, payload }
    }

    /// Publishes an alert through the fence, and goes on until it has passed.
    async fn pass(&mut self, alert: &Alert, stop: &CancellationToken) -> Result<(), Stopped> {
        let (Some(out), Some(fence)) = (outgoing(&self.alerts_prefix, alert), &mut self.fence) else { return Ok(()) };
        let (metrics, health, rng) = (&self.metrics, &self.health, &mut self.rng);
        let pause = |attempt, error: FenceError| {
            metrics.retries.inc();
            tracing::warn!(attempt, %error, "publishing failed; trying again");
            health.set_error(error);
            backoff::pause(attempt, RETRY_PAUSE.0, RETRY_PAUSE.1, rng)
        };
        tokio::select! {
            () = stop.cancelled() => return Err(Stopped::Asked),
            passed = fence.pass(out.below(&self.alerts_prefix), out.id(), &out.payload, pause) => {
                passed.map_err(Stopped::Fenced)?;
            }
        }
        self.metrics.alert(alert);
        Ok(())
    }

    /// Publishes a window and goes on until nothing of it is left.
    async fn publish(&mut self, mut window: Vec<Outgoing>, stop: &CancellationToken) -> Result<(), Stopped> {
        let mut attempt = 0;
        while !window.is_empty() {
            let (left, fault) = tokio::select! {
                () = stop.cancelled() => return Err(Stopped::Asked),
                left = self.attempt(window) => left,
            };
            window = left;
            if window.is_empty() {
                break;
            }
            attempt += 1;
            self.metrics.retries.inc_by(window.len() as u64);
            let error = fault.unwrap_or_default();
            tracing::warn!(left = window.len(), attempt, error, "publishing failed; trying again");
            self.health.set_error(error);
            let pause = backoff::pause(attempt, RETRY_PAUSE.0, RETRY_PAUSE.1, &mut self.rng);
            tokio::select! {
                () = stop.cancelled() => return Err(Stopped::Asked),
                () = tokio::time::sleep(pause) => {}
            }
        }
        Ok(())
    }

    /// One attempt at every message: what is left, and why.
    async fn attempt(&self, window: Vec<Outgoing>) -> (Vec<Outgoing>, Option<String>) {
        let Some(context) = &self.context else {
            return self.attempt_plain(window).await;
        };
        let (mut left, mut fault, mut sent) = (Vec::new(), None, Vec::with_capacity(window.len()));
        for out in window {
            let message = PublishMessage::build().payload(out.payload.clone()).headers(out.headers.clone());
            let ack = context.send_publish(out.subject.clone(), message).await;
            sent.push((out, ack));
        }
        let mut missing = false;
        for (out, ack) in sent {
            let result = match ack {
                Ok(ack) => ack.into_future().await.map(drop),
                Err(error) => Err(error),
            };
            if let Err(error) = result {
                missing |= error.kind() == PublishErrorKind::StreamNotFound;
                if hopeless(&error) {
                    tracing::error!(subject = out.subject, %error, "message cannot be published; dropped");
                } else {
                    fault = Some(error.to_string());
                    left.push(out);
                }
            }
        }
        if missing && let Err(error) = self.preparation.prepare().await {
            fault = Some(error.to_string());
        }
        (left, fault)
    }

    async fn attempt_plain(&self, window: Vec<Outgoing>) -> (Vec<Outgoing>, Option<String>) {
        let (mut left, mut fault) = (Vec::new(), None);
        for out in window {
            let sent = self.client.publish_with_headers(out.subject.clone(), out.headers.clone(), out.payload.clone());
            if let Err(error) = sent.await {
                fault = Some(error.to_string());
                left.push(out);
            }
        }
        if let Err(error) = self.client.flush().await {
            fault = fault.or(Some(error.to_string()));
        }
        (left, fault)
    }
}

/// Whether no further attempt can succeed: the message is larger than the server or the stream allows.
pub(super) fn hopeless(error: &PublishError) -> bool {
    let refused = error.source().and_then(|source| source.downcast_ref::<jetstream::Error>());
    error.kind() == PublishErrorKind::MaxPayloadExceeded
        || refused.is_some_and(|error| error.error_code() == ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM)
}

/// A header value must hold no line break; others read better without control characters and a bound.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(512).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_values_cannot_break_out() {
        assert_eq!(clean(" a\r\nNats-Msg-Id: b\u{7f}\0 "), "aNats-Msg-Id: b");
        assert_eq!(clean(&"ä".repeat(600)).chars().count(), 512);
    }
}
