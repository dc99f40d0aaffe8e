//! How surprising a value is among those seen: hosts, networks, roles, operations.
//!
//! Days are the unit, not events: a job that calls one host a thousand times in an hour has learned one thing about
//! where it runs. The chance that a day brings an unseen value is Good and Turing's (Good, *Biometrika* 40, 1953): the
//! number of values seen on one day only, over the number of days, with a prior of `a` such days in `a + b`. So a fleet
//! that gets a fresh host name each morning expects one, and a bot pinned to its server for a month does not.
//! A value that is known surprises by its share of days. Values expire when unseen for the window; at most
//! `values_max` are kept, the one longest unseen goes first, and [`Novelty::learn`] says so.
//!
//! Blind spot: values that alternate with a period longer than the window look new each time.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::room;
use crate::event::{Text, same};

/// Values seen, by day; 56 bytes with the first value, and 40 for each if there are more, with names of up to 24 bytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Novelty {
    values: SmallVec<[Value; 1]>,
    /// Days on which anything was seen, weighted.
    days: f32,
    last_day: i32,
}

/// One value that was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Value {
    /// Its name.
    pub name: Text,
    /// Days on which it was seen, weighted by age and trust.
    pub days: f32,
    /// Days on which it was seen, counted.
    pub seen: u16,
    /// First of them.
    pub first_day: i32,
    /// Last of them.
    pub last_day: i32,
}

impl Value {
    /// Whether it is trusted.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.days >= DAYS_KNOWN_MIN
    }
}

/// The prior on unseen values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NoveltyPrior {
    /// Days with an unseen value, as if they had been observed.
    pub a: f64,
    /// Days without.
    pub b: f64,
    /// Weight of values that have been there all the time and were only not met yet.
    pub c: f64,
}

impl NoveltyPrior {
    /// Chance of an unseen value after `days` days of which `once` brought one that was seen on that day only.
    ///
    /// Good and Turing's estimate, or, where that is more, `c / ((n + 1)(n + 2))`: the chance that a value which is met
    /// on a share of days of which nothing is known (uniform on 0 to 1) comes today and never came in `n` days.
    #[must_use]
    pub fn chance(self, once: f64, days: f64) -> f64 {
        let seen = (once + self.a) / (days + self.a + self.b);
        seen.max(self.c / ((days + 1.0) * (days + 2.0))).min(1.0)
    }
}

/// Trust below which a value still counts as unseen: it was learned from flagged sessions only.
const DAYS_KNOWN_MIN: f32 = 0.5;

impl Novelty {
    /// The values, in order of first sight.
    pub fn values(&self) -> impl Iterator<Item = &Value> {
        self.values.iter()
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let spilled: usize = self.values.iter().filter(|v| v.name.is_heap_allocated()).map(|v| v.name.len()).sum();
        let room = if self.values.spilled() { self.values.capacity() * size_of::<Value>() } else { 0 };
        room + spilled
    }

    /// Whether a value is trusted.
    #[must_use]
    pub fn knows(&self, name: &str) -> bool {
        self.value(name).is_some_and(Value::is_known)
    }

