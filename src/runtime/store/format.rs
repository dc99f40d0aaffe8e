//! The snapshot file, as bytes: pure, so that every flipped bit and every cut can be tried.
//!
//! ```text
//! magic  8 bytes   HUMDRUM and a zero
//! format u16 LE    what this file is
//! reader u16 LE    the least format that a reader must know
//! length u64 LE    bytes of the body
//! hash   32 bytes  BLAKE3 of the 20 bytes above and the body
//! body             postcard
//! ```
//!
//! The hash covers the versions too and its place never moves, so that a damaged version number reads as damage and
//! not as a file of some newer program. That matters: a damaged file is passed over, one of another version stops the
//! start.

use serde::{Deserialize, Serialize};

use super::shapes;
use crate::alert::told::Told;
use crate::alert::{Alert, Notice};
use crate::detect::{self, Part};
use crate::event::Event;
use crate::shape::{self, ShapeError};
use crate::time::Timestamp;

const MAGIC: [u8; 8] = *b"HUMDRUM\0";
const HEAD_BYTES: usize = 20;
const HASH_BYTES: usize = 32;

/// The format that is written.
pub const FORMAT: u16 = 15;

/// The least format that a reader of our files must know.
const READER_MIN: u16 = 15;

/// The oldest format that is read, by its shapes. Of what came before nobody wrote the shapes down.
const OLDEST: u16 = 10;

/// Everything that a restart needs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// How far the stream has been applied; none without JetStream.
    pub position: Option<Position>,
    /// Event time at that point, for people and tools.
    pub event_time: Option<Timestamp>,
    /// The engine's own state.
    pub engine: Vec<u8>,
    /// What receivers have not taken yet.
    pub outbox: Vec<OwedNotice>,
    /// Who has been told of which open alert.
    pub told: Told,
    /// How far the alert log had come; none where none is kept.
    pub log: Option<LogPlace>,
    /// How far a history has been learned; none once a stream has followed on it, or without one.
    pub history: Option<HistoryPlace>,
    /// Gaps in what was watched that were told of and are not over, each with when it was told, by the wall clock.
    #[serde(skip)]
    pub gaps: Vec<(Timestamp, Alert)>,
}

/// What a file holds besides, behind the rest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Tail {
    record: Option<Mark>,
    gaps: Vec<(Timestamp, Alert)>,
    /// Since format 11.
    #[serde(default)]
    grown: Option<Grown>,
}

/// A part of the engine's state, and the files with the rest of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Grown {
    pub part: Part,
    /// From the one with all bots to the last before this one; none if this is the one with all bots.
    pub on: Vec<Link>,
}

/// A file that a later one builds on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// Its hash, which is in its head.
    pub hash: [u8; HASH_BYTES],
}

/// A file that is whole in itself, and need not be all of a snapshot.
#[derive(Debug)]
pub(super) struct Piece {
    checkpoint: Checkpoint,
    grown: Option<Grown>,
    format: u16,
    hash: [u8; HASH_BYTES],
}

/// What a file is and needs, without the engine's state.
#[derive(Debug)]
pub(super) struct Outline {
    pub checkpoint: Checkpoint,
    pub on: Vec<Link>,
    pub hash: [u8; HASH_BYTES],
}

impl Piece {
    pub(super) fn outline(self) -> Outline {
        let Self { checkpoint, grown, hash, .. } = self;
        let on = grown.map_or_else(Vec::new, |grown| grown.on);
        Outline { checkpoint: Checkpoint { engine: Vec::new(), ..checkpoint }, on, hash }
    }

    /// The files that it builds on, from the oldest.
    pub(super) fn on(&self) -> &[Link] {
        self.grown.as_ref().map_or(&[], |grown| &grown.on)
    }

    /// Whether it is the file that a later one builds on.
    pub(super) fn is(&self, link: &Link) -> bool {
        self.hash == link.hash
    }

    /// Its hash, in hexadecimal.
    pub(super) fn hash(&self) -> String {
        hexadecimal(&self.hash)
    }

