//! Snapshots of a partition in an object store, for whoever owns it next.
//!
//! An object has a name of its own and is never replaced: the store itself lets two writers purge each other's. Which
//! object counts, the manifest says, and that is replaced by compare-and-set with the epoch in it, so that an owner that
//! does not know that it is over writes an object that nobody ever looks at.

use std::collections::BTreeMap;
use std::time::Duration;

use async_nats::jetstream::object_store::{GetErrorKind, ObjectStore};
use futures_util::StreamExt;
use tokio::io::AsyncReadExt;

use super::StoreError;
use super::chain::{Chain, Step};
use super::days::day_of;
use super::format::{self, Checkpoint, FormatError, Grown, Outline, Piece};
use super::ledger::{Kept, KeptDay, Ledger, LedgerError, Manifest, manifest_key};
use crate::detect::Part;
use crate::time::Timestamp;

/// Time for some more bytes of an object. Longer leaves a partition alone behind an object that is not all there, shorter
/// takes a store for broken that is busy.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// The objects of all partitions.
#[derive(Clone)]
pub struct Objects(ObjectStore);

impl Objects {
    /// The objects in a bucket.
    #[must_use]
    pub fn new(store: ObjectStore) -> Self {
        Self(store)
    }

    /// The newest snapshot that is whole, and the last sequence of the fence that is in it; none where none was ever
    /// written. Damaged ones are told of and passed over; one that cannot be read now is not damaged.
    ///
    /// # Errors
    /// The server does not answer, a program of another version wrote it, or all are damaged.
    pub async fn newest(&self, partition: u16, manifest: &Manifest) -> Result<Option<(Checkpoint, u64)>, SharedError> {
        for kept in &manifest.kept {
            match self.join(kept).await? {
                Ok(checkpoint) => return Ok(Some((checkpoint, kept.fence))),
                Err(source) if source.is_version() => {
                    return Err(SharedError::Version { object: kept.object.clone(), source });
                }
                Err(error) => {
                    tracing::error!(object = kept.object, %error, "snapshot is damaged; falling back to the one before");
                }
            }
        }
        match manifest.kept.len() {
            0 => Ok(None),
            kept => Err(SharedError::Unusable { partition, kept }),
        }
    }

    /// The snapshot of the beginning of a day.
    ///
    /// # Errors
    /// None is kept, the server does not answer, it is damaged, or a program of another version wrote it.
    pub async fn of_day(&self, partition: u16, manifest: &Manifest, day: &str) -> Result<Checkpoint, SharedError> {
        let Some(kept) = manifest.of_day(day) else {
            let days = manifest.days.iter().map(|known| known.day.clone()).collect();
            return Err(SharedError::Day { partition, day: day.to_owned(), days });
        };
        let fault = |source| SharedError::Version { object: kept.object.clone(), source };
        self.join(kept).await?.map_err(fault)
    }

