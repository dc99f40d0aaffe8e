//! A member: lives, knows the others, and deals with every partition.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream;
use rand::RngCore;
use rand::rngs::OsRng;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::check::{self, Finding};
use super::layout::{Layout, LayoutError};
use super::own;
use super::post::Post;
pub use super::post::PostMetrics;
use super::tenure::Tenure;
use super::view::View;
use crate::alert::Alert;
use crate::config::{ClusterConfig, Config};
use crate::registry::Registry;
use crate::runtime::health::HealthState;
use crate::runtime::metrics::ClusterMetrics;
use crate::runtime::notify::channel::ReceiverError;

use crate::runtime::notify::letters::Letters;
use crate::runtime::store::ledger::{Ledger, LedgerError, Life};
use crate::runtime::store::shared::Objects;

/// Signs of life within the time that a lease may stand still.
pub(super) const SIGNS: u32 = 2;
/// Pause between attempts to reach what a cluster needs.
const PAUSE: Duration = Duration::from_secs(1);

/// A member that cannot work.
#[derive(Debug, thiserror::Error)]
pub enum MemberError {
    /// The server lacks something.
    #[error("the cluster cannot work: {0}")]
    Lacks(String),
    /// The settings have no cluster.
    #[error("the settings have no cluster")]
    Settings,
    /// A part of it died.
    #[error("a part of the member died: {0}")]
    Died(#[from] tokio::task::JoinError),
    /// A receiver.
    #[error(transparent)]
    Receiver(#[from] ReceiverError),
}

impl MemberError {
    /// The class of fault.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Lacks(_) => "lacks",
            Self::Settings => "settings",
            Self::Died(_) => "died",
            Self::Receiver(error) => error.reason(),
        }
    }

    /// Whether trying again can help: what does is tried here.
    #[must_use]
    pub fn retry(&self) -> bool {
        false
    }
}

/// What a member is made of.
#[derive(Debug)]
pub struct Member {
    /// The settings.
    pub config: Config,
    /// The registry as it was at the start.
    pub bots: Registry,
    /// The connection.
    pub client: Client,
    /// Facts.
    pub health: HealthState,
    /// Figures of the work.
    pub metrics: PostMetrics,
    /// Figures of the membership.
    pub cluster: ClusterMetrics,
    /// Alerts about our own sight.
    pub faults: mpsc::Receiver<Alert>,
}

impl Member {
    /// Works until the stop, then gives everything back.
    ///
    /// # Errors
    /// The server lacks what a cluster needs, or a part of the member died.
    pub async fn run(self, stop: CancellationToken) -> Result<(), MemberError> {
        let settings = self.config.cluster.clone().ok_or(MemberError::Settings)?;
        let layout = Layout::new(&settings, &self.config.events, &self.config.alerts);
        let context = jetstream::new(self.client.clone());
        let Some((ledger, objects)) = self.reach(&context, &layout, &stop).await? else { return Ok(()) };
        let member = name(&settings);
        let view = View::new(settings.takeover_after, layout.partitions);
        let Self { mut config, bots, client, health, metrics, cluster, faults } = self;
        // What a cluster needs is made by one who may, and not by whoever comes first.
        (config.events.create_stream, config.alerts.create_stream) = (false, false);
        cluster.partitions.set(i64::from(layout.partitions));
        let letters = Letters::below(context, &config.events.rejected_prefix);
        let post = Post { config, bots, client, layout, ledger, objects, letters, health, metrics };
        let post = Arc::new(post);
        tracing::info!(member, partitions = post.layout.partitions, "member of a cluster");
        // Whoever owns nothing has read everything.
        post.health.set_lag(0);
        let (mut tasks, over, stop) = (JoinSet::new(), CancellationToken::new(), stop.child_token());
        tasks.spawn(view.clone().follow(post.ledger.clone(), over.clone()));
        let still_max = settings.takeover_after;
        // The others are to know that we go before the first lease is given back.
        let alive = (member.clone(), view.clone());
        tasks.spawn(live(Arc::clone(&post), alive, still_max / SIGNS, cluster.clone(), stop.clone()));
        tasks.spawn(own::run(Arc::clone(&post), (member.clone(), view.clone()), faults, over.clone()));
        let mut tenures = JoinSet::new();
        for partition in 0..post.layout.partitions {
            let (member, post, view) = (member.clone(), Arc::clone(&post), view.clone());
            let (metrics, stop) = (cluster.clone(), stop.clone());
            let newest = AtomicU64::default();
            tenures.spawn(Tenure { partition, member, post, view, still_max, metrics, stop, newest }.run());
        }
        let mut worked = Ok(());
        loop {
            let ended = tokio::select! {
                ended = tenures.join_next() => ended,
                Some(ended) = tasks.join_next() => Some(ended),
            };
            match ended {
                Some(Ok(())) => {}
                // Everything else is given back in order.
                Some(Err(error)) => {
                    tracing::error!(%error, "a part of the member died; it stops");
                    stop.cancel();
                    worked = Err(error.into());
                }
                None => break,
            }
        }
        over.cancel();
        while tasks.join_next().await.is_some() {}
        worked
    }

