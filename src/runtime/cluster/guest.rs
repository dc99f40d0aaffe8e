//! A guest: a command that has one partition for a moment, changes its newest snapshot, and gives it back.
//!
//! It asks in the ledger, under an entry that is renewed as a member's sign of life is. It ranks first for that partition
//! and for no other, so that the owner leaves in order: its last snapshot stands at the end of all that it did. The guest
//! takes the lease as any member does, claims, writes one snapshot, and gives the lease back. One that is killed stands
//! still, and is given up as a member is.
//!
//! What is changed must not be followed by anything that was told already: a replay of that on a changed state could tell
//! it again, or something else. An owner that was killed leaves it behind its last snapshot. That is refused, and the
//! remedy is any member, which reads on to the end.

use std::error::Error;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream;
use rand::RngCore;
use rand::rngs::OsRng;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::check::{Finding, look};
use super::layout::{Layout, LayoutError};
use super::member::{SIGNS, signs};
pub use super::post::PostError;
use super::post::{Post, PostMetrics, Taken};
use super::tenure::{Held, Tenure};
use super::view::View;
use crate::config::Config;
use crate::registry::Registry;
use crate::runtime::clock;
use crate::runtime::health::HealthState;
use crate::runtime::metrics::ClusterMetrics;
use crate::runtime::notify::letters::Letters;
use crate::runtime::store::format::Checkpoint;
use crate::runtime::store::ledger::{Guest as Wish, Ledger, LedgerError, guest_key};
use crate::runtime::store::shared::{Grew, Objects, SharedError, SharedStore};

/// Attempts to write the snapshot. Fewer give up at an election in NATS, more keep the partition from its owner.
const ATTEMPTS: u32 = 3;
/// Pause between two of them.
const PAUSE: Duration = Duration::from_secs(1);

/// Why a change cannot be made.
pub type ChangeError = Box<dyn Error + Send + Sync>;

/// A visit that came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum GuestError {
    /// The settings have no cluster.
    #[error("the settings have no cluster")]
    Settings,
    /// The server lacks something.
    #[error("the cluster cannot work: {0}")]
    Lacks(String),
    /// A stream.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The figures.
    #[error(transparent)]
    Metrics(#[from] prometheus::Error),
    /// Another command is about to change the partition.
    #[error("another command asks for partition {0}; call again when it is done. Nothing was changed")]
    Busy(u16),
    /// The partition is not given back.
    #[error(
        "partition {partition} was not given back within {} s by {owner}; does every member run a program that knows \
         guests? Nothing was changed", within.as_secs()
    )]
    Kept {
        /// Which.
        partition: u16,
        /// Whose it is.
        owner: String,
        /// Time that it had.
        within: Duration,
    },
    /// Another member has taken it meanwhile.
    #[error("partition {0} was taken by another member meanwhile; `humdrum state export` shows what there is")]
    Lost(u16),
    /// The partition cannot be taken over, or its snapshot not be written.
    #[error(transparent)]
    Post(#[from] PostError),
    /// What was told stands behind the newest snapshot.
    #[error(
        "alerts of partition {partition} stand behind its newest snapshot ({told}): whoever owned it was ended before it \
         could leave in order. Let a member (`humdrum run`) take the partition, and call again. Nothing was changed"
    )]
    Behind {
        /// Which.
        partition: u16,
        /// How many.
        told: usize,
    },
    /// The change itself.
    #[error(transparent)]
    Change(ChangeError),
    /// A thread that made it.
    #[error("the thread that made the change died: {0}")]
    Died(#[from] tokio::task::JoinError),
}

impl From<SharedError> for GuestError {
    fn from(error: SharedError) -> Self {
        Self::Post(error.into())
    }
}

impl GuestError {
    /// The class of fault.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Lacks(_) => "lacks",
            Self::Layout(error) => error.reason(),
            Self::Ledger(error) => error.reason(),
            Self::Metrics(_) => "metrics",
            Self::Busy(_) => "busy",
            Self::Kept { .. } => "kept",
            Self::Lost(_) => "lost",
            Self::Post(error) => error.reason(),
            Self::Behind { .. } => "behind",
            Self::Change(_) => "change",
            Self::Died(_) => "died",
        }
    }

    /// Whether trying again can help.
    #[must_use]
    pub fn retry(&self) -> bool {
        match self {
            Self::Layout(error) => error.retry(),
            Self::Ledger(error) => error.retry(),
            Self::Post(error) => error.retry(),
            Self::Busy(_) | Self::Kept { .. } | Self::Lost(_) | Self::Behind { .. } => true,
            Self::Settings | Self::Lacks(_) | Self::Metrics(_) | Self::Change(_) | Self::Died(_) => false,
        }
    }
}

/// Whoever wants a partition for a moment.
#[derive(Debug)]
pub struct Guest {
    tenure: Tenure,
    /// Ends the following of the ledger with the guest.
    _over: DropGuard,
}

