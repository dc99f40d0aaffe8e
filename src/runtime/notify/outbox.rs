//! What waits for one receiver: a queue that is also what the snapshot keeps.
//!
//! An alert stays in the queue until the receiver has taken it, refused it or is given up on, so that whatever moment the
//! process ends at, the queue holds exactly what is owed. It is bounded: where too many wait, the least severe of the
//! oldest goes, so that a flood of notes cannot push a page out.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::alert::{Cause, Notice};
use crate::runtime::metrics::{OutletMetrics, UndeliveredReason};
use crate::time::Timestamp;

/// Alerts that may wait for one receiver. More would fill the memory and the snapshot while it is down, fewer would lose
/// pages in an incident that takes the receiver with it.
const NOTICES_MAX: usize = 10_000;

/// Something that waits.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// What.
    pub notice: Arc<Notice>,
    /// Since when, by the wall clock.
    pub since: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// Whether somebody else was told for want of this receiver.
    pub handed_on: bool,
}

impl Waiting {
    /// What was never tried.
    #[must_use]
    pub fn new(notice: Arc<Notice>, since: Timestamp) -> Self {
        Self { notice, since, attempts: 0, handed_on: false }
    }
}

/// The queue of one receiver.
#[derive(Debug)]
pub struct Outbox {
    queue: Mutex<VecDeque<Waiting>>,
    notices_max: usize,
    filled: Notify,
    metrics: OutletMetrics,
}

impl Outbox {
    /// An empty queue.
    #[must_use]
    pub fn new(metrics: OutletMetrics) -> Self {
        Self::with_bound(metrics, NOTICES_MAX)
    }

    fn with_bound(metrics: OutletMetrics, notices_max: usize) -> Self {
        metrics.waiting(0, None);
        Self { queue: Mutex::default(), notices_max, filled: Notify::new(), metrics }
    }

    /// Takes a notice in. Where the queue is full, the least severe goes: one that waits, or this one; it is given back.
    /// What is only repeated is passed over where the same alert waits already.
    pub fn push(&self, waiting: Waiting) -> Option<Waiting> {
        let mut queue = self.lock();
        let id = &waiting.notice.alert.id;
        if waiting.notice.cause == Cause::Repeated && queue.iter().any(|other| other.notice.alert.id == *id) {
            return None;
        }
        let mut dropped = None;
        if queue.len() >= self.notices_max {
            // The first is being delivered right now and cannot go.
            let severity = |waiting: &Waiting| waiting.notice.alert.severity;
            let least = queue.iter().enumerate().skip(1).min_by_key(|(index, other)| (severity(other), *index));
            let weakest = least.map(|(index, other)| (index, severity(other)));
            match weakest {
                Some((index, least)) if least <= severity(&waiting) => dropped = queue.remove(index),
                _ => return Some(waiting),
            }
        }
        queue.push_back(waiting);
        self.tell(&queue);
        drop(queue);
        self.filled.notify_one();
        dropped
    }

    /// What is next, waiting for something. It stays in the queue.
    pub async fn next(&self) -> Waiting {
        loop {
            if let Some(waiting) = self.peek() {
                return waiting;
            }
            self.filled.notified().await;
        }
    }

    /// What is next, if there is something.
    #[must_use]
    pub fn peek(&self) -> Option<Waiting> {
        self.lock().front().cloned()
    }

    /// The first is settled.
    pub fn pop(&self) {
        let mut queue = self.lock();
        queue.pop_front();
        self.tell(&queue);
    }

    /// The first was tried in vain: how often by now.
    pub fn tried(&self) -> u32 {
        let mut queue = self.lock();
        queue.front_mut().map_or(0, |first| {
            first.attempts = first.attempts.saturating_add(1);
            first.attempts
        })
    }

    /// What has waited since a time or longer, and nobody else was told of; from now on somebody is.
    pub fn hand_on(&self, since: Timestamp) -> Vec<Arc<Notice>> {
        let mut queue = self.lock();
        let overdue = queue.iter_mut().filter(|waiting| waiting.since <= since && !waiting.handed_on);
        overdue
            .map(|waiting| {
                waiting.handed_on = true;
                Arc::clone(&waiting.notice)
            })
            .collect()
    }

