//! Who has been told of which alert: what is needed to resolve an alert where it was raised, to repeat it, to stop when
//! somebody acknowledges, and to escalate when nobody does.
//!
//! Pure: the instant, by the wall clock, comes with every call, and what is to be sent comes back as [`Order`]s. An alert
//! that is raised at noon and resolved at night is resolved at the desk that heard of it and nowhere else, whatever the
//! routes say by then, and one that nobody heard of is resolved nowhere. An acknowledgment holds until the alert gets
//! worse. While a silence covers an open alert, nothing of it is news to anybody: what gets worse waits, and so does an
//! escalation; whoever must be told again and again is, of what was told before. When the silence ends, or is taken out of
//! the settings, what waited goes on. Bounded: beyond [`STORIES_MAX`] open alerts the oldest is forgotten, its resolution then goes where
//! the routes say, and that is counted.

mod story;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::matcher::Whose;
use super::mute::{Silence, silenced};
use super::notice::Notice;
use super::route::{RoutedBy, Routing};
use super::wire::{Alert, AlertId, Severity, Status};
use crate::time::{Span, Timestamp};
pub use story::Story;

/// Open alerts that are remembered. More would let a flood fill the memory and the snapshot, about 2 KB each; fewer would
/// forget to resolve alerts of a bad day.
pub const STORIES_MAX: usize = 20_000;

/// What holds for a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Least severity that it is told of.
    pub min_severity: Severity,
    /// Whether it goes by the routes; else it is told of everything.
    pub routed: bool,
    /// How often what goes on is repeated.
    pub repeat_every: Option<Span>,
    /// Whether it is told of acknowledgments.
    pub acknowledgments: bool,
}

/// Everything that decides who is told.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Who there is.
    pub receivers: BTreeMap<String, Terms>,
    /// Routes.
    pub routing: Routing,
    /// Silences.
    pub silences: Vec<Silence>,
}

/// Something to send.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// To whom.
    pub receiver: String,
    /// What.
    pub notice: Notice,
}

/// What became of an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Somebody is told.
    Told,
    /// A silence of this name holds it back.
    Silenced(String),
    /// No receiver asks for alerts of its severity.
    Unwanted,
    /// The routes lead nowhere.
    Unrouted,
    /// Everybody has been told already.
    Known,
}

/// An acknowledgment that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AckError {
    /// No open alert has the id.
    #[error("no open alert of the tenant has this id")]
    Unknown,
}

/// Open alerts, and who has been told of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Told {
    stories: BTreeMap<AlertId, Story>,
    /// Ids by their number, from the oldest.
    ages: BTreeMap<u64, AlertId>,
    number: u64,
    /// Stories forgotten since the start.
    #[serde(skip)]
    forgotten: u64,
}

impl Told {
    /// Takes a published alert in: what to send, and what became of it.
    pub fn publish(&mut self, alert: &Alert, whose: &Whose, plan: &Plan, now: Timestamp) -> (Vec<Order>, Outcome) {
        match alert.status {
            Status::Firing => self.firing(alert, whose, plan, now),
            Status::Resolved => self.resolved(alert, whose, plan, now),
        }
    }

    fn firing(&mut self, alert: &Alert, whose: &Whose, plan: &Plan, now: Timestamp) -> (Vec<Order>, Outcome) {
        let known = self.stories.get(&alert.id);
        if known.is_some_and(|story| alert.revision < story.notice.alert.revision) {
            return (Vec::new(), Outcome::Known);
        }
        if let Some(silence) = silenced(&plan.silences, alert, whose, now) {
            self.story(alert, whose).held = Some(alert.clone());
            return (Vec::new(), Outcome::Silenced(silence.name.clone()));
        }
        let way = plan.routing.way(alert, whose, now);
        let mut receivers = plan.wanted(alert.severity, way.receivers.as_ref());
        receivers.extend(known.into_iter().flat_map(|story| story.sent.keys().cloned()));
        receivers.retain(|name| plan.receivers.contains_key(name));
        if receivers.is_empty() {
            // Another hour's routes could lead its end to somebody who never heard of it.
            if !plan.wanted(alert.severity, None).is_empty() {
                self.story(alert, whose).pass(alert);
            }
            let nowhere = way.receivers.as_ref().is_some_and(BTreeSet::is_empty) && way.by == [RoutedBy::Default];
            return (Vec::new(), if nowhere { Outcome::Unrouted } else { Outcome::Unwanted });
        }
        let orders = self.story(alert, whose).worsen(alert, receivers, &way.escalations, now);
        let outcome = if orders.is_empty() { Outcome::Known } else { Outcome::Told };
        (orders, outcome)
    }

