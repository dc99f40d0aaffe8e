//! One connection to NATS from its settings.
//!
//! The first attempt is made without retries, so that a refused password or a broken certificate ends the start with
//! a clear sentence. Only when the server cannot be reached does a second, patient connection take over that goes on
//! trying in the background: then the process is alive, not ready, and says why.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_nats::{Client, ConnectError, ConnectOptions, Event, ServerAddr};
use prometheus::IntGauge;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{credentials, refusal};
use crate::config::NatsConfig;
use crate::event::subject::decode_token;
use crate::runtime::health::HealthState;

/// Time between pings. A dead server is noticed after two of them: longer means minutes of silence, shorter means
/// false alarms on a busy host.
const PING_EVERY: Duration = Duration::from_secs(5);

/// Time for one request. Shorter breaks while a cluster elects a leader, longer delays the notice that nobody answers.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest pause between attempts to connect again. Longer adds to every outage, shorter hammers a server that starts.
const RECONNECT_PAUSE_MAX: Duration = Duration::from_secs(4);

/// Attempts after which a server that hangs up is taken for one that cannot be reached. Whoever hangs up says why just
/// before, and the word can be lost in the noise of the closing; fewer attempts lose it more often, more delay nothing
/// but that rare case.
const HANG_UPS_MAX: u32 = 3;

/// A connection that cannot be had with these settings.
#[derive(Debug, thiserror::Error)]
pub enum NatsError {
    /// A file that a setting names cannot be read.
    #[error("{setting} `{path}` cannot be read")]
    File {
        /// The setting's path.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file that a setting names holds something else.
    #[error("{setting} `{path}` holds no {wanted} in PEM")]
    Pem {
        /// The setting's path.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What it should hold.
        wanted: &'static str,
    },
    /// A seed that is none.
    #[error("`nats.nkey_seed` is no seed of a user: {detail}")]
    Seed {
        /// Why.
        detail: String,
    },
    /// Half of a pair of settings.
    #[error("{have} is set but {lack} is not")]
    Half {
        /// The setting that is there.
        have: &'static str,
        /// The setting that is missing.
        lack: &'static str,
    },
    /// An address that cannot be read.
    #[error("nats.url `{url}` is no server address")]
    Url {
        /// The addresses, without what is secret in them.
        url: String,
        /// Why.
        source: std::io::Error,
    },
    /// The server answered and said no, or the credentials cannot be used.
    #[error("nats refused the connection to {url}: {detail}; {advice}")]
    Refused {
        /// The addresses, without what is secret in them.
        url: String,
        /// Why.
        detail: String,
        /// Which setting to look at.
        advice: String,
    },
    /// No server answered.
    #[error("nats cannot be reached at {url}: {detail}")]
    Unreachable {
        /// The addresses, without what is secret in them.
        url: String,
        /// Why.
        detail: String,
    },
}

impl NatsError {
    /// The class of fault.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::File { .. } | Self::Pem { .. } => "file",
            Self::Half { .. } | Self::Seed { .. } => "setting",
            Self::Url { .. } => "url",
            Self::Refused { .. } => "refused",
            Self::Unreachable { .. } => "unreachable",
        }
    }

    /// Whether trying again can help without anybody doing anything.
    #[must_use]
    pub fn retry(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}

/// Connects, or starts to: an unreachable server is tried again in the background, a refusal is an error.
/// `connected` is kept by the connection itself, since a source that is stuck cannot tell.
///
/// # Errors
/// A setting is wrong, or the server refuses the credentials.
pub async fn connect(config: &NatsConfig, health: &HealthState, connected: &IntGauge) -> Result<Client, NatsError> {
    let error = match connect_once(config, health, connected).await {
        Err(error) if error.retry() => error,
        done => return done,
    };
    tracing::warn!("{error}; trying on");
    health.set_error(&error);
    let patient = options(config, health, connected).await?.retry_on_initial_connect();
    patient.connect(&servers(config)?[..]).await.map_err(|error| fault(config, &error))
}

/// Connects now or not at all.
///
/// # Errors
/// A setting is wrong, the server refuses the credentials, or none can be reached.
pub async fn connect_once(
    config: &NatsConfig,
    health: &HealthState,
    connected: &IntGauge,
) -> Result<Client, NatsError> {
    let servers = servers(config)?;
    let mut attempt = 1;
    loop {
        match options(config, health, connected).await?.connect(&servers[..]).await {
            Ok(client) => return Ok(client),
            Err(error) if attempt < HANG_UPS_MAX && refusal::hung_up(&error) => attempt += 1,
            Err(error) => return Err(fault(config, &error)),
        }
    }
}

fn servers(config: &NatsConfig) -> Result<Vec<ServerAddr>, NatsError> {
    let server =
        |url: &String| url.parse::<ServerAddr>().map_err(|source| NatsError::Url { url: config.shown_url(), source });
    config.url.iter().map(server).collect()
}

