//! Figures of what receivers are told. Labels are names from the settings, so that their number is fixed.

use prometheus::{Gauge, GaugeVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use super::{EndpointMetrics, Result, WebhookMetrics, counter, counters, gauge, gauges};
use crate::time::Timestamp;

/// How an attempt to deliver ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// The receiver took it.
    Delivered,
    /// It will be tried again.
    Retried,
    /// The receiver refused it for good.
    Refused,
    /// It is given up.
    Abandoned,
}

/// Why a receiver was not told of an alert for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UndeliveredReason {
    /// The receiver refused it for good.
    Refused,
    /// The receiver took no attempt.
    Abandoned,
    /// Too many waited.
    Overflow,
    /// The receiver is no longer in the settings.
    Gone,
}

/// Figures of all receivers, webhooks too.
#[derive(Clone, Debug)]
pub struct ReceiverMetrics {
    attempts: IntCounterVec,
    queue: IntGaugeVec,
    oldest: GaugeVec,
    undelivered: IntCounterVec,
    silenced: IntCounterVec,
    acknowledgments: IntCounterVec,
    webhooks: WebhookMetrics,
    /// Alerts that the routes led nowhere.
    pub unrouted: IntCounter,
    /// Alerts that somebody else was told of because nobody acknowledged them.
    pub escalated: IntCounter,
    /// Open alerts that somebody has been told of.
    pub told: IntGauge,
    /// Open alerts that were forgotten because there were too many.
    pub forgotten: IntCounter,
}

/// Figures of one receiver.
#[derive(Clone, Debug)]
pub struct OutletMetrics {
    attempts: [IntCounter; Attempt::ALL.len()],
    undelivered: [IntCounter; UndeliveredReason::ALL.len()],
    queue: IntGauge,
    oldest: Gauge,
    webhook: Option<EndpointMetrics>,
}

impl Attempt {
    /// Every end of an attempt.
    pub const ALL: [Self; 4] = [Self::Delivered, Self::Retried, Self::Refused, Self::Abandoned];

    /// Its name in labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Retried => "retried",
            Self::Refused => "refused",
            Self::Abandoned => "abandoned",
        }
    }
}

impl UndeliveredReason {
    /// Every reason that a receiver can have.
    pub const ALL: [Self; 3] = [Self::Refused, Self::Abandoned, Self::Overflow];

    /// Its name in labels and in what is kept.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Abandoned => "abandoned",
            Self::Overflow => "overflow",
            Self::Gone => "gone",
        }
    }
}

impl ReceiverMetrics {
    /// Registers the figures.
    ///
    /// # Errors
    /// One of the names is taken.
    pub fn new(registry: &Registry) -> Result<Self> {
        let oldest = GaugeVec::new(
            Opts::new(
                "humdrum_receiver_oldest_timestamp_seconds",
                "When the oldest alert that waits for a receiver was handed to it; 0 where none waits.",
            ),
            &["receiver"],
        )?;
        registry.register(Box::new(oldest.clone()))?;
        let acknowledgments = counters(
            registry,
            "humdrum_acknowledgments_total",
            "Acknowledgments of alerts that arrived.",
            &["outcome"],
        )?;
        for outcome in ["taken", "unknown", "malformed"] {
            drop(acknowledgments.with_label_values(&[outcome]));
        }
        let vector = |name: &str, help: &str, label: &str| counters(registry, name, help, &["receiver", label]);
        Ok(Self {
            attempts: vector("humdrum_receiver_attempts_total", "Attempts to tell a receiver.", "outcome")?,
            queue: gauges(registry, "humdrum_receiver_queue", "Alerts that wait for a receiver.", &["receiver"])?,
            oldest,
            undelivered: vector(
                "humdrum_receiver_undelivered_total",
                "Alerts that a receiver was not told of and that are kept with the reason.",
                "reason",
            )?,
            silenced: counters(
                registry,
                "humdrum_alerts_silenced_total",
                "Alerts that a silence kept from the receivers.",
                &["silence"],
            )?,
            acknowledgments,
            webhooks: WebhookMetrics::new(registry)?,
            unrouted: counter(registry, "humdrum_alerts_unrouted_total", "Alerts that the routes led nowhere.")?,
            escalated: counter(
                registry,
                "humdrum_alerts_escalated_total",
                "Times that somebody else was told because nobody acknowledged an alert.",
            )?,
            told: gauge(registry, "humdrum_alerts_told", "Open alerts that receivers have been told of.")?,
            forgotten: counter(
                registry,
                "humdrum_alerts_forgotten_total",
                "Open alerts of which it was forgotten who was told, because there were too many.",
            )?,
        })
    }

