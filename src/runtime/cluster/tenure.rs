//! A partition from a member's side: stand by until its lease is free, own it, give it back.
//!
//! The two members that rank first for a partition stand by. The second waits a moment, so that the first takes it when
//! both can; whoever owns a partition for which another one ranks first gives it back once that one has lived for a while,
//! and at once to a guest, who has it for a moment only. A guest that does not take it is not asked a second time.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::post::Post;
use super::view::{Seen, View};
use crate::runtime::clock;
use crate::runtime::metrics::ClusterMetrics;
use crate::runtime::notify::permit::Permit;
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
/// Pause after work that ended badly, twice as long after each further time. Longest: more leaves a partition alone
/// that could be worked on again, less repeats what fails.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Time after which work counts as having gone well, whoever does it.
const WELL_AFTER: Duration = Duration::from_secs(60);

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
    /// The newest epoch that a fence or a manifest told of: a ledger that was lost counts from the beginning.
    pub(super) newest: AtomicU64,
}

/// A lease that is ours.
pub(super) struct Held {
    pub(super) epoch: u64,
    revision: u64,
}

/// What work under a lease is told by whoever renews it.
pub(super) struct Terms {
    /// Receivers may be told something while it is fresh.
    pub(super) permit: Permit,
    /// The work is to end in order.
    pub(super) leave: CancellationToken,
    /// The work is to end at once.
    pub(super) abort: CancellationToken,
}

/// Keeps a lease while its partition is worked on.
struct Renewal {
    ledger: Ledger,
    view: View,
    partition: u16,
    lease: Lease,
    revision: u64,
    still_max: Duration,
    permit: Permit,
}

