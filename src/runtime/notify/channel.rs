//! The way to one receiver: a POST over the web, or a subject on NATS. One attempt, and what came of it.
//!
//! Proxies of the environment are ignored and redirects never followed, so that alerts go where the configuration says and
//! nowhere else; of an answer so much is read that the connection can be used again. On a subject that a stream must take,
//! the stream's acknowledgment is waited for, and the message carries an id of its own, so that a second attempt after a
//! lost acknowledgment is dropped by the stream.

use std::error::Error as _;
use std::fmt;
use std::future::IntoFuture;
use std::time::Duration;

use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{self, Context};
use async_nats::{Client, HeaderMap};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};

use super::delivery::{Verdict, judge};
use super::guard::{Guard, Lookup};
use super::nats::hopeless;
use super::signature::{KeyError, SigningKey};
use crate::alert::{Cause, Notice};
use crate::config::{ReceiverConfig, Service, SourceMode, WebhookConfig, network};
use crate::time::Timestamp;

/// Bytes of an answer that are read, so that the connection can be used again. More would let an endpoint keep us
/// busy, none would cost a handshake an alert.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Characters of an answer that are kept for people.
const SAID_CHARS_MAX: usize = 300;

/// A receiver that cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum ReceiverError {
    /// Its signing secret is none.
    #[error("receiver `{name}`: {source}")]
    Secret {
        /// Which receiver.
        name: String,
        /// What is wrong.
        source: KeyError,
    },
    /// Its address is none, or one that it may not have.
    #[error("receiver `{name}`: {detail}")]
    Url {
        /// Which receiver.
        name: String,
        /// What is wrong.
        detail: String,
    },
    /// The HTTP client cannot be built.
    #[error("receiver `{name}`: http client: {source}")]
    Client {
        /// Which receiver.
        name: String,
        /// What is wrong.
        source: reqwest::Error,
    },
    /// No thread can be started to keep what is not delivered.
    #[error("no thread can be started to keep what receivers are not told: {0}")]
    Thread(#[from] std::io::Error),
    /// It is a subject, and there is no connection to NATS.
    #[error("receiver `{name}`: there is no connection to nats")]
    Nats {
        /// Which receiver.
        name: String,
    },
}

impl ReceiverError {
    /// The class of fault.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Secret { .. } => "secret",
            Self::Url { .. } => "url",
            Self::Client { .. } => "client",
            Self::Thread(_) => "thread",
            Self::Nats { .. } => "nats",
        }
    }

    /// Whether trying again can help: never, the settings must change.
    #[must_use]
    pub fn retry(&self) -> bool {
        false
    }
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What to do now.
    pub verdict: Verdict,
    /// The status, where there was an answer over the web.
    pub status: Option<u16>,
    /// What was said, or what went wrong: the beginning, without control characters.
    pub said: String,
}

/// What is sent in one attempt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outgoing<'a> {
    pub(super) notice: &'a Notice,
    pub(super) body: &'a [u8],
    pub(super) content_type: &'static str,
    /// The instant by the wall clock.
    pub(super) now: Timestamp,
}

/// The way to a receiver.
#[derive(Debug)]
pub(super) enum Channel {
    Web(Box<Web>),
    Topic(Box<Topic>),
}

pub(super) struct Web {
    url: String,
    client: reqwest::Client,
    /// Whether requests carry the headers of Standard Webhooks.
    standard: bool,
    key: Option<SigningKey>,
    authorization: Option<HeaderValue>,
}

#[derive(Debug)]
pub(super) struct Topic {
    name: String,
    client: Client,
    context: Option<Context>,
    subject: String,
    timeout: Duration,
}

impl fmt::Debug for Web {
    /// An address is often a key, and a client prints what it sends.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Web").field("standard", &self.standard).finish_non_exhaustive()
    }
}

impl Channel {
    /// The way to one of the webhooks, which lie wherever the settings say.
    pub(super) fn webhook(config: &WebhookConfig) -> Result<Self, ReceiverError> {
        let client = client(&config.name, config.timeout, None)?;
        if let Err(error) = reqwest::Url::parse(&config.url) {
            return Err(ReceiverError::Url { name: config.name.clone(), detail: error.to_string() });
        }
        let key = key(&config.name, config.secret.as_ref().map(crate::config::SecretText::expose))?;
        Ok(Self::Web(Box::new(Web { url: config.url.clone(), client, standard: true, key, authorization: None })))
    }

