//! Opening the alert log: where it goes on, and what lies behind the snapshot's place.
//!
//! Half a line at the end is what a crash leaves; it is taken away. Anything else that does not fit together was not
//! Humdrum: it stays as evidence, is told, and the log goes on behind the furthest record that the log, the snapshot or
//! a head knows of, so that what is missing stays missing and is named by `humdrum verify`.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::files::{self, CURRENT_NAME, HEADS_NAME, Lines};
use super::head::Head;
use super::key::PublicKey;
use super::log::{LogError, at, fingerprint};
use super::record::{Link, Record};
use crate::runtime::store::format::LogPlace;

/// Where a file of alerts goes that is no chain: one that somebody put there before Humdrum kept a log of its own.
const ASIDE_NAME: &str = "alerts.unchained.ndjson";

/// Bytes at the end of the heads in which the last one is looked for; a head has some 400.
const HEADS_TAIL_BYTES: u64 = 64 * 1024;

/// What was found.
pub(super) struct Found {
    pub(super) file: File,
    pub(super) first: u64,
    pub(super) offset: u64,
    pub(super) link: Link,
    pub(super) signed: u64,
    pub(super) oldest: u64,
    pub(super) awaited: HashSet<u64>,
    pub(super) damage: Option<String>,
}

/// As much of a record as tells it apart.
#[derive(Deserialize)]
struct Name<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    revision: u32,
}

/// A file of the log and the number of its first record, where it has one.
struct Segment {
    path: PathBuf,
    first: Option<u64>,
}

/// Reading on behind a place.
struct Scan {
    link: Option<Link>,
    awaited: HashSet<u64>,
    damage: Option<String>,
}

/// Opens or begins the log of a directory.
pub(super) fn open(dir: &Path, place: Option<LogPlace>, keys: &[PublicKey]) -> Result<Found, LogError> {
    let current = dir.join(CURRENT_NAME);
    set_aside(dir, &current)?;
    let mut options = OpenOptions::new();
    let file = options
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .mode(0o600)
        .open(&current)
        .map_err(at("open", &current))?;
    let mut segments = Vec::new();
    for (first, path) in files::full(dir).map_err(at("list", dir))? {
        segments.push(Segment { path, first: Some(first) });
    }
    let first = first_record(&current)?;
    segments.push(Segment { path: current.clone(), first });
    let mut scan = Scan { link: None, awaited: HashSet::new(), damage: None };
    let (from, offset) = scan.begin(&segments, place)?;
    let mut end = 0;
    for (nth, segment) in segments.iter().enumerate().skip(from) {
        end = scan.read(&segment.path, if nth == from { offset } else { 0 }, &file, nth + 1 == segments.len())?;
    }
    let mut link = scan.link.unwrap_or(Link::START);
    let head = last_head(&dir.join(HEADS_NAME), keys)?;
    if let Some(head) = head.as_ref().filter(|head| head.number > link.number) {
        scan.tell(format!("it ends with record {}, but record {} was signed", link.number, head.number));
        let hash = blake3::Hash::from_hex(&head.hash).unwrap_or(link.hash);
        link = Link { number: head.number, hash };
    }
    Ok(Found {
        file,
        first: first.unwrap_or(link.number + 1),
        offset: end,
        link,
        signed: head.as_ref().map_or(0, |head| head.number),
        // Not what is there: what was removed by others would be forgotten.
        oldest: head.map_or(1, |head| head.first),
        awaited: scan.awaited,
        damage: scan.damage,
    })
}

impl Scan {
    /// Where to begin to read: which file, and from where.
    fn begin(&mut self, segments: &[Segment], place: Option<LogPlace>) -> Result<(usize, u64), LogError> {
        let Some(place) = place else {
            let whole = segments.iter().find_map(|segment| segment.first).is_none_or(|first| first == 1);
            self.link = whole.then_some(Link::START);
            return Ok((0, 0));
        };
        self.link = Some(Link { number: place.number, hash: blake3::Hash::from_bytes(place.hash) });
        self.awaited = place.awaited.into_iter().collect();
        let last = segments.len() - 1;
        let found = segments.iter().position(|segment| segment.first == Some(place.first));
        // A file that is still empty has no first record.
        let found = found.or_else(|| (place.offset == 0 && segments[last].first.is_none()).then_some(last));
        if let Some(nth) = found {
            let path = &segments[nth].path;
            let bytes = fs::metadata(path).map_err(at("read", path))?.len();
            if bytes >= place.offset {
                return Ok((nth, place.offset));
            }
            self.tell(format!("{} is shorter than at the last snapshot", path.display()));
            return Ok((nth, bytes));
        }
        self.tell(format!("the file with record {} is gone", place.number));
        Ok((last, 0))
    }

