//! Proving the alert log: every record from the first to the last, against the chain and the signed heads.
//!
//! Records are read once, in order, and each must follow the one before. At the first that does not, what is wrong is
//! decided by what stands there and by what stands behind it: the record itself under another number, another record
//! while this one comes later, or another record and this one nowhere. What lies behind the first fault is not judged,
//! since it is proven against something that is not.

mod fault;

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

pub use fault::{Fault, Wrong};

use super::files::Lines;
use super::head::{Head, HeadError};
use super::key::PublicKey;
use super::record::{Link, Record};

/// A head, and where it was found.
#[derive(Clone, Debug)]
pub struct Given {
    /// The file, or what else it came by.
    pub file: PathBuf,
    /// Line of the file.
    pub line: u64,
    /// The head as it was written.
    pub text: Vec<u8>,
}

/// What can be said of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Records that fit together, up to the first fault.
    pub records: u64,
    /// Number of the first record.
    pub first: u64,
    /// Number of the last record that fits.
    pub last: u64,
    /// Files that were read.
    pub files: Vec<PathBuf>,
    /// Up to where a signed head proves them.
    pub proven: Option<Proof>,
    /// The first thing that is wrong; none: the log is whole.
    pub fault: Option<Fault>,
}

/// A head that matches its record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// The record; it and all before it are as they were.
    pub record: u64,
    /// Since when.
    pub signed_at: String,
    /// By whom.
    pub key: String,
}

/// Heads whose signatures are good, in the order of their records, and the first that is not.
struct Heads {
    good: Vec<(Head, PathBuf, u64)>,
    fault: Option<Fault>,
}

/// Proves the files of a log, which are all of it and in order.
///
/// # Errors
/// A file cannot be read.
pub fn verify(files: &[PathBuf], heads: &[Given], keys: &[PublicKey]) -> io::Result<Report> {
    let heads = Heads::check(heads, keys);
    let (first, link) = begin(files, &heads)?;
    let mut walk = Walk { link, first, heads: &heads.good, passed: 0, proven: None, records: 0 };
    let mut fault = None;
    for (nth, file) in files.iter().enumerate() {
        fault = walk.file(file, &files[nth + 1..])?;
        if fault.is_some() {
            break;
        }
    }
    let place = files.last().cloned().unwrap_or_default();
    let fault = fault.or_else(|| walk.end(place.clone()));
    // Of a fault in the log and one in the heads, the one that comes first.
    let fault = [fault, heads.fault].into_iter().flatten().min_by_key(|fault| fault.record);
    let fault = fault.or_else(|| walk.unsigned(place));
    let last = walk.link.map_or(0, |link| link.number);
    let proven =
        walk.proven.map(|head| Proof { record: head.number, signed_at: head.signed_at.clone(), key: head.key.clone() });
    Ok(Report { records: walk.records, first: walk.first, last, files: files.to_vec(), proven, fault })
}

impl Heads {
    fn check(given: &[Given], keys: &[PublicKey]) -> Self {
        let (mut heads, mut before) = (Self { good: Vec::new(), fault: None }, 0);
        for Given { file, line, text } in given {
            let head = Head::parse(text);
            let number = head.as_ref().map_or(before + 1, |head| head.number);
            before = number;
            match head.and_then(|head| head.check(keys).map(|()| head)) {
                Ok(head) => heads.good.push((head, file.clone(), *line)),
                Err(error) => {
                    let wrong =
                        if let HeadError::UnknownKey(_) = error { Wrong::UnknownKey } else { Wrong::BadSignature };
                    let fault = Fault::new(number, file, *line, wrong, format!("its head cannot be trusted: {error}"));
                    heads.fault.get_or_insert(fault);
                }
            }
        }
        heads.good.sort_by_key(|(head, ..)| head.number);
        heads
    }
}

