//! Names that many bots share, each kept once: a bot keeps their numbers.
//!
//! Names that no bot keeps any more give their numbers back once a week, so that whoever makes names up fills nothing for
//! long. Bound: so many at a time of each kind; a name that finds no room is left out and counted.

use hashbrown::HashTable;
use serde::{Deserialize, Serialize};

use crate::event::Text;
use crate::stats::place;

/// Systems that are told apart. More would not fit the number that bots keep.
const SYSTEMS_MAX: usize = 65_000;
/// Roles that are told apart. More: a million bots may have roles of their own.
const ROLES_MAX: usize = 2_000_000;

/// Names of systems and of roles.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::detect) struct Vocabulary {
    pub systems: Names,
    pub roles: Names,
}

impl Default for Vocabulary {
    fn default() -> Self {
        Self { systems: Names::new(SYSTEMS_MAX), roles: Names::new(ROLES_MAX) }
    }
}

impl Vocabulary {
    /// The vocabulary of a snapshot, whose names can be found again.
    pub(in crate::detect) fn rebuilt(self) -> Self {
        Self { systems: self.systems.rebuilt(SYSTEMS_MAX), roles: self.roles.rebuilt(ROLES_MAX) }
    }

    /// Bytes that it takes, about.
    pub(in crate::detect) fn heap_bytes(&self) -> usize {
        self.systems.heap_bytes() + self.roles.heap_bytes()
    }
}

/// Names, by number.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::detect) struct Names {
    texts: Vec<Text>,
    /// Numbers without a name, the lowest last.
    free: Vec<u32>,
    /// Computed from the names.
    #[serde(skip)]
    index: HashTable<u32>,
    #[serde(skip)]
    max: usize,
}

impl Names {
    fn new(max: usize) -> Self {
        Self { max, ..Self::default() }
    }

    fn rebuilt(mut self, max: usize) -> Self {
        self.max = max;
        self.index = HashTable::new();
        let mut named = vec![true; self.texts.len()];
        self.free.retain(|&at| named.get_mut(at as usize).is_some_and(std::mem::take));
        for at in (0..self.texts.len() as u32).filter(|&at| named[at as usize]) {
            self.enter(at);
        }
        self
    }

    /// The number of a name, given if it is new; none when there are too many.
    pub(in crate::detect) fn number(&mut self, name: &str) -> Option<u32> {
        if let Some(at) = self.find(name) {
            return Some(at);
        }
        let at = if let Some(at) = self.free.pop() {
            at
        } else if self.texts.len() < self.max {
            self.texts.push(Text::default());
            (self.texts.len() - 1) as u32
        } else {
            return None;
        };
        self.texts[at as usize] = Text::from(name);
        self.enter(at);
        Some(at)
    }

    /// The number of a name, if it has one.
    pub(in crate::detect) fn find(&self, name: &str) -> Option<u32> {
        self.index.find(place(&[name]), |&at| self.texts[at as usize] == name).copied()
    }

    /// A name by number.
    pub(in crate::detect) fn name(&self, number: u32) -> &str {
        self.texts.get(number as usize).map_or("", Text::as_str)
    }

    /// Lets go of the names whose numbers are not among these.
    pub(in crate::detect) fn retain(&mut self, used: impl Iterator<Item = u32>) {
        let mut kept = vec![false; self.texts.len()];
        for number in used {
            if let Some(kept) = kept.get_mut(number as usize) {
                *kept = true;
            }
        }
        self.index.retain(|&mut at| kept[at as usize]);
        self.free = (0..kept.len() as u32).rev().filter(|&at| !kept[at as usize]).collect();
        for &at in &self.free {
            self.texts[at as usize] = Text::default();
        }
    }

    fn heap_bytes(&self) -> usize {
        self.texts.capacity() * size_of::<Text>() + self.index.capacity() * 5 + self.free.capacity() * 4
    }

    fn enter(&mut self, at: u32) {
        let texts = &self.texts;
        let print = |&at: &u32| place(&[&texts[at as usize]]);
        self.index.insert_unique(print(&at), at, print);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_given_back_and_a_restart_changes_none() {
        let mut names = Names::new(3);
        assert_eq!(
            ["a", "b", "a", "c", "d"].map(|name| names.number(name)),
            [0, 1, 0, 2, 9].map(|n| (n < 9).then_some(n))
        );
        names.retain([1].into_iter());
        assert_eq!((names.find("a"), names.find("b"), names.name(0)), (None, Some(1), ""));
        let bytes = postcard::to_stdvec(&names).expect("is written");
        let mut again = postcard::from_bytes::<Names>(&bytes).expect("is read").rebuilt(3);
        for name in ["x", "y", "z", "b"] {
            assert_eq!(names.number(name), again.number(name), "{name}");
        }
        assert_eq!(names.texts, again.texts);
    }
}
