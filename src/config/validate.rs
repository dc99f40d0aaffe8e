//! Raw settings to a [`Config`], in one step and with every fault. What depends on two settings is checked here; what
//! one setting says about itself is in `check`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use super::check::{Check, endpoint};
use super::cluster::cluster;
use super::console;
use super::history::history;
use super::lists::Lists;
use super::raw::{
    Raw, RawAlerts, RawBaseline, RawDetection, RawEvents, RawHeartbeat, RawLimits, RawNats, RawSpan, RawState,
    RawWebhook,
};
use super::{
    AlertsConfig, Config, EventsConfig, HeartbeatConfig, NatsConfig, NatsSecretFiles, RegistryConfig, SecretText,
    SourceMode, StateConfig, WebhookConfig, duration, receivers, routes, words,
};
use crate::alert::Severity;
use crate::detect::Settings;
use crate::event::decode::Limits;
use crate::time::{Span, Zone};

/// Pages a week above which a budget is a slip of the pen.
const PAGES_PER_WEEK_MAX: f64 = 100_000.0;
pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(60 * 60);
const MEGABYTE: i64 = 1 << 20;
pub(super) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Characters of an nkey's seed: 36 bytes in base32.
const NKEY_SEED_CHARS: usize = 58;

/// Bytes of a webhook's signing secret, as Standard Webhooks has it. Shorter ones can be guessed.
const WEBHOOK_SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The whole configuration; what is wrong with it is left in `check`.
pub(super) fn config(check: &mut Check<'_>, raw: Raw, lists: Lists) -> Config {
    let default_zone = raw.detection.default_zone.clone().unwrap_or_default();
    let (registry, nats) = (registry(check, raw.registry), nats(check, raw.nats));
    let (events, alerts) = (events(check, raw.events), alerts(check, raw.alerts));
    let mut names = BTreeSet::new();
    let webhooks = webhooks(check, raw.webhook, lists.webhooks, &mut names);
    let receivers = receivers::receivers(check, &raw.receiver, lists.receivers, &mut names);
    let config = Config {
        registry,
        nats,
        events,
        alerts,
        webhooks,
        routing: routes::routing(check, raw.routing, lists.routes, &receivers, &default_zone),
        receivers,
        silences: routes::silences(check, lists.silences),
        heartbeat: heartbeat(check, raw.heartbeat),
        state: state(check, raw.state),
        cluster: cluster(check, raw.cluster),
        geo_file: check.file("geo.maxmind_file", raw.geo.maxmind_file),
        metrics_listen: check.listen("metrics.listen", raw.metrics.listen.as_deref()),
        console: console::console(check, raw.console),
        detection: detection(check, &raw.baseline, raw.detection, &raw.limits),
        limits: limits(check, &raw.limits),
        history: history(check, raw.history),
    };
    apart(check, &config);
    config
}

