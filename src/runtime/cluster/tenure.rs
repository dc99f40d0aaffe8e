//! A partition from a member's side: stand by until its lease is free, own it, give it back.
//!
//! The two members that rank first for a partition stand by. The second waits a moment, so that the first takes it when
//! both can; whoever owns a partition for which another one ranks first gives it back once that one has lived for a while.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::post::Post;
use super::view::View;
use crate::runtime::clock;
use crate::runtime::metrics::ClusterMetrics;
use crate::runtime::store::ledger::{Lease, Ledger, LedgerError, lease_key};

/// Members that stand by for a partition. Fewer would leave it alone when one dies, more would all write at once.
const STANDING_BY: usize = 2;
/// What the second lets the first have.
const COURTESY: Duration = Duration::from_millis(250);
/// Time between two looks at a lease that nothing is heard of.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Renewals within the time that a lease may stand still. Fewer lose it to a hiccup, more are traffic.
const RENEWALS: u32 = 4;
/// Time that another member must have ranked first before a partition is given to it. Shorter hands partitions around
/// while members come and go.
const SETTLED: Duration = Duration::from_secs(5);
/// Pause after work that ended badly.
const PAUSE: Duration = Duration::from_secs(1);

/// A member's dealings with one partition.
#[derive(Debug)]
pub(super) struct Tenure {
    pub(super) partition: u16,
    pub(super) member: String,
    pub(super) post: Arc<Post>,
    pub(super) view: View,
    pub(super) still_max: Duration,
    pub(super) metrics: ClusterMetrics,
    pub(super) stop: CancellationToken,
}

/// A lease that is ours.
struct Held {
    epoch: u64,
    revision: u64,
}

/// Keeps a lease while its partition is worked on.
struct Renewal {
    ledger: Ledger,
    view: View,
    partition: u16,
    lease: Lease,
    revision: u64,
    still_max: Duration,
}

impl Tenure {
    /// Stands by and owns, until the stop.
    pub(super) async fn run(self) {
        while let Some(held) = self.stand_by().await {
            self.own(held).await;
        }
    }

    /// A lease; none at the stop.
    async fn stand_by(&self) -> Option<Held> {
        let mut free_since: Option<Instant> = None;
        loop {
            if self.stop.is_cancelled() {
                return None;
            }
            let seen = self.view.lease(self.partition);
            let rank = self.view.ranked(self.partition).iter().position(|member| *member == self.member);
            free_since = self.view.is_free(seen.as_ref()).then(|| free_since.unwrap_or_else(clock::monotonic));
            let waited = free_since.map(|since| clock::monotonic() - since);
            let ours = match rank {
                Some(0) => waited.is_some(),
                Some(rank) if rank < STANDING_BY => waited.is_some_and(|waited| waited >= COURTESY),
                _ => false,
            };
            if ours {
                let (epoch, revision) = seen.map_or((0, 0), |seen| (seen.lease.epoch, seen.revision));
                let lease = Lease { member: self.member.clone(), epoch: epoch + 1, released: false };
                match self.post.ledger.replace(&lease_key(self.partition), &lease, revision).await {
                    Ok(revision) => return Some(Held { epoch: lease.epoch, revision }),
                    Err(LedgerError::Lost(_)) => free_since = None,
                    Err(error) => tracing::warn!(partition = self.partition, %error, "lease cannot be taken"),
                }
            }
            tokio::select! {
                () = self.stop.cancelled() => return None,
                () = self.view.changed(LOOK_EVERY) => {}
            }
        }
    }

    async fn own(&self, held: Held) {
        let (partition, epoch) = (self.partition, held.epoch);
        self.metrics.owned.inc();
        self.metrics.takeovers.inc();
        let (leave, abort, finished) = (self.stop.child_token(), CancellationToken::new(), CancellationToken::new());
        let renewal = Renewal {
            ledger: self.post.ledger.clone(),
            view: self.view.clone(),
            partition,
            lease: Lease { member: self.member.clone(), epoch, released: false },
            revision: held.revision,
            still_max: self.still_max,
        };
        let renewing = tokio::spawn(renewal.run(leave.clone(), abort.clone(), finished.clone()));
        let worked = tokio::select! {
            worked = Box::pin(self.post.work(partition, epoch, leave.clone(), abort.clone())) => Some(worked),
            // What waits for a server that does not answer is not waited for.
            () = abort.cancelled() => None,
        };
        finished.cancel();
        drop(renewing.await);
        self.metrics.owned.dec();
        match worked {
            Some(Ok(())) => tracing::info!(partition, epoch, "partition given back"),
            None => tracing::warn!(partition, epoch, "partition is lost to another member"),
            Some(Err(error)) => {
                tracing::error!(partition, epoch, error = %error, "partition is given up");
                self.post.health.set_error(&error);
                tokio::select! {
                    () = self.stop.cancelled() => {}
                    () = tokio::time::sleep(PAUSE) => {}
                }
            }
        }
    }
}

impl Renewal {
    /// Renews until the work has finished, and gives the lease back then. Tells the work to leave when another member
    /// should own the partition, and to end at once when another one does.
    async fn run(mut self, leave: CancellationToken, abort: CancellationToken, finished: CancellationToken) {
        let (every, mut renewed) = (self.still_max / RENEWALS, clock::monotonic());
        let mut first_since: Option<Instant> = None;
        let mut due = tokio::time::interval(every);
        due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = finished.cancelled() => break,
                _ = due.tick() => {}
            }
            match self.replace(every * 2).await {
                Ok(()) => renewed = clock::monotonic(),
                Err(Some(LedgerError::Lost(_))) => return abort.cancel(),
                // Others take it at the latest now, by their own clocks.
                Err(_) if clock::monotonic() - renewed >= self.still_max => return abort.cancel(),
                Err(_) => {}
            }
            let first = self.view.ranked(self.partition).into_iter().next();
            let another = first.is_some_and(|first| first != self.lease.member);
            first_since = another.then(|| first_since.unwrap_or_else(clock::monotonic));
            if first_since.is_some_and(|since| clock::monotonic() - since >= SETTLED) {
                leave.cancel();
            }
        }
        if !abort.is_cancelled() {
            self.lease.released = true;
            if let Err(Some(error)) = self.replace(self.still_max).await {
                tracing::warn!(partition = self.partition, %error, "lease cannot be given back; it stands still instead");
            }
        }
    }

    /// The error is none where nothing came in time.
    async fn replace(&mut self, within: Duration) -> Result<(), Option<LedgerError>> {
        let key = lease_key(self.partition);
        let replaced = tokio::time::timeout(within, self.ledger.replace(&key, &self.lease, self.revision)).await;
        self.revision = replaced.map_err(|_| None)?.map_err(Some)?;
        Ok(())
    }
}
