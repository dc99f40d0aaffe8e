//! Settings of an installation, checked: raw TOML, environment and flags become a [`Config`] in one step, and every
//! fault is reported with its path.
//!
//! Nothing is read here: the shell hands in the file's text, the environment's pairs and a way to read a secret's file.
//! So every rule can be tested without a file, and the same text gives the same verdict everywhere.

mod calendar;
mod check;
mod cluster;
mod console;
mod duration;
mod env;
mod fault;
mod history;
mod layers;
mod lists;
pub mod network;
mod quiet;
mod raw;
mod raw_fields;
mod receivers;
mod routes;
mod validate;
mod words;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::alert::{Routing, Silence};
use crate::detect::Settings;
use crate::event::decode::Limits;
use crate::event::field::Field;
use crate::event::moment::TimeFormat;

pub use check::ReadSecret;
pub use fault::{Fault, Faults};
pub use layers::{DEFAULTS, Flag, Sources};
pub use receivers::{ReceiverConfig, Service};

/// Checks everything that was set.
///
/// # Errors
/// Every fault that there is, in a fixed order.
pub fn load(sources: Sources<'_>, read: ReadSecret<'_>) -> Result<Config, Faults> {
    let merged = layers::merge(sources);
    let mut check = check::Check { faults: merged.faults, given_by: merged.given_by, read };
    let mut lists = merged.lists;
    let stretches = std::mem::take(&mut lists.calendar);
    let (rules, suppressions) = (std::mem::take(&mut lists.rules), std::mem::take(&mut lists.suppressions));
    let mut config = validate::config(&mut check, merged.raw, lists);
    let spread = config.cluster.as_ref().is_some_and(|cluster| cluster.key == PartitionKey::Bot);
    let rules = rules.into_iter().chain(cluster::decisions(spread)).collect();
    quiet::settings(&mut check, rules, suppressions, &mut config.detection);
    config.detection.calendar = calendar::calendar(&mut check, stretches);
    if check.faults.is_empty() { Ok(config) } else { Err(Faults(check.faults)) }
}

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
    /// Who else is told of alerts.
    pub receivers: Vec<ReceiverConfig>,
    /// Which of them is told of what.
    pub routing: Routing,
    /// What nobody is told of for a while.
    pub silences: Vec<Silence>,
    /// A dead man's switch; none: nobody is called while all is well.
    pub heartbeat: Option<HeartbeatConfig>,
    /// Local state; none keeps nothing.
    pub state: Option<StateConfig>,
    /// Several members on one stream; none: this process reads all of it.
    pub cluster: Option<ClusterConfig>,
    /// Where the registry is.
    pub registry: Option<RegistryConfig>,
    /// Database of places by address; none takes places from events alone.
    pub geo_file: Option<PathBuf>,
    /// Address of `/metrics`, `/healthz` and `/readyz`.
    pub metrics_listen: Option<SocketAddr>,
    /// The console; none switches it off.
    pub console: Option<ConsoleConfig>,
    /// Detection.
    pub detection: Settings,
    /// Bounds of one event.
    pub limits: Limits,
    /// How tables of history are read.
    pub history: HistoryConfig,
}

/// Where and to whom the console is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsoleConfig {
    /// The address.
    pub listen: SocketAddr,
    /// Names that it answers to, besides those of loopback.
    pub hosts: Vec<String>,
    /// Who may sign in; none asks nobody, which only loopback may do.
    pub users_file: Option<PathBuf>,
    /// Certificate and key, PEM; none speaks plain HTTP, which only loopback may do.
    pub tls: Option<(PathBuf, PathBuf)>,
}

/// How tables of history are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryConfig {
    /// How times are written.
    pub time_format: TimeFormat,
    /// Zone of times without an offset, by its IANA name.
    pub time_zone: String,
    /// The column of a field, where it is not called as the field is.
    pub columns: BTreeMap<Field, String>,
    /// What a field is where its column has nothing, or there is none.
    pub constants: BTreeMap<Field, String>,
    /// What values of a field's column stand for: theirs, ours. `*` is any other.
    pub values: BTreeMap<Field, Vec<(String, String)>>,
}

/// Where the registry is. Either is read again when it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryConfig {
    /// A file, NDJSON.
    File(PathBuf),
    /// A key-value bucket on NATS, whose values are NDJSON.
    Bucket(String),
}

/// Files that secrets were read from. They are read again for each connection, since secrets are rotated.
#[derive(Clone, Debug, Default)]
pub struct NatsSecretFiles {
    /// Of the nkey's seed.
    pub nkey_seed: Option<PathBuf>,
    /// Of the password.
    pub password: Option<PathBuf>,
    /// Of the token.
    pub token: Option<PathBuf>,
}

