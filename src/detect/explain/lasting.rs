//! Words for what is no matter of one session: levels that creep, silence, bots too young to be judged, and bots that
//! have left their like.

use super::{Account, count, ratio};
use crate::alert::{Dimension, Reason, Showing};
use crate::detect::baseline::MEASURES;
use crate::stats::fingerprint;
use crate::stats::levels::Rise;
use crate::stats::presence::Trace;
use crate::time::Timestamp;

/// A bot too young to be judged moved what its like never do, in words.
pub(in crate::detect) fn young(measure: usize, amount: f64, p: f64) -> Account {
    let noun = MEASURES[measure].noun();
    let phrase = format!("is new and had {} {noun} in one session, which bots like it do not", count(amount));
    let reason = Reason {
        dimension: Dimension::Peer,
        detector: "young_volume".to_owned(),
        p_value: Some(p),
        observed: format!("{} {noun} in one session", count(amount)),
        expected: "what the bots that work like it move".to_owned(),
        text: format!("It {phrase}."),
        contribution: None,
    };
    let keys = vec![fingerprint(&["young", noun])];
    Account { reasons: vec![reason], phrase, keys, showing: shows(&["young", noun], amount) }
}

/// A bot that no longer behaves like those it used to behave like, in words.
pub(in crate::detect) fn left_cohort() -> Account {
    let phrase = "no longer behaves like the bots that it used to behave like".to_owned();
    let reason = Reason {
        dimension: Dimension::Peer,
        detector: "left_cohort".to_owned(),
        p_value: None,
        observed: "sessions, volumes and operations nearer to other bots'".to_owned(),
        expected: "those of its cohort".to_owned(),
        text: format!("It {phrase}: how often it runs, how much it moves or what it calls has changed for good."),
        contribution: None,
    };
    Account { reasons: vec![reason], phrase, keys: Vec::new(), showing: Showing::default() }
}

/// A level that crept up, in words.
pub(in crate::detect) fn drift(measure: usize, rise: Rise, p: f64, detector: &str, known: bool) -> Account {
    let noun = MEASURES[measure].noun();
    let factor = (rise.to - rise.from).exp();
    let (before, now) = (rise.from.exp_m1(), rise.to.exp_m1());
    let phrase = format!(
        "has crept up to {} times the {noun} of a session, from {} to {}",
        ratio(factor),
        count(before),
        count(now)
    );
    let reason = Reason {
        dimension: Dimension::Drift,
        detector: detector.to_owned(),
        p_value: Some(p),
        observed: format!("about {} {noun} a session in the last days", count(now)),
        expected: format!("about {}, as before", count(before)),
        text: format!(
            "It {phrase}, over {} days or more{}.",
            rise.days,
            match (known, detector) {
                (false, _) => "",
                (true, "slow_rise") => ", and grows as it did when that was told before",
                (true, _) => ", as it had a month ago, and fell again",
            }
        ),
        contribution: None,
    };
    let showing = shows(&[detector, noun], now);
    Account { reasons: vec![reason], phrase, keys: Vec::new(), showing }
}

/// A silence, in words; with how many of how many bots share it, if that is why it is told.
pub(in crate::detect) fn silence(trace: Trace, since: Timestamp, p: f64, common: Option<(usize, usize)>) -> Account {
    let phrase = match common {
        None => format!("has been silent since {since}, when it should be at work"),
        Some((silent, due)) => format!(
            "is one of {silent} silent bots among {due} that were due: a holiday or an outage, and not this bot alone"
        ),
    };
    let usual = format!("about {:.1} busy hours in the same stretch of other days", trace.missing);
    let reason = Reason {
        dimension: Dimension::Absence,
        detector: if common.is_some() { "common_silence" } else { "silence" }.to_owned(),
        p_value: Some(p),
        observed: format!("nothing since {since}"),
        text: format!("It {phrase}; expected {usual}."),
        expected: usual,
        contribution: None,
    };
    let showing = shows(&[&reason.detector], trace.missing);
    Account { reasons: vec![reason], phrase, keys: Vec::new(), showing }
}

/// An amount of something, as what it shows.
fn shows(parts: &[&str], amount: f64) -> Showing {
    Showing { marks: vec![super::marks::amount(parts, amount)], names: Vec::new() }
}
