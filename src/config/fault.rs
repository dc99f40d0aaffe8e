//! What is wrong with a configuration: a list, since whoever mends one setting wants to hear of all the others too.

use std::fmt;

/// One fault: where, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The setting's path, such as `baseline.days`, or the name of a variable or flag that is no setting.
    pub path: String,
    /// What is wrong with it, for a person.
    pub message: String,
    /// The variable or flag that gave the value; none for the file and the defaults.
    pub given_by: Option<String>,
}

/// Every fault of a configuration, in a fixed order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)?;
        match &self.given_by {
            Some(name) => write!(f, " (given by {name})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

/// Bytes of a name that may be a mistyped one. All that are known are far shorter.
const NAME_BYTES_MAX: usize = 200;

/// The known name that is most like a mistyped one, unless all of them are quite different.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let most = 2.max(name.len() / 4);
    // As many steps at least as one is longer than the other: whatever somebody writes is not compared with everything.
    let alike = known.filter(|other| name.len() <= NAME_BYTES_MAX && name.len().abs_diff(other.len()) <= most);
    let (steps, found) = alike.map(|other| (distance(name, other), other)).min()?;
    (steps <= most).then_some(found)
}

/// Insertions, deletions, replacements and swaps of neighbors between two texts (optimal string alignment), three rows
/// of the table at a time. Swaps count as one step, since they are what fingers do most.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let (mut before, mut last): (Vec<usize>, Vec<usize>) = (Vec::new(), (0..=b.len()).collect());
    let mut row = Vec::with_capacity(last.len());
    for i in 1..=a.len() {
        row.clear();
        row.push(i);
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut steps = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                steps = steps.min(before[j - 2] + 1);
            }
            row.push(steps);
        }
        std::mem::swap(&mut before, &mut last);
        std::mem::swap(&mut last, &mut row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_and_a_far_one_is_not() {
        let known = ["nats.url", "nats.user", "baseline.days"];
        for (name, expected) in [
            ("nats.urll", Some("nats.url")),
            ("baseline.day", Some("baseline.days")),
            ("color", None),
            ("", None),
            (&*"nats.url".repeat(99), None),
        ] {
            assert_eq!(nearest(name, known.into_iter()), expected, "{name}");
        }
    }

    #[test]
    fn distances_count_single_steps() {
        for (a, b, steps) in
            [("", "abc", 3), ("kitten", "sitting", 3), ("same", "same", 0), ("ulr", "url", 1), ("abcd", "badc", 2)]
        {
            assert_eq!(distance(a, b), steps, "{a} {b}");
        }
    }
}