    /// The snapshot, with the files that it builds on.
    pub(super) fn join(self, on: Vec<Self>) -> Result<Checkpoint, FormatError> {
        let Self { mut checkpoint, grown, format, .. } = self;
        if let Some(grown) = grown {
            let mut parts: Vec<Part> = Vec::with_capacity(on.len() + 1);
            for piece in on {
                parts.push(piece.grown.ok_or(FormatError::Damaged("it builds on a file without parts"))?.part);
            }
            parts.push(grown.part);
            checkpoint.engine = Part::assemble(&parts).ok_or(FormatError::Damaged("its parts do not fit together"))?;
        }
        if format < FORMAT && !checkpoint.engine.is_empty() {
            let shapes = shapes::of(format).ok_or(FormatError::Older { format })?;
            let foreign = |error: detect::RestoreError| FormatError::Foreign { format, detail: error.to_string() };
            checkpoint.engine = detect::migrate(&shapes.engine, &checkpoint.engine).map_err(foreign)?;
        }
        Ok(checkpoint)
    }
}

/// A place in the files of a history.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HistoryPlace {
    /// The files that were begun, in the order in which they were.
    pub files: Vec<FilePlace>,
    /// Events that were read and wait for earlier ones, where they are sorted.
    pub held: Vec<Event>,
    /// Whether all of it has been learned.
    pub done: bool,
}

/// How far a file has been read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilePlace {
    /// Its name, as it was given.
    pub name: String,
    /// What it is known again by.
    pub identity: [u8; 32],
    /// Rows that were read.
    pub rows: u64,
    /// Whether that was all of it.
    pub done: bool,
}

/// A place in the alert log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPlace {
    /// Number of the first record in the file.
    pub first: u64,
    /// Bytes of the file up to here.
    pub offset: u64,
    /// Number of the last record; 0 is before the first.
    pub number: u64,
    /// Its hash.
    pub hash: [u8; 32],
    /// Fingerprints of records that are in the log and whose events are still to be read again, after a crash.
    pub awaited: Vec<u64>,
}

/// A place in one incarnation of one stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The stream's name.
    pub stream: String,
    /// When the stream was created, in microseconds since 1970: a stream made anew under the old name differs.
    pub created_us: i64,
    /// The last sequence whose consequences are safe; 0 is before the first message.
    pub sequence: u64,
    /// The record of that sequence, where it is known.
    #[serde(skip)]
    pub record: Option<Mark>,
}

/// What a record of a stream is known again by: a stream that lost its tail gives its numbers to other records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// When the stream took it, in microseconds since 1970.
    pub stamp_us: i64,
    /// Hash of its payload.
    pub hash: [u8; 16],
}

impl Mark {
    /// The mark of a record.
    #[must_use]
    pub fn of(stamp: Timestamp, payload: &[u8]) -> Self {
        let mut hash = [0; 16];
        hash.copy_from_slice(&blake3::hash(payload).as_bytes()[..16]);
        Self { stamp_us: stamp.as_micros(), hash }
    }
}

/// What a receiver is still to be told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OwedNotice {
    /// The receiver's name.
    pub receiver: String,
    /// What it is to be told.
    pub notice: Notice,
    /// Since when it waits, by the wall clock.
    pub since: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
}

/// Bytes that are no snapshot of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// Damaged, or never a snapshot.
    #[error("damaged: {0}")]
    Damaged(&'static str),
    /// Whole, but from a newer program.
    #[error("written by a newer program: needs a reader of format {needs}, this one knows {FORMAT}")]
    Newer {
        /// The format that a reader must know.
        needs: u16,
    },
    /// Whole, but from a program so old that its state is laid out otherwise.
    #[error("written by an older program, in format {format}; this one reads {OLDEST} to {FORMAT}")]
    Older {
        /// The file's format.
        format: u16,
    },
    /// Whole and of an earlier format, but what is in it has become something else.
    #[error("written in format {format}, which cannot be read as {FORMAT}: {detail}")]
    Foreign {
        /// The file's format.
        format: u16,
        /// What does not fit.
        detail: String,
    },
}

