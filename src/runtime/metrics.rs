//! Figures about ourselves, a struct a component, each registered into the registry that it is handed.
//!
//! The number of series is fixed by the code and the configuration: no bot, tenant or subject is ever a label, so that
//! a fleet of a million bots costs the metrics store no more than one of ten. Children are looked up once, here, since
//! a look-up by label hashes its labels each time.

mod feedback;
mod receivers;
mod source;

use prometheus::{Gauge, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use crate::alert::{Alert, Dimension, Ruling, Severity, Standing, Status};
use crate::detect::Stats;
use crate::event::RejectReason;

pub use feedback::FeedbackMetrics;
pub use receivers::{Attempt, OutletMetrics, ReceiverMetrics, UndeliveredReason};
pub use source::SourceMetrics;

/// Buckets of the time from the broker's stamp to the published alert, in seconds.
const ALERT_SECONDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];
/// Buckets of the time to score one event, in seconds.
const SCORING_SECONDS: [f64; 10] = [1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 5e-4, 2e-3, 1e-2];
/// Buckets of the time to write a snapshot, in seconds.
const SNAPSHOT_SECONDS: [f64; 8] = [0.001, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 20.0];

type Result<T> = std::result::Result<T, prometheus::Error>;

/// Figures of the engine and of what it is fed.
#[derive(Clone, Debug)]
pub struct EngineMetrics {
    accepted: IntCounter,
    duplicate: IntCounter,
    late: IntCounter,
    rejected: IntCounter,
    rejects: Vec<IntCounter>,
    limited: IntCounter,
    sessions: IntCounter,
    bots_learning: IntGauge,
    bots_mature: IntGauge,
    bots_stale: IntGauge,
    baseline_bytes: IntGauge,
    incidents_open: IntGauge,
    pages_held: IntCounter,
    suppressed: Vec<IntCounter>,
    suppressions: Vec<IntGauge>,
    suppressions_unmatched: IntGauge,
    decisions: Vec<IntGauge>,
    budget_pages: Gauge,
    budget_left_pages: Gauge,
    sessions_open: IntGauge,
    bots_silent: IntGauge,
    logs: IntGauge,
    log_records_awaited: IntGauge,
    log_records_lost: IntCounter,
    /// Event time so far, in seconds since 1970.
    pub event_time: Gauge,
    /// Time to score one decoded event; one in a hundred is measured.
    pub scoring: Histogram,
}

impl EngineMetrics {
    /// Registers the figures.
    ///
    /// # Errors
    /// One of the names is taken.
    pub fn new(registry: &Registry) -> Result<Self> {
        let events = counters(registry, "humdrum_events_total", "Events taken off the source.", &["outcome"])?;
        let reject = counters(registry, "humdrum_rejects_total", "Events that were refused.", &["reason"])?;
        let bots = gauges(registry, "humdrum_bots", "Bots by how well they are known.", &["state"])?;
        let suppressed = counters(
            registry,
            "humdrum_alerts_suppressed_total",
            "Alerts that a suppression hid, by the severity that they would have had.",
            &["severity"],
        )?;
        let suppressions =
            gauges(registry, "humdrum_suppressions", "Suppressions by where they stand in event time.", &["state"])?;
        let decisions = gauges(
            registry,
            "humdrum_feedback_active",
            "Decisions of people that hold, by what they say.",
            &["verdict"],
        )?;
        let build = gauges(registry, "humdrum_build_info", "1, with the version as label.", &["version"])?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        Ok(Self {
            accepted: events.with_label_values(&["accepted"]),
            duplicate: events.with_label_values(&["duplicate"]),
            late: events.with_label_values(&["late"]),
            rejected: events.with_label_values(&["rejected"]),
            rejects: RejectReason::ALL.iter().map(|reason| reject.with_label_values(&[reason.as_str()])).collect(),
            limited: counter(registry, "humdrum_limit_reached_total", "Times that a bound cut something.")?,
            sessions: counter(registry, "humdrum_sessions_total", "Sessions judged.")?,
            bots_learning: bots.with_label_values(&["learning"]),
            bots_mature: bots.with_label_values(&["mature"]),
            bots_stale: bots.with_label_values(&["stale"]),
            baseline_bytes: gauge(registry, "humdrum_baseline_bytes", "Estimated bytes of all baselines.")?,
            incidents_open: gauge(registry, "humdrum_incidents_open", "Incidents open now.")?,
            pages_held: counter(
                registry,
                "humdrum_pages_held_total",
                "Findings that would have paged, had the budget had a page for them.",
            )?,
            suppressed: Severity::ALL.iter().map(|s| suppressed.with_label_values(&[s.as_str()])).collect(),
            suppressions: Standing::ALL.iter().map(|s| suppressions.with_label_values(&[s.as_str()])).collect(),
            suppressions_unmatched: gauge(
                registry,
                "humdrum_suppressions_unmatched",
                "Suppressions that hold and have hidden nothing so far.",
            )?,
            decisions: Ruling::LASTING.iter().map(|r| decisions.with_label_values(&[r.as_str()])).collect(),
            budget_pages: float_gauge(
                registry,
                "humdrum_page_budget_pages",
                "Pages a week that are accepted; 0 without a budget.",
            )?,
            budget_left_pages: float_gauge(registry, "humdrum_page_budget_left_pages", "Pages left of the budget.")?,
            sessions_open: gauge(registry, "humdrum_sessions_open", "Sessions open now.")?,
            bots_silent: gauge(registry, "humdrum_bots_silent", "Bots whose silence was told and goes on.")?,
            logs: gauge(registry, "humdrum_logs", "Logs whose producers number their records.")?,
            log_records_awaited: gauge(
                registry,
                "humdrum_log_records_awaited",
                "Records of logs that are missing and may still come.",
            )?,
            log_records_lost: counter(registry, "humdrum_log_records_lost_total", "Records of logs that never came.")?,
            event_time: float_gauge(registry, "humdrum_event_time_seconds", "Event time so far, since 1970.")?,
            scoring: histogram(
                registry,
                "humdrum_scoring_seconds",
                "Time to score one decoded event; one in a hundred is measured.",
                &SCORING_SECONDS,
            )?,
        })
    }

