//! Rules that remember, through the whole engine: each speaks once, of the right one, and survives a restart.

use super::*;

/// A record of a log that numbers what it writes.
fn numbered(seq: u64, day: i64, minute: i64) -> Event {
    event(&format!("log-{seq}"), at(day, minute), &format!(r#""type":"call","producer":"audit","seq":{seq}"#))
}

/// Two days of a log, the second of which lacks forty records.
pub(super) fn log_with_a_gap() -> Vec<Event> {
    let minutes = (0..2 * 144_u64).filter(|seq| !(200..240).contains(seq));
    minutes.map(|seq| numbered(seq, 40 + seq as i64 / 144, 10 * (seq as i64 % 144))).collect()
}

#[test]
fn a_gap_in_a_log_is_about_the_log() {
    let told: Vec<_> = alerts_of(log_with_a_gap()).into_iter().filter(|a| a.status == Status::Firing).collect();
    let [gap] = told.as_slice() else { panic!("{told:#?}") };
    assert_eq!((gap.bot.as_deref(), gap.producer.as_deref()), (None, Some("audit")));
    assert_eq!((gap.ts, gap.severity), (at(41, 960), Severity::High));
    assert_eq!(gap.reasons[0].dimension, Dimension::Integrity);
    assert_eq!(gap.events, ["log-240"]);
    assert!(!gap.tags.mitre_attack.is_empty());
    let title = "Log `audit` lacks 40 records, numbers 200 to 239, about 6 hours from 2026-04-12T09:10:00Z on";
    assert_eq!(gap.title, title);
}

#[test]
fn a_refused_or_late_record_is_no_gap() {
    let mut events: Vec<Event> = (0..288).map(|seq| numbered(seq, seq as i64 / 144, 10 * (seq as i64 % 144))).collect();
    let late = events.remove(200);
    events.insert(250, late);
    events[150].ts = at(300, 0);
    assert_eq!(alerts_of(events).into_iter().filter(|alert| alert.severity.pages()).count(), 0);
}
