//! What a real Prometheus sees of the real program, and the reference of all metrics.

use std::collections::{BTreeMap, BTreeSet};

use humdrum::runtime::metrics::{
    ClusterMetrics, EngineMetrics, FeedbackMetrics, GeoMetrics, LogMetrics, NotifyMetrics, ReceiverMetrics,
    RegistryMetrics, SourceMetrics, StoreMetrics,
};
use prometheus::Registry;
use prometheus::proto::{Metric, MetricFamily};

use crate::support::files::{golden, read, repository};
use crate::support::prometheus::promtool;
use crate::support::site::{ACCEPTED, DUPLICATE, LATE, NOT_JSON, SPOOFED, Site};
use crate::support::until;

/// The reference of all metrics.
const REFERENCE: &str = "grafana/metrics.md";

/// Names of all metrics in the reference, with their types.
pub(crate) fn listed() -> BTreeMap<String, String> {
    let text = read(&repository(REFERENCE));
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| {
        let (name, rest) = row.split_once("` | ")?;
        Some((name.to_owned(), rest.split(' ').next()?.to_owned()))
    })
    .collect()
}

#[tokio::test]
async fn prometheus_sees_what_was_published() {
    let site = Site::start().await;
    site.feed().await;
    let rejected = NOT_JSON + SPOOFED;
    for (expression, wanted) in [
        ("sum(humdrum_events_total)", ACCEPTED + DUPLICATE + LATE + rejected),
        ("humdrum_events_total{outcome=\"accepted\"}", ACCEPTED),
        ("humdrum_events_total{outcome=\"duplicate\"}", DUPLICATE),
        ("humdrum_events_total{outcome=\"late\"}", LATE),
        ("humdrum_events_total{outcome=\"rejected\"}", rejected),
        ("humdrum_rejects_total{reason=\"not_json\"}", NOT_JSON),
        ("humdrum_rejects_total{reason=\"spoofed\"}", SPOOFED),
        ("sum(humdrum_rejects_total)", rejected),
        ("humdrum_alerts_total{status=\"firing\",severity=\"high\",dimension=\"control\"}", 1),
        ("sum(humdrum_alerts_total)", 1),
        ("humdrum_event_to_alert_seconds_count", 1),
        ("humdrum_incidents_open", 1),
        ("humdrum_webhook_attempts_total{webhook=\"on-call\",outcome=\"retried\"}", 1),
        ("humdrum_webhook_attempts_total{webhook=\"on-call\",outcome=\"delivered\"}", 1),
        ("sum(humdrum_webhook_attempts_total)", 2),
        ("humdrum_webhook_queue", 0),
        ("humdrum_receiver_attempts_total{receiver=\"chat\",outcome=\"delivered\"}", 1),
        ("sum(humdrum_receiver_attempts_total)", 3),
        ("humdrum_alerts_told", 1),
        ("sum(humdrum_bots)", 1),
        ("humdrum_consumer_lag_messages", 0),
    ] {
        site.prometheus.becomes(expression, wanted as f64).await;
    }
    assert_eq!((site.webhook.requests().len(), site.chat.requests().len()), (2, 1));
    for expression in ["humdrum_snapshot_bytes > 0", "time() - humdrum_snapshot_timestamp_seconds < 60"] {
        until(expression, || async { site.prometheus.value(expression).await.is_some() }).await;
    }
}

#[tokio::test]
async fn the_number_of_series_is_fixed() {
    let site = Site::start().await;
    site.feed().await;
    site.prometheus.becomes("sum(humdrum_bots)", 1.0).await;
    let series = "count({job=\"humdrum\",__name__=~\"humdrum_.+\"})";
    let (before, stored) = (samples(&site.humdrum.scrape().await), site.prometheus.value(series).await);
    assert_eq!(stored.map(|count| count as usize), Some(before.len()));
    site.feed_bots(300).await;
    site.prometheus.becomes("sum(humdrum_bots)", 301.0).await;
    let text = site.humdrum.scrape().await;
    let changed: Vec<_> = samples(&text).symmetric_difference(&before).cloned().collect();
    assert_eq!((changed, site.prometheus.value(series).await), (Vec::new(), stored));
    assert_eq!(promtool(&["check", "metrics"], &text), (true, String::new()), "what promtool has against it");
    let scraped: BTreeSet<_> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let listed = listed();
    assert_eq!(scraped, listed.keys().map(String::as_str).collect(), "what is scraped is what {REFERENCE} lists");
    assert!(!text.contains("bot1") && !text.contains("acme"), "neither bots nor tenants are labels");
}

/// Names and labels of all samples.
fn samples(text: &str) -> BTreeSet<String> {
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples.filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned())).collect()
}

#[test]
fn the_reference_lists_every_metric() {
    let registry = Registry::new();
    drop(EngineMetrics::new(&registry).expect("registers"));
    drop(ClusterMetrics::new(&registry).expect("registers"));
    drop(FeedbackMetrics::new(&registry).expect("registers"));
    drop(GeoMetrics::new(&registry).expect("registers"));
    drop(RegistryMetrics::new(&registry).expect("registers"));
    drop(SourceMetrics::new(&registry).expect("registers"));
    drop(NotifyMetrics::new(&registry).expect("registers"));
    drop(StoreMetrics::new(&registry).expect("registers"));
    drop(LogMetrics::new(&registry).expect("registers"));
    let receivers = ReceiverMetrics::new(&registry).expect("registers");
    drop((receivers.webhook("on-call"), receivers.silence("migration")));
    let mut text = "# Metrics\n\n`/metrics` serves these. The number of series is fixed by the program and its \
        settings; no bot and no tenant is a label. All counters begin at 0 at the start, so that `rate()` sees the \
        first event.\n\n| Metric | Type | Labels | Meaning |\n|---|---|---|---|\n"
        .to_owned();
    for family in registry.gather() {
        let kind = format!("{:?}", family.get_field_type()).to_lowercase();
        text += &format!("| `{}` | {kind} | {} | {} |\n", family.name(), labels(&family), family.help());
    }
    golden(&repository(REFERENCE), &text);
}

/// The labels, with their values where the program fixes them.
fn labels(family: &MetricFamily) -> String {
    let mut labels: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for label in family.get_metric().iter().flat_map(Metric::get_label) {
        labels.entry(label.name()).or_default().insert(label.value());
    }
    let label = |(name, values): (&str, BTreeSet<&str>)| match name {
        "version" => format!("`{name}`"),
        "receiver" | "silence" | "webhook" => format!("`{name}` (its name in the settings)"),
        _ => format!("`{name}` ({})", values.into_iter().collect::<Vec<_>>().join(", ")),
    };
    labels.into_iter().map(label).collect::<Vec<_>>().join("; ")
}
