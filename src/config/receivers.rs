//! Receivers of alerts: `[[receivers]]`, which take from `[receiver]` what they leave out.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::check::{Check, endpoint, masked};
use super::network::{self, NoPlainAddress};
use super::raw::{RawNames, RawReceiver, RawReceiverDefaults};
use super::validate::{DAY, HOUR, MINUTE, backoff, severity, signing_secret};
use super::{SecretText, SourceMode};
use crate::alert::Severity;
use crate::alert::body::{Body, Shape};

/// Where `PagerDuty` takes events, unless told otherwise: in Europe it is another address.
const PAGERDUTY_URL: &str = "https://events.pagerduty.com/v2/enqueue";
/// Where Alertmanager takes alerts, below its own address.
const ALERTMANAGER_PATH: &str = "/api/v2/alerts";
/// Characters of an integration key of `PagerDuty`.
const ROUTING_KEY_CHARS: usize = 32;

/// The kind of service that a receiver is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// An endpoint that takes a POST, signed as Standard Webhooks.
    Webhook,
    /// Prometheus' Alertmanager.
    Alertmanager,
    /// `PagerDuty`.
    PagerDuty,
    /// A channel of Slack.
    Slack,
    /// A channel of Microsoft Teams.
    Teams,
    /// A subject on NATS.
    Nats,
}

/// One receiver.
#[derive(Clone)]
pub struct ReceiverConfig {
    /// Name for routes, logs and metrics.
    pub name: String,
    /// What it is.
    pub service: Service,
    /// Where to POST; empty for a subject.
    pub url: String,
    /// The subject; empty for an address of the web.
    pub subject: String,
    /// Whether a stream has to take what is published on the subject.
    pub mode: SourceMode,
    /// Signing secret of a webhook.
    pub secret: Option<SecretText>,
    /// Value of the `authorization` header.
    pub authorization: Option<SecretText>,
    /// Integration key of `PagerDuty`.
    pub routing_key: Option<SecretText>,
    /// What the body looks like.
    pub body: Body,
    /// Networks that it may lie in besides the public internet.
    pub allow_networks: Vec<IpNet>,
    /// Least severity that it is told of.
    pub min_severity: Severity,
    /// Time for one attempt.
    pub timeout: Duration,
    /// First pause between attempts.
    pub backoff_min: Duration,
    /// Longest pause between attempts.
    pub backoff_max: Duration,
    /// Time after which an alert that it does not take is given up.
    pub give_up_after: Duration,
    /// How often it is told again what goes on; Alertmanager only.
    pub repeat_every: Option<Duration>,
}

impl Service {
    /// Every service, in the order of the documentation.
    pub const ALL: [Self; 6] =
        [Self::Webhook, Self::Alertmanager, Self::PagerDuty, Self::Slack, Self::Teams, Self::Nats];

    /// The service's name in the settings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Alertmanager => "alertmanager",
            Self::PagerDuty => "pagerduty",
            Self::Slack => "slack",
            Self::Teams => "teams",
            Self::Nats => "nats",
        }
    }

    /// Settings that not every service has.
    fn settings(self) -> &'static [&'static str] {
        match self {
            Self::Webhook => &["url", "secret", "authorization", "body", "allow_networks"],
            Self::Alertmanager => &["url", "authorization", "allow_networks", "repeat_every"],
            Self::PagerDuty => &["url", "routing_key", "allow_networks"],
            Self::Slack | Self::Teams => &["url", "allow_networks"],
            Self::Nats => &["subject", "mode", "body"],
        }
    }
}

impl fmt::Debug for ReceiverConfig {
    /// The path of an address is often its key, and a template is long.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiverConfig")
            .field("name", &self.name)
            .field("service", &self.service)
            .field("url", &if self.url.is_empty() { String::new() } else { masked(&self.url) })
            .field("subject", &self.subject)
            .field("mode", &self.mode)
            .field("secret", &self.secret)
            .field("authorization", &self.authorization)
            .field("routing_key", &self.routing_key)
            .field("body", &self.body.shape())
            .field("allow_networks", &self.allow_networks)
            .field("min_severity", &self.min_severity)
            .field("timeout", &self.timeout)
            .field("backoff_min", &self.backoff_min)
            .field("backoff_max", &self.backoff_max)
            .field("give_up_after", &self.give_up_after)
            .field("repeat_every", &self.repeat_every)
            .finish()
    }
}

/// All receivers. Their names differ from one another and from those of webhooks.
pub(super) fn receivers(
    check: &mut Check<'_>,
    base: &RawReceiverDefaults,
    list: Vec<RawReceiver>,
    names: &mut BTreeSet<String>,
) -> Vec<ReceiverConfig> {
    // Faults of the defaults are told where they stand, whether or not there is a receiver.
    defaults(check, base);
    let mut receivers = Vec::new();
    for (index, raw) in list.into_iter().enumerate() {
        let at = format!("receivers[{index}]");
        let receiver = receiver(check, &at, raw, base);
        if !receiver.name.is_empty() && !names.insert(receiver.name.clone()) {
            let message = format!("`{}` is the name of another receiver or webhook too", receiver.name);
            check.fault(&format!("{at}.name"), message);
        }
        receivers.push(receiver);
    }
    receivers
}

