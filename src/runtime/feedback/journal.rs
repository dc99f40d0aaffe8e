//! The journal of feedback: each record with the place of the input at which it was applied, safe on the disk before
//! anybody hears that it was taken.
//!
//! One JSON object a line in `feedback.ndjson`, each with the hash of the one before, so that a line that is changed or
//! taken out in the middle shows. It is what a restart applies again behind its snapshot, and what a replay takes. A last
//! line that was cut off by a crash was never answered, and goes.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::alert::{Feedback, Place, Placed};

/// Name of the file in the state directory.
pub const JOURNAL_NAME: &str = "feedback.ndjson";
/// Bytes of the journal. More is none: people do not decide that often.
const BYTES_MAX: u64 = 256 << 20;
/// Characters of a hash.
const HASH_CHARS: usize = 64;
/// What stands between a record and its hash.
const HASH_KEY: &str = ",\"hash\":\"";

/// The journal, open at its end.
#[derive(Debug)]
pub struct Journal {
    file: File,
    number: u64,
    hash: String,
    bytes: u64,
}

/// What a journal holds.
#[derive(Debug, Default)]
pub struct Entries {
    /// The records with their places, as far as the journal is whole.
    pub records: Vec<Placed>,
    /// The first line that is not as it was written.
    pub damaged: Option<u64>,
    /// The chain at the end.
    number: u64,
    hash: String,
    /// Bytes of whole lines.
    bytes: u64,
}

/// The journal cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the journal of feedback {path} cannot be kept: {source}")]
pub struct JournalError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

#[derive(Serialize)]
struct LineRef<'a> {
    number: u64,
    prev: &'a str,
    at: Place,
    #[serde(flatten)]
    record: &'a Feedback,
}

#[derive(Deserialize)]
struct Line {
    number: u64,
    prev: String,
    #[serde(flatten)]
    placed: Placed,
}

impl Journal {
    /// Opens the journal of a state directory, or begins one; and what it holds.
    ///
    /// # Errors
    /// The file.
    pub fn open(dir: &Path) -> Result<(Self, Entries), JournalError> {
        let path = dir.join(JOURNAL_NAME);
        let fault = |source| JournalError { path: path.clone(), source };
        let mut file =
            OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path).map_err(fault)?;
        let mut text = Vec::new();
        Read::by_ref(&mut file).take(BYTES_MAX).read_to_end(&mut text).map_err(fault)?;
        let entries = Entries::parse(&text);
        file.set_len(entries.bytes).map_err(fault)?;
        file.seek(SeekFrom::End(0)).map_err(fault)?;
        let journal = Self { file, number: entries.number, hash: entries.hash.clone(), bytes: entries.bytes };
        Ok((journal, entries))
    }

    /// Adds a record, and waits until it is safe.
    ///
    /// # Errors
    /// The disk; then the record must not be applied.
    pub fn append(&mut self, at: Place, record: &Feedback) -> io::Result<()> {
        let line = LineRef { number: self.number + 1, prev: &self.hash, at, record };
        let (text, hash) = sealed(&line)?;
        if self.bytes + text.len() as u64 > BYTES_MAX {
            return Err(io::Error::other("it is full"));
        }
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // What was written of it must not stand before the next one.
            self.file.set_len(self.bytes)?;
            self.file.seek(SeekFrom::End(0))?;
            return Err(error);
        }
        (self.number, self.hash) = (self.number + 1, hash);
        self.bytes += text.len() as u64;
        Ok(())
    }
}

/// A line with its hash at its end, and the hash.
fn sealed(line: &LineRef<'_>) -> io::Result<(String, String)> {
    let mut text = serde_json::to_string(line)?;
    let hash = blake3::hash(text.as_bytes()).to_hex().to_string();
    text.pop();
    text.push_str(HASH_KEY);
    text.push_str(&hash);
    text.push_str("\"}\n");
    Ok((text, hash))
}