/// A path, or the name of a bucket behind `kv://`.
fn registry(check: &mut Check<'_>, raw: Option<String>) -> Option<RegistryConfig> {
    let Some(bucket) = raw.as_deref().and_then(|text| text.strip_prefix("kv://")) else {
        return check.file("registry", raw).map(RegistryConfig::File);
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if bucket.is_empty() || !bucket.chars().all(plain) {
        check.fault("registry", format!("`{bucket}` is no bucket; write `kv://` and letters, digits, `_` and `-`"));
    }
    Some(RegistryConfig::Bucket(bucket.to_owned()))
}

fn nats(check: &mut Check<'_>, raw: RawNats) -> NatsConfig {
    let text = check.given("nats.url", raw.url);
    let url: Vec<String> = text.split(',').map(|part| part.trim().to_owned()).collect();
    for part in &url {
        match endpoint(part) {
            Some(("nats" | "tls", _)) => {}
            Some((scheme, _)) => {
                check.fault("nats.url", format!("`{scheme}://` is not spoken; write `nats://` or `tls://`"));
            }
            None => check.fault("nats.url", "no server address; write `nats://host:4222`, with commas between several"),
        }
    }
    let path = |file: &Option<String>| file.as_ref().map(PathBuf::from);
    let secret_files = NatsSecretFiles {
        nkey_seed: path(&raw.nkey_seed_file),
        password: path(&raw.password_file),
        token: path(&raw.token_file),
    };
    let nkey_seed = check.secret("nats.nkey_seed", raw.nkey_seed, raw.nkey_seed_file);
    if let Some(seed) = nkey_seed.as_ref().map(SecretText::expose).filter(|seed| !seed.is_empty())
        && (seed.len() != NKEY_SEED_CHARS || !seed.starts_with("SU"))
    {
        check.fault(
            "nats.nkey_seed",
            format!("no seed of a user; one begins with `SU` and has {NKEY_SEED_CHARS} characters"),
        );
    }
    let nats = NatsConfig {
        url,
        creds_file: check.file("nats.creds_file", raw.creds_file),
        nkey_seed,
        user: raw.user,
        password: check.secret("nats.password", raw.password, raw.password_file),
        token: check.secret("nats.token", raw.token, raw.token_file),
        secret_files,
        tls: check.given("nats.tls", raw.tls),
        tls_ca_file: check.file("nats.tls_ca_file", raw.tls_ca_file),
        tls_cert_file: check.file("nats.tls_cert_file", raw.tls_cert_file),
        tls_key_file: check.file("nats.tls_key_file", raw.tls_key_file),
        inbox_prefix: check.subject("nats.inbox_prefix", raw.inbox_prefix),
        monitor_url: monitor(check, raw.monitor_url),
    };
    let unread = check.is_faulty("nats.password") || check.is_faulty("nats.password_file");
    match (&nats.user, &nats.password) {
        (Some(_), None) if !unread => check.fault("nats.user", "needs `nats.password` or `nats.password_file`"),
        (None, Some(_)) => check.fault("nats.password", "needs `nats.user`"),
        _ => {}
    }
    match (&nats.tls_cert_file, &nats.tls_key_file) {
        (Some(_), None) => check.fault("nats.tls_cert_file", "needs `nats.tls_key_file`"),
        (None, Some(_)) => check.fault("nats.tls_key_file", "needs `nats.tls_cert_file`"),
        _ => {}
    }
    let ways = [nats.creds_file.is_some(), nats.nkey_seed.is_some(), nats.user.is_some(), nats.token.is_some()];
    if ways.iter().filter(|given| **given).count() > 1 {
        check.fault("nats", "several ways to sign in; keep one of `creds_file`, `nkey_seed`, `user`, `token`");
    }
    nats
}

fn monitor(check: &mut Check<'_>, raw: Option<String>) -> Vec<String> {
    let text = raw.unwrap_or_default();
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let urls: Vec<String> = parts.map(|part| part.trim_end_matches('/').to_owned()).collect();
    if urls.iter().any(|url| !matches!(endpoint(url), Some(("http" | "https", _)))) {
        check.fault("nats.monitor_url", "no address of the web; write `http://host:8222`, with commas between several");
    }
    urls
}

fn events(check: &mut Check<'_>, raw: RawEvents) -> EventsConfig {
    let mode = match raw.mode.as_deref() {
        Some("jetstream") => SourceMode::Jetstream,
        Some("core") => SourceMode::Core,
        other => {
            let text = other.unwrap_or_default();
            check.fault("events.mode", format!("`{text}` is no mode; write `jetstream` or `core`"));
            SourceMode::Jetstream
        }
    };
    let canary_every = check.span("events.canary_every", raw.canary_every.as_ref(), Duration::ZERO..=MINUTE);
    EventsConfig {
        mode,
        subject_prefix: check.subject("events.subject_prefix", raw.subject_prefix),
        stream: check.name("events.stream", raw.stream),
        durable: check.name("events.durable", raw.durable),
        create_stream: check.given("events.create_stream", raw.create_stream),
        batch: check.size("events.batch", raw.batch, 1..=10_000),
        idle_after: check.span("events.idle_after", raw.idle_after.as_ref(), Duration::from_secs(1)..=HOUR),
        canary_every: (canary_every > Duration::ZERO).then_some(canary_every),
        rejected_prefix: check.subject("events.rejected_prefix", raw.rejected_prefix),
        rejected_stream: check.name("events.rejected_stream", raw.rejected_stream),
    }
}

fn alerts(check: &mut Check<'_>, raw: RawAlerts) -> AlertsConfig {
    AlertsConfig {
        subject_prefix: check.subject("alerts.subject_prefix", raw.subject_prefix),
        stream: check.name("alerts.stream", raw.stream),
        create_stream: check.given("alerts.create_stream", raw.create_stream),
        head_subject: check.subject("alerts.head_subject", raw.head_subject),
        ack_prefix: check.subject("alerts.ack_prefix", raw.ack_prefix),
        feedback_prefix: check.subject("alerts.feedback_prefix", raw.feedback_prefix),
    }
}

/// Two listeners need two addresses, and what is published must not come back as an event.
fn apart(check: &mut Check<'_>, config: &Config) {
    if let (Some(metrics), Some(console)) =
        (config.metrics_listen, config.console.as_ref().map(|console| console.listen))
        && metrics == console
        && metrics.port() != 0
    {
        check.fault("console.listen", format!("{console} is taken by `metrics.listen`"));
    }
    if config.events.stream == config.alerts.stream {
        check.fault("alerts.stream", "the same stream as `events.stream`");
    }
    for (path, other) in [("events.stream", &config.events.stream), ("alerts.stream", &config.alerts.stream)] {
        if config.events.rejected_stream == *other {
            check.fault("events.rejected_stream", format!("the same stream as `{path}`"));
        }
    }
    let within = |a: &str, b: &str| a == b || a.strip_prefix(b).is_some_and(|rest| rest.starts_with('.'));
    let mut subjects = vec![
        ("events.subject_prefix".to_owned(), &config.events.subject_prefix),
        ("events.rejected_prefix".to_owned(), &config.events.rejected_prefix),
        ("alerts.subject_prefix".to_owned(), &config.alerts.subject_prefix),
        ("alerts.head_subject".to_owned(), &config.alerts.head_subject),
        ("alerts.ack_prefix".to_owned(), &config.alerts.ack_prefix),
        ("alerts.feedback_prefix".to_owned(), &config.alerts.feedback_prefix),
    ];
    if let Some(cluster) = &config.cluster {
        subjects.push(("cluster.subject_prefix".to_owned(), &cluster.subject_prefix));
        if config.state.is_some() {
            check.fault("state.dir", "a cluster keeps its state in NATS; leave it out");
        }
        if config.events.mode == SourceMode::Core {
            check.fault("events.mode", "a cluster needs `jetstream`");
        }
    }
    let ours = subjects.len();
    for (index, receiver) in config.receivers.iter().enumerate().filter(|(_, r)| !r.subject.is_empty()) {
        subjects.push((format!("receivers[{index}].subject"), &receiver.subject));
    }
    for (index, (path, subject)) in subjects.iter().enumerate() {
        // Two receivers may share a subject.
        for (other_path, other) in &subjects[..index.min(ours)] {
            if within(subject, other) || within(other, subject) {
                check.fault(path, format!("`{subject}` overlaps with `{other}` of `{other_path}`"));
            }
        }
    }
}

/// The one of `[webhook]`, where it has an address, and those of `[[webhooks]]`, which take from it what they leave out.
fn webhooks(
    check: &mut Check<'_>,
    base: RawWebhook,
    list: Vec<RawWebhook>,
    names: &mut BTreeSet<String>,
) -> Vec<WebhookConfig> {
    let mut raws = Vec::new();
    for (index, raw) in list.into_iter().enumerate() {
        let raw = RawWebhook {
            name: raw.name.or_else(|| Some(format!("webhook-{}", index + 1))),
            min_severity: raw.min_severity.or_else(|| base.min_severity.clone()),
            timeout: raw.timeout.or_else(|| base.timeout.clone()),
            attempts_max: raw.attempts_max.or(base.attempts_max),
            backoff_min: raw.backoff_min.or_else(|| base.backoff_min.clone()),
            backoff_max: raw.backoff_max.or_else(|| base.backoff_max.clone()),
            ..raw
        };
        raws.push((format!("webhooks[{index}]"), raw));
    }
    if base.url.is_some() || base.url_file.is_some() {
        let name = base.name.or_else(|| Some("webhook".to_owned()));
        raws.insert(0, ("webhook".to_owned(), RawWebhook { name, ..base }));
    } else if base.secret.is_some() || base.secret_file.is_some() || base.name.is_some() {
        check.fault("webhook.url", "missing, but a name or a secret is given for it");
    }
    let mut webhooks = Vec::new();
    for (at, raw) in raws {
        let webhook = webhook(check, &at, raw);
        if !names.insert(webhook.name.clone()) {
            check.fault(&format!("{at}.name"), format!("`{}` is the name of another webhook too", webhook.name));
        }
        webhooks.push(webhook);
    }
    webhooks
}

fn webhook(check: &mut Check<'_>, at: &str, raw: RawWebhook) -> WebhookConfig {
    let path = |name: &str| format!("{at}.{name}");
    let name = check.name(&path("name"), raw.name);
    if raw.url.is_none() && raw.url_file.is_none() {
        check.fault(&path("url"), "missing");
    }
    let url = check.secret(&path("url"), raw.url, raw.url_file);
    let url = url.map(|url| url.expose().to_owned()).unwrap_or_default();
    if !url.is_empty() && !endpoint(&url).is_some_and(|(scheme, _)| matches!(scheme, "https" | "http")) {
        check.fault(&path("url"), "no address of the web; write `https://host/path`");
    }
    let secret = check.secret(&path("secret"), raw.secret, raw.secret_file);
    signing_secret(check, &path("secret"), secret.as_ref());
    let min_severity = severity(check, &path("min_severity"), raw.min_severity.as_deref());
    let least = Duration::from_millis(100);
    let (backoff_min, backoff_max) = backoff(check, at, raw.backoff_min.as_ref(), raw.backoff_max.as_ref());
    WebhookConfig {
        name,
        url,
        secret,
        min_severity,
        timeout: check.span(&path("timeout"), raw.timeout.as_ref(), least..=MINUTE),
        attempts_max: check.whole(&path("attempts_max"), raw.attempts_max, 1..=100) as u32,
        backoff_min,
        backoff_max,
    }
}

fn heartbeat(check: &mut Check<'_>, raw: RawHeartbeat) -> Option<HeartbeatConfig> {
    let url = check.secret("heartbeat.url", raw.url, raw.url_file).map(|url| url.expose().to_owned());
    if let Some(url) = url.as_ref().filter(|url| !url.is_empty())
        && !endpoint(url).is_some_and(|(scheme, _)| matches!(scheme, "https" | "http"))
    {
        check.fault("heartbeat.url", "no address of the web; write `https://host/path`");
    }
    let method = raw.method.unwrap_or_default();
    if !matches!(method.as_str(), "get" | "post") {
        check.fault("heartbeat.method", format!("`{method}` is no method; write `get` or `post`"));
    }
    let every = check.span("heartbeat.every", raw.every.as_ref(), Duration::from_secs(1)..=HOUR);
    url.map(|url| HeartbeatConfig { url, post: method == "post", every })
}

/// A signing secret of Standard Webhooks.
pub(super) fn signing_secret(check: &mut Check<'_>, path: &str, secret: Option<&SecretText>) {
    if let Some(text) = secret.map(SecretText::expose).filter(|text| !text.is_empty())
        && !text.strip_prefix("whsec_").and_then(base64_bytes).is_some_and(|n| WEBHOOK_SECRET_BYTES.contains(&n))
    {
        check.fault(path, "no signing secret; write `whsec_` and 24 to 64 bytes in base64");
    }
}

/// The name of a severity that must be there.
pub(super) fn severity(check: &mut Check<'_>, path: &str, name: Option<&str>) -> Severity {
    words::severity(check, path, name.unwrap_or_default()).unwrap_or(Severity::Medium)
}

/// First and longest pause between attempts.
pub(super) fn backoff(
    check: &mut Check<'_>,
    at: &str,
    min: Option<&RawSpan>,
    max: Option<&RawSpan>,
) -> (Duration, Duration) {
    let least = Duration::from_millis(100);
    let min = check.span(&format!("{at}.backoff_min"), min, least..=DAY);
    let max = check.span(&format!("{at}.backoff_max"), max, least..=DAY);
    if min > max {
        let (short, long) = (duration::show(max), duration::show(min));
        check.fault(&format!("{at}.backoff_max"), format!("{short} is shorter than `backoff_min`, {long}"));
    }
    (min, max)
}

/// A length of time as the core has it.
pub(super) fn span(duration: Duration) -> Span {
    Span::from_micros(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX))
}