    /// Puts everything about the first alert behind the others, in its order, so that one which a receiver cannot bear
    /// does not hold up the rest.
    pub fn put_back(&self) {
        let mut queue = self.lock();
        let Some(id) = queue.front().map(|first| first.notice.alert.id.clone()) else { return };
        let (mut rest, same): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut *queue).into_iter().partition(|waiting| waiting.notice.alert.id != id);
        rest.extend(same);
        *queue = rest;
    }

    /// Everything that is owed, in order.
    #[must_use]
    pub fn all(&self) -> Vec<Waiting> {
        self.lock().iter().cloned().collect()
    }

    /// Counts a notice that the receiver is not told of for good. What was only to be repeated is no loss.
    pub fn lost(&self, notice: &Notice, reason: UndeliveredReason) {
        if notice.cause != Cause::Repeated {
            self.metrics.undelivered(reason);
        }
    }

    /// The figures of the receiver.
    #[must_use]
    pub fn metrics(&self) -> &OutletMetrics {
        &self.metrics
    }

    fn tell(&self, queue: &VecDeque<Waiting>) {
        self.metrics.waiting(queue.len(), queue.iter().map(|waiting| waiting.since).min());
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::Severity;
    use crate::alert::fixtures::alert;
    use crate::runtime::metrics::ReceiverMetrics;

    fn waiting(id: &str, severity: Severity) -> Waiting {
        Waiting::new(Arc::new(Notice::new(alert(id, severity))), Timestamp::MIN)
    }

    fn outbox(bound: usize) -> (Outbox, prometheus::Registry) {
        let registry = prometheus::Registry::new();
        let metrics = ReceiverMetrics::new(&registry).expect("registers").outlet("w");
        (Outbox::with_bound(metrics, bound), registry)
    }

    fn ids(outbox: &Outbox) -> Vec<String> {
        outbox.all().iter().map(|waiting| waiting.notice.alert.id.clone()).collect()
    }

    #[test]
    fn a_flood_of_notes_pushes_no_page_out() {
        let (outbox, _) = outbox(3);
        let mut dropped = Vec::new();
        for (id, severity) in [
            ("first", Severity::Info),
            ("page", Severity::High),
            ("old note", Severity::Low),
            ("note", Severity::Low),
            ("page 2", Severity::Critical),
            ("info", Severity::Info),
        ] {
            dropped.extend(outbox.push(waiting(id, severity)).map(|waiting| waiting.notice.alert.id.clone()));
        }
        assert_eq!(ids(&outbox), ["first", "page", "page 2"]);
        assert_eq!(dropped, ["old note", "note", "info"]);
    }

    #[test]
    fn what_cannot_be_borne_goes_behind_the_others_in_its_order() {
        let (outbox, _) = outbox(9);
        for id in ["bad", "a", "bad", "b"] {
            outbox.push(waiting(id, Severity::High));
        }
        assert_eq!((outbox.tried(), outbox.tried()), (1, 2));
        outbox.put_back();
        assert_eq!(ids(&outbox), ["a", "b", "bad", "bad"]);
        let attempts: Vec<u32> = outbox.all().iter().map(|waiting| waiting.attempts).collect();
        assert_eq!(attempts, [0, 0, 2, 0]);
    }

    #[test]
    fn what_waits_for_long_is_handed_on_once() {
        let (outbox, _) = outbox(9);
        outbox.push(waiting("old", Severity::High));
        outbox.push(Waiting { since: Timestamp::MIN + crate::time::Span::HOUR, ..waiting("new", Severity::High) });
        let handed_on =
            || outbox.hand_on(Timestamp::MIN).iter().map(|notice| notice.alert.id.clone()).collect::<Vec<_>>();
        assert_eq!(handed_on(), ["old"]);
        assert!(handed_on().is_empty());
        assert_eq!(ids(&outbox), ["old", "new"], "and goes on waiting");
    }

    #[test]
    fn what_is_repeated_waits_once() {
        let (outbox, _) = outbox(9);
        let again = || {
            let notice = Notice { cause: Cause::Repeated, ..Notice::new(alert("a", Severity::High)) };
            Waiting { notice: Arc::new(notice), ..waiting("a", Severity::High) }
        };
        outbox.push(again());
        outbox.push(again());
        outbox.push(waiting("a", Severity::High));
        assert_eq!(ids(&outbox), ["a", "a"]);
    }
}
