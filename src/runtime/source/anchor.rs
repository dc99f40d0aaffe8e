//! Where to go on in a stream: found by comparing what is remembered of it with what it is now.
//!
//! A position is good if the stream is the same incarnation, still has as many records, and the record at the position
//! is still the one that was read. Else reading starts over at the beginning, since nobody can say which of the records
//! are new; the engine drops what it has seen by its ids. What was lost is told as a [`Gap`], with its exact range.

use super::upstream::{ConsumerFacts, RecordFault, StreamFacts, Upstream};
use crate::alert::coverage::{Gap, GapKind};
use crate::runtime::clock;
use crate::runtime::store::format::{Mark, Position};
use crate::time::Timestamp;

/// Where to go on, and what was lost before.
pub(super) struct Anchor {
    pub(super) position: Position,
    pub(super) gap: Option<Gap>,
}

/// Failures in a row after which records count as such that cannot be looked at. Fewer is blind for what a server loses
/// while it is out of reach, more waits for one that never answers this.
const FAILURES_MAX: u32 = 8;

/// Whether records of the stream can be looked at.
#[derive(Debug, Default)]
pub(super) struct Marks {
    denied: bool,
    failures: u32,
}

impl Marks {
    pub(super) fn are_looked_at(&self) -> bool {
        !self.denied && self.failures < FAILURES_MAX
    }

    /// There is another connection, on which it may work.
    pub(super) fn look_again(&mut self) {
        self.failures = 0;
    }
}

/// Where to go on in the stream as it is now. An error where that cannot be told now.
pub(super) async fn anchor(
    upstream: &impl Upstream,
    stream: &StreamFacts,
    before: Option<&Position>,
    marks: &mut Marks,
) -> Result<Anchor, String> {
    let StreamFacts { name, created_us, first, last } = stream.clone();
    // What the stream gave up before it was first looked at was never missed.
    let beginning =
        Position { stream: name.clone(), created_us, sequence: first.saturating_sub(1).min(last), record: None };
    let Some(before) = before else {
        return Ok(Anchor { position: beginning, gap: None });
    };
    if before.stream != name {
        tracing::error!(was = before.stream, is = name, "another stream than before; starting over at its beginning");
        return Ok(Anchor { position: beginning, gap: None });
    }
    if before.created_us != created_us {
        let until = Some(Timestamp::from_micros(created_us));
        let sequences = Some((before.sequence + 1, before.sequence));
        let gap = Gap { until, sequences, created_us: before.created_us, ..gap(GapKind::Recreated, before) };
        // All of it is new: what it has given up already is a gap of its own.
        return Ok(Anchor { position: Position { sequence: 0, ..beginning }, gap: Some(gap) });
    }
    if last < before.sequence || replaced(upstream, before, marks).await? {
        let first = last.min(before.sequence.saturating_sub(1)) + 1;
        let gap = Gap { sequences: Some((first, before.sequence)), ..gap(GapKind::Regressed, before) };
        return Ok(Anchor { position: beginning, gap: Some(gap) });
    }
    Ok(match expired(stream, before) {
        // Nobody is to find the same again with the first event behind.
        Some(gap) => {
            let sequence = gap.sequences.map_or(before.sequence, |(_, last)| last);
            Anchor { position: Position { sequence, record: None, ..before.clone() }, gap: Some(gap) }
        }
        None => Anchor { position: before.clone(), gap: None },
    })
}

/// The time up to which silence on record was applied, where the stream is read again from further back.
pub(super) fn heard(before: Option<&Position>, now: &Position) -> Timestamp {
    let record = before.filter(|before| now.sequence < before.sequence).and_then(|before| before.record);
    Timestamp::from_micros(record.map_or(i64::MIN, |record| record.stamp_us))
}

/// Whether the stream has nothing of what is read behind a sequence. Where it does not say, it may have.
pub(super) async fn is_last(upstream: &impl Upstream, filter: &str, sequence: u64) -> bool {
    match upstream.newest(filter).await {
        Ok(newest) => newest <= sequence,
        Err(error) => {
            tracing::debug!(%error, filter, "the last record of the stream cannot be looked at");
            false
        }
    }
}

