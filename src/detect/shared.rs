//! State that a snapshot holds on to while the engine goes on with it: not copied when the snapshot begins, but when it
//! changes before it is written down.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// A value of the engine that a snapshot may hold as it was.
#[derive(Clone, Debug, Default)]
pub(super) struct Shared<T>(Arc<T>);

impl<T> Shared<T> {
    /// The value as it is now.
    pub(super) fn hold(&self) -> Arc<T> {
        Arc::clone(&self.0)
    }
}

impl<T> From<T> for Shared<T> {
    fn from(value: T) -> Self {
        Self(Arc::new(value))
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Clone> DerefMut for Shared<T> {
    fn deref_mut(&mut self) -> &mut T {
        Arc::make_mut(&mut self.0)
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
