//! Alerts to webhooks: one task and one queue each, so that a hanging endpoint delays neither the stream nor another
//! endpoint.
//!
//! Delivery is at least once and in order. An alert that fails is tried again before its successors: an endpoint that
//! answers 503 to one would answer 503 to the next, and a page resolved before it fired confuses people. Proxies of the
//! environment are ignored and redirects never followed, so that alerts go where the configuration says and nowhere
//! else. The `webhook-id` is the alert's id: a receiver that wants each revision once looks at the body's `revision`.

use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::OsRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::backoff;
use super::delivery::{Verdict, judge};
use super::outbox::Outbox;
use super::signature::{KeyError, SigningKey};
use crate::alert::{Alert, Severity};
use crate::config::WebhookConfig;
use crate::runtime::clock;
use crate::runtime::metrics::WebhookMetrics;
use crate::runtime::store::format::Undelivered;

/// Bytes of an answer that are read, so that the connection can be used again. More would let an endpoint keep us
/// busy, none would cost a handshake an alert.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// A webhook that cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// Its secret is none.
    #[error("webhook `{name}`: {source}")]
    Secret {
        /// Which webhook.
        name: String,
        /// What is wrong.
        source: KeyError,
    },
    /// Its address is none.
    #[error("webhook `{name}`: {detail}")]
    Url {
        /// Which webhook.
        name: String,
        /// What is wrong.
        detail: String,
    },
    /// The HTTP client cannot be built.
    #[error("webhook `{name}`: http client: {source}")]
    Client {
        /// Which webhook.
        name: String,
        /// What is wrong.
        source: reqwest::Error,
    },
}

impl WebhookError {
    /// The class of fault.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Secret { .. } => "secret",
            Self::Url { .. } => "url",
            Self::Client { .. } => "client",
        }
    }

    /// Whether trying again can help: never, the settings must change.
    #[must_use]
    pub fn retry(&self) -> bool {
        false
    }
}

/// All webhooks.
#[derive(Debug)]
pub struct Webhooks {
    receivers: Vec<Receiver>,
    tasks: JoinSet<()>,
    closing: CancellationToken,
}

#[derive(Debug)]
struct Receiver {
    name: String,
    min_severity: Severity,
    outbox: Arc<Outbox>,
}

impl Webhooks {
    /// Starts a task for each webhook and queues what an earlier run still owed.
    ///
    /// # Errors
    /// A secret, an address or the HTTP client.
    pub fn start(
        configs: &[WebhookConfig],
        owed: Vec<Undelivered>,
        metrics: &WebhookMetrics,
    ) -> Result<Self, WebhookError> {
        let (mut receivers, mut endpoints) = (Vec::new(), Vec::new());
        for config in configs {
            let outbox = Arc::new(Outbox::new(metrics.endpoint(&config.name)));
            endpoints.push(Endpoint::new(config, Arc::clone(&outbox))?);
            receivers.push(Receiver { name: config.name.clone(), min_severity: config.min_severity, outbox });
        }
        for item in owed {
            let Some(receiver) = receivers.iter().find(|receiver| receiver.name == item.webhook) else {
                tracing::warn!(webhook = item.webhook, alert = item.alert.id, "webhook is gone; alert dropped");
                continue;
            };
            receiver.outbox.push(Arc::new(item.alert));
        }
        let (mut tasks, closing) = (JoinSet::new(), CancellationToken::new());
        for endpoint in endpoints {
            tasks.spawn(endpoint.run(closing.clone()));
        }
        Ok(Self { receivers, tasks, closing })
    }

    /// Queues an alert for every webhook that wants its severity. Never waits.
    pub fn offer(&self, alert: &Arc<Alert>) {
        for receiver in self.receivers.iter().filter(|receiver| alert.severity >= receiver.min_severity) {
            receiver.outbox.push(Arc::clone(alert));
        }
    }

    /// Everything that is still owed.
    #[must_use]
    pub fn outbox(&self) -> Vec<Undelivered> {
        let owed = |receiver: &Receiver| {
            let webhook = receiver.name.clone();
            let alerts = receiver.outbox.alerts();
            alerts.into_iter().map(move |alert| Undelivered { webhook: webhook.clone(), alert: (*alert).clone() })
        };
        self.receivers.iter().flat_map(owed).collect()
    }

    /// Goes on delivering until nothing is owed or the time is up, then ends the tasks.
    pub async fn drain(&mut self, deadline: Instant) {
        self.closing.cancel();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout_at(deadline, all).await.is_err() {
            self.tasks.shutdown().await;
            let owed: usize = self.receivers.iter().map(|receiver| receiver.outbox.alerts().len()).sum();
            tracing::warn!(owed, "webhooks did not take all alerts in time");
        }
    }
}

