//! What a partition's receivers are told passes while its owner's lease is fresh: whoever was stopped and wakes, or is cut
//! off, tells nobody what the next owner tells.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::runtime::clock;

/// The permit; cloning shares it.
#[derive(Clone, Debug)]
pub struct Permit(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    renewed: Mutex<Instant>,
    opened: Notify,
    fresh_for: Duration,
}

impl Permit {
    /// A permit that is good for so long after each renewal, the first of which is now.
    #[must_use]
    pub fn new(fresh_for: Duration) -> Self {
        Self(Arc::new(Shared { renewed: Mutex::new(clock::monotonic()), opened: Notify::new(), fresh_for }))
    }

    /// The lease was renewed.
    pub fn renewed(&self) {
        *self.0.renewed.lock().unwrap_or_else(PoisonError::into_inner) = clock::monotonic();
        self.0.opened.notify_waiters();
    }

    fn is_fresh(&self) -> bool {
        let renewed = *self.0.renewed.lock().unwrap_or_else(PoisonError::into_inner);
        clock::monotonic().saturating_duration_since(renewed) < self.0.fresh_for
    }

    /// Waits until it is fresh.
    pub async fn passed(&self) {
        loop {
            let opened = self.0.opened.notified();
            if self.is_fresh() {
                return;
            }
            opened.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_fresh_while_the_lease_is_fresh() {
        let permit = Permit::new(Duration::from_secs(2));
        tokio::time::advance(Duration::from_millis(1999)).await;
        permit.passed().await;
        tokio::time::advance(Duration::from_millis(1)).await;
        tokio::select! {
            biased;
            () = permit.passed() => panic!("the lease has stood still"),
            () = std::future::ready(()) => {}
        }
        let (waiting, renewing) = (permit.passed(), async { permit.renewed() });
        tokio::join!(waiting, renewing);
    }
}
