//! What a member knows of the others: entries of the ledger as they change, each with when it last did by our own clock, and
//! who should own what by that.
//!
//! Nobody's clock is compared with another's. An entry that its owner renews and that has stood still for long enough
//! is given up, however long ago the server says that it was written. While the ledger cannot be written nobody can renew
//! anything: that time counts for nobody, so that an election in NATS hands no partition over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::jetstream::kv::Operation;
use futures_util::StreamExt;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::balance::{plan, rank, rank_of};
use crate::alert::Alert;
use crate::runtime::clock;
use crate::runtime::store::ledger::{Guest, Lease, Ledger};

/// Pause before the ledger is watched again.
const WATCH_PAUSE: Duration = Duration::from_millis(500);

/// Times that a lease may stand still after which a member is gone for good. Fewer would take one for gone that is slow.
const GONE_AFTER: u32 = 5;

/// What is known; cloning shares it.
#[derive(Clone, Debug)]
pub(super) struct View(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    entries: Mutex<Entries>,
    changed: Notify,
    /// Time after which an entry that stands still is given up.
    still_max: Duration,
    partitions: u16,
}

#[derive(Debug, Default)]
struct Entries {
    leases: BTreeMap<u16, Seen>,
    members: BTreeMap<String, Instant>,
    guests: BTreeMap<u16, Wanted>,
    /// What members tell of their own sight.
    own: BTreeMap<String, Vec<Alert>>,
    /// Whether the ledger cannot be written, and since when it can again.
    blind: bool,
    sighted: Option<Instant>,
    /// Members that a lease was taken from, until they show a sign of life.
    lost: BTreeSet<String>,
    /// Counts changes of owners.
    handed: u64,
    plan: Plan,
}

/// Who should own what, as long as these members live and nothing changes hands.
#[derive(Debug, Default)]
struct Plan {
    handed: u64,
    live: Vec<String>,
    /// By partition, the number of a member that lives.
    first: Vec<Option<usize>>,
}

impl Entries {
    /// The members that live, by name, with the number of the one that should own a partition.
    fn planned(&mut self, partition: u16, (partitions, still_max): (u16, Duration)) -> (&[String], Option<usize>) {
        // Each partition asks whenever anything changes: the clock is looked at once, and not for each lease.
        let now = clock::monotonic();
        let owned = self.leases.values().filter(|seen| !seen.lease.released && !self.blind);
        let still = owned.filter(|seen| self.still_at(seen.at, now) >= still_max);
        let still: Vec<&str> = still.map(|seen| seen.lease.member.as_str()).collect();
        let live = |(name, at): &(&String, &Instant)| {
            // Signs of life are half as many as renewals, and may be late. Where a lease is not renewed they must be in time:
            // whoever works on without it, or could not give it back, goes on to show them.
            let within = if still.contains(&name.as_str()) { still_max * 3 / 4 } else { still_max * 2 };
            (self.blind || self.still_at(**at, now) < within) && !self.lost.contains(*name)
        };
        let live = || self.members.iter().filter(live).map(|(name, _)| name);
        if self.plan.handed != self.handed || !live().eq(&self.plan.live) || self.plan.first.is_empty() {
            let owned = self.leases.iter().filter(|(_, seen)| !seen.lease.released);
            let owners = owned.map(|(&partition, seen)| (partition, seen.lease.member.clone())).collect();
            let live: Vec<String> = live().cloned().collect();
            self.plan = Plan { handed: self.handed, first: plan(partitions, &live, &owners), live };
        }
        (&self.plan.live, self.plan.first.get(usize::from(partition)).copied().flatten())
    }

    /// How long an entry has stood still.
    fn still(&self, at: Instant) -> Duration {
        self.still_at(at, clock::monotonic())
    }

    fn still_at(&self, at: Instant, now: Instant) -> Duration {
        now - self.sighted.map_or(at, |since| at.max(since))
    }

