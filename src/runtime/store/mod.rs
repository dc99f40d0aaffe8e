//! Snapshots in a local directory.
//!
//! A snapshot is written to a temporary file, synced, renamed and its directory synced, so that a file under its final
//! name is whole or the disk lies. Should it lie, the hash tells, and the snapshot before it is taken. Names carry a
//! number that only grows; numbers and not times, since clocks go back. A lock file keeps a second process out: two
//! writers would each take the other's state for its own past. Most snapshots hold only the bots that changed, and build on
//! those before them ([`chain`]); what they build on is kept, and so is what came before that, so that one file that is
//! damaged never takes all. The lock is the kernel's and ends with the process, so
//! that no stale file has to be removed by hand.

#![expect(clippy::disallowed_methods, reason = "the store is the part of the shell that owns files")]

mod chain;
mod days;
pub mod format;
pub mod ledger;
mod manifest;
mod names;
mod shapes;
pub mod shared;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use chain::Chain;
use format::{Checkpoint, FormatError, Link, Piece};
use names::{Name, kept_from, names};
use shared::SharedError;

use crate::detect::Part;
use crate::time::Timestamp;
pub use chain::Ground;
pub use days::{Found, all, of_day};

const LOCK_NAME: &str = "humdrum.lock";
const TEMPORARY_NAME: &str = "snapshot.tmp";

/// The state directory, locked for this process.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    keep: usize,
    /// Days of which the first snapshot is kept.
    days: usize,
    next: u64,
    chain: Chain,
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
    /// A part of the state without what it builds on.
    #[error("the snapshot before cannot be built on")]
    Groundless,
    /// What was given up before it is not kept yet.
    #[error("what receivers were not told is not kept yet")]
    Letters,
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
            Self::Groundless => "groundless",
            Self::Letters => "letters",
            Self::Died => "died",
            Self::Encode(_) => "encode",
        }
    }

    /// Whether trying again can help: a full disk may have room later.
    #[must_use]
    pub fn retry(&self) -> bool {
        match self {
            Self::Io { .. } | Self::Groundless | Self::Letters => true,
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
        let next = names(dir)?.last().map_or(1, |name| name.number + 1);
        Ok(Self { dir: dir.to_owned(), keep: keep.max(1), days: 0, next, chain: Chain::default(), lock })
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
        let (file, name) = (format::encode(checkpoint)?, Name { number: self.next, base: None });
        self.write(&file, &name)?;
        self.chain = Chain::default();
        self.keep_day(&name, checkpoint.event_time);
        self.prune();
        Ok(file.len() as u64)
    }

    /// The same of a snapshot whose engine's state is a part, which builds on the snapshots before it or has all bots.
    ///
    /// # Errors
    /// The disk is full, gone or read-only, or there is nothing to build on. The snapshots before it are untouched.
    pub fn save_part(&mut self, checkpoint: &Checkpoint, part: Part) -> Result<u64, StoreError> {
        let on = self.chain.on(&part).ok_or(StoreError::Groundless)?;
        let base = on.first().and_then(|link| Name::parse(&link.name)).map(|base| base.number);
        let name = Name { number: self.next, base };
        let step = chain::Step::of(&part);
        let file = format::encode_grown(checkpoint, Some(format::Grown { part, on }))?;
        self.write(&file, &name)?;
        self.chain.grow(format::link(&name.to_string(), &file), file.len() as u64, step);
        self.keep_day(&name, checkpoint.event_time);
        self.prune();
        Ok(file.len() as u64)
    }

    /// What the next part may build on.
    #[must_use]
    pub fn ground(&self) -> Option<u32> {
        self.chain.ground()
    }

    fn write(&mut self, bytes: &[u8], name: &Name) -> Result<(), StoreError> {
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
        let path = self.dir.join(name.to_string());
        fs::rename(&temporary, &path).map_err(at("rename", &path))?;
        File::open(&self.dir).and_then(|dir| dir.sync_all()).map_err(at("sync", &self.dir))?;
        self.next += 1;
        Ok(())
    }

    /// The snapshot of a day has all bots, so that it needs no other file.
    fn keep_day(&mut self, name: &Name, event_time: Option<Timestamp>) {
        let Some(time) = event_time.filter(|time| self.days > 0 && !days::is_kept(&self.dir, *time)) else { return };
        match name.base {
            None => days::keep(&self.dir, &self.dir.join(name.to_string()), time, self.days),
            Some(_) => self.chain.end(),
        }
    }

    /// A snapshot too many is no reason to fail the one just written.
    fn prune(&self) {
        let names = names(&self.dir).unwrap_or_default();
        let from = kept_from(&names, self.keep);
        for name in names.iter().filter(|name| name.number < from) {
            let path = self.dir.join(name.to_string());
            if let Err(error) = fs::remove_file(&path) {
                tracing::warn!(path = %path.display(), %error, "old snapshot cannot be removed");
            }
        }
    }
}

/// The newest snapshot of a directory that is whole, without taking the directory: for whoever only reads. Damaged ones
/// are told of and passed over, and so is one that the owner of the directory removes meanwhile.
///
/// # Errors
/// The directory or a file cannot be read, or was written by a program of another version.
pub fn newest(dir: &Path) -> Result<Option<Checkpoint>, StoreError> {
    for name in names(dir)?.into_iter().rev() {
        let path = dir.join(name.to_string());
        match load(dir, &path)? {
            None => {}
            Some(Ok(checkpoint)) => {
                let sequence = checkpoint.position.as_ref().map(|position| position.sequence);
                tracing::info!(path = %path.display(), sequence, "snapshot found");
                return Ok(Some(checkpoint));
            }
            Some(Err(source)) if source.is_version() => return Err(StoreError::Version { path, source }),
            Some(Err(error)) => {
                tracing::error!(path = %path.display(), %error, "snapshot is damaged; falling back to the one before");
            }
        }
    }
    Ok(None)
}

/// The snapshot in a file, with the files that it builds on; none where the file is not there.
fn load(dir: &Path, path: &Path) -> Result<Option<Result<Checkpoint, FormatError>>, StoreError> {
    let piece = |path: &Path| match fs::read(path) {
        Ok(file) => Ok(Some(format::read(&file))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at("read", path)(error)),
    };
    let newest = match piece(path)? {
        None => return Ok(None),
        Some(Err(error)) => return Ok(Some(Err(error))),
        Some(Ok(newest)) => newest,
    };
    let mut on = Vec::new();
    for link in newest.on().to_vec() {
        match linked(piece(&dir.join(&link.name))?, &link) {
            Ok(piece) => on.push(piece),
            Err(error) => return Ok(Some(Err(error))),
        }
    }
    Ok(Some(newest.join(on)))
}

/// A file that a later one builds on, as it was found.
fn linked(found: Option<Result<Piece, FormatError>>, link: &Link) -> Result<Piece, FormatError> {
    match found {
        Some(Ok(piece)) if piece.is(link) => Ok(piece),
        Some(Err(error)) if error.is_version() => Err(error),
        Some(_) => Err(FormatError::Damaged("a file that it builds on is damaged")),
        None => Err(FormatError::Damaged("a file that it builds on is missing")),
    }
}

fn at(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io { doing, path, source }
}

#[cfg(test)]
mod tests;
