//! What an endpoint's answer means: pure, so that the whole table is a test.
//!
//! Redirects are a refusal and never followed: an endpoint that can redirect us can make us knock on any door of the
//! inner network. Refusals are not tried again, since the same bytes would be refused again.

use std::time::Duration;

use crate::time::Timestamp;

/// Longest pause that an endpoint may ask for. Longer would let a broken endpoint silence itself for a day, shorter
/// would disobey honest ones.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);

/// What to do after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Taken.
    Delivered,
    /// Try again, not before the pause that the endpoint asked for.
    Retry(Option<Duration>),
    /// Never try this alert again.
    Refused,
}

/// Judges an answer by its status and its `Retry-After`.
#[must_use]
pub fn judge(status: u16, retry_after: Option<&str>, now: Timestamp) -> Verdict {
    match status {
        200..=299 => Verdict::Delivered,
        408 | 425 | 429 | 500..=599 => Verdict::Retry(retry_after.and_then(|text| parse_pause(text, now))),
        _ => Verdict::Refused,
    }
}

/// Seconds or an HTTP date; anything else counts as not given.
fn parse_pause(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX));
    }
    let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    let micros = at.as_microsecond().saturating_sub(now.as_micros());
    Some(Duration::from_micros(u64::try_from(micros).unwrap_or(0)).min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_verdict() {
        let now = "2015-10-21T07:28:00Z".parse().expect("a time");
        let seconds = |s| Some(Duration::from_secs(s));
        for (status, retry_after, verdict) in [
            (200, None, Verdict::Delivered),
            (204, None, Verdict::Delivered),
            (301, None, Verdict::Refused),
            (307, Some("5"), Verdict::Refused),
            (400, None, Verdict::Refused),
            (401, None, Verdict::Refused),
            (404, None, Verdict::Refused),
            (408, None, Verdict::Retry(None)),
            (410, None, Verdict::Refused),
            (425, None, Verdict::Retry(None)),
            (429, None, Verdict::Retry(None)),
            (429, Some("7"), Verdict::Retry(seconds(7))),
            (429, Some("0"), Verdict::Retry(seconds(0))),
            (429, Some("-7"), Verdict::Retry(None)),
            (429, Some("soon"), Verdict::Retry(None)),
            (503, Some("99999999999999"), Verdict::Retry(Some(RETRY_AFTER_MAX))),
            (503, Some("Wed, 21 Oct 2015 07:28:30 GMT"), Verdict::Retry(seconds(30))),
            (503, Some("Wed, 21 Oct 2015 07:00:00 GMT"), Verdict::Retry(seconds(0))),
            (503, Some("Fri, 21 Oct 2095 07:28:00 GMT"), Verdict::Retry(Some(RETRY_AFTER_MAX))),
            (500, None, Verdict::Retry(None)),
            (599, None, Verdict::Retry(None)),
            (600, None, Verdict::Refused),
        ] {
            assert_eq!(judge(status, retry_after, now), verdict, "{status} {retry_after:?}");
        }
    }
}