    /// The way to one of the receivers.
    pub(super) fn receiver(
        config: &ReceiverConfig,
        lookup: &Lookup,
        nats: Option<&Client>,
    ) -> Result<Self, ReceiverError> {
        if config.service == Service::Nats {
            let client = nats.cloned().ok_or_else(|| ReceiverError::Nats { name: config.name.clone() })?;
            let context = (config.mode == SourceMode::Jetstream).then(|| jetstream::new(client.clone()));
            let (name, subject, timeout) = (config.name.clone(), config.subject.clone(), config.timeout);
            return Ok(Self::Topic(Box::new(Topic { name, client, context, subject, timeout })));
        }
        let guard = Guard::new(&config.allow_networks, lookup.clone());
        let bad = |detail: String| ReceiverError::Url { name: config.name.clone(), detail };
        let url = reqwest::Url::parse(&config.url).map_err(|error| bad(error.to_string()))?;
        // An address is not looked up, so that nobody else checks it. `Url` has brought it into its plain form.
        if let Ok(Some(address)) = network::literal(url.host_str().unwrap_or_default()) {
            guard.check(&config.name, &[address]).map_err(|error| bad(error.to_string()))?;
        }
        let client = client(&config.name, config.timeout, Some(guard))?;
        let key = key(&config.name, config.secret.as_ref().map(crate::config::SecretText::expose))?;
        let authorization = config.authorization.as_ref().map(|secret| HeaderValue::from_str(secret.expose()));
        let mut authorization =
            authorization.transpose().map_err(|_| bad("`authorization` is no value of a header".to_owned()))?;
        if let Some(value) = &mut authorization {
            value.set_sensitive(true);
        }
        let standard = config.service == Service::Webhook;
        Ok(Self::Web(Box::new(Web { url: config.url.clone(), client, standard, key, authorization })))
    }

    /// Tries once.
    pub(super) async fn send(&self, outgoing: Outgoing<'_>) -> Answer {
        match self {
            Self::Web(web) => web.send(outgoing).await,
            Self::Topic(topic) => topic.send(outgoing).await,
        }
    }
}

fn client(name: &str, timeout: Duration, guard: Option<Guard>) -> Result<reqwest::Client, ReceiverError> {
    let builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(timeout)
        .user_agent(concat!("humdrum/", env!("CARGO_PKG_VERSION")));
    let builder = match guard {
        Some(guard) => builder.dns_resolver(std::sync::Arc::new(guard)),
        None => builder,
    };
    builder.build().map_err(|source| ReceiverError::Client { name: name.to_owned(), source })
}

fn key(name: &str, secret: Option<&str>) -> Result<Option<SigningKey>, ReceiverError> {
    let key = secret.map(SigningKey::parse).transpose();
    key.map_err(|source| ReceiverError::Secret { name: name.to_owned(), source })
}

impl Web {
    async fn send(&self, outgoing: Outgoing<'_>) -> Answer {
        let mut request = self.client.post(&self.url).header(CONTENT_TYPE, outgoing.content_type);
        if self.standard {
            let (id, seconds) = (&outgoing.notice.alert.id, outgoing.now.as_micros().div_euclid(1_000_000));
            request = request.header("webhook-id", id).header("webhook-timestamp", seconds.to_string());
            match self.key.as_ref().map(|key| key.sign(id, seconds, outgoing.body)) {
                Some(Ok(signature)) => request = request.header("webhook-signature", signature),
                Some(Err(error)) => return Answer::without_status(Verdict::Refused, &error.to_string()),
                None => {}
            }
        }
        if let Some(value) = &self.authorization {
            request = request.header(AUTHORIZATION, value);
        }
        match request.body(outgoing.body.to_vec()).send().await {
            Ok(answer) => {
                let status = answer.status().as_u16();
                let retry_after = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
                let verdict = judge(status, retry_after, outgoing.now);
                Answer { verdict, status: Some(status), said: said(answer).await }
            }
            // What cannot even be built, as a header out of an odd id, will not be built next time.
            Err(error) => {
                let verdict = if error.is_builder() { Verdict::Refused } else { Verdict::Retry(None) };
                Answer::without_status(verdict, &chain(&error.without_url()))
            }
        }
    }
}