impl FormatError {
    /// Whether another program wrote it. Nothing is wrong with the file then.
    #[must_use]
    pub fn is_version(&self) -> bool {
        !matches!(self, Self::Damaged(_))
    }
}

/// Encodes a checkpoint as a file.
///
/// # Errors
/// The checkpoint cannot be serialized, which no checkpoint of ours does.
pub fn encode(checkpoint: &Checkpoint) -> Result<Vec<u8>, postcard::Error> {
    encode_grown(checkpoint, None)
}

/// Encodes a checkpoint whose engine's state is in parts.
pub(super) fn encode_grown(checkpoint: &Checkpoint, grown: Option<Grown>) -> Result<Vec<u8>, postcard::Error> {
    let record = checkpoint.position.as_ref().and_then(|position| position.record);
    let tail = Tail { record, gaps: checkpoint.gaps.clone(), grown };
    let body = postcard::to_extend(&tail, postcard::to_stdvec(checkpoint)?)?;
    let mut file = Vec::with_capacity(HEAD_BYTES + HASH_BYTES + body.len());
    file.extend_from_slice(&MAGIC);
    file.extend_from_slice(&FORMAT.to_le_bytes());
    file.extend_from_slice(&READER_MIN.to_le_bytes());
    file.extend_from_slice(&(body.len() as u64).to_le_bytes());
    let hash = hash(&file, &body);
    file.extend_from_slice(hash.as_bytes());
    file.extend_from_slice(&body);
    Ok(file)
}

/// What a later file calls one of ours.
pub(super) fn link(name: &str, file: &[u8]) -> Link {
    let mut hash = [0; HASH_BYTES];
    if let Some(stored) = file.get(HEAD_BYTES..HEAD_BYTES + HASH_BYTES) {
        hash.copy_from_slice(stored);
    }
    Link { name: name.to_owned(), hash }
}

/// A file's hash for people and for what is kept as text.
pub(super) fn hexadecimal(hash: &[u8; HASH_BYTES]) -> String {
    blake3::Hash::from_bytes(*hash).to_hex().to_string()
}

/// Decodes a file that builds on no other.
///
/// # Errors
/// The file is damaged in any way, needs another file, or a newer or an older program.
pub fn decode(file: &[u8]) -> Result<Checkpoint, FormatError> {
    let piece = read(file)?;
    if piece.on().is_empty() { piece.join(Vec::new()) } else { Err(FormatError::Damaged("it builds on other files")) }
}

/// Reads a file that may build on others.
pub(super) fn read(file: &[u8]) -> Result<Piece, FormatError> {
    let (head, rest) = file.split_at_checked(HEAD_BYTES).ok_or(FormatError::Damaged("shorter than its head"))?;
    let (stored, body) = rest.split_at_checked(HASH_BYTES).ok_or(FormatError::Damaged("shorter than its head"))?;
    if head[..8] != MAGIC {
        return Err(FormatError::Damaged("no snapshot"));
    }
    if hash(head, body) != *stored {
        return Err(FormatError::Damaged("hash does not match"));
    }
    let needs = u16::from_le_bytes([head[10], head[11]]);
    if needs > FORMAT {
        return Err(FormatError::Newer { needs });
    }
    let format = u16::from_le_bytes([head[8], head[9]]);
    if format < OLDEST {
        return Err(FormatError::Older { format });
    }
    if head[12..] != (body.len() as u64).to_le_bytes() {
        return Err(FormatError::Damaged("length does not match"));
    }
    let (mut checkpoint, tail, rest) = if format < FORMAT { shaped(format, body)? } else { plain(body)? };
    if !rest.is_empty() {
        return Err(FormatError::Damaged("something follows on the body"));
    }
    if let Some(position) = &mut checkpoint.position {
        position.record = tail.record;
    }
    checkpoint.gaps = tail.gaps;
    Ok(Piece { checkpoint, grown: tail.grown, format, hash: link("", file).hash })
}

