//! Settings of an installation, checked: raw TOML, environment and flags become a [`Config`] in one step, and every
//! fault is reported with its path.

use std::path::PathBuf;
use std::time::Duration;

use crate::detect::Settings;
use crate::event::decode::Limits;

/// A whole, valid configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Connection to NATS.
    pub nats: NatsConfig,
    /// The event stream.
    pub events: EventsConfig,
    /// The alert stream.
    pub alerts: AlertsConfig,
    /// Where to POST alerts; none switches webhooks off.
    pub webhooks: Vec<WebhookConfig>,
    /// Local state; none keeps nothing.
    pub state: Option<StateConfig>,
    /// Registry file.
    pub registry: Option<PathBuf>,
    /// Address of `/metrics`, `/healthz` and `/readyz`.
    pub metrics_listen: Option<std::net::SocketAddr>,
    /// Detection.
    pub detection: Settings,
    /// Bounds of one event.
    pub limits: Limits,
}

/// How to reach NATS, and as whom.
#[derive(Clone, Debug)]
pub struct NatsConfig {
    /// Server addresses, comma-separated in the setting.
    pub url: Vec<String>,
    /// Credentials file (JWT and key).
    pub creds_file: Option<PathBuf>,
    /// Seed of an nkey.
    pub nkey_seed: Option<SecretText>,
    /// User name.
    pub user: Option<String>,
    /// Password.
    pub password: Option<SecretText>,
    /// Token.
    pub token: Option<SecretText>,
    /// Whether TLS is required.
    pub tls: bool,
    /// Certificate authorities to trust.
    pub tls_ca_file: Option<PathBuf>,
    /// Client certificate.
    pub tls_cert_file: Option<PathBuf>,
    /// Key of the client certificate.
    pub tls_key_file: Option<PathBuf>,
    /// Prefix of inboxes, for servers that restrict them.
    pub inbox_prefix: String,
}

/// Where events come from.
#[derive(Clone, Debug)]
pub struct EventsConfig {
    /// Take events from a JetStream stream, or from a plain subscription.
    pub mode: SourceMode,
    /// Subjects are `<prefix>.<tenant>.<bot>`.
    pub subject_prefix: String,
    /// Name of the stream.
    pub stream: String,
    /// Name of the durable consumer.
    pub durable: String,
    /// Create the stream if it is missing.
    pub create_stream: bool,
    /// Messages fetched at once.
    pub batch: usize,
    /// Silence after which event time is moved on.
    pub idle_after: Duration,
    /// Rejected events go to `<prefix>.<reason>`.
    pub rejected_prefix: String,
}

/// How events are consumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceMode {
    /// Durable pull consumer.
    Jetstream,
    /// At most once, for servers without JetStream.
    Core,
}

/// Where alerts go on NATS.
#[derive(Clone, Debug)]
pub struct AlertsConfig {
    /// Subjects are `<prefix>.<tenant>.<severity>`.
    pub subject_prefix: String,
    /// Name of the stream.
    pub stream: String,
    /// Create the stream if it is missing.
    pub create_stream: bool,
}

/// One webhook.
#[derive(Clone, Debug)]
pub struct WebhookConfig {
    /// Name for logs and metrics.
    pub name: String,
    /// Where to POST.
    pub url: String,
    /// Signing secret, `whsec_` and base64 of 24 to 64 bytes.
    pub secret: Option<SecretText>,
    /// Least severity that is sent.
    pub min_severity: crate::alert::Severity,
    /// Time for one attempt.
    pub timeout: Duration,
    /// Attempts before the alert is given up.
    pub attempts_max: u32,
    /// First pause between attempts.
    pub backoff_min: Duration,
    /// Longest pause between attempts.
    pub backoff_max: Duration,
}

/// Local state.
#[derive(Clone, Debug)]
pub struct StateConfig {
    /// Directory of snapshots.
    pub dir: PathBuf,
    /// Time between snapshots.
    pub snapshot_every: Duration,
    /// Snapshots kept.
    pub keep: usize,
}

/// A secret that does not print itself.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

impl SecretText {
    /// Wraps a secret.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The secret itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for SecretText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<secret>")
    }
}