    /// Notes a lease as it is seen, and who lost it.
    fn lease(&mut self, partition: u16, seen: Seen) {
        let known = self.leases.get(&partition);
        // What was seen before says nothing new.
        if known.is_some_and(|known| known.revision >= seen.revision) {
            return;
        }
        let owner = |seen: &Seen| (!seen.lease.released).then(|| seen.lease.member.clone());
        let before = known.and_then(owner);
        if before != owner(&seen) {
            self.handed += 1;
            // Whoever gives back in order has said so before another one takes it.
            let taken = |before: &String| *before != seen.lease.member && self.members.contains_key(before);
            self.lost.extend(before.filter(taken));
        }
        self.leases.insert(partition, seen);
    }

    fn want(&mut self, partition: u16, guest: Guest, revision: u64, at: Instant) {
        let known = self.guests.get(&partition).filter(|known| known.guest == guest);
        // What was seen before says nothing new.
        if known.is_none_or(|known| revision > known.revision) {
            let (renewed, dismissed) = (known.is_some(), known.is_some_and(|known| known.dismissed));
            self.guests.insert(partition, Wanted { guest, revision, at, renewed, dismissed });
        }
    }
}

/// A guest's wish for a partition, as it was seen.
#[derive(Debug)]
struct Wanted {
    guest: Guest,
    revision: u64,
    at: Instant,
    /// Whether it was seen to be renewed. A guest that was killed leaves an entry, which says nothing to whoever comes
    /// later and finds it.
    renewed: bool,
    /// Whether it let a partition lie that was given back for it. Nobody leaves for it a second time.
    dismissed: bool,
}

/// A lease as it was seen.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) lease: Lease,
    pub(super) revision: u64,
    pub(super) at: Instant,
}

impl View {
    pub(super) fn new(still_max: Duration, partitions: u16) -> Self {
        Self(Arc::new(Shared { entries: Mutex::default(), changed: Notify::new(), still_max, partitions }))
    }

