//! Messages that arrived together, by what they are, in order.
//!
//! Silence that is on record applies at its own place among the events. It ends a batch that has the record's position,
//! so that a snapshot stands either before both or behind both.

use async_nats::Subject;

use super::{Batch, Feed, Message};
use crate::runtime::store::format::{Mark, Position};
use crate::time::{Span, Timestamp};

/// Longest silence that one record may tell of. More would let whoever writes one close every session.
const TICK_MICROS_MAX: i64 = 3_600_000_000;

/// Messages that are being put in order.
pub(super) struct Sorted {
    items: Vec<Feed>,
    messages: Vec<Message>,
    live: bool,
    /// Silence recorded up to then was applied in an earlier reading.
    heard: Timestamp,
}

impl Sorted {
    pub(super) fn new(room: usize, live: bool, heard: Timestamp) -> Self {
        Self { items: Vec::new(), messages: Vec::with_capacity(room), live, heard }
    }

    /// A message for the engine.
    pub(super) fn push(&mut self, message: Message) {
        self.messages.push(message);
    }

    /// Silence that was put on record; `before` is where the stream stood.
    pub(super) fn tick(&mut self, message: &Message, before: &Position) {
        let micros = std::str::from_utf8(&message.payload).ok().and_then(|text| text.parse().ok());
        let span = micros.filter(|micros| (1..=TICK_MICROS_MAX).contains(micros)).map(Span::from_micros);
        if span.is_none() || message.stamp <= self.heard {
            return;
        }
        let record = Some(Mark::of(message.stamp, &message.payload));
        let position = Some(Position { sequence: message.sequence, record, ..before.clone() });
        let messages = std::mem::take(&mut self.messages);
        self.items.push(Feed::Batch(Batch { messages, position, ack: None, live: self.live, quiet: span }));
    }

    pub(super) fn end(mut self, position: Position, ack: Option<Subject>) -> Vec<Feed> {
        let (messages, live) = (self.messages, self.live);
        self.items.push(Feed::Batch(Batch { messages, position: Some(position), ack, live, quiet: None }));
        self.items
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(sequence: u64, payload: &'static str) -> Message {
        let stamp = Timestamp::from_micros(sequence as i64);
        Message { payload: payload.into(), subject: "s".into(), headers: None, sequence, stamp }
    }

    fn position(sequence: u64) -> Position {
        Position { stream: "S".to_owned(), created_us: 1, sequence, record: None }
    }

    /// Sequences of the messages, sequence of the position, and the silence behind, by batch.
    fn sorted(heard: i64) -> Vec<(Vec<u64>, Option<u64>, Option<Span>)> {
        let mut sorted = Sorted::new(4, true, Timestamp::from_micros(heard));
        sorted.push(message(3, "{}"));
        sorted.tick(&message(4, "5000000"), &position(3));
        sorted.tick(&message(5, "nonsense"), &position(4));
        sorted.push(message(6, "{}"));
        let items = sorted.end(position(6), None).into_iter();
        let batches = items.map(|item| match item {
            Feed::Batch(batch) => batch,
            other => panic!("{other:?}"),
        });
        let told = |batch: Batch| {
            let sequences = batch.messages.iter().map(|message| message.sequence).collect();
            (sequences, batch.position.map(|position| position.sequence), batch.quiet)
        };
        batches.map(told).collect()
    }

    #[test]
    fn silence_ends_a_batch_at_its_own_position() {
        let quiet = Some(Span::from_secs(5));
        assert_eq!(sorted(0), [(vec![3], Some(4), quiet), (vec![6], Some(6), None)]);
    }

    #[test]
    fn silence_that_an_earlier_reading_applied_is_passed_over() {
        assert_eq!(sorted(4), [(vec![3, 6], Some(6), None)]);
    }
}
