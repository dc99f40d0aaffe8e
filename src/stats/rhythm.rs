//! How fast somebody works: the time between two acts of a stretch of work, and how irregular that is.
//!
//! Of the gaps of one session two figures are kept on the log scale: the middle one (the median, so that one long wait
//! says nothing) and the mean distance from it, scaled to a standard deviation. A machine repeats both within a few percent;
//! a person is at it for seconds to minutes, unevenly. Whether a session is slower and less even than those before is
//! asked of each figure by the predictive Student's t of a normal sample with an unknown spread, `(x − mean) / (s √(1 + 1/n))`
//! with `n − 1` degrees of freedom; the two are taken together by Fisher's method, which holds as far as they do not
//! depend on each other. Spreads have floors: a steady history proves no more than that its pace is steady.
//!
//! 20 bytes. Blind spots: people who script; a machine whose server is slow and unsteady for the first time.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// Gaps without which a session says nothing.
const GAPS_MIN: usize = 7;
/// Shortest gap that is told apart, in seconds: what is shorter is a batch.
const GAP_SECS_MIN: f64 = 0.01;
/// Sessions that the history stands for at most. More: a new pace is learned later.
const SESSIONS_MAX: f32 = 64.0;
/// Sessions without which nothing is said.
const SESSIONS_MIN: f32 = 6.0;
/// Least spread of the middle gap between sessions, in log units. Smaller: a slow day of a steady machine surprises.
const LEVEL_FLOOR: f64 = 0.3;
/// The same of the gaps' unevenness.
const UNEVEN_FLOOR: f64 = 0.15;
/// Probability above which a session is faster than the middle one, or more even.
const MIDDLE: f64 = 0.5;
/// A normal sample's standard deviation over its mean distance from the middle, √(π/2).
const NORMAL: f64 = 1.253_314;

/// The pace of one session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Middle gap, as a logarithm of seconds.
    pub level: f64,
    /// Spread of the gaps on the log scale.
    pub uneven: f64,
}

/// The pace of sessions so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rhythm {
    sessions: f32,
    level: f32,
    level_variance: f32,
    uneven: f32,
    uneven_variance: f32,
}

impl Pace {
    /// The pace of acts at these times in seconds, ascending; `None` for too few.
    #[must_use]
    pub fn of(times: &[f64]) -> Option<Self> {
        let mut gaps: Vec<f64> = times.windows(2).map(|pair| (pair[1] - pair[0]).max(GAP_SECS_MIN).ln()).collect();
        if gaps.len() < GAPS_MIN {
            return None;
        }
        let middle = gaps.len() / 2;
        let (_, level, _) = gaps.select_nth_unstable_by(middle, f64::total_cmp);
        let level = *level;
        let distance: f64 = gaps.iter().map(|gap| (gap - level).abs()).sum();
        Some(Self { level, uneven: NORMAL * distance / gaps.len() as f64 })
    }

    /// Middle gap in seconds.
    #[must_use]
    pub fn seconds(self) -> f64 {
        self.level.exp()
    }
}

impl Rhythm {
    /// Probability of a session at least as slow and as uneven; 1 where it is not more of both, or too little is known.
    #[must_use]
    pub fn p_slower(&self, pace: Pace) -> f64 {
        if self.sessions < SESSIONS_MIN {
            return 1.0;
        }
        let level = self.tail(pace.level, self.level, self.level_variance, LEVEL_FLOOR);
        let uneven = self.tail(pace.uneven, self.uneven, self.uneven_variance, UNEVEN_FLOOR);
        if level > MIDDLE || uneven > MIDDLE {
            return 1.0;
        }
        let product = (level * uneven).max(f64::MIN_POSITIVE);
        (product * (1.0 - product.ln())).min(1.0)
    }

