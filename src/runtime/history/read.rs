//! The reader's thread: unpacking, decoding, merging and sorting on one core, while another one learns.
//!
//! Places to go on from travel in the same channel as the events, so that a place stands exactly between those that it
//! covers and those that it does not. Standard input has no such places: nobody could say whether the same comes again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::input::Rules;
use super::merge::Merge;
use super::sort::Sorter;
use super::{HistoryError, Record, Source};
use crate::event::{Event, Reject};
use crate::runtime::clock;
use crate::runtime::store::format::HistoryPlace;

/// Rows handed over at a time. More is memory, fewer wakes threads for little.
const BATCH_ROWS: usize = 2048;

/// Batches on their way. More only moves waiting into memory.
const BATCHES_QUEUED: usize = 8;

/// Time between two looks at whether to stop, while standard input has nothing. More would let somebody wait who has
/// asked for the end.
const STOP_LOOK: Duration = Duration::from_millis(100);

/// What comes of a history, in order.
#[derive(Debug)]
pub enum Feed {
    /// Rows.
    Batch(Batch),
    /// Everything before this has been handed over: from here it can go on.
    Place(HistoryPlace),
    /// All of it, or up to where it was stopped.
    End(HistoryPlace),
}

/// Rows that go on together.
#[derive(Debug, Default)]
pub struct Batch {
    /// The events, in order.
    pub events: Vec<Event>,
    /// Rows that are none: number of the file, number of the row, why.
    pub refused: Vec<(u32, u64, Reject)>,
    /// Bytes of all files that have been read so far.
    pub bytes: u64,
}

impl Batch {
    /// The same without anything in it, for what comes next.
    fn emptied(mut self) -> Self {
        self.events.clear();
        self.refused.clear();
        self
    }
}

/// What is read, and how.
#[derive(Debug)]
pub struct Order {
    /// The files.
    pub sources: Vec<Source>,
    /// How rows become events.
    pub rules: Rules,
    /// Where an earlier run stopped.
    pub before: HistoryPlace,
    /// Events that wait to be sorted.
    pub sort_rows: usize,
    /// Time between two places to go on from; none where none is kept.
    pub place_every: Option<Duration>,
}

/// A history that is being read.
#[derive(Debug)]
pub struct Reader {
    feed: Receiver<Feed>,
    /// Batches that are done with.
    spent: SyncSender<Batch>,
    /// Raised when it is to end. Only looked at where standard input is read: that may never say another word.
    stop: Option<Arc<AtomicBool>>,
    thread: Option<JoinHandle<Result<(), HistoryError>>>,
}

/// Holds the files against those that an earlier run has read.
///
/// # Errors
/// One has changed, or one that was half read is gone.
pub fn unchanged(sources: &[Source], before: &HistoryPlace) -> Result<(), HistoryError> {
    for place in &before.files {
        let (path, rows) = (place.name.clone(), place.rows);
        match sources.iter().find(|source| source.name == place.name) {
            // Of a file without rows nothing was learned: it could not be read, or was empty then.
            Some(source) if source.identity != place.identity && rows > 0 => {
                return Err(HistoryError::Changed { path, rows });
            }
            None if !place.done && rows > 0 => return Err(HistoryError::Missing { path, rows }),
            _ => {}
        }
    }
    Ok(())
}

impl Reader {
    /// Begins to read. `stop` ends it at the next batch, with a place to go on from.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(order: Order, stop: Arc<AtomicBool>) -> std::io::Result<Self> {
        let (send, feed) = sync_channel(BATCHES_QUEUED);
        let (spent, returned) = sync_channel(BATCHES_QUEUED);
        let input = order.sources.iter().any(|source| source.path.is_none());
        let looked_at = input.then(|| Arc::clone(&stop));
        let thread = std::thread::Builder::new().name("humdrum-history".to_owned());
        let thread = thread.spawn(move || read(order, &send, &returned, &stop))?;
        Ok(Self { feed, spent, stop: looked_at, thread: Some(thread) })
    }

    /// Gives a batch back that is done with: its memory is freed where it was taken, by the thread that has the time.
    pub fn give_back(&self, batch: Batch) {
        // When nobody takes it, it is freed here.
        self.spent.try_send(batch).ok();
    }

    /// What comes next; none at the end, or at the stop where the thread waits for standard input and is left to it.
    ///
    /// # Errors
    /// The history cannot be read any further.
    pub fn receive(&mut self) -> Result<Option<Feed>, HistoryError> {
        loop {
            match self.feed.recv_timeout(STOP_LOOK) {
                Ok(feed) => return Ok(Some(feed)),
                Err(RecvTimeoutError::Timeout) => {
                    if self.stop.as_ref().is_some_and(|stop| stop.load(Ordering::Relaxed)) {
                        return Ok(None);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(ended)) => ended.map(|()| None),
            Some(Err(_)) => Err(HistoryError::Lost),
            None => Ok(None),
        }
    }
}

/// Reads all of it. When nobody takes it any more, that is an end as well.
fn read(
    order: Order,
    feed: &SyncSender<Feed>,
    returned: &Receiver<Batch>,
    stop: &AtomicBool,
) -> Result<(), HistoryError> {
    let Order { sources, rules, before, sort_rows, place_every } = order;
    let bytes = Arc::new(AtomicU64::new(0));
    let gone = before.files.iter().filter(|place| !sources.iter().any(|source| source.name == place.name)).cloned();
    let gone: Vec<_> = gone.collect();
    let mut merge = Merge::new(sources, &before.files, rules, Arc::clone(&bytes))?;
    let mut sorter = Sorter::new(sort_rows, before.held);
    let place = |merge: &Merge, sorter: &Sorter, done: bool| HistoryPlace {
        files: gone.iter().chain(merge.places()).cloned().collect(),
        held: sorter.held(),
        done,
    };
    let mut placed = clock::monotonic();
    let mut batch = Batch::default();
    loop {
        let record = if stop.load(Ordering::Relaxed) { None } else { merge.read()? };
        let Some(Record { file, row, event }) = record else { break };
        match event {
            Ok(event) => batch.events.extend(sorter.push(event)),
            Err(reject) => batch.refused.push((file, row, reject)),
        }
        if batch.events.len() + batch.refused.len() < BATCH_ROWS {
            continue;
        }
        batch.bytes = bytes.load(Ordering::Relaxed);
        let next = returned.try_recv().map(Batch::emptied).unwrap_or_default();
        if feed.send(Feed::Batch(std::mem::replace(&mut batch, next))).is_err() {
            return Ok(());
        }
        if place_every.is_some_and(|every| clock::monotonic() - placed >= every) {
            placed = clock::monotonic();
            if feed.send(Feed::Place(place(&merge, &sorter, false))).is_err() {
                return Ok(());
            }
        }
    }
    let stopped = stop.load(Ordering::Relaxed);
    if !stopped {
        while let Some(event) = sorter.pop() {
            batch.events.push(event);
        }
    }
    batch.bytes = bytes.load(Ordering::Relaxed);
    if feed.send(Feed::Batch(batch)).is_ok() {
        feed.send(Feed::End(place(&merge, &sorter, !stopped))).ok();
    }
    Ok(())
}

#[cfg(test)]
mod tests;
