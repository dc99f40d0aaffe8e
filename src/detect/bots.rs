//! The bots of an engine, and how a snapshot of them is taken while they live on.
//!
//! Writing down a hundred thousand bots takes a second, for which no stream should stand still. So a capture goes over
//! them piece by piece, between batches, and a bot that is about to change before its turn is written down first. What
//! comes out is the state at the instant at which the capture began, byte for byte. A capture may be of those bots alone
//! that have changed after an earlier one.

use std::iter::Flatten;
use std::ops::{Index, IndexMut};
use std::slice::Iter;

use hashbrown::HashMap;
use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};

use super::bot::BotState;
use super::part::{Part, Tail, append};
use crate::event::Text;
use crate::stats::make_room;

/// All bots, by number.
#[derive(Debug)]
pub(super) struct Bots {
    /// Shelves of [`SHELF`] bots each, the last one of fewer. In one piece they would be copied as they become more, for a
    /// tenth of a second where they are a hundred thousand, and leave a hole of that size behind.
    shelves: Vec<Vec<BotState>>,
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

/// Bots of a shelf: about a megabyte.
const SHELF: usize = 1024;
/// Share of its bots by which the first shelf grows, and so many more. Larger: less room is left over, and it is moved more
/// often.
const GROWTH: usize = 16;
/// Bytes for which a bot counts that is passed over. Nothing at all would let a capture of few go over all in one piece.
const PASSED_BYTES: usize = 8;

/// A bot by number. Of the shelves alone, for whoever holds the capture as well.
#[inline]
fn on(shelves: &[Vec<BotState>], at: usize) -> &BotState {
    &shelves[at / SHELF][at % SHELF]
}

impl Default for Bots {
    fn default() -> Self {
        Self { shelves: Vec::new(), of_tenants: HashMap::default(), changed: Vec::new(), round: 1, capture: None }
    }
}

impl Bots {
    pub(super) fn push(&mut self, bot: BotState) {
        let number = self.len() as u32;
        let list = match self.of_tenants.get_mut(&bot.tenant) {
            Some(list) => list,
            None => self.of_tenants.entry(bot.tenant.clone()).or_default(),
        };
        make_room(list);
        list.push(number);
        make_room(&mut self.changed);
        self.changed.push(self.round);
        let first = self.shelves.is_empty();
        if let Some(last) = self.shelves.last_mut().filter(|last| last.len() < SHELF) {
            if last.len() == last.capacity() {
                // Growth by doubling would keep room for as many bots again.
                last.reserve_exact((last.len() / GROWTH + GROWTH).min(SHELF - last.len()));
            }
            last.push(bot);
        } else {
            let mut shelf = Vec::with_capacity(if first { 1 } else { SHELF });
            shelf.push(bot);
            self.shelves.push(shelf);
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.shelves.last().map_or(0, |last| (self.shelves.len() - 1) * SHELF + last.len())
    }

    /// All of them, by number.
    pub(super) fn iter(&self) -> Flatten<Iter<'_, Vec<BotState>>> {
        self.shelves.iter().flatten()
    }

    /// The bots of a tenant with their numbers, in order.
    pub(super) fn of_tenant(&self, tenant: &Text) -> impl Iterator<Item = (u32, &BotState)> {
        let numbers = self.of_tenants.get(tenant).into_iter().flatten();
        numbers.map(|&number| (number, &self[number as usize]))
    }

    /// Notes what the registry says of a bot, which no snapshot holds: for a snapshot the bot has not changed.
    pub(super) fn register(&mut self, at: usize, record: Option<u32>, zone: u16) {
        let bot = &mut self.shelves[at / SHELF][at % SHELF];
        (bot.record, bot.zone) = (record, zone);
    }

    /// Begins a capture, between what goes before the bots and what follows on them: of all, or of those that changed after
    /// a round. One that is under way is given up.
    pub(super) fn begin(&mut self, since: Option<u32>, head: Vec<u8>, tail: Tail) {
        let part = Part::begin(since, self.round, head, self.len());
        self.capture = Some(Capture { part, tail, next: 0, early: HashMap::new() });
        self.round += 1;
    }

    /// Writes a bot down before it changes, if a capture is yet to come to it.
    #[cold]
    fn write_early(&mut self, at: usize) {
        if let Some(Capture { part, next, early, .. }) = &mut self.capture
            && (*next..part.total()).contains(&at)
            && part.holds(self.changed[at])
            && !early.contains_key(&at)
        {
            let mut bytes = Vec::new();
            append(&mut bytes, on(&self.shelves, at));
            early.insert(at, bytes);
        }
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
                None if part.holds(self.changed[*next]) => {
                    part.push(*next, |bytes| append(bytes, on(&self.shelves, *next)))
                }
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

impl Index<usize> for Bots {
    type Output = BotState;

    fn index(&self, at: usize) -> &BotState {
        on(&self.shelves, at)
    }
}

impl IndexMut<usize> for Bots {
    /// The only way to change a bot.
    #[inline]
    fn index_mut(&mut self, at: usize) -> &mut BotState {
        if self.capture.is_some() {
            self.write_early(at);
        }
        self.changed[at] = self.round;
        &mut self.shelves[at / SHELF][at % SHELF]
    }
}

impl<'a> IntoIterator for &'a Bots {
    type Item = &'a BotState;
    type IntoIter = Flatten<Iter<'a, Vec<BotState>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Serialize for Bots {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bots = serializer.serialize_seq(Some(self.len()))?;
        self.iter().try_for_each(|bot| bots.serialize_element(bot))?;
        bots.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bots_keep_their_numbers_from_one_shelf_to_the_next() {
        let new = |number: usize| BotState::new("t".into(), format!("bot-{number}").into(), 4);
        let (mut bots, all) = (Bots::default(), 2 * SHELF + 3);
        assert_eq!((bots.len(), bots.iter().count()), (0, 0));
        for number in 0..all {
            bots.push(new(number));
            assert_eq!(bots.len(), number + 1);
        }
        assert!(bots.iter().enumerate().all(|(at, bot)| bot.bot == format!("bot-{at}")));
        assert!([0, SHELF - 1, SHELF, all - 1].iter().all(|&at| bots[at].bot == format!("bot-{at}")));
        assert!(bots.of_tenant(&"t".into()).map(|(at, _)| at as usize).eq(0..all));
        let plain: Vec<BotState> = (0..all).map(new).collect();
        let written = |value: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = Vec::new();
            value(&mut bytes);
            bytes
        };
        assert!(written(&|bytes| append(bytes, &bots)) == written(&|bytes| append(bytes, &plain)), "the same bytes");
    }
}