fn defaults(check: &mut Check<'_>, base: &RawReceiverDefaults) {
    severity(check, "receiver.min_severity", base.min_severity.as_deref());
    let least = Duration::from_millis(100);
    check.span("receiver.timeout", base.timeout.as_ref(), least..=MINUTE);
    backoff(check, "receiver", base.backoff_min.as_ref(), base.backoff_max.as_ref());
    check.span("receiver.give_up_after", base.give_up_after.as_ref(), MINUTE..=7 * DAY);
    check.span("receiver.repeat_every", base.repeat_every.as_ref(), Duration::from_secs(5)..=HOUR);
}

fn receiver(check: &mut Check<'_>, at: &str, raw: RawReceiver, base: &RawReceiverDefaults) -> ReceiverConfig {
    let path = |name: &str| format!("{at}.{name}");
    let service = service(check, &path("type"), raw.service.as_deref());
    strangers(check, at, service, &raw);
    let (min, max) = (
        raw.backoff_min.as_ref().or(base.backoff_min.as_ref()),
        raw.backoff_max.as_ref().or(base.backoff_max.as_ref()),
    );
    let (backoff_min, backoff_max) = backoff(check, at, min, max);
    let min_severity = raw.min_severity.as_deref().or(base.min_severity.as_deref());
    let least = Duration::from_millis(100);
    let repeat = raw.repeat_every.as_ref().or(base.repeat_every.as_ref());
    let repeat = check.span(&path("repeat_every"), repeat, Duration::from_secs(5)..=HOUR);
    let give_up_after = raw.give_up_after.as_ref().or(base.give_up_after.as_ref());
    let template = template(check, &path("template"), raw.template, raw.template_file);
    let allow_networks = networks(check, &path("allow_networks"), raw.allow_networks.as_ref());
    let web = service != Service::Nats;
    let secret = check.secret(&path("secret"), raw.secret, raw.secret_file);
    signing_secret(check, &path("secret"), secret.as_ref());
    let routing_key = check.secret(&path("routing_key"), raw.routing_key, raw.routing_key_file);
    if service == Service::PagerDuty {
        integration_key(check, &path("routing_key"), routing_key.as_ref());
    }
    ReceiverConfig {
        name: check.name(&path("name"), raw.name),
        service,
        url: if web { url(check, at, service, raw.url, raw.url_file, &allow_networks) } else { String::new() },
        subject: if web { String::new() } else { check.subject(&path("subject"), raw.subject) },
        mode: mode(check, &path("mode"), raw.mode.as_deref()),
        secret,
        authorization: check.secret(&path("authorization"), raw.authorization, raw.authorization_file),
        routing_key,
        body: body(check, at, service, raw.body.as_deref(), template.as_deref()),
        allow_networks,
        min_severity: severity(check, &path("min_severity"), min_severity),
        timeout: check.span(&path("timeout"), raw.timeout.as_ref().or(base.timeout.as_ref()), least..=MINUTE),
        backoff_min,
        backoff_max,
        give_up_after: check.span(&path("give_up_after"), give_up_after, MINUTE..=7 * DAY),
        repeat_every: (service == Service::Alertmanager).then_some(repeat),
    }
}

fn service(check: &mut Check<'_>, path: &str, name: Option<&str>) -> Service {
    let name = name.unwrap_or_default();
    Service::ALL.into_iter().find(|service| service.as_str() == name).unwrap_or_else(|| {
        let names: Vec<String> = Service::ALL.iter().map(|service| format!("`{}`", service.as_str())).collect();
        let (last, others) = names.split_last().unwrap_or((&names[0], &[]));
        check.fault(path, format!("`{name}` is no type; write {} or {last}", others.join(", ")));
        Service::Webhook
    })
}

/// Settings that the service has not, and that would silently do nothing.
fn strangers(check: &mut Check<'_>, at: &str, service: Service, raw: &RawReceiver) {
    if check.is_faulty(&format!("{at}.type")) {
        return;
    }
    for (name, given) in [
        ("url", raw.url.is_some() || raw.url_file.is_some()),
        ("subject", raw.subject.is_some()),
        ("mode", raw.mode.is_some()),
        ("secret", raw.secret.is_some() || raw.secret_file.is_some()),
        ("authorization", raw.authorization.is_some() || raw.authorization_file.is_some()),
        ("routing_key", raw.routing_key.is_some() || raw.routing_key_file.is_some()),
        ("body", raw.body.is_some()),
        ("allow_networks", raw.allow_networks.is_some()),
        ("repeat_every", raw.repeat_every.is_some()),
    ] {
        if given && !service.settings().contains(&name) {
            check.fault(&format!("{at}.{name}"), format!("no setting of a receiver of type `{}`", service.as_str()));
        }
    }
}

