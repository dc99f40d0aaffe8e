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

#[test]
fn a_gap_that_fills_up_late_resolves_itself() {
    let mut engine = Engine::new(Settings::default(), Registry::default());
    let mut output = Output::default();
    let soon = || log_with_a_gap().into_iter().take(210);
    soon().for_each(|event| engine.observe(event, &mut output));
    let gap = output.alerts.iter().find(|alert| alert.status == Status::Firing).expect("a gap").clone();
    output.alerts.clear();
    for seq in 200..240 {
        engine.observe(numbered(seq, 40 + seq as i64 / 144, 10 * (seq as i64 % 144)), &mut output);
    }
    let [over] = output.alerts.as_slice() else { panic!("{:#?}", output.alerts) };
    assert_eq!((&over.id, over.status, over.revision), (&gap.id, Status::Resolved, gap.revision + 1));
    let text = &over.reasons[0].text;
    assert!(text.contains("numbers 200 to 239") && text.contains("What was missing came late"), "{text}");
    let logs = engine.logs();
    assert_eq!((logs[0].lost, logs[0].out_of_order, logs[0].ranges.len()), (0, 40, 0));
    let mut still = Engine::new(Settings::default(), Registry::default());
    let mut output = Output::default();
    soon().for_each(|event| still.observe(event, &mut output));
    output.alerts.clear();
    for seq in 200..239 {
        still.observe(numbered(seq, 40 + seq as i64 / 144, 10 * (seq as i64 % 144)), &mut output);
    }
    assert_eq!((output.alerts.len(), still.logs()[0].ranges.len()), (0, 1), "one is missing yet");
}

#[test]
fn a_secret_that_is_read_from_a_strange_host_is_named() {
    let from = |host: &str, event: Event| Event { host: Some(host.into()), ..event };
    let days = readers(0..30).into_iter().map(|event| from(&format!("srv-{}", event.bot), event));
    let alerts = alerts_of(days.chain([from("kali", read("payroll", "ledger", "run-30", at(30, 121)))]));
    let reasons: Vec<_> = alerts.iter().flat_map(|alert| &alert.reasons).collect();
    let reason = reasons.iter().find(|reason| reason.detector == "secret_elsewhere");
    let reason = reason.unwrap_or_else(|| panic!("{alerts:#?}"));
    assert_eq!(reason.text, "It read the secret `ledger` there, from a host that is not the bot's.");
}

#[test]
fn a_secret_that_is_read_and_not_used_is_told_at_the_end_of_the_session() {
    let work = |day: i64| {
        let rest = format!(r#""type":"call","session":"run-{day}","system":"erp","operation":"POST /run""#);
        Event { bot: "payroll".into(), ..event(&format!("work-{day}"), at(day, 121 + day % 4), &rest) }
    };
    let days = |range: std::ops::Range<i64>| {
        range.flat_map(|day| [read("payroll", "ledger", &format!("run-{day}"), at(day, 120 + day % 4)), work(day)])
    };
    let alone = read("payroll", "ledger", "run-45", at(45, 121));
    let told = |events: Vec<Event>| {
        let alerts = alerts_of(events);
        alerts.into_iter().filter(|alert| alert.reasons.iter().any(|reason| reason.detector == "secret_unused")).count()
    };
    assert_eq!(told(days(0..45).chain([alone.clone()]).chain(days(46..47)).collect()), 1);
    assert_eq!(told(days(0..47).collect()), 0);
    let idle = (0..45).map(|day| read("payroll", "ledger", &format!("run-{day}"), at(day, 120 + day % 4)));
    assert_eq!(told(idle.chain([alone]).collect()), 0, "a bot that only reads");
}
