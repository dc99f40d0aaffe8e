//! Writing the alert log.
//!
//! A record is chained when it is taken in and written when it is flushed; what a full disk does not take waits here
//! and goes out with the next flush, in the same place, so that no half of it stays. Written means handed to the
//! kernel, which survives the end of the process; it is synced to the disk when a head is signed, that is with each
//! snapshot at the latest, and what a power cut takes from behind that is computed again from the stream.
//!
//! After a crash the stream is read again from the snapshot's position, and alerts are computed again that are in the
//! log already. The snapshot carries the log's place, so that only what lies behind it is read at the start: those
//! records are awaited, and each is passed over once when it comes. They are carried on in later snapshots until they
//! have come, or the stream has been read to where it ended at the crash and beyond.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::files::{self, CURRENT_NAME, HEADS_NAME, KEY_NAME, PUBLIC_NAME};
use super::head::{Head, Stamp};
use super::key::{KeyError, PublicKey, Signer};
use super::open::{self, Found};
use super::record::{self, Link};
use crate::alert::Alert;
use crate::runtime::clock;
use crate::runtime::store::format::LogPlace;
use crate::time::Timestamp;

/// Records after which a head is signed in any case. More would place a fault less finely and leave more to be cut
/// without a trace, fewer would sync the disk more often in a flood.
const HEAD_RECORDS: u64 = 1000;

/// Bytes that wait for a full disk. More would fill the memory, fewer would give up sooner.
const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Bounds and key of the log.
#[derive(Clone, Debug)]
pub struct LogParams {
    /// File of the key that heads are signed with; none: one in the log's directory, made where it is missing.
    pub key_file: Option<PathBuf>,
    /// Bytes of a file, above which the next begins.
    pub file_bytes_max: u64,
    /// Files, beyond which the oldest is removed.
    pub files_max: usize,
}

/// A log that cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The disk or its permissions.
    #[error("alert log: {doing} `{path}`: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// So much waits for the disk that no more is held.
    #[error("alert log: too much waits for the disk; an alert was left out")]
    Overflow,
    /// The keys.
    #[error("alert log: {0}")]
    Key(#[from] KeyError),
    /// The alert cannot be serialized, which no alert of ours does.
    #[error("alert log: {0}")]
    Encode(#[from] serde_json::Error),
}

impl LogError {
    /// The class of fault.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Io { .. } => "io",
            Self::Overflow => "overflow",
            Self::Key(_) => "key",
            Self::Encode(_) => "encode",
        }
    }

    /// Whether trying again can help: a full disk may have room later.
    #[must_use]
    pub fn retry(&self) -> bool {
        matches!(self, Self::Io { .. })
    }
}

/// The log, open for writing.
#[derive(Debug)]
pub struct AlertLog {
    dir: PathBuf,
    params: LogParams,
    signer: Signer,
    file: File,
    /// Number of the first record in the file, or of the one that will be.
    first: u64,
    /// Where the next record goes.
    offset: u64,
    /// The last record in the file, and the last one that was taken in.
    written: Link,
    taken: Link,
    waiting: Vec<u8>,
    /// Whether half of something may lie behind the last record.
    torn: bool,
    /// The last record that was signed, and the oldest that is kept.
    signed: u64,
    oldest: u64,
    newest_ts: Option<Timestamp>,
    awaited: HashSet<u64>,
}

impl AlertLog {
    /// Opens the log and goes on behind its last record. What does not fit together is told and left as it is: the log
    /// goes on behind it, and `humdrum verify` names it.
    ///
    /// # Errors
    /// A file cannot be read or written, or holds no key.
    pub fn open(dir: &Path, params: LogParams, place: Option<LogPlace>) -> Result<(Self, Option<String>), LogError> {
        let signer = match &params.key_file {
            Some(path) => Signer::open(path, false)?,
            None => Signer::open(&dir.join(KEY_NAME), true)?,
        };
        let public = dir.join(PUBLIC_NAME);
        signer.public().keep(&public)?;
        let found = open::open(dir, place, &PublicKey::read(&public)?)?;
        // Keys and files that were made here are there after a power cut, too.
        sync_dir(dir)?;
        let Found { file, first, offset, link, signed, oldest, awaited, damage } = found;
        let log = Self {
            dir: dir.to_owned(),
            params,
            signer,
            file,
            first,
            offset,
            written: link,
            taken: link,
            waiting: Vec::new(),
            torn: false,
            signed,
            oldest,
            newest_ts: None,
            awaited,
        };
        Ok((log, damage))
    }

