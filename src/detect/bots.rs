//! The bots of an engine, and how a snapshot of them is taken while they live on.
//!
//! Writing down a hundred thousand bots takes a second, for which no stream should stand still. So a capture goes over
//! them piece by piece, between batches, and a bot that is about to change before its turn is written down first. What
//! comes out is the state at the instant at which the capture began, byte for byte. A capture may be of those bots alone
//! that have changed after an earlier one.

use std::ops::{Deref, Index, IndexMut};

use hashbrown::HashMap;
use serde::{Serialize, Serializer};

use super::bot::BotState;
use super::part::{Part, Tail, append};
use crate::event::Text;
use crate::stats::make_room;

/// All bots, by number.
#[derive(Debug)]
pub(super) struct Bots {
    list: Vec<BotState>,
    /// Those of each tenant in their order, so that looking for a bot's like does not go over all bots of all tenants.
    of_tenants: HashMap<Text, Vec<u32>>,
    /// In which round each bot has changed last.
    changed: Vec<u32>,
    /// The present round. A capture ends it.
    round: u32,
    capture: Option<Capture>,
}

/// A snapshot that is being taken.
#[derive(Debug)]
struct Capture {
    part: Part,
    tail: Tail,
    /// The bot whose turn it is.
    next: usize,
    /// Bots that changed before their turn, as they were.
    early: HashMap<usize, Vec<u8>>,
}

/// Bytes for which a bot counts that is passed over. Nothing at all would let a capture of few go over all in one piece.
const PASSED_BYTES: usize = 8;

impl Default for Bots {
    fn default() -> Self {
        Self { list: Vec::new(), of_tenants: HashMap::default(), changed: Vec::new(), round: 1, capture: None }
    }
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
        self.changed.push(self.round);
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
        self.changed.reserve_exact(more);
    }

    /// Notes what the registry says of a bot, which no snapshot holds: for a snapshot the bot has not changed.
    pub(super) fn register(&mut self, at: usize, record: Option<u32>, zone: u16) {
        (self.list[at].record, self.list[at].zone) = (record, zone);
    }

    /// Begins a capture, between what goes before the bots and what follows on them: of all, or of those that changed after
    /// a round. One that is under way is given up.
    pub(super) fn begin(&mut self, since: Option<u32>, head: Vec<u8>, tail: Tail) {
        let part = Part::begin(since, self.round, head, self.list.len());
        self.capture = Some(Capture { part, tail, next: 0, early: HashMap::new() });
        self.round += 1;
    }

    /// Goes on with a capture by about so many bytes. What was captured, once it is done.
    pub(super) fn go_on(&mut self, bytes_max: usize) -> Option<Part> {
        let Capture { part, tail, next, early } = self.capture.as_mut()?;
        let mut left = bytes_max;
        while left > 0 {
            let Some(section) = tail.before.next() else { break };
            left = left.saturating_sub(part.follow_section(section));
        }
        while *next < part.total() && left > 0 {
            let bytes = match early.remove(next) {
                Some(early) => part.push(*next, |bytes| bytes.extend_from_slice(&early)),
                None if part.holds(self.changed[*next]) => part.push(*next, |bytes| append(bytes, &self.list[*next])),
                None => PASSED_BYTES,
            };
            left = left.saturating_sub(bytes);
            *next += 1;
        }
        // Stories of alerts go behind the sections before them, which are all written by then.
        while left > 0 && *next == part.total() {
            let Some(piece) = tail.book.next() else { break };
            left = left.saturating_sub(part.follow(&piece));
        }
        if *next < part.total() || !tail.before.as_slice().is_empty() || !tail.book.as_slice().is_empty() {
            return None;
        }
        for section in tail.behind.by_ref() {
            part.follow_section(section);
        }
        self.capture.take().map(|capture| capture.part)
    }
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
        if let Some(Capture { part, next, early, .. }) = &mut self.capture
            && (*next..part.total()).contains(&at)
            && part.holds(self.changed[at])
            && !early.contains_key(&at)
        {
            let mut bytes = Vec::new();
            append(&mut bytes, &self.list[at]);
            early.insert(at, bytes);
        }
        self.changed[at] = self.round;
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
