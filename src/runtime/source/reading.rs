//! What is read of which stream, through which consumer, and from where on.

use std::time::Duration;

use async_nats::jetstream::consumer::AckPolicy;
use async_nats::jetstream::consumer::pull::Config;

use crate::config::EventsConfig;
use crate::runtime::nats::streams::StreamSpec;
use crate::runtime::store::format::Position;

/// Time after which the server would deliver an unacknowledged message again, without a state directory. It must
/// outlast a stalled publish; what is lost on the way is found by number long before.
const ACK_WAIT: Duration = Duration::from_secs(600);
/// How long the event stream keeps events when we make it: the longest baseline and a week to notice a lost snapshot.
pub(crate) const EVENT_AGE_MAX: Duration = Duration::from_secs(37 * 24 * 3600);
/// How long the event stream remembers message ids when we make it. The ids are the producers' own and shared by all
/// bots of the stream, so that one bot could hide another's event for as long; the engine drops duplicates by bot.
pub(crate) const EVENT_DUPLICATE_WINDOW: Duration = Duration::from_millis(100);

/// Where reading begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// State is kept here: behind the snapshot's position, or at the beginning where there is no snapshot.
    Snapshot(Option<Position>),
    /// No state is kept here: behind what the consumer has acknowledged.
    Acknowledged,
}

/// What is read, and how.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The stream.
    pub spec: StreamSpec,
    /// What of it is read.
    pub filter: String,
    /// The consumer's name.
    pub durable: String,
    /// Messages fetched at once.
    pub batch: usize,
    /// Silence after which event time is moved on.
    pub idle_after: Duration,
    /// Time after which the server forgets the consumer if nobody reads through it; none: never.
    pub forgotten_after: Option<Duration>,
    /// Subject on which silence is put on record, to be read back in order; none: it is taken as it is measured.
    pub ticks: Option<String>,
}

impl Reading {
    /// The whole event stream.
    #[must_use]
    pub fn whole(config: &EventsConfig) -> Self {
        let spec = stream_spec(config);
        Self {
            filter: spec.subjects.clone(),
            spec,
            durable: config.durable.clone(),
            batch: config.batch.max(1),
            idle_after: config.idle_after,
            forgotten_after: None,
            ticks: None,
        }
    }

    /// The consumer that it takes.
    pub(super) fn consumer(&self, acknowledges: bool) -> Config {
        Config {
            durable_name: Some(self.durable.clone()),
            filter_subject: self.filter.clone(),
            ack_policy: if acknowledges { AckPolicy::All } else { AckPolicy::None },
            ack_wait: if acknowledges { ACK_WAIT } else { Duration::ZERO },
            max_ack_pending: if acknowledges { -1 } else { 0 },
            inactive_threshold: self.forgotten_after.unwrap_or_default(),
            description: Some("read by humdrum".to_owned()),
            ..Config::default()
        }
    }
}

/// What the event stream must do, and how to make it.
#[must_use]
pub fn stream_spec(config: &EventsConfig) -> StreamSpec {
    StreamSpec {
        name: config.stream.clone(),
        needs: format!("{}.*.*", config.subject_prefix),
        subjects: format!("{}.>", config.subject_prefix),
        create: config.create_stream,
        max_age: EVENT_AGE_MAX,
        duplicate_window: EVENT_DUPLICATE_WINDOW,
        description: "events of bots, read by humdrum",
    }
}
