//! Alerts to receivers: who is told of what, decided by [`Told`] in the core, carried out by one task and one queue a
//! receiver, so that a hanging one delays neither the stream nor another.
//!
//! The same lock holds who has been told and hands over to the queues, so that a snapshot finds an escalation either still
//! to come or already in a queue, and never neither. One more task keeps the time: it escalates, repeats and lets through
//! what a silence held back.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::Client;
use prometheus::IntCounter;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::ack;
use super::channel::{Channel, ReceiverError};
use super::courier::{Courier, Fallback, Manner, jitter};
use super::guard::Lookup;
use super::letters::Letters;
use super::outbox::{Outbox, Waiting};
use super::permit::Permit;
use super::undelivered::{Undelivered, UndeliveredFile};
use crate::alert::body::{Body, Particulars};
use crate::alert::told::{AckError, Order, Outcome, Plan, Terms, Told};
use crate::alert::{Alert, Cause, Notice, Routing, Silence, Whose};
use crate::config::{ReceiverConfig, Service, WebhookConfig};
use crate::runtime::clock::Clock;
use crate::runtime::metrics::{ReceiverMetrics, UndeliveredReason};
use crate::runtime::store::format::OwedNotice;
use crate::time::{Span, Timestamp};

/// How long Alertmanager holds what it is not told again, in times that it is told: fewer would resolve alerts over a
/// lost message, more would keep them after our end.
const HOLD_TIMES: i64 = 4;
/// Time between two looks at what is due. Less would spend the machine on looking, more would be late.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Who is to be told, and how.
#[derive(Debug, Default)]
pub struct DispatchParams<'a> {
    /// Webhooks, which are told of everything of their severity.
    pub webhooks: &'a [WebhookConfig],
    /// Receivers, by the routes.
    pub receivers: &'a [ReceiverConfig],
    /// The routes.
    pub routing: Routing,
    /// What nobody is told of.
    pub silences: Vec<Silence>,
    /// The connection to NATS, if there is one.
    pub nats: Option<Client>,
    /// Acknowledgments arrive on `<prefix>.<tenant>`.
    pub ack_prefix: String,
    /// Directory of the file of what was not delivered.
    pub dir: Option<&'a Path>,
    /// The stream of it, in a cluster.
    pub letters: Option<Letters>,
    /// The clock.
    pub clock: Clock,
    /// How names are looked up; none as the machine does.
    pub lookup: Option<Lookup>,
    /// Whether others hear acknowledgments, too: then what we do not know of is theirs.
    pub one_of_many: bool,
    /// What everything that goes out passes, in a cluster.
    pub permit: Option<Permit>,
}

/// What an earlier run left.
#[derive(Clone, Debug, Default)]
pub struct Owed {
    /// What receivers have not taken yet.
    pub outbox: Vec<OwedNotice>,
    /// Who has been told of what.
    pub told: Told,
}

/// All receivers.
#[derive(Debug)]
pub struct Dispatch {
    desk: Arc<Desk>,
    tasks: JoinSet<()>,
    closing: CancellationToken,
}

/// What the tasks share.
#[derive(Debug)]
pub(super) struct Desk {
    plan: Plan,
    outboxes: BTreeMap<String, Arc<Outbox>>,
    told: Mutex<Told>,
    undelivered: Arc<UndeliveredFile>,
    clock: Clock,
    moved: Notify,
    silenced: BTreeMap<String, IntCounter>,
    one_of_many: bool,
    permit: Option<Permit>,
    metrics: ReceiverMetrics,
}

impl Dispatch {
    /// Starts a task for each receiver and queues what an earlier run still owed.
    ///
    /// # Errors
    /// A secret, an address, the HTTP client, or no thread can be started.
    pub fn start(params: DispatchParams<'_>, owed: Owed, metrics: &ReceiverMetrics) -> Result<Self, ReceiverError> {
        let undelivered = match params.letters.clone() {
            Some(letters) => UndeliveredFile::in_stream(letters),
            None => UndeliveredFile::new(params.dir)?,
        };
        let undelivered = Arc::new(undelivered);
        let mut couriers = couriers(&params, &undelivered, metrics)?;
        if let Some(fallback) = &params.routing.fallback {
            Fallback::give(fallback, &mut couriers);
        }
        let terms = terms(&params);
        let outboxes = couriers.iter().map(|c| (c.manner.name.clone(), Arc::clone(&c.outbox))).collect();
        let silenced = params.silences.iter().map(|s| (s.name.clone(), metrics.silence(&s.name))).collect();
        let listens = params.routing.escalates() || terms.values().any(|terms| terms.acknowledgments);
        let plan = Plan { receivers: terms, routing: params.routing, silences: params.silences };
        let desk = Arc::new(Desk {
            plan,
            outboxes,
            told: Mutex::new(owed.told),
            undelivered,
            clock: params.clock,
            moved: Notify::new(),
            silenced,
            one_of_many: params.one_of_many,
            permit: params.permit,
            metrics: metrics.clone(),
        });
        desk.begin(owed.outbox);
        let (mut tasks, closing) = (JoinSet::new(), CancellationToken::new());
        for courier in couriers {
            tasks.spawn(courier.run(closing.clone()));
        }
        tasks.spawn(Arc::clone(&desk).keep_time(closing.clone()));
        if let Some(client) = params.nats.filter(|_| listens) {
            tasks.spawn(ack::listen(client, params.ack_prefix, Arc::clone(&desk), closing.clone()));
        }
        Ok(Self { desk, tasks, closing })
    }

