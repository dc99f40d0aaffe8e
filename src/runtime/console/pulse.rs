//! How things stand, at the head of each page: whether events are taken in, and if not, why, said for people.
//!
//! `/readyz` and the API have the reasons as the parts wrote them. A person at night needs to know what they mean for
//! what is on the screen.

use serde::Serialize;

use super::say::clock;
use crate::time::Timestamp;

/// What went wrong last, as readiness begins to say it.
const LAST_ERROR: &str = "last error: ";

/// The state of affairs.
#[derive(Debug, Serialize)]
pub(super) struct Pulse {
    /// Event time.
    pub now: Option<Timestamp>,
    /// Whether events are taken in.
    pub ready: bool,
    /// Why not, as the parts say it.
    pub reasons: Vec<String>,
    /// The same for people.
    told: Vec<String>,
    /// What went wrong last, for whoever mends it.
    last: Option<String>,
    /// Messages behind; none where there is no stream.
    pub lag: Option<u64>,
}

impl Pulse {
    pub(super) fn new(now: Option<Timestamp>, reasons: Vec<String>, lag: Option<u64>) -> Self {
        let last = reasons.iter().find_map(|reason| reason.strip_prefix(LAST_ERROR)).map(str::to_owned);
        let told = reasons.iter().filter(|reason| !reason.starts_with(LAST_ERROR)).map(|reason| told(reason)).collect();
        Self { now, ready: reasons.is_empty(), told, last, lag, reasons }
    }
}

/// A reason as a sentence, and what follows from it.
fn told(reason: &str) -> String {
    let after = |start: &str| reason.strip_prefix(start).map(str::to_owned);
    if reason == "not connected to nats" {
        return "NATS cannot be reached, so no new events come in. What you see is from before that.".to_owned();
    }
    if let Some(behind) = after("catching up with the stream: ") {
        return format!("Catching up with the stream, {behind}. What you see may be old.");
    }
    if let Some(age) = after("no snapshot was written for ") {
        return format!("The state has not been saved for {}. A restart would read that much again.", age_of(&age));
    }
    if let Some((since, _)) = after("no connection to nats from ").as_deref().and_then(|text| text.split_once(": ")) {
        let since = since.parse::<Timestamp>().map_or_else(|_| since.to_owned(), clock);
        return format!("The connection was lost at {since}.");
    }
    if let Some(waiting) = after("the alert log cannot be written: ") {
        return format!("The alert log cannot be written, and {waiting}.");
    }
    match reason {
        "stopping" => "Humdrum is stopping.".to_owned(),
        other => sentence(other),
    }
}

/// `360 s` as people say it.
fn age_of(text: &str) -> String {
    let seconds = text.strip_suffix(" s").and_then(|seconds| seconds.parse::<u64>().ok());
    match seconds {
        Some(seconds) if seconds >= 7200 => format!("{} hours", seconds / 3600),
        Some(seconds) if seconds >= 120 => format!("{} minutes", seconds / 60),
        _ => text.to_owned(),
    }
}

/// Words as a sentence.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_for_people_and_kept_for_who_mends_it() {
        let reasons = ["not connected to nats", "no snapshot was written for 360 s", "last error: broken pipe (os 32)"];
        let pulse = Pulse::new(None, reasons.map(str::to_owned).to_vec(), Some(7));
        assert_eq!(
            pulse.told,
            [
                "NATS cannot be reached, so no new events come in. What you see is from before that.",
                "The state has not been saved for 6 minutes. A restart would read that much again.",
            ]
        );
        assert_eq!((pulse.ready, pulse.last.as_deref()), (false, Some("broken pipe (os 32)")));
        assert_eq!(pulse.reasons.len(), 3, "programs get them as they are");
        assert_eq!(
            told("catching up with the stream: 7 messages behind"),
            "Catching up with the stream, 7 messages behind. What you see may be old."
        );
        assert_eq!(told("partition 3 cannot be worked on: why."), "Partition 3 cannot be worked on: why.");
        assert_eq!(
            told("no connection to nats from 2026-11-28T21:46:11Z: client error: nats: IO error"),
            "The connection was lost at 28 Nov 2026, 21:46:11 UTC."
        );
        assert!(Pulse::new(None, Vec::new(), None).ready);
    }
}
