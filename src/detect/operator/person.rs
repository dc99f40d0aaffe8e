//! What is usual for one operator.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::{Act, Facet, Odd};
use crate::detect::profile::Profile;
use crate::event::Text;
use crate::stats::daily_peak::DailyPeak;
use crate::stats::hours::HourDensity;
use crate::stats::novelty::Novelty;
use crate::stats::{fingerprint, forget};

/// Evidence ids of a day. More would not fit the alert.
const EVENTS_MAX: usize = 20;
/// Bots of a day that are told apart. What is beyond is a burst already.
const BOTS_MAX: usize = 1_024;

/// Trust from which an act says what is usual.
pub(super) const TRUSTED: f64 = 0.5;

/// How often something is there, and how often not, weighted by age.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Share {
    with: f32,
    without: f32,
}

impl Share {
    pub(super) fn note(&mut self, there: bool) {
        *(if there { &mut self.with } else { &mut self.without }) += 1.0;
    }

    pub(super) fn forget(&mut self, factor: f64) {
        (self.with, self.without) = (self.with * factor as f32, self.without * factor as f32);
    }

    pub(super) fn total(self) -> f64 {
        f64::from(self.with + self.without)
    }

    /// Probability that the next one is without, by Krichevsky and Trofimov's rule.
    pub(super) fn p_without(self) -> f64 {
        (f64::from(self.without) + 0.5) / (self.total() + 1.0)
    }

    /// The same, for one of a group, whose probability counts as so many of its own (a beta prior).
    pub(super) fn p_without_among(self, group: Self, weight: f64) -> f64 {
        (f64::from(self.without) + weight * group.p_without()) / (self.total() + weight)
    }
}

/// One operator.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Person {
    pub name: Text,
    /// Days on which the operator acted, by trust and age, and counted; the last of them.
    pub days: f32,
    pub seen: u16,
    pub last_day: i32,
    /// Whether an act was ever trusted; whose acts were only doubted is still a stranger.
    pub trusted: bool,
    pub actions: Novelty,
    pub bots: Novelty,
    hosts: Novelty,
    networks: Novelty,
    pub hours: HourDensity,
    pub ticket: Share,
    pub factor: Share,
    pub peak: DailyPeak,
    pub today: Today,
}

/// What an operator did on the last day at work.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Today {
    bots: SmallVec<[u64; 2]>,
    pub acts: u32,
    pub bare: u32,
    /// Number of bots at which a burst was told last.
    pub told: u32,
    pub events: SmallVec<[Text; 1]>,
}

impl Today {
    /// Bots reached, an act counted in.
    pub(super) fn with(&self, bot: &str) -> u32 {
        self.bots.len() as u32 + u32::from(!self.bots.contains(&fingerprint(&[bot])))
    }

    pub(super) fn note(&mut self, act: &Act<'_>) {
        let bot = fingerprint(&[act.bot]);
        if !self.bots.contains(&bot) && self.bots.len() < BOTS_MAX {
            self.bots.push(bot);
        }
        self.acts += 1;
        self.bare += u32::from(act.bare);
        if self.events.len() < EVENTS_MAX {
            self.events.push(Text::from(act.id));
        }
    }
}

impl Person {
    pub(super) fn new(name: &str) -> Self {
        Self { name: Text::from(name), last_day: i32::MIN, ..Self::default() }
    }

    /// Moves to a day: what was before weighs less.
    pub(super) fn roll(&mut self, day: i32, memory_days: i32) {
        let passed = day.saturating_sub(self.last_day);
        if self.seen == 0 || passed <= 0 {
            return;
        }
        let factor = forget(f64::from(passed), f64::from(memory_days));
        self.days *= factor as f32;
        for values in [&mut self.actions, &mut self.bots, &mut self.hosts, &mut self.networks] {
            values.forget(factor, day - memory_days);
        }
        self.hours.forget(factor);
        self.ticket.forget(factor);
        self.factor.forget(factor);
        self.peak.roll(passed, f64::from(memory_days));
        self.today = Today::default();
    }

    /// The facets of an act that are a matter of the operator's own habits.
    pub(super) fn facets(&self, act: &Act<'_>, profile: &Profile) -> SmallVec<[Odd; 8]> {
        let (near, far, day) = (profile.novelty_prior(), profile.far_prior(), act.local.day);
        let odd = |facet, values: &Novelty, name: &str, prior| {
            let p = (-values.surprise(name, prior, day)).exp();
            Odd { facet, p, never: values.value(name).is_none() }
        };
        let told = |values: &Novelty| values.values().next().is_some();
        let mut facets = SmallVec::new();
        facets.push(odd(Facet::Action, &self.actions, act.action, near));
        facets.push(odd(Facet::Bot, &self.bots, act.bot, near));
        // Whoever's acts never told of a host may begin to.
        if let Some(host) = act.host.filter(|_| told(&self.hosts)) {
            facets.push(odd(Facet::Host, &self.hosts, host, near));
        }
        if let Some(network) = act.network.as_deref().filter(|_| told(&self.networks)) {
            facets.push(odd(Facet::Network, &self.networks, network, far));
        }
        facets
    }

    /// Learns an act. Says how many bounds cut something.
    pub(super) fn learn(&mut self, act: &Act<'_>, trust: f64, profile: &Profile) -> u64 {
        let (day, limits) = (act.local.day, &profile.operator);
        if day > self.last_day {
            (self.days, self.seen) = (self.days + trust as f32, self.seen.saturating_add(1));
            self.last_day = day;
        }
        self.trusted |= trust >= TRUSTED;
        let network = act.network.as_deref();
        let values = [
            (&mut self.actions, Some(act.action), limits.values_max),
            (&mut self.bots, Some(act.bot), limits.bots_max),
            (&mut self.hosts, act.host, limits.values_max),
            (&mut self.networks, network, limits.values_max),
        ];
        let mut limited = 0;
        for (values, name, max) in values {
            limited += u64::from(name.is_some_and(|name| values.learn(name, day, trust, max)));
        }
        self.hours.learn(act.local, trust);
        self.ticket.note(act.ticket);
        if let Some(given) = act.factor {
            self.factor.note(given);
        }
        self.today.note(act);
        let reached = self.today.bots.len() as u32;
        if trust >= TRUSTED {
            self.peak.note(reached);
        } else {
            self.peak.note_doubted(reached);
        }
        limited
    }

    pub(super) fn bytes(&self) -> usize {
        let values = [&self.actions, &self.bots, &self.hosts, &self.networks];
        size_of::<Self>()
            + values.iter().map(|values| values.heap_bytes()).sum::<usize>()
            + if self.today.bots.spilled() { self.today.bots.capacity() * size_of::<u64>() } else { 0 }
            + if self.today.events.spilled() { self.today.events.capacity() * size_of::<Text>() } else { 0 }
    }
}
