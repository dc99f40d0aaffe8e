//! The streams and buckets of a cluster: what they are called, and how they are made.
//!
//! Alerts pass through a stream of their own, whose subjects carry the partition, so that one publish can be refused by
//! what the partition published last. From there they are copied under the names that everybody knows.

use std::time::Duration;

use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::stream::{Config, Republish, Source, Stream, SubjectTransform};
use async_nats::jetstream::{Context, ErrorCode, kv, object_store};

use crate::config::{AlertsConfig, ClusterConfig, EventsConfig, PartitionKey};
use crate::runtime::source::reading::{EVENT_AGE_MAX, EVENT_DUPLICATE_WINDOW};

/// How long the fence and the stream of alerts keep them.
const ALERT_AGE_MAX: Duration = Duration::from_secs(90 * 24 * 3600);
/// How long refused events are kept.
const REJECTED_AGE_MAX: Duration = Duration::from_secs(14 * 24 * 3600);

/// The names of everything.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Events arrive below it.
    pub events_prefix: String,
    /// The stream of events.
    pub events: String,
    /// Alerts are known below it.
    pub alerts_prefix: String,
    /// The stream of alerts.
    pub alerts: String,
    /// Refused events go below it.
    pub rejected_prefix: String,
    /// The stream of refused events.
    pub rejected: String,
    /// What the members say to one another goes below it.
    pub prefix: String,
    /// The stream that alerts pass through.
    pub fence: String,
    /// The bucket of leases, manifests and members.
    pub bucket: String,
    /// The bucket of snapshots.
    pub objects: String,
    /// How many partitions there are.
    pub partitions: u16,
    /// What decides on the partition.
    pub key: PartitionKey,
    /// Copies of everything.
    pub replicas: usize,
}

/// A stream or bucket that cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("`{name}` cannot be made: {detail}")]
pub struct LayoutError {
    name: String,
    detail: String,
}

impl LayoutError {
    /// The class of fault.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        "layout"
    }

    /// Whether trying again can help.
    #[must_use]
    pub fn retry(&self) -> bool {
        true
    }
}

impl Layout {
    /// As the settings have it.
    #[must_use]
    pub fn new(cluster: &ClusterConfig, events: &EventsConfig, alerts: &AlertsConfig) -> Self {
        let named = |what: &str| format!("{}_{what}", cluster.name);
        Self {
            events_prefix: events.subject_prefix.clone(),
            events: events.stream.clone(),
            alerts_prefix: alerts.subject_prefix.clone(),
            alerts: alerts.stream.clone(),
            rejected_prefix: events.rejected_prefix.clone(),
            rejected: events.rejected_stream.clone(),
            prefix: cluster.subject_prefix.clone(),
            fence: named("FENCE"),
            bucket: named("CLUSTER"),
            objects: named("SNAPSHOTS"),
            partitions: cluster.partitions,
            key: cluster.key,
            replicas: cluster.replicas,
        }
    }

    /// Below it is all that an owner of a partition reads: its events, and the silence on record. It is one subject, since
    /// the server goes through all subjects of a block for each message where a consumer asks for two.
    #[must_use]
    pub fn partition(&self, partition: u16) -> String {
        format!("{}.events.{partition}", self.prefix)
    }

    /// On it silence is put on record. An event's subject has a part more.
    #[must_use]
    pub fn ticks(&self, partition: impl std::fmt::Display) -> String {
        format!("{}.events.{partition}.tick", self.prefix)
    }

    /// Below it alerts of a partition pass.
    #[must_use]
    pub fn fenced(&self, partition: &str) -> String {
        format!("{}.alerts.{partition}", self.prefix)
    }

    /// How subjects of events become those of partitions.
    #[must_use]
    pub fn transform(&self) -> SubjectTransform {
        let (prefix, count) = (&self.prefix, self.partitions);
        let tokens = match self.key {
            PartitionKey::Tenant => "1",
            PartitionKey::Bot => "1,2",
        };
        SubjectTransform {
            source: format!("{}.*.*", self.events_prefix),
            destination: format!(
                "{prefix}.events.{{{{partition({count},{tokens})}}}}.{{{{wildcard(1)}}}}.{{{{wildcard(2)}}}}"
            ),
        }
    }

    /// The name of an alert by the one under which it passes. It can be written in two ways that mean the same.
    fn known(&self, other_way: bool) -> SubjectTransform {
        let destination = if other_way { "$2.$3" } else { "{{wildcard(2)}}.{{wildcard(3)}}" };
        SubjectTransform {
            source: format!("{}.alerts.*.*.*", self.prefix),
            destination: format!("{}.{destination}", self.alerts_prefix),
        }
    }