    /// Counts one refused event.
    pub fn reject(&self, reason: RejectReason) {
        self.rejected.inc();
        if let Some(counter) = RejectReason::ALL.iter().position(|r| *r == reason).and_then(|i| self.rejects.get(i)) {
            counter.inc();
        }
    }

    /// Brings the figures from what the engine said before to what it says now.
    pub fn update(&self, before: &Stats, now: &Stats) {
        for (counter, before, now) in [
            (&self.accepted, before.accepted, now.accepted),
            (&self.duplicate, before.duplicate, now.duplicate),
            (&self.late, before.late, now.late),
            (&self.limited, before.limited, now.limited),
            (&self.sessions, before.sessions, now.sessions),
            (&self.pages_held, before.pages_held, now.pages_held),
            (&self.log_records_lost, before.log_records_lost, now.log_records_lost),
        ] {
            counter.inc_by(now.saturating_sub(before));
        }
        self.move_gauges(before, now);
        for (counter, (before, now)) in self.suppressed.iter().zip(before.suppressed.iter().zip(now.suppressed)) {
            counter.inc_by(now.saturating_sub(*before));
        }
        for (gauge, now) in self.suppressions.iter().zip(now.suppressions.standing) {
            gauge.set(i64::try_from(now).unwrap_or(i64::MAX));
        }
        for (gauge, now) in self.decisions.iter().zip(now.decisions) {
            gauge.set(i64::try_from(now).unwrap_or(i64::MAX));
        }
        self.suppressions_unmatched.set(i64::try_from(now.suppressions.unmatched).unwrap_or(i64::MAX));
        self.budget_pages.set(now.budget_pages);
        self.budget_left_pages.set(now.budget_left_pages);
    }

    /// Takes in what an engine begins with. Several engines share the figures.
    pub fn enter(&self, stats: &Stats) {
        self.move_gauges(&Stats::default(), stats);
        self.update(stats, stats);
    }

    /// Takes out what an engine that is gone held.
    pub fn leave(&self, stats: &Stats) {
        self.move_gauges(stats, &Stats::default());
    }

    fn move_gauges(&self, before: &Stats, now: &Stats) {
        for (gauge, before, now) in [
            (&self.bots_learning, before.bots_learning, now.bots_learning),
            (&self.bots_mature, before.bots_mature, now.bots_mature),
            (&self.bots_stale, before.bots_stale, now.bots_stale),
            (&self.baseline_bytes, before.baseline_bytes, now.baseline_bytes),
            (&self.incidents_open, before.incidents_open, now.incidents_open),
            (&self.sessions_open, before.sessions_open, now.sessions_open),
            (&self.bots_silent, before.bots_silent, now.bots_silent),
            (&self.logs, before.logs, now.logs),
            (&self.log_records_awaited, before.log_records_awaited, now.log_records_awaited),
        ] {
            gauge.add(now as i64 - before as i64);
        }
    }
}

/// Figures of a cluster's member.
#[derive(Clone, Debug)]
pub struct ClusterMetrics {
    /// Partitions that there are; 0 without a cluster.
    pub partitions: IntGauge,
    /// Partitions that this member owns.
    pub owned: IntGauge,
    /// Times that it took one over.
    pub takeovers: IntCounter,
}