impl Topic {
    async fn send(&self, outgoing: Outgoing<'_>) -> Answer {
        match tokio::time::timeout(self.timeout, self.publish(outgoing)).await {
            Ok(answer) => answer,
            Err(_) => Answer::without_status(Verdict::Retry(None), "nobody answered in time"),
        }
    }

    async fn publish(&self, outgoing: Outgoing<'_>) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert("Content-Type", outgoing.content_type);
        headers.insert(async_nats::header::NATS_MESSAGE_ID, message_id(&self.name, outgoing.notice));
        let body = bytes::Bytes::copy_from_slice(outgoing.body);
        let Some(context) = &self.context else {
            let sent = self.client.publish_with_headers(self.subject.clone(), headers, body).await;
            let done = match sent {
                Ok(()) => self.client.flush().await.map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            return match done {
                Ok(()) => Answer::without_status(Verdict::Delivered, "published"),
                Err(error) => Answer::without_status(Verdict::Retry(None), &error),
            };
        };
        let message = PublishMessage::build().payload(body).headers(headers);
        let acknowledged = match context.send_publish(self.subject.clone(), message).await {
            Ok(acknowledgment) => acknowledgment.into_future().await,
            Err(error) => Err(error),
        };
        match acknowledged {
            Ok(ack) => {
                let said = format!("taken by stream {} as {}", ack.stream, ack.sequence);
                Answer::without_status(Verdict::Delivered, &said)
            }
            Err(error) => {
                let verdict = if hopeless(&error) { Verdict::Refused } else { Verdict::Retry(None) };
                Answer::without_status(verdict, &error.to_string())
            }
        }
    }
}

/// The id by which a stream knows an attempt again: that of what is told, and of why. An escalation of a revision that was
/// told before is another message, and the same one when it is sent again after a crash.
fn message_id(receiver: &str, Notice { alert, cause, .. }: &Notice) -> String {
    let cause = match cause {
        Cause::Published => "",
        Cause::Repeated => ".repeated",
        Cause::Acknowledged => ".acknowledged",
        Cause::Escalated => ".escalated",
        Cause::Test => ".test",
    };
    format!("{receiver}.{}.{}{cause}", alert.id, alert.revision).replace(|c: char| c.is_control(), "")
}

impl Answer {
    fn without_status(verdict: Verdict, said: &str) -> Self {
        Self { verdict, status: None, said: clean(said) }
    }
}

/// An error and what it comes from, in one line: who was not reached says little without the why.
fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// Reads an answer, up to a bound, and keeps its beginning. The status has been given: what happens here changes nothing.
async fn said(mut answer: reqwest::Response) -> String {
    let (mut bytes, mut kept) = (0, Vec::new());
    while let Ok(Some(chunk)) = answer.chunk().await {
        bytes += chunk.len();
        kept.extend_from_slice(&chunk[..chunk.len().min((SAID_CHARS_MAX * 4).saturating_sub(kept.len()))]);
        if bytes > ANSWER_BYTES_MAX {
            break;
        }
    }
    clean(&String::from_utf8_lossy(&kept))
}

fn clean(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(SAID_CHARS_MAX).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::Severity;
    use crate::alert::fixtures::alert;

    #[test]
    fn what_is_told_for_another_reason_is_another_message() {
        let notice = |cause| Notice { cause, ..Notice::new(alert("a\n1", Severity::High)) };
        let causes = [Cause::Published, Cause::Repeated, Cause::Acknowledged, Cause::Escalated, Cause::Test];
        let mut ids: Vec<String> = causes.map(|cause| message_id("soc", &notice(cause))).into();
        assert_eq!((ids[0].as_str(), ids[3].as_str()), ("soc.a1.1", "soc.a1.1.escalated"));
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), causes.len());
    }

    #[test]
    fn no_secret_is_printed() {
        rustls::crypto::ring::default_provider().install_default().ok();
        let client = client("chat", Duration::from_secs(1), None).expect("a client");
        let url = "https://hooks.example.com/services/T0/B0/opensesame".to_owned();
        let authorization = Some(HeaderValue::from_static("Bearer opensesame"));
        let web = Channel::Web(Box::new(Web { url, client, standard: true, key: None, authorization }));
        assert_eq!(format!("{web:?}"), "Web(Web { standard: true, .. })");
    }
}
