//! A part of an engine's state: all of it, or the bots that changed since an earlier part.
//!
//! What all bots share is small and in each part; bots are most of the state, and few of them change between two
//! snapshots. Parts put over one another, the oldest first, give the state at the newest, byte for byte.

use std::fmt;

use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::alert::BookPiece;

/// A part of the state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The round after which its bots have changed; none if it has all of them. Rounds are known to one engine only.
    #[serde(skip)]
    since: Option<u32>,
    /// Its round.
    #[serde(skip)]
    round: u32,
    /// What goes before the bots.
    head: Vec<u8>,
    /// How many bots there are, here or not.
    total: u32,
    /// The numbers of those that are here, in order, each with its bytes.
    bots: Vec<(u32, u32)>,
    /// The bots one after the other.
    bytes: Chunks,
    /// What follows on them.
    tail: Chunks,
}

/// Bytes that become many while the stream waits: kept in chunks, since to grow in one piece is to be copied now and then,
/// for a tenth of a second where it is hundreds of megabytes. Written down as one piece.
#[derive(Clone, Debug, Default)]
struct Chunks(Vec<Vec<u8>>);

/// Bytes from which a chunk takes no more.
const CHUNK_BYTES: usize = 1 << 20;

impl Chunks {
    fn len(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    /// Adds what belongs together; its bytes.
    fn add(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> usize {
        if self.0.last().is_none_or(|last| last.len() >= CHUNK_BYTES) {
            // A first one mostly stays small.
            let room = if self.0.is_empty() { 0 } else { CHUNK_BYTES };
            self.0.push(Vec::with_capacity(room));
        }
        self.0.last_mut().map_or(0, |last| {
            let before = last.len();
            write(last);
            last.len() - before
        })
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(Vec::as_slice)
    }
}

impl PartialEq for Chunks {
    fn eq(&self, other: &Self) -> bool {
        self.iter().flatten().eq(other.iter().flatten())
    }
}

impl Eq for Chunks {}

impl Serialize for Chunks {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut bytes = to.serialize_seq(Some(self.len()))?;
        self.iter().flatten().try_for_each(|byte| bytes.serialize_element(byte))?;
        bytes.end()
    }
}

impl<'de> Deserialize<'de> for Chunks {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Vec::deserialize(from).map(|bytes| Self(vec![bytes]))
    }
}

/// A section of the state that is written down later, as it is now.
pub(super) struct Section(Box<Write>);

type Write = dyn FnOnce(&mut Vec<u8>) + Send + Sync;

impl Section {
    pub(super) fn new(write: impl FnOnce(&mut Vec<u8>) + Send + Sync + 'static) -> Self {
        Self(Box::new(write))
    }

    /// Adds it to bytes.
    pub(super) fn write(self, bytes: &mut Vec<u8>) {
        (self.0)(bytes);
    }
}

impl fmt::Debug for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Section")
    }
}

/// What goes behind the bots and is not written down yet.
#[derive(Debug)]
pub(super) struct Tail {
    /// What goes before the open alerts. It is written first, bots or not: what it holds is copied when it changes.
    pub before: std::vec::IntoIter<Section>,
    /// The open alerts.
    pub book: std::vec::IntoIter<BookPiece>,
    /// What goes behind them.
    pub behind: std::array::IntoIter<Section, 3>,
}

impl Part {
    pub(super) fn begin(since: Option<u32>, round: u32, head: Vec<u8>, total: usize) -> Self {
        Self { since, round, head, total: total as u32, ..Self::default() }
    }

    /// How many bots there are, here or not.
    #[must_use]
    pub fn total(&self) -> usize {
        self.total as usize
    }

    /// How many of them are here.
    #[must_use]
    pub fn bots(&self) -> usize {
        self.bots.len()
    }

