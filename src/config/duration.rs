//! Lengths of time as people write them: `500ms`, `30m`, `1h30m`.
//!
//! A parser of its own and not a library's: the four or five forms that a settings file needs fit on a page, and the
//! forms that it must not take (a bare number, a fraction, months) are refused with a sentence that says so.

use std::time::Duration;

/// Units, from the longest, with their milliseconds.
const UNITS_MS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Reads a length of time; `None` where the text is none. Units stand from the longest to the shortest, each at most once.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let (mut rest, mut total_ms, mut units) = (text, 0u64, UNITS_MS.iter());
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let count: u64 = rest.get(..digits)?.parse().ok()?;
        rest = rest.get(digits..)?;
        let letters = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_lowercase()).len();
        let unit = rest.get(..letters)?;
        rest = rest.get(letters..)?;
        let (_, unit_ms) = units.find(|(name, _)| *name == unit)?;
        total_ms = total_ms.checked_add(count.checked_mul(*unit_ms)?)?;
    }
    Some(Duration::from_millis(total_ms))
}

/// Writes a length of time as it would be read.
pub(super) fn show(duration: Duration) -> String {
    let mut rest_ms = duration.as_millis();
    let mut text = String::new();
    for (name, unit_ms) in UNITS_MS {
        let count = rest_ms / u128::from(unit_ms);
        rest_ms %= u128::from(unit_ms);
        if count > 0 {
            text.push_str(&format!("{count}{name}"));
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_people_write_is_read() {
        for (text, ms) in [
            ("500ms", 500),
            ("30s", 30_000),
            ("30m", 1_800_000),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
            ("1h30m", 5_400_000),
            ("90m", 5_400_000),
            ("0s", 0),
        ] {
            assert_eq!(parse(text), Some(Duration::from_millis(ms)), "{text}");
        }
    }

    #[test]
    fn what_is_no_length_of_time_is_refused() {
        for text in ["", "30", "m", "1.5h", "-1s", "1 h", "30m1h", "1s1s", "2w", "1H", "99999999999999999999s", "1é"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse("999999999999999999d"), None, "overflow");
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_again(ms in 0u64..10_000_000_000) {
            let duration = Duration::from_millis(ms);
            prop_assert_eq!(parse(&show(duration)), Some(duration));
        }
    }
}