/// What the stream gave up behind a position before it was read.
pub(super) fn expired(stream: &StreamFacts, after: &Position) -> Option<Gap> {
    let (from, to) = (after.sequence + 1, stream.last.min(stream.first.saturating_sub(1)));
    (from <= to).then(|| Gap { sequences: Some((from, to)), ..gap(GapKind::Expired, after) })
}

/// A gap that begins at a position, found now.
pub(super) fn gap(kind: GapKind, after: &Position) -> Gap {
    let since = after.record.map_or_else(clock::wall, |record| Timestamp::from_micros(record.stamp_us));
    let (stream, created_us) = (after.stream.clone(), after.created_us);
    Gap { kind, stream, part: None, created_us, sequences: None, since, until: None, detail: String::new() }
}

/// Whether another record stands at a position than the one that was read. An error where that cannot be told now.
pub(super) async fn replaced(upstream: &impl Upstream, position: &Position, marks: &mut Marks) -> Result<bool, String> {
    let Some(known) = position.record else { return Ok(false) };
    Ok(record(upstream, position.sequence, marks).await?.is_some_and(|found| found != known))
}

/// What the record of a sequence is known by; none where there is none, or it cannot be looked at. An error where that may
/// be otherwise soon: whoever takes a server that restarts for one that never answers misses what it has lost.
pub(super) async fn record(upstream: &impl Upstream, sequence: u64, marks: &mut Marks) -> Result<Option<Mark>, String> {
    if !marks.are_looked_at() || sequence == 0 {
        return Ok(None);
    }
    let error = match upstream.record(sequence).await {
        Ok(record) => {
            marks.failures = 0;
            return Ok(record.map(|(stamp, payload)| Mark::of(stamp, &payload)));
        }
        Err(RecordFault::Denied) => {
            marks.denied = true;
            "we may not".to_owned()
        }
        Err(RecordFault::Failed(error)) => {
            marks.failures += 1;
            error
        }
    };
    if marks.are_looked_at() {
        return Err(error);
    }
    tracing::warn!(error, "records of the stream cannot be looked at; a lost tail shows by its numbers only");
    Ok(None)
}

/// What the consumer of an earlier run has acknowledged.
pub(super) async fn acknowledged(
    upstream: &mut impl Upstream,
    stream: &StreamFacts,
) -> Result<Option<Position>, String> {
    let Some(consumer) = upstream.consumer().await? else { return Ok(None) };
    let StreamFacts { name, created_us, last, .. } = stream.clone();
    Ok(Some(Position { stream: name, created_us, sequence: consumer.acknowledged.min(last), record: None }))
}

/// A consumer that delivers what follows on a position. Where what is read is `acknowledged`, it begins behind what was: of
/// what was read and not settled yet the server is to know that it is not, lest a crash lose it. A consumer that was
/// removed, and not made again then, tells no more how far that is: so what the last one told is kept there. An error as
/// well where the stream was made anew meanwhile: the position is one in the stream before it, and the consumer is not.
pub(super) async fn bind(
    upstream: &mut impl Upstream,
    position: &Position,
    acknowledged: &mut Option<u64>,
) -> Result<ConsumerFacts, String> {
    let consumer = consumer_at(upstream, position, acknowledged).await?;
    let created_us = upstream.stream().await?.created_us;
    let same = created_us == position.created_us;
    same.then_some(consumer).ok_or_else(|| "the stream was made anew while it was opened".to_owned())
}

/// The same of whatever stream there is.
async fn consumer_at(
    upstream: &mut impl Upstream,
    position: &Position,
    acknowledged: &mut Option<u64>,
) -> Result<ConsumerFacts, String> {
    if let Some(found) = upstream.consumer().await? {
        tells(acknowledged, found.acknowledged);
        if found.fits && found.at == position.sequence && found.unacknowledged == 0 {
            return Ok(found);
        }
        tracing::warn!(
            consumer_at = found.at,
            position = position.sequence,
            "consumer stands elsewhere; making it anew"
        );
        upstream.remove_consumer().await?;
    }
    let after = acknowledged.map_or(position.sequence, |known| known.min(position.sequence));
    tells(acknowledged, after);
    upstream.make_consumer(after).await
}