/// How to reach NATS, and as whom.
#[derive(Clone)]
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
    /// Files that these were read from.
    pub secret_files: NatsSecretFiles,
    /// Whether TLS is required.
    pub tls: bool,
    /// Certificate authorities to trust in place of the system's.
    pub tls_ca_file: Option<PathBuf>,
    /// Client certificate.
    pub tls_cert_file: Option<PathBuf>,
    /// Key of the client certificate.
    pub tls_key_file: Option<PathBuf>,
    /// Prefix of inboxes, for servers that restrict them.
    pub inbox_prefix: String,
    /// Monitoring ports of the servers.
    pub monitor_url: Vec<String>,
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
    /// Time between two writes that find out whether the stream takes anything; none: there are none.
    pub canary_every: Option<Duration>,
    /// Rejected events go to `<prefix>.<reason>`.
    pub rejected_prefix: String,
    /// Name of the stream of rejected events.
    pub rejected_stream: String,
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
    /// Where heads of the alert log go.
    pub head_subject: String,
    /// Acknowledgments arrive on `<prefix>.<tenant>`.
    pub ack_prefix: String,
    /// Feedback arrives on `<prefix>.<tenant>`.
    pub feedback_prefix: String,
}

/// One webhook.
#[derive(Clone)]
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

/// A dead man's switch.
#[derive(Clone)]
pub struct HeartbeatConfig {
    /// Whom to call.
    pub url: String,
    /// By POST in place of GET.
    pub post: bool,
    /// Time between two calls.
    pub every: Duration,
}

impl fmt::Debug for HeartbeatConfig {
    /// The path is often its key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = check::masked(&self.url);
        f.debug_struct("HeartbeatConfig")
            .field("url", &url)
            .field("post", &self.post)
            .field("every", &self.every)
            .finish()
    }
}

/// Local state.
#[derive(Clone, Debug)]
pub struct StateConfig {
    /// Directory of snapshots and of the alert log.
    pub dir: PathBuf,
    /// Time between snapshots.
    pub snapshot_every: Duration,
    /// Snapshots kept.
    pub keep: usize,
    /// Days of which the first snapshot is kept besides.
    pub keep_days: usize,
    /// Key that the alert log's heads are signed with; none: one in the directory.
    pub log_key_file: Option<PathBuf>,
    /// Bytes of a file of the alert log.
    pub log_file_bytes_max: u64,
    /// Files of the alert log kept.
    pub log_files_max: usize,
}

/// Several members on one stream.
#[derive(Clone, Debug)]
pub struct ClusterConfig {
    /// Streams and buckets begin with it.
    pub name: String,
    /// Name of this member.
    pub member: Option<String>,
    /// What members say to one another goes below it.
    pub subject_prefix: String,
    /// How many partitions there are.
    pub partitions: u16,
    /// What decides on an event's partition.
    pub key: PartitionKey,
    /// Copies of what is made.
    pub replicas: usize,
    /// Time for which an owner is not heard of before another takes over.
    pub takeover_after: Duration,
    /// Time between two snapshots of a partition.
    pub snapshot_every: Duration,
    /// Days of event time of which the first snapshot of a partition is kept besides.
    pub keep_days: usize,
    /// Messages of one partition fetched at once.
    pub batch: usize,
}

/// What decides on an event's partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartitionKey {
    /// The tenant: everything that its bots share is in one place.
    Tenant,
    /// The bot: a tenant's bots are spread.
    Bot,
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

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

impl NatsConfig {
    /// The addresses without what may be secret in them.
    #[must_use]
    pub fn shown_url(&self) -> String {
        self.url.iter().map(|url| check::masked(url)).collect::<Vec<_>>().join(",")
    }
}

impl fmt::Debug for NatsConfig {
    /// Addresses may carry credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url: Vec<String> = self.url.iter().map(|url| check::masked(url)).collect();
        f.debug_struct("NatsConfig")
            .field("url", &url)
            .field("creds_file", &self.creds_file)
            .field("nkey_seed", &self.nkey_seed)
            .field("user", &self.user)
            .field("password", &self.password)
            .field("token", &self.token)
            .field("secret_files", &self.secret_files)
            .field("tls", &self.tls)
            .field("tls_ca_file", &self.tls_ca_file)
            .field("tls_cert_file", &self.tls_cert_file)
            .field("tls_key_file", &self.tls_key_file)
            .field("inbox_prefix", &self.inbox_prefix)
            .field("monitor_url", &self.monitor_url.iter().map(|url| check::masked(url)).collect::<Vec<_>>())
            .finish()
    }
}

impl fmt::Debug for WebhookConfig {
    /// The path of a webhook is often its key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookConfig")
            .field("name", &self.name)
            .field("url", &check::masked(&self.url))
            .field("secret", &self.secret)
            .field("min_severity", &self.min_severity)
            .field("timeout", &self.timeout)
            .field("attempts_max", &self.attempts_max)
            .field("backoff_min", &self.backoff_min)
            .field("backoff_max", &self.backoff_max)
            .finish()
    }
}

#[cfg(test)]
mod tests;
