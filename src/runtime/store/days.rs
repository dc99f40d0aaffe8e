//! Snapshots of days gone by: the first of each day of event time, under a second name, so that a bot that was taught the
//! wrong normal can be put back.

#![expect(clippy::disallowed_methods, reason = "the store is the part of the shell that owns files")]

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::format::{self, Checkpoint, FormatError, Outline, Piece};
use super::names::{Name, SUFFIX};
use super::{StoreError, at, load};
use crate::time::Timestamp;

const DAY_PREFIX: &str = "day-";
/// Characters of a day: `2026-05-04`.
const DAY_CHARS: usize = 10;

/// A snapshot in a directory.
#[derive(Debug)]
pub struct Found {
    /// Its file's name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// What is in it.
    pub checkpoint: Result<Checkpoint, FormatError>,
}

/// Whether a snapshot of the day is kept.
pub(super) fn is_kept(dir: &Path, time: Timestamp) -> bool {
    fs::exists(day_path(dir, &day_of(time))).unwrap_or_default()
}

/// The day of a time, of UTC: `2026-05-04`.
pub(super) fn day_of(time: Timestamp) -> String {
    let mut day = time.to_string();
    day.truncate(DAY_CHARS);
    day
}

/// Keeps the first snapshot of a day, and no more days than these. A day too few is no reason to fail a snapshot.
pub(super) fn keep(dir: &Path, snapshot: &Path, time: Timestamp, days: usize) {
    let day = day_path(dir, &day_of(time));
    match fs::hard_link(snapshot, &day) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return,
        Err(error) => tracing::warn!(path = %day.display(), %error, "the snapshot of the day cannot be kept"),
    }
    let mut kept: Vec<String> = names(dir).unwrap_or_default();
    kept.retain(|name| name.starts_with(DAY_PREFIX));
    for name in kept.iter().rev().skip(days) {
        if let Err(error) = fs::remove_file(dir.join(name)) {
            tracing::warn!(name, %error, "an old snapshot of a day cannot be removed");
        }
    }
}

/// The snapshot of the beginning of a day; none where none is kept.
///
/// # Errors
/// It cannot be read, is damaged, or was written by a program of another version.
pub fn of_day(dir: &Path, day: &str) -> Result<Option<Checkpoint>, StoreError> {
    let path = day_path(dir, day);
    let found = load(dir, &path)?.transpose();
    found.map_err(|source| StoreError::Version { path, source })
}

/// Every snapshot of a directory, by name, without the engines' states: each file is read once, and what it builds on is
/// held against the hashes that it names.
///
/// # Errors
/// The directory or a file cannot be read.
pub fn all(dir: &Path) -> Result<Vec<Found>, StoreError> {
    let mut read = Vec::new();
    for name in names(dir)? {
        let path = dir.join(&name);
        match fs::read(&path) {
            Ok(file) => read.push((name, file.len() as u64, format::read(&file).map(Piece::outline))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(at("read", &path)(error)),
        }
    }
    let whole = read.iter().filter_map(|(name, _, outline)| Some((name.clone(), outline.as_ref().ok()?.hash)));
    let hashes: BTreeMap<String, _> = whole.collect();
    let found = |(name, bytes, outline): (String, u64, Result<Outline, FormatError>)| {
        let checkpoint = outline.and_then(|Outline { checkpoint, on, .. }| {
            let there = on.iter().all(|link| hashes.get(&link.name) == Some(&link.hash));
            there.then_some(checkpoint).ok_or(FormatError::Damaged("a file that it builds on is damaged or missing"))
        });
        Found { name, bytes, checkpoint }
    };
    Ok(read.into_iter().map(found).collect())
}

fn day_path(dir: &Path, day: &str) -> PathBuf {
    dir.join(format!("{DAY_PREFIX}{day}{SUFFIX}"))
}

/// Names of all snapshots, in order.
fn names(dir: &Path) -> Result<Vec<String>, StoreError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(at("list", dir))? {
        let name = entry.map_err(at("list", dir))?.file_name();
        let day = |name: &str| name.starts_with(DAY_PREFIX) && name.ends_with(SUFFIX);
        let ours = |name: &&str| day(name) || Name::parse(name).is_some();
        names.extend(name.to_str().filter(ours).map(ToOwned::to_owned));
    }
    names.sort_unstable();
    Ok(names)
}