impl Entries {
    /// Reads a journal. Lines behind damage are part of the chain and not taken.
    #[must_use]
    pub fn parse(text: &[u8]) -> Self {
        let mut entries = Self::default();
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        entries.bytes = whole as u64;
        for line in text[..whole].split_inclusive(|byte| *byte == b'\n') {
            entries.number += 1;
            match entries.line(line.trim_ascii_end()) {
                Some(placed) if entries.damaged.is_none() => entries.records.push(placed),
                Some(_) => {}
                None => entries.damaged = entries.damaged.or(Some(entries.number)),
            }
        }
        entries
    }

    /// The record of a line that continues the chain; the chain goes on behind it either way.
    fn line(&mut self, line: &[u8]) -> Option<Placed> {
        let text = std::str::from_utf8(line).unwrap_or_default();
        let cut = text.len().checked_sub(HASH_KEY.len() + HASH_CHARS + 2);
        let (body, tail) = cut.and_then(|cut| text.split_at_checked(cut)).unwrap_or((text, ""));
        let hash = blake3::hash(format!("{body}}}").as_bytes()).to_hex().to_string();
        let prev = std::mem::replace(&mut self.hash, hash);
        let stated = tail.strip_prefix(HASH_KEY).and_then(|tail| tail.strip_suffix("\"}"));
        let line: Line = serde_json::from_str(text).ok()?;
        let holds = stated == Some(self.hash.as_str()) && line.prev == prev && line.number == self.number;
        holds.then_some(line.placed)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "tests read and change the journal")]

    use super::*;
    use crate::time::Timestamp;

    fn record(id: &str) -> Feedback {
        let json =
            format!(r#"{{"id":"{id}","ts":"2026-05-04T06:00:00Z","tenant":"t","by":"ann","verdict":"comment"}}"#);
        serde_json::from_str(&json).expect(&json)
    }

    fn place(events: u64) -> Place {
        Place { events, event_time: Some(Timestamp::from_micros(7)) }
    }

    fn written(dir: &Path) -> Vec<u8> {
        std::fs::read(dir.join(JOURNAL_NAME)).expect("is there")
    }

    #[test]
    fn what_was_written_is_read_with_its_place_and_goes_on() {
        let dir = tempfile::tempdir().expect("a directory");
        for (number, id) in ["a", "b", "c"].into_iter().enumerate() {
            let (mut journal, entries) = Journal::open(dir.path()).expect("opens");
            assert_eq!((entries.records.len(), entries.damaged), (number, None));
            journal.append(place(number as u64), &record(id)).expect("is written");
        }
        let entries = Entries::parse(&written(dir.path()));
        let expected: Vec<Placed> = ["a", "b", "c"]
            .into_iter()
            .enumerate()
            .map(|(number, id)| Placed { at: Some(place(number as u64)), record: record(id) })
            .collect();
        assert_eq!(entries.records, expected);
    }

    #[test]
    fn a_line_that_was_cut_off_goes_and_one_that_was_changed_shows() {
        let dir = tempfile::tempdir().expect("a directory");
        let (mut journal, _) = Journal::open(dir.path()).expect("opens");
        for id in ["a", "b", "c"] {
            journal.append(place(1), &record(id)).expect("is written");
        }
        let whole = written(dir.path());
        std::fs::write(dir.path().join(JOURNAL_NAME), &whole[..whole.len() - 9]).expect("is cut");
        let (mut journal, entries) = Journal::open(dir.path()).expect("opens");
        assert_eq!((entries.records.len(), entries.damaged), (2, None));
        journal.append(place(1), &record("c")).expect("is written");
        assert_eq!(written(dir.path()), whole);
        let text = String::from_utf8(whole).expect("text");
        let lines: Vec<&str> = text.lines().collect();
        let changed = text.replacen("\"by\":\"ann\"", "\"by\":\"eve\"", 1);
        let missing = format!("{}\n{}\n", lines[0], lines[2]);
        for (text, records, damaged) in [(changed, 0, Some(1)), (missing, 1, Some(2)), (text, 3, None)] {
            let entries = Entries::parse(text.as_bytes());
            assert_eq!((entries.records.len(), entries.damaged), (records, damaged), "{text}");
        }
    }
}
