//! How high a count rises on a day: a batch of new payees, refunds to the same customer, whatever comes in bursts.
//!
//! The highest value of each day, days without any included, is taken as negative binomial, fitted by weighted mean and
//! variance (Greenwood and Yule, *Journal of the Royal Statistical Society* 83, 1920): a count whose rate varies from
//! day to day itself. A record alone would not do: the first batch of three after a month of none is no wonder. What
//! the record reaches is no wonder either, whatever the distribution says: there it is one day in so many. The mean
//! holds [`PRIOR_COUNTS`] that were never seen, so that nothing is impossible after a quiet history.
//!
//! 24 bytes. Blind spot: a rise slow enough to be learned day by day; that is creep, which others look for.

use serde::{Deserialize, Serialize};
use statrs::distribution::{DiscreteCDF, NegativeBinomial};

use super::forget;

/// Counts added to the history as if seen. More make the first bursts of a quiet history less surprising.
const PRIOR_COUNTS: f64 = 0.3;

/// History of a day's highest count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DailyPeak {
    today: u32,
    days: f32,
    sum: f32,
    squares: f32,
    /// Highest day of the window, and its weight.
    record: u32,
    record_weight: f32,
}

impl DailyPeak {
    /// Notes that a count stood that high today.
    pub fn note(&mut self, count: u32) {
        self.today = self.today.max(count);
    }

    /// Notes a count that is doubted: of one beyond twice the record, only so much that a new habit is adopted in days.
    pub fn note_doubted(&mut self, count: u32) {
        self.note(count.min(2 * (self.record + 4)));
    }

    /// Closes the day and moves on by `passed` days, of which all but the first had none.
    pub fn roll(&mut self, passed: i32, window_days: f64) {
        if passed <= 0 {
            return;
        }
        let factor = forget(f64::from(passed), window_days) as f32;
        let peak = self.today as f32;
        // The days between weigh as if each had been closed in its turn.
        let daily = forget(1.0, window_days);
        let between = (daily - f64::from(factor)) / (1.0 - daily) * f64::from(u8::from(passed > 1));
        self.days = (self.days + 1.0) * factor + between as f32;
        self.sum = (self.sum + peak) * factor;
        self.squares = (self.squares + peak * peak) * factor;
        if self.today > 0 && self.today >= self.record {
            (self.record, self.record_weight) = (self.today, 1.0);
        }
        self.record_weight *= factor;
        if f64::from(self.record_weight) < forget(window_days, window_days) {
            self.record = 0;
        }
        self.today = 0;
    }

    /// A history of as many days, on which there was nothing.
    #[must_use]
    pub fn quiet(&self) -> Self {
        Self { days: self.days, ..Self::default() }
    }

    /// The usual height; `None` before the first whole day.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.days > 0.0).then(|| f64::from(self.sum) / f64::from(self.days))
    }

    /// Probability that a day's count rises at least that high; 1 before the first whole day.
    #[must_use]
    pub fn p_at_least(&self, count: u32, dispersion_min: f64) -> f64 {
        let days = f64::from(self.days);
        if count == 0 || days < 1.0 {
            return 1.0;
        }
        let mean = (f64::from(self.sum) + PRIOR_COUNTS) / days;
        if f64::from(count) <= mean {
            return 1.0;
        }
        let variance = (f64::from(self.squares) / days - mean * mean).max(0.0) + mean / days;
        let variance = variance.max(mean * dispersion_min);
        let counts = NegativeBinomial::new(mean * mean / (variance - mean), mean / variance);
        let least = if count <= self.record { 1.0 / (days + 1.0) } else { f64::MIN_POSITIVE };
        counts.map_or(1.0, |counts| counts.sf(u64::from(count) - 1).max(least))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_is_as_small_as_it_says() {
        assert_eq!(size_of::<DailyPeak>(), 24);
    }

    fn days(peaks: impl IntoIterator<Item = u32>) -> DailyPeak {
        let mut history = DailyPeak::default();
        for peak in peaks {
            history.note(peak);
            history.roll(1, 28.0);
        }
        history
    }

    #[test]
    fn a_burst_surprises_those_who_have_none() {
        let (quiet, bursts) = (days([0; 28]), days((0..28).map(|day| if day % 7 == 0 { 30 } else { 0 })));
        assert!(quiet.p_at_least(2, 1.5) > 1e-3 && quiet.p_at_least(8, 1.5) < 1e-5);
        assert!(bursts.p_at_least(30, 1.5) > 0.05);
        assert!((DailyPeak::default().p_at_least(9, 1.5) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_quiet_history_is_one_of_days_without_any() {
        assert_eq!(days([3, 0, 7, 1]).quiet(), days([0; 4]));
        assert_eq!(DailyPeak::default().quiet(), DailyPeak::default());
    }

    proptest! {
        #[test]
        fn days_without_any_are_the_same_one_by_one_or_at_once(peak in 0..50_u32, passed in 1..60_i32) {
            let (mut once, mut each) = (days([3, peak]), days([3, peak]));
            once.note(peak);
            each.note(peak);
            once.roll(passed, 28.0);
            (0..passed).for_each(|_| each.roll(1, 28.0));
            let near = |a: f32, b: f32| (a - b).abs() <= 1e-3 * (1.0 + a.abs());
            prop_assert!(near(once.days, each.days) && near(once.sum, each.sum) && near(once.squares, each.squares));
        }

        #[test]
        fn p_is_a_probability_and_falls(peaks in proptest::collection::vec(0..500_u32, 0..60), count in 0..1_000_u32) {
            let history = days(peaks);
            let (near, far) = (history.p_at_least(count, 1.5), history.p_at_least(count + 7, 1.5));
            prop_assert!(0.0 < far && far <= near + 1e-12 && near <= 1.0);
        }
    }
}
