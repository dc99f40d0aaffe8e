//! The registry while the program runs: read again when it changes, and given to the engine between two batches.
//!
//! One that is wrong changes nothing: the one before stays in use, and the log and `/readyz` say what is wrong until it is
//! mended. Of a bucket, each key stands for itself: a value that is wrong leaves the key's last good one in use.

mod bucket;
mod file;

use std::path::Path;
use std::time::Duration;

use async_nats::Client;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::health::HealthState;
use super::metrics::RegistryMetrics;
use super::source::Feed;
use crate::registry::{Registry, RegistryError};
pub use bucket::BucketError;

/// Time between two looks at a file, and before a bucket is opened again. Longer: a change is in force later.
const PAUSE: Duration = Duration::from_secs(1);
/// Faults that are told; the rest is counted.
const FAULTS_SHOWN_MAX: usize = 10;

/// Faults as they are told.
#[must_use]
pub fn shown(errors: &[RegistryError]) -> Vec<String> {
    let mut list: Vec<String> = errors.iter().take(FAULTS_SHOWN_MAX).map(ToString::to_string).collect();
    if errors.len() > list.len() {
        list.push(format!("and {} more", errors.len() - list.len()));
    }
    list
}

/// What was read: the registry that is to be in use, if that is clear, and what is wrong.
#[derive(Debug, Default)]
pub struct Reading {
    registry: Option<Registry>,
    fault: Option<String>,
}

/// Where the registry is.
#[derive(Debug)]
pub enum Origin {
    /// A file.
    File(file::RegistryFile),
    /// A bucket that is watched.
    Bucket(Box<bucket::Bucket>),
}

impl Origin {
    /// A file.
    #[must_use]
    pub fn file(path: &Path) -> Self {
        Self::File(file::RegistryFile::new(path))
    }

    /// A bucket, with all that is in it.
    ///
    /// # Errors
    /// There is none, or the server does not answer.
    pub async fn bucket(client: &Client, name: &str) -> Result<Self, BucketError> {
        Ok(Self::Bucket(Box::new(bucket::Bucket::open(client.clone(), name).await?)))
    }

    /// What was read at the opening; none of a file, which was read at the start.
    pub fn first(&mut self) -> Option<Reading> {
        match self {
            Self::File(_) => None,
            Self::Bucket(bucket) => Some(bucket.reading()),
        }
    }

    /// Waits for the next change.
    async fn next(&mut self) -> Reading {
        match self {
            Self::File(file) => file.next().await,
            Self::Bucket(bucket) => bucket.next().await,
        }
    }
}

/// Keeps the registry in use up to date.
#[derive(Debug)]
pub struct Follower {
    known: Registry,
    health: HealthState,
    metrics: RegistryMetrics,
}

impl Follower {
    /// Begins with the registry that the engine has.
    #[must_use]
    pub fn new(known: Registry, health: HealthState, metrics: RegistryMetrics) -> Self {
        metrics.bots.set(i64::try_from(known.len()).unwrap_or(i64::MAX));
        Self { known, health, metrics }
    }

    /// What is to be given to the engine, if anything has changed; tells of faults.
    pub fn take(&mut self, reading: Reading) -> Option<Box<Registry>> {
        if let Some(fault) = &reading.fault {
            self.metrics.faults.inc();
            tracing::error!(fault, "the registry is wrong; the one before stays in use");
        }
        self.health.set_registry_fault(reading.fault);
        let registry = reading.registry.filter(|registry| *registry != self.known)?;
        self.metrics.bots.set(i64::try_from(registry.len()).unwrap_or(i64::MAX));
        tracing::info!(bots = registry.len(), "the registry has changed");
        self.known = registry.clone();
        Some(Box::new(registry))
    }

    /// Follows until the stop, or until nobody takes the feed any more.
    pub async fn run(mut self, mut origin: Origin, feed: mpsc::Sender<Feed>, stop: CancellationToken) {
        loop {
            let reading = tokio::select! {
                () = stop.cancelled() => return,
                reading = origin.next() => reading,
            };
            let Some(registry) = self.take(reading) else { continue };
            tokio::select! {
                () = stop.cancelled() => return,
                sent = feed.send(Feed::Registry(registry)) => if sent.is_err() { return },
            }
        }
    }
}