impl ClusterMetrics {
    /// Registers the figures.
    ///
    /// # Errors
    /// One of the names is taken.
    pub fn new(registry: &Registry) -> Result<Self> {
        let (name, help) = ("humdrum_cluster_takeovers_total", "Times that this member took a partition over.");
        Ok(Self {
            partitions: gauge(registry, "humdrum_cluster_partitions", "Partitions of the cluster; 0 without one.")?,
            owned: gauge(registry, "humdrum_cluster_partitions_owned", "Partitions that this member owns.")?,
            takeovers: counter(registry, name, help)?,
        })
    }
}

/// Figures of the registry.
#[derive(Clone, Debug)]
pub struct RegistryMetrics {
    /// Bots that it names.
    pub bots: IntGauge,
    /// Times that it changed and could not be used.
    pub faults: IntCounter,
}

impl RegistryMetrics {
    /// Registers the figures.
    ///
    /// # Errors
    /// One of the names is taken.
    pub fn new(registry: &Registry) -> Result<Self> {
        Ok(Self {
            bots: gauge(registry, "humdrum_registry_bots", "Bots that the registry in use names.")?,
            faults: counter(
                registry,
                "humdrum_registry_faults_total",
                "Times that the registry changed and was wrong, so that the one before stayed in use.",
            )?,
        })
    }
}

/// Figures of the geography file.
#[derive(Clone, Debug)]
pub struct GeoMetrics {
    /// When the file was built, in seconds since 1970; 0 without one.
    pub build: Gauge,
    /// Addresses that have a place.
    pub found: IntCounter,
    /// Addresses that are in no record, as all private ones.
    pub unknown: IntCounter,
    /// Addresses whose record cannot be read.
    pub failed: IntCounter,
}

impl GeoMetrics {
    /// Registers the figures.
    ///
    /// # Errors
    /// One of the names is taken.
    pub fn new(registry: &Registry) -> Result<Self> {
        let (name, help) = ("humdrum_geo_lookups_total", "Addresses looked up in the geography file.");
        let lookups = counters(registry, name, help, &["outcome"])?;
        let name = "humdrum_geo_database_build_timestamp_seconds";
        let help = "When the geography file was built, since 1970; 0 without one.";
        Ok(Self {
            build: float_gauge(registry, name, help)?,
            found: lookups.with_label_values(&["found"]),
            unknown: lookups.with_label_values(&["unknown"]),
            failed: lookups.with_label_values(&["failed"]),
        })
    }
}

/// Figures of what goes out on NATS.
#[derive(Clone, Debug)]
pub struct NotifyMetrics {
    alerts: IntCounterVec,
    /// Time from the broker's stamp to the published alert, once caught up.
    pub event_to_alert: Histogram,
    /// Publishes that had to be tried again.
    pub retries: IntCounter,
}

impl NotifyMetrics {
    /// Registers the figures.
    ///
    /// # Errors
    /// One of the names is taken.
    pub fn new(registry: &Registry) -> Result<Self> {
        let labels = ["status", "severity", "dimension"];
        let alerts = counters(registry, "humdrum_alerts_total", "Alerts published, each revision once.", &labels)?;
        for status in Status::ALL {
            for severity in Severity::ALL {
                for dimension in Dimension::ALL.map(Dimension::as_str).into_iter().chain(["none"]) {
                    drop(alerts.with_label_values(&[status.as_str(), severity.as_str(), dimension]));
                }
            }
        }
        let (name, help) = ("humdrum_event_to_alert_seconds", "From the broker's stamp to the published alert.");
        Ok(Self {
            alerts,
            event_to_alert: histogram(registry, name, help, &ALERT_SECONDS)?,
            retries: counter(registry, "humdrum_publish_retries_total", "Publishes that were tried again.")?,
        })
    }

    /// Counts one published alert.
    pub fn alert(&self, alert: &Alert) {
        let dimension = alert.reasons.first().map_or("none", |reason| reason.dimension.as_str());
        self.alerts.with_label_values(&[alert.status.as_str(), alert.severity.as_str(), dimension]).inc();
    }
}

/// Figures of the webhooks.
#[derive(Clone, Debug)]
pub struct WebhookMetrics {
    attempts: IntCounterVec,
    queue: IntGaugeVec,
    overflow: IntCounterVec,
}

/// Figures of one webhook.
#[derive(Clone, Debug)]
pub struct EndpointMetrics {
    /// Alerts that the endpoint took.
    pub delivered: IntCounter,
    /// Attempts that will be tried again.
    pub retried: IntCounter,
    /// Alerts that the endpoint refused for good.
    pub refused: IntCounter,
    /// Alerts given up after the last attempt.
    pub abandoned: IntCounter,
    /// Alerts that wait.
    pub queue: IntGauge,
    /// Alerts that were dropped because too many waited.
    pub overflow: IntCounter,
}