    /// The value of a name.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.values.iter().find(|value| same(&value.name, name))
    }

    /// Chance that a day brings a value never seen before.
    #[must_use]
    pub fn p_new(&self, prior: NoveltyPrior, today: i32) -> f64 {
        let once = self.values.iter().filter(|v| v.seen == 1 && v.last_day < today);
        let once: f64 = once.map(|v| f64::from(v.days.min(1.0))).sum();
        prior.chance(once, f64::from(self.days))
    }

    /// Surprise of a value, in nats.
    #[must_use]
    pub fn surprise(&self, name: &str, prior: NoveltyPrior, today: i32) -> f64 {
        let p_new = self.p_new(prior, today);
        let share = self.value(name).map_or(0.0, |v| f64::from(v.days) / (f64::from(self.days) + 1.0));
        -(share.max(p_new).min(1.0)).ln()
    }

    /// Counts a value on a day, with a trust of 0 to 1. Says whether a bound made it drop another one.
    pub fn learn(&mut self, name: &str, day: i32, trust: f64, values_max: usize) -> bool {
        if day > self.last_day || self.days <= 0.0 {
            self.days += 1.0;
            self.last_day = self.last_day.max(day);
        }
        let trust = trust as f32;
        if let Some(value) = self.values.iter_mut().find(|value| same(&value.name, name)) {
            if day > value.last_day {
                value.days += trust;
                value.seen = value.seen.saturating_add(1);
                value.last_day = day;
            } else if value.days < trust {
                value.days = trust;
            }
            return false;
        }
        let full = self.values.len() >= values_max;
        if full && let Some(at) = (0..self.values.len()).min_by_key(|&i| self.values[i].last_day) {
            self.values.remove(at);
        }
        if self.values.len() == self.values.capacity() {
            let known = self.values.len();
            self.values.reserve_exact(room::<Value>(known + 1 + known / 4) - known);
        }
        self.values.push(Value { name: Text::from(name), days: trust, seen: 1, first_day: day, last_day: day });
        full
    }

    /// Takes somebody's word that a value is usual, as if it had been seen on so many days.
    pub fn vouch(&mut self, name: &str, day: i32, days: f32, values_max: usize) {
        if let Some(value) = self.values.iter_mut().find(|value| value.name == name) {
            value.days += days;
            value.last_day = value.last_day.max(day);
            return;
        }
        self.learn(name, day, 0.0, values_max);
        if let Some(value) = self.values.last_mut() {
            (value.days, value.seen) = (days, 0);
        }
    }

    /// Takes that word back; what is left of it after the forgetting is `days`.
    pub fn disown(&mut self, name: &str, days: f32) {
        let Some(at) = self.values.iter().position(|value| value.name == name) else { return };
        let value = &mut self.values[at];
        value.days = (value.days - days).max(0.0);
        if value.seen == 0 {
            self.values.remove(at);
        }
    }

    /// Forgets a value that was first seen on a day or later.
    pub fn unlearn(&mut self, name: &str, since_day: i32) {
        self.values.retain(|value| value.name != name || value.first_day < since_day);
    }

    /// Shrinks the weights and drops what has not been seen since `oldest_day`.
    pub fn forget(&mut self, factor: f64, oldest_day: i32) {
        self.days *= factor as f32;
        for value in &mut self.values {
            value.days *= factor as f32;
        }
        self.values.retain(|value| value.last_day >= oldest_day);
        let known = self.values.len();
        if self.values.spilled() && (known <= 1 || self.values.capacity() > known + known / 4 + 2) {
            self.values.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_as_small_as_it_says() {
        assert_eq!((size_of::<Value>(), size_of::<Novelty>()), (40, 56));
    }

    const PRIOR: NoveltyPrior = NoveltyPrior { a: 0.05, b: 5.0, c: 0.5 };

    fn month(host: impl Fn(i32) -> String) -> Novelty {
        let mut novelty = Novelty::default();
        for day in 1..=28 {
            novelty.forget(crate::stats::forget(1.0, 28.0), day - 28);
            novelty.learn(&host(day), day, 1.0, 64);
        }
        novelty
    }

    #[test]
    fn a_pinned_bot_is_surprised_by_a_new_host_and_an_autoscaled_one_is_not() {
        let pinned = month(|_| "srv-1".to_owned());
        let scaled = month(|day| format!("pod-{day}"));
        assert!(pinned.surprise("srv-2", PRIOR, 29) > 5.0);
        assert!(pinned.surprise("srv-1", PRIOR, 29) < 0.2);
        assert!(scaled.surprise("pod-29", PRIOR, 29) < 1.0);
    }

    #[test]
    fn what_was_learned_without_trust_is_still_new() {
        let mut pinned = month(|_| "srv-1".to_owned());
        pinned.learn("evil", 29, 0.05, 64);
        assert!(!pinned.knows("evil") && pinned.surprise("evil", PRIOR, 29) > 5.0);
        for day in 30..45 {
            pinned.learn("evil", day, 0.2, 64);
        }
        assert!(pinned.knows("evil"));
    }

    #[test]
    fn a_word_makes_a_value_known_and_leaves_nothing_when_it_is_taken_back() {
        let plain = month(|_| "srv-1".to_owned());
        let mut told = plain.clone();
        told.vouch("srv-2", 28, 4.0, 64);
        assert!(told.knows("srv-2") && told.surprise("srv-2", PRIOR, 29) < 2.0);
        assert_eq!(told.p_new(PRIOR, 29).to_bits(), plain.p_new(PRIOR, 29).to_bits(), "it came on no day");
        told.disown("srv-2", 4.0);
        assert_eq!(told, plain);
        told.vouch("srv-1", 28, 4.0, 64);
        told.disown("srv-1", 4.0);
        assert!(told.knows("srv-1"));
    }

    #[test]
    fn what_was_never_to_be_learned_is_unlearned() {
        let mut pinned = month(|_| "srv-1".to_owned());
        pinned.learn("evil", 28, 0.3, 64);
        pinned.unlearn("evil", 28);
        pinned.unlearn("srv-1", 28);
        assert!(pinned.value("evil").is_none() && pinned.knows("srv-1"));
    }

    #[test]
    fn the_bound_drops_the_value_longest_unseen() {
        let mut novelty = Novelty::default();
        assert!(!novelty.learn("a", 1, 1.0, 2));
        assert!(!novelty.learn("b", 2, 1.0, 2));
        assert!(novelty.learn("c", 3, 1.0, 2));
        assert!(!novelty.knows("a") && novelty.knows("b") && novelty.knows("c"));
        novelty.forget(1.0, 3);
        assert!(!novelty.knows("b"));
    }
}
