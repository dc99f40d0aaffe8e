//! The operators of one tenant: each of them, and what is usual for all.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::person::{Person, Share, TRUSTED};
use super::{Act, Burst, Facet, Odd, Reading, Second};
use crate::detect::profile::Profile;
use crate::event::Text;
use crate::stats::combine::harmonic;
use crate::stats::daily_peak::DailyPeak;
use crate::stats::hours::HourDensity;
use crate::stats::{fingerprint, forget};

/// Weight in days from which a bot is one of somebody's: what was only ever doubted stays below.
const DAYS_BOT_MIN: f32 = 0.2;
/// Names that are told as usual.
const USUAL_MAX: usize = 3;
/// Acts of a person, weighted by age and trust, from which it is known how many of them come without a ticket.
const ACTS_MIN: f64 = 5.0;

/// The operators of one tenant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Circle {
    today: i32,
    first_day: Option<i32>,
    /// Days with acts, weighted by age, and the last of them.
    days: f32,
    last_day: i32,
    hours: HourDensity,
    factor: Share,
    /// Most bots that one operator reached on a day.
    peak: DailyPeak,
    people: BTreeMap<u64, Person>,
}

impl Circle {
    /// Moves to a day of event time.
    pub(super) fn roll(&mut self, day: i32, profile: &Profile) {
        let passed = day.saturating_sub(self.today);
        if self.first_day.is_none() {
            (self.first_day, self.today, self.last_day) = (Some(day), day, day - 1);
            return;
        }
        if passed <= 0 {
            return;
        }
        let memory = profile.operator.memory_days;
        let factor = forget(f64::from(passed), f64::from(memory));
        self.days *= factor as f32;
        self.hours.forget(factor);
        self.factor.forget(factor);
        self.peak.roll(passed, f64::from(memory));
        self.people.retain(|_, person| person.last_day >= day - memory);
        self.today = day;
    }

    /// How unusual an act is.
    pub(super) fn read(&mut self, act: &Act<'_>, profile: &Profile) -> Reading {
        let memory = profile.operator.memory_days;
        if let Some(person) = self.people.get_mut(&fingerprint(&[act.by])) {
            person.roll(act.local.day, memory);
        }
        let known = self.people.get(&fingerprint(&[act.by]));
        let person = known.filter(|person| person.trusted);
        let mut facets = person.map_or_else(|| self.stranger(profile), |person| person.facets(act, profile));
        let nobody = HourDensity::default();
        let hours = person.map_or(&nobody, |person| &person.hours);
        facets.push(Odd { facet: Facet::Hour, p: hours.tail_mass(&self.hours, act.local), never: false });
        let burst = self.reached(act, known, profile);
        facets.push(Odd { facet: Facet::Bots, p: burst.p, never: false });
        let all: SmallVec<[f64; 8]> = facets.iter().map(|odd| odd.p).collect();
        // Somebody new is named wherever that is not usual.
        let bar = |odd: &Odd| match odd.facet {
            Facet::Newcomer => profile.operator.usual_p,
            _ => profile.operator.odd_p,
        };
        let mut odd: SmallVec<[Odd; 2]> = facets.into_iter().filter(|odd| odd.p <= bar(odd)).collect();
        odd.sort_by(|a, b| a.p.total_cmp(&b.p).then(a.facet.cmp(&b.facet)));
        let told = known.map_or(0, |person| person.today.told);
        let due = burst.bots >= profile.operator.burst_bots_min && burst.bots >= 2 * told;
        Reading {
            p: harmonic(&all).min(1.0),
            odd,
            second: self.second(act, person, profile),
            at: act.local,
            days: known.map_or(0, |person| person.seen),
            bare_share: person.map(|person| person.ticket).filter(|t| t.total() >= ACTS_MIN).map(Share::p_without),
            usual: person.map_or_else(|| self.names(), usual_actions),
            burst: (due && burst.p <= profile.operator.burst_p).then_some(burst),
        }
    }

    /// Learns an act, and makes room for whoever did it. Says how many bounds cut something.
    pub(super) fn learn(&mut self, act: &Act<'_>, trust: f64, profile: &Profile) -> u64 {
        let (day, print) = (act.local.day, fingerprint(&[act.by]));
        let mut limited = 0;
        let full = !self.people.contains_key(&print) && self.people.len() >= profile.operator.people_max;
        if full && let Some(least) = self.least_known(f64::from(profile.operator.memory_days)) {
            self.people.remove(&least);
            limited += 1;
        }
        let person = self.people.entry(print).or_insert_with(|| Person::new(act.by));
        limited += person.learn(act, trust, profile);
        let reached = person.today.with(act.bot);
        if trust >= TRUSTED {
            self.peak.note(reached);
        } else {
            self.peak.note_doubted(reached);
        }
        if day > self.last_day {
            (self.days, self.last_day) = (self.days + 1.0, day);
        }
        self.hours.learn(act.local, trust);
        if let Some(given) = act.factor {
            self.factor.note(given);
        }
        limited
    }