    fn resolved(&mut self, alert: &Alert, whose: &Whose, plan: &Plan, now: Timestamp) -> (Vec<Order>, Outcome) {
        let Some(story) = self.stories.remove(&alert.id) else {
            // Raised before there was a memory of it: whoever would be told of it is told of its end.
            return unknown_resolved(alert, whose, plan, now);
        };
        self.ages.remove(&story.number);
        if story.sent.is_empty() {
            return (Vec::new(), Outcome::Known);
        }
        (story.resolve(alert, |name| plan.receivers.contains_key(name)), Outcome::Told)
    }

    /// Somebody is at an alert: nothing escalates, and receivers that ask for it are told.
    ///
    /// # Errors
    /// There is no such open alert.
    pub fn acknowledge(&mut self, tenant: &str, id: &str, by: &str, plan: &Plan) -> Result<Vec<Order>, AckError> {
        let story = self.stories.get_mut(id).filter(|story| story.notice.alert.tenant == tenant);
        let story = story.ok_or(AckError::Unknown)?;
        Ok(story.acknowledge(by, |name| plan.receivers.get(name).is_some_and(|terms| terms.acknowledgments)))
    }

    /// Does what is due: lets through what a silence held back, escalates, and repeats.
    pub fn advance(&mut self, plan: &Plan, now: Timestamp) -> Vec<Order> {
        let mut orders = Vec::new();
        let free = |story: &mut Story| {
            let free = story.silenced_until(&plan.silences, now).is_none();
            free.then(|| story.held.take()).flatten().map(|alert| (alert, story.whose()))
        };
        let freed: Vec<_> = self.stories.values_mut().filter_map(free).collect();
        for (alert, whose) in freed {
            orders.extend(self.firing(&alert, &whose, plan, now).0);
        }
        for story in self.stories.values_mut() {
            if story.silenced_until(&plan.silences, now).is_none() {
                orders.extend(story.escalate(now, |name| plan.receivers.contains_key(name)));
            }
            orders.extend(story.repeat(now, |name| plan.receivers.get(name).and_then(|terms| terms.repeat_every)));
        }
        orders
    }

    /// When something is due next, which may be now.
    #[must_use]
    pub fn next_due(&self, plan: &Plan, now: Timestamp) -> Option<Timestamp> {
        let every = |name: &str| plan.receivers.get(name).and_then(|terms| terms.repeat_every);
        let due = |story: &Story| story.next_due(every, story.silenced_until(&plan.silences, now));
        self.stories.values().filter_map(due).min()
    }

    /// Open alerts of which somebody has been told.
    #[must_use]
    pub fn told(&self) -> usize {
        self.stories.values().filter(|story| !story.sent.is_empty()).count()
    }

    /// Open alerts that are remembered, those of which nobody has been told among them.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.stories.len()
    }

    /// How many were forgotten since the start because there were too many.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// The story of an alert, begun where there is none.
    fn story(&mut self, alert: &Alert, whose: &Whose) -> &mut Story {
        if !self.stories.contains_key(&alert.id) {
            if self.stories.len() >= STORIES_MAX
                && let Some((_, oldest)) = self.ages.pop_first()
            {
                self.stories.remove(&oldest);
                self.forgotten += 1;
            }
            self.number += 1;
            self.ages.insert(self.number, alert.id.clone());
        }
        let number = self.number;
        self.stories.entry(alert.id.clone()).or_insert_with(|| Story::new(alert, whose, number))
    }
}

/// The end of an alert of which nothing is remembered.
fn unknown_resolved(alert: &Alert, whose: &Whose, plan: &Plan, now: Timestamp) -> (Vec<Order>, Outcome) {
    if let Some(silence) = silenced(&plan.silences, alert, whose, now) {
        return (Vec::new(), Outcome::Silenced(silence.name.clone()));
    }
    let way = plan.routing.way(alert, whose, now);
    let receivers = plan.wanted(alert.severity, way.receivers.as_ref());
    let notice = Notice { team: whose.team.clone(), owner: whose.owner.clone(), ..Notice::new(alert.clone()) };
    let outcome = if receivers.is_empty() { Outcome::Unwanted } else { Outcome::Told };
    (receivers.into_iter().map(|receiver| Order { receiver, notice: notice.clone() }).collect(), outcome)
}

impl Plan {
    /// Receivers that are to be told of an alert of a severity: those on its way, and those that are told of everything.
    fn wanted(&self, severity: Severity, way: Option<&BTreeSet<&str>>) -> BTreeSet<String> {
        let on_way = |name: &str| way.is_none_or(|names| names.contains(name));
        let wanted =
            |(name, terms): &(&String, &Terms)| severity >= terms.min_severity && (!terms.routed || on_way(name));
        self.receivers.iter().filter(wanted).map(|(name, _)| name.clone()).collect()
    }
}

#[cfg(test)]
mod tests;