    /// A snapshot with the objects that it builds on.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn join(&self, kept: &Kept) -> Result<Result<Checkpoint, FormatError>, SharedError> {
        let newest = match self.piece(&kept.object).await? {
            Ok(newest) => newest,
            Err(error) => return Ok(Err(error)),
        };
        if kept.hash.as_ref().is_some_and(|hash| *hash != newest.hash()) {
            return Ok(Err(FormatError::Damaged("it is another object than the one that was written")));
        }
        let mut on = Vec::new();
        for link in newest.on().to_vec() {
            match self.piece(&link.name).await? {
                Ok(piece) if piece.is(&link) => on.push(piece),
                Err(error) if error.is_version() => return Ok(Err(error)),
                _ => return Ok(Err(FormatError::Damaged("an object that it builds on is damaged or missing"))),
            }
        }
        Ok(newest.join(on))
    }

    async fn remove(&self, object: &str) {
        if let Err(error) = self.0.delete(object).await {
            tracing::warn!(object, %error, "old snapshot cannot be removed");
        }
    }

    /// Names and sizes of all objects of a partition.
    async fn of(&self, partition: u16) -> Result<Vec<(String, u64)>, SharedError> {
        let fault = |detail: String| SharedError::Object { object: format!("{partition}-*"), detail };
        let mut named = Vec::new();
        let mut list = self.0.list().await.map_err(|error| fault(error.to_string()))?;
        while let Some(info) = list.next().await {
            let info = info.map_err(|error| fault(error.to_string()))?;
            if !info.deleted && parsed(&info.name).is_some_and(|(of, ..)| of == partition) {
                named.push((info.name, info.size as u64));
            }
        }
        Ok(named)
    }

    async fn piece(&self, object: &str) -> Result<Result<Piece, FormatError>, SharedError> {
        match self.read(object).await {
            Ok(file) => Ok(format::read(&file)),
            Err(error) if is_damage(error.kind()) => Ok(Err(FormatError::Damaged("the store does not have all of it"))),
            // A store that answers, and has not all that it lists, never sends the rest.
            Err(error) if error.kind() == std::io::ErrorKind::TimedOut => {
                match tokio::time::timeout(READ_TIMEOUT, self.0.info(object)).await {
                    Ok(Ok(_)) => Ok(Err(FormatError::Damaged("the store does not have all of it"))),
                    _ => Err(SharedError::Object { object: object.to_owned(), detail: error.to_string() }),
                }
            }
            Err(error) => Err(SharedError::Object { object: object.to_owned(), detail: error.to_string() }),
        }
    }

    async fn read(&self, object: &str) -> std::io::Result<Vec<u8>> {
        let unreachable = |error: String| std::io::Error::new(std::io::ErrorKind::NotConnected, error);
        let mut reader = match self.0.get(object).await {
            Ok(reader) => reader,
            Err(error) if error.kind() == GetErrorKind::NotFound => {
                return Err(std::io::Error::new(std::io::ErrorKind::NotFound, error.to_string()));
            }
            Err(error) => return Err(unreachable(error.to_string())),
        };
        let mut file = Vec::with_capacity(reader.info().size);
        while tokio::time::timeout(READ_TIMEOUT, reader.read_buf(&mut file)).await?? > 0 {}
        Ok(file)
    }
}

/// An object's name: of which partition, written in which epoch, as which.
fn parsed(name: &str) -> Option<(u16, u64, u64)> {
    let mut numbers = name.split('-');
    let parsed = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
    numbers.next().is_none().then_some(parsed)
}

impl std::fmt::Debug for Objects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Objects")
    }
}

/// A partition's snapshots.
#[derive(Debug)]
pub struct SharedStore {
    ledger: Ledger,
    objects: Objects,
    partition: u16,
    manifest: Manifest,
    revision: u64,
    written: u64,
    chain: Chain,
    /// Days of which the first snapshot is kept; none: those that there are stay.
    days: Option<usize>,
}

/// Snapshots that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SharedError {
    /// The partition has another owner.
    #[error("partition {partition} has another owner, of epoch {epoch}")]
    Lost {
        /// Which.
        partition: u16,
        /// The owner's.
        epoch: u64,
    },
    /// The manifest.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// An object.
    #[error("snapshot {object}: {detail}")]
    Object {
        /// Which.
        object: String,
        /// What happened.
        detail: String,
    },
    /// There are snapshots, and none can be used. Starting afresh would forget everything without a word.
    #[error(
        "none of the {kept} snapshots of partition {partition} can be used; remove `manifest.{partition}` from the \
         bucket to start it afresh"
    )]
    Unusable {
        /// Which.
        partition: u16,
        /// How many there are.
        kept: usize,
    },
    /// No snapshot of a day is kept.
    #[error("no snapshot of the beginning of {day} is kept in partition {partition}, {}", but(.days))]
    Day {
        /// Of which partition.
        partition: u16,
        /// The day.
        day: String,
        /// Days of which there is one.
        days: Vec<String>,
    },
    /// A newer or a much older program wrote it. Nothing is overwritten.
    #[error("snapshot {object}: {source}; it was left as it is")]
    Version {
        /// Which.
        object: String,
        /// Which version it is of.
        source: FormatError,
    },
}

/// What is kept instead.
fn but(days: &[String]) -> String {
    if days.is_empty() { "nor of any other day".to_owned() } else { format!("but of {}", days.join(", ")) }
}

impl SharedError {
    /// The class of fault.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Lost { .. } => "lost",
            Self::Ledger(error) => error.reason(),
            Self::Object { .. } => "object",
            Self::Unusable { .. } => "unusable",
            Self::Day { .. } => "day",
            Self::Version { .. } => "version",
        }
    }

    /// Whether the partition has another owner.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Lost { .. } | Self::Ledger(LedgerError::Lost(_)))
    }

    /// Whether trying again can help.
    #[must_use]
    pub fn retry(&self) -> bool {
        match self {
            Self::Ledger(error) => error.retry(),
            Self::Object { .. } => true,
            Self::Lost { .. } | Self::Unusable { .. } | Self::Day { .. } | Self::Version { .. } => false,
        }
    }
}

