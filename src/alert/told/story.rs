//! One open alert, and who has been told of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::super::matcher::Whose;
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
    /// A silence holds this revision back until then.
    pub(super) held_until: Option<(Timestamp, Alert)>,
    /// Its age among the others.
    pub(super) number: u64,
}

impl Story {
    pub(super) fn new(alert: &Alert, whose: &Whose, number: u64) -> Self {
        let notice = Notice { team: whose.team.clone(), owner: whose.owner.clone(), ..Notice::new(alert.clone()) };
        Self { notice, sent: BTreeMap::new(), escalations: Vec::new(), held_until: None, number }
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
        self.held_until = None;
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

    pub(super) fn acknowledge(&mut self, by: &str, asks: impl Fn(&str) -> bool) -> Vec<Order> {
        self.escalations.clear();
        self.notice.acknowledged_by = Some(by.to_owned());
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

    /// The revision that a silence held back until now.
    pub(super) fn freed(&mut self, now: Timestamp) -> Option<(Alert, Whose)> {
        let (_, alert) = self.held_until.take_if(|(until, _)| *until <= now)?;
        Some((alert, Whose { team: self.notice.team.clone(), owner: self.notice.owner.clone() }))
    }

    pub(super) fn next_due(&self, every: impl Fn(&str) -> Option<Span>) -> Option<Timestamp> {
        let escalations = self.escalations.iter().map(|(at, _)| *at);
        let repeats = self.sent.iter().filter_map(|(name, sent)| Some(*sent + every(name)?));
        let held = self.held_until.iter().map(|(until, _)| *until);
        escalations.chain(repeats).chain(held).min()
    }
}
