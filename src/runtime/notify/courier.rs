//! One receiver's task: takes what waits, tries until it is taken, refused or given up, and keeps what was not taken.
//!
//! Delivery is at least once, and in order for each alert. An alert that fails is tried again before its successors: a
//! receiver that answers 503 to one would answer 503 to the next, and a page resolved before it fired confuses people.
//! After [`TRIES_IN_FRONT`] attempts in a row it goes behind the others, so that one alert which a receiver cannot bear
//! holds up none but itself. Pauses grow with the failures in a row of the receiver, not of the alert.

use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::OsRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use tokio_util::sync::CancellationToken;

use super::backoff;
use super::channel::{Answer, Channel, Outgoing};
use super::delivery::Verdict;
use super::outbox::{Outbox, Waiting};
use super::permit::Permit;
use super::undelivered::{Undelivered, UndeliveredFile};
use crate::alert::body::{Body, Particulars};
use crate::alert::{Cause, Escalation, Notice};
use crate::config::{ReceiverConfig, WebhookConfig};
use crate::runtime::clock::Clock;
use crate::runtime::metrics::{Attempt, UndeliveredReason};
use crate::time::{Span, Timestamp};

/// Attempts in a row after which an alert lets the others pass. Fewer would tear a short outage's alerts out of their
/// order, more would let one alert that breaks the receiver hold up the rest for longer.
const TRIES_IN_FRONT: u32 = 3;

/// How a receiver is dealt with.
#[derive(Clone, Debug)]
pub(super) struct Manner {
    pub(super) name: String,
    pub(super) backoff_min: Duration,
    pub(super) backoff_max: Duration,
    pub(super) patience: Patience,
}

/// When an alert is given up.
#[derive(Clone, Copy, Debug)]
pub(super) enum Patience {
    /// After so many attempts, one after the other.
    Attempts(u32),
    /// After so long a time.
    Age(Span),
}

/// The task.
#[derive(Debug)]
pub(super) struct Courier {
    pub(super) manner: Manner,
    pub(super) channel: Channel,
    pub(super) body: Body,
    pub(super) particulars: Particulars,
    pub(super) outbox: Arc<Outbox>,
    pub(super) undelivered: Arc<UndeliveredFile>,
    pub(super) clock: Clock,
    pub(super) permit: Option<Permit>,
    pub(super) fallback: Option<Fallback>,
    pub(super) failures: u32,
    pub(super) rng: Xoshiro256PlusPlus,
}

/// Who is told as well what a receiver does not take.
#[derive(Clone, Debug)]
pub(super) struct Fallback {
    after: Span,
    outboxes: Vec<Arc<Outbox>>,
}

impl Fallback {
    /// Gives it to all but those that it consists of.
    pub(super) fn give(fallback: &Escalation, couriers: &mut [Courier]) {
        let is_of_it = |courier: &Courier| fallback.to.contains(&courier.manner.name);
        let of_it = couriers.iter().filter(|courier| is_of_it(courier));
        let outboxes = of_it.map(|courier| Arc::clone(&courier.outbox)).collect();
        let fallback_of = Self { after: fallback.after, outboxes };
        for courier in couriers.iter_mut().filter(|courier| !is_of_it(courier)) {
            courier.fallback = Some(fallback_of.clone());
        }
    }

    fn tell(&self, notice: &Arc<Notice>, now: Timestamp) {
        for outbox in &self.outboxes {
            if let Some(dropped) = outbox.push(Waiting::new(Arc::clone(notice), now)) {
                outbox.lost(&dropped.notice, UndeliveredReason::Overflow);
            }
        }
    }
}

impl Manner {
    pub(super) fn webhook(config: &WebhookConfig) -> Self {
        let patience = Patience::Attempts(config.attempts_max.max(1));
        let (backoff_min, backoff_max) = (config.backoff_min, config.backoff_max);
        Self { name: config.name.clone(), backoff_min, backoff_max, patience }
    }

    pub(super) fn receiver(config: &ReceiverConfig) -> Self {
        let micros = i64::try_from(config.give_up_after.as_micros()).unwrap_or(i64::MAX);
        let patience = Patience::Age(Span::from_micros(micros));
        let (backoff_min, backoff_max) = (config.backoff_min, config.backoff_max);
        Self { name: config.name.clone(), backoff_min, backoff_max, patience }
    }
}

