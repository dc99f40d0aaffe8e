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

/// What gives every rule that remembers something to remember: open gaps, reads of secrets, a sweep.
pub(super) fn beside() -> Vec<Event> {
    let log = log_with_a_gap().into_iter().skip(140).step_by(2).take(30);
    let sweep = ["crm", "mail", "sms"].map(|secret| read("payroll", secret, "run-58", at(58, 123)));
    log.chain(readers(42..58)).chain(sweep).collect()
}

/// A read of a secret by a bot.
fn read(bot: &str, secret: &str, session: &str, ts: Timestamp) -> Event {
    let rest = format!(r#""type":"secret","session":"{session}","secret":{{"vault":"kv","name":"{secret}"}}"#);
    Event { bot: bot.into(), ..event(&format!("{bot}-{secret}-{ts}"), ts, &rest) }
}

/// Days on which the payroll bot reads its one secret and another bot its four.
pub(super) fn readers(days: std::ops::Range<i64>) -> Vec<Event> {
    let theirs = ["crm", "mail", "sms", "fax"];
    days.flat_map(|day| {
        let (mine, other) = (format!("run-{day}"), format!("other-{day}"));
        let own = read("payroll", "ledger", &mine, at(day, 120 + day % 4));
        let others = theirs.map(|secret| read("notify", secret, &other, at(day, 600 + day % 3)));
        std::iter::once(own).chain(others)
    })
    .collect()
}

#[test]
fn a_sweep_over_anothers_secrets_is_one_page_that_grows() {
    let sweep = ["crm", "mail", "sms"].map(|secret| read("payroll", secret, "run-30", at(30, 121)));
    let pages: Vec<_> =
        alerts_of(readers(0..30).into_iter().chain(sweep)).into_iter().filter(|a| a.severity.pages()).collect();
    let [first, worse] = pages.as_slice() else { panic!("{pages:#?}") };
    assert_eq!(first.title, "Bot `payroll` read the secret `kv/crm`, which only the bot `notify` reads");
    assert_eq!((first.severity, first.reasons[0].dimension), (Severity::Medium, Dimension::Secret));
    assert_eq!((&worse.id, worse.revision, worse.severity), (&first.id, 2, Severity::High));
    assert!(worse.title.contains("3 secrets"), "{}", worse.title);
}

#[test]
fn a_secret_read_outside_its_hours_is_named() {
    let events = readers(0..30).into_iter().chain([read("payroll", "ledger", "run-30", at(30, 900))]);
    let alerts = alerts_of(events);
    let odd = alerts.iter().find(|alert| alert.reasons.iter().any(|reason| reason.dimension == Dimension::Secret));
    let odd = odd.unwrap_or_else(|| panic!("{alerts:#?}"));
    assert_eq!(odd.reasons[0].dimension, Dimension::Time);
    assert!(odd.title.ends_with("outside its hours and read the secret `ledger` then"), "{}", odd.title);
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
    let title = "Log `audit` lacks 40 records, numbers 200 to 239, about 7 hours from 2026-04-12T09:10:00Z on";
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