/// The first record that must be there, and the place before it; none where nobody knows that any more.
fn begin(files: &[PathBuf], heads: &Heads) -> io::Result<(u64, Option<Link>)> {
    let kept = heads.good.iter().map(|(head, ..)| head.first).max().unwrap_or(1);
    let mut found = None;
    if let Some(file) = files.first()
        && let Some(line) = Lines::open(file, 0)?.next()?
    {
        found = Record::parse(line.text).map(|record| record.number);
    }
    // Where more is there than is promised, it is proven as well.
    let anchor = |first: u64| match first {
        1 => Some(Link::START),
        _ => heads.good.iter().find(|(head, ..)| head.number + 1 == first).and_then(|(head, ..)| place_of(head)),
    };
    let first = found.filter(|found| *found < kept && anchor(*found).is_some()).unwrap_or(kept);
    Ok((first, anchor(first)))
}

fn place_of(head: &Head) -> Option<Link> {
    blake3::Hash::from_hex(&head.hash).ok().map(|hash| Link { number: head.number, hash })
}

/// The way along the records.
struct Walk<'a> {
    link: Option<Link>,
    first: u64,
    heads: &'a [(Head, PathBuf, u64)],
    /// Heads that lie behind.
    passed: usize,
    proven: Option<&'a Head>,
    records: u64,
}

impl Walk<'_> {
    /// Number of the record that comes next.
    fn next(&self) -> u64 {
        self.link.map_or(self.first, |link| link.number + 1)
    }

    /// Reads a file to its end, or to the first fault.
    fn file(&mut self, path: &Path, rest: &[PathBuf]) -> io::Result<Option<Fault>> {
        let mut lines = Lines::open(path, 0)?;
        while let Some(line) = lines.next()? {
            let record = Record::parse(line.text);
            let next = match (record, self.link) {
                (Some(record), Some(link)) => record.follows(&link),
                // What comes before the first record is gone: it is taken as it stands, and held against the heads.
                (Some(record), None) => record.claims().filter(|claims| claims.number == self.first),
                (None, _) => None,
            };
            let Some(next) = next.filter(|_| line.ended) else {
                let found = fault::Found { path, line: line.number, text: line.text.to_vec(), ended: line.ended };
                return fault::judge(&found, self.next(), self.link, lines, rest).map(Some);
            };
            self.link = Some(next);
            self.records += 1;
            if let Some(fault) = self.pass(next, path, line.number) {
                return Ok(Some(fault));
            }
        }
        Ok(None)
    }

    /// Holds the heads of a record against it.
    fn pass(&mut self, link: Link, path: &Path, line: u64) -> Option<Fault> {
        while let Some((head, ..)) = self.heads.get(self.passed).filter(|(head, ..)| head.number <= link.number) {
            self.passed += 1;
            if head.number < link.number {
                continue;
            }
            if head.hash.as_bytes() != link.hash.to_hex().as_bytes() {
                let from = self.proven.map_or(self.first, |proven| proven.number + 1);
                let text = format!(
                    "records {from} to {} fit together, but are not those that were signed at {}",
                    link.number, head.signed_at
                );
                return Some(Fault::new(from, path, line, Wrong::Rewritten, text));
            }
            self.proven = Some(head);
        }
        None
    }

    /// What is missing at the end.
    fn end(&self, file: PathBuf) -> Option<Fault> {
        let record = self.next();
        let head = self.heads.last().map(|(head, ..)| head).filter(|head| head.number >= record)?;
        let (number, signed_at) = (head.number, &head.signed_at);
        let text = format!("the log ends before it, but record {number} was there when it was signed at {signed_at}");
        Some(Fault { record, file, line: 0, wrong: Wrong::CutTail, text })
    }

    /// Whether there is a log and nothing that proves it.
    fn unsigned(&self, file: PathBuf) -> Option<Fault> {
        let text = "no head is signed over any record: none was yet, or they were removed".to_owned();
        let unsigned = self.heads.is_empty() && self.records > 0;
        unsigned.then_some(Fault { record: self.first, file, line: 0, wrong: Wrong::Unsigned, text })
    }
}

#[cfg(test)]
pub(super) mod tests;
