//! The bots of an engine, and how a snapshot of them is taken while they live on.
//!
//! Writing down a hundred thousand bots takes a second, for which no stream should stand still. So a capture goes over
//! them piece by piece, between batches, and a bot that is about to change before its turn is written down first. What
//! comes out is the state at the instant at which the capture began, byte for byte.

use std::ops::{Deref, Index, IndexMut};

use hashbrown::HashMap;
use serde::{Serialize, Serializer};

use super::bot::BotState;
use crate::event::Text;
use crate::stats::make_room;

/// All bots, by number.
#[derive(Debug, Default)]
pub(super) struct Bots {
    list: Vec<BotState>,
    /// Those of each tenant in their order, so that looking for a bot's like does not go over all bots of all tenants.
    of_tenants: HashMap<Text, Vec<u32>>,
    capture: Option<Capture>,
}

/// A snapshot that is being taken.
#[derive(Debug)]
struct Capture {
    bytes: Vec<u8>,
    /// The bot whose turn it is, and how many there were at the beginning.
    next: usize,
    total: usize,
    /// Bots that changed before their turn, as they were.
    early: HashMap<usize, Vec<u8>>,
    /// What follows on the bots.
    tail: Vec<u8>,
}

impl Bots {
    pub(super) fn push(&mut self, bot: BotState) {
        let number = self.list.len() as u32;
        let list = match self.of_tenants.get_mut(&bot.tenant) {
            Some(list) => list,
            None => self.of_tenants.entry(bot.tenant.clone()).or_default(),
        };
        make_room(list);
        list.push(number);
        self.list.push(bot);
    }

    /// The bots of a tenant with their numbers, in order.
    pub(super) fn of_tenant(&self, tenant: &Text) -> impl Iterator<Item = (u32, &BotState)> {
        let numbers = self.of_tenants.get(tenant).into_iter().flatten();
        numbers.map(|&number| (number, &self.list[number as usize]))
    }

    pub(super) fn capacity(&self) -> usize {
        self.list.capacity()
    }

    pub(super) fn reserve_exact(&mut self, more: usize) {
        self.list.reserve_exact(more);
    }

    /// Begins a capture, between what goes before the bots and what follows on them. One that is under way is given up.
    pub(super) fn begin(&mut self, head: Vec<u8>, tail: Vec<u8>) {
        let (mut bytes, total) = (head, self.list.len());
        append(&mut bytes, &total);
        self.capture = Some(Capture { bytes, next: 0, total, early: HashMap::new(), tail });
    }

    /// Goes on with a capture by about so many bytes. All of it, once it is done.
    pub(super) fn go_on(&mut self, bytes_max: usize) -> Option<Vec<u8>> {
        let capture = self.capture.as_mut()?;
        let end = capture.bytes.len() + bytes_max;
        while capture.next < capture.total && capture.bytes.len() < end {
            match capture.early.remove(&capture.next) {
                Some(early) => capture.bytes.extend_from_slice(&early),
                None => append(&mut capture.bytes, &self.list[capture.next]),
            }
            capture.next += 1;
        }
        if capture.next < capture.total {
            return None;
        }
        self.capture.take().map(|mut capture| {
            capture.bytes.append(&mut capture.tail);
            capture.bytes
        })
    }
}

/// Appends a value as the whole state holds it.
///
/// # Panics
/// Never: writing to memory fails for sequences of unknown length only, and the state has none.
pub(super) fn append<T: Serialize + ?Sized>(bytes: &mut Vec<u8>, value: &T) {
    #[expect(
        clippy::expect_used,
        reason = "writing to memory fails for unsized sequences only; a test covers all types"
    )]
    let appended = postcard::to_extend(value, std::mem::take(bytes)).expect("the state has sized sequences only");
    *bytes = appended;
}

impl Deref for Bots {
    type Target = [BotState];

    fn deref(&self) -> &[BotState] {
        &self.list
    }
}

impl Index<usize> for Bots {
    type Output = BotState;

    fn index(&self, at: usize) -> &BotState {
        &self.list[at]
    }
}

impl IndexMut<usize> for Bots {
    /// The only way to change a bot.
    fn index_mut(&mut self, at: usize) -> &mut BotState {
        if let Some(capture) = &mut self.capture
            && (capture.next..capture.total).contains(&at)
            && !capture.early.contains_key(&at)
        {
            let mut early = Vec::new();
            append(&mut early, &self.list[at]);
            capture.early.insert(at, early);
        }
        &mut self.list[at]
    }
}

impl<'a> IntoIterator for &'a Bots {
    type Item = &'a BotState;
    type IntoIter = std::slice::Iter<'a, BotState>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}

impl Serialize for Bots {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.list.serialize(serializer)
    }
}