/// How many bytes a text in base64 stands for; `None` where it is none.
fn base64_bytes(text: &str) -> Option<usize> {
    let body = text.trim_end_matches('=');
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/');
    let whole = text.len().is_multiple_of(4) && text.len() - body.len() <= 2 && body.len() % 4 != 1;
    (whole && body.chars().all(good)).then_some(body.len() * 3 / 4)
}

fn state(check: &mut Check<'_>, raw: RawState) -> Option<StateConfig> {
    let dir = check.file("state.dir", raw.dir);
    let snapshot_every = check.span("state.snapshot_every", raw.snapshot_every.as_ref(), Duration::from_secs(1)..=DAY);
    let keep = check.size("state.keep", raw.keep, 1..=100);
    let keep_days = check.size("state.keep_days", raw.keep_days, 0..=400);
    let log_key_file = check.file("state.log_key_file", raw.log_key_file);
    let log_file_bytes_max = check.size("state.log_file_bytes_max", raw.log_file_bytes_max, MEGABYTE..=MEGABYTE << 20);
    let log_file_bytes_max = log_file_bytes_max as u64;
    let log_files_max = check.size("state.log_files_max", raw.log_files_max, 2..=100_000);
    dir.map(|dir| StateConfig { dir, snapshot_every, keep, keep_days, log_key_file, log_file_bytes_max, log_files_max })
}

