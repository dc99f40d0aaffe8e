//! How often somebody may try: after a few failures a name waits, twice as long with each further one.
//!
//! It is by name and not by address, since behind a proxy all addresses are one. Blind spot: whoever knows a name can make
//! its owner wait, for at most [`WAIT_MAX`]; sessions that are open are not touched by it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::runtime::clock;

/// Failures that cost no time.
const FREE: u32 = 5;
/// The first and the longest wait.
const WAIT_MIN: Duration = Duration::from_secs(2);
const WAIT_MAX: Duration = Duration::from_secs(15 * 60);
/// Names that are remembered; of more, the one with the fewest failures is forgotten, so that trying at many names does
/// not make one forgotten that is tried at often.
const NAMES_MAX: usize = 10_000;
/// Passwords that are checked at a time: each takes 19 MiB and a core.
const CHECKS_MAX: usize = 2;

/// Failures by name, each with the time of the last.
type Failures = HashMap<String, (u32, Instant)>;

/// Who failed, and who checks.
#[derive(Debug)]
pub(super) struct Throttle {
    failures: Mutex<Failures>,
    checks: Arc<Semaphore>,
}

impl Default for Throttle {
    fn default() -> Self {
        Self { failures: Mutex::default(), checks: Arc::new(Semaphore::new(CHECKS_MAX)) }
    }
}

impl Throttle {
    /// A turn to check a password, or how long the name has to wait. The attempt counts as a failure from here on: whoever
    /// guesses in parallel, or hangs up before the answer, gains nothing by it.
    pub(super) async fn turn(&self, name: &str) -> Result<OwnedSemaphorePermit, Duration> {
        may(&self.lock(), name)?;
        // It is never closed.
        let turn = Arc::clone(&self.checks).acquire_owned().await.map_err(|_| WAIT_MAX)?;
        let mut failures = self.lock();
        // Others may have failed in the meantime.
        may(&failures, name)?;
        fail(&mut failures, name);
        Ok(turn)
    }

    /// The password fitted: takes the failures back.
    pub(super) fn forgive(&self, name: &str) {
        self.lock().remove(name);
    }

    fn lock(&self) -> MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a name may try, or how long it has to wait.
fn may(failures: &Failures, name: &str) -> Result<(), Duration> {
    let Some((count, last)) = failures.get(name) else { return Ok(()) };
    let passed = clock::monotonic().saturating_duration_since(*last);
    match pause(*count).checked_sub(passed) {
        Some(wait) if !wait.is_zero() => Err(wait),
        _ => Ok(()),
    }
}

/// Notes a failure.
fn fail(failures: &mut Failures, name: &str) {
    let now = clock::monotonic();
    if let Some((count, last)) = failures.get_mut(name) {
        (*count, *last) = (count.saturating_add(1), now);
        return;
    }
    if failures.len() >= NAMES_MAX
        && let Some(least) = failures.iter().min_by_key(|(_, failed)| **failed).map(|(name, _)| name.clone())
    {
        failures.remove(&least);
    }
    failures.insert(name.to_owned(), (1, now));
}

/// The wait after so many failures.
fn pause(failures: u32) -> Duration {
    match failures.checked_sub(FREE) {
        None => Duration::ZERO,
        Some(more) => WAIT_MIN.saturating_mul(2_u32.saturating_pow(more)).min(WAIT_MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn failures_cost_time_and_success_forgives() {
        let throttle = Throttle::default();
        for _ in 0..FREE {
            drop(throttle.turn("ann").await.expect("free"));
        }
        assert_eq!(throttle.turn("ann").await.err(), Some(WAIT_MIN));
        assert!(throttle.turn("bob").await.is_ok());
        tokio::time::advance(WAIT_MIN).await;
        drop(throttle.turn("ann").await.expect("it has waited"));
        assert_eq!(throttle.turn("ann").await.err(), Some(2 * WAIT_MIN));
        throttle.forgive("ann");
        assert!(throttle.turn("ann").await.is_ok());
        assert_eq!(pause(u32::MAX), WAIT_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn guesses_in_parallel_are_no_more_than_guesses_in_a_row() {
        let throttle = Arc::new(Throttle::default());
        let guess = |_| {
            let throttle = Arc::clone(&throttle);
            tokio::spawn(async move {
                let turn = throttle.turn("ann").await;
                tokio::task::yield_now().await;
                turn.is_ok()
            })
        };
        let guesses: Vec<_> = (0..100).map(guess).collect();
        let mut checked = 0;
        for guess in guesses {
            checked += u32::from(guess.await.expect("ends"));
        }
        assert_eq!(checked, FREE);
    }

    #[tokio::test(start_paused = true)]
    async fn many_names_make_none_forgotten_that_is_tried_at_often() {
        let throttle = Throttle::default();
        for _ in 0..FREE {
            drop(throttle.turn("ann").await.expect("free"));
        }
        for n in 0..=NAMES_MAX {
            fail(&mut throttle.lock(), &n.to_string());
        }
        assert!(throttle.lock().len() <= NAMES_MAX);
        assert_eq!(throttle.turn("ann").await.err(), Some(WAIT_MIN));
    }
}