/// One webhook's task.
#[derive(Debug)]
struct Endpoint {
    config: WebhookConfig,
    key: Option<SigningKey>,
    client: reqwest::Client,
    outbox: Arc<Outbox>,
    rng: Xoshiro256PlusPlus,
}

impl Endpoint {
    fn new(config: &WebhookConfig, outbox: Arc<Outbox>) -> Result<Self, WebhookError> {
        let name = || config.name.clone();
        if let Err(error) = reqwest::Url::parse(&config.url) {
            return Err(WebhookError::Url { name: name(), detail: error.to_string() });
        }
        let key = config.secret.as_ref().map(|secret| SigningKey::parse(secret.expose())).transpose();
        let key = key.map_err(|source| WebhookError::Secret { name: name(), source })?;
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(config.timeout)
            .user_agent(concat!("humdrum/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|source| WebhookError::Client { name: name(), source })?;
        let rng = Xoshiro256PlusPlus::from_rng(OsRng).unwrap_or_else(|_| Xoshiro256PlusPlus::seed_from_u64(0));
        Ok(Self { config: config.clone(), key, client, outbox, rng })
    }

    async fn run(mut self, closing: CancellationToken) {
        loop {
            let alert = tokio::select! {
                biased;
                alert = self.outbox.next() => alert,
                () = closing.cancelled() => return,
            };
            self.deliver(&alert).await;
            self.outbox.pop();
        }
    }

    /// Tries until the alert is delivered, refused or out of attempts.
    async fn deliver(&mut self, alert: &Alert) {
        let body = match serde_json::to_vec(alert) {
            Ok(body) => bytes::Bytes::from(body),
            Err(error) => {
                tracing::error!(alert = alert.id, %error, "alert cannot be serialized");
                self.outbox.metrics().refused.inc();
                return;
            }
        };
        let webhook = self.config.name.clone();
        for attempt in 1..=self.config.attempts_max.max(1) {
            let verdict = self.attempt(alert, body.clone()).await;
            let metrics = self.outbox.metrics();
            match verdict {
                Verdict::Delivered => {
                    metrics.delivered.inc();
                    return;
                }
                Verdict::Refused => {
                    metrics.refused.inc();
                    tracing::error!(webhook, alert = alert.id, "webhook refused the alert for good");
                    return;
                }
                Verdict::Retry(_) if attempt >= self.config.attempts_max => break,
                Verdict::Retry(asked) => {
                    metrics.retried.inc();
                    let (min, max) = (self.config.backoff_min, self.config.backoff_max);
                    let own = backoff::pause(attempt, min, max, &mut self.rng);
                    tokio::time::sleep(own.max(asked.unwrap_or(Duration::ZERO))).await;
                }
            }
        }
        self.outbox.metrics().abandoned.inc();
        tracing::error!(webhook, alert = alert.id, "webhook took no attempt; the alert is given up");
    }

    async fn attempt(&self, alert: &Alert, body: bytes::Bytes) -> Verdict {
        let now = clock::wall();
        let timestamp_s = now.as_micros() / 1_000_000;
        let mut request = self
            .client
            .post(&self.config.url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", &alert.id)
            .header("webhook-timestamp", timestamp_s.to_string());
        match self.key.as_ref().map(|key| key.sign(&alert.id, timestamp_s, &body)) {
            Some(Ok(signature)) => request = request.header("webhook-signature", signature),
            Some(Err(_)) => return Verdict::Refused,
            None => {}
        }
        let webhook = &self.config.name;
        match request.body(body).send().await {
            Ok(answer) => {
                let status = answer.status().as_u16();
                let retry_after = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
                let verdict = judge(status, retry_after, now);
                if verdict != Verdict::Delivered {
                    tracing::warn!(webhook, alert = alert.id, status, "webhook did not take the alert");
                }
                discard(answer).await;
                verdict
            }
            // What cannot even be built, as a header out of an odd id, will not be built next time.
            Err(error) if error.is_builder() => {
                tracing::error!(webhook, alert = alert.id, error = %error.without_url(), "request cannot be built");
                Verdict::Refused
            }
            Err(error) => {
                let timeout = error.is_timeout();
                tracing::warn!(webhook, alert = alert.id, timeout, error = %error.without_url(), "webhook not reached");
                Verdict::Retry(None)
            }
        }
    }
}

/// Reads what is left of an answer, up to a bound. The status has been given: what happens here changes nothing.
async fn discard(mut answer: reqwest::Response) {
    let mut bytes = 0;
    while let Ok(Some(chunk)) = answer.chunk().await {
        bytes += chunk.len();
        if bytes > ANSWER_BYTES_MAX {
            return;
        }
    }
}