fn url(
    check: &mut Check<'_>,
    at: &str,
    service: Service,
    url: Option<SecretText>,
    file: Option<String>,
    allowed: &[IpNet],
) -> String {
    let path = format!("{at}.url");
    if url.is_none() && file.is_none() {
        if service == Service::PagerDuty {
            return PAGERDUTY_URL.to_owned();
        }
        check.fault(&path, "missing");
    }
    let secret = check.secret(&path, url, file);
    let mut url = secret.map(|url| url.expose().to_owned()).unwrap_or_default();
    if url.is_empty() {
        return url;
    }
    let Some((scheme @ ("https" | "http"), host)) = endpoint(&url) else {
        check.fault(&path, "no address of the web; write `https://host/path`");
        return url;
    };
    match network::literal(host) {
        Err(NoPlainAddress) => {
            check.fault(&path, format!("`{host}` is no plain address; write a name, or four numbers with dots"));
        }
        Ok(Some(address)) => {
            if let Err(kind) = network::permits(allowed, address) {
                let message = format!("{address} is a {kind} address; `allow_networks` lets a receiver lie there");
                check.fault(&path, message);
            }
        }
        Ok(None) => {}
    }
    if scheme == "http" && allowed.is_empty() {
        check.fault(
            &path,
            "plain `http`, which anybody on the way can read and answer; write `https`, or name the networks of one's \
            own that the receiver lies in by `allow_networks`",
        );
    }
    if service == Service::Alertmanager && !url.trim_end_matches('/').ends_with(ALERTMANAGER_PATH) {
        url = format!("{}{ALERTMANAGER_PATH}", url.trim_end_matches('/'));
    }
    url
}

fn networks(check: &mut Check<'_>, path: &str, raw: Option<&RawNames>) -> Vec<IpNet> {
    let mut networks = Vec::new();
    for text in raw.into_iter().flat_map(|names| &names.0) {
        let address = || text.parse::<std::net::IpAddr>().map(IpNet::from);
        match text.parse::<IpNet>().or_else(|_| address()) {
            Ok(network) => networks.push(network.trunc()),
            Err(_) => check.fault(path, format!("`{text}` is no network; write `10.0.0.0/8` or `fd00::/8`")),
        }
    }
    networks
}

fn mode(check: &mut Check<'_>, path: &str, raw: Option<&str>) -> SourceMode {
    match raw {
        None | Some("jetstream") => SourceMode::Jetstream,
        Some("core") => SourceMode::Core,
        Some(text) => {
            check.fault(path, format!("`{text}` is no mode; write `jetstream` or `core`"));
            SourceMode::Jetstream
        }
    }
}

fn integration_key(check: &mut Check<'_>, path: &str, key: Option<&SecretText>) {
    let Some(key) = key.map(SecretText::expose) else {
        if !check.is_faulty(&format!("{path}_file")) {
            check.fault(path, "missing");
        }
        return;
    };
    let good = key.len() == ROUTING_KEY_CHARS && key.chars().all(|c| c.is_ascii_alphanumeric());
    if !key.is_empty() && !good {
        check.fault(path, format!("no integration key; one has {ROUTING_KEY_CHARS} letters and digits"));
    }
}

/// A template given outright or by its file; none where files are out of reach.
fn template(check: &mut Check<'_>, path: &str, text: Option<String>, file: Option<String>) -> Option<String> {
    let twin = format!("{path}_file");
    if text.is_some() && file.is_some() {
        check.fault(path, format!("given twice; leave `{twin}` or this one out"));
    }
    let Some(file): Option<PathBuf> = check.file(&twin, file) else { return text };
    match (check.read)(&file) {
        Ok(text) => text,
        Err(why) => {
            check.fault(&twin, format!("{} cannot be read: {why}", file.display()));
            None
        }
    }
}

fn body(check: &mut Check<'_>, at: &str, service: Service, name: Option<&str>, template: Option<&str>) -> Body {
    let shape = match (service, name) {
        (Service::Alertmanager, _) => Shape::Alertmanager,
        (Service::PagerDuty, _) => Shape::PagerDuty,
        (Service::Slack, _) => Shape::Slack,
        (Service::Teams, _) => Shape::Teams,
        (Service::Webhook | Service::Nats, None | Some("alert")) => Shape::Alert,
        (Service::Webhook | Service::Nats, Some("ocsf")) => Shape::Ocsf,
        (Service::Webhook | Service::Nats, Some("cloudevents")) => Shape::CloudEvents,
        (Service::Webhook | Service::Nats, Some(text)) => {
            let message = format!("`{text}` is no body; write `alert`, `ocsf` or `cloudevents`");
            check.fault(&format!("{at}.body"), message);
            Shape::Alert
        }
    };
    Body::new(shape, template).unwrap_or_else(|error| {
        check.fault(&format!("{at}.template"), error.to_string());
        Body::plain()
    })
}
