//! How far p-values may be believed: whoever has cried wolf is believed less.
//!
//! A p-value means that a share `α` of the days of a bot that is well shows one of at most `α`. Over many bots that can
//! be counted. Where it is more, `s`, their models promise too much (bots of few days, work that changes faster than a
//! window forgets), and mostly by too short a tail, which errs by more the farther out one looks: so all p-values are
//! raised to the power `ln s / ln α`, which makes `α` come true and `α²` become `s²`. A fleet whose models keep their
//! word is left alone, and none is believed more than it says.
//!
//! Days count by the trust in them, so that an incident hardly teaches that such p-values are usual. 8 bytes. Blind spot:
//! bots that are well known and changeable stand for those that are well known and calm.

use serde::{Deserialize, Serialize};

/// The p-value whose share of days is counted. Smaller: closer to what pages, and counted on fewer days.
const ALPHA: f64 = 0.03;
/// Days at most that odd as if they had been seen, among as many as it takes for their share to be right. More: a fleet
/// must have promised too much for longer.
const PRIOR_ODD: f64 = 1.0;
/// Least power. Less: a fleet in turmoil would page of nothing.
const POWER_MIN: f64 = 0.4;
/// A share beyond this says no more.
const SHARE_MAX: f64 = 0.9;

/// Days of many bots, and those with a p-value of at most 0.03.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Temper {
    odd: f32,
    all: f32,
}

impl Temper {
    /// The power to which p-values are raised, of 0.4 to 1.
    #[must_use]
    pub fn power(&self) -> f64 {
        let share = (f64::from(self.odd) + PRIOR_ODD) / (f64::from(self.all) + PRIOR_ODD / ALPHA);
        (share.min(SHARE_MAX).ln() / ALPHA.ln()).clamp(POWER_MIN, 1.0)
    }

    /// Counts a bot-day by its least p-value, as `-ln p`, with a weight of 0 to 1.
    pub fn learn(&mut self, oddness: f64, weight: f64) {
        self.all += weight as f32;
        if oddness >= -ALPHA.ln() {
            self.odd += weight as f32;
        }
    }

    /// Shrinks the history.
    pub fn forget(&mut self, factor: f64) {
        self.odd *= factor as f32;
        self.all *= factor as f32;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// After `all` days, one in `one_in` of which has p = 0.01.
    fn after(all: u32, one_in: u32) -> Temper {
        let mut temper = Temper::default();
        (0..all).for_each(|day| temper.learn(if day % one_in == 0 { 4.7 } else { 0.5 }, 1.0));
        temper
    }

    #[test]
    fn who_keeps_his_word_is_left_alone() {
        assert!((Temper::default().power() - 1.0).abs() < 1e-12);
        assert!((after(3000, 34).power() - 1.0).abs() < 1e-12);
        assert!((after(3000, 3001).power() - 1.0).abs() < 1e-12, "nor believed more");
    }

    #[test]
    fn who_promises_too_much_is_held_to_what_came() {
        let power = after(30_000, 10).power();
        assert!((0.03_f64.powf(power) - 0.1).abs() < 2e-3, "{power}");
        assert!((after(30_000, 1).power() - POWER_MIN).abs() < 1e-12, "at most so much");
        let mut forgotten = after(30_000, 10);
        forgotten.forget(1e-5);
        assert!(forgotten.power() > 0.95);
    }

    #[test]
    fn an_incident_teaches_little() {
        let mut temper = after(300, 34);
        let before = temper.power();
        (0..30).for_each(|_| temper.learn(20.0, 0.05));
        assert!(temper.power() > before - 0.06, "{} {}", before, temper.power());
    }

    proptest! {
        #[test]
        fn an_odd_day_never_raises_the_power(days in proptest::collection::vec((0.0..12.0_f64, 0.0..1.0_f64), 0..60)) {
            let mut temper = Temper::default();
            for (odd, weight) in days {
                temper.learn(odd, weight);
                let mut odder = temper;
                odder.learn(9.0, 1.0);
                prop_assert!(odder.power() <= temper.power() + 1e-9);
                prop_assert!((POWER_MIN..=1.0).contains(&temper.power()));
            }
        }
    }
}
