//! Where to go on in a stream: found by comparing what is remembered of it with what it is now.
//!
//! A position is good if the stream is the same incarnation, still has as many records, and the record at the position
//! is still the one that was read. Else reading starts over at the beginning, since nobody can say which of the records
//! are new; the engine drops what it has seen by its ids. What was lost is told as a [`Gap`], with its exact range.

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::consumer::pull::Config;
use async_nats::jetstream::consumer::{DeliverPolicy, PullConsumer};
use async_nats::jetstream::context::ConsumerInfoErrorKind;
use async_nats::jetstream::stream::{Info, RawMessageErrorKind, Stream};

use super::jetstream::SourceError;
use crate::alert::coverage::{Gap, GapKind};
use crate::runtime::clock;
use crate::runtime::store::format::{Mark, Position};
use crate::time::Timestamp;

/// Where to go on, and what was lost before.
pub(super) struct Anchor {
    pub(super) position: Position,
    pub(super) gap: Option<Gap>,
}

/// Where to go on in the stream as it is now. `marks` is whether its records may be looked at.
pub(super) async fn anchor(stream: &Stream, before: Option<&Position>, marks: &mut bool) -> Anchor {
    let info = stream.cached_info();
    let (name, created_us) = (info.config.name.clone(), micros(info.created));
    let beginning = Position { stream: name.clone(), created_us, sequence: 0, record: None };
    let Some(before) = before else {
        return Anchor { position: beginning, gap: None };
    };
    let last = info.state.last_sequence;
    if before.stream != name {
        tracing::error!(was = before.stream, is = name, "another stream than before; starting over at its beginning");
        return Anchor { position: beginning, gap: None };
    }
    if before.created_us != created_us {
        let until = Some(Timestamp::from_micros(created_us));
        let sequences = Some((before.sequence + 1, before.sequence));
        let gap = Gap { until, sequences, created_us: before.created_us, ..gap(GapKind::Recreated, before) };
        return Anchor { position: beginning, gap: Some(gap) };
    }
    if last < before.sequence || replaced(stream, before, marks).await {
        let first = last.min(before.sequence.saturating_sub(1)) + 1;
        let gap = Gap { sequences: Some((first, before.sequence)), ..gap(GapKind::Regressed, before) };
        return Anchor { position: beginning, gap: Some(gap) };
    }
    match expired(info, before) {
        // Nobody is to find the same again with the first event behind.
        Some(gap) => {
            let sequence = gap.sequences.map_or(before.sequence, |(_, last)| last);
            Anchor { position: Position { sequence, record: None, ..before.clone() }, gap: Some(gap) }
        }
        None => Anchor { position: before.clone(), gap: None },
    }
}

/// The time up to which silence on record was applied, where the stream is read again from further back.
pub(super) fn heard(before: Option<&Position>, now: &Position) -> Timestamp {
    let record = before.filter(|before| now.sequence < before.sequence).and_then(|before| before.record);
    Timestamp::from_micros(record.map_or(i64::MIN, |record| record.stamp_us))
}

/// Whether the stream has nothing of what is read behind a sequence. Where it does not say, it may have.
pub(super) async fn is_last(stream: &Stream, filters: &[String], sequence: u64) -> bool {
    for filter in filters {
        match stream.get_last_raw_message_by_subject(filter).await {
            Ok(message) if message.sequence <= sequence => {}
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => {}
            Ok(_) => return false,
            Err(error) => {
                tracing::debug!(%error, filter, "the last record of the stream cannot be looked at");
                return false;
            }
        }
    }
    true
}

/// What the stream gave up behind a position before it was read.
pub(super) fn expired(info: &Info, after: &Position) -> Option<Gap> {
    let (first, last) = (info.state.first_sequence, info.state.last_sequence);
    let (from, to) = (after.sequence + 1, last.min(first.saturating_sub(1)));
    // What was never read and never missed: a consumer that begins in the middle of a stream's life.
    (after.sequence > 0 && from <= to).then(|| Gap { sequences: Some((from, to)), ..gap(GapKind::Expired, after) })
}

/// A gap that begins at a position, found now.
pub(super) fn gap(kind: GapKind, after: &Position) -> Gap {
    let since = after.record.map_or_else(clock::wall, |record| Timestamp::from_micros(record.stamp_us));
    let (stream, created_us) = (after.stream.clone(), after.created_us);
    Gap { kind, stream, part: None, created_us, sequences: None, since, until: None, detail: String::new() }
}