/// A consumer tells up to where everything is acknowledged. What is not acknowledged at all stays so.
pub(super) fn tells(acknowledged: &mut Option<u64>, sequence: u64) {
    *acknowledged = acknowledged.map(|_| sequence);
}

#[cfg(test)]
mod tests {
    use futures_util::stream::Empty;

    use super::*;
    use crate::runtime::nats::streams::StreamError;
    use crate::runtime::source::upstream::{Delivery, Record};

    const NO: &str = "there is a consumer and nothing else";

    /// A consumer of a stream, which can be removed, and not always made.
    #[derive(Debug)]
    struct Consumer {
        facts: Option<ConsumerFacts>,
        refusals: u32,
        created_us: i64,
    }

    impl Upstream for Consumer {
        type Flow = Empty<Result<Delivery, String>>;

        async fn open(&mut self) -> Result<StreamFacts, StreamError> {
            Err(StreamError::Unavailable { name: "S".to_owned(), detail: NO.to_owned() })
        }

        async fn stream(&self) -> Result<StreamFacts, String> {
            Ok(StreamFacts { name: "S".to_owned(), created_us: self.created_us, first: 1, last: 60 })
        }

        async fn record(&self, _sequence: u64) -> Result<Option<Record>, RecordFault> {
            Err(RecordFault::Denied)
        }

        async fn newest(&self, _subject: &str) -> Result<u64, String> {
            Err(NO.to_owned())
        }

        async fn consumer(&mut self) -> Result<Option<ConsumerFacts>, String> {
            Ok(self.facts)
        }

        async fn remove_consumer(&mut self) -> Result<(), String> {
            self.facts = None;
            Ok(())
        }

        async fn make_consumer(&mut self, after: u64) -> Result<ConsumerFacts, String> {
            if self.refusals > 0 {
                self.refusals -= 1;
                return Err("refused".to_owned());
            }
            Ok(*self.facts.insert(facts(after, after)))
        }

        async fn flow(&self) -> Result<Self::Flow, String> {
            Err(NO.to_owned())
        }

        async fn write(&self, _subject: String, _payload: bytes::Bytes, _last: u64) -> Result<(), String> {
            Err(NO.to_owned())
        }
    }

    fn facts(at: u64, acknowledged: u64) -> ConsumerFacts {
        let unacknowledged = (at - acknowledged) as usize;
        ConsumerFacts { delivered: 0, at, acknowledged, unacknowledged, pending: 0, fits: true }
    }

    fn at(sequence: u64) -> Position {
        Position { stream: "S".to_owned(), created_us: 1, sequence, record: None }
    }

    /// Where a consumer begins that is made behind a place, at the second attempt.
    async fn made(place: u64, mut acknowledged: Option<u64>) -> u64 {
        let position = at(place);
        let mut upstream = Consumer { facts: Some(facts(60, 30)), refusals: 1, created_us: 1 };
        bind(&mut upstream, &position, &mut acknowledged).await.expect_err("is refused");
        bind(&mut upstream, &position, &mut acknowledged).await.expect("is made").at
    }

    #[tokio::test]
    async fn what_was_not_acknowledged_stays_so_when_the_consumer_is_removed_and_not_made_again_at_once() {
        assert_eq!(made(50, Some(0)).await, 30, "31 to 50 were read, and are not settled");
        assert_eq!(made(0, Some(0)).await, 0, "the stream is read again");
        assert_eq!(made(50, None).await, 50, "nothing is acknowledged");
    }

    #[tokio::test]
    async fn a_consumer_of_another_stream_is_none() {
        for found in [None, Some(facts(50, 50))] {
            let mut upstream = Consumer { facts: found, refusals: 0, created_us: 2 };
            let error = bind(&mut upstream, &at(50), &mut None).await.expect_err("the stream is another one by now");
            assert_eq!(error, "the stream was made anew while it was opened");
        }
    }
}