impl Tenure {
    /// Stands by and owns, until the stop.
    pub(super) async fn run(self) {
        let mut pause = PAUSE;
        while let Some(held) = self.stand_by().await {
            let since = clock::monotonic();
            if self.own(held).await {
                pause = PAUSE;
                continue;
            }
            if clock::monotonic() - since >= WELL_AFTER {
                pause = PAUSE;
            }
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Another member that has owned a partition for so long can work on it.
    fn relieved(&self, owned_since: &mut Option<(u64, Instant)>, seen: Option<&Seen>) {
        let epoch = seen.filter(|_| !self.view.is_free(seen)).map(|seen| seen.lease.epoch);
        *owned_since = epoch.map(|epoch| match *owned_since {
            Some((known, since)) if known == epoch => (epoch, since),
            _ => (epoch, clock::monotonic()),
        });
        if owned_since.is_some_and(|(_, since)| clock::monotonic() - since >= WELL_AFTER) {
            self.post.health.set_partition_fault(self.partition, None);
        }
    }

    /// A lease; none at the stop.
    pub(super) async fn stand_by(&self) -> Option<Held> {
        let (mut free_since, mut owned_since): (Option<Instant>, _) = (None, None);
        loop {
            if self.stop.is_cancelled() {
                return None;
            }
            let seen = self.view.lease(self.partition);
            self.relieved(&mut owned_since, seen.as_ref());
            let guest = self.view.guest(self.partition).filter(|guest| *guest != self.member);
            let rank = self.view.ranked(self.partition).iter().position(|member| *member == self.member);
            free_since = self.view.is_free(seen.as_ref()).then(|| free_since.unwrap_or_else(clock::monotonic));
            let waited = free_since.map(|since| clock::monotonic() - since);
            // A guest may be far away.
            let courtesy = if guest.is_some() { self.still_max } else { COURTESY };
            let ours = match rank {
                Some(0) => waited.is_some(),
                Some(rank) if rank < STANDING_BY => waited.is_some_and(|waited| waited >= courtesy),
                _ => false,
            };
            if ours {
                if let Some(guest) = guest.filter(|_| rank != Some(0)) {
                    tracing::warn!(partition = self.partition, guest, "a guest does not take what it asks for");
                    self.view.dismiss(self.partition);
                }
                let (epoch, revision) = seen.map_or((0, 0), |seen| (seen.lease.epoch, seen.revision));
                let epoch = epoch.max(self.newest.load(Ordering::Relaxed)) + 1;
                let lease = Lease { member: self.member.clone(), epoch, released: false };
                match replace(&self.post.ledger, self.partition, &lease, revision).await {
                    Ok(revision) => return Some(Held { epoch: lease.epoch, revision }),
                    Err(LedgerError::Lost(_)) => free_since = None,
                    Err(error) => {
                        tracing::warn!(partition = self.partition, %error, "lease cannot be taken");
                        self.view.reached(false);
                    }
                }
            }
            tokio::select! {
                () = self.stop.cancelled() => return None,
                () = self.view.changed(LOOK_EVERY) => {}
            }
        }
    }

    /// Renews a lease while something is done under it, and gives it back then; none where another member has it before.
    pub(super) async fn hold<F: Future>(&self, held: &Held, work: impl FnOnce(Terms) -> F) -> Option<F::Output> {
        let (partition, epoch) = (self.partition, held.epoch);
        let (leave, abort, finished) = (self.stop.child_token(), CancellationToken::new(), CancellationToken::new());
        let permit = Permit::new(self.still_max);
        let renewal = Renewal {
            ledger: self.post.ledger.clone(),
            view: self.view.clone(),
            partition,
            lease: Lease { member: self.member.clone(), epoch, released: false },
            revision: held.revision,
            still_max: self.still_max,
            permit: permit.clone(),
        };
        let renewing = tokio::spawn(renewal.run(leave.clone(), abort.clone(), finished.clone()));
        // Work that panics gives its lease back as well.
        let finished = finished.drop_guard();
        let worked = tokio::select! {
            worked = Box::pin(work(Terms { permit, leave, abort: abort.clone() })) => Some(worked),
            // What waits for a server that does not answer is not waited for.
            () = abort.cancelled() => None,
        };
        drop(finished);
        if let Err(error) = renewing.await {
            tracing::error!(partition, epoch, %error, "the renewal of the lease ended in a panic");
        }
        worked
    }

    /// Works on the partition; false when that ended badly.
    async fn own(&self, held: Held) -> bool {
        let (partition, epoch) = (self.partition, held.epoch);
        self.metrics.owned.inc();
        self.metrics.takeovers.inc();
        let worked = self.hold(&held, |terms| self.post.work(partition, epoch, terms)).await;
        self.metrics.owned.dec();
        match worked {
            Some(Ok(())) => tracing::info!(partition, epoch, "partition given back"),
            None => tracing::warn!(partition, epoch, "partition is lost to another member"),
            Some(Err(error)) if error.is_lost() => {
                self.newest.fetch_max(error.newer().unwrap_or_default(), Ordering::Relaxed);
                tracing::warn!(partition, epoch, %error, "partition is lost to another member");
            }
            Some(Err(error)) => {
                tracing::error!(partition, epoch, error = %error, "partition is given up");
                self.post.health.set_error(&error);
                let text = format!("partition {partition} cannot be worked on: {error}");
                self.post.health.set_partition_fault(partition, Some(text));
                return false;
            }
        }
        true
    }
}

impl Renewal {
    /// Renews until the work has finished, and gives the lease back then. Tells the work to leave when another member
    /// should own the partition, and to end at once when another one does.
    async fn run(mut self, leave: CancellationToken, abort: CancellationToken, finished: CancellationToken) {
        // Nobody works under a lease that is not renewed any more, whatever the reason.
        let ended = abort.clone().drop_guard();
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
                Ok(()) => {
                    renewed = clock::monotonic();
                    self.permit.renewed();
                }
                Err(Some(LedgerError::Lost(_))) => return abort.cancel(),
                // Whether another one has it by now is not known. What leaves the partition passes through its fence,
                // and receivers hear nothing until it is.
                Err(_) if leave.is_cancelled() && clock::monotonic() - renewed >= self.still_max => {
                    return abort.cancel();
                }
                Err(_) => self.view.reached(false),
            }
            let first = self.view.ranked(self.partition).into_iter().next();
            let another = first.is_some_and(|first| first != self.lease.member);
            first_since = another.then(|| first_since.unwrap_or_else(clock::monotonic));
            // A guest does not stay.
            let wanted = self.view.guest(self.partition).is_some_and(|guest| guest != self.lease.member);
            if wanted || first_since.is_some_and(|since| clock::monotonic() - since >= SETTLED) {
                leave.cancel();
            }
        }
        if !abort.is_cancelled() {
            self.lease.released = true;
            if let Err(Some(error)) = self.replace(self.still_max).await {
                tracing::warn!(partition = self.partition, %error, "lease cannot be given back; it stands still instead");
            }
        }
        drop(ended);
    }

    /// The error is none where nothing came in time.
    async fn replace(&mut self, within: Duration) -> Result<(), Option<LedgerError>> {
        let replacing = replace(&self.ledger, self.partition, &self.lease, self.revision);
        self.revision = tokio::time::timeout(within, replacing).await.map_err(|_| None)?.map_err(Some)?;
        Ok(())
    }
}

/// Replaces a lease. An attempt before, whose answer was lost, makes ours look like another's: then it is replaced as
/// it was found.
async fn replace(ledger: &Ledger, partition: u16, lease: &Lease, revision: u64) -> Result<u64, LedgerError> {
    let key = lease_key(partition);
    let lost = match ledger.replace(&key, lease, revision).await {
        Err(lost @ LedgerError::Lost(_)) => lost,
        done => return done,
    };
    match ledger.read::<Lease>(&key).await? {
        (Some(found), revision) if found.member == lease.member && found.epoch == lease.epoch => {
            ledger.replace(&key, lease, revision).await
        }
        _ => Err(lost),
    }
}
