//! Snapshots in a local directory.
//!
//! A snapshot is written to a temporary file, synced, renamed and its directory synced, so that a file under its final
//! name is whole or the disk lies. Should it lie, the hash tells, and the snapshot before it is taken. Names carry a
//! number that only grows; numbers and not times, since clocks go back. A lock file keeps a second process out: two
//! writers would each take the other's state for its own past. The lock is the kernel's and ends with the process, so
//! that no stale file has to be removed by hand.

#![expect(clippy::disallowed_methods, reason = "the store is the part of the shell that owns files")]

mod days;
pub mod format;
pub mod ledger;
mod shapes;
pub mod shared;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use format::{Checkpoint, FormatError};
use shared::SharedError;

use crate::time::Timestamp;
pub use days::{Found, all, of_day};

const LOCK_NAME: &str = "humdrum.lock";
const PREFIX: &str = "snapshot-";
const SUFFIX: &str = ".humdrum";
const TEMPORARY_NAME: &str = "snapshot.tmp";

/// The state directory, locked for this process.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    keep: usize,
    /// Days of which the first snapshot is kept.
    days: usize,
    next: u64,
    lock: File,
}

/// A state directory that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk or its permissions.
    #[error("{doing} `{path}`: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// Another process has it.
    #[error("state directory `{0}` is in use by another process")]
    Locked(PathBuf),
    /// A newer or a much older program wrote it. Nothing is overwritten.
    #[error("snapshot `{path}`: {source}; it was left as it is")]
    Version {
        /// The snapshot.
        path: PathBuf,
        /// Which version it is of.
        source: FormatError,
    },
    /// Where every member finds it.
    #[error(transparent)]
    Shared(#[from] SharedError),
    /// A thread that wrote it.
    #[error("the thread that wrote the snapshot died")]
    Died,
    /// The checkpoint cannot be serialized.
    #[error("snapshot cannot be encoded: {0}")]
    Encode(#[from] postcard::Error),
}

impl StoreError {
    /// The class of fault.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Io { .. } => "io",
            Self::Locked(_) => "locked",
            Self::Version { .. } => "version",
            Self::Shared(error) => error.reason(),
            Self::Died => "died",
            Self::Encode(_) => "encode",
        }
    }

    /// Whether trying again can help: a full disk may have room later.
    #[must_use]
    pub fn retry(&self) -> bool {
        match self {
            Self::Io { .. } => true,
            Self::Shared(error) => error.retry(),
            _ => false,
        }
    }
}

impl Drop for Store {
    /// Unlocks at once: a child that is being started holds a copy of the file until it is another program.
    fn drop(&mut self) {
        if let Err(error) = self.lock.unlock() {
            tracing::warn!(dir = %self.dir.display(), %error, "the state directory cannot be unlocked");
        }
    }
}

impl Store {
    /// Opens and locks the directory, making it where it is missing. At least one snapshot is kept.
    ///
    /// # Errors
    /// The directory cannot be made, read or locked.
    pub fn open(dir: &Path, keep: usize) -> Result<Self, StoreError> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(dir).map_err(at("create", dir))?;
        let path = dir.join(LOCK_NAME);
        let mut options = OpenOptions::new();
        let lock =
            options.create(true).truncate(false).write(true).mode(0o600).open(&path).map_err(at("open", &path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::Locked(dir.to_owned())),
            Err(TryLockError::Error(source)) => return Err(StoreError::Io { doing: "lock", path, source }),
        }
        let mut store = Self { dir: dir.to_owned(), keep: keep.max(1), days: 0, next: 1, lock };
        store.next = store.numbers()?.last().map_or(1, |number| number + 1);
        Ok(store)
    }

    /// The newest snapshot that is whole. Damaged ones are told of and passed over.
    ///
    /// # Errors
    /// A file cannot be read, or was written by a program of another version.
    pub fn load(&self) -> Result<Option<Checkpoint>, StoreError> {
        newest(&self.dir)
    }

    /// Keeps the first snapshot of each of the last so many days, of event time, besides.
    #[must_use]
    pub fn with_days(mut self, days: usize) -> Self {
        self.days = days;
        self
    }

    /// Writes a snapshot, then removes the oldest beyond those kept. Returns its bytes.
    ///
    /// # Errors
    /// The disk is full, gone or read-only. The snapshots before it are untouched.
    pub fn save(&mut self, checkpoint: &Checkpoint) -> Result<u64, StoreError> {
        self.save_file(&format::encode(checkpoint)?, checkpoint.event_time)
    }

    /// The same of a snapshot that is encoded already, with the event time that it stands at.
    ///
    /// # Errors
    /// The disk is full, gone or read-only. The snapshots before it are untouched.
    pub fn save_file(&mut self, bytes: &[u8], event_time: Option<Timestamp>) -> Result<u64, StoreError> {
        let temporary = self.dir.join(TEMPORARY_NAME);
        let mut options = OpenOptions::new();
        let mut file = options
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&temporary)
            .map_err(at("create", &temporary))?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(at("write", &temporary))?;
        drop(file);
        let path = self.path(self.next);
        fs::rename(&temporary, &path).map_err(at("rename", &path))?;
        File::open(&self.dir).and_then(|dir| dir.sync_all()).map_err(at("sync", &self.dir))?;
        if let Some(time) = event_time {
            days::keep(&self.dir, &path, time, self.days);
        }
        self.next += 1;
        self.prune();
        Ok(bytes.len() as u64)
    }

    /// A snapshot too many is no reason to fail the one just written.
    fn prune(&self) {
        let numbers = self.numbers().unwrap_or_default();
        for number in numbers.iter().rev().skip(self.keep) {
            let path = self.path(*number);
            if let Err(error) = fs::remove_file(&path) {
                tracing::warn!(path = %path.display(), %error, "old snapshot cannot be removed");
            }
        }
    }

    fn path(&self, number: u64) -> PathBuf {
        path(&self.dir, number)
    }

    fn numbers(&self) -> Result<Vec<u64>, StoreError> {
        numbers(&self.dir)
    }
}

/// The newest snapshot of a directory that is whole, without taking the directory: for whoever only reads. Damaged ones
/// are told of and passed over, and so is one that the owner of the directory removes meanwhile.
///
/// # Errors
/// The directory or a file cannot be read, or was written by a program of another version.
pub fn newest(dir: &Path) -> Result<Option<Checkpoint>, StoreError> {
    for number in numbers(dir)?.into_iter().rev() {
        let path = path(dir, number);
        let file = match fs::read(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(at("read", &path)(error)),
        };
        match format::decode(&file) {
            Ok(checkpoint) => {
                let sequence = checkpoint.position.as_ref().map(|position| position.sequence);
                tracing::info!(path = %path.display(), sequence, bytes = file.len(), "snapshot found");
                return Ok(Some(checkpoint));
            }
            Err(source @ (FormatError::Newer { .. } | FormatError::Older { .. })) => {
                return Err(StoreError::Version { path, source });
            }
            Err(error) => {
                tracing::error!(path = %path.display(), %error, "snapshot is damaged; falling back to the one before");
            }
        }
    }
    Ok(None)
}

fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{PREFIX}{number:020}{SUFFIX}"))
}

/// Numbers of the snapshots, from the oldest.
fn numbers(dir: &Path) -> Result<Vec<u64>, StoreError> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(dir).map_err(at("list", dir))? {
        let name = entry.map_err(at("list", dir))?.file_name();
        let digits = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX));
        numbers.extend(digits.and_then(|digits| digits.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn at(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io { doing, path, source }
}

#[cfg(test)]
mod tests;