/// The body of a file of this format.
fn plain(body: &[u8]) -> Result<(Checkpoint, Tail, &[u8]), FormatError> {
    let unread = |_| FormatError::Damaged("body cannot be read");
    let (checkpoint, rest) = postcard::take_from_bytes::<Checkpoint>(body).map_err(unread)?;
    let (tail, rest) = postcard::take_from_bytes::<Tail>(rest).map_err(unread)?;
    Ok((checkpoint, tail, rest))
}

/// The body of a file of an earlier format.
fn shaped(format: u16, body: &[u8]) -> Result<(Checkpoint, Tail, &[u8]), FormatError> {
    let foreign = |error: ShapeError| FormatError::Foreign { format, detail: error.to_string() };
    let shapes = shapes::of(format).ok_or(FormatError::Older { format })?;
    let (checkpoint, rest) = shape::take::<Checkpoint>(&shapes.checkpoint, body).map_err(foreign)?;
    let (tail, rest) = shape::take::<Tail>(&shapes.tail, rest).map_err(foreign)?;
    Ok((checkpoint, tail, rest))
}

fn hash(head: &[u8], body: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(head).update(body);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::Severity;
    use crate::alert::fixtures::about_bot;

    fn small() -> Checkpoint {
        let record = Some(Mark { stamp_us: 8, hash: [9; 16] });
        let position = Position { stream: "S".to_owned(), created_us: 5, sequence: 42, record };
        Checkpoint {
            position: Some(position),
            event_time: Some(Timestamp::from_micros(7)),
            engine: vec![1, 2, 3],
            outbox: Vec::new(),
            told: Told::default(),
            log: Some(LogPlace { first: 1, offset: 99, number: 2, hash: [3; 32], awaited: vec![4] }),
            history: Some(HistoryPlace {
                files: vec![FilePlace { name: "a".to_owned(), identity: [7; 32], rows: 9, done: true }],
                held: Vec::new(),
                done: false,
            }),
            gaps: vec![(Timestamp::from_micros(3), about_bot("g", Severity::High))],
        }
    }

    /// A file of some format, around a body.
    fn file(format: u16, needs: u16, body: &[u8]) -> Vec<u8> {
        let mut file = MAGIC.to_vec();
        file.extend_from_slice(&format.to_le_bytes());
        file.extend_from_slice(&needs.to_le_bytes());
        file.extend_from_slice(&(body.len() as u64).to_le_bytes());
        let hash = hash(&file, body);
        file.extend_from_slice(hash.as_bytes());
        file.extend_from_slice(body);
        file
    }

    #[test]
    fn a_checkpoint_survives_the_file() {
        let file = encode(&small()).expect("encodes");
        assert_eq!(decode(&file), Ok(small()));
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let whole = encode(&small()).expect("encodes");
        for index in 0..whole.len() {
            for bit in 0..8 {
                let mut file = whole.clone();
                file[index] ^= 1 << bit;
                assert!(matches!(decode(&file), Err(FormatError::Damaged(_))), "byte {index} bit {bit}");
            }
        }
    }

    #[test]
    fn every_cut_and_every_tail_is_noticed() {
        let mut file = encode(&small()).expect("encodes");
        for length in 0..file.len() {
            assert!(matches!(decode(&file[..length]), Err(FormatError::Damaged(_))), "cut at {length}");
        }
        file.push(0);
        assert!(matches!(decode(&file), Err(FormatError::Damaged(_))));
    }

    #[test]
    fn files_of_other_versions_are_told_from_damaged_ones() {
        for (format, needs, error) in
            [(17_u16, 16_u16, FormatError::Newer { needs: 16 }), (9, 9, FormatError::Older { format: 9 })]
        {
            assert_eq!(decode(&file(format, needs, b"whatever another program writes")), Err(error));
        }
    }
}
