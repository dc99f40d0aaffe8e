//! `humdrum cluster`: makes what several members need, and shows who owns what.

use std::io::Write;

use anyhow::{Context, anyhow};
use async_nats::Client;
use async_nats::jetstream;
use clap::{Args, Subcommand};
use prometheus::IntGauge;
use serde::Serialize;

use super::failure::Failure;
use super::output;
use super::settings::{self, Secrets, SettingsArgs};
use crate::config::Config;
use crate::runtime::cluster::check::{Finding, look, permissions};
use crate::runtime::cluster::layout::Layout;
use crate::runtime::health::HealthState;
use crate::runtime::nats::connect::connect_once;
use crate::runtime::present;
use crate::runtime::store::ledger::{Kept, Lease, Ledger, Life, Manifest, lease_key, manifest_key, member_key};
use crate::time::Timestamp;

/// Several members on one stream: make what they need, show who owns what.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  humdrum cluster init --config humdrum.toml\n  \
    humdrum cluster status --nats nats://10.0.0.5:4222 --json\n\n\
    `init` changes nothing that is there, and needs an account that may make streams; members do not.")]
pub(super) struct ClusterArgs {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Make the streams and buckets that are missing
    Init(ServerArgs),
    /// Show members, owners, and what the server lacks
    Status(StatusArgs),
}

#[derive(Debug, Args)]
struct ServerArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    /// NATS servers, comma-separated
    #[arg(long, value_name = "URL")]
    nats: Option<String>,
}

#[derive(Debug, Args)]
struct StatusArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Who owns what.
#[derive(Debug, Serialize)]
struct Status {
    members: Vec<Member>,
    partitions: Vec<Partition>,
    lacks: Vec<String>,
    /// What works, and could be lost.
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Member {
    name: String,
    version: String,
    partitions: usize,
    seen: Timestamp,
}

#[derive(Debug, Serialize)]
struct Partition {
    number: u16,
    owner: Option<String>,
    epoch: u64,
    snapshot: Option<Kept>,
}

pub(super) fn run(args: &ClusterArgs) -> Result<(), Failure> {
    let server = match &args.task {
        Task::Init(server) => server,
        Task::Status(status) => &status.server,
    };
    let mut flags: Vec<_> = settings::flag("--nats", "nats.url", server.nats.as_ref()).into_iter().collect();
    // Whoever asks about a cluster means one.
    flags.extend(settings::flag("cluster", "cluster.enabled", Some(&"true")));
    let config = server.settings.load(flags, Secrets::Needed)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.context("the threads for input and output cannot be started")?;
    drop(rustls::crypto::ring::default_provider().install_default());
    let text = runtime.block_on(async {
        let connected = IntGauge::new("connected", "1 while NATS is connected.")?;
        let client = connect_once(&config.nats, &HealthState::new(None), &connected).await?;
        match &args.task {
            Task::Init(_) => init(&client, &config).await,
            Task::Status(status) => show(&client, &config, status.json).await,
        }
    })?;
    let mut out = output::stdout();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    Ok(written.context("standard output cannot be written")?)
}

fn layout(config: &Config) -> anyhow::Result<Layout> {
    let cluster = config.cluster.as_ref().ok_or_else(|| anyhow!("the settings have no cluster"))?;
    Ok(Layout::new(cluster, &config.events, &config.alerts))
}

async fn init(client: &Client, config: &Config) -> anyhow::Result<String> {
    let layout = layout(config)?;
    let made = layout.make(&jetstream::new(client.clone())).await?;
    let mut text = listed("made ", &made);
    if made.is_empty() {
        text.push_str("everything was there\n");
    }
    let found = look(client, &layout, &config.nats.monitor_url).await?;
    text.extend(found.into_iter().map(sentence));
    Ok(text)
}

/// A line each.
fn listed(what: &str, lines: &[String]) -> String {
    lines.iter().map(|line| [what, "  ", line, "\n"].concat()).collect()
}

fn sentence(Finding { fatal, text }: Finding) -> String {
    format!("{}  {text}\n", if fatal { "lacks" } else { "note " })
}

async fn show(client: &Client, config: &Config, json: bool) -> anyhow::Result<String> {
    let layout = layout(config)?;
    let context = jetstream::new(client.clone());
    let found = look(client, &layout, &config.nats.monitor_url).await?;
    let (fatal, noted): (Vec<_>, Vec<_>) = found.into_iter().partition(|finding| finding.fatal);
    let texts = |found: Vec<Finding>| found.into_iter().map(|finding| finding.text).collect();
    let (lacks, notes) = (texts(fatal), texts(noted));
    let mut status = Status { members: Vec::new(), partitions: Vec::new(), lacks, notes };
    if status.lacks.is_empty() {
        status.lacks = permissions(client, &layout).await.into_iter().map(|finding| finding.text).collect();
        let store = context.get_key_value(&layout.bucket).await.context("the cluster's bucket cannot be opened")?;
        let ledger = Ledger::new(store);
        status.members = members(&ledger).await?;
        for number in 0..layout.partitions {
            let (lease, _) = ledger.read::<Lease>(&lease_key(number)).await?;
            let (manifest, _) = ledger.read::<Manifest>(&manifest_key(number)).await?;
            let lease = lease.unwrap_or_default();
            let owner = (!lease.released && !lease.member.is_empty()).then_some(lease.member);
            let snapshot = manifest.and_then(|manifest| manifest.kept.into_iter().next());
            status.partitions.push(Partition { number, owner, epoch: lease.epoch, snapshot });
        }
    }
    if json {
        return Ok(serde_json::to_string(&status)? + "\n");
    }
    Ok(words(&status))
}

async fn members(ledger: &Ledger) -> anyhow::Result<Vec<Member>> {
    let mut members = Vec::new();
    for name in ledger.members().await? {
        let Some((life, seen)) = ledger.life(&member_key(&name)).await? else { continue };
        let Life { version, partitions, .. } = life;
        members.push(Member { name, version, partitions, seen });
    }
    Ok(members)
}

fn words(status: &Status) -> String {
    let mut text = listed("lacks", &status.lacks) + &listed("note ", &status.notes);
    let member = |member: &Member| {
        vec![member.name.clone(), member.version.clone(), member.partitions.to_string(), member.seen.to_string()]
    };
    let members: Vec<_> = status.members.iter().map(member).collect();
    text += &present::table(&["member", "version", "partitions", "last seen"], &members);
    text.push('\n');
    let partition = |partition: &Partition| {
        let kept = partition.snapshot.as_ref();
        vec![
            partition.number.to_string(),
            partition.owner.clone().unwrap_or_else(|| "nobody".to_owned()),
            partition.epoch.to_string(),
            kept.map_or_else(|| "none".to_owned(), |kept| kept.sequence.to_string()),
            kept.map_or_else(String::new, |kept| kept.bytes.to_string()),
        ]
    };
    let partitions: Vec<_> = status.partitions.iter().map(partition).collect();
    text += &present::table(&["partition", "owner", "epoch", "snapshot at", "bytes"], &partitions);
    text
}