    /// Reads a file from an offset, and takes half a line away at the end of the last. Returns where the file ends.
    fn read(&mut self, path: &Path, offset: u64, file: &File, last: bool) -> Result<u64, LogError> {
        let mut lines = Lines::open(path, offset).map_err(at("read", path))?;
        let mut end = offset;
        while let Some(line) = lines.next().map_err(at("read", path))? {
            if !line.ended && last {
                let half = line.text.len();
                tracing::warn!(path = %path.display(), bytes = half, "half a record at the end was taken away");
                file.set_len(line.offset).map_err(at("truncate", path))?;
                return Ok(line.offset);
            }
            end = line.offset + line.text.len() as u64 + 1;
            self.line(line.text, path);
        }
        Ok(end)
    }

    fn line(&mut self, text: &[u8], path: &Path) {
        if let Ok(name) = serde_json::from_slice::<Name<'_>>(text) {
            self.awaited.insert(fingerprint(&name.id, name.revision));
        }
        let record = Record::parse(text);
        let claims = record.and_then(|record| record.claims());
        let Some(link) = self.link else {
            // The record that this one follows has been removed with its file.
            self.link = claims;
            return;
        };
        let next = record.and_then(|record| record.follows(&link));
        if next.is_none() {
            self.tell(format!("record {} in {} does not fit", link.number + 1, path.display()));
        }
        self.link = next.or(claims.filter(|claims| claims.number > link.number)).or(self.link);
    }

    fn tell(&mut self, damage: String) {
        self.damage.get_or_insert(damage);
    }
}

/// Number of the first record of a file.
fn first_record(path: &Path) -> Result<Option<u64>, LogError> {
    let mut lines = Lines::open(path, 0).map_err(at("read", path))?;
    let line = lines.next().map_err(at("read", path))?;
    Ok(line.and_then(|line| Record::parse(line.text)).map(|record| record.number))
}

/// Moves a file of alerts that never was a chain out of the way.
fn set_aside(dir: &Path, current: &Path) -> Result<(), LogError> {
    if !current.exists() || dir.join(HEADS_NAME).exists() {
        return Ok(());
    }
    let mut lines = Lines::open(current, 0).map_err(at("read", current))?;
    let Some(line) = lines.next().map_err(at("read", current))? else { return Ok(()) };
    let foreign = Record::parse(line.text).is_none() && serde_json::from_slice::<Name<'_>>(line.text).is_ok();
    if foreign {
        let aside = dir.join(ASIDE_NAME);
        fs::rename(current, &aside).map_err(at("rename", &aside))?;
        tracing::warn!(path = %aside.display(), "a file of alerts that is no chain was put aside");
    }
    Ok(())
}

/// The newest head that is ours, and half a line behind it taken away.
fn last_head(path: &Path, keys: &[PublicKey]) -> Result<Option<Head>, LogError> {
    if !path.exists() {
        return Ok(None);
    }
    let mut options = OpenOptions::new();
    let mut file = options.read(true).write(true).open(path).map_err(at("open", path))?;
    let bytes = file.metadata().map_err(at("read", path))?.len();
    let from = bytes.saturating_sub(HEADS_TAIL_BYTES);
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(from)).and_then(|_| file.read_to_end(&mut tail)).map_err(at("read", path))?;
    let end = tail.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    if end < tail.len() {
        tracing::warn!(path = %path.display(), bytes = tail.len() - end, "half a head at the end was taken away");
        file.set_len(from + end as u64).map_err(at("truncate", path))?;
    }
    let heads = tail[..end].split(|byte| *byte == b'\n').filter_map(|line| Head::parse(line).ok());
    Ok(heads.filter(|head| head.check(keys).is_ok()).max_by_key(|head| head.number))
}
