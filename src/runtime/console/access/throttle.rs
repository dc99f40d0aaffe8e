//! How often somebody may try: after a few failures a name waits, twice as long with each further one.
//!
//! It is by name and not by address, since behind a proxy all addresses are one. Blind spot: whoever knows a name can make
//! its owner wait, for at most [`WAIT_MAX`]; sessions that are open are not touched by it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::runtime::clock;

/// Failures that cost no time.
const FREE: u32 = 5;
/// The first and the longest wait.
const WAIT_MIN: Duration = Duration::from_secs(2);
const WAIT_MAX: Duration = Duration::from_secs(15 * 60);
/// Names that are remembered; when there are more, all of them are tried at, and none is let in for a while.
const NAMES_MAX: usize = 10_000;
/// Passwords that are checked at a time: each takes 19 MiB and a core.
const CHECKS_MAX: usize = 2;

/// Failures by name.
#[derive(Debug)]
pub(super) struct Throttle {
    failures: Mutex<HashMap<String, (u32, Instant)>>,
    checks: Semaphore,
}

impl Default for Throttle {
    fn default() -> Self {
        Self { failures: Mutex::default(), checks: Semaphore::new(CHECKS_MAX) }
    }
}

impl Throttle {
    /// How long a name has to wait; none where it may try.
    pub(super) fn wait(&self, name: &str) -> Option<Duration> {
        let now = clock::monotonic();
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= NAMES_MAX {
            failures.retain(|_, (count, last)| now.saturating_duration_since(*last) < pause(*count));
            if failures.len() >= NAMES_MAX {
                return Some(WAIT_MIN);
            }
        }
        let (count, last) = *failures.get(name)?;
        pause(count).checked_sub(now.saturating_duration_since(last)).filter(|wait| !wait.is_zero())
    }

    /// Notes how an attempt ended.
    pub(super) fn note(&self, name: &str, fits: bool) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if fits {
            failures.remove(name);
            return;
        }
        let (count, last) = failures.entry(name.to_owned()).or_insert((0, clock::monotonic()));
        (*count, *last) = (count.saturating_add(1), clock::monotonic());
    }

    /// A turn to check a password.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.checks.acquire().await.ok()
    }
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
            assert_eq!(throttle.wait("ann"), None);
            throttle.note("ann", false);
        }
        assert_eq!((throttle.wait("ann"), throttle.wait("bob")), (Some(WAIT_MIN), None));
        tokio::time::advance(WAIT_MIN).await;
        assert_eq!(throttle.wait("ann"), None);
        throttle.note("ann", false);
        assert_eq!(throttle.wait("ann"), Some(2 * WAIT_MIN));
        throttle.note("ann", true);
        assert_eq!(throttle.wait("ann"), None);
        assert_eq!(pause(u32::MAX), WAIT_MAX);
    }
}