impl Guest {
    /// One that is to visit a partition. Nobody is asked for anything yet.
    ///
    /// # Errors
    /// The server lacks what a cluster needs, or does not answer.
    pub async fn arrive(config: Config, client: Client, partition: u16) -> Result<Self, GuestError> {
        let settings = config.cluster.as_ref().ok_or(GuestError::Settings)?;
        let (layout, still_max) = (Layout::new(settings, &config.events, &config.alerts), settings.takeover_after);
        let fatal = look(&client, &layout, &[]).await?.into_iter().filter(|Finding { fatal, .. }| *fatal);
        let fatal: Vec<String> = fatal.map(|finding| finding.text).collect();
        if !fatal.is_empty() {
            return Err(GuestError::Lacks(fatal.join("; ")));
        }
        let context = jetstream::new(client.clone());
        let ledger = context.get_key_value(&layout.bucket).await;
        let ledger = Ledger::new(ledger.map_err(|error| GuestError::Lacks(error.to_string()))?);
        let objects = context.get_object_store(&layout.objects).await;
        let objects = Objects::new(objects.map_err(|error| GuestError::Lacks(error.to_string()))?);
        let letters = Letters::below(context, &config.events.rejected_prefix);
        // Nobody scrapes a command.
        let figures = prometheus::Registry::new();
        let (cluster, metrics) = (ClusterMetrics::new(&figures)?, PostMetrics::new(&figures)?);
        let (bots, health) = (Registry::default(), HealthState::new(None));
        let (view, over) = (View::new(still_max, layout.partitions), CancellationToken::new());
        let post = Arc::new(Post { config, bots, client, layout, ledger, objects, letters, health, metrics });
        tokio::spawn(view.clone().follow(post.ledger.clone(), over.clone()));
        let (member, stop) = (format!("guest-{:08x}", OsRng.next_u32()), over.child_token());
        let newest = AtomicU64::default();
        let tenure = Tenure { partition, member, post, view, still_max, metrics: cluster, stop, newest };
        Ok(Self { tenure, _over: over.drop_guard() })
    }

    /// Takes the partition, lets the newest snapshot be changed by that of the beginning of a day, keeps what comes of it
    /// as the newest, and gives the partition back. How long it had it.
    ///
    /// # Errors
    /// The partition is not given back within that time, the change cannot be made, or it cannot be kept. But for the last,
    /// nothing was changed.
    pub async fn change<C>(self, day: &str, within: Duration, change: C) -> Result<Duration, GuestError>
    where
        C: FnOnce(&mut Checkpoint, &Checkpoint) -> Result<(), ChangeError> + Send + 'static,
    {
        let held = self.take(within).await?;
        let since = clock::monotonic();
        let changed = self.tenure.hold(&held, |_| self.work(held.epoch, day, change)).await;
        changed.ok_or(GuestError::Lost(self.tenure.partition))??;
        Ok(clock::monotonic() - since)
    }

    /// Asks for the partition until its lease is ours.
    async fn take(&self, within: Duration) -> Result<Held, GuestError> {
        let Tenure { partition, member, post, view, still_max, stop, .. } = &self.tenure;
        let wish = Wish { member: member.clone() };
        self.ask(&wish).await?;
        let (every, asked) = (*still_max / SIGNS, CancellationToken::new());
        let asking = signs(view, every, &asked, || post.ledger.want(*partition, &wish));
        let standing_by = async {
            let mut standing_by = pin!(self.tenure.stand_by());
            let held = tokio::select! {
                held = &mut standing_by => held,
                // A lease that is just being taken is ours all the same.
                () = tokio::time::sleep(within) => {
                    stop.cancel();
                    standing_by.await
                }
            };
            asked.cancel();
            held
        };
        let ((), held) = tokio::join!(asking, standing_by);
        // From here on the lease says whose it is, and nobody is to leave for us once it is given back.
        if let Ok(Err(error)) = tokio::time::timeout(every, post.ledger.withdraw(*partition)).await {
            tracing::warn!(%error, "what was asked for cannot be withdrawn; it stands still instead");
        }
        let owner = || view.lease(*partition).map_or_else(|| "nobody".to_owned(), |seen| seen.lease.member);
        held.ok_or_else(|| GuestError::Kept { partition: *partition, owner: owner(), within })
    }

    /// The first sign, where no other guest is there.
    async fn ask(&self, wish: &Wish) -> Result<(), GuestError> {
        let Tenure { partition, post, still_max, .. } = &self.tenure;
        let key = guest_key(*partition);
        let (found, revision) = post.ledger.read::<Wish>(&key).await?;
        if found.is_some() {
            // One that was killed has left it, or renews it by then.
            tokio::time::sleep(*still_max).await;
        }
        match post.ledger.replace(&key, wish, revision).await {
            Ok(_) => Ok(()),
            Err(LedgerError::Lost(_)) => Err(GuestError::Busy(*partition)),
            Err(error) => Err(error.into()),
        }
    }

    async fn work<C>(&self, epoch: u64, day: &str, change: C) -> Result<(), GuestError>
    where
        C: FnOnce(&mut Checkpoint, &Checkpoint) -> Result<(), ChangeError> + Send + 'static,
    {
        let Tenure { partition, post, .. } = &self.tenure;
        let Taken { fence, store, mut checkpoint, told } = post.take_over(*partition, epoch).await?;
        if told > 0 {
            return Err(GuestError::Behind { partition: *partition, told });
        }
        let earlier = post.objects.of_day(*partition, store.manifest(), day).await?;
        let sequence = checkpoint.position.as_ref().map_or(0, |position| position.sequence);
        let changed = tokio::task::spawn_blocking(move || {
            change(&mut checkpoint, &earlier)?;
            Grew::whole(&checkpoint).map_err(ChangeError::from)
        });
        let file = changed.await?.map_err(GuestError::Change)?;
        Ok(keep(store, file, sequence, fence.settled()).await?)
    }
}

/// Keeps a snapshot as the newest.
async fn keep(mut store: SharedStore, file: Grew, sequence: u64, fence: u64) -> Result<(), SharedError> {
    let mut attempt = 1;
    loop {
        match store.save(file.clone(), sequence, fence).await {
            Err(error) if error.retry() && attempt < ATTEMPTS => {
                tracing::warn!(%error, "the snapshot cannot be written; trying on");
                attempt += 1;
                tokio::time::sleep(PAUSE).await;
            }
            done => return done.map(drop),
        }
    }
}