    /// Reaches the buckets, waiting for a server that is not there yet; none at the stop.
    async fn reach(
        &self,
        context: &jetstream::Context,
        layout: &Layout,
        stop: &CancellationToken,
    ) -> Result<Option<(Ledger, Objects)>, MemberError> {
        loop {
            let found = tokio::select! {
                () = stop.cancelled() => return Ok(None),
                found = check::look(&self.client, layout, &self.config.nats.monitor_url) => found,
            };
            match found {
                Ok(findings) => {
                    for Finding { text, .. } in findings.iter().filter(|finding| !finding.fatal) {
                        tracing::warn!("{text}");
                    }
                    let fatal: Vec<String> =
                        findings.into_iter().filter(|finding| finding.fatal).map(|finding| finding.text).collect();
                    if !fatal.is_empty() {
                        return Err(MemberError::Lacks(fatal.join("; ")));
                    }
                    let ledger = context.get_key_value(&layout.bucket).await.map(Ledger::new);
                    let objects = context.get_object_store(&layout.objects).await.map(Objects::new);
                    if let (Ok(ledger), Ok(objects)) = (ledger, objects) {
                        for Finding { text, .. } in check::permissions(&self.client, layout).await {
                            tracing::warn!("{text}");
                        }
                        return Ok(Some((ledger, objects)));
                    }
                }
                Err(error) => self.unreached(&error),
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(None),
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    fn unreached(&self, error: &LayoutError) {
        tracing::warn!(%error, "the cluster's streams are not there yet; trying on");
        self.health.set_error(error);
    }
}

/// A name that no other member has, nor this one before its last start.
fn name(settings: &ClusterConfig) -> String {
    let host = settings.member.clone().unwrap_or_else(|| "member".to_owned());
    format!("{host}-{:08x}", OsRng.next_u32())
}

/// Says that we live, until it is over, and that we are gone then.
async fn live(
    post: Arc<Post>,
    (member, view): (String, View),
    every: Duration,
    cluster: ClusterMetrics,
    over: CancellationToken,
) {
    signs(&view, every, &over, || {
        let life = Life {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            host: post.config.cluster.as_ref().and_then(|cluster| cluster.member.clone()).unwrap_or_default(),
            partitions: usize::try_from(cluster.owned.get()).unwrap_or_default(),
        };
        let (ledger, member) = (&post.ledger, &member);
        async move { ledger.live(member, &life).await }
    })
    .await;
    if let Ok(Err(error)) = tokio::time::timeout(every, post.ledger.leave(&member)).await {
        tracing::warn!(%error, "the others cannot be told that we are gone");
    }
}

/// Writes a sign every so often, until it is over.
pub(super) async fn signs<F>(view: &View, every: Duration, over: &CancellationToken, mut write: impl FnMut() -> F)
where
    F: Future<Output = Result<(), LedgerError>>,
{
    let mut due = tokio::time::interval(every);
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = over.cancelled() => break,
            _ = due.tick() => {}
        }
        let written = tokio::time::timeout(every, write()).await;
        view.reached(matches!(written, Ok(Ok(()))));
        if let Ok(Err(error)) = written {
            tracing::warn!(%error, "our sign of life cannot be written");
        }
    }
}