impl WebhookMetrics {
    /// Registers the figures.
    ///
    /// # Errors
    /// One of the names is taken.
    pub fn new(registry: &Registry) -> Result<Self> {
        let both = ["webhook", "outcome"];
        Ok(Self {
            attempts: counters(registry, "humdrum_webhook_attempts_total", "Attempts to deliver an alert.", &both)?,
            queue: gauges(registry, "humdrum_webhook_queue", "Alerts that wait for a webhook.", &["webhook"])?,
            overflow: counters(
                registry,
                "humdrum_webhook_overflow_total",
                "Alerts dropped because too many waited for a webhook.",
                &["webhook"],
            )?,
        })
    }

    /// The figures of one webhook.
    #[must_use]
    pub fn endpoint(&self, name: &str) -> EndpointMetrics {
        EndpointMetrics {
            delivered: self.attempts.with_label_values(&[name, "delivered"]),
            retried: self.attempts.with_label_values(&[name, "retried"]),
            refused: self.attempts.with_label_values(&[name, "refused"]),
            abandoned: self.attempts.with_label_values(&[name, "abandoned"]),
            queue: self.queue.with_label_values(&[name]),
            overflow: self.overflow.with_label_values(&[name]),
        }
    }
}

/// Figures of the snapshots.
#[derive(Clone, Debug)]
pub struct StoreMetrics {
    /// When the newest snapshot was written, in seconds since 1970; an age would stand still where settling does.
    pub written_at: Gauge,
    /// Time to write one.
    pub seconds: Histogram,
    /// Size of the newest.
    pub bytes: IntGauge,
    /// Snapshots that could not be written.
    pub failures: IntCounter,
}

impl StoreMetrics {
    /// Registers the figures.
    ///
    /// # Errors
    /// One of the names is taken.
    pub fn new(registry: &Registry) -> Result<Self> {
        let (name, help) = ("humdrum_snapshot_seconds", "Time to write a snapshot.");
        Ok(Self {
            written_at: float_gauge(
                registry,
                "humdrum_snapshot_timestamp_seconds",
                "When the newest snapshot was written or, before the first, the start; 0 where no state is kept.",
            )?,
            seconds: histogram(registry, name, help, &SNAPSHOT_SECONDS)?,
            bytes: gauge(registry, "humdrum_snapshot_bytes", "Size of the newest snapshot.")?,
            failures: counter(registry, "humdrum_snapshot_failures_total", "Snapshots that could not be written.")?,
        })
    }
}

/// Figures of the alert log.
#[derive(Clone, Debug)]
pub struct LogMetrics {
    /// Records written.
    pub records: IntCounter,
    /// Number of the last record that a head is signed over.
    pub signed: IntGauge,
    /// Records that wait for the disk.
    pub waiting: IntGauge,
    /// Times that the log could not be written or signed.
    pub failures: IntCounter,
    /// Alerts left out because too many waited for the disk.
    pub dropped: IntCounter,
}

impl LogMetrics {
    /// Registers the figures.
    ///
    /// # Errors
    /// One of the names is taken.
    pub fn new(registry: &Registry) -> Result<Self> {
        Ok(Self {
            records: counter(registry, "humdrum_alert_log_records_total", "Records written to the alert log.")?,
            signed: gauge(
                registry,
                "humdrum_alert_log_signed_record",
                "Number of the last record of the alert log that a head is signed over.",
            )?,
            waiting: gauge(
                registry,
                "humdrum_alert_log_waiting_records",
                "Records that cannot be written to the alert log and wait.",
            )?,
            failures: counter(
                registry,
                "humdrum_alert_log_failures_total",
                "Times that the alert log could not be written or signed.",
            )?,
            dropped: counter(
                registry,
                "humdrum_alert_log_dropped_total",
                "Alerts left out of the alert log because too many waited.",
            )?,
        })
    }
}

fn counter(registry: &Registry, name: &str, help: &str) -> Result<IntCounter> {
    let metric = IntCounter::new(name, help)?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn counters(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec> {
    let metric = IntCounterVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn gauge(registry: &Registry, name: &str, help: &str) -> Result<IntGauge> {
    let metric = IntGauge::new(name, help)?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn float_gauge(registry: &Registry, name: &str, help: &str) -> Result<Gauge> {
    let metric = Gauge::new(name, help)?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn gauges(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec> {
    let metric = IntGaugeVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn histogram(registry: &Registry, name: &str, help: &str, buckets: &[f64]) -> Result<Histogram> {
    let metric = Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec()))?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}