/// A source of jitter.
pub(super) fn jitter() -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::from_rng(OsRng).unwrap_or_else(|_| Xoshiro256PlusPlus::seed_from_u64(0))
}

impl Courier {
    pub(super) async fn run(mut self, closing: CancellationToken) {
        loop {
            let waiting = tokio::select! {
                biased;
                waiting = self.outbox.next() => waiting,
                () = closing.cancelled() => return,
            };
            if let Some(permit) = &self.permit {
                permit.passed().await;
            }
            if let Some(pause) = self.deliver(&waiting).await {
                self.clock.wait(pause).await;
            }
        }
    }

    /// Tries once what is first; how long to wait then, if it stays.
    async fn deliver(&mut self, waiting: &Waiting) -> Option<Duration> {
        let answer = self.attempt(waiting).await;
        let metrics = self.outbox.metrics();
        match answer.verdict {
            Verdict::Delivered => {
                metrics.attempt(Attempt::Delivered);
                self.failures = 0;
                self.outbox.pop();
                None
            }
            Verdict::Refused => {
                metrics.attempt(Attempt::Refused);
                self.give_up(waiting, UndeliveredReason::Refused, &answer);
                self.failures = 0;
                None
            }
            Verdict::Retry(asked) => self.failed(waiting, asked, &answer),
        }
    }

    fn failed(&mut self, waiting: &Waiting, asked: Option<Duration>, answer: &Answer) -> Option<Duration> {
        let (attempts, now) = (self.outbox.tried(), self.clock.now());
        if let Some(fallback) = &self.fallback {
            for notice in self.outbox.hand_on(now - fallback.after) {
                fallback.tell(&notice, now);
            }
        }
        self.failures = self.failures.saturating_add(1);
        let given_up = match self.manner.patience {
            Patience::Attempts(max) => attempts >= max,
            Patience::Age(max) => now - waiting.since >= max,
        };
        if given_up {
            self.outbox.metrics().attempt(Attempt::Abandoned);
            self.give_up(waiting, UndeliveredReason::Abandoned, answer);
        } else {
            self.outbox.metrics().attempt(Attempt::Retried);
        }
        match self.manner.patience {
            // The next alert has attempts of its own.
            Patience::Attempts(_) if given_up => {
                self.failures = 0;
                return None;
            }
            Patience::Age(_) if !given_up && attempts.is_multiple_of(TRIES_IN_FRONT) => self.outbox.put_back(),
            _ => {}
        }
        let own = backoff::pause(self.failures, self.manner.backoff_min, self.manner.backoff_max, &mut self.rng);
        Some(own.max(asked.unwrap_or(Duration::ZERO)))
    }

    async fn attempt(&self, waiting: &Waiting) -> Answer {
        let (notice, now) = (&*waiting.notice, self.clock.now());
        let (receiver, alert) = (&self.manner.name, &notice.alert.id);
        let body = match self.body.render(notice, &self.particulars, now) {
            Ok(body) => body,
            Err(error) => {
                tracing::error!(receiver, alert, %error, "an alert cannot be written down for a receiver");
                return Answer { verdict: Verdict::Refused, status: None, said: format!("body: {error}") };
            }
        };
        let content_type = self.body.content_type();
        let answer = self.channel.send(Outgoing { notice, body: &body, content_type, now }).await;
        if answer.verdict != Verdict::Delivered {
            let (status, said) = (answer.status, &answer.said);
            tracing::warn!(receiver, alert, status, said, "a receiver did not take an alert");
        }
        answer
    }

    /// Keeps what was not taken, then lets it go.
    fn give_up(&self, waiting: &Waiting, reason: UndeliveredReason, answer: &Answer) {
        let notice = &*waiting.notice;
        self.outbox.lost(notice, reason);
        let handed_on = self.outbox.peek().is_some_and(|first| first.handed_on);
        if let Some(fallback) = self.fallback.as_ref().filter(|_| !handed_on && notice.cause != Cause::Repeated) {
            fallback.tell(&waiting.notice, self.clock.now());
        }
        let attempts = waiting.attempts.saturating_add(1);
        let lost = Undelivered::new(reason, &self.manner.name, notice, self.clock.now(), attempts);
        self.undelivered.write(&Undelivered { status: answer.status, said: &answer.said, ..lost });
        self.outbox.pop();
    }
}
