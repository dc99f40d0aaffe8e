//! `humdrum state` of a cluster, whose snapshots are objects in NATS: one list for each partition.

use std::time::Duration;

use anyhow::{Context, anyhow};
use async_nats::Client;
use async_nats::jetstream;
use prometheus::IntGauge;

use super::{What, engine, put_back, unknown};
use crate::config::Config;
use crate::runtime::cluster::guest::{ChangeError, Guest};
use crate::runtime::cluster::layout::Layout;
use crate::runtime::health::HealthState;
use crate::runtime::nats::connect::connect_once;
use crate::runtime::present;
use crate::runtime::store::format::Checkpoint;
use crate::runtime::store::ledger::{Kept, KeptDay, Ledger, Manifest, manifest_key};
use crate::runtime::store::shared::Objects;

/// Where the snapshots of all partitions are.
struct Shared {
    client: Client,
    ledger: Ledger,
    objects: Objects,
    partitions: u16,
}

/// The partition that a bot is in.
struct Place {
    partition: u16,
    manifest: Manifest,
    newest: Checkpoint,
}

impl Shared {
    async fn open(config: &Config) -> anyhow::Result<Self> {
        let cluster = config.cluster.as_ref().ok_or_else(|| anyhow!("the settings have no cluster"))?;
        let layout = Layout::new(cluster, &config.events, &config.alerts);
        let connected = IntGauge::new("connected", "1 while NATS is connected.")?;
        let client = connect_once(&config.nats, &HealthState::new(None), &connected).await?;
        let context = jetstream::new(client.clone());
        let ledger = context.get_key_value(&layout.bucket).await.context("the cluster's bucket cannot be opened")?;
        let objects = context.get_object_store(&layout.objects).await;
        let objects = objects.context("the cluster's snapshots cannot be opened")?;
        let (ledger, objects, partitions) = (Ledger::new(ledger), Objects::new(objects), layout.partitions);
        Ok(Self { client, ledger, objects, partitions })
    }

    async fn manifest(&self, partition: u16) -> anyhow::Result<Manifest> {
        let (manifest, _) = self.ledger.read::<Manifest>(&manifest_key(partition)).await?;
        Ok(manifest.unwrap_or_default())
    }

    /// Where a bot is.
    async fn place(&self, config: &Config, tenant: &str, bot: &str) -> anyhow::Result<Place> {
        for partition in 0..self.partitions {
            let manifest = self.manifest(partition).await?;
            let Some((newest, _)) = self.objects.newest(partition, &manifest).await? else { continue };
            if engine(config, &newest)?.export(tenant, bot).is_some() {
                return Ok(Place { partition, manifest, newest });
            }
        }
        Err(anyhow!("bot `{bot}` of tenant `{tenant}` is in no partition's newest snapshot"))
    }

    /// A row of the table: the snapshot, the day whose first it is, and whether it is whole.
    async fn row(&self, partition: u16, kept: &Kept, day: &str) -> anyhow::Result<Vec<String>> {
        let (time, state) = match self.objects.join(kept).await? {
            Ok(checkpoint) => (checkpoint.event_time.map(|time| time.to_string()), "whole".to_owned()),
            Err(fault) => (None, fault.to_string()),
        };
        let (bytes, sequence) = (kept.bytes.to_string(), kept.sequence.to_string());
        let (partition, object, day) = (partition.to_string(), kept.object.clone(), day.to_owned());
        Ok(vec![partition, object, day, bytes, sequence, time.unwrap_or_default(), state])
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
            let Manifest { kept, days, .. } = shared.manifest(partition).await?;
            for kept in &kept {
                let day = days.iter().find(|known| known.kept.object == kept.object);
                rows.push(shared.row(partition, kept, day.map_or("", |known| &known.day)).await?);
            }
            // One that is among the newest is listed there.
            for KeptDay { day, kept } in days.iter().filter(|known| !kept.iter().any(|k| k.object == known.kept.object))
            {
                rows.push(shared.row(partition, kept, day).await?);
            }
        }
        Ok(rows)
    })?;
    Ok(present::table(&["partition", "snapshot", "first of", "bytes", "sequence", "event time", "state"], &rows))
}

/// All that the newest snapshots know of a bot, or those of the beginning of a day, as JSON.
pub(super) fn export(config: &Config, tenant: &str, bot: &str, at: Option<&str>) -> anyhow::Result<String> {
    block(async {
        let shared = Shared::open(config).await?;
        let Place { partition, manifest, newest } = shared.place(config, tenant, bot).await?;
        let checkpoint = match at {
            Some(day) => shared.objects.of_day(partition, &manifest, day).await?,
            None => newest,
        };
        let found = engine(config, &checkpoint)?.export(tenant, bot);
        found.map(|found| format!("{found:#}\n")).ok_or_else(|| unknown(tenant, bot))
    })
}

/// Puts a bot back, while members work on or without any; how long its partition was not worked on.
pub(super) fn revert(config: &Config, what: What, day: &str, within: Duration) -> anyhow::Result<String> {
    block(async {
        let shared = Shared::open(config).await?;
        let Place { partition, manifest, mut newest } = shared.place(config, &what.tenant, &what.bot).await?;
        // Tried on what there is first: no owner leaves for what cannot be done.
        let earlier = shared.objects.of_day(partition, &manifest, day).await?;
        put_back(config, &mut newest, &earlier, &what)?;
        drop((newest, earlier));
        let guest = Guest::arrive(config.clone(), shared.client, partition).await?;
        let (settings, text) = (config.clone(), what.said(day));
        let change = move |now: &mut Checkpoint, earlier: &Checkpoint| {
            put_back(&settings, now, earlier, &what).map_err(ChangeError::from)
        };
        let took = guest.change(day, within, change).await?;
        Ok(format!("{text}; partition {partition} was held for {:.2} s\n", took.as_secs_f64()))
    })
}