    /// Whether as many sessions were counted as it stands for, so that it can do with a part of those to come.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.sessions >= SESSIONS_MAX
    }

    /// Usual middle gap in seconds; `None` where too little is known.
    #[must_use]
    pub fn usual_seconds(&self) -> Option<f64> {
        (self.sessions >= SESSIONS_MIN).then(|| f64::from(self.level).exp())
    }

    /// Counts a session.
    pub fn learn(&mut self, pace: Pace) {
        self.sessions = (self.sessions + 1.0).min(SESSIONS_MAX);
        let share = self.sessions.recip();
        for (value, mean, variance) in [
            (pace.level as f32, &mut self.level, &mut self.level_variance),
            (pace.uneven as f32, &mut self.uneven, &mut self.uneven_variance),
        ] {
            let away = value - *mean;
            *mean += share * away;
            // West's update of an exponentially weighted variance; with a share of 1/n it is the sample's.
            *variance = (1.0 - share) * (*variance + share * away * away);
        }
    }

    fn tail(&self, value: f64, mean: f32, variance: f32, floor: f64) -> f64 {
        let n = f64::from(self.sessions);
        let sample = f64::from(variance) * n / (n - 1.0);
        let spread = (sample.max(floor * floor) * (1.0 + 1.0 / n)).sqrt();
        let t = (value - f64::from(mean)) / spread;
        StudentsT::new(0.0, 1.0, n - 1.0).map_or(1.0, |student| student.sf(t).clamp(f64::MIN_POSITIVE, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_is_as_small_as_it_says() {
        assert_eq!(size_of::<Rhythm>(), 20);
    }

    /// Uniform on 0 to 1.
    fn draw(state: &mut u64) -> f64 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((*state >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// Standard normal (Box and Muller).
    fn normal(state: &mut u64) -> f64 {
        (-2.0 * draw(state).ln()).sqrt() * (std::f64::consts::TAU * draw(state)).cos()
    }

    /// A session of so many gaps about a middle, log-normal.
    fn session(state: &mut u64, secs: f64, sigma: f64, gaps: usize) -> Pace {
        let mut times = vec![0.0];
        for nth in 0..gaps {
            times.push(times[nth] + secs * (sigma * normal(state)).exp());
        }
        Pace::of(&times).expect("enough gaps")
    }

    fn rhythm(state: &mut u64, secs: f64, sigma: f64) -> Rhythm {
        let mut rhythm = Rhythm::default();
        (0..40).for_each(|_| rhythm.learn(session(state, secs, sigma, 25)));
        rhythm
    }

    #[test]
    fn a_person_is_slower_and_less_even_than_a_machine_and_not_than_a_person() {
        let state = &mut 3;
        let (machine, human) = (rhythm(state, 2.0, 0.5), rhythm(state, 20.0, 1.0));
        let person = session(state, 22.0, 1.0, 25);
        assert!(machine.p_slower(person) < 1e-8 && human.p_slower(person) > 0.01);
        assert!((human.usual_seconds().expect("known") / 20.0).ln().abs() < 0.2);
        assert!((human.p_slower(session(state, 2.0, 0.5, 25)) - 1.0).abs() < 1e-9, "faster is no person");
        assert!((Rhythm::default().p_slower(person) - 1.0).abs() < 1e-9);
        assert_eq!(Pace::of(&[0.0, 1.0, 2.0, 3.0]), None);
    }

    #[test]
    fn machines_that_wander_stay_quiet() {
        let state = &mut 5;
        let mut rhythm = Rhythm::default();
        let paces = [(0.5, 0.4), (4.0, 0.9), (30.0, 1.1)];
        (0..60).for_each(|nth| rhythm.learn(session(state, paces[nth % 3].0, paces[nth % 3].1, 20)));
        assert!(rhythm.p_slower(session(state, 30.0, 1.1, 20)) > 0.01);
    }

    #[test]
    fn probabilities_mean_what_they_say() {
        let (state, mut below, mut all) = (&mut 11, [0_u32; 3], 0_u32);
        for machine in 0..200 {
            let secs = 0.2 * 1.02_f64.powi(machine);
            let mut rhythm = rhythm(state, secs, 0.6);
            for _ in 0..50 {
                let pace = session(state, secs, 0.6, 25);
                let p = rhythm.p_slower(pace);
                rhythm.learn(pace);
                all += 1;
                for (count, alpha) in below.iter_mut().zip([0.05, 0.01, 0.001]) {
                    *count += u32::from(p <= alpha);
                }
            }
        }
        for (count, alpha) in below.into_iter().zip([0.05, 0.01, 0.001]) {
            let share = f64::from(count) / f64::from(all);
            assert!(share <= 1.2 * alpha, "P(p <= {alpha}) is {share}");
        }
    }

    proptest! {
        #[test]
        fn it_is_a_probability(times in proptest::collection::vec(0.0..1e6_f64, 8..60)) {
            let mut times = times;
            times.sort_by(f64::total_cmp);
            let pace = Pace::of(&times).expect("enough gaps");
            let mut rhythm = Rhythm::default();
            (0..9).for_each(|_| rhythm.learn(pace));
            let p = rhythm.p_slower(Pace { level: pace.level + 1.0, uneven: pace.uneven + 0.5 });
            prop_assert!(0.0 < p && p <= 1.0);
        }
    }
}