fn detection(check: &mut Check<'_>, baseline: &RawBaseline, raw: RawDetection, limits: &RawLimits) -> Settings {
    let days = check.whole("baseline.days", baseline.days, 14..=30);
    let mature_days = check.whole("baseline.mature_days", baseline.mature_days, 1..=30);
    if (1..=30).contains(&mature_days) && mature_days > days && (14..=30).contains(&days) {
        check.fault("baseline.mature_days", format!("{mature_days} is more than `baseline.days`, {days}"));
    }
    let default_zone = check.given("detection.default_zone", raw.default_zone);
    if Zone::named(&default_zone).is_err() {
        let message = format!("`{default_zone}` is no time zone; write an IANA name such as `Europe/Berlin`");
        check.fault("detection.default_zone", message);
    }
    let mut length = |path: &str, value, range| span(check.span(path, value, range));
    let session_timeout = length("detection.session_timeout", raw.session_timeout.as_ref(), MINUTE..=DAY);
    let lateness_max = length("detection.lateness_max", raw.lateness_max.as_ref(), Duration::ZERO..=7 * DAY);
    let jump_max = length("detection.jump_max", raw.jump_max.as_ref(), MINUTE..=30 * DAY);
    let incident_quiet = length("detection.incident_quiet", raw.incident_quiet.as_ref(), MINUTE..=7 * DAY);
    Settings {
        baseline_days: days as u32,
        mature_days: mature_days as u32,
        session_timeout,
        lateness_max,
        jump_max,
        bots_max: check.size("limits.bots_max", limits.bots_max, 1..=10_000_000),
        sessions_open_max: check.size("limits.sessions_open_max", limits.sessions_open_max, 1..=10_000),
        operations_max: check.size("limits.operations_max", limits.operations_max, 8..=65_536),
        page_rate_per_bot_day: check.share("detection.page_rate_per_bot_day", raw.page_rate_per_bot_day, 1.0),
        pages_per_week: raw
            .pages_per_week
            .map(|pages| check.share("detection.pages_per_week", Some(pages), PAGES_PER_WEEK_MAX)),
        incident_quiet,
        default_zone,
        ..Settings::default()
    }
}

fn limits(check: &mut Check<'_>, raw: &RawLimits) -> Limits {
    Limits {
        payload_bytes_max: check.size("limits.payload_bytes_max", raw.payload_bytes_max, 1024..=1_048_576),
        depth_max: check.size("limits.depth_max", raw.depth_max, 4..=128),
        text_bytes_max: check.size("limits.text_bytes_max", raw.text_bytes_max, 64..=65_536),
        id_bytes_max: check.size("limits.id_bytes_max", raw.id_bytes_max, 36..=1024),
        approvers_max: check.size("limits.approvers_max", raw.approvers_max, 1..=1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_measured() {
        for (text, bytes) in [
            ("", Some(0)),
            ("QUJD", Some(3)),
            ("QUI=", Some(2)),
            ("QQ==", Some(1)),
            ("Q===", None),
            ("QUJ", None),
            ("QU*D", None),
        ] {
            assert_eq!(base64_bytes(text), bytes, "{text}");
        }
    }
}
