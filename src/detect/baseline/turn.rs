//! What the turns of a month do to a bot: a memory of thirteen months, for whoever has closed books before.
//!
//! On days at the turn, the level of a session and the number of sessions are held against those of other days. A bot
//! that moved no more at the turns that are remembered is allowed little at the next one; one that has not lived through
//! a turn yet, or that works at turns only, is allowed all. A quarter's end may outgrow a month's: what is allowed is a
//! factor of the profile, and only how much of it comes from here.
//!
//! 12 bytes. Blind spot: whoever closes books at a quarter's end only is allowed little at its first one.

use serde::{Deserialize, Serialize};

use crate::stats::forget;

/// Days for which turns are remembered.
const MEMORY_DAYS: f64 = 395.0;
/// Turn days at work from which one can say.
const KNOWN_DAYS: f32 = 2.5;
/// Mean rise at the turn, in nats, from which all is allowed: a rise by half on two days of five.
const FULL_NATS: f64 = 0.13;
/// Share that is allowed whatever is remembered.
const SHARE_MIN: f64 = 0.25;

/// What is remembered of the days at the turn of a month.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::detect) struct Turns {
    days: f32,
    moved: f32,
    sessions: f32,
}

impl Turns {
    /// Notes a day at the turn: how far sessions moved more than on other days, and how far there were more, in nats.
    pub(super) fn note(&mut self, moved: f64, sessions: f64) {
        self.days += 1.0;
        self.moved += moved as f32;
        self.sessions += sessions.max(0.0) as f32;
    }

    /// Share of the allowance for volumes that it needs at a turn, 0 to 1.
    pub(in crate::detect) fn volume_share(&self) -> f64 {
        self.share(self.moved)
    }

    /// Share of the allowance for the number of sessions.
    pub(in crate::detect) fn rate_share(&self) -> f64 {
        self.share(self.sessions)
    }

    /// Forgets on event time.
    pub(super) fn forget(&mut self, days: f64) {
        let factor = forget(days, MEMORY_DAYS) as f32;
        for sum in [&mut self.days, &mut self.moved, &mut self.sessions] {
            *sum *= factor;
        }
    }

    fn share(&self, sum: f32) -> f64 {
        if self.days < KNOWN_DAYS {
            return 1.0;
        }
        (f64::from(sum / self.days) / FULL_NATS).clamp(SHARE_MIN, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_as_small_as_it_says() {
        assert_eq!(size_of::<Turns>(), 12);
    }

    #[test]
    fn who_closes_books_is_allowed_all_and_who_does_not_little() {
        let mut turns = Turns::default();
        assert!((turns.volume_share() - 1.0).abs() < 1e-9, "nothing is known");
        for day in 0..5 {
            turns.note(if day < 2 { 0.5 } else { -0.1 }, 0.0);
        }
        assert!((turns.volume_share() - 1.0).abs() < 1e-9);
        assert!((turns.rate_share() - SHARE_MIN).abs() < 1e-9);
        turns.forget(330.0);
        assert!(turns.volume_share() > 0.99, "next year's turn finds nothing known");
    }
}