/// User and password, or a token alone, of the first address that has some.
pub(super) fn embedded(config: &NatsConfig) -> Option<(String, Option<String>)> {
    let plain = |text: &str| decode_token(text).map_or_else(|| text.to_owned(), Cow::into_owned);
    config
        .url
        .iter()
        .filter_map(|url| url.parse::<ServerAddr>().ok())
        .find_map(|server| Some((plain(server.username()?), server.password().map(plain))))
}

fn fault(config: &NatsConfig, error: &ConnectError) -> NatsError {
    let (url, detail) = (config.shown_url(), error.to_string());
    match refusal::advice(config, error) {
        Some(advice) => NatsError::Refused { url, detail, advice },
        None => NatsError::Unreachable { url, detail },
    }
}

async fn options(config: &NatsConfig, health: &HealthState, connected: &IntGauge) -> Result<ConnectOptions, NatsError> {
    let (health, connected) = (health.clone(), connected.clone());
    let mut options = credentials::options(config)
        .await?
        .name("humdrum")
        .ping_interval(PING_EVERY)
        .request_timeout(Some(REQUEST_TIMEOUT))
        .custom_inbox_prefix(&config.inbox_prefix)
        .reconnect_delay_callback(pause)
        .event_callback(move |event| {
            tell(&health, &connected, &event);
            std::future::ready(())
        });
    if config.tls {
        options = options.require_tls(true);
    }
    if let Some(path) = &config.tls_ca_file {
        certificates("nats.tls_ca_file", path).await?;
        options = options.add_root_certificates(path.clone());
    }
    match (&config.tls_cert_file, &config.tls_key_file) {
        (Some(cert), Some(key)) => {
            certificates("nats.tls_cert_file", cert).await?;
            private_key("nats.tls_key_file", key).await?;
            options = options.add_client_certificate(cert.clone(), key.clone());
        }
        (Some(_), None) => return Err(NatsError::Half { have: "nats.tls_cert_file", lack: "nats.tls_key_file" }),
        (None, Some(_)) => return Err(NatsError::Half { have: "nats.tls_key_file", lack: "nats.tls_cert_file" }),
        (None, None) => {}
    }
    Ok(options)
}

/// The pause before an attempt, the first being 1: none, then more each time.
fn pause(attempt: usize) -> Duration {
    match attempt {
        0 | 1 => Duration::ZERO,
        later => Duration::from_millis(100).saturating_mul(1 << (later - 2).min(6)).min(RECONNECT_PAUSE_MAX),
    }
}

async fn certificates(setting: &'static str, path: &Path) -> Result<(), NatsError> {
    let pem = read(setting, path).await?;
    let mut found = CertificateDer::pem_slice_iter(&pem);
    let whole = found.next().is_some_and(|first| first.is_ok()) && found.all(|next| next.is_ok());
    if whole { Ok(()) } else { Err(NatsError::Pem { setting, path: path.to_owned(), wanted: "certificate" }) }
}

async fn private_key(setting: &'static str, path: &Path) -> Result<(), NatsError> {
    let pem = read(setting, path).await?;
    match PrivateKeyDer::from_pem_slice(&pem) {
        Ok(_) => Ok(()),
        Err(_) => Err(NatsError::Pem { setting, path: path.to_owned(), wanted: "private key" }),
    }
}

pub(super) async fn read(setting: &'static str, path: &Path) -> Result<Vec<u8>, NatsError> {
    tokio::fs::read(path).await.map_err(|source| NatsError::File { setting, path: path.to_owned(), source })
}

fn tell(health: &HealthState, connected: &IntGauge, event: &Event) {
    match event {
        Event::Connected => {
            health.set_connected(true);
            health.set_refused(None);
            connected.set(1);
            tracing::info!("nats connected");
        }
        Event::Disconnected => {
            health.set_connected(false);
            connected.set(0);
            tracing::warn!("nats connection lost");
        }
        Event::Closed => {
            health.set_connected(false);
            connected.set(0);
            tracing::info!("nats connection closed");
        }
        Event::ServerError(_) | Event::ClientError(_) | Event::SlowConsumer(_) => {
            let text = event.to_string();
            if let Some(subject) = denied(&text) {
                health.set_denied(subject);
            } else if ["authorization", "authentication"].iter().any(|word| text.to_lowercase().contains(word)) {
                health.set_refused(Some(text));
            }
            health.set_error(event);
            tracing::error!(%event, "nats reports an error");
        }
        other => tracing::warn!(event = %other, "nats"),
    }
}

/// The subject that the server does not let us publish on, if it says so: a client is not told otherwise.
fn denied(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("Permissions Violation for Publish to ")?;
    rest.trim_start_matches('"').split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_subject_is_read_from_what_the_server_says() {
        let said = "server error: nats: Permissions Violation for Publish to \"humdrum.events._humdrum.canary\"";
        assert_eq!(denied(said), Some("humdrum.events._humdrum.canary"));
        assert_eq!(denied("server error: nats: authorization violation"), None);
    }

    #[test]
    fn the_first_attempt_is_made_at_once_and_later_ones_wait_longer() {
        let pauses: Vec<u128> = [1, 2, 3, 7, 8, 99].map(|attempt| pause(attempt).as_millis()).into();
        assert_eq!(pauses, [0, 100, 200, 3200, 4000, 4000]);
    }
}