    /// Follows the ledger until the stop.
    pub(super) async fn follow(self, ledger: Ledger, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.watch(&ledger) => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(WATCH_PAUSE) => {}
            }
        }
    }

    async fn watch(&self, ledger: &Ledger) {
        let mut entries =
            match ledger.store().watch_many_with_history(["lease.*", "member.*", "own.*", "guest.*"]).await {
                Ok(entries) => entries,
                Err(error) => {
                    tracing::warn!(%error, "the ledger cannot be watched; trying on");
                    return;
                }
            };
        while let Some(entry) = entries.next().await {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    tracing::warn!(%error, "the ledger's watch broke; watching again");
                    return;
                }
            };
            self.take(&entry.key, &entry.value, entry.revision, entry.operation == Operation::Put);
        }
    }

    fn take(&self, key: &str, value: &[u8], revision: u64, put: bool) {
        let (mut entries, at) = (self.entries(), clock::monotonic());
        if let Some(member) = key.strip_prefix("member.") {
            entries.lost.remove(member);
            if put {
                entries.members.insert(member.to_owned(), at);
            } else {
                entries.members.remove(member);
            }
        } else if let Some(member) = key.strip_prefix("own.") {
            match serde_json::from_slice(value) {
                Ok(open) if put => drop(entries.own.insert(member.to_owned(), open)),
                _ => drop(entries.own.remove(member)),
            }
        } else if let Some(partition) = key.strip_prefix("guest.").and_then(|number| number.parse().ok()) {
            match serde_json::from_slice(value) {
                Ok(guest) if put => entries.want(partition, guest, revision, at),
                _ => drop(entries.guests.remove(&partition)),
            }
        } else if let Some(partition) = key.strip_prefix("lease.").and_then(|number| number.parse().ok())
            && let Ok(lease) = serde_json::from_slice(value)
        {
            entries.lease(partition, Seen { lease, revision, at });
        }
        drop(entries);
        self.0.changed.notify_waiters();
    }

    /// The lease of a partition, if it was ever held.
    pub(super) fn lease(&self, partition: u16) -> Option<Seen> {
        self.entries().leases.get(&partition).cloned()
    }

    /// Whether a lease can be taken: there is none, it was given back, or it has stood still.
    pub(super) fn is_free(&self, seen: Option<&Seen>) -> bool {
        let Some(seen) = seen.filter(|seen| !seen.lease.released) else { return true };
        let entries = self.entries();
        !entries.blind && entries.still(seen.at) >= self.0.still_max
    }

    /// Whether the ledger could be written just now.
    pub(super) fn reached(&self, reached: bool) {
        let mut entries = self.entries();
        if reached && entries.blind {
            entries.sighted = Some(clock::monotonic());
        }
        entries.blind = !reached;
    }

    /// Whoever wants a partition for a moment. One that is not heard of is not waited for as long as a member.
    pub(super) fn guest(&self, partition: u16) -> Option<String> {
        let entries = self.entries();
        let wanted = entries.guests.get(&partition).filter(|wanted| wanted.renewed && !wanted.dismissed);
        let lives = |wanted: &&Wanted| !entries.blind && entries.still(wanted.at) < self.0.still_max;
        wanted.filter(lives).map(|wanted| wanted.guest.member.clone())
    }

    /// Whoever wants a partition has let it lie.
    pub(super) fn dismiss(&self, partition: u16) {
        if let Some(wanted) = self.entries().guests.get_mut(&partition) {
            wanted.dismissed = true;
        }
    }

    /// A guest that wants a partition, the member that should own it, and the others that live, by rank for it.
    pub(super) fn ranked(&self, partition: u16) -> Vec<String> {
        let guest = self.guest(partition);
        let mut entries = self.entries();
        let (live, first) = entries.planned(partition, (self.0.partitions, self.0.still_max));
        let mut members: Vec<String> = live.to_vec();
        members.sort_by_cached_key(|member| (first.map(|first| &live[first]) != Some(member), rank(member, partition)));
        guest.into_iter().chain(members).collect()
    }

    /// Members that live no more, with what they have left, as far as it is for this one to see to.
    pub(super) fn orphans(&self, member: &str) -> Vec<(String, Vec<Alert>)> {
        let entries = self.entries();
        if entries.blind {
            return Vec::new();
        }
        let gone = |at: &Instant| entries.still(*at) >= self.0.still_max * GONE_AFTER;
        let known = entries.members.iter();
        let live: Vec<&String> = known.clone().filter(|(_, at)| !gone(at)).map(|(name, _)| name).collect();
        let mut orphans: BTreeMap<String, Vec<Alert>> =
            known.filter(|(_, at)| gone(at)).map(|(name, _)| (name.clone(), Vec::new())).collect();
        // Whoever has left in order has no sign of life any more.
        let left = entries.own.iter().filter(|(name, _)| !live.contains(name));
        orphans.extend(left.map(|(name, open)| (name.clone(), open.clone())));
        let ours = |gone: &String| {
            live.iter().min_by_key(|live| rank_of(live, gone.as_bytes())).is_some_and(|first| *first == member)
        };
        orphans.into_iter().filter(|(gone, _)| ours(gone)).collect()
    }

    /// Waits until something changes, or a while.
    pub(super) async fn changed(&self, a_while: Duration) {
        // The clock tells that something stands still, and nobody else.
        drop(tokio::time::timeout(a_while, self.0.changed.notified()).await);
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(member: &str, released: bool) -> Vec<u8> {
        serde_json::to_vec(&Lease { member: member.to_owned(), epoch: 1, released }).expect("JSON")
    }

    #[tokio::test(start_paused = true)]
    async fn what_stands_still_is_free_by_our_own_clock() {
        let view = View::new(Duration::from_secs(2), 64);
        assert!(view.is_free(view.lease(3).as_ref()));
        view.take("lease.3", &lease("a", false), 7, true);
        assert!(!view.is_free(view.lease(3).as_ref()));
        tokio::time::advance(Duration::from_secs(1)).await;
        view.take("lease.3", &lease("a", false), 8, true);
        tokio::time::advance(Duration::from_millis(1999)).await;
        assert!(!view.is_free(view.lease(3).as_ref()));
        // What was seen before says nothing new.
        view.take("lease.3", &lease("a", false), 8, true);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(view.is_free(view.lease(3).as_ref()));
        view.take("lease.3", &lease("a", true), 9, true);
        assert!(view.is_free(view.lease(3).as_ref()), "it was given back");
    }

    #[tokio::test(start_paused = true)]
    async fn while_nobody_can_write_nothing_stands_still() {
        let view = View::new(Duration::from_secs(2), 64);
        view.take("lease.3", &lease("a", false), 7, true);
        view.take("member.a", b"{}", 1, true);
        tokio::time::advance(Duration::from_secs(1)).await;
        view.reached(false);
        tokio::time::advance(Duration::from_secs(30)).await;
        assert!(!view.is_free(view.lease(3).as_ref()) && view.ranked(3) == ["a"], "an election");
        view.reached(true);
        tokio::time::advance(Duration::from_millis(1999)).await;
        view.reached(true);
        assert!(!view.is_free(view.lease(3).as_ref()), "the owner has its time to renew");
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(view.is_free(view.lease(3).as_ref()), "it has not");
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(view.ranked(3).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_member_that_is_gone_has_left_is_for_one_that_lives() {
        let view = View::new(Duration::from_secs(1), 64);
        let open = serde_json::to_vec(&[crate::alert::fixtures::about_bot("g", crate::alert::Severity::High)]);
        view.take("own.dead", &open.expect("JSON"), 1, true);
        for member in ["a", "b", "dead", "silent"] {
            view.take(&format!("member.{member}"), b"{}", 1, true);
        }
        assert!(view.orphans("a").is_empty() && view.orphans("b").is_empty(), "all live");
        tokio::time::advance(Duration::from_secs(5)).await;
        for member in ["a", "b"] {
            view.take(&format!("member.{member}"), b"{}", 2, true);
        }
        let mut orphans = [view.orphans("a"), view.orphans("b")].concat();
        orphans.sort_by(|a, b| a.0.cmp(&b.0));
        let left: Vec<_> = orphans.iter().map(|(gone, left)| (gone.as_str(), left.len())).collect();
        assert_eq!(left, [("dead", 1), ("silent", 0)], "each is for one of them");
        view.take("member.silent", b"", 3, false);
        view.take("own.dead", b"", 3, false);
        view.take("member.dead", b"", 3, false);
        assert!(view.orphans("a").is_empty() && view.orphans("b").is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_wants_a_partition_for_a_moment_ranks_first_for_it_and_for_no_other() {
        let view = View::new(Duration::from_secs(1), 64);
        for member in ["a", "b"] {
            view.take(&format!("member.{member}"), b"{}", 1, true);
        }
        let before: Vec<_> = (0..4).map(|partition| view.ranked(partition)).collect();
        let guest = |name: &str| serde_json::to_vec(&Guest { member: name.to_owned() }).expect("JSON");
        // Found, as what one that was killed has left: it is not known to live.
        view.take("guest.2", &guest("dead"), 5, true);
        view.take("guest.2", &guest("dead"), 5, true);
        assert_eq!(view.ranked(2), before[2], "the same entry, read again");
        view.take("guest.2", &guest("g"), 6, true);
        assert_eq!(view.guest(2), None, "another one");
        view.take("guest.2", &guest("g"), 7, true);
        assert_eq!(view.guest(2).as_deref(), Some("g"));
        for partition in [0, 1, 3] {
            assert_eq!(view.ranked(partition), before[usize::from(partition)], "partition {partition}");
        }
        assert_eq!(view.ranked(2), [&["g".to_owned()], &before[2][..]].concat());
        assert!(view.orphans("a").is_empty() && view.orphans("b").is_empty(), "it is no member");
        // While nobody can write nobody is asked for anything, and one that is not heard of any more wants nothing.
        view.reached(false);
        assert_eq!(view.guest(2), None);
        view.reached(true);
        assert_eq!(view.guest(2).as_deref(), Some("g"));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(view.guest(2), None);
        view.take("guest.2", &guest("g"), 8, true);
        assert_eq!(view.guest(2).as_deref(), Some("g"));
        view.take("guest.2", b"", 9, false);
        assert_eq!(view.guest(2), None, "it has what it wanted");
        // One that lets lie what it wanted is left for once, and the next one is another.
        for revision in [10, 11, 12] {
            view.take("guest.2", &guest("h"), revision, true);
            view.dismiss(2);
            assert_eq!(view.ranked(2), before[2]);
        }
        for revision in [13, 14] {
            view.take("guest.2", &guest("i"), revision, true);
        }
        assert_eq!(view.guest(2).as_deref(), Some("i"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_one_that_was_killed_had_goes_to_those_that_have_too_few_and_nothing_else_moves() {
        let view = View::new(Duration::from_secs(1), 64);
        for member in ["a", "b", "c"] {
            view.take(&format!("member.{member}"), b"{}", 1, true);
        }
        let first = |view: &View| (0..64).map(|partition| view.ranked(partition)[0].clone()).collect::<Vec<_>>();
        let before = first(&view);
        let renew = |owners: &[String], revision: u64| {
            for (partition, owner) in owners.iter().enumerate().filter(|(_, owner)| revision == 1 || *owner != "b") {
                view.take(&format!("lease.{partition}"), &lease(owner, false), revision, true);
            }
        };
        renew(&before, 1);
        tokio::time::advance(Duration::from_millis(900)).await;
        renew(&before, 2);
        assert_eq!(first(&view), before);
        tokio::time::advance(Duration::from_millis(100)).await;
        let after = first(&view);
        let share = |of: &str| after.iter().filter(|first| *first == of).count();
        assert_eq!(["a", "b", "c"].map(share), [32, 0, 32], "its signs of life are not waited for");
        assert!(before.iter().zip(&after).all(|(before, after)| before == "b" || before == after));
        // They take what it had, while it may still count as alive.
        renew(&after, 3);
        assert_eq!(first(&view), after);
        view.take("member.b", b"{}", 4, true);
        assert!(first(&view).contains(&"b".to_owned()), "it was not dead after all");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_could_not_give_a_lease_back_and_lives_can_have_it_again() {
        let view = View::new(Duration::from_secs(1), 2);
        view.take("member.a", b"{}", 1, true);
        for partition in 0..2 {
            view.take(&format!("lease.{partition}"), &lease("a", false), 2, true);
        }
        tokio::time::advance(Duration::from_millis(600)).await;
        view.take("member.a", b"{}", 3, true);
        view.take("lease.1", &lease("a", false), 4, true);
        tokio::time::advance(Duration::from_millis(400)).await;
        assert!(view.is_free(view.lease(0).as_ref()));
        assert_eq!([0, 1].map(|partition| view.ranked(partition)), [["a"], ["a"]]);
        tokio::time::advance(Duration::from_millis(350)).await;
        assert!(view.ranked(0).is_empty(), "no sign of it any more");
        view.take("member.a", b"{}", 5, true);
        assert_eq!(view.ranked(0), ["a"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_member_that_goes_leaves_the_others_where_they_are() {
        let view = View::new(Duration::from_secs(1), 64);
        for member in ["a", "b", "c"] {
            view.take(&format!("member.{member}"), b"{}", 1, true);
        }
        let first = |view: &View| (0..64).map(|partition| view.ranked(partition)[0].clone()).collect::<Vec<_>>();
        let before = first(&view);
        let shares = |first: &[String]| {
            let mut shares = ["a", "b", "c"].map(|member| first.iter().filter(|first| *first == member).count());
            shares.sort_unstable();
            shares
        };
        assert_eq!(shares(&before), [21, 21, 22]);
        for (partition, owner) in before.iter().enumerate() {
            view.take(&format!("lease.{partition}"), &lease(owner, false), 1, true);
        }
        assert_eq!(first(&view), before);
        view.take("member.b", b"", 2, false);
        let after = first(&view);
        assert!(before.iter().zip(&after).all(|(before, after)| before == "b" || before == after));
        assert_eq!(shares(&after), [0, 32, 32], "what it had is spread");
        // What it gives back in order is nobody's, and goes to the same.
        for (partition, _) in before.iter().enumerate().filter(|(_, owner)| *owner == "b") {
            view.take(&format!("lease.{partition}"), &lease("b", true), 2, true);
        }
        assert_eq!(first(&view), after);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(view.ranked(0).is_empty(), "nobody says that they live");
    }
}
