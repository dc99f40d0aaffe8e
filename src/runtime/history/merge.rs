//! Several files as one: those that overlap in time are read side by side, the others one after the other.
//!
//! Where each begins is told by its first rows before anything is learned. A file's own order stays: what lies behind in
//! it goes on with its neighbors and not before them, as it did when it was written, so that one file, or files which do
//! not overlap, give the order of a replay. Of two files that stand at the same time the one named first goes first.
//!
//! Bound: so many open files. Blind spot: a file whose first rows are not its earliest begins late, and files beyond the
//! bound wait; both give rows that are late, and those are counted.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::input::{Rows, Rules};
use super::{HistoryError, Record, Source};
use crate::runtime::store::format::FilePlace;
use crate::time::Timestamp;

/// Files that are open at the same time. Each holds a window of its rows; more is memory, fewer makes rows late.
pub const OPEN_MAX: usize = 32;

/// Rows that are looked at for the time at which a file begins.
const LOOK_ROWS: usize = 100;

/// All files as one.
#[derive(Debug)]
pub struct Merge {
    sources: Vec<Source>,
    rules: Rules,
    read: Arc<AtomicU64>,
    /// Files not begun, the next one last.
    waiting: Vec<(Timestamp, u32)>,
    open: Vec<Open>,
    /// Places in `open` whose file is at its end.
    free: Vec<usize>,
    /// Where each open file stands, the earliest first: time, number of the file, place in `open`.
    heap: BinaryHeap<Reverse<(Timestamp, u32, usize)>>,
    places: Vec<FilePlace>,
}

#[derive(Debug)]
struct Open {
    /// None at the file's end.
    rows: Option<Rows>,
    next: Option<Record>,
    at: Timestamp,
}

impl Merge {
    /// Looks at each file, and goes on from the places in those that were begun. `read` counts bytes.
    ///
    /// # Errors
    /// A file cannot be read or lacks a column.
    pub fn new(
        sources: Vec<Source>,
        before: &[FilePlace],
        rules: Rules,
        read: Arc<AtomicU64>,
    ) -> Result<Self, HistoryError> {
        let mut places = Vec::new();
        let mut waiting = Vec::new();
        for (number, source) in sources.iter().enumerate() {
            let place = before.iter().find(|place| is_place_of(place, source)).cloned();
            let place = place.unwrap_or_else(|| beginning(source));
            if !place.done {
                let begins = if sources.len() > 1 { begins(source, &rules)? } else { Timestamp::MIN };
                waiting.push((begins, number as u32));
            }
            places.push(place);
        }
        waiting.sort_by_key(|&(begins, number)| Reverse((begins, number)));
        Ok(Self { sources, rules, read, waiting, open: Vec::new(), free: Vec::new(), heap: BinaryHeap::new(), places })
    }

    /// How far each file has been read.
    #[must_use]
    pub fn places(&self) -> &[FilePlace] {
        &self.places
    }

    /// The next row; none when all files are at their end.
    ///
    /// # Errors
    /// A file cannot be read, or is damaged.
    pub fn read(&mut self) -> Result<Option<Record>, HistoryError> {
        self.open_due()?;
        let Some(Reverse((_, number, slot))) = self.heap.pop() else { return Ok(None) };
        let open = &mut self.open[slot];
        let Some(record) = open.next.take() else { return Ok(None) };
        self.places[number as usize].rows = record.row;
        self.advance(number, slot)?;
        Ok(Some(record))
    }

    /// Opens what begins before the earliest of the open files goes on.
    fn open_due(&mut self) -> Result<(), HistoryError> {
        while let Some(&(begins, number)) = self.waiting.last() {
            let stands = self.heap.peek().map(|Reverse((at, ..))| *at);
            if self.heap.len() >= OPEN_MAX || stands.is_some_and(|at| begins > at) {
                break;
            }
            self.waiting.pop();
            let source = &self.sources[number as usize];
            let mut rows = Rows::open(source, number, &self.rules, Arc::clone(&self.read))?;
            rows.skip(self.places[number as usize].rows)?;
            let open = Open { rows: Some(rows), next: None, at: begins };
            let slot = if let Some(slot) = self.free.pop() {
                self.open[slot] = open;
                slot
            } else {
                self.open.push(open);
                self.open.len() - 1
            };
            self.advance(number, slot)?;
        }
        Ok(())
    }