    /// The figures of one receiver.
    #[must_use]
    pub fn outlet(&self, name: &str) -> OutletMetrics {
        OutletMetrics {
            attempts: Attempt::ALL.map(|end| self.attempts.with_label_values(&[name, end.as_str()])),
            undelivered: UndeliveredReason::ALL
                .map(|reason| self.undelivered.with_label_values(&[name, reason.as_str()])),
            queue: self.queue.with_label_values(&[name]),
            oldest: self.oldest.with_label_values(&[name]),
            webhook: None,
        }
    }

    /// The figures of one webhook, which has some of its own besides.
    #[must_use]
    pub fn webhook(&self, name: &str) -> OutletMetrics {
        OutletMetrics { webhook: Some(self.webhooks.endpoint(name)), ..self.outlet(name) }
    }

    /// The counter of one silence.
    #[must_use]
    pub fn silence(&self, name: &str) -> IntCounter {
        self.silenced.with_label_values(&[name])
    }

    /// Counts an acknowledgment: `taken`, `unknown` or `malformed`.
    pub fn acknowledged(&self, outcome: &str) {
        self.acknowledgments.with_label_values(&[outcome]).inc();
    }
}

impl OutletMetrics {
    /// Counts an attempt.
    pub fn attempt(&self, end: Attempt) {
        self.attempts[end as usize].inc();
        if let Some(webhook) = &self.webhook {
            match end {
                Attempt::Delivered => webhook.delivered.inc(),
                Attempt::Retried => webhook.retried.inc(),
                Attempt::Refused => webhook.refused.inc(),
                Attempt::Abandoned => webhook.abandoned.inc(),
            }
        }
    }

    /// Counts an alert that the receiver was not told of for good.
    pub fn undelivered(&self, reason: UndeliveredReason) {
        if let Some(counter) = self.undelivered.get(reason as usize) {
            counter.inc();
        }
        if let Some(webhook) = self.webhook.as_ref().filter(|_| reason == UndeliveredReason::Overflow) {
            webhook.overflow.inc();
        }
    }

    /// How many wait, and since when the oldest does.
    pub fn waiting(&self, count: usize, oldest: Option<Timestamp>) {
        self.queue.set(count as i64);
        self.oldest.set(oldest.map_or(0.0, |at| at.as_micros() as f64 / 1e6));
        if let Some(webhook) = &self.webhook {
            webhook.queue.set(count as i64);
        }
    }
}

#[cfg(test)]
mod tests {
    use prometheus::proto::MetricFamily;

    use super::*;

    #[test]
    fn a_webhook_is_counted_under_both_names() {
        let registry = Registry::new();
        let metrics = ReceiverMetrics::new(&registry).expect("registers");
        for outlet in [metrics.outlet("chat"), metrics.webhook("hook")] {
            outlet.attempt(Attempt::Refused);
            outlet.undelivered(UndeliveredReason::Overflow);
            outlet.undelivered(UndeliveredReason::Gone);
            outlet.waiting(2, Some(Timestamp::from_micros(1_500_000)));
        }
        let sum = |name: &str| {
            let families = registry.gather();
            let metrics = families.iter().filter(|family| family.name() == name).flat_map(MetricFamily::get_metric);
            metrics.map(|m| m.get_counter().get_value() + m.get_gauge().get_value()).sum::<f64>()
        };
        for (name, value) in [
            ("humdrum_receiver_attempts_total", 2.0),
            ("humdrum_webhook_attempts_total", 1.0),
            ("humdrum_receiver_undelivered_total", 2.0),
            ("humdrum_webhook_overflow_total", 1.0),
            ("humdrum_receiver_queue", 4.0),
            ("humdrum_webhook_queue", 2.0),
            ("humdrum_receiver_oldest_timestamp_seconds", 3.0),
        ] {
            assert!((sum(name) - value).abs() < 1e-9, "{name}: {}", sum(name));
        }
    }
}