    /// Takes an alert in, unless it is one that a crash lets come again. Nothing is written yet.
    ///
    /// # Errors
    /// Too much waits for the disk.
    pub fn take(&mut self, alert: &Alert) -> Result<(), LogError> {
        if self.awaited.remove(&fingerprint(&alert.id, alert.revision)) {
            return Ok(());
        }
        if self.waiting.len() >= WAITING_BYTES_MAX {
            return Err(LogError::Overflow);
        }
        let json = serde_json::to_vec(alert)?;
        record::write(&mut self.waiting, &mut self.taken, &json);
        self.newest_ts = Some(alert.ts);
        Ok(())
    }

    /// Writes what was taken in, and signs where it is time. Returns the head if there is a new one.
    ///
    /// # Errors
    /// The disk. What was not written waits for the next flush.
    pub fn flush(&mut self) -> Result<Option<Head>, LogError> {
        if self.waiting.is_empty() {
            return Ok(None);
        }
        let mut head = None;
        if self.offset > 0 && self.offset + self.waiting.len() as u64 > self.params.file_bytes_max {
            head = Some(self.rotate()?);
        }
        let current = self.dir.join(CURRENT_NAME);
        if self.torn {
            self.file.set_len(self.offset).map_err(at("truncate", &current))?;
        }
        self.torn = true;
        self.file.write_all_at(&self.waiting, self.offset).map_err(at("write", &current))?;
        self.torn = false;
        self.offset += self.waiting.len() as u64;
        self.waiting.clear();
        self.written = self.taken;
        if self.written.number - self.signed >= HEAD_RECORDS { self.seal() } else { Ok(head) }
    }

    /// Writes what was taken in, syncs it to the disk, and signs it unless that is done. Returns the head if there is a
    /// new one.
    ///
    /// # Errors
    /// The disk.
    pub fn seal(&mut self) -> Result<Option<Head>, LogError> {
        // A flush that is due for a head seals by itself, and finds nothing that waits.
        let head = self.flush()?;
        if self.written.number == self.signed {
            return Ok(head);
        }
        self.sign(self.oldest).map(Some)
    }

    /// Forgets what a crash could have let come again: everything from before it has been read.
    pub fn await_no_more(&mut self) {
        self.awaited.clear();
    }

    /// The place of the last record, for the snapshot; none while something waits for the disk.
    #[must_use]
    pub fn place(&self) -> Option<LogPlace> {
        let mut awaited: Vec<u64> = self.awaited.iter().copied().collect();
        awaited.sort_unstable();
        let Link { number, hash } = self.written;
        let place = LogPlace { first: self.first, offset: self.offset, number, hash: *hash.as_bytes(), awaited };
        self.waiting.is_empty().then_some(place)
    }

