//! A map from fingerprints, in order and without holes: what is known of hosts, accounts, customers.
//!
//! Sorted pages of at most [`PAGE`] entries, found by halving. A B-tree's nodes have eleven places of which a third stays
//! empty when keys come in no order; a page has the room that it uses and a quarter. An insertion moves half a page,
//! which is less than what a B-tree's way down costs as long as entries are small. Keys are kept as two halves, so that a
//! value of four bytes takes twelve.
//!
//! Blind spot: pages that lose most of their entries stay until [`SortedMap::retain`] finds many of them.

use std::fmt;
use std::marker::PhantomData;
use std::mem;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{give_back, make_room};

/// Entries of a page at most. More: insertions move more; fewer: more pages, each with its own place in memory.
const PAGE: usize = 64;

/// A fingerprint in halves, the upper one first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key([u32; 2]);

impl Key {
    fn new(key: u64) -> Self {
        Self([(key >> 32) as u32, key as u32])
    }

    fn get(self) -> u64 {
        u64::from(self.0[0]) << 32 | u64::from(self.0[1])
    }
}

/// Entries in order; those of one page come before those of the next.
#[derive(Clone)]
struct Page<V> {
    /// Nothing before it is here, unless this is the first page.
    from: Key,
    entries: Vec<(Key, V)>,
}

/// A map from fingerprints to values, in the order of the fingerprints.
#[derive(Clone)]
pub struct SortedMap<V> {
    pages: Vec<Page<V>>,
    len: usize,
}

impl<V> Default for SortedMap<V> {
    fn default() -> Self {
        Self { pages: Vec::new(), len: 0 }
    }
}

impl<V: fmt::Debug> fmt::Debug for SortedMap<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<V: PartialEq> PartialEq for SortedMap<V> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<V> SortedMap<V> {
    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: u64) -> Option<&V> {
        let (page, place) = self.find(Key::new(key));
        let place = place.ok()?;
        Some(&self.pages[page].entries[place].1)
    }

    /// The value of a key, to be changed.
    pub fn get_mut(&mut self, key: u64) -> Option<&mut V> {
        let (page, place) = self.find(Key::new(key));
        let place = place.ok()?;
        Some(&mut self.pages[page].entries[place].1)
    }

    /// Whether a key is there.
    #[must_use]
    pub fn contains_key(&self, key: u64) -> bool {
        self.find(Key::new(key)).1.is_ok()
    }

    /// The value of a key, made if it is new.
    pub fn or_insert_with(&mut self, key: u64, value: impl FnOnce() -> V) -> &mut V {
        let key = Key::new(key);
        let (page, place) = match self.find(key) {
            (page, Ok(place)) => (page, place),
            (page, Err(place)) => self.make(key, value(), page, place),
        };
        &mut self.pages[page].entries[place].1
    }

    /// Gives a key a value; the one that it had.
    pub fn insert(&mut self, key: u64, value: V) -> Option<V> {
        let key = Key::new(key);
        match self.find(key) {
            (page, Ok(place)) => Some(mem::replace(&mut self.pages[page].entries[place].1, value)),
            (page, Err(place)) => {
                self.make(key, value, page, place);
                None
            }
        }
    }

    /// Removes a key with its value.
    pub fn remove(&mut self, key: u64) -> Option<V> {
        let (page, place) = self.find(Key::new(key));
        let (_, value) = place.ok().map(|place| self.pages[page].entries.remove(place))?;
        self.len -= 1;
        if self.pages[page].entries.is_empty() {
            self.pages.remove(page);
        }
        Some(value)
    }

    /// Keeps the entries that are wanted.
    pub fn retain(&mut self, mut wanted: impl FnMut(u64, &mut V) -> bool) {
        for page in &mut self.pages {
            page.entries.retain_mut(|(key, value)| wanted(key.get(), value));
            give_back(&mut page.entries);
        }
        self.pages.retain(|page| !page.entries.is_empty());
        give_back(&mut self.pages);
        self.len = self.pages.iter().map(|page| page.entries.len()).sum();
        if self.len < self.pages.len().saturating_sub(1) * (PAGE / 4) {
            let entries = mem::take(&mut self.pages).into_iter().flat_map(|page| page.entries);
            *self = entries.map(|(key, value)| (key.get(), value)).collect();
        }
    }

    /// The entries in order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &V)> {
        self.pages.iter().flat_map(|page| page.entries.iter().map(|(key, value)| (key.get(), value)))
    }

    /// The values in the order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    /// The values in the order of their keys, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.pages.iter_mut().flat_map(|page| page.entries.iter_mut().map(|(_, value)| value))
    }

    /// Bytes on the heap, without those of the values.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let entries: usize = self.pages.iter().map(|page| page.entries.capacity()).sum();
        entries * size_of::<(Key, V)>() + self.pages.capacity() * size_of::<Page<V>>()
    }

    /// The page of a key, and its place there or where it would be.
    fn find(&self, key: Key) -> (usize, Result<usize, usize>) {
        let page = self.pages.partition_point(|page| page.from <= key).saturating_sub(1);
        let place =
            self.pages.get(page).map_or(Err(0), |page| page.entries.binary_search_by_key(&key, |entry| entry.0));
        (page, place)
    }

    /// Makes an entry at its place; where that is now.
    fn make(&mut self, key: Key, value: V, mut page: usize, mut place: usize) -> (usize, usize) {
        let last = page + 1 >= self.pages.len();
        match self.pages.get_mut(page) {
            None => self.open(page, key, Vec::new()),
            // What comes in order fills one page after the other.
            Some(full) if full.entries.len() >= PAGE && last && place == PAGE => {
                (page, place) = (page + 1, 0);
                self.open(page, key, Vec::new());
            }
            Some(full) if full.entries.len() >= PAGE => {
                let upper = full.entries.split_off(PAGE / 2);
                full.entries.shrink_to_fit();
                self.open(page + 1, upper[0].0, upper);
                if place > PAGE / 2 {
                    (page, place) = (page + 1, place - PAGE / 2);
                }
            }
            Some(_) => {}
        }
        let entries = &mut self.pages[page].entries;
        make_room(entries);
        entries.insert(place, (key, value));
        self.len += 1;
        (page, place)
    }

    fn open(&mut self, at: usize, from: Key, entries: Vec<(Key, V)>) {
        make_room(&mut self.pages);
        self.pages.insert(at, Page { from, entries });
    }
}

