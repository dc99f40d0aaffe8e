//! `humdrum state` of a cluster, whose snapshots are objects in NATS: one list for each partition.

use anyhow::{Context, anyhow};
use async_nats::jetstream;
use prometheus::IntGauge;

use super::engine;
use crate::config::Config;
use crate::runtime::cluster::layout::Layout;
use crate::runtime::health::HealthState;
use crate::runtime::nats::connect::connect_once;
use crate::runtime::present;
use crate::runtime::store::ledger::{Kept, Ledger, Manifest, manifest_key};
use crate::runtime::store::shared::Objects;

/// Where the snapshots of all partitions are.
struct Shared {
    ledger: Ledger,
    objects: Objects,
    partitions: u16,
}

impl Shared {
    async fn open(config: &Config) -> anyhow::Result<Self> {
        let cluster = config.cluster.as_ref().ok_or_else(|| anyhow!("the settings have no cluster"))?;
        let layout = Layout::new(cluster, &config.events, &config.alerts);
        let connected = IntGauge::new("connected", "1 while NATS is connected.")?;
        let client = connect_once(&config.nats, &HealthState::new(None), &connected).await?;
        let context = jetstream::new(client);
        let ledger = context.get_key_value(&layout.bucket).await.context("the cluster's bucket cannot be opened")?;
        let objects = context.get_object_store(&layout.objects).await;
        let objects = objects.context("the cluster's snapshots cannot be opened")?;
        Ok(Self { ledger: Ledger::new(ledger), objects: Objects::new(objects), partitions: layout.partitions })
    }

    async fn manifest(&self, partition: u16) -> anyhow::Result<Manifest> {
        let (manifest, _) = self.ledger.read::<Manifest>(&manifest_key(partition)).await?;
        Ok(manifest.unwrap_or_default())
    }

    /// A row of the table: the snapshot, and whether it is whole.
    async fn row(&self, partition: u16, kept: &Kept) -> anyhow::Result<Vec<String>> {
        let (time, state) = match self.objects.join(kept).await? {
            Ok(checkpoint) => (checkpoint.event_time.map(|time| time.to_string()), "whole".to_owned()),
            Err(fault) => (None, fault.to_string()),
        };
        let (bytes, sequence) = (kept.bytes.to_string(), kept.sequence.to_string());
        Ok(vec![partition.to_string(), kept.object.clone(), bytes, sequence, time.unwrap_or_default(), state])
    }
}

fn block<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    drop(rustls::crypto::ring::default_provider().install_default());
    runtime.context("the threads for input and output cannot be started")?.block_on(work)
}

/// Lists the snapshots that the partitions' manifests name.
pub(super) fn inspect(config: &Config) -> anyhow::Result<String> {
    let rows = block(async {
        let (shared, mut rows) = (Shared::open(config).await?, Vec::new());
        for partition in 0..shared.partitions {
            for kept in shared.manifest(partition).await?.kept {
                rows.push(shared.row(partition, &kept).await?);
            }
        }
        Ok(rows)
    })?;
    Ok(present::table(&["partition", "snapshot", "bytes", "sequence", "event time", "state"], &rows))
}

/// All that the newest snapshots know of a bot, as JSON.
pub(super) fn export(config: &Config, tenant: &str, bot: &str) -> anyhow::Result<String> {
    block(async {
        let shared = Shared::open(config).await?;
        for partition in 0..shared.partitions {
            let manifest = shared.manifest(partition).await?;
            let Some((checkpoint, _)) = shared.objects.newest(partition, &manifest).await? else { continue };
            if let Some(found) = engine(config, &checkpoint)?.export(tenant, bot) {
                return Ok(format!("{found:#}\n"));
            }
        }
        Err(anyhow!("bot `{bot}` of tenant `{tenant}` is in no partition's newest snapshot"))
    })
}