    /// Notes that a burst is told.
    pub(super) fn told(&mut self, by: &str, bots: u32) {
        if let Some(person) = self.people.get_mut(&fingerprint(&[by])) {
            person.today.told = bots;
        }
    }

    pub(super) fn of_bot(&self, bot: &str) -> Vec<&str> {
        let weight = |person: &Person| person.bots.value(bot).map_or(0.0, |value| value.days);
        let mut of: Vec<&Person> = self.people.values().filter(|person| weight(person) >= DAYS_BOT_MIN).collect();
        of.sort_by(|a, b| weight(b).total_cmp(&weight(a)).then_with(|| a.name.cmp(&b.name)));
        of.into_iter().map(|person| person.name.as_str()).collect()
    }

    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.people.values().map(|person| 64 + person.bytes()).sum::<usize>()
    }

    /// Who makes room: strangers before those whose acts were trusted, and of each the one who acted on the fewest days,
    /// by age. Whoever makes names up evicts those names, and one colleague at most.
    fn least_known(&self, memory_days: f64) -> Option<u64> {
        let days = |person: &Person| {
            let passed = f64::from(self.today.saturating_sub(person.last_day).max(0));
            if person.trusted {
                f64::from(person.days) * forget(passed, memory_days)
            } else {
                f64::from(person.last_day)
            }
        };
        let order = |(a, x): &(&u64, &Person), (b, y): &(&u64, &Person)| {
            x.trusted.cmp(&y.trusted).then(days(x).total_cmp(&days(y))).then(a.cmp(b))
        };
        self.people.iter().min_by(order).map(|(print, _)| *print)
    }

    /// What there is to say of somebody of whom nothing is known: how often somebody new comes.
    fn stranger(&self, profile: &Profile) -> SmallVec<[Odd; 8]> {
        let once = self
            .people
            .values()
            .filter(|person| person.trusted && person.seen == 1 && person.last_day < self.today)
            .count();
        let p = profile.novelty_prior().chance(once as f64, f64::from(self.days));
        SmallVec::from_iter([Odd { facet: Facet::Newcomer, p, never: true }])
    }

    /// How many bots the operator reaches today with this act.
    fn reached(&self, act: &Act<'_>, person: Option<&Person>, profile: &Profile) -> Burst {
        let limits = &profile.operator;
        let today = person.filter(|person| person.last_day == act.local.day).map(|person| &person.today);
        let bots = today.map_or(1, |today| today.with(act.bot));
        // Whoever was not seen for long enough is held against the busiest of all.
        let settled = |person: &&Person| person.seen >= limits.settled_days;
        let peak = person.filter(settled).map_or(&self.peak, |person| &person.peak);
        let old = self.first_day.is_some_and(|first| self.today - first >= limits.burst_days_min);
        let p = if old && bots > 1 { peak.p_at_least(bots, limits.dispersion_min) } else { 1.0 };
        Burst {
            bots,
            bare: today.map_or(0, |today| today.bare) + u32::from(act.bare),
            acts: today.map_or(0, |today| today.acts) + 1,
            mean: peak.mean().unwrap_or(0.0),
            p,
            events: today.map_or_else(Vec::new, |today| today.events.to_vec()),
        }
    }

    fn second(&self, act: &Act<'_>, person: Option<&Person>, profile: &Profile) -> Second {
        let least = profile.operator.factor_acts_min;
        let own = person.map(|person| person.factor).unwrap_or_default();
        let p = own.p_without_among(self.factor, least);
        match act.factor {
            Some(true) => Second::Given,
            Some(false) => Second::None { p },
            // A log that does not know second factors never names one.
            None if self.factor.total() >= least && p <= profile.operator.odd_p => Second::Unsaid { p },
            None => Second::Unknown,
        }
    }

    fn names(&self) -> Vec<Text> {
        let mut known: Vec<&Person> = self.people.values().filter(|person| person.trusted).collect();
        known.sort_by(|a, b| b.days.total_cmp(&a.days).then_with(|| a.name.cmp(&b.name)));
        known.iter().take(USUAL_MAX).map(|person| person.name.clone()).collect()
    }
}

fn usual_actions(person: &Person) -> Vec<Text> {
    let mut known: Vec<_> = person.actions.values().collect();
    known.sort_by(|a, b| b.days.total_cmp(&a.days).then_with(|| a.name.cmp(&b.name)));
    known.iter().take(USUAL_MAX).map(|value| value.name.clone()).collect()
}