    /// Bytes of it.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.head.len() + self.bytes.len() + self.tail.len()
    }

    /// Whether all of them are.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.bots.len() == self.total as usize
    }

    /// The round after which what is here has changed; none where that is everything.
    #[must_use]
    pub fn since(&self) -> Option<u32> {
        self.since
    }

    /// The round that a later part may build on.
    #[must_use]
    pub fn round(&self) -> u32 {
        self.round
    }

    /// Whether a bot belongs here that has changed last in a round.
    pub(super) fn holds(&self, changed: u32) -> bool {
        self.since.is_none_or(|since| changed > since && changed <= self.round)
    }

    /// Takes the next bot in; its bytes.
    pub(super) fn push(&mut self, at: usize, write: impl FnOnce(&mut Vec<u8>)) -> usize {
        let bytes = self.bytes.add(write);
        self.bots.push((at as u32, bytes as u32));
        bytes
    }

    /// Adds to what follows on the bots; its bytes.
    pub(super) fn follow<T: Serialize>(&mut self, value: &T) -> usize {
        self.tail.add(|bytes| append(bytes, value))
    }

    /// Adds a section to what follows on the bots; its bytes.
    pub(super) fn follow_section(&mut self, section: Section) -> usize {
        self.tail.add(|bytes| section.write(bytes))
    }

    /// The state that parts are of, the oldest first; none where something is missing or they do not fit together.
    #[must_use]
    pub fn assemble(parts: &[Self]) -> Option<Vec<u8>> {
        let Self { head, total, tail, .. } = parts.last()?;
        let mut bots: Vec<Option<&[u8]>> = vec![None; usize::try_from(*total).ok()?];
        for part in parts {
            let (mut chunks, mut rest) = (part.bytes.iter(), &[][..]);
            for (at, bytes) in &part.bots {
                if rest.is_empty() {
                    rest = chunks.next()?;
                }
                let (bot, others) = rest.split_at_checked(*bytes as usize)?;
                *bots.get_mut(*at as usize)? = Some(bot);
                rest = others;
            }
            if !rest.is_empty() || !chunks.all(<[u8]>::is_empty) {
                return None;
            }
        }
        let room = head.len() + tail.len() + bots.iter().flatten().map(|bot| bot.len()).sum::<usize>();
        let mut state = Vec::with_capacity(room + size_of::<u64>());
        state.extend_from_slice(head);
        append(&mut state, total);
        for bot in bots {
            state.extend_from_slice(bot?);
        }
        tail.iter().for_each(|bytes| state.extend_from_slice(bytes));
        Some(state)
    }
}

/// Appends a value as the whole state holds it.
///
/// # Panics
/// Never: writing to memory fails for sequences of unknown length only, and the state has none.
pub(super) fn append<T: Serialize + ?Sized>(bytes: &mut Vec<u8>, value: &T) {
    #[expect(
        clippy::expect_used,
        reason = "writing to memory fails for unsized sequences only; a test covers all types"
    )]
    let appended = postcard::to_extend(value, std::mem::take(bytes)).expect("the state has sized sequences only");
    *bytes = appended;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(total: u32, bots: &[(u32, &str)]) -> Part {
        let mut part = Part::begin(None, 1, b"h".to_vec(), total as usize);
        part.follow_section(Section::new(|bytes| bytes.push(b't')));
        for (at, bot) in bots {
            part.push(*at as usize, |bytes| bytes.extend_from_slice(bot.as_bytes()));
        }
        part
    }

    #[test]
    fn newer_parts_lie_over_older_ones_and_a_hole_is_noticed() {
        let base = part(2, &[(0, "old"), (1, "stays")]);
        let (second, third) = (part(3, &[(2, "new")]), part(3, &[(0, "newer")]));
        let state = Part::assemble(&[base.clone(), second, third.clone()]);
        assert_eq!(state.as_deref(), Some(&b"h\x03newerstaysnewt"[..]));
        assert_eq!(Part::assemble(&[base, third]), None, "the second is missing");
        assert_eq!(Part::assemble(&[]), None);
        assert_eq!(Part::assemble(&[part(1, &[(1, "beyond")])]), None);
        let short = Part { bytes: Chunks(vec![b"x".to_vec()]), ..part(1, &[(0, "longer")]) };
        assert_eq!(Part::assemble(&[short]), None);
        let long = Part { bytes: Chunks(vec![b"short".to_vec(), b"x".to_vec()]), ..part(1, &[(0, "short")]) };
        assert_eq!(Part::assemble(&[long]), None);
    }

    #[test]
    fn chunks_are_written_down_as_one_piece() {
        let mut part = part(3, &[]);
        let bots = ["a".repeat(CHUNK_BYTES), "b".repeat(CHUNK_BYTES / 2), "c".repeat(CHUNK_BYTES)];
        for (at, bot) in bots.iter().enumerate() {
            assert_eq!(part.push(at, |bytes| bytes.extend_from_slice(bot.as_bytes())), bot.len());
        }
        assert_eq!(part.bytes.0.len(), 2);
        let plain = postcard::to_stdvec(&bots.concat().into_bytes()).expect("is written");
        assert_eq!(postcard::to_stdvec(&part.bytes).expect("is written"), plain);
        let read: Part = postcard::from_bytes(&postcard::to_stdvec(&part).expect("is written")).expect("is read");
        assert_eq!((read.bytes.0.len(), &read.bytes), (1, &part.bytes));
        assert_eq!(Part::assemble(&[read]), Part::assemble(&[part]));
    }
}
