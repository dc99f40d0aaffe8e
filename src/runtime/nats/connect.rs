//! One connection to NATS from its settings.
//!
//! The first attempt is made without retries, so that a refused password or a broken certificate ends the start with
//! a clear sentence. Only when the server cannot be reached does a second, patient connection take over that goes on
//! trying in the background: then the process is alive, not ready, and says why.

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event, ServerAddr};
use prometheus::IntGauge;

use crate::config::NatsConfig;
use crate::runtime::health::HealthState;

/// Time between pings. A dead server is noticed after two of them: longer means minutes of silence, shorter means
/// false alarms on a busy host.
const PING_EVERY: Duration = Duration::from_secs(5);

/// Time for one request. Shorter breaks while a cluster elects a leader, longer delays the notice that nobody answers.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest pause between attempts to connect again. Longer adds to every outage, shorter hammers a server that starts.
const RECONNECT_PAUSE_MAX: Duration = Duration::from_secs(4);

/// A connection that cannot be had with these settings.
#[derive(Debug, thiserror::Error)]
pub enum NatsError {
    /// A file that a setting names cannot be read.
    #[error("{setting} `{path}` cannot be read: {source}")]
    File {
        /// The setting's path.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
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
    #[error("nats.url `{url}` is no server address: {source}")]
    Url {
        /// The address.
        url: String,
        /// Why.
        source: std::io::Error,
    },
    /// The server answered and said no, or the credentials cannot be used.
    #[error("nats refused the connection to {url}: {source}")]
    Refused {
        /// The addresses.
        url: String,
        /// Why.
        source: async_nats::ConnectError,
    },
}

impl NatsError {
    /// The class of fault.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::File { .. } => "file",
            Self::Half { .. } => "setting",
            Self::Url { .. } => "url",
            Self::Refused { .. } => "refused",
        }
    }

    /// Whether trying again can help: never, the settings must change.
    #[must_use]
    pub fn retry(&self) -> bool {
        false
    }
}

/// Connects, or starts to: an unreachable server is tried again in the background, a refusal is an error.
/// `connected` is kept by the connection itself, since a source that is stuck cannot tell.
///
/// # Errors
/// A setting is wrong, or the server refuses the credentials.
pub async fn connect(config: &NatsConfig, health: &HealthState, connected: &IntGauge) -> Result<Client, NatsError> {
    let mut servers = Vec::with_capacity(config.url.len());
    for url in &config.url {
        let server = url.parse::<ServerAddr>().map_err(|source| NatsError::Url { url: url.clone(), source })?;
        servers.push(server);
    }
    match options(config, health, connected).await?.connect(&servers[..]).await {
        Ok(client) => Ok(client),
        Err(error)
            if matches!(error.kind(), ConnectErrorKind::Io | ConnectErrorKind::TimedOut | ConnectErrorKind::Dns) =>
        {
            tracing::warn!(url = config.url.join(","), %error, "nats cannot be reached; trying on");
            health.set_error(&error);
            let patient = options(config, health, connected).await?.retry_on_initial_connect();
            patient.connect(&servers[..]).await.map_err(|source| refused(config, source))
        }
        Err(source) => Err(refused(config, source)),
    }
}

fn refused(config: &NatsConfig, source: async_nats::ConnectError) -> NatsError {
    NatsError::Refused { url: config.url.join(","), source }
}

async fn options(config: &NatsConfig, health: &HealthState, connected: &IntGauge) -> Result<ConnectOptions, NatsError> {
    let (health, connected) = (health.clone(), connected.clone());
    let mut options = ConnectOptions::new()
        .name("humdrum")
        .ping_interval(PING_EVERY)
        .request_timeout(Some(REQUEST_TIMEOUT))
        .custom_inbox_prefix(&config.inbox_prefix)
        .reconnect_delay_callback(|attempts| {
            Duration::from_millis(100).saturating_mul(1 << attempts.min(6)).min(RECONNECT_PAUSE_MAX)
        })
        .event_callback(move |event| {
            tell(&health, &connected, &event);
            std::future::ready(())
        });
    options = authenticate(options, config).await?;
    if config.tls {
        options = options.require_tls(true);
    }
    if let Some(path) = &config.tls_ca_file {
        readable("nats.tls_ca_file", path).await?;
        options = options.add_root_certificates(path.clone());
    }
    match (&config.tls_cert_file, &config.tls_key_file) {
        (Some(cert), Some(key)) => {
            readable("nats.tls_cert_file", cert).await?;
            readable("nats.tls_key_file", key).await?;
            options = options.add_client_certificate(cert.clone(), key.clone());
        }
        (Some(_), None) => return Err(NatsError::Half { have: "nats.tls_cert_file", lack: "nats.tls_key_file" }),
        (None, Some(_)) => return Err(NatsError::Half { have: "nats.tls_key_file", lack: "nats.tls_cert_file" }),
        (None, None) => {}
    }
    Ok(options)
}

async fn authenticate(mut options: ConnectOptions, config: &NatsConfig) -> Result<ConnectOptions, NatsError> {
    if let Some(path) = &config.creds_file {
        let fault = |source| NatsError::File { setting: "nats.creds_file", path: path.clone(), source };
        options = options.credentials_file(path).await.map_err(fault)?;
    }
    if let Some(seed) = &config.nkey_seed {
        options = options.nkey(seed.expose().to_owned());
    }
    match (&config.user, &config.password) {
        (Some(user), Some(password)) => {
            options = options.user_and_password(user.clone(), password.expose().to_owned());
        }
        (Some(_), None) => return Err(NatsError::Half { have: "nats.user", lack: "nats.password" }),
        (None, Some(_)) => return Err(NatsError::Half { have: "nats.password", lack: "nats.user" }),
        (None, None) => {}
    }
    if let Some(token) = &config.token {
        options = options.token(token.expose().to_owned());
    }
    Ok(options)
}

async fn readable(setting: &'static str, path: &Path) -> Result<(), NatsError> {
    let fault = |source| NatsError::File { setting, path: path.to_owned(), source };
    tokio::fs::File::open(path).await.map(drop).map_err(fault)
}

fn tell(health: &HealthState, connected: &IntGauge, event: &Event) {
    match event {
        Event::Connected => {
            health.set_connected(true);
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
            health.set_error(event);
            tracing::error!(%event, "nats reports an error");
        }
        other => tracing::warn!(event = %other, "nats"),
    }
}
