//! A configuration for tests, and alerts and events to feed it with.

use std::path::Path;
use std::time::Duration;

use humdrum::alert::{Alert, BaselineNote, Dimension, Reason, Routing, Severity, Status, Tags};
use humdrum::config::{
    AlertsConfig, Config, EventsConfig, NatsConfig, NatsSecretFiles, SourceMode, StateConfig, WebhookConfig,
};

pub(crate) fn config(url: String) -> Config {
    Config {
        nats: NatsConfig {
            url: vec![url],
            creds_file: None,
            secret_files: NatsSecretFiles::default(),
            nkey_seed: None,
            user: None,
            password: None,
            token: None,
            tls: false,
            tls_ca_file: None,
            tls_cert_file: None,
            tls_key_file: None,
            inbox_prefix: "_INBOX_humdrum".to_owned(),
            monitor_url: Vec::new(),
        },
        events: EventsConfig {
            mode: SourceMode::Jetstream,
            subject_prefix: "humdrum.events".to_owned(),
            stream: "HUMDRUM_EVENTS".to_owned(),
            durable: "humdrum".to_owned(),
            create_stream: true,
            batch: 1000,
            idle_after: Duration::from_secs(60),
            canary_every: None,
            rejected_prefix: "humdrum.rejected".to_owned(),
            rejected_stream: "HUMDRUM_REJECTED".to_owned(),
        },
        alerts: AlertsConfig {
            subject_prefix: "humdrum.alerts".to_owned(),
            stream: "HUMDRUM_ALERTS".to_owned(),
            create_stream: true,
            head_subject: "humdrum.audit.head".to_owned(),
            ack_prefix: "humdrum.ack".to_owned(),
            feedback_prefix: "humdrum.feedback".to_owned(),
        },
        webhooks: Vec::new(),
        receivers: Vec::new(),
        routing: Routing::default(),
        silences: Vec::new(),
        heartbeat: None,
        cluster: None,
        state: None,
        registry: None,
        geo_file: None,
        metrics_listen: None,
        console: None,
        detection: humdrum::detect::Settings::default(),
        limits: humdrum::event::decode::Limits::default(),
        history: humdrum::config::HistoryConfig::default(),
    }
}

pub(crate) fn state(dir: &Path) -> StateConfig {
    StateConfig {
        dir: dir.to_owned(),
        snapshot_every: Duration::from_millis(300),
        keep: 2,
        keep_days: 3,
        log_key_file: None,
        log_file_bytes_max: 64 << 20,
        log_files_max: 64,
    }
}

pub(crate) fn webhook(name: &str, url: String) -> WebhookConfig {
    WebhookConfig {
        name: name.to_owned(),
        url,
        secret: None,
        min_severity: Severity::Medium,
        timeout: Duration::from_secs(5),
        attempts_max: 4,
        backoff_min: Duration::from_millis(1),
        backoff_max: Duration::from_millis(10),
    }
}

pub(crate) fn event(bot: &str, id: usize) -> String {
    format!(
        "{{\"id\":\"e{id}\",\"ts\":\"2026-05-04T06:00:{:02}Z\",\"tenant\":\"acme\",\"bot\":\"{bot}\",\"type\":\"call\"}}",
        id % 60
    )
}

pub(crate) fn alert(id: &str, revision: u32, severity: Severity) -> Alert {
    Alert {
        id: id.to_owned(),
        status: Status::Firing,
        revision,
        ts: "2026-05-04T06:00:00Z".parse().expect("a time"),
        tenant: "acme corp".to_owned(),
        bot: Some("svc.pay".to_owned()),
        session: None,
        producer: None,
        severity,
        score: 97.5,
        p_value: Some(1e-9),
        title: "svc.pay read 40 times more records than ever".to_owned(),
        reasons: vec![Reason {
            dimension: Dimension::Volume,
            detector: "volume.records".to_owned(),
            p_value: Some(1e-9),
            observed: "40000".to_owned(),
            expected: "at most 1000".to_owned(),
            text: "40000 records, at most 1000 expected".to_owned(),
            contribution: Some(1.0),
        }],
        events: vec!["e1".to_owned()],
        event_count: 1,
        incident: "i1".to_owned(),
        tags: Tags::default(),
        baseline: BaselineNote { days: 28.0, events: 1000, mature: true },
        context: None,
        suppressed: None,
    }
}