impl<V> FromIterator<(u64, V)> for SortedMap<V> {
    fn from_iter<I: IntoIterator<Item = (u64, V)>>(entries: I) -> Self {
        let mut map = Self::default();
        for (key, value) in entries {
            map.insert(key, value);
        }
        map
    }
}

impl<V: Serialize> Serialize for SortedMap<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len))?;
        for (key, value) in self.iter() {
            map.serialize_entry(&key, value)?;
        }
        map.end()
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for SortedMap<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<V>(PhantomData<V>);

        impl<'de, V: Deserialize<'de>> Visitor<'de> for Entries<V> {
            type Value = SortedMap<V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from fingerprints")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
                let mut map = SortedMap::default();
                while let Some((key, value)) = entries.next_entry()? {
                    map.insert(key, value);
                }
                Ok(map)
            }
        }

        deserializer.deserialize_map(Entries(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_value_of_four_bytes_takes_twelve() {
        assert_eq!(size_of::<(Key, i32)>(), 12);
    }

    #[test]
    fn what_comes_in_order_leaves_no_half_empty_pages() {
        let map: SortedMap<u8> = (0..1_000).map(|key| (key, 0)).collect();
        assert_eq!((map.pages.len(), map.len()), (1_000_usize.div_ceil(PAGE), 1_000));
    }

    #[test]
    fn pages_that_emptied_are_laid_together() {
        let mut map: SortedMap<u8> = (0..10_000).map(|key| (key, 0)).collect();
        map.retain(|key, _| key % 50 == 0);
        assert_eq!((map.pages.len(), map.len()), (4, 200));
    }

    proptest! {
        #[test]
        fn it_is_the_map_that_the_standard_library_has(
            steps in prop::collection::vec((0_u8..6, 0_u64..600, any::<u16>()), 0..1_500),
        ) {
            let (mut map, mut plain) = (SortedMap::<u16>::default(), BTreeMap::<u64, u16>::new());
            for (what, key, value) in steps {
                // Both halves of a key matter.
                let key = key << 30;
                match what {
                    0 => prop_assert_eq!(map.remove(key), plain.remove(&key)),
                    1 if value < 2_000 => {
                        map.retain(|_, known| *known % 3 > 0);
                        plain.retain(|_, known| *known % 3 > 0);
                    }
                    2 => {
                        let known = *map.or_insert_with(key, || value);
                        prop_assert_eq!(known, *plain.entry(key).or_insert(value));
                    }
                    _ => prop_assert_eq!(map.insert(key, value), plain.insert(key, value)),
                }
                prop_assert_eq!(map.get(key), plain.get(&key));
                prop_assert_eq!((map.len(), map.is_empty()), (plain.len(), plain.is_empty()));
            }
            prop_assert!(map.iter().eq(plain.iter().map(|(key, value)| (*key, value))));
            let bytes = postcard::to_stdvec(&map).expect("bytes");
            prop_assert_eq!(&bytes, &postcard::to_stdvec(&plain).expect("bytes"));
            prop_assert_eq!(postcard::from_bytes::<SortedMap<u16>>(&bytes).expect("a map"), map);
        }
    }
}
