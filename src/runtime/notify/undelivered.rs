//! What a receiver was not told of for good, with the reason, a line each, in `undelivered.ndjson` in the state
//! directory; in a cluster a message each, in the stream of what was refused ([`letters`](super::letters)). Without either
//! it is only counted and logged.
//!
//! A full file becomes `undelivered-1.ndjson` and the one before goes, so that two files are the bound. The disk has a
//! thread of its own: whoever gives an alert up holds the queues, which must not wait for a disk. Lines are synced before
//! each snapshot, since from then on the queue does not know of them any more. A file that cannot be written holds
//! nothing up: the alert is in the alert log and on NATS in any case.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use serde::Serialize;

use super::letters::Letters;
use crate::alert::{Cause, Notice};
use crate::runtime::metrics::UndeliveredReason;
use crate::time::Timestamp;

/// Name of the file.
pub const NAME: &str = "undelivered.ndjson";
/// Name of the file before it.
const NAME_BEFORE: &str = "undelivered-1.ndjson";
/// Bytes of one file: some thousands of alerts, which is more than anybody reads.
const BYTES_MAX: u64 = 16 << 20;
/// Lines on their way to the disk, about 2 KB each. More is memory, fewer would lose some of a queue that runs over while
/// the disk hangs.
const LINES_QUEUED: usize = 8192;

/// An alert that a receiver was not told of.
#[derive(Clone, Debug, Serialize)]
pub struct Undelivered<'a> {
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

/// The file of what was not delivered, and the thread that writes it. The thread ends when the last line is written after
/// this is gone.
#[derive(Debug)]
pub struct UndeliveredFile(Kept);

/// Where it is kept.
#[derive(Debug)]
enum Kept {
    Nowhere,
    File(SyncSender<Line>),
    Stream(Letters),
}

/// What goes to the thread.
#[derive(Debug)]
enum Line {
    Text(Vec<u8>),
    /// Answered when everything before it is safe.
    Sync(SyncSender<()>),
}

/// The thread's side.
struct Writer {
    dir: PathBuf,
    bytes_max: u64,
    file: Option<File>,
}

impl UndeliveredFile {
    /// A file in a directory, or nowhere. None is made before there is a line.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn new(dir: Option<&Path>) -> io::Result<Self> {
        Self::with_bound(dir, BYTES_MAX)
    }

    fn with_bound(dir: Option<&Path>, bytes_max: u64) -> io::Result<Self> {
        let Some(dir) = dir else { return Ok(Self(Kept::Nowhere)) };
        let (send, lines) = sync_channel(LINES_QUEUED);
        let writer = Writer { dir: dir.to_owned(), bytes_max, file: None };
        std::thread::Builder::new().name("humdrum-undelivered".to_owned()).spawn(move || writer.run(&lines))?;
        Ok(Self(Kept::File(send)))
    }

    /// In a stream, for whoever owns the partition next.
    #[must_use]
    pub fn in_stream(letters: Letters) -> Self {
        Self(Kept::Stream(letters))
    }

    /// Keeps what was not delivered. Never waits. What was only to be repeated is no loss and is not kept: the receiver was
    /// told of it before, or that it was not is kept already.
    pub fn write(&self, undelivered: &Undelivered<'_>) {
        let Undelivered { receiver, reason, notice, .. } = undelivered;
        let id = &notice.alert.id;
        if notice.cause == Cause::Repeated {
            tracing::debug!(receiver, alert = id, reason, "what was to be repeated to a receiver is dropped");
            return;
        }
        tracing::error!(receiver, alert = id, reason, "a receiver was not told");
        let taken =
            serde_json::to_vec(undelivered).map_err(|error| error.to_string()).and_then(|mut line| match &self.0 {
                Kept::Nowhere => Ok(()),
                Kept::Stream(letters) => letters.take(undelivered, line),
                Kept::File(lines) => {
                    line.push(b'\n');
                    lines.try_send(Line::Text(line)).map_err(|error| error.to_string())
                }
            });
        if let Err(error) = taken {
            tracing::error!(receiver, alert = id, error, "what a receiver was not told cannot be kept");
        }
    }

    /// Waits until everything written so far is safe. Blocks its thread.
    pub fn sync(&self) {
        let (done, wait) = sync_channel(1);
        if let Kept::File(lines) = &self.0
            && lines.send(Line::Sync(done)).is_ok()
        {
            // Where the thread has died, there is nothing to wait for.
            wait.recv().ok();
        }
    }

    /// Waits until a stream has everything written so far; whether it has.
    pub async fn sent(&self) -> bool {
        match &self.0 {
            Kept::Nowhere | Kept::File(_) => true,
            Kept::Stream(letters) => letters.sent().await,
        }
    }
}

impl Writer {
    fn run(mut self, lines: &Receiver<Line>) {
        while let Ok(line) = lines.recv() {
            let done = match line {
                Line::Text(text) => self.append(&text),
                Line::Sync(done) => {
                    let synced = self.file.as_ref().map_or(Ok(()), File::sync_data);
                    done.send(()).ok();
                    synced
                }
            };
            if let Err(error) = done {
                tracing::error!(%error, dir = %self.dir.display(), "what receivers were not told cannot be written");
            }
        }
    }

    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let path = self.dir.join(NAME);
        let mut file = match self.file.take() {
            Some(file) => file,
            None => open(&path)?,
        };
        let there = file.metadata()?.len();
        if there > 0 && there + line.len() as u64 > self.bytes_max {
            file.sync_data()?;
            fs::rename(&path, self.dir.join(NAME_BEFORE))?;
            file = open(&path)?;
        }
        self.file.insert(file).write_all(line)
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

impl<'a> Undelivered<'a> {
    /// One to which there is no answer.
    #[must_use]
    pub fn new(reason: UndeliveredReason, receiver: &'a str, notice: &'a Notice, at: Timestamp, attempts: u32) -> Self {
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
    fn what_is_lost_is_kept_within_its_bound_and_what_is_repeated_is_not_lost() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = UndeliveredFile::with_bound(Some(dir.path()), 2000).expect("a thread");
        for n in 0..6 {
            let notice = Notice::new(alert(&format!("a{n}"), Severity::High));
            file.write(&Undelivered::new(UndeliveredReason::Refused, "chat", &notice, Timestamp::MIN, n));
            let again = Notice { cause: Cause::Repeated, ..notice };
            file.write(&Undelivered::new(UndeliveredReason::Abandoned, "chat", &again, Timestamp::MIN, n));
        }
        file.sync();
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
        let nowhere = UndeliveredFile::new(None).expect("no thread");
        nowhere.write(&Undelivered::new(UndeliveredReason::Gone, "x", &notice, Timestamp::MIN, 0));
        nowhere.sync();
        assert_eq!(fs::read_dir(dir.path()).expect("lists").count(), 2, "without a directory nothing is written");
    }
}
