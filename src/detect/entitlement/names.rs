//! Names that many bots share, each kept once: a bot keeps two bytes.

use hashbrown::HashTable;
use serde::{Deserialize, Serialize};

use crate::event::Text;
use crate::stats::fingerprint;

/// Names that are told apart. More would not fit the number that bots keep.
const NAMES_MAX: usize = 65_000;

/// Names, by number.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::detect) struct Names {
    names: Vec<Text>,
    /// Computed from the names.
    #[serde(skip)]
    index: HashTable<u16>,
}

impl Names {
    /// The names of a snapshot, to be found again.
    pub(in crate::detect) fn rebuilt(mut self) -> Self {
        self.index.clear();
        for at in 0..self.names.len().min(NAMES_MAX) {
            self.enter(at as u16);
        }
        self
    }

    /// The number of a name, given if it is new; none when there are too many.
    pub(in crate::detect) fn number(&mut self, name: &str) -> Option<u16> {
        if let Some(at) = self.find(name) {
            return Some(at);
        }
        if self.names.len() >= NAMES_MAX {
            return None;
        }
        self.names.push(Text::from(name));
        let at = (self.names.len() - 1) as u16;
        self.enter(at);
        Some(at)
    }

    /// The number of a name, if it has one.
    pub(in crate::detect) fn find(&self, name: &str) -> Option<u16> {
        self.index.find(fingerprint(&[name]), |&at| self.names[usize::from(at)] == name).copied()
    }

    /// A name by number.
    pub(in crate::detect) fn name(&self, number: u16) -> Option<&str> {
        self.names.get(usize::from(number)).map(Text::as_str)
    }

    /// Bytes that they take, about.
    pub(in crate::detect) fn heap_bytes(&self) -> usize {
        self.names.capacity() * size_of::<Text>() + self.index.capacity() * size_of::<u16>()
    }

    fn enter(&mut self, at: u16) {
        let names = &self.names;
        let print = |&at: &u16| fingerprint(&[&names[usize::from(at)]]);
        self.index.insert_unique(print(&at), at, print);
    }
}