    /// Hands an alert to every receiver that is to be told. Never waits.
    pub fn offer(&self, alert: &Alert, whose: &Whose) {
        self.desk.offer(alert, whose);
    }

    /// Somebody is at an alert.
    ///
    /// # Errors
    /// There is no such open alert.
    pub fn acknowledge(&self, tenant: &str, id: &str, by: &str) -> Result<(), AckError> {
        self.desk.acknowledge(tenant, id, by)
    }

    /// Everything that is still owed.
    #[must_use]
    pub fn owed(&self) -> Owed {
        let told = self.desk.told();
        let owed = |(name, outbox): (&String, &Arc<Outbox>)| {
            let receiver = name.clone();
            outbox.all().into_iter().map(move |Waiting { notice, since, attempts, .. }| OwedNotice {
                receiver: receiver.clone(),
                notice: (*notice).clone(),
                since,
                attempts,
            })
        };
        Owed { outbox: self.desk.outboxes.iter().flat_map(owed).collect(), told: told.clone() }
    }

    /// The file of what was not delivered.
    #[must_use]
    pub fn undelivered(&self) -> Arc<UndeliveredFile> {
        Arc::clone(&self.desk.undelivered)
    }

    /// Goes on delivering until nothing is owed or the time is up, then ends the tasks.
    pub async fn drain(&mut self, deadline: Instant) {
        self.closing.cancel();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout_at(deadline, all).await.is_err() {
            self.tasks.shutdown().await;
            let owed: usize = self.desk.outboxes.values().map(|outbox| outbox.all().len()).sum();
            tracing::warn!(owed, "receivers did not take all alerts in time");
        }
    }
}

fn couriers(
    params: &DispatchParams<'_>,
    undelivered: &Arc<UndeliveredFile>,
    metrics: &ReceiverMetrics,
) -> Result<Vec<Courier>, ReceiverError> {
    let courier = |manner, channel, body, particulars, outbox| Courier {
        manner,
        channel,
        body,
        particulars,
        outbox: Arc::new(Outbox::new(outbox)),
        undelivered: Arc::clone(undelivered),
        clock: params.clock.clone(),
        permit: params.permit.clone(),
        fallback: None,
        failures: 0,
        rng: jitter(),
    };
    let mut couriers = Vec::new();
    for config in params.webhooks {
        let (manner, channel) = (Manner::webhook(config), Channel::webhook(config)?);
        couriers.push(courier(manner, channel, Body::plain(), Particulars::default(), metrics.webhook(&config.name)));
    }
    let lookup = params.lookup.clone().unwrap_or_else(Lookup::system);
    for config in params.receivers {
        let channel = Channel::receiver(config, &lookup, params.nats.as_ref())?;
        let (manner, body) = (Manner::receiver(config), config.body.clone());
        couriers.push(courier(manner, channel, body, particulars(config), metrics.outlet(&config.name)));
    }
    Ok(couriers)
}

/// What a receiver's body needs besides the notice.
pub(super) fn particulars(config: &ReceiverConfig) -> Particulars {
    let routing_key = config.routing_key.as_ref().map(|key| key.expose().to_owned()).unwrap_or_default();
    let repeat = config.repeat_every.map_or(Span::ZERO, span);
    Particulars { routing_key, hold: Span::from_micros(repeat.as_micros().saturating_mul(HOLD_TIMES)) }
}

fn span(duration: Duration) -> Span {
    Span::from_micros(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX))
}

fn terms(params: &DispatchParams<'_>) -> BTreeMap<String, Terms> {
    let webhook = |config: &WebhookConfig| {
        let min_severity = config.min_severity;
        let terms = Terms { min_severity, routed: false, repeat_every: None, acknowledgments: false };
        (config.name.clone(), terms)
    };
    let receiver = |config: &ReceiverConfig| {
        let terms = Terms {
            min_severity: config.min_severity,
            routed: true,
            repeat_every: config.repeat_every.map(span),
            acknowledgments: config.service == Service::PagerDuty,
        };
        (config.name.clone(), terms)
    };
    params.webhooks.iter().map(webhook).chain(params.receivers.iter().map(receiver)).collect()
}

