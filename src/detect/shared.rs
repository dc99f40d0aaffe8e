//! State that a snapshot holds on to while the engine goes on with it: not copied when the snapshot begins, but when it
//! changes before it is written down.

use std::mem::take;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// A value of the engine that a snapshot may hold as it was.
#[derive(Clone, Debug)]
pub(super) enum Shared<T> {
    /// Nobody holds it. To ask a count of holders would take a locked instruction for each change.
    Own(Box<T>),
    /// A snapshot may still hold it.
    Held(Arc<T>),
}

impl<T: Clone + Default> Shared<T> {
    /// The value as it is now.
    pub(super) fn hold(&mut self) -> Arc<T> {
        let held = match self {
            Self::Own(own) => Arc::new(take(&mut **own)),
            Self::Held(held) => Arc::clone(held),
        };
        *self = Self::Held(Arc::clone(&held));
        held
    }

    /// Makes it the engine's own again: a copy, if it is held.
    #[cold]
    fn take_back(&mut self) {
        if let Self::Held(held) = self {
            *self = Self::from(Arc::unwrap_or_clone(take(held)));
        }
    }
}

impl<T> From<T> for Shared<T> {
    fn from(value: T) -> Self {
        Self::Own(Box::new(value))
    }
}

impl<T: Default> Default for Shared<T> {
    fn default() -> Self {
        Self::from(T::default())
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            Self::Own(own) => own,
            Self::Held(held) => held,
        }
    }
}

impl<T: Clone + Default> DerefMut for Shared<T> {
    fn deref_mut(&mut self) -> &mut T {
        if matches!(self, Self::Held(_)) {
            self.take_back();
        }
        match self {
            Self::Own(own) => own,
            Self::Held(held) => Arc::make_mut(held),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_stays_as_it_was() {
        let mut list: Shared<Vec<u8>> = vec![1].into();
        let held = list.hold();
        list.push(2);
        assert_eq!((held.as_slice(), list.as_slice()), ([1].as_slice(), [1, 2].as_slice()));
        drop(held);
        let before = list.as_ptr();
        list[0] = 3;
        assert_eq!(list.as_ptr(), before, "nobody holds it, so that it is changed in its place");
    }
}