/// Whether another record stands at a position than the one that was read. Records that cannot be looked at are not
/// looked at again.
pub(super) async fn replaced(stream: &Stream, position: &Position, marks: &mut bool) -> bool {
    let Some(known) = position.record else { return false };
    record(stream, position.sequence, marks).await.is_some_and(|found| found != known)
}

/// What the record of a sequence is known by; none where there is none, or it may not be looked at.
pub(super) async fn record(stream: &Stream, sequence: u64, marks: &mut bool) -> Option<Mark> {
    if !*marks || sequence == 0 {
        return None;
    }
    match stream.get_raw_message(sequence).await {
        Ok(message) => Some(Mark::of(Timestamp::from_micros(micros(message.time)), &message.payload)),
        Err(error) => {
            let gone = match error.kind() {
                RawMessageErrorKind::NoMessageFound => true,
                RawMessageErrorKind::JetStream(error) => error.error_code() == ErrorCode::NO_MESSAGE_FOUND,
                _ => false,
            };
            if !gone {
                *marks = false;
                tracing::warn!(%error, "records of the stream cannot be looked at; a lost tail shows by its numbers only");
            }
            None
        }
    }
}

/// What the consumer of an earlier run has acknowledged.
pub(super) async fn acknowledged(stream: &Stream, wanted: &Config) -> Result<Option<Position>, SourceError> {
    let durable = wanted.durable_name.as_deref().unwrap_or_default();
    let Some(consumer) = find(stream, wanted, durable).await? else {
        return Ok(None);
    };
    let info = stream.cached_info();
    let sequence = consumer.cached_info().ack_floor.stream_sequence.min(info.state.last_sequence);
    Ok(Some(Position { stream: info.config.name.clone(), created_us: micros(info.created), sequence, record: None }))
}

/// A consumer that delivers what follows on a position, and the number of its last delivery.
pub(super) async fn bind(
    stream: &Stream,
    wanted: &Config,
    position: &Position,
) -> Result<(PullConsumer, u64), SourceError> {
    let durable = wanted.durable_name.as_deref().unwrap_or_default();
    if let Some(consumer) = find(stream, wanted, durable).await? {
        let info = consumer.cached_info();
        let same = info.config.ack_policy == wanted.ack_policy && info.config.filter_subject == wanted.filter_subject;
        let same = same && info.config.filter_subjects == wanted.filter_subjects;
        if same && info.delivered.stream_sequence == position.sequence && info.num_ack_pending == 0 {
            let delivered = info.delivered.consumer_sequence;
            return Ok((consumer, delivered));
        }
        tracing::warn!(
            durable,
            consumer_at = info.delivered.stream_sequence,
            position = position.sequence,
            "consumer stands elsewhere; making it anew"
        );
        stream.delete_consumer(durable).await.map_err(|error| consumer_fault(wanted, &error))?;
    }
    let deliver_policy = match position.sequence {
        0 => DeliverPolicy::All,
        sequence => DeliverPolicy::ByStartSequence { start_sequence: sequence + 1 },
    };
    let config = Config { deliver_policy, ..wanted.clone() };
    let consumer = stream.create_consumer(config).await.map_err(|error| consumer_fault(wanted, &error))?;
    Ok((consumer, 0))
}

async fn find(stream: &Stream, wanted: &Config, durable: &str) -> Result<Option<PullConsumer>, SourceError> {
    match stream.consumer_info(durable).await {
        Ok(_) => {}
        Err(error) if error.kind() == ConsumerInfoErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(consumer_fault(wanted, &error)),
    }
    match stream.get_consumer(durable).await {
        Ok(consumer) => Ok(Some(consumer)),
        Err(error) => Err(consumer_fault(wanted, &error)),
    }
}

pub(super) fn consumer_fault(wanted: &Config, error: &dyn std::fmt::Display) -> SourceError {
    SourceError::Consumer { durable: wanted.durable_name.clone().unwrap_or_default(), detail: error.to_string() }
}

pub(super) fn micros(at: async_nats::datetime::DateTime) -> i64 {
    (at.unix_timestamp_nanos() / 1000) as i64
}