    /// Number of the last record that is written.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written.number
    }

    /// Records that wait for the disk.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.taken.number - self.written.number
    }

    /// Number of the last record that is signed.
    #[must_use]
    pub fn signed(&self) -> u64 {
        self.signed
    }

    /// Syncs the records, then signs the last of them.
    fn sign(&mut self, oldest: u64) -> Result<Head, LogError> {
        let current = self.dir.join(CURRENT_NAME);
        self.file.sync_data().map_err(at("sync", &current))?;
        let stamp = Stamp { event_time: self.newest_ts, wall: clock::wall() };
        let head = Head::sign(&self.written, oldest, stamp, &self.signer);
        append(&self.dir.join(HEADS_NAME), &head)?;
        self.signed = head.number;
        Ok(head)
    }

    /// Begins a new file. The head that says which records are kept is signed before the others are removed, so that a
    /// crash in between leaves more than it says and never less.
    fn rotate(&mut self) -> Result<Head, LogError> {
        let mut kept: Vec<u64> =
            files::full(&self.dir).map_err(at("list", &self.dir))?.into_iter().map(|(first, _)| first).collect();
        kept.push(self.first);
        let surplus = (kept.len() + 1).saturating_sub(self.params.files_max);
        let oldest = kept.get(surplus).copied().unwrap_or(self.first);
        let head = self.sign(oldest)?;
        let (current, full) = (self.dir.join(CURRENT_NAME), files::full_path(&self.dir, self.first));
        match fs::rename(&current, &full) {
            // The attempt before this one came no further.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            renamed => renamed.map_err(at("rename", &full))?,
        }
        self.file = create(&current)?;
        sync_dir(&self.dir)?;
        (self.first, self.offset, self.torn) = (self.written.number + 1, 0, false);
        self.oldest = oldest;
        for first in kept.into_iter().take(surplus) {
            let path = files::full_path(&self.dir, first);
            if let Err(error) = fs::remove_file(&path) {
                tracing::warn!(path = %path.display(), %error, "old file of the alert log cannot be removed");
            }
        }
        if surplus > 0
            && let Err(error) = self.forget_heads()
        {
            tracing::warn!(%error, "heads of removed records cannot be forgotten");
        }
        Ok(head)
    }

    /// Leaves out the heads of records that are gone, but for the one that the oldest record follows.
    fn forget_heads(&self) -> Result<(), LogError> {
        let path = self.dir.join(HEADS_NAME);
        let mut lines = files::Lines::open(&path, 0).map_err(at("read", &path))?;
        let mut kept = Vec::new();
        while let Some(line) = lines.next().map_err(at("read", &path))? {
            if Head::parse(line.text).is_ok_and(|head| head.number + 1 < self.oldest) {
                continue;
            }
            kept.extend_from_slice(line.text);
            kept.push(b'\n');
        }
        let temporary = path.with_extension("heads.tmp");
        let file = create(&temporary)?;
        file.write_all_at(&kept, 0).and_then(|()| file.sync_all()).map_err(at("write", &temporary))?;
        fs::rename(&temporary, &path).map_err(at("rename", &path))?;
        sync_dir(&self.dir)
    }
}

/// What tells records apart, shortened: two alerts of a log share it with a chance of one in a billion billion.
pub(super) fn fingerprint(id: &str, revision: u32) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(id.as_bytes()).update(&revision.to_le_bytes());
    let mut bytes = [0; 8];
    hasher.finalize_xof().fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

/// A file for records or heads, empty.
pub(super) fn create(path: &Path) -> Result<File, LogError> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(true).write(true).mode(0o600).open(path).map_err(at("create", path))
}

pub(super) fn sync_dir(dir: &Path) -> Result<(), LogError> {
    let mut options = OpenOptions::new();
    options.read(true).open(dir).and_then(|dir| dir.sync_all()).map_err(at("sync", dir))
}

/// Adds a head to the file of heads, all of it or nothing.
fn append(path: &Path, head: &Head) -> Result<(), LogError> {
    let mut text = serde_json::to_vec(head)?;
    text.push(b'\n');
    let mut options = OpenOptions::new();
    let mut file = options.create(true).append(true).mode(0o600).open(path).map_err(at("open", path))?;
    let before = file.metadata().map_err(at("read", path))?.len();
    file.write_all(&text).and_then(|()| file.sync_data()).map_err(|source| {
        // Should this fail as well, the half is taken away at the next start.
        file.set_len(before).ok();
        at("write", path)(source)
    })
}

pub(super) fn at(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LogError {
    let path = path.to_owned();
    move |source| LogError::Io { doing, path, source }
}

#[cfg(test)]
mod tests;