impl SharedStore {
    /// Claims a partition's manifest for an epoch. What earlier owners write from then on counts no more.
    ///
    /// # Errors
    /// A newer epoch has claimed it, or the server does not answer.
    pub async fn claim(ledger: Ledger, objects: Objects, partition: u16, epoch: u64) -> Result<Self, SharedError> {
        let key = manifest_key(partition);
        loop {
            let (manifest, revision) = ledger.read::<Manifest>(&key).await?;
            let mut manifest = manifest.unwrap_or_default();
            if manifest.epoch > epoch {
                return Err(SharedError::Lost { partition, epoch: manifest.epoch });
            }
            manifest.epoch = epoch;
            match ledger.replace(&key, &manifest, revision).await {
                Ok(revision) => {
                    let (written, chain, days) = (0, Chain::default(), None);
                    return Ok(Self { ledger, objects, partition, manifest, revision, written, chain, days });
                }
                // The owner before us has just written; it does so no more.
                Err(LedgerError::Lost(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Keeps the first snapshot with all bots of each of the last so many days, of event time, besides.
    #[must_use]
    pub fn with_days(mut self, days: usize) -> Self {
        self.days = Some(days);
        self
    }

    /// The newest snapshot that is whole, and the last sequence of the fence that is in it; none where none was ever
    /// written. Damaged ones are told of and passed over; one that cannot be read now is not damaged.
    ///
    /// # Errors
    /// The server does not answer, a program of another version wrote it, or all are damaged.
    pub async fn load(&self) -> Result<Option<(Checkpoint, u64)>, SharedError> {
        self.objects.newest(self.partition, &self.manifest).await
    }

    /// Whether the manifest names a snapshot.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.manifest.kept.is_empty()
    }

    /// Where the snapshots are.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Looks among the objects for the newest snapshot that is whole, where a ledger that was lost does not say which it
    /// is, and names it in the manifest, with the first of each day that has all bots. Whether there is one.
    ///
    /// # Errors
    /// The partition has another owner, or the server does not answer.
    pub async fn recover(&mut self) -> Result<bool, SharedError> {
        let mut named = self.objects.of(self.partition).await?;
        named.sort_unstable_by_key(|(name, _)| std::cmp::Reverse(parsed(name)));
        let (mut newest, mut days) = (None, BTreeMap::new());
        for (object, bytes) in named {
            let Ok(piece) = self.objects.piece(&object).await? else { continue };
            let Outline { checkpoint, on, .. } = piece.outline();
            let on: Vec<String> = on.into_iter().map(|link| link.name).collect();
            let sequence = checkpoint.position.map_or(0, |position| position.sequence);
            let kept = Kept { object, sequence, bytes, on, ..Kept::default() };
            if newest.is_none() && self.objects.join(&kept).await?.is_ok() {
                newest = Some(kept.clone());
            }
            if let Some(time) = checkpoint.event_time.filter(|_| kept.on.is_empty()) {
                // They come from the newest: the first of the day is the last to come.
                days.insert(day_of(time), kept);
            }
        }
        let Some(newest) = newest else { return Ok(false) };
        let days = days.into_iter().rev().take(self.days.unwrap_or(usize::MAX));
        let days = days.map(|(day, kept)| KeptDay { day, kept }).collect();
        let manifest = Manifest { kept: vec![newest], days, ..self.manifest.clone() };
        self.revision = self.point_to(&manifest).await?;
        self.manifest = manifest;
        Ok(true)
    }

    /// Removes what earlier owners have left behind: objects that no manifest came to name, or that could not be removed
    /// when they were of no use any more. Not waited for: a later owner tries again.
    pub fn sweep(&self) {
        let (objects, partition, epoch) = (self.objects.clone(), self.partition, self.manifest.epoch);
        let needed = self.manifest.needs();
        tokio::spawn(async move {
            let named = match objects.of(partition).await {
                Ok(named) => named,
                Err(error) => return tracing::warn!(partition, %error, "old snapshots cannot be listed"),
            };
            for (name, _) in named {
                // Whoever comes after us builds on nothing that we do not name.
                let old = parsed(&name).is_some_and(|(_, written, _)| written < epoch);
                if old && !needed.contains(&name) {
                    objects.remove(&name).await;
                }
            }
        });
    }

    /// A file with a part of the engine's state, to be encoded elsewhere: it may take long.
    ///
    /// # Errors
    /// There is nothing to build on.
    pub fn grown(&self, part: Part) -> Result<Growing, StoreError> {
        let on = self.chain.on(&part).ok_or(StoreError::Groundless)?;
        Ok(Growing { step: Step::of(&part), grown: Grown { part, on } })
    }

    /// What the next part may build on.
    #[must_use]
    pub fn ground(&self) -> Option<u32> {
        self.chain.ground()
    }

    /// Writes a snapshot in which every alert up to a sequence of the fence is. Returns its bytes.
    ///
    /// # Errors
    /// The partition has another owner, or the server does not answer. The snapshots before it are untouched.
    pub async fn save(&mut self, file: Grew, sequence: u64, fence: u64) -> Result<u64, SharedError> {
        let Grew { file, on, step, event_time } = file;
        self.written += 1;
        let (epoch, bytes) = (self.manifest.epoch, file.len() as u64);
        let object = format!("{}-{epoch}-{}", self.partition, self.written);
        let put = self.objects.0.put(object.as_str(), &mut &file[..]).await;
        put.map_err(|error| SharedError::Object { object: object.clone(), detail: error.to_string() })?;
        let mut manifest = self.manifest.clone();
        let link = format::link(&object, &file);
        let hash = Some(format::hexadecimal(&link.hash));
        let kept = Kept { object, sequence, fence, bytes, hash, on };
        let all_bots_next = manifest.take(kept, event_time, self.days);
        self.revision = self.point_to(&manifest).await?;
        let (before, after) = (self.manifest.needs(), manifest.needs());
        self.manifest = manifest;
        match step {
            Some(step) => self.chain.grow(link, bytes, step),
            None => self.chain = Chain::default(),
        }
        if all_bots_next {
            self.chain.end();
        }
        for object in before.difference(&after) {
            self.objects.remove(object).await;
        }
        Ok(bytes)
    }

    /// Replaces the manifest; its revision then. An attempt before, whose answer was lost, makes ours look like
    /// another's.
    async fn point_to(&self, manifest: &Manifest) -> Result<u64, SharedError> {
        let key = manifest_key(self.partition);
        match self.ledger.replace(&key, manifest, self.revision).await {
            Err(LedgerError::Lost(_)) => {}
            done => return Ok(done?),
        }
        match self.ledger.read::<Manifest>(&key).await? {
            // Nobody else writes with our epoch.
            (Some(found), revision) if found.epoch == manifest.epoch => {
                Ok(self.ledger.replace(&key, manifest, revision).await?)
            }
            (found, _) => {
                Err(SharedError::Lost { partition: self.partition, epoch: found.map_or(0, |found| found.epoch) })
            }
        }
    }
}

/// A part that is to become a file.
#[derive(Debug)]
pub struct Growing {
    grown: Grown,
    step: Step,
}

/// A file that is to be written.
#[derive(Clone, Debug)]
pub struct Grew {
    file: Vec<u8>,
    on: Vec<String>,
    step: Option<Step>,
    event_time: Option<Timestamp>,
}

impl Growing {
    /// Encodes the file. May take long.
    ///
    /// # Errors
    /// The checkpoint cannot be serialized, which no checkpoint of ours does.
    pub fn encode(self, checkpoint: &Checkpoint) -> Result<Grew, postcard::Error> {
        let on = self.grown.on.iter().map(|link| link.name.clone()).collect();
        let file = format::encode_grown(checkpoint, Some(self.grown))?;
        Ok(Grew { file, on, step: Some(self.step), event_time: checkpoint.event_time })
    }
}

impl Grew {
    /// Encodes a file that builds on no other, and on which none builds. May take long.
    ///
    /// # Errors
    /// The checkpoint cannot be serialized, which no checkpoint of ours does.
    pub fn whole(checkpoint: &Checkpoint) -> Result<Self, postcard::Error> {
        let (file, event_time) = (format::encode(checkpoint)?, checkpoint.event_time);
        Ok(Self { file, on: Vec::new(), step: None, event_time })
    }
}

/// Whether an object that fails to be read in this way will never be read: the rest may pass.
fn is_damage(kind: std::io::ErrorKind) -> bool {
    matches!(kind, std::io::ErrorKind::InvalidData | std::io::ErrorKind::NotFound)
}
