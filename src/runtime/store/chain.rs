//! Snapshots that build on one another: the first has all bots, each further one those that changed.
//!
//! A chain is bounded, in its links and in its bytes, so that a restart reads no more than twice what there is. At its end
//! the engine is asked for all bots again, which it writes down piece by piece beside its work; nothing is read back and
//! put together, so that a file that was damaged meanwhile is not carried on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::format::Link;
use crate::detect::Part;

/// Links of a chain. More are files to read at a restart, fewer make all bots be written more often.
const LINKS_MAX: usize = 32;

/// What the next part builds on.
#[derive(Clone, Debug, Default)]
pub(super) struct Chain {
    links: Vec<Link>,
    /// Bytes of the first, and of the others.
    base: u64,
    more: u64,
    round: u32,
    ended: bool,
}

/// What a chain must know of a part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    round: u32,
    whole: bool,
}

impl Step {
    pub(super) fn of(part: &Part) -> Self {
        Self { round: part.round(), whole: part.since().is_none() }
    }
}

impl Chain {
    /// The files that a part builds on; none where they are not there.
    pub(super) fn on(&self, part: &Part) -> Option<Vec<Link>> {
        match part.since() {
            None => Some(Vec::new()),
            // Bots that changed later than the part knows are newer in the part.
            Some(since) => (!self.links.is_empty() && since <= self.round).then(|| self.links.clone()),
        }
    }

    /// A part has become a file.
    pub(super) fn grow(&mut self, link: Link, bytes: u64, step: Step) {
        if step.whole {
            *self = Self { base: bytes, ..Self::default() };
        } else {
            self.more += bytes;
        }
        self.links.push(link);
        self.round = step.round;
    }

    /// Nothing more is to build on it.
    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    /// The round that the next part may build on; none if it must have all bots.
    pub(super) fn ground(&self) -> Option<u32> {
        let goes_on = !self.links.is_empty() && self.links.len() < LINKS_MAX && self.more < self.base && !self.ended;
        goes_on.then_some(self.round)
    }
}

/// What the next snapshot may build on, told by whoever keeps them to whoever takes them. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Ground(Arc<AtomicU64>);

impl Ground {
    /// The next one builds on a round, or has all bots.
    pub fn set(&self, round: Option<u32>) {
        self.0.store(round.map_or(0, |round| u64::from(round) + 1), Ordering::Release);
    }

    /// The round; none if it must have all bots.
    #[must_use]
    pub fn get(&self) -> Option<u32> {
        self.0.load(Ordering::Acquire).checked_sub(1).and_then(|round| u32::try_from(round).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_ends_by_its_links_or_its_bytes() {
        let link = || Link { name: "x".to_owned(), hash: [0; 32] };
        let mut chain = Chain::default();
        assert_eq!(chain.ground(), None);
        chain.grow(link(), 1000, Step { round: 5, whole: true });
        assert_eq!(chain.ground(), Some(5));
        for round in 6..100 {
            chain.grow(link(), 1, Step { round, whole: false });
        }
        assert_eq!(chain.ground(), None, "too many links");
        chain.grow(link(), 1000, Step { round: 100, whole: true });
        chain.grow(link(), 999, Step { round: 101, whole: false });
        assert_eq!(chain.ground(), Some(101));
        chain.grow(link(), 1, Step { round: 102, whole: false });
        assert_eq!(chain.ground(), None, "as many bytes again");
    }

    #[test]
    fn ground_is_none_until_it_is_told() {
        let ground = Ground::default();
        assert_eq!(ground.get(), None);
        for round in [Some(0), Some(u32::MAX), None] {
            ground.clone().set(round);
            assert_eq!(ground.get(), round);
        }
    }
}
