//! Names of snapshots in a directory: a number that only grows, and the number of the one with all bots that it builds on.

use std::fmt;
use std::fs;
use std::path::Path;

use super::{StoreError, at};

const PREFIX: &str = "snapshot-";
const BASE: &str = "-on-";
pub(super) const SUFFIX: &str = ".humdrum";

/// The name of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    pub number: u64,
    /// None if it has all bots itself. In between is what it builds on as well.
    pub base: Option<u64>,
}

impl Name {
    pub(super) fn parse(name: &str) -> Option<Self> {
        let digits = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
        match digits.split_once(BASE) {
            Some((number, base)) => Some(Self { number: number.parse().ok()?, base: Some(base.parse().ok()?) }),
            None => Some(Self { number: digits.parse().ok()?, base: None }),
        }
    }

    /// The first that it needs.
    fn from(self) -> u64 {
        self.base.unwrap_or(self.number)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, base } = self;
        write!(f, "{PREFIX}{number:020}")?;
        if let Some(base) = base {
            write!(f, "{BASE}{base}")?;
        }
        f.write_str(SUFFIX)
    }
}

/// Names of the snapshots, from the oldest.
pub(super) fn names(dir: &Path) -> Result<Vec<Name>, StoreError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(at("list", dir))? {
        let name = entry.map_err(at("list", dir))?.file_name();
        names.extend(name.to_str().and_then(Name::parse));
    }
    names.sort_unstable();
    Ok(names)
}

/// The oldest number that is kept: so many of the newest with all that they need, and the one before the newest with all
/// bots, so that there is one that shares no file with the newest.
pub(super) fn kept_from(names: &[Name], keep: usize) -> u64 {
    let newest = names.iter().rev().take(keep).map(|name| name.from()).min().unwrap_or_default();
    let base = names.last().map_or(0, |name| name.from());
    let before = names.iter().rev().find(|name| keep > 1 && name.number < base).map(|name| name.from());
    before.map_or(newest, |before| before.min(newest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: u64, base: Option<u64>) -> Name {
        Name { number, base }
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for name in [name(7, None), name(u64::MAX, Some(3))] {
            assert_eq!(Name::parse(&name.to_string()), Some(name));
        }
        for other in ["snapshot-.humdrum", "snapshot-7-on-.humdrum", "snapshot.tmp", "day-2026-05-04.humdrum"] {
            assert_eq!(Name::parse(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_built_on_is_kept_and_one_that_shares_nothing_with_it() {
        let (whole, on) = (|number| name(number, None), |number, base| name(number, Some(base)));
        for (names, keep, from) in [
            (vec![], 3, 0),
            (vec![whole(1), whole(2), whole(3), whole(4)], 3, 2),
            (vec![whole(1), whole(2)], 1, 2),
            (vec![whole(1), on(2, 1), on(3, 1), on(4, 1), on(5, 1)], 2, 1),
            (vec![whole(1), on(2, 1), whole(3), on(4, 3), on(5, 3), on(6, 3)], 2, 1),
            (vec![whole(1), on(2, 1), whole(3), on(4, 3), whole(5), on(6, 5)], 2, 3),
            (vec![whole(1), on(2, 1), whole(3), on(4, 3)], 1, 3),
        ] {
            assert_eq!(kept_from(&names, keep), from, "{names:?}");
        }
    }
}