    /// Reads the next row of an open file, and puts the file where it stands now.
    fn advance(&mut self, number: u32, slot: usize) -> Result<(), HistoryError> {
        let open = &mut self.open[slot];
        open.next = open.rows.as_mut().map(Rows::read).transpose()?.flatten();
        match &open.next {
            None => {
                open.rows = None;
                self.free.push(slot);
                self.places[number as usize].done = true;
            }
            Some(record) => {
                if let Ok(event) = &record.event {
                    open.at = open.at.later(event.ts);
                }
                self.heap.push(Reverse((open.at, number, slot)));
            }
        }
        Ok(())
    }
}

/// Whether a place is one in this file. Nobody knows what standard input was before, and a file of which nothing was
/// learned may have become another one.
fn is_place_of(place: &FilePlace, source: &Source) -> bool {
    source.path.is_some() && place.name == source.name && place.identity == source.identity
}

fn beginning(source: &Source) -> FilePlace {
    FilePlace { name: source.name.clone(), identity: source.identity, rows: 0, done: false }
}

/// When a file begins: the earliest time among its first rows. All of its columns are looked for now, so that what is
/// missing is told before hours of work and not after.
fn begins(source: &Source, rules: &Rules) -> Result<Timestamp, HistoryError> {
    if source.path.is_none() {
        return Ok(Timestamp::MIN);
    }
    let begins = Rows::open(source, 0, rules, Arc::default())?.begins(LOOK_ROWS)?;
    Ok(begins.unwrap_or(Timestamp::MIN))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests write their own files")]
mod tests {
    use proptest::prelude::*;

    use super::super::find::find;
    use super::*;
    use crate::config::HistoryConfig;
    use crate::event::decode::Limits;

    /// Files with events at these minutes, and lines that are none where there is no minute.
    fn files(dir: &std::path::Path, files: &[&[Option<u32>]]) -> Vec<Source> {
        let mut paths = Vec::new();
        for (nth, minutes) in files.iter().enumerate() {
            let line = |minute: &Option<u32>| match minute {
                Some(minute) => {
                    format!("{{\"ts\":\"2026-05-04T12:{minute:02}:00Z\",\"bot\":\"b\",\"type\":\"call\"}}\n")
                }
                None => "{\"no\":\"event\"}\n".to_owned(),
            };
            let path = dir.join(format!("{nth}.ndjson"));
            std::fs::write(&path, minutes.iter().map(line).collect::<String>()).expect("writes");
            paths.push(path);
        }
        find(&paths).expect("files")
    }

    fn merge(sources: &[Source], before: &[FilePlace]) -> Merge {
        let config = HistoryConfig { time_zone: "UTC".to_owned(), ..HistoryConfig::default() };
        let rules = Rules { config, limits: Limits::default() };
        Merge::new(sources.to_vec(), before, rules, Arc::default()).expect("opens")
    }

    /// Which row of which file comes when, with the places behind each.
    fn order(mut merge: Merge) -> Vec<((u32, u64), Vec<FilePlace>)> {
        let mut all = Vec::new();
        while let Some(record) = merge.read().expect("reads") {
            all.push(((record.file, record.row), merge.places().to_vec()));
        }
        all
    }

    proptest! {
        /// Where an open file stands in time is not kept, and need not be: when it is cut, none of the others lies behind.
        #[test]
        fn files_side_by_side_go_on_in_the_same_order_wherever_they_are_cut(
            minutes in proptest::collection::vec(
                proptest::collection::vec(proptest::option::weighted(0.9, 0_u32..8), 0..7), 1..4),
        ) {
            let dir = tempfile::tempdir().expect("a folder");
            let minutes: Vec<&[Option<u32>]> = minutes.iter().map(Vec::as_slice).collect();
            let sources = files(dir.path(), &minutes);
            let rows = |order: &[((u32, u64), Vec<FilePlace>)]| order.iter().map(|(row, _)| *row).collect::<Vec<_>>();
            let whole = order(merge(&sources, &[]));
            prop_assert_eq!(whole.len(), minutes.iter().map(|file| file.len()).sum::<usize>());
            for at in 0..whole.len() {
                let rest = order(merge(&sources, &whole[at].1));
                prop_assert_eq!(&rows(&rest)[..], &rows(&whole)[at + 1..], "after {:?}", whole[at].0);
            }
        }
    }

    #[test]
    fn what_is_empty_keeps_nothing_back() {
        let dir = tempfile::tempdir().expect("a folder");
        let sources = files(dir.path(), &[&[], &[Some(1)], &[]]);
        let all = order(merge(&sources, &[]));
        assert_eq!(all.len(), 1);
        assert!(all[0].1.iter().all(|place| place.done));
    }
}
