//! One open alert, and who has been told of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::super::matcher::Whose;
use super::super::mute::{Silence, silenced};
use super::super::notice::{Cause, Notice};
use super::super::route::Escalation;
use super::super::wire::Alert;
use super::Order;
use crate::time::{Span, Timestamp};

/// One open alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Story {
    /// What was told last.
    pub(super) notice: Notice,
    /// Who has been told, and when last.
    pub(super) sent: BTreeMap<String, Timestamp>,
    /// Who is to be told when, if nobody acknowledges.
    escalations: Vec<(Timestamp, Vec<String>)>,
    /// A silence holds this revision back.
    pub(super) held: Option<Alert>,
    /// Its age among the others.
    pub(super) number: u64,
}

impl Story {
    pub(super) fn new(alert: &Alert, whose: &Whose, number: u64) -> Self {
        let notice = Notice { team: whose.team.clone(), owner: whose.owner.clone(), ..Notice::new(alert.clone()) };
        Self { notice, sent: BTreeMap::new(), escalations: Vec::new(), held: None, number }
    }

    /// Takes a revision in that receivers are to be told of; those that know it are not told again.
    pub(super) fn worsen(
        &mut self,
        alert: &Alert,
        receivers: BTreeSet<String>,
        escalations: &[&Escalation],
        now: Timestamp,
    ) -> Vec<Order> {
        let first = self.sent.is_empty();
        let newer = first || alert.revision > self.notice.alert.revision;
        let before = self.notice.alert.severity;
        let worse = alert.severity > before;
        let severity_before = (!first && before != alert.severity).then_some(before);
        if newer {
            self.notice = Notice { alert: alert.clone(), cause: Cause::Published, ..self.notice.clone() };
        }
        if first || worse {
            self.notice.acknowledged_by = None;
            self.escalations = escalations.iter().map(|step| (now + step.after, step.to.clone())).collect();
        }
        self.held = None;
        let mut orders = Vec::new();
        for receiver in receivers {
            let known = self.sent.insert(receiver.clone(), now).is_some();
            if newer || !known {
                let severity_before = severity_before.filter(|_| known);
                orders.push(Order { receiver, notice: Notice { severity_before, ..self.notice.clone() } });
            }
        }
        orders
    }

    /// The end, for everybody who was told.
    pub(super) fn resolve(self, alert: &Alert, there: impl Fn(&str) -> bool) -> Vec<Order> {
        let before = self.notice.alert.severity;
        let severity_before = (before != alert.severity).then_some(before);
        let notice = Notice { alert: alert.clone(), cause: Cause::Published, severity_before, ..self.notice };
        let receivers = self.sent.into_keys().filter(|name| there(name));
        receivers.map(|receiver| Order { receiver, notice: notice.clone() }).collect()
    }

    /// Takes a revision in of which nobody is told.
    pub(super) fn pass(&mut self, alert: &Alert) {
        self.held = None;
        if alert.revision > self.notice.alert.revision {
            self.notice.alert = alert.clone();
        }
    }

    /// Somebody is at it. Once that is known, who it is is no news.
    pub(super) fn acknowledge(&mut self, by: &str, asks: impl Fn(&str) -> bool) -> Vec<Order> {
        self.escalations.clear();
        if self.notice.acknowledged_by.replace(by.to_owned()).is_some() {
            return Vec::new();
        }
        let notice = Notice { cause: Cause::Acknowledged, ..self.notice.clone() };
        let receivers = self.sent.keys().filter(|name| asks(name));
        receivers.map(|receiver| Order { receiver: receiver.clone(), notice: notice.clone() }).collect()
    }

    /// Tells those whose turn has come.
    pub(super) fn escalate(&mut self, now: Timestamp, there: impl Fn(&str) -> bool) -> Vec<Order> {
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.escalations).into_iter().partition(|(at, _)| *at <= now);
        self.escalations = later;
        let receivers: BTreeSet<String> = due.into_iter().flat_map(|(_, to)| to).filter(|name| there(name)).collect();
        let mut orders = Vec::new();
        for receiver in receivers {
            self.sent.insert(receiver.clone(), now);
            orders.push(Order { receiver, notice: Notice { cause: Cause::Escalated, ..self.notice.clone() } });
        }
        orders
    }

    /// Repeats it to those who forget.
    pub(super) fn repeat(&mut self, now: Timestamp, every: impl Fn(&str) -> Option<Span>) -> Vec<Order> {
        let mut orders = Vec::new();
        for (receiver, sent) in &mut self.sent {
            if every(receiver).is_some_and(|every| *sent + every <= now) {
                *sent = now;
                let notice = Notice { cause: Cause::Repeated, ..self.notice.clone() };
                orders.push(Order { receiver: receiver.clone(), notice });
            }
        }
        orders
    }

    /// Who answers for the bot, as it was known when the alert was raised.
    pub(super) fn whose(&self) -> Whose {
        Whose { team: self.notice.team.clone(), owner: self.notice.owner.clone() }
    }

    /// Until when a silence covers it, as far as it has come.
    pub(super) fn silenced_until(&self, silences: &[Silence], now: Timestamp) -> Option<Timestamp> {
        if silences.is_empty() {
            return None;
        }
        let alert = self.held.as_ref().unwrap_or(&self.notice.alert);
        silenced(silences, alert, &self.whose(), now).map(|silence| silence.until)
    }

    /// When something is due next; `silenced_until` puts off all that is news.
    pub(super) fn next_due(
        &self,
        every: impl Fn(&str) -> Option<Span>,
        silenced_until: Option<Timestamp>,
    ) -> Option<Timestamp> {
        let earliest = silenced_until.unwrap_or(Timestamp::MIN);
        let escalations = self.escalations.iter().map(|(at, _)| earliest.later(*at));
        let repeats = self.sent.iter().filter_map(|(name, sent)| Some(*sent + every(name)?));
        let held = self.held.iter().map(|_| earliest);
        escalations.chain(repeats).chain(held).min()
    }
}
