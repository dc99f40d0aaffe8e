//! Whether two names are one, for the names that each event is compared with: short ones, and mostly the same.

/// Bytes that are compared at a time.
const WORD: usize = 8;
/// Bytes up to which names are compared by words; nearly all are shorter.
const SHORT: usize = 4 * WORD;

/// Whether two texts are the same. It says what `==` says, which calls a function for any length; here texts of eight to
/// 32 bytes are compared by words, the last of which may reach into the one before.
#[inline]
#[must_use]
pub fn same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len() != other.len() {
        return false;
    }
    let (Some(last), Some(other_last)) = (one.last_chunk::<WORD>(), other.last_chunk::<WORD>()) else {
        return one == other;
    };
    if one.len() > SHORT {
        return one == other;
    }
    // Names of one kind differ in their ends.
    u64::from_le_bytes(*last) == u64::from_le_bytes(*other_last)
        && one
            .as_chunks::<WORD>()
            .0
            .iter()
            .zip(other.as_chunks::<WORD>().0)
            .all(|(one, other)| u64::from_le_bytes(*one) == u64::from_le_bytes(*other))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_says_what_equality_says(one in "[abé]{0,40}", other in "[abé]{0,40}", at in 0_usize..40) {
            prop_assert_eq!(same(&one, &other), one == other);
            prop_assert!(same(&one, &one.clone()));
            // One byte that differs, wherever it is.
            let differs: String = one.chars().enumerate().map(|(nth, c)| if nth == at { 'z' } else { c }).collect();
            prop_assert_eq!(same(&one, &differs), one == differs);
        }
    }
}
