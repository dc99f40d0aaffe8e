//! Dead letters: what a receiver was not told of, with the reason, a line each, in `undelivered.ndjson` in the state
//! directory. Without one they are only counted and logged.
//!
//! A full file becomes `undelivered-1.ndjson` and the one before goes, so that two files are the bound. Lines are synced
//! before each snapshot, since from then on the queue does not know of them any more. A file that cannot be written holds
//! nothing up: the alert is in the alert log and on NATS in any case.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::alert::Notice;
use crate::runtime::metrics::DeadReason;
use crate::time::Timestamp;

/// Name of the file.
pub const NAME: &str = "undelivered.ndjson";
/// Name of the file before it.
const NAME_BEFORE: &str = "undelivered-1.ndjson";
/// Bytes of one file: some thousands of letters, which is more than anybody reads.
const BYTES_MAX: u64 = 16 << 20;

/// A dead letter.
#[derive(Clone, Debug, Serialize)]
pub struct Letter<'a> {
    /// When it was given up.
    pub at: Timestamp,
    /// Which receiver was not told.
    pub receiver: &'a str,
    /// Why.
    pub reason: &'a str,
    /// What the receiver answered last.
    pub status: Option<u16>,
    /// What it said, the beginning.
    pub said: &'a str,
    /// How often it was tried.
    pub attempts: u32,
    /// What it was to be told.
    pub notice: &'a Notice,
}

/// The file of dead letters.
#[derive(Debug)]
pub struct DeadLetters {
    dir: Option<PathBuf>,
    bytes_max: u64,
    file: Mutex<Option<File>>,
}

impl DeadLetters {
    /// Letters in a directory, or nowhere. No file is made before there is a letter.
    #[must_use]
    pub fn new(dir: Option<&Path>) -> Self {
        Self { dir: dir.map(Path::to_owned), bytes_max: BYTES_MAX, file: Mutex::default() }
    }

    /// Writes a letter.
    pub fn write(&self, letter: &Letter<'_>) {
        let id = &letter.notice.alert.id;
        tracing::error!(receiver = letter.receiver, alert = id, reason = letter.reason, "a receiver was not told");
        if let Err(error) = self.append(letter) {
            tracing::error!(receiver = letter.receiver, alert = id, %error, "the dead letter cannot be written");
        }
    }

    /// Makes everything written safe.
    pub fn sync(&self) {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Err(error)) = file.as_ref().map(File::sync_data) {
            tracing::error!(%error, "dead letters cannot be synced");
        }
    }

    fn append(&self, letter: &Letter<'_>) -> io::Result<()> {
        let Some(dir) = &self.dir else { return Ok(()) };
        let mut line = serde_json::to_vec(letter)?;
        line.push(b'\n');
        let mut slot = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let path = dir.join(NAME);
        let full = |file: &File| file.metadata().is_ok_and(|about| about.len() + line.len() as u64 > self.bytes_max);
        let mut file = match slot.take() {
            Some(file) => file,
            None => open(&path)?,
        };
        if file.metadata()?.len() > 0 && full(&file) {
            file.sync_data()?;
            fs::rename(&path, dir.join(NAME_BEFORE))?;
            file = open(&path)?;
        }
        let written = file.write_all(&line);
        *slot = Some(file);
        written
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

impl<'a> Letter<'a> {
    /// A letter to which there is no answer.
    #[must_use]
    pub fn new(reason: DeadReason, receiver: &'a str, notice: &'a Notice, at: Timestamp, attempts: u32) -> Self {
        Self { at, receiver, reason: reason.as_str(), status: None, said: "", attempts, notice }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests read the files")]
mod tests {
    use super::*;
    use crate::alert::Severity;
    use crate::alert::fixtures::alert;

    #[test]
    fn letters_are_kept_within_their_bound() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut letters = DeadLetters::new(Some(dir.path()));
        letters.bytes_max = 2000;
        for n in 0..6 {
            let notice = Notice::new(alert(&format!("a{n}"), Severity::High));
            letters.write(&Letter::new(DeadReason::Refused, "chat", &notice, Timestamp::MIN, n));
        }
        letters.sync();
        let ids = |name: &str| -> Vec<String> {
            let text = fs::read_to_string(dir.path().join(name)).expect("is there");
            let line = |line: &str| serde_json::from_str::<serde_json::Value>(line).expect("JSON");
            text.lines().map(|text| line(text)["notice"]["alert"]["id"].as_str().expect("an id").to_owned()).collect()
        };
        let (before, now) = (ids(NAME_BEFORE), ids(NAME));
        assert_eq!(now.last().map(String::as_str), Some("a5"));
        assert!(before.len() == 2 || before.len() == 3, "{before:?} {now:?}");
        assert_eq!(fs::read_dir(dir.path()).expect("lists").count(), 2);
        let notice = Notice::new(alert("a", Severity::High));
        DeadLetters::new(None).write(&Letter::new(DeadReason::Gone, "x", &notice, Timestamp::MIN, 0));
        assert_eq!(fs::read_dir(dir.path()).expect("lists").count(), 2, "without a directory nothing is written");
    }
}
