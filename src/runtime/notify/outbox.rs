//! Alerts that wait for one webhook: a queue that is also what the snapshot keeps.
//!
//! An alert stays in the queue until the endpoint has taken it, refused it or used up its attempts, so that whatever
//! moment the process ends at, the queue holds exactly what is owed. It is bounded: where too many wait, the least
//! severe of the oldest goes, so that a flood of notes cannot push a page out.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::alert::Alert;
use crate::runtime::metrics::EndpointMetrics;

/// Alerts that may wait for one webhook. More would fill the memory and the snapshot while an endpoint is down, fewer
/// would lose pages in an incident that takes the endpoint with it.
const ALERTS_MAX: usize = 10_000;

/// The queue of one webhook.
#[derive(Debug)]
pub struct Outbox {
    alerts: Mutex<VecDeque<Arc<Alert>>>,
    alerts_max: usize,
    filled: Notify,
    metrics: EndpointMetrics,
}

impl Outbox {
    /// An empty queue.
    #[must_use]
    pub fn new(metrics: EndpointMetrics) -> Self {
        Self::with_bound(metrics, ALERTS_MAX)
    }

    fn with_bound(metrics: EndpointMetrics, alerts_max: usize) -> Self {
        Self { alerts: Mutex::default(), alerts_max, filled: Notify::new(), metrics }
    }

    /// Takes an alert in. Where the queue is full, the least severe alert goes: one that waits, or this one.
    pub fn push(&self, alert: Arc<Alert>) {
        let mut alerts = self.lock();
        if alerts.len() >= self.alerts_max {
            self.metrics.overflow.inc();
            // The first is being delivered right now and cannot go.
            let least = alerts.iter().enumerate().skip(1).min_by_key(|(index, alert)| (alert.severity, *index));
            let weakest = least.map(|(index, waiting)| (index, waiting.severity));
            match weakest {
                Some((index, severity)) if severity <= alert.severity => drop(alerts.remove(index)),
                _ => return,
            }
        }
        alerts.push_back(alert);
        self.metrics.queue.set(alerts.len() as i64);
        drop(alerts);
        self.filled.notify_one();
    }

    /// The alert that is next, waiting for one. It stays in the queue.
    pub async fn next(&self) -> Arc<Alert> {
        loop {
            if let Some(alert) = self.peek() {
                return alert;
            }
            self.filled.notified().await;
        }
    }

    /// The alert that is next, if there is one.
    #[must_use]
    pub fn peek(&self) -> Option<Arc<Alert>> {
        self.lock().front().cloned()
    }

    /// The first alert is settled.
    pub fn pop(&self) {
        let mut alerts = self.lock();
        alerts.pop_front();
        self.metrics.queue.set(alerts.len() as i64);
    }

    /// Everything that is owed, in order.
    #[must_use]
    pub fn alerts(&self) -> Vec<Arc<Alert>> {
        self.lock().iter().cloned().collect()
    }

    /// The figures of the webhook.
    #[must_use]
    pub fn metrics(&self) -> &EndpointMetrics {
        &self.metrics
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Alert>>> {
        self.alerts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::alert::{BaselineNote, Severity, Status, Tags};
    use crate::runtime::metrics::WebhookMetrics;
    use crate::time::Timestamp;

    pub(crate) fn alert(id: &str, severity: Severity) -> Alert {
        Alert {
            id: id.to_owned(),
            status: Status::Firing,
            revision: 1,
            ts: Timestamp::from_micros(0),
            tenant: "t".to_owned(),
            bot: None,
            session: None,
            producer: None,
            severity,
            score: 50.0,
            p_value: None,
            title: "odd".to_owned(),
            reasons: Vec::new(),
            events: Vec::new(),
            event_count: 0,
            incident: "i".to_owned(),
            tags: Tags::default(),
            baseline: BaselineNote::default(),
            context: None,
            suppressed: None,
        }
    }

    #[test]
    fn a_flood_of_notes_pushes_no_page_out() {
        let metrics = WebhookMetrics::new(&prometheus::Registry::new()).expect("registers").endpoint("w");
        let outbox = Outbox::with_bound(metrics, 3);
        for (id, severity) in [
            ("first", Severity::Info),
            ("page", Severity::High),
            ("old note", Severity::Low),
            ("note", Severity::Low),
            ("page 2", Severity::Critical),
            ("info", Severity::Info),
        ] {
            outbox.push(Arc::new(alert(id, severity)));
        }
        let ids: Vec<_> = outbox.alerts().iter().map(|alert| alert.id.clone()).collect();
        assert_eq!(ids, ["first", "page", "page 2"]);
        assert_eq!((outbox.metrics().overflow.get(), outbox.metrics().queue.get()), (3, 3));
    }
}
