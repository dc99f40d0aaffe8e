//! What is wrong whatever the statistics say: bots that should be dead, administration without a ticket, people at a
//! bot's account; records that are missing from a log; secrets that are none of a bot's. A rule has no p-value; its score is fixed by what it touches.

mod control;
mod integrity;
pub(super) mod lifecycle;
mod login;
mod secret;
pub(super) mod standing;

pub(super) use control::{burst, needs_ticket};
pub(super) use integrity::{Arrival, LogBreach, LogNews, Logs};
pub(super) use login::{Methods, Signing};
pub(super) use secret::{Read, Secrets, name as secret_name, unused as secret_unused};

mod breach;
pub(super) mod fraud;

pub(super) use breach::Breach;

use super::change::ChangeWindows;
use super::operator::Reading;
use super::profile::{LifecycleProfile, Profile};
use crate::alert::{Dimension, Reason, Severity};
use crate::event::{Event, Kind};
use crate::registry::{BotRecord, BotStatus};
use crate::time::{Span, Timestamp};

/// Holds an event against all rules but those that are off.
pub(super) fn check(
    event: &Event,
    record: Option<&BotRecord>,
    windows: &ChangeWindows,
    reading: Option<&Reading>,
    profile: &Profile,
    off: &[&str],
) -> Vec<Breach> {
    let rules = [
        lifecycle(event, record, &profile.lifecycle, off),
        control::control(event, reading, &profile.operator, off),
        control::entitlement(event, reading, profile, off),
        login::login(event, windows),
    ];
    let is_on = |breach: &Breach| !off.contains(&breach.reason.detector.as_str());
    rules.into_iter().flatten().filter(is_on).collect()
}

/// Whether no rule has anything to say of an event, nor learns from it: work of a bot that may be at work.
pub(super) fn is_plain(event: &Event, record: Option<&BotRecord>) -> bool {
    let may_work = |record: &BotRecord| record.status == BotStatus::Active && record.expires_at.is_none();
    matches!(event.kind, Kind::Call | Kind::Run(_)) && record.is_none_or(may_work)
}

/// A bot at work that the registry says is not.
fn lifecycle(event: &Event, record: Option<&BotRecord>, profile: &LifecycleProfile, off: &[&str]) -> Option<Breach> {
    let (record, on) = (record?, |rule| !off.contains(&rule));
    let past = |end: Timestamp, hours: i64| event.ts >= end + Span::from_hours(hours);
    let over = |hours: i64| record.retired_at.is_none_or(|at| past(at, hours));
    if matches!(event.kind, Kind::Grant(_) | Kind::Control(_)) {
        return None;
    }
    let since = record.retired_at.filter(|at| event.ts >= *at);
    let (state, detector) = match record.status {
        BotStatus::Retired if over(profile.retired_grace_hours) && on("retired_bot") => ("retired", "retired_bot"),
        BotStatus::Disabled if over(profile.disabled_grace_hours) && on("disabled_bot") => ("disabled", "disabled_bot"),
        _ if record.expires_at.is_some_and(|at| past(at, profile.expired_grace_hours)) => ("expired", "expired_bot"),
        _ => return None,
    };
    let when = since.or(record.expires_at).map_or_else(String::new, |at| format!(" since {at}"));
    let phrase = format!("is at work although the registry calls it {state}{when}");
    Some(breach(Severity::High, 92.0, Dimension::Lifecycle, detector, event.type_name(), "no activity", phrase))
}

fn who(by: Option<&str>) -> String {
    by.map_or_else(|| "an unnamed person".to_owned(), |by| format!("`{by}`"))
}

fn breach(
    severity: Severity,
    score: f64,
    dimension: Dimension,
    detector: &str,
    observed: &str,
    expected: &str,
    phrase: String,
) -> Breach {
    let key = crate::stats::fingerprint(&["rule", detector, observed]);
    let reason = Reason {
        dimension,
        detector: detector.to_owned(),
        p_value: None,
        observed: observed.to_owned(),
        expected: expected.to_owned(),
        text: format!("The bot {phrase}."),
        contribution: None,
    };
    Breach {
        severity,
        score,
        phrase,
        reason,
        key,
        deed: None,
        about: None,
        newest: None,
        evidence: Vec::new(),
        also: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::profile::Profile;
    use crate::event::decode::{Envelope, Limits, decode};

    fn found(json: &str, record: Option<&BotRecord>) -> Option<(String, Severity)> {
        let json = format!(r#"{{"ts":"2026-05-04T06:00:00Z","bot":"b",{json}}}"#);
        let event = decode(json.as_bytes(), &Envelope::default(), &Limits::default()).expect(&json);
        let profile = Profile::parse(Profile::SHIPPED).expect("the shipped profile");
        let mut breaches = check(&event, record, &ChangeWindows::default(), None, &profile, &[]);
        assert!(breaches.len() <= 1, "{breaches:?}");
        breaches.pop().map(|breach| (breach.reason.detector, breach.severity))
    }

    #[test]
    fn rules_speak_of_what_no_ticket_approves() {
        let cases: [(&str, Option<(&str, Severity)>); 8] = [
            (
                r#""type":"control","control":{"action":"logging_disabled","by":"eve"}"#,
                Some(("logging_disabled", Severity::High)),
            ),
            (r#""type":"control","control":{"action":"logging_disabled","by":"eve","ticket":"CHG-1"}"#, None),
            (r#""type":"control","control":{"action":"bot_started_manually","by":"ann"}"#, None),
            (
                r#""type":"grant","grant":{"role":"Reader","change":"added"}"#,
                Some(("grant_without_ticket", Severity::Medium)),
            ),
            (
                r#""type":"grant","grant":{"role":"DomainAdmin","change":"added","ticket":" "}"#,
                Some(("grant_without_ticket", Severity::High)),
            ),
            (r#""type":"grant","grant":{"role":"DomainAdmin","change":"removed"}"#, None),
            (r#""type":"login","login":{"interactive":true}"#, Some(("interactive_login", Severity::High))),
            (r#""type":"login","login":{"interactive":false}"#, None),
        ];
        for (json, expected) in cases {
            assert_eq!(found(json, None), expected.map(|(name, severity)| (name.to_owned(), severity)), "{json}");
        }
    }

    #[test]
    fn a_bot_that_should_rest_is_found_from_the_day_on() {
        let record = |retired_at: &str| BotRecord {
            status: BotStatus::Retired,
            retired_at: retired_at.parse().ok(),
            ..BotRecord::default()
        };
        assert!(found(r#""type":"call""#, Some(&record("2026-05-01T00:00:00Z"))).is_some());
        assert!(found(r#""type":"call""#, Some(&record("2026-06-01T00:00:00Z"))).is_none());
        assert!(found(r#""type":"call""#, Some(&BotRecord::default())).is_none());
    }
}
