//! Settings of a cluster.

use std::time::Duration;

use super::check::Check;
use super::raw::{RawCluster, RawNames, RawRule};
use super::validate::{DAY, MINUTE};
use super::{ClusterConfig, PartitionKey};

/// Rules on the numbers of logs, whose records a partition by bot sees only some of.
const RULES_ON_NUMBERS: [&str; 3] = ["sequence_gap", "counter_restart", "counter_shared"];

/// The cluster, where there is to be one.
pub(super) fn cluster(check: &mut Check<'_>, raw: RawCluster) -> Option<ClusterConfig> {
    let enabled = check.given("cluster.enabled", raw.enabled);
    let key = match raw.key.as_deref() {
        Some("tenant") => PartitionKey::Tenant,
        Some("bot") => PartitionKey::Bot,
        other => {
            let text = other.unwrap_or_default();
            check.fault("cluster.key", format!("`{text}` is no key; write `tenant` or `bot`"));
            PartitionKey::Tenant
        }
    };
    let (least, second) = (Duration::from_millis(500), Duration::from_secs(1));
    let cluster = ClusterConfig {
        name: check.name("cluster.name", raw.name),
        member: raw.member.map(|member| check.name("cluster.member", Some(member))),
        subject_prefix: check.subject("cluster.subject_prefix", raw.subject_prefix),
        partitions: check.whole("cluster.partitions", raw.partitions, 1..=256) as u16,
        key,
        replicas: check.size("cluster.replicas", raw.replicas, 1..=5),
        takeover_after: check.span("cluster.takeover_after", raw.takeover_after.as_ref(), least..=MINUTE),
        snapshot_every: check.span("cluster.snapshot_every", raw.snapshot_every.as_ref(), second..=DAY),
        keep_days: check.size("cluster.keep_days", raw.keep_days, 0..=400),
        batch: check.size("cluster.batch", raw.batch, 1..=10_000),
    };
    enabled.then_some(cluster)
}

/// Decisions about rules that come with a cluster whose bots are spread. They come last: no other can be right.
pub(super) fn decisions(spread: bool) -> Vec<RawRule> {
    let rule = Some(RawNames(RULES_ON_NUMBERS.map(ToOwned::to_owned).to_vec()));
    if spread { vec![RawRule { rule, enabled: Some(false), ..RawRule::default() }] } else { Vec::new() }
}
