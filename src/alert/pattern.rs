//! Patterns of names: `*` is any number of characters, `?` is one, all else is itself.
//!
//! Globs and not regular expressions, since whoever writes one at night must see at once what it takes in. Case counts, as
//! it does for the names themselves. Bound: a match takes at most the product of both lengths in steps.

use std::fmt;

/// Bytes of a pattern. Longer than any name that an event may carry by default.
const BYTES_MAX: usize = 1024;

/// A pattern that was checked.
#[derive(Clone, PartialEq, Eq)]
pub struct Pattern(String);

/// A text that is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Nothing could match it.
    #[error(
        "an empty pattern; leave the setting out to take all in, or write a name, with `*` and `?` for what varies"
    )]
    Empty,
    /// What other globs know and these do not.
    #[error("`{0}` has no meaning in a pattern; only `*` and `?` have, and `?` can stand for it")]
    Unknown(char),
    /// Blanks at an end, or characters that no name has.
    #[error("`{0}` has blanks at an end or control characters in it")]
    Blank(String),
    /// Too long.
    #[error("{0} bytes, at most {BYTES_MAX}")]
    Long(usize),
}

impl Pattern {
    /// Checks a text.
    ///
    /// # Errors
    /// It is empty or too long, or has something in it that only other kinds of pattern know.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        if text.len() > BYTES_MAX {
            return Err(PatternError::Long(text.len()));
        }
        if let Some(unknown) = text.chars().find(|c| matches!(c, '[' | ']' | '{' | '}' | '\\')) {
            return Err(PatternError::Unknown(unknown));
        }
        if text.trim() != text || text.contains(char::is_control) {
            return Err(PatternError::Blank(text.escape_debug().to_string()));
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether a name matches.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let pattern: Vec<char> = self.0.chars().collect();
        let name: Vec<char> = name.chars().collect();
        let (mut at, mut next) = (0, 0);
        // Where to go on from, should what follows the last star not fit: one character later in the name.
        let mut star: Option<(usize, usize)> = None;
        while at < name.len() {
            match pattern.get(next) {
                Some('*') => {
                    star = Some((next + 1, at));
                    next += 1;
                }
                Some(&c) if c == '?' || c == name[at] => (at, next) = (at + 1, next + 1),
                _ => match &mut star {
                    Some((behind, from)) => {
                        *from += 1;
                        (at, next) = (*from, *behind);
                    }
                    None => return false,
                },
            }
        }
        pattern[next..].iter().all(|&c| c == '*')
    }

    /// Whether it names nothing in particular, so that it takes all or nearly all names in.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.chars().all(|c| matches!(c, '*' | '?'))
    }

    /// The pattern as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Whether patterns name something in particular.
#[must_use]
pub(super) fn are_particular(patterns: &[Pattern]) -> bool {
    !patterns.is_empty() && !patterns.iter().any(Pattern::is_open)
}

/// Whether patterns take in what may have no name; without patterns everything, with some nothing that has none.
#[must_use]
pub(super) fn take_in(patterns: &[Pattern], name: Option<&str>) -> bool {
    patterns.is_empty() || name.is_some_and(|name| any_matches(patterns, name))
}

/// Whether a name matches one of several patterns; an empty list takes every name in.
#[must_use]
pub fn any_matches(patterns: &[Pattern], name: &str) -> bool {
    patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(name))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same by definition: slow, and plainly right.
    fn plainly(pattern: &[char], name: &[char]) -> bool {
        match (pattern.split_first(), name.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), _) => {
                plainly(rest, name) || name.split_first().is_some_and(|(_, later)| plainly(pattern, later))
            }
            (Some((c, rest)), Some((n, later))) => (*c == '?' || c == n) && plainly(rest, later),
            _ => false,
        }
    }

    #[test]
    fn stars_and_question_marks_are_all_that_is_special() {
        for (pattern, name, expected) in [
            ("etl-*", "etl-7", true),
            ("etl-*", "etl-", true),
            ("etl-*", "my-etl-7", false),
            ("*-prod-??", "a-b-prod-07", true),
            ("*-prod-??", "a-b-prod-7", false),
            ("*a*b*", "xxaxxbxx", true),
            ("a.b", "axb", false),
            ("Etl", "etl", false),
            ("*", "", true),
            ("?", "ü", true),
        ] {
            assert_eq!(Pattern::parse(pattern).expect(pattern).matches(name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_told() {
        assert_eq!(Pattern::parse(""), Err(PatternError::Empty));
        assert_eq!(Pattern::parse("etl-[0-9]"), Err(PatternError::Unknown('[')));
        assert_eq!(Pattern::parse(" etl"), Err(PatternError::Blank(" etl".to_owned())));
        assert_eq!(Pattern::parse(&"x".repeat(1025)), Err(PatternError::Long(1025)));
    }

    #[test]
    fn an_open_pattern_names_nobody() {
        for (pattern, open) in [("*", true), ("**", true), ("?*", true), ("a*", false), ("*-*", false)] {
            assert_eq!(Pattern::parse(pattern).expect(pattern).is_open(), open, "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn it_matches_by_definition(pattern in "[ab*?]{1,8}", name in "[abc]{0,10}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            let expected = plainly(&chars(&pattern), &chars(&name));
            prop_assert_eq!(Pattern::parse(&pattern).expect("letters").matches(&name), expected);
        }
    }
}