impl Desk {
    /// Takes up what an earlier run owed.
    fn begin(&self, outbox: Vec<OwedNotice>) {
        for OwedNotice { receiver, notice, since, attempts } in outbox {
            let Some(outbox) = self.outboxes.get(&receiver) else {
                let (reason, now) = (UndeliveredReason::Gone, self.clock.now());
                self.undelivered.write(&Undelivered::new(reason, &receiver, &notice, now, attempts));
                continue;
            };
            // A webhook's alerts have all their attempts again.
            let aged = self.plan.receivers.get(&receiver).is_some_and(|terms| terms.routed);
            let attempts = if aged { attempts } else { 0 };
            self.drop_if_any(&receiver, outbox.push(Waiting { attempts, ..Waiting::new(Arc::new(notice), since) }));
        }
        self.next_due();
    }

    fn offer(&self, alert: &Alert, whose: &Whose) {
        let (mut told, now) = (self.told(), self.clock.now());
        let forgotten = told.forgotten();
        let (orders, outcome) = told.publish(alert, whose, &self.plan, now);
        self.metrics.forgotten.inc_by(told.forgotten() - forgotten);
        match &outcome {
            Outcome::Silenced(name) => {
                if let Some(counter) = self.silenced.get(name) {
                    counter.inc();
                }
                if let Some(Silence { owner, reason, until, .. }) = self.plan.silences.iter().find(|s| s.name == *name)
                {
                    tracing::info!(alert = alert.id, silence = name, owner, reason, %until, "an alert is silenced");
                }
            }
            Outcome::Unrouted => {
                self.metrics.unrouted.inc();
                tracing::warn!(alert = alert.id, "the routes lead nowhere for an alert");
            }
            Outcome::Told | Outcome::Known | Outcome::Unwanted => {}
        }
        self.carry_out(orders, now);
        drop(told);
        self.moved.notify_one();
    }

    pub(super) fn acknowledge(&self, tenant: &str, id: &str, by: &str) -> Result<(), AckError> {
        let mut told = self.told();
        let orders = told.acknowledge(tenant, id, by, &self.plan)?;
        self.carry_out(orders, self.clock.now());
        drop(told);
        tracing::info!(alert = id, by, "an alert is acknowledged");
        Ok(())
    }

    /// Whether what is not known here is not known at all.
    pub(super) fn knows_all(&self) -> bool {
        !self.one_of_many
    }

    pub(super) fn metrics(&self) -> &ReceiverMetrics {
        &self.metrics
    }

    /// Does what is due, until the closing.
    async fn keep_time(self: Arc<Self>, closing: CancellationToken) {
        loop {
            let due = self.next_due();
            let wait = async {
                match due {
                    Some(due) => self.clock.wait_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = closing.cancelled() => return,
                () = self.moved.notified() => continue,
                () = wait => {}
            }
            if let Some(permit) = &self.permit {
                tokio::select! {
                    () = closing.cancelled() => return,
                    () = permit.passed() => {}
                }
            }
            self.advance();
            tokio::select! {
                () = closing.cancelled() => return,
                () = self.clock.wait(LOOK_EVERY) => {}
            }
        }
    }

    /// When something is due next. Tells on the way of how many alerts somebody has heard.
    fn next_due(&self) -> Option<Timestamp> {
        let told = self.told();
        self.metrics.told.set(told.told() as i64);
        told.next_due(&self.plan, self.clock.now())
    }

    fn advance(&self) {
        let (mut told, now) = (self.told(), self.clock.now());
        let orders = told.advance(&self.plan, now);
        let escalated = orders.iter().filter(|order| order.notice.cause == Cause::Escalated).count();
        self.metrics.escalated.inc_by(escalated as u64);
        self.carry_out(orders, now);
    }

    /// Hands over to the queues; the lock on who has been told is held by the caller.
    fn carry_out(&self, orders: Vec<Order>, now: Timestamp) {
        for Order { receiver, notice } in orders {
            if let Some(outbox) = self.outboxes.get(&receiver) {
                let waiting = Waiting::new(Arc::new(notice), now);
                self.drop_if_any(&receiver, outbox.push(waiting));
            }
        }
    }

    /// Keeps what was pushed out of a full queue.
    fn drop_if_any(&self, receiver: &str, dropped: Option<Waiting>) {
        let Some(Waiting { notice, attempts, .. }) = dropped else { return };
        let (notice, reason): (&Notice, _) = (&notice, UndeliveredReason::Overflow);
        if let Some(outbox) = self.outboxes.get(receiver) {
            outbox.lost(notice, reason);
        }
        self.undelivered.write(&Undelivered::new(reason, receiver, notice, self.clock.now(), attempts));
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
