//! What a bot gets only once it has been there for a while, and what most have none of at a time: 8 bytes until then.
//!
//! A fleet has bots that were seen once, and may have very many of them when somebody makes names up. A value that is
//! still the default needs no place of its own: whoever reads it is shown one default for all. It is made when somebody
//! wants to change it, and in snapshots it is the same as the value itself.

use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value with one default for all that are not there yet.
pub trait Blank: Default + PartialEq + 'static {
    /// That default.
    fn blank() -> &'static Self;
}

/// Gives types their one default.
macro_rules! blank {
    ($($kind:ty),+) => {
        $(impl $crate::stats::late::Blank for $kind {
            fn blank() -> &'static Self {
                static BLANK: std::sync::LazyLock<$kind> = std::sync::LazyLock::new(<$kind>::default);
                &BLANK
            }
        })+
    };
}

pub(crate) use blank;

/// A value that is made when it is first changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Late<T>(Option<Box<T>>);

impl<T> Default for Late<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Late<T> {
    /// The value, where it was made; for changes that leave a default as it is.
    pub fn made(&mut self) -> Option<&mut T> {
        self.0.as_deref_mut()
    }

    /// Bytes on the heap, without those of the value.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |_| size_of::<T>())
    }
}

impl<T: Blank> Deref for Late<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_deref().unwrap_or_else(|| T::blank())
    }
}

impl<T: Blank> DerefMut for Late<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.get_or_insert_default()
    }
}

impl<T: Blank + Serialize> Serialize for Late<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

impl<'de, T: Blank + Deserialize<'de>> Deserialize<'de> for Late<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::from)
    }
}

impl<T: Blank> From<T> for Late<T> {
    fn from(value: T) -> Self {
        Self((value != *T::blank()).then(|| Box::new(value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Pair {
        left: u8,
        right: u8,
    }

    blank!(Pair);

    #[test]
    fn it_is_made_by_a_change_and_by_nothing_else() {
        let mut late = Late::<Pair>::default();
        assert_eq!((late.left, late.heap_bytes(), late.made().is_none()), (0, 0, true));
        late.right = 7;
        assert_eq!((late.right, late.heap_bytes()), (7, 2));
    }

    #[test]
    fn snapshots_hold_the_value_itself() {
        let mut late = Late::<Pair>::default();
        for right in [0, 7] {
            if right > 0 {
                late.right = right;
            }
            let bytes = postcard::to_stdvec(&late).expect("bytes");
            assert_eq!(bytes, postcard::to_stdvec(&*late).expect("bytes"));
            assert_eq!(postcard::from_bytes::<Late<Pair>>(&bytes).expect("a value"), late);
        }
    }
}