    /// Where the stream of alerts takes them from.
    fn source(&self, other_way: bool) -> Source {
        let transform = self.known(other_way);
        Source { name: self.fence.clone(), subject_transforms: vec![transform], ..Source::default() }
    }

    /// The fence was made anew, and counts from the beginning. The server goes on in a source behind the number that it
    /// has seen there, and knows a source by how it is written: written otherwise it is a new one, and is read whole.
    async fn read_anew(&self, context: &Context, alerts: &Stream) -> Result<(), LayoutError> {
        let mut config = alerts.cached_info().config.clone();
        let this_way = vec![self.source(false)];
        let is = config.sources.take().unwrap_or_default();
        config.sources = Some(if is == this_way { vec![self.source(true)] } else { this_way });
        context.update_stream(&config).await.map(drop).map_err(|error| fault(&self.alerts, error))
    }

    /// The streams, as they are made.
    #[must_use]
    pub fn streams(&self) -> Vec<Config> {
        let base = Config { num_replicas: self.replicas, allow_direct: true, ..Config::default() };
        let described = |text: &str| Some(text.to_owned());
        let SubjectTransform { source, destination } = self.known(false);
        vec![
            Config {
                name: self.events.clone(),
                subjects: vec![format!("{}.*.*", self.events_prefix), self.ticks("*")],
                subject_transform: Some(self.transform()),
                max_age: EVENT_AGE_MAX,
                duplicate_window: EVENT_DUPLICATE_WINDOW,
                description: described("events of bots, by partition, read by humdrum"),
                ..base.clone()
            },
            Config {
                name: self.fence.clone(),
                subjects: vec![format!("{}.alerts.>", self.prefix)],
                republish: Some(Republish { source, destination, headers_only: false }),
                max_age: ALERT_AGE_MAX,
                description: described("alerts of humdrum, by partition, each the successor of the one before"),
                ..base.clone()
            },
            Config {
                name: self.alerts.clone(),
                sources: Some(vec![self.source(false)]),
                max_age: ALERT_AGE_MAX,
                description: described("alerts of humdrum"),
                ..base.clone()
            },
            Config {
                name: self.rejected.clone(),
                subjects: vec![format!("{}.>", self.rejected_prefix)],
                max_age: REJECTED_AGE_MAX,
                duplicate_window: Duration::from_secs(600),
                description: described("events that humdrum refused"),
                ..base
            },
        ]
    }

    /// Makes what is missing; what was made. What is there is not changed.
    ///
    /// # Errors
    /// The server refuses, or does not answer.
    pub async fn make(&self, context: &Context) -> Result<Vec<String>, LayoutError> {
        let mut made = Vec::new();
        for config in self.streams() {
            let name = config.name.clone();
            if find(context, &name).await?.is_none() {
                context.create_stream(config).await.map_err(|error| fault(&name, error))?;
                made.push(format!("stream {name}"));
                let alerts = if name == self.fence { find(context, &self.alerts).await? } else { None };
                if let Some(alerts) = alerts {
                    self.read_anew(context, &alerts).await?;
                    made.push(format!("the way from {} to {}", self.fence, self.alerts));
                }
            }
        }
        if find(context, &format!("KV_{}", self.bucket)).await?.is_none() {
            let bucket = self.bucket.clone();
            let config = kv::Config { bucket, num_replicas: self.replicas, history: 1, ..kv::Config::default() };
            context.create_key_value(config).await.map_err(|error| fault(&self.bucket, error))?;
            made.push(format!("bucket {}", self.bucket));
        }
        if find(context, &format!("OBJ_{}", self.objects)).await?.is_none() {
            let bucket = self.objects.clone();
            let config =
                object_store::Config { bucket, num_replicas: self.replicas, ..object_store::Config::default() };
            context.create_object_store(config).await.map_err(|error| fault(&self.objects, error))?;
            made.push(format!("bucket {}", self.objects));
        }
        Ok(made)
    }
}

/// A stream, where there is one.
pub(super) async fn find(context: &Context, name: &str) -> Result<Option<Stream>, LayoutError> {
    match context.get_stream(name).await {
        Ok(stream) => Ok(Some(stream)),
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(inner) if inner.error_code() == ErrorCode::STREAM_NOT_FOUND => Ok(None),
            _ => Err(fault(name, error)),
        },
    }
}

fn fault(name: &str, error: impl std::fmt::Display) -> LayoutError {
    LayoutError { name: name.to_owned(), detail: error.to_string() }
}
